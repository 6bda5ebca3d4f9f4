"""Run flows in this process, or serve them from it, with nothing of Prefect's to be set up first.

Prefect and the steps are imported only after the environment is set and Prefect's server has been
started, so that the server comes up while they are imported.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext, suppress
from importlib import import_module
from typing import TYPE_CHECKING, Any, Literal

from expectations.catalogue import Language
from flows.prefect_server import (
    API_URL,
    announced,
    prefect_environment,
    prefect_home,
    prefect_server,
    wait_until_ready,
)
from warehouse.settings import Settings

if TYPE_CHECKING:
    from types import FrameType

    from tasks.ingest import Progress
    from tasks.night import NightReport

FlowName = Literal["nightly", "ingest", "score", "backfill", "release"]
OUR_PACKAGES = ("flows", "tasks", "expectations", "scoring", "warehouse")
DRAIN_SECONDS = 5.0


class RunFailedError(Exception):
    """A run failed for a reason that is none of our own errors; Prefect's log has the particulars.

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
    name: FlowName, settings: Settings, progress: Progress | None = None, *, language: Language = "zh",
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
    with prefect_session(settings, checks_files=name == "ingest"):
        from flows.run_context import RunContext, running_in
        from tasks.ingest import no_progress
        from tasks.prefect_tasks import step_of

        try:
            with running_in(RunContext(settings, progress or no_progress, language)):
                report: NightReport = getattr(import_module(f"flows.{name}"), name)(**parameters)
        except Exception as error:
            if type(error).__module__.partition(".")[0] in OUR_PACKAGES:
                raise
            raise RunFailedError(name, step_of(error), error, str(prefect_home(settings) / "prefect.log")) from error
    return report


@contextmanager
def prefect_session(settings: Settings, *, checks_files: bool = False) -> Iterator[None]:
    """Let the runs inside the block share one Prefect server; the environment is as before afterwards.

    Args:
        settings: The home that holds Prefect's files.
        checks_files: Files will be checked, even when the inbox is empty.

    Raises:
        PrefectServerError: Prefect's server did not start.
    """
    is_starting = API_URL not in os.environ
    with prefect_server(settings) as url, _environment({**prefect_environment(settings), API_URL: url}):
        prefect_home(settings).mkdir(mode=0o700, parents=True, exist_ok=True)
        import_module("flows.nightly")
        from expectations.import_ahead import import_ahead

        if is_starting and (checks_files or any(path.is_file() for path in settings.inbox.rglob("*"))):
            import_ahead()
        wait_until_ready(settings, url)
        with _settings_of_prefect(settings, url):
            yield


@contextmanager
def _settings_of_prefect(settings: Settings, url: str) -> Iterator[None]:
    """Prefect reads the environment when it is first imported; a later session, of another home, says it again."""
    from prefect.events.worker import EventsWorker
    from prefect.logging.configuration import setup_logging
    from prefect.settings import PREFECT_API_URL, PREFECT_HOME, temporary_settings

    ours: Mapping[Any, Any] = {PREFECT_API_URL: url, PREFECT_HOME: prefect_home(settings)}
    changed = {setting: value for setting, value in ours.items() if setting.value() != value}
    with temporary_settings(changed) if changed else nullcontext():
        if PREFECT_HOME in changed:
            setup_logging(incremental=False)
        try:
            yield
        finally:
            EventsWorker.drain_all(timeout=DRAIN_SECONDS)  # the last task runs are told while the server lives


@contextmanager
def _environment(variables: Mapping[str, str]) -> Iterator[None]:
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


def serve_all(settings: Settings) -> None:
    """Serve the nightly run and the runs on demand from this process until SIGTERM or Ctrl-C.

    One run at a time; others wait in the queue. Without ``PREFECT_API_URL`` a Prefect server with its
    pages is started here, on Prefect's usual port when it is free.

    Raises:
        PrefectServerError: Prefect's server did not start.
    """
    home = {"REVERSE_EVAL_HOME": str(settings.home.resolve())}
    lasting = {"PREFECT_LOGGING_TO_API_ENABLED": "true", **home}
    settings.make_folders()
    alone = API_URL not in os.environ
    with (
        prefect_server(settings, with_services=True) as url,
        _environment({**prefect_environment(settings), **lasting, API_URL: url}),
        _stopped_by_sigterm(),
        announced(settings, url),
    ):
        from flows.deployments import serve_deployments

        wait_until_ready(settings, url)
        print(f"Prefect: {url.removesuffix('/api')}", file=sys.stderr, flush=True)  # noqa: T201 - where to look
        serve_deployments(alone=alone)


@contextmanager
def _stopped_by_sigterm() -> Iterator[None]:
    """Let SIGTERM end the block as Ctrl-C does, also before and after the serving itself, so that all is stopped."""

    def stop(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, stop)
    try:
        with suppress(KeyboardInterrupt):
            yield
    finally:
        signal.signal(signal.SIGTERM, before)
