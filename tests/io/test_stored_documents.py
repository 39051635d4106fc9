"""Stored results: each schema names one kind of document, and says how it is opened."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import cxkinetics as cx
from cxkinetics.estimate import json_text
from tests.studies.truths import SEED, noise, stream, times

RESULTS = {
    "StagedFit": "cxkinetics.fit/1",
    "SpectraFit": "cxkinetics.spectra-fit/1",
    "TwoWitnesses": "cxkinetics.witnesses/1",
    "CurveFit": "cxkinetics.curve/1",
    "IncorporationFit": "cxkinetics.incorporation/1",
    "Prediction": "cxkinetics.predict/1",
    "DoseAdvice": "cxkinetics.dose/1",
}


@pytest.fixture(scope="module")
def staged() -> cx.StagedFit:
    t = times(31)
    y = SEED(t) + noise(t, 0.004, 0.0, stream(50, "many", 1))
    return cx.fit_stages(cx.Trace(time_s=t, absorbance=y), n_stages=1, noise="white")


@pytest.fixture(scope="module")
def series() -> cx.SpectralSeries:
    t, w = np.linspace(0, 60, 13), np.linspace(310, 340, 16)
    bands = np.exp(-(((w - 322) / 6) ** 2)), np.exp(-(((w - 330) / 8) ** 2))
    left = np.exp(-0.05 * t)
    matrix = np.outer(left, bands[0]) + np.outer(1 - left, bands[1])
    matrix += np.random.default_rng(5).normal(0, 1e-3, matrix.shape)
    return cx.SpectralSeries(time_s=t, wavelength_nm=w, absorbance=matrix)


@pytest.fixture(scope="module")
def spectral(series: cx.SpectralSeries) -> "cx.SpectraFit":
    return cx.fit_spectra(series, "A -> B", intervals="wald", noise="white")


@pytest.mark.parametrize("kind", RESULTS)
@pytest.mark.parametrize("found", ["cxkinetics.trace/1", "cxkinetics.other/7", None])
def test_a_result_of_another_kind_is_refused_with_the_schema_found_and_needed(
    kind: str, found: str | None
) -> None:
    with pytest.raises(cx.InputError) as caught:
        getattr(cx, kind).from_json(json.dumps({} if found is None else {"schema": found}))
    assert RESULTS[kind] in str(caught.value)
    assert (found or "no schema") in str(caught.value)


@pytest.mark.parametrize("kind", RESULTS)
@pytest.mark.parametrize("body", ["", '"data": {}, ', '"data": null, ', '"stages": 3, "rank": 0, '])
def test_a_result_that_lacks_parts_is_refused_without_a_key_error(kind: str, body: str) -> None:
    with pytest.raises(cx.InputError, match="cannot be opened"):
        getattr(cx, kind).from_json(f'{{{body}"schema": "{RESULTS[kind]}"}}')
    for damaged in ("{", "[]", "", "null"):
        with pytest.raises(cx.InputError):
            getattr(cx, kind).from_json(damaged)


def test_results_are_opened_from_their_text_and_from_their_file(
    staged: cx.StagedFit, spectral: "cx.SpectraFit", tmp_path: Path
) -> None:
    for result in (staged, spectral):
        path = tmp_path / "result.json"
        path.write_text(result.to_json())
        assert type(result).from_json(path) == result
        assert type(result).from_json(str(path)) == result


def test_stored_spectra_and_the_fit_of_spectra_have_schemas_of_their_own(
    series: cx.SpectralSeries, spectral: "cx.SpectraFit"
) -> None:
    assert json.loads(series.to_json())["schema"] == "cxkinetics.spectra/1"
    assert json.loads(spectral.to_json())["schema"] == "cxkinetics.spectra-fit/1"
    with pytest.raises(cx.InputError, match=r"spectra-fit/1.*cx\.SpectraFit\.from_json"):
        cx.SpectralSeries.from_json(spectral.to_json())
    with pytest.raises(cx.InputError, match=r"cxkinetics\.spectra/1.*cx\.load"):
        cx.SpectraFit.from_json(series.to_json())


def test_a_fit_of_spectra_stored_under_the_old_shared_schema_is_still_opened(
    series: cx.SpectralSeries, spectral: "cx.SpectraFit", tmp_path: Path
) -> None:
    old = json.loads(spectral.to_json()) | {"schema": "cxkinetics.spectra/1"}
    assert cx.SpectraFit.from_json(json.dumps(old)) == spectral
    with pytest.raises(cx.InputError, match=r"a fit of whole spectra.*cx\.SpectraFit\.from_json"):
        cx.SpectralSeries.from_json(json.dumps(old))
    path = tmp_path / "spectra.json"
    path.write_text(json.dumps(old))
    with pytest.raises(cx.InputError, match=r"spectra\.json.*a fit of whole spectra"):
        cx.load(path)
    path.write_text(series.to_json())
    assert cx.load(path) == series


def test_load_says_what_a_stored_result_is_and_how_it_is_opened(
    staged: cx.StagedFit, spectral: "cx.SpectraFit", tmp_path: Path
) -> None:
    path = tmp_path / "result.json"
    old = json.loads(staged.to_json())
    old["schema"] = old.pop("schema")  # at the end, as before 0.1.1
    printed = {"schema": "cxkinetics.fit/1", "version": "0.1.0", "fits": [staged.to_dict()]}
    documents = {
        staged.to_json(): r"a fit of stages.*cx\.StagedFit\.from_json",
        json.dumps(old): r"a fit of stages.*cx\.StagedFit\.from_json",
        spectral.to_json(): r"a fit of whole spectra.*cx\.SpectraFit\.from_json",
        json.dumps(printed): r"cxkinetics fit --json prints.*fit\.json",
        json.dumps({"a": [1, 2]}, indent=2): "JSON without a schema",
        "{}": "JSON without a schema",
    }
    for text, message in documents.items():
        path.write_text(text)
        with pytest.raises(cx.InputError, match=message) as caught:
            cx.load(path)
        assert str(path) in str(caught.value)


def test_what_is_not_finite_is_null_in_every_document() -> None:
    document = {"a": float("nan"), "b": [float("inf"), {"c": np.float32(0.5)}], "d": np.array([1, -np.inf])}
    assert json_text(document) == '{"a": null, "b": [null, {"c": 0.5}], "d": [1.0, null]}'


@pytest.mark.parametrize("late_s", [2e4, 1e9, -1e6])
@pytest.mark.parametrize("joint", ["continuous", "free"])
def test_the_log_linear_recipe_on_late_times_gives_the_amplitude_where_the_trace_begins(
    late_s: float, joint: str
) -> None:
    t = times(41)
    y = SEED(t) + noise(t, 0.002, 0.0, stream(50, "late", 1))
    options: dict[str, Any] = {"recipe": "loglinear", "joint": joint, "n_stages": 2}
    early, late = (cx.fit_stages(cx.Trace(time_s=t + s, absorbance=y), **options) for s in (0.0, late_s))
    record = json.loads(late.to_json())
    assert record["anchor_s"] == late_s + t[0]
    assert record["amplitude"]["value"] == pytest.approx(early.amplitude.value, rel=1e-3)
    assert any(warning["code"] == "amplitude_anchor" for warning in record["warnings"])
    assert late.curve(late.trace.time_s) == pytest.approx(early.curve(t), rel=1e-3)
    assert cx.StagedFit.from_json(late.to_json()) == late


def test_a_line_too_steep_for_an_amplitude_says_so_instead_of_infinity() -> None:
    t = np.linspace(20.0, 30.0, 21)
    y = np.exp(-60.0 * (t - 20.0)) * (1 + 0.01 * np.sin(7 * t))
    fit = cx.fit_stages(cx.Trace(time_s=t, absorbance=y), recipe="loglinear", n_stages=2, joint="free")
    amplitude = json.loads(fit.to_json())["amplitude"]
    assert amplitude["value"] is None
    assert "ln A = 12" in amplitude["reason"]
    assert cx.StagedFit.from_json(fit.to_json()) == fit
