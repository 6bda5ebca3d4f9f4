"""What a lint says, what it looks at, and how a lint is declared."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import Literal

import polars as pl

from scoring.scheme import Indicator, Scheme

Level = Literal["error", "warning", "not_checked"]


@dataclass(frozen=True)
class Finding:
    """One thing a lint says of a scheme: the rule, how bad it is, the place, and figure and remedy in both languages.

    ``not_checked`` is no fault: it names the section or the data the rule would have needed.
    """

    lint: str
    level: Level
    where: str
    zh: str
    en: str


@dataclass(frozen=True)
class Material:
    """What the lints look at.

    Attributes:
        scheme: The scheme.
        period_start: First day of the first period the scheme is for.
        indicators: Dataset ``indicator`` in force on that day; None when not given.
        duty_items: Dataset ``duty_item`` in force on that day; None when not given.
        results: Result tables of the last period by name; None when not given.
    """

    scheme: Scheme
    period_start: dt.date
    indicators: pl.DataFrame | None
    duty_items: pl.DataFrame | None
    results: Mapping[str, pl.DataFrame] | None

    @cached_property
    def _facts(self) -> Mapping[str, Mapping[str, object]]:
        rows = [] if self.indicators is None else self.indicators.to_dicts()
        return {str(row["indicator_id"]): row for row in rows}

    @cached_property
    def _duty_kinds(self) -> Mapping[tuple[object, object], str]:
        rows = [] if self.duty_items is None else self.duty_items.to_dicts()
        return {(row["list_id"], row["duty_id"]): str(row["duty_kind"]) for row in rows}

    def fact(self, entry: Indicator, column: str) -> object:
        """What the dataset ``indicator`` says of an indicator; None when it says nothing."""
        return self._facts.get(entry.indicator_id, {}).get(column)

    def is_known(self, entry: Indicator) -> bool:
        """Whether the dataset ``indicator`` has a row of the indicator."""
        return entry.indicator_id in self._facts

    def duty_kind(self, list_id: str | None, duty_id: object) -> str | None:
        """The kind of a duty item; None when the list does not have it."""
        return self._duty_kinds.get((list_id, duty_id))

    @property
    def entries(self) -> tuple[Indicator, ...]:
        """The indicators the scheme weighs."""
        return self.scheme.indicators.entries if self.scheme.indicators else ()

    @property
    def groups(self) -> tuple[str | None, ...]:
        """The peer groups indicators are weighed for; None stands for every group nobody names."""
        named = self.scheme.indicators.named_groups if self.scheme.indicators else ()
        frozen = self.scheme.peer_groups.groups if self.scheme.peer_groups else ()
        known = sorted({*named, *(group.peer_group for group in frozen)})
        return tuple(known) if frozen else (*known, None)

    def entries_of(self, group: str | None) -> tuple[Indicator, ...]:
        """The indicators that count for a peer group."""
        return tuple(entry for entry in self.entries if entry.applies_to(group))


Find = Callable[[Material], Iterator[Finding]]


@dataclass(frozen=True)
class Lint:
    """One rule of method 3.10.

    ``sections`` are the parts of a scheme it looks at; where one is absent, its half of the rule has no
    object. ``data`` are the datasets or results (names of ``Material``) without which its part on data
    is not checked.
    """

    lint_id: str
    zh: str
    en: str
    find: Find
    sections: tuple[str, ...] = ()
    data: tuple[str, ...] = ()


def indicator_place(entry: Indicator) -> str:
    """Where an indicator stands in the scheme."""
    groups = f"[{'+'.join(entry.peer_groups)}]" if entry.peer_groups else ""
    return f"indicators.entries.{entry.indicator_id}{groups}"


def group_names(group: str | None) -> tuple[str, str]:
    """A peer group in both languages."""
    return (f"可比组 {group}", f"peer group {group}") if group is not None else ("其余可比组", "every other peer group")


def shown(value: Fraction) -> str:
    """A share or number as people write it, at most six places."""
    return f"{float(value):.6f}".rstrip("0").rstrip(".")
