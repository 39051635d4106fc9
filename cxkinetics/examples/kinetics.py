"""The packaged in-situ spectra: published numbers, how they were simulated, and the demonstration."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from typing import Annotated

import numpy as np

from cxkinetics.arrays import Array
from cxkinetics.calls import checked
from cxkinetics.errors import InputError, did_you_mean
from cxkinetics.estimate import Estimate
from cxkinetics.kinetics.fit import fit_stages
from cxkinetics.kinetics.lines import PeakShift, peak_shift
from cxkinetics.kinetics.result import StagedFit
from cxkinetics.models.decays import staged_decay
from cxkinetics.record import As, Record
from cxkinetics.signals.spectra import SpectralSeries
from cxkinetics.source import Source, sha256_of

DOI = "10.1063/5.0151904"


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedKinetics:
    """Two first-order stages of one cation exchange in situ.

    Attributes
    ----------
    name, label : str
        Name of the example and words for a figure.
    absorbance_start : float
        Peak absorbance at 0 s, AU.
    k1_per_s, k2_per_s : float
        Rate constants of the two stages, 1/s.
    breakpoint_s, end_s : float
        End of stage 1 and of the trace, s.
    peak_start_nm, peak_end_nm : float
        Exciton peak before and after its shift, nm; the shift ends with stage 1.
    absorbance_at : tuple of (float, float)
        Times, s, and the peak absorbance stated there.
    r_squared : tuple of float
        R2 of the two straight lines in ln A, as stated.
    assumed : str
        What the paper does not state.
    """

    name: str
    label: str
    absorbance_start: float
    k1_per_s: float
    k2_per_s: float
    breakpoint_s: float
    end_s: float
    peak_start_nm: float
    peak_end_nm: float
    absorbance_at: tuple[tuple[float, float], ...] = ()
    r_squared: tuple[float, ...] = ()
    assumed: str = ""

    @property
    def rate_ratio(self) -> float:
        """k1/k2."""
        return self.k1_per_s / self.k2_per_s


_PUBLISHED = {
    item.name: item
    for item in (
        PublishedKinetics(
            name="ag-cds",
            label="Ag into CdS",
            absorbance_start=0.9,
            k1_per_s=0.056,
            k2_per_s=0.019,
            breakpoint_s=20.0,
            end_s=100.0,
            peak_start_nm=324.0,
            peak_end_nm=327.0,
            absorbance_at=((20.0, 0.3), (100.0, 0.07)),
            r_squared=(0.966, 0.986),
        ),
        PublishedKinetics(
            name="cu-cds",
            label="Cu into CdS",
            absorbance_start=0.9,
            k1_per_s=0.15,
            k2_per_s=0.011,
            breakpoint_s=10.0,
            end_s=90.0,
            peak_start_nm=324.0,
            peak_end_nm=331.0,
            assumed="the absorbance at 0 s, and that the shift (seen ex situ) ends with stage 1",
        ),
    )
}


def published_kinetics(name: str) -> PublishedKinetics:
    """Return the published kinetics of "ag-cds" or "cu-cds".

    Raises
    ------
    InputError
        If there is no example of that name; the message lists those there are.

    Examples
    --------
    >>> round(published_kinetics("ag-cds").rate_ratio, 2)
    2.95
    """
    if name not in _PUBLISHED:
        raise InputError(f"no kinetics example {name!r}; there are {', '.join(_PUBLISHED)}")
    return _PUBLISHED[name]


KINDS = ("measured", "worked out", "simulated", "assumed", "followed")
"""A printed number found again from published measurements; one that is not printed, but follows from
printed ones; a published constant recovered from a trace simulated with it; the same, but the number
put into the simulation was assumed and is not published; a printed number that was not put into the
simulation, so that the simulated trace can miss it."""

_ROUNDED = ("measured", "followed")


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison(Record):
    """One quantity, published and found.

    Attributes
    ----------
    quantity : str
        What it is.
    published : float
        The published number, in the unit of `found`.
    found : Estimate
        What the fit gives.
    printed : str
        The number as the publication prints it, where that differs from `published`.
    note : str
        Why they differ, where that is known.
    kind : str
        One of `KINDS`; "" counts nowhere.
    """

    _keys = """quantity published printed=_printed found difference kind inside_interval=inside agrees
        note"""

    quantity: str
    published: float
    found: Annotated[Estimate, As(name="{quantity}")]
    printed: str = ""
    note: str = ""
    kind: str = ""

    @property
    def difference(self) -> float | None:
        """What was found minus what was published."""
        return None if self.found.value is None else self.found.value - self.published

    @property
    def inside(self) -> bool | None:
        """Whether the published number lies inside the interval; None without one."""
        low, high = self.found.low, self.found.high
        if low is None or high is None:
            return None
        return any(a <= self.published <= b for a, b in self.found.pieces or ((low, high),))

    @property
    def agrees(self) -> bool | None:
        """Whether what was found rounds to the printed digits; None for what was put in or assumed.

        Whether the published number lies inside the interval says nothing here: the interval of a
        mean of two readings holds both of them, whatever they are.
        """
        if self.kind not in _ROUNDED or self.found.value is None:
            return None
        words = self.printed.split()
        digits = Decimal(words[-1] if words else repr(self.published))
        return abs(Decimal(repr(self.found.value)) - digits) <= Decimal(1).scaleb(_exponent(digits)) / 2

    @property
    def _printed(self) -> str:
        return self.printed or f"{self.published:g}"


def _exponent(digits: Decimal) -> int:
    exponent = digits.as_tuple().exponent
    return exponent if isinstance(exponent, int) else 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally(Record):
    """How many numbers agree or are recovered, each kind by itself.

    Attributes
    ----------
    agree, measured : int
        Numbers from published measurements that round to the printed digits, of how many.
    recovered, simulated : int
        Constants of the simulation inside their intervals, of how many.
    missed : tuple of str
        The quantities among the measured that do not agree.
    met, followed : int
        Printed numbers that were not put into the simulation and that it meets, of how many.
    unmet : tuple of str
        The quantities among these that it does not meet.
    assumed : tuple of str
        Quantities whose value in the simulation was assumed; they count nowhere.
    """

    agree: Annotated[int, As(key="measured.agree")]
    measured: Annotated[int, As(key="measured.of")]
    recovered: Annotated[int, As(key="simulated.recovered")]
    simulated: Annotated[int, As(key="simulated.of")]
    missed: Annotated[tuple[str, ...], As(key="measured.missed")]
    met: Annotated[int, As(key="followed.agree")]
    followed: Annotated[int, As(key="followed.of")]
    unmet: Annotated[tuple[str, ...], As(key="followed.missed")]
    assumed: tuple[str, ...]

    @property
    def headline(self) -> str:
        """The counts in one sentence or two."""
        compared, met = self.measured + self.followed, self.agree + self.met
        said = (
            [f"{met} of {compared} published numbers come out with the digits printed."] if compared else []
        )
        if self.simulated:
            said.append(f"{self.recovered} of {self.simulated} simulated ones are recovered.")
        return " ".join(said)

    def __str__(self) -> str:
        """Return the counts as sentences."""
        parts = []
        if self.measured:
            missed = f" (not: {'; '.join(self.missed)})" if self.missed else ""
            parts.append(
                f"Agreement with the paper: {self.agree} of {self.measured} numbers from its measured dose "
                f"table round to the digits it prints{missed}."
            )
        if self.followed:
            missed = f" (not: {'; '.join(self.unmet)})" if self.unmet else ""
            parts.append(
                f"Of its in-situ numbers that were not put into the simulated traces {self.met} of "
                f"{self.followed} come out with the digits it prints{missed}."
            )
        if self.simulated:
            parts.append(
                f"Recovery: {self.recovered} of {self.simulated} numbers that the traces were simulated "
                "from lie inside their 95 % intervals, which shows that the fit works and is no agreement "
                "with the paper."
            )
        if self.assumed:
            parts.append(f"Not counted, because assumed and not published: {'; '.join(self.assumed)}.")
        return " ".join(parts)


def tally(named: Iterable[tuple[str, Comparison]]) -> Tally:
    """Return the counts of comparisons, each with the name of the example it belongs to.

    Examples
    --------
    >>> slope = Comparison(
    ...     quantity="slope", published=0.11, found=Estimate(name="b1", value=0.1067), kind="measured"
    ... )
    >>> found = Estimate(name="k", value=1.1, low=0.9, high=1.3)
    >>> put_in = Comparison(quantity="k", published=1.0, found=found, kind="simulated")
    >>> counts = tally([("table", slope), ("trace", put_in)])
    >>> counts.agree, counts.measured, counts.recovered, counts.simulated
    (1, 1, 1, 1)
    """
    rows = list(named)
    judged = [row for _, row in rows if row.kind == "measured" and row.agrees is not None]
    followed = [row for _, row in rows if row.kind == "followed" and row.agrees is not None]
    simulated = [row.inside for _, row in rows if row.kind == "simulated" and row.inside is not None]
    return Tally(
        agree=sum(bool(row.agrees) for row in judged),
        measured=len(judged),
        recovered=sum(simulated),
        simulated=len(simulated),
        missed=tuple(row.quantity for row in judged if not row.agrees),
        met=sum(bool(row.agrees) for row in followed),
        followed=len(followed),
        unmet=tuple(row.quantity for row in followed if not row.agrees),
        assumed=tuple(f"{name} {row.quantity}" for name, row in rows if row.kind == "assumed"),
    )


NOISE_SD = 0.003
"""Standard deviation of every reading, AU."""

_WIDTH_NM = 8.0
_SEEDS = {"ag-cds": 20230701, "cu-cds": 20230702}
_WAVELENGTH_NM = np.arange(290.0, 361.0, 1.0)
_STEP_S = 1.0


def band_shape(offset_nm: Array) -> Array:
    """Return the band at distances from its maximum, nm; 1 at the maximum.

    Examples
    --------
    >>> band_shape(np.array([-8.0, 0.0, 16.0])).round(3).tolist()
    [0.607, 1.0, 0.135]
    """
    shape: Array = np.exp(-0.5 * (offset_nm / _WIDTH_NM) ** 2)
    return shape


def peak_position_nm(kinetics: PublishedKinetics, time_s: Array) -> Array:
    """Return the position of the peak, nm: a steady shift that ends at the breakpoint."""
    share = np.clip(time_s / kinetics.breakpoint_s, 0.0, 1.0)
    position: Array = kinetics.peak_start_nm + (kinetics.peak_end_nm - kinetics.peak_start_nm) * share
    return position


def simulated_absorbance(kinetics: PublishedKinetics, time_s: Array, wavelength_nm: Array) -> Array:
    """Return the noise-free spectra, shape (times, wavelengths), AU."""
    height = staged_decay(
        time_s,
        kinetics.absorbance_start,
        np.array([kinetics.k1_per_s, kinetics.k2_per_s]),
        np.array([kinetics.breakpoint_s]),
    )
    offset = wavelength_nm[None, :] - peak_position_nm(kinetics, time_s)[:, None]
    spectra: Array = height[:, None] * band_shape(offset)
    return spectra


def provenance(kinetics: PublishedKinetics) -> str:
    """Return one line that says what the spectra are and where the constants come from."""
    assumed = f"; assumed: {kinetics.assumed}" if kinetics.assumed else ""
    return (
        f"from the constants published in doi {DOI} (k1 {kinetics.k1_per_s:g} 1/s, "
        f"k2 {kinetics.k2_per_s:g} 1/s, breakpoint {kinetics.breakpoint_s:g} s); "
        f"noise sd {NOISE_SD:g} AU{assumed}"
    )


def simulate_series(kinetics: PublishedKinetics, *, seed: int | None = None) -> SpectralSeries:
    """Return simulated in-situ spectra around the exciton peak, labelled as simulated.

    Parameters
    ----------
    kinetics : PublishedKinetics
        Constants of the two stages and of the peak's shift.
    seed : int, optional
        Of the noise; by default the one the packaged file was made with.

    Returns
    -------
    SpectralSeries
        One spectrum a second, 290-360 nm in steps of 1 nm, rounded to 4 decimals as an instrument would.

    Examples
    --------
    >>> from cxkinetics.examples.kinetics import published_kinetics
    >>> series = simulate_series(published_kinetics("ag-cds"))
    >>> series.absorbance.shape, series.source.simulated
    ((101, 71), True)
    """
    time = np.arange(0.0, kinetics.end_s + _STEP_S / 2, _STEP_S)
    spectra = simulated_absorbance(kinetics, time, _WAVELENGTH_NM)
    rng = np.random.default_rng(_SEEDS.get(kinetics.name, 0) if seed is None else seed)
    noisy = spectra + rng.normal(0.0, NOISE_SD, spectra.shape)
    return SpectralSeries(
        time_s=time,
        wavelength_nm=_WAVELENGTH_NM,
        absorbance=np.round(noisy, 4),
        label=kinetics.label,
        source=Source(simulated=True, note=provenance(kinetics), format="simulated"),
    )


EXAMPLES = ("ag-cds", "cu-cds")
"""Names of the packaged in-situ spectra."""


def example_path(name: str) -> Path:
    """Return the packaged CSV file of "ag-cds", "cu-cds" (spectra) or "ag-cds-dose" (dose table).

    Raises
    ------
    InputError
        If there is no such example; the message lists those there are.
    """
    files = {known: f"{known}-simulated.csv" for known in EXAMPLES} | {"ag-cds-dose": "ag_cds_dose.csv"}
    if name not in files:
        raise _unknown(name, tuple(files))
    return Path(__file__).with_name(files[name])


def _unknown(name: str, known: tuple[str, ...]) -> InputError:
    near = did_you_mean(name, known).strip()
    hint = f" ({near})" if near else ""
    return InputError(f"no example {name!r}{hint}; there are {', '.join(known)}")


@checked()
def load_example(name: str) -> SpectralSeries:
    """Return packaged in-situ spectra: time x wavelength around the exciton peak, simulated.

    Parameters
    ----------
    name : str
        "ag-cds" (0-100 s, two stages meeting at 20 s) or "cu-cds" (0-90 s, 10 s).

    Returns
    -------
    SpectralSeries
        `source.simulated` is True and `source.note` says what it was simulated from.

    Raises
    ------
    InputError
        If there is no such example.

    References
    ----------
    Yao, Lynch, Robinson, J. Chem. Phys. 159, 014704 (2023), doi 10.1063/5.0151904: the constants.

    Examples
    --------
    >>> series = load_example("ag-cds")
    >>> series.source.simulated, series.absorbance.shape
    (True, (101, 71))
    >>> round(float(series.exciton_peak(near_nm=324).absorbance[0]), 2)
    0.9
    """
    if name not in EXAMPLES:
        raise _unknown(name, EXAMPLES)
    path = example_path(name)
    content = path.read_bytes()
    text = content.decode("utf-8")
    first = text.partition("\n")[0]
    head, *rows = [line for line in text.splitlines() if not line.startswith("#")]
    wavelength = np.array([float(cell) for cell in head.split(",")[1:]])
    table = np.loadtxt(rows, delimiter=",", ndmin=2)
    return SpectralSeries(
        time_s=table[:, 0],
        wavelength_nm=wavelength,
        absorbance=table[:, 1:],
        label=published_kinetics(name).label,
        source=Source(
            file=path.name,
            sha256=sha256_of(content),
            format="delimited text",
            simulated=True,
            note=first.removeprefix("# simulated:").strip(),
        ),
    )


DEMO_SEED = 1
"""Seed of the simulated p-values and of the bootstrap."""

_PRINTED = {"ag-cds": "3", "cu-cds": "14"}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DemoTrace:
    """One example: its spectra, its fit and the published numbers beside.

    Attributes
    ----------
    name, title : str
        Name of the example and words for a heading.
    series : SpectralSeries
        The simulated spectra.
    fit : StagedFit
        Fit of the tracked peak.
    shift : PeakShift
        The shift of the tracked peak, the other witness of the breakpoint.
    comparisons : tuple of Comparison
        Published numbers beside ours.
    """

    name: str
    title: str
    series: SpectralSeries
    fit: StagedFit
    shift: PeakShift
    comparisons: tuple[Comparison, ...]


def demonstrate_trace(name: str, *, seed: int = DEMO_SEED) -> DemoTrace:
    """Return the fit of a packaged example with the published numbers beside.

    Parameters
    ----------
    name : str
        "ag-cds" or "cu-cds".
    seed : int
        Of the simulated p-value and the bootstrap.

    Examples
    --------
    >>> demo = demonstrate_trace("ag-cds")
    >>> demo.fit.verdict.code, all(row.inside for row in demo.comparisons if row.kind == "simulated")
    ('two_stages', True)
    """
    published = published_kinetics(name)
    series = load_example(name)
    trace = series.exciton_peak(near_nm=published.peak_start_nm)
    fit = fit_stages(trace, rng=seed)
    shift = peak_shift(trace, rng=seed)

    def row(
        quantity: str, number: float, found: Estimate, *, assumed: bool = False, **said: str
    ) -> Comparison:
        kind = "assumed" if assumed else "simulated"
        return Comparison(quantity=quantity, published=number, found=found, kind=kind, **said)

    rows = [row("k, stage 1", published.k1_per_s, fit.stages[0].k_per_s)]
    if len(fit.stages) > 1:
        rows += [
            row("k, stage 2", published.k2_per_s, fit.stages[1].k_per_s),
            row("breakpoint", published.breakpoint_s, fit.breakpoints_s[0]),
        ]
    if fit.rate_ratio is not None:
        rows.append(row("k1/k2", round(published.rate_ratio, 4), fit.rate_ratio, printed=_PRINTED[name]))
    start, end, guessed = published.absorbance_start, published.breakpoint_s, bool(published.assumed)
    note = f"Assumed, not published: {published.assumed}." if guessed else ""
    rows += [
        row("absorbance at 0 s", start, _absorbance_at_start(fit), assumed=guessed, note=note),
        row("peak at 0 s", published.peak_start_nm, shift.start_nm),
        row("peak after stage 1", published.peak_end_nm, shift.end_nm),
        row("peak shift ends", end, shift.ends_s, assumed=guessed),
        *_followed(published, fit),
    ]
    return DemoTrace(
        name=name, title=published.label, series=series, fit=fit, shift=shift, comparisons=tuple(rows)
    )


_R2 = (
    "R2 of lines in ln A says how straight the points are: simulated ones have less scatter than the "
    "published, and meet neither R2."
)
_LATE = "0.9, 0.3 and 0.07 do not all lie on the curve of both k: by them 0.064 is left at 100 s."


def _followed(published: PublishedKinetics, fit: StagedFit) -> list[Comparison]:
    """Return the printed numbers that were not put into the simulation: it can miss them."""
    why = "value of the curve"
    curve = [
        (
            f"absorbance at {time:g} s",
            stated,
            float(fit.curve(np.array([time]))[0]),
            why,
            fit.trace.unit,
            _LATE,
        )
        for time, stated in published.absorbance_at
    ]
    lines = zip(published.r_squared, fit.loglinear.stages, strict=False)
    straight = [
        (f"R2 of ln A, stage {number}", stated, line.r_squared, "of the fitted points", "", _R2)
        for number, (stated, line) in enumerate(lines, 1)
    ]
    rows, told = [], set[str]()
    for quantity, stated, value, reason, unit, note in (*curve, *straight):
        found = Estimate(name=quantity, value=value, unit=unit, reason=reason)
        row = Comparison(quantity=quantity, published=stated, found=found, kind="followed")
        if row.agrees is False and note not in told:
            row = replace(row, note=note)
            told.add(note)
        rows.append(row)
    return rows


def _absorbance_at_start(fit: StagedFit) -> Estimate:
    """Amplitude and offset are one number where the offset is zero; otherwise only the curve's value."""
    if fit.offset.value == 0.0:
        return fit.amplitude
    value = float(fit.curve(np.array([0.0]))[0])
    return Estimate(name="absorbance at 0 s", value=value, unit=fit.trace.unit, reason="value of the curve")
