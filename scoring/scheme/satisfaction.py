"""How answers of respondents become the satisfaction of a unit (method 2.2, 3.2)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from fractions import Fraction
from typing import Annotated, Literal

from pydantic import model_validator

from scoring.scheme.units import Anchored
from scoring.scheme.values import Choice, Count, Model, Quantity, Sha256, Share, Text, at_least, each_once


class MarginTarget(Model):
    """The known share of the population in one category of a margin."""

    category: Text
    share: Share


class Margin(Model):
    """A column of the survey whose categories have known shares, to which the weights are raked."""

    column: Text
    targets: Annotated[
        tuple[MarginTarget, ...], each_once("category", zh="类别重复：{}", en="the category {} is given twice")
    ]

    @model_validator(mode="after")
    def _sums_to_one(self) -> Margin:
        total = sum(target.share.fraction for target in self.targets)
        if total != 1:
            found = f"{float(total):g}"
            raise ValueError(f"各类目标占比之和应为 1，现为 {found}|the targets must sum to 1, found {found}")
        return self

    @property
    def shares(self) -> Mapping[str, Fraction]:
        """Target share by category."""
        return {target.category: target.share.fraction for target in self.targets}


class SatisfactionAnchor(Anchored):
    """The stored values that map mean satisfaction (0-100) to points, for one peer group or (null) for all others."""

    peer_group: Text | None = None


class SatisfactionRules(Model):
    """How answers become satisfaction.

    ``decided_on`` is the day the anchors were decided, ``source_hash`` the SHA-256 of the answers they
    were computed from. Without anchors a unit has mean satisfaction and no satisfaction score.
    """

    statistic: Choice[Literal["mean", "top_two"]]
    suppress_below: Annotated[Count, at_least(1)]
    flag_below: Count
    raking: tuple[Margin, ...] = ()
    trim_low: Annotated[Quantity, at_least(0)]
    trim_high: Annotated[Quantity, at_least(0)]
    lonely_psu: Choice[Literal["adjust", "average", "remove", "certainty", "fail"]]
    shrink: Choice[bool]
    decided_on: dt.date | None = None
    source_hash: Sha256 | None = None
    anchors: Annotated[
        tuple[SatisfactionAnchor, ...],
        each_once("peer_group", zh="满意度锚点重复：{}", en="the satisfaction anchors of {} are given twice"),
    ] = ()

    @model_validator(mode="after")
    def _whole_anchors(self) -> SatisfactionRules:
        if any(anchor.minimum is None or anchor.floor is None for anchor in self.anchors):
            raise ValueError("满意度锚点须有 minimum 和 floor|satisfaction anchors need minimum and floor")
        return self
