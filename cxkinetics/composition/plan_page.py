"""What a plan of doses says: its measurements, what each kind alone would do, and where doses tell most."""

from functools import partial
from typing import TYPE_CHECKING

from cxkinetics.composition.figures import DOSE_LABEL
from cxkinetics.document import page
from cxkinetics.document.figure import COLOURS, clear_legend, figure_style, new_axes, on_axes, polish
from cxkinetics.document.page import Paragraph, Section, warning_notes
from cxkinetics.document.table import Column, Table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes

    from cxkinetics.composition.plan import DosePlan, NextMeasurement
    from cxkinetics.document.table import Cell
    from cxkinetics.document.units import TimeUnit

_MARKERS = {"mass spectrum": ("fit", "^"), "wash pair": ("second", "s")}


def plan_brief(plan: "DosePlan", unit: "TimeUnit") -> Section:
    """Return what `print` shows of a plan of doses."""
    now = "; ".join(
        f"{name} now +- {width.now:.3g}{' %' if width.unit else ''}"
        for name, width in plan.steps[0].expected.items()
    )
    title = f"What to measure next for {plan.target} ({plan.source['system']}; {now})"
    alone = plan.best_of_each()
    blocks: list[page.Block] = [_measurements(plan.steps, "plan", "each given those above it")]
    if len(alone) > 1:
        blocks.append(Paragraph("The best of each kind alone", gap=True))
        blocks.append(_measurements(alone, "alone", ""))
    icp, dosed = (_error(plan.source[name]) for name in ("icp_error", "dose_error"))
    said = (
        f"Half-widths of 95 % intervals, expected over {plan.simulated} draws taken for the truth in turn; "
        f"an incorporation errs by {icp}, a dose by {dosed}. From: {plan.source['origin']}."
    )
    return Section(title, [*blocks, Paragraph(said, gap=True), *warning_notes(plan.warnings)], unit)


def _error(parts: "Sequence[float]") -> str:
    """Return an error with its constant and its proportional part in words."""
    constant, share = parts
    words = [f"{constant:g} percentage points"] * bool(constant)
    return " and ".join([*words, *([f"{100 * share:g} %"] if share else [])]) or "nothing"


def _measurements(measured: "Sequence[NextMeasurement]", name: str, note: str) -> Table:
    quantities = list(measured[0].expected)
    columns = [
        Column("measurement", "kind"),
        Column("dose / %", "dose_percent", format=".4g", numeric=True),
        Column("incorporation / %", "incorporation_percent", format=".3g", numeric=True),
    ]
    for quantity in quantities:
        unit = measured[0].expected[quantity].unit
        head = f"{quantity} +-{f' / {unit}' if unit else ''}"
        columns.append(Column(head, f"{quantity.replace(' ', '_')}_half_width", format=".3g", numeric=True))
        columns.append(Column(None, f"{quantity.replace(' ', '_')}_now"))
    columns.append(Column("narrower", "narrower", format=lambda ratio: f"{ratio:.3g} times", numeric=True))
    rows: list[Sequence[Cell]] = []
    for one in measured:
        widths = [value for q in quantities for value in (one.expected[q].half_width, one.expected[q].now)]
        rows.append((one.kind, one.dose_percent, one.incorporation_percent, *widths, one.narrowing))
    return Table(columns, rows, name=name, note=note)


def plan_data(plan: "DosePlan") -> list[Table]:
    """Return the sheets: the plan, and all that was weighed."""
    return [_measurements(plan.steps, "plan", ""), _measurements(plan.candidates, "candidates", "")]


def plot_plan(plan: "DosePlan", *, ax: "Axes | None" = None) -> "Axes":
    """Draw how much narrower a single measurement makes the intervals, against its dose.

    Parameters
    ----------
    plan : DosePlan
        What to draw.
    ax : Axes, optional
        Where; a new single-column figure by default.

    Returns
    -------
    Axes
        The axes drawn on.
    """
    with figure_style():
        axes = new_axes() if ax is None else ax
        kinds = dict.fromkeys(one.kind for one in plan.candidates)
        for kind in kinds:
            mine = [(one.dose_percent, one.narrowing) for one in plan.candidates if one.kind == kind]
            x, y = zip(*mine, strict=True)
            if kind in _MARKERS:
                colour, marker = _MARKERS[kind]
                axes.plot(x, y, marker, color=COLOURS[colour], mfc="white", ms=4, label=kind)
            else:
                axes.plot(x, y, "-", color=COLOURS["paper"], lw=1.0, label=kind)
        axes.axhline(1.0, color=COLOURS["quiet"], lw=0.6)
        for dose in dict.fromkeys(step.dose_percent for step in plan.steps):
            turns = [f"{turn}" for turn, step in enumerate(plan.steps, 1) if step.dose_percent == dose]
            axes.axvline(dose, color=COLOURS["fit"], lw=0.8, ls=":")
            place = (dose, 0.02)
            axes.annotate(f" {', '.join(turns)}", place, xycoords=("data", "axes fraction"), fontsize=6.5)
        axes.set_xlabel(DOSE_LABEL)
        axes.set_ylabel("intervals narrower by a factor of")
        axes.margins(x=0.03)
        clear_legend(axes, columns=1)
        polish(axes)
    return axes


def plan_figure(plan: "DosePlan") -> page.Figure:
    """Return the figure of a plan of doses."""
    return page.Figure(
        "plan-dose",
        partial(on_axes, plot_plan, plan),
        "How many times narrower a single measurement makes the intervals, against the dose of its sample",
        "Gain of a single measurement; dotted: the plan, in its order.",
    )
