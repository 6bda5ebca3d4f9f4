"""Duty lists as dated versions: which list holds for whom and what changed (burden catalogue, part 5).

A row of ``duty_item`` is in force from ``valid_from`` to before ``valid_to``. A list at a version is what of it was
in force on the first day of that version, so a new version may restate every item or only those that changed.

A list is for one unit (``scope_org_id``) or for every unit of a kind (``scope_kind``). On a day on which a unit has a
list of its own, that list alone holds for it; otherwise the lists of its kind do.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Final, Literal

import polars as pl

from scoring.burden.facts import SCOPES

Scored = Literal["yes", "local_duty", "satisfaction", "never"]


@dataclass(frozen=True)
class DutyKind:
    """What a kind of duty lets others ask of the unit, and what of it may be scored (burden catalogue, part 5.2).

    Attributes:
        code: ``duty_kind`` of the contract.
        is_village: On lists of villages and communities, not of townships and subdistricts.
        needs_lead: The item names who leads, took over or must do it.
        may_be_asked: Whether anything may be asked of the unit; what exactly says ``asked_zh``, ``asked_en``.
        scored: ``yes``; ``local_duty``, only what the unit's own part says; ``satisfaction``, only by what the
            residents say; ``never``.
    """

    code: str
    is_village: bool
    needs_lead: bool
    may_be_asked: bool
    scored: Scored
    asked_zh: str
    asked_en: str


DUTY_KINDS: Final[Mapping[str, DutyKind]] = {
    kind.code: kind
    for kind in (
        DutyKind("basic", False, False, True, "yes", "职责以内的要求", "any demand within the duty"),
        DutyKind(
            "cooperate",
            False,
            True,
            True,
            "local_duty",
            "只限基层配合职责，牵头仍在牵头部门",
            "only the unit's own part; the lead stays with the lead department",
        ),
        DutyKind(
            "reclaimed", False, True, False, "never", "不得要求，已由上级收回", "nothing; a department took it back"
        ),
        DutyKind(
            "village_statutory",
            True,
            False,
            True,
            "satisfaction",
            "指导、支持和帮助，不得下达任务",
            "guidance and support, no instruction",
        ),
        DutyKind(
            "village_assist", True, True, True, "local_duty", "协助，并提供条件", "assistance, with the means provided"
        ),
        DutyKind(
            "forbidden",
            True,
            True,
            False,
            "never",
            "不得要求，不应由村（社区）承担",
            "nothing; not a village's to bear",
        ),
        DutyKind("no_certificate", True, False, False, "never", "不得索要证明", "no such certificate may be asked for"),
    )
}
"""Every kind of duty, the most demanding of the unit first: where two lists differ, the first that holds counts."""

APPROVED: Final = ("approved", "exited")
"""Decisions under which an admission is, or until its last day was, in force."""

_SPAN: Final = (
    "admission_id", "duty_id", "applicant_org_id", "lead_org_id", "target_scope", "task_name", "valid_from", "valid_to",
)  # fmt: skip


def in_force(day: date | pl.Expr) -> pl.Expr:
    """True for rows whose validity holds the day: valid_from included, valid_to excluded or empty."""
    return (pl.col("valid_from") <= day) & (pl.col("valid_to").is_null() | (pl.col("valid_to") > day))


def normalised(column: str) -> pl.Expr:
    """A name without spaces, punctuation and width, in small letters: names that differ only so are the same."""
    return pl.col(column).str.normalize("NFKC").str.replace_all(r"[\s\p{P}]", "").str.to_lowercase()


def scope() -> pl.Expr:
    """Whom a list row is for: an organisation id (capitals) or a kind of organisation (small letters)."""
    return pl.coalesce("scope_org_id", "scope_kind").alias("scope")


def unit_items(units: pl.DataFrame, duties: pl.DataFrame, day: date) -> pl.DataFrame:
    """The duty items that hold for each unit on a day: those of its own list if it has one, else of its kind.

    Args:
        units: org_id, org_kind; one row per unit.
        duties: ``duty_item``, all versions.
        day: The day.

    Returns:
        org_id, org_kind, scope and the columns of ``duties``; sorted by org_id, list_id, duty_id.
    """
    items = duties.filter(in_force(day)).with_columns(scope())
    own = units.select("org_id", "org_kind").filter(pl.col("org_id").is_in(items["scope"].implode()))
    rest = units.select("org_id", "org_kind").join(own, on="org_id", how="anti")
    found = [
        own.join(items, left_on="org_id", right_on="scope"),
        rest.join(items, left_on="org_kind", right_on="scope"),
    ]
    return pl.concat(found, how="diagonal").sort("org_id", "list_id", "duty_id", "duty_kind")


def lists_in_force(units: pl.DataFrame, duties: pl.DataFrame, day: date) -> pl.DataFrame:
    """Which list holds for which unit on a day, in which version, with its items by kind.

    Args:
        units: org_id, org_kind; one row per unit.
        duties: ``duty_item``, all versions.
        day: The day.

    Returns:
        org_id, list_id, list_version (the newest of the rows in force), since (first day of that version), duty_kind,
        n (items); sorted. A unit without a list has no row.
    """
    items = unit_items(units, duties, day)
    newest = pl.col("list_version").sort_by("valid_from", "list_version").last()
    version = items.group_by("org_id", "list_id").agg(newest, since=pl.col("valid_from").max())
    counts = items.group_by("org_id", "list_id", "duty_kind").agg(n=pl.len().cast(pl.Int64))
    columns = ("org_id", "list_id", "list_version", "since", "duty_kind", "n")
    return counts.join(version, on=["org_id", "list_id"]).select(columns).sort("org_id", "list_id", "duty_kind")


def list_versions(duties: pl.DataFrame) -> pl.DataFrame:
    """The versions of every list in the order in which they came into force.

    Returns:
        list_id, list_version, start (first day of the version), old_version and old_start (of the version before;
        null for the first); sorted by list_id, start, list_version.
    """
    return (
        duties.group_by("list_id", "list_version")
        .agg(start=pl.col("valid_from").min())
        .sort("list_id", "start", "list_version")
        .with_columns(
            old_version=pl.col("list_version").shift(1).over("list_id"),
            old_start=pl.col("start").shift(1).over("list_id"),
        )
    )


def headline_totals(duties: pl.DataFrame, *, day: date | None = None) -> pl.DataFrame:
    """Items of every version by kind, as a list's headline gives them: 97 basic, 112 cooperating, 93 reclaimed.

    Args:
        duties: ``duty_item``, all versions.
        day: Only the versions whose items are in force on this day; every version when None.

    Returns:
        list_id, list_version, duty_kind, n (Int64); sorted.
    """
    versions = list_versions(duties)
    if day is not None:
        versions = versions.filter(pl.col("start") <= day).group_by("list_id", maintain_order=True).last()
    counted = (
        snapshots(duties, versions).group_by("list_id", "list_version", "duty_kind").agg(n=pl.len().cast(pl.Int64))
    )
    return counted.sort("list_id", "list_version", "duty_kind")


def snapshots(duties: pl.DataFrame, versions: pl.DataFrame) -> pl.DataFrame:
    """The items of lists at versions: what of each list was in force on the first day of the version.

    Args:
        duties: ``duty_item``, all versions.
        versions: list_id, list_version, start.

    Returns:
        The columns of ``duties`` with ``list_version`` and ``start`` of the version that is looked at.
    """
    wanted = versions.select("list_id", "list_version", "start")
    return duties.drop("list_version").join(wanted, on="list_id").filter(in_force(pl.col("start")))


WORDING: Final = ("duty_name", "lead_duty", "local_duty", "work_mode")
"""Columns whose change rewords an item."""

CHANGES: Final = ("added", "removed", "moved", "renumbered", "reworded", "new_lead")
"""What a new version does to an item; ``moved``: to another kind of duty; ``renumbered``: same name and kind."""

CHANGE_SCHEMA: Final[Mapping[str, pl.DataType]] = {
    "list_id": pl.String(),
    "old_version": pl.String(),
    "new_version": pl.String(),
    "change": pl.String(),
    "duty_id": pl.String(),
    "old_duty_id": pl.String(),
    "duty_name": pl.String(),
    "old_duty_kind": pl.String(),
    "duty_kind": pl.String(),
    "change_reason": pl.String(),
    "admission_id": pl.String(),
    "lacks_admission": pl.Boolean(),
}


def diff_versions(
    duties: pl.DataFrame, list_id: str, old: str, new: str, *, admissions: pl.DataFrame | None = None
) -> pl.DataFrame:
    """What a version of a list changed against an earlier one.

    An item is the same by its ``duty_id``, else by its normalised name, so that taking a reclaimed item off the list
    and putting it on again under another number is seen as a move.

    Args:
        duties: ``duty_item``, all versions.
        list_id: The list.
        old: The earlier version.
        new: The later version.
        admissions: ``task_admission``; None is the same as empty.

    Returns:
        ``CHANGE_SCHEMA``, one row per item and change; sorted by change (in the order of ``CHANGES``), duty_id.
        ``lacks_admission``: the item moved from reclaimed to basic or cooperating without an approved admission that
        the reason names or that is about a change of this duty, decided by the first day of the version.

    Raises:
        ValueError: The list has no such version.
    """
    known = list_versions(duties).filter(pl.col("list_id") == list_id)
    starts = dict(known.select("list_version", "start").iter_rows())
    for version in (old, new):
        if version not in starts:
            has = ", ".join(starts) or "none"
            raise ValueError(f"duty list {list_id} has no version {version}: it has {has}; give one of these")
    pair = {"list_id": [list_id], "old_version": [old], "old_start": [starts[old]], "list_version": [new]}
    pairs = pl.DataFrame(pair | {"start": [starts[new]]}, schema_overrides={"old_start": pl.Date, "start": pl.Date})
    return version_changes(duties, pairs, admissions)


def version_changes(duties: pl.DataFrame, pairs: pl.DataFrame, admissions: pl.DataFrame | None) -> pl.DataFrame:
    """``diff_versions`` for many pairs of versions at once.

    Args:
        duties: ``duty_item``, all versions.
        pairs: list_id, old_version, old_start, list_version, start (columns of ``list_versions``).
        admissions: ``task_admission`` or None.

    Returns:
        See ``diff_versions``; sorted by list_id, new_version, change, duty_id.
    """
    columns = ["list_id", "list_version", "start", "duty_id", "duty_kind", "lead_org_id", "change_reason", *WORDING]
    earlier = pairs.select("list_id", list_version="old_version", start="old_start").unique()
    before = snapshots(duties, earlier).select(columns).with_columns(name=normalised("duty_name"))
    after = snapshots(duties, pairs).select(columns).with_columns(name=normalised("duty_name"))
    after = after.join(pairs.select("list_id", "list_version", "old_version"), on=["list_id", "list_version"])
    before = before.rename({"list_version": "old_version"}).drop("start", "change_reason")
    before = before.join(pairs.select("list_id", "list_version", "old_version"), on=["list_id", "old_version"])
    key = ["list_id", "old_version", "list_version"]
    same = after.join(before.with_columns(old_duty_id="duty_id"), on=[*key, "duty_id"], suffix="_old")
    fresh = after.join(before, on=[*key, "duty_id"], how="anti")
    gone = before.join(after, on=[*key, "duty_id"], how="anti").rename({"duty_id": "old_duty_id"})
    again = fresh.join(gone.unique([*key, "name"], keep="first", maintain_order=True), on=[*key, "name"], suffix="_old")
    again = again.unique([*key, "old_duty_id"], keep="first", maintain_order=True)
    added = fresh.join(again, on=[*key, "duty_id"], how="anti")
    removed = gone.join(again, on=[*key, "old_duty_id"], how="anti")
    return _with_admissions(_changes(same, again, added, removed), pairs, admissions)


def _changes(same: pl.DataFrame, again: pl.DataFrame, added: pl.DataFrame, removed: pl.DataFrame) -> pl.DataFrame:
    """One row per item and change, without admissions."""
    moved = pl.col("duty_kind") != pl.col("duty_kind_old")
    pairs = (normalised(name).ne_missing(normalised(f"{name}_old")) for name in WORDING)
    reworded = pl.any_horizontal(*pairs)
    parts = [
        added.with_columns(change=pl.lit("added")),
        removed.with_columns(change=pl.lit("removed"), duty_kind_old="duty_kind", duty_kind=pl.lit(None, pl.String)),
        same.filter(moved).with_columns(change=pl.lit("moved")),
        again.filter(moved).with_columns(change=pl.lit("moved")),
        again.filter(~moved).with_columns(change=pl.lit("renumbered")),
        same.filter(reworded).with_columns(change=pl.lit("reworded")),
        same.filter(pl.col("lead_org_id").ne_missing(pl.col("lead_org_id_old"))).with_columns(
            change=pl.lit("new_lead")
        ),
    ]
    found = pl.concat(parts, how="diagonal_relaxed")
    missing = [name for name in ("old_duty_id", "duty_kind_old", "change_reason") if name not in found.columns]
    return found.with_columns(pl.lit(None, pl.String).alias(name) for name in missing).with_columns(
        duty_id=pl.coalesce("duty_id", "old_duty_id")
    )


def _with_admissions(changes: pl.DataFrame, pairs: pl.DataFrame, admissions: pl.DataFrame | None) -> pl.DataFrame:
    """The changes in ``CHANGE_SCHEMA``: the admission behind each, and whether one is lacking."""
    starts = pairs.select("list_id", "list_version", "start", "old_version").unique()
    rows = changes.drop("start", strict=False).join(starts, on=["list_id", "list_version", "old_version"])
    key = ["list_id", "old_version", "list_version", "duty_id", "change"]
    known = _admissions_behind(rows.filter(pl.col("change").is_in(["added", "moved"])), key, admissions)
    lacks = (
        (pl.col("change") == "moved")
        & (pl.col("duty_kind_old") == "reclaimed")
        & pl.col("duty_kind").is_in(["basic", "cooperate"])
        & pl.col("admission_id").is_null()
    )
    found = rows.join(known, on=key, how="left").with_columns(lacks_admission=lacks.fill_null(value=False))
    found = found.rename({"list_version": "new_version", "duty_kind_old": "old_duty_kind"})
    order = pl.col("change").replace_strict(CHANGES, range(len(CHANGES)), return_dtype=pl.Int8)
    return found.sort("list_id", "new_version", order, "duty_id").select(
        pl.col(name).cast(dtype) for name, dtype in CHANGE_SCHEMA.items()
    )


def _admissions_behind(rows: pl.DataFrame, key: list[str], admissions: pl.DataFrame | None) -> pl.DataFrame:
    """The columns of ``key`` and admission_id: the first admission a change rests on, where there is one."""
    if admissions is None or admissions.is_empty():
        return pl.DataFrame(schema=dict.fromkeys([*key, "admission_id"], pl.String))
    decided = admissions.filter(pl.col("decision").is_in(APPROVED)).select(
        "admission_id", "task_kind", "decided_at", about="duty_id"
    )
    reasons = rows.select("change_reason").drop_nulls().unique().join(decided.drop("about", "task_kind"), how="cross")
    named = reasons.filter(pl.col("change_reason").str.contains(pl.col("admission_id"), literal=True))
    about = decided.filter(pl.col("task_kind") == "duty_change").select("about", "admission_id", "decided_at")
    found = pl.concat(
        [rows.join(named, on="change_reason"), rows.join(about, left_on="duty_id", right_on="about")], how="diagonal"
    )
    return found.filter(pl.col("decided_at") <= pl.col("start")).group_by(key).agg(pl.col("admission_id").min())


def admission_spans(admissions: pl.DataFrame) -> pl.DataFrame:
    """The admissions that are or were in force, with their days.

    In force: approved and with a first day; one that has exited, to its last day or, where none is given, to the day
    of the evaluation that said so. How it was approved is judged by the admission rules, not here.

    Returns:
        admission_id, duty_id, applicant_org_id, lead_org_id, target_scope, task_name, valid_from, valid_to; sorted.
    """
    evaluated_out = pl.when(pl.col("decision") == "exited").then("evaluated_at")
    return (
        admissions.filter(pl.col("decision").is_in(APPROVED) & pl.col("valid_from").is_not_null())
        .with_columns(valid_to=pl.coalesce("valid_to", evaluated_out))
        .select(_SPAN)
        .sort("admission_id")
    )


def scope_members(spans: pl.DataFrame) -> pl.DataFrame:
    """Whom each admission is for, one row each.

    Returns:
        admission_id, scope: an organisation id, or a kind of organisation where the scope is a word for many.
    """
    part = pl.col("target_scope").str.split(";")
    rows = spans.select("admission_id", scope=part).explode("scope", empty_as_null=False, keep_nulls=False)
    words = pl.DataFrame(
        [(word, kind) for word, kinds in SCOPES.items() for kind in kinds],
        schema={"scope": pl.String, "kind": pl.String},
        orient="row",
    )
    named = rows.join(words, on="scope", how="left").select("admission_id", scope=pl.coalesce("kind", "scope"))
    return named.unique().sort("admission_id", "scope")


CHECK_SCHEMA: Final[Mapping[str, pl.DataType]] = {
    "org_id": pl.String(),
    "day": pl.Date(),
    "basis": pl.String(),
    "duty_id": pl.String(),
    "duty_name": pl.String(),
    "duty_kind": pl.String(),
    "lead_org_id": pl.String(),
    "list_id": pl.String(),
    "list_version": pl.String(),
    "since_version": pl.String(),
    "since": pl.Date(),
    "admission_id": pl.String(),
    "may_be_asked": pl.Boolean(),
    "scored": pl.String(),
}


def duty_check(
    unit: str,
    day: date,
    duties: pl.DataFrame,
    admissions: pl.DataFrame,
    organisations: pl.DataFrame,
    *,
    duty_id: str | None = None,
) -> pl.DataFrame:
    """What a unit answers for on a day: its duty items, and the admissions that cover it.

    Args:
        unit: org_id of the unit.
        day: The day.
        duties: ``duty_item``, all versions.
        admissions: ``task_admission``.
        organisations: org_id, org_kind.
        duty_id: Only this item and the admissions about it; everything when None.

    Returns:
        ``CHECK_SCHEMA``, sorted by basis (admission, duty), duty_id, admission_id. ``basis`` is duty for an item of
        the list and admission for a task admitted for the unit that day (``duty_name`` is then the task's name,
        ``lead_org_id`` its lead department or, without one, its applicant). ``since_version`` and ``since``: the
        version and day from which the item has stood on the list without a gap as this kind. ``scored``: see
        ``DutyKind``. No row: the matter is on no list of the unit and nobody admitted it.

    Raises:
        ValueError: The unit is not on the register of organisations.
    """
    units = organisations.filter(pl.col("org_id") == unit).select("org_id", "org_kind").head(1)
    if units.is_empty():
        raise ValueError(f"organisation {unit} is not on the register that day: check the id, or give another day")
    items = unit_items(units, duties, day).join(_since(duties, day), on=["list_id", "duty_id", "duty_kind"], how="left")
    kinds = [(kind.code, kind.may_be_asked, kind.scored) for kind in DUTY_KINDS.values()]
    roles = pl.DataFrame(kinds, schema=["duty_kind", "may_be_asked", "scored"], orient="row")
    listed = items.join(roles, on="duty_kind", how="left").with_columns(basis=pl.lit("duty"))
    admitted = _admitted(units, day, admissions)
    rows = pl.concat([listed, admitted], how="diagonal").with_columns(day=pl.lit(day))
    if duty_id is not None:
        rows = rows.filter(pl.col("duty_id") == duty_id)
    return _typed(rows, CHECK_SCHEMA).sort("basis", "duty_id", "list_id", "admission_id")


def _admitted(units: pl.DataFrame, day: date, admissions: pl.DataFrame) -> pl.DataFrame:
    """The admissions in force that have the unit in their scope."""
    spans = admission_spans(admissions).filter(in_force(day))
    wanted = units.select(scope="org_id").vstack(units.select(scope="org_kind"))
    reached = scope_members(spans).join(wanted, on="scope", how="semi")
    return spans.join(reached, on="admission_id", how="semi").select(
        "admission_id",
        "duty_id",
        pl.lit(units.item(0, "org_id")).alias("org_id"),
        basis=pl.lit("admission"),
        duty_name="task_name",
        lead_org_id=pl.coalesce("lead_org_id", "applicant_org_id"),
        since="valid_from",
        may_be_asked=pl.lit(value=True),
    )


def _since(duties: pl.DataFrame, day: date) -> pl.DataFrame:
    """list_id, duty_id, duty_kind, since, since_version of the items in force: since when as this kind, without gap."""
    item = ["list_id", "duty_id"]
    follows = (pl.col("valid_to").shift(1) == pl.col("valid_from")) & (
        pl.col("duty_kind").shift(1) == pl.col("duty_kind")
    )
    runs = duties.sort(*item, "valid_from").with_columns(
        run=follows.fill_null(value=False).not_().cast(pl.Int64).cum_sum().over(item)
    )
    first = runs.group_by(*item, "run", maintain_order=True).agg(
        since=pl.col("valid_from").first(), since_version=pl.col("list_version").first()
    )
    found = (
        runs.filter(in_force(day)).join(first, on=[*item, "run"]).select(*item, "duty_kind", "since", "since_version")
    )
    return found.unique([*item, "duty_kind"], keep="first", maintain_order=True)


def _typed(rows: pl.DataFrame, schema: Mapping[str, pl.DataType]) -> pl.DataFrame:
    """Exactly the columns of the schema; those the frame does not have are null."""
    return rows.select(
        (pl.col(name) if name in rows.columns else pl.lit(None, dtype)).cast(dtype).alias(name)
        for name, dtype in schema.items()
    )
