"""Three hundred damaged files: the caller lives, and each is a table or a refusal the catalogue knows."""

from __future__ import annotations

import sys
import time
from collections import Counter
from pathlib import Path

import polars as pl
import pytest

from expectations.catalogue import catalogue
from tasks.read import FileRefused, Limits, read
from tests.support.mutations import mutations
from tests.support.small_files import HEADER, ROWS, csv_bytes, xlsx_bytes

SEED, COUNT = 20260305, 300
BASE_FILES = {
    "burden_fact__CG-NYJ__2026Q1__v01.csv": csv_bytes([HEADER, *ROWS], end="\n"),
    "burden_fact__CG-NYJ__2026Q1__v02.xlsx": xlsx_bytes([HEADER, *ROWS]),
}


def test_same_seed_gives_same_files() -> None:
    assert list(mutations(SEED, 60, BASE_FILES)) == list(mutations(SEED, 60, BASE_FILES))
    assert list(mutations(SEED, 60, BASE_FILES)) != list(mutations(SEED + 1, 60, BASE_FILES))


def test_damaged_files_are_read_or_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    outcomes: Counter[str] = Counter()
    started = time.monotonic()
    for name, content in mutations(SEED, COUNT, BASE_FILES):
        outcomes[_outcome(name, content, tmp_path)] += 1
    seconds = time.monotonic() - started
    with capsys.disabled():
        sys.stdout.write(f"\nseed {SEED}: {dict(outcomes)} in {seconds:.1f} s\n")
    assert outcomes["read"] > COUNT // 3
    assert {"F105", "F108", "F112", "F113", "F115", "F116", "F118"} <= outcomes.keys()
    assert outcomes.keys() - {"read"} <= catalogue().keys()


def _outcome(name: str, content: bytes, folder: Path) -> str:
    landed, work = folder / "landed", folder / "work"
    landed.write_bytes(content)
    refusal = None
    try:
        found = read(landed, name, work, Limits(wall_seconds=20))
    except FileRefused as error:
        refusal = error
    if refusal is not None:
        assert set(refusal.values) <= catalogue()[refusal.code].placeholders(), (name, refusal)
        assert not (work / "text.parquet").exists(), name
        return refusal.code
    table = pl.read_parquet(found.text_path)
    assert table.height == found.rows, name
    assert table.columns[:3] == ["_sheet", "_row", "_cells"], name
    assert table.width == found.columns + 3, name
    return "read"
