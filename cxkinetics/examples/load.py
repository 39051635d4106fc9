"""The packaged in-situ spectra, read back with their label "simulated" and their provenance."""

from io import StringIO
from pathlib import Path

import numpy as np

from cxkinetics.errors import InputError
from cxkinetics.examples.published import published_kinetics
from cxkinetics.signals.spectra import SpectralSeries
from cxkinetics.source import Source, sha256_of

__all__ = ["EXAMPLES", "example_path", "load_example"]

EXAMPLES = ("ag-cds", "cu-cds")
"""Names of the packaged in-situ spectra."""


def example_path(name: str) -> Path:
    """Return the packaged CSV file of "ag-cds", "cu-cds" (spectra) or "ag-cds-dose" (dose table).

    Raises
    ------
    InputError
        If there is no such example; the message lists those there are.
    """
    files = {known: f"{known}-simulated.csv" for known in EXAMPLES} | {"ag-cds-dose": "ag_cds_dose.csv"}
    if name not in files:
        raise _unknown(name, tuple(files))
    return Path(__file__).with_name(files[name])


def _unknown(name: str, known: tuple[str, ...]) -> InputError:
    import difflib

    near = difflib.get_close_matches(name, known, 1)
    hint = f" (did you mean {near[0]!r}?)" if near else ""
    return InputError(f"no example {name!r}{hint}; there are {', '.join(known)}")


def load_example(name: str) -> SpectralSeries:
    """Return packaged in-situ spectra: time x wavelength around the exciton peak, simulated.

    Parameters
    ----------
    name : str
        "ag-cds" (0-100 s, two stages meeting at 20 s) or "cu-cds" (0-90 s, 10 s).

    Returns
    -------
    SpectralSeries
        `source.simulated` is True and `source.note` says what it was simulated from.

    Raises
    ------
    InputError
        If there is no such example.

    References
    ----------
    Yao, Lynch, Robinson, J. Chem. Phys. 159, 014704 (2023), doi 10.1063/5.0151904: the constants.

    Examples
    --------
    >>> series = load_example("ag-cds")
    >>> series.source.simulated, series.absorbance.shape
    (True, (101, 71))
    >>> round(float(series.exciton_peak(near_nm=324).absorbance[0]), 2)
    0.9
    """
    if name not in EXAMPLES:
        raise _unknown(name, EXAMPLES)
    path = example_path(name)
    content = path.read_bytes()
    text = content.decode("utf-8")
    first = text.partition("\n")[0]
    body = [line for line in text.splitlines() if not line.startswith("#")]
    wavelength = np.array([float(cell) for cell in body[0].split(",")[1:]])
    table = np.loadtxt(StringIO("\n".join(body[1:])), delimiter=",", ndmin=2)
    return SpectralSeries(
        time_s=table[:, 0],
        wavelength_nm=wavelength,
        absorbance=table[:, 1:],
        label=published_kinetics(name).label,
        source=Source(
            file=path.name,
            sha256=sha256_of(content),
            format="delimited text",
            simulated=True,
            note=first.removeprefix("# simulated:").strip(),
        ),
    )
