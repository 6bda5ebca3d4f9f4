"""The one table every file becomes: ``_sheet``, ``_row``, ``_cells`` and the cells as text by column."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import polars as pl
from polars.io.plugins import register_io_source

from tasks.reading.errors import FileRefused, Words
from tasks.reading.limits import Limits

POSITION_SCHEMA: dict[str, pl.DataType] = {"_sheet": pl.String(), "_row": pl.UInt32(), "_cells": pl.UInt16()}
MergedRange = tuple[int, int, int, int]
"""First row, first column, last row, last column; all counted from 1, as the workbook shows them."""


@dataclass(frozen=True)
class SheetInfo:
    """One sheet of the table: its name, last row with data, width, and its merged ranges."""

    name: str
    rows: int
    columns: int
    merged: tuple[MergedRange, ...] = ()


@dataclass(frozen=True)
class Table:
    """What was written, and from what."""

    format: str
    encoding: str
    rows: int
    columns: int
    sheets: tuple[SheetInfo, ...]

    def to_json(self) -> dict[str, Any]:
        """What crosses from the reading process to the caller."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Table:
        """The table that ``to_json`` described."""
        sheets = tuple(
            SheetInfo(**{**sheet, "merged": tuple(_merged(found) for found in sheet["merged"])})
            for sheet in data["sheets"]
        )
        return cls(**{**data, "sheets": sheets})


def _merged(found: list[int]) -> MergedRange:
    first_row, first_column, last_row, last_column = found
    return first_row, first_column, last_row, last_column


def cell_names(columns: int) -> list[str]:
    """Names of the cell columns: ``c000`` is column A."""
    return [f"c{index:03}" for index in range(columns)]


def schema(columns: int) -> dict[str, pl.DataType]:
    """Schema of a table of that width."""
    return POSITION_SCHEMA | dict.fromkeys(cell_names(columns), pl.String())


def streamed(make_frames: Callable[[], Iterator[pl.DataFrame]], columns: dict[str, pl.DataType]) -> pl.LazyFrame:
    """A lazy frame whose rows are made by a generator, a piece at a time, so that memory stays bounded."""

    def source(
        with_columns: list[str] | None,
        predicate: pl.Expr | None,
        n_rows: int | None,
        batch_size: int | None,
    ) -> Iterator[pl.DataFrame]:
        del n_rows, batch_size  # Hints only: nothing here asks for the first rows.
        for frame in make_frames():
            chosen = frame if with_columns is None else frame.select(with_columns)
            yield chosen if predicate is None else chosen.filter(predicate)

    return register_io_source(source, schema=columns)


def write(frame: pl.LazyFrame, path: Path) -> None:
    """Write a table as one Parquet file, rows in order."""
    frame.sink_parquet(path, compression="lz4", statistics=False, maintain_order=True)


def empty_as_null(column: str) -> pl.Expr:
    """The cell, or null when it holds no character."""
    cell = pl.col(column)
    return pl.when(cell != "").then(cell).alias(column)


def too_wide(columns: int, limits: Limits) -> FileRefused:
    """The refusal of a table with too many columns."""
    detail = Words(f"{columns} 列，上限 {limits.max_columns}", f"{columns} columns, at most {limits.max_columns}")
    return FileRefused("F107", detail=detail)
