"""Dose tables: guest added against guest incorporated, in percent, fractions or mol/mol.

The columns are found by their names ("Ag added (mol %)", "incorporated", "dose", "ICP"), units by
the header or by percent signs in the cells. A dose may be a range ("36-75"), an incorporation may
carry "± 0.3". What is physically impossible is refused, what is merely odd is remarked.
"""

import contextlib
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from cxkinetics.arrays import Array, BoolArray, IntArray
from cxkinetics.calls import checked
from cxkinetics.composition.raw_icp import is_reading, with_incorporation
from cxkinetics.composition.table_errors import Amounts, read_amount, read_error
from cxkinetics.errors import InputError, UsageError
from cxkinetics.estimate import finite_or_none
from cxkinetics.io.file import Content, Context, ReadOptions, decode, read_content
from cxkinetics.io.formats.excel import sniff as is_workbook
from cxkinetics.io.formats.excel import workbook_tables
from cxkinetics.io.headers import read_header
from cxkinetics.io.quantities import refuse_texts
from cxkinetics.io.table import Table, tables_in
from cxkinetics.io.words import DOSE, TAKEN, plain_name
from cxkinetics.remarks import Remark
from cxkinetics.signals.basis import BASES, basis_elements, basis_kind, name_basis
from cxkinetics.signals.dose_table import DoseTable
from cxkinetics.signals.screening import duplicate_rows
from cxkinetics.signals.storage import stored_schema

_SIGMA = re.compile(r"\b(sd|std|stdev|sigma|error|err|uncertainty|sem|se|rsd|fehler)\b|±|\+/-|σ")
_LOW = re.compile(r"\b(low|lower|min|minimum|from|von|lo)\b")
_HIGH = re.compile(r"\b(high|upper|max|maximum|to|bis|hi)\b")
_FRACTION = re.compile(
    r"mol\s*/\s*mol|fraction|anteil|mol\s+per\s+mol|mole\s+ratio|\bratio\b|\beq(uiv\w*)?\.?\b|mol\s*mol-1|\[-\]|\(-\)"
)
_PERCENT = re.compile(r"%|percent|prozent|mol-?%|pct|at\.?\s?%")
_AMOUNT = re.compile(
    r"[munpµμ]?(mol|g|L|l|M|mL|ml)(\s*/\s*\w+)?|[µμu][lL]|drops?|equivalents? of .*|mol/L|mg/mL"
)
_VOLUME = re.compile(r"([µμum])[lL]")
_IN_BRACKETS = re.compile(r"[(\[]\s*([^()\[\]]+?)\s*[)\]]")
# a bare word is a unit only with a prefix: "M" and "g" are names as well
_PREFIXED = r"[munpµμ](?:mol|[gLlM])"
_BARE_UNIT = re.compile(rf"^\s*({_PREFIXED})\b(?!\s*[%/-])|(?<![\w/%.-])({_PREFIXED})\s*$")
_BASIS = re.compile(r"\b[A-Z][a-z]?\s*/\s*(\(\s*[A-Z][a-z]?\s*\+\s*[A-Z][a-z]?\s*\)|[A-Z][a-z]?)(?![a-z])")

_CATIONS = frozenset([
    "Ag", "Al", "Au", "Ba", "Be", "Bi", "Ca", "Cd", "Ce", "Co", "Cr", "Cs", "Cu", "Er", "Eu", "Fe", "Ga",
    "Gd", "Ge", "Hf", "Hg", "In", "Ir", "La", "Li", "Mg", "Mn", "Mo", "Na", "Nb", "Ni", "Os", "Pb", "Pd",
    "Pt", "Rb", "Re", "Rh", "Ru", "Sb", "Sc", "Sn", "Sr", "Ta", "Tb", "Ti", "Tl", "Yb", "Zn", "Zr",
])  # fmt: skip
_NAMES = {
    "silver": "Ag", "silber": "Ag", "copper": "Cu", "kupfer": "Cu", "gold": "Au", "zinc": "Zn", "zink": "Zn",
    "cadmium": "Cd", "mercury": "Hg", "indium": "In", "gallium": "Ga", "manganese": "Mn", "cobalt": "Co",
}  # fmt: skip
_ELEMENT = re.compile(
    rf"(?<![A-Za-z])(?:([A-Z][a-z])(?![a-z])(?!(?:Se|Te|As|[SPO])(?![a-z]))|((?i:{'|'.join(_NAMES)}))\b)"
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


def as_dose_table(given: DoseTable | str | os.PathLike[str]) -> DoseTable:
    """Return the dose table that somebody means: itself, or that of a file.

    Raises
    ------
    InputError
        If it is neither, or the file holds none.
    """
    if isinstance(given, DoseTable):
        return given
    if isinstance(given, (str, os.PathLike)):
        return load_dose_table(given)
    raise InputError(
        f"the dose table is a {type(given).__name__}; give a cx.DoseTable or the path of one",
        remedy="make one with cx.DoseTable(dose_percent=..., incorporation_percent=...)",
    )


@checked()
def load_dose_table(
    path: str | os.PathLike[str],
    *,
    basis: str | None = None,
    dose_unit: str | None = None,
    incorporation_unit: str | None = None,
    dose_column: str | int | None = None,
    incorporation_column: str | int | None = None,
    dose_error: str | None = None,
    common_dose_error: str | float | None = None,
    icp_error: str | None = None,
    host_umol: str | float | None = None,
    stock_mmol_per_l: str | float | None = None,
    volume_error: str | None = None,
    plateau_is_full_exchange: bool = False,
    decimal: str | None = None,
    sheet: str | int | None = None,
) -> DoseTable:
    r"""Read a table of guest added and guest incorporated.

    Parameters
    ----------
    path : path-like
        A text table or an Excel workbook.
    basis : str, optional
        What incorporation is a percentage of: "Ag/(Ag+Cd)", "Ag/Cd" or "Ag/S", or one of these with
        your own elements; from the header, else guest over all cations is assumed.
    dose_unit, incorporation_unit : {"percent", "fraction"}, optional
        Overrides the header; `incorporation_unit` follows `dose_unit` where the file is silent.
    dose_column, incorporation_column : str or int, optional
        Columns by name or number (from 1), where the names do not tell.
    dose_error, icp_error : str, optional
        Standard deviation of each dose and of each incorporation: "0.3" percentage points, "5%" of the
        value, or both, "0.3,5%". A column of the file that holds them gives way.
    common_dose_error : str or float, optional
        Relative standard deviation of a factor on all doses, such as "3%" or 0.03.
    host_umol, stock_mmol_per_l : str or float, optional
        Host cation in every flask and guest in the stock solution, such as "20±0.4" or "10±2%": they
        turn a column of volumes ("Ag added (µL)") into doses, and their errors are common to all.
    volume_error : str, optional
        Standard deviation of a volume of stock: "0.5" microlitres, "1%", or both.
    plateau_is_full_exchange : bool
        Asserts that the plateau is the product alone, as `DoseTable` has it.
    decimal, sheet
        As for `load`.

    Returns
    -------
    DoseTable
        In percent, ascending in dose, with what was assumed or converted in `remarks`.

    Raises
    ------
    InputError
        If columns cannot be told, a cell holds text, or a value is impossible (negative, or above
        100 % of the cations).

    Examples
    --------
    >>> import pathlib, tempfile
    >>> file = pathlib.Path(tempfile.mkdtemp()) / "icp.csv"
    >>> _ = file.write_text("Ag added (mol/mol),Ag incorporated (mol/mol)\n0,0\n0.75,0.08\n1,0.121\n")
    >>> load_dose_table(file).dose_percent.tolist()
    [0.0, 75.0, 100.0]
    """
    for name, unit in (("dose_unit", dose_unit), ("incorporation_unit", incorporation_unit)):
        if unit not in (None, "percent", "fraction"):
            raise UsageError(f"{name} is {unit!r}; it must be 'percent' or 'fraction'")
    if basis is not None:
        basis_kind(basis)
    asked = _Asked(basis, dose_unit, incorporation_unit or dose_unit, dose_column, incorporation_column)
    amounts = _amounts(host_umol, stock_mmol_per_l, volume_error)
    table = _read(
        read_content(path), ReadOptions(decimal=decimal, sheet=sheet), asked._replace(amounts=amounts)
    )
    pipetted = None
    if amounts is not None and volume_error is not None:
        constant, share = read_error(volume_error, "volume_error")
        pipetted = constant * amounts.percent_per_ul, share
    return stating(
        table,
        dose_error=pipetted if dose_error is None else read_error(dose_error, "dose_error"),
        icp_error=None if icp_error is None else read_error(icp_error, "icp_error"),
        common=_common(common_dose_error, amounts),
        plateau_is_full_exchange=plateau_is_full_exchange,
    )


def stating(
    table: DoseTable,
    *,
    dose_error: tuple[float, float] | None = None,
    icp_error: tuple[float, float] | None = None,
    common: float | None = None,
    plateau_is_full_exchange: bool = False,
) -> DoseTable:
    """Return a table with the errors that are stated of it; what is None stays as the table has it."""
    changes: dict[str, Any] = {"plateau_is_full_exchange": True} if plateau_is_full_exchange else {}
    if dose_error is not None:
        dose = (np.asarray(table.dose_low_percent) + np.asarray(table.dose_high_percent)) / 2
        # nothing added to the blank: nothing to err in
        spread = np.where(dose > 0, np.hypot(dose_error[0], dose_error[1] * dose), 0.0)
        changes["dose_sd_percent"] = spread
    if icp_error is not None:
        changes["icp_error"] = icp_error
    if common is not None:
        changes["common_dose_error"] = common
    return replace(table, **changes) if changes else table


def _amounts(
    host_umol: str | float | None, stock_mmol_per_l: str | float | None, volume_error: str | None
) -> Amounts | None:
    """Return what the flasks hold, None where nothing is said of them."""
    given = {"host_umol": host_umol, "stock_mmol_per_l": stock_mmol_per_l}
    missing = [name for name, value in given.items() if value is None]
    if len(missing) == 2 and volume_error is None:
        return None
    if missing:
        raise UsageError(f"{' and '.join(missing)} not given: a dose from volumes takes host and stock, both")
    return Amounts(*(read_amount(str(value), name) for name, value in given.items()))


def _common(typed: str | float | None, amounts: Amounts | None) -> float | None:
    if typed is None:
        return None if amounts is None else amounts.common
    if not isinstance(typed, str):
        return float(typed)
    constant, share = read_error(typed, "common_dose_error")
    if constant:
        raise UsageError(f"common_dose_error is {typed!r}; it is a share of every dose: write 3%")
    return share


def describe_dose_table(path: str | os.PathLike[str], options: ReadOptions) -> dict[str, Any] | None:
    """Return what `inspect` says of a dose table, or None where the file is none that says so itself."""
    try:
        content = read_content(path)
        table = _read(content, options, _Asked())
    except InputError:
        return None
    if {"no_header", "columns_assumed"} & {remark.code for remark in table.remarks}:
        return None
    taken = table.incorporation_percent
    return {
        "file": os.fspath(path),
        "sha256": table.source.sha256,
        "format": table.source.format,
        "kind": "dose table",
        "simulated": table.source.simulated,
        "n_points": table.n_points,
        "dose_percent": [table.lowest_dose_percent, table.highest_dose_percent],
        "incorporation_percent": [finite_or_none(float(taken.min())), finite_or_none(float(taken.max()))],
        "basis": table.basis,
        "has_sigma": table.sigma_percent is not None,
        "traces": [],
        "warnings": [remark.to_dict() for remark in table.remarks],
        "reading": content.notes,
    }


def dose_table_line(record: Mapping[str, Any]) -> str:
    """Return the line of such a description."""
    dose, taken = record["dose_percent"], record["incorporation_percent"]
    return (
        f"{record['n_points']} rows, dose {dose[0]:g}-{dose[1]:g} %, incorporation "
        f"{taken[0]:g}-{taken[1]:g} % on {record['basis']}"
        + (", with uncertainties" if record["has_sigma"] else "")
    )


class _Asked(NamedTuple):
    """What the caller said of the table."""

    basis: str | None = None
    dose_unit: str | None = None
    taken_unit: str | None = None
    dose_column: str | int | None = None
    taken_column: str | int | None = None
    amounts: Amounts | None = None


def _read(content: Content, options: ReadOptions, asked: _Asked) -> DoseTable:
    stored = _stored(content)
    if stored is not None:
        return stored
    if is_workbook(content):
        found, format_name = workbook_tables(content, options)[0], "Excel workbook"
    else:
        found, format_name = tables_in(content, "", options), "text table"
    context = Context(content=content, options=options, format=format_name, remarks=found.remarks)
    return _Reader(context, found.main).read(asked)


def _stored(content: Content) -> DoseTable | None:
    """Return the table that `to_csv` or `to_json` wrote, or None where the file is another."""
    if not content.data.lstrip(b'\xef\xbb\xbf \r\n\t"').startswith((b"# cxkinetics.", b"{")):
        return None
    text = decode(content.data, content.file).text
    if stored_schema(text[:1000]) != DoseTable.SCHEMA:
        return None
    try:
        return DoseTable.from_json(text) if text.lstrip().startswith("{") else DoseTable.from_csv(text)
    except InputError as error:
        raise content.error(str(error)) from error


def _unit_of(name: str) -> str:
    """Return the unit that a header names: of a volume anywhere in brackets, else at an end; else ""."""
    bracketed = _IN_BRACKETS.findall(name)
    volumes = [unit for unit in bracketed if _VOLUME.fullmatch(unit)]
    if volumes or (bracketed and name.rstrip().endswith((")", "]"))):
        return str((volumes or bracketed)[-1])
    bare = _BARE_UNIT.search(name)
    return (bare.group(1) or bare.group(2)) if bare else ""


def _role_of(name: str) -> str:
    """Return what a column of that name holds: "dose", "low", "high", "taken", "sigma" or ""."""
    dosed, taken, sigma = DOSE.search(name), TAKEN.search(name), _SIGMA.search(name)
    if sigma:
        return "dose sd" if dosed else "" if is_reading(name) else "sigma"
    if dosed and not (taken and taken.start() < dosed.start()):  # "found for a dose" is what was found
        return "low" if _LOW.search(name) else "high" if _HIGH.search(name) else "dose"
    return "taken" if taken else ""


_COUNTS = frozenset(
    [
        "replicate",
        "replicates",
        "repeat",
        "repeats",
        "rep",
        "repl",
        "run",
        "runs",
        "no",
        "nr",
        "measurement",
        "sample",
        "batch",
    ]
)
"""Words behind which a number counts replicates."""
_SAYS_WHEN = frozenset(
    ["after", "at", "day", "for", "h", "hour", "min", "ph", "site", "stage", "step", "t", "week"]
)
"""Words behind which it is a condition."""
_LETTERS = {"a": 1, "b": 2, "c": 3, "d": 4, "i": 1, "ii": 2, "iii": 3}


def _numbered(name: str) -> tuple[str, int]:
    """Return the words of a column's plain name, and the number of a replicate at their end; 0 without one.

    Examples
    --------
    >>> _numbered("ag found 2 (%)"), _numbered("ag found (%), replicate b"), _numbered("ag found after 5")
    (('ag found', 2), ('ag found', 2), ('ag found after 5', 0))
    """
    bare = _IN_BRACKETS.sub(" ", name).casefold()
    words = "".join(" " if letter in ",;:#_-()[]" else letter for letter in bare).split()
    *before, last = words or [""]
    head = last.rstrip("0123456789")
    number = _LETTERS.get(last, 0) if head == last else int(last[len(head) :][:3])
    stem = [*before, head] if head and last not in _LETTERS else before
    if stem and stem[-1].rstrip(".") in _COUNTS:
        return " ".join(stem[:-1]), number
    if stem and stem[-1] in _SAYS_WHEN:
        number = 0
    return (" ".join(stem), number) if number else (" ".join(words), 0)


_TRACE = 0.05


def _replicates(names: Sequence[str], first: int, others: Sequence[int]) -> list[int]:
    """Return which others are replicates of a column: the same words, counted from 1 on."""
    stem, number = _numbered(names[first])
    same = {j: _numbered(names[j])[1] for j in others if _numbered(names[j])[0] == stem}
    counted = [n for n in (number, *same.values()) if n]
    return list(same) if len({*counted}) == len(counted) and max(counted, default=0) <= len(same) + 1 else []


class _Reader:
    """The steps from a table to a `DoseTable`, with the remarks gathered on the way."""

    def __init__(self, context: Context, table: Table) -> None:
        self.context, self.table = context, table
        self.remarks = list(context.remarks)
        self.lines = np.asarray(table.lines)

    @np.errstate(over="ignore")  # beyond every number is infinite, and refused as that
    def read(self, asked: _Asked) -> DoseTable:
        asked = self._from_readings(asked)
        roles = self._roles(asked)
        refuse_texts(self.context, self.table, sorted(roles.values()))
        columns, taken_j = self.table.columns, roles["taken"]
        main_j = roles.get("dose", roles.get("low", taken_j))
        # a table of mol/mol may pass 1 in the dose (an excess up to threefold), never in what was taken up
        dose_factor = None if asked.dose_unit else self._per_volume(main_j, asked.amounts)
        if dose_factor is None:
            dose_factor = self._factor(main_j, asked.dose_unit, "dose", largest=3.0, doubt=3.0)
        dose, low, high = self._doses(roles, dose_factor)
        # so little of so much: a true trace, or a fraction that stands under a percent header?
        trace = min(1.0, _TRACE * float(np.nanmax(high, initial=0.0)))
        taken_factor = self._factor(taken_j, asked.taken_unit, "incorporation", largest=1.0, doubt=trace)
        measured = self._measured(roles, asked)
        block = np.column_stack([columns[j].values for j in measured]) * taken_factor
        there = np.isfinite(block)
        there[~there.any(axis=1), 0] = True  # a row without any reading is told below
        rows, which = np.nonzero(there)
        taken, sigma = block[rows, which], self._sigma(measured, roles, taken_factor)
        sigma = None if sigma is None else sigma[rows, which]
        dose, low, high, self.lines = dose[rows], low[rows], high[rows], self.lines[rows]
        known = np.isfinite(taken) & np.isfinite(low) & np.isfinite(high)
        if not known.any():
            raise self.context.error("no data rows: no row holds both a dose and an incorporation")
        if not known.all():
            self._say("missing_cells", f"{(~known).sum()} rows with missing cells left out", ~known)
        repeated = duplicate_rows(low, high, taken, which) & known
        if repeated.any():
            self._say("duplicate_rows", f"{repeated.sum()} exact duplicate rows counted once", repeated)
        keep = known & ~repeated
        guest = self._guest(main_j, taken_j)
        chosen_basis = asked.basis or self._basis(taken_j, guest)
        # an incorporation over all cations is a share; per host cation or per anion it may pass 100 %
        limit = 100.0 if basis_kind(chosen_basis) == BASES[0] else np.inf
        places = np.asarray(measured)[which], np.full(rows.size, main_j)
        self._refuse_impossible(keep, [(taken, places[0], limit), (low, places[1], np.inf)], chosen_basis)
        self._mass_balance(high, taken, sigma, keep, chosen_basis)
        if sigma is not None and not np.all(np.isfinite(sigma[keep]) & (sigma[keep] > 0)):
            text = "uncertainties are not used: some are missing or not positive"
            self._say("sigma_dropped", text, keep & ~(sigma > 0))
            sigma = None
        dose_sd = self._dose_sd(roles, dose_factor, keep, rows)
        return DoseTable(
            dose_sd_percent=dose_sd,
            dose_percent=dose[keep],
            incorporation_percent=taken[keep],
            sigma_percent=None if sigma is None else sigma[keep],
            dose_low_percent=low[keep],
            dose_high_percent=high[keep],
            basis=chosen_basis,
            guest=guest,
            label=self.context.content.stem,
            source=self.context.source(),
            remarks=tuple(self.remarks),
        )

    def _from_readings(self, asked: _Asked) -> _Asked:
        """Turn raw ICP readings, where the file holds them, into a column of incorporations."""
        if asked.taken_column is not None or not any(is_reading(name) for name in self.table.names):
            return asked
        names = [self.table.name(j) for j in range(len(self.table.columns))]
        doses = [j for j, name in enumerate(names) if _role_of(plain_name(name)) in ("dose", "low", "high")]
        if asked.dose_column is not None:
            doses = [self._find(asked.dose_column)]
        guest = next(filter(None, (guest_in(names[j]) for j in doses)), "")
        dosed = np.zeros(self.table.n_rows, dtype=bool)
        for column in (self.table.columns[j] for j in doses):
            dosed |= np.isfinite(column.values)
            dosed[[row for row, *_ in column.intervals]] = True
        over_host = False
        if asked.basis is not None:
            kind, own, _ = basis_elements(asked.basis)
            guest, over_host = guest or own, kind == BASES[1]
            if kind == BASES[2]:
                raise self.context.error(
                    f"readings of two cations give no incorporation on {asked.basis}",
                    "read them on guest/(guest+host) and convert (--to-basis)",
                )
        made = with_incorporation(self.table, self.context, guest, dosed=dosed, over_host=over_host)
        if made is None:
            return asked
        self.table, basis, remarks = made
        self.remarks += remarks
        return asked._replace(basis=basis, taken_column=len(self.table.columns), taken_unit="percent")

    def _per_volume(self, j: int, amounts: Amounts | None) -> float | None:
        """Return what turns volumes of stock solution into doses; None for a column of other doses."""
        found = _VOLUME.fullmatch(_unit_of(self.table.name(j)))
        if found is None or amounts is None or re.search(r"%|percent|mol/mol", self.table.name(j), re.I):
            return None
        factor = amounts.percent_per_ul * (1000.0 if found.group(1) == "m" else 1.0)
        text = (
            f"doses made of volumes of stock, {amounts.stock_mmol_per_l[0]:g} mmol/L, and "
            f"{amounts.host_umol[0]:g} umol of host cation: 1 uL is {amounts.percent_per_ul:.4g} %"
        )
        self.remarks.append(Remark("dose_from_volume", text, self.table.n_rows))
        return factor

    def _measured(self, roles: dict[str, int], asked: _Asked) -> list[int]:
        """Return the columns of incorporations: that of the role, and its replicates by their names.

        A further column of another name is left out, which is said; so is one of another dose.
        """
        found, names = [roles["taken"]], [plain_name(name) for name in self.table.names]
        chosen = {"dose": asked.dose_column, "taken": asked.taken_column}
        for role, what in (("dose", "dose"), ("taken", "incorporation")):
            if role not in roles or chosen[role] is not None:
                continue
            first = roles[role]
            others = [
                j
                for j, name in enumerate(names)
                if j not in roles.values() and _role_of(name) == role and self._holds_numbers(j)
            ]
            if role == "taken" and first < len(names):
                found += _replicates(names, first, others)
            out = ", ".join(repr(self.table.name(j)) for j in others if j not in found)
            if out:
                text = (
                    f"column {out} left out: {self.table.name(first)!r} is taken as {what} (choose another "
                    f"with --{what}-column, in Python {what}_column=)"
                )
                self.remarks.append(Remark("columns_left_out", text))
        if len(found) > 1:
            listed = ", ".join(repr(self.table.name(j)) for j in found)
            text = f"{listed} taken as replicates (choose one with --incorporation-column, in Python "
            self.remarks.append(Remark("replicate_columns", text + "incorporation_column=)", len(found)))
        return found

    def _holds_numbers(self, j: int) -> bool:
        return self.table.columns[j].kind == "number"

    def _sigma(self, measured: list[int], roles: dict[str, int], factor: float) -> Array | None:
        """Return the standard deviations (n, columns) of the incorporations, None where there are none."""
        columns = self.table.columns
        beside = [columns[j].sigma for j in measured]
        if any(values is not None for values in beside):  # nearer to the value than a column
            missing = np.full(self.table.n_rows, np.nan)
            return factor * np.column_stack([missing if values is None else values for values in beside])
        if "sigma" not in roles:
            return None
        names = [plain_name(name) for name in self.table.names]
        own = [j for j, name in enumerate(names) if _role_of(name) == "sigma" and self._holds_numbers(j)]
        chosen = own if len(own) == len(measured) else [roles["sigma"]] * len(measured)
        by_number = {_numbered(names[j])[1]: j for j in own}
        wanted = [_numbered(names[j])[1] for j in measured if j < len(names)]
        if len(by_number) == len(own) > 1 and set(wanted) <= set(by_number):
            chosen = [by_number[number] for number in wanted]
        return factor * np.column_stack([columns[j].values for j in chosen])

    def _dose_sd(self, roles: dict[str, int], factor: float, keep: BoolArray, rows: IntArray) -> Array | None:
        """Return the standard deviations of the doses that the file gives."""
        given = None if "dose" not in roles else self.table.columns[roles["dose"]].sigma
        if given is None and "dose sd" in roles:
            given = self.table.columns[roles["dose sd"]].values
        if given is None:
            return None
        spread = given[rows][keep] * factor
        usable = np.isfinite(spread) & (spread >= 0)
        if not usable.all():
            text = "errors of the doses are not used: some are missing or negative"
            where = keep.copy()
            where[keep] = ~usable
            self._say("dose_error_dropped", text, where)
            return None
        return spread

    def _roles(self, asked: _Asked) -> dict[str, int]:
        """Index of the columns "dose" (or "low" and "high"), "taken" and, if there, "sigma"."""
        names = [plain_name(name) for name in self.table.names]
        numbers = [j for j, column in enumerate(self.table.columns) if column.kind in ("number", "empty")]
        roles: dict[str, int] = {}
        for j in numbers:
            role = _role_of(names[j] if j < len(names) else "")
            if role:
                roles.setdefault(role, j)
        for role, wanted in (("dose", asked.dose_column), ("taken", asked.taken_column)):
            if wanted is not None:
                roles[role] = self._find(wanted)
        dosed = "dose" in roles or {"low", "high"} <= set(roles)
        free = [j for j in numbers if j not in roles.values()]
        if dosed is not ("taken" in roles) and len(free) == 1:
            roles["taken" if dosed else "dose"] = free[0]
        elif not {"dose", "taken"} & set(roles) and 2 <= len(numbers) <= 3 and not any(names):
            roles |= dict(zip(("dose", "taken", "sigma"), numbers, strict=False))
            text = "no header: the first column is taken as dose, the second as incorporation"
            self.remarks.append(Remark("no_header", text))
        elif not roles and len(free) == 2 and not any(read_header(name).kind for name in self.table.names):
            roles["dose"], roles["taken"] = free
            pair = " and ".join(repr(self.table.name(j)) for j in free)
            text = f"columns {pair} taken as dose and incorporation"
            self.remarks.append(Remark("columns_assumed", text))
        if "taken" not in roles or not ("dose" in roles or {"low", "high"} <= set(roles)):
            raise self.context.error(
                f"the columns of dose and incorporation cannot be told; columns are {self.table.listed}",
                self._need(),
                line=self.table.header_line,
            )
        return roles

    def _need(self) -> str:
        """Return what a dose table needs; a table with a column of time may be a run instead."""
        need = (
            "a dose table needs a column of guest added and one of guest found, named such as "
            "'Ag added (mol %)' and 'Ag incorporated (mol %)'; else choose them with --dose-column and "
            "--incorporation-column (dose_column=, incorporation_column=)"
        )
        if any(read_header(name).kind == "time" for name in self.table.names):
            need += "; a signal against time is no dose table: use cxkinetics fit"
        return need

    def _find(self, wanted: str | int) -> int:
        names = [name.strip().casefold() for name in self.table.names]
        if isinstance(wanted, str) and wanted.strip().casefold() in names:
            return names.index(wanted.strip().casefold())
        number = (
            wanted
            if isinstance(wanted, int)
            else int(wanted)
            if wanted.isdecimal() and len(wanted) < 9
            else 0
        )
        if 1 <= number <= len(self.table.columns):
            return number - 1
        raise self.context.error(
            f"there is no column {wanted!r}; columns are {self.table.listed}", line=self.table.header_line
        )

    def _factor(self, j: int, unit: str | None, what: str, *, largest: float, doubt: float) -> float:
        """100 for fractions, 1 for percent; what was assumed or converted is remarked.

        A column of percent that does not pass `doubt` may hold fractions and is asked.
        """
        name, column = self.table.name(j), self.table.columns[j]
        percent = column.unit == "%" or _PERCENT.search(name.casefold())
        stated = "percent" if percent else "fraction" if _FRACTION.search(name.casefold()) else ""
        ends = [end for _, *pair in column.intervals for end in pair]
        top = max([0.0, *column.values[np.isfinite(column.values)].tolist(), *ends])
        chosen = unit or stated
        measured = _unit_of(name)
        if not chosen and _AMOUNT.fullmatch(measured):
            remedy = "divide it by the amount of the host cation"
            if what == "dose" and _VOLUME.fullmatch(measured):
                remedy += (
                    ", or give that and the stock: --cadmium-umol and --silver-mmol-per-l, to a dose for a "
                    "target with --same-stocks (host_umol=, stock_mmol_per_l=)"
                )
            raise self.context.error(
                f"the {what} is given in {measured}, an amount: a percentage or mol/mol is needed",
                remedy,
                line=self.table.header_line,
                column=name,
            )
        if not chosen:
            chosen = "fraction" if 0 < top <= largest else "percent"
            how = "to be a fraction" if chosen == "fraction" else "in percent"
            text = f"{what} assumed {how}: column {name!r} names no unit"
            self.remarks.append(Remark(f"{what}_unit_assumed", text))
        if chosen == "percent" and stated and unit is None and 0 < top <= doubt:
            raise self.context.error(
                f"the {what} reaches only {top:g} %: are these fractions under a percent header?",
                f"pass --dose-unit percent ({what}_unit=) if they are percent; else name it (mol/mol)"
                + (" or pass --dose-unit fraction" if what == "dose" else ""),
                line=self.table.header_line,
                column=name,
            )
        if chosen == "fraction":
            text = f"{what} converted from a fraction (mol/mol) to percent"
            self.remarks.append(Remark("fraction_converted", text, self.table.n_rows))
            return 100.0
        return 1.0

    def _doses(self, roles: dict[str, int], factor: float) -> tuple[Array, Array, Array]:
        given = self.table.columns[roles["dose"]] if "dose" in roles else None
        dose = np.full(self.table.n_rows, np.nan) if given is None else given.values * factor
        low, high = dose.copy(), dose.copy()
        for row, start, end in () if given is None else given.intervals:
            low[row], high[row] = start * factor, end * factor
        for role, bound in (("low", low), ("high", high)):
            if role in roles:
                stated = self.table.columns[roles[role]].values * factor
                np.copyto(bound, stated, where=np.isfinite(stated))
        one = np.where(np.isfinite(dose), dose, low)
        return np.where(np.isfinite(low) & (low == high), one, np.nan), low, high

    def _guest(self, dose_j: int, taken_j: int) -> str:
        """Return the guest that the two columns name, "" where they name none."""
        dosed, taken = (guest_in(self.table.name(j)) for j in (dose_j, taken_j))
        if dosed and taken and dosed != taken:
            raise self.context.error(
                f"column {self.table.name(dose_j)!r} is of {dosed}, column {self.table.name(taken_j)!r} of "
                f"{taken}: a dose table holds one guest, added and found",
                "keep the two columns of one guest, or name them: --dose-column, --incorporation-column "
                "(dose_column=, incorporation_column=)",
                line=self.table.header_line,
            )
        return dosed or taken

    def _basis(self, j: int, guest: str) -> str:
        match = _BASIS.search(self.table.name(j))
        if match is not None:
            with contextlib.suppress(UsageError):
                kind, own, other = basis_elements(match.group())
                return name_basis(kind, guest=own, host=other, anion=other)
        named = BASES[0] if guest == "Ag" else name_basis(BASES[0], guest=guest or "guest")
        text = f"incorporation assumed on the basis {named}, guest over all cations (else pass --basis)"
        self.remarks.append(Remark("basis_assumed", text))
        return named if guest else BASES[0]

    def _refuse_impossible(
        self, keep: BoolArray, bounds: list[tuple[Array, IntArray, float]], basis: str
    ) -> None:
        """Refuse values below zero or above the limit of their column; all such cells are listed."""
        found = sorted(
            (int(self.lines[row]), self.table.name(int(places[row])), float(values[row]))
            for values, places, top in bounds
            for row in np.flatnonzero(keep & ((values < 0) | (values > top)))
        )
        if not found:
            return
        line, column, value = found[0]
        why = "it cannot be negative" if value < 0 else f"an incorporation on {basis} cannot pass 100 %"
        problems = [f"line {at}, column {name!r}: {v:g}" for at, name, v in found]
        more = "" if len(found) == 1 else f" (and {len(found) - 1} more: {'; '.join(problems[1:6])})"
        other = "if it is guest per host cation (Ag/Cd) or per anion (Ag/S), pass that basis (--basis)"
        raise self.context.error(
            f"{value:g} %: {why}{more}",
            "check the cell" + (f"; {other}" if value > 0 else ""),
            line=line,
            column=column,
            value=f"{value:g}",
            problems=problems,
        )

    def _mass_balance(
        self, dose: Array, taken: Array, sigma: Array | None, keep: BoolArray, basis: str
    ) -> None:
        """Remark where more guest is found than was added, even if all released host cations left."""
        fraction, kind = taken / 100.0, basis_kind(basis)
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio = fraction / (1 - fraction) if kind == BASES[0] else fraction
            bound = fraction * (33 / 34) if kind == BASES[2] else ratio / (1 + ratio / 2)
        slack = 0.0 if sigma is None else np.where(np.isfinite(sigma), sigma, 0.0)
        bad = keep & (100.0 * bound - 2 * slack > dose + 1e-9)
        if bad.any():
            doses = f"{bad.sum()} dose{'' if bad.sum() == 1 else 's'}"
            first = f"({taken[bad][0]:g} % at {dose[bad][0]:g} %)"
            text = f"mass balance: more guest incorporated than added at {doses} {first}"
            if np.median(taken[keep]) > 10 * np.median(dose[keep]):
                remedy = "a unit is off: look at the doses, the host (micromol) and the stock (mmol/L)"
                raise self.context.error(text, remedy)
            self._say("mass_balance", text, bad)

    def _say(self, code: str, text: str, where: BoolArray) -> None:
        self.remarks.append(Remark.at(code, text, int(where.sum()), rows=self.lines[where].tolist()))
