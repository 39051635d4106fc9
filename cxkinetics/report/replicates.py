"""Repeated runs together: the mean of each rate constant and its spread between runs.

The interval of a single fit says how well one trace determines its constants. What differs from
run to run (the dose, mixing, temperature) is not in it, so the spread between runs is usually
wider: it is what a mean of replicates must be quoted with.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from cxkinetics.estimate import Estimate
from cxkinetics.fitting.result import StagedFit

__all__ = ["Replicate", "replicate_means"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Replicate:
    """One quantity over several runs.

    Attributes
    ----------
    mean : Estimate
        Mean over runs with its t interval ("between runs").
    sd_between : float
        Standard deviation between runs, same unit.
    se_within : float or None
        Root mean square of the single fits' standard errors; None where one has none.
    n_runs : int
        Number of runs.
    """

    mean: Estimate
    sd_between: float
    se_within: float | None
    n_runs: int


def replicate_means(fits: Sequence[StagedFit], confidence: float = 0.95) -> list[Replicate]:
    """Return mean and spread of k and breakpoint over runs with the commonest number of stages.

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
    from scipy.special import stdtrit

    if not fits:
        return []
    counts = [len(fit.stages) for fit in fits]
    stages = max(sorted(set(counts)), key=counts.count)
    alike = [fit for fit in fits if len(fit.stages) == stages]
    columns: list[list[Estimate]] = [[fit.stages[i].k_per_s for fit in alike] for i in range(stages)]
    names = [f"k{i + 1}" for i in range(stages)]
    columns += [[fit.breakpoints_s[i] for fit in alike] for i in range(stages - 1)]
    names += [f"breakpoint {i + 1}" if stages > 2 else "breakpoint" for i in range(stages - 1)]
    found = []
    for name, column in zip(names, columns, strict=True):
        known = [estimate for estimate in column if estimate.value is not None]
        values = np.array([estimate.value for estimate in known], dtype=float)
        if values.size < 2:
            continue
        sd = float(np.std(values, ddof=1))
        half = float(stdtrit(values.size - 1, (1 + confidence) / 2)) * sd / np.sqrt(values.size)
        mean = float(values.mean())
        errors = [estimate.se for estimate in known]
        within = None
        if all(error is not None for error in errors):
            within = float(np.sqrt(np.mean(np.square(np.array(errors, dtype=float)))))
        found.append(
            Replicate(
                mean=Estimate(
                    name=name,
                    value=mean,
                    se=sd / float(np.sqrt(values.size)),
                    low=mean - half,
                    high=mean + half,
                    unit=known[0].unit,
                    method="between runs",
                ),
                sd_between=sd,
                se_within=within,
                n_runs=int(values.size),
            )
        )
    return found
