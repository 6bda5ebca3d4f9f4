"""What the rules of the recognised forms found."""

from __future__ import annotations

from scoring.tables.columns import PERIOD, REASON_CODES
from scoring.tables.declaration import ResultTable, count, number, text

BURDEN_FLAG = ResultTable(
    name="burden_flag",
    zh="形式主义表现",
    en="burden flags",
    columns=(
        PERIOD,
        text("form_code", "表现代码", "form", "形式主义表现目录中的代码。", "Code of the form in the catalogue."),
        text(
            "subject_org_id",
            "责任单位编码",
            "subject id",
            "所计入的单位，从不是村或社区；整个登记为 *。",
            "Organisation it counts against, never a village or community; * for the whole register.",
        ),
        text(
            "result_type",
            "结果类别",
            "result type",
            "load（负担量）、breach（违规）、watch（观察）或 not_measurable（无法计量）；观察从不影响得分。",
            "load, breach, watch or not_measurable; a watch never changes a score.",
        ),
        text(
            "param_id",
            "参数",
            "parameter",
            "所对照的参数或规则的分项；没有则为 *。",
            "Parameter or part of the rule it is held against; * where there is none.",
        ),
        count("n", "发现数", "found", "发现的事项数。", "How many were found.", nullable=True),
        count("denominator", "检查数", "examined", "被检查的事项数。", "How many were examined.", nullable=True),
        number(
            "value",
            "数值",
            "value",
            "份额、比率、最大值或数量；无法计量时为空，从不为零。",
            "A share, ratio, maximum or amount; empty, never zero, when it cannot be measured.",
            decimals=4,
        ),
        number("threshold", "界限", "threshold", "所对照的数值。", "What the value is held against.", decimals=4),
        count(
            "n_bearers",
            "承担单位数",
            "bearing units",
            "涉及的承担单位数。",
            "Bearing units concerned.",
            nullable=True,
        ),
        text(
            "evidence_refs",
            "依据编号",
            "evidence",
            "来源编号，以分号连接，至多二十个；承担单位反映的不列出。",
            "Source references, joined by semicolons, twenty at most; never those bearers reported.",
            nullable=True,
        ),
        text(
            "missing_columns",
            "缺少的数据",
            "what is missing",
            "无法计量时缺少的栏目、数据集或清单，以分号连接；以 | 隔开的有其一即可。",
            "Columns, datasets or lists that are missing, joined by semicolons; of those joined by | one is enough.",
            nullable=True,
        ),
        REASON_CODES,
    ),
    key=("period_id", "form_code", "subject_org_id", "result_type", "param_id"),
)
"""One row per period, form, subject, result type and parameter."""
