"""The folder of the demonstration: report, data to play with, one folder per fit."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from cxkinetics.atomic import replace_directory, write_bytes, write_text
from cxkinetics.estimate import json_text
from cxkinetics.examples.demonstration import DemoTrace
from cxkinetics.examples.demonstration_doses import DemoDoses
from cxkinetics.examples.load import example_path
from cxkinetics.report.demo_page import demo_page
from cxkinetics.report.demo_text import demo_record
from cxkinetics.report.page import render_page
from cxkinetics.report.pictures import draw_pictures
from cxkinetics.report.present import draw
from cxkinetics.report.reproduce import command_line
from cxkinetics.report.style import save_figure
from cxkinetics.report.write import require_replaceable, write_fit

__all__ = ["write_demo"]


def write_demo(
    traces: Sequence[DemoTrace],
    doses: DemoDoses | None,
    directory: Path,
    *,
    command: str,
) -> Path:
    """Write the folder of the demonstration, whole or not at all.

    Parameters
    ----------
    traces, doses
        What `demo_page` takes.
    directory : Path
        A new or empty folder, or that of an earlier demonstration.
    command : str
        The command as it was typed.

    Returns
    -------
    Path
        The folder.

    Raises
    ------
    UsageError
        If the folder holds something else.
    """
    require_replaceable(directory, "demo.json")
    with replace_directory(directory) as fresh:
        drawn = [draw_pictures(trace.fit, trace.series) for trace in traces]
        for trace, pictures in zip(traces, drawn, strict=True):
            packaged = example_path(trace.name)
            write_bytes(fresh / "data" / packaged.name, packaged.read_bytes())
            write_fit(
                trace.fit,
                fresh / trace.name,
                series=trace.series,
                command=_command(trace, packaged.name),
                pictures=pictures,
            )
        if doses is not None:
            table = example_path("ag-cds-dose")
            write_bytes(fresh / "data" / table.name, table.read_bytes())
            _write_figure(doses.curve, fresh / "dose-curve")
            _write_figure(doses.advice[len(doses.advice) // 2], fresh / "species")
        write_text(fresh / "report.html", render_page(demo_page(traces, drawn, doses, command)))
        write_text(fresh / "demo.json", json_text(demo_record(traces, doses, directory)) + "\n")
    return directory


def _command(trace: DemoTrace, name: str) -> str:
    """Return the command of a fit with the data's path as seen from the folder of its report."""
    source = replace(trace.fit.trace.source, file=f"../data/{name}")
    return command_line(replace(trace.fit, trace=replace(trace.fit.trace, source=source)))


def _write_figure(result: object, path: Path) -> None:
    from matplotlib import pyplot as plt

    figure = draw(result)
    save_figure(figure, path, ("png", "svg", "pdf"))
    plt.close(figure)
