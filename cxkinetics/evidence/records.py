"""From a file of one technique to a record: results, findings and what sample they belong to.

Records survive as JSON, so that the evidence of one technique can be kept, and joined with that of
another when it has been measured.
"""

import json
import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from typing import Annotated, Any

from cxkinetics.calls import checked
from cxkinetics.errors import FitError, InputError
from cxkinetics.evidence.assignment import MassAssignment, assign_peaks
from cxkinetics.evidence.chemistry import DEFAULT, SystemLike, chemistry_of
from cxkinetics.evidence.diffraction import PatternFit, fit_pattern
from cxkinetics.evidence.findings import Consensus, Finding, SampleEvidence, join
from cxkinetics.evidence.mixture import MixtureFit, fit_mixture
from cxkinetics.evidence.patterns import Library
from cxkinetics.evidence.picking import pick_peaks
from cxkinetics.evidence.reader import load_findings, load_peak_list, load_spectrum, looks_like_peak_list
from cxkinetics.evidence.sightings import findings_of_masses, findings_of_pattern, findings_of_xps
from cxkinetics.evidence.xps import XpsResult, analyse_xps
from cxkinetics.io.file import decode, read_content
from cxkinetics.record import As, Record
from cxkinetics.remarks import Remark
from cxkinetics.version import __version__

SCHEMA = "cxkinetics.evidence/1"
FileResult = MassAssignment | MixtureFit | XpsResult | PatternFit
_KINDS: Mapping[str, type[FileResult]] = {
    "assignment": MassAssignment,
    "mixture": MixtureFit,
    "xps": XpsResult,
    "xrd": PatternFit,
}


def _read_results(record: Mapping[str, Any]) -> dict[str, FileResult]:
    return {name: _KINDS[name].from_dict(item) for name, item in record.items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class EvidenceRecord(Record):
    """What one file says.

    Attributes
    ----------
    file : str
        As given.
    technique : str
        "ms", "xps" or "xrd".
    sample : str
        Name of the sample.
    incorporation_percent : float or None
        Guest incorporated, where the user said it.
    results : mapping of str to result
        "assignment" and "mixture", or "xps", or "xrd".
    findings : tuple of Finding
        What it says of host and guest sulfide.
    """

    _keys = "file technique sample incorporation_percent simulated ..."

    file: str
    technique: str
    sample: str
    incorporation_percent: float | None
    results: Annotated[Mapping[str, FileResult], As(read=_read_results)]
    findings: tuple[Finding, ...]

    @property
    def simulated(self) -> bool:
        """Whether it rests on simulated data."""
        return any(result.source.simulated for result in self.results.values())

    @property
    def remarks(self) -> tuple[Remark, ...]:
        """Remarks of all results, each once."""
        return tuple(dict.fromkeys(remark for result in self.results.values() for remark in result.remarks))


def record_of_masses(
    path: str | os.PathLike[str],
    *,
    sample: str = "",
    incorporation_percent: float | None = None,
    peaks: bool | None = None,
    tolerance_da: float = 2.0,
    with_guest: bool | None = None,
    width_da: float = 15.0,
    host_cluster: str | None = None,
    mixture: Mapping[str, Any] | None = None,
    reading: Mapping[str, Any] | None = None,
    system: SystemLike = DEFAULT,
) -> EvidenceRecord:
    """Read a mass spectrum or a peak list and say what it shows.

    Parameters
    ----------
    path : path-like
        The file.
    sample, incorporation_percent
        What it belongs to; without an incorporation the guest is assumed to be there.
    peaks : bool, optional
        Whether the file is a peak list; found out by default.
    tolerance_da : float
        As for `assign_peaks`.
    with_guest : bool, optional
        Whether the guest may be there; by default unless `incorporation_percent` is 0.
    width_da : float
        Smoothing of the peak search, as for `pick_peaks`.
    host_cluster : str, optional
        The undoped cluster; that of the system by default.
    mixture : mapping, optional
        Keywords of `fit_mixture`, which is made on a whole spectrum where the host is seen.
    reading : mapping, optional
        Keywords of `load_spectrum`.
    system : System, str or Path
        The cation system.

    Raises
    ------
    InputError
        If the file cannot be read as a mass spectrum.
    """
    guest = with_guest if with_guest is not None else incorporation_percent != 0
    listed = looks_like_peak_list(path) if peaks is None else peaks
    spectrum = None if listed else load_spectrum(path, "ms", label=sample, **(reading or {}))
    peak_list = pick_peaks(spectrum, width_da=width_da) if spectrum else load_peak_list(path, label=sample)
    assignment = assign_peaks(peak_list, tolerance_da=tolerance_da, with_guest=guest, system=system)
    results: dict[str, FileResult] = {"assignment": assignment}
    fitted = None
    findings = partial(findings_of_masses, assignment, system=system, host_cluster=host_cluster)
    if spectrum is not None and guest and findings()[0].state == "present":
        # without an envelope of the host after all the assignment stands alone
        with suppress(FitError):
            fitted = fit_mixture(spectrum, host=host_cluster, system=system, **(mixture or {}))
            results["mixture"] = fitted
    return EvidenceRecord(
        file=os.fspath(path),
        technique="ms",
        sample=assignment.label,
        incorporation_percent=incorporation_percent,
        results=results,
        findings=findings(mixture=fitted),
    )


def record_of_spectrum(
    path: str | os.PathLike[str],
    *,
    library: Library | None = None,
    sample: str = "",
    incorporation_percent: float | None = None,
    analysis: Mapping[str, Any] | None = None,
    reading: Mapping[str, Any] | None = None,
    system: SystemLike = DEFAULT,
) -> EvidenceRecord:
    """Read a photoelectron spectrum or, with a library, a diffraction pattern and say what it shows.

    Parameters
    ----------
    path : path-like
        The file.
    library : Library, optional
        Reference patterns.
    sample, incorporation_percent
        What it belongs to.
    analysis, reading : mapping, optional
        Keywords of `analyse_xps` or `fit_pattern`, and of `load_spectrum`.
    system : System, str or Path
        The cation system.
    """
    technique = "xps" if library is None else "xrd"
    spectrum = load_spectrum(path, technique, label=sample, **(reading or {}))
    result: XpsResult | PatternFit
    if library is None:
        result = analyse_xps(spectrum, system=system, **(analysis or {}))
        findings = findings_of_xps(result, system=system)
    else:
        result = fit_pattern(spectrum, library, **(analysis or {}))
        findings = findings_of_pattern(result, system=system)
    return EvidenceRecord(
        file=os.fspath(path),
        technique=technique,
        sample=result.label,
        incorporation_percent=incorporation_percent,
        results={technique: result},
        findings=findings,
    )


@checked()
def join_evidence(
    paths: Sequence[str | os.PathLike[str]],
    *,
    host: str | None = None,
    sulfide: str | None = None,
    system: SystemLike = DEFAULT,
) -> Consensus:
    """Join what several files say: records kept as JSON, and tables of findings.

    Parameters
    ----------
    paths : sequence of path-like
        Documents of `cxkinetics evidence ms|xps|xrd --json`, or CSV tables with the columns sample,
        technique, species and state.
    host, sulfide : str, optional
        Names of the two species; those of the system by default.
    system : System, str or Path
        The cation system.

    Returns
    -------
    Consensus
        Per sample, each technique's finding, what follows, and where they disagree.

    Raises
    ------
    InputError
        If a file is neither, or holds no finding.

    Examples
    --------
    >>> from importlib.resources import files
    >>> table = files("cxkinetics.evidence").joinpath("data", "evidence_table1.csv")
    >>> len(join_evidence([table]).samples)
    7
    """
    chemistry = chemistry_of(system)
    read = [_samples_in(path) for path in paths]
    return join(
        _gathered([sample for samples, _ in read for sample in samples]),
        host=host or chemistry.host_phase,
        sulfide=sulfide or chemistry.product_phase,
        simulated=any(simulated for _, simulated in read),
    )


def _gathered(samples: Sequence[SampleEvidence]) -> tuple[SampleEvidence, ...]:
    """Return one entry per label: all its findings, and the first incorporation that is known."""
    together: dict[str, SampleEvidence] = {}
    for sample in samples:
        known = together.get(sample.label)
        if known is not None:
            percent = known.incorporation_percent
            sample = replace(
                known,
                incorporation_percent=sample.incorporation_percent if percent is None else percent,
                findings=(*known.findings, *sample.findings),
            )
        together[sample.label] = sample
    return tuple(together.values())


def _samples_in(path: str | os.PathLike[str]) -> tuple[tuple[SampleEvidence, ...], bool]:
    """Return the samples in a file, and whether they rest on simulated data."""
    document = _document(path)
    if document is None:
        rows, source = load_findings(path)
        return _gathered(rows), source.simulated
    records = document.get("records", [])
    if not records:
        raise InputError("the document holds no record of evidence", file=os.fspath(path))
    samples = tuple(
        SampleEvidence(
            label=record["sample"],
            incorporation_percent=record["incorporation_percent"],
            findings=tuple(Finding.from_dict(item) for item in record["findings"]),
        )
        for record in records
    )
    return samples, any(record.get("simulated") for record in records)


def _document(path: str | os.PathLike[str]) -> dict[str, Any] | None:
    """Return the JSON document in a file, or None where the file is no JSON."""
    content = read_content(path)
    text = decode(content.data, content.file).text
    if not text.lstrip().startswith("{"):
        return None
    try:
        document = json.loads(text)
    except json.JSONDecodeError as error:
        raise InputError(f"this is no whole JSON document: {error}", file=content.file) from None
    if document.get("schema") != SCHEMA:
        fault = f"the document has schema {document.get('schema')!r}; {SCHEMA} is needed"
        remedy = "make it with: cxkinetics evidence ms|xps|xrd FILE --json"
        raise InputError(fault, file=content.file, remedy=remedy)
    return dict(document)


def document_of(
    records: Sequence[EvidenceRecord], failures: Sequence[Mapping[str, str]] = ()
) -> dict[str, Any]:
    """Return the JSON document that holds records."""
    found = [record.to_dict() for record in records]
    return headed(records=found, failures=[dict(failure) for failure in failures])


def headed(**parts: Any) -> dict[str, Any]:
    """Return a JSON document of these parts under the name of its schema and the version."""
    return {"schema": SCHEMA, "version": __version__, **parts}
