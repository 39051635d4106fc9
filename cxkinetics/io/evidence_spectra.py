"""Spectra that serve as evidence: text tables, workbooks and VAMAS files to `Spectrum`.

Columns are found by their names; without names the first column is the axis and the second the
counts, and a remark says so. A column that is plainly another quantity (a time, a wavelength, a d
spacing) is refused by name, kinetic energies are turned into binding energies when the photon
energy is known, and every refusal names file, line, column and what to do.
"""

import os
import re
from dataclasses import replace

import numpy as np

from cxkinetics.arrays import Array
from cxkinetics.errors import InputError, UsageError
from cxkinetics.io.content import Content, read_content
from cxkinetics.io.context import Context
from cxkinetics.io.decode import decode
from cxkinetics.io.excel import sniff as is_workbook
from cxkinetics.io.excel import workbook_tables
from cxkinetics.io.options import ReadOptions
from cxkinetics.io.quantities import refuse_texts
from cxkinetics.io.simulated import simulated_note
from cxkinetics.io.table import Table
from cxkinetics.io.texttable import tables_of
from cxkinetics.io.vamas import VamasBlock, is_vamas, read_vamas
from cxkinetics.remarks import Remark
from cxkinetics.signals.spectrum import AXES, FEWEST_POINTS, Spectrum
from cxkinetics.source import Source

__all__ = ["column_index", "evidence_table", "load_spectrum"]

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
            raise InputError(
                f"this is a VAMAS file (XPS), not a spectrum of kind {kind!r}", file=content.file
            )
        return _from_vamas(content, block, photon_energy_ev, background_subtracted, label)
    context, table, note = evidence_table(content, decimal=decimal, sheet=sheet)
    x, said_x = _axis_column(context, table, kind, axis_column)
    y, said_y = _counts_column(context, table, kind, x, counts_column)
    refuse_texts(context, table, [x, y])
    remarks = [*context.remarks, *said_x, *said_y]
    axis, counts = table.columns[x].values, table.columns[y].values
    lines = np.asarray(table.lines)
    known = np.isfinite(axis) & np.isfinite(counts)
    if not known.all():
        remarks.append(
            Remark(
                "missing_cells",
                f"{int((~known).sum())} rows without a number left out",
                int((~known).sum()),
                table.lines_of(np.flatnonzero(~known).tolist()),
            )
        )
        axis, counts, lines = axis[known], counts[known], lines[known]
    if kind == "xps":
        axis, said = _binding(context, table.name(x), axis, photon_energy_ev)
        remarks += said
    names = (table.name(x), table.name(y))
    _check_rows(content.file, kind, names, axis, counts, lines, background_subtracted)
    source = context.source()
    if note is not None:
        source = replace(source, simulated=True, note=note)
    return _built(
        kind, axis, counts, label or content.stem, _unit_of(names[1]), background_subtracted, source, remarks
    )


def evidence_table(
    content: Content, *, decimal: str | None = None, sheet: str | int | None = None
) -> tuple[Context, Table, str | None]:
    """Return the largest table of a text file or workbook, and the note of simulated data if any."""
    options = ReadOptions(decimal=decimal, sheet=sheet)
    if is_workbook(content):
        found, format_name, note = workbook_tables(content, options)[0], "Excel workbook", None
    else:
        text = decode(content.data, content.file).text
        try:
            found = tables_of(text, file=content.file, decimal=decimal)
        except InputError as error:
            if "no data rows" not in str(error):
                raise
            raise InputError(
                "no data rows: no line holds two or more numbers",
                file=content.file,
                remedy="export axis and counts as two columns of a text table",
            ) from None
        format_name, note = "text table", simulated_note(text)
    table = max(found.tables, key=lambda item: item.n_rows * len(item.columns))
    return Context(content=content, options=options, format=format_name, remarks=found.remarks), table, note


def column_index(context: Context, table: Table, wanted: str | int) -> int:
    """Return the index of a column asked for by name or by number (from 1).

    Raises
    ------
    InputError
        If there is none; the message lists those there are.
    """
    names = [table.name(j) for j in range(len(table.columns))]
    if isinstance(wanted, str) and not wanted.isdigit():
        exact = [j for j, name in enumerate(names) if name.strip().lower() == wanted.strip().lower()]
        if exact:
            return exact[0]
    elif 1 <= int(wanted) <= len(names):
        return int(wanted) - 1
    raise InputError(
        f"there is no column {wanted!r}; the file has {', '.join(repr(name) for name in names)}",
        file=context.file,
        line=table.header_line,
        remedy="choose one of them by name or number",
    )


def _axis_column(
    context: Context, table: Table, kind: str, wanted: str | int | None
) -> tuple[int, list[Remark]]:
    meant = AXES[kind]
    numeric = [j for j, column in enumerate(table.columns) if column.kind == "number"]
    if len(numeric) < 2:
        raise InputError(
            f"the file holds {len(numeric)} column of numbers; a spectrum needs {meant.name} and counts",
            file=context.file,
            line=table.header_line,
            remedy="export both columns",
        )
    if wanted is not None:
        return column_index(context, table, wanted), []
    named = [j for j in numeric if table.names and _NAMES[kind].search(table.name(j).lower())]
    if kind == "xps" and named:
        named = [j for j in named if "binding" in table.name(j).lower()] or named
    if named:
        return named[0], []
    for other, pattern in _NAMES.items():
        strange = [j for j in numeric if table.names and pattern.search(table.name(j).lower())]
        if other != kind and strange:
            raise InputError(
                f"this column is {AXES[other].name}; a spectrum of kind {kind} needs {meant.name}",
                file=context.file,
                line=table.header_line,
                column=table.name(strange[0]),
                remedy=f"read it as {other}, or name the axis column (--axis-column)",
            )
    first = table.name(numeric[0])
    if table.names and table.names[numeric[0]]:
        for pattern, what, remedy in _FOREIGN:
            if pattern.search(first.lower()):
                raise InputError(
                    f"this column is {what}; the axis must be {meant.name} in {meant.unit}",
                    file=context.file,
                    line=table.header_line,
                    column=first,
                    remedy=remedy,
                )
        if kind == "xps" and _KINETIC.search(first.lower()):
            return numeric[0], []
    text = f"the first column of numbers ({first}) is taken as {meant.name} in {meant.unit}: no name says so"
    return numeric[0], [Remark("axis_assumed", text)]


def _counts_column(
    context: Context, table: Table, kind: str, axis: int, wanted: str | int | None
) -> tuple[int, list[Remark]]:
    if wanted is not None:
        return column_index(context, table, wanted), []
    rest = [j for j, column in enumerate(table.columns) if column.kind == "number" and j != axis]
    if not rest:
        raise InputError(
            f"there is no column of counts beside {table.name(axis)!r}",
            file=context.file,
            line=table.header_line,
            remedy="export the intensity too",
        )
    named = [j for j in rest if table.names and _COUNTS.search(table.name(j).lower())]
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
            raise InputError(
                "the axis is a kinetic energy; binding energies are needed",
                file=context.file,
                column=name,
                remedy="pass --photon-energy (1486.6 for Al K-alpha, 1253.6 for Mg K-alpha)",
            )
        if np.nanmax(axis) <= 0 and np.nanmin(axis) < -30:
            text = "the energies are negative (measured from the Fermi level): their sign was turned"
            return -axis, [Remark("sign_turned", text)]
        return axis, []
    text = f"kinetic energies turned into binding energies with hv = {photon_energy_ev:g} eV"
    return photon_energy_ev - axis, [Remark("kinetic_energies", text)]


def _check_rows(
    file: str, kind: str, names: tuple[str, str], axis: Array, counts: Array, lines: Array, subtracted: bool
) -> None:
    """Refuse with line and column what `Spectrum` would refuse without them."""
    meant = AXES[kind]
    if axis.size < FEWEST_POINTS:
        raise InputError(
            f"the spectrum holds {axis.size} points; at least {FEWEST_POINTS} are needed",
            file=file,
            line=int(lines[-1]) if lines.size else None,
            remedy="export the whole spectrum" + (", or say that it is a peak list" if kind == "ms" else ""),
        )
    outside = np.flatnonzero((axis < meant.low) | (axis > meant.high))
    if outside.size:
        raise InputError(
            f"{meant.name} {axis[outside[0]]:g} lies beyond {meant.low:g} to {meant.high:g} {meant.unit} "
            f"({outside.size} of {axis.size} points do)",
            file=file, line=int(lines[outside[0]]), column=names[0], value=f"{axis[outside[0]]:g}",
            remedy=meant.remedy,
        )  # fmt: skip
    negative = np.flatnonzero(counts < 0)
    if negative.size and not subtracted:
        raise InputError(
            f"{counts[negative[0]]:g} counts: a detector counts from 0 upwards ({negative.size} of "
            f"{counts.size} points are negative)",
            file=file, line=int(lines[negative[0]]), column=names[1], value=f"{counts[negative[0]]:g}",
            remedy="export raw counts, or pass --background-subtracted",
        )  # fmt: skip
    order = np.argsort(axis, kind="stable")
    twice = np.flatnonzero(np.diff(axis[order]) == 0)
    if twice.size:
        row = max(int(order[twice[0]]), int(order[twice[0] + 1]))
        raise InputError(
            f"{meant.name} {axis[row]:g} {meant.unit} stands more than once ({twice.size} repeats)",
            file=file, line=int(lines[row]), column=names[0], value=f"{axis[row]:g}",
            remedy="average repeated scans first, or export them as separate files",
        )  # fmt: skip


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
    lines = np.zeros(energies.size, dtype=int)
    _check_rows(
        content.file, "xps", (chosen.axis_name, "counts"), energies, chosen.counts, lines + 1, subtracted
    )
    name = label or " ".join(part for part in (chosen.sample, chosen.label) if part)
    unit = "counts" if chosen.unit in ("d", "") else chosen.unit
    source = content.source("VAMAS", chosen.number)
    return _built("xps", energies, chosen.counts, name, unit, subtracted, source, remarks)


def _choose_block(file: str, blocks: tuple[VamasBlock, ...], wanted: int | str | None) -> VamasBlock:
    listed = ", ".join(f"{b.number} ({b.line or b.label})" for b in blocks[:12])
    if wanted is None:
        if len(blocks) == 1:
            return blocks[0]
        raise InputError(
            f"the file holds {len(blocks)} blocks: {listed}", file=file, remedy="choose one: --block"
        )
    key = str(wanted).replace(" ", "").lower()
    for block in blocks:
        if key in (
            str(block.number),
            block.line.replace(" ", "").lower(),
            block.label.replace(" ", "").lower(),
        ):
            return block
    raise InputError(f"there is no block {wanted!r}: the file holds {listed}", file=file)


def _built(
    kind: str, axis: Array, counts: Array, label: str, unit: str, subtracted: bool, source: Source,
    remarks: list[Remark],
) -> Spectrum:  # fmt: skip
    try:
        return Spectrum(
            kind=kind,
            axis=axis,
            counts=counts,
            label=label,
            unit=unit,
            background_subtracted=subtracted,
            source=source,
            remarks=tuple(remarks),
        )
    except InputError as error:
        raise InputError(str(error), file=source.file, value=error.value) from None


def _unit_of(name: str) -> str:
    found = re.search(r"[(\[/]\s*([^)\]]+?)\s*[)\]]?$", name)
    return found[1] if found and "z" not in found[1] else "counts"
