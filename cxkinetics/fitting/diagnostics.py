"""Residual diagnostics: correlation, runs, a rising tail, R2 in ln A."""

import numpy as np
from scipy.special import ndtr

from cxkinetics.arrays import Array
from cxkinetics.fitting.drift import drift_gain
from cxkinetics.fitting.fitted import Fitted
from cxkinetics.fitting.parts import Noise
from cxkinetics.remarks import Remark

__all__ = ["durbin_watson", "lag1_autocorrelation", "log_r_squared", "noise_of", "pattern_remark", "runs_p"]

DRIFT = 16.0
"""F (1 and n - p degrees of freedom) of an added straight line from which drift is suspected."""
STRONG = 0.6
"""AR(1) correlation from which residuals count as structured."""


def lag1_autocorrelation(residual: Array) -> float | None:
    """Return sum e_i e_(i-1) / sum e_i^2."""
    total = float(residual @ residual)
    return float(residual[1:] @ residual[:-1]) / total if total > 0 and residual.size > 2 else None


def durbin_watson(residual: Array) -> float | None:
    """Return sum (e_i - e_(i-1))^2 / sum e_i^2 (J. Durbin, G. S. Watson, Biometrika 37, 409 (1950)).

    Near 2 for white noise; doi 10.1093/biomet/37.3-4.409.
    """
    total = float(residual @ residual)
    return float(np.sum(np.diff(residual) ** 2)) / total if total > 0 and residual.size > 2 else None


def runs_p(residual: Array) -> float | None:
    """Return the two-sided p of the Wald-Wolfowitz runs test on the signs.

    A. Wald, J. Wolfowitz, Ann. Math. Stat. 11, 147 (1940), doi 10.1214/aoms/1177731909.
    """
    signs = residual[residual != 0] > 0
    up, down = int(signs.sum()), int((~signs).sum())
    n = up + down
    if min(up, down) < 5:
        return None
    runs = 1 + int(np.sum(signs[1:] != signs[:-1]))
    mean = 1 + 2 * up * down / n
    variance = (mean - 1) * (mean - 2) / (n - 1)
    return float(2 * ndtr(-abs(runs - mean) / np.sqrt(variance)))


def noise_of(fitted: Fitted, model: str) -> Noise:
    """Return the noise about a fit, the sd in the trace's unit (per unit relative sigma)."""
    sample = fitted.sample
    scaled = fitted.residual / sample.sigma
    white = fitted.white.apply(fitted.residual)
    return Noise(
        sd=float(np.sqrt(fitted.found.rss / fitted.dof)) * sample.scale,
        ar1=fitted.rho,
        lag1_autocorrelation=lag1_autocorrelation(scaled),
        durbin_watson=durbin_watson(scaled),
        runs_p=runs_p(white),
        model=model,
    )


def pattern_remark(fitted: Fitted, noise: Noise, *, growth: bool) -> Remark | None:
    """Return a remark where the residuals show a pattern or the tail turns back."""
    sample = fitted.sample
    found = []
    if noise.ar1 is not None and noise.ar1 > STRONG:
        found.append(f"neighbouring residuals correlate by {noise.ar1:.2f}")
    if noise.runs_p is not None and noise.runs_p < 1e-3:
        found.append(f"runs test p = {noise.runs_p:.1g} on the whitened residuals")
    slope, gain = drift_gain(fitted)
    if gain > DRIFT:
        per_second = slope * sample.scale / sample.span_s
        found.append(f"a straight drift of {per_second:+.2g} per s would improve the fit (F = {gain:.0f})")
    tail = max(8, sample.n // 5)
    if sample.n >= 2 * tail:
        time, signal = sample.time[-tail:], sample.signal[-tail:]
        centred = time - time.mean()
        trend = float(centred @ signal) / float(centred @ centred)
        inflation = (1 + max(fitted.rho, 0.0)) / (1 - min(max(fitted.rho, 0.0), 0.95))
        scatter = signal - signal.mean() - trend * centred
        error = np.sqrt(
            float(scatter @ scatter) / (tail - 2) / float(centred @ centred) * min(inflation, 4.0)
        )
        back = -trend if growth else trend
        if back > 4 * error and back * np.ptp(time) > 0.005 * np.ptp(sample.signal):
            word = "falls" if growth else "rises"
            found.append(f"the last {tail} points {word}, which no decay does")
    if not found:
        return None
    return Remark(
        "structured_residuals",
        "structured residuals or rising tail: "
        + "; ".join(found)
        + "; look for drift, a second absorber or a missing stage (a reference wavelength removes drift)",
    )


def log_r_squared(signal: Array, fitted: Array) -> float | None:
    """Return 1 - SS(ln A - ln fit)/SS about the mean of ln A; points where either is <= 0 are left out."""
    usable = (signal > 0) & (fitted > 0)
    if usable.sum() < 2:
        return None
    log = np.log(signal[usable])
    total = float(np.sum((log - log.mean()) ** 2))
    return 1 - float(np.sum((log - np.log(fitted[usable])) ** 2)) / total if total > 0 else None
