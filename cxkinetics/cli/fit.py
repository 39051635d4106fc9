"""`cxkinetics fit`: in-situ traces or spectra to stages, breakpoint and verdict."""

import argparse
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cxkinetics.cli.options import add_arguments, given_options, settings
from cxkinetics.errors import UsageError

if TYPE_CHECKING:
    from cxkinetics.kinetics.batch import BatchResult

__all__ = ["EXAMPLE", "SUMMARY", "add_arguments", "run"]

SUMMARY = "fit in-situ traces or spectra: stages, breakpoint, verdict (several files or a folder: a batch)"
EXAMPLE = "cxkinetics fit cxkinetics-demo/data/ag-cds-simulated.csv --track 324 --out results"
FULL_TEXTS = 3
"""Fits up to which each is printed in full; several end with one line a fit and the mean over runs."""


def run(args: argparse.Namespace) -> int:
    """Run the verb and return its exit code."""
    from cxkinetics.cli.inputs import expand
    from cxkinetics.kinetics.batch import jobs_of, run_jobs
    from cxkinetics.kinetics.options import FitOptions

    if args.json and args.csv:
        raise UsageError("--json and --csv both ask for the standard output; give one of them")
    options, fitting = given_options(args)
    show_time = settings(args)["show_time"] or "s"
    try:
        FitOptions.of(**{"breakpoints_s": None, **{k: v for k, v in fitting.items() if k != "rng"}})
    except UsageError as error:
        place = f"{args.config} and the options typed: " if args.config else ""
        raise UsageError(f"{place}{error}") from error
    if args.save_config:
        _save_config(args)
    command = "cxkinetics " + shlex.join(sys.argv[1:]) if sys.argv[1:2] == ["fit"] else ""
    work = jobs_of(
        expand(args.files),
        out=args.out,
        command=command,
        force=args.force,
        show_time=show_time,
        **options,
        **fitting,
    )
    if args.out and len(work) > 1:
        from cxkinetics.kinetics.places import require_batch_place

        require_batch_place(Path(args.out))
    progress = _progress(len(work))
    batch = run_jobs(work, jobs=args.jobs, progress=progress.update if progress else None)
    if progress:
        progress.close()
    if args.out and (len(batch.fits) + len(batch.failures) > 1):
        from cxkinetics.kinetics.batch_page import write_batch

        try:
            write_batch(batch, args.out, command=command, time_unit=show_time)
        except Exception as error:  # the fits are done and are told nonetheless
            if args.debug:
                raise
            batch = batch.with_failure(args.out, error)
    _print(args, batch, show_time)
    return 1 if batch.failures or not batch.fits else 0


def _save_config(args: argparse.Namespace) -> None:
    from cxkinetics.cli.options import save_config
    from cxkinetics.version import __version__

    save_config(args.save_config, settings(args), version=__version__)


def _progress(n_inputs: int) -> Any | None:
    """Return a progress bar on stderr, for a batch on a terminal only."""
    if n_inputs < 2 or not sys.stderr.isatty():
        return None
    from tqdm import tqdm

    return tqdm(total=n_inputs, unit="file", file=sys.stderr)


def _print(args: argparse.Namespace, batch: "BatchResult", show_time: str) -> None:
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
    texts = []
    if len(batch.fits) <= FULL_TEXTS:
        texts = [fit.to_text(**shown) for fit in batch.fits]
    if len(batch.fits) > 1:
        texts.append(batch.to_text(**shown))
    return texts
