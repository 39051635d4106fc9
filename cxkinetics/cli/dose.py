"""`cxkinetics dose`: how much to add to get a cluster."""

import argparse
import sys

from cxkinetics.cli.predict import add_source_arguments, load_table

__all__ = ["EXAMPLE", "SUMMARY", "add_arguments", "run"]

SUMMARY = "the dose for a target cluster, with its window and purity, or why no dose gives it"
EXAMPLE = "cxkinetics dose Ag2Cd32S33 --min-purity 0.9"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the target, the demands and what is known."""
    parser.add_argument("target", metavar="TARGET", help="formula of the species, such as Ag2Cd32S33")
    parser.add_argument(
        "--min-purity",
        type=float,
        metavar="P",
        help="least share of the target, 0-1; refused with the reason where no dose reaches it",
    )
    parser.add_argument(
        "--max-byproduct",
        type=float,
        default=0.05,
        metavar="P",
        help="largest share of product inside the window, 0-1 (default 0.05)",
    )
    parser.add_argument(
        "--criterion",
        choices=("mean", "robust"),
        default="mean",
        help="best by the mean share, or by its 10 %% quantile over the draws (default mean)",
    )
    add_source_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Search, print."""
    from cxkinetics.composition.dose import dose_for

    result = dose_for(
        args.target,
        table=load_table(args),
        system=args.system,
        basis=args.basis,
        min_purity=args.min_purity,
        max_byproduct=args.max_byproduct,
        criterion=args.criterion,
        extrapolate=args.extrapolate,
        n_draws=args.draws,
        confidence=args.confidence,
        rng=args.seed,
    )
    if args.json:
        import json

        print(json.dumps(result.to_dict(), allow_nan=False))
    else:
        from cxkinetics.report.composition_text import format_dose

        print(format_dose(result, warnings=False, sensitivity=args.sensitivity))
    for remark in result.warnings:
        sys.stderr.write(f"{remark.text}\n")
    return 0
