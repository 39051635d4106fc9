"""A staged fit at its optimum, with the correlation of its noise; and its polish."""

from dataclasses import dataclass, replace

import numpy as np

from cxkinetics.arrays import Array, BoolArray
from cxkinetics.inference.ar1 import (
    Correlation,
    Sample,
    Whitening,
    correlation_profile,
    inverse_products,
    likeliest_rho,
    whitening,
    without_beside,
)
from cxkinetics.inference.criteria import aicc, bic
from cxkinetics.inference.descent import Target, descend
from cxkinetics.kinetics.lines import MIN_DISTINCT
from cxkinetics.kinetics.search import (
    Found,
    around,
    at_given_breaks,
    box,
    fit_at,
    gradual_switches,
    longest_start,
    on_clock,
    roomy,
    search_free_joints,
    search_several,
    search_single,
    search_staged,
    width_range,
    with_start,
    without_start,
)
from cxkinetics.models.decays import DecayFamily
from cxkinetics.models.families import FreeJointFamily, StagedFamily, StartingFamily

ROUNDING = 1e-8
"""Scaled residuals below this are rounding, not noise: models that all fit so well tie."""
NOTICED = 2.0
"""Gain of a start-up time, in variances of the noise, from which breaks are searched on its clock too."""
KEPT = 1
"""Gradual switches from which profiles start: the best one, beside every break within reach."""
ROUNDS = 3
"""Rounds of rho and generalised least squares."""


@dataclass(frozen=True, slots=True, eq=False)
class Fitted:
    """A staged model at its (generalised) least-squares optimum.

    Attributes
    ----------
    sample : Sample
        Data.
    found : Found
        Family, parameters (p,), cell, whitened rss and the profile over knots.
    white : Whitening
        Noise operator at `rho`.
    residual : Array, shape (n,)
        Signal minus curve, scaled; curves beside the model are left in it.
    jacobian : Array, shape (p, n)
        Tangent at the optimum.
    rho : float
        AR(1) correlation in use (0 for white noise).
    correlation : Correlation or None
        Profile over rho; None for white noise.
    given_breaks : bool
        True where the breakpoints were given, not searched.
    whole : Fitted or None
        The same fit to all readings, where `sample` holds blocks of them.
    """

    sample: Sample
    found: Found
    white: Whitening
    residual: Array
    jacobian: Array
    rho: float
    correlation: Correlation | None
    given_breaks: bool = False
    whole: "Fitted | None" = None

    @property
    def every(self) -> "Fitted":
        """The fit to all readings."""
        return self.whole or self

    @property
    def family(self) -> StagedFamily | FreeJointFamily | DecayFamily:
        """The curve family."""
        return self.found.family

    @property
    def theta(self) -> Array:
        """The parameters (p,), scaled."""
        return self.found.theta

    @property
    def n_parameters(self) -> int:
        """Parameters that a search adjusted: breakpoints between free joints count too.

        A start-up time belongs to every model alike and counts in none.
        """
        family = self.family
        smooth = len(family.names) - len(family.names[family.breaks]) - isinstance(family, StartingFamily)
        return smooth if self.given_breaks else smooth + self.family.n_stages - 1

    @property
    def dof(self) -> int:
        """Degrees of freedom, at least one."""
        return max(self.sample.n_read - self.n_parameters - self.sample.n_free, 1)

    @property
    def rest(self) -> Array:
        """What the model and the curves beside it leave of the signal (n,), scaled."""
        return without_beside(self.sample, self.rho, self.residual)

    @property
    def variance(self) -> float:
        """Variance of the whitened noise as estimates feel it."""
        return self.found.rss / self.dof * self.sample.inflation

    @property
    def resolved(self) -> bool:
        """Whether no stage is over between two samples: else its rate is known from below only."""
        if not isinstance(self.family, StagedFamily):
            return True
        return float(np.max(self.theta[self.family.rates]) * self.sample.widest_gap) < 1.0

    @property
    def covariance(self) -> Array:
        """Covariance (p, p) of the scaled parameters at `rho`, the scale of the noise estimated."""
        white = self.white.apply(self.jacobian)
        return inverse_products(white @ white.T) * self.variance

    @property
    def held(self) -> BoolArray:
        """Which parameters were given and are not adjusted (p,)."""
        held = np.zeros(len(self.family.names), bool)
        held[self.family.breaks] = self.given_breaks
        if isinstance(self.family, StartingFamily):
            held[self.family.tau] = not self.sample.starts
        return held


def tangent(sample: Sample, found: Found, *, given: bool = False) -> tuple[Array, Array]:
    """Return residual (n,) and Jacobian (p, n) at an optimum (zero for breakpoints that were given)."""
    cell = found.cell[None, :] if found.cell.size else None
    curve, jacobian = found.family.evaluate(sample.time, found.theta[None, :], cell)
    if given:
        jacobian[:, found.family.breaks] = 0.0
    family = found.family
    if isinstance(family, StartingFamily) and not 0 < found.theta[family.tau] < longest_start(sample):
        jacobian[:, family.tau] = 0.0  # at a bound, where the likelihood has no top
    if isinstance(family, StartingFamily) and family.gradual:
        narrow, wide = width_range(sample)
        if not narrow < found.theta[family.width] < wide:
            jacobian[:, family.width] = 0.0
    return sample.signal - curve[0], jacobian[0]


def staged_fit(
    sample: Sample,
    *,
    n_stages: int,
    with_offset: bool,
    ar1: bool,
    continuous: bool = True,
    single: Found | None = None,
    given: Array | None = None,
    fewer: Found | None = None,
    warm: Found | None = None,
    start_up: bool = False,
) -> Fitted:
    """Return the global staged fit with its noise correlation.

    Parameters
    ----------
    sample : Sample
        Data.
    n_stages : int
        Stages, 1 or more.
    with_offset : bool
        Whether the offset is fitted (else zero).
    ar1 : bool
        Estimate the AR(1) correlation (else white noise).
    continuous : bool
        Continuous or free joints.
    single : Found, optional
        The white-noise single exponential, where it is known.
    given : Array, shape (n_stages - 1,), optional
        Breakpoints on the sample's clock; then nothing is searched.
    fewer : Found, optional
        The optimum of one stage fewer, where three or more are searched and it is known.
    warm : Found, optional
        Two stages found with other weights or another correlation: where their search starts.
    start_up : bool
        Fit a time constant of mixing or of the instrument too (continuous joints, nothing given).
    """
    held = given is not None and n_stages > 1

    def search(sample: Sample, white: Whitening, warm: Found | None = None) -> Found:
        if n_stages == 1:
            alone = single if sample is whole else None
            return alone or search_single(sample, white, with_offset=with_offset)
        if given is not None:
            return at_given_breaks(sample, white, given, with_offset=with_offset, continuous=continuous)
        if not continuous:
            return search_free_joints(sample, white, n_stages=n_stages, with_offset=with_offset)
        if n_stages > 2:
            return search_several(
                sample, white, n_stages=n_stages, with_offset=with_offset, single=single, fewer=fewer
            )
        warm = None if warm is None else without_start(warm)
        return search_staged(sample, white, with_offset=with_offset, single=single, warm=warm)

    def start_searched(white: Whitening, warm: Found | None = None) -> Found:
        plain = search(sample, white, warm)
        if not start_up:
            return plain
        found = with_start(sample, white, plain, plain, 0.0)
        tau = float(found.theta[2 * n_stages])
        if n_stages == 1 or found.rss > plain.rss * (1 - NOTICED / sample.n_read):
            return found
        # the breaks may lie elsewhere on a clock that starts slowly
        again = search(on_clock(sample, tau), white)
        other = with_start(sample, white, plain, again, tau)
        return other if other.rss <= found.rss * (1 + 1e-9) else found

    whole = sample
    rho, white = 0.0, whitening(sample, 0.0)
    found = start_searched(white, warm)
    residual, jacobian = tangent(sample, found, given=held)
    if not ar1 or sample.n - jacobian.shape[0] < 3:
        return Fitted(sample, found, white, residual, jacobian, rho, None, held)
    for number in range(ROUNDS):
        new = likeliest_rho(sample, residual, jacobian, restricted=True)
        if number and abs(new - rho) < 2e-3:
            break
        rho = new
        white = whitening(sample, rho)
        again = n_stages == 2 and not held and not number  # two stages may lie elsewhere in correlated noise
        found = start_searched(white, found) if again else _nearby(sample, found, white, given=held)
        residual, jacobian = tangent(sample, found, given=held)
    profile = correlation_profile(sample, residual, jacobian)
    return Fitted(sample, found, white, residual, jacobian, rho, profile, held)


def found_in(found: Found, sample: Sample, white: Whitening) -> Found:
    """Return a staged decay that was found in another sample of the same trace at rest in this one."""
    cell = found.cell
    if cell.size:
        inner = np.searchsorted(sample.time, found.theta[found.family.breaks], side="right") - 1
        cell = np.clip(inner, MIN_DISTINCT - 1, sample.n - MIN_DISTINCT - 1)
        if not roomy(cell[None, :], sample.n)[0]:  # too coarse for all of its stages
            cell = np.round(np.linspace(-1, sample.n - 1, cell.size + 2)[1:-1]).astype(np.intp)
    return _nearby(sample, replace(found, cell=cell, knots=np.empty(0)), white)


def settled_in(fitted: Fitted, sample: Sample) -> Fitted:
    """Return a staged fit with correlated noise in another sample of the same trace."""
    rho, found = 0.0, found_in(fitted.found, sample, whitening(sample, 0.0))
    for _ in range(ROUNDS):
        residual, jacobian = tangent(sample, found)
        new = likeliest_rho(sample, residual, jacobian, restricted=True)
        if abs(new - rho) < 2e-3:
            break
        rho, found = new, _nearby(sample, found, whitening(sample, new))
    residual, jacobian = tangent(sample, found)
    profile = correlation_profile(sample, residual, jacobian)
    return Fitted(sample, found, whitening(sample, rho), residual, jacobian, rho, profile)


def gradual_fit(hard: Fitted) -> Fitted | None:
    """Return two stages whose switch takes time, from those with a break; None for too few points.

    The width is at a bound, and the fit worse than the one with a break, where the switch is abrupt.
    """
    base, sample = hard.family, hard.sample
    if not isinstance(base, StartingFamily) or base.n_stages != 2 or sample.n < hard.n_parameters + 5:
        return None
    family, white, rho = replace(base, gradual=True), hard.white, hard.rho
    theta, rss = gradual_switches(family, sample, white, hard.theta)
    for _ in range(2 if hard.correlation is not None else 0):
        found = Found(family, theta[0], hard.found.cell, float(rss[0]))
        new = likeliest_rho(sample, *tangent(sample, found), restricted=True)
        if abs(new - rho) < 2e-3:
            break
        rho, white = new, whitening(sample, new)
        theta, rss = _settled_switch(family, sample, white, theta)
    cell = np.searchsorted(sample.time, theta[0, family.breaks], side="right") - 1
    found = Found(family, theta[0], cell, float(rss[0]), knot_theta=theta[:KEPT], knot_rss=rss[:KEPT])
    residual, jacobian = tangent(sample, found)
    profile = None if hard.correlation is None else correlation_profile(sample, residual, jacobian)
    return Fitted(sample, found, white, residual, jacobian, rho, profile)


def _settled_switch(
    family: StartingFamily, sample: Sample, white: Whitening, start: Array
) -> tuple[Array, Array]:
    nowhere = np.empty((len(start), 0), dtype=np.intp)
    theta, rss = fit_at(family, sample, white, nowhere, start, tolerance=1e-9, race=None)
    order = np.argsort(rss, kind="stable")
    return theta[order], rss[order]


def under(fitted: Fitted, white: Whitening, rho: float) -> Fitted:
    """Return a fit under the whitening of another one, so that their sums of squares compare."""
    sample, family = fitted.sample, fitted.family
    if isinstance(family, StartingFamily) and family.gradual:
        theta, rss = _settled_switch(family, sample, white, fitted.found.knot_theta)
        found = replace(fitted.found, theta=theta[0], rss=float(rss[0]), knot_theta=theta, knot_rss=rss)
    else:
        found = _nearby(sample, fitted.found, white)
    residual, jacobian = tangent(sample, found)
    profile = None if fitted.correlation is None else correlation_profile(sample, residual, jacobian)
    return Fitted(sample, found, white, residual, jacobian, rho, profile)


def settle_likeliest(fitted: Fitted) -> tuple[Found, float, Array, float]:
    """Return optimum, rho, residual (n,) and ln|R| by full likelihood, as information criteria need."""
    sample, found, residual, jacobian = fitted.sample, fitted.found, fitted.residual, fitted.jacobian
    if fitted.correlation is None:
        return found, 0.0, residual, 0.0
    # each model with its own rho, by full likelihood: REML values of unlike tangents do not compare
    rho = likeliest_rho(sample, residual, jacobian, restricted=False)
    white = whitening(sample, rho)
    found = _nearby(sample, found, white, given=fitted.given_breaks, reach=0)
    residual, jacobian = tangent(sample, found, given=fitted.given_breaks)
    return found, rho, residual, float(white.log_determinant)


def _nearby(sample: Sample, found: Found, white: Whitening, *, given: bool = False, reach: int = 1) -> Found:
    """Return the optimum under a new correlation, in the cells within `reach` of the old one."""
    family = found.family
    if isinstance(family, StartingFamily) and family.gradual:
        theta, rss = _settled_switch(family, sample, white, found.theta[None, :])
        return replace(found, theta=theta[0], rss=float(rss[0]))
    assert not isinstance(family, DecayFamily), "a smooth curve has no cells"
    if isinstance(family, FreeJointFamily) or given or not found.cell.size:
        free = np.ones(len(family.names), bool)
        free[family.breaks] = not given
        target, cells = Target(sample.time, sample.signal, white), found.cell[None, :]
        cell = cells if isinstance(family, FreeJointFamily) else None
        # one stage has no cells, and a start-up time that must stay within its range
        lower, upper = (None, None) if cells.size else box(family, sample, cells)
        start = found.theta[None, :]
        done = descend(family, target, start, cell=cell, free=free, lower=lower, upper=upper)
        best = Found.best(family, cells, (done.theta, done.rss))
    else:
        cells = around(found.cell, sample.n, reach)
        start = np.repeat(found.theta[None, :], len(cells), axis=0)
        fits = fit_at(family, sample, white, cells, start, iterations=40, tolerance=1e-11)
        best = Found.best(family, cells, fits)
    return replace(found, theta=best.theta, cell=best.cell, rss=best.rss)


def information(sample: Sample, rss: float, log_determinant: float, n_parameters: int) -> tuple[float, float]:
    """Return AICc and BIC of a Gaussian AR(1) likelihood.

    -2 ln L = n ln(2 pi S/n) + n + ln|R| + 2 sum ln sigma, over the inflation of the weights (QAICc;
    K. P. Burnham, D. R. Anderson, Model Selection and Multimodel Inference, Springer 2002, eq. 2.33);
    K counts curve parameters (a breakpoint once), the noise's scale and, where it was fitted, rho: the
    caller gives that K; free curves beside the model are added.
    """
    n = sample.n_read
    n_parameters += sample.n_free
    if rss / n <= ROUNDING**2:
        log_determinant = 0.0  # rounding has no correlation either
    deviance = (
        n * np.log(2 * np.pi * max(rss / n, ROUNDING**2))
        + n
        + log_determinant
        + 2 * sample.log_sigma
        + 2 * n * np.log(sample.scale)
    ) / sample.inflation
    return aicc(deviance, n_parameters, n), bic(deviance, n_parameters, n)


def polished(fitted: Fitted) -> tuple[Fitted, tuple[str, ...]]:
    """Return the fit with its smooth parameters polished, and flags where that found a problem.

    Gauss-Newton steps by an orthogonal decomposition of the Jacobian itself, which the products of the
    descents square. Reference: G. H. Golub, C. F. Van Loan, Matrix Computations, 4th ed., Johns Hopkins
    2013, sec. 5.3.

    Parameters
    ----------
    fitted : Fitted
        A fit at rest.

    Returns
    -------
    Fitted, tuple of str
        The better of the two (never a larger rss), and a flag where the steps still gained.
    """
    family, sample, found = fitted.family, fitted.sample, fitted.found
    smooth = np.array([name[0] != "b" and name not in ("tau", "w") for name in family.names])
    if sample.n < int(smooth.sum()):
        return fitted, ("more parameters than points",)
    best, rest, slope, gain = found, fitted.residual, fitted.jacobian, 0.0
    for _ in range(POLISHES):
        step = np.linalg.lstsq(fitted.white.apply(slope[smooth]).T, fitted.white.apply(rest), rcond=None)[0]
        theta = best.theta.copy()
        theta[smooth] += step
        trial = replace(best, theta=theta)
        trial_rest, trial_slope = tangent(sample, trial, given=fitted.given_breaks)
        rss = float(np.sum(fitted.white.apply(trial_rest) ** 2) + fitted.white.hidden)
        if not rss < best.rss:
            gain = 0.0
            break
        gain = best.rss - rss
        best, rest, slope = replace(trial, rss=rss), trial_rest, trial_slope
    flags = (NOT_AT_REST,) if gain > 1e-9 * best.rss else ()
    return (fitted if best is found else replace(fitted, found=best, residual=rest, jacobian=slope)), flags


POLISHES = 6
"""Steps of the polish at most: one or two take a fit at rest to the last digit."""
NOT_AT_REST = "the last polish of the smooth parameters did not converge"
