"""`cxkinetics inspect`: what the readers understood of a file, a line a trace."""

import argparse
import sys
from typing import Any

EXAMPLE = "cxkinetics inspect cxkinetics-demo/data/ag-cds-simulated.csv"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the files and the options of reading."""
    from cxkinetics.cli.arguments import add_reading_options

    parser.add_argument("files", metavar="FILE", nargs="+", help="files, or folders of one-spectrum files")
    add_reading_options(parser)


def run(args: argparse.Namespace) -> int:
    """Read every file, describe it, and go on after a bad one."""
    from cxkinetics.cli.arguments import reading_options
    from cxkinetics.cli.terminal import print_document
    from cxkinetics.errors import CxKineticsError, UsageError
    from cxkinetics.io.describe import describe, format_description
    from cxkinetics.io.file import ReadOptions

    options = ReadOptions(**reading_options(args))
    found: list[dict[str, Any]] = []
    failures: list[dict[str, Any]] = []
    for file in args.files:
        try:
            found.append(describe(file, options))
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
        for item in found:
            sys.stdout.write(format_description(item) + "\n")
    for failure in failures:
        sys.stderr.write(f"cxkinetics inspect: {failure['message']}\n")
    return 1 if failures else 0
