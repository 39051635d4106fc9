"""The exact command and Python lines that make a staged fit again, from the options it carries."""

import shlex
from collections.abc import Mapping, Sequence
from typing import Any

from cxkinetics.examples.load import EXAMPLES
from cxkinetics.fitting.result import StagedFit

__all__ = ["command_line", "python_lines"]

_READING = {
    "column": "--column",
    "reference": "--reference",
    "time_unit": "--time-unit",
    "absorbance_unit": "--absorbance-unit",
    "decimal": "--decimal",
    "sheet": "--sheet",
}
_FITTING = {
    "direction": "--direction",
    "window": "--window",
    "t0": "--t0",
    "n_stages": "--stages",
    "breakpoints_s": "--breakpoint",
    "joint": "--joint",
    "recipe": "--recipe",
    "offset": "--offset",
    "noise": "--noise",
    "confidence": "--confidence",
    "bootstrap": "--bootstrap",
}
_DEFAULTS: Mapping[str, Any] = {
    "direction": "decay",
    "n_stages": "auto",
    "joint": "continuous",
    "recipe": "likelihood",
    "offset": "auto",
    "noise": "auto",
    "confidence": 0.95,
    "bootstrap": 0,
    "absolute_sigma": False,
}


def _changed(options: Mapping[str, Any], names: Sequence[str]) -> dict[str, Any]:
    found = {}
    for name in names:
        value = options.get(name)
        if value is None or value == _DEFAULTS.get(name) or value in ((), []):
            continue
        found[name] = value
    return found


def command_line(fit: StagedFit) -> str:
    """Return the shell command that makes this fit again, the seed included.

    Examples
    --------
    Options at their defaults are left out; `cxkinetics fit run.csv --track 324 --seed 7` is typical.
    """
    trace, options = fit.trace, fit.options
    words = ["cxkinetics", "fit", trace.source.file or "FILE"]
    if trace.source.trace > 1:
        words += ["--trace", str(trace.source.trace)]
    if trace.peak_nm is not None and trace.wavelength_nm is not None:
        words += ["--track", f"{trace.wavelength_nm:.0f}"]
    elif trace.wavelength_nm is not None:
        words += ["--wavelength", f"{trace.wavelength_nm:g}"]
    flags = _READING | _FITTING
    for name, value in _changed(options, list(flags)).items():
        words += [flags[name], _flag_value(name, value)]
    words += ["--seed", str(fit.seed)]
    return shlex.join(words)


def _flag_value(name: str, value: Any) -> str:
    if isinstance(value, list | tuple):
        separator = ":" if name == "window" else ","
        return separator.join("" if item is None else _plain(item) for item in value)
    return _plain(value)


def _plain(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def python_lines(fit: StagedFit) -> str:
    """Return a Python script that makes this fit again, the seed included."""
    trace, options = fit.trace, fit.options
    example = next((name for name in EXAMPLES if trace.source.file == f"{name}-simulated.csv"), None)
    reading = [f"{name}={value!r}" for name, value in _changed(options, list(_READING)).items()]
    if trace.source.trace > 1:
        reading.append(f"trace={trace.source.trace}")
    if example is not None:
        opened = f"cx.load_example({example!r})"
    else:
        opened = f"cx.load({', '.join([repr(trace.source.file or 'FILE'), *reading])})"
    if trace.peak_nm is not None and trace.wavelength_nm is not None:
        opened += f".exciton_peak(near_nm={trace.wavelength_nm:.0f})"
    elif trace.wavelength_nm is not None:
        opened += f".at_wavelength({trace.wavelength_nm:g})"
    wanted = [
        f"{name}={_literal(value)}"
        for name, value in _changed(options, [*_FITTING, "absolute_sigma"]).items()
    ]
    call = ", ".join(["trace", *wanted, f"rng={fit.seed}"])
    return f"import cxkinetics as cx\n\ntrace = {opened}\nfit = cx.fit_stages({call})\nprint(fit)"


def _literal(value: Any) -> str:
    return repr(tuple(value)) if isinstance(value, list) else repr(value)
