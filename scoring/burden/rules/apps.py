"""Apps, groups and forced use: APP-01 to APP-05 (burden catalogue, part 3.6).

An app is a stock row per bearing unit and count day, ``source_ref`` being the app: ``quantity`` is how many apps the
row stands for, ``persons`` how many of the unit used it. A group is likewise a stock row of a unit.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Final

import polars as pl

from scoring.burden.facts import EVENT
from scoring.burden.flags import Rule
from scoring.burden.inputs import BurdenInputs, within
from scoring.burden.parameters import Parameters
from scoring.burden.rules.breaches import demands
from scoring.burden.rules.counting import (
    LEVEL_RANKS,
    load_per_subject,
    per_subject,
    rows_of,
    together,
    with_subject_level,
    without_repeats,
)

FORCED_USE: Final = ("check_in", "points_rank", "online_time", "track_upload")
TRACES: Final = ("asks_ledger", "asks_photos", "asks_presentation", "asks_study_notes")

OTHER_RULES: Final = ("document", "work_reminder", "work_group", "app")
"""Kinds that are no task of a group's own: the first two have DOC-06, the others are stocks."""


def app_01(inputs: BurdenInputs, parameters: Parameters) -> pl.LazyFrame:
    """APP-01, surplus apps: more than allowed, or of a level that may develop none (breach); two much alike (watch).

    An app that is counted in several units is one; a row that stands for several counts as many.
    """
    allowed, alike = parameters.number("app.per_department"), parameters.number("app.shared_elements_max")
    least = LEVEL_RANKS[parameters.text("app.developer_level")]
    rows = rows_of(inputs, "app")
    apps = rows.filter(~pl.col("is_exempt")).group_by("subject_org_id", *EVENT).agg(n_apps=pl.col("quantity").max())
    totals = apps.group_by("subject_org_id").agg(n_apps=pl.col("n_apps").sum())
    return together(
        per_subject(
            rows.join(totals, on="subject_org_id"),
            pl.col("n_apps") > allowed,
            param_id="app.per_department",
            threshold=allowed,
            value=pl.col("n_apps").max(),
        ),
        per_subject(
            with_subject_level(rows, inputs),
            pl.col("subject_level_rank") < least,
            param_id="app.developer_level",
        ),
        per_subject(
            rows.join(_most_alike(rows, inputs), on=["subject_org_id", "source_ref"]),
            pl.col("alike").round(9) > alike,
            result_type="watch",
            param_id="app.shared_elements_max",
            threshold=alike,
            value=pl.col("alike").max(),
        ),
    )


def _most_alike(rows: pl.LazyFrame, inputs: BurdenInputs) -> pl.LazyFrame:
    """Per app the largest share of data elements it has in common with another app of its subject.

    An app is the form of the field register with its reference as ``form_id``. The share is of the smaller one.
    """
    in_window = (pl.col("valid_from") < inputs.window.end) & (
        pl.col("valid_to").is_null() | (pl.col("valid_to") > inputs.window.start)
    )
    asked = (
        inputs.form_fields.lazy()
        .filter(in_window, pl.col("data_element_id").is_not_null())
        .select("data_element_id", source_ref="form_id")
        .unique()
    )
    apps = (
        rows.filter(~pl.col("is_exempt")).select("subject_org_id", "source_ref").unique().join(asked, on="source_ref")
    )
    sizes = apps.group_by("subject_org_id", "source_ref").agg(n_elements=pl.len().cast(pl.Int64))
    left, right = (sizes.rename({"source_ref": name, "n_elements": f"n_{name}"}) for name in ("source_ref", "other"))
    shared = (
        apps.join(apps.rename({"source_ref": "other"}), on=["subject_org_id", "data_element_id"])
        .filter(pl.col("source_ref") != pl.col("other"))
        .group_by("subject_org_id", "source_ref", "other")
        .agg(n_shared=pl.len().cast(pl.Int64))
        .join(left, on=["subject_org_id", "source_ref"])
        .join(right, on=["subject_org_id", "other"])
    )
    share = pl.col("n_shared") / pl.min_horizontal("n_source_ref", "n_other")
    return shared.group_by("subject_org_id", "source_ref").agg(alike=share.max())


def app_02(inputs: BurdenInputs, parameters: Parameters) -> pl.LazyFrame:  # noqa: ARG001
    """APP-02, forced use: each demand for check-ins, points, time online or tracks that security does not need.

    ``n`` counts demands, the denominator events. Load: actions (``n``) and their minutes (``value``) of the check-ins
    of the window.
    """
    rows = rows_of(inputs, "check_in", "app")
    forced = pl.col("feature_list").list.set_intersection(list(FORCED_USE))
    needed = demands("security_or_emergency")
    each = rows.with_columns(feature=pl.when(~needed).then(forced)).explode("feature", empty_as_null=True)
    actions = rows.filter(pl.col("measure") == "flow")
    return together(
        per_subject(each, pl.col("feature").is_not_null(), counted=(*EVENT, "feature")),
        load_per_subject(actions, pl.col("minutes").sum(), n=pl.col("quantity").sum()),
    )


def app_03(inputs: BurdenInputs, parameters: Parameters) -> pl.LazyFrame:  # noqa: ARG001
    """APP-03, usage quotas: each ranking notice or app that sets a target for use or installation."""
    return per_subject(rows_of(inputs, "usage_ranking", "app"), demands("usage_target"))


def app_04(inputs: BurdenInputs, parameters: Parameters) -> pl.LazyFrame:
    """APP-04, group flood: too many groups in a unit (watch), a task set in a group without document or admission.

    The watch is shared by all who keep a group in the unit on its count day; ``value`` is the most groups of one
    unit. The breach is a demand for traces sent through a group, of any kind but those DOC-06 judges.
    """
    per_unit = parameters.number("group.per_unit")
    groups = rows_of(inputs, "work_group").filter(~pl.col("is_exempt"), pl.col("target_org_id").is_not_null())
    totals = groups.group_by("target_org_id").agg(n_groups=pl.col("quantity").sum())
    sent = without_repeats(
        inputs.facts.filter(
            pl.col("channel") == "chat_group",
            ~pl.col("burden_kind").is_in(OTHER_RULES),
            within(inputs.window),
        )
    )
    without_paper = pl.col("doc_no").is_null() & pl.col("admission_id").is_null()
    return together(
        per_subject(
            groups.join(totals, on="target_org_id"),
            pl.col("n_groups") > per_unit,
            result_type="watch",
            param_id="group.per_unit",
            threshold=per_unit,
            value=pl.col("n_groups").max(),
        ),
        per_subject(sent, demands(*TRACES) & without_paper),
    )


def app_05(inputs: BurdenInputs, parameters: Parameters) -> pl.LazyFrame:
    """APP-05, idle systems: active users below the share of the intended ones on every count day of some months.

    Active users are the ``persons`` of the app's rows, intended users the staff of the units they are of; units whose
    staff is not known are left out. An app is judged when it was counted on two days at least in the months up to the
    end of the window, and already before their second month. ``value`` is its highest share.
    """
    idle_share, months = parameters.number("app.idle_share"), parameters.whole("app.idle_months")
    first_day, second_month = _months_before(inputs.window.end, months), _months_before(inputs.window.end, months - 1)
    staff = inputs.organisations.lazy().select("staff", target_org_id="org_id").filter(pl.col("staff") > 0)
    counts = without_repeats(
        inputs.facts.filter(pl.col("burden_kind") == "app", pl.col("start_date") < inputs.window.end)
    ).filter(~pl.col("is_exempt"), pl.col("persons").is_not_null())
    recent = counts.filter(pl.col("start_date") >= first_day).join(staff, on="target_org_id")
    app = ["subject_org_id", *EVENT]
    users = (
        recent.group_by(*app, "start_date")
        .agg(pl.col("persons", "staff").sum())
        .group_by(app)
        .agg(n_days=pl.len(), use=(pl.col("persons") / pl.col("staff")).max())
    )
    since = counts.group_by(app).agg(first_count=pl.col("start_date").min())
    judged = (
        users.join(since, on=app)
        .filter(pl.col("n_days") >= 2, pl.col("first_count") < second_month)
        .select(*app, "use")
    )
    return per_subject(
        recent.filter(within(inputs.window)).join(judged, on=app),
        pl.col("use").round(9) < idle_share,
        result_type="watch",
        param_id="app.idle_share",
        threshold=idle_share,
        value=pl.col("use").max(),
    )


def _months_before(day: date, months: int) -> date:
    """A day some calendar months earlier, at most the 28th where the month is shorter."""
    place = day.year * 12 + day.month - 1 - months
    year, month = divmod(place, 12)
    try:
        return day.replace(year=year, month=month + 1)
    except ValueError:
        return day.replace(year=year, month=month + 1, day=28)


RULES: Mapping[str, Rule] = {"APP-01": app_01, "APP-02": app_02, "APP-03": app_03, "APP-04": app_04, "APP-05": app_05}
