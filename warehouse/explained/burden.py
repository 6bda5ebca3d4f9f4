"""What a department lays on the grassroots, beside its score and never part of that sum.

Three kinds of result stand apart: loads, breaches with their rule and its source, and watches, which people check and
which change no score. What could not be measured is named with what is missing. Single bearers are never named: rows
with too few of them lose their evidence and their count.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import polars as pl
from sqlalchemy import Engine

from scoring.burden.admission import BREACHES
from scoring.burden.catalogue import Catalogue, Form, bulletin, default_parameters, load_catalogue
from scoring.burden.parameters import Parameter, Parameters
from scoring.burden.runner import NOT_MEASURABLE, WHOLE_REGISTER
from scoring.scheme import Scheme
from scoring.tables.admission import ADMISSION_BREACH
from scoring.tables.burden_account import BURDEN_ACCOUNT
from scoring.tables.burden_flags import BURDEN_FLAG
from scoring.tables.burden_watch import BURDEN_SHIFT
from scoring.tables.false_data import FALSE_DATA_WATCH
from warehouse.explained.node import plain, told_reasons
from warehouse.published.burden import FEW_BEARERS
from warehouse.releases import read_results

_ACCOUNT = ("n_events", "n_rows", "quantity", "minutes", "hours_per_unit_month", "quantity_before", "quantity_change")
_SHIFT = (
    "pair", "state", "official_before", "official_now", "informal_before", "informal_now", "p_value", "q_value",
    "substitution_share",
)  # fmt: skip
_FALSE_DATA = (
    "pattern_code", "state", "indicator_id", "compared_with", "n", "n_min", "n_found", "size", "p_value", "q_value",
    "next_step", "evidence",
)  # fmt: skip


def department_burden(engine: Engine, release_id: str, scheme: Scheme, org_id: str) -> dict[str, Any]:
    """Everything about burden that a release says of one department.

    Args:
        engine: The warehouse.
        release_id: The release.
        scheme: Its scheme; parameters it does not name are the catalogue's.
        org_id: The department.

    Returns:
        ``account``: its kinds of burden. ``forms``: each form with its rule, source, confirmed cases and results of
        type load, breach or watch. ``admission``: breaches of the gate. ``shifts`` and ``false_data``: watches in
        the state they are in. ``not_measurable``: forms without data, for it or for the whole register.
    """
    rows = _of(engine, release_id, BURDEN_FLAG.name, [org_id, WHOLE_REGISTER])
    parameters = default_parameters() if scheme.burden is None else scheme.burden.values
    catalogue = load_catalogue()
    measured = rows.filter(pl.col("result_type") != NOT_MEASURABLE)
    unmeasured = rows.filter(pl.col("result_type") == NOT_MEASURABLE)
    forms = [form for form in catalogue.forms if form.code in set(measured["form_code"])]
    return {
        "account": _account(engine, release_id, org_id),
        "forms": [_form(form, measured.filter(form_code=form.code), catalogue, parameters) for form in forms],
        "admission": _admission(engine, release_id, org_id, parameters),
        "shifts": _picked(_of(engine, release_id, BURDEN_SHIFT.name, [org_id]), _SHIFT),
        "false_data": _picked(_of(engine, release_id, FALSE_DATA_WATCH.name, [org_id]), _FALSE_DATA),
        "not_measurable": [
            {
                "code": row["form_code"], "name": _words(catalogue.form(row["form_code"]).name),
                "is_whole_register": row["subject_org_id"] == WHOLE_REGISTER,
                "missing": _parts(row["missing_columns"]),
            }
            for row in unmeasured.iter_rows(named=True)
        ],
    }  # fmt: skip


def _of(engine: Engine, release_id: str, table: str, subjects: Iterable[str]) -> pl.DataFrame:
    rows = read_results(engine, release_id, table)
    return rows.filter(pl.col("subject_org_id").is_in(list(subjects)))


def _picked(rows: pl.DataFrame, columns: Iterable[str]) -> list[dict[str, Any]]:
    return [{name: plain(row[name]) for name in columns} for row in rows.iter_rows(named=True)]


def _account(engine: Engine, release_id: str, org_id: str) -> list[dict[str, Any]]:
    rows = _of(engine, release_id, BURDEN_ACCOUNT.name, [org_id]).filter(by="department_kind")
    return _picked(rows, ("burden_kind", "measure", "counted_class", "compare_period_id", *_ACCOUNT))


def _form(form: Form, rows: pl.DataFrame, catalogue: Catalogue, parameters: Parameters) -> dict[str, Any]:
    return {
        "code": form.code,
        "name": _words(form.name),
        "rule": _words(form.rule),
        "provision": [
            {"id": each.id, "basis": each.basis, "title": _words(catalogue.sources[each.id].title)}
            for each in form.provision
        ],
        # An unconfirmed notice is told to nobody: its case may be another, or its date wrong.
        "precedent": [
            {"id": each.id, "title": _words(catalogue.sources[bulletin(each.id)].title)}
            for each in form.precedent
            if each.confirmed
        ],
        "results": [_result(row, catalogue, parameters) for row in rows.iter_rows(named=True)],
    }


def _result(row: Mapping[str, Any], catalogue: Catalogue, parameters: Parameters) -> dict[str, Any]:
    is_few = FEW_BEARERS in _parts(row["reason_codes"], ";")
    return {
        "result_type": row["result_type"],
        "parameter": _parameter(parameters.get(row["param_id"]), row["param_id"], catalogue),
        **{name: plain(row[name]) for name in ("value", "threshold", "n", "denominator")},
        "n_bearers": None if is_few else row["n_bearers"],
        "evidence": [] if is_few else _parts(row["evidence_refs"]),
        "is_few_bearers": is_few,
        "reasons": told_reasons(row["reason_codes"]),
    }


def _parameter(parameter: Parameter | None, name: str, catalogue: Catalogue) -> dict[str, Any] | None:
    """A parameter with its mark: the source of the catalogue, J for a judgement, else what the scheme refers to."""
    if parameter is None:
        # A part of a rule that is held against no number.
        return None if name == "*" else {"name": name, "value": None, "unit": None, "mark": None, "source": None}
    source = catalogue.sources.get(parameter.source)
    value = list(parameter.value) if isinstance(parameter.value, tuple) else parameter.value
    title = {"zh": parameter.source, "en": parameter.source} if source is None else _words(source.title)
    return {"name": name, "value": value, "unit": parameter.unit, "mark": parameter.source, "source": title}


def _admission(engine: Engine, release_id: str, org_id: str, parameters: Parameters) -> list[dict[str, Any]]:
    floor = parameters.whole("register.floor_units")
    found = []
    for row in _of(engine, release_id, ADMISSION_BREACH.name, [org_id]).iter_rows(named=True):
        breach = BREACHES.get(row["breach"])
        bearers = row["n_bearers"]
        is_few = bearers is not None and 0 < bearers < floor
        shown = ("admission_id", "breach", "detail", "result_type", "breach_on", "value", "threshold", "days", "n")
        found.append(
            {
                **{name: plain(row[name]) for name in shown},
                "step": row["step"],
                "text": {"zh": row["breach"], "en": row["breach"]}
                if breach is None
                else {"zh": breach.zh, "en": breach.en},
                "n_bearers": None if is_few else bearers,
                "evidence": [] if is_few else _parts(row["evidence_refs"]),
                "missing": _parts(row["missing_columns"]),
            }
        )
    return found


def _words(words: Any) -> dict[str, str]:
    return {"zh": words.zh, "en": words.en}


def _parts(text: str | None, separator: str = ";") -> list[str]:
    return [part for part in (text or "").split(separator) if part]
