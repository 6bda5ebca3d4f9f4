"""The lint on feasibility: floors, caps, quotas and anchors that can work together (L13)."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

from scoring.lints.finding import Finding, Material, shown
from scoring.scheme import Scheme


def feasible(material: Material) -> Iterator[Finding]:
    """L13."""
    scheme = material.scheme
    for where, holds, zh, en in (
        *_tier_conditions(scheme),
        *_money_conditions(scheme),
        *_score_conditions(scheme),
        *_statistical_conditions(scheme),
    ):
        if not holds:
            yield Finding("L13", "error", where, zh, en)
    yield from _quota_of_groups(scheme)
    yield from _anchors_in_order(material)


_Condition = tuple[str, bool, str, str]


def _tier_conditions(scheme: Scheme) -> Iterator[_Condition]:
    tiers, incentive = scheme.tiers, scheme.incentive
    if tiers is not None:
        a, b, c = (cut.value for cut in (tiers.cut_off_a, tiers.cut_off_b, tiers.cut_off_c))
        yield (
            "tiers", a > b > c >= 0, f"分数线 A {a}、B {b}、C {c} 应依次降低且不为负；请改正",
            f"the cut-offs A {a}, B {b}, C {c} must go down and not be negative; correct them",
        )  # fmt: skip
        yield (
            "tiers.quota", tiers.quota.value > 0, "A 等名额比例为 0，无人可得 A；请提高 quota",
            "the quota is 0, so nobody can be A; raise it",
        )  # fmt: skip
        cap = incentive.score_cap.value if incentive else None
        yield (
            "incentive.score_cap", cap is None or cap >= a, f"得分上限 {cap} 低于 A 等分数线 {a}；请提高上限",
            f"the score cap {cap} is below the cut-off {a} of A; raise it",
        )  # fmt: skip
    for adder in incentive.adders if incentive else ():
        most = incentive.max_adder.value if incentive else 0
        yield (
            f"incentive.adders.{adder.adder_id}", adder.points.value <= most,
            f"加分 {adder.points.value} 超过上限 {most}；请降低",
            f"adds {adder.points.value} points, more than the cap of {most}; lower it",
        )  # fmt: skip


def _money_conditions(scheme: Scheme) -> Iterator[_Condition]:
    bonus = scheme.bonus
    if bonus is None:
        return
    reserve = bonus.reserve_share.value
    yield (
        "bonus.reserve_share", 0 < reserve < 1, f"预留比例 {reserve} 应大于 0、小于 1；请改正（常用 0.02）",
        f"the reserve is {reserve} of the pool, it must be above 0 and below 1; correct it (.02 is usual)",
    )  # fmt: skip
    yield (
        "bonus.cap_multiple", bonus.cap_multiple.value >= 1,
        f"单位上限为组平均的 {bonus.cap_multiple.value} 倍，低于 1 倍则发不完；请提高 cap_multiple",
        f"the cap is {bonus.cap_multiple.value} times the average; below 1 the pool cannot be paid out; raise it",
    )  # fmt: skip
    yield (
        "bonus.pay_floor", bonus.pay_floor.value <= bonus.total.value,
        f"保底 {bonus.pay_floor.fen} 分超过奖金总额 {bonus.total.fen} 分；请降低",
        f"the floor of {bonus.pay_floor.fen} fen is above the whole pool of {bonus.total.fen} fen; lower it",
    )  # fmt: skip
    yield (
        "bonus.standard", bonus.standard.value > 0, "人均标准为 0，无法分配；请改正 standard",
        "the standard per head is 0, so nothing can be shared out; correct it",
    )  # fmt: skip


def _score_conditions(scheme: Scheme) -> Iterator[_Condition]:
    exemptions, tracks, score = scheme.exemptions, scheme.tracks, scheme.unit_score
    if exemptions is not None:
        low, high = exemptions.reduced.value, exemptions.neutral.value
        yield (
            "exemptions", low <= high, f"减责分 {low} 高于免责分 {high}；请改正",
            f"reduced liability lifts to {low}, a full exemption only to {high}; correct them",
        )  # fmt: skip
    if tracks is not None:
        floor, cap = tracks.cell_floor.value, tracks.missing_track_cap.value
        yield (
            "tracks.cell_floor", 0 < floor < cap, f"单元底线 {floor} 应大于 0 且低于缺轨上限 {cap}；请改正",
            f"the cell floor {floor} must be above 0 and below the missing-track cap {cap}; correct it",
        )  # fmt: skip
        latent = tracks.latent_share.value
        yield (
            "tracks.latent_share", latent <= Fraction(1, 2), f"潜绩权重 {latent} 超过允许的 0.5；请降低",
            f"latent achievement weighs {latent}, more than the allowed .5; lower it",
        )  # fmt: skip
    if score is not None:
        parts = sum(1 for weight in score.weights.values() if weight > 0)
        least = score.min_parts.number
        yield (
            "unit_score.min_parts", least <= parts, f"要求至少 {least} 部分，有权重的只有 {parts} 部分；请降低",
            f"{least} parts are asked for, only {parts} have a weight; lower it",
        )  # fmt: skip


def _statistical_conditions(scheme: Scheme) -> Iterator[_Condition]:
    survey, ranks, consequence = scheme.satisfaction, scheme.ranks, scheme.consequence
    if survey is not None:
        low, high = survey.trim_low.value, survey.trim_high.value
        yield (
            "satisfaction.trim_low", low < 1 < high, f"权重截尾 {low} 至 {high} 倍中位数应包含 1；请改正",
            f"weights are trimmed to {low} to {high} times the median, which must enclose 1; correct it",
        )  # fmt: skip
        few, some = survey.suppress_below.value, survey.flag_below.value
        yield (
            "satisfaction.flag_below", few <= some, f"提示下限 {some} 低于不公布下限 {few}；请改正",
            f"results are flagged below {some} but suppressed below {few}; correct them",
        )  # fmt: skip
    if ranks is not None:
        top, bottom, level = ranks.top_share.value, ranks.bottom_share.value, ranks.level.value
        yield (
            "ranks", top > 0 and bottom > 0 and top + bottom <= 1,
            f"前 {top} 与后 {bottom} 应大于 0 且合计不超过 1；请改正",
            f"top {top} and bottom {bottom} must be above 0 and not overlap; correct them",
        )  # fmt: skip
        yield (
            "ranks.level", 0 < level < 1, f"区间水平 {level} 应大于 0、小于 1；请改正（常用 0.95）",
            f"the level {level} must be above 0 and below 1; correct it (.95 is usual)",
        )  # fmt: skip
    if consequence is not None:
        shown_from, used_from = consequence.min_reliability_shown.value, consequence.min_reliability.value
        yield (
            "consequence.min_reliability_shown", shown_from <= used_from,
            f"公布所需信度 {shown_from} 高于结果运用所需信度 {used_from}；请改正",
            f"showing a score asks for reliability {shown_from}, using it only for {used_from}; correct them",
        )  # fmt: skip


def _quota_of_groups(scheme: Scheme) -> Iterator[Finding]:
    """A quota that leaves a whole group without a single A."""
    if scheme.tiers is None or scheme.peer_groups is None:
        return
    quota = scheme.tiers.quota.fraction
    for group in scheme.peer_groups.groups:
        if group.members is not None and group.members.value > 0 and quota > 0 and quota * group.members.fraction < 1:
            yield Finding(
                "L13",
                "error",
                "tiers.quota",
                f"可比组 {group.peer_group} 有 {group.members.value} 个单位，名额比例 {shown(quota)} 不足 1 个；"
                "请合并可比组或提高比例",
                f"peer group {group.peer_group} has {group.members.value} units, and a quota of {shown(quota)} is less "
                "than one of them; merge the group or raise the quota",
            )


def _anchors_in_order(material: Material) -> Iterator[Finding]:
    """Anchors that do not go from worst to best one way, or go against the indicator's direction."""
    scheme = material.scheme
    directions = {entry.indicator_id: material.fact(entry, "direction") for entry in material.entries}
    named = [
        (f"unit_points.anchors.{each.indicator_id}", each.peer_group, each, directions.get(each.indicator_id))
        for each in (scheme.unit_points.anchors if scheme.unit_points else ())
    ]
    survey = scheme.satisfaction.anchors if scheme.satisfaction else ()
    rows = [*named, *(("satisfaction.anchors", each.peer_group, each, "higher_better") for each in survey)]
    for where, group, anchor, direction in rows:
        listed = (anchor.minimum, anchor.floor, anchor.achievement_threshold, anchor.benchmark)
        values = [value for value in listed if value is not None]
        upward, downward = values == sorted(values), values == sorted(values, reverse=True)
        allowed = {"higher_better": upward, "lower_better": downward}.get(str(direction), upward or downward)
        if not allowed:
            steps = " → ".join(f"{value:f}" for value in values)
            yield Finding(
                "L13",
                "error",
                where if group is None else f"{where}[{group}]",
                f"锚点应由差到好依次排列，现为 {steps}；请改正",
                f"anchors must run from worst to best, found {steps}; correct them",
            )
