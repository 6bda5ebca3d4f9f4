"""Any accepted file into one table of text; runs inside the reading process."""

from __future__ import annotations

import errno
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import polars as pl

from tasks.reading.delimited import read_delimited
from tasks.reading.detect import Format, detect
from tasks.reading.errors import FileRefused, Words
from tasks.reading.limits import MEBIBYTE, Limits
from tasks.reading.records import read_json_lines, read_parquet
from tasks.reading.table import Table
from tasks.reading.workbook import WantedSheet, read_workbook


def convert(path: Path, name: str, folder: Path, limits: Limits, wanted_sheet: WantedSheet = None) -> Table:
    """Turn the file at ``path``, delivered as ``name``, into ``folder/text.parquet``.

    Raises:
        FileRefused: whatever is wrong with the file.
    """
    form = detect(path, name)
    if form.is_workbook:
        return read_workbook(path, form, folder, limits, wanted_sheet)
    if form is Format.PARQUET:
        return read_parquet(path, folder, limits)
    if form is Format.JSON_LINES:
        return read_json_lines(path, folder, limits)
    return read_delimited(path, folder, limits)


_OUT_OF_MEMORY = ("os error 12", "os error 11", "code: 12", "code: 11", "allocat")
"""How Polars and calamine word it that the system gave them no memory, or no stack for a thread."""


def convert_request(request: Mapping[str, Any]) -> dict[str, Any]:
    """Convert as a request says; the answer is a table or a refusal.

    Whatever a parser of other people's making raises is damage of the file; an error of our own code is not
    caught here.
    """
    limits = Limits(**request["limits"])
    path, folder = Path(request["path"]), Path(request["folder"])
    try:
        table = convert(path, request["name"], folder, limits, request["wanted_sheet"])
    except FileRefused as refusal:
        return {"refused": refusal.to_json()}
    except pl.exceptions.PolarsError as error:
        return {"refused": _refusal_of(str(error), limits).to_json()}
    except OSError as error:
        if error.errno == errno.EFBIG:
            return {"refused": _too_much_output(limits).to_json()}
        raise
    except BaseException as error:
        if type(error).__name__ == "PanicException":
            return {"refused": _refusal_of(str(error), limits).to_json()}
        raise
    return {"table": table.to_json()}


def _refusal_of(text: str, limits: Limits) -> FileRefused:
    first = text.strip().splitlines()[0] if text.strip() else "panic"
    if "os error 27" in text:
        return _too_much_output(limits)
    if any(sign in text for sign in _OUT_OF_MEMORY):
        raise MemoryError(first)
    return FileRefused("F115", detail=first)


def _too_much_output(limits: Limits) -> FileRefused:
    most = f"{limits.max_output_bytes / MEBIBYTE:,.0f} MiB"
    return FileRefused("F114", detail=Words(f"展开后超过 {most}", f"it grows beyond {most} when read"))
