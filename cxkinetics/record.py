"""A result says its fields once: written to JSON, read back, compared and kept by its annotations.

A frozen dataclass that inherits from `Record` needs no code of its own for that. What a type alone
cannot say stands beside it, as in ``half_life_s: Annotated[Estimate, As(name="half-life")]``. Where
JSON has another order than the fields, or keys that are written but not read, the class says so in
`_keys`, a text of words: a field by its key, a value by its path (``n_points=trace.n_points``),
"..." for all fields that are not named and, after a bar, what only `Record.to_json` writes.
"""

import json
import math
import os
import reprlib
import typing
from collections import ChainMap
from collections.abc import Callable, Iterable, Mapping
from dataclasses import MISSING, dataclass, fields, is_dataclass
from functools import cache, partial
from itertools import repeat
from operator import attrgetter, methodcaller
from types import NoneType, UnionType
from typing import Annotated, Any, ClassVar, NamedTuple, Self, TypeAlias, TypeVar, Union, get_args, get_origin

from cxkinetics.errors import CxKineticsError, InputError
from cxkinetics.schemas import decoded, require_schema, text_of

T = TypeVar("T")
_TYPES: dict[Any, tuple[type, ...]] = {float: (float, int), int: (int,), bool: (bool,)}
SCHEMAS: dict[str, type["Record"]] = {}  # of the classes that are loaded: one class each


@dataclass(frozen=True, slots=True, kw_only=True)
class As:
    """How a field stands in JSON, where its type alone does not say it.

    Attributes
    ----------
    key : str
        Its key where that is not its name; a dot leads into a mapping ("peak_nm.start").
    name : str or mapping
        Name of its `Estimate`, which JSON leaves out: a text in which ``{at}`` is the place in a tuple
        (from 1) or the key in a mapping and ``{other}`` a key beside it; or names by their places.
    data, hidden : bool
        Written by `Record.to_json` only, under "data"; not written at all.
    omit, inline, required : bool
        Left out where it equals its default; its keys stand among those of its holder; must be in a
        document although the constructor has a default.
    null : float
        What null means in a plain `float`.
    write, read : callable
        The functions that turn it into JSON and back.
    """

    key: str = ""
    name: str | Mapping[str, str] = "{at}"
    data: bool = False
    omit: bool = False
    inline: bool = False
    hidden: bool = False
    required: bool = False
    null: float = math.nan
    write: Callable[[Any], Any] | None = None
    read: Callable[[Any], Any] | None = None


DATA = As(data=True)  # what reading back needs and a reader of the JSON does not
OMIT, INLINE, HIDDEN = As(omit=True), As(inline=True), As(hidden=True)
Version = Annotated[str, As(required=True)]  # a document without one must not pass for one of today


def finite_or_none(value: float | None) -> float | None:
    """Return `value` as a plain float, or None where it is missing, NaN or infinite."""
    return float(value) if value is not None and math.isfinite(value) else None


def json_text(document: Any) -> str:
    """Return a document as JSON text that every reader takes: what is NaN or infinite becomes null.

    Examples
    --------
    >>> json_text({"rss": float("inf"), "times_s": (0.5, float("nan"))})
    '{"rss": null, "times_s": [0.5, null]}'
    """
    try:
        return json.dumps(document, allow_nan=False)
    except (TypeError, ValueError):  # seldom, and large documents are walked through only then
        return json.dumps(_plain(document), allow_nan=False)


_Write: TypeAlias = Callable[[Any], Any]
_Read: TypeAlias = Callable[[Any, Mapping[str, Any], Any], Any]


class _Codec(NamedTuple):
    """How a type is written, and read from a value, the record around it and its place there.

    None stands for "as it is": a call for each text of a small record costs more than all else.
    """

    write: _Write | None = None
    read: _Read | None = None


class _Item(NamedTuple):
    """One key of the JSON form; without a field it is written only."""

    path: tuple[str, ...]
    attribute: str
    codec: _Codec
    mark: As
    field: Any = None


class _Plan(NamedTuple):
    short: Callable[[Any], dict[str, Any]]  # the function behind to_dict
    whole: Callable[[Any], dict[str, Any]]  # behind to_json
    flat: tuple[tuple[str, str, type | None, _Read | None], ...]  # key, field, kind that is as it is, reader
    deep: tuple[tuple[tuple[str, ...], str, str, _Read | None, bool], ...]  # steps, key, ..., whether needed
    needed: dict[str, str]  # flat field without a default -> key
    arrays: tuple[tuple[str, Callable[..., Any]], ...]  # what is kept read-only, and by what
    named: bool  # by its holder: the name is a field that JSON leaves out


def _made_plan(cls: Any) -> _Plan:
    hints = typing.get_type_hints(cls, include_extras=True)
    items = []
    for field in filter(attrgetter("init"), fields(cls)):
        hint = hints[field.name]
        mark = next((arg for arg in get_args(hint)[1:] if isinstance(arg, As)), As())
        key = mark.key or (f"data.{field.name}" if mark.data else field.name)
        items.append(_Item(tuple(key.split(".")), field.name, _codec(hint, mark, mark.data), mark, field))
    by_key = {".".join(item.path): item for item in items if not item.mark.hidden}
    short, _, stored = getattr(cls, "_keys", "...").partition("|")
    named = {*short.split(), *stored.split()}

    def ordered(words: list[str], data: bool) -> Iterable[_Item]:
        for word in words if "..." in words else [*words, "..."]:
            key, _, path = word.partition("=")
            if word == "...":
                yield from (i for key, i in by_key.items() if key not in named and i.mark.data is data)
            elif word in by_key:
                yield by_key[word]
            else:
                yield _Item(tuple(key.split(".")), path or key, _Codec(_plain), As())

    shown = list(ordered(short.split(), data=False))
    whole = [*shown, *ordered(stored.split(), data=True)]
    bare = {
        item.attribute
        for item in items
        if item.mark.required or item.field.default is item.field.default_factory is MISSING
    }
    flat, deep = [], []
    for (*way, key), name, (_, load), mark, _ in items:
        if not (way or mark.inline or mark.hidden):
            exact = load.args[0] if isinstance(load, partial) and load.func is _number else None
            flat.append((key, name, exact, load))
        elif not mark.hidden:
            deep.append((() if mark.inline else (*way, key), ".".join((*way, key)), name, load, name in bare))
    return _Plan(
        short=_writer(shown),
        whole=_writer(whole),
        flat=tuple(flat),
        deep=tuple(deep),
        needed={name: key for key, name, _, _ in flat if name in bare},
        arrays=tuple((i.attribute, _called(i.codec)[1]) for i in items if _is_array(hints[i.attribute])),
        named=any(item.mark.hidden and item.attribute == "name" for item in items),
    )


_plan: Callable[[Any], _Plan] = cache(_made_plan)  # hints are resolved once, for the first object


def _writer(items: Iterable[_Item]) -> Callable[[Any], dict[str, Any]]:
    """Return the function that writes these keys of an object.

    It is compiled, as `dataclasses` compiles constructors, of nothing but names in the class: a loop over
    the keys takes twice as long, and a batch of five hundred fits writes some 20,000 small records.
    """
    lines = ["def write(it):", " out = {}"]
    known: dict[str, Any] = {}
    for number, ((*way, key), attribute, codec, mark, field) in enumerate(items):
        value = f"it.{attribute}" if codec.write is None else f"write{number}(it.{attribute})"
        holder = "out" + "".join(f".setdefault({step!r}, {{}})" for step in way)
        line = f"{holder}.update({value})" if mark.inline else f"{holder}[{key!r}] = {value}"
        if mark.omit:
            line = f"if it.{attribute} != default{number}: {line}"
            made_up = field.default is MISSING
            known[f"default{number}"] = field.default_factory() if made_up else field.default
        known[f"write{number}"] = codec.write
        lines.append(f" {line}")
    exec("\n".join([*lines, " return out"]), known)
    made: Callable[[Any], dict[str, Any]] = known["write"]
    return made


_ARRAYS = ("ndarray", "NDArray")
"""Names of arrays in annotations, before and from numpy 2.5 on; numpy itself need not be loaded for them."""


def _is_array(hint: Any) -> bool:
    return getattr(hint, "__name__", "") in _ARRAYS or any(map(_is_array, get_args(hint)))


def _codec(hint: Any, mark: As, whole: bool) -> _Codec:
    """Return how values of a type are handled; `whole` where they stand under "data"."""
    origin, args = get_origin(hint), get_args(hint)
    if origin is Annotated:
        mark = next((arg for arg in args[1:] if isinstance(arg, As)), mark)
        if mark.read is not None:
            return _Codec(mark.write or partial(_plain, whole=whole), partial(_by_own, mark.read))
        write, load = _codec(args[0], mark, whole)
        return _Codec(mark.write or write, load)
    if origin in (Union, UnionType) and NoneType in args and len(args) == 2:
        inner = args[args[0] is NoneType]
        if inner is float:  # most fields: no call beyond that for the number
            return _Codec(finite_or_none, partial(_number, float, None))
        put, take = _called(_codec(inner, mark, whole))
        return _Codec(
            lambda value: None if value is None else put(value),
            lambda value, record, at: None if value is None else take(value, record, at),
        )
    if origin is tuple:
        kinds = [_called(_codec(arg, mark, whole)) for arg in args if arg is not ...]

        def along(values: Any) -> Iterable[tuple[tuple[_Write, _Read], Any]]:
            return zip(kinds, values, strict=True) if args[-1] is not ... else zip(repeat(kinds[0]), values)

        return _Codec(
            lambda values: [put(value) for (put, _), value in along(values)],
            lambda values, record, at: tuple(
                take(value, record, place) for place, ((_, take), value) in enumerate(along(values), 1)
            ),
        )
    if origin is Mapping:
        put, take = _called(_codec(args[1], mark, whole))
        return _Codec(
            lambda values: {key: put(value) for key, value in values.items()},
            lambda values, record, at: {key: take(value, record, key) for key, value in values.items()},
        )
    if getattr(origin, "__name__", "") in _ARRAYS:
        return _Codec(_plain, _array)
    if hint in _TYPES:
        return _Codec(finite_or_none if hint is float else hint, partial(_number, hint, mark.null))
    if isinstance(hint, type) and is_dataclass(hint):
        own = methodcaller("to_dict") if hasattr(hint, "to_dict") else partial(written, whole=whole)
        return _Codec(
            methodcaller("_written", whole) if issubclass(hint, Record) else own,
            partial(_nested, hint, mark.name),
        )
    if any(map(is_dataclass, args)):
        raise TypeError(f"{hint} cannot be read by itself: use tuple or Mapping, or As(read=...)")
    return _Codec() if hint is str else _Codec(_plain)


def _nested(cls: type, name: str | Mapping[str, str], value: Any, record: Mapping[str, Any], at: Any) -> Any:
    if _plan(cls).named:
        known: Any = ChainMap({"at": at}, record)  # type: ignore[arg-type]  # read only
        text = name.format_map(known) if isinstance(name, str) else name[at]
        return read(cls, value, name=text)
    made: Callable[[Any], Any] = getattr(cls, "from_dict", partial(read, cls))
    return made(value)


def _number(kind: type, null: float | None, value: Any, *_: Any) -> Any:
    if value is None and kind is float:
        return null
    if type(value) not in _TYPES[kind]:
        raise ValueError(f"{kind.__name__} is needed")
    return kind(value)


def _called(codec: _Codec) -> tuple[_Write, _Read]:
    """Return both functions of a codec, where what contains it calls them anyhow."""
    return codec.write or _as_is, codec.read or _as_is


def _as_is(value: Any, *_: Any) -> Any:
    return value


def _by_own(reader: _Write, value: Any, *_: Any) -> Any:
    return reader(value)


def _array(values: Any, *_: Any) -> Any:
    from cxkinetics.arrays import frozen_array

    return frozen_array(values)  # None becomes NaN


def _plain(value: Any, whole: bool = False) -> Any:
    """Return a value of any kind as JSON takes it."""
    if value is None or isinstance(value, (str, int)):
        return value
    if isinstance(value, float):
        return finite_or_none(value)
    if isinstance(value, Record):
        return value._written(whole)
    if hasattr(value, "to_dict"):
        return value.to_dict()
    if is_dataclass(value):
        return written(value, whole)
    if isinstance(value, Mapping):
        return {key: _plain(item, whole) for key, item in value.items()}
    if isinstance(value, (tuple, list)):
        return [_plain(item, whole) for item in value]
    if not hasattr(value, "tolist"):
        return value
    import numpy as np

    if value.dtype.kind != "f":
        return _plain(value.tolist())
    # one call for all numbers where all are finite, the common case
    known: Any = np.isfinite(value)
    plain: Any = value if known.all() else np.where(known, value, None)
    return plain.tolist()


def written(record: Any, whole: bool = False) -> dict[str, Any]:
    """Return the JSON form of a dataclass, `whole` with all that is needed to read it back."""
    plan = _plan(type(record))
    return plan.whole(record) if whole else plan.short(record)


def read(kind: type[T], record: Mapping[str, Any], **given: Any) -> T:
    """Return the object of a dataclass that `written` wrote whole.

    Parameters
    ----------
    kind : type
        Its class.
    record : mapping
        The JSON form. Keys that the class does not know are passed over: a later version may have more.
    **given
        Fields that are not looked up, such as those that JSON does not hold.

    Raises
    ------
    InputError
        If a key is missing or holds what the field cannot be.
    """
    if not isinstance(record, Mapping):
        raise _damaged(kind, f"a mapping of keys is needed, not {reprlib.repr(record)}")
    values, plan = dict(given), _plan(kind)
    key = ""
    found: Any = record
    try:
        for key, name, exact, load in plan.flat:  # most fields, without a call where none is needed
            if key in record and name not in given:
                found = record[key]
                values[name] = found if load is None or type(found) is exact else load(found, record, key)
        if not values.keys() >= plan.needed.keys():
            raise _damaged(
                kind, f"it has no {next(plan.needed[n] for n in plan.needed if n not in values)!r}"
            )
        for steps, key, name, load, needed in plan.deep:
            if name in given:
                continue
            found = record
            for step in steps:
                found = found.get(step, MISSING) if isinstance(found, Mapping) else MISSING
            if found is not MISSING:
                values[name] = load(found, record, key.rpartition(".")[2]) if load else found
            elif needed:
                raise _damaged(kind, f"it has no {key!r}")
    except CxKineticsError:
        raise
    except (AttributeError, IndexError, KeyError, OverflowError, TypeError, ValueError) as error:
        raise _damaged(kind, f"it holds {reprlib.repr(found)} as {key!r}: {error}") from error
    try:
        return kind(**values)
    except CxKineticsError:
        raise
    except (AttributeError, TypeError, ValueError) as error:
        raise _damaged(kind, str(error)) from error


def _damaged(cls: type, why: str, file: str | None = None) -> InputError:
    return InputError(
        f"the stored {cls.__name__} cannot be opened: {why}",
        file=file,
        remedy="from_json reads what to_json and --out write whole; --json prints the numbers alone",
    )


def freeze(record: Any) -> None:
    """Make the arrays of a new dataclass read-only float64 copies; for its `__post_init__`."""
    for name, load in _plan(type(record)).arrays:
        object.__setattr__(record, name, load(getattr(record, name), {}, None))


def same(left: Any, right: Any) -> bool:
    """Return whether two values are alike, where NaN, infinity and None, all null in JSON, are one."""
    if left is right:
        return True
    if isinstance(left, float | NoneType) and isinstance(right, float | NoneType):
        return finite_or_none(left) == finite_or_none(right)
    if "ndarray" in (type(left).__name__, type(right).__name__):
        import numpy as np

        if left is None or right is None:
            return False
        one, other = (np.where(np.isfinite(side), side, np.nan) for side in (left, right))
        return bool(np.array_equal(one, other, equal_nan=True))
    if isinstance(left, (tuple, list)) and isinstance(right, (tuple, list)):
        return len(left) == len(right) and all(map(same, left, right))
    if isinstance(left, Mapping) and isinstance(right, Mapping):
        return left.keys() == right.keys() and all(same(left[key], right[key]) for key in left)
    if is_dataclass(left) and type(left) is type(right):
        names = [field.name for field in fields(left) if field.compare]
        return all(same(getattr(left, name), getattr(right, name)) for name in names)
    return bool(left == right)


class Record:
    """Base of the frozen dataclasses that are written, read, compared and kept by their annotations.

    A class with arrays is declared with ``eq=False``, so that `dataclasses` does not put its own
    comparison in the place of this one, and a `__post_init__` of its own calls `freeze`. What `As`
    cannot say goes into `_written` or `from_dict`, with the help of `written` and `read`.

    Examples
    --------
    >>> @dataclass(frozen=True, slots=True, kw_only=True)
    ... class Step(Record):
    ...     rate_per_s: Annotated[float | None, As(key="k_per_s")]
    ...     window_s: tuple[float, float] = (0.0, math.inf)
    ...     note: Annotated[str, OMIT] = ""
    >>> Step(rate_per_s=0.056).to_dict()
    {'k_per_s': 0.056, 'window_s': [0.0, None]}
    >>> Step.from_dict({"k_per_s": None, "window_s": [0, 20]})
    Step(rate_per_s=None, window_s=(0.0, 20.0), note='')
    """

    __slots__ = ()
    SCHEMA: ClassVar[str] = ""  # of its documents; two classes never share one
    _keys: ClassVar[str] = "..."

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        if cls.__dict__.get("SCHEMA"):
            # dataclass(slots=True) makes each class a second time: the same name is the same class
            other = SCHEMAS.get(cls.SCHEMA, cls)
            if (other.__module__, other.__qualname__) != (cls.__module__, cls.__qualname__):
                raise TypeError(f"{cls.__qualname__} and {other.__qualname__} both claim {cls.SCHEMA}")
            SCHEMAS[cls.SCHEMA] = cls

    def __post_init__(self) -> None:
        freeze(self)

    def __eq__(self, other: object) -> bool:
        return same(self, other) if type(other) is type(self) else NotImplemented

    __hash__: ClassVar[None] = None  # type: ignore[assignment]  # arrays and mappings have no hash

    def _written(self, whole: bool) -> dict[str, Any]:
        return written(self, whole)

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form of this record, without what only a program reads back."""
        return self._written(False)

    @classmethod
    def from_dict(cls, record: Mapping[str, Any]) -> Self:
        """Return the record that was written; an `InputError` names a key that is missing."""
        return read(cls, record)

    def to_json(self) -> str:
        """Return this record as JSON text, with all that is needed to read it back."""
        document = self._written(True)
        if self.SCHEMA and "schema" not in document:
            document = {"schema": self.SCHEMA, **document}
        return json_text(document)

    @classmethod
    def from_json(cls, source: str | os.PathLike[str]) -> Self:
        """Return the record that `to_json` wrote; `source` is the text or the path of its file.

        Raises
        ------
        InputError
            If the text holds something else, which it then names, or part of it is missing.
        """
        text, file = text_of(source, "{")
        document = decoded(text, file)
        if cls.SCHEMA:
            require_schema(document, cls.SCHEMA, file)
        return cls._opened(document, file)

    @classmethod
    def _opened(cls, document: Mapping[str, Any], file: str | None) -> Self:
        try:
            made = cls.from_dict(document)
            str(made)  # what cannot be told is damaged too
            return made
        except InputError as error:
            if file is None:
                raise
            raise InputError(str(error), file=file) from error
        except CxKineticsError:
            raise
        except (AttributeError, IndexError, KeyError, OverflowError, TypeError, ValueError) as error:
            # of a `from_dict` that looks a key up itself
            why = f"it has no {error}" if isinstance(error, KeyError) else str(error)
            raise _damaged(cls, why, file) from error
