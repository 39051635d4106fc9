"""The mechanism's part of the demonstration: the published numbers beside the packaged joint fit."""

from dataclasses import dataclass
from typing import Any

from cxkinetics.document.page import Block, Paragraph, Section
from cxkinetics.document.table import Column, Table
from cxkinetics.estimate import Estimate
from cxkinetics.examples.kinetics import Comparison
from cxkinetics.mechanism.data import QUANTITIES
from cxkinetics.mechanism.figures import fit_figures, map_figure
from cxkinetics.mechanism.fit import published_mechanism_fit
from cxkinetics.mechanism.page import rival_table
from cxkinetics.mechanism.predict import TimedDose, dose_in_time
from cxkinetics.mechanism.result import MechanismFit

TARGETS = ("AgCd33S33", "Ag2Cd32S33")


@dataclass(frozen=True, slots=True, eq=False)
class DemoMechanism:
    """The published numbers beside the packaged joint fit, and the dose and time for each of `TARGETS`."""

    fit: MechanismFit
    advice: tuple[TimedDose, ...]
    comparisons: tuple[Comparison, ...]

    name = "mechanism"
    """In the JSON document."""

    example = ""
    """It has no packaged file of its own."""

    answers = "Dose and time of the quench for a target"
    """What stands above its doses."""

    caption = "Ag into CdS: one mechanism for all published numbers"
    """What stands above the comparisons."""

    def to_dict(self) -> dict[str, Any]:
        """Return what the document of the demonstration holds of the mechanism."""
        return {"mechanism": self.fit.to_dict(), "doses_in_time": [one.to_dict() for one in self.advice]}

    def targets(self) -> Table:
        """Return the dose and time for each target."""
        columns = [
            Column("target"),
            Column("dose, %"),
            Column("window"),
            Column("quenched after, s"),
            Column("window"),
            Column("of clusters"),
            Column(f"of all {self.fit.scheme.guest} bound"),
        ]
        rows = [
            (
                one.target,
                one.dose_percent,
                f"{one.window_percent[0]:.0f}-{one.window_percent[1]:.0f}",
                one.time_s,
                f"{one.window_s[0]:.0f}-{one.window_s[1]:.0f}",
                one.purity,
                one.guest_share,
            )
            for one in self.advice
        ]
        note = (
            f"By a mechanism that its own data reject (chi2 {self.fit.chi2:.0f}, {self.fit.dof} degrees of "
            "freedom): intervals are widened by the misfit."
        )
        return Table(columns, rows, note=note)

    def sections(self) -> list[Section]:
        """Return the sections of the report: the fit with its rivals, and dose and time for a target."""
        evidence, composition = fit_figures(self.fit)
        shown: list[Block] = [Paragraph(f"{self.fit.verdict['text'].capitalize()}."), evidence, composition]
        return [
            Section("One mechanism for dose and time", [*shown, rival_table(self.fit)]),
            Section(self.answers, [self.targets(), map_figure(self.advice[-1])]),
        ]


def demonstrate_mechanism() -> DemoMechanism:
    """Return the packaged fit beside the numbers that it is fitted to, and dose and time for each target."""
    fit = published_mechanism_fit()
    note = "All of these were fitted: agreement is a property of the fit, no test of it."
    compared = tuple(
        Comparison(
            quantity=item.what,
            published=item.reading,
            found=Estimate(
                name=item.what, value=item.predicted, unit=QUANTITIES[one.quantity], method="joint fit"
            ),
            note=note if not place else "",
        )
        for place, (one, item) in enumerate(zip(fit.evidence.observations, fit.residuals, strict=False))
        if item.reading is not None and not item.side
    )
    return DemoMechanism(fit, tuple(dose_in_time(target, fit=fit) for target in TARGETS), compared)
