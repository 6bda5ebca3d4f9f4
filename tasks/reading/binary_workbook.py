"""Error cells of binary workbooks (.xls and .xlsb), which the workbook reader shows as empty.

Only as much of the formats is read as says where an error stands: [MS-CFB] for the container of .xls,
[MS-XLS] 2.4 for its records, [MS-XLSB] 2.4 for those of .xlsb. Whether the file is sound is for the
workbook reader to judge; where this module cannot follow, it finds nothing.
"""

from __future__ import annotations

import posixpath
import struct
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from tasks.reading.archive import ErrorCells, relations

ERROR_TEXTS: Mapping[int, str] = {
    0x00: "#NULL!",
    0x07: "#DIV/0!",
    0x0F: "#VALUE!",
    0x17: "#REF!",
    0x1D: "#NAME?",
    0x24: "#NUM!",
    0x2A: "#N/A",
    0x2B: "#GETTING_DATA",
}
_UNKNOWN_ERROR = "#ERROR!"

_FREE_SECTORS_FROM = 0xFFFFFFFA
_XLS_BOF, _XLS_EOF, _XLS_SHEET, _XLS_FORMULA, _XLS_BOOLEAN_OR_ERROR = 0x0809, 0x000A, 0x0085, 0x0006, 0x0205
_XLSB_ROW, _XLSB_ERROR, _XLSB_FORMULA_ERROR, _XLSB_SHEET = 0, 3, 11, 156


def xls_error_cells(path: Path) -> Mapping[str, ErrorCells]:
    """Error cells of an .xls file by sheet name, rows and columns counted from 0."""
    try:
        stream = _workbook_stream(path.read_bytes())
        return {name: _xls_sheet_errors(stream, start) for name, start in _xls_sheets(stream)}
    except (struct.error, IndexError, UnicodeDecodeError):
        return {}


def _workbook_stream(content: bytes) -> bytes:
    """The stream called Workbook of a compound file; empty when there is none outside the mini stream."""
    sector_size = 1 << struct.unpack_from("<H", content, 30)[0]
    table = _allocation_table(content, sector_size)
    directory = _chain(content, table, struct.unpack_from("<I", content, 48)[0], sector_size)
    smallest = struct.unpack_from("<I", content, 56)[0]
    for entry in range(0, len(directory) - 127, 128):
        length = struct.unpack_from("<H", directory, entry + 64)[0]
        name = directory[entry : entry + max(length - 2, 0)].decode("utf-16-le", "replace")
        if name == "Workbook":
            start, size = struct.unpack_from("<II", directory, entry + 116)
            return _chain(content, table, start, sector_size)[:size] if size >= smallest else b""
    return b""


def _allocation_table(content: bytes, sector_size: int) -> tuple[int, ...]:
    """Next sector of every sector; the sectors of the table itself are listed in the header and beyond."""
    listed = list(struct.unpack_from("<109I", content, 76))
    beyond, count = struct.unpack_from("<II", content, 68)
    per_sector = sector_size // 4
    for _ in range(min(count, len(content) // sector_size)):
        more = struct.unpack_from(f"<{per_sector}I", content, (beyond + 1) * sector_size)
        listed += more[:-1]
        beyond = more[-1]
    table: list[int] = []
    for sector in listed:
        if sector < _FREE_SECTORS_FROM:
            table += struct.unpack_from(f"<{per_sector}I", content, (sector + 1) * sector_size)
    return tuple(table)


def _chain(content: bytes, table: tuple[int, ...], sector: int, sector_size: int) -> bytes:
    parts = []
    # A damaged table may lead in a circle; no chain is longer than the table.
    for _ in range(len(table)):
        if sector >= _FREE_SECTORS_FROM:
            break
        parts.append(content[(sector + 1) * sector_size : (sector + 2) * sector_size])
        sector = table[sector]
    return b"".join(parts)


def _xls_records(stream: bytes, position: int) -> Iterator[tuple[int, int, int]]:
    """Kind, start and length of the records of one substream, until it ends."""
    depth = 0
    while position + 4 <= len(stream):
        kind, length = struct.unpack_from("<HH", stream, position)
        yield kind, position + 4, length
        depth += (kind == _XLS_BOF) - (kind == _XLS_EOF)
        if depth <= 0:
            return
        position += 4 + length


def _xls_sheets(stream: bytes) -> Iterator[tuple[str, int]]:
    """Name and position of every sheet."""
    for kind, start, _ in _xls_records(stream, 0):
        if kind == _XLS_SHEET:
            position, _, length, is_wide = struct.unpack_from("<IHBB", stream, start)
            text = stream[start + 8 : start + 8 + length * (1 + (is_wide & 1))]
            yield text.decode("utf-16-le" if is_wide & 1 else "latin-1"), position


def _xls_sheet_errors(stream: bytes, position: int) -> ErrorCells:
    found: dict[int, dict[int, str]] = {}
    for kind, start, _ in _xls_records(stream, position):
        if kind == _XLS_BOOLEAN_OR_ERROR:
            row, column, _, value, is_error = struct.unpack_from("<HHHBB", stream, start)
        elif kind == _XLS_FORMULA:
            # A formula's result that is no number has all bits set at its end; 2 at its start means an error.
            row, column, _, sort, value, mark = struct.unpack_from("<HHHBxBxxxH", stream, start)
            is_error = sort == 2 and mark == 0xFFFF
        else:
            continue
        if is_error:
            found.setdefault(row, {})[column] = ERROR_TEXTS.get(value, _UNKNOWN_ERROR)
    return found


def xlsb_error_cells(path: Path) -> Mapping[str, ErrorCells]:
    """Error cells of an .xlsb file by sheet name, rows and columns counted from 0."""
    with zipfile.ZipFile(path) as archive:
        targets = relations(archive, "xl/_rels/workbook.bin.rels")
        names = archive.namelist()
        found = {}
        try:
            for name, relation in _xlsb_sheets(archive.read("xl/workbook.bin")):
                part = posixpath.normpath(posixpath.join("xl", targets.get(relation, "")))
                if part in names:
                    found[name] = _xlsb_sheet_errors(archive.read(part))
        except (struct.error, IndexError, UnicodeDecodeError):
            return found
    return found


def _xlsb_sheets(workbook: bytes) -> Iterator[tuple[str, str]]:
    """Name and relation of every sheet."""
    for kind, start, _ in _xlsb_records(workbook):
        if kind == _XLSB_SHEET:
            length = struct.unpack_from("<I", workbook, start + 8)[0]
            relation = workbook[start + 12 : start + 12 + 2 * length].decode("utf-16-le")
            name = start + 16 + 2 * length
            length = struct.unpack_from("<I", workbook, name - 4)[0]
            yield workbook[name : name + 2 * length].decode("utf-16-le"), relation


def _xlsb_sheet_errors(sheet: bytes) -> ErrorCells:
    found: dict[int, dict[int, str]] = {}
    row = 0
    for kind, start, _ in _xlsb_records(sheet):
        if kind == _XLSB_ROW:
            row = struct.unpack_from("<I", sheet, start)[0]
        elif kind in {_XLSB_ERROR, _XLSB_FORMULA_ERROR}:
            column, value = struct.unpack_from("<I4xB", sheet, start)
            found.setdefault(row, {})[column] = ERROR_TEXTS.get(value, _UNKNOWN_ERROR)
    return found


def _xlsb_records(part: bytes) -> Iterator[tuple[int, int, int]]:
    """Kind, start and length of every record; both numbers are written in groups of seven bits."""
    position = 0
    while position < len(part):
        kind = part[position]
        position += 1
        if kind & 0x80:
            kind = (kind & 0x7F) | (part[position] & 0x7F) << 7
            position += 1
        length = 0
        for shift in (0, 7, 14, 21):
            byte = part[position]
            position += 1
            length |= (byte & 0x7F) << shift
            if not byte & 0x80:
                break
        yield kind, position, length
        position += length
