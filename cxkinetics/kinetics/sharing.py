"""The test of sharing: do runs need values of their own? A parametric bootstrap of F.

F compares the runs with shared and with own values. Its law is no table's: sd and correlation are estimated
per run and a breakpoint is searched. Simulated sets go the same way as the data, without refits: at each
breakpoint of a grid the curve is linear in amplitude, offset and, about the shared values, in the rates.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from cxkinetics.arrays import Array, BoolArray
from cxkinetics.inference.ar1 import coloured, whitening
from cxkinetics.kinetics.joint import Joint, Run, unit_curves

PILOT = 99
"""Simulated sets that tell how far the estimate of the correlation is off."""


@dataclass(frozen=True, slots=True, eq=False)
class _Pieces:
    """One run in S sets: rss with own values (S, G) by breakpoint, what sharing adds, and the noise found."""

    own: Array
    moved: Array  # (S, G, s): |moved - factor d|^2 is added by a shift d of the shared rates
    factor: Array  # (S, G, s, s)
    rho: Array
    variance: Array
    dof: int


def sharing_statistics(
    joint: Joint, theta: Array, shared: BoolArray, *, replicates: int, ar1: bool, rng: np.random.Generator
) -> Array:
    """Return what sharing costs in the data, and in simulated sets in which it holds: (1 + replicates,).

    Parameters
    ----------
    joint : Joint
        The runs.
    theta : Array, shape (p,)
        Their optimum.
    shared : BoolArray, shape (q,)
        Which rates and breakpoints of a run are shared.
    replicates : int
        Simulated sets.
    ar1 : bool
        Whether each run's correlation is estimated.
    rng : Generator
        Their source.
    """
    m = joint.family.n_stages
    start = np.repeat(theta[joint.columns][:, None], 1, axis=1)
    if m == 2:
        error = float(np.median(joint.errors(theta)[joint.columns[:, -1]]))
        low, high = max(joint.room(c)[0] for c in joint.breaks), min(joint.room(c)[1] for c in joint.breaks)
        fine = theta[joint.columns[:, -1]].mean() + error * np.linspace(-5, 5, 31)
        grid = np.unique(np.clip(np.concatenate([fine, np.linspace(low, high, 15)]), low, high))
        start = np.repeat(start, grid.size, axis=1)
        start[:, :, -1] = grid
    pieces = [
        _simulated(run, joint, own, shared, theta=theta[at], replicates=replicates, ar1=ar1, rng=rng)
        for run, own, at in zip(joint.runs, start, joint.columns, strict=True)
    ]
    return _with_shared(pieces, break_shared=m < 2 or bool(shared[-1])) - sum(p.dof for p in pieces)


def _simulated(
    run: Run, joint: Joint, grid: Array, shared: BoolArray, *, theta: Array, replicates: int, ar1: bool,
    rng: np.random.Generator,
) -> _Pieces:  # fmt: skip
    family, data = joint.family, run.sample.signal[None]
    flat = np.ones(run.sample.n)
    decay = unit_curves(family, run.time, theta[None])[0]
    columns = np.concatenate([decay, flat[None]]) if family.with_offset else decay
    white = run.white.apply(columns)
    linear = np.linalg.lstsq(white.T, run.white.apply(data)[0], rcond=None)[0]
    curve, noise = linear @ columns, np.sqrt(run.variance)

    def draw(count: int, rho: float) -> Array:
        sets: Array = curve + noise * coloured(run.sample, rho, rng.standard_normal((count, run.sample.n)))
        return sets

    rho = run.rho
    if ar1:
        pilot = _pieces(run, joint, grid, shared, np.concatenate([data, draw(PILOT, rho)]), ar1=ar1).rho
        rho = float(np.clip(pilot[0] + run.rho - pilot[1:].mean(), -0.6, 0.97))
    return _pieces(run, joint, grid, shared, np.concatenate([data, draw(replicates, rho)]), ar1=ar1)


def _pieces(run: Run, joint: Joint, grid: Array, shared: BoolArray, sets: Array, *, ar1: bool) -> _Pieces:
    """Return the pieces of one run for several sets of readings (S, n)."""
    family, n = joint.family, run.sample.n
    rates = np.arange(shared.size) < (family.n_stages if family.n_stages == 2 else shared.size)
    order = np.concatenate([np.flatnonzero(rates & ~shared), np.flatnonzero(rates & shared)])
    n_shared = int((rates & shared).sum())
    curve, slopes = unit_curves(family, run.time, grid)
    linear = [curve[:, None], np.ones((len(grid), 1, n))][: 1 + family.with_offset]
    design = np.concatenate([*linear, slopes[:, order]], axis=1)
    dof = n - design.shape[1] - (family.n_stages == 2)
    spread = np.sqrt(max(1 - run.rho**2, 0.05) / n)
    rhos = np.unique(np.clip(run.rho + spread * np.linspace(-4, 4, 17), -0.7, 0.98)) if ar1 else np.zeros(1)
    found = []
    for rho in rhos:
        white = whitening(run.sample, float(rho))
        base, triangle = np.linalg.qr(white.apply(design).transpose(0, 2, 1))
        series = white.apply(sets)
        parts = np.einsum("sn,gnp->sgp", series, base, optimize=True)
        own = np.maximum(np.sum(series**2, axis=1)[:, None] - np.sum(parts**2, axis=2), 1e-280)
        volume = 2 * np.sum(np.log(np.abs(np.einsum("gpp->gp", triangle)) + 1e-280), axis=1)
        best = np.argmin(own, axis=1)
        level = dof * np.log(own.min(axis=1)) + float(white.log_determinant) + volume[best]
        first = design.shape[1] - n_shared
        found.append((level, own, parts[:, :, first:], triangle[:, first:, first:]))
    chosen, every = np.argmin([level for level, *_ in found], axis=0), np.arange(len(sets))
    own = np.stack([each[1] for each in found])[chosen, every]
    variance = own.min(axis=1) / dof
    moved = np.stack([each[2] for each in found])[chosen, every]
    factor = np.stack([each[3] for each in found])[chosen]
    scale = np.sqrt(variance)
    return _Pieces(
        own / variance[:, None], moved / scale[:, None, None], factor / scale[:, None, None, None],
        rhos[chosen], variance, dof,
    )  # fmt: skip


def _with_shared(pieces: Sequence[_Pieces], *, break_shared: bool) -> Array:
    """Return the least weighted rss (S,) of all runs with shared values."""
    own = np.stack([p.own for p in pieces])  # (R, S, G)
    moved, factor = np.stack([p.moved for p in pieces]), np.stack([p.factor for p in pieces])

    def shift(moved: Array, factor: Array) -> Array:
        """Return the common shift (..., s) over the first axis."""
        normal = np.einsum("r...ij,r...ik->...jk", factor, factor)
        right = np.einsum("r...ij,r...i->...j", factor, moved)
        found: Array = np.linalg.solve(normal, right[..., None])[..., 0]
        return found

    def cost(by: Array) -> Array:
        total: Array = own + np.sum((moved - np.einsum("r...ij,...j->r...i", factor, by)) ** 2, axis=-1)
        return total

    if break_shared:
        least: Array = cost(shift(moved, factor)).sum(axis=0).min(axis=1)
        return least
    runs, sets = np.ogrid[: own.shape[0], : own.shape[1]]
    place = np.argmin(own, axis=2)
    for _ in range(6):
        by = shift(moved[runs, sets, place], factor[runs, sets, place])
        table = cost(by[:, None])
        place = np.argmin(table, axis=2)
    least = table.min(axis=2).sum(axis=0)
    return least
