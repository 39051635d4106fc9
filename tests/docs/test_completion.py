"""The completion scripts: made from the parser, and really completing in bash."""

import json
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

from cxkinetics.cli.completion import SHELLS, completion_script
from cxkinetics.cli.main import VERBS, main, module_of
from tests.conftest import DEMONSTRATED


@pytest.mark.parametrize("shell", SHELLS)
def test_every_verb_and_its_options_are_offered(shell: str) -> None:
    script = completion_script(shell)
    for verb in VERBS:
        assert verb in script
    assert "json" in script
    if shutil.which(shell):
        subprocess.run([shell, "-n"], input=script, text=True, check=True, capture_output=True)


def complete(*words: str) -> list[str]:
    """Ask bash what it offers for the last of `words`."""
    script = completion_script("bash") + (
        f"COMP_WORDS=({' '.join(repr(word) for word in words)}); COMP_CWORD={len(words) - 1}\n"
        '_shtab_cxkinetics; printf "%s\\n" "${COMPREPLY[@]}"\n'
    )
    done = subprocess.run(["bash", "-c", script], text=True, check=True, capture_output=True)
    return done.stdout.split()


@pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash")
def test_bash_completes_verbs_options_and_choices() -> None:
    assert "completion" in complete("cxkinetics", "comp")
    assert "--json" in complete("cxkinetics", "completion", "--j")
    assert complete("cxkinetics", "completion", "fi")[:1] == ["fish"]


@pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash")
def test_bash_offers_values_where_there_are_some_and_nothing_for_a_number() -> None:
    assert complete("cxkinetics", "fit", "--stages", "") == ["auto", "1", "2", "3"]
    assert complete("cxkinetics", "predict", "--system", "")[:2] == ["ag-cds", "cu-cds"]
    assert complete("cxkinetics", "dose", "Ag2") == ["Ag2Cd32S33", "Ag2S"]
    assert complete("cxkinetics", "fit", "--t0", "") == ["auto"]
    for option in ("--confidence", "--wavelength", "--seed", "--breakpoint", "--window"):
        assert complete("cxkinetics", "fit", option, "") == [], option
    assert complete("cxkinetics", "predict", "--dose", "") == []


@pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash")
def test_bash_offers_files_where_an_option_takes_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "project.toml").write_text("")
    monkeypatch.chdir(tmp_path)
    assert complete("cxkinetics", "fit", "--config", "pro") == ["project.toml"]
    assert "project.toml" in complete("cxkinetics", "fit", "pro")


def test_the_command_prints_the_script(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["completion", "bash"]) == 0
    plain = capsys.readouterr().out
    assert plain == completion_script("bash")
    assert main(["completion", "bash", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["script"] == plain


# help ----------------------------------------------------------------------------------------------


def examples_of(verb: str) -> list[list[str]]:
    """Return the words of every example at the end of a verb's help."""
    lines: list[str] = module_of(verb).EXAMPLE.splitlines()
    return [shlex.split(line)[1:] for line in lines if line.startswith("cxkinetics ")]


QUICKLY = {"sampling": ["--simulations", "1"], "mechanism": ["--starts", "2", "--draws", "3"]}
"""Options that end an example sooner: each does the same as without them, fewer times."""


@pytest.mark.parametrize("verb", VERBS)
def test_the_examples_of_every_help_work_after_the_demo(
    verb: str, newcomer: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(newcomer)
    for words in examples_of(verb):
        if words == DEMONSTRATED or words[0] == "app":
            continue  # that is what has run; the page runs until it is ended, in tests/app
        quickly = next((more for word, more in QUICKLY.items() if word in words[:2]), [])
        assert main([*words, *quickly]) == 0, words
        assert "Traceback" not in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main([verb, "--help"])
    told = capsys.readouterr().out
    for line in module_of(verb).EXAMPLE.splitlines():
        assert line in told
    assert "{.,,}" not in told


def test_each_technique_of_evidence_has_its_own_example() -> None:
    named = {words[1] for words in examples_of("evidence")}
    assert named == {"--demo", "ms", "xps", "xrd", "join"}


# mistakes ------------------------------------------------------------------------------------------


def test_the_bare_command_lists_its_commands(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 2
    err = capsys.readouterr().err
    for verb in VERBS:
        summary = VERBS[verb]
        assert any(line.split(maxsplit=1) == [verb, summary] for line in err.splitlines()), verb


def test_an_unknown_option_points_to_the_help_of_its_command(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["fit", "run.csv", "--stges", "2"])
    err = capsys.readouterr().err
    assert "did you mean --stages?" in err
    assert err.rstrip().endswith("cxkinetics fit --help lists the options")


def test_what_a_folder_holds_beside_data_is_said_on_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "run.csv").write_text("t,A\n0,0.9\n1,0.5\n")
    (tmp_path / "notes.md").write_text("# notes\n")
    assert main(["fit", str(tmp_path)]) == 1
    lines = capsys.readouterr().err.splitlines()
    assert f"cxkinetics fit: {tmp_path}: not data files, passed over: notes.md" in lines
    assert not any("notes.md" in line for line in lines[1:])
