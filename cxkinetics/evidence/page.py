"""Evidence as text, as a page and as a folder."""

from collections.abc import Callable, Sequence
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cxkinetics.atomic import replace_directory, write_text
from cxkinetics.estimate import Estimate, json_text
from cxkinetics.evidence.assignment import MassAssignment, PeakAssignment
from cxkinetics.evidence.diffraction import PatternFit
from cxkinetics.evidence.examples import Contradiction, EvidenceDemo
from cxkinetics.evidence.findings import Consensus
from cxkinetics.evidence.mixture import MixtureFit
from cxkinetics.evidence.records import EvidenceRecord
from cxkinetics.evidence.xps import XpsResult
from cxkinetics.kinetics.folder import require_replaceable
from cxkinetics.kinetics.tables import table_html
from cxkinetics.remarks import Remark
from cxkinetics.report.blocks import Block, Code, Notes, Page, Paragraph, Picture, Section, Table
from cxkinetics.report.columns import TERMINAL_WIDTH, aligned, listed, wrapped
from cxkinetics.report.page import render_page
from cxkinetics.report.present import as_html, as_text, draw
from cxkinetics.report.style import detached_figure, save_figure, svg_text
from cxkinetics.version import __version__

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def section_of(result: object) -> Section:
    """Return a result of the evidence room as a titled section.

    Parameters
    ----------
    result : MassAssignment, MixtureFit, XpsResult, PatternFit or Consensus
        What to show.

    Raises
    ------
    TypeError
        If it is none of these.
    """
    for kind, build in _BUILDERS:
        if isinstance(result, kind):
            section: Section = build(result)
            return section
    raise TypeError(f"{type(result).__name__} is no result of the evidence room")


def _start(result: Any) -> list[Block]:
    if not result.source.simulated:
        return []
    note = f": {result.source.note}" if result.source.note else ""
    return [Paragraph(f"SIMULATED DATA{note}", strong=True)]


def _notes(remarks: Sequence[Remark]) -> list[Block]:
    return [Notes(tuple(remark.text for remark in remarks))] if remarks else []


def _named(result: Any) -> str:
    return f" of {result.label}" if result.label else ""


def _signed(value: float) -> str:
    return f"{value:+.2f}" if abs(value) < 9.95 else f"{value:+.0f}"


def _masses(result: MassAssignment) -> Section:
    with_stated = any(peak.stated for peak in result.peaks)
    shown = "candidates that balance (off / Da)"
    header = (
        ("m/z", "stated", "computed", "off / Da", "charge", "agrees", shown)
        if with_stated
        else ("m/z", shown)
    )
    rows = [
        (f"{peak.mz:.6g}", *(_stated_cells(peak) if with_stated else ()), _shown_candidates(peak))
        for peak in result.peaks
    ]
    table = Table(
        header,
        tuple(rows),
        caption=f"Peaks, candidates within {result.tolerance_da:g} Da",
        numeric=(0, 2, 3, 4) if with_stated else (0,),
    )
    low, high = result.chance_window_da
    host, sulfide = _host_name(result), _sulfide_name(result)
    chance = (
        f"Chance: of all masses between {low:.0f} and {high:.0f} Da, {result.chance_host_1da:.0%} find some "
        f"{host}(L)z + adduct within 1 Da, {result.chance_balanced_1da:.0%} a {host}(oleate)z whose charges "
        f"balance, {result.chance_sulfide_1da:.1%} a balanced bare {sulfide}. A hit among host clusters says "
        "little."
    )
    spacings = tuple(
        (
            spacing.unit,
            f"{spacing.mass_da:.2f}",
            ", ".join(f"{a:.5g}-{b:.5g}" for a, b in spacing.pairs) or "none",
            f"{spacing.expected_by_chance:.2f}",
        )
        for spacing in result.spacings
    )
    count = f"{len(result.peaks)} peak" + ("" if len(result.peaks) == 1 else "s")
    blocks: list[Block] = [*_start(result), table, Paragraph(chance)]
    if len(result.peaks) > 1:
        blocks.append(
            Table(
                ("unit", "mass / Da", "pairs of peaks that far apart", "by chance"),
                spacings,
                caption="Spacings",
                numeric=(1, 3),
            )
        )
    return Section(f"Mass spectrum{_named(result)}: {count}", [*blocks, *_notes(result.remarks)])


def _stated_cells(peak: PeakAssignment) -> tuple[str, ...]:
    if peak.stated is None:
        return ("", "", "", "", "")
    charge = f"{peak.stated.formal_charge:+d}" if peak.stated.formal_charge else "0"
    return (
        peak.stated.formula,
        f"{peak.stated.mass_da:.1f}",
        _signed(peak.stated.error_da),
        charge,
        "yes" if peak.agrees else "NO",
    )


def _host_name(result: MassAssignment) -> str:
    units = [spacing.unit for spacing in result.spacings]
    return f"{units[2].removesuffix(units[0])}x{units[0]}y"


def _sulfide_name(result: MassAssignment) -> str:
    units = [spacing.unit for spacing in result.spacings]
    return f"{units[1].removesuffix(units[0]).rstrip('0123456789')}a{units[0]}b"


def _shown_candidates(peak: PeakAssignment) -> str:
    balanced = [c for c in peak.candidates if c.balanced][:3]
    shown = ", ".join(f"{c.formula} ({c.error_da:+.1f})" for c in balanced)
    return shown or f"none of {peak.n_candidates} candidates"


def _mixture(result: MixtureFit) -> Section:
    guest = str(result.options["guest"])
    rows = tuple((name, str(share)) for name, share in zip(result.species, result.fractions, strict=True))
    weights = ", ".join(f"{name} {weight:.2f}" for name, weight in result.compensation_weights.items())
    blocks: list[Block] = [
        *_start(result),
        Paragraph(f"Mean {guest} per cluster: {result.mean_guests}", strong=True),
        Table(
            ("cluster", "share"),
            rows,
            caption=f"Shares of clusters, {result.options['confidence']:.0%} intervals (posterior)",
            note="equal ionisation yields are assumed; no spectrum tests that",
        ),
        Paragraph(
            f"Calibration shift {result.shift_da}, prior {result.options['sigma_cal_da']:g} Da (1 sd); "
            f"resolving power {result.options['resolving_power']:g} with "
            f"{result.options['resolving_power_rel_sd']:.0%} prior error; proton per {guest}: {weights}; "
            f"signal/noise {result.signal_to_noise:.0f}."
        ),
        Paragraph(
            f"The shape alone says almost nothing: the envelopes of {result.species[0]} and "
            f"{result.species[-1]} are alike to a cosine of {result.shape_cosine:.5f} if one may be shifted."
        ),
    ]
    return Section(f"Mixture of clusters{_named(result)}", [*blocks, *_notes(result.remarks)])


def _xps(result: XpsResult) -> Section:
    rows = tuple(
        (
            str(number),
            str(component.position_ev),
            str(component.share),
            component.family or "undecided",
            ", ".join(component.near_states) or "none known",
        )
        for number, component in enumerate(result.components, start=1)
    )
    bic = ", ".join(f"{number}: {value:.0f}" for number, value in result.bic.items())
    blocks: list[Block] = [*_start(result)]
    if rows:
        blocks.append(
            Table(
                ("", "main line", f"share of {result.line.split()[0]}", "taken as", "states near it"),
                rows,
                caption=f"Doublets ({result.options['confidence']:.0%} intervals; energy reference "
                f"+-{result.options['energy_sd_ev']:g} eV beside them)",
            )
        )
        text = f"Splitting {result.splitting_ev}; area ratio {result.area_ratio}; width {_width(result)}"
        if result.separation_ev.value is not None:
            text += f"; separation {result.separation_ev} (free of the energy reference)"
        blocks.append(Paragraph(text + f". Reduced chi-square {result.reduced_chi2:.1f}."))
    else:
        blocks.append(Paragraph("No line stands out of the background."))
    limits = f"BIC by number of doublets: {bic}. A second state counts above {result.detection_limit:.1%}"
    if result.upper_limit is not None:
        limits += f"; one that was missed holds at most {result.upper_limit:.1%}"
    blocks.append(Paragraph(limits + "."))
    verdicts = tuple((family, state, result.reasons[family]) for family, state in result.verdicts.items())
    if verdicts:
        blocks.append(Table(("state", "verdict", "because"), verdicts))
    count = f"{result.number} doublet" + ("" if result.number == 1 else "s")
    return Section(f"XPS {result.line}{_named(result)}: {count}", [*blocks, *_notes(result.remarks)])


def _width(result: XpsResult) -> str:
    return f"{result.fwhm_ev.value:.2f} eV" if result.fwhm_ev.value is not None else "not determined"


def _pattern(result: PatternFit) -> Section:
    ordered = sorted(result.phases, key=lambda phase: -(phase.share.value or 0.0))
    scale = 100.0
    rows = tuple(
        (
            phase.phase,
            f"{scale * (phase.share.value or 0.0):.2f}",
            f"[{scale * (phase.share.low or 0.0):.1f}, {scale * (phase.share.high or 0.0):.1f}]",
            f"{scale * phase.upper_limit:.1f}",
            f"{scale * phase.detection_limit:.1f}",
            phase.state,
        )
        for phase in ordered
    )
    unit = "weight" if result.by_weight else "scattered intensity"
    reason = next((phase.reason for phase in result.phases if phase.reason), "")
    blocks: list[Block] = [
        *_start(result),
        *([Paragraph(f"No phase is decided: {reason}.", strong=True)] if reason else []),
        Table(
            ("phase", "share / %", "interval", "upper limit", "detection limit", "state"),
            rows,
            caption=f"Phases, % of {unit} ({result.options['confidence']:.0%} intervals)",
            note=f"absent: less than {result.options['absent_below']:.0%}; present: above the interval and "
            f"{result.options['floor']:.0%}; else undecided",
            numeric=(1, 3, 4),
        ),
        Paragraph(
            f"Shift {result.shift_deg:+.3f} degrees, extra width {result.broadening_deg:.3f} degrees; "
            f"reduced chi-square {result.reduced_chi2:.2f}; residuals correlate over "
            f"{result.correlation_length:.0f} points of {result.n_points}."
        ),
    ]
    return Section(f"Diffraction pattern{_named(result)}", [*blocks, *_notes(result.remarks)])


def _consensus(result: Consensus) -> Section:
    rows = tuple(
        (sample.label, *(sample.cell(technique) for technique in result.techniques), sample.text)
        for sample in result.samples
    )
    blocks: list[Block] = []
    if result.simulated:
        blocks.append(Paragraph("SIMULATED DATA", strong=True))
    blocks.append(
        Table(
            ("sample", *result.techniques, "together"),
            rows,
            caption="What each technique sees, and all together",
            note="? undecided; a mass spectrum never vetoes (clusters fragment)",
        )
    )
    shares = _share_rows(result)
    if shares:
        blocks.append(
            Table(
                ("sample", "species", "technique", "state", "limit", "share"),
                shares,
                caption="Shares and limits behind it",
                note="shares of different techniques count different things and are not averaged; limit: "
                "detection limit, or upper limit where absent",
            )
        )
    if result.onset_percent is not None:
        low, high = result.onset_percent
        blocks.append(
            Paragraph(f"{result.sulfide} is absent at {low:g} % and present at {high:g} % incorporation.")
        )
    else:
        blocks.append(Paragraph(f"These samples do not bracket where {result.sulfide} sets in."))
    return Section("Verdict", [*blocks, *_notes(result.remarks)])


def _share_rows(result: Consensus) -> tuple[tuple[str, ...], ...]:
    """Return one row per finding that carries a share or a limit."""
    rows = []
    for sample in result.samples:
        for verdict in sample.species:
            for finding in verdict.findings:
                if finding.share is None and finding.limit is None:
                    continue
                share = ""
                if finding.share is not None and finding.share.value is not None:
                    what = finding.share.name.removesuffix(f" of {finding.species}")
                    share = f"{_short(finding.share)} ({what})"
                limit = "" if finding.limit is None else f"{finding.limit:.3f}"
                rows.append((sample.label, finding.species, finding.technique, finding.state, limit, share))
    return tuple(rows)


def _short(share: Estimate) -> str:
    if share.low is None or share.high is None:
        return f"{share.value:.3f}"
    return f"{share.value:.3f} [{share.low:.3f}, {share.high:.3f}]"


_BUILDERS: tuple[tuple[type, Callable[[Any], Section]], ...] = (
    (MassAssignment, _masses),
    (MixtureFit, _mixture),
    (XpsResult, _xps),
    (PatternFit, _pattern),
    (Consensus, _consensus),
)


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
