"""Signs of manipulation, for people to check."""

from __future__ import annotations

from scoring.tables.columns import PERIOD, REASON_CODES
from scoring.tables.declaration import ResultTable, count, number, text

ANOMALY = ResultTable(
    name="anomaly_flag",
    zh="异常提示",
    en="anomaly flags",
    columns=(
        PERIOD,
        text(
            "subject_kind",
            "对象类别",
            "subject kind",
            "department（部门）、unit（基层单位）或 programme（整个考核）。",
            "department, unit or programme (the whole assessment).",
        ),
        text(
            "org_id",
            "机构编码",
            "organisation id",
            "部门或基层单位的机构编码；整个考核为 *。",
            "Organisation id of the department or unit; * for the whole assessment.",
        ),
        text(
            "flag",
            "异常提示",
            "flag",
            "提示的类别；any 行给出去除被提示评分票后的得分。",
            "Kind of sign; the row any gives the score without the flagged ballots.",
        ),
        count(
            "n_flagged",
            "提示数",
            "flagged",
            "被提示的评分人、部门单位对或评分票的数量；过小则隐去。",
            "Flagged raters, pairs or ballots; hidden when small.",
            nullable=True,
        ),
        count(
            "n_examined",
            "检查数",
            "examined",
            "被检查的数量。",
            "How many were examined.",
            nullable=True,
        ),
        number("statistic", "统计量", "statistic", "检验的统计量。", "Statistic of the test.", decimals=2),
        number(
            "threshold",
            "界限",
            "threshold",
            "超过即提示的界限：错误发现率、分界值或人数。",
            "Limit beyond which it is flagged: false discovery rate, cut or count.",
            decimals=2,
        ),
        number(
            "p_value",
            "P 值",
            "p-value",
            "单个检验的 P 值，已按单位内部的检查次数校正。",
            "P-value of the single test, corrected for what was looked at inside the unit.",
            decimals=4,
        ),
        text(
            "evidence",
            "依据",
            "evidence",
            "简短的计数依据，不含任何评分人。",
            "The counts in short; never a rater.",
            nullable=True,
        ),
        number(
            "score_without",
            "去除后得分",
            "score without",
            "去除被提示评分票后重新估计的收缩估计分。",
            "Shrunken score refitted without the flagged ballots.",
            decimals=1,
        ),
        number(
            "score_difference",
            "得分差",
            "score difference",
            "公布得分减去去除后得分。",
            "Published score minus score without.",
            decimals=1,
        ),
        REASON_CODES,
    ),
    key=("period_id", "subject_kind", "org_id", "flag"),
)
"""One row per subject and flag raised, and one row ``any`` per scored department."""
