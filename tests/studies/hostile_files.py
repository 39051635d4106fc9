"""Structural mutants of every kind of file that is read: cells, rows, columns, keys and members."""

import io
import json
import re
import zipfile
from collections.abc import Callable, Iterator
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np

import cxkinetics as cx
from tests.io.mutations import KINDS, mutated
from tests.studies.hostile import Try, looked_at

SHARED = Path(__file__).resolve().parents[3] / "shared" / "data"
LARGEST = 60_000
CELLS = (
    *(
        "",
        " ",
        "nan",
        "inf",
        "-inf",
        "1e999",
        "-1e999",
        "1e308",
        "-1e308",
        "5e-324",
        "0",
        "-0",
        "-1",
        "1e-300",
    ),
    *("²", "٣", "½", "1_000", "0x1F", "1,5", "1.234,5", "1'000", "12:60:99", "99:99", "1:2:3:4", "24:00:00"),
    *(
        "2024-02-30",
        "0000-00-00 00:00",
        "9999-12-31 23:59:59",
        "31/12/99999",
        "1e30:1e30",
        "PT1e400S",
        "#N/A",
    ),
    *("OVRFLW", ">3.5", "<0.05", "8.2 ± 0.3", "± 0", "1(99999)", "36-75", "75-36", "%", "50 %", "=1+1", '"'),
    *("'", "\x00", "\x0b", "\x85", "\u2028", "\ufeff", "\U0001f600", "9" * 400, "1e" + "9" * 30, "-" * 300),
    *(
        "(" * 500,
        "nm",
        "min",
        "h",
        "Abs",
        "T",
        "%T",
        "time (s)",
        "wavelength",
        "a\nb",
        "None",
        "true",
        "{}",
        "x",
    ),
    *(
        "0.5 min",
        "1.5 h",
        "10 M",
        "5 mM",
        "20±2%",
        "1e400 mol",
        "sample 1",
        "Ag",
        "-5 nm",
        "1E5 cm-1",
        "∞",
        "−0,5",
    ),
)
WORDS = (
    *(
        "time",
        "time (s)",
        "Time [min]",
        "t",
        "T",
        "A",
        "Abs",
        "%T",
        "nm",
        "wavelength (nm)",
        "cm-1",
        "eV",
        "Ag (%)",
    ),
    *(
        "sd",
        "±",
        "dose",
        "added",
        "incorporated",
        "ICP",
        "m/z",
        "counts",
        "2theta",
        "binding energy (eV)",
        "clock",
    ),
    *(
        "",
        "1",
        "reference",
        "sample",
        "Cycle",
        "T (°C)",
        "324 nm",
        "Ag added (mol/mol)",
        "Cd (ppm)",
        "°",
        "note",
    ),
)


def _divided(text: str) -> tuple[list[list[str]], str]:
    mark = max(("\t", ";", ",", " "), key=lambda m: text.count(m) if m != " " else text.count(m) // 3)
    lines = re.split(r"\r\n|\r|\n", text)
    return [line.split(mark) for line in lines], mark


def _cell(rng: np.random.Generator) -> str:
    return str(CELLS[rng.integers(len(CELLS))])


def _rows_changed(rows: list[list[str]], rng: np.random.Generator) -> list[list[str]]:
    """Return rows with one change of structure."""
    n = len(rows)
    at, to = (int(i) for i in rng.integers(0, n, 2))
    width = max(map(len, rows))
    j, k = (int(i) for i in rng.integers(0, width, 2))
    kind = int(rng.integers(0, 20))
    if kind < 5:
        rows[at] = [*rows[at]]
        rows[at][int(rng.integers(0, len(rows[at])))] = _cell(rng)
    elif kind == 5:
        return rows[:at] + rows[at + 1 :] or [[""]]
    elif kind == 6:
        return rows[:at] + [rows[at]] * int(rng.integers(2, 50)) + rows[at:]
    elif kind == 7:
        rows[at], rows[to] = rows[to], rows[at]
    elif kind == 8:
        return [row[:j] + row[j + 1 :] or [""] for row in rows]
    elif kind == 9:
        return [[*row, row[j] if j < len(row) else ""] for row in rows]
    elif kind == 10:
        for row in rows:
            if max(j, k) < len(row):
                row[j], row[k] = row[k], row[j]
    elif kind == 11:
        return [[row[i] if i < len(row) else "" for row in rows] for i in range(min(width, 400))]
    elif kind == 12:
        return rows[at:]
    elif kind == 13:
        word = _cell(rng)
        return [[*row[:j], word, *row[j + 1 :]] if i and j < len(row) else row for i, row in enumerate(rows)]
    elif kind == 14:
        rows[0] = [str(WORDS[rng.integers(len(WORDS))]) for _ in rows[0]]
    elif kind == 15:
        return [*rows[:at], [str(WORDS[rng.integers(len(WORDS))]) for _ in range(width)], *rows[at:]]
    elif kind == 16:
        rows[at] = rows[at] * int(rng.integers(2, 300))
    elif kind == 17:
        return [[row[j] if j < len(row) else ""] for row in rows]
    elif kind == 18:
        factor = 10.0 ** rng.uniform(-320, 308)

        def scaled(cell: str) -> str:
            try:
                return repr(float(cell) * factor)
            except (ValueError, OverflowError):
                return cell

        return [[scaled(c) if i == j else c for i, c in enumerate(row)] for row in rows]
    else:
        return [*rows[:at], [""], *rows[at:]]
    return rows


def _table(data: bytes, rng: np.random.Generator) -> bytes:
    """Return the table with one to three changes, perhaps with another delimiter or encoding."""
    wide = data[:2] in (b"\xff\xfe", b"\xfe\xff")
    text = data.decode("utf-16" if wide else "utf-8", errors="replace")
    rows, mark = _divided(text)
    for _ in range(int(rng.integers(1, 4))):
        rows = _rows_changed(rows, rng)
    if rng.random() < 0.15:
        mark = str(rng.choice([",", ";", "\t", "|", "  "]))
    end = "\n" if rng.random() < 0.8 else str(rng.choice(["\r\n", "\r", "\n\r", "\x0b", "\x1e", "\n\n"]))
    text = end.join(mark.join(row) for row in rows)
    if rng.random() < 0.05:
        text = '"' + text
    return text.encode(
        str(rng.choice(["utf-8", "utf-8", "utf-8", "utf-16", "utf-8-sig", "cp1252"])), "replace"
    )


def _deep(rng: np.random.Generator) -> Any:
    found: Any = 1
    for _ in range(int(rng.integers(1, 400))):
        found = [found] if rng.random() < 0.5 else {"a": found}
    return found


def _value(old: Any, rng: np.random.Generator) -> Any:
    """Return another value for a key of a document."""
    plain = (
        None,
        True,
        False,
        0,
        -1,
        1,
        1.5,
        1e308,
        -1e308,
        5e-324,
        10**400,
        -(10**30),
        "",
        "x",
        "nan",
        "\ud800",
    )
    more = (
        float("nan"),
        float("inf"),
        [],
        {},
        [[]],
        [None],
        ["x"],
        {"a": 1},
        [1, "x", None],
        {"": None},
        "²",
        "9" * 50,
    )
    kind = int(rng.integers(0, 6))
    if kind == 0 and isinstance(old, list) and old:
        return [old + old, old[:-1], old[::-1], [old], old[:1]][rng.integers(5)]
    if kind == 1 and isinstance(old, (int, float)):
        return [old * 10.0 ** rng.uniform(-300, 300) if abs(old) < 1e8 else 0, -old, str(old), [old]][
            rng.integers(4)
        ]
    if kind == 2 and isinstance(old, str):
        return [old * 50, old[::-1], old.upper(), [old], old + "\n"][rng.integers(5)]
    if kind == 3:
        return _deep(rng)
    pool = plain + more
    return pool[rng.integers(len(pool))]


def _document(data: bytes, rng: np.random.Generator) -> bytes:
    """Return the JSON with values replaced, keys lost or renamed."""
    try:
        found = json.loads(data)
    except ValueError:
        return mutated(data, KINDS[rng.integers(len(KINDS))], rng)
    if rng.random() < 0.03:
        depth = int(rng.integers(500, 100_000))
        return data.replace(b"1", b"[" * depth + b"]" * depth, 1)
    for _ in range(int(rng.integers(1, 4))):
        holder: Any = found
        while True:
            keys = list(holder) if isinstance(holder, dict) else list(range(len(holder)))
            if not keys:
                break
            key = keys[rng.integers(len(keys))]
            inner = holder[key]
            if isinstance(inner, (dict, list)) and inner and rng.random() < 0.8:
                holder = inner
                continue
            kind = rng.random()
            if kind < 0.75:
                holder[key] = _value(inner, rng)
            elif kind < 0.9:
                del holder[key]
            elif isinstance(holder, dict):
                holder[str(key) + "s"] = holder.pop(key)
            break
    return json.dumps(found).encode("utf-8", "surrogatepass")


LITERALS = (
    *(
        "1",
        "0",
        "-1",
        "1e308",
        "-1e400",
        "nan",
        "inf",
        "-inf",
        "5e-324",
        "true",
        '""',
        '"x"',
        '"Ag"',
        '"²"',
        "[]",
    ),
    *(
        "[1]",
        "[0, 0]",
        "[1, -1]",
        '["x"]',
        "[[1]]",
        "[nan, nan]",
        "{}",
        "{ a = 1 }",
        "{ Ag = 1e300 }",
        "{ Ag = 0 }",
    ),
    *(
        "2024-01-01",
        "12:00:00",
        "99999999999999999999",
        "-5",
        '"Cd34S33"',
        '"Ag0S0"',
        '"Xx9"',
        "[{}]",
        "[{ a = 1 }]",
    ),
    *('"Ag99999999999S"', "1_000", "0x10", "[[], []]", "[0.5, 0.5]", "[-0.5, 1.5]", "'''a'''", '"a\\u0000b"'),
)


def _toml(data: bytes, rng: np.random.Generator) -> bytes:
    """Return the TOML with values replaced, lines lost, doubled, moved or brought in."""
    lines = data.decode().split("\n")
    if rng.random() < 0.5:
        lines = [line.removeprefix("#: ") if rng.random() < 0.7 else line for line in lines]
    said = [i for i, line in enumerate(lines) if "=" in line and not line.startswith("#")]
    for _ in range(int(rng.integers(1, 4))):
        at, to = (int(i) for i in rng.integers(0, len(lines), 2))
        kind = rng.random()
        if kind < 0.4 and said:
            at = said[rng.integers(len(said))]
            if at < len(lines):
                key = lines[at].partition("=")[0]
                lines[at] = f"{key}= {LITERALS[rng.integers(len(LITERALS))]}"
        elif kind < 0.75 and said:
            at = min(said[rng.integers(len(said))], len(lines) - 1)
            numbers = list(re.finditer(r"-?\d+(?:\.\d+)?|\"[^\"]*\"", lines[at]))
            if numbers:
                one = numbers[rng.integers(len(numbers))]
                word = str(LITERALS[rng.integers(len(LITERALS))])
                lines[at] = lines[at][: one.start()] + word + lines[at][one.end() :]
        elif kind < 0.85:
            del lines[at]
            lines = lines or [""]
        elif kind < 0.95:
            lines[at], lines[to] = lines[to], lines[at]
        else:
            lines.insert(at, lines[to])
    return "\n".join(lines).encode()


def _workbook(data: bytes, rng: np.random.Generator) -> bytes:
    """Return the archive with damage inside one of its members, or with one lost."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = {name: archive.read(name) for name in archive.namelist()}
    except zipfile.BadZipFile:
        return mutated(data, KINDS[rng.integers(len(KINDS))], rng)
    name = list(members)[rng.integers(len(members))]
    body = members[name]
    kind = rng.random()
    if kind < 0.2:
        del members[name]
    elif kind < 0.6 and body:
        members[name] = mutated(body, KINDS[rng.integers(len(KINDS))], rng)
    else:
        words = list(re.finditer(rb">[^<>]+<|\"[^\"<>]+\"", body))
        if words:
            one = words[rng.integers(len(words))]
            word = _cell(rng).encode().replace(b"<", b"&lt;").replace(b'"', b"")
            members[name] = body[: one.start() + 1] + word + body[one.end() - 1 :]
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, body in members.items():
            archive.writestr(name, body)
    return stream.getvalue()


def _bytes(data: bytes, rng: np.random.Generator) -> bytes:
    return mutated(data, KINDS[rng.integers(len(KINDS))], rng) if data else data


def _changer(data: bytes, name: str) -> list[Callable[[bytes, np.random.Generator], bytes]]:
    if name.endswith(".toml"):
        return [_toml, _toml, _bytes]
    if data[:1] == b"{":
        return [_document, _document, _document, _bytes]
    if data[:2] == b"PK":
        return [_workbook, _workbook, _bytes]
    if b"\x00" in data[:4000] and data[:2] not in (b"\xff\xfe", b"\xfe\xff"):
        return [_bytes]
    return [_table, _table, _table, _bytes]


def _dose_table(path: Path) -> Any:
    table = cx.load_dose_table(path)
    looked_at(table)
    return table


def _loaded(path: Path) -> Any:
    found = cx.load(path)
    for one in found if isinstance(found, list) else [found]:
        looked_at(one)
    return found


DOSES = (
    "Ag added (%),incorporated (%),sd\n0,0,0.1\n36-75,4.0,0.3\n56,5.9,0.3\n95,10.2,0.4\n110,20,1\n"
    "125,33,1\n175,40.2,0.5\n",
    "dose (mol Ag/mol Cd);ICP Ag (%)\n0;0\n0,1;1,2 ± 0,1\n0,5;5,5\n1,0;11\n1,2;28\n1,5;40\n1,75;40\n",
    "volume (uL),Ag (ppm),Cd (ppm)\n0,0,100\n50,4,90\n100,9,85\n150,30,60\n200,40,50\n",
    "# host = 20 umol, stock = 10 mmol/L\nAg added (uL)\tAg/(Ag+Cd) (%)\n0\t0\n200\t1.1\n900\t5\n2000\t12\n"
    "2600\t38\n",
)
PEAKS = "m/z (Da),intensity,formula\n4872.5,100,Cd34S33\n4868.2,50,Ag1Cd33S33\n4863.7,30,Ag2Cd32S33\n"
SPECTRUM = "{},{}\n" + "\n".join("{0:.2f},{1}") + "\n"
MEASURED = """
[[fractions]]
incorporation_percent = 4.0
fractions = [0.2, 0.5, 0.3]
sigma = [0.05, 0.05, 0.05]
[[onset]]
incorporation_percent = 8.0
seen = true
[[top]]
incorporation_percent = 4.0
guests = 2
[[guest_share]]
incorporation_percent = 6.0
share = 0.4
sigma = 0.1
[[wash]]
before_percent = 40.0
after_percent = 12.0
"""
CONFIG = '[fit]\ntrack = 324\nstages = "auto"\nwindow = "0:100"\nconfidence = 0.95\nseed = 1\n'


def _line(kind: str) -> str:
    ranges = {
        "ms": ("m/z", 4840, 4900),
        "xps": ("binding energy (eV)", 362, 380),
        "xrd": ("2theta (deg)", 20, 60),
    }
    name, low, high = ranges[kind]
    x = np.linspace(low, high, 80)
    y = 200 + 900 * np.exp(-(((x - x.mean()) / 2) ** 2))
    return f"{name},counts\n" + "".join(f"{a:.2f},{b:.0f}\n" for a, b in zip(x, y, strict=True))


@cache
def _documents() -> dict[str, tuple[Any, bytes]]:
    """Return stored results: how each is opened, and its text."""
    from tests.studies.hostile_calls import materials

    return {
        type(one).__name__: (type(one).from_json, one.to_json().encode())
        for one in materials().values()
        if hasattr(one, "to_json") and hasattr(type(one), "from_json")
    }


def samples() -> list[tuple[str, bytes, Callable[[Path], Any]]]:
    """Return name, content and reader of every file that is attacked; more where ../shared is there."""
    from cxkinetics.cli.project import load_config
    from cxkinetics.composition.measurements import load_measurements
    from cxkinetics.composition.system import packaged_systems, system_template
    from cxkinetics.evidence.reader import load_findings

    found: list[tuple[str, bytes, Callable[[Path], Any]]] = []
    for number, text in enumerate(DOSES):
        found.append((f"dose{number}.csv", text.encode(), _dose_table))
    for kind in ("ms", "xps", "xrd"):
        reader = partial(cx.load_spectrum, kind=kind)
        found.append(
            (f"{kind}.csv", _line(kind).encode(), lambda path, reader=reader: looked_at(reader(path)))
        )
    found += [
        ("peaks.csv", PEAKS.encode(), lambda path: looked_at(cx.load_peak_list(path))),
        ("peaks.txt", b"4872.5\n4868.2\n4863.7\n", lambda path: looked_at(cx.load_peak_list(path))),
        ("measured.toml", MEASURED.encode(), load_measurements),
        ("config.toml", CONFIG.encode(), lambda path: load_config(str(path))),
        ("new.toml", system_template().encode(), cx.load_system),
    ]
    folder = Path(cx.__file__).parent
    for name in packaged_systems():
        text = (folder / "composition" / "systems" / f"{name}.toml").read_bytes()
        found.append((f"{name}.toml", text, cx.load_system))
    findings = (folder / "evidence" / "data" / "evidence_table1.csv").read_bytes()
    found.append(("findings.csv", findings, load_findings))
    for name, (reader, text) in _documents().items():
        found.append((f"{name}.json", text, lambda path, reader=reader: looked_at(reader(path))))
    trace = cx.Trace(time_s=np.arange(9.0), absorbance=np.linspace(1, 0.2, 9), label="a")
    series = cx.SpectralSeries(
        time_s=np.arange(4.0), wavelength_nm=300 + np.arange(6.0), absorbance=np.full((4, 6), 0.5)
    )
    for name, one in (("trace", trace), ("series", series)):
        found.append((f"{name}.json", one.to_json().encode(), _loaded))
        found.append((f"{name}.csv", one.to_csv().encode(), _loaded))
    if SHARED.is_dir():
        found += _shared()
    return found


def _shared() -> list[tuple[str, bytes, Callable[[Path], Any]]]:
    found: list[tuple[str, bytes, Callable[[Path], Any]]] = []
    files = [p for p in sorted(SHARED.rglob("*")) if p.is_file() and 0 < p.stat().st_size < LARGEST]
    for path in files:
        part = path.relative_to(SHARED).parts
        if "reference" in part or path.name in ("manifest.json", "README.md"):
            continue
        data = path.read_bytes()
        readers: list[Callable[[Path], Any]] = [_loaded]
        if "dose" in part or path.name.startswith("d0"):
            readers = [_dose_table, _dose_table, _loaded]
        for kind in ("xps", "xrd"):
            if kind in part:
                readers.append(partial(cx.load_spectrum, kind=kind))
        if path.name.startswith("library"):
            readers.append(cx.load_library)
        found += [("/".join(part), data, reader) for reader in readers]
    return found


def hostile_files(folder: Path, seed: int) -> Iterator[Try]:
    """Yield mutants of every kind of file, going round them."""
    known = samples()
    number = 0
    while True:
        name, data, reader = known[number % len(known)]
        rng = np.random.default_rng((seed, number))
        changers = _changer(data, name)
        change = changers[rng.integers(len(changers))]
        number += 1
        path = folder / Path(name).name

        def call(data=data, change=change, rng=rng, path=path, reader=reader) -> Any:
            path.write_bytes(change(data, rng) or b"\n")
            return reader(path)

        yield Try(f"{name} ({getattr(reader, '__qualname__', reader)}), {change.__name__}", call)
