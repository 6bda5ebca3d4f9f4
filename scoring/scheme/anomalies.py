"""From where on ratings are flagged for people to look at (method 2.9)."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Annotated

from scoring.scheme.values import Count, Model, Quantity, Share, at_least, at_most


class AnomalyRules(Model):
    """Limits of the flags; a flag never changes a score by itself.

    Raters: a straight line needs ``min_items`` answers, an answer takes at least ``seconds_per_item``,
    the mean squared residual of a voter lies between ``misfit_low`` and ``misfit_high``. Pairs: residuals
    beyond ``residual`` standard deviations within ``trigger_days`` of a logged trigger. Units: r_wg above
    ``agreement`` among at least ``min_unit_raters`` raters. All tests: ``false_discovery_rate``. ``huber``
    is the tuning constant of the weights of the comparison score.
    """

    min_items: Annotated[Count, at_least(2)]
    seconds_per_item: Annotated[Quantity, at_least(0)]
    false_discovery_rate: Share
    misfit_low: Annotated[Quantity, at_least(0), at_most(1)]
    misfit_high: Annotated[Quantity, at_least(1)]
    residual: Annotated[Quantity, at_least(0)]
    trigger_days: Count
    min_unit_raters: Annotated[Count, at_least(2)]
    agreement: Share
    huber: Annotated[Quantity, at_least(0)]

    @property
    def limits(self) -> Mapping[str, int | Fraction]:
        """Every limit by its name: counts as whole numbers, the others exactly."""
        values = {name: getattr(self, name) for name in type(self).model_fields}
        return {name: each.number if isinstance(each, Count) else each.fraction for name, each in values.items()}
