"""Lists that serve as evidence: peak masses, reference patterns, and findings of techniques.

A peak list has a column of masses and may have intensities and assigned formulae; reference
patterns are one angle column and one column per reference, with a second table that names phase
and RIR; findings are rows of sample, technique, species and state.
"""

import csv
import io
import os
import re
from dataclasses import dataclass, replace

import numpy as np

from cxkinetics.arrays import Array
from cxkinetics.errors import InputError
from cxkinetics.io.content import Content, read_content
from cxkinetics.io.decode import decode
from cxkinetics.io.evidence_spectra import evidence_table
from cxkinetics.io.excel import sniff as is_workbook
from cxkinetics.io.simulated import simulated_note
from cxkinetics.signals.spectrum import PeakList
from cxkinetics.source import Source

__all__ = [
    "FindingRow",
    "ReferencePatterns",
    "load_findings",
    "load_peak_list",
    "load_reference_patterns",
    "looks_like_peak_list",
]

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
    if any(_STATED.search(name) for name in header):
        return True
    masses = [value for _, cells in body if (value := _number(cells[0])) is not None]
    if all(len(cells) == 1 for _, cells in body):
        return True
    if len(masses) < 2:
        return True
    return len(masses) < 200 and float(np.median(np.abs(np.diff(sorted(masses))))) > 2.0


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
    rows = _rows(content)
    header, body = _header_of(rows)
    mass = next((j for j, name in enumerate(header) if _MASS.search(name)), 0)
    stated = next((j for j, name in enumerate(header) if j != mass and _STATED.search(name)), None)
    height = next(
        (j for j, name in enumerate(header) if j not in (mass, stated) and _HEIGHT.search(name)), None
    )
    if not header:
        width = max((len(cells) for _, cells in body), default=0)
        for j in range(1, width):
            numeric = all(len(cells) <= j or _number(cells[j]) is not None for _, cells in body)
            height, stated = (j, stated) if numeric and height is None else (height, stated)
            stated = j if not numeric and stated is None else stated
    masses, formulas, heights, problems = [], [], [], []
    for line, cells in body:
        cell = cells[mass] if mass < len(cells) else ""
        value = _number(cell)
        if value is None or not value > 0:
            problems.append((line, cell))
            continue
        masses.append(value)
        formulas.append(cells[stated] if stated is not None and stated < len(cells) else "")
        intensity = _number(cells[height]) if height is not None and height < len(cells) else None
        heights.append(np.nan if intensity is None else intensity)
    if problems:
        line, cell = problems[0]
        raise InputError(
            f"{cell!r} is no mass; m/z in Da must be a positive number"
            + (f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""),
            file=content.file,
            line=line,
            column=header[mass] if header else None,
            value=cell,
            remedy="one peak a line: m/z, then intensity or formula",
            problems=[f"line {at}: {text!r}" for at, text in problems],
        )
    if not masses:
        raise InputError("the peak list is empty", file=content.file, remedy="give at least one m/z")
    text = decode(content.data, content.file).text
    source, note = content.source("peak list"), simulated_note(text)
    if note is not None:
        source = replace(source, simulated=True, note=note)
    return PeakList(
        mz=tuple(masses),
        stated=tuple(formulas),
        intensity=tuple(heights) if np.all(np.isfinite(heights)) else (),
        label=label or content.stem,
        source=source,
    )


@dataclass(frozen=True, slots=True, eq=False)
class ReferencePatterns:
    """Reference diffraction patterns as read.

    Attributes
    ----------
    axis : Array, shape (n,)
        2theta, degrees.
    patterns : Array, shape (n, m)
        One column per reference.
    names, phases : tuple of str
        Name and phase of each.
    rir : tuple of (float or None)
        Reference intensity ratio, None where not known.
    source : Source
        Provenance.
    """

    axis: Array
    patterns: Array
    names: tuple[str, ...]
    phases: tuple[str, ...]
    rir: tuple[float | None, ...]
    source: Source


def load_reference_patterns(
    path: str | os.PathLike[str], phases_path: str | os.PathLike[str] | None = None
) -> ReferencePatterns:
    """Read reference patterns: a wide table, and optionally the table of their phases.

    Parameters
    ----------
    path : path-like
        First column 2theta, one column per reference, names in the header.
    phases_path : path-like, optional
        Columns phase_id, phase_name, rir; without it each reference is a phase of its own without RIR.

    Raises
    ------
    InputError
        If names are missing, a cell is no number, or a reference has no row in the second table.
    """
    content = read_content(path)
    context, table, note = evidence_table(content)
    if not any(table.names):
        raise InputError(
            "the references have no names",
            file=content.file,
            remedy="put a header: 2theta, then the references",
        )
    numeric = [j for j, column in enumerate(table.columns) if column.kind == "number"]
    if len(numeric) < 2:
        raise InputError(
            f"the library holds {len(numeric)} column of numbers; it needs 2theta and at least one reference",
            file=content.file,
        )
    values = np.column_stack([table.columns[j].values for j in numeric])
    bad = np.argwhere(~np.isfinite(values))
    if bad.size:
        row, column = int(bad[0][0]), numeric[int(bad[0][1])]
        raise InputError(
            f"a cell of the library is no number ({len(bad)} such cells)",
            file=content.file, line=int(table.lines[row]), column=table.name(column),
            remedy="give every reference on the whole axis",
        )  # fmt: skip
    names = tuple(table.name(j) for j in numeric[1:])
    phases: tuple[str, ...] = names
    rir: tuple[float | None, ...] = (None,) * len(names)
    if phases_path is not None:
        known = _phases_of(read_content(phases_path))
        missing = [name for name in names if name not in known]
        if missing:
            raise InputError(
                f"reference {missing[0]!r} has no row ({len(missing)} are missing)",
                file=os.fspath(phases_path),
                column="phase_id",
                remedy="add a row for each reference of the library",
            )
        phases = tuple(known[name][0] for name in names)
        rir = tuple(known[name][1] for name in names)
    source = context.source()
    if note is not None:
        source = replace(source, simulated=True, note=note)
    order = np.argsort(values[:, 0], kind="stable")
    return ReferencePatterns(values[order, 0], values[order, 1:], names, phases, rir, source)


def _phases_of(content: Content) -> dict[str, tuple[str, float | None]]:
    found: dict[str, tuple[str, float | None]] = {}
    for line, row in _records(content, ("phase_id", "phase_name")):
        cell = (row.get("rir") or "").strip()
        ratio = _number(cell) if cell else None
        if cell and (ratio is None or not ratio > 0):
            raise InputError(
                f"{cell!r} is no RIR", file=content.file, line=line, column="rir", value=cell,
                remedy="give a positive number, or leave the cell empty where it is not known",
            )  # fmt: skip
        found[row["phase_id"].strip()] = (row["phase_name"].strip(), ratio)
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class FindingRow:
    """One row of a table of findings, as read; numbers are None where the cell is empty."""

    line: int
    sample: str
    incorporation_percent: float | None
    technique: str
    species: str
    state: str
    share: float | None
    se: float | None
    limit: float | None
    note: str


def load_findings(path: str | os.PathLike[str]) -> tuple[tuple[FindingRow, ...], Source]:
    """Read a table of findings.

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
            cell = (row.get(name) or "").strip()
            numbers[name] = _number(cell) if cell else None
            if cell and numbers[name] is None:
                raise InputError(
                    f"{cell!r} is not a number", file=content.file, line=line, column=name, value=cell,
                    remedy="give a number or leave the cell empty",
                )  # fmt: skip
        state = row["state"].strip().lower()
        if state not in ("present", "absent", "undecided"):
            raise InputError(
                f"state {row['state']!r} is none of present, absent, undecided",
                file=content.file, line=line, column="state", value=row["state"],
                remedy="write one of the three",
            )  # fmt: skip
        rows.append(
            FindingRow(
                line=line,
                sample=row["sample"].strip(),
                technique=row["technique"].strip(),
                species=row["species"].strip(),
                state=state,
                note=(row.get("note") or "").strip(),
                **numbers,
            )
        )
    if not rows:
        raise InputError("the table of findings holds no row", file=content.file)
    note = simulated_note(decode(content.data, content.file).text)
    source = content.source("table of findings")
    return tuple(rows), source if note is None else replace(source, simulated=True, note=note)


def _records(content: Content, needed: tuple[str, ...]) -> list[tuple[int, dict[str, str]]]:
    """Return line number and cells by name of each row of a CSV with a header."""
    text = decode(content.data, content.file).text
    lines = [
        (i, line) for i, line in enumerate(text.splitlines(), start=1) if line.strip() and line[0] != "#"
    ]
    if not lines:
        raise InputError("the file is empty", file=content.file)
    delimiter = max(",;\t", key=lines[0][1].count)
    header = [cell.strip().lower() for cell in next(csv.reader([lines[0][1]], delimiter=delimiter))]
    missing = [name for name in needed if name not in header]
    if missing:
        raise InputError(
            f"there is no column {', '.join(map(repr, missing))}; the header has {', '.join(header)}",
            file=content.file,
            line=lines[0][0],
            remedy=f"name the columns {', '.join(needed)}",
        )
    found = []
    for number, line in lines[1:]:
        cells = next(csv.reader(io.StringIO(line), delimiter=delimiter))
        if len(cells) > len(header):
            raise InputError(
                f"this row holds {len(cells)} cells, the header {len(header)}", file=content.file, line=number
            )
        found.append((number, dict(zip(header, [*cells, *[""] * (len(header) - len(cells))], strict=True))))
    return found


def _rows(content: Content) -> list[tuple[int, list[str]]]:
    text = decode(content.data, content.file).text
    rows = []
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip() or _COMMENT.match(line):
            continue
        delimiter = max(("\t", ";", ","), key=line.count)
        cells = next(csv.reader([line], delimiter=delimiter)) if delimiter in line else line.split()
        rows.append((number, [cell.strip() for cell in cells]))
    if not rows:
        raise InputError("the file is empty: nothing but blanks and comments", file=content.file)
    return rows


def _header_of(
    rows: list[tuple[int, list[str]]],
) -> tuple[list[str], list[tuple[int, list[str]]]]:
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
