"""Lints on weights: what counts how much (L01, L02, L06, L07, L21)."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

from scoring.lints.finding import Finding, Level, Material, group_names, indicator_place, shown


def majority_of_satisfaction_and_results(material: Material) -> Iterator[Finding]:
    """L01."""
    rules = material.scheme.unit_score
    if rules is None:
        return
    total = rules.satisfaction.fraction + rules.results.fraction
    if total >= Fraction(60, 100):
        return
    level: Level = "error" if total < Fraction(1, 2) else "warning"
    yield Finding(
        "L01",
        level,
        "unit_score",
        f"群众满意度与工作实绩合计 {shown(total)}，应不低于 0.6；请提高 satisfaction 或 results",
        f"satisfaction and results weigh {shown(total)} together, at least 0.6 is asked; raise satisfaction or results",
    )


def process_weight(material: Material) -> Iterator[Finding]:
    """L02."""
    rules = material.scheme.unit_score
    if rules is None:
        return
    total = rules.process.fraction
    if total > Fraction(1, 10):
        yield Finding(
            "L02",
            "error",
            "unit_score.process",
            f"过程（留痕）权重 {shown(total)}，不得超过 0.1；请降低，改考结果",
            f"process weighs {shown(total)}, at most 0.1 is allowed; lower it and score results instead",
        )
    for group in material.groups:
        process = [entry for entry in material.entries_of(group) if material.fact(entry, "nature") == "process"]
        weights = sum((Fraction(entry.weight) for entry in process), Fraction(0))
        for entry in process:
            alone = total * Fraction(entry.weight) / weights
            if alone > Fraction(1, 20):
                yield Finding(
                    "L02",
                    "error",
                    indicator_place(entry),
                    f"单项过程指标在{group_names(group)[0]}占 {shown(alone)}，不得超过 0.05；请降低或取消",
                    f"this process indicator alone weighs {shown(alone)} in {group_names(group)[1]}, at most 0.05 is "
                    "allowed; lower or drop it",
                )


def latent_weight(material: Material) -> Iterator[Finding]:
    """L06."""
    tracks = material.scheme.tracks
    if tracks is None:
        return
    share = tracks.latent_share.fraction
    if share < Fraction(1, 4):
        yield Finding(
            "L06",
            "error",
            "tracks.latent_share",
            f"潜绩权重 {shown(share)}，应不低于 0.25；请提高 latent_share",
            f"latent achievement weighs {shown(share)}, at least 0.25 is asked; raise latent_share",
        )
    for group in _groups_with_data(material):
        kinds = {material.fact(entry, "achievement_kind") for entry in material.entries_of(group)}
        if "latent" not in kinds:
            yield Finding(
                "L06",
                "error",
                "indicators.entries",
                f"{group_names(group)[0]}没有潜绩指标，潜绩权重实为 0；请加入至少一项",
                f"{group_names(group)[1]} has no latent indicator, so latent achievement weighs 0; add at least one",
            )


def quality_weight(material: Material) -> Iterator[Finding]:
    """L07."""
    tracks = material.scheme.tracks
    if tracks is not None and tracks.quality_share.fraction < Fraction(1, 2):
        yield Finding(
            "L07",
            "error",
            "tracks.quality_share",
            f"质量轨权重 {shown(tracks.quality_share.fraction)}，应不低于 0.5；请提高 quality_share",
            f"quality weighs {shown(tracks.quality_share.fraction)}, at least 0.5 is asked; raise quality_share",
        )
    told: set[str] = set()
    for group in _groups_with_data(material):
        entries = material.entries_of(group)
        quality = {material.fact(entry, "duty_id") for entry in entries if material.fact(entry, "track") == "quality"}
        for entry in entries:
            is_quantity = material.fact(entry, "track") == "quantity"
            if is_quantity and material.fact(entry, "duty_id") not in quality and entry.indicator_id not in told:
                told.add(entry.indicator_id)
                duty = material.fact(entry, "duty_id")
                yield Finding(
                    "L07",
                    "warning",
                    indicator_place(entry),
                    f"数量指标在履职事项 {duty} 上没有对应的质量指标（{group_names(group)[0]}）；"
                    "请在同一事项上加质量指标",
                    f"this quantity indicator has no quality twin on duty item {duty} ({group_names(group)[1]}); add a "
                    "quality indicator on the same item",
                )


def reverse_rating_weight(material: Material) -> Iterator[Finding]:
    """L21."""
    rules = material.scheme.department_composite
    if rules is not None and rules.reverse_rating.fraction < Fraction(3, 10):
        share = shown(rules.reverse_rating.fraction)
        yield Finding(
            "L21",
            "error",
            "department_composite.reverse_rating",
            f"基层评部门占部门综合得分 {share}，应不低于 0.3；请提高 reverse_rating",
            f"the reverse rating is {share} of the department composite, at least 0.3 is asked; raise reverse_rating",
        )


def _groups_with_data(material: Material) -> tuple[str | None, ...]:
    """The groups with indicators, when the dataset that says what they are is given."""
    if material.indicators is None:
        return ()
    return tuple(group for group in material.groups if material.entries_of(group))
