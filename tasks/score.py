"""Score: sums and a scheme become the results of a period (METHOD.md)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from importlib.resources import files
from pathlib import Path
from typing import Any

import polars as pl

from scoring.lints import lint_scheme
from scoring.scheme import CONSEQUENCES, Scheme, SchemeError, SchemeProblem, load_schemes, scheme_as_of
from tasks.aggregate import Sums
from tasks.scoring.appeals import only_appeals_are_new, settled
from tasks.scoring.burden import burden_tables
from tasks.scoring.departments import department_tables
from tasks.scoring.incentives import incentive_tables
from tasks.scoring.units import unit_tables
from warehouse.settings import Settings


@dataclass(frozen=True)
class Scored:
    """The result tables of a period, and what each model estimated."""

    results: Mapping[str, pl.DataFrame]
    models: Mapping[str, Mapping[str, Any]]


def scheme_for(settings: Settings, period: Mapping[str, Any]) -> Scheme:
    """The scheme in force on the last day of a period: the installation's own, else the shipped ones.

    Raises:
        SchemeError: a scheme is not valid, none is in force, or see ``refuse_unsound``.
    """
    own = settings.schemes
    folder = own if any(own.glob("*.yaml")) else Path(str(files("scoring").joinpath("schemes")))
    schemes = load_schemes(folder)
    if settings.scheme is not None:
        named = [scheme for scheme in schemes if scheme.scheme_id == settings.scheme]
        schemes = tuple(named) or schemes
    scheme = scheme_as_of(schemes, date.fromisoformat(str(period["end_date"])) - timedelta(days=1))
    refuse_unsound(scheme)
    return scheme


def refuse_unsound(scheme: Scheme) -> None:
    """No scheme that breaks a rule of method 3.10 has consequences for people.

    Raises:
        SchemeError: the scheme has incentives, tiers or a bonus, and a lint calls one of its rules an error.
    """
    if not any(getattr(scheme, name) is not None for name in CONSEQUENCES):
        return
    found = [finding for finding in lint_scheme(scheme) if finding.level == "error"]
    if found:
        raise SchemeError([SchemeProblem(scheme.scheme_id, each.where, each.zh, each.en, each.lint) for each in found])


def score(sums: Sums, scheme: Scheme, period_id: str) -> Scored:
    """All result tables of a period from its sums.

    Raises:
        DraftSchemeError: the scheme has not been adopted: nothing is scored, let alone paid, by a draft.
        ValueError: sums and scheme do not fit.
    """
    if scheme.is_draft:
        raise DraftSchemeError(scheme.scheme_id)
    departments = department_tables(sums, scheme, period_id)
    units = unit_tables(sums, scheme, period_id)
    incentives = incentive_tables(units, sums, scheme, period_id)
    burden = burden_tables(sums.burden_data, scheme, period_id)
    results: Mapping[str, pl.DataFrame] = {**departments.tables, **units.tables, **incentives, **burden}
    if sums.published is not None and only_appeals_are_new(sums.published, units):
        results = settled(sums.published, results, units, sums, scheme)
    return Scored(
        results,
        {name: _model_facts(model) for name, model in departments.models.items()},
    )


class DraftSchemeError(ValueError):
    """A scheme that was not adopted was about to be used for scoring."""

    def __init__(self, scheme_id: str) -> None:
        super().__init__(
            f"{scheme_id}: 方案仍是草案，不能用于计分 / the scheme is a draft and cannot be used for scoring"
        )


def _model_facts(model: Any) -> dict[str, Any]:
    """What a manifest and an explanation say of a fit; never a voter."""
    rounded = {name: round(float(getattr(model, name)), 6) for name in ("vs", "vd", "v")}
    return {
        "criterion": str(model.criterion),
        "outcome": str(model.outcome),
        "ballots": int(model.n),
        "overall_mean": round(float(model.beta[0]), 6) if len(model.beta) else None,
        **rounded,
    }
