"""The rules of the recognised forms, one small function per form, by group."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from scoring.burden.flags import Rule
from scoring.burden.rules import (
    apps,
    assessments,
    campaigns,
    documents,
    duties,
    forms,
    inspections,
    meetings,
    secondments,
)

RULES: Mapping[str, Rule] = MappingProxyType(
    {
        code: rule
        for module in (
            documents,
            meetings,
            inspections,
            assessments,
            secondments,
            apps,
            forms,
            duties,
            campaigns,
        )
        for code, rule in module.RULES.items()
    }
)
"""The rule of every form of the catalogue, by code."""
