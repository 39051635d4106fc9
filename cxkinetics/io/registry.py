"""The registry of formats, and `load`: any file a bench sends, as signals with units.

A format is recognised by what the file holds, never by its ending alone. Formats with a layout of
their own come first; what is left is read as a table.
"""

import os
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

from cxkinetics.errors import InputError, did_you_mean
from cxkinetics.io.content import Content, read_content
from cxkinetics.io.decode import decode, decode_head
from cxkinetics.io.folder import holds_one_run, read_folder
from cxkinetics.io.formats import BinaryFormat, Signal, TextFormat
from cxkinetics.io.instruments import binary_remedy, read_instrument_file
from cxkinetics.io.largetext import LARGE_BYTES
from cxkinetics.io.notes import listening, note
from cxkinetics.io.options import Column, ReadOptions
from cxkinetics.io.reference import with_reference
from cxkinetics.io.simulated import mark_simulated
from cxkinetics.io.vamas import is_vamas
from cxkinetics.remarks import Remark
from cxkinetics.signals.spectra import SpectralSeries
from cxkinetics.signals.trace import Trace

__all__ = ["formats", "is_run_folder", "load", "read_content_signals", "read_signals"]

_MODULES = (
    "agilent",
    "excel",
    "specord",
    "own",
    "jcamp_dx",
    "plates",
    "specfit",
    "jasco",
    "oceanview",
    "uvprobe",
    "cary",
    "texttables",
)


def formats() -> tuple[BinaryFormat | TextFormat, ...]:
    """Return every readable format, in the order in which they are tried."""
    found: list[BinaryFormat | TextFormat] = []
    for name in _MODULES:
        found += import_module(f"cxkinetics.io.{name}").FORMATS
    return tuple(found)


def load(
    path: str | os.PathLike[str],
    *,
    column: Column | None = None,
    trace: int | str | None = None,
    time_unit: str | None = None,
    decimal: str | None = None,
    sheet: str | int | None = None,
    absorbance_unit: str | None = None,
    wavelength: float | None = None,
    reference: str | int | float | None = None,
    time_in: str | None = None,
) -> Trace | SpectralSeries | list[Signal]:
    r"""Read a file, or a folder of one-spectrum files.

    Parameters
    ----------
    path : path-like
        What the file is, is found out from its content.
    column : str, int or sequence of these, optional
        The signal column by name or number (from 1), where several could be meant.
    trace : int or str, optional
        One trace of a file with several, by number (from 1) or label.
    time_unit : {"s", "ms", "us", "min", "h", "d"}, optional
        Unit of time; overrides the file.
    decimal : {".", ","}, optional
        Decimal mark of a text table.
    sheet : str or int, optional
        Sheet of a workbook, by name or number (from 1).
    absorbance_unit : {"abs", "percentT", "fractionT", "counts"}, optional
        What the signal is; overrides the file.
    wavelength : float, optional
        In nm: return the trace at this wavelength instead of the spectra.
    reference : str, int or float, optional
        For raw counts: a file with the spectrum of the solvent, "first", "last" or the number of
        the spectrum that is it, or the name of a column of counts. For a trace table: the column
        whose drift is subtracted; for spectra: the wavelength in nm whose drift is.
    time_in : {"rows", "columns"}, optional
        Which axis of a matrix is time, where the file does not say.

    Returns
    -------
    Trace, SpectralSeries, or a list of them
        A list only where the file holds several (cells, column pairs, wells). Times are in s,
        wavelengths in nm and ascending; whatever was assumed, converted or masked stands in
        `remarks`.

    Raises
    ------
    InputError
        If the file cannot be read as it stands; the message names file, line, column, the value
        found and what to do.
    UsageError
        If an option is not one of those listed.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> file = pathlib.Path(tempfile.mkdtemp()) / "run.csv"
    >>> _ = file.write_text("time (min),absorbance\n0,0.9\n1,0.5\n2,0.3\n")
    >>> load(file).time_s.tolist()
    [0.0, 60.0, 120.0]
    """
    options = ReadOptions(
        column=column,
        trace=trace,
        time_unit=time_unit,
        decimal=decimal,
        sheet=sheet,
        absorbance_unit=absorbance_unit,
        wavelength=wavelength,
        reference=reference,
        time_in=time_in,
    )
    signals = read_signals(path, options)
    return signals[0] if len(signals) == 1 else signals


def read_signals(path: str | os.PathLike[str], options: ReadOptions) -> list[Signal]:
    """Return the signals of a file as a list, whatever their number (see `load`)."""
    file = os.fspath(path)
    signals = read_folder(file, options, _read_file) if Path(path).is_dir() else _read_file(file, options)
    found = [with_reference(signal, options, _read_file) for signal in _choose(signals, options, file)]
    if options.wavelength is not None:
        return [_at(signal, options.wavelength) for signal in found]
    return found


def _read_file(file: str, options: ReadOptions) -> list[Signal]:
    return read_content_signals(read_content(file), options)


def is_run_folder(path: str | os.PathLike[str]) -> bool:
    """Return whether a folder is one run: one-spectrum files with times in their names."""
    return Path(path).is_dir() and holds_one_run(path, _read_file)


def read_content_signals(content: Content, options: ReadOptions) -> list[Signal]:
    """Return the signals in the bytes of one file, by the first format that knows them."""
    with listening() as heard:  # a file of its own: each source tells the unit of time noted in it
        signals = _by_format(content, options)
    note(**heard)
    return signals


def _by_format(content: Content, options: ReadOptions) -> list[Signal]:
    if is_vamas(content):
        raise InputError(
            "this is a VAMAS file of photoelectron spectra, not an optical measurement",
            file=content.file,
            remedy="read it with: cxkinetics evidence xps",
        )
    known = formats()
    for entry in known:
        if isinstance(entry, BinaryFormat) and entry.sniff(content):
            return entry.read(content, options)
    try:
        head = decode_head(content.data, content.file)
    except InputError as error:
        foreign = read_instrument_file(content, options)
        if foreign is None:
            remedy = binary_remedy(content.file)
            raise InputError(
                "this is a binary file that no reader knows", file=content.file, remedy=remedy
            ) from error
        return foreign
    for entry in known:
        if isinstance(entry, TextFormat) and entry.sniff(head):
            if entry.decodes and len(content.data) > LARGE_BYTES:
                return mark_simulated(entry.read(content, "", options), head)
            decoded = decode(content.data, content.file)
            note(encoding=decoded.encoding)
            text = decoded.text
            return mark_simulated(entry.read(content, text, options), text)
    raise InputError("no reader knows this file", file=content.file, remedy="export it as CSV")


def _choose(signals: Sequence[Signal], options: ReadOptions, file: str) -> list[Signal]:
    wanted = options.trace
    if wanted is None:
        return list(signals)
    labels = [signal.label for signal in signals]
    if isinstance(wanted, str) and wanted in labels:
        return [signal for signal in signals if signal.label == wanted]
    if isinstance(wanted, int) or wanted.isdigit():
        number = int(wanted)
        if 1 <= number <= len(signals):
            return [signals[number - 1]]
    shown = ", ".join(f"{k} ({label})" if label else str(k) for k, label in enumerate(labels[:12], start=1))
    raise InputError(
        f"there is no trace {wanted!r}: the file holds {len(signals)}: {shown}",
        file=file,
        remedy=f"{did_you_mean(str(wanted), labels)}choose one of them by number or label",
    )


def _at(signal: Signal, wavelength_nm: float) -> Trace:
    if isinstance(signal, SpectralSeries):
        return signal.at_wavelength(wavelength_nm)
    if signal.wavelength_nm is not None and abs(signal.wavelength_nm - wavelength_nm) > 1.0:
        raise InputError(
            f"asked for {wavelength_nm:g} nm, but this trace was recorded at {signal.wavelength_nm:g} nm",
            file=signal.source.file or None,
        )
    if signal.wavelength_nm is None:
        text = f"the file holds a trace, not spectra: the wavelength {wavelength_nm:g} nm was not used"
        return signal.with_remarks(Remark("wavelength_not_used", text))
    return signal
