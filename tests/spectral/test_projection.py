"""Variable projection against slow twins."""

import os
import subprocess
import sys

import numpy as np
import pytest
from scipy.optimize import nnls

from cxkinetics.arrays import SMALL, TALL, along, onto, remainder, tall_qr, tall_svd
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


def test_products_and_decompositions_in_pieces_are_those_of_the_whole() -> None:
    rng = np.random.default_rng(5)
    matrix = rng.standard_normal((700, 301))
    assert matrix.size * 5 > SMALL
    columns, rows = rng.standard_normal((301, 5)), rng.standard_normal((5, 700))
    assert np.allclose(onto(matrix, columns), matrix @ columns, rtol=1e-12, atol=1e-12)
    assert np.allclose(along(rows, matrix), rows @ matrix, rtol=1e-12, atol=1e-12)
    whole = matrix - rows.T @ columns.T
    assert np.allclose(remainder(matrix, rows.T, columns.T), whole, rtol=1e-12, atol=1e-12)
    tall = rng.standard_normal((9001, 3))
    assert tall.size > TALL
    span, triangle = tall_qr(tall)
    assert np.allclose(span.T @ span, np.eye(3), atol=1e-12)
    assert np.allclose(span @ triangle, tall, atol=1e-12)
    left, singular, right = tall_svd(tall)
    assert np.allclose(left.T @ left, np.eye(3), atol=1e-12)
    assert np.allclose(left * singular @ right, tall, atol=1e-12)
    assert np.allclose(singular, np.linalg.svd(tall, compute_uv=False), rtol=1e-12)


THREADS = """
import os, time
from pathlib import Path
import numpy as np
import cxkinetics as cx

def woken():
    others = [task for task in Path("/proc/self/task").iterdir() if task.name != str(os.getpid())]
    lines = [line for task in others for line in (task / "status").read_text().splitlines()]
    return len(others), sum(int(line.split()[1]) for line in lines if "ctxt_switches" in line)

t, w = np.linspace(0, 100, 900), np.linspace(290, 590, 400)
bands = np.exp(-0.5 * ((w - np.array([[324.0], [360.0]])) / 30) ** 2)
shares = np.stack([np.exp(-0.056 * t), 1 - np.exp(-0.056 * t)], axis=1)
for grows in (0.0, 0.0, 1.0):
    clean = shares @ bands
    noise = 0.003 * 10 ** (grows * clean) * np.random.default_rng(1).standard_normal(clean.shape)
    series = cx.SpectralSeries(time_s=t, wavelength_nm=w, absorbance=clean + noise)
    time.sleep(0.5)
    before = woken()
    fit = cx.fit_spectra(series, "A -> B")
    print(fit.noise.model, before[0], woken()[1] - before[1])
"""


@pytest.mark.skipif(
    not sys.platform.startswith("linux") or os.cpu_count() == 1, reason="threads are counted in /proc"
)
def test_a_fit_of_large_spectra_wakes_no_threads_of_the_linear_algebra() -> None:
    env = os.environ | {"OPENBLAS_NUM_THREADS": "2", "OMP_NUM_THREADS": "2"}
    run = subprocess.run([sys.executable, "-c", THREADS], env=env, capture_output=True, text=True, check=True)
    told = [line.split() for line in run.stdout.splitlines()][1:]  # the first imports, which starts threads
    assert [model for model, *_ in told] == ["white", "photometric"]
    assert all(int(threads) >= 1 for _, threads, _ in told)  # there is one to be woken
    assert [int(switches) for *_, switches in told] == [0, 0]
