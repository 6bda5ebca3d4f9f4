"""Limits of the anomaly flags, with the values of method 2.9 as defaults."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction

RATER_FLAGS = ("straight_line", "long_run", "too_fast")
VOTER_FLAGS = ("severity", "misfit")
UNIT_VOTER_FLAGS = ("unit_severity", "unit_misfit")
"""``VOTER_FLAGS`` of units that are one voter each."""

BALLOT_FLAGS = ("extreme_ballot",)
PAIR_FLAGS = ("retaliation", "favour")
UNIT_FLAGS = ("identical_ballots", "agreement", "arrival_burst", "ballots_over_roster", "shared_device")
PROGRAMME_FLAGS = ("turnout_bunching", "mean_jump")

ANY = "any"
"""Flag of the row that tells a department's score with and without its flagged ballots."""

PROGRAMME = "*"
"""``org_id`` of flags about the whole programme rather than one organisation."""


@dataclass(frozen=True)
class AnomalyParameters:
    """Limits of the flags; every one is policy and comes from the scheme.

    Raters: ``min_items`` answers before a straight line counts; a run is long from ``min_run`` equal
    answers and ``min_run_share`` of all the rater's answers; ``seconds_per_item`` is the least believable
    time; ``false_discovery_rate`` is Benjamini and Hochberg's, for severity and for every test of units;
    the mean squared standardised residual of a voter with ``min_cells`` departments is to lie between
    ``misfit_low`` and ``misfit_high``.

    Pairs: ``residual`` in standard deviations and ``trigger_days`` before the rating.

    Units: ``min_unit_raters`` in a unit before its agreement or its ballots are compared,
    ``min_other_raters`` of its peer group to compare with; ``agreement`` is the limit of r_wg on
    ``categories`` answers, ``extreme_low`` and ``extreme_high`` (0 to 100) say which means are extreme. A
    device is shared when more than ``max_raters_per_device`` raters used it.

    Programme: ``turnout_thresholds`` (shares) looked at, in steps of ``step_raters`` raters.

    Treatment: ``without`` lists the flags whose ballots are left out of the comparison score, and
    ``huber`` is the tuning constant of the weights.

    Disclosure: counts are shown from ``min_raters`` raters and ``min_units`` units on, and a count of
    raters or pairs between 1 and ``min_count`` - 1 is hidden.
    """

    min_items: int = 5
    min_run: int = 10
    min_run_share: Fraction = Fraction(1, 2)
    seconds_per_item: Fraction = Fraction(2)
    false_discovery_rate: Fraction = Fraction(1, 100)
    min_cells: int = 10
    misfit_low: Fraction = Fraction(2, 5)
    misfit_high: Fraction = Fraction(2)
    residual: Fraction = Fraction(3)
    trigger_days: int = 90
    min_unit_raters: int = 5
    min_other_raters: int = 20
    agreement: Fraction = Fraction(98, 100)
    categories: int = 5
    extreme_low: int = 5
    extreme_high: int = 95
    max_raters_per_device: int = 3
    turnout_thresholds: tuple[Fraction, ...] = ()
    step_raters: int = 2
    huber: Fraction = Fraction(5, 2)
    without: tuple[str, ...] = field(
        default=(
            "straight_line",
            "too_fast",
            "severity",
            *PAIR_FLAGS,
            *UNIT_FLAGS,
        )
    )
    min_raters: int = 10
    min_units: int = 5
    min_count: int = 5
