"""Digits of `cx.fit_curve` on the NIST StRD sets, from both starts.

The table: python -m pytest tests/curves/test_nist.py -s -k table
"""

import json
from functools import cache
from pathlib import Path

import numpy as np
import pytest

import cxkinetics as cx
from cxkinetics.curves import problem as extended


def exponentials(x, b1, b2, b3, b4, b5, b6):
    return b1 * np.exp(-b2 * x) + b3 * np.exp(-b4 * x) + b5 * np.exp(-b6 * x)


def peaks(x, b1, b2, b3, b4, b5, b6, b7, b8):
    first, second = b3 * np.exp(-((x - b4) ** 2) / b5**2), b6 * np.exp(-((x - b7) ** 2) / b8**2)
    return b1 * np.exp(-b2 * x) + first + second


def cubics(x, b1, b2, b3, b4, b5, b6, b7):
    return (b1 + b2 * x + b3 * x**2 + b4 * x**3) / (1 + b5 * x + b6 * x**2 + b7 * x**3)


def quadratics(x, b1, b2, b3, b4, b5):
    return (b1 + b2 * x + b3 * x**2) / (1 + b4 * x + b5 * x**2)


def seasons(x, b1, b2, b3, b4, b5, b6, b7, b8, b9):
    year, first, second = 2 * np.pi * x / 12, 2 * np.pi * x / b4, 2 * np.pi * x / b7
    total = b1 + b2 * np.cos(year) + b3 * np.sin(year)
    return total + b5 * np.cos(first) + b6 * np.sin(first) + b8 * np.cos(second) + b9 * np.sin(second)


def chwirut(x, b1, b2, b3):
    return np.exp(-b1 * x) / (b2 + b3 * x)


def saturation(x, b1, b2):
    return b1 * (1 - np.exp(-b2 * x))


MODELS = {
    "Bennett5": lambda x, b1, b2, b3: b1 * (b2 + x) ** (-1 / b3),
    "BoxBOD": saturation,
    "Chwirut1": chwirut,
    "Chwirut2": chwirut,
    "DanWood": lambda x, b1, b2: b1 * x**b2,
    "ENSO": seasons,
    "Eckerle4": lambda x, b1, b2, b3: (b1 / b2) * np.exp(-0.5 * ((x - b3) / b2) ** 2),
    "Gauss1": peaks,
    "Gauss2": peaks,
    "Gauss3": peaks,
    "Hahn1": cubics,
    "Kirby2": quadratics,
    "Lanczos1": exponentials,
    "Lanczos2": exponentials,
    "Lanczos3": exponentials,
    "MGH09": lambda x, b1, b2, b3, b4: b1 * (x**2 + x * b2) / (x**2 + x * b3 + b4),
    "MGH10": lambda x, b1, b2, b3: b1 * np.exp(b2 / (x + b3)),
    "MGH17": lambda x, b1, b2, b3, b4, b5: b1 + b2 * np.exp(-x * b4) + b3 * np.exp(-x * b5),
    "Misra1a": saturation,
    "Misra1b": lambda x, b1, b2: b1 * (1 - (1 + b2 * x / 2) ** (-2)),
    "Misra1c": lambda x, b1, b2: b1 * (1 - (1 + 2 * b2 * x) ** (-0.5)),
    "Misra1d": lambda x, b1, b2: b1 * b2 * x * ((1 + b2 * x) ** (-1)),
    "Nelson": lambda x, b1, b2, b3: b1 - b2 * x[:, 0] * np.exp(-b3 * x[:, 1]),  # of ln y
    "Rat42": lambda x, b1, b2, b3: b1 / (1 + np.exp(b2 - b3 * x)),
    "Rat43": lambda x, b1, b2, b3, b4: b1 / ((1 + np.exp(b2 - b3 * x)) ** (1 / b4)),
    "Roszman1": lambda x, b1, b2, b3, b4: b1 - b2 * x - np.arctan(b3 / (x - b4)) / np.pi,
    "Thurber": cubics,
}
RUNS = [(name, number) for name in MODELS for number in (1, 2)]
CERTIFIED = 11
"""Digits that NIST certifies."""


def digits(computed, certified):
    """Digits of the worst number, 0 where one is missing."""
    if any(value is None for value in computed):
        return 0.0
    error = np.abs(np.array(computed) - np.array(certified)) / np.abs(certified)
    with np.errstate(divide="ignore"):
        return float(np.min(np.clip(-np.log10(error), 0, CERTIFIED)))


@pytest.fixture(scope="module")
def certified(shared_data: Path) -> dict:
    return json.loads((shared_data / "reference" / "nist_nls_certified.json").read_text())


@cache
def run(name, number, folder, reals_only=False):
    """Return digits of the parameters and of the standard errors, and the fit."""
    record = json.loads((folder / "reference" / "nist_nls_certified.json").read_text())[name]
    y = np.log(record["y"]) if name == "Nelson" else np.array(record["y"])
    start = {f"b{j}": value for j, value in enumerate(record[f"start{number}"], 1)}
    model = MODELS[name]

    def of_reals(x, **parameters):
        return model(x, **{name: float(value.real) for name, value in parameters.items()})

    fit = cx.fit_curve(of_reals if reals_only else model, record["x"], y, start=start)
    numbers = fit.to_dict()["parameters"].values()
    return (
        digits([number["value"] for number in numbers], record["certified"]),
        digits([number["se"] for number in numbers], record["certified_se"]),
        fit,
    )


def test_the_models_are_those_of_nist(certified):
    for name, model in MODELS.items():
        record = certified[name]
        x, y = np.array(record["x"]), np.array(record["y"])
        y = np.log(y) if name == "Nelson" else y
        parameters = {f"b{j}": value for j, value in enumerate(record["certified"], 1)}
        rss = float(np.sum((model(x, **parameters) - y) ** 2))
        assert rss == pytest.approx(record["rss_at_printed_certified_params"], rel=1e-6), name


@pytest.mark.parametrize(("name", "number"), RUNS)
def test_digits_of_nist_nonlinear_sets(shared_data, name, number):
    parameters, errors, fit = run(name, number, shared_data)
    enough = 9.5 if fit.extended_precision else 6
    assert fit.success
    assert parameters >= enough
    assert min(fit.digits.values()) >= enough
    if name != "Lanczos1":
        assert errors >= enough
    elif fit.extended_precision:
        assert errors >= 6
    else:  # its residuals are rounding errors of double precision: nothing is printed
        assert all(estimate.se is None for estimate in fit.parameters.values())


@pytest.mark.parametrize(("name", "number"), RUNS)
def test_digits_with_central_differences(shared_data, name, number):
    parameters, errors, fit = run(name, number, shared_data, reals_only=True)
    assert fit.derivatives == "central differences"
    assert any("central differences" in flag for flag in fit.flags)
    assert fit.success
    assert parameters >= 6
    if name == "Lanczos1":
        assert all("rounding" in estimate.reason for estimate in fit.parameters.values())
    else:
        assert errors >= 6


def test_digits_in_double_precision_alone(shared_data, monkeypatch):
    """As on a machine without longer floats."""
    monkeypatch.setattr(extended, "LARGEST", 0)
    for name, number in RUNS:
        parameters, errors, fit = run.__wrapped__(name, number, shared_data)
        assert not fit.extended_precision
        assert fit.success, name
        assert parameters >= 6, name
        assert errors >= 6 or name == "Lanczos1", name
        if name == "Lanczos1":
            assert all("rounding" in estimate.reason for estimate in fit.parameters.values())


def test_totals_in_the_table(shared_data):
    rows = {run_of: run(*run_of, shared_data) for run_of in RUNS}
    lines = ["", "set        start  digits of parameters  of standard errors  success"]
    for (name, number), (parameters, errors, fit) in rows.items():
        lines.append(f"{name:10s} {number:5d} {parameters:21.1f} {errors:19.1f}  {fit.success}")
    right = sum(parameters >= 6 for parameters, _, _ in rows.values())
    right_errors = sum(errors >= 6 for _, errors, _ in rows.values())
    lies = sum(fit.success and parameters < 4 for parameters, _, fit in rows.values())
    lines.append(
        f"at least 6 digits: parameters in {right} of 54 runs, standard errors in {right_errors} of 54; "
        f"success claimed with fewer than 4 digits: {lies}"
    )
    print("\n".join(lines))
    assert right == 54
    assert right_errors >= 52
    assert lies == 0


def far_starts(count):
    rng = np.random.default_rng(5)
    names = [
        "BoxBOD",
        "MGH09",
        "MGH10",
        "MGH17",
        "Rat43",
        "Lanczos2",
        "Eckerle4",
        "Thurber",
        "Hahn1",
        "Misra1d",
    ]
    return [(name, rng.standard_normal(9)) for name in names for _ in range(count)]


@pytest.mark.parametrize(("name", "jump"), far_starts(2), ids=lambda v: v if isinstance(v, str) else "")
def test_success_means_a_minimum_whose_digits_hold(certified, name, jump):
    """From starts a factor off: whatever is called a success is stationary, or says nothing."""
    record = certified[name]
    x, y, model = np.array(record["x"]), np.array(record["y"]), MODELS[name]
    values = np.array(record["start2"]) * np.exp(0.7 * jump[: record["n_parameters"]])
    start = {f"b{j}": value for j, value in enumerate(values, 1)}
    fit = cx.fit_curve(model, x, y, start=start)
    if not fit.success:
        assert fit.flags
        return
    for j, name_of in enumerate(fit.values):  # a step of 1e-4 either way, the others fixed, never helps
        for sign in (-1, 1):
            moved = fit.values | {name_of: fit.values[name_of] * (1 + sign * 1e-4)}
            assert np.sum((model(x, **moved) - y) ** 2) > fit.rss * (1 - 1e-9), (j, sign)
