"""The registers of duties as the lake has them now: duty lists, admissions and organisations."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from pathlib import Path

import polars as pl
from sqlalchemy import Engine

from expectations.datasets import DATASETS
from warehouse.current_view import current_rows
from warehouse.lake import Lake
from warehouse.ledger import loaded_files


@dataclass(frozen=True)
class DutyRegisters:
    """Current rows of ``duty_item`` (all versions), ``task_admission`` and ``org_unit`` (all versions)."""

    duties: pl.DataFrame
    admissions: pl.DataFrame
    organisations: pl.DataFrame

    def organisations_on(self, day: date) -> pl.DataFrame:
        """The version of each organisation in force on a day; one that had ended by then is not there."""
        rows = self.organisations.filter(pl.col("valid_from") <= day).sort("valid_from", "org_id", descending=True)
        newest = rows.unique("org_id", keep="first", maintain_order=True)
        return newest.filter(pl.col("valid_to").is_null() | (pl.col("valid_to") > day)).sort("org_id")


def duty_registers(engine: Engine, lake_folder: Path) -> DutyRegisters:
    """Read the registers; what was never delivered is empty.

    Args:
        engine: The warehouse; a reading engine is enough.
        lake_folder: The home's lake.
    """
    lake = Lake(lake_folder)
    duties, admissions, organisations = (
        _current(engine, lake, name) for name in ("duty_item", "task_admission", "org_unit")
    )
    return DutyRegisters(duties, admissions, organisations)


def _current(engine: Engine, lake: Lake, name: str) -> pl.DataFrame:
    dataset = DATASETS[name]
    rows = current_rows(lake, dataset, loaded_files(engine, name))
    return rows.select(list(dataset.stored_schema)).collect()
