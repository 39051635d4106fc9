"""Which clusters weigh that much: an exhaustive search, and how often it succeeds by chance.

The search tries CdxSy(ligand)z with and without guest, bare guest sulfide AgaSb, and adducts. Such
a space is dense: 98 % of all masses between 5200 and 5800 find some CdxSy(L)z + adduct within
1 Da. So every search carries its chance-hit rate, the share of all masses near a peak that find a
composition too, and each candidate its formal charge (2x - 2y - z = +1 for CdxSy(oleate)z seen as
a cation): the charge balance prunes what the mass cannot.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType

import numpy as np

from cxkinetics.arrays import Array
from cxkinetics.errors import UsageError
from cxkinetics.evidence.isotopes import average_mass
from cxkinetics.models.formula import LIGANDS, Formula, Ligand

__all__ = ["FAMILIES", "Candidate", "Catalogue", "SearchSpace", "catalogue"]

FAMILIES: Mapping[str, str] = MappingProxyType(
    {"host": "host cluster", "doped": "doped cluster", "sulfide": "guest sulfide"}
)
_CATIONS = {"H": 1, "Li": 1, "Na": 1, "K": 1}


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchSpace:
    """Which compositions are tried.

    Attributes
    ----------
    host, guest, anion : str
        Elements of the host cation (charge +2), guest cation (+1) and anion (-2).
    ligands : tuple of Ligand
        Ligands of host and doped clusters (one kind at a time): oleate and oleic acid by default.
    host_count : (int, int)
        Fewest and most host cations.
    excess : (int, int)
        Range of all cations minus anions.
    most_ligands, most_guests : int
        Largest numbers of ligands, and of guests in a doped cluster.
    guest_count : (int, int)
        Fewest and most guests of a bare guest sulfide AgaSb.
    guest_excess : (int, int)
        Range of a - 2b, its formal charge.
    adducts : tuple of str
        Elements of which one may be attached ("H", "Li", "Na", "K").
    charge : int
        Charge of the ions that the instrument sees, +1 or -1.

    Raises
    ------
    UsageError
        If the charge or an adduct is none of these.
    """

    host: str = "Cd"
    guest: str = "Ag"
    anion: str = "S"
    ligands: tuple[Ligand, ...] = (LIGANDS["OA"], LIGANDS["L"])
    host_count: tuple[int, int] = (10, 60)
    excess: tuple[int, int] = (-2, 8)
    most_ligands: int = 6
    most_guests: int = 2
    guest_count: tuple[int, int] = (10, 80)
    guest_excess: tuple[int, int] = (-2, 4)
    adducts: tuple[str, ...] = ("H", "Na", "K")
    charge: int = 1

    def __post_init__(self) -> None:
        if self.charge not in (1, -1):
            raise UsageError(f"charge is {self.charge}; the search reads +1 or -1 ions")
        for symbol in self.adducts:
            if symbol not in _CATIONS:
                raise UsageError(f"adduct {symbol!r} is not known; use {', '.join(_CATIONS)}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """One composition near a peak.

    Attributes
    ----------
    formula : str
        As `cxkinetics.models.formula.parse` reads it.
    family : str
        "host", "doped" or "sulfide".
    mass_da : float
        Average m/z, Da.
    error_da : float
        Measured minus computed, Da.
    formal_charge : int
        Sum of formal charges of ions and ligands.
    balanced : bool
        True where that is the charge of the ion.
    """

    formula: str
    family: str
    mass_da: float
    error_da: float
    formal_charge: int
    balanced: bool


@dataclass(frozen=True, slots=True, eq=False)
class Catalogue:
    """All compositions of a search space, sorted by mass.

    Attributes
    ----------
    mz : Array, shape (n,)
        Average m/z of each, Da, ascending.
    counts : Array, shape (n, m)
        How many of each unit: host, guest, anion, each ligand, H, then the other adducts.
    units : tuple of Formula
        What the columns of `counts` count.
    families : Array, shape (n,)
        Index into `FAMILIES`.
    formal_charge : Array, shape (n,)
        Formal charge of each.
    space : SearchSpace
        How they were made.
    """

    mz: Array
    counts: Array
    units: tuple[Formula, ...]
    families: Array
    formal_charge: Array
    space: SearchSpace

    def near(
        self, mz: float, tolerance_da: float, families: Sequence[str] = tuple(FAMILIES)
    ) -> tuple[Candidate, ...]:
        """Return the candidates within `tolerance_da` of `mz`.

        Those whose formal charge is that of the ion come first, among them the simpler ones (fewest
        ligands, guests and adducts; a proton for each guest counts nothing), then the nearer.

        Parameters
        ----------
        mz : float
            Measured m/z, Da.
        tolerance_da : float
            How near is near, Da.
        families : sequence of str
            Which families to look in.
        """
        low, high = np.searchsorted(self.mz, [mz - tolerance_da, mz + tolerance_da])
        wanted = self._in(families)
        chosen = [i for i in range(int(low), int(high)) if wanted[i]]
        first_adduct = len(self.units) - len(set(self.space.adducts) | {"H"})
        names = list(FAMILIES)
        ranked = []
        for i in chosen:
            charge = int(self.formal_charge[i])
            candidate = Candidate(
                formula=str(self._formula(i)),
                family=names[int(self.families[i])],
                mass_da=float(self.mz[i]),
                error_da=float(mz - self.mz[i]),
                formal_charge=charge,
                balanced=charge == self.space.charge,
            )
            guests, protons = float(self.counts[i, 1]), float(self.counts[i, first_adduct])
            parts = float(self.counts[i, 1] + self.counts[i, 3:].sum()) if self.counts[i, 0] else 0.0
            parts -= protons if protons == guests else 0.0
            ranked.append((not candidate.balanced, parts, abs(candidate.error_da), candidate))
        ranked.sort(key=lambda item: item[:3])
        once = {(round(item[-1].mass_da, 6), item[-1].formal_charge): item[-1] for item in reversed(ranked)}
        return tuple(reversed(once.values()))  # OA + H is L: the same atoms are named once

    def chance_rate(
        self,
        low_da: float,
        high_da: float,
        tolerance_da: float,
        *,
        families: Sequence[str] = ("host",),
        ligands: Sequence[Ligand] | None = None,
        balanced: bool = False,
    ) -> float:
        """Return the share of masses between two bounds that find a composition within tolerance.

        Parameters
        ----------
        low_da, high_da : float
            Bounds of the masses, Da.
        tolerance_da : float
            How near is near, Da.
        families : sequence of str
            Which families count.
        ligands : sequence of Ligand, optional
            Which ligands count; all by default.
        balanced : bool
            Count only compositions whose formal charge is that of the ion.

        Returns
        -------
        float
            Exact measure of the union of the intervals, between 0 and 1.

        Examples
        --------
        >>> acid = (LIGANDS["L"],)
        >>> round(catalogue(SearchSpace()).chance_rate(5200, 5800, 1.0, ligands=acid), 3)
        0.977
        """
        keep = self._in(families)
        if ligands is not None:
            for column, ligand in enumerate(self.space.ligands, start=3):
                if ligand not in ligands:
                    keep &= self.counts[:, column] == 0
        if balanced:
            keep &= self.formal_charge == self.space.charge
        centres = self.mz[keep]
        starts = np.clip(centres - tolerance_da, low_da, high_da)
        ends = np.clip(centres + tolerance_da, low_da, high_da)
        reach = np.maximum.accumulate(np.concatenate([[low_da], ends]))[:-1]
        covered = np.clip(ends - np.maximum(starts, reach), 0.0, None).sum()
        return float(covered / (high_da - low_da))

    def _in(self, families: Sequence[str]) -> np.ndarray[tuple[int, ...], np.dtype[np.bool_]]:
        indices = [list(FAMILIES).index(family) for family in families]
        return np.isin(self.families, indices)

    def _formula(self, index: int) -> Formula:
        numbers = [int(number) for number in self.counts[index]]
        n_ligands = len(self.space.ligands)
        core = tuple(
            sorted((unit.core[0][0], n) for unit, n in zip(self.units[:3], numbers[:3], strict=True) if n)
        )
        bound = tuple(
            (ligand, n) for ligand, n in zip(self.space.ligands, numbers[3 : 3 + n_ligands], strict=True) if n
        )
        adducts = zip(self.units[3 + n_ligands :], numbers[3 + n_ligands :], strict=True)
        gained = tuple(sorted((unit.core[0][0], n) for unit, n in adducts if n))
        return Formula(core=core, ligands=bound, adducts=gained)


@lru_cache(maxsize=8)
def catalogue(space: SearchSpace) -> Catalogue:
    """Return all compositions of `space`, sorted by mass.

    Examples
    --------
    >>> found = catalogue(SearchSpace()).near(5549, 2.0, ["host"])
    >>> found[0].formula, round(found[0].error_da, 1)
    ('Cd33S31(OA)3', 1.0)
    """
    extra = ("H", *(symbol for symbol in space.adducts if symbol != "H"))
    units = tuple(Formula(core=((s, 1),)) for s in (space.host, space.guest, space.anion))
    units += tuple(Formula(core=(), ligands=((ligand, 1),)) for ligand in space.ligands)
    units += tuple(Formula(core=((symbol, 1),)) for symbol in extra)
    charges = [2, 1, -2, *(ligand.charge for ligand in space.ligands), *(_CATIONS[s] for s in extra)]
    counts = _all_counts(space, extra)
    mass = counts @ np.array([average_mass(unit) for unit in units])
    order = np.argsort(mass, kind="stable")
    counts = counts[order]
    family = np.where(counts[:, 0] == 0, 2.0, np.where(counts[:, 1] > 0, 1.0, 0.0))
    charge = counts @ np.array(charges, dtype=float)
    return Catalogue(mass[order], counts, units, family, charge, space)


def _all_counts(space: SearchSpace, extra: tuple[str, ...]) -> Array:
    """Return one row per composition: host, guest, anion, ligands, adducts; each row once."""
    n_ligands = len(space.ligands)
    shells = [(0,) * n_ligands]
    for kind in range(n_ligands):
        for number in range(1, space.most_ligands + 1):
            shells.append(tuple(number if i == kind else 0 for i in range(n_ligands)))
    single = [tuple(int(symbol == other) for other in extra) for symbol in space.adducts]
    rows = []
    for guests in range(space.most_guests + 1):
        protons = [(number, *(0,) * (len(extra) - 1)) for number in range(2, guests + 1)]
        tails = [(0,) * len(extra), *single, *protons]
        for shell in shells:
            for tail in tails:
                rows.append((guests, *shell, *tail))
    decorations = np.array(rows, dtype=float)
    metals = np.arange(space.host_count[0], space.host_count[1] + 1)
    excesses = np.arange(space.excess[0], space.excess[1] + 1)
    cores = np.array([(m, m - e) for m in metals for e in excesses if m - e >= 1], dtype=float)
    repeated = np.repeat(cores, len(decorations), axis=0)
    tiled = np.tile(decorations, (len(cores), 1))
    clusters = np.column_stack([repeated[:, 0] - tiled[:, 0], tiled[:, 0], repeated[:, 1], tiled[:, 1:]])
    sulfides = [
        (0, a, (a - e) // 2, *(0,) * (n_ligands + len(extra)))
        for a in range(space.guest_count[0], space.guest_count[1] + 1)
        for e in range(space.guest_excess[0], space.guest_excess[1] + 1)
        if (a - e) % 2 == 0 and a > e
    ]
    return np.concatenate([clusters, np.array(sulfides, dtype=float).reshape(-1, clusters.shape[1])])
