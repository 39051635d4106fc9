"""Dose curves, compositions, doses and dose series as pages and workbooks."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from cxkinetics.composition.dose import WINDOW, DoseAdvice
from cxkinetics.composition.dose_spectra import DoseSpectraFit
from cxkinetics.composition.draws import PriorInfluence
from cxkinetics.composition.guest_amount import GuestAmount, dose_unit_words
from cxkinetics.composition.incorporation_result import IncorporationFit
from cxkinetics.composition.predict import Prediction
from cxkinetics.composition.rates_against_dose import RatesAgainstDose
from cxkinetics.composition.update import CompositionUpdate
from cxkinetics.estimate import Estimate
from cxkinetics.kinetics.tables import Rows
from cxkinetics.remarks import Remark
from cxkinetics.report.blocks import Table
from cxkinetics.report.columns import TERMINAL_WIDTH, aligned, wrapped
from cxkinetics.report.present import as_text, save_workbook
from cxkinetics.report.result_workbook import ESTIMATE_HEAD, estimate_row, plain_cell, save_sheets


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


def format_update(result: CompositionUpdate, *, width: int = TERMINAL_WIDTH, warnings: bool = True) -> str:
    """Return parameters before and after the measurements as text.

    Parameters
    ----------
    result : CompositionUpdate
        The result.
    width : int
        Longest line, in characters.
    warnings : bool
        Whether the warnings stand in the text.
    """
    rows = []
    for change in result.changes:
        before = ("-", "") if change.before is None else estimate_cells(change.before)
        after = estimate_cells(change.after)
        ratio = "-" if change.sd_ratio is None else f"{change.sd_ratio:.2f}"
        rows.append((change.name, " ".join(before).strip(), " ".join(after).strip(), ratio))
    table = Table(("parameter", "before", "after", "spread after/before"), tuple(rows), numeric=(3,))
    what = [f"{len(result.measurements)} fractions or onsets"] if result.measurements else []
    if result.points is not None:
        what.append(f"a dose table of {result.points.n_points} rows")
    parts = [
        wrapped(f"{result.draws.system.name}: priors updated with {' and '.join(what)}", width=width),
        "",
        aligned(table, width=width),
        "",
        wrapped(
            f"narrowed by at least 30 %: {', '.join(result.narrowed) or 'none'}; sampler: acceptance "
            f"{result.acceptance:.2f}, scale reduction {result.scale_reduction:.3f}",
            indent=2,
            hang=2,
            width=width,
        ),
    ]
    return "\n".join(parts + _said(result.warnings, warnings, width))


def format_dose_spectra(result: DoseSpectraFit, *, width: int = TERMINAL_WIDTH, warnings: bool = True) -> str:
    """Return the peak of a dose series as text; options as for `format_update`."""
    named = [
        ("peak before the shift", result.start_nm),
        ("peak after the shift", result.end_nm),
        ("end of the shift", result.shift_end_dose_percent),
        ("onset of the loss", result.loss_onset_dose_percent),
    ]
    if result.shift_end_incorporation_percent is not None:
        named.append(("incorporation there", result.shift_end_incorporation_percent))
    numbers = Table(
        ("quantity", "value", "interval"),
        tuple((name, *estimate_cells(estimate)) for name, estimate in named),
        numeric=(1,),
    )
    rows = []
    for index, dose in enumerate(result.spectra.dose_percent):
        row = [f"{dose:g}", f"{result.height[index]:.3f}", f"{result.peak_nm[index]:.2f}"]
        row.append(f"{result.loss[index]:.2f}")
        if result.conversion:
            row += [f"{result.conversion[index].value or 0:.2f}", f"{result.gap[index].value or 0:+.2f}"]
        rows.append(tuple(cell.replace("nan", "-") for cell in row))
    header = ["dose / %", "height", "peak / nm", "optical loss"]
    header += ["converted", "gap"] if result.conversion else []
    title = "spectra of a dose series" + (f": {result.spectra.label}" if result.spectra.label else "")
    parts = [title, *(["SIMULATED DATA"] if result.spectra.source.simulated else []), ""]
    parts += [aligned(numbers, width=width), ""]
    parts.append(aligned(Table(tuple(header), tuple(rows), numeric=tuple(range(len(header)))), width=width))
    return "\n".join(parts + _said(result.warnings, warnings, width))


def format_rates_against_dose(
    result: RatesAgainstDose, *, width: int = TERMINAL_WIDTH, warnings: bool = True
) -> str:
    """Return the rates of a dose series as text; options as for `format_update`."""
    n_stages = len(result.orders)
    header = ["dose / %", *(f"k{i} / 1/s" for i in range(1, n_stages + 1))]
    header += [*(f"loss {i}" for i in range(1, n_stages + 1)), "optical", "converted", "gap"]
    rows = []
    for run in result.runs:
        rates = [rate.format_value() for rate in run.rates] + ["-"] * (n_stages - len(run.rates))
        losses = [f"{v:.2f}" for v in run.stage_loss] + ["-"] * (n_stages - len(run.stage_loss))
        pair = [
            "-" if estimate is None or estimate.value is None else f"{estimate.value:.2f}"
            for estimate in (run.compositional_conversion, run.gap)
        ]
        rows.append((f"{run.dose_percent:g}", *rates, *losses, f"{run.optical_conversion:.2f}", *pair))
    orders = Table(
        ("stage", "order in the guest", "interval"),
        tuple((str(number), *estimate_cells(order)) for number, order in enumerate(result.orders, 1)),
        numeric=(1,),
    )
    parts = [f"{len(result.runs)} runs against dose", ""]
    parts.append(aligned(Table(tuple(header), tuple(rows), numeric=tuple(range(len(header)))), width=width))
    parts += ["", aligned(orders, width=width)]
    return "\n".join(parts + _said(result.warnings, warnings, width))


def _said(remarks: Any, wanted: bool, width: int) -> list[str]:
    if not wanted or not remarks:
        return []
    return ["", *(wrapped(f"! {remark.text}", indent=2, hang=2, width=width) for remark in remarks)]


@as_text.register
def _update(result: CompositionUpdate, **options: Any) -> str:
    return format_update(result, **options)


@as_text.register
def _spectra(result: DoseSpectraFit, **options: Any) -> str:
    return format_dose_spectra(result, **options)


@as_text.register
def _rates(result: RatesAgainstDose, **options: Any) -> str:
    return format_rates_against_dose(result, **options)


def dose_sheets(result: DoseAdvice) -> dict[str, Rows]:
    """Return the sheets of a dose for a target: name -> head and rows.

    "dose" holds the dose, its window and what it gives, "composition" all species there, "priors" the
    shares of variance that come from priors, "sensitivity" what other widths of them would do,
    "curves" the species against dose and "summary" where all this comes from.
    """
    unit = f"% ({_unit_words(result.source)})"
    low, high = result.window_percent
    dose = result.dose_percent.to_dict() | {"unit": unit}
    rows: Rows = [list(ESTIMATE_HEAD), estimate_row(f"dose for {result.target}", dose)]
    for name, value in (("window, lowest dose", low), ("window, highest dose", high)):
        rows.append([name, value, None, None, None, unit, "doses that will do", None])
    shares = (
        ("purity", result.purity),
        (f"share of all guest in {result.target}", result.guest_share),
        ("by-product", result.byproduct),
    )
    for name, estimate in shares:
        rows.append(estimate_row(name, estimate.to_dict() | {"unit": "share, 0-1"}))
    rows.append(
        estimate_row(f"incorporation, {result.source['basis']}", result.incorporation_percent.to_dict())
    )
    summary: Rows = [["target", result.target], ["limited by", result.limited_by]]
    return {
        "dose": rows,
        "composition": _species_rows(result.composition, result.influence),
        "priors": _prior_rows(result.influence),
        "sensitivity": _sensitivity_rows(result.influence),
        "curves": _curve_rows(result, unit),
        "summary": _summary_rows(summary, result.source, result.seed, result.version, result.warnings),
    }


def prediction_sheets(result: Prediction) -> dict[str, Rows]:
    """Return the sheets of a predicted composition, named as for a dose."""
    unit = f"% ({_unit_words(result.source)})"
    rows: Rows = [
        list(ESTIMATE_HEAD),
        ["dose", result.dose_percent, None, None, None, unit, "given", None],
        estimate_row(f"incorporation, {result.source['basis']}", result.incorporation_percent.to_dict()),
    ]
    for name, estimate in result.conversion.items():
        rows.append(
            estimate_row(f"conversion, {name.replace('_', ' ')}", estimate.to_dict() | {"unit": "0-1"})
        )
    if result.trapped_host is not None:
        rows.append(estimate_row("trapped host", result.trapped_host.to_dict()))
    summary: Rows = [["stage", result.stage]]
    summary += [[f"share of draws, {name}", share] for name, share in result.stage_probability.items()]
    summary += [[f"evidence to expect, {name}", words] for name, words in result.expected_evidence.items()]
    summary += [
        [f"detection limit, {technique}, {name}", f"{at['limit']:g} of {at['of']}"]
        for technique, named in result.detection_limits.items()
        for name, at in named.items()
    ]
    return {
        "dose": rows,
        "composition": _species_rows(result.species, result.influence),
        "guest": _species_rows(result.guest_share, None, "share of all guest"),
        "priors": _prior_rows(result.influence),
        "sensitivity": _sensitivity_rows(result.influence),
        "summary": _summary_rows(summary, result.source, result.seed, result.version, result.warnings),
    }


def _unit_words(source: Mapping[str, Any]) -> str:
    return dose_unit_words(source.get("guest", "guest"), source.get("host_cation", "host cation"))


def _species_rows(
    species: Mapping[str, Estimate], influence: PriorInfluence | None, what: str = "share of clusters"
) -> Rows:
    rows: Rows = [["species", f"{what}, 0-1", "se", "low", "high", "variance from priors, 0-1", "reason"]]
    for key, e in species.items():
        from_priors = None if influence is None else influence.from_priors.get(key)
        rows.append([key, e.value, e.se, e.low, e.high, from_priors, e.reason or None])
    return rows


def _prior_rows(influence: PriorInfluence) -> Rows:
    rows: Rows = [["quantity", "parameter", "share of the variance, 0-1"]]
    for quantity, share in influence.from_priors.items():
        rows.append([quantity, "all priors without data", share])
        rows += [[quantity, name, part] for name, part in influence.by_parameter[quantity].items()]
    return rows


def _sensitivity_rows(influence: PriorInfluence) -> Rows:
    rows: Rows = [["quantity", "prior", "its width times", "value", "low", "high", "unit"]]
    for s in influence.shifts:
        unit = "%" if s.quantity.endswith("percent") else "share, 0-1"
        rows.append([s.quantity, s.prior, s.factor, s.value, s.low, s.high, unit])
    return rows


def _curve_rows(result: DoseAdvice, unit: str) -> Rows:
    curves = result.curves
    named = {f"incorporation, % {curves.basis}": curves.incorporation_percent, **curves.shares}
    head = [f"dose, {unit}"]
    columns = [curves.dose_percent.tolist()]
    for name, values in named.items():
        label = name if name.startswith("incorporation") else f"{name}, share"
        head += [label, f"{label}, low", f"{label}, high"]
        columns += values.tolist()
    return [head, *(list(row) for row in zip(*columns, strict=True))]


def _summary_rows(
    first: Rows, source: Mapping[str, Any], seed: int | None, version: str, warnings: tuple[Remark, ...]
) -> Rows:
    rows: Rows = [["entry", "value"], *first]
    rows += [
        [name.replace("_", " "), plain_cell(v)]
        for name, v in source.items()
        if name not in ("priors", "seed")
    ]
    rows += [["seed", seed], ["cxkinetics version", version]]
    rows += [[f"remark {number}", remark.text] for number, remark in enumerate(warnings, 1)]
    return rows


@save_workbook.register
def _dose_workbook(result: DoseAdvice, path: str | os.PathLike[str]) -> Path:
    return save_sheets(dose_sheets(result), path)


@save_workbook.register
def _prediction_workbook(result: Prediction, path: str | os.PathLike[str]) -> Path:
    return save_sheets(prediction_sheets(result), path)
