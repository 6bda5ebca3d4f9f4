"""Results of satisfaction surveys."""

from __future__ import annotations

from scoring.tables.columns import DIMENSION, INSTRUMENT, ITEM, ORG, ORG_NAME, PEER_GROUP, PERIOD, REASON_CODES
from scoring.tables.declaration import ResultTable, count, decimal, number

SATISFACTION_MEAN = ResultTable(
    name="satisfaction_mean",
    zh="群众满意度",
    en="satisfaction means",
    columns=(
        PERIOD,
        ORG,
        ORG_NAME,
        PEER_GROUP,
        INSTRUMENT,
        ITEM,
        DIMENSION,
        count("n_answered", "作答数", "answered", "给出分值的回答数。", "Answers with a score."),
        count(
            "n_dont_know", "不了解数", "don't know", "不了解与无往来的回答数。", "Answers of don't know or no contact."
        ),
        count(
            "n_other",
            "其他未作答数",
            "other",
            "不适用、跳过、拒答的回答数。",
            "Answers not applicable, skipped or refused.",
        ),
        decimal(
            "sum_score",
            "分值合计",
            "sum of scores",
            "原量表分值之和。",
            "Sum of scores on the item's own scale.",
            nullable=False,
        ),
        number(
            "mean_score",
            "均分（原量表）",
            "mean on the item's scale",
            "原量表上的平均分。",
            "Mean on the item's own scale.",
            decimals=2,
        ),
        number(
            "mean_0_100",
            "均分（百分制）",
            "mean, 0 to 100",
            "换算到 0 至 100 后的平均分。",
            "Mean after rescaling to 0 to 100.",
            decimals=1,
        ),
        number(
            "mean_weighted",
            "加权均分（原量表）",
            "weighted mean",
            "按调查权重的平均分，原量表。",
            "Mean by survey weight, on the item's own scale.",
            decimals=2,
        ),
        number(
            "mean_weighted_0_100",
            "加权均分（百分制）",
            "weighted mean, 0 to 100",
            "按调查权重的平均分，0 至 100。",
            "Mean by survey weight, 0 to 100.",
            decimals=1,
        ),
        REASON_CODES,
    ),
    key=("period_id", "org_id", "instrument_id", "item_id"),
)
"""One row per organisation and item of a satisfaction survey."""

UNIT_SATISFACTION = ResultTable(
    name="unit_satisfaction",
    zh="单位满意度",
    en="satisfaction of units",
    columns=(
        PERIOD,
        ORG,
        ORG_NAME,
        PEER_GROUP,
        count(
            "n_respondents", "受访人数", "respondents", "给出有效回答的受访人数。", "Respondents with a valid answer."
        ),
        number(
            "n_eff",
            "有效样本量",
            "effective sample size",
            "与该加权样本精度相当的等权样本人数。",
            "Respondents of equal weight that would be as precise as the weighted sample.",
            decimals=1,
        ),
        number(
            "response_rate",
            "应答率",
            "response rate",
            "受访人数占应答对象人数的比例。",
            "Respondents over people who could have answered.",
            decimals=3,
        ),
        number(
            "mean_0_100",
            "加权均分",
            "weighted mean",
            "按调查权重的平均分，0 至 100。",
            "Mean by survey weight, 0 to 100.",
            decimals=1,
        ),
        number(
            "se",
            "标准误",
            "standard error",
            "加权均分的标准误，按抽样设计计算。",
            "Design-based standard error of the weighted mean.",
            decimals=2,
        ),
        number(
            "gamma",
            "自身权重",
            "own weight",
            "收缩时本单位均分的权重，0 至 1；其余为可比组均值。",
            "Weight of the unit's own mean in the shrunken one, 0 to 1; the rest is the mean of the peer group.",
            decimals=2,
        ),
        decimal(
            "satisfaction_mean",
            "收缩估计均分",
            "shrunken mean",
            "按可靠程度向可比组均值收缩后的均分，0 至 100。",
            "Mean shrunken toward the peer group's by its reliability, 0 to 100.",
        ),
        number(
            "eb_se",
            "收缩估计标准误",
            "standard error, shrunken",
            "收缩估计均分误差的标准差。",
            "Standard deviation of the error of the shrunken mean.",
            decimals=2,
        ),
        number("ci_low", "区间下限", "interval low", "95% 区间的下限。", "Lower end of the 95% interval.", decimals=1),
        number(
            "ci_high", "区间上限", "interval high", "95% 区间的上限。", "Upper end of the 95% interval.", decimals=1
        ),
        number(
            "early_late_difference",
            "先后受访差",
            "early less late",
            "较早提交者的均分减去较晚提交者的均分，用于判断未应答的影响。",
            "Mean of those who answered early less that of the late, a sign of what the silent might say.",
            decimals=1,
        ),
        REASON_CODES,
    ),
    key=("period_id", "org_id"),
)
"""One row per assessed unit."""
