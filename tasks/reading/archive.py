"""Looking through a packed workbook before a parser opens it.

A few kilobytes can make a parser ask for half a terabyte: what counts is how far the parts unpack
and how far apart the used cells lie. Every part is unpacked once, in small pieces, so that damage,
false sizes and document type definitions are found here too.
"""

from __future__ import annotations

import html
import posixpath
import re
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tasks.reading.cells import column_number
from tasks.reading.errors import FileRefused, Words
from tasks.reading.limits import MEBIBYTE, Limits

PIECE = 256 * 1024
_LONGEST_CELL = 4 * PIECE
_RATIO_MATTERS_FROM = 10 * MEBIBYTE
"""Small parts of repeated text pack better than 200:1 and harm nobody."""
_SHEET_PART = re.compile(r"xl/worksheets/[^/]+\.xml$", re.IGNORECASE)
_REFERENCE = re.compile(rb'<(?:\w+:)?c\s[^>]*?\br\s*=\s*["\']([A-Za-z]{1,4})(\d{1,10})["\']')
_ERROR_CELL = re.compile(
    rb'<(?:\w+:)?c\s((?:[^>]*\s)?t\s*=\s*["\']e["\'](?:[^>]*[^/>])?)>(.*?)</(?:\w+:)?c>', re.DOTALL
)
_PLACE = re.compile(rb'(?:^|\s)r\s*=\s*["\']([A-Za-z]{1,4})(\d{1,10})["\']')
_VALUE = re.compile(rb"<(?:\w+:)?v[^>]*>([^<]*)<")
_ATTRIBUTE = re.compile(r"([\w:]+)\s*=\s*[\"']([^\"']*)[\"']")
_DOCUMENT_TYPES = tuple(text.encode(code) for text in ("<!DOCTYPE", "<!ENTITY") for code in ("ascii", "utf-16-le"))

ErrorCells = Mapping[int, Mapping[int, str]]
"""Error values by row and column, both counted from 0."""


@dataclass
class SheetPart:
    """What the XML of one sheet says about itself: the used area it spans, and its error cells."""

    last_row: int = 0
    last_column: int = 0
    first_row: int = 0
    first_column: int = 0
    errors: dict[int, dict[int, str]] = field(default_factory=dict)

    def include(self, row: int, column: int) -> None:
        """Widen the used area; row and column counted from 1."""
        self.first_row = min(self.first_row or row, row)
        self.first_column = min(self.first_column or column, column)
        self.last_row = max(self.last_row, row)
        self.last_column = max(self.last_column, column)

    @property
    def cells(self) -> int:
        """Rows times columns between the first and the last used cell."""
        return (self.last_row - self.first_row + 1) * (self.last_column - self.first_column + 1)


def look_through(path: Path, limits: Limits) -> Mapping[str, SheetPart]:
    """Check a packed workbook and describe its sheets, by the name of their part.

    Raises:
        FileRefused: F113 too many parts, unpacks too far, or defines document types; F115 damaged;
            F116 cells too far apart.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            _check_directory(archive, path.stat().st_size, limits)
            return {entry.filename: _look_through_part(archive, entry, limits) for entry in archive.infolist()}
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, OSError, ValueError) as error:
        raise FileRefused("F115", detail=Words(f"压缩内容：{error}", f"packed content: {error}")) from error


def _check_directory(archive: zipfile.ZipFile, packed: int, limits: Limits) -> None:
    entries = archive.infolist()
    if len(entries) > limits.max_archive_entries:
        detail = Words(f"含 {len(entries)} 个部件", f"{len(entries)} parts")
        raise FileRefused("F113", detail=detail)
    unpacked = sum(entry.file_size for entry in entries)
    if unpacked > limits.max_unpacked_bytes:
        size = f"{unpacked / MEBIBYTE:,.0f} MiB"
        raise FileRefused("F113", detail=Words(f"解压后为 {size}", f"unpacks to {size}"))
    if unpacked > _RATIO_MATTERS_FROM and unpacked > packed * limits.max_archive_ratio:
        ratio = unpacked // max(packed, 1)
        raise FileRefused("F113", detail=Words(f"压缩比 {ratio}", f"packed {ratio} to 1"))


def _look_through_part(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, limits: Limits) -> SheetPart:
    found = SheetPart()
    is_sheet = _SHEET_PART.match(entry.filename) is not None
    is_text = entry.filename.lower().endswith((".xml", ".rels", ".vml"))
    for piece in _pieces(archive, entry, whole_cells=is_sheet):
        if not is_text:
            continue
        if any(mark in piece for mark in _DOCUMENT_TYPES):
            raise FileRefused("F113", detail=Words("含文档类型定义（DTD）", "it holds a document type definition"))
        if is_sheet:
            _measure(piece, found, limits)
            if b'="e"' in piece or b"='e'" in piece:
                _collect_errors(piece, found)
    return found


def _pieces(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, *, whole_cells: bool) -> Iterator[bytes]:
    """The unpacked part in pieces; with ``whole_cells`` no cell lies across two of them."""
    rest = b""
    with archive.open(entry) as part:
        while block := part.read(PIECE):
            block = rest + block
            cut = _last_opening(block) if whole_cells and len(block) <= _LONGEST_CELL else -1
            rest = block[cut:] if cut >= 0 else b""
            yield block[:cut] if cut >= 0 else block
    if rest:
        yield rest


def _last_opening(piece: bytes) -> int:
    """Where the last cell of a piece of sheet XML opens; -1 when none does."""
    plain, prefixed = piece.rfind(b"<c "), piece.rfind(b":c ")
    return max(plain, piece.rfind(b"<", 0, prefixed) if prefixed >= 0 else -1)


def _measure(piece: bytes, found: SheetPart, limits: Limits) -> None:
    """Take the first and the last cell of a piece; the declared dimension is often false and is not asked."""
    for match in (_REFERENCE.search(piece), _REFERENCE.match(piece, max(_last_opening(piece), 0))):
        if match is not None:
            found.include(int(match[2]), column_number(match[1].decode("ascii")))
    check_area(found.cells if found.last_row else 0, found.last_row, limits)


def check_area(cells: int, last_row: int, limits: Limits) -> None:
    """Refuse a used area no parser should be asked to hold.

    Raises:
        FileRefused: F116.
    """
    if last_row > limits.max_sheet_rows or cells > limits.max_sheet_cells:
        detail = Words(f"到第 {last_row} 行，共 {cells:,} 格", f"down to row {last_row}, {cells:,} cells in all")
        raise FileRefused("F116", detail=detail)


def _collect_errors(piece: bytes, found: SheetPart) -> None:
    """Cells whose value is an error: the workbook reader shows them as empty, which would hide them."""
    for match in _ERROR_CELL.finditer(piece):
        place = _PLACE.search(match[1])
        value = _VALUE.search(match[2])
        if place is not None:
            row, column = int(place[2]) - 1, column_number(place[1].decode("ascii")) - 1
            text = html.unescape(value[1].decode("utf-8", "replace")) if value else "#ERROR!"
            found.errors.setdefault(row, {})[column] = text


def sheet_parts(path: Path) -> Mapping[str, str]:
    """Part name of every sheet by the name of the sheet, as the workbook's own index gives it."""
    with zipfile.ZipFile(path) as archive:
        workbook = archive.read("xl/workbook.xml").decode("utf-8", "replace")
        targets = relations(archive, "xl/_rels/workbook.xml.rels")
    found = {}
    for item in map(_attributes, _tags(workbook, "sheet")):
        relation = next((value for key, value in item.items() if key.endswith(":id")), "")
        found[item.get("name", "")] = posixpath.normpath(posixpath.join("xl", targets.get(relation, "")))
    return found


def relations(archive: zipfile.ZipFile, part: str) -> Mapping[str, str]:
    """Targets by relation of a relations part, relative to ``xl``; empty when there is no such part."""
    try:
        text = archive.read(part).decode("utf-8", "replace")
    except KeyError:
        return {}
    found = map(_attributes, _tags(text, "Relationship"))
    return {item.get("Id", ""): item.get("Target", "").removeprefix("/xl/") for item in found}


def _tags(xml: str, name: str) -> list[str]:
    return re.findall(rf"<(?:\w+:)?{name}\s([^>]*)>", xml)


def _attributes(tag: str) -> dict[str, str]:
    return {key: html.unescape(value) for key, value in _ATTRIBUTE.findall(tag)}
