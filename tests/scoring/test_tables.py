"""The declared results and the last step every result goes through."""

from __future__ import annotations

import math

import polars as pl
import pytest

from scoring.tables import BURDEN_TABLES, REASONS, RESULT_TABLES, ResultColumn, ResultTable, join_reasons

SMALL = ResultTable(
    name="small",
    zh="小表",
    en="small",
    columns=(
        ResultColumn("id", pl.String(), "编号", "id", "编号。", "An id."),
        ResultColumn("x", pl.Float64(), "值", "value", "值。", "A value.", decimals=1, nullable=True),
    ),
    key=("id",),
)


@pytest.mark.parametrize("table", RESULT_TABLES.values(), ids=RESULT_TABLES)
def test_every_table_is_complete(table: ResultTable) -> None:
    names = [column.name for column in table.columns]
    assert len(names) == len(set(names))
    assert set(table.key) <= set(names)
    # Flags and the burden tables are no rankings: names are joined where they are shown.
    if set(table.key) & {"org_id", "ratee_org_id"} and table.name not in {"anomaly_flag", *BURDEN_TABLES}:
        assert {"org_name", "peer_group"} <= set(names)
    for column in table.columns:
        assert all((column.zh, column.en, column.description_zh, column.description_en)), column.name
        assert (column.decimals is not None) == (column.dtype in {pl.Float64(), pl.Decimal(18, 6)}), column.name
        assert not (column.nullable and column.name in table.key)


def test_conform_rounds_half_to_even_sorts_and_drops_other_columns() -> None:
    # 2^-7 and 3 x 2^-7 lie exactly between two values of six decimals.
    frame = pl.DataFrame({"x": [0.0078125, 0.0234375, -1e-9, None], "id": ["b", "c", "a", "d"], "extra": [1, 2, 3, 4]})
    result = SMALL.conform(frame)
    assert result.columns == ["id", "x"]
    assert result["id"].to_list() == ["a", "b", "c", "d"]
    assert result["x"].to_list() == [0.0, 0.007812, 0.023438, None]
    assert math.copysign(1.0, result["x"][0]) == 1.0, "a rounded negative zero must not survive"


def test_conform_refuses_two_rows_of_one_key() -> None:
    with pytest.raises(ValueError, match="two rows have the same id"):
        SMALL.conform(pl.DataFrame({"id": ["a", "a"], "x": [1.0, 2.0]}))


def test_reasons_are_joined_in_declared_order() -> None:
    frame = pl.DataFrame({"x": [0, 1, 2, None]})
    joined = frame.select(join_reasons({"NO_PEER_GROUP": pl.col("x") > 0, "NO_RATINGS": pl.col("x") > 1}))
    assert joined["reason_codes"].to_list() == [None, "NO_PEER_GROUP", "NO_RATINGS;NO_PEER_GROUP", None]


def test_an_undeclared_reason_is_refused() -> None:
    with pytest.raises(KeyError, match="BAD_MOOD"):
        join_reasons({"BAD_MOOD": pl.lit(value=True)})


def test_reasons_speak_both_languages() -> None:
    assert all(reason.zh and reason.en for reason in REASONS.values())
