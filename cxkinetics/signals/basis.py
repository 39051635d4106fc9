"""What an incorporation is a percentage of: guest per all cations, per host cation or per anion.

With G guests, H host cations and A anions these are G/(G+H), G/H and G/A. The first two follow from
each other; the third also needs H/A of the same solid (the trapped host counts in H). A basis is named
with the elements of its sample ("Cd/(Cd+In)"); where an element is not known a word stands for it
("guest", "host", "anion"). The three names in `BASES` are also read as the three kinds, whatever the
elements.
"""

import re

import numpy as np

from cxkinetics.arrays import Array, ArrayLike
from cxkinetics.errors import InputError, UsageError

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


def convert_basis(
    incorporation_percent: ArrayLike, source: str, target: str, *, hosts_per_anion: ArrayLike | None = None
) -> Array:
    """Return incorporations (%) given on `source` on the basis `target`.

    Parameters
    ----------
    incorporation_percent : array_like
        In percent on `source`.
    source, target : str
        Of the kinds "Ag/(Ag+Cd)", "Ag/Cd", "Ag/S" (Ag stands for the guest, Cd for the host cation).
    hosts_per_anion : array_like, optional
        Host cations per anion of the same solid (ICP), needed to pass to or from "Ag/S".

    Raises
    ------
    UsageError
        If a basis is not known, or "Ag/S" is asked for without `hosts_per_anion`.
    InputError
        If a value cannot be on that basis (100 % or more of G/(G+H) has no host left).

    Examples
    --------
    >>> convert_basis([4.0, 40.4], "Ag/(Ag+Cd)", "Ag/Cd").round(4).tolist()
    [4.1667, 67.7852]
    """
    here, there = basis_kind(source), basis_kind(target)
    y = np.asarray(incorporation_percent, dtype=float) / 100
    if here == there:
        return y * 100
    if BASES[2] in (here, there) and hosts_per_anion is None:
        raise UsageError(
            f"from {source} to {target} needs the host cations per anion of each sample; "
            "give hosts_per_anion (host cations per anion from the same analysis)"
        )
    if here == BASES[0] and np.any(y >= 1):
        raise InputError(f"incorporation {100 * float(np.max(y)):g} % on {source} leaves no host cation")
    per_anion = np.nan if hosts_per_anion is None else np.asarray(hosts_per_anion, dtype=float)
    # by way of the guests per host cation, from which both others follow
    ratio = y / (1 - y) if here == BASES[0] else y / per_anion if here == BASES[2] else y
    wanted: Array = (
        ratio / (1 + ratio) if there == BASES[0] else ratio * per_anion if there == BASES[2] else ratio
    )
    return wanted * 100
