"""A county of four villages and two departments over two months, as files: enough for a whole night."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path

import yaml

from warehouse.settings import Settings

SUBMITTER = "QY-CENTRE"
MONTHS = ("2026M03", "2026M04")
VILLAGES = ("QY-V01", "QY-V02", "QY-V03", "QY-V04")
DEPARTMENTS = ("QY-D01", "QY-D02")
SCORES = {"QY-V01": (5, 3), "QY-V02": (4, 3), "QY-V03": (5, 2), "QY-V04": (4, 4)}
"""What each village gives the two departments in every month."""

PERIOD_ROWS = [
    ["period_id", "kind", "start_date", "end_date", "cutoff_at", "status"],
    ["2026M03", "month", "2026-03-01", "2026-04-01", "2026-04-05T00:00:00+08:00", "open"],
    ["2026M04", "month", "2026-04-01", "2026-05-01", "2026-05-05T00:00:00+08:00", "open"],
]
ORG_UNIT_ROWS = [
    ["org_id", "org_name", "org_kind", "level", "parent_org_id", "peer_group", "valid_from"],
    *([village, f"青源{village[-1]}村", "village", "village", "", "all", "2025-01-01"] for village in VILLAGES),
    *([each, f"青源县{each[-1]}局", "county_gov_dept", "county", "", "all", "2025-01-01"] for each in DEPARTMENTS),
]
RATER_ROWS = [
    ["rater_token", "rater_org_id", "rater_role", "valid_from"],
    *([f"T-{village}", village, "village_secretary", "2025-01-01"] for village in VILLAGES),
]
ITEM_ROWS = [
    [
        "instrument_id", "instrument_version", "item_id", "item_text", "dimension", "item_kind", "scale_min",
        "scale_max", "scale_step", "direction", "weight", "target_required", "respondent",
    ],
    ["QY-FORM", "1", "ALL", "总体评价", "overall", "scale", "1", "5", "1", "higher_better", "1", "true", "rater"],
]  # fmt: skip
RATING_HEADER = [
    "period_id", "instrument_id", "instrument_version", "rater_token", "rater_org_id", "target_org_id", "item_id",
    "status", "score_raw", "submission_id", "submitted_at", "channel",
]  # fmt: skip


def rating_rows(month: str, village: str) -> list[list[str]]:
    """One village's ratings of a month."""
    day = f"{month[:4]}-{month[5:]}-20T10:00:00+08:00"
    return [
        [month, "QY-FORM", "1", f"T-{village}", village, department, "ALL", "answered", str(score),
         f"{month}-{village}", day, "web"]
        for department, score in zip(DEPARTMENTS, SCORES[village], strict=True)
    ]  # fmt: skip


def write_csv(path: Path, rows: Sequence[Sequence[str]]) -> Path:
    """Write rows as CSV in UTF-8."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as target:
        csv.writer(target).writerows(rows)
    return path


def write_scheme(settings: Settings, people_to_sign: int) -> None:
    """The shipped scheme with another number of signatures."""
    scheme = yaml.safe_load(files("scoring").joinpath("schemes/default-2026.yaml").read_text(encoding="utf-8"))
    scheme["scheme_id"] = "small-county"
    scheme["sign_off"]["people"]["value"] = people_to_sign
    (settings.schemes / "small-county.yaml").write_text(yaml.safe_dump(scheme), encoding="utf-8")


def small_county(home: Path) -> Settings:
    """A home with a scheme nobody has to sign and twelve files in its inbox: four registers, eight of ratings."""
    settings = Settings(home=home, quiet_seconds=0)
    settings.make_folders()
    write_scheme(settings, people_to_sign=0)
    inbox = settings.inbox / SUBMITTER
    for dataset, rows in (
        ("period", PERIOD_ROWS), ("org_unit", ORG_UNIT_ROWS), ("rater", RATER_ROWS), ("instrument_item", ITEM_ROWS),
    ):  # fmt: skip
        write_csv(inbox / f"{dataset}__{SUBMITTER}__2026__v01.csv", rows)
    for month in MONTHS:
        for number, village in enumerate(VILLAGES, start=1):
            path = inbox / f"rating_event__{SUBMITTER}__{month}__v{number:02}.csv"
            write_csv(path, [RATING_HEADER, *rating_rows(month, village)])
    return settings
