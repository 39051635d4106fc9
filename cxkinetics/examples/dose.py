"""The packaged dose table: published pairs exact, doses not stated as intervals."""

from dataclasses import replace
from pathlib import Path

from cxkinetics.errors import InputError
from cxkinetics.io.dose import load_dose_table
from cxkinetics.signals.dose_table import DoseTable

__all__ = ["load_example_dose_table"]

_NOTE = (
    "published ICP-OES pairs, Yao, Lynch, Robinson, J. Chem. Phys. 159, 014704 (2023), doi 10.1063/5.0151904"
)


def load_example_dose_table(name: str = "ag-cds") -> DoseTable:
    """Return the published dose table of Ag into CdS.

    Parameters
    ----------
    name : str
        "ag-cds"; for "cu-cds" none is published.

    Returns
    -------
    DoseTable
        Eight rows: five doses stated outright, three known only as intervals (`.exact` leaves
        those out).

    Raises
    ------
    InputError
        If no dose table is published for that system.

    References
    ----------
    Yao, Lynch, Robinson, J. Chem. Phys. 159, 014704 (2023), doi 10.1063/5.0151904.

    Examples
    --------
    >>> table = load_example_dose_table()
    >>> table.n_points, table.exact.dose_percent.tolist()
    (8, [0.0, 75.0, 100.0, 135.0, 175.0])
    """
    if name != "ag-cds":
        raise InputError(
            f"no dose table is packaged for {name!r}: for copper none is published; bring your own"
        )
    path = Path(__file__).with_name("ag_cds_dose.csv")
    table = load_dose_table(path)
    return replace(
        table, label="Ag into CdS, published", source=replace(table.source, file=path.name, note=_NOTE)
    )
