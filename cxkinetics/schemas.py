"""Stored documents: which kind each schema names, and how one is opened.

Every schema names one kind of document. Before 0.1.1 stored spectra and the fit of spectra shared
`cxkinetics.spectra/1`; those files are told apart by what they hold. The names stand here as text,
so that a document is known without its class, which may belong to a part that is not installed.
"""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cxkinetics.errors import InputError

_DOCUMENTS = (
    ("trace/1", "a trace", "cx.load(FILE)"),
    ("spectra/1", "spectra against time", "cx.load(FILE)"),
    ("dose-table/1", "a dose table", "cx.load_dose_table(FILE)"),
    ("spectrum/1", "a spectrum of evidence", "cx.Spectrum.from_json(FILE)"),
    ("peak-list/1", "a list of peaks", "cx.PeakList.from_json(FILE)"),
    ("fit/1", "a fit of stages", "cx.StagedFit.from_json(FILE)"),
    ("together/1", "runs fitted together", "cx.JointFit.from_json(FILE)"),
    ("spectra-fit/1", "a fit of whole spectra", "cx.SpectraFit.from_json(FILE)"),
    ("witnesses/1", "both witnesses of a breakpoint", "cx.TwoWitnesses.from_json(FILE)"),
    ("curve/1", "a fitted curve", "cx.CurveFit.from_json(FILE)"),
    ("incorporation/1", "a fitted dose curve", "cx.IncorporationFit.from_json(FILE)"),
    ("predict/1", "a predicted composition", "cx.Prediction.from_json(FILE)"),
    ("dose/1", "the dose for a target", "cx.DoseAdvice.from_json(FILE)"),
    ("dose-spectra/1", "a fitted dose series", "DoseSpectraFit.from_json(FILE)"),
    ("update/1", "priors narrowed by measurements", "cx.CompositionUpdate.from_json(FILE)"),
    ("species-curves/1", "species against dose", "cx.SpeciesCurves.from_json(FILE)"),
    ("plan-sampling/1", "a plan of readings", "cx.SamplingPlan.from_json(FILE)"),
    ("plan-dose/1", "a plan of doses", "cx.DosePlan.from_json(FILE)"),
    ("mechanism/1", "a fitted mechanism", "cx.MechanismFit.from_json(FILE)"),
    ("predict-time/1", "a composition in time", "cx.TimedPrediction.from_json(FILE)"),
    ("dose-time/1", "the dose and time for a target", "cx.TimedDose.from_json(FILE)"),
    ("rates-against-dose/1", "rates against dose", "RatesAgainstDose.from_json(FILE)"),
    ("mass-assignment/1", "assigned masses", "MassAssignment.from_json(FILE) of evidence.assignment"),
    ("mixture/1", "a mixture of clusters", "MixtureFit.from_json(FILE) of evidence.mixture"),
    ("xps/1", "an analysed photoelectron line", "XpsResult.from_json(FILE) of evidence.xps"),
    ("pattern/1", "a fitted diffraction pattern", "PatternFit.from_json(FILE) of evidence.diffraction"),
    ("consensus/1", "joined evidence", "Consensus.from_json(FILE) of evidence.findings"),
    ("evidence/1", "records of evidence", "cxkinetics evidence join FILE"),
)
_KINDS = {f"cxkinetics.{name}": (what, how) for name, what, how in _DOCUMENTS}
"""Schema -> what the document is, and how it is opened."""


def schema_of(record: Mapping[str, Any]) -> str | None:
    """Return the schema of a document, that of a fit of spectra written before 0.1.1 included."""
    found = record.get("schema")
    if not isinstance(found, str):
        return None
    return "cxkinetics.spectra-fit/1" if found == "cxkinetics.spectra/1" and "rank" in record else found


def what_it_is(record: Mapping[str, Any]) -> tuple[str, str]:
    """Return what a document is, and how it is opened.

    Examples
    --------
    >>> what_it_is({"schema": "cxkinetics.fit/1"})
    ('a fit of stages', 'open it with cx.StagedFit.from_json(FILE)')
    """
    schema = schema_of(record)
    if "fits" in record:
        return "what cxkinetics fit --json prints", "fit with --out DIR and open DIR/<stem>/fit.json instead"
    if schema in _KINDS:
        what, how = _KINDS[schema]
        return what, f"open it with {how}"
    name = f"a document of schema {schema}" if schema else "JSON without a schema of this package"
    return name, "give a file of data, or one that to_json or to_csv wrote"


def require_schema(record: Mapping[str, Any], wanted: str, file: str | None = None) -> None:
    """Refuse a document of another kind.

    Raises
    ------
    InputError
        With the schema found, the one needed, and how to open what was found.
    """
    found = schema_of(record)
    if found == wanted and "fits" not in record:
        return
    what, remedy = what_it_is(record)
    raise InputError(
        f"the document has {f'schema {found}' if found else 'no schema'}, not {wanted}, which is "
        f"needed: this is {what}",
        file=file,
        remedy=remedy,
    )


def text_of(source: str | os.PathLike[str], sign: str) -> tuple[str, str | None]:
    """Return the text and, where it came from a file, its path; a text is known by `sign` in it."""
    if isinstance(source, str) and sign in source:
        return source, None
    try:
        return Path(source).read_text(encoding="utf-8"), os.fspath(source)
    except TypeError as error:
        raise InputError(f"{source!r:.80} is neither text nor a path", remedy="give one of them") from error
    except (OSError, ValueError) as error:
        shown = os.fspath(source)[:80] or "an empty text"
        why = error.strerror if isinstance(error, OSError) and error.strerror else error
        raise InputError(f"the file cannot be read: {why}", file=shown, remedy="check the path") from error


def _refuse_constant(word: str) -> None:
    raise ValueError(f"{word} is no JSON")


def decoded(text: str, file: str | None) -> dict[str, Any]:
    """Return the JSON object in a text.

    Raises
    ------
    InputError
        If it is damaged, or no object.
    """
    try:
        record = json.loads(text, parse_constant=_refuse_constant)
    except (RecursionError, ValueError) as error:
        raise InputError(f"the JSON text is damaged: {error}", file=file) from error
    if not isinstance(record, dict):
        raise InputError("the JSON text holds no document of this package", file=file)
    return record
