"""Results on disk: a folder of them summed up, and each drawn again."""

import csv
import json
import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from cxkinetics.atomic import LEFT
from cxkinetics.document.folder import ALL_FILES
from cxkinetics.errors import CxKineticsError, InputError
from cxkinetics.io.words import natural_key
from cxkinetics.kinetics.batch import READING, BatchResult, Failure, FitJob, JobResult, signals_of
from cxkinetics.kinetics.page import write_fit
from cxkinetics.kinetics.places import SHARD
from cxkinetics.kinetics.result import StagedFit
from cxkinetics.signals.spectra import SpectralSeries

MARK = "fit.json"


def results_in(directory: Path) -> list[Path]:
    """Return the folders with a stored fit: this one, or those in it, traces of an input one deeper.

    Raises
    ------
    InputError
        If there is none.
    """
    inside = [(directory,), *((p, *_natural(p.glob("trace-*/"))) for p in _natural(directory.glob("*/")))]
    places = (place for places in inside for place in places if not LEFT.fullmatch(place.name))
    found = [place for place in places if (place / MARK).is_file()]
    if not found:
        raise InputError(
            f"holds no {MARK}, neither itself nor in its folders",
            file=str(directory),
            remedy="name a folder that cxkinetics fit wrote with --out",
        )
    return found


def _natural(paths: Iterable[Path]) -> list[Path]:
    return sorted(paths, key=lambda path: natural_key(path.name))


def collected(directory: Path) -> tuple[BatchResult, list[str]]:
    """Return all results in a folder as one batch, and what is to be said of it.

    Parameters
    ----------
    directory : Path
        Where one run, or several shards of one, left their results.
    """
    results = [_read(place) for place in results_in(directory)]
    done = {result.file for result in results if not result.failures}
    ended: dict[int, set[int]] = {}
    for table in _natural(directory.glob("failures-*.csv")):
        if (named := SHARD.fullmatch(table.name)) is None:
            continue
        ended.setdefault(int(named[2]), set()).add(int(named[1]))
        failures = [failure for failure in _failures(table) if failure.file not in done]
        results += [JobResult(file=failure.file, failures=(failure,)) for failure in failures]
    said = [
        f"shard {part} of {parts} has not ended: some of its results may be missing"
        for parts, those in ended.items()
        for part in range(1, parts + 1)
        if part not in those
    ]
    return BatchResult(results=tuple(results)), said


def _read(place: Path) -> JobResult:
    try:
        fit = StagedFit.from_json((place / MARK).read_text(encoding="utf-8"))
    except Exception as error:  # whatever a damaged document raises, the others are summed up
        why = " ".join(str(error).split())
        text = f"{place / MARK}: the stored result is damaged: {why}; fit its input again"
        failure = Failure(file=str(place), trace=None, error=type(error).__name__, message=text)
        return JobResult(file=str(place), failures=(failure,))
    return JobResult(file=fit.trace.source.file, fits=(fit,), folders=(str(place),))


def _failures(table: Path) -> Iterator[Failure]:
    with open(table, encoding="utf-8", newline="") as stream:
        for row in csv.DictReader(stream):
            words = {name: row.get(name) or "" for name in ("file", "error", "message")}
            yield Failure(trace=row.get("trace") or None, **words)


def draw_again(place: Path, *, files: Sequence[str] = ALL_FILES, time_unit: str = "s") -> tuple[str, ...]:
    """Write the folder of a stored fit anew, with its report and what is asked for or stood beside it.

    Parameters
    ----------
    place : Path
        The folder of one fit.
    files : sequence of str
        Of `document.folder.ALL_FILES`.
    time_unit : str
        Of the report and the figures.

    Returns
    -------
    tuple of str
        What stands beside the report now.

    Raises
    ------
    InputError
        If the result is damaged, or the spectra that its figures show are no longer where they were.
    """
    text = (place / MARK).read_text(encoding="utf-8")
    try:
        fit, origin = StagedFit.from_json(text), str(json.loads(text).get("origin", ""))
    except CxKineticsError as error:
        raise InputError(f"the stored result is damaged: {error}", file=str(place / MARK)) from error
    series = _spectra(fit, place, origin) if fit.trace.peak_nm is not None else None
    kinds = tuple(kind for kind in ALL_FILES if kind in files or any(place.glob(f"*.{kind}")))
    write_fit(fit, place, time_unit=time_unit, origin=origin, files=kinds, series=series)
    return kinds


def _spectra(fit: StagedFit, place: Path, origin: str) -> SpectralSeries:
    """Return the spectra that a trace was taken from."""
    source, why = fit.trace.source, "is not there"
    reading = {name: fit.options[name] for name in READING if fit.options.get(name) is not None}
    for root in (place.parent, place.parent.parent):  # one of several traces lies one deeper
        file = Path(os.path.normpath(root / origin))
        if not file.exists():
            continue
        try:
            signals = signals_of(FitJob(file=str(file), reading=reading))
        except (CxKineticsError, OSError) as error:
            why = f"cannot be read: {' '.join(str(error).split())}"
            continue
        for signal in signals:
            same = (signal.source.sha256, signal.source.trace) == (source.sha256, source.trace)
            if isinstance(signal, SpectralSeries) and same:
                return signal
        why = f"holds others now ({file})"
    raise InputError(
        f"its figures show spectra, and the file of these, {source.file}, {why}",
        file=str(place / MARK),
        remedy="put the file back where it was, or fit it again with --out and --figures",
    )
