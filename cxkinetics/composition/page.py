"""What the results of the dose side say: their tables, once, and what print and a notebook show."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import zip_longest
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from cxkinetics.composition.guest_amount import dose_unit_words
from cxkinetics.composition.species_model import LOOSE
from cxkinetics.document import cells
from cxkinetics.document.page import (
    Block,
    Fact,
    Page,
    Paragraph,
    Section,
    simple_page,
    simulated_line,
    warning_notes,
)
from cxkinetics.document.sheets import quantity_table, summary_table
from cxkinetics.document.table import Column, Table, long
from cxkinetics.document.units import TimeUnit
from cxkinetics.estimate import Estimate

if TYPE_CHECKING:
    import pandas as pd

    from cxkinetics.composition.binding import BindingFit
    from cxkinetics.composition.dose import DoseAdvice
    from cxkinetics.composition.dose_spectra import DoseSpectraFit
    from cxkinetics.composition.draws import PriorInfluence
    from cxkinetics.composition.guest_amount import GuestAmount
    from cxkinetics.composition.incorporation_result import IncorporationFit
    from cxkinetics.composition.predict import Prediction
    from cxkinetics.composition.rates_against_dose import RatesAgainstDose
    from cxkinetics.composition.sequential_reading import SequentialImplications
    from cxkinetics.composition.titration import TitrationFit
    from cxkinetics.composition.update import CompositionUpdate

Filled: TypeAlias = list[tuple[Column, Iterable[Any]]]
"""Columns with their cells."""

_counted = partial(Column, numeric=True)
_MARKS = {True: "ok ", False: "!! ", None: "   "}
_CONVERSIONS = {
    "compositional": "converted to product",
    "compositional_mass_balance": "the same by mass balance (T from the plateau)",
    "optical": "optical conversion 1 - A/A0 (another quantity)",
    "gap": "optical minus compositional",
}
_LIMITS = {
    "cooperativity": "limited by cooperativity: clusters with more and fewer guests come along",
    "avalanche overlap": "limited by avalanche overlap: the product forms before doping is complete",
    "plateau": "on the plateau: more guest changes nothing",
    "calibrated range": "limited by the calibrated doses",
    "none": "limited by nothing in the model",
}


def _both(estimate: Estimate) -> str:
    """Return value with unit and interval (or why there is none) in a row."""
    return f"{cells.value_unit(estimate)} {cells.bracket_or_reason(estimate)}".rstrip()


def _number(estimate: Estimate, spec: str) -> str:
    return "-" if estimate.value is None else format(estimate.value, spec)


def _values(
    first: str, named: Iterable[tuple[str, Estimate]], *, value: str = "value", interval: str = "interval"
) -> Table:
    """Return three columns for people: a name, the value and the interval of the same estimate."""
    head = [Column(first), _counted(value, format=cells.value_unit)]
    columns = [*head, Column(interval, format=cells.bracket_or_reason)]
    return Table(columns, [(name, e, e) for name, e in named], gap=True)


def of_columns(filled: Filled, name: str = "") -> Table:
    """Return a table of columns that come with their cells."""
    columns, cells_of = zip(*filled, strict=True)
    return Table(columns, list(zip(*cells_of, strict=True)), name, gap=True)


# ---- a dose curve


def incorporation_table(fit: "IncorporationFit") -> Table:
    """Return the numbers of a dose curve: quantity, value, interval."""
    named = {
        "slope, stage 1": fit.stage1_slope,
        "slope, stage 2": fit.stage2_slope,
        "slope ratio b2/b1": fit.slope_ratio,
        "avalanche dose": fit.avalanche_dose_percent,
        "saturation dose": fit.saturation_dose_percent,
        "plateau": fit.plateau_percent,
    }
    if fit.blank_percent is not None:
        named["blank, at dose 0"] = fit.blank_percent
    level = float(fit.options.get("confidence", 0.95))
    table = _values("quantity", named.items(), interval=f"{level:.0%} interval")
    if fit.mean_slope_ratio is None:
        return table
    chords = ("mean-slope ratio", f"{fit.mean_slope_ratio:.4g}", "chords between samples")
    return replace(table, rows=[*table.rows, chords])


def _errors_line(errors: Mapping[str, Any]) -> str:
    """Return the errors that the intervals of a dose curve rest on."""
    origin = "assumed" if errors["dose_error_from"] == "default" else "stated"
    constant = f"{errors['icp_constant']:.2g} {errors['icp_unit']}"
    share = f" and {errors['icp_share']:.2g} of the value" if errors["icp_share"] else ""
    alike = ""
    if "replicates_sd" in errors:
        alike = (
            f"; replicates of a dose alone: {errors['replicates_sd']:.2g} percentage points, "
            f"degrees of freedom: {errors['replicates_dof']}"
        )
    return (
        f"errors: doses {100 * errors['dose_error']:.2g} % per flask ({origin}) and "
        f"{100 * errors['common_dose_error']:.2g} % common to all; "
        f"ICP {constant}{share} ({errors['icp_from']}{alike})"
    )


def incorporation_brief(fit: "IncorporationFit", unit: TimeUnit) -> Section:
    """Return what `print` shows of a dose curve."""
    points = fit.points
    name = points.source.file.replace("\\", "/").rpartition("/")[2] or points.label or "dose table"
    preset = fit.options.get("preset")
    how = f"windows of the preset {preset!r}" if preset else "breaks detected by exact search"
    span = f"{points.lowest_dose_percent:g}-{points.highest_dose_percent:g} %"
    intervals = points.n_points - fit.n_exact
    known = f" ({intervals} with the dose as an interval)" if intervals else ""
    windows = "; ".join(f"{key} {low:.4g}-{high:.4g} %" for key, (low, high) in fit.windows_percent.items())
    scatter = "unknown" if fit.scatter_percent is None else f"{fit.scatter_percent:.2g} percentage points"
    blocks: list[Block] = [
        *simulated_line(points.source),
        incorporation_table(fit),
        Paragraph(f"windows: {windows}; scatter {scatter} (degrees of freedom: {fit.dof})", hang=0, gap=True),
    ]
    if fit.errors:
        blocks.append(Paragraph(_errors_line(fit.errors), hang=0))
    if fit.rivals:
        columns = [Column("model"), _counted("parameters"), _counted("rss")]
        columns += [_counted("dAICc", format=".1f"), Column("")]
        rivals = [(r.model, r.n_parameters, r.rss, r.delta_aicc, r.note) for r in fit.rivals]
        blocks.append(Table(columns, rivals, gap=True))
    if fit.checks:
        blocks.append(Paragraph("mass balance", gap=True))
        blocks += [Paragraph(_MARKS[check.passed] + check.text, hang=3) for check in fit.checks]
    blocks += warning_notes(fit.warnings)
    if fit.verdict:
        text = f"{fit.verdict['code'].replace('_', ' ')}: {fit.verdict['text']}"
        blocks.append(Paragraph(text, indent=0, hang=0, gap=True))
    title = f"{name}: {points.n_points} samples{known}, dose {span}, incorporation on {fit.basis}; {how}"
    return Section(title, blocks, unit)


def incorporation_page(fit: "IncorporationFit", unit: TimeUnit) -> Page:
    """Return the report of a dose curve: its numbers shown large; the options hold the errors behind them."""
    level = float(fit.options.get("confidence", 0.95))
    shown = (fit.avalanche_dose_percent, fit.slope_ratio, fit.saturation_dose_percent, fit.plateau_percent)
    page = simple_page(
        incorporation_brief(fit, unit),
        fit.figures(unit),
        options=_shown_options({**fit.options, **fit.errors}),
        sources=fit.sources(),
    )
    return replace(
        page,
        title=f"Dose curve of {fit.points.label or fit.points.source.file or 'a table'}",
        summary=_sentence(fit.verdict.get("text", "")),
        behind=f"{page.title}.",
        facts=tuple(Fact.of(one.name, one, level) for one in shown),
    )


# ---- a composition, and the dose for one


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}." if text else ""


def _shown_options(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return options for people: without empty lists, numbers short."""
    kept = {name.replace("_", " "): value for name, value in options.items() if value != []}
    return {name: f"{value:.4g}" if isinstance(value, float) else value for name, value in kept.items()}


def dose_page(result: "DoseAdvice", unit: TimeUnit, amount: "GuestAmount | None" = None) -> Page:
    """Return the report of a dose for a target: dose, window and both purities shown large."""
    low, high = result.window_percent
    level = float(result.source.get("confidence", 0.95))
    window = Fact("doses that will do", f"{low:g}-{high:g} %", _LIMITS[result.limited_by])
    guest = result.source.get("guest", "guest")
    facts = [
        Fact.of("best dose", result.dose_percent, level),
        window,
        Fact.of("share of clusters", result.purity, level),
        Fact.of(f"share of all {guest}", result.guest_share, level),
    ]
    summary = (
        f"Most {result.target} is made at {_both(result.dose_percent)} dose ({_dose_unit(result.source)})"
    )
    brief = dose_brief(result, unit, window=0.9, sensitivity=True, amount=amount)
    title = f"Dose for {result.target}"
    return _dosed_page(result, unit, brief, title=title, summary=summary, facts=facts, amount=amount)


def prediction_page(result: "Prediction", unit: TimeUnit, amount: "GuestAmount | None" = None) -> Page:
    """Return the report of a predicted composition: incorporation and the largest shares shown large."""
    level = float(result.source.get("confidence", 0.95))
    most = sorted(result.species.items(), key=lambda item: -(item[1].value or 0.0))[:3]
    facts = [Fact.of("incorporation", result.incorporation_percent, level)]
    facts += [Fact.of(f"share of clusters, {key}", share, level) for key, share in most]
    summary = (
        f"At {result.dose_percent:g} % dose ({_dose_unit(result.source)}) most clusters are {most[0][0]}"
    )
    brief = prediction_brief(result, unit, sensitivity=True, amount=amount)
    title = f"Composition at {result.dose_percent:g} % dose"
    return _dosed_page(result, unit, brief, title=title, summary=summary, facts=facts, amount=amount)


def _dosed_page(
    result: "DoseAdvice | Prediction",
    unit: TimeUnit,
    brief: Section,
    *,
    title: str,
    summary: str,
    facts: list[Fact],
    amount: "GuestAmount | None",
) -> Page:
    options = {name: value for name, value in result.source.items() if name not in ("priors", "errors")}
    options |= {"mechanism": result.mechanism, **result.source.get("errors", {})}
    if amount is not None:
        options |= {"host in the flask, umol": amount.host_umol}
        options |= {f"dose error of the flask, {amount.dose_error_from}": amount.dose_error}
        facts = [*facts, Fact(f"{amount.guest} to add", cells.value_unit(amount.guest_umol))]
    page = simple_page(brief, result.figures(unit), options=_shown_options(options))
    return replace(page, title=title, summary=f"{summary}.", behind=f"{brief.title}.", facts=tuple(facts))


def species_table(
    species: Mapping[str, Estimate],
    influence: "PriorInfluence | None" = None,
    guests: Mapping[str, Estimate] | None = None,
    *,
    name: str = "composition",
    what: str = "share of clusters",
) -> Table:
    """Return shares with intervals and, where known, the guest each holds and what priors contribute."""
    from_priors = {} if influence is None else influence.from_priors
    fields = ("value", "se", "low", "high")
    shares = species.values()
    held = _counted("share of guest", format=partial(cells.fixed, spec=".2f"))
    share = _counted("share", long(value=f"{what}, 0-1", fields=fields), cells.value_unit)
    driven = _counted("from priors", "variance from priors, 0-1", ".0%", missing="")
    filled: Filled = [
        (Column("species", "species"), species),
        (share, shares),
        (Column("interval", format=cells.bracket_or_reason), shares),
        *([] if guests is None else [(held, [guests[key] for key in species])]),
        (driven, map(from_priors.get, species)),
        (Column(None, "reason"), [estimate.reason for estimate in shares]),
    ]
    return of_columns(filled, name)


def species_frame(
    species: Mapping[str, Estimate], guests: Mapping[str, Estimate], influence: "PriorInfluence | None" = None
) -> "pd.DataFrame":
    """Return the shares, and the share of all guest that each species holds, one row per species."""
    ends = {"": "value", "_low": "low", "_high": "high"}
    held = Column("", {f"share_of_guest{end}": field for end, field in ends.items()})
    filled: Filled = [
        (Column("", "species"), species),
        (Column("", {"share": "value", "low": "low", "high": "high"}), species.values()),
        (held, [guests[key] for key in species]),
    ]
    if influence is not None:
        filled.append((Column("", "variance_from_priors"), map(influence.from_priors.get, species)))
    return of_columns(filled).frame().set_index("species")


def _sensitivity_blocks(influence: "PriorInfluence", title: str) -> list[Block]:
    """Return each quantity with the width of a prior as it is, halved and doubled, under a title if any."""
    if not title or not influence.shifts:
        return []
    cell = {
        (s.prior, s.factor, s.quantity): f"{s.value:.3g} [{s.low:.3g}, {s.high:.3g}]"
        for s in influence.shifts
        if None not in (s.value, s.low, s.high)
    }
    pairs = dict.fromkeys((s.quantity, s.prior) for s in influence.shifts if s.prior != "none")
    rows = [
        (
            quantity,
            prior,
            *(cell.get((*at, quantity), "-") for at in ((prior, 0.5), ("none", 1.0), (prior, 2.0))),
        )
        for quantity, prior in sorted(pairs, key=lambda pair: pair[0] != "purity")
    ]
    heads = ("quantity", "prior", "half as wide", "as documented", "twice as wide")
    return [Paragraph(title, gap=True), Table([Column(head) for head in heads], rows)]


def prediction_brief(
    result: "Prediction", unit: TimeUnit, *, sensitivity: bool = False, amount: "GuestAmount | None" = None
) -> Section:
    """Return what `print` shows of a predicted composition."""
    chance = result.stage_probability.get(result.stage, 1.0)
    title = (
        f"{result.source['system']} at {result.dose_percent:g} % dose ({_dose_unit(result.source)}): "
        f"{result.stage} ({chance:.0%} of draws); incorporation {_both(result.incorporation_percent)} on "
        f"{result.source['basis']}"
    )
    known = [
        f"{words}: {_both(result.conversion[key])}"
        for key, words in _CONVERSIONS.items()
        if key in result.conversion
    ]
    known += _loose_words(result.source, result.guest_share)
    if result.trapped_host is not None and result.trapped_host.value is not None:
        known.append(f"trapped host: {_both(result.trapped_host)}")
    if result.expected_evidence:
        seen = ", ".join(f"{name} {verdict}" for name, verdict in result.expected_evidence.items())
        known.append(f"evidence to expect (detection limits chosen, not published): {seen}")
        limits = [
            f"{technique} "
            + ", ".join(f"{name} from {at['limit']:.0%} of {at['of']}" for name, at in named.items())
            for technique, named in result.detection_limits.items()
        ]
        if limits:
            known.append(f"limits, each in what the technique counts: {'; '.join(limits)}")
    table = species_table(result.species, result.influence, result.guest_share)
    searched = "priors halved and doubled" if sensitivity else ""
    return Section(title, [*amount_lines(amount), *_founded(result, table, searched, known)], unit)


def dose_brief(
    result: "DoseAdvice",
    unit: TimeUnit,
    *,
    window: float,
    sensitivity: bool = False,
    amount: "GuestAmount | None" = None,
) -> Section:
    """Return what `print` shows of a dose for a target; `window` is the share that defines its window."""
    dose, (low, high) = cells.value_unit(result.dose_percent), result.window_percent
    demanded = result.source.get("min_purity")
    purity = "" if not demanded else f" and at least the demanded {demanded:g}"
    within = (
        f"mean share at least {window:g} of that at the best dose{purity}, by-product at most "
        f"{result.source.get('max_byproduct', 0.05):g}"
    )
    lines = [
        f"window {low:g}-{high:g} %: doses that will do ({within})",
        f"purity {_both(result.purity)}; by-product {_both(result.byproduct)} at {dose}",
        _guest_words(result),
        *_loose_words(result.source, result.guest_shares),
        _interval_words(result),
        result.dose_percent.reason,
        _LIMITS[result.limited_by],
    ]
    searched = f"priors halved and doubled: purity at {dose}, and the best dose searched anew"
    table = species_table(result.composition, result.influence, result.guest_shares or None)
    blocks: list[Block] = [
        *amount_lines(amount),
        *(Paragraph(line) for line in lines if line),
        *_founded(result, table, searched if sensitivity else ""),
    ]
    title = f"{result.target}: dose {_both(result.dose_percent)}, {_dose_unit(result.source)}"
    return Section(title, blocks, unit)


def _dose_unit(source: Mapping[str, Any]) -> str:
    return dose_unit_words(source.get("guest", "guest"), source.get("host_cation", "host cation"))


def amount_lines(amount: "GuestAmount | None") -> list[Paragraph]:
    """Return how much to add and what the flask then holds, where that was asked for."""
    if amount is None:
        return []
    *added, held = str(amount).splitlines()
    return [*(Paragraph(f"add {line}") for line in added), Paragraph(held)]


def _loose_words(source: Mapping[str, Any], guests: Mapping[str, Estimate]) -> list[str]:
    """Return how much of the guest sits in no species, where any may."""
    if LOOSE not in guests:
        return []
    return [f"of all {source.get('guest', 'guest')} taken up {LOOSE}: {_both(guests[LOOSE])}"]


def _guest_words(result: "DoseAdvice") -> str:
    """Return the same composition counted by guest atoms: a unit of product holds many of them."""
    guest, held = result.source.get("guest", "guest"), result.guest_share
    if held.value is None:
        return f"share of all {guest}: not determined ({held.reason})"
    purity = cells.value_unit(result.purity)
    sits = f"{_both(held)} of all {guest} sits in {result.target}"
    return f"counted by atoms: {sits} (a purity of {purity} counts clusters)"


def _interval_words(result: "DoseAdvice") -> str:
    """Return what the interval of the dose means and, off its middle, why the dose lies there."""
    dose, low, high = (getattr(result.dose_percent, name) for name in ("value", "low", "high"))
    if None in (dose, low, high) or not high > low:
        return ""
    level = float(result.source.get("confidence", 0.95))
    text = (
        f"interval {cells.bracket(result.dose_percent)}: how well the best dose is known ({level:.0%} of the "
        "best doses of the single parameter draws)"
    )
    if result.dose_percent.reason:
        return text
    goal = "its 10 % quantile" if result.source.get("criterion") == "robust" else "the mean share"
    text += f"; the dose is where {goal} over all draws is highest"
    first, last = result.curves.dose_percent[0], result.curves.dose_percent[-1]
    if low <= first and first > 0:
        text += f"; {first:.3g} % is the lowest dose that was looked at: the best may lie below it"
    # near the middle there is nothing to explain
    if 0.25 <= (dose - low) / (high - low) <= 0.75:
        return text
    mean = result.curves.shares[result.target][0]
    # as far to both sides as doses were looked at: beyond them there is no share
    span = float(min((high - low) / 2, dose - first, last - dose))
    less, more = (float(np.interp(at, result.curves.dose_percent, mean)) for at in (dose - span, dose + span))
    upper = dose - low > high - dose
    if upper is not (less < more):  # the curve does not lean the way that would explain it
        return text
    costly, cheap = ("little", "much") if upper else ("much", "little")
    return (
        f"{text}; it lies near the {'upper' if upper else 'lower'} end because too {costly} guest costs more "
        f"than too {cheap}: mean share {less:.2f} at {dose - span:.3g} %, {more:.2f} at {dose + span:.3g} %"
    )


def _founded(
    result: "DoseAdvice | Prediction", table: Table, searched: str, known: Sequence[str] = ()
) -> list[Block]:
    """Return the table of species, what is known besides, and what the numbers rest on."""
    source, lines = result.source, list(known)
    seed = "" if source.get("seed") is None else f", seed {source['seed']}"
    lines.append(f"from {source['origin']}; {source['n_draws']} parameter draws{seed}")
    if "max_guests" in source:
        assumed = f"; assumed: {'; '.join(source['assumed'])}" if source.get("assumed") else ""
        most = f"{source['max_guests']} {source['guest']} per cluster"
        lines.append(f"largest number of guests: {most}{assumed}")
    if result.prior_driven:
        driven = ", ".join(result.prior_driven)
        lines.append(f"prior-driven (at least half the variance comes from priors): {driven}")
    first, *rest = lines
    moved = _sensitivity_blocks(result.influence, searched)
    return [table, Paragraph(first, gap=True), *map(Paragraph, rest), *moved, *warning_notes(result.warnings)]


def dose_data(result: "DoseAdvice") -> list[Table]:
    """Return the sheets of a dose for a target.

    "dose" holds the dose, its window and what it gives, "composition" all species there, "priors" the
    shares of variance that come from priors, "sensitivity" what other widths of them would do,
    "curves" the species against dose and "summary" where all this comes from.
    """
    unit = f"% ({_dose_unit(result.source)})"
    low, high = (
        Estimate(name="window", value=at, unit=unit, method="doses that will do")
        for at in result.window_percent
    )
    named = {
        f"dose for {result.target}": replace(result.dose_percent, unit=unit),
        "window, lowest dose": low,
        "window, highest dose": high,
        "purity": replace(result.purity, unit="share, 0-1"),
        f"share of all guest in {result.target}": replace(result.guest_share, unit="share, 0-1"),
        "by-product": replace(result.byproduct, unit="share, 0-1"),
        f"incorporation, {result.source['basis']}": result.incorporation_percent,
    }
    curves = result.curves
    drawn = {f"incorporation, % {curves.basis}": curves.incorporation_percent}
    drawn |= {f"{name}, share": share for name, share in curves.shares.items()}
    head = [f"dose, {unit}", *(f"{label}{end}" for label in drawn for end in ("", ", low", ", high"))]
    rows = np.vstack([curves.dose_percent, *drawn.values()]).T.tolist()
    entries = [("target", result.target), ("limited by", result.limited_by)]
    return [
        quantity_table(named.items(), name="dose"),
        species_table(result.composition, result.influence),
        *_prior_tables(result.influence),
        Table.of_rows("curves", head, rows),
        _summary(entries, result),
    ]


def prediction_data(result: "Prediction") -> list[Table]:
    """Return the sheets of a predicted composition, named as for a dose."""
    unit = f"% ({_dose_unit(result.source)})"
    named = {
        "dose": Estimate(name="dose", value=result.dose_percent, unit=unit, method="given"),
        f"incorporation, {result.source['basis']}": result.incorporation_percent,
    }
    for name, estimate in result.conversion.items():
        named[f"conversion, {name.replace('_', ' ')}"] = replace(estimate, unit="0-1")
    if result.trapped_host is not None:
        named["trapped host"] = result.trapped_host
    entries: list[tuple[str, object]] = [("stage", result.stage)]
    entries += [(f"share of draws, {name}", share) for name, share in result.stage_probability.items()]
    entries += [(f"evidence to expect, {name}", words) for name, words in result.expected_evidence.items()]
    entries += [
        (f"detection limit, {technique}, {name}", f"{at['limit']:g} of {at['of']}")
        for technique, limits in result.detection_limits.items()
        for name, at in limits.items()
    ]
    return [
        quantity_table(named.items(), name="dose"),
        species_table(result.species, result.influence),
        species_table(result.guest_share, name="guest", what="share of all guest"),
        *_prior_tables(result.influence),
        _summary(entries, result),
    ]


def _prior_tables(influence: "PriorInfluence") -> list[Table]:
    parts = [
        (quantity, name, part)
        for quantity, share in influence.from_priors.items()
        for name, part in {"all priors without data": share, **influence.by_parameter[quantity]}.items()
    ]
    units = {True: "%", False: "share, 0-1"}
    moved = [
        (s.quantity, s.prior, s.factor, s.value, s.low, s.high, units[s.quantity.endswith("percent")])
        for s in influence.shifts
    ]
    head = ("quantity", "prior", "its width times", "value", "low", "high", "unit")
    return [
        Table.of_rows(
            "priors", ("quantity", "parameter", "share of the variance, 0-1 (total effect)"), parts
        ),
        Table.of_rows("sensitivity", head, moved),
    ]


def _summary(entries: Sequence[tuple[str, object]], result: "DoseAdvice | Prediction") -> Table:
    """Return where a result comes from; its priors and its seed have places of their own."""
    left = {name: v for name, v in result.source.items() if name not in ("priors", "seed")}
    named = [*entries, *((name.replace("_", " "), value) for name, value in left.items())]
    return summary_table(named, seed=result.seed, version=result.version, warnings=result.warnings)


# ---- measurements that narrow the priors


def change_table(result: "CompositionUpdate") -> Table:
    """Return the parameters before and after the measurements."""
    ends = ("value", "low", "high")
    before, after = ({f"{word}_{end}": end for end in ends} for word in ("before", "after"))
    columns = [
        Column("parameter", "parameter"),
        Column("before", before, _both),
        Column("after", after, _both),
        Column("spread after/before", "sd_ratio", ".2f", numeric=True),
    ]
    return Table(columns, [(c.name, c.before, c.after, c.sd_ratio) for c in result.changes])


def _sampled(result: "CompositionUpdate") -> str:
    if result.acceptance is not None:
        return f"sampler: acceptance {result.acceptance:.2f}, scale reduction {result.scale_reduction:.3f}"
    counted = result.draws.effective_draws
    return f"{result.draws.n_draws} draws" + ("" if counted is None else f", of which {counted:.0f} count")


def update_brief(result: "CompositionUpdate", unit: TimeUnit) -> Section:
    """Return what `print` shows of parameters before and after the measurements."""
    what = [f"{len(result.measurements)} measurements"] if result.measurements else []
    if result.points is not None:
        what.append(f"a dose table of {result.points.n_points} rows")
    text = f"narrowed by at least 30 %: {', '.join(result.narrowed) or 'none'}; {_sampled(result)}"
    title = f"{result.draws.system.name}: priors updated with {' and '.join(what)}"
    table = replace(change_table(result), gap=True)
    return Section(title, [table, Paragraph(text, gap=True), *warning_notes(result.warnings)], unit)


# ---- series against dose


def dose_spectra_brief(result: "DoseSpectraFit", unit: TimeUnit) -> Section:
    """Return what `print` shows of the peak of a dose series."""
    named = {
        "peak before the shift": result.start_nm,
        "peak after the shift": result.end_nm,
        "end of the shift": result.shift_end_dose_percent,
        "onset of the loss": result.loss_onset_dose_percent,
        "incorporation there": result.shift_end_incorporation_percent,
    }
    shown = [(name, estimate) for name, estimate in named.items() if estimate is not None]
    filled: Filled = [
        (_counted("dose / %", format="g"), result.spectra.dose_percent),
        (_counted("height", format=".3f"), result.height),
        (_counted("peak / nm", format=".2f"), result.peak_nm),
        (_counted("optical loss", format=".2f"), result.loss),
    ]
    if result.conversion:
        filled.append((_counted("converted", format=partial(_number, spec=".2f")), result.conversion))
        filled.append((_counted("gap", format=partial(_number, spec="+.2f")), result.gap))
    title = "spectra of a dose series" + (f": {result.spectra.label}" if result.spectra.label else "")
    blocks: list[Block] = [
        *simulated_line(result.spectra.source),
        _values("quantity", shown),
        of_columns(filled),
        *warning_notes(result.warnings),
    ]
    return Section(title, blocks, unit)


def rates_brief(result: "RatesAgainstDose", unit: TimeUnit) -> Section:
    """Return what `print` shows of the rates of a dose series."""
    runs, share = result.runs, partial(_number, spec=".2f")
    rates, losses = (zip_longest(*v) for v in ((r.rates for r in runs), (r.stage_loss for r in runs)))
    filled: Filled = [
        (_counted("dose / %", format="g"), [r.dose_percent for r in runs]),
        *((_counted(f"k{i} / {{unit}}", format=cells.value, unit="1/s"), k) for i, k in enumerate(rates, 1)),
        *((_counted(f"loss {i}", format=".2f"), loss) for i, loss in enumerate(losses, 1)),
        (_counted("optical", format=".2f"), [r.optical_conversion for r in runs]),
        (_counted("converted", format=share), [r.compositional_conversion for r in runs]),
        (_counted("gap", format=share), [r.gap for r in runs]),
    ]
    orders = [(str(number), order) for number, order in enumerate(result.orders, 1)]
    blocks: list[Block] = [
        of_columns(filled),
        _values("stage", orders, value="order in the guest"),
        *warning_notes(result.warnings),
    ]
    return Section(f"{len(result.runs)} runs against dose", blocks, unit)


def sequential_brief(result: "SequentialImplications", unit: TimeUnit) -> Section:
    """Return what `print` shows of the sequential reading of one trace."""
    read = result.readings
    filled: Filled = [
        (Column("order of the rates"), ("fast, then slow", "slow, then fast")),
        (_counted("k1, {unit}", unit="1/s"), [r.k1 for r in read]),
        (_counted("k2, {unit}", unit="1/s"), [r.k2 for r in read]),
        (_counted("q", format=".2f"), [r.q for r in read]),
        (_counted("c", format=".2f"), [r.c for r in read]),
        (Column("possible"), [r.possible for r in read]),
        (Column(""), [r.reason for r in read]),
    ]
    numbers = [("k of the broken stick, stage 1", result.broken_stick_k1)]
    if result.k1_bound is not None:
        numbers.append((result.k1_bound.name, result.k1_bound))
    blocks: list[Block] = [
        of_columns(filled),
        _values("quantity", numbers),
        Paragraph(f"{result.text}.", gap=True),
    ]
    return Section("Read as C0 -> C2 -> product with quenching", blocks, unit)


def binding_brief(result: "BindingFit", unit: TimeUnit) -> Section:
    """Return what `print` shows of the binding model; how little the table says of it comes first."""
    columns = [Column("parameter"), _counted("value"), _counted("spread after/before", format=".2f")]
    ratios = result.identifiability.sd_ratio
    rows = [(name, value, ratios.get(name)) for name, value in result.parameters.named().items()]
    residuals = ", ".join(f"{value:+.2f}" for value in result.residuals_percent)
    text = (
        f"residuals in percentage points: {residuals} (standard deviation taken as {result.sigma_percent:g})"
    )
    blocks: list[Block] = [Table(columns, rows, gap=True), Paragraph(text, gap=True)]
    return Section(f"{result.system.name}, sequential binding; {result.label}", blocks, unit)


def titration_brief(fit: "TitrationFit", unit: TimeUnit) -> Section:
    """Return what `print` shows of a titration: slope, middle, the rivals and what they leave open."""
    numbers = quantity_table([(one.name, one) for one in (fit.hill_n, fit.half_converted)])
    columns = [
        Column("description"),
        _counted("half at"),
        _counted("shape"),
        _counted("delta AICc", format=".1f"),
    ]
    rows = [(one.model, f"{one.middle:.4g}", f"{one.shape:.3g}", one.delta) for one in fit.rivals]
    said = [Paragraph(line, gap=number == 0) for number, line in enumerate(_titration_words(fit))]
    title = f"{fit.system.title or fit.system.name}: titration, {fit.added.size} points"
    return Section(title, [numbers, Table(columns, rows, gap=True), *said], unit)


def _titration_words(fit: "TitrationFit") -> list[str]:
    """Return what stands below the table: verdict, published numbers, what the fraction says."""
    lines = [fit.verdict["text"]]
    published: dict[str, Any] = dict(fit.system.titration)
    if published:
        lines.append(
            f"published for {fit.system.name}: n {published['hill_n']:g}, critical number of guests "
            f"{published['critical_guests']:g} per particle ({fit.system.source})"
        )
    if not fit.no_dark_state:
        lines.append(
            "the fraction converted is optical and only bounds the share of "
            f"{fit.system.product_key}: dark or quenched particles count as converted"
        )
    return lines
