"""A published number beside the one found here, with the difference and what stands behind it.

Agreement counts only where it could fail. A number worked out from published measurements can miss
the published one, and agrees where it rounds to the digits printed. A constant that a trace was
simulated from says, recovered inside its interval, that the fit works and nothing about the
publication. A value that was assumed for want of a published one counts as neither.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from cxkinetics.estimate import Estimate, finite_or_none

__all__ = ["KINDS", "Comparison", "Tally", "tally"]

KINDS = ("measured", "worked out", "simulated", "assumed")
"""A printed number found again from published measurements; one that is not printed, but follows from
printed ones; a published constant recovered from a trace simulated with it; the same, but the number
put into the simulation was assumed and is not published."""


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
    kind : str
        One of `KINDS`; "" counts nowhere.
    """

    quantity: str
    published: float
    found: Estimate
    printed: str = ""
    note: str = ""
    kind: str = ""

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

    @property
    def agrees(self) -> bool | None:
        """Whether what was found rounds to the printed digits; None unless it is a "measured" one.

        Whether the published number lies inside the interval says nothing here: the interval of a
        mean of two readings holds both of them, whatever they are.
        """
        if self.kind != "measured" or self.found.value is None:
            return None
        words = self.printed.split()
        digits = Decimal(words[-1] if words else repr(self.published))
        return abs(Decimal(repr(self.found.value)) - digits) <= Decimal(1).scaleb(_exponent(digits)) / 2

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {
            "quantity": self.quantity,
            "published": self.published,
            "printed": self.printed or f"{self.published:g}",
            "found": self.found.to_dict(),
            "difference": finite_or_none(self.difference),
            "kind": self.kind,
            "inside_interval": self.inside,
            "agrees": self.agrees,
            "note": self.note,
        }


def _exponent(digits: Decimal) -> int:
    exponent = digits.as_tuple().exponent
    return exponent if isinstance(exponent, int) else 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """How many numbers agree or are recovered, each kind by itself.

    Attributes
    ----------
    agree, measured : int
        Numbers from published measurements that round to the printed digits, of how many.
    recovered, simulated : int
        Constants of the simulation inside their intervals, of how many.
    missed : tuple of str
        The quantities among the measured that do not agree.
    assumed : tuple of str
        Quantities whose value in the simulation was assumed; they count nowhere.
    """

    agree: int
    measured: int
    recovered: int
    simulated: int
    missed: tuple[str, ...]
    assumed: tuple[str, ...]

    def __str__(self) -> str:
        """Return the counts as sentences."""
        parts = []
        if self.measured:
            missed = f" (not: {'; '.join(self.missed)})" if self.missed else ""
            parts.append(
                f"Agreement with the paper: {self.agree} of {self.measured} numbers from its measured dose "
                f"table round to the digits it prints{missed}."
            )
        if self.simulated:
            parts.append(
                f"Recovery: {self.recovered} of {self.simulated} numbers that the traces were simulated "
                "from lie inside their 95 % intervals, which shows that the fit works and is no agreement "
                "with the paper."
            )
        if self.assumed:
            parts.append(f"Not counted, because assumed and not published: {'; '.join(self.assumed)}.")
        return " ".join(parts)

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {
            "measured": {"agree": self.agree, "of": self.measured, "missed": list(self.missed)},
            "simulated": {"recovered": self.recovered, "of": self.simulated},
            "assumed": list(self.assumed),
        }


def tally(named: Iterable[tuple[str, Comparison]]) -> Tally:
    """Return the counts of comparisons, each with the name of the example it belongs to.

    Examples
    --------
    >>> slope = Comparison(
    ...     quantity="slope", published=0.11, found=Estimate(name="b1", value=0.1067), kind="measured"
    ... )
    >>> found = Estimate(name="k", value=1.1, low=0.9, high=1.3)
    >>> put_in = Comparison(quantity="k", published=1.0, found=found, kind="simulated")
    >>> counts = tally([("table", slope), ("trace", put_in)])
    >>> counts.agree, counts.measured, counts.recovered, counts.simulated
    (1, 1, 1, 1)
    """
    rows = list(named)
    judged = [row for _, row in rows if row.agrees is not None]
    simulated = [row.inside for _, row in rows if row.kind == "simulated" and row.inside is not None]
    return Tally(
        agree=sum(bool(row.agrees) for row in judged),
        measured=len(judged),
        recovered=sum(simulated),
        simulated=len(simulated),
        missed=tuple(row.quantity for row in judged if not row.agrees),
        assumed=tuple(f"{name} {row.quantity}" for name, row in rows if row.kind == "assumed"),
    )
