"""Checks of a dose curve against the mass balance: each warns with the number behind it.

They are warnings, never errors: the trapped host salt, its retention and the recovery of the
product are not known, and a failed check says which of them cannot be what one thinks.
"""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from cxkinetics.composition import mass_balance
from cxkinetics.composition.system import System
from cxkinetics.estimate import finite_or_none
from cxkinetics.remarks import Remark
from cxkinetics.signals.basis import BASES, basis_kind
from cxkinetics.signals.dose_table import DoseTable

__all__ = ["Check", "curve_checks", "more_in_than_added"]

_BLANK_PERCENT = 0.5
"""A blank may read this much without the balance being called broken (chosen)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One check: what it is, the number behind it, and whether it is met.

    Attributes
    ----------
    code : str
        Short name for programs.
    text : str
        One sentence with the numbers.
    value : float or None
        The number.
    unit : str
        Its unit.
    passed : bool or None
        None where the number is a bound to know about, with nothing to fail.
    """

    code: str
    text: str
    value: float | None
    unit: str = ""
    passed: bool | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        return asdict(self) | {"value": finite_or_none(self.value)}

    @classmethod
    def from_dict(cls, record: Mapping[str, Any]) -> "Check":
        """Return the check that `to_dict` wrote."""
        return cls(**record)


def more_in_than_added(points: DoseTable, system: System) -> Remark | None:
    """Return a warning where a sample holds more guest than was added, or None.

    The bound assumes that every guest added is bound and displaces host by the charge rule, and
    that all displaced host is washed away; half a percentage point is allowed for the blank.
    """
    if basis_kind(points.basis) == BASES[2]:
        return None
    dose = np.asarray(points.dose_high_percent) / 100
    hosts = np.maximum(1 - dose / float(system.guests_per_host), 0.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        most = 100 * dose / (hosts + dose if basis_kind(points.basis) == BASES[0] else hosts)
    most = np.where((dose == 0), 0.0, most)
    slack = np.maximum(_BLANK_PERCENT, 0.0 if points.sigma_percent is None else 3 * points.sigma_percent)
    y = np.asarray(points.incorporation_percent)
    rows = np.flatnonzero(y > most + slack)
    if not rows.size:
        return None
    first = rows[0]
    more = f" (and {rows.size - 1} more)" if rows.size > 1 else ""
    return Remark(
        "mass_balance",
        f"mass balance: {y[first]:g} % incorporated at a dose of {100 * dose[first]:g} % is more "
        f"{system.guest} than was added (at most {most[first]:.3g} % on {points.basis}){more}",
        int(rows.size),
        tuple(int(r) for r in rows[:20]),
    )


def curve_checks(
    system: System,
    points: DoseTable,
    *,
    avalanche: float | None,
    saturation: float | None,
    plateau: float | None,
) -> tuple[Check, ...]:
    """Return the mass-balance checks of a dose curve.

    Parameters
    ----------
    system : System
    points : DoseTable
        On the basis of the fit.
    avalanche, saturation, plateau : float or None
        D1, D2 and y_f in percent, as far as known.
    """
    basis = points.basis
    checks: list[Check] = []
    if basis_kind(basis) == BASES[2]:
        return ()
    trapped = _observed_states(system, basis, checks)
    if plateau is not None and plateau > 0:
        _plateau_checks(system, basis, plateau, trapped, checks)
    if saturation is not None and math.isfinite(saturation):
        _share_checks(system, points, avalanche, saturation, plateau, checks)
    return tuple(checks)


def _observed_states(system: System, basis: str, checks: list[Check]) -> float | None:
    """Add what the observed dopant counts imply; return the trapped host of the most doped one."""
    trapped_at_top = None
    for state in system.observed:
        y, dopants = float(state["incorporation_percent"]), int(state["dopants"])
        shares = np.zeros(len(system.species))
        shares[system.dopant_counts.index(dopants)] = 1.0
        trapped = float(mass_balance.trapped_host(system, shares, y, basis=basis))
        least = mass_balance.least_mean_dopants(system, y, basis)
        text = (
            f"published state: clusters with exactly {dopants} {system.guest} at {y:g} % need "
            f"T = {trapped:.2f} trapped {system.host_cation} per {system.anion}{system.n_anions}"
        )
        if trapped < 0:
            text += f", which is impossible: the mean is at least {least:.3f} {system.guest}"
        checks.append(
            Check(
                code=f"trapped_host_at_{y:g}",
                text=text,
                value=trapped,
                unit=f"{system.host_cation} per {system.anion}{system.n_anions}",
                passed=trapped >= 0,
            )
        )
        if dopants == system.max_dopants:
            trapped_at_top = trapped
    return trapped_at_top


def _plateau_checks(
    system: System, basis: str, plateau: float, trapped: float | None, checks: list[Check]
) -> None:
    unit = f"{system.host_cation} per {system.anion}{system.n_anions}"
    total = float(mass_balance.trapped_and_retained_at_plateau(system, plateau, basis=basis))
    checks.append(
        Check(
            code="trapped_and_retained_at_plateau",
            text=f"full exchange at {plateau:.4g} % needs T + {system.n_hosts} rho = {total:.1f} {unit}",
            value=total,
            unit=unit,
            passed=total >= 0,
        )
    )
    if trapped is None:
        return
    fits = trapped <= total <= trapped + system.n_hosts
    text = f"one T for both ends: {trapped:.2f} at full doping, {total:.1f} - {system.n_hosts} rho at plateau"
    eta = None
    if not fits:
        eta = mass_balance.recovery_at_plateau(system, plateau, T=trapped, basis=basis)
        text += f": no constant T fits unless the product is recovered by only eta = {eta:.3f}"
    checks.append(Check(code="one_trapped_host", text=text, value=eta, passed=fits))


def _share_checks(
    system: System,
    points: DoseTable,
    avalanche: float | None,
    saturation: float,
    plateau: float | None,
    checks: list[Check],
) -> None:
    most = float(mass_balance.saturation_share_cap(system, saturation))
    checks.append(
        Check(
            code="cluster_share_from_saturation",
            text=(
                f"saturation at {saturation:.4g} % dose: at most {min(most, 1.0):.3f} of the dosed "
                f"{system.host_cation} can sit in clusters (full exchange of all of it takes "
                f"{mass_balance.dose_of_full_exchange(system):.1f} %)"
            ),
            value=most,
        )
    )
    dose = np.asarray(points.dose_percent)
    known = np.flatnonzero(np.isfinite(dose) & (dose < saturation))
    if avalanche is None or plateau is None or not known.size:
        return
    nearest = known[np.argmin(np.abs(dose[known] - avalanche))]
    total = float(mass_balance.trapped_and_retained_at_plateau(system, plateau, basis=points.basis))
    caps = []
    for rho in (0.0, 1.0):
        trapped = total - system.n_hosts * rho
        if trapped < 0:
            continue
        cap = mass_balance.equilibrium_share_cap(
            system,
            float(dose[nearest]),
            float(points.incorporation_percent[nearest]),
            saturation,
            T=trapped,
            rho=rho,
            basis=points.basis,
        )
        if math.isfinite(cap):
            caps.append((cap, trapped, rho))
    if not caps:
        return
    words = " or ".join(f"{cap:.3f} (T = {trapped:.1f}, rho = {rho:g})" for cap, trapped, rho in caps)
    checks.append(
        Check(
            code="cluster_share_from_equilibrium",
            text=(
                f"if bound {system.guest} rises no faster than added {system.guest} between "
                f"{dose[nearest]:g} % and saturation, the clusters hold at most {words} of the dosed "
                f"{system.host_cation}"
            ),
            value=caps[0][0],
        )
    )
