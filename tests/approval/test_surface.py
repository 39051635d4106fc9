"""Public names with their signatures, help of every verb, and what one fit loads."""

import dataclasses
import inspect
import json
import re
import subprocess
import sys
from collections.abc import Iterable, Mapping
from typing import Any

import pytest

import cxkinetics as cx
from tests.approval.cases import CASES, run_command
from tests.approval.compare import APPROVE, STORED, check, masked

VERBS = ("demo", "fit", "spectra", "incorporation", "predict", "dose", "evidence", "formats", "inspect")
VERBS += ("completion", "explain")
SCALARS = (str, bytes, int, float, bool, type(None))


def signature_of(thing: Any) -> str:
    """Return parameters and defaults; annotations are left out, numpy's look different in each version."""
    try:
        found = inspect.signature(thing)
    except (TypeError, ValueError):
        return "(...)"
    bare = [p.replace(annotation=inspect.Parameter.empty) for p in found.parameters.values()]
    return re.sub(r"cxkinetics\.(?:\w+\.)+", "", str(inspect.Signature(bare)))


def members_of(kind: type) -> list[str]:
    """Return every public method with its signature and every other attribute by name."""
    lines = []
    for name in sorted(name for name in dir(kind) if not name.startswith("_")):
        if issubclass(kind, BaseException) and (hasattr(BaseException, name) or hasattr(ImportError, name)):
            continue
        member = inspect.getattr_static(kind, name)
        if isinstance(member, (classmethod, staticmethod)):
            lines.append(f"  {type(member).__name__} {name}{signature_of(getattr(kind, name))}")
        elif callable(member):
            lines.append(f"  {name}{signature_of(member)}")
        else:
            lines.append(f"  {name}")
    return lines


def test_public_names_and_signatures() -> None:
    lines = []
    for name in cx.__all__:
        thing = getattr(cx, name)
        if not inspect.isclass(thing):
            lines.append(f"{name}{signature_of(thing)}" if callable(thing) else name)
            continue
        own = [base.__name__ for base in thing.__mro__[1:-1] if base.__name__ in (*cx.__all__, "Exception")]
        bases = f" of {', '.join(own)}" if issubclass(thing, BaseException) else ""
        lines.append(f"class {name}{signature_of(thing)}{bases}")
        lines += members_of(thing)
    check("surface/names.txt", masked("\n".join(lines)))


def kinds_within(value: Any) -> Iterable[type]:
    """Return the kinds of dataclass met in a result, field by field."""
    if isinstance(value, SCALARS):
        return
    if dataclasses.is_dataclass(value):
        yield type(value)
        for field in dataclasses.fields(value):
            yield from kinds_within(getattr(value, field.name))
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from kinds_within(item)
    elif isinstance(value, (tuple, list)):
        for item in value:
            yield from kinds_within(item)


def test_what_users_meet_inside_results() -> None:
    """Kinds that are not public names but stand in results: their methods and attributes."""
    found = {kind for case in CASES.values() for kind in kinds_within(case.make())}
    named = {getattr(cx, name) for name in cx.__all__}
    lines = []
    for kind in sorted(found - named, key=lambda kind: kind.__name__):
        lines += [f"class {kind.__name__}", *members_of(kind)]
    check("surface/kinds-in-results.txt", masked("\n".join(lines)))


@pytest.mark.parametrize("verb", ["", *VERBS])
def test_help(verb: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setenv("NO_COLOR", "1")
    code, out, _ = run_command(*([verb] if verb else []), "--help")
    assert code == 0
    words = " ".join(out.split())  # versions of argparse break lines elsewhere
    lines = re.sub(r" (?=\[?--[a-z]|positional arguments:|options:|example: )", "\n", words)
    check(f"surface/help{'-' if verb else ''}{verb}.txt", masked(lines))


FIT = "import numpy as np, cxkinetics as cx; t = np.arange(0.0, 60.0); a = 0.9 * np.exp(-0.03 * t)"
LOADING = {
    "fit_stages": f"{FIT}; cx.fit_stages(cx.Trace(time_s=t, absorbance=a + 0.001 * np.sin(7 * t)))",
    "cxkinetics fit": (
        f"{FIT}; import pathlib, runpy, sys, tempfile\n"
        "file = pathlib.Path(tempfile.mkdtemp()) / 'run.csv'\n"
        "rows = [f'{x:g},{y + 0.001 * np.sin(7 * x):.5f}' for x, y in zip(t, a)]\n"
        "file.write_text('\\n'.join(['t (s),A', *rows]))\n"
        "sys.argv = ['cxkinetics', 'fit', str(file)]\n"
        "try:\n    runpy.run_module('cxkinetics', run_name='__main__')\nexcept SystemExit as stop:\n"
        "    assert not stop.code"
    ),
    "cxkinetics --help": (
        "import runpy, sys; sys.argv = ['cxkinetics', '--help']\n"
        "try:\n    runpy.run_module('cxkinetics', run_name='__main__')\nexcept SystemExit:\n    pass"
    ),
    "import cxkinetics": "import cxkinetics",
}
HEAVY = frozenset(
    ("numpy", "scipy", "pandas", "matplotlib", "lmfit", "openpyxl", "jinja2", "tqdm", "molmass", "jcamp")
)
SLOW_PARTS = frozenset(("scipy.optimize", "scipy.stats", "scipy.sparse", "scipy.linalg"))
"""Parts that take longer to import than a short trace to fit, or nearly."""


def loaded_by(code: str) -> tuple[int, list[str]]:
    code += "\nimport sys; print('LOADED', *sys.modules)"
    out = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, check=True
    ).stdout  # fmt: skip
    names = out.rpartition("LOADED")[2].split()
    own = sum(name.partition(".")[0] == "cxkinetics" for name in names)
    return own, sorted({name.partition(".")[0] for name in names} & HEAVY | SLOW_PARTS.intersection(names))


def test_a_fit_loads_no_more_than_it_did() -> None:
    path = STORED / "surface" / "modules.json"
    now = {name: loaded_by(code) for name, code in LOADING.items()}
    if APPROVE:
        record = {name: {"cxkinetics": own, "others": others} for name, (own, others) in now.items()}
        path.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8", newline="\n")
    stored = json.loads(path.read_text(encoding="utf-8"))
    special = set(loaded_by("import scipy.special")[1])  # of some versions, a slow part
    for name, (own, others) in now.items():
        assert own <= stored[name]["cxkinetics"], f"{name} loads {own} modules of the package"
        known = set(stored[name]["others"])
        assert set(others) <= known | (special if "scipy" in known else set()), f"{name} loads {others}"
