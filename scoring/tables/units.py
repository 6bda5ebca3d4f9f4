"""Results of units."""

from __future__ import annotations

from scoring.tables.columns import ORG, ORG_NAME, PEER_GROUP, PERIOD, REASON_CODES
from scoring.tables.declaration import ResultTable, count, decimal, text

UNIT_POINTS = ResultTable(
    name="unit_points",
    zh="单位指标得分",
    en="points of units by indicator",
    columns=(
        PERIOD,
        ORG,
        ORG_NAME,
        PEER_GROUP,
        text("indicator_id", "指标", "indicator", "指标编号。", "Indicator."),
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
