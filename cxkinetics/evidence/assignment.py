"""Assignment of mass-spectrum peaks: stated formulae checked, candidates listed, chance counted.

A mass alone proves little here: nearly every mass finds some cluster (`chance_any`). What can be
said is which stated assignments do not fit at all, which candidates balance their charges, and
whether peaks stand at the spacings of a series (S, Ag2S, CdS). The stated formula is taken as
written: whether `L` is oleic acid (neutral) or oleate shows in the charge, not in the mass.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from cxkinetics.errors import UsageError
from cxkinetics.estimate import finite_or_none
from cxkinetics.evidence.isotopes import average_mass
from cxkinetics.evidence.search import Candidate, Catalogue, SearchSpace, catalogue
from cxkinetics.models.formula import Formula, parse
from cxkinetics.presentation import Presentable
from cxkinetics.remarks import Remark
from cxkinetics.signals.spectrum import PeakList
from cxkinetics.source import Source

__all__ = ["MassAssignment", "PeakAssignment", "Spacing", "assign_peaks", "check_formula"]

CHANCE_WINDOW_DA = 300.0
SHOWN_CANDIDATES = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class PeakAssignment:
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

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        return asdict(self) | {
            "intensity": finite_or_none(self.intensity),
            "candidates": [asdict(item) for item in self.candidates],
        }

    @classmethod
    def from_dict(cls, record: Mapping[str, Any]) -> "PeakAssignment":
        """Return the assignment that `to_dict` wrote."""
        fields = dict(record)
        fields["candidates"] = tuple(Candidate(**item) for item in fields["candidates"])
        if fields["stated"] is not None:
            fields["stated"] = Candidate(**fields["stated"])
        return cls(**fields)


@dataclass(frozen=True, slots=True, kw_only=True)
class Spacing:
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

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        return asdict(self) | {"pairs": [list(pair) for pair in self.pairs]}

    @classmethod
    def from_dict(cls, record: Mapping[str, Any]) -> "Spacing":
        """Return the spacing that `to_dict` wrote."""
        fields = dict(record)
        fields["pairs"] = tuple((float(a), float(b)) for a, b in fields["pairs"])
        return cls(**fields)


@dataclass(frozen=True, slots=True, kw_only=True)
class MassAssignment(Presentable):
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
    remarks: tuple[Remark, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        plain = ("tolerance_da", "chance_host_1da", "chance_balanced_1da", "chance_sulfide_1da")
        return {
            "peaks": [peak.to_dict() for peak in self.peaks],
            "spacings": [spacing.to_dict() for spacing in self.spacings],
            **{name: getattr(self, name) for name in plain},
            "chance_window_da": list(self.chance_window_da),
            "with_guest": self.with_guest,
            "label": self.label,
            "source": self.source.to_dict(),
            "warnings": [remark.to_dict() for remark in self.remarks],
        }

    @classmethod
    def from_dict(cls, record: Mapping[str, Any]) -> "MassAssignment":
        """Return the assignment that `to_dict` wrote."""
        fields = dict(record)
        fields["peaks"] = tuple(PeakAssignment.from_dict(item) for item in fields["peaks"])
        fields["spacings"] = tuple(Spacing.from_dict(item) for item in fields["spacings"])
        low, high = fields["chance_window_da"]
        fields["chance_window_da"] = (low, high)
        fields["source"] = Source.from_dict(fields["source"])
        fields["remarks"] = tuple(Remark.from_dict(item) for item in fields.pop("warnings"))
        return cls(**fields)


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
    charge = formula.formal_charge()
    return Candidate(
        formula=str(formula),
        family=_family(formula, space),
        mass_da=mass,
        error_da=mz - mass,
        formal_charge=charge,
        balanced=charge == (formula.charge or space.charge),
    )


def assign_peaks(
    peaks: PeakList,
    *,
    tolerance_da: float = 2.0,
    with_guest: bool = True,
    space: SearchSpace | None = None,
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
        Which compositions are tried; CdxSy with oleate or oleic acid and Ag by default.

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
    if not tolerance_da > 0:
        raise UsageError(f"the tolerance is {tolerance_da:g} Da; it must be positive")
    space = space or SearchSpace()
    known = catalogue(space)
    families = ("host", "doped", "sulfide") if with_guest else ("host",)
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
    units = (
        (space.anion, ((space.anion, 1),)),
        (f"{space.guest}2{space.anion}", ((space.guest, 2), (space.anion, 1))),
        (f"{space.host}{space.anion}", ((space.host, 1), (space.anion, 1))),
    )
    ordered = np.sort(np.asarray(masses))
    gaps = ordered[None, :] - ordered[:, None]
    span = max(float(np.ptp(ordered)), 1.0)
    found = []
    for name, counts in units:
        mass = average_mass(Formula(core=tuple(sorted(counts))))
        # two even points on [0, span] are d apart with density 2 (span - d) / span^2
        number = len(masses) * (len(masses) - 1) / 2
        density = 2.0 * max(span - mass, 0.0) / span**2
        rows, columns = np.nonzero(np.abs(gaps - mass) <= tolerance_da)
        found.append(
            Spacing(
                unit=name,
                mass_da=mass,
                pairs=tuple(
                    (float(ordered[i]), float(ordered[j])) for i, j in zip(rows, columns, strict=True)
                ),
                expected_by_chance=number * density * 2.0 * tolerance_da,
            )
        )
    return tuple(found)


def _remarks(assigned: list[PeakAssignment], known: Catalogue, tolerance_da: float) -> list[Remark]:
    remarks = []
    off = [peak for peak in assigned if peak.agrees is False and peak.stated is not None]
    if off:
        listed = ", ".join(
            f"{p.stated.formula} at {p.mz:g} ({p.stated.error_da:+.0f})" for p in off if p.stated
        )
        remarks.append(
            Remark(
                "stated_assignment_off",
                f"stated formulae off by more than {tolerance_da:g} Da (measured - computed): {listed}",
                len(off),
            )
        )
    unbalanced = [p for p in assigned if p.agrees and p.stated is not None and not p.stated.balanced]
    if unbalanced:
        listed = ", ".join(
            f"{p.stated.formula} ({p.stated.formal_charge:+d})" for p in unbalanced if p.stated
        )
        remarks.append(
            Remark(
                "charge_not_balanced",
                f"the mass agrees but the formal charge is not {known.space.charge:+d}: {listed} "
                f"(L is read as neutral oleic acid; write (OA) for oleate)",
                len(unbalanced),
            )
        )
    nearer = [text for peak in assigned if (text := _with_protons(peak, known.space))]
    if nearer:
        remarks.append(
            Remark(
                "protons_nearer",
                f"one proton per guest (guest+ and H+ for the host cation) comes nearer: {', '.join(nearer)}",
                len(nearer),
            )
        )
    low, high = 3200.0, 4150.0
    if any(low <= p.mz <= high for p in assigned):
        rate = known.chance_rate(low, high, tolerance_da)
        remarks.append(
            Remark(
                "fragments_overlap",
                f"between {low:g} and {high:g} Da fragments of the host lie too ({rate:.0%} of all masses "
                f"there find a host cluster within {tolerance_da:g} Da): a peak alone is no guest sulfide",
            )
        )
    return remarks


def _with_protons(peak: PeakAssignment, space: SearchSpace) -> str:
    if peak.stated is None or peak.stated.family != "doped" or not peak.agrees:
        return ""
    plain = parse(peak.stated.formula)
    if plain.count("H") or any(symbol == "H" for symbol, _ in plain.adducts):
        return ""
    helped = check_formula(str(plain.exchanged({"H": plain.count(space.guest)})), peak.mz, space)
    if abs(helped.error_da) >= abs(peak.stated.error_da):
        return ""
    return f"{helped.formula} {helped.mass_da:.2f} for {peak.mz:g} (was {peak.stated.mass_da:.2f})"


def _family(formula: Formula, space: SearchSpace) -> str:
    if formula.count(space.guest) and not formula.count(space.host):
        return "sulfide"
    return "doped" if formula.count(space.guest) else "host"
