"""The glossary: on the command line, in completion and at the end of a report."""

import html
import json
import re
from pathlib import Path

import numpy as np
import pytest

import cxkinetics as cx
from cxkinetics.cli.completion import completion_script
from cxkinetics.cli.main import main
from cxkinetics.inference.criteria import AHEAD
from cxkinetics.kinetics.glossary import explain, glossary
from cxkinetics.kinetics.options import REPLICATES
from cxkinetics.options import OPTIONS


def said(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    code = main(["explain", *words])
    printed = capsys.readouterr()
    return code, printed.out, printed.err


def test_every_entry_is_two_to_four_sentences_and_no_word_has_two() -> None:
    assert len(glossary()) >= 10
    names = [name.casefold() for word in glossary() for name in (word.name, *word.also)]
    assert len(set(names)) == len(names)
    for word in glossary():
        full = f"{word.means} {word.more}"
        assert 2 <= len(re.findall(r"\.(?: |$)", full)) <= 4, word.key
        assert word.means.endswith(".")
        assert "{" not in full


def test_without_a_word_all_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = said(capsys)
    assert (code, err) == (0, "")
    listed = [line.split()[0] for line in out.splitlines() if line[0] != " "]
    assert listed[: len(glossary())] == [w.key for w in glossary()]
    assert "cxkinetics explain options" in out


def test_every_option_stands_there_with_both_names(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = said(capsys, "options")
    assert (code, err) == (0, "")
    pairs = {tuple(line.split()[:2]) for line in out.splitlines()}
    assert {(option.flag, option.python) for option in OPTIONS.values()} <= pairs
    record = json.loads(said(capsys, "options", "--json")[1])
    assert [option["python"] for option in record["options"]] == [o.python for o in OPTIONS.values()]


@pytest.mark.parametrize(
    "typed", [["switch-width"], ["Switch", "width"], ["switch_width"], ["width"], ["abrupt"]]
)
def test_a_word_is_found_by_any_of_its_names(typed: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = said(capsys, *typed)
    assert code == 0
    assert " ".join(out.split()).startswith(
        "switch width: The time within which the rate goes from 10 to 90 %"
    )


def test_the_numbers_are_those_in_force() -> None:
    assert f"from {AHEAD:g} on" in explain("aicc").more
    assert f"{REPLICATES} traces" in explain("p").more
    assert f"p <= {1 / (REPLICATES + 1):g}" in explain("p value").more


def test_json_holds_the_same_entry(capsys: pytest.CaptureFixture[str]) -> None:
    _, out, _ = said(capsys, "undecided", "--json")
    record = json.loads(out)
    assert record["schema"] == "cxkinetics.explain/1"
    assert [word["key"] for word in record["words"]] == ["undecided"]
    assert record["words"][0]["means"] == explain("undecided").means
    assert len(json.loads(said(capsys, "--json")[1])["words"]) == len(glossary())


def test_an_unknown_word_suggests_the_nearest(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = said(capsys, "undecidet")
    assert (code, out) == (2, "")
    assert "there is no word 'undecidet' in the glossary; did you mean 'undecided'? known: break," in err
    assert err.count("\n") == 1
    assert "did you mean" not in said(capsys, "xylophone")[2]


def test_completion_offers_the_words() -> None:
    script = completion_script("bash")
    assert all(word.key in script for word in glossary())


def test_the_report_ends_with_the_glossary(tmp_path: Path) -> None:
    time = np.arange(30.0)
    signal = 0.9 * np.exp(-0.05 * time) + np.random.default_rng(1).normal(0, 0.003, time.size)
    page = cx.fit_stages(cx.Trace(time_s=time, absorbance=signal), n_stages=1, noise="white").to_html()
    *_, last = page.split("<h2")
    for word in glossary():
        assert word.means in html.unescape(last)
