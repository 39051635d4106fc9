"""M3 (advanced): sequential binding with a cooperative last step, and a dose table read through it."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from scipy.special import ndtr

from cxkinetics.arrays import Array, ArrayLike
from cxkinetics.calls import checked
from cxkinetics.composition import mass_balance
from cxkinetics.composition.system import Prior, System, load_system, require_elements
from cxkinetics.document.shown import Shown
from cxkinetics.errors import FitError, UsageError
from cxkinetics.record import DATA, HIDDEN, As, Record, read
from cxkinetics.signals.basis import BASES
from cxkinetics.signals.dose_table import DoseTable

if TYPE_CHECKING:
    from cxkinetics.document.page import Section
    from cxkinetics.document.units import TimeUnit

_LN_RANGE = 60.0  # of the free guest: below e^-60 per cluster there is none
_BISECTIONS = 48  # halve that range to less than rounding in ln L
_STEP = 1e-5  # of a prior's spread, for central differences: rounding and curvature are both small
_TOLD = 0.5  # a parameter counts as identified where the data halve its spread


@dataclass(frozen=True, slots=True, kw_only=True)
class BindingParameters:
    """Parameters of the sequential binding model.

    The defaults are those that `fit_binding` finds for the published silver table, rounded: mostly
    priors.

    Attributes
    ----------
    binding : tuple of float
        K1..KN, stepwise binding constants per free guest per cluster.
    L_av : float
        Free guest per cluster at which the avalanche weighs as much as the most doped cluster.
    m : float
        Cooperative exponent of the avalanche.
    k_p : float
        Non-specific uptake per free guest.
    phi : float
        Share of the dosed host that sits in clusters.
    T, rho, eta : float
        Trapped host, retention and recovery of the mass balance.
    """

    binding: tuple[float, ...] = (30.0, 48.0)
    L_av: float = 21.5
    m: float = 54.0
    k_p: float = 10.7
    phi: float = 0.132
    T: float = 0.23
    rho: float = 0.70
    eta: float = 0.244

    def __post_init__(self) -> None:
        for name, value in self.named().items():
            may_vanish = name in ("k_p", "T", "rho")
            if not (value >= 0 if may_vanish else value > 0):
                must = "must not be negative" if may_vanish else "must be positive"
                raise UsageError(f"{name} is {value:g}; it {must}")

    def named(self) -> dict[str, float]:
        """Return all parameters by name."""
        record = {f"K{number}": value for number, value in enumerate(self.binding, 1)}
        return record | {name: getattr(self, name) for name in ("L_av", "m", "k_p", "phi", "T", "rho", "eta")}

    @classmethod
    def from_named(cls, named: Mapping[str, float]) -> "BindingParameters":
        """Return the parameters from a mapping as `named` gives it."""
        steps = sorted((name for name in named if name.startswith("K")), key=lambda name: int(name[1:]))
        rest = {name: value for name, value in named.items() if not name.startswith("K")}
        return cls(binding=tuple(named[name] for name in steps), **rest)


def sequential_populations(free: ArrayLike, parameters: BindingParameters) -> Array:
    """Return the shares of the clusters by guests and of the product, at free guest L.

    Parameters
    ----------
    free : array_like
        Free guest per cluster.
    parameters : BindingParameters

    Returns
    -------
    Array, shape (N + 2, ...)
        Shares of units; they sum to 1.

    Examples
    --------
    >>> weights = BindingParameters(binding=(2.0, 0.5), L_av=1e9)
    >>> sequential_populations(1.0, weights).round(3).tolist()
    [0.25, 0.5, 0.25, 0.0]
    """
    with np.errstate(divide="ignore"):
        ln_free = np.log(np.asarray(free, dtype=float))
    return _populations(ln_free, parameters)


def _populations(ln_free: Array, parameters: BindingParameters) -> Array:
    steps = np.cumsum(np.log(parameters.binding))
    clusters = [np.zeros_like(ln_free), *(step + n * ln_free for n, step in enumerate(steps, 1))]
    avalanche = clusters[-1] + parameters.m * (ln_free - np.log(parameters.L_av))
    ln_weight = np.stack([*clusters, avalanche])
    # m is some 50: the weights themselves would overflow
    weight = np.exp(ln_weight - ln_weight.max(axis=0))
    shares: Array = weight / weight.sum(axis=0)
    return shares


def free_guest(system: System, dose_percent: ArrayLike, parameters: BindingParameters) -> Array:
    """Return L, the free guest per cluster, from the guest added: the balance has one root.

    Raises
    ------
    UsageError
        If the number of binding constants is not that of the system's doping steps.
    """
    if len(parameters.binding) != system.n_steps:
        raise UsageError(
            f"{system.name} has {system.n_steps} doping steps, but {len(parameters.binding)} binding "
            "constants are given"
        )
    total = system.n_hosts * np.asarray(dose_percent, dtype=float) / 100 / parameters.phi
    low, high = np.full(total.shape, -_LN_RANGE), np.log(np.maximum(total, 1e-300))
    guests = np.array([*system.dopant_counts, system.guests_at_full_exchange])
    # bound guest rises with free guest, so the balance has one root: bisection cannot miss it
    for _ in range(_BISECTIONS):
        middle = (low + high) / 2
        bound = np.tensordot(guests, _populations(middle, parameters), axes=1)
        over = (1 + parameters.k_p) * np.exp(middle) + bound > total
        low, high = np.where(over, low, middle), np.where(over, middle, high)
    free: Array = np.where(total > 0, np.exp((low + high) / 2), 0.0)
    return free


def sequential_shares(system: System, dose_percent: ArrayLike, parameters: BindingParameters) -> Array:
    """Return the shares of all species at a dose, shape (species, ...)."""
    return sequential_populations(free_guest(system, dose_percent, parameters), parameters)


def sequential_incorporation(
    system: System, dose_percent: ArrayLike, parameters: BindingParameters, *, basis: str = BASES[0]
) -> Array:
    """Return the incorporation (%) that ICP-OES would read at a dose.

    Free and non-specifically bound guest is taken to be washed away.
    """
    shares = sequential_shares(system, dose_percent, parameters)
    return mass_balance.incorporation_of_state(
        system, shares, T=parameters.T, rho=parameters.rho, eta=parameters.eta, basis=basis
    )


def binding_priors(system: System, basis: str = BASES[0]) -> dict[str, Prior]:
    """Return priors of the binding model: wide ones for its own parameters, the system's for the rest."""
    own = system.resolved_priors(basis)
    guesses = {f"K{number}": (30.0, 10.0) for number in range(1, system.n_steps + 1)}
    guesses |= {"L_av": (1.0, 10.0), "m": (10.0, 3.0), "k_p": (1.0, 10.0)}
    priors = {}
    for name, (middle, factor) in guesses.items():
        logs, note = (float(np.log(middle)), float(np.log(factor))), "nothing published; a wide guess"
        priors[name] = Prior(name=name, distribution="lognormal", parameters=logs, note=note)
    return priors | {name: own[name] for name in ("phi", "T", "rho", "eta")}


@dataclass(frozen=True, slots=True, kw_only=True)
class Identifiability:
    """How much a dose table says about the binding model, linearised about given parameters.

    Attributes
    ----------
    sd_ratio : mapping of str to float
        Parameter -> standard deviation after the data over that of its prior; 1 is "nothing learnt".
    informed_directions : int
        Combinations of parameters on which the data say more than the priors.
    n_parameters : int
        Parameters of the model.
    """

    sd_ratio: Mapping[str, float]
    informed_directions: int
    n_parameters: int

    @property
    def identified(self) -> tuple[str, ...]:
        """Parameters whose spread the data at least halve."""
        return tuple(name for name, ratio in self.sd_ratio.items() if ratio <= _TOLD)

    @property
    def label(self) -> str:
        """One sentence for a heading."""
        known = ", ".join(self.identified) or "none of them"
        return (
            f"advanced: the dose table informs {self.informed_directions} combinations of "
            f"{self.n_parameters} parameters and halves the spread of {known}; "
            "the rest is what the priors say"
        )


def identifiability(
    system: System,
    dose_percent: ArrayLike,
    parameters: BindingParameters,
    *,
    sigma_percent: float = 0.3,
    basis: str = BASES[0],
    priors: Mapping[str, Prior] | None = None,
) -> Identifiability:
    """Return how much incorporations at some doses would say about the binding parameters.

    Parameters
    ----------
    system : System
    dose_percent : array_like, shape (n,)
        Doses measured.
    parameters : BindingParameters
        Where to linearise.
    sigma_percent : float
        Standard deviation of an incorporation, percentage points.
    basis : str
        Basis of the incorporations.
    priors : mapping, optional
        Of all parameters; `binding_priors` by default.
    """
    chosen = binding_priors(system, basis) if priors is None else priors
    dose = np.asarray(dose_percent, dtype=float)
    incorporation = partial(sequential_incorporation, system, dose, basis=basis)
    centre = parameters.named()
    columns = []
    for name, value in centre.items():
        low, high = chosen[name].quantile(np.array([0.1587, 0.8413]))
        spread = float(high - low) / 2
        step = _STEP * spread
        ends = [
            incorporation(BindingParameters.from_named(centre | {name: max(at, 1e-9)}))
            for at in (value - step, value + step)
        ]
        columns.append((ends[1] - ends[0]) / (2 * step) * spread / sigma_percent)
    sensitivity = np.stack(columns, axis=1)
    information = sensitivity.T @ sensitivity
    covariance = np.linalg.inv(information + np.eye(len(centre)))
    return Identifiability(
        sd_ratio=dict(zip(centre, np.sqrt(np.diag(covariance)).tolist(), strict=True)),
        informed_directions=int(np.sum(np.linalg.eigvalsh(information) > 1)),
        n_parameters=len(centre),
    )


_SIGMA_PERCENT = 0.3
_STARTS = 3  # the priors' medians, and random ones: the misfit has several valleys
_MOST_STEPS = 40
_SEED = 3
_RANGE = 4.0  # standard deviations of a prior: further out it excludes what the search would find


@dataclass(frozen=True, slots=True, kw_only=True)
class BindingFit(Record, Shown):
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

    SCHEMA = "cxkinetics.binding/1"
    _keys = """schema=SCHEMA system=system.name basis label parameters sd_ratio=identifiability.sd_ratio
        informed_directions=identifiability.informed_directions ..."""

    system: Annotated[System, DATA]
    basis: str
    parameters: Annotated[
        BindingParameters, As(write=BindingParameters.named, read=BindingParameters.from_named)
    ]
    identifiability: Annotated[Identifiability, HIDDEN]
    residuals_percent: tuple[float, ...]
    sigma_percent: float

    @property
    def label(self) -> str:
        """How little of this is identifiable, in one sentence."""
        return self.identifiability.label

    def shares_at(self, dose_percent: float) -> dict[str, float]:
        """Return the shares of all species at a dose, without intervals (see `label`)."""
        shares = sequential_shares(self.system, dose_percent, self.parameters)
        return dict(zip(self.system.species, shares.tolist(), strict=True))

    def brief(self, unit: "TimeUnit") -> "Section":
        """Return what `print` and a notebook show."""
        from cxkinetics.composition.page import binding_brief

        return binding_brief(self, unit)

    @classmethod
    def from_dict(cls, record: Mapping[str, Any]) -> "BindingFit":
        """Return the fit that was written; what the data say stands there without its number of parts."""
        ratios, directions = record["sd_ratio"], record["informed_directions"]
        known = Identifiability(sd_ratio=ratios, informed_directions=directions, n_parameters=len(ratios))
        return read(cls, record, identifiability=known)


@checked()
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
    if not np.isfinite(table.dose_percent).any():
        raise FitError("the binding model needs exact doses; the table holds only intervals")
    exact = table.exact
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

    model = partial(sequential_incorporation, chosen, dose, basis=on)

    def misfit(z: Array) -> Array:
        return np.concatenate([(model(parameters(z)) - y) / sigma, z])

    rng = np.random.default_rng(_SEED)
    starts = [np.zeros(len(free)), *rng.normal(0, 1, (_STARTS - 1, len(free)))]
    search = partial(least_squares, misfit, bounds=(-_RANGE, _RANGE), max_nfev=_MOST_STEPS)
    best = min((search(z, diff_step=np.full(z.size, 1e-4)) for z in starts), key=lambda one: float(one.cost))
    if not np.isfinite(best.cost):
        raise FitError("the binding model could not be fitted; check the table")
    at, spread = parameters(best.x), float(np.mean(sigma))
    return BindingFit(
        system=chosen,
        basis=on,
        parameters=at,
        identifiability=identifiability(chosen, dose, at, sigma_percent=spread, basis=on, priors=priors),
        residuals_percent=tuple((y - model(at)).tolist()),
        sigma_percent=spread,
    )
