"""All that whole spectra say at once: global fit, isosbestic points, and both witnesses of a breakpoint."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from cxkinetics.errors import CxKineticsError
from cxkinetics.remarks import Remark
from cxkinetics.signals.spectra import SpectralSeries
from cxkinetics.spectral.fit import fit_spectra
from cxkinetics.spectral.isosbestic import IsosbesticPoint, isosbestic_points
from cxkinetics.spectral.prepare import prepare
from cxkinetics.spectral.rank import rank_of
from cxkinetics.spectral.result import SpectraFit
from cxkinetics.spectral.witness_result import TwoWitnesses
from cxkinetics.spectral.witnesses import fit_witnesses

__all__ = ["SpectralAnalysis", "analyse_spectra", "scheme_for"]

_ENOUGH = 12


@dataclass(frozen=True, slots=True, eq=False)
class SpectralAnalysis:
    """A global fit and what stands beside it.

    Attributes
    ----------
    fit : SpectraFit
        The global fit.
    isosbestic : tuple of IsosbesticPoint
        Of the first run.
    witnesses : TwoWitnesses or None
        Of the first run; None where no peak can be followed.
    warnings : tuple of Remark
        About the analysis (those of fit and witnesses stand there).
    """

    fit: SpectraFit
    isosbestic: tuple[IsosbesticPoint, ...]
    witnesses: TwoWitnesses | None
    warnings: tuple[Remark, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form: that of the fit with isosbestic points, peak path and witnesses."""
        witnesses = self.witnesses
        path: dict[str, Any] | None = None
        if witnesses is not None:
            trace = witnesses.trace.to_dict()
            names = ("time_s", "absorbance", "peak_nm", "peak_nm_se")
            path = {name: trace[name] for name in names}
        record = self.fit.to_dict()
        record["warnings"] = [remark.to_dict() for remark in (*self.fit.warnings, *self.warnings)]
        return record | {
            "isosbestic_points": [point.to_dict() for point in self.isosbestic],
            "peak_path": path,
            "witnesses": None if witnesses is None else witnesses.to_dict(),
        }


def scheme_for(series: SpectralSeries) -> tuple[str, str]:
    """Return a chain with as many species as there are independent spectra (2 or 3), and why.

    Three species need at least 12 spectra: fewer cannot tell a third from drift.
    """
    count, n = rank_of(series).n_components, series.time_s.size
    if count > 2 and n < _ENOUGH:
        return "A -> B", f"the spectra show {count} components, but {n} of them are too few for three species"
    scheme = "A -> B; B -> C" if count > 2 else "A -> B"
    return scheme, f"the spectra show {count} component{'' if count == 1 else 's'}"


def analyse_spectra(
    runs: Sequence[SpectralSeries],
    scheme: str | None = None,
    *,
    near_nm: float | None = None,
    **options: Any,
) -> SpectralAnalysis:
    """Return the global fit of one or several runs, isosbestic points and both witnesses.

    Parameters
    ----------
    runs : sequence of SpectralSeries
        Runs that share the rate constants.
    scheme : str, optional
        As for `fit_spectra`; by default a chain with as many species as the first run has
        independent spectra, which a remark says.
    near_nm : float, optional
        Which peak is followed, nm; the strongest of the first spectra by default.
    **options
        Passed on to `fit_spectra`.
    """
    warnings: list[Remark] = []
    prepared = prepare(
        runs[0],
        window_s=options.get("window"),
        wavelength_range_nm=options.get("wavelength_range_nm"),
        t0_s=options.get("t0"),
        highest_absorbance=options.get("highest_absorbance", 3.0),
    )
    if scheme is None:
        scheme, why = scheme_for(prepared.series)
        warnings.append(Remark("scheme_chosen", f"no scheme was given: {scheme} was taken, as {why}"))
    fit = fit_spectra(list(runs), scheme, **options)
    points = isosbestic_points(prepared.series, confidence=options.get("confidence", 0.95))
    witnesses: TwoWitnesses | None = None
    try:
        confidence = options.get("confidence", 0.95)
        witnesses = fit_witnesses(prepared.series, near_nm=near_nm, confidence=confidence)
    except (CxKineticsError, np.linalg.LinAlgError) as error:
        warnings.append(Remark("no_peak_path", f"no peak path: {error}"))
    return SpectralAnalysis(fit, points, witnesses, tuple(warnings))
