"""The command and the Python lines that do what the page does."""

import contextlib
import io
import json
import shlex
from collections.abc import Mapping, Sequence
from typing import Any

from cxkinetics.app.forms import parser_of
from cxkinetics.cli.arguments import READING, values_of
from cxkinetics.options import OPTIONS, WHERE

_READ = ("dose_column", "incorporation_column", "dose_error", "common_dose_error", "icp_error", "dose_unit")
_OF_TABLE = (*_READ, "plateau_is_full_exchange", "decimal", "sheet")
_OF_AMOUNT = ("host_umol", "stock_mmol_per_l", "volume_error")
_KEYWORDS = {"draws": "n_draws", "seed": "rng", "to_basis": "basis"}
"""Option of a verb -> keyword of Python, where it is called otherwise."""
_NO_KEYWORD = {"spectra", "near", "measurements", "same_stocks", "sensitivity", "dilution"}
"""Options that several calls would have to be written for."""


def fit_command(file: str, chosen: Mapping[str, Any]) -> str:
    """Return the command of a fit.

    Examples
    --------
    >>> fit_command("run 1.csv", {"track": 324.0, "window": "5:60", "absolute_sigma": True})
    "cxkinetics fit 'run 1.csv' --track 324 --window 5:60 --absolute-sigma"
    """
    words = ["cxkinetics", "fit", file]
    for name, value in chosen.items():
        flag, text = OPTIONS[name].flag, OPTIONS[name].typed(value)
        if value is True:
            words.append(flag)
        else:  # joined where the value would be taken for an option
            words += [f"{flag}={text}"] if text.startswith("-") else [flag, text]
    return shlex.join(words)


def fit_lines(file: str, options: Mapping[str, Any], *, refused: bool = False) -> str:
    """Return the lines of Python of a fit; of one that was refused, those that show why.

    Examples
    --------
    >>> print(fit_lines("run.csv", {"n_stages": 2}))
    import cxkinetics as cx
    <BLANKLINE>
    batch = cx.fit_many(["run.csv"], n_stages=2)
    fit = batch.fits[0]
    print(fit)
    """
    made = f"batch = cx.fit_many({_arguments([[file]], options)})"
    end = ["print(batch.failures[0].message)"] if refused else ["fit = batch.fits[0]", "print(fit)"]
    return "\n".join(["import cxkinetics as cx", "", made, *end])


def verb_command(words: Sequence[str]) -> str:
    """Return the command of another verb."""
    return shlex.join(["cxkinetics", *words])


def verb_lines(words: Sequence[str], runs: Mapping[str, Mapping[str, Any]] | None = None) -> str:
    """Return the lines of Python of another verb; "" where no short ones do it, or words are missing.

    `runs` holds the options of each file that has a table of its own in the project file of the words.

    Examples
    --------
    >>> print(verb_lines(["together", "a.csv", "b.csv", "--stages", "2"]))
    import cxkinetics as cx
    <BLANKLINE>
    runs = [cx.load(file) for file in ["a.csv", "b.csv"]]
    result = cx.fit_together(runs, n_stages=2)
    print(result)
    """
    parser = parser_of(words)
    verb = next((verb for verb in _MADE if verb.split() == list(words[: len(verb.split())])), "")
    if parser is None or not verb:
        return ""
    try:  # a word that is missing yet, or off, is told when the verb is run
        with contextlib.redirect_stderr(io.StringIO()):
            args = vars(parser.parse_args(list(words[len(verb.split()) :])))
    except SystemExit:
        return ""
    given = {a.dest: args[a.dest] for a in parser._actions if args.get(a.dest, a.default) != a.default}
    if _NO_KEYWORD & given.keys():
        return ""
    if "config" in given:
        given["config"] = runs or {}
    lines = _MADE[verb](given)
    return "\n".join(["import cxkinetics as cx", "", *lines, "print(result)"]) if lines else ""


def _dose(given: dict[str, Any]) -> list[str]:
    opened, amount = _table(given), _taken(given, _OF_AMOUNT)
    call = f"result = cx.dose_for({_arguments([given.pop('target')], given, opened)})"
    return [*opened, call, *_amount(amount)]


def _predict(given: dict[str, Any]) -> list[str]:
    if given.get("dose_unit") == "fraction" and "table" not in given:
        return []
    opened, amount = _table(given), _taken(given, _OF_AMOUNT)
    given = {"dose_percent": given.pop("dose")[0], **given}
    return [*opened, f"result = cx.predict({_arguments([], given, opened)})", *_amount(amount)]


def _incorporation(given: dict[str, Any]) -> list[str]:
    opened = _table({"table": given.pop("file"), **_taken(given, (*_OF_TABLE, *_OF_AMOUNT, "basis"))})
    if "interval_doses" in given:
        given["interval_doses"] = given["interval_doses"].replace("-", " ")
    words = _arguments([], given)
    return [*opened, f"result = cx.fit_incorporation({', '.join(['table', *([words] if words else [])])})"]


def _together(given: dict[str, Any]) -> list[str]:
    options = values_of({name: given.pop(name) for name in OPTIONS if name in given})
    reading = _taken(options, [*(OPTIONS[name].python for name in READING), *WHERE])
    at = {name: given.pop(name) for name in ("temperature", "dose") if name in given}
    for name, text in at.items():
        given |= {"by": given.get("by", name), "at": [float(part) for part in text.split(",")]}
    if "temperature_error" in given:
        given["at_error"] = given.pop("temperature_error")
    files, runs = given.pop("files"), given.pop("config", {})
    own = {file: values_of(typed) for file, typed in runs.items() if file in files and typed}
    if any(name in typed for typed in own.values() for name in ("window", "t0")):
        return []
    if own:
        opened = [f"    {_opened(_literal(file), own.get(file, {}) | reading)}," for file in files]
        lines = ["runs = [", *opened, "]"]
    else:
        lines = [f"runs = [{_opened('file', reading)} for file in {_literal(files)}]"]
    words = _arguments([], given | options)
    return [*lines, f"result = cx.fit_together({', '.join(['runs', *([words] if words else [])])})"]


def _opened(file: str, reading: Mapping[str, Any]) -> str:
    """Return the call that opens a run."""
    named = {name: value for name, value in reading.items() if name in KEYWORDS_OF_READING}
    words = _arguments([], {name: value for name, value in named.items() if name != "track"})
    peak = f".exciton_peak(near_nm={_literal(named['track'])})" if "track" in named else ""
    return f"cx.load({', '.join([file, *([words] if words else [])])}){peak}"


KEYWORDS_OF_READING = {OPTIONS[name].python for name in (*READING, *WHERE)}


def _mechanism(given: dict[str, Any]) -> list[str]:
    renamed = {"quenched": "quenched_s", "starts": "n_starts", "draws": "n_draws"}
    given = {renamed.get(name, name): value for name, value in given.items() if name != "show_time"}
    given.pop("system", None)  # that of the mechanism
    if "runs" in given:
        given["runs"] = [
            (file, float(dose.removesuffix("%")))
            for file, _, dose in (r.rpartition("@") for r in given["runs"])
        ]
    if "rivals" in given and given["rivals"] != "all":
        given["rivals"] = [] if given["rivals"] == "none" else given["rivals"].split(",")
    evidence = [given.pop("evidence")] if "evidence" in given else []
    return [f"result = cx.fit_mechanism({_arguments(evidence, given)})"]


def _plan_sampling(given: dict[str, Any]) -> list[str]:
    if "uncertainty" in given:
        return []
    first = [given.pop("stored")] if "stored" in given else []
    words = {
        _GUESSES.get(name, name): [float(part) for part in value.split(",")] if name in _LISTS else value
        for name, value in given.items()
        if name != "show_time"
    }
    return [f"result = cx.plan_sampling({_arguments(first, words)})"]


_LISTS = ("k", "breakpoint")
_GUESSES = {"k": "rates_per_s", "breakpoint": "breakpoints_s"}
_GUESSES |= {name: f"{name}_s" for name in ("fastest", "longest", "even_to")}


def _plan_dose(given: dict[str, Any]) -> list[str]:
    opened = _table(given)
    if {
        "icp_error",
        "dose_error",
        "dose_unit",
        *_OF_AMOUNT,
    } & given.keys():  # the table's own where there is one
        return []
    if "highest_dose" in given:
        given["highest_dose_percent"] = given.pop("highest_dose")
    return [*opened, f"result = cx.plan_dose({_arguments([given.pop('target')], given, opened)})"]


_MADE = {"dose": _dose, "predict": _predict, "incorporation": _incorporation, "together": _together}
_MADE["mechanism"] = _mechanism
_MADE |= {"plan sampling": _plan_sampling, "plan dose": _plan_dose}


def _taken(given: dict[str, Any], names: Sequence[str]) -> dict[str, Any]:
    """Take those of some names out of what is given."""
    return {name: given.pop(name) for name in names if name in given}


def _table(given: dict[str, Any]) -> list[str]:
    """Return the line that opens a dose table, and take what it needs; nothing where none is given."""
    if "table" not in given:
        return []
    basis = {"basis": given["basis"]} if "basis" in given else {}
    return [
        f"table = cx.load_dose_table({_arguments([given.pop('table')], _taken(given, _OF_TABLE) | basis)})"
    ]


def _amount(amount: Mapping[str, Any]) -> list[str]:
    return [f"print(result.amount({_arguments([], amount)}))"] if amount else []


def _arguments(first: Sequence[Any], keywords: Mapping[str, Any], opened: Sequence[str] = ()) -> str:
    words = [*map(_literal, first), *(["table=table"] if opened else [])]
    named = (f"{_KEYWORDS.get(name, name)}={_literal(value)}" for name, value in keywords.items())
    return ", ".join([*words, *named])


def _literal(value: Any) -> str:
    """Return a value as Python writes it: texts in double quotes, times as plain numbers."""
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, list):
        return f"[{', '.join(map(_literal, value))}]"
    if isinstance(value, tuple):
        return f"({', '.join(map(_literal, value))})"
    return repr(float(value)) if isinstance(value, float) else repr(value)
