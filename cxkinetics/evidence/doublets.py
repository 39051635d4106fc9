"""Line shapes of photoelectron spectra, and spin-orbit doublets fitted to a line."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from itertools import combinations
from types import MappingProxyType
from typing import Any

import numpy as np

from cxkinetics.arrays import Array
from cxkinetics.errors import FitError, InputError, UsageError
from cxkinetics.inference.criteria import bic
from cxkinetics.signals.spectrum import Spectrum

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
    second: Array = area_ratio * line(energy_ev, position_ev + splitting_ev, width_ev, mixing)
    return line(energy_ev, position_ev, width_ev, mixing) + second


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


SHAPES = ("voigt", "pseudo-voigt")
BACKGROUNDS = ("shirley", "linear")
_MOST_CALLS = 4000


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A photoelectron line.

    Attributes
    ----------
    name : str
        Such as "Ag 3d".
    splitting_ev : float
        Expected splitting of the doublet, eV.
    area_ratio : float
        Area of the second line over that of the main one, from the degeneracies.
    low_ev, high_ev : float
        Where the main line (lower binding energy) may lie, eV.
    """

    name: str
    splitting_ev: float
    area_ratio: float
    low_ev: float
    high_ev: float


LINES: Mapping[str, Line] = MappingProxyType(
    {
        line.name: line
        for line in (
            Line(name="Ag 3d", splitting_ev=6.0, area_ratio=2 / 3, low_ev=364.5, high_ev=371.5),
            Line(name="Cd 3d", splitting_ev=6.75, area_ratio=2 / 3, low_ev=403.0, high_ev=408.0),
            Line(name="Cu 2p", splitting_ev=19.8, area_ratio=1 / 2, low_ev=930.0, high_ev=937.0),
            Line(name="S 2p", splitting_ev=1.2, area_ratio=1 / 2, low_ev=159.0, high_ev=171.0),
            Line(name="Mo 3d", splitting_ev=3.13, area_ratio=2 / 3, low_ev=226.0, high_ev=237.0),
            Line(name="Pt 4f", splitting_ev=3.35, area_ratio=3 / 4, low_ev=69.0, high_ev=77.0),
        )
    }
)
"""Lines known by name; splittings as measured in the literature, area ratios from 2j + 1."""


def line_key(name: str) -> str:
    """Return the name of a line without blanks and capitals, as names typed by hand are compared."""
    return name.replace(" ", "").lower()


@dataclass(frozen=True, slots=True, eq=False)
class Region:
    """A spectrum, a line and how its shape and background are drawn."""

    energy: Array
    counts: Array
    sigma: Array
    line: Line
    shape: str
    background: str
    height: float
    poisson: bool

    def doublet(self, position_ev: float, values: Mapping[str, float]) -> Array:
        """Return a doublet of unit area, shape (n,), with splitting, ratio and widths of `values`."""
        splitting, ratio = values["splitting"], values["area_ratio"]
        width, mixing = values["width"], values["mixing"]
        return doublet(self.energy, position_ev, splitting, ratio, width, mixing, self.shape)

    def fwhm(self, values: Mapping[str, float]) -> float:
        """Return the full width at half maximum of each line, eV."""
        width = values["width"]
        return voigt_fwhm(width, values["mixing"]) if self.shape == "voigt" else width

    def drawn(self, values: Mapping[str, float], number: int) -> tuple[Array, Array]:
        """Return the doublets, shape (number, n), and the background, shape (n,), in counts."""
        shares = [values[f"share{i}"] for i in range(1, number)]
        weights = [1.0 - sum(shares), *shares] if number else []
        lines = [self.doublet(values[f"position{i}"], values) for i in range(number)]
        lines = [values["area"] * weight * line for weight, line in zip(weights, lines, strict=True)]
        components = np.array(lines).reshape(number, self.energy.size)
        background = values["level"] + values["slope"] * (self.energy - self.energy.mean())
        if self.background == "shirley" and number:
            background = background + values["step"] * shirley_step(self.energy, components.sum(axis=0))
        return components * self.height, background * self.height


@dataclass(frozen=True, kw_only=True, eq=False)
class DoubletFit:
    """A region fitted with a number of doublets (possibly none).

    Attributes
    ----------
    region : Region
        What was fitted.
    number : int
        How many doublets.
    values : mapping of str to float
        Fitted parameters: position0, position1, ... and splitting, width, mixing in eV, area_ratio,
        area (main lines together, counts eV), share1, ... of that area, and the background's
        level, slope and step.
    chi2 : float
        Weighted sum of squared residuals.
    components : Array, shape (number, n)
        Fitted doublets, counts.
    background : Array, shape (n,)
        Fitted background, counts.
    jacobian : Array, shape (n, m)
        Derivatives of the weighted residuals, in the order of `free`.
    free : tuple of str
        Names of the free parameters.
    at_bound : tuple of str
        Those that ended on a bound.
    """

    region: Region
    number: int
    values: Mapping[str, float]
    chi2: float
    components: Array
    background: Array
    jacobian: Array = field(repr=False)
    free: tuple[str, ...]
    at_bound: tuple[str, ...]

    @property
    def dof(self) -> int:
        """Degrees of freedom, at least 1."""
        return max(self.region.energy.size - len(self.free), 1)

    @property
    def reduced_chi2(self) -> float:
        """Chi-square per degree of freedom."""
        return self.chi2 / self.dof

    @property
    def scale(self) -> float:
        """What the variance is multiplied by: never below 1 where counting statistics set the scale."""
        return max(self.reduced_chi2, 1.0) if self.region.poisson else self.reduced_chi2

    @property
    def bic(self) -> float:
        """N ln(chi2/n) + p ln n: the misfit's own scale, not Poisson's, decides."""
        n = self.region.energy.size
        return bic(n * float(np.log(self.chi2 / n)), len(self.free), n)

    @property
    def fit(self) -> Array:
        """Fitted counts, shape (n,)."""
        total: Array = self.components.sum(axis=0) + self.background
        return total

    @cached_property
    def errors(self) -> dict[str, float]:
        """Standard errors of what was free and at no bound, scaled by the misfit; absent where not known."""
        keep = [i for i, name in enumerate(self.free) if name not in self.at_bound]
        columns = self.jacobian[:, keep]
        norms = np.sqrt((columns**2).sum(axis=0))
        if np.any(norms == 0):
            return {}
        triangle = np.asarray(np.linalg.qr(columns / norms, mode="r"))
        if np.linalg.cond(triangle) > 1e10:
            return {}
        variances = self.scale * (np.linalg.inv(triangle) ** 2).sum(axis=1) / norms**2
        return {self.free[i]: float(np.sqrt(v)) for i, v in zip(keep, variances, strict=True)}

    def share(self, index: int) -> float:
        """Return the share of the area in doublet `index`."""
        others = [self.values[f"share{i}"] for i in range(1, self.number)]
        return float(1.0 - sum(others)) if index == 0 else others[index - 1]


def region_of(spectrum: Spectrum, line: Line, shape: str, background: str) -> Region:
    """Return the region to fit, or say why this spectrum does not hold the line.

    Raises
    ------
    InputError
        If it is no XPS spectrum or does not cover both lines.
    UsageError
        If an option is unknown.
    """
    if spectrum.kind != "xps":
        raise InputError(f"this is a spectrum of kind {spectrum.kind!r}; a photoelectron spectrum is needed")
    for what, value, known in (("shape", shape, SHAPES), ("background", background, BACKGROUNDS)):
        if value not in known:
            raise UsageError(f"{what} is {value!r}; it must be one of {', '.join(known)}")
    low, high = float(spectrum.axis[0]), float(spectrum.axis[-1])
    if low > line.low_ev + 0.5 or high < line.high_ev + line.splitting_ev - 0.5:
        remedy = "name the line that was measured (--line)"
        for source, photon in (("Al K-alpha", 1486.6), ("Mg K-alpha", 1253.6)):
            if low < photon - line.low_ev < high:
                remedy = f"this looks like kinetic energy with {source}: pass --photon-energy {photon}"
        needed = f"{line.low_ev:g} to {line.high_ev + line.splitting_ev:g} eV (both lines of the doublet)"
        fault = f"binding energies run from {low:g} to {high:g} eV but {line.name} needs {needed}"
        raise InputError(fault, file=spectrum.source.file or None, remedy=remedy)
    part = spectrum.between(line.low_ev - 6.0, line.high_ev + line.splitting_ev + 6.0)
    poisson = not spectrum.background_subtracted and spectrum.unit == "counts"
    root = np.sqrt(np.maximum(part.counts, 1e-3 * float(part.counts.max())))
    sigma = np.full(part.n_points, 1.0) if spectrum.background_subtracted else np.maximum(root, poisson)
    height = float(max(np.ptp(part.counts), 1e-12))
    return Region(part.axis, part.counts, sigma, line, shape, background, height, poisson)


def fit_doublets(
    region: Region,
    number: int,
    *,
    fixed: Mapping[str, float] | None = None,
    start: Mapping[str, float] | None = None,
) -> DoubletFit:
    """Fit a number of doublets to a region.

    Parameters
    ----------
    region : Region
        From `region_of`.
    number : int
        How many doublets, 0 to 3.
    fixed : mapping, optional
        Parameters held at a value.
    start : mapping, optional
        Where to start; a grid search finds it otherwise.

    Raises
    ------
    FitError
        If there are fewer points than parameters, or the search settles from no start.
    """
    n_parameters = 2 + (0 if not number else 5 + 2 * number - 1 + (region.background == "shirley"))
    if region.energy.size < n_parameters + 5:
        points = f"{region.energy.size} points between {region.energy[0]:g} and {region.energy[-1]:g} eV"
        needed = f"{number} doublets with {n_parameters} parameters"
        raise FitError(f"{points} are too few for {needed}; measure finer or fit fewer")
    starts = [start] if start is not None else _starts(region, number)
    fits = [_refine(region, number, values, dict(fixed or {})) for values in starts]
    settled = [fit for fit in fits if fit is not None and np.isfinite(fit.chi2)]
    if not settled:
        raise FitError(
            f"{region.line.name} does not determine a fit with {number} doublet{'s' if number > 1 else ''} "
            f"({region.energy.size} points, counts {region.counts.min():.4g} to {region.counts.max():.4g}): "
            f"no search settled within {_MOST_CALLS} steps; check that the line is in this spectrum, or ask "
            "for fewer doublets"
        )
    return min(settled, key=lambda item: item.chi2)


def _starts(region: Region, number: int) -> list[dict[str, float]]:
    """Return the best few starts of a grid over positions and widths, by linear least squares."""
    line, energy, total = region.line, region.energy, region.counts / region.height
    if not number:
        return [{"level": float(region.counts.mean()) / region.height, "slope": 0.0}]
    common = {"level": float(total.min()), "slope": 0.0, "step": 0.005, "mixing": 0.3}
    common |= {"splitting": line.splitting_ev, "area_ratio": line.area_ratio}
    grid = np.arange(line.low_ev, line.high_ev + 0.01, 0.2 if number < 3 else 0.4)
    base = np.column_stack([np.ones_like(energy), energy - energy.mean()])
    step = shirley_step(energy, total - total.min())
    target = total / region.sigma
    found: list[tuple[float, dict[str, float]]] = []
    for width in (0.7, 1.1, 1.7, 2.6):
        shape = (line.splitting_ev, line.area_ratio, width, 0.3, "pseudo-voigt")
        bells = [doublet(energy, place, *shape) for place in grid]
        design = np.column_stack([*bells, base, step]) / region.sigma[:, None]
        gram, moment = design.T @ design, design.T @ target
        for chosen in combinations(range(grid.size), number):
            if number > 1 and min(np.diff(grid[list(chosen)])) < 0.5:
                continue
            index = [*chosen, *range(grid.size, grid.size + 3)]
            solved = np.linalg.solve(gram[np.ix_(index, index)], moment[index])
            if np.any(solved[:number] <= 0):
                continue
            area = float(solved[:number].sum())
            values = common | {"width": width * (0.85 if region.shape == "voigt" else 1.0), "area": area}
            for rank, which in enumerate(np.argsort(-solved[:number])):  # the largest has no share of its own
                values |= {
                    f"position{rank}": float(grid[chosen[which]]),
                    f"share{rank}": solved[which] / area,
                }
            found.append((float(target @ target - solved @ moment[index]), values))
    found.sort(key=lambda item: item[0])
    best: list[dict[str, float]] = []
    for _, values in found:
        positions = [values[f"position{i}"] for i in range(number)]
        if all(max(abs(p - other[f"position{i}"]) for i, p in enumerate(positions)) > 0.5 for other in best):
            best.append(values)
        if len(best) == (1 if number == 1 else 3):
            break
    if not best:
        middle = (line.low_ev + line.high_ev) / 2
        spread = {f"position{i}": middle - 0.6 * i for i in range(number)}
        spread |= {f"share{i}": 0.3 for i in range(1, number)}
        best.append(common | spread | {"width": 1.2, "area": 0.05})
    return best


def _refine(
    region: Region, number: int, start: Mapping[str, float], fixed: Mapping[str, float]
) -> DoubletFit | None:
    """Return the fit from one start, or None where the search gave up."""
    import lmfit

    names, bounds = _parameter_names(region, number), _bounds_of(region, number)
    parameters = lmfit.Parameters()
    for name in names:
        low, high = bounds.get(name, (-np.inf, np.inf))
        value = float(np.clip(fixed.get(name, float(start[name])), low, high))
        parameters.add(name, value=value, min=low, max=high, vary=name not in fixed)

    def residual(current: Any) -> Array:
        components, background = region.drawn(current.valuesdict(), number)
        misfit: Array = (components.sum(axis=0) + background - region.counts) / region.sigma
        return misfit

    with np.errstate(all="ignore"):  # lmfit inverts J'J for errors that are taken from QR below
        closely: dict[str, Any] = {"x_scale": "jac", "xtol": 1e-11, "ftol": 1e-11, "gtol": 1e-11}
        found = lmfit.minimize(
            residual, parameters, "least_squares", max_nfev=_MOST_CALLS, calc_covar=False, **closely
        )
    if found.aborted:  # at the largest number of calls: there is no minimum and no Jacobian
        return None
    values = {name: float(parameter.value) for name, parameter in found.params.items()}
    free = tuple(name for name in names if name not in fixed)
    components, background = region.drawn(values, number)
    return DoubletFit(
        region=region,
        number=number,
        values=values,
        chi2=float(found.chisqr),
        components=components,
        background=background,
        jacobian=np.asarray(found.jac, dtype=float),
        free=free,
        at_bound=tuple(n for n in free if any(abs(values[n] - end) < 1e-6 for end in bounds.get(n, ()))),
    )


def _parameter_names(region: Region, number: int) -> list[str]:
    names = ["level", "slope"]
    if number:
        names += ["area", "splitting", "area_ratio", "width", "mixing", "position0"]
        names += [f"{what}{i}" for i in range(1, number) for what in ("position", "share")]
        names += ["step"] if region.background == "shirley" else []
    return names


def _bounds_of(region: Region, number: int) -> dict[str, tuple[float, float]]:
    """Return the bounds: close about what atomic physics fixes, wide where the instrument decides."""
    line = region.line
    return {
        "splitting": (line.splitting_ev - 0.3, line.splitting_ev + 0.3),
        "area_ratio": (0.6 * line.area_ratio, 1.5 * line.area_ratio),
        "width": (0.2, 5.0),
        "mixing": (0.0, 3.0 if region.shape == "voigt" else 1.0),
        "area": (0.0, np.inf),
        "step": (0.0, 1.0),
        **{f"position{i}": (line.low_ev - 0.5, line.high_ev + 0.5) for i in range(number)},
        **{f"share{i}": (0.0, 1.0) for i in range(1, number)},
    }
