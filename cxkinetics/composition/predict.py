"""`predict`: what is in the flask at a dose.

Dose -> incorporation by the map (M0), incorporation -> species by stagewise occupancy (M2), with
parameter draws pushed through both. Shares count original clusters (units), because agglomerated
product has no cluster count. Compositional conversion is not the loss of absorbance: where an
absorbance ratio is given, the two stand beside each other and the gap is reported.
"""

from pathlib import Path

import numpy as np

from cxkinetics.arrays import Array
from cxkinetics.composition.detection import counted_shares, detection_limits, verdict_of_shares
from cxkinetics.composition.draws import DEFAULT_DRAWS, ParameterDraws, require_product
from cxkinetics.composition.knowledge import (
    Knowledge,
    check_confidence,
    check_dose,
    known_draws,
    source_record,
)
from cxkinetics.composition.prediction import Prediction
from cxkinetics.composition.prior_influence import prior_influence
from cxkinetics.composition.species_model import (
    draw_estimate,
    guest_estimates,
    incorporation_draws,
    mass_balance_conversion,
    saturation_draws,
    share_draws,
    share_estimates,
    trapped_draws,
)
from cxkinetics.composition.system import System
from cxkinetics.errors import InputError
from cxkinetics.estimate import Estimate
from cxkinetics.remarks import Remark

__all__ = ["predict"]


def predict(
    *,
    dose_percent: float,
    table: Knowledge = None,
    system: System | str | Path = "ag-cds",
    basis: str | None = None,
    extrapolate: bool = False,
    absorbance_ratio: float | None = None,
    n_draws: int = DEFAULT_DRAWS,
    confidence: float = 0.95,
    rng: np.random.Generator | int | None = None,
) -> Prediction:
    """Predict incorporation and species at a dose.

    Parameters
    ----------
    dose_percent : float
        Guest added, percent of the host cation: mol guest per 100 mol host cation in the flask.
    table : DoseTable, IncorporationFit or ParameterDraws, optional
        The user's own dose table (or its fit, or draws updated with measurements); without it
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
    >>> round(result.incorporation_percent.value, 1), round(sum(s.value for s in result.species.values()), 9)
    (5.2, 1.0)
    """
    check_confidence(confidence)
    draws, remarks = known_draws(table, system, basis=basis, n_draws=n_draws, rng=rng)
    require_product(draws)
    extrapolated = check_dose(float(dose_percent), draws, extrapolate=extrapolate)
    y = incorporation_draws(draws, dose_percent)
    shares = share_draws(draws, y)
    keys = draws.system.species
    trapped = trapped_draws(draws, shares, y)
    warnings = [*remarks, *([extrapolated] if extrapolated else [])]
    trapped_estimate = _trapped(trapped, draws, confidence)
    if trapped_estimate is not None and trapped_estimate.value is not None and trapped_estimate.value < 0:
        warnings.append(
            Remark(
                "trapped_host_negative",
                f"the composition implies {trapped_estimate.value:.3g} trapped {draws.system.host_cation} "
                f"per {draws.system.anion}{draws.system.n_anions}, which is impossible: at this dose the "
                "occupancy model holds too little guest for the incorporation",
            )
        )
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
        species=share_estimates(keys, shares[..., 0], confidence),
        guest_share=guest_estimates(draws.system, shares[..., 0], confidence),
        conversion=_conversions(draws, y, shares[-1, :, 0], absorbance_ratio, confidence),
        trapped_host=trapped_estimate,
        expected_evidence=_evidence(draws, shares[..., 0]),
        detection_limits=detection_limits(draws.system),
        influence=prior_influence(draws, outputs, confidence=confidence),
        source={**source_record(draws), "confidence": confidence, "extrapolate": extrapolate},
        warnings=tuple(warnings),
        seed=draws.seed,
    )


def _trapped(trapped: Array | None, draws: ParameterDraws, confidence: float) -> Estimate | None:
    if trapped is None:
        return None
    unit = f"{draws.system.host_cation} per {draws.system.anion}{draws.system.n_anions}"
    return draw_estimate("trapped host implied", trapped[:, 0], confidence=confidence, unit=unit)


def _evidence(draws: ParameterDraws, shares: Array) -> dict[str, str]:
    found = {}
    for technique, limits in draws.system.detection.items():
        clusters, product = counted_shares(draws.system, technique, shares)
        found[technique] = verdict_of_shares(
            draws.system, float(clusters.mean()), float(product.mean()), limits
        )
    return found


def _stage(draws: ParameterDraws, dose: float) -> tuple[str, dict[str, float]]:
    saturated = dose >= saturation_draws(draws)
    beyond = dose >= draws.values["D1"]
    chances = {
        "stage 1": float(np.mean(~beyond & ~saturated)),
        "stage 2": float(np.mean(beyond & ~saturated)),
        "plateau": float(np.mean(saturated)),
    }
    return max(chances, key=lambda name: chances[name]), chances


def _conversions(
    draws: ParameterDraws, y: Array, product: Array, absorbance_ratio: float | None, confidence: float
) -> dict[str, Estimate]:
    """Return the conversions by their kinds; none stands for another."""
    kinds = {
        "compositional": draw_estimate("conversion by occupancy", product, confidence=confidence),
        "compositional_mass_balance": draw_estimate(
            "conversion by mass balance", mass_balance_conversion(draws, y)[:, 0], confidence=confidence
        ),
    }
    if absorbance_ratio is None:
        return kinds
    if not absorbance_ratio >= 0:
        raise InputError(f"absorbance_ratio A/A0 is {absorbance_ratio:g}; it must be 0 or more")
    loss = 1 - absorbance_ratio
    kinds["optical"] = Estimate(name="optical conversion 1 - A/A0", value=loss, method="given")
    kinds["gap"] = draw_estimate("optical minus compositional", loss - product, confidence=confidence)
    return kinds
