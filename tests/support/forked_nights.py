"""Nights in processes that may be killed, forked from a warm one.

Importing everything takes seconds, so one process imports it once and forks a child for every night. It
opens no database and computes no frame itself: a forked child would inherit locks whose holders are gone.
"""

from __future__ import annotations

import contextlib
import gc
import json
import os
import signal
import subprocess
import sys
import time
import traceback
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

ROOT = Path(__file__).resolve().parents[2]
POLL_SECONDS = 0.002


@dataclass(frozen=True)
class Outcome:
    """How a forked night ended: its exit status (-9: killed), seconds, and points passed by name."""

    status: int
    seconds: float
    passed: Mapping[str, int] = field(default_factory=dict)
    error: str = ""

    @property
    def killed(self) -> bool:
        """Whether the night died by SIGKILL."""
        return self.status == -signal.SIGKILL


class ForkedNights:
    """The warm process; a context manager."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._process: subprocess.Popen[str] | None = None

    def __enter__(self) -> ForkedNights:
        self._process = subprocess.Popen(
            [sys.executable, "-W", "ignore", "-m", "tests.support.forked_nights", str(self.folder)],
            cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process is not None
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(timeout=30)

    def night(
        self, home: Path, *, crash_at: str | None = None, kill_after: float | None = None, fault: str | None = None
    ) -> Outcome:
        """Run one night on a home.

        Args:
            home: the home folder.
            crash_at: ``name:count`` of the crash point at which the night dies.
            kill_after: seconds after which it is killed from outside, wherever it is.
            fault: name of a function of this module that breaks the program before the night.
        """
        assert self._process is not None
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        request = {"home": str(home), "crash_at": crash_at, "kill_after": kill_after, "fault": fault}
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        return Outcome(**json.loads(self._process.stdout.readline()))


def serve(folder: Path) -> None:
    """Fork a child for every request on standard input and answer how it ended."""
    import expectations.engine.polars_engine
    import expectations.suites  # noqa: F401
    import tests.support.world  # noqa: F401

    gc.collect()
    gc.freeze()  # what is imported stays as it is; collecting it in every child would copy its pages
    for line in sys.stdin:
        request = json.loads(line)
        report = folder / "report.json"
        report.unlink(missing_ok=True)
        started = time.monotonic()
        pid = os.fork()
        if pid == 0:
            _become_night(request, report)
        status = _wait(pid, started, request["kill_after"])
        seconds = time.monotonic() - started
        written = json.loads(report.read_text(encoding="utf-8")) if report.exists() else {}
        sys.stdout.write(json.dumps({"status": status, "seconds": seconds, **written}) + "\n")
        sys.stdout.flush()


def _wait(pid: int, started: float, kill_after: float | None) -> int:
    while True:
        found, status = os.waitpid(pid, os.WNOHANG if kill_after is not None else 0)
        if found:
            return os.waitstatus_to_exitcode(status)
        if kill_after is not None and time.monotonic() - started > kill_after:
            os.kill(pid, signal.SIGKILL)
            kill_after = None
        time.sleep(POLL_SECONDS)


def _become_night(request: Mapping[str, Any], report: Path) -> NoReturn:
    status = 1
    try:
        status = _night(request, report)
    finally:
        os._exit(status)


def _night(request: Mapping[str, Any], report: Path) -> int:
    from tests.support.world import run_night
    from warehouse.crash_points import VARIABLE

    os.dup2(2, 1)  # standard output is for answers
    if request["crash_at"]:
        os.environ[VARIABLE] = request["crash_at"]
    passed = _count_points()
    if request["fault"]:
        globals()[request["fault"]]()
    error = ""
    try:
        run_night(Path(request["home"]))
    except Exception:  # noqa: BLE001 - reported to the test
        error = traceback.format_exc()
    draft = report.with_suffix(".draft")
    draft.write_text(json.dumps({"passed": dict(passed), "error": error}), encoding="utf-8")
    draft.replace(report)
    _stop_reader()
    return 1 if error else 0


def _stop_reader() -> None:
    from tasks.reading import child

    with contextlib.suppress(OSError):
        child._server.stop()


def _count_points() -> Counter[str]:
    """Count every crash point passed in this process."""
    import warehouse.crash_points as points

    passed: Counter[str] = Counter()
    original = points.crash_point

    def counting(name: str) -> None:
        passed[name] += 1
        original(name)

    for module in list(sys.modules.values()):
        if getattr(module, "crash_point", None) is original:
            module.crash_point = counting  # type: ignore[attr-defined]
    return passed


def ledger_before_append() -> None:
    """Break the order of a load: the ledger says ``loaded`` before the rows are in the lake."""
    import polars as pl

    import tasks.ingest
    from tasks import load
    from warehouse.lake import StagedPart

    def conclude(workspace: Any, claim: Any, folder: Path, document: Mapping[str, Any]) -> Any:
        load.finish(workspace.engine, claim, "loaded", document, pl.read_parquet(folder / "problems.parquet"), None)
        load.crash_point("loaded")
        listed = json.loads((folder / "parts.json").read_text(encoding="utf-8"))
        parts = [StagedPart(folder / part["file"], part["partition"], part["rows"]) for part in listed]
        workspace.lake.append(document["dataset"], claim.sha256, parts)
        return load.hand_over(workspace, folder, document)

    load.conclude = conclude
    tasks.ingest.conclude = conclude  # type: ignore[attr-defined]


def append_without_transaction() -> None:
    """Break the append: every attempt adds its rows under new names, made before or not."""
    import uuid

    from warehouse.lake import Lake

    original = Lake.append

    def append(self: Lake, dataset: str, sha256: str, parts: Any) -> int:
        return original(self, dataset, f"{sha256}-{uuid.uuid4().hex}", parts)

    Lake.append = append  # type: ignore[method-assign]


def pointer_before_results() -> None:
    """Break publication: the pointer moves first, in a transaction of its own."""
    from sqlalchemy import insert, update

    import tasks.release
    from warehouse import releases
    from warehouse.tables import program_period, release, release_pointer

    def publish(engine: Any, release_id: str, people: int, by: str) -> None:
        period_id = releases.find_release(engine, release_id)["period_id"]
        with engine.begin() as connection:
            connection.execute(insert(release_pointer).values(period_id=period_id, release_id=release_id))
        releases.crash_point("publishing")
        with engine.begin() as connection:
            connection.execute(update(release).where(release.c.release_id == release_id).values(state="published"))
            status = update(program_period).where(program_period.c.period_id == period_id)
            connection.execute(status.values(status="published"))

    tasks.release.publish = publish  # type: ignore[attr-defined]


if __name__ == "__main__":
    serve(Path(sys.argv[1]))
