"""Stored texts and how a text is compared with them: words exactly, numbers within rounding of a machine.

`CXKINETICS_APPROVE=1 python -m pytest tests/approval` writes what the code says today; the difference
is then read in the version control's diff.
"""

import functools
import hashlib
import os
import re
from difflib import unified_diff
from pathlib import Path

import numpy as np

import cxkinetics as cx

__all__ = ["APPROVE", "STORED", "arithmetic", "check", "differences", "masked"]

STORED = Path(__file__).with_name("stored")
APPROVE = os.environ.get("CXKINETICS_APPROVE") == "1"
RELATIVE, ABSOLUTE, ZERO = 1e-6, 1e-9, 1e-13
"""What another processor or linear algebra may change: optima agree to some 1e-9; ZERO holds on the same."""

_NUMBER = re.compile(r"(?<![\w.])(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?")
_MASKS = [
    (re.compile(rf"(?<![\w.]){re.escape(cx.__version__)}(?![\w]|\.\d)"), "VERSION"),
    (re.compile(r"\b[0-9a-f]{64}\b|(?<=\bsha256 )[0-9a-f]{12}\b"), "SHA256"),
    (re.compile(r"\b(Python|numpy|scipy|lmfit|matplotlib|pandas) \d+\.[\w.]*"), r"\1 VERSION"),
    (re.compile(r'(?<="extra_instruments": )(?:true|false)'), "INSTALLED OR NOT"),
    (re.compile(r"\b20\d\d-[01]\d-[0-3]\d(?:[T ][\d:.]+Z?)?\b"), "DATE"),
]
_METAVARS = re.compile(r"(--[a-z-]+) [A-Z]+(?=,\s+--)")
"""Said by argparse once for each spelling of an option, or after the last one alone."""
_CHOICES = re.compile(r"\(choose from [^)]*\)")
"""Quoted by argparse of some versions of Python."""


def masked(text: str, *folders: Path) -> str:
    """Return the text with version, hashes, dates and the given folders masked, newlines as \\n."""
    for folder in folders:
        for name in {str(folder.resolve()), str(folder), folder.as_posix()}:
            text = text.replace(name, "DIR")
    text = text.replace(str(Path(cx.__file__).parent), "PACKAGE").replace("\r\n", "\n")
    for pattern, word in _MASKS:
        text = pattern.sub(word, text)
    text = _METAVARS.sub(r"\1", text)
    return _CHOICES.sub(lambda found: found.group().replace("'", ""), text)


def _split(text: str) -> tuple[list[str], list[float]]:
    return _NUMBER.split(text), [float(number) for number in _NUMBER.findall(text)]


def _same(stored: str, now: str, relative: float, floor: float) -> bool:
    if stored == now:
        return True
    if relative > 1e-5:  # numbers of another length move the columns of a table
        stored, now = " ".join(stored.split()), " ".join(now.split())
    words, numbers = _split(stored)
    new_words, new_numbers = _split(now)
    return words == new_words and all(
        abs(a - b) <= max(floor, relative * max(abs(a), abs(b)))
        for a, b in zip(numbers, new_numbers, strict=True)
    )


def differences(stored: str, now: str, relative: float = RELATIVE, floor: float = ZERO) -> list[str]:
    """Return the lines of a unified diff; lines that differ by rounding only count as the same."""
    old, new = stored.splitlines(), now.splitlines()
    if len(old) == len(new):  # take over the stored rounding, so that only real changes are listed
        new = [a if _same(a, b, relative, floor) else b for a, b in zip(old, new, strict=True)]
    return list(unified_diff(old, new, "stored", "now", lineterm="", n=1))


@functools.cache
def arithmetic() -> str:
    """Return a hash of what this machine makes of some sums, products and logarithms, to the last bit."""
    a = np.random.default_rng(0).normal(size=(60, 60))
    made = (
        a @ a.T,
        np.exp(a),
        np.log(np.abs(a)),
        np.linalg.svd(a)[1],
        np.linalg.solve(a, a[0]),
        a.sum(axis=0),
    )
    return hashlib.sha256(b"".join(np.ascontiguousarray(item).tobytes() for item in made)).hexdigest()


def check(name: str, text: str, *, elsewhere: float = RELATIVE) -> None:
    """Compare a text with the stored one of this name, or store it where that was asked for.

    `elsewhere` is the relative tolerance where the arithmetic is not that of the machine that stored it.
    """
    path = STORED / name
    text = text.rstrip("\n") + "\n"
    if APPROVE:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8", newline="\n")
        (STORED / "arithmetic.txt").write_text(arithmetic() + "\n", encoding="utf-8", newline="\n")
        return
    assert path.is_file(), f"{name} is not stored; CXKINETICS_APPROVE=1 stores it"
    here = (STORED / "arithmetic.txt").read_text(encoding="utf-8").strip() == arithmetic()
    allowed = (RELATIVE, ZERO) if here else (elsewhere, ABSOLUTE * elsewhere / RELATIVE)
    found = differences(path.read_text(encoding="utf-8"), text, *allowed)
    shown = "\n".join(found[:80])
    assert not found, f"{name} has changed ({len(found)} lines of diff):\n{shown}"
