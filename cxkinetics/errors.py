"""The one error tree: everything raised on purpose is a `CxKineticsError`.

A message says what was found (value, line, column, file), what was needed and what to do next.
The useful part is carried as attributes, so that a program need not parse the text.
"""

from collections.abc import Sequence

__all__ = [
    "CxKineticsError",
    "CxKineticsWarning",
    "ExtrapolationError",
    "FitError",
    "InputError",
    "MissingExtraError",
    "UnreachablePurityError",
    "UnresolvedBreakpointError",
    "UsageError",
    "did_you_mean",
]


class CxKineticsError(Exception):
    """Base class: `except CxKineticsError` catches everything raised on purpose."""


class CxKineticsWarning(UserWarning):
    """Something was assumed, masked or doubted; the text says what and how much."""


class UsageError(CxKineticsError, ValueError):
    """The call itself is off (an unknown option or value): exit code 2 on the command line."""


class MissingExtraError(CxKineticsError, ImportError):
    """An optional package is needed; the message names the command that installs it."""


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
        place = ", ".join(
            part
            for part in (
                file or "",
                f"line {line}" if line is not None else "",
                f"column {column!r}" if column is not None else "",
            )
            if part
        )
        text = f"{place}: {message}" if place else message
        if remedy:
            text += f"; {remedy}"
        super().__init__(text)
        self.file, self.line, self.column = file, line, column
        self.value, self.remedy, self.problems = value, remedy, tuple(problems)


class FitError(CxKineticsError, ValueError):
    """A fit could not be made or did not converge."""


class UnresolvedBreakpointError(FitError):
    """Stages were demanded that the data cannot hold.

    `best_guess_s` is the least-squares breakpoint in s (None where not even that exists) and
    `delta_bic` the BIC that the extra stage gains.
    """

    def __init__(
        self, message: str, *, best_guess_s: float | None = None, delta_bic: float | None = None
    ) -> None:
        super().__init__(message)
        self.best_guess_s, self.delta_bic = best_guess_s, delta_bic


class ExtrapolationError(CxKineticsError, ValueError):
    """A dose outside the calibrated range was asked for, or would be the answer."""


class UnreachablePurityError(CxKineticsError, ValueError):
    """No dose gives the purity asked for.

    `best_dose_percent` and `best_purity` say how near one gets; `limited_by` names the cause
    ("cooperativity", "avalanche overlap" or "plateau").
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
