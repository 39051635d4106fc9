"""All that whole spectra say at once: global fit, isosbestic points, and both witnesses of a breakpoint."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from cxkinetics.document.shown import Shown
from cxkinetics.errors import CxKineticsError
from cxkinetics.record import Record
from cxkinetics.remarks import Remark
from cxkinetics.signals.spectra import SpectralSeries
from cxkinetics.source import Source
from cxkinetics.spectral.fit import fit_spectra
from cxkinetics.spectral.isosbestic import IsosbesticPoint, isosbestic_points
from cxkinetics.spectral.prepare import PREPARED, prepare
from cxkinetics.spectral.rank import rank_of
from cxkinetics.spectral.result import SpectraFit, TwoWitnesses
from cxkinetics.spectral.witnesses import fit_witnesses

if TYPE_CHECKING:
    from cxkinetics.document.page import Figure, Page, Section
    from cxkinetics.document.table import Table
    from cxkinetics.document.units import TimeUnit

_ENOUGH = 12
_OWN_CODES = ("scheme_chosen", "no_peak_path")  # of remarks made here; JSON keeps them with the fit's


@dataclass(frozen=True, slots=True, eq=False)
class SpectralAnalysis(Record, Shown):
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

    @property
    def remarks(self) -> tuple[Remark, ...]:
        """All warnings: of the fit, of the analysis and of the witnesses."""
        beside = () if self.witnesses is None else self.witnesses.warnings
        return (*self.fit.warnings, *self.warnings, *beside)

    def _written(self, whole: bool) -> dict[str, Any]:
        """Return the document of the fit with isosbestic points, peak path and witnesses."""
        witnesses = self.witnesses
        trace = {} if witnesses is None else witnesses.trace.to_dict()
        path = {name: trace[name] for name in ("time_s", "absorbance", "peak_nm", "peak_nm_se") if trace}
        record = self.fit._written(whole)
        record["warnings"] = [remark.to_dict() for remark in (*self.fit.warnings, *self.warnings)]
        return record | {
            "isosbestic_points": [point.to_dict() for point in self.isosbestic],
            "peak_path": path or None,
            "witnesses": None if witnesses is None else witnesses._written(whole),
        }

    @classmethod
    def from_dict(cls, record: Mapping[str, Any]) -> Self:
        """Return the analysis that was written with its data."""
        heard = record["warnings"]
        fit = [remark for remark in heard if remark["code"] not in _OWN_CODES]
        own = [remark for remark in heard if remark["code"] in _OWN_CODES]
        witnesses = record["witnesses"]
        return cls(
            SpectraFit.from_dict({**record, "warnings": fit}),
            tuple(IsosbesticPoint.from_dict(point) for point in record["isosbestic_points"]),
            None if witnesses is None else TwoWitnesses.from_dict(witnesses),
            tuple(map(Remark.from_dict, own)),
        )

    def sources(self) -> tuple[Source, ...]:
        """Return where the runs came from."""
        return self.fit.sources()

    def brief(self, unit: "TimeUnit") -> "Section":
        """Return what `print` and the command line show."""
        from cxkinetics.spectral.page import analysis_brief

        return analysis_brief(self, unit)

    def page(self, unit: "TimeUnit", *, command: str = "") -> "Page":
        """Return the report; `command` is how it can be made again."""
        from cxkinetics.spectral.page import analysis_page

        return analysis_page(self, unit, command=command)

    def figures(self, unit: "TimeUnit") -> "tuple[Figure, ...]":
        """Return the figures of fit and witnesses."""
        from cxkinetics.spectral.page import analysis_figures

        return analysis_figures(self, unit)

    def data(self) -> "list[Table]":
        """Return the CSV files of the folder as tables."""
        from cxkinetics.spectral.page import analysis_data

        return analysis_data(self)


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
    runs: Sequence[SpectralSeries], scheme: str | None = None, *, near_nm: float | None = None, **options: Any
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
    confidence = options.get("confidence", 0.95)
    cut = {name: options[name] for name in PREPARED if name in options}
    series, _ = prepare(runs[0], **cut)
    if scheme is None:
        scheme, why = scheme_for(series)
        warnings.append(Remark("scheme_chosen", f"no scheme was given: {scheme} was taken, as {why}"))
    fit = fit_spectra(list(runs), scheme, **options)
    points = isosbestic_points(series, confidence=confidence)
    witnesses: TwoWitnesses | None = None
    try:
        witnesses = fit_witnesses(series, near_nm=near_nm, confidence=confidence)
    except (CxKineticsError, np.linalg.LinAlgError) as error:
        warnings.append(Remark("no_peak_path", f"no peak path: {error}"))
    return SpectralAnalysis(fit, points, witnesses, tuple(warnings))
