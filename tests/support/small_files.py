"""Small sound files for tests: a table as CSV and as a workbook, with fictional names."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence

import xlsxwriter

HEADER = ["单位编码", "村名", "会议次数", "压减率", "开始日期"]
ROWS: list[list[str]] = [
    [f"CG-C{number:03}", f"青石坪{number}村", str(number * 3), f"0.{number:02}5", f"2026-03-{number + 1:02}"]
    for number in range(1, 25)
]


def csv_bytes(rows: Sequence[Sequence[str]], separator: str = ",", end: str = "\r\n") -> bytes:
    """The rows as UTF-8 text."""
    target = io.StringIO(newline="")
    csv.writer(target, delimiter=separator, lineterminator=end).writerows(rows)
    return target.getvalue().encode("utf-8")


def xlsx_bytes(rows: Sequence[Sequence[object]], sheet: str = "数据") -> bytes:
    """The rows as a workbook of one sheet; texts that are numbers become numbers."""
    target = io.BytesIO()
    with xlsxwriter.Workbook(target, {"in_memory": True, "strings_to_numbers": True}) as book:
        page = book.add_worksheet(sheet)
        for number, row in enumerate(rows):
            page.write_row(number, 0, row)
    return target.getvalue()
