"""What a mechanism is fitted to: single observations of any kind, whole runs, and where they come from.

Every observation has a dose, a time (that of the quench where a sample was washed and analysed), a value
and its own standard deviation; some say only that a quantity is at most or at least something. A file of
them is TOML, as the packaged one is:

    quenched_s = 1200

    [[observation]]
    source = "XPS"
    quantity = "product share of guest"
    dose_percent = 75
    value = 0.30
    sd = 0.15
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any

import numpy as np

from cxkinetics.arrays import Array
from cxkinetics.errors import InputError, did_you_mean
from cxkinetics.mechanism.scheme import record_of
from cxkinetics.record import OMIT, Record
from cxkinetics.signals.basis import BASES, basis_kind
from cxkinetics.signals.dose_table import DoseTable
from cxkinetics.signals.spectra import SpectralSeries
from cxkinetics.signals.trace import Trace

QUANTITIES = {
    "incorporation": "%",
    "absorbance": "",
    "log slope": "1/s",
    "log R2": "",
    "peak": "nm",
    "removable host": "",
    "product share of guest": "",
    "product share of clusters": "",
    "clusters left": "",
    "share": "",
    "log ratio": "",
}
"""What can be observed, and its unit. "absorbance" is A/A0; "log slope" is minus the slope of ln A over
`times_s` and "log R2" the R2 of that line; "removable host" the share of all host that a wash can take;
"share" the share of clusters in one species and "log ratio" ln of one share over another (`of`)."""
SIDES = ("", "at most", "at least")
QUENCHED_S = 1200.0
"""Time of the quench where none is stated."""
MOST_READINGS = 150
"""Readings of a run that are kept; more are averaged, as they say nothing else of steps of seconds."""
LOG_TIMES = ("log slope", "log R2")
_FEWEST = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation(Record):
    """One number that a mechanism is fitted to.

    Attributes
    ----------
    source : str
        Technique; residuals are told by it.
    quantity : str
        One of `QUANTITIES`.
    dose_percent, time_s : float
        Where it was seen; the time of the quench for a washed sample.
    value, sd : float
        In the unit of the quantity.
    side : str
        "" for a value, "at most" or "at least" for a limit.
    times_s : tuple of float
        Times of the readings of a log-linear line.
    of : tuple of str
        Species of a share, or both of a ratio.
    """

    source: str
    quantity: str
    dose_percent: float
    time_s: float
    value: float
    sd: float
    side: Annotated[str, OMIT] = ""
    times_s: Annotated[tuple[float, ...], OMIT] = ()
    of: Annotated[tuple[str, ...], OMIT] = ()

    def __post_init__(self) -> None:
        if self.quantity not in QUANTITIES:
            raise InputError(
                f"the quantity is {self.quantity!r}; {did_you_mean(self.quantity, tuple(QUANTITIES))}"
                f"it must be one of {', '.join(QUANTITIES)}"
            )
        if self.side not in SIDES:
            raise InputError(f"side is {self.side!r}; it must be 'at most' or 'at least', or left out")
        numbers = {"dose_percent": self.dose_percent, "time_s": self.time_s, "sd": self.sd}
        for name, number in numbers.items():
            if not (np.isfinite(number) and number >= 0 and (number > 0 or name == "time_s")):
                raise InputError(
                    f"{name} of {self.quantity} ({self.source}) is {number:g}; it must be positive"
                )
        if not np.isfinite(self.value):
            raise InputError(f"the value of {self.quantity} ({self.source}) is {self.value:g}")
        if (self.quantity in LOG_TIMES) != (len(self.times_s) > 2):
            raise InputError(
                f"{self.quantity} ({self.source}) has {len(self.times_s)} times_s; a line needs at least 3, "
                "another quantity none"
            )
        wanted = {"log ratio": 2, "share": 1}.get(self.quantity, 0)
        if len(self.of) != wanted:
            raise InputError(
                f"{self.quantity} ({self.source}) names {len(self.of)} species in `of`, not {wanted}"
            )

    @property
    def label(self) -> str:
        """What it is in one line."""
        what = f"{' / '.join(self.of)} " if self.of else ""
        span = f"{self.times_s[0]:g}-{self.times_s[-1]:g} s" if self.times_s else f"{self.time_s:g} s"
        return f"{what}{self.quantity} at {self.dose_percent:g} %, {span}"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Run(Record):
    """One recorded run: absorbance against the time since the addition, its amplitude left free.

    Attributes
    ----------
    source : str
        Its name.
    dose_percent : float
        Guest added.
    time_s, absorbance : Array, shape (n,)
        Readings, averaged where there were too many.
    sd : float
        Of one of them.
    """

    source: str
    dose_percent: float
    time_s: Array
    absorbance: Array
    sd: float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Evidence(Record):
    """All that one fit is made to.

    Attributes
    ----------
    title : str
        What it is.
    basis : str
        Of the incorporations.
    observations : tuple of Observation
    runs : tuple of Run
    remarks : tuple of str
        What was assumed of the data.
    """

    title: str
    basis: str = BASES[0]
    observations: tuple[Observation, ...] = ()
    runs: tuple[Run, ...] = ()
    remarks: tuple[str, ...] = field(default=())

    @property
    def n_points(self) -> int:
        """How many numbers are fitted."""
        return len(self.observations) + sum(run.time_s.size for run in self.runs)

    @property
    def highest_dose_percent(self) -> float:
        """The highest dose of all."""
        seen = [one.dose_percent for one in self.observations]
        return max([*seen, *(run.dose_percent for run in self.runs)])

    @property
    def latest_s(self) -> float:
        """The latest time of all."""
        seen = [one.time_s for one in self.observations]
        return max([*seen, *(float(run.time_s[-1]) for run in self.runs)])

    @property
    def sources(self) -> tuple[str, ...]:
        """Every source once, in order."""
        return tuple(dict.fromkeys(self.by_point))

    @property
    def by_point(self) -> tuple[str, ...]:
        """The source of each number that is fitted."""
        from_runs = [run.source for run in self.runs for _ in range(run.time_s.size)]
        return (*(seen.source for seen in self.observations), *from_runs)

    def joined(self, other: "Evidence") -> "Evidence":
        """Return both together."""
        if basis_kind(other.basis) != basis_kind(self.basis):
            raise InputError(
                f"{self.title} gives incorporations as {self.basis}, {other.title} as {other.basis}",
                remedy="give both on one basis",
            )
        return replace(
            self,
            title=f"{self.title}; {other.title}",
            observations=(*self.observations, *other.observations),
            runs=(*self.runs, *other.runs),
            remarks=(*self.remarks, *other.remarks),
        )


def published_evidence() -> Evidence:
    """Return the packaged numbers.

    Examples
    --------
    >>> evidence = published_evidence()
    >>> evidence.n_points, evidence.sources[0]
    (23, 'ICP-OES')
    """
    import tomllib

    text = (files("cxkinetics.mechanism") / "published.toml").read_text(encoding="utf-8")
    return _evidence(tomllib.loads(text), "published.toml")


def load_evidence(path: str | Path) -> Evidence:
    """Return the observations of a TOML file; its layout is that of the module's text.

    Raises
    ------
    InputError
        If it cannot be read or an observation does not fit; the message says which.
    """
    return _evidence(record_of(Path(path)), str(path))


def _evidence(record: Mapping[str, Any], file: str) -> Evidence:
    known = ("title", "quenched_s", "basis", "observation")
    if strange := [key for key in record if key not in known]:
        raise InputError(
            f"the key {strange[0]} is not known; {did_you_mean(strange[0], known)}"
            f"known are {', '.join(known)}",
            file=file,
        )
    quenched = float(record.get("quenched_s", QUENCHED_S))
    found = []
    for number, entry in enumerate(record.get("observation", ()), 1):
        try:
            found.append(_observation(entry, quenched))
        except (InputError, TypeError, ValueError) as error:
            raise InputError(f"observation {number}: {error}", file=file) from error
    if not found:
        raise InputError("the file has no [[observation]]", file=file, remedy="add one; the manual shows how")
    return Evidence(
        title=str(record.get("title", Path(file).name)),
        basis=str(record.get("basis", BASES[0])),
        observations=tuple(found),
    )


def _observation(entry: Mapping[str, Any], quenched_s: float) -> Observation:
    needed = ("source", "quantity", "dose_percent", "value", "sd")
    known = (*needed, "time_s", "times_s", "side", "of")
    if missing := [key for key in needed if key not in entry]:
        raise InputError(f"it lacks {missing[0]}; it needs {', '.join(needed)}")
    if strange := [key for key in entry if key not in known]:
        raise InputError(
            f"{strange[0]} is not known; {did_you_mean(strange[0], known)}known are {', '.join(known)}"
        )
    times = entry.get("times_s", ())
    if isinstance(times, Mapping):
        times = np.linspace(float(times["from"]), float(times["to"]), int(times["count"])).tolist()
    times = tuple(float(time) for time in times)
    time = float(entry.get("time_s", times[-1] if times else quenched_s))
    species = entry.get("of", ())
    return Observation(
        source=str(entry["source"]),
        quantity=str(entry["quantity"]),
        dose_percent=float(entry["dose_percent"]),
        time_s=time,
        value=float(entry["value"]),
        sd=float(entry["sd"]),
        side=str(entry.get("side", "")),
        times_s=times,
        of=(species,) if isinstance(species, str) else tuple(map(str, species)),
    )


def evidence_of_table(table: DoseTable, *, quenched_s: float = QUENCHED_S) -> Evidence:
    """Return a dose table as observations; rows at dose 0 or with an interval of doses say nothing here.

    The error of a reading is the one that the table states; where it states none, 0.3 percentage points
    and 3 % of the reading are taken, aloud. An error of the dose is carried over by the mean slope of the
    table beside that row.
    """
    dose, y = table.dose_percent, table.incorporation_percent
    remarks = []
    constant, share = table.icp_error or (0.3, 0.03)
    sd = np.hypot(constant, share * y) if table.sigma_percent is None else np.asarray(table.sigma_percent)
    if table.sigma_percent is None and table.icp_error is None:
        remarks.append("the table states no error of its readings: 0.3 percentage points and 3 % were taken")
    known = np.isfinite(dose)
    if table.dose_sd_percent is not None and known.sum() > 2:
        slope = np.gradient(y[known], dose[known])
        sd = sd.copy()
        sd[known] = np.hypot(sd[known], slope * np.asarray(table.dose_sd_percent)[known])
    used = known & (dose > 0)
    if left := int((~used).sum()):
        remarks.append(f"{left} rows of the table, at dose 0 or without an exact dose, are not used")
    remarks.append(f"the samples of the table are taken as quenched after {quenched_s:g} s")
    name = Path(table.source.file).name if table.source.file else table.label or "dose table"
    rows = [
        Observation(
            source="dose table",
            quantity="incorporation",
            dose_percent=float(d),
            time_s=quenched_s,
            value=float(value),
            sd=float(error),
        )
        for d, value, error in zip(dose[used], y[used], sd[used], strict=True)
    ]
    return Evidence(title=name, basis=table.basis, observations=tuple(rows), remarks=tuple(remarks))


def evidence_of_run(
    data: Trace | SpectralSeries, dose_percent: float, *, number: int = 1, near_nm: float | None = None
) -> Evidence:
    """Return a run at a known dose: its absorbance and, of spectra, where the peak stands.

    The error of a reading is estimated from second differences (it holds noise alone, no misfit), and at
    least 0.3 % of the largest reading: what a model of a few states cannot be right beyond.
    """
    peaks: tuple[Observation, ...] = ()
    trace = data.exciton_peak(near_nm=near_nm) if isinstance(data, SpectralSeries) else data
    time, absorbance = np.asarray(trace.time_s), np.asarray(trace.absorbance)
    keep = np.isfinite(absorbance) & (time >= 0)
    name = trace.source.file or trace.label
    label = f"run {number}" + (f" ({Path(name).name})" if name else "")
    if keep.sum() < _FEWEST:
        raise InputError(
            f"{label} has {int(keep.sum())} readings at or after time 0; a run needs at least {_FEWEST}",
            remedy="time counts from the addition of the guest",
        )
    time, absorbance = time[keep], absorbance[keep]
    noise = float(np.sqrt(np.median(np.diff(absorbance, 2) ** 2) / 0.455 / 6)) if time.size > _FEWEST else 0.0
    group = int(np.ceil(time.size / MOST_READINGS))
    sd = max(noise / np.sqrt(group), 0.003 * float(np.max(np.abs(absorbance))))
    if isinstance(data, SpectralSeries) and trace.peak_nm is not None:
        peaks = _peaks(np.asarray(trace.peak_nm)[keep], time, dose_percent, label)
    run = Run(
        source=label,
        dose_percent=dose_percent,
        time_s=_averaged(time, group),
        absorbance=_averaged(absorbance, group),
        sd=sd,
    )
    return Evidence(title=label, observations=peaks, runs=(run,))


def _peaks(peak: Array, time: Array, dose: float, label: str) -> tuple[Observation, ...]:
    """Return the peak position at five times over which it was found, with its scatter."""
    seen = np.isfinite(peak)
    if seen.sum() < _FEWEST:
        return ()
    peak, time = peak[seen], time[seen]
    parts = np.array_split(np.arange(peak.size), _FEWEST)
    scatter = float(np.sqrt(np.median(np.diff(peak, 2) ** 2) / 0.455 / 6)) if peak.size > _FEWEST else 0.0
    return tuple(
        Observation(
            source=f"{label}, peak",
            quantity="peak",
            dose_percent=dose,
            time_s=float(time[part].mean()),
            value=float(peak[part].mean()),
            # a peak of a few states of fixed position cannot be right beyond this
            sd=max(scatter / np.sqrt(part.size), 0.25),
        )
        for part in parts
    )


def _averaged(values: Array, group: int) -> Array:
    if group == 1:
        return np.asarray(values, dtype=float)
    whole = values.size // group * group
    return np.asarray(values[:whole].reshape(-1, group).mean(axis=1))


def joined(parts: Iterable[Evidence]) -> Evidence:
    """Return all of them as one."""
    found: Sequence[Evidence] = list(parts)
    whole = found[0]
    for part in found[1:]:
        whole = whole.joined(part)
    return whole
