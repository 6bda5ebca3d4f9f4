"""Any accepted file as one table of text, and every other file refused by its code."""

from __future__ import annotations

import io
import os
import signal
import struct
import subprocess
import sys
import threading
import zipfile
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime, time, timedelta
from pathlib import Path

import openpyxl
import polars as pl
import pytest
import xlsxwriter
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tasks.read import FileRefused, Limits, ReadResult, read
from tasks.reading.binary_workbook import _workbook_stream, _xls_sheet_errors, _xls_sheets, _xlsb_sheet_errors
from tasks.reading.cells import cell_text, column_letters, column_number, number_text
from tasks.reading.delimited import Route, count_bytes, read_delimited, sniff_separator
from tasks.reading.encoding import Utf8Text
from tasks.reading.errors import Words
from tests.support.small_files import HEADER, ROWS, csv_bytes, xlsx_bytes

REAL_DATA = Path(os.environ.get("REAL_DATA", "../shared/data/real"))
Reader = Callable[..., ReadResult]


@pytest.fixture
def reading(tmp_path: Path) -> Reader:
    """Read bytes under a name, as the pipeline would."""

    def reader(content: bytes, name: str = "a.csv", limits: Limits | None = None, **wanted: str | int) -> ReadResult:
        landed = tmp_path / "landed"
        landed.write_bytes(content)
        return read(landed, name, tmp_path / "work", limits, **wanted)  # type: ignore[arg-type]

    return reader


def _cells(found: ReadResult) -> list[list[str | None]]:
    table = pl.read_parquet(found.text_path)
    return [list(row) for row in table.drop("_sheet", "_row", "_cells").rows()]


def _positions(found: ReadResult) -> list[tuple[int, int]]:
    return pl.read_parquet(found.text_path).select("_row", "_cells").rows()


def _refusal(code: str) -> pytest.RaisesExc[FileRefused]:
    return pytest.RaisesExc(FileRefused, check=lambda error: error.code == code)


# Encodings


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "gb18030"])
@pytest.mark.parametrize("quoted", [False, True])
def test_encodings_give_the_same_table(reading: Reader, encoding: str, quoted: bool) -> None:
    rows = [*ROWS, ["CG-C99", "上,村" if quoted else "上村", "1", "0.5", "2026-03-01"]]
    found = reading(csv_bytes([HEADER, *rows]).decode().encode(encoding))
    assert found.encoding == encoding
    assert _cells(found) == [HEADER, *rows]


def test_utf16_big_endian(reading: Reader) -> None:
    content = b"\xfe\xff" + "村名,次数\n青石坪,3".encode("utf-16-be")
    assert _cells(reading(content)) == [["村名", "次数"], ["青石坪", "3"]]


def test_village_names_outside_gbk_survive(reading: Reader) -> None:
    # U+4DAE and U+3D8B need four bytes in GB 18030 and cannot be written in GBK at all.
    rare = "䶮家湾㶋村"
    with pytest.raises(UnicodeEncodeError):
        "㶋".encode("gbk")
    rows = [["村名", "数量", "青石坪白杨沟大石桥小河口新立屯石门坎"], [rare, "3", "长岭岗高山坪双河口"]]
    assert _cells(reading(csv_bytes(rows).decode().encode("gb18030"))) == rows


def test_big5_is_refused_as_implausible(reading: Reader) -> None:
    text = "單位編碼,村名,會議次數\nA1,青石坪,3\nA2,龍門灘,4\nA3,鳳凰嶺,5\n"
    with _refusal("F111") as caught:
        reading(text.encode("big5"))
    assert "rare" in caught.value.values_in("en")["detail"]


def test_private_use_characters_in_gb18030_are_refused(reading: Reader) -> None:
    with _refusal("F111"):
        reading(("村名,数\n" + "青石坪" * 50 + "\ue000,1\n").encode("gb18030"))


def test_unknown_encoding_names_byte_and_line(reading: Reader) -> None:
    content = "村名,数\n".encode() * 3 + b"a\xff\xff,1\n"
    with _refusal("F110") as caught:
        reading(content)
    assert caught.value.values == {"value": 4, "detail": 3 * len("村名,数\n".encode()) + 1}


def test_byte_order_mark_promises_utf8(reading: Reader) -> None:
    with _refusal("F110"):
        reading(b"\xef\xbb\xbf" + "村名,数\n".encode("gb18030"))


# Delimited text


def test_blank_lines_count_and_trailing_ones_do_not(reading: Reader) -> None:
    found = reading(b"a,b\n\n1,2\n\n\n")
    assert _positions(found) == [(1, 2), (2, 0), (3, 2)]
    assert _cells(found) == [["a", "b"], [None, None], ["1", "2"]]
    assert (found.rows, found.columns) == (3, 2)


def test_ragged_rows_keep_all_cells_and_their_number(reading: Reader) -> None:
    found = reading(b"a,b,c\n1,2\n1,2,3,4\n , ,\n")
    assert _positions(found) == [(1, 3), (2, 2), (3, 4), (4, 3)]
    assert _cells(found)[1:] == [["1", "2", None, None], ["1", "2", "3", "4"], [" ", " ", None, None]]


def test_short_rows_alone_are_not_filled_up_unseen(reading: Reader) -> None:
    assert _positions(reading(b"a,b,c\n1,2\n1,2,3\n")) == [(1, 3), (2, 2), (3, 3)]
    assert _positions(reading(b"a,b,c\n\n1,2,3\n")) == [(1, 3), (2, 0), (3, 3)]


def test_one_short_and_one_long_row_are_not_taken_for_a_rectangle(reading: Reader) -> None:
    found = reading(b"a,b,c\n1,2\n1,2,3,4\n")
    assert _positions(found) == [(1, 3), (2, 2), (3, 4)]


def test_quoted_cells(reading: Reader) -> None:
    found = reading('a,b\n"x,1","说""好"""\n"第一行\n第二行",\n12"管,"12"管\n""," "\n3,4'.encode())
    assert _positions(found) == [(1, 2), (2, 2), (3, 2), (4, 2), (5, 2), (6, 2)]
    assert _cells(found) == [
        ["a", "b"],
        ["x,1", '说"好"'],
        ["第一行\n第二行", None],
        ['12"管', "12管"],
        [None, " "],
        ["3", "4"],
    ]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("separator", [",", ";", "\t", "，"])
def test_line_ends_and_separators(reading: Reader, end: str, separator: str) -> None:
    content = end.join(separator.join(row) for row in [HEADER, *ROWS]).encode()
    assert _cells(reading(content)) == [HEADER, *ROWS]
    assert _cells(reading(content + end.encode())) == [HEADER, *ROWS]


@pytest.mark.parametrize(
    ("text", "separator"),
    [
        ("a;b;c\n1,5;2,5;3\n1,5;2,5;3\n", ";"),
        ('"a";"b,c,d"\n"1";"x,y,z"\n', ";"),
        ("统计表\na\tb\n1\t2\n", "\t"),
        ("单位，次数\n甲，3\n", "，"),
        ("单位,说明\n甲,大，小，多\n", ","),
        ("only one column\n", ","),
    ],
)
def test_separator_is_the_one_that_agrees(tmp_path: Path, text: str, separator: str) -> None:
    (tmp_path / "a").write_text(text, encoding="utf-8")
    assert sniff_separator(Utf8Text(tmp_path / "a", "utf-8", has_mark=False)) == separator


def test_empty_columns_beyond_the_limit_are_cut(reading: Reader) -> None:
    found = reading(b"a,b" + b"," * 300 + b"\n1,2,3\n")
    assert found.columns == 3
    assert _cells(found) == [["a", "b", None], ["1", "2", "3"]]
    with _refusal("F107"):
        reading(b"a,b" + b"," * 300 + b"x\n1,2\n")


@pytest.mark.parametrize("prefix", [b"", b'"quoted",', b"\n"])
def test_cells_of_the_longest_length_and_one_more(reading: Reader, prefix: bytes) -> None:
    longest = "长" * 32_767
    found = reading(b"a,b,c\n" + prefix + longest.encode() + b",1,2\n")
    assert longest in _cells(found)[-1]
    with _refusal("F107"):
        reading(b"a,b,c\n" + prefix + longest.encode() + "长,1,2\n".encode())


def test_null_bytes_and_open_quotes_are_malformed(reading: Reader) -> None:
    with _refusal("F118") as caught:
        reading(b"a,b\n1,2\n3,\x004\n")
    assert "line 3" in caught.value.values_in("en")["detail"]
    with _refusal("F118") as caught:
        reading(b'a,b\n1,2\n3,"4\n5,6\n7,8')
    assert "row 3" in caught.value.values_in("en")["detail"]
    with _refusal("F118") as caught:
        reading(b'a,b\n"x\ny",2\n3,"4\n' + b"5,6\n" * 20_000)
    assert "row 3" in caught.value.values_in("en")["detail"]


def test_row_limit(reading: Reader) -> None:
    limits = Limits(max_rows=3)
    assert reading(b"a,b\n1,2\n3,4\n", limits=limits).rows == 3
    for content in (b"a,b\n1,2\n3,4\n5,6\n", b'a,b\n1,"2"\n3,4\n5,6\n'):
        with _refusal("F107"):
            reading(content, limits=limits)


@pytest.mark.parametrize("content", [b"", b"\n\r\n", b"\xef\xbb\xbf", b"\xff\xfe\n\x00", b" \n"])
def test_empty_files(reading: Reader, content: bytes) -> None:
    with _refusal("F105"):
        reading(content)


_PLAIN = st.text(st.sampled_from("ab村 .0\u3000\ufeff\x0b\x1c\x85\u2028'#"), max_size=4)


@settings(max_examples=150, deadline=None, derandomize=True)
@given(
    rows=st.integers(2, 5).flatmap(
        lambda width: st.lists(st.lists(_PLAIN, min_size=width, max_size=width), min_size=1)
    ),
    end=st.sampled_from(["\n", "\r\n"]),
    last_end=st.booleans(),
    mark=st.booleans(),
)
def test_all_ways_agree_on_rectangles(
    tmp_path_factory: pytest.TempPathFactory, rows: list[list[str]], end: str, last_end: bool, mark: bool
) -> None:
    text = end.join(",".join(row) for row in rows) + (end if last_end else "")
    assume(mark or not text.startswith("\ufeff"))
    expected = [[cell or None for cell in row] for row in rows]
    assert _by_every_route(tmp_path_factory, text, mark, ("rectangular", "lines", "records")) == expected


@settings(max_examples=150, deadline=None, derandomize=True)
@given(rows=st.lists(st.lists(_PLAIN, min_size=1, max_size=4), min_size=1), mark=st.booleans())
def test_both_careful_ways_agree_on_ragged_text(
    tmp_path_factory: pytest.TempPathFactory, rows: list[list[str]], mark: bool
) -> None:
    text = "\n".join(",".join(row) for row in rows)
    assume(text.strip("\n") and (mark or not text.startswith("\ufeff")))
    width = max(map(len, rows))
    while not any(rows[-1]) and len(rows[-1]) == 1:
        rows = rows[:-1]
    expected = [[cell or None for cell in row] + [None] * (width - len(row)) for row in rows]
    assert _by_every_route(tmp_path_factory, text, mark, ("lines", "records")) == expected


def _by_every_route(
    factory: pytest.TempPathFactory, text: str, mark: bool, routes: Sequence[Route]
) -> list[list[str | None]]:
    """The cells of a text, after making sure that every way of reading gives them."""
    folder = factory.mktemp("routes")
    (folder / "a").write_bytes(text.encode("utf-8-sig" if mark else "utf-8"))
    tables = []
    for route in routes:
        read_delimited(folder / "a", folder, Limits(), route=route)
        tables.append(pl.read_parquet(folder / "text.parquet"))
    for table in tables[1:]:
        assert table.equals(tables[0], null_equal=True)
        assert table.schema == tables[0].schema
    return [list(row) for row in tables[0].drop("_sheet", "_row", "_cells").rows()]


def test_byte_counts_across_pieces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    content = b'a,b\r\nccccc,"d"\r\n\r\x00e,f'
    (tmp_path / "a").write_bytes(content)
    for piece in range(1, len(content) + 1):
        monkeypatch.setattr("tasks.reading.delimited._PIECE", piece)
        counts = count_bytes(tmp_path / "a", ",")
        assert (counts.separators, counts.quotes, counts.newlines) == (3, 2, 2)
        assert (counts.returns, counts.return_newlines, counts.nulls) == (3, 2, 1)
        assert (counts.longest_line, counts.tail, counts.lines) == (10, 5, 3)


# Workbooks


def _book(fill: Callable[[xlsxwriter.Workbook], object]) -> bytes:
    target = io.BytesIO()
    with xlsxwriter.Workbook(target, {"in_memory": True}) as book:
        fill(book)
    return target.getvalue()


def test_positions_and_merged_cells_are_those_of_the_sheet(reading: Reader) -> None:
    def fill(book: xlsxwriter.Workbook) -> None:
        page = book.add_worksheet("数据")
        page.merge_range("C4:E4", "会议")
        page.write("C5", "次数")
        page.write("E5", 3)
        page.write("D8", "末")

    content = _book(fill)
    found = reading(content, "a.xlsx")
    independent = openpyxl.load_workbook(io.BytesIO(content))["数据"]
    expected = [[cell.value for cell in row] for row in independent.iter_rows(1, 8, 1, 5)]
    expected[4][4] = "3"
    assert _cells(found) == expected
    assert _positions(found) == [(row, 5) for row in range(1, 9)]
    assert found.sheets[0].merged == ((4, 3, 4, 5),)
    assert [str(merged) for merged in independent.merged_cells.ranges] == ["C4:E4"]


def test_cells_become_text_without_guessing(reading: Reader) -> None:
    def fill(book: xlsxwriter.Workbook) -> None:
        page = book.add_worksheet()
        days = book.add_format({"num_format": "yyyy-mm-dd"})
        moments = book.add_format({"num_format": "yyyy-mm-dd hh:mm:ss"})
        hours = book.add_format({"num_format": "[h]:mm:ss"})
        times = book.add_format({"num_format": "hh:mm:ss"})
        percent = book.add_format({"num_format": "0.0%"})
        page.write_row(0, 0, [5, -3, 0.285, 1e-7, 115382202501010000, 999999999999999])
        page.write_string(0, 6, "007")
        page.write_number(0, 7, 0.285, percent)
        page.write_datetime(0, 8, date(2026, 3, 5), days)
        page.write_datetime(0, 9, datetime(2026, 3, 5, 14, 30, 1), moments)  # noqa: DTZ001 - sheets have no zone
        page.write_number(0, 10, 1.5, hours)
        page.write_number(0, 11, 0.6, times)
        page.write_boolean(0, 12, True)
        page.write_formula(0, 13, "=1/0", None, "#DIV/0!")
        page.write_formula(0, 14, "=1+1", None, 2)
        page.write_formula(0, 15, '=""', None, "")
        page.write_string(0, 16, " 空 格\n换行 ")
        page.write_formula(0, 17, "=NA()", None, "#N/A")

    assert _cells(reading(_book(fill), "a.xlsx"))[0] == [
        *(["5", "-3", "0.285", "0.0000001", "1.1538220250101E+17", "999999999999999", "007", "0.285", "2026-03-05"]),
        *("2026-03-05 14:30:01", "36:00:00", "14:24:00", "TRUE", "#DIV/0!", "2", None, " 空 格\n换行 ", "#N/A"),
    ]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1e15, "1E+15"),
        (-1.5e300, "-1.5E+300"),
        (0.1 + 0.2, "0.3"),
        (28.5, "28.5"),
        (-0.0, "0"),
        (1e-20, "1E-20"),
        (float("nan"), "nan"),
        (123456789.125, "123456789.125"),
    ],
)
def test_numbers_as_text(value: float, text: str) -> None:
    assert number_text(value) == text


def test_times_and_durations_as_text() -> None:
    moment = datetime(2026, 3, 5, 14, 29, 59, 999_900)  # noqa: DTZ001 - sheets have no zone
    assert cell_text(moment) == "2026-03-05 14:30:00"
    assert cell_text(moment.replace(microsecond=120_000)) == "2026-03-05 14:29:59.120"
    assert cell_text(time(8, 5)) == "08:05:00"
    assert cell_text(timedelta(minutes=-90)) == "-1:30:00"


@pytest.mark.parametrize(("letters", "number"), [("A", 1), ("Z", 26), ("AA", 27), ("XFD", 16_384)])
def test_column_letters(letters: str, number: int) -> None:
    assert (column_number(letters), column_letters(number)) == (number, letters)


def _three_sheets(book: xlsxwriter.Workbook) -> None:
    for name in ("一月", "隐藏", "空的", "二月"):
        page = book.add_worksheet(name)
        if name != "空的":
            page.write("A1", name)
        if name == "二月":
            page.write("C3", "末")
            page.write("XFD9", "")
    book.get_worksheet_by_name("隐藏").hide()


def test_sheets_with_data_are_taken_or_the_wanted_one(reading: Reader) -> None:
    content = _book(_three_sheets)
    found = reading(content, "a.xlsx")
    assert [(sheet.name, sheet.rows, sheet.columns) for sheet in found.sheets] == [("一月", 1, 1), ("二月", 3, 3)]
    table = pl.read_parquet(found.text_path)
    assert table.select("_sheet", "_row", "_cells").rows() == [
        ("一月", 1, 1),
        ("二月", 1, 3),
        ("二月", 2, 3),
        ("二月", 3, 3),
    ]
    assert (found.rows, found.columns) == (4, 3)
    assert [sheet.name for sheet in reading(content, "a.xlsx", wanted_sheet="隐藏").sheets] == ["隐藏"]
    assert [sheet.name for sheet in reading(content, "a.xlsx", wanted_sheet=3).sheets] == ["二月"]
    for wanted in ("三月", "空的", 9):
        with _refusal("F117"):
            reading(content, "a.xlsx", wanted_sheet=wanted)


def test_error_cells_land_in_their_own_sheet(reading: Reader) -> None:
    def fill(book: xlsxwriter.Workbook) -> None:
        for name in ("甲&乙", "丙"):
            page = book.add_worksheet(name)
            page.write("B2", "x")
        page.write_formula("C30001", "=1/0", None, "#REF!")

    table = pl.read_parquet(reading(_book(fill), "a.xlsx").text_path)
    assert table.filter(pl.col("c002").is_not_null()).select("_sheet", "_row", "c002").rows() == [
        ("丙", 30001, "#REF!")
    ]


def _tiny_workbook(cells: str, dimension: str = "") -> bytes:
    """A workbook of three parts, as small as one can be."""
    main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    office = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    packages = "http://schemas.openxmlformats.org/package/2006"
    parts = {
        "[Content_Types].xml": f'<Types xmlns="{packages}/content-types"/>',
        "_rels/.rels": f'<Relationships xmlns="{packages}/relationships">'
        f'<Relationship Id="r1" Type="{office}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
        "xl/workbook.xml": f'<workbook xmlns="{main}" xmlns:r="{office}"><sheets>'
        '<sheet name="S" sheetId="1" r:id="r1"/></sheets></workbook>',
        "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{packages}/relationships">'
        f'<Relationship Id="r1" Type="{office}/worksheet" Target="worksheets/sheet1.xml"/></Relationships>',
        "xl/worksheets/sheet1.xml": f'<worksheet xmlns="{main}">{dimension}<sheetData>{cells}</sheetData></worksheet>',
    }
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in parts.items():
            archive.writestr(name, text)
    return target.getvalue()


_FAR_CELLS = '<row r="1"><c r="A1"><v>1</v></c></row><row r="1048576"><c r="XFD1048576"><v>1</v></c></row>'


@pytest.mark.parametrize("dimension", ["", '<dimension ref="A1:XFD1048576"/>', '<dimension ref="A1:B2"/>'])
def test_two_cells_far_apart_are_refused(reading: Reader, dimension: str) -> None:
    content = _tiny_workbook(_FAR_CELLS, dimension)
    assert len(content) < 1700
    with _refusal("F116"):
        reading(content, "a.xlsx")


def test_a_false_dimension_does_not_matter(reading: Reader) -> None:
    content = _tiny_workbook('<row r="2"><c r="B2"><v>7</v></c></row>', '<dimension ref="A1:XFD1048576"/>')
    assert _cells(reading(content, "a.xlsx")) == [[None, None], [None, "7"]]


def test_far_cells_that_nothing_cheap_can_see_cost_only_the_child(reading: Reader) -> None:
    # Neither the first nor the last cell of any piece: the parser is asked for half a terabyte and aborts.
    near = '<c r="B1"><v>1</v></c><c r="C1"><v>1</v></c>'
    hidden = f'<row r="1"><c r="A1"><v>1</v></c><c r="XFD1048576"><v>1</v></c>{near}</row>'
    with _refusal("F114") as caught:
        reading(_tiny_workbook(hidden), "a.xlsx")
    assert "memory" in caught.value.values_in("en")["detail"]
    assert "内存" in caught.value.values_in("zh")["detail"]


def test_bombs_are_refused(reading: Reader) -> None:
    with _refusal("F113") as caught:
        reading(_with_part(xlsx_bytes([HEADER]), "xl/media/a.bin", b"\0" * (64 << 20)), "a.xlsx")
    assert "to 1" in caught.value.values_in("en")["detail"]
    with _refusal("F113"):
        reading(xlsx_bytes([HEADER]), "a.xlsx", Limits(max_unpacked_bytes=1000))
    with _refusal("F113"):
        reading(xlsx_bytes([HEADER]), "a.xlsx", Limits(max_archive_entries=3))
    definition = '<!DOCTYPE a [<!ENTITY a "b">]>'
    with _refusal("F113"):
        reading(_tiny_workbook(definition), "a.xlsx")


def _with_part(content: bytes, name: str, part: bytes) -> bytes:
    target = io.BytesIO(content)
    with zipfile.ZipFile(target, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, part)
    return target.getvalue()


def test_too_wide_and_too_long_cells_in_workbooks(reading: Reader) -> None:
    with _refusal("F107") as caught:
        reading(_book(lambda book: book.add_worksheet().write(4, 200, "x")), "a.xlsx")
    assert "GS5" in caught.value.values_in("en")["detail"]
    huge = f'<row r="1"><c r="A1" t="inlineStr"><is><t>{"长" * 32_768}</t></is></c></row>'
    with _refusal("F107"):
        reading(_tiny_workbook(huge), "a.xlsx")


# Other formats, and files that are not what they seem


def test_truncated_workbook_is_damaged(reading: Reader) -> None:
    content = xlsx_bytes([HEADER, *ROWS])
    for size in (100, len(content) // 2, len(content) - 10):
        with _refusal("F115"):
            reading(content[:size], "a.xlsx")


_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"


@pytest.mark.parametrize(
    ("content", "name", "code"),
    [
        (b"<html><body><table><tr><td>1</td></tr></table></body></html>", "a.xls", "F112"),
        ("\ufeff<?xml version='1.0'?><Workbook/>".encode(), "a.xls", "F112"),
        (b"a\tb\n1\t2\n", "a.xls", "F112"),
        (_OLE + bytes(600) + "EncryptedPackage".encode("utf-16-le"), "a.xlsx", "F109"),
        (_OLE + bytes(600) + "WordDocument".encode("utf-16-le"), "a.wps", "F108"),
        (_OLE + bytes(600), "a.xls", "F108"),
        (_OLE + bytes(600) + "Workbook".encode("utf-16-le"), "a.xls", "F115"),
        (b"%PDF-1.7", "a.csv", "F108"),
        (b"Rar!\x1a\x07\x00", "a.rar", "F108"),
        (b"a,b\n1,2\n", "a.pdf", "F108"),
        (b"PAR1 nothing more", "a.parquet", "F115"),
    ],
)
def test_foreign_content_is_named(reading: Reader, content: bytes, name: str, code: str) -> None:
    with _refusal(code):
        reading(content, name)


def test_a_workbook_is_read_under_any_name(reading: Reader) -> None:
    assert _cells(reading(xlsx_bytes([["a", "b"]]), "a.csv")) == [["a", "b"]]


def test_zip_of_tables_is_refused_with_advice(reading: Reader) -> None:
    with _refusal("F108") as caught:
        reading(_with_part(b"", "a.csv", b"a,b"), "a.zip")
    assert "unpack" in caught.value.values_in("en")["detail"]


def test_flat_parquet(reading: Reader) -> None:
    target = io.BytesIO()
    pl.DataFrame(
        {
            "名": ["甲", "", None],
            "数": [1.0, 0.285, None],
            "日": [date(2026, 3, 5), None, None],
            "是": [True, False, None],
        }
    ).write_parquet(target)
    found = reading(target.getvalue(), "a.parquet")
    assert _cells(found) == [
        ["名", "数", "日", "是"],
        ["甲", "1", "2026-03-05", "TRUE"],
        [None, "0.285", None, "FALSE"],
        [None] * 4,
    ]
    assert _positions(found) == [(row, 4) for row in (1, 2, 3, 4)]
    nested = io.BytesIO()
    pl.DataFrame({"a": [[1, 2]]}).write_parquet(nested)
    with _refusal("F108"):
        reading(nested.getvalue(), "a.parquet")


def test_flat_json_lines_keep_their_digits(reading: Reader) -> None:
    text = '{"a": 1.50, "b": "x"}\n\n{"b": null, "c": true, "a": 12345678901234567890}\n'
    found = reading(text.encode(), "a.jsonl")
    assert _cells(found) == [["a", "b", "c"], ["1.50", "x", None], [None] * 3, ["12345678901234567890", None, "TRUE"]]
    for content, code in ((b'{"a": [1]}', "F108"), (b'{"a": 1', "F118"), (b"[1]", "F118"), (b'{"a": "\xff"}', "F110")):
        with _refusal(code):
            reading(content, "a.jsonl")


# Error cells of binary workbooks: records written by hand after [MS-XLS] and [MS-XLSB]


def _record(kind: int, body: bytes) -> bytes:
    return struct.pack("<HH", kind, len(body)) + body


def test_error_records_of_xls() -> None:
    bof, eof = _record(0x0809, b"\x00\x06" + bytes(14)), _record(0x000A, b"")
    name = "数据".encode("utf-16-le")
    globals_size = len(bof) + 4 + 8 + len(name) + len(eof)
    sheet_record = _record(0x0085, struct.pack("<IHBB", globals_size, 0, 2, 1) + name)
    cells = (
        _record(0x0205, struct.pack("<HHHBB", 2, 1, 0, 0x2A, 1))
        + _record(0x0205, struct.pack("<HHHBB", 3, 1, 0, 1, 0))
        + bof
        + _record(0x0205, struct.pack("<HHHBB", 0, 0, 0, 7, 0))
        + eof
        + _record(0x0006, struct.pack("<HHHBBBBBBH", 4, 5, 0, 2, 0, 0x07, 0, 0, 0, 0xFFFF) + bytes(6))
        + _record(0x0006, struct.pack("<HHHd", 6, 6, 0, 2.0) + bytes(6))
    )
    stream = bof + sheet_record + eof + bof + cells + eof
    assert list(_xls_sheets(stream)) == [("数据", globals_size)]
    assert _xls_sheet_errors(stream, globals_size) == {2: {1: "#N/A"}, 4: {5: "#DIV/0!"}}


def test_error_records_of_xlsb() -> None:
    def record(kind: int, body: bytes) -> bytes:
        head = bytes([kind]) if kind < 128 else bytes([kind & 0x7F | 0x80, kind >> 7])
        size = bytes([len(body)]) if len(body) < 128 else bytes([len(body) & 0x7F | 0x80, len(body) >> 7])
        return head + size + body

    sheet = (
        record(129, bytes(200))
        + record(0, struct.pack("<I", 7) + bytes(13))
        + record(3, struct.pack("<IIB", 2, 0, 0x17))
        + record(5, struct.pack("<IId", 3, 0, 1.5))
        + record(11, struct.pack("<IIB", 4, 0, 0x24) + bytes(10))
    )
    assert _xlsb_sheet_errors(sheet) == {7: {2: "#REF!", 4: "#NUM!"}}


# Real files


def _real(name: str) -> Path:
    path = REAL_DATA / name
    if not path.exists():
        pytest.skip(f"{name} is not there; set REAL_DATA to the folder of real files")
    return path


def test_real_yearbook_xls(tmp_path: Path) -> None:
    path = _real("office/nbs_yearbook_admin_2012.xls")
    found = read(path, path.name, tmp_path)
    cells = _cells(found)
    assert (found.format, found.rows, found.columns) == ("xls", 49, 12)
    # Row 4 of the sheet is the upper header, its first cell merged down to row 6.
    assert cells[3][:4] == ["省级区划名称", "地  级", None, "县  级"]
    assert (4, 1, 6, 1) in found.sheets[0].merged
    stream = _workbook_stream(path.read_bytes())
    assert [name for name, _ in _xls_sheets(stream)] == ["Sheet1"]


def test_real_census_against_an_independent_reader(tmp_path: Path) -> None:
    path = _real("office/census_county_2010_v1.xlsx")
    found = read(path, path.name, tmp_path)
    assert (found.rows, found.columns) == (3280, 169)
    sheet = openpyxl.load_workbook(path, read_only=True).active
    assert sheet is not None
    ours = _cells(found)
    for number, row in enumerate(sheet.iter_rows(max_row=60, values_only=True)):
        for place, value in enumerate(row):
            text = ours[number][place]
            assert (text is None) == (value is None), (number, place)
            if isinstance(value, str):
                assert text == value
            elif value is not None:
                assert float(str(text)) == pytest.approx(float(str(value)), rel=1e-14)


# The reading process


def test_limits_of_memory_and_time_are_refusals(reading: Reader) -> None:
    content = xlsx_bytes([HEADER, *ROWS * 1500])
    for mebibytes in (1, 8, 32):
        with _refusal("F114") as caught:
            reading(content, "a.xlsx", Limits(workbook_memory_bytes=mebibytes << 20, max_sheet_cells=10**9))
        assert "memory" in caught.value.values_in("en")["detail"], mebibytes
    with _refusal("F114") as caught:
        reading(content, "a.xlsx", Limits(wall_seconds=0.001))
    assert "0.001 s" in caught.value.values_in("en")["detail"]
    assert reading(b"a,b\n1,2\n").rows == 2


def test_output_limit_is_a_refusal(reading: Reader) -> None:
    with _refusal("F114"):
        reading(csv_bytes([[os.urandom(400).hex()] * 3] * 3000), limits=Limits(max_output_bytes=10_000))


def test_a_killed_reader_or_server_is_survived(reading: Reader) -> None:
    content = xlsx_bytes([HEADER, *ROWS * 1500])
    reading(b"a,b\n1,2\n")
    servers = _children(os.getpid())
    killer = threading.Thread(target=_kill_first_child, args=(servers,))
    killer.start()
    with _refusal("F114"):
        reading(content, "a.xlsx")
    killer.join()
    for server in servers:
        os.kill(server, signal.SIGKILL)
    assert reading(b"a,b\n1,2\n").rows == 2


def _kill_first_child(servers: list[int]) -> None:
    while True:
        for server in servers:
            for child in _children(server):
                os.kill(child, signal.SIGKILL)
                return


def _children(pid: int) -> list[int]:
    tasks = Path(f"/proc/{pid}/task").iterdir()
    return [int(child) for task in tasks for child in (task / "children").read_text().split()]


def test_many_threads_read_at_once(tmp_path: Path) -> None:
    def one(number: int) -> list[list[str | None]]:
        landed = tmp_path / f"landed{number}"
        landed.write_bytes(f"a,b\n{number},2\n".encode())
        return _cells(read(landed, "a.csv", tmp_path / f"work{number}"))

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(one, range(12))) == [[["a", "b"], [str(number), "2"]] for number in range(12)]


def test_a_script_is_not_run_again_and_nothing_is_noisy(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(b"a,b\n1,2\n")
    (tmp_path / "bomb.xlsx").write_bytes(_tiny_workbook(_FAR_CELLS.replace('"XFD1048576"', '"A1048576"')))
    script = tmp_path / "script.py"
    script.write_text(
        "from pathlib import Path\n"
        "print('once', flush=True)\n"
        "from tasks.read import FileRefused, Limits, read\n"
        "here = Path(__file__).parent\n"
        "print(read(here / 'a.csv', 'a.csv', here / 'work').rows)\n"
        "try:\n"
        "    read(here / 'bomb.xlsx', 'bomb.xlsx', here / 'work', Limits(workbook_memory_bytes=1 << 26))\n"
        "except FileRefused as refusal:\n"
        "    print(refusal.code)\n"
    )
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, str(script)],
        env=os.environ | {"PYTHONPATH": str(root)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.stdout, done.stderr, done.returncode) == ("once\n2\nF114\n", "", 0)


def test_no_working_files_are_left(reading: Reader, tmp_path: Path) -> None:
    reading('村名,"数"\n"a","1"\n'.encode("gb18030") + "青石坪大石桥,2\n".encode("gb18030"))
    assert [path.name for path in (tmp_path / "work").iterdir()] == ["text.parquet"]
    with _refusal("F118"):
        reading(b'a,b\n"1')
    assert list((tmp_path / "work").iterdir()) == []


def test_refusals_cross_processes_whole() -> None:
    refusal = FileRefused("F106", value=Words("大", "large"), expected=3)
    again = FileRefused.from_json(refusal.to_json())
    assert (again.code, again.values) == ("F106", {"value": Words("大", "large"), "expected": 3})
    assert again.values_in("zh") == {"value": "大", "expected": "3"}
    assert str(again.values["value"]) == "大 (large)"
