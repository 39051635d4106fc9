"""What is known about a sample, in any form a user has it, turned into parameter draws."""

import os
from dataclasses import replace
from pathlib import Path
from typing import TypeAlias

import numpy as np

from cxkinetics.composition.conditioning import ALL, joined, of_mechanism, same_publication
from cxkinetics.composition.draws import DEFAULT_DRAWS, ParameterDraws, check_draws, generator, prior_draws
from cxkinetics.composition.incorporation import fit_incorporation
from cxkinetics.composition.incorporation_result import IncorporationFit
from cxkinetics.composition.system import System, basis_for, load_system, require_elements
from cxkinetics.composition.table_draws import fit_draws
from cxkinetics.composition.update import CompositionUpdate
from cxkinetics.errors import ExtrapolationError, InputError
from cxkinetics.estimate import finite_or_none
from cxkinetics.record import json_text
from cxkinetics.remarks import Remark
from cxkinetics.signals.basis import BASES
from cxkinetics.signals.dose_table import DoseTable

Knowledge: TypeAlias = (
    DoseTable | str | os.PathLike[str] | IncorporationFit | ParameterDraws | CompositionUpdate | None
)
"""A table, its file, its fit, an update, ready-made draws, or nothing (then the documented priors speak)."""


def known_draws(
    table: Knowledge,
    system: System | str | Path,
    *,
    basis: str | None = None,
    n_draws: int = DEFAULT_DRAWS,
    rng: np.random.Generator | int | None = None,
    mechanism: str = ALL,
) -> tuple[ParameterDraws, tuple[Remark, ...]]:
    """Return parameter draws and the remarks that came with the data.

    Parameters
    ----------
    table : DoseTable, path-like, IncorporationFit, CompositionUpdate, ParameterDraws or None
        What is known; draws are used as they are (cut to `n_draws`).
    system : System, str or Path
        Ignored where draws bring their own.
    basis : str, optional
        How incorporations are to be read; that of the table by default.
    n_draws : int
        At least 100.
    rng : Generator or int, optional
        A seed is stored; a fixed one is used where none is given.
    mechanism : str
        "all" rivals by their weights, or the one to believe.

    Raises
    ------
    InputError
        If nothing is known about the dose curve of that system, or the table is of another guest.
    """
    check_draws(n_draws)
    if isinstance(table, CompositionUpdate):
        draws, remarks = known_draws(table.draws, system, n_draws=n_draws, mechanism=mechanism)
        return draws, (*table.warnings, *remarks)
    if isinstance(table, ParameterDraws):
        chosen_draws = of_mechanism(table, mechanism)
        return (chosen_draws.first(n_draws) if n_draws < chosen_draws.n_draws else chosen_draws), ()
    chosen = load_system(system)
    if table is None:
        basis = basis_for(chosen, basis or BASES[0])
        return _documented(chosen, basis, n_draws, rng, mechanism), chosen.remarks
    random, seed = generator(rng)
    fit = table
    if isinstance(fit, DoseTable | str | os.PathLike):
        fit = fit_incorporation(fit, system=chosen, basis=basis)
    elif not isinstance(fit, IncorporationFit):
        raise InputError(
            f"table is a {type(table).__name__}; give a DoseTable (cx.load_dose_table), the path of one, "
            "the result of fit_incorporation or update_priors, or parameter draws"
        )
    require_elements(fit.points, chosen)
    detected = fit
    if fit.options.get("preset"):
        # windows that were given are no detected breaks, and their lines need not meet: only the points count
        detected = fit_incorporation(fit.points, system=chosen, confidence=fit.options["confidence"])
    curve = fit_draws(detected, chosen, n_draws, random, seed)
    curve = replace(curve, own_samples=same_publication(fit.points.source.note, chosen.source))
    return joined(curve, random, mechanism=mechanism), (*chosen.remarks, *fit.warnings)


_KEPT: dict[tuple[str, str, int, int, str], ParameterDraws] = {}
_MOST_KEPT = 8  # half a megabyte each


def _documented(
    system: System, basis: str, n_draws: int, rng: np.random.Generator | int | None, mechanism: str
) -> ParameterDraws:
    """Return draws from the documented priors; those of a seed are the same each time, and made once."""
    random, seed = generator(rng)
    place = None if seed is None else (json_text(system.to_dict()), basis, n_draws, seed, mechanism)
    draws = None if place is None else _KEPT.get(place)
    if draws is None:
        draws = joined(prior_draws(system, basis, n_draws, random, seed), random, mechanism=mechanism)
        if place is not None:
            for column in (*draws.values.values(), *draws.uniforms.values()):
                column.setflags(write=False)  # whoever asks next gets the same arrays
            for oldest in list(_KEPT)[: 1 - _MOST_KEPT]:
                _KEPT.pop(oldest, None)
            _KEPT[place] = draws
    return draws


def curve_draws(
    table: Knowledge, system: System | str | Path, rng: np.random.Generator | int | None, without: str
) -> tuple[ParameterDraws | None, list[Remark]]:
    """Return the draws for the composition beside a dose series, and the remarks on them.

    Parameters
    ----------
    table, system, rng
        As for `known_draws`.
    without : str
        What is left of the result where no dose curve is known, and the draws are None.
    """
    if table is None and not load_system(system).has_dose_curve:
        return None, [Remark("no_dose_curve", f"no dose curve is known: {without}")]
    draws, remarks = known_draws(table, system, rng=rng)
    unknown = [Remark("no_product_share", draws.no_product)] if draws.no_product else []
    return draws, [*remarks, *unknown]


def check_dose(dose_percent: float, draws: ParameterDraws, *, extrapolate: bool) -> Remark | None:
    """Refuse a dose outside the calibrated ones, or return the remark that it was extrapolated.

    Raises
    ------
    InputError
        If the dose is negative or not finite.
    ExtrapolationError
        If it lies outside and extrapolation was not asked for.
    """
    if not np.isfinite(dose_percent) or dose_percent < 0:
        raise InputError(f"the dose is {dose_percent:g} %; it must be a finite number from 0")
    low, high = draws.calibrated_dose_percent
    if low <= dose_percent <= high:
        return None
    outside = f"{dose_percent:g} % lies outside the calibrated {low:g}-{high:g} %"
    if not extrapolate:
        remedy = "measure there, or pass extrapolate=True (--extrapolate)"
        raise ExtrapolationError(f"a dose of {outside}; {remedy}")
    return Remark("extrapolated", f"{outside}: extrapolated")


def source_record(draws: ParameterDraws) -> dict[str, object]:
    """Return what a result records about where its draws come from."""
    return {
        "system": draws.system.name,
        "guest": draws.system.guest,
        "host_cation": draws.system.host_cation,
        "basis": draws.system.basis_name(draws.basis),
        "origin": draws.origin,
        "calibrated_dose_percent": [finite_or_none(value) for value in draws.calibrated_dose_percent],
        "max_guests": draws.system.max_guests,
        "assumed": list(draws.system.assumed),
        **({"errors": dict(draws.errors)} if draws.errors else {}),
        "n_draws": draws.n_draws,
        "seed": draws.seed,
        "priors": {
            name: prior.to_dict() for name, prior in draws.priors.items() if name not in draws.measured
        },
    }
