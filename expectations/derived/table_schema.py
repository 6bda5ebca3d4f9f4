"""The Frictionless Table Schema (Data Package v2) of a dataset, as it is delivered."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from typing import Any

from expectations.common import CONTRACT_VERSION
from expectations.datasets import DATASETS
from expectations.declaration import Column, ColumnType, Dataset, Reference

PROFILE = "https://datapackage.org/profiles/2.0/tableschema.json"

MISSING_VALUES = (
    ("", "空白"),
    ("-", "短横"),
    ("—", "破折号"),
    ("--", "双短横"),
    ("/", "斜杠"),
    ("\\", "反斜杠"),
    ("无", "无"),
    ("暂无", "暂无"),
    ("NA", "不适用"),
    ("N/A", "不适用"),
    ("null", "空值"),
    ("None", "空值"),
    ("(空)", "空"),
)
"""Words that mean "no value" and what they say (INPUT.md 4.2 rule 4)."""

NOT_FOR_COUNTS = frozenset({"无", "暂无"})
"""Missing words a count column refuses: none is written 0."""

_TYPES: Mapping[ColumnType, Mapping[str, Any]] = {
    ColumnType.NAME: {"type": "string"},
    ColumnType.IDENTIFIER: {"type": "string"},
    ColumnType.CODE: {"type": "string"},
    ColumnType.INTEGER: {"type": "integer"},
    ColumnType.DECIMAL: {"type": "number"},
    ColumnType.RATIO: {"type": "number"},
    ColumnType.DATE: {"type": "date", "format": "default"},
    ColumnType.TIMESTAMP: {"type": "datetime", "format": "default"},
    ColumnType.BOOLEAN: {"type": "boolean", "trueValues": ["true", "是"], "falseValues": ["false", "否"]},
    ColumnType.JSON: {"type": "any"},
    ColumnType.LIST: {"type": "list", "delimiter": ";", "itemType": "string"},
}


def table_schema(dataset: Dataset) -> dict[str, Any]:
    """Table Schema of ``dataset``: fields, constraints, code lists, missing words and keys.

    Fields are named as delivered (``rater_token``). Columns may come in any order and optional ones
    may be absent, hence ``fieldsMatch: partial``. A key with a column that may be empty is a unique
    key, because a primary key implies that all its fields are filled.
    """
    schema: dict[str, Any] = {
        "$schema": PROFILE,
        "name": dataset.name,
        "title": f"{dataset.zh} / {dataset.en}",
        "description": f"{dataset.description_zh} / {dataset.description_en}",
        "version": str(CONTRACT_VERSION),
        "fields": [_field(column) for column in dataset.all_columns],
        "fieldsMatch": "partial",
        "missingValues": [{"value": value, "label": label} for value, label in MISSING_VALUES],
    }
    key = [_delivered(dataset, name) for name in dataset.natural_key]
    if all(dataset.column(name).required for name in dataset.natural_key):
        schema["primaryKey"] = key
    else:
        schema["uniqueKeys"] = [key]
    foreign = [_foreign_key(dataset, each) for each in dataset.references if each.severity == "critical"]
    if foreign:
        schema["foreignKeys"] = foreign
    return schema


def _field(column: Column) -> dict[str, Any]:
    field: dict[str, Any] = {
        "name": column.name,
        **_TYPES[column.type],
        "title": f"{column.zh} / {column.en}",
        "description": f"{column.description_zh} / {column.description_en}",
        "constraints": _constraints(column),
    }
    if column.codes and column.type is ColumnType.CODE:
        field["categories"] = [{"value": code.value, "label": code.zh} for code in column.codes]
    if column.is_count:
        field["missingValues"] = [
            {"value": value, "label": label} for value, label in MISSING_VALUES if value not in NOT_FOR_COUNTS
        ]
    if column.unit:
        field["unit"] = column.unit
    if column.default is not None:
        field["default"] = column.default
    return field


def _constraints(column: Column) -> dict[str, Any]:
    is_list = column.type is ColumnType.LIST
    limits = {
        "required": column.required,
        # Of a list, these constraints would speak of the number of parts, not of the text.
        "pattern": None if is_list else column.pattern,
        "maxLength": None if is_list else column.max_length,
        "minimum": column.minimum,
        "maximum": column.maximum,
    }
    return {name: limit for name, limit in limits.items() if limit is not None}


def _foreign_key(dataset: Dataset, reference: Reference) -> dict[str, Any]:
    target = DATASETS[reference.dataset]
    there: dict[str, Any] = {"fields": [_delivered(target, name) for name in reference.target_columns]}
    if target.name != dataset.name:
        there["resource"] = target.name
    return {"fields": [_delivered(dataset, name) for name in reference.columns], "reference": there}


def _delivered(dataset: Dataset, stored_name: str) -> str:
    return dataset.column(stored_name).name


if __name__ == "__main__":
    everything = {name: table_schema(declared) for name, declared in DATASETS.items()}
    sys.stdout.write(json.dumps(everything, ensure_ascii=False, indent=2) + "\n")
