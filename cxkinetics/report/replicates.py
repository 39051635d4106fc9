"""Repeated runs together: the mean of each rate constant and its spread between runs.

The interval of a single fit says how well one trace determines its constants. What differs from
run to run (the dose, mixing, temperature) is not in it, so the spread between runs is usually
wider: it is what a mean of replicates must be quoted with. Runs that differ plainly, are judged
differently or treat the offset differently have no mean, and the reason stands in its place.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from cxkinetics.estimate import Estimate
from cxkinetics.fitting.result import StagedFit
from cxkinetics.report.blocks import Table
from cxkinetics.report.comparable import ratio_reason, why_no_mean
from cxkinetics.report.staged_files import Rows
from cxkinetics.report.staged_tables import confidence_of, interval_cell, name_of, number_cell
from cxkinetics.report.time_units import SECONDS, TimeUnit

__all__ = ["Replicate", "Replicates", "replicate_means", "replicate_rows", "replicate_table", "replicates_of"]

UNDERSTATED = (
    "The spread between runs holds what differs from run to run; the intervals of single fits leave that "
    "out and may understate it."
)
SCATTER = 0.5
"""Standard deviation over mean above which runs differ plainly."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Replicate:
    """One quantity over several runs.

    Attributes
    ----------
    mean : Estimate
        Mean over runs with its t interval; no value, and the reason, where the runs plainly differ.
    sd_between : float
        Standard deviation between runs, same unit.
    se_within : float or None
        Root mean square of the single fits' standard errors; None where one has none.
    n_runs : int
        Number of runs.
    ratio_reason : str
        Why the two spreads cannot be compared; empty where they can.
    """

    mean: Estimate
    sd_between: float
    se_within: float | None
    n_runs: int
    ratio_reason: str = ""

    @property
    def ratio(self) -> float | None:
        """sd_between over se_within: about 1 where the runs differ by the noise of a trace only.

        None where the values hold the offset at zero and their errors allow for a fitted one.
        """
        return self.sd_between / self.se_within if self.se_within and not self.ratio_reason else None

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {
            "name": self.mean.name,
            "mean": self.mean.to_dict(),
            "sd_between": self.sd_between,
            "se_within": self.se_within,
            "ratio": self.ratio,
            "ratio_reason": self.ratio_reason,
            "n_runs": self.n_runs,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Replicates:
    """Repeated runs of one experiment: means and spread, or the reason why there is no mean.

    Attributes
    ----------
    quantities : tuple of Replicate
        k of every stage, the breakpoints, k1/k2; empty where the runs are no replicates.
    runs, left_out : tuple of str
        Names of the runs averaged, and of those left out: none, since leaving out would select.
    confidence : float
        Level of the intervals of the means.
    reason : str
        Why there is no mean; empty where there is one.
    """

    quantities: tuple[Replicate, ...] = ()
    runs: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()
    confidence: float = 0.95
    reason: str = ""

    @property
    def note(self) -> str:
        """What the spread between runs holds, and what its ratio to the single fits' errors says."""
        reasons = [q.ratio_reason for q in self.quantities if q.ratio_reason]
        if reasons:
            return f"{UNDERSTATED} No sd/se: {reasons[0]}."
        if not any(q.ratio is not None for q in self.quantities):
            return UNDERSTATED
        low, high = _chance(len(self.runs), self.confidence)
        return (
            f"sd/se near 1 ({low:.2g} to {high:.2g} by chance, {len(self.runs)} runs): noise of a trace "
            "only; well above 1: the runs differ in more, and single fits understate it; well below 1: "
            "errors of single fits too wide, or runs not independent."
        )

    def to_dict(self) -> dict[str, Any] | None:
        """Return the JSON form; None where the runs are no replicates."""
        if not self.quantities:
            return None
        return {
            "runs": list(self.runs),
            "left_out": list(self.left_out),
            "confidence": self.confidence,
            "quantities": [quantity.to_dict() for quantity in self.quantities],
            "note": self.note,
        }

    def __str__(self) -> str:
        if not self.quantities:
            return f"no mean over runs: {self.reason}"
        means = "; ".join(f"{q.mean.name} = {q.mean}" for q in self.quantities)
        return f"mean of {len(self.runs)} runs: {means}. {self.note}"


def replicates_of(fits: Sequence[StagedFit]) -> Replicates:
    """Return mean and spread over those fits that look like repeats of one experiment.

    Parameters
    ----------
    fits : sequence of StagedFit
        Runs. They are averaged if all have one verdict and number of stages (or the number was
        demanded of all), one wavelength and unit, offsets that are all fitted or all held, and do
        not plainly differ.

    Returns
    -------
    Replicates
        With the reason where there is no mean.
    """
    if len(fits) < 2:
        return Replicates(reason=f"{len(fits)} fit; a mean needs at least 2 runs")
    confidence = confidence_of(fits[0].options)
    reason = why_no_mean(fits)
    if reason:
        return Replicates(reason=reason, confidence=confidence)
    found = tuple(replicate_means(fits, confidence))
    if not any(quantity.mean.value is not None for quantity in found if quantity.mean.unit == "1/s"):
        why = found[0].mean.reason if found else "no rate constant is known in two runs"
        return Replicates(reason=why, confidence=confidence)
    return Replicates(quantities=found, runs=tuple(map(name_of, fits)), confidence=confidence)


def _chance(n_runs: int, confidence: float) -> tuple[float, float]:
    """Return the range of sd/se that noise alone gives: the root of chi-squared over n - 1."""
    from scipy.special import chdtri

    dof, tail = n_runs - 1, (1 - confidence) / 2
    low, high = (float(np.sqrt(chdtri(dof, upper) / dof)) for upper in (1 - tail, tail))
    return low, high


def replicate_means(fits: Sequence[StagedFit], confidence: float = 0.95) -> list[Replicate]:
    """Return mean and spread of k, breakpoint and k1/k2 over runs with the commonest number of stages.

    Parameters
    ----------
    fits : sequence of StagedFit
        Repeated runs; those with another number of stages are left out, since their constants are
        not of the same kind.
    confidence : float
        Of the mean's interval.

    Returns
    -------
    list of Replicate
        Empty with fewer than two comparable runs.
    """
    if not fits:
        return []
    counts = [len(fit.stages) for fit in fits]
    stages = max(sorted(set(counts)), key=counts.count)
    alike = [fit for fit in fits if len(fit.stages) == stages]
    columns: list[list[Estimate]] = [[fit.stages[i].k_per_s for fit in alike] for i in range(stages)]
    names = [f"k{i + 1}" for i in range(stages)]
    columns += [[fit.breakpoints_s[i] for fit in alike] for i in range(stages - 1)]
    names += [f"breakpoint {i + 1}" if stages > 2 else "breakpoint" for i in range(stages - 1)]
    ratios = [fit.rate_ratio for fit in alike if fit.rate_ratio is not None]
    if ratios:
        columns.append(ratios)
        names.append("k1/k2")
    unfair = ratio_reason(alike)
    found = [
        _over_runs(name, column, confidence, unfair) for name, column in zip(names, columns, strict=True)
    ]
    return [quantity for quantity in found if quantity is not None]


def _over_runs(name: str, column: Sequence[Estimate], confidence: float, unfair: str) -> Replicate | None:
    from scipy.special import stdtrit

    known = [estimate for estimate in column if estimate.value is not None]
    values = np.array([estimate.value for estimate in known], dtype=float)
    bare = all(estimate.low is None and estimate.high is None for estimate in known)
    if values.size < 2 or (bare and np.ptp(values) == 0):  # a given breakpoint has no spread
        return None
    unit, n = known[0].unit, int(values.size)
    sd, centre = float(np.std(values, ddof=1)), float(values.mean())
    half = float(stdtrit(n - 1, (1 + confidence) / 2)) * sd / float(np.sqrt(n))
    errors = [estimate.se for estimate in known]
    within = None
    if all(error is not None for error in errors):
        within = float(np.sqrt(np.mean(np.square(np.array(errors, dtype=float)))))
    mean = Estimate(
        name=name,
        value=centre,
        se=sd / float(np.sqrt(n)),
        low=centre - half,
        high=centre + half,
        unit=unit,
        method=f"t, {n - 1} dof, from the spread between runs",
    )
    if centre - half <= 0 or sd > SCATTER * centre:
        span = f"{values.min():.4g} to {values.max():.4g} {unit}".rstrip()
        why = f"the runs plainly differ in {name} ({span}, {n} runs; their mean would be {mean})"
        mean = Estimate(name=name, value=None, unit=unit, reason=why)
    return Replicate(mean=mean, sd_between=sd, se_within=within, n_runs=n, ratio_reason=unfair)


def replicate_table(found: Replicates, unit: TimeUnit = SECONDS) -> Table:
    """Return one row per quantity: mean with interval, both spreads, their ratio, runs."""
    rows = []
    for quantity in found.quantities:
        mean = unit.estimate(quantity.mean)
        factor = {"s": 1 / unit.seconds, "1/s": unit.seconds}.get(quantity.mean.unit, 1.0)
        within = None if quantity.se_within is None else quantity.se_within * factor
        rows.append(
            (
                mean.name,
                "no mean" if mean.value is None else interval_cell(mean),
                mean.unit,
                number_cell(quantity.sd_between * factor, 2),
                number_cell(within, 2),
                number_cell(quantity.ratio, 2),
                str(quantity.n_runs),
            )
        )
    level = f"mean [{100 * found.confidence:g} %]"
    header = ("quantity", level, "unit", "sd between runs", "se of one fit", "sd/se", "runs")
    notes = [f"Intervals of the means: t from the spread between {len(found.runs)} runs. {found.note}"]
    notes += [f"No mean: {q.mean.reason}." for q in found.quantities if q.mean.value is None]
    return Table(header, tuple(rows), note=" ".join(notes), numeric=(3, 4, 5, 6))


def replicate_rows(found: Replicates) -> Rows:
    """Return head and rows of `replicates.csv`; one row with the reason where there is no mean."""
    head = ["quantity", "mean", "se", "low", "high", "unit", "method"]
    rows: Rows = [
        [*head, "sd_between_runs", "rms_se_of_single_fits", "ratio", "n_runs", "reason", "ratio_reason"]
    ]
    for item in found.quantities:
        mean = item.mean
        cells = [mean.name, mean.value, mean.se, mean.low, mean.high, mean.unit, mean.method]
        spreads = [item.sd_between, item.se_within, item.ratio, item.n_runs]
        rows.append([*cells, *spreads, mean.reason, item.ratio_reason])
    if not found.quantities:
        rows.append(["none", *[None] * 10, found.reason, None])
    return rows
