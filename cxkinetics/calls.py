"""The door of public functions and constructors: what is of the wrong kind is refused before it is used.

The annotations of a function say what each argument is; `checked` holds a call against them, so that no
function repeats it. What an annotation cannot say (limits, lengths, what fits together) the function
checks itself, on values of the right kind.
"""

import math
import numbers
import os
import reprlib
import sys
import typing
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache, partial, wraps
from inspect import Parameter, signature
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin

from cxkinetics.errors import InputError, UsageError, did_you_mean

FARTHEST = 1e150
"""Largest number whose square is a float."""
F = TypeVar("F", bound=Callable[..., Any])
T = TypeVar("T")
_Check = Callable[[Any], Any]
"""Returns the value as the function takes it, or raises `_WrongError`."""
_SHOWN = reprlib.Repr()
_SHOWN.maxother = _SHOWN.maxstring = 60


class _WrongError(Exception):
    """A value is not of the kind that is needed, which this names."""


def checked(*only: str, elsewhere: Mapping[str, str] | None = None) -> Callable[[F], F]:
    """Return a decorator that holds the arguments of a function against its names and annotations.

    Numbers of numpy and fractions become Python's own, any iterable stands for a sequence. Arrays, the
    values of mappings and what is annotated as `Any` are left to the function.

    Parameters
    ----------
    *only : str
        The arguments whose values are checked (default: all, "": none), where a function has a table
        for the others.
    elsewhere : mapping, optional
        Names that the function has not, and where what they mean is said.

    Raises
    ------
    UsageError
        From the function made: it names the argument, the value found and what it must be.

    Examples
    --------
    >>> @checked()
    ... def half(of: float) -> float:
    ...     return of / 2
    >>> half(3)
    1.5
    >>> half("3")
    Traceback (most recent call last):
    ...
    cxkinetics.errors.UsageError: of is '3'; it must be a finite number
    """
    return partial(_at_the_door, only, UsageError, elsewhere or {})


def checked_fields(*only: str) -> Callable[[type[T]], type[T]]:
    """Do the same for the constructor of a dataclass, whose refusals are an `InputError`."""

    def made(cls: type[T]) -> type[T]:
        setattr(cls, "__init__", _at_the_door(only, InputError, {}, cls.__init__))  # noqa: B010  # it is fixed
        return cls

    return made


def _at_the_door(only: tuple[str, ...], refusal: type[Exception], hints: Mapping[str, str], function: F) -> F:
    @wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        names, checks = _needs(function, only)
        if not kwargs.keys() <= set(names) and "**" not in names:
            raise refusal(_unknown(function, next(name for name in kwargs if name not in names), hints))
        for name, value in (*zip(names, args, strict=False), *kwargs.items()):
            if (check := checks.get(name)) is None:
                continue
            try:
                found = check(value)
            except _WrongError as wrong:
                raise refusal(f"{name} is {shown(value)}; it must be {wrong}") from None
            if found is not value and name in kwargs:
                kwargs[name] = found
            elif found is not value:
                place = names.index(name)
                args = (*args[:place], found, *args[place + 1 :])
        return function(*args, **kwargs)

    return call  # type: ignore[return-value]  # the same signature


def _unknown(function: Callable[..., Any], name: str, elsewhere: Mapping[str, str]) -> str:
    """Return the refusal of a keyword that a function has not."""
    known = [known for known in signature(function).parameters if known != "self"]
    hint = elsewhere.get(name) or did_you_mean(name, known).strip() or f"known: {', '.join(known)}"
    return f"{function.__qualname__.removesuffix('.__init__')} has no option {name!r}; {hint}"


def shown(value: Any) -> str:
    """Return a value for a message, whatever it is, in one short line.

    Examples
    --------
    >>> shown("x" * 999), shown([1.5, None])
    ("'xxxxxxxxxxxxxxxxxxxxxxxxxxx...xxxxxxxxxxxxxxxxxxxxxxxxxxxx'", '[1.5, None]')
    """
    text = " ".join(_SHOWN.repr(value).split())
    return text if len(text) <= 160 else f"{text[:157]}..."


@cache
def _needs(function: Callable[..., Any], only: tuple[str, ...]) -> tuple[tuple[str, ...], dict[str, _Check]]:
    """Return the parameters of a function in order ("**" takes any), and the check of each that has one."""
    checks: dict[str, _Check] = {}
    parameters = signature(function).parameters
    names = ["**" if p.kind is Parameter.VAR_KEYWORD else name for name, p in parameters.items()]
    for name, parameter in parameters.items():
        named = parameter.kind in (Parameter.POSITIONAL_OR_KEYWORD, Parameter.KEYWORD_ONLY)
        if not named or parameter.annotation is Parameter.empty or (only and name not in only):
            continue
        # one by one: a class that is named for readers of the code alone spoils no other argument
        carrier = type("_", (), {"__annotations__": {name: parameter.annotation}})
        try:
            hint = typing.get_type_hints(carrier, vars(sys.modules[function.__module__]))[name]
        except NameError:
            continue
        if (check := _check_of(hint)) is not None:
            checks[name] = partial(_seed, check) if name in ("rng", "seed") else check
    return tuple(names), checks


def _check_of(hint: Any) -> _Check | None:
    """Return the check of a type, None where anything goes."""
    origin, args = get_origin(hint) or hint, get_args(hint)
    if origin is Annotated:
        return _check_of(args[0])
    if origin in (Union, UnionType):
        options = [_check_of(arg) for arg in args]
        return None if None in options else partial(_any_of, [option for option in options if option])
    if origin is Literal:
        return partial(_one_of, args)
    if hint in _SCALARS:
        return _SCALARS[hint]
    if origin is tuple and args[-1] is not ...:
        return partial(_several, [_check_of(arg) for arg in args], f"a group of {len(args)} values", None)
    if origin in (tuple, Sequence, Iterable):
        return partial(_several, _check_of(args[0]), "a list", args[0])
    if origin is Mapping:
        return partial(_mapping, args[0])
    if origin is Callable:
        return partial(_that, callable, "a function")
    if not isinstance(origin, type) or origin in (object, Any) or origin.__name__ == "ndarray":
        return None
    if getattr(origin, "_is_protocol", False):  # what numpy takes as an array is anything
        return None
    what = "a path" if issubclass(origin, os.PathLike) else f"of the class {origin.__name__}"
    kind = os.PathLike if issubclass(origin, os.PathLike) else origin
    return partial(_that, lambda value: isinstance(value, kind), what)


def _that(right: Callable[[Any], bool], need: str, value: Any) -> Any:
    if right(value):
        return value
    raise _WrongError(need)


def _any_of(options: Sequence[_Check], value: Any) -> Any:
    needs = []
    for option in options:
        try:
            return option(value)
        except _WrongError as wrong:
            needs.append(str(wrong))
    raise _WrongError(" or ".join(dict.fromkeys(needs)))


def _one_of(words: tuple[Any, ...], value: Any) -> Any:
    return _that(lambda v: type(v) in map(type, words) and v in words, f"one of {words}", value)


def is_number(kind: type, value: Any) -> bool:
    """Return whether a value is a number of a kind, and neither a truth value nor a length of time."""
    # numpy counts lengths of time among the integers
    timed = getattr(getattr(value, "dtype", None), "kind", "") == "m"
    return isinstance(value, kind) and not isinstance(value, bool) and not timed


def _float(value: Any) -> Any:
    try:
        if is_number(numbers.Real, value) and math.isfinite(found := float(value)):
            return _that(lambda v: abs(v) <= FARTHEST, f"a number up to {FARTHEST:g}", found)
    except OverflowError:  # a whole number beyond what a float holds
        pass
    raise _WrongError("a finite number")


def _int(value: Any) -> int:
    if is_number(numbers.Integral, value) and abs(int(value)) < 1 << 63:
        return int(value)
    raise _WrongError("a whole number")


def _seed(check: _Check, value: Any) -> Any:
    found = check(value)
    return _that(lambda v: not isinstance(v, int) or v >= 0, "a seed: a whole number from 0", found)


def _bool(value: Any) -> bool:
    return bool(_that(lambda v: type(v).__name__ in ("bool", "bool_"), "True or False", value))


_SCALARS: dict[Any, _Check] = {
    float: _float,
    int: _int,
    bool: _bool,
    str: partial(_that, lambda value: isinstance(value, str), "text"),
    NoneType: partial(_that, lambda value: value is None, "None"),
}


def _several(check: Any, need: str, kind: Any, value: Any) -> Any:
    """Check the items of a sequence, each by `check`, or those of a group by one check each."""
    if isinstance(value, str) and kind is str:
        return value  # one text for several: the function knows what it means
    try:
        items = list(value)
    except (TypeError, ValueError):
        raise _WrongError(need) from None
    group = isinstance(check, list)
    if isinstance(value, (str, bytes, Mapping)) or (group and len(items) != len(check)):
        raise _WrongError(need)
    plain = isinstance(value, (list, tuple)) and kind in (int, str)
    if plain and set(map(type, items)) <= {kind}:  # the common case, without a call for each
        return value
    found = []
    for item, one in zip(items, check if group else [check] * len(items), strict=True):
        try:
            found.append(item if one is None else one(item))
        except _WrongError as wrong:
            raise _WrongError(f"{need} of which each is {wrong}, not {shown(item)}") from None
    return found if isinstance(value, list) and not group else tuple(found)


def _mapping(kind: Any, value: Any) -> Any:
    """Leave the values to the function: bounds may be infinite, parameters of lmfit are no numbers."""
    if not isinstance(value, Mapping) or (kind is str and not all(isinstance(key, str) for key in value)):
        raise _WrongError("a mapping" + (" of names" if kind is str else ""))
    return value
