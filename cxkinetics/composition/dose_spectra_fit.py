"""`fit_dose_spectra`: peak position and height against dose, and what they say beside the ICP."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.special import ndtri, stdtrit

from cxkinetics.arrays import Array, frozen_array
from cxkinetics.composition.dose_spectra import DoseSpectra
from cxkinetics.composition.hinge import Hinge, fit_hinge
from cxkinetics.composition.knowledge import Knowledge, check_confidence, known_draws
from cxkinetics.composition.load_system import load_system
from cxkinetics.composition.species_model import draw_estimate, incorporation_draws, species_draws
from cxkinetics.composition.system import System
from cxkinetics.estimate import Estimate, finite_or_none, json_text
from cxkinetics.presentation import Presentable
from cxkinetics.remarks import Remark
from cxkinetics.version import __version__

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["DOSE_SPECTRA_SCHEMA", "DoseSpectraFit", "fit_dose_spectra"]

DOSE_SPECTRA_SCHEMA = "cxkinetics.dose-spectra/1"
_GONE = 0.05
_CERTAIN_NM = 0.5


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DoseSpectraFit(Presentable):
    """Peak against dose.

    Attributes
    ----------
    spectra : DoseSpectra
    height, peak_nm, peak_nm_se : Array, shape (n,)
        Height (AU) and position (nm) of the tracked peak at each dose; NaN where it is lost.
    loss : Array, shape (n,)
        Optical conversion 1 - A/A0, A0 the height at the lowest dose.
    start_nm, end_nm : Estimate
        Position before and after the shift, nm.
    shift_end_dose_percent, loss_onset_dose_percent : Estimate
        Where the shift ends and where the loss begins, percent dose; value None where the points
        cannot say.
    shift_end_incorporation_percent : Estimate or None
        Incorporation at the end of the shift, by the dose curve.
    conversion : tuple of Estimate
        Share turned into product at each dose, by the dose curve; empty without one.
    gap : tuple of Estimate
        Optical minus compositional conversion at each dose.
    """

    spectra: DoseSpectra
    height: Array
    peak_nm: Array
    peak_nm_se: Array
    loss: Array
    start_nm: Estimate
    end_nm: Estimate
    shift_end_dose_percent: Estimate
    loss_onset_dose_percent: Estimate
    shift_end_incorporation_percent: Estimate | None
    conversion: tuple[Estimate, ...]
    gap: tuple[Estimate, ...]
    warnings: tuple[Remark, ...] = ()
    version: str = __version__

    def __post_init__(self) -> None:
        for name in ("height", "peak_nm", "peak_nm_se", "loss"):
            object.__setattr__(self, name, frozen_array(getattr(self, name)))

    def loss_at(self, dose_percent: float) -> float:
        """Return the optical conversion 1 - A/A0 at a dose, interpolated between the spectra."""
        return float(np.interp(dose_percent, self.spectra.dose_percent, self.loss))

    def table(self) -> "pd.DataFrame":
        """Return one row per dose: height, position, loss and, with a dose curve, conversion and gap."""
        import pandas as pd

        columns: dict[str, Any] = {
            "dose_percent": self.spectra.dose_percent,
            "height": self.height,
            "peak_nm": self.peak_nm,
            "peak_nm_se": self.peak_nm_se,
            "optical_conversion": self.loss,
        }
        for name, estimates in (("compositional_conversion", self.conversion), ("gap", self.gap)):
            if estimates:
                columns[name] = [estimate.value for estimate in estimates]
        return pd.DataFrame(columns)

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        incorporation = self.shift_end_incorporation_percent
        return {
            "schema": DOSE_SPECTRA_SCHEMA,
            "version": self.version,
            "file": self.spectra.source.file,
            "sha256": self.spectra.source.sha256,
            "simulated": self.spectra.source.simulated,
            "dose_percent": self.spectra.dose_percent.tolist(),
            "height": [finite_or_none(v) for v in self.height.tolist()],
            "peak_nm": [finite_or_none(v) for v in self.peak_nm.tolist()],
            "peak_nm_se": [finite_or_none(v) for v in self.peak_nm_se.tolist()],
            "optical_conversion": [finite_or_none(v) for v in self.loss.tolist()],
            "start_nm": self.start_nm.to_dict(),
            "end_nm": self.end_nm.to_dict(),
            "shift_end_dose_percent": self.shift_end_dose_percent.to_dict(),
            "loss_onset_dose_percent": self.loss_onset_dose_percent.to_dict(),
            "shift_end_incorporation_percent": None if incorporation is None else incorporation.to_dict(),
            "compositional_conversion": [estimate.to_dict() for estimate in self.conversion],
            "gap": [estimate.to_dict() for estimate in self.gap],
            "warnings": [remark.to_dict() for remark in self.warnings],
        }

    def to_json(self) -> str:
        """Return the result as JSON text."""
        return json_text(self.to_dict())

    def __repr__(self) -> str:
        return (
            f"DoseSpectraFit(peak {self.start_nm} to {self.end_nm}, shift ends at "
            f"{self.shift_end_dose_percent}, loss from {self.loss_onset_dose_percent})"
        )


def fit_dose_spectra(
    spectra: DoseSpectra,
    *,
    near_nm: float | None = None,
    table: Knowledge = None,
    system: System | str | Path = "ag-cds",
    confidence: float = 0.95,
    rng: np.random.Generator | int | None = None,
) -> DoseSpectraFit:
    """Track the exciton peak over a dose series and find the end of its shift and the onset of loss.

    Parameters
    ----------
    spectra : DoseSpectra
        Spectra against dose.
    near_nm : float, optional
        Where to look for the peak, nm; the strongest of the first spectra by default.
    table, system, rng
        Where the dose curve comes from, as for `predict`; left out where none is known.
    confidence : float
        Of the intervals.

    Returns
    -------
    DoseSpectraFit

    Examples
    --------
    >>> dose, wavelength = np.arange(0.0, 151.0, 10.0), np.arange(290.0, 360.0)
    >>> position = 324 + 3 * np.clip(dose / 38, 0, 1)
    >>> height = 0.9 * np.clip((130 - dose) / 80, 0, 1)
    >>> bands = height[:, None] * np.exp(-0.5 * ((wavelength - position[:, None]) / 8) ** 2)
    >>> spectra = DoseSpectra(dose_percent=dose, wavelength_nm=wavelength, absorbance=bands)
    >>> round(fit_dose_spectra(spectra, near_nm=324).end_nm.value)
    327
    """
    from cxkinetics.signals.peak import track_peak

    check_confidence(confidence)
    trace = track_peak(spectra.as_series(), near_nm=near_nm)
    tracked = DoseSpectra(
        dose_percent=trace.time_s,
        wavelength_nm=spectra.wavelength_nm,
        absorbance=spectra.absorbance[np.isin(spectra.dose_percent, trace.time_s)],
        label=spectra.label,
        source=spectra.source,
        remarks=spectra.remarks,
    )
    dose, height = np.asarray(tracked.dose_percent), np.asarray(trace.absorbance)
    position = np.full(dose.size, np.nan) if trace.peak_nm is None else np.asarray(trace.peak_nm)
    error = np.full(dose.size, np.nan) if trace.peak_nm_se is None else np.asarray(trace.peak_nm_se)
    present = _before_gone(height)
    shift = _shift(dose, position, error, present, confidence)
    onset = fit_hinge(
        dose[present], height[present], confidence=confidence, name="onset of the loss", unit="%"
    )
    remarks = [*spectra.remarks, *(_about_doses(remark) for remark in trace.remarks)]
    if onset is not None and onset.slope >= 0:
        remarks.append(Remark("no_loss", "the height of the peak does not fall with dose"))
        onset = None
    loss = 1 - height / float(np.mean(height[dose == dose[0]]))
    composition = _composition(dose, loss, shift, table, system, confidence, rng, remarks)
    return DoseSpectraFit(
        spectra=tracked,
        height=height,
        peak_nm=position,
        peak_nm_se=error,
        loss=loss,
        start_nm=_position_estimate("peak before the shift", position, error, shift, confidence, first=True),
        end_nm=_position_estimate("peak after the shift", position, error, shift, confidence, first=False),
        shift_end_dose_percent=_hinge_estimate(shift, "end of the shift"),
        loss_onset_dose_percent=_hinge_estimate(onset, "onset of the loss"),
        shift_end_incorporation_percent=composition[0],
        conversion=composition[1],
        gap=composition[2],
        warnings=tuple(remarks),
    )


def _about_doses(remark: Remark) -> Remark:
    """Return a remark of the peak tracker, which speaks of times, about doses."""
    return replace(remark, text=remark.text.replace("times", "doses").replace("time ", "dose "))


def _before_gone(height: Array) -> Any:
    """Return the doses up to the first at which the peak is practically gone (that one included)."""
    gone = np.flatnonzero(height < _GONE * height[0])
    return np.arange(height.size) <= (gone[0] if gone.size else height.size)


def _shift(dose: Array, position: Array, error: Array, present: Any, confidence: float) -> Hinge | None:
    known = present & np.isfinite(position)
    sure = known & np.isfinite(error) & (error > 0) & (error < _CERTAIN_NM)
    weights = None
    if sure.sum() >= 4:
        known, weights = sure, error[sure] ** -2.0
    if known.sum() < 4:
        return None
    return fit_hinge(
        dose[known],
        position[known],
        level_first=False,
        weights=weights,
        confidence=confidence,
        name="end of the shift",
        unit="%",
    )


def _hinge_estimate(hinge: Hinge | None, name: str) -> Estimate:
    if hinge is None:
        reason = "fewer than four doses show the peak, or it does not change"
        return Estimate(name=name, value=None, unit="%", method="profile", reason=reason)
    return hinge.at


def _position_estimate(
    name: str, position: Array, error: Array, hinge: Hinge | None, confidence: float, *, first: bool
) -> Estimate:
    """Before the shift: the measured position at the lowest dose; after it: the fitted level."""
    known = np.flatnonzero(np.isfinite(position))
    if not known.size:
        return Estimate(name=name, value=None, unit="nm", method="tracked peak", reason="the peak is lost")
    if hinge is None or first:
        index = known[0] if first else known[-1]
        se = finite_or_none(float(error[index]))
        value = float(position[index])
        half = None if se is None else float(ndtri(0.5 + confidence / 2)) * se
        return Estimate(
            name=name,
            value=value,
            se=se,
            low=None if half is None else value - half,
            high=None if half is None else value + half,
            unit="nm",
            method="tracked peak",
            reason="" if se is not None else "no error of the position",
        )
    if hinge.level_se is None:
        return Estimate(name=name, value=hinge.level, unit="nm", method="hinge", reason="no scatter left")
    half = float(stdtrit(hinge.dof, 0.5 + confidence / 2)) * hinge.level_se
    return Estimate(
        name=name,
        value=hinge.level,
        se=hinge.level_se,
        low=hinge.level - half,
        high=hinge.level + half,
        unit="nm",
        method="wald, level after the end of the shift",
    )


def _composition(
    dose: Array,
    loss: Array,
    shift: Hinge | None,
    table: Knowledge,
    system: System | str | Path,
    confidence: float,
    rng: np.random.Generator | int | None,
    remarks: list[Remark],
) -> tuple[Estimate | None, tuple[Estimate, ...], tuple[Estimate, ...]]:
    if table is None and not load_system(system).has_dose_curve:
        remarks.append(Remark("no_dose_curve", "no dose curve is known: no composition beside the spectra"))
        return None, (), ()
    draws, said = known_draws(table, system, rng=rng)
    remarks.extend(said)
    conversion: tuple[Estimate, ...] = ()
    gap: tuple[Estimate, ...] = ()
    if draws.no_product:
        remarks.append(Remark("no_product_share", draws.no_product))
    else:
        product = species_draws(draws, dose)[-1]
        conversion = tuple(
            draw_estimate("compositional conversion", product[:, i], confidence=confidence)
            for i in range(dose.size)
        )
        gap = tuple(
            draw_estimate("optical minus compositional", loss[i] - product[:, i], confidence=confidence)
            for i in range(dose.size)
        )
    if shift is None or shift.at.value is None:
        return None, conversion, gap
    at_end = incorporation_draws(draws, shift.at.value)[:, 0]
    estimate = draw_estimate("incorporation at the end of the shift", at_end, confidence=confidence, unit="%")
    return estimate, conversion, gap
