"""Types of flow parameters: what Prefect's form asks for, with its words in Chinese and English."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from expectations.common import ORG_ID_PATTERN, PERIOD_ID_PATTERN

Day = Annotated[
    date | None,
    Field(
        title="日期 / Day",
        description="按哪一天的夜间运行判断到期；留空为现在。/ Decide what is due as in the night of this day; now when empty.",
    ),
]
Paths = Annotated[
    list[Path] | None,
    Field(
        title="文件 / Files",
        description="服务器上的文件路径；留空为收件箱中的全部文件。/ Files on the server; the whole inbox when empty.",
    ),
]
Submitter = Annotated[
    str | None,
    Field(
        title="报送单位 / Submitter",
        description="机构编码；文件名中没有时必填。/ org_id, needed when the file name has none.",
        pattern=ORG_ID_PATTERN,
    ),
]
FirstPeriod = Annotated[
    str,
    Field(
        title="起始考核期 / First period",
        description="例如 2026M03。/ For example 2026M03.",
        pattern=PERIOD_ID_PATTERN,
    ),
]
LastPeriod = Annotated[
    str | None,
    Field(
        title="截止考核期 / Last period",
        description="留空为只算起始考核期。/ Only the first period when empty.",
        pattern=PERIOD_ID_PATTERN,
    ),
]
ReleaseId = Annotated[
    str,
    Field(title="发布版 / Release", description="例如 R-2026M03-001。/ For example R-2026M03-001.", min_length=1),
]
ReleaseAction = Annotated[
    Literal["verify", "publish"],
    Field(
        title="操作 / Action",
        description="verify：从明细库重算并比对；publish：比对无误后发布。"
        "/ verify recomputes from the lake and compares; publish does so and then publishes.",
    ),
]
