"""The backfill flow."""

from __future__ import annotations

from prefect import flow

from flows.parameters import FirstPeriod, LastPeriod
from flows.run_context import run_context
from tasks.night import NightReport
from tasks.night import backfill as recompute_range
from tasks.prefect_tasks import prefect_steps, report_run


@flow(name="backfill", flow_run_name="backfill {first} {last}", persist_result=False)
def backfill(first: FirstPeriod, last: LastPeriod = None) -> NightReport:
    """Recompute a range of periods from what is loaded now, as drafts beside what is published.

    For the analyst after a correction of last spring: nothing a reader sees changes until people have
    looked at the differences, reopened the period and published.
    """
    context = run_context()
    report = recompute_range(context.workspace(), first, last, prefect_steps(), context.progress)
    report_run("backfill", report)
    return report
