"""False flags and power of the patterns of too-good data, on synthetic counties.

A clean county has 150 villages in three peer groups. Its registers hold counts that grow with the village, small
counts full of ties, rates to one decimal and figures rounded by instruction, with seasons and heavy-tailed
shocks; people work towards targets and deadlines, township clerks enter ten villages in ten minutes, and
villages of like size are like each other. Planted, each by itself:
a tenth of the units copied, targets bunched at 30 % of the units, one register inflated by 10 %.

``python -m benchmarks.false_data [--counties 200]`` prints a table and exits non-zero when the mean number of
false flags per county and period is above ``FALSE_FLAGS_MOST``.
"""

from __future__ import annotations

import argparse
import datetime as dt
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from scoring.burden.false_data import (
    PATTERN_CODES,
    FalseDataInputs,
    Limits,
    PatternResult,
    false_data_results,
    prepared_facts,
)
from scoring.burden.false_data.binomial import share_interval
from scoring.burden.false_data.bunching import target_bunching
from scoring.burden.false_data.copies import identical_vectors
from scoring.burden.false_data.pattern import FLAGGED
from scoring.burden.false_data.registers import overstatement
from scoring.burden.false_data.report import decided

COUNTIES = 20
FALSE_FLAGS_MOST = 0.1
VILLAGES = 150
PERIODS = tuple(f"2026-{month:02d}" for month in range(1, 13))
AFTER = "2027-01"
EARLIER = tuple(f"2025-{month:02d}" for month in (10, 11, 12))
ALL_PERIODS = (*EARLIER, *PERIODS, AFTER)
DEPARTMENTS = tuple(f"DEP{number}" for number in range(1, 7))
REGISTERS = DEPARTMENTS[:3]
OFFICE = "OFFICE"
LIMITS = Limits()

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Kind:
    """What an indicator looks like: its level per household, the noise between months, and its rounding."""

    name: str
    level: float
    noise: float
    decimals: int
    is_rate: bool = False
    targeted: bool = False
    step: int = 1
    small: bool = False
    partly: bool = False


KINDS = (
    Kind("claims", 0.8, 0.08, 0, targeted=True, partly=True),
    Kind("trees", 2.5, 0.06, 0, targeted=True),
    Kind("visits", 1.2, 0.10, 0),
    Kind("workers", 0.5, 0.05, 0),
    Kind("disabled", 0.015, 0.0, 0, small=True),
    Kind("births", 0.01, 0.0, 0, small=True),
    Kind("residents", 3.0, 0.01, 0, step=10),
    Kind("coverage", 82.0, 0.04, 1, is_rate=True, targeted=True),
)
"""Every register keeps each kind, with a level of its own."""

ROUNDED = frozenset(f"{department}-residents" for department in REGISTERS)
CONSTANT = frozenset(f"{department}-disabled" for department in REGISTERS)


def county(seed: int) -> FalseDataInputs:
    """A county without anything planted."""
    random = np.random.default_rng([seed, 1])
    org_ids = [f"V{number:03d}" for number in range(VILLAGES)]
    households = np.rint(random.lognormal(6, 0.5, VILLAGES)).clip(60).astype(np.int64)
    groups = np.array(["mountain", "plain", "town"])[np.arange(VILLAGES) % 3]
    organisations = pl.DataFrame(
        {
            "org_id": [*org_ids, *DEPARTMENTS, OFFICE],
            "org_kind": ["village"] * VILLAGES + ["county_gov_dept"] * (len(DEPARTMENTS) + 1),
            "peer_group": [*groups, *["department"] * (len(DEPARTMENTS) + 1)],
            "households": [*households, *[None] * (len(DEPARTMENTS) + 1)],
        }
    )
    rows = [_indicator(department, kind, org_ids, households, random) for department in REGISTERS for kind in KINDS]
    rows += [_categories(department, org_ids, households, random) for department in DEPARTMENTS]
    performance = pl.concat(rows).join(_entries(org_ids, random), on=["source_org_id", "org_id"], how="left")
    names = [(f"{d}-{k.name}", "rate" if k.is_rate else "count", k.is_rate) for d in REGISTERS for k in KINDS]
    indicators = pl.DataFrame(
        [
            {"indicator_id": name, "direction": "higher_better", "unit": unit, "max": 100.0 if is_rate else None}
            for name, unit, is_rate in [*names, ("inquiries", "share", False)]
        ]
    )
    return FalseDataInputs(
        period_id=PERIODS[-1],
        periods=PERIODS,
        performance=performance,
        indicators=indicators,
        organisations=organisations,
        earlier_periods=EARLIER,
        months=(PERIODS[-2], PERIODS[-1], AFTER),
        readings=_readings(org_ids, random),
        visits=_visits(org_ids, random),
        independent=_independent(performance, random),
        cases=pl.concat([_cases(department, random) for department in DEPARTMENTS]),
        linked=_linked(performance, random),
        rounded=ROUNDED,
        constant=CONSTANT,
    )


def _rows(department: str, indicator: str, org_ids: Sequence[str], **columns: Any) -> pl.DataFrame:
    """Facts of one indicator, unit by unit and within it period by period; columns are (units x periods)."""
    n = len(org_ids)
    data = {
        "indicator_id": [indicator] * (n * len(ALL_PERIODS)),
        "org_id": np.repeat(org_ids, len(ALL_PERIODS)).tolist(),
        "period_id": list(ALL_PERIODS) * n,
        "source_org_id": [department] * (n * len(ALL_PERIODS)),
        **{name: np.asarray(values).ravel() for name, values in columns.items() if values is not None},
    }
    frame = pl.DataFrame(data)
    decimals = ("value", "target_value", "numerator", "denominator")
    missing = [pl.lit(None).alias(name) for name in decimals if name not in frame.columns]
    keys = ("indicator_id", "org_id", "period_id", "source_org_id")
    return (
        frame.with_columns(missing)
        .select(*keys, *decimals)
        .with_columns(
            pl.col(decimals).cast(pl.Float64).fill_nan(None).round(6).cast(pl.Decimal(18, 6)),
            target_set_by=pl.when(pl.col("target_value").is_not_null()).then(pl.lit(OFFICE)),
        )
    )


def _indicator(
    department: str, kind: Kind, org_ids: Sequence[str], households: npt.NDArray[np.int64], random: np.random.Generator
) -> pl.DataFrame:
    shape = (len(org_ids), len(ALL_PERIODS))
    season = 1 + 0.1 * np.sin(2 * np.pi * np.arange(shape[1]) / 12 + random.uniform(0, 6))
    scale = random.uniform(0.7, 1.3)
    size = np.ones(len(org_ids)) if kind.is_rate else households.astype(np.float64)
    # Villages of like size are like each other; what is left is their own and lasts.
    own = random.lognormal(0, 0.03 if kind.is_rate else 0.15, len(org_ids))
    level = (kind.level * (1 if kind.is_rate else scale) * size * own)[:, None] * np.ones(shape)
    if kind.small:
        values = np.maximum(random.poisson(level[:, :1]) + random.binomial(2, 0.5, shape) - 1, 0).astype(np.float64)
        return _rows(department, f"{department}-{kind.name}", org_ids, value=values)
    shocks = np.exp(kind.noise * np.clip(random.standard_t(4, shape), -8, 8))
    if not kind.is_rate:
        level = level * season
    values = np.round(level * shocks / kind.step, kind.decimals) * kind.step
    target = None
    if kind.targeted:
        # A target near what such a village reaches, in round figures; some kinds only for two villages in three.
        target = np.round(level * random.lognormal(0, 0.05, shape), 0 if kind.is_rate else -1)
        has_target = np.arange(len(org_ids))[:, None] % 9 < (6 if kind.partly else 9)
        target = np.where(has_target, np.maximum(target, 10), np.nan)
        # Some effort just for the target: a tenth of those up to a hundredth short of it reach it.
        near = (values < target) & (values >= 0.99 * target) & (random.random(shape) < 0.1)
        values = np.where(near, np.round(target, kind.decimals), values)
    if kind.is_rate:
        values = np.minimum(values, 100.0)
    return _rows(department, f"{department}-{kind.name}", org_ids, value=values, target_value=target)


def _categories(
    department: str, org_ids: Sequence[str], households: npt.NDArray[np.int64], random: np.random.Generator
) -> pl.DataFrame:
    """Complaints and how many were recorded as inquiries, with a season and departments that differ."""
    months = np.array([int(period[-2:]) for period in ALL_PERIODS])
    share = random.uniform(0.2, 0.4) + 0.05 * np.cos(2 * np.pi * months / 12)
    total = random.poisson(households[:, None] / 60, (len(org_ids), len(ALL_PERIODS))) + 1
    good = random.binomial(total, share[None, :])
    return _rows(department, "inquiries", org_ids, value=np.round(good / total, 6), numerator=good, denominator=total)


def _entries(org_ids: Sequence[str], random: np.random.Generator) -> pl.DataFrame:
    """When and by whom: a clerk per ten villages enters them within ten minutes."""
    rows = []
    for department in DEPARTMENTS:
        for first in range(0, len(org_ids), 10):
            start = dt.datetime(2026, 12, 31, 2, tzinfo=dt.UTC) + dt.timedelta(minutes=int(random.integers(0, 360)))
            rows += [
                {
                    "source_org_id": department,
                    "org_id": org_id,
                    "entered_at": start + dt.timedelta(minutes=place),
                    "entered_by_hash": f"clerk{first // 10}",
                }
                for place, org_id in enumerate(org_ids[first : first + 10])
            ]
    return pl.DataFrame(rows).with_columns(pl.col("entered_at").cast(pl.Datetime("us", "UTC")))


def _readings(org_ids: Sequence[str], random: np.random.Generator) -> pl.DataFrame:
    """Daily values of one register for a tenth of the villages over 120 days, higher on Mondays."""
    days = [dt.date(2026, 9, 1) + dt.timedelta(days=day) for day in range(120)]
    units = list(org_ids[::10])
    weekly = np.array([3.0 if day.weekday() == 0 else 0.0 for day in days])
    values = np.rint(
        np.maximum(random.poisson(20, (len(units), 1)) + weekly + 4 * random.standard_t(4, (len(units), 120)), 0)
    )
    return pl.DataFrame(
        {
            "indicator_id": ["patrols"] * values.size,
            "org_id": np.repeat(units, len(days)).tolist(),
            "period_id": [day.isoformat() for day in days] * len(units),
            "source_org_id": [DEPARTMENTS[0]] * values.size,
            "value": values.ravel(),
            "as_of": days * len(units),
        }
    )


def _visits(org_ids: Sequence[str], random: np.random.Generator) -> pl.DataFrame:
    units = list(org_ids[::10])
    chosen = random.choice(len(units), 12)
    days = [dt.date(2026, 9, 3) + dt.timedelta(days=int(day)) for day in random.integers(0, 110, 12)]
    return pl.DataFrame({"org_id": [units[place] for place in chosen], "day": days})


def _independent(performance: pl.DataFrame, random: np.random.Generator) -> pl.DataFrame:
    """A count of 40 villages for one indicator of every department, off by 5 % on average either way."""
    names = [f"{department}-trees" for department in REGISTERS]
    rows = performance.filter(pl.col("indicator_id").is_in(names) & (pl.col("period_id") == PERIODS[-1])).sort(
        "indicator_id", "org_id"
    )
    rows = rows.filter(pl.int_range(pl.len()).over("indicator_id") < 40)
    error = pl.Series(random.lognormal(0, 0.05, rows.height))
    return rows.select(
        "indicator_id",
        "org_id",
        "period_id",
        pl.lit("remote count").alias("independent_register"),
        value=(pl.col("value").cast(pl.Float64) * error).round(0),
    )


def _cases(department: str, random: np.random.Generator) -> pl.DataFrame:
    """Cases with two days each; many are closed in the last hours, one in twenty comes back."""
    n = int(random.integers(300, 700))
    opened = [dt.datetime(2026, 12, 1, tzinfo=dt.UTC) + dt.timedelta(hours=int(h)) for h in random.integers(0, 600, n)]
    used = np.rint(2_880 * random.beta(2.0, 0.9, n)).astype(int)
    closed = [start + dt.timedelta(minutes=int(minutes)) for start, minutes in zip(opened, used, strict=True)]
    back = random.random(n) < 0.05
    wait = random.integers(1, 60, n)
    again = [
        moment + dt.timedelta(days=int(days)) if comes else None
        for moment, days, comes in zip(closed, wait, back, strict=True)
    ]
    utc = pl.Datetime("us", "UTC")
    return pl.DataFrame(
        {
            "source_org_id": [department] * n,
            "opened_at": opened,
            "due_at": [start + dt.timedelta(days=2) for start in opened],
            "closed_at": closed,
            "reopened_at": again,
        },
        schema_overrides={"opened_at": utc, "due_at": utc, "closed_at": utc, "reopened_at": utc},
    )


def _linked(performance: pl.DataFrame, random: np.random.Generator) -> pl.DataFrame:
    """Power and tax that move with the jobs of every department, each with an error of its own."""
    names = [f"{department}-workers" for department in REGISTERS]
    rows = performance.filter(pl.col("indicator_id").is_in(names) & pl.col("period_id").is_in(PERIODS[-2:])).sort(
        "indicator_id", "org_id", "period_id"
    )
    parts = []
    for register in ("power", "tax"):
        error = pl.Series(random.lognormal(0, 0.02, rows.height))
        parts.append(
            rows.select(
                "indicator_id",
                "org_id",
                "period_id",
                pl.lit(register).alias("linked_register"),
                value=(pl.col("value").cast(pl.Float64) * 100 * error).round(2),
            )
        )
    return pl.concat(parts)


def copied(clean: FalseDataInputs, seed: int) -> FalseDataInputs:
    """A tenth of the units take the values of one other unit in one register, one value in ten changed after."""
    random = np.random.default_rng([seed, 2])
    org_ids = clean.organisations.filter(pl.col("org_kind") == "village")["org_id"].to_list()
    chosen = random.choice(len(org_ids), VILLAGES // 10 + 1, replace=False)
    source, copies = org_ids[chosen[0]], [org_ids[place] for place in chosen[1:]]
    rows = clean.performance
    model = rows.filter(pl.col("org_id") == source).select("indicator_id", "period_id", "source_org_id", copy="value")
    changed = pl.Series(random.random(rows.height) < 0.1)
    hit = (pl.col("source_org_id") == DEPARTMENTS[0]) & pl.col("org_id").is_in(copies) & ~changed
    rows = rows.join(model, on=["indicator_id", "period_id", "source_org_id"], how="left", maintain_order="left")
    return replace(
        clean, performance=rows.with_columns(value=pl.when(hit).then("copy").otherwise("value")).drop("copy")
    )


def bunched(clean: FalseDataInputs, seed: int) -> FalseDataInputs:
    """In one indicator 30 % of the units report a value between the target and a hundredth above it."""
    random = np.random.default_rng([seed, 3])
    rows = clean.performance
    lifted = pl.Series(random.random(rows.height) < 0.3)
    place = pl.Series(random.uniform(0, 0.01, rows.height))
    target = pl.col("target_value").cast(pl.Float64)
    hit = (pl.col("indicator_id") == f"{DEPARTMENTS[0]}-trees") & (pl.col("period_id") == clean.period_id) & lifted
    value = (target + (place * target).floor()).round(0).cast(pl.Decimal(18, 6))
    hit &= pl.col("target_value").is_not_null()
    return replace(clean, performance=rows.with_columns(value=pl.when(hit).then(value).otherwise("value")))


def inflated(clean: FalseDataInputs, seed: int) -> FalseDataInputs:
    """One register reports a tenth too much, everywhere; the same in every county."""
    del seed
    rows = clean.performance
    more = (pl.col("value").cast(pl.Float64) * 1.1).round(0).cast(pl.Decimal(18, 6))
    hit = pl.col("indicator_id") == f"{DEPARTMENTS[0]}-trees"
    return replace(clean, performance=rows.with_columns(value=pl.when(hit).then(more).otherwise("value")))


@dataclass(frozen=True)
class Plant:
    """What is planted, and the pattern and subject that have to be flagged for it."""

    plant: Callable[[FalseDataInputs, int], FalseDataInputs]
    code: str
    subject: str
    pattern: Callable[[pl.DataFrame, FalseDataInputs], PatternResult]


PLANTED = {
    "10 % of units copied": Plant(
        copied,
        "FAL-03",
        DEPARTMENTS[0],
        lambda facts, inputs: identical_vectors(facts, LIMITS, period_id=inputs.period_id),
    ),
    "targets bunched at 30 %": Plant(
        bunched, "FAL-01", OFFICE, lambda facts, inputs: target_bunching(facts, LIMITS, period_id=inputs.period_id)
    ),
    "register inflated by 10 %": Plant(
        inflated,
        "FAL-09",
        DEPARTMENTS[0],
        lambda facts, inputs: overstatement(facts, inputs.independent, LIMITS, period_id=inputs.period_id),
    ),
}


@dataclass(frozen=True)
class Outcome:
    """Over all counties: false flags by pattern, counties, and how often each plant was found."""

    counties: int
    false_flags: Counter[str]
    found: Counter[str]

    @property
    def mean_false_flags(self) -> float:
        """False flags per county and period."""
        return self.false_flags.total() / self.counties


def flags(inputs: FalseDataInputs) -> pl.DataFrame:
    """Flagged tests of all patterns."""
    return false_data_results(inputs, LIMITS).table.filter(pl.col("state") == FLAGGED)


def is_found(plant: Plant, clean: FalseDataInputs, seed: int) -> bool:
    """Whether what is planted raises its pattern against its subject; the other patterns are not run."""
    inputs = plant.plant(clean, seed)
    performance = inputs.performance.filter(pl.col("period_id") == inputs.period_id)
    facts = prepared_facts(performance, inputs.indicators, inputs.organisations)
    tests = decided(plant.pattern(facts, inputs).tests, LIMITS)
    hit = (pl.col("state") == FLAGGED) & (pl.col("subject_org_id") == plant.subject)
    return not tests.filter(hit).is_empty()


def outcome(counties: int) -> Outcome:
    """Clean and planted counties of the seeds 1 to ``counties``."""
    false_flags: Counter[str] = Counter()
    found: Counter[str] = Counter()
    for seed in range(1, counties + 1):
        clean = county(seed)
        false_flags.update(flags(clean)["pattern_code"].to_list())
        for name, plant in PLANTED.items():
            found[name] += is_found(plant, clean, seed)
    return Outcome(counties, false_flags, found)


def main(arguments: Sequence[str] | None = None) -> int:
    """Print false flags by pattern and the power of each plant; 1 beyond the gate."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--counties", type=int, default=COUNTIES)
    counties = parser.parse_args(arguments).counties
    seen = outcome(counties)
    print("| pattern | false flags | per county-period |")
    print("|---|---|---|")
    for code in PATTERN_CODES:
        print(f"| {code} | {seen.false_flags[code]} | {seen.false_flags[code] / counties:.3f} |")
    print(f"| all | {seen.false_flags.total()} | {seen.mean_false_flags:.3f} |")
    print("\n| planted | pattern | found | power | 95 % interval |")
    print("|---|---|---|---|---|")
    for name, plant in PLANTED.items():
        found = seen.found[name]
        low, high = share_interval(found, counties)
        print(f"| {name} | {plant.code} | {found}/{counties} | {found / counties:.2f} | {low:.2f}-{high:.2f} |")
    if seen.mean_false_flags > FALSE_FLAGS_MOST:
        print(
            f"\nbeyond the gate: {seen.mean_false_flags:.3f} false flags per county-period, at most {FALSE_FLAGS_MOST}"
        )
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
