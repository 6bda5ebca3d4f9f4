"""Finding the header of a sheet and matching it to a dataset."""

from __future__ import annotations

import polars as pl
import pytest

from expectations.datasets import DATASETS
from tasks.normalizing.header import find_header
from tasks.reading.errors import FileRefused

PERIOD = DATASETS["period"]
NAMES = ["period_id", "kind", "start_date", "end_date", "cutoff_at", "status"]


def sheet(*rows: list[str | None]) -> pl.DataFrame:
    width = max(len(row) for row in rows)
    filled = [[*row, *[None] * (width - len(row))] for row in rows]
    cells = {f"c{place:03d}": [row[place] for row in filled] for place in range(width)}
    return pl.DataFrame({"_row": range(1, len(rows) + 1), **cells}, schema_overrides=dict.fromkeys(cells, pl.String))


def test_names_and_chinese_titles_in_any_order_and_width() -> None:
    titles = [PERIOD.column(name).zh for name in NAMES]
    header = find_header(sheet(["某县考核期"], [None], [f" {titles[0]}＊", *titles[:0:-1]]), "数据", PERIOD)
    assert header.last_row == 3
    assert header.positions == {NAMES[0]: "c000", **{name: f"c{5 - n:03d}" for n, name in enumerate(NAMES[1:])}}


def test_a_header_of_two_merged_rows_is_joined() -> None:
    upper = ["period_id", "kind", "起止", None, "cutoff_at", "status"]
    lower = [None, None, "start_date", "end_date", None, None]
    plain = find_header(sheet(NAMES), "", PERIOD).positions
    with pytest.raises(FileRefused) as refused:
        find_header(sheet(upper, lower), "", PERIOD)
    assert refused.value.code == "F120"  # 起止/start_date is no name of ours: said, not guessed
    assert plain["status"] == "c005"


@pytest.mark.parametrize(
    ("rows", "code"),
    [
        ([["a", "b"], ["c", "d"]], "F121"),
        ([NAMES[:-1]], "F120"),
        ([[*NAMES, PERIOD.column("status").zh]], "E102"),
        ([[*NAMES, "姓名"]], "F130"),
        ([[*NAMES, "联系电话"]], "F130"),
        ([[*NAMES, "来自IP"]], "F130"),
        ([[*NAMES, "OpenID"]], "F130"),
    ],
)
def test_what_is_wrong_with_a_header_is_named(rows: list[list[str | None]], code: str) -> None:
    with pytest.raises(FileRefused) as refused:
        find_header(sheet(*rows), "", PERIOD)
    assert refused.value.code == code


def test_unknown_columns_are_listed_and_our_reply_columns_are_not() -> None:
    header = find_header(sheet([*NAMES, "备用列", "错误代码", "错误说明"]), "", PERIOD)
    assert header.unknown == ("备用列",)


def test_words_that_only_contain_ip_are_not_personal() -> None:
    assert find_header(sheet([*NAMES, "recipient", "scripts"]), "", PERIOD).unknown == ("recipient", "scripts")


def test_the_header_must_lie_in_the_first_ten_rows() -> None:
    with pytest.raises(FileRefused) as refused:
        find_header(sheet(*([["x"]] * 10), NAMES), "", PERIOD)
    assert refused.value.code == "F121"
