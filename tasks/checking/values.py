"""Judge columns by their distinct values.

A column of five million cells usually holds a few thousand different texts. Whether a text is canonical,
meets the expectations on its column and exists in the dataset it refers to is decided once per text;
the rows then only have to be compared with the few texts that did not pass.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import polars as pl

from expectations.declaration import Column, ColumnType, Dataset, Expectation
from expectations.engine.conditions import unexpected_condition
from expectations.time_zone import TIME_ZONE
from tasks.checking.references import Known, Span, throughout
from tasks.normalize import FIRST_NOT_DATA, Source, token_column
from tasks.normalizing.plain_cells import is_plain, plain_value

SAMPLE_ROWS = 100_000
MOST_DISTINCT = 0.5
FIRST = "_first"


@dataclass(frozen=True)
class Distinct:
    """The distinct texts of a file's columns; columns with mostly different texts are not listed."""

    texts: Mapping[str, pl.Series]

    def of(self, name: str) -> pl.Series | None:
        """Distinct texts of a column, null included where it occurs; None when they were not listed."""
        return self.texts.get(name)


def distinct_texts(source: Source, dataset: Dataset) -> Distinct:
    """List the distinct texts of every column worth listing, in one streaming pass.

    Tokens, dates that references depend on and the partition column are always listed.
    """
    names = [column.name for column in source.columns]
    sample = source.rows.head(SAMPLE_ROWS).select(pl.len().alias("_rows"), pl.col(*names, FIRST).n_unique()).collect()
    most = max(sample.item(0, "_rows") * MOST_DISTINCT, 50)
    always = {column.name for column in source.columns if _is_needed(column, dataset)}
    listed = [name for name in (*names, FIRST) if name in always or sample.item(0, name) <= most]
    found = source.rows.select(pl.col(name).unique().implode() for name in listed).collect(engine="streaming")
    return Distinct({name: found[name].explode() for name in listed})


def _is_needed(column: Column, dataset: Dataset) -> bool:
    dated = {reference.valid_on for reference in dataset.references}
    return column.stored_name in dated or column.name == dataset.partition_by or column is token_column(dataset)


def span_of(distinct: Distinct, source: Source, dataset: Dataset) -> Span | None:
    """First and last day of the dates references depend on, among canonical cells."""
    dated = {reference.valid_on for reference in dataset.references}
    days: list[date] = []
    for column in source.columns:
        texts = distinct.of(column.name)
        if column.stored_name not in dated or texts is None:
            continue
        value = plain_value(column, pl.col("text"))
        if column.type is ColumnType.TIMESTAMP:
            value = value.dt.convert_time_zone(TIME_ZONE).dt.date()
        canonical = pl.DataFrame({"text": texts}).filter(is_plain(column, pl.col("text")))
        known = canonical.select(value).to_series().drop_nulls().unique()
        if not known.is_empty():
            days += known.sort().to_list()[:: max(known.len() - 1, 1)]
    return Span(min(days), max(days)) if days else None


def doubtful_cells(
    source: Source,
    dataset: Dataset,
    distinct: Distinct,
    expectations: Sequence[Expectation],
    known: Known,
    span: Span | None,
) -> pl.Expr:
    """True where a cell of the row, judged by itself, does not certainly pass.

    An expression on ``source.rows``; covers the plain lane, every expectation on one column and every
    reference by one column.
    """
    conditions = [_doubtful_first(distinct)]
    for column in dataset.all_columns:
        judge = _Judge(column, dataset, expectations, known, span)
        texts = distinct.of(column.name)
        if column not in source.columns:
            conditions.append(pl.lit(value=bool(judge.of(pl.Series([None], dtype=pl.String))[0])))
        elif texts is None:
            conditions.append(pl.col(column.name).map_batches(judge.of, return_dtype=pl.Boolean, is_elementwise=True))
        else:
            conditions.append(_among(pl.col(column.name), texts.filter(judge.of(texts)), len(texts)))
    return pl.any_horizontal(*conditions)


@dataclass(frozen=True)
class _Judge:
    """Says of texts of one column which do not certainly pass."""

    column: Column
    dataset: Dataset
    expectations: Sequence[Expectation]
    known: Known
    span: Span | None

    def of(self, texts: pl.Series) -> pl.Series:
        """True for each text that needs a closer look."""
        column, text = self.column, pl.col("text")
        frame = pl.DataFrame({"text": texts.cast(pl.String)})
        if column.pseudonymised_as:
            missing = text.is_null() & pl.lit(column.required)
            return frame.select(missing | ~is_plain(column, text)).to_series()
        schema = {"value": column.polars_type}
        failing = [
            unexpected_condition(each.kind, {**each.arguments, "column": "value"}, schema)
            for each in self.expectations
            if each.columns == (column.stored_name,)
        ]
        for reference in self.dataset.references:
            table = self.known.view(reference.dataset)
            if reference.columns != (column.stored_name,) or table is None:
                continue
            if reference.dataset == self.dataset.name:
                failing.append(text.is_not_null())  # may be in this very file: looked at exactly
                continue
            keys = throughout(table, reference, self.span).to_series()
            failing.append(text.is_not_null() & ~text.is_in(keys.implode()))
        judged = frame.with_columns(value=plain_value(column, text)).select(
            pl.any_horizontal(~is_plain(column, text), *failing).fill_null(value=True)
        )
        return judged.to_series()


def _doubtful_first(distinct: Distinct) -> pl.Expr:
    """Rows whose first text may be a total or a footer, and rows without any text."""
    doubt = pl.col(FIRST).is_null() | pl.col(FIRST).str.contains(FIRST_NOT_DATA)
    texts = distinct.of(FIRST)
    if texts is None:
        return doubt.fill_null(value=True)
    judged = pl.DataFrame({FIRST: texts}).filter(doubt.fill_null(value=True))[FIRST]
    return _among(pl.col(FIRST), judged, len(texts))


def _among(cell: pl.Expr, doubtful: pl.Series, all_texts: int) -> pl.Expr:
    if doubtful.is_empty():
        return pl.lit(value=False)
    if len(doubtful) == all_texts:
        return pl.lit(value=True)
    has_null = doubtful.null_count() > 0
    return cell.is_in(doubtful.drop_nulls().implode()).fill_null(value=has_null)
