"""The month of a province at a small size: the floor must find what was planted, and sum the rest."""

from __future__ import annotations

import csv
import sqlite3
import sys
from collections import Counter, defaultdict
from pathlib import Path

import pytest

from benchmarks.province_month import FAULTS, Province, floor, generate, measure

UNITS, DEPARTMENTS, ITEMS = 60, 8, 5


@pytest.fixture(scope="module")
def province(tmp_path_factory: pytest.TempPathFactory) -> Province:
    folder = tmp_path_factory.mktemp("province")
    return generate(folder, units=UNITS, departments=DEPARTMENTS, items=ITEMS, bad_share=0.05, seed=11)


def read(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def reason(row: dict[str, str], raters: set[str]) -> str | None:
    conditions = {
        "status": row["status"] != "answered",
        "number": not row["score_raw"].isdigit(),
        "scale": row["score_raw"] == "7",
        "target": row["target_org_id"] == "",
        "rater": row["rater_token"] not in raters,
    }
    return next((name for name, failed in conditions.items() if failed), None)


def test_floor_rejects_the_planted_rows_and_sums_the_others(province: Province, tmp_path: Path) -> None:
    counts = floor(province.rating_event, tmp_path)
    rows = read(province.rating_event)
    assert len(rows) == counts["rows"] == UNITS * DEPARTMENTS * ITEMS
    raters = {row["rater_token"] for row in read(province.folder / "rater__PROGRAMME__2026__v01.csv")}
    expected = {line: found for line, row in enumerate(rows, start=2) if (found := reason(row, raters))}
    keys: dict[tuple[str, ...], list[int]] = defaultdict(list)
    for line, row in enumerate(rows, start=2):
        if line not in expected:
            keys[row["rater_token"], row["target_org_id"], row["item_id"]].append(line)
    expected |= {line: "duplicate" for lines in keys.values() if len(lines) > 1 for line in lines}
    rejected = {int(row["row"]): row["reason"] for row in read(tmp_path / "rejects.csv")}
    assert rejected == expected
    assert Counter(expected.values()) == dict.fromkeys(FAULTS, province.bad_rows // len(FAULTS))

    cells: dict[tuple[str, str], list[int]] = defaultdict(list)
    for line, row in enumerate(rows, start=2):
        if line not in expected:
            cells[row["target_org_id"], row["item_id"]].append(int(row["score_raw"]))
    with sqlite3.connect(tmp_path / "cells.sqlite") as connection:
        stored = {(row[0], row[1]): row[2:] for row in connection.execute("SELECT * FROM cell")}
    connection.close()
    assert stored == {
        key: (len(scores), sum(scores), sum(score * score for score in scores)) for key, scores in cells.items()
    }


def test_the_same_month_is_written_once(province: Province) -> None:
    before = province.rating_event.stat().st_mtime_ns
    parameters = {"units": UNITS, "departments": DEPARTMENTS, "items": ITEMS, "bad_share": 0.05}
    generate(province.folder, **parameters, seed=11)
    assert province.rating_event.stat().st_mtime_ns == before
    content = province.rating_event.read_bytes()
    generate(province.folder, **parameters, seed=12)
    assert province.rating_event.read_bytes() != content
    generate(province.folder, **parameters, seed=11)
    assert province.rating_event.read_bytes() == content


def test_measure_counts_time_memory_and_failure_of_the_whole_tree() -> None:
    grandchild = "import time; x = b'a' * 60_000_000; time.sleep(1.0)"
    child = (
        "import subprocess, sys\n"
        f"both = [subprocess.Popen([sys.executable, '-c', {grandchild!r}]) for _ in range(2)]\n"
        "[process.wait() for process in both]\n"
        "sys.exit(3)"
    )
    step = measure("step", [sys.executable, "-c", child])
    assert step.exit_code == 3
    assert step.seconds >= 1.0
    # Two processes of 60 MB at the same time: neither alone has as much.
    assert 120 < step.peak_mb < 1_000
