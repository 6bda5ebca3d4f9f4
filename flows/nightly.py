"""The nightly flow."""

from __future__ import annotations

from prefect import flow

from flows.parameters import Day
from flows.run_context import run_context
from tasks.night import NightReport, night
from tasks.prefect_tasks import prefect_steps, report_run


def _name() -> str:
    return f"nightly {run_context().today()}"


@flow(name="nightly", flow_run_name=_name, persist_result=False)
def nightly(day: Day = None) -> NightReport:
    """Take the inbox and bring every due period up to date, oldest first.

    Not "the run of this date" but "whatever is due": after five lost nights one run catches up, and a
    run that finds nothing to do ends at once, so nobody has to count missed runs.
    """
    context = run_context()
    report = night(context.workspace(day), prefect_steps(), context.progress)
    report_run("nightly", report)
    return report
