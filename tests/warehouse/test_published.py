from __future__ import annotations

from decimal import Decimal
from typing import Any

import polars as pl
import pytest
from sqlalchemy import create_engine

from scoring.tables import DEPARTMENT_ITEM, DEPARTMENT_SCORE
from warehouse import published
from warehouse.published import MinimumCell, count_band, published_departments, published_items, reliability_band

RULE = MinimumCell(10, 5, Decimal("0.5"))
NOBODY = create_engine("sqlite://")


@pytest.mark.parametrize(
    ("raters", "units", "share", "expected"),
    [
        (10, 5, 0.5, False),
        (9, 5, 0.5, True),
        (10, 4, 0.5, True),
        (10, 5, 0.500001, True),
        (0, 0, None, True),
        (400, 90, None, True),
        (400, 90, 0.02, False),
    ],
)
def test_the_smallest_cell(raters: int, units: int, share: float | None, expected: bool) -> None:
    schema = {"n_raters": pl.Int64, "n_units": pl.Int64, "max_unit_share": pl.Float64}
    row = pl.DataFrame([(raters, units, share)], schema=schema, orient="row")
    assert row.select(RULE.too_small())[:, 0].to_list() == [expected]


def test_the_rule_is_the_one_of_the_manifest() -> None:
    cell = {"min_raters": {"value": "12"}, "min_units": {"value": 6}, "max_unit_share": {"value": "0.4"}}
    assert MinimumCell.of({"scheme": {"minimum_cell": cell}}) == MinimumCell(12, 6, Decimal("0.4"))


def test_counts_are_published_as_bands() -> None:
    counts = pl.DataFrame({"n": [4, 5, 9, 10, 19, 20, 49, 50, 5000, None]})
    bands = [None, "5-9", "5-9", "10-19", "10-19", "20-49", "20-49", "50+", "50+", None]
    assert counts.select(count_band("n"))[:, 0].to_list() == bands


def test_reliability_is_published_as_bands() -> None:
    values = pl.DataFrame({"r": [-0.2, 0.0, 0.49, 0.5, 0.69, 0.7, 0.849, 0.85, 1.0, None]})
    bands = ["insufficient"] * 3 + ["indicative"] * 2 + ["usable"] * 2 + ["high"] * 2 + [None]
    assert values.select(reliability_band("r"))[:, 0].to_list() == bands


def _departments(rows: list[dict[str, Any]]) -> pl.DataFrame:
    complete = [
        {
            "period_id": "P", "org_name": row["ratee_org_id"], "peer_group": "G", "component": 1, "n_raters": 30,
            "n_units": 10, "n_ballots": 30, "max_unit_share": 0.2, **row,
        }
        for row in rows
    ]  # fmt: skip
    frame = pl.DataFrame(complete, infer_schema_length=None)
    absent = [pl.lit(None).alias(name) for name in DEPARTMENT_SCORE.schema if name not in frame.columns]
    return DEPARTMENT_SCORE.conform(frame.with_columns(absent))


def _published(monkeypatch: pytest.MonkeyPatch, rows: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    monkeypatch.setattr(published, "read_results", lambda *_: _departments(rows))
    found = published_departments(NOBODY, "R", RULE)
    return {row["ratee_org_id"]: row for row in found.to_dicts()}


def test_ranks_are_counted_among_those_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [
        {"ratee_org_id": "A", "rank": 1},
        {"ratee_org_id": "B", "rank": 2, "n_raters": 9},
        {"ratee_org_id": "C", "rank": 3},
        {"ratee_org_id": "D", "rank": 3},
        {"ratee_org_id": "E", "rank": 5, "n_units": 4},
        {"ratee_org_id": "F", "rank": 6},
        {"ratee_org_id": "X", "rank": 1, "peer_group": "H", "max_unit_share": 0.6},
        {"ratee_org_id": "Y", "rank": 2, "peer_group": "H"},
    ]
    found = _published(monkeypatch, rows)
    ranks = {org_id: row["rank"] for org_id, row in found.items()}
    assert ranks == {"A": 1, "B": None, "C": 2, "D": 2, "E": None, "F": 4, "X": None, "Y": 1}


def test_no_rating_and_too_few_ratings_look_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    none = {"n_raters": 0, "n_units": 0, "max_unit_share": None, "reason_codes": "NO_RATINGS", "component": None}
    few = {
        "n_raters": 3, "n_units": 2, "score_shrunken": 61.0, "ci_low": 50.0, "ci_high": 70.0, "se": 5.0, "rank": 1,
        "reliability": 0.4, "score_raw_mean": 60.0, "reason_codes": "LOW_CONTACT",
    }  # fmt: skip
    found = _published(monkeypatch, [{"ratee_org_id": "N", **none}, {"ratee_org_id": "F", **few}])
    told = ("rank", "score_shrunken", "score_raw_mean", "ci_low", "ci_high", "reliability", "raters", "reason_codes")
    assert {name: found["N"][name] for name in told} == {name: found["F"][name] for name in told}
    assert found["F"]["reason_codes"] == "SUPPRESSED_SMALL_N"


def test_scores_are_rounded_half_to_even(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [
        {"ratee_org_id": "A", "score_shrunken": 70.25, "ci_low": 60.75, "ci_high": 79.949999, "rank": 1},
        {"ratee_org_id": "B", "score_shrunken": 0.04, "ci_low": -0.04, "ci_high": 0.05, "rank": 2},
    ]
    found = _published(monkeypatch, rows)
    assert [found["A"][name] for name in ("score_shrunken", "ci_low", "ci_high")] == [70.2, 60.8, 79.9]
    assert str(found["B"]["ci_low"]) == "0.0"


def test_an_item_few_people_answered_is_suppressed_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    items = pl.DataFrame(
        {
            "period_id": "P", "ratee_org_id": ["A", "A", "B"], "org_name": "x", "peer_group": "G", "instrument_id": "I",
            "item_id": ["1", "2", "1"], "dimension": "d", "n_answered": [10, 9, 40], "n_dont_know": 0, "n_other": 0,
            "score_raw_mean": [50.04, 60.0, 70.0],
        }
    )  # fmt: skip
    departments = _departments([{"ratee_org_id": "A"}, {"ratee_org_id": "B", "n_units": 4}])
    stored = {"department_item": DEPARTMENT_ITEM.conform(items), "department_score": departments}
    monkeypatch.setattr(published, "read_results", lambda _engine, _release, table: stored[table])
    found = published_items(NOBODY, "R", RULE).sort("ratee_org_id", "item_id")
    assert found["score_raw_mean"].to_list() == [50.0, None, None]
    assert found["answered"].to_list() == ["10-19", None, None]
