"""What the results of this room say: their tables, sentences and figures, the command's page and folder."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cxkinetics.document import cells
from cxkinetics.document.folder import write_folder
from cxkinetics.document.page import (
    Block,
    Code,
    Figure,
    Page,
    Paragraph,
    Section,
    simulated_line,
    warning_notes,
)
from cxkinetics.document.table import Cell, Column, Table, long, wide
from cxkinetics.document.text import TERMINAL_WIDTH, block_text, format_section
from cxkinetics.document.units import SECONDS, TimeUnit
from cxkinetics.estimate import Estimate, json_text
from cxkinetics.version import __version__

if TYPE_CHECKING:
    from cxkinetics.evidence.assignment import MassAssignment, PeakAssignment
    from cxkinetics.evidence.diffraction import PatternFit
    from cxkinetics.evidence.examples import EvidenceDemo
    from cxkinetics.evidence.findings import Consensus
    from cxkinetics.evidence.mixture import MixtureFit
    from cxkinetics.evidence.records import EvidenceRecord
    from cxkinetics.evidence.result import EvidenceResult
    from cxkinetics.evidence.xps import XpsResult

MARK = "evidence.json"
_NOTE = "Spectra marked as simulated were made by a model, not measured."
_Line = partial(Paragraph, hang=0)


def brief(result: "EvidenceResult", unit: TimeUnit = SECONDS) -> Section:
    """Return what `print` and a notebook show of a result of this room."""
    title, blocks = _FORMS[result.SCHEMA][0](result)
    marked = simulated_line(result.source, indent=2, hang=0) if hasattr(result, "source") else ()
    return Section(title, [*marked, *blocks, *warning_notes(result.remarks, mark="-", gap=False)], unit)


def main_table(result: "EvidenceResult") -> Table:
    """Return the table that holds what a result is about, with all columns that programs read."""
    return _FORMS[result.SCHEMA][1](result)


def _named(result: Any) -> str:
    return f" of {result.label}" if result.label else ""


def _counted(number: int, what: str) -> str:
    return f"{number} {what}" + ("" if number == 1 else "s")


# ---- mass spectra ------------------------------------------------------------------------------------


def _peak_table(result: "MassAssignment") -> Table:
    shown = any(peak.stated for peak in result.peaks)

    def stated(head: str, name: str, form: Any = None, *, numeric: bool = True) -> Column:
        """Return a column of what was stated with the peaks, shown to people where anything was."""
        return Column(head if shown else None, name, form, numeric=numeric, missing="")

    columns = [
        Column("m/z", "mz_da", ".6g", numeric=True),
        Column(None, "intensity"),
        stated("stated", "stated", numeric=False),
        stated("computed", "computed_da", ".1f"),
        stated("off / Da", "off_da", lambda error: f"{error:+.2f}" if abs(error) < 9.95 else f"{error:+.0f}"),
        stated("charge", "formal_charge", lambda charge: f"{charge:+d}" if charge else "0"),
        stated("agrees", "agrees", lambda agrees: "yes" if agrees else "NO", numeric=False),
        Column("candidates that balance (off / Da)", "balanced_candidates"),
        Column(None, "n_candidates"),
        Column(None, "chance_any"),
        Column(None, "chance_balanced"),
    ]
    return Table(
        columns,
        [_peak_row(peak) for peak in result.peaks],
        name="peaks",
        caption=f"Peaks, candidates within {result.tolerance_da:g} Da",
    )


def _peak_row(peak: "PeakAssignment") -> tuple[Cell, ...]:
    found = peak.stated
    stated = (found.formula, found.mass_da, found.error_da, found.formal_charge) if found else (None,) * 4
    balanced = [c for c in peak.candidates if c.balanced][:3]
    candidates = ", ".join(f"{c.formula} ({c.error_da:+.1f})" for c in balanced)
    candidates = candidates or f"none of {peak.n_candidates} candidates"
    chance = (peak.n_candidates, peak.chance_any, peak.chance_balanced)
    return (peak.mz, peak.intensity, *stated, peak.agrees, candidates, *chance)


def _mass_blocks(result: "MassAssignment") -> tuple[str, list[Block]]:
    low, high = result.chance_window_da
    anion, product, host = (spacing.unit for spacing in result.spacings)
    host_family, product_family = _family(host, anion, "xy"), _family(product, anion, "ab")
    chance = (
        f"Chance: of all masses between {low:.0f} and {high:.0f} Da, {result.chance_host_1da:.0%} find some "
        f"{host_family}(L)z + adduct within 1 Da, {result.chance_balanced_1da:.0%} a {host_family}(oleate)z "
        f"whose charges balance, {result.chance_sulfide_1da:.1%} a balanced bare {product_family}. A hit "
        "among host clusters says little."
    )
    blocks: list[Block] = [_peak_table(result), _Line(chance)]
    if len(result.peaks) > 1:
        columns = [
            Column("unit"),
            Column("mass / Da", format=".2f", numeric=True),
            Column("pairs of peaks that far apart"),
            Column("by chance", format=".2f", numeric=True),
        ]
        rows = []
        for spacing in result.spacings:
            pairs = ", ".join(f"{a:.5g}-{b:.5g}" for a, b in spacing.pairs) or "none"
            rows.append((spacing.unit, spacing.mass_da, pairs, spacing.expected_by_chance))
        blocks.append(Table(columns, rows, caption="Spacings"))
    return f"Mass spectrum{_named(result)}: {_counted(len(result.peaks), 'peak')}", blocks


def _family(unit: str, anion: str, letters: str) -> str:
    """Return the general formula of a family: "AgaSb" of the unit "Ag2S"."""
    cation = "".join(sign for sign in unit if not sign.isdigit()).removesuffix(anion)
    return f"{cation}{letters[0]}{anion}{letters[1]}"


def _share_table(result: "MixtureFit") -> Table:
    return Table(
        [Column("cluster", "cluster"), Column("share", long(), str)],
        list(zip(result.species, result.fractions, strict=True)),
        name="shares",
        caption=f"Shares of clusters, {result.options['confidence']:.0%} intervals (posterior)",
        note="equal ionisation yields are assumed; no spectrum tests that",
    )


def _mixture_blocks(result: "MixtureFit") -> tuple[str, list[Block]]:
    guest, options = result.options["guest"], result.options
    weights = ", ".join(f"{name} {weight:.2f}" for name, weight in result.compensation_weights.items())
    return f"Mixture of clusters{_named(result)}", [
        _Line(f"Mean {guest} per cluster: {result.mean_guests}", strong=True),
        _share_table(result),
        _Line(
            f"Calibration shift {result.shift_da}, prior {options['sigma_cal_da']:g} Da (1 sd); "
            f"resolving power {options['resolving_power']:g} with {options['resolving_power_rel_sd']:.0%} "
            f"prior error; proton per {guest}: {weights}; signal/noise {result.signal_to_noise:.0f}."
        ),
        _Line(
            f"The shape alone says almost nothing: the envelopes of {result.species[0]} and "
            f"{result.species[-1]} are alike to a cosine of {result.shape_cosine:.5f} if one may be shifted."
        ),
    ]


# ---- photoelectrons and diffraction ------------------------------------------------------------------


def _doublet_table(result: "XpsResult") -> Table:
    columns = [
        Column("", "doublet"),
        Column("main line", wide("position", "eV"), str),
        Column(f"share of {result.line.split()[0]}", wide("share"), str),
        Column("taken as", "family", missing="undecided"),
        Column("states near it", "near_states"),
    ]
    rows = [
        (number, found.position_ev, found.share, found.family, ", ".join(found.near_states) or "none known")
        for number, found in enumerate(result.components, start=1)
    ]
    level, error = result.options["confidence"], result.options["energy_sd_ev"]
    text = f"{level:.0%} intervals; energy reference +-{error:g} eV beside them"
    return Table(columns, rows, name="doublets", caption=f"Doublets ({text})")


def _xps_blocks(result: "XpsResult") -> tuple[str, list[Block]]:
    blocks: list[Block] = [_Line("No line stands out of the background.")]
    if result.components:
        width = result.fwhm_ev.value
        shown = f"{width:.2f} eV" if width is not None else cells.NOT_DETERMINED
        text = f"Splitting {result.splitting_ev}; area ratio {result.area_ratio}; width {shown}"
        if result.separation_ev.value is not None:
            text += f"; separation {result.separation_ev} (free of the energy reference)"
        blocks = [_doublet_table(result), _Line(f"{text}. Reduced chi-square {result.reduced_chi2:.1f}.")]
    bic = ", ".join(f"{number}: {value:.0f}" for number, value in result.bic.items())
    limits = f"BIC by number of doublets: {bic}. A second state counts above {result.detection_limit:.1%}"
    if result.upper_limit is not None:
        limits += f"; one that was missed holds at most {result.upper_limit:.1%}"
    blocks.append(_Line(limits + "."))
    if result.verdicts:
        rows = [(family, state, result.reasons[family]) for family, state in result.verdicts.items()]
        blocks.append(Table([Column("state"), Column("verdict"), Column("because")], rows))
    return f"XPS {result.line}{_named(result)}: {_counted(result.number, 'doublet')}", blocks


def _percent(digits: int) -> Callable[[float | None], str]:
    return lambda share: f"{100 * (share or 0.0):.{digits}f}"


def _phase_table(result: "PatternFit") -> Table:
    two, one, options = _percent(2), _percent(1), result.options
    columns = [
        Column("phase", "phase"),
        Column("share / %", wide("share", method=True), lambda share: two(share.value), numeric=True),
        Column("interval", format=lambda share: f"[{one(share.low)}, {one(share.high)}]"),
        Column("upper limit", "upper_limit", one, numeric=True),
        Column("detection limit", "detection_limit", one, numeric=True),
        Column("state", "state"),
        Column(None, "reason"),
    ]
    rows = [
        (p.phase, p.share, p.share, p.upper_limit, p.detection_limit, p.state, p.reason)
        for p in sorted(result.phases, key=lambda phase: -(phase.share.value or 0.0))
    ]
    unit = "weight" if result.by_weight else "scattered intensity"
    return Table(
        columns,
        rows,
        name="phases",
        caption=f"Phases, % of {unit} ({options['confidence']:.0%} intervals)",
        note=f"absent: less than {options['absent_below']:.0%}; present: above the interval and "
        f"{options['floor']:.0%}; else undecided",
    )


def _pattern_blocks(result: "PatternFit") -> tuple[str, list[Block]]:
    reason = next((phase.reason for phase in result.phases if phase.reason), "")
    return f"Diffraction pattern{_named(result)}", [
        *([_Line(f"No phase is decided: {reason}.", strong=True)] if reason else []),
        _phase_table(result),
        _Line(
            f"Shift {result.shift_deg:+.3f} degrees, extra width {result.broadening_deg:.3f} degrees; "
            f"reduced chi-square {result.reduced_chi2:.2f}; residuals correlate over "
            f"{result.correlation_length:.0f} points of {result.n_points}."
        ),
    ]


# ---- all techniques together -------------------------------------------------------------------------


def _finding_table(result: "Consensus", *, every: bool = True) -> Table:
    """Return one row per finding; `every` one, or those that carry a share or a limit."""
    columns = [
        Column("sample", "sample"),
        Column(None, "incorporation_percent"),
        Column("species", "species"),
        Column("technique", "technique"),
        Column("state", "state"),
        Column("limit", "limit", ".3f", missing=""),
        Column("share"),
        Column(None, wide("share", method=True)),
        Column(None, "note"),
    ]
    rows: list[tuple[Cell, ...]] = []
    for sample in result.samples:
        for found in (finding for verdict in sample.species for finding in verdict.findings):
            share = found.share
            if share is None and found.limit is None and not every:
                continue
            what = "" if share is None else share.name.removesuffix(f" of {found.species}")
            shown = f"{cells.fixed(share, '.3f')} ({what})" if share and share.value is not None else ""
            said = (found.species, found.technique, found.state, found.limit, shown, share, found.note)
            rows.append((sample.label, sample.incorporation_percent, *said))
    return Table(
        columns,
        rows,
        name="findings",
        caption="Shares and limits behind it",
        note="shares of different techniques count different things and are not averaged; limit: "
        "detection limit, or upper limit where absent",
    )


def _consensus_blocks(result: "Consensus") -> tuple[str, list[Block]]:
    seen = Table(
        [Column("sample"), *(Column(technique) for technique in result.techniques), Column("together")],
        [(s.label, *(s.cell(technique) for technique in result.techniques), s.text) for s in result.samples],
        caption="What each technique sees, and all together",
        note="? undecided; a mass spectrum never vetoes (clusters fragment)",
    )
    behind = _finding_table(result, every=False)
    onset = f"These samples do not bracket where {result.sulfide} sets in."
    if result.onset_percent is not None:
        low, high = result.onset_percent
        onset = f"{result.sulfide} is absent at {low:g} % and present at {high:g} % incorporation."
    simulated = [_Line("SIMULATED DATA", strong=True)] if result.simulated else []
    return "Verdict", [*simulated, seen, *([behind] if behind.rows else []), _Line(onset)]


_Form = tuple[Callable[[Any], tuple[str, list[Block]]], Callable[[Any], Table], str]
_FORMS: Mapping[str, _Form] = {  # the name in the end is that of the figure
    "cxkinetics.mass-assignment/1": (_mass_blocks, _peak_table, "assignment"),
    "cxkinetics.mixture/1": (_mixture_blocks, _share_table, "mixture"),
    "cxkinetics.xps/1": (_xps_blocks, _doublet_table, "xps"),
    "cxkinetics.pattern/1": (_pattern_blocks, _phase_table, "xrd"),
    "cxkinetics.consensus/1": (_consensus_blocks, _finding_table, "verdict"),
}


# ---- figures -----------------------------------------------------------------------------------------


def figures(result: Any) -> tuple[Figure, ...]:
    """Return the figure of a result: how it is drawn, its words for those who cannot see it, its size."""
    from cxkinetics.document.figure import on_axes
    from cxkinetics.evidence.figures import DRAWN, on_panels

    name = _FORMS[result.SCHEMA][2]
    plot, aspect = DRAWN[name]
    frame: Callable[..., Any] = on_axes if name in ("assignment", "verdict") else on_panels
    match name:
        case "mixture":
            words = f"Mass spectrum with the envelopes of {', '.join(result.species)} and residuals."
        case "xps":
            words = f"{result.line} spectrum with {result.number} doublets, background and residuals."
        case "xrd":
            seen = ", ".join(phase.phase for phase in result.phases if phase.state == "present")
            words = f"Diffraction pattern with its phases ({seen or 'none'}) and residuals."
        case "assignment":
            words = f"Difference between measured and computed mass of {len(result.peaks)} peaks."
        case _:
            words = "What each technique sees in each sample, and the joint verdict."
    source = getattr(result, "source", result)
    words = f"{'Simulated data. ' * source.simulated}{words}"
    return (Figure(name, partial(frame, plot, result), words, aspect=aspect(result)),)


def _section(caption: str, result: "EvidenceResult", name: str) -> Section:
    """Return a section of a page: the figure, under a file name of its own, then what print shows."""
    shown = brief(result)
    drawn = [replace(figure, name=name) for figure in figures(result)]
    return Section(f"{caption}: {shown.title}" if caption else shown.title, [*drawn, *shown.blocks])


# ---- the pages and folders of the command ------------------------------------------------------------


def _page(
    title: str, summary: str, sections: Sequence[Section], command: str, *, simulated: bool, note: str = _NOTE
) -> Page:
    again = [Section("Make it again", [Code(command, "On the command line:")])] if command else []
    footer, shown = (f"cxkinetics {__version__}",), [*sections, *again]
    return Page(title, summary, shown, footer=footer, simulated=simulated, simulated_note=note)


def records_page(title: str, records: "Sequence[EvidenceRecord]", command: str = "") -> Page:
    """Return the page of what files say: their tables and figures, one section per result."""
    sections = []
    for number, record in enumerate(records, start=1):
        file, prefix = (record.file, f"{number}-{Path(record.file).stem}-") if len(records) > 1 else ("", "")
        sections += [_section(file, result, f"{prefix}{name}") for name, result in record.results.items()]
    said = "; ".join(f"{f.species} {f.state} ({f.note})" for record in records for f in record.findings)
    return _page(title, said, sections, command, simulated=any(record.simulated for record in records))


def consensus_page(consensus: "Consensus", command: str = "") -> Page:
    """Return the page of the findings of all techniques."""
    summary = "The findings of all techniques, joined sample by sample."
    sections = [_section("", consensus, "verdict")]
    return _page("What is in the flask", summary, sections, command, simulated=consensus.simulated)


def write_evidence(
    directory: Path, page: Page, document: Mapping[str, Any], spectra: Sequence[tuple[str, str]] = ()
) -> Path:
    """Write a folder of evidence, whole or not at all.

    Parameters
    ----------
    directory : Path
        A new or empty folder, or one written before.
    page : Page
        Its report; every figure on it is written as a file too.
    document : mapping
        Its JSON.
    spectra : sequence of (str, str)
        Name and text of further files, put in a folder `data`.

    Raises
    ------
    UsageError
        If the folder holds something else.
    """
    texts = {MARK: json_text(document) + "\n"} | {f"data/{name}": text for name, text in spectra}
    return write_folder(directory, page, mark=MARK, texts=texts, formats=("png", "svg"))


# ---- the demonstration -------------------------------------------------------------------------------


def _contradiction_table(demo: "EvidenceDemo") -> Table:
    return Table(
        [Column("about"), Column("stated"), Column("against it"), Column("what follows")],
        [(item.topic, item.stated, item.against, item.text) for item in demo.contradictions],
        caption="Where the evidence contradicts itself",
    )


def _recovered_table(demo: "EvidenceDemo") -> Table:
    """Return the recovered shares of the simulated samples beside what they were simulated from."""
    rows = []
    for sample in demo.samples:
        if (found := sample.mixture) is None:
            continue
        truth = sample.truth["clusters"]
        mean = sum(n * share for n, share in enumerate(truth))
        pairs: list[tuple[Estimate, float]] = list(zip(found.fractions, truth, strict=True))
        shares = ", ".join(f"{share.format_value()} ({true:.2f})" for share, true in pairs)
        rows.append((sample.evidence.label, f"{found.mean_guests} ({mean:.2f})", shares))
    columns = [Column("sample"), Column("mean Ag (truth)"), Column("shares with 0, 1, 2 Ag (truth)")]
    return Table(columns, rows, caption="Doped clusters from the simulated mass spectra")


def format_demo(demo: "EvidenceDemo", *, width: int = TERMINAL_WIDTH) -> str:
    """Return the demonstration as text."""
    same, cells_of_table = demo.agreement
    heading = "Where the evidence contradicts itself (both values shown, none decided)"
    told = [f"{item.topic}: {item.stated} | {item.against}. {item.text}." for item in demo.contradictions]
    contradictions = Section(heading, [Paragraph(text, hang=4) for text in told])
    stated = "Table I as stated (doi 10.1063/5.0151904), joined\n"
    simulated = "The same seven samples from SIMULATED spectra, through the three analyses\n"
    return "\n\n".join(
        [
            stated + demo.stated.to_text(width=width),
            demo.masses.to_text(width=width),
            format_section(contradictions, width=width),
            simulated + demo.recovered.to_text(width=width),
            block_text(_recovered_table(demo), width=width),
            f"{same} of {cells_of_table} cells of Table I come back from the simulated spectra.",
        ]
    )


def demo_page(demo: "EvidenceDemo", command: str) -> Page:
    """Return the page of the demonstration."""
    same, cells_of_table = demo.agreement
    sections = [
        _section("Table I as stated", demo.stated, "table-i"),
        Section("Contradictions, both values shown", [_contradiction_table(demo)]),
        _section("The paper's peaks", demo.masses, "masses"),
        _section("The same samples from simulated spectra", demo.recovered, "verdict-simulated"),
        Section("Doped clusters, simulated", [_recovered_table(demo)]),
    ]
    for sample in (demo.samples[1], demo.samples[4]):  # before and after the guest sulfide sets in
        percent = f"{sample.truth['incorporation_percent']:.1f}"
        results = {"mixture": sample.mixture, "xps": sample.xps, "xrd": sample.pattern}
        sections += [
            _section("Simulated", result, f"{name}-{percent}") for name, result in results.items() if result
        ]
    return _page(
        "What is in the flask: mass spectra, XPS and XRD of cation exchange in CdS clusters",
        f"Table I joined, {len(demo.contradictions)} contradictions of its evidence shown, {same} of "
        f"{cells_of_table} cells given back by simulated spectra.",
        sections,
        command,
        simulated=True,
        note="Table I and the peaks are as published (doi 10.1063/5.0151904); every spectrum is simulated.",
    )
