"""The packaged dose table, and the dose side of the demonstration."""

from dataclasses import dataclass, replace
from typing import Any

from cxkinetics.calls import checked
from cxkinetics.composition.dose import DoseAdvice, dose_for
from cxkinetics.composition.figures import incorporation_figure, species_figure
from cxkinetics.composition.guest_amount import dose_unit_words
from cxkinetics.composition.incorporation import fit_incorporation
from cxkinetics.composition.incorporation_result import IncorporationFit
from cxkinetics.composition.page import Filled, incorporation_table, of_columns
from cxkinetics.composition.reader import load_dose_table
from cxkinetics.document import cells
from cxkinetics.document.page import Block, Notes, Paragraph, Section
from cxkinetics.document.table import Column, Table
from cxkinetics.errors import InputError
from cxkinetics.estimate import Estimate
from cxkinetics.examples.kinetics import Comparison, example_path
from cxkinetics.signals.dose_table import DoseTable

_NOTE = (
    "published ICP-OES pairs, Yao, Lynch, Robinson, J. Chem. Phys. 159, 014704 (2023), doi 10.1063/5.0151904"
)


@checked()
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
    path = example_path("ag-cds-dose")
    table = load_dose_table(path)
    source = replace(table.source, file=path.name, note=_NOTE)
    return replace(table, label="Ag into CdS, published", source=source)


_SLOPE2 = "0.83 cannot be had from the stated points: (40.4 - 12.1)/35 = 0.809."
_CHORDS = "The paper holds both ratios: 5.1 is of the chords between the samples at 0, 75 and 135 %."
_CROSSING = "98.0 % is where the paper's lines cross (97-99.5 % otherwise rounded); none is printed."

TARGETS = ("AgCd33S33", "Ag2Cd32S33", "Ag2S")
"""Species of which the demonstration asks the dose."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DemoDoses:
    """The published dose table and what follows from it: the dose side of the demonstration.

    Attributes
    ----------
    curve : IncorporationFit
        The table in the paper's own windows.
    advice : tuple of DoseAdvice
        The dose for each of `TARGETS`.
    comparisons : tuple of Comparison
        Published slopes and thresholds beside ours.
    """

    curve: IncorporationFit
    advice: tuple[DoseAdvice, ...]
    comparisons: tuple[Comparison, ...]

    name = "dose table"
    """In the JSON document."""

    example = "ag-cds-dose"
    """Name of the packaged file behind all this."""

    caption = "Ag into CdS: published dose table"
    """What stands above the comparisons."""

    def to_dict(self) -> dict[str, Any]:
        """Return what the document of the demonstration holds of the dose side."""
        return {
            "incorporation": self.curve.to_dict(),
            "doses": [advice.to_dict() for advice in self.advice],
        }

    def targets(self) -> Table:
        """Return the dose for each target: window, purity, what limits it, what comes from priors."""
        each, source = self.advice, self.advice[0].source
        words = {"dose_percent": "dose", "purity": "share"}
        driven = [[word for key, word in words.items() if key in a.prior_driven] for a in each]
        unit = dose_unit_words(source["guest"], source["host_cation"])
        filled: Filled = [
            (Column("target"), [a.target for a in each]),
            (Column("dose, %", format=cells.value, numeric=True), [a.dose_percent for a in each]),
            (Column("window"), [f"{a.window_percent[0]:g}-{a.window_percent[1]:g}" for a in each]),
            (Column("of clusters"), [a.purity for a in each]),
            (Column(f"of all {source['guest']} [95 %]"), [a.guest_share for a in each]),
            (Column("limited by"), [a.limited_by for a in each]),
            (Column("driven by priors"), [", ".join(parts) or "neither" for parts in driven]),
        ]
        note = f"Doses in {unit}; shares are of clusters and of silver atoms."
        return replace(of_columns(filled), note=note, gap=False)

    def sections(self) -> list[Section]:
        """Return the sections of the report: the curve, and the dose for each target."""
        curve, middle = self.curve, self.advice[len(self.advice) // 2]
        measured = replace(
            incorporation_figure(curve, "published samples"),
            caption="Published pairs (measured), the curve in the paper's windows, and its thresholds.",
        )
        windows = "; ".join(
            f"{a.target} {a.window_percent[0]:g} to {a.window_percent[1]:g} %" for a in self.advice
        )
        species = species_figure(middle)
        species = replace(species, alternative=f"{species.alternative} Windows: {windows}.")
        said = [Paragraph(f"{a.target}: {remark.text}.") for a in self.advice for remark in a.warnings]
        pairs = "The published ICP-OES pairs; doses that are not stated are shown as intervals."
        heard = [Notes(tuple(remark.text for remark in curve.warnings))] if curve.warnings else []
        shown: list[Block] = [Paragraph(pairs), measured, incorporation_table(curve), *heard]
        return [
            Section("Dose against incorporation", shown),
            Section("Dose for a target", [self.targets(), *said, species]),
        ]


def demonstrate_doses() -> DemoDoses:
    """Return the published dose table fitted in the paper's windows, and the dose for each target.

    Examples
    --------
    >>> demo = demonstrate_doses()
    >>> [round(row.found.value, 2) for row in demo.comparisons[:4]]
    [0.11, 0.81, 7.58, 5.06]
    >>> [section.title for section in demo.sections()]
    ['Dose against incorporation', 'Dose for a target']
    """
    curve = fit_incorporation(load_example_dose_table(), preset="paper")
    ratio = curve.mean_slope_ratio
    chords = Estimate(name="mean slope ratio", value=ratio, method="exact", reason="chords between samples")
    slope1, slope2 = (replace(slope, unit="") for slope in (curve.stage1_slope, curve.stage2_slope))
    compared: tuple[tuple[str, float, Estimate, dict[str, str]], ...] = (
        ("slope, stage 1", 0.11, slope1, {"note": "8.0/75 = 0.107 prints as 0.11."}),
        ("slope, stage 2", 0.83, slope2, {"note": _SLOPE2}),
        ("slope ratio", 7.5, curve.slope_ratio, {"note": "7.5 is 0.83/0.11 = 7.545, rounded."}),
        ("mean slope ratio", 5.1, chords, {"note": _CHORDS}),
        ("avalanche dose", 98.0, curve.avalanche_dose_percent, {"kind": "worked out", "note": _CROSSING}),
        ("saturation dose", 135.0, curve.saturation_dose_percent, {"printed": "135"}),
        ("plateau", 40.4, curve.plateau_percent, {"printed": "about 40"}),
    )
    rows = tuple(
        Comparison(quantity=quantity, published=published, found=found, **{"kind": "measured", **more})
        for quantity, published, found, more in compared
    )
    return DemoDoses(curve=curve, advice=tuple(dose_for(target) for target in TARGETS), comparisons=rows)
