"""Priors before and after, spectra and rates of a dose series, as text."""

from typing import Any

from cxkinetics.composition.dose_spectra_fit import DoseSpectraFit
from cxkinetics.composition.rates_against_dose import RatesAgainstDose
from cxkinetics.composition.update_result import CompositionUpdate
from cxkinetics.report.blocks import Table
from cxkinetics.report.columns import TERMINAL_WIDTH, aligned, wrapped
from cxkinetics.report.composition_text import estimate_cells
from cxkinetics.report.present import as_text

__all__ = ["format_dose_spectra", "format_rates_against_dose", "format_update"]


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
