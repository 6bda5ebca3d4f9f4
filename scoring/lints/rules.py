"""Lints on dates, peer groups, red lines and money (L09 to L12)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator

from scoring.lints.finding import Finding, Material
from scoring.scheme import Scheme

SMALLEST_GROUP = 10


def decided_before(material: Material) -> Iterator[Finding]:
    """L09."""
    for where, day in _decisions(material.scheme):
        if day is None:
            yield Finding(
                "L09",
                "error",
                where,
                "没有写明确定日期；请填 decided_on",
                "no date of decision is given; give decided_on",
            )
        elif day >= material.period_start:
            yield Finding(
                "L09",
                "error",
                where,
                f"确定于 {day}，应早于考核期开始日 {material.period_start}；请从下一考核期起执行",
                f"decided on {day}, which must be before the period starts on {material.period_start}; use it from the "
                "next period on",
            )


def _decisions(scheme: Scheme) -> Iterator[tuple[str, dt.date | None]]:
    """Everything that has to be settled before the period, with its date."""
    if scheme.adopted_on is not None:
        yield "adopted_on", scheme.adopted_on
    if scheme.unit_points is not None and scheme.unit_points.anchors:
        yield "unit_points.decided_on", scheme.unit_points.decided_on
    if scheme.satisfaction is not None and scheme.satisfaction.anchors:
        yield "satisfaction.decided_on", scheme.satisfaction.decided_on
    if scheme.indicators is not None:
        yield "indicators.decided_on", scheme.indicators.decided_on
    if scheme.peer_groups is not None:
        yield "peer_groups.decided_on", scheme.peer_groups.decided_on
    if scheme.red_lines is not None:
        yield "red_lines.decided_on", scheme.red_lines.decided_on


def size_of_peer_groups(material: Material) -> Iterator[Finding]:
    """L10."""
    rules = material.scheme.peer_groups
    if rules is None:
        return
    if rules.min_members.number < SMALLEST_GROUP:
        yield Finding(
            "L10",
            "error",
            "peer_groups.min_members",
            f"可比组下限为 {rules.min_members.number}，应不少于 {SMALLEST_GROUP}；请提高 min_members",
            f"groups of {rules.min_members.number} are allowed, at least {SMALLEST_GROUP} is asked; raise min_members",
        )
    known = {group.peer_group for group in rules.groups}
    for group in rules.groups:
        where = f"peer_groups.groups.{group.peer_group}"
        if group.parent is not None and (group.parent not in known or group.parent == group.peer_group):
            yield Finding(
                "L10",
                "error",
                where,
                f"上级组 {group.parent} 不在可比组中；请登记该组",
                f"the parent {group.parent} is not among the other peer groups; declare it",
            )
        small = group.members is not None and group.members.value < SMALLEST_GROUP
        if small and group.parent is None and group.members is not None:
            yield Finding(
                "L10",
                "error",
                where,
                f"只有 {group.members.value} 个单位，应不少于 {SMALLEST_GROUP} 个；请合并或指定上级组 parent",
                f"has {group.members.value} units, at least {SMALLEST_GROUP} are asked; merge it or name its parent",
            )


def authorised_red_lines(material: Material) -> Iterator[Finding]:
    """L11."""
    rules = material.scheme.red_lines
    if rules is None:
        return
    authorised = {line.red_line_id for line in rules.authorised}
    for name in rules.used:
        if name not in authorised:
            yield Finding(
                "L11",
                "error",
                f"red_lines.used.{name}",
                f"一票否决事项 {name} 不在授权清单中；请取消，或附法律依据列入 authorised",
                f"the veto item {name} is not on the authorised list; drop it, or list it with its legal basis",
            )


def money_only_goes_up(material: Material) -> Iterator[Finding]:
    """L12; negative money and negative adders are refused when the scheme is read, under the same id."""
    bonus = material.scheme.bonus
    if bonus is not None and bonus.clawback.value != "never":
        yield Finding(
            "L12",
            "error",
            "bonus.clawback",
            f"追回奖金为 {bonus.clawback.value}，应为 never；请取消追回，差额由预留支付",
            f"clawback is {bonus.clawback.value}, it must be never; drop it, the reserve pays differences",
        )
