"""The posterior of a mixture: nuisances on a grid, amplitudes Gaussian but not negative.

At each node (shift, resolving power, compensation) the amplitudes of a linear model have a Gaussian
posterior cut off at zero. It is drawn by plain rejection, and nodes are weighed by their evidence,
so that no interval leans on a Gaussian approximation at the boundary.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from cxkinetics.arrays import Array
from cxkinetics.estimate import Estimate
from cxkinetics.evidence.isotopes import envelope
from cxkinetics.models.formula import Formula
from cxkinetics.signals.spectrum import Spectrum

__all__ = ["Node", "Summary", "best_node", "nodes_of", "posterior_draws"]

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


def nodes_of(
    part: Spectrum,
    ladders: Mapping[str, tuple[Formula, ...]],
    extra: tuple[Formula, ...],
    power: float,
    power_sd: float,
    sigma_cal: float,
) -> list[Node]:
    """Return one node per kind of compensation, resolving power and shift.

    The shifts are refined until no single one of them carries most of the evidence.

    Parameters
    ----------
    part : Spectrum
        The window that is fitted.
    ladders : mapping of str to tuple of Formula
        Kind of compensation -> the species.
    extra : tuple of Formula
        Further components.
    power, power_sd : float
        Resolving power and the relative standard deviation of its prior.
    sigma_cal : float
        Standard deviation of the calibration error, Da.
    """
    powers = [(power, 0.0)]
    if power_sd > 0:
        scores = (-1.6, -0.8, 0.0, 0.8, 1.6)
        powers = [(power * float(np.exp(score * power_sd)), -0.5 * score**2) for score in scores]
    width = envelope(next(iter(ladders.values()))[0]).mean / power
    reach = 4.0 * sigma_cal
    grid = _Grid(part, ladders, extra, powers, width, reach, sigma_cal)
    if sigma_cal == 0:
        return grid.nodes(np.zeros(1))
    step = min(width / 6, 0.25, sigma_cal / 8)
    shifts = np.arange(-np.floor(reach / step), np.floor(reach / step) + 1) * step
    nodes = grid.nodes(shifts)
    for _ in range(4):
        heavy, effective = _heavy_shifts(nodes, shifts, part.n_points)
        if effective >= SMOOTH_NODES:
            break
        step /= 4
        low, high = heavy.min() - 5 * step, heavy.max() + 5 * step
        shifts = np.arange(np.floor(low / step), np.ceil(high / step) + 1) * step
        nodes = grid.nodes(shifts[np.abs(shifts) <= reach + step])
    return nodes


def _heavy_shifts(nodes: list[Node], shifts: Array, n_points: int) -> tuple[Array, float]:
    """Return the shifts that carry the evidence, and how many do so effectively."""
    dof = max(n_points - nodes[0].centre.size, 1)
    variance = max(min(node.rss for node in nodes) / dof, 1e-300)
    logs = np.array([node.log_prior - node.rss / (2 * variance) for node in nodes])
    weights = np.exp(logs - logs.max())
    places = np.array([node.shift_da for node in nodes])
    total = np.array([weights[places == place].sum() for place in np.unique(places)])
    heavy = np.unique(places)[total > 1e-4 * total.max()]
    return heavy, float(total.sum() ** 2 / (total**2).sum())


@dataclass(frozen=True, slots=True, eq=False)
class _Grid:
    """What all nodes share: the window, the species and the resolving powers."""

    part: Spectrum
    ladders: Mapping[str, tuple[Formula, ...]]
    extra: tuple[Formula, ...]
    powers: list[tuple[float, float]]
    width: float
    reach: float
    sigma_cal: float

    def nodes(self, shifts: Array) -> list[Node]:
        mz, counts = self.part.axis, self.part.counts
        centred = (mz - mz.mean()) / max(float(np.ptp(mz)) / 2, 1.0)
        base = np.column_stack([np.ones_like(mz), centred])
        fine = np.arange(mz[0] - self.reach - 2, mz[-1] + self.reach + 2, min(0.1, self.width / 8))
        found = []
        for variant, ladder in self.ladders.items():
            for resolving_power, log_power in self.powers:
                drawn = [envelope(f).profile(fine, resolving_power) for f in (*ladder, *self.extra)]
                for shift in shifts:
                    bells = np.column_stack([np.interp(mz - shift, fine, bell) for bell in drawn])
                    design = np.column_stack([bells, base])
                    gram = design.T @ design
                    centre = np.linalg.solve(gram, design.T @ counts)
                    misfit = counts - design @ centre
                    penalty = 0.5 * (shift / self.sigma_cal) ** 2 if self.sigma_cal > 0 else 0.0
                    found.append(
                        Node(
                            variant=variant,
                            shift_da=float(shift),
                            resolving_power=resolving_power,
                            log_prior=log_power - penalty,
                            centre=centre,
                            gram=gram,
                            rss=float(misfit @ misfit),
                            design=design,
                        )
                    )
        return found


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
    factor = np.linalg.cholesky(reduced).T
    solved = np.empty_like(node.centre)
    solved[positive] = nnls(factor, np.linalg.solve(factor.T, target))[0]
    solved[free] = np.linalg.solve(
        node.gram[free, free], moment[free] - node.gram[free, positive] @ solved[positive]
    )
    step = solved - node.centre
    return solved, node.rss + float(step @ node.gram @ step)


def posterior_draws(
    nodes: list[Node], noise_sd: float, n_positive: int, generator: np.random.Generator
) -> tuple[Array, Array, Array]:
    """Return draws of the amplitudes, their weights and the node each comes from."""
    logs = np.array(
        [
            node.log_prior - node.rss / (2 * noise_sd**2) - 0.5 * float(np.linalg.slogdet(node.gram)[1])
            for node in nodes
        ]
    )
    for number in (DRAWS_PER_NODE, 40 * DRAWS_PER_NODE):
        normal = generator.standard_normal((number, nodes[0].centre.size))
        kept, weights, origin = [], [], []
        for index in np.flatnonzero(logs > logs.max() - (12.0 if number == DRAWS_PER_NODE else 40.0)):
            node = nodes[int(index)]
            lower = np.linalg.cholesky(node.gram)
            draws = node.centre + noise_sd * np.linalg.solve(lower.T, normal.T).T
            inside = np.all(draws[:, :n_positive] >= 0, axis=1)
            kept.append(draws[inside])
            weights.append(np.full(int(inside.sum()), logs[index]))
            origin.append(np.full(int(inside.sum()), float(index)))
        log_weights = np.concatenate(weights)
        if log_weights.size:
            relative = np.exp(log_weights - log_weights.max())
            if relative.sum() ** 2 / (relative**2).sum() >= FEWEST_DRAWS:
                break
    if not log_weights.size:
        return np.empty((0, nodes[0].centre.size)), np.empty(0), np.empty(0)
    draws, nodes_drawn = np.concatenate(kept), np.concatenate(origin)
    relative /= relative.sum()
    if relative.size > MOST_DRAWS:
        chosen = generator.choice(relative.size, MOST_DRAWS, p=relative)
        return draws[chosen], np.full(MOST_DRAWS, 1.0 / MOST_DRAWS), nodes_drawn[chosen]
    return draws, relative, nodes_drawn


class Summary:
    """Posterior draws turned into estimates."""

    def __init__(
        self,
        draws: Array,
        weights: Array,
        origin: Array,
        nodes: list[Node],
        most_guests: int,
        confidence: float,
    ) -> None:
        self.amplitudes = draws[:, : most_guests + 1]
        self.weights, self.nodes = weights, nodes
        self.origin = origin.astype(int)
        total = self.amplitudes.sum(axis=1, keepdims=True)
        self.shares = self.amplitudes / np.where(total > 0, total, 1.0)
        self.levels = ((1 - confidence) / 2, (1 + confidence) / 2)
        self.enough = weights.size >= FEWEST_DRAWS

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
        covariance: Array = (centred * self.weights[:, None]).T @ centred
        return covariance

    def shift(self, sigma_cal_da: float) -> Estimate:
        """Return the calibration shift, Da."""
        if sigma_cal_da == 0:
            return Estimate(
                name="calibration shift", value=0.0, unit="Da", method="fixed", reason="taken as exact"
            )
        return self._estimate("calibration shift", self._of_node("shift_da"), "Da")

    def compensation_weights(self) -> dict[str, float]:
        """Return the posterior weight of each kind of compensation."""
        kinds = np.array([node.variant for node in self.nodes])[self.origin]
        return {
            variant: float(self.weights[kinds == variant].sum())
            for variant in dict.fromkeys(node.variant for node in self.nodes)
        }

    def _of_node(self, name: str) -> Array:
        values: Array = np.array([getattr(node, name) for node in self.nodes], dtype=float)[self.origin]
        return values
