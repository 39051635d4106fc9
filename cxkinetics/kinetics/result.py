"""What a staged fit returns: frozen, with units, provenance and every number's interval."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any, cast

import numpy as np

from cxkinetics.arrays import Array, ArrayLike, finite_of, frozen_array
from cxkinetics.document.shown import Shown
from cxkinetics.estimate import Estimate
from cxkinetics.record import DATA, As, Record, Version, freeze
from cxkinetics.remarks import Remark
from cxkinetics.signals.trace import Trace
from cxkinetics.version import __version__

if TYPE_CHECKING:
    from collections.abc import Sequence

    import lmfit
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as MplFigure

    from cxkinetics.document.page import Figure, Page, Section
    from cxkinetics.document.table import Table
    from cxkinetics.document.units import TimeUnit
    from cxkinetics.signals.spectra import SpectralSeries
    from cxkinetics.source import Source


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage(Record):
    """One first-order stage.

    Attributes
    ----------
    start_s, end_s : float
        Window [start, end) in s (the last stage includes its end).
    n_points : int
        Points in the window.
    k_per_s : Estimate
        Observed first-order rate constant, 1/s.
    half_life_s : Estimate
        ln(2)/k, s.
    r_squared_log : float or None
        1 - SS(ln A - ln fit)/SS about the stage mean of ln A; None where it has no meaning.
    """

    start_s: float
    end_s: float
    n_points: int
    k_per_s: Annotated[Estimate, As(name="k")]
    half_life_s: Annotated[Estimate, As(name="half-life")]
    r_squared_log: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class LogLinearStage(Record):
    """One straight line in ln A: window (both ends included), k and R2 (the paper's recipe)."""

    start_s: float
    end_s: float
    k_per_s: Annotated[Estimate, As(name="k")]
    r_squared: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class LogLinear(Record):
    """The paper's recipe on the same data: an independent line in ln A per stage, and one line.

    `single` spans the whole trace; `crossing_s` is where the first two lines cross, in s (another
    number than the breakpoint); `n_excluded` counts points with A <= 0 left out.
    """

    stages: tuple[LogLinearStage, ...]
    single: LogLinearStage | None
    crossing_s: float | None = None
    n_excluded: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Noise(Record):
    """The noise about the fit: sd (signal unit), AR(1) correlation used, and residual diagnostics.

    `ar1` is the correlation between neighbours at the median spacing (0 where white noise was
    asked for); `runs_p` the p-value of the Wald-Wolfowitz runs test on the whitened residuals.
    `sd` is the geometric mean over the readings, from `sd_least` to `sd_most`; the weights say how likely
    noise grows with absorbance, changes within the run, or has heavy tails (None where it was not asked).
    """

    sd: float | None
    ar1: float | None
    lag1_autocorrelation: float | None
    durbin_watson: float | None
    runs_p: float | None = None
    model: str = "ar1"
    sd_least: float | None = None
    sd_most: float | None = None
    photometric_weight: float | None = None
    by_place_weight: float | None = None
    heavy_tails_weight: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Rival(Record):
    """One model in the ranking: parameters, information criteria and when not to trust it."""

    model: str
    n_parameters: int
    rss: float | None
    aicc: float | None
    bic: float | None
    delta_aicc: float | None
    akaike_weight: float | None
    note: str = ""
    parameters: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Alternative(Record):
    """Two readings of a trace that cannot be told apart, each with its model and numbers.

    `reading` is the better one, `delta_aicc` what the other one is behind; `decided_by` is the measurement
    that would tell. Numbers are in s and the trace's unit.
    """

    reading: str
    model: str
    numbers: Mapping[str, float]
    other_reading: str
    other_model: str
    other_numbers: Mapping[str, float]
    delta_aicc: float | None
    decided_by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Influence(Record):
    """What the verdict becomes when readings are left out that it hangs on, or when excluded ones are kept.

    `left_out` says which in words, with their times.
    """

    left_out: str
    verdict: str
    p_value: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict(Record):
    """The judgement: code, simulated p-value of "a break", and a plain answer with the numbers behind it.

    `delta_aicc` is AICc of the best smooth rival minus AICc of the best staged model. `wander_p_value` is
    the same p where the noise may hold slow wander beside white noise; None where the first one exceeds
    5 %, or one kind of noise was asked for. `seed_free_p_value` is the first one by the tube formula, which
    has no least value. `alternatives` are readings that the trace leaves open.
    """

    code: str
    p_value: float | None
    text: str
    delta_aicc: float | None = None
    wander_p_value: float | None = None
    seed_free_p_value: float | None = None
    alternatives: tuple[Alternative, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Preferred(Record):
    """A model with every parameter as a number with its interval, and what it was fitted to.

    Parameters are those of the ranking, in s and the trace's unit: "amplitude" (C1 and C2 where there are
    two), rate constants, "offset", and what the model has besides.
    """

    model: str
    parameters: Mapping[str, Estimate]
    fitted_to: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Bootstrap(Record):
    """What the replicates say: kind, how many converged of how many, and the quantities."""

    kind: str
    n_replicates: int
    n_converged: int
    quantities: Mapping[str, Estimate]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class StagedFit(Record, Shown):
    """A staged first-order fit of one trace.

    Attributes
    ----------
    trace : Trace
        The points that were fitted (after window, t0 and excluded outliers).
    options : mapping
        Every option that shaped the result, the seed included.
    stages : tuple of Stage
        The fit that the verdict chose, or the number of stages demanded.
    breakpoints_s : tuple of Estimate
        Breakpoints in s; one fewer than stages.
    amplitude, offset : Estimate
        A0 - Ainf at t = 0 and Ainf, in the trace's unit.
    rate_ratio : Estimate or None
        k1/k2 of the first two stages.
    fitted, residuals : Array, shape (n,)
        The fitted curve at the trace's times and trace minus curve.
    parameter_names, covariance
        Covariance of the smooth parameters at the optimum, shape (p, p).
    n_points, dof, redchi, rss, aicc, bic : numbers
        Of the fit shown.
    loglinear, noise, rivals, verdict, warnings
        See their classes.
    influence : tuple of Influence
        Other verdicts, where this one hangs on few readings: those of a first or last stage of four at most,
        and first readings that were excluded.
    excluded : tuple of (float, float)
        Points left out as outliers: (time in s, signal).
    flags : tuple of str
        Parameters at a bound, breakpoints at the edge of the search.
    stage_amplitudes : tuple of float
        With free joints, the amplitude of each stage's curve carried back to t = 0.
    anchor_s : float
        Time at which the amplitude counts, s (0 unless the data lie far from t = 0).
    start_up_s : Estimate or None
        Time constant of mixing or of the instrument, s; breakpoints count on the clock that it slows,
        the reaction's own. None where none was fitted.
    switch_width_s : Estimate or None
        Time in which the rate goes from 10 to 90 % of its change, s; 0 is abrupt. It tells of the
        ensemble's rate law, not of one cluster. None of one stage, and of breaks that were given.
    drift_per_s : Estimate or None
        Slope of a drifting baseline, in the trace's unit per s, from the first reading on; None where none
        was fitted.
    preferred : Preferred or None
        The model that the verdict prefers, smooth or staged, whatever is shown; None where the data are
        too few for any.
    model : Preferred or None
        The smooth model that was asked for by its name: then there are no stages, and the curve, residuals
        and criteria are those of this model.
    bootstrap : Bootstrap or None
        Percentile intervals beside the others, where they were asked for.
    seed : int
        Seed of every random number behind the result.

    Examples
    --------
    >>> import cxkinetics as cx
    >>> time = np.arange(0.0, 100.0, 5)
    >>> absorbance = 0.9 * np.exp(-0.056 * np.minimum(time, 20) - 0.019 * np.maximum(time - 20, 0))
    >>> absorbance += np.random.default_rng(1).normal(0, 0.001, time.size)
    >>> fit = cx.fit_stages(cx.Trace(time_s=time, absorbance=absorbance), offset="zero", noise="white")
    >>> fit.verdict.code, [round(stage.k_per_s.value, 3) for stage in fit.stages]
    ('two_stages', [0.056, 0.019])
    >>> round(fit.breakpoints_s[0].value), round(fit.rate_ratio.value, 1)
    (20, 3.0)
    """

    SCHEMA = "cxkinetics.fit/1"
    _keys = """file=trace.source.file sha256=trace.source.sha256 trace=_which
        wavelength_nm=trace.wavelength_nm n_points=trace.n_points t_start_s=_t_start_s t_end_s=_t_end_s
        unit=trace.unit simulated=trace.source.simulated options seed version stages breakpoints_s amplitude
        offset drift_per_s start_up_s switch_width_s rate_ratio preferred model rss dof redchi aicc bic
        loglinear noise rivals verdict influence warnings excluded flags stage_amplitudes anchor_s
        bootstrap"""

    trace: Annotated[Trace, DATA]
    options: Mapping[str, Any]
    stages: tuple[Stage, ...]
    breakpoints_s: Annotated[tuple[Estimate, ...], As(name="breakpoint")]
    amplitude: Annotated[Estimate, As(name="amplitude")]
    offset: Annotated[Estimate, As(name="offset")]
    rate_ratio: Annotated[Estimate | None, As(name="k1/k2")]
    fitted: Annotated[Array, DATA]
    residuals: Annotated[Array, DATA]
    parameter_names: Annotated[tuple[str, ...], DATA]
    covariance: Annotated[Array, DATA]
    rss: float
    dof: int
    redchi: float
    aicc: float | None
    bic: float | None
    loglinear: LogLinear
    noise: Noise
    rivals: tuple[Rival, ...]
    verdict: Verdict
    influence: tuple[Influence, ...] = ()
    warnings: tuple[Remark, ...] = ()
    excluded: tuple[tuple[float, float], ...] = ()
    flags: tuple[str, ...] = ()
    stage_amplitudes: tuple[float, ...] = ()
    anchor_s: float = 0.0
    bootstrap: Bootstrap | None = None
    start_up_s: Annotated[Estimate | None, As(name="start-up time")] = None
    switch_width_s: Annotated[Estimate | None, As(name="switch width")] = None
    drift_per_s: Annotated[Estimate | None, As(name="drift")] = None
    preferred: Preferred | None = None
    model: Preferred | None = None
    seed: int = 0
    version: Version = __version__

    def __post_init__(self) -> None:
        freeze(self)
        if not self.covariance.size:  # an empty one loses its second dimension in JSON
            object.__setattr__(self, "covariance", frozen_array(np.empty((0, 0))))

    @property
    def n_points(self) -> int:
        """Number of points fitted."""
        return self.trace.n_points

    @property
    def _which(self) -> str | int:
        return self.trace.label or self.trace.source.trace

    @property
    def _t_start_s(self) -> float:
        return float(self.trace.time_s[0])

    @property
    def _t_end_s(self) -> float:
        return float(self.trace.time_s[-1])

    def curve(self, time_s: ArrayLike) -> Array:
        """Return the fitted signal at any finite times (s), in the trace's unit."""
        from cxkinetics.models.decays import free_joint_decay
        from cxkinetics.models.families import StartingFamily, mixed_clock

        clock = finite_of("time_s", time_s)
        rates = np.array([stage.k_per_s.value for stage in self.stages], dtype=float)  # None becomes NaN
        breaks = np.array([b.value for b in self.breakpoints_s], dtype=float) - self.anchor_s
        if self.model is not None and (smooth := self.curve_of(self.model, clock)) is not None:
            return smooth
        time = clock - self.anchor_s
        if self.stage_amplitudes:
            levels = np.array(self.stage_amplitudes)
            return free_joint_decay(time, levels, rates, breaks, self._offset())
        start, width = (0.0 if e is None else e.value or 0.0 for e in (self.start_up_s, self.switch_width_s))
        if "w" not in self.parameter_names:  # the width may be zero, and the curve shown is that of a break
            width = 0.0
        if start:  # the reaction's clock stands still at the addition: t = 0, or the first reading
            begin = 0.0 if self.options.get("t0") is not None else self._t_start_s - self.anchor_s
            own = begin + mixed_clock(time - begin, np.array(start))[0]
            time = np.where(time > begin, own, time)
        family = StartingFamily(rates.size, True, gradual=True, own_clock=True)
        amplitude = np.nan if self.amplitude.value is None else self.amplitude.value
        earliest = min(0.0, float(np.min(time, initial=0.0)))  # the family's clock begins at zero
        with np.errstate(over="ignore"):  # far before the trace the curve is beyond every number
            amplitude *= np.exp(-rates[0] * earliest)
        theta = np.array([[amplitude, *rates, *(breaks - earliest), 0.0, width, self._offset()]])
        curve: Array = family.evaluate(np.ravel(time) - earliest, theta)[0][0].reshape(time.shape)
        drift = 0.0 if self.drift_per_s is None else self.drift_per_s.value or 0.0
        return curve + drift * (clock - self._t_start_s)

    def curve_of(self, model: Preferred, time_s: Array) -> Array | None:
        """Return the signal of a smooth model with its numbers at any times (s); None for stages."""
        from cxkinetics.kinetics.scales import given_level, smooth_signal

        names = {"amplitude": "C", "offset": "o"}
        values = {names.get(n, n): e.value for n, e in model.parameters.items() if e.value is not None}
        curve = smooth_signal(model.model, values, time_s, (self._t_start_s, self._t_end_s))
        base = given_level(self.options)
        if isinstance(self.options.get("offset"), list):  # joined with the readings
            base = values.get("o", base)
        return None if curve is None else curve + base

    def _offset(self) -> float:
        return 0.0 if self.offset.value is None else self.offset.value

    def brief(self, unit: "TimeUnit") -> "Section":
        """Return what `print` and a notebook show."""
        from cxkinetics.kinetics.page import brief

        return brief(self, unit)

    def page(self, unit: "TimeUnit", **options: Any) -> "Page":
        """Return the whole report; options as of `cxkinetics.kinetics.page.page`."""
        from cxkinetics.kinetics.page import page

        return page(self, unit, **options)

    def plot(  # type: ignore[override]  # names its options, where others hand on whatever they are given
        self,
        *,
        view: str = "fit",
        beside: "Sequence[StagedFit]" = (),
        time_unit: str = "s",
        width: str | float | None = None,
        theme: str = "light",
        colours: "Mapping[str, str] | None" = None,
        ax: "Axes | None" = None,
        figure: "MplFigure | None" = None,
    ) -> "MplFigure":
        """Draw this fit and return the matplotlib Figure.

        Parameters
        ----------
        view : {"fit", "ln", "both"}
            The signal with residuals, ln A, or the two side by side.
        beside : sequence of StagedFit
            Further fits to lay over this one, each in a colour of its own, without residuals.
        time_unit : str
            "s", "ms", "min" or "h".
        width : "single", "double" or float, optional
            A journal's column (85 or 178 mm), or inches.
        theme : {"light", "dark"}
            Dark letters on white, or light ones on a dark ground.
        colours : mapping, optional
            Other colours, by the names of `cxkinetics.document.figure.COLOURS`: ``{"fit": "black"}``.
        ax : Axes, optional
            Draw one view without its residuals into these axes.
        figure : Figure, optional
            An empty figure to fill; a new one by default.

        Raises
        ------
        UsageError
            If an option is off, or fits laid over each other have signals in different units.
        """
        drawn = super(StagedFit, self).plot(
            theme=theme, colours=colours, view=view, beside=beside, time_unit=time_unit, width=width, ax=ax,
            figure=figure,
        )  # fmt: skip
        return cast("MplFigure", drawn)

    def figures(self, unit: "TimeUnit", *, series: "SpectralSeries | None" = None) -> "Sequence[Figure]":
        """Return the figures; `series` are the spectra that the trace was taken from."""
        from cxkinetics.kinetics.figures import figures

        return figures(self, unit, series=series)

    def data(self) -> "Sequence[Table]":
        """Return the sheets of the workbook."""
        from cxkinetics.kinetics.page import data

        return data(self)

    def sources(self) -> "Sequence[Source]":
        """Return where the data came from."""
        return (self.trace.source,)

    def table(self) -> "pd.DataFrame":
        """Return one row per fitted number: value, se, low, high, unit, method, reason."""
        from cxkinetics.document.sheets import quantity_table
        from cxkinetics.kinetics.page import quantity_estimates

        half_lives = {
            f"k{i}": (f"half-life {i}", stage.half_life_s) for i, stage in enumerate(self.stages, 1)
        }
        rows = []
        for name, estimate in sorted(quantity_estimates(self), key=lambda pair: pair[0] == "k1/k2"):
            rows += [(name, estimate), *([half_lives[name]] if name in half_lives else [])]
        return quantity_table(rows).frame().set_index("quantity")

    def lmfit_parameters(self) -> "lmfit.Parameters":
        """Return the fitted parameters as `lmfit.Parameters` with standard errors where known."""
        import lmfit

        parameters = lmfit.Parameters()
        named = [("amplitude", self.amplitude), ("offset", self.offset)]
        named += [(f"k{number}", stage.k_per_s) for number, stage in enumerate(self.stages, 1)]
        named += [(f"breakpoint{number}", b) for number, b in enumerate(self.breakpoints_s, 1)]
        if self.model is not None:
            named = list(self.model.parameters.items())
        for name, estimate in named:
            parameters.add(name, value=estimate.value, vary=estimate.method != "fixed")
            parameters[name].stderr = estimate.se
        return parameters

    def __repr__(self) -> str:
        rates = ", ".join(f"k{i} = {stage.k_per_s}" for i, stage in enumerate(self.stages, 1))
        if self.model is not None:
            rates = self.model.model
        return f"StagedFit({self.verdict.code}: {rates}; {self.n_points} points)"
