"""Files that serve as evidence: spectra, peak lists, reference patterns, findings."""

import os
import re
from collections.abc import Mapping
from dataclasses import replace
from itertools import zip_longest
from typing import Any

import numpy as np

from cxkinetics.arrays import Array
from cxkinetics.calls import checked
from cxkinetics.errors import InputError, UsageError
from cxkinetics.estimate import Estimate
from cxkinetics.evidence.doublets import line_key
from cxkinetics.evidence.findings import STATES, Finding, SampleEvidence
from cxkinetics.evidence.vamas import VamasBlock, is_vamas, read_vamas
from cxkinetics.io.file import EXPORT, Content, Context, ReadOptions, decode, marked, read_content
from cxkinetics.io.formats.excel import sniff as is_workbook
from cxkinetics.io.formats.excel import workbook_tables
from cxkinetics.io.formats.instruments import opened_by_extra
from cxkinetics.io.grid import split_line
from cxkinetics.io.quantities import refuse_texts
from cxkinetics.io.table import Table, tables_of
from cxkinetics.remarks import Remark
from cxkinetics.signals.spectrum import AXES, FEWEST_POINTS, PeakList, Spectrum
from cxkinetics.source import Source

_NAMES = {
    "ms": re.compile(r"m\s*/\s*z|\bmz\b|\bmass(es)?\b|\bda\b"),
    "xps": re.compile(r"binding|\bb\.?\s?e\.?\b|energy|\bev\b"),
    "xrd": re.compile(r"2\s*[-_ ]?(theta|th|θ|ϑ)|two\s*-?theta|\btth\b|°|\bdeg|\bangle\b"),
}
_KINETIC = re.compile(r"kinetic|\bk\.?\s?e\.?\b")
_COUNTS = re.compile(
    r"count|intensit|\bcps\b|c\s*/\s*s\b|signal|\bint\.?\b|\by\b|arb|a\.?\s?u\.?\b|rel(ative)?\b|yobs|height"
)
_FOREIGN = tuple(  # names that no evidence axis has, what they are, and what to do
    (re.compile(pattern), what, remedy)
    for pattern, what, remedy in (
        (r"\btime\b|\bt\s*[/(\[]\s*(s|min|ms|h)\b|flight|\btof\b", "a time", "calibrate to m/z first"),
        (r"wavelength|\bnm\b|wavenumber|cm-1", "a wavelength", "optical spectra go to: cxkinetics fit"),
        (r"\bd\s*[-_]?\s*spacing|\bd\s*[/(\[]\s*(a|å|nm)", "a d spacing", "export 2theta in degrees"),
        (r"\bq\s*[/(\[]|a\^?-1|å\^?-1|nm\^?-1|1/å", "a scattering vector", "export 2theta in degrees"),
        (r"channel|\bindex\b|\bpixel\b", "a channel number", "export the calibrated axis"),
    )
)


@checked()
def load_spectrum(
    path: str | os.PathLike[str],
    kind: str,
    *,
    axis_column: str | int | None = None,
    counts_column: str | int | None = None,
    block: int | str | None = None,
    photon_energy_ev: float | None = None,
    background_subtracted: bool = False,
    decimal: str | None = None,
    sheet: str | int | None = None,
    label: str = "",
) -> Spectrum:
    r"""Read one spectrum.

    Parameters
    ----------
    path : path-like
        A text table, an Excel workbook or, for XPS, a VAMAS file.
    kind : {"ms", "xps", "xrd"}
        What it is.
    axis_column, counts_column : str or int, optional
        Columns by name or number (from 1), where the names do not tell.
    block : int or str, optional
        Block of a VAMAS file by number (from 1), name or line ("Ag 3d").
    photon_energy_ev : float, optional
        The axis is kinetic energy, measured with this photon energy.
    background_subtracted : bool
        Allow negative counts.
    decimal, sheet
        As for `load`.
    label : str
        Name of the sample; the file's stem by default.

    Returns
    -------
    Spectrum
        Axis ascending (Da, eV of binding energy, or degrees), with what was assumed in `remarks`.

    Raises
    ------
    InputError
        If the file cannot be read as that kind of spectrum.
    UsageError
        If the kind is not one of those listed.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> file = pathlib.Path(tempfile.mkdtemp()) / "pattern.xy"
    >>> _ = file.write_text("\n".join(f"{20 + i / 10:.1f} {100 + i}" for i in range(50)))
    >>> load_spectrum(file, "xrd").axis[:2].tolist()
    [20.0, 20.1]
    """
    if kind not in AXES:
        raise UsageError(f"kind is {kind!r}; it must be one of {', '.join(AXES)}")
    content = read_content(path)
    if is_vamas(content):
        if kind != "xps":
            raise content.error(f"this is a VAMAS file (XPS), not a spectrum of kind {kind!r}")
        return _from_vamas(content, block, photon_energy_ev, background_subtracted, label)
    if content.data.startswith(_DIFFRACTOGRAMS) and b"xl/" not in content.data:
        return _diffractogram(content, kind, background_subtracted, label)
    context, table, text = evidence_table(content, decimal=decimal, sheet=sheet)
    x, said_x = _axis_column(context, table, kind, axis_column)
    y, said_y = _counts_column(context, table, x, counts_column)
    refuse_texts(context, table, [x, y])
    remarks = [*context.remarks, *said_x, *said_y]
    axis, counts, lines = table.columns[x].values, table.columns[y].values, np.asarray(table.lines)
    known = np.isfinite(axis) & np.isfinite(counts)
    if not known.all():
        missing = tuple(lines[~known].tolist())
        left_out = f"{len(missing)} rows without a number left out"
        remarks.append(Remark("missing_cells", left_out, len(missing), missing))
        axis, counts, lines = axis[known], counts[known], lines[known]
    if kind == "xps":
        axis, said = _binding(context, table.name(x), axis, photon_energy_ev)
        remarks += said
    return _built(
        (table.name(x), table.name(y)),
        lines,
        kind=kind,
        axis=axis,
        counts=counts,
        label=label or content.stem,
        unit=_unit_of(table.name(y)),
        background_subtracted=background_subtracted,
        source=marked(context.source(), text),
        remarks=tuple(remarks),
    )


_FEWEST_POINTS = 10


def evidence_table(
    content: Content, *, decimal: str | None = None, sheet: str | int | None = None
) -> tuple[Context, Table, str]:
    """Return the largest table of a text file or workbook, and the text ("" for a workbook)."""
    options = ReadOptions(decimal=decimal, sheet=sheet)
    if is_workbook(content):
        found, format_name, text = workbook_tables(content, options)[0], "Excel workbook", ""
    else:
        text, format_name = decode(content.data, content.file).text, "text table"
        try:
            found = tables_of(text, file=content.file, decimal=decimal)
        except InputError as error:
            if "no data rows" not in str(error):
                raise
            fault = "no data rows: no line holds two or more numbers"
            raise content.error(fault, "export axis and counts as two columns of a text table") from None
    context = Context(content=content, options=options, format=format_name, remarks=found.remarks)
    others = [table for table in found.tables if table is not found.main and table.n_rows >= _FEWEST_POINTS]
    if others:
        at = ", ".join(str(table.lines[0]) for table in others)
        said = f"the largest of {len(others) + 1} tables is read; others begin at lines {at}"
        context = context.saying(Remark("tables_left_out", said, len(others)))
    return context, found.main, text


def column_index(context: Context, table: Table, wanted: str | int) -> int:
    """Return the index of a column asked for by name or by number (from 1).

    Raises
    ------
    InputError
        If there is none; the message lists those there are.
    """
    names = [table.name(j).strip().lower() for j in range(len(table.columns))]
    if isinstance(wanted, str) and not wanted.isdecimal():
        if wanted.strip().lower() in names:
            return names.index(wanted.strip().lower())
    elif len(str(wanted)) < 19 and 1 <= int(wanted) <= len(names):
        return int(wanted) - 1
    fault = f"there is no column {wanted!r}; the file has {table.listed}"
    raise context.error(fault, "choose one of them by name or number", line=table.header_line)


def _numeric(table: Table) -> list[int]:
    return [j for j, column in enumerate(table.columns) if column.kind == "number"]


def _called(table: Table, columns: list[int], pattern: re.Pattern[str]) -> list[int]:
    return [j for j in columns if table.names and pattern.search(table.name(j).lower())]


def _axis_column(
    context: Context, table: Table, kind: str, wanted: str | int | None
) -> tuple[int, list[Remark]]:
    meant = AXES[kind]
    numeric = _numeric(table)
    if len(numeric) < 2:
        fault = f"the file holds {len(numeric)} column of numbers; a spectrum needs {meant.name} and counts"
        raise context.error(fault, "export both columns", line=table.header_line)
    if wanted is not None:
        return column_index(context, table, wanted), []
    named = _called(table, numeric, _NAMES[kind])
    if kind == "xps":
        named = [j for j in named if "binding" in table.name(j).lower()] or named
    if named:
        return named[0], []
    for other, pattern in _NAMES.items():
        strange = _called(table, numeric, pattern)
        if other != kind and strange:
            fault = f"this column is {AXES[other].name}; a spectrum of kind {kind} needs {meant.name}"
            remedy = f"read it as {other}, or name the axis column (--axis-column)"
            raise context.error(fault, remedy, line=table.header_line, column=table.name(strange[0]))
    first = table.name(numeric[0])
    if table.names and table.names[numeric[0]]:
        for pattern, what, remedy in _FOREIGN:
            if pattern.search(first.lower()):
                fault = f"this column is {what}; the axis must be {meant.name} in {meant.unit}"
                raise context.error(fault, remedy, line=table.header_line, column=first)
        if kind == "xps" and _KINETIC.search(first.lower()):
            return numeric[0], []
    text = f"the first column of numbers ({first}) is taken as {meant.name} in {meant.unit}: no name says so"
    return numeric[0], [Remark("axis_assumed", text)]


def _counts_column(
    context: Context, table: Table, axis: int, wanted: str | int | None
) -> tuple[int, list[Remark]]:
    if wanted is not None:
        return column_index(context, table, wanted), []
    rest = [j for j in _numeric(table) if j != axis]
    if not rest:
        fault = f"there is no column of counts beside {table.name(axis)!r}"
        raise context.error(fault, "export the intensity too", line=table.header_line)
    named = _called(table, rest, _COUNTS)
    chosen = (named or rest)[0]
    others = [table.name(j) for j in (named if len(named) > 1 else rest) if j != chosen]
    if others:
        listed = ", ".join(others[:6]) + (", ..." if len(others) > 6 else "")
        text = f"counts read from column {table.name(chosen)!r}; others left out: {listed}"
        return chosen, [Remark("counts_column_assumed", text)]
    return chosen, []


def _binding(
    context: Context, name: str, axis: Array, photon_energy_ev: float | None
) -> tuple[Array, list[Remark]]:
    if photon_energy_ev is None:
        if _KINETIC.search(name.lower()) and "binding" not in name.lower():
            remedy = "pass --photon-energy (1486.6 for Al K-alpha, 1253.6 for Mg K-alpha)"
            fault = "the axis is a kinetic energy; binding energies are needed"
            raise context.error(fault, remedy, column=name)
        if np.all(axis <= 0) and np.any(axis < -30):
            text = "the energies are negative (measured from the Fermi level): their sign was turned"
            return -axis, [Remark("sign_turned", text)]
        return axis, []
    text = f"kinetic energies turned into binding energies with hv = {photon_energy_ev:g} eV"
    return photon_energy_ev - axis, [Remark("kinetic_energies", text)]


def _check_rows(names: tuple[str, str], lines: Array, made: Mapping[str, Any]) -> None:
    """Refuse with line and column what `Spectrum` would refuse without them."""
    kind, axis, counts, file = made["kind"], made["axis"], made["counts"], made["source"].file
    meant = AXES[kind]
    if axis.size < FEWEST_POINTS:
        text = f"the spectrum holds {axis.size} points; at least {FEWEST_POINTS} are needed"
        remedy = "export the whole spectrum" + (", or say that it is a peak list" if kind == "ms" else "")
        raise InputError(text, file=file, line=int(lines[-1]) if lines.size else None, remedy=remedy)

    def refusal(row: int, column: int, text: str, remedy: str) -> InputError:
        value = f"{(axis, counts)[column][row]:g}"
        place: dict[str, Any] = {"line": int(lines[row]), "column": names[column], "value": value}
        return InputError(text, file=file, remedy=remedy, **place)

    outside = np.flatnonzero((axis < meant.low) | (axis > meant.high))
    if outside.size:
        text = f"{meant.name} {axis[outside[0]]:g} lies beyond {meant.low:g} to {meant.high:g} {meant.unit}"
        text += f" ({outside.size} of {axis.size} points do)"
        raise refusal(int(outside[0]), 0, text, meant.remedy)
    negative = np.flatnonzero(counts < 0)
    if negative.size and not made["background_subtracted"]:
        text = f"{counts[negative[0]]:g} counts: a detector counts from 0 upwards"
        text += f" ({negative.size} of {counts.size} points are negative)"
        raise refusal(int(negative[0]), 1, text, "export raw counts, or pass --background-subtracted")
    order = np.argsort(axis, kind="stable")
    twice = np.flatnonzero(np.diff(axis[order]) == 0)
    if twice.size:
        row = max(int(order[twice[0]]), int(order[twice[0] + 1]))
        text = f"{meant.name} {axis[row]:g} {meant.unit} stands more than once ({twice.size} repeats)"
        raise refusal(row, 0, text, "average repeated scans first, or export them as separate files")


def _from_vamas(
    content: Content, wanted: int | str | None, photon: float | None, subtracted: bool, label: str
) -> Spectrum:
    blocks = read_vamas(content)
    chosen = _choose_block(content.file, blocks, wanted)
    if photon is not None:
        chosen = replace(chosen, photon_energy_ev=photon)
    energies, said = chosen.binding_energy_ev()
    remarks = [Remark("kinetic_energies", said)] if said else []
    if len(blocks) > 1:
        remarks.append(Remark("block_chosen", f"block {chosen.number} ({chosen.line}) of {len(blocks)} read"))
    return _built(
        (chosen.axis_name, "counts"),
        np.ones(energies.size),  # the lines of a block do not matter
        kind="xps",
        axis=energies,
        counts=chosen.counts,
        label=label or " ".join(part for part in (chosen.sample, chosen.label) if part),
        unit="counts" if chosen.unit in ("d", "") else chosen.unit,
        background_subtracted=subtracted,
        source=content.source("VAMAS", chosen.number),
        remarks=tuple(remarks),
    )


_DIFFRACTOGRAMS = (b"<?xml", b"\xef\xbb\xbf<?xml", b"<xrdMeasurement", b"PK\x03\x04", b"RAW", b"FI\x00")


def _diffractogram(content: Content, kind: str, subtracted: bool, label: str) -> Spectrum:
    """Return the pattern in a file of a diffractometer, read through the optional package."""
    opened = opened_by_extra(content)
    if opened is None:
        raise content.error("this is no text table, and no file of a diffractometer that is known", EXPORT)
    name, traces = opened
    patterns = [
        (record, axis, values)
        for record, axis, values in traces
        if (record.get("extra") or {}).get("axis", {}).get("quantity") == "two_theta" and axis is not None
    ]
    if kind != "xrd" or len(patterns) != 1:
        found = f"{len(patterns)} diffraction patterns ({name})"
        raise content.error(f"the file holds {found}; one {kind} spectrum is needed", "export it as text")
    record, axis, values = patterns[0]
    names = [str(channel.get("name")) for channel in record.get("channels") or []]
    if "intensity" not in names:
        raise content.error(f"its channels are {', '.join(names)}: none is an intensity", EXPORT)
    counts, remarks = values[names.index("intensity")], []
    if "attenuation_factor" in names and np.any(values[names.index("attenuation_factor")] != 1.0):
        counts = counts * values[names.index("attenuation_factor")]
        text = (
            "counts behind an attenuator are multiplied by its factor, which the file states for each point"
        )
        remarks.append(Remark("attenuated", text))
    return _built(
        ("2theta", "intensity"),
        np.ones(axis.size),  # a binary file has no lines
        kind="xrd",
        axis=axis,
        counts=counts,
        label=label or content.stem,
        unit="counts",
        background_subtracted=subtracted,
        source=content.source(f"{name} (openreadout)"),
        remarks=tuple(remarks),
    )


def _choose_block(file: str, blocks: tuple[VamasBlock, ...], wanted: int | str | None) -> VamasBlock:
    listed = ", ".join(f"{b.number} ({b.line or b.label})" for b in blocks[:12])
    if wanted is None and len(blocks) == 1:
        return blocks[0]
    if wanted is None:
        fault = f"the file holds {len(blocks)} blocks: {listed}"
        raise InputError(fault, file=file, remedy="choose one: --block")
    key = line_key(str(wanted))
    for block in blocks:
        if key in (str(block.number), line_key(block.line), line_key(block.label)):
            return block
    raise InputError(f"there is no block {wanted!r}: the file holds {listed}", file=file)


def _built(names: tuple[str, str], lines: Array, **made: Any) -> Spectrum:
    """Return the spectrum of these fields; names of columns and lines of rows are for messages."""
    _check_rows(names, lines, made)
    try:
        return Spectrum(**made)
    except InputError as error:
        raise InputError(str(error), file=made["source"].file, value=error.value) from None


def _unit_of(name: str) -> str:
    found = re.search(r"[(\[/] ?([^)\]]+?) ?[)\]]?$", name[-40:])
    return found[1] if found and "z" not in found[1] else "counts"


_MASS = re.compile(r"m\s*/\s*z|\bmz\b|mass|\bda\b|peak")
_STATED = re.compile(r"assign|formula|species|ion|cluster|compound")
_HEIGHT = re.compile(r"intens|height|count|area|signal|rel")
_COMMENT = re.compile(r"\s*(#|//|;;)")


def looks_like_peak_list(path: str | os.PathLike[str]) -> bool:
    """Return whether a mass-spectrum file is a list of peaks rather than a whole spectrum.

    It is one where a column of formulae stands beside the masses, where there is one number a line,
    or where fewer than 200 rows lie more than 2 Da apart.
    """
    content = read_content(path)
    if is_workbook(content):
        return False
    header, body = _header_of(_rows(content))
    masses = [value for _, cells in body if (value := _number(cells[0])) is not None]
    if any(map(_STATED.search, header)) or all(len(cells) == 1 for _, cells in body) or len(masses) < 2:
        return True
    return len(masses) < 200 and float(np.median(np.abs(np.diff(sorted(masses))))) > 2.0


@checked()
def load_peak_list(path: str | os.PathLike[str], *, label: str = "") -> PeakList:
    r"""Read a list of peaks.

    Parameters
    ----------
    path : path-like
        One peak a line: m/z, and optionally an intensity and an assigned formula, with or without
        a header; separated by commas, semicolons, tabs or blanks.
    label : str
        Name of the sample; the file's stem by default.

    Returns
    -------
    PeakList
        Masses (Da) ascending, with stated formulae and heights where there are any.

    Raises
    ------
    InputError
        If a mass is no number, or there is none.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> file = pathlib.Path(tempfile.mkdtemp()) / "peaks.csv"
    >>> _ = file.write_text("m/z,assigned\n5163,Cd34S33(L)\n5159,AgCd33S33(L)\n")
    >>> load_peak_list(file).stated
    ('Cd34S33(L)', 'AgCd33S33(L)')
    """
    content = read_content(path)
    header, body = _header_of(_rows(content))

    def named(pattern: re.Pattern[str], *taken: int | None) -> int | None:
        return next((j for j, name in enumerate(header) if j not in taken and pattern.search(name)), None)

    mass = named(_MASS) or 0
    stated = named(_STATED, mass)
    height = named(_HEIGHT, mass, stated)
    if not header:
        for j in range(1, max((len(cells) for _, cells in body), default=0)):
            numeric = all(len(cells) <= j or _number(cells[j]) is not None for _, cells in body)
            height, stated = (j, stated) if numeric and height is None else (height, stated)
            stated = j if not numeric and stated is None else stated
    found, problems = [], []
    for line, cells in body:
        places = (j if j is not None and j < len(cells) else None for j in (mass, stated, height))
        cell, formula, intensity = ("" if j is None else cells[j] for j in places)
        value = _number(cell)
        if value is None or not value > 0:
            problems.append((line, cell))
        else:
            found.append((value, formula, _number(intensity)))
    if problems:
        line, cell = problems[0]
        more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
        raise content.error(
            f"{cell!r} is no mass; m/z in Da must be a positive number{more}",
            "one peak a line: m/z, then intensity or formula",
            line=line,
            column=header[mass] if header else None,
            value=cell,
            problems=[f"line {at}: {text!r}" for at, text in problems],
        )
    if not found:
        raise content.error("the peak list is empty", "give at least one m/z")
    text = decode(content.data, content.file).text
    masses, formulas, heights = zip(*found, strict=True)
    return PeakList(
        mz=masses,
        stated=formulas,
        intensity=() if None in heights else heights,
        label=label or content.stem,
        source=marked(content.source("peak list"), text),
    )


def load_reference_patterns(
    path: str | os.PathLike[str], phases_path: str | os.PathLike[str] | None = None
) -> dict[str, Any]:
    """Read reference patterns: a wide table, and optionally the table of their phases.

    Parameters
    ----------
    path : path-like
        First column 2theta, one column per reference, names in the header.
    phases_path : path-like, optional
        Columns phase_id, phase_name, rir; without it each reference is a phase of its own without RIR.

    Returns
    -------
    dict
        The fields of a `Library`.

    Raises
    ------
    InputError
        If names are missing, a cell is no number, or a reference has no row in the second table.
    """
    content = read_content(path)
    context, table, text = evidence_table(content)
    if not any(table.names):
        raise content.error("the references have no names", "put a header: 2theta, then the references")
    numeric = _numeric(table)
    if len(numeric) < 2:
        fault = (
            f"the library holds {len(numeric)} column of numbers; it needs 2theta and at least one reference"
        )
        raise content.error(fault)
    values = np.column_stack([table.columns[j].values for j in numeric])
    bad = np.argwhere(~np.isfinite(values))
    if bad.size:
        line, column = int(table.lines[bad[0][0]]), table.name(numeric[bad[0][1]])
        fault = f"a cell of the library is no number ({len(bad)} such cells)"
        raise content.error(fault, "give every reference on the whole axis", line=line, column=column)
    order = np.argsort(values[:, 0], kind="stable")
    names = tuple(table.name(j) for j in numeric[1:])
    read: dict[str, Any] = {"axis": values[order, 0], "patterns": values[order, 1:], "names": names}
    if phases_path is not None:
        known = _phases_of(read_content(phases_path))
        missing = [name for name in names if name not in known]
        if missing:
            fault = f"reference {missing[0]!r} has no row ({len(missing)} are missing)"
            remedy = "add a row for each reference of the library"
            raise InputError(fault, file=os.fspath(phases_path), column="phase_id", remedy=remedy)
        read["phases"], read["rir"] = zip(*(known[name] for name in names), strict=True)
    return {**read, "source": marked(context.source(), text)}


def _phases_of(content: Content) -> dict[str, tuple[str, float | None]]:
    found: dict[str, tuple[str, float | None]] = {}
    for line, row in _records(content, ("phase_id", "phase_name")):
        cell = row.get("rir", "").strip()
        ratio = _number(cell) if cell else None
        if cell and (ratio is None or not ratio > 0):
            remedy = "give a positive number, or leave the cell empty where it is not known"
            raise content.error(f"{cell!r} is no RIR", remedy, line=line, column="rir", value=cell)
        found[row["phase_id"].strip()] = (row["phase_name"].strip(), ratio)
    return found


def load_findings(path: str | os.PathLike[str]) -> tuple[tuple[SampleEvidence, ...], Source]:
    """Read a table of findings: one entry with one finding per row.

    A share without standard error is kept as a number without an interval.

    Parameters
    ----------
    path : path-like
        CSV with the columns sample, technique, species, state and, where known,
        incorporation_percent, share, se, limit, note.

    Raises
    ------
    InputError
        If a column is missing, a state is unknown or a number cannot be read.
    """
    content = read_content(path)
    rows = []
    for line, row in _records(content, ("sample", "technique", "species", "state")):
        numbers: dict[str, float | None] = {}
        for name in ("incorporation_percent", "share", "se", "limit"):
            cell = row.get(name, "").strip()
            numbers[name] = _number(cell) if cell else None
            if cell and numbers[name] is None:
                remedy = "give a number or leave the cell empty"
                raise content.error(f"{cell!r} is not a number", remedy, line=line, column=name, value=cell)
        state = row["state"].strip().lower()
        if state not in STATES:
            fault = f"state {row['state']!r} is none of {', '.join(STATES)}"
            raise content.error(
                fault, "write one of the three", line=line, column="state", value=row["state"]
            )
        finding = Finding(
            technique=row["technique"].strip(),
            species=row["species"].strip(),
            state=state,
            share=_share_of(numbers["share"], numbers["se"]),
            limit=numbers["limit"],
            note=row.get("note", "").strip(),
        )
        label, percent = row["sample"].strip(), numbers["incorporation_percent"]
        rows.append(SampleEvidence(label=label, incorporation_percent=percent, findings=(finding,)))
    if not rows:
        raise content.error("the table of findings holds no row")
    text = decode(content.data, content.file).text
    return tuple(rows), marked(content.source("table of findings"), text)


def _share_of(share: float | None, se: float | None) -> Estimate | None:
    if share is None:
        return None
    if se is None:
        return Estimate(name="share", value=share, method="as given", reason="no error is given")
    low, high = share - 1.96 * se, share + 1.96 * se
    return Estimate(name="share", value=share, se=se, method="as given", low=low, high=high)


def _records(content: Content, needed: tuple[str, ...]) -> list[tuple[int, dict[str, str]]]:
    """Return line number and cells by name of each row of a CSV with a header."""
    text = decode(content.data, content.file).text
    numbered = enumerate(text.splitlines(), start=1)
    lines = [(number, line) for number, line in numbered if line.strip() and line[0] != "#"]
    if not lines:
        raise content.error("the file is empty")
    delimiter = max(",;\t", key=lines[0][1].count)
    (first, names), *rows = ((at, split_line(line, delimiter)) for at, line in lines)
    header = [name.strip().lower() for name in names]
    missing = [name for name in needed if name not in header]
    if missing:
        fault = f"there is no column {', '.join(map(repr, missing))}; the header has {', '.join(header)}"
        raise content.error(fault, f"name the columns {', '.join(needed)}", line=first)
    for number, cells in rows:
        if len(cells) > len(header):
            raise content.error(f"this row holds {len(cells)} cells, the header {len(header)}", line=number)
    return [(number, dict(zip_longest(header, cells, fillvalue=""))) for number, cells in rows]


_Rows = list[tuple[int, list[str]]]  # line numbers and cells


def _rows(content: Content) -> _Rows:
    text = decode(content.data, content.file).text
    rows = []
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip() or _COMMENT.match(line):
            continue
        delimiter = max(("\t", ";", ","), key=line.count)
        rows.append((number, split_line(line, delimiter) if delimiter in line else line.split()))
    if not rows:
        raise content.error("the file is empty: nothing but blanks and comments")
    return rows


def _header_of(rows: _Rows) -> tuple[list[str], _Rows]:
    first = rows[0][1]
    if any(_number(cell) is not None for cell in first):
        return [], rows
    return [cell.lower() for cell in first], rows[1:]


def _number(cell: str) -> float | None:
    try:
        value = float(cell.replace("−", "-"))
    except ValueError:
        return None
    return value if np.isfinite(value) else None
