"""The cell rules of the input contract: worked examples, and the plain lane held against them."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from expectations.declaration import Code, Column, ColumnType
from tasks.normalizing.cell_rules import Options, apply_cell_rules
from tasks.normalizing.plain_cells import is_plain, plain_value

ANSWERS = (Code("answered", "已作答", "answered", ("答了",)), Code("dont_know", "不了解", "don't know"))


def column(kind: ColumnType, name: str = "x", **more: object) -> Column:
    return Column(name, kind, "某列", "a column", "", "", **more)  # type: ignore[arg-type]


def judged(declared: Column, text: str | None, options: Options | None = None) -> dict[str, object]:
    cells = pl.Series([text], dtype=pl.String)
    return apply_cell_rules(declared, cells, options or Options()).row(0, named=True)


MINUTES = column(ColumnType.INTEGER, unit_suffixes={"小时": 60, "分钟": 1})

VALUES = [
    (column(ColumnType.INTEGER), "12", 12),
    (column(ColumnType.INTEGER), "１２", 12),
    (column(ColumnType.INTEGER), " 1,234 ", 1234),
    (column(ColumnType.INTEGER), "3.0", 3),
    (column(ColumnType.INTEGER), "-7", -7),
    (MINUTES, "3.5小时", 210),
    (MINUTES, "210分钟", 210),
    (column(ColumnType.DECIMAL), "1,234.5", Decimal("1234.5")),
    (column(ColumnType.DECIMAL), "-0.000001", Decimal("-0.000001")),
    (column(ColumnType.RATIO), "28.5%", Decimal("0.285")),
    (column(ColumnType.RATIO), "１００％", Decimal(1)),
    (column(ColumnType.RATIO), "0.285", Decimal("0.285")),
    (column(ColumnType.DATE), "2026-03-05", date(2026, 3, 5)),
    (column(ColumnType.DATE), "2026/3/5", date(2026, 3, 5)),
    (column(ColumnType.DATE), "2026.3.5", date(2026, 3, 5)),
    (column(ColumnType.DATE), "20260305", date(2026, 3, 5)),
    (column(ColumnType.DATE), "2026年3月5日", date(2026, 3, 5)),
    (column(ColumnType.DATE), "二〇二六年三月五日", date(2026, 3, 5)),
    (column(ColumnType.DATE), "二〇二六年十二月三十一日", date(2026, 12, 31)),
    (column(ColumnType.DATE), "2026-03-05 00:00:00", date(2026, 3, 5)),
    (column(ColumnType.TIMESTAMP), "2026-09-10T10:00:00+08:00", datetime(2026, 9, 10, 2, tzinfo=UTC)),
    (column(ColumnType.TIMESTAMP), "2026/9/3 12:00:00", datetime(2026, 9, 3, 4, tzinfo=UTC)),
    (column(ColumnType.TIMESTAMP), "2026-09-10T02:00:00Z", datetime(2026, 9, 10, 2, tzinfo=UTC)),
    (column(ColumnType.TIMESTAMP), "2026年9月3日 12时30分", datetime(2026, 9, 3, 4, 30, tzinfo=UTC)),
    (column(ColumnType.CODE, codes=ANSWERS), "不了解", "dont_know"),
    (column(ColumnType.CODE, codes=ANSWERS), "答了", "answered"),
    (column(ColumnType.BOOLEAN), "√", True),
    (column(ColumnType.BOOLEAN), "×", False),
    (column(ColumnType.BOOLEAN), "否", False),
    (column(ColumnType.LIST), "A；B;", "A;B"),
    (column(ColumnType.IDENTIFIER, name="doc_no"), "霁府[2026]12 号", "霁府〔2026〕12号"),
    (column(ColumnType.IDENTIFIER), "Ａ－１", "A-1"),
    (column(ColumnType.NAME), "　霁川村 ", "霁川村"),
    (column(ColumnType.NAME), "ＡＢ村", "ＡＢ村"),  # names are never folded
]


@pytest.mark.parametrize(("declared", "text", "value"), VALUES, ids=[f"{c.type}-{t}" for c, t, _ in VALUES])
def test_a_cell_offices_write_becomes_the_value_they_mean(declared: Column, text: str, value: object) -> None:
    outcome = judged(declared, text)
    assert outcome["problem"] is None
    assert outcome["value"] == value


REFUSED = [
    (column(ColumnType.INTEGER), "1.15E+17", "E203"),
    (column(ColumnType.INTEGER), "3.5", "E203"),
    (column(ColumnType.INTEGER), "约10", "E204"),
    (column(ColumnType.INTEGER), "10+", "E204"),
    (column(ColumnType.INTEGER), "10-15", "E204"),
    (column(ColumnType.INTEGER), "12次", "E204"),  # a unit the column does not list
    (column(ColumnType.DECIMAL), "0.1234567", "E217"),
    (column(ColumnType.DECIMAL), "1234567890123", "E217"),
    (column(ColumnType.RATIO), "28.5", "E205"),
    (column(ColumnType.RATIO), "150", "E215"),
    (column(ColumnType.RATIO), "-0.1", "E215"),
    (column(ColumnType.DATE), "26-3-5", "E206"),
    (column(ColumnType.DATE), "1999-01-01", "E207"),
    (column(ColumnType.DATE), "2026-02-30", "E209"),
    (column(ColumnType.DATE), "3月5日", "E209"),
    (column(ColumnType.TIMESTAMP), "明天", "E209"),
    (column(ColumnType.BOOLEAN), "可能", "E211"),
    (column(ColumnType.INTEGER, is_count=True), "无", "E212"),
    (column(ColumnType.JSON), "{", "E216"),
    (column(ColumnType.NAME), "a\x01b", "E219"),
    (column(ColumnType.IDENTIFIER), "1.15E+17", "E203"),
    *((column(kind), "#REF!", "E208") for kind in (ColumnType.INTEGER, ColumnType.NAME, ColumnType.DATE)),
]


@pytest.mark.parametrize(("declared", "text", "code"), REFUSED, ids=[f"{c.type}-{t}" for c, t, _ in REFUSED])
def test_a_cell_that_cannot_be_trusted_is_refused_and_never_repaired(declared: Column, text: str, code: str) -> None:
    outcome = judged(declared, text)
    assert outcome["problem"] == code
    assert outcome["value"] is None


@pytest.mark.parametrize("text", ["", "-", "—", "--", "/", "\\", "无", "暂无", "NA", "N/A", "null", "None", "（空）"])
def test_missing_words_are_missing_and_zero_is_not(text: str) -> None:
    assert judged(column(ColumnType.DECIMAL), text)["value"] is None
    assert judged(column(ColumnType.DECIMAL), "0")["value"] == 0


def test_a_ratio_above_one_is_told_what_to_write() -> None:
    assert judged(column(ColumnType.RATIO), "28.5")["expected"] == "0.285 或 / or 28.5%"


def test_the_manifest_may_say_that_ratios_are_percentages() -> None:
    assert judged(column(ColumnType.RATIO), "28.5", Options(percent_scale=100))["value"] == Decimal("0.285")


def test_an_unknown_word_keeps_its_text_and_gets_the_nearest_code_as_advice() -> None:
    outcome = judged(column(ColumnType.CODE, codes=ANSWERS), "已做答")
    assert (outcome["value"], outcome["expected"], outcome["problem"]) == ("已做答", "已作答", None)


def test_an_empty_cell_takes_the_default() -> None:
    assert judged(column(ColumnType.INTEGER, default="1"), None)["value"] == 1


TYPES = [
    column(ColumnType.INTEGER),
    MINUTES,
    column(ColumnType.INTEGER, is_count=True, default="1"),
    column(ColumnType.DECIMAL),
    column(ColumnType.RATIO),
    column(ColumnType.DATE),
    column(ColumnType.TIMESTAMP),
    column(ColumnType.CODE, codes=ANSWERS),
    column(ColumnType.BOOLEAN),
    column(ColumnType.IDENTIFIER),
    column(ColumnType.IDENTIFIER, name="doc_no"),
    column(ColumnType.NAME),
    column(ColumnType.LIST),
    column(ColumnType.JSON),
]
_PIECES = st.sampled_from(
    [
        *("0", "1", "12", "007", "-", "+", ".", "5", ",", "%", "2026-03-05", "2026", "/", "年", "3", "月", "日"),
        *("T10:00:00+08:00", "E+17", "e5", " ", "\u3000", "\ufeff", "约", "小时", "answered", "已作答", "true", "是"),
        *(
            "无",
            "NA",
            "#REF!",
            "１",
            "％",
            "(",
            "]",
            "号",
            "A",
            "a",
            "村",
            "〔",
            "〕",
            "〔2026〕",
            "第",
            ";",
            "{}",
            "\x01",
            "00:00",
            "Z",
            "\n",
            "'",
        ),
    ]
)
_TEXTS = st.one_of(st.none(), st.lists(_PIECES, min_size=1, max_size=5).map("".join), st.text(max_size=12))


@settings(max_examples=300, deadline=None)
@given(texts=st.lists(_TEXTS, min_size=1, max_size=40), number=st.integers(0, len(TYPES) - 1))
def test_the_plain_lane_only_takes_what_the_cell_rules_leave_as_it_is(texts: list[str | None], number: int) -> None:
    declared = TYPES[number]
    cells = pl.Series(texts, dtype=pl.String)
    lanes = pl.DataFrame({"text": cells}).select(
        value=plain_value(declared, pl.col("text")), plain=is_plain(declared, pl.col("text"))
    )
    ruled = apply_cell_rules(declared, cells, Options())
    for text, value, plain, row in zip(texts, lanes["value"], lanes["plain"], ruled.iter_rows(named=True), strict=True):
        if plain:
            assert row["problem"] is None, text
            assert row["change"] is None or text is None, (text, row)
            assert value == row["value"], text


@settings(max_examples=200, deadline=None)
@given(texts=st.lists(_TEXTS, min_size=1, max_size=30), number=st.integers(0, len(TYPES) - 1))
def test_a_value_is_given_or_a_reason_or_the_cell_was_empty(texts: list[str | None], number: int) -> None:
    declared = TYPES[number]
    for text, row in zip(
        texts,
        apply_cell_rules(declared, pl.Series(texts, dtype=pl.String), Options()).iter_rows(named=True),
        strict=True,
    ):
        missing = text is None or row["change"] == "I508" or not (text or "").strip(" \t\r\n\v\f　\u00a0\ufeff")
        assert row["value"] is not None or row["problem"] is not None or missing or row["given"] in ("", None), (
            text,
            row,
        )


@pytest.mark.parametrize("number", range(10_000, 10_040))
def test_a_number_of_millionths_survives_exactly(number: int) -> None:
    text = f"{number // 7}.{number % 1_000_000:06d}"
    assert judged(column(ColumnType.DECIMAL), text)["value"] == Decimal(text)
