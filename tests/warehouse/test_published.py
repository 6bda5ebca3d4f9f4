from __future__ import annotations

from decimal import Decimal
from typing import Any

import polars as pl
import pytest
from sqlalchemy import create_engine

from scoring.tables import DEPARTMENT_ITEM, DEPARTMENT_SCORE, RESULT_TABLES
from warehouse.published import (
    MinimumCell,
    count_band,
    published_composites,
    published_departments,
    published_items,
    published_satisfaction,
    published_unit_satisfaction,
    records,
    reliability_band,
    units,
)
from warehouse.published import departments as published

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


def test_rank_ranges_leave_room_for_the_departments_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [
        {"ratee_org_id": "A", "rank": 1, "rank_low": 1, "rank_high": 2},
        {"ratee_org_id": "B", "rank": 2, "rank_low": 1, "rank_high": 3, "n_raters": 9},
        {"ratee_org_id": "C", "rank": 3, "rank_low": 3, "rank_high": 4},
        {"ratee_org_id": "D", "rank": 4, "rank_low": 3, "rank_high": 4},
        {"ratee_org_id": "U", "reason_codes": "LOW_CONTACT"},
    ]
    found = _published(monkeypatch, rows)
    ranges = {org_id: (row["rank_low"], row["rank_high"]) for org_id, row in found.items()}
    # Third of four is second of the three shown if the hidden one is better, third if it is not.
    assert ranges == {"A": (1, 2), "B": (None, None), "C": (2, 3), "D": (2, 3), "U": (None, None)}


def test_what_may_follow_is_hidden_with_the_department(monkeypatch: pytest.MonkeyPatch) -> None:
    told = {"p_top": 0.912345, "p_bottom": 0.0, "consequence": "TOP", "score_adjusted": 71.26, "rank": 1}
    rows = [{"ratee_org_id": "A", **told}, {"ratee_org_id": "B", **told, "n_units": 4}]
    found = _published(monkeypatch, rows)
    names = ("p_top", "p_bottom", "consequence", "score_adjusted")
    assert [found["A"][name] for name in names] == [0.91, 0.0, "TOP", 71.3]
    assert [found["B"][name] for name in names] == [None] * 4


def test_an_unreliable_score_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    scores = dict.fromkeys(("score_shrunken", "score_adjusted", "score_raw_mean", "ci_low", "ci_high"), 60.0)
    rows = [
        {"ratee_org_id": "A", **scores, "reliability": 0.4, "reason_codes": "INSUFFICIENT_RELIABILITY;DISCONNECTED"},
        {"ratee_org_id": "B", **scores, "reliability": 0.6, "rank": 1},
    ]
    found = _published(monkeypatch, rows)
    assert {found["A"][name] for name in scores} == {None}
    assert {found["B"][name] for name in scores} == {60.0}
    assert (found["A"]["reliability"], found["A"]["raters"]) == ("insufficient", "20-49")
    assert found["A"]["reason_codes"].startswith("INSUFFICIENT_RELIABILITY")


def _stored(table: str, rows: list[dict[str, Any]]) -> pl.DataFrame:
    declared = RESULT_TABLES[table]
    frame = pl.DataFrame(rows, infer_schema_length=None)
    absent = [pl.lit(None).alias(name) for name in declared.schema if name not in frame.columns]
    return declared.conform(frame.with_columns(absent)) if rows else pl.DataFrame(schema=declared.schema)


def test_composites_are_rounded_and_ranked_among_those_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [
        {"period_id": "P", "ratee_org_id": org_id, "peer_group": "G", "composite_score": Decimal(score), "rank": rank,
         "observed_weight": 1, "n_ranked": 3}
        for org_id, score, rank in (("A", "80.250000", 2), ("B", "90.149999", 1), ("C", "70.350000", 3))
    ]  # fmt: skip
    monkeypatch.setattr(published, "read_results", lambda *_: _stored("department_composite", rows))
    shown = pl.DataFrame({"ratee_org_id": ["A", "B", "C"], "is_suppressed": [False, True, False]})
    found = {row["ratee_org_id"]: row for row in published_composites(NOBODY, "R", shown).to_dicts()}
    assert {name: (row["composite_score"], row["composite_rank"]) for name, row in found.items()} == {
        "A": (80.2, 1),
        "C": (70.4, 2),
    }


SATISFIED = {"period_id": "P", "peer_group": "G", "org_name": "x", "instrument_id": "I", "item_id": "1"}
FIGURES = {"mean_0_100": 61.26, "se": 2.005, "ci_low": 57.0, "ci_high": 65.0, "satisfaction_mean": 60, "n_eff": 8.5}


def _satisfied(monkeypatch: pytest.MonkeyPatch, reasons: str | None, n_answered: int) -> None:
    items = [SATISFIED | {"org_id": "A", "n_answered": n_answered, "n_dont_know": 2, "n_other": 1, "sum_score": 40,
                          "mean_score": 4.123456, "mean_0_100": 61.26}]  # fmt: skip
    whole = [
        {"period_id": "P", "org_id": "A", "peer_group": "G", "n_respondents": 9, "reason_codes": reasons} | FIGURES
    ]
    tables = {"satisfaction_mean": _stored("satisfaction_mean", items)}
    tables["unit_satisfaction"] = _stored("unit_satisfaction", whole)
    monkeypatch.setattr(units, "read_results", lambda _engine, _release, table: tables[table])


@pytest.mark.parametrize(("n_answered", "hidden"), [(9, True), (10, False)])
def test_an_item_few_answered_is_suppressed(monkeypatch: pytest.MonkeyPatch, n_answered: int, hidden: bool) -> None:
    _satisfied(monkeypatch, None, n_answered)
    row = published_satisfaction(NOBODY, "R", RULE).row(0, named=True)
    assert (row["is_suppressed"], row["mean_0_100"]) == (hidden, None if hidden else 61.3)


def test_satisfaction_below_the_minimum_shows_no_figure_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    _satisfied(monkeypatch, "SUPPRESSED_SMALL_N;MEANS_NOT_DISTINGUISHABLE", 40)
    whole = published_unit_satisfaction(NOBODY, "R").row(0, named=True)
    assert {whole[name] for name in (*FIGURES, "n_respondents", "response_rate")} == {None}
    assert whole["reason_codes"] == "SUPPRESSED_SMALL_N"
    item = published_satisfaction(NOBODY, "R", RULE).row(0, named=True)
    numbers = ("n_answered", "n_dont_know", "n_other", "sum_score", "mean_score", "mean_0_100")
    assert (item["is_suppressed"], {item[name] for name in numbers}) == (True, {None})
    # Enough of them are rounded to what is published.
    _satisfied(monkeypatch, "SMALL_SAMPLE", 40)
    shown = published_unit_satisfaction(NOBODY, "R").row(0, named=True)
    assert (shown["mean_0_100"], shown["se"], shown["n_respondents"]) == (61.3, 2.0, 9)


def test_flags_of_departments_have_bands_and_those_of_units_are_not_published(monkeypatch: pytest.MonkeyPatch) -> None:
    def flag(kind: str, org_id: str, **more: Any) -> dict[str, Any]:
        counts = {"n_flagged": 12, "n_examined": 18, "statistic": 0.6667, "evidence": "12/18"}
        return {"period_id": "P", "subject_kind": kind, "org_id": org_id, "flag": "any"} | counts | more

    hidden = {"score_without": 55.0, "score_difference": 1.0}
    tables = {
        "anomaly_flag": _stored("anomaly_flag", [
            flag("department", "A"), flag("department", "B", **hidden), flag("unit", "V"),
            flag("unit", "W", n_flagged=None, statistic=None, evidence=None, reason_codes="SUPPRESSED_SMALL_N"),
        ]),
        "frame_member": _stored("frame_member", []),
        "department_score": _departments([{"ratee_org_id": "A"}, {"ratee_org_id": "B", "n_raters": 4}]),
    }  # fmt: skip
    for module in (records, published):
        monkeypatch.setattr(module, "read_results", lambda _engine, _release, table: tables[table])
    rows = {row["org_id"]: row for row in records.anomalies(NOBODY, "R", RULE).rows.to_dicts()}
    told = {name: (row["n_flagged"], row["n_examined"], row["evidence"]) for name, row in rows.items()}
    assert told == {"A": ("10-19", "10-19", None), "B": (None,) * 3}
    assert (rows["B"]["score_without"], rows["B"]["score_difference"]) == (None, None)
    assert rows["B"]["n_examined_state"] == "suppressed"


def test_a_unit_without_a_peer_group_is_ranked_with_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    scores = [
        {"period_id": "P", "org_id": org_id, "peer_group": group, "rank": rank, "n_ranked": 2, "observed_weight": 1,
         "differentiated_score": 70}
        for org_id, group, rank in (("A", "G", 2), ("B", "G", 1), ("C", None, 1))
    ]  # fmt: skip
    tables = {"unit_score": _stored("unit_score", scores)}
    monkeypatch.setattr(units, "read_results", lambda _engine, _release, table: tables.get(table, _stored(table, [])))
    rows = units.units(NOBODY, "R", RULE).rows
    assert rows.select("org_id", "rank").rows() == [("B", 1), ("A", 2), ("C", None)]


def test_the_peer_group_of_a_stratum_is_its_last_part(monkeypatch: pytest.MonkeyPatch) -> None:
    strata = {"village/hill": "hill", "village/*": None, "*": None, "G": "G"}
    rows = [{"period_id": "P", "role": "may_rate", "stratum": stratum, "turnout": 0.66666} for stratum in strata]
    monkeypatch.setattr(records, "read_results", lambda *_: _stored("frame_turnout", rows))
    view = records.turnout(NOBODY, "R", RULE)
    assert dict(view.rows.select("stratum", "peer_group").rows()) == strata
    assert set(view.rows["turnout"]) == {0.667}
