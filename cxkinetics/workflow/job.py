"""One input file, from reading to results on disk: what a batch does for each of its inputs."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from cxkinetics.atomic import replace_directory
from cxkinetics.errors import CxKineticsError, InputError
from cxkinetics.estimate import json_text
from cxkinetics.fitting.result import StagedFit
from cxkinetics.fitting.stages import fit_stages
from cxkinetics.io.options import ReadOptions
from cxkinetics.io.registry import read_signals
from cxkinetics.remarks import Remark
from cxkinetics.signals.spectra import SpectralSeries
from cxkinetics.signals.trace import Trace
from cxkinetics.workflow.places import require_own, stored_in

__all__ = ["Failure", "FitJob", "JobResult", "run_job", "trace_of"]

READING = ("column", "trace", "time_unit", "decimal", "sheet", "absorbance_unit", "time_in")
"""Options of a job that the reader takes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """One input (or one trace of it) that could not be fitted."""

    file: str
    trace: str | int | None
    error: str
    message: str

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {"file": self.file, "trace": self.trace, "error": self.error, "message": self.message}


@dataclass(frozen=True, slots=True, kw_only=True)
class FitJob:
    """What to do with one input.

    Attributes
    ----------
    file : str
        Path as the user gave it.
    reading : mapping
        Options of `cxkinetics.load` that were given.
    wavelength_nm, track_nm : float or None
        From spectra: read at a wavelength, or track the peak near one.
    reference : str or None
        Wavelength in nm (or column name) whose drift is subtracted.
    fitting : mapping
        Options of `fit_stages` that were given.
    folder : str or None
        Where the results of this input are written.
    origin : str
        Path of the input as seen from the folder of all results (`places.origin_of`).
    force : bool
        Fit again even where the folder holds the result of the same input and options, and replace
        that of another input.
    command : str
        The command as it was typed.
    time_unit : str
        Of the report and the figures: "s", "ms", "min" or "h".
    """

    file: str
    reading: Mapping[str, Any] = field(default_factory=dict)
    wavelength_nm: float | None = None
    track_nm: float | None = None
    reference: str | None = None
    fitting: Mapping[str, Any] = field(default_factory=dict)
    folder: str | None = None
    origin: str = ""
    force: bool = False
    command: str = ""
    time_unit: str = "s"


@dataclass(frozen=True, slots=True, kw_only=True)
class JobResult:
    """What came of one input: fits, failures, the folders written, and whether it was kept."""

    file: str
    fits: tuple[StagedFit, ...] = ()
    failures: tuple[Failure, ...] = ()
    folders: tuple[str, ...] = ()
    skipped: bool = False


def run_job(job: FitJob) -> JobResult:
    """Read one input, fit each of its traces and write their folders.

    Nothing a user's file can hold raises: what goes wrong is a `Failure` of the result.
    """
    try:
        signals = _read(job)
    except CxKineticsError as error:
        return JobResult(file=job.file, failures=(_failure(job.file, None, error),))
    except OSError as error:
        message = f"{job.file}: {error.strerror or error}"
        failure = Failure(file=job.file, trace=None, error=type(error).__name__, message=message)
        return JobResult(file=job.file, failures=(failure,))
    fits: list[StagedFit] = []
    failures, folders = [], []
    kept = 0
    for number, (signal, series) in enumerate(signals, 1):
        label = (signal.label or number) if len(signals) > 1 else None
        folder = _folder(job, signals, number)
        try:
            options = _options(job)
            fit = None if job.force else _stored(folder, signal, options, job)
            if fit is not None:
                kept += 1
            else:
                with _writing(job, label):
                    _require_place(folder, signal, job)
                trace = _noted(trace_of(signal, job), job)
                fit = fit_stages(trace, **dict(job.fitting))
                fit = replace(fit, options={**fit.options, **options})
                with _writing(job, label):
                    _write(fit, folder, series, job, first=not fits)
            fits.append(fit)
            folders.append(folder or "")
        except _NotWritten as error:
            failures.append(error.failure)
        except CxKineticsError as error:
            failures.append(_failure(job.file, label, error))
    return JobResult(
        file=job.file,
        fits=tuple(fits),
        failures=tuple(failures),
        folders=tuple(folders),
        skipped=bool(fits) and kept == len(fits) and not failures,
    )


def trace_of(signal: Trace | SpectralSeries, job: FitJob) -> Trace:
    """Return the trace of a signal: itself, or spectra read at a wavelength or at the tracked peak.

    Raises
    ------
    InputError
        If a wavelength is asked of a trace that was recorded at another, or lies outside.
    """
    if isinstance(signal, Trace):
        wanted = job.wavelength_nm
        if wanted is not None and signal.wavelength_nm is not None and abs(signal.wavelength_nm - wanted) > 1:
            raise InputError(
                f"asked for {wanted:g} nm, but this trace was recorded at {signal.wavelength_nm:g} nm",
                file=job.file,
            )
        unused = [f"{v:g} nm" for v in (wanted, job.track_nm) if v is not None]
        if unused and signal.wavelength_nm is None:
            text = f"the file holds a trace, not spectra: the wavelength asked for ({unused[0]}) was not used"
            return signal.with_remarks(Remark("wavelength_not_used", text))
        return signal
    series = signal
    if series.unit == "counts":
        raise InputError(
            "the spectra are raw counts, not absorbance",
            file=job.file,
            remedy="give the solvent's spectrum: --reference FILE (reference=)",
        )
    if job.wavelength_nm is not None:
        return series.at_wavelength(job.wavelength_nm)
    return series.exciton_peak(near_nm=job.track_nm)


def _noted(trace: Trace, job: FitJob) -> Trace:
    """Return the trace with a remark for each option given that its file has no use for."""
    sheet, format = job.reading.get("sheet"), trace.source.format
    if sheet is not None and "workbook" not in format:
        text = f"the file is no workbook ({format}): the sheet asked for ({sheet}) was not used"
        trace = trace.with_remarks(Remark("sheet_not_used", text))
    if job.fitting.get("absolute_sigma") and trace.sigma is None:
        text = "the trace has no errors of its points, so absolute_sigma (--absolute-sigma) changes nothing"
        trace = trace.with_remarks(Remark("sigma_not_used", text))
    return trace


def _read(job: FitJob) -> list[tuple[Trace | SpectralSeries, SpectralSeries | None]]:
    given = {name: value for name, value in job.reading.items() if value is not None}
    if job.reference is not None:
        given["reference"] = job.reference
    options = ReadOptions(**given)
    signals = read_signals(job.file, options)
    return [(signal, signal if isinstance(signal, SpectralSeries) else None) for signal in signals]


def _options(job: FitJob) -> dict[str, Any]:
    """Return the options of reading that shaped the result, to be kept with it."""
    options = {name: job.reading.get(name) for name in READING if job.reading.get(name) is not None}
    extra = {"wavelength": job.wavelength_nm, "track": job.track_nm, "reference": job.reference}
    return options | {name: value for name, value in extra.items() if value is not None}


def _folder(job: FitJob, signals: list[Any], number: int) -> str | None:
    if job.folder is None:
        return None
    return job.folder if len(signals) == 1 else str(Path(job.folder) / f"trace-{number}")


class _NotWritten(Exception):
    """A result that is computed and could not be written."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.message)
        self.failure = failure


@contextmanager
def _writing(job: FitJob, label: str | int | None) -> Iterator[None]:
    """Turn whatever stops the writing of one result into its failure, so that the others go on."""
    try:
        yield
    except CxKineticsError:
        raise
    except Exception as error:
        why = (isinstance(error, OSError) and error.strerror) or str(error) or "unknown"
        text = " ".join(f"{job.file}: the result cannot be written to {job.folder}: {why}".split())
        raise _NotWritten(
            Failure(file=job.file, trace=label, error=type(error).__name__, message=text)
        ) from error


def _require_place(folder: str | None, signal: Trace | SpectralSeries, job: FitJob) -> None:
    """Refuse, before anything is fitted, to replace what is not an earlier result of this input."""
    if folder is None or job.folder is None:
        return
    from cxkinetics.report.write import require_replaceable

    if not job.force:
        require_own(Path(job.folder), job.file, signal.source.sha256, job.origin)
    require_replaceable(Path(folder), "fit.json")


def _write(
    fit: StagedFit, folder: str | None, series: SpectralSeries | None, job: FitJob, *, first: bool
) -> None:
    """Write the folder of a fit; the first of an input replaces all that the input's folder held."""
    if folder is None or job.folder is None:
        return
    from cxkinetics.report.write import write_fit

    place, whole = Path(folder), Path(job.folder)
    more: dict[str, Any] = {
        "series": series,
        "command": job.command,
        "time_unit": job.time_unit,
        "origin": job.origin,
    }
    if first and place != whole and stored_in(whole):
        with replace_directory(whole) as fresh:
            write_fit(fit, fresh / place.name, **more)
    else:
        write_fit(fit, place, **more)


def _stored(
    folder: str | None, signal: Trace | SpectralSeries, options: Mapping[str, Any], job: FitJob
) -> StagedFit | None:
    """Return the stored result of the same input and options, or None."""
    if folder is None:
        return None
    path = Path(folder) / "fit.json"
    try:
        fit = StagedFit.from_json(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, KeyError, TypeError):
        return None
    from cxkinetics.fitting.options import FitOptions
    from cxkinetics.version import __version__

    given = dict(job.fitting)
    seed = given.pop("rng", None) or 0
    breaks = given.pop("breakpoints_s", None)
    wanted = FitOptions.of(breakpoints_s=breaks, **given).to_dict() | dict(options)
    same = (
        fit.trace.source.sha256 == signal.source.sha256
        and fit.seed == seed
        and fit.version == __version__
        and json.loads(json_text(dict(fit.options))) == json.loads(json_text(wanted))
    )
    return fit if same else None


def _failure(file: str, trace: str | int | None, error: CxKineticsError) -> Failure:
    message = " ".join(str(error).split())
    if file not in message:
        message = f"{file}: {message}"
    return Failure(file=file, trace=trace, error=type(error).__name__, message=message)
