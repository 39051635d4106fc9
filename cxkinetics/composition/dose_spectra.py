"""Spectra of a dose series: end of the peak's shift, onset of the loss."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from scipy.special import fdtri, ndtri, stdtrit

from cxkinetics.arrays import Array, frozen_array, numbers_of
from cxkinetics.calls import checked, checked_fields
from cxkinetics.composition.draws import ParameterDraws, check_confidence
from cxkinetics.composition.knowledge import Knowledge, curve_draws
from cxkinetics.composition.species_model import (
    draw_estimate,
    incorporation_draws,
    species_draws,
    wald_estimate,
)
from cxkinetics.composition.system import System
from cxkinetics.document.shown import Shown
from cxkinetics.errors import InputError
from cxkinetics.estimate import Estimate
from cxkinetics.record import DATA, As, Record, Version, finite_or_none
from cxkinetics.remarks import Remark
from cxkinetics.signals.spectra import SpectralSeries
from cxkinetics.source import Source
from cxkinetics.version import __version__

if TYPE_CHECKING:
    import pandas as pd

    from cxkinetics.document.page import Figure, Section
    from cxkinetics.document.units import TimeUnit

_PROFILE = 801  # places at which the profile is looked up: 1/800 of the doses is far below its width
_LEAST = 4  # distinct doses: three parameters, and one to spare


@dataclass(frozen=True, slots=True)
class Hinge:
    """A fitted hinge: where (with its interval), the level and its error given where, slope, rss."""

    at: Estimate
    level: float
    level_se: float | None
    slope: float
    rss: float
    dof: int


def fit_hinge(
    x: Array,
    y: Array,
    *,
    level_first: bool = True,
    weights: Array | None = None,
    confidence: float = 0.95,
    name: str = "hinge",
    unit: str = "",
) -> Hinge | None:
    """Fit a level that begins to change (or a change that ends in a level).

    Parameters
    ----------
    x, y : Array, shape (n,)
        Data in any order.
    level_first : bool
        True: level, then change. False: change, then level.
    weights : Array, shape (n,), optional
        Relative weights.
    confidence : float
        Of the interval of the hinge.
    name, unit : str
        For the estimate.

    Returns
    -------
    Hinge or None
        None where fewer than four distinct abscissae are given.

    Examples
    --------
    >>> x = np.arange(10.0)
    >>> round(fit_hinge(x, 1 - 0.2 * np.maximum(x - 3.4, 0)).at.value, 6)
    3.4
    """
    sign = 1.0 if level_first else -1.0
    order = np.argsort(sign * x, kind="stable")
    xs, ys = (sign * x)[order], y[order]
    ws = np.ones_like(xs) if weights is None else weights[order]
    knots = np.unique(xs)
    if knots.size < _LEAST:
        return None
    # the misfit is smallest at a dose or where level and line of a gap cross, so these few are all there are
    candidates = np.concatenate([knots[:-1], _crossings(xs, ys, ws, knots)])
    rss = np.array([_solve(xs, ys, ws, b)[0] for b in candidates])
    best = float(candidates[int(np.argmin(rss))])
    least, level, slope = _solve(xs, ys, ws, best)
    dof = xs.size - 3
    ends, reason = _interval(xs, ys, ws, best, least=least, confidence=confidence)
    low, high = ends if level_first else (None if end is None else -end for end in reversed(ends))
    at = Estimate(
        name=name, value=sign * best, low=low, high=high, unit=unit, method="profile", reason=reason
    )
    design = _design(xs, best)
    variance = np.linalg.pinv(design.T @ (design * ws[:, None]))[0, 0]
    level_se = float(np.sqrt(variance * least / dof)) if dof > 0 else None
    return Hinge(at, level, level_se, sign * slope, least, dof)


def _design(x: Array, b: float) -> Array:
    return np.stack([np.ones_like(x), np.maximum(x - b, 0.0)], axis=1)


def _solve(x: Array, y: Array, w: Array, b: float) -> tuple[float, float, float]:
    design, root = _design(x, b), np.sqrt(w)
    (level, slope), *_ = np.linalg.lstsq(design * root[:, None], y * root, rcond=None)
    rss = float(np.sum(w * (y - design @ np.array([level, slope])) ** 2))
    return rss, float(level), float(slope)


def _crossings(x: Array, y: Array, w: Array, knots: Array) -> Array:
    """Return where mean and later line cross, for every gap that holds its own crossing."""
    found = []
    for low, high in pairwise(knots[:-1]):
        early, late = x <= low, x >= high
        level = float(np.average(y[early], weights=w[early]))
        slope, intercept = np.polyfit(x[late], y[late], 1, w=np.sqrt(w[late]))
        if slope != 0 and low < (level - intercept) / slope < high:
            found.append((level - intercept) / slope)
    return np.array(found)


def _interval(
    x: Array, y: Array, w: Array, best: float, *, least: float, confidence: float
) -> tuple[tuple[float | None, float | None], str]:
    """Return the ends of the profile interval of a hinge, None where open, and why they are."""
    dof = x.size - 3
    if dof <= 0:
        return (None, None), "as many parameters as points: no scatter to estimate an error from"
    if least <= 1e-20 * float(np.sum(w * y * y)):
        return (None, None), "the points lie on the curve exactly"
    knots = np.unique(x)
    limit = least * (1 + float(fdtri(1, dof, confidence)) / dof)
    grid = np.unique(np.concatenate([np.linspace(knots[0], knots[-1], _PROFILE), knots, [best]]))[:-1]
    inside = grid[np.array([_solve(x, y, w, float(b))[0] for b in grid]) <= limit]
    low = float(inside[0]) if inside[0] > knots[0] else None
    high = float(inside[-1]) if inside[-1] < grid[-1] else None
    return (low, high), "" if None not in (low, high) else "that end lies outside the abscissae"


def check_doses(doses: Array) -> None:
    """Refuse doses that are negative or not finite."""
    bad = doses[~(np.isfinite(doses) & (doses >= 0))]
    if bad.size:
        raise InputError(f"dose {bad[0]:g} % must be 0 or more")


@checked_fields()
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DoseSpectra(Record):
    """Spectra against dose.

    Parameters
    ----------
    dose_percent : array_like, shape (n,)
        Guest added, percent of the host cation; in any order.
    wavelength_nm : array_like, shape (m,)
        Wavelengths, nm.
    absorbance : array_like, shape (n, m)
        Absorbance; NaN where a cell is masked.
    label, source, remarks
        As for `SpectralSeries`.

    Raises
    ------
    InputError
        If shapes do not fit or a dose is negative.

    Examples
    --------
    >>> spectra = DoseSpectra(dose_percent=[50, 0], wavelength_nm=[320, 324],
    ...                       absorbance=[[0.4, 0.5], [0.8, 0.9]])
    >>> spectra.dose_percent.tolist(), spectra.absorbance[0].tolist()
    ([0.0, 50.0], [0.8, 0.9])
    """

    _keys = "wavelength_nm absorbance label source remarks dose_percent"

    dose_percent: Array
    wavelength_nm: Array
    absorbance: Array
    label: str = ""
    source: Source = field(default_factory=Source)
    remarks: tuple[Remark, ...] = ()

    def __post_init__(self) -> None:
        dose = numbers_of("dose_percent", self.dose_percent)
        if dose.ndim == 1:
            check_doses(dose)
        series = SpectralSeries(time_s=dose, **_shared(self))
        object.__setattr__(self, "dose_percent", frozen_array(series.time_s))
        for name in ("wavelength_nm", "absorbance", "source"):
            object.__setattr__(self, name, getattr(series, name))

    @classmethod
    def from_series(
        cls, series: SpectralSeries, doses_percent: Any | None = None, *, factor: float = 1.0
    ) -> "DoseSpectra":
        """Return spectra whose rows are doses.

        Parameters
        ----------
        series : SpectralSeries
            As `load` reads a dose x wavelength table: what it takes for times are the doses.
        doses_percent : array_like, optional
            Doses of the rows; the rows' own numbers by default.
        factor : float
            Multiplied onto the rows' own numbers (100 for mol/mol).
        """
        remarks = tuple(r for r in series.remarks if not r.code.startswith("time_unit"))
        doses = series.time_s * factor if doses_percent is None else doses_percent
        return cls(dose_percent=doses, remarks=remarks, **_shared(series))

    def as_series(self) -> SpectralSeries:
        """Return the spectra with the dose standing where a series has its time."""
        return SpectralSeries(time_s=self.dose_percent, **_shared(self))

    def with_remarks(self, *remarks: Remark) -> "DoseSpectra":
        """Return the same spectra with `remarks` added."""
        return replace(self, remarks=(*self.remarks, *remarks))

    def __repr__(self) -> str:
        low, high = float(self.dose_percent[0]), float(self.dose_percent[-1])
        return (
            f"DoseSpectra({self.dose_percent.size} doses {low:g}-{high:g} % x {self.wavelength_nm.size} nm)"
        )


def _shared(spectra: DoseSpectra | SpectralSeries) -> dict[str, Any]:
    return {name: getattr(spectra, name) for name in ("wavelength_nm", "absorbance", "label", "source")}


_GONE = 0.05  # of the first height: what is left there is no peak with a place
_CERTAIN_NM = 0.5  # a position with a larger error says nothing about a shift of some 3 nm


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DoseSpectraFit(Record, Shown):
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

    SCHEMA = "cxkinetics.dose-spectra/1"
    _keys = """schema=SCHEMA version file=spectra.source.file sha256=spectra.source.sha256
        simulated=spectra.source.simulated dose_percent=spectra.dose_percent ... warnings"""

    spectra: Annotated[DoseSpectra, DATA]
    height: Array
    peak_nm: Array
    peak_nm_se: Array
    loss: Annotated[Array, As(key="optical_conversion")]
    start_nm: Annotated[Estimate, As(name="peak before the shift")]
    end_nm: Annotated[Estimate, As(name="peak after the shift")]
    shift_end_dose_percent: Annotated[Estimate, As(name="end of the shift")]
    loss_onset_dose_percent: Annotated[Estimate, As(name="onset of the loss")]
    shift_end_incorporation_percent: Annotated[
        Estimate | None, As(name="incorporation at the end of the shift")
    ]
    conversion: Annotated[
        tuple[Estimate, ...], As(key="compositional_conversion", name="compositional conversion")
    ]
    gap: Annotated[tuple[Estimate, ...], As(name="optical minus compositional")]
    warnings: tuple[Remark, ...] = ()
    version: Version = __version__

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
        beside = {"compositional_conversion": self.conversion, "gap": self.gap}
        columns |= {name: [share.value for share in shares] for name, shares in beside.items() if shares}
        return pd.DataFrame(columns)

    def brief(self, unit: "TimeUnit") -> "Section":
        """Return what `print` and a notebook show."""
        from cxkinetics.composition.page import dose_spectra_brief

        return dose_spectra_brief(self, unit)

    def figures(self, unit: "TimeUnit") -> "Sequence[Figure]":
        """Return the figures: the peak, then both conversions."""
        from cxkinetics.composition.figures import dose_spectra_figures

        return dose_spectra_figures(self)

    def sources(self) -> Sequence[Source]:
        """Return where the spectra came from."""
        return (self.spectra.source,)

    def __repr__(self) -> str:
        return (
            f"DoseSpectraFit(peak {self.start_nm} to {self.end_nm}, shift ends at "
            f"{self.shift_end_dose_percent}, loss from {self.loss_onset_dose_percent})"
        )


@checked()
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
    seen = spectra.absorbance[np.isin(spectra.dose_percent, trace.time_s)]
    tracked = replace(spectra, dose_percent=trace.time_s, absorbance=seen)
    dose, height = np.asarray(tracked.dose_percent), np.asarray(trace.absorbance)
    position, error = (
        np.full(dose.size, np.nan) if v is None else np.asarray(v) for v in (trace.peak_nm, trace.peak_nm_se)
    )
    present = _before_gone(height)
    hinge = partial(fit_hinge, confidence=confidence, unit="%")
    shift = _shift(dose[present], position[present], error[present], hinge)
    onset = hinge(dose[present], height[present], name="onset of the loss")
    remarks = [*spectra.remarks, *(_about_doses(remark) for remark in trace.remarks)]
    if onset is not None and onset.slope >= 0:
        remarks.append(Remark("no_loss", "the height of the peak does not fall with dose"))
        onset = None
    loss = 1 - height / float(np.mean(height[dose == dose[0]]))
    draws, said = curve_draws(table, system, rng, "no composition beside the spectra")
    known = partial(draw_estimate, confidence=confidence)
    conversion, gap = _conversions(draws, dose, loss, known)
    at_end = None
    if draws is not None and shift is not None and shift.at.value is not None:
        incorporation = incorporation_draws(draws, shift.at.value)[:, 0]
        at_end = known("incorporation at the end of the shift", incorporation, unit="%")
    place = partial(_position_estimate, position=position, error=error, confidence=confidence)
    return DoseSpectraFit(
        spectra=tracked,
        height=height,
        peak_nm=position,
        peak_nm_se=error,
        loss=loss,
        start_nm=place("peak before the shift", at=0),
        end_nm=place("peak after the shift", at=-1, hinge=shift),
        shift_end_dose_percent=_hinge_estimate(shift, "end of the shift"),
        loss_onset_dose_percent=_hinge_estimate(onset, "onset of the loss"),
        shift_end_incorporation_percent=at_end,
        conversion=conversion,
        gap=gap,
        warnings=(*remarks, *said),
    )


def _about_doses(remark: Remark) -> Remark:
    """Return a remark of the peak tracker, which speaks of times, about doses."""
    return replace(remark, text=remark.text.replace("times", "doses").replace("time ", "dose "))


def _before_gone(height: Array) -> Any:
    """Return the doses up to the first at which the peak is practically gone (that one included)."""
    gone = np.flatnonzero(height < _GONE * height[0])
    return np.arange(height.size) <= (gone[0] if gone.size else height.size)


def _shift(dose: Array, position: Array, error: Array, hinge: Callable[..., Hinge | None]) -> Hinge | None:
    known, weights = np.isfinite(position), None
    sure = known & np.isfinite(error) & (error > 0) & (error < _CERTAIN_NM)
    if sure.sum() >= _LEAST:
        known, weights = sure, error[sure] ** -2.0
    if known.sum() < _LEAST:
        return None
    return hinge(dose[known], position[known], level_first=False, weights=weights, name="end of the shift")


def _hinge_estimate(hinge: Hinge | None, name: str) -> Estimate:
    if hinge is None:
        reason = "fewer than four doses show the peak, or it does not change"
        return Estimate(name=name, value=None, unit="%", method="profile", reason=reason)
    return hinge.at


def _position_estimate(
    name: str, *, at: int, position: Array, error: Array, confidence: float, hinge: Hinge | None = None
) -> Estimate:
    """Return the fitted level after the shift or, without a hinge, the first or last measured position."""
    known = np.flatnonzero(np.isfinite(position))
    if not known.size:
        return Estimate(name=name, value=None, unit="nm", method="tracked peak", reason="the peak is lost")
    if hinge is None:
        value, se = float(position[known[at]]), finite_or_none(float(error[known[at]]))
        quantile, method, why = float(ndtri(0.5 + confidence / 2)), "tracked peak", "no error of the position"
    else:
        value, se, why = hinge.level, hinge.level_se, "no scatter left"
        method = "hinge" if se is None else "wald, level after the end of the shift"
        quantile = float(stdtrit(hinge.dof, 0.5 + confidence / 2))
    if se is None:
        return Estimate(name=name, value=value, unit="nm", method=method, reason=why)
    return wald_estimate(name, value, se, quantile, unit="nm", method=method)


def _conversions(
    draws: ParameterDraws | None, dose: Array, loss: Array, known: Callable[..., Estimate]
) -> tuple[tuple[Estimate, ...], tuple[Estimate, ...]]:
    """Return the share turned into product at each dose, and the optical conversion minus that."""
    if draws is None or draws.no_product:
        return (), ()
    product = species_draws(draws, dose)[-1].T
    apart = zip(loss, product, strict=True)
    conversion = tuple(known("compositional conversion", share) for share in product)
    return conversion, tuple(known("optical minus compositional", at - share) for at, share in apart)
