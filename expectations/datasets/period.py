"""period: the assessment periods, half-open intervals of days (INPUT.md 4.3, 4.4)."""

from __future__ import annotations

from expectations.datasets.shared import later_than, period_id_column
from expectations.declaration import Code, Column, ColumnType, Dataset

PERIOD_KIND = (
    Code("month", "月", "month", ("月度",)),
    Code("quarter", "季", "quarter", ("季度",)),
    Code("half", "半年", "half-year", ("半年度",)),
    Code("year", "年", "year", ("年度", "全年")),
    Code("custom", "自定义", "custom", ("专项", "其他")),
)

PERIOD_STATUS = (
    Code("open", "开放", "open", ("进行中", "未结束")),
    Code("frozen", "冻结", "frozen", ("已冻结", "已截止")),
    Code("published", "已发布", "published", ("发布", "已公布")),
    Code("reopened", "重新开放", "reopened", ("重开",)),
)

PERIOD = Dataset(
    name="period",
    zh="考核期定义",
    en="periods",
    description_zh="每个考核期的起止日期、截止时间和状态。",
    description_en="First and last day, cut-off and state of every assessment period.",
    aliases=("考核期", "考核期表", "周期定义"),
    natural_key=("period_id",),
    wave=0,
    columns=(
        period_id_column(),
        Column(
            "kind",
            ColumnType.CODE,
            "考核期类型",
            "kind of period",
            "月、季、半年、年或自定义。",
            "Month, quarter, half-year, year or custom.",
            required=True,
            codes=PERIOD_KIND,
            aliases=("期次类型", "周期类型"),
        ),
        Column(
            "start_date",
            ColumnType.DATE,
            "开始日期",
            "start date",
            "考核期第一天（含当日）。",
            "First day of the period.",
            required=True,
            aliases=("起始日", "开始日"),
        ),
        Column(
            "end_date",
            ColumnType.DATE,
            "结束日期",
            "end date",
            "考核期结束后的第一天（不含当日），如 2026 年一季度填 2026-04-01。",
            "First day after the period (excluded): 2026-04-01 for the first quarter of 2026.",
            required=True,
            aliases=("结束日", "终止日期"),
        ),
        Column(
            "cutoff_at",
            ColumnType.TIMESTAMP,
            "数据截止时间",
            "cut-off",
            "此后到达的数据按迟到处理。",
            "What arrives later counts as late.",
            required=True,
            aliases=("截止时间", "报送截止时间"),
        ),
        Column(
            "publish_at",
            ColumnType.TIMESTAMP,
            "发布时间",
            "publication time",
            "计划发布结果的时间。",
            "When the result is due to be published.",
            aliases=("计划发布时间",),
        ),
        Column(
            "status",
            ColumnType.CODE,
            "考核期状态",
            "period status",
            "开放、冻结、已发布或重新开放。",
            "Open, frozen, published or reopened.",
            required=True,
            codes=PERIOD_STATUS,
            aliases=("状态", "期次状态"),
        ),
        Column(
            "result_version",
            ColumnType.INTEGER,
            "结果版本",
            "result version",
            "本期结果第几版；重新开放后加一。",
            "Which edition of the period's result; a reopening raises it by one.",
            minimum=1,
            maximum=10_000,
            aliases=("结果版本号",),
        ),
    ),
    expectations=(
        later_than("end_date", "start_date"),
        later_than("publish_at", "cutoff_at", or_equal=True),
    ),
)
