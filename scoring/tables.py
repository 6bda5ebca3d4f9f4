"""The tables the method puts out, declared once.

The warehouse tables, the audit suite and the workbook are generated from these declarations. Floats
in a result are stored rounded half-even to ``STORED_DECIMALS``; ``ResultColumn.decimals`` is the
coarser rounding a value gets before it reaches a page or a workbook.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import polars as pl

STORED_DECIMALS = 6
"""Decimal places every float of a result is rounded to, half to even, once and at the end."""


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
        Reason("NO_PEER_GROUP", "没有可比组，不参加排名", "no peer group, so there is no rank"),
        Reason("SUPPRESSED_SMALL_N", "参评人数或单位数不足，不予公布", "too few raters or units to be published"),
        Reason(
            "NO_ANCHORS",
            "考核方案没有该指标的锚点，不计分",
            "the scheme has no anchors for this indicator, so no points",
        ),
        Reason("NO_BASELINE", "没有基期值，不计进步分", "no baseline value, so no improvement points"),
        Reason("ZERO_SPREAD", "达标值与标杆值之间没有差距", "the threshold and the benchmark leave no spread"),
        Reason("NO_ANSWERS", "没有有效回答", "no valid answer"),
    )
}
"""Every reason code, in the order codes are joined in a ``reason_codes`` column."""


@dataclass(frozen=True)
class ResultColumn:
    """One column of a result.

    ``decimals`` is the number of decimal places shown to people (None for text and whole numbers).
    ``nullable`` columns may be empty; the ``reason_codes`` of the row then say why.
    """

    name: str
    dtype: pl.DataType
    zh: str
    en: str
    description_zh: str
    description_en: str
    decimals: int | None = None
    nullable: bool = False


@dataclass(frozen=True)
class ResultTable:
    """One result: its columns in order and the columns that identify a row (rows are sorted by them)."""

    name: str
    zh: str
    en: str
    columns: tuple[ResultColumn, ...]
    key: tuple[str, ...]

    @property
    def schema(self) -> dict[str, pl.DataType]:
        """Column name to Polars type, in column order."""
        return {column.name: column.dtype for column in self.columns}

    def column(self, name: str) -> ResultColumn:
        """The column called ``name``; KeyError when there is none."""
        for column in self.columns:
            if column.name == name:
                return column
        raise KeyError(f"{self.name} has no column {name}")

    def conform(self, frame: pl.DataFrame) -> pl.DataFrame:
        """The frame with exactly the declared columns and types, floats rounded, sorted by the key.

        Raises:
            polars.exceptions.PolarsError: A column is missing or cannot be cast.
            ValueError: Two rows have the same key.
        """
        floats = [column.name for column in self.columns if column.dtype == pl.Float64()]
        result = (
            frame.select(pl.col(name).cast(dtype) for name, dtype in self.schema.items())
            .with_columns(_rounded(name) for name in floats)
            .sort(self.key)
        )
        if result.select(self.key).is_duplicated().any():
            raise ValueError(f"{self.name}: two rows have the same {', '.join(self.key)}")
        return result


def _rounded(name: str) -> pl.Expr:
    rounded = pl.col(name).round(STORED_DECIMALS, mode="half_to_even")
    # A rounded -0.0 equals 0.0 but prints and hashes differently.
    return pl.when(rounded == 0.0).then(0.0).otherwise(rounded).alias(name)


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


def _text(name: str, zh: str, en: str, about_zh: str, about_en: str, *, nullable: bool = False) -> ResultColumn:
    return ResultColumn(name, pl.String(), zh, en, about_zh, about_en, nullable=nullable)


def _count(name: str, zh: str, en: str, about_zh: str, about_en: str, *, nullable: bool = False) -> ResultColumn:
    return ResultColumn(name, pl.Int64(), zh, en, about_zh, about_en, nullable=nullable)


def _number(name: str, zh: str, en: str, about_zh: str, about_en: str, *, decimals: int) -> ResultColumn:
    return ResultColumn(name, pl.Float64(), zh, en, about_zh, about_en, decimals=decimals, nullable=True)


def _decimal(name: str, zh: str, en: str, about_zh: str, about_en: str, *, nullable: bool = True) -> ResultColumn:
    return ResultColumn(name, pl.Decimal(18, 6), zh, en, about_zh, about_en, decimals=6, nullable=nullable)


_PERIOD = _text("period_id", "考核期", "period", "评分或事实所属的考核期。", "Period the ratings or facts belong to.")
_RATEE = _text(
    "ratee_org_id", "被评部门编码", "ratee id", "被评部门的机构编码。", "Organisation id of the rated department."
)
_ORG = _text("org_id", "机构编码", "organisation id", "被考核单位的机构编码。", "Organisation id of the assessed unit.")
_ORG_NAME = _text(
    "org_name",
    "机构名称",
    "organisation",
    "该考核期内的机构名称。",
    "Name of the organisation in the period.",
    nullable=True,
)
_PEER_GROUP = _text(
    "peer_group",
    "可比组",
    "peer group",
    "只在同一可比组内比较和排名。",
    "Subjects are compared and ranked only inside it.",
    nullable=True,
)
_INSTRUMENT = _text(
    "instrument_id", "测评表", "instrument", "题项所在的测评表或问卷。", "Instrument the item is part of."
)
_ITEM = _text("item_id", "题项", "item", "测评表中的题项编号。", "Item of the instrument.")
_DIMENSION = _text(
    "dimension", "维度", "dimension", "题项所属的维度。", "Dimension the item belongs to.", nullable=True
)
_REASONS = _text(
    "reason_codes",
    "原因代码",
    "reason codes",
    "缺少分数或名次的原因，多个以分号连接；为空表示没有。",
    "Why a value or rank is missing, joined by semicolons; empty when nothing is.",
    nullable=True,
)

DEPARTMENT_SCORE = ResultTable(
    name="department_score",
    zh="部门评分",
    en="department scores",
    columns=(
        _PERIOD,
        _RATEE,
        _ORG_NAME,
        _PEER_GROUP,
        _number(
            "score_raw_mean",
            "原始均分",
            "raw mean",
            "有效评分票的加权平均，0 至 100，未校正宽严。",
            "Weighted mean of the valid ballots, 0 to 100, severity not removed.",
            decimals=1,
        ),
        _number(
            "score_shrunken",
            "收缩估计分",
            "shrunken score",
            "去除评分人宽严、按可靠程度向组均值收缩后的得分，0 至 100。",
            "Score with rater severity removed, shrunken toward the group mean by its reliability, 0 to 100.",
            decimals=1,
        ),
        _number(
            "effect", "部门效应", "department effect", "得分减去总体平均。", "Score minus the overall mean.", decimals=1
        ),
        _number(
            "conditional_sd",
            "条件标准差",
            "conditional SD",
            "给定数据和总体平均时部门效应的标准差。",
            "Standard deviation of the effect given the data and the overall mean.",
            decimals=2,
        ),
        _number(
            "se",
            "标准误",
            "standard error",
            "得分误差的标准差。",
            "Standard deviation of the error of the score.",
            decimals=2,
        ),
        _number("ci_low", "区间下限", "interval low", "95% 区间的下限。", "Lower end of the 95% interval.", decimals=1),
        _number(
            "ci_high", "区间上限", "interval high", "95% 区间的上限。", "Upper end of the 95% interval.", decimals=1
        ),
        _number(
            "reliability",
            "信度",
            "reliability",
            "1 减去条件方差与部门间方差之比。",
            "One minus conditional variance over between-department variance.",
            decimals=2,
        ),
        _count("n_raters", "评分人数", "raters", "投出有效评分票的评分人数。", "Raters with a valid ballot."),
        _count(
            "n_units", "评分单位数", "units", "投出有效评分票的基层单位数。", "Grassroots units with a valid ballot."
        ),
        _count("n_ballots", "有效评分票数", "ballots", "有效评分票数。", "Valid ballots."),
        _number(
            "max_unit_share",
            "最大单位占比",
            "largest unit share",
            "占权重最多的一个基层单位的权重占比。",
            "Share of the weight held by the grassroots unit with most of it.",
            decimals=2,
        ),
        _number(
            "dk_share",
            "不了解占比",
            "don't-know share",
            "不了解与无往来占已作答、不了解与无往来之和的比例。",
            "Don't know and no contact over answered, don't know and no contact.",
            decimals=2,
        ),
        _count(
            "component",
            "连通部分",
            "component",
            "由共同评分人相连的部门属于同一部分，从 1 编号。",
            "Departments joined by common raters share a component, numbered from 1.",
            nullable=True,
        ),
        _count(
            "rank",
            "名次",
            "rank",
            "可比组内名次，同分同名次。",
            "Rank inside the peer group; equal scores share it.",
            nullable=True,
        ),
        _REASONS,
    ),
    key=("period_id", "ratee_org_id"),
)
"""One row per assessed department."""

DEPARTMENT_ITEM = ResultTable(
    name="department_item",
    zh="部门分题项结果",
    en="department results by item",
    columns=(
        _PERIOD,
        _RATEE,
        _ORG_NAME,
        _PEER_GROUP,
        _INSTRUMENT,
        _ITEM,
        _DIMENSION,
        _count("n_answered", "作答数", "answered", "给出分值的评分数。", "Ratings with a score."),
        _count(
            "n_dont_know", "不了解数", "don't know", "不了解与无往来的评分数。", "Ratings of don't know or no contact."
        ),
        _count(
            "n_other",
            "其他未评分数",
            "other",
            "不适用、跳过、拒答的评分数。",
            "Ratings not applicable, skipped or refused.",
        ),
        _number(
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

UNIT_POINTS = ResultTable(
    name="unit_points",
    zh="单位指标得分",
    en="points of units by indicator",
    columns=(
        _PERIOD,
        _ORG,
        _ORG_NAME,
        _PEER_GROUP,
        _text("indicator_id", "指标", "indicator", "指标编号。", "Indicator."),
        _decimal(
            "value", "考核期值", "value", "考核期内的指标值。", "Value of the indicator in the period.", nullable=False
        ),
        _text(
            "baseline_period",
            "基期",
            "baseline period",
            "计算进步分的较早考核期。",
            "Earlier period improvement is measured from.",
            nullable=True,
        ),
        _decimal(
            "baseline_value",
            "基期值",
            "baseline value",
            "本单位在基期的指标值。",
            "The unit's own value in the baseline period.",
        ),
        _decimal(
            "achievement_threshold",
            "达标值",
            "achievement threshold",
            "低于此值水平分为 0。",
            "Below it achievement earns 0.",
        ),
        _decimal("benchmark", "标杆值", "benchmark", "达到此值水平分为 10。", "From it on achievement earns 10."),
        _count(
            "achievement",
            "水平分",
            "achievement points",
            "现有水平得分，0 至 10。",
            "Points for where the unit stands, 0 to 10.",
            nullable=True,
        ),
        _count(
            "improvement",
            "进步分",
            "improvement points",
            "相对本单位基期的进步得分，0 至 9。",
            "Points for progress since the own baseline, 0 to 9.",
            nullable=True,
        ),
        _count(
            "points",
            "指标得分",
            "points",
            "水平分与进步分中较高者。",
            "The better of achievement and improvement.",
            nullable=True,
        ),
        _REASONS,
    ),
    key=("period_id", "org_id", "indicator_id"),
)
"""One row per unit and indicator with a value in the period."""

SATISFACTION_MEAN = ResultTable(
    name="satisfaction_mean",
    zh="群众满意度",
    en="satisfaction means",
    columns=(
        _PERIOD,
        _ORG,
        _ORG_NAME,
        _PEER_GROUP,
        _INSTRUMENT,
        _ITEM,
        _DIMENSION,
        _count("n_answered", "作答数", "answered", "给出分值的回答数。", "Answers with a score."),
        _count(
            "n_dont_know", "不了解数", "don't know", "不了解与无往来的回答数。", "Answers of don't know or no contact."
        ),
        _count(
            "n_other",
            "其他未作答数",
            "other",
            "不适用、跳过、拒答的回答数。",
            "Answers not applicable, skipped or refused.",
        ),
        _decimal(
            "sum_score",
            "分值合计",
            "sum of scores",
            "原量表分值之和。",
            "Sum of scores on the item's own scale.",
            nullable=False,
        ),
        _number(
            "mean_score",
            "均分（原量表）",
            "mean on the item's scale",
            "原量表上的平均分。",
            "Mean on the item's own scale.",
            decimals=2,
        ),
        _number(
            "mean_0_100",
            "均分（百分制）",
            "mean, 0 to 100",
            "换算到 0 至 100 后的平均分。",
            "Mean after rescaling to 0 to 100.",
            decimals=1,
        ),
        _number(
            "mean_weighted",
            "加权均分（原量表）",
            "weighted mean",
            "按调查权重的平均分，原量表。",
            "Mean by survey weight, on the item's own scale.",
            decimals=2,
        ),
        _number(
            "mean_weighted_0_100",
            "加权均分（百分制）",
            "weighted mean, 0 to 100",
            "按调查权重的平均分，0 至 100。",
            "Mean by survey weight, 0 to 100.",
            decimals=1,
        ),
        _REASONS,
    ),
    key=("period_id", "org_id", "instrument_id", "item_id"),
)
"""One row per organisation and item of a satisfaction survey."""

RESULT_TABLES: Mapping[str, ResultTable] = {
    table.name: table for table in (DEPARTMENT_SCORE, DEPARTMENT_ITEM, UNIT_POINTS, SATISFACTION_MEAN)
}
"""Every result table by name."""
