"""Columns that every dataset carries, and code lists that several datasets share."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from expectations.declaration import Code, Column, ColumnType

ORG_ID_PATTERN = r"^[A-Z0-9][A-Z0-9-]{1,31}$"
PERIOD_ID_PATTERN = r"^(\d{4}|\d{4}H[12]|\d{4}Q[1-4]|\d{4}M(0[1-9]|1[0-2])|C-.+)$"

RECORD_OP = (
    Code("upsert", "新增或更新", "insert or update"),
    Code("void", "作废", "void"),
)

COMMON_COLUMNS = (
    Column(
        name="record_op",
        type=ColumnType.CODE,
        zh="记录操作",
        en="record operation",
        description_zh="upsert 为新增或更新；void 为作废，作废后该记录不再计入。",
        description_en="upsert inserts or updates the row; void hides it from every result.",
        default="upsert",
        codes=RECORD_OP,
    ),
    Column(
        name="revision",
        type=ColumnType.INTEGER,
        zh="修订号",
        en="revision",
        description_zh="同一业务键的修订次数，从 1 开始；较高者为准。",
        description_en="Revision of the row under its natural key, from 1; the highest one counts.",
        default="1",
        minimum=1,
        maximum=1_000_000,
    ),
    Column(
        name="source_ref",
        type=ColumnType.IDENTIFIER,
        zh="来源编号",
        en="source reference",
        description_zh="报送单位自己的登记编号或文号。",
        description_en="The submitter's own register number or document number.",
        max_length=200,
    ),
    Column(
        name="note",
        type=ColumnType.NAME,
        zh="备注",
        en="note",
        description_zh="说明，不参与计算。",
        description_en="A remark; never used in a computation.",
        max_length=500,
    ),
)

BOOKKEEPING: Mapping[str, pl.DataType] = {
    "_file_sha256": pl.String(),
    "_submitter_org_id": pl.String(),
    "_file_version": pl.Int32(),
    "_sheet": pl.String(),
    "_row": pl.Int32(),
    "_ingested_at": pl.Datetime("us", "UTC"),
    "_late": pl.Boolean(),
    "_mapping_id": pl.String(),
    "_contract_version": pl.Int32(),
}
"""Columns the pipeline adds to every row of the lake (INPUT.md 4.4)."""

CONTRACT_VERSION = 1
