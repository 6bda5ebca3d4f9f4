"""Whether results of a matter slackened where its assessment ended (burden catalogue, part 7).

Difference in differences of the matter's outcome: the change of the units that are no longer assessed, less that
of their peers that still are. A watch: it changes no score, and one bad period never makes a sign.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import polars as pl

from scoring.burden.count_tests import Floats
from scoring.burden.parameters import Parameters
from scoring.tables.burden_watch import SLACK_WATCH

Booleans = npt.NDArray[np.bool_]

WORSE_WHEN_LOW: Final = {"higher_better": 1.0, "lower_better": -1.0}
_UNBOUNDED: Final = (float("-inf"), float("inf"))


@dataclass(frozen=True)
class Effect:
    """A difference in differences with its interval; an end is infinite where too few units could be exchanged."""

    estimate: float
    low: float
    high: float

    @property
    def is_bounded(self) -> bool:
        """Whether both ends are finite."""
        return bool(np.isfinite(self.low) and np.isfinite(self.high))

    def turned(self, sign: float) -> Effect:
        """The effect times 1 or -1."""
        return self if sign > 0 else Effect(-self.estimate, -self.high, -self.low)


@dataclass(frozen=True)
class Design:
    """Units of one matter and ways of choosing the treated ones among them.

    ``treated`` (k) marks the units without assessment, ``group`` (k) numbers their peer groups, and ``draws``
    (draws x k) holds random choices of as many treated units inside each peer group.
    """

    treated: Booleans
    group: npt.NDArray[np.int64]
    draws: Booleans


def design(treated: Booleans, group: npt.NDArray[np.int64], *, draws: int, seed: int) -> Design:
    """Seeded permutations of the treated units within their peer groups."""
    generator = np.random.default_rng(seed)
    chosen = np.zeros((draws, len(treated)), dtype=np.bool_)
    for number in np.unique(group):
        members = np.flatnonzero(group == number)
        order = np.argsort(generator.random((draws, len(members))), axis=1, kind="stable")
        chosen[:, members] = order < treated[members].sum()
    return Design(treated, group, chosen)


def effect(change: Floats, units: Design, *, level: float) -> Effect:
    """Treated less peers, with the interval of effects that a permutation test does not reject.

    Inside each peer group the mean change of treated units less that of the others, weighted by the number of
    treated units. An effect ``t`` is rejected when, with ``t`` taken off the treated units, too few permutations give
    a difference at least as extreme as the true choice. As the difference is linear in ``t``, each permutation
    has one effect at which it changes sides, and the interval ends are order statistics of these; a permutation
    equal to the true choice never changes sides.

    Args:
        change: Change of each unit (k), the mean of the periods after less that of the periods before.
        units: The units and permutations.
        level: Coverage of the interval, as .95.
    """
    estimate = float(_difference(units.treated[None, :], change, units)[0])
    permuted = _difference(units.draws, change, units)
    overlap = _difference(units.draws, units.treated.astype(np.float64), units)
    same = (units.draws == units.treated).all(axis=1)
    turning = (estimate - permuted) / np.where(same, 1.0, 1.0 - overlap)
    rank = int((1 - level) / 2 * (len(same) + 1) + 1e-9)
    if rank < 1:
        return Effect(estimate, *_UNBOUNDED)
    low = np.sort(np.where(same, -np.inf, turning))[rank - 1]
    high = np.sort(np.where(same, np.inf, turning))[-rank]
    return Effect(estimate, float(low), float(high))


def _difference(chosen: Booleans, change: Floats, units: Design) -> Floats:
    """Mean of the chosen less mean of the others inside each peer group, weighted by the treated units (draws)."""
    total = np.zeros(len(chosen))
    n_treated = int(units.treated.sum())
    for number in np.unique(units.group):
        members = units.group == number
        picked, values = chosen[:, members], change[members]
        size, n = int(members.sum()), int(units.treated[members].sum())
        # Sums along an axis, not matrix products: their order is fixed.
        inside = np.where(picked, values, 0.0).sum(axis=1)
        outside = np.where(picked, 0.0, values).sum(axis=1)
        total += n / n_treated * (inside / n - outside / (size - n))
    return total


def slack_watch(
    outcomes: pl.DataFrame,
    endings: pl.DataFrame,
    units: pl.DataFrame,
    directions: pl.DataFrame,
    periods: Sequence[str],
    parameters: Parameters,
) -> pl.DataFrame:
    """Every matter whose assessment ended, with its difference in differences (burden catalogue, part 7).

    Only units with a value in every period count, and only peer groups with units of both sorts. A sign needs the
    interval to exclude 0 in the worse direction with the data up to this period and with those up to the one before,
    each with ``slack.periods_min`` periods on each side, and still to do so without the worst period since the end.

    Args:
        outcomes: indicator_id, org_id, period_id and value (number) of the outcome of each matter: units that are
            no longer assessed and units that still are.
        endings: indicator_id, org_id, ended_from: the first period in which the unit was not assessed on the matter.
            Units of one matter that ended at different times are looked at apart, each against those never ended.
        units: org_id, peer_group (null: one group of its own).
        directions: indicator_id, direction (higher_better or lower_better).
        periods: Periods in order; the last one is judged.
        parameters: slack.periods_min, slack.draws, slack.level.

    Returns:
        ``tables.burden_watch.SLACK_WATCH``.

    Raises:
        ValueError: A unit has two values or two endings for a matter, a matter has no direction, or an assessment
            ended in a period that is not given.
    """
    _refuse_unusable(outcomes, endings, directions, periods)
    cases = endings.select("indicator_id", "ended_from").unique().sort("indicator_id", "ended_from")
    signs = dict(directions.select("indicator_id", "direction").iter_rows())
    rows = []
    for indicator, ended_from in cases.iter_rows():
        matter = pl.col("indicator_id") == indicator
        panel = _panel(outcomes.filter(matter), endings.filter(matter), units, ended_from, periods)
        sign = WORSE_WHEN_LOW[signs[indicator]]
        seed = _seed(indicator, ended_from)
        row = _judged(panel, list(periods).index(ended_from), sign, seed, parameters)
        rows.append({"indicator_id": indicator, "ended_from": ended_from, **row})
    given = pl.DataFrame(rows, schema={name: dtype for name, dtype in SLACK_WATCH.schema.items() if name in _GIVEN})
    period = str(periods[-1]) if periods else None
    return SLACK_WATCH.conform(given.with_columns(period_id=pl.lit(period), result_type=pl.lit("watch")))


_GIVEN: Final = frozenset(SLACK_WATCH.schema) - {"period_id", "result_type"}


def _refuse_unusable(
    outcomes: pl.DataFrame, endings: pl.DataFrame, directions: pl.DataFrame, periods: Sequence[str]
) -> None:
    for frame, key, what in (
        (outcomes, ["indicator_id", "org_id", "period_id"], "two values of one unit and period"),
        (endings, ["indicator_id", "org_id"], "two endings of one unit"),
    ):
        twice = frame.filter(frame.select(key).is_duplicated()).select(key).sort(key)
        if twice.height:
            raise ValueError(f"slack watch: {what} ({'/'.join(twice.row(0))}); keep the one in force")
    known = directions.filter(pl.col("direction").is_in(list(WORSE_WHEN_LOW)))["indicator_id"]
    silent = sorted(set(endings["indicator_id"]) - set(known))
    if silent:
        raise ValueError(f"slack watch: no direction of {', '.join(silent)}; give higher_better or lower_better")
    elsewhere = sorted(set(endings["ended_from"]) - set(periods))
    if elsewhere:
        raise ValueError(f"slack watch: assessments ended in {', '.join(elsewhere)}, not among the periods given")


@dataclass(frozen=True)
class _Panel:
    """Values (units x periods) of the units that count, whether they ended, their groups, and how many do not."""

    values: Floats
    treated: Booleans
    group: npt.NDArray[np.int64]
    n_left_out: int


def _panel(
    outcomes: pl.DataFrame, endings: pl.DataFrame, units: pl.DataFrame, ended_from: str, periods: Sequence[str]
) -> _Panel:
    ended = endings.select("org_id", is_treated=pl.col("ended_from") == ended_from)
    wide = (
        outcomes.filter(pl.col("period_id").is_in(list(periods)))
        .join(ended, on="org_id", how="left")
        .with_columns(pl.col("is_treated").fill_null(value=False))
        .filter(pl.col("is_treated") | ~pl.col("org_id").is_in(endings["org_id"].implode()))
        .join(units.select("org_id", "peer_group"), on="org_id", how="left")
        .with_columns(pl.col("value").cast(pl.Float64))
        .pivot("period_id", index=["org_id", "is_treated", "peer_group"], values="value", on_columns=list(periods))
        .sort("org_id")
    )
    complete = wide.drop_nulls(list(periods))
    both = pl.col("is_treated").any().over("peer_group") & (~pl.col("is_treated")).any().over("peer_group")
    kept = complete.filter(both)
    return _Panel(
        values=kept.select(list(periods)).to_numpy().astype(np.float64),
        treated=kept["is_treated"].to_numpy().astype(np.bool_),
        group=kept["peer_group"].fill_null("").rank("dense").to_numpy().astype(np.int64),
        n_left_out=wide.height - kept.height,
    )


def _seed(indicator: str, ended_from: str) -> int:
    """A seed of its own for each matter, so that an interval does not depend on what else is looked at."""
    return int.from_bytes(hashlib.sha256(f"slack watch/{indicator}/{ended_from}".encode()).digest()[:8], "big")


def _judged(panel: _Panel, first: int, sign: float, seed: int, parameters: Parameters) -> dict[str, object]:
    """State, counts and effects of one matter; ``first`` is the place of the first period without assessment."""
    least = parameters.whole("slack.periods_min")
    n_periods, n_treated = panel.values.shape[1], int(panel.treated.sum())
    row: dict[str, object] = {
        "n_before": first,
        "n_after": n_periods - first,
        "n_treated": n_treated,
        "n_peers": len(panel.treated) - n_treated,
        "n_left_out": panel.n_left_out,
    }
    # The period before must have enough periods after the end as well.
    if first < least or n_periods - first < least + 1:
        return row | _effects(None, None, None) | {"state": "INSUFFICIENT_HISTORY"}
    if n_treated == 0:
        return row | _effects(None, None, None) | {"state": "INSUFFICIENT_UNITS"}
    chosen = design(panel.treated, panel.group, draws=parameters.whole("slack.draws"), seed=seed)
    level = parameters.number("slack.level")
    values = sign * panel.values
    after = list(range(first, n_periods))
    single = [float(_difference(chosen.treated[None, :], values[:, place], chosen)[0]) for place in after]
    worst = after[int(np.argmin(single))]
    now, before, without = (
        effect(values[:, places].mean(axis=1) - values[:, :first].mean(axis=1), chosen, level=level)
        for places in (after, after[:-1], [place for place in after if place != worst])
    )
    if not now.is_bounded:
        state = "INSUFFICIENT_UNITS"
    else:
        state = "SLACK" if max(now.high, before.high, without.high) < 0 else "NO_EVIDENCE"
    return row | _effects(now.turned(sign), before.turned(sign), without.turned(sign)) | {"state": state}


def _effects(now: Effect | None, before: Effect | None, without: Effect | None) -> dict[str, object]:
    found: dict[str, object] = {}
    for (estimate, low, high), given in (
        (("estimate", "ci_low", "ci_high"), now),
        (("previous_estimate", "previous_ci_low", "previous_ci_high"), before),
        (("estimate_without_worst", "without_worst_ci_low", "without_worst_ci_high"), without),
    ):
        found[estimate] = given.estimate if given else None
        found[low] = given.low if given and np.isfinite(given.low) else None
        found[high] = given.high if given and np.isfinite(given.high) else None
    return found
