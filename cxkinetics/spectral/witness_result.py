"""What two witnesses of one breakpoint say: the rate of the absorbance and the shift of the peak."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

import numpy as np

from cxkinetics.arrays import Array
from cxkinetics.document.shown import Shown
from cxkinetics.estimate import Estimate
from cxkinetics.record import DATA, As, Record, Version
from cxkinetics.remarks import Remark
from cxkinetics.signals.trace import Trace
from cxkinetics.source import Source
from cxkinetics.version import __version__

if TYPE_CHECKING:
    from cxkinetics.document.page import Figure, Section
    from cxkinetics.document.units import TimeUnit


def sequential_curves(time_s: Array, k1: float, k2: float, q: float) -> tuple[Array, Array, Array]:
    """Return C0, q C2 and P of C0 -k1-> C2 -k2-> P at times (s), each shape (n,).

    Examples
    --------
    >>> host, doped, product = sequential_curves(np.array([20.0]), 0.1445, 0.02, 0.5)
    >>> round(float(host[0]), 4)
    0.0556
    """
    host = np.exp(-k1 * time_s)
    gap = k2 - k1
    if abs(gap) * float(np.max(time_s, initial=0.0)) < 1e-6:
        doped = k1 * time_s * host
    else:
        doped = k1 / gap * (host - np.exp(-k2 * time_s))
    return host, q * doped, 1 - host - doped


@dataclass(frozen=True, slots=True, kw_only=True)
class WitnessModel(Record):
    """One model of absorbance and position together, ranked by AICc (lower is better)."""

    model: str
    n_parameters: int
    aicc: float | None
    delta_aicc: float | None
    parameters: Mapping[str, float]
    note: str = ""

    def curves(self, time_s: Array) -> tuple[Array, Array]:
        """Return absorbance and position (nm) of the peak at times (s)."""
        p = self.parameters
        position: Array
        if self.model == "staged":
            spent = np.minimum(time_s, p["tb"]) * p["k1"] + np.maximum(time_s - p["tb"], 0.0) * p["k2"]
            # the peak moves in proportion to time until the breakpoint
            share = np.clip(time_s / max(p["tb"], 1e-300), None, 1.0)
            position = p["start_nm"] + (p["end_nm"] - p["start_nm"]) * share
            return p["offset"] + p["amplitude"] * np.exp(-spent), position
        host, doped, product = sequential_curves(time_s, p["k1"], p["k2"], p["q"])
        # one narrow band for both species: its place is their mean, weighted by what each absorbs
        position = (host * p["start_nm"] + doped * p["end_nm"]) / (host + doped)
        return p["a"] * (host + doped + p["c"] * product), position


@dataclass(frozen=True, slots=True, kw_only=True)
class Populations(Record):
    """Whether quenching or two populations describe whole spectra.

    Attributes
    ----------
    verdict : str
        "quenching", "two_populations", "degenerate" or "undecided".
    text : str
        One sentence with the numbers.
    chi2_quenching, chi2_populations : float or None
        Misfit of the two descriptions, in units of the noise (of the better one, where neither fits).
    quenching_nm, populations_nm : tuple of Estimate
        Places of the two bands in each description (host, doped; faster, slower), nm.
    """

    verdict: str
    text: str
    chi2_quenching: float | None = None
    chi2_populations: float | None = None
    quenching_nm: Annotated[tuple[Estimate, ...], As(name="band")] = ()
    populations_nm: Annotated[tuple[Estimate, ...], As(name="band")] = ()


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TwoWitnesses(Record, Shown):
    """The breakpoint from the absorbance, from the peak position, and from both.

    Attributes
    ----------
    trace : Trace
        Height and position of the tracked peak; times count from t0.
    options : mapping
        Every option that shaped the result.
    absorbance, position, together : Estimate
        Breakpoint where the rate constant changes, end of the peak's shift, and both taken as one, s.
    difference : Estimate
        The first minus the second, s.
    agreement_p : float or None
        p-value of "both are one" (likelihood ratio, chi2 with 1 degree of freedom).
    peak_start, peak_end, shift : Estimate
        Position at t = 0, after the shift, and the difference, nm.
    bound : Estimate
        Smallest k1 (1/s) that a sequential model A -> B -> C allows by how far the peak has moved and
        the absorbance fallen at the breakpoint.
    rates : tuple of Estimate
        k1 and k2 of the staged decay of the absorbance alone, 1/s.
    models : tuple of WitnessModel
        Models of both signals together, best first.
    populations : Populations or None
        Quenching or two populations, by the whole spectrum.
    verdict, text : str
        "staged", "sequential", "two_populations", "degenerate" or "undecided", and one sentence.
    grid_s, absorbance_deviance, position_deviance : Array, shape (x,)
        Profiles: rise of the misfit in units of the noise against the breakpoint.
    warnings : tuple of Remark
        What was assumed or doubted.

    Examples
    --------
    >>> import cxkinetics as cx
    >>> found = cx.fit_witnesses(cx.load_example("ag-cds"), near_nm=324)
    >>> found.verdict, round(found.together.value), round(found.shift.value)
    ('staged', 20, 3)
    """

    SCHEMA: ClassVar[str] = "cxkinetics.witnesses/1"
    _keys = """schema=SCHEMA version file=trace.source.file sha256=trace.source.sha256 trace=_which
        simulated=trace.source.simulated n_points=trace.n_points ..."""

    trace: Annotated[Trace, DATA]
    options: Mapping[str, Any]
    absorbance: Annotated[Estimate, As(key="breakpoint_s.absorbance", name="breakpoint by the rate")]
    position: Annotated[Estimate, As(key="breakpoint_s.position", name="end of the shift")]
    together: Annotated[Estimate, As(key="breakpoint_s.together", name="breakpoint by both")]
    difference: Annotated[Estimate, As(key="breakpoint_s.difference", name="difference")]
    agreement_p: Annotated[float | None, As(key="breakpoint_s.agreement_p")]
    peak_start: Annotated[Estimate, As(key="peak_nm.start", name="peak at the start")]
    peak_end: Annotated[Estimate, As(key="peak_nm.end", name="peak after the shift")]
    shift: Annotated[Estimate, As(key="peak_nm.shift", name="shift")]
    bound: Annotated[Estimate, As(key="sequential_k1_bound", name="least k1 of a sequential model")]
    rates: Annotated[tuple[Estimate, ...], As(name="k{at}")]
    models: tuple[WitnessModel, ...]
    populations: Populations | None
    verdict: Annotated[str, As(key="verdict.code")]
    text: Annotated[str, As(key="verdict.text")]
    grid_s: Annotated[Array, DATA]
    absorbance_deviance: Annotated[Array, DATA]
    position_deviance: Annotated[Array, DATA]
    warnings: tuple[Remark, ...] = ()
    version: Version = __version__

    @property
    def _which(self) -> str | int:
        return self.trace.label or self.trace.source.trace

    def sources(self) -> tuple[Source, ...]:
        """Return where the trace came from."""
        return (self.trace.source,)

    def brief(self, unit: "TimeUnit") -> "Section":
        """Return what `print` and a notebook show."""
        from cxkinetics.spectral.page import witness_brief

        return witness_brief(self, unit)

    def figures(self, unit: "TimeUnit") -> "tuple[Figure, ...]":
        """Return both witnesses with the profiles of their breakpoints."""
        from cxkinetics.spectral.page import witness_figures

        return witness_figures(self, unit)

    def __repr__(self) -> str:
        return (
            f"TwoWitnesses({self.verdict}: by the rate {self.absorbance}, by the shift {self.position}, "
            f"together {self.together})"
        )
