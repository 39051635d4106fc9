"""What the verbs that read a dose table share: its columns and errors, and the folder of a result."""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cxkinetics.annexes import declared, named
from cxkinetics.errors import UsageError

if TYPE_CHECKING:
    from cxkinetics.composition.dose import DoseAdvice
    from cxkinetics.composition.dose_spectra import DoseSpectraFit
    from cxkinetics.composition.guest_amount import GuestAmount
    from cxkinetics.composition.incorporation_result import IncorporationFit
    from cxkinetics.composition.plan import DosePlan
    from cxkinetics.composition.predict import Prediction

_COLUMNS = ("dose_column", "incorporation_column")
_ERRORS = ("dose_error", "common_dose_error", "icp_error", "plateau_is_full_exchange")
_AMOUNTS = ("host_umol", "stock_mmol_per_l", "volume_error")


def add_table_arguments(parser: argparse.ArgumentParser, *, amounts: bool = False) -> None:
    """Add the options that say which columns a dose table has and how its numbers err.

    Parameters
    ----------
    parser : argparse.ArgumentParser
        Of the verb.
    amounts : bool
        Whether host and stock of the table's flasks are asked for here.
    """
    from cxkinetics.composition.curve import DEFAULT_DOSE_ERROR

    add = parser.add_argument_group("dose table").add_argument
    add("--dose-column", metavar="NAME|N", help="column of doses, by name or number (from 1)")
    add("--incorporation-column", metavar="NAME|N", help="column of incorporations, by name or number")
    add(
        "--dose-error",
        metavar="E",
        help="sd of each dose about the one that was set, another in every flask: 2%% of it, 0.3 percentage "
        f"points, or 0.3,5%% (default {DEFAULT_DOSE_ERROR:.0%}%, said aloud)",
    )
    add(
        "--common-dose-error",
        metavar="E",
        help="sd of a factor on all doses (titre, cluster amount), such as 3%%",
    )
    add(
        "--icp-error",
        metavar="E",
        help="sd of each incorporation: 0.3 percentage points, 5%%, or 0.3,5%% (default: fitted)",
    )
    add("--volume-error", metavar="E", help="sd of a volume of stock: 0.5 microlitres, 1%%, or 0.5,1%%")
    add(
        "--plateau-is-full-exchange",
        action="store_true",
        help="assert that the plateau, seen or not, is the product alone (else a share of product follows "
        "only from an avalanche up to a plateau)",
    )
    if amounts:
        add(
            "--cadmium-umol",
            "--host-umol",
            dest="host_umol",
            metavar="N",
            help="host cation in every flask, micromol, such as 20±0.4 or 20±2%%",
        )
        add(
            "--silver-mmol-per-l",
            "--stock-mmol-per-l",
            dest="stock_mmol_per_l",
            metavar="C",
            help="guest in the stock solution, mmol/L, such as 10±2%%: with the host it turns volumes into "
            "doses",
        )


def add_time(parser: argparse.ArgumentParser, *, best: bool = False) -> None:
    """Add the time of the quench, where a part of the package answers for it."""
    if not declared("IN_TIME"):
        return
    text = "quenched after this time, s or with a unit: by the joint mechanism of dose and time"
    parser.add_argument("--time", metavar="T", help=f"{text}{'; best: the best time too' * best}")
    text = "stored fit of cxkinetics mechanism behind --time (default: that of the published numbers)"
    parser.add_argument("--fit", metavar="FIT.json", help=text)


def in_time(args: argparse.Namespace, verb: str) -> "Callable[[argparse.Namespace, Any], int] | None":
    """Return what answers with `--time`, or None where it was not given."""
    if getattr(args, "time", None) is None:
        if getattr(args, "fit", None) is not None:
            raise UsageError(f"--fit {args.fit} stands behind --time, which is not given; add --time T")
        return None
    found: Callable[[argparse.Namespace, Any], int] = named(next(iter(declared("IN_TIME").values()))[verb])
    return found


def table_options(args: argparse.Namespace, *, amounts: bool = False) -> dict[str, Any]:
    """Return what `add_table_arguments` asked for, as keywords of `load_dose_table`."""
    names = (*_COLUMNS, *_ERRORS, *(_AMOUNTS if amounts else ()))
    return {name: getattr(args, name) for name in names}


def require_table(args: argparse.Namespace) -> None:
    """Refuse options that say how to read a dose table where none is given."""
    asked = [name for name in (*_COLUMNS, *_ERRORS, "same_stocks") if getattr(args, name)]
    if asked and args.table is None:
        raise UsageError(
            f"--{asked[0].replace('_', '-')} says how to read a dose table, and no --table is given; leave "
            "it out, or add --table FILE"
        )


def add_out(parser: argparse.ArgumentParser) -> None:
    """Add the option for the folder of the result."""
    parser.add_argument("--out", metavar="DIR", help="write JSON, tables, figures and report there")


def write_out(
    result: "IncorporationFit | Prediction | DoseAdvice | DosePlan",
    args: argparse.Namespace,
    name: str,
    *,
    beside: "tuple[str, GuestAmount | DoseSpectraFit] | None" = None,
    **asked: "GuestAmount",
) -> None:
    """Write the folder of a result where `--out` asks for one.

    Parameters
    ----------
    result : IncorporationFit, Prediction, DoseAdvice or DosePlan
    args : argparse.Namespace
        Of the verb.
    name : str
        Stem of the JSON file and the workbook; by the former an earlier result is known.
    beside : tuple of str and result, optional
        Stem of a further JSON file and what it holds.
    **asked : GuestAmount
        For the page of the result.
    """
    if args.out is None:
        return
    from cxkinetics.document.folder import write_folder
    from cxkinetics.document.units import SECONDS

    tables = result.data()
    texts = {f"{stem}.json": one.to_json() for stem, one in ((name, result), *([beside] if beside else []))}
    write_folder(
        Path(args.out),
        result.page(SECONDS, **asked),
        mark=f"{name}.json",
        texts=texts,
        tables=tables,
        workbook=(f"{name}.xlsx", tables),
    )
    sys.stderr.write(f"results written to {args.out}\n")
