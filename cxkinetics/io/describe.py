"""What was understood of a file, as a JSON-ready record and as lines of text."""

import os
from typing import Any

import numpy as np

from cxkinetics.annexes import declared, named
from cxkinetics.errors import InputError
from cxkinetics.io.file import ReadOptions, Signal, format_notes
from cxkinetics.io.load import read_signals
from cxkinetics.signals.spectra import SpectralSeries
from cxkinetics.signals.trace import Trace


def describe(
    path: str | os.PathLike[str], options: ReadOptions, found: list[Signal] | None = None
) -> dict[str, Any]:
    """Return what a file holds.

    Parameters
    ----------
    path : path-like
        A file of signals, a folder of one-spectrum files, or a file that an annex knows (a dose table).
    options : ReadOptions
        As for `load`.
    found : list, optional
        The signals themselves are added to it.

    Returns
    -------
    dict
        "file", "sha256", "format", "kind" ("signals", "dose table"), "traces" (one record each:
        kind, label, numbers of points, ranges with units, masked cells), "reading" (delimiter,
        decimal mark, encoding, unit of time and its length in
        s, as far as the format has them) and "warnings".

    Raises
    ------
    InputError
        If it cannot be read.
    """
    heard: dict[str, Any] = {}
    try:
        signals = read_signals(path, options, heard)
    except InputError as error:
        for describe_other, _ in _beside().values():
            record: dict[str, Any] | None = named(describe_other)(path, options)
            if record is not None:
                return record
        raise error
    if found is not None:
        found += signals
    first = signals[0].source
    return {
        "file": os.fspath(path),
        "sha256": first.sha256,
        "format": first.format,
        "kind": "signals",
        "simulated": first.simulated,
        "reading": heard,
        "traces": [_of_signal(signal, number) for number, signal in enumerate(signals, start=1)],
    }


def _beside() -> dict[str, tuple[str, str]]:
    """Return the kinds of files that annexes know, each with the functions that describe it."""
    return {kind: places for found in declared("READERS").values() for kind, places in found.items()}


def _of_signal(signal: Signal, number: int) -> dict[str, Any]:
    record: dict[str, Any] = {
        "trace": number,
        "label": signal.label,
        "kind": "trace" if isinstance(signal, Trace) else "spectra",
        "n_points": int(signal.time_s.size),
        "t_start_s": float(signal.time_s[0]),
        "t_end_s": float(signal.time_s[-1]),
        "unit": signal.unit,
        "signal_range": _range(signal.absorbance),
        "n_masked": int(np.count_nonzero(~np.isfinite(signal.absorbance))),
    }
    if isinstance(signal, SpectralSeries):
        record["n_wavelengths"] = int(signal.wavelength_nm.size)
        record["wavelength_range_nm"] = _range(signal.wavelength_nm)
    else:
        record["wavelength_nm"] = signal.wavelength_nm
        record["has_sigma"] = signal.sigma is not None
    record["warnings"] = [remark.to_dict() for remark in signal.remarks]
    return record


def _range(values: Any) -> list[float | None]:
    known = np.asarray(values)[np.isfinite(values)]
    return [float(known.min()), float(known.max())] if known.size else [None, None]


def format_description(record: dict[str, Any]) -> str:
    """Return the text of `cxkinetics inspect` for one file: a line a trace, then its remarks."""
    mark = ", SIMULATED data" if record["simulated"] else ""
    lines = [f"{record['file']}: {record['format']}, {record['kind']}{mark}, sha256 {record['sha256'][:12]}"]
    said: list[str] = []
    for trace in record["traces"]:
        lines.append("  " + _line_of(trace))
        fresh = [remark["text"] for remark in trace["warnings"] if remark["text"] not in said]
        said += fresh
        lines += [f"    - {text}" for text in fresh]
    if record["kind"] != "signals":
        lines.append("  " + named(_beside()[record["kind"]][1])(record))
        lines += [f"    - {remark['text']}" for remark in record["warnings"]]
    text = format_notes(record["reading"])
    return "\n".join([*lines, f"  read with {text}"] if text else lines)


def _line_of(trace: dict[str, Any]) -> str:
    name = f"{trace['trace']} {trace['label']!r}" if trace["label"] else f"{trace['trace']}"
    low, high = trace["signal_range"]
    values = "no reading" if low is None else f"{low:.4g} to {high:.4g} {trace['unit']}".rstrip()
    times = f"{trace['t_start_s']:g}-{trace['t_end_s']:g} s"
    masked = f", {trace['n_masked']} cells masked" if trace["n_masked"] else ""
    if trace["kind"] == "spectra":
        first, last = trace["wavelength_range_nm"]
        return (
            f"spectra {name}: {trace['n_points']} times {times} x {trace['n_wavelengths']} wavelengths "
            f"{first:g}-{last:g} nm, {values}{masked}"
        )
    at = f" at {trace['wavelength_nm']:g} nm" if trace["wavelength_nm"] is not None else ""
    return f"trace {name}{at}: {trace['n_points']} points {times}, {values}{masked}"
