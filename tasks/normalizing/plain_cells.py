"""Cells that are already in canonical form, recognised and converted in one streaming expression.

The cell rules of ``cell_rules`` cost several passes over a column. Most cells of most files need
none of them: they are exactly what the contract stores. For each column type this module gives the
converted value and a condition that is true only where the cell rules would return the same value
and change or refuse nothing. A test holds the two against each other on arbitrary text.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import polars as pl

from expectations.declaration import Column, ColumnType
from tasks.normalizing.words import ERROR_CELLS, MISSING_WORDS

_CODE_LIKE = r"^[!-~\x{4E00}-\x{9FFF}〔〕]+$"
"""Characters that NFKC leaves as they are: visible ASCII, the common Chinese characters, document brackets."""

_OFFICIAL_NUMBER = r"^[^〔〕]+〔[0-9]{4}〕[0-9]+号$"
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
    test = _TESTS.get(column.type)
    return pl.lit(value=False) if test is None else test(column, text)


def _code(column: Column, text: pl.Expr) -> pl.Expr:
    return text.is_in([code.value for code in column.codes])


def _boolean(_column: Column, text: pl.Expr) -> pl.Expr:
    return text.is_in(["true", "false"])


def _integer(column: Column, text: pl.Expr) -> pl.Expr:
    return _converted(column, text).is_not_null() & text.str.contains(_PLAIN_INTEGER)


def _decimal(column: Column, text: pl.Expr) -> pl.Expr:
    return _converted(column, text).is_not_null() & text.str.contains(_PLAIN_DECIMAL)


def _ratio(column: Column, text: pl.Expr) -> pl.Expr:
    return _converted(column, text).is_between(0, 1) & text.str.contains(_PLAIN_DECIMAL)


def _date(column: Column, text: pl.Expr) -> pl.Expr:
    in_range = _converted(column, text).dt.year().is_between(_EARLIEST, _LATEST)
    return in_range & (text.str.len_bytes() == len("2026-03-05"))


def _timestamp(column: Column, text: pl.Expr) -> pl.Expr:
    # The year is that of UTC: one year less on either side leaves the programme's zone room.
    in_range = _converted(column, text).dt.year().is_between(_EARLIEST + 1, _LATEST - 1)
    whole = text.str.len_bytes() == len("2026-03-05T14:30:00+08:00")
    return in_range & whole & text.str.ends_with("+08:00")


def _identifier(column: Column, text: pl.Expr) -> pl.Expr:
    # A document number has bracket variants and a long code may be in scientific notation: rules decide.
    scientific = text.str.contains(r"^[0-9](\.[0-9]+)?[eE]\+?[0-9]+$")
    unusual = text.str.contains(r"[()\[\]]")
    if column.name.endswith("doc_no"):
        unusual |= text.str.contains("[〔〕号]") & ~text.str.contains(_OFFICIAL_NUMBER)
    return text.str.contains(_CODE_LIKE) & ~text.is_in(_WORDS) & ~scientific & ~unusual


def _name(_column: Column, text: pl.Expr) -> pl.Expr:
    return ~text.str.contains(_NAME_NEEDS_RULES) & (text != "") & ~text.is_in(_WORDS)


_TESTS: Mapping[ColumnType, Callable[[Column, pl.Expr], pl.Expr]] = {
    ColumnType.CODE: _code,
    ColumnType.BOOLEAN: _boolean,
    ColumnType.INTEGER: _integer,
    ColumnType.DECIMAL: _decimal,
    ColumnType.RATIO: _ratio,
    ColumnType.DATE: _date,
    ColumnType.TIMESTAMP: _timestamp,
    ColumnType.IDENTIFIER: _identifier,
    ColumnType.NAME: _name,
}

_WORDS = [*MISSING_WORDS, *ERROR_CELLS]
