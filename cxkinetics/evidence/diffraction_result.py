"""The result of a pattern fit: shares of phases with limits and a three-valued state."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from cxkinetics.arrays import Array, frozen_array, same_array
from cxkinetics.estimate import Estimate
from cxkinetics.presentation import Presentable
from cxkinetics.remarks import Remark
from cxkinetics.source import Source

__all__ = ["PatternFit", "PhaseShare"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PhaseShare:
    """One phase.

    Attributes
    ----------
    phase : str
        Its name.
    share : Estimate
        Its share of all crystalline phases fitted, 0 to 1.
    upper_limit : float
        One-sided upper limit of the share.
    detection_limit : float
        Share that would be found present about 95 times in 100.
    state : str
        "present", "absent" or "undecided".
    reason : str
        Why it is undecided where the fit as a whole decides nothing; else "".
    """

    phase: str
    share: Estimate
    upper_limit: float
    detection_limit: float
    state: str
    reason: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {
            "phase": self.phase,
            "share": self.share.to_dict(),
            "upper_limit": self.upper_limit,
            "detection_limit": self.detection_limit,
            "state": self.state,
            "reason": self.reason,
        }

    @classmethod
    def from_dict(cls, record: Mapping[str, Any], unit: str) -> "PhaseShare":
        """Return the share that `to_dict` wrote."""
        fields = dict(record)
        fields["share"] = Estimate.from_dict(f"{unit} of {record['phase']}", record["share"])
        return cls(**fields)


_ARRAYS = ("axis", "counts", "components", "fit")
_PLAIN = (
    "by_weight",
    "shift_deg",
    "broadening_deg",
    "reduced_chi2",
    "correlation_length",
    "n_points",
    "label",
)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PatternFit(Presentable):
    """A diffraction pattern as a sum of references.

    Attributes
    ----------
    phases : tuple of PhaseShare
        Every phase of the library.
    by_weight : bool
        True where shares are by weight (every RIR known), else of scattered intensity.
    shift_deg, broadening_deg : float
        Fitted shift and extra width (full at half maximum), degrees.
    reduced_chi2 : float
        Chi-square per degree of freedom with Poisson weights.
    correlation_length : float
        How many neighbouring residuals count as one.
    n_points : int
        Points fitted.
    options : mapping
        Every option.
    axis, counts, fit : Array, shape (n,)
        2theta, counts and fitted counts.
    components : Array, shape (m, n)
        Contribution of each phase.
    label, source, remarks
        As for the spectrum.
    """

    phases: tuple[PhaseShare, ...]
    by_weight: bool
    shift_deg: float
    broadening_deg: float
    reduced_chi2: float
    correlation_length: float
    n_points: int
    options: Mapping[str, Any]
    axis: Array
    counts: Array
    components: Array
    fit: Array
    label: str = ""
    source: Source = field(default_factory=Source)
    remarks: tuple[Remark, ...] = ()

    def __getitem__(self, phase: str) -> PhaseShare:
        for item in self.phases:
            if item.phase == phase:
                return item
        raise KeyError(phase)

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {
            "phases": [phase.to_dict() for phase in self.phases],
            **{name: getattr(self, name) for name in _PLAIN},
            "options": dict(self.options),
            **{name: getattr(self, name).tolist() for name in _ARRAYS},
            "source": self.source.to_dict(),
            "warnings": [remark.to_dict() for remark in self.remarks],
        }

    @classmethod
    def from_dict(cls, record: Mapping[str, Any]) -> "PatternFit":
        """Return the fit that `to_dict` wrote."""
        unit = "weight share" if record["by_weight"] else "share of scattered intensity"
        arrays: dict[str, Any] = {name: frozen_array(record[name]) for name in _ARRAYS}
        plain: dict[str, Any] = {name: record[name] for name in _PLAIN}
        return cls(
            phases=tuple(PhaseShare.from_dict(item, unit) for item in record["phases"]),
            options=dict(record["options"]),
            source=Source.from_dict(record["source"]),
            remarks=tuple(Remark.from_dict(item) for item in record["warnings"]),
            **plain,
            **arrays,
        )

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, PatternFit):
            return NotImplemented
        return all(same_array(getattr(self, name), getattr(other, name)) for name in _ARRAYS) and all(
            getattr(self, name) == getattr(other, name)
            for name in ("phases", "options", "source", "remarks", *_PLAIN)
        )

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        found = ", ".join(f"{p.phase} {p.share.format_value()}" for p in self.phases if p.state == "present")
        return f"PatternFit({found or 'no phase present'})"
