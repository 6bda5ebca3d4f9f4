from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.serving.program import PERIOD, organisations, rating_file, ratings, write_files

Call = Callable[..., Any]
NAME = f"rating_event__COUNTY__{PERIOD}__v02.csv"


def _rows(path: Path) -> list[list[str]]:
    rows = list(csv.reader(path.open(encoding="utf-8-sig", newline="")))
    run = rows[0].index("run_id")
    return [row[:run] + row[run + 1 :] for row in rows]


def test_codes_of_decisions(call: Call, tmp_path: Path) -> None:
    good = organisations(tmp_path)
    assert call("check", good).code == 0
    assert call("check", good, good).code == 0
    bad = rating_file(tmp_path, NAME, {3: (",answered,", ",perhaps,")})
    assert call("check", bad).code == 3
    held = rating_file(tmp_path, NAME, dict.fromkeys(range(1, 40), (",answered,", ",maybe,")))
    assert call("check", held, good).code == 4
    refused = tmp_path / "unknown.csv"
    refused.write_text("a,b\n1,2\n", encoding="utf-8")
    assert call("check", refused, held).code == 5
    assert call("check", tmp_path / "nothing.csv").code == 1
    assert call("check").code == 2


def test_nothing_but_the_answer_is_written(call: Call, tmp_path: Path) -> None:
    bad = rating_file(tmp_path / "given", NAME, {3: (",answered,", ",perhaps,")})
    call("check", bad)
    written = {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file()}
    assert written == {
        f"given/{NAME}", f"reverse-eval-check/{NAME}.errors.csv", f"reverse-eval-check/{NAME}.fix.xlsx"
    }  # fmt: skip


def test_a_file_without_submitter_can_be_checked(call: Call, tmp_path: Path) -> None:
    said = call("check", organisations(tmp_path).rename(tmp_path / "org_unit.csv"), "--json")
    document = json.loads(said.out)["files"][0]
    assert (said.code, document["dataset"], document["submitter_org_id"]) == (0, "org_unit", "-")


def test_what_was_not_given_is_named(call: Call, tmp_path: Path) -> None:
    alone = json.loads(call("check", ratings(tmp_path), "--json").out)["files"][0]
    assert (alone["decision"], alone["codes"]["W315"]["count"] >= 3) == ("accepted", True)
    together = json.loads(call("check", *write_files(tmp_path), "--json").out)["files"]
    assert {document["decision"] for document in together} == {"accepted"}
    assert not any("W315" in document["codes"] for document in together)


def test_files_given_together_are_checked_against_each_other(call: Call, tmp_path: Path) -> None:
    files = write_files(tmp_path)
    bad = rating_file(tmp_path, NAME, {3: ("TKV1A", "NOBODY"), 5: ("D3", "D9")})
    files = [path for path in files if not path.name.startswith("rating_event")]
    document = json.loads(call("check", bad, *files, "--json").out)["files"][0]
    assert {"E221", "E227"} <= set(document["codes"])


def test_the_summary_names_the_first_place_of_each_code(call: Call, tmp_path: Path) -> None:
    bad = rating_file(tmp_path, NAME, {3: (",answered,", ",perhaps,")})
    english, chinese = (call("check", bad, "--lang", language) for language in ("en", "zh"))
    assert "Row 4" in english.out
    assert "第4行" in chinese.out
    assert "perhaps" in english.out


@pytest.mark.usefixtures("without_prefect")
def test_the_same_answer_as_the_night(call: Call, tmp_path: Path) -> None:
    given = write_files(tmp_path / "given")
    changes = {3: (",answered,", ",perhaps,"), 5: ("TKV1A", "NOBODY")}
    rating = rating_file(tmp_path / "given", given[5].name, changes)
    refused = tmp_path / "given" / "rater__COUNTY__2026__v02.csv"
    refused.write_text("rater_token,姓名\nX,Y\n", encoding="utf-8")
    files = [*given, refused]
    assert rating in files
    home = tmp_path / "home"
    assert call("--home", home, "init").code == 0
    night = json.loads(call("--home", home, "ingest", *files, "--json").out)
    alone = json.loads(call("check", *files, "-o", tmp_path / "alone", "--lang", "zh", "--json").out)
    for document in alone["files"]:
        answer = next(each for each in night["answers"] if each["name"] == document["name"])
        counts = {code: entry["count"] for code, entry in document["codes"].items()}
        assert (document["decision"], document["balance"], counts) == (
            answer["decision"], answer["balance"], answer["codes"]
        )  # fmt: skip
        outbox = home / "outbox" / answer["submitter_org_id"]
        name = f"{document['name']}.errors.csv"
        assert _rows(tmp_path / "alone" / name) == _rows(outbox / name)
        fixed = f"{document['name']}.fix.xlsx"
        assert (tmp_path / "alone" / fixed).exists() == (outbox / fixed).exists()
