"""What a command's exit code says (stable: scripts and schedulers rely on it)."""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum


class ExitCode(IntEnum):
    """The exit codes of ``reverse-eval``."""

    OK = 0
    ERROR = 1
    USAGE = 2
    REJECTS = 3
    HELD = 4
    REFUSED = 5
    DUPLICATE = 6
    LOCKED = 7
    STALE = 8


def code_of_decisions(decisions: Iterable[str]) -> ExitCode:
    """The code of a batch of files: the worst decision, and ``DUPLICATE`` only when there is nothing else."""
    found = set(decisions)
    if "refused" in found:
        return ExitCode.REFUSED
    if "held" in found:
        return ExitCode.HELD
    if "accepted_with_rejects" in found:
        return ExitCode.REJECTS
    return ExitCode.DUPLICATE if found == {"duplicate"} else ExitCode.OK
