"""verification_fact: what the spot check of a sampled fact found (INPUT.md 4.4)."""

from __future__ import annotations

from expectations.datasets.shared import org_column, org_reference
from expectations.declaration import Code, Column, ColumnType, Dataset

OUTCOME = (
    Code("confirmed", "属实", "confirmed", ("一致", "核实无误")),
    Code("differs", "不符", "differs", ("不一致", "不属实", "有出入")),
    Code("not_verifiable", "无法核实", "not verifiable", ("无法核验", "不能核实")),
)

VERIFIED_DATASET = (
    Code("performance_fact", "实绩数据", "performance facts", ("实绩", "指标数据")),
    Code("burden_fact", "基层负担记录", "burden facts", ("负担记录", "负担台账")),
    Code("survey_response", "群众满意度答卷", "survey responses", ("满意度答卷",)),
    Code("resource_grant", "随事资源下达", "resource grants", ("资源下达",)),
    Code("task_admission", "任务准入", "task admissions", ("准入事项",)),
    Code("form_field", "一表通字段", "form fields", ("报表字段",)),
    Code("finding", "核查通报", "findings", ("通报",)),
    Code("duty_item", "履职事项清单", "duty items", ("履职事项", "清单事项")),
)

VERIFICATION_FACT = Dataset(
    name="verification_fact",
    zh="核验结果",
    en="verifications",
    description_zh="抽中数据的实地核验结果。",
    description_en="Results of the checks on the spot of sampled facts.",
    aliases=("核验抽样结果", "抽样核验", "现场核验"),
    natural_key=("verification_id",),
    wave=2,
    columns=(
        Column(
            "verification_id",
            ColumnType.IDENTIFIER,
            "核验编号",
            "verification",
            "一次核验的编号。",
            "Number of the verification.",
            required=True,
            max_length=100,
            aliases=("核验记录编号",),
        ),
        Column(
            "draw_id",
            ColumnType.IDENTIFIER,
            "抽样编号",
            "draw",
            "抽样批次的编号。",
            "The draw the fact was sampled in.",
            required=True,
            max_length=100,
            aliases=("抽样批次", "抽取编号"),
        ),
        Column(
            "dataset",
            ColumnType.CODE,
            "数据集",
            "dataset",
            "被核验数据所在的数据集。",
            "Dataset of the sampled fact.",
            required=True,
            codes=VERIFIED_DATASET,
            aliases=("数据表", "涉及数据集"),
        ),
        Column(
            "fact_key",
            ColumnType.JSON,
            "数据业务键",
            "key of the fact",
            '被核验数据的业务键，JSON 对象，如 {"indicator_id":"WATER","org_id":"V001"}；'
            '清单事项写明履职单位和事项，如 {"org_id":"V001","duty_id":"D1"}。',
            'Natural key of the sampled fact, a JSON object such as {"indicator_id":"WATER","org_id":"V001"}; of a '
            'duty item the unit and the duty, such as {"org_id":"V001","duty_id":"D1"}.',
            required=True,
            max_length=2_000,
            aliases=("业务键", "记录键"),
        ),
        Column(
            "declared_value",
            ColumnType.DECIMAL,
            "申报数值",
            "declared value",
            "原报数值。",
            "The value that was declared.",
            aliases=("原报数值", "上报值"),
        ),
        Column(
            "verified_value",
            ColumnType.DECIMAL,
            "核验数值",
            "verified value",
            "核验得到的数值。",
            "The value found on the spot.",
            aliases=("核实数值", "实测值"),
        ),
        Column(
            "outcome",
            ColumnType.CODE,
            "核验结论",
            "outcome",
            "属实、不符或无法核实。",
            "Confirmed, differs, or not verifiable.",
            required=True,
            codes=OUTCOME,
            aliases=("结论", "核验结果"),
        ),
        org_column(
            "verifier_org_id",
            "核验单位编码",
            "verifier",
            "实施核验的单位。",
            "The organisation that checked.",
            required=True,
            aliases=("核查单位编码",),
        ),
        Column(
            "verified_at",
            ColumnType.DATE,
            "核验日期",
            "verified on",
            "核验的日期。",
            "Day of the check.",
            required=True,
            aliases=("核查日期", "核验时间"),
        ),
    ),
    references=(org_reference("verifier_org_id", valid_on="verified_at"),),
)
