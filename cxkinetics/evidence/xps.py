"""How many chemical states a photoelectron line shows, in what shares, and which."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import product
from typing import Annotated, Any, Self

import numpy as np

from cxkinetics.arrays import Array, frozen_array
from cxkinetics.calls import checked
from cxkinetics.errors import UsageError
from cxkinetics.estimate import Estimate
from cxkinetics.evidence.chemistry import DEFAULT, ChemicalState, SystemLike, chemistry_of
from cxkinetics.evidence.doublets import DoubletFit, Line, fit_doublets, region_of
from cxkinetics.evidence.misfit import why_undecided
from cxkinetics.evidence.result import EvidenceResult, options_of
from cxkinetics.inference.accepted import walk_out
from cxkinetics.record import As, Record, freeze, read
from cxkinetics.remarks import Remark
from cxkinetics.signals.spectrum import Spectrum
from cxkinetics.source import Source


@dataclass(frozen=True, slots=True, kw_only=True)
class XpsComponent(Record):
    """One doublet.

    Attributes
    ----------
    position_ev : Estimate
        Binding energy of its main line after the offset, eV (without the error of the reference).
    share : Estimate
        Its share of the element's area.
    near_states : tuple of str
        Known states whose position is compatible, nearest first.
    family : str or None
        "host", "sulfide" or "other" where only one family is compatible or the separation of two
        doublets decides; None where nothing does.
    """

    position_ev: Annotated[Estimate, As(name="binding energy of the main line")]
    share: Estimate
    near_states: tuple[str, ...]
    family: str | None

    def named(self, family: str | None) -> "XpsComponent":
        """Return the same doublet with its family decided (None: left open)."""
        return replace(self, family=family)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class XpsResult(EvidenceResult):
    """One photoelectron line, analysed.

    Attributes
    ----------
    line : str
        Such as "Ag 3d".
    number : int
        How many doublets.
    bic : mapping of str to float
        BIC for each number of doublets tried.
    components : tuple of XpsComponent
        The doublets, largest share first as a rule.
    splitting_ev, area_ratio, fwhm_ev : Estimate
        Shared by all doublets.
    separation_ev : Estimate
        Distance of two doublets, eV.
    detection_limit : float
        Smallest share of a second state that would be called present.
    upper_limit : float or None
        Largest share of a second state that could have been missed; None where one was fitted or where
        the fit is too bad to say.
    reduced_chi2 : float
        Chi-square per degree of freedom, Poisson weights.
    verdicts, reasons : mapping of str to str
        "host" and "sulfide" -> "present", "absent" or "undecided", and why.
    options : mapping
        Every option.
    energy_ev, counts, background : Array, shape (n,)
        The region.
    doublets : Array, shape (number, n)
        Fitted doublets without background.
    label, source, remarks
        As for the spectrum.
    """

    SCHEMA = "cxkinetics.xps/1"

    line: str
    number: int
    bic: Mapping[str, float]
    components: tuple[XpsComponent, ...]
    splitting_ev: Annotated[Estimate, As(name="doublet splitting")]
    area_ratio: Annotated[Estimate, As(name="area ratio")]
    fwhm_ev: Annotated[Estimate, As(name="line width (FWHM)")]
    separation_ev: Annotated[Estimate, As(name="separation of the doublets")]
    detection_limit: float
    upper_limit: float | None
    reduced_chi2: float
    verdicts: Mapping[str, str]
    reasons: Mapping[str, str]
    options: Mapping[str, Any]
    energy_ev: Array
    counts: Array
    doublets: Array
    background: Array
    label: str = ""
    source: Source = field(default_factory=Source)
    remarks: Annotated[tuple[Remark, ...], As(key="warnings")] = ()

    def __post_init__(self) -> None:
        freeze(self)
        # JSON holds no shape of an empty array: without a doublet it must stay (0, n)
        shaped = self.doublets.reshape(self.number, self.energy_ev.size)
        object.__setattr__(self, "doublets", frozen_array(shaped))

    @property
    def fit(self) -> Array:
        """Fitted counts, shape (n,)."""
        total: Array = self.doublets.sum(axis=0) + self.background
        return total

    def share_of(self, family: str) -> Estimate | None:
        """Return the share of a family ("host" or "sulfide"), or None where none was identified."""
        for component in self.components:
            if component.family == family:
                return component.share
        return None

    @classmethod
    def from_dict(cls, record: Mapping[str, Any]) -> Self:
        """Return the result that `to_dict` wrote."""
        name = f"share of {record['line'].split()[0]} atoms"
        components = tuple(
            read(XpsComponent, item, share=Estimate.from_dict(name, item["share"]))
            for item in record["components"]
        )
        return read(cls, record, components=components)

    def __repr__(self) -> str:
        positions = ", ".join(c.position_ev.format_value() for c in self.components)
        return f"XpsResult({self.line}, {self.number} doublets at {positions} eV)"


SAME_SEPARATION_EV = 0.4


def name_by_separation(
    components: list[XpsComponent], known: Sequence[ChemicalState], limit: float, energy_sd_ev: float
) -> list[XpsComponent]:
    """Name two doublets by their distance where it is that of a host and a sulfide state.

    The distance is free of the energy reference. A second doublet below the detection limit names
    nothing, and the offset that the naming implies must be a possible one (3 sd).
    """
    if len(components) != 2 or min(c.share.value or 0.0 for c in components) < limit:
        return components
    positions = [c.position_ev.value or 0.0 for c in components]
    gap = max(positions) - min(positions)
    hosts, sulfides = ([s for s in known if s.family == family] for family in ("host", "sulfide"))
    for pair in product(hosts, sulfides):
        lower, upper = sorted(pair, key=lambda state: state.position_ev)
        expected = upper.position_ev - lower.position_ev
        offset = max(positions) - upper.position_ev
        if abs(gap - expected) <= SAME_SEPARATION_EV and abs(offset) <= 3 * max(energy_sd_ev, 0.1):
            families = [(upper if place == max(positions) else lower).family for place in positions]
            return [c.named(family) for c, family in zip(components, families, strict=True)]
    return components


def verdicts_of(
    components: tuple[XpsComponent, ...], limits: tuple[float, float | None], absent_below: float
) -> dict[str, tuple[str, str]]:
    """Return the state of host and guest sulfide, each with the sentence behind it.

    `limits` are the detection limit of a second state and the upper limit of one that was missed.
    """
    limit, upper = limits
    found = {}
    for family in ("host", "sulfide"):
        state, mine = "undecided", next((c for c in components if c.family == family), None)
        if not components:
            state = "absent" if family == "sulfide" else state
            why = "no line is seen above the background"
        elif mine:
            share, place = mine.share, mine.position_ev.format_value()
            low = share.low if share.low is not None else share.value
            state = "present" if (share.value or 0.0) >= limit and (low or 0.0) > 0 else state
            why = f"share {share} at {place} eV against a limit of {limit:.2f}"
            if len(components) == 1:
                why = f"the only doublet, at {place} eV"
        elif len(components) == 1 and components[0].family in ("host", "sulfide") and upper is not None:
            state = "absent" if upper < absent_below else state
            why = f"at most {upper:.2f} of the line"
        else:
            small = [c for c in components[1:] if (c.share.value or 0.0) < limit]
            near = dict.fromkeys(name for c in components for name in c.near_states)
            why = f"the position fits {' and '.join(near)}" if near else "no known state is near"
            if small:
                why = f"a doublet of {small[0].share} lies below the limit of {limit:.2f}"
        found[family] = state, why
    return found


DECISIVE_BIC = 10.0


@checked()
def analyse_xps(
    spectrum: Spectrum,
    *,
    line: str | Line | None = None,
    doublets: int | str = "auto",
    shape: str = "voigt",
    background: str = "shirley",
    states: Sequence[ChemicalState] | None = None,
    system: SystemLike = DEFAULT,
    energy_offset_ev: float = 0.0,
    energy_sd_ev: float = 0.2,
    lineshape_floor: float = 0.05,
    absent_below: float = 0.1,
    confidence: float = 0.95,
) -> XpsResult:
    """Analyse one photoelectron line.

    Parameters
    ----------
    spectrum : Spectrum
        Of kind "xps", binding energies.
    line : str or Line, optional
        Which line: a name in `LINES` or of the system, or one of your own; that of the guest by default.
    doublets : "auto" or int
        How many: 0, 1 or 2 by BIC, or a number up to 3.
    shape : {"voigt", "pseudo-voigt"}
        Line shape.
    background : {"shirley", "linear"}
        Active Shirley step on a straight line, or the straight line alone.
    states : sequence of ChemicalState, optional
        Known states; those of the system by default.
    system : System, str or Path
        The cation system: a packaged one by name, a TOML file, or a `System`.
    energy_offset_ev : float
        How much too high the energies read (measured minus true position of a reference line); taken off.
    energy_sd_ev : float
        Standard deviation of the energy reference after that.
    lineshape_floor : float
        Smallest share that counts as a second state.
    absent_below : float
        A state is called absent only where its upper limit lies below this share.
    confidence : float
        Level of intervals and limits.

    Returns
    -------
    XpsResult
        Doublets with shares and intervals, and a verdict for each known state.

    Raises
    ------
    InputError
        If the spectrum does not cover the line.
    UsageError
        If an option is unknown or out of range.
    FitError
        If it cannot be fitted.

    Examples
    --------
    >>> from cxkinetics.evidence.examples import simulate_photoelectrons, simulation_settings
    >>> line, spectrum = simulate_photoelectrons(simulation_settings()["samples"][3])
    >>> found = analyse_xps(spectrum, line=line)
    >>> dict(found.verdicts), round(found.share_of("host").value, 2)
    ({'host': 'present', 'sulfide': 'present'}, 0.65)
    """
    options = options_of(locals(), but=("spectrum", "states", "system"))
    chemistry = chemistry_of(system)
    line = chemistry.line_called(line or chemistry.line)
    options["line"] = line.name
    known = [s for s in (chemistry.states if states is None else states) if s.line == line.name]
    if doublets != "auto" and doublets not in (0, 1, 2, 3):
        raise UsageError(f"doublets is {doublets!r}; it must be 'auto', 0, 1, 2 or 3")
    if not energy_sd_ev >= 0 or not 0 < lineshape_floor <= absent_below < 1:
        floors = f"floor {lineshape_floor:g} and absent_below {absent_below:g}"
        fault = f"energy_sd {energy_sd_ev:g} must not be negative, and {floors} must satisfy"
        raise UsageError(f"{fault} 0 < floor <= absent_below < 1")
    region = region_of(spectrum, line, shape, background)
    numbers = (0, 1, 2) if doublets == "auto" else (int(doublets),)
    fits = [fit_doublets(region, number) for number in numbers]
    chosen = fits[0]
    for fit in fits[1:]:  # the smallest number that the next one does not beat decisively
        if fit.bic < chosen.bic - DECISIVE_BIC:
            chosen = fit
    bic = {str(fit.number): fit.bic for fit in fits}
    return _result(spectrum, _Reading(chosen, known, options), bic)


@dataclass(frozen=True, slots=True, eq=False)
class _Reading:
    """The fit that was chosen, and all that its numbers are judged by."""

    fit: DoubletFit
    known: Sequence[ChemicalState]
    options: Mapping[str, Any]

    @property
    def quantiles(self) -> tuple[float, float]:
        """Student's t, two-sided and one-sided."""
        from scipy.special import stdtrit

        dof, level = self.fit.dof, self.options["confidence"]
        return float(stdtrit(dof, (1 + level) / 2)), float(stdtrit(dof, level))

    def wald(self, name: str, value: float, error: float | None, unit: str) -> Estimate:
        """Return a value with the interval of its scaled error, or the reason there is none."""
        if error is None:
            return Estimate(name=name, value=value, unit=unit, reason="the fit does not determine it")
        known = Estimate(name=name, value=value, se=error, unit=unit, method="wald, scaled")
        return replace(known, low=value - self.quantiles[0] * error, high=value + self.quantiles[0] * error)


def _result(spectrum: Spectrum, reading: _Reading, bic: Mapping[str, float]) -> XpsResult:
    fit, options = reading.fit, reading.options
    region, (limit, upper) = fit.region, _limits(reading)
    components = _components(reading, limit)
    line = np.column_stack([np.ones_like(region.energy), region.energy - region.energy.mean()])
    bad = why_undecided(
        (region.counts - fit.fit) / region.sigma,
        line / region.sigma[:, None],
        region.counts / region.sigma,
        fit.reduced_chi2,
        poisson=region.poisson,
    )
    if bad:
        components, upper = tuple(component.named(None) for component in components), None
    found = verdicts_of(components, (limit, upper), options["absent_below"])
    families = {state.family for state in reading.known}  # a line says nothing of a family without a state
    said = {family: ("undecided", bad) if bad else found[family] for family in found if family in families}
    return XpsResult(
        line=region.line.name,
        number=fit.number,
        bic=bic,
        components=components,
        splitting_ev=_parameter(reading, "doublet splitting", "splitting", "eV"),
        area_ratio=_parameter(reading, "area ratio", "area_ratio", ""),
        fwhm_ev=_width(fit),
        separation_ev=_separation(reading),
        detection_limit=limit,
        upper_limit=upper,
        reduced_chi2=fit.reduced_chi2,
        verdicts={family: state for family, (state, _) in said.items()},
        reasons={family: why for family, (_, why) in said.items()},
        options=options,
        energy_ev=region.energy,
        counts=region.counts,
        doublets=fit.components,
        background=fit.background,
        label=spectrum.label,
        source=spectrum.source,
        remarks=(*spectrum.remarks, *_remarks(fit, components, limit, options["lineshape_floor"], bad)),
    )


def _parameter(reading: _Reading, name: str, key: str, unit: str) -> Estimate:
    fit = reading.fit
    if key not in fit.values:
        return Estimate(name=name, value=None, unit=unit, reason="no doublet is fitted")
    found = reading.wald(name, fit.values[key], fit.errors.get(key), unit)
    if found.se is not None:
        return found
    return replace(found, method="wald", reason="it sits at a bound" if key in fit.at_bound else found.reason)


def _width(fit: DoubletFit) -> Estimate:
    name, reason = "line width (FWHM)", "the two width parameters are strongly correlated"
    if not fit.number:
        return Estimate(name=name, value=None, unit="eV", reason="no doublet is fitted")
    width = fit.region.fwhm(fit.values)
    return Estimate(name=name, value=width, unit="eV", method="fit", reason=reason)


def _separation(reading: _Reading) -> Estimate:
    """Return how far apart two doublets lie: independent of the energy reference."""
    name, fit = "separation of the doublets", reading.fit
    if fit.number != 2:
        return Estimate(name=name, value=None, unit="eV", reason=f"{fit.number} doublets are fitted")
    value = abs(fit.values["position1"] - fit.values["position0"])
    first, second = (fit.errors.get(key) for key in ("position0", "position1"))
    error = None if first is None or second is None else float(np.hypot(first, second))
    return reading.wald(name, value, error, "eV")


def _limits(reading: _Reading) -> tuple[float, float | None]:
    """Return the detection limit of a second state, and the upper limit where none was found.

    Beside a single doublet a second one of fixed position enters linearly; its standard error, with
    all other parameters free, gives both (3.29 errors: Currie's limit at 5 % each way).
    """
    chosen, known, region = reading.fit, reading.known, reading.fit.region
    floor, one_sided = reading.options["lineshape_floor"], reading.quantiles[1]
    if chosen.number == 0:
        return floor, None
    if chosen.number > 1:
        errors = [chosen.errors.get(f"share{i}", 1.0) for i in range(1, chosen.number)]
        return float(np.clip(2 * one_sided * max(errors), floor, 1.0)), None
    values = chosen.values
    gaps = {abs(a.position_ev - b.position_ev) for a in known for b in known if a.family != b.family}
    places = [values["position0"] + sign * gap for gap in gaps if gap > 0.5 for sign in (-1, 1)]
    places = [p for p in places if region.line.low_ev - 0.5 <= p <= region.line.high_ev + 0.5]
    limit, upper = floor, 0.0
    misfit = (region.counts - chosen.fit) / region.sigma
    keep = [i for i, name in enumerate(chosen.free) if name not in chosen.at_bound]
    for place in places:
        second = values["area"] * region.height * region.doublet(place, values) / region.sigma
        columns = np.column_stack([second, chosen.jacobian[:, keep]])
        norms = np.sqrt((columns**2).sum(axis=0))
        if np.any(norms == 0):
            continue
        solved, *_ = np.linalg.lstsq(columns / norms, misfit, rcond=None)
        inverse = np.linalg.pinv((columns / norms).T @ (columns / norms))
        error = float(np.sqrt(chosen.scale * inverse[0, 0])) / norms[0]
        limit = max(limit, 2 * one_sided * error)
        upper = max(upper, max(float(solved[0]) / norms[0], 0.0) + one_sided * error)
    return min(limit, 1.0), (min(upper, 1.0) if places else None)


def _components(reading: _Reading, limit: float) -> tuple[XpsComponent, ...]:
    fit, energy_sd = reading.fit, reading.options["energy_sd_ev"]
    found = []
    for i, share in enumerate(_share_estimates(reading)):
        error = fit.errors.get(f"position{i}")
        value = fit.values[f"position{i}"] - reading.options["energy_offset_ev"]
        total = float(np.hypot(error or 0.0, energy_sd))
        # within 3 sd of line and reference together, and never sharper than a spectrum is read
        near = [s for s in reading.known if abs(s.position_ev - value) <= 3 * max(total, 0.05)]
        near.sort(key=lambda state: abs(state.position_ev - value))
        families = {state.family for state in near}
        found.append(
            XpsComponent(
                position_ev=reading.wald("binding energy of the main line", value, error, "eV"),
                share=share,
                near_states=tuple(state.name for state in near),
                family=families.pop() if len(families) == 1 and fit.share(i) >= limit else None,
            )
        )
    return tuple(name_by_separation(found, reading.known, limit, energy_sd))


def _share_estimates(reading: _Reading) -> list[Estimate]:
    fit, name = reading.fit, f"share of {reading.fit.region.line.name.split()[0]} atoms"
    if fit.number == 1:
        return [Estimate(name=name, value=1.0, method="fixed", reason="there is only one doublet")]
    if fit.number != 2:
        why = "more than two doublets"
        shares = [(fit.share(i), fit.errors.get(f"share{i}")) for i in range(fit.number)]
        return [Estimate(name=name, value=value, se=error, reason=why) for value, error in shares]
    low, high = _profile_share(fit, fit.scale * reading.quantiles[0] ** 2)
    value, error = fit.share(1), fit.errors.get("share1")
    second = Estimate(name=name, value=value, se=error, low=low, high=high, method="profile, scaled")
    return [replace(second, value=1 - value, low=1 - high, high=1 - low), second]


def _profile_share(fit: DoubletFit, rise: float) -> tuple[float, float]:
    """Return where the misfit has risen by `rise`, either side of the fitted share."""
    value = fit.share(1)
    start = max(np.sqrt(rise) * fit.errors.get("share1", 0.02) / np.sqrt(max(fit.reduced_chi2, 1.0)), 1e-3)

    def depth(distance: float) -> float:
        """Return the square root of the rise at a distance, in units of the rise wanted: 1 at the end."""
        share = float(np.clip(value + distance, 0.0, 1.0))
        found = fit_doublets(fit.region, 2, fixed={"share1": share}, start=fit.values)
        return float(np.sqrt(max(found.chi2 - fit.chi2, 0.0) / rise))

    down, _ = walk_out(lambda distance: depth(-distance), start, room=value, close=0.01, tries=8)
    up, _ = walk_out(depth, start, room=1.0 - value, close=0.01, tries=8)
    return value - down, value + up


def _remarks(
    fit: DoubletFit, components: tuple[XpsComponent, ...], limit: float, floor: float, bad: str
) -> list[Remark]:
    if bad:
        return [Remark("not_decided", f"nothing is decided: {bad}")]
    remarks = []
    if fit.reduced_chi2 > 3:
        text = f"reduced chi-square {fit.reduced_chi2:.1f}: the line shape is not exact"
        text += f"; errors are scaled by {np.sqrt(fit.reduced_chi2):.1f}"
        remarks.append(Remark("lineshape_misfit", text))
    small = [c for c in components[1:] if c.share.value is not None and c.share.value < limit]
    why = f"(floor {floor:.0%}: line shapes that are not exact mimic that much)"
    for component in small:
        text = f"the second doublet ({component.share.value:.1%} at {component.position_ev.value:.2f} eV)"
        text += f" lies below the limit of {limit:.1%} {why}"
        remarks.append(Remark("below_detection_limit", text))
    why = "with the error of the energy reference the position alone does not identify it"
    for component in components:
        if component.family is None and component.near_states and component not in small:
            text = f"{component.position_ev.value:.2f} eV fits {', '.join(component.near_states)}: {why}"
            remarks.append(Remark("energy_not_decisive", text))
    if fit.at_bound:
        remarks.append(Remark("at_bound", f"at a bound of its range: {', '.join(fit.at_bound)}"))
    return remarks
