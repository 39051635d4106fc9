"""Words in the headers of dose tables: guest added, guest taken up, and which element the guest is."""

import re
from collections.abc import Sequence

__all__ = ["DOSE", "TAKEN", "guest_in", "plain_name", "speak_of_dose"]

DOSE = re.compile(
    r"\b(dose[ds]?|dosage|added|addition|add\.|adds|feed|fed|nominal|equiv\w*|eq\.?|zugabe|zugegeben|dosis|ajout\w*|añadid\w*|input|offered)\b"
)
TAKEN = re.compile(
    r"\b(incorp\w*|incorporated|incorporation|taken|uptake|in solid|solid|measured|found|icp[\w-]*|content|"
    r"exchanged|einbau|eingebaut|gefunden|gehalt|incorporé\w*|incorporad\w*|composition)\b"
)


def plain_name(name: str) -> str:
    """Return the name of a column in small letters, its words divided by single blanks."""
    return " ".join(name.casefold().replace("_", " ").split())


def speak_of_dose(names: Sequence[str]) -> bool:
    """Return whether one column is named as guest added and another as guest taken up.

    Examples
    --------
    >>> speak_of_dose(["Ag added (mol %)", "Ag incorporated (mol %)"])
    True
    >>> speak_of_dose(["foo", "measured absorbance"])
    False
    """
    plain = [plain_name(name) for name in names]
    dosed = {j for j, name in enumerate(plain) if DOSE.search(name)}
    taken = {j for j, name in enumerate(plain) if TAKEN.search(name)}
    return bool(dosed and taken) and len(dosed | taken) > 1


_CATIONS = frozenset(
    re.findall(
        r"\w+",
        "Ag Al Au Ba Be Bi Ca Cd Ce Co Cr Cs Cu Er Eu Fe Ga Gd Ge Hf Hg In Ir La Li Mg Mn Mo Na Nb Ni Os Pb "
        "Pd Pt Rb Re Rh Ru Sb Sc Sn Sr Ta Tb Ti Tl Yb Zn Zr",
    )
)
_NAMES = {
    "silver": "Ag",
    "silber": "Ag",
    "copper": "Cu",
    "kupfer": "Cu",
    "gold": "Au",
    "zinc": "Zn",
    "zink": "Zn",
    "cadmium": "Cd",
    "mercury": "Hg",
    "indium": "In",
    "gallium": "Ga",
    "manganese": "Mn",
    "cobalt": "Co",
}
_ELEMENT = re.compile(
    r"(?<![A-Za-z])(?:([A-Z][a-z])(?![a-z])(?!(?:Se|Te|As|[SPO])(?![a-z]))|((?i:"
    + "|".join(_NAMES)
    + r"))\b)"
)
_HOST_BEFORE = re.compile(
    r"(?:/|\b(?:per|vs\.?|in|into|to|from)\b|(?:%|percent) of)[\s(]*(?:[µumn]?mol\s+)?$", re.I
)
_DIVIDED = re.compile(r"\bper\b|/")
_AFTER_IN = re.compile(r"\s*(?:\(?III\)?|3\+|[/:]|\d|add|dos|incorp|taken|upt|found|measured|content)", re.I)
_HOST_LOST = re.compile(r"\b(?:replaced|exchanged|released|left|lost|remaining|substituted)\b", re.I)


def guest_in(name: str) -> str:
    """Return the symbol of the guest that the name of a column holds, "" where it names none.

    What an amount is divided by is the host ("per Cd", "/Cd"), and so is a cation that is replaced.

    Examples
    --------
    >>> guest_in("Cu added per Cd (%)"), guest_in("dose / mol Ag per mol Cd"), guest_in("In solid (%)")
    ('Cu', 'Ag', '')
    """
    if _HOST_LOST.search(name):
        return ""
    for found in _ELEMENT.finditer(name):
        symbol, word = found.groups()
        symbol = symbol or _NAMES[word.casefold()]
        spoken = symbol == "In" and not word and not _AFTER_IN.match(name, found.end())
        divides = _HOST_BEFORE.search(name[: found.start()])
        if divides and divides.group().startswith("/") and _DIVIDED.search(name, found.end()):
            divides = None  # "dose / mol Ag per mol Cd": the first stroke sets off a unit
        if symbol in _CATIONS and not spoken and not divides:
            return symbol
    return ""
