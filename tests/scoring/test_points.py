"""Points on the cms scale: the published file, and an oracle in decimal arithmetic."""

from __future__ import annotations

from decimal import ROUND_FLOOR, Decimal, localcontext
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scoring.points import unit_points

DECIMAL = pl.Decimal(18, 6)


def half_up(x: Decimal) -> int:
    return int((x + Decimal("0.5")).to_integral_value(ROUND_FLOOR))


def oracle(
    p: Decimal, b: Decimal | None, threshold: Decimal, benchmark: Decimal, *, lower: bool
) -> tuple[int, int | None, int]:
    """The published wording, word for word, in 60 digits."""
    with localcontext() as context:
        context.prec = 60
        sign = -1 if lower else 1
        p, threshold, benchmark = sign * p, sign * threshold, sign * benchmark
        if benchmark <= threshold:
            threshold = benchmark = max(threshold, benchmark)
        if p >= benchmark:
            achievement = 10
        elif p < threshold:
            achievement = 0
        else:
            achievement = min(9, max(1, half_up(9 * (p - threshold) / (benchmark - threshold) + Decimal("0.5"))))
        if b is None:
            return achievement, None, achievement
        b = sign * b
        if p <= b:
            improvement = 0
        elif p >= benchmark:
            improvement = 9
        else:
            improvement = min(9, max(0, half_up(10 * (p - b) / (benchmark - b) - Decimal("0.5"))))
        return achievement, improvement, max(achievement, improvement)


def score(
    rows: list[tuple[str, Decimal, Decimal | None]],
    anchors: list[tuple[str | None, Decimal, Decimal]],
    direction: str = "higher_better",
    peer_group: str | None = "平原",
) -> pl.DataFrame:
    facts = pl.DataFrame(
        {"indicator_id": ["I1"] * len(rows), "org_id": [row[0] for row in rows], "value": [row[1] for row in rows]},
        schema_overrides={"value": DECIMAL},
    )
    baseline = facts.with_columns(value=pl.Series([row[2] for row in rows], dtype=DECIMAL)).drop_nulls()
    limits = pl.DataFrame(
        [("I1", *anchor) for anchor in anchors],
        schema={
            "indicator_id": pl.String,
            "peer_group": pl.String,
            "achievement_threshold": DECIMAL,
            "benchmark": DECIMAL,
        },
        orient="row",
    )
    organisations = pl.DataFrame(
        {"org_id": [row[0] for row in rows], "org_name": [f"{row[0]}村" for row in rows], "peer_group": peer_group},
        schema_overrides={"peer_group": pl.String},
    )
    indicators = pl.DataFrame({"indicator_id": ["I1"], "direction": [direction]})
    return unit_points(facts, baseline, limits, indicators, organisations, period_id="2026", baseline_period="2025")


millionths = st.integers(-(10**9), 10**9).map(lambda n: Decimal(n).scaleb(-6))
coarse = st.integers(-20, 20).map(lambda n: Decimal(n) / 4)
value = st.one_of(millionths, coarse)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(
    rows=st.lists(st.tuples(value, st.one_of(st.none(), value)), min_size=1, max_size=20),
    threshold=value,
    benchmark=value,
    lower=st.booleans(),
)
def test_invariant_10_points_equal_the_published_wording(
    rows: list[tuple[Decimal, Decimal | None]], threshold: Decimal, benchmark: Decimal, lower: bool
) -> None:
    named = [(f"V{number:03d}", *row) for number, row in enumerate(rows)]
    result = score(named, [(None, threshold, benchmark)], "lower_better" if lower else "higher_better")
    expected = [oracle(p, b, threshold, benchmark, lower=lower) for p, b in rows]
    assert result.select("achievement", "improvement", "points").rows() == expected


def test_the_largest_storable_values_do_not_overflow() -> None:
    top = Decimal("999999999999.999999")
    result = score([("V1", top / 3, -top)], [(None, -top, top)])
    assert result.select("achievement", "improvement").row(0) == oracle(top / 3, -top, -top, top, lower=False)[:2]


def test_degenerate_anchors_are_flagged() -> None:
    rows = [("V1", Decimal(5), None), ("V2", Decimal("4.999999"), None), ("V3", Decimal("4.999999"), Decimal(1))]
    result = score(rows, [(None, Decimal(5), Decimal(5))])
    assert result["achievement"].to_list() == [10, 0, 0]
    assert result["improvement"].to_list() == [None, None, 9]
    assert result["reason_codes"].to_list() == ["NO_BASELINE;ZERO_SPREAD", "NO_BASELINE;ZERO_SPREAD", "ZERO_SPREAD"]


def test_a_benchmark_before_the_threshold_is_merged_at_the_stricter_value() -> None:
    result = score([("V1", Decimal("4.5"), None), ("V2", Decimal(5), None)], [(None, Decimal(5), Decimal(4))])
    assert result["points"].to_list() == [0, 10]
    lower = score(
        [("V1", Decimal("4.5"), None), ("V2", Decimal(4), None)], [(None, Decimal(4), Decimal(5))], "lower_better"
    )
    assert lower["points"].to_list() == [0, 10]


def test_anchors_of_the_own_peer_group_come_first() -> None:
    rows = [("V1", Decimal(50), None)]
    general, own, other = (
        (None, Decimal(60), Decimal(90)),
        ("山区", Decimal(20), Decimal(50)),
        ("平原", Decimal(70), Decimal(95)),
    )
    assert score(rows, [general, own, other], peer_group="山区")["points"].to_list() == [10]
    assert score(rows, [general, own, other], peer_group="城区")["points"].to_list() == [0]
    assert score(rows, [general, own, other], peer_group=None)["achievement_threshold"].to_list() == [Decimal(60)]


def test_an_indicator_without_anchors_earns_no_points() -> None:
    row = score([("V1", Decimal(50), Decimal(40))], [("山区", Decimal(20), Decimal(50))], peer_group="平原").row(
        0, named=True
    )
    assert (row["achievement"], row["improvement"], row["points"]) == (None, None, None)
    assert row["reason_codes"] == "NO_ANCHORS"


def test_two_values_of_one_fact_are_refused() -> None:
    with pytest.raises(ValueError, match="two values"):
        score([("V1", Decimal(1), None), ("V1", Decimal(2), None)], [(None, Decimal(1), Decimal(2))])


def test_an_indicator_without_direction_is_refused() -> None:
    facts = pl.DataFrame(
        {"indicator_id": ["I9"], "org_id": ["V1"], "value": [Decimal(1)]}, schema_overrides={"value": DECIMAL}
    )
    organisations = pl.DataFrame({"org_id": ["V1"], "org_name": ["柳河村"], "peer_group": ["平原"]})
    limits = pl.DataFrame(
        schema={
            "indicator_id": pl.String,
            "peer_group": pl.String,
            "achievement_threshold": DECIMAL,
            "benchmark": DECIMAL,
        }
    )
    indicators = pl.DataFrame({"indicator_id": ["I1"], "direction": ["higher_better"]})
    with pytest.raises(ValueError, match="I9"):
        unit_points(facts, facts.clear(), limits, indicators, organisations, period_id="2026", baseline_period=None)


def test_published_hospital_points_are_reproduced_without_a_mismatch(realcases: Path) -> None:
    """CMS Hospital Value-Based Purchasing FY2024: 43,688 achievement, improvement and measure points."""
    case = realcases / "units"
    facts = pl.read_csv(case / "performance_fact__CMS__2022__v01.csv", infer_schema=False).with_columns(
        pl.col("value").cast(DECIMAL)
    )
    anchors = pl.read_csv(case / "expected" / "anchors.csv", infer_schema=False).with_columns(
        pl.col("achievement_threshold", "benchmark").cast(DECIMAL), peer_group=pl.lit(None, pl.String)
    )
    result = unit_points(
        facts.filter(pl.col("period_id") == "2022"),
        facts.filter(pl.col("period_id") == "2019"),
        anchors,
        pl.read_csv(case / "indicator__CMS__2022__v01.csv", infer_schema=False),
        pl.read_csv(case / "org_unit__CMS__2022__v01.csv", infer_schema=False),
        period_id="2022",
        baseline_period="2019",
    )
    numbers = ["achievement_points", "improvement_points", "score_points"]
    expected = pl.read_csv(case / "expected" / "points.csv", infer_schema=False).select(
        "org_id", "indicator_id", *(pl.col(name).cast(pl.Int64) for name in numbers)
    )
    got = result.select(
        "org_id",
        "indicator_id",
        *(pl.col(a).alias(b) for a, b in zip(("achievement", "improvement", "points"), numbers, strict=True)),
    )
    assert got.height == 43_688
    assert got.equals(expected.sort("org_id", "indicator_id"), null_equal=True)
