"""Results of the evidence room as text for a terminal and as HTML for a notebook."""

from html import escape
from typing import Any

from cxkinetics.evidence.assignment import MassAssignment
from cxkinetics.evidence.diffraction_result import PatternFit
from cxkinetics.evidence.findings import Consensus
from cxkinetics.evidence.mixture_result import MixtureFit
from cxkinetics.evidence.xps_result import XpsResult
from cxkinetics.examples.evidence_demonstration import EvidenceDemo
from cxkinetics.examples.evidence_paper import Contradiction
from cxkinetics.report.blocks import Block, Code, Notes, Paragraph, Picture, Section, Table
from cxkinetics.report.columns import TERMINAL_WIDTH, aligned, listed, wrapped
from cxkinetics.report.evidence_tables import section_of
from cxkinetics.report.present import as_html, as_text
from cxkinetics.report.staged_html import table_html

__all__ = ["contradiction_table", "format_demo", "format_evidence", "format_section", "mixture_table"]


def format_section(section: Section, *, width: int = TERMINAL_WIDTH, warnings: bool = True) -> str:
    """Return a section as text: title, tables, sentences and, where wanted, notes.

    Parameters
    ----------
    section : Section
        What to print.
    width : int
        Longest line, in characters.
    warnings : bool
        Whether its notes stand in the text (the command line says them elsewhere).
    """
    parts = [wrapped(section.title, hang=2, width=width)]
    parts += [text for block in section.blocks if (text := _block_text(block, width, warnings))]
    return "\n".join(parts)


def _block_text(block: Block, width: int, warnings: bool) -> str:
    if isinstance(block, Table):
        caption = wrapped(block.caption, indent=2, hang=2, width=width) + "\n" if block.caption else ""
        note = "\n" + wrapped(f"({block.note})", indent=2, hang=1, width=width) if block.note else ""
        return caption + aligned(block, indent=4 if block.caption else 2, width=width) + note
    if isinstance(block, Paragraph):
        return wrapped(block.text, indent=2, width=width)
    if isinstance(block, Notes):
        return listed(block.items, width=width) if warnings else ""
    if isinstance(block, Code):
        return block.text
    return "" if isinstance(block, Picture) else str(block)


def format_evidence(result: object, *, width: int = TERMINAL_WIDTH, warnings: bool = True) -> str:
    """Return any result of the evidence room as text; options as for `format_section`."""
    return format_section(section_of(result), width=width, warnings=warnings)


def evidence_html(result: object) -> str:
    """Return any result of the evidence room as an HTML fragment."""
    section = section_of(result)
    parts = [f"<p><strong>{escape(section.title)}</strong></p>"]
    for block in section.blocks:
        if isinstance(block, Table):
            parts.append(table_html(block))
        elif isinstance(block, Paragraph):
            text = escape(block.text)
            parts.append(f"<p><strong>{text}</strong></p>" if block.strong else f"<p>{text}</p>")
        elif isinstance(block, Notes):
            parts.append("<ul>" + "".join(f"<li>{escape(item)}</li>" for item in block.items) + "</ul>")
    return "<div>" + "".join(parts) + "</div>"


def contradiction_table(demo: EvidenceDemo) -> Table:
    """Return where the paper's statements disagree, as a table."""
    rows = tuple((item.topic, item.stated, item.against, item.text) for item in demo.contradictions)
    return Table(
        ("about", "stated", "against it", "what follows"),
        rows,
        caption="Where the evidence contradicts itself",
    )


def mixture_table(demo: EvidenceDemo) -> Table:
    """Return the recovered shares of the simulated samples beside what they were simulated from."""
    rows = []
    for sample in demo.samples:
        if sample.mixture is None:
            continue
        truth = sample.truth["clusters"]
        mean = sum(n * share for n, share in enumerate(truth))
        shares = ", ".join(
            f"{share.format_value()} ({true:.2f})"
            for share, true in zip(sample.mixture.fractions, truth, strict=True)
        )
        rows.append((sample.evidence.label, f"{sample.mixture.mean_guests} ({mean:.2f})", shares))
    return Table(
        ("sample", "mean Ag (truth)", "shares with 0, 1, 2 Ag (truth)"),
        tuple(rows),
        caption="Doped clusters from the simulated mass spectra",
    )


def _contradiction(item: Contradiction, width: int) -> str:
    text = f"{item.topic}: {item.stated} | {item.against} ({item.text})"
    return wrapped(text, indent=2, hang=4, width=width)


def format_demo(demo: EvidenceDemo, *, width: int = TERMINAL_WIDTH) -> str:
    """Return the demonstration as text."""
    same, cells = demo.agreement
    contradictions = "\n".join(
        [
            "Where the evidence contradicts itself (both values shown, none decided)",
            *(
                wrapped(
                    f"{item.topic}: {item.stated} | {item.against}. {item.text}.",
                    indent=2,
                    hang=4,
                    width=width,
                )
                for item in demo.contradictions
            ),
        ]
    )
    stated = "Table I as stated (doi 10.1063/5.0151904), joined\n"
    simulated = "The same seven samples from SIMULATED spectra, through the three analyses\n"
    return "\n\n".join(
        [
            stated + format_evidence(demo.stated, width=width),
            format_evidence(demo.masses, width=width),
            contradictions,
            simulated + format_evidence(demo.recovered, width=width),
            _block_text(mixture_table(demo), width, True),
            f"{same} of {cells} cells of Table I come back from the simulated spectra.",
        ]
    )


def _register() -> None:
    def text(result: object, **options: Any) -> str:
        return format_evidence(result, **options)

    def html(result: object, **options: Any) -> str:
        return evidence_html(result, **options)

    for kind in (MassAssignment, MixtureFit, XpsResult, PatternFit, Consensus):
        as_text.register(kind)(text)
        as_html.register(kind)(html)


_register()
