"""The result of analysing a photoelectron line: doublets, shares, limits, what they may be."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from cxkinetics.arrays import Array, frozen_array, same_array
from cxkinetics.estimate import Estimate, finite_or_none
from cxkinetics.presentation import Presentable
from cxkinetics.remarks import Remark
from cxkinetics.source import Source

__all__ = ["XpsComponent", "XpsResult"]


@dataclass(frozen=True, slots=True, kw_only=True)
class XpsComponent:
    """One doublet.

    Attributes
    ----------
    position_ev : Estimate
        Binding energy of its main line after the offset, eV (without the error of the reference).
    share : Estimate
        Its share of the element's area.
    near_states : tuple of str
        Known states whose position is compatible, nearest first.
    family : str or None
        "host", "sulfide" or "other" where only one family is compatible or the separation of two
        doublets decides; None where nothing does.
    """

    position_ev: Estimate
    share: Estimate
    near_states: tuple[str, ...]
    family: str | None

    def named(self, family: str | None) -> "XpsComponent":
        """Return the same doublet with its family decided (None: left open)."""
        return replace(self, family=family)

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {
            "position_ev": self.position_ev.to_dict(),
            "share": self.share.to_dict(),
            "near_states": list(self.near_states),
            "family": self.family,
        }

    @classmethod
    def from_dict(cls, record: Mapping[str, Any], element: str) -> "XpsComponent":
        """Return the component that `to_dict` wrote."""
        return cls(
            position_ev=Estimate.from_dict("binding energy of the main line", record["position_ev"]),
            share=Estimate.from_dict(f"share of {element} atoms", record["share"]),
            near_states=tuple(record["near_states"]),
            family=record["family"],
        )


_ESTIMATES = {
    "splitting_ev": "doublet splitting",
    "area_ratio": "area ratio",
    "fwhm_ev": "line width (FWHM)",
    "separation_ev": "separation of the doublets",
}
_ARRAYS = ("energy_ev", "counts", "doublets", "background")
_PLAIN = ("line", "number", "bic", "detection_limit", "upper_limit", "reduced_chi2", "verdicts", "reasons")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class XpsResult(Presentable):
    """One photoelectron line, analysed.

    Attributes
    ----------
    line : str
        Such as "Ag 3d".
    number : int
        How many doublets.
    bic : mapping of str to float
        BIC for each number of doublets tried.
    components : tuple of XpsComponent
        The doublets, largest share first as a rule.
    splitting_ev, area_ratio, fwhm_ev : Estimate
        Shared by all doublets.
    separation_ev : Estimate
        Distance of two doublets, eV.
    detection_limit : float
        Smallest share of a second state that would be called present.
    upper_limit : float or None
        Largest share of a second state that could have been missed; None where one was fitted or where
        the fit is too bad to say.
    reduced_chi2 : float
        Chi-square per degree of freedom, Poisson weights.
    verdicts, reasons : mapping of str to str
        "host" and "sulfide" -> "present", "absent" or "undecided", and why.
    options : mapping
        Every option.
    energy_ev, counts, background : Array, shape (n,)
        The region.
    doublets : Array, shape (number, n)
        Fitted doublets without background.
    label, source, remarks
        As for the spectrum.
    """

    line: str
    number: int
    bic: Mapping[str, float]
    components: tuple[XpsComponent, ...]
    splitting_ev: Estimate
    area_ratio: Estimate
    fwhm_ev: Estimate
    separation_ev: Estimate
    detection_limit: float
    upper_limit: float | None
    reduced_chi2: float
    verdicts: Mapping[str, str]
    reasons: Mapping[str, str]
    options: Mapping[str, Any]
    energy_ev: Array
    counts: Array
    doublets: Array
    background: Array
    label: str = ""
    source: Source = field(default_factory=Source)
    remarks: tuple[Remark, ...] = ()

    @property
    def fit(self) -> Array:
        """Fitted counts, shape (n,)."""
        total: Array = self.doublets.sum(axis=0) + self.background
        return total

    def share_of(self, family: str) -> Estimate | None:
        """Return the share of a family ("host" or "sulfide"), or None where none was identified."""
        for component in self.components:
            if component.family == family:
                return component.share
        return None

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {
            "line": self.line,
            "number": self.number,
            "bic": {number: finite_or_none(value) for number, value in self.bic.items()},
            "components": [component.to_dict() for component in self.components],
            **{name: getattr(self, name).to_dict() for name in _ESTIMATES},
            "detection_limit": self.detection_limit,
            "upper_limit": self.upper_limit,
            "reduced_chi2": self.reduced_chi2,
            "verdicts": dict(self.verdicts),
            "reasons": dict(self.reasons),
            "options": dict(self.options),
            **{name: getattr(self, name).tolist() for name in _ARRAYS},
            "label": self.label,
            "source": self.source.to_dict(),
            "warnings": [remark.to_dict() for remark in self.remarks],
        }

    @classmethod
    def from_dict(cls, record: Mapping[str, Any]) -> "XpsResult":
        """Return the result that `to_dict` wrote."""
        element = record["line"].split()[0]
        estimates: dict[str, Any] = {n: Estimate.from_dict(w, record[n]) for n, w in _ESTIMATES.items()}
        arrays: dict[str, Any] = {n: frozen_array(np.array(record[n], dtype=float)) for n in _ARRAYS}
        arrays["doublets"] = frozen_array(
            arrays["doublets"].reshape(record["number"], arrays["energy_ev"].size)
        )
        plain: dict[str, Any] = {name: record[name] for name in (*_PLAIN, "options", "label")}
        return cls(
            components=tuple(XpsComponent.from_dict(item, element) for item in record["components"]),
            source=Source.from_dict(record["source"]),
            remarks=tuple(Remark.from_dict(item) for item in record["warnings"]),
            **plain,
            **estimates,
            **arrays,
        )

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, XpsResult):
            return NotImplemented
        plain = (*_PLAIN, *_ESTIMATES, "components", "options", "label", "source", "remarks")
        return all(same_array(getattr(self, name), getattr(other, name)) for name in _ARRAYS) and all(
            getattr(self, name) == getattr(other, name) for name in plain
        )

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        positions = ", ".join(c.position_ev.format_value() for c in self.components)
        return f"XpsResult({self.line}, {self.number} doublets at {positions} eV)"
