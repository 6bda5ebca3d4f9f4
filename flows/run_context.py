"""What a flow needs from whoever starts it and Prefect must not see: settings and a progress callable."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import date, datetime, time
from zoneinfo import ZoneInfo

from expectations.catalogue import Language
from expectations.time_zone import TIME_ZONE
from tasks.ingest import Progress, no_progress
from tasks.workspace import Workspace, open_workspace
from warehouse.settings import Settings, read_settings

NIGHT_STARTS = time(2, tzinfo=ZoneInfo(TIME_ZONE))
"""When the nightly run starts, in the programme's time zone."""


@dataclass(frozen=True)
class RunContext:
    """Surroundings of a flow run; a deployment's run takes them from the environment."""

    settings: Settings = field(default_factory=read_settings)
    progress: Progress = no_progress
    language: Language = "zh"

    def today(self) -> date:
        """The programme's day."""
        return datetime.now(tz=ZoneInfo(TIME_ZONE)).date()

    def workspace(self, day: date | None = None) -> Workspace:
        """The stores, as of now, or as of the night of an earlier or later day."""
        return open_workspace(self.settings, language=self.language, now=night_of(day) if day else None)


_current: ContextVar[RunContext | None] = ContextVar("run_context", default=None)


def night_of(day: date) -> datetime:
    """The moment the nightly run of a day starts."""
    return datetime.combine(day, NIGHT_STARTS)


def run_context() -> RunContext:
    """What the caller gave, or what the environment says."""
    return _current.get() or RunContext()


@contextmanager
def running_in(context: RunContext) -> Iterator[None]:
    """Give flows started inside the block their surroundings."""
    token = _current.set(context)
    try:
        yield
    finally:
        _current.reset(token)
