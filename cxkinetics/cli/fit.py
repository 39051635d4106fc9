"""`cxkinetics fit`: in-situ traces or spectra to stages, breakpoint and verdict."""

import argparse
import shlex
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cxkinetics.cli.arguments import add_options, values_of
from cxkinetics.errors import UsageError
from cxkinetics.options import OPTIONS, WHERE

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from cxkinetics.kinetics.batch import BatchResult, FitJob

EXAMPLE = "cxkinetics fit cxkinetics-demo/data/ag-cds-simulated.csv --track 324 --out results"
FULL_TEXTS = 3
"""Fits up to which each is printed in full; several end with one line a fit and the mean over runs."""
HEADINGS = {"reading": "signal", "fitting": "model", "showing": "output"}
"""Group of options -> heading in the help."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the verb."""
    parser.add_argument("files", nargs="+", metavar="FILE", help="traces, spectra, or a folder of them")
    signal = parser.add_argument_group("signal")
    add_options(signal.add_mutually_exclusive_group(), *WHERE)
    add_options(signal, *_under("signal"))
    add_options(parser.add_argument_group("model"), *_under("model"))
    output = parser.add_argument_group("output")
    output.add_argument(
        "--out", metavar="DIR", help="write DIR/<stem>/ per input: JSON, tables, figures, report"
    )
    output.add_argument(
        "--figures",
        metavar="KINDS",
        help="what --out writes beside each report, of svg,png,pdf,xlsx (default: all for one input, svg "
        "for several; cxkinetics report DIR makes the others later)",
    )
    output.add_argument(
        "--shard", metavar="I/N", help="fit every N-th input from the I-th on; then cxkinetics collect DIR"
    )
    output.add_argument("--jobs", type=int, default=1, metavar="N", help="processes for a batch (default 1)")
    output.add_argument(
        "--force",
        action="store_true",
        help="fit again even where DIR holds the same result, and replace that of another input",
    )
    add_options(output, *_under("output"))
    output.add_argument("--config", metavar="FILE.toml", help="take options from a project file")
    output.add_argument("--save-config", metavar="FILE.toml", help="write the options to a project file")
    output.add_argument("--csv", action="store_true", help="print one line of CSV per fit (not with --json)")


def _under(heading: str) -> list[str]:
    options = (option for option in OPTIONS.values() if option.name not in WHERE)
    return [option.name for option in options if (option.heading or HEADINGS[option.group]) == heading]


@contextmanager
def _numpy_without_tools() -> "Iterator[None]":
    """Let scipy.special, imported inside, copy numpy's names without loading f2py and numpy.testing.

    It copies every name that numpy has into a namespace of its own, which loads what numpy itself leaves
    until it is asked for: a fifth of the time of a fit from the command line, and nobody asks.
    """
    import numpy as np

    tools, names, kept = {"f2py", "testing"}, np.__all__, np.__dir__
    lean = [name for name in dir(np) if name not in tools]
    np.__all__ = [name for name in names if name not in tools]
    vars(np)["__dir__"] = lambda: lean
    try:
        yield
    finally:
        np.__all__ = names
        vars(np)["__dir__"] = kept


def run(args: argparse.Namespace) -> int:
    """Run the verb and return its exit code."""
    with _numpy_without_tools():
        from cxkinetics.kinetics.batch import jobs_of
    from cxkinetics.kinetics.options import FITTING, FitOptions

    if args.json and args.csv:
        raise UsageError("--json and --csv both ask for the standard output; give one of them")
    chosen = settings(args)
    options = values_of(chosen)
    try:
        FitOptions.of(**{name: options[name] for name in FITTING if name in options})
    except UsageError as error:
        place = f"{args.config} and the options typed: " if args.config else ""
        raise UsageError(f"{place}{error}") from error
    if args.save_config:
        from cxkinetics.cli.project import save_config
        from cxkinetics.version import __version__

        save_config(args.save_config, chosen, version=__version__)
    if args.shard and not args.out:
        raise UsageError("--shard leaves its results in a folder for cxkinetics collect: name it with --out")
    command = "cxkinetics " + shlex.join(sys.argv[1:]) if sys.argv[1:2] == ["fit"] else ""
    told = {"command": command, "force": args.force, "debug": args.debug, "figures": args.figures}
    work = jobs_of(args.files, out=args.out, shard=args.shard, **told, **options)
    if args.out and (len(work) > 1 or args.shard):
        from cxkinetics.kinetics.places import require_batch_place

        require_batch_place(Path(args.out))
    batch = _run(args, work)
    if args.shard or (args.out and len(batch.fits) + len(batch.failures) > 1):
        batch = _summed(args, batch, command, options.get("show_time", "s"))
    print_batch(args, batch, options.get("show_time", "s"))
    return 1 if batch.failures or not (batch.fits or args.shard) else 0


def _run(args: argparse.Namespace, work: "Sequence[FitJob]") -> "BatchResult":
    from cxkinetics.kinetics.batch import run_jobs

    progress = _progress(len(work))
    try:
        return run_jobs(work, jobs=args.jobs, progress=progress.update if progress else None)
    except KeyboardInterrupt:
        if args.out and len(work) > 1:
            sys.stderr.write(
                f"what is finished stands in {args.out}: the same command goes on with the rest, and "
                f"cxkinetics collect {shlex.quote(args.out)} sums it up\n"
            )
        raise
    finally:
        if progress:
            progress.close()


def _summed(args: argparse.Namespace, batch: "BatchResult", command: str, show_time: str) -> "BatchResult":
    """Write what stands beside the folders of single fits; return the batch with what failed in it."""
    from cxkinetics.kinetics.batch_page import write_batch, write_shard

    try:
        if args.shard:
            write_shard(batch, args.out, args.shard)
        else:
            write_batch(batch, args.out, command=command, time_unit=show_time, figures=args.figures)
    except Exception as error:  # the fits are done and are told nonetheless
        if args.debug:
            raise
        batch = batch.with_failure(args.out, error)
    return batch


def settings(args: argparse.Namespace) -> dict[str, Any]:
    """Return the options in force as they were typed: those of the project file, overridden by those typed.

    A signal that is typed (--track 324) takes the place of any that the project file names.
    """
    typed = {name: value for name in OPTIONS if (value := getattr(args, name)) is not None}
    if not args.config:
        return typed
    from cxkinetics.cli.project import load_config

    stored = load_config(args.config)
    if any(name in typed for name in WHERE):
        stored = {name: value for name, value in stored.items() if name not in WHERE}
    both = stored | typed
    return {name: both[name] for name in OPTIONS if name in both}


def _progress(n_inputs: int) -> Any | None:
    """Return a progress bar on stderr, for a batch on a terminal only."""
    if n_inputs < 2 or not sys.stderr.isatty():
        return None
    from tqdm import tqdm

    return tqdm(total=n_inputs, unit="file", file=sys.stderr)


def print_batch(args: argparse.Namespace, batch: "BatchResult", show_time: str) -> None:
    """Print results on stdout, and what is to be said of them on stderr."""
    if args.json:
        print(batch.to_json())
    elif args.csv:
        from cxkinetics.document.sheets import csv_text
        from cxkinetics.kinetics.batch_page import fit_table

        sys.stdout.write(csv_text(fit_table(batch.fits)))
    elif batch.fits:
        print("\n\n".join(_texts(batch, show_time)))
    for fit in batch.fits:
        name = fit.trace.source.file or fit.trace.label
        label = f" [{fit.trace.label}]" if fit.trace.label else ""
        for remark in fit.warnings:
            sys.stderr.write(f"{name}{label}: {remark.text}\n")
    for file in batch.skipped:
        sys.stderr.write(
            f"{file}: kept, the stored result has the same input and options (--force fits again)\n"
        )
    for failure in batch.failures:
        sys.stderr.write(f"cxkinetics fit: {failure.message}\n")
    if args.out and batch.fits:
        sys.stderr.write(f"results written to {args.out}\n")


def _texts(batch: "BatchResult", show_time: str) -> list[str]:
    """Return the full text of a few fits, and the table of several with the mean over runs."""
    from cxkinetics.cli.terminal import text_width

    shown: dict[str, Any] = {"time_unit": show_time, "width": text_width(), "warnings": False}
    told = [*(batch.fits if len(batch.fits) <= FULL_TEXTS else ()), *([batch] if len(batch.fits) > 1 else [])]
    return [result.to_text(**shown) for result in told]
