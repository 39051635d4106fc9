"""What a staged fit returns: frozen, with units, provenance and every number's interval."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from cxkinetics.arrays import Array, frozen_array, same_array
from cxkinetics.estimate import Estimate, finite_or_none, json_text
from cxkinetics.fitting.bootstrap import Bootstrap
from cxkinetics.fitting.parts import LogLinear, Noise, Rival, Stage, Verdict
from cxkinetics.presentation import Presentable
from cxkinetics.remarks import Remark
from cxkinetics.signals.documents import read_result
from cxkinetics.signals.trace import Trace
from cxkinetics.version import __version__

if TYPE_CHECKING:
    import lmfit
    import pandas as pd

__all__ = ["FIT_SCHEMA", "StagedFit"]

FIT_SCHEMA = "cxkinetics.fit/1"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class StagedFit(Presentable):
    """A staged first-order fit of one trace.

    Attributes
    ----------
    trace : Trace
        The points that were fitted (after window, t0 and excluded outliers).
    options : mapping
        Every option that shaped the result, the seed included.
    stages : tuple of Stage
        The fit that the verdict chose, or the number of stages demanded.
    breakpoints_s : tuple of Estimate
        Breakpoints in s; one fewer than stages.
    amplitude, offset : Estimate
        A0 - Ainf at t = 0 and Ainf, in the trace's unit.
    rate_ratio : Estimate or None
        k1/k2 of the first two stages.
    fitted, residuals : Array, shape (n,)
        The fitted curve at the trace's times and trace minus curve.
    parameter_names, covariance
        Covariance of the smooth parameters at the optimum, shape (p, p).
    n_points, dof, redchi, rss, aicc, bic : numbers
        Of the fit shown.
    loglinear, noise, rivals, verdict, warnings
        See their classes.
    excluded : tuple of (float, float)
        Points left out as outliers: (time in s, signal).
    flags : tuple of str
        Parameters at a bound, breakpoints at the edge of the search.
    stage_amplitudes : tuple of float
        With free joints, the amplitude of each stage's curve carried back to t = 0.
    anchor_s : float
        Time at which the amplitude counts, s (0 unless the data lie far from t = 0).
    bootstrap : Bootstrap or None
        Percentile intervals beside the others, where they were asked for.
    seed : int
        Seed of every random number behind the result.

    Examples
    --------
    >>> import cxkinetics as cx
    >>> time = np.arange(0.0, 100.0, 5)
    >>> absorbance = 0.9 * np.exp(-0.056 * np.minimum(time, 20) - 0.019 * np.maximum(time - 20, 0))
    >>> absorbance += np.random.default_rng(1).normal(0, 0.001, time.size)
    >>> fit = cx.fit_stages(cx.Trace(time_s=time, absorbance=absorbance), offset="zero", noise="white")
    >>> fit.verdict.code, [round(stage.k_per_s.value, 3) for stage in fit.stages]
    ('two_stages', [0.056, 0.019])
    >>> round(fit.breakpoints_s[0].value), round(fit.rate_ratio.value, 1)
    (20, 2.9)
    """

    trace: Trace
    options: Mapping[str, Any]
    stages: tuple[Stage, ...]
    breakpoints_s: tuple[Estimate, ...]
    amplitude: Estimate
    offset: Estimate
    rate_ratio: Estimate | None
    fitted: Array
    residuals: Array
    parameter_names: tuple[str, ...]
    covariance: Array
    rss: float
    dof: int
    redchi: float
    aicc: float | None
    bic: float | None
    loglinear: LogLinear
    noise: Noise
    rivals: tuple[Rival, ...]
    verdict: Verdict
    warnings: tuple[Remark, ...] = ()
    excluded: tuple[tuple[float, float], ...] = ()
    flags: tuple[str, ...] = ()
    stage_amplitudes: tuple[float, ...] = ()
    anchor_s: float = 0.0
    bootstrap: Bootstrap | None = None
    seed: int = 0
    version: str = __version__

    def __post_init__(self) -> None:
        for name in ("fitted", "residuals", "covariance"):
            object.__setattr__(self, name, frozen_array(getattr(self, name)))

    @property
    def n_points(self) -> int:
        """Number of points fitted."""
        return self.trace.n_points

    def curve(self, time_s: Array) -> Array:
        """Return the fitted signal at any times (s), in the trace's unit."""
        from cxkinetics.models.staged import free_joint_decay, staged_decay

        value = [stage.k_per_s.value for stage in self.stages]
        rates = np.array([np.nan if k is None else k for k in value])
        breaks = np.array([np.nan if b.value is None else b.value for b in self.breakpoints_s])
        time = np.asarray(time_s, dtype=float) - self.anchor_s
        breaks = breaks - self.anchor_s
        if self.stage_amplitudes:
            levels = np.array(self.stage_amplitudes)
            return free_joint_decay(time, levels, rates, breaks, self._offset())
        amplitude = np.nan if self.amplitude.value is None else self.amplitude.value
        return staged_decay(time, amplitude, rates, breaks, self._offset())

    def _offset(self) -> float:
        return 0.0 if self.offset.value is None else self.offset.value

    def table(self) -> "pd.DataFrame":
        """Return one row per fitted number: value, se, low, high, unit, method, reason."""
        import pandas as pd

        rows = []
        for number, stage in enumerate(self.stages, 1):
            rows += [(f"k{number}", stage.k_per_s), (f"half-life {number}", stage.half_life_s)]
        rows += [
            (f"breakpoint {number}" if len(self.breakpoints_s) > 1 else "breakpoint", estimate)
            for number, estimate in enumerate(self.breakpoints_s, 1)
        ]
        rows += [("amplitude", self.amplitude), ("offset", self.offset)]
        if self.rate_ratio is not None:
            rows.append(("k1/k2", self.rate_ratio))
        columns = ("value", "se", "low", "high", "unit", "method", "reason")
        return pd.DataFrame(
            [[getattr(estimate, column) for column in columns] for _, estimate in rows],
            index=pd.Index([name for name, _ in rows], name="quantity"),
            columns=list(columns),
        )

    def lmfit_parameters(self) -> "lmfit.Parameters":
        """Return the fitted parameters as `lmfit.Parameters` with standard errors where known."""
        import lmfit

        parameters = lmfit.Parameters()
        named = [("amplitude", self.amplitude), ("offset", self.offset)]
        named += [(f"k{number}", stage.k_per_s) for number, stage in enumerate(self.stages, 1)]
        named += [(f"breakpoint{number}", b) for number, b in enumerate(self.breakpoints_s, 1)]
        for name, estimate in named:
            parameters.add(name, value=estimate.value, vary=estimate.method != "fixed")
            parameters[name].stderr = estimate.se
        return parameters

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form FIT of the documented schema."""
        trace, source = self.trace, self.trace.source
        ratio = self.rate_ratio
        return {
            "file": source.file,
            "sha256": source.sha256,
            "trace": trace.label or source.trace,
            "wavelength_nm": finite_or_none(trace.wavelength_nm),
            "n_points": trace.n_points,
            "t_start_s": float(trace.time_s[0]),
            "t_end_s": float(trace.time_s[-1]),
            "unit": trace.unit,
            "simulated": source.simulated,
            "options": dict(self.options),
            "seed": self.seed,
            "version": self.version,
            "stages": [stage.to_dict() for stage in self.stages],
            "breakpoints_s": [estimate.to_dict() for estimate in self.breakpoints_s],
            "amplitude": self.amplitude.to_dict(),
            "offset": self.offset.to_dict(),
            "rate_ratio": None if ratio is None else ratio.to_dict(),
            "rss": self.rss,
            "dof": self.dof,
            "redchi": finite_or_none(self.redchi),
            "aicc": finite_or_none(self.aicc),
            "bic": finite_or_none(self.bic),
            "loglinear": self.loglinear.to_dict(),
            "noise": self.noise.to_dict(),
            "rivals": [rival.to_dict() for rival in self.rivals],
            "verdict": self.verdict.to_dict(),
            "warnings": [remark.to_dict() for remark in self.warnings],
            "excluded": [list(point) for point in self.excluded],
            "flags": list(self.flags),
            "stage_amplitudes": [finite_or_none(level) for level in self.stage_amplitudes],
            "anchor_s": self.anchor_s,
            "bootstrap": None if self.bootstrap is None else self.bootstrap.to_dict(),
        }

    def to_json(self) -> str:
        """Return the whole result, data and covariance included, as JSON text."""
        record = (
            {"schema": FIT_SCHEMA}
            | self.to_dict()
            | {
                "data": {
                    "trace": self.trace.to_dict(),
                    "fitted": self.fitted.tolist(),
                    "residuals": self.residuals.tolist(),
                    "parameter_names": list(self.parameter_names),
                    "covariance": [[finite_or_none(v) for v in row] for row in self.covariance.tolist()],
                },
            }
        )
        return json_text(record)

    @classmethod
    def from_json(cls, text: str | os.PathLike[str]) -> "StagedFit":
        """Return the result that `to_json` wrote; `text` is that, or the path of its file.

        Raises
        ------
        InputError
            If the text is no such result.
        """
        return read_result(text, FIT_SCHEMA, cls._of_record)

    @classmethod
    def _of_record(cls, record: dict[str, Any]) -> "StagedFit":
        data = record["data"]
        ratio, repeated = record["rate_ratio"], record["bootstrap"]
        return cls(
            trace=Trace.from_dict(data["trace"]),
            options=record["options"],
            stages=tuple(Stage.from_dict(item) for item in record["stages"]),
            breakpoints_s=tuple(Estimate.from_dict("breakpoint", item) for item in record["breakpoints_s"]),
            amplitude=Estimate.from_dict("amplitude", record["amplitude"]),
            offset=Estimate.from_dict("offset", record["offset"]),
            rate_ratio=None if ratio is None else Estimate.from_dict("k1/k2", ratio),
            fitted=np.array(data["fitted"], dtype=float),
            residuals=np.array(data["residuals"], dtype=float),
            parameter_names=tuple(data["parameter_names"]),
            covariance=np.array(data["covariance"], dtype=float).reshape(2 * (len(data["covariance"]),)),
            rss=record["rss"],
            dof=record["dof"],
            redchi=record["redchi"],
            aicc=record["aicc"],
            bic=record["bic"],
            loglinear=LogLinear.from_dict(record["loglinear"]),
            noise=Noise.from_dict(record["noise"]),
            rivals=tuple(Rival.from_dict(item) for item in record["rivals"]),
            verdict=Verdict.from_dict(record["verdict"]),
            warnings=tuple(Remark.from_dict(item) for item in record["warnings"]),
            excluded=tuple((float(t), float(a)) for t, a in record["excluded"]),
            flags=tuple(record["flags"]),
            stage_amplitudes=tuple(np.nan if a is None else a for a in record["stage_amplitudes"]),
            anchor_s=record["anchor_s"],
            bootstrap=None if repeated is None else Bootstrap.from_dict(repeated),
            seed=record["seed"],
            version=record["version"],
        )

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, StagedFit):
            return NotImplemented
        arrays = ("fitted", "residuals", "covariance")
        return (
            self.to_dict() == other.to_dict()
            and self.trace == other.trace
            and self.parameter_names == other.parameter_names
            and all(same_array(getattr(self, name), getattr(other, name)) for name in arrays)
        )

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        rates = ", ".join(f"k{i} = {stage.k_per_s}" for i, stage in enumerate(self.stages, 1))
        return f"StagedFit({self.verdict.code}: {rates}; {self.n_points} points)"
