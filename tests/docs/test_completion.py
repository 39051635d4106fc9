"""The completion scripts: made from the parser, and really completing in bash."""

import json
import shutil
import subprocess

import pytest

from cxkinetics.cli.completion import SHELLS, completion_script
from cxkinetics.cli.main import VERBS, main


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
        '_cxkinetics; printf "%s\\n" "${COMPREPLY[@]}"\n'
    )
    done = subprocess.run(["bash", "-c", script], text=True, check=True, capture_output=True)
    return done.stdout.split()


@pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash")
def test_bash_completes_verbs_options_and_choices() -> None:
    assert "completion" in complete("cxkinetics", "comp")
    assert "--json" in complete("cxkinetics", "completion", "--j")
    assert complete("cxkinetics", "completion", "fi")[:1] == ["fish"]


def test_the_command_prints_the_script(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["completion", "bash"]) == 0
    plain = capsys.readouterr().out
    assert plain == completion_script("bash")
    assert main(["completion", "bash", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["script"] == plain
