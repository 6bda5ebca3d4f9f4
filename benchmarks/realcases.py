"""Runs the pipeline on real rows with published answers and prints the largest difference per case.

The cases are real data in the contract's columns (``REALCASES``): lme4's InstEval as ratings of
departments, CMS Hospital Value-Based Purchasing FY2024 as facts about units, the Kansas City resident
survey as satisfaction. Exits with 1 when a difference is beyond its tolerance.
"""

from __future__ import annotations

import argparse
import datetime as dt
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

import polars as pl
import yaml

from scoring.scheme import CONSEQUENCES
from tasks.land import delivery_of
from tasks.night import no_progress, run
from tasks.release import verify_release
from tasks.workspace import Workspace, open_workspace
from warehouse.releases import read_results
from warehouse.settings import Settings

SCORE_TOLERANCE = 1e-4


@dataclass(frozen=True)
class Difference:
    """One comparison: how many were compared, the largest difference and the most that is allowed."""

    what: str
    compared: int
    largest: float
    tolerance: float
    expected: int

    @property
    def holds(self) -> bool:
        """Everything was compared and nothing is beyond the tolerance."""
        return self.compared == self.expected and self.largest <= self.tolerance


def scheme_of(case: Path, name: str) -> dict[str, Any]:
    """The default scheme, with persons as voters, one plain fit for all, no signatures, and the case's anchors."""
    text = files("scoring").joinpath("schemes/default-2026.yaml").read_text(encoding="utf-8")
    scheme: dict[str, Any] = yaml.safe_load(text)
    scheme |= {"scheme_id": f"realcase-{name}", "valid_from": dt.date(2015, 1, 1)}
    # The cases are of years before the scheme was decided; nobody is rewarded by them.
    for section in CONSEQUENCES:
        del scheme[section]
    scheme["sign_off"]["people"]["value"] = 0
    scheme["rating"]["rater_level"]["value"] = "person"
    scheme["rating"]["fit_by"]["value"] = "all"
    for rule in ("fixed_effects", "class_weights", "dimension_weights"):
        del scheme["rating"][rule]
    anchors = case / "expected" / "anchors.csv"
    if anchors.exists():
        wanted = ("indicator_id", "achievement_threshold", "benchmark")
        rows = pl.read_csv(anchors).select(wanted).to_dicts()
        scheme["unit_points"] |= {"scale": "cms", "baseline": {"periods": {"2022": "2019"}}, "anchors": rows}
    return scheme


def departments(workspace: Workspace, release_id: str, expected: Path) -> list[Difference]:
    """Scores, effects and conditional standard deviations against lme4's REML fit."""
    answers = pl.read_csv(expected / "department_scores.csv")
    mine = read_results(workspace.engine, release_id, "department_score")
    both = answers.join(mine, left_on="org_id", right_on="ratee_org_id", suffix="_mine")
    pairs = {"score": "score_shrunken", "effect": "effect_mine", "effect_sd": "conditional_sd"}
    return [
        Difference(f"departments: {theirs} against lme4", both[ours].count(), _largest(both[theirs] - both[ours]),
                   SCORE_TOLERANCE, answers.height)
        for theirs, ours in pairs.items()
    ]  # fmt: skip


def units(workspace: Workspace, release_id: str, expected: Path) -> list[Difference]:
    """Achievement, improvement and measure points against CMS: mismatches."""
    answers = pl.read_csv(expected / "points.csv", schema_overrides={"org_id": pl.String})
    mine = read_results(workspace.engine, release_id, "unit_points")
    both = answers.join(mine, on=["org_id", "indicator_id"])
    pairs = {"achievement_points": "achievement", "improvement_points": "improvement", "score_points": "points"}
    return [
        Difference(f"units: mismatches in {theirs.replace('_', ' ')}", both.height,
                   float(both[theirs].ne_missing(both[ours]).sum()), 0, answers.height)
        for theirs, ours in pairs.items()
    ]  # fmt: skip


def satisfaction(workspace: Workspace, release_id: str, expected: Path) -> list[Difference]:
    """Counts and sums of answers: differences."""
    answers = pl.read_csv(expected / "item_means.csv")
    mine = read_results(workspace.engine, release_id, "satisfaction_mean")
    both = answers.join(mine, on=["org_id", "item_id"], suffix="_mine")
    sums = both["sum_score"].cast(pl.Decimal(18, 6)).ne_missing(both["sum_score_mine"]).sum()
    counts = both["n_answered"].ne_missing(both["n_answered_mine"]).sum()
    return [
        Difference("satisfaction: differing counts", both.height, float(counts), 0, answers.height),
        Difference("satisfaction: differing sums", both.height, float(sums), 0, answers.height),
    ]


def _largest(difference: pl.Series) -> float:
    largest = difference.abs().max()
    return float(largest) if isinstance(largest, (int, float)) else float("inf")


CASES: dict[str, Callable[[Workspace, str, Path], list[Difference]]] = {
    "departments": departments,
    "units": units,
    "satisfaction": satisfaction,
}


def run_case(case: Path, home: Path) -> list[Difference]:
    """One case from its files to a published release, verified from the lake, compared with its answers."""
    workspace = open_workspace(Settings(home=home))
    scheme = scheme_of(case, case.name)
    (home / "schemes" / "scheme.yaml").write_text(yaml.safe_dump(scheme), encoding="utf-8")
    deliveries = [delivery_of(path) for path in sorted(case.glob("*.csv"))]
    report = run(workspace, "realcase", None, no_progress, from_inbox=False, deliveries=deliveries, scores=True)
    (released,) = report.released
    differences = CASES[case.name](workspace, released.release_id, case / "expected")
    recomputed = verify_release(workspace, released.release_id)
    broken = Difference(f"{case.name}: release recomputed from the lake differs", 1, float(not recomputed.holds), 0, 1)
    return [*differences, broken]


def main() -> int:
    """Run the cases that are present."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    if not folder.is_dir():
        print(f"no real cases at {folder}: name the folder with REALCASES=...", file=sys.stderr)
        return 1
    holds = True
    with tempfile.TemporaryDirectory() as home:
        for name in CASES:
            for each in run_case(folder / name, Path(home) / name):
                holds &= each.holds
                verdict = "ok" if each.holds else "BEYOND TOLERANCE"
                compared = f"{each.compared} of {each.expected} compared"
                print(
                    f"{each.what:<58} {compared:<28} "
                    f"largest {each.largest:<12.3g} allowed {each.tolerance:<8g} {verdict}"
                )
    return 0 if holds else 1


if __name__ == "__main__":
    sys.exit(main())
