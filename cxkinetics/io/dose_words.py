"""Words in the headers of dose tables: guest added, guest taken up."""

import re
from collections.abc import Sequence

__all__ = ["DOSE", "TAKEN", "plain_name", "speak_of_dose"]

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
