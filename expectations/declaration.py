"""The vocabulary a dataset is declared in.

A dataset is declared once, in ``expectations/datasets/<name>.py``, with the classes of this module.
The Polars schema, the cell rules, the base Great Expectations suite, the Delta schema, the data
dictionary, the Table Schema and the Excel template are generated from that declaration.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Literal

import polars as pl

Severity = Literal["critical", "warning"]


class ColumnType(StrEnum):
    """How the text of a cell becomes a value (INPUT.md 4.2)."""

    NAME = "name"  # free text: trimmed, never NFKC-folded
    IDENTIFIER = "identifier"  # code-like text: trimmed and NFKC-folded
    CODE = "code"  # one of a closed list; Chinese aliases are translated
    INTEGER = "integer"
    DECIMAL = "decimal"  # decimal(18,6)
    RATIO = "ratio"  # decimal(18,6) between 0 and 1; "28.5%" is 0.285
    DATE = "date"
    TIMESTAMP = "timestamp"  # an instant; without a zone it is Asia/Shanghai
    BOOLEAN = "boolean"
    JSON = "json"
    LIST = "list"  # identifiers or numbers joined by ";"


POLARS_TYPES: Mapping[ColumnType, pl.DataType] = {
    ColumnType.NAME: pl.String(),
    ColumnType.IDENTIFIER: pl.String(),
    ColumnType.CODE: pl.String(),
    ColumnType.INTEGER: pl.Int64(),
    ColumnType.DECIMAL: pl.Decimal(18, 6),
    ColumnType.RATIO: pl.Decimal(18, 6),
    ColumnType.DATE: pl.Date(),
    ColumnType.TIMESTAMP: pl.Datetime("us", "UTC"),
    ColumnType.BOOLEAN: pl.Boolean(),
    ColumnType.JSON: pl.String(),
    ColumnType.LIST: pl.String(),
}


@dataclass(frozen=True)
class Code:
    """One value of a closed list: the stored code, its labels, and other words offices write for it."""

    value: str
    zh: str
    en: str
    aliases: tuple[str, ...] = ()


@dataclass(frozen=True)
class Column:
    """One column of a dataset.

    ``unit`` is the unit of measure of the stored value. ``unit_suffixes`` maps a suffix offices
    write in the cell to the factor that turns it into the stored unit (``{"小时": 60, "分钟": 1}``).
    ``is_count`` columns refuse 无 and ask for 0 (INPUT.md 4.2 rule 4). ``pseudonymised_as`` names
    the stored column that replaces this one before anything is written (rater tokens).
    """

    name: str
    type: ColumnType
    zh: str
    en: str
    description_zh: str
    description_en: str
    required: bool = False
    default: str | None = None
    unit: str | None = None
    unit_suffixes: Mapping[str, int] = field(default_factory=dict)
    is_count: bool = False
    codes: tuple[Code, ...] = ()
    pattern: str | None = None
    max_length: int | None = None
    minimum: float | None = None
    maximum: float | None = None
    aliases: tuple[str, ...] = ()
    pseudonymised_as: str | None = None

    @property
    def stored_name(self) -> str:
        """Name of the column past normalize."""
        return self.pseudonymised_as or self.name

    @property
    def polars_type(self) -> pl.DataType:
        """Polars type of the stored value."""
        return POLARS_TYPES[self.type]


@dataclass(frozen=True)
class Expectation:
    """One Great Expectations expectation, named as GX names it, with our severity and error code.

    ``kind`` is the snake_case GX type, ``arguments`` its keyword arguments. A row that fails a
    ``critical`` expectation is rejected; a ``warning`` is reported and the row goes on. Columns are
    named as stored (``rater_id``, not ``rater_token``).
    """

    kind: str
    arguments: Mapping[str, Any]
    code: str
    severity: Severity = "critical"

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns the expectation looks at, the first being the one an error is reported on."""
        single = [self.arguments[key] for key in ("column", "column_A", "column_B") if key in self.arguments]
        return tuple(str(name) for name in (*single, *self.arguments.get("column_list", ())))


@dataclass(frozen=True)
class Reference:
    """A value that must exist in another dataset.

    ``columns`` of this dataset, in order, must equal ``target_columns`` of ``dataset``. ``valid_on``
    names the date or timestamp column of this dataset at which the target row must be in force
    (``valid_from`` <= date < ``valid_to``); ``not_in_force_code`` is reported when the value exists
    but not on that date. Empty values are not checked: that is what ``required`` is for.
    """

    columns: tuple[str, ...]
    dataset: str
    target_columns: tuple[str, ...]
    code: str
    valid_on: str | None = None
    not_in_force_code: str | None = None
    severity: Severity = "critical"


@dataclass(frozen=True)
class Dataset:
    """One dataset of the input contract.

    ``natural_key`` names stored columns. ``wave`` orders loading within a night: a dataset refers
    only to datasets of an earlier wave (or its own). ``partition_by`` is the column the lake is
    partitioned by. ``check_functions`` names extra frame checks in ``tasks.references`` that no
    single-row expectation can state.
    """

    name: str
    zh: str
    en: str
    description_zh: str
    description_en: str
    columns: tuple[Column, ...]
    natural_key: tuple[str, ...]
    wave: int
    aliases: tuple[str, ...] = ()
    partition_by: str | None = None
    expectations: tuple[Expectation, ...] = ()
    references: tuple[Reference, ...] = ()
    check_functions: tuple[str, ...] = ()

    @property
    def all_columns(self) -> tuple[Column, ...]:
        """Own columns followed by the columns every dataset carries."""
        from expectations.common import COMMON_COLUMNS

        own = {column.name for column in self.columns}
        return self.columns + tuple(column for column in COMMON_COLUMNS if column.name not in own)

    def column(self, stored_name: str) -> Column:
        """The column stored under ``stored_name``; KeyError when there is none."""
        for column in self.all_columns:
            if column.stored_name == stored_name:
                return column
        raise KeyError(f"{self.name} has no column {stored_name}")

    @property
    def stored_schema(self) -> dict[str, pl.DataType]:
        """Polars schema of the rows past normalize, without the bookkeeping columns."""
        return {column.stored_name: column.polars_type for column in self.all_columns}
