"""What a column's name says: the quantity, its unit and, in a matrix, its place on the axis.

Names come in the languages of the bench ("Zeit (s)", "Extinktion", "longueur d'onde", "吸光度"),
with the unit in brackets, after a stroke or after an underscore, or with a wavelength inside
("A324", "Abs (324 nm)").
"""

import re
from dataclasses import dataclass

from cxkinetics.io.cells import NumberStyle
from cxkinetics.io.words import KIND_OF, clock_seconds, parse_moment, time_factor


@dataclass(frozen=True, slots=True)
class Quantity:
    """The meaning of one header cell.

    Attributes
    ----------
    name : str
        The cell as it stands, trimmed.
    kind : str
        "time", "wavelength", "energy", "wavenumber", "absorbance", "transmittance", "counts",
        "concentration", "sigma", "index", "temperature", "well", "other" (a quantity that is none of
        these, or a function of one: fluorescence, V, ln A), "setting" (integration time), "" (unknown).
    unit : str
        As read; "" where none is given. For an axis: "nm", "um", "eV", "cm-1", or a unit of time.
    place : float or None
        Number in the name that may be a wavelength or a time ("324 nm", "t = 5 min", "10").
    place_kind : str
        "wavelength", "energy", "wavenumber", "time", "moment" or "" (a bare number).
    weak : bool
        True where the kind rests on a single letter, or a time on its unit alone ("min", "OD (h)").
    """

    name: str
    kind: str = ""
    unit: str = ""
    place: float | None = None
    place_kind: str = ""
    weak: bool = False


_WEAK = frozenset(["a", "e", "s", "n", "wave", "reference", "dark", "raw"])
_SPECTRAL = {
    "nm": "nm", "nm.": "nm", "nanometer": "nm", "nanometers": "nm", "nanometre": "nm", "nanometres": "nm",
    "nanometern": "nm", "нм": "nm", "纳米": "nm", "um": "um", "µm": "um", "μm": "um",
    "micron": "um", "microns": "um",
    "å": "Å", "angstrom": "Å", "angstroms": "Å", "ångström": "Å",
    "ev": "eV", "эв": "eV", "cm-1": "cm-1", "1/cm": "cm-1", "/cm": "cm-1", "см-1": "cm-1",
    "kayser": "cm-1", "kaysers": "cm-1",
}  # fmt: skip
_AXIS_KIND = {"nm": "wavelength", "um": "wavelength", "Å": "wavelength", "eV": "energy", "cm-1": "wavenumber"}
_TYPED = str.maketrans("−–—‐‑⁻¹", "------1", " ^*{}()")  # the ways to write an exponent of minus one
_MOLAR = re.compile(r"[munpµμ]?(M|mol|g|mg)(\s*(/|·|\*)?\s*(L|l|dm|ml|mL)\^?(-1|-3|⁻¹|3|³)?)?")
_BRACKETED = re.compile(r"^(.*\S)?[\s_]*[(\[{<]\s*([^()\[\]{}<>]*?)\s*[)\]}>]\.?$")
_NUMBER = r"[+-]?(?:\d+(?:[.,]\d+)?|[.,]\d+)(?:[eE][+-]?\d+)?"
_PER_CM = r"(?:(?:1|(?<=\s))/\s?cm|cm\s?[\^*({]*\s?[-−–⁻]\s?[1¹][)}]*)"
_PLACE = re.compile(rf"({_NUMBER})[\s_]*({_PER_CM}|[^\W\d_]+\.?|%)?", re.IGNORECASE)
_POINT = NumberStyle()


def spectral_unit(text: str) -> str | None:
    """Return "nm", "um", "Å", "eV" or "cm-1" for the ways these are written, else None."""
    found = _SPECTRAL.get(text.strip().casefold().translate(_TYPED))
    return None if found == "um" and text.strip().endswith("M") else found  # µM is a concentration


_LONGEST_NAME = 200  # a longer cell is prose, and costly to search


def read_header(cell: str) -> Quantity:
    """Return what a header cell means.

    Examples
    --------
    >>> read_header("Zeit [min]").kind, read_header("Zeit [min]").unit
    ('time', 'min')
    >>> read_header("A324").place, read_header("[Br2] (M)").kind
    (324.0, 'concentration')
    """
    name = cell.strip().strip('"').strip()
    if not name or len(name) > _LONGEST_NAME:
        return Quantity(name)
    if _TRANSFORMED.match(name):
        return Quantity(name, "other")
    error_of = _ERROR_OF.fullmatch(name)
    if error_of and read_header(error_of[1]).kind in _SIGNALS and not is_unit(error_of[1].casefold()):
        return Quantity(name, "sigma")
    placed = _read_place(name)
    if placed is not None:
        return placed
    stem, unit = _split_unit(name)
    kind, weak = _kind_of(stem, unit)
    if kind == "index" and time_factor(unit) is not None:
        kind = "time"
    if kind == "time" and _SETTING.search(name):
        return Quantity(name, "setting")
    if kind == "time":
        own = "" if stem == unit else _kind_of(stem, "")[0]
        weak = own != "time" or name == "T"
        if own in _SIGNALS and unit.casefold().rstrip(".") == "std":
            kind, unit = "sigma", ""
    return Quantity(name, kind, _clean_unit(kind, unit), weak=weak)


def read_corner(cell: str) -> tuple[Quantity, Quantity]:
    r"""Return what the corner cell of a matrix says of its rows and of its columns.

    Examples
    --------
    >>> rows, columns = read_corner(r"time (s) \ energy (eV)")
    >>> rows.kind, columns.unit
    ('time', 'eV')
    """
    for mark in ("\\", "|", " vs ", " x ", "/", "-", ";"):
        first, found, second = cell.partition(mark)
        if found:
            rows, columns = read_header(first), read_header(second)
            axes = rows.kind in AXES and columns.kind in AXES
            if axes and (rows.kind == "time") != (columns.kind == "time"):
                return rows, columns
    return read_header(cell), Quantity("")


AXES = ("time", "wavelength", "energy", "wavenumber")
_SIGNALS = ("absorbance", "transmittance", "counts", "concentration")


_MOLE_WORDS = ("conc", "conc.", "concentration", "konzentration")
_BARE_TIMES = ("s", "sec", "secs", "seconds", "min", "minutes", "ms", "h", "hours", "hr", "sek")
# in a longer name these say nothing
_NO_WORD = (
    "t",
    "a",
    "e",
    "s",
    "n",
    "no",
    "nr",
    "id",
    "id.",
    "ph",
    "mass",
    "weight",
    "current",
    "potential",
    "cv",
)
OTHER_UNITS = re.compile(
    r"[mµμunk]?V|[mµμ]?S(/c?m|\s?c?m-1)?|[mkM]?Pa|m?bar|atm|psi|torr|rfu|rlu|ntu|[µμm]?W\b.*|[µμmnkM]?J|k?Hz|[mk]?g",
    re.IGNORECASE,
)
_SETTING = re.compile(r"integration|exposure|dwell|averaging|settl|response|dead\s?time", re.IGNORECASE)
_ERROR_OF = re.compile(r"(?:u|s|sd|se|σ|err|error|unc|δ)\s?\(\s*(.+?)\s*\)", re.IGNORECASE)
# a function of a signal, or its derivative: no scale of amounts
_TRANSFORMED = re.compile(
    r"(?!-?\s*(log|log10|lg)[\s(\[{]*(T\b|I[\s_]?[0o]|I/))"  # these are absorbance by definition
    r"-?\s*(ln|log|log10|lg)\s*(?=[\s(\[{|/_])[\s(\[{|/_]*\W*[^\W\d]|1\s*/\s*[(\[]?\s*(a|abs\w*|od|c|\[)"
    r"(?![^\W\d])|(d|δ|Δ)\s?[([]?\w+[)\]]?\s*/\s*(d|δ|Δ)\s?\w+",
    re.IGNORECASE,
)
# Of several words the one that names the rarer thing decides: "sd of absorbance" is a sigma, "abs at
# wavelength" no absorbance scale but an axis, and a mere counter gives way to everything.
_STRONGER_FIRST = (
    "sigma", "transmittance", "wavelength", "wavenumber", "energy", "time", "temperature", "other",
    "absorbance", "counts", "index",
)  # fmt: skip


def _kind_of(stem: str, unit: str) -> tuple[str, bool]:
    """Return the kind that a name and its unit tell, and whether it rests on a single letter."""
    folded = stem.casefold().strip(" ._:-") if stem.strip() != "+/-" else stem.strip()
    compact = re.sub(r"[\s_]+", "", folded)
    timed = time_factor(unit) is not None
    if unit.casefold() in ("counts", "cts"):
        return "counts", False
    bracketed = re.fullmatch(r"\[[^\]/]+\][₀0]?", stem.strip()) is not None
    if (bracketed or compact in _MOLE_WORDS) and (not timed or unit == "M"):
        return "concentration", False
    if "%" in unit and compact in ("t", "transmission", "transmittance", ""):
        return "transmittance", False
    if compact == "t" and unit in ("°C", "C", "K", "degC", "° C"):
        return "temperature", False
    if stem.strip() == "T" and unit.casefold() in ("au", "a.u.", "abs", "od", "mau"):
        return "absorbance", False
    spectral = spectral_unit(unit) if unit else None
    axis = _AXIS_KIND[spectral] if spectral else ""
    kind = KIND_OF.get(compact, "") or KIND_OF.get(compact.rstrip("."), "")
    if not kind and KIND_OF.get(compact.rstrip("0123456789")) == "sigma":
        return "sigma", False
    if kind == "absorbance" and compact in ("au", "a.u.") and stem == unit:
        return kind, False
    if kind and (kind == "temperature" or not (spectral or timed)):
        return kind, compact in _WEAK and not unit
    if kind:  # the unit overrules the word: "scan (s)" is a time
        return ("time" if kind in ("time", "index") and timed else axis or "time"), False
    if axis and compact in ("", "x", "axis", "xaxis"):
        return axis, False
    # "CurrentTime" is two words
    parted = re.sub(r"(?<=[a-z])(?=[A-Z][a-z])", " ", stem).casefold().strip(" ._:-")
    return _of_words(parted, axis) or axis or _of_unit(stem, folded, unit), False


def _of_words(folded: str, axis: str) -> str:
    """Return the kind that one of the words of a name tells, "" where none does."""
    words = [w for w in re.split(r"[^\w%#±λσ°]+|_", folded) if w]
    hits = [KIND_OF[w] for w in words if w in KIND_OF and w not in _NO_WORD]
    lead = KIND_OF.get(words[0], "") if words else ""
    if hits and lead not in ("", "other") and words[0] not in _WEAK and "sigma" not in hits and not axis:
        return "time" if lead == "index" and "time" in hits else lead  # "scan time" is a time
    return next((kind for kind in _STRONGER_FIRST if kind in hits), "")


def _of_unit(stem: str, folded: str, unit: str) -> str:
    """Return the kind that the unit alone tells, or a name that is a unit or a well; else ""."""
    if time_factor(unit) is not None:
        return "time"
    if (
        unit
        and _MOLAR.fullmatch(unit)
        and re.search(r"[^\W\d]", stem)
        and not unit.casefold().startswith("mol%")
    ):
        return "concentration"
    if time_factor(stem) is not None and folded in _BARE_TIMES:
        return "time"
    if unit and OTHER_UNITS.fullmatch(unit.strip()):
        return "other"
    return "well" if re.fullmatch(r"[A-P](0?[1-9]|1\d|2[0-4])", stem) else ""


def _split_unit(name: str) -> tuple[str, str]:
    match = _BRACKETED.match(name)
    if match and (match.group(1) or "").strip():
        return match.group(1), match.group(2)
    # "[S]" is a concentration, "[nm]" and "[counts]" are none
    if match and (name[0] != "[" or spectral_unit(match.group(2)) or match.group(2) == "counts"):
        return "", match.group(2)
    for mark in (r"\s*/\s*", r"\s*,\s*", r"\s+in\s+", r"\s+", r"_", r"\."):
        parts = re.split(mark, name)
        if len(parts) >= 2:
            stem, unit = " ".join(parts[:-1]).strip(), parts[-1]
            if is_unit(unit) and stem:
                return stem, unit
    if time_factor(name) is not None and len(name) <= 7:
        return name, name
    return name, ""


_LONGEST_UNIT = 40


def is_unit(text: str) -> bool:
    """Return whether `text` alone is a unit that headers use ("s", "nm", "a.u.", "mol %")."""
    folded = text.strip().casefold()
    return len(folded) <= _LONGEST_UNIT and (
        spectral_unit(folded) is not None
        or time_factor(folded) is not None
        or folded
        in ("au", "a.u.", "a.u", "abs", "%", "%t", "mau", "counts", "hh:mm:ss", "h:m:s", "mm:ss", "°c")
        or _MOLAR.fullmatch(text.strip()) is not None
    )


def _clean_unit(kind: str, unit: str) -> str:
    if kind in ("wavelength", "energy", "wavenumber"):
        return spectral_unit(unit) or ""
    plain = ("au", "a.u.", "a.u", "abs", "o.d.", "od", "-", "1", "arb. units", "arb.u.")
    return "" if kind == "absorbance" and unit.casefold() in plain else unit.strip()


def _read_place(name: str) -> Quantity | None:
    """Read names that stand for a point on an axis: "324", "324 nm", "A324", "t = 5 min", a moment."""
    moment = parse_moment(name)
    if moment is not None:
        return Quantity(name, "", "", moment, "moment")
    clock = clock_seconds(name)
    if clock is not None:
        return Quantity(name, "", "s", clock, "time")
    bracketed = _UNIT_BEHIND.fullmatch(name)
    stated = _PATH_LENGTH.sub("", name)
    if bracketed and (spectral_unit(bracketed[2]) or not name[0].isalpha()):
        stated = f"{bracketed[1]} {bracketed[2]}"
    for pattern in _PLACED:
        match = pattern.fullmatch(stated)
        if match is None:
            continue
        lead, body = (match.group("lead") or "").strip(" _@=:-(").casefold(), match.group("body")
        inner = _PLACE.fullmatch(body.strip())
        value = None if inner is None else _POINT.number(inner[1].replace(",", "."))
        if inner is not None and value is not None:
            return _placed(name, lead, value, inner[2] or "")
    return None


_PLACED = (
    re.compile(rf"(?P<lead>)(?P<body>{_NUMBER}\s*(?:{_PER_CM}|\S*(\s*\(?(nm|NM)\)?)?))"),
    re.compile(r"(?P<lead>[^\W\d][^\d(]*?)[\s_]*[(\[]\s*(?P<body>[^()\[\]]+)[)\]]"),
    re.compile(
        rf"(?P<lead>[^\W\d][^\d=@]*?)[\s_]*[=@:]?[\s_]*(?P<body>{_NUMBER}\s*(?:{_PER_CM}|[^\s\d]*))",
        re.IGNORECASE,
    ),
)
_PATH_LENGTH = re.compile(r"(?<=\d)\s*\(\d+(?:\.\d+)? ?[mc]m\)$")  # "A260 (10mm)"
_UNIT_BEHIND = re.compile(r"(.*\d)\s*[(\[{<]\s*([^\[\]<>]*?)\s*[)\]}>]")  # "324 (nm)"


def _placed(name: str, lead: str, value: float, unit: str) -> Quantity | None:
    """Return what a number in a name is, by its unit and the words before it; None where it is no place."""
    compact = re.sub(r"[\s_.]+", "", lead)
    lead_kind = KIND_OF.get(compact, "")
    spectral = spectral_unit(unit) if unit else None
    if spectral:
        return Quantity(name, lead_kind or "absorbance", spectral, value, _AXIS_KIND[spectral])
    if unit and time_factor(unit) is not None:
        timed = lead_kind in ("time", "") or compact in ("t", "after", "nach", "spectrum", "abs", "scan")
        return Quantity(name, "", unit, value, "time") if timed else None
    if unit:
        return None
    if not lead or lead_kind == "time":
        return Quantity(name, "", "", value, lead_kind if lead else "")
    # from 150 on a bare number behind "A" or "Abs" is a wavelength in nm, below it counts columns
    if lead_kind == "wavelength" or (lead_kind in ("absorbance", "transmittance", "counts") and value >= 150):
        kind = "absorbance" if lead_kind == "wavelength" else lead_kind
        return Quantity(name, kind, "nm", value, "wavelength")
    if lead_kind == "absorbance" and compact not in ("a", "e") and value < 150:
        return Quantity(name, "absorbance")
    return None
