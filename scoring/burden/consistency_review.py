"""The consistency review: 22 questions, what the registers answer by themselves, coverage, and blind re-scoring.

No published official checklist was found; each question follows a cited rule (burden catalogue, part 6). People answer
them before a document or task is issued. Here the registers answer what they can, afterwards: per event and per
admission. A bold question answered badly means consistency_failed; what no register shows is not_checkable, never yes.

Answers are reckoned as whole numbers, the worst counting: 0 not applicable, 1 good, 2 not checkable, 3 bad.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from types import MappingProxyType
from typing import Final

import polars as pl

from scoring.burden.admission_register import LEVEL_RANKS, NOBODY, SCOPE_KINDS, registered
from scoring.burden.duty_matching import answerable, matched
from scoring.burden.facts import EVENT
from scoring.burden.inputs import BurdenInputs, within
from scoring.burden.parameters import Parameters
from scoring.burden.resources import promises, resource_ratios
from scoring.burden.rules.breaches import calendar_of, demands, millionths
from scoring.burden.rules.documents import DOCUMENTS, TASKS
from scoring.burden.verification import exact_interval
from scoring.burden.working_time import local_date, workdays_between
from scoring.sums import raw_units
from scoring.tables.admission import CONSISTENCY_COVERAGE

NOT_APPLICABLE, GOOD, NOT_CHECKABLE, BAD = range(4)


@dataclass(frozen=True)
class Question:
    """One question of the review.

    Attributes:
        number: 1 to 22.
        is_bold: A bad answer fails the review.
        zh: The question.
        en: The same in English.
        follows: Marks of the sources it follows.
        checked_against: Columns, datasets and rules that answer it.
        good: The answer that speaks for the document.
    """

    number: int
    is_bold: bool
    zh: str
    en: str
    follows: tuple[str, ...]
    checked_against: tuple[str, ...]
    good: str = "yes"

    @property
    def column(self) -> str:
        """Name of its column in the answers: q01 to q22."""
        return f"q{self.number:02}"


QUESTIONS: Final = (
    Question(1, True, "是否有职权或法律依据，是否确有必要发文？",
             "Is there a power or legal basis, and is a document needed at all?",
             ("S01",), ("plan_no", "legal_basis")),
    Question(2, False, "现行文件是否已对该事项作出规定？", "Is the matter already settled by a document in force?",
             ("S01",), ("similarity", "parent_source_ref"), good="no"),
    Question(3, True, "篇幅是否在5000字（专项4000字）以内，没有照抄照转？",
             "Within 5,000 or 4,000 characters, and no copied text?",
             ("S01", "P-GD-20251226"), ("words", "similarity")),
    Question(4, True, "是否没有要求制定配套文件、报送落实情况？",
             "Does it refrain from asking for implementing papers and progress reports?",
             ("S01",), ("demands_supporting_doc",)),
    Question(5, True, "所有任务是否都在承担单位的履职事项清单上，角色是否正确？",
             "Are all tasks on the addressee's duty list, in the right role?",
             ("E3", "P-GD-20260630"), ("duty_item",)),
    Question(6, True, "清单以外的任务是否已申请准入，审批层级是否符合规定？",
             "If not on the list: admission requested, level right?", ("E3",), ("task_admission",)),
    Question(7, True, "是否没有下压已收回、不应承担或不应出具证明的事项？",
             "No reclaimed, forbidden or certificate item is pushed down?",
             ("P-GD-20260630", "S06"), ("duty_kind",)),
    Question(8, True, "权限、人员、经费、培训是否随任务下达？",
             "Do powers, staff, money and training come with it?", ("E3", "E1"), ("ADM-6",)),
    Question(9, True, "是否没有在计划和清单以外新设考核、排名、责任状、一票否决？",
             "No new assessment, ranking, pledge or veto outside plan and lists?",
             ("S01", "C10"), ("sets_assessment", "sets_pledge", "sets_veto", "plan_no")),
    Question(10, True, "指标是否没有高于上级下达的指标，并且当地能够完成？",
             "Targets not above what was received, and attainable for the place?",
             ("P-YN-20240513", "C12"), ("ASM-04",)),
    Question(11, True, "是否没有索要登记系统或一表通已有的数据？",
             "No data asked that a register or the one form holds?",
             ("E1", "E2", "P-CQ-20250904"), ("form_field",)),
    Question(12, True, "是否没有新设应用程序、工作群、打卡或使用率指标？",
             "No new app, group, check-in or usage quota?", ("S08",), ("app", "work_group")),
    Question(13, True, "是否没有把照片、笔记、台账等过程痕迹作为评价标准？",
             "No evidence of activity (photos, notes, ledgers) as a criterion?",
             ("P-GD-20251022", "P-SH-20250315", "E3"), ("features",)),
    Question(14, True, "是否没有在村级新设牌子、工作机制或岗位？",
             "No new plaque, mechanism or post at village level?", ("S04",), ("sign", "mechanism")),
    Question(15, True, "是否没有保留目录以外的创建、评比或收费？",
             "No campaign, award or fee outside the reserved list?", ("S05", "C07", "C09"), ("campaign",)),
    Question(16, True, "是否没有摊派、购买指标或转嫁费用？",
             "No levy, purchase quota or cost passed down?", ("C12", "P-ZJ-20250313"), ("apportionment",)),
    Question(17, True, "是否没有从县级及以下借调人员？",
             "No secondment from county level or below?", ("P-YN-20240701",), ("secondment",)),
    Question(18, False, "会议是否只开一级、不要求主要负责人参加、合并召开、时间较短？",
             "Meeting: one level, no heads required, merged, short?", ("S01", "P-HI-20250821"), ("MTG",)),
    Question(19, True, "是否听取了承担单位的意见，时间是否充足？",
             "Bearing units heard, with enough time?", ("E3", "P-GD-20251022"), ("heard_units", "DOC-10")),
    Question(20, False, "是否估算了每单位每月所需分钟数，以及相应减少什么？",
             "Estimated minutes per unit and month, and what is dropped in return?", ("J",), ("minutes",)),
    Question(21, False, "是否有结束日期、评估日期和退出条件？",
             "End date, evaluation date and exit condition?", ("E3",), ("valid_to",)),
    Question(22, False, "是否对不同类型的地方区别对待？",
             "Different types of place treated differently?", ("E2", "P-YN-20240513"), ("target_scope",)),
)  # fmt: skip
"""The questions in their order."""

COLUMNS: Final = tuple(question.column for question in QUESTIONS)
BOLD: Final = tuple(question.column for question in QUESTIONS if question.is_bold)

FAILED, UNDECIDED, PASSED = "consistency_failed", "undecided", "consistency_passed"
"""What the registers say of the whole: undecided where a bold question cannot be checked, so that people must."""

REVIEWED_KINDS: Final = ("temp_task", "report_form", "assessment", "meeting", "video_conf")
"""Kinds that need a review in any case; a document or reminder does where it sets a task."""

_PAPERS: Final = (*DOCUMENTS, "work_reminder", "consultation")
_MEETINGS: Final = ("meeting", "video_conf")
_TRACES: Final = ("asks_ledger", "asks_photos", "asks_presentation", "asks_study_notes")
_FORCED_USE: Final = ("check_in", "points_rank", "online_time", "track_upload", "usage_target")
_BROUGHT: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "brings_apps": ("app", "work_group", "check_in"),
        "brings_plaques": ("sign", "mechanism"),
        "brings_campaigns": ("campaign",),
        "brings_levies": ("apportionment",),
        "brings_secondments": ("secondment",),
    }
)
"""What a notice may bring besides: other kinds of burden under the same issuer and document number."""


_READ: Final = (
    *EVENT, "subject_org_id", "target_org_id", "start_date", "admission_id", "duty_id", "bearer_kind",
    "bearer_level_rank", "is_exempt", "is_duplicate", "quantity", "feature_list", "burden_subkind", "issued_at",
    "due_at", "end_date", "plan_no", "doc_no", "title", "parent_source_ref", "words", "similarity", "items_n",
    "amount_yuan", "duration_min", "minutes",
)  # fmt: skip
"""Columns of facts that the questions read: narrow rows are what lets millions of them through the joins."""


def needs_review() -> pl.Expr:
    """True for rows whose event sets a task, form, assessment or meeting."""
    sets_task = demands(*TASKS) | pl.col("due_at").is_not_null()
    return pl.col("burden_kind").is_in(REVIEWED_KINDS) | (pl.col("burden_kind").is_in(_PAPERS) & sets_task)


def event_answers(inputs: BurdenInputs, parameters: Parameters) -> pl.LazyFrame:
    """What the registers answer about each event of the window that needs a review or names an admission.

    Exempt rows, duplicates and rows that count against nobody are left out. Of several rows of one event the worst
    answer counts.

    Args:
        inputs: facts, organisations, duties, admissions, grants and form_fields are read.
        parameters: document.*, meeting.minutes_max, consultation.min_workdays, campaign.allowed,
            secondment.forbidden_levels, admission.*, resource.*.

    Returns:
        subject_org_id, EVENT, admission_id, needs_review, is_reviewed (a passed review dated on or before the day of
        issue), q01 to q22 (yes, no, not_applicable, not_checkable), verdict; lazy, in no particular order.
    """
    return _worded(_event_codes(inputs, parameters))


def admission_answers(inputs: BurdenInputs, parameters: Parameters) -> pl.DataFrame:
    """What the registers answer about each admission: the worst answer of its events in the window.

    Returns:
        admission_id, n_events, q01 to q22, verdict; one row per admission, sorted. Of an admission without an event
        everything is not_checkable.
    """
    by_admission = (
        _event_codes(inputs, parameters)
        .drop_nulls("admission_id")
        .group_by("admission_id")
        .agg(pl.col(COLUMNS).max(), n_events=pl.len().cast(pl.Int64))
    )
    rows = (
        inputs.admissions.lazy()
        .select("admission_id")
        .join(by_admission, on="admission_id", how="left")
        .with_columns(pl.col("n_events").fill_null(0), pl.col(COLUMNS).fill_null(NOT_CHECKABLE))
    )
    return _worded(rows).sort("admission_id").collect(engine="streaming")


def _worded(codes: pl.LazyFrame) -> pl.LazyFrame:
    bold = pl.max_horizontal(BOLD)
    verdict = (
        pl.when(bold == BAD)
        .then(pl.lit(FAILED))
        .when(pl.any_horizontal(pl.col(name) == NOT_CHECKABLE for name in BOLD))
        .then(pl.lit(UNDECIDED))
        .otherwise(pl.lit(PASSED))
    )
    worded = []
    for question in QUESTIONS:
        bad = "no" if question.good == "yes" else "yes"
        names = {NOT_APPLICABLE: "not_applicable", GOOD: question.good, NOT_CHECKABLE: "not_checkable", BAD: bad}
        worded.append(pl.col(question.column).replace_strict(names, return_dtype=pl.String))
    return codes.with_columns(verdict=verdict).with_columns(worded)


def _event_codes(inputs: BurdenInputs, parameters: Parameters) -> pl.LazyFrame:
    rows = _rows(inputs, parameters)
    answers = {
        **_about_the_document(parameters),
        **_about_lists_and_gate(parameters),
        **_about_demands(),
        **_about_what_it_brings(parameters),
        **_about_the_plan(parameters),
    }
    reviewed = pl.col("passed") & (pl.col("review_at") <= pl.coalesce(local_date("issued_at"), "start_date"))
    return (
        rows.select(
            "subject_org_id",
            *EVENT,
            "admission_id",
            needs_review=needs_review(),
            is_reviewed=reviewed.fill_null(value=False),
            **{name: answers[name].cast(pl.Int8) for name in COLUMNS},
        )
        .group_by("subject_org_id", *EVENT)
        .agg(pl.col("admission_id").min(), pl.col("needs_review", "is_reviewed").any(), pl.col(COLUMNS).max())
    )


def _rows(inputs: BurdenInputs, parameters: Parameters) -> pl.LazyFrame:
    """The rows that are looked at, each beside its duty, its admission, its form and what else it brings."""
    window = inputs.facts.filter(within(inputs.window))
    looked_at = (pl.col("measure") == "flow") & (needs_review() | pl.col("admission_id").is_not_null())
    used = window.select(
        uses_plan=pl.col("plan_no").count() > 0, uses_features=(pl.col("feature_list").list.len() > 0).any()
    )
    brought = (
        window.filter(pl.col("doc_no").is_not_null())
        .group_by("issuer_org_id", "doc_no")
        .agg(**{name: pl.col("burden_kind").is_in(kinds).any() for name, kinds in _BROUGHT.items()})
    )
    parents = (
        inputs.facts.filter(pl.col("items_n").is_not_null())
        .group_by(parent_source_ref="source_ref")
        .agg(parent_items=pl.col("items_n").max())
    )
    bases = inputs.duties.lazy().group_by("duty_id").agg(duty_has_basis=_given("legal_basis").any())
    form = pl.when(pl.col("burden_kind") == "report_form").then("source_ref")
    rows = answerable(window.filter(looked_at).select(_READ), inputs.organisations)
    return (
        matched(rows, inputs.duties, inputs.admissions)
        .join(_admissions(inputs, parameters).lazy(), on="admission_id", how="left")
        .join(bases, on="duty_id", how="left")
        .join(parents, on="parent_source_ref", how="left")
        .join(brought, on=["issuer_org_id", "doc_no"], how="left")
        .with_columns(form_id=form)
        .join(_forms(inputs).lazy(), on="form_id", how="left")
        .join(used, how="cross")
        .with_columns(pl.col("is_known", "passed", "duty_has_basis", *_BROUGHT).fill_null(value=False))
    )


def _given(column: str) -> pl.Expr:
    return (pl.col(column).str.strip_chars().str.len_chars() > 0).fill_null(value=False)


def _admissions(inputs: BurdenInputs, parameters: Parameters) -> pl.DataFrame:
    """What the questions ask of an admission; names do not clash with those of facts."""
    promised = promises(inputs.admissions).group_by("admission_id").agg(n_promises=pl.len())
    short = (
        resource_ratios(inputs, parameters)
        .filter((pl.col("receiving_org_id") == NOBODY) & (pl.col("state") == "short"))
        .select("admission_id", is_short=pl.lit(value=True))
        .unique()
    )
    return (
        registered(inputs)
        .join(promised, on="admission_id", how="left")
        .join(short, on="admission_id", how="left")
        .select(
            "admission_id",
            "requested_at",
            "task_kind",
            "approver_rank",
            "heard_units",
            "passed",
            "review_at",
            "is_approved",
            has_end=pl.col("valid_to").is_not_null(),
            has_basis=_given("legal_basis"),
            reaches=pl.col("target_scope"),
            has_promise=pl.col("n_promises").fill_null(0) > 0,
            is_short=pl.col("is_short").fill_null(value=False),
            is_known=pl.lit(value=True),
        )
    )


def _forms(inputs: BurdenInputs) -> pl.DataFrame:
    """form_id, asks_again: whether one of its data is asked by an earlier form too; null where it names no datum."""
    fields = inputs.form_fields.filter(
        (pl.col("valid_from") < inputs.window.end) & (pl.col("valid_to") > inputs.window.start).fill_null(value=True)
    )
    first = pl.col("form_id").first().over("data_element_id")
    again = pl.when(pl.col("data_element_id").is_not_null()).then(first != pl.col("form_id"))
    return (
        fields.sort("valid_from", "form_id")
        .with_columns(again=again)
        .group_by("form_id")
        .agg(asks_again=pl.when(pl.col("again").count() > 0).then(pl.col("again").any()))
    )


def _code(*cases: tuple[pl.Expr, int], otherwise: int) -> pl.Expr:
    """The code of the first case that holds; a case that cannot be told (null) does not hold."""
    codes = [pl.when(holds.fill_null(value=False)).then(pl.lit(code)) for holds, code in cases]
    return pl.coalesce(*codes, pl.lit(otherwise)) if codes else pl.lit(otherwise)


def _unless_seen(bad: pl.Expr, excused: pl.Expr | None = None) -> pl.Expr:
    """Bad where it is seen (good where excused); what features do not show is good only if the register uses them."""
    excuse = pl.lit(value=False) if excused is None else excused
    return _code((bad & excuse, GOOD), (bad, BAD), (pl.col("uses_features"), GOOD), otherwise=NOT_CHECKABLE)


def _about_the_document(parameters: Parameters) -> dict[str, pl.Expr]:
    """Questions 1 to 4."""
    is_paper = pl.col("burden_kind").is_in(_PAPERS)
    general = pl.col("burden_subkind").is_in(list(parameters.words("document.comprehensive_subkinds")))
    longest = pl.when(general.fill_null(value=True)).then(parameters.whole("document.words_general"))
    too_long = pl.col("words") > longest.otherwise(parameters.whole("document.words_task"))
    likeness = raw_units("similarity")
    copied = likeness >= millionths(parameters.number("document.similarity_max"))
    based = pl.col("plan_no").is_not_null() | pl.col("has_basis") | pl.col("duty_has_basis")
    return {
        "q01": _code((based, GOOD), (pl.col("uses_plan") | pl.col("is_known"), BAD), otherwise=NOT_CHECKABLE),
        "q02": _code(
            (~is_paper, NOT_APPLICABLE), (copied, BAD), (likeness.is_not_null(), GOOD), otherwise=NOT_CHECKABLE
        ),
        "q03": _code(
            (~is_paper, NOT_APPLICABLE),
            (too_long, BAD),
            (copied, BAD),
            (pl.col("words").is_not_null(), GOOD),
            otherwise=NOT_CHECKABLE,
        ),
        "q04": _unless_seen(demands("demands_supporting_doc")),
    }


def _about_lists_and_gate(parameters: Parameters) -> dict[str, pl.Expr]:
    """Questions 5 to 8: on the list in the right role, or admitted; nothing pushed back; means with it.

    Off the list with an admission, question 6 decides and question 5 does not apply.
    """
    match, known = pl.col("match"), pl.col("is_known")
    on_list, off_list = match == "duty", match == "not_on_list"
    changes_list = pl.col("task_kind").eq_missing("duty_change")
    least = pl.when(changes_list).then(LEVEL_RANKS[parameters.text("admission.level_duty_change")])
    level_kept = pl.col("approver_rank") >= least.otherwise(LEVEL_RANKS[parameters.text("admission.level_other")])
    asked_in_time = pl.col("requested_at") <= pl.coalesce(local_date("issued_at"), "start_date")
    professional = pl.col("task_kind").is_in(list(parameters.words("admission.professional_task_kinds")))
    return {
        "q05": _code(
            (on_list, GOOD),
            ((match == "admission") | (off_list & known), NOT_APPLICABLE),
            (match.is_not_null(), BAD),
            otherwise=NOT_CHECKABLE,
        ),
        "q06": _code(
            (on_list, NOT_APPLICABLE),
            (known & asked_in_time & level_kept, GOOD),
            (known & asked_in_time & pl.col("approver_rank").is_null(), NOT_CHECKABLE),
            (known | match.is_not_null() | pl.col("admission_id").is_not_null(), BAD),
            otherwise=NOT_CHECKABLE,
        ),
        "q07": _code(
            (match.is_in(["reclaimed", "forbidden"]), BAD),
            (pl.col("duty_kind").is_not_null() | (match == "admission"), GOOD),
            otherwise=NOT_CHECKABLE,
        ),
        "q08": _code(
            (pl.col("is_short"), BAD),
            (pl.col("has_promise"), GOOD),
            (known & professional, BAD),
            (known | on_list, NOT_APPLICABLE),
            otherwise=NOT_CHECKABLE,
        ),
    }


def _about_demands() -> dict[str, pl.Expr]:
    """Questions 9 to 11 and 13."""
    ranks = pl.col("burden_kind").is_in(["assessment", "usage_ranking", "responsibility_letter"])
    admitted = pl.col("is_approved") & (pl.col("task_kind") == "assessment")
    allowed = pl.col("plan_no").is_not_null() | admitted.fill_null(value=False)
    both = pl.col("items_n").is_not_null() & pl.col("parent_items").is_not_null()
    sets_targets = pl.col("burden_kind").is_in(["assessment", "campaign"])
    is_form = pl.col("burden_kind") == "report_form"
    return {
        "q09": _unless_seen(ranks | demands("sets_assessment", "sets_pledge", "sets_veto", "scores_or_ranks"), allowed),
        "q10": _code(
            (both & (pl.col("items_n") > pl.col("parent_items")), BAD),
            (both, GOOD),
            (~sets_targets, NOT_APPLICABLE),
            otherwise=NOT_CHECKABLE,
        ),
        "q11": _code(
            (~is_form, NOT_APPLICABLE),
            (pl.col("asks_again"), BAD),
            (pl.col("asks_again").is_not_null(), GOOD),
            otherwise=NOT_CHECKABLE,
        ),
        "q13": _unless_seen(demands(*_TRACES)),
    }


def _about_what_it_brings(parameters: Parameters) -> dict[str, pl.Expr]:
    """Questions 12 and 14 to 17: kinds of burden of its own, or under the same document number."""
    allowed = [entry for entry in parameters.words("campaign.allowed") if entry]
    on_reserved_list = pl.any_horizontal(
        pl.col(name).is_in(allowed).fill_null(value=False) for name in ("plan_no", "doc_no", "title")
    )
    levels = [LEVEL_RANKS[level] for level in parameters.words("secondment.forbidden_levels")]
    approved = pl.col("is_approved").fill_null(value=False)
    is_app, is_sign = (approved & (pl.col("task_kind") == kind) for kind in ("app", "sign"))
    from_above = ~pl.col("bearer_level_rank").is_in(levels) | approved
    return {
        "q12": _unless_seen(_brings("brings_apps") | demands(*_FORCED_USE), is_app),
        "q14": _recorded(_brings("brings_plaques"), is_sign),
        "q15": _recorded(_brings("brings_campaigns") | demands("fee"), on_reserved_list & ~demands("fee")),
        "q16": _recorded(_brings("brings_levies") | (pl.col("amount_yuan") > 0).fill_null(value=False)),
        "q17": _recorded(_brings("brings_secondments"), (pl.col("burden_kind") == "secondment") & from_above),
    }


def _brings(name: str) -> pl.Expr:
    return pl.col(name) | pl.col("burden_kind").is_in(_BROUGHT[name])


def _recorded(bad: pl.Expr, excused: pl.Expr | None = None) -> pl.Expr:
    """Like ``_unless_seen`` for what is recorded as burden of its own: without a document number nobody can tell."""
    excuse = pl.lit(value=False) if excused is None else excused
    return _code((bad & excuse, GOOD), (bad, BAD), (pl.col("doc_no").is_not_null(), GOOD), otherwise=NOT_CHECKABLE)


def _about_the_plan(parameters: Parameters) -> dict[str, pl.Expr]:
    """Questions 18 to 22."""
    is_meeting = pl.col("burden_kind").is_in(_MEETINGS)
    long = pl.col("duration_min") > parameters.whole("meeting.minutes_max")
    known, on_list = pl.col("is_known"), pl.col("match") == "duty"
    heard = pl.col("heard_units").fill_null(0) >= parameters.whole("admission.heard_units_min")
    time = workdays_between("issued_at", "due_at", calendar_of(parameters))
    rushed = (pl.col("burden_kind") == "consultation") & (time < parameters.number("consultation.min_workdays"))
    everywhere = pl.col("reaches").is_in(list(SCOPE_KINDS))
    return {
        "q18": _code(
            (~is_meeting, NOT_APPLICABLE),
            (demands("requires_principal", "widens_attendance"), BAD),
            (long, BAD),
            (pl.col("duration_min").is_not_null(), GOOD),
            otherwise=NOT_CHECKABLE,
        ),
        "q19": _code(
            (rushed, BAD), (known & heard, GOOD), (known, BAD), (on_list, NOT_APPLICABLE), otherwise=NOT_CHECKABLE
        ),
        "q20": _code((pl.col("minutes").is_not_null(), GOOD), otherwise=NOT_CHECKABLE),
        "q21": _code(
            (pl.col("has_end"), GOOD),
            (known, BAD),
            (pl.col("end_date").is_not_null() | pl.col("due_at").is_not_null(), GOOD),
            otherwise=NOT_CHECKABLE,
        ),
        "q22": _code((everywhere, BAD), (known, GOOD), otherwise=NOT_CHECKABLE),
    }


# Coverage and quality control


def draw_for_rescoring(inputs: BurdenInputs, parameters: Parameters, seed: int) -> pl.DataFrame:
    """Passed reviews of the window to be scored again by people who do not see the first result.

    Of every department's ``n`` passed reviews ``ceil(share n)`` are drawn, at least one: those with the smallest
    digest of seed and admission, so that the draw repeats and a review more changes little of it.

    Args:
        inputs: admissions and organisations are read.
        parameters: review.recheck_share.
        seed: Secret until the re-scoring is done.

    Returns:
        admission_id, subject_org_id; sorted.
    """
    share = Fraction(str(parameters.number("review.recheck_share")))
    passed = _passed_reviews(inputs)
    # A few thousand reviews at most: a digest of each is cheap, and the same on every machine.
    digests = [hashlib.sha256(f"{seed}:{admission}".encode()).hexdigest() for admission in passed["admission_id"]]
    size = -((-pl.len().cast(pl.Int64) * share.numerator) // share.denominator)
    return (
        passed.with_columns(digest=pl.Series(digests, dtype=pl.String))
        .sort("digest", "admission_id")
        .with_columns(place=pl.int_range(pl.len()).over("subject_org_id"), size=size.over("subject_org_id"))
        .filter(pl.col("place") < pl.max_horizontal("size", pl.lit(1)))
        .select("admission_id", "subject_org_id")
        .sort("admission_id")
    )


def _passed_reviews(inputs: BurdenInputs) -> pl.DataFrame:
    return (
        registered(inputs)
        .filter(pl.col("passed") & within(inputs.window, "review_at") & pl.col("applicant").is_not_null())
        .select("admission_id", subject_org_id="applicant")
    )


def consistency_coverage(inputs: BurdenInputs, parameters: Parameters, seed: int) -> pl.DataFrame:
    """Coverage of the review by department, and how often blind re-scoring overturned a passed one.

    The result of a re-scoring is a verification of dataset ``task_admission`` whose key names the admission:
    differs means overturned; not_verifiable is neither.

    Args:
        inputs: As for ``event_answers``, and verifications.
        parameters: As for ``event_answers``, and review.recheck_share.
        seed: See ``draw_for_rescoring``.

    Returns:
        ``CONSISTENCY_COVERAGE``.
    """
    failed = pl.any_horizontal(pl.col(name) == BAD for name in BOLD)
    reviewed = pl.col("is_reviewed")
    events = (
        _event_codes(inputs, parameters)
        .filter("needs_review")
        .group_by("subject_org_id")
        .agg(
            n_events=pl.len().cast(pl.Int64),
            n_reviewed=reviewed.sum().cast(pl.Int64),
            n_contradicted=(reviewed & failed).sum().cast(pl.Int64),
        )
        .collect(engine="streaming")
    )
    passed = _passed_reviews(inputs).group_by("subject_org_id").agg(n_passed=pl.len().cast(pl.Int64))
    rescored = _rescored(inputs, parameters, seed)
    rows = (
        events.join(passed, on="subject_org_id", how="full", coalesce=True)
        .join(rescored, on="subject_org_id", how="left")
        .with_columns(pl.col("^n_.*$").fill_null(0))
    )
    intervals = [
        exact_interval(overturned, n) if n else (None, None)
        for overturned, n in rows.select("n_overturned", "n_rescored").iter_rows()
    ]
    return CONSISTENCY_COVERAGE.conform(
        rows.with_columns(
            period_id=pl.lit(inputs.window.period_id),
            coverage=pl.when(pl.col("n_events") > 0).then(pl.col("n_reviewed") / pl.col("n_events")),
            overturned_share=pl.when(pl.col("n_rescored") > 0).then(pl.col("n_overturned") / pl.col("n_rescored")),
            overturned_low=pl.Series([low for low, _ in intervals], dtype=pl.Float64),
            overturned_high=pl.Series([high for _, high in intervals], dtype=pl.Float64),
            reason_codes=pl.when(pl.col("n_events") == 0).then(pl.lit("NO_EVENTS_TO_REVIEW")),
        )
    )


def _rescored(inputs: BurdenInputs, parameters: Parameters, seed: int) -> pl.DataFrame:
    """subject_org_id, n_drawn, n_rescored, n_overturned; the last result about an admission counts."""
    outcomes = (
        inputs.verifications.filter(pl.col("dataset") == "task_admission")
        .with_columns(admission_id=pl.col("fact_key").str.json_path_match("$.admission_id"))
        .sort("verified_at", "verification_id")
        .unique("admission_id", keep="last", maintain_order=True)
        .select("admission_id", "outcome")
    )
    return (
        draw_for_rescoring(inputs, parameters, seed)
        .join(outcomes, on="admission_id", how="left")
        .group_by("subject_org_id")
        .agg(
            n_drawn=pl.len().cast(pl.Int64),
            n_rescored=pl.col("outcome").is_in(["confirmed", "differs"]).sum().cast(pl.Int64),
            n_overturned=(pl.col("outcome") == "differs").sum().cast(pl.Int64),
        )
    )
