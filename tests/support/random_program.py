"""Small random assessment programmes as plain numbers: what the slow and the fast computation both read.

Everything is a whole number or a fraction: values, weights and points in millionths, money in fen. The
same seed gives the same programme. Ties, missing values, empty pools, binding caps, exemptions, red
lines and adders are made frequent on purpose.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import accumulate
from random import Random
from typing import Any, Literal

MILLION = 1_000_000
"""Millionths in one: the unit of values, weights and points."""

Achievement = Literal["visible", "latent"]
Track = Literal["quality", "quantity"]

CELLS: tuple[tuple[Achievement, Track], ...] = (
    ("visible", "quality"),
    ("visible", "quantity"),
    ("latent", "quality"),
    ("latent", "quantity"),
)

EXEMPTION_FLOORS: Mapping[str, int] = {"exempt": 75 * MILLION, "mitigate": 60 * MILLION}
"""Neutral floor of each kind of exemption (method G1), in micropoints."""

LISTED_ADDERS: Mapping[str, int] = {"AID": 3 * MILLION, "INNOVATION": 2 * MILLION}
"""The most each listed adder may add, in micropoints."""


@dataclass(frozen=True)
class Indicator:
    """One measured quantity.

    ``weights`` in millionths count inside its cell, or among process indicators; they are keyed by peer
    group, None standing for every group without a weight of its own. It applies to no other group.
    """

    indicator_id: str
    achievement_kind: Achievement
    track: Track
    nature: Literal["outcome", "process"]
    direction: Literal["higher_better", "lower_better"]
    weights: Mapping[str | None, int]
    min_cases: int | None


@dataclass(frozen=True)
class Anchors:
    """Stored anchors in the indicator's own direction, in millionths."""

    minimum: int
    floor: int
    achievement_threshold: int
    benchmark: int


@dataclass(frozen=True)
class Fact:
    """Value in millionths, None where none was reported; ``denominator`` counts the cases, where known."""

    value: int | None
    denominator: int | None = None


@dataclass(frozen=True)
class Unit:
    """One unit with what does not come from its indicators; points in micropoints, money in fen."""

    org_id: str
    peer_group: str
    satisfaction_mean: int | None
    satisfaction_se: float | None
    list_score: int | None
    adders: tuple[tuple[str, int], ...]
    red_line: bool
    p_within_quota: float | None
    base_fen: int
    changed: bool


@dataclass(frozen=True)
class Policy:
    """The numbers a scheme would state.

    ``exchange`` is None where a score counts for money as it is, or what 0, 1, ... 105 points count for in
    millionths of a percent, with straight lines between.
    """

    scale: Literal["anchored", "cms"]
    quality_share: Fraction
    latent_share: Fraction
    part_weights: Mapping[str, int]
    quota: Fraction
    reserve_share: Fraction
    cap_multiple: Fraction
    exchange: tuple[int, ...] | None
    missing_track_cap: int = 80 * MILLION
    cell_floor: int = MILLION
    min_observed_weight: Fraction = Fraction(3, 5)
    min_parts: int = 2
    score_cap: int = 105 * MILLION
    max_adder: int = 5 * MILLION
    cut_offs: tuple[int, int, int] = (85 * MILLION, 75 * MILLION, 60 * MILLION)
    min_probability: float = 0.5


@dataclass(frozen=True)
class Scheme:
    """What programmes share: anchors are keyed by indicator and peer group, satisfaction anchors by peer group.

    None as a peer group stands for every group without an entry of its own.
    """

    policy: Policy
    groups: tuple[str, ...]
    indicators: tuple[Indicator, ...]
    anchors: Mapping[tuple[str, str | None], Anchors]
    satisfaction_anchors: Mapping[str | None, Anchors]


@dataclass(frozen=True)
class Program:
    """Everything one period's money depends on.

    Facts and their baseline are keyed by indicator and organisation; those of a latent indicator are in
    ``window`` instead: its facts of three years, old to new. ``exemptions`` names the kind of the approved
    exemption of an indicator and organisation.
    """

    seed: int
    scheme: Scheme
    units: tuple[Unit, ...]
    facts: Mapping[tuple[str, str], Fact]
    baseline: Mapping[tuple[str, str], Fact]
    window: Mapping[tuple[str, str], tuple[Fact, ...]]
    exemptions: Mapping[tuple[str, str], str]
    total_fen: int
    carried_fen: int


def random_programs(scheme_seed: int, number: int) -> list[Program]:
    """Programmes of one scheme: 2-8 indicators over the four cells, each 3-14 units in up to 3 peer groups."""
    random = Random(scheme_seed)  # noqa: S311 - reproducible, no secret
    # The top of the anchors: the lower, the better everybody does, up to tier A.
    top = random.choice([15, 30, 50, 100])
    scheme = _scheme(random, top)
    return [_program(scheme, 1000 * scheme_seed + place, top) for place in range(number)]


def _scheme(random: Random, top: int) -> Scheme:
    groups = tuple(f"G{number}" for number in range(1, random.randint(1, 3) + 1))
    indicators = tuple(_indicator(random, number, groups) for number in range(random.randint(2, 8)))
    return Scheme(
        policy=_policy(random),
        groups=groups,
        indicators=indicators,
        anchors={
            (indicator.indicator_id, group): _anchors(random, indicator.direction, top)
            for indicator in indicators
            for group in [None, *groups]
            if random.random() < (0.95 if group is None else 0.4)
        },
        satisfaction_anchors={
            group: _anchors(random, "higher_better", random.choice([top, 100]))
            for group in [None, *groups]
            if random.random() < (0.9 if group is None else 0.4)
        },
    )


def _program(scheme: Scheme, seed: int, top: int) -> Program:
    random = Random(seed)  # noqa: S311 - reproducible, no secret
    units = [_unit(random, number, scheme.groups, top) for number in range(random.randint(3, 14))]
    yearly = tuple(indicator for indicator in scheme.indicators if indicator.achievement_kind == "visible")
    facts = _facts(random, units, yearly, 0.9)
    baseline = _facts(random, units, yearly, 0.7)
    window = _window(random, units, scheme.indicators)
    _force_ties(random, units, scheme.indicators, (facts, baseline, window))
    base = sum(unit.base_fen for unit in units)
    total = random.choice([0, 1, 7, base // 2, base, base, 3 * base, random.randint(0, 10**9)])
    return Program(
        seed=seed,
        scheme=scheme,
        units=tuple(units),
        facts=facts,
        baseline=baseline,
        window=window,
        exemptions={
            (indicator.indicator_id, unit.org_id): random.choice(list(EXEMPTION_FLOORS))
            for indicator in scheme.indicators
            for unit in units
            if random.random() < 0.08
        },
        # Without any base there is nobody to share a total among.
        total_fen=total if base else 0,
        carried_fen=random.choice([0, 0, 12_345]) if base else 0,
    )


def _indicator(random: Random, number: int, groups: tuple[str, ...]) -> Indicator:
    # The first two give most programmes results to score at all; the others fall anywhere.
    ordinary = number < 2 and random.random() < 0.9
    achievement_kind, track = CELLS[number] if ordinary else random.choice(CELLS)

    def weight() -> int:
        return random.choice([100_000, 200_000, 333_333, 1_000_000, random.randint(0, MILLION)])

    weights: dict[str | None, int] = {None: weight()} if ordinary or random.random() < 0.8 else {}
    weights |= {group: random.choice([0, weight(), weight()]) for group in groups if random.random() < 0.2}
    return Indicator(
        indicator_id=f"I{number}",
        achievement_kind=achievement_kind,
        track=track,
        nature="process" if not ordinary and random.random() < 0.15 else "outcome",
        direction=random.choice(["higher_better", "higher_better", "lower_better"]),
        weights=weights,
        min_cases=random.choice([None, None, 0, 1, 10]),
    )


def _unit(random: Random, number: int, groups: tuple[str, ...], top: int) -> Unit:
    step = random.choice([1, 10 * MILLION])
    least = max(0, 80 - top) * MILLION

    def points() -> int | None:
        return random.randrange(least, 100 * MILLION + 1, step) if random.random() < 0.9 else None

    return Unit(
        org_id=f"V{number:02}",
        peer_group=random.choice(groups),
        satisfaction_mean=points(),
        satisfaction_se=random.choice([None, 0.5, 5.0, 20.0, 60.0]),
        list_score=points(),
        adders=tuple(
            (random.choice(list(LISTED_ADDERS)), random.choice([1, 500_000, 1_234_567, 2_000_000, 4_000_000]))
            for _ in range(random.choice([0, 0, 1, 3]))
        ),
        red_line=random.random() < 0.1,
        p_within_quota=random.choice([None, 0.0, 0.4999, 0.5, 0.75, 1.0, 1.0]),
        base_fen=random.choice([0, 100, 50_000, 50_000, 50_000, random.randint(1, 900_000)]),
        changed=random.random() < 0.08,
    )


def _value(random: Random) -> int:
    return random.choice([random.randrange(0, 101, 5) * MILLION, random.randint(-10 * MILLION, 110 * MILLION)])


def _fact(random: Random) -> Fact:
    return Fact(
        _value(random) if random.random() < 0.93 else None,
        random.choice([None, None, None, 40 * MILLION, 40 * MILLION, 10 * MILLION, 5 * MILLION, 500_000, 0]),
    )


def _facts(
    random: Random, units: list[Unit], indicators: tuple[Indicator, ...], share: float
) -> dict[tuple[str, str], Fact]:
    return {
        (indicator.indicator_id, unit.org_id): _fact(random)
        for indicator in indicators
        for unit in units
        if random.random() < share
    }


def _window(
    random: Random, units: list[Unit], indicators: tuple[Indicator, ...]
) -> dict[tuple[str, str], tuple[Fact, ...]]:
    return {
        (indicator.indicator_id, unit.org_id): (_fact(random), _fact(random), _fact(random))
        for indicator in indicators
        if indicator.achievement_kind == "latent"
        for unit in units
        if random.random() < 0.95
    }


def _force_ties(
    random: Random,
    units: list[Unit],
    indicators: tuple[Indicator, ...],
    tables: tuple[dict[tuple[str, str], Any], ...],
) -> None:
    """Makes some units the twins of others: the same group, parts, base and values."""
    for place in range(1, len(units)):
        if random.random() > 0.3:
            continue
        model = units[random.randrange(place)]
        twin = units[place] = replace(model, org_id=units[place].org_id)
        for table in tables:
            for indicator in indicators:
                table.pop((indicator.indicator_id, twin.org_id), None)
                if (value := table.get((indicator.indicator_id, model.org_id))) is not None:
                    table[indicator.indicator_id, twin.org_id] = value


def _anchors(random: Random, direction: str, top: int) -> Anchors:
    """Anchors in order, sometimes falling together, rarely out of order."""
    step = random.choice([1, 5 * MILLION, 20 * MILLION])
    places = sorted(random.randrange(0, top * MILLION + 1, step) for _ in range(4))
    if random.random() < 0.05:
        random.shuffle(places)
    if direction == "lower_better":
        places = [100 * MILLION - place for place in places]
    return Anchors(*places)


def _policy(random: Random) -> Policy:
    process = random.choice([0, 0, 50_000, 100_000])
    return Policy(
        scale=random.choice(["anchored", "anchored", "anchored", "cms"]),
        quality_share=random.choice(
            [Fraction(3, 5), Fraction(3, 5), Fraction(1, 2), Fraction(7, 10), Fraction(13, 20)]
        ),
        latent_share=random.choice([Fraction(7, 20), Fraction(7, 20), Fraction(1, 4), Fraction(1, 2)]),
        part_weights={
            "satisfaction_score": 350_000,
            "results_score": 500_000,
            "list_score": 150_000 - process,
            "process_score": process,
        },
        quota=random.choice([Fraction(1, 5), Fraction(1, 5), Fraction(1, 3), Fraction(1, 2)]),
        reserve_share=random.choice([Fraction(1, 50), Fraction(1, 50), Fraction(0), Fraction(1, 3)]),
        cap_multiple=random.choice([Fraction(3), Fraction(3), Fraction(1), Fraction(6, 5)]),
        exchange=random.choice([None, None, _exchange(random)]),
        # With one half, results alone carry enough weight and are still one part only.
        min_observed_weight=random.choice([Fraction(3, 5), Fraction(3, 5), Fraction(1, 2)]),
    )


def _exchange(random: Random) -> tuple[int, ...]:
    """A table that never falls and stands still in places, so that unlike scores count for the same."""
    steps = [random.choice([0, 0, random.randint(0, 3 * MILLION)]) for _ in range(105)]
    return tuple(accumulate(steps, initial=random.choice([0, 5 * MILLION])))
