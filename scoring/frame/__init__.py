"""The frame: who is assessed, who may rate whom, who is excluded, why and by whom.

One dated table per period, frozen with it. Every denominator of a result joins to it. The rule of
who may rate whom is kept as a rule (departments with the organisations they serve, and the pairs
delivered one by one), so a province needs as many rows as it has units and departments, not as many
as it has pairs.

Where no frame was delivered, every valid rater may rate every department of its own line of parents
or without one; ``Frame.delivered`` is then false and the run says so (W314).
"""

from __future__ import annotations

from scoring.frame.build import (
    DEPARTMENT_KINDS,
    GRASSROOTS_LEVELS,
    ROLES_ONLY_BY_NAME,
    Frame,
    build_frame,
    decided_exclusions,
)
from scoring.frame.eligibility import (
    INELIGIBLE,
    EligibleBallots,
    denominators,
    eligible_ballots,
    pair_reasons,
    with_denominators,
)
from scoring.frame.frozen import frame_hash, frame_members, frozen_differences
from scoring.frame.turnout import turnout

__all__ = [
    "DEPARTMENT_KINDS",
    "GRASSROOTS_LEVELS",
    "INELIGIBLE",
    "ROLES_ONLY_BY_NAME",
    "EligibleBallots",
    "Frame",
    "build_frame",
    "decided_exclusions",
    "denominators",
    "eligible_ballots",
    "frame_hash",
    "frame_members",
    "frozen_differences",
    "pair_reasons",
    "turnout",
    "with_denominators",
]
