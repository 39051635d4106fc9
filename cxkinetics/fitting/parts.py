"""The parts of a staged fit's result: stages, the paper's lines, noise, rivals, verdict."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from cxkinetics.estimate import Estimate, finite_or_none

__all__ = ["LogLinear", "LogLinearStage", "Noise", "Rival", "Stage", "Verdict"]


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
