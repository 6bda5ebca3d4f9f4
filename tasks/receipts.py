"""Receipts: what became of a file, for the person who sent it (INPUT.md 4.7)."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl
import xlsxwriter

from expectations.catalogue import SEVERITY_LABELS, Language, catalogue, message
from expectations.declaration import Dataset
from tasks.check import Checked
from tasks.normalizing.header import REPLY_HEADERS

ERRORS_HEADER = (
    "序号", "严重程度", "错误代码", "文件", "工作表", "行号", "列号", "列名", "原值", "规范值", "问题说明", "如何修改",
    "业务键", "处理结果", "run_id", "file_sha256", "rule_id",
)  # fmt: skip
VALUE_CHARACTERS = 200
FIX_ROWS = 10_000
_OUTCOMES = {"reject": "拒收", "warning": "入库", "information": "入库", "hold": "挂起", "refuse": "退回"}


@dataclass(frozen=True)
class FileProblem:
    """A problem of the file as a whole."""

    code: str
    values: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Receipt:
    """Everything a receipt tells; ``lines`` has one row per line of errors.csv before the cut."""

    facts: Mapping[str, Any]
    lines: pl.DataFrame

    @property
    def decision(self) -> str:
        """accepted, accepted_with_rejects, held, refused or duplicate."""
        return str(self.facts["decision"])


LINES: Mapping[str, pl.DataType] = {
    "code": pl.String(),
    "sheet": pl.String(),
    "row": pl.Int32(),
    "letter": pl.String(),
    "column": pl.String(),
    "title": pl.String(),
    "value": pl.String(),
    "normalized": pl.String(),
    "expected": pl.String(),
    "detail": pl.String(),
    "business_key": pl.String(),
}


def column_letter(position: int) -> str:
    """The letters a spreadsheet shows for a column: 0 is A, 26 is AA."""
    letters = ""
    number = position + 1
    while number:
        number, rest = divmod(number - 1, 26)
        letters = chr(ord("A") + rest) + letters
    return letters


def file_lines(problems: Sequence[FileProblem]) -> pl.DataFrame:
    """Lines about the file as a whole."""
    rows = [
        {
            "code": each.code,
            **{name: str(each.values[name]) for name in ("value", "expected", "detail") if name in each.values},
        }
        for each in problems
    ]
    return _conform(pl.DataFrame(rows)) if rows else pl.DataFrame(schema=dict(LINES))


def row_lines(checked: Checked, dataset: Dataset) -> pl.DataFrame:
    """Lines about rows and cells: problems first, then what the rules changed."""
    where = _columns(checked, dataset)
    delivered = _delivered(checked, dataset)
    problems = (
        checked.problems.rename({"_sheet": "sheet", "_row": "row"})
        .join(delivered, on=["_index", "column"], how="left")
        .with_columns(normalized=pl.when(pl.col("delivered") != pl.col("value")).then(pl.col("value")))
        .with_columns(value=pl.coalesce("delivered", "value"))
    )
    positions = pl.concat(
        [checked.problems.select("_index", "_sheet", "_row"), checked.repaired.select("_index", "_sheet", "_row")]
    ).unique("_index")
    changes = checked.changes.join(positions, on="_index", how="inner").rename(
        {"_sheet": "sheet", "_row": "row", "expected": "normalized"}
    )
    both = pl.concat([_conform(problems.drop("letter", strict=False)), _conform(changes)])
    named = both.drop("letter", "title").join(where, on=["sheet", "column"], how="left")
    return _conform(named)


def _columns(checked: Checked, dataset: Dataset) -> pl.DataFrame:
    """Letter and title of each column on each sheet, by stored name."""
    rows = []
    for header in checked.source.headers:
        for column in dataset.all_columns:
            physical = header.positions.get(column.name)
            letter = column_letter(int(physical[1:])) if physical else None
            title = header.titles[physical] if physical else column.zh
            rows.append({"sheet": header.sheet, "column": column.stored_name, "letter": letter, "title": title})
    return pl.DataFrame(rows, schema={"sheet": pl.String, "column": pl.String, "letter": pl.String, "title": pl.String})


def _delivered(checked: Checked, dataset: Dataset) -> pl.DataFrame:
    """The text of each cell a problem points to, where the row was rejected."""
    parts = [pl.DataFrame(schema={"_index": pl.UInt32, "column": pl.String, "delivered": pl.String})]
    for column in dataset.all_columns:
        if column.name in checked.rejected.columns and not column.pseudonymised_as:
            wanted = checked.problems.filter(pl.col("column") == column.stored_name).select("_index", "column").unique()
            parts.append(
                wanted.join(checked.rejected.select("_index", delivered=column.name), on="_index", how="inner")
            )
    return pl.concat(parts)


def _conform(rows: pl.DataFrame) -> pl.DataFrame:
    absent = [pl.lit(None).alias(name) for name in LINES if name not in rows.columns]
    return rows.with_columns(absent).select(pl.col(name).cast(dtype) for name, dtype in LINES.items())


def counts_by_code(lines: pl.DataFrame) -> dict[str, int]:
    """How many lines each code has, complete even where the detail is cut."""
    counted = lines.group_by("code").len().sort("code")
    return {str(code): int(count) for code, count in counted.iter_rows()}


def cut(lines: pl.DataFrame, at_most: int) -> pl.DataFrame:
    """At most so many lines of each code, in their order."""
    return lines.filter(pl.int_range(pl.len()).over("code") < at_most)


def with_messages(lines: pl.DataFrame, language: Language) -> pl.DataFrame:
    """Add ``message``, ``remedy`` and ``severity`` in one language; one pass per code."""
    parts = []
    for (code,), group in lines.with_row_index("_order").group_by("code", maintain_order=True):
        entry = message(str(code))
        place = _place(language)
        parts.append(
            group.with_columns(
                severity=pl.lit(SEVERITY_LABELS[entry.severity][language]),
                message=pl.concat_str(
                    pl.when(pl.col("row").is_not_null()).then(place).otherwise(pl.lit("")),
                    _filled(entry.zh if language == "zh" else entry.en),
                ),
                remedy=_filled(entry.fix_zh if language == "zh" else entry.fix_en),
                outcome=pl.lit(_OUTCOMES[entry.severity] if language == "zh" else entry.severity),
            )
        )
    if not parts:
        texts = ("severity", "message", "remedy", "outcome")
        return lines.with_columns(pl.lit(None, pl.String).alias(name) for name in texts)
    return pl.concat(parts).sort("_order").drop("_order")


def _place(language: Language) -> pl.Expr:
    letter = pl.col("letter")
    if language == "zh":
        column = pl.when(letter.is_not_null()).then(pl.format("{}列", letter)).otherwise(pl.lit(""))
        return pl.format("第{}行{}：", pl.col("row"), column)
    column = pl.when(letter.is_not_null()).then(pl.format(", column {}", letter)).otherwise(pl.lit(""))
    return pl.format("Row {}{}: ", pl.col("row"), column)


def _filled(template: str) -> pl.Expr:
    """A catalogue sentence with its placeholders taken from the columns of the line."""
    expected = pl.when(pl.col("expected").is_not_null()).then(pl.col("expected")).otherwise(pl.lit(""))
    sources = {
        "column": pl.coalesce("title", "column", pl.lit("")),
        "value": pl.col("value").fill_null("").str.slice(0, VALUE_CHARACTERS),
        "expected": expected,
        "detail": pl.col("detail").fill_null(""),
    }
    pieces: list[pl.Expr] = []
    rest = template
    while "{" in rest:
        before, _, rest = rest.partition("{")
        name, _, rest = rest.partition("}")
        pieces += [pl.lit(before), sources[name]]
    return pl.concat_str(*pieces, pl.lit(rest))


def write_errors(path: Path, lines: pl.DataFrame, facts: Mapping[str, Any], language: Language) -> None:
    """Write errors.csv: UTF-8 with BOM, safe to open in a spreadsheet program."""
    told = with_messages(lines, language).with_row_index("number", offset=1)
    rule = pl.concat_str(
        pl.lit(facts.get("dataset") or "-"), pl.lit("."), pl.coalesce("column", pl.lit("file")), pl.lit("."), "code"
    )
    columns: tuple[pl.Expr, ...] = (
        pl.col("number").cast(pl.String),
        pl.col("severity"),
        pl.col("code"),
        pl.lit(facts["name"]),
        pl.col("sheet"),
        pl.col("row").cast(pl.String),
        pl.col("letter"),
        pl.coalesce("title", "column"),
        pl.col("value").str.slice(0, VALUE_CHARACTERS),
        pl.col("normalized"),
        pl.col("message"),
        pl.col("remedy"),
        pl.col("business_key"),
        pl.col("outcome"),
        pl.lit(facts.get("run_id") or ""),
        pl.lit(facts["sha256"]),
        rule,
    )
    table = told.select(column.alias(name) for name, column in zip(ERRORS_HEADER, columns, strict=True))
    safe = table.with_columns(formula_safe(pl.col(name)).alias(name) for name in table.columns)
    write_atomically(path, safe.write_csv(include_bom=True).encode())


def formula_safe(text: pl.Expr) -> pl.Expr:
    """Text that a spreadsheet program does not take for a formula."""
    return pl.when(text.str.contains(r"^[=+\-@\t\r]")).then(pl.concat_str(pl.lit("'"), text)).otherwise(text)


def write_fix_workbook(
    path: Path, text: pl.LazyFrame, checked: Checked, lines: pl.DataFrame, language: Language
) -> int:
    """Write fix.xlsx: the rejected rows under their own headers, faulty cells coloured; returns how many.

    Cells are written as text, so nothing becomes a formula; two added columns say code and reason and
    are ignored when the workbook is sent again.
    """
    draft = path.with_name(f".{path.name}.draft")
    workbook = xlsxwriter.Workbook(draft, {"strings_to_formulas": False, "strings_to_urls": False})
    bad = workbook.add_format({"bg_color": "#F8D7DA", "num_format": "@"})
    plain = workbook.add_format({"num_format": "@"})
    head = workbook.add_format({"bold": True, "bg_color": "#E9EEF3", "bottom": 1})
    told = with_messages(lines.filter(pl.col("code").str.starts_with("E")), language)
    written = 0
    for number, header in enumerate(checked.source.headers):
        sheet = workbook.add_worksheet(f"{number + 1}" if len(checked.source.headers) > 1 else "数据")
        positions = sorted(name for name, title in header.titles.items() if title not in REPLY_HEADERS)
        for place, name in enumerate(positions):
            sheet.write_string(0, place, header.titles[name], head)
        for place, title in enumerate(sorted(REPLY_HEADERS)):
            sheet.write_string(0, len(positions) + place, title, head)
        sheet.freeze_panes(1, 0)
        rows = _physical_rows(text, checked, header.sheet, positions, FIX_ROWS - written)
        reasons = _reasons(told, header.sheet)
        for line, row in enumerate(rows.iter_rows(named=True), start=1):
            codes, messages, letters = reasons.get(row["_row"], ("", "", frozenset()))
            for place, name in enumerate(positions):
                style = bad if column_letter(int(name[1:])) in letters else plain
                sheet.write_string(line, place, row[name] or "", style)
            sheet.write_string(line, len(positions), codes, plain)
            sheet.write_string(line, len(positions) + 1, messages, plain)
        written += rows.height
    workbook.close()
    draft.replace(path)
    return written


def _physical_rows(
    text: pl.LazyFrame, checked: Checked, sheet: str, positions: Sequence[str], at_most: int
) -> pl.DataFrame:
    wanted = checked.rejected.filter(pl.col("_sheet") == sheet)["_index"].sort().head(max(at_most, 0))
    rows = text.with_row_index("_index").filter(pl.col("_index").is_in(wanted.implode()))
    return rows.select("_row", *positions).collect(engine="streaming")


def _reasons(told: pl.DataFrame, sheet: str) -> dict[int, tuple[str, str, frozenset[str]]]:
    grouped = (
        told.filter((pl.col("sheet") == sheet) & pl.col("row").is_not_null())
        .group_by("row")
        .agg(pl.col("code").unique(maintain_order=True), "message", "letter")
    )
    return {
        row: (" ".join(codes), "\n".join(messages), frozenset(letter for letter in letters if letter))
        for row, codes, messages, letters in grouped.iter_rows()
    }


def receipt_document(receipt: Receipt, *, cut_codes: Mapping[str, int], fix_rows: int) -> dict[str, Any]:
    """receipt.json as a document, with both languages for every code."""
    known = catalogue()
    counts = counts_by_code(receipt.lines)
    return {
        **receipt.facts,
        "codes": {
            code: {
                "count": count,
                "severity": known[code].severity,
                "zh": known[code].text("zh"),
                "en": known[code].text("en"),
            }
            for code, count in counts.items()
        },
        "detail_cut": dict(cut_codes),
        "fix_rows": fix_rows,
    }


def write_receipt(path: Path, document: Mapping[str, Any]) -> None:
    """Write receipt.json, whole or not at all."""
    write_atomically(path, (json.dumps(document, ensure_ascii=False, indent=2, default=str) + "\n").encode())


def write_atomically(path: Path, content: bytes) -> None:
    """Write a file under a draft name and move it into place."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.draft")
    draft.write_bytes(content)
    draft.replace(path)
