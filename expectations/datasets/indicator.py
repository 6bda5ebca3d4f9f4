"""indicator: what is measured, in which unit and direction (INPUT.md 4.4)."""

from __future__ import annotations

from expectations.datasets.shared import DIRECTION, duty_id_column, later_than, valid_from_column, valid_to_column
from expectations.declaration import Code, Column, ColumnType, Dataset, Expectation

AGGREGATION = (
    Code("sum", "求和", "sum", ("合计", "累计")),
    Code("mean", "平均", "mean", ("均值", "平均值")),
    Code("last", "期末值", "last value", ("末值", "最新值")),
    Code("ratio", "比率", "ratio", ("分子比分母", "比例")),
)

TRACK = (
    Code("quality", "质量轨", "quality", ("质量",)),
    Code("quantity", "数量轨", "quantity", ("数量",)),
)

NATURE = (
    Code("outcome", "结果", "outcome", ("成效", "结果指标")),
    Code("output", "产出", "output", ("产出指标",)),
    Code("satisfaction", "满意度", "satisfaction", ("满意度指标",)),
    Code("process", "过程", "process", ("过程指标", "留痕")),
)

ACHIEVEMENT_KIND = (
    Code("visible", "显绩", "visible achievement", ("显性实绩",)),
    Code("latent", "潜绩", "latent achievement", ("隐性实绩",)),
)


def indicator_id_column() -> Column:
    """One measured quantity."""
    return Column(
        "indicator_id",
        ColumnType.IDENTIFIER,
        "指标编号",
        "indicator",
        "指标的编号。",
        "The measured quantity.",
        required=True,
        max_length=100,
        aliases=("指标编码", "指标代码"),
    )


def measure_unit_column() -> Column:
    """Unit of measure of an indicator or of one of its facts."""
    return Column(
        "unit",
        ColumnType.IDENTIFIER,
        "计量单位",
        "unit",
        "指标的计量单位，指标与数据必须一致，如 户、%、万元。",
        "Unit of measure; the fact's must equal the indicator's.",
        required=True,
        max_length=32,
        aliases=("指标单位", "度量单位"),
    )


INDICATOR = Dataset(
    name="indicator",
    zh="指标目录",
    en="indicators",
    description_zh="指标的名称、单位、方向和性质；权重由考核方案规定，不在此处。",
    description_en="Name, unit, direction and nature of each indicator; weights belong to the scheme, not here.",
    aliases=("指标", "指标库", "指标表"),
    natural_key=("indicator_id", "valid_from"),
    wave=0,
    columns=(
        indicator_id_column(),
        valid_from_column(),
        valid_to_column(),
        Column(
            "name",
            ColumnType.NAME,
            "指标名称",
            "name",
            "指标的名称。",
            "Name of the indicator.",
            required=True,
            max_length=200,
            aliases=("名称",),
        ),
        measure_unit_column(),
        Column(
            "direction",
            ColumnType.CODE,
            "指标方向",
            "direction",
            "数值越高越好还是越低越好。",
            "Whether a higher or a lower value is better.",
            required=True,
            codes=DIRECTION,
            aliases=("方向", "正逆向"),
        ),
        Column(
            "agg",
            ColumnType.CODE,
            "汇总方式",
            "aggregation",
            "多期数值怎样合成一个。",
            "How values of several periods become one.",
            codes=AGGREGATION,
            aliases=("聚合方式", "汇总方法"),
        ),
        Column(
            "min",
            ColumnType.DECIMAL,
            "最小可能值",
            "smallest possible value",
            "数值不可能低于此数。",
            "No value can be lower.",
            aliases=("最小值", "下限"),
        ),
        Column(
            "max",
            ColumnType.DECIMAL,
            "最大可能值",
            "largest possible value",
            "数值不可能高于此数。",
            "No value can be higher.",
            aliases=("最大值", "上限"),
        ),
        duty_id_column(),
        Column(
            "domain",
            ColumnType.NAME,
            "领域",
            "domain",
            "指标所属领域，如生态、民生。",
            "Field the indicator belongs to.",
            max_length=100,
            aliases=("指标领域", "所属领域"),
        ),
        Column(
            "track",
            ColumnType.CODE,
            "考核轨道",
            "track",
            "质量轨或数量轨，两者不能互相弥补。",
            "Quality or quantity; the two do not make up for each other.",
            codes=TRACK,
            aliases=("轨道", "双轨类别"),
        ),
        Column(
            "nature",
            ColumnType.CODE,
            "指标性质",
            "nature",
            "结果、产出、满意度或过程；过程类权重有上限。",
            "Outcome, output, satisfaction or process; the weight of process is capped.",
            codes=NATURE,
            aliases=("性质", "指标类型"),
        ),
        Column(
            "achievement_kind",
            ColumnType.CODE,
            "实绩类型",
            "kind of achievement",
            "显绩为当期可见的成果；潜绩为多年见效的基础工作。",
            "Visible: seen within the period. Latent: groundwork that pays over years.",
            codes=ACHIEVEMENT_KIND,
            aliases=("显绩潜绩", "实绩类别"),
        ),
        Column(
            "source_register",
            ColumnType.NAME,
            "来源台账",
            "source register",
            "数据取自哪个登记系统或台账。",
            "The register the values come from.",
            max_length=200,
            aliases=("数据来源", "来源登记系统"),
        ),
        Column(
            "min_cases",
            ColumnType.INTEGER,
            "最少案例数",
            "minimum number of cases",
            "分母少于此数时不计分。",
            "A unit with fewer cases is not scored on the indicator.",
            minimum=0,
            maximum=1_000_000,
            aliases=("最小案例数", "最低样本数"),
        ),
    ),
    expectations=(
        later_than("valid_to", "valid_from"),
        Expectation(
            "expect_column_pair_values_a_to_be_greater_than_b",
            {"column_A": "max", "column_B": "min", "or_equal": False, "ignore_row_if": "either_value_is_missing"},
            "E239",
        ),
    ),
    check_functions=("validity_intervals_do_not_overlap",),
)
