"""Plate readers, a trace a well: Gen5 (BioTek), SoftMax Pro (Molecular Devices), wells in rows.

Gen5 writes a section for each reading, headed "Time", "T° ..." and the wells. SoftMax writes either
that (TimeFormat) or, for each time, the plate as rows and columns (PlateFormat); both are read. BMG
MARS, Nivo and BioLector write a row of times and below it a row for each well; Magellan the moments
in lines of their own and then rows of wells, several side by side. Workbooks hold the same rows.
"""

import itertools
import re
from dataclasses import dataclass, replace

import numpy as np

from cxkinetics.io.cells import is_number
from cxkinetics.io.file import Context, Signal, TextFormat, numbered, plain_lines
from cxkinetics.io.grid import find_style
from cxkinetics.io.layout import understand
from cxkinetics.io.table import Table, parse_column, tables_in
from cxkinetics.remarks import Remark

_GEN5_HEADER = re.compile(r"^\t*\"?(?:Time\"?[\t;,]\"?T[°º]?[^\t;,\n]*|Kinetic read\"?)[\t;,]", re.MULTILINE)
_EMISSION = re.compile(r"\b\d{3}(?:/\d+)?, ?\d{3}\b")
_WAVELENGTH = re.compile(r"(?<!\d)([2-9]\d\d|1[01]\d\d)(?!\d)")


@dataclass(frozen=True, slots=True)
class _Section:
    """A kinetic table inside an export: its text on its own lines, and what it was read at."""

    text: str
    label: str
    wavelength_nm: float | None


def sniff_gen5(head: str) -> bool:
    """Return whether the text is a Gen5 export with a kinetic table or its usual header."""
    if re.match(r"Procedure Summary\b", head) and _GEN5_HEADER.search(head.replace("\r", "")):
        return True
    return (
        "Software Version" in head[:400]
        and re.search(r"^(Reader Type|Plate Number|Plate Type)\b", head, re.M) is not None
    )


def read_gen5(context: Context, text: str) -> list[Signal]:
    """Return a trace for each well, and for each reading where there are several."""
    plain = "\n".join(line.rstrip("\t ") for line in plain_lines(text).split("\n"))
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
        header = plain[start : plain.find("\n", start)].lstrip("\t")
        # "OD600:450": what was asked for stands before the colon, what was measured behind it
        places = (above.rpartition(":")[2], above, re.split(r"[\t;,]", header)[1])
        found = next(filter(None, map(_WAVELENGTH.search, places)), None)
        body = plain[start : stop if stop > 0 else len(plain)]
        indent = len(body) - len(body.lstrip("\t"))  # in a workbook the table begins in the second column
        body = re.sub(rf"^\t{{{indent}}}", "", body, flags=re.MULTILINE) if indent else body
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
        told = replace(
            context, time_unit="s", wavelength_nm=place, remarks=(*context.remarks, *found.remarks)
        )
        if _EMISSION.search(section.label):  # excitation and emission: no absorbance
            told = replace(_as_counts(told, section.label), wavelength_nm=None)
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


_WELL = re.compile(r"[A-P]0?(?:[1-9]|1\d|2[0-4])")
_TIME_HEAD = re.compile(r"(?:avg\.? )?time ?:?(?: ?[(\[](\w+)[)\]])?", re.IGNORECASE)
_DURATION = re.compile(r"(?:(\d+) ?h)? ?(?:(\d+) ?min)? ?(?:(\d+(?:\.\d+)?) ?s)?", re.IGNORECASE)
_NO_ABSORBANCE = re.compile(
    r"polari[sz]ation|fluor|lumin|\bF: ?\d{3}|\d{3}, ?\d{3}|\bRaw Data\b|Gain=", re.IGNORECASE
)
_MOMENT = re.compile(r"^[^\n/]{0,99}\d:\d\d[^\n/]{0,99}/ (\d+(?:[.,]\d+)?) sec / [^\n]*$", re.MULTILINE)


def sniff_rows(head: str) -> bool:
    """Return whether a row of times stands right above rows that begin with wells, or EnVision wrote it."""
    return _ENVISION.match(head) is not None or _row_of_times(_split(plain_lines(head))) is not None


_ENVISION = re.compile(r"\ufeff?Plate information[ ,;\t]*\r?\n\"?Plate\"?[,;\t]\"?Repeat")


def _divider(text: str) -> str:
    return max("\t;,", key=text.count)


def _split(text: str) -> list[list[str]]:
    divider = _divider(text)
    return [line.split(divider) for line in text.split("\n")]


def _row_of_times(rows: list[list[str]]) -> tuple[int, int] | None:
    """Return row and column of the word for time that heads a row of times above wells."""
    for k, cells in enumerate(rows[:-1]):
        named = [j for j, cell in enumerate(cells[:8]) if _TIME_HEAD.fullmatch(cell.strip())]
        if not named:
            continue
        below = next((row for row in rows[k + 1 : k + 3] if not _is_temperature(row)), [""])
        if not _WELL.fullmatch(below[0].strip()) or sum(map(bool, cells[named[0] + 1 :])) <= 2:
            continue
        # a number below the word is itself a time: the rows are times, a well stands beside each
        if not is_number(below[named[0]] if named[0] < len(below) else ""):
            return k, named[0]
    return None


def _is_temperature(cells: list[str]) -> bool:
    return re.match(r"temp\S* ?[(\[]", cells[0], re.IGNORECASE) is not None


def read_rows(context: Context, text: str) -> list[Signal]:
    """Return a trace for each well, and for each table of times that stands there."""
    plain = plain_lines(text)
    rows = _split(plain)
    found = _row_of_times(rows)
    if found is None:
        what = "no row of times stands above the wells: each was read once, or its times were left out"
        raise context.error(what, "export the kinetic reading with its times")
    start, column = found
    stated = _TIME_HEAD.fullmatch(rows[start][column].strip())
    cells = [(j, cell.strip()) for j, cell in enumerate(rows[start]) if j > column and cell.strip()]
    seconds = [_seconds(cell) for _, cell in cells]
    in_words = all(second is not None for second in seconds)
    times = [f"{second:.10g}" if in_words else cell for second, (_, cell) in zip(seconds, cells, strict=True)]
    unit = "s" if in_words else (stated[1] if stated else "") or ""
    if not unit and "BioLect" in plain and context.options.time_unit is None:
        unit, text = (
            "h",
            "times of a BioLector taken in h: the file states no unit (--time-unit if it is another)",
        )
        context = context.saying(Remark("time_unit_assumed", text))
    groups = [cell.strip() for cell in rows[start - 1]] if start else []
    # MARS writes what a block of times holds above each of them or above the first, others number the cycle
    heads, head = {}, ""
    for j, _ in cells:
        head = heads[j] = (groups[j] if j < len(groups) else "") or head
    if not head or any(text.replace(".", "", 1).isdigit() for text in heads.values()):
        heads = {}
    tables: dict[str, dict[str, list[str]]] = {}
    for row in itertools.filterfalse(_is_temperature, rows[start + 1 :]):
        own = [cell.strip() for cell in row] + [""] * len(rows[start])
        if not _WELL.fullmatch(own[0]):
            break
        reading = next((cell for cell in own[1 : column + 1] if cell.startswith("[")), "")
        for kind in dict.fromkeys(heads.get(j, reading) for j, _ in cells):
            values = [own[j] for j, _ in cells if heads.get(j, reading) == kind]
            if any(values):
                tables.setdefault(kind, {})[own[0]] = values
    signals: list[Signal] = []
    for kind, wells in tables.items():
        told = _measured(replace(context, time_unit=unit), kind)
        own_times = [time for time, (j, _) in zip(times, cells, strict=True) if heads.get(j, kind) == kind]
        for signal in understand(told, _table(told, own_times, wells, start + 1)):
            label = f"{signal.label} {kind}".strip() if len(tables) > 1 else signal.label
            signals.append(replace(signal, label=label))
    return numbered(signals)


def _measured(context: Context, kind: str) -> Context:
    """Return the context that knows a fluorescence, a polarization or scattered light by its name."""
    if not _NO_ABSORBANCE.search(kind):
        return context
    return _as_counts(context, kind)


def _as_counts(context: Context, kind: str) -> Context:
    """Return the context of a reading that is no absorbance; what the caller said of it stands."""
    if context.options.absorbance_unit is not None:
        return context
    text = f"{kind!r} is not absorbance: its values are kept as they are"
    options = replace(context.options, absorbance_unit="counts")
    return replace(context.saying(Remark("not_absorbance", text)), options=options)


def _seconds(cell: str) -> float | None:
    """Return the s of a time in words ("1 min 30 s"), None where it is none."""
    found = _DURATION.fullmatch(cell.strip())
    if found is None or not any(found.groups()):
        return None
    return sum(
        float(part or 0) * unit for part, unit in zip(found.groups(), (3600.0, 60.0, 1.0), strict=True)
    )


def _table(context: Context, times: list[str], wells: dict[str, list[str]], line: int) -> Table:
    flat = [(line, cell) for values in (times, *wells.values()) for cell in values]
    style, _ = find_style(flat, file=context.file, delimiter="\t", decimal=context.options.decimal)
    parsed = [parse_column(times, style), *(parse_column(values, style) for values in wells.values())]
    return Table(["Time", *wells], [], parsed, [line] * len(times), line)


def sniff_magellan(head: str) -> bool:
    """Return whether moments in lines of their own begin the text, as Magellan writes them."""
    return re.match(r"[^\n/]{0,99}/ 0 sec / ", head.lstrip()) is not None and len(_MOMENT.findall(head)) > 2


def read_magellan(context: Context, text: str) -> list[Signal]:
    """Return a trace for each well; the wells stand in rows, several side by side."""
    plain = plain_lines(text)
    times = _MOMENT.findall(plain)
    wells: dict[str, list[str]] = {}
    for number, row in enumerate(_split(plain), 1):
        cells = [cell.strip() for cell in row]
        for j in (j for j, cell in enumerate(cells) if _WELL.fullmatch(cell)):
            values = cells[j + 1 : j + 1 + len(times)]
            if cells[j] in wells or len(values) < len(times) or not all(values):
                what = f"well {cells[j]} must hold {len(times)} readings once"
                raise context.error(what, "export the raw data again", line=number)
            wells[cells[j]] = values
    if not wells:
        raise context.error("no well stands below the moments", "export the raw data of the wells")
    told = replace(context, time_unit="s")
    return numbered(understand(told, _table(told, times, wells, len(times) + 1)))


_ITERATION = re.compile(r"^\t?Iteration: ?(\d+)", re.MULTILINE)
_SKANIT = re.compile(r"^(?:[^\t;,\n]*[\t;,])?avg\. time \[s\][\t;,].*\([A-P]\d\d\)", re.MULTILINE)


def sniff_skanit(head: str) -> bool:
    """Return whether the text holds the kinetic table of SkanIt: samples with their wells in brackets."""
    return _SKANIT.search(head) is not None or ("Plate:" in head and _ITERATION.search(head) is not None)


def read_skanit(context: Context, text: str) -> list[Signal]:
    """Return a trace for each sample, labelled with its name and well."""
    plain = plain_lines(text)
    if _SKANIT.search(plain) is None:
        _refuse_iterations(context, plain)
    rows = [[cell.strip() for cell in row] for row in _split(plain)]
    start = next(k for k, cells in enumerate(rows) if "avg. time [s]" in cells)
    place = rows[start].index("avg. time [s]")
    columns = [(j, name) for j, name in enumerate(rows[start]) if re.search(r"\([A-P]\d\d\)$", name)]
    body = []
    for cells in rows[start + 1 :]:
        if len(cells) <= max(j for j, _ in columns) or not cells[place]:
            break
        body.append(cells)
    labels = {name[-4:-1]: name for _, name in columns}
    wells = {name[-4:-1]: [cells[j] for cells in body] for j, name in columns}
    found = re.search(r"^[^\w\n]*Wavelength: (\d+) nm", "\n".join(plain.split("\n")[:start]), re.MULTILINE)
    told = replace(context, time_unit="s", wavelength_nm=float(found[1]) if found else None)
    table = _table(told, [cells[place] for cells in body], wells, start + 1)
    table = Table(table.names, [], table.columns, list(range(start + 2, start + 2 + len(body))), start + 1)
    signals = understand(told, table)
    return numbered([replace(signal, label=labels.get(signal.label, signal.label)) for signal in signals])


def _refuse_iterations(context: Context, text: str) -> None:
    """Refuse plates by iteration: nothing in such a file tells the time between two of them."""
    count = len(set(_ITERATION.findall(text)))
    raise context.error(
        f"plates of {count} iterations without the time of any: no course of time can be read",
        "export the kinetic result as a list with its times ('avg. time [s]')",
    )


def is_plate(text: str) -> bool:
    """Return whether the text of a sheet is that of a plate reader."""
    return any(entry.sniff(text[:_SHEET_HEAD]) for entry in FORMATS)


def read_sheet(context: Context, text: str) -> list[Signal]:
    """Return the signals in the text of a sheet that is a plate reader's."""
    entry = next(entry for entry in FORMATS if entry.sniff(text[:_SHEET_HEAD]))
    return entry.read(replace(context, format=f"{entry.name} ({context.format})"), text)


_SHEET_HEAD = 1 << 18
_SOFTMAX = "Molecular Devices SoftMax Pro kinetic exports in TimeFormat or PlateFormat, a trace a well"
_ROWS = "a row of times, a row for each well: BMG MARS, Nivo, BioLector; Tecan i-control by its layout only"
FORMATS = (
    TextFormat("Gen5", ".txt", "BioTek Gen5 kinetic exports, a trace a well", sniff_gen5, read_gen5),
    TextFormat("SoftMax Pro", ".txt", _SOFTMAX, sniff_softmax, read_softmax),
    TextFormat("Magellan", ".txt .xlsx", "Tecan Magellan, a trace a well", sniff_magellan, read_magellan),
    TextFormat("SkanIt", ".txt .xlsx", "Thermo SkanIt, a trace a sample", sniff_skanit, read_skanit),
    TextFormat("wells in rows", ".csv .txt .xlsx", _ROWS, sniff_rows, read_rows),
)
