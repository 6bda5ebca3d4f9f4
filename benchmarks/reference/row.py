"""One line of the comparison with published answers."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    """What was compared, against whose answer, over how many figures, and how far apart they are at most.

    ``difference`` and ``tolerance`` are in the same unit, which ``what`` names when it is not plain.
    """

    what: str
    against: str
    count: int
    difference: float
    tolerance: float

    @property
    def passes(self) -> bool:
        """Whether the difference is a number within the tolerance, and anything was compared at all."""
        return self.count > 0 and self.difference <= self.tolerance
