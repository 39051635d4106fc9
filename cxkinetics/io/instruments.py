"""Binary files of other instruments through the optional package `openreadout`.

It reads Cary (.dsw, .bsw), GRAMS and UVProbe (.spc), JASCO (.jws), PerkinElmer (.sp) and more, and
says of every file how far its layout has been confirmed; that sentence becomes a remark. Only
traces with a spectral or a time axis are taken; without the package nothing here is imported.
"""

import importlib
import importlib.util
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from cxkinetics.arrays import Array
from cxkinetics.errors import InputError
from cxkinetics.io.assemble import RawMatrix, RawTrace, build_series, build_trace
from cxkinetics.io.content import Content
from cxkinetics.io.context import Context
from cxkinetics.io.formats import Signal
from cxkinetics.io.headers import Quantity, read_header, spectral_unit
from cxkinetics.io.moments import clock_seconds, parse_moment
from cxkinetics.io.options import ReadOptions
from cxkinetics.io.units import time_factor
from cxkinetics.remarks import Remark

__all__ = ["INSTALL", "binary_remedy", "read_instrument_file"]

INSTALL = "python -m pip install 'cxkinetics[instruments]'"
_ENDINGS = (".dsw", ".bsw", ".bsk", ".csw", ".spc", ".jws", ".sp", ".spa", ".spg", ".srs", ".wdf")


def binary_remedy(file: str) -> str:
    """Return what to do about a binary file that no reader of this package knows."""
    remedy = "export as CSV from the instrument software"
    if file.casefold().endswith(_ENDINGS) and importlib.util.find_spec("openreadout") is None:
        remedy += f", or install the extra that reads this kind: {INSTALL}"
    return remedy


def read_instrument_file(content: Content, options: ReadOptions) -> list[Signal] | None:
    """Return the signals that `openreadout` finds, or None where it is absent or finds none.

    Raises
    ------
    InputError
        If it knows the format but the file is damaged or its traces cannot be told.
    """
    if importlib.util.find_spec("openreadout") is None or not Path(content.file).is_file():
        return None
    package = importlib.import_module("openreadout")
    try:
        info = package.info(content.file)
        with package.File(content.file) as opened:
            found = [_trace(opened, record) for record in opened.traces]
    except package.UnknownFormatError:
        return None
    except package.OpenReadoutError as error:
        raise InputError(
            f"openreadout cannot read this file: {error}",
            file=content.file,
            remedy="export as CSV from the instrument software",
        ) from error
    usable = [item for item in found if item is not None]
    if not usable:
        return None
    name = str(info.get("format", {}).get("name", "instrument file"))
    context = Context(content=content, options=options, format=f"{name} (openreadout)")
    assurance = info.get("assurance") or {}
    if assurance.get("summary"):
        context = context.saying(
            Remark("read_by_openreadout", f"read by openreadout: {assurance['summary']}")
        )
    return _signals(context, usable)


def _trace(opened: Any, record: Mapping[str, Any]) -> tuple[Mapping[str, Any], Array, Array] | None:
    """Return record, axis and values of one trace, or None where it has no axis of ours."""
    axis = (record.get("extra") or {}).get("axis") or {}
    unit = str(axis.get("unit", ""))
    if spectral_unit(unit) is None and time_factor(unit) is None:
        return None
    if int(record.get("sweep_count", 1)) != 1:
        return None
    index = int(record["index"])
    places = opened.trace_axis(index)
    values = np.atleast_2d(opened.read_trace(index))
    if places is None or values.shape[1] != len(places):
        return None
    return record, np.asarray(places, dtype=np.float64), np.asarray(values[0], dtype=np.float64)


def _signals(context: Context, found: list[tuple[Mapping[str, Any], Array, Array]]) -> list[Signal]:
    times, said = _times(found)
    context = context.saying(*said)
    axes = [axis for _, axis, _ in found]
    units = {str(record["extra"]["axis"]["unit"]) for record, _, _ in found}
    same = len(units) == 1 and all(a.size == axes[0].size and np.allclose(a, axes[0]) for a in axes)
    first = found[0][0]
    unit = str(first["extra"]["axis"]["unit"])
    if same and spectral_unit(unit) and times is not None:
        raw = RawMatrix(
            time_s=times,
            axis=axes[0],
            axis_unit=spectral_unit(unit) or "nm",
            matrix=np.array([values for _, _, values in found]),
            quantity=_quantity(first),
            label=context.content.stem,
        )
        return list(build_series(context, raw))
    signals: list[Signal] = []
    for number, (record, axis, values) in enumerate(found, start=1):
        own = str(record["extra"]["axis"]["unit"])
        label = str(record.get("name", ""))
        if time_factor(own) is not None:
            signals += build_trace(
                context,
                RawTrace(
                    time_s=axis * (time_factor(own) or 1.0),
                    values=values,
                    quantity=_quantity(record),
                    lines=np.arange(1, axis.size + 1),
                    label=label,
                    number=number,
                ),
            )
            continue
        signals += build_series(
            context,
            RawMatrix(
                time_s=np.array([0.0 if times is None else times[number - 1]]),
                axis=axis,
                axis_unit=spectral_unit(own) or "nm",
                matrix=values[None, :],
                quantity=_quantity(record),
                label=label,
                number=number,
            ),
        )
    return signals


def _times(found: list[tuple[Mapping[str, Any], Array, Array]]) -> tuple[Array | None, tuple[Remark, ...]]:
    stated = [str((record.get("extra") or {}).get("time", "")) for record, _, _ in found]
    moments = [
        clock_seconds(text) if clock_seconds(text) is not None else parse_moment(text) for text in stated
    ]
    if len(found) > 1 and all(moment is not None for moment in moments):
        clock = np.array(moments, dtype=np.float64)
        return clock - clock[0], (
            Remark("times_used", "times from the clock of each spectrum, from the first"),
        )
    if len(found) == 1:
        return np.zeros(1), (Remark("time_set_zero", "one spectrum without a time: it is set to 0 s"),)
    return None, (Remark("time_set_zero", "spectra without times: they are set to 0 s"),)


def _quantity(record: Mapping[str, Any]) -> Quantity:
    channels = record.get("channels") or [{}]
    unit = str(channels[0].get("unit", ""))
    quantity = read_header(unit or "absorbance")
    return quantity if quantity.kind else Quantity("", "absorbance")
