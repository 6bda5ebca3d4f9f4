"""FAL-01: too many values just on the good side of a target. FAL-11: too many cases closed in the last moment.

Both compare two neighbouring bins by an exact binomial test (burden catalogue, part 8).
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import timedelta
from typing import Final

import numpy as np
import polars as pl
import scipy.stats

from scoring.burden.false_data.binomial import upper_tail
from scoring.burden.false_data.pattern import (
    INSUFFICIENT_COUNTS,
    Integers,
    Limits,
    PatternResult,
    absent,
    groups,
    measurable,
    merged,
    of_period,
    units_of,
)
from scoring.sums import RAW_SCALE

_HEAPING: Final = 0.01
"""P-value from which values are taken to heap on a coarser step: it only widens windows."""

_COARSEST: Final = 20
"""A heaped step is at most a twentieth of the middle value; beyond it a window is no neighbourhood."""

_BINS: Final = (-2, -1, 0, 1)


def expected_share(below: int, above: int, at_least: float = 0.5) -> float:
    """Share of the upper of two neighbouring bins, from the trend of the two bins around them.

    The density is taken to be log-linear over four bins of equal width: the outer two are three widths apart,
    so the inner two differ by the cube root of their ratio (half a case added to each). Never below
    ``at_least``: a noisy or falling trend must not make honest data look bunched.
    """
    ratio = float((above + 0.5) / (below + 0.5)) ** (1 / 3)
    return float(max(at_least, ratio / (1 + ratio)))


def rounding_step(values: Integers) -> int:
    """The step in which values are given, in their own unit: the coarsest of 1, 5, 10, 50 ... they heap on.

    Starts from the largest power of ten that divides all values; a coarser step counts when more of the
    multiples of the step so far are multiples of it too than chance explains (exact binomial).
    """
    common = int(np.gcd.reduce(np.abs(values))) or RAW_SCALE
    step = 1
    while common % (step * 10) == 0:
        step *= 10
    heaped, coarser, times = step, 5 * step, 2
    while _COARSEST * coarser <= float(np.median(np.abs(values))):
        multiples = values[values % heaped == 0]
        found = int((multiples % coarser == 0).sum())
        if scipy.stats.binom.sf(found - 1, len(multiples), heaped / coarser) <= _HEAPING:
            heaped = coarser
        coarser, times = coarser * times, 7 - times
    return heaped


def _in_windows(facts: pl.DataFrame) -> pl.DataFrame:
    """Facts with a target, with ``bin``: 0 just on the good side of it, -1 just short of it, -2 and 1 around."""
    rows = facts.filter(pl.col("target_value").is_not_null() & ~pl.col("at_limit"))
    parts = [
        part.with_columns(step=pl.lit(rounding_step(part["value"].to_numpy()), pl.Int64))
        for _, part in groups(rows, "source_org_id", "indicator_id")
    ]
    if not parts:
        return rows.clear().with_columns(bin=pl.lit(None, pl.Int64))
    sign = pl.when("lower_better").then(-1).otherwise(1)
    step, hundredth = pl.col("step"), (pl.col("target_value").abs() + 99) // 100
    width = step * pl.max_horizontal(pl.lit(1, pl.Int64), (hundredth + step - 1) // step)
    distance = sign * (pl.col("value") - pl.col("target_value"))
    return pl.concat(parts).with_columns(bin=distance // width)


def _bin_counts(rows: pl.DataFrame) -> tuple[int, int, int, int]:
    below, short, reached, above = (int((rows["bin"] == place).sum()) for place in _BINS)
    return below, short, reached, above


def target_bunching(
    facts: pl.DataFrame, limits: Limits, *, period_id: str, without_consequence: Collection[str] = ()
) -> PatternResult:
    """FAL-01: values in [t, t + w) against [t - w, t), mirrored where lower is better.

    ``w`` is 1 % of the target, rounded up to whole rounding steps, so that both bins hold equally many
    possible values. Legitimate effort bunches too: the share expected is never below the one seen at targets
    without consequence.

    Args:
        facts: See ``pattern.prepared_facts``.
        limits: Numbers of the tests.
        period_id: Period that is judged.
        without_consequence: Indicators whose targets move neither points nor money; they are not judged.

    Returns:
        A test per subject (who set the target, else the register keeper) and indicator.
    """
    code = "FAL-01"
    rows, unmeasured = measurable(code, of_period(facts, period_id), ["target_value"])
    rows = _in_windows(rows)
    harmless = pl.col("indicator_id").is_in(list(without_consequence))
    _, short, reached, _ = _bin_counts(rows.filter(harmless))
    known = short + reached >= limits.reference_min
    reference = min(reached / (short + reached), 0.99) if known else 0.5
    tests, units = [], []
    for (subject, indicator), part in groups(rows.filter(~harmless), "target_subject_org_id", "indicator_id"):
        below, short, reached, above = _bin_counts(part)
        key = {"pattern_code": code, "subject_org_id": subject, "indicator_id": indicator}
        row = {**key, "n": short + reached, "n_min": limits.bunching_min, "n_found": reached}
        if short + reached < limits.bunching_min:
            tests.append({**row, "state": INSUFFICIENT_COUNTS})
            continue
        chance = expected_share(below, above, max(0.5, reference))
        tests.append(
            {
                **row,
                "statistic": reached / (short + reached),
                "expected": chance,
                "p_value": upper_tail(reached, short + reached, chance),
                "evidence": f"{below};{short};{reached};{above}",
            }
        )
        units += units_of(part.filter(pl.col("bin") == 0)["org_id"].to_list(), **key)
    return merged(unmeasured, PatternResult.of(tests, units))


def _closings(cases: pl.DataFrame, limits: Limits) -> pl.DataFrame:
    """Cases closed in time, with their twentieth of the allowed time and whether they came back."""
    microseconds = [
        (pl.col(end) - pl.col("opened_at")).dt.total_microseconds().alias(name)
        for end, name in (("closed_at", "used"), ("due_at", "allowed"))
    ]
    back = pl.col("reopened_at") - pl.col("closed_at") <= timedelta(days=limits.reopened_days)
    return (
        cases.with_columns(*microseconds)
        .filter((pl.col("allowed") > 0) & pl.col("used").is_between(0, pl.col("allowed")))
        .with_columns(
            bin=pl.min_horizontal(20 * pl.col("used") // pl.col("allowed"), pl.lit(19)) - 19,
            came_back=back.fill_null(value=False),
        )
    )


def deadline_pile_up(facts: pl.DataFrame, cases: pl.DataFrame | None, limits: Limits) -> PatternResult:
    """FAL-11: closings in the last 5 % of the allowed time against the 5 % before, and whether they come back.

    Working towards a deadline piles up closings too. The sign is therefore both: the pile (as FAL-01) and
    more cases of the pile reopened or repeated within the days allowed than of the cases closed earlier
    (hypergeometric). Its p-value is the larger of the two.

    Args:
        facts: See ``pattern.prepared_facts``; only to name the registers when there are no cases.
        cases: source_org_id, opened_at, due_at, closed_at, reopened_at (null: never came back); closed in the
            period that is judged. None: not delivered.
        limits: Numbers of the tests.

    Returns:
        A test per register keeper.
    """
    code = "FAL-11"
    if cases is None:
        return absent(code, facts, "cases")
    missing = [name for name in ("opened_at", "due_at", "closed_at", "reopened_at") if name not in cases.columns]
    if missing:
        return absent(code, cases.with_columns(subject_org_id="source_org_id"), ";".join(missing))
    tests = []
    for (subject,), part in groups(_closings(cases, limits), "source_org_id"):
        # Counted from the last twentieth: 0 is the pile, -1 the one before it, then the two of the trend.
        pile, before, third, fourth = (int((part["bin"] == place).sum()) for place in (0, -1, -2, -3))
        window = pile + before
        row = {"pattern_code": code, "subject_org_id": subject, "n": window, "n_min": limits.deadline_min}
        row["n_found"] = pile
        if window < limits.deadline_min:
            tests.append({**row, "state": INSUFFICIENT_COUNTS})
            continue
        chance = _deadline_share(third, fourth)
        back, back_pile = int(part["came_back"].sum()), int(part.filter(pl.col("bin") == 0)["came_back"].sum())
        returns = float(scipy.stats.hypergeom.sf(back_pile - 1, part.height, back, pile))
        tests.append(
            {
                **row,
                "statistic": pile / window,
                "expected": chance,
                "size": back_pile / pile if pile else None,
                "p_value": max(upper_tail(pile, window, chance), returns),
                "evidence": f"{fourth};{third};{before};{pile};{back_pile}/{back}/{part.height}",
            }
        )
    return PatternResult.of(tests)


def _deadline_share(third: int, fourth: int) -> float:
    """Nothing can lie beyond a deadline, so the trend comes from the two bins before: one width apart."""
    ratio = (third + 0.5) / (fourth + 0.5)
    return max(0.5, ratio / (1 + ratio))
