"""A batch of rows as the Polars engine holds it: a lazy frame, and the few rows that can fail."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import Any

import polars as pl
from great_expectations.core.batch import BatchData

from expectations.engine.conditions import any_condition, key_hash

ROW_INDEX = "_gx_row_index"
"""Position of a row in the lazy frame, counted from 0, in the frames a batch returns when it is known."""

Collect = Callable[[pl.LazyFrame], pl.DataFrame]


class PolarsBatchData(BatchData):
    """Rows as a lazy frame, with the candidates: the rows that can fail.

    Counts are taken over the lazy frame; rows are listed from the candidates, so that a listing never holds
    more than them in memory.
    """

    def __init__(
        self,
        rows: pl.LazyFrame | pl.DataFrame,
        candidates: pl.DataFrame | None = None,
        execution_engine: Any = None,
    ) -> None:
        """Hold the rows.

        Args:
            rows: The batch; a lazy frame is collected only in streaming passes that keep aggregates or candidates.
            candidates: All rows of the batch that can fail a row condition, when they are known already, with
                the same columns. Left out, they are collected when a listing is first asked for.
            execution_engine: The engine that reads the batch; Great Expectations asks for it, nothing here does.
        """
        super().__init__(execution_engine=execution_engine)
        self.rows = rows.lazy()
        self.schema: Mapping[str, pl.DataType] = self.rows.collect_schema()
        self._given = candidates
        self._conditions: dict[bytes, pl.Expr] = {}
        self._collected: tuple[frozenset[bytes], pl.DataFrame] | None = None
        self._repeated: dict[tuple[Sequence[str], bytes], pl.DataFrame] = {}

    @cached_property
    def no_rows(self) -> pl.DataFrame:
        """An empty frame with the columns of the batch."""
        return pl.DataFrame(schema=self.schema)

    def register(self, condition: pl.Expr) -> None:
        """Name a condition whose rows may be listed, so that one pass collects the candidates of all."""
        # The text of an expression leaves out the values of a set; its serialized form does not.
        self._conditions[condition.meta.serialize()] = condition

    def failing(self, condition: pl.Expr, collect: Collect) -> pl.DataFrame:
        """Rows on which ``condition`` is true, in their order, with ``ROW_INDEX`` unless the candidates were given."""
        self.register(condition)
        return self._candidates(collect).filter(condition)

    def repeating(self, columns: Sequence[str], ignored: pl.Expr, collect: Collect) -> pl.DataFrame:
        """Rows whose values of ``columns`` stand in another row too, in their order, with ``ROW_INDEX``.

        Found on 64-bit hashes of the whole batch, confirmed on the values of the few rows found.
        """
        key = (tuple(columns), ignored.meta.serialize())
        if key not in self._repeated:
            keyed = self._indexed().filter(~ignored).with_columns(key_hash(columns).alias(_HASH))
            repeated = keyed.group_by(_HASH).len().filter(pl.col("len") > 1)
            found = collect(keyed.join(repeated, on=_HASH, how="semi").drop(_HASH))
            self._repeated[key] = found.filter(pl.struct(columns).is_duplicated()).sort(ROW_INDEX)
        return self._repeated[key]

    def _candidates(self, collect: Collect) -> pl.DataFrame:
        if self._given is not None:
            return self._given
        wanted = frozenset(self._conditions)
        if self._collected is None or not wanted <= self._collected[0]:
            suspect = any_condition(list(self._conditions.values()))
            self._collected = (wanted, collect(self._indexed().filter(suspect)))
        return self._collected[1]

    def _indexed(self) -> pl.LazyFrame:
        return self.rows.with_row_index(ROW_INDEX)


_HASH = "_gx_key_hash"
