"""Flags about whole units: command voting, bursts, stuffed rosters and shared devices (method 2.9).

Every test compares a unit with the other units of its peer group, never with itself. Units without a
peer group are compared with one another. A unit's p-value is corrected for the number of things looked
at inside it; across units the false discovery rate is controlled.
"""

from __future__ import annotations

import numpy as np
import polars as pl
import scipy.special

from scoring.anomalies.false_discovery import Floats, ordered_sums, with_q_values
from scoring.anomalies.parameters import AnomalyParameters
from scoring.sums import VALUE_SCALE, divide_half_up

_CELL = ("rater_org_id", "ratee_org_id", "instrument_id")
_UNIT = "rater_org_id"

TEST_SCHEMA = {
    "rater_org_id": pl.String(),
    "n_flagged": pl.Int64(),
    "n_examined": pl.Int64(),
    "statistic": pl.Float64(),
    "expected": pl.Float64(),
    "p_value": pl.Float64(),
    "q_value": pl.Float64(),
    "flagged": pl.Boolean(),
}
"""Result of every test of units. ``n_flagged`` of ``n_examined`` is what the statistic counts."""


def poisson_tail(observed: Floats, mean: Floats) -> Floats:
    """``P(X >= observed)`` for ``X ~ Poisson(mean)``; 1 where nothing was observed."""
    tail = scipy.special.pdtrc(np.maximum(observed - 1.0, 0.0), mean)
    return np.where(observed <= 0, 1.0, tail)


def identical_ballots(ballots: pl.DataFrame, units: pl.DataFrame, parameters: AnomalyParameters) -> pl.DataFrame:
    """Whether the ballots of a unit repeat one another beyond what its peers' ballots explain.

    For unit ``u``, department ``d`` and answer vector ``k`` with ``c`` of the unit's ``n`` ballots:
    ``p = P(Poisson(n p_k) >= c)``, ``p_k = (c_other + 1) / (n_other + 1)``, where *other* counts the other units
    of the peer group; the one keeps a vector nobody else happened to give from looking impossible. The
    unit's p-value is its smallest times the number of vectors seen for that department, times the number
    of departments examined (Bonferroni). Examined are cells with ``min_unit_raters`` ballots in the unit
    and ``min_other_raters`` elsewhere.

    Args:
        ballots: ``AnswerPatterns.ballots``.
        units: org_id, peer_group.
        parameters: Limits.

    Returns:
        ``TEST_SCHEMA``: ``n_flagged`` and ``n_examined`` are the equal ballots and the ballots of the unit
        for the department with the smallest p-value, ``statistic`` their ratio, ``expected`` the number
        of equal ballots expected.
    """
    rows = _grouped(ballots, units)
    scope = ("peer_group", "ratee_org_id", "instrument_id")
    by_vector = rows.group_by("peer_group", *_CELL, "vector").agg(c=pl.len().cast(pl.Int64))
    n_other = pl.col("n_department") - pl.col("n")
    examined = (
        by_vector.with_columns(
            n=pl.col("c").sum().over("peer_group", *_CELL),
            n_department=pl.col("c").sum().over(scope),
            c_department=pl.col("c").sum().over(*scope, "vector"),
            n_vectors=pl.col("vector").n_unique().over(scope),
        )
        .filter((pl.col("n") >= parameters.min_unit_raters) & (n_other >= parameters.min_other_raters))
        .with_columns(mean=pl.col("n") * (pl.col("c_department") - pl.col("c") + 1) / (n_other + 1))
        .sort(*_CELL, "vector")
    )
    tail = poisson_tail(examined["c"].to_numpy().astype(float), examined["mean"].to_numpy())
    cells = examined.with_columns(pl.Series("tail", tail) * examined["n_vectors"])
    by_unit = (
        cells.sort("tail", *_CELL, "vector")
        .group_by(_UNIT, maintain_order=True)
        .agg(pl.col("c", "n", "mean", "tail").first(), n_cells=pl.struct("ratee_org_id", "instrument_id").n_unique())
    )
    return _tested(
        by_unit.select(
            _UNIT,
            n_flagged="c",
            n_examined="n",
            statistic=pl.col("c") / pl.col("n"),
            expected="mean",
            p_value=(pl.col("tail") * pl.col("n_cells")).clip(upper_bound=1.0),
        ),
        parameters,
    )


def agreement_cells(ballots: pl.DataFrame, units: pl.DataFrame, parameters: AnomalyParameters) -> pl.DataFrame:
    """Agreement inside each unit about each department, with the chance that peers would reach it.

    ``r_wg = 1 - s2 / s2_uniform`` (method 2.3), ``s2_uniform = 100^2 (K + 1) / (12 (K - 1))`` on the 0-100
    scale with ``K`` = ``categories``, from exact whole-number sums; a ballot's value is the mean of its
    answers. A cell is extreme when its mean is at most ``extreme_low`` or at least ``extreme_high``. Were
    the ``n`` raters drawn from the other units' raters, all would be extreme with chance ``h^n + l^n``,
    ``h`` and ``l`` the shares of other units' ballots at least as extreme (with the same added one as in
    ``identical_ballots``).

    Args:
        ballots: ``AnswerPatterns.ballots``.
        units: org_id, peer_group.
        parameters: Limits.

    Returns:
        rater_org_id, ratee_org_id, instrument_id, n, mean (0-100), r_wg, agreed, chance; one row per
        examined cell, sorted. It never leaves the scoring process.
    """
    value = divide_half_up(pl.col("sum_value"), pl.col("n_items"))
    low, high = parameters.extreme_low * VALUE_SCALE, parameters.extreme_high * VALUE_SCALE
    rows = (
        _grouped(ballots, units)
        .with_columns(value=value)
        .with_columns(is_high=(pl.col("value") >= high).cast(pl.Int64), is_low=(pl.col("value") <= low).cast(pl.Int64))
    )
    cells = rows.group_by("peer_group", *_CELL).agg(
        pl.col("is_high", "is_low").sum(),
        n=pl.len().cast(pl.Int64),
        total=pl.col("value").sum(),
        squares=pl.col("value").cast(pl.Int128).pow(2).sum(),
    )
    scope = ("peer_group", "ratee_org_id", "instrument_id")
    counted = cells.with_columns(n_other=pl.col("n").sum().over(scope) - pl.col("n"))
    chances = [
        (pl.col(name).sum().over(scope) - pl.col(name) + 1) / (pl.col("n_other") + 1) for name in ("is_high", "is_low")
    ]
    k = parameters.categories
    uniform = 100**2 * (k + 1) / (12 * (k - 1)) * VALUE_SCALE**2
    n = pl.col("n")
    spread = n.cast(pl.Int128) * pl.col("squares") - pl.col("total").cast(pl.Int128).pow(2)
    variance = spread.cast(pl.Float64) / (n * (n - 1))
    return (
        counted.with_columns(high=chances[0], low=chances[1])
        .filter((n >= parameters.min_unit_raters) & (pl.col("n_other") >= parameters.min_other_raters))
        .with_columns(mean=pl.col("total") / (n * VALUE_SCALE), r_wg=(1.0 - variance / uniform).clip(lower_bound=0.0))
        .select(
            *_CELL,
            "n",
            "mean",
            "r_wg",
            agreed=(pl.col("r_wg") > float(parameters.agreement))
            & ~pl.col("mean").is_between(parameters.extreme_low, parameters.extreme_high, closed="none"),
            chance=(pl.col("high").pow(n) + pl.col("low").pow(n)).clip(upper_bound=1.0),
        )
        .sort(_CELL)
    )


def agreement(ballots: pl.DataFrame, units: pl.DataFrame, parameters: AnomalyParameters) -> pl.DataFrame:
    """Whether a unit is of one extreme mind about more departments than its peers' ballots explain.

    The number of departments with r_wg above ``agreement`` and an extreme mean against a Poisson count whose
    mean is the sum of the cells' chances; see ``agreement_cells``.

    Args:
        ballots: ``AnswerPatterns.ballots``.
        units: org_id, peer_group.
        parameters: Limits.

    Returns:
        ``TEST_SCHEMA``: ``n_flagged`` agreed cells of ``n_examined``, ``statistic`` their ratio.
    """
    cells = agreement_cells(ballots, units, parameters)
    sums = ordered_sums(cells, [_UNIT], ["chance"])
    agreed = cells.group_by(_UNIT).agg(n_flagged=pl.col("agreed").sum().cast(pl.Int64))
    rows = sums.join(agreed, on=_UNIT).sort(_UNIT)
    tail = poisson_tail(rows["n_flagged"].to_numpy().astype(float), rows["chance"].to_numpy())
    return _tested(
        rows.select(
            _UNIT,
            "n_flagged",
            n_examined="n",
            statistic=pl.col("n_flagged") / pl.col("n"),
            expected="chance",
            p_value=pl.Series(tail, dtype=pl.Float64),
        ),
        parameters,
    )


def arrival_bursts(raters: pl.DataFrame, units: pl.DataFrame, parameters: AnomalyParameters) -> pl.DataFrame:
    """Whether the raters of a unit arrive in one hour more than the hours of its peers explain.

    Raters are counted at their first submission, not ballots: one person sends all ballots in one sitting.
    With ``c`` of the unit's ``n`` raters in an hour: ``P(Poisson(n q) >= c)``, ``q = (c_other + 1) /
    (n_other + H)``, ``H`` the hours in which anybody of the peer group arrived; the smallest p-value times
    ``H`` is the unit's.

    Args:
        raters: ``AnswerPatterns.raters``; rows without a time are left out.
        units: org_id, peer_group.
        parameters: Limits.

    Returns:
        ``TEST_SCHEMA``: ``n_flagged`` raters of ``n_examined`` in the busiest hour, ``statistic`` their ratio.
    """
    rows = _grouped(raters.filter(pl.col("first_at").is_not_null()), units).with_columns(
        hour=pl.col("first_at").dt.truncate("1h")
    )
    cells = rows.group_by("peer_group", _UNIT, "hour").agg(c=pl.len().cast(pl.Int64))
    counted = (
        cells.with_columns(
            n=pl.col("c").sum().over(_UNIT),
            n_group=pl.col("c").sum().over("peer_group"),
            c_group=pl.col("c").sum().over("peer_group", "hour"),
            hours=pl.col("hour").n_unique().over("peer_group"),
        )
        .with_columns(n_other=pl.col("n_group") - pl.col("n"))
        .filter((pl.col("n") >= parameters.min_unit_raters) & (pl.col("n_other") >= parameters.min_other_raters))
        .with_columns(mean=pl.col("n") * (pl.col("c_group") - pl.col("c") + 1) / (pl.col("n_other") + pl.col("hours")))
        .sort(_UNIT, "hour")
    )
    tail = poisson_tail(counted["c"].to_numpy().astype(float), counted["mean"].to_numpy())
    by_unit = (
        counted.with_columns(pl.Series("tail", tail))
        .sort("tail", _UNIT, "hour")
        .group_by(_UNIT, maintain_order=True)
        .agg(pl.col("c", "n", "mean", "tail", "hours").first())
    )
    return _tested(
        by_unit.select(
            _UNIT,
            n_flagged="c",
            n_examined="n",
            statistic=pl.col("c") / pl.col("n"),
            expected="mean",
            p_value=(pl.col("tail") * pl.col("hours")).clip(upper_bound=1.0),
        ),
        parameters,
    )


def ballots_over_roster(raters: pl.DataFrame, roster: pl.DataFrame) -> pl.DataFrame:
    """Units with more raters than the frame has; a hard error, not a sign.

    Args:
        raters: ``AnswerPatterns.raters``.
        roster: org_id, n_eligible_raters; a unit that is not on it has none.

    Returns:
        ``TEST_SCHEMA``: ``n_flagged`` the raters above the roster, ``n_examined`` all that rated, ``statistic``
        raters per eligible rater (null when there is none), ``expected`` the roster.
    """
    counted = raters.group_by(_UNIT).agg(n=pl.len().cast(pl.Int64))
    eligible = roster.select(pl.col("org_id").alias(_UNIT), expected=pl.col("n_eligible_raters").cast(pl.Int64))
    joined = counted.join(eligible, on=_UNIT, how="left").with_columns(pl.col("expected").fill_null(0))
    over = (pl.col("n") - pl.col("expected")).clip(lower_bound=0)
    return _conformed(
        joined.select(
            _UNIT,
            n_flagged=over,
            n_examined="n",
            statistic=pl.when(pl.col("expected") > 0).then(pl.col("n") / pl.col("expected")),
            expected="expected",
            p_value=pl.lit(None, pl.Float64),
            q_value=pl.lit(None, pl.Float64),
            flagged=over > 0,
        )
    )


def shared_devices(devices: pl.DataFrame, parameters: AnomalyParameters) -> pl.DataFrame:
    """Raters of a unit on devices that more than ``max_raters_per_device`` raters used, in whatever unit.

    Args:
        devices: ``AnswerPatterns.devices``.
        parameters: Limits.

    Returns:
        ``TEST_SCHEMA``: ``n_flagged`` raters on shared devices of ``n_examined`` with a device, ``statistic`` the
        raters of the most used device, ``expected`` the limit.
    """
    used = devices.with_columns(n_device=pl.col("rater_id").n_unique().over("device_hash").cast(pl.Int64))
    limit = parameters.max_raters_per_device
    by_unit = used.group_by(_UNIT).agg(
        n_flagged=pl.col("rater_id").filter(pl.col("n_device") > limit).n_unique().cast(pl.Int64),
        n_examined=pl.col("rater_id").n_unique().cast(pl.Int64),
        statistic=pl.col("n_device").max(),
    )
    return _conformed(
        by_unit.with_columns(
            expected=pl.lit(limit),
            p_value=pl.lit(None, pl.Float64),
            q_value=pl.lit(None, pl.Float64),
            flagged=pl.col("n_flagged") > 0,
        )
    )


def _grouped(rows: pl.DataFrame, units: pl.DataFrame) -> pl.DataFrame:
    groups = units.select(pl.col("org_id").alias(_UNIT), "peer_group")
    return rows.join(groups, on=_UNIT, how="left").with_columns(pl.col("peer_group").fill_null(""))


def _tested(rows: pl.DataFrame, parameters: AnomalyParameters) -> pl.DataFrame:
    limit = float(parameters.false_discovery_rate)
    return _conformed(with_q_values(rows.sort(_UNIT)).with_columns(flagged=pl.col("q_value") <= limit))


def _conformed(rows: pl.DataFrame) -> pl.DataFrame:
    return rows.select(pl.col(name).cast(dtype) for name, dtype in TEST_SCHEMA.items()).sort(_UNIT)
