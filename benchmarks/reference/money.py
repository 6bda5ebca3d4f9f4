"""Bonus pools beside what must hold of every pool, and their price beside the published exchange slope."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np
import polars as pl

from benchmarks.reference.row import Row
from scoring.bonus_pool import BonusResults, PoolRules, bonus_payments, logistic_exchange
from scoring.exact import POINT
from scoring.sums import raw_units

POOLS = 20_000
SEED = 412_162
GROUPS_PER_RUN = 500
PUBLISHED_SLOPE = 4.4254


def rows(reference: Path) -> Iterator[Row]:
    """Random pools, and the price with equal bases on the published total performance scores."""
    yield random_pools_row(POOLS)
    yield slope_row(reference)


def random_pools_row(pools: int) -> Row:
    """Shares many random pools and reports the worst violation in fen."""
    generator = np.random.Generator(np.random.PCG64(SEED))
    runs = [random_run(generator) for _ in range(-(-pools // GROUPS_PER_RUN))]
    worst = [violation(units, bonus_payments(units, rules, total_fen=total), total) for units, rules, total in runs]
    return Row(
        "bonus pools: worst breach in fen",
        "paid + reserve = pool, 0 <= paid <= cap, order and equality",
        len(runs) * GROUPS_PER_RUN,
        float(max(worst)),
        0.0,
    )


def random_run(generator: np.random.Generator) -> tuple[pl.DataFrame, PoolRules, int]:
    """Units of ``GROUPS_PER_RUN`` groups with ties, missing scores, zeros and red lines; rules; a total."""
    size = generator.integers(1, 13, GROUPS_PER_RUN)
    group = np.repeat(np.arange(GROUPS_PER_RUN), size)
    n = group.size
    coarse = generator.choice(np.array([0, 40, 60, 75, 85, 100, 105]), n) * POINT
    score = np.where(generator.random(n) < 0.5, coarse, generator.integers(0, 105 * POINT + 1, n))
    base = np.where(generator.random(n) < 0.3, 500_000, generator.integers(0, 10**7, n))
    # One unit with a base keeps every run payable.
    base[0] = 1
    units = pl.DataFrame(
        {
            "org_id": [f"V{number:06d}" for number in range(n)],
            "peer_group": [f"G{number:04d}" for number in group],
            "base_fen": base.astype(np.int64),
            "incentive_score": pl.Series(score.astype(np.int64)).set(pl.Series(generator.random(n) < 0.1), None),
            "bonus_allowed": generator.random(n) >= 0.1,
        }
    )
    rules = PoolRules(
        reserve_share=Fraction(int(generator.integers(0, 11)), 100),
        cap_multiple=Fraction(int(generator.integers(2, 13)), 4),
        exchange="linear" if generator.random() < 0.5 else logistic_exchange(),
    )
    total = int(generator.choice([0, int(generator.integers(1, 5_000)), int(generator.integers(1, 10**12))]))
    return units, rules, total


def violation(units: pl.DataFrame, results: BonusResults, total_fen: int) -> int:
    """The worst breach of what must hold of every pool, in fen; 0 when all of it holds."""
    pools = results.pools
    paid = results.units.join(units.select("org_id", "incentive_score", "bonus_allowed"), on="org_id")
    by_group = paid.group_by("peer_group").agg(really_paid=pl.col("paid_fen").sum())
    accounts = pools.join(by_group, on="peer_group").select(
        unaccounted=(pl.col("pool_fen") - pl.col("really_paid") - pl.col("reserve_fen")).abs(),
        owed=-pl.min_horizontal("reserve_fen", "unspent_fen"),
    )
    limits = paid.select(below=-pl.col("paid_fen"), above=pl.col("paid_fen") - pl.col("cap_fen"))
    equal_base = ["peer_group", "base_fen"]
    ordered = (
        paid.filter(pl.col("bonus_allowed") & pl.col("incentive_score").is_not_null())
        .sort(*equal_base, "incentive_score", "paid_fen")
        .select(
            fall=pl.col("paid_fen").shift(1).over(equal_base) - pl.col("paid_fen"),
            unequal=pl.when(pl.col("incentive_score") == pl.col("incentive_score").shift(1).over(equal_base)).then(
                pl.col("paid_fen") - pl.col("paid_fen").shift(1).over(equal_base) - 1
            ),
        )
    )
    breaches = [column.max() for frame in (accounts, limits, ordered) for column in frame.get_columns()]
    missing = abs(total_fen - int(pools["pool_fen"].sum()))
    return max([0, missing, *(int(breach) for breach in breaches if isinstance(breach, int))])


def slope_row(reference: Path) -> Row:
    """With equal bases, no reserve and no caps the price is the programme's linear exchange slope."""
    with gzip.open(reference / "cms" / "hvbp_tps.csv.gz") as file:
        scores = pl.read_csv(file, infer_schema=False)["Total Performance Score"]
    scored = pl.DataFrame({"score": scores}).filter(pl.col("score").str.contains(r"^[0-9.]+$"))
    units = scored.select(
        org_id=pl.int_range(pl.len()).cast(pl.String()),
        peer_group=pl.lit("all"),
        base_fen=pl.lit(10**6, pl.Int64()),
        incentive_score=raw_units("score"),
        bonus_allowed=pl.lit(value=True),
    )
    no_limits = PoolRules(reserve_share=Fraction(0), cap_multiple=Fraction(10**6))
    results = bonus_payments(units, no_limits, total_fen=units.height * 10**6)
    price = float(Fraction(results.pools["unit_price"][0]))
    return Row(
        "price of a pool with equal bases, no reserve and no cap",
        "CMS FY2024, 100 / mean of the total performance scores",
        units.height,
        abs(price - PUBLISHED_SLOPE),
        1e-4,
    )
