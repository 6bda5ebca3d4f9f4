"""Tests of counts: falls and rises between two years, their dispersion, and false discovery control.

Counts of two periods with known exposures are Poisson with rates of their own; given their total, the later
count is binomial under equal rates, whatever the rate is (Przyborowski and Wilenski 1940). Where counts spread
more than Poisson, the normal test of the log ratio of rates with the dispersion in its variance replaces it.
Arrays have one entry per test; p-values are one-sided unless named otherwise (burden catalogue, part 7).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl
import scipy.special

from scoring.anomalies.false_discovery import Floats, benjamini_hochberg, ordered_sums

__all__ = [
    "Floats",
    "Integers",
    "PairTests",
    "benjamini_hochberg",
    "binomial_at_least",
    "binomial_at_most",
    "exact_fall",
    "exact_rise",
    "normal_fall",
    "normal_rise",
    "pair_tests",
    "pearson_dispersion",
    "two_sided",
]

Integers = npt.NDArray[np.int64]


@dataclass(frozen=True)
class PairTests:
    """Tests of pairs of a falling and a rising count; arrays (k).

    ``fall`` and ``rise`` are one-sided p-values, the ``two_sided`` ones are for reading beside them. ``both`` is
    the larger of the one-sided two: the p-value of falling and rising at once (intersection-union), which needs
    no further correction.
    """

    fall: Floats
    rise: Floats
    fall_two_sided: Floats
    rise_two_sided: Floats
    both: Floats


def binomial_at_most(successes: npt.ArrayLike, trials: npt.ArrayLike, chance: npt.ArrayLike) -> Floats:
    """``P(X <= successes)`` for ``X ~ Binomial(trials, chance)``, exactly; 1 without trials.

    Raises:
        ValueError: Successes are negative or more than the trials, or a chance is outside 0 to 1.
    """
    k, n, p = _binomial(successes, trials, chance)
    return np.where(k >= n, 1.0, scipy.special.bdtr(np.minimum(k, n), n, p))


def binomial_at_least(successes: npt.ArrayLike, trials: npt.ArrayLike, chance: npt.ArrayLike) -> Floats:
    """``P(X >= successes)`` for ``X ~ Binomial(trials, chance)``, exactly; 1 for no successes.

    Raises:
        ValueError: See ``binomial_at_most``.
    """
    k, n, p = _binomial(successes, trials, chance)
    return np.where(k <= 0, 1.0, scipy.special.bdtrc(np.maximum(k - 1, 0), n, p))


def _binomial(
    successes: npt.ArrayLike, trials: npt.ArrayLike, chance: npt.ArrayLike
) -> tuple[Integers, Integers, Floats]:
    k, n = np.asarray(successes, dtype=np.int64), np.asarray(trials, dtype=np.int64)
    p = np.asarray(chance, dtype=np.float64)
    if ((k < 0) | (k > n)).any():
        raise ValueError("binomial test: successes below 0 or above the trials; count both over the same events")
    if not ((p >= 0) & (p <= 1)).all():
        raise ValueError("binomial test: a chance lies outside 0 to 1; give shares, not per cents")
    return k, n, p


def exact_fall(
    before: npt.ArrayLike, now: npt.ArrayLike, exposure_before: npt.ArrayLike, exposure_now: npt.ArrayLike
) -> Floats:
    """Chance of so low a later count, given both, when the rate did not fall (exact conditional test).

    Raises:
        ValueError: A count is negative or an exposure is not positive.
    """
    chance = _later_share(exposure_before, exposure_now)
    return binomial_at_most(now, np.add(before, now), chance)


def exact_rise(
    before: npt.ArrayLike, now: npt.ArrayLike, exposure_before: npt.ArrayLike, exposure_now: npt.ArrayLike
) -> Floats:
    """Chance of so high a later count, given both, when the rate did not rise (exact conditional test).

    Raises:
        ValueError: A count is negative or an exposure is not positive.
    """
    chance = _later_share(exposure_before, exposure_now)
    return binomial_at_least(now, np.add(before, now), chance)


def _later_share(exposure_before: npt.ArrayLike, exposure_now: npt.ArrayLike) -> Floats:
    before, now = np.asarray(exposure_before, dtype=np.float64), np.asarray(exposure_now, dtype=np.float64)
    if not ((before > 0) & (now > 0)).all():
        raise ValueError("test of two counts: an exposure is not positive; give the unit-months of both periods")
    return now / (before + now)


def normal_fall(
    before: npt.ArrayLike,
    now: npt.ArrayLike,
    exposure_before: npt.ArrayLike,
    exposure_now: npt.ArrayLike,
    dispersion: npt.ArrayLike,
) -> Floats:
    """``z = ln((before / exposure) / (now / exposure)) / sqrt(dispersion (1 / before + 1 / now))``.

    Counts may carry an added 1/2; both have to be positive.

    Raises:
        ValueError: A count or exposure is not positive, or a dispersion is below 1.
    """
    share = _later_share(exposure_before, exposure_now)
    a, b = np.asarray(before, dtype=np.float64), np.asarray(now, dtype=np.float64)
    phi = np.asarray(dispersion, dtype=np.float64)
    if not ((a > 0) & (b > 0)).all():
        raise ValueError("normal test of two counts: a count is not positive; add 1/2 to every count of the test")
    if not (phi >= 1).all():
        raise ValueError("normal test of two counts: a dispersion is below 1, which would make Poisson counts certain")
    return np.asarray(np.log(a / b) + np.log(share / (1 - share))) / np.sqrt(phi * (1 / a + 1 / b))


def normal_rise(
    before: npt.ArrayLike,
    now: npt.ArrayLike,
    exposure_before: npt.ArrayLike,
    exposure_now: npt.ArrayLike,
    dispersion: npt.ArrayLike,
) -> Floats:
    """The same with the sign turned: positive where the rate rose.

    Raises:
        ValueError: See ``normal_fall``.
    """
    return -normal_fall(before, now, exposure_before, exposure_now, dispersion)


def two_sided(lower: Floats, upper: Floats) -> Floats:
    """Twice the smaller tail, at most 1; ``lower`` and ``upper`` both count the observed value itself."""
    return np.minimum(1.0, 2.0 * np.minimum(lower, upper))


def pair_tests(
    falling: tuple[npt.ArrayLike, npt.ArrayLike],
    rising: tuple[npt.ArrayLike, npt.ArrayLike],
    exposure_before: npt.ArrayLike,
    exposure_now: npt.ArrayLike,
    dispersion: npt.ArrayLike,
) -> PairTests:
    """Whether one count fell while the other rose, both arms tested alike (burden catalogue, part 7).

    Where the dispersion is 1 the test is the exact conditional one, else the normal one; if one of the four
    counts of a test is 0, the normal test adds 1/2 to all four.

    Args:
        falling: Counts before and now (k) of the kind that should fall.
        rising: Counts before and now (k) of the kind that should rise.
        exposure_before: Unit-months of the period before.
        exposure_now: Unit-months of the period.
        dispersion: ``pearson_dispersion`` (k), at least 1.

    Raises:
        ValueError: A count is negative, an exposure is not positive, or a dispersion is below 1.
    """
    a, b, c, d = (np.asarray(counts, dtype=np.int64) for counts in (*falling, *rising))
    phi = np.broadcast_to(np.asarray(dispersion, dtype=np.float64), a.shape)
    exposures = (exposure_before, exposure_now)
    half = np.where((a == 0) | (b == 0) | (c == 0) | (d == 0), 0.5, 0.0)
    is_exact = phi == 1.0

    def tails(before: Integers, now: Integers) -> tuple[Floats, Floats]:
        """P-values of a fall and of a rise of one arm."""
        z = normal_fall(before + half, now + half, *exposures, phi)
        fall = np.where(is_exact, exact_fall(before, now, *exposures), scipy.special.ndtr(-z))
        rise = np.where(is_exact, exact_rise(before, now, *exposures), scipy.special.ndtr(z))
        return fall, rise

    falls, rises = tails(a, b), tails(c, d)
    return PairTests(
        fall=falls[0],
        rise=rises[1],
        fall_two_sided=two_sided(*falls),
        rise_two_sided=two_sided(*rises),
        both=np.maximum(falls[0], rises[1]),
    )


def pearson_dispersion(
    observations: pl.DataFrame, *, group: Sequence[str], cell: Sequence[str], count: str = "n"
) -> pl.DataFrame:
    """Pearson's dispersion of counts about the means of their cells, pooled over each group.

    ``phi = max(1, sum of (y - m)^2 / m / degrees of freedom)``: the degrees of freedom are the observations less
    the cells, over the cells with any event at all; ``phi`` is 1 where none are left. It does not depend on row
    order.

    Args:
        observations: One row per observation, noughts included: ``group``, ``cell`` and ``count`` (whole numbers).
        group: Columns of the groups a dispersion is pooled over.
        cell: Further columns that name a cell inside its group.
        count: Name of the count.

    Returns:
        ``group``, ``dispersion`` and ``degrees_of_freedom``, sorted by ``group``.

    Raises:
        ValueError: A count is negative.
    """
    if (observations[count] < 0).any():
        raise ValueError(f"dispersion: {count} holds a negative count; give numbers of events")
    y, n = pl.col(count).cast(pl.Int64), pl.len().cast(pl.Int64)
    cells = (
        observations.group_by(*group, *cell)
        .agg(size=n, total=y.sum(), squares=(y * y).sum())
        # With m = total / size, the sum of (y - m)^2 / m is (size squares - total^2) / total: whole numbers.
        .with_columns(
            chi_square=pl.when(pl.col("total") > 0)
            .then((pl.col("size") * pl.col("squares") - pl.col("total") ** 2) / pl.col("total"))
            .otherwise(0.0),
            degrees=pl.when(pl.col("total") > 0).then(pl.col("size") - 1).otherwise(0),
        )
    )
    degrees = cells.group_by(group).agg(degrees_of_freedom=pl.col("degrees").sum())
    pooled = ordered_sums(cells, group, ["chi_square"]).join(degrees, on=group, nulls_equal=True)
    ratio = pl.col("chi_square") / pl.col("degrees_of_freedom")
    dispersion = pl.when(pl.col("degrees_of_freedom") > 0).then(ratio.clip(lower_bound=1.0)).otherwise(1.0)
    return pooled.select(*group, dispersion=dispersion, degrees_of_freedom="degrees_of_freedom").sort(group)
