"""A table that belongs to no release, as a table on a terminal, as JSON, CSV, XLSX or Parquet."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from serving.code_names import code_name
from serving.commands.results import Format, as_text, print_bytes, write_whole
from serving.exit_codes import ExitCode
from serving.ranking_files import formula_safe
from serving.session import Session, json_text
from serving.words import Words, display_width

if TYPE_CHECKING:
    from rich.table import Table

WIDEST = 40


@dataclass(frozen=True)
class Sheet:
    """Rows with the labels of their columns in Chinese and English.

    ``name`` is the stem of the file, ``about`` what the JSON document says beside the rows; ``files_only`` are columns
    a terminal has no room for.
    """

    name: str
    title: str
    labels: Mapping[str, tuple[str, str]]
    rows: pl.DataFrame
    about: Mapping[str, Any]
    files_only: frozenset[str] = frozenset()

    def heads(self, words: Words) -> dict[str, str]:
        """Column to heading."""
        return {name: label[0 if words.language == "zh" else 1] for name, label in self.labels.items()}


def deliver_sheet(session: Session, sheet: Sheet, chosen: Format, output: Path | None) -> int:
    """Print a sheet or write it to a file.

    Raises:
        CommandError: the folder is not there.
    """
    words = session.words
    if chosen is Format.TABLE and output is None:
        session.show(_table(sheet, words))
        return ExitCode.OK
    content = as_text([_table(sheet, words)]) if chosen is Format.TABLE else _content(sheet, chosen, words)
    if chosen in (Format.JSON, Format.CSV) and output is None:
        print_bytes(content)
        return ExitCode.OK
    written = write_whole(output or Path(f"reverse-eval-{sheet.name}.{chosen.value}"), content)
    if session.as_json:
        session.document({"written": str(written), "format": chosen.value, **sheet.about})
    else:
        session.show(str(written))
    return ExitCode.OK


def _table(sheet: Sheet, words: Words) -> Table:
    from serving.tables import table

    shown = {name: head for name, head in sheet.heads(words).items() if name not in sheet.files_only}
    rows = [[_text(name, row[name], words) for name in shown] for row in sheet.rows.to_dicts()]
    return table(sheet.title, list(shown.values()), rows)


def _text(name: str, value: object, words: Words) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return words("word.yes" if value else "word.no")
    return code_name(name, str(value), words)


def _content(sheet: Sheet, chosen: Format, words: Words) -> bytes:
    if chosen is Format.JSON:
        columns = [{"name": name, "zh": zh, "en": en} for name, (zh, en) in sheet.labels.items()]
        return json_text({**sheet.about, "columns": columns, "rows": sheet.rows.to_dicts()}).encode()
    if chosen is Format.PARQUET:
        buffer = BytesIO()
        sheet.rows.write_parquet(buffer)
        return buffer.getvalue()
    if chosen is Format.CSV:
        return _csv(sheet, words)
    return _workbook(sheet, words)


def _csv(sheet: Sheet, words: Words) -> bytes:
    """UTF-8 with BOM, CRLF, labels as headings, codes as they are stored; no cell opens as a formula."""
    texts = sheet.rows.select(pl.col(name).cast(pl.String) for name in sheet.labels)
    safe = texts.with_columns(formula_safe(name) for name in texts.columns).rename(sheet.heads(words))
    return safe.write_csv(include_bom=True, line_terminator="\r\n").encode()


def _workbook(sheet: Sheet, words: Words) -> bytes:
    """One sheet of text with a frozen header."""
    from datetime import datetime

    import xlsxwriter

    buffer = BytesIO()
    options = {"in_memory": True, "strings_to_numbers": False, "strings_to_formulas": False, "strings_to_urls": False}
    book = xlsxwriter.Workbook(buffer, options)
    # The bytes depend on the rows alone: no clock is read.
    book.set_properties({"title": sheet.title, "author": "reverse-eval", "created": datetime(2000, 1, 1)})  # noqa: DTZ001
    bold, quoted = book.add_format({"bold": True}), book.add_format({"quote_prefix": True})
    page = book.add_worksheet()
    page.write_string(0, 0, sheet.title, bold)
    for place, (name, head) in enumerate(sheet.heads(words).items()):
        texts = [_text(name, value, words) for value in sheet.rows[name].to_list()]
        page.write_string(1, place, head, bold)
        for line, text in enumerate(texts, start=2):
            if text:
                page.write_string(line, place, text, quoted)
        page.set_column(place, place, min(max(map(display_width, [head, *texts])) + 3, WIDEST))
    page.freeze_panes(2, 1)
    book.close()
    return buffer.getvalue()
