"""Files get a second chance: after a defect of ours, under the right name, and periods until something came."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

import tasks.ingest
from tasks.land import Delivery, delivery_of
from tasks.night import ingest
from tasks.reading.errors import ReadingError
from tests.support import world
from warehouse.ledger import release_hold


def test_one_file_we_fail_on_never_stops_the_night(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    workspace = world.open_home(tmp_path)
    world.deliver(workspace, world.everything())
    sound = tasks.ingest.check

    def failing(file: tasks.ingest.FileToCheck, folder: Path) -> object:
        if file.dataset.name == "performance_fact":
            raise ValueError("a defect")
        return sound(file, folder)

    monkeypatch.setattr(tasks.ingest, "check", failing)
    report = world.run_night(tmp_path)
    held = [answer for answer in report.answers if answer.decision == "held"]
    assert [(answer.dataset, dict(answer.codes)) for answer in held] == [("performance_fact", {"H404": 1})]
    assert len(report.answers) == len(world.everything())
    assert world.balance_faults(world.receipts(workspace)) == []
    monkeypatch.setattr(tasks.ingest, "check", sound)
    assert release_hold(workspace.engine, held[0].sha256, "repaired")
    again = world.run_night(tmp_path)
    assert [(answer.dataset, answer.decision) for answer in again.answers] == [("performance_fact", "accepted")]


def test_a_file_the_reader_fails_on_never_stops_the_night(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    workspace = world.open_home(tmp_path)
    world.deliver(workspace, world.references())

    def failing(*_: object, **__: object) -> object:
        raise ReadingError("a defect")

    monkeypatch.setattr(tasks.ingest, "read", failing)
    report = world.run_night(tmp_path)
    assert {answer.decision for answer in report.answers} == {"held"}
    assert len(report.answers) == len(world.references())
    assert world.leftovers(workspace) == []


def test_a_period_nothing_was_delivered_for_stays_open(tmp_path: Path) -> None:
    workspace = world.open_home(tmp_path)
    world.deliver(workspace, world.references())
    assert world.run_night(tmp_path).released == ()
    world.deliver(workspace, world.observations())
    (released,) = world.run_night(tmp_path).released
    assert released.state == "published"


def test_a_file_refused_for_its_name_is_taken_under_the_right_one(tmp_path: Path) -> None:
    workspace = world.open_home(tmp_path)
    files = world.references()
    (place,) = [place for place in files if "/rater__" in place]
    content = files.pop(place)
    wrong = f"{place.split('/')[0]}/名单.csv"
    world.deliver(workspace, files | {wrong: content})
    assert world.decisions(world.run_night(tmp_path))["名单.csv"] == "refused"
    world.deliver(workspace, {wrong: content})
    assert world.decisions(world.run_night(tmp_path)) == {"名单.csv": "refused"}
    world.deliver(workspace, {place: content})
    assert set(world.decisions(world.run_night(tmp_path)).values()) == {"accepted"}
    world.deliver(workspace, {place: content})
    assert set(world.decisions(world.run_night(tmp_path)).values()) == {"duplicate"}


def test_a_file_we_may_not_open_is_answered_and_waits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    workspace = world.open_home(tmp_path)
    files = world.references()
    world.deliver(workspace, files)
    landing = tasks.ingest.land

    def closed(delivery: Delivery, *more: object) -> object:
        if delivery.name.startswith("rater"):
            raise PermissionError(errno.EACCES, "Permission denied", str(delivery.path))
        return landing(delivery, *more)

    monkeypatch.setattr(tasks.ingest, "land", closed)
    answers = world.run_night(tmp_path).answers
    assert [dict(answer.codes) for answer in answers if answer.decision == "refused"] == [{"F123": 1}]
    assert len(answers) == len(files)
    monkeypatch.setattr(tasks.ingest, "land", landing)
    assert [answer.decision for answer in world.run_night(tmp_path).answers] == ["accepted"]


def test_a_file_given_twice_by_its_path_is_a_duplicate(tmp_path: Path) -> None:
    workspace = world.open_home(tmp_path / "home")
    place, content = next(iter(world.references().items()))
    path = tmp_path / Path(place).name
    path.write_bytes(content)
    decisions = [ingest(workspace, [delivery_of(path)])[0].decision for _ in range(3)]
    assert decisions == ["accepted", "duplicate", "duplicate"]
