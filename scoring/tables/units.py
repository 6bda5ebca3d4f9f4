"""Results of units."""

from __future__ import annotations

from scoring.tables.columns import ORG, ORG_NAME, PEER_GROUP, PERIOD, RATEE, REASON_CODES
from scoring.tables.declaration import ResultTable, count, decimal, number, text

_INDICATOR = text("indicator_id", "指标", "indicator", "指标编号。", "Indicator.")
_NUMERATOR = decimal(
    "numerator",
    "分子",
    "numerator",
    "得出考核期值的计数；不是比率、按多年合成或经更正的值为空。",
    "What was counted to give the value; empty for a value that is no rate, spans years or was corrected.",
)
_DENOMINATOR = decimal(
    "denominator",
    "分母",
    "denominator",
    "计数所除的数。",
    "What the count was divided by.",
)
_RANK = count(
    "rank",
    "名次",
    "rank",
    "可比组内名次，同分同名次。",
    "Rank inside the peer group; equal scores share it.",
    nullable=True,
)
_RANK_LOW = count(
    "rank_low",
    "名次区间上端",
    "best rank",
    "考虑误差后可能的最好名次。",
    "Best place the subject could hold given its uncertainty.",
    nullable=True,
)
_RANK_HIGH = count(
    "rank_high",
    "名次区间下端",
    "worst rank",
    "考虑误差后可能的最差名次。",
    "Worst place the subject could hold given its uncertainty.",
    nullable=True,
)
_N_RANKED = count("n_ranked", "排名数", "ranked", "可比组内参加排名的个数。", "Subjects ranked in the peer group.")
_OBSERVED_WEIGHT = decimal(
    "observed_weight",
    "覆盖度",
    "coverage",
    "有得分的组成项占名义权重的比例，0 至 1。",
    "Observed share of the nominal weight, 0 to 1.",
    nullable=False,
)
_SE = number("se", "标准误", "standard error", "得分的标准误，分。", "Standard error of the score, points.", decimals=2)

UNIT_POINTS = ResultTable(
    name="unit_points",
    zh="单位指标得分",
    en="points of units by indicator",
    columns=(
        PERIOD,
        ORG,
        ORG_NAME,
        PEER_GROUP,
        _INDICATOR,
        decimal(
            "value", "考核期值", "value", "考核期内的指标值。", "Value of the indicator in the period.", nullable=False
        ),
        text(
            "baseline_period",
            "基期",
            "baseline period",
            "计算进步分的较早考核期。",
            "Earlier period improvement is measured from.",
            nullable=True,
        ),
        decimal(
            "baseline_value",
            "基期值",
            "baseline value",
            "本单位在基期的指标值。",
            "The unit's own value in the baseline period.",
        ),
        decimal(
            "achievement_threshold",
            "达标值",
            "achievement threshold",
            "低于此值水平分为 0。",
            "Below it achievement earns 0.",
        ),
        decimal("benchmark", "标杆值", "benchmark", "达到此值水平分为 10。", "From it on achievement earns 10."),
        count(
            "achievement",
            "水平分",
            "achievement points",
            "现有水平得分，0 至 10。",
            "Points for where the unit stands, 0 to 10.",
            nullable=True,
        ),
        count(
            "improvement",
            "进步分",
            "improvement points",
            "相对本单位基期的进步得分，0 至 9。",
            "Points for progress since the own baseline, 0 to 9.",
            nullable=True,
        ),
        count(
            "points",
            "指标得分",
            "points",
            "水平分与进步分中较高者。",
            "The better of achievement and improvement.",
            nullable=True,
        ),
        REASON_CODES,
    ),
    key=("period_id", "org_id", "indicator_id"),
)
"""One row per unit and indicator with a value in the period."""

UNIT_INDICATOR = ResultTable(
    name="unit_indicator",
    zh="单位指标百分制得分",
    en="scores of units by indicator",
    columns=(
        PERIOD,
        ORG,
        ORG_NAME,
        PEER_GROUP,
        _INDICATOR,
        text("achievement_kind", "显绩或潜绩", "achievement kind", "显绩或潜绩。", "Visible or latent.", nullable=True),
        text("track", "轨", "track", "质量轨或数量轨。", "Quality or quantity track.", nullable=True),
        text(
            "nature",
            "性质",
            "nature",
            "结果、产出、满意度或过程。",
            "Outcome, output, satisfaction or process.",
            nullable=True,
        ),
        decimal(
            "weight",
            "权重",
            "weight",
            "方案规定的权重；不适用的指标为空。",
            "Weight in the scheme; empty where the indicator does not apply.",
        ),
        decimal("value", "考核期值", "value", "考核期内的指标值。", "Value of the indicator in the period."),
        _NUMERATOR,
        _DENOMINATOR,
        text(
            "baseline_period",
            "基期",
            "baseline period",
            "计算进步分的较早考核期。",
            "Earlier period improvement is measured from.",
            nullable=True,
        ),
        decimal(
            "baseline_value",
            "基期值",
            "baseline value",
            "本单位在基期的指标值。",
            "The unit's own value in the baseline period.",
        ),
        decimal("minimum", "最低值", "minimum", "达到此值起得分，为 0 分。", "Worst value of the scale; earns 0."),
        decimal("floor", "底线值", "floor", "达到此值得 60 分。", "Earns 60."),
        decimal("achievement_threshold", "达标值", "achievement threshold", "达到此值得 75 分。", "Earns 75."),
        decimal("benchmark", "标杆值", "benchmark", "达到此值得 100 分。", "Earns 100."),
        decimal(
            "level",
            "水平分",
            "level",
            "现有水平得分，0 至 100。",
            "Points for where the unit stands, 0 to 100.",
        ),
        decimal(
            "improvement",
            "进步分",
            "improvement points",
            "相对本单位基期的进步得分，0 至 90。",
            "Points for progress since the own baseline, 0 to 90.",
        ),
        decimal(
            "score100",
            "指标得分",
            "score",
            "水平分与进步分中较高者，0 至 100。",
            "The better of level and improvement, 0 to 100.",
        ),
        REASON_CODES,
    ),
    key=("period_id", "org_id", "indicator_id"),
)
"""One row per unit and indicator with a fact in the period."""

UNIT_CELL = ResultTable(
    name="unit_cell",
    zh="单位显绩潜绩分轨得分",
    en="cell scores of units by achievement kind and track",
    columns=(
        PERIOD,
        ORG,
        ORG_NAME,
        PEER_GROUP,
        text("achievement_kind", "显绩或潜绩", "achievement kind", "显绩或潜绩。", "Visible or latent achievement."),
        text("track", "轨", "track", "质量轨或数量轨。", "Quality or quantity track."),
        count("n_indicators", "指标数", "indicators", "适用的指标数。", "Applicable indicators."),
        count("n_scored", "有得分指标数", "scored", "有得分的指标数。", "Applicable indicators with a score."),
        _OBSERVED_WEIGHT,
        decimal(
            "cell_score",
            "分格得分",
            "cell score",
            "指标得分的加权平均，0 至 100。",
            "Weighted mean of the indicators' scores, 0 to 100.",
        ),
    ),
    key=("period_id", "org_id", "achievement_kind", "track"),
)
"""One row per unit and cell with at least one applicable indicator."""

UNIT_SCORE = ResultTable(
    name="unit_score",
    zh="单位得分",
    en="scores of units",
    columns=(
        PERIOD,
        ORG,
        ORG_NAME,
        PEER_GROUP,
        decimal(
            "satisfaction_score",
            "群众满意度分",
            "satisfaction score",
            "群众满意度按本组锚点折算，0 至 100。",
            "Satisfaction on the anchors of its peer group, 0 to 100.",
        ),
        decimal(
            "visible_score",
            "显绩分",
            "visible score",
            "显绩两轨合成分。",
            "Both tracks of visible achievement together.",
        ),
        decimal(
            "latent_score", "潜绩分", "latent score", "潜绩两轨合成分。", "Both tracks of latent achievement together."
        ),
        decimal(
            "results_score",
            "工作实绩分",
            "results score",
            "显绩分与潜绩分的加权平均。",
            "Weighted mean of the visible and the latent score.",
        ),
        decimal(
            "list_score",
            "清单履职分",
            "list score",
            "经结果核验完成的清单事项比例乘 100。",
            "100 times the share of duty items fulfilled as verified by outcome.",
        ),
        count(
            "n_duties_verified",
            "已核验清单事项数",
            "duty items verified",
            "按结果核验过的清单事项数。",
            "Duty items that were verified by outcome.",
            nullable=True,
        ),
        count(
            "n_duties_fulfilled",
            "核实完成清单事项数",
            "duty items fulfilled",
            "核验确认完成的清单事项数。",
            "Duty items confirmed as fulfilled.",
            nullable=True,
        ),
        decimal(
            "process_score", "过程分", "process score", "过程指标的加权平均。", "Weighted mean of process indicators."
        ),
        decimal(
            "raw_score",
            "单位原始得分",
            "raw score",
            "各组成项的加权平均，缺项调权。",
            "Weighted mean of the parts, missing parts reweighted.",
        ),
        decimal(
            "differentiated_score",
            "差异化得分",
            "differentiated score",
            "按本组锚点、指标和权重计算的得分。",
            "Score by the anchors, indicators and weights of the own peer group.",
        ),
        _SE,
        _OBSERVED_WEIGHT,
        decimal("peer_mean", "组均值", "peer mean", "可比组内得分的平均数。", "Mean score of the peer group."),
        decimal("peer_median", "组中位数", "peer median", "可比组内得分的中位数。", "Median score of the peer group."),
        decimal(
            "percentile",
            "百分位",
            "percentile",
            "组内低于本单位的比例加同分的一半，0 至 100。",
            "Share of the group below, plus half of those equal, 0 to 100.",
        ),
        _RANK,
        _RANK_LOW,
        _RANK_HIGH,
        number(
            "p_within_quota",
            "进入名额的概率",
            "chance of a place in the quota",
            "真实名次在 A 等名额以内的概率。",
            "Probability that the true rank is within the quota of tier A.",
            decimals=2,
        ),
        _N_RANKED,
        number(
            "z",
            "标准分",
            "standard score",
            "相对收缩后组均值和标准差，限于正负 3。",
            "Against the shrunken mean and SD of the group, clipped at 3 either way.",
            decimals=2,
        ),
        REASON_CODES,
    ),
    key=("period_id", "org_id"),
)
"""One row per assessed unit."""

EFFECTIVE_WEIGHT = ResultTable(
    name="effective_weight",
    zh="名义权重与实际权重",
    en="nominal and effective weights",
    columns=(
        PERIOD,
        text("peer_group", "可比组", "peer group", "只在同一可比组内比较和排名。", "Subjects are compared inside it."),
        text("part", "组成项", "part", "得分的组成项。", "Part of the score."),
        decimal("weight", "名义权重", "nominal weight", "方案规定的权重。", "Weight in the scheme.", nullable=False),
        number(
            "effective_weight",
            "实际权重",
            "effective weight",
            "该项在总分方差中实际所占比例。",
            "Share of the variance of the score the part really carries.",
            decimals=3,
        ),
        count(
            "n_units",
            "单位数",
            "units",
            "各项齐全、参与计算的单位数。",
            "Units with every part, which it is taken from.",
        ),
    ),
    key=("period_id", "peer_group", "part"),
)
"""One row per peer group and part of the unit score."""

DEPARTMENT_INDICATOR = ResultTable(
    name="department_indicator",
    zh="部门指标得分",
    en="scores of departments by indicator",
    columns=(
        PERIOD,
        RATEE,
        ORG_NAME,
        PEER_GROUP,
        _INDICATOR,
        text("part", "组成部分", "part", "减负或响应。", "Burden or response."),
        decimal("weight", "权重", "weight", "在组成部分内的权重。", "Weight inside the part.", nullable=False),
        decimal("value", "考核期值", "value", "考核期内的指标值。", "Value of the indicator in the period."),
        _NUMERATOR,
        _DENOMINATOR,
        text(
            "baseline_period",
            "基期",
            "baseline period",
            "计算进步分的较早考核期。",
            "Earlier period improvement is measured from.",
            nullable=True,
        ),
        decimal(
            "baseline_value",
            "基期值",
            "baseline value",
            "本部门在基期的指标值。",
            "The department's own value in the baseline period.",
        ),
        decimal("minimum", "最低值", "minimum", "达到此值起得分，为 0 分。", "Worst value of the scale; earns 0."),
        decimal("floor", "底线值", "floor", "达到此值得 60 分。", "Earns 60."),
        decimal("achievement_threshold", "达标值", "achievement threshold", "达到此值得 75 分。", "Earns 75."),
        decimal("benchmark", "标杆值", "benchmark", "达到此值得 100 分。", "Earns 100."),
        decimal(
            "level",
            "水平分",
            "level",
            "现有水平得分，0 至 100。",
            "Points for where the department stands, 0 to 100.",
        ),
        decimal(
            "improvement",
            "进步分",
            "improvement points",
            "相对本部门基期的进步得分，0 至 90。",
            "Points for progress since the own baseline, 0 to 90.",
        ),
        decimal(
            "score100",
            "指标得分",
            "score",
            "水平分与进步分中较高者，0 至 100。",
            "The better of level and improvement, 0 to 100.",
        ),
        REASON_CODES,
    ),
    key=("period_id", "ratee_org_id", "indicator_id"),
)
"""One row per assessed department and indicator of its composite with a value in the period."""

DEPARTMENT_COMPOSITE = ResultTable(
    name="department_composite",
    zh="部门综合得分",
    en="department composites",
    columns=(
        PERIOD,
        RATEE,
        ORG_NAME,
        PEER_GROUP,
        decimal(
            "reverse_rating_score",
            "基层评分",
            "reverse rating",
            "基层评部门的得分，0 至 100。",
            "Score from the ratings of the grassroots, 0 to 100.",
        ),
        decimal(
            "burden_score",
            "减负得分",
            "burden score",
            "负担指标得分的加权平均，越少越好。",
            "Weighted mean of the burden indicators, fewer is better.",
        ),
        decimal(
            "response_score",
            "响应得分",
            "response score",
            "按时办理、确认解决等响应指标得分的加权平均。",
            "Weighted mean of the response indicators.",
        ),
        decimal(
            "composite_score",
            "综合得分",
            "composite",
            "三项的加权平均，缺项调权。",
            "Weighted mean of the three, missing parts reweighted.",
        ),
        _SE,
        _OBSERVED_WEIGHT,
        _RANK,
        _N_RANKED,
        REASON_CODES,
    ),
    key=("period_id", "ratee_org_id"),
)
"""One row per assessed department."""
