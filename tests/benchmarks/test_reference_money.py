"""Bonus pools and their price, row by row."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from benchmarks.reference import money
from scoring.bonus_pool import bonus_payments


def test_two_thousand_random_pools_keep_every_promise() -> None:
    row = money.random_pools_row(2_000)
    assert row.count == 2_000
    assert row.passes


def test_the_price_of_equal_bases_is_the_published_slope(reference: Path) -> None:
    row = money.slope_row(reference)
    assert row.count == 2_474
    assert row.passes


@pytest.mark.parametrize(
    ("column", "change"), [("paid_fen", -1), ("paid_fen", 2), ("cap_fen", -(10**12))], ids=["lost", "made", "cap"]
)
def test_a_breach_is_counted(column: str, change: int) -> None:
    units, rules, total = money.random_run(np.random.Generator(np.random.PCG64(2)))
    results = bonus_payments(units, rules, total_fen=total)
    assert money.violation(units, results, total) == 0
    first = pl.int_range(pl.len()) == int(results.units["paid_fen"].arg_max() or 0)
    broken = results.units.with_columns(pl.when(first).then(pl.col(column) + change).otherwise(column).alias(column))
    assert money.violation(units, type(results)(broken, results.pools), total) > 0
