"""How to pass from one basis of incorporation to another, and whose elements a basis names.

With G guests, H host cations and S anions in the solid: G/(G+H), G/H or G/S. The first two follow
from each other; G/S also needs H/S of the same solid (the trapped host counts in H).
"""

from dataclasses import replace

import numpy as np

from cxkinetics.arrays import Array, ArrayLike
from cxkinetics.composition.system import PACKAGED_SYSTEMS, System, load_system
from cxkinetics.errors import InputError, UsageError
from cxkinetics.remarks import Remark
from cxkinetics.signals.basis import BASES, basis_elements, basis_kind
from cxkinetics.signals.dose_table import DoseTable

__all__ = ["basis_for", "convert_basis", "on_basis", "require_elements"]


def convert_basis(
    incorporation_percent: ArrayLike, source: str, target: str, *, hosts_per_anion: ArrayLike | None = None
) -> Array:
    """Return incorporations (%) given on `source` on the basis `target`.

    Parameters
    ----------
    incorporation_percent : array_like
        In percent on `source`.
    source, target : str
        Of the kinds "Ag/(Ag+Cd)", "Ag/Cd", "Ag/S" (Ag stands for the guest, Cd for the host cation).
    hosts_per_anion : array_like, optional
        Host cations per anion of the same solid (ICP), needed to pass to or from "Ag/S".

    Raises
    ------
    UsageError
        If a basis is not known, or "Ag/S" is asked for without `hosts_per_anion`.
    InputError
        If a value cannot be on that basis (100 % or more of G/(G+H) has no host left).

    Examples
    --------
    >>> convert_basis([4.0, 40.4], "Ag/(Ag+Cd)", "Ag/Cd").round(4).tolist()
    [4.1667, 67.7852]
    """
    here, there = basis_kind(source), basis_kind(target)
    y = np.asarray(incorporation_percent, dtype=float) / 100
    if here == there:
        return y * 100
    if BASES[2] in (here, there) and hosts_per_anion is None:
        raise UsageError(
            f"from {source} to {target} needs the host cations per anion of each sample; "
            "give hosts_per_anion (host cations per anion from the same analysis)"
        )
    if here == BASES[0] and np.any(y >= 1):
        raise InputError(f"incorporation {100 * float(np.max(y)):g} % on {source} leaves no host cation")
    per_anion = np.nan if hosts_per_anion is None else np.asarray(hosts_per_anion, dtype=float)
    ratio = {BASES[0]: lambda v: v / (1 - v), BASES[1]: lambda v: v, BASES[2]: lambda v: v / per_anion}[here](
        y
    )
    result: Array = {
        BASES[0]: lambda v: v / (1 + v),
        BASES[1]: lambda v: v,
        BASES[2]: lambda v: v * per_anion,
    }[there](ratio)
    return result * 100


def on_basis(table: DoseTable, target: str, *, hosts_per_anion: ArrayLike | None = None) -> DoseTable:
    """Return a dose table with its incorporations and sigmas converted to `target`.

    Sigmas are carried over by the derivative of the conversion.
    """
    if table.basis == target:
        return table
    if basis_kind(table.basis) == basis_kind(target):
        return replace(table, basis=target)
    y = np.asarray(table.incorporation_percent)
    converted = convert_basis(y, table.basis, target, hosts_per_anion=hosts_per_anion)
    sigma = None
    if table.sigma_percent is not None:
        step = 1e-6 * np.maximum(y, 1.0)
        moved = convert_basis(y + step, table.basis, target, hosts_per_anion=hosts_per_anion)
        sigma = np.asarray(table.sigma_percent) * np.abs(moved - converted) / step
    remark = Remark("basis_converted", f"incorporation converted from {table.basis} to {target}")
    return replace(
        table,
        incorporation_percent=converted,
        sigma_percent=sigma,
        basis=target,
        remarks=(*table.remarks, remark),
    )


def basis_for(system: System, basis: str) -> str:
    """Return a basis that was asked for, named with the elements of the system.

    Raises
    ------
    UsageError
        If it is none, or names elements that the system does not hold.

    Examples
    --------
    >>> basis_for(load_system("cu-cds"), "Ag/Cd")
    'Cu/Cd'
    """
    named = system.basis_name(basis)
    given, own = basis_elements(basis)[1:], basis_elements(named)[1:]
    if basis not in BASES and any(
        symbol not in ("guest", "host", "anion", mine) for symbol, mine in zip(given, own, strict=True)
    ):
        known = ", ".join(system.basis_name(kind) for kind in BASES)
        raise UsageError(f"basis is {basis!r}, but {system.name} is {_words(system)}; use one of {known}")
    return named


def require_elements(table: DoseTable, system: System) -> None:
    """Refuse a dose table that names another guest or host cation than the system's.

    Raises
    ------
    InputError
        With both elements and the system to use instead.

    Examples
    --------
    >>> table = DoseTable(dose_percent=[0, 50], incorporation_percent=[0, 5], basis="Cu/(Cu+Cd)")
    >>> require_elements(table, load_system("cu-cds"))
    """
    _, guest, other = basis_elements(table.basis)
    stated = table.basis not in BASES
    guest = table.guest or (guest if stated else "")
    if guest not in ("", "guest", system.guest):
        what, found, needed = "guest", guest, system.guest
    elif stated and other not in ("host", "anion", basis_elements(system.basis_name(table.basis))[2]):
        what, found, needed = "basis", table.basis, system.basis_name(table.basis)
    else:
        return
    fitting = [name for name in PACKAGED_SYSTEMS if load_system(name).guest == found]
    remedy = (
        f"pass --system {fitting[0]} (system={fitting[0]!r})"
        if fitting and what == "guest" and fitting[0] != system.name
        else "describe the sample in a TOML file with its host, guest and product, and pass it as "
        "--system FILE.toml (system=...)"
    )
    raise InputError(
        f"the {what} of the table is {found}, that of the system {system.name} ({_words(system)}) is "
        f"{needed}",
        file=table.source.file or None,
        value=found,
        remedy=remedy,
    )


def _words(system: System) -> str:
    return f"{system.guest} into {system.host}"
