"""Project files: the options of a fit as the [fit] table of a TOML file.

A table [runs."FILE"] for each file may stand beside it: the options of that file, where several have
options of their own. `cxkinetics fit --config` reads [fit] alone, `together --config` and the page both.
"""

import difflib
import json
import os
import re
import tomllib
from collections.abc import Mapping
from typing import Any

from cxkinetics.atomic import write_text
from cxkinetics.errors import InputError
from cxkinetics.options import OPTIONS

TABLE = "fit"
RUNS = "runs"


def load_config(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Return the options of the [fit] table, as they stand there.

    Raises
    ------
    InputError
        If the file is not TOML, has no [fit] table, names an option that does not exist, or holds
        a value that is refused; every such value is named.
    """
    file = os.fspath(path)
    document = _document(path, file)
    options = document.get(TABLE)
    if not isinstance(options, dict):
        raise InputError("holds no [fit] table", file=file, remedy=_where_options_stand(document))
    return _checked(options, file)


def load_runs(path: str | os.PathLike[str]) -> dict[str, dict[str, Any]]:
    """Return the options of each file that has a table in [runs]; nothing where none has.

    Raises
    ------
    InputError
        As of `load_config`.
    """
    file = os.fspath(path)
    runs = _document(path, file).get(RUNS, {})
    if not isinstance(runs, dict) or not all(isinstance(options, dict) for options in runs.values()):
        raise InputError(
            "[runs] must hold a table for each file", file=file, remedy='write [runs."run.csv"] above them'
        )
    return {name: _checked(options, file) for name, options in runs.items()}


def _document(path: str | os.PathLike[str], file: str) -> dict[str, Any]:
    """Return the whole TOML document."""
    try:
        with open(path, encoding="utf-8-sig") as stream:
            text = stream.read()
        return tomllib.loads(text)
    except UnicodeDecodeError as error:
        raise InputError(
            f"this is not a TOML file: byte {error.start} is no UTF-8 text",
            file=file,
            remedy="save it as text in UTF-8",
        ) from error
    except tomllib.TOMLDecodeError as error:
        raise _no_toml(file, text, error) from error
    except (OSError, ValueError) as error:  # a name with a null byte
        raise InputError(f"cannot be read: {getattr(error, 'strerror', None) or error}", file=file) from error


def _checked(options: dict[str, Any], file: str) -> dict[str, Any]:
    """Return the options of one table, or refuse those that do not exist or are off."""
    unknown = sorted(set(options) - set(OPTIONS))
    if unknown:
        near = difflib.get_close_matches(unknown[0], list(OPTIONS), 1)
        hint = f"did you mean {near[0]}?" if near else f"known: {', '.join(sorted(OPTIONS))}"
        raise InputError(f"there is no option {unknown[0]!r}", file=file, remedy=hint)
    wrong = []
    for name, value in options.items():
        fault = OPTIONS[name].fault(OPTIONS[name].read(value), shown=_toml(value))
        if fault:
            wrong.append(f"{name} {fault}".replace(" is ", " = ", 1))
    if wrong:
        raise InputError("; ".join(wrong), file=file, remedy="correct it in the file", problems=wrong)
    return options


def _no_toml(file: str, text: str, error: tomllib.TOMLDecodeError) -> InputError:
    """Return the error of a file that is no TOML, with the line in question and what it may lack."""
    place = re.search(r" \(at line (\d+), column \d+\)$", str(error))
    if place is None:
        return InputError(f"this is not a TOML file: {error}", file=file, remedy="correct its last line")
    number = int(place.group(1))
    line = text.split("\n")[number - 1].strip()
    name, equals, value = (part.strip() for part in line.partition("="))
    bare = re.fullmatch(r"[^\s\"'\[\]{}#]+", value.partition("#")[0].strip())
    remedy = "write one option a line below [fit], such as stages = 2"
    if equals and bare and str(error).startswith("Invalid value"):
        remedy = f'a text needs quotes: {name} = "{bare.group()}"'
    what = str(error).removesuffix(place.group())
    shown = line if len(line) <= 80 else f"{line[:77]}..."
    return InputError(f"this is not a TOML file: {what}: {shown}", file=file, line=number, remedy=remedy)


def _where_options_stand(document: Mapping[str, Any]) -> str:
    """Return what to do about a file without a [fit] table."""
    tables = [name for name, value in document.items() if isinstance(value, dict)]
    near = difflib.get_close_matches(TABLE, [name.strip().casefold() for name in tables], 1)
    if near:
        written = next(name for name in tables if name.strip().casefold() == near[0])
        return f"rename [{written}] to [{TABLE}]"
    loose = [name for name in document if name in OPTIONS]
    if loose:
        return f"put the line [{TABLE}] above {loose[0]}"
    return "make one with --save-config"


def save_config(
    path: str | os.PathLike[str],
    options: Mapping[str, Any],
    *,
    version: str,
    runs: Mapping[str, Mapping[str, Any]] | None = None,
) -> None:
    """Write the options that differ from None as the [fit] table, whole or not at all.

    Parameters
    ----------
    path : path-like
        The file.
    options : mapping
        Of [fit].
    version : str
        Of the package.
    runs : mapping, optional
        Files with options of their own, each a table in [runs].
    """
    lines = [f"# options of a fit, written by cxkinetics {version}", f"[{TABLE}]", *_lines(options)]
    for name, own in (runs or {}).items():
        lines += ["", f"[{RUNS}.{_toml(name)}]", *_lines(own)]
    write_text(path, "\n".join(lines) + "\n")


def _lines(options: Mapping[str, Any]) -> list[str]:
    return [f"{name} = {_toml(value)}" for name, value in options.items() if value is not None]


def _toml(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return repr(value)
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(_toml(item) for item in value) + "]"
    text: str = json.dumps(str(value), ensure_ascii=False)  # a JSON string is a TOML basic string
    return text.replace("\x7f", "\\u007f")
