"""The printed fit: complete, narrow, honest about what is missing."""

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from cxkinetics.document import cells
from cxkinetics.document.table import Table
from cxkinetics.document.text import TERMINAL_WIDTH
from cxkinetics.document.units import SECONDS
from cxkinetics.errors import UsageError
from cxkinetics.estimate import Estimate
from cxkinetics.kinetics.page import correlation_lines, loglinear_table, rival_table
from cxkinetics.kinetics.result import Bootstrap, LogLinear, Preferred, Rival, StagedFit
from cxkinetics.remarks import Remark

EXPECTED = Path(__file__).with_name("expected_two_stages.txt")


def test_a_two_stage_fit_prints_as_it_was_read_and_approved(make_fit: Callable[..., StagedFit]) -> None:
    warning = Remark("time_unit_assumed", "no time unit in the header; seconds assumed")
    assert str(make_fit(warnings=(warning,))) + "\n" == EXPECTED.read_text()


@pytest.mark.parametrize("width", [80, 96])
def test_lines_fit_the_terminal(make_fit: Callable[..., StagedFit], width: int) -> None:
    long = Remark("x", "a warning that goes on and on, " * 12)
    fit = make_fit((0.1, 0.05, 0.02), (10.0, 40.0), warnings=(long,), label="a long label " * 9)
    assert max(map(len, fit.to_text(width=width).splitlines())) <= width
    assert width <= TERMINAL_WIDTH


def test_a_referees_questions_are_answered(fit: StagedFit) -> None:
    text = str(fit)
    for asked in ("n 101", "dof 97", "redchi", "AICc -1166.3", "Durbin-Watson 1.98", "profile", "k1/k2"):
        assert asked in text
    assert "paper's recipe" in text
    assert text.rstrip().splitlines()[-2].startswith("Verdict: two stages")


def test_simulated_data_is_labelled_and_measured_data_is_not(make_fit: Callable[..., StagedFit]) -> None:
    assert "SIMULATED" in str(make_fit())
    assert "imulated" not in str(make_fit(simulated=False))
    assert "SIMULATED DATA: from published constants" in make_fit()._repr_html_()
    assert "imulated" not in make_fit(simulated=False)._repr_html_()


def test_a_missing_interval_gives_its_reason(make_fit: Callable[..., StagedFit]) -> None:
    open_ended = Estimate(
        name="breakpoint",
        value=19.9,
        low=None,
        high=22.0,
        unit="s",
        method="profile",
        reason="runs to the edge",
    )
    text = str(make_fit(breakpoints_s=(open_ended,)))
    assert "[-inf, 22" in text
    assert "runs to the edge" in text
    two = replace(open_ended, low=18.0, pieces=((18.0, 19.0), (19.5, 22.0)))
    assert re.search(r"\[18.0*, 19.0*\] or \[19.50*, 22.0*\]", str(make_fit(breakpoints_s=(two,))))


def test_times_and_rates_in_the_unit_asked_for(fit: StagedFit) -> None:
    text = fit.to_text(time_unit="min")
    assert "3.375" in text  # 0.05625 1/s = 3.375 1/min
    assert "1/min" in text
    assert "0-1.66667 min" in text
    with pytest.raises(UsageError, match=r"'week'.*min"):
        fit.to_text(time_unit="week")


def test_strong_correlations_are_named(fit: StagedFit) -> None:
    names = ("amplitude", "k1", "k2")
    covariance = np.array([[1.0, 0.99, 0.1], [0.99, 1.0, 0.0], [0.1, 0.0, 1.0]])
    assert correlation_lines(replace(fit, parameter_names=names, covariance=covariance)) == [
        "amplitude and k1: +0.990"
    ]
    assert "strong correlations" not in str(fit)


def test_rivals_are_ranked_and_shortened(fit: StagedFit) -> None:
    rows = rival_table(fit, 2).grid().rows
    assert [row[0] for row in rows] == ["two stages", "biexponential + offset"]
    assert rows[1][3] == "< 0.001"


def test_a_notebook_shows_what_print_shows(fit: StagedFit) -> None:
    shared = [
        replace(stage, k_per_s=replace(stage.k_per_s, method="profile likelihood, AR(1) noise"))
        for stage in fit.stages
    ]
    fit = replace(fit, stages=tuple(shared))
    html = fit._repr_html_()
    for asked in (
        "<td>[a]</td>",
        "<small>[a] 95 %, profile likelihood, AR(1) noise</small>",
        "half-life, s",
        cells.interval(fit.stages[0].half_life_s),
        "biexponential + offset",
        "when not to trust the difference",
        "lines in ln A",
    ):
        assert asked in html, asked
    many = replace(fit, rivals=fit.rivals * 2)
    assert "and 2 more models" in many._repr_html_()


def test_markup_in_a_label_is_escaped_in_notebooks(make_fit: Callable[..., StagedFit]) -> None:
    html = make_fit(label="<script>alert(1)</script>")._repr_html_()
    assert "<script>" not in html
    assert "&lt;script&gt;" in html


def with_verdict(fit: StagedFit, code: str, **changes: object) -> StagedFit:
    return replace(fit, verdict=replace(fit.verdict, code=code), **changes)


def biexponential(fit: StagedFit) -> Rival:
    parameters = {"C1": 0.5, "C2": 0.4, "k1": 0.12, "k2": 0.015, "o": 0.01}
    return replace(fit.rivals[1], delta_aicc=0.0, parameters=parameters)


def test_a_smooth_verdict_says_what_is_shown_and_prints_its_curve(make_fit: Callable[..., StagedFit]) -> None:
    one = make_fit((0.03,), ())
    rates = {
        "k1": (0.12, "1/s"),
        "k2": (0.015, "1/s"),
        "C1": (0.5, "AU"),
        "C2": (0.4, "AU"),
        "offset": (0.01, "AU"),
    }
    numbers = {name: Estimate(name=name, value=v, unit=unit) for name, (v, unit) in rates.items()}
    known = Preferred(model="biexponential + offset", parameters=numbers, fitted_to="the signal")
    text = str(with_verdict(one, "smooth", rivals=(biexponential(one), one.rivals[2]), preferred=known))
    assert "the verdict prefers a biexponential + offset" in text
    assert "k1 = 0.12 1/s, k2 = 0.015 1/s, C1 = 0.5 AU" in " ".join(text.split())
    assert "offset = 0.01 AU" in text
    smooth = with_verdict(one, "smooth", rivals=(biexponential(one),), preferred=known)
    minutes = smooth.to_text(time_unit="min")
    assert "k1 = 7.2 1/min" in " ".join(minutes.split())
    assert "prefer" not in str(one)


@pytest.mark.parametrize("option", [{"n_stages": 2}, {"breakpoints_s": [20.0]}])
def test_a_demanded_number_that_the_verdict_denies_is_said(
    make_fit: Callable[..., StagedFit], option: dict[str, object]
) -> None:
    fit = make_fit()
    demanded = replace(fit, options={**fit.options, **option})
    assert "demanded" not in str(demanded), "the verdict is two stages too"
    assert "demanded" not in str(with_verdict(fit, "undecided")), "nothing was demanded"
    assert "shown as demanded; the verdict is one stage" in str(with_verdict(demanded, "one_stage"))
    three = make_fit((0.1, 0.05, 0.02), (10.0, 40.0), options=demanded.options)
    assert "the verdict is two stages" in " ".join(str(with_verdict(three, "two_stages")).split())


def test_bootstrap_intervals_are_printed_beside_the_others(fit: StagedFit) -> None:
    quantities = {
        name: Estimate(
            name=name, value=value, low=0.9 * value, high=1.1 * value, unit=unit, method="bootstrap"
        )
        for name, value, unit in (("C", 0.9, "AU"), ("k1", 0.05, "1/s"), ("b1", 20.0, "s"), ("o", 0.01, "AU"))
    }
    done = replace(
        fit, bootstrap=Bootstrap(kind="block", n_replicates=200, n_converged=198, quantities=quantities)
    )
    text = str(done)
    assert "Bootstrap (block), 95 % percentiles of 198 converged of 200 replicates" in text
    assert re.search(r"breakpoint +20\.0 \[18\.0, 22\.0\] +s", text)
    assert re.search(r"amplitude +0\.900 \[0\.810, 0\.990\] +AU", text)
    assert "3.00 [2.70, 3.30]" in done.to_text(time_unit="min")
    assert "Bootstrap" not in str(fit)


def test_a_better_ranked_third_stage_says_why_it_was_not_chosen(fit: StagedFit) -> None:
    third = replace(fit.rivals[0], model="3 stages", n_parameters=6, parameters={"b1": 9.0, "b2": 40.0})
    second = replace(fit.rivals[0], delta_aicc=4.0)
    rows = rival_table(replace(fit, rivals=(third, second))).grid().rows
    assert rows[0][4].startswith("not chosen: a second break needs p <= 0.01")
    assert "not chosen" not in rows[1][4]
    chosen = rival_table(with_verdict(fit, "more_stages", rivals=(third, second))).grid().rows
    assert "not chosen" not in chosen[0][4]


def test_the_leads_in_words_are_those_that_judge(fit: StagedFit, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"AHEAD": 7.5, "FAR_AHEAD": 12.0, "LEVEL": 0.03, "FURTHER_LEVEL": 0.002}.items():
        monkeypatch.setattr(f"cxkinetics.kinetics.page.{name}", value)
    third = replace(fit.rivals[0], model="3 stages", parameters={"b1": 9.0, "b2": 40.0})
    table = rival_table(replace(fit, rivals=(third,)))
    assert "p <= 0.002 and a lead of 12," in table.grid().rows[0][4]
    assert "a difference below about 7.5 decides nothing" in table.note
    judged = [block for block in fit.page(SECONDS).sections[0].blocks if isinstance(block, Table)]
    assert judged[0].note == (
        "A break needs p <= 0.03 and a staged model ahead of every smooth rival by 7.5 in AICc."
    )


def test_the_recipe_of_a_growing_trace_names_its_logarithm(make_fit: Callable[..., StagedFit]) -> None:
    growth = make_fit(growth=True)
    options = {**growth.options, "direction": "growth"}
    empty = loglinear_table(replace(growth, options=options))
    assert empty.note.startswith("Empty: fewer than three points have a logarithm (ln(Ainf - A))")
    lines = LogLinear(stages=make_fit().loglinear.stages, single=None, n_excluded=4)
    table = loglinear_table(replace(growth, options=options, loglinear=lines))
    assert table.caption.endswith("straight lines in ln(Ainf - A)")
    assert "4 points with A >= Ainf" in table.note
    assert "ln(Ainf - A) (k in 1/s)" in str(replace(growth, options=options, loglinear=lines))


def test_the_headline_of_the_report_says_what_is_shown(fit: StagedFit) -> None:
    demanded = replace(fit, options={**fit.options, "n_stages": 2})
    page = with_verdict(demanded, "one_stage").page(SECONDS)
    assert page.behind.endswith("Below, 2 stages (shown as demanded; the verdict is one stage).")
    assert "Below" not in fit.page(SECONDS).behind
