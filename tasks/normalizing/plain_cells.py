"""Cells that are already in canonical form, recognised and converted in one streaming expression.

The cell rules of ``cell_rules`` cost several passes over a column. Most cells of most files need
none of them: they are exactly what the contract stores. For each column type this module gives the
converted value and a condition that is true only where the cell rules would return the same value
and change or refuse nothing. A test holds the two against each other on arbitrary text.
"""

from __future__ import annotations

import polars as pl

from expectations.declaration import Column, ColumnType
from tasks.normalizing.words import ERROR_CELLS, MISSING_WORDS

_PRINTABLE = r"^[!-~]+$"
_NAME_NEEDS_RULES = r"^[\s\p{C}]|[\s\p{C}]$|[\x00-\x08\x0b\x0c\x0e-\x1f]"
_PLAIN_DECIMAL = r"^-?(0|[1-9][0-9]{0,11})(\.[0-9]{1,6})?$"
_PLAIN_INTEGER = r"^(0|-?[1-9][0-9]{0,14})$"
_EARLIEST, _LATEST = 2000, 2100


def plain_value(column: Column, text: pl.Expr) -> pl.Expr:
    """The value of a cell in canonical form; null or arbitrary where ``is_plain`` is false."""
    value = _converted(column, text)
    if column.default is None:
        return value
    return pl.when(text.is_null()).then(pl.lit(column.default).cast(column.polars_type)).otherwise(value)


def _converted(column: Column, text: pl.Expr) -> pl.Expr:
    if column.type is ColumnType.INTEGER:
        return text.cast(pl.Int64, strict=False)
    if column.type in (ColumnType.DECIMAL, ColumnType.RATIO):
        return text.cast(pl.Decimal(18, 6), strict=False)
    if column.type is ColumnType.DATE:
        return text.str.to_date("%Y-%m-%d", strict=False)
    if column.type is ColumnType.TIMESTAMP:
        return text.str.to_datetime("%Y-%m-%dT%H:%M:%S%:z", time_unit="us", time_zone="UTC", strict=False)
    if column.type is ColumnType.BOOLEAN:
        return text == "true"
    return text


def is_plain(column: Column, text: pl.Expr) -> pl.Expr:
    """True where the cell is empty or already canonical; never null."""
    return (text.is_null() | _is_canonical(column, text)).fill_null(value=False)


def _is_canonical(column: Column, text: pl.Expr) -> pl.Expr:
    value = _converted(column, text)
    if column.type is ColumnType.CODE:
        return text.is_in([code.value for code in column.codes])
    if column.type is ColumnType.BOOLEAN:
        return text.is_in(["true", "false"])
    if column.type is ColumnType.INTEGER:
        return value.is_not_null() & text.str.contains(_PLAIN_INTEGER)
    if column.type is ColumnType.DECIMAL:
        return value.is_not_null() & text.str.contains(_PLAIN_DECIMAL)
    if column.type is ColumnType.RATIO:
        return value.is_between(0, 1) & text.str.contains(_PLAIN_DECIMAL)
    if column.type is ColumnType.DATE:
        return value.dt.year().is_between(_EARLIEST, _LATEST) & (text.str.len_bytes() == len("2026-03-05"))
    if column.type is ColumnType.TIMESTAMP:
        whole = text.str.len_bytes() == len("2026-03-05T14:30:00+08:00")
        return value.dt.year().is_between(_EARLIEST + 1, _LATEST - 1) & whole & text.str.ends_with("+08:00")
    if column.type is ColumnType.IDENTIFIER:
        # A document number has bracket variants and a long code may be in scientific notation: rules decide.
        scientific = text.str.contains(r"^[0-9](\.[0-9]+)?[eE]\+?[0-9]+$")
        bracketed = text.str.contains(r"[()\[\]]")
        return text.str.contains(_PRINTABLE) & ~text.is_in(_WORDS) & ~scientific & ~bracketed
    if column.type is ColumnType.NAME:
        return ~text.str.contains(_NAME_NEEDS_RULES) & (text != "") & ~text.is_in(_WORDS)
    return pl.lit(value=False)


_WORDS = [*MISSING_WORDS, *ERROR_CELLS]
