"""How facts of units become points, tracks and the unit's score (method 2.5, 2.6, 3.3 and 3.4)."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping
from fractions import Fraction
from typing import Annotated, Literal, Self

import polars as pl
from pydantic import Field, model_validator

from scoring.scheme.values import (
    Count,
    Ids,
    Model,
    Points,
    Quantity,
    Sha256,
    Share,
    SixPlaces,
    Text,
    Title,
    at_least,
    at_most,
    each_once,
)

_YEAR = re.compile(r"^\d{4}")
_ANCHOR_VALUES = ("minimum", "floor", "achievement_threshold", "benchmark")


class Anchored(Model):
    """Stored values on the way from worst to best: 0, 60, 75 and 100 points on the ``anchored`` scale (method 3.3 C3).

    ``minimum`` and ``floor`` are not used by the ``cms`` scale.
    """

    minimum: SixPlaces | None = None
    floor: SixPlaces | None = None
    achievement_threshold: SixPlaces
    benchmark: SixPlaces


class Anchor(Anchored):
    """The stored values that map an indicator to points, for one peer group or (null) for all others."""

    indicator_id: Text
    peer_group: Text | None = None


class Baseline(Model):
    """Which earlier period improvement is measured from: named, or so many years before."""

    periods: Mapping[str, Text] = Field(default_factory=dict)
    years_before: Count | None = None

    def of(self, period_id: str) -> str | None:
        """The baseline period of ``period_id``; None when the scheme names none."""
        named = self.periods.get(period_id)
        if named is not None or self.years_before is None:
            return named
        year = _YEAR.match(period_id)
        if year is None:
            return None
        return f"{int(year.group()) - self.years_before.number:04d}{period_id[4:]}"


class UnitPointRules(Model):
    """How performance facts become points: on the ``anchored`` scale (0-100) or the ``cms`` scale (0-10).

    ``decided_on`` is the day the anchors were decided, ``source_hash`` the SHA-256 of the facts they
    were computed from; anchors are stored and never computed again while scoring.
    """

    scale: Literal["cms", "anchored"]
    reference: Text
    baseline: Baseline
    decided_on: dt.date | None = None
    source_hash: Sha256 | None = None
    max_yearly_movement: Annotated[Points, at_least(0)] | None = None
    anchors: Annotated[
        tuple[Anchor, ...],
        each_once("indicator_id", "peer_group", zh="锚点重复：{}", en="the anchors of {} are given twice"),
    ] = ()

    @model_validator(mode="after")
    def _whole_anchors(self) -> Self:
        if self.scale == "anchored":
            short = [anchor.indicator_id for anchor in self.anchors if anchor.minimum is None or anchor.floor is None]
            if short:
                raise ValueError(
                    f"锚定百分制的锚点须有 minimum 和 floor：{'、'.join(sorted(set(short)))}|"
                    f"anchors of the anchored scale need minimum and floor: {', '.join(sorted(set(short)))}"
                )
        return self

    def anchor_frame(self) -> pl.DataFrame:
        """Anchors as a frame: indicator_id, peer_group, minimum, floor, achievement_threshold, benchmark."""
        schema = {"indicator_id": pl.String(), "peer_group": pl.String()} | dict.fromkeys(
            _ANCHOR_VALUES, pl.Decimal(18, 6)
        )
        return pl.DataFrame([anchor.model_dump() for anchor in self.anchors], schema=schema)


class Indicator(Model):
    """One indicator a unit is scored on: its weight, for which peer groups, and on which duty it rests.

    What is measured, in which direction and on which track stands in the dataset ``indicator``; here
    stands what the office decided. ``peer_groups`` empty: every group. ``denominator`` says in words
    what the value is a share of, or that it is a count of a fixed number of places.
    """

    indicator_id: Text
    title: Title | None = None
    weight: Annotated[SixPlaces, Field(gt=0, le=1)]
    peer_groups: Ids = ()
    duty_list_id: Text | None = None
    duty_role: Literal["basic", "cooperate", "village_statutory", "village_assist", "reclaimed"] | None = None
    within_powers: bool = True
    source: Literal["register", "survey", "verification", "self_report"] | None = None
    denominator: Text | None = None

    def applies_to(self, peer_group: str | None) -> bool:
        """Whether the indicator counts for a peer group (None: a group no indicator names)."""
        return not self.peer_groups or peer_group in self.peer_groups


class IndicatorRules(Model):
    """The indicators of units with their weights, which sum to 1 in every peer group."""

    decided_on: dt.date
    reference: Text
    entries: Annotated[
        tuple[Indicator, ...],
        each_once("indicator_id", "peer_groups", zh="指标重复：{}", en="the indicator {} is given twice"),
    ] = ()

    @model_validator(mode="after")
    def _once_per_group(self) -> Self:
        for group in (None, *self.named_groups):
            ids = [entry.indicator_id for entry in self.entries if entry.applies_to(group)]
            repeated = sorted({name for name in ids if ids.count(name) > 1})
            if repeated:
                names = ", ".join(repeated)
                raise ValueError(f"可比组 {group} 的指标重复：{names}|given twice for peer group {group}: {names}")
        return self

    @property
    def named_groups(self) -> tuple[str, ...]:
        """The peer groups the indicators name, sorted."""
        return tuple(sorted({group for entry in self.entries for group in entry.peer_groups}))

    def weight_frame(self) -> pl.DataFrame:
        """Weights as a frame: indicator_id, peer_group (null: every group), weight Int64 in millionths."""
        rows = [
            (entry.indicator_id, group, int(entry.weight * 1_000_000))
            for entry in self.entries
            for group in (entry.peer_groups or (None,))
        ]
        schema = {"indicator_id": pl.String, "peer_group": pl.String, "weight": pl.Int64}
        return pl.DataFrame(rows, schema=schema, orient="row")


class TrackRules(Model):
    """How quality and quantity, visible and latent achievement are put together (method 3.4 D2, D3)."""

    quality_share: Share
    missing_track_cap: Annotated[Points, at_least(0), at_most(100)]
    cell_floor: Annotated[Points, at_least(0), at_most(100)]
    latent_share: Share


class LatentRules(Model):
    """How the years of a latent indicator's window weigh, oldest first, in parts of their sum (method 3.3 C5)."""

    window_weights: tuple[Annotated[Count, at_least(1)], ...] = Field(min_length=1)

    @property
    def shares(self) -> tuple[Fraction, ...]:
        """Share of every year, oldest first; they sum to 1."""
        total = sum(weight.number for weight in self.window_weights)
        return tuple(Fraction(weight.number, total) for weight in self.window_weights)


class UnitScoreRules(Model):
    """The parts of a unit's raw score (method 3.4 D4) and how much of them must be there (method 2.6)."""

    satisfaction: Share
    results: Share
    duty_list: Share
    process: Share
    min_observed_weight: Share
    min_parts: Annotated[Count, at_least(1)]

    @property
    def weights(self) -> Mapping[str, Fraction]:
        """Weight of every part by its name."""
        return {name: getattr(self, name).fraction for name in ("satisfaction", "results", "duty_list", "process")}


class PeerGroup(Model):
    """One peer group of units as frozen: how many members it has, and the group that lends it its anchors."""

    peer_group: Text
    members: Annotated[Quantity, at_least(0)] | None = None
    parent: Text | None = None


class PeerGroupRules(Model):
    """The peer groups of units, frozen before the period (method 2.5)."""

    decided_on: dt.date
    min_members: Annotated[Count, at_least(2)]
    groups: Annotated[
        tuple[PeerGroup, ...], each_once("peer_group", zh="可比组重复：{}", en="the peer group {} is given twice")
    ] = ()

    @property
    def parents(self) -> Mapping[str, str]:
        """The parent of every group that has one."""
        return {group.peer_group: group.parent for group in self.groups if group.parent is not None}
