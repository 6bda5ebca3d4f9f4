"""resource_grant: staff, money and powers granted with an admitted task (INPUT.md 4.4, BURDEN.md 1.3)."""

from __future__ import annotations

from expectations.datasets.shared import doubtful_reference, org_column, org_reference
from expectations.declaration import Code, Column, ColumnType, Dataset

RESOURCE_KIND = (
    Code("funding_yuan", "经费", "funding in yuan", ("资金", "经费(元)")),
    Code("staff_fte", "人员", "staff in full-time equivalents", ("人力", "编制")),
    Code("authority", "权限", "authority", ("职权", "赋权")),
    Code("equipment", "设备", "equipment", ("装备",)),
    Code("training_days", "培训", "training in days", ("培训天数",)),
)

RESOURCE_GRANT = Dataset(
    name="resource_grant",
    zh="随事资源下达",
    en="resource grants",
    description_zh="准入任务实际下达的经费、人员、权限、设备和培训。",
    description_en="Money, staff, powers, equipment and training actually granted with an admitted task.",
    aliases=("资源下达", "资源保障", "费随事转"),
    natural_key=("admission_id", "kind", "receiving_org_id", "granted_at"),
    wave=2,
    columns=(
        Column(
            "admission_id",
            ColumnType.IDENTIFIER,
            "准入编号",
            "admission",
            "对应的准入登记编号。",
            "The admission the grant belongs to.",
            required=True,
            max_length=100,
            aliases=("准入登记号", "审批编号"),
        ),
        Column(
            "kind",
            ColumnType.CODE,
            "资源类型",
            "kind of resource",
            "经费、人员、权限、设备或培训。",
            "Funding, staff, authority, equipment or training.",
            required=True,
            codes=RESOURCE_KIND,
            aliases=("资源类别", "保障类型"),
        ),
        org_column(
            "receiving_org_id",
            "接收单位编码",
            "receiving unit",
            "收到资源的基层单位。",
            "The grassroots unit that received it.",
            required=True,
            aliases=("承接单位编码", "接受单位编码"),
        ),
        Column(
            "granted_at",
            ColumnType.DATE,
            "下达日期",
            "granted on",
            "实际到位的日期。",
            "Day on which it arrived.",
            required=True,
            aliases=("到位日期", "拨付日期"),
        ),
        Column(
            "quantity",
            ColumnType.DECIMAL,
            "数量",
            "quantity",
            "经费为元，人员为全职折算人数，培训为天，权限和设备为项数。",
            "Yuan of funding, full-time equivalents of staff, days of training, items of authority and equipment.",
            required=True,
            unit_suffixes={"元": 1, "万元": 10_000, "人": 1, "天": 1, "项": 1, "台": 1},
            minimum=0,
            aliases=("下达数量", "到位数量"),
        ),
        Column(
            "doc_no",
            ColumnType.IDENTIFIER,
            "文号",
            "document number",
            "下达文件的文号。",
            "Document of the grant.",
            max_length=200,
            aliases=("发文字号", "下达文号"),
        ),
    ),
    references=(
        doubtful_reference("admission_id", "task_admission", "admission_id"),
        org_reference("receiving_org_id", valid_on="granted_at"),
    ),
)
