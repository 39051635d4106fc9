"""The simulated sets of the study on known truths hold what they say they hold."""

import numpy as np

from cxkinetics.mechanism.fit import published_mechanism_fit
from cxkinetics.mechanism.observables import Eye
from tests.mechanism.joint_mechanism import simulated


def test_simulated_sets_have_the_errors_that_they_state() -> None:
    fit = published_mechanism_fit()
    rng = np.random.default_rng(3)
    pulls = []
    for theta in fit.draws[:4]:
        data = simulated(fit.scheme, theta, rng)
        eye = Eye(fit.scheme, data)
        pulls.append((eye.value - eye.predict(theta[:, None]).value[0]) / eye.sd)
    chi2, count = float(np.sum(np.square(pulls))), np.size(pulls)
    assert count == 4 * 113
    assert abs(chi2 - count) < 4 * np.sqrt(2 * count)
    assert abs(float(np.mean(pulls))) < 4 / np.sqrt(count)
