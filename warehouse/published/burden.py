"""Burden as published: account, forms, lists, the gate for new tasks, repeated forms, findings and watches.

These views are the programme office's own. A cell that rests on too few bearing units is shown and marked: where
``shown_to_department`` is false, the department it is about may not see it (burden catalogue, part 1.4).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from difflib import get_close_matches
from typing import Final, Literal

import polars as pl
from sqlalchemy import Engine

from expectations.datasets.burden_fact import UNIT_OF_KIND
from scoring.burden.runner import NOT_MEASURABLE, WHOLE_REGISTER
from scoring.tables import DEPARTMENT_SCORE, FRAME_MEMBER, UNIT_SCORE, ResultTable
from scoring.tables.admission import (
    ADMISSION_BREACH,
    CONSISTENCY_COVERAGE,
    FINDING_COUNT,
    MONITORING_POINT,
    RESOURCE_RATIO,
    STAFFING_NORM,
    VERIFICATION_RATE,
)
from scoring.tables.burden_account import BURDEN_ACCOUNT, REGISTER_COMPLETENESS
from scoring.tables.burden_flags import BURDEN_FLAG
from scoring.tables.burden_watch import BURDEN_SHIFT, SLACK_WATCH
from scoring.tables.duty_lists import DUTY_LIST_PROBLEM, OFF_LIST_TASK
from scoring.tables.false_data import FALSE_DATA_WATCH
from scoring.tables.form_overlaps import DUPLICATE_DATUM, OVERLAP_PAIR, UNUSED_FIELD
from warehouse.published.columns import STATE, Column, View, column, finished, note, number
from warehouse.published.disclosure import has_reason, rounded
from warehouse.releases import read_results

BurdenWhat = Literal[
    "burden_department", "burden_unit", "burden_kind", "burden_form", "burden_register", "duty_problems",
    "off_list_tasks", "admission_breaches", "admission_coverage", "admission_resources", "admission_staffing",
    "duplicate_data", "overlap_pairs", "unused_fields", "findings", "monitoring_points", "verification_rates", "watch",
]  # fmt: skip

FEW_BEARERS: Final = "FEW_BEARERS"
NOT_APPLICABLE: Final = "not_applicable"
"""State of a number that is not there because there is no such number."""

ACCOUNT_WHATS: Final[Sequence[BurdenWhat]] = ("burden_department", "burden_unit", "burden_kind")
SIGNS: Final = ("SHIFT", "SLACK", "FLAGGED")
"""States in which a watch has something for people to look at."""

_SHOWN: Final = "shown_to_department"
_FIGURES: Final = ("n_rows", "n_events", "quantity", "minutes")
_CHANGES: Final = ("n_events", "quantity", "minutes")
_CELL: Final = ("by", "subject_org_id", "bearer_org_id", "burden_kind", "measure", "counted_class")

_WAYS: Final[Mapping[str, tuple[Sequence[str], Sequence[str]]]] = {
    "burden_department": (["department"], ["department", "department_kind"]),
    "burden_unit": (["unit"], ["unit", "unit_kind"]),
    "burden_kind": (["kind"], ["department_kind"]),
}
"""Which cells of the account a view has: of everybody, and of one organisation."""

_NAMES: Final[Mapping[str, tuple[str, str, str]]] = {
    "subject_org_id": ("subject_name", "责任单位", "subject"),
    "bearer_org_id": ("bearer_name", "承担单位", "bearer"),
    "issuer_org_id": ("issuer_name", "派发单位", "issuer"),
    "receiving_org_id": ("receiving_name", "接收单位", "receiving unit"),
    "lead_org_id": ("lead_name", "牵头部门", "lead department"),
    "left_org_id": ("left_org_name", "甲派发部门", "one department"),
    "right_org_id": ("right_org_name", "乙派发部门", "other department"),
    "source_org_id": ("source_name", "来源单位", "source"),
    "org_id": ("org_name", "单位", "unit"),
}
"""Column of organisation ids to the column of their names and its labels."""

_ID_LABELS: Final[Mapping[str, tuple[str, str]]] = {
    "subject_org_id": ("责任单位编码", "subject id"),
    "bearer_org_id": ("承担单位编码", "bearer id"),
    "issuer_org_id": ("派发单位编码", "issuer id"),
    "receiving_org_id": ("接收单位编码", "receiving unit id"),
    "lead_org_id": ("牵头部门编码", "lead department id"),
    "left_org_id": ("甲派发单位编码", "id of the one department"),
    "right_org_id": ("乙派发单位编码", "id of the other department"),
}


_UNIT_OF_KIND: Final = Column(
    "burden_unit", "计量单位", "unit", about_zh="数量的计量单位；跨类别合计没有。",
    about_en="What the quantity is counted in; none where kinds are summed.",
)  # fmt: skip
_CHANGE_NOTE: Final = Column(
    "change_note", "增减说明", "note on the change", about_zh="没有增减比例的原因。",
    about_en="Why there is no change.",
)  # fmt: skip


class UnknownOrganisationError(Exception):
    """The release knows nobody of that id or name; ``similar`` are ids and names close to it."""

    def __init__(self, organisation: str, similar: Sequence[str]) -> None:
        super().__init__(organisation)
        self.organisation, self.similar = organisation, tuple(similar)


def organisation_names(engine: Engine, release_id: str) -> pl.DataFrame:
    """Names of the organisations a release knows by name: org_id, org_name; one row per organisation."""
    tables = (FRAME_MEMBER, UNIT_SCORE, STAFFING_NORM, MONITORING_POINT)
    known = [read_results(engine, release_id, table.name).select("org_id", "org_name") for table in tables]
    departments = read_results(engine, release_id, DEPARTMENT_SCORE.name)
    known.insert(0, departments.select("org_name", org_id="ratee_org_id").select("org_id", "org_name"))
    return pl.concat(known).drop_nulls().unique("org_id", keep="first", maintain_order=True).sort("org_id")


def find_organisation(rows: pl.DataFrame, ids: Sequence[str], names: pl.DataFrame, wanted: str) -> str:
    """The id of an organisation from its id or exact name.

    Args:
        rows: Rows with columns ``ids`` of organisation ids; these are known, too.
        ids: The columns.
        names: ``organisation_names``.
        wanted: What was typed.

    Raises:
        UnknownOrganisationError: Nobody has that id or name, or several have that name.
    """
    known = set(names["org_id"]).union(*(rows[name].drop_nulls() for name in ids))
    if wanted in known:
        return wanted
    named = names.filter(pl.col("org_name") == wanted)["org_id"]
    if named.len() == 1:
        return str(named[0])
    words = [*sorted(known - {"*", "-"}), *names["org_name"]]
    close = [word for word in words if wanted and wanted in word] or get_close_matches(wanted, words)
    raise UnknownOrganisationError(wanted, close[:3])


def burden_account(
    engine: Engine, release_id: str, what: BurdenWhat, *, subject: str | None = None,
    compare: tuple[str, str] | None = None,
) -> View:  # fmt: skip
    """The account by department, unit or kind.

    Args:
        engine: The warehouse.
        release_id: The release.
        what: ``burden_department``, ``burden_unit`` or ``burden_kind``.
        subject: Only this organisation (id or name), kind by kind.
        compare: Period and release to compare with in place of the year before.

    Raises:
        UnknownOrganisationError: The release does not know ``subject``.
    """
    rows = read_results(engine, release_id, BURDEN_ACCOUNT.name)
    if compare is not None:
        period_id, other = compare
        rows = against(rows, read_results(engine, other, BURDEN_ACCOUNT.name), period_id)
    names = organisation_names(engine, release_id)
    of_unit = what == "burden_unit"
    key = "bearer_org_id" if of_unit else "subject_org_id"
    ways = _WAYS[what][subject is not None]
    if subject is not None:
        rows = rows.filter(pl.col(key) == find_organisation(rows, [key], names, subject))
    rows = rows.filter(pl.col("by").is_in(ways)).with_columns(
        change_note=_change_note(),
        burden_unit=pl.col("burden_kind").replace_strict(UNIT_OF_KIND, default=None, return_dtype=pl.String),
    )
    table = BURDEN_ACCOUNT
    by_kind, by_organisation = (
        what == "burden_kind" or subject is not None,
        what != "burden_kind" or subject is not None,
    )
    texts = [
        *([key] if by_organisation else []), *(["burden_kind"] if by_kind else []), "measure",
        *([] if of_unit else ["counted_class"]),
    ]  # fmt: skip
    numbers = (
        "n_events", "n_rows", "n_bearers", "quantity", "minutes", "hours_per_unit_month",
        *(f"{name}_before" for name in _FIGURES), *(f"{name}_change" for name in _CHANGES),
        "n_duplicates", "n_untimed", "persons", "pages",
    )  # fmt: skip
    columns = (
        *_declared(table, texts),
        *([_UNIT_OF_KIND] if by_kind else []),
        *_declared(table, numbers),
        number(table, "amount_fen", en="amount (fen)"),
        number(table, "unit_months"),
        _CHANGE_NOTE,
        *_declared(table, ["compare_period_id", _SHOWN]),
        *_ids(texts),
    )  # fmt: skip
    order = ("measure", *(name for name in texts if name != "measure"))
    # A stock takes no time, and over a period before without any there is no ratio.
    is_stock, is_new = pl.col("measure") == "stock", pl.col("change_note") == "zero_before"
    none = dict.fromkeys(("minutes", "hours_per_unit_month", "minutes_before"), is_stock)
    none |= {f"{name}_change": is_new | (is_stock if name == "minutes" else pl.lit(value=False)) for name in _CHANGES}
    return _view(table, _named(rows, names).sort(order), columns, none)


def against(now: pl.DataFrame, before: pl.DataFrame, period_id: str) -> pl.DataFrame:
    """The account of one period beside that of another, in place of what it was compared with.

    A cell that only the other period has stays, with nothing in it now: that is what a burden lifted looks like. An
    empty account of the other period says nothing, so figures and changes are null then.

    Args:
        now: ``burden_account`` of the period.
        before: That of the other.
        period_id: The other period.
    """
    counts = (
        "n_rows", "n_events", "n_bearers", "n_duplicates", "quantity", "n_untimed", "persons", "pages", "amount_fen",
    )  # fmt: skip
    is_known, is_flow = bool(before.height), pl.col("measure") == "flow"
    earlier = before.select(*_CELL, _before_shown=_SHOWN, **{f"{name}_before": name for name in _FIGURES})
    left = now.drop("compare_period_id", *(f"{name}_before" for name in _FIGURES), *(f"{n}_change" for n in _CHANGES))
    rows = left.join(earlier, on=_CELL, how="full", coalesce=True)
    missing = pl.col("n_rows").is_null() & is_flow
    whole = [name for name in _FIGURES if name != "minutes"]
    rows = rows.with_columns(
        *(pl.col(name).fill_null(0) for name in counts),
        pl.when(is_flow).then(pl.col("minutes").fill_null(0)).alias("minutes"),
        pl.when(missing).then(0.0).otherwise(pl.col("hours_per_unit_month")).alias("hours_per_unit_month"),
        *(pl.when(pl.lit(is_known)).then(pl.col(f"{n}_before").fill_null(0)).alias(f"{n}_before") for n in whole),
        pl.when(pl.lit(is_known) & is_flow).then(pl.col("minutes_before").fill_null(0)).alias("minutes_before"),
        pl.col(_SHOWN).fill_null(value=True) & pl.col("_before_shown").fill_null(value=True),
        compare_period_id=pl.lit(period_id),
    )
    changes = [
        ((pl.col(n) - pl.col(f"{n}_before")) / pl.when(pl.col(f"{n}_before") > 0).then(f"{n}_before")).alias(
            f"{n}_change"
        )
        for n in _CHANGES
    ]
    return rows.with_columns(changes).drop("_before_shown")


def _change_note() -> pl.Expr:
    before = pl.col("quantity_before")
    return pl.when(before.is_null()).then(pl.lit("no_before")).when(before == 0).then(pl.lit("zero_before"))


def forms(engine: Engine, release_id: str) -> View:
    """What the rules of the recognised forms found, and what could not be measured."""
    table = BURDEN_FLAG
    rows = read_results(engine, release_id, table.name).with_columns(_few_bearers())
    texts = ("form_code", "subject_org_id", "result_type", "param_id")
    numbers = ("value", "threshold", "n", "denominator", "n_bearers")
    columns = (
        *_declared(table, [*texts, *numbers, "evidence_refs", "missing_columns"]),
        note(table),
        *_declared(BURDEN_ACCOUNT, [_SHOWN]),
        *_ids(texts),
    )
    none = dict.fromkeys(("threshold", "n", "denominator", "n_bearers"), pl.col("result_type") != NOT_MEASURABLE)
    return _view(table, _with_names(rows, engine, release_id).sort(*texts), columns, none)


def registers(engine: Engine, release_id: str) -> View:
    """How complete the register of each issuer is."""
    return _whole(engine, release_id, REGISTER_COMPLETENESS, ["completeness", "issuer_org_id"])


def duty_problems(engine: Engine, release_id: str) -> View:
    """What is wrong with the duty lists, the worst first."""
    return _whole(engine, release_id, DUTY_LIST_PROBLEM, ["_worst", "rule", "list_id", "duty_id", "detail"])


def off_list_tasks(engine: Engine, release_id: str) -> View:
    """What each unit may decline and why; each row is about one unit, so no department may see it."""
    table = OFF_LIST_TASK
    rows = read_results(engine, release_id, table.name).with_columns(pl.lit(value=False).alias(_SHOWN))
    texts = ["org_id", "subject_org_id", "duty_id", "why", "burden_kinds", "n_rows", "first_day", "last_day"]
    more = ["lead_org_id", "evidence_refs"]
    columns = (*_declared(table, [*texts, *more]), *_declared(BURDEN_ACCOUNT, [_SHOWN]), *_ids([*texts, *more]))
    return _view(
        table, _with_names(rows, engine, release_id).sort("org_id", "subject_org_id", "duty_id", "why"), columns
    )


def admission_breaches(engine: Engine, release_id: str, floor_units: int = 5) -> View:
    """Breaches of the gate for new tasks, and what could not be looked at; ``floor_units`` as in ``watch``."""
    table = ADMISSION_BREACH
    rows = read_results(engine, release_id, table.name).with_columns(_enough_bearers(floor_units))
    texts = ("breach", "detail", "admission_id", "subject_org_id", "subject_role", "result_type", "breach_on")
    numbers = ("value", "threshold", "days", "n", "n_bearers")
    columns = (
        *_declared(table, [*texts, *numbers, "evidence_refs", "missing_columns"]),
        note(table),
        *_declared(BURDEN_ACCOUNT, [_SHOWN]),
        *_ids(texts),
    )
    order = ("breach", "admission_id", "subject_org_id", "detail")
    none = dict.fromkeys(numbers, pl.col("result_type") != NOT_MEASURABLE)
    return _view(table, _with_names(rows, engine, release_id).sort(order), columns, none)


def admission_coverage(engine: Engine, release_id: str) -> View:
    """Which share of what departments set was reviewed for consistency."""
    return _whole(engine, release_id, CONSISTENCY_COVERAGE, ["coverage", "subject_org_id"])


def admission_resources(engine: Engine, release_id: str) -> View:
    """What was granted of what was promised."""
    order = ["admission_id", "kind", "receiving_org_id"]
    return _whole(engine, release_id, RESOURCE_RATIO, order)


def admission_staffing(engine: Engine, release_id: str) -> View:
    """Community workers against the norm, the largest gap first."""
    return _whole(engine, release_id, STAFFING_NORM, ["-missing", "org_id"])


def duplicate_data(engine: Engine, release_id: str) -> View:
    """Data asked for more than once, the costliest first."""
    return _whole(engine, release_id, DUPLICATE_DATUM, ["-hours", "datum_id"], en={"form_ids": "list of forms"})


def overlap_pairs(engine: Engine, release_id: str) -> View:
    """The pairs of forms and of assessments that overlap most."""
    return _whole(engine, release_id, OVERLAP_PAIR, ["pair_kind", "-n_surplus", "left_id", "right_id"])


def unused_fields(engine: Engine, release_id: str) -> View:
    """What is collected and used nowhere, the costliest first."""
    return _whole(engine, release_id, UNUSED_FIELD, ["-hours", "form_id", "field_name"])


def findings(engine: Engine, release_id: str) -> View:
    """Findings and their re-checks by organisation, the most overdue first."""
    return _whole(engine, release_id, FINDING_COUNT, ["-n_overdue", "-n_relapsed", "subject_org_id"])


def monitoring_points(engine: Engine, release_id: str) -> View:
    """The units that keep a register of what they receive, and how far it can be trusted."""
    return _whole(engine, release_id, MONITORING_POINT, ["org_id"])


def verification_rates(engine: Engine, release_id: str) -> View:
    """Error rates found by checks on the spot, and the next share to draw."""
    return _whole(engine, release_id, VERIFICATION_RATE, ["-error_rate", "source_org_id"])


def watch(engine: Engine, release_id: str, floor_units: int = 5) -> View:
    """Signs that burden moved, that work slackened or that data are too good, each in the state it is in.

    Args:
        engine: The warehouse.
        release_id: The release.
        floor_units: Bearing units behind a shift below which no department may see it (``register.floor_units``).
    """
    shifted = read_results(engine, release_id, BURDEN_SHIFT.name).with_columns(
        watch=pl.lit("shift"), code="pair", size="substitution_share", size_low="substitution_low",
    ).with_columns(_enough_bearers(floor_units))  # fmt: skip
    slack = read_results(engine, release_id, SLACK_WATCH.name).with_columns(
        watch=pl.lit("slack"), code=pl.lit("slack"), since="ended_from", n="n_treated", size="estimate",
        size_low="ci_low", size_high="ci_high",
    )  # fmt: skip
    false_data = read_results(engine, release_id, FALSE_DATA_WATCH.name).with_columns(
        watch=pl.lit("false_data"), code="pattern_code"
    )
    counts = ("official_before", "official_now", "informal_before", "informal_now")
    minutes = ("minutes_per_unit_month_before", "minutes_per_unit_month_now")
    columns = (
        Column("watch", "观察种类", "watch", about_zh="shift 负担转移、slack 松劲、false_data 数据失真。",
               about_en="shift, slack or false_data."),
        Column("code", "线索", "sign", about_zh="对照组合或迹象的代码。", about_en="Pair or pattern."),
        *_declared(BURDEN_SHIFT, ["subject_org_id"]),
        *_declared(FALSE_DATA_WATCH, ["indicator_id", "compared_with", "state"]),
        *_declared(BURDEN_SHIFT, counts),
        *_declared(FALSE_DATA_WATCH, ["n", "n_min", "n_found", "size", "size_low", "size_high", "p_value", "q_value"]),
        *_declared(BURDEN_SHIFT, ["dispersion", *minutes, "n_bearers", "control_signal"]),
        *_declared(FALSE_DATA_WATCH, ["next_step", "evidence", "missing_columns"]),
        column(SLACK_WATCH, "ended_from", shown="since"),
        *_declared(BURDEN_ACCOUNT, [_SHOWN]),
        *_ids(["subject_org_id"]),
    )  # fmt: skip
    rows = pl.concat([shifted, slack, false_data], how="diagonal_relaxed")
    rows = _with_names(rows, engine, release_id).with_columns(
        *(rounded(FALSE_DATA_WATCH, name) for name in ("size", "size_low", "size_high", "p_value", "q_value")),
        *(rounded(BURDEN_SHIFT, name) for name in ("dispersion", *minutes)),
    )
    is_sign = pl.col("state").is_in(SIGNS)
    shown = finished(rows.sort(~is_sign, "watch", "code", "subject_org_id", "indicator_id", nulls_last=True), columns)
    of_shift = (*counts, *minutes, "dispersion", "n_bearers", "control_signal")
    none = dict.fromkeys(of_shift, pl.col("watch") != "shift")
    none |= {"n": pl.col("watch") == "shift", **dict.fromkeys(("n_min", "n_found"), pl.col("watch") != "false_data")}
    none |= dict.fromkeys(("p_value", "q_value"), pl.col("watch") == "slack")
    return View(_not_applicable(shown, none), columns, by_group=False)


VIEWS: Final[Mapping[BurdenWhat, Callable[[Engine, str], View]]] = {
    "burden_form": forms,
    "burden_register": registers,
    "duty_problems": duty_problems,
    "off_list_tasks": off_list_tasks,
    "admission_coverage": admission_coverage,
    "admission_resources": admission_resources,
    "admission_staffing": admission_staffing,
    "duplicate_data": duplicate_data,
    "overlap_pairs": overlap_pairs,
    "unused_fields": unused_fields,
    "findings": findings,
    "monitoring_points": monitoring_points,
    "verification_rates": verification_rates,
}
"""The views that need nothing but the release."""

FLOOR_VIEWS: Final[Mapping[BurdenWhat, Callable[[Engine, str, int], View]]] = {
    "admission_breaches": admission_breaches,
    "watch": watch,
}
"""The views that mark rows by the number of bearing units."""

BURDEN_WHATS: Final[tuple[BurdenWhat, ...]] = (*ACCOUNT_WHATS, *VIEWS, *FLOOR_VIEWS)


def _whole(
    engine: Engine, release_id: str, table: ResultTable, order: Sequence[str], en: Mapping[str, str] | None = None
) -> View:
    """Every column of a table; ``order`` are columns, with ``-`` the largest first."""
    names = [each.name for each in table.columns if each.name != "period_id"]
    own = [name for name in names if name != "org_name"]
    rows = _with_names(read_results(engine, release_id, table.name), engine, release_id)
    if "level" in rows.columns:
        worst = pl.col("level").replace_strict(["critical", "warning", "info"], [0, 1, 2], default=3)
        rows = rows.with_columns(_worst=worst)
    # Names come first, numbers next, and what people look up last.
    columns = (*_declared(table, own, en or {}), *_ids(own))
    keys = [name.removeprefix("-") for name in order]
    rows = rows.sort(keys, descending=[name.startswith("-") for name in order], nulls_last=True)
    return _view(table, rows, columns)


def _declared(table: ResultTable, names: Iterable[str], en: Mapping[str, str] | None = None) -> list[Column]:
    """The declared columns: numbers with a state each, and in place of an organisation's id its name."""
    found = []
    for name in names:
        dtype = table.column(name).dtype
        if name in _NAMES:
            shown, zh, english = _NAMES[name]
            about = ("名册中没有名称的为机构编码。", "Where the release has no name, the organisation's id.")
            found.append(Column(shown, zh, english, about_zh=about[0], about_en=about[1]))
        elif name == "reason_codes":
            found.append(note(table))
        elif dtype.is_numeric():
            found.append(number(table, name))
        else:
            found.append(column(table, name, en=(en or {}).get(name)))
    return found


def _ids(names: Iterable[str]) -> list[Column]:
    """The columns of the ids that ``_declared`` showed as names."""
    found = []
    for name in names:
        if name in _NAMES:
            zh, en = _ID_LABELS.get(name, (f"{_NAMES[name][1]}编码", f"{_NAMES[name][2]} id"))
            found.append(Column(name, zh, en, about_zh="机构编码。", about_en="Organisation id."))
    return found


def _with_names(rows: pl.DataFrame, engine: Engine, release_id: str) -> pl.DataFrame:
    return _named(rows, organisation_names(engine, release_id))


def _named(rows: pl.DataFrame, names: pl.DataFrame) -> pl.DataFrame:
    """Adds the name beside every organisation id, the id itself where there is no name."""
    ids, texts = names["org_id"].to_list(), names["org_name"].to_list()
    known = [name for name in _NAMES if name in rows.columns]
    return rows.with_columns(
        pl.col(name).replace_strict(ids, texts, default=pl.col(name), return_dtype=pl.String).alias(_NAMES[name][0])
        for name in known
    )


def _few_bearers() -> pl.Expr:
    return (~has_reason(FEW_BEARERS)).alias(_SHOWN)


def _enough_bearers(floor_units: int) -> pl.Expr:
    # A row about no bearing unit tells nobody's secret.
    few = pl.col("n_bearers").is_between(1, floor_units - 1).fill_null(value=False)
    return (~few).alias(_SHOWN)


def _view(
    table: ResultTable, rows: pl.DataFrame, columns: Sequence[Column], none: Mapping[str, pl.Expr] | None = None
) -> View:
    """A view in which ``none`` says where a number that is not there could not be: not applicable, not missing."""
    floats = [each.name for each in table.columns if each.dtype == pl.Float64() and each.name in rows.columns]
    shown = finished(rows.with_columns(rounded(table, name) for name in floats), columns)
    return View(_not_applicable(shown, none or {}), tuple(columns), by_group=False)


def _not_applicable(rows: pl.DataFrame, none: Mapping[str, pl.Expr]) -> pl.DataFrame:
    return rows.with_columns(
        pl.when(pl.col(name).is_null() & where.fill_null(value=False))
        .then(pl.lit(NOT_APPLICABLE))
        .otherwise(pl.col(f"{name}{STATE}"))
        .alias(f"{name}{STATE}")
        for name, where in none.items()
    )


def only_organisation(view: View, names: pl.DataFrame, column_name: str, wanted: str) -> pl.DataFrame:
    """The rows of a view about one organisation, and of a view of forms those about the whole register.

    Raises:
        UnknownOrganisationError: The release knows nobody of that id or name.
    """
    org_id = find_organisation(view.rows, [column_name], names, wanted)
    about = pl.col(column_name) == org_id
    return view.rows.filter(about | (pl.col(column_name) == WHOLE_REGISTER))
