"""A ranking as a table on a terminal, as JSON, CSV, XLSX or Parquet."""

from __future__ import annotations

import json
from decimal import Decimal
from io import BytesIO
from typing import TYPE_CHECKING, Any

import polars as pl

from serving.session import json_text
from serving.words import Words
from warehouse.published import STATE, Column, Ranking, reasons_text

if TYPE_CHECKING:
    from rich.table import Table

FORMATS = ("table", "json", "csv", "xlsx", "parquet")
BINARY_FORMATS = ("xlsx", "parquet")
SOURCE_COLUMNS = ("period_id", "release_id", "data_as_of", "scheme_id", "result_hash")
"""What every row of a CSV file carries, since such a file has no other place for it."""


def content(ranking: Ranking, form: str, words: Words) -> bytes:
    """The bytes of a ranking in one of the file formats; ``table`` is not one of them."""
    if form == "json":
        return json_text(ranking.document()).encode()
    if form == "csv":
        return csv_bytes(ranking, words)
    if form == "parquet":
        return parquet_bytes(ranking)
    from serving.workbook import workbook

    return workbook(ranking, words)


def csv_bytes(ranking: Ranking, words: Words) -> bytes:
    """UTF-8 with BOM, CRLF, labels as headings, states as codes; no cell opens as a formula."""
    columns = [_csv_cell(column).alias(column.name) for column in ranking.columns]
    source = ranking.source.document()
    carried = [pl.lit(str(source[name] or "")).alias(f"_{name}") for name in SOURCE_COLUMNS]
    headings = [column.label(words.language) for column in ranking.columns]
    headings += [words(f"column.{_HEADINGS[name]}") for name in SOURCE_COLUMNS]
    rows = ranking.rows.select(columns).with_columns(carried)
    text = rows.with_columns(formula_safe(name) for name, dtype in rows.schema.items() if dtype == pl.String)
    named = text.rename(dict(zip(text.columns, headings, strict=True)))
    return named.write_csv(include_bom=True, line_terminator="\r\n").encode()


_HEADINGS = {
    "period_id": "period", "release_id": "release", "data_as_of": "data_as_of", "scheme_id": "scheme",
    "result_hash": "result_hash",
}  # fmt: skip


def _csv_cell(column: Column) -> pl.Expr:
    value = pl.col(column.name)
    if not column.is_number:
        return value
    state = pl.col(f"{column.name}{STATE}")
    return pl.when(state == "shown").then(value.cast(pl.String)).otherwise(state)


def formula_safe(name: str) -> pl.Expr:
    """Text a spreadsheet program does not take for a formula; a negative number stays one."""
    text = pl.col(name)
    risky = text.str.contains(r"^[=+\-@\t\r]") & ~text.str.contains(r"^-\d+(\.\d+)?$")
    return pl.when(risky).then(pl.concat_str(pl.lit("'"), text)).otherwise(text).alias(name)


def parquet_bytes(ranking: Ranking) -> bytes:
    """Columns under their code names with a state beside each number; the source is file metadata."""
    buffer = BytesIO()
    about = {"reverse_eval": json.dumps({"what": ranking.what, **ranking.source.document()}, ensure_ascii=False)}
    ranking.rows.write_parquet(buffer, metadata=about)
    return buffer.getvalue()


def tables(ranking: Ranking, words: Words) -> list[Table]:
    """One table per peer group, best first; departments without a rank follow in a table of their own."""
    from serving.tables import table

    shown = [column for column in ranking.columns if column.name not in _left_out(ranking)]
    headings = [_heading(column, words) for column in shown]
    numbers = [place for place, column in enumerate(shown) if column.is_number]
    made = []
    for group, part in ranking.parts:
        rows = part.filter(pl.col("rank").is_not_null()) if ranking.what == "departments" else part
        if not rows.is_empty():
            lines = [[_text(row, column, words) for column in shown] for row in rows.to_dicts()]
            made.append(table(_title(ranking, group, words), headings, lines, numbers=numbers))
    unranked = _not_ranked(ranking, words)
    return [*made, *unranked] or [table(None, [_nothing(ranking, words)], [])]


def _nothing(ranking: Ranking, words: Words) -> str:
    own = f"ranking.nothing_{ranking.what}"
    return words(own if words.has(own) else "ranking.nothing")


_ACCOUNT_ONLY = {
    "n_rows", "minutes", "n_rows_before", "n_events_before", "minutes_before", "n_duplicates", "n_untimed", "persons",
    "pages", "amount_fen", "unit_months", "compare_period_id",
}  # fmt: skip
_PAIRS = {"ci_low": ("ci_high", "column.interval", 1), "rank_low": ("rank_high", "column.rank_interval", 0)}
"""Columns shown as an interval with another: that one, the heading and the decimals."""


_FILES_ONLY = {
    "burden_department": _ACCOUNT_ONLY,
    "burden_unit": _ACCOUNT_ONLY,
    "burden_kind": _ACCOUNT_ONLY,
    "burden_form": {"denominator", "n_bearers"},
    "off_list_tasks": {"lead_name", "evidence_refs", "shown_to_department"},
    "admission_breaches": {"subject_role", "days", "n_bearers", "evidence_refs", "missing_columns"},
    "admission_resources": {"granted_later", "due_on"},
    "duplicate_data": {"datum_id", "unit", "grain", "first_form_id"},
    "overlap_pairs": {"left_id", "right_id", "n_left", "n_right"},
    "unused_fields": {"datum_id", "form_id"},
    "findings": {"overdue_findings"},
    "watch": {
        "n", "n_min", "n_found", "size_low", "size_high", "p_value", "dispersion", "minutes_per_unit_month_before",
        "minutes_per_unit_month_now", "n_bearers", "control_signal", "evidence", "missing_columns", "since",
    },
}  # fmt: skip
"""Columns of each kind that only files hold."""


def _left_out(ranking: Ranking) -> set[str]:
    """Columns a terminal has no room for, or that stand elsewhere."""
    uppers = {high for high, _, _ in _PAIRS.values()}
    # Ids of organisations stand in files; a table has their names.
    ids = {column.name for column in ranking.columns if column.name.endswith("org_id")}
    return {*ids, *uppers, *_FILES_ONLY.get(ranking.what, ())} | ({"peer_group"} if ranking.by_group else set())


def _heading(column: Column, words: Words) -> str:
    return words(_PAIRS[column.name][1]) if column.name in _PAIRS else column.shown_label(words.language)


def _not_ranked(ranking: Ranking, words: Words) -> list[Table]:
    from serving.tables import table

    if ranking.what != "departments":
        return []
    rows = ranking.rows.filter(pl.col("rank").is_null()).sort("org_name", "ratee_org_id", nulls_last=True)
    lines = [
        (
            row["org_name"],
            row["peer_group"] or words("ranking.no_group"),
            reasons_text(row["reason_codes"], words.language),
        )
        for row in rows.to_dicts()
    ]
    headings = [words("column.department"), words("column.peer_group"), words("column.reason")]
    return [table(words("ranking.not_ranked"), headings, lines)] if lines else []


def _title(ranking: Ranking, group: str | None, words: Words) -> str:
    source = ranking.source
    name = group or words("ranking.no_group")
    return words(f"ranking.title_{ranking.what}", group=name, period=source.period_id, release=source.release_id)


def _text(row: dict[str, Any], column: Column, words: Words) -> str:
    from serving.workbook import cell_text

    if column.is_number and row[f"{column.name}{STATE}"] != "shown":
        return words(f"state.{row[f'{column.name}{STATE}']}")
    if column.name in _PAIRS:
        high, _, decimals = _PAIRS[column.name]
        return words("ranking.interval", low=f"{row[column.name]:.{decimals}f}", high=f"{row[high]:.{decimals}f}")
    return figure(row[column.name], column) or cell_text(column, row[column.name], words)


def figure(value: object, column: Column) -> str:
    """A number as people read it, money in yuan, a change in percent; "" for anything else."""
    if column.name.endswith("_change") and isinstance(value, float):
        return f"{value:+.{max((column.decimals or 0) - 2, 0)}%}"
    if column.is_money and isinstance(value, int):
        return f"{yuan(value):,.2f}"
    if isinstance(value, Decimal):
        return f"{value.normalize():f}" if column.shown_decimals is None else f"{value:.{column.shown_decimals}f}"
    if isinstance(value, float):
        return f"{value:.{column.decimals or 0}f}"
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else ""


def yuan(fen: int) -> Decimal:
    """Whole fen as yuan, exactly."""
    return Decimal(fen).scaleb(-2)
