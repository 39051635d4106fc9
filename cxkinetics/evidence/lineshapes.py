"""Line shapes of photoelectron spectra: Voigt and pseudo-Voigt, spin-orbit doublets, Shirley step.

Pure formulas of arrays. Every line has unit area, so that areas are amplitudes; energies are
binding energies in eV, ascending. The active Shirley background rises towards higher binding
energy by a constant share of all line area passed, and is fitted together with the lines (unlike
the iterated one, which is fixed beforehand and hides its uncertainty).

References
----------
D. A. Shirley, Phys. Rev. B 5, 4709 (1972), doi 10.1103/PhysRevB.5.4709; A. Herrera-Gomez et al.,
Surf. Interface Anal. 46, 897 (2014), doi 10.1002/sia.5453 (the active approach).
"""

import numpy as np

from cxkinetics.arrays import Array

__all__ = ["doublet", "pseudo_voigt", "shirley_step", "voigt", "voigt_fwhm"]

FWHM_PER_SIGMA = 2.3548200450309493  # 2 sqrt(2 ln 2)


def voigt(energy_ev: Array, centre_ev: float, gauss_ev: float, lorentz_ev: float) -> Array:
    """Return the Voigt profile of unit area.

    Parameters
    ----------
    energy_ev : Array, shape (n,)
        Binding energies, eV.
    centre_ev : float
        Position, eV.
    gauss_ev, lorentz_ev : float
        Full widths at half maximum of the Gaussian and the Lorentzian part, eV.

    Returns
    -------
    Array, shape (n,)
        Intensity per eV.

    Examples
    --------
    >>> float(voigt(np.array([0.0]), 0.0, 1.0, 0.0).round(4)[0])
    0.9394
    """
    from scipy.special import wofz

    sigma = max(gauss_ev, 1e-6) / FWHM_PER_SIGMA
    z = ((energy_ev - centre_ev) + 0.5j * abs(lorentz_ev)) / (sigma * np.sqrt(2))
    profile: Array = wofz(z).real / (sigma * np.sqrt(2 * np.pi))
    return profile


def pseudo_voigt(energy_ev: Array, centre_ev: float, fwhm_ev: float, lorentz_share: float) -> Array:
    """Return the pseudo-Voigt profile of unit area: a weighted sum of Gaussian and Lorentzian.

    Parameters
    ----------
    energy_ev : Array, shape (n,)
        Binding energies, eV.
    centre_ev, fwhm_ev : float
        Position and common full width at half maximum, eV.
    lorentz_share : float
        Share of the area that is Lorentzian, 0 to 1.
    """
    sigma = fwhm_ev / FWHM_PER_SIGMA
    distance = energy_ev - centre_ev
    with np.errstate(under="ignore"):
        gauss = np.exp(-0.5 * (distance / sigma) ** 2) / (sigma * np.sqrt(2 * np.pi))
    lorentz = (fwhm_ev / (2 * np.pi)) / (distance**2 + fwhm_ev**2 / 4)
    profile: Array = (1 - lorentz_share) * gauss + lorentz_share * lorentz
    return profile


def voigt_fwhm(gauss_ev: float, lorentz_ev: float) -> float:
    """Return the full width at half maximum of a Voigt profile, eV, to 0.02 %.

    References
    ----------
    J. J. Olivero, R. L. Longbothum, J. Quant. Spectrosc. Radiat. Transf. 17, 233 (1977),
    doi 10.1016/0022-4073(77)90161-3.
    """
    return float(0.5346 * lorentz_ev + np.sqrt(0.2166 * lorentz_ev**2 + gauss_ev**2))


def doublet(
    energy_ev: Array,
    position_ev: float,
    splitting_ev: float,
    area_ratio: float,
    width_ev: float,
    mixing: float,
    shape: str = "voigt",
) -> Array:
    """Return a spin-orbit doublet whose main line (lower binding energy) has unit area.

    Parameters
    ----------
    energy_ev : Array, shape (n,)
        Binding energies, eV.
    position_ev : float
        Main line, eV (5/2 for d, 3/2 for p, 7/2 for f).
    splitting_ev : float
        How much higher the second line lies, eV.
    area_ratio : float
        Area of the second line over that of the main line (2/3 for d).
    width_ev, mixing : float
        For "voigt" the Gaussian and the Lorentzian full width, eV; for "pseudo-voigt" the full
        width, eV, and the Lorentzian share. Both lines share them.
    shape : {"voigt", "pseudo-voigt"}
        Line shape.

    Returns
    -------
    Array, shape (n,)
        Intensity per eV.
    """
    line = voigt if shape == "voigt" else pseudo_voigt
    total: Array = line(energy_ev, position_ev, width_ev, mixing) + area_ratio * line(
        energy_ev, position_ev + splitting_ev, width_ev, mixing
    )
    return total


def shirley_step(energy_ev: Array, lines: Array) -> Array:
    """Return the area of `lines` passed up to each energy: the shape of a Shirley background.

    Parameters
    ----------
    energy_ev : Array, shape (n,)
        Binding energies, eV, ascending.
    lines : Array, shape (n,)
        Intensity of all lines together, per eV.

    Returns
    -------
    Array, shape (n,)
        Cumulative area by the trapezoidal rule, 0 at the first point.
    """
    steps = np.diff(energy_ev) * (lines[1:] + lines[:-1]) / 2
    passed: Array = np.concatenate([[0.0], np.cumsum(steps)])
    return passed
