"""`predict`: what is in the flask at a dose, with intervals and what they rest on."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np

from cxkinetics.arrays import Array, number_of
from cxkinetics.calls import checked
from cxkinetics.composition.conditioning import ALL, untold
from cxkinetics.composition.detection import counted_shares, detection_limits, verdict_of_shares
from cxkinetics.composition.draws import (
    DEFAULT_DRAWS,
    ParameterDraws,
    PriorInfluence,
    check_confidence,
    prior_influence,
    require_product,
)
from cxkinetics.composition.guest_amount import Dosed, GuestAmount
from cxkinetics.composition.knowledge import Knowledge, check_dose, known_draws, source_record
from cxkinetics.composition.mechanisms import State
from cxkinetics.composition.species_model import (
    composition_estimates,
    draw_estimate,
    incorporation_draws,
    mass_balance_conversion,
    saturation_draws,
    share_draws,
    state_draws,
    trapped_draws,
)
from cxkinetics.composition.system import System
from cxkinetics.document.shown import Shown
from cxkinetics.errors import InputError
from cxkinetics.estimate import Estimate
from cxkinetics.record import INLINE, As, Record, Version
from cxkinetics.remarks import Remark
from cxkinetics.version import __version__

if TYPE_CHECKING:
    import pandas as pd

    from cxkinetics.document.page import Figure, Page, Section
    from cxkinetics.document.table import Table
    from cxkinetics.document.units import TimeUnit

_CONVERSIONS = {
    "compositional": "share turned into product",
    "compositional_mass_balance": "conversion by mass balance",
    "optical": "optical conversion 1 - A/A0",
    "gap": "optical minus compositional",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Prediction(Dosed, Record, Shown):
    """The composition at a dose.

    Attributes
    ----------
    dose_percent : float
        Guest added, percent of the host cation (mol guest per 100 mol host cation in the flask).
    incorporation_percent : Estimate
        Guest in the solid, percent on the basis in `source`.
    stage : str
        "stage 1" (before the avalanche dose), "stage 2" or "plateau": the most probable one.
    stage_probability : mapping
        Share of the draws in each.
    species : mapping of str to Estimate
        Share of units (original clusters) in each species; the values are means and sum to 1.
    guest_share : mapping of str to Estimate
        Share of all guest that each species holds.
    time_s : None
        No time is known: the sample is quenched and washed as those of the dose table were. With a time
        `predict_in_time` answers.
    conversion : mapping of str to Estimate
        "compositional" (share turned into product) and, where an absorbance ratio was given, "optical"
        and the "gap" between them: the absorbance also falls for other reasons, so that of the two the
        compositional one says how much product there is.
    trapped_host : Estimate or None
        Trapped host per unit at this dose.
    mechanism : str
        "all", or the mechanism that was believed.
    rivals : tuple of mapping
        Every mechanism: its weight, with and without priors, and its check against the measurements.
    expected_evidence : mapping of str to str
        What each technique would report at the mean composition, by chosen detection limits; empty
        where the system states none.
    detection_limits : mapping
        Those limits, in what each technique counts: {technique: {what it names: {"limit", "of"}}}.
    influence : PriorInfluence
        What comes from priors.
    source : mapping
        System, basis, origin of the draws, priors, seed.

    Examples
    --------
    >>> import cxkinetics as cx
    >>> result = cx.predict(dose_percent=50)
    >>> result.stage, result.species["Ag2Cd32S33"].value > 0.9
    ('stage 1', True)
    >>> result.amount(host_umol=10).guest_umol.value
    5.0
    """

    SCHEMA = "cxkinetics.predict/1"
    _keys = """schema=SCHEMA version dose_percent time_s incorporation_percent stage stage_probability species
        guest_share conversion trapped_host expected_evidence detection_limits mechanism rivals prior_driven
        influence source seed warnings"""

    dose_percent: float
    incorporation_percent: Annotated[Estimate, As(name="incorporation")]
    stage: str
    stage_probability: Mapping[str, float]
    species: Mapping[str, Estimate]
    guest_share: Mapping[str, Estimate]
    conversion: Annotated[Mapping[str, Estimate], As(name=_CONVERSIONS)]
    trapped_host: Annotated[Estimate | None, As(name="trapped host")]
    expected_evidence: Mapping[str, str]
    influence: Annotated[PriorInfluence, INLINE]
    source: Mapping[str, Any]
    detection_limits: Mapping[str, Mapping[str, Mapping[str, Any]]] = field(default_factory=dict)
    mechanism: str = ""
    rivals: tuple[Mapping[str, Any], ...] = ()
    time_s: None = None
    warnings: tuple[Remark, ...] = ()
    seed: int | None = None
    version: Version = __version__

    def _flask(self) -> tuple[Estimate, None]:
        return Estimate(name="dose", value=self.dose_percent, unit="%", method="given"), None

    def table(self) -> "pd.DataFrame":
        """Return one row per species: share and share of guest with intervals, variance from priors."""
        from cxkinetics.composition.page import species_frame

        return species_frame(self.species, self.guest_share, self.influence)

    def brief(
        self, unit: "TimeUnit", *, sensitivity: bool = False, amount: GuestAmount | None = None
    ) -> "Section":
        """Return what `print` shows; on demand with the priors halved and doubled, and an amount."""
        from cxkinetics.composition.page import prediction_brief

        return prediction_brief(self, unit, sensitivity=sensitivity, amount=amount)

    def page(self, unit: "TimeUnit", *, amount: GuestAmount | None = None) -> "Page":
        """Return the whole report, with an amount where one was asked for."""
        from cxkinetics.composition.page import prediction_page

        return prediction_page(self, unit, amount)

    def figures(self, unit: "TimeUnit") -> "Sequence[Figure]":
        """Return the figure: the shares as bars with their intervals."""
        from cxkinetics.composition.figures import composition_figure

        return (composition_figure(self),)

    def data(self) -> "Sequence[Table]":
        """Return the sheets of the workbook."""
        from cxkinetics.composition.page import prediction_data

        return prediction_data(self)

    def __repr__(self) -> str:
        shares = ", ".join(f"{key} {e.value or 0:.2f}" for key, e in self.species.items())
        return f"Prediction({self.dose_percent:g} % dose, {self.incorporation_percent}: {shares})"


@checked("basis", "extrapolate", "absorbance_ratio", "n_draws", "confidence", "rng", "mechanism")
def predict(
    dose_percent: float,
    *,
    table: Knowledge = None,
    system: System | str | Path = "ag-cds",
    basis: str | None = None,
    extrapolate: bool = False,
    absorbance_ratio: float | None = None,
    n_draws: int = DEFAULT_DRAWS,
    confidence: float = 0.95,
    rng: np.random.Generator | int | None = None,
    mechanism: str = ALL,
) -> Prediction:
    """Predict incorporation and species at a dose.

    Parameters
    ----------
    dose_percent : float
        Guest added, percent of the host cation: mol guest per 100 mol host cation in the flask.
    table : DoseTable, path-like, IncorporationFit or ParameterDraws, optional
        The user's own dose table (a file of one, its fit, or draws updated with measurements); without it
        the documented priors of the system.
    system : System, str or Path
        "ag-cds", "cu-cds", a TOML file or a System.
    basis : str, optional
        Basis of the incorporations: "Ag/(Ag+Cd)" (default), "Ag/Cd" or "Ag/S".
    extrapolate : bool
        Allow a dose outside the calibrated ones.
    absorbance_ratio : float, optional
        A/A0 at this dose: the optical conversion 1 - A/A0 is then set beside the compositional one.
    n_draws : int
        Parameter draws.
    confidence : float
        Of the intervals.
    rng : Generator or int, optional
        Seed or generator; the seed is stored.
    mechanism : str
        "all" rival mechanisms by their weights (default), or one of them: "two-site", "consecutive",
        "third-step", "random", "random-avalanche", "sequential", "two-state", "nucleation".

    Returns
    -------
    Prediction
        Shares are means over the draws and sum to 1.

    Raises
    ------
    ExtrapolationError
        If the dose lies outside the calibrated ones and `extrapolate` is False.
    InputError
        If the system has no dose curve and no table is given, or the table shows no avalanche up to a
        plateau (no share of product follows from it) or is of another guest.

    Examples
    --------
    >>> result = predict(dose_percent=50)
    >>> round(result.incorporation_percent.value), round(sum(s.value for s in result.species.values()), 9)
    (5, 1.0)
    """
    check_confidence(confidence)
    dose_percent = number_of("dose_percent", dose_percent)
    draws, remarks = known_draws(table, system, basis=basis, n_draws=n_draws, rng=rng, mechanism=mechanism)
    require_product(draws)
    extrapolated = check_dose(dose_percent, draws, extrapolate=extrapolate)
    y = incorporation_draws(draws, dose_percent)
    state = state_draws(draws, y)
    keys, one = draws.system.species, state.column(0)
    species, guests = composition_estimates(draws.system, one, confidence)
    warnings = [*remarks, *(remark for remark in (extrapolated, untold(draws)) if remark)]
    per_unit = f"{draws.system.host_cation} per {draws.system.anion}{draws.system.n_anions}"
    implied, trapped = trapped_draws(draws, state.shares, y), None
    if implied is not None:
        trapped = draw_estimate("trapped host", implied[:, 0], confidence=confidence, unit=per_unit)
    if trapped is not None and trapped.value is not None and trapped.value < 0:
        text = (
            f"the composition implies {trapped.value:.3g} trapped {per_unit}, which is impossible: at this "
            "dose the occupancy model holds too little guest for the incorporation"
        )
        warnings.append(Remark("trapped_host_negative", text))
    stage, chances = _stage(draws, float(dose_percent))

    def outputs(moved: ParameterDraws) -> dict[str, Array]:
        at = incorporation_draws(moved, dose_percent)
        parts = share_draws(moved, at)[..., 0]
        return {"incorporation_percent": at[:, 0], **dict(zip(keys, parts, strict=True))}

    return Prediction(
        dose_percent=float(dose_percent),
        incorporation_percent=draw_estimate("incorporation", y[:, 0], confidence=confidence, unit="%"),
        stage=stage,
        stage_probability=chances,
        species=species,
        guest_share=guests,
        conversion=_conversions(draws, y, one.shares[-1], absorbance_ratio, confidence),
        trapped_host=trapped,
        expected_evidence=_evidence(draws, one),
        detection_limits=detection_limits(draws.system),
        influence=prior_influence(draws, outputs, confidence=confidence),
        source={**source_record(draws), "confidence": confidence, "extrapolate": extrapolate},
        mechanism=mechanism,
        rivals=tuple(weight.to_dict() for weight in draws.mechanisms),
        warnings=tuple(warnings),
        seed=draws.seed,
    )


def _evidence(draws: ParameterDraws, state: State) -> dict[str, str]:
    found = {}
    for technique, limits in draws.system.detection.items():
        clusters, product = (float(v.mean()) for v in counted_shares(draws.system, technique, state))
        found[technique] = verdict_of_shares(draws.system, clusters, product, limits)
    return found


def _stage(draws: ParameterDraws, dose: float) -> tuple[str, dict[str, float]]:
    beyond, saturated = dose >= draws.values["D1"], dose >= saturation_draws(draws)
    stage = np.select([saturated, beyond], [2, 1], 0)
    names = ("stage 1", "stage 2", "plateau")
    chances = {name: float(np.mean(stage == number)) for number, name in enumerate(names)}
    return max(chances, key=lambda name: chances[name]), chances


def _conversions(
    draws: ParameterDraws, y: Array, product: Array, absorbance_ratio: float | None, confidence: float
) -> dict[str, Estimate]:
    """Return the conversions by their kinds; none stands for another."""
    found = {"compositional": product}
    if "mechanism" not in draws.values:  # draws of earlier versions: shares by occupancy
        found["compositional_mass_balance"] = mass_balance_conversion(draws, y)[:, 0]
    kinds = {
        kind: draw_estimate(_CONVERSIONS[kind], values, confidence=confidence)
        for kind, values in found.items()
    }
    if absorbance_ratio is None:
        return kinds
    if not absorbance_ratio >= 0:
        raise InputError(f"absorbance_ratio A/A0 is {absorbance_ratio:g}; it must be 0 or more")
    loss = 1 - absorbance_ratio
    kinds["optical"] = Estimate(name=_CONVERSIONS["optical"], value=loss, method="given")
    kinds["gap"] = draw_estimate(_CONVERSIONS["gap"], loss - product, confidence=confidence)
    return kinds
