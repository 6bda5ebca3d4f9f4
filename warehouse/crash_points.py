"""Named points at which a test can kill the process, to prove that a kill loses and doubles nothing."""

from __future__ import annotations

import os
import signal

VARIABLE = "REVERSE_EVAL_CRASH_AT"
"""``name:count``: die the count-th time the point is passed."""

CRASH_POINTS = (
    "claimed",
    "landed",
    "read",
    "checked",
    "quarantined",
    "staged",
    "linked",
    "appended",
    "loaded",
    "receipted",
    "scored",
    "drafted",
    "publishing",
    "published",
)

_passed: dict[str, int] = {}


def crash_point(name: str) -> None:
    """Die here by SIGKILL when the environment names this point; otherwise do nothing.

    Raises:
        ValueError: the point is not declared in ``CRASH_POINTS``.
    """
    if name not in CRASH_POINTS:
        raise ValueError(f"undeclared crash point {name}")
    wanted = os.environ.get(VARIABLE)
    if wanted is None:
        return
    point, _, count = wanted.partition(":")
    if point != name:
        return
    _passed[name] = _passed.get(name, 0) + 1
    if _passed[name] >= int(count or 1):
        os.kill(os.getpid(), signal.SIGKILL)
