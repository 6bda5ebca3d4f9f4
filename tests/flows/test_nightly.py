"""The nightly flow does what the night does, in tens of task runs, and leaves nothing locked."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from flows.local import RunFailedError, run_flow
from flows.run_context import night_of
from tasks.aggregate import aggregate
from tasks.night import Steps, night
from tasks.workspace import open_workspace
from tests.support.prefect_history import newest_report, task_runs
from tests.support.small_county import MONTHS, RATING_HEADER, SUBMITTER, rating_rows, write_csv
from warehouse.database import reading_engine
from warehouse.locks import LockedByAnotherRunError, hold_lock
from warehouse.runs import last_run
from warehouse.settings import Settings
from warehouse.tables import lock

pytestmark = [pytest.mark.xdist_group("prefect"), pytest.mark.usefixtures("prefect")]

County = Callable[..., Settings]


def test_releases_what_the_night_releases_without_prefect(county: County) -> None:
    plain = night(open_workspace(county("plain")))
    flow = run_flow("nightly", county("flow"))
    assert [(each.period_id, each.result_hash, each.state) for each in flow.released] == [
        (each.period_id, each.result_hash, each.state) for each in plain.released
    ]
    assert [each.period_id for each in flow.released] == list(MONTHS)
    assert [(each.name, each.decision) for each in flow.answers] == [
        (each.name, each.decision) for each in plain.answers
    ]
    assert len(flow.answers) == 12


def test_number_of_task_runs_does_not_grow_with_files(county: County) -> None:
    settings = county()
    run_flow("nightly", settings)
    with_twelve = task_runs("nightly")
    assert with_twelve["land"] == with_twelve["read"] == with_twelve["report"] == 1
    assert with_twelve["aggregate"] == with_twelve["score"] == with_twelve["audit"] == with_twelve["release"] == 2
    assert 10 < with_twelve.total() < 30

    more = county("more")
    for number, month in enumerate(MONTHS * 6, start=10):
        rows = rating_rows(month, "QY-V01")
        write_csv(more.inbox / SUBMITTER / f"rating_event__{SUBMITTER}__{month}__v{number}.csv", [RATING_HEADER, *rows])
    assert len(run_flow("nightly", more).answers) == 24
    assert task_runs("nightly") == with_twelve


def test_a_night_without_work_ends_at_once(county: County) -> None:
    settings = county()
    run_flow("nightly", settings)
    report = run_flow("nightly", settings)
    assert (report.answers, report.released) == ((), ())
    assert set(task_runs("nightly")) == {"recover", "report"}


def test_a_failing_step_is_named_recorded_and_leaves_no_lock(county: County, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = county()

    def broken(*_arguments: Any) -> None:
        raise ZeroDivisionError("the matrix is singular")

    with monkeypatch.context() as patch:
        patch.setattr("tasks.prefect_tasks.score", broken)
        with pytest.raises(RunFailedError) as caught:
            run_flow("nightly", settings)
    assert caught.value.step == "score"
    assert "the matrix is singular" in caught.value.text("en")
    assert "score" in caught.value.text("zh")
    engine = reading_engine(settings.database_url)
    last = last_run(engine)
    assert last is not None
    assert (last["kind"], last["state"]) == ("nightly", "failed")
    with engine.connect() as connection:
        assert connection.execute(select(lock)).all() == []
    assert "ZeroDivisionError" in (settings.home / "prefect" / "prefect.log").read_text(encoding="utf-8")
    assert [each.state for each in run_flow("nightly", settings).released] == ["published", "published"]


def test_a_held_lock_reaches_the_caller_unchanged(county: County) -> None:
    settings = county()
    engine = open_workspace(settings).engine
    with hold_lock(engine, "run", 60, "another"), pytest.raises(LockedByAnotherRunError) as caught:
        run_flow("nightly", settings)
    assert caught.value.name == "run"
    assert any((settings.inbox / SUBMITTER).iterdir())


def test_report_tells_files_problems_and_releases_in_both_languages(county: County) -> None:
    settings = county(people_to_sign=2)
    month = MONTHS[0]
    bad = [*rating_rows(month, "QY-V01")[0]]
    bad[bad.index("ALL")] = "NOT-AN-ITEM"
    name = f"rating_event__{SUBMITTER}__{month}__v09.csv"
    write_csv(settings.inbox / SUBMITTER / name, [RATING_HEADER, bad])
    report = run_flow("nightly", settings)
    held = next(answer for answer in report.answers if answer.name == name)
    assert held.decision == "held"
    text = newest_report()
    assert report.run_id in text
    assert "| 接收 / accepted | 12 |" in text
    assert "| 挂起 / held | 1 | 1 |" in text
    for code in held.codes:
        assert f"| {code} | 1 |" in text
    assert "| 2026M03 | R-2026M03-001 | 已核验 / audited | 是 / yes |" in text
    assert f"- {SUBMITTER}/{name}\n- R-2026M03-001\n- R-2026M04-001" in text
    assert report.waiting == (f"{SUBMITTER}/{name}", "R-2026M03-001", "R-2026M04-001")


def test_day_decides_what_is_due_but_not_which_files_are_taken(county: County) -> None:
    report = run_flow("nightly", county(), day=date(2026, 4, 20))
    assert len(report.answers) == 12
    assert [each.period_id for each in report.released] == ["2026M03"]
    assert night_of(date(2026, 4, 20)) == datetime(2026, 4, 19, 18, tzinfo=UTC)


def test_progress_reaches_the_caller(county: County) -> None:
    seen: list[tuple[str, int, int]] = []
    run_flow("nightly", county(), lambda step, done, of: seen.append((step, done, of)))
    assert ("land", 12, 12) in seen
    assert ("score and release", 2, 2) in seen


@pytest.mark.parametrize(
    ("step", "error", "tries"),
    [("aggregate", OSError("slow store"), 2), ("aggregate", ValueError("wrong"), 1), ("release", OSError("full"), 1)],
)
def test_only_reading_the_lake_is_tried_again(
    county: County, monkeypatch: pytest.MonkeyPatch, step: str, error: Exception, tries: int
) -> None:
    settings, calls = county(), []
    work = getattr(Steps(), step)

    def fails_once(*arguments: Any) -> Any:
        calls.append(step)
        if len(calls) == 1:
            raise error
        return work(*arguments)

    monkeypatch.setattr("tasks.prefect_tasks.READ_AGAIN_AFTER_SECONDS", (0.1, 0.1))
    monkeypatch.setattr(f"tasks.prefect_tasks.{step}", fails_once)
    if tries == 1:
        with pytest.raises(RunFailedError):
            run_flow("nightly", settings)
        assert len(calls) == 1
    else:
        assert len(run_flow("nightly", settings).released) == 2
        assert len(calls) == 3


def test_steps_are_all_wrapped() -> None:
    from tasks.prefect_tasks import prefect_steps

    plain, wrapped = Steps(), prefect_steps()
    for name, step in vars(plain).items():
        in_task = getattr(wrapped, name)
        assert in_task is not step
        assert in_task.__wrapped__ is step
    assert replace(plain, aggregate=aggregate) == plain


def test_nothing_of_a_run_lies_in_prefects_home_but_history(county: County, tmp_path: Path) -> None:
    settings = county()
    run_flow("nightly", settings)
    kept = {path.name for path in (settings.home / "prefect").rglob("*") if path.is_file()}
    assert kept <= {"prefect.log", "prefect.db", "prefect.db-wal", "prefect.db-shm", "server.log", "memo_store.toml"}
    assert not list(tmp_path.rglob("*.pkl"))
