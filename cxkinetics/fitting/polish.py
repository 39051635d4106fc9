"""The last word on the smooth parameters: `lmfit.Minimizer` with the exact Jacobian.

The breakpoint is held where the profile puts it (on a data time it has no derivative). A residual
is model minus data here, so that its Jacobian is that of the model: lmfit's own Model uses data
minus model, and a Jacobian of the other sign returns the start as "Fit succeeded".
"""

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from cxkinetics.arrays import Array
from cxkinetics.fitting.fitted import Fitted, tangent
from cxkinetics.models.families import StagedFamily

if TYPE_CHECKING:
    import lmfit

__all__ = ["polished"]


def polished(fitted: Fitted) -> tuple[Fitted, tuple[str, ...]]:
    """Return the fit with its smooth parameters polished, and flags where that found a problem.

    Parameters
    ----------
    fitted : Fitted
        A fit at rest.

    Returns
    -------
    Fitted, tuple of str
        The better of the two (never a larger rss), and "not converged" where lmfit says so.
    """
    import lmfit

    family, sample = fitted.family, fitted.sample
    names = family.names
    breaks = range(0)
    if isinstance(family, StagedFamily):
        breaks = range(family.breaks.start, family.breaks.stop)
    smooth = [i for i in range(len(names)) if i not in breaks]
    cell = fitted.found.cell[None, :] if fitted.found.cell.size else None
    parameters = lmfit.Parameters()
    for i in smooth:
        parameters.add(names[i], value=float(fitted.theta[i]))

    def at(values: "lmfit.Parameters") -> tuple[Array, Array]:
        theta = fitted.theta.copy()
        theta[smooth] = [values[names[i]].value for i in smooth]
        curve, jacobian = family.evaluate(sample.time, theta[None, :], cell)
        return curve[0], jacobian[0][smooth]

    def residual(values: "lmfit.Parameters") -> Array:
        return fitted.white.apply(at(values)[0] - sample.signal)

    def jacobian(values: "lmfit.Parameters") -> Array:
        return fitted.white.apply(at(values)[1])

    if sample.n < len(smooth):
        return fitted, ("more parameters than points",)
    result: Any = lmfit.Minimizer(residual, parameters, calc_covar=False).minimize(
        method="leastsq", Dfun=jacobian, col_deriv=1, ftol=1e-15, xtol=1e-15, gtol=0.0
    )
    theta = fitted.theta.copy()
    theta[smooth] = [result.params[names[i]].value for i in smooth]
    rss = float(np.sum(residual(result.params) ** 2))
    flags = () if result.success else ("the last polish of the smooth parameters did not converge",)
    if not rss < fitted.found.rss:
        return fitted, flags
    found = replace(fitted.found, theta=theta, rss=rss)
    rest, slope = tangent(sample, found, given=fitted.given_breaks)
    return replace(fitted, found=found, residual=rest, jacobian=slope), flags
