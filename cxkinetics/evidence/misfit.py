"""Whether a fit describes its spectrum at all: one that does not decides nothing.

Two rules, the same for photoelectron lines and diffraction patterns. The first asks how much of what
stands above the background (its weighted squares beyond noise) the fit leaves over: that number does
not depend on how long was counted, so that a short measurement of a foreign phase fails as well.
Measured: 1 to 2 % for weighed mixtures with the right references, below 1 % for Ag 3d of bulk Ag2S, at
any count; 40 to 100 % where the references are those of other phases, or lines of one are not in the
library. The second is reduced chi-square itself. Real spectra with the right model reach 11 (bulk
Ag2S), because no line shape is exact and counts are high; their errors are scaled by its root. Where
that scaling exceeds ten, the errors no longer rest on counting but on the misfit alone.
"""

import numpy as np

from cxkinetics.arrays import Array

MOST_UNEXPLAINED = 0.1
MOST_REDUCED_CHI2 = 100.0


def why_undecided(
    residual: Array, background: Array, target: Array, reduced_chi2: float, *, poisson: bool
) -> str:
    """Return why a fit is too bad to call anything present or absent; "" where it is not.

    Parameters
    ----------
    residual : Array, shape (n,)
        Weighted residuals of the fit.
    background : Array, shape (n, m)
        Weighted columns of the background, which is fitted alone for comparison.
    target : Array, shape (n,)
        Weighted counts.
    reduced_chi2 : float
        Chi-square of the fit per degree of freedom.
    poisson : bool
        Whether the weights are Poisson's, so that chi-square has a scale of its own.
    """
    above = target - background @ np.linalg.lstsq(background, target, rcond=None)[0]
    # noise from second differences, because rates and smoothed counts do not follow Poisson's law
    noise = float(np.mean(np.diff(residual, 2) ** 2)) / 6.0
    left, whole = float(np.mean(residual**2)) - noise, float(np.mean(above**2)) - noise
    figure = f"reduced chi-square {reduced_chi2:.3g}"
    if left > 10.0 * noise / np.sqrt(residual.size) and left > MOST_UNEXPLAINED * whole:  # 5 sd of both
        fault = f"the fit leaves {min(left / whole, 1.0):.0%} of what stands above the background unexplained"
        return f"{fault} ({figure}); above {MOST_UNEXPLAINED:.0%} nothing is decided"
    if poisson and reduced_chi2 > MOST_REDUCED_CHI2:
        return f"{figure}: above {MOST_REDUCED_CHI2:g} the fit decides nothing"
    return ""
