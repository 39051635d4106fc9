"""A record is written, read, compared and kept by its annotations alone."""

import json
import math
import subprocess
import sys
import typing
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cxkinetics.arrays import Array
from cxkinetics.errors import InputError, UsageError
from cxkinetics.record import (
    DATA,
    HIDDEN,
    INLINE,
    OMIT,
    SCHEMAS,
    As,
    Record,
    Version,
    freeze,
    read,
    same,
    written,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Number(Record):
    """A number whose name its holder says."""

    name: Annotated[str, HIDDEN]
    value: float | None
    unit: str = ""
    pieces: Annotated[tuple[tuple[float, float], ...], OMIT] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Model(Record):
    model: str
    n_parameters: int
    rss: float | None
    chosen: bool = False
    parameters: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shares:
    """Not a `Record`: nested dataclasses need not be one."""

    share: float
    of: str


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Signal(Record):
    SCHEMA = "cxkinetics.test-signal/1"
    time_s: Array
    sigma: Array | None = None
    label: str = ""

    @property
    def n_points(self) -> int:
        return int(self.time_s.size)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Fit(Record):
    SCHEMA = "cxkinetics.test-fit/2"
    _keys = """schema=SCHEMA version n_points=signal.n_points kind ... warnings_text
        | best ... data.label=signal.label"""

    signal: Annotated[Signal, DATA]
    options: Mapping[str, Any]
    k: Annotated[Number, As(name="rate constant")]
    lives: Annotated[tuple[Number, ...], As(name="life {at}", key="half_lives_s")]
    shares: Mapping[str, Number]
    ends: Annotated[Mapping[str, Number], As(name={"low": "lower end", "high": "upper end"})]
    ratio: Annotated[Number | None, As(name="{warnings_text} of {scheme[0]}", key="derived.ratio")]
    text: Annotated[str, As(key="warnings_text")]
    scheme: tuple[str, float | None]
    models: tuple[Model, ...]
    extra: Annotated[Shares, INLINE]
    redchi: Annotated[float, As(null=math.inf)]
    window: Annotated[tuple[float, float], As(read=lambda pair: tuple(pair))]
    host: Annotated[complex, As(write=str, read=complex)] = 1j
    fitted: Annotated[Array, DATA] = field(default_factory=lambda: np.zeros(0))
    baselines: Annotated[tuple[Array, ...], DATA] = ()
    spectra: Annotated[Mapping[str, Array], DATA] = field(default_factory=dict)
    best: Annotated[str, As(data=True, key="best")] = ""
    note: Annotated[str, HIDDEN] = "not in JSON"
    version: Version = "0"

    @property
    def kind(self) -> str:
        return "fit" if self.models else "none"


names = st.text(min_size=1, max_size=5)
floats = st.floats(allow_nan=True, allow_infinity=True)
finite = st.floats(allow_nan=False, allow_infinity=False)
numbers = st.builds(Number, name=st.just("k"), value=st.none() | floats, unit=names)
models = st.builds(
    Model,
    model=names,
    n_parameters=st.integers(-9, 9),
    rss=st.none() | floats,
    chosen=st.booleans(),
    parameters=st.dictionaries(names, floats, max_size=3),
)
signals = st.builds(
    Signal,
    time_s=st.lists(floats, max_size=4),
    sigma=st.none() | st.lists(floats, max_size=4),
    label=names,
)


def numbered(number: Number, name: str) -> Number:
    return replace(number, name=name)


@st.composite
def fits(draw: Any) -> Fit:
    text, first = draw(names), draw(names)
    return Fit(
        signal=draw(signals),
        options=draw(st.dictionaries(names, st.none() | finite | names, max_size=3)),
        k=numbered(draw(numbers), "rate constant"),
        lives=tuple(numbered(n, f"life {i}") for i, n in enumerate(draw(st.lists(numbers, max_size=3)), 1)),
        shares={key: numbered(draw(numbers), key) for key in draw(st.lists(names, max_size=3))},
        ends={"low": numbered(draw(numbers), "lower end")},
        ratio=draw(st.none() | numbers.map(lambda n: numbered(n, f"{text} of {first}"))),
        text=text,
        scheme=(first, draw(st.none() | floats)),
        models=tuple(draw(st.lists(models, max_size=2))),
        extra=Shares(share=draw(finite), of=draw(names)),
        redchi=draw(finite | st.just(math.inf)),
        window=(draw(finite), draw(finite)),
        fitted=draw(st.lists(floats, max_size=4)),
        baselines=tuple(draw(st.lists(st.lists(floats, max_size=3), max_size=2))),
        spectra=draw(st.dictionaries(names, st.lists(floats, max_size=3), max_size=2)),
        best=draw(names),
        version=draw(names),
    )


@settings(max_examples=40, deadline=None)
@given(fits())
def test_a_record_survives_json_unchanged(fit: Fit) -> None:
    back = Fit.from_json(fit.to_json())
    assert back == fit
    assert back.to_json() == fit.to_json()
    assert [n.name for n in back.lives] == [n.name for n in fit.lives]
    assert back.k.name == "rate constant"


@settings(max_examples=40, deadline=None)
@given(fits(), fits())
def test_records_are_equal_only_where_their_json_is(one: Fit, other: Fit) -> None:
    assert (one == other) == (one.to_json() == other.to_json())


def a_fit(**changes: Any) -> Fit:
    number = Number(name="rate constant", value=1.0)
    given: dict[str, Any] = {
        "signal": Signal(time_s=[0, 1, 2], label="run"),
        "options": {"n": 1, "window": (0, 5)},
        "k": number,
        "lives": (numbered(number, "life 1"), numbered(number, "life 2")),
        "shares": {"Ag": numbered(number, "Ag")},
        "ends": {"high": numbered(number, "upper end")},
        "ratio": numbered(number, "said of A"),
        "text": "said",
        "scheme": ("A", None),
        "models": (Model(model="one", n_parameters=2, rss=math.nan),),
        "extra": Shares(share=0.5, of="CdS"),
        "redchi": math.inf,
        "window": (0.0, 1.0),
        "fitted": [1.0, math.nan],
        "best": "B",
    }
    return Fit(**given | changes)


def test_keys_stand_in_the_order_that_the_class_gives() -> None:
    fit = a_fit()
    short = fit.to_dict()
    assert " ".join(short) == (
        "schema version n_points kind options k half_lives_s shares ends derived scheme models share of "
        "redchi window host warnings_text"
    )
    whole = json.loads(fit.to_json())
    assert list(whole) == [*short, "best", "data"]
    assert list(whole["data"]) == ["signal", "fitted", "baselines", "spectra", "label"]
    assert whole["data"]["fitted"] == [1.0, None]
    assert (short["n_points"], short["kind"], short["host"], short["redchi"]) == (3, "fit", "1j", None)
    assert short["derived"] == {"ratio": {"value": 1.0, "unit": ""}}
    assert short["options"] == {"n": 1, "window": [0, 5]}


def test_a_field_that_no_order_names_is_written_after_those_that_are() -> None:
    @dataclass(frozen=True, kw_only=True)
    class Late(Record):
        _keys = "b"
        a: int
        b: int

    assert list(Late(a=1, b=2).to_dict()) == ["b", "a"]


def test_a_schema_that_no_key_names_comes_first_and_only_in_the_document() -> None:
    signal = Signal(time_s=[1.0])
    assert list(json.loads(signal.to_json())) == ["schema", "time_s", "sigma", "label"]
    assert "schema" not in signal.to_dict()


def test_what_equals_its_default_is_left_out_where_the_class_says_so() -> None:
    assert "pieces" not in Number(name="k", value=1.0).to_dict()
    pieces = Number(name="k", value=1.0, pieces=((0, 1), (2, 3)))
    assert pieces.to_dict()["pieces"] == [[0.0, 1.0], [2.0, 3.0]]
    assert read(Number, pieces.to_dict(), name="k") == pieces


def test_numbers_are_plain_whatever_they_were_made_of() -> None:
    model = Model(model="m", n_parameters=np.int64(3), rss=np.float64(2), chosen=np.bool_(True))
    record = written(model)
    assert [type(record[key]) for key in ("n_parameters", "rss", "chosen")] == [int, float, bool]
    assert written(Model(model="m", n_parameters=1, rss=5))["rss"] == 5.0
    assert type(written(Model(model="m", n_parameters=1, rss=5))["rss"]) is float


def test_arrays_are_read_only_copies_of_float64() -> None:
    given = np.array([1, 2], dtype=np.int32)
    fit = a_fit(signal=Signal(time_s=given), baselines=(given,), spectra={"A": given})
    for array in (fit.signal.time_s, fit.fitted, fit.baselines[0], fit.spectra["A"]):
        assert array.dtype == np.float64
        assert not array.flags.writeable
        assert not np.shares_memory(array, given)
    assert fit.signal.sigma is None
    with pytest.raises(ValueError, match="read-only"):
        fit.fitted[0] = 1


def test_a_class_with_its_own_constructor_freezes_its_arrays() -> None:
    @dataclass(frozen=True, slots=True, kw_only=True, eq=False)
    class Positive(Record):
        x: Array

        def __post_init__(self) -> None:
            freeze(self)
            if not np.all(self.x > 0):
                raise UsageError("x must be positive")

    assert not Positive(x=[1, 2]).x.flags.writeable
    with pytest.raises(UsageError, match="x must be positive"):
        Positive.from_dict({"x": [0]})


@pytest.mark.parametrize(
    ("left", "right", "alike"),
    [
        (math.nan, None, True),
        (math.inf, math.nan, True),
        (1.0, 1, True),
        (1.0, None, False),
        (0, None, False),
        ("", None, False),
        ((1.0, 2.0), (1.0,), False),
        ({"a": math.nan}, {"a": None}, True),
        ({"a": 1}, {"b": 1}, False),
        (np.array([1, np.nan]), np.array([1, np.inf]), True),
        (np.zeros((2, 1)), np.zeros((1, 2)), False),
        (np.zeros(0), None, False),
        (Shares(share=math.nan, of=""), Shares(share=float("nan"), of=""), True),
        (Shares(share=1.0, of="a"), Shares(share=1.0, of="b"), False),
    ],
)
def test_alike(left: Any, right: Any, alike: bool) -> None:
    assert same(left, right) is same(right, left) is alike


def test_a_record_with_arrays_is_compared_whole_and_has_no_hash() -> None:
    fit = a_fit()
    assert fit == a_fit()
    assert fit != a_fit(fitted=[1.0, 2.0])
    assert fit != a_fit(signal=Signal(time_s=[0, 1, 3], label="run"))
    assert fit != fit.to_dict()
    with pytest.raises(TypeError, match="unhashable"):
        hash(fit)


def test_a_missing_key_is_named() -> None:
    document = json.loads(a_fit().to_json())
    for path in ("k", "version", "derived.ratio", "data.signal", "share"):
        *way, key = path.split(".")
        damaged = json.loads(json.dumps(document))
        holder = damaged[way[0]] if way else damaged
        del holder[key]
        with pytest.raises(InputError, match=rf"has no '{path}'; from_json reads what to_json"):
            Fit.from_json(json.dumps(damaged))
    del document["models"][0]["rss"]
    with pytest.raises(InputError, match="the stored Model cannot be opened: it has no 'rss'"):
        Fit.from_json(json.dumps(document))


def test_a_key_that_may_be_missing_takes_its_default_and_unknown_keys_are_passed_over() -> None:
    assert Signal.from_dict({"time_s": [1], "of a later version": 1}) == Signal(time_s=[1.0])


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("n_parameters", 2.5, "holds 2.5 as 'n_parameters': int is needed"),
        ("rss", "many", "holds 'many' as 'rss': float is needed"),
        ("rss", True, "holds True as 'rss': float is needed"),
        ("chosen", 1, "holds 1 as 'chosen': bool is needed"),
        ("parameters", [1], "as 'parameters'"),
    ],
)
def test_a_value_that_cannot_be_is_named(key: str, value: object, said: str) -> None:
    record = Model(model="m", n_parameters=1, rss=None).to_dict() | {key: value}
    with pytest.raises(InputError, match="the stored Model") as caught:
        Model.from_dict(record)
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "the JSON text is damaged"),
        ('[{"a": 1}]', "the JSON text holds no document of this package"),
        (
            '{"schema": "cxkinetics.fit/9"}',
            "schema cxkinetics.fit/9, not cxkinetics.test-fit/2, which is needed: this is a document of",
        ),
        ('{"schema": "cxkinetics.test-fit/2"}', "the stored Fit cannot be opened: it has no"),
    ],
)
def test_a_text_of_another_kind_is_refused_with_what_it_is(text: str, said: str) -> None:
    with pytest.raises(InputError) as caught:
        Fit.from_json(text)
    assert said in str(caught.value)


def test_a_document_of_another_class_says_what_it_is_and_how_it_is_opened() -> None:
    text = '{"schema": "cxkinetics.dose-table/1"}'
    with pytest.raises(InputError, match=r"this is a dose table; open it with cx\.load_dose_table"):
        Fit.from_json(text)


def test_a_record_is_read_from_the_file_that_holds_it_and_errors_name_the_file(tmp_path: Path) -> None:
    path = tmp_path / "fit.json"
    path.write_text(a_fit().to_json())
    assert Fit.from_json(path) == Fit.from_json(str(path)) == a_fit()
    path.write_text(json.dumps({"schema": Fit.SCHEMA}))
    with pytest.raises(InputError, match=r"fit\.json: the stored Fit cannot be opened") as caught:
        Fit.from_json(path)
    assert caught.value.file == str(path)


def test_one_schema_belongs_to_one_class() -> None:
    assert SCHEMAS[Fit.SCHEMA] is Fit
    with pytest.raises(TypeError, match=r"Other and Fit both claim cxkinetics.test-fit/2"):
        type("Other", (Record,), {"SCHEMA": Fit.SCHEMA})
    assert SCHEMAS[Fit.SCHEMA] is Fit


def test_a_key_that_a_reader_of_its_own_misses_is_named() -> None:
    class Own(Record):
        @classmethod
        def from_dict(cls, record: Mapping[str, Any]) -> "Own":
            return record["inner"]["outer"]  # type: ignore[no-any-return]

    with pytest.raises(InputError, match="the stored Own cannot be opened: it has no 'inner'"):
        Own.from_json("{}")


def test_a_nested_record_may_write_and_read_in_its_own_way() -> None:
    @dataclass(frozen=True, kw_only=True)
    class Inner(Record):
        x: int

        def _written(self, whole: bool) -> dict[str, Any]:
            return {"times two": self.x * 2, "whole": whole}

        @classmethod
        def from_dict(cls, record: Mapping[str, Any]) -> "Inner":
            return read(cls, record, x=record["times two"] // 2)

    @dataclass(frozen=True, kw_only=True)
    class Outer(Record):
        shown: Inner
        kept: Annotated[tuple[Inner, ...], DATA]

    outer = Outer(shown=Inner(x=1), kept=(Inner(x=2),))
    assert outer.to_dict() == {"shown": {"times two": 2, "whole": False}}
    assert json.loads(outer.to_json())["data"] == {"kept": [{"times two": 4, "whole": True}]}
    assert Outer.from_json(outer.to_json()) == outer


def test_a_type_that_could_not_be_read_back_is_refused_at_once() -> None:
    @dataclass(frozen=True, kw_only=True)
    class Bad(Record):
        models: list[Model]

    with pytest.raises(TypeError, match="cannot be read by itself: use tuple or Mapping"):
        Bad(models=[])


def test_annotations_are_resolved_once_a_class(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[type] = []
    resolve = typing.get_type_hints

    def counted(cls: type, **options: Any) -> dict[str, Any]:
        calls.append(cls)
        return resolve(cls, **options)

    monkeypatch.setattr(typing, "get_type_hints", counted)

    @dataclass(frozen=True, kw_only=True)
    class Plain(Record):
        a: int

    assert not calls
    for value in range(3):
        assert Plain.from_dict(Plain(a=value).to_dict()).a == value
    assert calls == [Plain]


def test_every_field_of_every_class_with_a_schema_can_be_planned() -> None:
    for cls in SCHEMAS.values():
        assert fields(typing.cast(Any, cls))


def test_a_record_without_arrays_needs_no_numpy() -> None:
    code = (
        "import sys, dataclasses\n"
        "from cxkinetics.record import Record\n"
        "@dataclasses.dataclass(frozen=True)\n"
        "class A(Record):\n    x: float\n"
        "assert A.from_json(A(1.0).to_json()) == A(1.0)\n"
        "assert 'numpy' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
