"""The steps of a run as Prefect tasks: a step is one task run, however many rows and files it works on."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, ParamSpec, TypeVar, cast

from prefect import Task, task
from prefect.artifacts import create_markdown_artifact
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State, TaskRun

from tasks.aggregate import aggregate
from tasks.audit import audit
from tasks.ingest import check_and_load_files, read_files, recover, take_files
from tasks.night import NightReport, Steps
from tasks.release import draft, release, verify_release
from tasks.run_report import run_report
from tasks.score import score

P = ParamSpec("P")
T = TypeVar("T")

REPORT_KEY = "run-report"
READ_AGAIN_AFTER_SECONDS = (2.0, 10.0)


def prefect_steps() -> Steps:
    """The steps of a night, each of them a Prefect task.

    Only ``aggregate`` and ``verify`` are tried again, and only after an ``OSError``: they read the lake,
    which may be an object store, and write nothing. Steps that commit are never retried here; the ledger
    knows what they finished, and the next run continues from there.
    """
    return Steps(
        recover=as_task("recover", recover),
        land=as_task("land", take_files),
        read=as_task("read", read_files),
        check_and_load=as_task("check and load", check_and_load_files),
        aggregate=as_task("aggregate", aggregate, only_reads_the_lake=True),
        score=as_task("score", score),
        audit=as_task("audit", audit),
        release=as_task("release", release),
        draft=as_task("draft", draft),
        verify=as_task("verify", verify_release, only_reads_the_lake=True),
    )


def as_task(name: str, step: Callable[P, T], *, only_reads_the_lake: bool = False) -> Callable[P, T]:
    """A step as a function that runs it as one task run of the running flow.

    What the step works on is hidden in a closure: Prefect would otherwise walk through every file and
    frame of the arguments, looking for results of other tasks. Results are neither stored nor cached, for
    they hold rows and database connections. An exception leaves with a note that names the step.
    """
    runner = _step.with_options(name=name, task_run_name=name)
    if only_reads_the_lake:
        runner = runner.with_options(
            retries=len(READ_AGAIN_AFTER_SECONDS),
            retry_delay_seconds=list(READ_AGAIN_AFTER_SECONDS),
            retry_condition_fn=_failed_to_read,
        )

    @wraps(step)
    def in_task(*arguments: P.args, **named: P.kwargs) -> T:
        def work() -> T:
            try:
                return step(*arguments, **named)
            except Exception as error:
                error.add_note(f"step: {name}")
                raise

        return cast("T", runner(work))

    return in_task


@task(persist_result=False, cache_policy=NO_CACHE)
def _step(work: Callable[[], object]) -> object:
    """Do the work of a step."""
    return work()


def _failed_to_read(_task: Task[..., Any], _task_run: TaskRun, state: State[Any]) -> bool:
    return isinstance(state.result(raise_on_failure=False), OSError)


def step_of(error: BaseException) -> str | None:
    """The step an exception came from, when it came out of a task of ``prefect_steps``."""
    notes = getattr(error, "__notes__", [])
    return next((note.removeprefix("step: ") for note in notes if note.startswith("step: ")), None)


def report_run(kind: str, report: NightReport) -> None:
    """Attach what a run did to its flow run, as an artifact that people read in Prefect."""
    as_task("report", _publish_report)(kind, report)


def _publish_report(kind: str, report: NightReport) -> None:
    create_markdown_artifact(
        key=REPORT_KEY, markdown=run_report(kind, report), description="运行报告 / What the run did"
    )
