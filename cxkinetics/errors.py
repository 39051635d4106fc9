"""The one error tree: everything raised on purpose is a `CxKineticsError`.

A message says what was found (value, line, column, file), what was needed and what to do next.
The useful part is carried as attributes, so that a program need not parse the text.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any


class CxKineticsError(Exception):
    """Base class: `except CxKineticsError` catches everything raised on purpose.

    Examples
    --------
    >>> import cxkinetics as cx
    >>> try:
    ...     cx.Trace(time_s=[0, 1], absorbance=[0.5])
    ... except cx.CxKineticsError as error:
    ...     str(error)
    'absorbance has 1 values but time_s has 2; give one value per time'
    """


class CxKineticsWarning(UserWarning):
    """Something was assumed, masked or doubted; the text says what and how much.

    Examples
    --------
    >>> import tempfile, warnings
    >>> from pathlib import Path
    >>> from cxkinetics.io.inputs import expand
    >>> with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings(record=True) as caught:
    ...     warnings.simplefilter("always", CxKineticsWarning)
    ...     for name in ("run.csv", "notes.pdf"):
    ...         (Path(folder) / name).touch()
    ...     files = expand([folder])
    >>> len(files), [str(warning.message).rpartition(": ")[2] for warning in caught]
    (1, ['notes.pdf'])
    """


class UsageError(CxKineticsError, ValueError):
    """The call itself is off (an unknown option or value): exit code 2 on the command line.

    Examples
    --------
    >>> import cxkinetics as cx
    >>> try:
    ...     cx.fit_stages(cx.Trace(time_s=range(9), absorbance=range(9, 0, -1)), n_stages=9)
    ... except cx.UsageError as error:
    ...     str(error)
    'n_stages is 9; it must be "auto", 1, 2, 3 or 4'
    """


class MissingExtraError(CxKineticsError, ImportError):
    """An optional package is needed; the message names the command that installs it.

    Examples
    --------
    >>> try:
    ...     raise MissingExtraError("python -m pip install 'cxkinetics[instruments]'")
    ... except ImportError as error:
    ...     str(error)
    "python -m pip install 'cxkinetics[instruments]'"
    """


class InputError(CxKineticsError, ValueError):
    """A file or a value cannot be used as it stands.

    Parameters
    ----------
    message : str
        What was found and what was needed, without the place.
    file, line, column, value, remedy : optional
        Where it was found (lines count from 1) and what to do next; each is put into the text.
    problems : sequence of str
        All problems of the file, when there are several.

    Examples
    --------
    >>> error = InputError("absorbance is 'n/a'", file="run.csv", line=12, remedy="leave the cell empty")
    >>> str(error)
    "run.csv, line 12: absorbance is 'n/a'; leave the cell empty"
    >>> error.line
    12
    """

    def __init__(
        self,
        message: str,
        *,
        file: str | None = None,
        line: int | None = None,
        column: str | None = None,
        value: str | None = None,
        remedy: str | None = None,
        problems: Sequence[str] = (),
    ) -> None:
        where = [f"line {line}"] if line is not None else []
        where += [f"column {column!r}"] if column is not None else []
        place = ", ".join([*([file] if file else []), *where])
        text = f"{place}: {message}" if place else message
        if remedy:
            text += f"; {remedy}"
        super().__init__(" ".join(text.splitlines()))  # a value of a file may hold line breaks
        self.file, self.line, self.column = file, line, column
        self.value, self.remedy, self.problems = value, remedy, tuple(problems)


class FitError(CxKineticsError, ValueError):
    """A fit could not be made or did not converge.

    Examples
    --------
    >>> import cxkinetics as cx
    >>> table = cx.DoseTable(dose_percent=[0, 10, 20], incorporation_percent=[0, 1, 2])
    >>> try:
    ...     cx.fit_incorporation(table)
    ... except cx.FitError as error:
    ...     str(error).partition(";")[0]
    'the curve has 4 parameters and the table 3 distinct doses'
    """


class UnresolvedBreakpointError(FitError):
    """Stages were demanded that the data cannot hold.

    `best_guess_s` is the least-squares breakpoint in s (None where not even that exists) and
    `delta_bic` the BIC that the extra stage gains.

    Examples
    --------
    >>> import cxkinetics as cx
    >>> try:
    ...     cx.fit_stages(cx.Trace(time_s=range(5), absorbance=range(5, 0, -1)), n_stages=2)
    ... except cx.UnresolvedBreakpointError as error:
    ...     str(error).partition(", 6")[0], error.best_guess_s
    ('2 stages need 3 distinct times each', None)
    """

    def __init__(
        self, message: str, *, best_guess_s: float | None = None, delta_bic: float | None = None
    ) -> None:
        super().__init__(message)
        self.best_guess_s, self.delta_bic = best_guess_s, delta_bic


class ExtrapolationError(CxKineticsError, ValueError):
    """A dose outside the calibrated range was asked for, or would be the answer.

    Examples
    --------
    >>> import cxkinetics as cx
    >>> try:
    ...     cx.predict(dose_percent=500)
    ... except cx.ExtrapolationError as error:
    ...     str(error).partition(";")[0]
    'a dose of 500 % lies outside the calibrated 0-175 %'
    """


class UnreachablePurityError(CxKineticsError, ValueError):
    """No dose gives the purity asked for.

    `best_dose_percent` and `best_purity` say how near one gets; `limited_by` names the cause
    ("cooperativity", "avalanche overlap" or "plateau").

    Examples
    --------
    >>> import cxkinetics as cx
    >>> try:
    ...     cx.dose_for("AgCd33S33", min_purity=0.99)
    ... except cx.UnreachablePurityError as error:
    ...     round(error.best_purity, 1), error.limited_by
    (0.5, 'cooperativity')
    """

    def __init__(
        self, message: str, *, best_dose_percent: float, best_purity: float, limited_by: str
    ) -> None:
        super().__init__(message)
        self.best_dose_percent, self.best_purity = best_dose_percent, best_purity
        self.limited_by = limited_by


def did_you_mean(found: str, known: Sequence[str]) -> str:
    """Return "did you mean ...? " with the name nearest to a misspelt one, or "" where none is near.

    Examples
    --------
    >>> did_you_mean("cuvete 1", ["cuvette 1", "cuvette 2"])
    "did you mean 'cuvette 1'? "
    """
    import difflib

    folded = {name.strip().casefold(): name for name in known if name.strip()}
    near = difflib.get_close_matches(found.strip().casefold(), list(folded), 1)
    return f"did you mean {folded[near[0]]!r}? " if near else ""


def of_all(calls: Iterable[Callable[[], Any]]) -> list[Any]:
    """Return what each call returns; where several are refused, one error names all reasons.

    Raises
    ------
    CxKineticsError
        The one refusal itself; of several, their kind or an `InputError`.

    Examples
    --------
    >>> of_all([lambda: 1, lambda: 2])
    [1, 2]
    """
    found, errors = [], []
    for call in calls:
        try:
            found.append(call())
        except CxKineticsError as error:
            errors.append(error)
    if len(errors) == 1:
        raise errors[0]
    if errors:
        kind = next((k for k in (UsageError, FitError) if all(isinstance(e, k) for e in errors)), InputError)
        texts = list(dict.fromkeys(map(str, errors)))
        raise kind(f"{len(texts)} obstacles: {'; '.join(texts)}") from errors[0]
    return found
