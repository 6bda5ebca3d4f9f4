from __future__ import annotations

import hashlib
import io
import json
import os
import re
import sqlite3
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from python_calamine import CalamineWorkbook

import serving
from tests.serving.program import NAMES, ORDER_SHOWN, PERIOD, SUPPRESSED
from warehouse.published import WHATS

Call = Callable[..., Any]


@pytest.fixture
def book(call: Call, published_home: Path, tmp_path: Path) -> Path:
    target = tmp_path / "ranking.xlsx"
    assert call("--home", published_home, "--lang", "zh", "rankings", "-p", PERIOD, "-o", target).code == 0
    return target


def test_sheets_and_header(book: Path) -> None:
    read = openpyxl.load_workbook(book)
    assert read.sheetnames == ["说明", "排名-政法", "排名-经济", "未参加排名", "字段说明"]
    sheet = read["排名-经济"]
    assert sheet.freeze_panes == "C4"
    header = [cell.value for cell in sheet[3]]
    assert header[:5] == ["名次", "部门", "得分", "得分下限（95%）", "得分上限（95%）"]
    rows = list(sheet.iter_rows(min_row=4, values_only=True))
    assert [(row[0], row[1]) for row in rows] == [(place, NAMES[org]) for place, org in enumerate(ORDER_SHOWN, 1)]
    assert sheet["C4"].number_format == "0.0"
    assert isinstance(sheet["C4"].value, int | float)


def test_the_same_cells_through_another_reader(book: Path) -> None:
    rows = CalamineWorkbook.from_path(str(book)).get_sheet_by_name("排名-经济").to_python(skip_empty_area=False)
    assert [row[1] for row in rows[3:]] == [NAMES[org] for org in ORDER_SHOWN]


def test_a_suppressed_department_has_a_reason_and_no_figure(book: Path) -> None:
    sheet = openpyxl.load_workbook(book)["未参加排名"]
    row = next(row for row in sheet.iter_rows(min_row=4, values_only=True) if NAMES[SUPPRESSED] in row)
    assert not any(isinstance(cell, int | float) for cell in row)
    assert "不予公布" in row[1]


def test_nothing_in_it_is_a_formula(book: Path) -> None:
    with zipfile.ZipFile(book) as archive:
        sheets = [archive.read(name) for name in archive.namelist() if name.startswith("xl/worksheets/sheet")]
    assert len(sheets) == 5
    assert not any(re.search(rb"<f[ >]", sheet) for sheet in sheets)
    rows = openpyxl.load_workbook(book)["排名-经济"].iter_rows()
    cell = next(cell for row in rows for cell in row if cell.value == NAMES["D4"])
    assert (cell.data_type, cell.quotePrefix) == ("s", True)


def test_the_sheet_of_explanations_names_the_release(book: Path) -> None:
    cells = {row[0]: row[1] for row in openpyxl.load_workbook(book)["说明"].iter_rows(values_only=True)}
    assert cells["发布版"] == f"R-{PERIOD}-001"
    assert len(cells["结果哈希"]) == 64
    assert "10 名评分人" in cells["保密规则"]
    assert cells["数据截至"] != "-"


def test_the_bytes_depend_on_the_release_alone(published_home: Path, tmp_path: Path) -> None:
    hashes = set()
    for seed, zone in (("1", "UTC"), ("2", "America/New_York")):
        target = tmp_path / f"{seed}.xlsx"
        command = [sys.executable, "-m", "serving.command_line", "--home", published_home, "rankings", "-p", PERIOD]
        root = str(Path(serving.__file__).parent.parent)
        environment = {**os.environ, "PYTHONHASHSEED": seed, "TZ": zone, "PYTHONPATH": root}
        subprocess.run([*command, "-o", target], check=True, env=environment, capture_output=True)
        hashes.add(hashlib.sha256(target.read_bytes()).hexdigest())
    assert len(hashes) == 1


def test_in_english(call: Call, published_home: Path, tmp_path: Path) -> None:
    target = tmp_path / "ranking.xlsx"
    call("--home", published_home, "--lang", "en", "rankings", "-p", PERIOD, "-o", target)
    read = openpyxl.load_workbook(target)
    assert read.sheetnames[0] == "About"
    assert [cell.value for cell in read["Rank-经济"][3]][:3] == ["rank", "department", "score"]
    chinese = re.compile(r"[一-鿿]")
    about = [str(cell) for row in read["About"].iter_rows(values_only=True) for cell in row if cell]
    assert not any(chinese.search(text) for text in about)


@pytest.mark.parametrize("what", [what for what in WHATS if what != "departments"])
def test_other_figures_open_as_well(call: Call, awards_home: Path, tmp_path: Path, what: str) -> None:
    target = tmp_path / f"{what}.xlsx"
    assert call("--home", awards_home, "--lang", "en", "rankings", "-p", PERIOD, "-w", what, "-o", target).code == 0
    assert len(openpyxl.load_workbook(target).sheetnames) >= 3
    assert CalamineWorkbook.from_filelike(io.BytesIO(target.read_bytes())).sheet_names[0] == "About"


def test_sheet_names_are_allowed_and_different(call: Call, home: Path, tmp_path: Path) -> None:
    with sqlite3.connect(home / "warehouse.sqlite") as connection:
        statement = "UPDATE result_department_score SET peer_group = ? WHERE ratee_org_id = ?"
        for org_id, group in (("D1", "a/b:" + "长" * 40), ("D2", "a\\b*" + "长" * 40), ("D4", None)):
            connection.execute(statement, (group, org_id))
    target = tmp_path / "names.xlsx"
    assert call("--home", home, "--lang", "zh", "rankings", "-p", PERIOD, "-o", target).code == 0
    names = openpyxl.load_workbook(target).sheetnames
    assert len(names) == len({name.lower() for name in names})
    assert all(len(name) <= 31 and not set(name) & set("[]:*?/\\") for name in names)


def test_money_and_scores_are_numbers_as_people_read_them(call: Call, awards_home: Path, tmp_path: Path) -> None:
    target = tmp_path / "awards.xlsx"
    call("--home", awards_home, "--lang", "zh", "rankings", "-p", PERIOD, "-w", "awards", "-o", target)
    rows = json.loads(call("--home", awards_home, "rankings", "-p", PERIOD, "-w", "awards", "--json").out)["rows"]
    sheet = openpyxl.load_workbook(target)["奖金-plain"]
    header = [cell.value for cell in sheet[3]]
    place = header.index("发放额（元）") + 1
    score = header.index("激励得分") + 1
    code = header.index("机构编码") + 1
    lines = {sheet.cell(line, code).value: line for line in range(4, sheet.max_row + 1)}
    for row in rows:
        if row["org_id"] in lines:
            cell, points = (sheet.cell(lines[row["org_id"]], column) for column in (place, score))
            # Whole fen come back from the cell, whatever its format shows.
            assert (round(cell.value * 100), cell.number_format) == (row["paid_fen"], "#,##0.00")
            assert (points.value, points.number_format) == (row["incentive_score"], "0.00")
    assert len(lines) == 4


def test_rows_without_groups_are_one_sheet(call: Call, awards_home: Path, tmp_path: Path) -> None:
    target = tmp_path / "adjustments.xlsx"
    call("--home", awards_home, "--lang", "zh", "rankings", "-p", PERIOD, "-w", "adjustments", "-o", target)
    read = openpyxl.load_workbook(target)
    assert read.sheetnames == ["说明", "调整", "字段说明"]
    assert [cell.value for cell in read["调整"][4]][:3] == ["ADD-1", "加分", "V2 村"]
