"""Staged fits made by hand, so that rendering is tested without fitting anything."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

from cxkinetics.estimate import Estimate
from cxkinetics.kinetics.batch import BatchResult, Failure, JobResult
from cxkinetics.kinetics.result import LogLinear, LogLinearStage, Noise, Rival, Stage, StagedFit, Verdict
from cxkinetics.models.decays import staged_decay
from cxkinetics.remarks import Remark
from cxkinetics.signals.trace import Trace
from cxkinetics.source import Source


def number(name: str, value: float, se: float, unit: str, method: str = "profile") -> Estimate:
    return Estimate(
        name=name, value=value, se=se, low=value - 1.96 * se, high=value + 1.96 * se, unit=unit, method=method
    )


def build_fit(
    rates: tuple[float, ...] = (0.05625, 0.01895),
    breaks: tuple[float, ...] = (19.86,),
    *,
    end_s: float = 100.0,
    n: int = 101,
    simulated: bool = True,
    growth: bool = False,
    file: str = "run3.csv",
    label: str = "peak 324 nm",
    warnings: tuple[Remark, ...] = (),
    seed: int = 1,
    **changes: Any,
) -> StagedFit:
    rng = np.random.default_rng(seed)
    time = np.linspace(0.0, end_s, n)
    amplitude, offset = (-0.8, 0.9) if growth else (0.9, 0.0)
    curve = staged_decay(time, amplitude, np.array(rates), np.array(breaks), offset)
    signal = curve + rng.normal(0, 0.003, n)
    note = "from published constants" if simulated else ""
    trace = Trace(
        time_s=time,
        absorbance=signal,
        label=label,
        wavelength_nm=324.0,
        source=Source(file=file, simulated=simulated, note=note, format="delimited text"),
    )
    edges = [0.0, *breaks, end_s]
    stages = tuple(
        Stage(
            start_s=start,
            end_s=stop,
            n_points=int(np.sum((time >= start) & (time < stop))) + (stop == end_s),
            k_per_s=number("k", k, k / 250, "1/s"),
            half_life_s=number("half-life", np.log(2) / k, np.log(2) / k / 250, "s"),
            r_squared_log=0.9991,
        )
        for start, stop, k in zip(edges[:-1], edges[1:], rates, strict=True)
    )
    lines = (
        ()
        if growth
        else tuple(
            LogLinearStage(start_s=s.start_s, end_s=s.end_s, k_per_s=s.k_per_s, r_squared=0.98)
            for s in stages
        )
    )
    single = LogLinearStage(
        start_s=0.0, end_s=end_s, k_per_s=number("k", 0.024, 0.0009, "1/s"), r_squared=0.954
    )
    code = {1: "one_stage", 2: "two_stages"}.get(len(rates), "more_stages")
    fields: dict[str, Any] = {
        "trace": trace,
        "options": {"n_stages": "auto", "joint": "continuous", "recipe": "likelihood", "confidence": 0.95},
        "stages": stages,
        "breakpoints_s": tuple(number("breakpoint", b, 0.12, "s") for b in breaks),
        "amplitude": number("amplitude", amplitude, 0.0016, "AU"),
        "offset": Estimate(name="offset", value=offset, unit="AU", method="fixed", reason="fixed at zero"),
        "rate_ratio": number("k1/k2", rates[0] / rates[1], 0.018, "") if len(rates) > 1 else None,
        "fitted": curve,
        "residuals": signal - curve,
        "parameter_names": ("amplitude", *(f"k{i}" for i in range(1, len(rates) + 1))),
        "covariance": np.eye(1 + len(rates)) * 1e-6,
        "rss": float(np.sum((signal - curve) ** 2)),
        "dof": n - 2 * len(rates),
        "redchi": 9.1e-6,
        "aicc": -1166.32,
        "bic": -1156.1,
        "loglinear": LogLinear(
            stages=lines, single=None if growth else single, crossing_s=None if growth else 20.1
        ),
        "noise": Noise(sd=0.00302, ar1=0.02, lag1_autocorrelation=0.013, durbin_watson=1.98, runs_p=0.6),
        "rivals": (
            Rival(
                model="two stages",
                n_parameters=4,
                rss=8.9e-4,
                aicc=-1166.3,
                bic=-1156.1,
                delta_aicc=0.0,
                akaike_weight=0.999,
                note="",
            ),
            Rival(
                model="biexponential + offset",
                n_parameters=5,
                rss=1.6e-3,
                aicc=-1074.0,
                bic=-1062.0,
                delta_aicc=92.3,
                akaike_weight=0.0,
                note="the same curve as sequential with free q",
            ),
            Rival(
                model="one exponential",
                n_parameters=2,
                rss=3e-2,
                aicc=-756.0,
                bic=-750.0,
                delta_aicc=410.0,
                akaike_weight=0.0,
            ),
        ),
        "verdict": Verdict(
            code=code,
            p_value=0.001,
            delta_aicc=92.3,
            text="two stages: a break at 19.86 s at p = 0.001, 92 ahead in AICc of the best smooth rival; "
            "and consistent with a change of rate, or with a fast switch",
        ),
        "warnings": warnings,
        "seed": 7,
    }
    return StagedFit(**(fields | changes))


def batch_of(
    fits: Sequence[StagedFit], failures: Sequence[Failure] = (), folders: Sequence[str] = ()
) -> BatchResult:
    """Return a batch of fits, each in its folder where these are given."""
    made = JobResult(file="", fits=tuple(fits), failures=tuple(failures), folders=tuple(folders))
    return BatchResult(results=(made,))


@pytest.fixture(scope="session")
def make_fit() -> Callable[..., StagedFit]:
    return build_fit


@pytest.fixture(scope="session")
def fit() -> StagedFit:
    return build_fit()
