"""What a fitted mechanism says: parameters, sources, rivals, what decides; answers in dose and time."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from cxkinetics.document import cells
from cxkinetics.document.page import Block, Fact, Gallery, Notes, Page, Paragraph, Section, warning_notes
from cxkinetics.document.table import Cell, Column, Table, long
from cxkinetics.document.units import TimeUnit
from cxkinetics.estimate import Estimate, format_p
from cxkinetics.mechanism.verdict import LEAD, compared, next_measurement
from cxkinetics.remarks import Remark
from cxkinetics.version import __version__

if TYPE_CHECKING:
    from cxkinetics.composition.guest_amount import GuestAmount
    from cxkinetics.mechanism.predict import TimedDose, TimedPrediction
    from cxkinetics.mechanism.result import MechanismFit


def parameter_table(fit: "MechanismFit") -> Table:
    """Return the parameters with intervals, and how well each is known."""
    words = {parameter.name: parameter.text for parameter in fit.scheme.parameters}
    columns = [
        Column("parameter", "parameter"),
        Column("value", long(), format=cells.value, numeric=True),
        Column("interval", format=cells.bracket),
        Column("unit", format=str),
        Column("known", "known"),
        Column("what it is", "meaning"),
    ]
    rows = [(name, e, e, e.unit, fit.known[name], words[name]) for name, e in fit.parameters.items()]
    note = (
        f"profiles of chi2, {fit.options['confidence']:.0%}, widened by {fit.misfit:.2f}; an end that "
        "stands at a bound of the search is open"
    )
    return Table(columns, rows, name="parameters", note=note)


def source_table(fit: "MechanismFit") -> Table:
    """Return chi2 by source of the evidence, and of refits without it."""
    columns = [
        Column("source", "source"),
        Column("numbers", "n_points", numeric=True),
        Column("chi2", "chi2", format=".1f", numeric=True),
        Column("chi2 of the rest without it", "chi2_without", format=".1f", numeric=True),
    ]
    without = fit.rivals[0].left_out
    rows = [(name, count, chi2, without.get(name)) for name, (chi2, count) in fit.by_source.items()]
    return Table(columns, rows, name="sources")


def residual_table(fit: "MechanismFit") -> Table:
    """Return every number of the evidence beside its prediction."""
    columns = [
        Column("source", "source"),
        Column("what", "what"),
        Column("limit", "side"),
        Column("reading", "reading", numeric=True),
        Column("sd", "sd", numeric=True),
        Column("mechanism", "predicted", numeric=True),
        Column("off by / sd", "pull", format="+.1f", numeric=True),
    ]
    rows = [(r.source, r.what, r.side, r.reading, r.sd, r.predicted, r.pull) for r in fit.residuals]
    return Table(columns, rows, name="residuals")


def rival_table(fit: "MechanismFit") -> Table:
    """Return every mechanism at the same evidence."""
    columns = [
        Column("mechanism", "mechanism"),
        Column("parameters", "n_parameters", numeric=True),
        Column("chi2", "chi2", format=".1f", numeric=True),
        Column("dof", "dof", numeric=True),
        Column("p", "p_value", format=".1g", numeric=True),
        Column("sds doubled", "chi2_doubled", format=".1f", numeric=True),
        Column("halved", "chi2_halved", format=".1f", numeric=True),
        Column("one trace", "chi2_correlated", format=".1f", numeric=True),
        Column("starts", "agreeing_starts"),
        Column("it is", "verdict"),
    ]
    rows = [
        (
            r.mechanism, r.n_parameters, r.chi2, r.dof, r.p_value, r.doubled, r.halved, r.correlated,
            f"{r.agreeing_starts} of {r.n_starts}", r.verdict,
        )
        for r in fit.rivals
    ]  # fmt: skip
    return Table(columns, rows, name="rivals", fold=True)


def _rival_notes(fit: "MechanismFit") -> tuple[str, ...]:
    """Return how the table of rivals is read, and what the covariance of the numbers of a trace changes."""
    read = f"starts: how many came to within 1 of the least chi2; a parameter more must gain {LEAD:g}"
    chosen = fit.rivals[0]
    known = [(r, r.correlated) for r in fit.rivals if r.correlated is not None]
    if chosen.correlated is None:
        return (read,)
    now = {
        r.mechanism: compared(chi2 - chosen.correlated, r.needed) if r is not chosen else r.verdict
        for r, chi2 in known
    }
    turned = [f"{r.mechanism} is {now[r.mechanism]}" for r, _ in known if now[r.mechanism] != r.verdict]
    # a tenth of chi2 ranks nothing
    before = sorted(known, key=lambda item: round(item[0].chi2, 1))
    after = sorted(before, key=lambda item: round(item[1], 1))
    order = (
        ""
        if len(known) == 1
        else ", the order stays"
        if before == after
        else f", the order is {', '.join(r.mechanism for r, _ in after)}"
    )
    changed = "" if len(known) == 1 else f", and {'; '.join(turned) if turned else 'every verdict stays'}"
    return (
        read,
        "one trace: chi2 where the numbers read off one trace have the covariance of its readings; "
        f"{chosen.chi2:.1f} becomes {chosen.correlated:.1f}{order}{changed}",
    )


def left_out_table(fit: "MechanismFit") -> Table:
    """Return chi2 of the rest where a source is left out, of every mechanism."""
    sources = list(fit.rivals[0].left_out)
    columns = [
        Column("mechanism", "mechanism"),
        *(Column(name, name, format=".1f", numeric=True) for name in sources),
    ]
    rows: list[tuple[Cell, ...]] = [
        (r.mechanism, *(r.left_out[name] for name in sources)) for r in fit.rivals
    ]
    return Table(columns, rows, name="left_out", fold=True)


def deciding_table(fit: "MechanismFit") -> Table:
    """Return what would tell the mechanism from its rivals."""
    columns = [
        Column("measurement", "what"),
        Column("expected", "expected", format=".3g", numeric=True),
        Column("from", "low", format=".3g", numeric=True),
        Column("to", "high", format=".3g", numeric=True),
        Column("rival says", "rival_expected", format=".3g", numeric=True),
        Column("rival", "rival"),
        Column("sd", "sd", numeric=True),
        Column("effort", "cost", numeric=True),
        Column("apart / sd", "separation", format=".1f", numeric=True),
    ]
    rows = [
        (d.what, d.expected, d.low, d.high, d.rival_expected, d.rival, d.sd, d.cost, d.separation)
        for d in fit.deciding
    ]
    note = "the best value for the effort first; effort 1 is a spectrum of a sample that exists anyhow"
    return Table(columns, rows, name="deciding", note=note, fold=True)


def _quality(fit: "MechanismFit") -> str:
    found = f"chi2 {fit.chi2:.1f} over {fit.evidence.n_points} numbers, {fit.dof} degrees of freedom"
    return found if fit.p_value is None else f"{found}, {format_p(fit.p_value)}"


def fit_brief(fit: "MechanismFit", unit: TimeUnit) -> Section:
    """Return what `print` shows of a fit."""
    known = (
        f"{fit.directions} of {len(fit.parameters)} combinations of parameters are determined by the data; "
        "the rest follows from the bounds"
    )
    blocks: list[Block] = [
        Paragraph(f"{_quality(fit)}."),
        Paragraph(f"Verdict: {fit.verdict['text']}.", strong=True),
        parameter_table(fit),
        Notes((known,), warnings=False),
        source_table(fit),
    ]
    if len(fit.rivals) > 1:
        blocks += [rival_table(fit), Notes(_rival_notes(fit), warnings=False)]
        if fit.rivals[0].left_out:
            blocks += [Paragraph("chi2 of the rest without one source", gap=True), left_out_table(fit)]
    if fit.deciding:
        blocks += [Paragraph("What would decide", gap=True), deciding_table(fit)]
    if following := next_measurement(fit.rivals, fit.deciding):
        blocks.append(Paragraph(following, gap=True))
    return Section(f"{fit.title} ({fit.mechanism})", [*blocks, *warning_notes(fit.warnings)], unit)


def fit_page(fit: "MechanismFit", unit: TimeUnit) -> Page:
    """Return the report of a fit."""
    facts = (
        Fact("chi2", f"{fit.chi2:.1f}", f"{fit.dof} degrees of freedom"),
        Fact("determined", f"{fit.directions} of {len(fit.parameters)}", "combinations of parameters"),
        Fact("numbers", str(fit.evidence.n_points), f"{len(fit.evidence.sources)} sources"),
    )
    options = [(name, str(value)) for name, value in sorted(fit.options.items())]
    sections = [
        fit_brief(fit, unit),
        Section("Figures", [Gallery(tuple(fit.figures(unit)))]),
        Section("Every number", [residual_table(fit)]),
        Section("Options", [Table([Column("option"), Column("value")], [*options, ("seed", str(fit.seed))])]),
    ]
    return Page(
        f"{fit.title}: {fit.evidence.title}",
        summary=f"{fit.verdict['text'].capitalize()}.",
        sections=sections,
        facts=facts,
        footer=(f"cxkinetics {__version__}",),
    )


def fit_data(fit: "MechanismFit") -> list[Table]:
    """Return the sheets of a fit."""
    draws = Table.of_rows("draws", list(fit.parameters), fit.draws.tolist())
    made = [parameter_table(fit), residual_table(fit), source_table(fit), rival_table(fit)]
    more = [left_out_table(fit)] if fit.rivals[0].left_out else []
    return [*made, *more, *([deciding_table(fit)] if fit.deciding else []), draws]


def _untold(warnings: Sequence[Remark]) -> list[Remark]:
    """Return the warnings but that of the other answer, which stands above."""
    return [remark for remark in warnings if remark.code != "differs"]


def _share(estimate: Estimate) -> str:
    """Return a share with its interval, to a thousandth."""
    if estimate.value is None or estimate.low is None or estimate.high is None:
        return cells.interval(estimate)
    return f"{estimate.value:.3f} [{estimate.low:.3f}, {estimate.high:.3f}]"


def share_table(clusters: Mapping[str, Estimate], guest: Mapping[str, Estimate], element: str) -> Table:
    """Return both shares of each species."""
    columns = [
        Column("species", "species"),
        Column("share of clusters", {f"cluster_{k}": v for k, v in long().items()}, _share, numeric=True),
        Column(
            f"share of all {element} bound",
            {f"guest_{k}": v for k, v in long().items()},
            _share,
            numeric=True,
        ),
    ]
    return Table(columns, [(name, e, guest[name]) for name, e in clusters.items()], name="species")


def standing_table(result: "TimedPrediction") -> Table:
    """Return what becomes of the composition if it is left standing."""
    columns = [
        Column("quenched after / {unit}", "time_s", unit="s", numeric=True),
        *(Column(name, name, format=".2f", numeric=True) for name in result.species),
        Column("A/A0", "absorbance_ratio", format=".2f", numeric=True),
        Column("incorporation / %", "incorporation_percent", format=".1f", numeric=True),
    ]
    rows = [
        (s.time_s, *s.species.values(), s.absorbance_ratio, s.incorporation_percent) for s in result.standing
    ]
    return Table(columns, rows, name="left_standing", caption="Left standing, mean shares of clusters")


def beside_table(result: "TimedPrediction") -> Table:
    """Return the answer of the dose table's samples beside the mechanism's."""
    columns = [
        Column("species", "species"),
        Column("this mechanism", {f"timed_{k}": v for k, v in long().items()}, _share, numeric=True),
        Column(
            "as the table's samples", {f"quenched_{k}": v for k, v in long().items()}, _share, numeric=True
        ),
    ]
    rows = [(name, result.species[name], other) for name, other in result.quenched.items()]
    return Table(columns, rows, name="quenched", caption=f"Beside `predict` without a time: {result.reason}")


def _amount_lines(amount: "GuestAmount | None") -> list[Paragraph]:
    if amount is None:
        return []
    from cxkinetics.composition.page import amount_lines

    return amount_lines(amount)


def prediction_brief(result: "TimedPrediction", unit: TimeUnit, amount: "GuestAmount | None") -> Section:
    """Return what `print` shows of a prediction."""
    time = unit.number(result.time_s)
    blocks: list[Block] = [
        Paragraph(
            f"Incorporation {result.incorporation_percent}; A/A0 {result.absorbance_ratio}; trapped host "
            f"{result.trapped_host}."
        ),
        *_amount_lines(amount),
        share_table(result.species, result.guest_share, result.guest),
        standing_table(result),
    ]
    if result.quenched:
        blocks.append(beside_table(result))
    title = (
        f"{result.dose_percent:g} % dose, quenched after {time} {unit.sign} (mechanism {result.mechanism})"
    )
    return Section(title, [*blocks, *warning_notes(_untold(result.warnings))], unit)


def dose_brief(result: "TimedDose", unit: TimeUnit, amount: "GuestAmount | None") -> Section:
    """Return what `print` shows of the dose, or dose and time, for a target."""
    time = unit.estimate(result.time_s)
    first, last = (unit.number(float(f"{end:.3g}")) for end in result.window_s)
    low, high = result.window_percent
    lines = [
        f"dose {result.dose_percent}, window {low:.3g} to {high:.3g} %",
        f"quenched after {time}" + ("" if result.given_time else f", window {first} to {last} {unit.sign}"),
        f"share of clusters {result.purity}; share of all {result.guest} bound {result.guest_share}",
    ]
    kept = "in dose" if result.given_time else "in dose at the best time, and in time at the best dose"
    limit = f"at most {result.max_byproduct:g} of product"
    note = f"the windows, {kept}, hold at least 0.9 of the best share and {limit}"
    title = f"{result.target}: best dose" + ("" if result.given_time else " and time of the quench")
    blocks: list[Block] = [
        *(Paragraph(line) for line in lines),
        *_amount_lines(amount),
        share_table(result.composition, result.composition_guest, result.guest),
        Notes((note,), warnings=False),
    ]
    if result.quenched:
        other = f"{result.quenched['dose']}, purity {result.quenched['purity']}"
        blocks.append(Paragraph(f"`dose` without a time says {other}: {result.reason}."))
    return Section(title, [*blocks, *warning_notes(_untold(result.warnings))], unit)


def prediction_data(result: "TimedPrediction") -> list[Table]:
    """Return the sheets of a prediction."""
    shares = share_table(result.species, result.guest_share, result.guest)
    return [shares, standing_table(result), *([beside_table(result)] if result.quenched else [])]


def dose_data(result: "TimedDose") -> list[Table]:
    """Return the sheets of the dose for a target: its composition, and the map."""
    rows = [
        (dose, time, result.map_share[i, j])
        for i, dose in enumerate(result.map_dose_percent.tolist())
        for j, time in enumerate(result.map_time_s.tolist())
    ]
    shares = share_table(result.composition, result.composition_guest, result.guest)
    return [shares, Table.of_rows("map", ["dose_percent", "time_s", "share"], rows)]
