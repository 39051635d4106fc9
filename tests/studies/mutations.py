"""Files that mean the same: a run written in another way must give the same numbers, or a question.

`python -m tests.studies.mutations 500` prints what became of so many tries, by kind of change.
"""

import sys
import tempfile
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

import cxkinetics as cx

TIME_UNITS = {"s": 1.0, "ms": 1e-3, "min": 60.0, "h": 3600.0}
AXIS_UNITS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "nm": lambda nm: nm,
    "um": lambda nm: nm / 1000.0,
    "eV": lambda nm: 1239.8419843320026 / nm,
    "cm-1": lambda nm: 1e7 / nm,
}
NEVER_ASKED = ("encoding", "delimiter", "decimal mark", "comments", "column order", "line ends")


@dataclass(frozen=True)
class Form:
    """How a run is written."""

    encoding: str = "utf-8"
    delimiter: str = ","
    decimal: str = "."
    transposed: bool = False
    shuffled: bool = False
    time_unit: str = "s"
    axis_unit: str = "nm"
    beside: tuple[str, ...] = ()  # further columns
    comments: bool = False
    line_end: str = "\n"
    time_name: str = "time ({})"
    signal_name: str = "absorbance"
    reversed_columns: bool = False
    done: tuple[str, ...] = field(default=())


@dataclass(frozen=True)
class Run:
    """Times in s, wavelengths in nm (one for a trace), absorbances time x wavelength."""

    time_s: np.ndarray
    wavelength_nm: np.ndarray
    absorbance: np.ndarray

    @property
    def is_trace(self) -> bool:
        return self.wavelength_nm.size == 1


def a_run(rng: np.random.Generator) -> Run:
    """Return a run of 12 to 60 times, a trace or spectra."""
    n = int(rng.integers(12, 61))
    time = np.round(np.cumsum(rng.uniform(1.5, 20.0, n)), 2)
    time -= time[0]
    waves = np.array([324.0])
    if rng.random() < 0.5:
        start, step = float(rng.integers(250, 500)), float(rng.choice([1.0, 2.0, 5.0]))
        waves = start + step * np.arange(int(rng.integers(6, 30)))
    rate = rng.uniform(0.5, 4.0) / time[-1]
    shape = rng.uniform(0.3, 1.2, waves.size)
    body = np.exp(-rate * time)[:, None] * shape + 0.05 + rng.normal(0, 0.002, (n, waves.size))
    return Run(time, waves, np.round(body, 5))


def _encoding(form: Form, rng: np.random.Generator) -> Form:
    return replace(form, encoding=str(rng.choice(["utf-8-sig", "utf-16", "cp1252"])))


def _delimiter(form: Form, rng: np.random.Generator) -> Form:
    allowed = [mark for mark in (";", "\t", "|", "  ") if mark != form.delimiter]
    return replace(form, delimiter=str(rng.choice(allowed)))


def _decimal(form: Form, rng: np.random.Generator) -> Form:
    delimiter = form.delimiter if form.delimiter != "," else str(rng.choice([";", "\t"]))
    return replace(form, decimal=",", delimiter=delimiter)


def _time_unit(form: Form, rng: np.random.Generator) -> Form:
    return replace(form, time_unit=str(rng.choice(["ms", "min", "h"])))


def _axis_unit(form: Form, rng: np.random.Generator) -> Form:
    return replace(form, axis_unit=str(rng.choice(["um", "eV", "cm-1"])))


def _names(form: Form, rng: np.random.Generator) -> Form:
    times = ["Time [{}]", "t / {}", "Zeit ({})", "Elapsed time ({})", "Tiempo ({})", "temps ({})"]
    signals = ["A", "Abs", "OD600", "Extinktion", "A (AU)", "A324", "Absorbance at 324 nm"]
    return replace(form, time_name=str(rng.choice(times)), signal_name=str(rng.choice(signals)))


def _line_end(form: Form, rng: np.random.Generator) -> Form:
    return replace(form, line_end=str(rng.choice(["\r\n", "\r"])))


def _column(name: str) -> Callable[[Form, np.random.Generator], Form]:
    return lambda form, rng: replace(form, beside=(*form.beside, name))


CHANGES: dict[str, Callable[[Form, np.random.Generator], Form]] = {
    "encoding": _encoding,
    "delimiter": _delimiter,
    "decimal mark": _decimal,
    "transposition": lambda form, rng: replace(form, transposed=True),
    "shuffled rows": lambda form, rng: replace(form, shuffled=True),
    "unit of time": _time_unit,
    "unit of axis": _axis_unit,
    "index column": _column("index"),
    "clock column": _column("clock"),
    "sigma column": _column("sigma"),
    "temperature column": _column("temperature"),
    "comment column": _column("comment"),
    "comments": lambda form, rng: replace(form, comments=True),
    "line ends": _line_end,
    "names": _names,
    "column order": lambda form, rng: replace(form, reversed_columns=True),
}
SPECTRA_ONLY, TRACE_ONLY = ("transposition", "unit of axis"), ("sigma column", "column order")


def changed(run: Run, rng: np.random.Generator) -> Form:
    """Return a form of one to four changes."""
    kinds = [k for k in CHANGES if k not in (SPECTRA_ONLY if run.is_trace else TRACE_ONLY)]
    form = Form()
    for kind in rng.choice(kinds, int(rng.integers(1, 5)), replace=False):
        form = CHANGES[str(kind)](form, rng)
        form = replace(form, done=(*form.done, str(kind)))
    return form


def _beside(name: str, run: Run, rng: np.random.Generator) -> tuple[str, list[str]]:
    """Return head and cells of a column that changes nothing."""
    n = run.time_s.size
    if name == "index":
        first = int(rng.integers(0, 2))
        names = ["No.", "Index", "#", "Scan", "", "n", "Cycle", "Pt", "Messpunkt"]
        return str(rng.choice(names)), [str(first + i) for i in range(n)]
    if name == "clock":
        seconds = 36000 + np.floor(run.time_s).astype(int)
        clocks = [f"{s // 3600:02d}:{s // 60 % 60:02d}:{s % 60:02d}" for s in seconds]
        if rng.random() < 0.5:
            clocks = [f"2024-03-01 {clock}" for clock in clocks]
        return str(rng.choice(["Clock", "Time of day", "Timestamp", "Date"])), clocks
    if name == "sigma":
        return str(rng.choice(["sd", "std", "error", "stderr", "SD (AU)", "±", "u(A)"])), ["0.002"] * n
    if name == "temperature":
        return str(rng.choice(["T (°C)", "Temp", "Temperature"])), [
            f"{25 + 0.1 * (i % 3):.1f}" for i in range(n)
        ]
    return str(rng.choice(["note", "remark"])), ["" if i % 7 else "stirred" for i in range(n)]


def written(run: Run, form: Form, rng: np.random.Generator) -> bytes:
    """Return the file."""
    times = run.time_s / TIME_UNITS[form.time_unit]
    places = AXIS_UNITS[form.axis_unit](run.wavelength_nm)
    gap = "" if form.delimiter.strip() or form.delimiter == "\t" else "nan"

    def number(value: float, digits: int = 12) -> str:
        return f"{value:.{digits}g}".replace(".", form.decimal)

    order = rng.permutation(times.size) if form.shuffled else np.arange(times.size)
    if form.transposed:
        head = [f"wavelength ({form.axis_unit})".replace("wavelength", _axis_word(form.axis_unit))]
        head += [f"{number(times[i])} {form.time_unit}" for i in order]
        rows = [
            [number(place), *[number(v) for v in run.absorbance[order, j]]] for j, place in enumerate(places)
        ]
    else:
        columns = [(form.time_name.format(form.time_unit), [number(t) for t in times])]
        if run.is_trace:
            columns.append((form.signal_name, [number(v) for v in run.absorbance[:, 0]]))
        else:
            unit = "" if form.axis_unit == "nm" else f" {form.axis_unit}"
            bodies = ([number(v) for v in run.absorbance[:, j]] for j in range(places.size))
            columns += [(f"{number(p)}{unit}", body) for p, body in zip(places, bodies, strict=True)]
        for name in form.beside:
            column = _beside(name, run, rng)
            column = (
                column[0],
                [cell.replace(".", form.decimal) if name != "clock" else cell for cell in column[1]],
            )
            # a counter stands first, as instruments write it; what else is beside may stand anywhere behind
            columns.insert(0 if name == "index" else int(rng.integers(1, len(columns) + 1)), column)
        if form.reversed_columns:
            columns = [columns[k] for k in rng.permutation(len(columns))]
        head = [name for name, _ in columns]
        head[-1] = head[-1] or "No."  # a last name may not be empty: a separator at the end makes no column
        rows = [[cells[i] or gap for _, cells in columns] for i in order]
    if form.delimiter == "  ":  # between blanks a name must stand in one piece, and a cell must not be empty
        head = [{"": "No.", "#": "No."}.get(name, name.replace(" ", "_")) for name in head]
        rows = [[cell.replace(" ", "T") for cell in row] for row in rows]  # a date and its clock
    lines = [form.delimiter.join(row) for row in [head, *rows]]
    if form.comments:
        lines = ["# exported by a spectrometer", "# operator: me", *lines]
    return (form.line_end.join(lines) + form.line_end).encode(form.encoding, errors="replace")


def _axis_word(unit: str) -> str:
    return {"eV": "energy", "cm-1": "wavenumber"}.get(unit, "wavelength")


def outcome(run: Run, data: bytes, path: Path) -> tuple[str, str]:
    """Return "right", "asked" or "misread", and why."""
    path.write_bytes(data)
    try:
        found = cx.load(path)
    except cx.CxKineticsError as error:
        return "asked", str(error).replace(str(path), "")
    if isinstance(found, list):
        return "misread", f"{len(found)} signals"
    order, body = np.argsort(run.wavelength_nm), np.asarray(found.absorbance)
    expected = run.absorbance[:, order]
    body = body[:, None] if body.ndim == 1 else body
    if body.shape != expected.shape:
        return "misread", f"shape {body.shape} instead of {expected.shape}"
    for what, got, right in (("times", found.time_s, run.time_s), ("values", body, expected)):
        if not np.allclose(got, right, rtol=1e-9, atol=1e-9):
            return "misread", f"{what} {np.ravel(got)[:3]} instead of {np.ravel(right)[:3]}"
    if isinstance(found, cx.SpectralSeries) and not np.allclose(
        found.wavelength_nm, run.wavelength_nm, rtol=1e-9
    ):
        return "misread", f"axis from {found.wavelength_nm[0]:g} instead of {run.wavelength_nm[0]:g}"
    return "right", ""


def study(count: int, seed: int) -> list[tuple[tuple[str, ...], str, str, bytes]]:
    """Return of every try what was changed, what became of it, why, and the file."""
    rng = np.random.default_rng(seed)
    found = []
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(count):
            run = a_run(rng)
            form = changed(run, rng)
            data = written(run, form, rng)
            found.append((form.done, *outcome(run, data, Path(folder) / "run.csv"), data))
    return found


def by_kind(found: list[tuple[tuple[str, ...], str, str, bytes]]) -> dict[str, dict[str, int]]:
    """Count the outcomes of the tries in which each kind of change took part."""
    table: dict[str, dict[str, int]] = defaultdict(lambda: dict.fromkeys(("right", "asked", "misread"), 0))
    for kinds, what, _, _ in found:
        for kind in (*kinds, "all"):
            table[kind][what] += 1
    return dict(table)


def main(count: int, seed: int = 20) -> None:
    """Print the table and the reasons."""
    found = study(count, seed)
    for kind, row in sorted(by_kind(found).items()):
        print(f"{kind:20s} {row['right']:6d} right {row['asked']:5d} asked {row['misread']:5d} misread")
    for kinds, what, why, data in found:
        if what != "right":
            print(what, kinds, why[:160], data[:160])


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
