"""What an incorporation is a percentage of, and how to pass from one basis to another.

With G guests, H host cations and S anions in the solid: G/(G+H), G/H or G/S. The first two follow
from each other; G/S also needs H/S of the same solid (the trapped host counts in H).
"""

import numpy as np

from cxkinetics.arrays import Array, ArrayLike
from cxkinetics.errors import InputError, UsageError
from cxkinetics.signals.dose_table import BASES, DoseTable

__all__ = ["convert_basis", "on_basis"]


def convert_basis(
    incorporation_percent: ArrayLike, source: str, target: str, *, hosts_per_anion: ArrayLike | None = None
) -> Array:
    """Return incorporations (%) given on `source` on the basis `target`.

    Parameters
    ----------
    incorporation_percent : array_like
        In percent on `source`.
    source, target : str
        Of "Ag/(Ag+Cd)", "Ag/Cd", "Ag/S" (Ag stands for the guest, Cd for the host cation).
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
    for basis in (source, target):
        if basis not in BASES:
            raise UsageError(f"basis is {basis!r}; it must be one of {', '.join(BASES)}")
    y = np.asarray(incorporation_percent, dtype=float) / 100
    if source == target:
        return y * 100
    if BASES[2] in (source, target) and hosts_per_anion is None:
        raise UsageError(
            f"from {source} to {target} needs the host cations per anion of each sample; "
            "give hosts_per_anion (Cd/S from the same analysis)"
        )
    if source == BASES[0] and np.any(y >= 1):
        raise InputError(f"incorporation {100 * float(np.max(y)):g} % on {source} leaves no host cation")
    per_anion = np.nan if hosts_per_anion is None else np.asarray(hosts_per_anion, dtype=float)
    ratio = {BASES[0]: lambda v: v / (1 - v), BASES[1]: lambda v: v, BASES[2]: lambda v: v / per_anion}[
        source
    ](y)
    result: Array = {
        BASES[0]: lambda v: v / (1 + v),
        BASES[1]: lambda v: v,
        BASES[2]: lambda v: v * per_anion,
    }[target](ratio)
    return result * 100


def on_basis(table: DoseTable, target: str, *, hosts_per_anion: ArrayLike | None = None) -> DoseTable:
    """Return a dose table with its incorporations and sigmas converted to `target`.

    Sigmas are carried over by the derivative of the conversion.
    """
    if table.basis == target:
        return table
    from dataclasses import replace

    from cxkinetics.remarks import Remark

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
