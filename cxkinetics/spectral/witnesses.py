"""Two witnesses of one breakpoint: the rate of the absorbance and the end of the peak's shift.

The tracked peak gives both signals. The absorbance is fitted with two first-order stages (AR(1) noise
where its residuals show it), the position with a steady shift that ends; each gives a profile of the
breakpoint. Both are then taken as one, and whether they are is tested. Smooth rivals explain both
without a break: sequential conversion with quenching, and two populations, which are the same curves;
`populations.py` tells these two apart by the whole spectrum, where the peak moves.
"""

from dataclasses import dataclass, replace

import numpy as np

from cxkinetics.arrays import Array
from cxkinetics.errors import InputError, UsageError
from cxkinetics.estimate import Estimate
from cxkinetics.fitting.fitted import Fitted, staged_fit
from cxkinetics.fitting.profile import profile_space
from cxkinetics.fitting.sample import sample_of
from cxkinetics.remarks import Remark
from cxkinetics.signals.spectra import SpectralSeries
from cxkinetics.signals.trace import Trace
from cxkinetics.spectral.bounds import sequential_rate_bound
from cxkinetics.spectral.exponentials import spectra_of_exponentials
from cxkinetics.spectral.peak_models import Pair, position_profile
from cxkinetics.spectral.populations import Populations, tell_apart
from cxkinetics.spectral.profiles import agreement, breakpoint_grid, estimate_of, refined
from cxkinetics.spectral.witness_models import rank_models
from cxkinetics.spectral.witness_result import TwoWitnesses
from cxkinetics.spectral.witness_verdict import break_leads, judge_witnesses

__all__ = ["fit_witnesses"]

_FEWEST = 10
_MOVED = 4.0  # standard errors of the shift


def fit_witnesses(
    data: SpectralSeries | Trace,
    *,
    near_nm: float | None = None,
    window: tuple[float | None, float | None] | None = None,
    t0: float = 0.0,
    confidence: float = 0.95,
) -> TwoWitnesses:
    """Find the breakpoint by the absorbance and by the position of the peak, and compare.

    Parameters
    ----------
    data : SpectralSeries or Trace
        Spectra against time, or a trace with a peak position (`SpectralSeries.exciton_peak`); only
        spectra allow to tell quenching from two populations.
    near_nm : float, optional
        Which peak, nm; the strongest of the first spectra by default.
    window : pair of float or None, optional
        Times kept, s, on the file's clock; None for an open end.
    t0 : float
        When the reaction starts, s; times count from it.
    confidence : float
        Coverage of the intervals.

    Returns
    -------
    TwoWitnesses
        Breakpoints, agreement, ranked models and verdict.

    Raises
    ------
    InputError
        If the trace has no peak position, or fewer than ten points or positions are left.

    Examples
    --------
    >>> from cxkinetics.signals.spectra import SpectralSeries
    >>> time, wavelength = np.arange(0.0, 101.0), np.arange(290.0, 361.0)
    >>> height = 0.9 * np.exp(-0.056 * np.minimum(time, 20) - 0.019 * np.maximum(time - 20, 0))
    >>> place = 324 + 3 * np.minimum(time / 20, 1)
    >>> band = height[:, None] * np.exp(-0.5 * ((wavelength - place[:, None]) / 8) ** 2)
    >>> noise = 0.003 * np.random.default_rng(1).standard_normal(band.shape)
    >>> found = fit_witnesses(SpectralSeries(time_s=time, wavelength_nm=wavelength, absorbance=band + noise))
    >>> found.verdict, round(found.together.value)
    ('staged', 20)
    """
    if not 0 < confidence < 1:
        raise UsageError(f"confidence is {confidence:g}; it must lie between 0 and 1")
    trace = data.exciton_peak(near_nm) if isinstance(data, SpectralSeries) else data
    trace = _windowed(trace, window, t0)
    # The offset is always fitted: one that is left out by choice makes every interval too narrow.
    fitted = staged_fit(sample_of(trace), n_stages=2, with_offset=True, ar1=True)
    pair = _pair(trace, fitted)
    from scipy.special import stdtrit

    quantile = float(stdtrit(float(fitted.dof), 0.5 + confidence / 2))
    freedom = max(pair.position_nm.size - 3, 1)
    limit = quantile**2
    grid, absorbance, position_misfit, lines = _profiles(pair, fitted, freedom, limit)
    position = freedom * (position_misfit / max(float(position_misfit.min()), 1e-300) - 1)
    both = absorbance + position
    by_rate = estimate_of("breakpoint by the rate", grid, absorbance, limit, quantile)
    by_shift = estimate_of("end of the shift", grid, position, limit, quantile)
    together = estimate_of("breakpoint by both", grid, both - both.min(), limit, quantile)
    tested = agreement(absorbance, position)
    peak = _peak(pair, lines, grid, position_misfit, freedom, confidence)
    moved = peak.shift_z > _MOVED
    models = rank_models(pair, fitted, grid, absorbance, position_misfit)
    populations = None
    if moved and not break_leads(models):
        populations = _populations(data, trace, window, t0, confidence)
    warnings = list(trace.remarks)
    warnings += _doubts(pair, moved)
    end = together.value if together.value is not None else float(pair.time_s[-1])
    verdict, text = judge_witnesses(moved, peak.shift, models, populations, tested.p_value, by_rate, by_shift)
    if not moved:
        still = "the peak does not move"
        by_shift = Estimate(name=by_shift.name, value=None, unit="s", method="profile", reason=still)
        together = by_rate
    return TwoWitnesses(
        trace=trace,
        options={
            "near_nm": near_nm,
            "window": None if window is None else list(window),
            "t0": t0,
            "confidence": confidence,
            "ar1": fitted.rho,
        },
        absorbance=by_rate,
        position=by_shift,
        together=together,
        difference=_difference(by_rate, by_shift, quantile, moved),
        agreement_p=tested.p_value if moved else None,
        peak_start=peak.start,
        peak_end=peak.end,
        shift=peak.shift,
        bound=_bound(trace, peak, end, moved),
        rates=_rates(fitted, quantile),
        models=models,
        populations=populations,
        verdict=verdict,
        text=text,
        grid_s=grid,
        absorbance_deviance=absorbance,
        position_deviance=position,
        warnings=tuple(dict.fromkeys(warnings)),
    )


def _windowed(trace: Trace, window: tuple[float | None, float | None] | None, t0: float) -> Trace:
    if trace.peak_nm is None:
        raise InputError("this trace holds no peak position; make it with SpectralSeries.exciton_peak")
    low, high = window if window is not None else (None, None)
    keep = trace.time_s >= t0
    if low is not None:
        keep &= trace.time_s >= low
    if high is not None:
        keep &= trace.time_s <= high
    kept = trace.select(keep)
    if kept.peak_nm is None or np.isfinite(kept.peak_nm).sum() < _FEWEST:
        count = 0 if kept.peak_nm is None else int(np.isfinite(kept.peak_nm).sum())
        raise InputError(
            f"{kept.n_points} points are left, {count} of them with a peak position; "
            f"both witnesses need {_FEWEST}",
            file=trace.source.file or None,
            remedy="widen the window, or track a stronger peak",
        )
    return replace(kept, time_s=kept.time_s - t0)


def _pair(trace: Trace, fitted: Fitted) -> Pair:
    sample = fitted.sample
    assert trace.peak_nm is not None
    known = np.isfinite(trace.peak_nm)
    error = np.ones(trace.n_points) if trace.peak_nm_se is None else trace.peak_nm_se
    known &= np.isfinite(error) & (error > 0)
    return Pair(
        time_s=sample.time * sample.span_s + sample.anchor_s,
        absorbance=sample.signal * sample.scale,
        white=fitted.white,
        position_time_s=trace.time_s[known],
        position_nm=trace.peak_nm[known],
        position_se=error[known],
    )


def _profiles(pair: Pair, fitted: Fitted, freedom: int, limit: float) -> tuple[Array, Array, Array, Array]:
    """Return grid, deviance of the absorbance, misfit of the position and its lines, fine at the valleys."""
    sample = fitted.sample
    best_break = float(fitted.theta[fitted.family.names.index("b1")]) * sample.span_s + sample.anchor_s
    coarse = breakpoint_grid(pair.time_s, np.zeros(0))
    misfit, _ = position_profile(pair, coarse)
    grid = breakpoint_grid(pair.time_s, np.array([best_break, float(coarse[np.argmin(misfit)])]))
    for refining in (True, True, False):
        absorbance = _absorbance_deviance(fitted, grid)
        misfit, lines = position_profile(pair, grid)
        if not refining:
            break
        position = freedom * (misfit / max(float(misfit.min()), 1e-300) - 1)
        both = absorbance + position
        grid = refined(grid, (absorbance, position, both - both.min()), 1.5 * limit)
    return grid, absorbance, misfit, lines


def _absorbance_deviance(fitted: Fitted, grid: Array) -> Array:
    sample = fitted.sample
    space = profile_space(fitted)
    rss = space.rss_of_break(0, (grid - sample.anchor_s) / sample.span_s)
    least = min(float(rss.min()), fitted.found.rss)
    deviance: Array = fitted.dof * (rss / max(least, 1e-300) - 1)
    return np.maximum(deviance, 0.0)


@dataclass(frozen=True, slots=True, eq=False)
class _Peak:
    start: Estimate
    end: Estimate
    shift: Estimate
    shift_z: float
    start_nm: float
    end_nm: float


def _peak(pair: Pair, lines: Array, grid: Array, misfit: Array, freedom: int, confidence: float) -> _Peak:
    from scipy.special import stdtrit

    best = int(np.argmin(misfit))
    ends, (end_nm, slope) = float(grid[best]), lines[best]
    weight = 1 / pair.position_se
    basis = np.stack([weight, np.minimum(pair.position_time_s - ends, 0.0) * weight], axis=1)
    variance = float(misfit[best]) / freedom
    covariance = variance * np.linalg.pinv(basis.T @ basis)
    quantile = float(stdtrit(float(freedom), 0.5 + confidence / 2))

    def number(name: str, value: float, row: Array) -> Estimate:
        se = float(np.sqrt(row @ covariance @ row))
        return Estimate(
            name=name,
            value=value,
            se=se,
            low=value - quantile * se,
            high=value + quantile * se,
            unit="nm",
            method="wald",
        )

    start_nm = float(end_nm - slope * ends)
    shift = number("shift", float(slope * ends), np.array([0.0, ends]))
    still = _still_misfit(pair)
    # A shift that is not there has no end either: judged by the gain over a constant, three numbers for one.
    gain = max(still - float(misfit[best]), 0.0) / max(variance, 1e-300)
    return _Peak(
        number("peak at the start", start_nm, np.array([1.0, -ends])),
        number("peak after the shift", float(end_nm), np.array([1.0, 0.0])),
        shift,
        float(np.sqrt(gain)),
        start_nm,
        float(end_nm),
    )


def _still_misfit(pair: Pair) -> float:
    weight = 1 / pair.position_se**2
    mean = float(weight @ pair.position_nm / weight.sum())
    return float(weight @ (pair.position_nm - mean) ** 2)


def _populations(
    data: SpectralSeries | Trace,
    trace: Trace,
    window: tuple[float | None, float | None] | None,
    t0: float,
    confidence: float,
) -> Populations | None:
    if not isinstance(data, SpectralSeries):
        return None
    found = spectra_of_exponentials(data, trace, window, t0)
    return None if found is None else tell_apart(found, confidence)


def _difference(one: Estimate, other: Estimate, quantile: float, moved: bool) -> Estimate:
    if not moved or one.value is None or other.value is None or one.se is None or other.se is None:
        reason = "one of the two is open" if moved else "the peak does not move"
        return Estimate(name="difference", value=None, unit="s", method="wald", reason=reason)
    value, se = one.value - other.value, float(np.hypot(one.se, other.se))
    return Estimate(
        name="difference",
        value=value,
        se=se,
        low=value - quantile * se,
        high=value + quantile * se,
        unit="s",
        method="wald",
    )


def _bound(trace: Trace, peak: _Peak, end_s: float, moved: bool) -> Estimate:
    """Bound on k1 at the breakpoint, with the lower limit (95 %, one-sided) of the position there."""
    name = "least k1 of a sequential model"
    assert trace.peak_nm is not None
    nothing = Estimate(name=name, value=None, unit="1/s", method="bound", reason="the peak does not move")
    if not moved:
        return nothing
    near = np.abs(trace.time_s - end_s)
    near[~np.isfinite(trace.peak_nm)] = np.inf
    window = np.argsort(near)[:3]
    error = 0.0 if trace.peak_nm_se is None else float(np.nanmean(trace.peak_nm_se[window]))
    place, time = float(np.mean(trace.peak_nm[window])), float(np.mean(trace.time_s[window]))
    whole = peak.end_nm - peak.start_nm
    share = (place - peak.start_nm) / whole - 1.645 * error / np.sqrt(3) / abs(whole)
    start = float(np.mean(trace.absorbance[: min(3, trace.n_points)]))
    level = float(np.mean(trace.absorbance[window])) / start if start else 0.0
    if not 0 < level <= 1 or time <= 0:
        return replace(nothing, reason="the absorbance does not fall")
    share = float(np.clip(share, 0.0, 0.999))
    value = sequential_rate_bound(level, share, time)
    reason = f"{100 * share:.0f} % of the shift made by {time:.3g} s"
    return Estimate(name=name, value=value, low=value, unit="1/s", method="bound", reason=reason)


def _rates(fitted: Fitted, quantile: float) -> tuple[Estimate, ...]:
    found = []
    for name in ("k1", "k2"):
        i = fitted.family.names.index(name)
        value = float(fitted.theta[i]) / fitted.sample.span_s
        se = float(np.sqrt(fitted.covariance[i, i])) / fitted.sample.span_s
        found.append(
            Estimate(
                name=name,
                value=value,
                se=se,
                low=value - quantile * se,
                high=value + quantile * se,
                unit="1/s",
                method="wald",
            )
        )
    return tuple(found)


def _doubts(pair: Pair, moved: bool) -> list[Remark]:
    found = []
    tenth = max(pair.time_s.size // 10, 1)
    if float(np.mean(pair.absorbance[-tenth:])) > float(np.mean(pair.absorbance[:tenth])):
        text = "the peak grows: the rates and the breakpoint of its absorbance are not those of a decay"
        found.append(Remark("peak_grows", text))
    missing = pair.time_s.size - pair.position_nm.size
    if missing > 0 and moved:
        text = f"{missing} of {pair.time_s.size} spectra are too weak to show where the peak is"
        found.append(Remark("positions_missing", text, missing))
    return found
