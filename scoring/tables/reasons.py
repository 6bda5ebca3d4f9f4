"""Why a value is missing or a subject carries no rank: every reason code, once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import polars as pl


@dataclass(frozen=True)
class Reason:
    """Why a value is missing or a subject carries no rank."""

    code: str
    zh: str
    en: str


REASONS: Mapping[str, Reason] = {
    reason.code: reason
    for reason in (
        Reason("NO_RATINGS", "没有有效评分", "no valid rating"),
        Reason("LOW_CONTACT", "“不了解”超过规定比例，不参加排名", "too many don't-know answers to be ranked"),
        Reason("ZERO_VARIANCE", "所有评分完全相同，不参加排名", "all ratings are identical, so there is no rank"),
        Reason(
            "NOT_DISTINGUISHABLE",
            "各部门之间没有可分辨的差别，不参加排名",
            "the departments cannot be told apart, so there is no rank",
        ),
        Reason(
            "PERFECT_FIT",
            "评分之间没有剩余差异，无法估计误差，不参加排名",
            "no residual spread, so no error estimate and no rank",
        ),
        Reason(
            "DISCONNECTED",
            "同组部门没有共同评分人，只在相连部分内排名",
            "no common raters with part of the group; ranked inside its connected part",
        ),
        Reason(
            "NO_ERROR_ESTIMATE",
            "部门过多，只作近似求解，得分没有误差估计，不参加排名",
            "too many departments for an exact fit, so no error estimate and no rank",
        ),
        Reason(
            "INSUFFICIENT_RELIABILITY",
            "信度不足，不显示得分，不参加排名",
            "reliability too low for a score to be shown or ranked",
        ),
        Reason("NO_PEER_GROUP", "没有可比组，不参加排名", "no peer group, so there is no rank"),
        Reason("SUPPRESSED_SMALL_N", "参评人数或单位数不足，不予公布", "too few raters or units to be published"),
        Reason(
            "NO_ANCHORS",
            "考核方案没有该指标的锚点，不计分",
            "the scheme has no anchors for this indicator, so no points",
        ),
        Reason("NO_BASELINE", "没有基期值，不计进步分", "no baseline value, so no improvement points"),
        Reason("ZERO_SPREAD", "相邻锚点之间没有差距", "neighbouring anchors leave no spread between them"),
        Reason("NO_ANSWERS", "没有有效回答", "no valid answer"),
        Reason("NO_VALUE", "没有该指标的事实", "no value was reported for the indicator"),
        Reason(
            "TOO_FEW_CASES", "案例数为零或少于规定的最少案例数，不计分", "no cases, or fewer than the required minimum"
        ),
        Reason("NO_DISCRIMINATION", "组内各单位均为满分，该指标没有区分度", "the whole group is at full points"),
        Reason(
            "REPORT_ONLY", "新指标首个考核期只报告，不计分", "new indicator: reported in its first period, not scored"
        ),
        Reason(
            "UNIT_CHANGED", "单位在考核期内新设或合并，不计进步分", "created or merged in the period, so no improvement"
        ),
        Reason(
            "MISSING_YEAR",
            "三年窗口缺少年份，已按其余年份调权",
            "a year of the window is missing; the others reweighted",
        ),
        Reason("TOO_FEW_YEARS", "三年窗口内可用年份不足，不计分", "too few years of the window to be scored"),
        Reason(
            "MISSING_TRACK", "质量轨或数量轨缺失，另一轨封顶计入", "one track is missing; the other counts up to a cap"
        ),
        Reason("MISSING_VISIBLE", "没有显绩得分", "no score for visible achievement"),
        Reason("MISSING_LATENT", "没有潜绩得分，已按显绩调权", "no score for latent achievement; visible reweighted"),
        Reason("MISSING_PART", "部分组成项缺失，已按其余项调权", "a part is missing; the others are reweighted"),
        Reason("LOW_COVERAGE", "可用权重不足，不计分", "too little of the weight is observed to be scored"),
        Reason("TOO_FEW_PARTS", "可用组成项太少，不计分", "too few parts are observed to be scored"),
        Reason("NO_SATISFACTION", "没有群众满意度得分", "no satisfaction score"),
        Reason("NO_SPREAD", "组内得分没有差异，标准分记为 0", "no spread of scores, so the standard score is 0"),
        Reason("NO_SCORE", "没有得分，不定等次", "no score, so no tier"),
        Reason("OUTSIDE_QUOTA", "达到 A 等分数但不在名额之内", "scored for tier A, but outside its quota"),
        Reason(
            "RANK_NOT_CERTAIN",
            "真实名次在名额之内的概率不足，不定 A 等",
            "the true rank is too unlikely to be within the quota for tier A",
        ),
        Reason(
            "RANK_PROBABILITY_UNKNOWN",
            "没有名次概率，A 等只按名次确定",
            "no probability of the rank, so the rank alone decided on tier A",
        ),
        Reason(
            "POOLED_PERIODS",
            "应答人数少，名次概率按最近几个考核期合并计算",
            "few respondents: the probability of the rank pools the last periods",
        ),
        Reason("CAPPED_NO_SATISFACTION", "没有群众满意度，等次限档", "tier capped, because there is no satisfaction"),
        Reason("CAPPED_RED_LINE", "触碰授权红线，等次限档", "tier capped by an authorised red line"),
        Reason("MEDIAN_FACTOR", "没有得分，奖金按组内中位系数计", "no score: paid by the median factor of the group"),
        Reason("NO_MEDIAN", "组内没有任何得分，奖金留作预留", "nobody in the group has a score; the pool is kept back"),
        Reason("CAP_BINDS", "奖金已达封顶额", "the payment is at its cap"),
        Reason("NO_BONUS_RED_LINE", "触碰授权红线，不发放奖金", "no bonus, because of an authorised red line"),
        Reason("RESERVE_EXHAUSTED", "预留不足，申诉补发未能全额", "the reserve did not cover the whole extra payment"),
        Reason("ALREADY_HIGHER", "原值不低于保底分，不作调整", "already at or above the floor, so unchanged"),
        Reason("NOTHING_TO_ADJUST", "没有可调整的数值", "there is no value to adjust"),
        Reason("NO_DECISION_DOCUMENT", "没有结论文号，未采用", "no decision document, so not applied"),
        Reason("EXEMPTION_ON_RED_LINE", "红线事项不得容错免责", "red lines cannot be exempted"),
        Reason("EXEMPTION_ON_FALSIFIED_DATA", "弄虚作假的数据不得容错免责", "falsified data cannot be exempted"),
        Reason("EXEMPTION_LEVEL_UNKNOWN", "容错保底分不在方案规定之内", "not one of the scheme's exemption floors"),
        Reason("GROUND_NOT_LISTED", "申诉理由不在规定清单之内", "the ground is not on the closed list of appeals"),
        Reason("FILED_TOO_LATE", "超过申诉期限", "filed after the appeal window"),
        Reason("NOT_ASSESSED", "不在本期被考核名册内", "not assessed in this period"),
        Reason("EXCLUDED", "经认定不纳入", "excluded by decision"),
        Reason("OWN_DEPARTMENT", "不得给本单位评分", "no rating of one's own organisation"),
        Reason("NOT_IN_FRAME", "名册不许可这一对单位评分", "the frame does not let this unit rate this department"),
        Reason("NOT_A_RATER", "评分人不在该单位名册内", "the rater is not in the frame of the unit"),
        Reason("NO_DEALINGS", "本期与该部门没有往来", "no dealings with the department in the period"),
        Reason("REPLACED", "该部门已由其他机构承接，评分不转入", "the department was replaced in the period"),
        Reason(
            "BALLOTS_OVER_ROSTER",
            "评分人数超过参评名册人数，须先查明",
            "more raters than the frame has; to be cleared up first",
        ),
        Reason(
            "WITHHELD_UNANIMOUS",
            "一致意见的数量会泄露个人评分，不予公布",
            "how often a unit was of one mind would tell its raters' answers; withheld",
        ),
        Reason("SMALL_SAMPLE", "受访人数较少，误差较大", "few respondents, so the error is large"),
        Reason("NOT_SHRUNKEN", "没有可参照的同组单位，未作收缩", "no peers to compare with, so not shrunken"),
        Reason(
            "MEANS_NOT_DISTINGUISHABLE",
            "同组各单位的满意度没有可分辨的差别，都取组均值",
            "the means of the group cannot be told apart, so each is the mean of the group",
        ),
        Reason(
            "NO_ELIGIBLE_COUNT", "应答对象人数不明，没有应答率", "people who could answer unknown, so no response rate"
        ),
        Reason(
            "MORE_ANSWERS_THAN_ELIGIBLE",
            "受访人数多于应答对象人数，没有应答率",
            "more respondents than people who could answer, so no response rate",
        ),
        Reason(
            "SUPPRESSED_DIFFERENCE",
            "与已公布的数据相减会暴露少数评分人，不予公布",
            "subtracting it from what is published would single out a few raters; not published",
        ),
        Reason(
            "ADDER_REFUSED",
            "加分项不在清单、没有分值或依据，或单位不在考核之列，不予加分",
            "the adder is not listed, has no points or evidence, or its unit is not assessed: nothing is added",
        ),
        Reason(
            "KEY_CONTRADICTS",
            "业务键写的单位与申报单位不一致，不予调整",
            "the key names another organisation than the row: nothing is adjusted",
        ),
        Reason(
            "VALUE_OUT_OF_RANGE",
            "认定值超出该指标的取值范围，不予采用",
            "the decided value is outside the range of the indicator: it is not used",
        ),
        Reason(
            "EXCLUSION_INCOMPLETE",
            "剔除决定没有写明评分单位、决定机关或文号，不予剔除",
            "the exclusion names no unit, nobody who decided or no document: nothing is taken out",
        ),
        Reason(
            "NOT_MEASURABLE",
            "缺少所需数据，无法计量",
            "the data it needs are absent, so it cannot be measured",
        ),
        Reason(
            "FEW_BEARERS",
            "涉及的承担单位不足，只报项目办公室，不告知部门",
            "too few bearing units: it goes to the program office, not to the department",
        ),
        Reason(
            "NO_EVENTS_TO_REVIEW",
            "没有须作一致性评估的文件或任务",
            "no document or task needed a consistency review",
        ),
        Reason(
            "TOO_FEW_ROWS_TO_MATCH",
            "登记数太少，不能判断登记是否可信",
            "too few rows to say whether the register can be trusted",
        ),
        Reason(
            "NO_STAFF_FIGURE",
            "没有工作人员数",
            "no number of staff was delivered",
        ),
        Reason(
            "NO_URBAN_POPULATION",
            "没有城镇常住人口数",
            "no urban resident population was delivered",
        ),
        Reason(
            "NOTHING_VERIFIED",
            "抽中的数据尚无核验结果",
            "nothing that was drawn has been verified yet",
        ),
    )
}
"""Every reason code, in the order codes are joined in a ``reason_codes`` column."""


def join_reasons(conditions: Mapping[str, pl.Expr]) -> pl.Expr:
    """The codes whose condition holds, in the order of ``REASONS``, joined by ``;`` (null when none).

    Raises:
        KeyError: A code is not declared in ``REASONS``.
    """
    unknown: Sequence[str] = [code for code in conditions if code not in REASONS]
    if unknown:
        raise KeyError(f"undeclared reason codes: {', '.join(unknown)}")
    codes = [
        pl.when(conditions[code].fill_null(value=False)).then(pl.lit(code)) for code in REASONS if code in conditions
    ]
    joined = pl.concat_str(codes, separator=";", ignore_nulls=True)
    return pl.when(joined != "").then(joined).alias("reason_codes")


def merged_reasons(*columns: str) -> pl.Expr:
    """The reason codes of several columns together, each once, in the order of ``REASONS`` (null when none)."""
    codes, places = list(REASONS), list(range(len(REASONS)))
    lists = pl.concat_list([pl.col(column).fill_null("").str.split(";") for column in columns])
    place = pl.element().replace_strict(codes, places, default=None, return_dtype=pl.Int64)
    ordered = place.drop_nulls().unique().sort().replace_strict(places, codes, return_dtype=pl.String)
    joined = lists.list.eval(ordered).list.join(";")
    return pl.when(joined != "").then(joined).alias("reason_codes")
