"""The numbers of a scheme in the form each part of the method takes them."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from scoring import adjustments, bonus_pool, composite, departments, incentives, tiers, tracks
from scoring.anomalies import AnomalyParameters
from scoring.scheme import Scheme
from scoring.unit_satisfaction import SatisfactionParameters

UNIT_PARTS = {
    "satisfaction": "satisfaction_score",
    "results": "results_score",
    "duty_list": "list_score",
    "process": "process_score",
}
"""Column of every part of the unit score by its name in the scheme."""

DEPARTMENT_PARTS = {
    "reverse_rating": "reverse_rating_score",
    "burden": "burden_score",
    "response": "response_score",
}
"""Column of every part of the department composite by its name in the scheme."""


def department_ranks(scheme: Scheme) -> departments.RankRules:
    """How departments are ranked; the project's defaults where the scheme has no such section."""
    given: dict[str, Any] = {}
    if scheme.ranks is not None:
        ranks = scheme.ranks
        given |= {"draws": ranks.draws.number, "seed": ranks.seed.number, "level": float(ranks.level.fraction)}
        given |= {"top_share": ranks.top_share.fraction, "bottom_share": ranks.bottom_share.fraction}
    if scheme.consequence is not None:
        rules = scheme.consequence
        given |= {
            "min_reliability_shown": rules.min_reliability_shown.fraction,
            "min_reliability_consequence": rules.min_reliability.fraction,
            "min_probability": rules.min_probability.fraction,
        }
    return departments.RankRules(**given)


def department_composite(scheme: Scheme) -> composite.CompositeRules | None:
    """Weights of the composite; None when the scheme has none."""
    rules = scheme.department_composite
    if rules is None:
        return None
    weights = {DEPARTMENT_PARTS[name]: weight for name, weight in rules.weights.items()}
    return composite.CompositeRules(weights, rules.min_observed_weight.fraction, min_parts=1)


def satisfaction(scheme: Scheme) -> SatisfactionParameters | None:
    """Numbers of unit satisfaction; None when the scheme has none."""
    rules = scheme.satisfaction
    if rules is None:
        return None
    return SatisfactionParameters(
        suppress_below=rules.suppress_below.number,
        flag_below=rules.flag_below.number,
        shrink=rules.shrink.value,
        lonely_psu=rules.lonely_psu.value,
    )


def track_rules(scheme: Scheme) -> tracks.TrackRules:
    """How tracks are put together; the defaults of the method where the scheme does not say.

    Visible and latent are a composite with missing parts like the unit score, so its least weight is theirs.
    """
    rules = scheme.tracks
    if rules is None:
        return tracks.TrackRules()
    given: dict[str, Any] = {}
    if scheme.unit_score is not None:
        given["min_observed_weight"] = scheme.unit_score.min_observed_weight.fraction
    return tracks.TrackRules(
        quality_share=rules.quality_share.fraction,
        latent_share=rules.latent_share.fraction,
        cell_floor=rules.cell_floor.fraction,
        missing_track_cap=rules.missing_track_cap.fraction,
        **given,
    )


def unit_composite(scheme: Scheme) -> composite.CompositeRules | None:
    """Weights of the unit score; None when the scheme has none."""
    rules = scheme.unit_score
    if rules is None:
        return None
    weights = {UNIT_PARTS[name]: weight for name, weight in rules.weights.items()}
    return composite.CompositeRules(weights, rules.min_observed_weight.fraction, rules.min_parts.number)


def unit_ranks(scheme: Scheme) -> composite.RankRules:
    """Draws of the unit ranks, and the quota the chance of a place is computed for."""
    quota = scheme.tiers.quota.fraction if scheme.tiers else Fraction(1, 5)
    if scheme.ranks is None:
        return composite.RankRules(seed=departments.DEFAULT_RANK_RULES.seed, quota=quota)
    ranks = scheme.ranks
    return composite.RankRules(ranks.seed.number, ranks.draws.number, float(ranks.level.fraction), quota)


def adders(scheme: Scheme) -> incentives.AdderRules:
    """The list of adders; without the section nothing may be added."""
    rules = scheme.incentive
    if rules is None:
        return incentives.AdderRules(max_adder=0)
    return incentives.AdderRules(
        listed={adder.adder_id: adder.points.micropoints for adder in rules.adders},
        max_adder=rules.max_adder.micropoints,
        score_cap=rules.score_cap.micropoints,
    )


def tier_rules(scheme: Scheme) -> tiers.TierRules | None:
    """Cut-offs, quota and caps; None when the scheme has no tiers."""
    rules = scheme.tiers
    if rules is None:
        return None
    return tiers.TierRules(
        cut_off_a=rules.cut_off_a.micropoints,
        cut_off_b=rules.cut_off_b.micropoints,
        cut_off_c=rules.cut_off_c.micropoints,
        quota=rules.quota.fraction,
        min_probability=rules.min_probability.fraction,
        without_satisfaction=rules.without_satisfaction_cap.value,
    )


def pool_rules(scheme: Scheme) -> bonus_pool.PoolRules | None:
    """How a pool is shared; None when the scheme has no bonus."""
    rules = scheme.bonus
    if rules is None:
        return None
    shares = (rules.reserve_share.fraction, rules.cap_multiple.fraction)
    if rules.exchange.value == "linear":
        return bonus_pool.PoolRules(*shares)
    return bonus_pool.PoolRules(*shares, bonus_pool.logistic_exchange())


def exemptions(scheme: Scheme) -> adjustments.ExemptionRules | None:
    """Floors of exemptions; None when the scheme grants none."""
    rules = scheme.exemptions
    if rules is None:
        return None
    red_lines = scheme.red_lines.used if scheme.red_lines else ()
    return adjustments.ExemptionRules(
        neutral=rules.neutral.micropoints,
        reduced=rules.reduced.micropoints,
        review_share=rules.review_share.fraction,
        red_lines=red_lines,
    )


def appeals(scheme: Scheme) -> adjustments.AppealRules:
    """Grounds and window of appeals; the closed list of the method where the scheme does not say."""
    rules = scheme.appeals
    if rules is None:
        return adjustments.AppealRules()
    return adjustments.AppealRules(grounds=rules.grounds.value, window_days=rules.window_days.number)


def anomalies(scheme: Scheme) -> AnomalyParameters | None:
    """Limits of the flags; None when the scheme asks for none."""
    rules = scheme.anomalies
    if rules is None:
        return None
    cell = scheme.minimum_cell
    limits: dict[str, Any] = dict(rules.limits)
    return AnomalyParameters(**limits, min_raters=cell.min_raters.number, min_units=cell.min_units.number)
