"""CSV and TSV as a table of text, with the row numbers Excel would show.

Three ways lead to the same table. A rectangular file without quotes is scanned by Polars as it is. A
file without quotes whose rows differ in length is scanned line by line and split. Anything else goes
through Python's csv module. Each way is taken only when a count of bytes has shown that it fits.
"""

from __future__ import annotations

import contextlib
import csv
import io
import itertools
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt
import polars as pl

from tasks.reading.cells import column_letters
from tasks.reading.encoding import Utf8Text, as_utf8, open_text
from tasks.reading.errors import FileRefused, Words
from tasks.reading.limits import Limits
from tasks.reading.table import SheetInfo, Table, cell_names, empty_as_null, streamed, too_wide, write

Route = Literal["rectangular", "lines", "records"]
SEPARATORS = (",", ";", "\t")
FULL_WIDTH_COMMA = "，"
_SAMPLE_CHARACTERS = 64 * 1024
_SAMPLE_RECORDS = 20
_PIECE = 1 << 20
_RECORDS_AT_A_TIME = 50_000
_MOST_CELLS = 65_535
_NEWLINE, _RETURN, _QUOTE = b'\n\r"'
_JOINT = "\x00"
"""Joins the cells of a parsed record: the one character that no accepted text file contains."""
_END = "\x1eend of file"
"""Our own last line, by which an open quote is known."""


@dataclass(frozen=True)
class ByteCounts:
    """Bytes of a UTF-8 file that decide how it can be read."""

    separators: int
    quotes: int
    newlines: int
    returns: int
    return_newlines: int
    nulls: int
    longest_line: int
    """Bytes between two newlines."""
    tail: int
    """Bytes after the last newline."""

    @property
    def lines(self) -> int:
        """Lines in the file, the last one counted whether it ends with a newline or not."""
        return self.newlines + (1 if self.tail else 0)


@dataclass(frozen=True)
class _Job:
    """One text file on its way to one table."""

    text: Utf8Text
    separator: str
    counts: ByteCounts
    first_width: int
    folder: Path
    limits: Limits

    @property
    def target(self) -> Path:
        return self.folder / "text.parquet"


def read_delimited(path: Path, folder: Path, limits: Limits, *, route: Route | None = None) -> Table:
    """Turn a text file into ``folder/text.parquet``.

    Args:
        path: the file, in any accepted encoding.
        folder: where the table and working copies are written.
        limits: how large it may be.
        route: a way to take; None chooses the fastest that fits.

    Raises:
        FileRefused: F105, F107, F110, F111 or F118.
    """
    copy = folder / "utf8.csv"
    try:
        job = _prepare(as_utf8(path, copy), folder, limits)
        ways = {"rectangular": _read_rectangular, "lines": _read_lines, "records": _read_records}
        rows, columns = ways[route or choose_route(job.counts, job.first_width, job.separator, limits)](job)
        return Table("delimited", job.text.encoding, rows, columns, (SheetInfo("", rows, columns),))
    finally:
        copy.unlink(missing_ok=True)


def _prepare(text: Utf8Text, folder: Path, limits: Limits) -> _Job:
    separator = sniff_separator(text)
    counts = count_bytes(text.path, separator)
    if counts.nulls:
        line = _first_line_holding(text.path, b"\x00")
        raise FileRefused("F118", detail=Words(f"第 {line} 行含空字节（NUL）", f"line {line} holds a NUL byte"))
    if counts.quotes == 0 and counts.lines > limits.max_rows:
        raise _too_many_rows(counts.lines, limits)
    with open_text(text) as file:
        first_width = file.readline().count(separator) + 1
    return _Job(text, separator, counts, first_width, folder, limits)


def sniff_separator(text: Utf8Text) -> str:
    """The separator that cuts most of the first records into the same number of cells.

    A full-width comma is taken only when no usual separator occurs, for it is common inside text.
    """
    with open_text(text) as file:
        sample = file.read(_SAMPLE_CHARACTERS)
    best, best_score = ",", (0, 0)
    for separator in (*SEPARATORS, FULL_WIDTH_COMMA):
        score = _agreement(sample, separator)
        if score > best_score and not (separator == FULL_WIDTH_COMMA and best_score > (0, 0)):
            best, best_score = separator, score
    return best


def _agreement(sample: str, separator: str) -> tuple[int, int]:
    """How many of the first records have the commonest width above one, and that width.

    Records are read strictly: a quote closed before something else than the separator ends the count.
    """
    widths: list[int] = []
    records = csv.reader(io.StringIO(sample, newline=""), delimiter=separator, strict=True)
    with contextlib.suppress(csv.Error):
        widths.extend(len(record) for record in itertools.islice(records, _SAMPLE_RECORDS))
    return max(((widths.count(width), width) for width in set(widths) if width > 1), default=(0, 0))


def count_bytes(path: Path, separator: str) -> ByteCounts:
    """Count the bytes that matter, on two threads; numpy lets go of the interpreter while it counts."""
    size = path.stat().st_size
    byte = ord(separator) if separator in SEPARATORS else ord(",")
    longest = since_newline = 0
    totals = np.zeros(6, np.int64)
    with path.open("rb") as file, ThreadPoolExecutor(2) as pool:
        starts = range(0, size, _PIECE)
        for piece in pool.map(_count_piece, itertools.repeat(file.fileno()), starts, itertools.repeat(byte)):
            totals += piece.counts
            if piece.first_newline is None:
                since_newline += piece.size
            else:
                longest = max(longest, since_newline + piece.first_newline, piece.longest_line)
                since_newline = piece.after_last_newline
    separators, quotes, newlines, returns, return_newlines, nulls = (int(count) for count in totals)
    longest = max(longest, since_newline)
    return ByteCounts(separators, quotes, newlines, returns, return_newlines, nulls, longest, since_newline)


@dataclass(frozen=True)
class _PieceCounts:
    size: int
    counts: npt.NDArray[np.int64]
    first_newline: int | None = None
    longest_line: int = 0
    after_last_newline: int = 0


def _count_piece(descriptor: int, start: int, separator: int) -> _PieceCounts:
    """Counts of one piece, in the order of ``ByteCounts``; the byte before it is read to know a split CRLF."""
    before = os.pread(descriptor, 1, start - 1) if start else b" "
    block = np.frombuffer(before + os.pread(descriptor, _PIECE, start), np.uint8)
    piece = block[1:]
    is_newline, is_return = piece == _NEWLINE, block == _RETURN
    newlines = np.flatnonzero(is_newline)
    counts = np.array(
        [
            np.count_nonzero(piece == separator),
            np.count_nonzero(piece == _QUOTE),
            newlines.size,
            np.count_nonzero(is_return[1:]),
            np.count_nonzero(is_return[:-1] & is_newline) if is_return.any() else 0,
            np.count_nonzero(piece == 0),
        ],
        np.int64,
    )
    if not newlines.size:
        return _PieceCounts(piece.size, counts)
    longest = int(np.diff(newlines).max()) - 1 if newlines.size > 1 else 0
    return _PieceCounts(piece.size, counts, int(newlines[0]), longest, piece.size - int(newlines[-1]) - 1)


def _first_line_holding(path: Path, sought: bytes) -> int:
    line = 1
    with path.open("rb") as file:
        while piece := file.read(_PIECE):
            at = piece.find(sought)
            line += piece.count(b"\n", 0, at if at >= 0 else len(piece))
            if at >= 0:
                break
    return line


def choose_route(counts: ByteCounts, first_width: int, separator: str, limits: Limits) -> Route:
    """The fastest way that surely gives the right table.

    With K cells in the first line and L lines, (K - 1) x L separators and no line of more than K
    cells leave no short and no blank line either; Polars itself raises on a longer one.
    """
    if counts.quotes or counts.returns != counts.return_newlines or separator not in SEPARATORS:
        return "records"
    if 1 < first_width <= limits.max_columns and counts.separators == (first_width - 1) * counts.lines:
        return "rectangular"
    return "lines"


def _read_rectangular(job: _Job) -> tuple[int, int]:
    """Let Polars scan the file as it is; a line longer than the first sends it the other way."""
    names = cell_names(job.first_width)
    frame = pl.scan_csv(
        job.text.path,
        has_header=False,
        schema=dict.fromkeys(names, pl.String()),
        separator=job.separator,
        quote_char=None,
        row_index_name="_row",
        row_index_offset=1,
    ).select(pl.lit("").alias("_sheet"), "_row", pl.lit(len(names), pl.UInt16).alias("_cells"), *names)
    try:
        write(frame, job.target)
    except pl.exceptions.ComputeError:
        return _read_lines(job)
    _check_cell_lengths(job, names)
    return job.counts.lines, len(names)


def _read_lines(job: _Job) -> tuple[int, int]:
    """Scan whole lines and split them: files without quotes whose lines differ in length."""
    lines = pl.scan_lines(job.text.path, name="_text", row_index_name="_row", row_index_offset=1)
    if job.text.has_mark:
        unmarked = pl.col("_text").str.strip_prefix("\ufeff")
        lines = lines.with_columns(pl.when(pl.col("_row") == 1).then(unmarked).otherwise(pl.col("_text")))
    found = pl.col("_text").str.count_matches(job.separator, literal=True) + 1
    cells = pl.when(pl.col("_text") != "").then(found).otherwise(0).cast(pl.UInt32).alias("_cells")
    rows, columns = _split(lines.with_columns(cells), job.separator, job)
    _check_cell_lengths(job, cell_names(columns))
    return rows, columns


def _read_records(job: _Job) -> tuple[int, int]:
    """Parse with the csv module into one joined text per record, then split that as lines are."""
    parsed = job.folder / "records.parquet"
    columns = {"_row": pl.UInt32(), "_cells": pl.UInt32(), "_text": pl.String()}
    try:
        write(streamed(lambda: _joined_records(job), columns), parsed)
        return _split(pl.scan_parquet(parsed), _JOINT, job)
    finally:
        parsed.unlink(missing_ok=True)


def _split(records: pl.LazyFrame, separator: str, job: _Job) -> tuple[int, int]:
    """Cut ``_text`` into cells, leaving out blank lines after the last record; rows and columns written."""
    filled = records.filter(pl.col("_cells") > 0)
    last_row, width = filled.select(pl.col("_row").max(), pl.col("_cells").max()).collect(engine="streaming").row(0)
    if last_row is None:
        raise FileRefused("F105")
    if width > job.limits.max_columns:
        # A spreadsheet writes a separator for every column that was ever touched; those cells are empty.
        kept = pl.col("_text").str.strip_chars_end(separator).str.count_matches(separator, literal=True).max() + 1
        width = records.select(kept).collect(engine="streaming").item()
    if width > job.limits.max_columns:
        raise too_wide(width, job.limits)
    names = cell_names(width)
    cells = pl.col("_text").str.splitn(separator, width + 1).struct.rename_fields([*names, "_rest"])
    frame = (
        records.filter(pl.col("_row") <= last_row)
        .select(
            pl.lit("").alias("_sheet"),
            "_row",
            pl.col("_cells").clip(upper_bound=_MOST_CELLS).cast(pl.UInt16),
            cells.alias("_split"),
        )
        .unnest("_split")
        .select("_sheet", "_row", "_cells", *(empty_as_null(name) for name in names))
    )
    write(frame, job.target)
    return last_row, width


def _joined_records(job: _Job) -> Iterator[pl.DataFrame]:
    row = 0
    for records in _records(job):
        yield pl.DataFrame(
            {
                "_row": pl.Series(range(row + 1, row + 1 + len(records)), dtype=pl.UInt32),
                "_cells": pl.Series(list(map(len, records)), dtype=pl.UInt32),
                "_text": pl.Series(list(map(_JOINT.join, records)), dtype=pl.String),
            }
        )
        row += len(records)
        if row > job.limits.max_rows:
            raise _too_many_rows(row, job.limits)


def _records(job: _Job) -> Iterator[list[list[str]]]:
    """Records of the file in batches, an empty list for a blank line.

    A line of our own follows the last one: when a quote is still open there, the open cell swallows
    it. (The module's strict mode would also refuse ``"12"次``, which every spreadsheet opens.)

    Raises:
        FileRefused: F118 for a quote never closed, F107 for a cell too long.
    """
    csv.field_size_limit(job.limits.max_cell_characters)
    with open_text(job.text) as file:
        unfinished = ["\n"] if job.counts.tail else []
        reader = csv.reader(itertools.chain(file, unfinished, [_END]), delimiter=job.separator)
        try:
            batch = list(itertools.islice(reader, _RECORDS_AT_A_TIME))
            while following := list(itertools.islice(reader, _RECORDS_AT_A_TIME)):
                yield batch
                batch = following
        except csv.Error:
            raise _fault(job) from None
        if batch[-1] != [_END]:
            raise _fault(job)
        if len(batch) > 1:
            yield batch[:-1]


def _fault(job: _Job) -> FileRefused:
    """What is wrong with a file the csv module could not read to its end, and in which record."""
    row = lines = 0
    with open_text(job.text) as file:
        reader = csv.reader(file, delimiter=job.separator)
        try:
            for _ in reader:
                row, lines = row + 1, reader.line_num
        except csv.Error:
            row += 1
            if reader.line_num - lines <= 1:
                return _long_cell(row, "", job.limits)
    zh, en = (
        f"第 {row} 行的引号没有配对，或引号内过长",
        f"a quote opened in row {row} is never closed, or closed too late",
    )
    return FileRefused("F118", detail=Words(zh, en))


def _check_cell_lengths(job: _Job, names: list[str]) -> None:
    """Look for a cell that no spreadsheet can hold, when some line is long enough to have one."""
    if job.counts.longest_line <= job.limits.max_cell_characters:
        return
    table = pl.scan_parquet(job.target)
    for name in names:
        long = table.filter(pl.col(name).str.len_chars() > job.limits.max_cell_characters)
        rows = long.select(pl.col("_row").min()).collect(engine="streaming").item()
        if rows is not None:
            raise _long_cell(rows, column_letters(int(name[1:]) + 1), job.limits)


def _long_cell(row: int, column: str, limits: Limits) -> FileRefused:
    most = f"{limits.max_cell_characters:,}"
    zh = f"第 {row} 行 {column} 列" if column else f"第 {row} 行"
    en = f"row {row}, column {column}" if column else f"row {row}"
    detail = Words(f"{zh}有单元格超过 {most} 个字符", f"{en} has a cell of more than {most} characters")
    return FileRefused("F107", detail=detail)


def _too_many_rows(rows: int, limits: Limits) -> FileRefused:
    most = f"{limits.max_rows:,}"
    return FileRefused("F107", detail=Words(f"{rows:,} 行，上限 {most}", f"{rows:,} rows, at most {most}"))
