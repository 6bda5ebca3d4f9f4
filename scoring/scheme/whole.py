"""One scheme: its sections, the days it is in force, and its hash."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from scoring.scheme.anomalies import AnomalyRules
from scoring.scheme.burden import BurdenRules
from scoring.scheme.conduct import ConductRules, Instrument, OneFormRules
from scoring.scheme.incentives import (
    AppealRules,
    BonusRules,
    ExemptionRules,
    IncentiveRules,
    RedLineRules,
    TierRules,
)
from scoring.scheme.publication import MinimumCell, SignOff
from scoring.scheme.rating import ConsequenceRules, DepartmentCompositeRules, RankRules, RatingRules
from scoring.scheme.satisfaction import SatisfactionRules
from scoring.scheme.units import (
    IndicatorRules,
    LatentRules,
    PeerGroupRules,
    TrackRules,
    UnitPointRules,
    UnitScoreRules,
)
from scoring.scheme.values import Model, Text, Title, each_once

CONSEQUENCES = ("incentive", "tiers", "bonus")
"""Sections whose results have consequences for people: a scheme with one of them says whether it is adopted."""

_ALWAYS_HASHED = {"valid_to", "unit_points", "peer_group", "years_before"}


class Scheme(Model):
    """One dated, cited scheme; in force on days from ``valid_from`` to before ``valid_to``.

    A section is there whole or not at all; what an absent section rules is not computed. Only a
    scheme that is not a draft is used for scoring.
    """

    scheme_id: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{1,63}$")]
    title: Title
    valid_from: dt.date
    valid_to: dt.date | None = None
    status: Literal["draft", "adopted"] | None = None
    adopted_on: dt.date | None = None
    document: Text | None = None
    sign_off: SignOff
    minimum_cell: MinimumCell
    rating: RatingRules
    ranks: RankRules | None = None
    consequence: ConsequenceRules | None = None
    department_composite: DepartmentCompositeRules | None = None
    satisfaction: SatisfactionRules | None = None
    unit_points: UnitPointRules | None = None
    indicators: IndicatorRules | None = None
    tracks: TrackRules | None = None
    latent: LatentRules | None = None
    unit_score: UnitScoreRules | None = None
    peer_groups: PeerGroupRules | None = None
    incentive: IncentiveRules | None = None
    tiers: TierRules | None = None
    bonus: BonusRules | None = None
    red_lines: RedLineRules | None = None
    exemptions: ExemptionRules | None = None
    appeals: AppealRules | None = None
    anomalies: AnomalyRules | None = None
    burden: BurdenRules | None = None
    conduct: ConductRules | None = None
    instruments: (
        Annotated[
            tuple[Instrument, ...],
            each_once("instrument_id", zh="测评表重复：{}", en="the instrument {} is given twice"),
        ]
        | None
    ) = None
    one_form: OneFormRules | None = None

    @model_validator(mode="after")
    def _dates_in_order(self) -> Self:
        if self.valid_to is not None and self.valid_to <= self.valid_from:
            raise ValueError("valid_to 应晚于 valid_from|valid_to must be after valid_from")
        return self

    @model_validator(mode="after")
    def _says_whether_it_is_adopted(self) -> Self:
        if self.status == "adopted" and (self.adopted_on is None or self.document is None):
            raise ValueError(
                "已通过的方案须写明 adopted_on 和 document|an adopted scheme names adopted_on and its document"
            )
        present = [name for name in CONSEQUENCES if getattr(self, name) is not None]
        if self.status is None and present:
            raise ValueError(
                f"含 {'、'.join(present)} 的方案须写明 status：draft 或 adopted|"
                f"a scheme with {', '.join(present)} says its status: draft or adopted"
            )
        return self

    @property
    def is_draft(self) -> bool:
        """Whether the scheme has not been adopted; a draft is linted and shown, never scored."""
        return self.status == "draft"

    def in_force(self, date: dt.date) -> bool:
        """Whether ``date`` is one of the scheme's days; drafts have days too."""
        return self.valid_from <= date and (self.valid_to is None or date < self.valid_to)


def scheme_hash(scheme: Scheme) -> str:
    """SHA-256 (hexadecimal) of the scheme's canonical JSON: every section, in whatever order its entries were listed.

    A number counts by its value (0.5 is 0.50), an absent section as if it were unknown.
    """
    content = _canonical(scheme.model_dump(mode="python"))
    text = json.dumps(content, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode("utf-8")).hexdigest()


def _canonical(value: Any) -> Any:
    if isinstance(value, Mapping):
        # Absent parts stay out, so that a scheme keeps its hash when the project learns new sections;
        # the few that the first version wrote as null stay in.
        return {str(key): _canonical(item) for key, item in value.items() if item is not None or key in _ALWAYS_HASHED}
    if isinstance(value, (list, tuple)):
        return [_canonical(item) for item in value]
    if isinstance(value, Decimal):
        # 0.5 and 0.50 are one number; normalize() alone would write 10 as 1E+1.
        return format(value.normalize(), "f")
    if isinstance(value, dt.date):
        return value.isoformat()
    return value
