"""Run a flow in this process, with nothing of Prefect's to be seen or set up."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any, Literal

from expectations.catalogue import Language
from flows.prefect_server import API_URL, prefect_environment, prefect_home, prefect_server, wait_until_ready
from flows.run_context import RunContext, running_in
from tasks.ingest import Progress, no_progress
from tasks.night import NightReport
from warehouse.settings import Settings

FlowName = Literal["nightly", "ingest", "score", "backfill", "release"]
OUR_PACKAGES = ("flows", "tasks", "expectations", "scoring", "warehouse")
DRAIN_SECONDS = 5.0


class RunFailedError(Exception):
    """A run failed for a reason that is none of ours; the cause and Prefect's log have the particulars.

    ``step`` is the step it failed in, or None outside of every step.
    """

    def __init__(self, flow: str, step: str | None, cause: Exception, log: str) -> None:
        super().__init__(flow, step, cause, log)
        self.flow, self.step, self.cause, self.log = flow, step, cause, log

    def text(self, language: Language) -> str:
        """The failure in one sentence."""
        reason = " ".join(str(self.cause).split()) or type(self.cause).__name__
        where = self.step or self.flow
        if language == "zh":
            return f"运行在步骤“{where}”失败：{reason}（{type(self.cause).__name__}，详见 {self.log}）。"
        return f"The run failed in step “{where}”: {reason} ({type(self.cause).__name__}; details in {self.log})."

    def __str__(self) -> str:
        return f"{self.text('zh')} / {self.text('en')}"


def run_flow(
    name: FlowName, settings: Settings, progress: Progress = no_progress, *, language: Language = "zh",
    **parameters: Any,
) -> NightReport:  # fmt: skip
    """Run a flow here and return what it did.

    Uses the server in ``PREFECT_API_URL``, else the one ``serve_all`` keeps for this home, else one that
    lives as long as the run. Inside ``prefect_session`` several runs share one.

    Args:
        name: The flow, which is also the name of its module.
        settings: Settings of the run; Prefect's files lie in their home.
        progress: Called with a step's name, how much is done and how much there is.
        language: Of receipts and findings.
        parameters: The flow's own.

    Raises:
        LockedByAnotherRunError: another run is at work.
        PrefectServerError: Prefect's server did not start.
        RunFailedError: anything that is not one of our own errors, which pass unchanged.
    """
    with prefect_session(settings), running_in(RunContext(settings, progress, language)):
        from tasks.prefect_tasks import step_of

        try:
            report: NightReport = getattr(import_module(f"flows.{name}"), name)(**parameters)
        except Exception as error:
            if type(error).__module__.partition(".")[0] in OUR_PACKAGES:
                raise
            log = prefect_home(settings) / "prefect.log"
            raise RunFailedError(name, step_of(error), error, str(log)) from error
    return report


@contextmanager
def prefect_session(settings: Settings) -> Iterator[None]:
    """Let the runs inside the block share one Prefect server; the environment is as before afterwards.

    Raises:
        PrefectServerError: Prefect's server did not start.
    """
    with prefect_server(settings) as url, _environment({**prefect_environment(settings), API_URL: url}):
        prefect_home(settings).mkdir(mode=0o700, parents=True, exist_ok=True)
        from prefect.events.worker import EventsWorker
        from prefect.settings import PREFECT_API_URL, PREFECT_HOME, temporary_settings

        import_module("flows.nightly")  # while the server is starting
        wait_until_ready(settings, url)
        # Settings are read when Prefect is first imported; a later session has to say so again.
        with temporary_settings({PREFECT_API_URL: url, PREFECT_HOME: prefect_home(settings)}):
            try:
                yield
            finally:
                EventsWorker.drain_all(timeout=DRAIN_SECONDS)  # the last task runs are told while the server lives


@contextmanager
def _environment(variables: dict[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
