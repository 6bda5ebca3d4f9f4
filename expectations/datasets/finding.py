"""finding: published findings and their re-check (INPUT.md 4.4)."""

from __future__ import annotations

from expectations.datasets.shared import later_than, org_column, org_reference
from expectations.declaration import Code, Column, ColumnType, Dataset

GRADE = (
    Code("noted", "提醒", "noted", ("指出", "提示")),
    Code("criticised", "通报批评", "criticised", ("批评", "通报")),
    Code("accountable", "追责问责", "held accountable", ("问责", "追责")),
)

FOLLOW_UP = (
    Code("open", "未整改", "open", ("整改中", "待整改")),
    Code("mended", "已整改", "mended", ("整改完成", "完成整改")),
    Code("rechecked", "已回头看", "rechecked", ("回头看通过", "复核通过")),
    Code("relapsed", "反弹", "relapsed", ("问题反弹", "回潮")),
)

FINDING = Dataset(
    name="finding",
    zh="核查通报",
    en="findings",
    description_zh="已公布的核查通报及其整改和回头看情况。",
    description_en="Published findings, their follow-up and the check that they stay mended.",
    aliases=("通报", "核查问题", "问题通报"),
    natural_key=("finding_id",),
    wave=2,
    columns=(
        Column(
            "finding_id",
            ColumnType.IDENTIFIER,
            "通报编号",
            "finding",
            "通报问题的编号。",
            "Number of the finding.",
            required=True,
            max_length=100,
            aliases=("问题编号",),
        ),
        org_column(
            "org_id",
            "机构编码",
            "organisation",
            "被通报的单位。",
            "The organisation it is about.",
            required=True,
            aliases=("单位编码", "被通报单位编码"),
        ),
        Column(
            "found_at",
            ColumnType.DATE,
            "发现日期",
            "found on",
            "问题发现或通报的日期。",
            "Day on which it was found or published.",
            required=True,
            aliases=("通报日期", "发现时间"),
        ),
        Column(
            "category",
            ColumnType.NAME,
            "问题类别",
            "category",
            "问题的类别，如层层加码、过度留痕。",
            "Kind of problem, such as a cascade of targets or a demand for traces.",
            required=True,
            max_length=100,
            aliases=("类别", "问题类型"),
        ),
        Column(
            "grade",
            ColumnType.CODE,
            "处理程度",
            "grade",
            "提醒、通报批评或追责问责。",
            "Noted, criticised, or held accountable.",
            codes=GRADE,
            aliases=("处理方式", "处理等级"),
        ),
        Column(
            "bulletin_no",
            ColumnType.IDENTIFIER,
            "通报文号",
            "bulletin",
            "通报的文号。",
            "Number of the bulletin.",
            max_length=200,
            aliases=("文号", "通报期号"),
        ),
        Column(
            "followup",
            ColumnType.CODE,
            "整改情况",
            "follow-up",
            "未整改、已整改、已回头看或反弹。",
            "Open, mended, rechecked or relapsed.",
            codes=FOLLOW_UP,
            aliases=("整改状态", "后续情况"),
        ),
        Column(
            "rechecked_at",
            ColumnType.DATE,
            "回头看日期",
            "rechecked on",
            "回头看的日期。",
            "Day of the re-check.",
            aliases=("复核日期",),
        ),
    ),
    expectations=(later_than("rechecked_at", "found_at", or_equal=True),),
    references=(org_reference("org_id", valid_on="found_at"),),
)
