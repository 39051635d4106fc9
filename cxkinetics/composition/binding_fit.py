"""A dose table read through the sequential binding model (M3): most probable parameters, with priors.

Advanced. Nine parameters stand against a handful of samples, so the result is the priors bent as far
as the data ask for; `identifiability` says which parameters the data moved at all.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy.special import ndtr

from cxkinetics.arrays import Array
from cxkinetics.composition.basis import require_elements
from cxkinetics.composition.load_system import load_system
from cxkinetics.composition.sequential_binding import (
    BindingParameters,
    Identifiability,
    binding_priors,
    identifiability,
    sequential_incorporation,
    sequential_shares,
)
from cxkinetics.composition.system import System
from cxkinetics.errors import FitError
from cxkinetics.signals.dose_table import DoseTable

__all__ = ["BindingFit", "fit_binding"]

_SIGMA_PERCENT = 0.3
_STARTS = 3
_MOST_STEPS = 40
_SEED = 3
_RANGE = 4.0


@dataclass(frozen=True, slots=True, kw_only=True)
class BindingFit:
    """Most probable parameters of the binding model.

    Attributes
    ----------
    system : System
    basis : str
    parameters : BindingParameters
    identifiability : Identifiability
        What the data say about each; `label` is the sentence to read first.
    residuals_percent : tuple of float
        Incorporation minus model at the exact doses, percentage points.
    sigma_percent : float
        Standard deviation assumed where the table gives none.
    """

    system: System
    basis: str
    parameters: BindingParameters
    identifiability: Identifiability
    residuals_percent: tuple[float, ...]
    sigma_percent: float

    @property
    def label(self) -> str:
        """How little of this is identifiable, in one sentence."""
        return self.identifiability.label

    def shares_at(self, dose_percent: float) -> dict[str, float]:
        """Return the shares of all species at a dose, without intervals (see `label`)."""
        shares = sequential_shares(self.system, dose_percent, self.parameters)
        return {key: float(v) for key, v in zip(self.system.species, shares, strict=True)}

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {
            "schema": "cxkinetics.binding/1",
            "system": self.system.name,
            "basis": self.basis,
            "label": self.label,
            "parameters": self.parameters.named(),
            "sd_ratio": dict(self.identifiability.sd_ratio),
            "informed_directions": self.identifiability.informed_directions,
            "residuals_percent": list(self.residuals_percent),
            "sigma_percent": self.sigma_percent,
        }


def fit_binding(
    table: DoseTable,
    *,
    system: System | str | Path = "ag-cds",
    sigma_percent: float = _SIGMA_PERCENT,
    fixed: Mapping[str, float] | None = None,
) -> BindingFit:
    """Fit the sequential binding model to a dose table, with its priors (advanced).

    Parameters
    ----------
    table : DoseTable
        Rows with exact doses are used.
    system : System, str or Path
        Species and priors.
    sigma_percent : float
        Standard deviation of an incorporation where the table gives none, percentage points.
    fixed : mapping, optional
        Parameters to hold ("T": 16.0, ...).

    Returns
    -------
    BindingFit
        Parameters, residuals, and how far each parameter is the data's rather than its prior's.

    Raises
    ------
    FitError
        If the table has no exact dose, or no start converges.

    Examples
    --------
    >>> table = DoseTable(dose_percent=[0, 75, 100, 135, 175],
    ...                   incorporation_percent=[0, 8.0, 12.1, 40.4, 40.0])
    >>> fit_binding(table).identifiability.n_parameters
    9
    """
    from scipy.optimize import least_squares

    chosen = load_system(system)
    require_elements(table, chosen)
    exact = table.exact if np.isfinite(table.dose_percent).any() else None
    if exact is None:
        raise FitError("the binding model needs exact doses; the table holds only intervals")
    dose, y = np.asarray(exact.dose_percent), np.asarray(exact.incorporation_percent)
    sigma = np.full(dose.size, sigma_percent) if exact.sigma_percent is None else exact.sigma_percent
    held = dict(fixed or {})
    on = chosen.basis_name(table.basis)
    priors = binding_priors(chosen, on)
    free = [name for name in priors if name not in held]

    def parameters(z: Array) -> BindingParameters:
        moved = {name: float(priors[name].quantile(ndtr(v))) for name, v in zip(free, z, strict=True)}
        named = {name: held.get(name, moved.get(name, 0.0)) for name in priors}
        return BindingParameters.from_named({n: max(v, 1e-9) for n, v in named.items()})

    def model(z: Array) -> Array:
        return sequential_incorporation(chosen, dose, parameters(z), basis=on)

    def misfit(z: Array) -> Array:
        return np.concatenate([(model(z) - y) / sigma, z])

    rng = np.random.default_rng(_SEED)
    starts = [np.zeros(len(free)), *rng.normal(0, 1, (_STARTS - 1, len(free)))]
    steps = np.full(len(free), 1e-4)
    found = [
        least_squares(misfit, start, bounds=(-_RANGE, _RANGE), diff_step=steps, max_nfev=_MOST_STEPS)
        for start in starts
    ]
    best = min(found, key=lambda item: float(item.cost))
    if not np.isfinite(best.cost):
        raise FitError("the binding model could not be fitted; check the table")
    at = parameters(best.x)
    return BindingFit(
        system=chosen,
        basis=on,
        parameters=at,
        identifiability=identifiability(
            chosen, dose, at, sigma_percent=float(np.mean(sigma)), basis=on, priors=priors
        ),
        residuals_percent=tuple(float(v) for v in y - model(best.x)),
        sigma_percent=float(np.mean(sigma)),
    )
