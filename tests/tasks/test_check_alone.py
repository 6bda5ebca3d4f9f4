from __future__ import annotations

import csv
from pathlib import Path

import pytest

from tasks.check_alone import Verdict, check_alone
from warehouse.settings import Settings

PERIODS = "period_id,kind,start_date,end_date,cutoff_at,status\n"
ROW = "2026Q{0},quarter,2026-{1:02}-01,2026-{2:02}-01,2026-{2:02}-05T00:00:00+08:00,open\n"


def _file(folder: Path, name: str, *rows: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_text(PERIODS + "".join(rows), encoding="utf-8")
    return path


def _quarter(number: int) -> str:
    return ROW.format(number, number * 3 - 2, number * 3 + 1)


def _check(folder: Path, *paths: Path) -> list[Verdict]:
    return check_alone(paths, folder / "out", Settings(home=folder / "nowhere"), "en")


def test_verdicts_come_in_the_order_given(tmp_path: Path) -> None:
    second = _file(tmp_path, "period__JFB__2026__v02.csv", _quarter(2))
    first = _file(tmp_path, "period__JFB__2026__v01.csv", _quarter(1))
    verdicts = _check(tmp_path, second, first)
    assert [verdict.document["name"] for verdict in verdicts] == [second.name, first.name]
    assert not (tmp_path / "nowhere").exists()


def test_a_later_version_is_compared_with_the_one_given_before_it(tmp_path: Path) -> None:
    first = _file(tmp_path, "period__JFB__2026__v01.csv", _quarter(1), _quarter(2))
    changed = _quarter(2).replace("open", "frozen")
    second = _file(tmp_path, "period__JFB__2026__v02.csv", _quarter(1), changed)
    newer = _check(tmp_path, second, first)[0].document
    assert (newer["balance"]["unchanged"], newer["balance"]["accepted"]) == (1, 1)
    assert newer["codes"]["W310"]["count"] == 1


def test_two_submitters_who_contradict_each_other(tmp_path: Path) -> None:
    one = _file(tmp_path, "period__JFB__2026__v01.csv", _quarter(1))
    other = _file(tmp_path, "period__XWB__2026__v01.csv", _quarter(1).replace("open", "frozen"))
    document = _check(tmp_path, one, other)[1].document
    assert (document["balance"]["held"], document["codes"]["E230"]["count"]) == (1, 1)


def test_the_same_bytes_twice(tmp_path: Path) -> None:
    path = _file(tmp_path, "period__JFB__2026__v01.csv", _quarter(1))
    copy = _file(tmp_path, "period__JFB__2026__v09.csv", _quarter(1))
    verdicts = _check(tmp_path, path, copy)
    assert [verdict.decision for verdict in verdicts] == ["accepted", "duplicate"]
    assert verdicts[1].document["first_taken"] == {"name": path.name}


def test_two_files_of_one_name_have_two_answers(tmp_path: Path) -> None:
    name = "period__JFB__2026__v01.csv"
    paths = [_file(tmp_path / folder, name, _quarter(number)) for number, folder in enumerate("ab", start=1)]
    written = [path for verdict in _check(tmp_path, *paths) for path in verdict.written]
    assert len(written) == len(set(written)) == 2


def test_an_old_answer_does_not_stay_beside_a_new_one(tmp_path: Path) -> None:
    name = "period__JFB__2026__v01.csv"
    bad = _check(tmp_path, _file(tmp_path, name, _quarter(1).replace("quarter", "fortnight"), _quarter(2)))[0]
    assert (tmp_path / "out" / f"{name}.fix.xlsx") in bad.written
    good = _check(tmp_path, _file(tmp_path, name, _quarter(1)))[0]
    assert good.decision == "accepted"
    assert not (tmp_path / "out" / f"{name}.fix.xlsx").exists()


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "F105"),
        ((PERIODS.replace("status", "status,姓名") + "x\n").encode(), "F130"),
        (b"kind,status\nquarter,open\n", "F120"),
    ],
)
def test_a_refused_file_is_answered_with_its_code(tmp_path: Path, content: bytes, code: str) -> None:
    path = tmp_path / "period__JFB__2026__v01.csv"
    path.write_bytes(content)
    verdict = _check(tmp_path, path)[0]
    assert (verdict.decision, list(verdict.document["codes"])) == ("refused", [code])
    with verdict.written[0].open(encoding="utf-8-sig", newline="") as file:
        assert [line["错误代码"] for line in csv.DictReader(file)] == [code]


def test_limits_of_the_settings_decide_what_is_held(tmp_path: Path) -> None:
    rows = [_quarter(1).replace("quarter", "fortnight"), _quarter(2), _quarter(3)]
    path = _file(tmp_path, "period__JFB__2026__v01.csv", *rows)
    settings = Settings(home=tmp_path / "nowhere", hold_reject_rate=0.5)
    assert _check(tmp_path, path)[0].decision == "held"
    assert check_alone([path], tmp_path / "out", settings, "zh")[0].decision == "accepted_with_rejects"
