"""The tables of a staged fit as CSV text at full precision, units in the heads."""

import csv
from collections.abc import Iterable, Mapping, Sequence
from io import StringIO

import numpy as np

from cxkinetics.atomic import neutral_cell
from cxkinetics.estimate import Estimate
from cxkinetics.fitting.result import StagedFit

__all__ = [
    "Rows",
    "csv_text",
    "rivals_csv",
    "stage_rows",
    "stages_csv",
    "summary_csv",
    "trace_csv",
    "trace_rows",
]

Cell = str | float | int | None
Rows = list[Sequence[Cell]]


def csv_text(rows: Iterable[Sequence[Cell]]) -> str:
    """Return rows as CSV text; None is an empty cell, and no cell can act as a spreadsheet formula."""
    buffer = StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    for row in rows:
        writer.writerow(["" if cell is None else _cell(cell) for cell in row])
    return buffer.getvalue()


def _cell(cell: str | float | int) -> str:
    if isinstance(cell, str):
        return neutral_cell(cell)
    if isinstance(cell, float) and not np.isfinite(cell):
        return ""
    return repr(cell)


def _spread(estimate: Estimate | None) -> list[Cell]:
    if estimate is None:
        return [None] * 4
    return [estimate.value, estimate.se, estimate.low, estimate.high]


def _heads(name: str, unit: str = "") -> list[str]:
    suffix = f"_{unit}" if unit else ""
    return [f"{name}{suffix}", f"{name}_se{suffix}", f"{name}_low{suffix}", f"{name}_high{suffix}"]


def stage_rows(fit: StagedFit) -> Rows:
    """Return head and one row per stage: window, points, k, half-life, R2 in ln A, bootstrap if any."""
    head = ["stage", "start_s", "end_s", "n_points", *_heads("k", "per_s"), "k_method"]
    head += [*_heads("half_life", "s"), "r_squared_log", *_heads("ending_breakpoint", "s")]
    repeated = fit.bootstrap
    if repeated is not None:
        head += [f"k_bootstrap_{end}_per_s" for end in ("low", "high")]
        head += [f"ending_breakpoint_bootstrap_{end}_s" for end in ("low", "high")]
    rows: Rows = [head]
    for number, stage in enumerate(fit.stages, 1):
        ending = fit.breakpoints_s[number - 1] if number <= len(fit.breakpoints_s) else None
        rows.append(
            [
                number,
                stage.start_s,
                stage.end_s,
                stage.n_points,
                *_spread(stage.k_per_s),
                stage.k_per_s.method,
                *_spread(stage.half_life_s),
                stage.r_squared_log,
                *_spread(ending),
                *([] if repeated is None else _percentiles(repeated.quantities, f"k{number}", f"b{number}")),
            ]
        )
    return rows


def _percentiles(quantities: Mapping[str, Estimate], *names: str) -> list[Cell]:
    found = [quantities.get(name) for name in names]
    return [end for item in found for end in ((None, None) if item is None else (item.low, item.high))]


def stages_csv(fit: StagedFit) -> str:
    """Return `stages.csv`."""
    return csv_text(stage_rows(fit))


def trace_rows(fit: StagedFit) -> Rows:
    """Return head and one row per point: time, signal, fit, residual, and the peak's position if tracked.

    Points left out as outliers stand at the end, without a fitted value.
    """
    trace = fit.trace
    unit = trace.unit or "signal"
    columns = [trace.time_s, trace.absorbance, fit.fitted, fit.residuals]
    head = ["time_s", f"signal_{unit}", f"fitted_{unit}", f"residual_{unit}"]
    optional = {f"sigma_{unit}": trace.sigma, "peak_nm": trace.peak_nm, "peak_nm_se": trace.peak_nm_se}
    for name, extra in optional.items():
        if extra is not None:
            head.append(name)
            columns.append(extra)
    rows: Rows = [[*head, "left_out"]]
    for point in np.column_stack(columns).tolist():
        rows.append([*point, 0])
    blank: list[Cell] = [None] * (len(head) - 2)
    for time, signal in fit.excluded:
        rows.append([time, signal, *blank, 1])
    return rows


def trace_csv(fit: StagedFit) -> str:
    """Return `trace.csv`."""
    return csv_text(trace_rows(fit))


def rival_rows(fit: StagedFit) -> Rows:
    """Return head and one row per model of the ranking."""
    names = ("model", "n_parameters", "rss", "aicc", "bic", "delta_aicc", "akaike_weight", "note")
    rows: Rows = [[*names, "parameters"]]
    for rival in fit.rivals:
        parameters = "; ".join(f"{name} = {value!r}" for name, value in rival.parameters.items())
        rows.append([*(getattr(rival, name) for name in names), parameters])
    return rows


def rivals_csv(fit: StagedFit) -> str:
    """Return `rivals.csv`."""
    return csv_text(rival_rows(fit))


def summary_rows(fits: Sequence[StagedFit]) -> Rows:
    """Return head and one row per fit: file, verdict, the first stages' numbers, noise."""
    most = max((len(fit.stages) for fit in fits), default=1)
    head: list[str] = ["file", "trace", "sha256", "simulated", "n_points", "t_start_s", "t_end_s", "verdict"]
    head += ["p_value", "n_stages"]
    for number in range(1, most + 1):
        head += _heads(f"k{number}", "per_s")
    for number in range(1, most):
        head += _heads(f"breakpoint{number}", "s")
    head += [*_heads("rate_ratio"), *_heads("amplitude"), *_heads("offset"), "noise_sd", "ar1", "n_warnings"]
    rows: Rows = [head]
    for fit in fits:
        source, trace = fit.trace.source, fit.trace
        row: list[Cell] = [source.file, trace.label or source.trace, source.sha256, int(source.simulated)]
        row += [trace.n_points, float(trace.time_s[0]), float(trace.time_s[-1])]
        row += [fit.verdict.code, fit.verdict.p_value, len(fit.stages)]
        for index in range(most):
            row += _spread(fit.stages[index].k_per_s if index < len(fit.stages) else None)
        for index in range(most - 1):
            row += _spread(fit.breakpoints_s[index] if index < len(fit.breakpoints_s) else None)
        row += [*_spread(fit.rate_ratio), *_spread(fit.amplitude), *_spread(fit.offset)]
        row += [fit.noise.sd, fit.noise.ar1, len(fit.warnings)]
        rows.append(row)
    return rows


def summary_csv(fits: Sequence[StagedFit]) -> str:
    """Return `summary.csv` of a batch."""
    return csv_text(summary_rows(fits))
