"""Raw ICP readings of guest and host turned into an incorporation: blanks, dilutions, atomic masses.

Two columns such as "Ag (mg/L)" and "Cd (ppm)", each with an optional "Ag sd (mg/L)", and columns
"dilution" or "Ag dilution" make (reading - blank) x dilution / atomic mass, the moles of each in the same
amount of sample. Rows without a dose and hardly any host, labelled "blank", give the blank of each element.
"""

import re
from dataclasses import replace

import numpy as np

from cxkinetics.arrays import Array, BoolArray
from cxkinetics.io.file import Context
from cxkinetics.io.table import Column, Table
from cxkinetics.remarks import Remark

ATOMIC_MASSES = {
    "Ag": 107.868, "Al": 26.982, "Au": 196.967, "Ba": 137.327, "Be": 9.0122, "Bi": 208.980, "Ca": 40.078,
    "Cd": 112.414, "Ce": 140.116, "Co": 58.933, "Cr": 51.996, "Cs": 132.905, "Cu": 63.546, "Er": 167.259,
    "Eu": 151.964, "Fe": 55.845, "Ga": 69.723, "Gd": 157.249, "Ge": 72.630, "Hf": 178.486, "Hg": 200.592,
    "In": 114.818, "Ir": 192.217, "La": 138.905, "Li": 6.94, "Mg": 24.305, "Mn": 54.938, "Mo": 95.95,
    "Na": 22.990, "Nb": 92.906, "Ni": 58.693, "Os": 190.23, "Pb": 207.2, "Pd": 106.42, "Pt": 195.084,
    "Rb": 85.468, "Re": 186.207, "Rh": 102.906, "Ru": 101.07, "Sb": 121.760, "Sc": 44.956, "Sn": 118.710,
    "Sr": 87.62, "Ta": 180.948, "Tb": 158.925, "Ti": 47.867, "Tl": 204.38, "Yb": 173.045, "Zn": 65.38,
    "Zr": 91.224,
}  # fmt: skip
"""Standard atomic weights of cations, abridged (IUPAC, Commission on Isotopic Abundances, 2021)."""

_ELEMENT = re.compile(rf"(?<![A-Za-z])({'|'.join(ATOMIC_MASSES)})(?![A-Za-z])")
_MASS = re.compile(r"m?g\s*/\s*l\b|[µμu]g\s*/\s*m?l\b|\bpp[mb]\b|(?:wt|mass|w)\.?[\s-]*%|\bwt\s*pct", re.I)
_PER_MG_PER_L = ((re.compile(r"[µμu]g\s*/\s*l|ppb", re.I), 1e-3), (re.compile(r"\bg\s*/\s*l", re.I), 1e3))
_SIGMA = re.compile(r"\b(sd|std|sigma|error|err|uncertainty|sem)\b|±|σ", re.I)
_DILUTION = re.compile(r"\b(dilution|dilution factor|df|verdünnung)\b", re.I)
_HARDLY = 0.1
_BLANK = re.compile(r"\s*(procedural |method |reagent )?(blank|blind|leerwert|blanc)\b", re.I)


def is_reading(name: str) -> bool:
    """Return whether a column of that name holds readings of an element by mass.

    Examples
    --------
    >>> is_reading("Ag (mg/L)"), is_reading("ICP Cd / wt%"), is_reading("Ag sd (ppm)"), is_reading("Ag (%)")
    (True, True, False, False)
    """
    return bool(_ELEMENT.search(name) and _MASS.search(name) and not _SIGMA.search(name))


def with_incorporation(
    table: Table, context: Context, guest: str, *, dosed: BoolArray, over_host: bool
) -> tuple[Table, str, list[Remark]] | None:
    """Return the table with a column of incorporations (%), its name, and remarks; None without readings.

    Parameters
    ----------
    table, context
        What was read.
    guest : str
        Symbol of the guest.
    dosed : BoolArray, shape (n,)
        Which rows hold a dose.
    over_host : bool
        True: guest over host; False: guest over both.

    Raises
    ------
    InputError
        If a reading of the guest or of one host is missing, or none of the host is left.
    """
    names = [table.name(j) for j in range(len(table.columns))]
    readings = {_symbol(name): j for j, name in reversed(list(enumerate(names))) if is_reading(name)}
    if not readings:
        return None
    hosts = [symbol for symbol in readings if symbol != guest]
    if guest not in readings or len(hosts) != 1:
        raise context.error(
            f"raw readings are of {', '.join(sorted(readings))}, and the guest is {guest or 'not named'}; "
            "needed is one column of the guest and one of the host cation",
            "name the guest in the column of doses ('Ag added (%)') or by the basis (--basis 'Ag/(Ag+Cd)'), "
            "and leave other elements out",
            line=table.header_line,
        )
    blank = _blank_rows(table, dosed, table.columns[readings[hosts[0]]].values)
    remarks = []
    moles, spreads = {}, {}
    for symbol in (guest, hosts[0]):
        moles[symbol], spreads[symbol], remark = _moles(table, names, symbol, readings[symbol], blank)
        remarks += [remark] if remark else []
    own, other = (np.where(blank, np.nan, moles[symbol]) for symbol in (guest, hosts[0]))
    empty = np.flatnonzero(other <= 0)
    if empty.size:
        raise context.error(
            f"no {hosts[0]} is left after the blank: {other[empty[0]]:.3g}",
            "check blank and dilution, or leave the row out",
            line=int(table.lines[int(empty[0])]),
            column=names[readings[hosts[0]]],
        )
    below = own < 0
    if np.any(below):
        count = int(np.sum(below))
        text = f"{count} readings of {guest} lie below the blank: counted as 0 (not detected)"
        remarks.append(Remark("below_blank", text, count))
    own = np.where(below, 0.0, own)
    share = own / other if over_host else own / (own + other)
    sigma = None
    if spreads[guest] is not None and spreads[hosts[0]] is not None:
        # d ln(x/y) of the two readings; over both cations a share moves by 1 - share of that
        relative = np.hypot(spreads[guest] * other, spreads[hosts[0]] * own) / other**2
        sigma = 100 * relative / (1.0 if over_host else (1 + own / other) ** 2)
    made = f"{guest}/{hosts[0]}" if over_host else f"{guest}/({guest}+{hosts[0]})"
    used = " and ".join(repr(names[readings[symbol]]) for symbol in (guest, hosts[0]))
    text = f"incorporation {made} made of the readings {used}"
    column = Column(100 * share, sigma=sigma, unit="%")
    padded = [*table.names, *[""] * (len(table.columns) - len(table.names)), f"{made} by ICP (%)"]
    grown = replace(table, names=padded, columns=[*table.columns, column], body=None)
    others = [name for j, name in enumerate(names) if is_reading(name) and j not in readings.values()]
    if others:
        out = f"{', '.join(map(repr, others))} left out: of each element the first column of readings is used"
        remarks.append(Remark("columns_left_out", f"{out}; a further measurement takes a row of its own"))
    return grown, made, [Remark("raw_icp", text), *remarks]


def _symbol(name: str) -> str:
    found = _ELEMENT.search(name)
    return found.group(1) if found else ""


def _blank_rows(table: Table, dosed: BoolArray, host: Array) -> BoolArray:
    """Return the rows of blanks: no dose, hardly any host, and no label but "blank".

    The word alone reads as a missing cell, so a row without any label counts as well.
    """
    named_otherwise = np.zeros(table.n_rows, dtype=bool)
    for column in table.columns:
        named_otherwise[[row for row, cell in column.texts if not _BLANK.match(cell)]] = True
    with np.errstate(invalid="ignore"):
        hardly = host < _HARDLY * np.nanmedian(host[dosed]) if np.isfinite(host[dosed]).any() else dosed
    blank: BoolArray = ~dosed & ~named_otherwise & hardly
    return blank


def _moles(
    table: Table, names: list[str], symbol: str, j: int, blank: BoolArray
) -> tuple[Array, Array | None, Remark | None]:
    """Return mmol per litre (or per unit of mass) of undiluted sample, its standard deviation, a remark."""
    scale = 1e4 if "%" in names[j] else 1.0  # 1 % by mass is 10000 mg/kg
    scale *= next((factor for unit, factor in _PER_MG_PER_L if unit.search(names[j])), 1.0)
    reading, remark = table.columns[j].values, None
    if blank.any():
        level = float(np.nanmean(reading[blank]))
        reading = reading - level
        where = ", ".join(str(int(table.lines[int(row)])) for row in np.flatnonzero(blank))
        text = f"blank of {symbol}, {level:.4g} (rows without a dose: line {where}), subtracted"
        remark = Remark("blank_subtracted", text, int(blank.sum()))
    dilution = np.ones(table.n_rows)
    for k, name in enumerate(names):
        if _DILUTION.search(name) and _symbol(name) in ("", symbol):
            dilution = np.where(np.isfinite(table.columns[k].values), table.columns[k].values, 1.0)
    factor = scale * dilution / ATOMIC_MASSES[symbol]
    sigma = table.columns[j].sigma
    for k, name in enumerate(names):
        if sigma is None and _SIGMA.search(name) and _symbol(name) == symbol and _MASS.search(name):
            sigma = table.columns[k].values
    return reading * factor, None if sigma is None else sigma * factor, remark
