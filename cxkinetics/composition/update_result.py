"""What `update_priors` returns: parameters before and after, and draws for everything else."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cxkinetics.composition.draws import ParameterDraws
from cxkinetics.estimate import Estimate, json_text
from cxkinetics.presentation import Presentable
from cxkinetics.remarks import Remark
from cxkinetics.signals.dose_table import DoseTable
from cxkinetics.version import __version__

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["UPDATE_SCHEMA", "CompositionUpdate", "ParameterChange"]

UPDATE_SCHEMA = "cxkinetics.update/1"


@dataclass(frozen=True, slots=True, kw_only=True)
class ParameterChange:
    """One parameter before and after the measurements.

    `before` is None for a parameter without a prior; `sd_ratio` is the spread after over that
    before (16-84 % ranges), None without a prior.
    """

    name: str
    before: Estimate | None
    after: Estimate
    sd_ratio: float | None

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {
            "name": self.name,
            "before": None if self.before is None else self.before.to_dict(),
            "after": self.after.to_dict(),
            "sd_ratio": self.sd_ratio,
        }


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CompositionUpdate(Presentable):
    """Priors narrowed by measurements.

    Attributes
    ----------
    draws : ParameterDraws
        Draws of all parameters; pass them (or this result) as `table` to `predict` or `dose_for`.
    changes : tuple of ParameterChange
        The seven parameters of map and stages, before and after.
    measurements : tuple of mapping
        Fractions and onsets that took part.
    points : DoseTable or None
        The dose table that took part.
    acceptance, scale_reduction : float
        Acceptance rate of the sampler, and how well the two halves of its run agree (1 is perfect).

    Examples
    --------
    >>> import cxkinetics as cx
    >>> unseen = cx.ProductOnset(seen=False, incorporation_percent=8.0)
    >>> update = cx.update_priors(onset=[unseen], n_draws=200)
    >>> update.narrowed, round(update.before["y_on"].value), round(update.after["y_on"].value)
    (('y_on',), 5, 6)
    """

    draws: ParameterDraws
    changes: tuple[ParameterChange, ...]
    measurements: tuple[Mapping[str, Any], ...]
    points: DoseTable | None
    acceptance: float
    scale_reduction: float
    confidence: float = 0.95
    warnings: tuple[Remark, ...] = ()
    seed: int | None = None
    version: str = __version__

    @property
    def before(self) -> dict[str, Estimate]:
        """Parameters before, by name (those with a prior)."""
        return {change.name: change.before for change in self.changes if change.before is not None}

    @property
    def after(self) -> dict[str, Estimate]:
        """Parameters after, by name."""
        return {change.name: change.after for change in self.changes}

    @property
    def narrowed(self) -> tuple[str, ...]:
        """Parameters that the measurements narrowed by at least 30 %."""
        return tuple(change.name for change in self.changes if change.name in self.draws.measured)

    def table(self) -> "pd.DataFrame":
        """Return one row per parameter: median, low and high before and after, and the spread ratio."""
        import pandas as pd

        rows = {}
        for change in self.changes:
            row: dict[str, float | None] = {}
            for word, estimate in (("before", change.before), ("after", change.after)):
                for part in ("value", "low", "high"):
                    row[f"{word}_{part}"] = None if estimate is None else getattr(estimate, part)
            rows[change.name] = row | {"sd_ratio": change.sd_ratio}
        return pd.DataFrame.from_dict(rows, orient="index")

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form (without the draws)."""
        return {
            "schema": UPDATE_SCHEMA,
            "version": self.version,
            "system": self.draws.system.name,
            "basis": self.draws.basis,
            "parameters": [change.to_dict() for change in self.changes],
            "narrowed": list(self.narrowed),
            "measurements": [dict(item) for item in self.measurements],
            "table": None if self.points is None else self.points.to_dict(),
            "acceptance": self.acceptance,
            "scale_reduction": self.scale_reduction,
            "confidence": self.confidence,
            "n_draws": self.draws.n_draws,
            "seed": self.seed,
            "warnings": [remark.to_dict() for remark in self.warnings],
        }

    def to_json(self) -> str:
        """Return the result as JSON text."""
        return json_text(self.to_dict())

    def __repr__(self) -> str:
        shown = ", ".join(f"{name} {self.after[name]}" for name in self.narrowed) or "nothing"
        return f"CompositionUpdate(narrowed: {shown})"
