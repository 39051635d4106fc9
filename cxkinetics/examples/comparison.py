"""A published number beside the one found here, with the difference and what stands behind it."""

from dataclasses import dataclass
from typing import Any

from cxkinetics.estimate import Estimate, finite_or_none

__all__ = ["Comparison"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """One quantity, published and found.

    Attributes
    ----------
    quantity : str
        What it is.
    published : float
        The published number, in the unit of `found`.
    found : Estimate
        What the fit gives.
    printed : str
        The number as the publication prints it, where that differs from `published`.
    note : str
        Why they differ, where that is known.
    """

    quantity: str
    published: float
    found: Estimate
    printed: str = ""
    note: str = ""

    @property
    def difference(self) -> float | None:
        """What was found minus what was published."""
        return None if self.found.value is None else self.found.value - self.published

    @property
    def inside(self) -> bool | None:
        """Whether the published number lies inside the interval; None without one."""
        low, high = self.found.low, self.found.high
        if low is None or high is None:
            return None
        if self.found.pieces:
            return any(start <= self.published <= end for start, end in self.found.pieces)
        return low <= self.published <= high

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {
            "quantity": self.quantity,
            "published": self.published,
            "printed": self.printed or f"{self.published:g}",
            "found": self.found.to_dict(),
            "difference": finite_or_none(self.difference),
            "inside_interval": self.inside,
            "note": self.note,
        }
