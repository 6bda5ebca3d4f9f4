"""Rank intervals and rank sets against closed forms, slow counting and their own invariants."""

from __future__ import annotations

import math
from fractions import Fraction
from statistics import NormalDist
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scoring.ranks import rank_confidence_sets, rank_summary, top_set

Floats = npt.NDArray[np.float64]
PHI = NormalDist().cdf


def program(seed: int) -> tuple[Floats, Floats]:
    """Scores, some of them tied, and a full covariance in which some errors are zero."""
    rng = np.random.default_rng(seed)
    count = int(rng.integers(1, 9))
    score = np.round(rng.normal(60, 6, count), int(rng.integers(-1, 3)))
    loadings = rng.normal(0, 2, (count, count)) * rng.choice([0.0, 1.0], count, p=[0.2, 0.8])[:, None]
    return score, loadings @ loadings.T


programs = st.integers(0, 100_000)


def test_two_subjects_have_the_closed_form() -> None:
    score, covariance = np.array([62.0, 60.0]), np.array([[4.0, 1.0], [1.0, 3.0]])
    summary = rank_summary(score, covariance, draws=200_000, seed=3, top_share=Fraction(1, 2))
    first = PHI(2.0 / math.sqrt(4.0 + 3.0 - 2.0))
    np.testing.assert_allclose(summary.p_top, [first, 1 - first], atol=0.003)
    np.testing.assert_allclose(summary.expected_rank, [2 - first, 1 + first], atol=0.003)
    assert summary.p_bottom.tolist() == [0.0, 0.0], "a fifth of two is no place"


def test_expected_ranks_have_the_closed_form() -> None:
    """E rank_j = 1 + sum_k P(x_k > x_j), whatever the number of subjects."""
    score, variance = np.array([70.0, 66.0, 65.0, 60.0, 52.0]), np.array([4.0, 9.0, 1.0, 16.0, 2.0])
    summary = rank_summary(score, variance, draws=100_000, seed=5)
    expected = [
        1 + sum(PHI((y - x) / math.sqrt(v + w)) for k, (y, w) in enumerate(zip(score, variance, strict=True)) if k != j)
        for j, (x, v) in enumerate(zip(score, variance, strict=True))
    ]
    np.testing.assert_allclose(summary.expected_rank, expected, atol=0.02)
    full = rank_summary(score, np.diag(variance), draws=100_000, seed=5)
    np.testing.assert_allclose(full.expected_rank, summary.expected_rank, atol=1e-12)


def test_the_interval_holds_the_stated_share_of_the_draws() -> None:
    """Exchangeable subjects: every rank is equally likely, so 90% of 20 ranks leave out one at each end."""
    summary = rank_summary(np.full(20, 50.0), np.ones(20), draws=40_000, seed=7, level=0.89)
    assert set(summary.rank.tolist()) == {1}
    assert set(summary.rank_low.tolist()) == {1}, "the point rank is shared by all"
    assert set(summary.rank_high.tolist()) == {19}
    apart = rank_summary(50.0 - 1e-6 * np.arange(20), np.ones(20), draws=40_000, seed=7, level=0.89)
    assert apart.rank_low[1:-1].tolist() == [2] * 18
    assert apart.rank_high[:-1].tolist() == [19] * 19


def test_errors_that_move_together_leave_no_doubt_about_ranks() -> None:
    score = np.array([61.0, 60.0, 59.0])
    summary = rank_summary(score, np.full((3, 3), 25.0), draws=500, seed=1)
    assert summary.rank_low.tolist() == summary.rank_high.tolist() == [1, 2, 3]
    assert rank_summary(score, np.full(3, 25.0), draws=500, seed=1).rank_high.tolist() == [3, 3, 3]


def test_places_are_the_whole_part_of_the_share() -> None:
    """In floats .29 x 100 is below 29."""
    exact = rank_summary(np.arange(100.0), np.zeros(100), draws=1, seed=1, top_share=Fraction(29, 100))
    assert exact.p_top.sum() == 29
    assert exact.p_top[71:].tolist() == [1.0] * 29
    assert exact.p_bottom.sum() == 20
    assert exact.p_bottom[:20].tolist() == [1.0] * 20
    four = rank_summary(np.arange(4.0), np.zeros(4), draws=1, seed=1)
    assert four.p_top.tolist() == four.p_bottom.tolist() == [0.0] * 4


def test_scores_equal_to_a_billionth_share_rank_and_place() -> None:
    close = np.array([70.0, 69.9999999999999, 70.0 - 2e-9, 70.0 + 4e-10, 60.0, 60.0])
    summary = rank_summary(close, np.zeros(6), draws=10, seed=1)
    assert summary.rank.tolist() == [1, 1, 4, 1, 5, 5]
    assert summary.p_top.tolist() == [1, 1, 0, 1, 0, 0]
    assert summary.p_bottom.tolist() == [0, 0, 0, 0, 1, 1], "both of the last two are last"


def test_the_seed_decides_the_draws() -> None:
    score, covariance = np.array([62.0, 60.0, 61.0]), np.eye(3)
    first, again, other = (rank_summary(score, covariance, draws=1_000, seed=seed).expected_rank for seed in (1, 1, 2))
    assert first.tobytes() == again.tobytes()
    assert first.tobytes() != other.tobytes()


def test_blocks_do_not_change_the_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    score, covariance = program(12)
    whole = rank_summary(score, covariance, draws=1_001, seed=1)
    monkeypatch.setattr("scoring.ranks._BLOCK_CELLS", 64)
    assert rank_summary(score, covariance, draws=1_001, seed=1).p_top.tobytes() == whole.p_top.tobytes()


@settings(max_examples=200, deadline=None, derandomize=True)
@given(seed=programs, order=st.randoms(use_true_random=False))
def test_invariant_1_the_order_of_the_subjects_changes_nothing(seed: int, order: Any) -> None:
    score, covariance = program(seed)
    # Subjects that agree in score and error are told apart by their place in the list alone.
    score = score + np.arange(score.size) * 1e-6
    moved = list(range(score.size))
    order.shuffle(moved)
    first = rank_summary(score, covariance, draws=100, seed=1)
    second = rank_summary(score[moved], covariance[np.ix_(moved, moved)], draws=100, seed=1)
    for name in ("rank", "rank_low", "rank_high", "expected_rank", "p_top", "p_bottom"):
        np.testing.assert_allclose(getattr(second, name), getattr(first, name)[moved], atol=1e-9, err_msg=name)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(seed=programs)
def test_invariant_14_without_error_the_interval_is_the_point_rank(seed: int) -> None:
    score, covariance = program(seed)
    counted = [1 + sum(other > one for other in score) for one in score]
    exact = rank_summary(score, np.zeros_like(covariance), draws=20, seed=1)
    assert exact.rank.tolist() == exact.rank_low.tolist() == exact.rank_high.tolist() == counted
    assert exact.expected_rank.tolist() == counted
    sets = rank_confidence_sets(score, np.zeros(score.size), draws=20, seed=1)
    assert sets.low.tolist() == counted
    assert sets.high.tolist() == [score.size - sum(other < one for other in score) for one in score]


@settings(max_examples=200, deadline=None, derandomize=True)
@given(seed=programs, simultaneous=st.booleans())
def test_invariant_14_intervals_and_sets_contain_the_point_rank(seed: int, *, simultaneous: bool) -> None:
    score, covariance = program(seed)
    counted = np.array([1 + sum(other > one for other in score) for one in score])
    summary = rank_summary(score, covariance, draws=100, seed=1)
    assert (summary.rank == counted).all()
    assert (summary.rank_low <= counted).all()
    assert (counted <= summary.rank_high).all()
    step, single = (
        rank_confidence_sets(score, covariance, draws=100, seed=1, simultaneous=simultaneous, stepdown=stepdown)
        for stepdown in (True, False)
    )
    assert (step.low <= counted).all()
    assert (counted <= step.high).all()
    assert (single.low <= step.low).all(), "stepping down never widens a set"
    assert (step.high <= single.high).all()


@pytest.mark.parametrize("sign", [1, -1])
def test_an_interval_that_misses_the_point_rank_is_extended(sign: int) -> None:
    """A certain subject a hair above (below) forty doubtful ones: first (last), yet in the middle of a typical draw."""
    score = sign * np.concatenate([[50.001], np.full(40, 50.0)])
    summary = rank_summary(score, np.concatenate([[0.0], np.full(40, 9.0)]), draws=2_000, seed=1)
    assert summary.expected_rank[0] == pytest.approx(21, abs=0.3)
    low, high = (
        (summary.rank_low[0], summary.rank_high[0])
        if sign > 0
        else 42 - np.array([summary.rank_high[0], summary.rank_low[0]])
    )
    assert (low, summary.rank[0]) == (1, 1 if sign > 0 else 41)
    assert 24 <= high <= 31


@pytest.mark.parametrize(("distance", "apart"), [(1.93, False), (1.99, True)])
def test_two_subjects_are_told_apart_at_the_normal_quantile(distance: float, *, apart: bool) -> None:
    """max(Z, -Z) passes its 95% quantile at 1.95996 standard errors of the difference, correlation included."""
    covariance = np.array([[4.0, 1.0], [1.0, 3.0]])
    score = np.array([60.0, 60.0 + distance * math.sqrt(5.0)])
    sets = rank_confidence_sets(score, covariance, draws=200_000, seed=1)
    assert sets.low.tolist() == ([2, 1] if apart else [1, 1])
    assert sets.high.tolist() == ([2, 1] if apart else [2, 2])


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("simultaneous", [True, False])
def test_sets_equal_a_slow_step_down_over_the_same_draws(seed: int, *, simultaneous: bool) -> None:
    rng = np.random.default_rng(seed)
    score = np.sort(rng.normal(60, 5, 6))[::-1]
    loadings = rng.normal(0, 1.5, (6, 6))
    covariance = loadings @ loadings.T
    # The draws of the seed, for subjects that are already in order.
    normal = np.random.Generator(np.random.PCG64(9)).standard_normal((400, 6)) @ np.linalg.cholesky(covariance).T
    deviation = {
        (i, j): math.sqrt(covariance[i, i] + covariance[j, j] - 2 * covariance[i, j])
        for i in range(6)
        for j in range(6)
    }
    found = rank_confidence_sets(score, covariance, draws=400, seed=9, simultaneous=simultaneous)
    for subject in range(6):
        pairs = {(i, j) for i, j in deviation if i != j and (simultaneous or subject in (i, j))}
        fallen: set[tuple[int, int]] = set()
        while pairs:
            limit = np.quantile([max((z[i] - z[j]) / deviation[i, j] for i, j in pairs) for z in normal], 0.95)
            falls = {(i, j) for i, j in pairs if score[i] - score[j] > limit * deviation[i, j]}
            fallen |= falls
            pairs -= falls
            if not falls:
                break
        assert found.low[subject] == 1 + sum(j == subject for _, j in fallen)
        assert found.high[subject] == 6 - sum(i == subject for i, _ in fallen)


def test_the_top_set_keeps_whoever_cannot_be_excluded() -> None:
    score, variance = np.array([50.0, 80.0, 60.0, 79.5]), np.array([1.0, 1.0, 0.25, 1.0])
    assert top_set(score, variance, places=1, draws=5_000, seed=1).tolist() == [False, True, False, True]
    assert top_set(score, variance, places=3, draws=5_000, seed=1).tolist() == [False, True, True, True]


@pytest.mark.parametrize(
    ("score", "covariance", "changes", "message"),
    [
        ([1.0, 2.0], [1.0], {}, "as many variances"),
        ([1.0, 2.0], [[1.0, 0.0]], {}, "as many variances"),
        ([1.0, math.nan], [1.0, 1.0], {}, "finite"),
        ([1.0, 2.0], [1.0, math.inf], {}, "finite"),
        ([1.0, 2.0], [1.0, -1.0], {}, "negative"),
        ([1.0], [1.0], {"draws": 0}, "at least one draw"),
        ([1.0], [1.0], {"level": 1.0}, "at least one draw"),
        ([1.0], [1.0], {"top_share": Fraction(3, 2)}, "at least one draw"),
    ],
)
def test_unusable_input_is_refused(
    score: list[float], covariance: list[Any], changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        rank_summary(np.array(score), np.array(covariance), seed=1, **changes)


def test_nobody_to_rank() -> None:
    assert rank_summary(np.zeros(0), np.zeros(0), seed=1).rank.tolist() == []
