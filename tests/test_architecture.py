"""The structure of the package, checked: floors, circles, sizes, schemas, lazy imports, documentation."""

import ast
import importlib
import inspect
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

import cxkinetics
from cxkinetics.annexes import homes
from tests import guards

PACKAGE = Path(cxkinetics.__file__).parent
GROUND = {
    "annexes",
    "arrays",
    "calls",
    "atomic",
    "errors",
    "estimate",
    "options",
    "record",
    "remarks",
    "schemas",
    "source",
    "version",
}
FLOORS = [  # from the ground up; a module imports from its own room and from lower floors only
    GROUND,
    {"document"},
    {"signals"},
    {"models"},
    {"io", "inference"},
    {"kinetics"},
    {"examples"},
    {"cli"},
    {
        "curves",
        "spectral",
        "composition",
        "evidence",
        "mechanism",
        "planning",
        "app",
    },  # annexes: the core does without them
]
SEAMS = {"__init__.py"}  # for type checkers it names every public name, those of the annexes too
HEAVY = {"numpy", "scipy", "pandas", "matplotlib", "lmfit", "openpyxl", "jinja2", "tqdm"}
FILES = guards.files()
MODULES = [guards.module_of(path) for path in FILES if path.name != "__main__.py"]


def room_of(module: str) -> str:
    return module.split(".")[1] if "." in module else ""


def floor_of(room: str) -> int:
    return next(i for i, rooms in enumerate(FLOORS) if room in rooms)


def imports_of(path: Path) -> list[str]:
    names = []
    for node in ast.walk(guards.tree_of(path)):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} uses a relative import"
            names += [
                f"{node.module}.{alias.name}" if node.module == "cxkinetics" else str(node.module)
                for alias in node.names
            ]
    return [name for name in names if name.split(".")[0] == "cxkinetics"]


def builds_on(room: str) -> tuple[str, ...]:
    found = getattr(importlib.import_module(f"cxkinetics.{room}"), "BUILDS_ON", ()) if room else ()
    return tuple(found)


def test_imports_run_downward() -> None:
    wrong = []
    for path in FILES:
        name = guards.name_of(path)
        room = name.split("/")[0].removesuffix(".py")
        for imported in imports_of(path) if name not in SEAMS else ():
            target = room_of(imported)
            if imported == "cxkinetics" or not (
                target == room
                or (room == "__main__" and target == "cli")
                or (room != "__main__" and floor_of(target) < floor_of(room))
                or {target, room} <= GROUND
                or target in builds_on(room)  # an annex may name those it builds on
            ):
                wrong.append(f"{name} imports {imported}, which is not below it")
    assert not wrong


def test_no_module_imports_itself_in_a_circle() -> None:
    """Imports when a function runs and imports by a string are counted; annotations are none."""
    assert guards.circles() == []


def test_every_module_imports_on_its_own_and_documents_itself() -> None:
    bare = []
    for module in MODULES:
        loaded = importlib.import_module(module)
        bare += [] if (loaded.__doc__ or "").strip() else [module]
        for name, value in vars(loaded).items():
            public = not name.startswith("_") and getattr(value, "__module__", "") == module
            if public and (inspect.isfunction(value) or inspect.isclass(value)):
                bare += [] if (value.__doc__ or "").strip() else [f"{module}.{name}"]
    assert not bare, "without a docstring"


def test_only_the_command_line_prints() -> None:
    found = [
        f"{guards.name_of(path)}:{node.lineno}"
        for path in FILES
        if not {"cli", "verbs"} & set(path.relative_to(PACKAGE).parts)
        for node in ast.walk(guards.tree_of(path))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
        if node.func.id in {"print", "eval", "exec"}
    ]
    # record.py makes the writer of a class as `dataclasses` makes its __init__
    assert [place.partition(":")[0] for place in found] == ["record.py"]


def test_functions_stay_short_plain_and_called_by_name() -> None:
    """At most 60 lines of code, complexity 15, five positionals; what is over them is listed and shrinks."""
    stored = json.loads(guards.STORED.read_text(encoding="utf-8"))
    for kind, found in guards.exceptions().items():
        known = stored[kind]
        new = {name: count for name, count in found.items() if count > known.get(name, 0)}
        assert not new, f"{kind}: new, or more than before"
        done = {name: count for name, count in known.items() if found.get(name) != count}
        assert not done, (
            f"{kind}: no longer needed, or fewer by now; `python -m tests.guards` prints the list"
        )


CORE, WHOLE = 23_400, 46_850
"""Lines of code, without blanks, comments and docstrings; raised only with a line in the changelog."""


def test_the_package_does_not_grow_unseen() -> None:
    rooms = guards.lines_by_room()
    core = sum(count for room, count in rooms.items() if room not in guards.ANNEXES)
    assert core <= CORE, rooms
    assert sum(rooms.values()) <= WHOLE, rooms


def test_every_schema_names_one_kind_of_document() -> None:
    """A class or a command writes each schema; it stands in the code where it is written, and once."""
    written: dict[str, list[str]] = {}
    for path in FILES:
        for node in ast.walk(guards.tree_of(path)):
            values: list[ast.expr | None] = []
            if isinstance(node, ast.Assign | ast.AnnAssign):
                values = [node.value]
            elif isinstance(node, ast.Dict):
                known = zip(node.keys, node.values, strict=True)
                values = [v for k, v in known if isinstance(k, ast.Constant) and k.value == "schema"]
            for value in values:
                if isinstance(value, ast.Constant) and re.fullmatch(
                    r"cxkinetics\.[\w-]+/\d+", str(value.value)
                ):
                    written.setdefault(str(value.value), []).append(guards.name_of(path))
    twice = {schema: places for schema, places in written.items() if len(places) > 1}
    assert not twice, "written in two places"
    assert len(written) >= 15


def test_public_names_are_listed_and_real() -> None:
    assert set(cxkinetics.__all__) == {*cxkinetics._HOME, *homes(), "__version__"}
    assert cxkinetics.__all__ == sorted(cxkinetics.__all__)
    for name in cxkinetics.__all__:
        assert getattr(cxkinetics, name) is not None


@pytest.mark.parametrize("statement", ["import cxkinetics", "import cxkinetics.cli.main"])
def test_light_imports_load_nothing_heavy(statement: str) -> None:
    code = f"import sys; {statement}; print(*{{m.partition('.')[0] for m in sys.modules}})"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert not set(out.split()) & HEAVY


def test_help_starts_without_numpy() -> None:
    code = (
        "import sys\nfrom cxkinetics.cli.main import main\n"
        "try:\n    main(['fit', '--help'])\nexcept SystemExit:\n    pass\n"
        "print('MODULES', *{m.partition('.')[0] for m in sys.modules})"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert not set(out.partition("MODULES")[2].split()) & HEAVY


def test_a_first_fit_of_times_and_readings_loads_no_readers_of_files() -> None:
    code = (
        "import sys, cxkinetics as cx\n"
        "cx.fit_stages([2.0 * i for i in range(20)], [0.9 * 0.8**i + 0.001 * (i % 3) for i in range(20)])\n"
        "print(*sys.modules)"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    loaded = set(out.split())
    assert "cxkinetics.kinetics.fit" in loaded
    assert not loaded & {"cxkinetics.io.load", "scipy.optimize", "pandas", "matplotlib", "lmfit", "openpyxl"}


def test_a_fit_from_the_command_line_loads_no_tools_of_numpy_and_leaves_them_in_reach(tmp_path: Path) -> None:
    path = tmp_path / "run.csv"
    path.write_text("time (s),absorbance\n" + "".join(f"{t},{0.9 * 0.9**t:.4f}\n" for t in range(0, 40, 2)))
    code = (
        "import sys, numpy\nnames, listed = list(numpy.__all__), dir(numpy)\n"
        "from cxkinetics.cli.main import main\n"
        f"code = main(['fit', {str(path)!r}, '--stages', '1', '--json'])\n"
        "loaded = {'numpy.f2py', 'numpy.testing'} & set(sys.modules)\n"
        "print('MODULES', code, loaded, numpy.__all__ == names, set(listed) - set(dir(numpy)), "
        "numpy.testing.__name__)"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert out.partition("MODULES")[2].split() == ["0", "set()", "True", "set()", "numpy.testing"]


@pytest.mark.parametrize(
    ("words", "asked"), [("--help", []), ("fit --help", ["fit"]), ("dose --help", ["dose"])]
)
def test_only_the_verb_that_is_asked_for_is_imported(words: str, asked: list[str]) -> None:
    code = (
        "import sys\nfrom cxkinetics.cli.main import VERBS, main\n"
        f"try:\n    main({words.split()})\nexcept SystemExit:\n    pass\n"
        "print('VERBS', *(m.rpartition('.')[2] for m in sys.modules if m.startswith('cxkinetics.')\n"
        "    and m.split('.')[-2] in ('cli', 'verbs') and m.rpartition('.')[2] in VERBS))"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert set(out.partition("VERBS")[2].split()) - {"predict"} == set(asked)  # dose shares its arguments


CLOCKS = {"time", "process_time", "perf_counter", "monotonic", "thread_time", "timeit"}
HANG_GUARD = {
    "tests/io/test_fuzz.py",
    "tests/io/test_patterns.py",
}  # thirty times the usual; growth as ratios


def test_ordinary_tests_look_at_no_clock() -> None:
    """Seconds differ between machines: they are measured as ratios, in the benchmarks."""
    root = Path(__file__).parents[1]
    looking = set()
    for path in (root / "tests").rglob("test_*.py"):
        name = path.relative_to(root).as_posix()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
                if node.value.id in ("time", "timeit") and node.attr.removesuffix("_ns") in CLOCKS:
                    looking.add(name)
            elif isinstance(node, ast.ImportFrom) and node.module in ("time", "timeit"):
                looking.add(name)
    assert {name for name in looking if not name.startswith("tests/benchmarks/")} == HANG_GUARD
