"""Figures of the evidence room: envelopes, doublets, patterns, mass errors, and the verdict.

Each function takes axes and returns them; without axes it makes a figure of its own, with the
residuals below where there is a fit. Points are data, the line is the fit, areas are components.
"""

from collections.abc import Callable
from itertools import cycle
from typing import TYPE_CHECKING, Any

import numpy as np

from cxkinetics.arrays import Array
from cxkinetics.document.figure import COLOURS, figure_style, new_axes, new_figure, polish, stamp_simulated

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from cxkinetics.evidence.assignment import MassAssignment
    from cxkinetics.evidence.diffraction import PatternFit
    from cxkinetics.evidence.findings import Consensus
    from cxkinetics.evidence.mixture import MixtureFit
    from cxkinetics.evidence.xps import XpsResult

_FILLS = ("band", "second", "fourth", "third", "paper", "quiet")
_HATCHES = ("", "//", "..", "\\\\", "xx", "++")


def plot_mixture(fit: "MixtureFit", *, ax: "Axes | None" = None, residual_ax: "Axes | None" = None) -> "Axes":
    """Draw the envelopes of a mixture fit, their sum and the residuals.

    Parameters
    ----------
    fit : MixtureFit
        What to draw.
    ax, residual_ax : Axes, optional
        Where; by default a new figure with a residual panel below.

    Returns
    -------
    Axes
        The axes with the data.
    """
    ax, residual_ax = _panels(ax, residual_ax)
    named = zip(fit.species, fit.fractions, strict=True)
    labels = [*(f"{name}, share {share}" for name, share in named), *fit.options["others"]]
    areas = list(zip(fit.components, labels, strict=True))
    with figure_style():
        _stacked(ax, fit, fit.mz, areas, fit.baseline, line=("baseline", 0.8), ms=1.5, columns=1)
        rest = fit.counts - fit.fit
        _residuals((ax, residual_ax), fit.mz, rest, "m/z / Da", noise=fit.noise_sd, label="residual")
    return ax


def plot_xps(result: "XpsResult", *, ax: "Axes | None" = None, residual_ax: "Axes | None" = None) -> "Axes":
    """Draw a photoelectron line with its doublets, background, sum and residuals.

    Binding energy runs to the left, as in the field. Parameters and return value as for `plot_mixture`.
    """
    ax, residual_ax = _panels(ax, residual_ax)
    energy = np.asarray(result.energy_ev)
    areas = []
    for component, lines in zip(result.components, result.doublets, strict=True):
        share, label = component.share.value or 0.0, f"{component.position_ev.value:.2f} eV"
        if result.number > 1:
            label += f", {100 * share:.1f} %"
        if component.family and share >= result.detection_limit:
            label += f" ({component.family})"
        areas.append((lines, label))
    with figure_style():
        _stacked(ax, result, energy, areas, result.background, line=("background", None), ms=2.0, columns=2)
        _residuals((ax, residual_ax), energy, _scaled(result), f"binding energy of {result.line} / eV")
        ax.set_xlim(float(energy.max()), float(energy.min()))
    return ax


def plot_pattern(fit: "PatternFit", *, ax: "Axes | None" = None, residual_ax: "Axes | None" = None) -> "Axes":
    """Draw a diffraction pattern, the fitted sum, the phases seen (on one scale, shifted), and residuals.

    Parameters and return value as for `plot_mixture`.
    """
    ax, residual_ax = _panels(ax, residual_ax)
    with figure_style():
        ax.plot(fit.axis, fit.counts, ".", ms=1.2, color=COLOURS["data"], label="data", zorder=2)
        ax.plot(fit.axis, fit.fit, "-", lw=0.9, color=COLOURS["fit"], label="sum", zorder=3)
        pairs = zip(fit.phases, fit.components, strict=True)
        seen = [(phase, component) for phase, component in pairs if phase.state != "absent"]
        seen.sort(key=lambda item: -(item[0].share.value or 0.0))
        lowest = float(min(fit.counts.min(), fit.fit.min()))
        step = 0.22 * float(np.ptp(fit.counts)) / max(len(seen), 1) ** 0.3
        scale = 0.9 * step / max((float(c.max()) for _, c in seen), default=1.0)
        for i, (phase, component) in enumerate(seen):
            colour, offset = COLOURS[_FILLS[i % len(_FILLS)]], lowest - step * (i + 1)
            mark = "?" if phase.state == "undecided" else ""
            ax.plot(fit.axis, offset + scale * component, "-", lw=0.8, color=colour)
            ax.annotate(
                f"{phase.phase}{mark} {100 * (phase.share.value or 0.0):.1f} %",
                (float(fit.axis[-1]), offset), xytext=(2, 2.5), textcoords="offset points", fontsize=6,
                color=colour, ha="right", va="bottom",
                bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.4, "alpha": 0.85},
            )  # fmt: skip
        ax.set_yticks([tick for tick in ax.get_yticks() if tick >= 0 and tick <= fit.counts.max()])
        ax.set_ylabel("intensity / counts")
        ax.legend(loc="upper right")
        _finish(ax, fit.source.simulated)
        _residuals((ax, residual_ax), fit.axis, _scaled(fit), r"$2\theta$ / degree")
    return ax


def plot_masses(result: "MassAssignment", *, ax: "Axes | None" = None) -> "Axes":
    """Draw how far each stated formula is from its peak; without statements, the best candidates.

    The band is the tolerance; the scale is linear inside it and logarithmic beyond.
    """
    if ax is None:
        ax = new_axes("single", DRAWN["assignment"][1](result))
    with figure_style():
        labels = []
        ax.axvspan(-result.tolerance_da, result.tolerance_da, color=COLOURS["band"], alpha=0.35, lw=0)
        ax.axvline(0.0, color=COLOURS["quiet"], lw=0.6)
        for row, peak in enumerate(result.peaks):
            shown = peak.stated or (peak.candidates[0] if peak.candidates else None)
            if shown is None:
                labels.append(f"{peak.mz:.5g}  no candidate")
                continue
            good = abs(shown.error_da) <= result.tolerance_da
            ax.plot(
                [shown.error_da], [row], "o" if good else "X", ms=5,
                color=COLOURS["second" if good else "fit"], mec="none", zorder=3,
            )  # fmt: skip
            ax.annotate(
                f"{shown.error_da:+.1f}" if abs(shown.error_da) < 10 else f"{shown.error_da:+.0f}",
                (shown.error_da, row), xytext=(5, 0), textcoords="offset points", fontsize=6, va="center",
            )  # fmt: skip
            labels.append(f"{shown.formula}  {peak.mz:.5g}")
        ax.set_xscale("symlog", linthresh=2 * result.tolerance_da)
        largest = max((abs(p.stated.error_da) for p in result.peaks if p.stated), default=2.0)
        reach = 2.5 * max(largest, result.tolerance_da)
        ax.set_xlim(-reach, reach)
        ticks = [value for value in (-100, -10, -2, 0, 2, 10, 100) if abs(value) <= reach]
        ax.set_xticks(ticks, [f"{value:g}" for value in ticks])
        ax.minorticks_off()
        ax.set_yticks(range(len(labels)), labels)
        ax.set_ylim(-0.7, len(labels) - 0.3)
        ax.set_xlabel("measured - computed / Da")
        ax.spines["left"].set_visible(False)
        ax.tick_params(axis="y", length=0)
        _finish(ax, result.source.simulated)
    return ax


def plot_consensus(result: "Consensus", *, ax: "Axes | None" = None) -> "Axes":
    """Draw what each technique sees in each sample, and the joint verdict.

    Filled: present; empty: absent; a question mark: undecided; a ring marks a disagreement.
    """
    columns = [*result.techniques, "together"]
    if ax is None:
        ax = new_axes("single" if len(columns) < 5 else "double", DRAWN["verdict"][1](result))
    species = list(dict.fromkeys(v.species for sample in result.samples for v in sample.species))
    colours = [COLOURS["paper"], COLOURS["fourth"], COLOURS["second"], COLOURS["third"]]
    with figure_style():
        for row, sample in enumerate(result.samples):
            for verdict in sample.species:
                k = species.index(verdict.species)
                states = {finding.technique: finding.state for finding in verdict.findings}
                states["together"] = verdict.state
                beside = 0.26 * (k - (len(species) - 1) / 2)
                for j, column in enumerate(columns):
                    if column in states:
                        _mark(ax, j + beside, row, states[column], colours[k % 4])
                if verdict.disagreement:
                    x = len(columns) - 1 + beside
                    ax.plot([x], [row], "o", ms=11, mfc="none", mec=COLOURS["fit"], mew=1.0)
        for k, name in enumerate(species):
            ax.plot([], [], "s", color=colours[k % 4], label=f"{name} present")
        ax.plot([], [], "s", mfc="white", mec=COLOURS["quiet"], label="absent")
        verdicts = [verdict for sample in result.samples for verdict in sample.species]
        if any(v.state == "undecided" or v.undecided_by for v in verdicts):
            ax.plot([], [], marker="$?$", ls="", color=COLOURS["data"], label="undecided")
        if result.disagreements:
            ax.plot([], [], "o", ms=7, mfc="none", mec=COLOURS["fit"], label="disagreement")
        ax.set_xticks(range(len(columns)), columns)
        ax.xaxis.tick_top()
        ax.set_yticks(range(len(result.samples)), [sample.label for sample in result.samples])
        ax.set_xlim(-0.6, len(columns) - 0.4)
        ax.set_ylim(len(result.samples) - 0.4, -0.6)
        ax.axvline(len(columns) - 1.5, color=COLOURS["quiet"], lw=0.6)
        ax.spines[:].set_visible(False)
        ax.tick_params(length=0)
        ax.legend(
            loc="upper center", bbox_to_anchor=(0.45, 0.0), ncols=4, columnspacing=0.8, handletextpad=0.2
        )
        if result.simulated:
            ax.set_xlabel("simulated data", color=COLOURS["fit"], style="italic", fontsize=7, loc="right")
    return ax


def _mark(ax: "Axes", x: float, y: float, state: str, colour: str) -> None:
    if state == "undecided":
        ax.plot([x], [y], "s", ms=6.5, mfc="none", mec=colour, mew=0.8)
        ax.text(x, y, "?", ha="center", va="center", fontsize=6.5, color=colour)
    else:
        ax.plot([x], [y], "s", ms=6.5, mfc=colour if state == "present" else "white", mec=colour, mew=0.8)


def _panels(ax: "Axes | None", residual_ax: "Axes | None") -> "tuple[Axes, Axes | None]":
    if ax is not None:
        return ax, residual_ax
    return _panels_on(new_figure("single", 1.0))


def _panels_on(figure: "Figure") -> "tuple[Axes, Axes]":
    with figure_style():
        grid = figure.add_gridspec(2, 1, height_ratios=(3.6, 1), hspace=0.05)
        above = figure.add_subplot(grid[0])
        return above, figure.add_subplot(grid[1], sharex=above)


def _stacked(
    ax: "Axes", fit: "MixtureFit | XpsResult", x: Array, areas: list[tuple[Array, str]], base: Array,
    *, line: tuple[str, float | None], ms: float, columns: int,
) -> None:  # fmt: skip
    """Draw the data, each component of a fit with its label above their common base, and the sum."""
    ax.plot(x, fit.counts, ".", ms=ms, color=COLOURS["data"], label="data", zorder=2)
    for (component, label), fill, hatch in zip(areas, cycle(_FILLS), cycle(_HATCHES)):
        ax.fill_between(
            x, base, base + component, facecolor=COLOURS[fill], alpha=0.45, lw=0.6, edgecolor=COLOURS[fill],
            hatch=hatch, label=label, zorder=1,
        )  # fmt: skip
    ax.plot(x, base, ":", lw=line[1], color=COLOURS["quiet"], label=line[0], zorder=1)
    ax.plot(x, fit.fit, "-", color=COLOURS["fit"], label="sum", zorder=3)
    ax.set_ylabel("intensity / counts")
    ax.legend(
        loc="lower left", bbox_to_anchor=(0.0, 1.08), ncols=columns, borderaxespad=0.0, columnspacing=1.0,
        frameon=False,
    )  # fmt: skip
    _finish(ax, fit.source.simulated)


def _scaled(fit: "XpsResult | PatternFit") -> Array:
    scaled: Array = (fit.counts - fit.fit) / np.sqrt(np.maximum(fit.counts, 1.0))
    return scaled


def _finish(ax: "Axes", simulated: bool) -> None:
    stamp_simulated(ax, simulated)
    polish(ax)


def _residuals(
    panels: "tuple[Axes, Axes | None]", x: Array, residual: Array, name: str, *, noise: float = 1.0,
    label: str = r"res. / $\sqrt{N}$",
) -> None:  # fmt: skip
    ax, residual_ax = panels
    if residual_ax is None:
        ax.set_xlabel(name)
        return
    residual_ax.axhspan(-2 * noise, 2 * noise, color=COLOURS["band"], alpha=0.35, lw=0)
    residual_ax.axhline(0.0, color=COLOURS["quiet"], lw=0.6)
    residual_ax.plot(x, residual, ".", ms=1.5, color=COLOURS["data"])
    residual_ax.locator_params(axis="x", nbins=7)
    residual_ax.set_xlabel(name)
    residual_ax.set_ylabel(label)
    polish(residual_ax)
    if residual_ax.get_shared_x_axes().joined(residual_ax, ax):
        ax.tick_params(labelbottom=False)
        residual_ax.figure.align_ylabels([ax, residual_ax])


def on_panels(
    plot: "Callable[..., Axes]", result: object, *, figure: "Figure | None" = None, **options: Any
) -> "Figure":
    """Return the figure of a function that draws a fit with its residuals below; `figure` is filled."""
    if figure is not None:
        options["ax"], options["residual_ax"] = _panels_on(figure)
    drawn: Figure = plot(result, **options).get_figure(root=True)  # type: ignore[assignment]
    return drawn


DRAWN: dict[str, tuple[Callable[..., "Axes"], Callable[[Any], float]]] = {
    "mixture": (plot_mixture, lambda fit: 1.0),
    "xps": (plot_xps, lambda fit: 1.0),
    "xrd": (plot_pattern, lambda fit: 1.0),
    "assignment": (plot_masses, lambda result: 0.25 + 0.085 * max(len(result.peaks), 4)),
    "verdict": (plot_consensus, lambda result: 0.3 + 0.055 * len(result.samples)),
}
"""What draws each figure, and the height over the width that its rows need."""
