"""Shares of clusters with 0, 1, 2, ... guests from an unresolved group of isotope envelopes.

Each species is its isotope envelope drawn at the instrument's resolving power; the spectrum is a
non-negative sum of them on a straight baseline. What limits the answer is the calibration: one
guest moves the envelope by only 4.5 Da (3.5 with a compensating proton), so 1 Da of calibration
error moves the mean number of guests by 0.22. The shape alone, with the position free, says almost
nothing. So shift, resolving power and proton compensation are nuisances with stated priors, and
the posterior (amplitudes flat where not negative, that is, shares flat on the simplex) is
integrated over all of them. Assumes equal ionisation yields, which no spectrum can test.
"""

from collections.abc import Sequence

import numpy as np

from cxkinetics.arrays import Array, frozen_array
from cxkinetics.errors import FitError, InputError, UsageError
from cxkinetics.evidence.isotopes import average_mass, envelope, envelope_cosine
from cxkinetics.evidence.mixture_posterior import Node, Summary, best_node, nodes_of, posterior_draws
from cxkinetics.evidence.mixture_result import MixtureFit
from cxkinetics.models.formula import Formula, parse
from cxkinetics.remarks import Remark
from cxkinetics.signals.spectrum import Spectrum

__all__ = ["COMPENSATIONS", "fit_mixture", "guest_ladder"]

COMPENSATIONS = ("average", "none", "full")


def guest_ladder(
    host: str | Formula, *, guest: str = "Ag", replaced: str = "Cd", most: int = 2, protons: bool = False
) -> tuple[Formula, ...]:
    """Return the clusters with 0, 1, ... `most` guests in place of as many host cations.

    Parameters
    ----------
    host : str or Formula
        The undoped cluster with its ligands.
    guest, replaced : str
        Elements that come and go.
    most : int
        Largest number of guests.
    protons : bool
        Whether each guest brings a proton, which keeps the charge (Ag+ and H+ for Cd2+).

    Examples
    --------
    >>> [str(f) for f in guest_ladder("Cd34S33(L)")]
    ['Cd34S33(L)', 'AgCd33S33(L)', 'Ag2Cd32S33(L)']
    """
    start = parse(host) if isinstance(host, str) else host
    changes = {replaced: -1, guest: 1} | ({"H": 1} if protons else {})
    return tuple(
        start.exchanged({symbol: change * n for symbol, change in changes.items()}) for n in range(most + 1)
    )


def fit_mixture(
    spectrum: Spectrum,
    *,
    host: str = "Cd34S33(L)",
    guest: str = "Ag",
    replaced: str = "Cd",
    most_guests: int = 2,
    resolving_power: float = 2000.0,
    resolving_power_rel_sd: float = 0.2,
    sigma_cal_da: float = 1.0,
    compensation: str = "average",
    others: Sequence[str] = (),
    confidence: float = 0.95,
    rng: np.random.Generator | int | None = None,
) -> MixtureFit:
    """Fit the shares of clusters with 0 ... `most_guests` guests to a mass spectrum.

    Parameters
    ----------
    spectrum : Spectrum
        Of kind "ms"; the window 6 envelope widths beside the outermost species is used.
    host, guest, replaced : str
        The undoped cluster, the guest, and the cation it replaces.
    most_guests : int
        Largest number of guests.
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
    >>> from cxkinetics.examples.evidence_simulate import simulate_mass_spectrum, simulation_settings
    >>> one_silver = simulate_mass_spectrum(simulation_settings()["samples"][1])
    >>> round(fit_mixture(one_silver).mean_guests.value)
    1
    """
    _check_options(spectrum, compensation, resolving_power, resolving_power_rel_sd, sigma_cal_da, confidence)
    variants = {"average": ("none", "full"), "none": ("none",), "full": ("full",)}[compensation]
    ladders = {
        v: guest_ladder(host, guest=guest, replaced=replaced, most=most_guests, protons=v == "full")
        for v in variants
    }
    extra = tuple(parse(text) for text in others)
    everything = [f for ladder in ladders.values() for f in ladder] + list(extra)
    margin = 6.0 * max(envelope(f).sd for f in everything)
    means = [envelope(f).mean for f in everything]
    part = spectrum.between(min(means) - margin, max(means) + margin)
    seed = int(rng) if isinstance(rng, int | np.integer) else (0 if rng is None else -1)
    generator = rng if isinstance(rng, np.random.Generator) else np.random.default_rng(max(seed, 0))

    nodes = nodes_of(part, ladders, extra, resolving_power, resolving_power_rel_sd, sigma_cal_da)
    n_positive = most_guests + 1 + len(extra)
    best, amplitudes, noise_sd = best_node(nodes, part, n_positive)
    if not _stands_out(best, amplitudes, part, most_guests + 1, noise_sd):
        raise FitError(
            f"no envelope of {host} or its doped forms is found between {part.axis[0]:.0f} and "
            f"{part.axis[-1]:.0f} Da; check the calibration or name another host"
        )
    residual = part.counts - best.design @ amplitudes
    lag_one = float(residual[1:] @ residual[:-1] / (residual @ residual))
    inflation = np.sqrt((1 + max(lag_one, 0.0)) / (1 - min(max(lag_one, 0.0), 0.95)))
    draws, weights, chosen = posterior_draws(nodes, noise_sd * inflation, n_positive, generator)
    summary = Summary(draws, weights, chosen, nodes, most_guests, confidence)
    names = tuple(str(f) for f in ladders[best.variant])
    gap = average_mass(ladders[best.variant][0]) - average_mass(ladders[best.variant][1])
    signal = float((best.design[:, :n_positive] @ amplitudes[:n_positive]).max())
    components = (best.design[:, :n_positive] * amplitudes[:n_positive]).T
    return MixtureFit(
        species=names,
        fractions=tuple(summary.fraction(n, names[n]) for n in range(most_guests + 1)),
        covariance=frozen_array(summary.covariance()),
        mean_guests=summary.mean_guests(guest),
        shift_da=summary.shift(sigma_cal_da),
        compensation_weights=summary.compensation_weights(),
        guests_per_da=float(1.0 / gap),
        shape_cosine=envelope_cosine(ladders[best.variant][0], ladders[best.variant][-1], resolving_power)[0],
        signal_to_noise=signal / noise_sd if noise_sd > 0 else float("inf"),
        noise_sd=noise_sd,
        lag1_autocorrelation=lag_one,
        options={
            "host": host,
            "guest": guest,
            "replaced": replaced,
            "most_guests": most_guests,
            "resolving_power": resolving_power,
            "resolving_power_rel_sd": resolving_power_rel_sd,
            "sigma_cal_da": sigma_cal_da,
            "compensation": compensation,
            "others": list(others),
            "confidence": confidence,
            "seed": seed,
        },
        mz=frozen_array(part.axis),
        counts=frozen_array(part.counts),
        components=frozen_array(components),
        baseline=frozen_array(best.design[:, n_positive:] @ amplitudes[n_positive:]),
        label=spectrum.label,
        source=spectrum.source,
        remarks=(*spectrum.remarks, *_remarks(summary, lag_one, sigma_cal_da, float(1.0 / gap))),
    )


def _check_options(
    spectrum: Spectrum, compensation: str, power: float, power_sd: float, sigma_cal: float, confidence: float
) -> None:
    if spectrum.kind != "ms":
        raise InputError(f"this is a spectrum of kind {spectrum.kind!r}; a mass spectrum ('ms') is needed")
    if compensation not in COMPENSATIONS:
        raise UsageError(f"compensation is {compensation!r}; it must be one of {', '.join(COMPENSATIONS)}")
    if not power > 0 or not 0 <= power_sd < 1:
        raise UsageError(
            f"resolving power {power:g} with relative error {power_sd:g}: the first must be positive, "
            "the second from 0 to below 1"
        )
    if not sigma_cal >= 0:
        raise UsageError(f"sigma_cal is {sigma_cal:g} Da; it must be 0 or positive")
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
    remarks = [
        Remark(
            "calibration_limits",
            f"the calibration error of {sigma_cal_da:g} Da (1 sd) alone moves the mean number of guests by "
            f"{sigma_cal_da * guests_per_da:.2f}; 1 Da moves it by {guests_per_da:.2f}",
        )
    ]
    if lag_one > 0.5:
        remarks.append(
            Remark(
                "residual_structure",
                f"neighbouring residuals correlate ({lag_one:.2f}): another species, a wrong resolving power "
                "or smoothing by the instrument; the intervals were widened for it",
            )
        )
    weights = summary.compensation_weights()
    if len(weights) > 1 and 0.05 < weights.get("full", 0.0) < 0.95:
        remarks.append(
            Remark(
                "compensation_undecided",
                "the spectrum does not tell whether guests bring protons (weights: none "
                f"{weights['none']:.2f}, full {weights['full']:.2f}); both are averaged",
            )
        )
    return remarks
