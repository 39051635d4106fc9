"""Shares of clusters with 0, 1, 2, ... guests from an unresolved group of peaks."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import chain, product
from typing import Annotated, Any, Self

import numpy as np

from cxkinetics.arrays import Array
from cxkinetics.calls import checked
from cxkinetics.errors import FitError, InputError, UsageError
from cxkinetics.estimate import Estimate
from cxkinetics.evidence.chemistry import DEFAULT, Chemistry, SystemLike, chemistry_of, protons_per_guest
from cxkinetics.evidence.isotopes import average_mass, envelope, envelope_cosine
from cxkinetics.evidence.result import EvidenceResult, options_of
from cxkinetics.models.formula import Formula, parse
from cxkinetics.record import HIDDEN, As, read
from cxkinetics.remarks import Remark
from cxkinetics.signals.spectrum import Spectrum
from cxkinetics.source import Source

_OrInfinite = Annotated[float, As(null=math.inf)]
_NUMBERS = ("guests_per_da", "shape_cosine", "signal_to_noise", "noise_sd", "lag1_autocorrelation")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MixtureFit(EvidenceResult):
    """Shares of clusters with 0, 1, 2, ... guests.

    Attributes
    ----------
    species : tuple of str
        Formulae, undoped first (of the likelier kind of compensation).
    fractions : tuple of Estimate
        Share of each among them (number fractions, equal ionisation yields assumed).
    covariance : Array, shape (m, m)
        Covariance of the shares.
    mean_guests : Estimate
        Mean number of guests per cluster: what the spectrum says most directly.
    shift_da : Estimate
        Calibration shift, Da.
    compensation_weights : mapping of str to float
        Posterior weight of "none" and "full" (a proton per guest).
    guests_per_da : float
        How far 1 Da of calibration moves the mean number of guests.
    shape_cosine : float
        Likeness of the envelopes without and with most guests under a free shift (1: the same).
    signal_to_noise : float
        Height of the fitted group over the noise.
    noise_sd : float
        Standard deviation of the residuals, counts.
    lag1_autocorrelation : float
        Correlation of neighbouring residuals.
    options : mapping
        Every option of the fit.
    mz, counts : Array, shape (n,)
        The window that was fitted.
    components : Array, shape (m + others, n)
        Fitted envelope of each species.
    baseline : Array, shape (n,)
        Fitted straight baseline.
    label, source, remarks
        As for the spectrum.
    """

    SCHEMA = "cxkinetics.mixture/1"
    _keys = """species mean_guests fractions=_shares shift_da compensation_weights guests_per_da shape_cosine
        signal_to_noise noise_sd lag1_autocorrelation label options covariance ..."""

    species: tuple[str, ...]
    fractions: Annotated[tuple[Estimate, ...], HIDDEN]
    covariance: Array
    mean_guests: Annotated[Estimate, As(name="mean {options[guest]} per cluster")]
    shift_da: Annotated[Estimate, As(name="calibration shift")]
    compensation_weights: Mapping[str, float]
    guests_per_da: _OrInfinite
    shape_cosine: _OrInfinite
    signal_to_noise: _OrInfinite
    noise_sd: _OrInfinite
    lag1_autocorrelation: _OrInfinite
    options: Mapping[str, Any]
    mz: Array
    counts: Array
    components: Array
    baseline: Array
    label: str = ""
    source: Source = field(default_factory=Source)
    remarks: Annotated[tuple[Remark, ...], As(key="warnings")] = ()

    @property
    def fit(self) -> Array:
        """The fitted spectrum, shape (n,)."""
        total: Array = self.components.sum(axis=0) + self.baseline
        return total

    @property
    def _shares(self) -> dict[str, Estimate]:
        return dict(zip(self.species, self.fractions, strict=True))

    @classmethod
    def from_dict(cls, record: Mapping[str, Any]) -> Self:
        """Return the fit that `to_dict` wrote."""
        shares = record["fractions"]
        fractions = tuple(Estimate.from_dict(name, shares[name]) for name in record["species"])
        # a number that was infinite had no key before 0.1.1
        return read(cls, dict.fromkeys(_NUMBERS) | dict(record), fractions=fractions)

    def __repr__(self) -> str:
        shares = ", ".join(f"{name} {share.format_value()}" for name, share in self._shares.items())
        return f"MixtureFit({shares}; mean {self.mean_guests.format_value()})"


DRAWS_PER_NODE = 2000
FEWEST_DRAWS, MOST_DRAWS = 300, 40_000
SMOOTH_NODES = 12.0


@dataclass(frozen=True, slots=True, eq=False)
class Node:
    """Normal equations at one shift, resolving power and kind of compensation."""

    variant: str
    shift_da: float
    resolving_power: float
    log_prior: float
    centre: Array
    gram: Array
    rss: float
    design: Array


@dataclass(frozen=True, slots=True, eq=False)
class Window:
    """The part of a spectrum that is fitted, and what all its nodes share.

    Attributes
    ----------
    part : Spectrum
        The counts.
    ladders : mapping of str to tuple of Formula
        Kind of compensation -> the species.
    extra : tuple of Formula
        Further components.
    power, power_sd : float
        Resolving power and the relative standard deviation of its prior.
    sigma_cal : float
        Standard deviation of the calibration error, Da.
    """

    part: Spectrum
    ladders: Mapping[str, tuple[Formula, ...]]
    extra: tuple[Formula, ...]
    power: float
    power_sd: float
    sigma_cal: float

    @property
    def width(self) -> float:
        """Width of one isotope line, Da."""
        return envelope(next(iter(self.ladders.values()))[0]).mean / self.power

    @property
    def n_positive(self) -> int:
        """How many amplitudes must not be negative: those of species and further components."""
        return len(next(iter(self.ladders.values()))) + len(self.extra)

    def nodes(self) -> list[Node]:
        """Return one node per kind of compensation, resolving power and shift.

        The shifts are refined until no single one of them carries most of the evidence.
        """
        reach = 4.0 * self.sigma_cal  # beyond it the prior leaves a share of 6e-5
        if self.sigma_cal == 0:
            return self._nodes_at(np.zeros(1))
        step = min(self.width / 6, 0.25, self.sigma_cal / 8)
        shifts = np.arange(-np.floor(reach / step), np.floor(reach / step) + 1) * step
        nodes = self._nodes_at(shifts)
        for _ in range(4):
            heavy, effective = _heavy_shifts(nodes, self.part.n_points)
            if effective >= SMOOTH_NODES:
                break
            step /= 4
            low, high = heavy.min() - 5 * step, heavy.max() + 5 * step
            shifts = np.arange(np.floor(low / step), np.ceil(high / step) + 1) * step
            nodes = self._nodes_at(shifts[np.abs(shifts) <= reach + step])
        return nodes

    def _nodes_at(self, shifts: Array) -> list[Node]:
        mz, counts = self.part.axis, self.part.counts
        centred = (mz - mz.mean()) / max(float(np.ptp(mz)) / 2, 1.0)
        base = np.column_stack([np.ones_like(mz), centred])
        reach = 4.0 * self.sigma_cal + 2
        fine = np.arange(mz[0] - reach, mz[-1] + reach, min(0.1, self.width / 8))
        # five points of the normal prior stand for the resolving power: envelopes change slowly with it
        scores = (-1.6, -0.8, 0.0, 0.8, 1.6) if self.power_sd > 0 else (0.0,)
        found = []
        for (variant, ladder), score in product(self.ladders.items(), scores):
            power = self.power * float(np.exp(score * self.power_sd))
            drawn = [envelope(f).profile(fine, power) for f in (*ladder, *self.extra)]
            for shift in shifts:
                bells = np.column_stack([np.interp(mz - shift, fine, bell) for bell in drawn])
                design = np.column_stack([bells, base])
                gram = design.T @ design
                centre = np.linalg.solve(gram, design.T @ counts)
                misfit = counts - design @ centre
                penalty = 0.5 * (shift / self.sigma_cal) ** 2 if self.sigma_cal > 0 else 0.0
                prior, rss = -0.5 * score**2 - penalty, float(misfit @ misfit)
                found.append(Node(variant, float(shift), power, prior, centre, gram, rss, design))
        return found


def _heavy_shifts(nodes: list[Node], n_points: int) -> tuple[Array, float]:
    """Return the shifts that carry the evidence, and how many do so effectively."""
    dof = max(n_points - nodes[0].centre.size, 1)
    variance = max(min(node.rss for node in nodes) / dof, 1e-300)
    logs = np.array([node.log_prior - node.rss / (2 * variance) for node in nodes])
    weights = np.exp(logs - logs.max())
    places, which = np.unique([node.shift_da for node in nodes], return_inverse=True)
    total = np.bincount(which, weights)
    return places[total > 1e-4 * total.max()], float(total.sum() ** 2 / (total**2).sum())


def best_node(nodes: list[Node], part: Spectrum, n_positive: int) -> tuple[Node, Array, float]:
    """Return the node of highest penalised likelihood, its non-negative amplitudes and the noise sd."""
    counts = part.counts
    dof = max(counts.size - nodes[0].centre.size - 1, 1)
    variance = max(min(node.rss for node in nodes) / dof, 1e-300)
    best, amplitudes, score, rss = nodes[0], nodes[0].centre, np.inf, np.inf
    for node in nodes:
        if node.rss / variance - 2 * node.log_prior >= score:
            continue  # no constrained fit can be better than the free one
        solved, misfit = _not_negative(node, n_positive)
        value = misfit / variance - 2 * node.log_prior
        if value < score:
            best, amplitudes, score, rss = node, solved, value, misfit
    return best, amplitudes, float(np.sqrt(rss / dof))


def _not_negative(node: Node, n_positive: int) -> tuple[Array, float]:
    """Return the least-squares amplitudes with the first `n_positive` not negative, and their misfit."""
    from scipy.optimize import nnls

    if np.all(node.centre[:n_positive] >= 0):
        return node.centre, node.rss
    positive, free = slice(0, n_positive), slice(n_positive, None)
    moment = node.gram @ node.centre
    crossed = np.linalg.solve(node.gram[free, free], node.gram[free, positive])
    reduced = node.gram[positive, positive] - node.gram[positive, free] @ crossed
    target = moment[positive] - crossed.T @ moment[free]
    try:
        factor = np.linalg.cholesky(reduced).T
    except np.linalg.LinAlgError:
        raise FitError(
            f"the envelopes of the species cannot be told apart at a resolving power of "
            f"{node.resolving_power:g}"
        ) from None
    solved = np.empty_like(node.centre)
    solved[positive] = nnls(factor, np.linalg.solve(factor.T, target))[0]
    solved[free] = np.linalg.solve(
        node.gram[free, free], moment[free] - node.gram[free, positive] @ solved[positive]
    )
    step = solved - node.centre
    return solved, node.rss + float(step @ node.gram @ step)


def posterior_draws(
    nodes: list[Node], noise_sd: float, n_positive: int, generator: np.random.Generator
) -> tuple[Array, Array, list[Node]]:
    """Return draws of the amplitudes, their weights and the node that each comes from."""
    sizes = [float(np.linalg.slogdet(node.gram)[1]) for node in nodes]
    fits = [node.log_prior - node.rss / (2 * noise_sd**2) for node in nodes]
    logs = np.array(fits) - 0.5 * np.array(sizes)
    for number in (DRAWS_PER_NODE, 40 * DRAWS_PER_NODE):
        normal = generator.standard_normal((number, nodes[0].centre.size))
        tried = np.flatnonzero(logs > logs.max() - (12.0 if number == DRAWS_PER_NODE else 40.0))
        kept = []
        for node in (nodes[index] for index in tried):
            lower = np.linalg.cholesky(node.gram)
            draws = node.centre + noise_sd * np.linalg.solve(lower.T, normal.T).T
            kept.append(draws[np.all(draws[:, :n_positive] >= 0, axis=1)])
        drawn, origin = np.concatenate(kept), np.repeat(tried, [len(draws) for draws in kept])
        relative = np.exp(logs[origin] - logs[origin].max(initial=-np.inf))
        if relative.size and relative.sum() ** 2 / (relative**2).sum() >= FEWEST_DRAWS:
            break
    relative /= relative.sum()
    if relative.size > MOST_DRAWS:
        chosen = generator.choice(relative.size, MOST_DRAWS, p=relative)
        drawn, origin, relative = drawn[chosen], origin[chosen], np.full(MOST_DRAWS, 1.0 / MOST_DRAWS)
    return drawn, relative, [nodes[index] for index in origin]


class Summary:
    """Posterior draws (amplitudes, weights, node of each) turned into estimates."""

    def __init__(self, drawn: tuple[Array, Array, list[Node]], window: Window, confidence: float) -> None:
        draws, self.weights, self.origin = drawn
        self.kinds, (ladder, *_) = tuple(window.ladders), window.ladders.values()
        amplitudes = draws[:, : len(ladder)]
        total = amplitudes.sum(axis=1, keepdims=True)
        self.shares = amplitudes / np.where(total > 0, total, 1.0)
        self.levels = ((1 - confidence) / 2, (1 + confidence) / 2)
        self.enough = self.weights.size >= FEWEST_DRAWS

    def _estimate(self, name: str, values: Array, unit: str) -> Estimate:
        method = "posterior"
        if not self.enough:
            reason = f"only {self.weights.size} posterior draws are not negative: no model fits the spectrum"
            return Estimate(name=name, value=None, unit=unit, method=method, reason=reason)
        mean = float(self.weights @ values)
        order = np.argsort(values)
        cumulative = np.cumsum(self.weights[order])
        low, high = (float(values[order][np.searchsorted(cumulative, level)]) for level in self.levels)
        spread = float(np.sqrt(max(float(self.weights @ (values - mean) ** 2), 0.0)))
        return Estimate(name=name, value=mean, se=spread, low=low, high=high, unit=unit, method=method)

    def fraction(self, number: int, name: str) -> Estimate:
        """Return the share of clusters with `number` guests."""
        return self._estimate(name, self.shares[:, number], "")

    def mean_guests(self, guest: str) -> Estimate:
        """Return the mean number of guests per cluster."""
        numbers = np.arange(self.shares.shape[1], dtype=float)
        return self._estimate(f"mean {guest} per cluster", self.shares @ numbers, "")

    def covariance(self) -> Array:
        """Return the covariance matrix of the shares."""
        centred = self.shares - self.weights @ self.shares
        return (centred * self.weights[:, None]).T @ centred

    def shift(self, sigma_cal_da: float) -> Estimate:
        """Return the calibration shift, Da."""
        name = "calibration shift"
        if sigma_cal_da == 0:
            return Estimate(name=name, value=0.0, unit="Da", method="fixed", reason="taken as exact")
        return self._estimate(name, np.array([node.shift_da for node in self.origin]), "Da")

    def compensation_weights(self) -> dict[str, float]:
        """Return the posterior weight of each kind of compensation."""
        drawn = np.array([node.variant for node in self.origin])
        return {kind: float(self.weights[drawn == kind].sum()) for kind in self.kinds}


COMPENSATIONS = ("average", "none", "full")


def guest_ladder(
    host: str | Formula | None = None,
    *,
    system: SystemLike = DEFAULT,
    guest: str | None = None,
    replaced: str | None = None,
    most: int | None = None,
    protons: bool = False,
) -> tuple[Formula, ...]:
    """Return the clusters with 0, 1, ... `most` guests in place of as many host cations.

    Parameters
    ----------
    host : str or Formula, optional
        The undoped cluster with its ligands; here and below that of the system by default.
    system : System, str or Path
        The cation system.
    guest, replaced : str, optional
        Elements that come and go.
    most : int, optional
        Largest number of guests.
    protons : bool
        Whether each guest brings the protons that keep the charge (Ag+ and H+ for Cd2+).

    Examples
    --------
    >>> [str(f) for f in guest_ladder("Cd34S33(L)")]
    ['Cd34S33(L)', 'AgCd33S33(L)', 'Ag2Cd32S33(L)']
    """
    chemistry = chemistry_of(system)
    guest, replaced = guest or chemistry.guest, replaced or chemistry.replaced
    most = chemistry.most_guests if most is None else most
    start = host if isinstance(host, Formula) else parse(host or chemistry.host_cluster)
    gained = protons_per_guest(guest, replaced, chemistry.charges) if protons else 0
    if not chemistry.one_to_one:
        fault = f"{chemistry.system} exchanges by charge, which the reading of mass spectra does not know"
        raise UsageError(f"{fault}; give a system of the rule one-to-one")
    changed = [{replaced: -n, guest: n} | ({"H": n * gained} if gained else {}) for n in range(most + 1)]
    return tuple(map(start.exchanged, changed))


@checked()
def fit_mixture(
    spectrum: Spectrum,
    *,
    host: str | None = None,
    guest: str | None = None,
    replaced: str | None = None,
    most_guests: int | None = None,
    resolving_power: float = 2000.0,
    resolving_power_rel_sd: float = 0.2,
    sigma_cal_da: float = 1.0,
    compensation: str = "average",
    others: Sequence[str] = (),
    confidence: float = 0.95,
    rng: np.random.Generator | int | None = None,
    system: SystemLike = DEFAULT,
) -> MixtureFit:
    """Fit the shares of clusters with 0 ... `most_guests` guests to a mass spectrum.

    Parameters
    ----------
    spectrum : Spectrum
        Of kind "ms"; the window 6 envelope widths beside the outermost species is used.
    host, guest, replaced : str, optional
        The undoped cluster, the guest, and the cation it replaces; those of the system by default.
    most_guests : int, optional
        Largest number of guests; that of the system by default.
    resolving_power, resolving_power_rel_sd : float
        m / FWHM of one isotope line, and the relative standard deviation of its prior (0: exact).
    sigma_cal_da : float
        Standard deviation of the calibration error, Da (0: exact). It decides the answer.
    compensation : {"average", "none", "full"}
        Whether a guest brings a proton: either weighed by the data, or one of the two.
    others : sequence of str
        Formulae of other species in the window (adducts, say), as further components.
    confidence : float
        Level of the intervals.
    rng : Generator, int or None
        For the draws; 0 by default, so that the same spectrum gives the same digits.
    system : System, str or Path
        The cation system: a packaged one by name, a TOML file, or a `System`.

    Returns
    -------
    MixtureFit
        Mean number of guests first, then the shares.

    Raises
    ------
    InputError
        If the spectrum does not reach the window.
    UsageError
        If an option is unknown or out of range.
    FitError
        If nothing but baseline is found there.

    Examples
    --------
    >>> from cxkinetics.evidence.examples import simulate_mass_spectrum, simulation_settings
    >>> one_silver = simulate_mass_spectrum(simulation_settings()["samples"][1])
    >>> round(fit_mixture(one_silver).mean_guests.value)
    1
    """
    options = options_of(locals(), but=("spectrum", "rng", "system"))
    chemistry = chemistry_of(system)
    options["host"] = host or chemistry.host_cluster
    options["guest"], options["replaced"] = guest or chemistry.guest, replaced or chemistry.replaced
    options["most_guests"] = chemistry.most_guests if most_guests is None else most_guests
    seed = int(rng) if isinstance(rng, int | np.integer) else (0 if rng is None else -1)
    options |= {"others": list(others), "seed": seed}
    _check_options(spectrum, options)
    generator = rng if isinstance(rng, np.random.Generator) else np.random.default_rng(max(seed, 0))
    return _fitted(_window(spectrum, options, chemistry), options, generator)


def _window(spectrum: Spectrum, options: Mapping[str, Any], chemistry: Chemistry) -> Window:
    """Return the window six envelope widths beside the outermost species, with all that is drawn in it."""
    kinds = {"average": ("none", "full")}.get(options["compensation"], (options["compensation"],))
    guest, replaced, most = options["guest"], options["replaced"], options["most_guests"]
    if not protons_per_guest(guest, replaced, chemistry.charges):
        if kinds == ("full",):
            fault = f"compensation is 'full', but {guest} carries the charge of {replaced}"
            raise UsageError(f"{fault} and brings no proton; use 'none'")
        kinds = ("none",)  # both kinds are one and the same: nothing is there to weigh
    ladder = partial(
        guest_ladder, options["host"], system=chemistry, guest=guest, replaced=replaced, most=most
    )
    ladders = {kind: ladder(protons=kind == "full") for kind in kinds}
    extra = tuple(parse(text) for text in options["others"])
    patterns = [envelope(f) for f in (*chain.from_iterable(ladders.values()), *extra)]
    margin = 6.0 * max(pattern.sd for pattern in patterns)
    means = [pattern.mean for pattern in patterns]
    part = spectrum.between(min(means) - margin, max(means) + margin)
    power, power_sd = options["resolving_power"], options["resolving_power_rel_sd"]
    return Window(part, ladders, extra, power, power_sd, options["sigma_cal_da"])


def _fitted(window: Window, options: dict[str, Any], generator: np.random.Generator) -> MixtureFit:
    part, n_positive, sigma_cal, nodes = window.part, window.n_positive, window.sigma_cal, window.nodes()
    best, amplitudes, noise_sd = best_node(nodes, part, n_positive)
    ladder = window.ladders[best.variant]
    if not _stands_out(best, amplitudes, part, len(ladder), noise_sd):
        where = f"between {part.axis[0]:.0f} and {part.axis[-1]:.0f} Da"
        fault = f"no envelope of {options['host']} or its doped forms is found {where}"
        raise FitError(f"{fault}; check the calibration or name another host")
    residual = part.counts - best.design @ amplitudes
    lag_one = float(residual[1:] @ residual[:-1] / (residual @ residual))
    # residuals that correlate hold less information: the variance of an AR(1) mean, in its square root
    inflation = np.sqrt((1 + max(lag_one, 0.0)) / (1 - min(max(lag_one, 0.0), 0.95)))
    drawn = posterior_draws(nodes, noise_sd * inflation, n_positive, generator)
    summary = Summary(drawn, window, options["confidence"])
    names = tuple(map(str, ladder))
    guests_per_da = float(1.0 / (average_mass(ladder[0]) - average_mass(ladder[1])))
    components = (best.design[:, :n_positive] * amplitudes[:n_positive]).T
    signal = float((best.design[:, :n_positive] @ amplitudes[:n_positive]).max())
    return MixtureFit(
        species=names,
        fractions=tuple(summary.fraction(n, name) for n, name in enumerate(names)),
        covariance=summary.covariance(),
        mean_guests=summary.mean_guests(options["guest"]),
        shift_da=summary.shift(sigma_cal),
        compensation_weights=summary.compensation_weights(),
        guests_per_da=guests_per_da,
        shape_cosine=envelope_cosine(ladder[0], ladder[-1], window.power)[0],
        signal_to_noise=signal / noise_sd if noise_sd > 0 else math.inf,
        noise_sd=noise_sd,
        lag1_autocorrelation=lag_one,
        options=options,
        mz=part.axis,
        counts=part.counts,
        components=components,
        baseline=best.design[:, n_positive:] @ amplitudes[n_positive:],
        label=part.label,
        source=part.source,
        remarks=(*part.remarks, *_remarks(summary, lag_one, sigma_cal, abs(guests_per_da))),
    )


def _check_options(spectrum: Spectrum, options: Mapping[str, Any]) -> None:
    compensation, confidence = options["compensation"], options["confidence"]
    power, power_sd = options["resolving_power"], options["resolving_power_rel_sd"]
    sigma_cal = options["sigma_cal_da"]
    if spectrum.kind != "ms":
        raise InputError(f"this is a spectrum of kind {spectrum.kind!r}; a mass spectrum ('ms') is needed")
    if compensation not in COMPENSATIONS:
        raise UsageError(f"compensation is {compensation!r}; it must be one of {', '.join(COMPENSATIONS)}")
    if not 10 <= power <= 1e6 or not 0 <= power_sd < 1:
        fault = f"resolving power {power:g} with relative error {power_sd:g}"
        raise UsageError(f"{fault}: the first must be from 10 to 1e6, the second from 0 to below 1")
    if not 0 <= sigma_cal <= 5:
        raise UsageError(f"sigma_cal is {sigma_cal:g} Da; it must be from 0 to 5")
    if options["guest"] == options["replaced"]:
        raise UsageError(f"guest and replaced are both {options['guest']}: give the element that goes")
    if not 1 <= options["most_guests"] <= 1000:
        raise UsageError(f"most_guests is {options['most_guests']}; it must be from 1 to 1000")
    if not 0.5 <= confidence < 1:
        raise UsageError(f"confidence is {confidence:g}; it must be from 0.5 to below 1")


def _stands_out(best: Node, amplitudes: Array, part: Spectrum, n_species: int, noise_sd: float) -> bool:
    """Return whether the envelopes lower the misfit by more than noise would (25 units of chi-square)."""
    base = best.design[:, n_species:]
    without = part.counts - base @ np.linalg.lstsq(base, part.counts, rcond=None)[0]
    with_them = part.counts - best.design @ amplitudes
    gain = float(without @ without - with_them @ with_them)
    return bool(amplitudes[:n_species].sum() > 0 and gain > 25.0 * noise_sd**2)


def _remarks(summary: Summary, lag_one: float, sigma_cal_da: float, guests_per_da: float) -> list[Remark]:
    text = f"the calibration error of {sigma_cal_da:g} Da (1 sd) alone moves the mean number of guests by"
    text += f" {sigma_cal_da * guests_per_da:.2f}; 1 Da moves it by {guests_per_da:.2f}"
    remarks = [Remark("calibration_limits", text)]
    if lag_one > 0.5:
        text = f"neighbouring residuals correlate ({lag_one:.2f}): another species, a wrong resolving power"
        text += " or smoothing by the instrument; the intervals were widened for it"
        remarks.append(Remark("residual_structure", text))
    weights = summary.compensation_weights()
    if len(weights) > 1 and 0.05 < weights.get("full", 0.0) < 0.95:
        shown = f"weights: none {weights['none']:.2f}, full {weights['full']:.2f}"
        text = f"the spectrum does not tell whether guests bring protons ({shown}); both are averaged"
        remarks.append(Remark("compensation_undecided", text))
    return remarks
