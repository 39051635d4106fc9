"""A user's own measurements that narrow the priors, in Python or from a TOML file."""

import math
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Annotated, Any, ClassVar

import numpy as np
from scipy.special import log_ndtr, logsumexp, ndtri

from cxkinetics.arrays import Array, numbers_of
from cxkinetics.calls import checked_fields
from cxkinetics.composition import curve as incorporation_map
from cxkinetics.composition.mass_balance import guest_shares
from cxkinetics.composition.mechanisms import State
from cxkinetics.composition.system import System
from cxkinetics.errors import InputError
from cxkinetics.record import OMIT, Record
from cxkinetics.signals.basis import BASES, basis_kind

_ONSET_BLUR = 0.25
"""Blur of a detection limit, as a share of it: a limit is not a cliff."""

RESPONSE_SD = math.log(2)
"""Sd of ln of the response of a mass spectrometer to one guest more: heights are no shares."""

_RESPONSES = ndtri((np.arange(25) + 0.5) / 25)
_RESPONSES /= _RESPONSES.std()
_LEAST = 1e-12  # a share that is 0 has no logarithm


@checked_fields()
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
    response_sd : float
        Standard deviation of ln of how much better (or worse) the spectrometer sees a cluster with one
        guest more; 0 where the heights were calibrated to shares.

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
    response_sd: float = RESPONSE_SD

    def __post_init__(self) -> None:
        values, errors = numbers_of("fractions", self.fractions), numbers_of("sigma", self.sigma)
        if values.shape != errors.shape or values.ndim != 1 or values.size < 2:
            raise InputError(
                f"{values.size} fractions and {errors.size} errors given; give one of each per cluster"
            )
        if not (np.all(np.isfinite(values)) and np.all(values >= 0) and values.sum() > 1e-150):
            raise InputError(f"the fractions {values.tolist()} must be 0 or more and not all 0")
        if not np.all(np.isfinite(errors) & (errors > 0)):
            raise InputError(f"the errors {errors.tolist()} must be positive")
        if not (math.isfinite(self.response_sd) and self.response_sd >= 0):
            raise InputError(f"response_sd is {self.response_sd:g}; it must be 0 or more")
        _one_place(self.incorporation_percent, self.dose_percent)
        total = values.sum()
        object.__setattr__(self, "fractions", tuple(float(v) for v in values / total))
        object.__setattr__(self, "sigma", tuple(float(v) for v in errors / total))

    @property
    def numbers(self) -> int:
        """How many numbers were measured."""
        return len(self.fractions) - 1

    def log_likelihood(self, state: State, system: System) -> Array:
        """Return ln of the likelihood, 0 where all is met, of states (species, n); shape (n,)."""
        clusters = system.n_steps + 1
        if len(self.fractions) not in (clusters, clusters + 1):
            raise InputError(
                f"{len(self.fractions)} fractions given, but the system has {clusters} clusters (one more "
                "may be given for clusters with more guests than those)"
            )
        shares = np.concatenate([state.shares[:-1], state.beyond[None]])[: len(self.fractions), None]
        count = np.arange(len(self.fractions)).reshape(-1, 1, 1)
        heights = shares * np.exp(self.response_sd * _RESPONSES[:, None] * count)
        heights = heights / np.maximum(heights.sum(axis=0), _LEAST)
        seen = zip(heights, self.fractions, self.sigma, strict=True)
        each = -0.5 * sum(((height - measured) / error) ** 2 for height, measured, error in seen)
        log: Array = logsumexp(each, axis=0) - math.log(_RESPONSES.size)
        return log


@checked_fields()
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
        Share of product that the technique just sees, of what it counts.
    counts : str
        What that is: "units" (clusters before exchange; mass spectra, XRD) or "guest" (atoms; XPS). With
        "more", what is seen or not is no product but clusters with more guests than the system lists.

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
    counts: str = "units"

    def __post_init__(self) -> None:
        if self.counts not in ("units", "guest", "more"):
            raise InputError(f"counts is {self.counts!r}; use units, guest or more")
        if not 0 < self.detection_limit < 1:
            raise InputError(f"detection_limit is {self.detection_limit:g}; it must lie between 0 and 1")
        _one_place(self.incorporation_percent, self.dose_percent)

    @property
    def numbers(self) -> int:
        """How many numbers were measured."""
        return 1

    def log_likelihood(self, state: State, system: System) -> Array:
        """Return ln of the likelihood of states (species, n); shape (n,)."""
        share = state.beyond if self.counts == "more" else state.shares[-1]
        if self.counts == "guest":
            share = guest_in_product(state, system)
        score = (share - self.detection_limit) / (_ONSET_BLUR * self.detection_limit)
        return log_ndtr(score if self.seen else -score)


@checked_fields()
@dataclass(frozen=True, slots=True, kw_only=True)
class TopCluster(Record):
    """The cluster whose peak is highest in the mass spectrum of one sample: an inequality, no fraction.

    Parameters
    ----------
    guests : int
        Guests in it.
    incorporation_percent, dose_percent, response_sd
        As for `ClusterFractions`.

    Examples
    --------
    >>> TopCluster(guests=1, incorporation_percent=3.2).numbers
    1
    """

    SCHEMA = "cxkinetics.top-cluster/1"
    _keys = "kind=_kind ..."
    _kind: ClassVar[str] = "top cluster"

    guests: int
    incorporation_percent: float | None = None
    dose_percent: float | None = None
    response_sd: float = RESPONSE_SD

    def __post_init__(self) -> None:
        _positive("response_sd", self.response_sd)
        _one_place(self.incorporation_percent, self.dose_percent)

    @property
    def numbers(self) -> int:
        """How many numbers were measured."""
        return 1

    def log_likelihood(self, state: State, system: System) -> Array:
        """Return ln of the likelihood of states (species, n); shape (n,)."""
        if self.guests not in system.dopant_counts:
            known = ", ".join(map(str, system.dopant_counts))
            raise InputError(f"the top cluster has {self.guests} guests; the system lists {known}")
        place = system.dopant_counts.index(self.guests)
        heights = np.log(np.maximum(np.concatenate([state.shares[:-1], state.beyond[None]]), _LEAST))
        steps = np.delete(np.arange(heights.shape[0]), place)
        lead = (heights[place] - heights[steps]) / (np.abs(steps - place)[:, None] * self.response_sd)
        # the response ratio of one step decides all comparisons on a side: the tightest one counts
        below, above = lead[steps < place], lead[steps > place]
        sides = [log_ndtr(side.min(axis=0)) for side in (below, above) if side.size]
        return np.asarray(sum(sides), dtype=float)


@checked_fields()
@dataclass(frozen=True, slots=True, kw_only=True)
class GuestShare(Record):
    """The share of all guest atoms that XPS (or XRD) finds in the product of one sample.

    Parameters
    ----------
    share : float, optional
        0-1, with its standard deviation `sigma`.
    sigma : float, optional
    ratio : float, optional
        Instead of both: guest in the product over guest elsewhere, as peak areas give it.
    relative_error : float
        Standard deviation of that ratio, as a share of it.
    incorporation_percent, dose_percent : float
        Where the sample was made: one of the two.

    Examples
    --------
    >>> GuestShare(share=0.3, sigma=0.1, dose_percent=75).numbers
    1
    >>> GuestShare(ratio=0.43, relative_error=0.2, dose_percent=75).numbers
    1
    """

    SCHEMA = "cxkinetics.guest-share/1"
    _keys = "kind=_kind ..."
    _kind: ClassVar[str] = "share of guest in the product"

    share: float | None = None
    sigma: float | None = None
    ratio: Annotated[float | None, OMIT] = None
    relative_error: Annotated[float, OMIT] = 0.1
    incorporation_percent: float | None = None
    dose_percent: float | None = None

    def __post_init__(self) -> None:
        if (self.share is None) == (self.ratio is None) or (self.share is None) != (self.sigma is None):
            raise InputError("give share with its sigma, or ratio with its relative_error")
        if self.share is not None and not 0 <= self.share <= 1:
            raise InputError(f"share is {self.share:g}; it must lie between 0 and 1")
        if self.sigma is not None:
            _positive("sigma", self.sigma)
        if self.ratio is not None:
            _positive("ratio", self.ratio)
        _positive("relative_error", self.relative_error)
        _one_place(self.incorporation_percent, self.dose_percent)

    @property
    def numbers(self) -> int:
        """How many numbers were measured."""
        return 1

    def log_likelihood(self, state: State, system: System) -> Array:
        """Return ln of the likelihood of states (species, n); shape (n,)."""
        share = guest_in_product(state, system)
        if self.ratio is None or self.share is not None:
            off = (share - (self.share or 0.0)) / (self.sigma or 1.0)
        else:
            odds = np.maximum(share, _LEAST) / np.maximum(1 - share, _LEAST)
            off = np.log(odds / self.ratio) / self.relative_error
        log: Array = -0.5 * off**2
        return log


@checked_fields()
@dataclass(frozen=True, slots=True, kw_only=True)
class WashPair(Record):
    """One sample washed two ways: the guest stays, trapped host goes, and no less than none can be left.

    Each wash has a trapped host of its own: that of the other samples says nothing of the cleaner one.

    Parameters
    ----------
    clean_percent : float
        Incorporation after the wash that leaves least host, percent.
    sigma : float
        Its standard deviation.
    incorporation_percent, dose_percent : float
        The sample as washed for the dose table: one of the two.

    Examples
    --------
    >>> WashPair(clean_percent=31.6, sigma=0.6, incorporation_percent=12.1).numbers
    1
    """

    SCHEMA = "cxkinetics.wash-pair/1"
    _keys = "kind=_kind ..."
    _kind: ClassVar[str] = "wash pair"

    clean_percent: float
    sigma: float = 0.5
    incorporation_percent: float | None = None
    dose_percent: float | None = None

    def __post_init__(self) -> None:
        if not 0 < self.clean_percent < 100:
            raise InputError(f"clean_percent is {self.clean_percent:g}; it must lie between 0 and 100")
        _positive("sigma", self.sigma)
        _one_place(self.incorporation_percent, self.dose_percent)

    @property
    def numbers(self) -> int:
        """How many numbers were measured."""
        return 1

    def log_likelihood(self, state: State, system: System) -> Array:
        """Return ln of the chance that the clusters alone do not read lower than the clean sample."""
        kind = basis_kind(state.basis)
        if kind == BASES[2]:  # where no host is counted no wash shows
            return np.zeros(state.guests.shape)
        counted = state.hosts + (state.guests if kind == BASES[0] else 0.0)
        alone = 100 * state.guests / np.maximum(counted, _LEAST)
        return log_ndtr((alone - self.clean_percent) / self.sigma)

    def trapped_host(self, state: State) -> Array:
        """Return the host per unit that is trapped after the clean wash, shape (n,); none below 0."""
        kind, part = basis_kind(state.basis), self.clean_percent / 100
        counted = state.guests * ((1 - part) / part if kind == BASES[0] else 1 / part)
        return np.maximum(counted - state.hosts, 0.0)


Measurement = ClusterFractions | ProductOnset | TopCluster | GuestShare | WashPair
"""Whatever a user can measure of a sample beside its incorporation."""


def guest_in_product(state: State, system: System) -> Array:
    """Return the share of all guest atoms that sit in the product; 0 without guest."""
    others = state.beyond_guests + state.loose
    share: Array = np.nan_to_num(guest_shares(system, state.shares, others)[-1])
    return share


def _positive(name: str, value: float) -> None:
    if not 0 < value < math.inf:
        raise InputError(f"{name} is {value:g}; it must be a positive number")


def _one_place(incorporation_percent: float | None, dose_percent: float | None) -> None:
    given = [v for v in (incorporation_percent, dose_percent) if v is not None]
    if len(given) != 1:
        raise InputError("say where the sample was made: incorporation_percent or dose_percent, one of them")
    if not (np.isfinite(given[0]) and given[0] >= 0):
        raise InputError(f"the sample stands at {given[0]:g} %; it must be a finite number from 0")


def incorporation_of(place: Measurement, values: Mapping[str, Array]) -> Array:
    """Return the incorporation (%) of a sample in every draw, shape (n,), the table's blank taken off."""
    if place.incorporation_percent is not None:
        read = np.full(values["y_f"].shape, float(place.incorporation_percent))
        return np.maximum(read - values.get(incorporation_map.BLANK, 0.0), 0.0)
    columns = {name: column[:, None] for name, column in values.items()}
    return incorporation_map.incorporation_of_draws(columns, place.dose_percent or 0.0)[:, 0]


_KINDS: Mapping[str, type[Any]] = {
    "fractions": ClusterFractions,
    "onset": ProductOnset,
    "top": TopCluster,
    "guest_share": GuestShare,
    "wash": WashPair,
}
"""Key in a file -> what its entries are."""


def load_measurements(path: str | Path) -> tuple[Measurement, ...]:
    r"""Return the measurements of a TOML file: [[fractions]], [[onset]], [[top]], [[guest_share]], [[wash]].

    Raises
    ------
    InputError
        If the file is not valid TOML, holds an unknown key or a value that cannot be.

    Examples
    --------
    >>> import tempfile
    >>> file = Path(tempfile.mkdtemp()) / "ms.toml"
    >>> _ = file.write_text("[[onset]]\nincorporation_percent = 8.0\nseen = true\n")
    >>> load_measurements(file)[0].seen
    True
    """
    name = str(path)
    try:
        record = tomllib.loads(Path(path).read_text(encoding="utf-8-sig"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"is not valid TOML: {error}", file=name) from error
    except ValueError as error:
        raise InputError(f"{name!r} cannot be the name of a file: {error}") from error
    unknown = set(record) - set(_KINDS)
    known = ", ".join(_KINDS)
    if unknown:
        raise InputError(f"unknown key {sorted(unknown)[0]!r}; known are {known}", file=name)
    if not any(record.values()):
        raise InputError("holds no measurement", file=name, remedy=f"write [[...]] entries of {known}")
    return measurements_of(record, name)


def measurements_of(record: Mapping[str, Any], file: str) -> tuple[Measurement, ...]:
    """Return the measurements of a read TOML table, key -> entries."""
    return tuple(
        _built(_KINDS[key], item, file, f"{key} entry {n}")
        for key, entries in record.items()
        for n, item in enumerate(entries, 1)
    )


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
