"""Figures: units on every axis, nothing clipped, nothing global changed, simulated data stamped."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pytest

mpl.use("Agg")

from matplotlib import pyplot as plt
from matplotlib.figure import Figure
from matplotlib.text import Text

from cxkinetics.document.figure import detached_figure, save_figure, svg_text
from cxkinetics.document.html import render_page
from cxkinetics.document.units import SECONDS
from cxkinetics.errors import UsageError
from cxkinetics.estimate import Estimate
from cxkinetics.examples.kinetics import load_example
from cxkinetics.kinetics.figures import draw_staged_fit, figures, plot_ln_signal, plot_staged_fit
from cxkinetics.kinetics.fit import fit_stages
from cxkinetics.kinetics.result import StagedFit
from cxkinetics.signals.figures import plot_peak_path, plot_spectra
from cxkinetics.signals.trace import Trace


@pytest.fixture(autouse=True)
def _close_figures() -> object:
    yield
    plt.close("all")


def words_on(figure: Figure) -> list[str]:
    return [text.get_text() for text in figure.findobj(Text) if text.get_text() and text.get_visible()]


def assert_nothing_clipped(figure: Figure) -> None:
    figure.canvas.draw()
    page = figure.bbox
    for axes in figure.axes:
        box = axes.get_tightbbox()
        assert box is not None
        reach = np.array([page.x0 - box.x0, page.y0 - box.y0, box.x1 - page.x1, box.y1 - page.y1])
        assert np.all(reach <= 1), f"{axes.get_ylabel()} sticks out by {reach.max():.0f} pixels"


@pytest.mark.parametrize("view", ["fit", "ln", "both"])
@pytest.mark.parametrize("growth", [False, True])
def test_every_view_is_labelled_and_whole(
    make_fit: Callable[..., StagedFit], view: str, growth: bool
) -> None:
    figure = make_fit(growth=growth).plot(view=view)
    assert_nothing_clipped(figure)
    labels = [axes.get_xlabel() for axes in figure.axes if axes.get_xlabel()]
    assert set(labels) == {"time / s"}
    assert all(axes.get_ylabel() for axes in figure.axes)
    assert "simulated data" in words_on(figure)


def test_measured_data_carries_no_stamp(make_fit: Callable[..., StagedFit]) -> None:
    assert "simulated data" not in words_on(make_fit(simulated=False).plot(view="both"))


def test_axes_given_are_drawn_on_and_returned(fit: StagedFit) -> None:
    own, (left, right) = plt.subplots(1, 2)
    assert plot_staged_fit(fit, ax=left) is left
    assert plot_ln_signal(fit, ax=right, time_unit="min") is right
    assert right.get_xlabel() == "time / min"
    assert fit.plot(ax=left) is own
    assert len(own.axes) == 2


def test_the_line_drawn_is_the_fit_and_the_band_its_interval(fit: StagedFit) -> None:
    axes = plot_staged_fit(fit)
    line = next(drawn for drawn in axes.lines if drawn.get_label() == "fit")
    shown = np.interp(fit.trace.time_s, line.get_xdata(), line.get_ydata())
    assert np.max(np.abs(shown - fit.fitted)) < 2e-3
    low, high = fit.breakpoints_s[0].low, fit.breakpoints_s[0].high
    band = axes.patches[0].get_extents().transformed(axes.transData.inverted())
    assert (band.x0, band.x1) == pytest.approx((low, high), abs=1e-9)
    residual = axes.figure.axes[1].lines[-1].get_ydata()
    assert np.array_equal(residual, fit.residuals)


def test_both_pieces_of_a_split_interval_are_bands(make_fit: Callable[..., StagedFit]) -> None:
    split = Estimate(
        name="b", value=20.0, low=15.0, high=30.0, unit="s", method="profile", pieces=((15, 21), (25, 30))
    )
    assert len(plot_staged_fit(make_fit(breakpoints_s=(split,))).patches) == 2
    open_low = replace(split, low=None, pieces=())
    assert len(plot_staged_fit(make_fit(breakpoints_s=(open_low,))).patches) == 1


def test_the_papers_lines_run_through_the_data_in_ln_a(fit: StagedFit) -> None:
    axes = plot_ln_signal(fit)
    dashed = [line for line in axes.lines if line.get_linestyle() == "--" and len(line.get_xdata()) == 2]
    lines = [line for line in dashed if line.get_xdata()[0] != line.get_xdata()[1]]
    assert len(lines) == 2
    slope = np.diff(lines[0].get_ydata()) / np.diff(lines[0].get_xdata())
    assert slope[0] == pytest.approx(-0.05625)


def test_no_setting_outlives_a_figure(fit: StagedFit) -> None:
    before = dict(mpl.rcParams)
    fit.plot(view="both")
    svg_text(draw_staged_fit(fit, figure=detached_figure()))
    assert dict(mpl.rcParams) == before


def test_figures_for_files_are_unknown_to_pyplot_and_equal_when_made_twice(
    fit: StagedFit, tmp_path: Path
) -> None:
    figures = [draw_staged_fit(fit, figure=detached_figure("single", 0.8), view="ln") for _ in range(2)]
    assert plt.get_fignums() == []
    files = save_figure(figures[0], tmp_path / "fit", ("png", "svg", "pdf"))
    assert [file.name for file in files] == ["fit.png", "fit.svg", "fit.pdf"]
    assert files[1].read_text() == svg_text(figures[0])
    assert (tmp_path / "fit.png").read_bytes()[16:24] == b"".join(
        int(side / 25.4 * 300).to_bytes(4, "big") for side in (85, 85 * 0.8)
    )
    again = save_figure(figures[1], tmp_path / "again", ("png", "svg", "pdf"))
    assert [f.read_bytes() for f in files] == [f.read_bytes() for f in again]


OPEN = Estimate(
    name="breakpoint",
    value=37.2,
    unit="s",
    method="profile",
    reason="the data do not bound both ends: the likelihood profile stays flat over the whole range",
)


def assert_legends_cover_nothing(figure: Figure) -> None:
    figure.canvas.draw()
    for axes in figure.axes:
        legend = axes.get_legend()
        if legend is None:
            continue
        box = legend.get_window_extent()
        assert box.x0 >= axes.bbox.x0 - 1, "legend leaves the axes"
        assert box.x1 <= axes.bbox.x1 + 1, "legend leaves the axes"
        for line in axes.lines:
            points = line.get_transform().transform(line.get_xydata())
            across = np.linspace(0, len(points) - 1, 2000)
            path = np.column_stack([np.interp(across, range(len(points)), side) for side in points.T])
            inside = np.all((path > box.min) & (path < box.max), axis=1)
            assert not inside.any(), f"legend covers {line.get_label()}"
        for band in axes.patches:
            edge = band.get_window_extent()
            assert edge.x1 < box.x0 or edge.x0 > box.x1 or edge.y1 <= box.y0 + 1, "legend covers a band"


@pytest.mark.parametrize("view", ["fit", "ln", "both"])
@pytest.mark.parametrize("growth", [False, True])
def test_an_open_interval_has_a_short_label_and_room_stays_for_the_data(
    make_fit: Callable[..., StagedFit], view: str, growth: bool, recwarn: pytest.WarningsRecorder
) -> None:
    figure = make_fit(growth=growth, breakpoints_s=(OPEN,)).plot(view=view)
    assert_nothing_clipped(figure)
    assert_legends_cover_nothing(figure)
    assert "breakpoint 37.2 s, interval open" in words_on(figure)
    assert all(axes.bbox.width > 0.3 * figure.bbox.width for axes in figure.axes)
    ours = [w for w in recwarn.list if not issubclass(w.category, DeprecationWarning)]  # of old libraries
    assert not [str(told.message) for told in ours]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"method": "fixed"}, "breakpoint 37.2 s, given"),
        ({"low": 30.0}, "95 % interval [30, inf]"),
        ({"low": 10.0, "high": 50.0, "pieces": ((10, 20), (30, 40), (45, 50))}, "95 % interval in 3 pieces"),
    ],
)
def test_every_kind_of_interval_is_named_in_few_words(
    make_fit: Callable[..., StagedFit], changes: dict[str, object], words: str
) -> None:
    shown = words_on(make_fit(breakpoints_s=(replace(OPEN, **changes),)).plot())
    assert words in shown
    assert max(map(len, shown)) < 45


def test_legends_cover_no_point_line_or_band(make_fit: Callable[..., StagedFit]) -> None:
    spikes = ((70.0, 0.9), (95.0, 0.8))
    fits = [make_fit(excluded=spikes), make_fit(excluded=spikes, growth=True), make_fit((0.02,), ())]
    for fit in fits:
        for view in ("fit", "ln", "both"):
            assert_legends_cover_nothing(fit.plot(view=view))
        own, (left, right) = plt.subplots(1, 2)
        fit.plot(ax=left)
        fit.plot(ax=right, view="ln")
        assert_legends_cover_nothing(own)


def test_a_legend_fits_into_narrow_axes_and_takes_the_corner_with_room(
    make_fit: Callable[..., StagedFit],
) -> None:
    split = replace(OPEN, low=20.0, high=60.0, pieces=((20, 30), (35, 60)))
    figure, axes = plt.subplots(1, 3, layout="constrained")
    make_fit(breakpoints_s=(split,)).plot(ax=axes[0])
    make_fit(breakpoints_s=(split,)).plot(ax=axes[1], view="ln")
    assert_legends_cover_nothing(figure)
    growth = make_fit(growth=True).plot().axes[0]
    assert growth.get_legend().get_window_extent().x0 < growth.bbox.x0 + 10
    assert growth.get_ylim()[1] < 1.3


def test_the_legends_of_spectra_and_of_their_rank_cover_nothing() -> None:
    from cxkinetics.spectral.figures import draw_rank

    series = load_example("ag-cds")
    figure = draw_rank(series)
    assert_nothing_clipped(figure)
    assert_legends_cover_nothing(figure)
    assert_legends_cover_nothing(plot_spectra(series, peak=series.exciton_peak(near_nm=324)).figure)


def test_a_second_fit_in_the_same_axes_is_seen_whole(make_fit: Callable[..., StagedFit]) -> None:
    _, axes = plt.subplots()
    make_fit().plot(ax=axes)
    longer = make_fit((0.02,), (), end_s=300.0)
    tall = replace(longer, excluded=((250.0, 3.0),))
    tall.plot(ax=axes)
    assert axes.get_xlim()[1] > 300
    assert axes.get_ylim()[1] > 3


def test_a_narrow_interval_is_still_seen_as_a_band_and_both_bands_are_named(fit: StagedFit) -> None:
    figure = fit.plot()
    axes, below = figure.axes
    figure.canvas.draw()
    band = axes.patches[0]
    shown_pt = band.get_window_extent().width / figure.dpi * 72 + band.get_linewidth()
    assert shown_pt == pytest.approx(3, abs=0.3)
    assert {"breakpoint 19.86 s", "95 % interval [19.62, 20.10]", "±2 sd of the noise"} <= {*words_on(figure)}
    assert below.get_legend() is not None
    wide = replace(OPEN, low=20.0, high=60.0)
    assert plot_staged_fit(replace(fit, breakpoints_s=(wide,))).patches[0].get_linewidth() == 0


def test_the_view_in_ln_a_marks_the_points_left_out(make_fit: Callable[..., StagedFit]) -> None:
    axes = plot_ln_signal(make_fit(excluded=((40.0, 0.6), (50.0, -0.1))))
    (marked,) = [line for line in axes.lines if line.get_label() == "left out"]
    assert marked.get_xydata() == pytest.approx(np.array([[40.0, np.log(0.6)]]))
    growing = plot_ln_signal(make_fit(growth=True, excluded=((40.0, 0.3),)))
    (marked,) = [line for line in growing.lines if line.get_label() == "left out"]
    assert marked.get_ydata() == pytest.approx([np.log(0.6)])


def test_captions_say_what_is_drawn(make_fit: Callable[..., StagedFit]) -> None:
    growth = figures(make_fit(growth=True), SECONDS)[1]
    assert "ln(A∞ - A)" in growth.caption
    assert "ln A" not in growth.caption
    assert "final value minus the same signal" in growth.alternative
    spiked = {f.name: f for f in figures(make_fit(excluded=((40.0, 0.6),)), SECONDS)}
    assert "in ln A, with the straight lines" in spiked["ln"].caption
    assert "1 point left out" in spiked["ln"].alternative
    assert "left out" in spiked["fit"].caption
    bare = figures(make_fit((0.02,), ()), SECONDS)[0]
    assert "breakpoint" not in bare.caption + bare.alternative


def test_a_figure_saves_at_a_journals_resolution_unless_told_otherwise(
    fit: StagedFit, tmp_path: Path
) -> None:
    def width(**options: object) -> int:
        fit.plot().savefig(tmp_path / "p.png", **options)
        return int.from_bytes((tmp_path / "p.png").read_bytes()[16:20], "big")

    assert width() == int(85 / 25.4 * 300)
    assert width(dpi=100) == int(85 / 25.4 * 100)
    with mpl.rc_context({"savefig.dpi": 200}):
        assert width() == int(85 / 25.4 * 200)
    assert fit.plot().dpi == 120


def test_a_users_figure_is_known_to_pyplot(fit: StagedFit) -> None:
    figure = fit.plot()
    assert plt.gcf() is figure


def test_three_stages_without_interval_draw(make_fit: Callable[..., StagedFit]) -> None:
    bare = tuple(Estimate(name="b", value=b, unit="s", reason="not asked for") for b in (10.0, 40.0))
    figure = make_fit((0.1, 0.05, 0.02), (10.0, 40.0), breakpoints_s=bare, excluded=((5.0, 2.0),)).plot()
    assert_nothing_clipped(figure)
    assert "left out" in words_on(figure)


def test_wrong_options_are_refused(fit: StagedFit) -> None:
    with pytest.raises(UsageError, match=r"'log'.*'both'"):
        fit.plot(view="log")
    with pytest.raises(UsageError, match="'triple'"):
        fit.plot(width="triple")
    with pytest.raises(UsageError, match="no peak position"):
        plot_peak_path(fit.trace)


def test_spectra_with_the_path_of_the_peak() -> None:
    series = load_example("ag-cds")
    peak = series.exciton_peak(near_nm=324)
    axes = plot_spectra(series, peak=peak)
    assert_nothing_clipped(axes.figure)
    assert axes.get_xlabel() == "wavelength / nm"
    assert {"time / s", "peak path", "simulated data"} <= {*words_on(axes.figure)}
    drawn = [line for line in axes.lines if line.get_label() != "peak path"]
    assert len(drawn) == 26
    assert np.array_equal(drawn[0].get_ydata(), series.absorbance[0])
    assert np.array_equal(drawn[-1].get_ydata(), series.absorbance[-1])
    path = plot_peak_path(peak, time_unit="min")
    assert_nothing_clipped(path.figure)
    assert path.get_ylabel() == "peak position / nm"
    assert isinstance(series.plot(), Figure)


def test_a_bare_trace_is_drawn_with_its_errors() -> None:
    trace = Trace(time_s=[0, 1, 2], absorbance=[0.9, 0.5, 0.3], sigma=[0.1, 0.1, 0.2])
    figure = trace.plot(time_unit="min")
    assert_nothing_clipped(figure)
    assert figure.axes[0].get_xlabel() == "time / min"
    assert str(trace) == repr(trace)
    assert "Trace(" in trace._repr_html_()
    assert "simulated data" not in words_on(figure)


def test_many_points_are_thinned_for_drawing_and_a_spike_stays(spiked: StagedFit) -> None:
    figure = spiked.plot()
    top, below = figure.axes[:2]
    for ax, column in ((top, spiked.trace.absorbance), (below, spiked.residuals)):
        (points,) = [line for line in ax.lines if line.get_marker() == "o"]
        x, y = np.asarray(points.get_xdata()), np.asarray(points.get_ydata())
        assert 500 <= x.size <= 1002
        assert x[0] == spiked.trace.time_s[0]
        assert x[-1] == spiked.trace.time_s[-1]
        assert y.max() == np.max(column)
        assert y.min() == np.min(column)
    assert "highest and lowest of each column" in spiked.figures(SECONDS)[0].caption


def test_the_report_of_many_points_stays_small(spiked: StagedFit) -> None:
    assert len(render_page(spiked.page(SECONDS))) < 1_000_000


@pytest.fixture(scope="module")
def spiked() -> StagedFit:
    """A fit of 31 points, said to be one of 100,000 with a spike."""
    t = np.linspace(0.0, 90.0, 31)
    noise = np.random.default_rng(1).normal(0, 0.004, t.size)
    fit = fit_stages(Trace(time_s=t, absorbance=np.exp(-0.05 * t) + noise), n_stages=1, noise="white")
    time = np.linspace(0.0, 90.0, 100_000)
    signal = fit.curve(time) + np.random.default_rng(2).normal(0, 0.004, time.size)
    signal[70_007] += 0.5
    trace = Trace(time_s=time, absorbance=signal)
    return replace(fit, trace=trace, fitted=fit.curve(time), residuals=signal - fit.curve(time))


def test_fits_are_laid_over_each_other(make_fit: Callable[..., StagedFit]) -> None:
    first, second = make_fit(), make_fit(simulated=False)
    for view in ("fit", "ln"):
        figure = first.plot(view=view, beside=[second])
        assert_legends_cover_nothing(figure)
        assert len(figure.axes) == 1
        assert len({line.get_color() for line in figure.axes[0].lines if line.get_linestyle() == "-"}) == 2
    with pytest.raises(UsageError, match="one view"):
        first.plot(view="both", beside=[second])
    with pytest.raises(UsageError, match="falling"):
        first.plot(view="ln", beside=[make_fit(growth=True)])


def test_a_dark_theme_and_other_colours_reach_every_part(make_fit: Callable[..., StagedFit]) -> None:
    dark = make_fit().plot(view="both", theme="dark")
    assert mpl.colors.to_hex(dark.get_facecolor()) == "#1c1c1c"
    assert mpl.colors.to_hex(dark.axes[0].xaxis.label.get_color()) == "#e6e6e6"
    black = make_fit().plot(colours={"fit": "black"})
    curve = next(line for line in black.axes[0].lines if line.get_label() == "fit")
    assert mpl.colors.to_hex(curve.get_color()) == "#000000"
    for off in ({"theme": "grey"}, {"colours": {"fit": "no colour"}}, {"colours": {"curve": "red"}}):
        with pytest.raises(UsageError):
            make_fit().plot(**off)
