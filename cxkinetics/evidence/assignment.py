"""Assignment of mass-spectrum peaks: stated formulae checked, candidates searched, chance hits counted."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from functools import lru_cache
from typing import Annotated

import numpy as np

from cxkinetics.arrays import Array, BoolArray
from cxkinetics.calls import checked
from cxkinetics.errors import InputError, UsageError
from cxkinetics.evidence.chemistry import (
    DEFAULT,
    SystemLike,
    balanced_unit,
    charge_of,
    chemistry_of,
    protons_per_guest,
)
from cxkinetics.evidence.isotopes import average_mass
from cxkinetics.evidence.result import EvidenceResult
from cxkinetics.models.formula import LIGANDS, OXIDATION_STATES, Formula, Ligand, parse
from cxkinetics.record import As, Record
from cxkinetics.remarks import Remark
from cxkinetics.signals.spectrum import PeakList
from cxkinetics.source import Source

FAMILIES = ("host", "doped", "sulfide")
_MOST_COMPOSITIONS = 2e7
_CATIONS = {"H": 1, "Li": 1, "Na": 1, "K": 1}


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchSpace:
    """Which compositions are tried.

    Attributes
    ----------
    host, guest, anion : str
        Elements of the host cation, the guest cation and the anion.
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
        Range of its formal charge, a - 2b for Ag2S.
    product : str
        What full exchange gives; by default the smallest formula of guest and anion that balances.
    charges : tuple of (str, int)
        Formal charges that stand in no table, or otherwise than there.
    fragments_da : (float, float) or None
        Masses at which fragments of the host are known to lie among the bare sulfides.
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
    product: str = ""
    charges: tuple[tuple[str, int], ...] = ()
    fragments_da: tuple[float, float] | None = (3200.0, 4150.0)

    def __post_init__(self) -> None:
        if self.charge not in (1, -1):
            raise UsageError(f"charge is {self.charge}; the search reads +1 or -1 ions")
        for symbol in self.adducts:
            if symbol not in _CATIONS:
                raise UsageError(f"adduct {symbol!r} is not known; use {', '.join(_CATIONS)}")
        if not self.product:
            product = balanced_unit(self.guest, self.anion, self.charges)
            object.__setattr__(self, "product", product)

    @classmethod
    def of(cls, system: SystemLike) -> "SearchSpace":
        """Return the compositions to try for a cation system.

        Examples
        --------
        >>> SearchSpace.of("ag-cds") == SearchSpace(), SearchSpace.of("cu-cds").product
        (True, 'CuS')
        """
        chemistry = chemistry_of(system)
        cluster = parse(chemistry.host_cluster)
        metals = cluster.count(chemistry.replaced)
        excess = metals - cluster.count(chemistry.anion)
        return cls(
            host=chemistry.replaced,
            guest=chemistry.guest,
            anion=chemistry.anion,
            host_count=(10, metals + 26),  # fragments, and what grows beyond the cluster
            excess=(excess - 3, excess + 7),  # about that of the cluster, rich in cations rather than poor
            most_guests=chemistry.most_guests,
            product=chemistry.product_phase,
            charges=chemistry.charges,
            fragments_da=chemistry.fragments_da,
        )

    @property
    def protons(self) -> int:
        """Protons that each guest brings so that the charge is kept."""
        return protons_per_guest(self.guest, self.host, self.charges)

    @property
    def guest_charge_in_product(self) -> Fraction:
        """Charge of the guest in the product: 2 in CuS, although Cu(I) enters the cluster."""
        product = parse(self.product)
        balance = -charge_of(self.anion, self.charges) * product.count(self.anion)
        return Fraction(balance, product.count(self.guest))

    def formal_charge(self, formula: Formula) -> int:
        """Return the formal charge of a composition, that of a bare sulfide by the product."""
        charge = formula.formal_charge({**OXIDATION_STATES, **dict(self.charges)})
        if _family(formula, self) != "sulfide":
            return charge
        change = self.guest_charge_in_product - charge_of(self.guest, self.charges)
        return charge + round(formula.count(self.guest) * change)


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate(Record):
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
        self, mz: float, tolerance_da: float, families: Sequence[str] = FAMILIES
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
        proton = 3 + len(self.space.ligands)
        ranked = []
        for i in (i for i in range(int(low), int(high)) if wanted[i]):
            charge = int(self.formal_charge[i])
            candidate = Candidate(
                formula=str(self._formula(i)),
                family=FAMILIES[int(self.families[i])],
                mass_da=float(self.mz[i]),
                error_da=float(mz - self.mz[i]),
                formal_charge=charge,
                balanced=charge == self.space.charge,
            )
            hosts, guests, protons = self.counts[i, [0, 1, proton]]
            parts = guests + self.counts[i, 3:].sum() if hosts else 0.0
            parts -= protons if protons == guests * self.space.protons else 0.0
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

    def _in(self, families: Sequence[str]) -> BoolArray:
        return np.isin(self.families, [FAMILIES.index(family) for family in families])

    def _formula(self, index: int) -> Formula:
        numbers = [int(number) for number in self.counts[index]]
        first_adduct = 3 + len(self.space.ligands)
        bound = zip(self.space.ligands, numbers[3:first_adduct], strict=True)

        def counted(columns: slice) -> tuple[tuple[str, int], ...]:
            pairs = zip(self.units[columns], numbers[columns], strict=True)
            return tuple(sorted((unit.core[0][0], n) for unit, n in pairs if n))

        ligands = tuple((ligand, n) for ligand, n in bound if n)
        core, gained = counted(slice(3)), counted(slice(first_adduct, None))
        return Formula(core=core, ligands=ligands, adducts=gained)


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
    ions = [charge_of(symbol, space.charges) for symbol in (space.host, space.guest, space.anion)]
    charges = [*ions, *(ligand.charge for ligand in space.ligands), *(_CATIONS[s] for s in extra)]
    counts = _all_counts(space, extra)
    mass = counts @ np.array([average_mass(unit) for unit in units])
    order = np.argsort(mass, kind="stable")
    counts = counts[order]
    family = np.where(counts[:, 0] == 0, 2.0, np.where(counts[:, 1] > 0, 1.0, 0.0))
    change = np.where(family == 2.0, float(space.guest_charge_in_product - ions[1]), 0.0)
    charge = np.round(counts @ np.array(charges, dtype=float) + change * counts[:, 1])
    return Catalogue(mass[order], counts, units, family, charge, space)


def _all_counts(space: SearchSpace, extra: tuple[str, ...]) -> Array:
    """Return one row per composition: host, guest, anion, ligands, adducts; each row once."""
    n_ligands = len(space.ligands)
    kinds, numbers = np.eye(n_ligands, dtype=int), range(1, space.most_ligands + 1)
    shells = [(0,) * n_ligands, *(tuple(number * kind) for kind in kinds for number in numbers)]
    single = [tuple(int(symbol == other) for other in extra) for symbol in space.adducts]
    rows = []
    for number in range(space.most_guests + 1):
        protons = [(n, *(0,) * (len(extra) - 1)) for n in range(2, number * space.protons + 1)]
        tails = [(0,) * len(extra), *single, *protons]
        rows += [(number, *shell, *tail) for shell in shells for tail in tails]
    decorations = np.array(rows, dtype=float)
    size = len(rows) * np.ptp(space.host_count) * np.ptp(space.excess)
    if size > _MOST_COMPOSITIONS:
        raise InputError(
            f"{size:.1g} compositions with up to {space.host_count[1]} {space.host} and {space.most_guests} "
            f"{space.guest} are too many to be tried",
            remedy="this is for clusters; narrow the search (SearchSpace(host_count=, most_guests=))",
        )
    metals = np.arange(space.host_count[0], space.host_count[1] + 1)
    excesses = np.arange(space.excess[0], space.excess[1] + 1)
    cores = np.array([(m, m - e) for m in metals for e in excesses if m - e >= 1], dtype=float)
    cations, anions = np.repeat(cores, len(decorations), axis=0).T
    tiled = np.tile(decorations, (len(cores), 1))
    clusters = np.column_stack([cations - tiled[:, 0], tiled[:, 0], anions, tiled[:, 1:]])
    guest, anion = space.guest_charge_in_product, -charge_of(space.anion, space.charges)
    guests = range(space.guest_count[0], space.guest_count[1] + 1)
    charges = range(space.guest_excess[0], space.guest_excess[1] + 1)
    bare = [(0, a, (guest * a - charge) / anion) for a in guests for charge in charges]
    sulfides = np.array([row for row in bare if row[2].denominator == 1 and row[2] > 0], dtype=float)
    return np.concatenate([clusters, np.pad(sulfides.reshape(-1, 3), ((0, 0), (0, n_ligands + len(extra))))])


CHANCE_WINDOW_DA = 300.0
SHOWN_CANDIDATES = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class PeakAssignment(Record):
    """One peak and what it may be.

    Attributes
    ----------
    mz : float
        Measured m/z, Da.
    intensity : float or None
        Height where known.
    stated : Candidate or None
        The assignment that came with the peak, checked.
    agrees : bool or None
        Whether the stated mass lies within the tolerance; None where none was stated.
    candidates : tuple of Candidate
        The best few found by the search.
    n_candidates : int
        How many there are in all.
    chance_any, chance_balanced : float
        Share of all masses within 300 Da that find a composition, and a charge-balanced one.
    """

    mz: float
    intensity: float | None
    stated: Candidate | None
    agrees: bool | None
    candidates: tuple[Candidate, ...]
    n_candidates: int
    chance_any: float
    chance_balanced: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Spacing(Record):
    """How often two peaks stand one repeat unit apart.

    Attributes
    ----------
    unit : str
        The repeat unit ("S", "Ag2S", "CdS").
    mass_da : float
        Its average mass, Da.
    pairs : tuple of (float, float)
        The peaks that are that far apart within the tolerance.
    expected_by_chance : float
        How many pairs as many peaks, scattered evenly over the same range, would show.
    """

    unit: str
    mass_da: float
    pairs: tuple[tuple[float, float], ...]
    expected_by_chance: float


@dataclass(frozen=True, slots=True, kw_only=True)
class MassAssignment(EvidenceResult):
    """All peaks of a list with their candidates and the chance of finding them.

    Attributes
    ----------
    peaks : tuple of PeakAssignment
        In order of mass.
    spacings : tuple of Spacing
        Repeat units found between peaks.
    tolerance_da : float
        How near is near, Da.
    chance_window_da : (float, float)
        Bounds between which the three chance rates below were counted.
    chance_host_1da : float
        Share of masses that find some CdxSy(L)z + adduct within 1 Da.
    chance_balanced_1da : float
        The same for charge-balanced CdxSy(oleate)z without adduct or with one.
    chance_sulfide_1da : float
        The same for charge-balanced bare AgaSb.
    with_guest : bool
        Whether compositions with the guest were tried.
    label, source, remarks
        As for a spectrum.
    """

    SCHEMA = "cxkinetics.mass-assignment/1"
    _keys = """peaks spacings tolerance_da chance_host_1da chance_balanced_1da chance_sulfide_1da ..."""

    peaks: tuple[PeakAssignment, ...]
    spacings: tuple[Spacing, ...]
    tolerance_da: float
    chance_window_da: tuple[float, float]
    chance_host_1da: float
    chance_balanced_1da: float
    chance_sulfide_1da: float
    with_guest: bool = True
    label: str = ""
    source: Source = field(default_factory=Source)
    remarks: Annotated[tuple[Remark, ...], As(key="warnings")] = ()


def check_formula(text: str, mz: float, space: SearchSpace | None = None) -> Candidate:
    """Return a stated formula with its computed mass, error and formal charge.

    A formula without a written charge is taken as the singly charged ion (its mass as printed,
    without the electron, which weighs 0.0005 Da).

    Examples
    --------
    >>> checked = check_formula("Ag2Cd32S33", 4860)
    >>> round(checked.mass_da, 1), round(checked.error_da, 0)
    (4871.0, -11.0)
    """
    space = space or SearchSpace()
    formula = parse(text)
    mass = average_mass(formula)
    charge = space.formal_charge(formula)
    return Candidate(
        formula=str(formula),
        family=_family(formula, space),
        mass_da=mass,
        error_da=mz - mass,
        formal_charge=charge,
        balanced=charge == (formula.charge or space.charge),
    )


@checked()
def assign_peaks(
    peaks: PeakList,
    *,
    tolerance_da: float = 2.0,
    with_guest: bool = True,
    space: SearchSpace | None = None,
    system: SystemLike = DEFAULT,
) -> MassAssignment:
    """Return what the peaks of a list may be.

    Parameters
    ----------
    peaks : PeakList
        Masses, with stated formulae where there are any.
    tolerance_da : float
        Largest difference between a measured and a computed average mass that counts as agreement;
        twice the calibration error is a sensible value.
    with_guest : bool
        Whether compositions with the guest are tried; False for the undoped sample.
    space : SearchSpace, optional
        Which compositions are tried; those of the system, with oleate or oleic acid, by default.
    system : System, str or Path
        The cation system: a packaged one by name, a TOML file, or a `System`.

    Returns
    -------
    MassAssignment
        For each peak, the compositions that agree and whether the stated formula does.

    Raises
    ------
    InputError
        If a stated formula cannot be read.
    UsageError
        If the tolerance is not positive.

    Examples
    --------
    >>> found = assign_peaks(PeakList(mz=(5163, 4860), stated=("Cd34S33(L)", "Ag2Cd32S33")))
    >>> [(p.mz, p.agrees) for p in found.peaks]
    [(4860.0, False), (5163.0, True)]
    """
    if not 0 < tolerance_da <= 100:
        raise UsageError(f"the tolerance is {tolerance_da:g} Da; it must be positive, and 100 Da at most")
    space = space or SearchSpace.of(system)
    known = catalogue(space)
    families = FAMILIES if with_guest else ("host",)
    assigned = [
        _assign_one(peaks, i, known, families, tolerance_da) for i in np.argsort(peaks.mz, kind="stable")
    ]
    middle = float(np.median([peak.mz for peak in assigned]))
    heavy = any(5100 <= mz <= 5800 for mz in peaks.mz)
    window = (5200.0, 5800.0) if heavy else (middle - 300, middle + 300)
    acid = [ligand for ligand in space.ligands if not ligand.charge] or None
    charged = [ligand for ligand in space.ligands if ligand.charge] or None
    return MassAssignment(
        peaks=tuple(assigned),
        spacings=_spacings(peaks.mz, space, tolerance_da),
        tolerance_da=float(tolerance_da),
        chance_window_da=window,
        chance_host_1da=known.chance_rate(*window, 1.0, ligands=acid),
        chance_balanced_1da=known.chance_rate(*window, 1.0, ligands=charged, balanced=True),
        chance_sulfide_1da=known.chance_rate(*window, 1.0, families=("sulfide",), balanced=True),
        with_guest=with_guest,
        label=peaks.label,
        source=peaks.source,
        remarks=(*peaks.remarks, *_remarks(assigned, known, tolerance_da)),
    )


def _assign_one(
    peaks: PeakList, index: int, known: Catalogue, families: tuple[str, ...], tolerance_da: float
) -> PeakAssignment:
    mz = peaks.mz[index]
    stated = check_formula(peaks.stated[index], mz, known.space) if peaks.stated[index] else None
    found = known.near(mz, tolerance_da, families)
    bounds = (max(mz - CHANCE_WINDOW_DA, 1.0), mz + CHANCE_WINDOW_DA)
    return PeakAssignment(
        mz=mz,
        intensity=peaks.intensity[index] if peaks.intensity else None,
        stated=stated,
        agrees=None if stated is None else abs(stated.error_da) <= tolerance_da,
        candidates=found[:SHOWN_CANDIDATES],
        n_candidates=len(found),
        chance_any=known.chance_rate(*bounds, tolerance_da, families=families),
        chance_balanced=known.chance_rate(*bounds, tolerance_da, families=families, balanced=True),
    )


def _spacings(masses: tuple[float, ...], space: SearchSpace, tolerance_da: float) -> tuple[Spacing, ...]:
    units = (space.anion, space.product, balanced_unit(space.host, space.anion, space.charges))
    ordered = np.sort(np.asarray(masses))
    gaps = ordered[None, :] - ordered[:, None]
    span = max(float(np.ptp(ordered)), 1.0)
    found = []
    for name in units:
        mass = average_mass(parse(name))
        # two even points on [0, span] are d apart with density 2 (span - d) / span^2
        number = len(masses) * (len(masses) - 1) / 2
        density = 2.0 * max(span - mass, 0.0) / span**2
        rows, columns = np.nonzero(np.abs(gaps - mass) <= tolerance_da)
        pairs = tuple(zip(ordered[rows].tolist(), ordered[columns].tolist(), strict=True))
        chance = number * density * 2.0 * tolerance_da
        found.append(Spacing(unit=name, mass_da=mass, pairs=pairs, expected_by_chance=chance))
    return tuple(found)


def _remarks(assigned: list[PeakAssignment], known: Catalogue, tolerance_da: float) -> list[Remark]:
    space = known.space
    stated = [(peak, peak.stated) for peak in assigned if peak.stated is not None]
    off = [f"{s.formula} at {p.mz:g} ({s.error_da:+.0f})" for p, s in stated if not p.agrees]
    unbalanced = [f"{s.formula} ({s.formal_charge:+d})" for p, s in stated if p.agrees and not s.balanced]
    nearer = [text for peak in assigned if (text := _with_protons(peak, space))]
    far = f"stated formulae off by more than {tolerance_da:g} Da (measured - computed): "
    charged = f"the mass agrees but the formal charge is not {space.charge:+d}: "
    note = " (L is read as neutral oleic acid; write (OA) for oleate)"
    helped = "one proton per guest (guest+ and H+ for the host cation) comes nearer: "
    lists = (
        ("stated_assignment_off", off, far, ""),
        ("charge_not_balanced", unbalanced, charged, note),
        ("protons_nearer", nearer, helped, ""),
    )
    remarks = [Remark(code, f"{a}{', '.join(found)}{b}", len(found)) for code, found, a, b in lists if found]
    low, high = space.fragments_da or (np.inf, -np.inf)
    if any(low <= p.mz <= high for p in assigned):
        rate = f"{known.chance_rate(low, high, tolerance_da):.0%} of all masses there find a host cluster"
        text = f"between {low:g} and {high:g} Da fragments of the host lie too ({rate} within"
        text += f" {tolerance_da:g} Da): a peak alone is no guest sulfide"
        remarks.append(Remark("fragments_overlap", text))
    return remarks


def _with_protons(peak: PeakAssignment, space: SearchSpace) -> str:
    if peak.stated is None or peak.stated.family != "doped" or not peak.agrees or not space.protons:
        return ""
    plain = parse(peak.stated.formula)
    if plain.count("H") or any(symbol == "H" for symbol, _ in plain.adducts):
        return ""
    protons = space.protons * plain.count(space.guest)
    helped = check_formula(str(plain.exchanged({"H": protons})), peak.mz, space)
    if abs(helped.error_da) >= abs(peak.stated.error_da):
        return ""
    return f"{helped.formula} {helped.mass_da:.2f} for {peak.mz:g} (was {peak.stated.mass_da:.2f})"


def _family(formula: Formula, space: SearchSpace) -> str:
    if not formula.count(space.guest):
        return "host"
    return "doped" if formula.count(space.host) else "sulfide"
