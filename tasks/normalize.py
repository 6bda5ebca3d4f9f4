"""Normalize: rows of text become rows of values (INPUT.md 4.2).

Cells that already are what the contract stores take the plain lane, one streaming expression. All
other rows, the suspects, take the cell rules. Both lanes give the same values; the second also says
what was changed, and what was refused and why.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import polars as pl

from expectations.declaration import Column, Dataset
from tasks.normalizing.cell_rules import Options, apply_cell_rules
from tasks.normalizing.header import HEADER_SEARCH_ROWS, Header, find_header
from tasks.normalizing.plain_cells import plain_value
from tasks.normalizing.words import FOOTER_WORDS, INVISIBLE, TOTAL_WORDS
from tasks.pseudonyms import Pseudonyms
from tasks.reading.errors import FileRefused

POSITION = ("_index", "_sheet", "_row")
PROBLEM_SCHEMA: Mapping[str, pl.DataType] = {
    "_index": pl.UInt32(),
    "column": pl.String(),
    "code": pl.String(),
    "value": pl.String(),
    "expected": pl.String(),
    "detail": pl.String(),
    "order": pl.Int32(),
}
"""One line per problem of a row: ``column`` is the stored name, ``order`` the place in the order of rules."""

CHANGE_SCHEMA: Mapping[str, pl.DataType] = {
    "_index": pl.UInt32(),
    "column": pl.String(),
    "code": pl.String(),
    "value": pl.String(),
    "expected": pl.String(),
}


@dataclass(frozen=True)
class Source:
    """The data rows of a file as text under their contract names, and the headers they came under.

    ``rows`` has ``_index`` (row of the text table), ``_sheet``, ``_row``, ``_cells``, ``_first`` (the
    first cell with text), ``_surplus`` (text beyond the header's width) and one String column per
    contract column present.
    """

    rows: pl.LazyFrame
    headers: tuple[Header, ...]
    columns: tuple[Column, ...]
    delimited: bool


@dataclass(frozen=True)
class Normalized:
    """Suspects after the cell rules.

    ``rows`` are typed (stored names, position, ``_cell_problems``), ``problems`` and ``changes``
    follow their schemas, ``skipped`` counts the rows that are no data by reason, and ``totals`` are
    the total rows as values.
    """

    rows: pl.DataFrame
    problems: pl.DataFrame
    changes: pl.DataFrame
    skipped: Mapping[str, int] = field(default_factory=dict)
    totals: pl.DataFrame = field(default_factory=pl.DataFrame)


def find_source(text: pl.LazyFrame, sheets: Sequence[str], dataset: Dataset, *, delimited: bool) -> Source:
    """Locate the header of every sheet and give its data rows contract names.

    Sheets without a recognisable header are left out as long as one sheet has one.

    Args:
        text: the text table of the read step.
        sheets: sheet names in order; ``("",)`` for delimited text.
        dataset: what the file claims to be.
        delimited: the file is CSV or TSV, where a row may have its own number of cells.

    Raises:
        FileRefused: as ``find_header``, when no sheet has a header.
    """
    indexed = text.with_row_index("_index")
    headers: list[Header] = []
    refusal: FileRefused | None = None
    for sheet in sheets:
        top = text.filter(pl.col("_sheet") == sheet).head(HEADER_SEARCH_ROWS).collect()
        try:
            headers.append(find_header(top, sheet, dataset))
        except FileRefused as error:
            if error.code != "F121" or refusal is None:
                refusal = error
            if error.code == "F130":
                raise
    if not headers:
        raise refusal or FileRefused("F117", detail="—")
    present = {name for header in headers for name in header.positions}
    columns = tuple(column for column in dataset.all_columns if column.name in present)
    parts = [_sheet_rows(indexed, header, columns) for header in headers]
    return Source(pl.concat(parts) if len(parts) > 1 else parts[0], tuple(headers), columns, delimited)


def _sheet_rows(indexed: pl.LazyFrame, header: Header, columns: Sequence[Column]) -> pl.LazyFrame:
    cells = [name for name in indexed.collect_schema().names() if name.startswith("c")]
    beyond = [name for name in cells if int(name[1:]) >= header.width]
    surplus = pl.any_horizontal(pl.col(name).is_not_null() for name in beyond) if beyond else pl.lit(value=False)
    named = [
        pl.col(header.positions[column.name]).alias(column.name)
        if column.name in header.positions
        else pl.lit(None, pl.String).alias(column.name)
        for column in columns
    ]
    return indexed.filter((pl.col("_sheet") == header.sheet) & (pl.col("_row") > header.last_row)).select(
        "_index",
        "_sheet",
        pl.col("_row").cast(pl.Int32),
        (pl.col("_cells").cast(pl.Int32) - header.width).alias("_cells"),
        pl.coalesce(cells).alias("_first"),
        surplus.alias("_surplus"),
        *named,
    )


def plain_rows(source: Source, dataset: Dataset, pseudonyms: pl.DataFrame | None, doubt: pl.Expr) -> pl.LazyFrame:
    """Every data row as values of the plain lane, with ``_plain`` true where that lane may be trusted.

    Args:
        source: the data rows.
        dataset: their declaration.
        pseudonyms: ``token`` and ``pseudonym`` of every token in the file, or None without tokens.
        doubt: true where a single cell does not certainly pass.
    """
    rows = source.rows
    token = token_column(dataset)
    if token is not None and pseudonyms is not None:
        rows = rows.join(pseudonyms.lazy(), left_on=token.name, right_on="token", how="left")
    upsert = pl.col("record_op").fill_null("upsert") == "upsert" if _has(source, "record_op") else pl.lit(value=True)
    whole = ~pl.col("_surplus") & ((pl.col("_cells") >= 0) | pl.lit(not source.delimited))
    return rows.select(*POSITION, *_plain_values(source, dataset, token), (~doubt & whole & upsert).alias("_plain"))


FIRST_NOT_DATA = rf"^[\s{INVISIBLE}]*({'|'.join(sorted({word[0] for word in (*TOTAL_WORDS, *FOOTER_WORDS)}))})"
"""First characters of total and footer words: a cheap sign that the row needs a closer look."""


def _plain_values(source: Source, dataset: Dataset, token: Column | None) -> list[pl.Expr]:
    values: list[pl.Expr] = []
    for column in dataset.all_columns:
        if column is token:
            values.append(pl.col("pseudonym").alias(column.stored_name))
        elif _has(source, column.name):
            values.append(plain_value(column, pl.col(column.name)).alias(column.stored_name))
        else:
            values.append(pl.lit(column.default).cast(column.polars_type).alias(column.stored_name))
    return values


def _has(source: Source, name: str) -> bool:
    return any(column.name == name for column in source.columns)


def token_column(dataset: Dataset) -> Column | None:
    """The column that arrives as a token and is stored as a pseudonym, if the dataset has one."""
    return next((column for column in dataset.columns if column.pseudonymised_as), None)


def normalize_suspects(
    raw: pl.DataFrame, source: Source, dataset: Dataset, pseudonyms: Pseudonyms, options: Options
) -> Normalized:
    """Apply the cell rules to the rows that did not pass the plain lane.

    Args:
        raw: rows of ``source.rows``.
        source: where they come from.
        dataset: their declaration.
        pseudonyms: turns tokens into pseudonyms.
        options: what the manifest says about cells.
    """
    kind = raw.select(row_kind()).to_series()
    skipped = {str(reason): int(count) for reason, count in kind.drop_nulls().value_counts().iter_rows()}
    data = raw.filter(kind.is_null())
    typed, problems, changes = _typed(data, source, dataset, pseudonyms, options)
    totals = raw.filter(kind == "total")
    if not totals.is_empty():
        totals = _typed(totals, source, dataset, pseudonyms, options)[0]
    return Normalized(typed, problems, changes, skipped, totals)


def row_kind() -> pl.Expr:
    """``blank``, ``total``, ``subtotal`` or ``footer`` for rows that are no data, else null (rule 12)."""
    first = pl.col("_first").str.replace_all(rf"[\s{INVISIBLE}]", "")
    grand = [word for word in TOTAL_WORDS if word not in ("小计", "累计")]
    footer = rf"^({'|'.join(FOOTER_WORDS)})([:：]|$)"
    return (
        pl.when(first.is_null() | (first == ""))
        .then(pl.lit("blank"))
        .when(first.is_in(grand))
        .then(pl.lit("total"))
        .when(first.is_in(TOTAL_WORDS))
        .then(pl.lit("subtotal"))
        .when(first.str.contains(footer))
        .then(pl.lit("footer"))
        .alias("kind")
    )


def _typed(
    data: pl.DataFrame, source: Source, dataset: Dataset, pseudonyms: Pseudonyms, options: Options
) -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame]:
    if data.is_empty():
        return _nothing_typed(data, dataset), pl.DataFrame(schema=PROBLEM_SCHEMA), pl.DataFrame(schema=CHANGE_SCHEMA)
    values: list[pl.Series] = []
    problems = [_ragged(data, source)]
    changes: list[pl.DataFrame] = []
    token = token_column(dataset)
    for order, column in enumerate(dataset.all_columns):
        if column.name not in data.columns:
            default = pl.Series([column.default], dtype=pl.String).cast(column.polars_type)
            values.append(default.extend_constant(default.item(), data.height).slice(1).alias(column.stored_name))
            continue
        text = data[column.name]
        judged = apply_cell_rules(column, text, options).with_columns(data["_index"], text=text)
        value = judged["value"]
        if column is token:
            value = pseudonyms.of(value)
            judged = judged.with_columns(text=pl.when(text.is_not_null()).then(pl.lit(MASK)))
        values.append(value.cast(column.polars_type).alias(column.stored_name))
        name = pl.lit(column.stored_name)
        found = judged.filter(pl.col("problem").is_not_null())
        problems.append(
            found.select("_index", column=name, code="problem", value="text", expected="expected", order=pl.lit(order))
        )
        changed = judged.filter(pl.col("change").is_not_null())
        shown = pl.lit(MASK) if column is token else pl.col("value").cast(pl.String)
        changes.append(changed.select("_index", column=name, code="change", value="text", expected=shown))
    all_problems = _frame(problems, PROBLEM_SCHEMA)
    typed = data.select(*POSITION).hstack(values).with_columns(_cell_problems=_joined_codes(data, all_problems))
    return typed, all_problems, _frame(changes, CHANGE_SCHEMA)


def _nothing_typed(data: pl.DataFrame, dataset: Dataset) -> pl.DataFrame:
    """No rows, in the shape rows would have."""
    stored = {column.stored_name: column.polars_type for column in dataset.all_columns}
    return pl.DataFrame(schema=data.select(*POSITION).schema | stored | {"_cell_problems": pl.String()})


MASK = "（口令，不显示）"


def _ragged(data: pl.DataFrame, source: Source) -> pl.DataFrame:
    """E218 for rows of delimited text with too few cells, or with text beyond the header."""
    wrong = pl.col("_surplus") | ((pl.col("_cells") < 0) & pl.lit(source.delimited))
    width = max(header.width for header in source.headers)
    return data.filter(wrong).select(
        "_index",
        column=pl.lit(None, pl.String),
        code=pl.lit("E218"),
        value=(pl.col("_cells") + width).cast(pl.String),
        expected=pl.lit(str(width)),
        order=pl.lit(-1),
    )


def _frame(parts: Sequence[pl.DataFrame], schema: Mapping[str, pl.DataType]) -> pl.DataFrame:
    given = [part.with_columns(pl.all().exclude("_index", "order").cast(pl.String)) for part in parts if part.height]
    joined = pl.concat(given, how="diagonal_relaxed") if given else pl.DataFrame()
    missing = [pl.lit(None).alias(name) for name in schema if name not in joined.columns]
    if not given:
        return pl.DataFrame(schema=dict(schema))
    return joined.with_columns(missing).select(pl.col(name).cast(dtype) for name, dtype in schema.items())


def _joined_codes(data: pl.DataFrame, problems: pl.DataFrame) -> pl.Series:
    codes = problems.group_by("_index").agg(pl.col("code").sort().str.join(","))
    return data.select("_index").join(codes, on="_index", how="left", maintain_order="left")["code"]
