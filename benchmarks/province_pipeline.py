"""Runs the province's month through the pipeline in this process and prints seconds per step as JSON.

Fixed costs (imports, opening the warehouse) are told apart from what grows with the rows.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

import psutil
import yaml

BEGUN = time.perf_counter()
START_UP = "start-up (imports, warehouse)"
APART = ", apart"
"""Ending of the name of a step that is not part of the way from land to release."""


class Meter:
    """Seconds, processor seconds and peak memory of named steps, the reading processes included."""

    def __init__(self) -> None:
        self.steps: dict[str, dict[str, float]] = {}
        self._running: str | None = None
        self._finished = threading.Event()
        self._sampler = threading.Thread(target=self._sample, daemon=True)
        self._sampler.start()

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Measure a block under a name; blocks of one name add up, a block inside another interrupts it."""
        outer, self._running = self._running, name
        entry = self.steps.setdefault(name, {"seconds": 0.0, "cpu_seconds": 0.0, "peak_mb": 0.0})
        wall, cpu = time.perf_counter(), _cpu_seconds()
        try:
            yield
        finally:
            entry["seconds"] += time.perf_counter() - wall
            entry["cpu_seconds"] += _cpu_seconds() - cpu
            self._running = outer

    def wrap(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """The function, measured under a name."""

        def call(*arguments: object, **named: object) -> object:
            with self.step(name):
                return function(*arguments, **named)

        return call

    def stop(self) -> None:
        """End the sampling."""
        self._finished.set()
        self._sampler.join()

    def _sample(self) -> None:
        root = psutil.Process()
        while not self._finished.wait(0.02):
            name = self._running
            if name is None:
                continue
            try:
                tree = [root, *root.children(recursive=True)]
                memory = sum(process.memory_info().rss for process in tree) / 2**20
            except psutil.Error:
                continue
            self.steps[name]["peak_mb"] = max(self.steps[name]["peak_mb"], memory)


def _cpu_seconds() -> float:
    spent = os.times()
    return spent.user + spent.system + spent.children_user + spent.children_system


def _write_without_flags(path: Path) -> None:
    """The shipped scheme without the section that asks for signs of manipulation."""
    from scoring.scheme import SHIPPED_SCHEMES

    scheme = yaml.safe_load((SHIPPED_SCHEMES / "default-2026.yaml").read_text(encoding="utf-8"))
    del scheme["anomalies"]
    path.write_text(yaml.safe_dump(scheme, allow_unicode=True), encoding="utf-8")


def main(folder: Path, home: Path, target: Path) -> None:
    """Land to release on the files of ``folder``, in a new home; the figures go to ``target`` as JSON."""
    import tasks.ingest  # imports are part of the start-up that is told apart
    from expectations.import_ahead import import_ahead
    from scoring.scheme import SHIPPED_SCHEMES, load_schemes
    from tasks.aggregate import aggregate
    from tasks.audit import audit
    from tasks.land import delivery_of
    from tasks.night import due_periods
    from tasks.release import release
    from tasks.score import score
    from tasks.snapshot import take_snapshot
    from tasks.workspace import open_workspace
    from warehouse.settings import Settings

    shutil.rmtree(home, ignore_errors=True)
    workspace = open_workspace(Settings(home=home))
    default = load_schemes(SHIPPED_SCHEMES)[0]
    _write_without_flags(workspace.settings.schemes / "province.yaml")
    import_ahead().join()
    started = time.perf_counter() - BEGUN
    meter = Meter()
    deliveries = [delivery_of(path) for path in sorted(folder.glob("*.csv"))]
    measured = {name: meter.wrap(name, getattr(tasks.ingest, name)) for name in ("check", "load")}
    with mock.patch.multiple(tasks.ingest, **measured):
        with meter.step("land"):
            taken, _ = tasks.ingest.take_files(workspace, deliveries)
        with meter.step("read"):
            ready, _ = tasks.ingest.read_files(workspace, taken)
        waves = tasks.ingest.waves(ready)
        answers = [answer for wave in waves for answer in tasks.ingest.check_and_load_files(workspace, wave)]
    for period, scheme in due_periods(workspace):
        with meter.step("aggregate"):
            snapshot = take_snapshot(workspace, period, scheme)
            sums = aggregate(workspace, snapshot, scheme)
        with meter.step("score"):
            scored = score(sums, scheme, snapshot.period_id)
        with meter.step("audit and release"):
            release(workspace, snapshot, scheme, scored, audit(scored.results))
        # What people get to check is no part of the floor's sums: measured, and told apart.
        with meter.step(f"aggregate and score with flags{APART}"):
            score(aggregate(workspace, snapshot, default), default, snapshot.period_id)
    meter.stop()
    rejected = sum(answer.balance["rejected"] for answer in answers)
    target.write_text(json.dumps({"start_up": started, "steps": meter.steps, "rejected": rejected}), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3]))
