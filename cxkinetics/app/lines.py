"""The command and the Python lines that do what the page does."""

import shlex
from collections.abc import Mapping, Sequence
from typing import Any

from cxkinetics.app.forms import parser_of
from cxkinetics.options import OPTIONS

_CALLS = {
    "dose": ("dose_for", "target"),
    "predict": ("predict", "dose"),
    "incorporation": ("fit_incorporation", "file"),
    "together": ("fit_together", "files"),
}
"""Verb -> function of Python that does the same, and its first argument."""
_RENAMED = {"draws": "n_draws", "seed": "rng", "to_basis": "basis", "stages": "n_stages"}
_OF_TABLE: tuple[str, ...] = (
    "dose_column",
    "incorporation_column",
    "dose_error",
    "common_dose_error",
    "icp_error",
    "dose_unit",
)
_OF_TABLE += ("plateau_is_full_exchange", "decimal", "sheet")
_OF_AMOUNT = ("host_umol", "stock_mmol_per_l", "volume_error")
_AT_READING = ("trace", "column", "time_unit", "absorbance_unit", "decimal", "sheet", "wavelength")


def fit_command(file: str, chosen: Mapping[str, Any]) -> str:
    """Return the command of a fit.

    Examples
    --------
    >>> fit_command("run 1.csv", {"track": 324.0, "window": "5:60", "absolute_sigma": True})
    "cxkinetics fit 'run 1.csv' --track 324 --window 5:60 --absolute-sigma"
    """
    words = ["cxkinetics", "fit", file]
    for name, value in chosen.items():
        text = OPTIONS[name].typed(value)
        flag = OPTIONS[name].flag
        if value is True:
            words.append(flag)
        else:  # joined where the value would be taken for an option
            words += [f"{flag}={text}"] if text.startswith("-") else [flag, text]
    return shlex.join(words)


def fit_lines(file: str, options: Mapping[str, Any]) -> str:
    """Return the lines of Python of a fit.

    Examples
    --------
    >>> print(fit_lines("run.csv", {"n_stages": 2}))
    import cxkinetics as cx
    <BLANKLINE>
    batch = cx.fit_many(["run.csv"], n_stages=2)
    fit = batch.fits[0]
    print(fit)
    """
    given = [_quoted([file]), *(f"{name}={_literal(value)}" for name, value in options.items())]
    return "\n".join(
        [
            "import cxkinetics as cx",
            "",
            f"batch = cx.fit_many({', '.join(given)})",
            "fit = batch.fits[0]",
            "print(fit)",
        ]
    )


def verb_command(words: Sequence[str]) -> str:
    """Return the command of another verb."""
    return shlex.join(["cxkinetics", *words])


def verb_lines(words: Sequence[str]) -> str:
    """Return the lines of Python of another verb; "" where no function does it, or words are missing."""
    parser = parser_of(words)
    if parser is None or words[0] not in _CALLS:
        return ""
    try:
        args = vars(parser.parse_args(list(words[1:])))
    except SystemExit:
        return ""
    given = {
        action.dest: args[action.dest]
        for action in parser._actions
        if action.dest in args and args[action.dest] != action.default
    }
    function, first = _CALLS[words[0]]
    made = _together(given) if words[0] == "together" else _composed(words[0], given, first)
    return "\n".join(["import cxkinetics as cx", "", *made(function)])


def _composed(verb: str, given: dict[str, Any], first: str) -> Any:
    def lines(function: str) -> list[str]:
        rest = dict(given)
        told, amount = rest.pop(first), {name: rest.pop(name) for name in _OF_AMOUNT if name in rest}
        opened = []
        if verb == "incorporation" or "table" in rest:
            file = told if verb == "incorporation" else rest.pop("table")
            own = {name: rest.pop(name) for name in _OF_TABLE if name in rest}
            if "basis" in rest:
                own["basis"] = rest["basis"] if verb != "incorporation" else rest.pop("basis")
            if verb == "incorporation":
                own |= amount
            opened = [f"table = cx.load_dose_table({_call(file, own)})"]
            rest = {"table": "table"} | rest if verb != "incorporation" else rest
        start = "table" if verb == "incorporation" else _literal(told[0] if isinstance(told, tuple) else told)
        keywords = [
            f"{_RENAMED.get(name, name)}={value if name == 'table' else _literal(value)}"
            for name, value in rest.items()
            if name not in ("spectra", "near", "measurements", "same_stocks", "sensitivity")
        ]
        made = [*opened, f"result = cx.{function}({', '.join([start, *keywords])})", "print(result)"]
        if amount and verb != "incorporation":
            made.append(f"print(result.amount({_call(None, amount)}))")
        return made

    return lines


def _together(given: dict[str, Any]) -> Any:
    def lines(function: str) -> list[str]:
        rest = dict(given)
        files, share = rest.pop("files"), rest.pop("share", None)
        reading = {name: rest.pop(name) for name in _AT_READING if name in rest}
        tracked = f".exciton_peak(near_nm={_literal(rest.pop('track'))})" if "track" in rest else ""
        by = rest.pop("by", None) or next((name for name in ("temperature", "dose") if name in rest), None)
        at = rest.pop(by, None) if by else None
        error = rest.pop("temperature_error", None)
        own = {"share": share, "by": by, "at": None if at is None else [float(x) for x in at.split(",")]}
        own |= {"at_error": error, **{_RENAMED.get(name, name): value for name, value in rest.items()}}
        named = {name: value for name, value in own.items() if value is not None}
        more = "".join(f", {name}={_literal(value)}" for name, value in reading.items())
        return [
            f"runs = [cx.load(file{more}){tracked} for file in {_quoted(files)}]",
            f"result = cx.{function}({', '.join(['runs', _call(None, named)]) if named else 'runs'})",
            "print(result)",
        ]

    return lines


def _call(first: Any, keywords: Mapping[str, Any]) -> str:
    words = [] if first is None else [_literal(first)]
    return ", ".join([*words, *(f"{name}={_literal(value)}" for name, value in keywords.items())])


def _quoted(files: Sequence[str]) -> str:
    return f"[{', '.join(_literal(file) for file in files)}]"


def _literal(value: Any) -> str:
    """Return a value as Python writes it, texts in double quotes, times without their class."""
    if isinstance(value, str):
        import json

        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, (list, tuple)):
        inner = ", ".join(_literal(item) for item in value)
        return f"[{inner}]" if isinstance(value, list) else f"({inner})"
    if isinstance(value, float) and not isinstance(value, bool):
        return repr(float(value))
    return repr(value)
