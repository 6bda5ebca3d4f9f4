"""Chains rules follow: a demand back to where it began, and an organisation up to its system or place."""

from __future__ import annotations

from typing import Final

import polars as pl

from scoring.burden.inputs import BurdenInputs
from scoring.burden.rules.breaches import COUNTY_RANK, DEPARTMENT_KINDS, GRASSROOTS_GOVERNMENT_KINDS

MAX_STEPS: Final = 6
"""There are six administrative levels, so no chain is longer; a chain that runs in a circle ends here too."""


def with_roots(rows: pl.LazyFrame, inputs: BurdenInputs, *kinds: str) -> pl.LazyFrame:
    """Rows with ``root``: the document or meeting each one goes back to.

    ``dup_of`` and ``parent_source_ref`` name the next one up, by its register number or document number. One
    that is not on record is a root under the name it is given. Register numbers are each issuer's own: a
    name that several different documents bear leads nowhere, so that strangers are never taken for
    copies of one another.

    Args:
        rows: Prepared rows.
        inputs: Where the documents or meetings above are looked up.
        kinds: Kinds of burden that make the chains.
    """
    roots = _roots(inputs.facts.filter(pl.col("burden_kind").is_in(list(kinds))))
    return (
        rows.with_columns(name=_own_name())
        .join(roots, on="name", how="left")
        .with_columns(root=pl.coalesce("root", "name"))
        .drop("name")
    )


def _roots(known: pl.LazyFrame) -> pl.LazyFrame:
    """name, root: the end of the chain, for every document or meeting that names another one."""
    return _steps(known).map_batches(_climb, schema={"name": pl.String(), "root": pl.String()})


def _climb(steps: pl.DataFrame) -> pl.DataFrame:
    above = steps.select(root="name", next="above")
    reached = steps.rename({"above": "root"})
    for _ in range(MAX_STEPS - 1):
        reached = reached.join(above, on="root", how="left").select("name", root=pl.coalesce("next", "root"))
    return reached


def _own_name() -> pl.Expr:
    return pl.coalesce("doc_no", pl.concat_str("issuer_org_id", "source_ref", separator="/"))


def _steps(known: pl.LazyFrame) -> pl.LazyFrame:
    """name, above: one step up, for every document or meeting that names one."""
    given = pl.coalesce("dup_of", "parent_source_ref")
    passed_on = known.filter(given.is_not_null()).select(name=_own_name(), reference=given).unique()
    named = known.select(reference=pl.concat_list("source_ref", "doc_no"), above=_own_name()).explode("reference")
    meant = (
        named.join(passed_on.select("reference"), on="reference", how="semi")
        .group_by("reference")
        .agg(pl.col("above").min(), is_ambiguous=pl.col("above").min() != pl.col("above").max())
    )
    above = pl.when(~pl.col("is_ambiguous").fill_null(value=False)).then(pl.coalesce("above", "reference"))
    return (
        passed_on.join(meant, on="reference", how="left")
        .select("name", above=above)
        .filter(pl.col("above").is_not_null() & (pl.col("above") != pl.col("name")))
        .group_by("name")
        .agg(pl.col("above").min())
    )


def systems(organisations: pl.DataFrame) -> pl.LazyFrame:
    """The system each organisation belongs to: org_id, system.

    From an organisation to its host where it has one, then up to the parent as long as that is a
    department or coordinating body too; committees and governments hold many systems and end the climb.
    """
    ways = organisations.select("org_id", above=pl.coalesce("host_org_id", "parent_org_id")).drop_nulls()
    departments = organisations.filter(pl.col("org_kind").is_in(list(DEPARTMENT_KINDS))).select(above="org_id")
    steps = ways.join(departments, on="above", how="semi").unique("org_id")
    reached = organisations.select("org_id", system="org_id").unique("org_id")
    for _ in range(MAX_STEPS):
        reached = (
            reached.join(steps.rename({"org_id": "system"}), on="system", how="left")
            .with_columns(system=pl.coalesce("above", "system"))
            .drop("above")
        )
    return reached.lazy()


def places(organisations: pl.DataFrame) -> pl.LazyFrame:
    """Townships and counties a unit lies in, itself included: org_id, place, place_rank.

    A county is the organisation of county level above a township that is no department.
    """
    is_township = pl.col("org_kind").is_in(list(GRASSROOTS_GOVERNMENT_KINDS))
    is_county = (pl.col("level_rank") == COUNTY_RANK) & ~pl.col("org_kind").is_in(list(DEPARTMENT_KINDS))
    known = organisations.unique("org_id")
    place = known.filter(is_township | is_county).select(place="org_id", place_rank="level_rank")
    parents = known.select(place="org_id", above="parent_org_id").drop_nulls()
    reached = [known.select("org_id", place="org_id")]
    for _ in range(MAX_STEPS):
        reached.append(reached[-1].join(parents, on="place").select("org_id", place="above"))
    return pl.concat(reached).unique().join(place, on="place").lazy()
