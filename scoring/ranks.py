"""Ranks with their uncertainty: drawn rank intervals, and rank sets that hold simultaneously (method 2.7).

Rank 1 is the highest score and equal scores share the smaller rank. ``rank_summary`` describes each
subject by itself from draws of the scores; ``rank_confidence_sets`` and ``top_set`` are the sets of
Mogstad, Romano, Shaikh and Wilhelm (Inference for ranks, 2024), which may be claimed for all subjects
at once. Random numbers come from a seed alone, and not from the names or the order of the subjects.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import numpy.typing as npt
import scipy.linalg

from scoring.threads import one_thread

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

EQUAL = 1e-9
"""Scores closer than this when rounded to it are equal; wide enough for the last bits of a float."""

_BLOCK_CELLS = 2_000_000
"""Draws times subjects held in memory at a time."""

_BLOCK_ROWS = 2_000
"""Draws compared pair by pair at a time, few enough to stay in the processor's cache."""


@dataclass(frozen=True)
class RankSummary:
    """Ranks of D subjects and what is uncertain about them; every array has length D, in the order given.

    ``rank`` is the rank of the scores themselves, ``rank_low`` to ``rank_high`` the rank interval,
    ``expected_rank`` the mean of the drawn ranks, ``p_top`` and ``p_bottom`` the shares of the draws
    in which the subject holds one of the top or bottom places.
    """

    rank: Integers
    rank_low: Integers
    rank_high: Integers
    expected_rank: Floats
    p_top: Floats
    p_bottom: Floats


def rank_summary(
    score: Floats,
    covariance: Floats,
    *,
    draws: int = 10_000,
    seed: int,
    level: float = 0.95,
    top_share: Fraction = Fraction(1, 5),
    bottom_share: Fraction = Fraction(1, 5),
) -> RankSummary:
    """Rank interval, expected rank and the chances of a top and a bottom place (method 2.7).

    Ranks are those of ``draws`` draws from N(score, covariance); the interval runs from the
    ``(1-level)/2`` to the ``(1+level)/2`` quantile of a subject's drawn ranks (inverse of the
    empirical distribution, so whole ranks) and is extended to contain the rank of the score itself. A
    subject without error keeps its score in every draw. The top places are the
    ``floor(top_share * D)`` best ones, so that never more than the share is named, and the bottom
    places likewise: of four subjects nobody is among the top fifth.

    Args:
        score: D scores, finite.
        covariance: Their joint error covariance (D x D), or D variances of independent errors.
        draws: Number of draws.
        seed: Seed of PCG64.
        level: Coverage of the interval, in (0, 1).
        top_share: Share of the subjects that counts as the top.
        bottom_share: Share of the subjects that counts as the bottom.

    Raises:
        ValueError: A score or an error is not finite, a variance is negative, shapes do not fit,
            there is no draw, or a level or share is outside its range.
    """
    score, covariance = np.asarray(score, dtype=np.float64), np.asarray(covariance, dtype=np.float64)
    _check(score, covariance, draws, level, (top_share, bottom_share))
    count = score.size
    order = _canonical_order(score, covariance)
    back = np.argsort(order)
    point = _ranks(score[None, :])[0][0]
    top, bottom = (int(share * count) for share in (top_share, bottom_share))
    ranks, in_bottom = _drawn_ranks(score[order], _ordered(covariance, order), draws, seed, bottom)
    expected, in_top = ranks.mean(axis=0), (ranks <= top).sum(axis=0)
    low, high = _interval(ranks, level)
    return RankSummary(
        rank=point,
        rank_low=np.minimum(low[back], point),
        rank_high=np.maximum(high[back], point),
        expected_rank=expected[back],
        p_top=in_top[back] / draws,
        p_bottom=in_bottom[back] / draws,
    )


def _check(score: Floats, covariance: Floats, draws: int, level: float, shares: tuple[Fraction, ...]) -> None:
    count = score.size
    if score.ndim != 1 or covariance.shape not in {(count,), (count, count)}:
        raise ValueError(f"{count} scores need as many variances, or as many rows and columns of covariance")
    if not (np.isfinite(score).all() and np.isfinite(covariance).all()):
        raise ValueError("scores and their errors must be finite")
    if (_variances(covariance) < 0).any():
        raise ValueError("a variance is negative")
    if draws < 1 or not 0 < level < 1 or not all(0 <= share <= 1 for share in shares):
        raise ValueError("at least one draw, a level between 0 and 1 and shares from 0 to 1 are needed")


def _variances(covariance: Floats) -> Floats:
    return covariance if covariance.ndim == 1 else np.diag(covariance)


def _canonical_order(score: Floats, covariance: Floats) -> Integers:
    """Best first, so that the draws depend neither on names nor on the order of the rows."""
    rounded = np.rint(score / EQUAL)
    return np.lexsort((np.rint(_variances(covariance) / EQUAL), -rounded)).astype(np.int64)


def _ordered(covariance: Floats, order: Integers) -> Floats:
    return covariance[order] if covariance.ndim == 1 else covariance[np.ix_(order, order)]


def _drawn_ranks(
    score: Floats, covariance: Floats, draws: int, seed: int, bottom: int
) -> tuple[npt.NDArray[np.int32], Integers]:
    """Ranks (draws x D), and in how many draws a subject holds one of the ``bottom`` last places."""
    ranks = np.empty((draws, score.size), dtype=np.int32)
    in_bottom = np.zeros(score.size, dtype=np.int64)
    first = 0
    for errors in _draws(covariance, draws, seed):
        ranks[first : first + len(errors)], from_below = _ranks(score + errors)
        in_bottom += (from_below <= bottom).sum(axis=0)
        first += len(errors)
    return ranks, in_bottom


def _interval(ranks: npt.NDArray[np.int32], level: float) -> tuple[Integers, Integers]:
    """The smallest ranks with at least a share (1-level)/2, and (1+level)/2, of the draws at or below them.

    Sorts ``ranks`` in place.
    """
    draws = len(ranks)
    # A billionth of a draw is rounding of the level.
    tail = (1.0 - level) / 2.0 * draws
    positions = [max(math.ceil(share - 1e-9) - 1, 0) for share in (tail, draws - tail)]
    ranks.sort(axis=0)
    low, high = ranks[positions].astype(np.int64)
    return low, high


def _draws(covariance: Floats, draws: int, seed: int) -> Iterator[Floats]:
    """Draws from N(0, covariance) in blocks of rows; the blocks do not change the numbers."""
    generator = np.random.Generator(np.random.PCG64(seed))
    count = len(covariance)
    with one_thread():
        root = np.sqrt(covariance) if covariance.ndim == 1 else _root(covariance)
    block = max(1, _BLOCK_CELLS // max(count, 1))
    for first in range(0, draws, block):
        normal = generator.standard_normal((min(block, draws - first), count))
        if covariance.ndim == 1:
            yield normal * root
        else:
            with one_thread():
                yield normal @ root.T


def _root(covariance: Floats) -> Floats:
    """A matrix R with R R' = covariance; rows of subjects without error are exactly zero."""
    root = np.zeros_like(covariance)
    uncertain = np.flatnonzero(np.diag(covariance) > 0)
    within = np.ix_(uncertain, uncertain)
    try:
        root[within] = np.linalg.cholesky(covariance[within])
    except np.linalg.LinAlgError:
        # Errors that determine one another: the symmetric root exists where the triangular one does not.
        values, vectors = scipy.linalg.eigh(covariance[within])
        root[within] = (vectors * np.sqrt(np.maximum(values, 0.0))) @ vectors.T
    return root


def _ranks(scores: Floats) -> tuple[Integers, Integers]:
    """One more than the number of greater entries of its row, and of smaller ones, for every entry."""
    count = scores.shape[1]
    keys = np.rint(scores / -EQUAL)
    order = np.argsort(keys, axis=1)
    sorted_keys = np.take_along_axis(keys, order, axis=1)
    places = np.arange(1, count + 1)
    tied = sorted_keys[:, 1:] == sorted_keys[:, :-1]
    above = np.broadcast_to(places, scores.shape)
    below = np.broadcast_to(places[::-1], scores.shape)
    if tied.any():
        never = np.zeros((len(scores), 1), dtype=bool)
        above = np.maximum.accumulate(np.where(np.hstack([never, tied]), 0, places), axis=1)
        last = np.where(np.hstack([tied, never]), 0, places[::-1])
        below = np.maximum.accumulate(last[:, ::-1], axis=1)[:, ::-1]
    result = np.empty(scores.shape, dtype=np.int64), np.empty(scores.shape, dtype=np.int64)
    for ranks, in_order in zip(result, (above, below), strict=True):
        np.put_along_axis(ranks, order, in_order, axis=1)
    return result


@dataclass(frozen=True)
class RankSets:
    """Lower and upper end of each subject's set of ranks, in the order given."""

    low: Integers
    high: Integers


def rank_confidence_sets(
    score: Floats,
    covariance: Floats,
    *,
    draws: int = 10_000,
    seed: int,
    level: float = 0.95,
    simultaneous: bool = True,
    stepdown: bool = True,
) -> RankSets:
    """Confidence sets for ranks by Mogstad, Romano, Shaikh and Wilhelm (method 2.7).

    ``H_ij`` says that i is not above j. With ``sd_ij`` the standard error of the difference and Z a
    draw from N(0, covariance), q is the ``level`` quantile of ``max (Z_i - Z_j) / sd_ij`` over the pairs
    still standing; pairs with ``x_i - x_j > q sd_ij`` fall, and q is found again for the others until
    none falls (``stepdown``). The set of j is ``1 + #{i above j}`` to ``D - #{i below j}``.

    Args:
        score: D scores, finite.
        covariance: Their joint error covariance (D x D), or D variances of independent errors.
        draws: Number of draws; the same draws serve every step and every subject.
        seed: Seed of PCG64.
        level: Probability with which the sets hold, in (0, 1).
        simultaneous: Whether they hold for all subjects at once, or each by itself (marginal).
        stepdown: Whether falling pairs sharpen the quantile.

    Raises:
        ValueError: See ``rank_summary``.
    """
    score, covariance = np.asarray(score, dtype=np.float64), np.asarray(covariance, dtype=np.float64)
    _check(score, covariance, draws, level, ())
    count = score.size
    order = _canonical_order(score, covariance)
    score, covariance = score[order], _ordered(covariance, order)
    normal = np.concatenate(list(_draws(covariance, draws, seed)))
    deviation = _deviation_of_differences(covariance)
    above = np.zeros((count, count), dtype=bool)
    if simultaneous:
        above = _fallen(score, deviation, normal, np.ones((count, count), dtype=bool), level, stepdown=stepdown)
        low, high = 1 + above.sum(axis=0), count - above.sum(axis=1)
    else:
        low, high = np.ones(count, dtype=np.int64), np.full(count, count, dtype=np.int64)
        for subject in range(count):
            own = np.zeros((count, count), dtype=bool)
            own[subject], own[:, subject] = True, True
            above = _fallen(score, deviation, normal, own, level, stepdown=stepdown)
            low[subject], high[subject] = 1 + above[:, subject].sum(), count - above[subject].sum()
    back = np.argsort(order)
    return RankSets(low[back].astype(np.int64), high[back].astype(np.int64))


def top_set(
    score: Floats, covariance: Floats, *, places: int, draws: int = 10_000, seed: int, level: float = 0.95
) -> npt.NDArray[np.bool_]:
    """The subjects that cannot be excluded from the best ``places``, all claims holding at once (method 2.7).

    With probability ``level`` the set contains every subject whose true rank is at most ``places``.

    Raises:
        ValueError: See ``rank_summary``.
    """
    sets = rank_confidence_sets(score, covariance, draws=draws, seed=seed, level=level)
    return np.array(sets.low <= places, dtype=np.bool_)


def _deviation_of_differences(covariance: Floats) -> Floats:
    full = np.diag(covariance) if covariance.ndim == 1 else covariance
    variance = np.diag(full)[:, None] + np.diag(full)[None, :] - 2.0 * full
    # Rounding leaves a trace where two errors are the same; such a difference is known exactly.
    scale = np.diag(full)[:, None] + np.diag(full)[None, :]
    return np.sqrt(np.where(variance > 1e-12 * scale, variance, 0.0))


def _fallen(
    score: Floats,
    deviation: Floats,
    normal: Floats,
    candidates: npt.NDArray[np.bool_],
    level: float,
    *,
    stepdown: bool,
) -> npt.NDArray[np.bool_]:
    """Which of the candidate hypotheses "i is not above j" fall."""
    difference = score[:, None] - score[None, :]
    exact = candidates & (deviation == 0.0)
    fallen: npt.NDArray[np.bool_] = exact & (difference > EQUAL)
    standing = candidates & ~exact
    while bool(standing.any()):
        quantile = _quantile(_largest(normal, deviation, standing), level)
        falls = standing & (difference > quantile * deviation)
        fallen |= falls
        standing &= ~falls
        if not (stepdown and falls.any()):
            break
    return fallen


def _largest(normal: Floats, deviation: Floats, standing: npt.NDArray[np.bool_]) -> Floats:
    """``max (Z_i - Z_j) / sd_ij`` over the standing pairs, for every draw."""
    largest = np.full(len(normal), -np.inf)
    subjects = [(subject, np.flatnonzero(standing[subject])) for subject in np.flatnonzero(standing.any(axis=1))]
    for first in range(0, len(normal), _BLOCK_ROWS):
        rows = slice(first, first + _BLOCK_ROWS)
        block, found = normal[rows], largest[rows]
        for subject, others in subjects:
            ratio = (block[:, [subject]] - block[:, others]) / deviation[subject, others]
            np.maximum(found, ratio.max(axis=1), out=found)
    return largest


def _quantile(sample: Floats, level: float) -> float:
    return float(np.quantile(sample, level))
