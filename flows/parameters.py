"""Types of flow parameters: what Prefect's form asks for, with its words in Chinese and English."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field

from expectations.common import ORG_ID_PATTERN, PERIOD_ID_PATTERN


def _words(title: str, description: str) -> dict[str, Any]:
    """Label and help of a field; Prefect replaces a plain ``title`` by the parameter's name, but keeps these."""
    return {"title": title, "description": description}


Day = Annotated[
    date | None,
    Field(
        json_schema_extra=_words(
            "日期 / Day",
            "按哪一天 02:00 的夜间运行判断到期；留空为现在。"
            " / What is due is decided as in the night of this day; as of now when empty.",
        )
    ),
]
Paths = Annotated[
    list[Path] | None,
    Field(
        json_schema_extra=_words(
            "文件 / Files",
            "服务器上的文件路径；留空为收件箱中的全部文件。 / Paths on the server; the whole inbox when empty.",
        )
    ),
]
Submitter = Annotated[
    str | None,
    Field(
        pattern=ORG_ID_PATTERN,
        json_schema_extra=_words(
            "报送单位 / Submitter",
            "机构编码；文件名中没有报送单位时必填。 / org_id; needed when the file name does not contain it.",
        ),
    ),
]
FirstPeriod = Annotated[
    str,
    Field(
        pattern=PERIOD_ID_PATTERN,
        json_schema_extra=_words("起始考核期 / First period", "例如 2026M03。 / For example 2026M03."),
    ),
]
LastPeriod = Annotated[
    str | None,
    Field(
        pattern=PERIOD_ID_PATTERN,
        json_schema_extra=_words(
            "截止考核期 / Last period", "留空为只算起始考核期。 / Only the first period when empty."
        ),
    ),
]
ReleaseId = Annotated[
    str,
    Field(
        min_length=1,
        json_schema_extra=_words("发布版 / Release", "例如 R-2026M03-001。 / For example R-2026M03-001."),
    ),
]
ReleaseAction = Annotated[
    Literal["verify", "publish"],
    Field(
        json_schema_extra=_words(
            "操作 / Action",
            "verify：从明细库重算并比对；publish：比对无误后发布。"
            " / verify recomputes from the lake and compares; publish does so and then publishes.",
        )
    ),
]
