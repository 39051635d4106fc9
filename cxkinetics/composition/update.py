"""`update_priors`: the user's own measurements and the documented priors, joined."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np

from cxkinetics.arrays import Array
from cxkinetics.calls import checked
from cxkinetics.composition.conditioning import ALL, joined, same_publication
from cxkinetics.composition.draws import (
    DEFAULT_DRAWS,
    ParameterDraws,
    check_confidence,
    check_draws,
    draw_priors,
    generator,
    prior_draws,
)
from cxkinetics.composition.incorporation import fit_incorporation
from cxkinetics.composition.measurements import (
    ClusterFractions,
    Measurement,
    ProductOnset,
    WashPair,
    incorporation_of,
)
from cxkinetics.composition.mechanisms import SPECIES_PRIORS, read_state
from cxkinetics.composition.species_model import draw_estimate
from cxkinetics.composition.system import MAP_PARAMETERS, System, basis_for, load_system
from cxkinetics.composition.table_draws import fit_draws
from cxkinetics.document.shown import Shown
from cxkinetics.errors import InputError, UsageError
from cxkinetics.estimate import Estimate
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
        The parameters of the dose curve, of the sample and of the chemistry, before and after.
    measurements : tuple of mapping
        What took part beside a dose table.
    points : DoseTable or None
        The dose table that took part.
    effective_draws : float or None
        How many draws count, of those weighed by the measurements.
    rivals : tuple of mapping
        Every mechanism: its weight, with and without priors, and its check against the measurements.
    acceptance, scale_reduction : float or None
        Of the sampler of earlier versions.

    Examples
    --------
    >>> import cxkinetics as cx
    >>> unseen = cx.ProductOnset(seen=False, incorporation_percent=5.5)
    >>> update = cx.update_priors(onset=[unseen], n_draws=200)
    >>> round(update.before["T"].value), update.after["T"].value < 40
    (50, True)
    """

    SCHEMA = "cxkinetics.update/1"
    _keys = """schema=SCHEMA version system=draws.system.name basis=draws.basis parameters narrowed
        measurements table effective_draws=draws.effective_draws rivals acceptance scale_reduction confidence
        n_draws=draws.n_draws seed warnings"""

    draws: Annotated[ParameterDraws, DATA]
    changes: Annotated[tuple[ParameterChange, ...], As(key="parameters")]
    measurements: tuple[Mapping[str, Any], ...]
    points: Annotated[DoseTable | None, As(key="table")]
    acceptance: float | None = None
    scale_reduction: float | None = None
    confidence: float = 0.95
    rivals: tuple[Mapping[str, Any], ...] = ()
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


_NAMES = (*MAP_PARAMETERS, "T", "rho", "eta", "alpha", "second_step", "third_step")
_NARROWED = 0.7
_FEW = 100.0  # draws that count below which intervals are rough
_FACTORS = (0.5, 2.0)


@checked()
def update_priors(
    *,
    table: DoseTable | None = None,
    fractions: Sequence[ClusterFractions] = (),
    onset: Sequence[ProductOnset] = (),
    measured: Sequence[Measurement] = (),
    system: System | str | Path = "ag-cds",
    published_curve: bool = True,
    basis: str | None = None,
    n_draws: int = DEFAULT_DRAWS,
    confidence: float = 0.95,
    rng: np.random.Generator | int | None = None,
    mechanism: str = ALL,
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
    measured : sequence
        Those and any other measurements: `TopCluster`, `GuestShare`, `WashPair`.
    system : System, str or Path
        Species and priors.
    published_curve : bool
        True: the documented priors of the dose curve take part (the same chemistry); False: the
        table alone says where the curve runs.
    basis : str, optional
        Basis of the incorporations; that of the table by default.
    n_draws, confidence, rng, mechanism
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
        If no draw explains the measurements.

    Examples
    --------
    >>> seen = ClusterFractions(fractions=(0.1, 0.8, 0.1), sigma=(0.05, 0.05, 0.05),
    ...                         incorporation_percent=2.4)
    >>> update = update_priors(fractions=[seen], n_draws=500, mechanism="two-site")
    >>> round(update.before["alpha"].value), round(update.after["alpha"].value, 1)
    (1, 0.1)
    """
    check_confidence(confidence)
    check_draws(n_draws)
    others = (*fractions, *onset, *measured)
    if table is None and not others:
        raise UsageError("nothing was measured: give a table, fractions or onset")
    chosen = load_system(system)
    measured_on = BASES[0] if table is None else table.basis
    on = chosen.basis_name(measured_on) if basis is None else basis_for(chosen, basis)
    known = published_curve and chosen.has_dose_curve
    if table is None and not known:
        raise InputError(f"no dose curve is known for {chosen.name} without its published one; give a table")
    random, seed = generator(rng)
    if table is None:
        # the user's samples: their wash and their trapped host are not those of the published ones
        curve = replace(prior_draws(chosen, on, n_draws, random, seed), own_samples=False)
    else:
        fit = fit_incorporation(table, system=chosen, basis=on)
        curve = fit_draws(fit, chosen, n_draws, random, seed, published_curve=known)
        curve = replace(curve, own_samples=same_publication(table.source.note, chosen.source))
    curve = replace(curve, origin=f"priors of {chosen.name} updated with measurements")
    draws = joined(curve, random, mechanism=mechanism, measured=others)
    changes = _changes(draws, _before(curve, known, random), confidence)
    narrowed = frozenset(c.name for c in changes if c.sd_ratio is None or c.sd_ratio <= _NARROWED)
    widened = {}
    for factor in _FACTORS:
        moved = joined(_widened(curve, factor), random, mechanism=mechanism, measured=others)
        widened[factor] = replace(moved, measured=narrowed)
    draws = replace(draws, measured=narrowed, widened=widened)
    changes += _clean_washes(draws, others, confidence)
    published = chosen.source if known else ""
    return CompositionUpdate(
        draws=draws,
        changes=changes,
        measurements=tuple(item.to_dict() for item in others),
        points=table,
        rivals=tuple(weight.to_dict() for weight in draws.mechanisms),
        confidence=confidence,
        warnings=_warnings(draws, changes, table, published=published),
        seed=seed,
    )


def _before(curve: ParameterDraws, known: bool, rng: np.random.Generator) -> Mapping[str, Array]:
    """Return draws of the priors alone."""
    priors = {**curve.system.resolved_priors(curve.basis), **SPECIES_PRIORS}
    names = [name for name in _NAMES if name in priors and (known or name not in MAP_PARAMETERS)]
    return draw_priors({name: priors[name] for name in names}, curve.n_draws, rng)[0]


def _widened(curve: ParameterDraws, factor: float) -> ParameterDraws:
    """Return the draws with the priors that no data stand behind multiplied in width."""
    priors = {n: prior if prior.data else prior.scaled(factor) for n, prior in curve.priors.items()}
    return replace(curve, priors=priors)


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


def _clean_washes(
    draws: ParameterDraws, measured: Sequence[Measurement], confidence: float
) -> tuple[ParameterChange, ...]:
    """Return the trapped host of the cleaner wash of each pair: a T of its own."""
    rows = []
    for pair in (item for item in measured if isinstance(item, WashPair)):
        y = incorporation_of(pair, draws.values)[:, None]
        state = read_state(draws.system, draws.basis, draws.values, y).column(0)
        name = f"T of the wash to {pair.clean_percent:g} %"
        after = draw_estimate(name, pair.trapped_host(state), confidence=confidence)
        rows.append(ParameterChange(name=name, before=None, after=after, sd_ratio=None))
    return tuple(rows)


def _warnings(
    draws: ParameterDraws, changes: tuple[ParameterChange, ...], table: DoseTable | None, *, published: str
) -> tuple[Remark, ...]:
    remarks = [] if table is None else list(table.remarks)
    if table is not None and same_publication(table.source.note, published):
        text = (
            "the documented priors of the dose curve were made from this published table: it counts twice; "
            "pass published_curve=False"
        )
        remarks.append(Remark("counted_twice", text))
    if draws.effective_draws is not None and draws.effective_draws < _FEW:
        text = f"only {draws.effective_draws:.0f} draws explain the measurements: take the intervals as rough"
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
