"""From a file of one technique to a record: results, findings and what sample they belong to.

Records survive as JSON, so that the evidence of one technique can be kept, and joined with that of
another when it has been measured.
"""

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from cxkinetics.errors import FitError, InputError
from cxkinetics.evidence.assignment import MassAssignment, assign_peaks
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
    host_cluster: str = "Cd34S33(L)",
    mixture: Mapping[str, Any] | None = None,
    reading: Mapping[str, Any] | None = None,
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
    host_cluster : str
        The undoped cluster.
    mixture : mapping, optional
        Keywords of `fit_mixture`, which is made on a whole spectrum where the host is seen.
    reading : mapping, optional
        Keywords of `load_spectrum`.

    Raises
    ------
    InputError
        If the file cannot be read as a mass spectrum.
    """
    guest = with_guest if with_guest is not None else incorporation_percent != 0
    listed = looks_like_peak_list(path) if peaks is None else peaks
    results: dict[str, FileResult] = {}
    if listed:
        found = load_peak_list(path, label=sample)
        assignment = assign_peaks(found, tolerance_da=tolerance_da, with_guest=guest)
        label, fitted = found.label, None
    else:
        spectrum = load_spectrum(path, "ms", label=sample, **(reading or {}))
        picked = pick_peaks(spectrum, width_da=width_da)
        assignment = assign_peaks(picked, tolerance_da=tolerance_da, with_guest=guest)
        label, fitted = spectrum.label, None
        seen = findings_of_masses(assignment, host_cluster=host_cluster)[0]
        if guest and seen.state == "present":
            try:
                fitted = fit_mixture(spectrum, host=host_cluster, **(mixture or {}))
            except FitError:
                fitted = None  # no envelope of the host after all: the assignment stands alone
    results["assignment"] = assignment
    if fitted is not None:
        results["mixture"] = fitted
    findings = findings_of_masses(assignment, mixture=fitted, host_cluster=host_cluster)
    return EvidenceRecord(
        file=os.fspath(path),
        technique="ms",
        sample=label,
        incorporation_percent=incorporation_percent,
        results=results,
        findings=findings,
    )


def record_of_xps(
    path: str | os.PathLike[str],
    *,
    sample: str = "",
    incorporation_percent: float | None = None,
    analysis: Mapping[str, Any] | None = None,
    reading: Mapping[str, Any] | None = None,
) -> EvidenceRecord:
    """Read a photoelectron spectrum and say what its line shows.

    Parameters
    ----------
    path : path-like
        The file.
    sample, incorporation_percent
        What it belongs to.
    analysis, reading : mapping, optional
        Keywords of `analyse_xps` and of `load_spectrum`.
    """
    spectrum = load_spectrum(path, "xps", label=sample, **(reading or {}))
    result = analyse_xps(spectrum, **(analysis or {}))
    return EvidenceRecord(
        file=os.fspath(path),
        technique="xps",
        sample=spectrum.label,
        incorporation_percent=incorporation_percent,
        results={"xps": result},
        findings=findings_of_xps(result),
    )


def record_of_pattern(
    path: str | os.PathLike[str],
    library: Library,
    *,
    sample: str = "",
    incorporation_percent: float | None = None,
    analysis: Mapping[str, Any] | None = None,
    reading: Mapping[str, Any] | None = None,
) -> EvidenceRecord:
    """Read a diffraction pattern and say which phases it holds.

    Parameters
    ----------
    path : path-like
        The file.
    library : Library
        Reference patterns.
    sample, incorporation_percent
        What it belongs to.
    analysis, reading : mapping, optional
        Keywords of `fit_pattern` and of `load_spectrum`.
    """
    spectrum = load_spectrum(path, "xrd", label=sample, **(reading or {}))
    result = fit_pattern(spectrum, library, **(analysis or {}))
    return EvidenceRecord(
        file=os.fspath(path),
        technique="xrd",
        sample=spectrum.label,
        incorporation_percent=incorporation_percent,
        results={"xrd": result},
        findings=findings_of_pattern(result),
    )


def join_evidence(
    paths: Sequence[str | os.PathLike[str]], *, host: str = "CdS", sulfide: str = "Ag2S"
) -> Consensus:
    """Join what several files say: records kept as JSON, and tables of findings.

    Parameters
    ----------
    paths : sequence of path-like
        Documents of `cxkinetics evidence ms|xps|xrd --json`, or CSV tables with the columns sample,
        technique, species and state.
    host, sulfide : str
        Names of the two species.

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
    >>> from cxkinetics.examples.kinetics import example_path
    >>> table = example_path("ag-cds-dose").with_name("evidence_table1.csv")
    >>> len(join_evidence([table]).samples)
    7
    """
    findings: dict[str, list[Finding]] = {}
    percents: dict[str, float | None] = {}
    simulated = False
    for path in paths:
        for sample in _samples_in(path):
            findings.setdefault(sample.label, []).extend(sample.findings)
            known = percents.get(sample.label)
            percents[sample.label] = sample.incorporation_percent if known is None else known
        simulated = simulated or _is_simulated(path)
    samples = [
        SampleEvidence(label=label, incorporation_percent=percents[label], findings=tuple(items))
        for label, items in findings.items()
    ]
    return join(samples, host=host, sulfide=sulfide, simulated=simulated)


def samples_of_table(path: str | os.PathLike[str]) -> tuple[SampleEvidence, ...]:
    """Return the rows of a table of findings, gathered by sample.

    A share without standard error is kept as a number without an interval.
    """
    from cxkinetics.estimate import Estimate

    rows, _ = load_findings(path)
    gathered: dict[str, list[Finding]] = {}
    percents: dict[str, float | None] = {}
    for row in rows:
        share = None
        if row.share is not None:
            reach = None if row.se is None else 1.96 * row.se
            share = Estimate(
                name="share", value=row.share, se=row.se, method="as given",
                low=None if reach is None else row.share - reach,
                high=None if reach is None else row.share + reach,
                reason="" if reach is not None else "no error is given",
            )  # fmt: skip
        gathered.setdefault(row.sample, []).append(
            Finding(
                technique=row.technique,
                species=row.species,
                state=row.state,
                share=share,
                limit=row.limit,
                note=row.note,
            )
        )
        known = percents.get(row.sample)
        percents[row.sample] = row.incorporation_percent if known is None else known
    return tuple(
        SampleEvidence(label=label, incorporation_percent=percents[label], findings=tuple(items))
        for label, items in gathered.items()
    )


def _samples_in(path: str | os.PathLike[str]) -> tuple[SampleEvidence, ...]:
    document = _document(path)
    if document is None:
        return samples_of_table(path)
    records = document.get("records", [])
    if not records:
        raise InputError("the document holds no record of evidence", file=os.fspath(path))
    return tuple(
        SampleEvidence(
            label=record["sample"],
            incorporation_percent=record["incorporation_percent"],
            findings=tuple(Finding.from_dict(item) for item in record["findings"]),
        )
        for record in records
    )


def _is_simulated(path: str | os.PathLike[str]) -> bool:
    document = _document(path)
    if document is None:
        return load_findings(path)[1].simulated
    return any(record.get("simulated") for record in document.get("records", []))


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
        raise InputError(
            f"the document has schema {document.get('schema')!r}; {SCHEMA} is needed",
            file=content.file,
            remedy="make it with: cxkinetics evidence ms|xps|xrd FILE --json",
        )
    return dict(document)


def document_of(
    records: Sequence[EvidenceRecord], failures: Sequence[Mapping[str, str]] = ()
) -> dict[str, Any]:
    """Return the JSON document that holds records."""
    return {
        "schema": SCHEMA,
        "version": __version__,
        "records": [record.to_dict() for record in records],
        "failures": [dict(failure) for failure in failures],
    }
