"""A smooth model at its restricted likelihood: numbers with intervals like those of stages."""

from dataclasses import replace

import numpy as np

from cxkinetics.arrays import Array
from cxkinetics.estimate import Estimate
from cxkinetics.inference.ar1 import Sample, correlation_profile, likeliest_rho, whitening
from cxkinetics.inference.descent import Target, descend
from cxkinetics.kinetics.intervals import Numbers
from cxkinetics.kinetics.optimum import ROUNDS, Fitted, tangent
from cxkinetics.kinetics.options import FitOptions
from cxkinetics.kinetics.reduction import finished
from cxkinetics.kinetics.result import Preferred
from cxkinetics.kinetics.rivals import Contender, delay_of
from cxkinetics.kinetics.scales import factor_of, powers_of, smooth_family
from cxkinetics.kinetics.search import Found, beside_its_end, on_clock, smooth_box
from cxkinetics.models.decays import DecayFamily
from cxkinetics.signals.trace import Trace

PLAIN = "by plain least squares, for comparison: other models lie far ahead"
"""How a model is fitted that was asked for and is out."""
_WORDS = {"C": "amplitude", "o": "offset"}


def smooth_fit(sample: Sample, contender: Contender, *, ar1: bool) -> Fitted:
    """Return a ranked smooth model with the correlation of its noise by restricted likelihood.

    Parameters
    ----------
    sample : Sample
        Data.
    contender : Contender
        The model at its maximum likelihood: where the fit starts.
    ar1 : bool
        Estimate the correlation (else white noise).
    """
    fitted = _fit(sample, contender, ar1=ar1)
    return fitted if sample.blocks is None else finished(fitted)


def _fit(sample: Sample, contender: Contender, *, ar1: bool) -> Fitted:
    named = smooth_family(contender.model)
    assert named is not None, "only a smooth model is fitted here"
    if "tau" in contender.parameters:
        sample = on_clock(sample, contender.parameters["tau"] / sample.span_s)
    family = replace(named, delay=delay_of(named, sample))
    lower, upper = smooth_box(family, sample)
    theta = np.array([contender.parameters[name] / factor_of(name, sample) for name in family.names])
    if family.shape.nonlinear == ("k1", "k2") and theta[2] < theta[3]:
        theta[:4] = theta[[1, 0, 3, 2]]  # the faster of two exponentials first

    def found(theta: Array, rho: float) -> Found:
        target = Target(sample.time, sample.signal, whitening(sample, rho))
        starts = beside_its_end(family, sample, theta)
        done = descend(family, target, starts, lower=lower, upper=upper, iterations=200)
        return Found.best(family, np.empty((len(starts), 0), dtype=np.intp), (done.theta, done.rss))

    rho = contender.rho if ar1 else 0.0
    best = found(theta, rho)
    residual, jacobian = tangent(sample, best)
    if not ar1 or sample.n - theta.size < 3:
        return Fitted(sample, best, whitening(sample, rho), residual, jacobian, rho, None)
    for _ in range(ROUNDS):
        new = likeliest_rho(sample, residual, jacobian, restricted=True)
        if abs(new - rho) < 2e-3:
            break
        rho, best = new, found(best.theta, new)
        residual, jacobian = tangent(sample, best)
    profile = correlation_profile(sample, residual, jacobian)
    return Fitted(sample, best, whitening(sample, rho), residual, jacobian, rho, profile)


def smooth_numbers(
    fitted: Fitted, options: FitOptions, unit: str, contender: Contender | None = None
) -> dict[str, Estimate]:
    """Return every parameter of a smooth model with its interval, by name, in s and the trace's unit."""
    numbers = Numbers(fitted, confidence=options.confidence, absolute_sigma=options.absolute_sigma)
    numbers.look(*fitted.family.names)
    found = {}
    for name in fitted.family.names:
        label = _WORDS.get(name, name)
        of = unit_of(name, unit)
        found[label] = numbers.parameter(label, name, factor_of(name, fitted.sample), of)
    if options.given_offset is not None and "offset" not in found:
        found["offset"] = numbers.offset(unit, options.given_offset)
    if (drift := numbers.drift(unit)) is not None:
        found["drift"] = drift
    if contender is not None and "tau" in contender.parameters:
        why = "the likeliest of a few start-up times; the others hold it"
        value = contender.parameters["tau"]
        found["tau"] = Estimate(name="tau", value=value, unit="s", method="grid", reason=why)
    return found


def unit_of(name: str, unit: str) -> str:
    """Return the unit of a parameter, by its name in a family."""
    of_signal, of_time = powers_of(name)
    signal = unit if of_signal else ""
    if not of_time:
        return signal
    if of_time > 0:
        return "s"
    return f"{signal}/s" if signal else "1/s"


def told_model(
    model: str, parameters: dict[str, Estimate], trace: Trace, smooth: Fitted | None = None, how: str = ""
) -> Preferred:
    """Return a model with its numbers, and what it was fitted to."""
    start, end = float(trace.time_s[0]), float(trace.time_s[-1])
    words = f"the signal, {trace.n_points} points, {start:g}-{end:g} s"
    if smooth is not None and isinstance(smooth.family, DecayFamily) and start and not smooth.family.delay:
        words += f"; amplitudes count at the first reading, {start:g} s"
    words += f"; {how}" if how else ""
    named = {name: replace(estimate, name=name) for name, estimate in parameters.items()}
    return Preferred(model=model, parameters=named, fitted_to=words)
