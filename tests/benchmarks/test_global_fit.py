"""The global fit of A -> B -> C, 400 spectra x 300 wavelengths (simulated), against its peers, by CPU time.

python -m pytest tests/benchmarks -m bench

The plain peer is variable projection of the raw matrix by scipy's least_squares, a point estimate from
a good start; ours searches its own start and adds rank, noise, both orders of the species, spectra with
errors and profile intervals. pyglotaran 0.7.5 wants numpy < 2.4, so it runs in an environment of its
own: name that environment's python in PYGLOTARAN_PYTHON
(python -m venv env && env/bin/pip install pyglotaran==0.7.5 "numpy<2.4").
"""

import json
import os
import subprocess
from pathlib import Path

import numpy as np
import pytest
from scipy.optimize import least_squares

import cxkinetics as cx

pytest.importorskip("pytest_benchmark")
pytestmark = pytest.mark.bench

PEER = """
import json, sys, time, warnings
warnings.simplefilter("ignore")
import numpy as np, xarray as xr
from glotaran.io import load_model, load_parameters
from glotaran.optimization.optimize import optimize
from glotaran.project.scheme import Scheme
data = np.load(sys.argv[1])
model = load_model('''
default_megacomplex: decay-sequential
dataset:
  run:
    megacomplex: [chain]
megacomplex:
  chain:
    type: decay-sequential
    compartments: [a, b, c]
    rates: [k.1, k.2, k.3]
''', format_name="yml_str")
start = load_parameters('''
k:
  - ["1", 0.1]
  - ["2", 0.01]
  - ["3", 1e-12, {vary: false}]
''', format_name="yml_str")
axes = [("time", data["time"]), ("spectral", data["wavelength"])]
runs = {"run": xr.DataArray(data["matrix"], coords=axes).to_dataset(name="data")}
scheme = Scheme(model=model, parameters=start, data=runs)
spent = []
for _ in range(3):
    begin = time.process_time()
    result = optimize(scheme, verbose=False, raise_exception=True)
    spent.append(time.process_time() - begin)
found = [result.optimized_parameters.get(f"k.{i}").value for i in (1, 2)]
print(json.dumps({"cpu": min(spent), "k": found}))
"""


def simulated(seed=0, n=400, m=300):
    time, wavelength = np.linspace(0, 100, n), np.linspace(290, 590, m)
    k1, k2 = 0.056, 0.019
    host = np.exp(-k1 * time)
    middle = k1 / (k2 - k1) * (host - np.exp(-k2 * time))
    spectra = np.stack(
        [
            0.9 * np.exp(-0.5 * ((wavelength - 324) / 8) ** 2),
            0.6 * np.exp(-0.5 * ((wavelength - 327) / 8) ** 2),
            0.15 * np.exp(-0.5 * ((wavelength - 420) / 80) ** 2),
        ]
    )
    noise = 0.003 * np.random.default_rng(seed).standard_normal((n, m))
    matrix = np.stack([host, middle, 1 - host - middle], axis=1) @ spectra + noise
    return time, wavelength, matrix


def plain(time, matrix):
    def residual(k):
        host = np.exp(-k[0] * time)
        middle = k[0] / (k[1] - k[0]) * (host - np.exp(-k[1] * time))
        basis, _ = np.linalg.qr(np.stack([host, middle, 1 - host - middle], axis=1))
        return (matrix - basis @ (basis.T @ matrix)).ravel()

    return least_squares(residual, [0.1, 0.01])


def test_against_plain_variable_projection(cpu_seconds, tell, benchmark) -> None:
    time, wavelength, matrix = simulated()
    series = cx.SpectralSeries(time_s=time, wavelength_nm=wavelength, absorbance=matrix)
    scheme = "A -> B; B -> C"
    peer = cpu_seconds(lambda: plain(time, matrix), 9)
    ours = cpu_seconds(lambda: cx.fit_spectra(series, scheme), 9)
    tell(f"\nplain projection {1e3 * peer:.0f} ms, ours {1e3 * ours:.0f} ms, ratio {ours / peer:.2f}")
    benchmark.pedantic(cx.fit_spectra, args=(series, scheme), rounds=3)
    assert ours / peer < 1.5
    found = [estimate.value for estimate in cx.fit_spectra(series, scheme).rate_constants]
    assert np.allclose(found, plain(time, matrix).x, rtol=1e-5)


@pytest.mark.parametrize(("n", "m", "least"), [(2000, 2000, 4.0), (10_000, 1024, 4.0)])
def test_large_matrices_against_plain_variable_projection(cpu_seconds, tell, n, m, least) -> None:
    time, wavelength, matrix = simulated(n=n, m=m)
    series = cx.SpectralSeries(time_s=time, wavelength_nm=wavelength, absorbance=matrix)
    peer = cpu_seconds(lambda: plain(time, matrix), 1)
    ours = cpu_seconds(lambda: cx.fit_spectra(series, "A -> B; B -> C"), 3)
    tell(f"\n{n} x {m}: plain projection {peer:.2f} s, ours {ours:.2f} s, ratio {peer / ours:.1f}")
    assert peer / ours > least


def test_against_pyglotaran(cpu_seconds, tell, benchmark, tmp_path) -> None:
    python = os.environ.get("PYGLOTARAN_PYTHON", "")
    if not Path(python).is_file():
        pytest.skip("PYGLOTARAN_PYTHON names no python with pyglotaran 0.7.5")
    time, wavelength, matrix = simulated()
    np.savez(tmp_path / "data.npz", time=time, wavelength=wavelength, matrix=matrix)
    script = tmp_path / "peer.py"
    script.write_text(PEER)
    output = subprocess.run(
        [python, script, tmp_path / "data.npz"], check=True, capture_output=True, text=True
    ).stdout
    peer = json.loads(output.splitlines()[-1])
    series = cx.SpectralSeries(time_s=time, wavelength_nm=wavelength, absorbance=matrix)
    ours = cpu_seconds(lambda: cx.fit_spectra(series, "A -> B; B -> C"), 9)
    tell(f"\npyglotaran {1e3 * peer['cpu']:.0f} ms, ours {1e3 * ours:.0f} ms, ratio {peer['cpu'] / ours:.1f}")
    benchmark.pedantic(cx.fit_spectra, args=(series, "A -> B; B -> C"), rounds=3)
    assert peer["cpu"] / ours > 15
    found = [estimate.value for estimate in cx.fit_spectra(series, "A -> B; B -> C").rate_constants]
    assert np.allclose(found, peer["k"], rtol=1e-4)
