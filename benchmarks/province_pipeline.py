"""Runs the province's month through the pipeline in this process and prints seconds per step as JSON.

Fixed costs (imports, opening the warehouse) are told apart from what grows with the rows.
"""

from __future__ import annotations

import json
import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest import mock

BEGUN = time.perf_counter()

SCHEME = "default-2026"


@contextmanager
def _timed(seconds: dict[str, float], step: str) -> Iterator[None]:
    start = time.perf_counter()
    yield
    seconds[step] = seconds.get(step, 0.0) + time.perf_counter() - start


def main(folder: Path, home: Path) -> None:
    """Land to release on the files of ``folder``, in a new home."""
    import tasks.ingest
    from tasks.aggregate import aggregate
    from tasks.audit import audit
    from tasks.land import delivery_of
    from tasks.night import due_periods
    from tasks.release import release
    from tasks.score import score
    from tasks.workspace import open_workspace
    from warehouse.settings import Settings

    shutil.rmtree(home, ignore_errors=True)
    seconds: dict[str, float] = {}
    workspace = open_workspace(Settings(home=home))
    tasks.ingest.import_ahead().join()
    seconds["start-up (imports, warehouse)"] = time.perf_counter() - BEGUN

    def timed(step: str, function: object) -> object:
        def call(*arguments: object, **named: object) -> object:
            with _timed(seconds, step):
                return function(*arguments, **named)  # type: ignore[operator]

        return call

    deliveries = [delivery_of(path) for path in sorted(folder.glob("*.csv"))]
    with mock.patch.multiple(
        tasks.ingest, check=timed("check", tasks.ingest.check), load=timed("load", tasks.ingest.load)
    ):
        with _timed(seconds, "land"):
            taken, _ = tasks.ingest.take_files(workspace, deliveries)
        with _timed(seconds, "read"):
            ready, _ = tasks.ingest.read_files(workspace, taken)
        answers = [
            answer
            for wave in tasks.ingest.waves(ready)
            for answer in tasks.ingest.check_and_load_files(workspace, wave)
        ]
    for _, scheme, snapshot in due_periods(workspace):
        with _timed(seconds, "aggregate"):
            sums = aggregate(workspace, snapshot, scheme)
        with _timed(seconds, "score"):
            scored = score(sums, scheme, snapshot.period_id)
        with _timed(seconds, "audit and release"):
            release(workspace, snapshot, scheme, scored, audit(scored.results))
    rejected = sum(answer.balance["rejected"] for answer in answers)
    json.dump({"seconds": seconds, "rejected": rejected}, sys.stdout)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
