"""Where rooms that do not use `cxkinetics.record` yet open their stored results."""

import os
from collections.abc import Callable
from typing import Any, TypeVar

from cxkinetics.errors import CxKineticsError, InputError
from cxkinetics.schemas import decoded, require_schema, text_of

Result = TypeVar("Result")


def read_result(
    source: str | os.PathLike[str], schema: str, make: Callable[[dict[str, Any]], Result]
) -> Result:
    """Return the result that `make` builds of a stored document.

    Parameters
    ----------
    source : str or path-like
        The JSON text, or the path of its file.
    schema : str
        The kind of document that is needed.
    make : callable
        From the document to the result.

    Raises
    ------
    InputError
        If the text is no such document, or part of it is missing.
    """
    text, file = text_of(source, "{")
    record = decoded(text, file)
    require_schema(record, schema, file)
    try:
        return make(record)
    except CxKineticsError:
        raise
    except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
        lacking = f"it has no {error}" if isinstance(error, KeyError) else str(error)
        raise InputError(
            f"the stored result ({schema}) cannot be opened: {lacking}",
            file=file,
            remedy="from_json reads what to_json and --out write whole; --json prints the numbers alone",
        ) from error
