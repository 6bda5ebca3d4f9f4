"""Great Expectations takes seconds to import: let it begin while something else is waited for."""

from __future__ import annotations

import os
from functools import cache
from threading import Thread


def import_ahead() -> Thread:
    """The thread that imports Great Expectations; it is started when it is first asked for.

    One thread per process does it, however often this is asked: two at once would see the library half-made. Join it
    before the library is used; the gate does.
    """
    return _importing(os.getpid())


@cache
def _importing(_process: int) -> Thread:
    def work() -> None:
        import expectations.engine.polars_engine
        import expectations.suites  # noqa: F401

    thread = Thread(target=work, name="import Great Expectations", daemon=True)
    thread.start()
    return thread
