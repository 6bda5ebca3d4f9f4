"""Codes of burden results in the reader's language: from the contract, the catalogue and the words."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache

from serving.words import Words

ALL, NONE = "*", "-"
LISTS = ("burden_kinds",)
"""Columns of several codes joined by semicolons."""

_KEYS: Mapping[str, str] = {"state": "burden_state", "change": "duty_change", "kind": "resource_kind"}
"""Columns whose words stand under another name."""


def code_name(column: str, value: str, words: Words) -> str:
    """A code in words; the value itself where nothing says more about it."""
    if column in LISTS:
        return words.listed([code_name("burden_kind", part, words) for part in value.split(";") if part])
    if value in (ALL, NONE):
        key = f"{column}.{'all' if value == ALL else 'none'}"
        return words(key) if words.has(key) else value
    given = _DECLARED[column]().get(value) if column in _DECLARED else None
    if given is not None:
        return given[0 if words.language == "zh" else 1]
    key = f"{_KEYS.get(column, column)}.{value}"
    return words(key) if words.has(key) else value


@cache
def _burden_kinds() -> Mapping[str, tuple[str, str]]:
    from expectations.datasets.burden_fact import BURDEN_KIND

    return {code.value: (code.zh, code.en) for code in BURDEN_KIND}


@cache
def _burden_units() -> Mapping[str, tuple[str, str]]:
    from expectations.datasets.burden_fact import BURDEN_UNIT

    return {code.value: (code.zh, code.en) for code in BURDEN_UNIT}


@cache
def _measures() -> Mapping[str, tuple[str, str]]:
    from expectations.datasets.burden_fact import MEASURE

    return {code.value: (code.zh, code.en) for code in MEASURE}


@cache
def _classes() -> Mapping[str, tuple[str, str]]:
    from expectations.datasets.burden_fact import COUNTED_CLASS

    return {code.value: (code.zh, code.en) for code in COUNTED_CLASS}


@cache
def _duty_kinds() -> Mapping[str, tuple[str, str]]:
    from expectations.datasets.duty_item import DUTY_KIND

    return {code.value: (code.zh, code.en) for code in DUTY_KIND}


@cache
def _forms() -> Mapping[str, tuple[str, str]]:
    from scoring.burden.catalogue import load_catalogue

    return {
        form.code: (f"{form.code} {form.name.zh}", f"{form.code} {form.name.en}") for form in load_catalogue().forms
    }


@cache
def _duty_rules() -> Mapping[str, tuple[str, str]]:
    from scoring.burden.duty_list_problems import DUTY_LIST_RULES

    return {code: (f"{code} {rule.zh}", f"{code} {rule.en}") for code, rule in DUTY_LIST_RULES.items()}


@cache
def _breaches() -> Mapping[str, tuple[str, str]]:
    from scoring.burden.admission import BREACHES

    return {code: (f"{code} {breach.zh}", f"{code} {breach.en}") for code, breach in BREACHES.items()}


def _grounds() -> Mapping[str, tuple[str, str]]:
    from scoring.burden.duty_matching import GROUNDS

    return GROUNDS


_DECLARED: Mapping[str, Callable[[], Mapping[str, tuple[str, str]]]] = {
    "burden_kind": _burden_kinds,
    "burden_unit": _burden_units,
    "measure": _measures,
    "counted_class": _classes,
    "duty_kind": _duty_kinds,
    "old_duty_kind": _duty_kinds,
    "form_code": _forms,
    "rule": _duty_rules,
    "breach": _breaches,
    "why": _grounds,
}
