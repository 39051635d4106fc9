"""What a result says in each of its forms, as text that can be compared line by line.

Long lists and tables are cut to their first and last rows, with the mean magnitude of what they hold.
"""

import copy
import csv
import io
import json
import math
import pickle
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields, is_dataclass
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
from openpyxl import load_workbook

import cxkinetics as cx

__all__ = ["csv_form", "excel_form", "html_form", "json_form", "keys_of", "result_forms", "sections"]

Json = Any
LONGEST, RECORDS = 8, 20


def number(value: float) -> str:
    """Return nine digits: enough for the comparison, few enough to read."""
    if isinstance(value, bool) or value is None or isinstance(value, int):
        return json.dumps(value)
    if not math.isfinite(value):
        return str(value)
    text = f"{value:.9g}"
    return text if any(sign in text for sign in ".en") else f"{text}.0"


def _numbers_in(value: Json) -> list[float]:
    if isinstance(value, (list, tuple)):
        return [found for item in value for found in _numbers_in(item)]
    if isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value):
        return [abs(float(value))]
    return []


def _summary(value: Sequence[Json], kept: str) -> str:
    numbers = _numbers_in(value)
    size = f"; mean magnitude {number(math.fsum(numbers) / len(numbers))}" if numbers else ""
    return f"[{len(value)} items: {kept}{size}]"


def json_form(value: Json, indent: int = 0) -> str:
    """Return a JSON value with long lists cut, one key a line."""
    pad = " " * indent
    if isinstance(value, Mapping):
        if not value:
            return "{}"
        rows = [f"{pad} {json.dumps(str(k))}: {json_form(v, indent + 1)}" for k, v in value.items()]
        flat = ", ".join(row.strip() for row in rows)
        if len(flat) <= 150 and not any("\n" in row for row in rows):
            return f"{{{flat}}}"
        return "{\n" + "\n".join(rows) + f"\n{pad}}}"
    if isinstance(value, (list, tuple)):
        if all(not isinstance(item, (Mapping, list, tuple)) for item in value):
            if len(value) <= LONGEST or any(isinstance(item, str) for item in value[:RECORDS]):
                return "[" + ", ".join(json_form(item) for item in value[: 3 * RECORDS]) + "]"
            first = ", ".join(json_form(item) for item in value[:3])
            return _summary(value, f"{first} ... {json_form(value[-1])}")
        if all(isinstance(item, (list, tuple)) for item in value) and len(value) > LONGEST:
            return _summary(value, f"{json_form(value[0])} ... {json_form(value[-1])}")
        shown = value if len(value) <= RECORDS else [*value[:3], value[-1]]
        rows = [f"{pad} {json_form(item, indent + 1)}" for item in shown]
        return f"[{len(value)}:\n" + "\n".join(rows) + f"\n{pad}]"
    if isinstance(value, float):
        return number(value)
    return json.dumps(value, ensure_ascii=False)


def paths_in(value: Any, at: str = "") -> Iterable[str]:
    """Return every place of a JSON document, items of a list as one."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield f"{at}.{key}"
            yield from paths_in(item, f"{at}.{key}")
    elif isinstance(value, list):
        for item in value:
            if isinstance(item, (dict, list)):
                yield from paths_in(item, f"{at}[]")


def keys_of(document: Any) -> str:
    """Return the keys of each place of a document, one place a line."""
    places: dict[str, list[str]] = {}
    for path in paths_in(document):
        place, _, key = path.rpartition(".")
        if key not in places.setdefault(place, []):
            places[place].append(key)
    lines = [f"{place or 'document'}: {' '.join(sorted(keys))}" for place, keys in places.items()]
    return "\n".join(sorted(lines))


def rows_form(rows: Sequence[Sequence[Any]]) -> str:
    """Return a table with its head, and first and last rows where it is long."""
    lines = [" | ".join(_cell(cell) for cell in row) for row in rows]
    if len(lines) <= (24 if max(map(len, rows)) > 3 else 60):
        return "\n".join(lines)
    sizes = []
    for column in zip(*(row for row in rows[1:] if len(row) == len(rows[-1])), strict=True):
        found = [abs(v) for v in (_plain(cell) for cell in column) if v is not None]
        sizes.append(number(math.fsum(found) / len(found)) if found else "-")
    return "\n".join(
        [*lines[:6], f"... {len(lines)} rows, mean magnitudes: {' | '.join(sizes)}", *lines[-2:]]
    )


def _narrow(rows: Sequence[Sequence[Any]]) -> list[list[Any]]:
    """Return rows of at most some thirty cells: the first ones and the last."""
    return [[*row[:8], f"... {len(row)} columns", row[-1]] if len(row) > 32 else [*row] for row in rows]


def _plain(cell: Any) -> float | None:
    try:
        value = float(cell)
    except (TypeError, ValueError):
        return None
    return value if math.isfinite(value) else None


def _cell(cell: Any) -> str:
    if cell is None:
        return ""
    if isinstance(cell, float):
        return number(cell)
    text = str(cell)
    parts = text.strip("'").split(", ")
    if len(parts) > LONGEST and all(_plain(part) is not None for part in parts):
        return json_form([float(part) for part in parts])
    value = _plain(text)
    return text if value is None or "." not in text else number(value)


def csv_form(text: str) -> str:
    """Return CSV text as rows; the JSON of a comment cell is cut as JSON is."""
    rows = list(csv.reader(io.StringIO(text)))
    head = []
    if rows and len(rows[0]) == 1 and rows[0][0].startswith("# cxkinetics."):
        mark, _, described = rows.pop(0)[0].partition("{")
        head = [mark + json_form(json.loads("{" + described))]
    return "\n".join([*head, rows_form(_narrow(rows))])


def excel_form(path: Path) -> str:
    """Return every sheet of a workbook: name, size, and its rows."""
    book = load_workbook(path)
    parts = []
    for sheet in book.worksheets:
        rows = [list(row) for row in sheet.iter_rows(values_only=True)]
        formats = sorted({cell.number_format for row in sheet.iter_rows() for cell in row})
        parts.append(f"[{sheet.title}] {sheet.dimensions}; freeze {sheet.freeze_panes}; {', '.join(formats)}")
        parts.append(rows_form(_narrow(rows)))
    return "\n".join(parts)


class _Words(HTMLParser):
    """Words of a page block by block, cells of a row on one line, pictures as their descriptions."""

    BLOCKS = frozenset(
        [
            *("p", "div", "section", "header", "footer", "main", "nav", "h1", "h2", "h3", "h4", "ul", "ol"),
            *("li", "dl", "dt", "dd", "table", "caption", "thead", "tbody", "tr", "figure", "figcaption"),
            *("summary", "details", "pre", "title"),
        ]
    )
    LEFT_OUT = frozenset({"style", "script", "svg"})

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []
        self.now = ""
        self.hidden = 0
        self.pictures = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in self.LEFT_OUT:
            self.pictures += tag == "svg" and not self.hidden
            self.hidden += 1
        elif tag == "img":
            self.pictures += 1
            self.now += f" [picture: {dict(attrs).get('alt')}] "
        elif tag in self.BLOCKS:
            self.end()
            if re.fullmatch(r"h\d", tag):
                self.now = "#" * int(tag[1]) + " "
        elif tag in ("td", "th"):
            self.now += " | " if self.now.strip() else ""

    def handle_endtag(self, tag: str) -> None:
        if tag in self.LEFT_OUT:
            self.hidden -= 1
        elif tag in self.BLOCKS:
            self.end()

    def handle_data(self, data: str) -> None:
        if not self.hidden:
            self.now += data

    def end(self) -> None:
        line = " ".join(self.now.split())
        if line:
            self.lines.append(line)
        self.now = ""


def html_form(text: str) -> str:
    """Return the words of a page and the number of its pictures."""
    reader = _Words()
    reader.feed(text)
    reader.end()
    lines = reader.lines
    kept, run = [], 0
    for line in lines:  # rows of a long table: the first ones stand for all
        run = run + 1 if line.count(" | ") >= 2 else 0
        if run <= 24:
            kept.append(line)
        elif run == 25:
            kept.append("... more rows")
    return "\n".join([*kept, f"({reader.pictures} pictures)"])


def figure_form(figure: Any) -> str:
    """Return the words of a figure and how many lines, areas and points each of its axes holds."""
    lines = [f"{len(figure.axes)} axes"]
    for axes in figure.axes:
        legend = axes.get_legend()
        entries = [text.get_text() for text in legend.get_texts()] if legend else []
        titles = [axes.get_title(loc=place) for place in ("left", "center", "right")]
        counts = [len(getattr(axes, kind)) for kind in ("lines", "collections", "patches", "images")]
        lines.append(
            f"x {axes.get_xlabel()!r}; y {axes.get_ylabel()!r} ({axes.get_xscale()}, {axes.get_yscale()}); "
            f"title {[t for t in titles if t]}; {counts[0]} lines, {counts[1]} collections, "
            f"{counts[2]} patches, {counts[3]} images"
        )
        lines += [f"  {_drawn(line)}" for line in axes.lines[:12]]
        lines.append(
            f"  legend {entries}; texts {[text.get_text() for text in axes.texts if text.get_text()]}"
        )
    return "\n".join(lines)


def _drawn(line: Any) -> str:
    """Return how many points a line has and how large they are."""
    sizes = []
    for values in line.get_data():
        found = [abs(float(value)) for value in values if math.isfinite(float(value))]
        sizes.append(number(math.fsum(found) / len(found)) if found else "-")
    return f"line of {len(line.get_xdata())} points, mean magnitudes {sizes[0]}, {sizes[1]}"


def _habits(result: Any) -> Iterable[str]:
    """What a program relies on: frozen, equal to its copy, pickled, read back from its stored forms."""
    kind = type(result)
    yield f"class {kind.__name__}"
    yield "public: " + " ".join(name for name in dir(result) if not name.startswith("_"))
    try:
        setattr(result, fields(result)[0].name if is_dataclass(result) else "x", None)
        yield "NOT frozen"
    except (AttributeError, TypeError) as error:
        yield f"frozen ({type(error).__name__})"
    try:
        hash(result)
        yield "hashable"
    except TypeError:
        yield "not hashable"
    for how, made in (("copy", copy.copy), ("pickle", lambda r: pickle.loads(pickle.dumps(r)))):
        try:
            yield f"{how}: {'equal' if made(result) == result else 'not equal'}"
        except Exception as error:
            yield f"{how}: {type(error).__name__}"
    for writer, reader in (("to_json", "from_json"), ("to_csv", "from_csv"), ("to_dict", "from_dict")):
        if not hasattr(result, writer):
            yield f"{writer}: none"
        elif not hasattr(kind, reader):
            yield f"{writer}: no {reader}"
        else:
            try:
                again = getattr(kind, reader)(getattr(result, writer)())
            except (TypeError, KeyError, cx.InputError) as error:
                yield f"{writer} -> {reader}: {error}"
                continue
            same = "same" if getattr(again, writer)() == getattr(result, writer)() else "changed"
            yield f"{writer} -> {reader}: {'equal' if again == result else 'not equal'}, text {same}"


def _attributes(result: Any) -> str:
    """Every public attribute that is no method: kind, and value where it is short."""
    lines = []
    for name in dir(result):
        if name.startswith("_"):
            continue
        value = getattr(result, name)
        if callable(value):
            continue
        shown = f"{name}: {type(value).__name__}"
        if hasattr(value, "shape"):
            shown += f" {getattr(value, 'dtype', '')} {value.shape}"
        elif isinstance(value, float):
            shown += f" {number(value)}"
        elif isinstance(value, (str, int, bool)) or value is None:
            shown += f" {value!r}"[:200]
        elif isinstance(value, (tuple, list, Mapping)):
            shown += f" of {len(value)}" + (
                f": {', '.join(map(str, value))}" if isinstance(value, Mapping) else ""
            )
        lines.append(shown)
    return "\n".join(lines)


def result_forms(
    result: Any,
    folder: Path,
    texts: Iterable[Mapping[str, Any]] = (),
    plots: Iterable[Mapping[str, Any]] = (),
    *,
    brief: bool = False,
) -> dict[str, str]:
    """Return form -> text for every form that the result has, and a stated absence for the others.

    `brief` leaves out the forms that only repeat the numbers: workbook, notebook, figure, attributes.
    """
    forms = {"habits": "\n".join(_habits(result)), "attributes": _attributes(result)}
    forms["repr"] = re.sub(r" at 0x[0-9a-f]+", "", repr(result))
    if str(result) != repr(result):
        forms["str"] = str(result)
    if len(forms["repr"]) > 3000:
        forms["repr"] = forms["repr"][:400] + f" ... ({type(result).__name__} has no short repr)"
    for options in texts:
        forms[f"to_text {dict(options)}"] = result.to_text(**options)
    for method in ("to_text", "_repr_html_", "table", "to_dict", "to_json", "to_csv", "to_excel", "plot"):
        if not hasattr(result, method):
            forms[method] = "no such form"
    if hasattr(result, "to_text"):
        forms["to_text"] = "same as str" if result.to_text() == str(result) else result.to_text()
    if hasattr(result, "_repr_html_"):
        html = result._repr_html_()
        plain = html.startswith("<pre>")
        forms["_repr_html_"] = (
            "the text in <pre>" if plain else re.sub(r"(?=<(?:tr|table|p|h\d|div))", "\n", html)
        )
    if hasattr(result, "to_dict"):
        forms["to_dict"] = json_form(result.to_dict())
    if hasattr(result, "to_json"):
        record = json.loads(result.to_json())
        short = json.loads(json.dumps(result.to_dict())) or {}
        extra = {k: v for k, v in record.items() if k not in short}
        assert {k: v for k, v in record.items() if k not in extra} == short
        forms["to_json"] = f"as to_dict, and {json_form(extra)}" if extra else "as to_dict"
    if hasattr(result, "table"):
        frame = result.table()
        heads = "; ".join(f"{name}: {kind}" for name, kind in frame.dtypes.astype(str).items())
        rows = list(csv.reader(io.StringIO(frame.to_csv())))
        forms["table"] = f"index {frame.index.name!r}; {_kinds(heads)}\n{rows_form(_narrow(rows))}"
    if hasattr(result, "to_csv"):
        forms["to_csv"] = csv_form(result.to_csv())
    if hasattr(result, "to_excel"):
        try:
            forms["to_excel"] = excel_form(result.to_excel(folder / "result.xlsx"))
        except cx.CxKineticsError as error:
            forms["to_excel"] = f"{type(error).__name__}: {error}"
    if hasattr(result, "plot"):
        for options in ({}, *plots):
            name = f"plot {dict(options)}" if options else "plot"
            try:
                figure = result.plot(**options)
                forms[name] = figure_form(figure)
                plt.close(figure)
            except cx.CxKineticsError as error:
                forms[name] = f"{type(error).__name__}: {error}"
    if brief:
        for name in ("attributes", "_repr_html_", "to_excel", "plot"):
            del forms[name]
    return forms


def _kinds(heads: str) -> str:
    """Return kinds of columns by one name whatever the version of pandas calls text."""
    return re.sub(r": (?:object|str|string)\b", ": text", heads)


def sections(forms: Mapping[str, str]) -> str:
    """Return all forms under their names."""
    return "\n".join(f"======== {name}\n{text.rstrip()}\n" for name, text in forms.items())
