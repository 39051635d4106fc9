"""The example spectra as files: the packaged tables, and simulated spectra written as CSV."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cxkinetics.arrays import Array
from cxkinetics.examples.evidence_simulate import (
    reference_library,
    simulate_diffraction,
    simulate_mass_spectrum,
    simulate_photoelectrons,
    simulation_settings,
)

__all__ = ["example_files", "simulated_files"]

_PACKAGED = ("evidence_table1.csv", "evidence_ms_peaks.csv")


def example_files() -> list[tuple[str, str]]:
    """Return name and text of every example file: published tables, simulated spectra, references.

    Examples
    --------
    >>> [name for name, _ in example_files()][:3]
    ['evidence_table1.csv', 'evidence_ms_peaks.csv', 'ms-0.0.csv']
    """
    packaged = [(name, Path(__file__).with_name(name).read_text(encoding="utf-8")) for name in _PACKAGED]
    simulated = [item for sample in simulation_settings()["samples"] for item in simulated_files(sample)]
    library = reference_library()
    head = f"# simulated: {library.source.note}"
    rows = zip(library.axis, library.patterns, strict=True)
    lines = [head, "2theta," + ",".join(library.names)]
    lines += [f"{angle:g}," + ",".join(f"{value:g}" for value in row) for angle, row in rows]
    return [*packaged, *simulated, ("xrd-references.csv", "\n".join(lines) + "\n")]


def simulated_files(sample: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return name and text of the three simulated spectra of a sample.

    Parameters
    ----------
    sample : mapping
        One of the samples of `simulation_settings()`.
    """
    percent = f"{float(sample['incorporation_percent']):.1f}"
    masses = simulate_mass_spectrum(sample)
    line, photoelectrons = simulate_photoelectrons(sample)
    pattern = simulate_diffraction(sample)
    name = line.replace(" ", "").lower()
    return [
        (f"ms-{percent}.csv", _text("m/z", masses.axis, masses.counts, masses.source.note)),
        (
            f"xps-{name}-{percent}.csv",
            _text(
                "binding energy (eV)", photoelectrons.axis, photoelectrons.counts, photoelectrons.source.note
            ),
        ),
        (f"xrd-{percent}.csv", _text("2theta (degree)", pattern.axis, pattern.counts, pattern.source.note)),
    ]


def _text(axis_name: str, axis: Array, counts: Array, note: str) -> str:
    rows = [f"{x:g},{y:g}" for x, y in zip(axis.tolist(), counts.tolist(), strict=True)]
    return "\n".join([f"# simulated: {note}", f"{axis_name},counts", *rows]) + "\n"
