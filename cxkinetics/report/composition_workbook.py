"""Doses for a target and predicted compositions as Excel workbooks, units in the heads."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cxkinetics.composition.dose_advice import DoseAdvice
from cxkinetics.composition.guest_amount import dose_unit_words
from cxkinetics.composition.prediction import Prediction
from cxkinetics.composition.prior_influence import PriorInfluence
from cxkinetics.estimate import Estimate
from cxkinetics.remarks import Remark
from cxkinetics.report.present import save_workbook
from cxkinetics.report.result_workbook import ESTIMATE_HEAD, estimate_row, plain_cell, save_sheets
from cxkinetics.report.staged_files import Rows

__all__ = ["dose_sheets", "prediction_sheets"]


def dose_sheets(result: DoseAdvice) -> dict[str, Rows]:
    """Return the sheets of a dose for a target: name -> head and rows.

    "dose" holds the dose, its window and what it gives, "composition" all species there, "priors" the
    shares of variance that come from priors, "sensitivity" what other widths of them would do,
    "curves" the species against dose and "summary" where all this comes from.
    """
    unit = f"% ({_unit_words(result.source)})"
    low, high = result.window_percent
    dose = result.dose_percent.to_dict() | {"unit": unit}
    rows: Rows = [list(ESTIMATE_HEAD), estimate_row(f"dose for {result.target}", dose)]
    for name, value in (("window, lowest dose", low), ("window, highest dose", high)):
        rows.append([name, value, None, None, None, unit, "doses that will do", None])
    shares = (
        ("purity", result.purity),
        (f"share of all guest in {result.target}", result.guest_share),
        ("by-product", result.byproduct),
    )
    for name, estimate in shares:
        rows.append(estimate_row(name, estimate.to_dict() | {"unit": "share, 0-1"}))
    rows.append(
        estimate_row(f"incorporation, {result.source['basis']}", result.incorporation_percent.to_dict())
    )
    summary: Rows = [["target", result.target], ["limited by", result.limited_by]]
    return {
        "dose": rows,
        "composition": _species_rows(result.composition, result.influence),
        "priors": _prior_rows(result.influence),
        "sensitivity": _sensitivity_rows(result.influence),
        "curves": _curve_rows(result, unit),
        "summary": _summary_rows(summary, result.source, result.seed, result.version, result.warnings),
    }


def prediction_sheets(result: Prediction) -> dict[str, Rows]:
    """Return the sheets of a predicted composition, named as for a dose."""
    unit = f"% ({_unit_words(result.source)})"
    rows: Rows = [
        list(ESTIMATE_HEAD),
        ["dose", result.dose_percent, None, None, None, unit, "given", None],
        estimate_row(f"incorporation, {result.source['basis']}", result.incorporation_percent.to_dict()),
    ]
    for name, estimate in result.conversion.items():
        rows.append(
            estimate_row(f"conversion, {name.replace('_', ' ')}", estimate.to_dict() | {"unit": "0-1"})
        )
    if result.trapped_host is not None:
        rows.append(estimate_row("trapped host", result.trapped_host.to_dict()))
    summary: Rows = [["stage", result.stage]]
    summary += [[f"share of draws, {name}", share] for name, share in result.stage_probability.items()]
    summary += [[f"evidence to expect, {name}", words] for name, words in result.expected_evidence.items()]
    summary += [
        [f"detection limit, {technique}, {name}", f"{at['limit']:g} of {at['of']}"]
        for technique, named in result.detection_limits.items()
        for name, at in named.items()
    ]
    return {
        "dose": rows,
        "composition": _species_rows(result.species, result.influence),
        "guest": _species_rows(result.guest_share, None, "share of all guest"),
        "priors": _prior_rows(result.influence),
        "sensitivity": _sensitivity_rows(result.influence),
        "summary": _summary_rows(summary, result.source, result.seed, result.version, result.warnings),
    }


def _unit_words(source: Mapping[str, Any]) -> str:
    return dose_unit_words(source.get("guest", "guest"), source.get("host_cation", "host cation"))


def _species_rows(
    species: Mapping[str, Estimate], influence: PriorInfluence | None, what: str = "share of clusters"
) -> Rows:
    rows: Rows = [["species", f"{what}, 0-1", "se", "low", "high", "variance from priors, 0-1", "reason"]]
    for key, e in species.items():
        from_priors = None if influence is None else influence.from_priors.get(key)
        rows.append([key, e.value, e.se, e.low, e.high, from_priors, e.reason or None])
    return rows


def _prior_rows(influence: PriorInfluence) -> Rows:
    rows: Rows = [["quantity", "parameter", "share of the variance, 0-1"]]
    for quantity, share in influence.from_priors.items():
        rows.append([quantity, "all priors without data", share])
        rows += [[quantity, name, part] for name, part in influence.by_parameter[quantity].items()]
    return rows


def _sensitivity_rows(influence: PriorInfluence) -> Rows:
    rows: Rows = [["quantity", "prior", "its width times", "value", "low", "high", "unit"]]
    for s in influence.shifts:
        unit = "%" if s.quantity.endswith("percent") else "share, 0-1"
        rows.append([s.quantity, s.prior, s.factor, s.value, s.low, s.high, unit])
    return rows


def _curve_rows(result: DoseAdvice, unit: str) -> Rows:
    curves = result.curves
    named = {f"incorporation, % {curves.basis}": curves.incorporation_percent, **curves.shares}
    head = [f"dose, {unit}"]
    columns = [curves.dose_percent.tolist()]
    for name, values in named.items():
        label = name if name.startswith("incorporation") else f"{name}, share"
        head += [label, f"{label}, low", f"{label}, high"]
        columns += values.tolist()
    return [head, *(list(row) for row in zip(*columns, strict=True))]


def _summary_rows(
    first: Rows, source: Mapping[str, Any], seed: int | None, version: str, warnings: tuple[Remark, ...]
) -> Rows:
    rows: Rows = [["entry", "value"], *first]
    rows += [
        [name.replace("_", " "), plain_cell(v)]
        for name, v in source.items()
        if name not in ("priors", "seed")
    ]
    rows += [["seed", seed], ["cxkinetics version", version]]
    rows += [[f"remark {number}", remark.text] for number, remark in enumerate(warnings, 1)]
    return rows


@save_workbook.register
def _dose(result: DoseAdvice, path: str | os.PathLike[str]) -> Path:
    return save_sheets(dose_sheets(result), path)


@save_workbook.register
def _prediction(result: Prediction, path: str | os.PathLike[str]) -> Path:
    return save_sheets(prediction_sheets(result), path)
