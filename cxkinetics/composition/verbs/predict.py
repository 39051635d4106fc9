"""`cxkinetics predict`: the composition at a dose."""

import argparse
import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from cxkinetics.cli.arguments import number
from cxkinetics.composition.table_errors import decimal_hint
from cxkinetics.composition.verbs.shared import (
    add_out,
    add_table_arguments,
    add_time,
    in_time,
    require_table,
    table_options,
    write_out,
)
from cxkinetics.errors import UsageError
from cxkinetics.options import finite

if TYPE_CHECKING:
    from cxkinetics.composition.update import CompositionUpdate
    from cxkinetics.signals.dose_table import DoseTable

EXAMPLE = "cxkinetics predict --dose 50"

BASIS = "Ag/(Ag+Cd)|Ag/Cd|Ag/S"
BASIS_HELP = (
    "what incorporation is a percentage of (Ag: the guest, Cd: the host cation, S: the anion; the elements "
    "of your own system will do as well)"
)
_LARGEST_FRACTION = 10.0
_SUSPICIOUS_PERCENT = 2.0


def add_source_arguments(
    parser: argparse.ArgumentParser, *, dosed: str = "--dose and the table", answers: bool = True
) -> None:
    """Add the options that say what is known: table, system, basis, draws.

    Parameters
    ----------
    parser : argparse.ArgumentParser
        Of the verb.
    dosed : str
        Where the verb is given doses, for the help of their unit.
    answers : bool
        Whether the verb answers with a composition, which has an interval and may be extrapolated.
    """
    add = parser.add_argument
    add("--table", metavar="FILE", help="your own dose table; else the system's priors")
    add(
        "--measurements",
        metavar="FILE.toml",
        help="your own cluster fractions, product onsets, top clusters, shares of guest and wash pairs, "
        "which narrow the priors",
    )
    add(
        "--mechanism",
        default="all",
        metavar="NAME",
        help="all rival mechanisms by their weights (default), or one of two-site, consecutive, third-step, "
        "random, random-avalanche, sequential, two-state, nucleation",
    )
    add("--system", default="ag-cds", help="a packaged system such as cu-cds, or FILE.toml (default ag-cds)")
    add("--basis", type=basis, metavar=BASIS, help=BASIS_HELP)
    add(
        "--dose-unit",
        choices=("percent", "fraction"),
        help=f"unit of the doses in {dosed} (default: what the table's header says, else percent); a header "
        "is overridden; results are always in percent",
    )
    if answers:
        add("--extrapolate", action="store_true", help="allow doses outside the calibrated ones")
        add("--sensitivity", action="store_true", help="show the priors halved and doubled")
    add("--draws", type=int, default=3000, metavar="N", help="parameter draws (default 3000)")
    if answers:
        add("--confidence", type=number, default=0.95, help="of the intervals (default 0.95)")
    add("--seed", type=int, help="seed of the random numbers (a fixed one by default)")
    add_table_arguments(parser, amounts=not answers)  # an answer is turned into an amount by its own
    add_out(parser)


def basis(text: str) -> str:
    """Return the basis that was typed, or refuse what is none."""
    from cxkinetics.signals.basis import basis_kind

    try:
        basis_kind(text)
    except UsageError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    return text


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the dose and what is known."""
    add = parser.add_argument
    add(
        "--dose",
        type=_dose,
        required=True,
        metavar="D",
        help="guest added, percent of the host cation (mol guest per 100 mol host cation in the flask, such "
        "as mol Ag per 100 mol Cd); in mol per mol with --dose-unit fraction; 50%% is always percent",
    )
    add(
        "--absorbance-ratio",
        type=number,
        metavar="A/A0",
        help="share of the absorbance left: sets the optical conversion beside the compositional one",
    )
    add_time(parser)
    add_source_arguments(parser)
    add_amount_arguments(parser)


def add_amount_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options that ask for the amount of guest and the volume of its stock solution."""
    add = parser.add_argument
    add(
        "--cadmium-umol",
        "--host-umol",
        dest="host_umol",
        metavar="N",
        help="all Cd (host cation) in the flask, micromol, such as 20 or 20±2%%: prints how much guest to "
        "add, micromol, and how likely the flask then holds the dose",
    )
    add(
        "--silver-mmol-per-l",
        "--stock-mmol-per-l",
        dest="stock_mmol_per_l",
        metavar="C",
        help="Ag (guest) in the stock solution, mmol/L, such as 10±1%%: prints the volume to add, uL",
    )
    add(
        "--same-stocks",
        action="store_true",
        help="host and stock are those that the flasks of --table were dosed from: their errors cancel, and "
        "volumes in the table are read as doses by them",
    )


def check_amount(args: argparse.Namespace) -> None:
    """Refuse amounts that are none, and a stock without the amount that it is to be measured against."""
    from cxkinetics.composition.table_errors import read_amount

    if args.stock_mmol_per_l is not None and args.host_umol is None:
        raise UsageError(
            f"--silver-mmol-per-l {args.stock_mmol_per_l} gives a volume only with the amount of host "
            "cation in the flask; add --cadmium-umol N"
        )
    require_table(args)
    for option, typed in (("--cadmium-umol", args.host_umol), ("--silver-mmol-per-l", args.stock_mmol_per_l)):
        if typed is not None:
            read_amount(typed, option)


def answer(result: Any, args: argparse.Namespace, name: str, **shown: Any) -> int:
    """Print a result, with the amount of guest that was asked for, and its warnings; write its folder.

    The result is `Dosed` and `Shown`; `shown` are the options of its text.
    """
    from cxkinetics.composition.table_errors import read_amount

    amount = None
    if args.host_umol is not None:
        amounts = [args.host_umol, args.stock_mmol_per_l]
        if args.same_stocks:  # what they err by moved the table's doses as well
            amounts = [None if one is None else read_amount(one, "amount")[0] for one in amounts]
        host, stock = amounts
        amount = result.amount(host_umol=host, stock_mmol_per_l=stock, volume_error=args.volume_error)
    if args.json:
        from cxkinetics.record import json_text

        beside = {} if amount is None else {"amount": amount.to_dict()}
        print(json_text(result.to_dict() | beside))
    else:
        print(result.to_text(warnings=False, amount=amount, **shown))
    for remark in result.warnings:
        sys.stderr.write(f"{remark.text}\n")
    if amount is None:
        write_out(result, args, name)
    else:
        write_out(result, args, name, beside=("amount", amount), amount=amount)
    return 0


def asked(args: argparse.Namespace) -> dict[str, Any]:
    """Return what `add_source_arguments` asked for, as keywords of `predict` and `dose_for`."""
    known = {"system": args.system, "basis": args.basis, "n_draws": args.draws, "rng": args.seed}
    known |= {"confidence": args.confidence, "mechanism": args.mechanism}
    return {"table": _table(args, known), "extrapolate": args.extrapolate, **known}


def _dose(text: str) -> tuple[float, bool]:
    """Return the number of a dose and whether a percent sign stands behind it."""
    written = text.strip()
    try:
        return finite(written.removesuffix("%")), written.endswith("%")
    except ValueError:
        hint = decimal_hint(text) or "such as 50 or 50%"
        message = f"{text!r} is no dose; write a finite number, {hint}"
        raise argparse.ArgumentTypeError(message) from None


def dose_percent(dose: tuple[float, bool], unit: str | None, *, table: bool = False) -> tuple[float, str]:
    """Return a dose in percent, and the remark on how it was read ("" where nothing was assumed).

    Beside a table of fractions a dose that can only be in percent is taken as that.

    Raises
    ------
    UsageError
        If the dose would pass 1000 %.
    """
    number, percent = dose
    if percent or unit == "percent":
        return number, ""
    if unit == "fraction":
        if number > _LARGEST_FRACTION and table:
            return number, f"dose taken as {number:g} %: --dose-unit fraction is the unit of the table"
        if number > _LARGEST_FRACTION:
            raise UsageError(
                f"--dose {number:g} with --dose-unit fraction would be {100 * number:g} %; write "
                f"--dose {number / 100:g}, or --dose {number:g}% if it is in percent"
            )
        return 100 * number, f"dose {number:g} mol/mol (--dose-unit fraction) is {100 * number:g} %"
    if 0 < number < _SUSPICIOUS_PERCENT:
        return number, (
            f"dose taken as {number:g} %; if it is in mol per mol, pass --dose-unit fraction "
            f"({100 * number:g} %)"
        )
    return number, ""


def _table(args: argparse.Namespace, known: dict[str, Any]) -> "DoseTable | CompositionUpdate | None":
    """Return the user's table, the priors updated with measurements, or None."""
    table = None
    if args.table is not None:
        from cxkinetics.composition.reader import load_dose_table

        of_flasks = args.same_stocks or getattr(args, "stocks_of_table", False)
        options = table_options(args, amounts=of_flasks)
        table = load_dose_table(args.table, basis=args.basis, dose_unit=args.dose_unit, **options)
        if args.same_stocks:
            table = replace(table, common_dose_error=0.0)
    if args.measurements is None:
        return table
    from cxkinetics.composition.measurements import load_measurements
    from cxkinetics.composition.update import update_priors

    measured = load_measurements(args.measurements)
    update = update_priors(table=table, measured=measured, published_curve=table is None, **known)
    for change in update.changes:
        before = "-" if change.before is None else str(change.before)
        sys.stderr.write(f"{change.name}: {before} before, {change.after} after the measurements\n")
    return update


def run(args: argparse.Namespace) -> int:
    """Predict, print."""
    from cxkinetics.composition.predict import predict

    check_amount(args)
    dose, remark_on_dose = dose_percent(args.dose, args.dose_unit, table=args.table is not None)
    if remark_on_dose:
        sys.stderr.write(f"{remark_on_dose}\n")
    result = predict(dose_percent=dose, absorbance_ratio=args.absorbance_ratio, **asked(args))
    timed = in_time(args, "predict")
    if timed is not None:
        return timed(args, result)
    return answer(result, args, "predict", sensitivity=args.sensitivity)
