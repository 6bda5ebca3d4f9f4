"""A small county to run nights on: twelve villages, eight departments, thirty raters, one month.

Everything is text as it would be delivered: CSV files with contract columns. Nothing is random, so that
a test can say what it expects by counting.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl
import yaml
from sqlalchemy import text

from expectations.datasets import DATASETS
from scoring.scheme import SHIPPED_SCHEMES
from tasks.night import NightReport, night
from tasks.workspace import Workspace, open_workspace
from warehouse.releases import published_release
from warehouse.settings import Settings

PERIOD = "2026M07"
BEFORE_CUTOFF = datetime(2026, 8, 1, tzinfo=UTC)
CENTRE = "MON-CENTRE"
"""The office that runs the rating and keeps the registers."""
REGISTER = "D-FARM"
"""The department that reports the performance facts."""

VILLAGES = tuple(f"V-{number:02}" for number in range(1, 13))
DEPARTMENTS = ("D-FARM", "D-ROAD", "D-WATER", "D-SCHOOL", "D-HEALTH", "D-LAND", "D-LABOUR", "D-CULTURE")
RATERS = tuple((f"token-{number:02}", VILLAGES[number % len(VILLAGES)]) for number in range(30))
ITEMS = ("SOLVE", "GUIDE", "SPEED", "FAIR")
INDICATORS = ("ROAD-KM", "GREEN-SHARE", "CASES-LATE")
KEY = "5a" * 32
"""Key of the rater pseudonyms, so that two homes can be compared row by row."""

Row = Mapping[str, object]


def csv_bytes(rows: Iterable[Row]) -> bytes:
    """Rows as CSV in UTF-8; the first row names the columns."""
    listed = list(rows)
    target = io.StringIO(newline="")
    writer = csv.DictWriter(target, list(listed[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(listed)
    return target.getvalue().encode()


def organisations() -> list[Row]:
    """The county, its departments and its villages."""

    def row(org_id: str, name: str, kind: str, level: str, parent: str) -> Row:
        return {
            "org_id": org_id, "org_name": name, "org_kind": kind, "level": level, "parent_org_id": parent,
            "peer_group": kind, "valid_from": "2026-01-01",
        }  # fmt: skip

    return [
        row("COUNTY", "云溪县", "other", "county", ""),
        row(CENTRE, "云溪县测评中心", "public_institution", "county", "COUNTY"),
        *(row(org_id, f"云溪县部门{org_id}", "county_gov_dept", "county", "COUNTY") for org_id in DEPARTMENTS),
        *(row(org_id, f"青石坪{org_id}村", "village", "village", "COUNTY") for org_id in VILLAGES),
    ]


def raters() -> list[Row]:
    """Thirty raters, two or three in each village."""
    return [
        {"rater_token": token, "rater_org_id": unit, "rater_role": "village_cadre", "valid_from": "2026-01-01"}
        for token, unit in RATERS
    ]


def period(period_id: str = PERIOD, status: str = "open", cutoff_at: str = "2026-08-05T00:00:00+08:00") -> Row:
    """One month; July 2026 by default."""
    month = int(period_id[-2:])
    return {
        "period_id": period_id, "kind": "month", "start_date": f"2026-{month:02}-01",
        "end_date": f"2026-{month + 1:02}-01", "cutoff_at": cutoff_at, "status": status,
    }  # fmt: skip


def items() -> list[Row]:
    """Four rating items and two survey items on the scale 1 to 5."""

    def row(instrument_id: str, item_id: str, respondent: str) -> Row:
        return {
            "instrument_id": instrument_id, "instrument_version": "1", "item_id": item_id, "item_text": f"题{item_id}",
            "dimension": "服务", "item_kind": "scale", "scale_min": "1", "scale_max": "5", "scale_step": "1",
            "direction": "higher_better", "weight": "0.25", "respondent": respondent,
        }  # fmt: skip

    return [
        *(row("REV-DEPT", item_id, "rater") for item_id in ITEMS),
        *(row("LIFE", item_id, "respondent") for item_id in ("ROADS", "CLEAN")),
    ]


def indicators() -> list[Row]:
    """Three indicators, one of them better when lower."""
    return [
        {
            "indicator_id": name, "valid_from": "2026-01-01", "name": f"指标{name}", "unit": "点",
            "direction": "lower_better" if name == "CASES-LATE" else "higher_better",
        }
        for name in INDICATORS
    ]  # fmt: skip


def rating(token: str, unit: str, target: str, item: str, score: int, **more: object) -> Row:
    """One rating row."""
    return {
        "period_id": PERIOD, "instrument_id": "REV-DEPT", "instrument_version": "1", "rater_token": token,
        "rater_org_id": unit, "target_org_id": target, "item_id": item, "status": "answered", "score_raw": score,
        "submission_id": f"S-{unit}-{token[-2:]}", "submitted_at": "2026-07-15T10:00:00+08:00",
        "record_op": "upsert", "revision": 1,
    } | more  # fmt: skip


def ratings() -> list[Row]:
    """Six hundred ratings: every rater rates five departments on four items; later departments do better."""
    return [
        rating(token, unit, DEPARTMENTS[place], item, _score(number, place, position))
        for number, (token, unit) in enumerate(RATERS)
        for place in sorted((number + step) % len(DEPARTMENTS) for step in range(5))
        for position, item in enumerate(ITEMS)
    ]


def _score(rater: int, department: int, item: int) -> int:
    return 1 + max(0, min(4, department // 2 + (rater * 5 + item * 3 + department) % 3 - rater % 2))


def fact(indicator: str, org_id: str, value: object, **more: object) -> Row:
    """One performance fact as the register keeper reports it."""
    return {
        "indicator_id": indicator, "org_id": org_id, "period_id": PERIOD, "source_org_id": REGISTER, "value": value,
        "unit": "点", "as_of": "2026-07-31", "record_op": "upsert", "revision": 1,
    } | more  # fmt: skip


def facts() -> list[Row]:
    """Thirty-six facts: three indicators of twelve villages."""
    return [
        fact(indicator, org_id, 40 + (number * 7 + place * 13) % 50)
        for number, org_id in enumerate(VILLAGES)
        for place, indicator in enumerate(INDICATORS)
    ]


def answers() -> list[Row]:
    """Ninety-six survey answers about the place, eight for each village."""
    return [
        {
            "source_system": "web", "survey_id": "LIFE-1", "submission_id": f"A-{unit}-{number}", "item_id": item,
            "period_id": PERIOD, "instrument_id": "LIFE", "respondent_org_id": unit, "status": "answered",
            "score_raw": 1 + (number * 3 + place + int(unit[-2:])) % 5, "submitted_at": "2026-07-20T09:00:00+08:00",
        }
        for unit in VILLAGES
        for number in range(4)
        for place, item in enumerate(("ROADS", "CLEAN"))
    ]  # fmt: skip


def name_of(
    dataset: str, submitter: str = CENTRE, version: int = 1, period_id: str = PERIOD, ending: str = "csv"
) -> str:
    """Where a file lies in the inbox: the submitter's folder and the name the contract asks for."""
    return f"{submitter}/{dataset}__{submitter}__{period_id}__v{version:02}.{ending}"


def references() -> dict[str, bytes]:
    """The registers, by place in the inbox."""
    tables = {
        "org_unit": organisations(),
        "period": [period()],
        "instrument_item": items(),
        "indicator": indicators(),
        "rater": raters(),
    }
    return {name_of(dataset, period_id="2026"): csv_bytes(rows) for dataset, rows in tables.items()}


def observations() -> dict[str, bytes]:
    """What the month brought: ratings in two files, facts, and answers, by place in the inbox."""
    half = len(ratings()) // 2
    return {
        name_of("rating_event"): csv_bytes(ratings()[:half]),
        name_of("rating_event", version=2): csv_bytes(ratings()[half:]),
        name_of("performance_fact", REGISTER): csv_bytes(facts()),
        name_of("survey_response"): csv_bytes(answers()),
    }


def everything() -> dict[str, bytes]:
    """Registers and observations."""
    return references() | observations()


def scheme_text(**rating_rules: str) -> str:
    """A scheme nobody has to sign, with anchors for the three indicators."""
    scheme = yaml.safe_load((SHIPPED_SCHEMES / "default-2026.yaml").read_text(encoding="utf-8"))
    scheme["scheme_id"] = "trial-2026"
    scheme["sign_off"]["people"]["value"] = 0
    for name, value in {"fit_by": "all", **rating_rules}.items():
        scheme["rating"][name]["value"] = value
    scheme["unit_points"]["scale"] = "cms"
    scheme["unit_points"]["decided_on"] = "2025-12-15"
    scheme["unit_points"]["anchors"] = [
        {"indicator_id": name, "achievement_threshold": threshold, "benchmark": benchmark}
        for name, threshold, benchmark in zip(INDICATORS, (50, 50, 70), (85, 85, 45), strict=True)
    ]
    return str(yaml.safe_dump(scheme, allow_unicode=True))


def open_home(folder: Path, *, now: datetime | None = None, **settings: Any) -> Workspace:
    """A home of its own with a scheme without signatures and the key of the test; files are taken at once."""
    workspace = open_workspace(Settings(home=folder, quiet_seconds=0, **settings), now=now)
    scheme = workspace.settings.schemes / "trial.yaml"
    if not scheme.exists():
        scheme.write_text(scheme_text(), encoding="utf-8")
    key = workspace.settings.keys / "rater-2026.key"
    if not key.exists():
        key.touch(mode=0o600)
        key.write_text(KEY + "\n", encoding="ascii")
    return workspace


def deliver(workspace: Workspace, files: Mapping[str, bytes]) -> None:
    """Put files into the inbox, in the order given."""
    for place, content in files.items():
        path = workspace.settings.inbox / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def run_night(folder: Path, *, now: datetime | None = None, **settings: Any) -> NightReport:
    """One nightly run on a home."""
    workspace = open_home(folder, now=now, **settings)
    try:
        return night(workspace)
    finally:
        workspace.engine.dispose()


def decisions(report: NightReport) -> dict[str, str]:
    """Decision of each answered file by name."""
    return {answer.name: answer.decision for answer in report.answers}


def view_of(workspace: Workspace, dataset: str) -> pl.DataFrame:
    """The current view of one dataset in a fixed order."""
    declared = DATASETS[dataset]
    return workspace.view(declared).sort(declared.natural_key, nulls_last=True)


def result_hash_of(workspace: Workspace, period_id: str = PERIOD) -> str | None:
    """Hash of the release readers see; None while there is none."""
    found = published_release(workspace.engine, period_id)
    return None if found is None else str(found["result_hash"])


def lake_rows(workspace: Workspace) -> dict[str, int]:
    """Rows of loaded files in each table of the lake, whether they count or not."""
    return {
        name: sum(file.rows for file in workspace.lake.files(name))
        for name in DATASETS
        if workspace.lake.version(name) is not None
    }


def all_rows(workspace: Workspace, statement: str) -> list[tuple[Any, ...]]:
    """Rows of a query on the warehouse."""
    with workspace.engine.connect() as connection:
        return [tuple(row) for row in connection.execute(text(statement))]


def signature(workspace: Workspace) -> dict[str, Any]:
    """Everything that must be equal where the same files were taken, whatever happened in between.

    The current views row by row with the physical position of each row, the ledger, the deliveries, the
    problems, the releases and the rows of the lake; no times and no ids of runs.
    """
    ledger = all_rows(
        workspace,
        "select sha256, state, decision, dataset, period_id, file_version, rows_read, rows_accepted, rows_unchanged,"
        " rows_rejected, rows_held, rows_skipped, rows_overlapping, periods from ingest_file order by sha256",
    )
    return {
        "views": {name: _hash(view_of(workspace, name)) for name in DATASETS},
        "ledger": ledger,
        "deliveries": all_rows(
            workspace, "select sha256, name, submitter_org_id from ingest_delivery order by 1, 2, 3"
        ),
        "problems": all_rows(
            workspace, "select sha256, code, count(*) from ingest_problem group by 1, 2 order by 1, 2"
        ),
        "lake_rows": lake_rows(workspace),
        "positions": {name: _positions(workspace, name) for name in lake_rows(workspace)},
        "releases": all_rows(workspace, "select release_id, state, result_hash from release order by sequence"),
        "published": all_rows(workspace, "select period_id, release_id from release_pointer order by 1"),
        "receipts": sorted(
            path.relative_to(workspace.settings.outbox).as_posix() for path in workspace.settings.outbox.rglob("*.*")
        ),
        "quarantine": sorted(path.name for path in workspace.settings.quarantine.iterdir()),
    }


def _hash(view: pl.DataFrame) -> tuple[int, int]:
    return view.height, int(view.hash_rows(seed=1).sum()) if view.height else 0


def _positions(workspace: Workspace, dataset: str) -> int:
    """A number that changes when a row of the lake is missing, doubled or from another place."""
    rows = (
        workspace.lake.scan(dataset, workspace.lake.files(dataset)).select("_file_sha256", "_sheet", "_row").collect()
    )
    return int(rows.hash_rows(seed=2).sum()) + rows.height - rows.unique().height


def leftovers(workspace: Workspace) -> list[str]:
    """What a finished night must not leave behind: staged work, half copies and answered files."""
    settings = workspace.settings
    found = [path for folder in (settings.staging, settings.inbox) for path in folder.rglob("*") if path.is_file()]
    found += [*settings.landing.glob(".*"), *settings.lake.rglob(".*.draft"), *settings.outbox.rglob(".*.draft")]
    return sorted(path.relative_to(settings.home).as_posix() for path in found)


def balance_faults(documents: Sequence[Mapping[str, Any]]) -> list[str]:
    """Receipts whose balance does not add up."""
    parts = ("accepted", "unchanged", "rejected", "held", "skipped")
    return [
        str(each["name"])
        for each in documents
        if each["balance"]["read"] != sum(each["balance"][part] for part in parts) or min(each["balance"].values()) < 0
    ]


def receipts(workspace: Workspace) -> list[dict[str, Any]]:
    """Every receipt in the outbox."""
    return [
        json.loads(path.read_text(encoding="utf-8"))
        for path in sorted(workspace.settings.outbox.rglob("*receipt.json"))
    ]
