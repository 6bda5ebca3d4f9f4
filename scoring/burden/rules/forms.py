"""Report forms and the one form: FRM-01 to FRM-04 (burden catalogue, part 3.7)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

import polars as pl

from scoring.burden.flags import EVIDENCE_AT_MOST, Rule, flags, no_flags
from scoring.burden.form_overlaps import asks, fields, judged_fields, units_of_scopes
from scoring.burden.inputs import BurdenInputs
from scoring.burden.parameters import Parameters
from scoring.burden.rules.breaches import calendar_of
from scoring.burden.rules.counting import answerable, per_subject, rows_of
from scoring.burden.working_time import workdays_between

_LEVELS = 8
"""More steps than there are from a village to the centre."""


def frm_01(inputs: BurdenInputs, parameters: Parameters) -> pl.LazyFrame:
    """FRM-01, duplicate fields: asks of younger forms that an older one had already made (load).

    ``n`` surplus asks and ``denominator`` all asks, of all units in a year; ``value`` the hours a merger would save.
    Evidence: the younger forms.
    """
    minutes = parameters.number("minutes.field")
    asked = fields(inputs)
    reached = asked.join(units_of_scopes(inputs, asked["target_scope"]), on="target_scope")
    issued = reached.group_by("form_id", "field_name", "org_id").agg(
        pl.col("issuer_org_id").min(), pl.col("times").max()
    )
    surplus = (
        _charged(asks(inputs).lazy(), inputs)
        .filter(pl.col("n_surplus") > 0)
        .group_by("subject_org_id")
        .agg(n=pl.col("n_surplus").sum(), evidence_refs=_names(pl.col("form_id")))
    )
    found = (
        _charged(issued.lazy(), inputs)
        .group_by("subject_org_id")
        .agg(denominator=pl.col("times").sum(), n_bearers=pl.col("org_id").n_unique())
        .join(surplus, on="subject_org_id", how="left")
        .with_columns(pl.col("n").fill_null(0))
    )
    return flags(found, result_type="load", value=pl.col("n") * minutes / 60)


def frm_02(inputs: BurdenInputs, parameters: Parameters) -> pl.LazyFrame:
    """FRM-02, off-channel collection: a form sent past the platform on or after the go-live of the unit's place.

    ``form.go_live`` lists ``organisation id:date``, and ``*:date`` for every other place; the nearest organisation
    above the unit counts. A report form is what the platform can collect, whatever it asks for.

    Raises:
        ValueError: An entry of the list is not of that form.
    """
    go_live = _go_live(inputs, parameters)
    if go_live is None:
        return no_flags()
    of_units, elsewhere = go_live
    rows = rows_of(inputs, "report_form").join(of_units, on="target_org_id", how="left")
    live = pl.coalesce("go_live", pl.lit(elsewhere, pl.Date))
    past_platform = pl.when(pl.col("start_date") >= live).then(pl.col("channel") != "form_platform")
    return per_subject(rows, past_platform, param_id="form.go_live")


def _go_live(inputs: BurdenInputs, parameters: Parameters) -> tuple[pl.LazyFrame, date | None] | None:
    """target_org_id and go_live of the units with a date of their place, and the date elsewhere; None without any."""
    entries = [_dated(entry) for entry in parameters.words("form.go_live") if entry]
    if not entries:
        return None
    places = pl.DataFrame(entries, schema={"place": pl.String, "go_live": pl.Date}, orient="row")
    parents = inputs.organisations.select(place="org_id", above="parent_org_id")
    found = inputs.organisations.select(target_org_id="org_id", place=pl.col("org_id"), go_live=pl.lit(None, pl.Date))
    for _ in range(_LEVELS):
        found = (
            found.join(places.rename({"go_live": "here"}), on="place", how="left")
            .join(parents, on="place", how="left")
            .select("target_org_id", place="above", go_live=pl.coalesce("go_live", "here"))
        )
    elsewhere = dict(entries).get("*")
    return found.filter(pl.col("go_live").is_not_null()).select("target_org_id", "go_live").lazy(), elsewhere


def _dated(entry: str) -> tuple[str, date]:
    place, _, day = entry.rpartition(":")
    try:
        return place or "*", date.fromisoformat(day)
    except ValueError:
        raise ValueError(
            f"form.go_live: {entry!r} is not organisation id:date; write it as *:2026-01-01 or QY-T01:2026-01-01"
        ) from None


def frm_03(inputs: BurdenInputs, parameters: Parameters) -> pl.LazyFrame:
    """FRM-03, rush forms: fewer working days to the deadline than required; value the fewest."""
    least = parameters.number("form.min_workdays")
    given = workdays_between("issued_at", "due_at", calendar_of(parameters))
    return per_subject(
        rows_of(inputs, "report_form").with_columns(workdays=given),
        pl.col("workdays") < least,
        param_id="form.min_workdays",
        threshold=least,
        value=pl.col("workdays").min(),
    )


def frm_04(inputs: BurdenInputs, parameters: Parameters) -> pl.LazyFrame:
    """FRM-04, collected and unused (watch): fields of twelve months and more in no output; value their share.

    ``form.declared_uses`` may name data elements, forms or ``form/field`` that are used elsewhere.
    """
    declared = parameters.words("form.declared_uses") if "form.declared_uses" in parameters else ()
    judged = judged_fields(inputs, declared).unique(["form_id", "field_name"], keep="last", maintain_order=True)
    units = units_of_scopes(inputs, judged["target_scope"])
    charged = _charged(judged.with_columns(named=pl.concat_str("form_id", "field_name", separator="/")).lazy(), inputs)
    unused = charged.filter(~pl.col("is_used"))
    reached = unused.join(units.lazy(), on="target_scope").group_by("subject_org_id")
    found = (
        unused.group_by("subject_org_id")
        .agg(n=pl.len(), evidence_refs=_names(pl.col("named")))
        .join(charged.group_by("subject_org_id").agg(denominator=pl.len()), on="subject_org_id")
        .join(reached.agg(n_bearers=pl.col("org_id").n_unique()), on="subject_org_id", how="left")
    )
    return flags(found, result_type="watch", value=pl.col("n") / pl.col("denominator"))


def _charged(rows: pl.LazyFrame, inputs: BurdenInputs) -> pl.LazyFrame:
    """Rows of a form register with ``subject_org_id``: who answers for the issuer."""
    answers = answerable(inputs.organisations).select(issuer_org_id="org_id", subject_org_id="answerable_org_id")
    return rows.join(answers, on="issuer_org_id")


def _names(column: pl.Expr) -> pl.Expr:
    return column.unique().sort().head(EVIDENCE_AT_MOST).str.join(";")


RULES: Mapping[str, Rule] = {"FRM-01": frm_01, "FRM-02": frm_02, "FRM-03": frm_03, "FRM-04": frm_04}
