"""The gate for new tasks, ADM-1 to ADM-9: every broken step its own row (burden catalogue, part 4).

A breach belongs to the period of the day on which the rule was broken (``breach_on``), so that over consecutive
periods each is told once; a task that goes on although it is finished (9c) is told while it lasts. A column of the
admission register that is empty means that the step was not taken: taking steps is what the register records.

Where two letters would tell the same fact only one does: a review dated after the decision is 2b and no violated
order besides, publicity that ends after the start is 5c, burden rows after an exit are 9a and not 7a.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from types import MappingProxyType
from typing import Final, Literal

import polars as pl

from scoring.burden.admission_register import LEVEL_RANKS, NOBODY, SCOPE_KINDS, registered
from scoring.burden.duty_matching import answerable, is_task, matched
from scoring.burden.facts import EVENT
from scoring.burden.flags import evidence
from scoring.burden.inputs import BurdenInputs, within
from scoring.burden.parameters import Parameters
from scoring.burden.resources import promises, resource_ratios
from scoring.burden.rules.breaches import calendar_of, demands
from scoring.burden.working_time import WorkingCalendar, add_workdays, workdays_between_dates
from scoring.tables.admission import ADMISSION_BREACH

NOTHING: Final = "-"
"""``detail`` of a breach whose code needs none."""


@dataclass(frozen=True)
class Breach:
    """A lettered breach in words."""

    code: str
    step: str
    zh: str
    en: str


BREACHES: Final[Mapping[str, Breach]] = MappingProxyType(
    {
        breach.code: breach
        for breach in (
            Breach("1a", "ADM-1", "没有任何申请就下达", "imposed without any request"),
            Breach("1b", "ADM-1", "申请提前的时间不足", "requested too shortly before the start"),
            Breach("2a", "ADM-2", "未通过一致性评估而获批", "approved without a passed consistency review"),
            Breach("2b", "ADM-2", "一致性评估晚于审批", "consistency review dated after the decision"),
            Breach("2c", "ADM-2", "没有一致性评估就作出审批", "decided without the consistency review"),
            Breach("3a", "ADM-3", "没有必要性和合理性论证", "no argument for necessity and reasonableness"),
            Breach("3b", "ADM-3", "没有听取足够的基层单位意见", "too few bearing units heard"),
            Breach("4a", "ADM-4", "审批层级不够", "approved at too low a level"),
            Breach("4b", "ADM-4", "申请部门自行审批", "the applicant decided itself"),
            Breach(
                "4c",
                "ADM-4",
                "以自行发文、会议纪要或领导批示代替审批",
                "approved by an own document, minutes or a leader's note",
            ),
            Breach("4d", "ADM-4", "超过期限才作出审批", "decided later than the limit"),
            Breach("5a", "ADM-5", "没有公示", "not publicised"),
            Breach("5b", "ADM-5", "公示时间不足", "publicised too shortly"),
            Breach("5c", "ADM-5", "公示未结束就执行", "in force before the publicity ended"),
            Breach("6a", "ADM-6", "资源没有按承诺下达", "less granted than promised"),
            Breach("6b", "ADM-6", "专业性任务没有承诺任何资源", "professional task without any promise of resources"),
            Breach("7a", "ADM-7", "在有效期以外下达", "imposed outside the days in force"),
            Breach("7b", "ADM-7", "下达给适用范围以外的单位", "imposed on a unit outside its scope"),
            Breach("7c", "ADM-7", "临时任务没有结束日期", "temporary task without an end"),
            Breach("7d", "ADM-7", "对准入事项另行考核", "separate assessment of the admitted matter"),
            Breach("8a", "ADM-8", "没有按期评估", "not evaluated within the interval"),
            Breach("9a", "ADM-9", "退出后仍然下达", "imposed after the exit"),
            Breach("9b", "ADM-9", "评估结论为退出而没有按期退出", "exit not carried out in time"),
            Breach("9c", "ADM-9", "已有退出原因而仍在执行", "finished and still in force"),
            Breach("order", "ORDER", "日期先后颠倒", "two dates in the wrong order"),
        )
    }
)
"""Every breach of the gate. The catalogue gives ADM-6 and ADM-8 no letters; here they have them like the others."""

CHAIN: Final = (
    "requested_at",
    "review_at",
    "decided_at",
    "publicised_from",
    "publicised_to",
    "valid_from",
    "valid_to",
)
"""The order of the steps. A day that is not given is passed over: its neighbours are compared."""

_STRICT: Final = ("publicised_from<publicised_to", "valid_from<valid_to")
_LETTERED: Final = ("review_at<=decided_at", "publicised_to<=valid_from")

FORBIDDEN_FORMS: Final = ("own_document", "minutes", "leader_note")


_READ: Final = (
    *EVENT, "subject_org_id", "target_org_id", "start_date", "admission_id", "duty_id", "bearer_kind", "is_exempt",
    "is_duplicate", "quantity", "feature_list", "due_at", "reported_by",
)  # fmt: skip


@dataclass(frozen=True)
class _Rule:
    """A breach seen in one row of the register; expressions read the columns of ``_prepared``."""

    code: str
    broken: pl.Expr
    on: pl.Expr
    shown: Sequence[str]
    value: pl.Expr | None = None
    threshold: float | None = None
    days: pl.Expr | None = None
    by: Literal["applicant", "approver"] = "applicant"


def admission_breaches(inputs: BurdenInputs, parameters: Parameters) -> pl.DataFrame:
    """All breaches of the gate that fall into the window.

    Args:
        inputs: facts, organisations, duties, admissions and grants are read; facts in one streaming pass.
        parameters: admission.*, resource.ratio_min, resource.grace_days and, where given, the working calendar.

    Returns:
        ``ADMISSION_BREACH``. Rows of result type not_measurable say which breach could not be looked at, and what
        is missing.
    """
    calendar = calendar_of(parameters)
    register = registered(inputs)
    counted, emergencies, used = pl.collect_all(
        [_counted_rows(inputs, register), _emergencies(inputs), _used(inputs)], engine="streaming"
    )
    prepared = _prepared(inputs, parameters, calendar, register, emergencies)
    found = [
        counted,
        *(_broken(prepared, rule) for rule in _register_rules(inputs, parameters, calendar)),
        _violated_order(prepared),
        _not_granted(inputs, parameters),
    ]
    hidden = _not_measurable(inputs, used)
    rows = pl.concat(found, how="diagonal_relaxed").filter(
        within(inputs.window, "breach_on"),
        pl.col("subject_org_id").is_not_null(),
        pl.col("breach").is_in(hidden["breach"].implode()).not_(),
    )
    steps = {code: breach.step for code, breach in BREACHES.items()}
    return ADMISSION_BREACH.conform(
        pl.concat(
            [rows.with_columns(pl.col("breach_on").dt.to_string("iso"), result_type=pl.lit("breach")), hidden],
            how="diagonal_relaxed",
        ).with_columns(
            period_id=pl.lit(inputs.window.period_id),
            step=pl.col("breach").replace_strict(steps, return_dtype=pl.String),
            detail=pl.col("detail").fill_null(NOTHING),
        )
    )


# What burden rows show


def _counted_rows(inputs: BurdenInputs, register: pl.DataFrame) -> pl.LazyFrame:
    """Breaches 1a, 7a, 7b, 7d and 9a, by admission and by whom the rows count against.

    A row the bearer's duty list carries needs no admission and breaks none of these but 7d. Where no list is in
    force for the bearer, a row that names no admission cannot be held against anything and is no 1a.
    """
    rows = answerable(inputs.facts.filter(within(inputs.window)).select(_READ), inputs.organisations)
    columns = ("applicant", "decision", "is_approved", "task_kind", "valid_from", "ends_on")
    admissions = register.lazy().select(
        "admission_id", *columns, reaches=pl.col("target_scope"), is_known=pl.lit(value=True)
    )
    code = pl.col("code").str.split("|").list
    first, last, day = pl.col("valid_from"), pl.col("ends_on"), pl.col("start_date")
    beyond = (
        pl.when(code.get(1, null_on_oob=True) == "before")
        .then(first - day)
        .when((code.get(1, null_on_oob=True) == "after") | (code.get(0) == "9a"))
        .then(day - last + timedelta(days=1))
    )
    return (
        matched(rows, inputs.duties, inputs.admissions)
        .join(admissions, on="admission_id", how="left")
        .with_columns(pl.col("is_known", "is_approved").fill_null(value=False))
        .with_columns(code=_row_codes())
        .filter(pl.col("code").list.len() > 0)
        .explode("code")
        .with_columns(admission_id=pl.when("is_known").then("admission_id").otherwise(pl.lit(NOBODY)))
        .group_by("admission_id", "code", "subject_org_id")
        .agg(
            breach_on=day.min(),
            n=pl.struct(EVENT).n_unique().cast(pl.Int64),
            n_bearers=pl.col("target_org_id").drop_nulls().n_unique().cast(pl.Int64),
            days=beyond.dt.total_days().max(),
            evidence_refs=evidence(),
            applicant=pl.col("applicant").first(),
        )
        .select(
            "admission_id",
            "subject_org_id",
            "breach_on",
            "n",
            "n_bearers",
            "days",
            pl.col("evidence_refs").replace("", None),
            breach=code.get(0),
            detail=code.get(1, null_on_oob=True),
            value=pl.col("n").cast(pl.Float64),
            threshold=pl.lit(0.0),
            subject_role=pl.when(pl.col("subject_org_id") == pl.col("applicant"))
            .then(pl.lit("applicant"))
            .otherwise(pl.lit("issuer")),
        )
    )


def _row_codes() -> pl.Expr:
    """The breaches of a row joined to its admission, each as ``code`` or ``code|detail``."""
    known, approved, day = pl.col("is_known"), pl.col("is_approved"), pl.col("start_date")
    uncovered = pl.col("match").ne_missing("duty")
    unlisted = uncovered & (pl.col("match").is_not_null() | pl.col("admission_id").is_not_null())
    exited = pl.col("decision").eq_missing("exited")
    after = (day >= pl.col("ends_on")).fill_null(value=False)
    assesses = (pl.col("burden_kind") == "assessment") | demands("sets_assessment")
    cases = {
        "1a": known.not_() & unlisted & is_task(),
        "7a|before": approved & uncovered & (day < pl.col("valid_from")).fill_null(value=False),
        "7a|after": approved & exited.not_() & uncovered & after,
        "7a|not_approved": known & approved.not_() & uncovered,
        "7b": approved & uncovered & _within_scope().not_(),
        "7d": approved & assesses & pl.col("task_kind").ne_missing("assessment"),
        "9a": approved & exited & uncovered & after,
    }
    return pl.concat_list(pl.when(broken).then(pl.lit(code)) for code, broken in cases.items()).list.drop_nulls()


def _within_scope() -> pl.Expr:
    """Whether the bearer is in the target scope; a bearer or kind that is not known is given the benefit."""
    scope = pl.col("reaches")
    named = scope.str.split(";").list.contains(pl.col("target_org_id"))
    inside = named
    for word, kinds in SCOPE_KINDS.items():
        inside = pl.when(scope == word).then(pl.col("bearer_kind").is_in(kinds)).otherwise(inside)
    return inside.fill_null(value=True)


def _emergencies(inputs: BurdenInputs) -> pl.LazyFrame:
    """admission_id, emergency_from: tasks whose first burden was classed as an emergency, and the day of it."""
    is_emergency = pl.col("counted_class").eq_missing("exempt_emergency")
    day = pl.col("start_date")
    return (
        inputs.facts.filter(pl.col("admission_id").is_not_null() & (day < inputs.window.end))
        .group_by("admission_id")
        .agg(emergency_from=day.filter(is_emergency).min(), other_from=day.filter(is_emergency.not_()).min())
        .filter((pl.col("emergency_from") <= pl.col("other_from")).fill_null(value=True))
        .drop_nulls("emergency_from")
        .select("admission_id", "emergency_from")
    )


def _used(inputs: BurdenInputs) -> pl.LazyFrame:
    """How many rows of the window there are, and how many name an admission or a duty."""
    return inputs.facts.filter(within(inputs.window)).select(
        n_rows=pl.len(), admission_id=pl.col("admission_id").count(), duty_id=pl.col("duty_id").count()
    )


# What the register shows


def _prepared(
    inputs: BurdenInputs,
    parameters: Parameters,
    calendar: WorkingCalendar,
    register: pl.DataFrame,
    emergencies: pl.DataFrame,
) -> pl.DataFrame:
    """The register with what the rules about its days need.

    ``emergency_from``; ``is_open`` (an emergency whose steps may still follow at the end of the window);
    ``decide_by`` (the last day for the decision); ``n_promises``; ``due_on`` of the resources.
    """
    days = int(parameters.whole("admission.decision_workdays"))
    asked = register.select("requested_at").unique().drop_nulls()
    limits = asked.with_columns(
        decide_by=pl.Series([add_workdays(day, days, calendar) for day in asked["requested_at"]], dtype=pl.Date)
    )
    last = pl.lit(inputs.window.end - timedelta(days=1))
    allowed = int(parameters.whole("admission.emergency_workdays"))
    promised = promises(register).group_by("admission_id").agg(n_promises=pl.len())
    return (
        register.join(emergencies, on="admission_id", how="left")
        .join(limits, on="requested_at", how="left")
        .join(promised, on="admission_id", how="left")
        .with_columns(
            pl.col("n_promises").fill_null(0),
            is_open=(workdays_between_dates("emergency_from", last, calendar) <= allowed).fill_null(value=False),
            due_on=pl.col("valid_from") + pl.duration(days=int(parameters.whole("resource.grace_days"))),
            **{f"{step}_followed": _followed(step, calendar, allowed) for step in CHAIN},
        )
        .sort("admission_id")
    )


def _followed(step: str, calendar: WorkingCalendar, allowed: int) -> pl.Expr:
    """Whether the step of an emergency was taken within the working days allowed after it began."""
    return (workdays_between_dates("emergency_from", step, calendar) <= allowed).fill_null(value=False)


def _register_rules(inputs: BurdenInputs, parameters: Parameters, calendar: WorkingCalendar) -> Iterator[_Rule]:
    yield from _request_and_review(parameters, calendar)
    yield from _argued_and_heard(parameters)
    yield from _decided(parameters, inputs)
    yield from _publicised(parameters, calendar)
    yield from _resourced_and_bounded(parameters)
    yield from _evaluated_and_exited(parameters, inputs)


def _request_and_review(parameters: Parameters, calendar: WorkingCalendar) -> Iterator[_Rule]:
    """ADM-1 and ADM-2."""
    least = parameters.whole("admission.request_lead_workdays")
    lead = workdays_between_dates("requested_at", "valid_from", calendar)
    approved, passed, followed = pl.col("is_approved"), pl.col("passed"), pl.col("review_at_followed")
    late = (pl.col("review_at") - pl.col("decided_on")).dt.total_days()
    decided = pl.col("decision_day")
    yield _Rule(
        "1b",
        approved & (lead < least) & pl.col("requested_at_followed").not_(),
        pl.col("valid_from"),
        ("requested_at", "valid_from"),
        lead,
        least,
        least - lead,
    )
    # An emergency may be reviewed later; one that failed the review has been reviewed.
    awaited = pl.col("is_open") & pl.col("review").ne_missing("consistency_failed")
    unreviewed = approved & passed.not_() & awaited.not_()
    overtaken = approved & passed & (late > 0).fill_null(value=False) & followed.not_()
    yield _Rule("2a", unreviewed, decided, ("review", "review_at", "decided_at"))
    yield _Rule("2b", overtaken, decided, ("review_at", "decided_at"), days=late)
    yield _Rule("2c", unreviewed | overtaken, decided, ("review", "review_at", "decided_at"), by="approver")


def _argued_and_heard(parameters: Parameters) -> Iterator[_Rule]:
    """ADM-3."""
    least = parameters.whole("admission.heard_units_min")
    heard = pl.col("heard_units").fill_null(0)
    due = pl.col("is_approved") & pl.col("is_open").not_()
    on = pl.col("decision_day")
    yield _Rule("3a", due & pl.col("justification_doc_no").is_null(), on, ("justification_doc_no",))
    yield _Rule("3b", due & (heard < least), on, ("heard_units",), heard, least)


def _decided(parameters: Parameters, inputs: BurdenInputs) -> Iterator[_Rule]:
    """ADM-4."""
    approved, on = pl.col("is_approved"), pl.col("decision_day")
    for_lists, others = (LEVEL_RANKS[parameters.text(f"admission.level_{name}")] for name in ("duty_change", "other"))
    changes_list = pl.col("task_kind").eq_missing("duty_change")
    for least, about in ((for_lists, changes_list), (others, changes_list.not_())):
        too_low = approved & about & (pl.col("approver_rank") < least)
        yield _Rule("4a", too_low, on, ("task_kind", "approval_level"), pl.col("approver_rank"), least)
    itself = approved & (pl.col("approver") == pl.col("applicant"))
    yield _Rule("4b", itself, on, ("applicant_org_id", "decided_by_org_id"))
    yield _Rule("4c", approved & pl.col("approval_form").is_in(FORBIDDEN_FORMS), on, ("approval_form",))
    # What was withdrawn needs no decision; what still waits is late once the window ends.
    waiting = pl.col("decision") == "pending"
    decided_on = pl.when(waiting).then(pl.lit(inputs.window.end)).otherwise("decided_on")
    late = (decided_on > pl.col("decide_by")) & (pl.col("decision") != "withdrawn")
    yield _Rule(
        "4d",
        late & pl.col("decided_at_followed").not_(),
        pl.col("decide_by") + timedelta(days=1),
        ("requested_at", "decided_at", "decision"),
        threshold=parameters.whole("admission.decision_workdays"),
        days=(decided_on - pl.col("decide_by")).dt.total_days(),
        by="approver",
    )


def _publicised(parameters: Parameters, calendar: WorkingCalendar) -> Iterator[_Rule]:
    """ADM-5. Publicity without an end lasts until the task is in force."""
    least = parameters.whole("admission.publicity_workdays")
    approved, first = pl.col("is_approved"), pl.col("publicised_from")
    end = pl.coalesce("publicised_to", "valid_from")
    day = timedelta(days=1)
    shown = workdays_between_dates(first - day, end - day, calendar)
    overlap = (pl.col("publicised_to") - pl.col("valid_from")).dt.total_days()
    none = approved & first.is_null() & pl.col("is_open").not_()
    yield _Rule("5a", none, pl.coalesce("valid_from", "decision_day"), ("publicised_from", "valid_from"))
    yield _Rule(
        "5b", approved & (shown < least), end, ("publicised_from", "publicised_to"), shown, least, least - shown
    )
    yield _Rule(
        "5c",
        approved & (overlap > 0) & pl.col("publicised_from_followed").not_(),
        pl.col("valid_from"),
        ("publicised_to", "valid_from"),
        days=overlap,
    )


def _resourced_and_bounded(parameters: Parameters) -> Iterator[_Rule]:
    """ADM-6 without a promise, and ADM-7 without an end."""
    professional = pl.col("task_kind").is_in(list(parameters.words("admission.professional_task_kinds")))
    empty = pl.col("is_approved") & professional & (pl.col("n_promises") == 0)
    yield _Rule("6b", empty, pl.col("due_on"), ("task_kind",), pl.col("n_promises"), 1)
    endless = (pl.col("decision") == "approved") & (pl.col("task_kind") == "temp_task") & pl.col("valid_to").is_null()
    yield _Rule("7c", endless, pl.col("valid_from"), ("task_kind", "valid_from"))


def _evaluated_and_exited(parameters: Parameters, inputs: BurdenInputs) -> Iterator[_Rule]:
    """ADM-8 and ADM-9.

    An evaluation is due when the interval after the start or after the last evaluation is over, if the task is
    then in force; only the last evaluation is on record.
    """
    months, limit = (parameters.whole(f"admission.{name}") for name in ("evaluation_months", "exit_days"))
    last_day = inputs.window.end - timedelta(days=1)
    approved, ends, evaluated = pl.col("is_approved"), pl.col("ends_on"), pl.col("evaluated_at")
    first_due, next_due = pl.col("valid_from").dt.offset_by(f"{months}mo"), evaluated.dt.offset_by(f"{months}mo")
    missed_first = (evaluated > first_due).fill_null(value=True)
    for due, missed in ((first_due, missed_first), (next_due, missed_first.not_())):
        running = (ends > due).fill_null(value=True)
        yield _Rule("8a", approved & missed & running, due, ("valid_from", "evaluated_at"), threshold=months)
    exit_by = evaluated + timedelta(days=limit)
    undone = approved & (pl.col("evaluation_result") == "exit") & (ends > exit_by).fill_null(value=True)
    yield _Rule(
        "9b",
        undone,
        exit_by + timedelta(days=1),
        ("evaluated_at", "evaluation_result", "valid_to"),
        threshold=limit,
    )
    finished = (pl.col("decision") == "approved") & pl.col("exit_reason").is_not_null()
    goes_on = (pl.col("valid_from") <= last_day) & (ends > last_day).fill_null(value=True)
    yield _Rule("9c", finished & goes_on, pl.lit(last_day), ("exit_reason", "valid_to"))


def _broken(prepared: pl.DataFrame, rule: _Rule) -> pl.DataFrame:
    """Rows of one rule; an organisation that does not answer (a village) has none."""
    subject = "applicant" if rule.by == "applicant" else "approver"
    return prepared.filter(rule.broken.fill_null(value=False)).select(
        "admission_id",
        breach=pl.lit(rule.code),
        detail=pl.lit(NOTHING),
        subject_org_id=subject,
        subject_role=pl.lit(rule.by),
        breach_on=rule.on.cast(pl.Date),
        value=(pl.lit(None) if rule.value is None else rule.value).cast(pl.Float64),
        threshold=pl.lit(rule.threshold, pl.Float64),
        days=(pl.lit(None) if rule.days is None else rule.days).cast(pl.Int64),
        evidence_refs=_entries(rule.shown),
    )


def _entries(columns: Sequence[str]) -> pl.Expr:
    """Entries of the register as ``column=value``; ``-`` where one is empty."""
    return pl.concat_str(
        [pl.format("{}={}", pl.lit(name), pl.col(name).cast(pl.String).fill_null(NOTHING)) for name in columns],
        separator=";",
    )


def _violated_order(prepared: pl.DataFrame) -> pl.DataFrame:
    """Each pair of neighbouring days of an approved task that is in the wrong order.

    A review counts where it was passed. In an emergency a step may follow the later ones within the working days
    allowed.
    """
    pairs = (
        prepared.filter("is_approved")
        .with_columns(
            review_at=pl.when("passed").then("review_at"),
            decided_at="decided_on",
        )
        .select(
            "admission_id",
            "applicant",
            steps=pl.concat_list(
                pl.struct(place=pl.lit(place), step=pl.lit(step), day=pl.col(step), followed=pl.col(f"{step}_followed"))
                for place, step in enumerate(CHAIN)
            ),
        )
        .explode("steps")
        .unnest("steps")
        .drop_nulls("day")
        .sort("admission_id", "place")
        .with_columns(pl.col("step", "day").shift(-1).over("admission_id").name.prefix("next_"))
    )
    strict = pl.format("{}<{}", "step", "next_step")
    detail = pl.when(strict.is_in(_STRICT)).then(strict).otherwise(pl.format("{}<={}", "step", "next_step"))
    late = (pl.col("day") - pl.col("next_day")).dt.total_days() + strict.is_in(_STRICT).cast(pl.Int64)
    return (
        pairs.with_columns(detail=detail, days=late)
        .filter((pl.col("days") > 0) & pl.col("followed").not_() & pl.col("detail").is_in(_LETTERED).not_())
        .select(
            "admission_id",
            "detail",
            "days",
            breach=pl.lit("order"),
            subject_org_id="applicant",
            subject_role=pl.lit("applicant"),
            breach_on="next_day",
            evidence_refs=pl.format(
                "{}={};{}={}", "step", pl.col("day").cast(pl.String), "next_step", pl.col("next_day").cast(pl.String)
            ),
        )
    )


def _not_granted(inputs: BurdenInputs, parameters: Parameters) -> pl.DataFrame:
    """6a: a promise that was due in the window and is short of the least ratio, one row per kind of resource."""
    ratios = resource_ratios(inputs, parameters)
    return ratios.filter((pl.col("receiving_org_id") == NOBODY) & (pl.col("state") == "short")).select(
        "admission_id",
        "subject_org_id",
        "threshold",
        breach=pl.lit("6a"),
        detail="kind",
        subject_role=pl.lit("applicant"),
        breach_on=pl.col("due_on").str.to_date(),
        value="ratio",
        evidence_refs=pl.format(
            "promised={};granted={};due_on={}",
            pl.col("promised").cast(pl.String),
            pl.col("granted").cast(pl.String),
            "due_on",
        ),
    )


# What cannot be looked at


def _not_measurable(inputs: BurdenInputs, used: pl.DataFrame) -> pl.DataFrame:
    """One row per breach whose data are missing altogether, with the dataset or column."""
    rows, admitted, on_duty = used.row(0)
    by_rows = {"1a": ("duty_id", admitted + on_duty)} | dict.fromkeys(
        ("7a", "7b", "7d", "9a"), ("admission_id", admitted)
    )
    missing = {code: "burden_fact" if not rows else column for code, (column, n) in by_rows.items() if not n}
    if not inputs.grants.height:
        missing["6a"] = "resource_grant"
    if not inputs.admissions.height:
        missing |= {code: "task_admission" for code in BREACHES if code not in by_rows}
    return pl.DataFrame(
        [(code, column) for code, column in missing.items()],
        schema={"breach": pl.String, "missing_columns": pl.String},
        orient="row",
    ).with_columns(
        admission_id=pl.lit(NOBODY),
        subject_org_id=pl.lit(NOBODY),
        detail=pl.lit(NOTHING),
        result_type=pl.lit("not_measurable"),
        reason_codes=pl.lit("NOT_MEASURABLE"),
    )
