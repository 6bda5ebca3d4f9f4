"""Find the header of a sheet and match it to the columns of a dataset (INPUT.md 4.2 rules 13 and 14)."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field

import polars as pl

from expectations.declaration import Dataset
from tasks.normalizing.words import PERSONAL_HEADER
from tasks.reading.errors import FileRefused

HEADER_SEARCH_ROWS = 10
REPLY_HEADERS = frozenset({"错误代码", "错误说明"})
"""The two columns we add to fix.xlsx; ignored when the workbook comes back."""


@dataclass(frozen=True)
class Header:
    """Where the header of one sheet is and what its columns are.

    ``positions`` maps a contract column name to its physical column name (``c000``), ``titles`` a
    physical column name to the header as the office wrote it, ``unknown`` lists titles that belong
    to no column of the dataset.
    """

    sheet: str
    last_row: int
    positions: dict[str, str]
    titles: dict[str, str]
    unknown: tuple[str, ...] = field(default=())

    @property
    def width(self) -> int:
        """Number of physical columns up to the last one with a title."""
        return max(int(name[1:]) for name in self.titles) + 1


def matching_key(text: str) -> str:
    """The form in which headers are compared: NFKC, without white space or required marks, lower case."""
    folded = unicodedata.normalize("NFKC", text)
    return re.sub(r"[\s\u200b\ufeff*]+", "", folded).lower()


def column_words(dataset: Dataset) -> dict[str, str]:
    """Every accepted header in its matching form, with the contract column it means."""
    words: dict[str, str] = {}
    for column in dataset.all_columns:
        for word in (column.name, column.zh, column.en, *column.aliases):
            words.setdefault(matching_key(word), column.name)
    return words


def find_header(top: pl.DataFrame, sheet: str, dataset: Dataset) -> Header:
    """The header among the first ten rows of a sheet.

    Args:
        top: the first rows of the sheet as read (``_row``, ``c000`` ...).
        sheet: name of the sheet, for the message.
        dataset: the dataset the file claims to be.

    Raises:
        FileRefused: F121 when no row looks like a header, F120 when required columns are missing,
            E102 when two columns mean the same, F130 when a column holds personal data.
    """
    words = column_words(dataset)
    rows = top.sort("_row").head(HEADER_SEARCH_ROWS)
    cells = [name for name in rows.columns if name.startswith("c")]
    candidates = [_candidate(rows, first, band, cells) for band in (1, 2, 3) for first in range(rows.height - band + 1)]
    best = max(candidates, key=lambda found: _matches(found[1], words), default=None)
    if best is None or _matches(best[1], words) < _least_matches(dataset):
        raise FileRefused("F121")
    last_row, titles = best
    return _match(sheet, last_row, titles, dataset, words)


def _least_matches(dataset: Dataset) -> int:
    """Fewer recognised titles than this are a coincidence, not a header."""
    return min(2, len(dataset.columns))


def _candidate(rows: pl.DataFrame, first: int, band: int, cells: Sequence[str]) -> tuple[int, dict[str, str]]:
    """Titles of ``band`` rows joined with "/", the upper ones filled to the right as merged cells are."""
    parts: dict[str, list[str]] = {name: [] for name in cells}
    for offset in range(band):
        row = rows.row(first + offset, named=True)
        carried = ""
        for name in cells:
            text = (row[name] or "").strip()
            carried = text or (carried if offset < band - 1 else "")
            if carried and carried not in parts[name]:
                parts[name].append(carried)
    titles = {name: "/".join(found) for name, found in parts.items() if found}
    return int(rows.item(first + band - 1, "_row")), titles


def _matches(titles: dict[str, str], words: dict[str, str]) -> int:
    return len({words[key] for title in titles.values() if (key := matching_key(title)) in words})


def _match(sheet: str, last_row: int, titles: dict[str, str], dataset: Dataset, words: dict[str, str]) -> Header:
    positions: dict[str, str] = {}
    unknown: list[str] = []
    for name, title in titles.items():
        key = matching_key(title)
        if key in words:
            if words[key] in positions:
                both = f"{titles[positions[words[key]]]} / {title}"
                raise FileRefused("E102", value=words[key], detail=both)
            positions[words[key]] = name
        elif title.strip() not in REPLY_HEADERS:
            unknown.append(title)
    personal = [title for title in unknown if PERSONAL_HEADER.search(matching_key(title))]
    if personal:
        raise FileRefused("F130", value="、".join(personal))
    needed = [column for column in dataset.all_columns if column.required and column.default is None]
    missing = [f"{column.zh} ({column.name})" for column in needed if column.name not in positions]
    if missing:
        raise FileRefused("F120", value="、".join(missing))
    return Header(sheet, last_row, positions, titles, tuple(unknown))
