"""JCAMP-DX through the `jcamp` package: spectra, and LINK files of many spectra with their times.

TIME comes back as text ("18:07:10.00"): times count from the first block. FIRSTY and MAXY are not
checked, for files with good data carry wrong ones; the number of points is. SpectraSuite links a dark
and a reference spectrum to the processed one: they are set aside, for they are no times of a run.
"""

import contextlib
import io
import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from cxkinetics.arrays import Array
from cxkinetics.io.file import Context, Signal, TextFormat
from cxkinetics.io.headers import Quantity, read_header, spectral_unit
from cxkinetics.io.layout import spectrum_time
from cxkinetics.io.quantities import time_unit_of
from cxkinetics.io.signals import RawMatrix, RawTrace, build_series, build_trace
from cxkinetics.io.words import clock_seconds, parse_moment, time_factor
from cxkinetics.remarks import Remark

_MOST_POINTS = 5_000_000
_LONGEST_TEXT = 4_000_000
_UNITS = {"nanometers": "nm", "nanometres": "nm", "micrometers": "um", "micrometres": "um"}
_ASIDE = re.compile(r"\b(dark|reference|background)(\s+spectrum)?", re.I)
_LARGEST_PERCENT = 200.0


def sniff(head: str) -> bool:
    """Return whether the text begins with labelled data records of JCAMP-DX."""
    return (
        re.match(r"\s*##\s*TITLE\s*=", head, re.I) is not None
        and re.search(r"##\s*(JCAMP-?DX|DATA ?TYPE)\s*=", head, re.I) is not None
    )


def read_jcamp(context: Context, text: str) -> list[Signal]:
    """Return one series for blocks on one axis, else a signal for each block."""
    blocks, complaints = _parse(context, text)
    if complaints:
        text_ = f"{len(complaints)} checks of the file failed (first: {complaints[0][:80]})"
        context = context.saying(Remark("jcamp_checks", text_, len(complaints)))
    aside = [block for block in blocks if _is_aside(block)]
    if 0 < len(aside) < len(blocks):
        blocks = [block for block in blocks if not _is_aside(block)]
        names = ", ".join(repr(str(block.get("title", ""))) for block in aside)
        text_ = f"set aside, no times of a run: {names}"
        context = context.saying(Remark("spectra_set_aside", text_, len(aside)))
    blocks, context = _each_once(context, blocks)
    kinetic = [block for block in blocks if time_factor(str(block.get("xunits", ""))) is not None]
    if kinetic:
        return [s for number, block in enumerate(kinetic, 1) for s in _trace(context, block, number)]
    times, context = _times(context, blocks)
    first: Array = blocks[0]["x"]
    if len({_units(block) for block in blocks}) == 1 and all(
        block["x"].size == first.size and np.allclose(block["x"], first, rtol=0, atol=1e-6)
        for block in blocks
    ):
        return _series(context, blocks[0], times, np.array([block["y"] for block in blocks]), 1)
    return [
        series
        for k, block in enumerate(blocks)
        for series in _series(context, block, times[[k]], block["y"][None, :], k + 1)
    ]


def _parse(context: Context, text: str) -> tuple[list[dict[str, Any]], list[str]]:
    """Return the blocks that hold data, and what the package complained about."""
    text = _with_points(context, text)
    for stated in re.findall(r"##\s*NPOINTS\s*=\s*([\d.,eE+]+)", text, re.I):
        number = re.sub(r"\D.*", "", stated)
        if len(number) > 8 or int(number or 0) > _MOST_POINTS or int(number or 0) > len(text):
            raise context.error(
                f"##NPOINTS= {stated} in a file of {len(text)} characters: the file is damaged"
            )
    if len(text) > _LONGEST_TEXT:
        raise context.error(
            f"a JCAMP-DX file of {len(text) / 1e6:.0f} MB; at most {_LONGEST_TEXT / 1e6:.0f} MB are read",
            "split it by blocks",
        )
    import jcamp

    heard = io.StringIO()
    try:
        with contextlib.redirect_stdout(heard), np.errstate(all="ignore"):
            record = jcamp.read(text.splitlines(keepends=True))
    except Exception as error:  # the package itself raises Exception on a damaged file
        raise context.error(
            f"the JCAMP-DX records cannot be read ({type(error).__name__}: {str(error)[:80]})",
            "export it again, or as CSV",
        ) from error
    found = [block for block in _leaves(record) if len(block.get("x", ())) > 0]
    if not found:
        raise context.error("no data rows: the JCAMP-DX file holds no XYDATA")
    for block in found:
        if len(block["x"]) != len(block["y"]):
            raise context.error(
                f"##NPOINTS= states {len(block['x'])} points, the table holds {len(block['y'])}",
                "export it again: the file is cut short or damaged",
            )
    arrays = [{key: np.asarray(block[key], dtype=np.float64) for key in ("x", "y")} for block in found]
    blocks = [{**block, **own} for block, own in zip(found, arrays, strict=True)]
    return blocks, [line for line in heard.getvalue().splitlines() if line]


_RECORD = re.compile(r"##\s*(FIRST|LAST|MAX|MIN|DELTA)?[XY](FACTOR)?\s*=\s*[+-]?\d+([.,])\d", re.IGNORECASE)
_DATA = re.compile(r"(##\s*(?:XYDATA|XYPOINTS|PEAK TABLE)\s*=[^\n]*\n)([^#]*)", re.IGNORECASE)


def _with_points(context: Context, text: str) -> str:
    """Return the text with decimal points where its numbers are written with commas.

    The standard knows no decimal comma, but it lets a comma divide x from y in a table of points: what a
    comma means is told by the records of the factors and limits, or by an abscissa table, which has none.
    """
    marks = {found[3] for found in _RECORD.finditer(text)}
    tables = _DATA.findall(text)
    regular = [body for head, body in tables if "++" in head]
    if "," not in marks and not any(re.search(r"\d,\d", body) for body in regular):
        return text
    if "." in marks or any(re.search(r"\d\.\d|\d,\d*,\d", body) for _, body in tables):
        what = "its numbers hold decimal points and commas: which divides the decimals cannot be told"
        raise context.error(what, "export it with decimal points")
    commas = re.compile(r"(?<=\d),(?=\d)")
    text = re.sub(r"(?m)^(##[^=\n]*[XY](?:FACTOR)?[ \t]*=.*)$", lambda line: commas.sub(".", line[0]), text)
    return _DATA.sub(lambda table: table[1] + commas.sub(".", table[2]), text)


def _each_once(context: Context, blocks: list[dict[str, Any]]) -> tuple[list[dict[str, Any]], Context]:
    """Return the blocks with every place once: digitised curves repeat the points where two strokes meet."""
    found, repeated = [], 0
    for block in blocks:
        places, which = np.unique(block["x"], return_inverse=True)
        extra = block["x"].size - places.size
        timed = time_factor(str(block.get("xunits", ""))) is not None
        if extra and not timed:
            repeated += extra
            block = {**block, "x": places, "y": np.bincount(which, block["y"]) / np.bincount(which)}
        found.append(block)
    if repeated:
        text = f"{repeated} points that stand twice are averaged"
        context = context.saying(Remark("repeated_points", text, repeated))
    return found, context


def _leaves(record: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    children = record.get("children", [])
    return [leaf for child in children for leaf in _leaves(child)] if children else [record]


def _times(context: Context, blocks: Sequence[Mapping[str, Any]]) -> tuple[Array, Context]:
    if len(blocks) == 1:
        time, told = spectrum_time(context)
        return np.array([time]), told
    moments = [_moment(block) for block in blocks]
    if all(m is not None for m in moments):
        values = np.array(moments, dtype=np.float64)
        values[1:] += 86400.0 * np.cumsum(np.diff(values) < -43200.0)  # past midnight
        shown = ", ".join(f"{v:g}" for v in (values - values[0])[:6])
        text = f"times from ##TIME= of each block: {shown} s"
        return values - values[0], context.saying(Remark("times_used", text))
    text = "the blocks carry no times: they are numbered 0, 1, 2, ... s"
    return np.arange(len(blocks), dtype=np.float64), context.saying(Remark("time_index", text))


def _moment(block: Mapping[str, Any]) -> float | None:
    """Moment of a block: ##TIME= as a clock (with ##DATE= where that helps) or as a number of s."""
    stated = block.get("time")
    if stated is None:
        long_date = block.get("longdate")
        return parse_moment(str(long_date)) if long_date is not None else None
    if isinstance(stated, (int, float)):
        return float(stated)
    return clock_seconds(str(stated))


def _is_aside(block: Mapping[str, Any]) -> bool:
    """Return whether a block is the dark or reference spectrum beside a processed one."""
    said = (str(block.get(key, "")).rpartition(":")[2].strip() for key in ("title", "sample description"))
    return any(_ASIDE.fullmatch(text) for text in said)


def _units(block: Mapping[str, Any]) -> str:
    return f"{block.get('xunits', '')} {block.get('yunits', '')}".casefold()


def _quantity(block: Mapping[str, Any], values: Array) -> tuple[Quantity, tuple[Remark, ...]]:
    """Return what the ordinate is, and what was assumed."""
    stated = str(block.get("yunits", "")).strip()
    unit = stated.casefold()
    if "trans" in unit or "%t" in unit:
        percent = "%" in unit or "percent" in unit
        middle = float(np.nanmedian(values)) if np.isfinite(values).any() else 0.0
        if percent and middle > _LARGEST_PERCENT:
            text = f"the file states {stated!r}, but half its values exceed {middle:.4g}: they are raw counts"
            return Quantity("", "counts"), (Remark("counts_assumed", text),)
        return Quantity("%T" if percent else "transmittance", "transmittance"), ()
    if not unit:
        text = "taken as absorbance: the file has no ##YUNITS="
        return Quantity("", "absorbance"), (Remark("quantity_assumed", text),)
    if "count" in unit or "intensity" in unit:
        return Quantity("", "counts"), ()
    if "absorb" in unit or read_header(unit).kind == "absorbance":
        return Quantity("", "absorbance"), ()
    text = f"the file holds {stated!r}, not absorbance: its values are kept as they are"
    return Quantity(stated, "counts"), (Remark("not_absorbance", text),)


def light_unit(stated: str) -> str | None:
    """Return "nm", "um", "eV" or "cm-1" for the words of an axis, None where it is none of light.

    Examples
    --------
    >>> light_unit("MICROMETERS"), light_unit("wavelength (nm)"), light_unit("M/Z")
    ('um', 'nm', None)
    """
    return spectral_unit(_UNITS.get(stated.casefold(), stated)) or spectral_unit(read_header(stated).unit)


def _axis_unit(context: Context, block: Mapping[str, Any]) -> tuple[str, tuple[Remark, ...]]:
    """Return the unit of the spectral axis; nm is assumed only where the file says it is a UV/Vis spectrum.

    Raises
    ------
    InputError
        If the axis is none of light.
    """
    stated, kind = str(block.get("xunits", "")).strip(), str(block.get("data type", "")).strip()
    unit = light_unit(stated)
    raman = "raman" in f"{stated} {kind}".casefold()
    if unit is not None and not raman:
        return unit, ()
    if not raman and (not stated or re.match(r"uv|vis", kind, re.I)):
        text = (
            f"wavelengths taken in nm: the file states {f'##XUNITS= {stated}' if stated else 'no ##XUNITS='}"
        )
        return "nm", (Remark("axis_assumed", text),)
    what = f"##DATA TYPE= {kind} with ##XUNITS= {stated} is no spectrum of absorbance"
    raise context.error(what, "export as CSV with the wavelengths in nm", value=stated)


def _series(
    context: Context, block: Mapping[str, Any], times: Array, matrix: Array, number: int
) -> list[Signal]:
    unit, said = _axis_unit(context, block)
    quantity, assumed = _quantity(block, matrix)
    raw = RawMatrix(
        time_s=times,
        axis=block["x"],
        axis_unit=unit,
        matrix=matrix,
        quantity=quantity,
        label=re.sub(r" ?\(t\d+\)$", "", str(block.get("title", ""))),
        number=number,
    )
    return list(build_series(context.saying(*said, *assumed), raw))


def _trace(context: Context, block: Mapping[str, Any], number: int) -> list[Signal]:
    x, values = block["x"], block["y"]
    factor, told = time_unit_of(context, Quantity("", "time", str(block.get("xunits", ""))))
    quantity, assumed = _quantity(block, values)
    raw = RawTrace(
        time_s=x * factor,
        values=values,
        quantity=quantity,
        lines=np.arange(1, x.size + 1),
        label=str(block.get("title", "")),
        number=number,
    )
    return list(build_trace(told.saying(*assumed), raw))


_SUMMARY = "JCAMP-DX spectra, LINK files with the time of each block, and kinetic traces"
FORMATS = (TextFormat("JCAMP-DX", ".jdx .dx", _SUMMARY, sniff, read_jcamp),)
