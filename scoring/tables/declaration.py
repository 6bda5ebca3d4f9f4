"""How a result table is declared.

The warehouse tables, the audit suite and the workbook are generated from these declarations. Floats
in a result are stored rounded half-even to ``STORED_DECIMALS``; ``ResultColumn.decimals`` is the
coarser rounding a value gets before it reaches a page or a workbook.
"""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

STORED_DECIMALS = 6
"""Decimal places every float of a result is rounded to, half to even, once and at the end."""


@dataclass(frozen=True)
class ResultColumn:
    """One column of a result.

    ``decimals`` is the number of decimal places shown to people (None for text and whole numbers).
    ``nullable`` columns may be empty; the ``reason_codes`` of the row then say why.
    """

    name: str
    dtype: pl.DataType
    zh: str
    en: str
    description_zh: str
    description_en: str
    decimals: int | None = None
    nullable: bool = False


@dataclass(frozen=True)
class ResultTable:
    """One result: its columns in order and the columns that identify a row (rows are sorted by them)."""

    name: str
    zh: str
    en: str
    columns: tuple[ResultColumn, ...]
    key: tuple[str, ...]

    @property
    def schema(self) -> dict[str, pl.DataType]:
        """Column name to Polars type, in column order."""
        return {column.name: column.dtype for column in self.columns}

    def column(self, name: str) -> ResultColumn:
        """The column called ``name``; KeyError when there is none."""
        for column in self.columns:
            if column.name == name:
                return column
        raise KeyError(f"{self.name} has no column {name}")

    def empty(self) -> pl.DataFrame:
        """The table without rows: what it rules was not asked for."""
        return pl.DataFrame(schema=self.schema)

    def conform(self, frame: pl.DataFrame) -> pl.DataFrame:
        """The frame with exactly the declared columns and types, floats rounded, sorted by the key.

        Raises:
            polars.exceptions.PolarsError: A column is missing or cannot be cast.
            ValueError: Two rows have the same key.
        """
        floats = [column.name for column in self.columns if column.dtype == pl.Float64()]
        result = (
            frame.select(pl.col(name).cast(dtype) for name, dtype in self.schema.items())
            .with_columns(_rounded(name) for name in floats)
            .sort(self.key)
        )
        if result.select(self.key).is_duplicated().any():
            raise ValueError(f"{self.name}: two rows have the same {', '.join(self.key)}")
        return result


def _rounded(name: str) -> pl.Expr:
    rounded = pl.col(name).round(STORED_DECIMALS, mode="half_to_even")
    # A rounded -0.0 equals 0.0 but prints and hashes differently.
    return pl.when(rounded == 0.0).then(0.0).otherwise(rounded).alias(name)


def text(name: str, zh: str, en: str, about_zh: str, about_en: str, *, nullable: bool = False) -> ResultColumn:
    """A text column."""
    return ResultColumn(name, pl.String(), zh, en, about_zh, about_en, nullable=nullable)


def count(name: str, zh: str, en: str, about_zh: str, about_en: str, *, nullable: bool = False) -> ResultColumn:
    """A column of whole numbers."""
    return ResultColumn(name, pl.Int64(), zh, en, about_zh, about_en, nullable=nullable)


def number(name: str, zh: str, en: str, about_zh: str, about_en: str, *, decimals: int) -> ResultColumn:
    """A column of floats shown with ``decimals`` places; it may be empty."""
    return ResultColumn(name, pl.Float64(), zh, en, about_zh, about_en, decimals=decimals, nullable=True)


def decimal(name: str, zh: str, en: str, about_zh: str, about_en: str, *, nullable: bool = True) -> ResultColumn:
    """A column of exact decimals with six places."""
    return ResultColumn(name, pl.Decimal(18, 6), zh, en, about_zh, about_en, decimals=6, nullable=nullable)
