"""The release flow."""

from __future__ import annotations

from prefect import flow

from flows.parameters import ReleaseAction, ReleaseId
from flows.run_context import run_context
from tasks.night import NightReport, verify_and_publish
from tasks.prefect_tasks import prefect_steps, report_run


@flow(name="release", flow_run_name="{action} {release_id}", persist_result=False)
def release(release_id: ReleaseId, action: ReleaseAction = "verify") -> NightReport:
    """Recompute a release from the lake and compare it with what is stored; then publish it, if asked.

    What HR reads changes only here and in the night, and here only when the recomputed results are the
    stored ones and everybody has signed whom the scheme asks for.
    """
    workspace = run_context().workspace()
    report = verify_and_publish(workspace, release_id, prefect_steps(), publishes=action == "publish")
    report_run("release", report)
    return report
