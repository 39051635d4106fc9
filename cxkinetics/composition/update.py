"""`update_priors`: the user's own measurements and the documented priors, joined."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np

from cxkinetics.arrays import Array
from cxkinetics.composition.curve import MapPoints
from cxkinetics.composition.draws import DEFAULT_DRAWS, ParameterDraws, draw_priors, generator
from cxkinetics.composition.incorporation import fit_incorporation
from cxkinetics.composition.incorporation_result import IncorporationFit
from cxkinetics.composition.measurements import ClusterFractions, ProductOnset
from cxkinetics.composition.system import MAP_PARAMETERS, Prior, System, basis_for, load_system
from cxkinetics.composition.table_draws import map_log_likelihood, no_product_reason
from cxkinetics.document.shown import Shown
from cxkinetics.errors import FitError, InputError, UsageError
from cxkinetics.estimate import Estimate
from cxkinetics.inference.ensemble import Sample, sample_posterior
from cxkinetics.record import DATA, As, Record, Version
from cxkinetics.remarks import Remark
from cxkinetics.signals.basis import BASES
from cxkinetics.signals.dose_table import DoseTable
from cxkinetics.version import __version__

if TYPE_CHECKING:
    import pandas as pd

    from cxkinetics.document.page import Figure, Section
    from cxkinetics.document.units import TimeUnit


@dataclass(frozen=True, slots=True, kw_only=True)
class ParameterChange(Record):
    """One parameter before and after the measurements.

    `before` is None for a parameter without a prior; `sd_ratio` is the spread after over that
    before (16-84 % ranges), None without a prior.
    """

    name: str
    before: Annotated[Estimate | None, As(name="{name}")]
    after: Annotated[Estimate, As(name="{name}")]
    sd_ratio: float | None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CompositionUpdate(Record, Shown):
    """Priors narrowed by measurements.

    Attributes
    ----------
    draws : ParameterDraws
        Draws of all parameters; pass them (or this result) as `table` to `predict` or `dose_for`.
    changes : tuple of ParameterChange
        The seven parameters of map and stages, before and after.
    measurements : tuple of mapping
        Fractions and onsets that took part.
    points : DoseTable or None
        The dose table that took part.
    acceptance, scale_reduction : float
        Acceptance rate of the sampler, and how well the two halves of its run agree (1 is perfect).

    Examples
    --------
    >>> import cxkinetics as cx
    >>> unseen = cx.ProductOnset(seen=False, incorporation_percent=8.0)
    >>> update = cx.update_priors(onset=[unseen], n_draws=200)
    >>> update.narrowed, round(update.before["y_on"].value), round(update.after["y_on"].value)
    (('y_on',), 5, 6)
    """

    SCHEMA = "cxkinetics.update/1"
    _keys = """schema=SCHEMA version system=draws.system.name basis=draws.basis parameters narrowed
        measurements table acceptance scale_reduction confidence n_draws=draws.n_draws seed warnings"""

    draws: Annotated[ParameterDraws, DATA]
    changes: Annotated[tuple[ParameterChange, ...], As(key="parameters")]
    measurements: tuple[Mapping[str, Any], ...]
    points: Annotated[DoseTable | None, As(key="table")]
    acceptance: float
    scale_reduction: float
    confidence: float = 0.95
    warnings: tuple[Remark, ...] = ()
    seed: int | None = None
    version: Version = __version__

    @property
    def before(self) -> dict[str, Estimate]:
        """Parameters before, by name (those with a prior)."""
        return {change.name: change.before for change in self.changes if change.before is not None}

    @property
    def after(self) -> dict[str, Estimate]:
        """Parameters after, by name."""
        return {change.name: change.after for change in self.changes}

    @property
    def narrowed(self) -> tuple[str, ...]:
        """Parameters that the measurements narrowed by at least 30 %."""
        return tuple(change.name for change in self.changes if change.name in self.draws.measured)

    def table(self) -> "pd.DataFrame":
        """Return one row per parameter: median, low and high before and after, and the spread ratio."""
        from cxkinetics.composition.page import change_table

        return change_table(self).frame().set_index("parameter").rename_axis(None)

    def brief(self, unit: "TimeUnit") -> "Section":
        """Return what `print` and a notebook show."""
        from cxkinetics.composition.page import update_brief

        return update_brief(self, unit)

    def figures(self, unit: "TimeUnit") -> "Sequence[Figure]":
        """Return the figure: every parameter before and after the measurements."""
        from cxkinetics.composition.figures import update_figure

        return (update_figure(self),)

    def __repr__(self) -> str:
        shown = ", ".join(f"{name} {self.after[name]}" for name in self.narrowed) or "nothing"
        return f"CompositionUpdate(narrowed: {shown})"


_NAMES = (*MAP_PARAMETERS, "y2", "y_on", "alpha")
_WALKERS = 80  # some ten for each of seven parameters
_TRIES = 40000  # prior draws among which walkers are chosen: measurements may allow one in a thousand
_NARROWED = 0.7
_AGREEMENT = 1.1
_FACTORS = (0.5, 2.0)


def update_priors(
    *,
    table: DoseTable | None = None,
    fractions: Sequence[ClusterFractions] = (),
    onset: Sequence[ProductOnset] = (),
    system: System | str | Path = "ag-cds",
    published_curve: bool = True,
    basis: str | None = None,
    n_draws: int = DEFAULT_DRAWS,
    confidence: float = 0.95,
    rng: np.random.Generator | int | None = None,
) -> CompositionUpdate:
    """Narrow the documented priors by measurements.

    Parameters
    ----------
    table : DoseTable, optional
        Dose against incorporation (dose intervals and sigmas allowed).
    fractions : sequence of ClusterFractions
        Mass-spectrum fractions of samples at known doses or incorporations.
    onset : sequence of ProductOnset
        Samples in which the product was, or was not, seen.
    system : System, str or Path
        Species and priors.
    published_curve : bool
        True: the documented priors of the dose curve take part (the same chemistry); False: the
        table alone says where the curve runs.
    basis : str, optional
        Basis of the incorporations; that of the table by default.
    n_draws, confidence, rng
        As for `predict`.

    Returns
    -------
    CompositionUpdate
        Its `draws` go wherever a table goes.

    Raises
    ------
    UsageError
        If nothing was measured.
    InputError
        If the system documents no dose curve and no table is given.
    FitError
        If the measurements and the priors exclude each other.

    Examples
    --------
    >>> seen = ClusterFractions(fractions=(0.1, 0.8, 0.1), sigma=(0.05, 0.05, 0.05),
    ...                         incorporation_percent=2.4)
    >>> update = update_priors(fractions=[seen], n_draws=500)
    >>> round(update.before["alpha"].value, 1), round(update.after["alpha"].value, 1)
    (1.0, 0.1)
    """
    if table is None and not fractions and not onset:
        raise UsageError("nothing was measured: give a table, fractions or onset")
    chosen = load_system(system)
    measured_on = BASES[0] if table is None else table.basis
    on = chosen.basis_name(measured_on) if basis is None else basis_for(chosen, basis)
    priors = chosen.resolved_priors(on)
    if not (published_curve and chosen.has_dose_curve):
        if table is None:
            raise InputError(
                f"no dose curve is known for {chosen.name} without its published one; give a table"
            )
        priors = {name: prior for name, prior in priors.items() if name not in MAP_PARAMETERS}
    published = chosen.source if all(name in priors for name in MAP_PARAMETERS) else ""
    random, seed = generator(rng)
    fit = None if table is None else fit_incorporation(table, system=chosen, basis=on)
    model = _Model(chosen, on, fit, (*fractions, *onset))
    runs = {
        factor: _run(model, _widened(priors, factor), n_draws, random, seed) for factor in (1.0, *_FACTORS)
    }
    draws, sample = runs[1.0]
    before, _ = draw_priors(priors, n_draws, random)
    changes = _changes(draws, before, confidence)
    narrowed = frozenset(c.name for c in changes if c.sd_ratio is None or c.sd_ratio <= _NARROWED)
    widened = {factor: replace(runs[factor][0], measured=narrowed) for factor in _FACTORS}
    draws = replace(draws, measured=narrowed, widened=widened)
    return CompositionUpdate(
        draws=draws,
        changes=changes,
        measurements=tuple(item.to_dict() for item in model.others),
        points=table,
        acceptance=sample.acceptance,
        scale_reduction=sample.scale_reduction,
        confidence=confidence,
        warnings=_warnings(sample, changes, table, published=published),
        seed=seed,
    )


@dataclass(frozen=True, slots=True)
class _Model:
    """Likelihood of all measurements for draws of the parameters (m, 7): map, y2, y_on, ln alpha."""

    system: System
    basis: str
    fit: IncorporationFit | None
    others: tuple[ClusterFractions | ProductOnset, ...]

    def named(self, theta: Array) -> dict[str, Array]:
        named = {name: theta[:, index] for index, name in enumerate(_NAMES)}
        named["alpha"] = np.exp(named["alpha"])
        return named

    def log_likelihood(self, theta: Array, *, flat_breaks: bool) -> Array:
        named = self.named(theta)
        each = (item.log_likelihood(named, self.system.n_steps) for item in self.others)
        log: Array = sum(each, np.zeros(theta.shape[0]))
        if self.fit is None:
            return log
        curve = map_log_likelihood(
            MapPoints.of(self.fit.points),
            absolute_sigma=False,
            relative_sigma=self.fit.points.sigma_percent is not None,
            flat_breaks=flat_breaks,
        )
        return log + curve(theta[:, :4])


def _widened(priors: Mapping[str, Prior], factor: float) -> dict[str, Prior]:
    """Return the priors with those that no data stand behind multiplied in width."""
    return {
        name: prior if factor == 1 or prior.data else prior.scaled(factor) for name, prior in priors.items()
    }


def _run(
    model: _Model, priors: Mapping[str, Prior], n_draws: int, rng: np.random.Generator, seed: int | None
) -> tuple[ParameterDraws, Sample]:
    curve_known = all(name in priors for name in MAP_PARAMETERS)

    def posterior(theta: Array) -> Array:
        named = model.named(theta)
        known = (priors[name].log_density(named[name]) for name in _NAMES if name in priors)
        # alpha is walked in its logarithm, over which a density of alpha is multiplied by alpha
        log: Array = sum(known) + theta[:, _NAMES.index("alpha")]  # d alpha = alpha d ln alpha
        allowed = np.isfinite(log)
        log[allowed] += model.log_likelihood(theta[allowed], flat_breaks=not curve_known)
        return log

    sample = sample_posterior(posterior, _starts(model, priors, rng), n_draws, rng)
    rest = {name: prior for name, prior in priors.items() if name not in _NAMES}
    values, uniforms = draw_priors(rest, n_draws, rng)
    calibrated = (0.0, np.inf)
    if model.system.calibrated_dose_percent is not None and curve_known:
        calibrated = model.system.calibrated_dose_percent
    elif model.fit is not None:
        calibrated = (model.fit.points.lowest_dose_percent, model.fit.points.highest_dose_percent)
    draws = ParameterDraws(
        system=model.system,
        basis=model.basis,
        values={**model.named(sample.draws), **values},
        priors=dict(priors),
        uniforms=uniforms,
        measured=frozenset(),
        calibrated_dose_percent=calibrated,
        seed=seed,
        origin=f"priors of {model.system.name} updated with measurements",
        no_product="" if curve_known or model.fit is None else no_product_reason(model.fit, model.system),
    )
    return draws, sample


def _starts(model: _Model, priors: Mapping[str, Prior], rng: np.random.Generator) -> Array:
    """Return allowed walkers: prior draws, chosen by how well they explain the measurements."""
    values, _ = draw_priors({n: p for n, p in priors.items() if n in _NAMES}, _TRIES, rng)
    if "b1" not in values and model.fit is not None:
        scatter = rng.normal(1.0, 0.01, (4, _TRIES))
        for (name, value), factors in zip(model.fit.parameters.items(), scatter, strict=True):
            values[name] = value * factors
    theta = np.stack([np.log(values[n]) if n == "alpha" else values[n] for n in _NAMES], axis=1)
    logs = model.log_likelihood(theta, flat_breaks=False)
    allowed = np.isfinite(logs)
    least = 2 * len(_NAMES) + 2
    if allowed.sum() < least:
        raise FitError(
            f"the measurements and the priors exclude each other: fewer than {least} of {_TRIES} prior draws "
            "explain them at all; check the units and errors of the measurements, or pass "
            "published_curve=False"
        )
    order = np.flatnonzero(allowed)[np.argsort(logs[allowed])[::-1]]
    # walkers that start far from what explains the measurements would spend the run on the way there
    best = theta[order[: max(4 * _WALKERS, 8)]]
    return best[rng.permutation(best.shape[0])[:_WALKERS]]


def _changes(
    draws: ParameterDraws, before: Mapping[str, Array], confidence: float
) -> tuple[ParameterChange, ...]:
    tail = 0.5 * (1 - confidence)

    def estimate(name: str, values: Array, method: str) -> Estimate:
        low, high = np.quantile(values, [tail, 1 - tail]).tolist()
        value, se = float(np.median(values)), float(values.std())
        unit = draws.priors[name].unit if name in draws.priors else ("%" if name in ("D1", "y_f") else "")
        return Estimate(name=name, value=value, se=se, low=low, high=high, unit=unit, method=method)

    def width(values: Array) -> float:
        return float(np.subtract(*np.quantile(values, [0.84, 0.16])))

    changes = []
    for name in _NAMES:
        prior, ratio = None, None
        if name in before:
            prior = estimate(name, before[name], "prior draws, median")
            ratio = width(draws.values[name]) / width(before[name])
        found = estimate(name, draws.values[name], "posterior draws, median")
        changes.append(ParameterChange(name=name, before=prior, after=found, sd_ratio=ratio))
    return tuple(changes)


def _same_paper(note: str, source: str) -> bool:
    """Return whether both name the same DOI."""
    dois = [set(re.findall(r"10\.\d{4,}/[\w.]+\w", text)) for text in (note, source)]
    return bool(dois[0] & dois[1])


def _warnings(
    sample: Sample, changes: tuple[ParameterChange, ...], table: DoseTable | None, *, published: str
) -> tuple[Remark, ...]:
    remarks = [] if table is None else list(table.remarks)
    if table is not None and _same_paper(table.source.note, published):
        text = (
            "the documented priors of the dose curve were made from this published table: it counts twice; "
            "pass published_curve=False"
        )
        remarks.append(Remark("counted_twice", text))
    if sample.scale_reduction > _AGREEMENT:
        text = (
            f"the two halves of the sampler's run disagree (scale reduction {sample.scale_reduction:.2f} "
            f"> {_AGREEMENT}): take the intervals as rough"
        )
        remarks.append(Remark("not_converged", text))
    for change in changes:
        prior, after = change.before, change.after.value
        if prior is None or prior.low is None or prior.high is None or after is None:
            continue
        if not prior.low <= after <= prior.high:
            text = (
                f"{change.name} comes out at {after:.4g}, outside the {prior.low:.4g}-{prior.high:.4g} of "
                "its prior: the measurements contradict it"
            )
            remarks.append(Remark("prior_contradicted", text))
    return tuple(remarks)
