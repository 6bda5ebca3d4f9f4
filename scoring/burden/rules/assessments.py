"""Assessments and rankings: ASM-01 to ASM-09 (burden catalogue, part 3.4).

An indicator counts as scored when the list ``assessment.scored_indicators`` names it (``*``: every one) and a unit of
the grassroots has a fact of it in the window. What is wrong with an indicator counts against whoever set its target,
else against the keeper of its register, never against the unit the fact is about.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import polars as pl

from scoring.burden.facts import EVENT
from scoring.burden.flags import Rule, no_flags
from scoring.burden.inputs import BurdenInputs, within
from scoring.burden.parameters import Parameters
from scoring.burden.rules.breaches import charged_to_issuer, demands
from scoring.burden.rules.counting import (
    LEVEL_RANKS,
    answerable,
    load_per_subject,
    named_on,
    per_subject,
    rows_of,
    together,
    with_subject_level,
    without_repeats,
)
from scoring.lints.indicators import EVIDENCE_VOLUME

GRASSROOTS: Final = ("village", "community", "township", "subdistrict")
OFF_LIST_KINDS: Final = ("reclaimed", "forbidden", "no_certificate")

ACTIVITY: Final = (
    "asks_ledger",
    "asks_photos",
    "asks_presentation",
    "asks_study_notes",
    "check_in",
    "online_time",
    "points_rank",
    "track_upload",
    "usage_target",
)
"""Features of an assessment that credits activity instead of what came of it."""

RANKING_WORDS: Final = ("考核", "考评", "排名", "排行", "评比", "ranking", "league table", "assessment")
"""A register so called is itself an assessment or a ranking."""

COMMISSIONED_WORDS: Final = ("第三方", "委托", "third-party", "third party", "commissioned")
"""A register so called is a survey somebody was paid to do."""

TIMES_PER_YEAR: Final[Mapping[str, int]] = {
    "once": 1,
    "yearly": 1,
    "quarterly": 4,
    "monthly": 12,
    "weekly": 52,
    "daily": 250,
}
"""How often a year something recurs; ``on_demand`` is not known. Daily is every working day."""

_JUDGED: Final = ("subject_org_id", *EVENT, "target_org_id", "reported_by", "is_exempt")


def asm_01(inputs: BurdenInputs, parameters: Parameters) -> pl.LazyFrame:
    """ASM-01, thousand-point assessment.

    Points are those of one assessment or the sum of what one issuer assesses one unit by; the same assessment held
    several times (same title) counts once.
    """
    points_max, depth_max = parameters.number("assessment.points_max"), parameters.number("assessment.depth_max")
    step_min, items_max = parameters.number("assessment.step_min"), parameters.number("assessment.items_max")
    rows = rows_of(inputs, "assessment")
    step = pl.col("step_min").cast(pl.Float64)
    points = pl.col("points_sum").cast(pl.Float64)
    return together(
        per_subject(
            _with_points_sum(rows),
            points >= points_max,
            param_id="assessment.points_max",
            threshold=points_max,
            value=points.max(),
        ),
        per_subject(
            rows,
            pl.col("depth") > depth_max,
            param_id="assessment.depth_max",
            threshold=depth_max,
            value=pl.col("depth").max(),
        ),
        per_subject(
            rows,
            pl.when(step > 0).then(step < step_min),
            param_id="assessment.step_min",
            threshold=step_min,
            value=step.min(),
        ),
        per_subject(
            rows,
            pl.col("items_n") > items_max,
            result_type="watch",
            param_id="assessment.items_max",
            threshold=items_max,
            value=pl.col("items_n").max(),
        ),
    )


def _with_points_sum(rows: pl.LazyFrame) -> pl.LazyFrame:
    """Rows with points, with the sum of one issuer's assessments of the bearer; exempt ones are gone."""
    pair = ["subject_org_id", "target_org_id"]
    counted = rows.filter(~pl.col("is_exempt"), pl.col("points_total").is_not_null())
    sums = (
        counted.group_by(*pair, "title")
        .agg(points=pl.col("points_total").cast(pl.Decimal(38, 6)).max())
        .group_by(pair)
        .agg(points_sum=pl.col("points").sum())
    )
    return counted.join(sums, on=pair, nulls_equal=True)


def asm_02(inputs: BurdenInputs, parameters: Parameters) -> pl.LazyFrame:
    """ASM-02, stand-alone assessment: by somebody else than the office that runs the merged one of the level.

    ``assessment.organiser`` lists ``level:org_id``, the level being the assessor's; levels it does not name are not
    judged. An inspection is an assessment when it scores, ranks or sets one.

    Raises:
        ValueError: An entry of the list is not ``level:org_id`` with a level of the register.
    """
    named = [_organiser(entry) for entry in parameters.words("assessment.organiser") if entry]
    ranks = sorted({rank for rank, _ in named})
    organisers = sorted({org_id for _, org_id in named})
    if not named:
        return no_flags()
    assesses = (pl.col("burden_kind") == "assessment") | demands("scores_or_ranks", "sets_assessment")
    rows = with_subject_level(rows_of(inputs, "assessment", "inspection").filter(assesses), inputs)
    organised = pl.col("subject_org_id").is_in(organisers) | pl.col("issuer_org_id").is_in(organisers)
    return per_subject(
        rows,
        pl.when(pl.col("subject_level_rank").is_in(ranks)).then(~organised),
        param_id="assessment.organiser",
    )


def _organiser(entry: str) -> tuple[int, str]:
    level, colon, org_id = entry.partition(":")
    if level not in LEVEL_RANKS or not colon or not org_id:
        raise ValueError(
            f"assessment.organiser: {entry!r} is not level:org_id; levels are {', '.join(LEVEL_RANKS)}; correct it"
        )
    return LEVEL_RANKS[level], org_id


def asm_03(inputs: BurdenInputs, parameters: Parameters) -> pl.LazyFrame:
    """ASM-03, ranking notices: more of one matter in twelve months than allowed; and how many there were.

    Each day with a notice looks back twelve months, itself included. A notice without ``matter`` is told by its
    ``burden_subkind``; without either it cannot be judged.
    """
    limit = parameters.number("ranking.per_year")
    history = inputs.window.years_before()
    ranked = pl.col("burden_kind") == "usage_ranking"
    notices = without_repeats(
        inputs.facts.filter(ranked, pl.col("start_date").is_between(history.start, inputs.window.end, closed="left"))
    ).with_columns(ranked_matter=pl.coalesce("matter", "burden_subkind"))
    matter = ["subject_org_id", "ranked_matter"]
    in_year = (
        notices.filter(~pl.col("is_exempt"), pl.col("ranked_matter").is_not_null())
        .group_by(*matter, *EVENT)
        .agg(pl.col("start_date").min())
        .group_by(*matter, "start_date")
        .agg(n_day=pl.len().cast(pl.Int64))
        .sort(*matter, "start_date")
        .rolling(index_column="start_date", period="12mo", group_by=matter)
        .agg(in_year=pl.col("n_day").sum())
    )
    rows = notices.filter(within(inputs.window))
    return together(
        per_subject(
            rows.join(in_year, on=[*matter, "start_date"], how="left"),
            pl.col("in_year") > limit,
            param_id="ranking.per_year",
            threshold=limit,
            value=pl.col("in_year").max(),
        ),
        load_per_subject(rows),
    )


def asm_04(inputs: BurdenInputs, parameters: Parameters) -> pl.LazyFrame:
    """ASM-04, target cascade: what is handed down is more than what was received.

    Targets: the targets an organisation set for one level, against its own target (or that of the organisation above
    it, when it has none of its own). They are added up for indicators aggregated as ``sum`` and averaged for ``mean``
    and ``ratio``; other indicators do not say how units combine and are not judged. Where lower is better the ratio is
    turned over. Assessments and campaigns: items and frequency against those of the parent document of a higher level.
    Whoever handed down the higher number answers.
    """
    limit, tolerance = parameters.number("target.cascade_max"), parameters.number("target.tolerance")
    rows = pl.concat([_target_ratios(inputs), _document_ratios(inputs)])
    return per_subject(
        rows,
        pl.col("ratio").round(9) > round(limit + tolerance, 9),
        param_id="target.cascade_max",
        threshold=limit,
        value=pl.col("ratio").max(),
    )


def _target_ratios(inputs: BurdenInputs) -> pl.LazyFrame:
    """One row per target handed down, with the ratio of its level to the target received."""
    target = pl.col("target_value").cast(pl.Decimal(38, 6))
    targets = inputs.performance.filter(within(inputs.window, "as_of"), target.is_not_null(), target > 0)
    levels = inputs.organisations.lazy().select("org_id", target_level="level_rank")
    kinds = inputs.indicators.lazy().group_by("indicator_id").agg(pl.col("agg", "direction").first())
    setter = answerable(inputs.organisations).select(
        "parent_org_id", "answerable_org_id", target_set_by="org_id", setter_rank="level_rank"
    )
    one = ["indicator_id", "period_id"]
    received = targets.group_by(*one, "org_id").agg(received=target.max())
    handed_down = (
        targets.filter(pl.col("target_set_by") != pl.col("org_id"))
        .group_by(*one, "target_set_by", "org_id")
        .agg(handed=target.min())
        .join(levels, on="org_id")
        .join(setter, on="target_set_by")
        .filter(pl.col("target_level") < pl.col("setter_rank"))
    )
    own = received.rename({"org_id": "target_set_by", "received": "own_target"})
    above = received.rename({"org_id": "parent_org_id", "received": "above_target"})
    group = [*one, "target_set_by", "target_level"]
    sums = (
        handed_down.group_by(group)
        .agg(handed_sum=pl.col("handed").sum(), handed_n=pl.len())
        .join(handed_down.select(*group, "parent_org_id").unique(), on=group)
        .join(own, on=[*one, "target_set_by"], how="left")
        .join(above, on=[*one, "parent_org_id"], how="left")
        .join(kinds, on="indicator_id")
        .with_columns(ratio=_target_ratio())
        .select(*group, "ratio")
    )
    return handed_down.join(sums, on=group).select(
        subject_org_id="answerable_org_id",
        issuer_org_id="target_set_by",
        burden_kind=pl.lit("target"),
        source_ref="indicator_id",
        target_org_id="org_id",
        reported_by=pl.lit(None, pl.String),
        is_exempt=pl.lit(value=False),
        ratio="ratio",
    )


def _target_ratio() -> pl.Expr:
    received = pl.coalesce("own_target", "above_target").cast(pl.Float64)
    total = pl.col("handed_sum").cast(pl.Float64)
    handed = (
        pl.when(pl.col("agg") == "sum")
        .then(total)
        .when(pl.col("agg").is_in(["mean", "ratio"]))
        .then(total / pl.col("handed_n"))
    )
    return pl.when(pl.col("direction") == "lower_better").then(received / handed).otherwise(handed / received)


def _document_ratios(inputs: BurdenInputs) -> pl.LazyFrame:
    """Rows of assessments and campaigns with the larger of the ratios of items and of frequency to the parent's."""
    times = pl.col("frequency").replace_strict(TIMES_PER_YEAR, default=None, return_dtype=pl.Int64)
    kinds = ("assessment", "campaign")
    parents = (
        without_repeats(
            inputs.facts.filter(pl.col("burden_kind").is_in(kinds), pl.col("start_date") < inputs.window.end)
        )
        .group_by("source_ref")
        .agg(
            parent_rank=pl.col("issuer_level_rank").max(),
            parent_items=pl.col("items_n").max(),
            parent_times=times.max(),
        )
        .rename({"source_ref": "parent_source_ref"})
    )
    items = pl.when(pl.col("parent_items") > 0).then(pl.col("items_n") / pl.col("parent_items"))
    return (
        charged_to_issuer(rows_of(inputs, *kinds), inputs.organisations)
        .join(parents, on="parent_source_ref")
        .filter(pl.col("parent_rank") > pl.col("issuer_level_rank"))
        .select(*_JUDGED, ratio=pl.max_horizontal(items, times / pl.col("parent_times")))
    )


def asm_05(inputs: BurdenInputs, parameters: Parameters) -> pl.LazyFrame:
    """ASM-05, activity scored as a result.

    A scored indicator of nature ``process``, or whose name counts evidence, and every assessment that asks for
    ledgers, photos, notes, check-ins, points, time online or use as what it credits.
    """
    name = pl.col("name").str.to_lowercase()
    counts = pl.any_horizontal(name.str.contains(word, literal=True) for word in EVIDENCE_VOLUME)
    activity = (pl.col("nature") == "process").fill_null(value=False) | counts.fill_null(value=False)
    indicators = _scored_facts(inputs, parameters).select(*_JUDGED, scores_activity=activity)
    assessments = rows_of(inputs, "assessment").filter(pl.col("feature_list").is_not_null())
    asked = assessments.select(*_JUDGED, scores_activity=demands(*ACTIVITY))
    return per_subject(pl.concat([indicators, asked]), pl.col("scores_activity"))


def asm_06(inputs: BurdenInputs, parameters: Parameters) -> pl.LazyFrame:
    """ASM-06, nested indicators: the register is itself an assessment or ranking; a survey scores twice.

    A register is one when its name says so, or is the title, matter or number of an assessment or ranking notice. The
    watch is for satisfaction indicators from a commissioned survey beside another one on the same duty, or on the same
    domain where neither names a duty.
    """
    facts = _scored_facts(inputs, parameters)
    held = inputs.facts.filter(
        pl.col("burden_kind").is_in(["assessment", "usage_ranking"]), pl.col("start_date") < inputs.window.end
    )
    names = pl.concat([held.select(source_register=name) for name in ("title", "matter", "source_ref", "doc_no")])
    known = names.drop_nulls().unique().with_columns(is_held=pl.lit(value=True))
    rows = facts.filter(pl.col("source_register").is_not_null()).join(known, on="source_register", how="left")
    nested = pl.col("is_held").fill_null(value=False) | _says("source_register", RANKING_WORDS)
    return together(
        per_subject(rows, nested),
        per_subject(_with_repeats(rows), pl.col("repeats"), result_type="watch"),
    )


def _says(column: str, words: tuple[str, ...]) -> pl.Expr:
    text = pl.col(column).str.to_lowercase()
    return pl.any_horizontal(text.str.contains(word, literal=True) for word in words)


def _with_repeats(facts: pl.LazyFrame) -> pl.LazyFrame:
    """Satisfaction facts, with whether a commissioned one repeats another indicator of its unit."""
    topic = pl.coalesce("duty_id", "domain")
    satisfaction = facts.filter(pl.col("nature") == "satisfaction", topic.is_not_null()).with_columns(topic=topic)
    pair = ["target_org_id", "topic"]
    asked = satisfaction.group_by(pair).agg(n_asked=pl.col("source_ref").n_unique())
    commissioned = _says("source_register", COMMISSIONED_WORDS)
    return satisfaction.join(asked, on=pair).with_columns(repeats=commissioned & (pl.col("n_asked") > 1))


def asm_07(inputs: BurdenInputs, parameters: Parameters) -> pl.LazyFrame:
    """ASM-07, assessed off the list: no duty of the unit on that day, or one that it must not be asked for.

    Scored indicators by their duty; assessments only where they name a duty, since the merged one has many. A unit
    without a duty list in force that day cannot be judged.
    """
    scored = _scored_facts(inputs, parameters).select(*_JUDGED, "duty_id", "day")
    named = rows_of(inputs, "assessment").filter(pl.col("duty_id").is_not_null(), pl.col("admission_id").is_null())
    rows = pl.concat([scored, named.select(*_JUDGED, "duty_id", day="start_date")])
    return per_subject(_with_duty(rows, inputs), ~pl.col("may_be_scored"))


def _with_duty(rows: pl.LazyFrame, inputs: BurdenInputs) -> pl.LazyFrame:
    """Rows with ``may_be_scored``: the bearer's list of ``day`` has the duty in a role that may be asked for.

    Null where the bearer has no list that day. A list of one's own stands before the list of one's kind.
    """
    pair = ["target_org_id", "day"]
    kinds = inputs.organisations.lazy().select(target_org_id="org_id", scope_kind="org_kind")
    lists = inputs.duties.lazy().select("scope_org_id", "scope_kind", "duty_id", "duty_kind", "valid_from", "valid_to")
    days = rows.select(pair).unique().join(kinds, on="target_org_id", how="left")
    in_force = (pl.col("valid_from") <= pl.col("day")) & (
        pl.col("valid_to").is_null() | (pl.col("day") < pl.col("valid_to"))
    )
    own = days.join(
        lists.drop("scope_kind").filter(pl.col("scope_org_id").is_not_null()),
        left_on="target_org_id",
        right_on="scope_org_id",
    ).filter(in_force)
    by_kind = (
        days.join(lists.filter(pl.col("scope_org_id").is_null()).drop("scope_org_id"), on="scope_kind")
        .filter(in_force)
        .join(own.select(pair).unique(), on=pair, how="anti")
    )
    columns = [*pair, "duty_id", "duty_kind"]
    duties = pl.concat([own.select(columns), by_kind.select(columns)])
    allowed = (
        duties.filter(~pl.col("duty_kind").is_in(OFF_LIST_KINDS))
        .select(*pair, "duty_id")
        .unique()
        .with_columns(allowed=pl.lit(value=True))
    )
    listed = duties.select(pair).unique().with_columns(has_list=pl.lit(value=True))
    return (
        rows.join(listed, on=pair, how="left")
        .join(allowed, on=[*pair, "duty_id"], how="left")
        .with_columns(may_be_scored=pl.when("has_list").then(pl.col("allowed").fill_null(value=False)))
    )


def asm_08(inputs: BurdenInputs, parameters: Parameters) -> pl.LazyFrame:
    """ASM-08, pledges and vetoes outside the authorised lists.

    Every responsibility letter is a pledge, and a veto too when it sets one. The lists name entries by source
    reference, document or plan number, parent, matter or title.
    """
    letters = rows_of(inputs, "responsibility_letter")
    vetoes = letters.filter(demands("sets_veto"))
    return together(
        *(
            per_subject(rows, ~named_on(parameters.words(name)), param_id=name)
            for name, rows in (("pledge.allowed", letters), ("veto.allowed", vetoes))
        )
    )


def asm_09(inputs: BurdenInputs, parameters: Parameters) -> pl.LazyFrame:
    """ASM-09, counted and never checked: too few of a keeper's scored facts were verified on the spot.

    Verified is what a verification confirmed or found to differ; what could not be verified is in neither count, and
    the keeper's own word (``status``) is none.
    """
    least = parameters.number("verify.share_min")
    facts = (
        _with_answerable(_in_scoring(inputs, parameters), inputs, "source_org_id")
        .join(_checks(inputs), on=["indicator_id", "org_id"], how="left")
        .with_columns(outcome=pl.when(_same_fact()).then("outcome"))
        .group_by("answerable_org_id", "indicator_id", "org_id", "period_id", "source_org_id")
        .agg(
            is_checked=pl.col("outcome").is_in(["confirmed", "differs"]).any(),
            is_tried=(pl.col("outcome") == "not_verifiable").any(),
        )
        .filter(pl.col("is_checked") | ~pl.col("is_tried"))
    )
    shares = facts.group_by("answerable_org_id").agg(n_facts=pl.len(), n_checked=pl.col("is_checked").sum())
    too_few = shares.filter(pl.col("n_checked") < (pl.col("n_facts") * least).round(9)).with_columns(
        share=pl.col("n_checked") / pl.col("n_facts")
    )
    unchecked = facts.join(too_few, on="answerable_org_id").select(
        "share",
        "is_checked",
        subject_org_id="answerable_org_id",
        issuer_org_id=pl.concat_str("source_org_id", "org_id", "period_id", separator="/"),
        burden_kind=pl.lit("fact"),
        source_ref="indicator_id",
        target_org_id="org_id",
        reported_by=pl.lit(None, pl.String),
        is_exempt=pl.lit(value=False),
    )
    return per_subject(
        unchecked,
        ~pl.col("is_checked"),
        param_id="verify.share_min",
        threshold=least,
        value=pl.col("share").max(),
    )


def _checks(inputs: BurdenInputs) -> pl.LazyFrame:
    """Verifications of performance facts with the parts of their key; parts the key leaves out are null."""
    key = pl.col("fact_key")
    return (
        inputs.verifications.lazy()
        .filter(pl.col("dataset") == "performance_fact")
        .select(
            "outcome",
            indicator_id=key.str.json_path_match("$.indicator_id"),
            org_id=key.str.json_path_match("$.org_id"),
            checked_period=key.str.json_path_match("$.period_id"),
            checked_source=key.str.json_path_match("$.source_org_id"),
        )
    )


def _same_fact() -> pl.Expr:
    same_period = pl.col("checked_period").is_null() | (pl.col("checked_period") == pl.col("period_id"))
    return same_period & (pl.col("checked_source").is_null() | (pl.col("checked_source") == pl.col("source_org_id")))


def _in_scoring(inputs: BurdenInputs, parameters: Parameters) -> pl.LazyFrame:
    """Performance facts of the window that move points or money."""
    facts = inputs.performance.filter(within(inputs.window, "as_of"))
    if "assessment.scored_indicators" not in parameters:
        return facts
    scored = parameters.words("assessment.scored_indicators")
    return facts if "*" in scored else facts.filter(pl.col("indicator_id").is_in(scored))


def _with_answerable(facts: pl.LazyFrame, inputs: BurdenInputs, *columns: str) -> pl.LazyFrame:
    """Facts with ``answerable_org_id``: the first of some organisations that can answer, and is not the unit itself."""
    answers = answerable(inputs.organisations)
    for place, column in enumerate(columns):
        able = answers.select(pl.col("org_id").alias(column), pl.col("answerable_org_id").alias(f"able_{place}"))
        facts = facts.join(able, on=column, how="left")
    names = [f"able_{place}" for place in range(len(columns))]
    other = [pl.when(pl.col(name) != pl.col("org_id")).then(name) for name in names]
    return (
        facts.with_columns(answerable_org_id=pl.coalesce(other))
        .drop(names)
        .filter(pl.col("answerable_org_id").is_not_null())
    )


def _scored_facts(inputs: BurdenInputs, parameters: Parameters) -> pl.LazyFrame:
    """Scored facts of the grassroots as rows of a rule, one indicator being one event, with the indicator's columns."""
    units = inputs.organisations.lazy().filter(pl.col("org_kind").is_in(GRASSROOTS)).select("org_id")
    columns = ("name", "nature", "domain", "source_register", "duty_id")
    indicators = inputs.indicators.lazy().group_by("indicator_id").agg(pl.col(columns).first())
    facts = _in_scoring(inputs, parameters).join(units, on="org_id", how="semi").join(indicators, on="indicator_id")
    return _with_answerable(facts, inputs, "target_set_by", "source_org_id").select(
        *columns,
        day="as_of",
        subject_org_id="answerable_org_id",
        issuer_org_id="answerable_org_id",
        burden_kind=pl.lit("indicator"),
        source_ref="indicator_id",
        target_org_id="org_id",
        reported_by=pl.lit(None, pl.String),
        is_exempt=pl.lit(value=False),
    )


RULES: Mapping[str, Rule] = {
    "ASM-01": asm_01,
    "ASM-02": asm_02,
    "ASM-03": asm_03,
    "ASM-04": asm_04,
    "ASM-05": asm_05,
    "ASM-06": asm_06,
    "ASM-07": asm_07,
    "ASM-08": asm_08,
    "ASM-09": asm_09,
}
