"""Load: full and partial deliveries, voids, revisions, conflicts, late rows and holds (INPUT.md 4.5)."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

import polars as pl
import pytest

from tasks.load import Answer
from tasks.workspace import Workspace
from tests.support import world
from tests.support.world import (
    REGISTER,
    balance_faults,
    csv_bytes,
    deliver,
    fact,
    facts,
    lake_rows,
    name_of,
    open_home,
    receipts,
    result_hash_of,
    run_night,
    view_of,
)
from warehouse.ledger import release_hold, reopen_period
from warehouse.releases import releases

FACTS = name_of("performance_fact", REGISTER)


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home in which the month was taken, before its cutoff."""
    home = tmp_path_factory.mktemp("load") / "home"
    workspace = open_home(home)
    deliver(workspace, world.everything())
    run_night(home, now=world.BEFORE_CUTOFF)
    workspace.engine.dispose()
    return home


@pytest.fixture
def month(template: Path, tmp_path: Path) -> Iterator[Workspace]:
    """A copy of that month, still open."""
    shutil.copytree(template, tmp_path / "home")
    workspace = open_home(tmp_path / "home", now=world.BEFORE_CUTOFF)
    yield workspace
    assert balance_faults(receipts(workspace)) == []
    workspace.engine.dispose()


def send(
    workspace: Workspace, rows: Sequence[world.Row], version: int = 2, submitter: str = REGISTER, manifest: str = ""
) -> Answer:
    """Deliver facts and run a night before the cutoff."""
    place = name_of("performance_fact", submitter, version)
    files = {place: csv_bytes(rows)}
    if manifest:
        files[f"{place}.manifest.yaml"] = manifest.encode()
    deliver(workspace, files)
    (answer,) = run_night(workspace.settings.home, now=workspace.now).answers
    return answer


def values(workspace: Workspace) -> dict[tuple[str, str], int]:
    """Facts in force by indicator and organisation."""
    view = view_of(workspace, "performance_fact")
    assert not view.select("indicator_id", "org_id", "source_org_id").is_duplicated().any()
    return {(row[0], row[1]): int(row[2]) for row in view.select("indicator_id", "org_id", "value").iter_rows()}


def test_a_partial_delivery_touches_only_the_rows_in_it(month: Workspace) -> None:
    before = values(month)
    answer = send(month, [fact("ROAD-KM", "V-01", 99), facts()[1]])
    assert (answer.decision, dict(answer.codes)) == ("accepted", {"W310": 1})
    assert answer.balance == {"read": 2, "accepted": 1, "unchanged": 1, "rejected": 0, "held": 0, "skipped": 0}
    assert values(month) == before | {("ROAD-KM", "V-01"): 99}


def test_a_full_delivery_voids_what_it_no_longer_contains(month: Workspace) -> None:
    before = values(month)
    answer = send(month, [fact("ROAD-KM", "V-01", 99), *facts()[1:-2]], manifest="mode: full\n")
    assert answer.decision == "accepted"
    gone = {(str(row["indicator_id"]), str(row["org_id"])) for row in facts()[-2:]}
    expected = {key: value for key, value in before.items() if key not in gone} | {("ROAD-KM", "V-01"): 99}
    assert values(month) == expected
    receipt = next(each for each in receipts(month) if each["file_version"] == 2)
    assert receipt["voided_by_absence"] == 2
    answer = send(month, facts()[::-1], version=3)
    assert (answer.balance["accepted"], len(values(month))) == (3, 36)


def test_a_row_rejected_in_a_full_delivery_is_not_absent(month: Workspace) -> None:
    rows = [dict(row) for row in facts()]
    rows[0]["value"] = "约40"
    answer = send(month, rows, manifest="mode: full\n")
    assert (answer.decision, answer.balance["rejected"]) == ("accepted_with_rejects", 1)
    assert len(values(month)) == 36


def test_a_full_delivery_of_another_submitter_voids_nothing_of_mine(month: Workspace) -> None:
    send(month, [fact("ROAD-KM", "V-01", 7, source_org_id="D-ROAD")], submitter="D-ROAD", version=1)
    send(month, [fact("ROAD-KM", "V-02", 8, source_org_id="D-ROAD")], submitter="D-ROAD", manifest="mode: full\n")
    view = view_of(month, "performance_fact")
    assert view.height == 36 + 1


def test_a_full_delivery_that_loses_too_much_is_held_until_somebody_accepts_it(month: Workspace) -> None:
    before, rows = values(month), lake_rows(month)
    answer = send(month, facts()[:20], manifest="mode: full\n")
    assert (answer.decision, dict(answer.codes)) == ("held", {"H401": 1})
    assert answer.balance == {"read": 20, "accepted": 0, "unchanged": 0, "rejected": 0, "held": 20, "skipped": 0}
    assert (values(month), lake_rows(month)) == (before, rows)
    assert release_hold(month.engine, answer.sha256, "核实无误")
    (accepted,) = run_night(month.settings.home, now=month.now).answers
    assert (accepted.decision, accepted.balance["unchanged"]) == ("accepted", 20)
    assert len(values(month)) == 20
    assert not release_hold(month.engine, answer.sha256, "再来一次")
    assert run_night(month.settings.home, now=month.now).answers == ()


def test_too_many_rejects_hold_the_whole_file_and_accepting_it_keeps_them_out(month: Workspace) -> None:
    before = values(month)
    rows = [dict(row) | {"value": 1} for row in facts()[:20]]
    for row in rows[:2]:
        row["value"] = "约40"
    answer = send(month, rows)
    assert (answer.decision, dict(answer.codes)) == ("held", {"E204": 2, "H403": 1, "W310": 18})
    assert answer.balance == {"read": 20, "accepted": 0, "unchanged": 0, "rejected": 2, "held": 18, "skipped": 0}
    assert values(month) == before
    assert release_hold(month.engine, answer.sha256, "照收")
    (accepted,) = run_night(month.settings.home, now=month.now).answers
    assert (accepted.decision, accepted.balance["accepted"]) == ("accepted_with_rejects", 18)
    changed = {key for key, value in values(month).items() if value != before[key]}
    assert len(changed) == 18


def test_one_bad_row_in_twenty_is_not_held(month: Workspace) -> None:
    rows = [dict(row) for row in facts()[:20]]
    rows[0]["value"] = "约40"
    assert send(month, rows).decision == "accepted_with_rejects"


def test_a_void_hides_its_row_and_a_newer_version_brings_it_back(month: Workspace) -> None:
    key = ("ROAD-KM", "V-01")
    assert send(month, [fact(*key, 40, record_op="void")]).decision == "accepted"
    assert key not in values(month)
    assert send(month, [fact(*key, 41)], version=3).decision == "accepted"
    assert values(month)[key] == 41


def test_a_lower_revision_or_version_that_comes_later_is_stored_and_does_not_count(month: Workspace) -> None:
    key = ("ROAD-KM", "V-01")
    send(month, [fact(*key, 70, revision=3)], version=2)
    answer = send(month, [fact(*key, 60, revision=2)], version=5)
    assert (answer.decision, dict(answer.codes), values(month)[key]) == ("accepted", {"W313": 1}, 70)
    send(month, [fact("ROAD-KM", "V-02", 80)], version=4)
    answer = send(month, [fact("ROAD-KM", "V-02", 81)], version=3)
    assert (dict(answer.codes), values(month)["ROAD-KM", "V-02"]) == ({"W313": 1}, 80)
    assert lake_rows(month)["performance_fact"] == 36 + 4


def test_two_submitters_who_contradict_each_other_are_both_held_until_a_higher_revision(month: Workspace) -> None:
    key = ("ROAD-KM", "V-01")
    answer = send(month, [fact(*key, 77), facts()[1]], submitter="D-ROAD", version=1)
    assert dict(answer.codes) == {"E230": 1}
    assert answer.balance == {"read": 2, "accepted": 0, "unchanged": 1, "rejected": 0, "held": 1, "skipped": 0}
    assert key not in values(month)
    assert len(values(month)) == 35
    answer = send(month, [fact(*key, 55, revision=2)], version=2)
    assert (dict(answer.codes), values(month)[key]) == ({"W310": 1}, 55)


def test_late_rows_change_nothing_until_the_period_is_reopened(month: Workspace) -> None:
    home, key = month.settings.home, ("ROAD-KM", "V-01")
    run_night(home)
    published, before = result_hash_of(month), values(month)
    deliver(month, {name_of("performance_fact", REGISTER, 2): csv_bytes([fact(*key, 84)])})
    report = run_night(home)
    (answer,) = report.answers
    assert (answer.decision, answer.codes["W312"]) == ("accepted", 1)
    assert lake_rows(month)["performance_fact"] == 37
    assert (values(month), result_hash_of(month), len(releases(month.engine))) == (before, published, 1)
    assert run_night(home).released == ()
    assert reopen_period(month.engine, world.PERIOD, "县交通局更正")
    (released,) = run_night(home).released
    assert (released.state, released.is_new, released.result_hash != published) == ("published", True, True)
    assert result_hash_of(month) == released.result_hash
    assert [row["state"] for row in releases(month.engine)] == ["superseded", "published"]
    assert not reopen_period(month.engine, "2026M01", "没有这一期")


def test_rows_that_come_after_a_second_publication_are_late_again(month: Workspace) -> None:
    home = month.settings.home
    run_night(home)
    assert reopen_period(month.engine, world.PERIOD, "更正")
    deliver(month, {name_of("performance_fact", REGISTER, 2): csv_bytes([fact("ROAD-KM", "V-01", 84)])})
    (released,) = run_night(home).released
    assert released.state == "published"
    deliver(month, {name_of("performance_fact", REGISTER, 3): csv_bytes([fact("ROAD-KM", "V-01", 40)])})
    report = run_night(home)
    assert report.answers[0].codes["W312"] == 1
    assert result_hash_of(month) == released.result_hash


def test_quarantine_keeps_rejected_rows_verbatim_without_the_raters_token(month: Workspace) -> None:
    rows = [dict(row) for row in world.ratings()[:40]]
    rows[3]["target_org_id"] = "D-NOWHERE"
    deliver(month, {name_of("rating_event", version=5): csv_bytes(rows)})
    (answer,) = run_night(month.settings.home, now=month.now).answers
    assert dict(answer.codes) == {"E221": 1}
    kept = pl.read_parquet(month.settings.quarantine / f"{answer.sha256}.parquet")
    assert kept.select("_row", "target_org_id", "_codes").rows() == [(5, "D-NOWHERE", "E221")]
    assert "token-00" not in kept.write_csv()


def test_a_rejected_rating_protects_no_other_raters_rating(month: Workspace) -> None:
    """Of two raters of one department one row is rejected and one is gone: only the rejected one stays."""
    rows = [dict(row) for row in world.ratings()]
    faulty = rows[0]
    same = ("target_org_id", "item_id")
    (gone, *_) = [row for row in rows[1:] if all(row[name] == faulty[name] for name in same)]
    before = view_of(month, "rating_event").height
    delivered = [row for row in rows if row is not gone]
    delivered[0] = faulty | {"score_raw": "约4"}
    place = name_of("rating_event", version=3)
    deliver(month, {place: csv_bytes(delivered), f"{place}.manifest.yaml": b"mode: full\n"})
    (answer,) = run_night(month.settings.home, now=month.now).answers
    assert (answer.decision, answer.balance["rejected"]) == ("accepted_with_rejects", 1)
    assert view_of(month, "rating_event").height == before - 1
