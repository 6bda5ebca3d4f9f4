"""The lint on totals: weights sum to 1, every id is known, every weight can be earned (L24)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from fractions import Fraction

from scoring.lints.finding import Finding, Material, group_names, indicator_place, shown

TOLERANCE = Fraction(1, 10**9)


def weights_add_up(material: Material) -> Iterator[Finding]:
    """L24."""
    scheme = material.scheme
    if scheme.unit_score is not None:
        yield from _sum_is_one("unit_score", scheme.unit_score.weights)
    if scheme.department_composite is not None:
        yield from _sum_is_one("department_composite", scheme.department_composite.weights)
    if scheme.rating.dimension_weights is not None:
        yield from _sum_is_one("rating.dimension_weights", scheme.rating.dimensions)
    yield from _group_sums(material)
    yield from _unused_parts(material)
    yield from _without_anchors(material)
    yield from _unknown_indicators(material)


def _sum_is_one(where: str, weights: Mapping[str, Fraction]) -> Iterator[Finding]:
    total = sum(weights.values(), Fraction(0))
    if abs(total - 1) > TOLERANCE:
        yield Finding(
            "L24",
            "error",
            where,
            f"各项权重之和为 {shown(total)}，应为 1；请调整",
            f"the weights sum to {shown(total)}, they must sum to 1; change them",
        )


def _group_sums(material: Material) -> Iterator[Finding]:
    if not material.entries:
        return
    parents = set(material.scheme.peer_groups.parents.values()) if material.scheme.peer_groups else set()
    for group in material.groups:
        entries = material.entries_of(group)
        if not entries and (group is None or group in parents):
            continue
        total = sum((Fraction(entry.weight) for entry in entries), Fraction(0))
        if abs(total - 1) > TOLERANCE:
            zh, en = group_names(group)
            yield Finding(
                "L24",
                "error",
                "indicators.entries",
                f"{zh}的指标权重之和为 {shown(total)}，应为 1；请调整",
                f"the indicator weights of {en} sum to {shown(total)}, they must sum to 1; change them",
            )


def _unused_parts(material: Material) -> Iterator[Finding]:
    """A weight nothing can ever earn, and indicators whose part weighs nothing."""
    scheme = material.scheme
    rules = scheme.unit_score
    if rules is None:
        return
    needs = {"satisfaction": ("satisfaction",), "results": ("unit_points", "indicators", "tracks")}
    for part, sections in needs.items():
        absent = [name for name in sections if getattr(scheme, name) is None]
        if absent and rules.weights[part] > 0:
            yield Finding(
                "L24",
                "error",
                f"unit_score.{part}",
                f"权重 {shown(rules.weights[part])} 用不上：方案缺少 {'、'.join(absent)}；请补上或把权重改为 0",
                f"the weight {shown(rules.weights[part])} is never used: the scheme has no {', '.join(absent)}; add it "
                "or set the weight to 0",
            )
    process = [entry for entry in material.entries if material.fact(entry, "nature") == "process"]
    if process and rules.process.fraction == 0:
        names = ", ".join(sorted({entry.indicator_id for entry in process}))
        yield Finding(
            "L24",
            "error",
            "unit_score.process",
            f"过程权重为 0，过程指标 {names} 的权重用不上；请取消这些指标",
            f"process weighs 0, so the weights of the process indicators {names} are never used; drop them",
        )
    if material.indicators is not None and material.entries and not process and rules.process.fraction > 0:
        yield Finding(
            "L24",
            "error",
            "unit_score.process",
            f"权重 {shown(rules.process.fraction)} 用不上：没有过程指标；请改为 0",
            f"the weight {shown(rules.process.fraction)} is never used: there is no process indicator; set it to 0",
        )


def _without_anchors(material: Material) -> Iterator[Finding]:
    """Indicators that have a weight and no anchors to earn it with."""
    points = material.scheme.unit_points
    if points is None:
        return
    anchored = {(anchor.indicator_id, anchor.peer_group) for anchor in points.anchors}
    parents = material.scheme.peer_groups.parents if material.scheme.peer_groups else {}
    lending = set(parents.values())
    for group in material.groups:
        wanted = {group, parents.get(group) if group is not None else None, None}
        for entry in material.entries_of(group):
            if not any((entry.indicator_id, name) in anchored for name in wanted) and group not in lending:
                zh, en = group_names(group)
                yield Finding(
                    "L24",
                    "error",
                    indicator_place(entry),
                    f"在{zh}没有锚点，权重 {shown(Fraction(entry.weight))} 用不上；请补锚点或取消该指标",
                    f"no anchors for {en}, so the weight {shown(Fraction(entry.weight))} is never used; add anchors or "
                    "drop the indicator",
                )


def _unknown_indicators(material: Material) -> Iterator[Finding]:
    """Ids that no indicator has, and anchors of indicators nobody weighs."""
    scheme = material.scheme
    composite = scheme.department_composite
    of_departments = {*composite.burden_indicators, *composite.response_indicators} if composite else set()
    of_units = {entry.indicator_id for entry in material.entries}
    places = dict.fromkeys(of_units, "indicators.entries")
    if composite is not None:
        places |= dict.fromkeys(composite.response_indicators, "department_composite.response_indicators")
    if material.indicators is not None:
        known = set(material.indicators["indicator_id"])
        for name in sorted(set(places) - known):
            yield Finding(
                "L24",
                "error",
                f"{places[name]}.{name}",
                f"指标目录中没有 {name}；请改正编号或先登记该指标",
                f"the indicator dataset has no {name}; correct the id or register the indicator first",
            )
    anchors = scheme.unit_points.anchors if scheme.unit_points else ()
    if not of_units:
        return
    for name in sorted({anchor.indicator_id for anchor in anchors} - of_units - of_departments):
        yield Finding(
            "L24",
            "error",
            f"unit_points.anchors.{name}",
            f"锚点所属指标 {name} 没有权重；请改正编号、给出权重或删去锚点",
            f"the anchors belong to {name}, which has no weight; correct the id, weigh it or drop the anchors",
        )
