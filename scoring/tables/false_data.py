"""Signs of too-good data in reported values, for people to check."""

from __future__ import annotations

from scoring.tables.columns import PERIOD
from scoring.tables.declaration import ResultTable, count, number, text

FALSE_DATA_WATCH = ResultTable(
    name="false_data_watch",
    zh="数据失真观察",
    en="too-good data watch",
    columns=(
        PERIOD,
        text(
            "pattern_code",
            "迹象代码",
            "pattern",
            "迹象的代码，FAL-01 至 FAL-13。",
            "Code of the pattern, FAL-01 to FAL-13.",
        ),
        text(
            "subject_org_id",
            "责任单位编码",
            "subject id",
            "登记数据的部门或下达目标的单位，绝不是村或社区；* 表示没有任何数据。",
            "Who keeps the register or set the target, never a village or community; * when there are no facts.",
        ),
        text(
            "indicator_id",
            "指标",
            "indicator",
            "被检验的指标；* 表示该单位的全部指标。",
            "Indicator that was tested; * for all of the subject's.",
        ),
        text(
            "compared_with",
            "比较对象",
            "compared with",
            "可比组或独立来源；* 表示没有。",
            "Peer group or independent register; * where there is none.",
        ),
        text(
            "state",
            "检验结果",
            "state",
            "FLAGGED、NO_EVIDENCE、INSUFFICIENT_COUNTS、NOT_MEASURABLE、NOT_APPLICABLE 或 EXEMPT；"
            "NO_EVIDENCE 不等于数据属实。",
            "FLAGGED, NO_EVIDENCE, INSUFFICIENT_COUNTS, NOT_MEASURABLE, NOT_APPLICABLE or EXEMPT; "
            "NO_EVIDENCE does not mean that the data are sound.",
        ),
        count("n", "检查数", "examined", "被检查的数量。", "How many were looked at.", nullable=True),
        count("n_min", "最少数量", "needed", "检验所需的最少数量。", "How many the test needs.", nullable=True),
        count("n_found", "发现数", "found", "带有该迹象的数量。", "How many carry the sign.", nullable=True),
        number("statistic", "统计量", "statistic", "检验的统计量。", "Statistic of the test.", decimals=3),
        number(
            "expected",
            "预期值",
            "expected",
            "数据属实时统计量的预期值。",
            "What the statistic would be in honest data.",
            decimals=3,
        ),
        number("size", "幅度", "size", "偏离的幅度。", "How large the departure is.", decimals=3),
        number(
            "size_low", "幅度下限", "size, low", "幅度的 95% 区间下限。", "Lower end of its 95% interval.", decimals=3
        ),
        number(
            "size_high", "幅度上限", "size, high", "幅度的 95% 区间上限。", "Upper end of its 95% interval.", decimals=3
        ),
        number("p_value", "P 值", "p-value", "单个检验的 P 值。", "P-value of the single test.", decimals=4),
        number(
            "q_value",
            "Q 值",
            "q-value",
            "同一迹象、同一考核期内各检验的错误发现率。",
            "False discovery rate among the tests of one pattern and period.",
            decimals=4,
        ),
        number("alpha", "检验水平", "alpha", "单个检验的水平。", "Size of the single test.", decimals=4),
        count(
            "n_patterns",
            "独立迹象数",
            "independent patterns",
            "该责任单位本期出现的互相独立的迹象数。",
            "Independent patterns flagged for the subject in the period.",
        ),
        count(
            "n_failed_checks",
            "核验不符数",
            "failed checks",
            "本期与该检验有关的核验不符的数据条数。",
            "Facts of the test that failed a check on the spot in the period.",
        ),
        text(
            "next_step",
            "下一步",
            "next step",
            "none：无；verify：进入核验抽样；explain：可以请责任单位说明。",
            "none; verify: units go to the verification draw; explain: the subject may be asked to explain.",
        ),
        text("evidence", "依据", "evidence", "简短的计数依据。", "The counts in short.", nullable=True),
        text(
            "missing_columns",
            "缺少的数据",
            "missing",
            "无法检验时所缺的字段或数据，以分号连接。",
            "Columns or data that are missing where nothing could be tested, joined by semicolons.",
            nullable=True,
        ),
    ),
    key=("period_id", "pattern_code", "subject_org_id", "indicator_id", "compared_with"),
)
"""One row per test that was or could not be carried out. No row changes a score."""
