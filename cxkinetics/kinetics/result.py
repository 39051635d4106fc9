"""What a staged fit returns: frozen, with units, provenance and every number's interval."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from cxkinetics.arrays import Array, frozen_array, same_array
from cxkinetics.estimate import Estimate, finite_or_none, json_text
from cxkinetics.kinetics.bootstrap import Bootstrap
from cxkinetics.models.decays import DECAYS, DecayFamily
from cxkinetics.presentation import Presentable
from cxkinetics.remarks import Remark
from cxkinetics.signals.documents import read_result
from cxkinetics.signals.trace import Trace
from cxkinetics.version import __version__

if TYPE_CHECKING:
    import lmfit
    import pandas as pd


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """One first-order stage.

    Attributes
    ----------
    start_s, end_s : float
        Window [start, end) in s (the last stage includes its end).
    n_points : int
        Points in the window.
    k_per_s : Estimate
        Observed first-order rate constant, 1/s.
    half_life_s : Estimate
        ln(2)/k, s.
    r_squared_log : float or None
        1 - SS(ln A - ln fit)/SS about the stage mean of ln A; None where it has no meaning.
    """

    start_s: float
    end_s: float
    n_points: int
    k_per_s: Estimate
    half_life_s: Estimate
    r_squared_log: float | None

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {
            "start_s": self.start_s,
            "end_s": self.end_s,
            "n_points": self.n_points,
            "k_per_s": self.k_per_s.to_dict(),
            "half_life_s": self.half_life_s.to_dict(),
            "r_squared_log": finite_or_none(self.r_squared_log),
        }

    @classmethod
    def from_dict(cls, record: Mapping[str, Any]) -> "Stage":
        """Return the stage that `to_dict` wrote."""
        return cls(
            start_s=record["start_s"],
            end_s=record["end_s"],
            n_points=record["n_points"],
            k_per_s=Estimate.from_dict("k", record["k_per_s"]),
            half_life_s=Estimate.from_dict("half-life", record["half_life_s"]),
            r_squared_log=record["r_squared_log"],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class LogLinearStage:
    """One straight line in ln A: window (both ends included), k and R2 (the paper's recipe)."""

    start_s: float
    end_s: float
    k_per_s: Estimate
    r_squared: float | None

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {
            "start_s": self.start_s,
            "end_s": self.end_s,
            "k_per_s": self.k_per_s.to_dict(),
            "r_squared": finite_or_none(self.r_squared),
        }

    @classmethod
    def from_dict(cls, record: Mapping[str, Any]) -> "LogLinearStage":
        """Return the line that `to_dict` wrote."""
        k_per_s = Estimate.from_dict("k", record["k_per_s"])
        return cls(
            start_s=record["start_s"], end_s=record["end_s"], k_per_s=k_per_s, r_squared=record["r_squared"]
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class LogLinear:
    """The paper's recipe on the same data: an independent line in ln A per stage, and one line.

    `single` spans the whole trace; `crossing_s` is where the first two lines cross, in s (another
    number than the breakpoint); `n_excluded` counts points with A <= 0 left out.
    """

    stages: tuple[LogLinearStage, ...]
    single: LogLinearStage | None
    crossing_s: float | None = None
    n_excluded: int = 0

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        single = self.single
        return {
            "stages": [stage.to_dict() for stage in self.stages],
            "single": None if single is None else single.to_dict(),
            "crossing_s": finite_or_none(self.crossing_s),
            "n_excluded": self.n_excluded,
        }

    @classmethod
    def from_dict(cls, record: Mapping[str, Any]) -> "LogLinear":
        """Return the lines that `to_dict` wrote."""
        single = record["single"]
        return cls(
            stages=tuple(LogLinearStage.from_dict(item) for item in record["stages"]),
            single=None if single is None else LogLinearStage.from_dict(single),
            crossing_s=record["crossing_s"],
            n_excluded=record["n_excluded"],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Noise:
    """The noise about the fit: sd (signal unit), AR(1) correlation used, and residual diagnostics.

    `ar1` is the correlation between neighbours at the median spacing (0 where white noise was
    asked for); `runs_p` the p-value of the Wald-Wolfowitz runs test on the whitened residuals.
    """

    sd: float | None
    ar1: float | None
    lag1_autocorrelation: float | None
    durbin_watson: float | None
    runs_p: float | None = None
    model: str = "ar1"

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {
            "sd": finite_or_none(self.sd),
            "ar1": finite_or_none(self.ar1),
            "lag1_autocorrelation": finite_or_none(self.lag1_autocorrelation),
            "durbin_watson": finite_or_none(self.durbin_watson),
            "runs_p": finite_or_none(self.runs_p),
            "model": self.model,
        }

    @classmethod
    def from_dict(cls, record: Mapping[str, Any]) -> "Noise":
        """Return the noise that `to_dict` wrote."""
        return cls(**record)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rival:
    """One model in the ranking: parameters, information criteria and when not to trust it."""

    model: str
    n_parameters: int
    rss: float | None
    aicc: float | None
    bic: float | None
    delta_aicc: float | None
    akaike_weight: float | None
    note: str = ""
    parameters: Mapping[str, float] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        numbers = ("rss", "aicc", "bic", "delta_aicc", "akaike_weight")
        return {
            "model": self.model,
            "n_parameters": self.n_parameters,
            **{name: finite_or_none(getattr(self, name)) for name in numbers},
            "note": self.note,
            "parameters": {name: finite_or_none(value) for name, value in self.parameters.items()},
        }

    @classmethod
    def from_dict(cls, record: Mapping[str, Any]) -> "Rival":
        """Return the rival that `to_dict` wrote."""
        return cls(**record)


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """The judgement: code, simulated p-value of "a break", and one sentence with its numbers.

    `delta_aicc` is AICc of the best smooth rival minus AICc of the best staged model.
    """

    code: str
    p_value: float | None
    text: str
    delta_aicc: float | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {
            "code": self.code,
            "p_value": finite_or_none(self.p_value),
            "text": self.text,
            "delta_aicc": finite_or_none(self.delta_aicc),
        }

    @classmethod
    def from_dict(cls, record: Mapping[str, Any]) -> "Verdict":
        """Return the verdict that `to_dict` wrote."""
        return cls(**record)


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
        from cxkinetics.models.decays import free_joint_decay, staged_decay

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


_OFFSET = " + offset"


def rival_curve(fit: StagedFit, rival: Rival, time_s: Array) -> Array | None:
    """Return a smooth rival's signal at any times.

    Parameters
    ----------
    fit : StagedFit
        The result that ranks the rival: it knows the first time, from which smooth
        curves count (a stretched exponential counts from the clock's zero), and a given offset.
    rival : Rival
        One of `fit.rivals`.
    time_s : Array, shape (n,)
        Times, s.

    Returns
    -------
    Array or None
        In the trace's unit; None for a staged model, which is no smooth rival.
    """
    name = rival.model.removesuffix(_OFFSET)
    if name not in DECAYS:
        return None
    family = DecayFamily(DECAYS[name], rival.model.endswith(_OFFSET))
    parameters: Mapping[str, float] = rival.parameters
    if not all(key in parameters for key in family.names):
        return None
    theta = np.array([[parameters[key] for key in family.names]])
    first, last = float(fit.trace.time_s[0]), float(fit.trace.time_s[-1])
    from_zero = "beta" in family.names and 0 < first <= last - first  # as the rivals are fitted
    clock = np.asarray(time_s, dtype=float) - (0.0 if from_zero else first)
    curve, _ = family.evaluate(clock, theta)
    given = fit.options.get("offset")
    base = float(given) if isinstance(given, int | float) and not isinstance(given, bool) else 0.0
    signal: Array = curve[0] + base
    return signal


def best_smooth_rival(fit: StagedFit) -> Rival | None:
    """Return the best-ranked smooth rival of a fit, or None where none was fitted."""
    return next((r for r in fit.rivals if r.model.removesuffix(_OFFSET) in DECAYS), None)
