"""Whether a reading can be what it was taken for: what is above the table, quantity, axis and times.

Every signal of every format passes here. A doubt is a question (a refusal that names the option
which answers it), never a guess.
"""

import re
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from cxkinetics.arrays import Array, IntArray
from cxkinetics.errors import InputError
from cxkinetics.io.file import Context
from cxkinetics.io.headers import OTHER_UNITS, Quantity, read_header
from cxkinetics.remarks import Remark

_LARGEST_ABSORBANCE = 10.0
_LARGEST_UNNAMED = 6.0  # no usual instrument reads an absorbance beyond it
_FEW = 0.01  # share of the readings of spectra that may be noise without light
_TABLES = ("text table", "Excel workbook")
_AS_IT_IS = "to fit it as it is pass --absorbance-unit abs, or counts for raw readings"

RAW_COUNTS = Remark(
    "raw_counts",
    "raw counts, not absorbance: nothing can be fitted before a reference is given (reference=...)",
)


_SAYS_WHAT = re.compile(
    r"(?!horizontal|x\b|time|abscissa)(?:(?:mode|technique|data|y|vertical|signal|quantity|measurement|reading"
    r"|unit)\b.*|.*\b(?:mode|units?|technique|quantity)\W*)",
    re.IGNORECASE,
)
_AT = re.compile(
    r"\bwave\s?lengths?\b(?:\s*\(?nm\)?)?\s*[\d#]?\s*[:=\s]\s*(\d{3,4}(?:[.,]\d+)?)(?!\s*[-\d.])",
    re.IGNORECASE,
)
_OTHER_LIGHT = re.compile(
    r"reference|baseline|excitation|emission|correct|band|start|end|from|max|min", re.IGNORECASE
)


_LI1800 = re.compile(r"LIMS: *\d{3,4} ?- ?\d{3,4} ?NM$")  # of LI-COR
_LONGEST_LINE = 200  # a longer one is prose


def told_above(context: Context, above: Sequence[Sequence[str]]) -> Context:
    """Return the context with what the lines above a table say of its signal: quantity and wavelength.

    Examples
    --------
    >>> from cxkinetics.io.file import Content, Context, ReadOptions
    >>> context = Context(content=Content("run.csv", b"", ""), options=ReadOptions(), format="text table")
    >>> found = told_above(context, [["Vertical Units", "V"], ["Wavelength: 340 nm"]])
    >>> found.y_kind, found.wavelength_nm
    ('other', 340.0)
    """
    places: set[float] = set()
    for cells in above:
        line = " ".join(cells)
        if len(line) > _LONGEST_LINE:
            continue
        found = _AT.search(line)
        if found and not _OTHER_LIGHT.search(line):
            places.add(float(found[1].replace(",", ".")))
        name, value = cells[0] if cells else "", " ".join(cells[1:])
        alone = read_header(name).kind == "other" and (not value or value[0] in "[(")
        said = _SAYS_WHAT.fullmatch(name.strip(" :=->")) is not None and (
            read_header(value.partition("[")[0]).kind == "other" or OTHER_UNITS.fullmatch(value) is not None
        )
        if _LI1800.match(line):
            line = "LI-1800, a spectroradiometer"
            context, alone = replace(context, x_kind=context.x_kind or "wavelength"), True
        if (alone or said) and not context.y_kind:
            context = replace(context, y_kind="other", y_name=line)
    known = context.wavelength_nm is not None or len(places) != 1
    return context if known else replace(context, wavelength_nm=places.pop())


def no_absorbance(context: Context, quantity: Quantity) -> InputError:
    """Return the question what a signal is to be taken for whose name says that it is no absorbance."""
    named = (
        repr(quantity.name)
        if quantity.kind == "other"
        else f"the signal ({context.y_name[:60]!r} above the table)"
    )
    return context.error(
        f"{named} is no absorbance",
        f"choose another column (--column); {_AS_IT_IS}",
        column=quantity.name or None,
    )


def ask_unit_of_axis(context: Context, places: Array) -> None:
    """Raise where an axis that no name calls wavelength may be one of wavenumbers.

    Raises
    ------
    InputError
        If it lies beyond what instruments of visible light record.
    """
    known = places[np.isfinite(places)]
    if known.size > 2 and known.min() >= _REDDEST_START and _REDDEST_END < known.max() <= LONGEST_UNNAMED_NM:
        raise context.error(
            f"the spectral axis runs from {known.min():g} to {known.max():g} and has no name: nm or cm-1?",
            "name it in the corner cell: 'time (s) \\ wavelength (nm)', or '... wavenumber (cm-1)'",
        )


_REDDEST_START, _REDDEST_END = 400.0, 1200.0
LONGEST_UNNAMED_NM = 3500.0  # beyond it a bare number is a wavenumber rather than a wavelength


def before_zero(time_s: Array) -> tuple[Remark, ...]:
    """Return a remark on readings before t = 0."""
    count = int(np.count_nonzero(time_s < 0))
    if not count or count == time_s.size:
        return ()
    text = (
        f"{count} readings stand before t = 0 (from {float(time_s.min()):g} s): if they are a baseline "
        "before the start, leave them out (--window 0:), for they are no stage"
    )
    return (Remark("before_zero", text, count),)


def oddities(axis: Array) -> tuple[Remark, ...]:
    """Remark wavelengths out of order, and the odd jump in an even axis: signs of a damaged header."""
    steps = np.diff(axis)
    if steps.size < 2:
        return ()
    rising = np.median(steps) > 0
    wrong = np.flatnonzero((steps < 0) if rising else (steps > 0))
    if wrong.size:
        i = int(wrong[0])
        text = (
            f"wavelengths do not stand in order in the file ({axis[i + 1]:g} nm follows {axis[i]:g} nm): "
            "sorted; check the header"
        )
        return (Remark("axis_not_in_order", text, int(wrong.size)),)
    usual = np.abs(np.median(steps))
    odd = np.flatnonzero(np.abs(np.abs(steps) - usual) > 0.5 * usual)
    if steps.size >= 10 and 0 < odd.size <= max(2, 0.05 * steps.size):
        i = int(odd[0])
        jump = f"from {axis[i]:g} to {axis[i + 1]:g} nm"
        text = f"wavelengths jump {jump}, though they go in steps of {usual:g} nm"
        return (Remark("axis_uneven", text, int(odd.size)),)
    return ()


def unit_of_values(
    context: Context, values: Array, quantity: Quantity, lines: IntArray | None
) -> tuple[str, tuple[Remark, ...]]:
    """Return the unit of readings that nothing says to be no absorbances, "AU" or "counts", and remarks.

    Raises
    ------
    InputError
        If they are too large for absorbances and could be several things.
    """
    sample = values[:: max(1, values.size // 200_000)]
    known = np.abs(sample[np.isfinite(sample)])
    with np.errstate(over="ignore"):  # the mean of two halves of all floats is infinite, and too large
        usual = float(np.median(known)) if known.size else 0.0
    if usual > _LARGEST_ABSORBANCE:
        return _too_large(context, values, quantity)
    said = _beyond(context, values, quantity, lines)
    if usual > _LARGEST_UNNAMED and values.ndim == 1 and not (quantity.kind or context.y_kind):
        return _too_large(context, values, quantity)
    return "AU", said


def _beyond(
    context: Context, values: Array, quantity: Quantity, lines: IntArray | None
) -> tuple[Remark, ...]:
    """Refuse readings that no absorbance reaches: another quantity, or damaged numbers.

    A few of them among whole spectra are noise where no light comes through, and an instrument's
    own file that says "absorbance" is taken at its word: these are remarked.
    """
    beyond = np.abs(values) > _LARGEST_ABSORBANCE
    count = int(beyond.sum())
    if not count:
        return ()
    known = values[np.isfinite(values)]
    text = (
        f"{count} of {known.size} readings are beyond +-{_LARGEST_ABSORBANCE:g} (values run from "
        f"{known.min():g} to {known.max():g}): too large for absorbances"
    )
    stated = quantity.kind == "absorbance" and context.format not in _TABLES
    if stated or (values.ndim == 2 and count <= _FEW * known.size):
        return (Remark("beyond_absorbance", text, count),)
    first = tuple(int(i) for i in np.argwhere(beyond)[0])
    raise context.error(
        text,
        "correct them, or say what they are: --absorbance-unit percentT, counts or abs (as they are)",
        line=None if lines is None else int(lines[first[0]]),
        column=quantity.name or None,
        value=f"{values[first]:g}",
    )


def _too_large(context: Context, values: Array, quantity: Quantity) -> tuple[str, tuple[Remark, ...]]:
    known = values[np.isfinite(values)]
    low, high = float(known.min()), float(known.max())
    unnamed = values.ndim == 1 and not quantity.name and context.format in _TABLES
    # percents run to 100 and a little beyond; without any name it may be another measurement altogether
    if quantity.kind == "absorbance" or high <= 120 or unnamed:
        raise context.error(
            f"values run from {low:g} to {high:g}: too large for absorbances",
            "say what they are: --absorbance-unit percentT or counts (absorbance_unit=)",
            column=quantity.name or None,
        )
    text = f"values run from {low:g} to {high:g}: too large for absorbances, so taken as raw counts"
    return "counts", (Remark("counts_assumed", text), RAW_COUNTS)
