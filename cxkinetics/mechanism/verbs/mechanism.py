"""`cxkinetics mechanism`: one mechanism for doses, runs, spectra and evidence at once, with its rivals."""

import argparse
import sys
from pathlib import Path

from cxkinetics.cli.arguments import add_options, moment, number, values_of
from cxkinetics.errors import UsageError
from cxkinetics.options import finite

EXAMPLE = "cxkinetics mechanism --rivals none --starts 6 --draws 20 --out mechanism"
MARK = "mechanism.json"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what is fitted, by which mechanism, and how."""
    data = parser.add_argument_group("data (by default the published numbers)").add_argument
    data("--table", metavar="FILE", help="your own dose table")
    text = "a run and its dose in percent, such as run.csv@100; may be given several times"
    data("--run", dest="runs", action="append", default=[], metavar="FILE@DOSE", help=text)
    text = "observations of any kind with their doses, times and standard deviations"
    data("--evidence", metavar="FILE.toml", help=text)
    text = "fit the published numbers beside your own (their incorporations only without --table)"
    data("--published", action="store_true", help=text)
    text = "when the samples of --table were quenched, s or with a unit (default 20min)"
    data("--quenched", type=moment, metavar="S", help=text)
    how = parser.add_argument_group("mechanism").add_argument
    text = "a packaged one or FILE.toml, variants behind it (default two-silver-dark)"
    how("--mechanism", metavar="NAME|FILE.toml", help=text)
    how("--system", default="ag-cds", help="system that the mechanism must be of (default ag-cds)")
    text = "mechanisms to fit beside it: all (default), none, or names with commas"
    how("--rivals", default="all", metavar="NAMES", help=text)
    how("--starts", type=int, metavar="N", help="starts of each search (default 24)")
    how("--draws", type=int, metavar="N", help="refits to perturbed readings (default 200)")
    how("--confidence", type=number, default=0.95, help="of the intervals (default 0.95)")
    output = parser.add_argument_group("output")
    add_options(output, "seed")
    output.add_argument("--out", metavar="DIR", help="write JSON, tables, figures and report there")
    add_options(output, "show_time")


def run(args: argparse.Namespace) -> int:
    """Fit, print."""
    from cxkinetics.cli.terminal import counter, text_width
    from cxkinetics.document.folder import require_replaceable, write_folder
    from cxkinetics.document.units import time_unit
    from cxkinetics.mechanism.fit import DEFAULT, fit_mechanism
    from cxkinetics.mechanism.scheme import load_mechanism
    from cxkinetics.record import json_text

    if args.out:
        require_replaceable(Path(args.out), MARK)
    if args.quenched is not None and args.table is None:
        raise UsageError("--quenched is said of the samples of --table, and none is given; leave it out")
    mechanism = load_mechanism(args.mechanism or DEFAULT)
    if mechanism.system and args.system != mechanism.system:
        raise UsageError(
            f"the mechanism {mechanism.name} is of {mechanism.system}, not {args.system}; give one of that "
            "system with --mechanism FILE.toml"
        )
    options = values_of({"seed": args.seed, "show_time": args.show_time})
    wanted = {"quenched_s": args.quenched, "n_starts": args.starts, "n_draws": args.draws}
    fit = fit_mechanism(
        args.evidence,
        table=args.table,
        runs=[_run(text) for text in args.runs],
        mechanism=mechanism,
        rivals=_rivals(args.rivals),
        published=args.published or None,
        confidence=args.confidence,
        rng=options.get("rng"),
        progress=counter("steps of the fit"),
        **{name: value for name, value in wanted.items() if value is not None},
    )
    unit = options.get("show_time", "s")
    if args.json:
        print(json_text(fit.to_dict()))
    else:
        print(fit.to_text(time_unit=unit, width=text_width(), warnings=False))
    for remark in fit.warnings:
        sys.stderr.write(f"{remark.text}\n")
    if args.out:
        tables = fit.data()
        write_folder(
            Path(args.out),
            fit.page(time_unit(unit)),
            mark=MARK,
            texts={MARK: fit.to_json()},
            tables=tables,
            workbook=("mechanism.xlsx", tables),
        )
        sys.stderr.write(f"results written to {args.out}\n")
    return 0


def _run(text: str) -> tuple[str, float]:
    """Return the file and the dose of a run."""
    file, at, dose = text.rpartition("@")
    try:
        value = finite(dose.removesuffix("%"))
    except ValueError:
        value = 0.0
    if not at or not file or value <= 0:
        raise UsageError(f"--run is {text!r}; it must be a file and its dose in percent, such as run.csv@100")
    return file, value


def _rivals(text: str) -> str | list[str]:
    if text in ("all", "none"):
        return "all" if text == "all" else []
    return [name.strip() for name in text.split(",") if name.strip()]
