"""What an attacker can work out of a published table, and which cells must go so that it is not much (method 2.10).

The attacker knows the cells that are shown, all margins, and that counts are not negative. Linear
programming (HiGHS) gives the least and the most each suppressed cell can then be. ``protect`` suppresses
small counts and after them as many further cells as it takes to leave every suppressed cell an interval
of a given width.

A table is a long frame: one row per cell, one column per dimension, and the count ``n``. The published
margins are the sums over each dimension alone, which imply all coarser ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl
import scipy.optimize
import scipy.sparse
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

Floats = npt.NDArray[np.float64]
Booleans = npt.NDArray[np.bool_]

_MOVED = 1e-6
"""A cell the solver moves by less than this has not been moved."""


class UnprotectableError(ValueError):
    """Even with every cell suppressed the margins give a small count away: the table must be withheld."""


@dataclass(frozen=True)
class _Table:
    """Counts in a fixed order and the margins as a 0/1 matrix (margins x cells)."""

    counts: Floats
    margins: scipy.sparse.csr_array
    twice: scipy.sparse.csr_array
    """What two other tables have more and less than this one, as changes of the margins of each."""
    whole: bool
    """Whether whole numbers must be asked for: with two dimensions the linear program has them anyway."""


def attack_intervals(table: pl.DataFrame, suppressed: pl.Series, *, dimensions: Sequence[str]) -> pl.DataFrame:
    """The least and the most every suppressed cell can be, given all that is shown.

    Args:
        table: The dimensions and ``n`` (whole numbers, not negative), one row per cell.
        suppressed: Boolean, one per row of the table.
        dimensions: Columns that make a cell, at least one; with one, the published margin is the total.

    Returns:
        dimensions, low, high (Int64) of the suppressed cells, in the order of the table. The bounds are
        reached by tables of whole numbers.

    Raises:
        ValueError: A cell occurs twice or a count is missing or negative.
    """
    read = _read(table, dimensions)
    hidden = suppressed.to_numpy().astype(bool)
    with threadpool_limits(limits=1):
        low, high = _intervals(read, hidden, np.flatnonzero(hidden))
    return table.filter(suppressed).select(
        *dimensions, low=pl.Series(low, dtype=pl.Int64()), high=pl.Series(high, dtype=pl.Int64())
    )


def protect(table: pl.DataFrame, *, dimensions: Sequence[str], threshold: int, width: int) -> pl.DataFrame:
    """Suppresses small counts, and further cells until every suppressed one has a wide interval.

    Primary suppression takes the counts from 1 to ``threshold - 1``; zeros are shown. For every
    suppressed cell whose interval is narrower than ``width``, narrowest first, a linear program looks for
    two tables with the same margins that differ in that cell by ``width`` and move as few persons as
    possible in cells that are still shown; what it moves is suppressed. Both tables then agree with
    all that is published, so the interval is at least that wide. A further cell, whose count could have
    been shown, may stay narrower where no suppression at all would widen it.

    Args:
        table: See ``attack_intervals``.
        dimensions: Columns that make a cell.
        threshold: Smallest count that may be shown.
        width: Smallest allowed difference between the most and the least a suppressed cell can be.

    Returns:
        The table in the order given with ``cell_state`` (shown, zero, suppressed_primary,
        suppressed_secondary), low and high (Int64; null where the cell is shown).

    Raises:
        UnprotectableError: The margins alone give a small count away; the table must not be published.
        ValueError: See ``attack_intervals``.
    """
    read = _read(table, dimensions)
    primary = (read.counts > 0) & (read.counts < threshold)
    with threadpool_limits(limits=1):
        hidden = _protected(read, primary, width)
        low, high = _intervals(read, hidden, np.flatnonzero(hidden))
    state = np.select(
        [primary, hidden, read.counts == 0], ["suppressed_primary", "suppressed_secondary", "zero"], "shown"
    )
    bounds = np.full((2, hidden.size), -1, dtype=np.int64)
    bounds[:, hidden] = low, high
    return table.with_columns(
        pl.Series("cell_state", state.tolist(), dtype=pl.String()),
        pl.Series("low", bounds[0]).replace(-1, None),
        pl.Series("high", bounds[1]).replace(-1, None),
    )


def _read(table: pl.DataFrame, dimensions: Sequence[str]) -> _Table:
    if table.select(dimensions).is_duplicated().any():
        raise ValueError("a cell occurs twice")
    if table.filter((pl.col("n") < 0).fill_null(value=True)).height:
        raise ValueError("a count is missing or negative")
    parts = []
    for left_out in dimensions:
        others = [name for name in dimensions if name != left_out]
        group = table.select(pl.struct(others).rank("dense") - 1 if others else pl.lit(0)).to_series().to_numpy()
        rows = np.broadcast_to(group, table.height)
        parts.append(scipy.sparse.coo_array((np.ones(table.height), (rows, np.arange(table.height)))))
    margins = scipy.sparse.vstack(parts, format="csr")
    change = scipy.sparse.hstack([margins, -margins])
    twice = scipy.sparse.block_diag([change, change], format="csr")
    return _Table(table["n"].to_numpy().astype(np.float64), margins, twice, whole=len(dimensions) > 2)


def _protected(table: _Table, primary: Booleans, width: int) -> Booleans:
    """The cells to suppress."""
    hidden = primary.copy()
    doubtful = np.flatnonzero(hidden)
    while True:
        low, high = _intervals(table, hidden, doubtful)
        narrow = high - low < width
        if not narrow.any():
            return hidden
        # Suppressing more never narrows an interval, so only these and the new cells are looked at again.
        doubtful = doubtful[narrow]
        worst = int(doubtful[np.argmin((high - low)[narrow])])
        try:
            moved = _moved_with(table, hidden, worst, width)
        except UnprotectableError:
            if primary[worst]:
                raise
            # A count that could have been shown may stay narrow; only small counts must not.
            doubtful = doubtful[doubtful != worst]
            continue
        doubtful = np.union1d(doubtful, np.flatnonzero(moved & ~hidden))
        hidden = hidden | moved


def _intervals(
    table: _Table, hidden: Booleans, cells: npt.NDArray[np.int64]
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Least and most of some of the hidden cells."""
    margins = table.margins[:, np.flatnonzero(hidden)]
    rest = margins @ table.counts[hidden]
    place = np.cumsum(hidden) - 1
    bounds = np.zeros((2, cells.size))
    for number, cell in enumerate(cells):
        for side, sign in enumerate((1.0, -1.0)):
            objective = np.zeros(margins.shape[1])
            objective[place[cell]] = sign
            bounds[side, number] = sign * _solve(table, objective, margins, rest, (0, None))[1]
    low, high = np.rint(bounds).astype(np.int64)
    return low, high


def _moved_with(table: _Table, hidden: Booleans, cell: int, width: int) -> Booleans:
    """Cells to suppress so that ``cell`` can differ by ``width`` between two tables with the same margins.

    Variables: what the first and the second table have more, and less, than the true one. What is
    moved in a cell still shown costs its count and one; a zero costs more than all the table,
    because a zero that is shown says less than one that is hidden.
    """
    size = table.counts.size
    cost = np.where(hidden, 0.0, np.where(table.counts > 0, table.counts + 1.0, table.counts.sum() + 1.0))
    apart = np.zeros((1, 4 * size))
    apart[0, [cell, size + cell, 2 * size + cell, 3 * size + cell]] = 1.0, -1.0, -1.0, 1.0
    equations = scipy.sparse.vstack([table.twice, scipy.sparse.csr_array(apart)], format="csr")
    right = np.append(np.zeros(table.twice.shape[0]), float(width))
    most = np.tile(np.concatenate([np.full(size, np.inf), table.counts]), 2)
    limits = np.column_stack([np.zeros(4 * size), most])
    moved, _ = _solve(table, np.tile(cost, 4), equations, right, limits)
    return np.asarray((moved.reshape(4, size) > _MOVED).any(axis=0))


def _solve(
    table: _Table,
    objective: Floats,
    equations: scipy.sparse.csr_array,
    right: Floats,
    bounds: tuple[float, float | None] | Floats,
) -> tuple[Floats, float]:
    result = scipy.optimize.linprog(
        objective,
        A_eq=equations,
        b_eq=right,
        bounds=bounds,
        method="highs",
        integrality=np.ones(objective.size) if table.whole else None,
    )
    if result.status == 2:
        raise UnprotectableError("the margins give a small count away; the table must be withheld")
    if result.status != 0:
        raise RuntimeError(f"the linear program was not solved: {result.message}")
    return np.asarray(result.x), float(result.fun)
