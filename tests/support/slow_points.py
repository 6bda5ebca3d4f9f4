"""From facts to the raw score of a unit, slowly, in plain Python fractions (method 1.1, 2.6, 3.3, 3.4).

Shares no code with ``scoring``. Every named stage is rounded once, half up, to a millionth of a point.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from math import floor

from tests.support.random_program import EXEMPTION_FLOORS, MILLION, Anchors, Fact, Indicator, Policy, Program, Unit

LEVELS = (0, 60, 75, 100)
"""Points at the minimum, the floor, the achievement threshold and the benchmark."""


def half_up(number: Fraction) -> int:
    """Nearest whole number; halves go up."""
    return floor(number + Fraction(1, 2))


def weighted_mean(parts: Iterable[tuple[int | Fraction, int | None]]) -> int | None:
    """Mean of the observed (weight, micropoints), rounded once; None where nothing observed has weight."""
    observed = [(Fraction(weight), score) for weight, score in parts if score is not None]
    total = sum(weight for weight, _ in observed)
    if not total:
        return None
    return half_up(sum((weight * score for weight, score in observed), Fraction(0)) / total)


def rounded_root(bases: Sequence[tuple[int, int]], degree: int) -> int:
    """The root of the degree of the product of base ** exponent, rounded half up: found by halving."""
    product = 1
    for base, exponent in bases:
        product *= base**exponent
    # The greatest r with r - 1/2 <= root, that is (2 r - 1) ** degree <= 2 ** degree * product.
    low, above = 0, 2 * max(base for base, _ in bases) + 2
    while above - low > 1:
        middle = (low + above) // 2
        if (2 * middle - 1) ** degree <= 2**degree * product:
            low = middle
        else:
            above = middle
    return low


def enough_cases(fact: Fact, indicator: Indicator) -> bool:
    """Whether the cases behind a value are unknown, or there are any and as many as required (3.8)."""
    if fact.denominator is None:
        return True
    return fact.denominator > 0 and fact.denominator >= MILLION * (indicator.min_cases or 0)


def counted(fact: Fact | None, indicator: Indicator) -> int | None:
    """The value of a fact that counts."""
    return fact.value if fact is not None and enough_cases(fact, indicator) else None


def sign_of(direction: str) -> int:
    """Minus one where lower is better."""
    return -1 if direction == "lower_better" else 1


def turned(anchors: Anchors, direction: str) -> list[int]:
    """Minimum, floor, threshold and benchmark, higher is better, none below the one before it (C4)."""
    sign = sign_of(direction)
    rising: list[int] = []
    for place in (anchors.minimum, anchors.floor, anchors.achievement_threshold, anchors.benchmark):
        rising.append(max([sign * place, *rising[-1:]]))
    return rising


def level(value: int, places: Sequence[int]) -> Fraction:
    """Points of the highest anchor reached, and the part of the way to the next one (C3)."""
    reached = [number for number in range(4) if places[number] <= value]
    if not reached:
        return Fraction(0)
    last = reached[-1]
    if last == 3:
        return Fraction(100)
    way = Fraction(value - places[last], places[last + 1] - places[last])
    return LEVELS[last] + way * (LEVELS[last + 1] - LEVELS[last])


def improvement(value: int, baseline: int, benchmark: int) -> Fraction | None:
    """Points for the part of the own gap to the benchmark that was closed; None without a gap (C3, C4)."""
    if baseline >= benchmark:
        return None
    u = min(max(Fraction(value - baseline, benchmark - baseline), Fraction(0)), Fraction(1))
    return 60 * min(Fraction(1), u / Fraction(1, 10)) + 30 * max(Fraction(0), (u - Fraction(1, 10)) / Fraction(9, 10))


def anchored_score(value: int, baseline: int | None, anchors: Anchors, direction: str) -> int:
    """The better of level and improvement, in micropoints."""
    places = turned(anchors, direction)
    better = level(sign_of(direction) * value, places)
    if baseline is not None:
        earned = improvement(sign_of(direction) * value, sign_of(direction) * baseline, places[3])
        better = max(better, earned or Fraction(0))
    return half_up(MILLION * better)


def cms_score(value: int, baseline: int | None, anchors: Anchors, direction: str) -> int:
    """Ten times the whole points of method 1.1, in micropoints; a benchmark below the threshold is raised to it."""
    sign = sign_of(direction)
    value, baseline = sign * value, None if baseline is None else sign * baseline
    threshold = sign * anchors.achievement_threshold
    benchmark = max(threshold, sign * anchors.benchmark)
    if value >= benchmark:
        points = 10
    elif value < threshold:
        points = 0
    else:
        way = Fraction(9 * (value - threshold), benchmark - threshold)
        points = min(9, max(1, half_up(way + Fraction(1, 2))))
    if baseline is not None and value > baseline:
        closed = 9
        if value < benchmark:
            closed = half_up(Fraction(10 * (value - baseline), benchmark - baseline) - Fraction(1, 2))
        points = max(points, min(9, max(0, closed)))
    return 10 * MILLION * points


def window_values(values: Sequence[int | None]) -> tuple[int | None, int | None]:
    """Value of a latent indicator over its years, 1/6, 2/6 and 3/6 old to new, and its start as baseline (C5).

    The years observed must carry half of the weight.
    """
    weighted = list(zip((1, 2, 3), values, strict=True))
    observed = sum(weight for weight, value in weighted if value is not None)
    return (weighted_mean(weighted) if 2 * observed >= 6 else None), values[0]


def value_and_baseline(program: Program, indicator: Indicator, unit: Unit) -> tuple[int | None, int | None]:
    """Value and own baseline of an indicator in its own direction; None where missing or of too few cases."""
    key = (indicator.indicator_id, unit.org_id)
    if indicator.achievement_kind == "latent":
        years = program.window.get(key, (Fact(None),) * 3)
        value, baseline = window_values([counted(fact, indicator) for fact in years])
    else:
        value = counted(program.facts.get(key), indicator)
        baseline = counted(program.baseline.get(key), indicator)
    return value, None if unit.changed else baseline


def indicator_score(program: Program, indicator: Indicator, unit: Unit) -> int | None:
    """Score of one fact, an approved exemption included (C1-C5, G1); None where there is nothing to score."""
    key = (indicator.indicator_id, unit.org_id)
    value, baseline = value_and_baseline(program, indicator, unit)
    anchors = program.scheme.anchors.get((indicator.indicator_id, unit.peer_group))
    if anchors is None:
        anchors = program.scheme.anchors.get((indicator.indicator_id, None))
    if value is None or anchors is None:
        return None
    scale = anchored_score if program.scheme.policy.scale == "anchored" else cms_score
    score = scale(value, baseline, anchors, indicator.direction)
    if key in program.exemptions:
        score = max(score, EXEMPTION_FLOORS[program.exemptions[key]])
    return score


def satisfaction_score(program: Program, unit: Unit) -> int | None:
    """Satisfaction mean on the anchors of its group, so that it shares the scale of results (B4)."""
    anchors: Mapping[str | None, Anchors] = program.scheme.satisfaction_anchors
    own = anchors[unit.peer_group] if unit.peer_group in anchors else anchors.get(None)
    if own is None or unit.satisfaction_mean is None:
        return None
    return half_up(MILLION * level(unit.satisfaction_mean, turned(own, "higher_better")))


def weight_of(indicator: Indicator, unit: Unit) -> int:
    """Weight of an indicator for a unit; 0 where it does not apply to its peer group (E1)."""
    return indicator.weights.get(unit.peer_group, indicator.weights.get(None, 0))


def cell_score(
    program: Program, unit: Unit, score100: Mapping[tuple[str, str], int | None], kind: str, track: str
) -> int | None:
    """Weighted mean of the scored indicators of a cell, process indicators left out (D1)."""
    return weighted_mean(
        (weight_of(indicator, unit), score100[indicator.indicator_id, unit.org_id])
        for indicator in program.scheme.indicators
        if (indicator.achievement_kind, indicator.track) == (kind, track) and indicator.nature != "process"
    )


def process_score(program: Program, unit: Unit, score100: Mapping[tuple[str, str], int | None]) -> int | None:
    """Weighted mean of the scored process indicators (D4)."""
    return weighted_mean(
        (weight_of(indicator, unit), score100[indicator.indicator_id, unit.org_id])
        for indicator in program.scheme.indicators
        if indicator.nature == "process"
    )


def track_score(quality: int | None, quantity: int | None, policy: Policy) -> int | None:
    """Weighted geometric mean of the two tracks; one alone is capped; none gives none (D2)."""
    if quality is not None and quantity is not None:
        alpha = policy.quality_share
        bases = [max(quality, policy.cell_floor), max(quantity, policy.cell_floor)]
        exponents = [alpha.numerator, alpha.denominator - alpha.numerator]
        return rounded_root(list(zip(bases, exponents, strict=True)), alpha.denominator)
    alone = quantity if quality is None else quality
    return None if alone is None else min(alone, policy.missing_track_cap)


def results_score(visible: int | None, latent: int | None, policy: Policy) -> int | None:
    """Visible and latent achievement together; one alone must carry the least observed weight (D3, 2.6)."""
    shares = [(1 - policy.latent_share, visible), (policy.latent_share, latent)]
    observed = sum(share for share, score in shares if score is not None)
    return weighted_mean(shares) if observed >= policy.min_observed_weight else None


def raw_score(parts: Mapping[str, int | None], policy: Policy) -> int | None:
    """Weighted mean of the observed parts where they carry enough weight and are not too few (2.6, D4)."""
    weights = {name: weight for name, weight in policy.part_weights.items() if weight > 0}
    observed = [name for name in weights if parts[name] is not None]
    share = Fraction(sum(weights[name] for name in observed), sum(weights.values()))
    if share < policy.min_observed_weight or len(observed) < policy.min_parts:
        return None
    return weighted_mean((weights[name], parts[name]) for name in observed)
