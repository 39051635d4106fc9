"""The options of `cxkinetics fit`, on the command line and in a project file."""

import argparse
from collections.abc import Mapping
from typing import Any

from cxkinetics.cli.numbers import number
from cxkinetics.errors import UsageError

__all__ = ["add_arguments", "given_options", "settings"]

READING = {
    "wavelength": "wavelength",
    "track": "track",
    "column": "column",
    "trace": "trace",
    "reference": "reference",
    "time_unit": "time_unit",
    "absorbance_unit": "absorbance_unit",
    "decimal": "decimal",
    "sheet": "sheet",
    "time_in": "time_in",
}
FITTING = {
    "direction": "direction",
    "window": "window",
    "t0": "t0",
    "stages": "n_stages",
    "breakpoint": "breakpoints_s",
    "joint": "joint",
    "recipe": "recipe",
    "offset": "offset",
    "noise": "noise",
    "confidence": "confidence",
    "bootstrap": "bootstrap",
    "bootstrap_kind": "bootstrap_kind",
    "absolute_sigma": "absolute_sigma",
    "seed": "rng",
}
"""Option on the command line (and in a project file) -> keyword of `fit_stages`."""
SHOWING = ("show_time",)
"""Options that change only how results are shown; a project file keeps them too."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the verb; every default is None, so that a project file can give it."""
    parser.add_argument("files", nargs="+", metavar="FILE", help="traces, spectra, or a folder of them")
    signal = parser.add_argument_group("signal")
    where = signal.add_mutually_exclusive_group()
    where.add_argument("--wavelength", type=number, metavar="NM", help="read the spectra at this wavelength")
    where.add_argument("--track", type=number, metavar="NM", help="track the peak near this wavelength")
    where.add_argument("--column", metavar="NAME", help="signal column of a table, by name or number")
    signal.add_argument("--trace", metavar="N|LABEL", help="one trace of the file (default: all), from 1")
    signal.add_argument(
        "--reference", metavar="NM|NAME", help="subtract the drift at this wavelength or column"
    )
    signal.add_argument("--direction", choices=("decay", "growth"), help="default decay")
    signal.add_argument(
        "--window", metavar="LO:HI", help="times to keep, s on the file's clock; 110: is open"
    )
    signal.add_argument("--t0", metavar="S|auto", help="moment of the addition; times count from it")
    signal.add_argument("--time-unit", choices=("s", "ms", "min", "h"), help="unit of time in the file")
    signal.add_argument(
        "--absorbance-unit", choices=("abs", "percentT", "fractionT", "counts"), help="unit of the signal"
    )
    signal.add_argument(
        "--decimal", choices=(".", ","), metavar="MARK", help='decimal mark of the file, "." or ","'
    )
    signal.add_argument("--time-in", choices=("rows", "columns"), help="which axis of a matrix is time")
    signal.add_argument("--sheet", metavar="NAME", help="sheet of a workbook")
    model = parser.add_argument_group("model")
    model.add_argument("--stages", metavar="auto|1|2|3", help="number of stages (default auto)")
    model.add_argument("--breakpoint", metavar="S[,S]", help="given breakpoints, s; nothing is searched")
    model.add_argument("--joint", choices=("continuous", "free"), help="default continuous")
    model.add_argument("--recipe", choices=("likelihood", "loglinear"), help="default likelihood")
    model.add_argument(
        "--offset", metavar="auto|zero|fit|VALUE", help="signal at infinite time (default auto)"
    )
    model.add_argument(
        "--noise", choices=("auto", "white", "ar1"), help="default auto (correlation integrated out)"
    )
    model.add_argument("--confidence", type=number, metavar="P", help="level of the intervals (default 0.95)")
    model.add_argument("--bootstrap", type=int, metavar="N", help="bootstrap replicates beside the intervals")
    kinds = ("parametric", "residual", "block")
    model.add_argument("--bootstrap-kind", choices=kinds, help="how replicates are made (default parametric)")
    model.add_argument(
        "--absolute-sigma",
        action="store_true",
        default=None,
        help="take the sigma column at its word (default: relative weights)",
    )
    model.add_argument("--seed", type=int, metavar="N", help="seed of the simulated p-value (default 0)")
    output = parser.add_argument_group("output")
    output.add_argument(
        "--out", metavar="DIR", help="write DIR/<stem>/ per input: JSON, tables, figures, report"
    )
    output.add_argument("--jobs", type=int, default=1, metavar="N", help="processes for a batch (default 1)")
    output.add_argument(
        "--force",
        action="store_true",
        help="fit again even where DIR holds the same result, and replace that of another input",
    )
    output.add_argument(
        "--show-time", choices=("s", "ms", "min", "h"), help="unit of time in text, report and figures"
    )
    output.add_argument("--config", metavar="FILE.toml", help="take options from a project file")
    output.add_argument("--save-config", metavar="FILE.toml", help="write the options to a project file")
    output.add_argument("--csv", action="store_true", help="print one line of CSV per fit (not with --json)")


def settings(args: argparse.Namespace) -> dict[str, Any]:
    """Return the options in force: those of the project file, overridden by those typed.

    Raises
    ------
    InputError
        If the project file cannot be read or names an unknown option.
    """
    known = {name: getattr(args, name) for name in (*READING, *FITTING, *SHOWING)}
    stored: Mapping[str, Any] = {}
    if args.config:
        from cxkinetics.workflow.config import load_config

        stored = load_config(args.config, known)
    return {name: stored.get(name) if value is None else value for name, value in known.items()}


def given_options(args: argparse.Namespace) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return options of reading and of fitting, parsed, those not given left out.

    Raises
    ------
    UsageError
        If a value cannot be understood.
    """
    chosen = {name: value for name, value in settings(args).items() if value is not None}
    reading = {READING[name]: value for name, value in chosen.items() if name in READING}
    if "trace" in reading and str(reading["trace"]).isdigit():
        reading["trace"] = int(reading["trace"])
    if "column" in reading and str(reading["column"]).isdigit():
        reading["column"] = int(reading["column"])
    fitting = {FITTING[name]: _parsed(name, value) for name, value in chosen.items() if name in FITTING}
    return reading, fitting


def _parsed(name: str, value: Any) -> Any:
    if not isinstance(value, str):
        return value
    if name == "stages":
        if value != "auto" and not value.isdigit():
            raise UsageError(f"--stages is {value!r}; it must be auto, 1, 2 or 3")
        return value if value == "auto" else int(value)
    if name == "breakpoint":
        return [_number("--breakpoint", part) for part in value.split(",") if part.strip()]
    if name == "offset":
        return (
            value if value in ("auto", "zero", "fit") else _number("--offset", value, "auto, zero, fit or ")
        )
    if name == "t0":
        return value if value == "auto" else _number("--t0", value, "auto or ")
    if name == "window":
        low, colon, high = value.partition(":")
        if not colon:
            raise UsageError(f"--window is {value!r}; it needs a colon: LO:HI, e.g. 0:100 or 110:")
        return (
            _number("--window", low) if low.strip() else None,
            _number("--window", high) if high.strip() else None,
        )
    return value


def _number(option: str, text: str, others: str = "") -> float:
    try:
        return float(text)
    except ValueError as error:
        raise UsageError(f"{option} is {text!r}; it must be {others}a number") from error
