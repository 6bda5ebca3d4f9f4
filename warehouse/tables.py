"""The tables of the warehouse. Result tables are generated from ``scoring.tables``.

No table holds a row about a rater: ratings live in the lake only.
"""

from __future__ import annotations

from typing import Any

import polars as pl
from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Float,
    ForeignKey,
    Integer,
    MetaData,
    Numeric,
    String,
    Table,
    Text,
)
from sqlalchemy.types import TypeEngine

from scoring.tables import RESULT_TABLES, ResultTable

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_name)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)

_BIG = BigInteger().with_variant(Integer(), "sqlite")

ingest_file = Table(
    "ingest_file",
    metadata,
    Column("sha256", String(64), primary_key=True),
    Column("state", String(16), nullable=False),  # claimed, staged, loaded, held, refused
    Column("name", Text, nullable=False),
    Column("submitter_org_id", String(32), nullable=False),
    Column("dataset", String(64)),
    Column("period_id", String(64)),
    Column("file_version", Integer),
    Column("mode", String(8)),
    Column("bytes", _BIG, nullable=False),
    Column("manifest", Text),  # what was delivered beside the file
    Column("owner", Text, nullable=False),
    Column("lease_until", DateTime(timezone=True), nullable=False),
    Column("fence", _BIG, nullable=False),
    Column("claimed_at", DateTime(timezone=True), nullable=False),
    Column("decided_at", DateTime(timezone=True)),
    Column("accepted_reason", Text),
    Column("decision", String(32)),
    Column("rows_read", _BIG),
    Column("rows_accepted", _BIG),
    Column("rows_unchanged", _BIG),
    Column("rows_rejected", _BIG),
    Column("rows_held", _BIG),
    Column("rows_skipped", _BIG),
    Column("rows_overlapping", _BIG),
    Column("periods", Text),  # JSON list of the periods its rows belong to
    Column("receipt", Text),  # JSON
    Column("delta_version", _BIG),
)
"""The ledger: one row per distinct file content."""

ingest_delivery = Table(
    "ingest_delivery",
    metadata,
    Column("delivery_id", _BIG, primary_key=True, autoincrement=True),
    Column("sha256", String(64), ForeignKey("ingest_file.sha256"), nullable=False, index=True),
    Column("name", Text, nullable=False),
    Column("submitter_org_id", String(32), nullable=False),
    Column("modified_ns", _BIG, nullable=False),
    Column("delivered_at", DateTime(timezone=True), nullable=False),
)
"""Every arrival of a file under some name."""

ingest_problem = Table(
    "ingest_problem",
    metadata,
    Column("problem_id", _BIG, primary_key=True, autoincrement=True),
    Column("sha256", String(64), ForeignKey("ingest_file.sha256"), nullable=False, index=True),
    Column("code", String(8), nullable=False),
    Column("sheet", Text),
    Column("row", _BIG),
    Column("column_letter", String(4)),
    Column("column", String(64)),
    Column("value", Text),
    Column("expected", Text),
    Column("detail", Text),
    Column("business_key", Text),
)
"""Problems of rows, without the values of token columns; the detail per code is capped, counts are not."""

program_period = Table(
    "program_period",
    metadata,
    Column("period_id", String(64), primary_key=True),
    Column("kind", String(16), nullable=False),
    Column("start_date", String(10), nullable=False),
    Column("end_date", String(10), nullable=False),
    Column("cutoff_at", DateTime(timezone=True), nullable=False),
    Column("status", String(16), nullable=False),
    Column("result_version", Integer, nullable=False, default=0),
    Column("reopened_reason", Text),
    Column("late_counted_until", DateTime(timezone=True)),
    Column("checked_input_hash", String(64)),
)
"""The periods and how far each has come here."""

run = Table(
    "run",
    metadata,
    Column("run_id", String(36), primary_key=True),
    Column("kind", String(16), nullable=False),
    Column("owner", Text, nullable=False),
    Column("state", String(16), nullable=False),  # running, succeeded, failed, crashed
    Column("started_at", DateTime(timezone=True), nullable=False),
    Column("heartbeat_at", DateTime(timezone=True), nullable=False),
    Column("finished_at", DateTime(timezone=True)),
    Column("summary", Text),  # JSON
)

lock = Table(
    "lock",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("owner", Text, nullable=False),
    Column("run_id", String(36)),
    Column("since", DateTime(timezone=True), nullable=False),
    Column("lease_until", DateTime(timezone=True), nullable=False),
    Column("fence", _BIG, nullable=False),
)

release = Table(
    "release",
    metadata,
    Column("release_id", String(64), primary_key=True),
    Column("sequence", Integer, nullable=False, unique=True),  # place in the chain of manifests
    Column("period_id", String(64), nullable=False, index=True),
    Column("number", Integer, nullable=False),
    Column("state", String(16), nullable=False),
    Column("run_id", String(36)),
    Column("created_at", DateTime(timezone=True), nullable=False),
    Column("published_at", DateTime(timezone=True)),
    Column("scheme_id", String(64), nullable=False),
    Column("input_hash", String(64), nullable=False),
    Column("result_hash", String(64), nullable=False),
    Column("manifest", Text, nullable=False),  # canonical JSON
    Column("manifest_hash", String(64), nullable=False, unique=True),
    Column("previous_manifest_hash", String(64)),
)

release_pointer = Table(
    "release_pointer",
    metadata,
    Column("period_id", String(64), primary_key=True),
    Column("release_id", String(64), ForeignKey("release.release_id"), nullable=False),
)
"""The published release of each period: moving this one row is publication."""

release_event = Table(
    "release_event",
    metadata,
    Column("event_id", _BIG, primary_key=True, autoincrement=True),
    Column("release_id", String(64), ForeignKey("release.release_id"), nullable=False, index=True),
    Column("at", DateTime(timezone=True), nullable=False),
    Column("event", String(32), nullable=False),
    Column("by", Text, nullable=False),
    Column("reason", Text),
    Column("result_hash", String(64)),
)


def _sql_type(dtype: pl.DataType) -> TypeEngine[Any]:
    if dtype == pl.String():
        return Text()
    if dtype == pl.Float64():
        return Float(53)
    if isinstance(dtype, pl.Decimal):
        return Numeric(dtype.precision, dtype.scale).with_variant(Text(), "sqlite")
    if dtype == pl.Boolean():
        return Boolean()
    return _BIG


def _result_table(declared: ResultTable) -> Table:
    columns = [
        Column(
            column.name,
            String(255) if column.name in declared.key else _sql_type(column.dtype),
            primary_key=column.name in declared.key,
            nullable=column.nullable,
        )
        for column in declared.columns
    ]
    name = f"result_{declared.name}"
    return Table(
        name,
        metadata,
        Column("release_id", String(64), ForeignKey("release.release_id"), primary_key=True),
        *columns,
    )


result_tables: dict[str, Table] = {declared.name: _result_table(declared) for declared in RESULT_TABLES.values()}
