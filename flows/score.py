"""The score flow."""

from __future__ import annotations

from prefect import flow

from flows.parameters import Day
from flows.run_context import run_context
from tasks.night import NightReport, run
from tasks.prefect_tasks import prefect_steps, report_run


def _name() -> str:
    return f"score {run_context().today()}"


@flow(name="score", flow_run_name=_name, persist_result=False)
def score(day: Day = None) -> NightReport:
    """Bring every due period up to date from what is loaded, leaving the inbox alone.

    For the analyst who has changed a scheme or reopened a period and does not want tonight's files in it.
    Files that a run which died left half-way are finished first.
    """
    context = run_context()
    workspace, steps = context.workspace(day), prefect_steps()
    report = run(workspace, "score", steps, context.progress, from_inbox=False, deliveries=(), scores=True)
    report_run("score", report)
    return report
