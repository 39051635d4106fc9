"""What one trace implies if it is read as C0 -> C2 -> P with quenching, beside the broken stick.

The biexponential that fits the trace is turned into rate constants and molar absorptivities, for both
orders of the rates, and the position of the peak bounds k1 from below. A broken stick and this reading
can fit the same trace; the bound is what tells them apart.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import numpy as np

from cxkinetics.calls import checked
from cxkinetics.document.shown import Shown
from cxkinetics.errors import FitError, InputError
from cxkinetics.estimate import Estimate
from cxkinetics.kinetics.result import Rival, StagedFit
from cxkinetics.models.decays import SequentialReading, least_first_rate, read_sequential
from cxkinetics.record import As, Record

if TYPE_CHECKING:
    from cxkinetics.document.page import Section
    from cxkinetics.document.units import TimeUnit

_MOST_SHIFT = 0.999
"""Largest share of the shift that a bound is taken from, to keep it finite."""
_ONE_SIDED = 1.645


@dataclass(frozen=True, slots=True, kw_only=True)
class SequentialImplications(Record, Shown):
    """The sequential reading of one trace.

    Attributes
    ----------
    readings : tuple of SequentialReading
        Fast step first, slow step first; `possible` says which molar absorptivities allow.
    k1_bound : Estimate or None
        Least k1 by the position of the peak, 1/s; None without a peak path.
    broken_stick_k1 : Estimate
        k of stage 1 of the staged fit.
    delta_aicc : float or None
        AICc of the biexponential minus that of the staged fit.
    text : str
        The comparison in words.
    """

    SCHEMA = "cxkinetics.sequential-reading/1"

    readings: tuple[SequentialReading, SequentialReading]
    k1_bound: Annotated[Estimate | None, As(key="k1_bound_per_s", name="least k1 by the peak's position")]
    broken_stick_k1: Annotated[Estimate, As(key="broken_stick_k1_per_s", name="k")]
    delta_aicc: float | None
    text: str

    def brief(self, unit: "TimeUnit") -> "Section":
        """Return what `print` and a notebook show."""
        from cxkinetics.composition.page import sequential_brief

        return sequential_brief(self, unit)


@checked()
def sequential_implications(
    fit: StagedFit, *, doped_peak_nm: float | None = None, at_s: float | None = None
) -> SequentialImplications:
    """Return what the sequential model with quenching would mean for a fitted trace.

    Parameters
    ----------
    fit : StagedFit
        Of one trace; a tracked peak (`trace.peak_nm`) gives the bound on k1.
    doped_peak_nm : float, optional
        Where the peak of the doped cluster stands, nm; by default the last positions of the path.
    at_s : float, optional
        When the bound is taken, s; the first breakpoint by default.

    Returns
    -------
    SequentialImplications
        Both readings of the biexponential, the bound on k1 by the peak, and what speaks against them.

    Raises
    ------
    FitError
        If the fit holds no biexponential among its rivals.
    InputError
        If `at_s` lies outside the trace.

    Examples
    --------
    >>> from cxkinetics.examples.kinetics import load_example
    >>> from cxkinetics.kinetics.fit import fit_stages
    >>> fit = fit_stages(load_example("ag-cds").exciton_peak(near_nm=324))
    >>> [(round(reading.k1, 2), reading.possible) for reading in sequential_implications(fit).readings]
    [(0.08, True), (0.01, False)]
    """
    rivals = [r for r in fit.rivals if r.model.startswith("biexponential") and r.aicc is not None]
    if not rivals:
        raise FitError("no biexponential stands among the rivals of this fit; fit it with its rivals")
    readings, rival = min(
        ((_readings(rival), rival) for rival in rivals),
        key=lambda item: (not any(r.possible for r in item[0]), item[1].aicc or 0.0),
    )
    bound = _bound(fit, doped_peak_nm, at_s)
    staged = [r.aicc for r in fit.rivals if "stages" in r.model and r.aicc is not None]
    delta = rival.aicc - min(staged) if staged and rival.aicc is not None else None
    return SequentialImplications(
        readings=readings,
        k1_bound=bound,
        broken_stick_k1=fit.stages[0].k_per_s,
        delta_aicc=delta,
        text=_words(fit, readings, bound, delta),
    )


def _readings(rival: Rival) -> tuple[SequentialReading, SequentialReading]:
    p = rival.parameters
    try:
        return read_sequential((p["C1"], p["k1"]), (p["C2"], p["k2"]), p.get("o", 0.0))
    except KeyError as error:
        raise FitError(f"the biexponential of this fit lacks the parameter {error}") from error


def _bound(fit: StagedFit, doped_peak_nm: float | None, at_s: float | None) -> Estimate | None:
    trace = fit.trace
    if trace.peak_nm is None:
        return None
    breaks = [b.value for b in fit.breakpoints_s if b.value is not None]
    if at_s is None and not breaks:
        return None
    at = float(at_s) if at_s is not None else float(breaks[0])
    start, end = float(trace.time_s[0]), float(trace.time_s[-1])
    if not start < at <= end:
        raise InputError(f"at_s = {at:g} s lies outside the trace, {start:g}-{end:g} s")
    known = np.isfinite(trace.peak_nm)
    time, position = trace.time_s[known], trace.peak_nm[known]
    if time.size < 3:
        return None
    near = np.argsort(np.abs(time - at))[: max(3, time.size // 40)]
    first = float(np.median(position[: max(3, time.size // 40)]))
    last = doped_peak_nm if doped_peak_nm is not None else float(np.median(position[time >= at]))
    if abs(last - first) < 1e-9:
        return None
    doubt = 0.0
    if trace.peak_nm_se is not None:
        doubt = _ONE_SIDED * float(np.nanmedian(trace.peak_nm_se[known][near]) / abs(last - first))
    share = float(np.median(position[near]) - first) / (last - first)
    share = float(np.clip(share - doubt, 0.0, _MOST_SHIFT))
    level = fit.curve(np.array([start, at]))
    left = float(np.clip(level[1] / level[0], 1e-9, 1.0))
    reason = (
        f"by {at:.4g} s the peak has made at least {share:.1%} of its shift (95 %, one-sided) and "
        f"{left:.0%} of the absorbance is left"
    )
    k1 = least_first_rate(left, share, at - start)
    return Estimate(
        name="least k1 by the peak's position", value=k1, unit="1/s", method="bound", reason=reason
    )


def _words(
    fit: StagedFit, readings: Sequence[SequentialReading], bound: Estimate | None, delta: float | None
) -> str:
    possible = [r for r in readings if r.possible]
    k1 = fit.stages[0].k_per_s.value
    if not possible:
        text = "neither order of the two rates gives molar absorptivities that can be: not a sequential trace"
    else:
        parts = [f"k1 = {r.k1:.3g} 1/s, k2 = {r.k2:.3g} 1/s, q = {r.q:.2f}, c = {r.c:.2f}" for r in possible]
        text = "read as sequential with quenching: " + " or ".join(parts)
        if len(possible) == 2:
            text += " (slow-fast ambiguity undecided)"
    if bound is not None and bound.value is not None and k1 is not None:
        text += f"; the peak's position asks for k1 >= {bound.value:.3g} 1/s"
        if k1 < bound.value:
            text += f", so the {k1:.3g} 1/s of the broken stick would be an apparent slope in that reading"
    if delta is not None:
        text += f"; AICc prefers the {'broken stick' if delta > 0 else 'biexponential'} by {abs(delta):.1f}"
    return text
