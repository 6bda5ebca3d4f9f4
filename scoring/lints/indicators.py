"""Lints on indicators: what is scored, on which duty, from which source (L03, L04, L05, L08, L14, L15)."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

from scoring.lints.finding import Finding, Material, group_names, indicator_place, shown
from scoring.scheme import Indicator

EVIDENCE_VOLUME = (
    "照片", "图片", "截图", "打卡", "签到", "轨迹", "点击", "活跃", "转发", "点赞", "留痕", "台账", "痕迹", "下载量",
    "会议次数", "开会次数", "召开会议", "会议场次", "发文", "印发文件", "文件数量", "简报", "信息报送",
    "材料报送", "上传",
    "photo", "screenshot", "check-in", "clicks", "app activity", "active users", "record book", "meetings held",
    "number of meetings", "documents issued", "number of documents", "uploads",
)  # fmt: skip
"""Words in the name of an indicator that measures how much evidence was produced, not what came of it."""

MOST_INDICATORS = 25
MOST_POINTS = 1000
LIST_ROLES = ("basic", "cooperate", "village_statutory", "village_assist")
BEYOND_POWERS = ("forbidden", "no_certificate")


def evidence_volume(material: Material) -> Iterator[Finding]:
    """L03."""
    for entry in material.entries:
        names = [entry.indicator_id, *((entry.title.zh, entry.title.en) if entry.title else ())]
        name = " ".join([*names, str(material.fact(entry, "name") or "")]).lower()
        word = next((word for word in EVIDENCE_VOLUME if word in name), None)
        if word is not None:
            yield Finding(
                "L03",
                "error",
                indicator_place(entry),
                f"名称含“{word}”，按留痕数量计分；请改为考核办成了什么",
                f'the name says "{word}": it counts evidence; score what came of the work instead',
            )


def duty_of_indicator(material: Material) -> Iterator[Finding]:
    """L04."""
    for entry in material.entries:
        if entry.duty_list_id is None or entry.duty_role is None:
            yield _duty(
                entry,
                "没有写明所依据的履职清单和角色；请填 duty_list_id 和 duty_role",
                "names no duty list or no role on it; give duty_list_id and duty_role",
            )
        elif entry.duty_role == "reclaimed":
            yield _duty(
                entry,
                "属上级收回事项，不得考核基层；请改考牵头部门",
                "rests on a reclaimed duty, which may not be scored on the unit; score the lead department",
            )
        else:
            yield from _duty_in_list(material, entry)


def _duty_in_list(material: Material, entry: Indicator) -> Iterator[Finding]:
    if not material.is_known(entry):
        return
    duty = material.fact(entry, "duty_id")
    if duty is None:
        yield _duty(
            entry,
            "指标目录中没有履职事项编号；请填 duty_id 或取消该指标",
            "the indicator dataset names no duty item; give duty_id or drop the indicator",
        )
        return
    if material.duty_items is None:
        return
    kind = material.duty_kind(entry.duty_list_id, duty)
    start = material.period_start
    if kind is None:
        yield _duty(
            entry,
            f"履职事项 {duty} 不在 {start} 有效的清单 {entry.duty_list_id} 中；请改正或取消该指标",
            f"duty item {duty} is not on list {entry.duty_list_id} as of {start}; correct it or drop the indicator",
        )
    elif kind == "reclaimed":
        yield _duty(
            entry,
            f"履职事项 {duty} 已由上级收回，不得考核基层；请改考牵头部门",
            f"duty item {duty} was reclaimed and may not be scored on the unit; score the lead department",
        )
    elif kind in LIST_ROLES and kind != entry.duty_role:
        yield _duty(
            entry,
            f"履职事项 {duty} 在清单中为 {kind}，方案写作 {entry.duty_role}；请改正 duty_role",
            f"duty item {duty} is {kind} on the list and {entry.duty_role} in the scheme; correct duty_role",
        )


def _duty(entry: Indicator, zh: str, en: str) -> Finding:
    return Finding("L04", "error", indicator_place(entry), zh, en)


def source_of_indicator(material: Material) -> Iterator[Finding]:
    """L05."""
    for entry in material.entries:
        if entry.source is None:
            yield Finding(
                "L05",
                "error",
                indicator_place(entry),
                "没有写明数据来源；请填 source：register、survey、verification 或 self_report",
                "names no source; give source: register, survey, verification or self_report",
            )
        elif entry.source == "register" and material.is_known(entry) and not material.fact(entry, "source_register"):
            yield Finding(
                "L05",
                "error",
                indicator_place(entry),
                "指标目录中没有来源系统；请填 source_register",
                "the indicator dataset names no source register; give source_register",
            )
    for group in material.groups:
        own = [Fraction(each.weight) for each in material.entries_of(group) if each.source == "self_report"]
        share = sum(own, Fraction(0))
        if share > Fraction(1, 10):
            zh, en = group_names(group)
            yield Finding(
                "L05",
                "error",
                "indicators.entries",
                f"{zh}的自报指标占 {shown(share)}，不得超过 0.1；请改用登记系统、调查或核验数据",
                f"self-reported indicators weigh {shown(share)} in {en}, at most 0.1 is allowed; use registers, "
                "surveys or verification",
            )


def size_of_assessment(material: Material) -> Iterator[Finding]:
    """L08."""
    for group in material.groups:
        number = len(material.entries_of(group))
        if number > MOST_INDICATORS:
            zh, en = group_names(group)
            yield _size(
                "indicators.entries",
                f"{zh}有 {number} 项指标，应不超过 {MOST_INDICATORS} 项；请合并或取消",
                f"{en} has {number} indicators, at most {MOST_INDICATORS} are asked; merge or drop some",
            )
    conduct = material.scheme.conduct
    if conduct is None:
        return
    limits = {
        "assessments_per_year": (1, "每年考核次数", "assessments a year"),
        "interim_per_year": (1, "每年中期考核次数", "interim assessments a year"),
        "separate_assessments": (0, "县、乡、村分别考核的同一事项数", "matters that each level assesses by itself"),
        "nominal_points": (MOST_POINTS, "名义总分", "nominal points"),
    }
    for name, (most, zh, en) in limits.items():
        number = getattr(conduct, name).number
        if number > most:
            yield _size(
                f"conduct.{name}",
                f"{zh}为 {number}，应不超过 {most}；请减少或合并",
                f"{number} {en}, at most {most} is asked; cut or merge",
            )


def _size(where: str, zh: str, en: str) -> Finding:
    return Finding("L08", "warning", where, zh, en)


def complete_indicator(material: Material) -> Iterator[Finding]:
    """L14."""
    for entry in material.entries:
        missing = [] if entry.denominator else ["denominator"]
        if material.is_known(entry):
            missing += [name for name in ("direction", "min_cases", "unit") if material.fact(entry, name) is None]
        if missing:
            names = ", ".join(missing)
            yield Finding(
                "L14",
                "error",
                indicator_place(entry),
                f"缺少 {names}；请在方案（denominator）或指标目录中补齐",
                f"lacks {names}; give it in the scheme (denominator) or in the indicator dataset",
            )


def within_powers(material: Material) -> Iterator[Finding]:
    """L15."""
    for entry in material.entries:
        duty = material.fact(entry, "duty_id")
        kind = material.duty_kind(entry.duty_list_id, duty)
        if not entry.within_powers or kind in BEYOND_POWERS:
            why_zh = f"履职事项 {duty} 为 {kind}" if kind in BEYOND_POWERS else "方案写明该事项不在基层权限内"
            why_en = f"duty item {duty} is {kind}" if kind in BEYOND_POWERS else "the scheme says so"
            yield Finding(
                "L15",
                "error",
                indicator_place(entry),
                f"超出基层单位权限（{why_zh}）；请改考有权的部门",
                f"beyond the unit's powers ({why_en}); score the department that has them",
            )
