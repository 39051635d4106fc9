"""What each technique would report for a composition, from stated detection limits.

A technique names the host clusters or the product where their share of what it counts reaches its
limit. MALDI counts clusters; XRD scatters from the units (one cluster before exchange, such as S33);
XPS counts atoms: the clusters by the share of the anions in them, the product by the share of the
guest in it, so that little product holds most of what XPS sees of the guest. The limits are chosen,
not published: with them the model gives the verdicts of Table I of Yao, Lynch, Robinson, J. Chem.
Phys. 159, 014704 (2023), doi 10.1063/5.0151904, and the cluster limit of MALDI is high because
residual clusters fragment, so that MALDI's "absent" is no veto.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from cxkinetics.arrays import Array
from cxkinetics.calls import checked
from cxkinetics.composition.draws import DEFAULT_DRAWS, ParameterDraws, require_product
from cxkinetics.composition.knowledge import Knowledge, known_draws
from cxkinetics.composition.measurements import guest_in_product
from cxkinetics.composition.mechanisms import State
from cxkinetics.composition.species_model import state_draws
from cxkinetics.composition.system import System, load_system
from cxkinetics.errors import InputError
from cxkinetics.record import Record

LIMITS_NOTE = "the detection limits behind these verdicts were chosen, none is published"


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpectedVerdict(Record):
    """What one technique would report for one sample.

    Attributes
    ----------
    technique : str
        Such as "XRD".
    incorporation_percent : float
        Of the sample.
    verdict : str
        Such as "CdS", "CdS + Ag2S" or "Ag2S"; "nothing" where all shares are below the limits.
    probability : float
        Share of the parameter draws with this verdict.
    cluster_limit, product_limit : float
        The limits.
    cluster_unit, product_unit : str
        What they are shares of, such as "clusters" or "Ag atoms".
    note : str
        Where the limits come from.
    """

    SCHEMA = "cxkinetics.expected-verdict/1"

    technique: str
    incorporation_percent: float
    verdict: str
    probability: float
    cluster_limit: float
    product_limit: float
    cluster_unit: str
    product_unit: str
    note: str = LIMITS_NOTE


_SHARES = ("cluster_share", "product_share")
"""Limits of a technique in the definition of a system."""


def _counts_atoms(technique: str) -> bool:
    return technique.upper().startswith("XPS")


def _units(system: System, technique: str) -> tuple[str, str]:
    if _counts_atoms(technique):
        return f"{system.anion} atoms", f"{system.guest} atoms"
    unit = "clusters" if technique.upper().startswith("MALDI") else f"{system.anion}{system.n_anions} units"
    return unit, unit


def counted_shares(system: System, technique: str, state: State) -> tuple[Array, Array]:
    """Return what a technique counts of the clusters and of the product, each shape (n,).

    Parameters
    ----------
    system : System
        Species and their guests.
    technique : str
        Such as "XPS".
    state : State
        Of draws (n,).

    Examples
    --------
    >>> from cxkinetics.composition.mechanisms import state_of_shares
    >>> little = state_of_shares(load_system("ag-cds"), [[0.0], [0.0], [0.95], [0.05]])
    >>> [part.round(2).tolist() for part in counted_shares(load_system("ag-cds"), "XPS", little)]
    [[0.95], [0.63]]
    """
    clusters, product = 1 - state.shares[-1], state.shares[-1]
    if _counts_atoms(technique):  # a unit keeps its anions, so clusters hold their share of those
        product = guest_in_product(state, system)
    return clusters, product


def detection_limits(system: System) -> dict[str, dict[str, dict[str, Any]]]:
    """Return the limits of each technique: {technique: {what it names: {"limit", "of"}}}.

    Examples
    --------
    >>> detection_limits(load_system("ag-cds"))["XPS"]["Ag2S"]
    {'limit': 0.05, 'of': 'Ag atoms'}
    """
    names = (f"{system.host_cation}{system.anion}", system.product_key)
    return {
        technique: {
            name: {"limit": float(limits[share]), "of": unit}
            for name, share, unit in zip(names, _SHARES, _units(system, technique), strict=True)
        }
        for technique, limits in system.detection.items()
    }


def verdict_of_shares(system: System, clusters: float, product: float, limits: Mapping[str, Any]) -> str:
    """Return the verdict for shares of clusters (of any doping) and of product, as the technique counts.

    Examples
    --------
    >>> verdict_of_shares(load_system("ag-cds"), 0.4, 0.6, {"cluster_share": 0.5, "product_share": 0.05})
    'Ag2S'
    """
    names = (f"{system.host_cation}{system.anion}", system.product_key)
    found = zip(names, (clusters, product), _SHARES, strict=True)
    return " + ".join(name for name, share, key in found if share >= float(limits[key])) or "nothing"


@checked()
def expected_verdicts(
    incorporation_percent: float,
    *,
    system: System | str | Path = "ag-cds",
    table: Knowledge = None,
    n_draws: int = DEFAULT_DRAWS,
    rng: np.random.Generator | int | None = None,
) -> tuple[ExpectedVerdict, ...]:
    """Return what each technique of the system would report at an incorporation.

    Parameters
    ----------
    incorporation_percent : float
        Of the sample, percent.
    system, table, n_draws, rng
        As for `predict`.

    Returns
    -------
    tuple of ExpectedVerdict
        One per technique, at the mean composition.

    Raises
    ------
    InputError
        If the system states no detection limits, or the incorporation is negative.

    Examples
    --------
    >>> [v.verdict for v in expected_verdicts(28.3, n_draws=500)]
    ['Ag2S', 'CdS + Ag2S', 'CdS + Ag2S']
    """
    if not incorporation_percent >= 0:
        raise InputError(f"the incorporation is {incorporation_percent:g} %; it cannot be negative")
    chosen = load_system(system)
    if isinstance(table, ParameterDraws):
        chosen = table.system
    if not chosen.detection:
        raise InputError(
            f"{chosen.name} states no detection limits; add [detection.XRD] with cluster_share and "
            "product_share to its definition"
        )
    draws, _ = known_draws(table, chosen, n_draws=n_draws, rng=rng)
    require_product(draws)
    state = state_draws(draws, np.full((draws.n_draws, 1), float(incorporation_percent))).column(0)
    verdicts = []
    for technique, limits in draws.system.detection.items():
        counted = np.stack(counted_shares(draws.system, technique, state))
        least = np.array([float(limits[key]) for key in _SHARES])
        mean = counted.mean(axis=1)
        same = ((counted >= least[:, None]) == (mean >= least)[:, None]).all(axis=0)
        units = _units(draws.system, technique)
        verdicts.append(
            ExpectedVerdict(
                technique=technique,
                incorporation_percent=float(incorporation_percent),
                verdict=verdict_of_shares(draws.system, float(mean[0]), float(mean[1]), limits),
                probability=float(np.mean(same)),
                cluster_limit=float(least[0]),
                product_limit=float(least[1]),
                cluster_unit=units[0],
                product_unit=units[1],
                note=f"{LIMITS_NOTE} ({limits['note']})" if limits.get("note") else LIMITS_NOTE,
            )
        )
    return tuple(verdicts)
