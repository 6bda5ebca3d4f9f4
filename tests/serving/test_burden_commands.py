"""Commands about burden: every format from one code, errors that name the remedy, lists read from the lake."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import openpyxl
import polars as pl
import pytest

from tasks.ingest import no_progress
from tasks.land import delivery_of
from tasks.night import run
from tasks.workspace import open_workspace
from tests.support.burden_release import EARLIER, FARMS, NAMES, OPEN, PERIOD, ROADS, publish_quarters
from warehouse.published import BURDEN_WHATS
from warehouse.settings import Settings

Call = Callable[..., Any]

VIEWS: dict[str, tuple[str, ...]] = {
    "burden_department": ("burden",),
    "burden_unit": ("burden", "--by", "unit"),
    "burden_kind": ("burden", "--by", "kind"),
    "burden_form": ("burden", "--by", "form"),
    "burden_register": ("burden", "--by", "register"),
    "duty_problems": ("duty", "problems"),
    "off_list_tasks": ("duty", "off-list"),
    "admission_breaches": ("admission", "breaches"),
    "admission_coverage": ("admission", "coverage"),
    "admission_resources": ("admission", "resources"),
    "admission_staffing": ("admission", "staffing"),
    "duplicate_data": ("forms", "overlaps"),
    "overlap_pairs": ("forms", "overlaps", "--kind", "pairs"),
    "unused_fields": ("forms", "overlaps", "--kind", "unused"),
    "findings": ("findings",),
    "monitoring_points": ("findings", "--kind", "monitoring"),
    "verification_rates": ("findings", "--kind", "verification"),
    "watch": ("watch", "list", "--all"),
}


def _write(path: Path, *lines: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def _registers(folder: Path) -> list[Path]:
    """A list for villages in two versions: B2 reclaimed, then basic without an admission; B3 dropped; B4 new."""
    organisations = _write(
        folder / "org_unit__COUNTY__2026__v01.csv",
        "org_id,org_name,org_kind,peer_group,level,parent_org_id,valid_from",
        "COUNTY,清溪县,other,,county,,2025-01-01",
        "T1,清溪镇,township,township,township,COUNTY,2025-01-01",
        "T2,白河镇,township,township,township,COUNTY,2026-03-01",
        "D1,清溪县交通局,county_gov_dept,经济,county,COUNTY,2025-01-01",
    )
    duties = _write(
        folder / "duty_item__COUNTY__2026__v01.csv",
        "list_id,duty_id,scope_kind,duty_kind,seq_no,duty_name,lead_org_id,lead_duty,local_duty,list_version,"
        "valid_from,valid_to,change_reason",
        "QX,B1,township,basic,1,农村公路巡查,,,,2025,2025-01-01,2026-02-01,",
        "QX,B2,township,reclaimed,1,超限检测,D1,,,2025,2025-01-01,2026-02-01,",
        "QX,B3,township,cooperate,1,扬尘治理,D1,执法,巡查上报,2025,2025-01-01,2026-02-01,",
        "QX,B1,township,basic,1,农村公路巡查,,,,2026,2026-02-01,,",
        "QX,B2,township,basic,2,超限检测,,,,2026,2026-02-01,,年度修订",
        "QX,B4,township,basic,3,路灯管护,,,,2026,2026-02-01,,年度修订",
    )
    admissions = _write(
        folder / "task_admission__COUNTY__2026__v01.csv",
        "admission_id,task_name,applicant_org_id,target_scope,requested_at,decision,decided_at,valid_from,valid_to",
        "A-1,公路普查,D1,all_townships,2025-11-01,approved,2025-12-01,2026-01-01,2026-07-01",
    )
    return [organisations, duties, admissions]


@pytest.fixture(scope="module")
def burden_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with registers in the lake and two published quarters; nobody writes to it."""
    folder = tmp_path_factory.mktemp("burden")
    settings = Settings(home=folder / "home", quiet_seconds=0)
    workspace = open_workspace(settings)
    deliveries = [delivery_of(path) for path in _registers(folder / "files")]
    report = run(workspace, "ingest", None, no_progress, from_inbox=False, deliveries=deliveries, scores=False)
    assert [answer.decision for answer in report.answers] == ["accepted"] * len(deliveries)
    publish_quarters(workspace.engine)
    workspace.engine.dispose()
    return settings.home


def _rows(call: Call, home: Path, *words: str) -> list[dict[str, Any]]:
    said = call("--home", home, *words, "--json")
    assert said.code == 0, said.err
    found: list[dict[str, Any]] = json.loads(said.out)["rows"]
    return found


def test_every_view_has_a_command() -> None:
    assert set(VIEWS) == set(BURDEN_WHATS)


@pytest.mark.parametrize("what", VIEWS)
def test_every_format_holds_the_same_rows(call: Call, burden_home: Path, tmp_path: Path, what: str) -> None:
    asked = (*VIEWS[what], "-p", PERIOD)
    said = call("--home", burden_home, *asked, "--json")
    document = json.loads(said.out)
    rows = document["rows"]
    assert rows
    assert document["what"] == what
    assert document["source"]["period_id"] == PERIOD
    for form in ("csv", "parquet", "xlsx", "txt"):
        target = tmp_path / f"found.{form}"
        assert call("--home", burden_home, "--lang", "zh", *asked, "-o", target).code == 0
    assert pl.read_parquet(tmp_path / "found.parquet").height == len(rows)
    assert len(list(csv.DictReader(io.StringIO((tmp_path / "found.csv").read_text("utf-8-sig"))))) == len(rows)
    book = openpyxl.load_workbook(tmp_path / "found.xlsx")
    assert len(list(book.worksheets[1].iter_rows(min_row=4))) == len(rows)
    assert not [cell for sheet in book for row in sheet.iter_rows() for cell in row if cell.data_type == "f"]
    shown = (tmp_path / "found.txt").read_text("utf-8")
    assert f"R-{PERIOD}-001" in shown
    assert "True" not in shown


@pytest.mark.parametrize("what", VIEWS)
@pytest.mark.parametrize("language", ["zh", "en"])
def test_every_view_is_read_in_both_languages(call: Call, burden_home: Path, what: str, language: str) -> None:
    said = call("--home", burden_home, "--lang", language, *VIEWS[what], "-p", PERIOD)
    assert said.code == 0
    codes = ("streamlined", "INSUFFICIENT", "NOT_MEASURABLE", "names_nothing", "SHIFT", "funding_yuan", "FEW_BEARERS")
    assert not [code for code in codes if code in said.out]
    if language == "zh":
        assert not [word for word in ("breach", "reclaimed", "load", "document;") if word in said.out]


def test_the_account_says_the_change_and_never_divides_by_zero(call: Call, burden_home: Path) -> None:
    shown = call("--home", burden_home, "--lang", "zh", "burden", "-p", PERIOD)
    assert NAMES[ROADS] in shown.out
    assert "-28.48%" in shown.out
    assert "对比期为 0，不计同比" in shown.out
    assert "inf" not in shown.out
    assert "从不按时间累计" in shown.err
    farms = next(row for row in _rows(call, burden_home, "burden", "-p", PERIOD) if row["subject_org_id"] == FARMS)
    assert farms["shown_to_department"] is False


def test_compare_takes_another_published_period(call: Call, burden_home: Path) -> None:
    rows = _rows(call, burden_home, "burden", "-p", PERIOD, "--compare", EARLIER)
    assert {row["subject_org_id"]: row["quantity_before"] for row in rows} == {ROADS: 200, FARMS: 4}
    unpublished = call("--home", burden_home, "burden", "-p", PERIOD, "--compare", OPEN)
    assert unpublished.code == 1
    assert OPEN in unpublished.err
    unknown = call("--home", burden_home, "burden", "-p", PERIOD, "--compare", "1999")
    assert (unknown.code, EARLIER in unknown.err) == (1, True)


def test_forms_are_picked_by_code_and_subject(call: Call, burden_home: Path) -> None:
    rows = _rows(call, burden_home, "burden", "-p", PERIOD, "--form", "DOC-03")
    assert [(row["form_code"], row["value"], row["threshold"]) for row in rows] == [("DOC-03", 6200.0, 5000.0)]
    of_roads = _rows(call, burden_home, "burden", "-p", PERIOD, "--by", "form", "--subject", NAMES[ROADS])
    assert {row["subject_org_id"] for row in of_roads} == {ROADS, "*"}
    shown = call("--home", burden_home, "--lang", "en", "burden", "-p", PERIOD, "--form", "DOC-02").out
    assert "whole register" in shown
    assert "not measurable" in shown


@pytest.mark.parametrize(
    ("asked", "code", "told"),
    [
        (("burden", "-p", PERIOD, "--form", "DOC-99"), 2, "DOC-0"),
        (("burden", "-p", PERIOD, "--form", "DOC-01", "--by", "unit"), 2, "--by form"),
        (("burden", "-p", PERIOD, "--by", "form", "--compare", EARLIER), 2, "department"),
        (("burden", "-p", PERIOD, "--by", "month"), 2, "--by"),
        (("burden", "-p", PERIOD, "--subject", "交通局"), 1, NAMES[ROADS]),
        (("burden", "-p", OPEN), 1, PERIOD),
        (("burden", "-p", "1999"), 1, PERIOD),
        (("duty", "off-list", "-p", PERIOD, "--unit", "nobody"), 1, "nobody"),
        (("duty", "check", "T1", "--on", "tomorrow"), 2, "2026-09-30"),
        (("duty", "check", "清溪", "--on", "2026-03-01"), 1, "清溪镇"),
        (("duty", "check", "T2", "--on", "2026-02-01"), 1, "2026-02-01"),
        (("duty", "diff", "ZZ", "2025", "2026"), 1, "QX"),
        (("duty", "diff", "QX", "2024", "2026"), 1, "2025"),
        (("watch", "list", "-p", PERIOD, "-o", "list.docx"), 2, ".docx"),
    ],
)
def test_errors_name_what_is_wrong_and_the_remedy(
    call: Call, burden_home: Path, asked: tuple[str, ...], code: int, told: str
) -> None:
    for language in ("zh", "en"):
        said = call("--home", burden_home, "--lang", language, *asked)
        assert (said.code, said.out) == (code, "")
        assert told in said.err
        assert "Error" not in said.err
    assert json.loads(call("--home", burden_home, *asked, "--json").out)["exit_code"] == code


def test_without_a_duty_list_the_remedy_is_named(call: Call, tmp_path: Path) -> None:
    open_workspace(Settings(home=tmp_path / "empty")).engine.dispose()
    said = call("--home", tmp_path / "empty", "duty", "check", "T1", "--on", "2026-03-01")
    assert said.code == 1
    assert "ingest" in said.err


def test_off_list_tasks_of_one_unit(call: Call, burden_home: Path) -> None:
    rows = _rows(call, burden_home, "duty", "off-list", "-p", PERIOD, "--unit", "石桥村")
    assert [(row["org_id"], row["why"]) for row in rows] == [("V1", "names_nothing")]
    shown = call("--home", burden_home, "--lang", "zh", "duty", "off-list", "-p", PERIOD)
    assert "文件、临时任务" in shown.out
    assert "该事项已由上级收回" in shown.out
    assert "不得交给派发部门" in shown.err


def test_only_signs_are_listed_and_the_rest_is_counted_by_state(call: Call, burden_home: Path) -> None:
    rows = _rows(call, burden_home, "watch", "list", "-p", PERIOD)
    assert {row["state"] for row in rows} == {"SHIFT", "FLAGGED"}
    shown = call("--home", burden_home, "--lang", "zh", "watch", "list", "-p", PERIOD)
    assert "件数不足，无法判断 1" in shown.err
    assert "没有证据 1" in shown.err
    assert "1 次中 0 次出现迹象" in shown.err
    everything = call("--home", burden_home, "--lang", "zh", "watch", "list", "-p", PERIOD, "--all").out
    assert "件数不足，无法判断" in everything
    assert len(_rows(call, burden_home, "watch", "list", "-p", PERIOD, "--all")) == 5


def test_a_period_without_signs_says_where_the_tests_are(call: Call, burden_home: Path) -> None:
    said = call("--home", burden_home, "--lang", "en", "watch", "list", "-p", EARLIER)
    assert said.code == 0
    assert "--all" in said.out


def test_what_a_unit_answers_for_on_a_day(call: Call, burden_home: Path) -> None:
    before = _rows(call, burden_home, "duty", "check", "T1", "--on", "2026-01-31")
    listed = [(row["basis"], row["duty_id"], row["duty_kind"], row["may_be_asked"]) for row in before]
    assert listed == [
        ("admission", None, None, True), ("duty", "B1", "basic", True), ("duty", "B2", "reclaimed", False),
        ("duty", "B3", "cooperate", True),
    ]  # fmt: skip
    after = {row["duty_id"]: row for row in _rows(call, burden_home, "duty", "check", "清溪镇", "--on", "2026-02-01")}
    assert set(after) == {None, "B1", "B2", "B4"}
    assert (after["B2"]["duty_kind"], after["B2"]["since"]) == ("basic", "2026-02-01")
    assert (after["B1"]["since"], after["B1"]["since_version"]) == ("2025-01-01", "2025")
    shown = call("--home", burden_home, "--lang", "zh", "duty", "check", "T1", "--on", "2026-01-31")
    assert "上级收回" in shown.out
    assert NAMES[ROADS] in shown.out
    nothing = call("--home", burden_home, "--lang", "en", "duty", "check", "D1", "--on", "2026-01-31")
    assert (nothing.code, "no duty list" in nothing.err) == (0, True)


def test_what_a_version_of_a_list_changed(call: Call, burden_home: Path) -> None:
    rows = _rows(call, burden_home, "duty", "diff", "QX", "2025", "2026")
    changes = {(row["change"], row["duty_id"]) for row in rows}
    assert {("added", "B4"), ("removed", "B3"), ("moved", "B2")} <= changes
    assert [row["duty_id"] for row in rows if row["lacks_admission"]] == ["B2"]
    said = call("--home", burden_home, "--lang", "zh", "duty", "diff", "QX", "2025", "2026")
    assert "1 项" in said.err
    same = call("--home", burden_home, "duty", "diff", "QX", "2026", "2026")
    assert (same.code, "the same" in same.err) == (0, True)


@pytest.mark.parametrize("form", ["csv", "xlsx", "parquet", "txt", "json"])
def test_lists_are_written_in_every_format(call: Call, burden_home: Path, tmp_path: Path, form: str) -> None:
    target = tmp_path / f"duty.{form}"
    said = call("--home", burden_home, "--lang", "zh", "duty", "check", "T1", "--on", "2026-01-31", "-o", target)
    assert (said.code, said.out.strip()) == (0, str(target))
    if form == "csv":
        rows = list(csv.DictReader(io.StringIO(target.read_text("utf-8-sig"))))
        assert [row["履职事项编号"] for row in rows] == ["", "B1", "B2", "B3"]
    elif form == "parquet":
        assert pl.read_parquet(target).height == 4
    elif form == "xlsx":
        sheet = openpyxl.load_workbook(target).active
        assert [row[3] for row in sheet.iter_rows(min_row=3, values_only=True)] == [
            None,
            "基本履职",
            "上级收回",
            "配合履职",
        ]
    else:
        assert "公路普查" in target.read_text("utf-8")


def test_a_cell_a_spreadsheet_would_run_stays_text(call: Call, burden_home: Path, tmp_path: Path) -> None:
    said = call("--home", burden_home, "--lang", "zh", "duty", "off-list", "-p", PERIOD, "-f", "csv")
    assert "'=1+1村" in said.out


def test_the_burden_stands_in_the_explanation_apart_from_the_score(call: Call, burden_home: Path) -> None:
    said = call("--home", burden_home, "--lang", "zh", "explain", ROADS, "-p", PERIOD)
    assert said.code == 0, said.err
    for words in (
        "不公布", "不相加", "文件超长", "规则：", "参数 document.words_general = 5000",
        "S01", "清交〔2026〕7号", "承担单位不足", "2b 一致性评估晚于审批", "SP-1", "有转移迹象",
        "整个登记都缺少数据的：DOC-02",
        "-28.48%",
    ):  # fmt: skip
        assert words in said.out
    assert "SECRET" not in said.out
    document = json.loads(call("--home", burden_home, "explain", ROADS, "-p", PERIOD, "--json").out)
    assert document["state"] == "suppressed"
    assert document["burden"]["forms"]
    english = call("--home", burden_home, "--lang", "en", "explain", FARMS, "-p", PERIOD).out
    assert "too few counts to say anything" in english
    assert "0 in the period before" in english
