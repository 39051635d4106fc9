"""Plate readers: Gen5 (BioTek) and SoftMax Pro (Molecular Devices) kinetic exports, a trace a well.

Gen5 writes a section for each reading, headed "Time", "T° ..." and the wells. SoftMax writes either
that (TimeFormat) or, for each time, the plate as rows and columns (PlateFormat); both are read.
"""

import re
from dataclasses import dataclass, replace

import numpy as np

from cxkinetics.io.file import Context, Signal, TextFormat, numbered, plain_lines
from cxkinetics.io.grid import find_style
from cxkinetics.io.layout import understand
from cxkinetics.io.table import Table, parse_column, tables_in

_GEN5_HEADER = re.compile(r"^\"?Time\"?[\t;,]\"?T[°º]?[^\t;,\n]*[\t;,]", re.MULTILINE)
_WAVELENGTH = re.compile(r"(?<!\d)([2-9]\d\d|1[01]\d\d)(?!\d)")


@dataclass(frozen=True, slots=True)
class _Section:
    """A kinetic table inside an export: its text on its own lines, and what it was read at."""

    text: str
    label: str
    wavelength_nm: float | None


def sniff_gen5(head: str) -> bool:
    """Return whether the text is a Gen5 export with a kinetic table or its usual header."""
    return (
        "Software Version" in head[:400]
        and re.search(r"^(Reader Type|Plate Number|Plate Type)\b", head, re.M) is not None
    )


def read_gen5(context: Context, text: str) -> list[Signal]:
    """Return a trace for each well, and for each reading where there are several."""
    plain = plain_lines(text)
    starts = [match.start() for match in _GEN5_HEADER.finditer(plain)]
    if not starts:
        raise context.error(
            "a Gen5 export without a kinetic table (no 'Time' column of wells)",
            "export the raw data of the kinetic reading",
        )
    sections = []
    for start in starts:
        stop = plain.find("\n\n", start)
        above = plain[:start].rstrip("\n").rsplit("\n", 1)[-1].strip()
        header = plain[start : plain.find("\n", start)]
        found = _WAVELENGTH.search(above) or _WAVELENGTH.search(re.split(r"[\t;,]", header)[1])
        body = plain[start : stop if stop > 0 else len(plain)]
        text_ = "\n" * plain[:start].count("\n") + body
        sections.append(_Section(text_, above, float(found.group(1)) if found else None))
    return _read_sections(context, sections)


def sniff_softmax(head: str) -> bool:
    """Return whether the text begins like a SoftMax Pro export."""
    return re.match(r"\s*##BLOCKS\s*=", head) is not None


def read_softmax(context: Context, text: str) -> list[Signal]:
    """Return a trace for each well of each kinetic plate."""
    plain = plain_lines(text)
    lines = plain.split("\n")
    plates = [i for i, line in enumerate(lines) if line.startswith("Plate:")]
    sections: list[_Section] = []
    signals: list[Signal] = []
    for i in plates:
        fields = lines[i].split("\t") + [""] * 20
        stop = next((j for j in range(i + 1, len(lines)) if lines[j].startswith("~End")), len(lines))
        if fields[4] != "Kinetic":
            continue
        waves = fields[15].split()
        if len(waves) > 1 and "TimeFormat" not in fields[3]:
            what = f"plate {fields[1]!r} was read at {len(waves)} wavelengths in PlateFormat"
            raise context.error(what, "export it in TimeFormat", line=i + 1)
        wavelength = float(waves[0]) if waves and waves[0].replace(".", "", 1).isdigit() else None
        if fields[3] == "TimeFormat":
            body = "\n".join(lines[i + 1 : stop])
            sections.append(_Section("\n" * (i + 1) + body, fields[1], wavelength))
        else:
            told = replace(context, time_unit="s", wavelength_nm=wavelength)
            signals += understand(told, _plate_table(context, lines, i + 1, stop))
    if sections:
        signals += _read_sections(context, sections)
    if not signals:
        raise context.error("a SoftMax Pro export without a kinetic plate", "export the kinetic reading")
    return numbered(signals)


def _plate_table(context: Context, lines: list[str], start: int, stop: int) -> Table:
    """Turn the plates of PlateFormat, one for each time, into a table of wells against time."""
    header = lines[start].split("\t")
    columns = [(j, cell.strip()) for j, cell in enumerate(header) if cell.strip().isdigit()]
    times: list[str] = []
    at: list[int] = []
    wells: dict[str, dict[int, str]] = {}
    row = 0
    for number in range(start + 1, stop):
        cells = lines[number].split("\t")
        if not any(cell.strip() for cell in cells):
            continue
        if cells[0].strip():
            times.append(cells[0].strip())
            at.append(number + 1)
            row = 0
        if not times or row > 31:
            raise context.error("no plate begins here with its time", line=number + 1)
        for j, name in columns:
            if j < len(cells) and cells[j].strip():
                letter = chr(65 + row) if row < 26 else "A" + chr(65 + row - 26)
                wells.setdefault(f"{letter}{name}", {})[len(times) - 1] = cells[j].strip()
        row += 1
    if not wells:
        raise context.error("no data rows: the plates are empty", line=start + 1)
    texts = [[found.get(k, "") for k in range(len(times))] for found in wells.values()]
    flat = [(line, cell) for cells in texts for line, cell in zip(at, cells, strict=True)]
    style, _ = find_style(flat, file=context.file, delimiter="\t", decimal=context.options.decimal)
    parsed = [parse_column(times, style), *(parse_column(cells, style) for cells in texts)]
    return Table(["Time", *wells], [], parsed, at, start + 1)


def _read_sections(context: Context, sections: list[_Section]) -> list[Signal]:
    signals: list[Signal] = []
    for section in sections:
        found = tables_in(context.content, section.text, context.options)
        place = section.wavelength_nm
        told = replace(context, time_unit="s", wavelength_nm=place, remarks=found.remarks)
        for signal in understand(told, _without_blank_rows(found.main)):
            label = f"{signal.label} {section.label}".strip() if len(sections) > 1 else signal.label
            signals.append(replace(signal, label=label))
    return numbered(signals)


def _without_blank_rows(table: Table) -> Table:
    """Drop rows without any reading: a run stopped early is padded with them."""
    body = [column for j, column in enumerate(table.columns) if j > 1 and column.kind == "number"]
    if not body:
        return table
    known = np.any([np.isfinite(column.values) | column.overflowed for column in body], axis=0)
    return table if known.all() else table.take(np.flatnonzero(known))


_SOFTMAX = "Molecular Devices SoftMax Pro kinetic exports in TimeFormat or PlateFormat, a trace a well"
FORMATS = (
    TextFormat("Gen5", ".txt", "BioTek Gen5 kinetic exports, a trace a well", sniff_gen5, read_gen5),
    TextFormat("SoftMax Pro", ".txt", _SOFTMAX, sniff_softmax, read_softmax),
)
