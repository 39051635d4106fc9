"""`cxkinetics report`: reports, figures and workbooks of stored fits, made again."""

import argparse
import sys
from pathlib import Path

from cxkinetics.cli.arguments import add_options, values_of

EXAMPLE = (
    "cxkinetics fit cxkinetics-demo/data/ag-cds-simulated.csv --track 324 --out results --figures svg\n"
    "cxkinetics report results --figures png,pdf"
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the verb."""
    parser.add_argument("directory", metavar="DIR", help="a folder that cxkinetics fit wrote with --out")
    text = "what to write beside each report, of svg,png,pdf,xlsx (default: all); others there are renewed"
    parser.add_argument("--figures", metavar="KINDS", default="svg,png,pdf,xlsx", help=text)
    add_options(parser, "show_time")


def run(args: argparse.Namespace) -> int:
    """Run the verb and return its exit code."""
    from cxkinetics.cli.terminal import print_document
    from cxkinetics.document.folder import files_called
    from cxkinetics.errors import CxKineticsError
    from cxkinetics.kinetics.stored import draw_again, results_in

    files = files_called(args.figures)
    unit = values_of({"show_time": args.show_time}).get("show_time", "s")
    drawn, failed = dict[str, tuple[str, ...]](), 0
    for place in results_in(Path(args.directory)):
        try:
            drawn[str(place)] = draw_again(place, files=files, time_unit=unit)
        except (CxKineticsError, OSError) as error:
            failed += 1
            sys.stderr.write(f"cxkinetics report: {' '.join(str(error).split())}\n")
    if args.json:
        print_document({"schema": "cxkinetics.report/1", "folders": list(drawn), "files": list(files)})
    else:
        print("\n".join(f"{place}: report, {', '.join(kinds)}" for place, kinds in drawn.items()))
    return 1 if failed else 0
