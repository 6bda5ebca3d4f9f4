"""Results of units that have consequences: incentive scores, tiers, money and adjustments."""

from __future__ import annotations

from dataclasses import replace

from scoring.tables.columns import ORG, ORG_NAME, PEER_GROUP, PERIOD, REASON_CODES
from scoring.tables.declaration import ResultTable, count, decimal, number, text

INCENTIVE_SCORE = ResultTable(
    name="incentive_score",
    zh="激励得分与等次",
    en="incentive scores and tiers",
    columns=(
        PERIOD,
        ORG,
        ORG_NAME,
        PEER_GROUP,
        decimal(
            "differentiated_score",
            "差异化得分",
            "differentiated score",
            "按本可比组的锚点、指标和权重计算的单位得分。",
            "Unit score by the anchors, indicators and weights of its own peer group.",
        ),
        decimal(
            "adder",
            "加分",
            "adder",
            "有依据的加分之和，已封顶；没有扣分。",
            "Sum of the evidenced adders, capped; nothing is ever taken away.",
            nullable=False,
        ),
        decimal(
            "incentive_score",
            "激励得分",
            "incentive score",
            "差异化得分加上加分，已封顶。",
            "Differentiated score plus adder, capped.",
        ),
        count(
            "rank",
            "名次",
            "rank",
            "可比组内名次，同分同名次。",
            "Rank inside the peer group; equal scores share it.",
            nullable=True,
        ),
        number(
            "p_within_quota",
            "名额内概率",
            "probability within the quota",
            "真实名次落在 A 等名额之内的概率。",
            "Probability that the true rank is within the quota of tier A.",
            decimals=2,
        ),
        text("tier", "等次", "tier", "A 至 D，限档之后。", "A to D, after the caps.", nullable=True),
        text(
            "tier_uncapped",
            "限档前等次",
            "tier before caps",
            "红线和缺满意度限档之前的等次。",
            "Tier before the caps for red lines and missing satisfaction.",
            nullable=True,
        ),
        text(
            "red_line_id",
            "红线",
            "red line",
            "触碰的授权红线编号，多个以分号连接。",
            "Authorised red lines that were crossed, joined by semicolons.",
            nullable=True,
        ),
        REASON_CODES,
    ),
    key=("period_id", "org_id"),
)
"""One row per assessed unit."""

BONUS = ResultTable(
    name="bonus",
    zh="奖金分配",
    en="bonus payments",
    columns=(
        PERIOD,
        ORG,
        ORG_NAME,
        PEER_GROUP,
        count(
            "base_fen",
            "奖金基数（分）",
            "base (fen)",
            "人数乘以标准，人民币分。",
            "Headcount times the standard, in fen.",
        ),
        decimal(
            "factor",
            "计奖系数",
            "factor",
            "激励得分折成的计奖系数，百分数；没有得分的单位取组内中位数。",
            "What the incentive score counts for, in percent; the group's median for a unit without a score.",
        ),
        count("cap_fen", "封顶额（分）", "cap (fen)", "最高可得金额。", "The most it can be paid.", nullable=True),
        count("paid_fen", "发放额（分）", "paid (fen)", "应发金额。", "What it is paid.", nullable=True),
        REASON_CODES,
    ),
    key=("period_id", "org_id"),
)
"""One row per assessed unit."""

BONUS_POOL = ResultTable(
    name="bonus_pool",
    zh="奖金总额",
    en="bonus pools",
    columns=(
        PERIOD,
        replace(PEER_GROUP, nullable=False),
        count(
            "pool_fen",
            "奖金总额（分）",
            "pool (fen)",
            "按基数分给本组的总额，含上期结转；等于发放合计加预留。",
            "The group's share of the total by base, carried reserve included; what is paid plus the reserve.",
        ),
        count("base_fen", "基数合计（分）", "sum of base (fen)", "组内基数之和。", "Sum of base in the group."),
        count(
            "reserve_fen",
            "预留（分）",
            "reserve (fen)",
            "未发放的金额，先用于申诉，余额结转下期。",
            "What is not paid: for appeals first, the rest rolls into the next pool.",
        ),
        count("paid_fen", "发放合计（分）", "paid (fen)", "组内发放之和。", "Sum paid in the group."),
        count(
            "unspent_fen",
            "封顶余额（分）",
            "left over by caps (fen)",
            "可发而因封顶或无得分未发的金额，已计入预留。",
            "Part of the reserve that was to be paid but met caps or units without a score.",
        ),
        text(
            "unit_price",
            "单价",
            "unit price",
            "每一分基数、系数为 100% 时的应发金额，精确分数；为空表示全组没有得分。",
            "Fen paid per fen of base at a factor of 100 percent, an exact fraction; empty when nobody has a score.",
            nullable=True,
        ),
    ),
    key=("period_id", "peer_group"),
)
"""One row per peer group."""

ADJUSTMENT_APPLIED = ResultTable(
    name="adjustment_applied",
    zh="已作调整",
    en="adjustments applied",
    columns=(
        PERIOD,
        text("adjustment_id", "调整编号", "adjustment", "调整事项的编号。", "Number of the adjustment."),
        text(
            "adj_kind",
            "调整类型",
            "kind of adjustment",
            "申诉、更正、加分、容错免责或不纳入。",
            "Appeal, correction, adder, exemption or exclusion.",
        ),
        ORG,
        ORG_NAME,
        PEER_GROUP,
        text(
            "what",
            "涉及内容",
            "what",
            "所调整的数据或得分，如 score100/WATER。",
            "The value or score it is about, such as score100/WATER.",
        ),
        decimal("before", "调整前", "before", "调整前的数值。", "Value before it."),
        decimal(
            "after",
            "调整后",
            "after",
            "调整后的数值；未采用时不变或为空。",
            "Value after it; unchanged or empty when refused.",
        ),
        text(
            "decision_doc_no",
            "结论文号",
            "decision document",
            "结论文书的文号。",
            "Document of the decision.",
            nullable=True,
        ),
        REASON_CODES,
    ),
    key=("period_id", "adjustment_id", "what"),
)
"""One row per decided adjustment and value it is about, whether applied or refused with a reason."""
