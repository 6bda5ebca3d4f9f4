"""Runs: what was started when, whether it still lives, and how it ended."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from sqlalchemy import Engine, RowMapping, insert, select, update

from warehouse.locks import renew_locks
from warehouse.owners import is_dead, this_process, utc_now
from warehouse.tables import run


def start_run(engine: Engine, run_id: str, kind: str) -> None:
    """Record that a run begins."""
    now = utc_now()
    with engine.begin() as connection:
        connection.execute(
            insert(run).values(
                run_id=run_id, kind=kind, owner=this_process(), state="running", started_at=now, heartbeat_at=now
            )
        )


def heartbeat(engine: Engine, run_id: str, lease_seconds: int) -> None:
    """Record that a run lives, and extend the leases of its locks; does nothing for a run not recorded.

    Raises:
        LockedByAnotherRunError: another run took over the lock of this one.
    """
    with engine.begin() as connection:
        recorded = connection.execute(update(run).where(run.c.run_id == run_id).values(heartbeat_at=utc_now()))
        if recorded.rowcount:
            renew_locks(connection, run_id, lease_seconds)


def finish_run(engine: Engine, run_id: str, state: str, summary: Mapping[str, Any]) -> None:
    """Record how a run ended."""
    text = json.dumps(summary, ensure_ascii=False, default=str)
    with engine.begin() as connection:
        connection.execute(
            update(run).where(run.c.run_id == run_id).values(state=state, finished_at=utc_now(), summary=text)
        )


def sweep_dead_runs(engine: Engine) -> int:
    """Mark runs whose process is gone as crashed; returns how many."""
    with engine.begin() as connection:
        running = connection.execute(select(run).where(run.c.state == "running")).mappings().all()
        dead = [row["run_id"] for row in running if is_dead(row["owner"])]
        if dead:
            connection.execute(update(run).where(run.c.run_id.in_(dead)).values(state="crashed", finished_at=utc_now()))
    return len(dead)


def last_run(engine: Engine, state: str | None = None) -> RowMapping | None:
    """The newest run, in a given state if one is named."""
    query = select(run).order_by(run.c.started_at.desc()).limit(1)
    if state is not None:
        query = query.where(run.c.state == state)
    with engine.connect() as connection:
        return connection.execute(query).mappings().first()
