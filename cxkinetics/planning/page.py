"""What a plan says: its blocks, what they will tell beside even spacing, and what it was made for."""

import math
from dataclasses import replace
from typing import TYPE_CHECKING

from cxkinetics.document import cells
from cxkinetics.document.page import Block as PageBlock
from cxkinetics.document.page import Notes, Paragraph, Section, warning_notes
from cxkinetics.document.table import Column, Table
from cxkinetics.document.units import SECONDS, TimeUnit
from cxkinetics.estimate import Estimate

if TYPE_CHECKING:
    from cxkinetics.planning.belief import Belief
    from cxkinetics.planning.sampling import SamplingPlan, Width


def sampling_brief(plan: "SamplingPlan", unit: TimeUnit) -> Section:
    """Return what `print` shows of a plan of readings."""
    title = f"{len(plan.times_s)} readings in {len(plan.blocks)} blocks"
    blocks: list[PageBlock] = [_blocks(plan), _expected(plan, unit), Paragraph(_chances(plan), gap=True)]
    if plan.smallest_break is not None:
        blocks.append(Paragraph(_smallest(plan.smallest_break)))
    blocks.append(Notes(tuple(_made_for(plan, unit)), warnings=False, gap=True))
    return Section(title, [*blocks, *warning_notes(plan.warnings)], unit)


def _blocks(plan: "SamplingPlan") -> Table:
    time = {"unit": "s", "numeric": True, "format": ".6g"}
    columns = [
        Column("block", "block", numeric=True),
        Column("from / {unit}", "from_s", **time),  # type: ignore[arg-type]
        Column("to / {unit}", "to_s", **time),  # type: ignore[arg-type]
        Column("every / {unit}", "every_s", **time),  # type: ignore[arg-type]
        Column("readings", "readings", numeric=True),
    ]
    rows = [(i, b.from_s, b.to_s, b.every_s, b.n_points) for i, b in enumerate(plan.blocks, 1)]
    note = "times count from the addition; between blocks there are no readings"
    return Table(columns, rows, name="blocks", note=note)


def _expected(plan: "SamplingPlan", unit: TimeUnit) -> Table:
    end = f"even to {unit.number(plan.even_to_s)} {unit.sign}"
    heads = ("these readings", "worst tenth", end, "worst tenth, even")
    names = ("half_width", "worst_tenth", "even_half_width", "even_worst_tenth")
    columns = [
        Column("95 % half-width of", "quantity"),
        *(
            Column(head, {name: "value"}, format=_or_open, numeric=True)
            for head, name in zip(heads, names, strict=True)
        ),
        Column("narrower", "narrower", format=lambda ratio: f"{ratio:.2g} times", numeric=True),
        Column(None, "unit"),
    ]
    rows = []
    for name, width in plan.expected.items():
        even = plan.even[name]
        known = width.half_width and even.half_width
        ratio = even.half_width / width.half_width if known and even.half_width and width.half_width else None
        rows.append((name, *_cells(width), *_cells(even), ratio, width.unit))
    note = (
        "of the expected decay (a median, in brackets where it lies), and of the worst tenth of all "
        "believed; "
        f"{plan.simulated} simulated fits each"
    )
    return Table(columns, rows, name="expected", note=note)


def sampling_data(plan: "SamplingPlan") -> list[Table]:
    """Return the sheets: blocks, what they will tell, all times, other numbers of readings."""
    heads = ["n_points", *(f"{kind}_{name}" for kind in ("placed", "even") for name in plan.expected)]
    costs = [(cost.n_points, *cost.placed.values(), *cost.even.values()) for cost in plan.cost]
    return [
        _blocks(plan),
        _expected(plan, SECONDS),
        Table.of_rows("times", ["time_s"], [(time,) for time in plan.times_s]),
        Table.of_rows("cost", [head.replace(" ", "_") for head in heads], costs),
    ]


def _or_open(half: Estimate) -> str:
    if half.value is None:
        return "open"
    known = half.low is not None and half.high is not None
    return f"{cells.interval(half)} {half.unit}" if known else cells.value_unit(half)


def _cells(width: "Width") -> tuple[Estimate, Estimate]:
    open_end = "open in as many runs"
    median, tenth = (
        Estimate(name="half-width", value=value, unit=width.unit, reason="" if value else open_end)
        for value in (width.half_width, width.worst_tenth)
    )
    return replace(median, low=width.low, high=width.high), tenth


def _chances(plan: "SamplingPlan") -> str:
    named = plan.verdict.replace("_", " ")
    own, even = (cells.fixed(e, ".2f") for e in (plan.chance_of_verdict, plan.even_chance_of_verdict))
    return f'Chance of the verdict "{named}": {own}; with even spacing {even}.'


def _smallest(found: Estimate) -> str:
    if found.value is None:
        return f"Smallest break found in 80 % of runs: none; {found.reason}."
    ends = [f"{end:.3g}" if end is not None else "?" for end in (found.low, found.high)]
    return (
        f"Smallest break found in 80 % of runs: a {found.value:.3g}-fold change of rate [{', '.join(ends)}]."
    )


def _made_for(plan: "SamplingPlan", unit: TimeUnit) -> list[str]:
    belief: Belief = plan.belief
    spreads = [
        f"{unit.value(k, '1/s'):.3g} 1/{unit.sign} (times or over {math.exp(spread):.2f})"
        for k, spread in zip(belief.rates_per_s, belief.rate_spread, strict=True)
    ]
    said = [f"averaged over rate constants {' and '.join(spreads)}"]
    for low, high in belief.between_s:
        said[0] += (
            f", a breakpoint between {unit.value(low, 's'):.3g} and {unit.value(high, 's'):.3g} {unit.sign}"
        )
    noise = f"noise {belief.sd:.3g} of an amplitude of {belief.amplitude:.3g}, offset {belief.offset:.3g}"
    if belief.correlation_s:
        noise += f", remembered for {unit.value(belief.correlation_s, 's'):.3g} {unit.sign}"
    said.append(f"{noise}; shortest spacing {unit.number(plan.options['fastest_s'])} {unit.sign}")
    said.append(
        "a reaction that is not of that kind needs other times: look at the curve before the next run"
    )
    return said
