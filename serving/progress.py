"""Progress bars of a run on a terminal, one per step."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from serving.words import Words


@contextmanager
def bars(console: Console, words: Words) -> Iterator[Callable[[str, int, int], None]]:
    """Show bars while the block runs; yields the callback that moves them.

    A step that begins again (the next wave of files) goes on in its own bar.
    """
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        known: dict[str, TaskID] = {}

        def advance(step: str, done: int, every: int) -> None:
            if step not in known:
                key = f"step.{step.replace(' ', '_')}"
                known[step] = progress.add_task(words(key) if words.has(key) else step, total=every)
            progress.update(known[step], completed=done, total=every)

        yield advance
