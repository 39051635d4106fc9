"""Cluster formulae: any element order, ligands, adducts, charge balance and errors."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cxkinetics.errors import InputError
from cxkinetics.models.formula import ELEMENTS, Formula, parse


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("Cd32Ag2S33", "Ag2Cd32S33"),
        ("S33Cd34(L)", "Cd34S33(C18H34O2)"),
        ("Cd34 S33 (oleic acid)", "Cd34S33(OAH)"),
        ("Cd₃₄S₃₃", "Cd34S33"),
        ("Ag0Cd34S33", "Cd34S33"),
        ("[Cd34S33(OA)]+", "Cd34S33(OA)+"),
        ("[Ag2S+2Na]2+", "[SAg2+Na+Na]+2"),
    ],
)
def test_two_ways_of_writing_are_one_formula(text: str, same: str) -> None:
    assert parse(text) == parse(same)


def test_elements_of_a_capped_cluster() -> None:
    assert parse("Ag2Cd32S33(L)").elements == {"Ag": 2, "C": 18, "Cd": 32, "H": 34, "O": 2, "S": 33}
    assert parse("Cd33S31(OA)3").elements == {"C": 54, "Cd": 33, "H": 99, "O": 6, "S": 31}
    assert parse("[Cd34S33(L)-H]-").elements["H"] == 33
    assert parse("Ag2Cd32S33").count("Ag") == 2
    assert parse("Ag2Cd32S33").count("Se") == 0


@pytest.mark.parametrize(("text", "charge"), [("Cd34S33(OA)", 1), ("Cd33S31(OA)3", 1), ("Cd34S32(OA)3", 1)])
def test_charge_balance_of_oleate_clusters(text: str, charge: int) -> None:
    """2x - 2y - z = +1 for CdxSy(oleate)z."""
    assert parse(text).formal_charge() == charge


def test_oleic_acid_carries_no_charge_and_exchange_by_protons_keeps_it() -> None:
    host = parse("Cd34S33(OA)")
    assert parse("Cd34S33(L)").formal_charge() == 2
    assert host.exchanged({"Cd": -2, "Ag": 2}).formal_charge() == -1
    assert host.exchanged({"Cd": -2, "Ag": 2, "H": 2}).formal_charge() == 1


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("CD34S33", "'D' is not an element"),
        ("Cd34S33(Q)", "ligand 'Q' is not known"),
        ("Cd34.5S33", "counts must be whole"),
        ("Cd34S33(L", "cannot be read"),
        ("", "empty"),
        ("[Cd34S33", "write the ion as"),
        ("-H", "loses more H"),
        ("Cd0", "holds no atom"),
    ],
)
def test_bad_formulae_say_what_is_wrong(text: str, words: str) -> None:
    with pytest.raises(InputError, match=words):
        parse(text)


def test_exchange_cannot_take_more_than_there_is() -> None:
    with pytest.raises(InputError, match="cannot lose 3 Cd"):
        parse("Cd2S2").exchanged({"Cd": -3})


def test_unknown_oxidation_state_is_an_error() -> None:
    with pytest.raises(InputError, match="oxidation state of Au"):
        parse("Au25").formal_charge()


cores = st.dictionaries(st.sampled_from(sorted(ELEMENTS)), st.integers(1, 99), min_size=1, max_size=5)


@given(cores, st.sampled_from(["", "(L)", "(OA)3", "(C2H3O2)2"]), st.integers(-3, 3), st.randoms())
def test_text_and_formula_agree_in_any_order(core: dict, ligand: str, charge: int, random) -> None:
    symbols = sorted(core)
    random.shuffle(symbols)
    formula = parse("".join(f"{s}{core[s]}" for s in symbols) + ligand)
    assert dict(formula.core) == core
    charged = Formula(core=formula.core, ligands=formula.ligands, charge=charge)
    assert parse(str(charged)) == charged
