"""The options of the command line and of project files."""

import argparse
import json
import math
import os
import re
import tomllib
from collections.abc import Mapping
from typing import Any

from cxkinetics.atomic import write_text
from cxkinetics.errors import InputError, UsageError


def finite(text: str) -> float:
    """Return the number in a text.

    Raises
    ------
    ValueError
        If it is none, or not finite: "nan" and "inf" are near no reading, and no JSON holds them.

    Examples
    --------
    >>> finite(" 324 ")
    324.0
    """
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"{text!r} is not finite")
    return value


def number(text: str) -> float:
    """Return the number of an option, for argparse: what is none is a usage error that says so."""
    try:
        return finite(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a finite number") from None


TABLE = "fit"
_NAME = "a name in quotes, or a number from 1"
_OF = "a text in quotes, one of "
NEEDS: dict[str, tuple[str, str]] = {
    "wavelength": ("number", "a wavelength in nm, e.g. 324"),
    "track": ("number", "a wavelength in nm, e.g. 324"),
    "column": ("text integer", _NAME),
    "trace": ("text integer", _NAME),
    "sheet": ("text integer", _NAME),
    "reference": ("text number", "a name in quotes, or a wavelength in nm"),
    "time_unit": ("text", _OF + "s, ms, us, min, h, d"),
    "absorbance_unit": ("text", _OF + "abs, percentT, fractionT, counts"),
    "decimal": ("text", 'a text in quotes, "." or ","'),
    "time_in": ("text", _OF + "rows, columns"),
    "direction": ("text", _OF + "decay, growth"),
    "window": ("text numbers", 'a text in quotes such as "0:100", or two numbers in square brackets'),
    "t0": ("text number", 'a number of seconds, or "auto"'),
    "stages": ("text integer", '"auto", 1, 2 or 3; 4 at most'),
    "breakpoint": ("text number numbers", "a number of seconds, or several in square brackets"),
    "joint": ("text", _OF + "continuous, free"),
    "recipe": ("text", _OF + "likelihood, loglinear"),
    "offset": ("text number", '"auto", "zero", "fit" or a number'),
    "noise": ("text", _OF + "auto, white, ar1"),
    "confidence": ("number", "a number between 0.5 and 1, e.g. 0.95"),
    "bootstrap": ("integer", "0, or a whole number from 50"),
    "bootstrap_kind": ("text", _OF + "parametric, residual, block"),
    "absolute_sigma": ("boolean", "true or false"),
    "seed": ("integer", "a whole number from 0"),
    "show_time": ("text", _OF + "s, ms, min, h"),
}
"""Option -> the kinds of TOML value that it takes, and how to say so."""
WORDS: dict[str, tuple[str, ...]] = {
    "stages": ("auto",),
    "t0": ("auto",),
    "offset": ("auto", "zero", "fit"),
    "breakpoint": (),
    "window": (),
}
"""Options whose text is one of these words, or a number (or several) as typed on the command line."""


def load_config(path: str | os.PathLike[str], known: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options of the [fit] table.

    Parameters
    ----------
    path : path-like
        TOML file.
    known : mapping
        Names that the command knows.

    Raises
    ------
    InputError
        If the file is not TOML, has no [fit] table, names an option that does not exist, or holds
        a value of the wrong kind; every such value is named.
    """
    file = os.fspath(path)
    try:
        with open(path, encoding="utf-8-sig") as stream:
            text = stream.read()
        document = tomllib.loads(text)
    except UnicodeDecodeError as error:
        raise InputError(
            f"this is not a TOML file: byte {error.start} is no UTF-8 text",
            file=file,
            remedy="save it as text in UTF-8",
        ) from error
    except tomllib.TOMLDecodeError as error:
        raise _no_toml(file, text, error) from error
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror or error}", file=file) from error
    options = document.get(TABLE)
    if not isinstance(options, dict):
        raise InputError("holds no [fit] table", file=file, remedy=_where_options_stand(document, known))
    unknown = sorted(set(options) - set(known))
    if unknown:
        import difflib

        near = difflib.get_close_matches(unknown[0], list(known), 1)
        hint = f"did you mean {near[0]}?" if near else f"known: {', '.join(sorted(known))}"
        raise InputError(f"there is no option {unknown[0]!r}", file=file, remedy=hint)
    wrong = [text for text in (_wrong(name, value) for name, value in options.items()) if text]
    if wrong:
        raise InputError("; ".join(wrong), file=file, remedy="correct it in the file", problems=wrong)
    return options


def _no_toml(file: str, text: str, error: tomllib.TOMLDecodeError) -> InputError:
    """Return the error of a file that is no TOML, with the line in question and what it may lack."""
    place = re.search(r" \(at line (\d+), column \d+\)$", str(error))
    if place is None:
        return InputError(f"this is not a TOML file: {error}", file=file, remedy="correct its last line")
    number = int(place.group(1))
    line = text.split("\n")[number - 1].strip()
    name, equals, value = (part.strip() for part in line.partition("="))
    bare = re.fullmatch(r"[^\s\"'\[\]{}#]+", value.partition("#")[0].strip())
    remedy = "write one option a line below [fit], such as stages = 2"
    if equals and bare and str(error).startswith("Invalid value"):
        remedy = f'a text needs quotes: {name} = "{bare.group()}"'
    what = str(error).removesuffix(place.group())
    shown = line if len(line) <= 80 else f"{line[:77]}..."
    return InputError(f"this is not a TOML file: {what}: {shown}", file=file, line=number, remedy=remedy)


def _where_options_stand(document: Mapping[str, Any], known: Mapping[str, Any]) -> str:
    """Return what to do about a file without a [fit] table."""
    import difflib

    tables = [name for name, value in document.items() if isinstance(value, dict)]
    near = difflib.get_close_matches(TABLE, [name.strip().casefold() for name in tables], 1)
    if near:
        written = next(name for name in tables if name.strip().casefold() == near[0])
        return f"rename [{written}] to [{TABLE}]"
    loose = [name for name in document if name in known]
    if loose:
        return f"put the line [{TABLE}] above {loose[0]}"
    return "make one with --save-config"


def _wrong(name: str, value: Any) -> str:
    """Return what is wrong with a value of the project file, or nothing."""
    if name not in NEEDS:
        return ""
    kinds, need = NEEDS[name]
    if not _fits(kinds.split(), value) or (name == "window" and isinstance(value, list) and len(value) != 2):
        return f"{name} = {_toml(value)}; it must be {need}"
    if isinstance(value, str) and name in WORDS and not _says_numbers(name, value):
        return f"{name} = {_toml(value)}; it must be {need}"
    if name == "stages" and value != "auto" and not 1 <= float(value) <= 4:
        return f"{name} = {_toml(value)}; it must be {need}"
    if name == "seed" and value < 0:
        return f"{name} = {value}; it must be {need}"
    allowed = [".", ","] if name == "decimal" else need.removeprefix(_OF).split(", ")
    if (name == "decimal" or need.startswith(_OF)) and value not in allowed:
        return f"{name} = {_toml(value)}; it must be {need}"
    return ""


def _says_numbers(name: str, text: str) -> bool:
    """Return whether a text is one of the words of an option, or the numbers as they are typed."""
    if text in WORDS[name]:
        return True
    mark = {"window": ":", "breakpoint": ","}.get(name)
    parts = text.split(mark) if mark else [text]
    if name == "window" and len(parts) != 2:
        return False
    try:
        numbers = [float(part) for part in parts if part.strip()]
    except ValueError:
        return False
    if not all(map(math.isfinite, numbers)):
        return False
    return name == "window" or (bool(numbers) and (name != "stages" or numbers[0].is_integer()))


def _fits(kinds: list[str], value: Any) -> bool:
    if isinstance(value, bool):
        return "boolean" in kinds
    if isinstance(value, str):
        return "text" in kinds
    if isinstance(value, list):
        return "numbers" in kinds and bool(value) and all(_fits(["number"], item) for item in value)
    return (isinstance(value, int) and ("integer" in kinds or "number" in kinds)) or (
        isinstance(value, float) and math.isfinite(value) and "number" in kinds
    )


def save_config(path: str | os.PathLike[str], options: Mapping[str, Any], *, version: str) -> None:
    """Write the options that differ from None as the [fit] table, whole or not at all."""
    lines = [f"# options of a fit, written by cxkinetics {version}", f"[{TABLE}]"]
    lines += [f"{name} = {_toml(value)}" for name, value in options.items() if value is not None]
    write_text(path, "\n".join(lines) + "\n")


def _toml(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return repr(value)
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(_toml(item) for item in value) + "]"
    text: str = json.dumps(str(value), ensure_ascii=False)  # a JSON string is a TOML basic string
    return text.replace("\x7f", "\\u007f")


_NAMES = (
    "column",
    "trace",
    "time_unit",
    "decimal",
    "sheet",
    "absorbance_unit",
    "reference",
    "time_in",
)


def add_reading_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that say how a file is to be read."""
    group = parser.add_argument_group("reading")
    group.add_argument("--column", metavar="NAME", help="signal column, by name or number from 1")
    group.add_argument("--trace", metavar="N|LABEL", help="one trace of several, by number from 1 or label")
    group.add_argument("--time-unit", metavar="UNIT", help="unit of time: s, ms, us, min, h or d")
    group.add_argument(
        "--decimal", choices=(".", ","), metavar="MARK", help='decimal mark of a text table, "." or ","'
    )
    group.add_argument("--sheet", metavar="NAME", help="sheet of a workbook, by name or number from 1")
    group.add_argument(
        "--absorbance-unit",
        choices=("abs", "percentT", "fractionT", "counts"),
        help="what the signal is, where the file does not say",
    )
    group.add_argument(
        "--reference",
        metavar="FILE|NAME",
        help="solvent spectrum of raw counts, or the column whose drift is subtracted",
    )
    group.add_argument("--time-in", choices=("rows", "columns"), help="which axis of a matrix is time")


def reading_options(args: argparse.Namespace) -> dict[str, Any]:
    """Return the keywords of `cxkinetics.load` that were given."""
    return {name: getattr(args, name) for name in _NAMES if getattr(args, name) is not None}


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
