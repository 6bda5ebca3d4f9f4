"""Admissions as the rules read them: who answers for each, whether it was approved, when it ends, whom it reaches."""

from __future__ import annotations

from typing import Final

import polars as pl

from scoring.burden import facts
from scoring.burden.inputs import BurdenInputs

LEVEL_RANKS: Final = {"village": 1, "township": 2, "county": 3, "prefecture": 4, "province": 5, "central": 6}
"""Administrative levels from the lowest to the highest."""

SCOPE_KINDS: Final = {"all_townships": ("township", "subdistrict"), "all_villages": ("village", "community")}
"""The kinds of unit a scope word stands for."""

NOBODY: Final = "*"
"""Stands where a key names no organisation or admission."""


def answering(organisations: pl.DataFrame) -> pl.DataFrame:
    """Who answers for what an organisation does (burden catalogue, part 2).

    Args:
        organisations: As in ``BurdenInputs``.

    Returns:
        org_id, answers_org_id: as ``facts.answering``, hosts of hosts included; null for villages and communities,
        against which nothing ever counts.

    Raises:
        ValueError: See ``facts.answering``.
    """
    return facts.answering(organisations).rename({"answers": "answers_org_id"})


def registered(inputs: BurdenInputs) -> pl.DataFrame:
    """The admissions with what the rules ask of each.

    An admission was approved when its decision is ``approved``, or ``exited``, since only what was approved can
    exit. It ends on ``valid_to``; one that exited without that day ends on the day of the evaluation that said so.

    Returns:
        The columns of task_admission and: applicant (String: who answers for the applicant; null for a village),
        approver (String: who answers for ``decided_by_org_id``, ``*`` where nobody is named), approver_rank
        (Int8), is_approved (Boolean), passed (Boolean: the consistency review), decided_on (Date: ``decided_at``, but
        null where it is the day of the exit), decision_day (Date: the decision, else the start, else the request),
        ends_on (Date: first day after its end; null while none is known).
        One row per admission, sorted.
    """
    known = answering(inputs.organisations)
    levels = inputs.organisations.select(decided_by_org_id="org_id", decider_rank="level_rank")
    approved = pl.col("decision").is_in(["approved", "exited"])
    evaluated_out = pl.when((pl.col("decision") == "exited") & (pl.col("evaluated_at") >= pl.col("valid_from")))
    of_exit = (pl.col("decision") == "exited") & (pl.col("decided_at") > pl.col("valid_from"))
    return (
        inputs.admissions.join(known.rename({"org_id": "applicant_org_id"}), on="applicant_org_id", how="left")
        .with_columns(applicant=_answers_for("applicant_org_id", inputs))
        .drop("answers_org_id")
        .join(known.rename({"org_id": "decided_by_org_id"}), on="decided_by_org_id", how="left")
        .join(levels, on="decided_by_org_id", how="left")
        .with_columns(
            approver=_answers_for("decided_by_org_id", inputs).fill_null(NOBODY),
            approver_rank=pl.coalesce(
                pl.col("approval_level").replace_strict(LEVEL_RANKS, default=None, return_dtype=pl.Int8),
                pl.col("decider_rank").cast(pl.Int8),
            ),
            is_approved=approved,
            passed=pl.col("review").eq_missing("consistency_passed"),
            decided_on=pl.when(of_exit.fill_null(value=False).not_()).then("decided_at"),
            ends_on=pl.coalesce("valid_to", evaluated_out.then("evaluated_at")),
        )
        .with_columns(decision_day=pl.coalesce("decided_on", "valid_from", "requested_at"))
        .drop("answers_org_id", "decider_rank")
        .sort("admission_id")
    )


def _answers_for(column: str, inputs: BurdenInputs) -> pl.Expr:
    # An organisation that is not on the register of the day answers for itself.
    unknown = pl.col(column).is_in(inputs.organisations["org_id"].implode()).not_()
    return pl.when(unknown).then(pl.col(column)).otherwise("answers_org_id")


def scope_units(admissions: pl.DataFrame, organisations: pl.DataFrame) -> pl.DataFrame:
    """The units an admission reaches: scope words by kind of unit, lists as they stand.

    Args:
        admissions: admission_id, target_scope (a scope word, or organisation ids joined by semicolons).
        organisations: org_id, org_kind.

    Returns:
        admission_id, org_id; unique and sorted.
    """
    words = pl.DataFrame(
        [(word, kind) for word, kinds in SCOPE_KINDS.items() for kind in kinds],
        schema={"target_scope": pl.String, "org_kind": pl.String},
        orient="row",
    )
    by_word = (
        admissions.select("admission_id", "target_scope")
        .join(words, on="target_scope")
        .join(organisations.select("org_id", "org_kind"), on="org_kind")
        .select("admission_id", "org_id")
    )
    by_name = (
        admissions.filter(pl.col("target_scope").is_in(list(SCOPE_KINDS)).not_())
        .select("admission_id", org_id=pl.col("target_scope").str.split(";"))
        .explode("org_id")
    )
    return pl.concat([by_word, by_name]).drop_nulls().unique().sort("admission_id", "org_id")
