"""Lints that protect people: surveys, raters, publication, appeals, forms (L18 to L20, L22, L23, L25 to L27)."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from scoring.lints.finding import Finding, Material
from scoring.scheme import Instrument

OFF_LIST = ("reclaimed", "forbidden", "no_certificate")
FEWEST_RATERS = 10
FEWEST_UNITS = 5
SHORTEST_WINDOW = 15
USUAL_WINDOW = 30


def questions_on_the_list(material: Material) -> Iterator[Finding]:
    """L18."""
    for instrument in material.scheme.instruments or ():
        if instrument.respondent == "respondent":
            yield from _questions(material, instrument)


def _questions(material: Material, instrument: Instrument) -> Iterator[Finding]:
    place = f"instruments.{instrument.instrument_id}"
    if not instrument.questions:
        yield Finding(
            "L18",
            "error",
            place,
            "没有列出题项，无法核对；请逐题写明所涉履职事项",
            "lists no question, so none can be checked; list each with its duty item",
        )
    for question in instrument.questions:
        where = f"{place}.{question.item_id}"
        if question.duty_id is None or question.duty_list_id is None:
            yield Finding(
                "L18",
                "error",
                where,
                "没有对应的履职事项；请写明 duty_list_id 和 duty_id，或删去该题",
                "names no duty item; give duty_list_id and duty_id, or drop the question",
            )
            continue
        kind = material.duty_kind(question.duty_list_id, question.duty_id)
        if material.duty_items is not None and (kind is None or kind in OFF_LIST):
            yield Finding(
                "L18",
                "error",
                where,
                f"履职事项 {question.duty_id} 不属于清单 {question.duty_list_id} 中本单位的职责；请删去该题",
                f"duty item {question.duty_id} is no duty of the unit on list {question.duty_list_id}; drop the "
                "question",
            )


def raters_from_the_frame(material: Material) -> Iterator[Finding]:
    """L19."""
    eligibility = material.scheme.rating.eligibility
    if eligibility is not None and eligibility.organiser_nominated_share.value > 0:
        share = eligibility.organiser_nominated_share.value
        yield Finding(
            "L19",
            "warning",
            "rating.eligibility.organiser_nominated_share",
            f"评分人中 {share} 由组织方指定；请全部从参评名册产生",
            f"{share} of the raters are named by the organiser; draw all of them from the frame",
        )


def answers_are_free(material: Material) -> Iterator[Finding]:
    """L20."""
    for instrument in material.scheme.instruments or ():
        place = f"instruments.{instrument.instrument_id}"
        if not instrument.dont_know_option:
            yield Finding(
                "L20",
                "error",
                f"{place}.dont_know_option",
                "没有“不了解”选项；请加上",
                'has no "don\'t know"; add it',
            )
        if instrument.mandatory_free_text:
            yield Finding(
                "L20",
                "error",
                f"{place}.mandatory_free_text",
                "必须填写文字意见；请改为选填",
                "free text is mandatory; make it optional",
            )


def smallest_cell(material: Material) -> Iterator[Finding]:
    """L22; below 5 units a scheme is not even read, under the same id."""
    cell, survey = material.scheme.minimum_cell, material.scheme.satisfaction
    limits = [
        ("minimum_cell.min_raters", cell.min_raters, FEWEST_RATERS),
        ("minimum_cell.min_units", cell.min_units, FEWEST_UNITS),
    ]
    if survey is not None:
        limits.append(("satisfaction.suppress_below", survey.suppress_below, FEWEST_RATERS))
    for where, count, fewest in limits:
        if count.number < fewest:
            yield Finding(
                "L22",
                "error",
                where,
                f"最小公布单元为 {count.number}，应不少于 {fewest}；请提高",
                f"cells of {count.number} may be published, at least {fewest} is asked; raise it",
            )


def ratings_harm_nobody(material: Material) -> Iterator[Finding]:
    """L23."""
    conduct = material.scheme.conduct
    if conduct is None:
        return
    if conduct.own_ratings_score_the_rater.value:
        yield Finding(
            "L23",
            "error",
            "conduct.own_ratings_score_the_rater",
            "评分人因自己的评分而被计分；请改为 no",
            "raters are scored by their own ratings; set it to no",
        )
    if conduct.ratings_visible_to_ratee.value:
        yield Finding(
            "L23",
            "error",
            "conduct.ratings_visible_to_ratee",
            "被评部门能看到逐份评分；请改为 no",
            "the rated department sees the ratings; set it to no",
        )


def time_to_appeal(material: Material) -> Iterator[Finding]:
    """L25."""
    appeals = material.scheme.appeals
    if appeals is not None and appeals.window_days.number < SHORTEST_WINDOW:
        days = appeals.window_days.number
        yield Finding(
            "L25",
            "error",
            "appeals.window_days",
            f"申诉期为 {days} 天，应不少于 {SHORTEST_WINDOW} 天；请延长（常用 {USUAL_WINDOW} 天）",
            f"appeals are open for {days} days, at least {SHORTEST_WINDOW} are asked; extend it ({USUAL_WINDOW} is "
            "usual)",
        )


def no_pillory(material: Material) -> Iterator[Finding]:
    """L26."""
    conduct, consequence = material.scheme.conduct, material.scheme.consequence
    if conduct is not None and conduct.public_ranking.value:
        yield Finding(
            "L26",
            "error",
            "conduct.public_ranking",
            "公开通报排名；请取消，只反馈本单位结果",
            "rankings are made public; drop it and tell each only its own result",
        )
    if conduct is not None and conduct.names_individuals.value:
        yield Finding(
            "L26",
            "error",
            "conduct.names_individuals",
            "点名到个人；请取消",
            "individuals are named; drop it",
        )
    if consequence is not None and consequence.min_reliability.value < Decimal("0.7"):
        least = consequence.min_reliability.value
        yield Finding(
            "L26",
            "error",
            "consequence.min_reliability",
            f"信度 {least} 即可认定末位，应不低于 0.7；请提高 min_reliability",
            f"reliability {least} is enough for a bottom place, at least .7 is asked; raise min_reliability",
        )


def asked_once(material: Material) -> Iterator[Finding]:
    """L27."""
    rules = material.scheme.one_form
    if rules is None:
        return
    holds = {name: each.register_name for each in rules.connected_registers for name in each.data_element_ids}
    for asked in rules.asked_of_units:
        register = holds.get(asked.data_element_id)
        if register is not None:
            yield Finding(
                "L27",
                "error",
                f"one_form.asked_of_units.{asked.data_element_id}",
                f"“{asked.title.zh}”已在接入系统 {register} 中；请从系统取数，不再向基层要",
                f'"{asked.title.en}" is in the connected register "{register}"; take it there and stop asking units',
            )
