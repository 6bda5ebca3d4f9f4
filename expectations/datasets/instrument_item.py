"""instrument_item: the items of every rating or survey instrument, by version (INPUT.md 4.4)."""

from __future__ import annotations

from expectations.datasets.shared import DIRECTION
from expectations.declaration import Code, Column, ColumnType, Dataset, Expectation

ITEM_KIND = (
    Code("scale", "量表题", "scale", ("量表", "打分题", "评分题")),
    Code("choice", "单选题", "single choice", ("单选",)),
    Code("multi", "多选题", "multiple choice", ("多选",)),
    Code("text", "文本题", "text", ("填空题", "意见", "开放题")),
    Code("number", "数值题", "number", ("数值", "数字题")),
)

RESPONDENT = (
    Code("rater", "评分人", "rater", ("基层评分人",)),
    Code("respondent", "受访群众", "respondent", ("群众", "受访者")),
)


def instrument_id_column() -> Column:
    """The instrument an item or answer belongs to."""
    return Column(
        "instrument_id",
        ColumnType.IDENTIFIER,
        "测评表编号",
        "instrument",
        "测评表或问卷的编号。",
        "The rating form or questionnaire.",
        required=True,
        max_length=64,
        aliases=("测评表", "问卷编号", "量表编号"),
    )


def instrument_version_column() -> Column:
    """The version of the instrument."""
    return Column(
        "instrument_version",
        ColumnType.IDENTIFIER,
        "测评表版本",
        "instrument version",
        "测评表的版本号；题项有任何改动都要换版本。",
        "Version of the instrument; any change of an item needs a new one.",
        required=True,
        max_length=32,
        aliases=("版本", "版本号", "问卷版本"),
    )


def item_id_column() -> Column:
    """One item of an instrument."""
    return Column(
        "item_id",
        ColumnType.IDENTIFIER,
        "题项编号",
        "item",
        "测评表中一道题的编号。",
        "One question of the instrument.",
        required=True,
        max_length=64,
        aliases=("题号", "题目编号", "题项"),
    )


INSTRUMENT_ITEM = Dataset(
    name="instrument_item",
    zh="测评题项",
    en="instrument items",
    description_zh="测评表每个版本的题项、维度、量表和选项。",
    description_en="Items, dimensions, scales and answer codes of each version of an instrument.",
    aliases=("题项", "测评表题项", "问卷题目", "题库"),
    natural_key=("instrument_id", "instrument_version", "item_id"),
    wave=0,
    columns=(
        instrument_id_column(),
        instrument_version_column(),
        item_id_column(),
        Column(
            "item_text",
            ColumnType.NAME,
            "题目内容",
            "item text",
            "题目的原文。",
            "The wording of the question.",
            required=True,
            max_length=1_000,
            aliases=("题目", "题干", "题项内容"),
        ),
        Column(
            "dimension",
            ColumnType.NAME,
            "维度",
            "dimension",
            "一起取平均的一组题项，如解决实际问题、指导服务。",
            "Named group of items that are averaged together.",
            required=True,
            max_length=100,
            aliases=("测评维度", "评价维度"),
        ),
        Column(
            "item_kind",
            ColumnType.CODE,
            "题型",
            "kind of item",
            "量表、单选、多选、文本或数值。",
            "Scale, single choice, multiple choice, text or number.",
            required=True,
            codes=ITEM_KIND,
            aliases=("题目类型", "题项类型"),
        ),
        Column(
            "scale_min",
            ColumnType.DECIMAL,
            "最低分",
            "lowest score",
            "量表的最低分；量表题必填。",
            "Lowest score of the scale; needed for a scale item.",
            unit="point",
            unit_suffixes={"分": 1},
            aliases=("量表下限", "分值下限"),
        ),
        Column(
            "scale_max",
            ColumnType.DECIMAL,
            "最高分",
            "highest score",
            "量表的最高分；量表题必填。",
            "Highest score of the scale; needed for a scale item.",
            unit="point",
            unit_suffixes={"分": 1},
            aliases=("量表上限", "分值上限", "满分"),
        ),
        Column(
            "scale_step",
            ColumnType.DECIMAL,
            "分值间隔",
            "step",
            "相邻两档之差；留空则允许任意分值。",
            "Distance between two scores; any score is allowed when empty.",
            unit="point",
            unit_suffixes={"分": 1},
            minimum=0.000001,
            aliases=("步长", "档差"),
        ),
        Column(
            "direction",
            ColumnType.CODE,
            "方向",
            "direction",
            "分值越高越好还是越低越好；留空按越高越好。",
            "Whether a higher or a lower score is better; higher when empty.",
            default="higher_better",
            codes=DIRECTION,
            aliases=("分值方向", "指标方向"),
        ),
        Column(
            "codes",
            ColumnType.JSON,
            "选项",
            "answer codes",
            '选项的 JSON 数组，每项含 code、label、score（可为 null）、status，如 [{"code":"5","label":"非常满意",'
            '"score":100,"status":"answered"}]；选择题必填。',
            'JSON array of code, label, score (or null) and status, such as [{"code":"5","label":"very satisfied",'
            '"score":100,"status":"answered"}]; needed for a choice item.',
            aliases=("选项定义", "选项代码"),
        ),
        Column(
            "weight",
            ColumnType.DECIMAL,
            "题项权重",
            "weight",
            "题项在维度内的权重；留空为 1。",
            "Weight of the item within its dimension; 1 when empty.",
            default="1",
            minimum=0,
            maximum=1_000,
            aliases=("权重", "题目权重"),
        ),
        Column(
            "target_required",
            ColumnType.BOOLEAN,
            "是否针对部门",
            "needs a ratee",
            "是则每个答案都要写明被评部门。",
            "Whether every answer must name the department it is about.",
            aliases=("须指明部门", "针对部门"),
        ),
        Column(
            "respondent",
            ColumnType.CODE,
            "作答人",
            "who answers",
            "评分人或受访群众；留空为评分人。",
            "Rater or respondent; rater when empty.",
            default="rater",
            codes=RESPONDENT,
            aliases=("答题人", "作答对象"),
        ),
    ),
    expectations=(
        Expectation(
            "expect_column_pair_values_a_to_be_greater_than_b",
            {
                "column_A": "scale_max",
                "column_B": "scale_min",
                "or_equal": False,
                "ignore_row_if": "either_value_is_missing",
            },
            "E239",
        ),
    ),
    check_functions=("scale_given_for_scale_item", "codes_given_for_choice_item"),
)
