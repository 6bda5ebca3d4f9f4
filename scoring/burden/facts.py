"""Burden facts as the rules read them: bearers filled in, subjects named, exemptions and minutes worked out.

Everything here is lazy and goes through in streaming passes: rows are joined to small tables and by key, never sorted
and never collected.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Final

import polars as pl

from scoring.burden.parameters import Parameters
from scoring.burden.registers import NATURAL_KEY, one_truth
from scoring.sums import RAW_SCALE, divide_half_up

TIME_ZONE: Final = "Asia/Shanghai"
"""The programme's zone: days, office hours and deadlines are read in it; instants are stored in UTC."""

EVENT: Final = ("issuer_org_id", "burden_kind", "source_ref")
"""What makes one event: one notice to 260 villages is 1 event and 260 rows (burden catalogue, part 1.1)."""

NEVER_A_SUBJECT: Final = ("village", "community")
"""Kinds of organisation that nothing ever counts against (burden catalogue, part 2 case 7)."""

SCOPES: Final = {
    "all_townships": ("township", "subdistrict"),
    "all_villages": ("village", "community"),
}
"""Kinds of bearing unit a scope stands for."""

_DEPTH = 8
"""More steps than there are from a village to the centre, and than hosts hang on hosts."""

_RELAYS = 2
"""Relays a demand is followed back through: prefecture, county and township under one root make two."""


def prepare(
    burden: pl.LazyFrame,
    organisations: pl.DataFrame,
    duties: pl.DataFrame,
    admissions: pl.DataFrame,
    bearers: pl.DataFrame,
    parameters: Parameters,
) -> pl.LazyFrame:
    """Rows of burden_fact as every rule and the account read them.

    Scopes become bearing units (``expand``), one imposition that stands in two registers becomes one row
    (``registers.one_truth``), and the columns below are added. The subject is found by part 2 of the burden catalogue:

    * who hosts a coordinating body, a task force or a front answers for it (cases 3 and 4);
    * the origin answers for a demand passed on unchanged, the relay for one it added to (case 2, see ``_relayed``);
    * a village or community is never a subject: the subject of what it issued is null (case 7).

    Args:
        burden: Current rows of burden_fact, voided ones gone.
        organisations: As ``BurdenInputs.organisations``.
        duties: duty_item, all versions.
        admissions: task_admission.
        bearers: org_id of the units of the frame that can bear a burden.
        parameters: ``register.match_days`` and the tariff ``minutes.<kind>``; a kind without tariff has null minutes
            where no duration was recorded.

    Returns:
        All columns of burden_fact and ``subject_org_id``; ``is_exempt`` (an emergency, or required by law with a legal
        basis on the duty in force that day or on the admission); ``is_duplicate`` (``dup_of`` is given);
        ``issuer_kind``, ``bearer_kind``; ``issuer_level_rank``, ``bearer_level_rank`` (Int8); ``feature_list``
        (empty, never null); ``minutes`` (Int64: the duration of all persons, else quantity by the tariff, half up).
        In no particular order.
    """
    rows = one_truth(expand(burden, organisations, bearers), parameters.whole("register.match_days"))
    return (
        rows.pipe(_with_organisation, organisations, "issuer")
        .pipe(_with_organisation, organisations, "bearer")
        .pipe(_with_subject, _relayed(burden, organisations), organisations)
        .pipe(_with_exemption, duties, admissions)
        .with_columns(
            is_duplicate=pl.col("dup_of").is_not_null(),
            feature_list=_feature_list(),
            minutes=_minutes(parameters),
        )
    )


def events(rows: pl.LazyFrame) -> pl.LazyFrame:
    """Prepared rows as events, one row each: every column, ``n_rows`` and ``n_bearers`` (Int64).

    Columns of the event (title, class, deadline, features, subject) are the same on all of its rows; where they are
    not, and for columns of single rows (``target_org_id``, ``persons``, ``minutes``), the row with the earliest day and
    then the smallest bearer speaks. Sum what rows add up to from the rows, not from here. The result does not depend
    on the order of the rows; filter by kind first.
    """
    others = [name for name in rows.collect_schema().names() if name not in EVENT]
    first = pl.struct("start_date", pl.col("target_org_id", "reported_by", "title").fill_null(""))
    return rows.group_by(EVENT).agg(
        pl.col(others).min_by(first),
        n_rows=pl.len().cast(pl.Int64),
        n_bearers=pl.col("target_org_id").drop_nulls().n_unique().cast(pl.Int64),
    )


def expand(burden: pl.LazyFrame, organisations: pl.DataFrame, bearers: pl.DataFrame) -> pl.LazyFrame:
    """Rows with a scope and no bearer as one row per bearing unit of the scope; all others as they are.

    ``all_townships`` and ``all_villages`` mean the units of the frame in the issuer's area: below the issuer, or below
    the nearest organisation it belongs to that has bearing units; all units of the frame where the register of
    organisations shows no such area. A unit that also has a row of its own for that event and day keeps that one only.
    A scope that reaches no unit stays one row without a bearer, so that the event is not lost.

    Args:
        burden: Rows of burden_fact.
        organisations: As ``BurdenInputs.organisations``.
        bearers: org_id of the units of the frame that can bear a burden.

    Returns:
        The same columns, in no particular order.
    """
    areas, units = _areas(organisations, bearers)
    scoped = pl.col("target_org_id").is_null() & pl.col("target_scope").is_not_null()
    own = (
        burden.filter(~scoped)
        .join(burden.filter(scoped).select(EVENT).unique(), on=EVENT, how="semi")
        .select(NATURAL_KEY)
        .unique()
        .with_columns(_own=pl.lit(value=True))
    )
    return (
        burden.with_columns(_scope=pl.when(scoped).then("target_scope"))
        .join(areas.lazy(), on="issuer_org_id", how="left", build_side="force_right")
        .with_columns(pl.when(pl.col("_scope").is_not_null()).then(pl.col("_area").fill_null("")).alias("_area"))
        .join(units.lazy(), on=["_area", "_scope"], how="left", build_side="force_right")
        .with_columns(pl.coalesce("target_org_id", "_unit").alias("target_org_id"))
        .join(own, on=NATURAL_KEY, how="left", build_side="force_right")
        .filter(pl.col("_scope").is_null() | pl.col("_own").is_null())
        .drop("_scope", "_area", "_unit", "_own")
    )


def _areas(organisations: pl.DataFrame, bearers: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The area of every organisation, and the units of every area by scope; the area "" is the whole frame."""
    parents = organisations.select("org_id", "parent_org_id")
    kinds = pl.DataFrame(
        [(scope, kind) for scope, listed in SCOPES.items() for kind in listed],
        schema={"_scope": pl.String, "org_kind": pl.String},
        orient="row",
    )
    listed = bearers.select("org_id").unique().join(organisations, on="org_id").join(kinds, on="org_kind")
    units = listed.select("_scope", _unit="org_id")
    below = _ancestors(parents, pl.col("parent_org_id")).join(units, left_on="org_id", right_on="_unit")
    belonging = _ancestors(parents, pl.col("org_id")).join(below.select("above").unique(), on="above", how="semi")
    area = belonging.group_by("org_id").agg(pl.col("above").min_by("step"))
    return (
        area.select(issuer_org_id="org_id", _area="above"),
        pl.concat(
            [
                units.select(pl.lit("").alias("_area"), "_scope", "_unit"),
                below.select("_scope", _area="above", _unit="org_id").select("_area", "_scope", "_unit"),
            ]
        ),
    )


def _ancestors(parents: pl.DataFrame, start: pl.Expr) -> pl.DataFrame:
    """org_id, ``above`` and ``step`` of every organisation's way up, from ``start`` on."""
    reached = parents.select("org_id", above=start, step=pl.lit(0)).drop_nulls("above")
    steps = [reached]
    for step in range(1, _DEPTH):
        reached = (
            reached.join(parents, left_on="above", right_on="org_id")
            .select("org_id", above="parent_org_id", step=pl.lit(step))
            .drop_nulls("above")
        )
        steps.append(reached)
    return pl.concat(steps).unique(["org_id", "above"], keep="first", maintain_order=True)


def _with_organisation(rows: pl.LazyFrame, organisations: pl.DataFrame, role: str) -> pl.LazyFrame:
    """Kind and level of the issuer or bearer; null where the register of organisations has none of that id."""
    column = {"issuer": "issuer_org_id", "bearer": "target_org_id"}[role]
    looked_up = organisations.lazy().select(
        pl.col("org_id").alias(column),
        pl.col("org_kind").alias(f"{role}_kind"),
        pl.col("level_rank").cast(pl.Int8).alias(f"{role}_level_rank"),
    )
    return rows.join(looked_up, on=column, how="left", build_side="force_right")


def answering(organisations: pl.DataFrame) -> pl.DataFrame:
    """Who answers for every organisation: itself, its host, or nobody for a village or community.

    Returns:
        org_id and ``answers`` (null for a village or community, and for what they host); one row per organisation.

    Raises:
        ValueError: Organisations host each other in a circle.
    """
    hosts = organisations.select("org_id", "host_org_id", "org_kind")
    found = hosts.select("org_id", answers=pl.coalesce("host_org_id", "org_id"))
    for _ in range(_DEPTH):
        onward = hosts.select(pl.col("org_id").alias("answers"), next="host_org_id")
        stepped = found.join(onward, on="answers", how="left", maintain_order="left")
        if stepped["next"].null_count() == stepped.height:
            break
        found = stepped.select("org_id", answers=pl.coalesce("next", "answers"))
    else:
        circle = ", ".join(stepped.filter(pl.col("next").is_not_null())["org_id"].sort().head(5))
        raise ValueError(f"org_unit: host_org_id of {circle} leads in a circle; name the department that answers")
    never = hosts.filter(pl.col("org_kind").is_in(NEVER_A_SUBJECT))["org_id"]
    return found.with_columns(pl.when(~pl.col("answers").is_in(never.implode())).then("answers"))


def _with_subject(rows: pl.LazyFrame, relayed: pl.LazyFrame, organisations: pl.DataFrame) -> pl.LazyFrame:
    """``subject_org_id``; an organisation that is in no register answers for itself."""
    who = answering(organisations).lazy().select(_from="org_id", _answers="answers", _known=pl.lit(value=True))
    return (
        rows.join(relayed, on=EVENT, how="left", build_side="force_right")
        .with_columns(_from=pl.coalesce("_charged", "issuer_org_id"))
        .join(who, on="_from", how="left", build_side="force_right")
        .with_columns(subject_org_id=pl.when(pl.col("_known")).then("_answers").otherwise("_from"))
        .drop("_charged", "_from", "_answers", "_known")
    )


def _relayed(burden: pl.LazyFrame, organisations: pl.DataFrame) -> pl.LazyFrame:
    """Events that were passed on, with the organisation they are charged to (burden catalogue, part 2 case 2).

    An event that names an origin and a parent reference is held against the event of that reference: the origin's
    own, or else that of a relay of the same origin at a higher level. It is unchanged when matter and deadline are the
    same and nothing was added: no wider attendance, no further feature, no more items or points, no other frequency.
    Then it is charged to whoever the parent is charged to; otherwise, and where the parent is not on record (nobody
    can see then what was added), to the relay.

    Returns:
        ``EVENT`` and ``_charged``.
    """
    levels = organisations.select(issuer_org_id="org_id", _level=pl.col("level_rank").cast(pl.Int8)).lazy()
    root = pl.coalesce("origin_org_id", "issuer_org_id")
    demands = burden.with_columns(_root=root, _original=root == pl.col("issuer_org_id"))
    relays = _demands(demands.filter(~pl.col("_original") & pl.col("parent_source_ref").is_not_null()), levels)
    asked = relays.select(source_ref="parent_source_ref", _root="_root").unique()
    parents = _demands(demands.join(asked, on=["source_ref", "_root"], how="semi"), levels)
    best = pl.struct(
        ~pl.col("_original"), -pl.col("_level").fill_null(0).cast(pl.Int32), "issuer_org_id", "burden_kind"
    )
    chosen = parents.group_by("source_ref", "_root").agg(
        pl.col(name).min_by(best) for name in parents.collect_schema().names() if name not in {"source_ref", "_root"}
    )
    above = chosen.with_columns(_charged="issuer_org_id")
    for _ in range(_RELAYS):
        above = _charged(chosen, above)
    # Rows of one event that name different origins are one event still: one organisation is charged.
    return _charged(relays, above).group_by(EVENT).agg(pl.col("_charged").min())


_COMPARED = ("matter", "due_at", "features", "items_n", "points_total", "frequency")


def _demands(rows: pl.LazyFrame, levels: pl.LazyFrame) -> pl.LazyFrame:
    """Events with what a relay could add to; where rows of one event differ, the most demanding value."""
    return (
        rows.group_by(*EVENT, "_root", "_original")
        .agg(
            pl.col("parent_source_ref", "matter", "due_at", "frequency").min(),
            pl.col("items_n", "points_total").max(),
            features=_feature_list().list.explode().drop_nulls().unique().sort(),
        )
        .join(levels, on="issuer_org_id", how="left")
    )


def _charged(demands: pl.LazyFrame, above: pl.LazyFrame) -> pl.LazyFrame:
    """Demands with ``_charged``, given candidates for their parents that already have it."""
    parent = above.select(
        pl.col("source_ref").alias("parent_source_ref"),
        "_root",
        *(pl.col(name).name.prefix("_parent_") for name in ("_charged", "_original", "_level", *_COMPARED)),
    )
    higher = pl.col("_parent__original") | (pl.col("_parent__level") > pl.col("_level"))
    unchanged = ~pl.col("_original") & higher.fill_null(value=False) & _nothing_added()
    joined = demands.join(parent, on=["parent_source_ref", "_root"], how="left")
    charged = joined.with_columns(
        _charged=pl.when(unchanged).then("_parent__charged").otherwise("issuer_org_id"),
    )
    return charged.select(*demands.collect_schema().names(), "_charged")


def _nothing_added() -> pl.Expr:
    same = [pl.col(name).eq_missing(pl.col(f"_parent_{name}")) for name in ("matter", "due_at")]
    more = [pl.col(name) > pl.col(f"_parent_{name}").fill_null(0) for name in ("items_n", "points_total")]
    other = pl.col("frequency") != pl.col("_parent_frequency").fill_null("")
    further = pl.col("features").list.set_difference(pl.col("_parent_features").fill_null([])).list.len() > 0
    wider = pl.col("features").list.contains("widens_attendance")
    return pl.all_horizontal(same) & ~pl.any_horizontal(
        each.fill_null(value=False) for each in (*more, other, further, wider)
    )


def _with_exemption(rows: pl.LazyFrame, duties: pl.DataFrame, admissions: pl.DataFrame) -> pl.LazyFrame:
    """``is_exempt``: a class alone does not exempt by law, the legal basis has to be on record."""
    given = pl.col("legal_basis").str.strip_chars().fill_null("") != ""
    lawful_duties = (
        duties.filter(given & pl.col("duty_id").is_not_null())
        .group_by("duty_id")
        .agg(
            _lawful_from=pl.col("valid_from").min(),
            _lawful_to=pl.when(pl.col("valid_to").null_count() == 0).then(pl.col("valid_to").max()),
        )
    )
    refused = pl.col("decision").is_in(["rejected", "returned", "withdrawn"]).fill_null(value=False)
    lawful_admissions = admissions.filter(given & ~refused).select("admission_id").unique()
    day = pl.col("start_date")
    on_duty = (day >= pl.col("_lawful_from")) & (day < pl.col("_lawful_to")).fill_null(value=True)
    by_law = on_duty.fill_null(value=False) | pl.col("_admitted").is_not_null()
    return (
        rows.join(lawful_duties.lazy(), on="duty_id", how="left", build_side="force_right")
        .join(
            lawful_admissions.lazy().with_columns(_admitted=pl.lit(value=True)),
            on="admission_id",
            how="left",
            build_side="force_right",
        )
        .with_columns(
            is_exempt=pl.col("counted_class").eq_missing(pl.lit("exempt_emergency"))
            | (pl.col("counted_class").eq_missing(pl.lit("exempt_legal")) & by_law)
        )
        .drop("_lawful_from", "_lawful_to", "_admitted")
    )


def _feature_list() -> pl.Expr:
    """``features`` as a list: empty where there are none."""
    empty = pl.lit([], dtype=pl.List(pl.String))
    return pl.when(pl.col("features").fill_null("") == "").then(empty).otherwise(pl.col("features").str.split(";"))


def _minutes(parameters: Parameters) -> pl.Expr:
    """Minutes of a row: time per action by number of actions, as the Standard Cost Model counts (part 1.1)."""
    prefix = "minutes."
    tariff = {
        name.removeprefix(prefix): round(Fraction(str(parameters.number(name))) * RAW_SCALE)
        for name in parameters
        if name.startswith(prefix)
    }
    rate = pl.col("burden_kind").replace_strict(
        list(tariff), list(tariff.values()), default=None, return_dtype=pl.Int64
    )
    quantity = pl.col("quantity").fill_null(1).cast(pl.Int64)
    persons = pl.max_horizontal(pl.col("persons").fill_null(1), pl.lit(1)).cast(pl.Int64)
    return pl.coalesce(
        pl.col("duration_min").cast(pl.Int64) * persons, divide_half_up(quantity * rate, pl.lit(RAW_SCALE, pl.Int64))
    )
