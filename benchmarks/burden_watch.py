"""False alarms and power of the shifted-burden watch, on simulated counties.

In a clean county nothing shifts: each department's events of each kind are negative binomial by month, with a
dispersion of their own and a common season, and the watch runs for twelve months. Then one department moves a
share of its official minutes into the informal kind, a year before the last run. Every county has its own seed.

``python -m benchmarks.burden_watch --counties 500`` prints flags per county-year and power; it exits non-zero when
more than half a department is flagged per clean county-year.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import numpy.typing as npt
import polars as pl
import scipy.stats

from scoring.burden.inputs import BurdenInputs, Window
from scoring.burden.parameters import Parameter, Parameters
from scoring.burden.shifted import UnitMonths, shifted_burden

MAX_FLAGS = 0.5
"""Departments flagged per clean county-year (burden catalogue, part 7)."""

COUNTIES = 4
PLANTED_AT_MOST = 100
"""Counties each shift is planted in: enough for an interval of a tenth either way."""

DEPARTMENTS = 30
MONTHS = 36
FIRST_YEAR = 2024
SHARES = (0.25, 0.50, 0.75)
SIZES = (60, 120, 240)
UNITS = UnitMonths(12 * 260, 12 * 260)
SEASON = np.array([1.3, 0.5, 1.2, 1.0, 1.0, 1.1, 0.8, 0.8, 1.1, 0.9, 1.1, 1.6])
SEASON = SEASON / SEASON.sum()
OFFICIAL_MINUTES = (30, 60, 90, 120)
INFORMAL_MINUTES = (10, 20, 30)
PARAMETERS = Parameters(
    {
        name: Parameter(name, value, unit, "J")
        for name, value, unit in (
            ("shift.share_min", 0.3, "share"),
            ("shift.fdr", 0.05, "share"),
            ("shift.draws", 2_000, "draw"),
            ("shift.official_min", 30, "event"),
            ("shift.informal_min", 15, "event"),
            ("shift.history_months", 24, "month"),
        )
    }
)

Integers = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Arms:
    """How the events of one pair are recorded: kind, and what else tells the informal ones apart."""

    pair: str
    official: tuple[str, dict[str, str]]
    informal: tuple[str, dict[str, str]]


PAIRS = (
    Arms("SP-1", ("document", {}), ("work_reminder", {})),
    Arms("SP-2", ("meeting", {}), ("video_conf", {})),
    Arms("SP-3", ("inspection", {}), ("survey_visit", {})),
    Arms("SP-4", ("report_form", {}), ("report_form", {"channel": "email"})),
    Arms("SP-6", ("assessment", {}), ("usage_ranking", {})),
    Arms("SP-7", ("campaign", {"plan_no": "L1"}), ("campaign", {})),
    Arms("SP-8", ("secondment", {}), ("secondment", {"burden_subkind": "专班"})),
)
_TEXTS = (
    "burden_subkind", "channel", "plan_no", "matter", "origin_org_id", "doc_no", "title", "parent_source_ref",
)  # fmt: skip


@dataclass(frozen=True)
class Series:
    """Events of one department and arm: numbers by month and the minutes each takes."""

    department: int
    arms: Arms
    is_official: bool
    numbers: Integers
    minutes: tuple[int, ...]


@dataclass(frozen=True)
class CleanYear:
    """What a year of monthly runs gave in a county in which nothing shifted."""

    flagged: int
    first_signs: int
    control_tested: int
    control_signs: int


@dataclass(frozen=True)
class Power:
    """Planted shifts found, of ``planted``, for official minutes moved (share) from ``size`` official events a year."""

    size: int
    share: float
    planted: int
    found: int

    @property
    def interval(self) -> tuple[float, float]:
        """Exact 95 % interval of the share found."""
        found = scipy.stats.binomtest(self.found, self.planted).proportion_ci(method="exact")
        return float(found.low), float(found.high)


def negative_binomial(yearly: float, dispersion: float, rng: np.random.Generator) -> Integers:
    """Monthly numbers over all months, with the season, variance ``dispersion`` times the mean."""
    mean = np.tile(yearly * SEASON, MONTHS // 12)
    rate = mean if dispersion <= 1 else rng.gamma(mean / (dispersion - 1), dispersion - 1)
    return rng.poisson(rate).astype(np.int64)


def clean_county(departments: int, rng: np.random.Generator) -> list[Series]:
    """Every department with every pair: about 80 official and 35 informal events a year, dispersion 1 to 3."""
    found = []
    for department in range(departments):
        for arms in PAIRS:
            for is_official, typical, minutes in ((True, 80.0, OFFICIAL_MINUTES), (False, 35.0, INFORMAL_MINUTES)):
                yearly, dispersion = typical * float(rng.lognormal(0, 0.6)), float(rng.uniform(1, 3))
                numbers = negative_binomial(yearly, dispersion, rng)
                found.append(Series(department, arms, is_official, numbers, minutes))
    return found


def planted(clean: Sequence[Series], size: int, share: float, rng: np.random.Generator) -> list[Series]:
    """The same county, but the first department moves a share of its official minutes of the first pair.

    It had ``size`` official and half as many informal events a year, dispersion 1.5. In the last twelve months each
    official event is dropped with the chance ``share``, and informal events come in for its minutes.
    """
    official = negative_binomial(size, 1.5, rng)
    informal = negative_binomial(size / 2, 1.5, rng)
    dropped = rng.binomial(official[-12:], share)
    minutes = dropped * float(np.mean(OFFICIAL_MINUTES))
    official[-12:] -= dropped
    informal[-12:] += np.rint(minutes / float(np.mean(INFORMAL_MINUTES))).astype(np.int64)
    rest = [series for series in clean if series.department != 0 or series.arms != PAIRS[0]]
    return [
        *rest,
        Series(0, PAIRS[0], True, official, OFFICIAL_MINUTES),
        Series(0, PAIRS[0], False, informal, INFORMAL_MINUTES),
    ]


def facts(county: Sequence[Series], rng: np.random.Generator) -> pl.DataFrame:
    """Prepared rows, one per event, each in its month on a random day."""
    parts = []
    for place, series in enumerate(county):
        kind, marks = series.arms.official if series.is_official else series.arms.informal
        month = np.repeat(np.arange(MONTHS), series.numbers)
        size = len(month)
        columns = pl.DataFrame(
            {
                "start_date": pl.Series(month),
                "day": rng.integers(1, 29, size),
                "minutes": rng.choice(series.minutes, size),
                "source_ref": pl.int_range(size, eager=True).cast(pl.String) + f"/{place}",
            },
            schema_overrides={"start_date": pl.Int64, "day": pl.Int64, "minutes": pl.Int64},
        )
        issuer = f"D{series.department:02d}"
        parts.append(
            columns.with_columns(
                pl.date(FIRST_YEAR + pl.col("start_date") // 12, 1 + pl.col("start_date") % 12, "day").alias(
                    "start_date"
                ),
                burden_kind=pl.lit(kind),
                issuer_org_id=pl.lit(issuer),
                subject_org_id=pl.lit(issuer),
                **{name: pl.lit(marks.get(name), pl.String) for name in _TEXTS},
            ).drop("day")
        )
    return pl.concat(parts).with_columns(
        measure=pl.lit("flow"),
        target_org_id=pl.lit("V1"),
        quantity=pl.lit(1, pl.Int64),
        is_exempt=pl.lit(value=False),
        is_duplicate=pl.lit(value=False),
        issuer_kind=pl.lit("county_gov_dept"),
        issuer_level_rank=pl.lit(3, pl.Int8),
        feature_list=pl.lit([], pl.List(pl.String)),
    )


def run(rows: pl.DataFrame, departments: int, month: int, previous: pl.DataFrame | None) -> pl.DataFrame:
    """The watch of the month with that number, counted from 1."""
    year, place = divmod(month - 1, 12)
    start, end = date(FIRST_YEAR + year, place + 1, 1), date(FIRST_YEAR + month // 12, month % 12 + 1, 1)
    empty = pl.DataFrame()
    inputs = BurdenInputs(
        window=Window(f"{start:%Y-%m}", start, end),
        facts=rows.lazy(),
        organisations=pl.DataFrame(
            {
                "org_id": [f"D{number:02d}" for number in range(departments)],
                "level_rank": [3] * departments,
                "parent_org_id": ["COUNTY"] * departments,
                "peer_group": ["departments"] * departments,
            }
        ),
        bearers=empty,
        duties=empty,
        admissions=empty,
        grants=empty,
        form_fields=empty,
        indicators=empty,
        performance=empty.lazy(),
        verifications=empty,
        findings=empty,
        history_start=date(FIRST_YEAR, 1, 1),
    )
    return shifted_burden(inputs, PARAMETERS, UNITS, previous)


def clean_year(seed: int, departments: int = DEPARTMENTS) -> CleanYear:
    """Thirteen monthly runs of a clean county: one to begin with, and a year."""
    rng = np.random.default_rng([seed, 0])
    rows = facts(clean_county(departments, rng), rng)
    flagged: set[str] = set()
    first_signs = control_tested = control_signs = 0
    previous = None
    for month in range(MONTHS - 12, MONTHS + 1):
        table = run(rows, departments, month, previous)
        if previous is not None:
            flagged |= set(table.filter(pl.col("state") == "SHIFT")["subject_org_id"])
            first_signs += int(table["signal"].sum())
            control_tested += int(table["control_signal"].count())
            control_signs += int(table["control_signal"].sum())
        previous = table
    return CleanYear(len(flagged), first_signs, control_tested, control_signs)


def is_found(seed: int, size: int, share: float, departments: int = DEPARTMENTS) -> bool:
    """Whether the last of two monthly runs shows the planted shift."""
    rng = np.random.default_rng([seed, size, round(100 * share)])
    rows = facts(planted(clean_county(departments, rng), size, share, rng), rng)
    before = run(rows, departments, MONTHS - 1, None)
    table = run(rows, departments, MONTHS, before)
    planted_row = (pl.col("subject_org_id") == "D00") & (pl.col("pair") == PAIRS[0].pair)
    return table.filter(planted_row)["state"].to_list() == ["SHIFT"]


def powers(counties: int, departments: int = DEPARTMENTS) -> Iterator[Power]:
    """Power by size and share over as many counties."""
    for size in SIZES:
        for share in SHARES:
            found = sum(is_found(seed, size, share, departments) for seed in range(1, counties + 1))
            yield Power(size, share, counties, found)


def main(arguments: Sequence[str] | None = None) -> int:
    """Print false alarms and power; 1 beyond the gate."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--counties", type=int, default=COUNTIES)
    parser.add_argument("--departments", type=int, default=DEPARTMENTS)
    given = parser.parse_args(arguments)
    clean = [clean_year(seed, given.departments) for seed in range(1, given.counties + 1)]
    flags = sum(year.flagged for year in clean) / len(clean)
    signs = sum(year.first_signs for year in clean) / len(clean)
    tested, control = sum(year.control_tested for year in clean), sum(year.control_signs for year in clean)
    print("| clean county-years | departments flagged per county-year | signs per county-year | signs of the control |")
    print("|---|---|---|---|")
    print(f"| {len(clean)} | {flags:.3f} | {signs:.3f} | {control} of {tested} |")
    print("\n| official events a year | minutes moved | planted | power | 95 % interval |")
    print("|---|---|---|---|---|")
    for power in powers(min(given.counties, PLANTED_AT_MOST), given.departments):
        low, high = power.interval
        shown = f"{power.found / power.planted:.2f} | {low:.2f} to {high:.2f}"
        print(f"| {power.size} | {power.share:.0%} | {power.planted} | {shown} |")
    if flags > MAX_FLAGS:
        print(f"{flags:.3f} departments flagged per clean county-year are beyond the limit of {MAX_FLAGS}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
