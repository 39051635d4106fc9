"""Kinetics against dose: k per stage, the order in the guest, and amplitudes beside the composition.

k_obs = k [guest]^nu for a guest in excess, so ln k against ln dose has the slope nu (the host
concentration being the same in all runs). Kinetic stages (time, at one dose) are not dose stages (dose,
after a long time): losses of absorbance and shares turned into product are set side by side, and the
gap between them is reported, never identified away.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import numpy as np
from scipy.special import ndtri, stdtrit

from cxkinetics.arrays import Array
from cxkinetics.calls import checked
from cxkinetics.composition.dose_spectra import check_doses
from cxkinetics.composition.draws import ParameterDraws, check_confidence
from cxkinetics.composition.knowledge import Knowledge, curve_draws
from cxkinetics.composition.species_model import draw_estimate, species_draws, wald_estimate
from cxkinetics.composition.system import System
from cxkinetics.document.shown import Shown
from cxkinetics.errors import InputError
from cxkinetics.estimate import Estimate
from cxkinetics.kinetics.result import StagedFit
from cxkinetics.record import As, Record, Version
from cxkinetics.remarks import Remark
from cxkinetics.version import __version__

if TYPE_CHECKING:
    import pandas as pd

    from cxkinetics.document.page import Figure, Section
    from cxkinetics.document.units import TimeUnit


@dataclass(frozen=True, slots=True, kw_only=True)
class RunAtDose(Record):
    """One run: its dose, rates, losses of absorbance and the composition expected at that dose.

    Attributes
    ----------
    dose_percent : float
    rates : tuple of Estimate
        k of each stage, 1/s.
    stage_loss : tuple of float
        Share of the absorbance at the start lost in each stage.
    optical_conversion : float
        Share lost over the whole trace, 1 - A(end)/A(start).
    compositional_conversion : Estimate or None
        Share turned into product at that dose, by the dose curve; None without one.
    gap : Estimate or None
        Optical minus compositional.
    doped_share : Estimate or None
        Share of clusters holding guests but not turned.
    """

    dose_percent: float
    rates: Annotated[tuple[Estimate, ...], As(key="rates_per_s", name="k")]
    stage_loss: tuple[float, ...]
    optical_conversion: float
    compositional_conversion: Annotated[Estimate | None, As(name="compositional conversion")]
    gap: Annotated[Estimate | None, As(name="optical minus compositional")]
    doped_share: Annotated[Estimate | None, As(name="doped clusters")]


@dataclass(frozen=True, slots=True, kw_only=True)
class RatesAgainstDose(Record, Shown):
    """Rates of a dose series.

    Attributes
    ----------
    runs : tuple of RunAtDose
        By ascending dose.
    orders : tuple of Estimate
        Order nu in the guest for each stage; value None where it cannot be had.
    constants : tuple of Estimate
        ln of k at 100 % dose (ln 1/s) for each stage.
    """

    SCHEMA = "cxkinetics.rates-against-dose/1"
    _keys = "schema=SCHEMA version ..."

    runs: tuple[RunAtDose, ...]
    orders: Annotated[tuple[Estimate, ...], As(name="order in the guest, stage {at}")]
    constants: Annotated[tuple[Estimate, ...], As(key="ln_k_at_100_percent", name="ln k at 100 %")]
    warnings: tuple[Remark, ...] = ()
    version: Version = __version__

    def table(self) -> "pd.DataFrame":
        """Return one row per run: dose, rates, losses, conversions."""
        import pandas as pd

        rows = []
        for run in self.runs:
            row: dict[str, float | None] = {"dose_percent": run.dose_percent}
            row |= {f"k{number}_per_s": rate.value for number, rate in enumerate(run.rates, 1)}
            row |= {f"loss{number}": loss for number, loss in enumerate(run.stage_loss, 1)}
            row["optical_conversion"] = run.optical_conversion
            for name in ("compositional_conversion", "gap", "doped_share"):
                row[name] = getattr(getattr(run, name), "value", None)
            rows.append(row)
        return pd.DataFrame(rows)

    def brief(self, unit: "TimeUnit") -> "Section":
        """Return what `print` and a notebook show."""
        from cxkinetics.composition.page import rates_brief

        return rates_brief(self, unit)

    def figures(self, unit: "TimeUnit") -> "Sequence[Figure]":
        """Return the figure: the rate constants against dose."""
        from cxkinetics.composition.figures import rates_figure

        return (rates_figure(self),)

    def __repr__(self) -> str:
        shown = ", ".join(f"stage {number}: nu = {order}" for number, order in enumerate(self.orders, 1))
        return f"RatesAgainstDose({len(self.runs)} runs; {shown})"


@checked()
def rates_against_dose(
    fits: Sequence[StagedFit],
    doses_percent: Sequence[float] | Mapping[str, float],
    *,
    table: Knowledge = None,
    system: System | str | Path = "ag-cds",
    confidence: float = 0.95,
    rng: np.random.Generator | int | None = None,
) -> RatesAgainstDose:
    """Set the rate constants of a dose series against dose.

    Parameters
    ----------
    fits : sequence of StagedFit
        One per run.
    doses_percent : sequence of float, or mapping
        Dose of each run (percent), in the order of `fits`, or by the label of the trace.
    table, system, rng
        Where the composition at each dose comes from, as for `predict`; left out where the system
        has no dose curve and no table is given.
    confidence : float
        Of the intervals.

    Returns
    -------
    RatesAgainstDose

    Raises
    ------
    InputError
        If doses are missing, negative or do not match the fits.

    Examples
    --------
    >>> from cxkinetics.kinetics.fit import fit_stages
    >>> from cxkinetics.models.decays import staged_decay
    >>> from cxkinetics.signals.trace import Trace
    >>> t, runs = np.arange(0.0, 101.0, 2.0), []
    >>> for k1 in (0.05, 0.1):
    ...     a = staged_decay(t, 0.9, np.array([k1, 0.02]), np.array([20.0]))
    ...     a += np.random.default_rng(1).normal(0, 0.003, t.size)
    ...     runs.append(fit_stages(Trace(time_s=t, absorbance=a), n_stages=2))
    >>> round(rates_against_dose(runs, [50, 100]).orders[0].value, 1)
    1.0
    """
    check_confidence(confidence)
    doses = _doses(fits, doses_percent)
    order = np.argsort(doses, kind="stable")
    draws, remarks = curve_draws(table, system, rng, "rates only, no composition beside them")
    shares = _shares(draws, doses, remarks)
    runs = tuple(_run(fits[i], float(doses[i]), shares[i], confidence) for i in order)
    n_stages = max(len(run.rates) for run in runs)
    for stage in range(n_stages):
        missing = sum(len(run.rates) <= stage for run in runs)
        if missing:
            text = f"{missing} of {len(runs)} runs have no stage {stage + 1}"
            remarks.append(Remark("stage_missing", text, missing))
    if n_stages > 1:
        text = (
            "kinetic stages (time at one dose) are not dose stages (dose after a long time): losses of "
            "absorbance are set beside the composition, not equated with it"
        )
        remarks.append(Remark("stages_differ", text))
    lines = [_order(runs, stage, confidence) for stage in range(n_stages)]
    orders, constants = (tuple(line[at] for line in lines) for at in (0, 1))
    return RatesAgainstDose(runs=runs, orders=orders, constants=constants, warnings=tuple(remarks))


def _doses(fits: Sequence[StagedFit], given: Sequence[float] | Mapping[str, float]) -> Array:
    if not fits:
        raise InputError("no fits given")
    if isinstance(given, Mapping):
        labels = [fit.trace.label or fit.trace.source.file for fit in fits]
        missing = [label for label in labels if label not in given]
        if missing:
            raise InputError(f"no dose is given for {missing[0]!r}; given are {', '.join(map(str, given))}")
        doses = np.array([given[label] for label in labels], dtype=float)
    else:
        doses = np.asarray(given, dtype=float)
    if doses.shape != (len(fits),):
        raise InputError(f"{doses.size} doses given for {len(fits)} fits")
    check_doses(doses)
    return doses


def _shares(draws: ParameterDraws | None, doses: Array, remarks: list[Remark]) -> list[Array | None]:
    """Return the draws of all shares at each dose, None where no dose curve says them."""
    if draws is None or draws.no_product:
        return [None] * doses.size
    low, high = draws.calibrated_dose_percent
    inside = (doses >= low) & (doses <= high)
    outside = int((~inside).sum())
    if outside:
        text = f"{outside} doses lie outside the calibrated {low:g}-{high:g} %: no composition"
        remarks.append(Remark("outside_calibration", text, outside))
    shares = species_draws(draws, doses)
    return [shares[:, :, i] if known else None for i, known in enumerate(inside)]


def _run(fit: StagedFit, dose: float, shares: Array | None, confidence: float) -> RunAtDose:
    start, end = float(fit.trace.time_s[0]), float(fit.trace.time_s[-1])
    edges = np.array([start, *(b.value for b in fit.breakpoints_s if b.value is not None), end])
    level = fit.curve(edges)
    loss = (level[:-1] - level[1:]) / level[0]
    optical = float(1 - level[-1] / level[0])
    product = doped = gap = None
    if shares is not None:
        product = draw_estimate("compositional conversion", shares[-1], confidence=confidence)
        doped = draw_estimate("doped clusters", shares[1:-1].sum(axis=0), confidence=confidence)
        gap = draw_estimate("optical minus compositional", optical - shares[-1], confidence=confidence)
    return RunAtDose(
        dose_percent=dose,
        rates=tuple(stage.k_per_s for stage in fit.stages),
        stage_loss=tuple(loss.tolist()),
        optical_conversion=optical,
        compositional_conversion=product,
        gap=gap,
        doped_share=doped,
    )


def _order(runs: Sequence[RunAtDose], stage: int, confidence: float) -> tuple[Estimate, ...]:
    """Fit ln k = ln k(100 %) + nu ln(dose/100 %), weighted by the errors of ln k."""
    names = (f"order in the guest, stage {stage + 1}", "ln k at 100 %")
    rates = [(run.dose_percent, k) for run in runs for k in run.rates[stage : stage + 1]]
    rows = np.array([(dose, k.value, k.se) for dose, k in rates], dtype=float)
    dose, rate, se = rows[(rows[:, 0] > 0) & (rows[:, 1] > 0)].T
    distinct = np.unique(dose).size
    if distinct < 2:
        reason = f"{distinct} dose with a positive rate constant; an order needs two"
        return tuple(Estimate(name=n, value=None, method="weighted line", reason=reason) for n in names)
    errors = se / rate
    x, y = np.log(dose) - np.log(100), np.log(rate)
    known = bool(np.all(np.isfinite(errors) & (errors > 0)))
    weight = errors**-2 if known else np.ones_like(y)
    design = np.vander(x, 2, increasing=True)
    covariance = np.linalg.inv(design.T @ (design * weight[:, None]))
    level, slope = covariance @ (design.T @ (weight * y))
    dof = y.size - 2
    spread = float(np.sum(weight * (y - design @ np.array([level, slope])) ** 2)) / dof if dof > 0 else np.nan
    found = (float(slope), float(level))
    if not known and dof <= 0:
        reason = "two doses and no errors of k: no interval"
        bare = zip(names, found, strict=True)
        return tuple(Estimate(name=n, value=v, method="line", reason=reason) for n, v in bare)
    # errors of the fits are never taken as smaller than the runs scatter
    scattered = not known or spread > 1
    quantile = float(stdtrit(dof, 0.5 + confidence / 2) if scattered else ndtri(0.5 + confidence / 2))
    widened = "errors widened to the scatter between runs" if scattered else "errors of the fits"
    how = f"weighted line, {widened}" if known else "line, scatter between runs"
    errors_of = np.sqrt(np.diag(covariance) * (spread if scattered else 1.0))[::-1].tolist()
    lines = zip(names, found, errors_of, strict=True)
    return tuple(wald_estimate(n, v, error, quantile, method=how) for n, v, error in lines)
