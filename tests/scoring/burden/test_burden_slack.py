"""The slack watch on small panels worked out by hand."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import polars as pl
import pytest

from scoring.burden.parameters import Parameter, Parameters
from scoring.burden.slack import design, effect, slack_watch
from scoring.tables.burden_watch import SLACK_WATCH

PERIODS = [f"2026-{month:02d}" for month in range(1, 11)]
PARAMETERS = Parameters(
    {
        name: Parameter(name, value, unit, "J")
        for name, value, unit in (
            ("slack.periods_min", 4, "period"),
            ("slack.draws", 999, "draw"),
            ("slack.level", 0.95, "share"),
        )
    }
)
TREATED = [f"T{k}" for k in range(8)]
PEERS = [f"P{k}" for k in range(12)]
HIGHER = pl.DataFrame({"indicator_id": ["CLEAN"], "direction": ["higher_better"]})
UNITS = pl.DataFrame({"org_id": TREATED + PEERS, "peer_group": ["plain"] * 20})


def endings(units: list[str] = TREATED, ended_from: str = "2026-05") -> pl.DataFrame:
    return pl.DataFrame({"indicator_id": "CLEAN", "org_id": units, "ended_from": ended_from})


def outcomes(drop: dict[int, float], seed: int = 1) -> pl.DataFrame:
    """Values about 80 with a common season; treated units lose ``drop[place]`` in the period at that place."""
    noise = np.random.default_rng(seed).normal(0, 0.5, (20, 10))
    rows = [
        ("CLEAN", unit, period, 80 + place % 4 + noise[row, place] - (drop.get(place, 0) if row < 8 else 0))
        for row, unit in enumerate(TREATED + PEERS)
        for place, period in enumerate(PERIODS)
    ]
    return pl.DataFrame(rows, schema=["indicator_id", "org_id", "period_id", "value"], orient="row")


def watch(
    values: pl.DataFrame,
    ended: pl.DataFrame | None = None,
    units: pl.DataFrame = UNITS,
    directions: pl.DataFrame = HIGHER,
    periods: list[str] = PERIODS,
) -> dict[str, object]:
    table = slack_watch(values, endings() if ended is None else ended, units, directions, periods, PARAMETERS)
    assert table.schema == SLACK_WATCH.schema
    (row,) = table.to_dicts()
    return row


def test_a_lasting_fall_after_the_end_is_slack() -> None:
    row = watch(outcomes(dict.fromkeys(range(4, 10), 3.0)))
    assert row["state"] == "SLACK"
    assert row["result_type"] == "watch"
    assert (row["n_before"], row["n_after"], row["n_treated"], row["n_peers"], row["n_left_out"]) == (4, 6, 8, 12, 0)
    assert row["estimate"] == pytest.approx(-3.0, abs=0.5)
    assert row["ci_low"] < row["estimate"] < row["ci_high"] < 0  # type: ignore[operator]


def test_nothing_happened_is_no_evidence() -> None:
    row = watch(outcomes({}))
    assert row["state"] == "NO_EVIDENCE"
    assert row["ci_low"] < 0 < row["ci_high"]  # type: ignore[operator]


def test_an_improvement_is_never_slack() -> None:
    row = watch(outcomes(dict.fromkeys(range(4, 10), -3.0)))
    assert row["state"] == "NO_EVIDENCE"
    assert row["ci_low"] > 0  # type: ignore[operator]


def test_what_is_worse_follows_the_direction() -> None:
    lower = HIGHER.with_columns(direction=pl.lit("lower_better"))
    row = watch(outcomes(dict.fromkeys(range(4, 10), -3.0)), directions=lower)
    assert row["state"] == "SLACK"
    assert row["estimate"] == pytest.approx(3.0, abs=0.5)
    assert 0 < row["ci_low"] < row["estimate"] < row["ci_high"]  # type: ignore[operator]
    assert watch(outcomes(dict.fromkeys(range(4, 10), 3.0)), directions=lower)["state"] == "NO_EVIDENCE"


@pytest.mark.parametrize("bad", [4, 7, 8, 9])
def test_one_bad_period_is_never_slack(bad: int) -> None:
    """Even one so bad that the mean since the end excludes 0 in every run after it."""
    row = watch(outcomes({bad: 30.0}))
    assert row["ci_high"] < 0  # type: ignore[operator]
    assert row["state"] == "NO_EVIDENCE"


def test_the_period_before_has_to_show_it_too() -> None:
    """Two bad periods, the last two: a period earlier the interval of one bad period in five excludes 0 as well."""
    assert watch(outcomes({8: 30.0, 9: 30.0}))["state"] == "SLACK"
    row = watch(outcomes({8: 0.4, 9: 30.0}))
    assert row["ci_high"] < 0  # type: ignore[operator]
    assert row["previous_ci_high"] > 0  # type: ignore[operator]
    assert row["state"] == "NO_EVIDENCE"


@pytest.mark.parametrize(
    ("n_before", "n_after", "state"),
    [(4, 5, "SLACK"), (4, 4, "INSUFFICIENT_HISTORY"), (3, 6, "INSUFFICIENT_HISTORY")],
)
def test_at_least_four_periods_on_each_side_twice(n_before: int, n_after: int, state: str) -> None:
    values = outcomes(dict.fromkeys(range(4, 10), 3.0))
    row = watch(values, periods=PERIODS[4 - n_before : 4 + n_after])
    assert row["state"] == state
    assert (row["estimate"] is None) == (state != "SLACK")


def test_one_treated_unit_among_few_is_too_little() -> None:
    """One of 13 choices is the true one: no interval of 95 % has ends."""
    values = outcomes(dict.fromkeys(range(4, 10), 30.0)).filter(~pl.col("org_id").is_in(TREATED[1:]))
    row = watch(values, endings(TREATED[:1]))
    assert (row["state"], row["ci_low"], row["ci_high"]) == ("INSUFFICIENT_UNITS", None, None)
    assert row["estimate"] == pytest.approx(-30, abs=1)


def test_units_with_a_gap_and_groups_without_a_counterpart_are_left_out_and_counted() -> None:
    values = outcomes({}).filter((pl.col("org_id") != "P0") | (pl.col("period_id") != "2026-03"))
    units = UNITS.with_columns(
        peer_group=pl.when(pl.col("org_id") == "P1").then(pl.lit("hill")).otherwise("peer_group")
    )
    row = watch(values, units=units)
    assert (row["n_treated"], row["n_peers"], row["n_left_out"]) == (8, 10, 2)


def test_peer_groups_of_different_level_and_trend_do_not_make_slack() -> None:
    """Most treated units are hill villages, where everybody fell by 10: compared among themselves they did not."""
    group = {unit: "hill" if unit in TREATED[:6] + PEERS[:4] else "plain" for unit in TREATED + PEERS}
    units = pl.DataFrame({"org_id": list(group), "peer_group": list(group.values())})
    fell = pl.col("org_id").is_in(TREATED[:6] + PEERS[:4]) & (pl.col("period_id") >= "2026-05")
    values = outcomes({}).with_columns(value=pl.when(fell).then(pl.col("value") - 10).otherwise("value"))
    assert watch(values, units=units)["state"] == "NO_EVIDENCE"
    assert watch(values)["estimate"] < -3  # type: ignore[operator]


def test_units_that_ended_at_another_time_are_neither_treated_nor_peers() -> None:
    later = pl.concat([endings(), endings(PEERS[:3], "2026-06")])
    table = slack_watch(outcomes({}), later, UNITS, HIGHER, PERIODS, PARAMETERS)
    assert table.select("ended_from", "n_treated", "n_peers").rows() == [("2026-05", 8, 9), ("2026-06", 3, 9)]


def test_the_interval_is_the_exact_one_where_all_choices_can_be_listed() -> None:
    """3 treated of 8, all 56 choices: ends where an effect taken off leaves too few choices as extreme."""
    change = np.array([-5.0, -4.1, -6.3, 0.2, -0.4, 0.7, 1.1, -1.3])
    treated = np.array([True] * 3 + [False] * 5)
    found = effect(change, design(treated, np.zeros(8, dtype=np.int64), draws=9_999, seed=3), level=0.90)

    def share_as_high(shift: float) -> float:
        """Share of choices whose difference is at least the true one with the effect taken off."""
        rest = change - shift * treated
        true = rest[:3].mean() - rest[3:].mean()
        every = [(rest[list(c)].mean() - np.delete(rest, list(c)).mean()) for c in combinations(range(8), 3)]
        return float(np.mean(np.array(every) >= true - 1e-12))

    # 1 of 56 is the true choice; 2 of 56 is below 5 %, 3 of 56 above.
    assert share_as_high(found.low - 0.01) <= 0.05 < share_as_high(found.low + 0.01)
    assert share_as_high(found.high - 0.01) < 0.97 < share_as_high(found.high + 0.01)
    assert found.estimate == pytest.approx(-15.4 / 3 - 0.06)


def test_row_order_does_not_matter() -> None:
    values = outcomes(dict.fromkeys(range(4, 10), 1.0))
    assert watch(values) == watch(values.reverse(), endings().reverse(), UNITS.reverse())


@pytest.mark.parametrize(
    ("values", "ended", "directions", "why"),
    [
        (pl.concat([outcomes({}), outcomes({})]), endings(), HIGHER, "two values of one unit and period"),
        (outcomes({}), pl.concat([endings(), endings()]), HIGHER, "two endings of one unit"),
        (outcomes({}), endings(), HIGHER.clear(), "no direction of CLEAN"),
        (outcomes({}), endings(ended_from="2019-01"), HIGHER, "ended in 2019-01"),
    ],
)
def test_unusable_inputs_are_refused(
    values: pl.DataFrame, ended: pl.DataFrame, directions: pl.DataFrame, why: str
) -> None:
    with pytest.raises(ValueError, match=why):
        slack_watch(values, ended, UNITS, directions, PERIODS, PARAMETERS)


def test_nothing_ended_nothing_is_told() -> None:
    table = slack_watch(outcomes({}), endings([]), UNITS, HIGHER, PERIODS, PARAMETERS)
    assert table.schema == SLACK_WATCH.schema
    assert table.height == 0
