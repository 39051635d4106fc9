"""`cxkinetics dose`: how much to add to get a cluster."""

import argparse

from cxkinetics.cli.arguments import number
from cxkinetics.composition.verbs.predict import (
    add_amount_arguments,
    add_source_arguments,
    answer,
    asked,
    check_amount,
)
from cxkinetics.composition.verbs.shared import add_time, in_time
from cxkinetics.errors import UsageError

EXAMPLE = "cxkinetics dose Ag2Cd32S33 --min-purity 0.9 --cadmium-umol 20 --silver-mmol-per-l 10"

_DETAILS = """
Doses are in percent of the host cation: mol guest per 100 mol host cation in the flask (Ag per Cd).
dose      where the mean share of the target over all parameter draws is highest
[ , ]     its interval: how well that best dose is known (the best doses of the single draws)
window    doses that will do: mean share at least 0.9 of that at the best dose and at least
          --min-purity, by-product at most --max-byproduct"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the target, the demands and what is known."""
    parser.description = f"{parser.description}\n{_DETAILS}"
    add = parser.add_argument
    add("target", metavar="TARGET", help="formula of the species, such as Ag2Cd32S33")
    add(
        "--min-purity",
        type=number,
        metavar="P",
        help="least share of the target, 0-1, at the dose and in the whole window; refused with the reason "
        "where no dose reaches it",
    )
    add(
        "--max-byproduct",
        type=number,
        default=0.05,
        metavar="P",
        help="largest share of product inside the window, 0-1 (default 0.05)",
    )
    add(
        "--criterion",
        choices=("mean", "robust"),
        default="mean",
        help="best by the mean share, or by its 10 %% quantile over the draws (default mean)",
    )
    add_time(parser, best=True)
    add_source_arguments(parser, dosed="the table")
    add_amount_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Search, print."""
    from cxkinetics.composition.dose import dose_for

    check_amount(args)
    if args.dose_unit is not None and args.table is None:
        raise UsageError(
            f"--dose-unit {args.dose_unit} says how to read the doses of a table, and no --table is given; "
            "leave it out (the dose is printed in percent), or add --table FILE"
        )
    timed = in_time(args, "dose")
    result = dose_for(
        args.target,
        min_purity=args.min_purity if timed is None else None,
        max_byproduct=args.max_byproduct,
        criterion=args.criterion,
        **asked(args),
    )
    if timed is not None:
        return timed(args, result)
    return answer(result, args, "dose", sensitivity=args.sensitivity)
