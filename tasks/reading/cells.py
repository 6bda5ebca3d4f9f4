"""Cells of a workbook as text, and the letters of its columns."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

CellValue = str | float | int | bool | dt.date | dt.time | dt.timedelta
LARGEST_EXACT = 1e15
"""From here on a spreadsheet no longer shows every digit, so the text shows that digits are lost."""
_SMALLEST_PLAIN = 1e-15


def cell_text(value: CellValue) -> str | None:
    """A cell as text; None when it is empty.

    Numbers have the 15 significant digits a spreadsheet works with, so that 0.1 + 0.2 is ``0.3``.
    Whole numbers have no decimal point, numbers from 1e15 are in scientific notation.
    """
    return _TEXTS[type(value)](value) or None


def number_text(value: float) -> str:
    """A floating-point cell as text."""
    if value.is_integer() and abs(value) < LARGEST_EXACT:
        return str(int(value))
    exact = Decimal(f"{value:.15g}")
    if not exact.is_finite():
        return str(value)
    if abs(value) >= LARGEST_EXACT or abs(value) < _SMALLEST_PLAIN:
        return f"{exact.normalize():E}"
    return f"{exact:f}"


def _datetime_text(value: dt.datetime) -> str:
    # Workbooks count days as floating-point numbers; below a millisecond there is only rounding.
    value = (value + dt.timedelta(microseconds=500)).replace(microsecond=0) if _is_whole(value) else value
    return value.isoformat(sep=" ", timespec="milliseconds" if value.microsecond else "seconds")


def _is_whole(value: dt.datetime) -> bool:
    return value.microsecond < 500 or value.microsecond >= 999_500


def _duration_text(value: dt.timedelta) -> str:
    seconds = round(value.total_seconds())
    sign, seconds = ("-", -seconds) if seconds < 0 else ("", seconds)
    return f"{sign}{seconds // 3600}:{seconds // 60 % 60:02}:{seconds % 60:02}"


_TEXTS: Mapping[type, Callable[[Any], str]] = {
    str: lambda value: value,
    float: number_text,
    int: str,
    bool: lambda value: "TRUE" if value else "FALSE",
    dt.datetime: _datetime_text,
    dt.date: dt.date.isoformat,
    dt.time: lambda value: value.replace(microsecond=0).isoformat(),
    dt.timedelta: _duration_text,
    type(None): lambda _: "",
}


def column_number(letters: str) -> int:
    """Number of a column from its letters: A is 1, XFD is 16,384."""
    number = 0
    for letter in letters.upper():
        number = number * 26 + ord(letter) - ord("A") + 1
    return number


def column_letters(number: int) -> str:
    """Letters of a column from its number, counted from 1."""
    letters = ""
    while number:
        number, place = divmod(number - 1, 26)
        letters = chr(ord("A") + place) + letters
    return letters
