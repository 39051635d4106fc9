"""What the code is measured by: long functions, branches, positionals, arrows between modules, lines.

`python -m tests.guards` prints today's exceptions in the form in which `exceptions.json` holds them.
"""

import ast
import io
import json
import re
import subprocess
import sys
import tokenize
from collections.abc import Iterator
from functools import cache
from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[1] / "cxkinetics"
STORED = Path(__file__).with_name("exceptions.json")
LONGEST, BRANCHES, POSITIONALS = 60, 15, 5
ANNEXES = ("curves", "spectral", "composition", "evidence", "mechanism", "planning", "app")
TOLD = {f"{annex}/__init__.py" for annex in ANNEXES}
"""Files whose strings are no imports of theirs: what an annex declares is followed by `annexes` alone."""
_NO_CODE = (
    tokenize.NL,
    tokenize.NEWLINE,
    tokenize.COMMENT,
    tokenize.INDENT,
    tokenize.DEDENT,
    tokenize.ENDMARKER,
)
Function = ast.FunctionDef | ast.AsyncFunctionDef


def files() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def name_of(path: Path) -> str:
    return path.relative_to(PACKAGE).as_posix()


def module_of(path: Path) -> str:
    return ".".join(("cxkinetics", *path.relative_to(PACKAGE).with_suffix("").parts)).removesuffix(
        ".__init__"
    )


@cache  # functions and rooms are both counted by them
def code_lines(path: Path) -> set[int]:
    """Return the numbers of the lines that hold code: no blank, comment or docstring."""
    text = path.read_text(encoding="utf-8")
    words: set[int] = set()
    for node in ast.walk(ast.parse(text)):
        if (
            isinstance(node, ast.Expr)
            and isinstance(node.value, ast.Constant)
            and isinstance(node.value.value, str)
        ):
            words |= set(range(node.lineno, (node.end_lineno or node.lineno) + 1))
    tokens = tokenize.generate_tokens(io.StringIO(text).readline)
    return {token.start[0] for token in tokens if token.type not in _NO_CODE} - words


def functions(tree: ast.AST, inside: str = "") -> Iterator[tuple[str, Function]]:
    """Yield every function with its name as seen from the module."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            name = f"{inside}{node.name}"
            if not isinstance(node, ast.ClassDef):
                yield name, node
            yield from functions(node, f"{name}.")
        else:
            yield from functions(node, inside)


def long_functions() -> dict[str, int]:
    """Return the functions of more than LONGEST lines of code."""
    found = {}
    for path in files():
        lines = code_lines(path)
        for name, node in functions(tree_of(path)):
            count = len(lines & set(range(node.lineno, (node.end_lineno or node.lineno) + 1)))
            if count > LONGEST:
                found[f"{name_of(path)}: {name}"] = count
    return found


def many_positionals() -> dict[str, int]:
    """Return the functions that take more than POSITIONALS values by position."""
    found = {}
    for path in files():
        for name, node in functions(tree_of(path)):
            given = [argument.arg for argument in (*node.args.posonlyargs, *node.args.args)]
            count = len([argument for argument in given if argument not in ("self", "cls")])
            if count > POSITIONALS:
                found[f"{name_of(path)}: {name}"] = count
    return found


def many_branches() -> dict[str, int]:
    """Return the functions whose complexity lies above BRANCHES, by ruff."""
    words = ["ruff", "check", "--isolated", "--select", "C901", "--output-format", "json", "--exit-zero"]
    limit = f"lint.mccabe.max-complexity={BRANCHES}"
    done = subprocess.run(
        [sys.executable, "-m", *words, "--config", limit, str(PACKAGE)],
        capture_output=True,
        text=True,
        check=True,
    )
    found = {}
    for item in json.loads(done.stdout):
        name, count = re.findall(r"`(\w+)`.*\((\d+) >", item["message"])[0]
        found[f"{name_of(Path(item['filename']))}: {name}"] = int(count)
    return found


def arrows() -> dict[str, set[str]]:
    """Return module -> modules that it imports, at once, when it runs, or by a string; no annotation's."""
    known = {module_of(path) for path in files()}
    found: dict[str, set[str]] = {}
    for path in files():
        here = module_of(path)
        names = _named(tree_of(path), strings=name_of(path) not in TOLD)
        found[here] = {name for name in names if name in known} - {here, "cxkinetics"}
    return found


def _named(tree: ast.AST, *, strings: bool) -> Iterator[str]:
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test):
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield str(node.module)
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif strings and isinstance(node, ast.Constant):
            yield from re.findall(r"^(cxkinetics(?:\.\w+)+)(?::\w+)?$", str(node.value))
        yield from _named(node, strings=strings)


def circles() -> list[list[str]]:
    """Return the sets of modules that import each other in a circle (Tarjan)."""
    graph = arrows()
    order: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    found: list[list[str]] = []

    def visit(module: str) -> None:
        order[module] = low[module] = len(order)
        stack.append(module)
        for other in graph[module]:
            if other not in order:
                visit(other)
                low[module] = min(low[module], low[other])
            elif other in stack:
                low[module] = min(low[module], order[other])
        if low[module] == order[module]:
            place = stack.index(module)
            if len(stack) - place > 1:
                found.append(sorted(stack[place:]))
            del stack[place:]

    for module in graph:
        if module not in order:
            visit(module)
    return found


def lines_by_room() -> dict[str, int]:
    """Return the lines of code of each room; "ground" is what lies in none."""
    found: dict[str, int] = {}
    for path in files():
        parts = path.relative_to(PACKAGE).parts
        room = parts[0] if len(parts) > 1 else "ground"
        found[room] = found.get(room, 0) + len(code_lines(path))
    return found


def exceptions() -> dict[str, dict[str, int]]:
    """Return every function that is too long, branches too often or takes too many positionals."""
    kinds = {"long": long_functions(), "branches": many_branches(), "positionals": many_positionals()}
    return {kind: dict(sorted(found.items())) for kind, found in kinds.items()}


if __name__ == "__main__":
    print(json.dumps(exceptions(), indent=1))
