"""Incentive scores, tiers, money and red lines (method 3.6)."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Literal

from pydantic import Field

from scoring.scheme.values import (
    Choice,
    Count,
    ExactDecimal,
    Ids,
    Model,
    Points,
    Quantity,
    Share,
    Text,
    Title,
    at_least,
    at_most,
    each_once,
)

Tier = Literal["A", "B", "C", "D"]


class Money(Quantity):
    """A whole number of fen."""

    value: Annotated[ExactDecimal, Field(multiple_of=1, lt=10**15)]
    unit: Literal["fen", "fen per head"]

    @property
    def fen(self) -> int:
        """The value as an int."""
        return int(self.value)


class Adder(Model):
    """A positive addition somebody can earn, with evidence (method 3.6 F1)."""

    adder_id: Text
    title: Title
    points: Annotated[Points, at_least(0, "L12")]


class IncentiveRules(Model):
    """How adders become part of the incentive score; there are none that take away."""

    score_cap: Points
    max_adder: Annotated[Points, at_least(0, "L12")]
    adders: Annotated[
        tuple[Adder, ...], each_once("adder_id", zh="加分项重复：{}", en="the adder {} is given twice")
    ] = ()


class TierRules(Model):
    """Tiers inside the peer group (method 3.6 F2)."""

    cut_off_a: Points
    cut_off_b: Points
    cut_off_c: Points
    quota: Share
    min_probability: Share
    pooled_periods: Annotated[Count, at_least(1)]
    without_satisfaction_cap: Choice[Tier]


class BonusRules(Model):
    """How the bonus pool is shared (method 2.8, 3.6 F3)."""

    total: Annotated[Money, at_least(0, "L12")]
    standard: Annotated[Money, at_least(0, "L12")]
    pay_floor: Annotated[Money, at_least(0, "L12")]
    reserve_share: Share
    cap_multiple: Annotated[Quantity, at_least(0)]
    exchange: Choice[Literal["linear", "logistic"]]
    clawback: Choice[Literal["never", "allowed"]]


class RedLine(Model):
    """One authorised veto item with its legal basis (method 3.6 F4)."""

    red_line_id: Text
    title: Title
    legal_basis: Text


class RedLineRules(Model):
    """The authorised list, which of it this scheme uses, and what crossing a line does.

    ``decision_document`` says which document has to decide that a line was crossed.
    """

    decided_on: dt.date
    tier_cap: Choice[Tier]
    decision_document: Choice[Text]
    authorised: Annotated[
        tuple[RedLine, ...], each_once("red_line_id", zh="红线重复：{}", en="the red line {} is given twice")
    ] = ()
    used: Ids = ()


class ExemptionRules(Model):
    """What an approved exemption lifts a score to, and when a person must look again (method 3.7 G1)."""

    neutral: Annotated[Points, at_least(0), at_most(100)]
    reduced: Annotated[Points, at_least(0), at_most(100)]
    review_share: Share


Ground = Literal[
    "wrong_fact",
    "wrong_baseline",
    "anchors_misapplied",
    "maximum_misapplied",
    "weight_misapplied",
    "missing_misapplied",
    "wrong_peer_group",
    "exemption_ignored",
    "closed_or_merged_unit",
]
"""The closed list of method 3.7 G2, after 42 CFR 412.167."""


class AppealRules(Model):
    """How long and on which grounds a rated unit may appeal (method 3.7 G2)."""

    window_days: Count
    grounds: Choice[Annotated[tuple[Ground, ...], Field(min_length=1)]]
