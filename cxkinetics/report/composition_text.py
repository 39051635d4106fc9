"""Dose curves, compositions and doses for a target as text: numbers, intervals, what they rest on."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from cxkinetics.composition.dose_advice import DoseAdvice
from cxkinetics.composition.dose_search import WINDOW
from cxkinetics.composition.guest_amount import GuestAmount, dose_unit_words
from cxkinetics.composition.incorporation_result import IncorporationFit
from cxkinetics.composition.prediction import Prediction
from cxkinetics.composition.prior_influence import PriorInfluence
from cxkinetics.estimate import Estimate
from cxkinetics.report.blocks import Table
from cxkinetics.report.columns import TERMINAL_WIDTH, aligned, wrapped
from cxkinetics.report.present import as_text

__all__ = [
    "format_dose",
    "format_incorporation",
    "format_prediction",
    "incorporation_table",
    "prior_table",
    "species_table",
]


def estimate_cells(estimate: Estimate) -> tuple[str, str]:
    """Return value and interval of an estimate as two cells, rounded by the error, with the unit."""
    unit = f" {estimate.unit}" if estimate.unit else ""
    if estimate.value is None:
        return "not determined", estimate.reason
    text = str(estimate)
    if estimate.low is None and estimate.high is None:
        return (
            f"{estimate.format_value()}{unit}",
            f"no interval: {estimate.reason}" if estimate.reason else "",
        )
    interval = text[text.index("[") :]
    if unit and interval.endswith(unit):
        interval = interval[: -len(unit)]
    return f"{estimate.format_value()}{unit}", interval


def incorporation_table(fit: IncorporationFit) -> Table:
    """Return the numbers of a dose curve: quantity, value, interval."""
    named = (
        ("slope, stage 1", fit.stage1_slope),
        ("slope, stage 2", fit.stage2_slope),
        ("slope ratio b2/b1", fit.slope_ratio),
        ("avalanche dose", fit.avalanche_dose_percent),
        ("saturation dose", fit.saturation_dose_percent),
        ("plateau", fit.plateau_percent),
    )
    rows = [(name, *estimate_cells(estimate)) for name, estimate in named]
    if fit.mean_slope_ratio is not None:
        rows.append(("mean-slope ratio", f"{fit.mean_slope_ratio:.4g}", "chords between samples"))
    level = float(fit.options.get("confidence", 0.95))
    return Table(("quantity", "value", f"{level:.0%} interval"), tuple(rows), numeric=(1,))


def format_incorporation(fit: IncorporationFit, *, width: int = TERMINAL_WIDTH, warnings: bool = True) -> str:
    """Return a dose-incorporation fit as text.

    Parameters
    ----------
    fit : IncorporationFit
        The result.
    width : int
        Longest line, in characters.
    warnings : bool
        Whether the warnings stand in the text.
    """
    points = fit.points
    name = points.source.file.replace("\\", "/").rpartition("/")[2] or points.label or "dose table"
    preset = fit.options.get("preset")
    how = f"windows of the preset {preset!r}" if preset else "breaks detected by exact search"
    span = f"{points.lowest_dose_percent:g}-{points.highest_dose_percent:g} %"
    intervals = points.n_points - fit.n_exact
    known = f" ({intervals} with the dose as an interval)" if intervals else ""
    title = f"{name}: {points.n_points} samples{known}, dose {span}, incorporation on {fit.basis}; {how}"
    parts = [wrapped(title, hang=2, width=width), ""]
    if points.source.simulated:
        parts.insert(1, "SIMULATED DATA")
    parts.append(aligned(incorporation_table(fit), width=width))
    windows = "; ".join(f"{key} {low:.4g}-{high:.4g} %" for key, (low, high) in fit.windows_percent.items())
    scatter = "unknown" if fit.scatter_percent is None else f"{fit.scatter_percent:.2g} percentage points"
    parts += [
        "",
        wrapped(
            f"windows: {windows}; scatter {scatter} (degrees of freedom: {fit.dof})",
            indent=2,
        ),
    ]
    if fit.rivals:
        rows = tuple(
            (
                rival.model,
                str(rival.n_parameters),
                "-" if rival.rss is None else f"{rival.rss:.4g}",
                "-" if rival.delta_aicc is None else f"{rival.delta_aicc:.1f}",
                rival.note,
            )
            for rival in fit.rivals
        )
        parts += ["", aligned(Table(("model", "parameters", "rss", "dAICc", ""), rows, numeric=(1, 2, 3)))]
    if fit.checks:
        marks = {True: "ok ", False: "!! ", None: "   "}
        parts += ["", "  mass balance"]
        parts += [wrapped(marks[c.passed] + c.text, indent=2, hang=3, width=width) for c in fit.checks]
    if warnings and fit.warnings:
        parts += ["", *(wrapped(f"! {remark.text}", indent=2, hang=2) for remark in fit.warnings)]
    if fit.verdict:
        parts += ["", wrapped(f"{fit.verdict['code'].replace('_', ' ')}: {fit.verdict['text']}", width=width)]
    return "\n".join(parts)


def species_table(
    species: Mapping[str, Estimate],
    influence: PriorInfluence,
    guests: Mapping[str, Estimate] | None = None,
) -> Table:
    """Return shares with intervals and, where known, the guest each holds and what priors contribute."""
    rows = []
    for key, estimate in species.items():
        value, interval = estimate_cells(estimate)
        row = [key, value, interval]
        if guests is not None:
            held = guests[key]
            interval = "" if held.low is None or held.high is None else f" [{held.low:.2f}, {held.high:.2f}]"
            row.append("-" if held.value is None else f"{held.value:.2f}{interval}")
        share = influence.from_priors.get(key)
        row.append("" if share is None else f"{share:.0%}")
        rows.append(tuple(row))
    header = ["species", "share", "interval", *(["share of guest"] if guests is not None else [])]
    return Table((*header, "from priors"), tuple(rows), numeric=(1, *range(3, len(header) + 1)))


def prior_table(influence: PriorInfluence) -> Table:
    """Return the second table: each quantity as it is, and with a prior's width halved and doubled."""
    cells = {(s.prior, s.factor, s.quantity): s for s in influence.shifts}
    pairs = list(dict.fromkeys((s.prior, s.quantity) for s in influence.shifts if s.prior != "none"))

    def cell(prior: str, factor: float, quantity: str) -> str:
        shift = cells.get((prior, factor, quantity))
        if shift is None or shift.value is None or shift.low is None or shift.high is None:
            return "-"
        return f"{shift.value:.3g} [{shift.low:.3g}, {shift.high:.3g}]"

    rows = [
        (quantity, prior, cell(prior, 0.5, quantity), cell("none", 1.0, quantity), cell(prior, 2.0, quantity))
        for quantity, prior in sorted(((q, p) for p, q in pairs), key=lambda item: item[0] != "purity")
    ]
    return Table(("quantity", "prior", "half as wide", "as documented", "twice as wide"), tuple(rows))


def format_prediction(
    result: Prediction,
    *,
    width: int = TERMINAL_WIDTH,
    warnings: bool = True,
    sensitivity: bool = False,
    amount: GuestAmount | None = None,
) -> str:
    """Return a predicted composition as text.

    Parameters
    ----------
    result : Prediction
        The result.
    width : int
        Longest line, in characters.
    warnings : bool
        Whether the warnings stand in the text.
    sensitivity : bool
        Whether the table of halved and doubled priors stands in the text.
    amount : GuestAmount, optional
        What the dose is in a flask, from `result.amount(...)`.
    """
    y = result.incorporation_percent
    value, interval = estimate_cells(y)
    chance = result.stage_probability.get(result.stage, 1.0)
    parts = [
        wrapped(
            f"{result.source['system']} at {result.dose_percent:g} % dose ({_dose_unit(result.source)}): "
            f"{result.stage} ({chance:.0%} of draws); incorporation {value} {interval} on "
            f"{result.source['basis']}",
            hang=2,
            width=width,
        ),
        "",
        aligned(species_table(result.species, result.influence, result.guest_share), width=width),
        "",
    ]
    if amount is not None:
        parts[1:1] = _amount_lines(amount, width)
    for key, words in (
        ("compositional", "converted to product, by occupancy"),
        ("compositional_mass_balance", "the same by mass balance (T from the plateau)"),
        ("optical", "optical conversion 1 - A/A0 (another quantity)"),
        ("gap", "optical minus compositional"),
    ):
        if key in result.conversion:
            value, interval = estimate_cells(result.conversion[key])
            parts.append(wrapped(f"{words}: {value} {interval}", indent=2, hang=2, width=width))
    if result.trapped_host is not None and result.trapped_host.value is not None:
        value, interval = estimate_cells(result.trapped_host)
        parts.append(
            wrapped(f"trapped host that this implies: {value} {interval}", indent=2, hang=2, width=width)
        )
    if result.expected_evidence:
        seen = ", ".join(f"{name} {verdict}" for name, verdict in result.expected_evidence.items())
        text = f"evidence to expect (detection limits chosen, not published): {seen}"
        parts.append(wrapped(text, indent=2, hang=2, width=width))
        if result.detection_limits:
            text = f"limits, each in what the technique counts: {_limits(result)}"
            parts.append(wrapped(text, indent=2, hang=2, width=width))
    parts += _footing(result.source, result.prior_driven, width)
    if sensitivity and result.influence.shifts:
        parts += ["", "  priors halved and doubled", aligned(prior_table(result.influence), width=width)]
    if warnings and result.warnings:
        parts += ["", *(wrapped(f"! {remark.text}", indent=2, hang=2) for remark in result.warnings)]
    return "\n".join(parts)


def _limits(result: Prediction) -> str:
    return "; ".join(
        f"{technique} "
        + ", ".join(f"{name} from {at['limit']:.0%} of {at['of']}" for name, at in named.items())
        for technique, named in result.detection_limits.items()
    )


def format_dose(
    result: DoseAdvice,
    *,
    width: int = TERMINAL_WIDTH,
    warnings: bool = True,
    sensitivity: bool = False,
    amount: GuestAmount | None = None,
) -> str:
    """Return a dose for a target as text; options as for `format_prediction`."""
    dose, dose_interval = estimate_cells(result.dose_percent)
    purity, purity_interval = estimate_cells(result.purity)
    low, high = result.window_percent
    other, other_interval = estimate_cells(result.byproduct)
    paragraphs = [
        f"window {low:g}-{high:g} %: doses that will do ({_window_words(result)})",
        f"purity {purity} {purity_interval}; by-product {other} {other_interval} at {dose}",
        _guest_words(result),
        *(words for words in (_interval_words(result), result.dose_percent.reason) if words),
        _limit_words(result),
    ]
    parts = [
        f"{result.target}: dose {dose} {dose_interval}, {_dose_unit(result.source)}",
        *([] if amount is None else _amount_lines(amount, width)),
        *(wrapped(text, indent=2, hang=2, width=width) for text in paragraphs),
        "",
        aligned(
            species_table(result.composition, result.influence, result.guest_shares or None), width=width
        ),
    ]
    parts += ["", *_footing(result.source, result.prior_driven, width)]
    if sensitivity and result.influence.shifts:
        text = f"priors halved and doubled: purity at {dose}, and the best dose searched anew"
        parts += ["", f"  {text}", aligned(prior_table(result.influence), width=width)]
    if warnings and result.warnings:
        parts += ["", *(wrapped(f"! {remark.text}", indent=2, hang=2) for remark in result.warnings)]
    return "\n".join(parts)


def _dose_unit(source: Mapping[str, Any]) -> str:
    return dose_unit_words(source.get("guest", "guest"), source.get("host_cation", "host cation"))


def _amount_lines(amount: GuestAmount, width: int) -> list[str]:
    return [wrapped(f"add {line}", indent=2, hang=2, width=width) for line in str(amount).splitlines()]


def _guest_words(result: DoseAdvice) -> str:
    """Return the same composition counted by guest atoms: a unit of product holds many of them."""
    guest = result.source.get("guest", "guest")
    held = result.guest_share
    if held.value is None:
        return f"share of all {guest}: not determined ({held.reason})"
    value, interval = estimate_cells(held)
    purity, _ = estimate_cells(result.purity)
    text = (
        f"counted by atoms: {value} {interval} of all {guest} sits in {result.target} (a purity of {purity} "
    )
    return text + "counts clusters)"


def _window_words(result: DoseAdvice) -> str:
    demanded = result.source.get("min_purity")
    purity = "" if not demanded else f" and at least the demanded {demanded:g}"
    return (
        f"mean share at least {WINDOW:g} of that at the best dose{purity}, by-product at most "
        f"{result.source.get('max_byproduct', 0.05):g}"
    )


def _interval_words(result: DoseAdvice) -> str:
    """Return what the interval of the dose means and, off its middle, why the dose lies there."""
    dose, low, high = (getattr(result.dose_percent, name) for name in ("value", "low", "high"))
    if None in (dose, low, high) or not high > low:
        return ""
    level = float(result.source.get("confidence", 0.95))
    _, interval = estimate_cells(result.dose_percent)
    text = (
        f"interval {interval}: how well the best dose is known ({level:.0%} of the best doses of the single "
        "parameter draws)"
    )
    if result.dose_percent.reason:
        return text
    goal = "its 10 % quantile" if result.source.get("criterion") == "robust" else "the mean share"
    text += f"; the dose is where {goal} over all draws is highest"
    if 0.25 <= (dose - low) / (high - low) <= 0.75:
        return text
    mean = result.curves.shares[result.target][0]
    span = (high - low) / 2
    less, more = (float(np.interp(at, result.curves.dose_percent, mean)) for at in (dose - span, dose + span))
    upper = dose - low > high - dose
    if upper is not (less < more):
        return text
    costly, cheap = ("little", "much") if upper else ("much", "little")
    return (
        f"{text}; it lies near the {'upper' if upper else 'lower'} end because too {costly} guest costs more "
        f"than too {cheap}: mean share {less:.2f} at {dose - span:.3g} %, {more:.2f} at {dose + span:.3g} %"
    )


def _limit_words(result: DoseAdvice) -> str:
    words = {
        "cooperativity": "limited by cooperativity: clusters with more and fewer guests come along",
        "avalanche overlap": "limited by avalanche overlap: the product forms before doping is complete",
        "plateau": "on the plateau: more guest changes nothing",
        "calibrated range": "limited by the calibrated doses",
        "none": "limited by nothing in the model",
    }
    return words[result.limited_by]


def _footing(source: Mapping[str, Any], driven: tuple[str, ...], width: int) -> list[str]:
    seed = "" if source.get("seed") is None else f", seed {source['seed']}"
    text = f"from {source['origin']}; {source['n_draws']} parameter draws{seed}"
    lines = [wrapped(text, indent=2, hang=2, width=width)]
    if "max_guests" in source:
        text = f"largest number of guests: {source['max_guests']} {source['guest']} per cluster"
        if source.get("assumed"):
            text += f"; assumed: {'; '.join(source['assumed'])}"
        lines.append(wrapped(text, indent=2, hang=2, width=width))
    if driven:
        lines.append(
            wrapped(
                f"prior-driven (at least half the variance comes from priors): {', '.join(driven)}",
                indent=2,
                hang=2,
                width=width,
            )
        )
    return lines


@as_text.register
def _incorporation(result: IncorporationFit, **options: Any) -> str:
    return format_incorporation(result, **options)


@as_text.register
def _prediction(result: Prediction, **options: Any) -> str:
    return format_prediction(result, **options)


@as_text.register
def _dose(result: DoseAdvice, **options: Any) -> str:
    return format_dose(result, **options)
