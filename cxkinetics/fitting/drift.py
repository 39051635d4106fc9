"""Drift: whether a straight line of the baseline explains what a further stage or the residuals show."""

import numpy as np

from cxkinetics.fitting.correlation import likeliest_rho
from cxkinetics.fitting.descent import Target, descend
from cxkinetics.fitting.fitted import Fitted, information
from cxkinetics.fitting.rivals import Contender
from cxkinetics.fitting.search import box
from cxkinetics.fitting.whitening import whitening
from cxkinetics.models.families import DriftFamily, StagedFamily

__all__ = ["drift_contender", "drift_gain"]

REACH = 3
"""Gaps on either side of the breakpoint in which the drifting fit looks."""


def drift_gain(fitted: Fitted) -> tuple[float, float]:
    """Return the slope (scaled signal per scaled time) of a drift added to a fit, and its F.

    The fit is replaced by its tangent; F has 1 and dof - 1 degrees of freedom.
    """
    white = fitted.white.apply(fitted.jacobian)
    line = fitted.white.apply(fitted.sample.time[None, :].copy())[0]
    rest = fitted.white.apply(fitted.residual)
    basis = np.linalg.qr(white[np.any(white != 0, axis=1)].T)[0]
    line = line - basis @ (basis.T @ line)
    length = float(line @ line)
    if length < 1e-12 or fitted.dof < 3:
        return 0.0, 0.0
    slope = float(line @ rest) / length
    gain = slope**2 * length
    return slope, gain / (max(fitted.found.rss - gain, 1e-290) / (fitted.dof - 1))


def drift_contender(fitted: Fitted) -> Contender | None:
    """Return a staged fit with a drifting baseline as a contender (None for free joints)."""
    base, sample, found = fitted.family, fitted.sample, fitted.found
    if not isinstance(base, StagedFamily) or sample.n <= fitted.n_parameters + 3:
        return None
    family = DriftFamily(base)
    cells = found.cell + np.arange(-REACH, REACH + 1)[:, None]
    cells = cells[(cells >= 2).all(axis=1) & (cells <= sample.n - 4).all(axis=1)]
    lower, upper = box(base, sample, cells)
    free = np.full((cells.shape[0], 1), np.inf)
    lower, upper = np.concatenate([lower, -free], axis=1), np.concatenate([upper, free], axis=1)
    theta = np.tile(np.append(found.theta, 0.0), (cells.shape[0], 1))
    white, rho = fitted.white, fitted.rho
    best = 0
    for number in range(2 if fitted.correlation is not None else 1):
        target = Target(sample.time, sample.signal, white)
        done = descend(family, target, theta, cell=cells, lower=lower, upper=upper, tolerance=1e-10)
        theta, best = done.theta, int(np.argmin(done.rss))
        if number == 0 and fitted.correlation is not None:
            curve, jacobian = family.evaluate(sample.time, theta[best : best + 1], cells[best : best + 1])
            rho = likeliest_rho(sample, sample.signal - curve[0], jacobian[0], restricted=False)
            white = whitening(sample, rho)
    aicc, bic = information(
        sample,
        float(done.rss[best]),
        float(white.log_determinant),
        fitted.n_parameters + 2 + (fitted.correlation is not None),
    )
    curve, _ = family.evaluate(sample.time, theta[best : best + 1], cells[best : best + 1])
    residual = (sample.signal - curve[0]) / sample.sigma
    per_second = float(theta[best, -1]) * sample.scale / sample.span_s
    suffix = " + offset" if base.with_offset else ""
    return Contender(
        model=f"{base.n_stages} stages{suffix} + drift",
        kind="drift",
        n_parameters=fitted.n_parameters + 1,
        rss=float(residual @ residual) * sample.scale**2,
        aicc=aicc,
        bic=bic,
        rho=rho,
        parameters={"drift": per_second},
        note="a straight drift of the baseline in place of a third stage",
    )
