"""What the grassroots are asked for more than once, and what is collected and used nowhere."""

from __future__ import annotations

from scoring.tables.columns import PERIOD
from scoring.tables.declaration import ResultColumn, ResultTable, count, number, text


def _datum() -> ResultColumn:
    return text(
        "datum_id",
        "数据项",
        "datum",
        "同一数据项的编号：数据元编号，没有时为规范化的名称、单位和粒度。",
        "One datum: its data element, or the normalised name, unit and grain where it has none.",
    )


def _field() -> ResultColumn:
    return text("field_name", "字段名称", "field", "字段在表上的名称。", "The field as the form words it.")


def _unit() -> ResultColumn:
    return text("unit", "计量单位", "unit", "数据的计量单位。", "Unit of measure of the datum.", nullable=True)


def _grain() -> ResultColumn:
    return text(
        "grain", "统计粒度", "grain", "按户、按人、按村等。", "Per household, person or village.", nullable=True
    )


def _asks(name: str, zh: str, en: str, about_zh: str, about_en: str) -> ResultColumn:
    return count(name, zh, en, f"{about_zh}（每年、全部单位）。", f"{about_en}, in a year and over all units.")


def _hours(about_zh: str, about_en: str) -> ResultColumn:
    return number("hours", "小时数", "hours", f"{about_zh}，每年小时数。", f"{about_en}, hours a year.", decimals=1)


DUPLICATE_DATUM = ResultTable(
    name="duplicate_datum",
    zh="重复填报数据项",
    en="data asked for more than once",
    columns=(
        PERIOD,
        _datum(),
        _field(),
        _unit(),
        _grain(),
        count("n_forms", "报表数", "forms", "要求该数据项的报表数。", "Forms that ask for it."),
        count("n_issuers", "部门数", "issuers", "要求该数据项的部门数。", "Departments that ask for it."),
        count("n_units", "单位数", "units", "被要求填报的基层单位数。", "Grassroots units asked."),
        text(
            "first_form_id",
            "最早报表",
            "first form",
            "最早要求该数据项的报表。",
            "The form that asked for it first.",
        ),
        text("form_ids", "报表", "forms", "要求该数据项的报表，以分号分隔。", "The forms, separated by semicolons."),
        text(
            "held_in",
            "已有台账",
            "held in",
            "已经登记该数据项的台账；为空表示没有。",
            "Register that already holds it; empty when none does.",
            nullable=True,
        ),
        _asks("n_asks", "填报次数", "asks", "填报次数", "Times it is asked for"),
        _asks("n_surplus", "多余次数", "surplus asks", "合并后可省去的填报次数", "Times a merger would save"),
        _hours("合并后可节省的时间", "Time a merger would save"),
    ),
    key=("period_id", "datum_id"),
)
"""One row per datum that at least two forms ask a unit for at one time, or that a register already holds."""

OVERLAP_PAIR = ResultTable(
    name="overlap_pair",
    zh="重叠最多的报表和考核",
    en="largest overlapping pairs",
    columns=(
        PERIOD,
        text("pair_kind", "类别", "kind", "form（报表）或 assessment（考核）。", "form or assessment."),
        text("left_id", "甲编号", "one", "报表编号；考核为派发单位和来源编号。", "The form; issuer and reference."),
        text("right_id", "乙编号", "other", "报表编号；考核为派发单位和来源编号。", "The form; issuer and reference."),
        text("left_name", "甲名称", "name of the one", "名称。", "Name."),
        text("right_name", "乙名称", "name of the other", "名称。", "Name."),
        text("left_org_id", "甲派发单位", "issuer of the one", "派发单位编码。", "Organisation id of the issuer."),
        text("right_org_id", "乙派发单位", "issuer of the other", "派发单位编码。", "Organisation id of the issuer."),
        count("n_left", "甲项数", "of the one", "甲的数据项数或考核事项数。", "Data or matters of the one."),
        count("n_right", "乙项数", "of the other", "乙的数据项数或考核事项数。", "Data or matters of the other."),
        count("n_shared", "相同项数", "shared", "两者向同一单位要求的相同项数。", "Asked of the same unit by both."),
        count("n_units", "单位数", "units", "被两者重复要求的基层单位数。", "Units asked by both."),
        number(
            "share",
            "重叠比例",
            "share",
            "相同项数除以较少一方的项数。",
            "Shared over those of the smaller one.",
            decimals=2,
        ),
        _asks("n_surplus", "多余次数", "surplus asks", "两者合并可省去的次数", "Times a merger of the two would save"),
        _hours("两者合并可节省的时间", "Time a merger of the two would save"),
    ),
    key=("period_id", "pair_kind", "left_id", "right_id"),
)
"""One row per pair of forms or of assessments; of each kind those that overlap most. Only forms have hours."""

UNUSED_FIELD = ResultTable(
    name="unused_field",
    zh="只收不用的字段",
    en="fields collected and not used",
    columns=(
        PERIOD,
        text("form_id", "报表编号", "form", "报表的编号。", "The form."),
        _field(),
        text("form_name", "报表名称", "name of the form", "报表的名称。", "Name of the form."),
        text("issuer_org_id", "派发单位编码", "issuer", "要求填报的部门。", "The department that asks for it."),
        _datum(),
        count("n_units", "单位数", "units", "被要求填报的基层单位数。", "Grassroots units asked."),
        _asks("n_asks", "填报次数", "asks", "填报次数", "Times it is asked for"),
        _hours("取消后可节省的时间", "Time saved by dropping it"),
    ),
    key=("period_id", "form_id", "field_name"),
)
"""One row per field that was asked for twelve months and appears in no indicator, register or declared use."""
