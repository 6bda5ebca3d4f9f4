"""Schemes: every policy number, dated and cited, read from YAML.

A number of policy is never written in code: code asks for the scheme as of a date. What code does
hold are the floors no scheme may go below, because they protect the people who rate.
"""

from scoring.scheme.anomalies import AnomalyRules
from scoring.scheme.conduct import ConductRules, Instrument, OneFormRules
from scoring.scheme.incentives import (
    Adder,
    AppealRules,
    BonusRules,
    ExemptionRules,
    IncentiveRules,
    RedLine,
    RedLineRules,
    TierRules,
)
from scoring.scheme.loading import (
    SHIPPED_SCHEMES,
    SchemeError,
    SchemeFolder,
    SchemeProblem,
    load_schemes,
    read_folder,
    scheme_as_of,
)
from scoring.scheme.publication import CEILING_UNIT_SHARE, FLOOR_RATERS, FLOOR_UNITS, MinimumCell, SignOff
from scoring.scheme.rating import (
    ConsequenceRules,
    DepartmentCompositeRules,
    Eligibility,
    RankRules,
    RaterClass,
    RatingRules,
)
from scoring.scheme.satisfaction import SatisfactionAnchor, SatisfactionRules
from scoring.scheme.units import (
    Anchor,
    Baseline,
    Indicator,
    IndicatorRules,
    LatentRules,
    PeerGroup,
    PeerGroupRules,
    TrackRules,
    UnitPointRules,
    UnitScoreRules,
)
from scoring.scheme.values import Count, Points, Quantity, Share, Title
from scoring.scheme.whole import CONSEQUENCES, Scheme, scheme_hash

__all__ = [
    "CEILING_UNIT_SHARE",
    "CONSEQUENCES",
    "FLOOR_RATERS",
    "FLOOR_UNITS",
    "SHIPPED_SCHEMES",
    "Adder",
    "Anchor",
    "AnomalyRules",
    "AppealRules",
    "Baseline",
    "BonusRules",
    "ConductRules",
    "ConsequenceRules",
    "Count",
    "DepartmentCompositeRules",
    "Eligibility",
    "ExemptionRules",
    "IncentiveRules",
    "Indicator",
    "IndicatorRules",
    "Instrument",
    "LatentRules",
    "MinimumCell",
    "OneFormRules",
    "PeerGroup",
    "PeerGroupRules",
    "Points",
    "Quantity",
    "RankRules",
    "RaterClass",
    "RatingRules",
    "RedLine",
    "RedLineRules",
    "SatisfactionAnchor",
    "SatisfactionRules",
    "Scheme",
    "SchemeError",
    "SchemeFolder",
    "SchemeProblem",
    "Share",
    "SignOff",
    "TierRules",
    "Title",
    "TrackRules",
    "UnitPointRules",
    "UnitScoreRules",
    "load_schemes",
    "read_folder",
    "scheme_as_of",
    "scheme_hash",
]
