"""The structure of the package, checked: floors, sizes, lazy imports, documentation."""

import ast
import importlib
import inspect
import pkgutil
import subprocess
import sys
from pathlib import Path

import pytest

import cxkinetics

PACKAGE = Path(cxkinetics.__file__).parent
GROUND = {
    "annexes",
    "arrays",
    "atomic",
    "errors",
    "estimate",
    "options",
    "presentation",
    "record",
    "remarks",
    "schemas",
    "source",
    "version",
}
FLOORS = [  # from the ground up; a module imports from its own room and from lower floors only
    GROUND,
    {"document"},
    {"report"},
    {"signals"},
    {"models"},
    {"io", "inference"},
    {"kinetics"},
    {"examples"},
    {"cli"},
    {"curves", "spectral", "composition", "evidence"},  # annexes: the core does without them
]
UPWARD = {  # arrows that still run up, each to be turned round
    ("cli/demo.py", "composition"),
    ("cli/demo_page.py", "composition"),
    ("cli/completion.py", "composition"),
}
SEAMS = {"cxkinetics/presentation.py", "cxkinetics/__init__.py"}  # may reach up, by design
HEAVY = {"numpy", "scipy", "pandas", "matplotlib", "lmfit", "openpyxl", "jinja2", "tqdm"}
FILES = sorted(PACKAGE.rglob("*.py"))
MODULES = sorted(
    m.name for m in pkgutil.walk_packages([str(PACKAGE)], "cxkinetics.") if not m.name.endswith("__main__")
)


def room_of(module: str) -> str:
    return module.split(".")[1] if "." in module else ""


def floor_of(room: str) -> int:
    return next(i for i, rooms in enumerate(FLOORS) if room in rooms)


def imports_of(path: Path) -> list[str]:
    names = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} uses a relative import"
            names += [
                f"{node.module}.{alias.name}" if node.module == "cxkinetics" else str(node.module)
                for alias in node.names
            ]
    return [name for name in names if name.split(".")[0] == "cxkinetics"]


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_imports_run_downward(path: Path) -> None:
    name = str(path.relative_to(PACKAGE.parent))
    if name in SEAMS:
        return
    room = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
    for imported in imports_of(path):
        assert imported != "cxkinetics", "nothing imports the package root"
        target = room_of(imported)
        if room == "__main__":
            assert target == "cli"
            continue
        allowed = target == room or floor_of(target) < floor_of(room) or {target, room} <= GROUND
        allowed |= (path.relative_to(PACKAGE).as_posix(), target) in UPWARD
        assert allowed, f"{name} ({room}) imports {imported}, which is not below it"


@pytest.mark.parametrize("module", MODULES)
def test_every_module_imports_on_its_own_and_documents_itself(module: str) -> None:
    loaded = importlib.import_module(module)
    assert (loaded.__doc__ or "").strip(), f"{module} has no docstring"
    for name in getattr(loaded, "__all__", []):
        value = getattr(loaded, name)
        if inspect.isfunction(value) or inspect.isclass(value):
            assert (value.__doc__ or "").strip(), f"{module}.{name} has no docstring"


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_only_the_command_line_prints(path: Path) -> None:
    if {"cli", "verbs"} & set(path.relative_to(PACKAGE).parts):
        return
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            allowed = {"exec"} if path.name == "record.py" else set()  # of names in classes, as `dataclasses`
            assert node.func.id not in {"print", "eval", "exec"} - allowed, f"{path}:{node.lineno}"


def test_public_names_are_listed_and_real() -> None:
    assert set(cxkinetics.__all__) == {*cxkinetics._HOME, "__version__"}
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


CLOCKS = {"time", "process_time", "perf_counter", "monotonic", "thread_time", "timeit"}
HANG_GUARD = {"tests/io/test_fuzz.py"}  # thirty times the usual and more


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
