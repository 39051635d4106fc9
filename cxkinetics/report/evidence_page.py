"""Evidence as a self-contained HTML page, and as a folder: page, figures, JSON and the data shown."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cxkinetics.atomic import replace_directory, write_text
from cxkinetics.estimate import json_text
from cxkinetics.evidence.assignment import MassAssignment
from cxkinetics.evidence.diffraction_result import PatternFit
from cxkinetics.evidence.findings import Consensus
from cxkinetics.evidence.mixture_result import MixtureFit
from cxkinetics.evidence.records import EvidenceRecord
from cxkinetics.evidence.xps_result import XpsResult
from cxkinetics.examples.evidence_demonstration import EvidenceDemo
from cxkinetics.report.blocks import Block, Code, Page, Picture, Section
from cxkinetics.report.evidence_tables import section_of
from cxkinetics.report.evidence_text import contradiction_table, mixture_table
from cxkinetics.report.page import render_page
from cxkinetics.report.present import draw
from cxkinetics.report.style import detached_figure, save_figure, svg_text
from cxkinetics.report.write import require_replaceable
from cxkinetics.version import __version__

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["demo_evidence_page", "evidence_page", "write_evidence"]

MARK = "evidence.json"


def evidence_page(
    title: str,
    results: Sequence[tuple[str, object]],
    *,
    summary: str,
    command: str = "",
    simulated: bool = False,
) -> Page:
    """Return a page with the tables and pictures of results.

    Parameters
    ----------
    title, summary : str
        Head of the page.
    results : sequence of (str, result)
        Caption and result of each section.
    command : str
        The command as it was typed.
    simulated : bool
        Whether anything rests on simulated data.
    """
    sections = [_section(caption, result) for caption, result in results]
    if command:
        sections.append(Section("Make it again", [Code(command, "On the command line:")]))
    return Page(
        title=title,
        summary=summary,
        sections=sections,
        simulated=simulated,
        simulated_note="Spectra marked as simulated were made by a model, not measured.",
        footer=(f"cxkinetics {__version__}",),
    )


def _section(caption: str, result: object) -> Section:
    section = section_of(result)
    blocks: list[Block] = [*section.blocks]
    figure = figure_of(result)
    blocks.insert(0, Picture(svg_text(figure), _words(result), ""))
    return Section(f"{caption}: {section.title}" if caption else section.title, blocks)


def figure_of(result: object) -> "Figure":
    """Return the figure of a result, unknown to pyplot."""
    if isinstance(result, Consensus):
        size = ("single", 0.3 + 0.055 * len(result.samples))
    elif isinstance(result, MassAssignment):
        size = ("single", 0.25 + 0.085 * max(len(result.peaks), 4))
    else:
        size = ("single", 1.0)
    return draw(result, figure=detached_figure(*size))


def _words(result: object) -> str:
    """Return what a figure shows, for those who cannot see it."""
    simulated = "Simulated data. " if _is_simulated(result) else ""
    if isinstance(result, MixtureFit):
        return f"{simulated}Mass spectrum with the envelopes of {', '.join(result.species)} and residuals."
    if isinstance(result, XpsResult):
        return f"{simulated}{result.line} spectrum with {result.number} doublets, background and residuals."
    if isinstance(result, PatternFit):
        seen = [phase.phase for phase in result.phases if phase.state == "present"]
        return f"{simulated}Diffraction pattern with its phases ({', '.join(seen) or 'none'}) and residuals."
    if isinstance(result, MassAssignment):
        return f"{simulated}Difference between measured and computed mass of {len(result.peaks)} peaks."
    return f"{simulated}What each technique sees in each sample, and the joint verdict."


def _is_simulated(result: object) -> bool:
    if isinstance(result, Consensus):
        return result.simulated
    return bool(getattr(getattr(result, "source", None), "simulated", False))


def demo_evidence_page(demo: EvidenceDemo, command: str) -> Page:
    """Return the page of the demonstration."""
    same, cells = demo.agreement
    shown = demo.samples[1], demo.samples[4]
    sections = [
        _section("Table I as stated", demo.stated),
        Section("Contradictions, both values shown", [contradiction_table(demo)]),
        _section("The paper's peaks", demo.masses),
        _section("The same samples from simulated spectra", demo.recovered),
        Section("Doped clusters, simulated", [mixture_table(demo)]),
    ]
    for sample in shown:
        for result in (sample.mixture, sample.xps, sample.pattern):
            if result is not None:
                sections.append(_section("Simulated", result))
    return Page(
        title="What is in the flask: mass spectra, XPS and XRD of cation exchange in CdS clusters",
        summary=f"Table I joined, {len(demo.contradictions)} contradictions of its evidence shown, {same} of "
        f"{cells} cells given back by simulated spectra.",
        sections=[*sections, Section("Make it again", [Code(command, "On the command line:")])],
        simulated=True,
        simulated_note="Table I and the peaks are as published (doi 10.1063/5.0151904); every spectrum is "
        "simulated.",
        footer=(f"cxkinetics {__version__}",),
    )


def write_evidence(
    directory: Path,
    page: Page,
    document: dict[str, Any],
    results: Sequence[tuple[str, object]],
    spectra: Sequence[tuple[str, str]] = (),
) -> Path:
    """Write a folder of evidence, whole or not at all.

    Parameters
    ----------
    directory : Path
        A new or empty folder, or one written before.
    page : Page
        Its report.
    document : dict
        Its JSON.
    results : sequence of (str, result)
        Name of the file and result of each figure.
    spectra : sequence of (str, str)
        Name and text of further files, put in a folder `data`.

    Raises
    ------
    UsageError
        If the folder holds something else.
    """
    require_replaceable(directory, MARK)
    with replace_directory(directory) as fresh:
        write_text(fresh / MARK, json_text(document) + "\n")
        write_text(fresh / "report.html", render_page(page))
        for name, result in results:
            save_figure(figure_of(result), fresh / name, ("png", "svg"))
        for name, text in spectra:
            write_text(fresh / "data" / name, text)
    return directory


def figures_of(records: Sequence[EvidenceRecord]) -> list[tuple[str, object]]:
    """Return a file name and the result of every figure of records."""
    return [
        (f"{number}-{Path(record.file).stem}-{name}" if len(records) > 1 else name, result)
        for number, record in enumerate(records, start=1)
        for name, result in record.results.items()
    ]
