"""Accepted sets: pieces, ends and parabolas against sets that are known."""

import numpy as np
import pytest

from cxkinetics.inference.accepted import (
    Accepted,
    accepted_set,
    between,
    narrowed,
    parabola,
    runs,
    vertex,
    walk_out,
)

X = np.linspace(-3.0, 3.0, 301)


def two_valleys(x: np.ndarray) -> np.ndarray:
    return np.minimum((x + 1) ** 2, (x - 1.5) ** 2)


def test_two_valleys_make_two_pieces_with_interpolated_ends() -> None:
    y = two_valleys(X)
    found = accepted_set(X, y <= 0.25, lambda i, j: between(X, y, i, j, 0.25))
    assert np.array(found.several) == pytest.approx(np.array([[-1.5, -0.5], [1.0, 2.0]]), abs=1e-3)
    assert (found.low, found.high) == (found.pieces[0][0], found.pieces[-1][1])
    assert found.open_ends == ()


def test_an_end_that_was_not_reached_is_open() -> None:
    y = (X - 3.0) ** 2
    found = accepted_set(X, y <= 1.0, lambda i, j: between(X, y, i, j, 1.0))
    assert found.high is None
    assert found.low == pytest.approx(2.0, abs=1e-3)
    assert found.open_ends == ("upper",)
    assert found.several == ()
    assert found.told(np.exp).low == pytest.approx(np.exp(2.0), rel=1e-3)


def test_nothing_accepted_has_no_pieces() -> None:
    found = accepted_set(X, np.zeros(X.size, bool), lambda i, j: np.nan)
    assert found == Accepted()
    assert found.low is None
    assert found.high is None


def test_both_ends_of_a_piece_round_alike() -> None:
    y = X**2
    found = accepted_set(X, y <= 0.3, lambda i, j: between(X, y, i, j, 0.3))
    assert found.pieces[0][0] == pytest.approx(-found.pieces[0][1], abs=1e-14)


def test_runs_hold_first_and_last() -> None:
    assert list(runs(np.array([False, True, True, False, True]))) == [(1, 2), (4, 4)]
    assert list(runs(np.zeros(3, bool))) == []


@pytest.mark.parametrize("sections", [2, 8])
def test_narrowing_closes_in_on_the_end(sections: int) -> None:
    asked: list[int] = []

    def accepts(x: np.ndarray) -> np.ndarray:
        asked.append(x.size)
        return x <= np.sqrt(2.0)

    inside, outside = narrowed(accepts, 1.0, 2.0, sections=sections, rounds=6)
    assert inside <= np.sqrt(2.0) < outside
    assert outside - inside == pytest.approx(sections**-6.0)
    assert sum(asked) == 6 * (sections - 1), "no value that is known already is asked again"


@pytest.mark.parametrize("curve", ["straight", "bent", "flat first", "far"])
def test_a_walk_finds_the_end(curve: str) -> None:
    depth, end = {
        "straight": (lambda d: d / 3, 3.0),
        "bent": (lambda d: (d / 3) ** 4, 3.0),
        "flat first": (lambda d: max(d - 2.0, 0.0), 3.0),
        "far": (lambda d: d / 1e6, 1e6),
    }[curve]
    distance, ends = walk_out(depth, 1.0, room=np.inf, close=1e-9, tries=60)
    assert ends
    assert distance == pytest.approx(end, rel=1e-8)


def test_a_walk_stops_at_a_jump() -> None:
    distance, ends = walk_out(lambda d: 0.2 if d < 1.7 else np.inf, 1.0, room=np.inf, close=1e-9, tries=80)
    assert ends
    assert distance == pytest.approx(1.7, rel=1e-6)


@pytest.mark.parametrize(("room", "depth"), [(5.0, lambda d: 0.1), (2.0, lambda d: d / 2.02)])
def test_a_walk_that_meets_its_wall_is_open(room: float, depth) -> None:
    assert walk_out(depth, 1.0, room=room, close=0.05, tries=40) == (room, False)


def test_a_profile_that_bends_away_for_good_is_followed_far() -> None:
    distance, ends = walk_out(lambda d: 0.999 * d / (1 + d), 1.0, room=1e9, close=1e-9, tries=60)
    assert not ends
    assert distance == 1e9


def test_the_vertex_of_a_parabola_is_exact_on_any_spacing() -> None:
    rng = np.random.default_rng(1)
    x = np.sort(rng.uniform(-2, 2, (3, 50)), axis=0)
    a, b, c = rng.uniform(0.5, 2, 50), rng.uniform(-1, 1, 50), rng.uniform(-1, 1, 50)
    y = a * (x - b) ** 2 + c
    assert vertex(x, y) == pytest.approx(b, abs=1e-9)
    assert parabola(x, y, vertex(x, y)) == pytest.approx(c, abs=1e-9)


@pytest.mark.parametrize("y", [[1.0, 2.0, 1.0], [0.0, 1.0, 2.0]])
def test_what_does_not_open_upwards_has_no_vertex(y: list[float]) -> None:
    assert np.isnan(vertex(np.array([0.0, 1.0, 2.0]), np.array(y)))
