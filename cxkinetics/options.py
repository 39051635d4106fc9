"""The options of reading and of a fit, each told once.

The command line, project files, shell completion, the checks of `load`, `fit_stages` and `fit_many`
and the lines that make a fit again all read this table: what one of them refuses, all refuse.
"""

import math
import numbers
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, NamedTuple

from cxkinetics import calls
from cxkinetics.errors import UsageError, did_you_mean
from cxkinetics.source import TIME_UNITS as SECONDS_IN

Kind = Literal["choice", "switch", "name", "names", "label", "number", "integer", "numbers", "range"]
Group = Literal["reading", "fitting", "showing"]


class Option(NamedTuple):
    """One option, in every place where it can be given.

    Attributes
    ----------
    name : str
        In a project file, and behind "--" on the command line.
    group : str
        "reading" (of `load`), "fitting" (of `fit_stages`) or "showing".
    kind : str
        What a value is: one of the `words` ("choice"), true or false ("switch"), text or a whole number
        ("name", "names" for several), text or a number ("label"), "number", "integer", "numbers", "range".
    help : str
        What it does, for the help of the command.
    heading : str
        Above it in the help of `cxkinetics fit`, where it is not that of its group.
    keyword : str
        In Python, where it is another than `name`.
    words : tuple of str
        Words that are taken; all there is for a "choice".
    least, below : float
        Limits of a number: `least` is taken, `below` is not.
    besides : float or None
        A number that is taken although it lies below `least`.
    default : object
        What holds where nothing is given.
    metavar : str or None
        Stands for the value in the help, where its kind does not say enough.
    need : str
        What a value must be, for the message about a wrong one, where its kind does not say it.
    timed : bool
        Whether its numbers are times: bare ones are s, and text may name the unit ("0.5min").
    joined : str
        What stands between two positive numbers that are taken, alone or besides one: "+-" before an error.
    """

    name: str
    group: Group
    kind: Kind
    help: str
    heading: str = ""
    keyword: str = ""
    words: tuple[str, ...] = ()
    least: float = -math.inf
    below: float = math.inf
    besides: float | None = None
    default: Any = None
    metavar: str | None = None
    need: str = ""
    timed: bool = False
    joined: str = ""

    @property
    def flag(self) -> str:
        """The option on the command line."""
        return "--" + self.name.replace("_", "-")

    @property
    def python(self) -> str:
        """The keyword in Python."""
        return self.keyword or self.name

    def read(self, typed: Any) -> Any:
        """Return the value of what was typed, or of what a project file or Python gives.

        Text that is no number where one is needed stays text: `fault` then names it as it was typed.

        Examples
        --------
        >>> OPTIONS["stages"].read("2"), OPTIONS["window"].read("110:"), OPTIONS["breakpoint"].read("20, 55")
        (2, (110.0, None), [20.0, 55.0])
        >>> OPTIONS["t0"].read("0.5min"), OPTIONS["window"].read("0:1h"), OPTIONS["breakpoint"].read("30 s")
        (30.0, (0.0, 3600.0), [30.0])
        >>> OPTIONS["offset"].read("0+-0.002"), OPTIONS["dilution"].read("3.00 + 0.10")
        ((0.0, 0.002), (3.0, 0.1))
        """
        several = isinstance(typed, (list, tuple)) and self.kind in ("range", "numbers")
        if not (several or isinstance(typed, str)) or (not several and typed in self.words):
            return typed
        try:
            if self.joined and not several and (pair := _PAIRS[self.joined].fullmatch(typed.strip())):
                return float(pair[1]), float(pair[2])
            if self.kind in ("name", "names") and self.name != "sheet":  # a sheet may be called "2"
                return int(typed) if typed.isdecimal() else typed
            if self.words and self.kind == "integer":
                return int(typed)
            if self.kind == "number" and (self.words or self.timed):
                return self._number(typed)
            if self.kind == "numbers":
                parts = typed if several else [part for part in typed.split(",") if part.strip()]
                return _alike([self._number(part) for part in parts]) or typed
            if self.kind == "range":
                parts = typed if several else [part.strip() or None for part in typed.split(":")]
                low, high = map(self._number, parts)
                return _opened(_alike((low, high)))
        except ValueError:
            pass
        return typed

    def _number(self, part: Any) -> Any:
        """Return the number in a text; what is no text stays as it is."""
        if not isinstance(part, str):
            return part
        return seconds(part) if self.timed else float(part)

    def typed(self, value: Any, unit: str = "") -> str:
        """Return a value as it is typed, each number of it with a unit; reading it gives the same again.

        Examples
        --------
        >>> OPTIONS["window"].typed((300.0, None), "s"), OPTIONS["breakpoint"].typed([20, 55.5])
        ('300s:', '20,55.5')
        """
        if isinstance(value, (list, tuple)):
            return (self.joined or (":" if self.kind == "range" else ",")).join(
                self.typed(item, unit) for item in value
            )
        return "" if value is None else as_typed(value) + (unit if isinstance(value, numbers.Real) else "")

    def fault(self, value: Any, shown: str = "") -> str:
        """Return what is wrong with a value, "" where nothing is.

        Parameters
        ----------
        value : object
            As Python has it, or as `read` returns it.
        shown : str
            The value as the user gave it (default: as Python writes it).

        Examples
        --------
        >>> OPTIONS["joint"].fault("fre")
        "is 'fre'; it must be one of continuous, free (did you mean 'free'?)"
        """
        if self._takes(value):
            return self._reversed(value) if self.kind == "range" else ""
        need = self.need or _NEEDS.get(self.kind.removesuffix("s")) or f"one of {', '.join(self.words)}"
        near = did_you_mean(value, self.words).strip() if isinstance(value, str) else ""
        return f"is {shown or calls.shown(value)}; it must be {need}" + (f" ({near})" if near else "")

    def _takes(self, value: Any) -> bool:
        if isinstance(value, str):
            return value in self.words or self.kind in ("name", "names", "label")
        if self.kind == "choice":
            return False
        if hasattr(value, "integers"):  # a generator of numpy makes seeds of its own
            return self.name == "seed"
        if self.kind == "switch":
            return type(value).__name__ in ("bool", "bool_")
        if self.kind in ("name", "integer"):
            return self._counts(value)
        if self.kind == "names":
            several = value if isinstance(value, (list, tuple)) and value else (value,)
            return all(isinstance(item, str) or self._counts(item) for item in several)
        if self.joined and isinstance(value, (list, tuple)):
            return len(value) == 2 and all(map(self._measures, value)) and value[1] > 0
        if self.kind in ("label", "number"):
            return self._measures(value)
        if not isinstance(value, (list, tuple)):
            return self.kind == "numbers" and not self.joined and self._measures(value)
        if self.kind == "numbers":
            return bool(value) and all(map(self._measures, value))
        return len(value) == 2 and all(end is None or self._measures(end) for end in value)

    @staticmethod
    def _reversed(ends: Any) -> str:
        low, high = ends
        if low is None or high is None or low <= high:
            return ""
        right = f"{high:g}:{low:g}"
        return f"is {low:g}:{high:g}; its ends are reversed: the lower time comes first, {right}"

    def _counts(self, value: Any) -> bool:
        return isinstance(value, numbers.Integral) and self._measures(value)

    def _measures(self, value: Any) -> bool:
        """Return whether a value is a finite number within the limits; a bool or a length of time is none."""
        if not isinstance(value, numbers.Real) or isinstance(value, bool):
            return False
        if getattr(getattr(value, "dtype", None), "kind", "") == "m":  # numpy counts them among the integers
            return False
        try:
            return value == self.besides or (math.isfinite(value) and self.least <= float(value) < self.below)
        except OverflowError:  # a whole number beyond what a float holds
            return False


def as_typed(value: Any) -> str:
    """Return a value as it is typed; reading a number gives the same again.

    Examples
    --------
    >>> as_typed(324.0), as_typed(0.1), as_typed("auto")
    ('324', '0.1', 'auto')
    """
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(float(value))
    return str(value)


def plain(value: Any) -> Any:
    """Return an option that was found right as Python's own: numpy's numbers and fractions made plain.

    Examples
    --------
    >>> from fractions import Fraction
    >>> plain((Fraction(1, 4), None)), plain(True), plain("auto")
    ((0.25, None), True, 'auto')
    """
    if isinstance(value, (list, tuple)):
        return type(value)(plain(item) for item in value)
    if isinstance(value, (bool, Seconds)) or not isinstance(value, numbers.Real):
        return value
    return int(value) if isinstance(value, numbers.Integral) else float(value)


class Seconds(float):
    """A time in s that was given with its unit: nobody need be told how it was read."""

    __slots__ = ()


def seconds(text: str) -> float:
    """Return the time in a text, s: a bare number, or one with its unit (as `Seconds`).

    Raises
    ------
    ValueError
        If it is neither.

    Examples
    --------
    >>> seconds("30"), seconds("0.5min"), seconds("500 ms")
    (30.0, 30.0, 0.5)
    """
    timed = re.fullmatch(rf"(.*[\d.])\s*({'|'.join(TIME_UNITS)})", text.strip())
    return Seconds(float(timed[1]) * SECONDS_IN[timed[2]]) if timed else float(text)


def _alike(times: Any) -> Any:
    """Return several times of which all or none have a unit; in a range 0 needs none.

    Raises
    ------
    ValueError
        If 5:20min was typed: 5 s or 5 min may be meant.
    """
    zero = isinstance(times, tuple)
    timed = {isinstance(time, Seconds) for time in times if time is not None and not (zero and not time)}
    if len(timed) > 1:
        raise ValueError("a unit on some of several times")
    return times


def _opened(ends: Sequence[Any]) -> tuple[Any, ...]:
    """Return a range whose infinite ends are open; anything else stays, to be refused as it is."""
    if len(ends) != 2:
        return tuple(ends)
    return tuple(None if end == inf else end for end, inf in zip(ends, (-math.inf, math.inf), strict=True))


_NUMBER = r"([-+]?[\d.]+(?:[eE][-+]?\d+)?)"
_PAIRS = {
    "+-": re.compile(rf"{_NUMBER}\s*(?:\+/?-|±)\s*{_NUMBER}"),
    "+": re.compile(rf"{_NUMBER}\s*\+\s*{_NUMBER}"),
}
"""How two numbers are typed that belong together."""
_NEEDS = {"name": "a name in quotes, or a number from 1", "switch": "true or false"}
"""What a value must be, by its kind where no option of that kind says more."""
SHORT_MODELS = {
    "stretched": "stretched exponential",
    "nth-order": "order n",
    "second-order": "second order",
    "delayed": "delayed exponential",
}
"""What smooth models are called besides -> in the ranking."""
SMOOTH_MODELS = (
    *("exponential", "exponential + drift", "biexponential", "stretched exponential", "second order"),
    *("mixed second order", "order n", "saturation", "parabolic diffusion", "Jander diffusion"),
    *("Ginstling-Brounshtein diffusion", "delayed exponential"),
    *(f"smooth rate{clock}, degree {degree}" for clock in ("", ", early") for degree in (1, 2, 3)),
)
"""Smooth models as the ranking names them."""
_NM = "a wavelength in nm, a finite number such as 324"
TIME_UNITS = ("s", "ms", "us", "min", "h", "d")
SHOWN_UNITS = ("s", "ms", "min", "h")


def _choice(name: str, group: Group, help: str, words: tuple[str, ...], **more: str) -> Option:
    """Return an option that is one of some words; of a fit the first holds where nothing is given."""
    default = words[0] if group == "fitting" else None
    return Option(name, group, "choice", help, words=words, default=default, **more)  # type: ignore[arg-type]


_LISTED = (
    Option("wavelength", "reading", "number", "read the spectra at this wavelength", metavar="NM", need=_NM),
    Option("track", "reading", "number", "track the peak near this wavelength", metavar="NM", need=_NM),
    Option(
        "column", "reading", "names", "signal column of a table, by name or number from 1; all: each a trace"
    ),
    Option(
        "trace",
        "reading",
        "name",
        "one trace of several (default: all), by number from 1 or label",
        metavar="N|LABEL",
    ),
    Option(
        "reference",
        "reading",
        "label",
        "subtract the drift at this wavelength or column; of raw counts: the solvent's spectrum",
        metavar="NM|NAME|FILE",
        need="a name in quotes, or a wavelength in nm",
    ),
    _choice("direction", "fitting", "default decay", ("decay", "growth"), heading="signal"),
    Option(
        "window",
        "fitting",
        "range",
        "times to keep, s or with a unit (2min:1h), on the file's clock; 110: is open",
        heading="signal",
        metavar="LO:HI",
        need='two times in s, finite, such as "0:100", open "110:", or two numbers in brackets; '
        'in another unit: "5min:20min"',
        timed=True,
    ),
    Option(
        "t0",
        "fitting",
        "number",
        "moment of the addition, s or with a unit (0.5min); times count from it",
        heading="signal",
        words=("auto",),
        metavar="S|auto",
        need='a finite number of seconds, a number with a unit such as "0.5min", or "auto"',
        timed=True,
    ),
    _choice("time_unit", "reading", "unit of time in the file", TIME_UNITS),
    _choice(
        "absorbance_unit",
        "reading",
        "unit of the signal, where the file does not say",
        ("abs", "percentT", "fractionT", "counts"),
    ),
    _choice(
        "decimal",
        "reading",
        'decimal mark of a text table, "." or ","',
        (".", ","),
        metavar="MARK",
        need='"." or ","',
    ),
    _choice("time_in", "reading", "which axis of a matrix is time", ("rows", "columns")),
    _choice("axis", "reading", "what the first column is, where no name says so", ("time", "wavelength")),
    Option(
        "times",
        "reading",
        "label",
        "file with the times of spectra that carry none, a row for each",
        metavar="FILE",
        need="the path of a file",
    ),
    Option("sheet", "reading", "name", "sheet of a workbook, by name or number from 1"),
    Option(
        "mask",
        "reading",
        "numbers",
        "times of readings to leave out, s or with a unit (8min), on the file's clock",
        metavar="S[,S]",
        need="a number of seconds, or several in square brackets, e.g. [12, 30.5], all finite; "
        'in another unit: "8min", "8min,20min"',
        timed=True,
    ),
    Option(
        "stages",
        "fitting",
        "integer",
        "number of stages (default auto)",
        keyword="n_stages",
        words=("auto",),
        least=1,
        below=5,
        default="auto",
        metavar="auto|1|2|3|4",
        need='"auto", 1, 2, 3 or 4',
    ),
    Option(
        "model",
        "fitting",
        "choice",
        "model to show: stages, or any smooth one that is ranked (default auto)",
        words=(
            "auto",
            "staged",
            *SHORT_MODELS,
            *SMOOTH_MODELS,
            *(f"{m} + offset" for m in SMOOTH_MODELS),
        ),
        default="auto",
        metavar="auto|staged|exponential|biexponential|stretched|nth-order|saturation|second-order|"
        "delayed|NAME",
        need="auto, staged, exponential, biexponential, stretched, nth-order, saturation, second-order, "
        "delayed, or a smooth model by its name in the ranking; a scheme such as A -> B is fitted to "
        "whole spectra by `cxkinetics spectra`",
    ),
    Option(
        "breakpoint",
        "fitting",
        "numbers",
        "given breakpoints, after the addition, s or with a unit (8min); nothing is searched",
        keyword="breakpoints_s",
        metavar="S[,S]",
        need="a number of seconds, or several in square brackets, e.g. [20, 55], all finite; "
        'in another unit: "8min", "8min,20min"',
        timed=True,
    ),
    _choice("joint", "fitting", "default continuous", ("continuous", "free")),
    _choice("recipe", "fitting", "default likelihood", ("likelihood", "loglinear")),
    Option(
        "offset",
        "fitting",
        "number",
        "signal at infinite time (default auto)",
        words=("auto", "zero", "fit"),
        default="auto",
        metavar="auto|zero|fit|VALUE[+-SD]",
        need='"auto", "zero", "fit", a finite number, or one with its standard deviation: "0+-0.002"',
        joined="+-",
    ),
    _choice(
        "drift",
        "fitting",
        "straight drift of the baseline (default none): fitted, or only where it gains in AICc",
        ("none", "linear", "auto"),
    ),
    Option(
        "dilution",
        "fitting",
        "numbers",
        "volumes in the cell and added, in one unit: what was read before the addition is scaled to the sum",
        heading="signal",
        metavar="V+ADDED",
        need='two positive volumes in one unit, in the cell and added: "3.00+0.10"',
        joined="+",
        least=1e-12,
    ),
    _choice(
        "noise",
        "fitting",
        "default auto: correlation, wander, size and tails of the noise are estimated",
        ("auto", "white", "ar1", "photometric", "by-place", "wander", "robust"),
    ),
    Option(
        "start_up",
        "fitting",
        "number",
        "time constant of mixing or of the instrument, s (default auto: fitted, it may be 0)",
        words=("auto", "none"),
        least=0,
        default="auto",
        metavar="auto|none|SECONDS",
        need='"auto", "none" or seconds from 0 on, or with a unit: "500ms"',
        timed=True,
    ),
    Option(
        "confidence",
        "fitting",
        "number",
        "level of the intervals (default 0.95)",
        least=0.5,
        below=1,
        default=0.95,
        metavar="P",
        need="a number between 0.5 and 1, e.g. 0.95",
    ),
    Option(
        "bootstrap",
        "fitting",
        "integer",
        "bootstrap replicates beside the intervals",
        besides=0,
        least=50,
        default=0,
        need="0, or a whole number from 50",
    ),
    _choice(
        "bootstrap_kind",
        "fitting",
        "how replicates are made (default parametric)",
        ("parametric", "residual", "block"),
    ),
    Option(
        "absolute_sigma",
        "fitting",
        "switch",
        "take the sigma column at its word (default: relative weights)",
        default=False,
    ),
    Option(
        "seed",
        "fitting",
        "integer",
        "seed of the simulated p-value (default 0)",
        keyword="rng",
        least=0,
        need="a whole number from 0",
    ),
    _choice("show_time", "showing", "unit of time in text, report and figures", SHOWN_UNITS),
)
OPTIONS: Mapping[str, Option] = {option.name: option for option in _LISTED}
"""Every option by its name, in the order of the help."""
WHERE = ("wavelength", "track", "column")
"""Each says which signal of a file is meant; a fit takes one of them."""
KEYWORDS: Mapping[str, Option] = {option.python: option for option in OPTIONS.values()}
"""Every option by its keyword in Python."""


def names_of(*groups: Group) -> tuple[str, ...]:
    """Return the names of the options of some groups.

    Examples
    --------
    >>> names_of("showing")
    ('show_time',)
    """
    return tuple(name for name, option in OPTIONS.items() if option.group in groups)


def require(given: Mapping[str, Any]) -> None:
    """Refuse keywords of Python that are no options, or whose value is wrong.

    None is "not given" where that is the default.

    Raises
    ------
    UsageError
        That names the keyword, the value found and what it must be.

    Examples
    --------
    >>> require({"joint": "free", "n_stages": 2})
    """
    for keyword, value in given.items():
        if keyword not in KEYWORDS:
            near = did_you_mean(keyword, list(KEYWORDS)).strip()
            raise UsageError(f"there is no option {keyword!r}; {near or 'known: ' + ', '.join(KEYWORDS)}")
        option = KEYWORDS[keyword]
        if (value is not None or option.default is not None) and (fault := option.fault(value)):
            raise UsageError(f"{keyword} {fault}")


def finite(text: str, read: Callable[[str], float] = float) -> float:
    """Return the number in a text, as `read` reads it.

    Raises
    ------
    ValueError
        If it is none, or not finite: "nan" and "inf" are near no reading, and no JSON holds them.

    Examples
    --------
    >>> finite(" 324 ")
    324.0
    """
    value = read(text)
    if not math.isfinite(value):
        raise ValueError(f"{text!r} is not finite")
    return value
