"""The large rating file, checked with the standard library only."""

from __future__ import annotations

import csv
import re
from collections import Counter, defaultdict
from pathlib import Path

import pytest

from tests.support.million_ratings import ALL_KINDS, TWELVE_KINDS, Planted, write_million_ratings

ROWS, BAD = 30_000, 1_600


@pytest.fixture(scope="module", params=[TWELVE_KINDS, ALL_KINDS], ids=["twelve", "all"])
def planted(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Planted:
    return write_million_ratings(tmp_path_factory.mktemp("million"), ROWS, BAD, seed=7, kinds=request.param)


def read(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def faults_of(row: dict[str, str], raters: dict[str, str], organisations: set[str]) -> set[str]:
    score, target, moment = row["score_raw"], row["target_org_id"], row["submitted_at"]
    well_formed = re.fullmatch(r"[A-Z0-9][A-Z0-9-]{1,31}", target) is not None
    conditions = {
        "E201": target == "",
        "E204": "约" in score,
        "E206": re.match(r"\d\d-", moment) is not None,
        "E207": moment.startswith("19"),
        "E208": score.startswith("#"),
        "E209": re.match(r"\d", moment) is None,
        "E210": row["status"] != "answered",
        "E214": target != "" and not well_formed,
        "E217": re.fullmatch(r"\d\.\d{7,}", score) is not None,
        "E221": well_formed and target not in organisations,
        "E226": target == row["rater_org_id"],
        "E227": row["rater_token"] not in raters,
        "E228": raters.get(row["rater_token"], row["rater_org_id"]) != row["rater_org_id"],
        "E229": score.isdigit() and not 1 <= int(score) <= 5,
        "E238": score == "",
    }
    return {code for code, failed in conditions.items() if failed}


def test_planted_rows_are_exactly_the_faulty_rows(planted: Planted) -> None:
    raters = {row["rater_token"]: row["rater_org_id"] for row in read(planted.references["rater"])}
    organisations = {row["org_id"] for row in read(planted.references["org_unit"])}
    rows = read(planted.rating_event)
    assert len(rows) == planted.rows == ROWS
    found: dict[int, set[str]] = defaultdict(set)
    keys: dict[tuple[str, ...], list[int]] = defaultdict(list)
    for line, row in enumerate(rows, start=2):
        found[line] |= faults_of(row, raters, organisations)
        if row["target_org_id"]:
            keys[row["rater_token"], row["target_org_id"], row["item_id"]].append(line)
    for lines in keys.values():
        if len(lines) > 1:
            # Only the score tells two rows with the same key apart.
            assert len({rows[line - 2]["score_raw"] for line in lines}) == len(lines) == 2
            for line in lines:
                found[line].add("E231")
    expected = {int(row["row"]): {row["code"]} for row in read(planted.folder / "planted.csv")}
    assert {line: codes for line, codes in found.items() if codes} == expected
    assert len(expected) == BAD


def test_every_kind_has_its_share_and_rows_are_spread(planted: Planted) -> None:
    counts = dict(planted.faults["code"].value_counts().iter_rows())
    assert max(counts.values()) - min(counts.values()) <= 3
    assert len(counts) in {len(TWELVE_KINDS), len(ALL_KINDS)}
    tenths = Counter((row - 2) * 10 // ROWS for row in planted.faults["row"])
    assert min(tenths[part] for part in range(10)) > BAD / 10 / 2


def test_same_seed_gives_the_same_bytes(tmp_path: Path) -> None:
    first, second = (write_million_ratings(tmp_path / name, 4_000, 120, seed=3) for name in ("a", "b"))
    assert first.rating_event.read_bytes() == second.rating_event.read_bytes()
    assert first.faults.equals(second.faults)


def test_too_many_faults_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="do not fit"):
        write_million_ratings(tmp_path, 100, 99)
