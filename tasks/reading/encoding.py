"""Which encoding a text file is in, and the same text in UTF-8.

The order is fixed and strict: byte order mark, else UTF-8 over the whole file, else GB18030 over the
whole file, else refused. Big5 text is often valid GB18030 too, so a GB18030 reading must also be
plausible Chinese (INPUT.md 4.1).
"""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import IO

import numpy as np
import numpy.typing as npt

from tasks.reading.errors import FileRefused, Words

PIECE = 4 << 20
_PLAUSIBLE_SHARE = 0.90
_CHINESE, _COMMON_CHINESE, _PRIVATE = 1, 2, 3


@dataclass(frozen=True)
class Utf8Text:
    """A file that is valid UTF-8: the delivered one, or our copy of it.

    ``has_mark`` tells that it starts with a byte order mark, which is no part of the first cell.
    """

    path: Path
    encoding: str
    has_mark: bool


def as_utf8(path: Path, copy: Path) -> Utf8Text:
    """The text of ``path`` in UTF-8; written to ``copy`` only when it is in another encoding.

    Raises:
        FileRefused: F110 when no encoding fits, F111 when GB18030 fits but reads like nothing written.
    """
    with path.open("rb") as file:
        head = file.read(4)
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return _from_utf16(path, copy)
    bad_utf8 = first_undecodable(path, "utf-8")
    if bad_utf8 is None:
        marked = head.startswith(codecs.BOM_UTF8)
        return Utf8Text(path, "utf-8-sig" if marked else "utf-8", marked)
    if head.startswith(codecs.BOM_UTF8):
        raise _unknown_encoding(path, bad_utf8)
    return _from_gb18030(path, copy, bad_utf8)


def _from_utf16(path: Path, copy: Path) -> Utf8Text:
    try:
        with copy.open("wb") as target:
            for text in _decoded(path, "utf-16"):
                target.write(text.encode("utf-8"))
    except UnicodeError:
        raise _unknown_encoding(path, first_undecodable(path, "utf-16") or 0) from None
    return Utf8Text(copy, "utf-16", has_mark=False)


def _from_gb18030(path: Path, copy: Path, bad_utf8: int) -> Utf8Text:
    seen = np.zeros(4, np.int64)
    try:
        with copy.open("wb") as target:
            for text in _decoded(path, "gb18030"):
                units = np.frombuffer(text.encode("utf-16-le"), np.uint16)
                seen += np.bincount(_kinds()[units], minlength=4)
                target.write(text.encode("utf-8"))
    except UnicodeError:
        # The encoding that got further is the one the file was meant to be in.
        bad = max(bad_utf8, first_undecodable(path, "gb18030") or 0)
        raise _unknown_encoding(path, bad) from None
    _, rare, common, private = (int(count) for count in seen)
    chinese = rare + common
    if private or common < _PLAUSIBLE_SHARE * chinese:
        detail = Words(
            f"{chinese} 个汉字中有 {rare} 个生僻字，另有 {private} 个自造字",
            f"{rare} of {chinese} characters are rare ones and {private} are private-use",
        )
        raise FileRefused("F111", detail=detail)
    return Utf8Text(copy, "gb18030", has_mark=False)


def _decoded(path: Path, encoding: str) -> Iterator[str]:
    decoder = codecs.getincrementaldecoder(encoding)("strict")
    with path.open("rb") as file:
        while piece := file.read(PIECE):
            yield decoder.decode(piece)
    yield decoder.decode(b"", final=True)


def first_undecodable(path: Path, encoding: str) -> int | None:
    """Byte offset of the first byte that is not valid in ``encoding``; None when the whole file is."""
    decoder = codecs.getincrementaldecoder(encoding)("strict")
    offset = 0
    with path.open("rb") as file:
        try:
            while piece := file.read(PIECE):
                held = len(decoder.getstate()[0])
                # Digits and Latin letters are the bulk of a register and need no decoding to be valid.
                if held or encoding != "utf-8" or not piece.isascii():
                    decoder.decode(piece)
                offset += len(piece)
            held = len(decoder.getstate()[0])
            decoder.decode(b"", final=True)
        except UnicodeDecodeError as error:
            return offset - held + error.start
        except UnicodeError:
            return offset
    return None


def _unknown_encoding(path: Path, offset: int) -> FileRefused:
    return FileRefused("F110", value=_line_of(path, offset), detail=offset)


def _line_of(path: Path, offset: int) -> int:
    line, left = 1, offset
    with path.open("rb") as file:
        while left > 0 and (piece := file.read(min(PIECE, left))):
            line += piece.count(b"\n")
            left -= len(piece)
    return line


@cache
def _kinds() -> npt.NDArray[np.uint8]:
    """What each UTF-16 code unit is: Chinese, Chinese of the everyday set GB 2312, private-use, or neither."""
    kinds = np.zeros(65_536, np.uint8)
    for first, last in ((0x3400, 0x4DBF), (0x4E00, 0x9FFF), (0xF900, 0xFAFF)):
        kinds[first : last + 1] = _CHINESE
    # One surrogate of each pair stands for the character beyond the basic plane.
    kinds[0xD840:0xD8C0] = _CHINESE
    kinds[0xE000:0xF900] = _PRIVATE
    table = bytes(byte for lead in range(0xB0, 0xF8) for trail in range(0xA1, 0xFF) for byte in (lead, trail))
    kinds[[ord(character) for character in table.decode("gb2312", "ignore")]] = _COMMON_CHINESE
    return kinds


def open_text(text: Utf8Text) -> IO[str]:
    """The text for a CSV parser: no newline translation, no byte order mark."""
    return text.path.open(encoding="utf-8-sig" if text.has_mark else "utf-8", newline="")
