"""Docstrings: every public thing has one with an example, and what it says of its parameters is true."""

import doctest
import importlib
import inspect
import pkgutil
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import cxkinetics

docscrape = pytest.importorskip("numpydoc.docscrape", reason="needs numpydoc")

MODULES = sorted(
    module.name
    for module in pkgutil.walk_packages([str(Path(cxkinetics.__file__).parent)], "cxkinetics.")
    if not module.name.endswith("__main__")
)


def public_callables(module: ModuleType) -> Iterator[tuple[str, Any]]:
    """Functions, classes and their public methods that a module defines; of names it lists, only those."""
    for name in getattr(module, "__all__", [name for name in vars(module) if not name.startswith("_")]):
        value = getattr(module, name)
        if getattr(value, "__module__", None) != module.__name__:
            continue
        if inspect.isfunction(value):
            yield name, value
        elif inspect.isclass(value):
            yield name, value
            for attribute, member in vars(value).items():
                function = getattr(member, "__func__", getattr(member, "fget", member))
                if not attribute.startswith("_") and inspect.isfunction(function):
                    yield f"{name}.{attribute}", function


def parameters_of(function: Any) -> list[str]:
    return [
        ("*" if p.kind is p.VAR_POSITIONAL else "**" if p.kind is p.VAR_KEYWORD else "") + name
        for name, p in inspect.signature(function).parameters.items()
        if name not in ("self", "cls")
    ]


def documented(section: list[Any]) -> list[str]:
    return [name.strip() for entry in section for name in entry.name.split(",") if name.strip() != "..."]


@pytest.mark.parametrize("module", MODULES)
def test_docstrings_are_complete_and_true(module: str) -> None:
    faults = []
    for name, value in public_callables(importlib.import_module(module)):
        text = inspect.getdoc(value) or ""
        if not text:
            faults.append(f"{name}: no docstring")
            continue
        if text.partition("\n")[0].rstrip()[-1:] not in ".!?":
            faults.append(f"{name}: the first line is not one sentence")
        parsed = docscrape.NumpyDocString(text)
        told = documented(parsed["Parameters"])
        if told and inspect.isfunction(value):
            asked = parameters_of(value)
            if sorted(told) != sorted(asked):  # alike ones may stand together: "b1, b2 : array_like"
                faults.append(f"{name}: documents {told}, takes {asked}")
    assert not faults, "\n".join(faults)


PUBLIC = [name for name in cxkinetics.__all__ if not name.startswith("_")]


@pytest.mark.parametrize("name", PUBLIC)
def test_what_a_user_calls_is_documented_in_full(name: str) -> None:
    value = getattr(cxkinetics, name)
    text = inspect.getdoc(value) or ""
    assert text
    if inspect.isclass(value) and issubclass(value, Exception):
        return
    parsed = docscrape.NumpyDocString(text)
    if inspect.isfunction(value):
        assert sorted(documented(parsed["Parameters"])) == sorted(parameters_of(value))
        assert parsed["Returns"] or parsed["Yields"]
    else:
        assert parsed["Parameters"] or parsed["Attributes"]


def shown(text: str) -> list[str]:
    """Values that the code in a docstring's Examples section shows; the section must come last."""
    _, _, examples = text.partition("\nExamples\n--------\n")
    if "\n----" in examples:
        return []
    return [example.want for example in doctest.DocTestParser().get_examples(examples) if example.want]


@pytest.mark.parametrize("name", PUBLIC)
def test_every_public_name_shows_an_example_with_a_value(name: str) -> None:
    value = getattr(cxkinetics, name)
    wanted = shown(inspect.cleandoc(value.__doc__ or ""))  # its own, not an inherited one
    assert wanted, f"{name}: end the docstring with an Examples section that shows a real value"
    if not (inspect.isclass(value) and issubclass(value, Exception)):
        assert any(character.isdigit() for text in wanted for character in text), f"{name}: show a number"


@pytest.mark.parametrize(
    "text",
    [
        "One line.",
        "One line.\n\nReturns\n-------\nint\n    >>> 1 + 1\n    2",
        "One line.\n\nExamples\n--------\nCall it with a trace.",
        "One line.\n\nExamples\n--------\n>>> result = 1 + 1",
        "One line.\n\nExamples\n--------\n>>> 1 + 1\n2\n\nReferences\n----------\nA paper.",
    ],
)
def test_a_docstring_without_a_shown_value_is_noticed(text: str) -> None:
    assert not shown(text)
    assert shown("One line.\n\nExamples\n--------\n>>> 1 + 1\n2") == ["2\n"]
