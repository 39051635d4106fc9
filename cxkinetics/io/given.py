"""What a fit takes in place of a trace: a path, two columns, times and readings."""

import os
from collections.abc import Sequence
from typing import Any

from cxkinetics.errors import InputError, UsageError
from cxkinetics.io.file import Content, ReadOptions
from cxkinetics.signals.spectra import SpectralSeries
from cxkinetics.signals.trace import Trace
from cxkinetics.source import sha256_of

_TAKES = (
    'give a Trace, a path ("run.csv"), times and readings (time_s, absorbance), or a DataFrame with a column '
    "of times and one of the signal"
)


def as_trace(given: Any, absorbance: Any = None, *, who: str = "fit_stages") -> Trace:
    """Return the trace that somebody means.

    Parameters
    ----------
    given : Trace, path-like, DataFrame, array_like, or (array_like, array_like)
        A trace itself; a file with one, its spectra read at the strongest peak; a column of times and one
        of the signal, their names read as the heads of a file are; times in s, with `absorbance`; or both.
    absorbance : array_like, shape (n,), optional
        The signal at the times `given`.
    who : str
        Who asks, for the message of an error.

    Raises
    ------
    InputError
        If there is not exactly one trace in what was given.
    UsageError
        If readings are given twice.

    Examples
    --------
    >>> as_trace([0, 1, 2], [0.9, 0.5, 0.3])
    Trace(3 points, 0-2 s, 0.3-0.9 AU)
    """
    is_frame = hasattr(given, "to_csv") and hasattr(given, "columns")
    if absorbance is not None:
        if isinstance(given, (Trace, SpectralSeries, str, os.PathLike)) or is_frame:
            raise UsageError(f"{who}: a {type(given).__name__} holds its own readings; leave absorbance out")
        return Trace(time_s=given, absorbance=absorbance)
    if isinstance(given, Trace):
        return given
    if isinstance(given, (str, os.PathLike)):
        from cxkinetics.io.load import read_signals  # the readers of files take as long to load as numpy

        return _only(read_signals(given, ReadOptions()), os.fspath(given))
    if is_frame:
        from cxkinetics.io.load import read_content_signals

        frame = given if given.shape[1] > 1 else given.reset_index()
        data = frame.to_csv(index=False).encode()
        content = Content("DataFrame", data, sha256_of(data))
        return _only(read_content_signals(content, ReadOptions()), "DataFrame")
    if isinstance(given, Sequence) and len(given) == 2 and all(map(_is_column, given)):
        return Trace(time_s=given[0], absorbance=given[1])
    several = isinstance(given, Sequence) and any(isinstance(item, (Trace, SpectralSeries)) for item in given)
    if several or isinstance(given, SpectralSeries):
        remedy = (
            "from spectra make one with series.exciton_peak(near_nm=...) or series.at_wavelength(nm), "
            "from a list take one item"
        )
        raise InputError(f"{who} needs a Trace, not a {type(given).__name__}", remedy=remedy)
    raise InputError(f"{who} needs a Trace, not a {type(given).__name__}", remedy=_TAKES)


def _is_column(given: Any) -> bool:
    """Return whether something is a column of values, not a single one and no text."""
    return hasattr(given, "__len__") and not isinstance(given, (str, bytes))


def _only(signals: Sequence[Trace | SpectralSeries], place: str) -> Trace:
    """Return the only signal of a file; spectra are read at their strongest peak."""
    if len(signals) > 1:
        labels = ", ".join(signal.label or str(number) for number, signal in enumerate(signals[:12], 1))
        raise InputError(
            f"there are {len(signals)} traces, not one ({labels})",
            file=place,
            remedy="take one: cx.load(path, trace=1); or fit them all: cx.fit_many(path)",
        )
    signal = signals[0]
    return signal if isinstance(signal, Trace) else signal.exciton_peak()
