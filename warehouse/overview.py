"""How things stand: runs, periods, files and problems, for the operator's first look."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Engine, RowMapping, func, select

from warehouse.ledger import periods
from warehouse.owners import as_utc, is_dead
from warehouse.runs import last_run
from warehouse.tables import ingest_file, ingest_problem, lock, release, release_pointer

STALE_AFTER = timedelta(hours=36)
"""A night that did not succeed for so long was missed."""

WAITING_STATES = ("draft", "audited", "preview", "signed")


@dataclass(frozen=True)
class RunFacts:
    """A run as people ask for it; times in UTC."""

    run_id: str
    kind: str
    state: str
    started_at: str
    finished_at: str | None
    seconds: float | None


@dataclass(frozen=True)
class PeriodFacts:
    """How far a period has come."""

    period_id: str
    status: str
    cutoff_at: str
    is_due: bool
    published_release: str | None
    result_version: int
    waiting_releases: tuple[str, ...]
    is_history: bool


@dataclass(frozen=True)
class Overview:
    """How things stand. ``stale`` names what is out of date: ``no_success``, ``old_success``, ``not_published``."""

    last_run: RunFacts | None
    last_success: RunFacts | None
    periods: tuple[PeriodFacts, ...]
    files: Mapping[str, int]
    held_files: tuple[str, ...]
    rows_rejected: int
    rows_in_conflict: int
    stale: tuple[str, ...]

    @property
    def due_period(self) -> str | None:
        """The latest period whose results are due."""
        due = [period.period_id for period in self.periods if period.is_due and not period.is_history]
        return due[-1] if due else None

    def document(self) -> dict[str, Any]:
        """The overview as JSON-able data."""
        return asdict(self)


@dataclass(frozen=True)
class LockFacts:
    """A lock that somebody holds."""

    name: str
    owner: str
    since: str
    is_dead: bool
    is_expired: bool


def overview(engine: Engine, now: datetime) -> Overview:
    """Read how things stand at ``now``; a reading engine is enough."""
    newest, success = _run(last_run(engine)), _run(last_run(engine, "succeeded"))
    standing = _periods(engine, now)
    with engine.connect() as connection:
        states = connection.execute(select(ingest_file.c.state, func.count()).group_by(ingest_file.c.state)).all()
        held = connection.execute(
            select(ingest_file.c.name).where(ingest_file.c.state == "held", ingest_file.c.accepted_reason.is_(None))
            .order_by(ingest_file.c.claimed_at)
        ).scalars().all()  # fmt: skip
        rejected = connection.execute(select(func.sum(ingest_file.c.rows_rejected))).scalar_one()
        conflicts = connection.execute(
            select(func.count()).select_from(ingest_problem).where(ingest_problem.c.code == "E230")
        ).scalar_one()
    return Overview(
        newest, success, standing, {str(state): int(count) for state, count in sorted(states)}, tuple(held),
        int(rejected or 0), int(conflicts), _stale(success, standing, now),
    )  # fmt: skip


def _run(row: RowMapping | None) -> RunFacts | None:
    if row is None:
        return None
    started = as_utc(row["started_at"])
    finished = as_utc(row["finished_at"]) if row["finished_at"] is not None else None
    # The state "running" of a process that is gone is a crash nobody has noted yet.
    state = "crashed" if row["state"] == "running" and is_dead(row["owner"]) else row["state"]
    seconds = round((finished - started).total_seconds(), 1) if finished else None
    return RunFacts(
        row["run_id"], row["kind"], state, started.isoformat(timespec="seconds"),
        finished.isoformat(timespec="seconds") if finished else None, seconds,
    )  # fmt: skip


def _periods(engine: Engine, now: datetime) -> tuple[PeriodFacts, ...]:
    with engine.connect() as connection:
        pointers = {row.period_id: row.release_id for row in connection.execute(select(release_pointer))}
        drafts: dict[str, list[str]] = {}
        waiting = select(release.c.period_id, release.c.release_id).where(release.c.state.in_(WAITING_STATES))
        for period_id, release_id in connection.execute(waiting.order_by(release.c.sequence)):
            drafts.setdefault(period_id, []).append(release_id)
    return tuple(
        PeriodFacts(
            row["period_id"], row["status"], row["cutoff_at"].isoformat(timespec="seconds"), row["cutoff_at"] <= now,
            pointers.get(row["period_id"]), row["result_version"], tuple(drafts.get(row["period_id"], ())),
            row["status"] == "published" and row["checked_input_hash"] is None,
        )
        for row in periods(engine)
    )  # fmt: skip


def _stale(success: RunFacts | None, standing: tuple[PeriodFacts, ...], now: datetime) -> tuple[str, ...]:
    found = []
    if success is None:
        found.append("no_success")
    elif now - datetime.fromisoformat(success.started_at) > STALE_AFTER:
        found.append("old_success")
    due = [period for period in standing if period.is_due and not period.is_history]
    if due and due[-1].published_release is None:
        found.append("not_published")
    return tuple(found)


def locks_held(engine: Engine, now: datetime) -> list[LockFacts]:
    """Locks that are taken, and whether their holders live."""
    with engine.connect() as connection:
        rows = connection.execute(select(lock).order_by(lock.c.name)).mappings().all()
    return [
        LockFacts(
            row["name"], row["owner"], as_utc(row["since"]).isoformat(timespec="seconds"), is_dead(row["owner"]),
            as_utc(row["lease_until"]) <= now,
        )
        for row in rows
    ]  # fmt: skip
