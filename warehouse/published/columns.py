"""The columns readers get, and the state beside each number."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import polars as pl

from scoring.tables import ResultTable

STATE = "_state"
"""Ending of the column that says of a value whether it is shown, suppressed or missing."""

SCORE_DECIMALS = 2
"""Decimals of an exact score on a terminal and in a workbook; files hold all six."""

Unit = Literal["", "fen"]


@dataclass(frozen=True)
class Column:
    """One published column: its labels, the decimals it was rounded to, and whether it has a state.

    ``shown_decimals`` of an exact number are those people read; it is not rounded to them. Money is whole
    fen, which people read as yuan. A number is suppressed where the Boolean column ``suppressed_by`` of its
    row is true.
    """

    name: str
    zh: str
    en: str
    decimals: int | None = None
    is_number: bool = False
    about_zh: str = ""
    about_en: str = ""
    shown_decimals: int | None = None
    unit: Unit = ""
    suppressed_by: str = "is_suppressed"

    @property
    def is_money(self) -> bool:
        """Whether the values are fen."""
        return self.unit == "fen"

    def label(self, language: str) -> str:
        """The heading in one language, as files have it: money in fen."""
        return self.zh if language == "zh" else self.en

    def shown_label(self, language: str) -> str:
        """The heading in one language, as people read it: money in yuan."""
        label = self.label(language)
        return label.replace("（分）", "（元）").replace("(fen)", "(yuan)") if self.is_money else label

    def about(self, language: str) -> str:
        """What the column means, in one language."""
        return self.about_zh if language == "zh" else self.about_en


@dataclass(frozen=True)
class View:
    """Rows of one kind as published; ``by_group`` when each peer group is a table of its own."""

    rows: pl.DataFrame
    columns: tuple[Column, ...]
    by_group: bool = True


def column(
    table: ResultTable, name: str, *, shown: str | None = None, zh: str | None = None, en: str | None = None
) -> Column:
    """A declared column of text, under the name ``shown`` if that is another."""
    declared = table.column(name)
    return Column(
        shown or name, zh or declared.zh, en or declared.en, declared.decimals, False, declared.description_zh,
        declared.description_en,
    )  # fmt: skip


def number(
    table: ResultTable, name: str, *, shown: str | None = None, zh: str | None = None, en: str | None = None,
    suppressed_by: str = "is_suppressed",
) -> Column:  # fmt: skip
    """A declared column of numbers, each with its state."""
    declared = table.column(name)
    return Column(
        shown or name, zh or declared.zh, en or declared.en, declared.decimals, True, declared.description_zh,
        declared.description_en, unit="fen" if name.endswith("_fen") else "", suppressed_by=suppressed_by,
    )  # fmt: skip


def score(table: ResultTable, name: str, *, suppressed_by: str = "is_suppressed") -> Column:
    """A declared column of exact scores, of which people read two decimals."""
    return replace(number(table, name, suppressed_by=suppressed_by), shown_decimals=SCORE_DECIMALS)


def banded(table: ResultTable, name: str, shown: str, zh: str, en: str) -> Column:
    """A column that shows the band of a declared one."""
    declared = table.column(name)
    about_zh, about_en = f"{declared.description_zh}按档公布。", f"{declared.description_en} Published as a band."
    return Column(shown, zh, en, None, is_number=True, about_zh=about_zh, about_en=about_en)


def note(table: ResultTable) -> Column:
    """The reason codes, which people read as sentences."""
    return column(table, "reason_codes", zh="备注", en="note")


def finished(rows: pl.DataFrame, columns: Sequence[Column]) -> pl.DataFrame:
    """The published columns, each number with its state; a suppressed number is null."""
    given = rows if "is_suppressed" in rows.columns else rows.with_columns(is_suppressed=pl.lit(value=False))
    values = [_value(each) for each in columns]
    states = [_state(each) for each in columns if each.is_number]
    return given.select(*values, *states)


def _value(column: Column) -> pl.Expr:
    if not column.is_number:
        return pl.col(column.name)
    return pl.when(~pl.col(column.suppressed_by)).then(pl.col(column.name)).alias(column.name)


def _state(column: Column) -> pl.Expr:
    return (
        pl.when(pl.col(column.suppressed_by)).then(pl.lit("suppressed"))
        .when(pl.col(column.name).is_null()).then(pl.lit("missing"))
        .otherwise(pl.lit("shown")).alias(f"{column.name}{STATE}")
    )  # fmt: skip
