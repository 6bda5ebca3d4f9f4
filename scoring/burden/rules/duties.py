"""Duties, certificates, plaques and task forces: rules DUT-01 to DUT-07 (burden catalogue, part 3.8).

A task is judged row by row, since its bearers may have different lists, and counted as one event, once, under the
gravest of DUT-02, DUT-01 and DUT-03 that any of its rows shows. So putting a task on the list of some of its bearers
never adds to what its sender broke.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import polars as pl

from scoring.burden.admission_register import NOBODY, registered, scope_units
from scoring.burden.duty_lists import normalised
from scoring.burden.duty_matching import answerable, judged_tasks, matched, with_item
from scoring.burden.facts import EVENT, NEVER_A_SUBJECT, SCOPES, answering
from scoring.burden.flags import EVIDENCE_AT_MOST, SHOWN_REGISTERS, Rule, evidence, flags
from scoring.burden.inputs import BurdenInputs, within
from scoring.burden.parameters import Parameters
from scoring.burden.resources import resource_ratios
from scoring.burden.rules.breaches import breaches, demands
from scoring.burden.rules.counting import load_per_subject, rows_of, together

CARRIED: Final = 0
ROLE_FLIPPED: Final = 1
OFF_LIST: Final = 2
PUSHED_BACK: Final = 3
"""How bad a row of a task is, the gravest last."""


def dut_01(inputs: BurdenInputs, parameters: Parameters) -> pl.LazyFrame:  # noqa: ARG001
    """Off-list task: on no list of the bearer that day in an allowed role, and not admitted."""
    return _tasks_of_degree(inputs, OFF_LIST)


def dut_02(inputs: BurdenInputs, parameters: Parameters) -> pl.LazyFrame:  # noqa: ARG001
    """Reclaimed, pushed back: the department that took an item back asks the unit for it.

    Where anybody else asks for a reclaimed item, that sender answers for an off-list task (DUT-01): a department is
    not charged with what others sent.
    """
    return _tasks_of_degree(inputs, PUSHED_BACK)


def dut_03(inputs: BurdenInputs, parameters: Parameters) -> pl.LazyFrame:  # noqa: ARG001
    """Role flipped: the unit is named as lead of a duty in which it only cooperates."""
    return _tasks_of_degree(inputs, ROLE_FLIPPED)


def _tasks_of_degree(inputs: BurdenInputs, degree: int) -> pl.LazyFrame:
    """Breaches of the events whose worst row is of this degree; rows of bearers without any list are not judged."""
    shown = pl.col("reported_by").is_null() | pl.col("reported_by").is_in(list(SHOWN_REGISTERS))
    rows = graded_tasks(inputs).select("subject_org_id", *EVENT, "target_org_id", "degree", shown=shown.cast(pl.Int8))
    # Plain maxima are taken in one streaming pass; anything else would hold every row in memory.
    events = rows.group_by("subject_org_id", *EVENT).agg(pl.col("degree", "shown").max())
    chosen = pl.col("degree") == degree
    units = rows.filter(chosen).select("subject_org_id", "target_org_id").unique()
    found = events.group_by("subject_org_id").agg(
        n=chosen.cast(pl.Int64).sum(),
        denominator=pl.len(),
        evidence_refs=pl.col("source_ref")
        .filter(chosen & (pl.col("shown") == 1))
        .unique()
        .sort()
        .head(EVIDENCE_AT_MOST),
    )
    return flags(
        found.filter(pl.col("n") > 0)
        .with_columns(pl.col("evidence_refs").list.join(";"))
        .join(units.group_by("subject_org_id").agg(n_bearers=pl.len()), on="subject_org_id", how="left"),
        result_type="breach",
        value=pl.col("n") / pl.col("denominator"),
    )


def graded_tasks(inputs: BurdenInputs) -> pl.LazyFrame:
    """``duty_matching.judged_tasks`` that can be held against a list, with ``degree`` (Int8), see ``PUSHED_BACK``."""
    leads = answering(inputs.organisations).lazy().select(lead_org_id="org_id", lead_answers="answers")
    match = pl.col("match")
    flipped = (
        (match == "wrong_role")
        & (pl.col("duty_kind") == "cooperate")
        & pl.col("burden_kind").is_in(["document", "temp_task"])
        & demands("names_lead")
    )
    own = pl.coalesce("lead_answers", "lead_org_id") == pl.col("subject_org_id")
    degree = (
        pl.when(match.is_in(["duty", "admission"])).then(CARRIED)
        .when((match == "reclaimed") & own.fill_null(value=False)).then(PUSHED_BACK)
        .when(flipped).then(ROLE_FLIPPED)
        .otherwise(OFF_LIST)
    )  # fmt: skip
    return (
        judged_tasks(inputs)
        .filter(match.is_not_null())
        .join(leads, on="lead_org_id", how="left")
        .with_columns(degree=degree.cast(pl.Int8))
        .drop("lead_answers")
    )


def dut_04(inputs: BurdenInputs, parameters: Parameters) -> pl.LazyFrame:
    """Delegation without means: less granted than promised after grace, or one bundle for townships great and small."""
    return together(_short(inputs, parameters), _bundles(inputs, parameters))


def _short(inputs: BurdenInputs, parameters: Parameters) -> pl.LazyFrame:
    """Admissions of which any resource fell short."""
    ratios = resource_ratios(inputs, parameters).filter(pl.col("state").is_in(["met", "short"]))
    whole = ratios.filter(pl.col("receiving_org_id") == NOBODY)
    short = whole.filter(pl.col("state") == "short")
    units = ratios.filter(pl.col("receiving_org_id") != NOBODY).join(short, on=["admission_id", "kind"], how="semi")
    found = (
        short.group_by("subject_org_id")
        .agg(
            n=pl.col("admission_id").n_unique(),
            value=pl.col("ratio").min(),
            evidence_refs=pl.col("admission_id").unique().sort().head(EVIDENCE_AT_MOST).str.join(";"),
        )
        .join(whole.group_by("subject_org_id").agg(denominator=pl.col("admission_id").n_unique()), on="subject_org_id")
        .join(
            units.group_by("subject_org_id").agg(n_bearers=pl.col("receiving_org_id").n_unique()),
            on="subject_org_id",
            how="left",
        )
    )
    least = parameters.number("resource.ratio_min")
    return flags(found.lazy(), result_type="breach", param_id="resource.ratio_min", threshold=least)


def _bundles(inputs: BurdenInputs, parameters: Parameters) -> pl.LazyFrame:
    """Applicants whose admissions of one day are the same large bundle for every township, unequal as they are."""
    name = "delegation.bundle_min"
    least = parameters.whole(name)
    townships = inputs.organisations.filter(pl.col("org_kind").is_in(SCOPES["all_townships"]))
    if townships.height < 2 or townships["staff"].n_unique() == 1:
        return flags(pl.LazyFrame(schema={"subject_org_id": pl.String}), result_type="watch")
    begun = registered(inputs).filter(
        pl.col("is_approved") & pl.col("applicant").is_not_null() & within(inputs.window, "valid_from")
    )
    reached = scope_units(begun, inputs.organisations).join(townships.select("org_id"), on="org_id", how="semi")
    items = reached.join(begun.select("admission_id", "applicant", "valid_from"), on="admission_id")
    to_all = items.group_by("applicant", "valid_from", "admission_id").agg(n_units=pl.len())
    to_some = to_all.filter(pl.col("n_units") < townships.height)
    bundles = (
        to_all.join(to_some, on=["applicant", "valid_from"], how="anti")
        .group_by("applicant", "valid_from")
        .agg(n=pl.len(), refs=pl.col("admission_id").sort())
        .filter(pl.col("n") >= least)
    )
    found = bundles.group_by(subject_org_id="applicant").agg(
        n=pl.col("n").sum(),
        value=pl.col("n").max(),
        evidence_refs=pl.col("refs").explode().unique().sort().head(EVIDENCE_AT_MOST).str.join(";"),
    )
    return flags(
        found.lazy().with_columns(denominator="n", n_bearers=pl.lit(townships.height)),
        result_type="watch",
        param_id=name,
        threshold=float(least),
    )


def dut_05(inputs: BurdenInputs, parameters: Parameters) -> pl.LazyFrame:
    """Certificates: one the bearer's list or the national batch says it does not issue.

    The certificate is known by its duty item, or by its name: the ``matter`` is a certificate of the bearer's list, or
    the name of one of ``certificate.forbidden`` stands in matter, sub-kind or title and the bearer is a village or
    community. An admission does not make a forbidden certificate lawful.
    """
    asked = inputs.facts.filter(within(inputs.window) & (pl.col("burden_kind") == "certificate"))
    rows = answerable(asked, inputs.organisations).with_columns(certificate=normalised("matter"))
    kept = rows.collect_schema().names()
    named = inputs.duties.with_columns(certificate=normalised("duty_name"))
    rows = with_item(rows, named, on="certificate").select(*kept, listed=pl.col("duty_kind") == "no_certificate")
    names = pl.Series(parameters.words("certificate.forbidden"), dtype=pl.String).to_frame("name")
    words = names.select(normalised("name"))["name"].to_list()
    text = (normalised(each).fill_null("") for each in ("matter", "burden_subkind", "title"))
    national = pl.concat_str(text, separator="\n").str.contains_any(words)
    broken = (
        (pl.col("duty_kind") == "no_certificate").fill_null(value=False)
        | pl.col("listed").fill_null(value=False)
        | (national & pl.col("bearer_kind").is_in(NEVER_A_SUBJECT))
    )
    judged = matched(rows, inputs.duties, inputs.admissions).with_columns(is_forbidden=broken)
    return breaches(judged, pl.col("is_forbidden").any(), units=pl.col("is_forbidden"))


def dut_06(inputs: BurdenInputs, parameters: Parameters) -> pl.LazyFrame:
    """Surplus plaques: those outside the allowed ones on the last count day; stock and removals as loads.

    A plaque is allowed by its sub-kind or its title; one without sub-kind is counted and not judged.
    """
    words = parameters.words("sign.allowed")
    allowed = pl.col("burden_subkind").is_in(words) | pl.col("title").is_in(words).fill_null(value=False)
    rows = rows_of(inputs, "sign").filter(_no_village(inputs))
    plaques = pl.col("quantity").fill_null(1).sum()
    judged = rows.filter(~pl.col("is_exempt") & pl.col("burden_subkind").is_not_null())
    found = (
        judged.filter(~allowed)
        .group_by("subject_org_id")
        .agg(n=plaques, n_bearers=pl.col("target_org_id").n_unique(), evidence_refs=evidence())
        .join(judged.group_by("subject_org_id").agg(denominator=plaques), on="subject_org_id")
    )
    return together(
        load_per_subject(rows, n=plaques, param_id="stock"),
        _removed(inputs),
        flags(found, result_type="breach", value=pl.col("n") / pl.col("denominator"), param_id="sign.allowed"),
    )


def _no_village(inputs: BurdenInputs) -> pl.Expr:
    villages = inputs.organisations.filter(pl.col("org_kind").is_in(NEVER_A_SUBJECT))["org_id"]
    return pl.col("subject_org_id").is_not_null() & ~pl.col("subject_org_id").is_in(villages.implode())


def _removed(inputs: BurdenInputs) -> pl.LazyFrame:
    """Plaques taken down, by sub-kind: those of the count before that the last count of the window has no more.

    The count before is the last before the window or, without one, the first in it.
    """
    bearer = ["issuer_org_id", "target_org_id"]
    day, inside = pl.col("start_date"), within(inputs.window)
    rows = inputs.facts.filter(
        (pl.col("burden_kind") == "sign") & (day < inputs.window.end) & ~pl.col("is_duplicate") & _no_village(inputs)
    )
    before = day.filter(day < inputs.window.start).max()
    days = rows.group_by(bearer).agg(last=day.filter(inside).max(), base=pl.coalesce(before, day.filter(inside).min()))
    plaques = pl.col("quantity").fill_null(1)
    gone = (
        rows.join(days.filter(pl.col("base") < pl.col("last")), on=bearer, nulls_equal=True)
        .group_by("subject_org_id", *bearer, "burden_subkind")
        .agg(had=plaques.filter(day == pl.col("base")).sum(), has=plaques.filter(day == pl.col("last")).sum())
        .with_columns(removed=pl.max_horizontal(pl.col("had") - pl.col("has"), 0))
    )
    found = gone.group_by("subject_org_id").agg(
        n=pl.col("removed").sum(),
        denominator=pl.col("had").sum(),
        n_bearers=pl.col("target_org_id").filter(pl.col("removed") > 0).n_unique(),
    )
    return flags(found, result_type="load", value=pl.col("n"), param_id="removed")


def dut_07(inputs: BurdenInputs, parameters: Parameters) -> pl.LazyFrame:  # noqa: ARG001
    """Surplus task forces: those a unit has to staff that rest on no admission and no duty; the stock as a load."""
    rows = rows_of(inputs, "mechanism").filter(_no_village(inputs))
    stock = pl.col("quantity").fill_null(1).sum()
    held = matched(answerable(rows, inputs.organisations), inputs.duties, inputs.admissions)
    carried = pl.col("match").is_in(["duty", "admission"]).fill_null(value=False)
    return together(
        load_per_subject(rows, n=stock, param_id="stock"),
        breaches(held.with_columns(carried=carried), ~pl.col("carried").all(), units=~pl.col("carried")),
    )


RULES: Final[Mapping[str, Rule]] = {
    "DUT-01": dut_01,
    "DUT-02": dut_02,
    "DUT-03": dut_03,
    "DUT-04": dut_04,
    "DUT-05": dut_05,
    "DUT-06": dut_06,
    "DUT-07": dut_07,
}
