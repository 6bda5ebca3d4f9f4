"""The workbook of a ranking: what HR opens, files and forwards.

The bytes depend on the release alone: the archive's creation time is the publication's, rows are sorted,
and no clock is read. Values arrive rounded; nothing in a cell is a formula.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from io import BytesIO
from typing import Any

import polars as pl
import xlsxwriter

from scoring.tables import STORED_DECIMALS
from serving.code_names import code_name
from serving.words import Words, display_width
from warehouse.published import BURDEN_WHATS, STATE, Column, Ranking, reasons_text

FORBIDDEN_IN_SHEET_NAMES = "[]:*?/\\"
SHEET_NAME_CHARACTERS = 31
FONT = {"font_name": "微软雅黑", "font_size": 10.5}
HEADER_ROW = 2
ROW_HEIGHT = 19
WIDEST = 40
LANDSCAPE_FROM = 8
MONEY_DECIMALS = 2
BANDED = ("reliability", "raters", "answered", "n_flagged", "n_examined")
CODED = ("consequence", "role", "adj_kind", "subject_kind", "flag")
FORMULA_SIGNS = ("=", "+", "-", "@", "\t", "\r")


def workbook(ranking: Ranking, words: Words) -> bytes:
    """The ranking as an XLSX file: a sheet of explanations, one per peer group, and those not ranked."""
    buffer = BytesIO()
    book = xlsxwriter.Workbook(
        buffer,
        {
            "in_memory": True, "strings_to_numbers": False, "strings_to_formulas": False, "strings_to_urls": False,
            "nan_inf_to_errors": False, "default_format_properties": FONT,
        },
    )  # fmt: skip
    writer = _Writer(book, ranking, words)
    writer.properties()
    writer.about()
    for number, (group, rows) in enumerate(ranking.parts, start=1):
        writer.part(number, group, rows)
    if ranking.what == "departments":
        writer.not_ranked()
    writer.fields()
    book.close()
    return buffer.getvalue()


class _Writer:
    """One workbook being written."""

    def __init__(self, book: Any, ranking: Ranking, words: Words) -> None:
        self.book, self.ranking, self.words = book, ranking, words
        self.sheets: list[tuple[str, str]] = []
        line = {**FONT, "bottom": 1, "bottom_color": "#D3DAE1", "valign": "vcenter"}
        self.title = book.add_format({**FONT, "bold": True, "font_size": 16})
        self.note = book.add_format({**FONT, "font_color": "#4A5560"})
        self.bold = book.add_format({**FONT, "bold": True, "valign": "top"})
        self.wrapped = book.add_format({**FONT, "text_wrap": True, "valign": "top"})
        head = {**FONT, "bold": True, "bg_color": "#E9EEF3", "bottom": 1, "text_wrap": True, "valign": "vcenter"}
        self.head_text = book.add_format({**head, "indent": 1})
        self.head_number = book.add_format({**head, "align": "right"})
        self.text = book.add_format({**line, "indent": 1})
        self.quoted = book.add_format({**line, "indent": 1, "quote_prefix": True})
        self.word = book.add_format({**line, "align": "right"})
        self.numbers = {
            decimals: book.add_format(
                {**line, "align": "right", "num_format": f"0.{'0' * decimals}" if decimals else "0"}
            )
            for decimals in range(STORED_DECIMALS + 1)
        }
        self.money = book.add_format({**line, "align": "right", "num_format": "#,##0.00"})
        self.exact = book.add_format({**line, "align": "right"})

    def properties(self) -> None:
        """Properties of the document: the release, never a person or a clock."""
        source = self.ranking.source
        created = datetime.fromisoformat(source.published_at) if source.published_at else datetime(2000, 1, 1)  # noqa: DTZ001
        self.book.set_properties(
            {
                "title": self._title(), "subject": source.release_id, "author": "reverse-eval",
                "created": created.replace(tzinfo=None),
            }
        )  # fmt: skip
        for name in ("release_id", "result_hash", "scheme_id"):
            self.book.set_custom_property(name, str(getattr(source, name)))

    def _title(self) -> str:
        return self.words(f"workbook.title_{self.ranking.what}", period=self.ranking.source.period_id)

    def about(self) -> None:
        """The sheet of explanations: release, reading note, rules, words, list of sheets."""
        words, source = self.words, self.ranking.source
        sheet = self._sheet(words("workbook.about"))
        sheet.set_column(0, 0, 18)
        sheet.set_column(1, 1, 90)
        sheet.write_string(0, 0, self._title(), self.title)
        facts = [
            (words("column.release"), source.release_id),
            (words("column.period"), source.period_id),
            (words("column.published"), source.published_at or "-"),
            (words("column.data_as_of"), source.data_as_of or "-"),
            (words("column.scheme"), f"{source.scheme_id}  {source.scheme_hash}"),
            (words("column.result_hash"), source.result_hash),
            (words("column.manifest_hash"), source.manifest_hash),
            *self._rules(),
            (words("workbook.layout"), words("workbook.layout_text")),
            (words("workbook.questions"), words("workbook.questions_text")),
        ]  # fmt: skip
        for row, (name, text) in enumerate(facts, start=HEADER_ROW):
            sheet.write_string(row, 0, name, self.bold)
            sheet.write_string(row, 1, text, self.wrapped)

    def _rules(self) -> list[tuple[str, str]]:
        """How to read the sheets, and what is confidential about them."""
        words, rule = self.words, self.ranking.minimum_cell
        if self.ranking.what in BURDEN_WHATS:
            return [
                (words("workbook.reading_burden"), words("workbook.reading_burden_text")),
                (words("workbook.confidential"), words("workbook.confidential_burden_text")),
                (words("workbook.states_burden"), words("workbook.states_burden_text")),
            ]
        said = words(
            "workbook.confidential_text", raters=rule.min_raters, units=rule.min_units,
            share=f"{float(rule.max_unit_share):.0%}",
        )  # fmt: skip
        return [
            (words("workbook.reading"), words("workbook.reading_text")),
            (words("workbook.confidential"), said),
            (words("workbook.states"), words("workbook.states_text")),
        ]

    def part(self, number: int, group: str | None, rows: pl.DataFrame) -> None:
        """One sheet of one peer group, or of all rows; of departments, those that have a rank."""
        by_group = self.ranking.by_group
        columns = [column for column in self.ranking.columns if not by_group or column.name != "peer_group"]
        if self.ranking.what == "departments":
            rows = rows.filter(pl.col("rank").is_not_null())
            if rows.is_empty():
                return
        kind = self.words(f"workbook.sheet_{self.ranking.what}")
        name = group or self.words("ranking.no_group")
        sheet, title = (f"{kind}-{name}", f"{self._title()}  {name}") if by_group else (kind, self._title())
        self._data_sheet(sheet, title, f"{self.ranking.what}_{number}", columns, rows)

    def not_ranked(self) -> None:
        """Departments without a rank, by name, with the reason and no figure."""
        rows = self.ranking.rows.filter(pl.col("rank").is_null()).sort("org_name", "ratee_org_id", nulls_last=True)
        if rows.is_empty():
            return
        names = ("org_name", "reason_codes", "peer_group", "ratee_org_id")
        columns = [column for name in names for column in self.ranking.columns if column.name == name]
        title = self.words("workbook.not_ranked")
        self._data_sheet(title, f"{self._title()}  {title}", "not_ranked", columns, rows)

    def fields(self) -> None:
        """What each column means."""
        words = self.words
        columns = [Column("column", words("column.column"), words("column.column"))]
        columns += [Column(name, words(f"column.{name}"), words(f"column.{name}")) for name in ("meaning", "rounding")]
        language = words.language
        rows = [
            {"column": each.shown_label(language), "meaning": each.about(language), "rounding": self._rounding(each)}
            for each in self.ranking.columns
        ]
        frame = pl.DataFrame(rows, schema=dict.fromkeys(("column", "meaning", "rounding"), pl.String))
        title = words("workbook.fields")
        self._data_sheet(title, title, "fields", columns, frame)

    def _rounding(self, column: Column) -> str:
        decimals = MONEY_DECIMALS if column.is_money else column.decimals
        return "-" if decimals is None else self.words("workbook.decimals", number=decimals)

    def _sheet(self, wanted: str) -> Any:
        """A sheet whose name a spreadsheet program allows and no other sheet has."""
        clean = "".join("_" if letter in FORBIDDEN_IN_SHEET_NAMES else letter for letter in wanted).strip("'")
        name, number = clean[:SHEET_NAME_CHARACTERS], 2
        taken = {each.lower() for each, _ in self.sheets}
        while name.lower() in taken:
            ending = f"~{number}"
            name, number = clean[: SHEET_NAME_CHARACTERS - len(ending)] + ending, number + 1
        self.sheets.append((name, wanted))
        sheet = self.book.add_worksheet(name)
        sheet.set_default_row(ROW_HEIGHT)
        return sheet

    def _data_sheet(self, name: str, title: str, table: str, columns: Sequence[Column], rows: pl.DataFrame) -> None:
        """Title, a line of notes, the header in row 3 and the data below it as one table."""
        sheet = self._sheet(name)
        source = self.ranking.source
        sheet.write_string(0, 0, title, self.title)
        note = self.words("workbook.note", release=source.release_id, hash=source.result_hash[:12])
        sheet.write_string(1, 0, note, self.note)
        records = rows.to_dicts()
        heads = [column.shown_label(self.words.language) for column in columns]
        styles = [self.head_number if column.is_number else self.head_text for column in columns]
        last = HEADER_ROW + max(len(records), 1)
        headers = [{"header": head, "header_format": style} for head, style in zip(heads, styles, strict=True)]
        sheet.add_table(
            HEADER_ROW, 0, last, len(columns) - 1, {"name": table, "style": None, "columns": headers}
        )  # fmt: skip
        for place, column in enumerate(columns):
            shown = [
                self._cell(sheet, line, place, column, record) for line, record in enumerate(records, HEADER_ROW + 1)
            ]
            widest = max((display_width(text) for text in [heads[place], *shown]), default=0)
            sheet.set_column(place, place, min(widest + 3, WIDEST))
        sheet.freeze_panes(HEADER_ROW + 1, 2 if table.startswith("departments") else 1)
        self._print_set_up(sheet, len(columns))

    def _print_set_up(self, sheet: Any, columns: int) -> None:
        sheet.set_paper(9)
        if columns >= LANDSCAPE_FROM:
            sheet.set_landscape()
        sheet.fit_to_pages(1, 0)
        sheet.repeat_rows(HEADER_ROW)
        source = self.ranking.source
        sheet.set_footer(f"&L{source.release_id} {source.result_hash[:12]}&R{self.words('workbook.page')}")

    def _cell(self, sheet: Any, row: int, place: int, column: Column, record: dict[str, Any]) -> str:
        """Write one cell; returns its text as shown, for the width of the column."""
        value = record[column.name]
        state = record.get(f"{column.name}{STATE}", "shown")
        if state != "shown":
            text = self.words(f"state.{state}")
            sheet.write_string(row, place, text, self.word)
            return text
        if isinstance(value, int | float | Decimal) and not isinstance(value, bool):
            return self._number(sheet, row, place, column, value)
        text = cell_text(column, value, self.words)
        if column.is_number:
            sheet.write_string(row, place, text, self.word)
        elif text:
            sheet.write_string(row, place, text, self.quoted if text.startswith(FORMULA_SIGNS) else self.text)
        else:
            sheet.write_blank(row, place, None, self.text)
        return text

    def _number(self, sheet: Any, row: int, place: int, column: Column, value: float | Decimal) -> str:
        """Write a number whole; its format shows the decimals people read."""
        if column.is_money:
            sheet.write_number(row, place, Decimal(value).scaleb(-2), self.money)
            return f"{Decimal(value).scaleb(-2):,.2f}"
        decimals = column.shown_decimals
        if isinstance(value, Decimal) and decimals is None:
            sheet.write_number(row, place, value, self.exact)
            return f"{value}"
        sheet.write_number(row, place, value, self.numbers[(column.decimals if decimals is None else decimals) or 0])
        return f"{value}" if decimals is None else f"{value:.{decimals}f}"


def cell_text(column: Column, value: object, words: Words) -> str:
    """A text cell in the reader's language: bands, reasons and codes as words."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return words("word.yes" if value else "word.no")
    if column.name == "reason_codes":
        return reasons_text(str(value), words.language)
    kinds = ("reliability", "band") if column.name in BANDED else (column.name,) if column.name in CODED else ()
    key = next((f"{kind}.{value}" for kind in kinds if words.has(f"{kind}.{value}")), None)
    return words(key) if key else code_name(column.name, str(value), words)
