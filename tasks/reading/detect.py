"""What a file is, by its first bytes; its name is only a hint."""

from __future__ import annotations

import mmap
import zipfile
from enum import StrEnum
from pathlib import Path, PurePath

from tasks.reading.errors import FileRefused, Words

TEXT_SUFFIXES = frozenset({"", ".csv", ".tsv", ".tab", ".txt"})
JSON_SUFFIXES = frozenset({".jsonl", ".ndjson"})
WORKBOOK_SUFFIXES = frozenset({".xls", ".xlsx", ".xlsm", ".xlsb", ".ods", ".et", ".xlt", ".xltx", ".ett"})

OLE_SIGNATURE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
ZIP_SIGNATURES = (b"PK\x03\x04", b"PK\x05\x06")

_BLANK = b"\xef\xbb\xbf\xff\xfe \t\r\n\x00"
"""Byte order marks and white space, in UTF-8 and in UTF-16."""

_FOREIGN_SIGNATURES: tuple[tuple[bytes, Words], ...] = (
    (b"%PDF", Words("PDF 文档", "a PDF document")),
    (b"Rar!", Words("RAR 压缩包", "a RAR archive")),
    (b"7z\xbc\xaf\x27\x1c", Words("7z 压缩包", "a 7z archive")),
    (b"\x1f\x8b", Words("gzip 压缩包", "a gzip archive")),
    (b"BZh", Words("bzip2 压缩包", "a bzip2 archive")),
    (b"\xfd7zXZ", Words("xz 压缩包", "an xz archive")),
    (b"\x28\xb5\x2f\xfd", Words("zstd 压缩包", "a zstd archive")),
    (b"{\\rtf", Words("RTF 文档", "an RTF document")),
    (b"\x89PNG", Words("图片", "a picture")),
    (b"\xff\xd8\xff", Words("图片", "a picture")),
    (b"GIF8", Words("图片", "a picture")),
    (b"$FL2", Words("SPSS 数据文件", "an SPSS data file")),
    (b"SQLite format 3", Words("SQLite 数据库", "an SQLite database")),
    (b"\x7fELF", Words("程序", "a program")),
)


class Format(StrEnum):
    """A format the pipeline reads."""

    DELIMITED = "delimited"
    JSON_LINES = "jsonl"
    PARQUET = "parquet"
    XLSX = "xlsx"
    XLSB = "xlsb"
    XLS = "xls"
    ODS = "ods"

    @property
    def is_workbook(self) -> bool:
        """Whether the file is made of sheets."""
        return self in {Format.XLSX, Format.XLSB, Format.XLS, Format.ODS}

    @property
    def is_archive(self) -> bool:
        """Whether the file is a zip of parts."""
        return self in {Format.XLSX, Format.XLSB, Format.ODS}


def looks_like_workbook(head: bytes) -> bool:
    """Whether the first bytes of a file are those of a packed or old-style workbook."""
    return head.startswith((OLE_SIGNATURE, *ZIP_SIGNATURES))


def detect(path: Path, name: str) -> Format:
    """The format of the file at ``path``, delivered under ``name``.

    Raises:
        FileRefused: F105 empty, F108 not supported, F109 encrypted, F112 another content than the
            name says, F115 a zip that cannot be listed.
    """
    with path.open("rb") as file:
        head = file.read(4096)
    if not head.strip(_BLANK) and _only_blank(path):
        raise FileRefused("F105")
    if head.startswith(OLE_SIGNATURE):
        return _ole_format(path)
    if head.startswith(ZIP_SIGNATURES):
        return _zip_format(path)
    if head.startswith(b"PAR1"):
        return Format.PARQUET
    for signature, words in _FOREIGN_SIGNATURES:
        if head.startswith(signature):
            raise FileRefused("F108", detail=words)
    return _text_format(head, name)


def _only_blank(path: Path) -> bool:
    with path.open("rb") as file:
        while piece := file.read(1 << 20):
            if piece.strip(_BLANK):
                return False
    return True


def _ole_format(path: Path) -> Format:
    """Old binary workbooks and encrypted new ones share a container; its stream names tell them apart."""
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:

        def holds(stream: str) -> bool:
            return content.find(stream.encode("utf-16-le")) >= 0

        if holds("EncryptedPackage"):
            raise FileRefused("F109")
        if holds("WordDocument"):
            raise FileRefused("F108", detail=Words("文字文档（.doc/.wps）", "a text document (.doc or .wps)"))
        if holds("PowerPoint Document"):
            raise FileRefused("F108", detail=Words("演示文稿（.ppt/.dps）", "a presentation (.ppt or .dps)"))
        if holds("Workbook") or holds("Book"):
            return Format.XLS
    raise FileRefused(
        "F108", detail=Words("不含工作簿的复合文档", "a compound document without a workbook (perhaps damaged)")
    )


def _zip_format(path: Path) -> Format:
    try:
        with zipfile.ZipFile(path) as archive:
            names = set(archive.namelist())
            if any(entry.flag_bits & 1 for entry in archive.infolist()):
                raise FileRefused("F109")
            declared = _open_document_type(archive) if "mimetype" in names else ""
    except (zipfile.BadZipFile, OSError, ValueError, EOFError, NotImplementedError, RuntimeError) as error:
        raise FileRefused(
            "F115", detail=Words("压缩结构不完整", f"the packed parts cannot be listed: {error}")
        ) from error
    if "xl/workbook.xml" in names:
        return Format.XLSX
    if "xl/workbook.bin" in names:
        return Format.XLSB
    if declared.startswith("application/vnd.oasis.opendocument.spreadsheet"):
        return Format.ODS
    if any(name.startswith("word/") for name in names):
        raise FileRefused("F108", detail=Words("文字文档（.docx）", "a text document (.docx)"))
    raise FileRefused(
        "F108", detail=Words("压缩包，请解压后逐个报送其中的表格", "an archive; unpack it and send each table in it")
    )


def _open_document_type(archive: zipfile.ZipFile) -> str:
    with archive.open("mimetype") as entry:
        return entry.read(200).decode("ascii", "replace")


def _text_format(head: bytes, name: str) -> Format:
    suffix = PurePath(name).suffix.lower()
    start = head.lstrip(_BLANK).replace(b"\x00", b"")[:64].lower()
    if start.startswith((b"<!", b"<?xml", b"<html", b"<table", b"<head", b"<meta", b"<style", b"<body", b"<div")):
        raise FileRefused("F112", value=name, detail=Words("网页或 XML", "a web page or XML"))
    if suffix in WORKBOOK_SUFFIXES:
        raise FileRefused("F112", value=name, detail=Words("文本或已损坏的内容", "plain text or damaged content"))
    if suffix in JSON_SUFFIXES:
        return Format.JSON_LINES
    if suffix in TEXT_SUFFIXES:
        return Format.DELIMITED
    raise FileRefused("F108", detail=Words(f"扩展名 {suffix}", f"the extension {suffix}"))
