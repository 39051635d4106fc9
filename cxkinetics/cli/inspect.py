"""`cxkinetics inspect`: what the readers understood of a file, a line a trace, and a picture of it."""

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cxkinetics.io.file import Signal

_MOST_DRAWN = 12

EXAMPLE = "cxkinetics inspect cxkinetics-demo/data/ag-cds-simulated.csv"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the files and the options of reading."""
    from cxkinetics.cli.arguments import add_reading_options

    parser.add_argument("files", metavar="FILE", nargs="+", help="files, or folders of one-spectrum files")
    add_reading_options(parser)
    group = parser.add_argument_group("picture")
    text = "draw in characters too (done by itself on a terminal, for the first trace of a file)"
    group.add_argument("--draw", action="store_true", help=text)
    group.add_argument(
        "--out", metavar="DIR", help=f"write a figure of each trace, at most {_MOST_DRAWN} a file"
    )


def run(args: argparse.Namespace) -> int:
    """Read every file, describe it, and go on after a bad one."""
    from cxkinetics.cli.arguments import reading_options
    from cxkinetics.cli.terminal import print_document
    from cxkinetics.errors import CxKineticsError, UsageError
    from cxkinetics.io.describe import describe, format_description
    from cxkinetics.io.file import ReadOptions

    options = ReadOptions(**reading_options(args))
    found: list[dict[str, Any]] = []
    signals: list[list[Signal]] = []
    failures: list[dict[str, Any]] = []
    for file in args.files:
        try:
            own: list[Signal] = []
            item = describe(file, options, own)
            if args.out:
                _write_figures(Path(args.out), Path(file).stem or "folder", own)
            found.append(item)
            signals.append(own)
        except UsageError:
            raise
        except CxKineticsError as error:
            if args.debug:
                raise
            message = " ".join(str(error).split())
            failures.append({"file": file, "error": type(error).__name__, "message": message})
    if args.json:
        print_document({"schema": "cxkinetics.inspect/1", "files": found, "failures": failures})
    else:
        for item, own in zip(found, signals, strict=True):
            sys.stdout.write(format_description(item) + "\n")
            if own and (args.draw or sys.stdout.isatty()):
                from cxkinetics.signals.sketch import sketch

                drawn = own if args.draw else own[:1]
                sys.stdout.write(
                    "".join(f"{picture}\n" for picture in map(sketch, drawn[:_MOST_DRAWN]) if picture)
                )
    for failure in failures:
        sys.stderr.write(f"cxkinetics inspect: {failure['message']}\n")
    return 1 if failures else 0


def _write_figures(folder: Path, stem: str, signals: "list[Signal]") -> None:
    """Write the figure of each signal, and say where."""
    from cxkinetics.document.figure import drawn_figure, save_figure
    from cxkinetics.document.units import time_unit
    from cxkinetics.errors import InputError
    from cxkinetics.signals.figures import figure_of
    from cxkinetics.signals.trace import Trace

    try:
        folder.mkdir(parents=True, exist_ok=True)
        for number, signal in enumerate(signals[:_MOST_DRAWN], 1):
            kind = "trace" if isinstance(signal, Trace) else "spectra"
            name = folder / (stem if len(signals) == 1 else f"{stem}-{number}")
            save_figure(drawn_figure(figure_of(signal, kind, time_unit("s"))), name)
    except OSError as error:
        raise InputError(f"the figures cannot be written: {error}", file=str(folder)) from error
    left = len(signals) - _MOST_DRAWN
    more = f"; {left} more traces are not drawn" if left > 0 else ""
    sys.stderr.write(f"cxkinetics inspect: figures written to {folder}{more}\n")
