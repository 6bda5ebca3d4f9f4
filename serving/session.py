"""What a command works with: its language, where it writes, and the home it is about."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from serving.errors import CommandError
from serving.words import Language, Words, language_of

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

    from warehouse.database import Engine
    from warehouse.settings import Settings

PLAIN_WIDTH = 200
"""Columns of a table that goes to a file or a pipe."""

Progress = Callable[[str, int, int], None]


@dataclass
class Session:
    """One call of the command line."""

    language: Language
    as_json: bool = False
    home: Path | None = None
    debug: bool = False
    words: Words = field(init=False)

    def __post_init__(self) -> None:
        self.words = Words(self.language)

    @classmethod
    def begin(cls, arguments: list[str]) -> Session:
        """A session in the language the arguments or the surroundings ask for."""
        # Known before parsing, so that help and usage errors are in the right language, too.
        known_early = {"--json", "--debug"} & set(arguments)
        return cls(language_of(arguments), as_json="--json" in known_early, debug="--debug" in known_early)

    @property
    def out(self) -> Console:
        """The console of data."""
        return _console(sys.stdout.isatty(), stderr=False)

    @property
    def err(self) -> Console:
        """The console of progress and remarks."""
        return _console(sys.stderr.isatty(), stderr=True)

    def show(self, *parts: RenderableType) -> None:
        """Print tables, trees or text as data."""
        console = self.out
        for part in parts:
            console.print(part)

    def document(self, document: Mapping[str, Any]) -> None:
        """Print a document as data."""
        sys.stdout.write(json_text(document))

    def remark(self, key: str, **values: object) -> None:
        """Say something beside the data."""
        self.err.print(self.words(key, **values), markup=False, highlight=False)

    def settings(self) -> Settings:
        """The settings in force.

        Raises:
            CommandError: the settings file cannot be read or has a value that is not allowed.
        """
        import tomllib

        from pydantic import ValidationError

        from warehouse.settings import read_settings

        try:
            return read_settings(self.home)
        except tomllib.TOMLDecodeError as error:
            raise CommandError("settings_unreadable", detail=error) from error
        except ValidationError as error:
            detail = "; ".join(f"{'.'.join(map(str, item['loc']))}: {item['msg']}" for item in error.errors())
            raise CommandError("settings_wrong", detail=detail) from error

    def reading_engine(self) -> Engine:
        """An engine on the home's warehouse that cannot change anything.

        Raises:
            CommandError: there is no home.
        """
        from warehouse.database import reading_engine

        return reading_engine(self.existing_settings().database_url)

    def writing_engine(self) -> Engine:
        """An engine on the home's warehouse.

        Raises:
            CommandError: there is no home.
        """
        from warehouse.database import writing_engine

        return writing_engine(self.existing_settings().database_url)

    def existing_settings(self) -> Settings:
        """The settings of a home that exists.

        Raises:
            CommandError: there is no home.
        """
        settings = self.settings()
        if settings.warehouse_url is None and not (settings.home / "warehouse.sqlite").is_file():
            raise CommandError("no_home", home=settings.home)
        return settings

    @contextmanager
    def progress(self) -> Iterator[Progress]:
        """A callback that moves progress bars on a terminal and does nothing elsewhere."""
        if not sys.stderr.isatty():
            yield _nothing
            return
        from serving.progress import bars

        with bars(self.err, self.words) as advance:
            yield advance


def _nothing(_step: str, _done: int, _all: int) -> None:
    """Report nothing."""


def _console(is_terminal: bool, *, stderr: bool) -> Console:
    from rich.console import Console

    width = None if is_terminal else int(os.environ.get("COLUMNS") or PLAIN_WIDTH)
    return Console(stderr=stderr, width=width, highlight=False, markup=False, soft_wrap=not is_terminal)


def json_text(document: Mapping[str, Any]) -> str:
    """A document as JSON with a line break at its end."""
    return json.dumps(document, ensure_ascii=False, indent=2, default=str) + "\n"
