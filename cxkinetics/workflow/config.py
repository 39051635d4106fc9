"""The project file: options of a fit as TOML, so that a saved analysis can be run again."""

import json
import os
import tomllib
from collections.abc import Mapping
from typing import Any

from cxkinetics.atomic import write_text
from cxkinetics.errors import InputError

__all__ = ["load_config", "save_config"]

TABLE = "fit"


def load_config(path: str | os.PathLike[str], known: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options of the [fit] table.

    Parameters
    ----------
    path : path-like
        TOML file.
    known : mapping
        Names that the command knows.

    Raises
    ------
    InputError
        If the file is not TOML, has no [fit] table, or names an option that does not exist.
    """
    file = os.fspath(path)
    try:
        with open(path, "rb") as stream:
            document = tomllib.load(stream)
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"this is not a TOML file: {error}", file=file) from error
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror or error}", file=file) from error
    options = document.get(TABLE)
    if not isinstance(options, dict):
        raise InputError("holds no [fit] table", file=file, remedy="make one with --save-config")
    unknown = sorted(set(options) - set(known))
    if unknown:
        import difflib

        near = difflib.get_close_matches(unknown[0], list(known), 1)
        hint = f"did you mean {near[0]}?" if near else f"known: {', '.join(sorted(known))}"
        raise InputError(f"there is no option {unknown[0]!r}", file=file, remedy=hint)
    return options


def save_config(path: str | os.PathLike[str], options: Mapping[str, Any], *, version: str) -> None:
    """Write the options that differ from None as the [fit] table, whole or not at all."""
    lines = [f"# options of a fit, written by cxkinetics {version}", f"[{TABLE}]"]
    lines += [f"{name} = {_toml(value)}" for name, value in options.items() if value is not None]
    write_text(path, "\n".join(lines) + "\n")


def _toml(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return repr(value)
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(_toml(item) for item in value) + "]"
    text: str = json.dumps(str(value), ensure_ascii=False)  # a JSON string is a TOML basic string
    return text.replace("\x7f", "\\u007f")
