"""The one way a file is turned away: a catalogue code with the values its sentences need."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

Language = Literal["zh", "en"]


@dataclass(frozen=True)
class Words:
    """A value of a message that is itself a phrase, in both languages."""

    zh: str
    en: str

    def __str__(self) -> str:
        return f"{self.zh} ({self.en})"


class FileRefused(Exception):  # noqa: N818 - a decision about a file, not a defect
    """A whole file cannot be taken; ``code`` and ``values`` belong to ``expectations.catalogue``."""

    def __init__(self, code: str, **values: str | int | Words) -> None:
        super().__init__(f"{code}: {', '.join(f'{key}={value}' for key, value in values.items())}")
        self.code = code
        self.values: Mapping[str, str | int | Words] = values

    def values_in(self, language: Language) -> dict[str, str]:
        """The values of the message as text in one language."""
        return {key: _in_language(value, language) for key, value in self.values.items()}

    def to_json(self) -> dict[str, Any]:
        """What crosses from the reading process to the caller."""
        values = {key: asdict(value) if isinstance(value, Words) else value for key, value in self.values.items()}
        return {"code": self.code, "values": values}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> FileRefused:
        """The refusal that ``to_json`` wrote."""
        values = {key: Words(**value) if isinstance(value, dict) else value for key, value in data["values"].items()}
        return cls(data["code"], **values)

    def __reduce__(self) -> tuple[Any, tuple[Any, ...]]:
        # The default would call FileRefused(text) and lose code and values.
        return _rebuild, (self.to_json(),)


class ReadingError(RuntimeError):
    """The reading process failed for a reason that is not the file's: a defect of ours, or a full disk."""


def _rebuild(data: Mapping[str, Any]) -> FileRefused:
    return FileRefused.from_json(data)


def _in_language(value: str | int | Words, language: Language) -> str:
    if isinstance(value, Words):
        return value.zh if language == "zh" else value.en
    return str(value)
