"""Prepared burden facts and the registers beside them, in the small, for tests of the burden rules.

A row a test builds is as ``scoring.burden.facts.prepare`` would leave it: every column there, the
columns preparation adds included. What a test does not name has a harmless default: a document of the
department ``QY-D01`` on the village ``QY-V01`` on 10 March 2026, under the streamlining quota, from the
issuer's own register. Two rows of one event share ``source_ref``, so rows of different events need
different ones.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import polars as pl

from expectations.datasets import DATASETS
from expectations.datasets.burden_fact import UNIT_OF_KIND
from scoring.burden.inputs import BurdenInputs, Window
from scoring.burden.parameters import Parameter, Parameters, Value

MARCH = Window("2026M03", date(2026, 3, 1), date(2026, 4, 1))
YEAR = Window("2026", date(2026, 1, 1), date(2027, 1, 1))

PREPARED: dict[str, pl.DataType] = {
    **DATASETS["burden_fact"].stored_schema,
    "subject_org_id": pl.String(),
    "is_exempt": pl.Boolean(),
    "is_duplicate": pl.Boolean(),
    "issuer_kind": pl.String(),
    "bearer_kind": pl.String(),
    "issuer_level_rank": pl.Int8(),
    "bearer_level_rank": pl.Int8(),
    "feature_list": pl.List(pl.String()),
    "minutes": pl.Int64(),
}
"""Schema of prepared rows: the contract's columns and those preparation adds."""

ORGANISATION: dict[str, pl.DataType] = {
    "org_id": pl.String(),
    "org_name": pl.String(),
    "org_kind": pl.String(),
    "level": pl.String(),
    "level_rank": pl.Int8(),
    "parent_org_id": pl.String(),
    "host_org_id": pl.String(),
    "peer_group": pl.String(),
    "staff": pl.Int64(),
    "urban_population": pl.Int64(),
    "households": pl.Int64(),
}
LEVEL_RANK = {"village": 1, "township": 2, "county": 3, "prefecture": 4, "province": 5, "central": 6}

_STOCKS = ("sign", "app", "work_group", "mechanism")
_EXEMPT = ("exempt_emergency", "exempt_legal")


def at(moment: str) -> datetime:
    """A clock time in the county, as ``at("2026-03-10 16:30")``."""
    return datetime.fromisoformat(moment).replace(tzinfo=ZoneInfo("Asia/Shanghai"))


def burden_row(**columns: Any) -> dict[str, Any]:
    """One prepared row; columns that are not given follow from the others or take their default.

    ``unit`` and ``measure`` follow from ``burden_kind``, ``feature_list`` from ``features``, ``is_exempt``
    from ``counted_class``, ``is_duplicate`` from ``dup_of``, ``subject_org_id`` is the
    issuer, ``minutes`` follow from ``duration_min`` and ``persons`` (0 without a duration).

    Raises:
        KeyError: There is no such column.
    """
    unknown = set(columns) - set(PREPARED)
    if unknown:
        raise KeyError(f"prepared burden facts have no column {', '.join(sorted(unknown))}")
    row: dict[str, Any] = {**dict.fromkeys(PREPARED), **_DEFAULTS, **columns}
    return {**row, **_derived(row), **columns}


_DEFAULTS: Mapping[str, Any] = {
    "burden_kind": "document",
    "issuer_org_id": "QY-D01",
    "target_org_id": "QY-V01",
    "source_ref": "R-1",
    "start_date": date(2026, 3, 10),
    "quantity": 1,
    "title": "关于做好春耕备耕的通知",
    "reported_by": "issuer_register",
    "counted_class": "streamlined",
    "record_op": "upsert",
    "revision": 1,
    "issuer_kind": "county_gov_dept",
    "bearer_kind": "village",
    "issuer_level_rank": 3,
    "bearer_level_rank": 1,
}


def _derived(row: Mapping[str, Any]) -> dict[str, Any]:
    duration = row["duration_min"]
    return {
        "unit": UNIT_OF_KIND[row["burden_kind"]],
        "measure": "stock" if row["burden_kind"] in _STOCKS else "flow",
        "subject_org_id": row["issuer_org_id"],
        "is_exempt": row["counted_class"] in _EXEMPT,
        "is_duplicate": row["dup_of"] is not None,
        "feature_list": (row["features"] or "").split(";") if row["features"] else [],
        "minutes": 0 if duration is None else duration * max(row["persons"] or 0, 1),
    }


def burden_frame(rows: Iterable[Mapping[str, Any]]) -> pl.LazyFrame:
    """Prepared rows as ``inputs.facts``."""
    return pl.LazyFrame([_typed(row, PREPARED) for row in rows], schema=PREPARED, orient="row")


def records(dataset: str, *rows: Mapping[str, Any]) -> pl.DataFrame:
    """Rows of another dataset of the contract; columns that are not given are null.

    Raises:
        KeyError: There is no such dataset or column.
    """
    return _frame(DATASETS[dataset].stored_schema, rows)


def organisations(*rows: Mapping[str, Any]) -> pl.DataFrame:
    """Organisations as the rules read them; a department of the county where nothing else is said."""
    return _frame(ORGANISATION, [_organisation(row) for row in rows])


def _organisation(given: Mapping[str, Any]) -> dict[str, Any]:
    row = {"org_kind": "county_gov_dept", "level": "county", "peer_group": "departments"} | dict(given)
    return {"org_name": row["org_id"], "level_rank": LEVEL_RANK[row["level"]]} | row


def bearing_units(**unit_months: int) -> pl.DataFrame:
    """``inputs.bearers`` from unit ids with ``_`` for ``-``: ``bearing_units(QY_V01=12)``."""
    rows = [{"org_id": unit.replace("_", "-"), "unit_months": months} for unit, months in unit_months.items()]
    return pl.DataFrame(rows, schema={"org_id": pl.String(), "unit_months": pl.Int64()})


def burden_inputs(rows: Iterable[Mapping[str, Any]] | pl.LazyFrame = (), **frames: Any) -> BurdenInputs:
    """What the rules read; registers that are not given are empty, the window is March 2026."""
    facts = rows if isinstance(rows, pl.LazyFrame) else burden_frame(rows)
    empty: dict[str, Any] = {
        "window": MARCH,
        "organisations": organisations(),
        "bearers": bearing_units(),
        "duties": records("duty_item"),
        "admissions": records("task_admission"),
        "grants": records("resource_grant"),
        "form_fields": records("form_field"),
        "indicators": records("indicator"),
        "performance": records("performance_fact").lazy(),
        "verifications": records("verification_fact"),
        "findings": records("finding"),
    }
    return BurdenInputs(facts=facts, **(empty | frames))


def parameters(**overrides: Value) -> Parameters:
    """Parameters by name with ``__`` for the dot: ``parameters(meeting__minutes_max=240)``."""
    named = {name.replace("__", ".", 1): value for name, value in overrides.items()}
    return Parameters({name: Parameter(name, value, "test", "J") for name, value in named.items()})


def found(rows: pl.LazyFrame, result_type: str | None = None) -> list[dict[str, Any]]:
    """Rows of a rule as dicts in order of result type, subject and parameter; of one result type if given."""
    kept = rows if result_type is None else rows.filter(pl.col("result_type") == result_type)
    return kept.sort("result_type", "subject_org_id", "param_id").collect().to_dicts()


def _frame(schema: Mapping[str, pl.DataType], rows: Iterable[Mapping[str, Any]]) -> pl.DataFrame:
    return pl.DataFrame([_typed(row, schema) for row in rows], schema=dict(schema), orient="row")


def _typed(row: Mapping[str, Any], schema: Mapping[str, pl.DataType]) -> tuple[Any, ...]:
    unknown = set(row) - set(schema)
    if unknown:
        raise KeyError(f"no column {', '.join(sorted(unknown))}")
    return tuple(_value(row.get(name), dtype) for name, dtype in schema.items())


def _value(value: Any, dtype: pl.DataType) -> Any:
    if value is None or not isinstance(dtype, pl.Decimal):
        return value
    return Decimal(str(value))
