"""Columns that several result tables share."""

from __future__ import annotations

from scoring.tables.declaration import text

PERIOD = text("period_id", "考核期", "period", "评分或事实所属的考核期。", "Period the ratings or facts belong to.")
RATEE = text(
    "ratee_org_id", "被评部门编码", "ratee id", "被评部门的机构编码。", "Organisation id of the rated department."
)
ORG = text("org_id", "机构编码", "organisation id", "被考核单位的机构编码。", "Organisation id of the assessed unit.")
ORG_NAME = text(
    "org_name",
    "机构名称",
    "organisation",
    "该考核期内的机构名称。",
    "Name of the organisation in the period.",
    nullable=True,
)
PEER_GROUP = text(
    "peer_group",
    "可比组",
    "peer group",
    "只在同一可比组内比较和排名。",
    "Subjects are compared and ranked only inside it.",
    nullable=True,
)
INSTRUMENT = text(
    "instrument_id", "测评表", "instrument", "题项所在的测评表或问卷。", "Instrument the item is part of."
)
ITEM = text("item_id", "题项", "item", "测评表中的题项编号。", "Item of the instrument.")
DIMENSION = text("dimension", "维度", "dimension", "题项所属的维度。", "Dimension the item belongs to.", nullable=True)
REASON_CODES = text(
    "reason_codes",
    "原因代码",
    "reason codes",
    "缺少分数或名次的原因，多个以分号连接；为空表示没有。",
    "Why a value or rank is missing, joined by semicolons; empty when nothing is.",
    nullable=True,
)
