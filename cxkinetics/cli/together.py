"""`cxkinetics together`: several runs share rate constants and breakpoint; by temperature or dose."""

import argparse
import sys
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cxkinetics.cli.arguments import add_options, number, values_of
from cxkinetics.errors import UsageError, of_all
from cxkinetics.options import OPTIONS, WHERE, finite, names_of

if TYPE_CHECKING:
    from cxkinetics.signals.trace import Trace

EXAMPLE = (
    "cxkinetics together cxkinetics-demo/data/ag-cds-simulated.csv cxkinetics-demo/data/cu-cds-simulated.csv "
    "--track 324 --share breakpoint --out together"
)
MARK = "together.json"
_SIGNAL = (
    "wavelength", "track", "column", "trace", "direction", "window", "t0",
    "time_unit", "absorbance_unit", "decimal", "sheet", "mask",
)  # fmt: skip
_OF_A_RUN = (*names_of("reading"), "window", "t0")
_MODEL = ("stages", "offset", "noise", "confidence", "seed")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the verb."""
    text = "two runs or more: traces, spectra, several columns of a file, or a folder"
    parser.add_argument("files", nargs="+", metavar="FILE", help=text)
    add_options(parser.add_argument_group("signal"), *_SIGNAL)
    model = parser.add_argument_group("model")
    text = "what the runs share: k (or k1, k2, ...), breakpoint (default k,breakpoint)"
    model.add_argument("--share", default="k,breakpoint", metavar="NAMES", help=text)
    text = "share at equal temperature or dose, and fit lines across them"
    model.add_argument("--by", choices=("temperature", "dose"), help=text)
    text = "of each run, {}; by default from labels or file names"
    model.add_argument("--temperature", metavar="C[,C]", help=text.format("degrees Celsius"))
    model.add_argument("--dose", metavar="P[,P]", help=text.format("percent"))
    model.add_argument(
        "--temperature-error", type=number, metavar="K", help="standard error of each temperature"
    )
    add_options(model, *_MODEL)
    text = (
        "project file: of each run its column, wavelength, mask, units, window and t0, as the page saves "
        "them; what is typed goes before"
    )
    parser.add_argument("--config", metavar="FILE.toml", help=text)
    output = parser.add_argument_group("output")
    output.add_argument("--out", metavar="DIR", help="write JSON, tables, figures and report there")
    add_options(output, "show_time")


def run(args: argparse.Namespace) -> int:
    """Run the verb and return its exit code."""
    from cxkinetics.cli.terminal import text_width
    from cxkinetics.document.folder import require_replaceable, write_folder
    from cxkinetics.document.units import time_unit
    from cxkinetics.kinetics.batch import jobs_of
    from cxkinetics.kinetics.together import fit_together
    from cxkinetics.record import json_text

    names = [name for name in OPTIONS if name in (*_SIGNAL, *_MODEL, "show_time")]
    options = values_of({name: getattr(args, name) for name in names})
    by, at = _by(args)
    if args.out:
        require_replaceable(Path(args.out), MARK)
    jobs = jobs_of(args.files, **options)
    read = of_all(partial(_runs, job.file, options, args.config) for job in jobs)
    traces = [trace for found in read for trace in found]
    error = args.temperature_error or 0.0
    fit = fit_together(traces, args.share, by, at=at, at_error=error, **dict(jobs[0].fitting))
    unit = options.get("show_time", "s")
    print(
        json_text(fit.to_dict())
        if args.json
        else fit.to_text(time_unit=unit, width=text_width(), warnings=False)
    )
    for remark in fit.warnings:
        sys.stderr.write(f"{remark.text}\n")
    if args.out:
        page, tables = fit.page(time_unit(unit)), fit.data()
        texts = {MARK: fit.to_json()}
        write_folder(
            Path(args.out), page, mark=MARK, texts=texts, tables=tables, workbook=("together.xlsx", tables)
        )
        sys.stderr.write(f"results written to {args.out}\n")
    return 0


def _runs(file: str, options: Mapping[str, Any], config: str | None) -> "list[Trace]":
    """Return the runs of a file, read as its own table of the project file and what was typed say."""
    from cxkinetics.kinetics.batch import jobs_of, signals_of, trace_of
    from cxkinetics.signals.prepare import crop, shift_t0

    own: dict[str, Any] = {}
    if config is not None:
        from cxkinetics.cli.project import load_config, load_runs

        runs = load_runs(config)
        stored = runs[file] if file in runs else load_config(config)
        own = values_of({name: value for name, value in stored.items() if name in _OF_A_RUN})
        own = {name: value for name, value in own.items() if name not in options}
        if any(name in options for name in WHERE):  # a signal that is typed takes the place of another
            own = {name: value for name, value in own.items() if name not in WHERE}
    window, t0 = own.pop("window", None), own.pop("t0", None)
    job = jobs_of([file], **{**options, **own})[0]
    found = [crop(trace_of(signal, job), window) for signal in signals_of(job)]
    return found if t0 is None else [shift_t0(trace, t0) for trace in found]


def _by(args: argparse.Namespace) -> tuple[str | None, list[float] | None]:
    """Return what the runs differ in, and its values where they are given."""
    given: dict[str, Any] = {
        name: getattr(args, name) for name in ("temperature", "dose") if getattr(args, name)
    }
    wrong = [name for name in given if args.by not in (None, name)]
    if len(given) > 1 or wrong:
        raise UsageError("--temperature and --dose each say what the runs differ in; give one, that of --by")
    by = args.by or next(iter(given), None)
    if args.temperature_error and by != "temperature":
        raise UsageError("--temperature-error needs --by temperature")
    if not given:
        return by, None
    text = given[str(by)]
    try:
        return by, [finite(part) for part in text.split(",")]
    except ValueError as error:
        raise UsageError(
            f"--{by} is {text!r}; it must be numbers such as 20,25,30, one for each run"
        ) from error
