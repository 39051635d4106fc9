"""What each technique would report for a composition, from stated detection limits.

A technique names the host clusters or the product where their share of units reaches its limit.
The limits are chosen, not published: with them the model gives the verdicts of Table I of Yao, Lynch,
Robinson, J. Chem. Phys. 159, 014704 (2023), doi 10.1063/5.0151904, and the cluster limit of MALDI is
high because residual clusters fragment, so that MALDI's "absent" is no veto.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from cxkinetics.composition.draws import DEFAULT_DRAWS
from cxkinetics.composition.knowledge import Knowledge, known_draws
from cxkinetics.composition.load_system import load_system
from cxkinetics.composition.species_model import share_draws
from cxkinetics.composition.system import System
from cxkinetics.errors import InputError

__all__ = ["LIMITS_NOTE", "ExpectedVerdict", "expected_verdicts", "verdict_of_shares"]

LIMITS_NOTE = "the detection limits behind these verdicts were chosen, none is published"


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpectedVerdict:
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
        The limits, shares of units.
    note : str
        Where the limits come from.
    """

    technique: str
    incorporation_percent: float
    verdict: str
    probability: float
    cluster_limit: float
    product_limit: float
    note: str = LIMITS_NOTE

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {
            "technique": self.technique,
            "incorporation_percent": self.incorporation_percent,
            "verdict": self.verdict,
            "probability": self.probability,
            "cluster_limit": self.cluster_limit,
            "product_limit": self.product_limit,
            "note": self.note,
        }


def verdict_of_shares(system: System, clusters: float, product: float, limits: Mapping[str, Any]) -> str:
    """Return the verdict for shares of clusters (of any doping) and of product.

    Examples
    --------
    >>> verdict_of_shares(load_system("ag-cds"), 0.4, 0.6, {"cluster_share": 0.5, "product_share": 0.05})
    'Ag2S'
    """
    seen = []
    if clusters >= float(limits["cluster_share"]):
        seen.append(f"{system.host_cation}{system.anion}")
    if product >= float(limits["product_share"]):
        seen.append(system.species[-1])
    return " + ".join(seen) or "nothing"


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
    draws, _ = known_draws(table, chosen, n_draws=n_draws, rng=rng)
    if not draws.system.detection:
        raise InputError(
            f"{draws.system.name} states no detection limits; add [detection.XRD] with cluster_share and "
            "product_share to its definition"
        )
    shares = share_draws(draws, np.full((draws.n_draws, 1), float(incorporation_percent)))[..., 0]
    product = shares[-1]
    verdicts = []
    for technique, limits in draws.system.detection.items():
        mean = float(product.mean())
        verdict = verdict_of_shares(draws.system, 1 - mean, mean, limits)
        sees_clusters = 1 - product >= float(limits["cluster_share"])
        sees_product = product >= float(limits["product_share"])
        same = (sees_clusters == (1 - mean >= float(limits["cluster_share"]))) & (
            sees_product == (mean >= float(limits["product_share"]))
        )
        verdicts.append(
            ExpectedVerdict(
                technique=technique,
                incorporation_percent=float(incorporation_percent),
                verdict=verdict,
                probability=float(np.mean(same)),
                cluster_limit=float(limits["cluster_share"]),
                product_limit=float(limits["product_share"]),
                note=f"{LIMITS_NOTE} ({limits['note']})" if limits.get("note") else LIMITS_NOTE,
            )
        )
    return tuple(verdicts)
