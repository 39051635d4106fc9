"""The folder of a result: JSON, a CSV file per table, workbook, figures and report, whole or not at all."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from cxkinetics.atomic import replace_directory, write_bytes, write_text
from cxkinetics.calls import shown
from cxkinetics.errors import UsageError

if TYPE_CHECKING:
    from cxkinetics.document.page import Page
    from cxkinetics.document.table import Table

ALL_FILES = ("svg", "png", "pdf", "xlsx")
"""What may stand beside a report: its figures in three formats, and the workbook."""
BATCH_FILES = ("svg",)
"""The same by default where there are many results: what the report holds in any case."""


def files_called(words: str | Sequence[str]) -> tuple[str, ...]:
    """Return what is asked for beside a report, as "svg,pdf" or a sequence of such words.

    Raises
    ------
    UsageError
        If a word is none of `ALL_FILES`.

    Examples
    --------
    >>> files_called("png, svg")
    ('svg', 'png')
    """
    given = words.split(",") if isinstance(words, str) else words
    asked = [str(word).strip().casefold() for word in given]
    if not asked or set(asked) - set(ALL_FILES):
        raise UsageError(f"figures is {words!r}; it must be one or more of {', '.join(ALL_FILES)}")
    return tuple(kind for kind in ALL_FILES if kind in asked)


def write_folder(
    directory: Path,
    page: "Page",
    *,
    mark: str,
    texts: Mapping[str, str],
    tables: "Sequence[Table]" = (),
    workbook: "tuple[str, Sequence[Table]] | None" = None,
    formats: tuple[str, ...] = ("png", "svg", "pdf"),
    digits: int | None = None,
) -> Path:
    """Write the folder of one result, whole or not at all.

    Parameters
    ----------
    directory : Path
        The folder to make, or to replace as a whole.
    page : Page
        Its report.html; every figure on it is drawn once and written beside it as well.
    mark : str
        Name of the file in `texts` by which an earlier result is known, such as "fit.json".
    texts : mapping
        Name of a file, with "/" below folders -> its text.
    tables : sequence of Table
        Each is written to a CSV file of its name.
    workbook : (str, sequence of Table), optional
        Name and tables of an Excel workbook.
    formats : tuple of str
        Of the figures.
    digits : int, optional
        Significant digits of the numbers in CSV; by default all of them.

    Returns
    -------
    Path
        The folder.

    Raises
    ------
    UsageError
        If the folder holds something else than an earlier result.
    """
    from cxkinetics.document.page import as_shown
    from cxkinetics.document.sheets import csv_text, workbook_bytes
    from cxkinetics.document.table import Where

    require_replaceable(directory, mark)
    with replace_directory(directory) as fresh:
        for name, text in texts.items():
            write_text(fresh / name, text)
        for table in tables:
            write_text(fresh / f"{table.name}.csv", csv_text(table, digits=digits))
        # rounded, in the unit of the report; the others hold every digit
        printed = as_shown(page.sections, Where.PAGE)
        write_text(fresh / "as-shown.csv", csv_text(printed))
        if workbook is not None:
            write_bytes(fresh / workbook[0], workbook_bytes([*workbook[1], printed]))
        write_report(fresh, page, formats)
    return directory


def write_report(
    folder: Path,
    page: "Page",
    formats: tuple[str, ...] = ("png", "svg", "pdf"),
    *,
    drawn: Mapping[str, str] | None = None,
) -> None:
    """Write the report.html of a page into a folder, and beside it every figure that is not drawn yet.

    Parameters
    ----------
    folder : Path
        Where to; files of these names are replaced.
    page : Page
        The report.
    formats : tuple of str
        Of the figures.
    drawn : mapping, optional
        Name of a figure -> its SVG text, where its files stand there already.
    """
    from cxkinetics.document.figure import drawn_figure, save_figure, svg_text
    from cxkinetics.document.html import render_page

    svg = dict(drawn or {})
    for block in page.figures():
        if block.name not in svg:
            figure = drawn_figure(block)
            svg[block.name] = svg_text(figure)
            save_figure(figure, folder / block.name, tuple(kind for kind in formats if kind != "svg"))
            if "svg" in formats:
                write_text(folder / f"{block.name}.svg", svg[block.name])
    write_text(folder / "report.html", render_page(page, svg))


def require_replaceable(directory: Path, mark: str) -> None:
    """Refuse to replace a folder that holds something else than an earlier result.

    Parameters
    ----------
    directory : Path
        The folder about to be replaced.
    mark : str
        Name of the file that every earlier result holds.

    Raises
    ------
    UsageError
        If the folder is there, is not empty and lacks the mark (in itself or in folders of traces), or
        if its place is taken by a file.
    """
    require_no_file(directory)
    marked = (directory / mark).is_file() or any(directory.glob(f"trace-*/{mark}"))
    if directory.is_dir() and any(directory.iterdir()) and not marked:
        raise UsageError(
            f"{directory} exists and holds no {mark}, so it is no earlier result and is not replaced; "
            "name another folder with --out"
        )


def require_no_file(directory: Path) -> None:
    """Refuse a folder to be made whose place, or that of a folder above it, is taken by a file.

    Raises
    ------
    UsageError
        With the name of that file.
    """
    try:
        taken = next((place for place in (directory, *directory.parents) if place.exists()), None)
    except (OSError, ValueError) as error:  # a name too long, or with a zero in it
        why = error.strerror if isinstance(error, OSError) else error
        raise UsageError(f"{shown(str(directory))} is no name of a folder: {why}") from error
    if taken is not None and not taken.is_dir():
        raise UsageError(f"{taken} is a file, and results need a folder; name another with --out")
