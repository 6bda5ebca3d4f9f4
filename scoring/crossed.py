"""Sums by voter, by department and by pair: all the crossed mixed model needs of the ratings (method 2.1).

Whatever order the rows come in, sums are taken in the order of the names, so the bytes of a result do
not depend on it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import polars as pl
import scipy.sparse
import scipy.sparse.csgraph

from scoring.sums import VALUE_SCALE
from scoring.threads import one_thread

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Pairs: TypeAlias = Floats | scipy.sparse.csr_array

_LARGEST_GRAMS = 2.0
"""Products by distinct weight sum are kept up to this many numbers per number of the pairs themselves,"""

_SMALL_GRAMS = 1_000_000
"""or up to this many in any case."""

_DETERMINED = 1e-6
"""A column with less than this share of its length left beside the others is determined by them."""


@dataclass(frozen=True)
class CrossedSums:
    """Sufficient statistics of the model, with ``q`` voters, ``D`` departments, ``p`` fixed effects.

    ``pairs`` is ``N``, the weight sums by voter and department (q x D, dense or sparse), ``by_voter`` is
    ``[X_s, y_s]`` (q x (p+1)) and ``voter_counts`` the weight sums ``n_s``. ``by_department`` is
    ``[X_d, y_d]`` (D x (p+1)), ``department_counts`` the weight sums ``n_d``. ``total`` is
    ``[X, y]'W[X, y]``. ``voter_cells`` and ``department_cells`` count rows.
    Ratings are shifted by ``shift`` (points) to keep sums of squares small; ``constant`` says that
    all of them are equal. Components of the voter x department graph are numbered from 1, in the order
    of their first department.
    """

    voters: tuple[str, ...]
    departments: tuple[str, ...]
    fixed_effects: tuple[str, ...]
    pairs: Pairs
    by_voter: Floats
    voter_counts: Floats
    by_department: Floats
    department_counts: Floats
    total: Floats
    log_weights: float
    n: int
    shift: float
    constant: bool
    voter_cells: Integers
    department_cells: Integers
    voter_component: Integers
    department_component: Integers

    @property
    def p(self) -> int:
        """Number of fixed effects."""
        return len(self.fixed_effects)

    @property
    def mean_fixed_effects(self) -> Floats:
        """Weighted mean of each fixed-effect column over the ratings (1 for the intercept)."""
        return np.asarray(self.total[0, : self.p] / self.total[0, 0])

    def weighted_cross(self, a: Floats) -> Floats:
        """``F' diag(a) F`` for ``F = [N, X_s, y_s]``; ``a`` depends on a voter only through its weight sum."""
        if self._grams is None:
            return _cross(self.pairs, self.by_voter, a)
        first, grams = self._grams
        result = np.zeros_like(grams[0])
        for index, gram in zip(first, grams, strict=True):
            result += a[index] * gram
        return result

    @cached_property
    def _grams(self) -> tuple[Integers, tuple[Floats, ...]] | None:
        """One voter of each distinct weight sum, and ``F'F`` over the voters that share it."""
        _, first, group = np.unique(self.voter_counts, return_index=True, return_inverse=True)
        size = self.pairs.size if isinstance(self.pairs, np.ndarray) else self.pairs.nnz
        cells = len(first) * (len(self.departments) + self.p + 1) ** 2
        if cells > max(_LARGEST_GRAMS * size, _SMALL_GRAMS):
            return None
        members = np.split(np.argsort(group, kind="stable"), np.cumsum(np.bincount(group))[:-1])
        grams = (_cross(self.pairs[rows], self.by_voter[rows], np.ones(len(rows))) for rows in members)
        return first.astype(np.int64), tuple(grams)


def crossed_sums(cells: pl.DataFrame, fixed_effects: Sequence[str] = ()) -> CrossedSums:
    """Sums by voter, by department and by pair.

    Args:
        cells: voter_id, ratee_org_id, value and weight (Int64, 10^-4), as ``sums.voter_cells`` gives
            them, plus any columns named in ``fixed_effects``. Rows may repeat a pair.
        fixed_effects: Numeric columns beside the intercept, which is always first.

    Raises:
        ValueError: There are no rows, a value is missing or a weight is not positive.
    """
    if cells.is_empty():
        raise ValueError("a mixed model needs at least one rating")
    needed = ["voter_id", "ratee_org_id", "value", "weight", *fixed_effects]
    if cells.select(needed).null_count().sum_horizontal().item() or (cells["weight"] <= 0).any():
        raise ValueError("values must be present and weights positive")
    voters, departments = (cells[name].unique().sort() for name in needed[:2])
    rows = _in_name_order(cells, voters, departments, fixed_effects)
    voter, department = rows["voter"].to_numpy(), rows["department"].to_numpy()
    whole_weight = rows["weight"].to_numpy()
    # A whole-number shift keeps the arithmetic exact and small; beta gets it back at the end.
    shift = int(rows["value"].sum()) // rows.height
    constant = rows["value"].min() == rows["value"].max()
    columns = [rows[name].cast(pl.Float64).to_numpy() for name in fixed_effects]
    columns.append((rows["value"].to_numpy() - shift) / VALUE_SCALE)
    del rows
    weight = whole_weight / VALUE_SCALE
    # Whole numbers, so that voters with equal weights have exactly equal sums of them.
    counts = [np.bincount(codes, whole_weight) / VALUE_SCALE for codes in (voter, department)]
    del whole_weight
    weighted = _WeightedColumns(weight, columns)
    pairs = _pairs(voter, department, weight, (len(voters), len(departments)))
    voter_component, department_component = _components(pairs)
    return CrossedSums(
        voters=tuple(voters),
        departments=tuple(departments),
        fixed_effects=("intercept", *fixed_effects),
        pairs=_cheaper(pairs, len(columns) + 1),
        by_voter=np.column_stack([counts[0], weighted.by(voter)]),
        voter_counts=counts[0],
        by_department=np.column_stack([counts[1], weighted.by(department)]),
        department_counts=counts[1],
        total=weighted.total(),
        log_weights=float(np.log(weight).sum()),
        n=len(weight),
        shift=shift / VALUE_SCALE,
        constant=constant,
        voter_cells=np.bincount(voter).astype(np.int64),
        department_cells=np.bincount(department).astype(np.int64),
        voter_component=voter_component,
        department_component=department_component,
    )


def dummy_columns(cells: pl.DataFrame, names: Sequence[str]) -> tuple[pl.DataFrame, tuple[str, ...]]:
    """The cells with a column of zeros and ones per level of the named columns, and the names of those columns.

    The first level of each column has none, and neither has a level that the intercept and the columns
    before it determine; scores at the mean of the fixed effects do not depend on which are left out. A
    missing level is a level of its own. A column is called ``<name>=<level>``.
    """
    added: list[pl.Series] = []
    basis = np.ones((cells.height, 1)) / max(cells.height, 1) ** 0.5
    for name in names:
        text = cells[name].cast(pl.String).fill_null("")
        for level in text.unique().sort()[1:]:
            column = (text == level).cast(pl.Int64).alias(f"{name}={level}")
            values = column.to_numpy().astype(np.float64)
            with one_thread():
                rest = values - basis @ (basis.T @ values)
                rest -= basis @ (basis.T @ rest)
            size = np.linalg.norm(rest)
            if size > _DETERMINED * np.linalg.norm(values):
                added.append(column)
                basis = np.column_stack([basis, rest / size])
    return cells.with_columns(added), tuple(column.name for column in added)


def level_columns(names: Sequence[str]) -> list[pl.Expr]:
    """The columns of zeros and ones called ``<name>=<level>``, as ``dummy_columns`` calls them."""
    parts = [(name, *name.split("=", maxsplit=1)) for name in names if "=" in name]
    return [
        (pl.col(column).cast(pl.String).fill_null("") == level).cast(pl.Int64).alias(name)
        for name, column, level in parts
    ]


def _in_name_order(
    cells: pl.DataFrame, voters: pl.Series, departments: pl.Series, fixed_effects: Sequence[str]
) -> pl.DataFrame:
    """The rows with voters and departments as numbers, sorted by them; rows of one pair by all their values."""
    values = ["value", "weight", *fixed_effects]
    rows = cells.select(
        *values,
        voter=pl.col("voter_id").cast(pl.Enum(voters)).to_physical().cast(pl.Int64),
        department=pl.col("ratee_org_id").cast(pl.Enum(departments)).to_physical().cast(pl.Int32),
    )
    # One whole number sorts several times faster than a row of columns, where the row fits into one.
    key = _row_key(rows, len(voters) * len(departments), len(departments))
    if key is None:
        return rows.sort("voter", "department", *values)
    if not key.is_sorted():
        rows = rows.with_columns(key=key).sort("key")
        key = rows["key"]
        rows = rows.drop("key")
    if fixed_effects and bool((key.diff() == 0).any()):
        rows = rows.sort("voter", "department", *values)
    return rows


def _row_key(rows: pl.DataFrame, pairs: int, departments: int) -> pl.Series | None:
    """Voter, department, value and weight as one whole number in their order; None when 63 bits do not hold it."""
    lows = {name: int(rows[name].min()) for name in ("value", "weight")}  # type: ignore[arg-type]
    spans = {name: int(rows[name].max()) - low + 1 for name, low in lows.items()}  # type: ignore[arg-type]
    if pairs * spans["value"] * spans["weight"] >= 2**63:
        return None
    pair = pl.col("voter") * departments + pl.col("department")
    key = pair * spans["value"] + (pl.col("value") - lows["value"])
    key = key * spans["weight"] + (pl.col("weight") - lows["weight"])
    return rows.select(key=key.cast(pl.Int64))["key"]


@dataclass(frozen=True)
class _WeightedColumns:
    """Sums of the columns beside the intercept with the weights of the rows, one column at a time."""

    weight: Floats
    columns: Sequence[Floats]

    def by(self, codes: Integers) -> Floats:
        return np.column_stack([np.bincount(codes, column * self.weight) for column in self.columns])

    def total(self) -> Floats:
        result = np.zeros((len(self.columns) + 1, len(self.columns) + 1))
        with one_thread():
            result[0, 0] = self.weight.sum()
            for row, column in enumerate(self.columns, start=1):
                weighted = column * self.weight
                result[row, 0] = result[0, row] = weighted.sum()
                for other in range(row, len(result)):
                    result[row, other] = result[other, row] = weighted @ self.columns[other - 1]
        return result


def _pairs(voter: Integers, department: Integers, weight: Floats, shape: tuple[int, int]) -> scipy.sparse.csr_array:
    """``N`` from rows sorted by voter and department."""
    starts = np.concatenate([[0], np.cumsum(np.bincount(voter))])
    pairs = scipy.sparse.csr_array((weight.copy(), department, starts), shape=shape)
    pairs.sum_duplicates()
    return pairs


def _cheaper(pairs: scipy.sparse.csr_array, width: int) -> Pairs:
    """Dense when a dense product is the cheaper way to ``F'aF``."""
    q, departments = pairs.shape
    length = np.diff(pairs.indptr).astype(np.float64)
    sparse_cost = 20.0 * float((length + width) @ (length + 1.0))
    dense_cost = float(q) * (departments + width) ** 2
    return pairs.toarray() if dense_cost <= sparse_cost else pairs


def _cross(pairs: Pairs, by_voter: Floats, a: Floats) -> Floats:
    count = pairs.shape[1]
    result = np.empty((count + by_voter.shape[1],) * 2)
    weighted = by_voter * a[:, None]
    if isinstance(pairs, np.ndarray):
        result[:count, :count] = pairs.T @ (pairs * a[:, None])
    else:
        scaled = scipy.sparse.csr_array((pairs.data * np.repeat(a, np.diff(pairs.indptr)), pairs.indices, pairs.indptr))
        scaled.resize(pairs.shape)
        result[:count, :count] = (pairs.T @ scaled).toarray()
    result[:count, count:] = pairs.T @ weighted
    result[count:, :count] = result[:count, count:].T
    result[count:, count:] = by_voter.T @ weighted
    return result


def _components(pairs: scipy.sparse.csr_array) -> tuple[Integers, Integers]:
    """Component number (from 1, in the order of the first department) of each voter and department.

    Departments that follow one another on a voter's list are joined; that joins all the voter rated.
    """
    d = pairs.shape[1]
    within = np.ones(pairs.nnz, dtype=bool)
    within[pairs.indptr[:-1]] = False
    later = np.flatnonzero(within)
    edges = np.unique(pairs.indices[later - 1].astype(np.int64) * d + pairs.indices[later])
    graph = scipy.sparse.csr_array((np.ones(len(edges)), (edges // d, edges % d)), shape=(d, d))
    count, label = scipy.sparse.csgraph.connected_components(graph, directed=False)
    first_seen = np.unique(label, return_index=True)[1]
    number = np.empty(count, dtype=np.int64)
    number[label[np.sort(first_seen)]] = np.arange(1, count + 1)
    return number[label[pairs.indices[pairs.indptr[:-1]]]], number[label]
