from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.serving.program import PERIOD, organisations, rating_file, ratings, write_scheme
from warehouse.database import writing_engine
from warehouse.locks import hold_lock
from warehouse.settings import Settings

Call = Callable[..., Any]
pytestmark = pytest.mark.usefixtures("without_prefect")


def _run(home: Path, statement: str, *values: object) -> None:
    with sqlite3.connect(home / "warehouse.sqlite") as connection:
        connection.execute(statement, values)


def test_ingest_ends_with_the_worst_decision(call: Call, home: Path, tmp_path: Path) -> None:
    second = f"rating_event__COUNTY__{PERIOD}__v02.csv"
    bad = rating_file(tmp_path, second, {3: (",answered,", ",perhaps,")})
    said = call("--home", home, "ingest", bad, "--json")
    assert said.code == 3
    answer = json.loads(said.out)["answers"][0]
    assert answer["decision"] == "accepted_with_rejects"
    assert (answer["balance"]["rejected"], answer["codes"]["E210"]) == (1, 1)

    held = rating_file(tmp_path, second, dict.fromkeys(range(1, 40), (",answered,", ",maybe,")))
    assert call("--home", home, "ingest", held).code == 4

    refused = tmp_path / "nobody_knows.csv"
    refused.write_text("a,b\n1,2\n", encoding="utf-8")
    assert call("--home", home, "ingest", refused, held).code == 5

    assert call("--home", home, "ingest", ratings(tmp_path / "again")).code == 6
    assert call("--home", home, "ingest", tmp_path / "nothing.csv").code == 1


def test_ingest_takes_the_files_of_a_folder(call: Call, home: Path, tmp_path: Path) -> None:
    folder = tmp_path / "files"
    organisations(folder)
    (folder / "~$lock.xlsx").touch()
    said = call("--home", home, "ingest", folder, "--json")
    assert [answer["decision"] for answer in json.loads(said.out)["answers"]] == ["duplicate"]


def test_an_empty_folder_is_an_error(call: Call, home: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert call("--home", home, "ingest", tmp_path / "empty").code == 1


def test_a_night_with_nothing_to_do(call: Call, home: Path) -> None:
    said = call("--home", home, "nightly")
    assert (said.code, said.out) == (0, "")
    assert "Nothing to do" in said.err


def test_another_run_is_named(call: Call, home: Path) -> None:
    engine = writing_engine(Settings(home=home).database_url)
    with hold_lock(engine, "run", 900, "other"):
        _run(home, "UPDATE lock SET owner = 'another-host:4242:1'")
        said = call("--home", home, "nightly")
        seen = call("--home", home, "doctor", "--json")
    assert said.code == 7
    assert "another-host" in said.err
    assert "4242" in said.err
    locks = [each for each in json.loads(seen.out)["checks"] if each["check"] == "locks"]
    assert ("another-host:4242" in locks[0]["detail"], locks[0]["level"]) == (True, "ok")


def test_status_of_a_published_home(call: Call, home: Path) -> None:
    said = call("--home", home, "status", "--json")
    found = json.loads(said.out)
    assert (said.code, found["is_stale"], found["last_run"]["state"]) == (0, False, "succeeded")
    period = next(each for each in found["periods"] if each["period_id"] == PERIOD)
    assert (period["published_release"], period["waiting_releases"]) == (f"R-{PERIOD}-001", [])
    assert found["files"] == {"loaded": 8}


def test_status_is_stale_after_a_missed_night(call: Call, home: Path) -> None:
    for hours, code in ((35, 0), (37, 8)):
        moment = datetime.now(tz=UTC) - timedelta(hours=hours)
        _run(home, "UPDATE run SET started_at = ?", moment.strftime("%Y-%m-%d %H:%M:%S.%f"))
        said = call("--home", home, "status", "--lang", "zh")
        assert (said.code, "36 小时" in said.err) == (code, code == 8)


def test_status_is_stale_when_a_due_period_is_not_published(call: Call, home: Path) -> None:
    _run(home, "DELETE FROM release_pointer")
    said = call("--home", home, "status")
    assert (said.code, PERIOD in said.err) == (8, True)


def test_status_counts_the_inbox(call: Call, home: Path) -> None:
    (home / "inbox" / "COUNTY").mkdir()
    for name in ("a.csv", "a.csv.manifest.yaml", "~$a.xlsx", "b.part"):
        (home / "inbox" / "COUNTY" / name).touch()
    assert json.loads(call("--home", home, "status", "--json").out)["files_waiting"] == 1


def test_a_held_file_is_released_with_a_reason(call: Call, home: Path, tmp_path: Path) -> None:
    name = f"rating_event__COUNTY__{PERIOD}__v02.csv"
    held = rating_file(tmp_path, name, dict.fromkeys(range(1, 40), (",answered,", ",maybe,")))
    assert call("--home", home, "ingest", held).code == 4
    assert json.loads(call("--home", home, "status", "--json").out)["held_files"] == [name]
    assert call("--home", home, "accept", name, "--reason", " ").code == 2
    assert call("--home", home, "accept", name, "--reason", "the office confirmed it").code == 0
    report = json.loads(call("--home", home, "nightly", "--json").out)
    assert [answer["decision"] for answer in report["answers"]] == ["accepted_with_rejects"]
    again = call("--home", home, "accept", name, "--reason", "once more")
    assert (again.code, "not held" in again.err) == (1, True)


def test_a_reopened_period_takes_corrections(call: Call, home: Path, tmp_path: Path) -> None:
    lines = dict.fromkeys((1, 2), (",answered,8", ",answered,1"))
    late = rating_file(tmp_path, f"rating_event__COUNTY__{PERIOD}__v02.csv", lines)
    before = call("--home", home, "rankings", "-p", PERIOD, "--json").out
    assert call("--home", home, "ingest", late).code == 0
    assert json.loads(call("--home", home, "nightly", "--json").out)["released"] == []
    assert call("--home", home, "rankings", "-p", PERIOD, "--json").out == before
    assert call("--home", home, "reopen", PERIOD, "--reason", "two figures were wrong").code == 0
    assert call("--home", home, "reopen", PERIOD, "--reason", "again").code == 1
    assert call("--home", home, "reopen", "2031Q1", "--reason", "no such").code == 1
    released = json.loads(call("--home", home, "nightly", "--json").out)["released"][0]
    assert (released["release_id"], released["state"]) == (f"R-{PERIOD}-002", "published")
    after = json.loads(call("--home", home, "rankings", "-p", PERIOD, "--json").out)
    assert after["source"]["release_id"] == f"R-{PERIOD}-002"


def test_rejects_are_told_in_both_languages(call: Call, home: Path, tmp_path: Path) -> None:
    name = f"rating_event__COUNTY__{PERIOD}__v02.csv"
    changes = {3: (",answered,", ",perhaps,"), 5: ("TKV1A", "NOBODY")}
    call("--home", home, "ingest", rating_file(tmp_path, name, changes))
    found = json.loads(call("--home", home, "rejects", "--json").out)
    assert found["counts"] == {"E210": 1, "E227": 1}
    assert {(line["code"], line["row"]) for line in found["lines"]} == {("E210", 4), ("E227", 6)}
    assert "NOBODY" not in json.dumps(found)
    english, chinese = (call("--home", home, "rejects", name, "--lang", language).out for language in ("en", "zh"))
    assert "perhaps" in english
    assert "perhaps" in chinese
    assert english != chinese
    only = json.loads(call("--home", home, "rejects", "--code", "E210", "--json").out)
    assert (only["total"], [line["code"] for line in only["lines"]]) == (1, ["E210"])
    assert json.loads(call("--home", home, "rejects", "--code", "e210", "--json").out)["total"] == 1
    unknown = call("--home", home, "rejects", "--code", "E999")
    assert (unknown.code, "E999" in unknown.err) == (2, True)
    cut = call("--home", home, "rejects", "--limit", "1")
    assert "1 of 2" in cut.err
    assert call("--home", home, "rejects", "other.csv").code == 1


def test_signatures_before_publication(call: Call, tmp_path: Path, home: Path) -> None:
    write_scheme(home / "schemes", people=2)
    release = f"R-{PERIOD}-001"
    _run(home, "DELETE FROM release_pointer")
    _run(home, "UPDATE program_period SET status = 'open'")
    _run(home, "UPDATE release SET state = 'audited', manifest = replace(manifest, ?, ?)", *_people(home, 2))
    assert call("--home", home, "release", "publish", release, "--by", "甲").code == 1
    first = json.loads(call("--home", home, "release", "sign", release, "--by", "甲", "--json").out)
    assert (first["signed"], first["needed"]) == (1, 2)
    twice = call("--home", home, "release", "sign", release, "--by", "甲", "--lang", "en")
    assert (twice.code, "already signed" in twice.err) == (1, True)
    assert call("--home", home, "release", "sign", release, "--by", "乙").code == 0
    assert call("--home", home, "release", "publish", release, "--by", "乙").code == 0
    assert call("--home", home, "rankings", "-p", PERIOD).code == 0


def _people(home: Path, people: int) -> tuple[str, str]:
    with sqlite3.connect(home / "warehouse.sqlite") as connection:
        manifest = json.loads(connection.execute("SELECT manifest FROM release").fetchone()[0])
    rule = manifest["scheme"]["sign_off"]["people"]
    text = json.dumps(rule, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return text, json.dumps({**rule, "value": str(people)}, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def test_release_verify_finds_a_changed_figure(call: Call, home: Path) -> None:
    release = f"R-{PERIOD}-001"
    assert call("--home", home, "release", "verify", release).code == 0
    _run(home, "UPDATE result_department_score SET score_shrunken = score_shrunken + 1 WHERE ratee_org_id = 'D1'")
    said = call("--home", home, "release", "verify", release, "--json")
    assert (said.code, json.loads(said.out)["differing_tables"]) == (1, ["department_score"])


def test_release_show_tells_what_it_was_made_from(call: Call, published_home: Path) -> None:
    said = json.loads(call("--home", published_home, "release", "show", f"R-{PERIOD}-001", "--json").out)
    assert {entry["dataset"] for entry in said["manifest"]["inputs"]} >= {"rating_event", "org_unit"}
    assert call("--home", published_home, "release", "show", "R-none").code == 1
    assert call("--home", published_home, "release", "show", f"R-{PERIOD}-001", "--lang", "zh").code == 0
