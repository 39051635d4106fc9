"""A user's own measurements that narrow the priors, in Python or from a TOML file."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from scipy.special import log_ndtr

from cxkinetics.arrays import Array
from cxkinetics.composition import curve as incorporation_map
from cxkinetics.composition.occupancy import binding_populations, product_share
from cxkinetics.composition.system import MAP_PARAMETERS
from cxkinetics.errors import InputError
from cxkinetics.record import Record

_ONSET_BLUR = 0.25
"""Blur of a detection limit, as a share of it: a limit is not a cliff."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterFractions(Record):
    """Fractions of the clusters with 0, 1, ... N guests in one sample, with errors.

    Parameters
    ----------
    fractions : sequence of float
        One per cluster of the system, by number of guests; they need not sum to 1 (they are
        normalised, their errors with them).
    sigma : sequence of float
        Their standard deviations.
    incorporation_percent, dose_percent : float
        Where the sample was made: one of the two.

    Raises
    ------
    InputError
        If numbers do not fit together.

    Examples
    --------
    >>> seen = ClusterFractions(fractions=(1, 8, 1), sigma=(0.5, 0.5, 0.5), incorporation_percent=2.4)
    >>> seen.fractions, seen.sigma
    ((0.1, 0.8, 0.1), (0.05, 0.05, 0.05))
    """

    SCHEMA = "cxkinetics.cluster-fractions/1"
    _keys = "kind=_kind ..."
    _kind: ClassVar[str] = "cluster fractions"

    fractions: tuple[float, ...]
    sigma: tuple[float, ...]
    incorporation_percent: float | None = None
    dose_percent: float | None = None

    def __post_init__(self) -> None:
        values, errors = np.asarray(self.fractions, dtype=float), np.asarray(self.sigma, dtype=float)
        if values.shape != errors.shape or values.ndim != 1 or values.size < 2:
            raise InputError(
                f"{values.size} fractions and {errors.size} errors given; give one of each per cluster"
            )
        if not (np.all(np.isfinite(values)) and np.all(values >= 0) and values.sum() > 0):
            raise InputError(f"the fractions {values.tolist()} must be 0 or more and not all 0")
        if not np.all(np.isfinite(errors) & (errors > 0)):
            raise InputError(f"the errors {errors.tolist()} must be positive")
        _one_place(self.incorporation_percent, self.dose_percent)
        total = values.sum()
        object.__setattr__(self, "fractions", tuple(float(v) for v in values / total))
        object.__setattr__(self, "sigma", tuple(float(v) for v in errors / total))

    def log_likelihood(self, parameters: Mapping[str, Array], n_steps: int) -> Array:
        """Return ln of the likelihood for draws of the parameters, shape (n,)."""
        if len(self.fractions) != n_steps + 1:
            raise InputError(
                f"{len(self.fractions)} fractions given, but the system has {n_steps + 1} clusters"
            )
        mean = n_steps * np.clip(_incorporation(self, parameters) / parameters["y2"], 0.0, 1.0)
        shares = binding_populations(mean, parameters["alpha"], n_steps)
        seen = zip(shares, self.fractions, self.sigma, strict=True)
        log: Array = -0.5 * sum(((share - measured) / error) ** 2 for share, measured, error in seen)
        return log


@dataclass(frozen=True, slots=True, kw_only=True)
class ProductOnset(Record):
    """Whether the product was seen in one sample (XRD, XPS, MALDI).

    Parameters
    ----------
    seen : bool
        Whether it was.
    incorporation_percent, dose_percent : float
        Where the sample was made: one of the two.
    detection_limit : float
        Share of units turned into product that the technique just sees.

    Raises
    ------
    InputError
        If numbers do not fit together.

    Examples
    --------
    >>> onset = ProductOnset(seen=False, incorporation_percent=8.0)
    >>> onset.detection_limit
    0.05
    """

    SCHEMA = "cxkinetics.product-onset/1"
    _keys = "kind=_kind ..."
    _kind: ClassVar[str] = "product onset"

    seen: bool
    incorporation_percent: float | None = None
    dose_percent: float | None = None
    detection_limit: float = 0.05

    def __post_init__(self) -> None:
        if not 0 < self.detection_limit < 1:
            raise InputError(f"detection_limit is {self.detection_limit:g}; it must lie between 0 and 1")
        _one_place(self.incorporation_percent, self.dose_percent)

    def log_likelihood(self, parameters: Mapping[str, Array], n_steps: int) -> Array:
        """Return ln of the likelihood for draws of the parameters, shape (n,)."""
        share = product_share(_incorporation(self, parameters), parameters["y_on"], parameters["y_f"])
        score = (share - self.detection_limit) / (_ONSET_BLUR * self.detection_limit)
        return log_ndtr(score if self.seen else -score)


def _one_place(incorporation_percent: float | None, dose_percent: float | None) -> None:
    given = [v for v in (incorporation_percent, dose_percent) if v is not None]
    if len(given) != 1:
        raise InputError("say where the sample was made: incorporation_percent or dose_percent, one of them")
    if not (np.isfinite(given[0]) and given[0] >= 0):
        raise InputError(f"the sample stands at {given[0]:g} %; it must be a finite number from 0")


def _incorporation(place: ClusterFractions | ProductOnset, parameters: Mapping[str, Array]) -> Array:
    if place.incorporation_percent is not None:
        return np.full(parameters["y2"].shape, float(place.incorporation_percent))
    curve = {name: parameters[name] for name in MAP_PARAMETERS}
    return incorporation_map.incorporation(float(place.dose_percent or 0.0), **curve)


_KINDS = {"fractions": ClusterFractions, "onset": ProductOnset}
"""Key in a file -> what its entries are."""


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
    unknown = set(record) - set(_KINDS)
    if unknown:
        raise InputError(f"unknown key {sorted(unknown)[0]!r}; known are fractions and onset", file=name)
    if not any(record.values()):
        raise InputError("holds no measurement", file=name, remedy="write [[fractions]] or [[onset]] entries")
    fractions, onset = (
        tuple(_built(kind, item, name, f"{key} entry {n}") for n, item in enumerate(record.get(key, ()), 1))
        for key, kind in _KINDS.items()
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
