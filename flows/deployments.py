"""What runs when: the deployments that ``reverse-eval schedule`` serves; ``prefect.yaml`` declares the same."""

from __future__ import annotations

import asyncio

from prefect.client.schemas.objects import ConcurrencyLimitConfig, ConcurrencyLimitStrategy
from prefect.deployments.runner import RunnerDeployment
from prefect.runner import Runner
from prefect.schedules import Cron
from prefect.types.entrypoint import EntrypointType

from flows.backfill import backfill
from flows.ingest import ingest
from flows.nightly import nightly
from warehouse.settings import TIME_ZONE

NIGHTLY_CRON = "0 2 * * *"
RUNNER = "reverse-eval"
ONE_AFTER_ANOTHER = ConcurrencyLimitConfig(limit=1, collision_strategy=ConcurrencyLimitStrategy.ENQUEUE)
"""A run that comes too early waits; cancelling it could cancel every later night when one hangs."""


def served_deployments() -> list[RunnerDeployment]:
    """The night on its schedule; ingest and backfill on demand, from Prefect's form."""
    return [
        nightly.to_deployment(
            name="nightly",
            schedule=Cron(NIGHTLY_CRON, timezone=TIME_ZONE),
            concurrency_limit=ONE_AFTER_ANOTHER,
            entrypoint_type=EntrypointType.MODULE_PATH,
        ),
        ingest.to_deployment(
            name="ingest", concurrency_limit=ONE_AFTER_ANOTHER, entrypoint_type=EntrypointType.MODULE_PATH
        ),
        backfill.to_deployment(
            name="backfill", concurrency_limit=ONE_AFTER_ANOTHER, entrypoint_type=EntrypointType.MODULE_PATH
        ),
    ]


def serve_deployments() -> None:
    """Register the deployments and run what is due, one run at a time, until the process is told to stop.

    Schedules stay active when we stop: what was missed in the meantime is caught up by one run.
    """
    runner = Runner(name=RUNNER, limit=1, pause_on_shutdown=False)
    for deployment in served_deployments():
        runner.add_deployment(deployment)
    asyncio.run(runner.start())
