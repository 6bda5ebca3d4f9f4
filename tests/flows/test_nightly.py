"""The nightly flow does what the night does, in tens of task runs, and leaves nothing locked."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from flows.local import RunFailedError, run_flow
from flows.run_context import night_of
from tasks.night import NightReport, Steps, night
from tasks.workspace import open_workspace
from tests.support.prefect_history import newest_report, task_runs
from tests.support.small_county import MONTHS, RATING_HEADER, SUBMITTER, rating_rows, small_county, write_csv
from warehouse.database import reading_engine
from warehouse.locks import LockedByAnotherRunError, hold_lock
from warehouse.runs import last_run
from warehouse.settings import Settings
from warehouse.tables import lock

pytestmark = pytest.mark.usefixtures("prefect")

Ingested = Callable[..., Settings]


@dataclass(frozen=True)
class Night:
    """A nightly flow run on the twelve files of the small county."""

    settings: Settings
    report: NightReport
    task_runs: dict[str, int]
    progress: list[tuple[str, int, int]]


@pytest.fixture(scope="module")
def whole_night(prefect: None, tmp_path_factory: pytest.TempPathFactory) -> Night:
    settings = small_county(tmp_path_factory.mktemp("night"))
    progress: list[tuple[str, int, int]] = []
    report = run_flow("nightly", settings, lambda step, done, of: progress.append((step, done, of)))
    return Night(settings, report, task_runs("nightly"), progress)


def test_releases_what_the_night_releases_without_prefect(whole_night: Night, tmp_path: Path) -> None:
    plain = night(open_workspace(small_county(tmp_path)))
    flow = whole_night.report
    assert [(each.period_id, each.result_hash, each.state) for each in flow.released] == [
        (each.period_id, each.result_hash, each.state) for each in plain.released
    ]
    assert [each.period_id for each in flow.released] == list(MONTHS)
    assert [(each.name, each.decision) for each in flow.answers] == [
        (each.name, each.decision) for each in plain.answers
    ]
    assert len(flow.answers) == 12


def test_a_step_is_one_task_run_for_all_files_and_one_for_each_period(whole_night: Night) -> None:
    counts = whole_night.task_runs
    assert (counts["recover"], counts["land"], counts["read"], counts["report"]) == (1, 1, 1, 1)
    assert [counts[step] for step in ("aggregate", "score", "audit", "release")] == [2, 2, 2, 2]
    assert 10 < sum(counts.values()) < 30


def test_number_of_task_runs_does_not_grow_with_files(whole_night: Night, tmp_path: Path) -> None:
    settings = small_county(tmp_path)
    for path in settings.inbox.rglob("rating_event__*"):
        if not path.name.endswith("v01.csv"):
            path.unlink()
    assert len(run_flow("nightly", settings).answers) == 6
    assert task_runs("nightly") == whole_night.task_runs


def test_progress_reaches_the_caller(whole_night: Night) -> None:
    assert ("land", 12, 12) in whole_night.progress
    assert ("score and release", 2, 2) in whole_night.progress


def test_nothing_but_history_lies_in_prefects_home(whole_night: Night) -> None:
    home = whole_night.settings.home
    assert {path.name for path in (home / "prefect").rglob("*")} <= {"prefect.log", "prefect.db", "server.log"}
    assert not list(home.rglob("*.pkl"))


def test_a_night_without_work_ends_at_once(whole_night: Night) -> None:
    report = run_flow("nightly", whole_night.settings)
    assert (report.answers, report.released, report.waiting) == ((), (), ())
    assert set(task_runs("nightly")) == {"recover", "report"}


def test_a_failing_step_is_named_and_recorded_and_leaves_no_lock(
    ingested: Ingested, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = ingested()

    def broken(*_arguments: Any) -> None:
        raise ZeroDivisionError("the matrix is singular")

    with monkeypatch.context() as patch:
        patch.setattr("tasks.prefect_tasks.score", broken)
        with pytest.raises(RunFailedError) as caught:
            run_flow("nightly", settings)
    assert caught.value.step == "score"
    assert "score" in caught.value.text("zh")
    assert "the matrix is singular" in caught.value.text("zh")
    assert "the matrix is singular" in caught.value.text("en")
    engine = reading_engine(settings.database_url)
    last = last_run(engine)
    assert last is not None
    assert (last["kind"], last["state"]) == ("nightly", "failed")
    with engine.connect() as connection:
        assert connection.execute(select(lock)).all() == []
    assert "ZeroDivisionError" in Path(caught.value.log).read_text(encoding="utf-8")
    assert [each.state for each in run_flow("nightly", settings).released] == ["published", "published"]


def test_a_held_lock_reaches_the_caller_unchanged(ingested: Ingested) -> None:
    settings = ingested()
    engine = open_workspace(settings).engine
    with hold_lock(engine, "run", 60, "another"), pytest.raises(LockedByAnotherRunError) as caught:
        run_flow("nightly", settings)
    assert caught.value.name == "run"


def test_report_tells_files_problems_and_releases_in_both_languages(ingested: Ingested) -> None:
    settings = ingested(people_to_sign=2)
    row = rating_rows(MONTHS[0], "QY-V01")[0]
    name = f"rating_event__{SUBMITTER}__{MONTHS[0]}__v09.csv"
    unknown_item = ["NOT-AN-ITEM" if cell == "ALL" else cell for cell in row]
    write_csv(settings.inbox / SUBMITTER / name, [RATING_HEADER, unknown_item])
    report = run_flow("nightly", settings)
    assert [answer.decision for answer in report.answers] == ["held"]
    assert report.waiting == (f"{SUBMITTER}/{name}", "R-2026M03-001", "R-2026M04-001")
    text = newest_report()
    assert "# 夜间运行 / Nightly run" in text
    assert report.run_id in text
    assert "| 挂起 / held | 1 | 1 | 0 | 0 | 1 | 0 | 0 |" in text
    assert report.answers[0].codes
    for code in report.answers[0].codes:
        assert f"| {code} | 1 |" in text
    assert "| 2026M03 | R-2026M03-001 | 已核验 / audited | 是 / yes |" in text
    assert f"- {SUBMITTER}/{name}\n- R-2026M03-001\n- R-2026M04-001" in text


def test_day_decides_what_is_due_but_not_which_files_are_taken(ingested: Ingested) -> None:
    settings = ingested()
    name = f"rating_event__{SUBMITTER}__{MONTHS[0]}__v10.csv"
    write_csv(settings.inbox / SUBMITTER / name, [RATING_HEADER, *rating_rows(MONTHS[0], "QY-V01")])
    report = run_flow("nightly", settings, day=date(2026, 4, 20))
    assert len(report.answers) == 1
    assert [each.period_id for each in report.released] == ["2026M03"]


def test_the_night_of_a_day_begins_at_two_in_the_programmes_zone() -> None:
    assert night_of(date(2026, 4, 20)) == datetime(2026, 4, 19, 18, tzinfo=UTC)


@pytest.mark.parametrize(
    ("step", "error", "is_tried_again"),
    [
        ("aggregate", OSError("the store is slow"), True),
        ("aggregate", ValueError("wrong"), False),
        ("release", OSError("no space"), False),
    ],
)
def test_only_reading_the_lake_is_tried_again(
    ingested: Ingested, monkeypatch: pytest.MonkeyPatch, step: str, error: Exception, is_tried_again: bool
) -> None:
    settings, calls = ingested(), []
    work = getattr(Steps(), step)

    def fails_once(*arguments: Any) -> Any:
        calls.append(step)
        if len(calls) == 1:
            raise error
        return work(*arguments)

    monkeypatch.setattr("tasks.prefect_tasks.READ_AGAIN_AFTER_SECONDS", (0.1, 0.1))
    monkeypatch.setattr(f"tasks.prefect_tasks.{step}", fails_once)
    if is_tried_again:
        assert len(run_flow("score", settings).released) == 2
        assert len(calls) == 3
    else:
        with pytest.raises(RunFailedError):
            run_flow("score", settings)
        assert len(calls) == 1


def test_every_step_is_wrapped() -> None:
    from tasks.prefect_tasks import prefect_steps

    wrapped = prefect_steps()
    for name, step in vars(Steps()).items():
        assert getattr(wrapped, name).__wrapped__ is step, name
