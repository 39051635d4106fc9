"""What `dose_for` returns: the dose for a target, its window, the purity and what limits it."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from cxkinetics.composition.guest_amount import GuestAmount, guest_amount
from cxkinetics.composition.prior_influence import PriorInfluence
from cxkinetics.composition.species_curves import SpeciesCurves
from cxkinetics.estimate import Estimate, json_text
from cxkinetics.presentation import Presentable
from cxkinetics.remarks import Remark
from cxkinetics.signals.documents import read_result
from cxkinetics.version import __version__

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["DOSE_SCHEMA", "DoseAdvice"]

DOSE_SCHEMA = "cxkinetics.dose/1"

_NOT_STORED = Estimate(name="share of guest", value=None, reason="not in this stored result")


@dataclass(frozen=True, slots=True, kw_only=True)
class DoseAdvice(Presentable):
    """The dose for a target species.

    Attributes
    ----------
    target : str
        Key of the species.
    dose_percent : Estimate
        Best dose (%, mol guest per 100 mol host cation): where the mean share over all draws is
        highest. Its interval is that of the best doses of the single draws.
    window_percent : tuple of float
        Doses that will do (%): lowest and highest with at least 90 % of the best share, at least the
        demanded purity and little by-product.
    purity : Estimate
        Share of units that are the target, at that dose (0-1).
    byproduct : Estimate
        Share of product there (for the product itself: of what is not yet product).
    incorporation_percent : Estimate
        Incorporation to expect, percent.
    composition : mapping of str to Estimate
        Shares of all species at that dose.
    guest_shares : mapping of str to Estimate
        Share of all guest atoms that each species holds there; `guest_share` is that of the target.
    limited_by : str
        "cooperativity", "avalanche overlap", "plateau", "calibrated range" or "none".
    influence : PriorInfluence
        What comes from priors.
    source : mapping
        System, basis, origin of the draws, priors, options.
    curves : SpeciesCurves
        All species against dose, for the figure.

    Examples
    --------
    >>> import cxkinetics as cx
    >>> advice = cx.dose_for("Ag2Cd32S33", n_draws=500)
    >>> advice.window_percent, advice.limited_by
    ((46.0, 64.5), 'avalanche overlap')
    """

    target: str
    dose_percent: Estimate
    window_percent: tuple[float, float]
    purity: Estimate
    byproduct: Estimate
    incorporation_percent: Estimate
    composition: Mapping[str, Estimate]
    limited_by: str
    influence: PriorInfluence
    source: Mapping[str, Any]
    curves: SpeciesCurves
    guest_shares: Mapping[str, Estimate] = field(default_factory=dict)
    warnings: tuple[Remark, ...] = ()
    seed: int | None = None
    version: str = __version__

    @property
    def prior_driven(self) -> tuple[str, ...]:
        """Quantities of which at least half the variance comes from priors."""
        return self.influence.driven

    @property
    def guest_share(self) -> Estimate:
        """Share of all guest atoms that sit in the target, at that dose (0-1).

        A cluster holds few guests and a unit of product many, so little product can hold most of them.
        """
        return self.guest_shares.get(self.target, _NOT_STORED)

    def amount(self, *, host_umol: float, stock_mmol_per_l: float | None = None) -> GuestAmount:
        """Return how much guest to add to a flask.

        Parameters
        ----------
        host_umol : float
            All host cation (Cd) in the flask, micromol.
        stock_mmol_per_l : float, optional
            Guest (Ag) in the stock solution, mmol/L; gives the volume to add.

        Returns
        -------
        GuestAmount
            Amount in micromol and volume in microlitres, with interval and window of the dose.
        """
        return guest_amount(
            self.dose_percent,
            host_umol=host_umol,
            stock_mmol_per_l=stock_mmol_per_l,
            window_percent=self.window_percent,
            guest=self.source.get("guest", "guest"),
            host_cation=self.source.get("host_cation", "host cation"),
        )

    def table(self) -> "pd.DataFrame":
        """Return one row per species at the best dose: share and share of guest, with intervals."""
        import pandas as pd

        rows = [
            [
                getattr(e, part)
                for e in (share, self.guest_shares.get(key, _NOT_STORED))
                for part in ("value", "low", "high")
            ]
            for key, share in self.composition.items()
        ]
        index = pd.Index(list(self.composition), name="species")
        guest = ["share_of_guest", "share_of_guest_low", "share_of_guest_high"]
        return pd.DataFrame(rows, index=index, columns=["share", "low", "high", *guest])

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form of the documented schema."""
        return {
            "schema": DOSE_SCHEMA,
            "version": self.version,
            "target": self.target,
            "dose_percent": self.dose_percent.to_dict(),
            "window_percent": list(self.window_percent),
            "purity": self.purity.to_dict(),
            "guest_share": self.guest_share.to_dict(),
            "byproduct": self.byproduct.to_dict(),
            "incorporation_percent": self.incorporation_percent.to_dict(),
            "composition": {key: estimate.to_dict() for key, estimate in self.composition.items()},
            "composition_guest_share": {key: e.to_dict() for key, e in self.guest_shares.items()},
            "limited_by": self.limited_by,
            "prior_driven": list(self.prior_driven),
            **self.influence.to_dict(),
            "source": dict(self.source),
            "seed": self.seed,
            "warnings": [remark.to_dict() for remark in self.warnings],
        }

    def to_json(self) -> str:
        """Return the result as JSON text, its curves included."""
        return json_text(self.to_dict() | {"data": self.curves.to_dict()})

    @classmethod
    def from_json(cls, text: str | os.PathLike[str]) -> "DoseAdvice":
        """Return the result that `to_json` wrote; `text` is that, or the path of its file.

        Raises
        ------
        InputError
            If the text is no such result.
        """
        return read_result(text, DOSE_SCHEMA, cls._of_record)

    @classmethod
    def _of_record(cls, record: dict[str, Any]) -> "DoseAdvice":
        low, high = record["window_percent"]
        return cls(
            target=record["target"],
            dose_percent=Estimate.from_dict("dose", record["dose_percent"]),
            window_percent=(low, high),
            purity=Estimate.from_dict("purity", record["purity"]),
            byproduct=Estimate.from_dict("by-product", record["byproduct"]),
            incorporation_percent=Estimate.from_dict("incorporation", record["incorporation_percent"]),
            composition={key: Estimate.from_dict(key, item) for key, item in record["composition"].items()},
            guest_shares={
                key: Estimate.from_dict(key, item)
                for key, item in record.get("composition_guest_share", {}).items()
            },
            limited_by=record["limited_by"],
            influence=PriorInfluence.from_dict(record),
            source=record["source"],
            curves=SpeciesCurves.from_dict(record["data"]),
            warnings=tuple(Remark.from_dict(item) for item in record["warnings"]),
            seed=record["seed"],
            version=record["version"],
        )

    def __repr__(self) -> str:
        low, high = self.window_percent
        return (
            f"DoseAdvice({self.target}: dose {self.dose_percent}, window {low:g}-{high:g} %, "
            f"purity {self.purity}, {self.guest_share} of the guest, limited by {self.limited_by})"
        )
