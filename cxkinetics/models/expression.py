"""Rate laws written as arithmetic, such as "kd * (L / L100)^a", with exact derivatives.

Numbers, names, brackets, + - * / ^ (or **) and the functions exp, log, sqrt; nothing else is read, and
nothing is run as Python. A derivative is an expression again (rules of the sum, product, quotient and
power), so that fits get their gradients without differences. Values may be arrays of any one shape.
"""

import ast
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, TypeAlias

import numpy as np

from cxkinetics.errors import UsageError

Values: TypeAlias = Mapping[str, Any]
_Tree: TypeAlias = tuple[Any, ...]
"""("number", 2.0), ("name", "L"), or an operation with its operands."""

_OPERATIONS: dict[type[ast.AST], str] = {
    ast.Add: "+",
    ast.Sub: "-",
    ast.Mult: "*",
    ast.Div: "/",
    ast.Pow: "^",
}
_FUNCTIONS: dict[str, Callable[..., Any]] = {"exp": np.exp, "log": np.log, "sqrt": np.sqrt}
_APPLY: dict[str, Callable[..., Any]] = {
    "+": np.add,
    "-": np.subtract,
    "*": np.multiply,
    "/": np.divide,
    "^": np.power,
    **_FUNCTIONS,
}
_ZERO, _ONE = ("number", 0.0), ("number", 1.0)
_NEEDED = "write numbers, names, + - * / ^ and brackets, exp, log or sqrt, such as 'kd * (L / L100)^a'"
_LONGEST = 1000


@dataclass(frozen=True, slots=True)
class Expression:
    """An expression, known by the text that it was written as.

    Attributes
    ----------
    text : str
        As written; of a derivative, what it is the derivative of.
    tree : tuple
        Its operations.
    """

    text: str
    tree: _Tree

    @property
    def names(self) -> frozenset[str]:
        """Names that occur in it."""
        return frozenset(_names(self.tree))

    @property
    def constant(self) -> float | None:
        """Its value where it is a plain number, else None."""
        return float(self.tree[1]) if self.tree[0] == "number" else None

    def __call__(self, values: Values) -> Any:
        """Return its value, a number or an array."""
        return _value(self.tree, values)

    def along(self, name: str, values: Values) -> Callable[[Any], Any]:
        """Return it as a function of one name, all that does not depend on that worked out once.

        Examples
        --------
        >>> law = parse_expression("kd * 2 * (L / L100)^a").along("L", {"kd": 0.5, "L100": 4.0, "a": 2.0})
        >>> float(law(8.0))
        4.0
        """
        return _along(self.tree, name, values)

    def derivative(self, name: str) -> "Expression":
        """Return its derivative with respect to a name.

        Examples
        --------
        >>> slope = parse_expression("2 * k * (L / 4)^m").derivative("L")
        >>> float(slope({"k": 0.5, "L": 8.0, "m": 2.0}))
        1.0
        """
        return _derivative(self, name)


def parse_expression(text: str | float) -> Expression:
    """Return the expression that a text (or a number) describes.

    Raises
    ------
    UsageError
        If it is more than arithmetic; the message quotes it.

    Examples
    --------
    >>> law = parse_expression("kd * (L / L100)^a")
    >>> sorted(law.names), float(law({"kd": 0.036, "L": 288.0, "L100": 576.0, "a": 2.0}))
    (['L', 'L100', 'a', 'kd'], 0.009)
    """
    written = str(text)
    if len(written) > _LONGEST:
        raise UsageError(f"the expression {written[:40]!r}... has {len(written)} characters; {_NEEDED}")
    try:
        body = ast.parse(written.strip().replace("^", "**"), mode="eval").body
        return Expression(written, _read(body, written))
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        if isinstance(error, UsageError):
            raise
        raise UsageError(f"the expression {written!r} cannot be read; {_NEEDED}") from error


def _read(node: ast.expr, text: str) -> _Tree:
    match node:
        case ast.Constant(value=int() | float() as number) if not isinstance(number, bool):
            return ("number", float(number))
        case ast.Name(id=name):
            return ("name", name)
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _OPERATIONS:
            return _made(_OPERATIONS[type(op)], _read(left, text), _read(right, text))
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return _made("*", ("number", -1.0), _read(operand, text))
        case ast.UnaryOp(op=ast.UAdd(), operand=operand):
            return _read(operand, text)
        case ast.Call(func=ast.Name(id=name), args=[argument], keywords=[]) if name in _FUNCTIONS:
            return _made(name, _read(argument, text))
    raise UsageError(f"{ast.unparse(node)!r} in the expression {text!r} is no arithmetic; {_NEEDED}")


def _made(operation: str, *parts: _Tree) -> _Tree:
    """Return an operation, worked out where all its parts are numbers or one of them changes nothing."""
    if all(part[0] == "number" for part in parts):
        with np.errstate(all="ignore"):
            return ("number", float(_APPLY[operation](*(part[1] for part in parts))))
    first, last = parts[0], parts[-1]
    if operation == "*" and _ZERO in parts:
        return _ZERO
    if operation == "/" and first == _ZERO:
        return _ZERO
    if first == {"+": _ZERO, "*": _ONE}.get(operation):
        return last
    if len(parts) == 2 and last == {"+": _ZERO, "-": _ZERO, "*": _ONE, "/": _ONE, "^": _ONE}.get(operation):
        return first
    return (operation, *parts)


def _names(tree: _Tree) -> set[str]:
    if tree[0] == "name":
        return {tree[1]}
    return set() if tree[0] == "number" else set().union(*map(_names, tree[1:]))


def _value(tree: _Tree, values: Values) -> Any:
    kind = tree[0]
    if kind == "number":
        return tree[1]
    if kind == "name":
        return values[tree[1]]
    if len(tree) == 2:
        return _APPLY[kind](_value(tree[1], values))
    return _APPLY[kind](_value(tree[1], values), _value(tree[2], values))


def _along(tree: _Tree, name: str, values: Values) -> Callable[[Any], Any]:
    if name not in _names(tree):
        known = _value(tree, values)
        return lambda _: known
    if tree[0] == "name":
        return lambda value: value
    apply, first = _APPLY[tree[0]], _along(tree[1], name, values)
    if len(tree) == 2:
        return lambda value: apply(first(value))
    last = _along(tree[2], name, values)
    return lambda value: apply(first(value), last(value))


@cache
def _derivative(expression: Expression, name: str) -> Expression:
    return Expression(f"d({expression.text})/d{name}", _slope(expression.tree, name))


def _slope(tree: _Tree, name: str) -> _Tree:
    kind = tree[0]
    if name not in _names(tree):
        return _ZERO
    if kind == "name":
        return _ONE
    first = tree[1]
    inner = _slope(first, name)
    if kind in _FUNCTIONS:
        outer = {"exp": tree, "log": _made("/", _ONE, first), "sqrt": _made("/", ("number", 0.5), tree)}
        return _made("*", outer[kind], inner)
    other = tree[2]
    turned = _slope(other, name)
    if kind in "+-":
        return _made(kind, inner, turned)
    if kind == "*":
        return _made("+", _made("*", inner, other), _made("*", first, turned))
    if kind == "/":
        return _made("/", _made("-", inner, _made("*", tree, turned)), other)
    lower = _made("^", first, _made("-", other, _ONE))
    return _made(
        "+",
        _made("*", _made("*", other, lower), inner),
        _made("*", _made("*", tree, _made("log", first)), turned),
    )
