"""What a batch says: one row per fit, the spread between runs, what failed; as text, page and folder."""

import os
from collections import Counter
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from cxkinetics.atomic import recover, write_text
from cxkinetics.document import cells
from cxkinetics.document.folder import ALL_FILES, files_called, write_report
from cxkinetics.document.page import Block, Code, Figure, Notes, Page, Paragraph, Section
from cxkinetics.document.sheets import csv_text
from cxkinetics.document.table import Cell, Column, Table, Where, long, wide
from cxkinetics.document.units import TimeUnit
from cxkinetics.document.units import time_unit as unit_called
from cxkinetics.estimate import Estimate
from cxkinetics.kinetics.page import is_smallest_p, listed_name, page_footer
from cxkinetics.kinetics.places import require_batch_place, shard_of

if TYPE_CHECKING:
    from cxkinetics.kinetics.batch import BatchResult, Failure
    from cxkinetics.kinetics.replicates import Replicates
    from cxkinetics.kinetics.result import StagedFit

_MOST_FOOTER = 3
_SHEETS = ("summary.csv", "replicates.csv", "report.html", "summary.xlsx")
_SPREADS = {"sd between runs": "sd_between_runs", "se of one fit": "rms_se_of_single_fits"}


# ---- tables, each once ------------------------------------------------------------------------------


def fit_table(
    fits: "Sequence[StagedFit]", *, on_page: bool = False, links: tuple[str, ...] = (), stages: int = 1
) -> Table:
    """Return one row per fit: file, verdict, rate constants and breakpoints with their intervals, noise.

    Parameters
    ----------
    fits : sequence of StagedFit
        With as many columns as the longest needs.
    on_page : bool
        Whether people also read number, p-value and how many warnings there are.
    links : tuple of str
        Address of the report of each fit.
    stages : int
        Stages that have columns at least.
    """
    most = max([stages, *(len(fit.stages) for fit in fits)])
    rates = [f"k{i}" for i in range(1, most + 1)]
    breaks = {f"breakpoint{i}": f"breakpoint{f' {i}' if most > 2 else ''}, {{unit}}" for i in range(1, most)}
    missing = "-" if on_page else ""
    columns = [
        Column("no." if on_page else None, numeric=True),
        Column(None, "file"),
        Column("trace"),
        *(Column(None, n) for n in ("trace", "sha256", "simulated", "n_points", "t_start_s", "t_end_s")),
        Column("verdict"),
        *(Column(None, n) for n in ("verdict", "p_value", "n_stages")),
        *(Column(f"{name}, {{unit}}", wide(name, "1/s"), unit="1/s", missing=missing) for name in rates),
        *(Column(head, wide(name, "s"), unit="s", missing=missing) for name, head in breaks.items()),
        *(Column(None, wide(name)) for name in ("rate_ratio", "amplitude", "offset")),
        *(Column(None, n) for n in ("noise_sd", "ar1")),
        Column("p" if on_page else None, numeric=True),
        Column("warnings" if on_page else None, "n_warnings", numeric=True),
    ]
    rows: list[tuple[Cell, ...]] = []
    for number, fit in enumerate(fits, 1):
        trace, source, code, p_value = fit.trace, fit.trace.source, fit.verdict.code, fit.verdict.p_value
        sign = "<= " if is_smallest_p(fit) else ""  # the smallest that the simulated traces can give
        rows_of = ([stage.k_per_s for stage in fit.stages], most), (fit.breakpoints_s, most - 1)
        numbers = [e for found, count in rows_of for e in (*found, *[None] * (count - len(found)))]
        time = (trace.n_points, float(trace.time_s[0]), float(trace.time_s[-1]))
        data = (trace.label or source.trace, source.sha256, int(source.simulated), *time)
        judged = (code.replace("_", " ") if on_page else code, code, p_value, len(fit.stages))
        fitted = (*numbers, fit.rate_ratio, fit.amplitude, fit.offset, fit.noise.sd, fit.noise.ar1)
        shown_p = None if p_value is None else f"{sign}{p_value:.2g}"
        rows.append(
            (number, source.file, listed_name(fit), *data, *judged, *fitted, shown_p, len(fit.warnings))
        )
    return Table(columns, rows, name="summary", links=links, fold=not on_page)


def replicate_table(found: "Replicates") -> Table:
    """Return one row per quantity: mean with interval, both spreads, their ratio, runs.

    For programs there is one row with the reason where there is no mean.
    """
    two_digits = partial(cells.number, digits=2)
    columns = [
        Column("quantity", "quantity"),
        Column(
            f"mean [{100 * found.confidence:g} %]",
            long(value="mean", fields=("value", "se", "low", "high", "unit", "method")),
            lambda mean: "no mean" if mean.value is None else cells.interval(mean),
        ),
        Column("unit", format=cells.unit),
        *(
            Column(head, {name: "value"}, lambda spread: two_digits(spread.value), numeric=True)
            for head, name in _SPREADS.items()
        ),
        Column("sd/se", "ratio", two_digits, numeric=True),
        Column("runs", "n_runs", numeric=True),
        Column(None, "reason"),
        Column(None, "ratio_reason"),
    ]
    rows: list[tuple[Cell, ...]] = []
    for each in found.quantities:
        spreads = [
            Estimate(name=each.mean.name, value=value, unit=each.mean.unit)
            for value in (each.sd_between, each.se_within)
        ]
        mean = each.mean
        rows.append(
            (mean.name, mean, mean, *spreads, each.ratio, each.n_runs, mean.reason, each.ratio_reason)
        )
    notes = [f"Intervals of the means: t from the spread between {len(found.runs)} runs. {found.note}"]
    notes += [f"No mean: {each.mean.reason}." for each in found.quantities if each.mean.value is None]
    if not rows:
        rows, notes = [("none", *[None] * 6, found.reason, None)], []
    return Table(columns, rows, name="replicates", note=" ".join(notes))


def failure_table(failures: "Sequence[Failure]") -> Table:
    """Return one row per input that could not be fitted."""
    heads = {"file": "file", "trace": "trace", "error": "error", "message": "what was found and what to do"}
    rows = [tuple(getattr(failure, name) or None for name in heads) for failure in failures]
    return Table([Column(head, name) for name, head in heads.items()], rows, name="failures")


def data(batch: "BatchResult") -> list[Table]:
    """Return the sheets of the workbook; all but "failures" are CSV files of a folder as well."""
    return [fit_table(batch.fits), replicate_table(batch.replicates()), failure_table(batch.failures)]


# ---- what print shows, and the report ---------------------------------------------------------------


def brief(batch: "BatchResult", unit: TimeUnit) -> Section:
    """Return the fits of a batch as a table, the mean over its runs, and what failed."""
    blocks: list[Block] = [fit_table(batch.fits)] if batch.fits else []
    if len(batch.fits) > 1:
        blocks += spread_blocks(batch.replicates(), "runs")
    if batch.failures:
        blocks.append(Notes(tuple(failure.message for failure in batch.failures), mark="!", gap=True))
    return Section("", blocks, unit)


def spread_blocks(found: "Replicates", what: str) -> list[Block]:
    """Return the mean over runs as print shows it, or why there is none; `what` was repeated."""
    if not found.quantities:
        return [Paragraph(f"No mean over the {what}: {found.reason}.", indent=0, gap=True)]
    table = replicate_table(found)
    return [
        Paragraph(f"Mean of {len(found.runs)} {what}", indent=0, gap=True),
        Table(table.columns, table.rows, note=table.note, bare=True),
        Paragraph(table.note, where=Where.TEXT),
    ]


def figures(batch: "BatchResult", unit: TimeUnit) -> tuple[Figure, ...]:
    """Return the overview of all fits; none where nothing was fitted."""
    from cxkinetics.kinetics.figures import draw_overview, overview_ratio

    fits, found = batch.fits, batch.replicates()
    if not fits:
        return ()
    simulated = "Simulated data. " if any(fit.trace.source.simulated for fit in fits) else ""
    words = [f"{simulated}Rate constants and breakpoints of {len(fits)} traces with their intervals."]
    for each in found.quantities:
        words.append(f"{each.mean.name}: mean {unit.estimate(each.mean)}, {each.n_runs} runs.")
    caption = "Points by verdict; bars are the intervals of the single fits"
    caption += "; the thin line is the mean over runs." if found.quantities else "."
    drawn = partial(draw_overview, fits, found, time_unit=unit.sign)
    return (Figure("overview", drawn, " ".join(words), caption, "double", overview_ratio(fits)),)


def page(
    batch: "BatchResult", unit: TimeUnit, *, directory: str | os.PathLike[str] = "", command: str = ""
) -> Page:
    """Return the report of a batch.

    Parameters
    ----------
    batch : BatchResult
        All results, those kept from an earlier run included.
    unit : TimeUnit
        Of the tables and the figure.
    directory : path-like
        The folder of the report, from which the reports of single fits are linked; none by default.
    command : str
        The command as it was typed.
    """
    fits, failures = batch.fits, batch.failures
    counts = Counter(fit.verdict.code for fit in fits)
    judged = ", ".join(f"{count} {code.replace('_', ' ')}" for code, count in counts.most_common())
    summary = f"{len(fits)} trace{'' if len(fits) == 1 else 's'} fitted" + (f": {judged}" if judged else "")
    summary += f"; {len(failures)} failed." if failures else "; none failed."
    n_simulated = sum(fit.trace.source.simulated for fit in fits)
    sections = [Section("Failed", [failure_table(failures)])] if failures else []
    if fits:
        sections.append(Section("Overview", batch.figures(unit)))
        if len(fits) > 1:
            sections.append(Section("Spread between runs", _page_spread(batch.replicates()), unit))
        table = fit_table(fits, on_page=True, links=_links(batch.folders, directory))
        sections.append(Section("Every trace", [table], unit))
    if command:
        sections.append(Section("Make it again", [Code(command)]))
    footer = page_footer(*fits[:_MOST_FOOTER])
    if len(fits) > _MOST_FOOTER:
        footer = (*footer, "The hash of every input stands in summary.csv.")
    return Page(
        title="Staged kinetics of a batch",
        summary=summary,
        sections=sections,
        simulated=n_simulated > 0,
        simulated_note=f"{n_simulated} of the {len(fits)} traces are simulated, not measured.",
        footer=footer,
    )


def _page_spread(found: "Replicates") -> list[Block]:
    if not found.quantities:
        return [Paragraph(f"No mean over the traces: {found.reason}.")]
    return [Paragraph("This holds where the traces are repeats of one experiment."), replicate_table(found)]


def _links(folders: Sequence[str], directory: str | os.PathLike[str]) -> tuple[str, ...]:
    if not os.fspath(directory) or not all(folders):
        return ()
    relative = (os.path.relpath(folder, directory).replace(os.sep, "/") for folder in folders)
    return tuple(f"{quote(folder)}/report.html" for folder in relative)


def write_shard(batch: "BatchResult", directory: str | os.PathLike[str], shard: str) -> Path:
    """Write the failures of one shard where `cxkinetics collect` finds them: the sign that it has ended."""
    part, parts = shard_of(shard)
    path = Path(directory, f"failures-{part}-of-{parts}.csv")
    recover(path.parent, [path.name])
    return write_text(path, csv_text(failure_table(batch.failures)))


def write_batch(
    batch: "BatchResult",
    directory: str | os.PathLike[str],
    *,
    command: str = "",
    time_unit: str = "s",
    figures: str | None = None,
) -> Path:
    """Write a batch's summary.csv, replicates.csv, summary.xlsx, report.html and the figure overview.

    Parameters
    ----------
    batch : BatchResult
        All results, those kept from an earlier run included.
    directory : path-like
        The folder; each file is replaced whole, folders of single fits are left alone.
    command : str
        The command as it was typed.
    time_unit : str
        Of the report and its figure: "s", "ms", "min" or "h"; the tables in CSV stay in s.
    figures : str, optional
        Formats of the overview, and "xlsx" for the workbook, such as "svg,xlsx" (default: all).

    Returns
    -------
    Path
        The folder.

    Raises
    ------
    UsageError
        If the folder is the result of another command, whose report would be overwritten.
    """
    target = Path(directory)
    require_batch_place(target)
    target.mkdir(parents=True, exist_ok=True)
    recover(target, [*_SHEETS, *(f"overview.{kind}" for kind in ALL_FILES)])
    for table in data(batch)[:2]:
        write_text(target / f"{table.name}.csv", csv_text(table))
    report = page(batch, unit_called(time_unit), directory=target, command=command)
    kinds = files_called(figures or ALL_FILES)
    # what stands there from a batch before is renewed: it would tell of other files
    stale = [k for k in ALL_FILES if (target / f"{'summary' if k == 'xlsx' else 'overview'}.{k}").exists()]
    kinds = (*kinds, *(kind for kind in stale if kind not in kinds))
    if "xlsx" in kinds:
        batch.to_excel(target / "summary.xlsx", time_unit=time_unit)
    write_report(target, report, tuple(kind for kind in kinds if kind != "xlsx"))
    return target
