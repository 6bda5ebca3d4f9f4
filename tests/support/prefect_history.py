"""What Prefect's server knows of runs, for tests."""

from __future__ import annotations

import time
from collections import Counter

SECONDS = 15.0


def task_runs(flow_run_name: str) -> Counter[str]:
    """Completed task runs by name of the newest flow run of a name, once the server has written them all."""
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterName
    from prefect.client.schemas.sorting import FlowRunSort

    with get_client(sync_client=True) as client:
        found = client.read_flow_runs(
            flow_run_filter=FlowRunFilter(name=FlowRunFilterName(like_=flow_run_name)),
            sort=FlowRunSort.START_TIME_DESC,
            limit=1,
        )
        wanted = FlowRunFilter(id={"any_": [found[0].id]})
        end = time.monotonic() + SECONDS
        while True:  # the server writes task runs after it was told of them
            runs = client.read_task_runs(flow_run_filter=wanted)
            if time.monotonic() > end or any(run.name == "report" and run.state_name == "Completed" for run in runs):
                return Counter(run.name for run in runs)
            time.sleep(0.1)


def newest_report() -> str:
    """The Markdown of the newest run report."""
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterKey
    from prefect.client.schemas.sorting import ArtifactSort

    with get_client(sync_client=True) as client:
        found = client.read_artifacts(
            artifact_filter=ArtifactFilter(key=ArtifactFilterKey(any_=["run-report"])),
            sort=ArtifactSort.CREATED_DESC,
            limit=1,
        )
    return str(found[0].data)
