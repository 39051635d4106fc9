"""What an incorporation is a percentage of: guest per all cations, per host cation or per anion.

With G guests, H host cations and A anions these are G/(G+H), G/H and G/A. A basis is named with the
elements of its sample ("Cd/(Cd+In)"); where an element is not known a word stands for it ("guest",
"host", "anion"). The three names in `BASES` are also read as the three kinds, whatever the elements.
"""

import re

from cxkinetics.errors import UsageError

__all__ = ["BASES", "basis_elements", "basis_kind", "name_basis"]

BASES = ("Ag/(Ag+Cd)", "Ag/Cd", "Ag/S")
"""The three kinds: "Ag" stands for the guest, "Cd" for the host cation, "S" for the anion."""

_ANIONS = frozenset({"O", "S", "Se", "Te", "N", "P", "As", "Sb", "F", "Cl", "Br", "I", "anion"})
_SYMBOL = r"([A-Z][a-z]?|guest|host|anion)"
_SHAPE = re.compile(rf"{_SYMBOL}/(?:{_SYMBOL}|\({_SYMBOL}\+{_SYMBOL}\))")


def basis_elements(basis: str) -> tuple[str, str, str]:
    """Return the kind of a basis, its guest and what stands beside the guest.

    Raises
    ------
    UsageError
        If `basis` is none.

    Examples
    --------
    >>> basis_elements("Cd/(Cd+In)"), basis_elements("Ag/Se")
    (('Ag/(Ag+Cd)', 'Cd', 'In'), ('Ag/S', 'Ag', 'Se'))
    """
    found = _SHAPE.fullmatch(re.sub(r"\s", "", basis))
    if found is not None:
        guest, single, *pair = found.groups()
        if single and single != guest:
            return BASES[2 if single in _ANIONS else 1], guest, single
        others = [symbol for symbol in pair if symbol != guest]
        if not single and len(others) == 1:
            return BASES[0], guest, others[0]
    raise UsageError(
        f"basis is {basis!r}; it must be one of {', '.join(BASES)}, or one of these with your own elements"
    )


def basis_kind(basis: str) -> str:
    """Return which of `BASES` a basis is, whatever elements it names.

    Examples
    --------
    >>> basis_kind("Cu/(Cu+Zn)")
    'Ag/(Ag+Cd)'
    """
    return basis if basis in BASES else basis_elements(basis)[0]


def name_basis(kind: str, *, guest: str = "guest", host: str = "host", anion: str = "anion") -> str:
    """Return the name of a kind of basis with these elements, words for those not known.

    An element that would be taken for the other kind (antimony as a host) is named by its word.

    Examples
    --------
    >>> name_basis("Ag/(Ag+Cd)", guest="Cd", host="In"), name_basis("Ag/Cd", guest="Ag", host="Sb")
    ('Cd/(Cd+In)', 'Ag/host')
    """
    if kind == BASES[0]:
        return f"{guest}/({guest}+{host})"
    if kind == BASES[1]:
        return f"{guest}/{'host' if host in _ANIONS else host}"
    return f"{guest}/{anion if anion in _ANIONS else 'anion'}"
