"""Every sentence the command line says, in Chinese and English, from one file."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Literal
from unicodedata import east_asian_width

import yaml

Language = Literal["zh", "en"]
VARIABLE = "REVERSE_EVAL_LANG"


@cache
def _texts() -> Mapping[str, Mapping[str, str]]:
    text = files("serving").joinpath("words.yaml").read_text(encoding="utf-8")
    # The C loader, where the installation has it, reads the file in a few milliseconds.
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    found: Mapping[str, Mapping[str, str]] = yaml.load(text, Loader=loader)  # noqa: S506 - both are safe loaders
    return found


@dataclass(frozen=True)
class Words:
    """The sentences of one language."""

    language: Language

    def __call__(self, key: str, **values: object) -> str:
        """The sentence called ``key`` with its values filled in.

        Raises:
            KeyError: there is no such sentence, or a value it needs is missing.
        """
        return _texts()[key][self.language].format_map({name: str(value) for name, value in values.items()})

    def has(self, key: str) -> bool:
        """Whether there is such a sentence."""
        return key in _texts()

    def listed(self, items: Sequence[str]) -> str:
        """Items as an enumeration."""
        return ("、" if self.language == "zh" else ", ").join(items)

    def one_of(self, text: str) -> str:
        """This language's half of a sentence written as ``head: 中文 / English``; other text unchanged."""
        head, colon, rest = text.partition(": ")
        chinese, slash, english = (rest if colon else text).partition(" / ")
        if not slash:
            return text
        own = chinese if self.language == "zh" else english
        return f"{head}{'：' if self.language == 'zh' else ': '}{own}" if colon else own


def language_of(arguments: Sequence[str], environment: Mapping[str, str] | None = None) -> Language:
    """The language to speak: ``--lang``, then the variable, then the locale; English when nothing says Chinese."""
    environment = os.environ if environment is None else environment
    for place, word in enumerate(arguments):
        if word == "--lang" and place + 1 < len(arguments):
            return _language(arguments[place + 1])
        if word.startswith("--lang="):
            return _language(word.partition("=")[2])
    for name in (VARIABLE, "LC_ALL", "LC_MESSAGES", "LANG"):
        if environment.get(name):
            return _language(environment[name])
    return "en"


def _language(text: str) -> Language:
    return "zh" if text.lower().startswith("zh") else "en"


def display_width(text: str) -> int:
    """Columns a text takes on a terminal: wide and full-width characters take two."""
    return sum(2 if east_asian_width(character) in "WF" else 1 for character in text)
