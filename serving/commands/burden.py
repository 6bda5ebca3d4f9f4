"""Burden: the account, the forms, duty lists, the gate for new tasks, repeated forms, findings and watches."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from serving.commands.results import Form, Output, Period, choose_format, deliver
from serving.errors import CommandError
from serving.exit_codes import ExitCode
from serving.session import Session

if TYPE_CHECKING:
    import polars as pl

    from warehouse.duty_registers import DutyRegisters
    from warehouse.published import BurdenWhat, Ranking


class By(StrEnum):
    """How the account is summed up, or the forms, or the registers behind it."""

    DEPARTMENT = "department"
    UNIT = "unit"
    KIND = "kind"
    FORM = "form"
    REGISTER = "register"


class Overlap(StrEnum):
    """What overlaps."""

    DATA = "data"
    PAIRS = "pairs"
    UNUSED = "unused"


class Checked(StrEnum):
    """What was found by looking."""

    FINDINGS = "findings"
    MONITORING = "monitoring"
    VERIFICATION = "verification"


_OVERLAPS: Mapping[Overlap, BurdenWhat] = {
    Overlap.DATA: "duplicate_data", Overlap.PAIRS: "overlap_pairs", Overlap.UNUSED: "unused_fields",
}  # fmt: skip
_CHECKED: Mapping[Checked, BurdenWhat] = {
    Checked.FINDINGS: "findings", Checked.MONITORING: "monitoring_points", Checked.VERIFICATION: "verification_rates",
}  # fmt: skip

ByOption = Annotated[
    By | None, typer.Option("--by", help="option.burden_by", metavar="department|unit|kind|form|register")
]
Compare = Annotated[str | None, typer.Option("--compare", help="option.compare", metavar="PERIOD")]
FormCode = Annotated[str | None, typer.Option("--form", help="option.form_code", metavar="CODE")]
Subject = Annotated[str | None, typer.Option("--subject", help="option.burden_subject", metavar="ORGANISATION")]
OfUnit = Annotated[str | None, typer.Option("--unit", help="option.off_list_unit", metavar="UNIT")]
Unit = Annotated[str, typer.Argument(metavar="UNIT", help="option.duty_unit")]
On = Annotated[str, typer.Option("--on", help="option.duty_day", metavar="DATE")]
DutyList = Annotated[str, typer.Argument(metavar="LIST", help="option.duty_list")]
OldVersion = Annotated[str, typer.Argument(metavar="OLD", help="option.duty_old")]
NewVersion = Annotated[str, typer.Argument(metavar="NEW", help="option.duty_new")]
OverlapKind = Annotated[Overlap, typer.Option("--kind", help="option.overlap_kind", metavar="data|pairs|unused")]
CheckedKind = Annotated[
    Checked, typer.Option("--kind", help="option.findings_kind", metavar="findings|monitoring|verification")
]
All = Annotated[bool, typer.Option("--all", help="option.watch_all")]


def burden(
    session: Session, period: Period, by: ByOption = None, compare: Compare = None, form_code: FormCode = None,
    subject: Subject = None, form: Form = None, output: Output = None,
) -> int:  # fmt: skip
    """What was laid on the grassroots, by whom, on whom, of which kind and in which form."""
    chosen_by = by or (By.FORM if form_code else By.DEPARTMENT)
    if form_code is not None and chosen_by is not By.FORM:
        raise CommandError("form_without_by_form", ExitCode.USAGE)
    if compare is not None and chosen_by in (By.FORM, By.REGISTER):
        raise CommandError("compare_what", ExitCode.USAGE, by=chosen_by.value)
    if form_code is not None:
        _refuse_unknown_form(session, form_code)
    columns = {By.UNIT: "bearer_org_id", By.REGISTER: "issuer_org_id"}
    about = None if subject is None else (columns.get(chosen_by, "subject_org_id"), subject)
    chosen = choose_format(session, form, output)
    found = _ranking(
        session, f"burden_{chosen_by.value}", period, compare=compare, organisation=about, form_code=form_code
    )
    return deliver(session, found, chosen, output)


def duty_problems(session: Session, period: Period, form: Form = None, output: Output = None) -> int:
    """What is wrong with the duty lists of a period."""
    return _show(session, "duty_problems", period, form, output)


def off_list(session: Session, period: Period, unit: OfUnit = None, form: Form = None, output: Output = None) -> int:
    """What units may decline, and why."""
    return _show(
        session, "off_list_tasks", period, form, output, organisation=None if unit is None else ("org_id", unit)
    )


def admission_breaches(session: Session, period: Period, form: Form = None, output: Output = None) -> int:
    """Breaches of the gate for new tasks."""
    return _show(session, "admission_breaches", period, form, output)


def admission_coverage(session: Session, period: Period, form: Form = None, output: Output = None) -> int:
    """Which share of what departments set was reviewed for consistency."""
    return _show(session, "admission_coverage", period, form, output)


def admission_resources(session: Session, period: Period, form: Form = None, output: Output = None) -> int:
    """What was granted of what was promised."""
    return _show(session, "admission_resources", period, form, output)


def admission_staffing(session: Session, period: Period, form: Form = None, output: Output = None) -> int:
    """Community workers against the norm."""
    return _show(session, "admission_staffing", period, form, output)


def overlaps(
    session: Session, period: Period, kind: OverlapKind = Overlap.DATA, form: Form = None, output: Output = None
) -> int:
    """What the grassroots are asked for more than once, and what is used nowhere."""
    return _show(session, _OVERLAPS[kind], period, form, output)


def findings(
    session: Session, period: Period, kind: CheckedKind = Checked.FINDINGS, form: Form = None, output: Output = None
) -> int:
    """Findings with their re-checks, monitoring points, and error rates of verification."""
    return _show(session, _CHECKED[kind], period, form, output)


def watch_list(
    session: Session, period: Period, everything: All = False, form: Form = None, output: Output = None
) -> int:
    """Signs for people to check; every test in the state it is in with ``--all``."""
    from dataclasses import replace

    import polars as pl

    from warehouse.published import SIGNS

    chosen = choose_format(session, form, output)
    found = _ranking(session, "watch", period)
    shown = found if everything else replace(found, rows=found.rows.filter(pl.col("state").is_in(SIGNS)))
    code = deliver(session, shown, chosen, output)
    _say_states(session, found.rows)
    return code


def _say_states(session: Session, rows: pl.DataFrame) -> None:
    """How many tests of each watch stand in which state: no sign and not enough data are different answers."""
    from serving.code_names import code_name

    words = session.words
    for (watch,), part in rows.group_by("watch", maintain_order=True):
        counts = part.group_by("state").len().sort("len", "state", descending=[True, False])
        told = [f"{code_name('state', state, words)} {count}" for state, count in counts.iter_rows()]
        session.remark("watch.states", watch=code_name("watch", str(watch), words), states=words.listed(told))
    controls = rows["control_signal"].drop_nulls()
    if controls.len():
        session.remark("watch.control", signs=int(controls.sum()), tests=controls.len())


def _show(
    session: Session, what: str, period: str, form: Form, output: Path | None, *,
    organisation: tuple[str, str] | None = None,
) -> int:  # fmt: skip
    chosen = choose_format(session, form, output)
    return deliver(session, _ranking(session, what, period, organisation=organisation), chosen, output)


def _ranking(
    session: Session, what: str, period: str, *, compare: str | None = None,
    organisation: tuple[str, str] | None = None, form_code: str | None = None,
) -> Ranking:  # fmt: skip
    """A view of a published release.

    Raises:
        CommandError: the release does not know the organisation that was asked for.
    """
    from warehouse.published import UnknownOrganisationError, burden_ranking

    asked = cast("BurdenWhat", what)
    engine = session.reading_engine()
    try:
        return burden_ranking(engine, period, asked, compare=compare, organisation=organisation, form_code=form_code)
    except UnknownOrganisationError as error:
        key = "unknown_subject_similar" if error.similar else "unknown_subject"
        similar = session.words.listed(error.similar)
        raise CommandError(key, subject=error.organisation, similar=similar) from error


def _refuse_unknown_form(session: Session, code: str) -> None:
    from difflib import get_close_matches

    from scoring.burden.catalogue import load_catalogue

    codes = [form.code for form in load_catalogue().forms]
    if code not in codes:
        close = get_close_matches(code.upper(), codes, 3) or codes[:3]
        raise CommandError("unknown_form", ExitCode.USAGE, form=code, similar=session.words.listed(close))


_CHECK_LABELS = {
    "basis": ("依据", "basis"), "duty_id": ("履职事项编号", "duty item"), "duty_name": ("事项名称", "name"),
    "duty_kind": ("事项类别", "kind of duty"), "may_be_asked": ("可否要求", "may be asked"),
    "scored": ("可否计分", "scored"), "lead_org_id": ("牵头部门编码", "lead department id"),
    "lead_name": ("牵头部门", "lead department"), "list_id": ("清单编号", "duty list"),
    "list_version": ("清单版本", "list version"), "since": ("起始日期", "since"),
    "since_version": ("起始版本", "since version"), "admission_id": ("准入编号", "admission"),
}  # fmt: skip
_DIFF_LABELS = {
    "change": ("变动", "change"), "duty_id": ("履职事项编号", "duty item"), "old_duty_id": ("原编号", "number before"),
    "duty_name": ("事项名称", "name"), "old_duty_kind": ("原类别", "kind before"),
    "duty_kind": ("事项类别", "kind of duty"), "change_reason": ("变更原因", "reason of the change"),
    "admission_id": ("准入编号", "admission"), "lacks_admission": ("缺少准入", "admission is lacking"),
}  # fmt: skip


def duty_check(session: Session, unit: Unit, on: On, form: Form = None, output: Output = None) -> int:
    """What a unit answers for on a day: its duty items, and the admissions that cover it."""
    from scoring.burden.duty_lists import duty_check as checked
    from serving.plain_files import Sheet, deliver_sheet

    chosen = choose_format(session, form, output)
    day = _day(on)
    given = _registers(session)
    organisations = given.organisations_on(day)
    org_id, name = _unit(session, unit, day, organisations)
    names = dict(organisations.select("org_id", "org_name").iter_rows())
    found = checked(org_id, day, given.duties, given.admissions, organisations)
    rows = found.with_columns(lead_name=_name_of("lead_org_id", names)).select(list(_CHECK_LABELS))
    words = session.words
    sheet = Sheet(
        f"duty-{org_id}-{day}", words("duty.title_check", unit=name, day=day), _CHECK_LABELS, rows,
        {"org_id": org_id, "org_name": name, "day": str(day)}, frozenset({"lead_org_id", "list_version"}),
    )  # fmt: skip
    code = deliver_sheet(session, sheet, chosen, output)
    if rows.is_empty():
        session.remark("duty.nothing", unit=name, day=day)
    else:
        session.remark("duty.reading_check")
    return code


def _name_of(column: str, names: Mapping[str, str]) -> pl.Expr:
    import polars as pl

    ids = pl.col(column)
    return ids.replace_strict(list(names), list(names.values()), default=ids, return_dtype=pl.String)


def _day(text: str) -> dt.date:
    try:
        return dt.date.fromisoformat(text)
    except ValueError as error:
        raise CommandError("no_such_day", ExitCode.USAGE, day=text) from error


def _registers(session: Session) -> DutyRegisters:
    """The registers of the home.

    Raises:
        CommandError: no duty list was ever taken.
    """
    from warehouse.duty_registers import duty_registers

    found = duty_registers(session.reading_engine(), session.existing_settings().lake)
    if found.duties.is_empty():
        raise CommandError("no_duty_lists")
    return found


def _unit(session: Session, wanted: str, day: dt.date, organisations: pl.DataFrame) -> tuple[str, str]:
    """Id and name of a unit from either.

    Raises:
        CommandError: nobody on the register has that id or name on that day, or several have that name.
    """
    from difflib import get_close_matches

    import polars as pl

    for column in ("org_id", "org_name"):
        found = organisations.filter(pl.col(column) == wanted)
        if found.height == 1:
            return str(found["org_id"][0]), str(found["org_name"][0])
    known = [str(each) for each in (*organisations["org_id"], *organisations["org_name"].drop_nulls())]
    close = [each for each in known if wanted and wanted in each] or get_close_matches(wanted, known)
    similar = session.words.listed(close[:3])
    raise CommandError("unknown_unit_similar" if close else "unknown_unit", unit=wanted, day=day, similar=similar)


def duty_diff(
    session: Session, duty_list: DutyList, old: OldVersion, new: NewVersion, form: Form = None, output: Output = None
) -> int:
    """What a version of a duty list changed against an earlier one."""
    from scoring.burden.duty_lists import diff_versions
    from serving.plain_files import Sheet, deliver_sheet

    chosen = choose_format(session, form, output)
    given = _registers(session)
    _refuse_unknown_version(session, given.duties, duty_list, (old, new))
    rows = diff_versions(given.duties, duty_list, old, new, admissions=given.admissions)
    about: dict[str, Any] = {"list_id": duty_list, "old_version": old, "new_version": new}
    title = session.words("duty.title_diff", list=duty_list, old=old, new=new)
    sheet = Sheet(
        f"duty-{duty_list}-{old}-{new}", title, _DIFF_LABELS, rows.select(list(_DIFF_LABELS)), about,
        frozenset({"old_duty_id"}),
    )  # fmt: skip
    code = deliver_sheet(session, sheet, chosen, output)
    lacking = int(rows["lacks_admission"].sum())
    if rows.is_empty():
        session.remark("duty.same", list=duty_list, old=old, new=new)
    elif lacking:
        session.remark("duty.lacking", count=lacking)
    return code


def _refuse_unknown_version(session: Session, duties: pl.DataFrame, duty_list: str, asked: tuple[str, ...]) -> None:
    import polars as pl

    from scoring.burden.duty_lists import list_versions

    versions = list_versions(duties)
    known = versions.filter(pl.col("list_id") == duty_list)["list_version"].to_list()
    if not known:
        lists = versions["list_id"].unique().sort().to_list()
        raise CommandError("unknown_duty_list", list=duty_list, lists=session.words.listed(lists))
    for version in asked:
        if version not in known:
            raise CommandError(
                "unknown_list_version", list=duty_list, version=version, versions=session.words.listed(known)
            )
