"""The words of files: names of quantities, units and conversions, moments, times in file names."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np

from cxkinetics.arrays import Array
from cxkinetics.source import TIME_UNITS

_WORDS = {
    "time": """
        time times t zeit temps tiempo tempo tid tijd czas время 时间 時間 시간 elapsed reltime runtime
        rxntime zeitpunkt durée dauer date datetime timestamp clock datum fecha delay temps_écoulé
        tempotrascorso 反応時間
    """,
    "wavelength": """
        wavelength wavelengths wl wave lambda λ wellenlänge wellenlaenge wellenlange wvl wlen
        longueurd'onde longueurdonde longituddeonda lunghezzad'onda lunghezzadonda comprimentodeonda
        våglängd golflengte bølgelængde długośćfali длинаволны 波长 波長 파장 nm nanometers nanometer
        nanometres
    """,
    "energy": """
        energy energie énergie energía energia photonenergy photonenergie ev энергия 能量
    """,
    "wavenumber": """
        wavenumber wavenumbers wellenzahl nombred'onde numerodeonda numerod'onda cm-1 1/cm
        волновоечисло 波数
    """,
    "absorbance": """
        absorbance absorbances absorbancy abs abs. absorb a au a.u. a.u δa da deltaa absorbanz
        extinktion extinction opticaldensity od ext absorbancia absorción absorcion absorbância
        assorbanza absorbancja absorptie extinctie absorbans densitéoptique densiteoptique absorption
        吸光度 흡광도 поглощение оптическаяплотность e absorbances(au) mau
    """,
    "transmittance": """
        %t t% transmittance %transmittance transmission %transmission transmissiong transmitancia
        transmittanz trasmittanza transmitância transmitance percenttransmittance t(%) %-t 透過率 透过率
        пропускание durchlässigkeit
    """,
    "counts": """
        counts count intensity intensität intensité intensidad intensità samplecounts rawcounts raw
        scope s dark reference
    """,
    "sigma": """
        sd std stdev stddev std.dev. standarddeviation sigma σ error err errors uncertainty sem se ±
        +/- rsd cv fehler standardabweichung stdabw écart-type ecarttype incertitude incertidumbre
        desviación deviation unc stderr stderror std.err std.error standarderror s.d s.e s.e.m
    """,
    "index": """
        index idx no no. nr nr. # n point points cycle cycles scan row id number nummer messpunkt
        numéro pt sample# reading pixel pixels
    """,
    "other": """
        irradiance radiance radiant reflectance reflectivity reflexion %r r% fluorescence fluoreszenz rfu rlu
        luminescence photoluminescence chemiluminescence phosphorescence emission voltage potential current
        pressure humidity conductivity conductance ph turbidity epsilon mass weight energy_density
    """,
    "temperature": """
        temperature temp temp. temperatur température temperatura tº t° °c cell_temp 温度 温度(°c)
        температура
    """,
}
KIND_OF = {word: kind for kind, words in _WORDS.items() for word in words.split()}
"""From a word, in small letters and without blanks, to the kind of quantity it names."""


HC_EV_NM = 1239.8419843320026

_TIME_WORDS = {
    "ns": "ns nanoseconds",
    "us": "us µs μs usec microsecond microseconds",
    "ms": "ms msec millisecond milliseconds millisekunden millisecondes milisegundos millisecondi 毫秒",
    "s": """
        s sec secs sec. second seconds sek sek. sekunde sekunden seconde secondes segundo segundos secondo
        secondi seconden sekunder с сек 秒
    """,
    "min": "min mins min. minute minutes minuten minuto minutos minuti minuut minuter мин 分 分钟",
    "h": """
        h hr hrs hour hours std std. stunde stunden heure heures hora horas ora ore uur timer ч час 小时 时
        時間
    """,
    "d": "d day days tag tage jours dias giorni 天",
}
_SECONDS = {word: TIME_UNITS[sign] for sign, words in _TIME_WORDS.items() for word in words.split()}


def time_factor(unit: str) -> float | None:
    """Return how many seconds one `unit` is, or None where the word is not a unit of time.

    Examples
    --------
    >>> time_factor("min"), time_factor("ms"), time_factor("nm")
    (60.0, 0.001, None)
    """
    return _SECONDS.get(unit.strip().casefold())


def to_nanometres(values: Array, unit: str) -> Array:
    """Return an axis in nm from one in "nm", "um", "Å", "eV" or "cm-1" (shape kept).

    Examples
    --------
    >>> round(float(to_nanometres(np.array([3.8267]), "eV")[0]), 1)
    324.0
    >>> to_nanometres(np.array([25000.0]), "cm-1").tolist()
    [400.0]
    """
    if unit == "nm":
        return values
    if unit == "um":
        return values * 1000.0
    if unit == "Å":
        return values / 10.0
    with np.errstate(divide="ignore"):
        return (HC_EV_NM if unit == "eV" else 1e7) / values


def absorbance_from_percent_transmittance(percent: Array) -> Array:
    """Return A = 2 - log10(%T); NaN where %T is not positive (no light: saturated).

    Examples
    --------
    >>> absorbance_from_percent_transmittance(np.array([10.0])).tolist()
    [1.0]
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(percent > 0, 2.0 - np.log10(percent), np.nan)


def absorbance_from_counts(counts: Array, reference: Array, dark: Array | float = 0.0) -> Array:
    """Return A = -log10((I - dark)/(I0 - dark)); NaN where either is not positive.

    Parameters
    ----------
    counts, reference : Array
        Detector counts of sample and of solvent, of shapes that broadcast.
    dark : Array or float
        Counts without light.

    Examples
    --------
    >>> absorbance_from_counts(np.array([100.0]), np.array([1000.0])).tolist()
    [1.0]
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = (counts - dark) / (reference - dark)
        usable = (counts > dark) & (reference > dark)
        return np.where(usable, -np.log10(np.where(usable, ratio, 1.0)), np.nan)


_CLOCK = re.compile(
    r"(?:(\d+)[.d]?\s+)?(\d{1,3}):([0-5]?\d)(?::([0-5]?\d(?:[.,]\d+)?))?\s*([AaPp])?\.?(?:[Mm]\.?)?"
)
_ISO = re.compile(
    r"(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})(?:[T\s]+(\d{1,2}):(\d{2})(?::(\d{2}(?:[.,]\d+)?))?\s*([AaPp][Mm])?"
    r"(Z|[+-]\d{2}:?\d{2})?)?"
)
_LOCAL = re.compile(
    r"(\d{1,2})([-/.])(\d{1,2})\2(\d{4}|\d{2})(?:[,T]?\s+(\d{1,2}):(\d{2})(?::(\d{2}(?:[.,]\d+)?))?\s*([AaPp]\.?[Mm]\.?)?)?"
)
_CLOCK_WORDS = re.compile(
    r"(?:[A-Za-z]{3,9},?\s+)?([A-Za-z]{3,9})\s+(\d{1,2}),?\s+(\d{1,2}):(\d{2}):(\d{2})(?:\s+[A-Z]{2,5})?\s+(\d{4})"
)
_MONTH_NAMES = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_MONTHS = {name: number for number, name in enumerate(_MONTH_NAMES, 1)}


TIME_MARKS = ":-/. "
"""One of these stands in every clock time and date."""
_LONGEST_TIME = 60  # characters


def clock_seconds(text: str) -> float | None:
    """Return the s in "hh:mm:ss", "mm:ss.s" or "1 02:03:04" (days first), or None.

    Two fields are mm:ss; three are hh:mm:ss.

    Examples
    --------
    >>> clock_seconds("00:01:30"), clock_seconds("1:30.5"), clock_seconds("abc")
    (90.0, 90.5, None)
    """
    stripped = text.strip()
    if len(stripped) > _LONGEST_TIME:
        return None
    short = re.fullmatch(r"(\d{1,3}):([0-5]?\d[.,]\d+)", stripped)
    if short:
        return int(short[1]) * 60.0 + _number(short[2])
    match = _CLOCK.fullmatch(stripped)
    if match is None:
        return None
    days, first, second, third, half = match.groups()
    if third is None:
        return None if days or half else int(first) * 60.0 + int(second)
    hours = _hours(first, half)
    return int(days or 0) * 86400.0 + hours * 3600.0 + int(second) * 60.0 + _number(third)


def _number(text: str) -> float:
    return float(text.replace(",", "."))


def _hours(text: str | None, half: str | None) -> int:
    """Return the hour of the day; `half` begins with the a of am or the p of pm."""
    hours = int(text or 0)
    return hours if not half else hours % 12 + (12 if half[0] in "Pp" else 0)


def parse_moment(text: str, *, day_first: bool | None = None) -> float | None:
    """Return a moment as s since 1970-01-01 (of its own clock; a zone is applied), or None.

    Parameters
    ----------
    text : str
        Year first, or local with / - or dots, or "Thu Jul 06 14:42:39 EDT 2023".
    day_first : bool, optional
        Whether 4/5/2020 is the fourth of May; by default dots mean so and slashes do not, unless
        the first number passes 12.

    Examples
    --------
    >>> parse_moment("2013-02-04 15:41:34") - parse_moment("4.2.2013 15:40:48")
    46.0
    """
    stripped = text.strip()
    if len(stripped) > _LONGEST_TIME:
        return None
    match = _ISO.fullmatch(stripped)
    if match:
        year, month, day, *clock = match.groups()
        return _moment((int(year), int(month), int(day)), clock)
    match = _LOCAL.fullmatch(stripped)
    if match:
        first, mark, other, year, *clock = match.groups()
        a, b = int(first), int(other)
        # dots are written in Europe, where the day comes first; a number above 12 is no month
        european = (mark == "." if day_first is None else day_first) or a > 12
        day_, month_ = (a, b) if european and b <= 12 else (b, a)
        return _moment((int(year) if len(year) == 4 else 2000 + int(year), month_, day_), clock)
    match = _CLOCK_WORDS.fullmatch(stripped)
    if match and match[1][:3].casefold() in _MONTHS:
        name, day, hour, minute, second, year = match.groups()
        return _moment((int(year), _MONTHS[name[:3].casefold()], int(day)), (hour, minute, second))
    return None


def _moment(date: tuple[int, int, int], clock: Sequence[str | None]) -> float | None:
    """Return a date and a clock (hour, minute, second, am or pm, zone) as s since 1970."""
    hour, minute, second, half, zone = [*clock, None, None][:5]
    hours = _hours(hour, half)
    try:
        midnight = datetime(*date, tzinfo=UTC).timestamp()
    except ValueError:
        return None
    if hours > 24 or int(minute or 0) > 59:
        return None
    total = midnight + hours * 3600 + int(minute or 0) * 60 + _number(second or "0")
    if zone and zone != "Z":
        digits = zone[1:].replace(":", "")
        shift = int(digits[:2]) * 3600 + int(digits[2:]) * 60
        total += shift if zone[0] == "-" else -shift
    return total


_WITH_UNIT = re.compile(
    r"(?<![A-Za-z0-9.,])(\d+(?:[.,]\d+)?)[\s_]*(ms|s|sec|secs|seconds?|min|mins|minutes?|h|hrs?|hours?|std|sek)(?![A-Za-z0-9])",
    re.IGNORECASE,
)
_TIME_EQUALS = re.compile(
    r"(?<![A-Za-z])(?:t|time|zeit)\s*[=_-]?\s*(\d+(?:[.,]\d+)?)(?![\d.,]*\d)", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class NamedTime:
    """A time found in a name; `unit` is "" where the name gives none."""

    value: float
    unit: str
    text: str


def time_in_name(stem: str) -> NamedTime | None:
    """Return the time in a file name, or None.

    Examples
    --------
    >>> time_in_name("JS_603_120min")
    NamedTime(value=120.0, unit='min', text='120min')
    >>> time_in_name("t=18").value
    18.0
    """
    found = list(_WITH_UNIT.finditer(stem))
    if found:
        match = found[-1] if len(found) == 1 else max(found, key=lambda m: time_factor(m[2]) or 0.0)
        return NamedTime(_number(match[1]), match[2].casefold(), match.group())
    equals = _TIME_EQUALS.search(stem)
    return None if equals is None else NamedTime(_number(equals[1]), "", equals.group())


def natural_key(name: str) -> tuple[tuple[int, int | str], ...]:
    """Return a key that sorts numbers in names by value: a2 before a10.

    Examples
    --------
    >>> sorted(["a10", "a2", "b1"], key=natural_key)
    ['a2', 'a10', 'b1']
    """
    parts = re.split(r"(\d+)", name.casefold())
    return tuple((0, int(part)) if part.isdecimal() else (1, part) for part in parts if part)


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
