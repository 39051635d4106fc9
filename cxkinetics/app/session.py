"""The page's logic behind one boundary: a request, a JSON object, gives an answer, a JSON object.

There is no server in it. Files are named as they stand in the working directory, the folder of the
session, so that every answer is what the command line says in the folder of the data; results are kept
below `RESULTS` in it. A request says in "do" which of `TASKS` it asks for.
"""

import contextlib
import csv
import hashlib
import io
import json
import re
import shutil
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path, PureWindowsPath
from typing import TYPE_CHECKING, Any

import numpy as np

from cxkinetics.app.forms import form, option_forms, verb_forms
from cxkinetics.app.lines import fit_command, fit_lines, verb_command, verb_lines
from cxkinetics.errors import CxKineticsError, CxKineticsWarning, InputError, UsageError
from cxkinetics.estimate import finite_or_none
from cxkinetics.options import OPTIONS, names_of
from cxkinetics.record import SCHEMAS
from cxkinetics.version import __version__

if TYPE_CHECKING:
    from cxkinetics.document.page import Page
    from cxkinetics.kinetics.batch import BatchResult
    from cxkinetics.kinetics.result import StagedFit
    from cxkinetics.signals.spectra import SpectralSeries
    from cxkinetics.signals.trace import Trace

RESULTS = ".results"
"""Folder of results in that of the session; hidden, so that no reader takes it for data."""
PROGRESS = f"{RESULTS}/progress.txt"
"""File that says how far long work has come."""
PROJECT = f"{RESULTS}/project.toml"
MOST_DRAWN = 20_000
"""Readings of a trace that are sent to be drawn; of more every second, third ... one."""
SPECTRA_DRAWN = 13
"""Spectra of a series that are drawn, the first and the last among them."""
DENSE = 600
"""Points of a fitted curve."""
MOST_READ_TWICE = 8 << 20
"""Bytes of a table up to which it is read again for the names of its columns."""

Answer = dict[str, Any]


def answer(request: Mapping[str, Any]) -> Answer:
    """Return the answer to a request; what is refused is an answer with "error" and "message".

    Parameters
    ----------
    request : mapping
        "do", one of `TASKS`, and what that task needs.

    Examples
    --------
    >>> answer({"do": "sing"})["message"]
    "there is no task 'sing'"
    """
    try:
        task = TASKS.get(str(request.get("do")))
        if task is None:
            raise UsageError(f"there is no task {request.get('do')!r}")
        return task(request)
    except (CxKineticsError, OSError) as error:
        text = str(error)
        if isinstance(error, OSError) and error.strerror:
            text = f"{error.filename}: {error.strerror}" if error.filename else error.strerror
        return {"error": type(error).__name__, "message": " ".join(text.split())}


def about(request: Mapping[str, Any]) -> Answer:
    """Return what the page builds its controls from: version, options of a fit, forms of the other verbs."""
    return {"version": __version__, "options": option_forms(), "verbs": verb_forms()}


def files(request: Mapping[str, Any]) -> Answer:
    """Return the inputs behind what was dropped, as the command line takes them, and what was left out."""
    from cxkinetics.io.inputs import expand
    from cxkinetics.io.words import natural_key

    inputs: list[str] = []
    said: list[str] = []
    for place in sorted(Path().iterdir(), key=lambda path: natural_key(path.name)):
        if place.name.startswith("."):
            continue
        with warnings.catch_warnings(record=True) as heard:
            warnings.simplefilter("always", CxKineticsWarning)
            try:
                inputs += expand([str(place)]) if place.is_dir() else [str(place)]
            except InputError as error:
                said.append(str(error))
        said += [str(warning.message) for warning in heard]
    return {"inputs": inputs, "said": said}


def forget(request: Mapping[str, Any]) -> Answer:
    """Delete a file, or all files of a folder, from the session."""
    place = Path(inside(request.get("file")))
    if place.is_dir():
        shutil.rmtree(place)
    else:
        place.unlink()
    for parent in place.parents:  # an empty folder would be listed as one without files
        if parent != Path() and not any(parent.iterdir()):
            parent.rmdir()
    return files(request)


def inside(name: Any) -> str:
    """Return the name of a file in the folder of the session.

    Raises
    ------
    UsageError
        If it is none, or leads out of the folder.
    """
    text = name if isinstance(name, str) else ""
    path, foreign = Path(text), PureWindowsPath(text)
    away = path.is_absolute() or foreign.drive or foreign.root or ".." in (*path.parts, *foreign.parts)
    if not text or "\0" in text or away:
        raise UsageError(f"{name!r} is no file of this page; drop the file first")
    if not path.exists():
        raise UsageError(f"{text!r} is not there; drop the file first")
    return text


# ---- what was read --------------------------------------------------------------------------------------


def read(request: Mapping[str, Any]) -> Answer:
    """Return what was understood of a file, in the words of `inspect`, and the trace to be drawn.

    The request has "file", "typed" (options by their names) and "trace" (which of several is drawn, from 1).
    """
    from cxkinetics.io.describe import describe, format_description
    from cxkinetics.io.file import ReadOptions
    from cxkinetics.kinetics.batch import jobs_of, trace_of

    file = inside(request.get("file"))
    options = _values(request)
    masked = options.pop("mask", None)  # what is masked is drawn, so that it can be taken back
    reading = {name: options[name] for name in _reading() if name in options}
    found: list[Any] = []
    record = describe(file, ReadOptions(**reading), found)
    told: Answer = {
        "file": file,
        "kind": record["kind"],
        "text": format_description(record),
        "traces": [
            {"number": each["trace"], "label": each["label"], "kind": each["kind"], "n": each["n_points"]}
            for each in record["traces"]
        ],
        "time_unit": found[0].source.time_unit if found else "",
    }
    if not found:
        return told
    number = int(request.get("trace") or 1)
    signal = found[min(max(number, 1), len(found)) - 1]
    job = jobs_of([file], **options)[0]
    told["trace"] = _drawn(trace_of(signal, job), masked)
    if hasattr(signal, "wavelength_nm") and np.ndim(signal.absorbance) == 2:
        told["spectra"] = _spectra(signal)
    return told


def offers(request: Mapping[str, Any]) -> Answer:
    """Return the columns of a table, and the sheets of a workbook, where there are several to choose from.

    The request has "file" and "typed", as that of `read`.
    """
    from cxkinetics.io.file import ReadOptions, read_content
    from cxkinetics.io.formats.excel import sheet_rows
    from cxkinetics.io.layout import ALL
    from cxkinetics.io.load import read_signals

    file, options = inside(request.get("file")), _values(request)
    columns: list[str] = []
    sheets: list[str] = []
    if Path(file).is_file() and Path(file).stat().st_size <= MOST_READ_TWICE:
        with contextlib.suppress(CxKineticsError, OSError):  # no workbook
            sheets = [name for name, _ in sheet_rows(read_content(file))]
        reading = {name: options[name] for name in _reading() if name in options} | {"column": ALL}
        with contextlib.suppress(CxKineticsError, OSError):  # no table
            found = read_signals(file, ReadOptions(**reading))
            columns = [each.label for each in found if np.ndim(each.absorbance) == 1 and each.label]
    several = len(columns) > 1 and len(set(columns)) == len(columns)
    return {"columns": [*columns, ALL] if several else [], "sheets": sheets if len(sheets) > 1 else []}


def _reading() -> tuple[str, ...]:
    return tuple(
        OPTIONS[name].python for name in names_of("reading") if name not in ("wavelength", "track", "trace")
    )


def _drawn(trace: "Trace", masked: Any) -> Answer:
    step = -(-trace.n_points // MOST_DRAWN)
    note = f"every {step}th of {trace.n_points} readings is drawn" if step > 1 else ""
    return {
        "time_s": trace.time_s[::step].tolist(),
        "signal": trace.absorbance[::step].tolist(),
        "peak_nm": None if trace.peak_nm is None else _known(trace.peak_nm[::step]),
        "wavelength_nm": trace.wavelength_nm,
        "unit": trace.unit,
        "label": trace.label,
        "simulated": trace.source.simulated,
        "remarks": [remark.text for remark in trace.remarks],
        "masked_s": [] if masked is None else np.ravel(masked).tolist(),
        "note": note,
    }


def _spectra(series: "SpectralSeries") -> Answer:
    """Return a few spectra of a series, evenly over its run."""
    count = series.time_s.size
    rows = np.unique(np.linspace(0, count - 1, min(SPECTRA_DRAWN, count)).round().astype(int))
    return {
        "wavelength_nm": series.wavelength_nm.tolist(),
        "time_s": series.time_s[rows].tolist(),
        "signal": [_known(series.absorbance[row]) for row in rows],
        "unit": series.unit,
    }


def _known(values: Any) -> list[float | None]:
    return [finite_or_none(float(value)) for value in values]


# ---- a fit ----------------------------------------------------------------------------------------------


def fit(request: Mapping[str, Any]) -> Answer:
    """Fit every trace of a file, or the one of "typed", and keep the result for `export`."""
    from cxkinetics.kinetics.batch import jobs_of, run_jobs

    file, chosen = inside(request.get("file")), _chosen(request)
    options = _values(request)
    command = fit_command(file, chosen)
    jobs = jobs_of([file], command=command, **options)
    batch = run_jobs(jobs)
    unit = jobs[0].time_unit
    name = _keep([file], batch, command, unit)
    shown = [_fit_shown(each, unit, command) for each in batch.fits]
    for each, raw in zip(shown, batch.fits, strict=True):
        each["curve"] = _curve(raw, _clock_of(raw, file, options))
    return {
        "id": name,
        "document": json.loads(batch.to_json()),
        "fits": shown,
        "failures": [failure.message for failure in batch.failures],
        "command": command,
        "python": fit_lines(file, options, refused=not batch.fits),
    }


def lines(request: Mapping[str, Any]) -> Answer:
    """Return the command and the Python lines of a fit that has not been made yet."""
    file = inside(request.get("file"))
    return {"command": fit_command(file, _chosen(request)), "python": fit_lines(file, _values(request))}


def _chosen(request: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options of a request as they were typed, in the order of the table."""
    typed = request.get("typed") or {}
    if unknown := [name for name in typed if name not in OPTIONS]:
        raise UsageError(f"there is no option {unknown[0]!r}")
    given = {name: typed[name] for name in OPTIONS if typed.get(name) not in (None, "", False, [])}
    for name in ("reference", "times"):
        value = given.get(name)
        if isinstance(value, str) and (name == "times" or re.search(r"[\\/]", value)):
            inside(value)  # either may be the path of a file
    return {name: _number_of(name, value) for name, value in given.items()}


def _number_of(name: str, value: Any) -> Any:
    """Return what argparse makes of a number that was typed; what is none stays, to be refused by name."""
    option = OPTIONS[name]
    if (
        isinstance(value, str)
        and not option.words
        and option.kind in ("integer", "number")
        and not option.timed
    ):
        with contextlib.suppress(ValueError):
            return int(value) if option.kind == "integer" else float(value)
    return value


def _values(request: Mapping[str, Any]) -> dict[str, Any]:
    from cxkinetics.cli.arguments import values_of

    return values_of(_chosen(request))


def _clock_of(fit: "StagedFit", file: str, options: Mapping[str, Any]) -> float:
    """Return what is to be added to the times of a fit for those of the file, s."""
    from cxkinetics.kinetics.batch import jobs_of, signals_of, trace_of
    from cxkinetics.signals.prepare import crop

    given = fit.options.get("t0")
    if given is None or isinstance(given, (int, float)):
        return float(given or 0.0)
    job = jobs_of([file], **{**options, "trace": fit.trace.source.trace})[0]
    whole = crop(trace_of(signals_of(job)[0], job), fit.options.get("window"))
    last = max([float(fit.trace.time_s[-1]), *(time for time, _ in fit.excluded)])
    return float(whole.time_s[-1]) - last


def _curve(fit: "StagedFit", clock_s: float) -> Answer:
    """Return points, curve and residuals for the plots, times on the clock of the file."""
    trace = fit.trace
    step = -(-trace.n_points // MOST_DRAWN)
    times = [b.value for b in fit.breakpoints_s if b.value is not None]
    dense = np.unique([*np.linspace(trace.time_s[0], trace.time_s[-1], DENSE), *times])
    return {
        "clock_s": clock_s,
        "time_s": (trace.time_s[::step] + clock_s).tolist(),
        "signal": trace.absorbance[::step].tolist(),
        "residual": _known(fit.residuals[::step]),
        "dense_s": (dense + clock_s).tolist(),
        "dense": _known(fit.curve(dense)),
        "excluded": [[time + clock_s, signal] for time, signal in fit.excluded],
        "offset": fit.offset.value or 0.0,
        "growth": fit.options.get("direction") == "growth",
        "breakpoints": [
            {"value_s": b.value + clock_s, "low_s": _moved(b.low, clock_s), "high_s": _moved(b.high, clock_s)}
            for b in fit.breakpoints_s
            if b.value is not None
        ],
    }


def _moved(time: float | None, clock_s: float) -> float | None:
    return None if time is None else time + clock_s


def _fit_shown(fit: "StagedFit", time_unit: str, command: str) -> Answer:
    from cxkinetics.document.units import time_unit as unit_called
    from cxkinetics.kinetics.places import name_of

    return {
        "name": name_of(fit),
        "trace": fit.trace.source.trace,
        "label": fit.trace.label,
        "verdict": fit.verdict.code,
        "html": _html(fit.page(unit_called(time_unit), command=command)),
        "copies": _copies(fit, time_unit),
    }


def _html(page: "Page") -> str:
    """Return a report without its figures: the page draws its own."""
    from cxkinetics.document.html import render_page
    from cxkinetics.document.page import Figure, Gallery

    sections = [
        replace(part, blocks=[block for block in part.blocks if not isinstance(block, Figure | Gallery)])
        for part in page.sections
    ]
    return render_page(replace(page, sections=[part for part in sections if part.blocks]))


def _copies(fit: "StagedFit", time_unit: str) -> dict[str, str]:
    """Return what is copied into other programs: columns with tabs between them, and LaTeX.

    The time is in the unit shown, the signal in that of the trace.
    """
    from cxkinetics.document.units import time_unit as unit_called

    unit, signal = unit_called(time_unit), fit.trace.unit or "signal"
    time, points = fit.trace.time_s, fit.trace.absorbance
    dense = np.linspace(time[0], time[-1], DENSE)
    sign, base = (-1.0, fit.offset.value or 0.0) if fit.options.get("direction") == "growth" else (1.0, 0.0)

    def logarithm(values: Any) -> Any:
        level = sign * (np.asarray(values) - base)
        return np.log(np.where(level > 0, level, np.nan))

    head = f"time ({unit.sign})"
    word = "ln(Ainf - A)" if sign < 0 else "ln A"
    return {
        "points": _columns([head, f"signal ({signal})"], unit.time(time), points),
        "curve": _columns([head, f"fit ({signal})"], unit.time(dense), fit.curve(dense)),
        "ln": _columns(
            [head, word, f"{word} of the fit"], unit.time(time), logarithm(points), logarithm(fit.fitted)
        ),
        "residuals": _columns([head, f"residual ({signal})"], unit.time(time), fit.residuals),
        "latex": fit.to_latex(time_unit=time_unit),
    }


def _columns(head: Sequence[str], *columns: Any) -> str:
    """Return columns as text with tabs; what is not finite is an empty cell."""
    rows = zip(*(np.asarray(column, dtype=float).tolist() for column in columns), strict=True)
    cells = (["" if finite_or_none(value) is None else repr(value) for value in row] for row in rows)
    return "\n".join("\t".join(row) for row in [head, *cells]) + "\n"


# ---- results that are kept ------------------------------------------------------------------------------


def _keep(inputs: Sequence[str], batch: "BatchResult", command: str, time_unit: str) -> str:
    """Keep fits under a name made of what they are of, and return it."""
    name = hashlib.sha256(json.dumps([list(inputs), command]).encode()).hexdigest()[:16]
    place = Path(RESULTS, f"{name}.json")
    place.parent.mkdir(exist_ok=True)
    stored = {
        "command": command,
        "time_unit": time_unit,
        "results": [
            {
                "file": result.file,
                "fits": [each.to_json() for each in result.fits],
                "failures": [failure.to_dict() for failure in result.failures],
            }
            for result in batch.results
        ],
    }
    place.write_text(json.dumps(stored), encoding="utf-8")
    shutil.rmtree(Path(RESULTS, name), ignore_errors=True)  # files of an earlier result of that name
    return name


def _kept(name: Any) -> "tuple[BatchResult, dict[str, Any]]":
    """Return the fits that are kept under a name, with the command and the unit of time."""
    from cxkinetics.kinetics.batch import BatchResult, Failure, JobResult
    from cxkinetics.kinetics.result import StagedFit

    place = Path(RESULTS, f"{_name(name)}.json")
    if not place.is_file():
        raise UsageError("this result is no longer there; fit again")
    stored = json.loads(place.read_text(encoding="utf-8"))
    results = tuple(
        JobResult(
            file=result["file"],
            fits=tuple(StagedFit.from_json(text) for text in result["fits"]),
            failures=tuple(Failure(**failure) for failure in result["failures"]),
        )
        for result in stored["results"]
    )
    return BatchResult(results=results), stored


def _name(name: Any) -> str:
    if not isinstance(name, str) or not re.fullmatch(r"[0-9a-f]{16}", name):
        raise UsageError(f"{name!r} is no result of this page")
    return name


def summary(request: Mapping[str, Any]) -> Answer:
    """Return all fits of some results as one batch: overview, mean and spread over the runs."""
    from cxkinetics.document.units import time_unit
    from cxkinetics.kinetics.batch import BatchResult

    kept = [_kept(name) for name in request.get("ids") or []]
    if not kept:
        raise UsageError("nothing is fitted yet")
    batch = BatchResult(results=tuple(result for found, _ in kept for result in found.results))
    command = "\n".join(stored["command"] for _, stored in kept)
    unit = kept[0][1]["time_unit"]
    name = _keep([result.file for result in batch.results], batch, command, unit)
    page = batch.page(time_unit(unit), command=command)
    from cxkinetics.document.html import render_page

    return {
        "id": name,
        "document": json.loads(batch.to_json()),
        "html": render_page(page),
        "command": command,
    }


def export(request: Mapping[str, Any]) -> Answer:
    """Write everything of a result, and return the names of its files, the last one of all in one archive."""
    name = _name(request.get("id"))
    folder = Path(RESULTS, name)
    if not folder.is_dir():
        _write(name, folder)
    archive = Path(RESULTS, f"{name}.zip")
    if not archive.exists():
        shutil.make_archive(str(archive.with_suffix("")), "zip", folder)
    found = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    return {"folder": f"{RESULTS}/{name}", "files": found, "archive": f"{RESULTS}/{name}.zip"}


def _write(name: str, folder: Path) -> None:
    from cxkinetics.kinetics.batch_page import write_batch
    from cxkinetics.kinetics.page import write_fit
    from cxkinetics.kinetics.places import folder_names

    batch, stored = _kept(name)
    fits = batch.fits
    if not fits:
        raise UsageError("there is no fit to write")
    said = {"time_unit": stored["time_unit"], "command": stored["command"]}
    part = Path(RESULTS, f"{name}.part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir()
    if len(fits) == 1:
        write_fit(fits[0], part, **said)
    else:
        places = folder_names([result.file for result in batch.results], str(part))
        written = []
        for result, place in zip(batch.results, places, strict=True):
            several = len(result.fits) > 1
            own = [
                str(part / place / f"trace-{n}" if several else part / place)
                for n in range(1, len(result.fits) + 1)
            ]
            for each, where in zip(result.fits, own, strict=True):
                write_fit(each, where, **said)
            written.append(replace(result, folders=tuple(own)))
        write_batch(replace(batch, results=tuple(written)), part, **said)
    part.rename(folder)


# ---- the other verbs ------------------------------------------------------------------------------------


def verb(request: Mapping[str, Any]) -> Answer:
    """Run another verb as the command line does: the words of the command in, its document and report out."""
    from cxkinetics.cli.main import main

    words = request.get("words")
    if not isinstance(words, list) or not words or not all(isinstance(word, str) for word in words):
        raise UsageError("words must be those of a command")
    described = form(words)
    if described is None:
        raise UsageError(f"{words[0]!r} is no verb of this page")
    for word in words[1:]:
        _require_here(word)
    name = hashlib.sha256(json.dumps([words, request.get("runs")]).encode()).hexdigest()[:16]
    folder = Path(RESULTS, name)
    shutil.rmtree(folder, ignore_errors=True)
    Path(RESULTS, f"{name}.zip").unlink(missing_ok=True)
    Path(RESULTS).mkdir(exist_ok=True)
    out, err = io.StringIO(), _Told()
    runs = _runs_of(request)
    typed = [*words, *(["--out", str(folder)] if described["writes"] else []), "--json"]
    if runs:
        _save_project({}, runs)
        typed += ["--config", PROJECT]
        words = [*words, "--config", Path(PROJECT).name]
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            code = main(typed)
        except SystemExit as stopped:
            code = int(stopped.code or 0)
        finally:
            Path(PROGRESS).unlink(missing_ok=True)
    said = [line for line in err.getvalue().splitlines() if RESULTS not in line]
    if code or not out.getvalue().strip():
        message = " ".join(line.partition(": ")[2] or line for line in said[-1:]) or f"it ended with {code}"
        return {"error": "UsageError" if code == 2 else "InputError", "message": message}
    report = folder / "report.html"
    return {
        "id": name if report.exists() else None,
        "document": json.loads(out.getvalue()),
        "html": report.read_text(encoding="utf-8") if report.exists() else "",
        "copies": _copies_of(folder, words),
        "said": said,
        "command": verb_command(words),
        "python": verb_lines(words, runs),
    }


def _runs_of(request: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the options of each run of a request, none where none has any."""
    given = request.get("runs") or {}
    return (
        {str(name): _chosen({"typed": typed}) for name, typed in given.items()} if any(given.values()) else {}
    )


def _save_project(chosen: Mapping[str, Any], runs: Mapping[str, Mapping[str, Any]]) -> str:
    from cxkinetics.cli.project import save_config

    Path(RESULTS).mkdir(exist_ok=True)
    save_config(PROJECT, chosen, version=__version__, runs=runs)
    return Path(PROJECT).read_text(encoding="utf-8")


class _Told(io.StringIO):
    """What a verb says beside its document; a line that is written over is progress, and no remark."""

    def isatty(self) -> bool:
        """Return True: progress is shown to whoever can see it, and the page can."""
        return True

    def write(self, text: str) -> int:
        """Keep a remark, pass progress on."""
        if "\r" not in text:
            return super().write(text)
        Path(PROGRESS).write_text(text.strip(), encoding="utf-8")
        return len(text)


def _copies_of(folder: Path, words: Sequence[str]) -> dict[str, str]:
    """Return what is copied into other programs: each table with tabs, every digit of it, and LaTeX."""
    unit = words[words.index("--show-time") + 1] if "--show-time" in words[:-1] else "s"
    copies = {}
    for place in sorted(folder.glob("*.csv")):
        with place.open(encoding="utf-8", newline="") as stream:
            copies[place.stem] = "\n".join("\t".join(row) for row in csv.reader(stream)) + "\n"
    for place in folder.glob("*.json"):
        text = place.read_text(encoding="utf-8")
        kind = SCHEMAS.get(json.loads(text).get("schema"))
        if kind is not None and hasattr(kind, "to_latex"):
            copies["latex"] = kind.from_json(text).to_latex(time_unit=unit)
    return copies


def _require_here(word: str) -> None:
    """Refuse a word that leads out of the folder of the session, or asks to write."""
    flag, equals, value = word.partition("=")
    text = value if equals and flag.startswith("--") else word
    path, foreign = Path(text), PureWindowsPath(text)
    if path.is_absolute() or foreign.drive or foreign.root or ".." in (*path.parts, *foreign.parts):
        raise UsageError(f"{text!r} is no file of this page; drop the file first")
    if flag in ("--out", "--save-config", "--config", "--debug", "--json"):
        raise UsageError(f"{flag} is the page's own; leave it out")


def verb_line(request: Mapping[str, Any]) -> Answer:
    """Return the command and the Python lines of a verb that has not been run yet."""
    words = [str(word) for word in request.get("words") or []]
    if form(words) is None:
        raise UsageError("words must be those of a command")
    return {"command": verb_command(words), "python": verb_lines(words)}


# ---- project files --------------------------------------------------------------------------------------


def project(request: Mapping[str, Any]) -> Answer:
    """Return the text of a project file: the options of "file", and of every one of "runs" its own."""
    runs = {str(name): _chosen({"typed": typed}) for name, typed in (request.get("runs") or {}).items()}
    return {"text": _save_project(runs.get(str(request.get("file")), {}), runs)}


def open_project(request: Mapping[str, Any]) -> Answer:
    """Return what a dropped project file says: options, those of single files, files that are missing."""
    from cxkinetics.cli.project import load_config, load_runs

    file = inside(request.get("file"))
    options, runs = load_config(file), load_runs(file)
    missing = [name for name in runs if not Path(name).exists()]
    return {
        "typed": {name: _as_typed(name, value) for name, value in options.items()},
        "runs": {
            name: {key: _as_typed(key, value) for key, value in typed.items()} for name, typed in runs.items()
        },
        "missing": missing,
    }


def _as_typed(name: str, value: Any) -> Any:
    """Return a value of a project file as it is typed into the page; reading it gives the same again."""
    return value if isinstance(value, (bool, str)) else OPTIONS[name].typed(value)


TASKS: Mapping[str, Callable[[Mapping[str, Any]], Answer]] = {
    "about": about,
    "files": files,
    "forget": forget,
    "read": read,
    "offers": offers,
    "fit": fit,
    "lines": lines,
    "summary": summary,
    "export": export,
    "verb": verb,
    "verb line": verb_line,
    "project": project,
    "open project": open_project,
}
"""What can be asked for -> the function that answers."""
