"""Schemes as text."""

import pytest

from cxkinetics.errors import UsageError
from cxkinetics.models.network import network_of, parse_scheme


@pytest.mark.parametrize(
    ("text", "species", "rates", "starting", "stages"),
    [
        ("A -> B", "A B", "k1", "A", 1),
        ("A->B;B->C", "A B C", "k1 k2", "A", 1),
        ("A -> B -> C", "A B C", "k1 k2", "A", 1),
        ("A -> B, A -> C\nB -> C", "A B C", "k1 k2 k3", "A", 1),
        ("A <-> B; B -> C", "A B C", "k1 k1r k2", "A", 1),
        ("A ⇌ B", "A B", "k1 k1r", "A", 1),
        ("A1 -> P; A2 -> P", "A1 P A2", "k1 k2", "A1 A2", 1),
        ("A -> B | A -> B", "A B", "k1 k2", "A", 2),
        ("A -> B [ka]; B -> C [ka]", "A B C", "ka", "A", 1),
        ("Cd34S33 -> AgCd33S33 + Cd2+", "Cd34S33 AgCd33S33 Cd2+", "k1", "Cd34S33", 1),
        ("A -> B; B -> C; C -> A", "A B C", "k1 k2 k3", "A", 1),
    ],
)
def test_what_a_text_means(text, species, rates, starting, stages) -> None:
    scheme = parse_scheme(text)
    assert scheme.species == tuple(species.split())
    assert scheme.rates == tuple(rates.split())
    assert scheme.starting == tuple(starting.split())
    assert scheme.n_stages == stages


def test_coefficients_and_fixed_rates() -> None:
    scheme = parse_scheme("A -> 2 B [k=0.05]; B -> C")
    assert scheme.fixed == (("k", 0.05),)
    matrix = network_of(scheme).steps[0]
    assert matrix[0][:, 0].tolist() == [-1.0, 2.0, 0.0]
    assert str(scheme.steps[0]) == "A -> 2 B"
    assert scheme.steps_of("k") == "A -> 2 B"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("A + X -> B", "not first order in one reactant"),
        ("2 A -> B", "not first order"),
        ("A B", "no arrow"),
        ("A -> A", "forms what it consumes"),
        ("A -> B; A -> B", "stands twice"),
        ("A -> B [k=fast]", "'fast' .* is no rate constant"),
        ("A -> B [k=-1]", "no rate constant"),
        ("A -> B | ", "stage 2 .* has no step"),
        ("1 -> 2", "starts with a letter"),
        ("A -> B [k1] -> C", "write one step each"),
        ("", "no step"),
    ],
)
def test_a_scheme_that_cannot_be_meant_is_quoted(text, words) -> None:
    with pytest.raises(UsageError, match=words):
        parse_scheme(text)


def test_initial_concentrations_are_checked() -> None:
    scheme = parse_scheme("A -> B")
    assert network_of(scheme, {"A": 0.5, "B": 0.1}).initial.tolist() == [0.5, 0.1]
    with pytest.raises(UsageError, match="'Z' is no species"):
        network_of(scheme, {"Z": 1})
    with pytest.raises(UsageError, match="must not be negative"):
        network_of(scheme, {"A": -1})
    with pytest.raises(UsageError, match="all initial concentrations are zero"):
        network_of(scheme, {"A": 0})
