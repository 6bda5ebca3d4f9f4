"""What the patterns of too-good data share: limits, the facts they read and the rows they give.

Every pattern is a sign for people to check (burden catalogue, part 8). The subject is the organisation that
keeps the register or that set the target, never a village or community; units that carry a sign are named
only to the verification draw; nothing changes a score.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import polars as pl

from scoring.burden.parameters import Parameters
from scoring.sums import RAW_SCALE, raw_units

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

FLAGGED: Final = "FLAGGED"
NO_EVIDENCE: Final = "NO_EVIDENCE"
INSUFFICIENT_COUNTS: Final = "INSUFFICIENT_COUNTS"
NOT_MEASURABLE: Final = "NOT_MEASURABLE"
NOT_APPLICABLE: Final = "NOT_APPLICABLE"
EXEMPT: Final = "EXEMPT"
STATES: Final = (FLAGGED, NO_EVIDENCE, INSUFFICIENT_COUNTS, NOT_MEASURABLE, NOT_APPLICABLE, EXEMPT)
"""What a test came to. ``NOT_APPLICABLE``: its condition does not hold (a total that moved, linked registers
that foretell nothing). ``NO_EVIDENCE`` never means that the data are sound."""

ALL: Final = "*"
"""In place of an indicator, a group or a subject where a row is about all of them."""

GRASSROOTS: Final = ("village", "community")
"""Kinds of organisation that are never a subject."""

TEST_SCHEMA: Final[Mapping[str, pl.DataType]] = {
    "pattern_code": pl.String(),
    "subject_org_id": pl.String(),
    "indicator_id": pl.String(),
    "compared_with": pl.String(),
    "state": pl.String(),
    "n": pl.Int64(),
    "n_min": pl.Int64(),
    "n_found": pl.Int64(),
    "statistic": pl.Float64(),
    "expected": pl.Float64(),
    "size": pl.Float64(),
    "size_low": pl.Float64(),
    "size_high": pl.Float64(),
    "p_value": pl.Float64(),
    "evidence": pl.String(),
    "missing_columns": pl.String(),
}
"""One test. ``compared_with``: peer group or other register. ``n``: what was looked at, ``n_min``: how many it
takes, ``n_found``: how many carry the sign. ``statistic`` against ``expected`` of honest data; ``size`` with its
95 % interval where the pattern has one. ``state`` is null for a test that was carried out: the report says
FLAGGED or NO_EVIDENCE once all p-values of the code are known."""

UNIT_SCHEMA: Final[Mapping[str, pl.DataType]] = {
    "pattern_code": pl.String(),
    "subject_org_id": pl.String(),
    "indicator_id": pl.String(),
    "compared_with": pl.String(),
    "org_id": pl.String(),
}
"""Units that carry the sign of a test, for the verification draw only."""


@dataclass(frozen=True)
class Limits:
    """Numbers of the tests; ``false_data.<name>`` of the parameters replaces a default.

    ``alpha`` per test and ``fdr`` (Benjamini and Hochberg's, inside one code and period) have to be met both.
    ``draws``: permutations at most. Least counts: ``bunching_min`` in the window, ``digits_min`` values,
    ``copies_units`` and ``copies_columns``, ``repeats_periods``, ``visits_min``, ``placebo_min`` placebo days
    per visit, ``reversals_min`` units with and without target, ``hits_min`` indicator-periods,
    ``registers_min`` units, ``categories_min`` cases, ``categories_peers`` other departments,
    ``deadline_min`` closings, ``growth_peers``. ``distinct_min`` different values make a column worth
    comparing; ``digits_from`` is the smallest count whose last digit is looked at; ``reference_min`` facts make
    a rate of harmless indicators known; ``hit_rate`` stands where it is not. A total counts as constant when
    it changed by at most ``total_change_max`` (share). ``burst_minutes`` is the length of a burst of entries,
    ``reopened_days`` the time in which a closed case that comes back counts. ``tail_index_min`` is the
    heaviness the tail of honest growth has at least (a quarter: no moments beyond the fourth). Linked registers
    foretell growth when the median residual is at most ``residual_share_max`` of the median deviation.
    """

    alpha: float = 0.001
    fdr: float = 0.05
    draws: int = 9_999
    bunching_min: int = 30
    digits_min: int = 100
    digits_from: int = 100
    distinct_min: int = 10
    copies_units: int = 10
    copies_columns: int = 5
    repeats_periods: int = 12
    visits_min: int = 5
    placebo_min: int = 5
    reversals_min: int = 8
    hits_min: int = 6
    hit_rate: float = 0.05
    registers_min: int = 10
    categories_min: int = 200
    categories_peers: int = 5
    total_change_max: float = 0.2
    deadline_min: int = 50
    reopened_days: int = 30
    growth_peers: int = 10
    tail_index_min: float = 0.25
    residual_share_max: float = 0.75
    reference_min: int = 30
    burst_minutes: int = 30

    @classmethod
    def of(cls, parameters: Parameters) -> Limits:
        """The defaults, replaced by what the parameters give under ``false_data.``."""
        given = {}
        for field in fields(cls):
            name = f"false_data.{field.name}"
            if name in parameters:
                whole = isinstance(field.default, int)
                given[field.name] = parameters.whole(name) if whole else parameters.number(name)
        return cls(**given)  # type: ignore[arg-type]


@dataclass(frozen=True)
class PatternResult:
    """``tests``: ``TEST_SCHEMA``. ``units``: ``UNIT_SCHEMA``, of every test, flagged in the end or not."""

    tests: pl.DataFrame
    units: pl.DataFrame

    @classmethod
    def of(cls, tests: Sequence[Mapping[str, Any]], units: Sequence[Mapping[str, Any]] = ()) -> PatternResult:
        """From rows; what a row does not name is null, an indicator or group it does not name is ``ALL``."""
        filled = [{"indicator_id": ALL, "compared_with": ALL, **row} for row in tests]
        named = [{"indicator_id": ALL, "compared_with": ALL, **row} for row in units]
        return cls(
            pl.DataFrame(filled, schema=dict(TEST_SCHEMA), orient="row"),
            pl.DataFrame(named, schema=dict(UNIT_SCHEMA), orient="row"),
        )


def merged(*results: PatternResult) -> PatternResult:
    """Several results as one, sorted by their keys."""
    keys = ["pattern_code", "subject_org_id", "indicator_id", "compared_with"]
    return PatternResult(
        pl.concat([result.tests for result in results]).sort(keys),
        pl.concat([result.units for result in results]).unique().sort([*keys, "org_id"]),
    )


ENOUGH_REACHED: Final = 20
"""Draws that reach what was observed after which no more are needed."""

DRAWS_AT_A_TIME: Final = 1_000

_OPTIONAL: Final[Mapping[str, pl.DataType]] = {
    "target_value": pl.Decimal(18, 6),
    "numerator": pl.Decimal(18, 6),
    "denominator": pl.Decimal(18, 6),
    "target_set_by": pl.String(),
    "entered_at": pl.Datetime("us", "UTC"),
    "entered_by_hash": pl.String(),
    "as_of": pl.Date(),
}
FACT_KEY: Final = ("indicator_id", "org_id", "period_id", "source_org_id")


def prepared_facts(performance: pl.DataFrame, indicators: pl.DataFrame, organisations: pl.DataFrame) -> pl.DataFrame:
    """Performance facts as the patterns read them.

    Args:
        performance: indicator_id, org_id, period_id, source_org_id, value; and as far as the source has them
            numerator, denominator, target_value, target_set_by, entered_at, entered_by_hash, as_of. Current
            rows, of all periods that are read.
        indicators: indicator_id, direction, unit, min, max, as far as known; the last row of an indicator counts.
        organisations: org_id, org_kind, peer_group, and households where known (the size of a unit).

    Returns:
        The facts, sorted by their key, with all columns (null where the source has none); decimals are whole
        millionths (Int64); and ``subject_org_id`` (the register keeper), ``target_subject_org_id`` (who set
        the target, else the register keeper), ``lower_better``, ``at_limit`` (the target is the smallest or
        largest value possible), ``kind`` (unit of measure), ``peer_group``, ``households``. Rows whose subject
        would be a village go to whoever set the target, and are left out where nobody did.

    Raises:
        ValueError: Two facts have the same key.
    """
    given = performance.columns
    facts = performance.with_columns(
        pl.lit(None, dtype).alias(name) for name, dtype in _OPTIONAL.items() if name not in given
    )
    if facts.select(FACT_KEY).is_duplicated().any():
        raise ValueError(
            f"performance facts: two rows have the same {', '.join(FACT_KEY)}, so a value would count twice;"
            " give current rows only"
        )
    decimals = ("value", "numerator", "denominator", "target_value")
    facts = facts.select(
        *FACT_KEY,
        *(raw_units(name).alias(name) for name in decimals),
        *(pl.col(name).cast(_OPTIONAL[name]) for name in _OPTIONAL if name not in decimals),
    )
    facts = facts.join(_indicator_columns(indicators), on="indicator_id", how="left").with_columns(
        pl.col("lower_better").fill_null(value=False),
        at_limit=pl.col("target_value").is_in([0]).fill_null(value=False)
        | (pl.col("target_value") == pl.col("min")).fill_null(value=False)
        | (pl.col("target_value") == pl.col("max")).fill_null(value=False),
    )
    units = _organisation_columns(organisations)
    facts = facts.join(units, on="org_id", how="left").with_columns(pl.col("peer_group").fill_null(ALL))
    return _with_subjects(facts.drop("min", "max"), organisations).sort(FACT_KEY)


def _indicator_columns(indicators: pl.DataFrame) -> pl.DataFrame:
    names = indicators.columns
    order = ["indicator_id", "valid_from"] if "valid_from" in names else ["indicator_id"]
    wide = pl.Decimal(18, 6)
    none = pl.lit(None)
    return (
        indicators.sort(order)
        .unique("indicator_id", keep="last", maintain_order=True)
        .select(
            "indicator_id",
            lower_better=((pl.col("direction") if "direction" in names else none) == "lower_better").cast(pl.Boolean),
            kind=(pl.col("unit") if "unit" in names else none).cast(pl.String),
            **{
                name: (pl.col(name) if name in names else none).cast(wide).to_physical().cast(pl.Int64)
                for name in ("min", "max")
            },
        )
    )


def _organisation_columns(organisations: pl.DataFrame) -> pl.DataFrame:
    households = pl.col("households") if "households" in organisations.columns else pl.lit(None)
    return organisations.select(
        "org_id", pl.col("peer_group").cast(pl.String), households=households.cast(pl.Int64)
    ).unique("org_id")


def _with_subjects(facts: pl.DataFrame, organisations: pl.DataFrame) -> pl.DataFrame:
    """Who answers for a register and for a target; never a village or community."""
    grassroots = organisations.filter(pl.col("org_kind").is_in(GRASSROOTS))["org_id"].unique().implode()
    keeper, setter = (
        pl.when(~pl.col(name).is_in(grassroots)).then(name) for name in ("source_org_id", "target_set_by")
    )
    return facts.with_columns(
        subject_org_id=pl.coalesce(keeper, setter), target_subject_org_id=pl.coalesce(setter, keeper)
    ).filter(pl.col("subject_org_id").is_not_null())


def measurable(code: str, facts: pl.DataFrame, needs: Sequence[str]) -> tuple[pl.DataFrame, PatternResult]:
    """Facts of the registers that have every needed column, and a NOT_MEASURABLE row for each other one.

    A register has a column when at least one of its facts uses it.
    """
    used = facts.group_by("subject_org_id").agg(pl.col(name).is_not_null().any() for name in needs)
    missing = pl.concat_str(
        [pl.when(~pl.col(name)).then(pl.lit(name)) for name in needs], separator=";", ignore_nulls=True
    )
    lacking = used.select("subject_org_id", missing_columns=missing).filter(pl.col("missing_columns") != "")
    rows = [
        {"pattern_code": code, "subject_org_id": subject, "state": NOT_MEASURABLE, "missing_columns": columns}
        for subject, columns in lacking.sort("subject_org_id").iter_rows()
    ]
    return facts.join(lacking, on="subject_org_id", how="anti", maintain_order="left"), PatternResult.of(rows)


def absent(code: str, facts: pl.DataFrame, what: str) -> PatternResult:
    """NOT_MEASURABLE for every register, because something beside the facts was not delivered."""
    subjects = facts["subject_org_id"].unique().sort().to_list() or [ALL]
    return PatternResult.of(
        [
            {"pattern_code": code, "subject_org_id": subject, "state": NOT_MEASURABLE, "missing_columns": what}
            for subject in subjects
        ]
    )


def of_period(facts: pl.DataFrame, period_id: str) -> pl.DataFrame:
    """Facts of one period, in their order."""
    return facts.filter(pl.col("period_id") == period_id)


def groups(facts: pl.DataFrame, *keys: str) -> Iterator[tuple[tuple[str, ...], pl.DataFrame]]:
    """The facts of each group, groups in the order of their keys, rows in the order given."""
    parts = facts.partition_by(*keys, as_dict=True, maintain_order=True, include_key=True)
    for key in sorted(parts):
        yield tuple(str(part) for part in key), parts[key]


def generator(*names: str) -> np.random.Generator:
    """Random numbers that depend on the names of a test alone, so on neither order nor machine."""
    digest = hashlib.sha256("\x1f".join(names).encode()).digest()
    return np.random.default_rng(np.frombuffer(digest, dtype=np.uint32))


def drawn_p_value(drawn_sums: Callable[[int], Integers], observed: int, limits: Limits) -> tuple[float, float]:
    """P-value of an observed sum against random draws, ``(1 + reaching it) / (1 + draws)``, and the draws' mean.

    Drawing stops early once enough draws reach the observed sum: the p-value is then above .002 whatever
    follows (Besag and Clifford 1991).

    Args:
        drawn_sums: Gives so many further draws.
        observed: The sum that was found.
        limits: Numbers of the tests.
    """
    reached = total = drawn = 0
    while drawn < limits.draws and reached < ENOUGH_REACHED:
        sums = drawn_sums(min(DRAWS_AT_A_TIME, limits.draws - drawn))
        reached, total, drawn = reached + int((sums >= observed).sum()), total + int(sums.sum()), drawn + len(sums)
    return (1 + reached) / (1 + drawn), total / drawn


def counts(column: pl.Series) -> Floats:
    """Whole millionths as ordinary numbers."""
    return column.to_numpy().astype(np.float64) / RAW_SCALE


def units_of(found: Sequence[str], **test: str) -> list[dict[str, str]]:
    """Rows of ``UNIT_SCHEMA`` of the units found by a test."""
    return [{**test, "org_id": org_id} for org_id in sorted(set(found))]
