"""Study of whole-spectrum fits: coverage under noise of the transmittance, and under slow mixing.

`python -m tests.spectral.spectra_study [SERIES]` prints every cell; all series are simulated.
"""

import sys
from collections import Counter
from typing import Any

import numpy as np

from cxkinetics.models.families import mixed_clock
from cxkinetics.signals.spectra import SpectralSeries
from cxkinetics.spectral.fit import fit_spectra
from cxkinetics.spectral.result import SpectraFit
from tests.studies.truths import SEED, stream

SEED_NUMBER = 20261129
CHAIN, STAGED = "A -> B; B -> C", "A -> B | A -> B"
CELLS: dict[str, dict[str, Any]] = {
    "photometric": {"options": {"noise": "photometric"}},
    "photometric, auto": {},
    "photometric, staged, auto": {"scheme": STAGED},
    "white, auto": {"white": True},
    "mixing 2 s": {"tau": 2.0, "options": {"start_up": "auto"}},
    "mixing 2 s, staged": {"tau": 2.0, "scheme": STAGED, "options": {"start_up": "auto"}},
    "no mixing": {"options": {"start_up": "auto"}},
}


def series(tau: float, scheme: str, sd: float, rng: np.random.Generator, *, white: bool) -> SpectralSeries:
    """Return one simulated series; its noise is drawn in the transmittance."""
    time, wavelength = np.arange(0.0, 101.0), np.linspace(290.0, 370.0, 41)
    own = mixed_clock(time, np.array(tau))[0]
    k1, k2 = SEED.k1, SEED.k2
    if scheme == STAGED:
        host = np.exp(-k1 * np.minimum(own, SEED.tb) - k2 * np.maximum(own - SEED.tb, 0.0))
        shares = np.stack([host, 1 - host], axis=1)
    else:
        host = np.exp(-k1 * own)
        middle = k1 / (k2 - k1) * (host - np.exp(-k2 * own))
        shares = np.stack([host, middle, 1 - host - middle], axis=1)
    bands = [(1.5, 322.0, 8.0), (0.7, 338.0, 9.0), (0.2, 352.0, 60.0)][: shares.shape[1]]
    spectra = np.stack([a * np.exp(-0.5 * ((wavelength - at) / width) ** 2) for a, at, width in bands])
    clean = shares @ spectra
    if white:
        matrix = clean + rng.normal(0, 2 * sd, clean.shape)
    else:
        matrix = -np.log10(10.0**-clean + rng.normal(0, sd, clean.shape))
    return SpectralSeries(time_s=time, wavelength_nm=wavelength, absorbance=matrix)


def fitted(name: str, number: int) -> SpectraFit:
    """Return the fit of one simulated series."""
    cell = {"tau": 0.0, "scheme": CHAIN, "white": False, "options": {}, **CELLS[name]}
    data = series(cell["tau"], cell["scheme"], 0.001, stream(SEED_NUMBER, name, number), white=cell["white"])
    return fit_spectra(data, cell["scheme"], **cell["options"])


def tally(name: str, numbers: range) -> Counter[str]:
    """Return how often each interval holds the truth, and how often readings were weighted."""
    truth = {"k1": SEED.k1, "k2": SEED.k2, "breakpoint": SEED.tb}
    truth["start-up time"] = CELLS[name].get("tau", 0.0)
    count: Counter[str] = Counter()
    for number in numbers:
        fit = fitted(name, number)
        count["series"] += 1
        count["weighted"] += fit.noise.model == "photometric"
        free = [] if fit.start_up_s is None or fit.start_up_s.method == "fixed" else [fit.start_up_s]
        for e in (*fit.rate_constants, *fit.breakpoints_s, *free):
            held = (e.low is None or e.low <= truth[e.name]) and (e.high is None or truth[e.name] <= e.high)
            count[e.name] += held
    return count


def main(count: int) -> None:
    for name in CELLS:
        print(name, dict(tally(name, range(count))), flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 100)
