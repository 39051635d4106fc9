"""The exact command and Python lines that make a staged fit again, from the options it carries."""

import shlex
from collections.abc import Mapping, Sequence
from typing import Any

from cxkinetics.examples.load import EXAMPLES
from cxkinetics.fitting.result import StagedFit

__all__ = ["command_line", "python_lines"]

_READING = {
    "wavelength": "--wavelength",
    "track": "--track",
    "column": "--column",
    "trace": "--trace",
    "reference": "--reference",
    "time_unit": "--time-unit",
    "absorbance_unit": "--absorbance-unit",
    "decimal": "--decimal",
    "sheet": "--sheet",
    "time_in": "--time-in",
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
    "bootstrap_kind": "--bootstrap-kind",
    "absolute_sigma": "--absolute-sigma",
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
    "bootstrap_kind": "parametric",
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
    given = {**_read_as(fit), **_changed(options, list(_FITTING))}
    flags = _READING | _FITTING
    for name, value in given.items():
        words += [flags[name]] if value is True else [flags[name], _flag_value(name, value)]
    words += ["--seed", str(fit.seed)]
    return shlex.join(words)


def _read_as(fit: StagedFit) -> dict[str, Any]:
    """Return the reading options: those recorded, and what the trace says of itself where none is."""
    trace = fit.trace
    given = _changed(fit.options, list(_READING))
    if trace.source.file and "trace" not in given:
        given["trace"] = trace.source.trace
    if "wavelength" in given or "track" in given or "column" in given or trace.wavelength_nm is None:
        return given
    if trace.peak_nm is not None:
        given["track"] = round(trace.wavelength_nm, 1)
    else:
        given["wavelength"] = trace.wavelength_nm
    return given


def _flag_value(name: str, value: Any) -> str:
    if isinstance(value, list | tuple):
        separator = ":" if name == "window" else ","
        return separator.join("" if item is None else _plain(item) for item in value)
    return _plain(value)


def _is_wavelength(reference: Any) -> bool:
    """Whether a reference is a wavelength (of spectra) rather than the name of a column."""
    try:
        float(reference)
    except (TypeError, ValueError):
        return False
    return True


def _plain(value: Any) -> str:
    """Return a number so that reading it gives the same number again."""
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(float(value))
    return str(value)


def python_lines(fit: StagedFit) -> str:
    """Return a Python script that makes this fit again, the seed included."""
    trace, options = fit.trace, fit.options
    given = _read_as(fit)
    tracked = given.pop("track", None)
    wavelength = given.pop("wavelength", None)
    drift = given.pop("reference") if _is_wavelength(given.get("reference")) else None
    lines = ["import cxkinetics as cx"]
    example = next((name for name in EXAMPLES if trace.source.file == f"{name}-simulated.csv"), None)
    method = f".at_wavelength({_plain(wavelength)})" if wavelength is not None else ""
    if example is not None:
        opened = f"cx.load_example({example!r})"
    else:
        if wavelength is not None and drift is None:
            given["wavelength"], method = wavelength, ""
        reading = [f"{name}={_literal(value)}" for name, value in given.items()]
        opened = f"cx.load({', '.join([repr(trace.source.file or 'FILE'), *reading])})"
    if drift is not None:
        lines.append("from cxkinetics.signals.prepare import subtract_reference")
        opened = f"subtract_reference({opened}, {_plain(drift)})"
    if tracked is not None:
        opened += f".exciton_peak(near_nm={_plain(tracked)})"
    else:
        opened += method
    wanted = [f"{name}={_literal(value)}" for name, value in _changed(options, list(_FITTING)).items()]
    call = ", ".join(["trace", *wanted, f"rng={fit.seed}"])
    return "\n".join([*lines, "", f"trace = {opened}", f"fit = cx.fit_stages({call})", "print(fit)"])


def _literal(value: Any) -> str:
    return repr(tuple(value)) if isinstance(value, list) else repr(value)
