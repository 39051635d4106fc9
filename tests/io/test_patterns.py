"""Every regular expression of the package takes time in proportion to the text, whatever stands in it."""

import importlib
import inspect
import pkgutil
import re
import time
from collections.abc import Iterator

import pytest

import cxkinetics

LENGTH = 500
PIECES = (
    *(
        " ",
        "\t",
        "a",
        "1",
        "(",
        "_",
        ".",
        ",",
        ":",
        "-",
        "/",
        "x ",
        "1 ",
        "1,",
        "a_",
        "( ",
        "m ",
        "\n",
        ";",
        '"',
    ),
    *(
        "molar ",
        "min ",
        "1:11 ",
        "2024-01-01 ",
        "time ",
        "T ",
        "nm ",
        "+",
        "e1",
        "1e",
        "%",
        "[",
        "] ",
        "# ",
        ">",
    ),
    *("Date: ", "Collected ", "Cycle ", "Plate ", "Ag ", "Cd/", "±", "'", "*", "{", "|", "S 2p ", "sd ", "<"),
)


SHORT = {"cxkinetics.io.cells", "cxkinetics.io.headers", "cxkinetics.io.words"}
"""Modules that pass over cells of more than 60 and names of more than 200 characters before they search."""
SCANS = ("search", "findall", "finditer", "split", "sub")


def patterns() -> Iterator[tuple[str, tuple[re.Pattern[str], tuple[str, ...]]]]:
    """Yield every compiled pattern of text in the modules, and how it is used there."""
    for module in pkgutil.walk_packages(cxkinetics.__path__, "cxkinetics."):
        if module.name.endswith("__main__") or module.name in SHORT:
            continue
        loaded = importlib.import_module(module.name)
        source = inspect.getsource(loaded)
        for name, value in vars(loaded).items():
            for found in inside(value):
                if isinstance(found.pattern, str):
                    own = rf"\b{name}(\[[^\]]*\])?\.{{0}}\(|\bre\.{{0}}\({name},"
                    ways = (*SCANS, "match", "fullmatch")
                    used = tuple(way for way in ways if re.search(own.format(way), source))
                    yield f"{module.name}.{name}: {found.pattern[:60]}", (found, used or ("search", "match"))


def inside(value: object, deep: int = 0) -> Iterator[re.Pattern[str]]:
    if isinstance(value, re.Pattern):
        yield value
    elif deep < 3 and isinstance(value, (tuple, list, frozenset, set)):
        for item in value:
            yield from inside(item, deep + 1)
    elif deep < 3 and isinstance(value, dict):
        for key, item in value.items():
            yield from inside(key, deep + 1)
            yield from inside(item, deep + 1)


def own_pieces(pattern: re.Pattern[str]) -> tuple[str, ...]:
    """Return the words and signs that stand in a pattern itself."""
    words = re.findall(r"[A-Za-zµ°]{2,}", re.sub(r"\\[a-zA-Z]", " ", pattern.pattern))
    return tuple(dict.fromkeys(piece for word in words[:6] for piece in (word, word + " ")))


def seconds(pattern: re.Pattern[str], ways: tuple[str, ...], text: str) -> float:
    begin = time.process_time()
    for way in dict.fromkeys("search" if way in SCANS else way for way in ways):
        getattr(pattern, way)(text)
    return time.process_time() - begin


def grows(pattern: re.Pattern[str], ways: tuple[str, ...], before: str, piece: str) -> bool:
    """Return whether each doubling of a text multiplies the work by more than three.

    What needs less than 4 ms at the longest is linear: squares would need ten times that.
    """
    texts = [before + piece * (LENGTH * k // len(piece)) + "\x01" for k in (4, 2, 1)]
    long = seconds(pattern, ways, texts[0])
    if long < 0.004:
        return False
    long, middle, short = (min(seconds(pattern, ways, text) for _ in range(3)) for text in texts)
    return middle > 3 * short and long > 3 * middle


KNOWN = dict(patterns())


def test_the_patterns_are_found() -> None:
    assert len(KNOWN) > 80
    assert grows(re.compile(r"(a|b)*\s+$"), ("search",), "", " "), "a pattern known to be slow"


@pytest.mark.parametrize("name", KNOWN)
def test_doubling_a_text_doubles_the_work(name: str) -> None:
    pattern, ways = KNOWN[name]
    own = own_pieces(pattern)
    tried = ((before, piece) for piece in (*PIECES, *own) for before in ("", *own[:1]))
    slow = next((pair for pair in tried if grows(pattern, ways, *pair)), None)
    assert slow is None
