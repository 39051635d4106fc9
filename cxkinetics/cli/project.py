"""Project files: the options of a fit as the [fit] table of a TOML file."""

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


def load_config(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Return the options of the [fit] table, as they stand there.

    Raises
    ------
    InputError
        If the file is not TOML, has no [fit] table, names an option that does not exist, or holds
        a value that is refused; every such value is named.
    """
    file = os.fspath(path)
    try:
        with open(path, encoding="utf-8-sig") as stream:
            text = stream.read()
        document = tomllib.loads(text)
    except UnicodeDecodeError as error:
        raise InputError(
            f"this is not a TOML file: byte {error.start} is no UTF-8 text",
            file=file,
            remedy="save it as text in UTF-8",
        ) from error
    except tomllib.TOMLDecodeError as error:
        raise _no_toml(file, text, error) from error
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror or error}", file=file) from error
    options = document.get(TABLE)
    if not isinstance(options, dict):
        raise InputError("holds no [fit] table", file=file, remedy=_where_options_stand(document))
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
