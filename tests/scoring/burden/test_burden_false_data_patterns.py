"""The thirteen patterns of too-good data: planted, harmless look-alikes, and the edges between."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from statistics import median
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from scoring.burden.false_data.binomial import upper_tail
from scoring.burden.false_data.bunching import deadline_pile_up, expected_share, rounding_step, target_bunching
from scoring.burden.false_data.categories import category_drift
from scoring.burden.false_data.copies import identical_vectors, one_hand
from scoring.burden.false_data.digits import digit_heaping
from scoring.burden.false_data.exact_hits import exact_hits
from scoring.burden.false_data.growth import implausible_growth
from scoring.burden.false_data.linked import cross_validated_residuals, unlinked_jumps
from scoring.burden.false_data.pattern import Limits, PatternResult, prepared_facts
from scoring.burden.false_data.registers import overstatement
from scoring.burden.false_data.repeats import carried_forward
from scoring.burden.false_data.reversals import spike_and_undo
from scoring.burden.false_data.visits import inspection_bump
from scoring.sums import RAW_SCALE

LIMITS = Limits()
MONTHS = tuple(f"2026-{month:02d}" for month in range(1, 13))
NOW = MONTHS[-1]
UTC = dt.UTC
ORGANISATIONS = pl.DataFrame(
    [{"org_id": f"V{k:03d}", "org_kind": "village", "peer_group": "plain", "households": 300 + k} for k in range(200)]
    + [
        {"org_id": org, "org_kind": "county_gov_dept", "peer_group": "dept", "households": None}
        for org in ("KEEPER", "SETTER", *(f"DEP{k}" for k in range(9)))
    ]
)


def indicators(**directions: str) -> pl.DataFrame:
    """Indicators by name and direction; what is not named is I, higher is better."""
    named = {"I": "higher_better", **directions}
    return pl.DataFrame([{"indicator_id": name, "direction": way, "unit": "户"} for name, way in named.items()])


def facts_of(rows: Iterable[Mapping[str, Any]], known: pl.DataFrame | None = None) -> pl.DataFrame:
    """Prepared facts; what a row does not name is indicator I of the keeper in December."""
    defaults = {"indicator_id": "I", "period_id": NOW, "source_org_id": "KEEPER"}
    schema = {
        "indicator_id": pl.String,
        "org_id": pl.String,
        "period_id": pl.String,
        "source_org_id": pl.String,
        "value": pl.Float64,
        "target_value": pl.Float64,
        "target_set_by": pl.String,
        "numerator": pl.Float64,
        "denominator": pl.Float64,
        "entered_at": pl.Datetime("us", "UTC"),
        "entered_by_hash": pl.String,
        "as_of": pl.Date,
    }
    decimals = ("value", "target_value", "numerator", "denominator")
    frame = pl.DataFrame([{**dict.fromkeys(schema), **defaults, **row} for row in rows], schema=schema)
    frame = frame.with_columns(pl.col(decimals).cast(pl.Decimal(18, 6)))
    return prepared_facts(frame, indicators() if known is None else known, ORGANISATIONS)


def only(result: PatternResult) -> dict[str, Any]:
    """The single test of a result."""
    assert result.tests.height == 1, result.tests
    return result.tests.row(0, named=True)


def units(result: PatternResult) -> list[str]:
    return result.units["org_id"].to_list()


# FAL-01 -----------------------------------------------------------------------------------------------------


def around(target: float, places: Mapping[float, int], **row: Any) -> list[dict[str, Any]]:
    """So many units at each distance from a target of their own."""
    values = [target + distance for distance, count in places.items() for _ in range(count)]
    common = {"target_value": target, "target_set_by": "SETTER", **row}
    return [{"org_id": f"V{k:03d}", "value": value, **common} for k, value in enumerate(values)]


def test_fal_01_bunching_just_above_the_target_is_the_setters() -> None:
    """One step is 1 and a hundredth of 1000 is 10: 24 of 30 in [1000, 1010), none around."""
    result = target_bunching(facts_of(around(1000, {3: 24, -7: 6, -60: 10, 80: 10})), LIMITS, period_id=NOW)
    row = only(result)
    assert (row["subject_org_id"], row["indicator_id"], row["n"], row["n_found"]) == ("SETTER", "I", 30, 24)
    assert row["expected"] == 0.5
    assert round(row["p_value"], 6) == 0.000715
    assert row["state"] is None
    assert units(result) == [f"V{k:03d}" for k in range(24)]


def test_fal_01_one_fewer_is_not_enough_and_29_is_too_few() -> None:
    near = only(target_bunching(facts_of(around(1000, {3: 23, -7: 7})), LIMITS, period_id=NOW))
    assert near["p_value"] > LIMITS.alpha
    few = only(target_bunching(facts_of(around(1000, {3: 29})), LIMITS, period_id=NOW))
    assert (few["state"], few["p_value"], few["n"]) == ("INSUFFICIENT_COUNTS", None, 29)


def test_fal_01_the_edges_of_the_bins() -> None:
    """The target belongs to the upper bin, t + w to the bin above, t - w to the lower, t - w - 1 to the one below."""
    upper, above = {0: 2, 1: 9, 3: 9, 9: 10}, {10: 1, 11: 3, 19: 1}
    lower, below = {-1: 5, -9: 4, -10: 1}, {-11: 3, -19: 1, -20: 1}
    rows = facts_of(around(1000, {**upper, **above, **lower, **below, -21: 9, 20: 1, 22: 8}))
    assert only(target_bunching(rows, LIMITS, period_id=NOW))["evidence"] == "5;10;30;5"


def test_fal_01_is_mirrored_where_lower_is_better() -> None:
    """Just at or below the target is the good side; a value above it is short of it."""
    rows = facts_of(around(1000, {0: 12, -3: 12, 7: 6}), indicators(I="lower_better"))
    row = only(target_bunching(rows, LIMITS, period_id=NOW))
    assert (row["n"], row["n_found"]) == (30, 24)


def test_fal_01_a_rising_trend_and_harmless_indicators_raise_what_is_expected() -> None:
    assert expected_share(8, 8) == 0.5
    assert expected_share(40, 8) == 0.5, "a falling trend is not credited"
    assert expected_share(2, 19) == pytest.approx(1.983 / 2.983, abs=1e-3)  # (19.5 / 2.5)^(1/3) = 1.983
    bunched = around(1000, {3: 24, -7: 6})
    alone = facts_of([*bunched, *around(1000, {3: 40, -7: 10}, indicator_id="FREE")])
    row = only(target_bunching(alone, LIMITS, period_id=NOW, without_consequence=["FREE"]))
    assert (row["indicator_id"], row["expected"]) == ("I", 0.8)
    assert row["p_value"] > LIMITS.alpha


def test_fal_01_values_in_steps_of_five_are_no_bunching() -> None:
    """Every value ends in 0 or 5; with bins of three ones the target itself would look like a bunch."""
    values = dict.fromkeys(range(-60, 61, 5), 3)
    row = only(target_bunching(facts_of(around(300, values)), Limits(bunching_min=6), period_id=NOW))
    assert (row["n"], row["n_found"]) == (6, 3)


def test_the_rounding_step_is_the_coarsest_the_values_heap_on() -> None:
    ones = np.arange(1, 1_000) * RAW_SCALE
    assert rounding_step(ones) == RAW_SCALE
    assert rounding_step(ones * 5) == 5 * RAW_SCALE
    assert rounding_step(ones * 10) == 10 * RAW_SCALE
    assert rounding_step(np.concatenate([ones, ones * 10])) == 10 * RAW_SCALE
    assert rounding_step(np.array([123_456_789, 5])) == 1


def test_fal_01_a_target_nothing_can_exceed_is_left_out() -> None:
    full = indicators().with_columns(max=pl.lit(100.0))
    rows = facts_of(around(100, {0: 60, -20: 60}), full)
    assert target_bunching(rows, LIMITS, period_id=NOW).tests.is_empty()


def test_fal_01_without_any_target_is_not_measurable() -> None:
    rows = facts_of([{"org_id": "V001", "value": 5}])
    row = only(target_bunching(rows, LIMITS, period_id=NOW))
    assert (row["subject_org_id"], row["state"]) == ("KEEPER", "NOT_MEASURABLE")
    assert row["missing_columns"] == "target_value"


# FAL-02 -----------------------------------------------------------------------------------------------------


def ending(heaped: int, other: int, **row: Any) -> list[dict[str, Any]]:
    """Counts from 100 on, so many ending in 0 or 5, the others not."""
    values = [105 + 5 * k for k in range(heaped)] + [101 + 5 * k for k in range(other)]
    return [{"org_id": f"V{k:03d}", "value": value, **row} for k, value in enumerate(values)]


def test_fal_02_heaping_from_34_of_100() -> None:
    row = only(digit_heaping(facts_of(ending(34, 66)), LIMITS, period_id=NOW))
    assert (row["subject_org_id"], row["n"], row["n_found"], row["expected"]) == ("KEEPER", 100, 34, 0.2)
    assert row["p_value"] == pytest.approx(upper_tail(34, 100, 0.2))
    assert row["p_value"] <= LIMITS.alpha
    assert only(digit_heaping(facts_of(ending(33, 67)), LIMITS, period_id=NOW))["p_value"] > LIMITS.alpha


def test_fal_02_needs_a_hundred_large_whole_counts_of_ten_values() -> None:
    small = [{"org_id": f"V{k:03d}", "value": value} for k, value in enumerate([99, 50.5, 0, -200])]
    row = only(
        digit_heaping(
            facts_of(ending(60, 39) + [{**r, "indicator_id": "I", "org_id": f"V19{k}"} for k, r in enumerate(small)]),
            LIMITS,
            period_id=NOW,
        )
    )
    assert (row["n"], row["state"]) == (99, "INSUFFICIENT_COUNTS")
    alike = [{"org_id": f"V{k:03d}", "value": 100 + k % 9} for k in range(150)]
    assert only(digit_heaping(facts_of(alike), LIMITS, period_id=NOW))["state"] == "INSUFFICIENT_COUNTS"


def test_fal_02_a_register_rounded_to_0_by_instruction_is_exempt() -> None:
    population = [{"org_id": f"V{k:03d}", "value": 1000 + 10 * k} for k in range(120)]
    caught = only(digit_heaping(facts_of(population), LIMITS, period_id=NOW))
    assert caught["p_value"] < 1e-80
    row = only(digit_heaping(facts_of(population), LIMITS, period_id=NOW, exempt=["I"]))
    assert (row["state"], row["p_value"], row["n_found"]) == ("EXEMPT", None, 120)


def test_fal_02_a_habit_of_registers_without_targets_is_no_sign() -> None:
    """Four in ten without targets: four in ten with one is what people do there."""
    habit = ending(48, 72, indicator_id="FREE", source_org_id="DEP1")
    targeted = ending(40, 60, target_value=500)
    known = indicators(FREE="higher_better")
    result = digit_heaping(facts_of([*habit, *targeted], known), LIMITS, period_id=NOW).tests
    row = result.filter(pl.col("indicator_id") == "I").row(0, named=True)
    assert row["expected"] == 0.4
    assert row["p_value"] > 0.5
    alone = only(digit_heaping(facts_of(targeted), LIMITS, period_id=NOW))
    assert alone["p_value"] <= LIMITS.alpha


# FAL-03, FAL-05 ---------------------------------------------------------------------------------------------


def vectors(n_units: int = 40, n_columns: int = 12, seed: int = 1) -> dict[str, list[int]]:
    """Counts of 40 units in columns of 200 possible values, drawn by seed."""
    random = np.random.default_rng(seed)
    return {f"V{k:03d}": random.integers(1, 201, n_columns).tolist() for k in range(n_units)}


def as_facts(values: Mapping[str, list[int]], **entry: Mapping[str, Any]) -> pl.DataFrame:
    return facts_of(
        {
            "org_id": org,
            "indicator_id": f"C{column:02d}",
            "value": value,
            **{name: by_org[org] for name, by_org in entry.items()},
        }
        for org, row in values.items()
        for column, value in enumerate(row)
    )


def test_fal_03_two_units_with_the_same_vector() -> None:
    values = vectors()
    values["V007"] = [*values["V030"][:10], 7, 8]
    result = identical_vectors(as_facts(values), LIMITS, period_id=NOW)
    row = only(result)
    assert (row["subject_org_id"], row["compared_with"], row["n"]) == ("KEEPER", "plain", 40)
    assert row["statistic"] == pytest.approx(10 / 12)
    assert row["p_value"] == 1 / 10_000
    assert (units(result), row["n_found"]) == (["V007", "V030"], 2)


def test_fal_03_independent_vectors_are_no_copies() -> None:
    result = identical_vectors(as_facts(vectors()), LIMITS, period_id=NOW)
    assert only(result)["p_value"] > 0.05
    assert units(result) == []


def test_fal_03_equal_zeros_and_columns_of_few_values_do_not_count() -> None:
    values = {org: [0] * 6 + row for org, row in vectors(n_columns=6).items()}
    for k, row in enumerate(values.values()):
        row[:6] = [k] * 6 if k >= 30 else [0] * 6
    columns = as_facts(values)
    assert only(identical_vectors(columns, LIMITS, period_id=NOW))["p_value"] > 0.05
    binary = {org: [1, 1, 1, 1, 1, *row[:4]] for org, row in vectors().items()}
    few = only(identical_vectors(as_facts(binary), LIMITS, period_id=NOW))
    assert few["state"] == "INSUFFICIENT_COUNTS"


def test_fal_03_the_null_does_not_depend_on_the_order_of_rows() -> None:
    values = vectors(seed=4)
    forward = identical_vectors(as_facts(values), LIMITS, period_id=NOW)
    backward = identical_vectors(as_facts(dict(reversed(values.items()))), LIMITS, period_id=NOW)
    assert_frame_equal(forward.tests, backward.tests)


def test_fal_03_keeps_its_level_on_honest_registers() -> None:
    """100 registers of honest values: p-values at most .05 are about five, never more than a dozen."""
    p_values = [
        only(identical_vectors(as_facts(vectors(20, 8, seed)), LIMITS, period_id=NOW))["p_value"] for seed in range(100)
    ]
    assert sum(p <= 0.05 for p in p_values) <= 12


def entries(units_per_clerk: int = 20, minutes: float = 0.5) -> dict[str, dict[str, Any]]:
    """A clerk per so many villages, who enters one every half minute."""
    start = dt.datetime(2026, 12, 31, 2, tzinfo=UTC)
    at = {f"V{k:03d}": start + dt.timedelta(minutes=minutes * (k % units_per_clerk)) for k in range(40)}
    by = {org: f"hash{int(org[1:]) // units_per_clerk}" for org in at}
    return {"entered_at": at, "entered_by_hash": by}


def test_fal_05_a_township_clerk_entering_20_villages_in_ten_minutes_is_no_sign() -> None:
    row = only(one_hand(as_facts(vectors(), **entries()), LIMITS, period_id=NOW))
    assert row["state"] is None
    assert row["p_value"] > 0.05


def test_fal_05_copies_inside_one_burst() -> None:
    values = vectors()
    values["V007"] = [*values["V012"][:10], 7, 8]
    result = one_hand(as_facts(values, **entries()), LIMITS, period_id=NOW)
    assert only(result)["p_value"] == 1 / 10_000
    assert units(result) == ["V007", "V012"]


@pytest.mark.parametrize(("minutes", "found"), [(30, True), (31, False)])
def test_fal_05_copies_across_bursts_are_not_its_matter(minutes: int, found: bool) -> None:
    """The same account enters the copy 30 minutes after the first village of the burst, or a minute later."""
    values = vectors()
    values["V007"] = values["V012"]
    times = entries()
    times["entered_at"]["V012"] = dt.datetime(2026, 12, 31, 2, tzinfo=UTC) + dt.timedelta(minutes=minutes)
    result = one_hand(as_facts(values, **times), LIMITS, period_id=NOW)
    assert (only(result)["p_value"] <= LIMITS.alpha) == found


def test_fal_05_without_times_of_entry_is_not_measurable() -> None:
    row = only(one_hand(as_facts(vectors()), LIMITS, period_id=NOW))
    assert (row["state"], row["missing_columns"]) == ("NOT_MEASURABLE", "entered_at;entered_by_hash")


def test_fal_05_units_that_share_no_burst_are_too_few() -> None:
    alone = entries(units_per_clerk=1)
    assert only(one_hand(as_facts(vectors(), **alone), LIMITS, period_id=NOW))["state"] == "INSUFFICIENT_COUNTS"


# FAL-04 -----------------------------------------------------------------------------------------------------


def series(values: Mapping[str, list[int]], **row: Any) -> pl.DataFrame:
    return facts_of(
        {"org_id": org, "period_id": month, "value": value, **row}
        for org, months in values.items()
        for month, value in zip(MONTHS, months, strict=False)
    )


def moving() -> dict[str, list[int]]:
    """Values of 40 units, no two of a unit alike."""
    random = np.random.default_rng(3)
    return {f"V{k:03d}": (500 + random.permutation(1_000)[:12]).tolist() for k in range(40)}


def test_fal_04_a_value_carried_forward() -> None:
    """Nobody repeats: q = 1 / 431 for the others, so 40 units x 8 places x q^4 is far below .001."""
    values = moving()
    values["V005"][4:9] = [777] * 5
    result = carried_forward(series(values), LIMITS, periods=MONTHS)
    row = only(result)
    q = 1 / (39 * 11 + 1)
    assert (row["statistic"], row["n_found"], row["n"]) == (4.0, 1, 12)
    assert row["p_value"] == pytest.approx(40 * 8 * q**4)
    assert units(result) == ["V005"]


def test_fal_04_zeros_small_counts_constants_and_short_series_are_no_signs() -> None:
    zeros = moving()
    zeros["V005"] = [0] * 12
    assert only(carried_forward(series(zeros), LIMITS, periods=MONTHS))["p_value"] == 1.0
    random = np.random.default_rng(5)
    small = {f"V{k:03d}": random.integers(1, 3, 12).tolist() for k in range(40)}
    assert only(carried_forward(series(small), LIMITS, periods=MONTHS))["p_value"] > LIMITS.alpha
    still = {org: [500] * 12 for org in moving()}
    row = only(carried_forward(series(still), LIMITS, periods=MONTHS, exempt=["I"]))
    assert (row["state"], row["p_value"]) == ("EXEMPT", None)
    short = carried_forward(series(moving()), LIMITS, periods=MONTHS[1:])
    assert only(short)["state"] == "INSUFFICIENT_COUNTS"


def test_fal_04_a_small_count_among_large_ones_repeats_by_itself() -> None:
    """1 and 2 come and go, so five repeats in a row are nothing though nobody else repeats anything."""
    values = moving()
    values["V005"] = [2, 1, 2, 2, 2, 2, 2, 2, 1, 2, 1, 1]
    assert only(carried_forward(series(values), LIMITS, periods=MONTHS))["p_value"] > LIMITS.alpha


def test_fal_04_a_rate_is_carried_forward_with_its_cases_only() -> None:
    """Half of 2, 4, 6 ... cases is half each time; half of the same 8 cases five times is carried forward."""

    def rates(cases: list[int]) -> pl.DataFrame:
        values = [
            {"org_id": org, "period_id": month, "value": value / 2_000, "numerator": value, "denominator": 2_000}
            for org, row in moving().items()
            for month, value in zip(MONTHS, row, strict=True)
            if org != "V005"
        ]
        halves = [
            {"org_id": "V005", "period_id": month, "value": 0.5, "numerator": n / 2, "denominator": n}
            for month, n in zip(MONTHS, cases, strict=True)
        ]
        return facts_of([*values, *halves])

    changing = rates(list(range(2, 26, 2)))
    assert only(carried_forward(changing, LIMITS, periods=MONTHS))["statistic"] == 0.0
    carried = carried_forward(rates([8] * 5 + list(range(10, 24, 2))), LIMITS, periods=MONTHS)
    assert (only(carried)["statistic"], units(carried)) == (4.0, ["V005"])


def test_fal_04_a_missing_period_breaks_a_run() -> None:
    values = moving()
    values["V005"][4:9] = [777] * 5
    gone = series(values).filter(~((pl.col("org_id") == "V005") & (pl.col("period_id") == MONTHS[6])))
    assert only(carried_forward(gone, LIMITS, periods=MONTHS))["statistic"] == 1.0


# FAL-06 -----------------------------------------------------------------------------------------------------


def daily(bump: int, n_visits: int, n_days: int = 140) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Readings of eight units by day, with a bump on visits that lie on the 50th, 51st ... day, a unit each."""
    random = np.random.default_rng(9)
    first = dt.date(2026, 8, 3)
    visits = {(f"V{k:03d}", first + dt.timedelta(days=50 + k)) for k in range(n_visits)}
    rows = []
    for k in range(8):
        for day in (first + dt.timedelta(days=d) for d in range(n_days)):
            value = 100 + int(random.integers(0, 10)) + (bump if (f"V{k:03d}", day) in visits else 0)
            rows.append({"org_id": f"V{k:03d}", "period_id": day.isoformat(), "value": value, "as_of": day})
    return facts_of(rows), pl.DataFrame([{"org_id": org, "day": day} for org, day in sorted(visits)])


def test_fal_06_a_bump_into_inspections() -> None:
    readings, visits = daily(30, 8)
    result = inspection_bump(readings, visits, LIMITS, period_id=NOW)
    row = only(result)
    assert (row["n"], row["n_found"], row["p_value"]) == (8, 8, 1 / 10_000)
    # Up by 30 and down by 30, give or take the noise of the days around.
    assert 50 < row["statistic"] < 70
    assert units(result) == [f"V{k:03d}" for k in range(8)]
    lower = readings.with_columns(lower_better=pl.lit(value=True))
    assert only(inspection_bump(lower, visits, LIMITS, period_id=NOW))["p_value"] > 0.9


def test_fal_06_ordinary_visits_too_few_visits_and_no_visits() -> None:
    assert only(inspection_bump(*daily(0, 8), LIMITS, period_id=NOW))["p_value"] > 0.01
    few = only(inspection_bump(*daily(30, 4), LIMITS, period_id=NOW))
    assert (few["state"], few["n"]) == ("INSUFFICIENT_COUNTS", 4)
    assert only(inspection_bump(*daily(30, 5), LIMITS, period_id=NOW))["state"] is None
    readings, _ = daily(30, 5)
    row = only(inspection_bump(readings, None, LIMITS, period_id=NOW))
    assert (row["state"], row["missing_columns"]) == ("NOT_MEASURABLE", "visits")


def test_fal_06_a_visit_without_enough_placebo_days_is_not_counted() -> None:
    readings, visits = daily(30, 8)
    short = readings.filter(pl.col("as_of").is_between(dt.date(2026, 9, 20), dt.date(2026, 10, 10)))
    assert only(inspection_bump(short, visits, LIMITS, period_id=NOW))["state"] == "INSUFFICIENT_COUNTS"


# FAL-07 -----------------------------------------------------------------------------------------------------

AROUND = (MONTHS[10], MONTHS[11], "2027-01")


def undone(n_targeted: int, n_peers: int, last: int) -> pl.DataFrame:
    """Entities over three months: everybody near 1000, those with a target at ``last`` in the last one."""
    rows = []
    for k in range(n_targeted + n_peers):
        is_targeted = k < n_targeted
        for month, value in zip(AROUND, (1000 + k, (last if is_targeted else 1000) + k, 1000 + k), strict=True):
            target = {"target_value": 1200, "target_set_by": "SETTER"} if is_targeted else {}
            rows.append({"org_id": f"V{k:03d}", "period_id": month, "value": value, **target})
    return facts_of(rows)


def test_fal_07_growth_that_is_cancelled_after_the_count() -> None:
    result = spike_and_undo(undone(12, 12, 1200), LIMITS, months=AROUND, period_id=NOW)
    row = only(result)
    assert (row["subject_org_id"], row["n"], row["n_found"]) == ("SETTER", 12, 12)
    assert row["p_value"] == 1 / 10_000
    assert row["statistic"] == pytest.approx(2 * np.log(1.2), abs=0.01)
    assert row["expected"] == pytest.approx(0.0, abs=1e-9)


def test_fal_07_growth_that_everybody_has_or_too_few_units() -> None:
    same = only(spike_and_undo(undone(12, 12, 1000), LIMITS, months=AROUND, period_id=NOW))
    assert same["p_value"] > 0.05
    few = only(spike_and_undo(undone(7, 40, 1200), LIMITS, months=AROUND, period_id=NOW))
    assert (few["state"], few["n_min"]) == ("INSUFFICIENT_COUNTS", 8)
    assert only(spike_and_undo(undone(8, 8, 1200), LIMITS, months=AROUND, period_id=NOW))["state"] is None


def test_fal_07_before_the_next_period_is_in_it_is_not_measurable() -> None:
    row = only(spike_and_undo(undone(12, 12, 1200), LIMITS, months=None, period_id=NOW))
    assert (row["state"], row["missing_columns"]) == ("NOT_MEASURABLE", "next_period")


# FAL-08 -----------------------------------------------------------------------------------------------------


def plan(hits: int, misses: int, **row: Any) -> list[dict[str, Any]]:
    """Indicator-periods of two units; a hit is a total that equals the plan though neither unit does."""
    rows = []
    for place in range(hits + misses):
        off = 0 if place < hits else 1
        indicator, month = f"P{place // 12:02d}", MONTHS[place % 12]
        common = {"indicator_id": indicator, "period_id": month, "target_set_by": "SETTER", **row}
        rows.append({"org_id": "V001", "value": 90, "target_value": 100, **common})
        rows.append({"org_id": "V002", "value": 110 + off, "target_value": 100, **common})
    return rows


@pytest.mark.parametrize(("hits", "m"), [(4, 6), (5, 12), (6, 24), (10, 60)])
def test_fal_08_exact_totals(hits: int, m: int) -> None:
    row = only(exact_hits(facts_of(plan(hits, m - hits)), LIMITS, periods=MONTHS))
    assert (row["subject_org_id"], row["n"], row["n_found"], row["expected"]) == ("SETTER", m, hits, 0.05)
    assert row["p_value"] <= LIMITS.alpha
    one_fewer = only(exact_hits(facts_of(plan(hits - 1, m - hits + 1)), LIMITS, periods=MONTHS))
    assert one_fewer["p_value"] > LIMITS.alpha


def test_fal_08_a_law_that_sets_the_target_exactly_is_exempt() -> None:
    law = plan(12, 0, indicator_id="BEDS")
    result = exact_hits(facts_of([*plan(1, 11), *law]), LIMITS, periods=MONTHS, exempt=["BEDS"]).tests
    exempt, judged = result.sort("indicator_id", descending=True).rows(named=True)
    assert (exempt["indicator_id"], exempt["state"], exempt["p_value"]) == ("BEDS", "EXEMPT", None)
    assert (judged["n"], judged["n_found"]) == (12, 1)
    assert judged["p_value"] > LIMITS.alpha


def test_fal_08_known_rates_few_periods_and_targets_at_a_limit() -> None:
    """Half of 32 totals without consequence hit as well: 10 of 20 is then nothing."""
    free = [{**row, "indicator_id": f"FREE{row['indicator_id']}"} for row in plan(16, 16)]
    harmless = {f"FREEP{k:02d}" for k in range(3)}
    row = only(exact_hits(facts_of([*plan(10, 10), *free]), LIMITS, periods=MONTHS, without_consequence=harmless))
    assert (row["n"], row["expected"]) == (20, 0.5)
    assert row["p_value"] == pytest.approx(upper_tail(10, 20, 0.5))
    assert only(exact_hits(facts_of(plan(5, 0)), LIMITS, periods=MONTHS))["state"] == "INSUFFICIENT_COUNTS"
    nought = [{**row, "value": 0, "target_value": 0} for row in plan(12, 0)]
    assert exact_hits(facts_of(nought), LIMITS, periods=MONTHS).tests.is_empty()


# FAL-09 -----------------------------------------------------------------------------------------------------


def compared(above: int, below: int, equal: int = 0) -> tuple[pl.DataFrame, pl.DataFrame]:
    ratios = [1.1] * above + [0.9] * below + [1.0] * equal
    rows = [{"org_id": f"V{k:03d}", "value": round(1000 * ratio)} for k, ratio in enumerate(ratios)]
    other = [
        {
            "indicator_id": "I",
            "org_id": row["org_id"],
            "period_id": NOW,
            "independent_register": "survey",
            "value": 1000,
        }
        for row in rows
    ]
    return facts_of(rows), pl.DataFrame(other)


@pytest.mark.parametrize(("above", "n"), [(10, 10), (18, 20), (24, 30)])
def test_fal_09_a_register_above_an_independent_one(above: int, n: int) -> None:
    result = overstatement(*compared(above, n - above, equal=3), LIMITS, period_id=NOW)
    row = only(result)
    assert (row["subject_org_id"], row["compared_with"], row["n"], row["n_found"]) == ("KEEPER", "survey", n, above)
    assert row["p_value"] <= LIMITS.alpha
    assert row["size"] == pytest.approx(1.1)
    assert row["size_low"] <= 1.1 <= row["size_high"]
    assert len(units(result)) == above
    if n > 10:
        fewer = only(overstatement(*compared(above - 1, n - above + 1), LIMITS, period_id=NOW))
        assert fewer["p_value"] > LIMITS.alpha


def test_fal_09_nine_units_understatement_and_no_register() -> None:
    assert only(overstatement(*compared(9, 0, equal=5), LIMITS, period_id=NOW))["state"] == "INSUFFICIENT_COUNTS"
    assert only(overstatement(*compared(0, 20), LIMITS, period_id=NOW))["p_value"] == 1.0
    facts, _ = compared(10, 0)
    row = only(overstatement(facts, None, LIMITS, period_id=NOW))
    assert (row["state"], row["missing_columns"]) == ("NOT_MEASURABLE", "independent_register")


def test_fal_09_too_few_where_lower_is_better_is_the_sign() -> None:
    facts, other = compared(0, 20)
    lower = facts.with_columns(lower_better=pl.lit(value=True))
    assert only(overstatement(lower, other, LIMITS, period_id=NOW))["p_value"] == pytest.approx(0.5**20)


# FAL-10 -----------------------------------------------------------------------------------------------------


def recorded(shares: Mapping[str, tuple[int, int]], totals: tuple[int, int] = (500, 500)) -> pl.DataFrame:
    """Favourable cases of each department before and now."""
    return facts_of(
        {
            "org_id": "V001",
            "source_org_id": department,
            "period_id": period,
            "value": good / total,
            "numerator": good,
            "denominator": total,
        }
        for department, goods in shares.items()
        for period, good, total in zip(("2025-12", NOW), goods, totals, strict=True)
    )


OTHERS = {"DEP1": (150, 152), "DEP2": (140, 139), "DEP3": (160, 163), "DEP4": (155, 150), "DEP5": (145, 148)}


def drift(facts: pl.DataFrame, subject: str = "KEEPER") -> dict[str, Any]:
    result = category_drift(facts, LIMITS, periods=[NOW], earlier_periods=["2025-12"]).tests
    return result.filter(pl.col("subject_org_id") == subject).row(0, named=True)


def test_fal_10_cases_moved_into_the_favourable_category() -> None:
    """150 to 300 of 500; the others go from 750 to 752 of 2500, so the rise against them is .2992."""
    row = drift(recorded({"KEEPER": (150, 300), **OTHERS}))
    assert row["size"] == pytest.approx(0.3 - 2 / 2500)
    # Shares .45 and 1502 / 5000; phi is 1, so z = .2992 / sqrt(.00099 + .000168).
    variance = 0.45 * 0.55 * 2 / 500 + 0.3004 * 0.6996 * 2 / 2500
    assert row["statistic"] == pytest.approx(0.2992 / variance**0.5)
    assert row["evidence"].endswith("phi 1.00")
    assert row["p_value"] <= LIMITS.alpha


def test_fal_10_a_change_everybody_has_is_no_drift() -> None:
    common = {name: (before, before + 150) for name, (before, _) in OTHERS.items()}
    assert drift(recorded({"KEEPER": (150, 300), **common}))["p_value"] > 0.4


def test_fal_10_a_total_that_moved_few_cases_and_few_departments() -> None:
    moved = recorded({"KEEPER": (150, 300), **OTHERS}, totals=(500, 601))
    assert drift(moved)["state"] == "NOT_APPLICABLE"
    assert drift(recorded({"KEEPER": (150, 300), **OTHERS}, totals=(500, 600)))["state"] is None
    small = recorded(dict.fromkeys(("KEEPER", *OTHERS), (60, 70)), totals=(199, 199))
    assert drift(small)["state"] == "INSUFFICIENT_COUNTS"
    four = {name: OTHERS[name] for name in list(OTHERS)[:4]}
    assert drift(recorded({"KEEPER": (150, 300), **four}))["state"] == "INSUFFICIENT_COUNTS"


def test_fal_10_departments_that_vary_widen_the_null() -> None:
    wild = {"DEP1": (100, 220), "DEP2": (250, 120), "DEP3": (130, 240), "DEP4": (240, 130), "DEP5": (150, 155)}
    row = drift(recorded({"KEEPER": (150, 220), **wild}))
    assert row["p_value"] > LIMITS.alpha
    assert drift(recorded({"KEEPER": (150, 220), **OTHERS}))["p_value"] < row["p_value"]


# FAL-11 -----------------------------------------------------------------------------------------------------


def closings(places: Mapping[int, int], reopened: Mapping[int, int] = {}) -> pl.DataFrame:
    """Cases of 100 hours closed after so many hours, some of them reopened ten days later."""
    opened = dt.datetime(2026, 12, 1, tzinfo=UTC)
    utc = pl.Datetime("us", "UTC")
    rows = []
    for hours, count in places.items():
        for k in range(count):
            closed = opened + dt.timedelta(hours=hours)
            again = closed + dt.timedelta(days=10) if k < reopened.get(hours, 0) else None
            rows.append((closed, again))
    return pl.DataFrame(rows, schema={"closed_at": utc, "reopened_at": utc}, orient="row").with_columns(
        source_org_id=pl.lit("KEEPER"),
        opened_at=pl.lit(opened).cast(utc),
        due_at=pl.lit(opened + dt.timedelta(hours=100)).cast(utc),
    )


NO_FACTS = facts_of([{"org_id": "V001", "value": 1}])


def test_fal_11_a_pile_before_the_deadline_that_comes_back() -> None:
    row = only(deadline_pile_up(NO_FACTS, closings({97: 60, 92: 10, 50: 40}, {97: 30}), LIMITS))
    assert (row["subject_org_id"], row["n"], row["n_found"]) == ("KEEPER", 70, 60)
    assert row["size"] == 0.5
    assert row["p_value"] <= LIMITS.alpha


def test_fal_11_working_towards_a_deadline_is_no_sign() -> None:
    """The same pile, but its cases come back no more often than the others do."""
    row = only(deadline_pile_up(NO_FACTS, closings({97: 60, 92: 10, 50: 40}, {97: 3, 50: 2, 92: 1}), LIMITS))
    assert row["p_value"] > 0.05
    no_pile = only(deadline_pile_up(NO_FACTS, closings({97: 35, 92: 35, 50: 40}, {97: 30}), LIMITS))
    assert no_pile["p_value"] > 0.05


def test_fal_11_edges_counts_and_missing_columns() -> None:
    """95 and 100 hours are the last twentieth, 90 and 94 the one before; later than due is not in time."""
    row = only(deadline_pile_up(NO_FACTS, closings({100: 20, 95: 10, 94: 10, 90: 10, 89: 7, 101: 50}), LIMITS))
    assert (row["n"], row["n_found"]) == (50, 30)
    few = only(deadline_pile_up(NO_FACTS, closings({97: 49, 50: 100}), LIMITS))
    assert few["state"] == "INSUFFICIENT_COUNTS"
    assert only(deadline_pile_up(NO_FACTS, None, LIMITS))["missing_columns"] == "cases"
    blind = only(deadline_pile_up(NO_FACTS, closings({97: 60}).drop("reopened_at"), LIMITS))
    assert (blind["state"], blind["missing_columns"]) == ("NOT_MEASURABLE", "reopened_at")


def test_fal_11_a_case_that_comes_back_after_the_days_does_not_count() -> None:
    cases = closings({97: 60, 92: 10, 50: 40}, {97: 30})
    late = cases.with_columns(reopened_at=pl.col("reopened_at") + pl.duration(days=21))
    assert only(deadline_pile_up(NO_FACTS, late, LIMITS))["p_value"] == 1.0


# FAL-12, FAL-13 ---------------------------------------------------------------------------------------------


def growing(jump: float, n_units: int = 40, seed: int = 2, n_months: int = 12) -> dict[str, list[int]]:
    """Values that change by about 5 % a month, tails of Student's t with five degrees; V003 jumps at the end."""
    random = np.random.default_rng(seed)
    steps = np.exp(0.05 * random.standard_t(5, (n_units, n_months)))
    values = np.rint(10_000 * steps.cumprod(axis=1)).astype(int)
    values[3, -1] = round(values[3, -1] * jump)
    return {f"V{k:03d}": row.tolist() for k, row in enumerate(values)}


def test_fal_12_growth_without_compare() -> None:
    result = implausible_growth(series(growing(10)), LIMITS, periods=MONTHS)
    row = only(result)
    assert (row["subject_org_id"], row["compared_with"], row["n"], row["n_found"]) == ("KEEPER", "plain", 40, 1)
    assert row["statistic"] > 30
    assert row["p_value"] <= LIMITS.alpha
    assert units(result) == ["V003"]


def test_fal_12_heavy_tails_are_kept() -> None:
    """A growth of a fifth is four spreads off and still within what peers with such tails do."""
    row = only(implausible_growth(series(growing(1.2)), LIMITS, periods=MONTHS))
    assert row["statistic"] > 2.5
    assert row["p_value"] > LIMITS.alpha
    p_values = [
        only(implausible_growth(series(growing(1, seed=seed)), LIMITS, periods=MONTHS))["p_value"]
        for seed in range(10, 40)
    ]
    assert min(p_values) > LIMITS.alpha


def test_fal_12_a_bounded_history_proves_no_bounded_tail() -> None:
    """Growth has stayed within 5 %, evenly: five and a half spreads are odd, but fourth-power tails allow them."""
    random = np.random.default_rng(6)
    steps = np.linspace(-0.05, 0.05, 40)
    growths = np.column_stack([random.permutation(steps) for _ in range(12)])
    growths[3, -1] = 0.22
    values = np.rint(100_000 * np.exp(growths.cumsum(axis=1))).astype(int)
    facts = series({f"V{k:03d}": row.tolist() for k, row in enumerate(values)})
    row = only(implausible_growth(facts, LIMITS, periods=MONTHS))
    middle = median(growths[:, -1])
    spread = median(abs(growth - middle) for growth in growths[:, -1])
    assert row["statistic"] == pytest.approx((0.22 - middle) / (1.4826 * spread), abs=0.01)
    assert row["p_value"] > LIMITS.alpha


def test_fal_12_mergers_few_peers_and_one_period() -> None:
    facts = series(growing(10))
    merged = only(implausible_growth(facts, LIMITS, periods=MONTHS, excluded=["V003"]))
    assert (merged["n"], merged["p_value"] > LIMITS.alpha) == (39, True)
    ten = only(implausible_growth(series(growing(10, n_units=10)), LIMITS, periods=MONTHS))
    assert (ten["n"], ten["state"]) == (10, "INSUFFICIENT_COUNTS")
    eleven = only(implausible_growth(series(growing(10, n_units=11)), LIMITS, periods=MONTHS))
    assert eleven["state"] is None
    first = only(implausible_growth(facts, LIMITS, periods=[NOW]))
    assert (first["state"], first["missing_columns"]) == ("NOT_MEASURABLE", "earlier_periods")


def test_fal_12_a_fall_is_the_sign_where_lower_is_better() -> None:
    facts = series(growing(0.1))
    assert only(implausible_growth(facts, LIMITS, periods=MONTHS))["p_value"] > LIMITS.alpha
    lower = facts.with_columns(lower_better=pl.lit(value=True))
    assert only(implausible_growth(lower, LIMITS, periods=MONTHS))["p_value"] <= LIMITS.alpha


def linked_to(values: Mapping[str, list[int]], registers: tuple[str, ...], follow: bool) -> pl.DataFrame:
    """Registers that move with the figures, except at V003 when it is not to follow."""
    random = np.random.default_rng(8)
    rows = []
    for register in registers:
        for org, months in values.items():
            for month, value in zip(MONTHS[-2:], months[-2:], strict=True):
                real = months[-2] if org == "V003" and not follow else value
                noise = float(np.exp(0.01 * random.standard_normal()))
                rows.append(
                    {
                        "indicator_id": "I",
                        "linked_register": register,
                        "org_id": org,
                        "period_id": month,
                        "value": real * noise / 7,
                    }
                )
    return pl.DataFrame(rows)


def test_fal_13_a_jump_that_power_and_tax_do_not_follow() -> None:
    values = growing(2)
    bought = linked_to(values, ("power", "tax"), follow=False)
    result = unlinked_jumps(series(values), bought, LIMITS, periods=MONTHS)
    assert only(result)["p_value"] <= LIMITS.alpha
    assert units(result) == ["V003"]
    real = linked_to(values, ("power", "tax"), follow=True)
    assert only(unlinked_jumps(series(values), real, LIMITS, periods=MONTHS))["p_value"] > LIMITS.alpha


def test_fal_13_one_linked_register_is_not_run_and_idle_ones_tell_nothing() -> None:
    values = growing(2)
    facts = series(values)
    one = only(unlinked_jumps(facts, linked_to(values, ("power",), follow=False), LIMITS, periods=MONTHS))
    assert (one["state"], one["missing_columns"]) == ("NOT_MEASURABLE", "linked_registers")
    assert only(unlinked_jumps(facts, None, LIMITS, periods=MONTHS))["state"] == "NOT_MEASURABLE"
    elsewhere = linked_to(growing(1, seed=77), ("power", "tax"), follow=True)
    assert only(unlinked_jumps(facts, elsewhere, LIMITS, periods=MONTHS))["state"] == "NOT_APPLICABLE"


def test_residuals_come_from_fits_without_the_value() -> None:
    """A line through all points but one: the others are foretold exactly, the odd one by the line."""
    x = np.arange(12.0)
    y = 3 + 2 * x
    y[5] += 7
    residuals = cross_validated_residuals(y, x[:, None])
    assert residuals[5] == pytest.approx(7)
    assert np.delete(residuals, 5) == pytest.approx(np.zeros(11), abs=1e-9)


# Common rules -----------------------------------------------------------------------------------------------


def test_a_village_is_never_a_subject() -> None:
    """A village that keeps its own register: its target is the setter's, and without a setter nobody's."""
    own = {"source_org_id": "V001", "value": 5}
    facts = facts_of(
        [
            {"org_id": "V001", "target_value": 9, "target_set_by": "SETTER", **own},
            {"org_id": "V002", "target_value": 9, "target_set_by": "V003", **own},
            {"org_id": "V004", "value": 5, "target_value": 9, "target_set_by": "V003"},
        ]
    )
    assert facts.select("org_id", "subject_org_id", "target_subject_org_id").rows() == [
        ("V001", "SETTER", "SETTER"),
        ("V004", "KEEPER", "KEEPER"),
    ]


def test_two_facts_of_one_key_are_refused() -> None:
    with pytest.raises(ValueError, match="two rows have the same indicator_id"):
        facts_of([{"org_id": "V001", "value": 5}, {"org_id": "V001", "value": 6}])


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 60), st.integers(0, 60), st.randoms(use_true_random=False))
def test_more_above_the_target_never_lowers_the_evidence(reached: int, short: int, shuffle: Any) -> None:
    """And no result depends on the order of rows."""
    rows = around(1000, {3: reached + 30, -7: short})
    more = around(1000, {3: reached + 31, -7: short})
    first = only(target_bunching(facts_of(rows), LIMITS, period_id=NOW))
    shuffle.shuffle(rows)
    assert only(target_bunching(facts_of(rows), LIMITS, period_id=NOW)) == first
    assert only(target_bunching(facts_of(more), LIMITS, period_id=NOW))["p_value"] <= first["p_value"]
