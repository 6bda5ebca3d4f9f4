"""rating_frame: who is assessed, who rates whom, who is out and why (INPUT.md 4.4)."""

from __future__ import annotations

from expectations.datasets.shared import (
    later_than,
    org_column,
    org_reference,
    period_id_column,
    period_reference,
    valid_from_column,
    valid_to_column,
)
from expectations.declaration import Code, Column, ColumnType, Dataset

FRAME_ROLE = (
    Code("assessed", "被考核", "assessed", ("参评", "被评", "考核对象")),
    Code("may_rate", "可评分", "may rate", ("评分", "可以评分", "有评分资格")),
    Code("excluded", "不纳入", "excluded", ("排除", "不参评", "剔除")),
)

RATING_FRAME = Dataset(
    name="rating_frame",
    zh="参评名册",
    en="frame",
    description_zh="每个考核期谁被考核、谁可以评谁、谁不纳入及原因；收到第一张评分票即冻结。",
    description_en="Who is assessed, who may rate whom and who is excluded, and why; frozen at the first ballot.",
    aliases=("参评关系", "参评范围", "考核名册"),
    natural_key=("period_id", "role", "subject_org_id", "rater_org_id"),
    wave=1,
    partition_by="period_id",
    columns=(
        period_id_column(),
        Column(
            "role",
            ColumnType.CODE,
            "名册角色",
            "role",
            "被考核、可评分或不纳入。",
            "Assessed, may rate, or excluded.",
            required=True,
            codes=FRAME_ROLE,
            aliases=("角色", "参评角色"),
        ),
        org_column(
            "subject_org_id",
            "考核对象编码",
            "subject",
            "被考核或不纳入的单位；“可评分”行为被评部门。",
            "The organisation assessed or excluded; in a may-rate row, the department rated.",
            required=True,
            aliases=("被评单位编码", "被考核单位编码", "被评部门编码"),
        ),
        org_column(
            "rater_org_id",
            "评分单位编码",
            "unit of the rater",
            "可以评（或不得评）该对象的基层单位；“可评分”行必填，其余可空。",
            "Grassroots unit that may (or may not) rate the subject; needed in a may-rate row.",
            aliases=("评分人单位编码", "评价单位编码"),
        ),
        Column(
            "reason",
            ColumnType.NAME,
            "原因",
            "reason",
            "不纳入的原因；“不纳入”行必填。",
            "Why it is excluded; needed in an excluded row.",
            max_length=500,
            aliases=("不纳入原因", "排除原因"),
        ),
        org_column(
            "decided_by_org_id",
            "决定单位编码",
            "decided by",
            "作出决定的单位。",
            "The organisation that decided.",
            aliases=("认定单位编码",),
        ),
        valid_from_column(required=False),
        valid_to_column(),
        Column(
            "peer_group",
            ColumnType.NAME,
            "可比组",
            "peer group",
            "本期冻结的可比组，计算以此为准。",
            "Peer group frozen for the period; scoring reads this one.",
            max_length=100,
            aliases=("可比组别", "考核组别", "分类组别"),
        ),
    ),
    expectations=(later_than("valid_to", "valid_from"),),
    references=(
        period_reference(),
        org_reference("subject_org_id", valid_on="valid_from"),
        org_reference("rater_org_id", valid_on="valid_from"),
        org_reference("decided_by_org_id"),
    ),
    check_functions=("reason_given_when_excluded", "rater_given_when_may_rate"),
)
