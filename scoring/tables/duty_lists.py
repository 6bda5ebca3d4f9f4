"""What is wrong with the duty lists, and what units were asked that is on no list of theirs."""

from __future__ import annotations

from scoring.tables.columns import ORG, PERIOD
from scoring.tables.declaration import ResultTable, count, text

DUTY_LIST_PROBLEM = ResultTable(
    name="duty_list_problem",
    zh="清单问题",
    en="problems of duty lists",
    columns=(
        PERIOD,
        text("rule", "规则", "rule", "DL-01 至 DL-14。", "DL-01 to DL-14."),
        text("level", "级别", "level", "critical 严重、warning 警告、info 提示。", "critical, warning or info."),
        text("list_id", "清单编号", "duty list", "清单的编号；* 表示不在任何清单上。", "The duty list; * is none."),
        text("list_version", "清单版本", "list version", "清单的版本。", "Version of the list; * is none."),
        text(
            "duty_id",
            "履职事项编号",
            "duty item",
            "出现问题的事项；* 表示整个清单。",
            "The item the problem is about; * is the whole list.",
        ),
        text("detail", "具体情况", "detail", "违反规则的数值。", "The values that broke the rule."),
    ),
    key=("period_id", "rule", "list_id", "list_version", "duty_id", "detail"),
)
"""One row per problem."""

OFF_LIST_TASK = ResultTable(
    name="off_list_task",
    zh="清单外任务",
    en="off-list tasks",
    columns=(
        PERIOD,
        ORG,
        text(
            "subject_org_id",
            "派发单位编码",
            "sender",
            "任务计入的派发单位。",
            "The organisation the task is charged to.",
        ),
        text(
            "duty_id",
            "履职事项编号",
            "duty item",
            "任务所写的事项；* 表示没有写明。",
            "The item the task names; * is none.",
        ),
        text(
            "why",
            "可以拒绝的理由",
            "ground to decline",
            "names_nothing 没有事项和准入、not_on_list 不在清单上、reclaimed 上级已收回、forbidden 不应承担或出具、"
            "wrong_role 超出角色、admission_unknown 准入编号不存在、admission_not_in_force 准入未在有效期内、"
            "admission_out_of_scope 准入不适用于本单位。",
            "names_nothing, not_on_list, reclaimed, forbidden, wrong_role, admission_unknown, admission_not_in_force "
            "or admission_out_of_scope.",
        ),
        text(
            "lead_org_id",
            "牵头部门编码",
            "lead department",
            "已由上级收回或应由上级承担的事项，应当承担的部门。",
            "For a reclaimed or forbidden item, the department that has to do it.",
            nullable=True,
        ),
        text(
            "burden_kinds",
            "负担类别",
            "kinds",
            "任务的负担类别，以分号分隔。",
            "Kinds of burden of the tasks, separated by semicolons.",
        ),
        count("n_rows", "记录数", "rows", "负担记录数。", "Burden facts."),
        text("first_day", "最早日期", "first day", "最早一项的日期。", "Day of the earliest."),
        text("last_day", "最晚日期", "last day", "最晚一项的日期。", "Day of the latest."),
        text(
            "evidence_refs",
            "佐证编号",
            "evidence",
            "派发单位登记或平台日志中的来源编号，最多二十个，以分号分隔；本单位自己登记的不列出。",
            "Up to twenty source references from the issuer's register or a platform's log, separated by semicolons; "
            "what the unit itself reported is counted and not listed.",
            nullable=True,
        ),
    ),
    key=("period_id", "org_id", "subject_org_id", "duty_id", "why"),
)
"""One row per unit, sender, item and ground: what the unit may decline. For the unit and the programme office: a
department sees its own off-list tasks only in sums over enough units."""
