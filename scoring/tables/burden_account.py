"""What was laid on the grassroots, by whom, on whom and of which kind, and how complete the registers are."""

from __future__ import annotations

import polars as pl

from scoring.tables.columns import PERIOD
from scoring.tables.declaration import ResultColumn, ResultTable, count, number, text


def _yes_no(name: str, zh: str, en: str, about_zh: str, about_en: str) -> ResultColumn:
    return ResultColumn(name, pl.Boolean(), zh, en, about_zh, about_en)


_SHOWN = _yes_no(
    "shown_to_department",
    "可向部门展示",
    "shown to the department",
    "含承担单位、监测点或热线登记的行时，涉及的承担单位须达到规定数量才可向部门展示。",
    "Where bearers, monitoring units or the hotline recorded part of it, enough bearing units have to be behind them.",
)

BURDEN_ACCOUNT = ResultTable(
    name="burden_account",
    zh="负担账本",
    en="burden account",
    columns=(
        PERIOD,
        text(
            "by",
            "汇总方式",
            "by",
            "department（部门）、unit（单位）、kind（类别）、department_kind（部门和类别）或 unit_kind（单位和类别）。",
            "department, unit, kind, department_kind or unit_kind.",
        ),
        text(
            "subject_org_id",
            "责任单位编码",
            "subject",
            "承担责任的单位；不按部门汇总为 *，没有责任单位（村、社区自行发起）为 -。",
            "Who answers for it; * where departments are summed, - where nobody does (a village's own doing).",
        ),
        text(
            "bearer_org_id",
            "承担单位编码",
            "bearer",
            "承担负担的单位；不按单位汇总为 *，未登记承担单位为 -。",
            "The unit that bears it; * where units are summed, - where none is recorded.",
        ),
        text(
            "burden_kind",
            "负担类别",
            "burden kind",
            "负担的类别；不按类别汇总为 *。",
            "Kind of burden; * where kinds are summed.",
        ),
        text(
            "measure",
            "计量方式",
            "measure",
            "flow 为期间发生数，stock 为期内最后一个统计时点的存量。",
            "flow: what happened in the period; stock: what stood there on the last count day in it.",
        ),
        text(
            "counted_class",
            "统计口径",
            "counted class",
            "精简类、应急、法定或其他；按单位汇总时合并为 *。",
            "streamlined, exempt_emergency, exempt_legal or other; * where units are summed up.",
        ),
        count("n_rows", "行数", "rows", "一项负担到一个承担单位为一行，重复的不计。", "Impositions, duplicates apart."),
        count(
            "n_events",
            "件数",
            "events",
            "同一份文件、一次会议只计一件，不论到达多少单位；按单位汇总时为到达该单位的件数。",
            "One notice is one event however many units it reaches; for a unit, the events that reached it.",
        ),
        count("n_bearers", "承担单位数", "bearing units", "涉及的承担单位数。", "Bearing units concerned."),
        count("n_duplicates", "重复行数", "duplicate rows", "标明重复的行，单列。", "Rows marked as repeats, apart."),
        count("quantity", "数量", "quantity", "按类别的计量单位合计。", "In the unit of the kind."),
        count(
            "minutes",
            "分钟数",
            "minutes",
            "按登记时长或工时标准计算的总用时；存量没有。",
            "Time taken, recorded or by the tariff; stocks have none.",
            nullable=True,
        ),
        count(
            "n_untimed",
            "无用时行数",
            "rows without minutes",
            "既无登记时长也无工时标准的行，未计入分钟数。",
            "Rows with neither a duration nor a tariff, which the minutes leave out.",
        ),
        count("persons", "人次", "persons", "参加或投入的人次。", "Persons who took part."),
        count("pages", "页数", "pages", "文件和报表的页数。", "Pages of documents and forms."),
        count("amount_fen", "金额（分）", "amount in fen", "摊派或收费的金额。", "Money levied or charged."),
        count(
            "unit_months",
            "单位月数",
            "unit-months",
            "期内承担单位的月数之和；按单位汇总时为该单位的月数。",
            "Months of all bearing units in the period; for a unit, its own.",
            nullable=True,
        ),
        number(
            "hours_per_unit_month",
            "单位月均小时",
            "hours per unit-month",
            "分钟数除以 60，再除以单位月数。",
            "Minutes over 60 over unit-months.",
            decimals=2,
        ),
        text(
            "compare_period_id", "对比期", "compared with", "对比的期间，默认上年同期。", "By default a year earlier."
        ),
        *(
            count(
                f"{name}_before",
                f"对比期{zh}",
                f"{en} before",
                f"对比期的{zh}；历史数据不完整时为空。",
                f"{en.capitalize()} in the period compared with; empty where its facts are incomplete.",
                nullable=True,
            )
            for name, zh, en in (
                ("n_rows", "行数", "rows"),
                ("n_events", "件数", "events"),
                ("quantity", "数量", "quantity"),
                ("minutes", "分钟数", "minutes"),
            )
        ),
        *(
            number(
                f"{name}_change",
                f"{zh}增减",
                f"change of {en}",
                f"{zh}比对比期增减的比例；对比期为零或不完整时为空。",
                f"Change of {en} over the period before; empty where that is zero or incomplete.",
                decimals=4,
            )
            for name, zh, en in (
                ("n_events", "件数", "events"),
                ("quantity", "数量", "quantity"),
                ("minutes", "分钟数", "minutes"),
            )
        ),
        _SHOWN,
    ),
    key=("period_id", "by", "subject_org_id", "bearer_org_id", "burden_kind", "measure", "counted_class"),
)
"""One row per cell of each way of summing up. Rows of one ``by`` add up to those of another; events do not by unit."""

REGISTER_COMPLETENESS = ResultTable(
    name="register_completeness",
    zh="登记完整度",
    en="completeness of registers",
    columns=(
        PERIOD,
        text("issuer_org_id", "派发单位编码", "issuer", "派发负担的单位。", "Who imposed the burden."),
        count(
            "n_issuer", "派发登记行数", "rows of the issuer", "派发单位登记的行数。", "Rows of the issuer's register."
        ),
        count(
            "n_receiving", "承担登记行数", "rows of bearers", "承担单位登记的行数。", "Rows of the receiving register."
        ),
        count("n_matched", "相符行数", "matched rows", "两边都登记的行数。", "Rows that stand in both."),
        count(
            "n_bearers",
            "承担单位数",
            "bearing units",
            "登记过的承担单位数。",
            "Bearing units behind the receiving register.",
        ),
        number(
            "completeness",
            "完整度",
            "completeness",
            "承担单位登记的行中派发单位也登记的比例。",
            "Share of what bearers recorded that the issuer recorded as well.",
            decimals=3,
        ),
        number("completeness_low", "完整度下限", "completeness low", "95% 区间下限。", "Lower end, 95%.", decimals=3),
        number("completeness_high", "完整度上限", "completeness high", "95% 区间上限。", "Upper end, 95%.", decimals=3),
        count(
            "hidden_total",
            "推算总数",
            "estimated total",
            "由两份登记推算的实际总数；行数过少时不推算。",
            "How many there were, both registers and neither; not estimated from few rows.",
            nullable=True,
        ),
        count("hidden_low", "推算下限", "total low", "95% 区间下限。", "Lower end, 95%.", nullable=True),
        count("hidden_high", "推算上限", "total high", "95% 区间上限。", "Upper end, 95%.", nullable=True),
        text(
            "scored_register",
            "计分登记",
            "register scored on",
            "完整度不足时以承担单位登记为准。",
            "The receiving register where the issuer's is too incomplete.",
        ),
        _SHOWN,
    ),
    key=("period_id", "issuer_org_id"),
)
"""One row per issuer that either register names."""
