"""What is asked of units, held against their duty lists and admissions (burden catalogue, parts 3.8 and 5.2).

A burden fact rests on a duty item of the bearer's list on that day, asked in the role the kind of item allows, or on
an admission in force that day with the bearer in its scope. What rests on neither is off the list: it counts against
its sender, is listed for the unit as a ground to decline, and an indicator about it is never scored on the unit.

A bearer for which no list is in force that day cannot be held against one: its match is null unless an admission
covers the row. Facts stay lazy; the lists become small tables that are joined by key.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Final

import polars as pl

from scoring.burden.duty_lists import DUTY_KINDS, admission_spans, in_force, scope, scope_members, unit_items
from scoring.burden.facts import NEVER_A_SUBJECT
from scoring.burden.flags import evidence
from scoring.burden.inputs import BurdenInputs, within
from scoring.tables.duty_lists import OFF_LIST_TASK

MATCHES: Final = ("duty", "admission", "reclaimed", "forbidden", "wrong_role", "not_on_list")
"""``duty`` and ``admission`` carry a task. ``reclaimed``: a department took the item back. ``forbidden``: the item is
one a village does not bear, or a certificate it does not issue. ``wrong_role``: on the list, but asked in a role its
kind does not allow. ``not_on_list``: on no list of the unit that day, or the row names no item."""

GROUNDS: Final[Mapping[str, tuple[str, str]]] = {
    "reclaimed": ("该事项已由上级收回", "a department took the item back"),
    "forbidden": ("该事项不应由本单位承担或出具", "the item is not the unit's to bear or to issue"),
    "wrong_role": ("要求超出清单规定的角色", "the list gives the unit another role"),
    "admission_unknown": ("所写准入编号不存在或未获批准", "no admission of that number was approved"),
    "admission_not_in_force": ("准入当日不在有效期内", "the admission was not in force that day"),
    "admission_out_of_scope": ("准入不适用于本单位", "the admission is not for this unit"),
    "not_on_list": ("该事项当日不在本单位清单上", "the item was on no list of the unit that day"),
    "names_nothing": ("没有写明履职事项和准入", "it names neither a duty item nor an admission"),
}
"""Why a unit may decline, in both languages; where several hold, the first is given."""

TASK_KINDS: Final = ("temp_task", "report_form", "inspection", "survey_visit")
"""Kinds that are a task in themselves; a document is one if it sets any (``is_task``)."""

TASK_FEATURES: Final = (
    "asks_ledger", "asks_photos", "asks_presentation", "asks_study_notes", "full_coverage", "issues_rectification",
    "sets_assessment", "sets_pledge", "sets_veto", "demands_supporting_doc", "names_lead", "check_in", "track_upload",
    "usage_target",
)  # fmt: skip
"""Features by which a document sets a task; so does a deadline."""

INSTRUCTIONS: Final = ("temp_task", "responsibility_letter", "assessment", "usage_ranking", "apportionment")
"""Kinds of burden that instruct: no support of a village in its own affairs."""

INSTRUCTING_FEATURES: Final = (
    "sets_assessment",
    "sets_pledge",
    "sets_veto",
    "scores_or_ranks",
    "usage_target",
    "names_lead",
)

_SIGHTING: Final = r"发现.{0,12}(报告|上报|报送|反映|移交)"
_NO_SIGHTING: Final = r"(不|无需|毋须|不再).{0,6}(报告|上报|报送|反映|移交)"

MATCH_SCHEMA: Final[Mapping[str, pl.DataType]] = {
    "match": pl.String(),
    "ground": pl.String(),
    "list_id": pl.String(),
    "list_version": pl.String(),
    "duty_kind": pl.String(),
    "lead_org_id": pl.String(),
}
"""Columns a fact gets: ``match`` (null without a list to hold it against), ``ground`` (a key of ``GROUNDS`` where it
may be declined) and the item it was held against."""


def is_task() -> pl.Expr:
    """True for rows that ask something of the bearer that has to be on its list (burden catalogue, DUT-01)."""
    sets_task = pl.col("due_at").is_not_null() | _has_feature(TASK_FEATURES)
    return pl.col("burden_kind").is_in(TASK_KINDS) | ((pl.col("burden_kind") == "document") & sets_task)


def _has_feature(codes: tuple[str, ...]) -> pl.Expr:
    return pl.any_horizontal(*(pl.col("feature_list").list.contains(code) for code in codes)).fill_null(value=False)


def matched(facts: pl.LazyFrame, duties: pl.DataFrame, admissions: pl.DataFrame) -> pl.LazyFrame:
    """Every fact with what it rests on.

    Where several items of the unit have the same number that day, the one that carries most counts: the sender is
    given the benefit of a list that contradicts itself.

    Args:
        facts: Prepared facts; filter them before, every row is joined.
        duties: ``duty_item``, all versions.
        admissions: ``task_admission``.

    Returns:
        All columns of ``facts`` and ``MATCH_SCHEMA``, one row per row of ``facts``, in no particular order.
    """
    rows = with_item(facts, duties)
    rows = _with_admission(rows, admissions)
    on_list, admitted = _role(), pl.col("_admitted").fill_null(value=False)
    never = on_list.is_in(["forbidden"])
    match = (
        pl.when(on_list == "duty").then(pl.lit("duty"))
        .when(admitted & ~never.fill_null(value=False)).then(pl.lit("admission"))
        .when(on_list.is_not_null()).then(on_list)
        .when(pl.col("_has_list")).then(pl.lit("not_on_list"))
    )  # fmt: skip
    names = [*facts.collect_schema().names(), *MATCH_SCHEMA]
    return rows.with_columns(match=match).with_columns(ground=_ground()).select(names)


def _role() -> pl.Expr:
    """What the item the row was held against makes of it; null without an item."""
    kind = pl.col("duty_kind")
    instructs = pl.col("burden_kind").is_in(INSTRUCTIONS) | _has_feature(INSTRUCTING_FEATURES)
    reports_sighting = pl.col("_sighting") & (pl.col("burden_kind") == "report_form")
    leads = _has_feature(("names_lead",))
    return (
        pl.when(kind == "basic").then(pl.lit("duty"))
        .when(kind.is_in(["cooperate", "village_assist"]) & ~leads).then(pl.lit("duty"))
        .when((kind == "village_statutory") & ~instructs).then(pl.lit("duty"))
        .when((kind == "reclaimed") & reports_sighting).then(pl.lit("duty"))
        .when(kind == "reclaimed").then(pl.lit("reclaimed"))
        .when(kind.is_in(["forbidden", "no_certificate"])).then(pl.lit("forbidden"))
        .when(kind.is_not_null()).then(pl.lit("wrong_role"))
    )  # fmt: skip


def _ground() -> pl.Expr:
    """Key of ``GROUNDS``; null for rows that are carried or cannot be held against a list."""
    match = pl.col("match")
    given = pl.col("admission_id").is_not_null()
    return (
        pl.when(match.is_in(["reclaimed", "forbidden", "wrong_role"])).then(match)
        .when(match.is_null() | (match != "not_on_list")).then(None)
        .when(given & pl.col("_approved").is_null()).then(pl.lit("admission_unknown"))
        .when(given & ~pl.col("_in_force").fill_null(value=False)).then(pl.lit("admission_not_in_force"))
        .when(given).then(pl.lit("admission_out_of_scope"))
        .when(pl.col("duty_id").is_null()).then(pl.lit("names_nothing"))
        .otherwise(pl.lit("not_on_list"))
    )  # fmt: skip


def with_item(facts: pl.LazyFrame, duties: pl.DataFrame, *, on: str = "duty_id") -> pl.LazyFrame:
    """Facts with the item of the bearer's list that day.

    Args:
        facts: Prepared facts with the column ``on``.
        duties: ``duty_item``, all versions, with the column ``on``.
        on: What names the item: ``duty_id``, or a column both were given.

    Returns:
        ``facts`` with list_id, list_version, duty_kind, lead_org_id (null where the list has no such item), ``item``
        (its number here), ``_sighting`` (only sightings may be asked for, and they may) and ``_has_list`` (whether any
        list is in force for the bearer that day).
    """
    order = {code: place for place, code in enumerate(DUTY_KINDS)}
    items = (
        duties.with_columns(scope(), own=pl.col("scope_org_id").is_not_null())
        .with_columns(place=pl.col("duty_kind").replace_strict(order, return_dtype=pl.Int64))
        .sort("scope", on, "place", "valid_from", "list_id")
        .with_row_index("item")
    )
    rows = facts
    for own, key in ((True, "target_org_id"), (False, "bearer_kind")):
        part, name = items.filter(pl.col("own") == own).rename({"scope": key}), "own" if own else "kind"
        rows = on_day(rows, part, [key, on], value="item", name=f"_{name}_item")
        rows = on_day(rows, _spans(part, key), [key], value="listed", name=f"_{name}_listed")
    own_listed, kind_listed = (pl.col(f"_{name}_listed").is_not_null() for name in ("own", "kind"))
    said = pl.col("work_mode").str.contains(_SIGHTING) & ~pl.col("work_mode").str.contains(_NO_SIGHTING)
    about = items.select(
        "item", "list_id", "list_version", "duty_kind", "lead_org_id", _sighting=said.fill_null(value=False)
    )
    return rows.with_columns(
        item=pl.when(own_listed).then("_own_item").otherwise("_kind_item"), _has_list=own_listed | kind_listed
    ).join(about.lazy(), on="item", how="left")


def _spans(items: pl.DataFrame, key: str) -> pl.DataFrame:
    """key, valid_from, valid_to, listed: the days on which any item is in force, as intervals that do not touch."""
    begun = pl.col("valid_to").fill_null(date.max).cum_max().shift(1).over(key)
    starts = (pl.col("valid_from") > begun).fill_null(value=True)
    rows = items.select(key, "valid_from", "valid_to").unique().sort(key, "valid_from", "valid_to")
    runs = rows.with_columns(run=starts.cast(pl.Int64).cum_sum())
    return (
        runs.group_by(key, "run", maintain_order=True)
        .agg(
            pl.col("valid_from").min(),
            pl.when(pl.col("valid_to").null_count() == 0).then(pl.col("valid_to").max()).alias("valid_to"),
        )
        .with_columns(listed=pl.lit(value=True))
    )


def on_day(rows: pl.LazyFrame, dated: pl.DataFrame, key: list[str], *, value: str, name: str) -> pl.LazyFrame:
    """Rows with the value that holds on their ``start_date``, one row each and without sorting them.

    The versions of every key become columns of one small table, so that the join can neither multiply nor lose rows.

    Args:
        rows: The rows, with the columns of ``key`` and ``start_date``.
        dated: The columns of ``key``, valid_from, valid_to and ``value``; of versions that hold on one day the first
            counts.
        key: Columns to join on.
        value: Column of ``dated`` to take.
        name: What to call it.

    Returns:
        ``rows`` with the column ``name``, null where nothing holds.
    """
    versions = dated.select(*key, "valid_from", "valid_to", value).with_columns(
        version=pl.int_range(pl.len()).over(key)
    )
    if versions.is_empty():
        return rows.with_columns(pl.lit(None, dated.schema[value]).alias(name))
    numbers = range(int(versions["version"].max()) + 1)  # type: ignore[arg-type]
    wide = versions.select(key).unique(maintain_order=True)
    for number in numbers:
        columns = {each: f"_{each}_{number}" for each in ("valid_from", "valid_to", value)}
        wide = wide.join(versions.filter(version=number).drop("version").rename(columns), on=key, how="left")
    holds = [
        pl.when(
            (pl.col(f"_valid_from_{number}") <= pl.col("start_date"))
            & (pl.col(f"_valid_to_{number}").is_null() | (pl.col(f"_valid_to_{number}") > pl.col("start_date")))
        ).then(f"_{value}_{number}")
        for number in numbers
    ]
    helpers = [column for column in wide.columns if column not in key]
    return rows.join(wide.lazy(), on=key, how="left").with_columns(pl.coalesce(holds).alias(name)).drop(helpers)


def _with_admission(rows: pl.LazyFrame, admissions: pl.DataFrame) -> pl.LazyFrame:
    """``_approved``, ``_in_force`` and ``_admitted`` (in force, the bearer in its scope) by the row's admission."""
    spans = admission_spans(admissions)
    if spans.is_empty():
        nothing = pl.lit(None, pl.Boolean)
        return rows.with_columns(_approved=nothing, _in_force=nothing, _admitted=nothing)
    members = scope_members(spans)
    dated = spans.select("admission_id", _from="valid_from", _to="valid_to", _approved=pl.lit(value=True))
    rows = rows.join(dated.lazy(), on="admission_id", how="left")
    for column, name in (("target_org_id", "_named"), ("bearer_kind", "_by_kind")):
        reached = members.rename({"scope": column}).with_columns(pl.lit(value=True).alias(name))
        rows = rows.join(reached.lazy(), on=["admission_id", column], how="left")
    day = pl.col("start_date")
    holds = (pl.col("_from") <= day) & (pl.col("_to").is_null() | (pl.col("_to") > day))
    reached_either = pl.col("_named").fill_null(value=False) | pl.col("_by_kind").fill_null(value=False)
    return rows.with_columns(_in_force=holds).with_columns(_admitted=pl.col("_in_force") & reached_either)


def judged_tasks(inputs: BurdenInputs) -> pl.LazyFrame:
    """The tasks of the window that have a sender to answer for them, with ``MATCH_SCHEMA``.

    Exempt rows, duplicates, rows without a bearer and rows that count against nobody or a village are left out.
    """
    rows = inputs.facts.filter(within(inputs.window) & is_task())
    return matched(answerable(rows, inputs.organisations), inputs.duties, inputs.admissions)


def answerable(rows: pl.LazyFrame, organisations: pl.DataFrame) -> pl.LazyFrame:
    """Rows a breach may be found in: not exempt, no duplicate, not of quantity 0, with a bearer and a subject.

    A village or community is no subject.
    """
    villages = organisations.filter(pl.col("org_kind").is_in(NEVER_A_SUBJECT))["org_id"]
    return rows.filter(
        ~pl.col("is_exempt").fill_null(value=False)
        & ~pl.col("is_duplicate").fill_null(value=False)
        & (pl.col("quantity").fill_null(1) > 0)
        & pl.col("target_org_id").is_not_null()
        & pl.col("subject_org_id").is_not_null()
        & ~pl.col("subject_org_id").is_in(villages.implode())
    )


def off_list_tasks(inputs: BurdenInputs) -> pl.DataFrame:
    """What each unit was asked that is on no list of its own: its grounds to decline.

    Args:
        inputs: The window, prepared facts, duty lists and admissions.

    Returns:
        ``OFF_LIST_TASK``: one row per unit, sender, item and ground.
    """
    found = (
        judged_tasks(inputs)
        .filter(pl.col("ground").is_not_null())
        .group_by(
            pl.col("target_org_id").alias("org_id"), "subject_org_id", pl.col("duty_id").fill_null("*"), why="ground"
        )
        .agg(
            pl.col("lead_org_id").min(),
            burden_kinds=pl.col("burden_kind").unique().sort().str.join(";"),
            n_rows=pl.len().cast(pl.Int64),
            first_day=pl.col("start_date").min().cast(pl.String),
            last_day=pl.col("start_date").max().cast(pl.String),
            evidence_refs=evidence(),
        )
        .collect(engine="streaming")
    )
    blank = pl.when(pl.col("evidence_refs") != "").then("evidence_refs")
    return OFF_LIST_TASK.conform(found.with_columns(period_id=pl.lit(inputs.window.period_id), evidence_refs=blank))


UNSCORABLE_SCHEMA: Final[Mapping[str, pl.DataType]] = {
    "org_id": pl.String(),
    "org_kind": pl.String(),
    "indicator_id": pl.String(),
    "duty_id": pl.String(),
    "duty_kind": pl.String(),
    "lead_org_id": pl.String(),
    "why": pl.String(),
}


def unscorable_indicators(
    indicators: pl.DataFrame, units: pl.DataFrame, duties: pl.DataFrame, admissions: pl.DataFrame, day: date
) -> pl.DataFrame:
    """Indicators that may not be scored on a unit, because its list of the day does not carry them.

    A reclaimed or forbidden item and a certificate are never scored on the unit; a cooperating or assisting one only
    where the list says what the unit's part is; a village's own affairs only by what residents say (``nature``
    satisfaction). An item on no list of the unit may be scored only while an admission about it is in force with the
    unit in its scope. A unit without any list in force carries nothing.

    Args:
        indicators: indicator_id, duty_id, nature; the indicators a scheme scores on units, in force on the day.
        units: org_id, org_kind of the assessed units.
        duties: ``duty_item``, all versions.
        admissions: ``task_admission``.
        day: The day, usually the first of the period.

    Returns:
        ``UNSCORABLE_SCHEMA``, sorted by org_id, indicator_id. ``why``: no_duty (the indicator names none),
        not_on_list, reclaimed, forbidden or wrong_role. Indicators that may be scored have no row.
    """
    items = unit_items(units, duties, day).filter(pl.col("duty_id").is_in(indicators["duty_id"].drop_nulls().implode()))
    place = pl.col("duty_kind").replace_strict({code: n for n, code in enumerate(DUTY_KINDS)}, return_dtype=pl.Int64)
    best = items.sort(place, "list_id").unique(["org_id", "duty_id"], keep="first", maintain_order=True)
    about = best.select("org_id", "duty_id", "duty_kind", "lead_org_id", "local_duty")
    wanted = units.select("org_id", "org_kind").unique().join(
        indicators.select("indicator_id", "duty_id", "nature"), how="cross"
    )  # fmt: skip
    covered = _admitted_duties(units, admissions, day).with_columns(admitted=pl.lit(value=True))
    rows = wanted.join(about, on=["org_id", "duty_id"], how="left").join(covered, on=["org_id", "duty_id"], how="left")
    judged = rows.with_columns(why=_why_unscorable()).filter(pl.col("why").is_not_null())
    columns = [pl.col(name).cast(dtype) for name, dtype in UNSCORABLE_SCHEMA.items()]
    return judged.select(columns).sort("org_id", "indicator_id")


def _why_unscorable() -> pl.Expr:
    scored = pl.col("duty_kind").replace_strict(
        {code: kind.scored for code, kind in DUTY_KINDS.items()}, return_dtype=pl.String
    )
    has_part = pl.col("local_duty").str.strip_chars().fill_null("") != ""
    by_residents = (pl.col("nature") == "satisfaction").fill_null(value=False)
    return (
        pl.when(pl.col("duty_id").is_null()).then(pl.lit("no_duty"))
        .when((scored == "never") & (pl.col("duty_kind") == "reclaimed")).then(pl.lit("reclaimed"))
        .when(scored == "never").then(pl.lit("forbidden"))
        .when((scored == "local_duty") & ~has_part).then(pl.lit("wrong_role"))
        .when((scored == "satisfaction") & ~by_residents).then(pl.lit("wrong_role"))
        .when(scored.is_null() & pl.col("admitted").is_null()).then(pl.lit("not_on_list"))
    )  # fmt: skip


def _admitted_duties(units: pl.DataFrame, admissions: pl.DataFrame, day: date) -> pl.DataFrame:
    """org_id, duty_id: duties an admission in force lays on the unit."""
    spans = admission_spans(admissions).filter(in_force(day) & pl.col("duty_id").is_not_null())
    members = scope_members(spans).join(spans.select("admission_id", "duty_id"), on="admission_id")
    named = units.join(members, left_on="org_id", right_on="scope").select("org_id", "duty_id")
    by_kind = units.join(members, left_on="org_kind", right_on="scope").select("org_id", "duty_id")
    return pl.concat([named, by_kind]).unique()
