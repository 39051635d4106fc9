"""The joint fit: what it reaches, what it says of parameters and rivals, and that it is stored whole."""

from pathlib import Path

import numpy as np
import pytest

import cxkinetics as cx
from cxkinetics.arrays import Array
from cxkinetics.mechanism.data import Evidence, Observation, published_evidence
from cxkinetics.mechanism.deciding import deciding
from cxkinetics.mechanism.fit import published_mechanism_fit
from cxkinetics.mechanism.observables import Eye, correlation, sight
from cxkinetics.mechanism.problem import problem_of
from cxkinetics.mechanism.result import MechanismFit
from cxkinetics.mechanism.scheme import Mechanism, load_mechanism
from cxkinetics.mechanism.verdict import next_measurement


@pytest.fixture(scope="module")
def steps() -> list[tuple[int, int]]:
    """What the fit says of how far it is."""
    return []


@pytest.fixture(scope="module")
def short(steps: list[tuple[int, int]]) -> MechanismFit:
    """The published numbers from three starts, beside one rival."""
    told = lambda done, total: steps.append((done, total))  # noqa: E731
    return cx.fit_mechanism(rivals=["two-silver"], n_starts=3, n_draws=4, progress=told)


def test_every_step_is_told_to_the_last(short: MechanismFit, steps: list[tuple[int, int]]) -> None:
    assert steps == [(done, 7) for done in range(1, 8)]


def test_few_starts_reach_what_the_packaged_fit_says(short: MechanismFit) -> None:
    packaged = published_mechanism_fit()
    assert short.chi2 == pytest.approx(packaged.chi2, abs=0.1)
    assert short.dof == 10
    assert short.p_value is not None
    assert short.p_value < 0.01  # rejected at its own weights, and said
    assert "rejected" in [remark.code for remark in short.warnings]
    best = [name for name, known in packaged.known.items() if known == "determined"]
    for name in best:
        one, other = short.parameters[name], packaged.parameters[name]
        assert other.low is not None
        assert other.high is not None
        assert one.value is not None
        assert other.low < one.value < other.high


def test_the_packaged_fit_is_that_of_the_packaged_numbers_and_scheme() -> None:
    fit = published_mechanism_fit()
    assert fit.evidence.to_dict() == published_evidence().to_dict()
    assert fit.definition == load_mechanism("two-silver-dark").definition
    theta = np.array([[e.value for e in fit.parameters.values()]], dtype=float).T
    eye = Eye(fit.scheme, fit.evidence)
    miss = (eye.value - eye.predict(theta).value[0]) / eye.sd
    miss[miss * eye.side > 0] = 0.0
    assert miss @ miss == pytest.approx(fit.chi2, abs=0.01)
    assert sum(chi2 for chi2, _ in fit.by_source.values()) == pytest.approx(fit.chi2)


def test_nothing_within_ten_per_parameter_lacks_the_dark_state() -> None:
    fit = published_mechanism_fit()
    assert fit.verdict["code"] == "ahead"
    without = [rival for rival in fit.rivals if "dark" not in rival.mechanism]
    assert len(without) == 5
    for rival in without:
        more = len(fit.parameters) - rival.n_parameters
        assert rival.n_starts >= 20
        assert rival.behind > 10 * more
        assert rival.doubled > fit.rivals[0].doubled + 10 * more  # with sds twice as large too


def test_rivals_not_told_apart_end_with_what_to_measure_next(short: MechanismFit) -> None:
    fit = published_mechanism_fit()
    untold = [rival.mechanism for rival in fit.rivals if rival.verdict == "not told apart"]
    assert untold == ["two-silver-dark + free recovery", "two-silver-dark + rising trapped host"]
    best = next(one for one in fit.deciding if one.rival in untold)
    assert abs(best.expected - best.rival_expected) > 2 * best.sd
    line = f"What to measure next, to tell it from {', '.join(untold)}: {best.what}"
    assert line in " ".join(str(fit).split())
    assert [one for one in fit.deciding if one.rival not in untold]  # other states are decided as before
    without = next_measurement(fit.rivals, [one for one in fit.deciding if one.rival not in untold])
    assert "no measurement that is listed" in without
    assert "What to measure next" not in str(short)  # its rival is behind


def test_what_decides_is_weighed_against_rivals_with_the_same_states_where_they_are_near() -> None:
    fit = published_mechanism_fit()
    near = fit.rivals[1]
    rival = load_mechanism(near.mechanism)
    assert rival.scheme.species == fit.scheme.scheme.species
    best = np.array([fit.parameters[name].value for name in fit.scheme.names], dtype=float)
    tried = [(rival, np.array([near.parameters[name] for name in rival.names]))]
    assert deciding(fit.scheme, best, fit.draws, tried) == ()
    found = deciding(fit.scheme, best, fit.draws, tried, {near.mechanism})
    assert found
    worth = [one.separation / one.cost for one in found]
    assert worth == sorted(worth, reverse=True)
    assert min(one.separation for one in found) >= 2
    assert {one.rival for one in found} == {near.mechanism}


def test_a_limit_that_is_kept_costs_nothing(dark: Mechanism) -> None:
    def chi2(side: str, value: float) -> float:
        seen = Observation(
            source="wash",
            quantity="removable host",
            dose_percent=100,
            time_s=1200,
            value=value,
            sd=0.03,
            side=side,
        )
        eye = Eye(dark, Evidence(title="one", observations=(seen,)))
        residual = problem_of(eye).residuals(np.zeros((1, len(dark.parameters))))
        return float(residual[0, 0] ** 2)

    assert chi2("at least", 0.1) == 0
    assert chi2("at most", 0.1) > 1
    assert chi2("at most", 0.999) == 0
    assert chi2("at least", 0.999) == pytest.approx(chi2("", 0.999))


def test_jacobian_of_every_kind_of_reading(dark: Mechanism) -> None:
    problem = problem_of(Eye(dark, published_evidence()))
    z = np.linspace(-0.4, 0.4, len(dark.parameters))[None]
    jacobian = problem.jacobian(z)[0]
    for p in range(z.size):
        up, down = z.copy(), z.copy()
        up[0, p] += 1e-5
        down[0, p] -= 1e-5
        slope = -(problem.residuals(up) - problem.residuals(down))[0] / 2e-5
        assert jacobian[p] == pytest.approx(slope, rel=1e-4, abs=1e-4)


def test_comes_back_from_json(short: MechanismFit) -> None:
    back = MechanismFit.from_json(short.to_json())
    assert back.to_json() == short.to_json()
    assert back.scheme.names == short.scheme.names
    assert str(back) == str(short)


def test_own_table_and_own_scheme(tmp_path: Path) -> None:
    """A made-up exchange of one step, its table and its run, fitted by a scheme of a few lines."""
    scheme = tmp_path / "one-step.toml"
    scheme.write_text(
        'guest = "Ag"\nhost = "Cd"\nscheme = "N -> P [turn]"\nsupply = "34 * dose / 100 / 0.5"\n'
        '[rates]\nturn = "k * L / L100"\n'
        "[species.N]\nguests = 0\nhosts = 34\nabsorbance = 1\n"
        '[species.P]\nguests = 66\nhosts = 0\nabsorbance = "c"\nkind = "product"\n'
        "[parameters]\nk = { low = 1e-4, high = 1, unit = '1/s' }\nc = { low = 0, high = 0.5 }\n",
        encoding="utf-8",
    )
    mechanism = load_mechanism(scheme)
    truth = np.array([[0.02], [0.1]])
    time = np.linspace(0, 120, 40)
    empty = Observation(source="x", quantity="absorbance", dose_percent=100, time_s=0, value=1, sd=1)
    curve = sight(mechanism, truth, np.array([100.0]), time).absorbance().value[:, 0, 0]
    noise = np.random.default_rng(4).normal(0, 0.004, time.size)
    run = cx.Trace(time_s=time, absorbance=0.8 * curve + noise)
    fit = cx.fit_mechanism(
        Evidence(title="start", observations=(empty,)),
        runs=[(run, 100.0)],
        mechanism=scheme,
        rivals=(),
        n_starts=4,
        n_draws=4,
    )
    assert fit.verdict["code"] == "alone"  # nothing is claimed where no rival was fitted
    for name, true in zip(mechanism.names, truth[:, 0], strict=True):
        found = fit.parameters[name]
        assert found.low is not None
        assert found.high is not None
        assert found.low < true < found.high
        assert fit.known[name] == "determined"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('[[observation]]\nsource = "x"\nquantity = "colour"\n', "lacks dose_percent"),
        (
            '[[observation]]\nsource = "x"\nquantity = "colour"\ndose_percent = 5\nvalue = 1\nsd = 1\n',
            "observation 1: .*'colour'",
        ),
        ("title = 'none'\n", "no .*observation"),
        ('titel = "x"\n', "did you mean 'title'"),
    ],
)
def test_a_fault_of_an_evidence_file_is_named(tmp_path: Path, text: str, words: str) -> None:
    file = tmp_path / "evidence.toml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(cx.InputError, match=words):
        cx.fit_mechanism(file)


def test_errors_of_numbers_of_one_trace_go_together_as_noise_says(dark: Mechanism, best: Array) -> None:
    """Slopes, R2 and absorbances of many noisy copies of the trace, worked out by polyfit."""
    eye = Eye(dark, published_evidence())
    told = correlation(eye, best)
    assert told is not None
    trace = [i for i, one in enumerate(eye.evidence.observations) if one.source == "trace"]
    alone = np.delete(np.arange(eye.value.size), trace)
    assert told[np.ix_(alone, alone)] == pytest.approx(np.eye(alone.size))
    times = np.unique(np.concatenate([np.linspace(0, 20, 11), np.linspace(20, 100, 17)]))
    curve = sight(dark, best[:, None], np.array([100.0]), times).absorbance().value[:, 0, 0]
    noisy = curve + np.random.default_rng(8).normal(0, 2e-4, (4000, times.size))

    def line(first: float, last: float) -> tuple[Array, Array]:
        at = (times >= first) & (times <= last)
        logs = np.log(noisy[:, at]).T
        slope, offset = np.polyfit(times[at], logs, 1)
        rest = logs - np.outer(times[at], slope) - offset
        return -slope, 1 - (rest**2).sum(axis=0) / ((logs - logs.mean(axis=0)) ** 2).sum(axis=0)

    (k1, r1), (k2, r2) = line(0, 20), line(20, 100)
    read = [noisy[:, times == 20][:, 0], noisy[:, times == 100][:, 0], k1, k2, r1, r2]
    assert told[np.ix_(trace, trace)] == pytest.approx(np.corrcoef(read), abs=0.06)


def test_checks_of_the_weights_are_printed(short: MechanismFit) -> None:
    assert short.rivals[0].correlated == pytest.approx(31.6, abs=0.5)
    text = str(short)
    assert "sds doubled" in text
    assert "chi2 of the rest without one source" in text
    assert f"{short.chi2:.1f} becomes {short.rivals[0].correlated:.1f}" in " ".join(text.split())
    assert {"left_out", "rivals"} <= {table.name for table in short.data()}
