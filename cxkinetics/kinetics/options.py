"""The options of a staged fit, checked once and kept with the result."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from cxkinetics.arrays import seconds_of
from cxkinetics.errors import UsageError

OffsetChoice = Literal["auto", "zero", "fit"] | float
REPLICATES = 499
"""Simulated traces behind the p-value of a break."""
_COUNTS = {"bootstrap": "0, or a whole number from 50", "replicates": "a whole number from 99"}


@dataclass(frozen=True, slots=True, kw_only=True)
class FitOptions:
    """Options of `fit_stages`, validated; see there for their meaning."""

    n_stages: int | Literal["auto"] = "auto"
    breakpoints_s: tuple[float, ...] | None = None
    joint: Literal["continuous", "free"] = "continuous"
    recipe: Literal["likelihood", "loglinear"] = "likelihood"
    offset: OffsetChoice = "auto"
    noise: Literal["auto", "white", "ar1"] = "auto"
    direction: Literal["decay", "growth"] = "decay"
    t0: float | Literal["auto"] | None = None
    window: tuple[float | None, float | None] | None = None
    bootstrap: int = 0
    bootstrap_kind: Literal["parametric", "residual", "block"] = "parametric"
    absolute_sigma: bool = False
    confidence: float = 0.95
    replicates: int = REPLICATES

    def __post_init__(self) -> None:
        _choice("joint", self.joint, ("continuous", "free"))
        _choice("recipe", self.recipe, ("likelihood", "loglinear"))
        _choice("noise", self.noise, ("auto", "white", "ar1"))
        _choice("bootstrap_kind", self.bootstrap_kind, ("parametric", "residual", "block"))
        _choice("direction", self.direction, ("decay", "growth"))
        if self.n_stages != "auto" and (
            isinstance(self.n_stages, bool)
            or not isinstance(self.n_stages, (int, np.integer))
            or not 1 <= self.n_stages <= 4
        ):
            near = _near(self.n_stages, ("auto",)) if isinstance(self.n_stages, str) else ""
            raise UsageError(f"n_stages is {self.n_stages!r}; it must be 'auto', 1, 2 or 3 (at most 4){near}")
        if isinstance(self.offset, str):
            _choice("offset", self.offset, ("auto", "zero", "fit", "a number"))
        elif not _is_number(self.offset):
            raise UsageError(f"offset is {self.offset!r}; it must be auto, zero, fit or a number")
        elif not np.isfinite(self.offset):
            raise UsageError(f"offset is {self.offset}; it must be finite")
        if self.direction == "growth" and self.offset == "zero":
            raise UsageError("a growing trace ends on its offset; use offset='fit' (or 'auto', or a value)")
        if self.t0 is not None and self.t0 != "auto" and not (_is_number(self.t0) and np.isfinite(self.t0)):
            raise UsageError(f"t0 is {self.t0!r}; it must be 'auto' or a finite number of seconds")
        _check_window(self.window)
        for name, need in (("confidence", "a number between 0.5 and 1, e.g. 0.95"), *_COUNTS.items()):
            value = getattr(self, name)
            if not _is_number(value) or (name in _COUNTS and not float(value).is_integer()):
                raise UsageError(f"{name} is {value!r}; it must be {need}")
        if not 0.5 <= self.confidence < 1:
            raise UsageError(f"confidence is {self.confidence}; it must lie between 0.5 and 1, e.g. 0.95")
        if self.bootstrap < 0 or 0 < self.bootstrap < 50:
            raise UsageError(f"bootstrap is {self.bootstrap}; give 0, or at least 50 replicates")
        if self.replicates < 99:
            raise UsageError(f"replicates is {self.replicates}; the p-value needs at least 99")
        if self.breakpoints_s is not None:
            if not self.breakpoints_s or not np.all(np.isfinite(self.breakpoints_s)):
                raise UsageError(f"breakpoints_s is {self.breakpoints_s}; give one or more finite times in s")
            if self.n_stages not in ("auto", len(self.breakpoints_s) + 1):
                count = len(self.breakpoints_s)
                made = "1 breakpoint makes" if count == 1 else f"{count} breakpoints make"
                raise UsageError(
                    f"{made} {count + 1} stages, but n_stages is {self.n_stages}; "
                    f"drop --stages (n_stages=) or pass --stages {count + 1}"
                )

    @classmethod
    def of(cls, *, breakpoints_s: float | Sequence[float] | None, **given: Any) -> "FitOptions":
        """Return options from what a user may type: a lone breakpoint, numbers as text-free values."""
        breaks: tuple[float, ...] | None = None
        if breakpoints_s is not None:
            try:
                elapsed, date = seconds_of("breakpoints_s", breakpoints_s)
                if date:
                    raise ValueError("a date is no time of the trace's clock")
            except (TypeError, ValueError) as error:
                raise UsageError(
                    f"breakpoints_s is {breakpoints_s!r}; give one or more times in s, e.g. 20 or [20, 55]"
                ) from error
            breaks = tuple(sorted(float(b) for b in np.ravel(elapsed)))
        window = given.get("window")
        if isinstance(window, (tuple, list)) and len(window) == 2:
            given["window"] = tuple(
                None if end == inf else end for end, inf in zip(window, (-np.inf, np.inf), strict=True)
            )
        return cls(breakpoints_s=breaks, **given)

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
    def given_offset(self) -> float | None:
        """The offset the user fixed, in the trace's unit; None where it is chosen or fitted."""
        if self.offset == "zero":
            return 0.0
        return None if isinstance(self.offset, str) else float(self.offset)

    def to_dict(self) -> dict[str, Any]:
        """Return all options as a JSON-ready mapping."""
        record = {name: getattr(self, name) for name in self.__slots__}
        for name in ("breakpoints_s", "window"):
            if record[name] is not None:
                record[name] = list(record[name])
        if record["n_stages"] != "auto":
            record["n_stages"] = int(record["n_stages"])
        return record


def _choice(name: str, value: object, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise UsageError(
            f"{name} is {value!r}; it must be one of {', '.join(allowed)}{_near(value, allowed)}"
        )


def _near(value: object, allowed: tuple[str, ...]) -> str:
    import difflib

    near = difflib.get_close_matches(str(value), allowed, 1)
    return f" (did you mean {near[0]!r}?)" if near else ""


def _is_number(value: object) -> bool:
    """Return whether a value is a real number and finite enough to be compared; a bool is none."""
    numbers = (int, float, np.integer, np.floating)  # numpy counts a timedelta64 among the integers
    return isinstance(value, numbers) and not isinstance(value, (bool, np.timedelta64))


def _check_window(window: object) -> None:
    """Refuse a window that is no pair of times, or whose ends are reversed."""
    if window is None:
        return
    pair = list(window) if isinstance(window, (tuple, list)) else []
    if len(pair) != 2 or not all(end is None or (_is_number(end) and np.isfinite(end)) for end in pair):
        raise UsageError(
            f"window is {window!r}; it must be two times in s, finite, either None where it is open"
        )
    low, high = pair
    if low is not None and high is not None and low > high:
        raise UsageError(
            f"window is {low:g}:{high:g}; its ends are reversed: the lower time comes first, {high:g}:{low:g}"
        )
