"""Read: any accepted file becomes one Parquet table of text, in a process of its own.

The table has ``_sheet`` (name of the sheet, "" for text), ``_row`` (as a spreadsheet shows it, from 1),
``_cells`` (cells found in that row) and ``c000``, ``c001`` ... (column A, B ...), header rows included
as ordinary rows and empty cells null. Nothing is inferred.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tasks.reading.child import run_reader
from tasks.reading.detect import looks_like_workbook
from tasks.reading.errors import FileRefused, ReadingError, Words
from tasks.reading.limits import Limits
from tasks.reading.table import MergedRange, SheetInfo, Table

__all__ = ["FileRefused", "Limits", "MergedRange", "ReadResult", "ReadingError", "SheetInfo", "Words", "read"]

_WORKING_FILES = ("utf8.csv", "records.parquet", "sheets.parquet")


@dataclass(frozen=True)
class ReadResult:
    """What was read.

    ``format`` is ``delimited``, ``jsonl``, ``parquet``, ``xlsx``, ``xlsb``, ``xls`` or ``ods``;
    ``encoding`` that of a text file, "" otherwise; ``rows`` counts rows of all sheets, blank and header
    rows included; ``columns`` is the width of the widest sheet.
    """

    text_path: Path
    sheets: tuple[SheetInfo, ...]
    format: str
    encoding: str
    rows: int
    columns: int

    @property
    def is_delimited(self) -> bool:
        """Whether a row may have its own number of cells."""
        return self.format == "delimited"


def read(
    landed_path: Path,
    name: str,
    folder: Path,
    limits: Limits | None = None,
    *,
    wanted_sheet: str | int | None = None,
) -> ReadResult:
    """Turn an accepted file into ``folder/text.parquet``.

    Args:
        landed_path: the bytes, under any name.
        name: the name the file was delivered under; only its extension is looked at.
        folder: made when missing; holds the table, and a log when the reading process wrote one.
        limits: bounds of the file, and of the memory and time of reading it.
        wanted_sheet: one sheet by its name or its number from 0; None takes every visible sheet with data.

    Raises:
        FileRefused: what is wrong with the file, F105 to F118.
        ReadingError: reading failed for a reason that is not the file's.
    """
    limits = limits or Limits()
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / "text.parquet"
    target.unlink(missing_ok=True)
    with landed_path.open("rb") as file:
        is_workbook = looks_like_workbook(file.read(8))
    memory = limits.workbook_memory_bytes if is_workbook else limits.delimited_memory_bytes
    try:
        table = Table.from_json(
            run_reader(
                landed_path, folder, limits, name=name, wanted_sheet=wanted_sheet, memory=memory, alone=is_workbook
            )
        )
    except BaseException:
        target.unlink(missing_ok=True)
        raise
    finally:
        for working in _WORKING_FILES:
            (folder / working).unlink(missing_ok=True)
    return ReadResult(target, table.sheets, table.format, table.encoding, table.rows, table.columns)
