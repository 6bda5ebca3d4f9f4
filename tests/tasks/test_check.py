"""The check step on small files: references, checks between columns, repeated keys, totals, skipped rows."""

from __future__ import annotations

import csv
import io
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from expectations.datasets import DATASETS
from tasks.check import Checked, FileToCheck, Stamp, check
from tasks.checking.references import Known
from tasks.pseudonyms import Pseudonyms

KEY = Pseudonyms(bytes(range(32)))
STAMP = Stamp("0" * 64, "JC-JFB", 1, datetime(2026, 8, 1, tzinfo=UTC))


def view(name: str, *rows: dict[str, Any]) -> pl.DataFrame:
    """Current rows of a dataset, columns not named being empty."""
    schema = DATASETS[name].stored_schema
    filled = [dict.fromkeys(schema) | row for row in rows]
    return pl.DataFrame(filled, schema=schema) if rows else pl.DataFrame(schema=schema)


def org(org_id: str, level: str = "village", parent: str | None = None, **more: Any) -> dict[str, Any]:
    return {"org_id": org_id, "level": level, "parent_org_id": parent, "valid_from": date(2026, 1, 1)} | more


SCALE = {"scale_min": 1, "scale_max": 5, "scale_step": 1, "instrument_id": "REV", "instrument_version": "1"}
RATERS = {"TOKEN-1": "V1", "TOKEN-2": "V2"}


def world() -> dict[str, pl.DataFrame]:
    tokens = KEY.of(pl.Series(list(RATERS))).to_list()
    return {
        "org_unit": view(
            "org_unit",
            org("V1", parent="T1"), org("V2", parent="T1"), org("T1", "township", "C1"), org("C1", "county"),
            org("D1", "county", "C1"), org("D2", "county", "C1", valid_to=date(2026, 7, 10)), org("X1", "county", "C2"),
            org("C2", "county"),
        ),
        "period": view("period", {"period_id": "2026M07"}),
        "instrument_item": view("instrument_item", {"item_id": "Q1", **SCALE}, {"item_id": "Q2", **SCALE}),
        "rater": view(
            "rater",
            *({"rater_id": token, "rater_org_id": unit, "valid_from": date(2026, 1, 1), "valid_to": date(2026, 8, 1)}
              for token, unit in zip(tokens, RATERS.values(), strict=True)),
        ),
        "rating_frame": view("rating_frame"),
    }  # fmt: skip


RATING = {
    "period_id": "2026M07", "instrument_id": "REV", "instrument_version": "1", "rater_token": "TOKEN-1",
    "rater_org_id": "V1", "target_org_id": "D1", "item_id": "Q1", "status": "answered", "score_raw": "4",
    "submission_id": "S1", "submitted_at": "2026-07-05T10:00:00+08:00",
}  # fmt: skip


def run(name: str, rows: list[dict[str, str]], folder: Path, known: dict[str, pl.DataFrame] | None = None) -> Checked:
    """Check rows as if they had come in a CSV."""
    titles = list(dict.fromkeys(key for row in rows for key in row))
    table = [titles, *([row.get(title, "") for title in titles] for row in rows)]
    return run_table(name, table, folder, known)


def run_table(name: str, table: list[list[str]], folder: Path, known: dict[str, pl.DataFrame] | None = None) -> Checked:
    cells = {f"c{place:03d}": [row[place] or None for row in table] for place in range(len(table[0]))}
    text = pl.DataFrame(
        {
            "_sheet": [""] * len(table),
            "_row": range(1, len(table) + 1),
            "_cells": [len(table[0])] * len(table),
            **cells,
        },
        schema_overrides={"_row": pl.UInt32, "_cells": pl.UInt16, **dict.fromkeys(cells, pl.String)},
    )
    job = FileToCheck(text.lazy(), ("",), True, DATASETS[name], Known(world() if known is None else known), KEY, STAMP)
    return check(job, folder)


def told(checked: Checked) -> list[tuple[int, str, str]]:
    """(row, code, column) of every problem."""
    return sorted(checked.problems.select("_row", "code", pl.col("column").fill_null("")).iter_rows())


def test_good_rows_take_the_plain_lane_and_nothing_is_told(tmp_path: Path) -> None:
    checked = run("rating_event", [RATING, RATING | {"item_id": "Q2"}], tmp_path)
    assert told(checked) == []
    assert [part.rows for part in checked.plain] == [2]
    assert checked.repaired.is_empty()
    values = checked.accepted(DATASETS["rating_event"]).collect()
    assert values["rater_id"].to_list() == KEY.of(pl.Series(["TOKEN-1", "TOKEN-1"])).to_list()
    assert "rater_token" not in values.columns


@pytest.mark.parametrize(
    ("change", "code", "column"),
    [
        ({"target_org_id": "D9"}, "E221", "target_org_id"),
        ({"target_org_id": "D2", "submitted_at": "2026-07-10T00:00:00+08:00"}, "E222", "target_org_id"),
        ({"item_id": "Q9"}, "E223", "item_id"),
        ({"period_id": "2026M08"}, "E225", "period_id"),
        ({"rater_token": "TOKEN-9"}, "E227", "rater_id"),
        ({"rater_org_id": "V2"}, "E228", "rater_org_id"),
        ({"submitted_at": "2026-08-01T00:00:00+08:00"}, "E228", "rater_org_id"),
        ({"score_raw": "6"}, "E229", "score_raw"),
        ({"score_raw": "3.5"}, "E229", "score_raw"),
        ({"score_raw": ""}, "E238", "score_raw"),
        ({"status": "dont_know"}, "E239", "score_raw"),
        ({"target_org_id": "X1"}, "E235", "target_org_id"),
        ({"target_org_id": ""}, "E201", "target_org_id"),
        ({"status": "完成"}, "E210", "status"),
        ({"target_org_id": "d1"}, "E214", "target_org_id"),
    ],
)
def test_one_fault_gives_one_reason(change: dict[str, str], code: str, column: str, tmp_path: Path) -> None:
    """Of a good row and a bad one exactly the bad one is rejected, for exactly the planted reason."""
    checked = run("rating_event", [RATING | {"item_id": "Q2"}, RATING | change], tmp_path)
    mine = [entry for entry in told(checked) if not (entry[1] == "E221" and code == "E214")]
    assert mine == [(3, code, column)]
    assert checked.rejected["_row"].to_list() == [3]
    assert sum(part.rows for part in checked.plain) + checked.repaired.height == 1


def test_a_department_in_force_on_the_day_is_accepted(tmp_path: Path) -> None:
    rows = [RATING | {"target_org_id": "D2", "submitted_at": "2026-07-09T23:59:59+08:00"}]
    assert told(run("rating_event", rows, tmp_path)) == []


def test_rating_oneself_is_refused(tmp_path: Path) -> None:
    known = world()
    known["rater"] = known["rater"].with_columns(rater_org_id=pl.lit("D1"))
    checked = run("rating_event", [RATING | {"rater_org_id": "D1"}], tmp_path, known)
    assert (2, "E226", "target_org_id") in told(checked)


def test_the_frame_says_who_rates_whom(tmp_path: Path) -> None:
    known = world()
    base = {"period_id": "2026M07"}
    known["rating_frame"] = view(
        "rating_frame",
        base | {"role": "assessed", "subject_org_id": "D1"},
        base | {"role": "may_rate", "subject_org_id": "D1", "rater_org_id": "V1"},
    )
    rows = [RATING, RATING | {"rater_token": "TOKEN-2", "rater_org_id": "V2"}, RATING | {"target_org_id": "C1"}]
    assert told(run("rating_event", rows, tmp_path, known)) == [
        (3, "E235", "target_org_id"),
        (4, "E235", "target_org_id"),
    ]


def test_repeated_keys_are_never_decided_by_order(tmp_path: Path) -> None:
    twice, other = RATING | {"item_id": "Q2"}, RATING | {"score_raw": "2"}
    checked = run("rating_event", [RATING, twice, other, twice], tmp_path)
    assert told(checked) == [(2, "E231", ""), (4, "E231", ""), (5, "W311", "")]
    assert checked.identical == 1
    assert checked.repaired["_row"].to_list() == [3]


def test_a_key_repeated_in_another_writing_is_found(tmp_path: Path) -> None:
    checked = run("rating_event", [RATING, RATING | {"item_id": "Ｑ1", "score_raw": "1"}], tmp_path)
    assert [code for _, code, _ in told(checked)] == ["E231", "E231"]


def test_blank_total_and_footer_rows_are_counted_and_totals_are_checked(tmp_path: Path) -> None:
    titles = ["indicator_id", "org_id", "period_id", "source_org_id", "value", "unit", "as_of"]
    fact = ["I1", "V1", "2026M07", "D1", "2", "件", "2026-07-31"]
    table = [
        ["某县指标表", *[""] * 6],
        titles,
        fact,
        [*fact[:1], "V2", *fact[2:]],
        [""] * 7,
        ["合 计", "", "", "", "5", "", ""],
        ["填表单位：某办", *[""] * 6],
    ]
    known = world() | {
        "indicator": view("indicator", {"indicator_id": "I1", "unit": "件", "valid_from": date(2026, 1, 1)})
    }
    checked = run_table("performance_fact", table, tmp_path, known)
    assert dict(checked.skipped) == {"blank": 1, "total": 1, "footer": 1}
    assert told(checked) == [(6, "W301", "value")]
    assert (checked.rows_read, checked.data_rows) == (5, 2)


def test_a_village_whose_name_begins_like_a_footer_is_data(tmp_path: Path) -> None:
    titles = ["org_name", "org_id", "org_kind", "level", "valid_from"]
    rows = [titles, ["注家村", "V7", "village", "village", "2026-01-01"]]
    assert told(run_table("org_unit", rows, tmp_path, {"org_unit": view("org_unit")})) == []


def test_overlapping_validity_is_found_in_the_file_and_against_what_is_known(tmp_path: Path) -> None:
    titles = ["org_id", "org_name", "org_kind", "level", "valid_from", "valid_to"]
    rows = [
        titles,
        ["V8", "甲村", "village", "village", "2026-01-01", "2026-06-01"],
        ["V8", "甲村", "village", "village", "2026-05-01", ""],
        ["V1", "乙村", "village", "village", "2025-01-01", ""],
    ]
    checked = run_table("org_unit", rows, tmp_path)
    assert told(checked) == [(2, "E236", "valid_to"), (4, "E236", "valid_to")]


def test_a_parent_may_come_in_the_same_file(tmp_path: Path) -> None:
    titles = ["org_id", "org_name", "org_kind", "level", "parent_org_id", "valid_from"]
    rows = [
        titles,
        ["V8", "甲村", "village", "village", "T8", "2026-01-01"],
        ["T8", "乙镇", "township", "township", "", "2026-01-01"],
        ["V9", "丙村", "village", "village", "T9", "2026-01-01"],
    ]
    assert told(run_table("org_unit", rows, tmp_path)) == [(4, "E221", "parent_org_id")]


def test_a_void_row_needs_only_its_key(tmp_path: Path) -> None:
    void = {key: RATING[key] for key in ("period_id", "instrument_id", "rater_token", "target_org_id", "item_id")}
    checked = run("rating_event", [RATING | {"item_id": "Q2", "record_op": ""}, void | {"record_op": "作废"}], tmp_path)
    assert told(checked) == []
    assert checked.repaired["record_op"].to_list() == ["void"]


def test_the_value_of_a_token_is_never_told(tmp_path: Path) -> None:
    checked = run("rating_event", [RATING | {"rater_token": "TOKEN-9"}], tmp_path)
    shown = checked.problems.write_csv() + checked.changes.write_csv()
    assert "TOKEN-9" not in shown
    assert KEY.of(pl.Series(["TOKEN-9"])).item() not in shown


def test_ragged_rows_are_refused_and_surplus_empty_cells_are_not(tmp_path: Path) -> None:
    titles = list(RATING)
    text = io.StringIO()
    csv.writer(text).writerows([titles])
    good, short = list(RATING.values()), list(RATING.values())[:-1]
    table = pl.DataFrame(
        {
            "_sheet": ["", "", "", ""],
            "_row": [1, 2, 3, 4],
            "_cells": [len(titles), len(titles) + 2, len(titles) - 1, len(titles) + 1],
            **{
                f"c{n:03d}": [title, good[n] if title != "item_id" else "Q2", [*short, None][n], good[n]]
                for n, title in enumerate(titles)
            },
            f"c{len(titles):03d}": [None, None, None, "多出"],
        },
        schema_overrides={"_row": pl.UInt32, "_cells": pl.UInt16},
    )
    job = FileToCheck(table.lazy(), ("",), True, DATASETS["rating_event"], Known(world()), KEY, STAMP)
    checked = check(job, tmp_path)
    rows = {row for row, code, _ in told(checked) if code == "E218"}
    assert rows == {3, 4}
    assert sum(part.rows for part in checked.plain) == 1
