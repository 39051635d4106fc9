"""Every public result, made by real fits of packaged or seeded data through public names only.

A case is a function without arguments; what it returns is rendered in every form and compared with the
stored text. Nothing here reaches into a module of the package, so that rooms and files may move.
"""

import functools
import io
import math
import runpy
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import cxkinetics as cx

__all__ = ["CASES", "Case", "example_folder", "run_command"]


@dataclass(frozen=True)
class Case:
    """How a result is made, and the options of its text and figure that are shown besides the default.

    `elsewhere` is the relative tolerance on a machine of another arithmetic, for what hangs on a flat
    valley or on a chain of random steps (infinite: only the words are compared). On the machine that
    stored the texts it is not used. `brief` leaves out forms that other cases of the kind show.
    """

    make: Callable[[], Any]
    texts: Sequence[Mapping[str, Any]] = ()
    plots: Sequence[Mapping[str, Any]] = ()
    elsewhere: float = 1e-6
    brief: bool = False


CASES: dict[str, Case] = {}


def case(
    name: str, *, texts: Sequence[Mapping[str, Any]] = (), plots: Sequence[Mapping[str, Any]] = (),
    elsewhere: float = 1e-6, brief: bool = False,
) -> Callable[[Callable[[], Any]], Callable[[], Any]]:  # fmt: skip
    def enter(function: Callable[[], Any]) -> Callable[[], Any]:
        made = functools.cache(function)
        CASES[name] = Case(made, texts, plots, elsewhere, brief)
        return made

    return enter


def run_command(*words: str) -> tuple[int, str, str]:
    """Return exit code, stdout and stderr of `python -m cxkinetics WORDS`, run in this process."""
    out, err, before = io.StringIO(), io.StringIO(), sys.argv
    sys.argv = ["cxkinetics", *words]
    try:
        with redirect_stdout(out), redirect_stderr(err):
            runpy.run_module("cxkinetics", run_name="__main__", alter_sys=False)
        code: Any = 0
    except SystemExit as stop:
        code = stop.code
    finally:
        sys.argv = before
    return int(code or 0), out.getvalue(), err.getvalue()


@functools.cache
def example_folder() -> Path:
    """Return a folder with the packaged kinetic and evidence examples, written by the command itself."""
    folder = Path(tempfile.mkdtemp(prefix="approval-"))
    code, _, said = run_command("evidence", "--demo", "--json", "--out", str(folder / "evidence"))
    assert code == 0, said
    return folder / "evidence" / "data"


# ---------------------------------------------------------------- kinetics


def decay(
    k: Sequence[float] = (0.056, 0.019), breaks: Sequence[float] = (20.0,), *, n: int = 61,
    end: float = 100.0, sd: float = 0.003, offset: float = 0.0, seed: int = 1, amplitude: float = 0.9,
    label: str = "", start: float = 0.0,
) -> cx.Trace:  # fmt: skip
    """Simulated staged decay."""
    t = np.linspace(0.0, end, n)
    edges = [0.0, *breaks, np.inf]
    spent = sum(
        rate * np.clip(t - low, 0.0, high - low)
        for rate, low, high in zip(k, edges[:-1], edges[1:], strict=True)
    )
    noise = np.random.default_rng(seed).normal(0.0, sd, n)
    return cx.Trace(
        time_s=t + start, absorbance=amplitude * np.exp(-spent) + offset + noise, label=label
    )  # fmt: skip


def packaged_trace(name: str) -> cx.Trace:
    return cx.load_example(name).exciton_peak(near_nm=324)


MINUTES = ({"time_unit": "min", "width": 80},)


@case("staged-silver", texts=MINUTES, plots=({"view": "both", "time_unit": "min"},))
def staged_silver() -> Any:
    return cx.fit_stages(packaged_trace("ag-cds"))


@case("staged-copper", plots=({"view": "both"},), brief=True)
def staged_copper() -> Any:
    return cx.fit_stages(packaged_trace("cu-cds"))


@case("staged-one-stage", texts=MINUTES)
def staged_one() -> Any:
    return cx.fit_stages(decay((0.03,), (), n=41, label="run 7"))


@case("staged-three-stages", texts=MINUTES)
def staged_three() -> Any:
    return cx.fit_stages(decay((0.09, 0.03, 0.008), (15.0, 50.0), n=81), n_stages=3)


@case("staged-smooth")
def staged_smooth() -> Any:
    t = np.linspace(0.0, 200.0, 61)
    noise = np.random.default_rng(3).normal(0.0, 0.002, t.size)
    return cx.fit_stages(
        cx.Trace(time_s=t, absorbance=0.8 * np.exp(-((t / 40.0) ** 0.6)) + noise, wavelength_nm=324.0)
    )


@case("staged-growth")
def staged_growth() -> Any:
    trace = decay(n=41, amplitude=-0.8, offset=0.9, seed=5)
    return cx.fit_stages(trace, direction="growth")


@case("staged-free-joint", brief=True)
def staged_free() -> Any:
    return cx.fit_stages(decay(n=41), joint="free", n_stages=2)


@case("staged-loglinear", brief=True)
def staged_loglinear() -> Any:
    return cx.fit_stages(decay(n=41), recipe="loglinear", n_stages=2, offset=0.0)


@case("staged-breakpoints-given", brief=True)
def staged_given() -> Any:
    return cx.fit_stages(decay((0.09, 0.03, 0.008), (15.0, 50.0), n=61), breakpoints_s=[15.0, 50.0])


@case("staged-bootstrap")
def staged_bootstrap() -> Any:
    return cx.fit_stages(decay(n=31), n_stages=2, bootstrap=50, rng=4)


@case("staged-bootstrap-of-residuals", brief=True)
def staged_bootstrap_residuals() -> Any:
    return cx.fit_stages(decay(n=31), n_stages=2, bootstrap=50, bootstrap_kind="residual", rng=4)


@case("staged-sigma-absolute", brief=True)
def staged_sigma() -> Any:
    trace = decay(n=41)
    sigma = np.where(trace.time_s < 30, 0.003, 0.004)
    weighted = cx.Trace(time_s=trace.time_s, absorbance=trace.absorbance, sigma=sigma, label="weighted")
    return cx.fit_stages(weighted, absolute_sigma=True, confidence=0.9, noise="white")


@case("staged-start-found", brief=True)
def staged_start() -> Any:
    t = np.arange(0.0, 100.0, 1.5)
    y = 0.9 * np.exp(-0.04 * np.clip(t - 12.0, 0.0, None)) + np.random.default_rng(8).normal(0, 0.003, t.size)
    return cx.fit_stages(cx.Trace(time_s=t, absorbance=y), t0="auto")


@case("staged-window-and-clock", brief=True)
def staged_window() -> Any:
    return cx.fit_stages(decay(n=61, start=110.0), t0=110.0, window=(115.0, None), offset="fit", noise="ar1")


@case("staged-few-points")
def staged_few() -> Any:
    return cx.fit_stages(decay((0.03,), (), n=5))


@case("staged-no-decay")
def staged_flat() -> Any:
    return cx.fit_stages(decay((0.0,), (), n=41, seed=2))


def run_folder() -> Path:
    """Three replicates as files, one with a plain mistake."""
    folder = example_folder().parent / "runs"
    if not folder.is_dir():
        folder.mkdir()
        for seed in (1, 2, 3):
            trace = decay(n=41, seed=seed)
            rows = [f"{t:g},{a:.6f}" for t, a in zip(trace.time_s, trace.absorbance, strict=True)]
            text = "\n".join(["Time (s),Absorbance", *rows]) + "\n"
            (folder / f"run-{seed}.csv").write_text(text, encoding="utf-8")
        (folder / "broken.csv").write_text("Time (s),Absorbance\n0,0.9\n1,much\n2,0.7\n", encoding="utf-8")
    return folder


@case("batch")
def batch() -> Any:
    folder = run_folder()
    return cx.fit_many([*(folder / f"run-{i}.csv" for i in (1, 2, 3)), folder / "broken.csv"], rng=0)


@case("replicates")
def replicates() -> Any:
    return batch().replicates()


@case("replicates-none")
def no_replicates() -> Any:
    return cx.fit_many([run_folder() / "run-1.csv"]).replicates()


# ---------------------------------------------------------------- curves


@case("curve")
def curve() -> Any:
    x = np.linspace(0.0, 10.0, 15)
    y = 2.0 * np.exp(-0.4 * x) + 0.3 + np.random.default_rng(6).normal(0, 0.02, x.size)
    return cx.fit_curve(
        lambda x, b1, b2, b3: b1 * np.exp(-b2 * x) + b3, x, y, start={"b1": 1.0, "b2": 1.0, "b3": 0.0}
    )


@case("curve-of-two-variables")
def curve_two() -> Any:
    x = np.stack([np.linspace(1.0, 4.0, 12), np.tile([1.0, 2.0, 3.0], 4)], axis=1)
    y = 1.5 * x[:, 0] + 0.5 * x[:, 1] ** 2 + np.random.default_rng(7).normal(0, 0.05, 12)
    return cx.fit_curve(
        lambda x, a, b: a * x[:, 0] + b * x[:, 1] ** 2,
        x,
        y,
        start={"a": 1.0, "b": 1.0},
        sigma=np.full(12, 0.1),
    )


@case("curve-not-determined")
def curve_poor() -> Any:
    x = np.linspace(0.0, 1.0, 8)
    y = 1.0 + x + np.random.default_rng(9).normal(0, 0.01, x.size)
    return cx.fit_curve(lambda x, a, b, c: a + (b + c) * x, x, y, start={"a": 1.0, "b": 0.3, "c": 0.3})


# ---------------------------------------------------------------- spectra


def band(wavelength: Any, place: Any, width: float = 8.0) -> Any:
    return np.exp(-0.5 * ((wavelength - place) / width) ** 2)


def chain(seed: int = 0, n: int = 36, m: int = 25, label: str = "") -> cx.SpectralSeries:
    """Simulated A -> B -> C: bands at 324 and 332 nm and a broad product."""
    k1, k2 = 0.056, 0.019
    t, w = np.linspace(0.0, 100.0, n), np.linspace(290.0, 370.0, m)
    first = np.exp(-k1 * t)
    middle = k1 / (k2 - k1) * (first - np.exp(-k2 * t))
    shares = np.stack([first, middle, 1 - first - middle], axis=1)
    spectra = np.stack([0.9 * band(w, 324), 0.6 * band(w, 332), 0.15 * band(w, 350, 60)])
    noise = 0.003 * np.random.default_rng(seed).standard_normal((n, m))
    return cx.SpectralSeries(time_s=t, wavelength_nm=w, absorbance=shares @ spectra + noise, label=label)


@case("spectra-chain", texts=MINUTES)
def spectra_chain() -> Any:
    return cx.fit_spectra(chain(), "A -> B; B -> C")


@case("spectra-breakpoint", elsewhere=1e-5)
def spectra_breakpoint() -> Any:
    return cx.fit_spectra(cx.load_example("ag-cds"), "A -> B | A -> B", wavelength_range_nm=(310, 345))


@case("spectra-two-runs-known-species", brief=True)
def spectra_runs() -> Any:
    w = np.linspace(290.0, 370.0, 25)
    return cx.fit_spectra(
        [chain(0, label="run 1"), chain(1, label="run 2")], "A -> B; B -> C",
        known={"A": (w, 0.9 * band(w, 324))}, baseline="constant", noise="white", intervals="wald",
    )  # fmt: skip


@case("spectra-reversible", elsewhere=5e-3)
def spectra_reversible() -> Any:
    return cx.fit_spectra(chain(), "A <-> B", nonnegative=True, intervals="wald")


@case("witnesses-silver", texts=MINUTES, elsewhere=1e-5)
def witnesses() -> Any:
    return cx.fit_witnesses(cx.load_example("ag-cds"), near_nm=324)


@case("witnesses-quenching")
def witnesses_quenching() -> Any:
    t, w = np.arange(0.0, 101.0, 2.0), np.arange(290.0, 361.0, 2.0)
    k1, k2, q = 0.15, 0.02, 0.45
    fast, slow = np.exp(-k1 * t), np.exp(-k2 * t)
    doped = k1 / (k2 - k1) * (fast - slow)
    clean = np.outer(fast, 0.9 * band(w, 324)) + np.outer(doped, 0.9 * q * band(w, 327))
    noise = np.random.default_rng(1).normal(0, 0.003, clean.shape)
    return cx.fit_witnesses(cx.SpectralSeries(time_s=t, wavelength_nm=w, absorbance=clean + noise))


@case("witnesses-populations")
def populations() -> Any:
    return witnesses_quenching().populations


# ---------------------------------------------------------------- composition


def dose_table() -> cx.DoseTable:
    return cx.load_example_dose_table()


@case("incorporation")
def incorporation() -> Any:
    return cx.fit_incorporation(dose_table())


@case("incorporation-preset")
def incorporation_preset() -> Any:
    return cx.fit_incorporation(dose_table(), preset="paper")


@case("incorporation-basis-left-out", brief=True)
def incorporation_basis() -> Any:
    return cx.fit_incorporation(dose_table(), basis="Ag/Cd", interval_doses="leave out", confidence=0.9)


@case("incorporation-few-points", elsewhere=1e-4)
def incorporation_few() -> Any:
    table = cx.DoseTable(dose_percent=[0, 20, 40, 60, 80], incorporation_percent=[0, 2.1, 3.9, 6.2, 7.9])
    return cx.fit_incorporation(table)


@case("prediction")
def prediction() -> Any:
    return cx.predict(dose_percent=50)


@case("prediction-from-table-with-spectrum", elsewhere=math.inf)
def prediction_table() -> Any:
    return cx.predict(dose_percent=100, table=dose_table(), absorbance_ratio=0.4, n_draws=300, rng=2)


@case("prediction-extrapolated", brief=True)
def prediction_beyond() -> Any:
    return cx.predict(dose_percent=230, extrapolate=True, n_draws=300)


@case("prediction-from-update", brief=True)
def prediction_update() -> Any:
    return cx.predict(dose_percent=40, table=update(), n_draws=300)


@case("guest-amount")
def amount() -> Any:
    return prediction().amount(host_umol=20.0, stock_mmol_per_l=10.0)


@case("dose")
def dose() -> Any:
    return cx.dose_for("Ag2Cd32S33", n_draws=1000)


@case("dose-from-table-robust", elsewhere=math.inf)
def dose_table_robust() -> Any:
    return cx.dose_for("AgCd33S33", table=dose_table(), criterion="robust", n_draws=300, rng=3)


@case("species-curves")
def curves() -> Any:
    return cx.species_curves(n_draws=300)


@case("update")
def update() -> Any:
    return cx.update_priors(
        fractions=[
            cx.ClusterFractions(
                fractions=(0.1, 0.8, 0.1), sigma=(0.05, 0.05, 0.05), incorporation_percent=2.4
            )
        ],
        onset=[cx.ProductOnset(seen=True, incorporation_percent=8.0)],
        n_draws=200,
        rng=0,
    )


@case("expected-verdicts")
def verdicts() -> Any:
    return cx.expected_verdicts(28.3, n_draws=500)


@case("binding", elsewhere=1e-2)
def binding() -> Any:
    return cx.fit_binding(dose_table())


def dose_spectra_data(system: str = "ag-cds") -> "cx.DoseSpectra":
    d = np.array([0, 10, 20, 30, 40, 50, 60, 75, 90, 100, 110, 120, 135, 150.0])
    w = np.arange(290.0, 361.0, 2.0)
    shift, ends, onset = (3.0, 38.0, 50.0) if system == "ag-cds" else (7.0, 45.0, 20.0)
    place = 324 + shift * np.clip(d / ends, 0, 1)
    height = 0.9 * np.clip((130 - d) / (130 - onset), 0, 1)
    clean = height[:, None] * band(w, place[:, None])
    noise = np.random.default_rng(0).normal(0, 0.003, clean.shape)
    return cx.DoseSpectra(dose_percent=d, wavelength_nm=w, absorbance=clean + noise, label=system)


@case("dose-spectra-fit")
def dose_spectra_fit() -> Any:
    return cx.fit_dose_spectra(dose_spectra_data(), near_nm=324, rng=0)


@case("dose-spectra-fit-without-curve")
def dose_spectra_copper() -> Any:
    return cx.fit_dose_spectra(dose_spectra_data("cu-cds"), near_nm=324, system="cu-cds")


@functools.cache
def dose_series() -> tuple[Any, ...]:
    rates = ((0.03, 0.012), (0.06, 0.02), (0.11, 0.045))
    return tuple(cx.fit_stages(decay(k, n=31, seed=i), n_stages=2) for i, k in enumerate(rates))


@case("rates-against-dose")
def rates() -> Any:
    return cx.rates_against_dose(dose_series(), [50, 100, 200], rng=0)


@case("rates-against-dose-without-curve")
def rates_copper() -> Any:
    return cx.rates_against_dose(dose_series()[:2], [50, 100], system="cu-cds")


@case("sequential-implications")
def implications() -> Any:
    return cx.sequential_implications(staged_silver())


@case("system-silver")
def system() -> Any:
    return cx.load_system("ag-cds")


@case("system-copper")
def system_copper() -> Any:
    return cx.load_system("cu-cds")


# ---------------------------------------------------------------- evidence


@case("peaks-picked")
def picked() -> Any:
    return cx.pick_peaks(cx.load_spectrum(example_folder() / "ms-4.0.csv", "ms", label="4.0 %"))


@case("masses-of-picked-peaks", brief=True)
def masses() -> Any:
    return cx.assign_peaks(picked())


@case("masses-of-a-list")
def masses_list() -> Any:
    return cx.assign_peaks(cx.load_peak_list(example_folder() / "evidence_ms_peaks.csv"))


@case("mixture")
def mixture() -> Any:
    return cx.fit_mixture(cx.load_spectrum(example_folder() / "ms-4.0.csv", "ms"), rng=0)


@case("photoelectrons")
def xps() -> Any:
    return cx.analyse_xps(cx.load_spectrum(example_folder() / "xps-ag3d-4.0.csv", "xps"))


@case("photoelectrons-two-doublets", elsewhere=1e-4, brief=True)
def xps_two() -> Any:
    spectrum = cx.load_spectrum(example_folder() / "xps-ag3d-8.0.csv", "xps")
    return cx.analyse_xps(spectrum, doublets=1, shape="pseudo-voigt", background="linear")


@case("library")
def library() -> Any:
    return cx.load_library(example_folder() / "xrd-references.csv")


@case("pattern")
def pattern() -> Any:
    return cx.fit_pattern(cx.load_spectrum(example_folder() / "xrd-12.1.csv", "xrd"), library())


@case("consensus")
def consensus() -> Any:
    return cx.join_evidence([example_folder() / "evidence_table1.csv"])


# ---------------------------------------------------------------- signals


@case("trace", plots=({"time_unit": "min"},))
def trace() -> Any:
    return packaged_trace("ag-cds")


@case("series")
def series() -> Any:
    return cx.load_example("cu-cds")


@case("dose-table")
def table() -> Any:
    return dose_table()


@case("dose-spectra")
def dose_spectra() -> Any:
    return dose_spectra_data()


# ---------------------------------------------------------------- dose and time


@case("mechanism", elsewhere=np.inf)
def mechanism() -> Any:
    return cx.fit_mechanism(rivals=["two-silver"], n_starts=3, n_draws=12)


@case("prediction-in-time", texts=MINUTES, elsewhere=1e-4)
def prediction_in_time() -> Any:
    return cx.predict_in_time(50, 30)


@case("dose-in-time", texts=MINUTES, elsewhere=1e-4)
def dose_in_time() -> Any:
    return cx.dose_in_time("Ag2Cd32S33")


# ---------------------------------------------------------------- planning


@case("plan-sampling", texts=({"time_unit": "min", "width": 80},), elsewhere=np.inf)
def plan_sampling() -> Any:
    return cx.plan_sampling(
        rates_per_s=(0.056, 0.019), breakpoints_s=20, points=24, simulations=3, even_to_s=100
    )  # fmt: skip


@case("plan-dose", elsewhere=np.inf)
def plan_dose() -> Any:
    return cx.plan_dose("Ag2Cd32S33", count=2, n_draws=600)


@case("spectrum")
def spectrum() -> Any:
    return cx.load_spectrum(example_folder() / "xps-ag3d-12.1.csv", "xps", label="12.1 %")


@case("peak-list")
def peak_list() -> Any:
    return cx.load_peak_list(example_folder() / "evidence_ms_peaks.csv")


@case("number")
def number() -> Any:
    return staged_silver().breakpoints_s[0]


@case("number-unknown")
def number_unknown() -> Any:
    return incorporation_few().plateau_percent


@case("remark")
def remark() -> Any:
    return incorporation().warnings[0] if incorporation().warnings else cx.Remark("none", "no remark")


@case("cluster-fractions")
def fractions() -> Any:
    return cx.ClusterFractions(fractions=(0.2, 0.8), sigma=(0.1, 0.1), dose_percent=30)


@case("product-onset")
def onset() -> Any:
    return cx.ProductOnset(seen=False, dose_percent=30)


@case("removable-share")
def removable() -> Any:
    return cx.removable_share(40.4, 28.3)
