"""Ingest, score, backfill and release: what each does, and above all what it leaves alone."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import update

from flows.local import RunFailedError, run_flow
from tasks.night import UnknownPeriodError, recompute
from tasks.workspace import open_workspace
from tests.support.small_county import MONTHS, RATING_HEADER, SUBMITTER, rating_rows, write_csv
from warehouse.database import writing_engine
from warehouse.ledger import reopen_period
from warehouse.releases import ReleaseStateError, published_release, releases, sign
from warehouse.runs import last_run
from warehouse.settings import Settings
from warehouse.tables import result_tables

pytestmark = pytest.mark.usefixtures("prefect")

Ingested = Callable[..., Settings]


def _late_ratings(folder: Path, month: str) -> Path:
    """A village changes its mind about the first department from 5 to 1."""
    rows = rating_rows(month, "QY-V01")[:1]
    changed = [["1" if cell == "5" else cell for cell in row] for row in rows]
    return write_csv(folder / f"rating_event__{SUBMITTER}__{month}__v20.csv", [RATING_HEADER, *changed])


def _states(settings: Settings) -> list[tuple[str, str]]:
    engine = writing_engine(settings.database_url)
    return [(row["release_id"], row["state"]) for row in releases(engine)]


def test_ingest_takes_named_files_and_scores_nothing(ingested: Ingested, tmp_path: Path) -> None:
    settings = ingested()
    path = _late_ratings(tmp_path / "outside", MONTHS[0])
    waiting = _late_ratings(settings.inbox / SUBMITTER, MONTHS[1])
    report = run_flow("ingest", settings, paths=[path], submitter=SUBMITTER)
    assert [answer.name for answer in report.answers] == [path.name]
    assert report.released == ()
    assert path.exists()
    assert waiting.exists()
    assert [answer.name for answer in run_flow("ingest", settings).answers] == [waiting.name]
    assert not waiting.exists()
    assert _states(settings) == []


def test_score_leaves_the_inbox_alone(ingested: Ingested) -> None:
    settings = ingested()
    waiting = _late_ratings(settings.inbox / SUBMITTER, MONTHS[0])
    report = run_flow("score", settings)
    assert [(each.period_id, each.state) for each in report.released] == [(month, "published") for month in MONTHS]
    assert report.answers == ()
    assert waiting.exists()


def test_backfill_makes_drafts_of_published_periods_and_publishes_nothing(ingested: Ingested, tmp_path: Path) -> None:
    settings = ingested()
    run_flow("score", settings)
    before = _states(settings)
    unchanged = run_flow("backfill", settings, first=MONTHS[0], last=MONTHS[1])
    assert [(each.period_id, each.is_new) for each in unchanged.released] == [(month, False) for month in MONTHS]
    assert _states(settings) == before

    engine = writing_engine(settings.database_url)
    assert reopen_period(engine, MONTHS[0], "a village corrected its ballot")
    run_flow("ingest", settings, paths=[_late_ratings(tmp_path, MONTHS[0])])
    report = run_flow("backfill", settings, first=MONTHS[0])
    assert [(each.release_id, each.state, each.is_new) for each in report.released] == [
        ("R-2026M03-002", "audited", True)
    ]
    published = published_release(engine, MONTHS[0])
    assert published is not None
    assert published["release_id"] == "R-2026M03-001"
    assert report.waiting == ("R-2026M03-002",)
    last = last_run(engine)
    assert last is not None
    assert (last["kind"], last["state"]) == ("backfill", "succeeded")


def test_the_night_still_publishes_what_a_backfill_only_drafted(ingested: Ingested) -> None:
    settings = ingested()
    drafted = run_flow("backfill", settings, first=MONTHS[0], last=MONTHS[1])
    assert [each.state for each in drafted.released] == ["audited", "audited"]
    night = run_flow("nightly", settings)
    assert [(each.release_id, each.state, each.is_new) for each in night.released] == [
        (each.release_id, "published", False) for each in drafted.released
    ]


def test_backfill_of_an_unknown_period_does_nothing(ingested: Ingested) -> None:
    settings = ingested()
    with pytest.raises(UnknownPeriodError, match="2031M01"):
        run_flow("backfill", settings, first=MONTHS[0], last="2031M01")
    with pytest.raises(UnknownPeriodError):
        recompute(open_workspace(settings), [MONTHS[0], "2031M01"])
    assert _states(settings) == []


def test_backfill_refuses_what_is_no_period(ingested: Ingested) -> None:
    with pytest.raises(RunFailedError, match="first"):
        run_flow("backfill", ingested(), first="last spring")


def test_release_verifies_then_publishes_when_everybody_has_signed(ingested: Ingested) -> None:
    settings = ingested(people_to_sign=2)
    made = run_flow("score", settings).released[0]
    assert made.state == "audited"
    verified = run_flow("release", settings, release_id=made.release_id)
    assert [(each.result_hash, each.state, each.findings) for each in verified.released] == [
        (made.result_hash, "audited", ())
    ]
    with pytest.raises(ReleaseStateError, match="2 signatures"):
        run_flow("release", settings, release_id=made.release_id, action="publish")
    engine = writing_engine(settings.database_url)
    sign(engine, made.release_id, "first officer")
    sign(engine, made.release_id, "second officer")
    published = run_flow("release", settings, release_id=made.release_id, action="publish")
    assert published.released[0].state == "published"
    assert ("R-2026M03-001", "published") in _states(settings)


def test_release_that_does_not_verify_is_not_published(ingested: Ingested) -> None:
    settings = ingested(people_to_sign=1)
    made = run_flow("score", settings).released[0]
    engine = writing_engine(settings.database_url)
    sign(engine, made.release_id, "first officer")
    table = result_tables["department_score"]
    with engine.begin() as connection:
        connection.execute(update(table).where(table.c.release_id == made.release_id).values(score_raw_mean="99"))
    assert run_flow("release", settings, release_id=made.release_id).released[0].findings == ("department_score",)
    with pytest.raises(ReleaseStateError, match="department_score"):
        run_flow("release", settings, release_id=made.release_id, action="publish")
    assert ("R-2026M03-001", "signed") in _states(settings)
