"""Ingest: duplicates, repeats, personal data, and what dead runs leave behind."""

from __future__ import annotations

import csv
import io
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

import tasks.ingest
from tasks.land import DeliveryChangedError
from tasks.workspace import Workspace
from tests.support import world
from tests.support.small_files import xlsx_bytes
from tests.support.world import (
    balance_faults,
    csv_bytes,
    decisions,
    deliver,
    lake_rows,
    leftovers,
    name_of,
    open_home,
    receipts,
    result_hash_of,
    run_night,
    view_of,
)
from warehouse.ledger import periods
from warehouse.releases import releases

RATINGS = world.observations()[name_of("rating_event")]
HALF = len(world.ratings()) // 2


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home in which the month was taken and published."""
    home = tmp_path_factory.mktemp("ingest") / "home"
    workspace = open_home(home)
    deliver(workspace, world.everything())
    assert set(decisions(run_night(home)).values()) == {"accepted"}
    workspace.engine.dispose()
    return home


@pytest.fixture(scope="module")
def registers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home that knows the registers and no period, so that nothing is due."""
    home = tmp_path_factory.mktemp("registers") / "home"
    workspace = open_home(home)
    deliver(workspace, {place: content for place, content in world.references().items() if "period__" not in place})
    run_night(home)
    workspace.engine.dispose()
    return home


@pytest.fixture
def month(template: Path, tmp_path: Path) -> Iterator[Workspace]:
    """A copy of the published month."""
    yield from copied(template, tmp_path / "home")


@pytest.fixture
def empty(registers: Path, tmp_path: Path) -> Iterator[Workspace]:
    """A copy of the home that knows the registers only."""
    yield from copied(registers, tmp_path / "home")


def copied(template: Path, home: Path) -> Iterator[Workspace]:
    shutil.copytree(template, home)
    workspace = open_home(home)
    yield workspace
    workspace.engine.dispose()


def rows_of(content: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(content.decode())))


def saved_again(content: bytes) -> dict[str, bytes]:
    """The same rows in other bytes, by the ending of a file name, each as another program saves them."""
    header, *rows = rows_of(content)
    quoted = io.StringIO(newline="")
    csv.writer(quoted, quoting=csv.QUOTE_ALL, lineterminator="\r\n").writerows([header, *rows])
    turned = "\n".join(",".join(line) for line in [header, *reversed(rows)]) + "\n"
    return {
        "bom.csv": b"\xef\xbb\xbf" + content,
        "quoted.csv": quoted.getvalue().encode(),
        "gb18030.csv": content.decode().encode("gb18030") + b"\n",
        "utf16.csv": content.decode().encode("utf-16"),
        "turned.csv": turned.encode(),
        "tabs.tsv": content.replace(b",", b"\t"),
        "book.xlsx": xlsx_bytes([header, *rows]),
    }


def test_same_bytes_under_other_names_and_submitters_add_nothing(month: Workspace) -> None:
    before, view, hashed = lake_rows(month), view_of(month, "rating_event"), result_hash_of(month)
    deliver(
        month,
        {
            name_of("rating_event"): RATINGS,
            name_of("rating_event", version=9): RATINGS,
            "D-ROAD/又一次.csv": RATINGS,
        },
    )
    report = run_night(month.settings.home)
    assert [answer.decision for answer in report.answers] == ["duplicate"] * 3
    assert [answer.balance["unchanged"] for answer in report.answers] == [HALF] * 3
    assert lake_rows(month) == before
    assert view_of(month, "rating_event").equals(view)
    assert (result_hash_of(month), len(releases(month.engine))) == (hashed, 1)
    again = [document for document in receipts(month) if document["decision"] == "duplicate"]
    assert {document["first_taken"]["name"] for document in again} == {name_of("rating_event").partition("/")[2]}
    assert {document["submitter_org_id"] for document in again} == {world.CENTRE, "D-ROAD"}
    assert leftovers(month) == []


def test_same_bytes_twice_in_one_night_are_taken_once(empty: Workspace) -> None:
    deliver(
        empty,
        {
            name_of("period", period_id="2026"): csv_bytes([world.period()]),
            name_of("rating_event"): RATINGS,
            name_of("rating_event", version=2): RATINGS,
            "D-ROAD/副本.csv": RATINGS,
        },
    )
    found = decisions(run_night(empty.settings.home))
    assert sorted(found.values()) == ["accepted", "accepted", "duplicate", "duplicate"]
    assert found["rating_event__MON-CENTRE__2026M07__v01.csv"] == "accepted"
    assert lake_rows(empty)["rating_event"] == HALF
    assert leftovers(empty) == []
    assert balance_faults(receipts(empty)) == []


@pytest.mark.parametrize("ending", sorted(saved_again(RATINGS)))
def test_a_file_saved_again_is_unchanged_row_by_row(month: Workspace, ending: str) -> None:
    before, view, hashed = lake_rows(month), view_of(month, "rating_event"), result_hash_of(month)
    place = name_of("rating_event", ending=ending.partition(".")[2])
    deliver(month, {place: saved_again(RATINGS)[ending]})
    report = run_night(month.settings.home)
    (answer,) = report.answers
    assert (answer.decision, answer.balance["unchanged"], answer.balance["accepted"]) == ("accepted", HALF, 0)
    assert lake_rows(month) == before
    assert view_of(month, "rating_event").equals(view)
    assert (result_hash_of(month), len(releases(month.engine))) == (hashed, 1)
    assert balance_faults(receipts(month)) == []


def test_a_newer_version_that_says_the_same_changes_no_view(month: Workspace) -> None:
    """Its rows are kept, for they decide which version is the newest, and yet nothing changes."""
    view, hashed = view_of(month, "rating_event"), result_hash_of(month)
    deliver(month, {name_of("rating_event", version=7): saved_again(RATINGS)["turned.csv"]})
    (answer,) = run_night(month.settings.home).answers
    assert (answer.balance["unchanged"], answer.balance["accepted"]) == (HALF, 0)
    assert lake_rows(month)["rating_event"] == 2 * HALF + HALF
    assert view_of(month, "rating_event").equals(view)
    assert (result_hash_of(month), len(releases(month.engine))) == (hashed, 1)


PERSONAL = csv_bytes([{"单位编码": "V-01", "姓名": "某某", "评分口令": "token-00", "身份": "村干部"}])


def test_personal_columns_leave_no_bytes_behind_however_often_they_come(month: Workspace) -> None:
    sent = {f"{world.CENTRE}/rater__{world.CENTRE}__2026__v0{number}.csv": PERSONAL for number in (3, 4)}
    for night, files in enumerate((sent, {f"{world.CENTRE}/rater__{world.CENTRE}__2026__v05.csv": PERSONAL})):
        deliver(month, files)
        found = decisions(run_night(month.settings.home))
        assert sorted(found.values()) == (["duplicate", "refused"] if night == 0 else ["duplicate"])
        assert holders(month, "某某".encode()) == []
        assert leftovers(month) == []
    assert {document["decision"] for document in receipts(month) if "F130" in document.get("codes", {})} == {"refused"}
    assert balance_faults(receipts(month)) == []


def holders(workspace: Workspace, word: bytes) -> list[str]:
    """Files anywhere in the home that contain a word."""
    return [
        path.relative_to(workspace.settings.home).as_posix()
        for path in workspace.settings.home.rglob("*")
        if path.is_file() and word in path.read_bytes()
    ]


def test_a_run_that_failed_is_taken_up_by_the_next_one_of_the_same_process(
    empty: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    period = {name_of("period", period_id="2026"): csv_bytes([world.period()])}
    deliver(empty, {**period, name_of("rating_event"): RATINGS, name_of("rating_event", version=2): RATINGS})
    with monkeypatch.context() as broken:
        broken.setattr(tasks.ingest, "load", lambda *_: (_ for _ in ()).throw(OSError(28, "no space left on device")))
        with pytest.raises(OSError, match="no space"):
            run_night(empty.settings.home)
    found = decisions(run_night(empty.settings.home))
    assert sorted(found.values()) == ["accepted", "accepted", "duplicate"]
    assert leftovers(empty) == []
    assert lake_rows(empty)["rating_event"] == HALF


def test_a_file_still_being_written_waits_for_the_next_run(empty: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    period = name_of("period", period_id="2026")
    deliver(empty, {period: csv_bytes([world.period()]), name_of("rating_event"): RATINGS})
    original = tasks.ingest.land

    def land(delivery: object, *more: object) -> object:
        if "rating_event" in getattr(delivery, "name", ""):
            raise DeliveryChangedError("changed while it was read")
        return original(delivery, *more)  # type: ignore[arg-type]

    with monkeypatch.context() as growing:
        growing.setattr(tasks.ingest, "land", land)
        assert list(decisions(run_night(empty.settings.home, now=world.BEFORE_CUTOFF)).values()) == ["accepted"]
    assert leftovers(empty) == [f"inbox/{name_of('rating_event')}"]
    assert list(decisions(run_night(empty.settings.home, now=world.BEFORE_CUTOFF)).values()) == ["accepted"]


def test_a_file_withdrawn_before_it_is_landed_is_nobodys(empty: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    deliver(empty, {name_of("rating_event"): RATINGS})
    original = tasks.ingest.take_files

    def take_files(workspace: Workspace, deliveries: list[object], *more: object) -> object:
        shutil.rmtree(workspace.settings.inbox / world.CENTRE)
        return original(workspace, deliveries, *more)  # type: ignore[arg-type]

    from tasks.night import Steps, night

    assert night(empty, Steps(land=take_files)).answers == ()  # type: ignore[arg-type]


def test_half_copies_and_staging_of_answered_files_are_cleared(month: Workspace) -> None:
    (month.settings.landing / ".0123456789abcdef.part").write_bytes(b"half")
    sha256 = world.all_rows(month, "select sha256 from ingest_file where dataset = 'rater'")[0][0]
    staging = month.settings.staging / sha256
    staging.mkdir()
    (staging / "text.parquet").write_bytes(b"token-00")
    run_night(month.settings.home)
    assert leftovers(month) == []
    assert list(month.settings.staging.iterdir()) == []


def test_the_calendar_is_brought_up_after_a_death_between_decision_and_calendar(
    empty: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    deliver(empty, {name_of("period", period_id="2026"): csv_bytes([world.period()])})

    def dies(_workspace: Workspace) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as killed:
        killed.setattr("tasks.load.refresh_periods", dies)
        with pytest.raises(KeyboardInterrupt):
            run_night(empty.settings.home)
    assert periods(empty.engine) == []
    run_night(empty.settings.home)
    assert [period["period_id"] for period in periods(empty.engine)] == [world.PERIOD]
    assert leftovers(empty) == []


def test_a_refusal_cut_short_after_its_bytes_were_dropped_is_finished_by_the_next_delivery(empty: Workspace) -> None:
    place = f"{world.CENTRE}/rater__{world.CENTRE}__2026__v03.csv"
    deliver(empty, {place: PERSONAL})
    run_night(empty.settings.home)
    (sha256,) = world.all_rows(empty, "select sha256 from ingest_file where state = 'refused'")[0]
    with empty.engine.begin() as connection:
        connection.execute(
            text("update ingest_file set state = 'claimed', decided_at = null, receipt = null where sha256 = :sha256"),
            {"sha256": sha256},
        )
    staging = empty.settings.staging / sha256
    staging.mkdir()
    (staging / "text.parquet").write_bytes("某某".encode())
    deliver(empty, {place: PERSONAL})
    assert list(decisions(run_night(empty.settings.home)).values()) == ["refused"]
    assert holders(empty, "某某".encode()) == []
