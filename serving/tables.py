"""Tables and figures as they stand on a terminal."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from rich import box
from rich.table import Table
from rich.text import Text

from expectations.time_zone import TIME_ZONE
from serving.words import Words

BEIJING = ZoneInfo(TIME_ZONE)


def table(
    title: str | None, headings: Sequence[str], rows: Iterable[Sequence[object]], *, numbers: Iterable[int] = (),
    caption: str | None = None,
) -> Table:  # fmt: skip
    """A plain table; columns in ``numbers`` are set right."""
    made = Table(
        title=Text(title) if title else None, caption=Text(caption) if caption else None, box=box.SIMPLE_HEAD,
        title_justify="left", caption_justify="left", title_style="bold", caption_style="", pad_edge=False,
    )  # fmt: skip
    right = set(numbers)
    for place, heading in enumerate(headings):
        made.add_column(Text(heading), justify="right" if place in right else "left", overflow="fold")
    for row in rows:
        # Text objects: what an office wrote into a cell is never taken for markup.
        made.add_row(*(Text("" if cell is None else str(cell)) for cell in row))
    return made


def moment(text: str | None) -> str:
    """A moment in UTC as Beijing time to the minute; "" for none."""
    if not text:
        return ""
    return datetime.fromisoformat(text).astimezone(BEIJING).strftime("%Y-%m-%d %H:%M")


def files_table(words: Words, answers: Iterable[Mapping[str, Any]]) -> Table:
    """What became of each file: decision, balance, codes."""
    parts = ("read", "accepted", "unchanged", "rejected", "held", "skipped")
    balance = [words(f"balance.{part}") for part in parts]
    headings = [words("column.file"), words("column.decision"), *balance, words("column.codes")]
    rows = [_file_row(words, answer, parts) for answer in answers]
    return table(words("title.files"), headings, rows, numbers=range(2, 2 + len(parts)))


def _file_row(words: Words, answer: Mapping[str, Any], parts: Iterable[str]) -> tuple[object, ...]:
    counts = (answer["balance"].get(part, 0) for part in parts)
    return answer["name"], words(f"decision.{answer['decision']}"), *counts, codes_text(answer["codes"])


def codes_text(codes: Mapping[str, Any]) -> str:
    """Codes with their counts; what the rules merely rewrote is left out."""
    counts = {code: entry["count"] if isinstance(entry, Mapping) else entry for code, entry in codes.items()}
    return "  ".join(f"{code} x{count}" for code, count in counts.items() if not code.startswith("I"))
