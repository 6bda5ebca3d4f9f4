"""The numbers the burden rules use, each with its unit and where it comes from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

Value = int | float | str | tuple[str, ...]


@dataclass(frozen=True)
class Parameter:
    """One number or list of the catalogue or of a scheme that replaces it.

    Attributes:
        name: Dotted name, as ``meeting.minutes_max``.
        value: The number, word or list of words.
        unit: What it is counted in.
        source: Mark of the catalogue: the id of a source, or ``J`` for a judgement of this project.
    """

    name: str
    value: Value
    unit: str
    source: str


class Parameters(Mapping[str, Parameter]):
    """All parameters by name, with typed access.

    Raises:
        KeyError: There is no parameter of that name.
        TypeError: It is not of the kind asked for.
    """

    def __init__(self, parameters: Mapping[str, Parameter]) -> None:
        self._parameters = dict(parameters)

    def __getitem__(self, name: str) -> Parameter:
        return self._parameters[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._parameters)

    def __len__(self) -> int:
        return len(self._parameters)

    def number(self, name: str) -> float:
        """A parameter that is a number."""
        value = self[name].value
        if isinstance(value, (str, tuple)):
            raise TypeError(f"parameter {name} is not a number: {value!r}")
        return float(value)

    def whole(self, name: str) -> int:
        """A parameter that is a whole number."""
        value = self.number(name)
        if value != int(value):
            raise TypeError(f"parameter {name} is not a whole number: {value!r}")
        return int(value)

    def words(self, name: str) -> tuple[str, ...]:
        """A parameter that is a list of words; a single word is a list of one."""
        value = self[name].value
        if isinstance(value, (int, float)):
            raise TypeError(f"parameter {name} is not a list of words: {value!r}")
        return (value,) if isinstance(value, str) else value

    def text(self, name: str) -> str:
        """A parameter that is one word."""
        value = self[name].value
        if not isinstance(value, str):
            raise TypeError(f"parameter {name} is not a word: {value!r}")
        return value
