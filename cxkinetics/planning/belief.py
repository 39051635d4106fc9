"""What is believed of a staged decay before it is measured: from numbers, or from a stored fit."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy.special import ndtri

from cxkinetics.arrays import Array
from cxkinetics.errors import CxKineticsError, FitError, UsageError
from cxkinetics.estimate import Estimate
from cxkinetics.kinetics.fit import fit_stages
from cxkinetics.kinetics.result import StagedFit
from cxkinetics.models.families import StagedFamily
from cxkinetics.record import Record
from cxkinetics.remarks import Remark

TWO_SIDED = 1.96
BETWEEN_RUNS = 0.1
"""Least relative spread of what a stored fit tells: another run of the same reaction differs by as much,
however well the first one was measured."""
OPEN_FACTOR = 2.0
"""How far below or above its value a number may lie whose interval is open on that side: no run can be
planned for everything, and the plan says so."""
UNCERTAINTY = 0.25
"""Relative uncertainty of numbers that are given without one."""
TELLING = 15.0
"""Independent readings from which a correlation of the noise is believed: of fewer it may be anything, and
white noise is planned for."""
CARRIED = ("direction", "offset", "noise", "start_up", "drift")
"""Options of a stored fit with which the planned runs will be fitted too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Belief(Record):
    """What is believed of a staged decay before it is measured.

    Attributes
    ----------
    rates_per_s : tuple of float
        Rate constants by stage, 1/s: medians of log-normal distributions.
    rate_spread : tuple of float
        Standard deviations of their logarithms.
    breakpoints_s : tuple of float
        Breakpoints of the expected decay, s after the addition.
    between_s : tuple of (float, float)
        Lowest and highest time of each breakpoint, s; all between are alike.
    amplitude, offset : float
        Signal at the addition over its end, and at the end, in the unit of `sd`.
    sd : float
        Standard deviation of a reading.
    correlation_s : float
        Time in which the correlation of the noise falls to 1/e, s; 0 for white noise.
    """

    rates_per_s: tuple[float, ...]
    rate_spread: tuple[float, ...]
    breakpoints_s: tuple[float, ...]
    between_s: tuple[tuple[float, float], ...]
    amplitude: float
    offset: float
    sd: float
    correlation_s: float = 0.0

    @property
    def n_stages(self) -> int:
        """Number of stages."""
        return len(self.rates_per_s)

    @property
    def family(self) -> StagedFamily:
        """The curves."""
        return StagedFamily(self.n_stages, True)

    @property
    def names(self) -> tuple[str, ...]:
        """What is planned for: rate constants and breakpoints, by the names that a fit gives them."""
        if self.n_stages == 1:
            return ("k",)
        rates = tuple(f"k{j}" for j in range(1, self.n_stages + 1))
        breaks = tuple(f"breakpoint {j}" for j in range(1, self.n_stages))
        return (*rates, *(breaks if self.n_stages > 2 else ("breakpoint",)))

    @property
    def centre(self) -> Array:
        """Parameters (p,) of the family: those of the expected decay."""
        return np.array([self.amplitude, *self.rates_per_s, *self.breakpoints_s, self.offset])

    def decayed_s(self, time_constants: float) -> float:
        """Return when so many time constants of the expected decay have gone by, s."""
        left, begin = time_constants, 0.0
        for rate, end in zip(self.rates_per_s, [*self.breakpoints_s, math.inf], strict=True):
            if rate * (end - begin) >= left:
                return begin + left / rate
            left, begin = left - rate * (end - begin), end
        return begin

    def changed_at(self, time_s: float) -> float:
        """Return the share of the expected change that has happened at a time."""
        ends = np.minimum([*self.breakpoints_s, math.inf], time_s)
        return -math.expm1(-float(np.diff(ends, prepend=0.0) @ np.array(self.rates_per_s)))

    def draws(self, count: int, rng: np.random.Generator) -> Array:
        """Return parameters (count, p), stratified in each of them."""
        size = (count, 2 * self.n_stages - 1)
        shares = (
            rng.permuted(np.tile(np.arange(count)[:, None], size[1]), axis=0) + rng.random(size)
        ) / count
        theta = np.tile(self.centre, (count, 1))
        m = self.n_stages
        theta[:, 1 : 1 + m] *= np.exp(ndtri(shares[:, :m]) * np.array(self.rate_spread))
        for j, (low, high) in enumerate(self.between_s):
            theta[:, 1 + m + j] = low + (high - low) * shares[:, m + j]
        theta[:, 1 + m : 2 * m] = np.sort(theta[:, 1 + m : 2 * m], axis=1)
        return theta

    def noise(self, time_s: Array, rng: np.random.Generator) -> Array:
        """Return the noise (n,) of one run."""
        noise = rng.standard_normal(time_s.size)
        if self.correlation_s:
            kept = np.exp(-np.diff(time_s) / self.correlation_s)
            for i, share in enumerate(kept, 1):
                noise[i] = share * noise[i - 1] + math.sqrt(1 - share**2) * noise[i]
        return self.sd * noise


def belief_of_numbers(
    rates_per_s: Sequence[float],
    breakpoints_s: Sequence[float],
    *,
    uncertainty: float = UNCERTAINTY,
    amplitude: float = 0.9,
    offset: float = 0.0,
    sd: float = 0.003,
) -> Belief:
    """Return what is believed of rate constants and breakpoints that are known to a share of themselves.

    Raises
    ------
    UsageError
        If the numbers are no staged decay.
    """
    stages = len(rates_per_s)
    if not stages or len(breakpoints_s) != stages - 1:
        need = f"{stages - 1} breakpoint{'' if stages == 2 else 's'}" if stages else "a rate constant"
        raise UsageError(
            f"{stages} rate constants and {len(breakpoints_s)} breakpoints were given; {need} needed, such "
            "as --k 0.056,0.019 --breakpoint 20"
        )
    for what, values in (
        ("rate constant", rates_per_s),
        ("breakpoint", breakpoints_s),
        ("noise sd", [sd]),
        ("amplitude", [abs(amplitude)]),
    ):
        wrong = [value for value in values if not (math.isfinite(value) and value > 0)]
        if wrong:
            raise UsageError(f"a {what} is {wrong[0]:g}; it must be a positive number")
    if list(breakpoints_s) != sorted(set(breakpoints_s)):
        raise UsageError(f"the breakpoints {', '.join(f'{b:g}' for b in breakpoints_s)} s must ascend")
    if not 0 < uncertainty < 1:
        raise UsageError(f"the uncertainty is {uncertainty:g}; it must lie between 0 and 1 (25 % is 0.25)")
    return Belief(
        rates_per_s=tuple(map(float, rates_per_s)),
        rate_spread=(math.log1p(uncertainty),) * stages,
        breakpoints_s=tuple(map(float, breakpoints_s)),
        between_s=tuple((b * (1 - uncertainty), b * (1 + uncertainty)) for b in breakpoints_s),
        amplitude=amplitude,
        offset=offset,
        sd=sd,
    )


def belief_of_fit(
    fit: StagedFit, *, sd: float | None = None
) -> tuple[Belief, dict[str, Any], tuple[Remark, ...]]:
    """Return what a stored fit leaves open, options with which such a run is fitted, and remarks.

    Where the fit shows no second stage, two are fitted to its readings: what is planned for is whether
    there are two.

    Raises
    ------
    FitError
        If no two stages can be fitted to them.
    """
    options = {name: _plain(fit.options[name]) for name in CARRIED if name in fit.options}
    if len(fit.stages) < 2 or fit.options.get("joint") == "free" or fit.options.get("recipe") == "loglinear":
        try:
            fit = fit_stages(fit.trace, n_stages=max(len(fit.stages), 2), **options)
        except CxKineticsError as error:
            raise FitError(
                f"two stages cannot be guessed from {fit.n_points} readings ({error}); give --k and "
                "--breakpoint (rates_per_s and breakpoints_s in Python)"
            ) from error
    start = 0.0 if fit.options.get("t0") is not None else float(fit.trace.time_s[0])
    last = float(fit.trace.time_s[-1]) - start
    rates = [stage.k_per_s for stage in fit.stages]
    breaks = [_since(start, at) for at in fit.breakpoints_s]
    offset = fit.offset.value or 0.0
    noise, memory = _noise_of(fit, options)
    noise = noise if sd is None else sd
    missing = next((e.name for e in (*rates, *breaks) if e.value is None or e.value <= 0), "")
    if missing or not noise:
        raise FitError(
            f"the stored fit does not determine {missing or 'its noise'}; give --k and --breakpoint "
            "(rates_per_s and breakpoints_s in Python)"
        )
    belief = Belief(
        rates_per_s=tuple(float(rate.value or 0.0) for rate in rates),
        rate_spread=tuple(map(_spread_of, rates)),
        breakpoints_s=tuple(at.value or 0.0 for at in breaks),
        between_s=tuple(_interval_of(at, last) for at in breaks),
        amplitude=float(fit.curve(np.array([start]))[0]) - offset,
        offset=offset,
        sd=noise,
        correlation_s=memory,
    )
    loose = [name for name, e in zip(belief.names, (*rates, *breaks), strict=True) if is_open(e)]
    if not loose:
        return belief, options, ()
    text = (
        f"the interval of {', '.join(loose)} is open in the stored fit; planned is for a factor of "
        f"{OPEN_FACTOR:g} on that side"
    )
    return belief, options, (Remark("open_interval", text),)


def _since(start: float, at: Estimate) -> Estimate:
    """Return a breakpoint on the clock of the addition."""
    value, low, high = (None if end is None else end - start for end in (at.value, at.low, at.high))
    return replace(at, value=value, low=low, high=high, pieces=(), within=())


def _noise_of(fit: StagedFit, options: dict[str, Any]) -> tuple[float | None, float]:
    """Return the sd of a reading, and for how long noise remembers where the readings tell it, s."""
    rho = max(fit.noise.ar1 or 0.0, 0.0)
    if rho == 0 or fit.n_points * (1 - rho) / (1 + rho) < TELLING:
        white = fit_stages(fit.trace, n_stages=len(fit.stages), **options | {"noise": "white"})
        return white.noise.sd, 0.0
    spacing = float(np.median(np.diff(fit.trace.time_s)))
    return fit.noise.sd, -spacing / math.log(rho)


def _plain(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def _closed(value: float, low: float | None, high: float | None) -> tuple[float, float]:
    """Return the interval of a positive number, an open end `OPEN_FACTOR` away."""
    first = value / OPEN_FACTOR if low is None or low <= 0 else low
    return min(first, value), max(value * OPEN_FACTOR if high is None else high, value)


def _spread_of(rate: Estimate) -> float:
    """Return the standard deviation of ln k that an interval tells."""
    low, high = _closed(rate.value or 0.0, rate.low, rate.high)
    return max(math.log(high / low) / (2 * TWO_SIDED), math.log1p(BETWEEN_RUNS))


def _interval_of(at: Estimate, last: float) -> tuple[float, float]:
    """Return the interval of a breakpoint after the addition, s; it lies within the run."""
    value = at.value or 0.0
    low, high = _closed(value, at.low, at.high)
    return min(low, value * (1 - BETWEEN_RUNS)), max(min(high, last), value * (1 + BETWEEN_RUNS))


def is_open(number: Estimate) -> bool:
    """Return whether the data leave an end of the interval of a positive number open."""
    return number.low is None or number.low <= 0 or number.high is None
