"""What evidence needs of a cation system: its phases, its cluster as a mass spectrum shows it, its lines.

A system is defined once, in the room of composition, on which this room builds: host, guest, product
and rule, and in its table `evidence` what only spectra need. What is left out there follows from the
formulae, or stays unknown: no state and no line of another guest is taken over.
"""

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import lru_cache
from math import gcd
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from cxkinetics.errors import InputError, UsageError
from cxkinetics.evidence.doublets import LINES, Line, line_key
from cxkinetics.models.formula import OXIDATION_STATES

if TYPE_CHECKING:
    from cxkinetics.composition.system import System

SystemLike: TypeAlias = "System | Chemistry | str | Path"
DEFAULT = "ag-cds"
FAMILIES = ("host", "sulfide", "other")


@dataclass(frozen=True, slots=True, kw_only=True)
class ChemicalState:
    """A chemical state with the position of its main line.

    Attributes
    ----------
    name : str
        In words.
    line : str
        The photoelectron line.
    position_ev : float
        Binding energy of the main line, eV.
    family : str
        "host" (in the host cluster), "sulfide" (guest sulfide) or "other".
    source : str
        Where the position comes from.

    Raises
    ------
    InputError
        If the family is none of the three.
    """

    name: str
    line: str
    position_ev: float
    family: str
    source: str = ""

    def __post_init__(self) -> None:
        if self.family not in FAMILIES:
            known = ", ".join(FAMILIES)
            raise InputError(f"the family of {self.name!r} is {self.family!r}; it must be one of {known}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Structure:
    """A crystal structure, from which a powder pattern is computed.

    Attributes
    ----------
    name, source : str
        Name of the mineral, and where the structure comes from.
    cell : tuple of float
        a, b, c (Angstrom), alpha, beta, gamma (degrees).
    atoms : tuple of (int, float, float, float)
        Every atom of the cell: atomic number, and place in fractions of the cell.
    """

    name: str
    cell: tuple[float, ...]
    atoms: tuple[tuple[float, ...], ...]
    source: str = ""

    def __post_init__(self) -> None:
        wrong = [atom for atom in self.atoms if len(atom) != 4]
        if len(self.cell) != 6 or wrong or not self.atoms:
            raise InputError(
                f"the structure of {self.name} has {len(self.cell)} numbers in its cell and "
                f"{len(self.atoms)} atoms, {len(wrong)} of them incomplete",
                remedy="give cell = [a, b, c, alpha, beta, gamma] and atoms = [[Z, x, y, z], ...]",
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Chemistry:
    """A cation system as spectra see it.

    Attributes
    ----------
    system : str
        Name of the system.
    host_cluster : str
        The undoped cluster as a mass spectrum shows it, with ligands where the system names them.
    guest, replaced, anion : str
        Elements: the guest, the host cation that it replaces, and the anion.
    host_phase, product_phase : str
        Names of the two species on which evidence speaks ("CdS", "Ag2S").
    max_guests : int or None
        Most guests in a cluster; None where the system states none.
    one_to_one : bool
        Whether each guest displaces one host cation.
    fragments_da : (float, float) or None
        Masses at which fragments of the host are known to lie among the clusters of the product.
    line : str
        The photoelectron line by which the guest is followed; "" where none is known.
    lines : tuple of Line
        Lines of the system beside those in `LINES`.
    states : tuple of ChemicalState
        Known states; empty where none is published.
    source : str
        Where the numbers of the system come from.
    host_peaks : tuple of (float, float, float)
        Place, full width (degrees 2theta, Cu K-alpha) and relative area of the host's broad peaks.
    product_structure : Structure or None
        Of the product, for a computed pattern.
    charges : tuple of (str, int)
        Formal charges that stand in no table, or otherwise than there.
    """

    system: str
    host_cluster: str
    guest: str
    replaced: str
    anion: str
    host_phase: str
    product_phase: str
    max_guests: int | None
    one_to_one: bool = True
    fragments_da: tuple[float, float] | None = None
    line: str = ""
    lines: tuple[Line, ...] = ()
    states: tuple[ChemicalState, ...] = ()
    charges: tuple[tuple[str, int], ...] = ()
    source: str = ""
    host_peaks: tuple[tuple[float, float, float], ...] = ()
    product_structure: Structure | None = None

    @property
    def most_guests(self) -> int:
        """Most guests in a cluster, for what needs the number.

        Raises
        ------
        InputError
            If the system states none.
        """
        if self.max_guests is None:
            raise InputError(
                f"the system {self.system} states no largest number of {self.guest} per cluster, and a mass "
                "spectrum is searched up to it",
                remedy="add max_guests = N to its file (in Python System(max_guests=N))",
            )
        return self.max_guests

    def line_called(self, line: str | Line) -> Line:
        """Return a line by its name, among those of the system and those in `LINES`.

        Raises
        ------
        UsageError
            If there is none of that name.
        """
        if isinstance(line, Line):
            return line
        lines = {line_key(item.name): item for item in (*LINES.values(), *self.lines)}
        if line_key(line) in lines:
            return lines[line_key(line)]
        listed = ", ".join(item.name for item in lines.values())
        if not line:
            raise UsageError(f"no line of {self.guest} is known; name one (known are {listed})")
        raise UsageError(f"line {line!r} is not known; known are {listed}")


def chemistry_of(system: SystemLike = DEFAULT) -> Chemistry:
    """Return what evidence needs of a system; a `Chemistry` is returned as it is.

    Parameters
    ----------
    system : System, str or Path
        A packaged system by name, the path of a TOML file, or a `System`.

    Raises
    ------
    UsageError
        If there is no such system.
    InputError
        If its table `evidence` holds something else than it may.

    Examples
    --------
    >>> copper = chemistry_of("cu-cds")
    >>> copper.host_cluster, copper.host_phase, copper.product_phase, copper.line, copper.states
    ('Cd34S33(L)', 'CdS', 'CuS', 'Cu 2p', ())
    """
    if isinstance(system, Chemistry):
        return system
    return _packaged(DEFAULT) if isinstance(system, str) and system == DEFAULT else _chemistry_of(system)


def _chemistry_of(given: "System | str | Path") -> Chemistry:
    try:
        from cxkinetics.composition.system import load_system
    except ModuleNotFoundError as error:
        fault = "evidence takes its cation system from the part composition, which is not installed"
        raise UsageError(fault) from error

    system = load_system(given)
    table = dict(system.evidence)
    known = (
        *("host_cluster", "host_phase", "fragments_da", "line", "lines", "states", "charges"),
        *("host_peaks", "product_structure"),
    )
    for key in table:
        if key not in known:
            near = difflib.get_close_matches(key, known, 1, 0.6)
            hint = f" (did you mean {near[0]}?)" if near else ""
            fault = f"unknown key {key!r} in the table evidence of {system.name}{hint}"
            raise InputError(fault, remedy=f"use {', '.join(known)}")
    states = tuple(_made(ChemicalState, row, system) for row in table.pop("states", ()))
    lines = tuple(_made(Line, row, system) for row in table.pop("lines", ()))
    if (structure := table.pop("product_structure", None)) is not None:
        rows = {**structure, "cell": tuple(structure["cell"]), "atoms": tuple(map(tuple, structure["atoms"]))}
        table["product_structure"] = _made(Structure, rows, system)
    table["host_peaks"] = tuple(map(tuple, table.get("host_peaks", ())))
    charges = tuple(sorted({**system.charges, **table.pop("charges", {})}.items()))
    names = [line.name for line in (*lines, *LINES.values()) if line.name.split()[0] == system.guest]
    made = {"host_cluster": str(system.host), "line": names[0] if names else "", **table}
    if "host_phase" not in made:
        made["host_phase"] = balanced_unit(system.host_cation, system.anion, charges)
    if (window := made.get("fragments_da")) is not None:
        made["fragments_da"] = (float(window[0]), float(window[1]))
    return Chemistry(
        system=system.name,
        guest=system.guest,
        replaced=system.host_cation,
        anion=system.anion,
        product_phase=system.product_key,
        max_guests=system.max_guests,
        one_to_one=system.guests_per_host == 1,
        lines=lines,
        states=states,
        charges=charges,
        source=system.source,
        **made,
    )


_packaged = lru_cache(maxsize=1)(_chemistry_of)  # the default alone is read once: a file may change


def _made(kind: Any, row: Mapping[str, Any], system: "System") -> Any:
    """Return one row of the table `evidence` as a line or a state; its source is that of the system."""
    names = {item.name for item in fields(kind)}
    given = {"source": system.source, **row} if "source" in names else dict(row)
    try:
        return kind(**given)
    except TypeError as error:
        fault = f"an entry of the table evidence of {system.name} cannot be read: {error}"
        raise InputError(fault, remedy=f"give {', '.join(sorted(names))}") from error


def charge_of(symbol: str, charges: tuple[tuple[str, int], ...] = ()) -> int:
    """Return the formal charge of an ion.

    Raises
    ------
    InputError
        If it is not known.
    """
    known = dict(OXIDATION_STATES) | dict(charges)
    if symbol not in known:
        remedy = f"name it in the system's file: charges = {{ {symbol} = ... }}"
        raise InputError(f"the formal charge of {symbol} is not known", remedy=remedy)
    return known[symbol]


def protons_per_guest(guest: str, replaced: str, charges: tuple[tuple[str, int], ...] = ()) -> int:
    """Return how many protons keep the charge of a cluster when a guest replaces a host cation.

    Examples
    --------
    >>> protons_per_guest("Ag", "Cd"), protons_per_guest("Hg", "Cd")
    (1, 0)
    """
    return max(charge_of(replaced, charges) - charge_of(guest, charges), 0)


def balanced_unit(cation: str, anion: str, charges: tuple[tuple[str, int], ...] = ()) -> str:
    """Return the smallest formula of two ions whose charges balance.

    Examples
    --------
    >>> balanced_unit("Cd", "S"), balanced_unit("Ag", "S"), balanced_unit("In", "S", (("In", 3),))
    ('CdS', 'Ag2S', 'In2S3')
    """
    plus, minus = charge_of(cation, charges), -charge_of(anion, charges)
    shared = gcd(plus, minus)
    counts = ((cation, minus // shared), (anion, plus // shared))
    return "".join(f"{symbol}{number if number > 1 else ''}" for symbol, number in counts)
