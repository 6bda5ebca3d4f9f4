"""The Delta schema of a dataset's lake table, as plain data; the table itself is made in ``warehouse``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypedDict

import polars as pl

from expectations.declaration import Dataset
from expectations.derived.polars_schema import lake_schema

NEVER_NULL = ("_file_sha256", "_submitter_org_id", "_row", "_ingested_at", "_late", "_contract_version")
"""Bookkeeping columns that every row has."""


class DeltaField(TypedDict):
    """One field as the Delta protocol names it; JSON-able."""

    name: str
    type: str
    nullable: bool


def delta_fields(dataset: Dataset) -> list[DeltaField]:
    """Fields of the lake table of ``dataset``, in the order of ``lake_schema``.

    Only required columns of the natural key are not nullable: a void row carries nothing else.

    Raises:
        ValueError: a column has a type Delta cannot hold.
    """
    filled = {name for name in dataset.natural_key if dataset.column(name).required} | set(NEVER_NULL)
    return [
        DeltaField(name=name, type=delta_type(polars_type), nullable=name not in filled)
        for name, polars_type in lake_schema(dataset).items()
    ]


def delta_type(polars_type: pl.DataType) -> str:
    """Delta's name of a Polars type.

    Raises:
        ValueError: Delta has no such type (it has no unsigned integers), or we do not use it.
    """
    if isinstance(polars_type, pl.Decimal):
        return f"decimal({polars_type.precision},{polars_type.scale})"
    if polars_type == pl.Datetime("us", "UTC"):
        return "timestamp"
    for known, name in _NAMES.items():
        if polars_type == known:
            return name
    raise ValueError(f"no Delta type for {polars_type}")


_NAMES: Mapping[pl.DataType, str] = {
    pl.String(): "string",
    pl.Boolean(): "boolean",
    pl.Date(): "date",
    pl.Int8(): "byte",
    pl.Int16(): "short",
    pl.Int32(): "integer",
    pl.Int64(): "long",
    pl.Float64(): "double",
}
