"""`cxkinetics spectra`: whole spectra against time, fitted with a reaction scheme."""

import argparse
import shlex
import sys
from functools import partial
from typing import TYPE_CHECKING, Any

from cxkinetics.cli.arguments import moment, number, values_of
from cxkinetics.errors import InputError, UsageError
from cxkinetics.options import OPTIONS, finite

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from cxkinetics.signals.spectra import SpectralSeries

_MARK = "spectra.json"

EXAMPLE = 'cxkinetics spectra cxkinetics-demo/data/ag-cds-simulated.csv --model "A -> B | A -> B"'


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the verb."""
    from cxkinetics.cli.arguments import add_reading_options

    text = "spectra against time; several runs share the rate constants"
    parser.add_argument("files", nargs="+", metavar="FILE", help=text)
    _add_model(parser.add_argument_group("model").add_argument)
    _add_data(parser.add_argument_group("data").add_argument)
    add_reading_options(parser)
    output = parser.add_argument_group("output")
    text = "write JSON, tables, figures, report there (DIR/<stem>-spectra where DIR holds other results)"
    output.add_argument("--out", metavar="DIR", help=text)
    output.add_argument("--force", action="store_true", help="replace the result of another input in --out")
    output.add_argument("--show-time", choices=("s", "ms", "min", "h"), help="unit of times in the text")


def _add_model(add: "Callable[..., Any]") -> None:
    repeated = partial(add, action="append", default=[])
    text = 'e.g. "A -> B; B -> C", "A <-> B", "A -> B | A -> B" for a breakpoint (default: by the rank)'
    add("--model", metavar="SCHEME", help=text)
    text = "known spectrum of a species per unit concentration: wavelength and value in two columns"
    repeated("--known", metavar="SPECIES=FILE", help=text)
    repeated("--colourless", metavar="SPECIES", help="species that does not absorb")
    repeated("--initial", metavar="SPECIES=C", help="concentration at time zero")
    repeated("--start", metavar="NAME=VALUE", help="rate constant (1/s) or tb (s)")
    add("--nonnegative", action="store_true", help="hold species spectra above zero")
    text = "of each spectrum (default none)"
    add("--baseline", choices=("none", "constant", "linear", "scatter"), help=text)
    add("--baseline-region", metavar="LO:HI", help="nm where nothing absorbs: subtracted there")
    add("--baseline-power", type=number, metavar="N", help="wavelength^-N of scatter (default 4)")
    text = "correlation in time, or growth with absorbance (default auto: what the residuals call for)"
    add("--noise", choices=("auto", "white", "ar1", "photometric"), help=text)
    add("--weights", choices=("auto", "none"), help="of the wavelengths (default auto)")
    add("--intervals", choices=("profile", "wald"), help="default profile")
    add("--confidence", type=number, metavar="P", help="level of the intervals (default 0.95)")
    add("--seed", type=int, metavar="N", help="seed of random starts (default 0)")


def _add_data(add: "Callable[..., Any]") -> None:
    add("--window", metavar="LO:HI", help=OPTIONS["window"].help)
    add("--wavelengths", metavar="LO:HI", help="wavelengths to keep, nm")
    text = "when the reaction starts, s or with a unit (0.5min), or auto: found; times count from it"
    add("--t0", type=lambda given: given if given == "auto" else moment(given), metavar="S|auto", help=text)
    text = "time constant of mixing or of the instrument, s (default none; auto: fitted, it may be 0)"
    add("--start-up", metavar=OPTIONS["start_up"].metavar, help=text)
    text = "leave out wavelengths above this (default 3; none keeps all)"
    add("--max-absorbance", metavar="A", help=text)
    add("--track", type=number, metavar="NM", help="follow the peak near this wavelength")


def run(args: argparse.Namespace) -> int:
    """Run the verb and return its exit code."""
    from cxkinetics.cli.terminal import text_width
    from cxkinetics.estimate import json_text
    from cxkinetics.kinetics.options import FitOptions
    from cxkinetics.kinetics.places import origin_of
    from cxkinetics.spectral.analysis import analyse_spectra

    options = _options(args)
    place = _place(args)
    runs = [_series(file, args) for file in args.files]
    times = FitOptions.of(**{key: options[key] for key in ("t0", "window", "start_up") if key in options})
    bare = [times.read_as_seconds(run.source.time_unit) for run in runs]
    origins: list[str] = []
    if place is not None:
        origins = [origin_of(file, place.parent) for file in args.files]
        if not args.force:
            _require_own(place, runs, origins)
    found = analyse_spectra(runs, args.model, near_nm=args.track, **options)
    time_unit = args.show_time or "s"
    if args.json:
        print(json_text(found.to_dict()))
    else:
        print(found.to_text(time_unit=time_unit, width=text_width(), warnings=False))
    for text in dict.fromkeys(remark.text for remark in (*filter(None, bare), *found.remarks)):
        sys.stderr.write(f"{args.files[0]}: {text}\n")
    if place is not None:
        from cxkinetics.spectral.page import write_spectra

        command = "cxkinetics " + shlex.join(sys.argv[1:]) if sys.argv[1:2] == ["spectra"] else ""
        write_spectra(found, place, command=command, time_unit=time_unit, origins=origins)
        sys.stderr.write(f"results written to {place}\n")
    return 0


def _place(args: argparse.Namespace) -> "Path | None":
    """Return the folder to write, refused before anything is computed where it cannot be replaced.

    A folder that holds other results, as `cxkinetics fit` writes them, keeps them: the spectra go
    into a folder of their own in it.
    """
    from pathlib import Path

    from cxkinetics.document.folder import require_replaceable
    from cxkinetics.kinetics.places import safe_stem

    if not args.out:
        return None
    place = Path(args.out)
    if place.is_dir():
        entries = list(place.iterdir())
        folders = [entry for entry in entries if entry.is_dir()]
        results = any(_holds_result(found) for entry in folders for found in (entry, *entry.iterdir()))
        if results or (entries and not (place / _MARK).is_file() and (place / "summary.csv").is_file()):
            place = place / f"{safe_stem(args.files[0])}-spectra"
    require_replaceable(place, _MARK)
    return place


def _holds_result(place: "Path") -> bool:
    return any((place / mark).is_file() for mark in ("fit.json", _MARK))


def _require_own(place: "Path", runs: "Sequence[SpectralSeries]", origins: "Sequence[str]") -> None:
    """Refuse a folder that holds the result of other inputs: neither the data nor the paths are these."""
    import json

    try:
        stored = json.loads((place / _MARK).read_text(encoding="utf-8"))
        hashes = [run["sha256"] for run in stored["runs"]]
        files = ", ".join(run["file"] or "data made in memory" for run in stored["runs"])
    except (OSError, ValueError, KeyError, TypeError):
        return  # no result, or a damaged one: nothing that could be lost
    if hashes != [run.source.sha256 for run in runs] and stored.get("origins") != list(origins):
        raise InputError(
            f"{place} holds the result of another input, {files}, which is kept",
            file=runs[0].source.file or None,
            remedy="name another folder with --out, or replace it with --force",
        )


def _series(file: str, args: argparse.Namespace) -> "SpectralSeries":
    from cxkinetics.cli.arguments import reading_options
    from cxkinetics.io.load import load
    from cxkinetics.signals.spectra import SpectralSeries

    loaded = load(file, **reading_options(args))
    items = loaded if isinstance(loaded, list) else [loaded]
    series = [item for item in items if isinstance(item, SpectralSeries)]
    if not series:
        fault = "this file holds traces, not spectra against time"
        raise InputError(fault, file=file, remedy="fit a trace with: cxkinetics fit FILE")
    if len(series) > 1:
        names = ", ".join(item.label or str(item.source.trace) for item in series[:6])
        fault = f"this file holds {len(series)} series of spectra ({names})"
        raise InputError(fault, file=file, remedy="choose one with --trace")
    sheet, format = args.sheet, series[0].source.format
    if sheet is not None and "workbook" not in format:
        text = f"the file is no workbook ({format}): the sheet asked for ({sheet}) was not used"
        sys.stderr.write(f"{file}: {text}\n")
    return series[0]


_PLAIN = {name: name for name in ("baseline", "baseline_power", "noise", "intervals", "confidence", "t0")}
_PLAIN["seed"] = "rng"  # option -> keyword of `fit_spectra` that takes it as it is


def _options(args: argparse.Namespace) -> dict[str, Any]:
    """Return the keywords of `fit_spectra` that were given."""
    given = {name: value for name, value in vars(args).items() if value not in (None, [])}
    options: dict[str, Any] = {"nonnegative": args.nonnegative, "colourless": args.colourless}
    options |= {key: given[name] for name, key in _PLAIN.items() if name in given}
    if "weights" in given:
        options["weights"] = None if args.weights == "none" else args.weights
    if "max_absorbance" in given:
        needed = "it must be a finite number or none"
        text = args.max_absorbance
        options["highest_absorbance"] = None if text == "none" else _read("--max-absorbance", text, needed)
    options |= values_of({"window": args.window, "start_up": args.start_up})
    if "wavelengths" in given:
        options["wavelength_range_nm"] = _range("--wavelengths", args.wavelengths)
    if "baseline_region" in given:
        low, high = _range("--baseline-region", args.baseline_region)
        options["baseline_region_nm"] = (low or 0.0, high if high is not None else float("inf"))
        options.setdefault("baseline", "constant")
    for name in ("initial", "start"):
        if name in given:
            options[name] = dict(_number(f"--{name}", item) for item in given[name])
    if "known" in given:
        options["known"] = dict(_spectrum(item) for item in args.known)
    return options


def _read(option: str, text: str, needed: str, part: str | None = None) -> float:
    """Return the number in a text, or in part of it."""
    try:
        return finite(text if part is None else part)
    except ValueError as error:
        raise UsageError(f"{option} is {text!r}; {needed}") from error


def _range(option: str, text: str) -> tuple[float | None, float | None]:
    needed = "it must be LO:HI, two finite numbers, either may be left out"
    parts = text.split(":")
    if len(parts) != 2:
        raise UsageError(f"{option} is {text!r}; {needed}")
    low, high = (_read(option, text, needed, part) if part.strip() else None for part in parts)
    if low is not None and high is not None and low >= high:
        raise UsageError(f"{option} is {text!r}; the first number must be the smaller")
    return low, high


def _pair(option: str, text: str) -> tuple[str, str]:
    name, sign, value = text.partition("=")
    if not sign or not name.strip() or not value.strip():
        raise UsageError(f"{option} is {text!r}; it must be NAME=VALUE")
    return name.strip(), value.strip()


def _number(option: str, text: str) -> tuple[str, float]:
    name, value = _pair(option, text)
    return name, _read(option, text, f"{value!r} is no number, or not finite", value)


def _spectrum(text: str) -> tuple[str, Any]:
    """Read a two-column spectrum; lines that do not start with two numbers are heads or notes."""
    import re
    from pathlib import Path

    name, file = _pair("--known", text)
    pairs = []
    for line in Path(file).read_text(encoding="utf-8-sig", errors="replace").splitlines():
        cells = [cell for cell in re.split(r"[,;\s]+", line.strip()) if cell]
        try:
            pairs.append((float(cells[0]), float(cells[1])))
        except (ValueError, IndexError):
            continue
    if len(pairs) < 2:
        raise InputError(
            f"{len(pairs)} rows of wavelength and value were found; a known spectrum needs at least 2",
            file=file,
            remedy="write two columns: wavelength in nm, value per unit concentration",
        )
    return name, ([wavelength for wavelength, _ in pairs], [value for _, value in pairs])
