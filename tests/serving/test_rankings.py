from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tests.serving.program import NAMES, ORDER_SHOWN, PERIOD, SUPPRESSED

Call = Callable[..., Any]


def test_ranks_close_the_gap_of_a_suppressed_department(call: Call, published_home: Path) -> None:
    said = call("--home", published_home, "rankings", "--period", PERIOD, "--peer-group", "经济", "--json")
    assert said.code == 0
    rows = json.loads(said.out)["rows"]
    shown = [(row["rank"], row["ratee_org_id"]) for row in rows if row["rank"] is not None]
    assert shown == list(enumerate(ORDER_SHOWN, start=1))


def test_nothing_about_a_suppressed_department_is_told(call: Call, published_home: Path) -> None:
    said = call("--home", published_home, "rankings", "--period", PERIOD, "--json")
    row = next(row for row in json.loads(said.out)["rows"] if row["ratee_org_id"] == SUPPRESSED)
    figures = ("rank", "score", "ci_low", "ci_high", "reliability", "raters")
    assert {name: row[name] for name in figures} == dict.fromkeys(figures)
    assert {row[f"{name}_state"] for name in figures} == {"suppressed"}
    assert row["reason_codes"] == "SUPPRESSED_SMALL_N"


def test_items_of_a_suppressed_department_are_suppressed(call: Call, published_home: Path) -> None:
    said = call("--home", published_home, "rankings", "-p", PERIOD, "--what", "items", "--json")
    states = {(row["ratee_org_id"], row["score_raw_mean_state"]) for row in json.loads(said.out)["rows"]}
    assert (SUPPRESSED, "suppressed") in states
    assert (SUPPRESSED, "shown") not in states
    assert ("D1", "shown") in states


def test_satisfaction_of_few_respondents_is_suppressed(call: Call, published_home: Path) -> None:
    said = call("--home", published_home, "rankings", "-p", PERIOD, "--what", "satisfaction", "--json")
    rows = {row["org_id"]: row for row in json.loads(said.out)["rows"]}
    # Twelve answers of 4 and 5 by turns: 4.5 on a scale from 1 to 5 is 87.5 of 100.
    assert (rows["V1"]["mean_score"], rows["V1"]["mean_0_100"], rows["V1"]["n_answered"]) == (4.5, 87.5, 12)
    assert rows["V2"]["mean_score"] is rows["V2"]["n_answered"] is None


def test_points_of_units(call: Call, published_home: Path) -> None:
    said = call("--home", published_home, "rankings", "-p", PERIOD, "--what", "units", "--json")
    points = {row["org_id"]: row["points"] for row in json.loads(said.out)["rows"]}
    # Threshold .4, benchmark .8: .5 earns 1 + floor(9 * .1 / .4) = 3.
    assert points == {"V1": 10, "V2": 3, "V3": 0}


def test_published_figures_are_rounded_before_they_are_written(call: Call, published_home: Path) -> None:
    said = call("--home", published_home, "rankings", "-p", PERIOD, "--json")
    figures = [row[name] for row in json.loads(said.out)["rows"] for name in ("score", "ci_low", "ci_high")]
    shown = [figure for figure in figures if figure is not None]
    assert shown
    assert all(figure == round(figure, 1) for figure in shown)


@pytest.mark.parametrize("form", ["json", "csv", "table"])
def test_the_exact_number_of_raters_is_nowhere(call: Call, published_home: Path, form: str) -> None:
    said = call("--home", published_home, "rankings", "-p", PERIOD, "--format", form)
    assert '"n_raters"' not in said.out
    assert ",18," not in said.out
    assert ": 18" not in said.out
    assert "10-19" in said.out or "10–19" in said.out


def test_csv_opens_in_a_spreadsheet_program(call: Call, published_home: Path, tmp_path: Path) -> None:
    target = tmp_path / "ranking.csv"
    assert call("--home", published_home, "--lang", "zh", "rankings", "-p", PERIOD, "-o", target).code == 0
    content = target.read_bytes()
    assert content.startswith(b"\xef\xbb\xbf")
    assert b"\r\n" in content
    rows = list(csv.DictReader(io.StringIO(content.decode("utf-8-sig"))))
    names = [row["部门"] for row in rows]
    assert f"'{NAMES['D4']}" in names
    assert NAMES["D4"] not in names
    assert {row["发布版"] for row in rows} == {f"R-{PERIOD}-001"}
    suppressed = next(row for row in rows if row["被评部门编码"] == SUPPRESSED)
    assert (suppressed["名次"], suppressed["得分"]) == ("suppressed", "suppressed")


def test_csv_keeps_negative_numbers() -> None:
    from serving.ranking_files import _formula_safe

    frame = pl.DataFrame({"cell": ["-1.5", "-cmd", "+1", "@x", "=1", "\tx", "局-1", None]})
    safe = frame.select(_formula_safe("cell"))["cell"].to_list()
    assert safe == ["-1.5", "'-cmd", "'+1", "'@x", "'=1", "'\tx", "局-1", None]


def test_parquet_carries_its_source(call: Call, published_home: Path, tmp_path: Path) -> None:
    target = tmp_path / "ranking.parquet"
    call("--home", published_home, "rankings", "-p", PERIOD, "-o", target)
    about = json.loads(pl.read_parquet_metadata(target)["reverse_eval"])
    assert about["release_id"] == f"R-{PERIOD}-001"
    assert pl.read_parquet(target).filter(pl.col("score_state") == "suppressed")["score"].null_count() >= 1


def test_every_output_names_its_release(call: Call, published_home: Path) -> None:
    as_json = json.loads(call("--home", published_home, "rankings", "-p", PERIOD, "--json").out)
    source = as_json["source"]
    assert {"release_id", "data_as_of", "published_at", "result_hash", "scheme_id"} <= set(source)
    table = call("--home", published_home, "rankings", "-p", PERIOD)
    assert source["release_id"] in table.out
    assert source["result_hash"][:12] in table.err


def test_a_table_without_terminal_is_plain(call: Call, published_home: Path) -> None:
    said = call("--home", published_home, "rankings", "-p", PERIOD)
    assert "\x1b" not in said.out + said.err
    assert NAMES["D1"] in said.out


def test_what_is_not_there_is_told_with_what_is(call: Call, published_home: Path) -> None:
    group = call("--home", published_home, "rankings", "-p", PERIOD, "-g", "nobody")
    assert (group.code, "经济" in group.err) == (1, True)
    period = call("--home", published_home, "rankings", "-p", "2031Q1", "--lang", "zh")
    assert period.code == 1
    assert f"已发布：{PERIOD}" in period.err
    open_period = call("--home", published_home, "rankings", "-p", "2026Q2", "--lang", "zh")
    assert "尚未发布" in open_period.err


def test_an_unknown_format_is_a_usage_error(call: Call, published_home: Path) -> None:
    assert call("--home", published_home, "rankings", "-p", PERIOD, "--format", "docx").code == 2
    wrong_ending = call("--home", published_home, "rankings", "-p", PERIOD, "-o", "ranking.docx")
    assert (wrong_ending.code, ".docx" in wrong_ending.err) == (2, True)
