"""Exact binomial tails: one-sided p-values, the count that is needed, and the power of a test.

One-sided, upper tails throughout: a pattern is always too much of something.
"""

from __future__ import annotations

import numpy as np
import scipy.stats


def upper_tail(found: int, n: int, chance: float) -> float:
    """Probability of ``found`` or more among ``n`` when each has the given chance."""
    return float(scipy.stats.binom.sf(found - 1, n, chance))


def count_needed(n: int, chance: float, alpha: float) -> int | None:
    """The least count among ``n`` whose upper tail is at most ``alpha``; None when even all ``n`` are not enough."""
    enough = np.flatnonzero(scipy.stats.binom.sf(np.arange(n + 1) - 1, n, chance) <= alpha)
    return int(enough[0]) if len(enough) else None


def power(n: int, chance: float, true_share: float, alpha: float) -> float:
    """Probability that the test of ``n`` at ``alpha`` flags when the share is really ``true_share``."""
    needed = count_needed(n, chance, alpha)
    return 0.0 if needed is None else upper_tail(needed, n, true_share)


def share_interval(found: int, n: int, confidence: float = 0.95) -> tuple[float, float]:
    """Clopper and Pearson's interval of a share.

    Raises:
        ValueError: Nothing was looked at.
    """
    if n <= 0:
        raise ValueError("interval of a share: nothing was looked at (n = 0), so there is no share; ask for n first")
    tail = (1 - confidence) / 2
    low = 0.0 if found == 0 else float(scipy.stats.beta.ppf(tail, found, n - found + 1))
    high = 1.0 if found == n else float(scipy.stats.beta.ppf(1 - tail, found + 1, n - found))
    return low, high
