"""How a file was read where nothing had to be assumed: delimiter, decimal mark, encoding, unit of time.

Remarks travel with the data and are said by every command; these notes are plain facts, kept only
while someone listens (`cxkinetics inspect`).
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

__all__ = ["format_notes", "listening", "note", "noted"]

_HEARD: ContextVar[dict[str, Any] | None] = ContextVar("heard", default=None)
_DELIMITERS = {"\t": "tab", ";": "semicolon", ",": "comma", "|": "bar", "whitespace": "blanks"}
_DECIMALS = {".": "point", ",": "comma"}


@contextmanager
def listening() -> Iterator[dict[str, Any]]:
    """Collect what the readers note inside the block.

    Examples
    --------
    >>> with listening() as heard:
    ...     note(decimal=",")
    >>> heard
    {'decimal': ','}
    """
    heard: dict[str, Any] = {}
    token = _HEARD.set(heard)
    try:
        yield heard
    finally:
        _HEARD.reset(token)


def note(**facts: Any) -> None:
    """Note facts such as `decimal=","`; the last of a name is kept."""
    heard = _HEARD.get()
    if heard is not None:
        heard.update(facts)


def noted(name: str) -> Any:
    """Return the fact last noted under a name, None where there is none or nobody listens.

    Examples
    --------
    >>> with listening():
    ...     note(decimal=",")
    ...     noted("decimal")
    ','
    """
    return (_HEARD.get() or {}).get(name)


def format_notes(facts: dict[str, Any]) -> str:
    """Return the notes as one line.

    Examples
    --------
    >>> format_notes({"delimiter": ";", "decimal": ",", "time_unit": "min", "time_factor_s": 60.0})
    'columns divided by semicolon, decimal comma; time in min, converted to s (x 60)'
    """
    parts = []
    if "delimiter" in facts:
        divided = _DELIMITERS.get(facts["delimiter"], repr(facts["delimiter"]))
        parts.append(f"columns divided by {divided}")
        parts.append(f"decimal {_DECIMALS[facts['decimal']]}")
    if facts.get("encoding", "utf-8") != "utf-8":
        parts.append(f"encoding {facts['encoding']}")
    text = ", ".join(parts)
    if "time_unit" in facts:
        factor = facts["time_factor_s"]
        converted = "" if factor == 1.0 else f", converted to s (x {factor:g})"
        text += ("; " if text else "") + f"time in {facts['time_unit']}{converted}"
    return text
