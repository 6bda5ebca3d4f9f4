"""The ingest flow."""

from __future__ import annotations

from prefect import flow

from flows.parameters import Paths, Submitter
from flows.run_context import run_context
from tasks.land import delivery_of
from tasks.night import NightReport, run
from tasks.prefect_tasks import prefect_steps, report_run


def _name() -> str:
    return f"ingest {run_context().today()}"


@flow(name="ingest", flow_run_name=_name, persist_result=False)
def ingest(paths: Paths = None, submitter: Submitter = None) -> NightReport:
    """Take files now and answer each with a receipt, without scoring.

    For the office that has corrected a file and wants its receipt today: the scores follow in the night.
    """
    context = run_context()
    deliveries = [delivery_of(path, submitter) for path in paths or ()]
    workspace, steps = context.workspace(), prefect_steps()
    report = run(
        workspace, "ingest", steps, context.progress, from_inbox=paths is None, deliveries=deliveries, scores=False
    )
    report_run("ingest", report)
    return report
