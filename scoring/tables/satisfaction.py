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
