"""Two years of a few offices: three that put informal burden in the place of official, one that really did less."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from typing import Any, Final

from examples.demo_county.planted import PERIODS, Ledger

FIRST_MONTH: Final = (2024, 7)
"""One month before the first of the two years that the first open month looks back on."""

LAST_MONTH: Final = (2026, 9)
STEP: Final = (2025, 10)
"""First month after the change."""


@dataclass(frozen=True)
class Arm:
    """Events of one kind: so many a month before and after the change."""

    kind: str
    before: int
    after: int
    title: str
    cells: tuple[tuple[str, Any], ...] = ()


MEETING: Final = (("duration_min", 120), ("persons", 10))
SHIFTS: Final = (
    ("SP-1", "JC-BB", Arm("document", 8, 3, "机构编制工作通知", (("counted_class", "streamlined"),)),
     Arm("work_reminder", 1, 11, "机构编制工作提示")),
    ("SP-2", "JC-FL", Arm("meeting", 8, 3, "妇女工作例会", MEETING),
     Arm("video_conf", 1, 6, "妇女工作视频例会", MEETING)),
    ("SP-3", "JC-HBJ", Arm("inspection", 8, 3, "排放检查", (("duty_id", "V-A02"),)),
     Arm("survey_visit", 1, 6, "排放指导", (("duty_id", "V-A02"), ("persons", 2)))),
)  # fmt: skip
"""Pair, office, what fell and what rose."""

HONEST: Final = (
    "JC-SGB",
    Arm("document", 8, 3, "社会工作通知", (("counted_class", "streamlined"),)),
    Arm("work_reminder", 2, 2, "社会工作提示"),
)
"""Documents fell and nothing rose."""

NEEDS_PLAN: Final = ("document", "inspection")
KNOWN_DOCUMENTS: Final = ("JC-FL", "JC-HBJ")
"""Offices of the history whose documents a year before are on record too, so that the years can be compared."""


def plant_shifts(ledger: Ledger) -> None:
    """Events of each arm, each in a village of its own that no other event of the office touches for two years."""
    numbers = count(1)
    for pair, office, official, informal in SHIFTS:
        _events(ledger, office, official, numbers)
        _events(ledger, office, informal, numbers)
        ledger.expect(f"{pair}/watch", office, PERIODS, f"{official.title}减少，{informal.title}增加")
    office, *arms = HONEST
    for arm in arms:
        _events(ledger, office, arm, numbers)
    for office in KNOWN_DOCUMENTS:
        for month in (7, 8, 9):
            for day in range(1, 7):
                ledger.row("document", office, _unit(next(numbers)), f"2025-{month:02d}-{day:02d}", "工作通知",
                           counted_class="streamlined", plan_no=f"霁计〔2025〕{office}-{month}-{day}")  # fmt: skip


def _events(ledger: Ledger, office: str, arm: Arm, numbers: Iterator[int]) -> None:
    for year, month in _months():
        size = arm.before if (year, month) < STEP else arm.after
        for number in range(size):
            place = next(numbers)
            day = f"{year}-{month:02d}-{1 + (3 * number + len(arm.kind)) % 28:02d}"
            cells = dict(arm.cells)
            if arm.kind in NEEDS_PLAN:
                cells["plan_no"] = f"霁计〔{year}〕{office}-{place}"
            ledger.row(arm.kind, office, _unit(place), day, arm.title, **cells)


def _months() -> Iterator[tuple[int, int]]:
    year, month = FIRST_MONTH
    while (year, month) <= LAST_MONTH:
        yield year, month
        year, month = (year + 1, 1) if month == 12 else (year, month + 1)


def _unit(number: int) -> str:
    """Villages of the seven towns in turn, one town after the other."""
    town, place = number % 7, (number // 7) % 12
    return f"JC-T{4 + town:02d}-V{3 + place:02d}"
