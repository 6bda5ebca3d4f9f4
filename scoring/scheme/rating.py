"""How ballots become department scores, ranks and consequences (method 3.1)."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Annotated, Literal

from pydantic import Field, model_validator

from scoring.scheme.values import (
    Choice,
    Count,
    Ids,
    Model,
    Points,
    Quantity,
    Share,
    Text,
    at_least,
    at_most,
    each_once,
)


class RaterLevel(Model):
    """Whether one person or one unit is one vote."""

    value: Literal["person", "unit"]
    reference: Text


class FitBy(Model):
    """Whether each peer group of departments is fitted by itself or all together."""

    value: Literal["peer_group", "all"]
    reference: Text


class FixedEffects(Model):
    """What the model removes besides severity: the rater class, the channel of the ballot (method 3.1 A5)."""

    value: tuple[Literal["rater_class", "channel"], ...]
    reference: Text


class RaterClass(Model):
    """Raters that share one class weight, by the kinds of their organisations."""

    rater_class: Text
    org_kinds: Annotated[Ids, Field(min_length=1)]
    weight: Annotated[Quantity, at_least(0)]


class NamedAnswer(Model):
    """An answer in words and its value on 0-100; null carries no value (method 3.1 A2)."""

    label: Text
    points: Annotated[Points, at_least(0), at_most(100)] | None


class DimensionWeight(Model):
    """The weight of one dimension of the instrument (method 3.1 A3)."""

    dimension: Text
    weight: Share


class Eligibility(Model):
    """Who may rate: everybody the frame names, or of those only units with dealings (method 3.1 A1)."""

    raters: Choice[Literal["frame", "frame_and_contact"]]
    organiser_nominated_share: Share


class RatingRules(Model):
    """How ballots become department scores.

    ``dimension_weights`` replace the item weights of every instrument whose dimensions are all named;
    other instruments keep their own. ``class_weights`` absent: every class weighs 1.
    """

    rater_level: RaterLevel
    fit_by: FitBy
    min_departments_per_fit: Count
    min_observed_weight: Share
    unit_weight_prior: Annotated[Quantity, at_least(0)]
    max_dk_share: Share
    fixed_effects: FixedEffects | None = None
    class_weights: (
        Annotated[
            tuple[RaterClass, ...],
            each_once("rater_class", zh="评分主体类别重复：{}", en="the rater class {} is given twice"),
        ]
        | None
    ) = None
    named_answers: (
        Annotated[tuple[NamedAnswer, ...], each_once("label", zh="答案重复：{}", en="the answer {} is given twice")]
        | None
    ) = None
    dimension_weights: (
        Annotated[
            tuple[DimensionWeight, ...],
            each_once("dimension", zh="维度重复：{}", en="the dimension {} is given twice"),
        ]
        | None
    ) = None
    eligibility: Eligibility | None = None

    @model_validator(mode="after")
    def _one_class_each(self) -> RatingRules:
        kinds = [kind for each in self.class_weights or () for kind in each.org_kinds]
        repeated = ", ".join(sorted({kind for kind in kinds if kinds.count(kind) > 1}))
        if repeated:
            raise ValueError(f"机构类型属于多个类别：{repeated}|kinds belong to several rater classes: {repeated}")
        return self

    @property
    def effects(self) -> tuple[str, ...]:
        """Names of the fixed effects; none when the scheme does not say."""
        return self.fixed_effects.value if self.fixed_effects else ()

    @property
    def answers(self) -> Mapping[str, Fraction | None]:
        """Value on 0-100 of every named answer; None carries no value."""
        return {each.label: each.points.fraction if each.points else None for each in self.named_answers or ()}

    @property
    def dimensions(self) -> Mapping[str, Fraction]:
        """Weight of every named dimension."""
        return {each.dimension: each.weight.fraction for each in self.dimension_weights or ()}


class RankRules(Model):
    """How uncertain ranks are told (method 2.7)."""

    draws: Annotated[Count, at_least(1000)]
    seed: Count
    level: Share
    top_share: Share
    bottom_share: Share


class ConsequenceRules(Model):
    """When a score may have a consequence, and when it may be shown (method 3.1 A7, 2.3)."""

    min_reliability: Share
    min_probability: Share
    min_reliability_shown: Share


class DepartmentCompositeRules(Model):
    """The three parts of a department's composite (method 3.1 A6).

    A part without indicators is missing, and the others are reweighted (method 2.6).
    """

    reverse_rating: Share
    burden: Share
    response: Share
    burden_indicators: Ids = ()
    response_indicators: Ids = ()
    min_observed_weight: Share

    @property
    def weights(self) -> Mapping[str, Fraction]:
        """Weight of every part by its name."""
        return {name: getattr(self, name).fraction for name in ("reverse_rating", "burden", "response")}

    @model_validator(mode="after")
    def _one_part_each(self) -> DepartmentCompositeRules:
        both = sorted({*self.burden_indicators} & {*self.response_indicators})
        if both:
            names = ", ".join(both)
            raise ValueError(f"指标同时属于两部分：{names}|indicators belong to both parts: {names}")
        return self
