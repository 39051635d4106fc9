"""Where the results of an input go: a folder of its own, whose name any system takes.

The folder is named after the stem of the input. Inputs of one batch with equal stems are told apart
by a mark made of their path as seen from the folder of results, so that their order does not matter
and neither does moving both. Whose result a folder holds is read from `fit.json`: the hash of the
data, and that path.
"""

import hashlib
import json
import os
import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain, count
from pathlib import Path
from typing import TYPE_CHECKING

from cxkinetics.errors import InputError, UsageError

if TYPE_CHECKING:
    from cxkinetics.kinetics.result import StagedFit

_FORBIDDEN = frozenset('<>:"/\\|?*')
_RESERVED = frozenset(["con", "prn", "aux", "nul", "conin$", "conout$"]).union(
    f"{port}{number}" for port in ("com", "lpt") for number in "0123456789¹²³"
)
_TAKEN = {"summary.csv", "summary.xlsx", "replicates.csv", "report.html"}.union(
    (f"overview.{kind}" for kind in ("png", "svg", "pdf")),
    (f"{kind}.json" for kind in ("fit", "spectra", "demo", "evidence")),
)
"""Names that files of a batch, or the marks of other results, have in the same folder."""
SHARD = re.compile(r"failures-(\d+)-of-(\d+)\.csv")
"""Name of the table in which one shard of a batch leaves its failures."""
_LONGEST = 160
"""Bytes of a name; with the mark and the affixes of a temporary folder it stays below 255."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """Whose result a folder holds: file as it was typed, hash of its data, path from the results."""

    file: str
    sha256: str
    origin: str


def name_of(fit: "StagedFit") -> str:
    """Return what a fit is called: file and trace label, as far as they are known."""
    source = fit.trace.source
    stem = source.file.replace("\\", "/").rpartition("/")[2]
    return ", ".join(part for part in (stem, fit.trace.label) if part) or "trace"


def safe_stem(file: str | os.PathLike[str]) -> str:
    r"""Return the stem of a path as a name that every system takes for a folder.

    Examples
    --------
    >>> [safe_stem(name) for name in ("a/run.csv", "NUL.csv", "report.html.csv", "a:b\n.csv")]
    ['run', '_NUL', '_report.html', 'a_b_']
    """
    path = Path(file)
    if path.name in ("", ".", ".."):  # a folder that is one run may be given as "." or ".."
        path = path.resolve()
    stem = path.stem or path.name or "input"
    plain = "".join(
        "_" if sign in _FORBIDDEN or unicodedata.category(sign) in ("Cc", "Cf", "Cs", "Zl", "Zp") else sign
        for sign in stem
    )
    kept = plain.rstrip(" .")
    if kept != plain:
        kept += "_"
    name = kept.casefold()
    if name in _TAKEN or SHARD.fullmatch(name) or name.partition(".")[0].rstrip() in _RESERVED:
        kept = f"_{kept}"
    if len(kept.encode()) > _LONGEST:
        kept = _marked(kept.encode()[: _LONGEST - 9].decode(errors="ignore"), stem)
    return kept


def origin_of(file: str | os.PathLike[str], out: str | os.PathLike[str]) -> str:
    """Return the path of an input as seen from the folder of results, with forward slashes."""
    try:
        return Path(os.path.relpath(Path(file).resolve(), Path(out).resolve())).as_posix()
    except (OSError, ValueError, RuntimeError):  # another drive, or no path at all
        return Path(os.path.abspath(os.fspath(file).replace("\0", "_"))).as_posix()


def folder_names(files: Sequence[str], out: str) -> list[str]:
    """Return the name of the folder of each input: its stem, with a mark where others share it.

    An input whose result is there already keeps its folder; of the others the first takes the stem.

    Parameters
    ----------
    files : sequence of str
        Inputs of one batch.
    out : str
        The folder of results, which need not exist.
    """
    stems = [safe_stem(file) for file in files]
    origins = [origin_of(file, out) for file in files]
    shared = Counter(map(_same, stems))
    names, used = [""] * len(files), set[str]()
    for index, (stem, origin) in enumerate(zip(stems, origins, strict=True)):
        for name in (_marked(stem, origin), *([stem] if shared[_same(stem)] > 1 else [])):
            held = any(stored.origin == origin for stored in stored_in(Path(out, name)))
            if held and not names[index] and _same(name) not in used:
                names[index] = name
                used.add(_same(name))
    for index, (stem, origin) in enumerate(zip(stems, origins, strict=True)):
        if names[index]:
            continue
        # a stem that others share and somebody's result has already is left to that one
        free = [stem] if shared[_same(stem)] == 1 or not stored_in(Path(out, stem)) else []
        again = (_marked(stem, f"{origin} {number}") for number in count(2))
        names[index] = next(n for n in chain(free, [_marked(stem, origin)], again) if _same(n) not in used)
        used.add(_same(names[index]))
    return names


def stored_in(folder: Path) -> list[Stored]:
    """Return whose results a folder holds, those of several traces included; none where it holds none."""
    found = []
    for place in (folder, *sorted(folder.glob("trace-*"))):
        try:
            record = json.loads((place / "fit.json").read_text(encoding="utf-8"))
            file, sha256, origin = record["file"], record["sha256"], record.get("origin", "")
            found.append(Stored(file=str(file), sha256=str(sha256), origin=str(origin)))
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            continue  # no result, or a damaged one: nothing that could be lost
    return found


def shard_of(text: str) -> tuple[int, int]:
    """Return the part and the number of parts of "I/N".

    Examples
    --------
    >>> shard_of("2/8")
    (2, 8)
    """
    part, _, parts = str(text).partition("/")
    if part.isdecimal() and parts.isdecimal() and 1 <= int(part) <= int(parts):
        return int(part), int(parts)
    raise UsageError(f"shard is {text!r}; it must be I/N with I from 1 to N, such as 2/8")


def require_own(folder: Path, file: str, sha256: str, origin: str) -> None:
    """Refuse a folder that holds the result of another input.

    Raises
    ------
    InputError
        With both files, and what to do.
    """
    for stored in stored_in(folder):
        if stored.sha256 == sha256 or (origin and stored.origin == origin):
            continue
        other = stored.file
        if stored.origin and (not other or other == file):  # the same words typed elsewhere
            other = os.path.normpath(Path(folder.parent, stored.origin))
        raise InputError(
            f"{folder} holds the result of another input, {other or 'data made in memory'}, which is kept",
            file=file,
            remedy="name another folder with --out, or replace it with --force",
        )


def require_batch_place(directory: Path) -> None:
    """Refuse a folder of results that is itself one result, whose report a batch would overwrite.

    Raises
    ------
    UsageError
        With the file that gives it away.
    """
    mark = next((m for m in ("spectra.json", "fit.json") if (directory / m).is_file()), None)
    if mark is not None:
        raise UsageError(
            f"{directory} holds {mark}: it is one result, whose report a batch would overwrite; "
            "name another folder with --out"
        )


def _marked(stem: str, text: str) -> str:
    return f"{stem}-{hashlib.sha256(text.encode('utf-8', 'surrogateescape')).hexdigest()[:8]}"


def _same(name: str) -> str:
    """Return a name as file systems compare it that know no case and several ways to write an accent."""
    return unicodedata.normalize("NFC", name).casefold()
