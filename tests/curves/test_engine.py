"""`cx.fit_curve`: failing cases end in one clear error or an honest flag; scales change no digits."""

import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import cxkinetics as cx
from cxkinetics.curves import problem as extended

TIME = np.linspace(0, 100, 101)
SIGNAL = 0.9 * np.exp(-0.05 * TIME) + 0.1 + 0.01 * np.random.default_rng(0).standard_normal(101)
START = {"a": 1.0, "k": 0.1, "o": 0.0}


def decay(x, a, k, o):
    return a * np.exp(-k * x) + o


def line(x, a, b):
    return a + b * x


@pytest.fixture(scope="module")
def fit():
    return cx.fit_curve(decay, TIME, SIGNAL, start=START)


def numbers(fit, field="value"):
    return np.array([getattr(estimate, field) for estimate in fit.parameters.values()])


# --- what comes back ---------------------------------------------------------------------------


def test_a_decay_has_the_textbook_covariance(fit):
    a, k = fit.values["a"], fit.values["k"]
    jacobian = np.stack([np.exp(-k * TIME), -a * TIME * np.exp(-k * TIME), np.ones(101)], axis=1)
    covariance = np.linalg.inv(jacobian.T @ jacobian) * fit.rss / 98
    assert fit.covariance == pytest.approx(covariance, rel=1e-9)
    assert numbers(fit, "se") == pytest.approx(np.sqrt(np.diag(covariance)), rel=1e-9)
    assert fit.flags == ()
    assert fit.success
    assert jacobian.T @ fit.residuals == pytest.approx(np.zeros(3), abs=1e-12)
    half = (numbers(fit, "high") - numbers(fit, "low")) / 2
    assert half / numbers(fit, "se") == pytest.approx(
        np.full(3, 1.9844674545084788), rel=1e-9
    )  # t, 98, 97.5 %


def test_the_promised_form_and_the_way_back(fit):
    record = fit.to_dict()
    assert {"parameters", "rss", "dof", "success", "flags"} <= set(record)
    assert {"value", "se", "low", "high", "unit", "method"} <= set(record["parameters"]["k"])
    assert record["parameters"]["k"]["method"] == "wald"
    assert record["dof"] == 98
    json.dumps(record, allow_nan=False)
    again = cx.CurveFit.from_json(fit.to_json())
    assert again == fit
    assert again.to_json() == fit.to_json()
    assert fit.fitted + fit.residuals == pytest.approx(SIGNAL, rel=1e-14)
    assert decay(TIME, **fit.values) == pytest.approx(fit.fitted, rel=1e-12)


def test_lmfit_parameters_and_its_report(fit):
    import lmfit

    parameters = fit.lmfit_parameters()
    assert parameters["k"].stderr == pytest.approx(fit.parameters["k"].se)
    assert parameters["a"].correl["k"] == pytest.approx(
        fit.covariance[0, 1] / math.sqrt(fit.covariance[0, 0] * fit.covariance[1, 1])
    )
    assert "Correlations" in lmfit.fit_report(parameters)
    odd = cx.fit_curve(lambda x, **p: p["lambda"] * x, TIME, 2 * TIME + SIGNAL, start={"lambda": 1.0})
    with pytest.raises(cx.FitError, match=r"lambda.*rename"):
        odd.lmfit_parameters()


def test_lmfit_parameters_serve_as_a_start(fit):
    parameters = fit.lmfit_parameters()
    parameters["k"].set(value=0.03, max=0.04)
    bounded = cx.fit_curve(decay, TIME, SIGNAL, parameters)
    assert bounded.values["k"] == 0.04
    assert bounded.options["upper"] == {"k": 0.04}
    parameters["o"].vary = False
    with pytest.raises(cx.UsageError, match="o is fixed"):
        cx.fit_curve(decay, TIME, SIGNAL, parameters)


def test_the_result_cannot_be_changed(fit):
    with pytest.raises(AttributeError):
        fit.rss = 0.0
    with pytest.raises(ValueError, match="read-only"):
        fit.fitted[0] = 1.0


def test_inputs_are_left_alone_and_lists_serve(fit):
    x, y = TIME.copy(), SIGNAL.copy()
    cx.fit_curve(decay, x, y, start=START)
    assert np.array_equal(x, TIME)
    assert np.array_equal(y, SIGNAL)
    assert cx.fit_curve(decay, TIME.tolist(), SIGNAL.tolist(), start=START).values == fit.values


def test_two_predictors():
    rng = np.random.default_rng(3)
    x = rng.uniform(1, 5, (40, 2))
    y = 2.0 * x[:, 0] ** 1.5 - 0.3 * x[:, 1] + 0.01 * rng.standard_normal(40)
    found = cx.fit_curve(lambda x, a, n, c: a * x[:, 0] ** n + c * x[:, 1], x, y, {"a": 1, "n": 1, "c": 0})
    assert found.success
    assert numbers(found) == pytest.approx([2.0, 1.5, -0.3], abs=0.02)
    assert cx.CurveFit.from_json(found.to_json()) == found


def test_printed_result_names_every_number_and_flag(fit):
    text = " ".join(str(fit).split())
    for word in ("k", "0.0501", "wald", "98", "complex step"):
        assert word in text
    bad = cx.fit_curve(lambda x, a, k, c: decay(x, a, k, 0), TIME, SIGNAL, {"a": 1, "k": 0.1, "c": 1})
    assert "not determined" in str(bad)
    assert "NOT" in str(bad)
    assert max(map(len, str(bad).splitlines())) <= 100


def test_plot_shows_data_curve_and_residuals(fit):
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    figure = fit.plot()
    assert [axes.get_ylabel() for axes in figure.axes] == ["y", "y - fit"]
    plt.close(figure)


# --- derivatives -------------------------------------------------------------------------------

OTHER_FORMS = {
    "math": lambda x, a, k, o: [a * math.exp(-k * v) + o for v in x],
    "float": lambda x, a, k, o: decay(x, float(a), float(k), float(o)),
    "real part": lambda x, a, k, o: np.real(decay(x, a, k, o)),
    "abs": lambda x, a, k, o: a * np.exp(-np.abs(k) * x) + o,
    "modulus": lambda x, a, k, o: np.abs(decay(x, a, k, o)),
    "buffer": lambda x, a, k, o: np.add(np.zeros(x.size), decay(x, *(v.real for v in (a, k, o)))),
}


@pytest.mark.parametrize("form", OTHER_FORMS)
def test_functions_that_are_not_analytic_are_found_out(fit, form):
    other = cx.fit_curve(OTHER_FORMS[form], TIME, SIGNAL, start=START)
    assert any("central differences" in flag for flag in other.flags)
    assert other.derivatives in ("central differences", "mixed")
    assert other.success
    assert numbers(other) == pytest.approx(numbers(fit), rel=1e-9)
    assert numbers(other, "se") == pytest.approx(numbers(fit, "se"), rel=1e-7)


def test_a_modulus_of_one_part_is_found_out():
    """|b - x| is not analytic: its complex step is zero at b - x < 0 where numpy takes the modulus."""
    x = np.linspace(0, 10, 41)
    y = np.abs(x - 4.137) + 0.01 * np.sin(7 * x)
    found = cx.fit_curve(lambda x, b, s: s * np.abs(x - b), x, y, start={"b": 4.6, "s": 0.8})
    assert found.values["b"] == pytest.approx(4.137, abs=0.01)
    assert any("central differences for b" in flag for flag in found.flags)


def test_derivative_of_a_power_of_zero():
    y = 3.0 * TIME**1.5 + np.sin(TIME)
    found = cx.fit_curve(
        lambda x, a, n: a * x**n, TIME, y, start={"a": 1.0, "n": 1.0}
    )  # 0**n is nan in complex
    assert found.success
    assert found.values["n"] == pytest.approx(1.5, abs=0.01)


def test_double_precision_alone_serves(fit, monkeypatch):
    monkeypatch.setattr(extended, "LARGEST", 0)
    plain = cx.fit_curve(decay, TIME, SIGNAL, start=START)
    assert not plain.extended_precision
    assert numbers(plain) == pytest.approx(numbers(fit), rel=1e-11)
    assert numbers(plain, "se") == pytest.approx(numbers(fit, "se"), rel=1e-11)


# --- scales ------------------------------------------------------------------------------------


@settings(max_examples=25, deadline=None)
@given(st.floats(-9, 9), st.floats(-9, 9), st.floats(-9, 9))
def test_rescaling_y_x_or_weights_changes_no_digits(fit, log_y, log_x, log_sigma):
    y, x, weight = 10.0**log_y, 10.0**log_x, 10.0**log_sigma
    start = {"a": 1.0 * y, "k": 0.1 / x, "o": 0.0}
    other = cx.fit_curve(decay, TIME * x, SIGNAL * y, start=start, sigma=np.full(101, weight))
    scale = np.array([y, 1 / x, y])
    assert other.success
    assert other.flags == ()
    for field in ("value", "se", "low", "high"):
        assert numbers(other, field) == pytest.approx(numbers(fit, field) * scale, rel=1e-9)
    assert other.rss == pytest.approx(fit.rss * (y / weight) ** 2, rel=1e-9)


@pytest.mark.parametrize("size", [1e-200, 1e200])
def test_squares_beyond_the_range_of_doubles_spoil_no_parameter(fit, size):
    start = {"a": size, "k": 0.1, "o": 0.0}
    other = cx.fit_curve(decay, TIME, SIGNAL * size, start=start)
    assert other.success
    assert other.values["k"] == pytest.approx(fit.values["k"], rel=1e-9)
    assert other.parameters["k"].se == pytest.approx(fit.parameters["k"].se, rel=1e-9)
    assert cx.CurveFit.from_json(other.to_json()).values == other.values


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 10_000))
def test_order_of_rows_changes_no_digits(fit, seed):
    order = np.random.default_rng(seed).permutation(101)
    other = cx.fit_curve(decay, TIME[order], SIGNAL[order], start=START)
    assert numbers(other) == pytest.approx(numbers(fit), rel=1e-11)


def test_sigma_is_relative_unless_absolute(fit):
    sigma = np.full(101, 0.02)
    relative = cx.fit_curve(decay, TIME, SIGNAL, START, sigma)
    absolute = cx.fit_curve(decay, TIME, SIGNAL, START, sigma, absolute_sigma=True)
    assert numbers(relative, "se") == pytest.approx(numbers(fit, "se"), rel=1e-10)
    ratio = 0.02 / math.sqrt(fit.rss / fit.dof)
    assert numbers(absolute, "se") == pytest.approx(numbers(fit, "se") * ratio, rel=1e-10)
    half = (numbers(absolute, "high") - numbers(absolute, "low")) / 2
    assert half / numbers(absolute, "se") == pytest.approx(np.full(3, 1.959963984540054), rel=1e-9)


def test_weights_count_as_repeated_points():
    sigma = np.where(TIME < 20, 1 / math.sqrt(3), 1.0)
    weighted = cx.fit_curve(decay, TIME, SIGNAL, START, sigma)
    often = np.concatenate([np.flatnonzero(TIME < 20), np.flatnonzero(TIME < 20), np.arange(101)])
    repeated = cx.fit_curve(decay, TIME[often], SIGNAL[often], START)
    assert numbers(weighted) == pytest.approx(numbers(repeated), rel=1e-10)


# --- profile intervals -------------------------------------------------------------------------


def test_profile_of_a_linear_function_is_the_wald_interval():
    y = 2 + 3 * TIME + np.sin(9 * TIME)
    wald = cx.fit_curve(line, TIME, y, {"a": 0.0, "b": 0.0})
    profile = cx.fit_curve(line, TIME, y, {"a": 0.0, "b": 0.0}, profile=True)
    assert {e.method for e in profile.parameters.values()} == {"profile"}
    for field in ("low", "high"):
        assert numbers(profile, field) == pytest.approx(numbers(wald, field), rel=1e-7)


def test_profile_ends_against_a_brute_force_profile():
    x = np.array([1.0, 2.0, 3.0, 5.0, 7.0, 10.0])  # BoxBOD (Box, Hunter, Hunter 1978)
    y = np.array([109.0, 149.0, 149.0, 191.0, 213.0, 224.0])
    found = cx.fit_curve(
        lambda x, a, k: a * (1 - np.exp(-k * x)), x, y, {"a": 100.0, "k": 0.75}, profile=True
    )
    t = 2.7764451051977987  # 97.5 % of Student's t with 4 degrees of freedom
    level = found.rss * (1 + t**2 / 4)
    rate = np.linspace(0.2, 1.5, 400_001)
    shape = 1 - np.exp(-rate[:, None] * x)
    rss = np.sum(y**2) - (shape @ y) ** 2 / np.sum(shape**2, axis=1)  # the amplitude projected out
    inside = rate[rss <= level]
    assert found.parameters["k"].low == pytest.approx(inside[0], abs=1e-5)
    assert found.parameters["k"].high == pytest.approx(inside[-1], abs=1e-5)
    wald = found.parameters["k"].value - found.parameters["k"].se * t
    assert found.parameters["k"].low > wald + 0.01  # and it is not the symmetric one


def test_an_open_profile_says_so():
    x = np.linspace(0, 1, 12)
    y = 2 * x + 0.05 * np.cos(40 * x)
    found = cx.fit_curve(
        lambda x, a, k: a * (1 - np.exp(-k * x)), x, y, {"a": 20.0, "k": 0.1}, lower={"k": 0}, profile=True
    )
    if found.parameters["k"].low is not None:
        assert found.parameters["k"].low >= 0
    assert found.parameters["a"].high is None
    assert found.parameters["a"].reason


# --- bounds ------------------------------------------------------------------------------------


def test_a_parameter_at_its_bound_is_said_and_the_rest_is_the_fit_with_it_held():
    found = cx.fit_curve(decay, TIME, SIGNAL, {"a": 1.0, "k": 0.03, "o": 0.0}, upper={"k": 0.04})
    held = cx.fit_curve(lambda x, a, o: decay(x, a, 0.04, o), TIME, SIGNAL, {"a": 1.0, "o": 0.0})
    assert found.values["k"] == 0.04
    assert found.parameters["k"].se is None
    assert "upper bound 0.04" in found.parameters["k"].reason
    assert any("upper bound 0.04" in flag for flag in found.flags)
    assert found.success
    assert [found.values["a"], found.values["o"]] == pytest.approx(
        [held.values["a"], held.values["o"]], rel=1e-9
    )


def test_bounds_out_of_the_way_change_nothing(fit):
    wide = cx.fit_curve(decay, TIME, SIGNAL, START, lower={"a": 0, "k": 0, "o": -1}, upper={"k": 9})
    assert numbers(wide) == pytest.approx(numbers(fit), rel=1e-11)
    assert wide.flags == ()


def test_a_start_on_a_bound_is_left():
    """lmfit's transformed variable has no slope on a bound: alone it would return the start as a success."""
    found = cx.fit_curve(decay, TIME, SIGNAL, {"a": 1.0, "k": 0.0, "o": 0.0}, lower={"k": 0.0, "o": 0.0})
    assert found.success
    assert found.values["k"] == pytest.approx(0.05, abs=0.003)


def test_the_function_is_never_called_outside_its_bounds():
    def guarded(x, a, k, o):
        if k.real < 0 or k.real > 0.2:
            raise ValueError("out of bounds")
        return decay(x, float(a), float(k), float(o))

    found = cx.fit_curve(guarded, TIME, SIGNAL, START, lower={"k": 0.0}, upper={"k": 0.2})
    assert found.success
    edge = cx.fit_curve(
        guarded,
        TIME,
        np.full(101, 0.5) + 1e-3 * np.sin(TIME),
        START,
        lower={"k": 0.0, "a": 0},
        upper={"k": 0.2},
    )
    assert edge.flags


# --- honest failure ----------------------------------------------------------------------------


def test_a_parameter_without_influence():
    found = cx.fit_curve(lambda x, a, k, c: decay(x, a, k, 0.1), TIME, SIGNAL, {"a": 1, "k": 0.1, "c": 7})
    assert not found.success
    assert found.parameters["c"].value is None
    assert found.parameters["c"].se is None
    assert any("c has no influence" in flag for flag in found.flags)
    assert found.parameters["k"].se is not None
    assert found.values["c"] == 7


def test_parameters_that_only_count_together():
    found = cx.fit_curve(
        lambda x, a, k, c: a * np.exp(c - k * x) + 0.1, TIME, SIGNAL, {"a": 1, "k": 0.1, "c": 0.5}
    )
    assert not found.success
    assert [name for name, e in found.parameters.items() if e.value is None] == ["a", "c"]
    alone = cx.fit_curve(lambda x, a, k: decay(x, a, k, 0.1), TIME, SIGNAL, {"a": 1, "k": 0.1})
    assert found.parameters["k"].se == pytest.approx(
        alone.parameters["k"].se * math.sqrt(alone.dof / found.dof), rel=1e-6
    )


def test_a_minimum_at_infinity_is_no_success():
    y = 2 * TIME + 0.1 * np.sin(5 * TIME) + 1e-4 * TIME**2
    found = cx.fit_curve(
        lambda x, a, k: a * (1 - np.exp(-k * x)), TIME, y, {"a": 100.0, "k": 0.1}, lower={"k": 0}
    )
    assert not found.success
    assert found.flags


def test_a_local_minimum_is_left_when_it_is_suspect():
    """From this start a plain Levenberg-Marquardt run ends on the flat far side, claiming success."""
    x = np.array([1.0, 2.0, 3.0, 5.0, 7.0, 10.0])
    y = np.array([109.0, 149.0, 149.0, 191.0, 213.0, 224.0])
    found = cx.fit_curve(lambda x, a, k: a * (1 - np.exp(-k * x)), x, y, {"a": 100.0, "k": 60.0})
    assert found.rss == pytest.approx(1168.0088766, rel=1e-9)
    assert any("a further one reached" in flag for flag in found.flags)


def test_a_saddle_is_left():
    """At a = 0 the derivative of (a x)^2 vanishes: a descent alone would stay there."""
    x = np.linspace(-1, 1, 21)
    y = 0.5 * x**2 + 0.01 * np.cos(20 * x)
    found = cx.fit_curve(lambda x, a: (a * x) ** 2 / 2, x, y, {"a": 0.0})
    assert found.success
    assert abs(found.values["a"]) == pytest.approx(1.0, abs=0.05)


def test_residuals_at_rounding_have_no_standard_error():
    found = cx.fit_curve(line, TIME, 1 + 2 * TIME, {"a": 0.0, "b": 0.0})
    assert found.success
    assert numbers(found) == pytest.approx([1, 2], rel=1e-12)
    assert all(e.se is None and "rounding" in e.reason for e in found.parameters.values())


def test_as_many_parameters_as_points():
    x, y = TIME[[0, 20, 90]], SIGNAL[[0, 20, 90]]
    found = cx.fit_curve(decay, x, y, START)
    assert found.dof == 0
    assert found.rss < 1e-20
    assert all("no degrees of freedom" in e.reason for e in found.parameters.values())
    known = cx.fit_curve(decay, x, y, START, [0.01] * 3, absolute_sigma=True)
    assert all(e.se is not None for e in known.parameters.values())


def test_an_unmoved_parameter_is_said():
    found = cx.fit_curve(line, np.arange(4.0), [1.0, 1.5, 0.5, 1.0], {"a": 1.0, "b": 0.3})
    assert not any("never moved" in flag for flag in found.flags)
    again = cx.fit_curve(line, np.arange(4.0), [1.0, 1.5, 0.5, 1.0], dict(found.values))
    assert any("never moved" in flag for flag in again.flags)


def test_a_pattern_in_the_residuals_is_said():
    found = cx.fit_curve(line, TIME, SIGNAL, {"a": 0.0, "b": 0.0})
    assert any("pattern" in flag for flag in found.flags)


# --- one clear error ---------------------------------------------------------------------------


class MineError(RuntimeError):
    pass


def test_the_functions_own_exception_reaches_the_user():
    def broken(x, a):
        raise MineError("solver gave up")

    with pytest.raises(cx.FitError, match=r"MineError: solver gave up at a = 1") as caught:
        cx.fit_curve(broken, TIME, SIGNAL, {"a": 1.0})
    assert isinstance(caught.value.__cause__, MineError)


def test_an_exception_on_the_way_reaches_the_user():
    def guarded(x, a, k, o):
        if k.real < 0.06:
            raise MineError(f"k too small: {k.real}")
        return decay(x, a, k, o)

    with pytest.raises(cx.FitError, match="k too small") as caught:
        cx.fit_curve(guarded, TIME, SIGNAL, START)
    assert isinstance(caught.value.__cause__, MineError)


@pytest.mark.parametrize(
    ("function", "words"),
    [
        (lambda x, a: np.ones(5) * a, r"shape \(5,\), shape \(101,\) is needed"),
        (lambda x, a: np.ones((101, 1)) * a, r"shape \(101, 1\)"),
        (lambda x, a: a, r"return c \+ 0\*x"),
        (lambda x, a: None, "shape"),
        (lambda x, a: ["one"] * 101, "numbers are needed"),
        (lambda x, a: [[1.0], [1.0, 2.0]], "no array"),
        (lambda x, a: a * x + 1j, "complex numbers for real parameters"),
        (lambda x, a: a * np.log(x), "inf at the start .index 0"),
        (lambda x, a: np.exp(a * 1000 * x), "choose a start where it is finite"),
        (lambda x, b: b * x, "unexpected keyword argument"),
        (lambda x, a: a * x + np.random.default_rng().normal(size=101), "same parameters"),
    ],
)
def test_functions_that_return_nonsense(function, words):
    with pytest.raises(cx.FitError, match=words):
        cx.fit_curve(function, TIME, SIGNAL, {"a": 1.0})


def with_value(array, index, value):
    changed = np.array(array, dtype=float)
    changed[index] = value
    return changed


@pytest.mark.parametrize(
    ("x", "y", "sigma", "words"),
    [
        (TIME, with_value(SIGNAL, 5, np.nan), None, "y is nan at index 5"),
        (TIME, with_value(SIGNAL, 7, -np.inf), None, "y is -inf at index 7"),
        (with_value(TIME, 3, np.nan), SIGNAL, None, "x is nan at index 3"),
        (TIME, SIGNAL, with_value(np.ones(101), 9, 0.0), "sigma is 0 at index 9"),
        (TIME, SIGNAL, with_value(np.ones(101), 9, np.nan), "sigma is nan at index 9"),
        (TIME, SIGNAL, np.ones(4), r"sigma has shape \(4,\)"),
        (TIME[:50], SIGNAL, None, r"x has shape \(50,\) and y has 101"),
        (np.stack([TIME, TIME]), SIGNAL, None, "pass its transpose"),
        (TIME, SIGNAL[:, None], None, "one value per point"),
        (["a"] * 101, SIGNAL, None, "x holds something that is not a number"),
    ],
)
def test_data_that_cannot_be_used(x, y, sigma, words):
    with pytest.raises(cx.InputError, match=words):
        cx.fit_curve(decay, x, y, START, sigma)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"start": {}}, "start is empty"),
        ({"start": {"a": 1.0, "k": np.nan, "o": 0}}, "start of k is nan"),
        ({"start": {"a": 1.0, "k": "fast", "o": 0}}, "start of k is 'fast'"),
        ({"start": [1.0, 2.0]}, "a mapping such as"),
        ({"lower": {"k": 0.5}}, "start of k is 0.1, outside its bounds"),
        ({"lower": {"k": 1.0}, "upper": {"k": 0.0}}, "lower must lie below upper"),
        ({"lower": {"kk": 0.0}}, "lower names kk; the parameters are a, k, o"),
        ({"confidence": 95}, "confidence is 95"),
    ],
)
def test_calls_that_make_no_sense(options, words):
    with pytest.raises(cx.UsageError, match=words):
        cx.fit_curve(decay, TIME, SIGNAL, **({"start": START} | options))


def test_too_few_points():
    with pytest.raises(cx.FitError, match=r"3 parameters need at least 3 points .* 2 given"):
        cx.fit_curve(decay, TIME[:2], SIGNAL[:2], START)
    with pytest.raises(cx.UsageError, match="pass function"):
        cx.fit_curve("decay", TIME, SIGNAL, START)


# --- linear sets -------------------------------------------------------------------------------

LINEAR = {
    "norris": 12,
    "pontius": 12,
    "noint1": 12,
    "noint2": 12,
    "filip": 6,
    "wampler3": 9,
    "wampler4": 9,
    "wampler5": 8,
}


@pytest.mark.parametrize("name", LINEAR)
def test_functions_linear_in_their_parameters_against_exact_solutions(shared_data, name):
    record = json.loads((shared_data / "reference" / "nist_lls_exact.json").read_text())[name]
    powers = record["degrees"]
    x, y = (np.array([float(v) for v in record[key]]) for key in ("x", "y"))
    start = {f"b{power}": 0.5 for power in powers}
    found = cx.fit_curve(lambda x, **b: sum(b[f"b{power}"] * x**power for power in powers), x, y, start=start)
    if not found.extended_precision and name != "norris":
        pytest.skip("this machine has no floats longer than double")
    assert found.success
    wanted = 10.0 ** -LINEAR[name]
    assert list(found.values.values()) == pytest.approx([float(v) for v in record["beta"]], rel=wanted)
    assert numbers(found, "se") == pytest.approx([float(v) for v in record["se"]], rel=wanted)


def test_readings_beyond_every_number_beside_their_errors_are_refused() -> None:
    x = np.linspace(0.0, 1.0, 9)
    with pytest.raises(cx.InputError, match="their ratio is no number"):
        cx.fit_curve(lambda x, a: a * x, x, 1e308 * (x + 0.1), {"a": 1.0}, sigma=x + 1e-9)
