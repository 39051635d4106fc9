"""Hostile calls of every public function and constructor, and hostile values of every option."""

import argparse
import contextlib
import datetime
import inspect
import io
import os
import shlex
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

import cxkinetics as cx
from cxkinetics.cli.main import VERBS, build_parser, main
from tests.studies.hostile import Try, looked_at, strict
from tests.studies.hostile_files import DOSES, PEAKS

T = np.linspace(0.0, 60.0, 25)
W = np.linspace(310.0, 338.0, 15)


def _noise(*shape: int, sd: float = 0.003) -> np.ndarray:
    return np.random.default_rng(len(shape)).normal(0, sd, shape)


def _spectra(rates: np.ndarray) -> np.ndarray:
    left = rates
    bands = np.exp(-(((W - 322) / 6) ** 2)), np.exp(-(((W - 330) / 8) ** 2))
    return np.outer(left, bands[0]) + np.outer(1 - left, bands[1]) + _noise(left.size, W.size)


def _gauss(low: float, high: float, at: float, width: float, n: int = 120) -> tuple[np.ndarray, np.ndarray]:
    x = np.linspace(low, high, n)
    return x, np.round(200 + 900 * np.exp(-(((x - at) / width) ** 2)) + 50 * np.abs(_noise(n, sd=1.0)))


@cache
def materials() -> Mapping[str, Any]:
    """Return an object of every kind that the calls take, and the result of every cheap fit."""
    from cxkinetics.evidence.examples import reference_library

    trace = cx.Trace(time_s=T, absorbance=0.9 * np.exp(-0.05 * T) + _noise(T.size), label="run")
    series = cx.SpectralSeries(time_s=T, wavelength_nm=W, absorbance=_spectra(np.exp(-0.05 * T)))
    doses = np.array([0, 36, 56, 75, 95, 105, 110, 120, 135, 175.0])
    taken = np.where(doses < 98, 0.107 * doses, np.minimum(10.5 + 0.81 * (doses - 98), 40.2))
    table = cx.DoseTable(dose_percent=doses, incorporation_percent=taken, sigma_percent=0.3 + 0 * doses)
    fit = cx.fit_stages(trace, n_stages=1, noise="white")
    lines = {
        "ms": cx.Spectrum(kind="ms", axis=(ms := _gauss(4820, 4900, 4868, 4))[0], counts=ms[1]),
        "xps": cx.Spectrum(kind="xps", axis=(xps := _gauss(362, 380, 368.2, 0.8))[0], counts=xps[1]),
        "xrd": cx.Spectrum(kind="xrd", axis=(xrd := _gauss(15, 60, 27, 3))[0], counts=xrd[1]),
    }
    curve = cx.fit_curve(lambda x, a, k: a * np.exp(-k * x), T, trace.absorbance, {"a": 1.0, "k": 0.1})
    doped = cx.DoseSpectra(dose_percent=doses, wavelength_nm=W, absorbance=_spectra(1 - taken / 100))
    return {
        "trace": trace,
        "series": series,
        "table": table,
        "fit": fit,
        **lines,
        "peaks": cx.PeakList(
            mz=(4872.5, 4868.2, 4863.7), intensity=(100, 50, 30), stated=("Cd34S33", "", "")
        ),
        "library": reference_library("ag-cds"),
        "curve": curve,
        "doped": doped,
        "incorporation": cx.fit_incorporation(table),
        "spectra": cx.fit_spectra(series, "A -> B", intervals="wald", noise="white"),
        "prediction": cx.predict(dose_percent=50.0, n_draws=200),
        "advice": cx.dose_for("Ag2Cd32S33", n_draws=200),
        "curves": cx.species_curves(n_draws=200),
    }


def calls() -> dict[str, tuple[Callable[..., Any], dict[str, Any]]]:
    """Return every public function, constructor and method that takes data, with arguments that it takes."""
    m = materials()
    t, y = m["trace"].time_s.copy(), m["trace"].absorbance.copy()
    matrix = m["series"].absorbance.copy()
    doses, taken = m["table"].dose_percent.copy(), m["table"].incorporation_percent.copy()
    small: dict[str, Any] = {"n_draws": 200, "rng": 1}
    found: dict[str, tuple[Callable[..., Any], dict[str, Any]]] = {
        "Trace": (cx.Trace, {"time_s": t, "absorbance": y, "sigma": 0.01 + 0 * t, "wavelength_nm": 324.0}),
        "SpectralSeries": (cx.SpectralSeries, {"time_s": t, "wavelength_nm": W, "absorbance": matrix}),
        "Spectrum": (cx.Spectrum, {"kind": "xrd", "axis": m["xrd"].axis, "counts": m["xrd"].counts}),
        "PeakList": (cx.PeakList, {"mz": (4872.5, 4868.2), "stated": ("", ""), "intensity": (1.0, 2.0)}),
        "DoseTable": (
            cx.DoseTable,
            {
                **{"dose_percent": doses, "incorporation_percent": taken, "sigma_percent": 0.3 + 0 * taken},
                **{"dose_sd_percent": 1 + 0 * doses, "common_dose_error": 0.01, "icp_error": (0.1, 0.01)},
                **{"basis": "Ag/(Ag+Cd)", "guest": "Ag", "dose_low_percent": None, "dose_high_percent": None},
            },
        ),
        "DoseSpectra": (
            cx.DoseSpectra,
            {"dose_percent": doses, "wavelength_nm": W, "absorbance": m["doped"].absorbance},
        ),
        "ClusterFractions": (
            cx.ClusterFractions,
            {
                "fractions": (0.2, 0.5, 0.3),
                "sigma": (0.05,) * 3,
                "incorporation_percent": 4.0,
                "response_sd": 0.7,
            },
        ),
        "GuestShare": (cx.GuestShare, {"share": 0.4, "sigma": 0.1, "incorporation_percent": 6.0}),
        "ProductOnset": (
            cx.ProductOnset,
            {"seen": True, "incorporation_percent": 8.0, "detection_limit": 0.05},
        ),
        "TopCluster": (cx.TopCluster, {"guests": 2, "incorporation_percent": 4.0, "dose_percent": None}),
        "WashPair": (cx.WashPair, {"clean_percent": 30.0, "sigma": 0.5, "incorporation_percent": 12.0}),
        "Estimate": (
            cx.Estimate,
            {"name": "k", "value": 0.05, "se": 0.001, "low": 0.04, "high": 0.06, "unit": "1/s"},
        ),
        "Remark": (cx.Remark, {"code": "x", "text": "y", "count": 1, "rows": (1,), "times_s": (1.0,)}),
        "fit_stages": (
            cx.fit_stages,
            {
                **{
                    "trace": m["trace"],
                    "n_stages": 1,
                    "noise": "white",
                    "confidence": 0.95,
                    "offset": "auto",
                },
                **{
                    "t0": 0.0,
                    "window": (0.0, 60.0),
                    "start_up": "none",
                    "direction": "decay",
                    "model": "auto",
                },
                **{"breakpoints_s": None, "joint": "continuous", "recipe": "likelihood", "bootstrap": 0},
                **{"drift": "none", "dilution": None, "rng": 1, "absolute_sigma": False},
            },
        ),
        "fit_stages two": (
            cx.fit_stages,
            {
                "trace": m["trace"],
                "n_stages": 2,
                "recipe": "loglinear",
                "breakpoints_s": [20.0],
                "joint": "free",
            },
        ),
        "fit_decay": (cx.fit_decay, {"trace": m["trace"], "model": "exponential", "confidence": 0.9}),
        "fit_many": (cx.fit_many, {"files": [], "jobs": 1, "out": None, "n_stages": 1}),
        "fit_curve": (
            cx.fit_curve,
            {
                **{
                    "function": lambda x, a, k: a * np.exp(-k * x),
                    "x": t,
                    "y": y,
                    "start": {"a": 1.0, "k": 0.1},
                },
                **{
                    "sigma": 0.01 + 0 * t,
                    "lower": {"k": 0.0},
                    "upper": {"k": 10.0},
                    "confidence": 0.95,
                    "rng": 1,
                },
            },
        ),
        "fit_spectra": (
            cx.fit_spectra,
            {
                **{"data": m["series"], "scheme": "A -> B", "intervals": "wald", "noise": "white", "rng": 1},
                **{
                    "initial": {"A": 1.0},
                    "start": {"k1": 0.05},
                    "known": None,
                    "colourless": (),
                    "weights": "auto",
                },
                **{
                    "window": (0.0, 60.0),
                    "wavelength_range_nm": (310.0, 338.0),
                    "t0": 0.0,
                    "start_up": "none",
                },
                **{"highest_absorbance": 3.0, "baseline": "none", "baseline_power": 4.0, "confidence": 0.95},
                **{"baseline_region_nm": None, "nonnegative": False},
            },
        ),
        "fit_witnesses": (
            cx.fit_witnesses,
            {"data": m["series"], "near_nm": 324.0, "window": (0.0, 60.0), "t0": 0.0, "confidence": 0.95},
        ),
        "fit_together": (
            cx.fit_together,
            {
                **{
                    "traces": [m["trace"], m["trace"]],
                    "share": ("k",),
                    "n_stages": 1,
                    "noise": "white",
                    "by": None,
                },
                **{
                    "at": [1.0, 2.0],
                    "at_error": 0.0,
                    "replicates": 0,
                    "rng": 1,
                    "confidence": 0.95,
                    "offset": "auto",
                },
                **{"window": None, "t0": None, "direction": "decay"},
            },
        ),
        "fit_incorporation": (
            cx.fit_incorporation,
            {
                "table": m["table"],
                "preset": None,
                "basis": None,
                "system": "ag-cds",
                "hosts_per_anion": None,
                "interval_doses": "censored",
                "confidence": 0.95,
            },
        ),
        "fit_binding": (
            cx.fit_binding,
            {"table": m["table"], "system": "ag-cds", "sigma_percent": 0.3, "fixed": None},
        ),
        "fit_titration": (
            cx.fit_titration,
            {
                "added": np.arange(8.0),
                "converted": np.linspace(0, 0.9, 8),
                "sigma": 0.02 + np.zeros(8),
                "no_dark_state": True,
                "confidence": 0.95,
                "system": "cu-cdse",
            },
        ),
        "fit_dose_spectra": (
            cx.fit_dose_spectra,
            {"spectra": m["doped"], "near_nm": 322.0, "confidence": 0.95, "rng": 1, "system": "ag-cds"},
        ),
        "predict": (
            cx.predict,
            {
                "dose_percent": 50.0,
                "absorbance_ratio": 0.5,
                "confidence": 0.95,
                "system": "ag-cds",
                "basis": None,
                "extrapolate": False,
                "mechanism": "all",
                "table": None,
                **small,
            },
        ),
        "predict table": (cx.predict, {"dose_percent": 50.0, "table": m["table"], **small}),
        "dose_for": (
            cx.dose_for,
            {
                "target": "Ag2Cd32S33",
                "min_purity": None,
                "max_byproduct": 0.05,
                "criterion": "mean",
                "confidence": 0.95,
                "system": "ag-cds",
                "table": None,
                "mechanism": "all",
                "extrapolate": False,
                "basis": None,
                **small,
            },
        ),
        "species_curves": (
            cx.species_curves,
            {"highest_dose_percent": 150.0, "confidence": 0.95, "mechanism": "all", "table": None, **small},
        ),
        "update_priors": (
            cx.update_priors,
            {
                "table": m["table"],
                "measured": [cx.ProductOnset(seen=True, incorporation_percent=20.0)],
                "mechanism": "two-site",
                "confidence": 0.95,
                "published_curve": True,
                **small,
            },
        ),
        "expected_verdicts": (
            cx.expected_verdicts,
            {"incorporation_percent": 4.0, "system": "ag-cds", "table": None, **small},
        ),
        "removable_share": (
            cx.removable_share,
            {"first_percent": 40.0, "last_percent": 30.0, "basis": "Ag/(Ag+Cd)"},
        ),
        "rates_against_dose": (
            cx.rates_against_dose,
            {"fits": [m["fit"]] * 3, "doses_percent": [10.0, 50.0, 100.0], "confidence": 0.95, "rng": 1},
        ),
        "sequential_implications": (
            cx.sequential_implications,
            {"fit": m["fit"], "doped_peak_nm": 330.0, "at_s": 20.0},
        ),
        "load_system": (cx.load_system, {"system": "ag-cds"}),
        "load_example": (cx.load_example, {"name": "ag-cds"}),
        "load_example_dose_table": (cx.load_example_dose_table, {"name": "ag-cds"}),
        "assign_peaks": (
            cx.assign_peaks,
            {"peaks": m["peaks"], "tolerance_da": 2.0, "with_guest": True, "system": "ag-cds"},
        ),
        "pick_peaks": (
            cx.pick_peaks,
            {"spectrum": m["ms"], "width_da": 15.0, "significance": 8.0, "most": 60},
        ),
        "fit_mixture": (
            cx.fit_mixture,
            {
                **{
                    "spectrum": m["ms"],
                    "host": "Cd34S33",
                    "guest": "Ag",
                    "replaced": "Cd",
                    "most_guests": 2,
                    "rng": 1,
                },
                **{
                    "resolving_power": 2000.0,
                    "resolving_power_rel_sd": 0.2,
                    "sigma_cal_da": 1.0,
                    "others": (),
                    "confidence": 0.95,
                    "compensation": "average",
                },
            },
        ),
        "fit_pattern": (
            cx.fit_pattern,
            {
                "spectrum": m["xrd"],
                "library": m["library"],
                "phases": None,
                "max_shift_deg": 0.2,
                "max_broadening_deg": 0.2,
                "background_degree": 2,
                "absent_below": 0.05,
                "floor": 0.01,
                "confidence": 0.95,
            },
        ),
        "analyse_xps": (
            cx.analyse_xps,
            {
                "spectrum": m["xps"],
                "line": "Ag 3d",
                "doublets": 1,
                "shape": "voigt",
                "background": "linear",
                "energy_offset_ev": 0.0,
                "energy_sd_ev": 0.2,
                "lineshape_floor": 0.05,
                "absent_below": 0.1,
                "confidence": 0.95,
            },
        ),
        "trace.select": (m["trace"].select, {"keep": t < 30}),
        "series.at_wavelength": (m["series"].at_wavelength, {"wavelength_nm": 324.0}),
        "series.exciton_peak": (m["series"].exciton_peak, {"near_nm": 324.0}),
        "fit.curve": (m["fit"].curve, {"time_s": t}),
        "incorporation.incorporation_at": (m["incorporation"].incorporation_at, {"dose_percent": 50.0}),
        "incorporation.dose_at": (m["incorporation"].dose_at, {"incorporation_percent": 5.0}),
        "incorporation.band_at": (m["incorporation"].band_at, {"dose_percent": np.array([10.0, 50.0])}),
        "advice.amount": (m["advice"].amount, {"host_umol": 20.0}),
    }
    found["join_evidence"] = (
        cx.join_evidence,
        {"paths": [], "host": None, "sulfide": None, "system": "ag-cds"},
    )
    for name, (function, given) in found.items():
        known = inspect.signature(function).parameters
        open_end = any(p.kind is p.VAR_KEYWORD for p in known.values())
        unknown = [] if open_end else [key for key in given if key not in known]
        assert not unknown, f"{name} has no argument {unknown}"
    return found


def _arrays(old: np.ndarray, rng: np.random.Generator) -> Any:
    """Return a hostile form of numbers that a call takes."""
    flat = np.array(old, dtype=float)
    at = tuple(int(rng.integers(0, n)) for n in flat.shape)
    spiked = flat.copy()
    if flat.size:
        spiked[at] = rng.choice([np.nan, np.inf, -np.inf, 1e308, -1e308, 5e-324, 0.0, -1.0, 1e30])
    mixed: list[Any] = flat.ravel().tolist()
    if mixed:
        mixed[int(rng.integers(0, len(mixed)))] = [None, "x", {}, [1], 1j, "0.5", pd.NaT, Decimal("0.1")][
            rng.integers(8)
        ]
    with np.errstate(all="ignore"):
        forms: list[Callable[[], Any]] = [
            lambda: spiked,
            lambda: spiked,
            lambda: flat * 10.0 ** rng.uniform(-320, 308),
            lambda: flat + 10.0 ** rng.uniform(0, 308),
            lambda: flat * 0,
            lambda: -flat,
            lambda: flat * 1j,
            lambda: flat.astype(str),
            lambda: flat.astype(object),
            lambda: mixed,
            lambda: np.array(mixed, dtype=object),
            lambda: flat[:0],
            lambda: flat[:1],
            lambda: flat[:2],
            lambda: flat[: max(len(flat) - 1, 0)],
            lambda: flat[None],
            lambda: flat[..., None],
            lambda: flat[::-1],
            lambda: rng.permutation(flat),
            lambda: np.repeat(flat, 2, axis=0),
            lambda: flat.astype(bool),
            lambda: flat.astype(np.float16),
            lambda: flat.astype(np.longdouble),
            lambda: np.ma.masked_array(flat, rng.random(flat.shape) < 0.3),
            lambda: np.ma.masked_all(flat.shape),
            lambda: np.full(flat.shape, np.datetime64("NaT")),
            lambda: np.zeros(flat.shape, "timedelta64[ms]"),
            lambda: np.full(flat.shape, 5, "timedelta64[Y]"),
            lambda: np.full(flat.shape, "2024-01-01", "datetime64[D]"),
            lambda: pd.Series(flat.ravel(), index=rng.permutation(flat.size)),
            lambda: pd.array(flat.ravel(), dtype="Float64"),
            lambda: pd.DataFrame(np.atleast_2d(flat)),
            lambda: pd.Categorical(flat.ravel()),
            lambda: iter(flat.ravel().tolist()),
            lambda: np.round(flat / (np.ptp(flat) or 1), 1) if flat.size else flat,
        ]
        return forms[rng.integers(len(forms))]()


PLAIN: tuple[Any, ...] = (
    *(
        None,
        True,
        False,
        0,
        1,
        -1,
        2,
        3,
        17,
        0.5,
        -0.5,
        1e-300,
        5e-324,
        1e308,
        -1e308,
        float("nan"),
        float("inf"),
    ),
    *(
        -float("inf"),
        10**9,
        10**400,
        -(10**30),
        1 + 2j,
        Fraction(1, 3),
        Decimal("0.1"),
        np.float64("nan"),
        np.int8(-1),
    ),
    *(
        "",
        " ",
        "x",
        "auto",
        "²",
        "nan",
        "1e999",
        "A -> B -> A",
        "A",
        "->",
        "\x00",
        "a" * 10_000,
        "Ag",
        "Ag0",
        "Xx9",
    ),
    *(
        "Ag" + "9" * 30,
        "ag-cds",
        "cu-cdse",
        "none",
        "all",
        b"x",
        [],
        (),
        {},
        [None],
        ["x"],
        (1, 2),
        [2.0, 1.0],
    ),
    *(
        (None, None),
        (5.0, 5.0),
        (float("nan"), 1.0),
        {"a": 1},
        {"k1": float("nan")},
        {"A": "x"},
        {None: None},
        set(),
    ),
    *(
        [[1.0]],
        [float("inf")],
        object(),
        int,
        len,
        datetime.date(2024, 1, 1),
        datetime.timedelta(1),
        pd.NaT,
        pd.NA,
    ),
    *(
        np.datetime64("NaT", "s"),
        np.timedelta64(5, "s"),
        np.array(5.0),
        np.array([]),
        Path("nowhere"),
        "nowhere.csv",
        10**6,
    ),
    *(np.array([1, 2, 3]), range(3), "🙂", Ellipsis, NotImplemented, slice(None), np.ma.masked),
)


def _hostile(old: Any, rng: np.random.Generator, m: Mapping[str, Any]) -> Any:
    if isinstance(old, np.ndarray) and rng.random() < 0.85:
        return _arrays(old, rng)
    if (
        isinstance(old, (tuple, list))
        and old
        and all(isinstance(v, float) for v in old)
        and rng.random() < 0.6
    ):
        return _arrays(np.array(old), rng)
    if isinstance(old, (int, float)) and not isinstance(old, bool) and rng.random() < 0.3:
        return old * 10.0 ** rng.uniform(-320, 300) if rng.random() < 0.7 else -old
    if rng.random() < 0.05:
        return list(m.values())[rng.integers(len(m))]
    return PLAIN[rng.integers(len(PLAIN))]


def _shown(value: Any) -> str:
    if isinstance(value, np.ndarray):
        return f"array({value.dtype}, {value.shape}, {np.ravel(value)[:3]})"
    try:
        return repr(value)[:80]
    except Exception:
        return type(value).__name__


def hostile_calls(folder: Path, seed: int) -> Iterator[Try]:
    """Yield calls with one to three hostile arguments, going round the functions."""
    os.chdir(folder)
    known = list(calls().items())
    m = materials()
    number = 0
    while True:
        name, (function, given) = known[number % len(known)]
        rng = np.random.default_rng((seed, number))
        number += 1
        keys = list(given)
        count = min(len(keys), int(rng.choice([1, 1, 1, 2, 3])))
        changed = {
            keys[i]: _hostile(given[keys[i]], rng, m) for i in rng.choice(len(keys), count, replace=False)
        }
        shown = ", ".join(f"{key}={_shown(value)}" for key, value in changed.items())

        whole = {**given, **changed}
        yield Try(f"{name}({shown})", lambda function=function, whole=whole: looked_at(function(**whole)))


WORDS = (
    *(
        "²",
        "٣",
        "½",
        "nan",
        "inf",
        "-inf",
        "1e400",
        "-1e400",
        "1e308",
        "5e-324",
        "-1",
        "0",
        "1",
        "2",
        "0.5",
        "--",
        "-",
    ),
    *(
        "",
        " ",
        "x",
        "auto",
        "none",
        "all",
        "all,all",
        "1,2",
        ",",
        ":",
        "::",
        "0:",
        ":0",
        "5:1",
        "nan:inf",
        "1:2:3",
        "a:b",
    ),
    *(
        "0+-0",
        "1+-nan",
        "+-",
        "0+-1e999",
        "1+1",
        "3.00+0.10",
        "1e999+1",
        "\x00",
        "\ud800",
        "🙂",
        "a" * 5000,
        "9" * 5000,
    ),
    *(
        "0.5min",
        "1e400min",
        "1e308d",
        "-5min",
        "min",
        "²min",
        "5us",
        "A -> B",
        "A -> ",
        "A -> A",
        "->",
        "A -> B; B -> A",
    ),
    *(
        "Ag",
        "Xx",
        "Ag2Cd32S33",
        "Ag0",
        "Ag/(Ag+Cd)",
        "Ag/",
        "/",
        "()",
        "20±2%",
        "20±",
        "±",
        "1e400",
        "10±1e400%",
        "0±0",
    ),
    *(
        "nowhere",
        "nowhere.toml",
        ".",
        "/",
        "/dev/null",
        "peaks.csv",
        "run.csv",
        "dose.csv",
        "spectra.csv",
        "own.toml",
    ),
    *(
        "10" * 20,
        "1e9",
        "1_000",
        "0x10",
        "1,5",
        "True",
        "k1=nan",
        "A=nan",
        "A=1",
        "k1=",
        "=",
        "a=b=c",
        "250-400",
        "310:338",
    ),
    *(
        "Ag 3d",
        "Xx 9z",
        "Cd34S33",
        "percent",
        "s",
        "ms",
        "h",
        "1 2 3",
        "'",
        '"',
        "%",
        "%s",
        "{}",
        "{0}",
        "\n",
        "1\n2",
    ),
)


def bench(folder: Path) -> None:
    """Write the small files that the verbs are given."""
    m = materials()
    (folder / "run.csv").write_text(_csv("time (s),A", m["trace"].time_s, m["trace"].absorbance))
    (folder / "spectra.json").write_text(m["series"].to_json())
    (folder / "spectra.csv").write_text(m["series"].to_csv())
    (folder / "dose.csv").write_text(
        _csv("Ag added (%),incorporated (%)", m["table"].dose_percent, m["table"].incorporation_percent)
    )
    (folder / "doses.csv").write_text(DOSES[0])
    (folder / "peaks.csv").write_text(PEAKS)
    for kind, name in (("ms", "m/z"), ("xps", "binding energy (eV)"), ("xrd", "2theta (deg)")):
        (folder / f"{kind}.csv").write_text(_csv(f"{name},counts", m[kind].axis, m[kind].counts))
    (folder / "own.toml").write_text("[fit]\nstages = 1\n")
    (folder / "onset.toml").write_text("[[onset]]\nincorporation_percent = 20.0\nseen = true\n")


def _csv(head: str, *columns: np.ndarray) -> str:
    rows = zip(*columns, strict=True)
    return head + "\n" + "".join(",".join(f"{v:.6g}" for v in row) + "\n" for row in rows)


CHEAP = {
    "fit": ["run.csv", "--stages", "1", "--noise", "white"],
    "together": ["run.csv", "run.csv", "--stages", "1", "--replicates", "0"],
    "spectra": ["spectra.csv", "--scheme", "A -> B"],
    "incorporation": ["dose.csv"],
    "predict": ["--dose", "50", "--draws", "200"],
    "dose": ["Ag2Cd32S33", "--draws", "200"],
    "system": ["ag-cds"],
    "inspect": ["run.csv"],
    "explain": ["AICc"],
    "completion": ["bash"],
    "formats": [],
    "check": [],
    "report": ["nowhere.json"],
    "collect": ["nowhere"],
    "plan": ["sampling"],  # of nothing, which is refused behind the options
    "mechanism": ["surplus"],  # else it would fit
    "app": ["surplus"],  # else it would serve
}
TECHNIQUES = (
    ["ms", "ms.csv"],
    ["ms", "peaks.csv"],
    ["xps", "xps.csv", "--doublets", "1"],
    ["xrd", "xrd.csv"],
)


def _options(verb: str) -> list[tuple[str, bool]]:
    """Return the options of a verb and whether each takes a value."""
    parser = build_parser([verb])
    chosen = next(a for a in parser._actions if isinstance(a, argparse._SubParsersAction)).choices[verb]
    flags = [(a.option_strings[-1], a.nargs != 0) for a in chosen._actions if a.option_strings]
    return [(flag, takes) for flag, takes in flags if flag not in ("--help", "--debug", "--demo")]


def hostile_options(folder: Path, seed: int) -> Iterator[Try]:
    """Yield command lines with one or two hostile options, going round verbs and options."""
    os.chdir(folder)
    bench(folder)
    known = [
        (verb, flag, takes)
        for verb in VERBS
        if verb not in ("demo", "check", "app")
        for flag, takes in [*_options(verb), ("", True)]
    ]
    number = 0
    while True:
        verb, flag, takes = known[number % len(known)]
        rng = np.random.default_rng((seed, number))
        number += 1
        base = (
            list(CHEAP.get(verb, []))
            if verb != "evidence"
            else list(TECHNIQUES[rng.integers(len(TECHNIQUES))])
        )
        word = WORDS[rng.integers(len(WORDS))]
        if not flag:
            base = [*base, word] if rng.random() < 0.5 or not base else [word, *base[1:]]
        elif takes:
            base = [*base, f"{flag}={word}"] if rng.random() < 0.7 else [*base, flag, word]
        else:
            base = [*base, flag]
        if rng.random() < 0.3:
            other, valued = known[rng.integers(len(known))][1:]
            if other and any(other == f for f, _ in _options(verb)):
                base += [f"{other}={WORDS[rng.integers(len(WORDS))]}"] if valued else [other]
        argv = [verb, *base, *(["--json"] if rng.random() < 0.5 else [])]

        def call(argv=argv) -> Any:
            return command(argv)

        yield Try(shlex.join(argv), call)


def command(argv: list[str]) -> int:
    """Run the command in this process; what it prints must be JSON where that was asked for."""
    out, said = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(said):
        code = main(argv)
    if code not in (0, 1, 2):
        raise AssertionError(f"exit {code}")
    if code and not said.getvalue():
        raise AssertionError(f"exit {code} without a word")
    if "Traceback" in said.getvalue():
        raise AssertionError("a traceback on stderr")
    if "--json" in argv and code == 0:
        strict(out.getvalue())
    return code
