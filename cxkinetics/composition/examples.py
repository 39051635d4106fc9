"""The packaged dose table, and the dose side of the demonstration."""

from dataclasses import dataclass, replace
from typing import Any

from cxkinetics.composition.dose import DoseAdvice, dose_for
from cxkinetics.composition.guest_amount import dose_unit_words
from cxkinetics.composition.incorporation import fit_incorporation
from cxkinetics.composition.incorporation_result import IncorporationFit
from cxkinetics.composition.page import incorporation_table
from cxkinetics.composition.reader import load_dose_table
from cxkinetics.errors import InputError
from cxkinetics.estimate import Estimate
from cxkinetics.examples.kinetics import Comparison, example_path
from cxkinetics.kinetics.figures import result_picture
from cxkinetics.kinetics.tables import interval_cell
from cxkinetics.report.blocks import Block, Notes, Paragraph, Section, Table
from cxkinetics.signals.dose_table import DoseTable

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
    path = example_path("ag-cds-dose")
    table = load_dose_table(path)
    return replace(
        table, label="Ag into CdS, published", source=replace(table.source, file=path.name, note=_NOTE)
    )


TARGETS = ("AgCd33S33", "Ag2Cd32S33", "Ag2S")
"""Species of which the demonstration asks the dose."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DemoDoses:
    """The published dose table and what follows from it.

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
    caption = "Ag into CdS: published dose table"
    """Above the comparisons."""
    example = "ag-cds-dose"
    """The packaged file behind all this."""

    def to_dict(self) -> dict[str, Any]:
        """Return what the document of the demonstration holds of the dose side."""
        return {
            "incorporation": self.curve.to_dict(),
            "doses": [advice.to_dict() for advice in self.advice],
        }

    def drawn(self) -> dict[str, object]:
        """Return the results that are drawn, by the name of their files."""
        return {"dose-curve": self.curve, "species": self.advice[len(self.advice) // 2]}

    def sections(self) -> list[Section]:
        """Return the sections of the report: the curve, and the dose for each target."""
        return [
            Section("Dose against incorporation", _curve_blocks(self)),
            Section("Dose for a target", _target_blocks(self)),
        ]

    def targets(self) -> Table:
        """Return the dose for each target: window, purity, what limits it, what comes from priors."""
        return target_table(self)


def _curve_blocks(doses: DemoDoses) -> list[Block]:
    curve = doses.curve
    picture = result_picture(
        curve,
        f"Incorporation against dose for {curve.points.n_points} published samples with the fitted curve: "
        f"slope {curve.stage1_slope.format_value()}, then {curve.stage2_slope.format_value()} from "
        f"{curve.avalanche_dose_percent.format_value()} % dose, plateau at "
        f"{curve.plateau_percent.format_value()} %.",
        "Published pairs (measured), the curve in the paper's windows, and its thresholds.",
    )
    return [
        Paragraph("The published ICP-OES pairs; doses that are not stated are shown as intervals."),
        *([picture] if picture is not None else []),
        incorporation_table(curve),
        *([Notes(tuple(remark.text for remark in curve.warnings))] if curve.warnings else []),
    ]


_DRIVEN = {"dose_percent": "dose", "purity": "share"}


def target_table(doses: DemoDoses) -> Table:
    """Return the dose for each target: window, purity, what limits it, what comes from priors."""
    rows = tuple(
        (
            advice.target,
            advice.dose_percent.format_value(),
            f"{advice.window_percent[0]:g}-{advice.window_percent[1]:g}",
            interval_cell(advice.purity),
            interval_cell(advice.guest_share),
            advice.limited_by,
            ", ".join(word for key, word in _DRIVEN.items() if key in advice.prior_driven) or "neither",
        )
        for advice in doses.advice
    )
    header = (
        "target",
        "dose, %",
        "window",
        "of clusters",
        "of all Ag [95 %]",
        "limited by",
        "driven by priors",
    )
    unit = dose_unit_words("Ag", "Cd")
    return Table(
        header, rows, note=f"Doses in {unit}; shares are of clusters and of silver atoms.", numeric=(1,)
    )


def _target_blocks(doses: DemoDoses) -> list[Block]:
    blocks: list[Block] = [target_table(doses)]
    for advice in doses.advice:
        blocks += [Paragraph(f"{advice.target}: {remark.text}.") for remark in advice.warnings]
    shown = doses.advice[len(doses.advice) // 2]
    windows = "; ".join(
        f"{a.target} {a.window_percent[0]:g} to {a.window_percent[1]:g} %" for a in doses.advice
    )
    picture = result_picture(
        shown,
        f"Shares of the species against dose with their intervals. Windows: {windows}.",
        f"Shares of the species against dose; the band is the window for {shown.target}.",
    )
    return [*blocks, *([picture] if picture is not None else [])]


def demonstrate_doses() -> DemoDoses:
    """Return the published dose table fitted in the paper's windows, and the dose for each target.

    Examples
    --------
    >>> demo = demonstrate_doses()
    >>> [round(row.found.value, 2) for row in demo.comparisons[:4]]
    [0.11, 0.81, 7.58, 5.06]
    """
    curve = fit_incorporation(load_example_dose_table(), preset="paper")
    chords = Estimate(
        name="mean slope ratio",
        value=curve.mean_slope_ratio,
        method="exact",
        reason="chords between samples",
    )
    rows = (
        Comparison(
            kind="measured",
            quantity="slope, stage 1",
            published=0.11,
            found=replace(curve.stage1_slope, unit=""),
            note="8.0/75 = 0.107 prints as 0.11.",
        ),
        Comparison(
            kind="measured",
            quantity="slope, stage 2",
            published=0.83,
            found=replace(curve.stage2_slope, unit=""),
            note="0.83 cannot be had from the stated points: (40.4 - 12.1)/35 = 0.809.",
        ),
        Comparison(
            kind="measured",
            quantity="slope ratio",
            published=7.5,
            found=curve.slope_ratio,
            note="7.5 is 0.83/0.11 = 7.545, rounded.",
        ),
        Comparison(
            kind="measured",
            quantity="mean slope ratio",
            published=5.1,
            found=chords,
            note="The paper holds both ratios: 5.1 is of the chords between the samples at 0, 75 and 135 %.",
        ),
        Comparison(
            kind="worked out",
            quantity="avalanche dose",
            published=98.0,
            found=curve.avalanche_dose_percent,
            note="98.0 % is where the paper's lines cross (97-99.5 % otherwise rounded); none is printed.",
        ),
        Comparison(
            kind="measured",
            quantity="saturation dose",
            published=135.0,
            found=curve.saturation_dose_percent,
            printed="135",
        ),
        Comparison(
            kind="measured",
            quantity="plateau",
            published=40.4,
            found=curve.plateau_percent,
            printed="about 40",
        ),
    )
    return DemoDoses(curve=curve, advice=tuple(dose_for(target) for target in TARGETS), comparisons=rows)
