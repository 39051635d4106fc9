"""The project file: options of a fit as TOML, so that a saved analysis can be run again."""

import json
import math
import os
import re
import tomllib
from collections.abc import Mapping
from typing import Any

from cxkinetics.atomic import write_text
from cxkinetics.errors import InputError

__all__ = ["load_config", "save_config"]

TABLE = "fit"
_NAME = "a name in quotes, or a number from 1"
_OF = "a text in quotes, one of "
NEEDS: dict[str, tuple[str, str]] = {
    "wavelength": ("number", "a wavelength in nm, e.g. 324"),
    "track": ("number", "a wavelength in nm, e.g. 324"),
    "column": ("text integer", _NAME),
    "trace": ("text integer", _NAME),
    "sheet": ("text integer", _NAME),
    "reference": ("text number", "a name in quotes, or a wavelength in nm"),
    "time_unit": ("text", _OF + "s, ms, us, min, h, d"),
    "absorbance_unit": ("text", _OF + "abs, percentT, fractionT, counts"),
    "decimal": ("text", 'a text in quotes, "." or ","'),
    "time_in": ("text", _OF + "rows, columns"),
    "direction": ("text", _OF + "decay, growth"),
    "window": ("text numbers", 'a text in quotes such as "0:100", or two numbers in square brackets'),
    "t0": ("text number", 'a number of seconds, or "auto"'),
    "stages": ("text integer", '"auto", 1, 2 or 3; 4 at most'),
    "breakpoint": ("text number numbers", "a number of seconds, or several in square brackets"),
    "joint": ("text", _OF + "continuous, free"),
    "recipe": ("text", _OF + "likelihood, loglinear"),
    "offset": ("text number", '"auto", "zero", "fit" or a number'),
    "noise": ("text", _OF + "auto, white, ar1"),
    "confidence": ("number", "a number between 0.5 and 1, e.g. 0.95"),
    "bootstrap": ("integer", "0, or a whole number from 50"),
    "bootstrap_kind": ("text", _OF + "parametric, residual, block"),
    "absolute_sigma": ("boolean", "true or false"),
    "seed": ("integer", "a whole number from 0"),
    "show_time": ("text", _OF + "s, ms, min, h"),
}
"""Option -> the kinds of TOML value that it takes, and how to say so."""
WORDS: dict[str, tuple[str, ...]] = {
    "stages": ("auto",),
    "t0": ("auto",),
    "offset": ("auto", "zero", "fit"),
    "breakpoint": (),
    "window": (),
}
"""Options whose text is one of these words, or a number (or several) as typed on the command line."""


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
        If the file is not TOML, has no [fit] table, names an option that does not exist, or holds
        a value of the wrong kind; every such value is named.
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
        raise InputError("holds no [fit] table", file=file, remedy=_where_options_stand(document, known))
    unknown = sorted(set(options) - set(known))
    if unknown:
        import difflib

        near = difflib.get_close_matches(unknown[0], list(known), 1)
        hint = f"did you mean {near[0]}?" if near else f"known: {', '.join(sorted(known))}"
        raise InputError(f"there is no option {unknown[0]!r}", file=file, remedy=hint)
    wrong = [text for text in (_wrong(name, value) for name, value in options.items()) if text]
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


def _where_options_stand(document: Mapping[str, Any], known: Mapping[str, Any]) -> str:
    """Return what to do about a file without a [fit] table."""
    import difflib

    tables = [name for name, value in document.items() if isinstance(value, dict)]
    near = difflib.get_close_matches(TABLE, [name.strip().casefold() for name in tables], 1)
    if near:
        written = next(name for name in tables if name.strip().casefold() == near[0])
        return f"rename [{written}] to [{TABLE}]"
    loose = [name for name in document if name in known]
    if loose:
        return f"put the line [{TABLE}] above {loose[0]}"
    return "make one with --save-config"


def _wrong(name: str, value: Any) -> str:
    """Return what is wrong with a value of the project file, or nothing."""
    if name not in NEEDS:
        return ""
    kinds, need = NEEDS[name]
    if not _fits(kinds.split(), value) or (name == "window" and isinstance(value, list) and len(value) != 2):
        return f"{name} = {_toml(value)}; it must be {need}"
    if isinstance(value, str) and name in WORDS and not _says_numbers(name, value):
        return f"{name} = {_toml(value)}; it must be {need}"
    if name == "stages" and value != "auto" and not 1 <= float(value) <= 4:
        return f"{name} = {_toml(value)}; it must be {need}"
    if name == "seed" and value < 0:
        return f"{name} = {value}; it must be {need}"
    allowed = [".", ","] if name == "decimal" else need.removeprefix(_OF).split(", ")
    if (name == "decimal" or need.startswith(_OF)) and value not in allowed:
        return f"{name} = {_toml(value)}; it must be {need}"
    return ""


def _says_numbers(name: str, text: str) -> bool:
    """Return whether a text is one of the words of an option, or the numbers as they are typed."""
    if text in WORDS[name]:
        return True
    mark = {"window": ":", "breakpoint": ","}.get(name)
    parts = text.split(mark) if mark else [text]
    if name == "window" and len(parts) != 2:
        return False
    try:
        numbers = [float(part) for part in parts if part.strip()]
    except ValueError:
        return False
    if not all(map(math.isfinite, numbers)):
        return False
    return name == "window" or (bool(numbers) and (name != "stages" or numbers[0].is_integer()))


def _fits(kinds: list[str], value: Any) -> bool:
    if isinstance(value, bool):
        return "boolean" in kinds
    if isinstance(value, str):
        return "text" in kinds
    if isinstance(value, list):
        return "numbers" in kinds and bool(value) and all(_fits(["number"], item) for item in value)
    return (isinstance(value, int) and ("integer" in kinds or "number" in kinds)) or (
        isinstance(value, float) and math.isfinite(value) and "number" in kinds
    )


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
