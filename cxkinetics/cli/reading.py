"""Options of every verb that reads a file of signals."""

import argparse
from typing import Any

__all__ = ["add_reading_options", "reading_options"]

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
