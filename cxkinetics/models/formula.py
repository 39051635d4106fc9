"""Cluster formulae: elements of the core, ligands in brackets, adducts and a charge.

`parse("Ag2Cd32S33(L)")` reads the elements in any order, so `Cd32Ag2S33(L)` is the same formula.
A ligand is a name from a table (`L`, `OA`, ...) or a formula of its own, `(C18H34O2)`. Adducts are
written with signs, `[Cd34S33(L)+Na]+`. Counts are whole numbers: a cluster has no half atom.
Masses are not computed here (see `cxkinetics.evidence.isotopes`).
"""

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

from cxkinetics.errors import InputError

ELEMENTS = frozenset(
    re.findall(
        r"\w+",
        "H He Li Be B C N O F Ne Na Mg Al Si P S Cl Ar K Ca Sc Ti V Cr Mn Fe Co Ni Cu Zn Ga Ge As Se Br Kr "
        "Rb Sr Y Zr Nb Mo Tc Ru Rh Pd Ag Cd In Sn Sb Te I Xe Cs Ba La Ce Pr Nd Pm Sm Eu Gd Tb Dy Ho Er Tm "
        "Yb Lu Hf Ta W Re Os Ir Pt Au Hg Tl Pb Bi Po At Rn Fr Ra Ac Th Pa U Np Pu Am Cm Bk Cf Es Fm Md No "
        "Lr Rf Db Sg Bh Hs Mt Ds Rg Cn Nh Fl Mc Lv Ts Og",
    )
)

OXIDATION_STATES: Mapping[str, int] = MappingProxyType(
    {"Ag": 1, "Cd": 2, "Cl": -1, "Cu": 1, "H": 1, "Hg": 2, "K": 1, "Li": 1, "Na": 1, "O": -2}
    | {"Pb": 2, "S": -2, "Se": -2, "Te": -2, "Zn": 2}
)
"""Formal charge of each ion of the core; Cu is taken as Cu(I)."""

Counts = tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class Ligand:
    """One ligand: its name, its elements (sorted) and its formal charge as it is bound."""

    name: str
    elements: Counts
    charge: int = 0


LIGANDS: Mapping[str, Ligand] = MappingProxyType(
    {
        "L": Ligand("L", (("C", 18), ("H", 34), ("O", 2))),
        "OA": Ligand("OA", (("C", 18), ("H", 33), ("O", 2)), -1),
        "OAH": Ligand("OAH", (("C", 18), ("H", 34), ("O", 2))),
        "oleate": Ligand("OA", (("C", 18), ("H", 33), ("O", 2)), -1),
        "oleic acid": Ligand("OAH", (("C", 18), ("H", 34), ("O", 2))),
    }
)
"""Names that may stand in brackets. `L` is oleic acid C18H34O2, as Yao, Lynch, Robinson, J. Chem. Phys.
159, 014704 (2023), doi 10.1063/5.0151904, define it; `OA` is oleate, which carries the charge -1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Formula:
    """A cluster: core, ligands, adducts and charge.

    Attributes
    ----------
    core : tuple of (str, int)
        Elements of the core and their counts, sorted by symbol.
    ligands : tuple of (Ligand, int)
        Ligands and their counts, sorted by name.
    adducts : tuple of (str, int)
        Elements gained (positive) or lost (negative), sorted by symbol.
    charge : int
        Charge of the ion as written; 0 where none is written.
    """

    core: Counts
    ligands: tuple[tuple[Ligand, int], ...] = ()
    adducts: Counts = ()
    charge: int = 0

    @property
    def elements(self) -> dict[str, int]:
        """Counts of all atoms: core, ligands and adducts together."""
        total = Counter(dict(self.core))
        for ligand, number in self.ligands:
            total.update({symbol: number * count for symbol, count in ligand.elements})
        total.update(dict(self.adducts))
        return {symbol: count for symbol, count in sorted(total.items()) if count}

    @property
    def bare(self) -> "Formula":
        """The core alone, without ligands, adducts and charge."""
        return Formula(core=self.core)

    def count(self, symbol: str) -> int:
        """Return how many atoms of `symbol` the core holds."""
        return dict(self.core).get(symbol, 0)

    def ligand_count(self) -> int:
        """Return how many ligands there are, of all kinds."""
        return sum(number for _, number in self.ligands)

    def formal_charge(self, states: Mapping[str, int] = OXIDATION_STATES) -> int:
        """Return the sum of the formal charges of core ions, ligands and adducts.

        An adduct counts with the charge of its ion (+1 for Na, H, Ag).

        Raises
        ------
        InputError
            If the oxidation state of an element is not in `states`.

        Examples
        --------
        >>> parse("Cd34S33(OA)").formal_charge()
        1
        """
        total = sum(number * ligand.charge for ligand, number in self.ligands)
        for symbol, count in (*self.core, *self.adducts):
            if symbol not in states:
                raise InputError(
                    f"the oxidation state of {symbol} is not known; pass states={{..., {symbol!r}: charge}}"
                )
            total += states[symbol] * count
        return total

    def exchanged(self, changes: Mapping[str, int]) -> "Formula":
        """Return the formula with `changes` added to the counts of the core.

        Examples
        --------
        >>> str(parse("Cd34S33(L)").exchanged({"Cd": -2, "Ag": 2}))
        'Ag2Cd32S33(L)'
        """
        counts = dict(self.core)
        for symbol, change in changes.items():
            counts[symbol] = counts.get(symbol, 0) + change
            if counts[symbol] < 0:
                raise InputError(f"{self} cannot lose {-change} {symbol}; it holds {self.count(symbol)}")
        return replace(self, core=_sorted_counts(counts))

    def __str__(self) -> str:
        text = _counts_text(self.core)
        for ligand, number in self.ligands:
            text += f"({ligand.name})" + (str(number) if number > 1 else "")
        for symbol, count in self.adducts:
            number_text = "" if abs(count) == 1 else str(abs(count))
            text += f"{'+' if count > 0 else '-'}{number_text}{symbol}"
        if not self.charge:
            return text
        size = "" if abs(self.charge) == 1 else str(abs(self.charge))
        return f"[{text}]{size}{'+' if self.charge > 0 else '-'}"


def parse(text: str) -> Formula:
    """Return the cluster that `text` describes.

    Parameters
    ----------
    text : str
        Such as "Ag2Cd32S33", "Cd34S33(L)", "Cd33S31(OA)3", "Cd34S33(C18H34O2)" or
        "[Cd34S33(L)+Na]+"; elements in any order, spaces and subscript digits allowed; `LIGANDS` holds
        the names that may stand in brackets.

    Raises
    ------
    InputError
        If an element or a ligand is not known, a bracket is not closed or a count is not whole.

    Examples
    --------
    >>> parse("Cd32Ag2S33") == parse("Ag2Cd32S33")
    True
    >>> parse("Cd34S33(L)").elements
    {'C': 18, 'Cd': 34, 'H': 34, 'O': 2, 'S': 33}
    """
    cleaned = str(text).translate(_SUBSCRIPTS).replace(" ", "").replace("−", "-")
    if not cleaned:
        raise InputError("the formula is empty; write one such as Ag2Cd32S33(L)")
    body, charge = _split_charge(cleaned, text)
    core: dict[str, int] = {}
    bound: dict[Ligand, int] = {}
    adducts: dict[str, int] = {}
    parts = re.split(r"([+-])", body)
    _read_part(parts[0], text, core, bound)
    for sign, part in zip(parts[1::2], parts[2::2], strict=True):
        rest = part.lstrip("0123456789")
        number = int(part[: len(part) - len(rest)] or 1)
        gained: dict[str, int] = {}
        _read_part(rest, text, gained, None)
        for symbol, count in gained.items():
            adducts[symbol] = adducts.get(symbol, 0) + (1 if sign == "+" else -1) * number * count
    formula = Formula(
        core=_sorted_counts(core),
        ligands=tuple(sorted(bound.items(), key=lambda item: item[0].name)),
        adducts=tuple((s, c) for s, c in sorted(adducts.items()) if c),
        charge=charge,
    )
    negative = [symbol for symbol, count in formula.elements.items() if count < 0]
    if negative:
        raise InputError(f"formula {text!r} loses more {negative[0]} than it holds")
    if not formula.elements:
        raise InputError(f"formula {text!r} holds no atom")
    return formula


_SUBSCRIPTS = str.maketrans("₀₁₂₃₄₅₆₇₈₉⁺⁻", "0123456789+-")
_TOKEN = re.compile(r"([A-Z][a-z]?)(\d*)|\(([^()]*)\)(\d*)")


def _split_charge(cleaned: str, text: str) -> tuple[str, int]:
    if cleaned.startswith("["):
        body, closed, tail = cleaned[1:].partition("]")
        found = re.fullmatch(r"\^?(\d*)([+-])|\^?([+-])(\d+)|", tail)
        if not closed or found is None:
            raise InputError(f"formula {text!r}: write the ion as [formula]+ or [formula]2+")
        size, sign = found[1] or found[4] or "1", found[2] or found[3]
        return body, 0 if sign is None else int(f"{sign}{size}")
    found = re.search(r"(?:\^(\d+))?([+-])$", cleaned)
    if found is None:
        return cleaned, 0
    return cleaned[: found.start()], int(f"{found[2]}{found[1] or 1}")


def _read_part(part: str, text: str, counts: dict[str, int], bound: dict[Ligand, int] | None) -> None:
    position = 0
    while position < len(part):
        token = _TOKEN.match(part, position)
        if token is None:
            raise InputError(
                f"formula {text!r}: {part[position:]!r} cannot be read; "
                "write element symbols with whole counts and ligands in round brackets"
            )
        position = token.end()
        number = int(token[2] or token[4] or 1)
        if token[1] is None:
            ligand = _ligand(token[3], text)
            if bound is None:
                for symbol, count in ligand.elements:
                    counts[symbol] = counts.get(symbol, 0) + number * count
            else:
                bound[ligand] = bound.get(ligand, 0) + number
        else:
            if token[1] not in ELEMENTS:
                raise InputError(
                    f"formula {text!r}: {token[1]!r} is not an element (symbols are case-sensitive: Cd)"
                )
            counts[token[1]] = counts.get(token[1], 0) + number
        if position < len(part) and part[position] in ".,":
            raise InputError(f"formula {text!r}: counts must be whole, not {part[position - 1 :]!r}")


def _ligand(name: str, text: str) -> Ligand:
    known = {key.replace(" ", ""): value for key, value in LIGANDS.items()}
    if name in known:
        return known[name]
    counts: dict[str, int] = {}
    try:
        _read_part(name, text, counts, None)
    except InputError:
        counts = {}
    if not counts:
        raise InputError(
            f"formula {text!r}: ligand {name!r} is not known (known: {', '.join(LIGANDS)}); "
            "write its formula in the brackets, such as (C18H34O2)"
        )
    same = [ligand for ligand in LIGANDS.values() if ligand.elements == _sorted_counts(counts)]
    return same[0] if same else Ligand(name, _sorted_counts(counts))


def _sorted_counts(counts: Mapping[str, int]) -> Counts:
    return tuple((symbol, count) for symbol, count in sorted(counts.items()) if count)


def _counts_text(counts: Counts) -> str:
    return "".join(symbol + (str(count) if count != 1 else "") for symbol, count in counts)
