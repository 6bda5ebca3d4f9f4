"""Results of departments."""

from __future__ import annotations

from scoring.tables.columns import DIMENSION, INSTRUMENT, ITEM, ORG_NAME, PEER_GROUP, PERIOD, RATEE, REASON_CODES
from scoring.tables.declaration import ResultTable, count, number, text

DEPARTMENT_SCORE = ResultTable(
    name="department_score",
    zh="部门评分",
    en="department scores",
    columns=(
        PERIOD,
        RATEE,
        ORG_NAME,
        PEER_GROUP,
        number(
            "score_raw_mean",
            "原始均分",
            "raw mean",
            "有效评分票的加权平均，0 至 100，未校正宽严。",
            "Weighted mean of the valid ballots, 0 to 100, severity not removed.",
            decimals=1,
        ),
        number(
            "score_adjusted",
            "宽严校正分",
            "severity-adjusted mean",
            "去除评分人宽严后的部门均分，未收缩，0 至 100。",
            "Mean with rater severity removed, not shrunken, 0 to 100.",
            decimals=1,
        ),
        number(
            "score_shrunken",
            "收缩估计分",
            "shrunken score",
            "去除评分人宽严、按可靠程度向组均值收缩后的得分，0 至 100。",
            "Score with rater severity removed, shrunken toward the group mean by its reliability, 0 to 100.",
            decimals=1,
        ),
        number(
            "effect", "部门效应", "department effect", "得分减去总体平均。", "Score minus the overall mean.", decimals=1
        ),
        number(
            "conditional_sd",
            "条件标准差",
            "conditional SD",
            "给定数据和总体平均时部门效应的标准差。",
            "Standard deviation of the effect given the data and the overall mean.",
            decimals=2,
        ),
        number(
            "se",
            "标准误",
            "standard error",
            "得分误差的标准差。",
            "Standard deviation of the error of the score.",
            decimals=2,
        ),
        number("ci_low", "区间下限", "interval low", "95% 区间的下限。", "Lower end of the 95% interval.", decimals=1),
        number(
            "ci_high", "区间上限", "interval high", "95% 区间的上限。", "Upper end of the 95% interval.", decimals=1
        ),
        number(
            "reliability",
            "信度",
            "reliability",
            "1 减去条件方差与部门间方差之比。",
            "One minus conditional variance over between-department variance.",
            decimals=2,
        ),
        count("n_raters", "评分人数", "raters", "投出有效评分票的评分人数。", "Raters with a valid ballot."),
        count(
            "n_units", "评分单位数", "units", "投出有效评分票的基层单位数。", "Grassroots units with a valid ballot."
        ),
        count("n_ballots", "有效评分票数", "ballots", "有效评分票数。", "Valid ballots."),
        number(
            "max_unit_share",
            "最大单位占比",
            "largest unit share",
            "占权重最多的一个基层单位的权重占比。",
            "Share of the weight held by the grassroots unit with most of it.",
            decimals=2,
        ),
        number(
            "dk_share",
            "不了解占比",
            "don't-know share",
            "不了解与无往来占已作答、不了解与无往来之和的比例。",
            "Don't know and no contact over answered, don't know and no contact.",
            decimals=2,
        ),
        count(
            "component",
            "连通部分",
            "component",
            "由共同评分人相连的部门属于同一部分，从 1 编号。",
            "Departments joined by common raters share a component, numbered from 1.",
            nullable=True,
        ),
        count(
            "rank",
            "名次",
            "rank",
            "可比组内名次，同分同名次。",
            "Rank inside the peer group; equal scores share it.",
            nullable=True,
        ),
        count(
            "rank_low",
            "名次区间上端",
            "best rank",
            "考虑误差后可能的最好名次。",
            "Best rank that the error of the scores leaves open.",
            nullable=True,
        ),
        count(
            "rank_high",
            "名次区间下端",
            "worst rank",
            "考虑误差后可能的最差名次。",
            "Worst rank that the error of the scores leaves open.",
            nullable=True,
        ),
        number(
            "p_top",
            "居前概率",
            "probability of a top place",
            "真实名次居可比组前列（默认前 20%）的概率。",
            "Probability that the true rank is in the top share of the peer group, a fifth by default.",
            decimals=2,
        ),
        number(
            "p_bottom",
            "居后概率",
            "probability of a bottom place",
            "真实名次居可比组末位（默认后 20%）的概率。",
            "Probability that the true rank is in the bottom share of the peer group, a fifth by default.",
            decimals=2,
        ),
        text(
            "consequence",
            "结果运用",
            "consequence",
            "TOP 居前，BOTTOM 居后，NO_SIGNIFICANT_DIFFERENCE 无显著差别；"
            "信度与概率达到规定才认定居前或居后，未排名为空。",
            "TOP, BOTTOM or NO_SIGNIFICANT_DIFFERENCE; the first two need enough reliability and probability; "
            "empty without a rank.",
            nullable=True,
        ),
        REASON_CODES,
    ),
    key=("period_id", "ratee_org_id"),
)
"""One row per assessed department."""

DEPARTMENT_ITEM = ResultTable(
    name="department_item",
    zh="部门分题项结果",
    en="department results by item",
    columns=(
        PERIOD,
        RATEE,
        ORG_NAME,
        PEER_GROUP,
        INSTRUMENT,
        ITEM,
        DIMENSION,
        count("n_answered", "作答数", "answered", "给出分值的评分数。", "Ratings with a score."),
        count(
            "n_dont_know", "不了解数", "don't know", "不了解与无往来的评分数。", "Ratings of don't know or no contact."
        ),
        count(
            "n_other",
            "其他未评分数",
            "other",
            "不适用、跳过、拒答的评分数。",
            "Ratings not applicable, skipped or refused.",
        ),
        number(
            "score_raw_mean",
            "原始均分",
            "raw mean",
            "作答的平均分，0 至 100。",
            "Mean of the answered, 0 to 100.",
            decimals=1,
        ),
    ),
    key=("period_id", "ratee_org_id", "instrument_id", "item_id"),
)
"""One row per rated department and item."""
