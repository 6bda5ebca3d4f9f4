"""CSV and TSV as a table of text, with the row numbers Excel would show.

Three ways lead to the same table. A rectangular file without quotes is scanned by Polars as it is. A
file without quotes whose rows differ in length is scanned line by line and split. Anything else goes
through Python's csv module. Each way is taken only when a count of bytes has shown that it fits.
"""

from __future__ import annotations

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
import polars as pl

from tasks.reading.archive import column_letters
from tasks.reading.encoding import Utf8Text, as_utf8, open_text
from tasks.reading.errors import FileRefused, Words
from tasks.reading.limits import Limits
from tasks.reading.table import POSITION_SCHEMA, SheetInfo, Table, cell_names, empty_as_null, streamed, write

Route = Literal["rectangular", "lines", "records"]
SEPARATORS = (",", ";", "\t")
FULL_WIDTH_COMMA = "，"
_SAMPLE_BYTES = 64 * 1024
_SAMPLE_RECORDS = 20
_PIECE = 512 * 1024
_RECORDS_AT_A_TIME = 50_000
_JOINT = "\x00"
"""Joins the cells of a parsed record: the one character that no accepted text file contains."""
_END = "\x1e end of file"


@dataclass(frozen=True)
class ByteCounts:
    """Bytes of a UTF-8 file that decide how it can be read."""

    size: int
    separators: int
    quotes: int
    newlines: int
    returns: int
    return_newlines: int
    nulls: int
    longest_line: int
    """Bytes between two newlines."""
    ends_with_newline: bool

    @property
    def lines(self) -> int:
        """Lines in the file, the last one counted whether it ends with a newline or not."""
        return self.newlines + (0 if self.ends_with_newline else 1)


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
    text = as_utf8(path, folder / "utf8.csv")
    separator = sniff_separator(text)
    counts = count_bytes(text.path, separator)
    _check_counts(text, counts, limits)
    chosen = route or choose_route(text, counts, separator)
    ways = {"rectangular": _read_rectangular, "lines": _read_lines, "records": _read_records}
    rows, columns = ways[chosen](text, separator, counts, folder, limits)
    if rows == 0:
        raise FileRefused("F105")
    return Table("delimited", text.encoding, rows, columns, (SheetInfo("", rows, columns),))


def sniff_separator(text: Utf8Text) -> str:
    """The separator that cuts most of the first records into the same number of cells.

    A full-width comma is taken only when no usual separator occurs, for it is common inside text.
    """
    with open_text(text) as file:
        sample = file.read(_SAMPLE_BYTES)
    best, best_score = ",", (0, 0)
    for separator in (*SEPARATORS, FULL_WIDTH_COMMA):
        score = _agreement(sample, separator)
        if score > best_score and not (separator == FULL_WIDTH_COMMA and best_score > (0, 0)):
            best, best_score = separator, score
    return best


def _agreement(sample: str, separator: str) -> tuple[int, int]:
    """How many of the first records have the commonest width above one, and that width."""
    lines = io.StringIO(sample, newline="")
    try:
        widths = [len(record) for record in itertools.islice(csv.reader(lines, delimiter=separator), _SAMPLE_RECORDS)]
    except csv.Error:
        widths = [line.count(separator) + 1 for line in sample.splitlines()[:_SAMPLE_RECORDS]]
    if len(widths) > 1 and len(sample) >= _SAMPLE_BYTES and len(widths) < _SAMPLE_RECORDS:
        widths.pop()
    return max(((widths.count(width), width) for width in set(widths) if width > 1), default=(0, 0))


def count_bytes(path: Path, separator: str) -> ByteCounts:
    """Count the bytes that matter; the two halves of the file at a time on two threads."""
    size = path.stat().st_size
    if size == 0:
        raise FileRefused("F105")
    byte = ord(separator) if separator in SEPARATORS else ord(",")
    middle = size // 2
    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(_count_range, (path, path), (0, middle), (middle, size), (byte, byte))
    joined = first.counts + second.counts
    # The line that lies across the middle, and a return and newline on either side of it.
    across = first.after_last_newline + second.before_first_newline
    joined[4] += int(first.ends_with_return and second.starts_with_newline)
    separators, quotes, newlines, returns, return_newlines, nulls = (int(count) for count in joined)
    longest = max(first.longest_line, second.longest_line, across)
    return ByteCounts(
        size, separators, quotes, newlines, returns, return_newlines, nulls, longest, second.ends_with_newline
    )


@dataclass
class _RangeCounts:
    counts: np.ndarray[tuple[int], np.dtype[np.int64]]
    longest_line: int = 0
    before_first_newline: int = 0
    after_last_newline: int = 0
    starts_with_newline: bool = False
    ends_with_newline: bool = False
    ends_with_return: bool = False


def _count_range(path: Path, start: int, end: int, separator: int) -> _RangeCounts:
    found = _RangeCounts(np.zeros(6, np.int64))
    buffer = bytearray(_PIECE)
    view, values = memoryview(buffer), np.frombuffer(buffer, np.uint8)
    last_newline, position = -1, 0
    descriptor = os.open(path, os.O_RDONLY)
    try:
        while start + position < end:
            wanted = min(_PIECE, end - start - position)
            got = os.preadv(descriptor, [view[:wanted]], start + position)
            if got == 0:
                break
            piece = values[:got]
            newlines = np.flatnonzero(piece == 10)
            if newlines.size:
                if last_newline < 0:
                    found.before_first_newline = position + int(newlines[0])
                else:
                    found.longest_line = max(found.longest_line, position + int(newlines[0]) - last_newline)
                if newlines.size > 1:
                    found.longest_line = max(found.longest_line, int(np.diff(newlines).max()))
                last_newline = position + int(newlines[-1])
            returns = piece == 13
            if position == 0:
                found.starts_with_newline = bool(piece[0] == 10)
            pairs = int(np.count_nonzero(returns[newlines[newlines > 0] - 1])) if returns.any() else 0
            pairs += int(found.ends_with_return and position > 0 and piece[0] == 10)
            found.counts += (
                np.count_nonzero(piece == separator),
                np.count_nonzero(piece == 34),
                newlines.size,
                np.count_nonzero(returns),
                pairs,
                np.count_nonzero(piece == 0),
            )
            found.ends_with_newline, found.ends_with_return = bool(piece[-1] == 10), bool(piece[-1] == 13)
            position += got
    finally:
        os.close(descriptor)
    found.after_last_newline = position - last_newline - 1
    if last_newline < 0:
        found.before_first_newline = position
    return found
