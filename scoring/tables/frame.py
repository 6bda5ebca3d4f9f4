"""The frame of a period and the turnout it is measured by."""

from __future__ import annotations

from scoring.tables.columns import ORG_NAME, PEER_GROUP, PERIOD, REASON_CODES
from scoring.tables.declaration import ResultTable, count, decimal, number, text

_ROLE_ZH = "assessed_department 被考核部门、assessed_unit 被考核单位、may_rate 可评分单位、excluded 不纳入。"
_ROLE_EN = "assessed_department, assessed_unit, may_rate or excluded."

FRAME_MEMBER = ResultTable(
    name="frame_member",
    zh="参评名册",
    en="frame",
    columns=(
        PERIOD,
        text("role", "名册角色", "role", _ROLE_ZH, _ROLE_EN),
        text("org_id", "机构编码", "organisation id", "名册所列的机构。", "Organisation the row is about."),
        text(
            "other_org_id",
            "相对机构编码",
            "other organisation id",
            "可评分行为可评的部门，不纳入行为不得评分的单位；* 表示全部（可评分行中，没有名册时限本单位上级序列内或"
            "没有上级的部门，有名册时限未逐一列明评分单位的部门）。",
            "In a may-rate row the department it may rate, in an excluded row the unit that may not rate it; * is "
            "all (in a may-rate row without a delivered frame: departments of its own line of parents or without "
            "one; with one: departments whose units are not named one by one).",
        ),
        ORG_NAME,
        PEER_GROUP,
        decimal("months", "考核月数", "months assessed", "本期内被考核的月数。", "Months assessed within the period."),
        text("reason", "原因", "reason", "不纳入的原因。", "Why it is excluded.", nullable=True),
        text(
            "decided_by_org_id",
            "决定单位编码",
            "decided by",
            "作出决定的单位。",
            "The organisation that decided.",
            nullable=True,
        ),
        text(
            "event",
            "本期变动",
            "events of the period",
            "本期内的设立、撤销、合并、拆分、换码、更名、划转及日期。",
            "Entries, exits, mergers, splits, new codes, new names and moves within the period, with their days.",
            nullable=True,
        ),
    ),
    key=("period_id", "role", "org_id", "other_org_id"),
)
"""One row per organisation and role of the frame; pairs only where they were delivered as pairs."""

FRAME_TURNOUT = ResultTable(
    name="frame_turnout",
    zh="参评率",
    en="turnout",
    columns=(
        PERIOD,
        text(
            "role",
            "名册角色",
            "role",
            "may_rate 为评分单位的参评率；assessed_department 为被考核部门中收到有效评分的数目。",
            "may_rate: turnout of the units that rate; assessed_department: departments with a valid rating.",
        ),
        text(
            "stratum",
            "层",
            "stratum",
            "机构类型/可比组；过小的层并入上一层，以 * 表示。",
            "Kind of organisation / peer group; strata too small are merged into the one above, shown as *.",
        ),
        count(
            "n_eligible_units",
            "名册内单位数",
            "organisations in the frame",
            "名册内的单位或部门数。",
            "Units or departments in the frame.",
            nullable=True,
        ),
        count(
            "n_rated_units",
            "已参评单位数",
            "organisations that took part",
            "有有效评分票的单位数，或收到有效评分票的部门数。",
            "Units with a valid ballot, or departments that were given one.",
            nullable=True,
        ),
        count(
            "n_eligible_raters",
            "名册内评分人数",
            "raters in the frame",
            "名册内的评分人数。",
            "Raters in the frame.",
            nullable=True,
        ),
        count(
            "n_raters",
            "已参评人数",
            "raters who took part",
            "投出有效评分票的评分人数。",
            "Raters with a valid ballot.",
            nullable=True,
        ),
        number(
            "turnout",
            "参评率",
            "turnout",
            "已参评人数除以名册内评分人数。",
            "Raters with a valid ballot over raters in the frame.",
            decimals=3,
        ),
        REASON_CODES,
    ),
    key=("period_id", "role", "stratum"),
)
"""Turnout by stratum, only of a period that is closed."""
