"""All lints over one scheme."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from itertools import chain

import polars as pl

from scoring.lints import feasibility, people, rules, spread, totals, weights
from scoring.lints import indicators as of_indicators
from scoring.lints.finding import Finding, Lint, Material
from scoring.scheme import Scheme

LINTS: tuple[Lint, ...] = (
    Lint(
        "L01",
        "群众满意度与工作实绩合计不低于 0.6",
        "satisfaction and results weigh at least .60 together",
        weights.majority_of_satisfaction_and_results,
        ("unit_score",),
    ),
    Lint(
        "L02",
        "过程（留痕）合计不超过 0.1，单项不超过 0.05",
        "process weighs at most .10, and none alone more than .05",
        weights.process_weight,
        ("unit_score",),
        ("indicators",),
    ),
    Lint(
        "L03",
        "不以留痕数量为指标",
        "no indicator counts evidence",
        of_indicators.evidence_volume,
        ("indicators",),
        ("indicators",),
    ),
    Lint(
        "L04",
        "每项指标对应有效清单中的履职事项，角色相符",
        "every indicator has a duty item on the dated list, with its role",
        of_indicators.duty_of_indicator,
        ("indicators",),
        ("indicators", "duty_items"),
    ),
    Lint(
        "L05",
        "每项指标有来源，自报不超过 0.1",
        "every indicator has a source; self-reporting weighs at most .10",
        of_indicators.source_of_indicator,
        ("indicators",),
        ("indicators",),
    ),
    Lint(
        "L06",
        "潜绩权重不低于 0.25",
        "latent achievement weighs at least .25",
        weights.latent_weight,
        ("tracks",),
        ("indicators",),
    ),
    Lint(
        "L07",
        "质量权重不低于 0.5，数量指标有质量指标相配",
        "quality weighs at least .50; a quantity indicator has a quality twin",
        weights.quality_weight,
        ("tracks",),
        ("indicators",),
    ),
    Lint(
        "L08",
        "严格控制考核总量",
        "the assessment stays small",
        of_indicators.size_of_assessment,
        ("indicators", "conduct"),
    ),
    Lint(
        "L09",
        "锚点、权重、可比组、授权清单在考核期前确定",
        "anchors, weights, peer groups and authorised lists are settled before the period",
        rules.decided_before,
        ("unit_points", "indicators", "peer_groups", "red_lines"),
    ),
    Lint(
        "L10",
        "可比组不少于 10 个单位或有上级组",
        "a peer group has at least 10 members or a parent",
        rules.size_of_peer_groups,
        ("peer_groups",),
    ),
    Lint(
        "L11",
        "一票否决事项在授权清单内",
        "veto items are on the authorised list",
        rules.authorised_red_lines,
        ("red_lines",),
    ),
    Lint(
        "L12",
        "奖金和加分只增不减，不追回",
        "money and adders only go up, and nothing is clawed back",
        rules.money_only_goes_up,
        ("bonus",),
    ),
    Lint(
        "L13",
        "上下限、名额可行，预留大于 0",
        "floors, caps and quotas are feasible, and the reserve is above 0",
        feasibility.feasible,
        ("tiers", "bonus", "tracks", "exemptions", "unit_points", "satisfaction", "ranks"),
    ),
    Lint(
        "L14",
        "每项指标有方向、最少案例数、计量单位、分母",
        "every indicator has direction, minimum number of cases, unit of measure and denominator",
        of_indicators.complete_indicator,
        ("indicators",),
        ("indicators",),
    ),
    Lint(
        "L15",
        "权责一致",
        "units are scored only on what is within their powers",
        of_indicators.within_powers,
        ("indicators",),
        ("indicators", "duty_items"),
    ),
    Lint(
        "L16",
        "实际权重与名义权重相差不超过 0.1",
        "effective and nominal weights are at most .10 apart",
        spread.effective_weights,
        ("unit_score",),
        ("effective_weight",),
    ),
    Lint(
        "L17",
        "满分单位不超过八成",
        "at most 80 % of the units are at full points",
        spread.no_discrimination,
        ("indicators",),
        ("unit_indicator",),
    ),
    Lint(
        "L18",
        "调查题目不超出履职清单",
        "survey questions stay within the rated unit's duty list",
        people.questions_on_the_list,
        ("instruments",),
        ("duty_items",),
    ),
    Lint(
        "L19",
        "评分人从参评名册产生",
        "raters come from the frame",
        people.raters_from_the_frame,
    ),
    Lint(
        "L20",
        "有“不了解”选项，文字意见选填",
        "don't know is an option and free text is not mandatory",
        people.answers_are_free,
        ("instruments",),
    ),
    Lint(
        "L21",
        "基层评部门不低于部门综合得分的 0.3",
        "the reverse rating is at least .30 of the department composite",
        weights.reverse_rating_weight,
        ("department_composite",),
    ),
    Lint(
        "L22",
        "最小公布单元不低于 5 个单位、10 名评分人",
        "no cell below 5 units or 10 raters is published",
        people.smallest_cell,
    ),
    Lint(
        "L23",
        "评分不用于评分人，不向被评部门公开",
        "ratings neither score their rater nor reach the rated department",
        people.ratings_harm_nobody,
        ("conduct",),
    ),
    Lint(
        "L24",
        "每组权重合计为 1，无未知指标，无用不上的权重",
        "weights sum to 1 in every group; no unknown ids, no unused weights",
        totals.weights_add_up,
        ("unit_score", "indicators", "department_composite"),
        ("indicators",),
    ),
    Lint(
        "L25",
        "申诉期不少于 15 天",
        "appeals are open for at least 15 days",
        people.time_to_appeal,
        ("appeals",),
    ),
    Lint(
        "L26",
        "不公开排名、不点名到个人，信度不足 0.7 不认定末位",
        "no public ranking, no naming of individuals, no bottom place without reliability .70",
        people.no_pillory,
        ("conduct", "consequence"),
    ),
    Lint(
        "L27",
        "已在接入系统中的数据不再向基层要",
        "units are not asked for what a connected register holds",
        people.asked_once,
        ("one_form",),
    ),
)
"""The lints of method 3.10 in the order of their ids."""


def lint_scheme(
    scheme: Scheme,
    *,
    indicators: pl.DataFrame | None = None,
    duty_items: pl.DataFrame | None = None,
    results: Mapping[str, pl.DataFrame] | None = None,
    period_start: dt.date | None = None,
) -> tuple[Finding, ...]:
    """Everything the lints of method 3.10 say of a scheme.

    Args:
        scheme: The scheme; a draft is linted like any other.
        indicators: Dataset ``indicator``: indicator_id, name, unit, direction, track, nature,
            achievement_kind, duty_id, source_register, min_cases, valid_from, valid_to.
        duty_items: Dataset ``duty_item``: list_id, duty_id, duty_kind, valid_from, valid_to.
        results: Result tables of the last period by name, of which ``effective_weight`` and
            ``unit_indicator`` are read.
        period_start: First day of the first period; ``scheme.valid_from`` when not given.

    Returns:
        Findings in the order of the lints; a lint without one of its sections or data says in a finding
        ``not_checked`` what it lacks.
    """
    start = period_start or scheme.valid_from
    material = Material(scheme, start, _in_force(indicators, start), _in_force(duty_items, start), results)
    return tuple(chain.from_iterable(_one(lint, material) for lint in LINTS))


def _one(lint: Lint, material: Material) -> Iterator[Finding]:
    absent = [name for name in lint.sections if getattr(material.scheme, name) is None]
    if absent:
        yield _not_checked(lint, f"方案没有 {'、'.join(absent)}", f"the scheme has no {', '.join(absent)}")
    if absent and len(absent) == len(lint.sections):
        return
    yield from lint.find(material)
    lacking = [name for name in lint.data if not _given(material, name)]
    if lacking:
        yield _not_checked(lint, f"没有提供数据 {'、'.join(lacking)}", f"no data given: {', '.join(lacking)}")


def _given(material: Material, name: str) -> bool:
    if name == "indicators":
        return material.indicators is not None or not material.entries
    if name == "duty_items":
        return material.duty_items is not None
    return material.results is not None and name in material.results


def _not_checked(lint: Lint, zh: str, en: str) -> Finding:
    return Finding(lint.lint_id, "not_checked", "", f"{zh}，未检查或未全部检查", f"{en}; not or not fully checked")


def _in_force(rows: pl.DataFrame | None, day: dt.date) -> pl.DataFrame | None:
    """The rows of a dated dataset that hold on ``day``; ISO dates compare as text."""
    if rows is None or "valid_from" not in rows.columns:
        return rows
    begun = pl.col("valid_from").cast(pl.String) <= day.isoformat()
    if "valid_to" not in rows.columns:
        return rows.filter(begun)
    end = pl.col("valid_to").cast(pl.String)
    return rows.filter(begun & (end.is_null() | (end > day.isoformat())))
