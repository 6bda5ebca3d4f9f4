from __future__ import annotations

import csv
import io
import json
import re
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tests.serving.awards_program import (
    FEW_ANSWERS,
    GROUPS,
    STAFF,
    TOTAL_FEN,
    WITH_ADDER,
    WITH_EXEMPTION,
    WITH_RED_LINE,
    WITHOUT_FACTS,
)
from tests.serving.program import NAMES, ORDER_SHOWN, PERIOD, RATERS_OF_SUPPRESSED, SUPPRESSED
from warehouse.database import reading_engine
from warehouse.published import STATE, WHATS
from warehouse.releases import read_results

Call = Callable[..., Any]
RELEASE = f"R-{PERIOD}-001"


def _rows(call: Call, home: Path, what: str, *more: str) -> list[dict[str, Any]]:
    said = call("--home", home, "rankings", "-p", PERIOD, "--what", what, "--json", *more)
    assert said.code == 0
    found: list[dict[str, Any]] = json.loads(said.out)["rows"]
    return found


def _stored(home: Path, table: str) -> pl.DataFrame:
    return read_results(reading_engine(f"sqlite:///{home / 'warehouse.sqlite'}"), RELEASE, table)


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
    assert (rows["V1"]["mean_0_100"], rows["V1"]["n_respondents"]) == (87.5, 12)
    assert rows["V2"]["mean_0_100"] is rows["V2"]["n_respondents"] is None


def test_points_of_units(call: Call, published_home: Path) -> None:
    said = call("--home", published_home, "rankings", "-p", PERIOD, "--what", "indicators", "--json")
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
    from serving.ranking_files import formula_safe

    frame = pl.DataFrame({"cell": ["-1.5", "-cmd", "+1", "@x", "=1", "\tx", "局-1", None]})
    safe = frame.select(formula_safe("cell"))["cell"].to_list()
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


@pytest.mark.parametrize("what", WHATS)
@pytest.mark.parametrize("language", ["zh", "en"])
def test_every_kind_is_a_table_in_both_languages(call: Call, awards_home: Path, what: str, language: str) -> None:
    said = call("--home", awards_home, "--lang", language, "rankings", "-p", PERIOD, "--what", what)
    assert said.code == 0
    assert RELEASE in said.out
    assert "{" not in said.out
    assert not any(token in said.out for token in RATERS_OF_SUPPRESSED)


@pytest.mark.parametrize("what", WHATS)
def test_every_number_has_its_state(call: Call, awards_home: Path, what: str) -> None:
    rows = _rows(call, awards_home, what)
    assert rows
    numbers = {name for row in rows for name, value in row.items() if isinstance(value, int | float)}
    assert numbers
    for row in rows:
        for name in numbers:
            assert (row[f"{name}{STATE}"] == "shown") is (row[name] is not None)


def test_a_department_has_its_rank_range_and_consequence(call: Call, published_home: Path) -> None:
    rows = [row for row in _rows(call, published_home, "departments") if row["rank"] is not None]
    shown = [row for row in rows if row["peer_group"] == "经济"]
    assert len(shown) == len(ORDER_SHOWN)
    for row in shown:
        assert 1 <= row["rank_low"] <= row["rank"] <= row["rank_high"] <= len(ORDER_SHOWN)
        assert row["consequence"] in ("TOP", "BOTTOM", "NO_SIGNIFICANT_DIFFERENCE")
    said = call("--home", published_home, "rankings", "-p", PERIOD, "--lang", "zh")
    assert "名次区间" in said.out
    assert "NO_SIGNIFICANT_DIFFERENCE" not in said.out


def test_composites_are_shown_where_the_release_has_them(call: Call, home: Path) -> None:
    assert "composite_score" not in _rows(call, home, "departments")[0]
    with sqlite3.connect(home / "warehouse.sqlite") as connection:
        for place, org_id in enumerate(("D5", "D3", "D1"), start=1):
            connection.execute(
                "UPDATE result_department_composite SET composite_score = ?, rank = ? WHERE ratee_org_id = ?",
                (str(91.25 - place), place, org_id),
            )
    rows = {row["ratee_org_id"]: row for row in _rows(call, home, "departments")}
    # Half to even from 90.25 and 88.25; the suppressed department does not count.
    found = {org_id: (row["composite_score"], row["composite_rank"]) for org_id, row in rows.items()}
    assert (found["D5"], found["D1"], found["D3"]) == ((90.2, 1), (88.2, 2), (None, None))
    assert rows["D3"]["composite_score_state"] == "suppressed"


def test_units_are_ranked_inside_their_group_only(call: Call, awards_home: Path) -> None:
    rows = {row["org_id"]: row for row in _rows(call, awards_home, "units")}
    assert set(rows) == {*GROUPS, "T1"}
    ranks = {group: [] for group in ("plain", "hill")}  # type: dict[str, list[int]]
    for org_id, group in GROUPS.items():
        if rows[org_id]["rank"] is not None:
            ranks[group].append(rows[org_id]["rank"])
    assert {group: sorted(found) for group, found in ranks.items()} == {"plain": [1, 2, 3, 4], "hill": [1]}
    assert (rows["T1"]["rank"], rows["T1"]["rank_state"]) == (None, "missing")
    best_first = sorted((row for row in rows.values() if row["peer_group"] == "plain"), key=lambda row: row["rank"])
    scores = [row["differentiated_score"] for row in best_first]
    assert scores == sorted(scores, reverse=True)
    assert rows[WITHOUT_FACTS]["differentiated_score"] is None
    assert rows[WITH_RED_LINE]["tier"] == "C"
    assert "CAPPED_RED_LINE" in rows[WITH_RED_LINE]["reason_codes"]
    assert "NO_PEER_GROUP" in rows["T1"]["reason_codes"]


def test_satisfaction_of_a_unit_with_few_respondents_is_nowhere(call: Call, awards_home: Path) -> None:
    stored = _stored(awards_home, "unit_satisfaction").filter(pl.col("org_id") == FEW_ANSWERS).row(0, named=True)
    assert (stored["n_respondents"], stored["reason_codes"].split(";")[0]) == (3, "SUPPRESSED_SMALL_N")
    names = ("mean_0_100", "satisfaction_mean", "se", "eb_se", "ci_low", "ci_high")
    figures = [float(stored[name]) for name in names if stored[name] is not None]
    assert stored["mean_0_100"] is not None
    hidden = {f"{value:.{places}f}" for value in figures for places in (1, 2, 6)}
    for what in WHATS:
        for row in _rows(call, awards_home, what):
            if row.get("org_id") == FEW_ANSWERS:
                numbers = [value for value in row.values() if isinstance(value, float)]
                assert not hidden & {f"{value:.{places}f}" for value in numbers for places in (1, 2, 6)}
    for more in ([], ["--json"]):
        explained = call("--home", awards_home, "explain", FEW_ANSWERS, "-p", PERIOD, *more).out
        assert not hidden & set(re.findall(r"\d+\.\d+", explained))
    satisfaction = {row["org_id"]: row for row in _rows(call, awards_home, "satisfaction")}
    row = satisfaction[FEW_ANSWERS]
    states = {name: value for name, value in row.items() if name.endswith(STATE)}
    assert set(states.values()) == {"suppressed"}
    assert row["reason_codes"] == "SUPPRESSED_SMALL_N"
    assert satisfaction["V1"]["n_respondents"] == 12
    unit = next(row for row in _rows(call, awards_home, "units") if row["org_id"] == FEW_ANSWERS)
    assert (unit["satisfaction_score"], unit["satisfaction_score_state"]) == (None, "suppressed")


def test_items_follow_their_unit_when_it_is_suppressed(call: Call, awards_home: Path) -> None:
    said = call("--home", awards_home, "explain", FEW_ANSWERS, "-p", PERIOD, "--json")
    items = json.loads(said.out)["satisfaction"]
    assert {item["state"] for item in items} == {"suppressed"}
    assert {item["mean_0_100"] for item in items} == {item["n_answered"] for item in items} == {None}


def test_awards_are_whole_fen_that_add_up_to_the_pool(call: Call, awards_home: Path) -> None:
    rows = _rows(call, awards_home, "awards")
    paid = {row["org_id"]: row["paid_fen"] for row in rows}
    assert all(isinstance(value, int) for org_id, value in paid.items() if org_id != "T1")
    bases = {row["org_id"]: row["base_fen"] for row in rows if row["org_id"] in STAFF}
    assert bases == {org_id: staff * 100_000 for org_id, staff in STAFF.items()}
    reserve = int(_stored(awards_home, "bonus_pool")["reserve_fen"].sum())
    assert sum(value or 0 for value in paid.values()) + reserve == TOTAL_FEN
    assert all(row["paid_fen"] <= row["cap_fen"] for row in rows if row["cap_fen"] is not None)


def test_money_is_fen_in_files_and_yuan_for_people(call: Call, awards_home: Path, tmp_path: Path) -> None:
    paid = {row["org_id"]: row["paid_fen"] for row in _rows(call, awards_home, "awards")}
    fen = paid["V1"]
    assert fen % 100 != 0
    text = call("--home", awards_home, "--lang", "zh", "rankings", "-p", PERIOD, "-w", "awards", "-f", "csv").out
    cells = next(row for row in csv.DictReader(io.StringIO(text.lstrip("\ufeff"))) if row["机构编码"] == "V1")
    assert cells["发放额（分）"] == str(fen)
    target = tmp_path / "awards.parquet"
    call("--home", awards_home, "rankings", "-p", PERIOD, "-w", "awards", "-o", target)
    stored = pl.read_parquet(target)
    assert stored.schema["paid_fen"] == pl.Int64()
    assert stored.filter(pl.col("org_id") == "V1")["paid_fen"].item() == fen
    table = call("--home", awards_home, "--lang", "zh", "rankings", "-p", PERIOD, "-w", "awards").out
    assert f"{fen // 100:,}.{fen % 100:02}" in table
    assert "发放额（元）" in table
    assert "（分）" not in table


def test_turnout_is_by_stratum(call: Call, awards_home: Path) -> None:
    rows = _rows(call, awards_home, "turnout")
    rating = [row for row in rows if row["role"] == "may_rate"]
    assert sum(row["n_eligible_raters"] for row in rating) == 18
    assert sum(row["n_raters"] for row in rating) == 18
    assert all(row["turnout"] == 1.0 for row in rating)
    assert len({row["peer_group"] for row in rows}) > 1
    assert call("--home", awards_home, "rankings", "-p", PERIOD, "-w", "turnout").out.count(RELEASE) == 1
    only = _rows(call, awards_home, "turnout", "--peer-group", "政法")
    assert [row["stratum"].rpartition("/")[2] for row in only] == ["政法"]


def test_adjustments_name_their_decision(call: Call, awards_home: Path) -> None:
    rows = {row["adjustment_id"]: row for row in _rows(call, awards_home, "adjustments")}
    adder, exemption = rows["ADD-1"], rows["EX-1"]
    assert (adder["org_id"], exemption["org_id"]) == (WITH_ADDER, WITH_EXEMPTION)
    assert round(adder["after"] - adder["before"], 6) == 2
    assert (exemption["what"], exemption["after"]) == ("score100/GREEN", 75)
    assert exemption["before"] < 75
    assert all(row["decision_doc_no"] for row in rows.values())


def test_anomalies_of_a_suppressed_department_are_hidden(call: Call, awards_home: Path) -> None:
    rows = _rows(call, awards_home, "anomalies")
    assert {row["subject_kind"] for row in rows} >= {"department"}
    hidden = [row for row in rows if row["org_id"] == SUPPRESSED]
    assert hidden
    for row in hidden:
        assert {value for name, value in row.items() if name.endswith(STATE)} == {"suppressed"}
        assert (row["evidence"], row["reason_codes"]) == (None, "SUPPRESSED_SMALL_N")
    shown = next(row for row in rows if row["org_id"] == "D1" and row["flag"] == "any")
    assert shown["n_examined"] == "10-19"
    assert "rater_id" not in rows[0]


def test_no_ranking_holds_a_rater(call: Call, awards_home: Path, raters: frozenset[str]) -> None:
    for what in WHATS:
        said = call("--home", awards_home, "rankings", "-p", PERIOD, "-w", what, "--json").out
        assert not [rater for rater in raters if rater in said]
