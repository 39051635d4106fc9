"""`cxkinetics evidence`: mass spectra, XPS and XRD as witnesses of what is in the flask."""

import argparse
import sys
from typing import TYPE_CHECKING, Any

from cxkinetics.cli.arguments import number
from cxkinetics.errors import CxKineticsError, UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from cxkinetics.document.page import Page
    from cxkinetics.evidence.records import EvidenceRecord

EXAMPLE = """cxkinetics evidence --demo --out evidence-demo
cxkinetics evidence ms evidence-demo/data/ms-4.0.csv --sample "4.0 %" --incorporation 4.0
cxkinetics evidence xps evidence-demo/data/xps-ag3d-4.0.csv --line "Ag 3d"
cxkinetics evidence xrd evidence-demo/data/xrd-4.0.csv --max-shift 0.3
cxkinetics evidence join evidence-demo/data/evidence_table1.csv"""
"""The first makes the files of the others."""
TITLES = {"ms": "Mass spectra", "xps": "Photoelectron spectra", "xrd": "Diffraction patterns"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add technique, files and options."""
    text = "ms: peak list or spectrum; xps: one line; xrd: a pattern; join: JSON of these, or tables"
    parser.add_argument("technique", nargs="?", choices=(*TITLES, "join"), help=text)
    parser.add_argument("files", nargs="*", metavar="FILE", help="text table, workbook, VAMAS (xps)")
    parser.add_argument("--demo", action="store_true", help="Table I, its contradictions, simulated spectra")
    text = "a packaged system such as cu-cds, or FILE.toml (default ag-cds)"
    parser.add_argument("--system", default="ag-cds", help=text)
    parser.add_argument("--sample", metavar="NAME", help="name of the sample (default: the file's)")
    text = "guest incorporated, percent"
    _number(parser, "--incorporation", None, "PERCENT", text, dest="incorporation_percent")
    parser.add_argument("--out", metavar="DIR", help="write report.html, figures and evidence.json there")
    _number(parser, "--confidence", 0.95, None, "of intervals (default 0.95)")
    _number(parser, "--absent-below", None, "SHARE", "absent only below this share (xrd 0.05, xps 0.1)")
    _add_reading(parser.add_argument_group("reading"))
    _add_masses(parser.add_argument_group("mass spectra"))
    _add_xps(parser.add_argument_group("XPS"))
    _add_xrd(parser.add_argument_group("XRD"))


def _number(
    group: Any, flag: str, default: float | None, metavar: str | None, help: str, *, dest: str | None = None
) -> None:
    group.add_argument(flag, type=number, default=default, metavar=metavar, help=help, dest=dest)


def _choice(group: Any, flag: str, words: "Sequence[str]", help: str) -> None:
    """Add an option that takes one of a few words, the first by default."""
    group.add_argument(flag, choices=words, default=words[0], help=help)


def _add_reading(group: Any) -> None:
    group.add_argument("--axis-column", metavar="NAME", help="axis, by name or number from 1")
    group.add_argument("--counts-column", metavar="NAME", help="counts, by name or number from 1")
    group.add_argument("--decimal", choices=(".", ","), metavar="MARK", help='decimal mark: "." or ","')
    group.add_argument("--sheet", metavar="NAME", help="sheet of a workbook")
    text = "allow negative counts; no Poisson errors"
    group.add_argument("--background-subtracted", action="store_true", help=text)


def _add_masses(group: Any) -> None:
    text = "the file is (not) a peak list (default: found out)"
    group.add_argument("--peaks", action=argparse.BooleanOptionalAction, default=None, help=text)
    _number(group, "--tolerance", 2.0, "DA", "agreement, Da (default 2)", dest="tolerance_da")
    group.add_argument("--host-cluster", metavar="FORMULA", help="undoped cluster (default: the system's)")
    group.add_argument("--no-guest", action="store_true", help="the sample holds no guest")
    _number(group, "--smooth", 15.0, "DA", "peak search, Da (default 15)", dest="width_da")
    _number(group, "--resolving-power", 2000.0, None, "m/FWHM of an isotope line (default 2000)")
    text = "its relative sd (0.2)"
    _number(group, "--resolving-power-error", 0.2, "FRACTION", text, dest="resolving_power_rel_sd")
    _number(group, "--sigma-cal", 1.0, "DA", "calibration error, 1 sd (default 1 Da)", dest="sigma_cal_da")
    text = "whether each guest brings a proton (default: weighed by the data)"
    _choice(group, "--compensation", ("average", "none", "full"), text)
    text = "another species in the group (repeat)"
    group.add_argument("--other", action="append", default=[], metavar="FORMULA", help=text)


def _add_xps(group: Any) -> None:
    group.add_argument("--line", help="Ag 3d, Cd 3d, Cu 2p, S 2p, Mo 3d, Pt 4f (default: that of the guest)")
    _choice(group, "--doublets", ("auto", "0", "1", "2", "3"), "how many (default auto: by BIC)")
    _choice(group, "--shape", ("voigt", "pseudo-voigt"), "line shape")
    _choice(group, "--background", ("shirley", "linear"), "background, fitted with the line")
    group.add_argument("--block", help="block of a VAMAS file, by number, name or line")
    _number(group, "--photon-energy", None, "EV", "the axis is kinetic energy", dest="photon_energy_ev")
    _number(group, "--energy-offset", 0.0, "EV", "how much too high energies read", dest="energy_offset_ev")
    _number(group, "--energy-error", 0.2, "EV", "of the energy reference, 1 sd (0.2)", dest="energy_sd_ev")


def _add_xrd(group: Any) -> None:
    text = "reference patterns (ag-cds, cu-cds: computed CdS clusters and Ag2S or CuS)"
    group.add_argument("--library", metavar="FILE", help=text)
    group.add_argument("--phases-table", metavar="FILE", help="phase_id, phase_name, rir of the references")
    group.add_argument("--phases", metavar="A,B", help="use only these phases")
    _number(group, "--max-shift", 0.5, "DEG", "largest shift (default 0.5)", dest="max_shift_deg")
    text = "largest extra width (default 0.5)"
    _number(group, "--max-broadening", 0.5, "DEG", text, dest="max_broadening_deg")


def run(args: argparse.Namespace) -> int:
    """Run the verb and return its exit code."""
    if args.demo:
        if args.technique:
            raise UsageError(f"--demo takes no technique or file; {args.technique!r} was given")
        return _demo(args)
    if args.technique is None:
        raise UsageError("name a technique and a file (ms, xps, xrd or join FILE ...), or pass --demo")
    if not args.files:
        raise UsageError(f"{args.technique} needs at least one file")
    if args.technique == "join":
        return _join(args)
    if args.sample and len(args.files) > 1:
        raise UsageError(f"--sample names one sample but {len(args.files)} files were given")
    return _files(args)


def _files(args: argparse.Namespace) -> int:
    from cxkinetics.evidence.page import records_page
    from cxkinetics.evidence.records import document_of

    records: list[EvidenceRecord] = []
    failures = []
    for file in args.files:
        try:
            records.append(_record(args, file))
        except UsageError:
            raise
        except (CxKineticsError, OSError) as error:
            if args.debug:
                raise
            text = " ".join(str(error).split())
            message = text if file in text else f"{file}: {text}"
            failures.append({"file": file, "error": type(error).__name__, "message": message})
    document = document_of(records, failures)
    results = [result for record in records for result in record.results.values()]
    _show(args, document, "\n\n".join(result.to_text(warnings=False) for result in results))
    for record in records:
        for remark in record.remarks:
            sys.stderr.write(f"{record.file}: {remark.text}\n")
    for failure in failures:
        sys.stderr.write(f"cxkinetics evidence: {failure['message']}\n")
    if args.out and records:
        _write(args, records_page(TITLES[args.technique], records, _command()), document)
    return 1 if failures else 0


# options by the keywords of `load_spectrum`, `fit_mixture`, `analyse_xps` and `fit_pattern`
_READING = ("axis_column", "counts_column", "decimal", "sheet", "background_subtracted")
_MIXTURE = ("confidence", "resolving_power", "resolving_power_rel_sd", "sigma_cal_da", "compensation")
_XPS = ("confidence", "line", "shape", "background", "energy_offset_ev", "energy_sd_ev")
_XRD = ("confidence", "max_shift_deg", "max_broadening_deg")


def _record(args: argparse.Namespace, file: str) -> "EvidenceRecord":
    from cxkinetics.evidence.records import record_of_masses, record_of_spectrum

    def given(names: "Sequence[str]") -> dict[str, Any]:
        return {name: getattr(args, name) for name in names}

    shared = given(("incorporation_percent", "system")) | {"sample": args.sample or ""}
    reading = given(_READING)
    if args.technique == "ms":
        return record_of_masses(
            file,
            **shared,
            **given(("peaks", "tolerance_da", "width_da", "host_cluster")),
            reading=reading,
            with_guest=False if args.no_guest else None,
            mixture={**given(_MIXTURE), "others": tuple(args.other)},
        )
    judged = {} if args.absent_below is None else {"absent_below": args.absent_below}
    if args.technique == "xps":
        reading |= given(("block", "photon_energy_ev"))
        doublets = int(args.doublets) if args.doublets.isdecimal() else args.doublets
        analysis = {**given(_XPS), **judged, "doublets": doublets}
        return record_of_spectrum(file, **shared, reading=reading, analysis=analysis)
    phases = args.phases.split(",") if args.phases else None
    analysis = {**given(_XRD), **judged, "phases": phases}
    return record_of_spectrum(file, **shared, library=_library(args), reading=reading, analysis=analysis)


def _library(args: argparse.Namespace) -> Any:
    if args.library is None:
        if args.phases_table is not None:
            raise UsageError("--phases-table names the references of --library, which is not given")
        from cxkinetics.evidence.examples import reference_library

        library = reference_library(args.system)
        sys.stderr.write(f"references {library.source.note}\n")
        return library
    from cxkinetics.evidence.patterns import load_library

    return load_library(args.library, args.phases_table)


def _join(args: argparse.Namespace) -> int:
    from cxkinetics.evidence.page import consensus_page
    from cxkinetics.evidence.records import headed, join_evidence

    consensus = join_evidence(args.files, system=args.system)
    document = headed(consensus=consensus.to_dict())
    _show(args, document, consensus.to_text(warnings=False))
    for remark in consensus.remarks:
        sys.stderr.write(f"{remark.text}\n")
    if args.out:
        _write(args, consensus_page(consensus, _command()), document)
    return 0


def _demo(args: argparse.Namespace) -> int:
    from cxkinetics.evidence.examples import demonstrate_evidence, example_files
    from cxkinetics.evidence.page import demo_page, format_demo
    from cxkinetics.evidence.records import headed

    demo = demonstrate_evidence()
    document = headed(demo=demo.to_dict())
    _show(args, document, "" if args.json else format_demo(demo))
    if args.out:
        _write(args, demo_page(demo, _command()), document, example_files())
    return 0


def _show(args: argparse.Namespace, document: "Mapping[str, Any]", text: str) -> None:
    """Print the document or the text; nothing where no file could be read."""
    from cxkinetics.estimate import json_text

    if args.json or text:
        print(json_text(document) if args.json else text)


def _write(args: argparse.Namespace, page: "Page", document: "Mapping[str, Any]", *spectra: Any) -> None:
    from pathlib import Path

    from cxkinetics.evidence.page import write_evidence

    write_evidence(Path(args.out), page, document, *spectra)
    sys.stderr.write(f"results written to {args.out}\n")


def _command() -> str:
    import shlex

    return "cxkinetics " + shlex.join(sys.argv[1:]) if sys.argv[1:2] == ["evidence"] else ""
