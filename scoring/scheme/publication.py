"""What may leave the house: the smallest published cell and who must sign a release."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated

from scoring.scheme.values import Count, Model, Share, at_least, at_most

FLOOR_RATERS = 5
"""No scheme may publish a cell of fewer raters."""

FLOOR_UNITS = 5
"""No scheme may publish a cell of fewer grassroots units."""

CEILING_UNIT_SHARE = Decimal("0.5")
"""No scheme may publish a cell of which one unit holds more than this share of the weight."""


class MinimumCell(Model):
    """The smallest cell that may be published (method 2.10)."""

    min_raters: Annotated[Count, at_least(FLOOR_RATERS, "L22")]
    min_units: Annotated[Count, at_least(FLOOR_UNITS, "L22")]
    max_unit_share: Annotated[Share, at_most(CEILING_UNIT_SHARE, "L22")]


class SignOff(Model):
    """How many people must approve a release."""

    people: Annotated[Count, at_most(2)]
