"""Who holds a claim or a lock, and whether that process still lives."""

from __future__ import annotations

import os
import socket
from datetime import UTC, datetime
from pathlib import Path


def this_process() -> str:
    """``host:pid:start``: the start time tells a process from a later one with the same number."""
    pid = os.getpid()
    return f"{socket.gethostname()}:{pid}:{_start_of(pid)}"


def _start_of(pid: int) -> str:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
    except OSError:
        return "-"
    return fields[19]


def is_dead(owner: str) -> bool:
    """True only when the owner was a process of this host that is certainly gone."""
    host, _, rest = owner.partition(":")
    pid, _, start = rest.partition(":")
    if host != socket.gethostname() or not pid.isdigit():
        return False
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return start not in ("-", _start_of(int(pid)))


def utc_now() -> datetime:
    """The present instant, in UTC, to the microsecond."""
    return datetime.now(tz=UTC)


def as_utc(moment: datetime) -> datetime:
    """A moment read from the database: SQLite forgets the zone, which is always UTC."""
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
