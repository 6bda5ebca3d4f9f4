"""Meetings: MTG-01 to MTG-05 of the burden catalogue, part 3.2."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from types import MappingProxyType
from typing import Final

import polars as pl

from scoring.burden.facts import EVENT
from scoring.burden.flags import Rule, flags
from scoring.burden.inputs import BurdenInputs, within
from scoring.burden.parameters import Parameters
from scoring.burden.rules.breaches import (
    BEARER,
    DEPARTMENT_KINDS,
    SUBJECT,
    breaches,
    by_event,
    change,
    charged_to_issuer,
    demands,
    judged,
    load_and,
    since,
    summary,
    to_committee_or_government,
    year_on_year,
)
from scoring.burden.rules.chains import systems, with_roots
from scoring.sums import RAW_SCALE, raw_units

MEETINGS: Final = ("meeting", "video_conf")

DAY_MINUTES: Final = 480
"""Minutes of a working day, for discussions whose length is given in minutes."""

Z_PERCENT: Final = 196
"""Hundredths of the normal quantile of a two-sided 95 % interval."""


def mtg_01(inputs: BurdenInputs, parameters: Parameters) -> pl.LazyFrame:
    """Meeting overload: the load, more comprehensive meetings a year than allowed, and minutes above the peers.

    Loads: events with their change on the year before (denominator: the number then, as in DOC-01), and, named by
    ``meeting.peer_percentile``, minutes per unit-month (denominator: unit-months) beside that percentile of
    the peer departments. Emergencies are in the account, not in these.
    """
    years = year_on_year(inputs, lambda window: judged(inputs, *MEETINGS, window=window))
    minutes = load_and(_minutes_beside_peers(inputs, parameters), _clearly_above(), "watch")
    return pl.concat(
        [
            flags(years, result_type="load", denominator=pl.col("before"), value=change()),
            flags(
                minutes,
                value=pl.col("minutes") / pl.col("denominator"),
                threshold=pl.col("peer_minutes") / pl.col("denominator"),
                param_id="meeting.peer_percentile",
            ),
            _comprehensive(inputs, parameters),
        ]
    )


def _minutes_beside_peers(inputs: BurdenInputs, parameters: Parameters) -> pl.LazyFrame:
    """Minutes by subject, their sum of squares over events, and the percentile of the other peers (nearest rank).

    subject_org_id, n, minutes, squares, denominator (unit-months), peer_minutes (null without enough peers),
    evidence_refs, n_bearers; empty where the frame has no unit-months.
    """
    every = pl.col("source_ref").is_not_null()
    size = pl.col("minutes").cast(pl.Int128)
    totals = (
        by_event(judged(inputs, *MEETINGS), minutes=pl.col("minutes").sum())
        .group_by(SUBJECT)
        .agg(*summary(every), n=pl.len(), minutes=pl.col("minutes").sum(), squares=(size * size).sum())
    )
    unit_months = int(inputs.bearers.get_column("unit_months").sum())
    return (
        totals.join(_peer_minutes(inputs, totals, parameters), on=SUBJECT, how="left")
        .with_columns(denominator=pl.lit(unit_months, pl.Int64))
        .filter(pl.col("denominator") > 0)
    )


def _peer_minutes(inputs: BurdenInputs, totals: pl.LazyFrame, parameters: Parameters) -> pl.LazyFrame:
    """subject_org_id, peer_minutes: the percentile of the other departments of the peer group.

    A department with no row of any kind in the window keeps no register: it is nobody's peer, so that silence
    does not make others look heavy.
    """
    percentile, fewest = parameters.number("meeting.peer_percentile"), parameters.whole("meeting.peers_min")
    departments = inputs.organisations.lazy().filter(pl.col("org_kind").is_in(list(DEPARTMENT_KINDS)))
    registered = inputs.facts.filter(within(inputs.window)).select(SUBJECT).drop_nulls().unique()
    peers = (
        departments.select("peer_group", pl.col("org_id").alias(SUBJECT))
        .drop_nulls()
        .unique(SUBJECT)
        .join(registered, on=SUBJECT, how="semi")
        .join(totals.select(SUBJECT, "minutes"), on=SUBJECT, how="left")
        .with_columns(pl.col("minutes").fill_null(0))
        .sort("peer_group", "minutes", SUBJECT)
        .with_columns(place=pl.int_range(pl.len()).over("peer_group"), peers=pl.len().over("peer_group"))
        .filter(pl.col("peers") >= max(fewest, 2))
    )
    share = round(percentile * RAW_SCALE)
    wanted = -(-(pl.col("peers").cast(pl.Int64) - 1) * share).floordiv(RAW_SCALE) - 1
    # Without oneself, whoever stands above the place that is wanted moves down by one.
    among_others = wanted + (pl.col("place") <= wanted).cast(pl.Int64)
    return peers.select(SUBJECT, peer_minutes=pl.col("minutes").gather(among_others).over("peer_group"))


def _clearly_above() -> pl.Expr:
    """Whether the lower end of the 95 % interval of the minutes is above the peers' percentile, exactly.

    The meetings of a window are taken as a compound Poisson sum: the variance of the total is estimated by the
    sum of the squares of the events' minutes, so that few meetings are never enough.
    """
    above = (pl.col("minutes") - pl.col("peer_minutes")).cast(pl.Int128)
    return (above > 0) & (above * above * 100 * 100 > pl.col("squares") * Z_PERCENT * Z_PERCENT)


def _comprehensive(inputs: BurdenInputs, parameters: Parameters) -> pl.LazyFrame:
    """Comprehensive meetings of the window beyond those one subject may hold in a calendar year."""
    allowed = parameters.whole("meeting.general_per_year")
    named = list(parameters.words("meeting.comprehensive_subkinds"))
    year = since(inputs.window, date(inputs.window.start.year, 1, 1))
    rows = judged(inputs, *MEETINGS, window=year).filter(pl.col("burden_subkind").is_in(named))
    by_year = [SUBJECT, "year"]
    held = (
        rows.group_by(SUBJECT, *EVENT)
        .agg(pl.col("start_date").min())
        .with_columns(year=pl.col("start_date").dt.year())
        .sort(*by_year, "start_date", *EVENT)
        .with_columns(number=pl.int_range(1, pl.len() + 1).over(by_year))
    )
    counted = rows.filter(within(inputs.window)).join(held.drop("start_date"), on=[SUBJECT, *EVENT])
    number = pl.col("number").max()
    return breaches(counted, number > allowed, measure=number, param_id="meeting.general_per_year", threshold=allowed)


def mtg_02(inputs: BurdenInputs, parameters: Parameters) -> pl.LazyFrame:
    """Cascaded meetings: one unit sits through one meeting at more levels than allowed, or it was widened.

    Meetings of one root within ``meeting.cascade_days`` before the window's end or start belong together. Of the
    levels a unit attended, the highest is the meeting itself, and every lower one added to it and answers for
    it (value: the most levels). Whoever widened attendance answers for that in a row of its own, without a
    parameter, and a widened meeting of the highest level is an added one too.
    """
    most, days = parameters.whole("meeting.levels_max"), parameters.whole("meeting.cascade_days")
    window = since(inputs.window, inputs.window.start - timedelta(days=days))
    rows = charged_to_issuer(judged(inputs, *MEETINGS, window=window), inputs.organisations).with_columns(
        is_widened=demands("widens_attendance")
    )
    passed_on = with_roots(rows.filter(pl.col("issuer_level_rank").is_not_null()), inputs, *MEETINGS)
    attended = [BEARER, "root"]
    rank = pl.col("issuer_level_rank")
    levels = (
        passed_on.group_by(attended)
        .agg(highest=rank.max(), levels=rank.n_unique().cast(pl.Int64))
        .filter(pl.col("levels") > most)
    )
    added = (rank < pl.col("highest")) | pl.col("is_widened")
    in_window = passed_on.filter(within(inputs.window)).join(levels, on=attended, how="left")
    cascaded = in_window.with_columns(is_added=(pl.col("levels").is_not_null() & added).fill_null(value=False))
    most_levels = pl.col("levels").filter(pl.col("is_added")).max()
    return pl.concat(
        [
            breaches(
                cascaded,
                pl.col("is_added").any(),
                measure=most_levels,
                units=pl.col("is_added"),
                param_id="meeting.levels_max",
                threshold=most,
            ),
            breaches(rows.filter(within(inputs.window)), pl.col("is_widened").any(), units=pl.col("is_widened")),
        ]
    )


def mtg_03(inputs: BurdenInputs, parameters: Parameters) -> pl.LazyFrame:  # noqa: ARG001 -- every rule takes both
    """Inflated rank: a department requires the heads of lower committees or governments without an approval.

    The number of an approval is that of the filed plan or of an admission.
    """
    rows = judged(inputs, *MEETINGS).filter(
        pl.col("issuer_kind").is_in(list(DEPARTMENT_KINDS))
        & to_committee_or_government()
        & (pl.col("bearer_level_rank") < pl.col("issuer_level_rank"))
    )
    approved = (pl.col("plan_no").is_not_null() | pl.col("admission_id").is_not_null()).any()
    return breaches(rows, demands("requires_principal").any() & ~approved)


def mtg_04(inputs: BurdenInputs, parameters: Parameters) -> pl.LazyFrame:
    """Clashing meetings: one unit has more meetings on one day than allowed.

    A breach of all who issued them where they are of one system, otherwise a watch. Issuers are of one system
    where hosts and parents lead to the same department (``chains.systems``); that two departments belong to
    the same committee or government does not make them one. Value: the most meetings a unit had on a day.
    """
    most = parameters.whole("meeting.sameday_max")
    system = systems(inputs.organisations).rename({"org_id": "issuer_org_id"})
    rows = (
        judged(inputs, *MEETINGS)
        .filter(pl.col(BEARER).is_not_null())
        .join(system, on="issuer_org_id", how="left")
        .with_columns(pl.coalesce("system", "issuer_org_id").alias("system"))
    )
    day = [BEARER, "start_date"]
    held = rows.select(*day, "system", *EVENT).unique()
    crowded_days = (
        held.group_by(*day, "system")
        .agg(in_system=pl.len())
        .with_columns(in_all=pl.col("in_system").sum().over(day))
        .filter(pl.col("in_all") > most)
    )
    clashing = rows.join(crowded_days, on=[*day, "system"], how="left")
    in_one = (pl.col("in_system") > most).fill_null(value=False)
    in_several = ((pl.col("in_all") > most) & (pl.col("in_all") > pl.col("in_system"))).fill_null(value=False)
    return pl.concat(
        [
            breaches(
                clashing.with_columns(is_clashing=sign),
                pl.col("is_clashing").any(),
                measure=pl.col(measure).filter(pl.col("is_clashing")).max(),
                units=pl.col("is_clashing"),
                result_type=result_type,
                param_id="meeting.sameday_max",
                threshold=most,
            )
            for result_type, sign, measure in (
                ("breach", in_one, "in_system"),
                ("watch", ~in_one & in_several, "in_all"),
            )
        ]
    )


def mtg_05(inputs: BurdenInputs, parameters: Parameters) -> pl.LazyFrame:
    """Overlong meeting: more minutes than allowed, or more days where groups discuss.

    A meeting has group discussions where ``burden_subkind`` says so (``meeting.discussion_subkinds``); its length is
    ``days``, or ``duration_min`` in working days of eight hours. Value: the longest, in the parameter's unit.
    """
    limit, days = parameters.whole("meeting.minutes_max"), parameters.number("meeting.discussion_days")
    discusses = pl.col("burden_subkind").is_in(list(parameters.words("meeting.discussion_subkinds")))
    rows = judged(inputs, "meeting").with_columns(discusses=discusses.fill_null(value=False))
    minutes = pl.col("duration_min").max()
    plain = breaches(
        rows.filter(~pl.col("discusses") & pl.col("duration_min").is_not_null()),
        minutes > limit,
        measure=minutes,
        param_id="meeting.minutes_max",
        threshold=limit,
    )
    taken = pl.coalesce(raw_units("days") * DAY_MINUTES, pl.col("duration_min") * RAW_SCALE)
    discussed = rows.filter(pl.col("discusses")).with_columns(taken=taken).drop_nulls("taken")
    longest = pl.col("taken").max()
    discussion = breaches(
        discussed,
        longest > round(days * RAW_SCALE) * DAY_MINUTES,
        measure=longest / (RAW_SCALE * DAY_MINUTES),
        param_id="meeting.discussion_days",
        threshold=days,
    )
    return pl.concat([plain, discussion])


RULES: Mapping[str, Rule] = MappingProxyType(
    {"MTG-01": mtg_01, "MTG-02": mtg_02, "MTG-03": mtg_03, "MTG-04": mtg_04, "MTG-05": mtg_05}
)
