"""Which new cells may be published beside all that was published before: differencing (method 2.10, invariant 22).

Whoever has two published figures whose populations differ by a few respondents can subtract one from the
other and is left with a figure about those few. So a population may be published only if it differs from
every other published one by 0 or at least ``k`` respondents. Two populations differ by the respondents who
are in one of them and not in the other.

A respondent is a pseudonym, which never leaves the scoring process. Figures about unlike things are not
subtracted from one another: give the ballot (the rater and what was rated) as the respondent where cells are
about different subjects. Populations that share nobody are not compared, since the minimum cell already bars
those that are small; margins are populations like any other and belong in the frames as cells of their own.

The functions only compare: they take populations as frames and say what may be published. Cells that follow
from margins and suppressed neighbours are found by ``cell_attack``.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import polars as pl

from scoring.tables import join_reasons

PUBLISHED_COLUMNS = ("release_id", "cell", "respondent_id")
"""Columns of the ledger: everybody in every cell that was published, by release."""


@dataclass(frozen=True)
class LedgerRules:
    """Smallest difference of two published populations, and the minimum cell (method 2.10).

    ``max_unit_share`` is the largest share of a cell's weight one unit may hold.
    """

    k: int = 10
    min_raters: int = 10
    min_units: int = 5
    max_unit_share: Fraction = Fraction(1, 2)

    def __post_init__(self) -> None:
        """ValueError when ``k`` asks more than comparing populations with a common respondent can promise."""
        # Two allowed populations that share nobody differ by at least twice the minimum cell.
        if not 1 <= self.k <= 2 * self.min_raters:
            raise ValueError("k lies between 1 and twice the fewest raters of a cell")


def differences(new: pl.DataFrame, published: pl.DataFrame) -> pl.DataFrame:
    """By how many respondents each new population differs from each published one it shares somebody with.

    Args:
        new: cell, respondent_id; one row per respondent of a cell (repeats count once).
        published: ``PUBLISHED_COLUMNS``.

    Returns:
        cell, release_id, published_cell, difference (Int64); sorted.

    Raises:
        ValueError: A cell, a release or a respondent is missing.
    """
    members = _members(new, ["cell"])
    earlier = _members(published, ["release_id", "cell"]).rename({"cell": "published_cell"})
    before = ["release_id", "published_cell"]
    sizes = members.group_by("cell").agg(n_new=pl.len().cast(pl.Int64))
    published_sizes = earlier.group_by(before).agg(n_published=pl.len().cast(pl.Int64))
    return (
        members.join(earlier, on="respondent_id")
        .group_by("cell", *before)
        .agg(common=pl.len().cast(pl.Int64))
        .join(sizes, on="cell")
        .join(published_sizes, on=before)
        .select("cell", *before, difference=pl.col("n_new") + pl.col("n_published") - 2 * pl.col("common"))
        .sort("cell", *before)
        .collect()
    )


def differencing(new: pl.DataFrame, published: pl.DataFrame, *, k: int) -> pl.DataFrame:
    """Smallest non-zero difference of each new population to a published one, and whether it may be published.

    New populations are also compared with each other: of two that differ by 1 to ``k - 1`` the larger is
    published, of two equally large ones the one whose cell sorts first. So the answer is the same in whatever
    order the rows come, and again once the allowed cells are in the ledger.

    Args:
        new: cell, respondent_id.
        published: ``PUBLISHED_COLUMNS``; may be empty.
        k: Smallest non-zero difference, at least 1.

    Returns:
        cell, n_respondents (Int64), smallest_difference (Int64; to the ledger and to the new cells that are
        published; null where there is none but 0), may_publish; sorted by cell.

    Raises:
        ValueError: See ``differences``.
    """
    members = _members(new, ["cell"]).collect()
    own = members.select(release_id=pl.lit(""), cell="cell", respondent_id="respondent_id")
    barred = differences(members, published).filter(pl.col("difference") > 0)
    cells = members.group_by("cell").agg(n_respondents=pl.len().cast(pl.Int64)).join(
        barred.group_by("cell").agg(to_ledger=pl.col("difference").min()), on="cell", how="left"
    )  # fmt: skip
    among = differences(members, own).filter(pl.col("difference") > 0)
    free = cells.filter((pl.col("to_ledger") >= k).fill_null(value=True))
    chosen = _chosen(free, among.filter(pl.col("difference") < k))
    to_chosen = (
        among.filter(pl.col("published_cell").is_in(chosen.implode()))
        .group_by("cell")
        .agg(to_new=pl.col("difference").min())
    )
    return cells.join(to_chosen, on="cell", how="left").select(
        "cell",
        "n_respondents",
        smallest_difference=pl.min_horizontal("to_ledger", "to_new"),
        may_publish=pl.col("cell").is_in(chosen.implode()),
    ).sort("cell")  # fmt: skip


def _chosen(free: pl.DataFrame, close: pl.DataFrame) -> pl.Series:
    """Cells none of which are close to each other: larger ones first, then in the order of their names."""
    rivals: dict[str, set[str]] = {}
    for cell, other in close.select("cell", "published_cell").iter_rows():
        rivals.setdefault(cell, set()).add(other)
    ordered = free.sort("n_respondents", "cell", descending=[True, False])["cell"]
    kept = set(ordered) - set(rivals)
    # Only cells that are close to another one are looked at one by one.
    for cell in ordered.filter(ordered.is_in(list(rivals))):
        if not rivals[cell] & kept:
            kept.add(cell)
    return pl.Series("cell", sorted(kept), dtype=pl.String)


def publishable(new: pl.DataFrame, published: pl.DataFrame, rules: LedgerRules) -> pl.DataFrame:
    """Which new cells hold the minimum cell and may stand beside everything published (method 2.10).

    A cell below the minimum is not published and so bars no other.

    Args:
        new: cell, respondent_id, unit_id (unit of the respondent), weight (Int64, not negative); one row per
            respondent of a cell.
        published: ``PUBLISHED_COLUMNS``.
        rules: See ``LedgerRules``.

    Returns:
        cell, n_respondents, n_units, smallest_difference (Int64; null below the minimum cell), may_publish and
        reason_codes; sorted by cell.

    Raises:
        TypeError: The weights are not whole numbers.
        ValueError: A respondent occurs twice in a cell, a weight or a unit is missing, or see ``differences``.
    """
    cells = _minimum_cells(new, rules)
    large = new.join(cells.filter("large_enough"), on="cell", how="semi")
    compared = differencing(large.select("cell", "respondent_id"), published, k=rules.k)
    return (
        cells.join(compared.drop("n_respondents"), on="cell", how="left")
        .with_columns(pl.col("may_publish").fill_null(value=False))
        .with_columns(
            join_reasons(
                {
                    "SUPPRESSED_SMALL_N": ~pl.col("large_enough"),
                    "SUPPRESSED_DIFFERENCE": pl.col("large_enough") & ~pl.col("may_publish"),
                }
            )
        )
        .drop("large_enough")
        .sort("cell")
    )


def _minimum_cells(new: pl.DataFrame, rules: LedgerRules) -> pl.DataFrame:
    """cell, n_respondents, n_units, large_enough."""
    if not new.schema["weight"].is_integer():
        raise TypeError(f"weights must be whole numbers, not {new.schema['weight']}")
    _require(new, ["cell", "respondent_id", "unit_id", "weight"])
    if new.select("cell", "respondent_id").is_duplicated().any():
        raise ValueError("a respondent occurs twice in a cell")
    share = rules.max_unit_share
    units = new.group_by("cell", "unit_id").agg(pl.col("weight").sum().cast(pl.Int128), n=pl.len().cast(pl.Int64))
    one_rules = pl.col("weight").max() * share.denominator > pl.col("weight").sum() * share.numerator
    few = (pl.col("n").sum() < rules.min_raters) | (pl.len() < rules.min_units)
    return units.group_by("cell").agg(
        n_respondents=pl.col("n").sum(), n_units=pl.len().cast(pl.Int64), large_enough=~(few | one_rules)
    )


def ledger_rows(new: pl.DataFrame, decided: pl.DataFrame, *, release_id: str) -> pl.DataFrame:
    """The rows a release adds to the ledger: everybody in the cells that are published.

    Args:
        new: cell, respondent_id.
        decided: cell, may_publish.
        release_id: Id of the release.

    Returns:
        ``PUBLISHED_COLUMNS``, sorted.
    """
    cells = decided.filter("may_publish").select("cell")
    members = _members(new, ["cell"]).collect().join(cells, on="cell", how="semi")
    return members.select(pl.lit(release_id).alias("release_id"), "cell", "respondent_id").sort("cell", "respondent_id")


def _members(rows: pl.DataFrame, cell: list[str]) -> pl.LazyFrame:
    """Every respondent of every cell once."""
    columns = [*cell, "respondent_id"]
    _require(rows, columns)
    return rows.lazy().select(columns).unique()


def _require(rows: pl.DataFrame, columns: list[str]) -> None:
    missing = [name for name in columns if rows[name].null_count()]
    if missing:
        raise ValueError(f"missing in the populations: {', '.join(missing)}")
