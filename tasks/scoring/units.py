"""Units: facts and answers to points, tracks and the differentiated score (method 3.2 to 3.5)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl

from scoring.adjustments import Selected, apply_exemptions, correct_facts, select_adjustments, within_range
from scoring.anchored_points import anchored_points, cms_score100, satisfaction_scores, unit_indicators, with_cases
from scoring.composite import effective_weights, list_scores, unit_score_table, unit_scores
from scoring.exact import points_decimal
from scoring.latent import latent_values
from scoring.months import months_weighted
from scoring.points import unit_points
from scoring.satisfaction import satisfaction_means
from scoring.scheme import IndicatorRules, Scheme, UnitPointRules
from scoring.sums import raw_units
from scoring.tables import RESULT_TABLES, UNIT_POINTS, UNIT_SATISFACTION, merged_reasons
from scoring.tiers import small_units
from scoring.tracks import applicable, cell_scores, process_scores, results_scores, unit_cells
from scoring.unit_satisfaction import unit_satisfaction
from tasks.aggregate import Sums
from tasks.scoring import parameters
from tasks.scoring.facts import facts_of, with_counts
from tasks.snapshot import latent_window

ASSESSED = "assessed_unit"
_ANCHORS = ("minimum", "floor", "achievement_threshold", "benchmark")


@dataclass(frozen=True)
class UnitTables:
    """The result tables about units, the scores that incentives start from, and the adjustments applied so far.

    ``scores`` is empty when the scheme has no unit score; see ``composite.unit_scores``.
    """

    tables: Mapping[str, pl.DataFrame]
    scores: pl.DataFrame
    steps: tuple[pl.DataFrame, ...]
    selected: Selected


def assessed_units(sums: Sums) -> pl.DataFrame:
    """Units of the frame: org_id, org_name, org_kind, peer_group, months, improvement, baseline_org_id, changed."""
    units = sums.frame.assessed.filter(pl.col("role") == ASSESSED)
    return units.with_columns(changed=~pl.col("improvement"))


def unit_tables(sums: Sums, scheme: Scheme, period_id: str) -> UnitTables:
    """Every result about units of one period up to the differentiated score."""
    decided = select_adjustments(sums.adjustments, parameters.appeals(scheme), period_id=period_id)
    selected = within_range(decided, sums.indicators)
    corrected = correct_facts(sums.facts, selected.rows)
    units = assessed_units(sums)
    satisfied = _satisfaction(sums, scheme, units, period_id)
    steps = [selected.steps, corrected.steps]
    tables = {
        "unit_points": _cms_points(corrected.facts, sums, scheme, period_id),
        "satisfaction_mean": satisfaction_means(
            sums.answers, sums.survey_items, sums.organisations, period_id=period_id
        ),
        "unit_satisfaction": satisfied,
    }
    rules = parameters.unit_composite(scheme)
    if rules is None or scheme.indicators is None or scheme.unit_points is None:
        return UnitTables(
            {**tables, **{name: RESULT_TABLES[name].empty() for name in _CHAIN}}, pl.DataFrame(), tuple(steps), selected
        )
    counted = _indicators(sums, scheme.indicators)
    points = _indicator_points(
        corrected.facts, counted, scheme, scheme.unit_points, units, sums.frame.lineage, period_id
    )
    weights = applicable(units.select("org_id", "peer_group"), _weights(counted, scheme.indicators))
    before = scheme.unit_points.baseline.of(period_id)
    points, exempted = _exempted(points, weights, scheme, selected)
    cells = cell_scores(points, weights)
    parts = _parts(points, cells, weights, sums, scheme, units, satisfied)
    scores = unit_scores(parts, rules, parameters.unit_ranks(scheme))
    chain = {
        "unit_indicator": unit_indicators(
            with_counts(_with_missing(points, weights, units), sums.facts, period_id),
            period_id=period_id,
            baseline_period=before,
        ),
        "unit_cell": unit_cells(cells, units, period_id=period_id),
        "unit_score": unit_score_table(scores, period_id=period_id),
        "effective_weight": effective_weights(
            scores.filter(pl.col("peer_group").is_not_null()), rules, period_id=period_id
        ),
    }
    return UnitTables({**tables, **chain}, scores, (*steps, *exempted), selected)


_CHAIN = ("unit_indicator", "unit_cell", "unit_score", "effective_weight")


def _cms_points(facts: pl.DataFrame, sums: Sums, scheme: Scheme, period_id: str) -> pl.DataFrame:
    """Whole points of every organisation with a fact; none on the anchored scale."""
    rules = scheme.unit_points
    if rules is None or rules.scale != "cms":
        return UNIT_POINTS.empty()
    now, before = facts_of(facts, period_id), facts_of(facts, rules.baseline.of(period_id))
    changed = assessed_units(sums).filter("changed")
    return _whole_points(now, before, sums.indicators, sums.organisations, changed, rules, period_id)


def _whole_points(
    current: pl.DataFrame, earlier: pl.DataFrame, indicators: pl.DataFrame, organisations: pl.DataFrame,
    changed: pl.DataFrame, rules: UnitPointRules, period_id: str,
) -> pl.DataFrame:  # fmt: skip
    """Points of the cms scale, which by itself knows neither too few cases nor units that changed (method C1, 3.8)."""
    baseline = with_cases(earlier, indicators).join(changed.select("org_id"), on="org_id", how="anti")
    points = unit_points(
        current, baseline, rules.anchor_frame(), indicators, organisations, period_id=period_id,
        baseline_period=rules.baseline.of(period_id),
    )  # fmt: skip
    key = ["indicator_id", "org_id"]
    few = current.join(with_cases(current, indicators), on=key, how="anti")
    noted = few.select(*key, few=pl.lit("TOO_FEW_CASES"))
    rows = points.join(noted, on=key, how="left", maintain_order="left")
    enough = pl.col("few").is_null()
    return rows.with_columns(
        *(pl.when(enough).then(name).alias(name) for name in ("achievement", "improvement", "points")),
        reason_codes=merged_reasons("reason_codes", "few"),
    ).drop("few")


def _indicator_points(
    facts: pl.DataFrame, indicators: pl.DataFrame, scheme: Scheme, rules: UnitPointRules, units: pl.DataFrame,
    lineage: pl.DataFrame, period_id: str,
) -> pl.DataFrame:  # fmt: skip
    """Level, improvement and score of every fact of a unit, on the scale of the scheme."""
    chosen = facts.join(indicators.select("indicator_id"), on="indicator_id", how="semi")
    own = chosen.join(units.select("org_id"), on="org_id", how="semi")
    before = rules.baseline.of(period_id)
    current, earlier = (
        _by_months(facts_of(chosen, period_id), lineage, units),
        _inherited(facts_of(chosen, before), units),
    )
    current, earlier, noted = _with_latent(current, earlier, own, indicators, scheme, period_id)
    if rules.scale == "cms":
        changed = units.filter("changed")
        whole = _whole_points(current, earlier, indicators, units, changed, rules, period_id)
        return _noted(_of_hundred(whole), noted)
    columns = units.select("org_id", "org_name", "peer_group", "changed")
    return _noted(anchored_points(current, earlier, rules.anchor_frame(), indicators, columns), noted)


def _by_months(facts: pl.DataFrame, lineage: pl.DataFrame, units: pl.DataFrame) -> pl.DataFrame:
    """Facts of the units, of one made of others within the period as their mean by share and months (method 3.8)."""
    parts = lineage.filter(pl.len().over("org_id") > 1)
    merged = parts.select("org_id").unique()
    kept = facts.join(units.select("org_id"), on="org_id", how="semi").join(merged, on="org_id", how="anti")
    values = facts.with_columns(_value=raw_units("value"))
    made = months_weighted(values, parts, value="_value", by=["indicator_id"]).select(
        "indicator_id", "org_id", value=points_decimal("_value"), denominator=pl.lit(None, pl.Decimal(18, 6))
    )
    return pl.concat([kept, made.join(units.select("org_id"), on="org_id", how="semi")])


def _inherited(baseline: pl.DataFrame, units: pl.DataFrame) -> pl.DataFrame:
    """Baseline facts under the id the unit has now."""
    ids = units.select("org_id", "baseline_org_id").drop_nulls()
    rows = baseline.rename({"org_id": "baseline_org_id"}).join(ids, on="baseline_org_id")
    return rows.select("indicator_id", "org_id", "value", "denominator")


_NOTES = dict.fromkeys(("indicator_id", "org_id", "noted", "baseline_period"), pl.String)


def _with_latent(
    current: pl.DataFrame, earlier: pl.DataFrame, facts: pl.DataFrame, indicators: pl.DataFrame, scheme: Scheme,
    period_id: str,
) -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame]:  # fmt: skip
    """Latent indicators by their window of years; the reasons say which years were missing."""
    years = latent_window(period_id, scheme)
    latent = indicators.filter(pl.col("achievement_kind") == "latent")
    if not years or latent.is_empty() or scheme.latent is None:
        return current, earlier, pl.DataFrame(schema=_NOTES)
    weights = [weight.number for weight in scheme.latent.window_weights]
    found = latent_values(
        facts.join(latent.select("indicator_id"), on="indicator_id", how="semi"), latent, years=years, weights=weights
    )
    # Only whoever has a fact of the period is scored on its window: a register that fell silent is missing.
    found = found.join(current.select("indicator_id", "org_id"), on=["indicator_id", "org_id"], how="semi")
    denominator = pl.lit(None, pl.Decimal(18, 6)).alias("denominator")
    windows = found.drop_nulls("value").select("indicator_id", "org_id", "value", denominator)
    starts = found.drop_nulls("baseline_value").select("indicator_id", "org_id", "baseline_value", denominator)
    others = [part.join(latent.select("indicator_id"), on="indicator_id", how="anti") for part in (current, earlier)]
    return (
        pl.concat([others[0], windows]),
        pl.concat([others[1], starts.rename({"baseline_value": "value"})]),
        found.select("indicator_id", "org_id", noted="reason_codes", baseline_period=pl.lit(years[0])),
    )


def _noted(points: pl.DataFrame, noted: pl.DataFrame) -> pl.DataFrame:
    rows = points.join(noted, on=["indicator_id", "org_id"], how="left", maintain_order="left")
    return rows.with_columns(reason_codes=merged_reasons("reason_codes", "noted")).drop("noted")


def _of_hundred(points: pl.DataFrame) -> pl.DataFrame:
    """Whole points on the columns of ``anchored_points``: ten points of 100 for one of the ten."""
    nothing = pl.lit(None, pl.Decimal(18, 6))
    return points.with_columns(
        nothing.alias("minimum"), nothing.alias("floor"), cms_score100("achievement").alias("level"),
        cms_score100("improvement").alias("improvement"), cms_score100("points").alias("score100"),
    ).sort("indicator_id", "org_id")  # fmt: skip


def _indicators(sums: Sums, rules: IndicatorRules) -> pl.DataFrame:
    """The delivered indicators the scheme weighs.

    Raises:
        ValueError: the scheme weighs one that was never delivered.
    """
    wanted = sorted({entry.indicator_id for entry in rules.entries})
    found = sums.indicators.filter(pl.col("indicator_id").is_in(wanted))
    unknown = sorted(set(wanted) - set(found["indicator_id"]))
    if unknown:
        raise ValueError(
            f"方案中的指标尚未报送，请先报送 indicator 表：{'、'.join(unknown)}"
            f" / the scheme weighs indicators that were never delivered, deliver them in `indicator`:"
            f" {', '.join(unknown)}"
        )
    return found


def _weights(indicators: pl.DataFrame, rules: IndicatorRules) -> pl.DataFrame:
    """Indicator weights by peer group with what each indicator is."""
    facts = indicators.select("indicator_id", "achievement_kind", "track", "nature")
    return rules.weight_frame().join(facts, on="indicator_id", how="left", maintain_order="left")


def _with_missing(points: pl.DataFrame, weights: pl.DataFrame, units: pl.DataFrame) -> pl.DataFrame:
    """The points with what each indicator is, and a row for every indicator that applies and has no fact."""
    key = ["org_id", "indicator_id"]
    described = weights.select(*key, "achievement_kind", "track", "nature", "weight")
    rows = points.join(described, on=key, how="left", maintain_order="left")
    missing = described.join(points.select(key), on=key, how="anti").join(
        units.select("org_id", "org_name", "peer_group"), on="org_id"
    )
    noted = missing.with_columns(reason_codes=pl.lit("NO_VALUE"))
    return pl.concat([rows, noted], how="diagonal").sort("indicator_id", "org_id")


def _exempted(
    points: pl.DataFrame, weights: pl.DataFrame, scheme: Scheme, selected: Selected
) -> tuple[pl.DataFrame, list[pl.DataFrame]]:
    rules = parameters.exemptions(scheme)
    if rules is None:
        return points, []
    key = ["org_id", "indicator_id"]
    own = weights.select(*key, "weight")
    weighed = points.select(*key, "score100").join(own, on=key, how="left", maintain_order="left")
    done = apply_exemptions(weighed.with_columns(pl.col("weight").fill_null(0)), selected.rows, rules)
    lifted = done.scores.select(*key, "score100")
    return points.drop("score100").join(lifted, on=key, how="left", maintain_order="left"), [done.steps]


def _satisfaction(sums: Sums, scheme: Scheme, units: pl.DataFrame, period_id: str) -> pl.DataFrame:
    rules = parameters.satisfaction(scheme)
    if rules is None:
        return UNIT_SATISFACTION.empty()
    people = sums.organisations.select("org_id", n_eligible="population")
    asked = units.select("org_id", "org_name", "peer_group").join(
        people, on="org_id", how="left", maintain_order="left"
    )
    own = unit_satisfaction(sums.moments, asked, period_id=period_id, parameters=rules)
    small = small_units(own.select("org_id", "peer_group", "n_respondents")).filter("pooled_periods")
    if scheme.tiers is None or small.is_empty() or sums.pooled_moments is None:
        return own
    # Everybody could have answered once in each of the pooled periods.
    each_time = asked.with_columns(pl.col("n_eligible") * sums.pooled_periods)
    pooled = unit_satisfaction(sums.pooled_moments, each_time, period_id=period_id, parameters=rules)
    noted = pooled.join(small.select("org_id"), on="org_id", how="semi").with_columns(note=pl.lit("POOLED_PERIODS"))
    taken = noted.with_columns(reason_codes=merged_reasons("reason_codes", "note")).drop("note")
    rest = own.join(small.select("org_id"), on="org_id", how="anti")
    return UNIT_SATISFACTION.conform(pl.concat([rest, taken]))


def _parts(
    points: pl.DataFrame, cells: pl.DataFrame, weights: pl.DataFrame, sums: Sums, scheme: Scheme, units: pl.DataFrame,
    satisfied: pl.DataFrame,
) -> pl.DataFrame:  # fmt: skip
    """The parts of every unit's score, each in micropoints or null."""
    scored = [
        results_scores(cells, parameters.track_rules(scheme)),
        process_scores(points, weights),
        list_scores(sums.duty_results).rename({"n_verified": "n_duties_verified", "n_fulfilled": "n_duties_fulfilled"}),
        _satisfaction_scores(satisfied, scheme),
    ]
    rows = units.select("org_id", "org_name", "peer_group")
    for part in scored:
        rows = rows.join(part, on="org_id", how="left", maintain_order="left")
    return rows


def _satisfaction_scores(satisfied: pl.DataFrame, scheme: Scheme) -> pl.DataFrame:
    """Satisfaction on the anchors of the peer group; too few respondents are missing, not published in a sum."""
    rules = scheme.satisfaction
    number = pl.Decimal(18, 6)
    anchors = pl.DataFrame(
        [
            {name: getattr(each, name) for name in ("peer_group", *_ANCHORS)}
            for each in (rules.anchors if rules else ())
        ],
        schema={"peer_group": pl.String, **dict.fromkeys(_ANCHORS, number)},
    )
    enough = ~pl.col("reason_codes").fill_null("").str.contains("SUPPRESSED_SMALL_N")
    means = satisfied.select(
        "org_id", "peer_group", satisfaction_mean=pl.when(enough).then(raw_units("satisfaction_mean")), eb_se="eb_se"
    )
    return satisfaction_scores(means, anchors).select("org_id", "satisfaction_score", "satisfaction_se")
