from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import create_engine

from scoring.scheme import SHIPPED_SCHEMES, load_schemes
from scoring.tables import DEPARTMENT_COMPOSITE, DEPARTMENT_INDICATOR
from warehouse.explained import departments as explained
from warehouse.explained.departments import ExplainedRelease, _composite
from warehouse.explained.node import contributions, node, told_reasons, used_weights
from warehouse.published import MinimumCell
from warehouse.published import departments as published

POINTS = st.one_of(st.none(), st.decimals(0, 105, places=6, allow_nan=False))
WEIGHTS = st.fractions(min_value=0, max_value=1, max_denominator=1000)
PARTS = st.lists(st.tuples(POINTS, WEIGHTS), min_size=1, max_size=8)
NOBODY = create_engine("sqlite://")


def _mean(parts: list[tuple[Decimal | None, Fraction]], decimals: int) -> Decimal | None:
    """The weighted mean in fractions, rounded once half up."""
    seen = [(Fraction(value), weight) for value, weight in parts if value is not None and weight > 0]
    if not seen:
        return None
    mean = sum(value * weight for value, weight in seen) / sum(weight for _, weight in seen)
    return Decimal(int(mean * 10**decimals + Fraction(1, 2))).scaleb(-decimals)


@given(PARTS, st.sampled_from([1, 6]))
@settings(max_examples=300, derandomize=True, deadline=None)
def test_contributions_add_up_exactly_and_are_the_shares(
    parts: list[tuple[Decimal | None, Fraction]], decimals: int
) -> None:
    total = _mean(parts, decimals)
    shares = contributions(total, parts, decimals)
    assert len(shares) == len(parts)
    if total is None:
        assert set(shares) == {None}
        return
    assert sum(share for share in shares if share is not None) == total
    weights = sum(weight for value, weight in parts if value is not None)
    for share, (value, weight) in zip(shares, parts, strict=True):
        if value is None or weight == 0:
            assert share is None
        else:
            assert share is not None
            # One unit for the largest remainder, and a part of the half unit the mean itself was rounded by.
            assert abs(Fraction(share) - Fraction(value) * weight / weights) < Fraction(3, 2) / 10**decimals


@given(PARTS)
@settings(max_examples=200, derandomize=True, deadline=None)
def test_used_weights_are_those_observed_and_sum_to_one(parts: list[tuple[Decimal | None, Fraction]]) -> None:
    used = used_weights(parts)
    observed = sum(weight for value, weight in parts if value is not None)
    if observed == 0:
        assert set(used) == {None}
    else:
        assert sum(weight for weight in used if weight is not None) == 1
        assert [weight is None for weight in used] == [value is None for value, _ in parts]


def test_a_missing_part_contributes_nothing_and_is_not_zero() -> None:
    parts = [(Decimal(80), Fraction(1, 2)), (None, Fraction(1, 4)), (Decimal(0), Fraction(1, 4))]
    assert contributions(Decimal("53.333333"), parts) == [Decimal("53.333333"), None, Decimal(0)]


def test_a_figure_is_json_able_and_tells_its_reasons_in_both_languages() -> None:
    made = node(
        "results", Decimal("71.5"), weight=Fraction(1, 3), reasons="MISSING_LATENT", contribution=Decimal("2.5")
    )
    assert (made["value"], made["weight"], made["contribution"]) == (71.5, 0.333333, 2.5)
    assert [set(reason) for reason in made["reasons"]] == [{"code", "zh", "en"}]
    assert told_reasons("") == told_reasons(None) == []


def _composites(rows: list[dict[str, Any]]) -> pl.DataFrame:
    complete = [
        {"period_id": "P", "org_name": None, "peer_group": "G", "observed_weight": 1, "n_ranked": 3, "se": 0.5,
         "reason_codes": None, **row}
        for row in rows
    ]  # fmt: skip
    return DEPARTMENT_COMPOSITE.conform(pl.DataFrame(complete, infer_schema_length=None))


def _requests() -> pl.DataFrame:
    """Response indicators of department A, and one row of another."""
    rows: list[dict[str, Any]] = [
        {"period_id": "P", "ratee_org_id": org_id, "indicator_id": name, "part": "response", "weight": Decimal(1),
         "value": Decimal("0.75"), "numerator": Decimal(45), "denominator": Decimal(60), "score100": Decimal(score)}
        for org_id, name, score in (
            ("A", "REQ-DONE", "60"), ("A", "REQ-TIME", "66.590174"), ("C", "REQ-DONE", "50"),
        )
    ]  # fmt: skip
    frame = pl.DataFrame(rows)
    absent = [name for name in DEPARTMENT_INDICATOR.schema if name not in frame.columns]
    return DEPARTMENT_INDICATOR.conform(frame.with_columns(pl.lit(None).alias(name) for name in absent))


def test_the_composite_tree_is_rounded_as_published_and_adds_up(monkeypatch: pytest.MonkeyPatch) -> None:
    names = ("reverse_rating_score", "burden_score", "response_score", "composite_score", "rank")
    figures: dict[str, tuple[str | int, ...]]
    figures = {"A": ("80.070858", "100", "63.295087", "80.859201", 2), "B": ("90", "90", "90", "90", 1),
               "C": ("70.123456", "60", "50", "62.561728", 3)}  # fmt: skip
    rows = [
        {"ratee_org_id": org_id} | {name: Decimal(value) for name, value in zip(names, given, strict=True)}
        for org_id, given in figures.items()
    ]
    tables = {"department_composite": _composites(rows), "department_indicator": _requests()}
    for module in (explained, published):
        monkeypatch.setattr(module, "read_results", lambda _engine, _release, name: tables[name])
    rule = MinimumCell(10, 5, Decimal("0.5"))
    release = ExplainedRelease(NOBODY, "R", {}, rule, load_schemes(SHIPPED_SCHEMES)[0])
    shown = pl.DataFrame({"ratee_org_id": ["A", "B", "C"], "peer_group": "G", "is_suppressed": [False, True, False]})
    tree = _composite(release, "A", shown)
    assert tree is not None
    assert (tree["value"], tree["figures"]) == (80.9, {"rank": 1, "n_ranked": 2})
    assert [part["value"] for part in tree["parts"]] == [80.1, 100.0, 63.3]
    # No figure has more decimals than the score of the department itself, which would give it away.
    parts = [Decimal(str(part["contribution"])) for part in tree["parts"]]
    assert (sum(parts), parts) == (Decimal("80.9"), [Decimal("40.1"), Decimal("25.0"), Decimal("15.8")])
    response = tree["parts"][2]
    asked, solved = response["parts"]
    assert [each["subject"] for each in response["parts"]] == ["REQ-DONE", "REQ-TIME"], "another department's rows"
    assert (asked["contribution"], solved["contribution"]) == (30.0, 33.3), "60.0 and 66.590174 by half, to 63.3"
    assert {name: asked["figures"][name] for name in ("value", "numerator", "denominator")} == {
        "value": 0.75, "numerator": 45.0, "denominator": 60.0,
    }  # fmt: skip
    assert tree["parts"][0]["parts"] == tree["parts"][1]["parts"] == []
