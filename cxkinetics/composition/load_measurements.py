"""Cluster fractions and product onsets from a TOML file.

::

    [[fractions]]
    incorporation_percent = 4.0      # or dose_percent
    fractions = [0.05, 0.25, 0.70]   # clusters with 0, 1, 2 guests
    sigma = [0.05, 0.05, 0.05]

    [[onset]]
    incorporation_percent = 8.0
    seen = true
    detection_limit = 0.05
"""

import tomllib
from dataclasses import fields
from pathlib import Path
from typing import Any

from cxkinetics.composition.measurements import ClusterFractions, ProductOnset
from cxkinetics.errors import InputError

__all__ = ["load_measurements"]


def load_measurements(path: str | Path) -> tuple[tuple[ClusterFractions, ...], tuple[ProductOnset, ...]]:
    r"""Return the cluster fractions and product onsets of a TOML file.

    Raises
    ------
    InputError
        If the file is not valid TOML, holds an unknown key or a value that cannot be.

    Examples
    --------
    >>> import tempfile
    >>> file = Path(tempfile.mkdtemp()) / "ms.toml"
    >>> _ = file.write_text("[[onset]]\nincorporation_percent = 8.0\nseen = true\n")
    >>> load_measurements(file)[1][0].seen
    True
    """
    name = str(path)
    try:
        record = tomllib.loads(Path(path).read_text(encoding="utf-8-sig"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"is not valid TOML: {error}", file=name) from error
    unknown = set(record) - {"fractions", "onset"}
    if unknown:
        raise InputError(f"unknown key {sorted(unknown)[0]!r}; known are fractions and onset", file=name)
    if not any(record.values()):
        raise InputError("holds no measurement", file=name, remedy="write [[fractions]] or [[onset]] entries")
    fractions = tuple(
        _built(ClusterFractions, item, name, f"fractions entry {number}")
        for number, item in enumerate(record.get("fractions", ()), 1)
    )
    onset = tuple(
        _built(ProductOnset, item, name, f"onset entry {number}")
        for number, item in enumerate(record.get("onset", ()), 1)
    )
    return fractions, onset


def _built(kind: type[Any], item: Any, file: str, place: str) -> Any:
    known = [field.name for field in fields(kind)]
    if not isinstance(item, dict):
        raise InputError(f"{place} is {item!r}; write it as a table, [[...]]", file=file)
    unknown = set(item) - set(known)
    if unknown:
        raise InputError(
            f"{place}: unknown key {sorted(unknown)[0]!r}; known are {', '.join(known)}", file=file
        )
    try:
        return kind(**item)
    except InputError as error:
        raise InputError(f"{place}: {error}", file=file) from error
    except (TypeError, ValueError) as error:
        raise InputError(f"{place}: a value is missing or of the wrong kind ({error})", file=file) from error
