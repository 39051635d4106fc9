"""Variable projection against slow twins."""

import numpy as np
import pytest
from scipy.optimize import nnls

from cxkinetics.models.network import network_of, parse_scheme
from cxkinetics.spectral.problem import Problem, Run, compressed, nonnegative_spectra, row_whitening


def problem(data, known=None, rho=0.0, floor=None, scheme="A -> B; B -> C"):
    network = network_of(parse_scheme(scheme))
    species = network.initial.size
    spectra = np.zeros((species, data.matrix.shape[1])) if known is None else known
    white = row_whitening(data.time, rho)
    matrix = data.matrix if white is None else white.apply_down(data.matrix)
    run = Run(data.time, matrix, spectra, white, floor)
    mask = np.any(spectra != 0, axis=1)
    count = len(network.scheme.rates) + network.scheme.n_stages - 1
    lower, upper = np.full(count, -20.0), np.full(count, 5.0)
    if network.scheme.n_stages > 1:
        lower[-1], upper[-1] = 0.0, 100.0
    return Problem(network, (run,), mask, lower, upper)


@pytest.mark.parametrize("kind", ["free", "correlated", "known", "floor", "breakpoint"])
def test_gradient_is_exact(chain, kind) -> None:
    data = chain()
    known = np.zeros((3, 40))
    if kind == "known":
        known[0] = data.spectra[0]
    floor = np.full((3, 40), -0.01) if kind == "floor" else None
    scheme = "A -> B; B -> C" if kind != "breakpoint" else "A -> B | B -> C; A -> C"
    work = problem(data, known, 0.4 if kind == "correlated" else 0.0, floor, scheme)
    theta = np.log([0.06, 0.017]) if kind != "breakpoint" else np.array([*np.log([0.06, 0.02, 0.03]), 21.0])
    gradient = work.evaluate(theta).gradient
    for i in range(theta.size):
        step = 1e-5 * (np.arange(theta.size) == i)
        slope = (work.evaluate(theta + step).rss - work.evaluate(theta - step).rss) / 4e-5
        assert gradient[i] == pytest.approx(slope, rel=2e-5, abs=1e-7)


def test_curvature_is_that_of_the_explicit_jacobian(chain) -> None:
    data = chain()
    work, theta = problem(data), np.log([0.06, 0.017])

    def residual(at):
        columns, _ = work.profiles(at, data.time)
        basis = np.linalg.qr(columns)[0]
        return (data.matrix - basis @ (basis.T @ data.matrix)).ravel()

    columns = [(residual(theta + step) - residual(theta - step)) / 2e-5 for step in 1e-5 * np.eye(2)]
    jacobian = np.array(columns).T
    assert np.allclose(work.evaluate(theta).curvature, jacobian.T @ jacobian, rtol=1e-5)
    assert work.evaluate(theta).rss == pytest.approx(float(residual(theta) @ residual(theta)), rel=1e-10)


def test_compression_loses_nothing(chain) -> None:
    data = chain(n=12, m=200)
    work, theta = problem(data), np.log([0.06, 0.017])
    small = compressed(work.runs[0])
    assert small.data.shape == (12, 12)
    whole = work.evaluate(theta)
    part = Problem(work.network, (small,), work.known, work.lower, work.upper).evaluate(theta)
    assert part.rss == pytest.approx(whole.rss, rel=1e-9)
    assert np.allclose(part.gradient, whole.gradient, rtol=1e-8)


def test_nonnegative_spectra_are_those_of_scipy() -> None:
    rng = np.random.default_rng(3)
    columns = np.abs(rng.standard_normal((40, 4)))
    data = columns @ rng.standard_normal((4, 60)) + 0.1 * rng.standard_normal((40, 60))
    expected = np.array([nnls(columns, column)[0] for column in data.T]).T
    assert np.allclose(nonnegative_spectra(columns, data), expected, atol=1e-9)
