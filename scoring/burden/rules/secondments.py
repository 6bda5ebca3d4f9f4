"""Secondments: SEC-01 to SEC-03 (burden catalogue, part 3.5).

The bearer of a secondment is the lender, the issuer the borrower. Judged are the spells that run in the window, from
``start_date`` to ``end_date`` with both days; a row without ``end_date`` is of one day. All ways of secondment
(learning, task force, exchange) count alike.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import polars as pl

from scoring.burden.facts import EVENT
from scoring.burden.flags import Rule
from scoring.burden.inputs import BurdenInputs
from scoring.burden.parameters import Parameters
from scoring.burden.rules.breaches import COUNTY_RANK, admitted
from scoring.burden.rules.counting import LEVEL_RANKS, per_subject, together, with_subject_level, without_repeats

_COUNTY_AND_ABOVE: Final = ("county", "prefecture", "province")


def sec_01(inputs: BurdenInputs, parameters: Parameters) -> pl.LazyFrame:
    """SEC-01, secondment from below: a higher borrower, a lender of a protected level, and no admission in force.

    Community workers have a rule of their own (SEC-03) and are left to it.
    """
    ranks = [LEVEL_RANKS[level] for level in parameters.words("secondment.forbidden_levels")]
    rows = with_subject_level(admitted(_running(inputs), inputs.admissions), inputs)
    lender = pl.col("bearer_level_rank")
    from_below = lender.is_in(ranks) & (pl.col("subject_level_rank") > lender)
    others = rows.filter(pl.col("bearer_kind").ne_missing("community"))
    return per_subject(others, from_below & ~pl.col("is_admitted"), param_id="secondment.forbidden_levels")


def sec_02(inputs: BurdenInputs, parameters: Parameters) -> pl.LazyFrame:
    """SEC-02, too long (breach) and too many (watch).

    A spell is all rows of one event and lender, from the first day to the last; one with an admission in force on a
    day it was entered may last as long as an extension adds. Seconded are person-days in the window over the
    days of the window and the borrower's staff.
    """
    days_max, extension = parameters.number("secondment.days_max"), parameters.number("secondment.extension_days")
    spells = _spells(inputs).filter(pl.col("end_date").is_not_null())
    limit = pl.when("is_admitted").then(days_max + extension).otherwise(days_max)
    return together(
        per_subject(
            spells,
            pl.col("spell_days") > limit,
            param_id="secondment.days_max",
            threshold=days_max,
            value=pl.col("spell_days").max(),
        ),
        _too_many(inputs, parameters.number("secondment.share_max")),
    )


def sec_03(inputs: BurdenInputs, parameters: Parameters) -> pl.LazyFrame:  # noqa: ARG001
    """SEC-03, community workers: never lent to county level and above, to a township with the county's admission only.

    The admission has to be granted at county level or above by somebody else than the borrower.
    """
    granted = inputs.admissions.filter(
        pl.col("approval_level").is_in(_COUNTY_AND_ABOVE),
        pl.col("decided_by_org_id").ne_missing(pl.col("applicant_org_id")),
    )
    rows = _running(inputs).filter(pl.col("bearer_kind") == "community")
    borrowers = with_subject_level(admitted(rows, granted), inputs)
    rank = pl.col("subject_level_rank")
    return per_subject(borrowers, (rank >= COUNTY_RANK) | ((rank < COUNTY_RANK) & ~pl.col("is_admitted")))


def _running(inputs: BurdenInputs) -> pl.LazyFrame:
    """Secondments that run in the window, with ``last_day``."""
    last = pl.coalesce("end_date", "start_date")
    rows = inputs.facts.filter(
        pl.col("burden_kind") == "secondment",
        pl.col("start_date") < inputs.window.end,
        last >= inputs.window.start,
    )
    return without_repeats(rows).with_columns(last_day=last)


def _spells(inputs: BurdenInputs) -> pl.LazyFrame:
    """Secondments that run in the window with ``spell_days``, and ``is_admitted`` where any row of the spell is."""
    spell = [*EVENT, "target_org_id"]
    known = inputs.facts.filter(
        pl.col("burden_kind") == "secondment", pl.col("start_date") < inputs.window.end, ~pl.col("is_exempt")
    )
    lengths = (
        admitted(without_repeats(known), inputs.admissions)
        .group_by(spell)
        .agg(
            first_day=pl.col("start_date").min(),
            final_day=pl.coalesce("end_date", "start_date").max(),
            is_admitted=pl.col("is_admitted").any(),
        )
        .with_columns(spell_days=(pl.col("final_day") - pl.col("first_day")).dt.total_days() + 1)
    )
    return _running(inputs).join(lengths, on=spell, nulls_equal=True)


def _too_many(inputs: BurdenInputs, share_max: float) -> pl.LazyFrame:
    """Watch: person-days borrowed in the window over the person-days of the borrower's staff."""
    window = inputs.window
    days = (window.end - window.start).days
    staff = inputs.organisations.lazy().select("staff", subject_org_id="org_id").filter(pl.col("staff") > 0)
    first = pl.max_horizontal("start_date", pl.lit(window.start))
    last = pl.min_horizontal("last_day", pl.lit(window.end).dt.offset_by("-1d"))
    persons = pl.max_horizontal(pl.col("persons").fill_null(1), pl.lit(1))
    rows = _running(inputs).filter(~pl.col("is_exempt")).join(staff, on="subject_org_id")
    borrowed = rows.group_by("subject_org_id").agg(
        person_days=(((last - first).dt.total_days() + 1) * persons).sum(), own_days=pl.col("staff").first() * days
    )
    share = pl.col("person_days") / pl.col("own_days")
    return per_subject(
        rows.join(borrowed, on="subject_org_id"),
        share.round(9) > share_max,
        result_type="watch",
        param_id="secondment.share_max",
        threshold=share_max,
        value=share.max(),
    )


RULES: Mapping[str, Rule] = {"SEC-01": sec_01, "SEC-02": sec_02, "SEC-03": sec_03}
