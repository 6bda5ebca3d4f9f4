"""Documents: DOC-01 to DOC-11 of the burden catalogue, part 3.1.

Every rule counts events; rows that repeat another row (``dup_of``) count only in DOC-05.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from types import MappingProxyType
from typing import Final

import polars as pl

from scoring.burden.facts import EVENT
from scoring.burden.flags import Rule, evidence, flags
from scoring.burden.inputs import BurdenInputs, within
from scoring.burden.parameters import Parameters
from scoring.burden.rules.breaches import (
    BEARER,
    DEPARTMENT_KINDS,
    SUBJECT,
    admitted,
    breaches,
    by_event,
    calendar_of,
    change,
    charged_to_issuer,
    crowded,
    demands,
    exceeds,
    happened,
    judged,
    load_and,
    millionths,
    months_before,
    since,
    summary,
    to_committee_or_government,
    year_on_year,
)
from scoring.burden.rules.chains import with_roots
from scoring.burden.working_time import (
    WorkingCalendar,
    is_after_hours,
    is_workday,
    local_date,
    workdays_between,
    workdays_between_dates,
    working_seconds_between,
)
from scoring.sums import raw_units

DOCUMENTS: Final = ("document", "reforwarded_document")
SETS: Final = ("sets_assessment", "sets_pledge", "sets_veto")
ASKS: Final = ("asks_ledger", "asks_photos", "asks_presentation", "asks_study_notes")
TASKS: Final = (
    *SETS,
    *ASKS,
    "demands_supporting_doc",
    "issues_rectification",
    "scores_or_ranks",
    "names_lead",
    "check_in",
    "points_rank",
    "online_time",
    "track_upload",
    "usage_target",
    "fee",
)
"""Features with which a document sets a task, form or assessment and so needs a consistency review."""

QUARTER_MONTHS: Final = 3


def under_quota() -> pl.Expr:
    """Whether a row counts under the streamlining quota; a legal exemption without its basis takes none off it."""
    claimed = pl.col("counted_class").is_in(["exempt_emergency", "exempt_legal"])
    return (pl.col("counted_class") == "streamlined") | (claimed & ~pl.col("is_exempt"))


def doc_01(inputs: BurdenInputs, parameters: Parameters) -> pl.LazyFrame:
    """Document growth: more documents under the quota than in the same days a year earlier.

    The load's value is the change ratio, its denominator last year's number; both null where the years cannot
    be compared (``year_on_year``).
    """
    most = parameters.number("document.growth_max")
    years = year_on_year(inputs, lambda window: happened(inputs, "document", window=window).filter(under_quota()))
    grown = pl.col("n") * millionths(1) > pl.col("before") * millionths(1 + most)
    is_breach = pl.col("result_type") == "breach"
    return flags(
        load_and(years, grown, "breach"),
        denominator=pl.col("before"),
        value=change(),
        param_id=pl.when(is_breach).then(pl.lit("document.growth_max")),
        threshold=pl.when(is_breach).then(most),
    )


def doc_02(inputs: BurdenInputs, parameters: Parameters) -> pl.LazyFrame:  # noqa: ARG001 -- every rule takes both
    """Unplanned document: one under the quota without a number in the filed yearly plan; value is their share."""
    return breaches(judged(inputs, "document").filter(under_quota()), pl.col("plan_no").is_null().all())


def doc_03(inputs: BurdenInputs, parameters: Parameters) -> pl.LazyFrame:
    """Overlong document: more characters than allowed for comprehensive or for special documents.

    A document is comprehensive where ``burden_subkind`` says so (``document.comprehensive_subkinds``); one that
    says nothing is held against the larger limit, which it breaks in any case. Value: the longest.
    """
    rows = judged(inputs, "document").filter(pl.col("words").is_not_null())
    general = pl.col("burden_subkind").is_in(list(parameters.words("document.comprehensive_subkinds")))
    found = []
    for name, kept in (("words_general", general.fill_null(value=True)), ("words_task", ~general)):
        limit = parameters.whole(f"document.{name}")
        words = pl.col("words").max()
        found.append(
            breaches(rows.filter(kept), words > limit, measure=words, param_id=f"document.{name}", threshold=limit)
        )
    return pl.concat(found)


def doc_04(inputs: BurdenInputs, parameters: Parameters) -> pl.LazyFrame:
    """Copied document: like its parent document at or above the limit; from the lower limit on a sign to watch.

    Whoever made the copy is the subject, not the office whose document was copied. Value: the greatest likeness.
    """
    most, watched = (parameters.number(f"document.similarity_{name}") for name in ("max", "watch"))
    rows = charged_to_issuer(judged(inputs, "document"), inputs.organisations)
    rows = rows.filter(pl.col("similarity").is_not_null()).with_columns(likeness=raw_units("similarity"))
    likeness = pl.col("likeness").max()
    copied = likeness >= millionths(most)
    breach, watch = (
        breaches(
            rows, broken, measure=likeness / millionths(1), result_type=result_type, param_id=name, threshold=threshold
        )
        for result_type, name, threshold, broken in (
            ("breach", "document.similarity_max", most, copied),
            ("watch", "document.similarity_watch", watched, ~copied & (likeness >= millionths(watched))),
        )
    )
    return pl.concat([breach, watch])


def doc_05(inputs: BurdenInputs, parameters: Parameters) -> pl.LazyFrame:
    """Duplicate and re-forwarded documents: what a unit receives of one document beyond the first time.

    Looked at over a quarter: the three months up to the end of the window, or the window where it is longer.
    Of the rows of one unit and one root document all but the first are surplus, each counted against who
    forwarded it. The load gives everybody's share of surplus rows.
    """
    most = parameters.number("document.duplicate_share_max")
    quarter = since(inputs.window, months_before(inputs.window.end, QUARTER_MONTHS))
    received = judged(inputs, *DOCUMENTS, window=quarter, with_duplicates=True).filter(pl.col(BEARER).is_not_null())
    rows = charged_to_issuer(received, inputs.organisations)
    surplus = _surplus(with_roots(rows, inputs, *DOCUMENTS))
    shares = (
        rows.select(SUBJECT, BEARER, *EVENT)
        .unique()
        .group_by(SUBJECT)
        .agg(denominator=pl.len())
        .join(_by_forwarder(surplus), on=SUBJECT, how="left")
        .with_columns(pl.col("n", "n_bearers").fill_null(0))
    )
    is_breach = pl.col("result_type") == "breach"
    return flags(
        load_and(shares, exceeds("n", "denominator", most), "breach"),
        value=pl.col("n") / pl.col("denominator"),
        param_id=pl.when(is_breach).then(pl.lit("document.duplicate_share_max")),
        threshold=pl.when(is_breach).then(most),
    )


def _by_forwarder(surplus: pl.LazyFrame) -> pl.LazyFrame:
    return surplus.group_by(SUBJECT).agg(n=pl.len(), evidence_refs=evidence(), n_bearers=pl.col(BEARER).n_unique())


def _surplus(rows: pl.LazyFrame) -> pl.LazyFrame:
    """Of one unit and root all events but the first, one row each; of one day, the higher level's is the first."""
    group = [BEARER, "root"]
    event = pl.struct(*EVENT).hash()
    # Most documents stand alone: what has no second event of its root anywhere need not be looked at by unit.
    shared = rows.group_by("root").agg(is_shared=event.min() != event.max()).filter("is_shared")
    ordered = rows.join(shared, on="root", how="semi").sort(
        *group,
        "start_date",
        "issued_at",
        -pl.col("issuer_level_rank").cast(pl.Int64),
        *EVENT,
        nulls_last=True,
    )
    once = ordered.unique([*group, *EVENT], keep="first", maintain_order=True)
    return once.filter(pl.int_range(pl.len()).over(group) > 0)


def doc_06(inputs: BurdenInputs, parameters: Parameters) -> pl.LazyFrame:  # noqa: ARG001 -- every rule takes both
    """Disguised document: a reminder or paper without a document number that sets a task, deadline or report.

    The load counts all papers without a number; its value is their share.
    """
    rows = judged(inputs, "work_reminder", "document")
    unnumbered = pl.col("doc_no").is_null().all()
    tasked = (demands(*SETS, *ASKS) | pl.col("due_at").is_not_null()).any()
    plain = pl.col("is_unnumbered")
    events = by_event(rows, is_unnumbered=unnumbered).group_by(SUBJECT)
    load = flags(
        events.agg(*summary(plain), n=plain.sum(), denominator=pl.len()),
        result_type="load",
        value=pl.col("n") / pl.col("denominator"),
    )
    return pl.concat([load, breaches(rows, unnumbered & tasked)])


def doc_07(inputs: BurdenInputs, parameters: Parameters) -> pl.LazyFrame:  # noqa: ARG001 -- every rule takes both
    """Cascaded supporting documents: a document that asks for implementing papers; value is their share."""
    return breaches(judged(inputs, "document"), demands("demands_supporting_doc").any())


def doc_08(inputs: BurdenInputs, parameters: Parameters) -> pl.LazyFrame:  # noqa: ARG001 -- every rule takes both
    """Commanding document: a department or coordinating body directs a township or county committee or government.

    The denominator is the documents it sent to committees and governments.
    """
    rows = judged(inputs, "document").filter(
        pl.col("issuer_kind").is_in(list(DEPARTMENT_KINDS)) & to_committee_or_government()
    )
    return breaches(rows, demands("directive_to_party_committee").any())


def doc_09(inputs: BurdenInputs, parameters: Parameters) -> pl.LazyFrame:
    """Embedded demands: an assessment, pledge or veto set by a document outside plan and lists.

    Each of the three is its own row; those of pledges and vetoes are named by the list of authorised ones, whose
    entries are register or document numbers. A plan number or an admission in force authorises all three.
    """
    rows = admitted(judged(inputs, "document"), inputs.admissions)
    authorised = (pl.col("plan_no").is_not_null() | pl.col("is_admitted")).any()
    found = [breaches(rows, demands("sets_assessment").any() & ~authorised)]
    for feature, name in (("sets_pledge", "pledge.allowed"), ("sets_veto", "veto.allowed")):
        allowed = pl.Series(parameters.words(name), dtype=pl.String).implode()
        on_list = (pl.col("source_ref").is_in(allowed) | pl.col("doc_no").is_in(allowed).fill_null(value=False)).any()
        found.append(breaches(rows, demands(feature).any() & ~authorised & ~on_list, param_id=name))
    return pl.concat(found)


def doc_10(inputs: BurdenInputs, parameters: Parameters) -> pl.LazyFrame:
    """Rushed or repeated consultation: too little time, too many rounds, due on a day off, or overnight.

    Three breaches, each its own row: fewer working days than the limit (value: the fewest); more rounds of one
    draft within some days than the limit (value: the most); and, with no parameter, an answer that takes time
    off: due on a day that is not worked, or sent after office hours and due by the next working day.
    """
    calendar = calendar_of(parameters)
    rows = judged(inputs, "consultation")
    timed = rows.filter(pl.col("issued_at").is_not_null() & pl.col("due_at").is_not_null())
    sent, due = local_date("issued_at"), local_date("due_at")
    overnight = is_after_hours("issued_at", calendar) & (workdays_between_dates(sent, due, calendar) <= 1)
    return pl.concat(
        [
            _too_short(timed, parameters.number("consultation.min_workdays"), calendar),
            _too_many_rounds(inputs, parameters),
            breaches(timed, (~is_workday(due, calendar) | overnight).any()),
        ]
    )


def _too_short(timed: pl.LazyFrame, least: float, calendar: WorkingCalendar) -> pl.LazyFrame:
    seconds = working_seconds_between("issued_at", "due_at", calendar)
    found = breaches(
        timed,
        (seconds < round(least * calendar.day_seconds)).any(),
        # The largest of what is negated is the fewest.
        measure=-workdays_between("issued_at", "due_at", calendar).min(),
        param_id="consultation.min_workdays",
        threshold=least,
    )
    return found.with_columns(-pl.col("value"))


def _too_many_rounds(inputs: BurdenInputs, parameters: Parameters) -> pl.LazyFrame:
    """Rounds of the window that come too soon after too many others; earlier rounds may lie before it."""
    days, most = parameters.whole("consultation.rounds_days"), parameters.whole("consultation.rounds_max")
    draft = [SUBJECT, "draft_id"]
    rows = judged(inputs, "consultation", window=since(inputs.window, inputs.window.start - timedelta(days=days)))
    rounds = rows.filter(pl.col("draft_id").is_not_null())
    first_days = rounds.group_by(*draft, *EVENT).agg(pl.col("start_date").min())
    repeated = crowded(first_days, draft, most, days).select(*draft, *EVENT, "is_broken", "in_days")
    judged_rounds = rounds.filter(within(inputs.window)).join(repeated, on=[*draft, *EVENT], how="left")
    return breaches(
        judged_rounds,
        pl.col("is_broken").any(),
        measure=pl.col("in_days").max(),
        param_id="consultation.rounds_max",
        threshold=most,
    )


def doc_11(inputs: BurdenInputs, parameters: Parameters) -> pl.LazyFrame:  # noqa: ARG001 -- every rule takes both
    """Review missing: a task, form, assessment or tasking document without a passed review dated before issue.

    A review of the day of issue counts as before it, since its hour is not known. The load is the coverage:
    events with such a review (``n``) of those that need one; the breach counts those without.
    """
    rows = judged(inputs, "document", "temp_task", "report_form", "assessment")
    needing = rows.filter((pl.col("burden_kind") != "document") | demands(*TASKS) | pl.col("due_at").is_not_null())
    passed = (
        inputs.admissions.lazy()
        .filter(pl.col("review") == "consistency_passed")
        .select("admission_id", "review_at")
        .drop_nulls()
    )
    issued = pl.coalesce(local_date("issued_at"), "start_date")
    reviewed = needing.join(passed, on="admission_id", how="left").with_columns(
        is_reviewed=(pl.col("review_at") <= issued).fill_null(value=False)
    )
    covered = pl.col("is_covered")
    events = by_event(reviewed, is_covered=pl.col("is_reviewed").any()).group_by(SUBJECT)
    load = flags(
        events.agg(*summary(covered), n=covered.sum(), denominator=pl.len()),
        result_type="load",
        value=pl.col("n") / pl.col("denominator"),
    )
    return pl.concat([load, breaches(reviewed, ~pl.col("is_reviewed").any())])


RULES: Mapping[str, Rule] = MappingProxyType(
    {
        "DOC-01": doc_01,
        "DOC-02": doc_02,
        "DOC-03": doc_03,
        "DOC-04": doc_04,
        "DOC-05": doc_05,
        "DOC-06": doc_06,
        "DOC-07": doc_07,
        "DOC-08": doc_08,
        "DOC-09": doc_09,
        "DOC-10": doc_10,
        "DOC-11": doc_11,
    }
)
