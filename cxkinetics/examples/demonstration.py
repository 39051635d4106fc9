"""The main job on the packaged examples: what the demonstration computes, before it is rendered."""

from dataclasses import dataclass

from cxkinetics.estimate import Estimate
from cxkinetics.examples.comparison import Comparison
from cxkinetics.examples.load import load_example
from cxkinetics.examples.published import published_kinetics
from cxkinetics.fitting.peak_shift import PeakShift, peak_shift
from cxkinetics.fitting.result import StagedFit
from cxkinetics.fitting.stages import fit_stages
from cxkinetics.signals.spectra import SpectralSeries

__all__ = ["DEMO_SEED", "DemoTrace", "demonstrate_trace"]

DEMO_SEED = 1
"""Seed of the simulated p-values and of the bootstrap."""

_PRINTED = {"ag-cds": "3", "cu-cds": "14"}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DemoTrace:
    """One example: its spectra, its fit and the published numbers beside.

    Attributes
    ----------
    name, title : str
        Name of the example and words for a heading.
    series : SpectralSeries
        The simulated spectra.
    fit : StagedFit
        Fit of the tracked peak.
    shift : PeakShift
        The shift of the tracked peak, the other witness of the breakpoint.
    comparisons : tuple of Comparison
        Published numbers beside ours.
    """

    name: str
    title: str
    series: SpectralSeries
    fit: StagedFit
    shift: PeakShift
    comparisons: tuple[Comparison, ...]


def demonstrate_trace(name: str, *, seed: int = DEMO_SEED) -> DemoTrace:
    """Return the fit of a packaged example with the published numbers beside.

    Parameters
    ----------
    name : str
        "ag-cds" or "cu-cds".
    seed : int
        Of the simulated p-value and the bootstrap.

    Examples
    --------
    >>> demo = demonstrate_trace("ag-cds")
    >>> demo.fit.verdict.code, all(row.inside for row in demo.comparisons)
    ('two_stages', True)
    """
    published = published_kinetics(name)
    series = load_example(name)
    trace = series.exciton_peak(near_nm=published.peak_start_nm)
    fit = fit_stages(trace, rng=seed)
    shift = peak_shift(trace, rng=seed)

    def row(
        quantity: str,
        number: float,
        found: Estimate,
        *,
        assumed: bool = False,
        printed: str = "",
        note: str = "",
    ) -> Comparison:
        kind = "assumed" if assumed else "simulated"
        return Comparison(
            quantity=quantity, published=number, found=found, printed=printed, note=note, kind=kind
        )

    rows = [row("k, stage 1", published.k1_per_s, fit.stages[0].k_per_s)]
    if len(fit.stages) > 1:
        rows += [
            row("k, stage 2", published.k2_per_s, fit.stages[1].k_per_s),
            row("breakpoint", published.breakpoint_s, fit.breakpoints_s[0]),
        ]
    if fit.rate_ratio is not None:
        rows.append(row("k1/k2", round(published.rate_ratio, 4), fit.rate_ratio, printed=_PRINTED[name]))
    start, end = published.absorbance_start, published.breakpoint_s
    guessed = bool(published.assumed)
    note = f"Assumed, not published: {published.assumed}." if guessed else ""
    rows += [
        row("absorbance at 0 s", start, _absorbance_at_start(fit), assumed=guessed, note=note),
        row("peak at 0 s", published.peak_start_nm, shift.start_nm),
        row("peak after stage 1", published.peak_end_nm, shift.end_nm),
        row("peak shift ends", end, shift.ends_s, assumed=guessed),
    ]
    return DemoTrace(
        name=name, title=published.label, series=series, fit=fit, shift=shift, comparisons=tuple(rows)
    )


def _absorbance_at_start(fit: StagedFit) -> Estimate:
    """Amplitude and offset are one number where the offset is zero; otherwise only the curve's value."""
    if fit.offset.value == 0.0:
        return fit.amplitude
    import numpy as np

    value = float(fit.curve(np.array([0.0]))[0])
    return Estimate(name="absorbance at 0 s", value=value, unit=fit.trace.unit, reason="value of the curve")
