"""The lock of a run: a lease row in the warehouse with a fencing number (DESIGN.md "Locks")."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

from sqlalchemy import Connection, Engine, delete, insert, select, update

from warehouse.owners import as_utc, is_dead, this_process, utc_now
from warehouse.tables import lock


class LockedByAnotherRunError(Exception):
    """Another run holds the lock."""

    def __init__(self, name: str, owner: str, since: datetime) -> None:
        super().__init__(name, owner, since)
        self.name, self.owner, self.since = name, owner, since


@contextmanager
def hold_lock(engine: Engine, name: str, lease_seconds: int, run_id: str | None = None) -> Iterator[int]:
    """Hold the named lock while the block runs; yields the fencing number.

    A lock whose lease has run out, or whose holder is a dead process of this host, is taken over.

    Raises:
        LockedByAnotherRunError: a living run holds it.
    """
    fence = _take(engine, name, lease_seconds, run_id)
    try:
        yield fence
    finally:
        with engine.begin() as connection:
            connection.execute(delete(lock).where(lock.c.name == name, lock.c.fence == fence))


def _take(engine: Engine, name: str, lease_seconds: int, run_id: str | None) -> int:
    now = utc_now()
    mine = {
        "owner": this_process(),
        "run_id": run_id,
        "since": now,
        "lease_until": now + timedelta(seconds=lease_seconds),
    }
    with engine.begin() as connection:
        held = connection.execute(select(lock).where(lock.c.name == name)).mappings().first()
        if held is None:
            connection.execute(insert(lock).values(name=name, fence=1, **mine))
            return 1
        if as_utc(held["lease_until"]) > now and not is_dead(held["owner"]):
            raise LockedByAnotherRunError(name, held["owner"], as_utc(held["since"]))
        fence = int(held["fence"]) + 1
        connection.execute(update(lock).where(lock.c.name == name).values(fence=fence, **mine))
        return fence


def renew_locks(connection: Connection, run_id: str, lease_seconds: int) -> None:
    """Extend the leases of the locks a run holds.

    Raises:
        LockedByAnotherRunError: the run holds none any more: another one took over, and this one must stop.
    """
    now = utc_now()
    extended = connection.execute(
        update(lock).where(lock.c.run_id == run_id).values(lease_until=now + timedelta(seconds=lease_seconds))
    )
    if extended.rowcount == 0:
        held = connection.execute(select(lock)).mappings().first()
        raise LockedByAnotherRunError(
            held["name"] if held else "-", held["owner"] if held else "-", as_utc(held["since"]) if held else now
        )
