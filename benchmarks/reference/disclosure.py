"""The cell attack beside the published example of FCSM Statistical Policy Working Paper 22."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import polars as pl

from benchmarks.reference.row import Row
from scoring.cell_attack import attack_intervals, protect

DIMENSIONS = ("county", "education")


def rows(reference: Path) -> Iterator[Row]:
    """Attack intervals with primary suppression alone and with the given pattern, and our own pattern."""
    folder = reference / "disclosure"
    answers = json.loads((folder / "audit_answers.json").read_text(encoding="utf-8"))
    threshold = answers["threshold"]
    table = example_table(folder / "wp22_table.csv")
    primary = table.select((pl.col("n") > 0) & (pl.col("n") < threshold)).to_series()
    given = table.select(_cell().is_in([*answers["primary_only_attack_intervals"], *answers["greedy_complementary"]]))
    yield Row(
        "cell attack: intervals of the cells below the threshold",
        "WP22 table, primary suppression only",
        *_compared(attack_intervals(table, primary, dimensions=DIMENSIONS), answers["primary_only_attack_intervals"]),
        0.0,
    )
    yield Row(
        "cell attack: intervals of all suppressed cells",
        "WP22 table, with the four complementary cells",
        *_compared(attack_intervals(table, given.to_series(), dimensions=DIMENSIONS), answers["after"]),
        0.0,
    )
    protected = protect(table, dimensions=DIMENSIONS, threshold=threshold, width=threshold)
    widths = protected.select(pl.col("high") - pl.col("low")).to_series().drop_nulls()
    yield Row(
        "complementary suppression: what the narrowest interval lacks of the threshold",
        "WP22 table",
        len(widths),
        float(max(0, threshold - min(widths.to_list(), default=0))),
        0.0,
    )


def example_table(path: Path) -> pl.DataFrame:
    """The cells of the example without its margins: county, education, n."""
    return (
        pl.read_csv(path)
        .filter(pl.col("county") != "Total")
        .drop("total")
        .unpivot(index="county", variable_name="education", value_name="n")
    )


def _cell() -> pl.Expr:
    return pl.concat_str(DIMENSIONS, separator="|")


def _compared(intervals: pl.DataFrame, expected: Mapping[str, Sequence[float]]) -> tuple[int, float]:
    """Number of cells and the largest difference of a bound; infinite when other cells are suppressed."""
    found = {cell: bounds for cell, *bounds in intervals.select(_cell(), "low", "high").iter_rows()}
    if found.keys() != expected.keys():
        return len(expected), float("inf")
    differences = [
        abs(mine - theirs)
        for cell, bounds in expected.items()
        for mine, theirs in zip(found[cell], bounds, strict=True)
    ]
    return len(expected), float(max(differences))
