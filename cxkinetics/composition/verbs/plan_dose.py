"""`cxkinetics plan dose TARGET`: the next doses or measurements for a target."""

import argparse
import sys
from typing import Any

from cxkinetics.cli.arguments import number
from cxkinetics.composition.verbs.predict import add_source_arguments, asked
from cxkinetics.composition.verbs.shared import require_table, write_out
from cxkinetics.errors import UsageError

EXAMPLE = "cxkinetics plan dose Ag2Cd32S33 --count 3"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the target, how many measurements, and what is known."""
    add = parser.add_argument
    text = "formula of the species, such as Ag2Cd32S33, or avalanche: the dose at which it begins"
    add("target", metavar="TARGET", help=text)
    add("--count", type=int, default=3, metavar="N", help="measurements to plan (default 3)")
    text = "highest dose that can be measured, percent (default: the highest calibrated one)"
    add("--highest-dose", type=number, metavar="D", help=text)
    add_source_arguments(parser, dosed="the table", answers=False)
    parser.set_defaults(same_stocks=False, stocks_of_table=True, confidence=0.95, extrapolate=False)


def run(args: argparse.Namespace) -> int:
    """Plan, print."""
    from cxkinetics.composition.plan import plan_dose
    from cxkinetics.composition.table_errors import read_error
    from cxkinetics.record import json_text

    require_table(args)
    if args.table is None and (args.host_umol, args.stock_mmol_per_l) != (None, None):
        raise UsageError(
            "--cadmium-umol and --silver-mmol-per-l say how a table's volumes are doses, and no --table is "
            "given; leave them out, or add --table FILE"
        )
    given: dict[str, Any] = asked(args)
    for name in ("confidence", "extrapolate"):
        given.pop(name)
    for name in ("icp_error", "dose_error"):  # those to come err as those of the table do
        if typed := getattr(args, name):
            given[name] = read_error(typed, f"--{name.replace('_', '-')}")
    plan = plan_dose(args.target, count=args.count, highest_dose_percent=args.highest_dose, **given)
    print(json_text(plan.to_dict()) if args.json else plan.to_text(warnings=False))
    for remark in plan.warnings:
        sys.stderr.write(f"{remark.text}\n")
    write_out(plan, args, "plan-dose")
    return 0
