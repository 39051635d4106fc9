"""Repeated runs together: which may be averaged, the mean of each rate constant, and its spread."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np

from cxkinetics.document.shown import Shown
from cxkinetics.estimate import Estimate
from cxkinetics.kinetics.options import confidence_of
from cxkinetics.kinetics.places import name_of
from cxkinetics.kinetics.result import StagedFit
from cxkinetics.record import As, Record

if TYPE_CHECKING:
    import pandas as pd

    from cxkinetics.document.page import Section
    from cxkinetics.document.table import Table
    from cxkinetics.document.units import TimeUnit

WAVELENGTH_NM = 5.0
"""Distance between the wavelengths of two traces beyond which they are no repeats."""
ZERO_HELD = (
    "the single-fit se allows for an offset that the values hold at zero: "
    "pass --offset zero or --offset fit to compare"
)
_LISTED = 8
_DECIDED = ("demanded", "one_stage", "two_stages", "more_stages")


def why_no_mean(fits: Sequence[StagedFit]) -> str:
    """Return why runs must not be averaged, with the remedy; "" where they may be.

    Parameters
    ----------
    fits : sequence of StagedFit
        At least one run.
    """
    return _judged_apart(fits) or _difference(fits) or _offsets_apart(fits)


def ratio_reason(fits: Sequence[StagedFit]) -> str:
    """Return why the spread between runs cannot be held against the errors of single fits.

    With the offset "auto", values that hold it at zero carry errors that allow for a fitted one:
    these are wider than the scatter of such values by construction. "" where both are of one model.
    """
    for fit in fits:
        chosen = fit.options.get("offset", "auto") == "auto"
        if chosen and fit.offset.value == 0 and fit.offset.method not in ("fixed", "chosen"):
            return ZERO_HELD
    return ""


def _judged_apart(fits: Sequence[StagedFit]) -> str:
    kinds = Counter(map(_kind, fits)).most_common()
    if len(kinds) < 2:
        return ""
    listed = ", ".join(f"{number} {_words(kind)}" for kind, number in kinds)
    found = f"the runs are judged differently ({listed})"
    if any(code == "no_decay" for (code, _), _ in kinds):
        return f"{found}; a run without decay has no rate constant: see whether it is a repeat of the others"
    decided = [(number, stages) for (code, stages), number in kinds if code in _DECIDED]
    stages = max(decided)[1] if decided else 2
    return (
        f"{found}, and a mean over those with one verdict would select; for a mean over all, "
        f"pass --stages {stages} for all"
    )


def _kind(fit: StagedFit) -> tuple[str, int]:
    """Return what must agree between repeats; a demanded number of stages goes before the verdict."""
    demanded = fit.options.get("n_stages", "auto") != "auto" or bool(fit.options.get("breakpoints_s"))
    return ("demanded" if demanded else fit.verdict.code, len(fit.stages))


def _words(kind: tuple[str, int]) -> str:
    code, stages = kind
    if code == "demanded":
        return f"with {stages} stage{'' if stages == 1 else 's'} demanded"
    return f"more stages ({stages})" if code == "more_stages" else code.replace("_", " ")


def _difference(fits: Sequence[StagedFit]) -> str:
    """Return why fits of one kind are no repeats of one experiment; "" where they may be."""
    if fits[0].verdict.code == "no_decay":
        return "the runs show no decay, so there is no rate constant to average"
    units = sorted({fit.trace.unit for fit in fits})
    if len(units) > 1:
        return f"the signals have different units ({', '.join(units)})"
    wavelengths = [fit.trace.wavelength_nm for fit in fits if fit.trace.wavelength_nm is not None]
    low, high = min(wavelengths, default=0.0), max(wavelengths, default=0.0)
    if high - low > WAVELENGTH_NM:
        return f"the traces were read at different wavelengths ({low:g} to {high:g} nm)"
    seen: dict[bytes, str] = {}
    for fit in fits:
        name = name_of(fit)
        data = np.asarray(fit.trace.absorbance).tobytes()
        if data in seen:
            return f"{seen[data]} and {name} are the same data, not two runs"
        seen[data] = name
    return ""


def _offsets_apart(fits: Sequence[StagedFit]) -> str:
    """Return which runs hold the offset and which fit it, where a batch mixes both."""
    groups: dict[str, list[str]] = {}
    for fit in fits:
        groups.setdefault(_treated(fit), []).append(name_of(fit))
    if len(groups) < 2:
        return ""
    parts = [
        f"{words} in {len(names)} run{'' if len(names) == 1 else 's'} ({_listed(names)})"
        for words, names in sorted(groups.items(), reverse=True)
    ]
    return (
        f"the offset is {' and '.join(parts)}, and k differs between these groups for that "
        "reason alone; pass --offset fit or --offset zero for all"
    )


def _treated(fit: StagedFit) -> str:
    option = fit.options.get("offset", "auto")
    if option == "zero" or (option != "fit" and fit.offset.value == 0):
        return "held at zero"
    return "fitted" if isinstance(option, str) else "given"


def _listed(names: Sequence[str]) -> str:
    more = len(names) - _LISTED
    return "; ".join(names[:_LISTED]) + (f"; {more} more" if more > 0 else "")


UNDERSTATED = (
    "The spread between runs holds what differs from run to run; the intervals of single fits leave that "
    "out and may understate it."
)
SCATTER = 0.5
"""Standard deviation over mean above which runs differ plainly."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Replicate(Record):
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

    _keys = "name=mean.name mean sd_between se_within ratio ratio_reason n_runs"

    mean: Annotated[Estimate, As(name="{name}")]
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Replicates(Record, Shown):
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

    _keys = "runs left_out confidence quantities note | reason"

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

    def to_dict(self) -> dict[str, Any] | None:  # type: ignore[override]
        """Return the JSON form; None where the runs are no replicates."""
        return self._written(False) if self.quantities else None

    def brief(self, unit: "TimeUnit") -> "Section":
        """Return mean and spread as a table, or why there is none."""
        from cxkinetics.document.page import Section
        from cxkinetics.kinetics.batch_page import spread_blocks

        return Section("", spread_blocks(self, "runs"), unit)

    def data(self) -> "Sequence[Table]":
        """Return the one sheet of the workbook."""
        from cxkinetics.kinetics.batch_page import replicate_table

        return (replicate_table(self),)

    def table(self) -> "pd.DataFrame":
        """Return one row per quantity: mean with interval, both spreads, their ratio, runs."""
        return self.data()[0].frame()

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
    columns = {f"k{i + 1}": [fit.stages[i].k_per_s for fit in alike] for i in range(stages)}
    for i in range(stages - 1):
        name = f"breakpoint {i + 1}" if stages > 2 else "breakpoint"
        columns[name] = [fit.breakpoints_s[i] for fit in alike]
    columns["k1/k2"] = [fit.rate_ratio for fit in alike if fit.rate_ratio is not None]
    unfair = ratio_reason(alike)
    found = [_over_runs(name, column, confidence, unfair) for name, column in columns.items()]
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
    errors = np.array([estimate.se for estimate in known], dtype=float)  # None becomes NaN
    within = None if np.isnan(errors).any() else float(np.sqrt(np.mean(np.square(errors))))
    method, se = f"t, {n - 1} dof, from the spread between runs", sd / float(np.sqrt(n))
    low, high = centre - half, centre + half
    mean = Estimate(name=name, value=centre, se=se, low=low, high=high, unit=unit, method=method)
    if low <= 0 or sd > SCATTER * centre:
        span = f"{values.min():.4g} to {values.max():.4g} {unit}".rstrip()
        why = f"the runs plainly differ in {name} ({span}, {n} runs; their mean would be {mean})"
        mean = Estimate(name=name, value=None, unit=unit, reason=why)
    return Replicate(mean=mean, sd_between=sd, se_within=within, n_runs=n, ratio_reason=unfair)
