"""Locks: one holder, a dead one is overtaken at once, a living one is named, a revived one changes nothing."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select, update

from warehouse.database import Engine
from warehouse.locks import LockedByAnotherRunError, hold_lock
from warehouse.owners import is_dead, this_process, utc_now
from warehouse.runs import heartbeat, start_run
from warehouse.tables import lock

ROOT = Path(__file__).resolve().parents[2]
HOLDER = """
import sys, time
from warehouse.database import writing_engine
from warehouse.locks import hold_lock
with hold_lock(writing_engine(sys.argv[1]), "run", 900, "first"):
    print("held", flush=True)
    time.sleep(60)
"""


def holder(url: str) -> subprocess.Popen[str]:
    """Another process that holds the lock."""
    process = subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", HOLDER, url], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def test_a_second_holder_is_told_who_holds_it_since_when(engine: Engine) -> None:
    before = utc_now()
    with hold_lock(engine, "run", 900) as fence:
        with pytest.raises(LockedByAnotherRunError) as refused, hold_lock(engine, "run", 900):
            pass
        assert refused.value.owner == this_process()
        assert before <= refused.value.since <= utc_now()
        with hold_lock(engine, "another", 900):
            pass
        assert fence == 1
    with hold_lock(engine, "run", 900) as fence:
        assert fence == 1


def test_a_living_process_keeps_the_lock_and_a_killed_one_loses_it_at_once(engine: Engine, url: str) -> None:
    process = holder(url)
    with pytest.raises(LockedByAnotherRunError) as refused, hold_lock(engine, "run", 900):
        pass
    assert refused.value.owner.split(":")[:2] == [socket.gethostname(), str(process.pid)]
    process.kill()
    process.wait()
    started = time.monotonic()
    with hold_lock(engine, "run", 900, "second") as fence:
        assert time.monotonic() - started < 1
        assert fence == 2
        with engine.connect() as connection:
            assert connection.execute(select(lock.c.run_id)).scalar_one() == "second"


def test_a_lock_of_another_host_stands_until_its_lease_runs_out(engine: Engine) -> None:
    with hold_lock(engine, "run", 900, "first") as fence:
        start_run(engine, "first", "nightly")
        elsewhere = {"owner": "elsewhere:1:1"}
        with engine.begin() as connection:
            connection.execute(update(lock).values(**elsewhere))
        with pytest.raises(LockedByAnotherRunError, match="elsewhere"), hold_lock(engine, "run", 900):
            pass
        with engine.begin() as connection:
            connection.execute(update(lock).values(lease_until=utc_now()))
        with hold_lock(engine, "run", 900, "second") as second:
            assert second == fence + 1
            with pytest.raises(LockedByAnotherRunError):
                heartbeat(engine, "first", 900)


def test_an_overtaken_holder_does_not_take_the_lock_away_when_it_ends(engine: Engine) -> None:
    first = hold_lock(engine, "run", 0)
    first.__enter__()
    with hold_lock(engine, "run", 900) as fence:
        first.__exit__(None, None, None)
        with pytest.raises(LockedByAnotherRunError), hold_lock(engine, "run", 900):
            pass
        assert fence == 2


def test_a_heartbeat_extends_the_lease_of_the_run_that_holds_the_lock(engine: Engine) -> None:
    with hold_lock(engine, "run", 1, "long"):
        start_run(engine, "long", "nightly")
        with engine.connect() as connection:
            before = connection.execute(select(lock.c.lease_until)).scalar_one()
        heartbeat(engine, "long", 900)
        with engine.connect() as connection:
            after = connection.execute(select(lock.c.lease_until)).scalar_one()
        assert after - before > timedelta(seconds=890)
    heartbeat(engine, "never recorded", 900)


def test_only_a_process_of_this_host_that_is_gone_is_dead() -> None:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    host = socket.gethostname()
    assert is_dead(f"{host}:{process.pid}:1")
    assert not is_dead(f"elsewhere:{process.pid}:1")
    assert not is_dead(this_process())
    assert is_dead(f"{host}:{os.getpid()}:1"), "a later process of the same number is another one"
    assert not is_dead(f"{host}:{os.getpid()}:-")
    assert not is_dead("-")
