"""Isotope envelopes of clusters: exact isotopic masses, folded with the resolution of an instrument.

Masses and abundances come from `molmass` (isotopes lumped by mass number, which is exact to well
below a mass unit here). The average mass is the mean of the envelope, that is, the sum of the
atoms' isotope-table masses; it can differ from a sum of printed standard atomic weights by about
0.1 Da for a cluster of 34 Cd and 33 S, because the weight of sulfur varies in nature (32.059 to
32.076: 0.6 Da for 33 S). A comparison with a measured mass cannot be sharper than that.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from cxkinetics.arrays import Array, frozen_array
from cxkinetics.errors import InputError
from cxkinetics.models.formula import Formula

ELECTRON_DA = 5.48579909065e-4  # CODATA 2018
FWHM_PER_SIGMA = 2.0 * np.sqrt(2.0 * np.log(2.0))


@dataclass(frozen=True, slots=True, eq=False)
class Envelope:
    """The isotope pattern of one cluster.

    Attributes
    ----------
    mz : Array, shape (n,)
        Mass over charge of each mass number, Da, ascending.
    fraction : Array, shape (n,)
        Share of each; they sum to 1.
    formula : Formula
        What it belongs to.
    """

    mz: Array
    fraction: Array
    formula: Formula

    @property
    def mean(self) -> float:
        """Average m/z, Da."""
        return float(self.mz @ self.fraction)

    @property
    def sd(self) -> float:
        """Standard deviation of the pattern, Da."""
        return float(np.sqrt(self.fraction @ (self.mz - self.mean) ** 2))

    def profile(self, mz: Array, resolving_power: float, shift_da: float = 0.0) -> Array:
        """Return the pattern as an instrument of finite resolution draws it.

        Parameters
        ----------
        mz : Array, shape (n,)
            Where to evaluate it, Da.
        resolving_power : float
            m / FWHM of a single isotope line (Gaussian); larger is sharper.
        shift_da : float
            Calibration shift: the pattern is drawn at mz - shift_da.

        Returns
        -------
        Array, shape (n,)
            Intensity per Da; its integral is 1.

        Raises
        ------
        InputError
            If the resolving power is not positive.
        """
        if not resolving_power > 0:
            raise InputError(f"the resolving power is {resolving_power:g}; it must be positive")
        strong = self.fraction > 1e-7
        lines, shares = self.mz[strong], self.fraction[strong]
        sigma = lines / resolving_power / FWHM_PER_SIGMA
        distance = (np.asarray(mz, dtype=float)[:, None] - shift_da - lines) / sigma
        with np.errstate(under="ignore"):
            bells = np.exp(-0.5 * distance**2)
        drawn: Array = bells @ (shares / sigma) / np.sqrt(2 * np.pi)
        return drawn


@lru_cache(maxsize=4096)
def envelope(formula: Formula) -> Envelope:
    """Return the isotope envelope of `formula` (at its charge, electrons counted; as neutral if 0).

    Examples
    --------
    >>> from cxkinetics.models.formula import parse
    >>> pattern = envelope(parse("Cd34S33(L)"))
    >>> round(pattern.mean, 2), round(pattern.sd, 2)
    (5162.59, 11.07)
    """
    import molmass

    text = "".join(f"{symbol}{count}" for symbol, count in formula.elements.items())
    lines = list(molmass.Formula(text).spectrum().values())
    masses = np.array([line.mass for line in lines])
    shares = np.array([line.fraction for line in lines])
    mz = (masses - formula.charge * ELECTRON_DA) / max(1, abs(formula.charge))
    return Envelope(frozen_array(mz), frozen_array(shares / shares.sum()), formula)


def average_mass(formula: Formula) -> float:
    """Return the average m/z of `formula` in Da: the sum over atoms of their isotope-table means.

    Examples
    --------
    >>> from cxkinetics.models.formula import parse
    >>> round(average_mass(parse("Ag29S13")), 1)
    3545.0
    """
    total = sum(count * _atomic_mass(symbol) for symbol, count in formula.elements.items())
    return (total - formula.charge * ELECTRON_DA) / max(1, abs(formula.charge))


@lru_cache(maxsize=256)
def _atomic_mass(symbol: str) -> float:
    import molmass

    isotopes = list(molmass.ELEMENTS[symbol].isotopes.values())
    weight = sum(isotope.abundance for isotope in isotopes)
    return float(sum(isotope.mass * isotope.abundance for isotope in isotopes) / weight)


@lru_cache(maxsize=256)
def envelope_cosine(first: Formula, second: Formula, resolving_power: float) -> tuple[float, float]:
    """Return how alike two envelopes are, and the shift at which they are most alike.

    The cosine is the normalised overlap of the two profiles, maximised over a free shift of the
    second: what the pattern's shape alone, without its position, says about the difference.

    Parameters
    ----------
    first, second : Formula
        The clusters.
    resolving_power : float
        m / FWHM.

    Returns
    -------
    tuple of float
        The largest cosine, and the shift in Da that gives it.

    Examples
    --------
    >>> from cxkinetics.models.formula import parse
    >>> cosine, shift = envelope_cosine(parse("Cd34S33(L)"), parse("AgCd33S33(L)"), 2000)
    >>> round(cosine, 5), round(shift, 1)
    (0.99998, 4.5)
    """
    left, right = envelope(first), envelope(second)
    line_width = left.mean / resolving_power
    grid = np.arange(left.mean - 7 * left.sd, left.mean + 7 * left.sd, min(0.25, line_width / 8))
    reference = left.profile(grid, resolving_power)
    gap = left.mean - right.mean

    def cosine(shift: float) -> float:
        moved = right.profile(grid, resolving_power, shift)
        return float(reference @ moved / np.sqrt((reference @ reference) * (moved @ moved)))

    step = min(0.05, line_width / 10)
    coarse = max(np.arange(gap - 1.5, gap + 1.5, step), key=cosine)
    fine = max(np.linspace(coarse - step, coarse + step, 41), key=cosine)
    return cosine(fine), float(fine)
