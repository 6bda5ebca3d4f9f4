"""What runs when: the deployments that ``reverse-eval schedule`` serves; ``prefect.yaml`` declares the same."""

from __future__ import annotations

import asyncio
import signal
from typing import Any

from prefect import Flow, get_client
from prefect.client.schemas.filters import (
    FlowRunFilter,
    FlowRunFilterDeploymentId,
    FlowRunFilterState,
    FlowRunFilterStateType,
)
from prefect.client.schemas.objects import ConcurrencyLimitConfig, ConcurrencyLimitStrategy, StateType
from prefect.deployments.runner import RunnerDeployment
from prefect.runner import Runner
from prefect.schedules import Cron, Schedule
from prefect.states import Crashed
from prefect.types.entrypoint import EntrypointType

from expectations.time_zone import TIME_ZONE
from flows.backfill import backfill
from flows.ingest import ingest
from flows.nightly import nightly

NIGHTLY_CRON = "0 2 * * *"
RUNNER = "reverse-eval"
ONE_AFTER_ANOTHER = ConcurrencyLimitConfig(limit=1, collision_strategy=ConcurrencyLimitStrategy.ENQUEUE)
"""A run that comes too early waits; cancelling it could cancel every later night when one hangs."""


def served_deployments() -> list[RunnerDeployment]:
    """The night on its schedule; ingest and backfill on demand, from Prefect's form."""
    return [
        _deployment(nightly, schedule=Cron(NIGHTLY_CRON, timezone=TIME_ZONE)),
        _deployment(ingest),
        _deployment(backfill),
    ]


def _deployment(flow: Flow[..., Any], schedule: Schedule | None = None) -> RunnerDeployment:
    return RunnerDeployment.from_flow(
        flow,
        name=flow.name,
        schedule=schedule,
        concurrency_limit=ONE_AFTER_ANOTHER,
        entrypoint_type=EntrypointType.MODULE_PATH,
    )


def serve_deployments(*, alone: bool) -> None:
    """Register the deployments and run what is due, one run at a time, until the process is told to stop.

    Schedules stay active when we stop: what was missed in the meantime is caught up by one run.

    Args:
        alone: The server was started for us, so that every run it takes for running died with the last one.
    """
    asyncio.run(_serve(alone=alone))


async def _serve(*, alone: bool) -> None:
    runner = Runner(name=RUNNER, limit=1, pause_on_shutdown=False)
    for deployment in served_deployments():
        await runner.aadd_deployment(deployment)
    if alone:
        await _report_dead_runs()
    running = asyncio.create_task(runner.start())
    told_to_stop = asyncio.Event()
    await asyncio.sleep(0)  # the runner sets a handler when it starts, whose stop is never awaited: ours replaces it
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, told_to_stop.set)
    waiting = asyncio.create_task(told_to_stop.wait())
    await asyncio.wait({running, waiting}, return_when=asyncio.FIRST_COMPLETED)
    if not running.done():
        await runner.astop()
    waiting.cancel()
    await running


async def _report_dead_runs() -> None:
    """Tell Prefect that runs without a process are over; until then they hold the place of every later night."""
    unfinished = FlowRunFilterStateType(any_=[StateType.PENDING, StateType.RUNNING, StateType.CANCELLING])
    async with get_client() as client:
        runs = await client.read_flow_runs(
            flow_run_filter=FlowRunFilter(
                state=FlowRunFilterState(type=unfinished), deployment_id=FlowRunFilterDeploymentId(is_null_=False)
            )
        )
        for run in runs:
            await client.set_flow_run_state(run.id, Crashed(message="The process that ran it is gone."))
