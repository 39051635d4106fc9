"""The options of a staged fit, checked once and kept with the result."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from cxkinetics.arrays import seconds_of
from cxkinetics.calls import shown
from cxkinetics.errors import UsageError
from cxkinetics.options import KEYWORDS, OPTIONS, SHORT_MODELS, Seconds, names_of, plain, require
from cxkinetics.remarks import Remark

OffsetChoice = Literal["auto", "zero", "fit"] | float | tuple[float, float]
REPLICATES = 499
"""Simulated traces behind the p-value of a break."""
FITTING = tuple(OPTIONS[name].python for name in names_of("fitting") if name != "seed")
"""Keywords of the fields below; the seed stands beside them in a result."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FitOptions:
    """Options of `fit_stages`, validated; see there for their meaning."""

    n_stages: int | Literal["auto"] = "auto"
    model: str = "auto"
    breakpoints_s: tuple[float, ...] | None = None
    joint: Literal["continuous", "free"] = "continuous"
    recipe: Literal["likelihood", "loglinear"] = "likelihood"
    offset: OffsetChoice = "auto"
    drift: Literal["none", "linear", "auto"] = "none"
    dilution: tuple[float, float] | None = None
    noise: Literal["auto", "white", "ar1", "photometric", "by-place", "wander", "robust"] = "auto"
    start_up: float | Literal["auto", "none"] = "auto"
    direction: Literal["decay", "growth"] = "decay"
    t0: float | Literal["auto"] | None = None
    window: tuple[float | None, float | None] | None = None
    bootstrap: int = 0
    bootstrap_kind: Literal["parametric", "residual", "block"] = "parametric"
    absolute_sigma: bool = False
    confidence: float = 0.95
    replicates: int = REPLICATES

    def __post_init__(self) -> None:
        require({name: getattr(self, name) for name in FITTING})
        for name in FITTING:
            value = plain(getattr(self, name))
            pair = KEYWORDS[name].joined and isinstance(value, list)
            object.__setattr__(self, name, tuple(value) if pair else value)
        if self.direction == "growth" and self.offset == "zero":
            raise UsageError("a growing trace ends on its offset; use offset='fit' (or 'auto', or a value)")
        if self.replicates < 99:  # the smallest p of 99 simulated traces is 0.01
            raise UsageError(f"replicates is {self.replicates}; the p-value needs at least 99")
        if self.drift != "none" and self.recipe == "loglinear":
            raise UsageError("lines in ln A know no drift of the baseline; leave --drift or --recipe out")
        if self.smooth_model is not None:
            self._require_alone()
        count = self.demanded or 0
        if self.breakpoints_s is not None and self.n_stages not in ("auto", count):
            made = "1 breakpoint makes" if count == 2 else f"{count - 1} breakpoints make"
            raise UsageError(
                f"{made} {count} stages, but n_stages is {self.n_stages}; "
                f"drop --stages (n_stages=) or pass --stages {count}"
            )

    @property
    def smooth_model(self) -> str | None:
        """The smooth model that is asked for, by its name in the ranking; None for stages."""
        return None if self.model in ("auto", "staged") else SHORT_MODELS.get(self.model, self.model)

    def _require_alone(self) -> None:
        """Refuse the options of stages beside a smooth model."""
        stages = {
            "n_stages": self.n_stages != "auto",
            "breakpoints_s": self.breakpoints_s is not None,
            "joint": self.joint != "continuous",
            "recipe": self.recipe != "likelihood",
            "bootstrap": self.bootstrap > 0,
        }
        if clash := [KEYWORDS[option].flag for option, given in stages.items() if given]:
            raise UsageError(
                f"--model {self.model} has no stages, so {', '.join(clash)} cannot be given beside it; "
                "leave one of them out"
            )

    @classmethod
    def of(
        cls, *, breakpoints_s: float | str | Sequence[float | str] | None = None, **given: Any
    ) -> "FitOptions":
        """Return options from what a user may type: a lone breakpoint, times as text with their unit."""
        breaks: tuple[float, ...] | None = None
        if breakpoints_s is not None:
            typed = OPTIONS["breakpoint"].read(breakpoints_s)
            try:
                elapsed, date = seconds_of("breakpoints_s", typed)
                if date or isinstance(breakpoints_s, bool):
                    raise ValueError("a date, or true, is no time of the trace's clock")
            except (TypeError, ValueError) as error:
                fault = OPTIONS["breakpoint"].fault("late", shown=shown(breakpoints_s))
                raise UsageError(f"breakpoints_s {fault}") from error
            first = typed[0] if isinstance(typed, (list, tuple)) and typed else typed
            bare = not isinstance(first, Seconds) and np.asarray(typed).dtype.kind in "iuf"
            breaks = tuple(sorted((float if bare else Seconds)(b) for b in np.ravel(elapsed)))
        for name in ("t0", "window", "start_up", "offset", "dilution"):
            if name in given:
                given[name] = OPTIONS[name].read(given[name])
        return cls(breakpoints_s=breaks, **given)

    def read_as_seconds(self, unit: str) -> Remark | None:
        """Return the remark on bare times where a file counts in another unit, with what to type."""
        said = []
        named = map(OPTIONS.__getitem__, names_of("fitting"))
        for option in (option for option in named if option.timed and unit not in ("", "s")):
            value = getattr(self, option.python)
            times = value if isinstance(value, tuple) else (value,)
            if any(t and not isinstance(t, (str, Seconds)) for t in times):
                typed, meant = option.typed(value), option.typed(value, unit)
                said.append(
                    f"{option.flag} {typed} was read as seconds (if {unit} is meant: {option.flag} {meant})"
                )
        text = f"the file's times are in {unit}, bare numbers count in s: {'; '.join(said)}"
        return Remark("read_as_seconds", text, len(said)) if said else None

    @property
    def demanded(self) -> int | None:
        """The number of stages the user demanded, or None."""
        if self.breakpoints_s is not None:
            return len(self.breakpoints_s) + 1
        return None if self.n_stages == "auto" else int(self.n_stages)

    @property
    def ar1(self) -> bool:
        """Whether correlation of the noise is taken into account."""
        return self.noise != "white"

    @property
    def starts(self) -> bool:
        """Whether a start that takes time, and a switch that does, belong to every model."""
        return self.start_up != "none"

    @property
    def wanders(self) -> bool:
        """Whether slow wander beside white noise is taken into account."""
        return self.noise not in ("white", "ar1")

    @property
    def given_offset(self) -> float | None:
        """The offset the user gave, in the trace's unit; None where it is chosen or fitted."""
        if self.offset == "zero":
            return 0.0
        if isinstance(self.offset, tuple):
            return self.offset[0]
        return None if isinstance(self.offset, str) else float(self.offset)

    @property
    def offset_sd(self) -> float | None:
        """The standard deviation of an offset that was given with one: a blank's."""
        return self.offset[1] if isinstance(self.offset, tuple) else None

    def to_dict(self) -> dict[str, Any]:
        """Return all options as a JSON-ready mapping."""
        record = {name: getattr(self, name) for name in self.__slots__}
        for name in ("breakpoints_s", "window", "offset", "dilution"):
            if isinstance(record[name], tuple):
                record[name] = list(record[name])
        if record["n_stages"] != "auto":
            record["n_stages"] = int(record["n_stages"])
        return record


def confidence_of(options: Mapping[str, Any]) -> float:
    """Return the confidence level of a fit's intervals (0.95 where it is not recorded)."""
    return float(options.get("confidence") or 0.95)
