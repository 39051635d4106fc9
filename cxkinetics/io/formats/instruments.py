"""Binary files of other instruments through the optional package `openreadout`.

It reads Cary (.dsw, .bsw), GRAMS and UVProbe (.spc), JASCO (.jws), PerkinElmer (.sp) and more, and
says of every file how far its layout has been confirmed; that sentence becomes a remark. Only
traces with a spectral or a time axis are taken, and of their channels the one that is absorbance or
transmittance; an axis that is stored as a channel of its own is no signal. Without the package nothing
here is imported.
"""

import importlib
import importlib.util
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from cxkinetics.arrays import Array
from cxkinetics.errors import InputError
from cxkinetics.io.file import EXPORT, OLD_OFFICE, Content, Context, ReadOptions, Signal
from cxkinetics.io.headers import Quantity, read_header, spectral_unit
from cxkinetics.io.layout import spectrum_time
from cxkinetics.io.signals import RawMatrix, RawTrace, build_series, build_trace
from cxkinetics.io.words import clock_seconds, parse_moment, time_factor
from cxkinetics.remarks import Remark

INSTALL = "python -m pip install 'cxkinetics[instruments]'"
_OPTICAL = ("absorbance", "transmittance", "counts")
_ENDINGS = (".dsw", ".bsw", ".bsk", ".csw", ".spc", ".jws", ".sp", ".spa", ".spg", ".srs", ".wdf")


@dataclass(frozen=True, slots=True)
class _Found:
    """One trace of the file: its spectra (one a row) or its one time course."""

    record: Mapping[str, Any]
    axis: Array
    unit: str
    matrix: Array
    quantity: Quantity
    times: Array | None
    remarks: tuple[Remark, ...]


def unknown_binary(content: Content) -> InputError:
    """Return the refusal of a binary file that no reader of this package knows."""
    kind, remedy, file = "a binary file that no reader knows", EXPORT, content.file
    if content.data.startswith(OLD_OFFICE):
        kind = "a binary file of the old Office kind (.xls or an instrument's own), not a table"
        remedy = "save it as .xlsx or CSV"
    if file.casefold().endswith(_ENDINGS) and importlib.util.find_spec("openreadout") is None:
        remedy += f", or install the extra that reads this kind: {INSTALL}"
    return content.error(f"this is {kind}", remedy)


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
            found = [_trace(opened, record, content) for record in opened.traces]
    except package.UnknownFormatError:
        return None
    except package.OpenReadoutError as error:
        raise content.error(f"openreadout cannot read this file: {error}", EXPORT) from error
    if not found:
        return None
    usable = [item for item in found if isinstance(item, _Found)]
    if not usable:
        raise content.error(
            f"openreadout finds no optical measurement in this file: {found[0]}",
            EXPORT,
        )
    name = str(info.get("format", {}).get("name", "instrument file"))
    context = Context(content=content, options=options, format=f"{name} (openreadout)")
    assurance = (info.get("assurance") or {}).get("summary")
    if assurance:
        text = f"read by openreadout: {assurance}"
        context = context.saying(Remark("read_by_openreadout", text))
    return _signals(context, usable)


def opened_by_extra(
    content: Content,
) -> tuple[str, list[tuple[Mapping[str, Any], Array | None, Array]]] | None:
    """Return the format and every trace (record, axis, channels) of one sweep that `openreadout` finds.

    None where it does not know the file.

    Raises
    ------
    InputError
        If the package is not installed, or knows the format but the file is damaged.
    """
    if importlib.util.find_spec("openreadout") is None:
        raise content.error("this kind of file is read by the extra instruments", INSTALL)
    package = importlib.import_module("openreadout")
    try:
        name = str(package.info(content.file).get("format", {}).get("name", "instrument file"))
        with package.File(content.file) as opened:
            traces = [
                (record, _places(opened, int(record["index"])), _channels(opened, int(record["index"])))
                for record in opened.traces
                if int(record.get("sweep_count", 1)) == 1
            ]
    except package.UnknownFormatError:
        return None
    except package.OpenReadoutError as error:
        raise content.error(f"openreadout cannot read this file: {error}", EXPORT) from error
    return name, traces


def _places(opened: Any, index: int) -> Array | None:
    places = opened.trace_axis(index)
    return None if places is None else np.asarray(places, dtype=np.float64)


def _channels(opened: Any, index: int) -> Array:
    return np.atleast_2d(np.asarray(opened.read_trace(index, 0), dtype=np.float64))


def _trace(opened: Any, record: Mapping[str, Any], content: Content) -> _Found | str:
    """Return one trace, or the reason why it is none of ours."""
    extra = record.get("extra") or {}
    axis = extra.get("axis") or {}
    unit, sweeps = str(axis.get("unit", "")), int(record.get("sweep_count", 1))
    if "raman" in str(axis.get("quantity", "")).casefold():
        return "its axis is a Raman shift"
    if spectral_unit(unit) is None and time_factor(unit) is None:
        return f"its axis is {axis.get('quantity', 'not stated')} in {unit or 'no unit'}"
    times = None
    if sweeps != 1:
        times = _sweep_times(opened, extra, sweeps)
        if times is None or spectral_unit(unit) is None:
            return f"it holds {sweeps} sweeps and does not say when each was recorded"
    index = int(record["index"])
    places = opened.trace_axis(index)
    channels = list(record.get("channels") or [{}])
    chosen, quantity, remarks = _signal_channel(channels, axis.get("channel"), extra, content)
    rows = [np.atleast_2d(opened.read_trace(index, sweep))[chosen] for sweep in range(sweeps)]
    if places is None or any(row.size != len(places) for row in rows):
        return "its values and its axis differ in number"
    axis_, matrix = np.asarray(places, dtype=np.float64), np.array(rows, dtype=np.float64)
    return _Found(record, axis_, unit, matrix, quantity, times, remarks)


def _sweep_times(opened: Any, extra: Mapping[str, Any], sweeps: int) -> Array | None:
    """Return the times of the spectra of one trace, in s, from the table that lists them."""
    factor, number = time_factor(str(extra.get("z_unit", ""))), extra.get("spectra_table")
    if factor is None or number is None:
        return None
    names = [column.get("name") for column in opened.tables[number]["columns"]]
    table = np.asarray(opened.read_table(number), dtype=np.float64)
    if "z" not in names or table.shape != (sweeps, len(names)):
        return None
    times = table[:, names.index("z")] * factor
    return times if np.all(np.diff(times) > 0) else None  # all zero where the file leaves them out


def _signal_channel(
    channels: list[Mapping[str, Any]], axis_channel: object, extra: Mapping[str, Any], content: Content
) -> tuple[int, Quantity, tuple[Remark, ...]]:
    """Return the channel that holds the signal, what it is, and what was left out or assumed.

    Raises
    ------
    InputError
        If several channels could be the signal.
    """
    stated = {
        k: str(channel.get("name") or (extra.get("y_quantity") if len(channels) == 1 else "") or "")
        for k, channel in enumerate(channels)
        if k != axis_channel
    }
    meant = {k: _quantity(name, str(channels[k].get("unit") or "")) for k, name in stated.items()}
    clear = [k for k, quantity in meant.items() if quantity.kind in _OPTICAL[:2]]
    if len(meant) != 1 and len(clear) != 1:
        raise content.error(
            f"{len(meant)} channels could be the signal: {', '.join(stated.values())}",
            "export the one that is the absorbance as CSV from the instrument software",
        )
    chosen = clear[0] if clear else next(iter(meant))
    quantity, remarks = meant[chosen], []
    others = [name for k, name in stated.items() if k != chosen]
    if others:
        remarks.append(Remark("columns_unused", f"channels not used: {', '.join(others)}", len(others)))
    if not quantity.kind and quantity.name:
        text = f"the file holds {quantity.name}, not absorbance: its values are kept as they are"
        remarks.append(Remark("not_absorbance", text))
        quantity = Quantity(quantity.name, "counts", quantity.unit)
    elif not quantity.kind:
        text = "taken as absorbance: the file does not say what its values are"
        remarks.append(Remark("quantity_assumed", text))
        quantity = Quantity("", "absorbance")
    return chosen, quantity, tuple(remarks)


def _quantity(name: str, unit: str) -> Quantity:
    """Return what a channel is by its name, else by its unit; its kind is "" where it is none of ours."""
    kind = read_header((name or unit).replace("_", " ")).kind
    ours = kind in _OPTICAL and "coefficient" not in name  # an extinction coefficient is no absorbance
    return Quantity(name, kind if ours else "", unit)


def _signals(context: Context, found: list[_Found]) -> list[Signal]:
    times, timed = _times(context, found)
    first = found[0]
    same = all(
        item.times is None
        and (item.unit, item.quantity) == (first.unit, first.quantity)
        and item.axis.size == first.axis.size
        and np.allclose(item.axis, first.axis)
        for item in found
    )
    if same and spectral_unit(first.unit) and times is not None:
        raw = _spectra(first, times, context.content.stem)
        raw = replace(raw, matrix=np.vstack([item.matrix for item in found]))
        return list(build_series(timed.saying(*first.remarks), raw))
    said = timed.remarks[len(context.remarks) :]
    signals: list[Signal] = []
    for number, item in enumerate(found, start=1):
        label, factor = str(item.record.get("name", "")), time_factor(item.unit)
        told = context.saying(*item.remarks)
        if factor is not None:
            course = RawTrace(
                time_s=item.axis * factor,
                values=item.matrix[0],
                quantity=item.quantity,
                lines=np.arange(1, item.axis.size + 1),
                label=label,
                number=number,
            )
            signals += build_trace(told, course)
            continue
        own = item.times
        if own is None:
            told = replace(told.saying(*said), time_factor_s=timed.time_factor_s)
            own = np.array([0.0 if times is None else times[number - 1]])
        signals += build_series(told, _spectra(item, own, label, number))
    return signals


def _spectra(item: _Found, times: Array, label: str, number: int = 1) -> RawMatrix:
    return RawMatrix(
        time_s=times,
        axis=item.axis,
        axis_unit=spectral_unit(item.unit) or "nm",
        matrix=item.matrix,
        quantity=item.quantity,
        label=label,
        number=number,
    )


def _times(context: Context, found: list[_Found]) -> tuple[Array | None, Context]:
    """Return a time for each spectrum that stands alone in its trace, or None where none is stated."""
    if len(found) == 1:
        time, told = spectrum_time(context)
        return np.array([time]), told
    stated = [str((item.record.get("extra") or {}).get("time", "")) for item in found]
    clocks = [clock_seconds(text) for text in stated]
    moments = [parse_moment(text) if at is None else at for text, at in zip(stated, clocks, strict=True)]
    if all(moment is not None for moment in moments):
        clock = np.array(moments, dtype=np.float64)
        text = "times from the clock of each spectrum, from the first"
        return clock - clock[0], context.saying(Remark("times_used", text))
    text = "spectra without times: they are set to 0 s"
    return None, context.saying(Remark("time_set_zero", text))
