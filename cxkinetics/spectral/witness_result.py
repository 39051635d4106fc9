"""What two witnesses of one breakpoint say: the rate of the absorbance and the shift of the peak."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from cxkinetics.arrays import Array, frozen_array, same_array
from cxkinetics.estimate import Estimate, finite_or_none, json_text
from cxkinetics.presentation import Presentable
from cxkinetics.remarks import Remark
from cxkinetics.signals.documents import read_result
from cxkinetics.signals.trace import Trace
from cxkinetics.spectral.populations import Populations
from cxkinetics.version import __version__

__all__ = ["WITNESS_SCHEMA", "TwoWitnesses", "WitnessModel"]

WITNESS_SCHEMA = "cxkinetics.witnesses/1"


@dataclass(frozen=True, slots=True, kw_only=True)
class WitnessModel:
    """One model of absorbance and position together, ranked by AICc (lower is better)."""

    model: str
    n_parameters: int
    aicc: float | None
    delta_aicc: float | None
    parameters: Mapping[str, float]
    note: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {
            "model": self.model,
            "n_parameters": self.n_parameters,
            "aicc": finite_or_none(self.aicc),
            "delta_aicc": finite_or_none(self.delta_aicc),
            "parameters": {name: finite_or_none(value) for name, value in self.parameters.items()},
            "note": self.note,
        }

    @classmethod
    def from_dict(cls, record: Mapping[str, Any]) -> "WitnessModel":
        """Return the model that `to_dict` wrote."""
        return cls(**record)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TwoWitnesses(Presentable):
    """The breakpoint from the absorbance, from the peak position, and from both.

    Attributes
    ----------
    trace : Trace
        Height and position of the tracked peak; times count from t0.
    options : mapping
        Every option that shaped the result.
    absorbance, position, together : Estimate
        Breakpoint where the rate constant changes, end of the peak's shift, and both taken as one, s.
    difference : Estimate
        The first minus the second, s.
    agreement_p : float or None
        p-value of "both are one" (likelihood ratio, chi2 with 1 degree of freedom).
    peak_start, peak_end, shift : Estimate
        Position at t = 0, after the shift, and the difference, nm.
    bound : Estimate
        Smallest k1 (1/s) that a sequential model A -> B -> C allows by how far the peak has moved and
        the absorbance fallen at the breakpoint.
    rates : tuple of Estimate
        k1 and k2 of the staged decay of the absorbance alone, 1/s.
    models : tuple of WitnessModel
        Models of both signals together, best first.
    populations : Populations or None
        Quenching or two populations, by the whole spectrum.
    verdict, text : str
        "staged", "sequential", "two_populations", "degenerate" or "undecided", and one sentence.
    grid_s, absorbance_deviance, position_deviance : Array, shape (x,)
        Profiles: rise of the misfit in units of the noise against the breakpoint.
    warnings : tuple of Remark
        What was assumed or doubted.

    Examples
    --------
    >>> import cxkinetics as cx
    >>> found = cx.fit_witnesses(cx.load_example("ag-cds"), near_nm=324)
    >>> found.verdict, round(found.together.value), round(found.shift.value)
    ('staged', 20, 3)
    """

    trace: Trace
    options: Mapping[str, Any]
    absorbance: Estimate
    position: Estimate
    together: Estimate
    difference: Estimate
    agreement_p: float | None
    peak_start: Estimate
    peak_end: Estimate
    shift: Estimate
    bound: Estimate
    rates: tuple[Estimate, ...]
    models: tuple[WitnessModel, ...]
    populations: Populations | None
    verdict: str
    text: str
    grid_s: Array
    absorbance_deviance: Array
    position_deviance: Array
    warnings: tuple[Remark, ...] = ()
    version: str = __version__

    def __post_init__(self) -> None:
        for name in ("grid_s", "absorbance_deviance", "position_deviance"):
            object.__setattr__(self, name, frozen_array(getattr(self, name)))

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form of the documented schema."""
        source = self.trace.source
        return {
            "schema": WITNESS_SCHEMA,
            "version": self.version,
            "file": source.file,
            "sha256": source.sha256,
            "trace": self.trace.label or source.trace,
            "simulated": source.simulated,
            "n_points": self.trace.n_points,
            "options": dict(self.options),
            "breakpoint_s": {
                "absorbance": self.absorbance.to_dict(),
                "position": self.position.to_dict(),
                "together": self.together.to_dict(),
                "difference": self.difference.to_dict(),
                "agreement_p": finite_or_none(self.agreement_p),
            },
            "peak_nm": {
                "start": self.peak_start.to_dict(),
                "end": self.peak_end.to_dict(),
                "shift": self.shift.to_dict(),
            },
            "sequential_k1_bound": self.bound.to_dict(),
            "rates": [estimate.to_dict() for estimate in self.rates],
            "models": [model.to_dict() for model in self.models],
            "populations": None if self.populations is None else self.populations.to_dict(),
            "verdict": {"code": self.verdict, "text": self.text},
            "warnings": [remark.to_dict() for remark in self.warnings],
        }

    def to_json(self) -> str:
        """Return the whole result, data and profiles included, as JSON text."""
        data = {
            "trace": self.trace.to_dict(),
            "grid_s": self.grid_s.tolist(),
            "absorbance_deviance": self.absorbance_deviance.tolist(),
            "position_deviance": self.position_deviance.tolist(),
        }
        return json_text(self.to_dict() | {"data": data})

    @classmethod
    def from_json(cls, text: str | os.PathLike[str]) -> "TwoWitnesses":
        """Return the result that `to_json` wrote; `text` is that, or the path of its file.

        Raises
        ------
        InputError
            If the text is no such result.
        """
        return read_result(text, WITNESS_SCHEMA, cls._of_record)

    @classmethod
    def _of_record(cls, record: dict[str, Any]) -> "TwoWitnesses":
        data, breaks, peak = record["data"], record["breakpoint_s"], record["peak_nm"]
        populations = record["populations"]
        return cls(
            trace=Trace.from_dict(data["trace"]),
            options=record["options"],
            absorbance=Estimate.from_dict("breakpoint by the rate", breaks["absorbance"]),
            position=Estimate.from_dict("end of the shift", breaks["position"]),
            together=Estimate.from_dict("breakpoint by both", breaks["together"]),
            difference=Estimate.from_dict("difference", breaks["difference"]),
            agreement_p=breaks["agreement_p"],
            peak_start=Estimate.from_dict("peak at the start", peak["start"]),
            peak_end=Estimate.from_dict("peak after the shift", peak["end"]),
            shift=Estimate.from_dict("shift", peak["shift"]),
            bound=Estimate.from_dict("least k1 of a sequential model", record["sequential_k1_bound"]),
            rates=tuple(Estimate.from_dict(f"k{i}", item) for i, item in enumerate(record["rates"], 1)),
            models=tuple(WitnessModel.from_dict(item) for item in record["models"]),
            populations=None if populations is None else Populations.from_dict(populations),
            verdict=record["verdict"]["code"],
            text=record["verdict"]["text"],
            grid_s=np.array(data["grid_s"], dtype=float),
            absorbance_deviance=np.array(data["absorbance_deviance"], dtype=float),
            position_deviance=np.array(data["position_deviance"], dtype=float),
            warnings=tuple(Remark.from_dict(item) for item in record["warnings"]),
            version=record["version"],
        )

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, TwoWitnesses):
            return NotImplemented
        arrays = ("grid_s", "absorbance_deviance", "position_deviance")
        return (
            self.to_dict() == other.to_dict()
            and self.trace == other.trace
            and all(same_array(getattr(self, name), getattr(other, name)) for name in arrays)
        )

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return (
            f"TwoWitnesses({self.verdict}: by the rate {self.absorbance}, by the shift {self.position}, "
            f"together {self.together})"
        )
