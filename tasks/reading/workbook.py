"""Workbooks as a table of text, at the positions the spreadsheet shows.

The calamine reader starts its area at the first used cell and shows error cells as empty; both are
put right here, so that row 7 of a report is row 7 of the sheet and ``#REF!`` is not a blank.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl
import python_calamine as calamine

from tasks.reading.archive import ErrorCells, check_area, look_through, sheet_parts
from tasks.reading.binary_workbook import xls_error_cells, xlsb_error_cells
from tasks.reading.cells import CellValue, cell_text, column_letters
from tasks.reading.detect import Format
from tasks.reading.errors import FileRefused, Words
from tasks.reading.limits import Limits
from tasks.reading.table import MergedRange, SheetInfo, Table, cell_names, schema, streamed, write

_ROWS_AT_A_TIME = 10_000
WantedSheet = str | int | None
"""A sheet by its name or its number from 0; None takes every visible sheet with data."""


@dataclass
class _Extent:
    """The last row and column of a sheet that hold anything, counted from 1."""

    rows: int = 0
    columns: int = 0


@dataclass(frozen=True)
class _Sheet:
    """One opened sheet and what the file says about it beside the reader."""

    sheet: calamine.CalamineSheet
    errors: ErrorCells
    extent: _Extent = field(default_factory=_Extent)


def read_workbook(path: Path, form: Format, folder: Path, limits: Limits, wanted: WantedSheet = None) -> Table:
    """Turn a workbook into ``folder/text.parquet``.

    Raises:
        FileRefused: F107, F109, F113, F115, F116 or F117.
    """
    errors = _error_cells(path, form, limits)
    sheets = [_Sheet(sheet, errors.get(sheet.name, {})) for sheet in _open_sheets(path, wanted, limits)]
    width = min(max((_last_used(sheet.sheet)[1] for sheet in sheets), default=0), limits.max_columns)
    target, rough = folder / "text.parquet", folder / "sheets.parquet"
    try:
        frames = streamed(lambda: _frames(sheets, width, limits), schema(width))
        write(frames, rough)
        filled = [sheet for sheet in sheets if sheet.extent.rows]
        if not filled:
            raise FileRefused("F117", detail=Words("所有工作表都是空的", "every sheet is empty"))
        write(_trimmed(pl.scan_parquet(rough), filled), target)
    finally:
        rough.unlink(missing_ok=True)
    infos = tuple(_info(sheet) for sheet in filled)
    rows, columns = sum(info.rows for info in infos), max(info.columns for info in infos)
    return Table(form.value, "", rows, columns, infos)


def _error_cells(path: Path, form: Format, limits: Limits) -> Mapping[str, ErrorCells]:
    """Error cells by sheet name, after the checks a packed workbook must pass before it is opened."""
    if not form.is_archive:
        return xls_error_cells(path)
    parts = look_through(path, limits)
    if form is Format.XLSB:
        return xlsb_error_cells(path)
    if not any(part.errors for part in parts.values()):
        return {}
    return {name: parts[part].errors for name, part in sheet_parts(path).items() if part in parts}


def _open_sheets(path: Path, wanted: WantedSheet, limits: Limits) -> list[calamine.CalamineSheet]:
    try:
        with path.open("rb") as file:
            book = calamine.CalamineWorkbook.from_filelike(file)
            sheets = [book.get_sheet_by_name(name) for name in _chosen_names(book, wanted)]
    except calamine.PasswordError:
        raise FileRefused("F109") from None
    except (calamine.CalamineError, calamine.XmlError, calamine.ZipError) as error:
        if "assword" in str(error):
            raise FileRefused("F109") from None
        raise FileRefused("F115", detail=str(error)) from error
    for sheet in sheets:
        check_area(sheet.width * sheet.height, _last_used(sheet)[0], limits)
    return sheets


def _chosen_names(book: calamine.CalamineWorkbook, wanted: WantedSheet) -> list[str]:
    names = [sheet.name for sheet in book.sheets_metadata if sheet.typ is calamine.SheetTypeEnum.WorkSheet]
    if wanted is None:
        hidden = {
            sheet.name for sheet in book.sheets_metadata if sheet.visible is not calamine.SheetVisibleEnum.Visible
        }
        return [name for name in names if name not in hidden]
    if isinstance(wanted, int) and 0 <= wanted < len(names):
        return [names[wanted]]
    if wanted not in names:
        there = "、".join(names)
        detail = Words(f"没有名为“{wanted}”的工作表，只有：{there}", f"there is no sheet “{wanted}”, only {there}")
        raise FileRefused("F117", detail=detail)
    return [str(wanted)]


def _frames(sheets: Sequence[_Sheet], width: int, limits: Limits) -> Iterator[pl.DataFrame]:
    for sheet in sheets:
        if sheet.sheet.start is None:
            continue
        rows = sheet.sheet.iter_rows()
        first = 0
        while batch := list(itertools.islice(rows, _ROWS_AT_A_TIME)):
            yield _frame(batch, first, sheet, width, limits)
            first += len(batch)


def _frame(batch: list[list[CellValue]], first: int, sheet: _Sheet, width: int, limits: Limits) -> pl.DataFrame:
    """Rows ``first`` (from 0) onwards of a sheet as text; the reader's columns begin at its first used one."""
    left = sheet.sheet.start[1] if sheet.sheet.start else 0
    for row in range(first, first + len(batch)) if sheet.errors else ():
        for column, text in sheet.errors.get(row, {}).items():
            if left <= column < left + len(batch[row - first]):
                batch[row - first][column - left] = text
    columns = [pl.Series(list(map(cell_text, values)), dtype=pl.String) for values in zip(*batch, strict=True)]
    _note_extent(columns, first, left, sheet.extent, limits)
    blank = pl.Series([None], dtype=pl.String).extend_constant(None, len(batch) - 1)
    cells = [blank] * left + columns + [blank] * width
    return pl.DataFrame(
        [
            pl.repeat(sheet.sheet.name, len(batch), dtype=pl.String, eager=True).alias("_sheet"),
            pl.Series("_row", range(first + 1, first + 1 + len(batch)), dtype=pl.UInt32),
            pl.repeat(0, len(batch), dtype=pl.UInt16, eager=True).alias("_cells"),
            *(series.alias(name) for series, name in zip(cells, cell_names(width), strict=False)),
        ]
    )


def _note_extent(columns: Sequence[pl.Series], first: int, left: int, extent: _Extent, limits: Limits) -> None:
    """Widen the extent by the cells of a batch, and refuse a column too far right or a cell too long."""
    for number, series in enumerate(columns, start=left + 1):
        if series.null_count() == len(series):
            continue
        last = series.is_not_null().arg_true().max()
        row = first + 1 + (last if isinstance(last, int) else 0)
        place = f"{column_letters(number)}{row}"
        if number > limits.max_columns:
            detail = Words(
                f"单元格 {place} 超出第 {limits.max_columns} 列", f"cell {place} is beyond column {limits.max_columns}"
            )
            raise FileRefused("F107", detail=detail)
        longest = series.str.len_chars().max()
        if isinstance(longest, int) and longest > limits.max_cell_characters:
            most = f"{limits.max_cell_characters:,}"
            letters = column_letters(number)
            detail = Words(
                f"{letters} 列有单元格超过 {most} 个字符", f"column {letters} has a cell of more than {most} characters"
            )
            raise FileRefused("F107", detail=detail)
        extent.rows, extent.columns = max(extent.rows, row), max(extent.columns, number)


def _trimmed(rough: pl.LazyFrame, sheets: Sequence[_Sheet]) -> pl.LazyFrame:
    """The sheets without rows and columns after their last cell, and with their width in ``_cells``."""
    columns = max(sheet.extent.columns for sheet in sheets)
    name = pl.col("_sheet")
    rows = name.replace_strict(
        {sheet.sheet.name: sheet.extent.rows for sheet in sheets}, default=0, return_dtype=pl.UInt32
    )
    width = name.replace_strict(
        {sheet.sheet.name: sheet.extent.columns for sheet in sheets}, default=0, return_dtype=pl.UInt16
    )
    return rough.filter(pl.col("_row") <= rows).select("_sheet", "_row", width.alias("_cells"), *cell_names(columns))


def _info(sheet: _Sheet) -> SheetInfo:
    merged = tuple(sorted(map(_counted_from_one, sheet.sheet.merged_cell_ranges or ())))
    return SheetInfo(sheet.sheet.name, sheet.extent.rows, sheet.extent.columns, merged)


def _counted_from_one(found: tuple[tuple[int, int], tuple[int, int]]) -> MergedRange:
    (first_row, first_column), (last_row, last_column) = found
    return first_row + 1, first_column + 1, last_row + 1, last_column + 1


def _last_used(sheet: calamine.CalamineSheet) -> tuple[int, int]:
    """Last row and column of the reader's area, counted from 1; (0, 0) for an empty sheet."""
    return (0, 0) if sheet.end is None else (sheet.end[0] + 1, sheet.end[1] + 1)
