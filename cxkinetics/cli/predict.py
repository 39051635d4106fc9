"""`cxkinetics predict`: the composition at a dose."""

import argparse
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cxkinetics.composition.update_result import CompositionUpdate
    from cxkinetics.signals.dose_table import DoseTable

__all__ = ["EXAMPLE", "SUMMARY", "add_arguments", "add_source_arguments", "load_table", "run"]

SUMMARY = "predict incorporation and species at a dose, with intervals"
EXAMPLE = "cxkinetics predict --dose 50"


def add_source_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options that say what is known: table, system, basis, draws."""
    parser.add_argument("--table", metavar="FILE", help="your own dose table; else the system's priors")
    parser.add_argument(
        "--measurements",
        metavar="FILE.toml",
        help="your own cluster fractions and product onsets, which narrow the priors",
    )
    parser.add_argument("--system", default="ag-cds", help="ag-cds, cu-cds or FILE.toml (default ag-cds)")
    parser.add_argument(
        "--basis",
        choices=("Ag/(Ag+Cd)", "Ag/Cd", "Ag/S"),
        help="what incorporation is a percentage of (Ag: the guest, Cd: the host cation)",
    )
    parser.add_argument(
        "--dose-unit", choices=("percent", "fraction"), help="unit where the header is silent"
    )
    parser.add_argument("--extrapolate", action="store_true", help="allow doses outside the calibrated ones")
    parser.add_argument("--sensitivity", action="store_true", help="show the priors halved and doubled")
    parser.add_argument("--draws", type=int, default=3000, metavar="N", help="parameter draws (default 3000)")
    parser.add_argument("--confidence", type=float, default=0.95, help="of the intervals (default 0.95)")
    parser.add_argument("--seed", type=int, help="seed of the random numbers (a fixed one by default)")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the dose and what is known."""
    parser.add_argument(
        "--dose", type=float, required=True, metavar="D", help="guest added, percent of the host cation"
    )
    parser.add_argument(
        "--absorbance-ratio",
        type=float,
        metavar="A/A0",
        help="share of the absorbance left: sets the optical conversion beside the compositional one",
    )
    add_source_arguments(parser)


def load_table(args: argparse.Namespace) -> "DoseTable | CompositionUpdate | None":
    """Return the user's table, the priors updated with measurements, or None."""
    table = None
    if args.table is not None:
        from cxkinetics.io.dose import load_dose_table

        table = load_dose_table(args.table, basis=args.basis, dose_unit=args.dose_unit)
    if args.measurements is None:
        return table
    from cxkinetics.composition.load_measurements import load_measurements
    from cxkinetics.composition.update import update_priors

    fractions, onset = load_measurements(args.measurements)
    update = update_priors(
        table=table,
        fractions=fractions,
        onset=onset,
        system=args.system,
        published_curve=table is None,
        basis=args.basis,
        n_draws=args.draws,
        confidence=args.confidence,
        rng=args.seed,
    )
    for change in update.changes:
        before = "-" if change.before is None else str(change.before)
        sys.stderr.write(f"{change.name}: {before} before, {change.after} after the measurements\n")
    return update


def run(args: argparse.Namespace) -> int:
    """Predict, print."""
    from cxkinetics.composition.predict import predict

    result = predict(
        dose_percent=args.dose,
        table=load_table(args),
        system=args.system,
        basis=args.basis,
        extrapolate=args.extrapolate,
        absorbance_ratio=args.absorbance_ratio,
        n_draws=args.draws,
        confidence=args.confidence,
        rng=args.seed,
    )
    if args.json:
        import json

        print(json.dumps(result.to_dict(), allow_nan=False))
    else:
        from cxkinetics.report.composition_text import format_prediction

        print(format_prediction(result, warnings=False, sensitivity=args.sensitivity))
    for remark in result.warnings:
        sys.stderr.write(f"{remark.text}\n")
    return 0
