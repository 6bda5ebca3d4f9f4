"""The Polars schema of a dataset's rows in the lake."""

from __future__ import annotations

import polars as pl

from expectations.common import BOOKKEEPING
from expectations.declaration import Dataset


def lake_schema(dataset: Dataset) -> pl.Schema:
    """Columns of the lake rows of ``dataset``: the stored ones, then those the pipeline adds."""
    return pl.Schema({**dataset.stored_schema, **BOOKKEEPING})
