"""All flags of a period, and what of them may leave the scoring process (method 2.9, 2.10).

A count of raters or pairs is shown from the minimum cell on and hidden between 1 and ``min_count`` - 1. The
score without flagged ballots is hidden unless the ballots left out are themselves a minimum cell: the
difference of the two scores would tell the answers of a few raters, or of one unit. No row is about a unit
and a department together.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import polars as pl

from scoring.anomalies.answer_patterns import AnswerPatterns
from scoring.anomalies.influence import fitted_alike, scores_without
from scoring.anomalies.organiser import turnout_jumps
from scoring.anomalies.pair import pair_flags
from scoring.anomalies.parameters import (
    ANY,
    BALLOT_FLAGS,
    PAIR_FLAGS,
    PROGRAMME,
    RATER_FLAGS,
    UNIT_VOTER_FLAGS,
    VOTER_FLAGS,
    AnomalyParameters,
)
from scoring.anomalies.rater import extreme_ballots, rater_flags, voter_flags
from scoring.anomalies.residuals import residuals
from scoring.anomalies.unit import (
    agreement,
    arrival_bursts,
    ballots_over_roster,
    identical_ballots,
    shared_devices,
)
from scoring.mixed_model import MixedModel
from scoring.tables.anomalies import ANOMALY
from scoring.tables.reasons import join_reasons

_FLAGGED_SCHEMA = {"rater_id": pl.String(), "ratee_org_id": pl.String(), "flag": pl.String()}
_REASON_CODES = ("SUPPRESSED_SMALL_N", "BALLOTS_OVER_ROSTER", "WITHHELD_UNANIMOUS")
_ROW_SCHEMA = {
    "subject_kind": pl.String(),
    "org_id": pl.String(),
    "flag": pl.String(),
    "n_flagged": pl.Int64(),
    "n_examined": pl.Int64(),
    "statistic": pl.Float64(),
    "threshold": pl.Float64(),
    "p_value": pl.Float64(),
    "evidence": pl.String(),
    "score_without": pl.Float64(),
    "score_difference": pl.Float64(),
    **dict.fromkeys(_REASON_CODES, pl.Boolean()),
}


@dataclass(frozen=True)
class AnomalyResults:
    """``table`` is ``tables.ANOMALY``; everything else never leaves the scoring process.

    ``raters``: see ``rater.rater_flags``. ``voters``: see ``rater.voter_flags``. ``pairs``: see
    ``pair.pair_flags``. ``units``: ``unit.TEST_SCHEMA`` with ``flag``. ``flagged_ballots``: rater_id,
    ratee_org_id, flag, one row per ballot and flag. ``scores``: see ``influence.scores_without``, nothing
    hidden.
    """

    table: pl.DataFrame
    raters: pl.DataFrame
    voters: pl.DataFrame
    pairs: pl.DataFrame
    units: pl.DataFrame
    flagged_ballots: pl.DataFrame
    scores: pl.DataFrame


def anomaly_results(
    patterns: AnswerPatterns,
    ballots: pl.DataFrame,
    cells_of: Callable[[pl.DataFrame], pl.DataFrame],
    models: Mapping[str, MixedModel],
    person_cells: pl.DataFrame,
    units: pl.DataFrame,
    triggers: pl.DataFrame,
    parameters: AnomalyParameters,
    *,
    period_id: str,
    closed_on: dt.date,
    roster: pl.DataFrame | None = None,
) -> AnomalyResults:
    """Every flag of a period with its evidence, and each department's score with and without.

    Args:
        patterns: See ``answer_patterns``; ballots that are not counted are looked at by nothing but the roster,
            the devices and the habits of single raters.
        ballots: The ballots the published score counts; see ``influence.counted_ballots``.
        cells_of: The voter cells of any ballots, as the published score was fitted to
            (``sums.voter_cells`` with its parameters filled in, and the columns of the fixed effects).
        models: The published fits by name; see ``departments.DepartmentResults``.
        person_cells: The cells of ``ballots`` with persons as voters. Severity, misfit and pairs of raters
            are looked at in fits of persons even where one unit is one vote in the published score.
        units: org_id, peer_group of the units that rate.
        triggers: See ``pair.pair_flags``.
        parameters: Limits.
        period_id: Period of the ratings.
        closed_on: Last day of the ratings.
        roster: org_id, n_eligible_raters from the frame; without it neither rosters nor turnout are
            looked at.

    Returns:
        The results. A unit with more raters than its roster carries ``BALLOTS_OVER_ROSTER``.
    """
    counted = patterns.ballots.join(ballots, on=["rater_id", "ratee_org_id", "instrument_id"], how="semi")
    patterns = replace(patterns, ballots=counted)
    cells = cells_of(ballots)
    by_person = _person_models(person_cells, models)
    residual_cells = residuals(person_cells, by_person)
    raters = rater_flags(patterns.raters, parameters)
    voters = voter_flags(residual_cells, by_person, parameters)
    if by_person is not models:
        voters = pl.concat([voters, voter_flags(residuals(cells, models), models, parameters)])
    pairs = pair_flags(residual_cells, triggers, _rated_on(patterns.ballots), parameters, closed_on=closed_on)
    tests = _unit_tests(patterns, units, roster, parameters)
    flagged = _flagged_ballots(patterns, raters, voters, pairs, tests)
    kept = _unflagged(ballots, flagged, parameters)
    scores = scores_without(cells_of(kept) if kept.height else cells.clear(), models)
    rows = [
        _department_rows(patterns.ballots, flagged, parameters),
        _pair_rows(pairs, parameters),
        _rater_rows(raters, voters, parameters),
        _unit_voter_rows(voters, parameters),
        _unit_rows(tests, patterns.raters, parameters),
        _programme_rows(patterns, roster, parameters),
        _score_rows(scores, ballots, kept, parameters),
    ]
    table = pl.concat([_conformed(part) for part in rows]).with_columns(
        period_id=pl.lit(period_id),
        reason_codes=join_reasons({code: pl.col(code) for code in _REASON_CODES}),
    )
    return AnomalyResults(ANOMALY.conform(table), raters, voters, pairs, tests, flagged, scores)


def _person_models(person_cells: pl.DataFrame, models: Mapping[str, MixedModel]) -> Mapping[str, MixedModel]:
    """The published fits where their voters are persons, else fits of persons to the same departments."""
    persons = person_cells["voter_id"].unique()
    voters = pl.Series([voter for model in models.values() for voter in model.voters], dtype=pl.String)
    return models if voters.is_in(persons.implode()).all() else fitted_alike(person_cells, models)


def _conformed(rows: pl.DataFrame) -> pl.DataFrame:
    present = set(rows.columns)
    return rows.select(
        (pl.col(name) if name in present else pl.lit(None)).cast(dtype).alias(name)
        for name, dtype in _ROW_SCHEMA.items()
    )


def _rated_on(ballots: pl.DataFrame) -> pl.DataFrame:
    dated = ballots.filter(pl.col("first_at").is_not_null())
    return dated.group_by("rater_org_id", "ratee_org_id").agg(date=pl.col("first_at").max().dt.date())


def _unit_tests(
    patterns: AnswerPatterns, units: pl.DataFrame, roster: pl.DataFrame | None, parameters: AnomalyParameters
) -> pl.DataFrame:
    tests = {
        "identical_ballots": identical_ballots(patterns.ballots, units, parameters),
        "agreement": agreement(patterns.ballots, units, parameters),
        "arrival_burst": arrival_bursts(patterns.raters, units, parameters),
        "shared_device": shared_devices(patterns.devices, parameters),
    }
    if roster is not None:
        tests["ballots_over_roster"] = ballots_over_roster(patterns.raters, roster)
    return pl.concat([rows.with_columns(flag=pl.lit(flag)) for flag, rows in tests.items()]).sort(
        "rater_org_id", "flag"
    )


def _flagged_ballots(
    patterns: AnswerPatterns, raters: pl.DataFrame, voters: pl.DataFrame, pairs: pl.DataFrame, tests: pl.DataFrame
) -> pl.DataFrame:
    ballots = patterns.ballots.select("rater_id", "rater_org_id", "ratee_org_id").unique()
    parts = [_raised(extreme_ballots(patterns.ballots), BALLOT_FLAGS, ["rater_id", "ratee_org_id"])]
    by_rater = _raised(raters, RATER_FLAGS, ["rater_id"])
    by_pair = _raised(pairs, PAIR_FLAGS, ["rater_org_id", "ratee_org_id"])
    by_unit = tests.filter("flagged").select("rater_org_id", "flag")
    is_unit = pl.col("voter_id") == pl.col("rater_org_id")
    by_person = _raised(voters.filter(~is_unit), VOTER_FLAGS, ["voter_id"]).unique()
    own = voters.filter(is_unit).rename(dict(zip(VOTER_FLAGS, UNIT_VOTER_FLAGS, strict=True)))
    by_unit_voter = _raised(own, UNIT_VOTER_FLAGS, ["voter_id"]).unique()
    parts += [
        ballots.join(by_rater, on="rater_id"),
        ballots.join(by_pair, on=["rater_org_id", "ratee_org_id"]),
        ballots.join(by_unit, on="rater_org_id"),
        ballots.join(by_person, left_on="rater_id", right_on="voter_id"),
        ballots.join(by_unit_voter, left_on="rater_org_id", right_on="voter_id"),
    ]
    flagged = pl.concat([part.select(_FLAGGED_SCHEMA.keys()) for part in parts])
    return flagged.unique().sort("flag", "rater_id", "ratee_org_id")


def _raised(rows: pl.DataFrame, flags: tuple[str, ...], key: list[str]) -> pl.DataFrame:
    """Long form of Boolean flag columns: key and flag, the raised ones only."""
    return pl.concat([rows.filter(pl.col(flag)).select(*key, flag=pl.lit(flag)) for flag in flags])


def _hidden_small(n_flagged: pl.Expr, parameters: AnomalyParameters) -> pl.Expr:
    return n_flagged.is_between(1, parameters.min_count - 1)


def _shown_counts(rows: pl.DataFrame, parameters: AnomalyParameters) -> pl.DataFrame:
    """Counts of raters or pairs with small ones hidden, and the evidence of those that are shown."""
    hidden = _hidden_small(pl.col("n_flagged"), parameters)
    return rows.with_columns(
        n_flagged=pl.when(~hidden).then("n_flagged"),
        statistic=pl.when(~hidden).then(pl.col("n_flagged") / pl.col("n_examined")),
        evidence=pl.when(~hidden).then(pl.format("{}/{}", "n_flagged", "n_examined")),
        SUPPRESSED_SMALL_N=hidden,
    )


def _department_rows(ballots: pl.DataFrame, flagged: pl.DataFrame, parameters: AnomalyParameters) -> pl.DataFrame:
    """Raters with a flagged ballot among the raters of each department large enough to be shown."""
    examined = (
        ballots.group_by("ratee_org_id")
        .agg(n_examined=pl.col("rater_id").n_unique().cast(pl.Int64), n_units=pl.col("rater_org_id").n_unique())
        .filter((pl.col("n_examined") >= parameters.min_raters) & (pl.col("n_units") >= parameters.min_units))
    )
    counts = (
        flagged.filter(~pl.col("flag").is_in(PAIR_FLAGS))
        .group_by("ratee_org_id", "flag")
        .agg(n_flagged=pl.col("rater_id").n_unique().cast(pl.Int64))
    )
    rows = counts.join(examined, on="ratee_org_id").with_columns(
        subject_kind=pl.lit("department"), org_id="ratee_org_id"
    )
    return _shown_counts(rows, parameters)


def _pair_rows(pairs: pl.DataFrame, parameters: AnomalyParameters) -> pl.DataFrame:
    """Flagged units among the units with a trigger, by department; too few of them are not shown at all."""
    rows = [
        pairs.filter(pl.col(cause))
        .group_by("ratee_org_id")
        .agg(n_flagged=pl.col(flag).sum().cast(pl.Int64), n_examined=pl.len().cast(pl.Int64))
        .filter((pl.col("n_flagged") > 0) & (pl.col("n_examined") >= parameters.min_units))
        .with_columns(
            subject_kind=pl.lit("department"),
            org_id="ratee_org_id",
            flag=pl.lit(flag),
            threshold=pl.lit(sign * float(parameters.residual)),
        )
        for flag, cause, sign in (("retaliation", "harmed", -1.0), ("favour", "favoured", 1.0))
    ]
    return _shown_counts(pl.concat(rows), parameters)


def _rater_rows(raters: pl.DataFrame, voters: pl.DataFrame, parameters: AnomalyParameters) -> pl.DataFrame:
    """Flagged raters of each unit with enough raters to be shown."""
    persons = voters.filter(pl.col("voter_id") != pl.col("rater_org_id"))
    kinds = ((raters, "rater_id", RATER_FLAGS), (persons, "voter_id", VOTER_FLAGS))
    rows = [
        rows.group_by("rater_org_id")
        .agg(
            n_flagged=pl.col(name).filter(pl.col(flag)).n_unique().cast(pl.Int64),
            n_examined=pl.col(name).n_unique().cast(pl.Int64),
        )
        .filter((pl.col("n_flagged") > 0) & (pl.col("n_examined") >= parameters.min_raters))
        .with_columns(subject_kind=pl.lit("unit"), org_id="rater_org_id", flag=pl.lit(flag))
        for rows, name, flags in kinds
        for flag in flags
    ]
    return _shown_counts(pl.concat(rows), parameters)


def _unit_voter_rows(voters: pl.DataFrame, parameters: AnomalyParameters) -> pl.DataFrame:
    """Severity and misfit of units that are one voter each; the most extreme where a unit is in several fits."""
    own = voters.filter(pl.col("voter_id") == pl.col("rater_org_id"))
    severity = (
        own.filter("severity")
        .sort("rater_org_id", "p_value", "fit")
        .unique("rater_org_id", keep="first", maintain_order=True)
        .select(
            "p_value",
            flag=pl.lit("unit_severity"),
            org_id="rater_org_id",
            statistic="z",
            threshold=pl.lit(float(parameters.false_discovery_rate)),
            n_examined="n_cells",
        )
    )
    misfit = (
        own.filter("misfit")
        .sort("rater_org_id", (pl.col("mean_square").log().abs()), "fit", descending=[False, True, False])
        .unique("rater_org_id", keep="first", maintain_order=True)
        .select(
            pl.lit(None, pl.Float64).alias("p_value"),
            flag=pl.lit("unit_misfit"),
            org_id="rater_org_id",
            statistic="mean_square",
            threshold=pl.when(pl.col("mean_square") > 1)
            .then(float(parameters.misfit_high))
            .otherwise(float(parameters.misfit_low)),
            n_examined="n_cells",
        )
    )
    return pl.concat([severity, misfit]).with_columns(subject_kind=pl.lit("unit"))


def _unit_rows(tests: pl.DataFrame, raters: pl.DataFrame, parameters: AnomalyParameters) -> pl.DataFrame:
    """Flags of units; a unit below the minimum cell keeps the flag and loses its figures."""
    sizes = raters.group_by("rater_org_id").agg(n_raters=pl.len())
    rows = tests.filter("flagged").join(sizes, on="rater_org_id", how="left")
    over = pl.col("flag") == "ballots_over_roster"
    # Counts of heads against a roster tell nothing about anybody's answers.
    small = (pl.col("n_raters") < parameters.min_raters) & ~over
    # How many departments a unit was of one mind about comes close to telling every ballot in it.
    unanimous = pl.col("flag") == "agreement"
    rate = float(parameters.false_discovery_rate)
    return rows.select(
        "flag",
        *(pl.when(~small).then(name).alias(name) for name in ("n_examined", "p_value")),
        *(pl.when(~small & ~unanimous).then(name).alias(name) for name in ("n_flagged", "statistic")),
        subject_kind=pl.lit("unit"),
        org_id="rater_org_id",
        threshold=pl.when(pl.col("p_value").is_null()).then("expected").otherwise(pl.lit(rate)),
        evidence=pl.when(~small & ~unanimous).then(
            pl.format("{}/{}; expected {}", "n_flagged", "n_examined", pl.col("expected").round(2))
        ),
        SUPPRESSED_SMALL_N=small,
        BALLOTS_OVER_ROSTER=over,
        WITHHELD_UNANIMOUS=unanimous,
    )


def _programme_rows(
    patterns: AnswerPatterns, roster: pl.DataFrame | None, parameters: AnomalyParameters
) -> pl.DataFrame:
    if roster is None or not parameters.turnout_thresholds:
        return pl.DataFrame(schema=_ROW_SCHEMA)
    totals = patterns.ballots.group_by("rater_org_id").agg(
        n_raters=pl.col("rater_id").n_unique(), total=pl.col("sum_value").sum(), n=pl.col("n_items").sum()
    )
    turnout = roster.select("org_id", "n_eligible_raters").join(
        totals.select("n_raters", org_id="rater_org_id", mean=pl.col("total") / pl.col("n") / 10_000),
        on="org_id",
        how="left",
    )
    jumps = turnout_jumps(turnout.with_columns(pl.col("n_raters").fill_null(0)), parameters)
    rate = float(parameters.false_discovery_rate)
    return (
        jumps.filter(pl.col("p_value") <= rate)
        .sort("flag", "p_value", "turnout_threshold")
        .unique("flag", keep="first", maintain_order=True)
        .with_columns(
            subject_kind=pl.lit("programme"),
            org_id=pl.lit(PROGRAMME),
            threshold=pl.lit(rate),
            evidence=pl.format("turnout {}: {}/{}", "turnout_threshold", "n_flagged", "n_examined"),
        )
    )


def _unflagged(ballots: pl.DataFrame, flagged: pl.DataFrame, parameters: AnomalyParameters) -> pl.DataFrame:
    chosen = flagged.filter(pl.col("flag").is_in(parameters.without)).select("rater_id", "ratee_org_id").unique()
    return ballots.join(chosen, on=["rater_id", "ratee_org_id"], how="anti")


def _score_rows(
    scores: pl.DataFrame, ballots: pl.DataFrame, kept: pl.DataFrame, parameters: AnomalyParameters
) -> pl.DataFrame:
    """The row ``any`` of each department: the score without the ballots of the flags in ``without``."""
    removed = ballots.join(kept, on=["rater_id", "ratee_org_id"], how="anti")
    counts = _cell(ballots)
    for part, suffix in ((kept, "_kept"), (removed, "_removed")):
        counts = counts.join(_cell(part), on="ratee_org_id", how="left", suffix=suffix)
    counts = counts.with_columns(pl.col(pl.Int64).fill_null(0))
    touched = pl.col("n_raters_removed") > 0
    hidden = _below_cell("_kept", parameters) | (touched & _below_cell("_removed", parameters))
    return scores.join(counts, on="ratee_org_id").with_columns(
        *(pl.when(~hidden).then(name).alias(name) for name in ("score_without", "score_difference")),
        subject_kind=pl.lit("department"),
        org_id="ratee_org_id",
        flag=pl.lit(ANY),
        n_flagged=pl.when(~hidden).then("n_raters_removed"),
        n_examined=pl.when(~hidden).then("n_raters"),
        SUPPRESSED_SMALL_N=hidden,
    )


def _cell(ballots: pl.DataFrame) -> pl.DataFrame:
    """Raters and units of each department, and the raters of its largest unit."""
    by_unit = ballots.group_by("ratee_org_id", "rater_org_id").agg(n=pl.col("rater_id").n_unique().cast(pl.Int64))
    return by_unit.group_by("ratee_org_id").agg(
        n_raters=pl.col("n").sum(), n_units=pl.len().cast(pl.Int64), n_largest=pl.col("n").max()
    )


def _below_cell(suffix: str, parameters: AnomalyParameters) -> pl.Expr:
    """Whether a set of ballots is too small, or too much one unit's, to be told apart (method 2.10)."""
    raters, units, largest = (pl.col(f"{name}{suffix}") for name in ("n_raters", "n_units", "n_largest"))
    return (raters < parameters.min_raters) | (units < parameters.min_units) | (2 * largest > raters)
