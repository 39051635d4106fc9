"""A staged fit as a page, and the lines that make it again."""

import platform
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from cxkinetics.estimate import Estimate, format_p
from cxkinetics.examples.kinetics import EXAMPLES
from cxkinetics.kinetics.figures import FitPictures, draw_pictures
from cxkinetics.kinetics.options import FITTING
from cxkinetics.kinetics.result import StagedFit, Verdict
from cxkinetics.kinetics.tables import (
    bootstrap_table,
    confidence_of,
    correlation_lines,
    fit_title,
    interval_cell,
    loglinear_table,
    name_of,
    noise_text,
    number_cell,
    quantity_estimates,
    quantity_table,
    rival_table,
    shown_note,
    smooth_line,
    stage_table,
    verdict_text,
)
from cxkinetics.options import KEYWORDS, OPTIONS, names_of
from cxkinetics.report.blocks import Block, Code, Fact, Notes, Page, Paragraph, Section, Table
from cxkinetics.report.time_units import SECONDS, TimeUnit
from cxkinetics.report.time_units import time_unit as unit_called
from cxkinetics.signals.spectra import SpectralSeries

_READING = tuple(OPTIONS[name].python for name in names_of("reading"))


def _changed(options: Mapping[str, Any], names: Sequence[str]) -> dict[str, Any]:
    """Return the options that stand at another value than their default."""
    found = {name: options.get(name) for name in names}
    return {n: v for n, v in found.items() if v not in (None, KEYWORDS[n].default, (), [])}


def command_line(fit: StagedFit) -> str:
    """Return the shell command that makes this fit again, the seed included.

    Examples
    --------
    Options at their defaults are left out; `cxkinetics fit run.csv --track 324 --seed 7` is typical.
    """
    trace, options = fit.trace, fit.options
    words = ["cxkinetics", "fit", trace.source.file or "FILE"]
    given = {**_read_as(fit), **_changed(options, FITTING)}
    for name, value in given.items():
        flag = KEYWORDS[name].flag
        words += [flag] if value is True else [flag, _flag_value(name, value)]
    words += ["--seed", str(fit.seed)]
    return shlex.join(words)


def _read_as(fit: StagedFit) -> dict[str, Any]:
    """Return the reading options: those recorded, and what the trace says of itself where none is."""
    trace = fit.trace
    given = _changed(fit.options, _READING)
    if trace.source.file and "trace" not in given:
        given["trace"] = trace.source.trace
    if "wavelength" in given or "track" in given or "column" in given or trace.wavelength_nm is None:
        return given
    if trace.peak_nm is not None:
        given["track"] = round(trace.wavelength_nm, 1)
    else:
        given["wavelength"] = trace.wavelength_nm
    return given


def _flag_value(name: str, value: Any) -> str:
    if isinstance(value, list | tuple):
        separator = ":" if name == "window" else ","
        return separator.join("" if item is None else _plain(item) for item in value)
    return _plain(value)


def _is_wavelength(reference: Any) -> bool:
    """Whether a reference is a wavelength (of spectra) rather than the name of a column."""
    try:
        float(reference)
    except (TypeError, ValueError):
        return False
    return True


def _plain(value: Any) -> str:
    """Return a number so that reading it gives the same number again."""
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(float(value))
    return str(value)


def python_lines(fit: StagedFit) -> str:
    """Return a Python script that makes this fit again, the seed included."""
    trace, options = fit.trace, fit.options
    given = _read_as(fit)
    tracked = given.pop("track", None)
    wavelength = given.pop("wavelength", None)
    drift = given.pop("reference") if _is_wavelength(given.get("reference")) else None
    lines = ["import cxkinetics as cx"]
    example = next((name for name in EXAMPLES if trace.source.file == f"{name}-simulated.csv"), None)
    method = f".at_wavelength({_plain(wavelength)})" if wavelength is not None else ""
    if example is not None:
        opened = f"cx.load_example({example!r})"
    else:
        if wavelength is not None and drift is None:
            given["wavelength"], method = wavelength, ""
        reading = [f"{name}={_literal(value)}" for name, value in given.items()]
        opened = f"cx.load({', '.join([repr(trace.source.file or 'FILE'), *reading])})"
    if drift is not None:
        lines.append("from cxkinetics.signals.prepare import subtract_reference")
        opened = f"subtract_reference({opened}, {_plain(drift)})"
    if tracked is not None:
        opened += f".exciton_peak(near_nm={_plain(tracked)})"
    else:
        opened += method
    wanted = [f"{name}={_literal(value)}" for name, value in _changed(options, FITTING).items()]
    call = ", ".join(["trace", *wanted, f"rng={fit.seed}"])
    return "\n".join([*lines, "", f"trace = {opened}", f"fit = cx.fit_stages({call})", "print(fit)"])


def _literal(value: Any) -> str:
    return repr(tuple(value)) if isinstance(value, list) else repr(value)


_P_LABEL = "p of a break under the simulated null"


def fit_page(
    fit: StagedFit,
    *,
    series: SpectralSeries | None = None,
    command: str = "",
    pictures: FitPictures | None = None,
    time_unit: str = "s",
) -> Page:
    """Return the report of one fit.

    Parameters
    ----------
    fit : StagedFit
        The result.
    series : SpectralSeries, optional
        The spectra that the trace was taken from; they are then shown with the path of the peak.
    command : str
        The command as it was typed; by default the one rebuilt from the options.
    pictures : FitPictures, optional
        Where they were drawn already.
    time_unit : str
        Of the tables: "s", "ms", "min" or "h".
    """
    unit = unit_called(time_unit)
    numbers: list[Block] = [stage_table(fit, unit), quantity_table(fit, unit)]
    repeated = bootstrap_table(fit, unit)
    if repeated is not None:
        numbers.append(repeated)
    if smooth_line(fit, unit):
        numbers.append(Paragraph(_sentence(smooth_line(fit, unit))))
    drawn = draw_pictures(fit, series, time_unit=time_unit) if pictures is None else pictures
    ranking = replace(rival_table(fit), caption="")  # the section's heading says it
    sections = [
        Section("Verdict", _verdict_blocks(fit, unit)),
        Section("Fit", [drawn.kinetics, *numbers]),
        Section("The paper's recipe beside", [loglinear_table(fit, unit)]),
        Section("Rival models", [ranking] if fit.rivals else [Paragraph("None was fitted.")]),
        Section("Diagnostics", _diagnostic_blocks(fit)),
        Section("What was assumed, masked and left out", _assumption_blocks(fit)),
    ]
    if drawn.spectra is not None:
        sections.insert(2, Section("Spectra", [drawn.spectra]))
    sections.append(Section("Make it again", _reproduction_blocks(fit, command)))
    return Page(
        title=f"Staged kinetics of {name_of(fit)}",
        summary=_summary(fit),
        sections=sections,
        simulated=fit.trace.source.simulated,
        facts=fit_facts(fit, unit),
        footer=page_footer(fit),
    )


def _summary(fit: StagedFit) -> str:
    """Return the verdict, with a word on the numbers shown where they are not what it says.

    A first stage that is flat is pointed out here: its cause is most often a late addition.
    """
    note, count = shown_note(fit), len(fit.stages)
    words = [_sentence(verdict_text(fit))]
    if note:
        words.append(f"Below, {count} stage{'s' if count > 1 else ''}{note}.")
    words += [_sentence(remark.text) for remark in fit.warnings if remark.code == "flat_first_stage"]
    return " ".join(words)


def _sentence(text: str) -> str:
    text = text[:1].upper() + text[1:]
    return text if text.endswith((".", "!", "?")) else f"{text}."


def fit_facts(fit: StagedFit, unit: TimeUnit = SECONDS) -> tuple[Fact, ...]:
    """Return the numbers shown large: rate constants, breakpoints, their ratio."""
    confidence = confidence_of(fit.options)
    names = [pair for pair in quantity_estimates(fit) if pair[0] not in ("amplitude", "offset")]
    return tuple(fact_of(name, unit.estimate(estimate), confidence) for name, estimate in names)


def fact_of(label: str, estimate: Estimate, confidence: float = 0.95) -> Fact:
    """Return one estimate as a number shown large, its interval in small print."""
    value = f"{estimate.format_value()} {estimate.unit}".strip()
    cell = interval_cell(estimate)
    interval = cell[cell.index("[") :] if "[" in cell else ""
    detail = f"{100 * confidence:g} %: {interval}" if interval else estimate.reason
    return Fact(label, value, detail)


def _verdict_blocks(fit: StagedFit, unit: TimeUnit) -> list[Block]:
    verdict = fit.verdict
    rows = [("verdict", verdict.code.replace("_", " ")), (_P_LABEL, _p_words(verdict))]
    if verdict.delta_aicc is not None:
        rows.append(("AICc, best smooth rival minus best staged model", f"{verdict.delta_aicc:.1f}"))
    note = "A break needs p <= 0.05 and a staged model ahead of every smooth rival by 6 in AICc."
    return [
        Paragraph(f"{fit_title(fit, unit)}."),
        Table(header=("judged by", "value"), rows=tuple(rows), note=note),
    ]


def _p_words(verdict: Verdict) -> str:
    """Return the p-value as the verdict's text says it: with "<=" where it is the smallest possible."""
    if verdict.p_value is not None and (smallest := f"p <= {verdict.p_value:.2g}") in verdict.text:
        return smallest
    return format_p(verdict.p_value)


def _diagnostic_blocks(fit: StagedFit) -> list[Block]:
    noise = fit.noise
    rows = [
        ("points", str(fit.n_points)),
        ("degrees of freedom", str(fit.dof)),
        ("residual sum of squares", number_cell(fit.rss)),
        ("redchi", number_cell(fit.redchi)),
        ("AICc", number_cell(fit.aicc, 6)),
        ("BIC", number_cell(fit.bic, 6)),
        (f"noise sd, {fit.trace.unit}", number_cell(noise.sd, 3)),
        ("AR(1) correlation of neighbours", number_cell(noise.ar1, 2)),
        ("lag-1 autocorrelation of the residuals", number_cell(noise.lag1_autocorrelation, 2)),
        ("Durbin-Watson (2 = uncorrelated)", number_cell(noise.durbin_watson, 3)),
        ("runs test on the whitened residuals", format_p(noise.runs_p)),
        ("strong correlations of parameters", "; ".join(correlation_lines(fit)) or "none beyond 0.9"),
        ("flags", "; ".join(fit.flags) or "none"),
    ]
    return [Paragraph(f"{noise_text(fit)}."), Table(header=("diagnostic", "value"), rows=tuple(rows))]


def _assumption_blocks(fit: StagedFit) -> list[Block]:
    blocks: list[Block] = []
    heard: list[str] = []
    for remark in (*fit.warnings, *fit.trace.remarks):
        line = remark.complete()
        if line not in heard:
            heard.append(line)
    if heard:
        blocks.append(Notes(tuple(heard)))
    if fit.excluded:
        cells = tuple((f"{time:g}", f"{signal:.4g}") for time, signal in fit.excluded)
        blocks.append(
            Table(
                ("time, s", f"signal, {fit.trace.unit}"), cells, "Points left out as outliers", numeric=(0, 1)
            )
        )
    if not blocks:
        blocks.append(Paragraph("Nothing was assumed, masked or left out."))
    return blocks


def _reproduction_blocks(fit: StagedFit, command: str) -> list[Block]:
    options = tuple((str(name), _shown(value)) for name, value in sorted(fit.options.items()))
    return [
        Code(command or command_line(fit), "On the command line:"),
        Code(python_lines(fit), "In Python:"),
        Table(("option", "value"), (*options, ("seed", str(fit.seed))), "Every option of this fit"),
    ]


def _shown(value: object) -> str:
    return "-" if value is None else str(value)


def page_footer(*fits: StagedFit) -> tuple[str, ...]:
    """Return versions and input hashes, one line each."""
    from importlib.metadata import version

    names = ("numpy", "scipy", "lmfit", "matplotlib")
    used = ", ".join(f"{name} {version(name)}" for name in names)
    package = fits[0].version if fits else ""
    lines = [f"cxkinetics {package}; Python {platform.python_version()}; {used}"]
    seen = set()
    for fit in fits:
        source = fit.trace.source
        line = f"{source.file or 'data made in memory'}: sha256 {source.sha256}"
        if line not in seen:
            seen.add(line)
            lines.append(line + (f"; simulated {source.note}" if source.simulated else ""))
    return tuple(lines)
