"""The search over compositions: completeness against a plain twin, chance-hit rate, charge balance."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cxkinetics.errors import UsageError
from cxkinetics.evidence.assignment import SearchSpace, catalogue
from cxkinetics.evidence.isotopes import average_mass
from cxkinetics.models.formula import LIGANDS, parse

SPACE = SearchSpace()
ACID = (LIGANDS["L"],)


def test_the_chance_hit_rate_of_the_host_search() -> None:
    """98 % of random masses in 5200-5800 find some CdxSy(L)z + adduct within 1 Da."""
    assert catalogue(SPACE).chance_rate(5200, 5800, 1.0, ligands=ACID) == pytest.approx(0.98, abs=0.005)


def test_charge_balance_and_the_sulfide_family_prune() -> None:
    known = catalogue(SPACE)
    oleate = (LIGANDS["OA"],)
    balanced = known.chance_rate(5200, 5800, 1.0, ligands=oleate, balanced=True)
    assert balanced < 0.25
    bare = SearchSpace(ligands=oleate, adducts=())
    assert catalogue(bare).chance_rate(5200, 5800, 1.0, balanced=True) < 0.10
    assert known.chance_rate(3200, 4150, 1.0, families=("sulfide",), balanced=True) < 0.01
    assert known.chance_rate(3200, 4150, 1.0) > 0.9  # a peak there alone is no Ag2S


def test_chance_rate_against_random_masses() -> None:
    known = catalogue(SPACE)
    masses = np.random.default_rng(3).uniform(5200, 5800, 4000)
    hits = np.mean([bool(known.near(m, 1.0, ["host"])) for m in masses])
    assert known.chance_rate(5200, 5800, 1.0) == pytest.approx(hits, abs=0.01)


def test_every_composition_is_found_and_weighs_what_its_atoms_weigh() -> None:
    known = catalogue(SPACE)
    for text in ("Cd34S33(OA)", "Ag2Cd32S33(OA)+2H", "Ag29S14", "Cd33S31(OA)3", "Cd20S18(L)2+Na"):
        mass = average_mass(parse(text))
        near = known.near(mass, 0.01)
        assert parse(text).elements in [parse(c.formula).elements for c in near]
        for candidate in near:
            assert candidate.mass_da == pytest.approx(average_mass(parse(candidate.formula)), abs=1e-6)
            assert candidate.formal_charge == parse(candidate.formula).formal_charge()


def test_plain_twin_of_a_small_search() -> None:
    space = SearchSpace(
        host_count=(2, 4), excess=(0, 1), most_ligands=1, most_guests=1, guest_count=(3, 4),
        guest_excess=(1, 2), adducts=("H",), ligands=(LIGANDS["OA"],),
    )  # fmt: skip
    slow = set()
    for metals in (2, 3, 4):
        for sulfur in {metals, metals - 1} - {0}:
            for guests in (0, 1):
                for ligand in ("", "(OA)"):
                    for adduct in ("", "+H"):
                        text = f"Ag{guests}Cd{metals - guests}S{sulfur}{ligand}{adduct}"
                        slow.add(str(parse(text)))
    slow |= {"Ag3S", "Ag4S"}
    known = catalogue(space)
    found = {str(known._formula(i)) for i in range(known.mz.size)}
    assert found == slow


def test_candidates_nearer_to_the_paper_s_peaks() -> None:
    known = catalogue(SPACE)
    assert "Cd33S31(OA)3" in [c.formula for c in known.near(5549, 2.0, ["host"]) if c.balanced]
    assert "Cd34S32(OA)3" in [c.formula for c in known.near(5694, 2.0, ["host"]) if c.balanced]


@settings(max_examples=30, deadline=None)
@given(st.floats(3000, 6000), st.floats(0.1, 2.0), st.floats(0.0, 1.0))
def test_chance_grows_with_the_tolerance(low: float, tolerance: float, more: float) -> None:
    known = catalogue(SPACE)
    one = known.chance_rate(low, low + 300, tolerance, balanced=True)
    assert 0.0 <= one <= known.chance_rate(low, low + 300, tolerance + more, balanced=True) <= 1.0


def test_errors() -> None:
    with pytest.raises(UsageError, match="charge is 2"):
        SearchSpace(charge=2)
    with pytest.raises(UsageError, match="adduct 'Au'"):
        SearchSpace(adducts=("Au",))
