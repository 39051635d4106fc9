"""`cxkinetics incorporation`: a dose table to slopes, thresholds and plateau."""

import argparse
import sys
from typing import TYPE_CHECKING

from cxkinetics.cli.arguments import number
from cxkinetics.composition.verbs.predict import BASIS, BASIS_HELP, basis
from cxkinetics.composition.verbs.shared import add_out, add_table_arguments, table_options, write_out
from cxkinetics.errors import UsageError

if TYPE_CHECKING:
    from cxkinetics.composition.dose_spectra import DoseSpectraFit
    from cxkinetics.composition.incorporation_result import IncorporationFit

EXAMPLE = "cxkinetics incorporation cxkinetics-demo/data/ag_cds_dose.csv --preset paper"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add file and options."""
    add = parser.add_argument
    add("file", metavar="FILE", help="dose table (text or Excel)")
    add("--basis", type=basis, metavar=BASIS, help=BASIS_HELP)
    add("--to-basis", type=basis, metavar="Ag/(Ag+Cd)|Ag/Cd", help="convert to this basis first")
    add(
        "--dose-unit",
        choices=("percent", "fraction"),
        help="unit of the doses and incorporations given; overrides the header (default: what the header "
        "says). Percent means mol guest per 100 mol host cation",
    )
    add("--preset", metavar="NAME", help="dose windows of the system, such as paper")
    add("--system", default="ag-cds", help="a packaged system such as cu-cds, or FILE.toml (default ag-cds)")
    add(
        "--interval-doses",
        choices=("censored", "leave-out"),
        default="censored",
        help="what to do with doses known only as an interval (default censored)",
    )
    add("--absolute-sigma", action="store_true", help="take the given uncertainties at their word")
    add(
        "--spectra",
        metavar="FILE",
        help="dose x wavelength table: end of the peak's shift, onset and size of the loss",
    )
    add("--near", type=number, metavar="NM", help="which peak of those spectra, nm")
    add("--decimal", choices=(".", ","), metavar="MARK", help='decimal sign: "." or ","')
    add("--sheet", help="sheet of a workbook")
    add("--confidence", type=number, default=0.95, help="of the intervals (default 0.95)")
    add_table_arguments(parser, amounts=True)
    add_out(parser)


def run(args: argparse.Namespace) -> int:
    """Read, fit, print."""
    from cxkinetics.composition.incorporation import fit_incorporation
    from cxkinetics.composition.reader import load_dose_table

    if args.near is not None and args.spectra is None:
        raise UsageError(
            f"--near {args.near:g} picks a peak of spectra, and none are given; add --spectra FILE"
        )
    table = load_dose_table(
        args.file,
        basis=args.basis,
        dose_unit=args.dose_unit,
        decimal=args.decimal,
        sheet=args.sheet,
        **table_options(args, amounts=True),
    )
    fit = fit_incorporation(
        table,
        preset=args.preset,
        basis=args.to_basis,
        system=args.system,
        interval_doses=args.interval_doses.replace("-", " "),
        absolute_sigma=args.absolute_sigma,
        confidence=args.confidence,
    )
    spectra = None if args.spectra is None else _spectra(args, fit)
    shown = [result for result in (fit, spectra) if result is not None]
    if args.json:
        from cxkinetics.record import json_text

        beside = {} if spectra is None else {"dose_spectra": spectra.to_dict()}
        print(json_text(fit.to_dict() | beside))
    else:
        print(*(result.to_text(warnings=False) for result in shown), sep="\n\n")
    for file, result in zip((args.file, args.spectra), shown, strict=False):
        for remark in result.warnings:
            sys.stderr.write(f"{file}: {remark.text}\n")
    write_out(fit, args, "incorporation", beside=None if spectra is None else ("dose_spectra", spectra))
    return 0


def _spectra(args: argparse.Namespace, fit: "IncorporationFit") -> "DoseSpectraFit":
    from cxkinetics.composition.dose_spectra import DoseSpectra, fit_dose_spectra
    from cxkinetics.errors import InputError
    from cxkinetics.io.load import load
    from cxkinetics.signals.spectra import SpectralSeries

    series = load(args.spectra, decimal=args.decimal, sheet=args.sheet)
    if not isinstance(series, SpectralSeries):
        raise InputError(
            "holds no dose x wavelength table",
            file=args.spectra,
            remedy="write one row per dose and one column per wavelength (or the other way round)",
        )
    factor = 1.0
    if args.dose_unit == "fraction":
        factor = 100.0
        sys.stderr.write(f"{args.spectra}: doses read as mol/mol (--dose-unit fraction), times 100\n")
    return fit_dose_spectra(
        DoseSpectra.from_series(series, factor=factor),
        near_nm=args.near,
        table=fit,
        system=args.system,
        confidence=args.confidence,
    )
