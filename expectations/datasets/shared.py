"""Columns, code lists and expectations that several datasets share."""

from __future__ import annotations

from expectations.common import ORG_ID_PATTERN, PERIOD_ID_PATTERN
from expectations.declaration import Code, Column, ColumnType, Expectation, Reference, Severity

ORG_ID_LIST_PATTERN = r"^[A-Z0-9][A-Z0-9-]{1,31}(;[A-Z0-9][A-Z0-9-]{1,31})*$"
"""Organisation ids joined by ``;``."""

SCOPE_PATTERN = r"^(all_townships|all_villages|[A-Z0-9][A-Z0-9-]{1,31}(;[A-Z0-9][A-Z0-9-]{1,31})*)$"
"""A closed scope word, or organisation ids joined by ``;``."""

DIRECTION = (
    Code("higher_better", "越高越好", "higher is better", ("正向", "正向指标", "越大越好")),
    Code("lower_better", "越低越好", "lower is better", ("负向", "逆向", "逆向指标", "越小越好")),
)

ANSWER_STATUS = (
    Code("answered", "已作答", "answered", ("作答", "有效", "已答")),
    Code("dont_know", "不了解", "does not know", ("不清楚", "不知道", "说不清")),
    Code("not_applicable", "不适用", "not applicable", ("不涉及",)),
    Code("no_contact", "无往来", "no dealings in the period", ("未打交道", "没有往来", "无业务往来")),
    Code("skipped", "跳过", "skipped", ("(跳过)", "未答", "未作答")),
    Code("refused", "拒答", "refused to answer", ("拒绝回答", "不愿回答")),
)

ANSWER_CHANNEL = (
    Code("web", "网页", "web", ("网络", "电脑", "线上")),
    Code("wechat", "微信", "WeChat", ("小程序", "公众号")),
    Code("paper", "纸质", "paper", ("纸质问卷", "书面")),
    Code("phone", "电话", "phone", ("电话访问",)),
    Code("onsite", "现场", "on site", ("现场访问", "入户", "面访")),
)

TARGET_SCOPE = (
    Code(
        "all_townships", "全部乡镇", "all townships and subdistricts", ("全县乡镇", "各乡镇", "所有乡镇", "各乡镇街道")
    ),
    Code("all_villages", "全部村社区", "all villages and communities", ("全县各村", "各村", "所有村", "各村社区")),
)

FREQUENCY = (
    Code("once", "一次性", "once", ("一次", "单次")),
    Code("daily", "每日", "daily", ("日报", "每天", "日")),
    Code("weekly", "每周", "weekly", ("周报", "周")),
    Code("monthly", "每月", "monthly", ("月报", "月度", "月")),
    Code("quarterly", "每季", "quarterly", ("季报", "每季度", "季度", "季")),
    Code("yearly", "每年", "yearly", ("年报", "年度", "年")),
    Code("on_demand", "按需", "on demand", ("不定期", "临时", "随时")),
)


def org_column(
    name: str,
    zh: str,
    en: str,
    description_zh: str,
    description_en: str,
    *,
    required: bool = False,
    aliases: tuple[str, ...] = (),
) -> Column:
    """A column holding one organisation id."""
    return Column(
        name,
        ColumnType.IDENTIFIER,
        zh,
        en,
        description_zh,
        description_en,
        required=required,
        pattern=ORG_ID_PATTERN,
        aliases=aliases,
    )


def period_id_column() -> Column:
    """The assessment period a row belongs to."""
    return Column(
        "period_id",
        ColumnType.IDENTIFIER,
        "考核期",
        "period",
        "考核期编号，如 2026、2026H1、2026Q1、2026M03，或 C-自定义名称。",
        "The assessment period, such as 2026, 2026H1, 2026Q1, 2026M03, or C- and a name of its own.",
        required=True,
        pattern=PERIOD_ID_PATTERN,
        max_length=64,
        aliases=("考核期编号", "期次", "考核周期"),
    )


def valid_from_column(*, required: bool = True) -> Column:
    """First day on which a row is in force."""
    return Column(
        "valid_from",
        ColumnType.DATE,
        "生效日期",
        "valid from",
        "本行开始有效的日期（含当日）。",
        "First day on which the row is in force.",
        required=required,
        aliases=("有效期起", "启用日期", "起始日期"),
    )


def valid_to_column() -> Column:
    """First day on which a row is no longer in force."""
    return Column(
        "valid_to",
        ColumnType.DATE,
        "失效日期",
        "valid to",
        "本行不再有效的第一天（不含当日）；仍有效则留空。",
        "First day on which the row is no longer in force; empty while it is.",
        aliases=("有效期止", "停用日期", "截止日期"),
    )


def duty_id_column() -> Column:
    """The duty item a row is about."""
    return Column(
        "duty_id",
        ColumnType.IDENTIFIER,
        "履职事项编号",
        "duty item",
        "对应的履职事项编号。",
        "The duty item it belongs to.",
        max_length=100,
        aliases=("事项编号", "清单事项编号"),
    )


def scope_list_column(*, required: bool = True) -> Column:
    """Which grassroots units a task or form reaches, as a scope word or a list of ids."""
    return Column(
        "target_scope",
        ColumnType.LIST,
        "适用范围",
        "target scope",
        "填 all_townships（全部乡镇街道）、all_villages（全部村社区），或以分号分隔的机构编码。",
        "all_townships, all_villages, or organisation ids separated by semicolons.",
        required=required,
        pattern=SCOPE_PATTERN,
        max_length=20_000,
        aliases=("范围", "实施范围", "面向范围"),
    )


def org_reference(column: str, valid_on: str | None = None) -> Reference:
    """``column`` must be an organisation on the register, in force at ``valid_on`` where one is given."""
    return Reference(
        columns=(column,),
        dataset="org_unit",
        target_columns=("org_id",),
        code="E221",
        valid_on=valid_on,
        not_in_force_code="E222" if valid_on else None,
    )


def period_reference() -> Reference:
    """``period_id`` must be a defined period."""
    return Reference(columns=("period_id",), dataset="period", target_columns=("period_id",), code="E225")


def doubtful_reference(column: str, dataset: str, target_column: str) -> Reference:
    """A value that ought to exist elsewhere, but whose absence must not make the row disappear."""
    return Reference(
        columns=(column,), dataset=dataset, target_columns=(target_column,), code="W318", severity="warning"
    )


def later_than(later: str, earlier: str, *, or_equal: bool = False, severity: Severity = "critical") -> Expectation:
    """``later`` comes after ``earlier`` (or on the same day) wherever both are given.

    The later column is named first: it is the one an error is reported on.
    """
    return Expectation(
        "expect_column_pair_values_a_to_be_greater_than_b",
        {"column_A": later, "column_B": earlier, "or_equal": or_equal, "ignore_row_if": "either_value_is_missing"},
        "E232" if severity == "critical" else "W319",
        severity,
    )


def usual_range(column: str, minimum: float | None, maximum: float | None) -> Expectation:
    """A doubt, not a fault: values outside the range are reported and kept."""
    limits = {"min_value": minimum, "max_value": maximum}
    given = {name: limit for name, limit in limits.items() if limit is not None}
    return Expectation("expect_column_values_to_be_between", {"column": column} | given, "W316", "warning")
