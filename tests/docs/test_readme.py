"""The README: its code runs, its commands are the ones that work, its links lead somewhere."""

import re
import shlex
import subprocess
import tomllib
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pytest

mpl.use("Agg")

import cxkinetics as cx
from cxkinetics.cli.main import VERBS, main
from cxkinetics.version import __version__
from tests.studies.truths import SEED, times

ROOT = Path(__file__).resolve().parents[2]
README = ROOT / "README.md"
CHANGELOG = ROOT / ".github" / "CHANGELOG.md"
SETUP = (
    "python -m pip install . && cxkinetics demo",
    'python -m pip install ".[test]" && python -m pytest',
)


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", README.read_text(encoding="utf-8"), re.S | re.M)


def shell_lines() -> list[str]:
    return [
        line for block in blocks("sh") for line in block.splitlines() if line and not line.startswith("#")
    ]


def test_the_readme_has_no_block_that_is_not_tested() -> None:
    languages = re.findall(r"^```(\w*)$", README.read_text(encoding="utf-8"), re.M)
    assert set(languages) <= {"sh", "python", "text", ""}
    assert len(blocks("python")) >= 1


def test_set_up_is_two_commands() -> None:
    lines = shell_lines()
    assert all(command in lines for command in SETUP)
    assert [line for line in lines if "pip" in line] == list(SETUP)
    assert SETUP[1] in (ROOT / ".ci" / "run").read_text(encoding="utf-8").replace(
        "install --quiet", "install"
    )


@pytest.mark.parametrize("number", range(len(blocks("python"))))
def test_python_block(number: int, newcomer: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(newcomer)
    exec(compile(blocks("python")[number], "README.md", "exec"), {})


@pytest.mark.parametrize("line", [line for line in shell_lines() if line.startswith("cxkinetics")])
def test_command(
    line: str, newcomer: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(newcomer)
    assert main(shlex.split(line, comments=True)[1:]) == 0
    assert capsys.readouterr().out.strip()


def test_links_lead_somewhere() -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", README.read_text(encoding="utf-8")):
        if not target.startswith("https://"):
            assert (ROOT / target).exists(), target


def test_readme_and_changelog_state_the_version() -> None:
    assert f"The package: cxkinetics {__version__}." in " ".join(README.read_text(encoding="utf-8").split())
    changelog = (ROOT / ".github" / "CHANGELOG.md").read_text(encoding="utf-8")
    versions = re.findall(r"^## (\S+) \(\d{4}-\d\d-\d\d\)$", changelog, re.M)
    assert versions[0] == __version__


def test_the_number_of_rival_models_is_that_of_a_fit() -> None:
    t = times(101)
    y = SEED(t) + np.random.default_rng(1).normal(0, 0.003, t.size)
    fit = cx.fit_stages(cx.Trace(time_s=t, absorbance=y))
    words = {11: "eleven", 12: "twelve", 13: "thirteen", 14: "fourteen", 15: "fifteen", 16: "sixteen"}
    assert f"{words[len(fit.rivals)]} rival models" in " ".join(README.read_text(encoding="utf-8").split())


def test_the_table_of_folders_names_every_folder() -> None:
    table = README.read_text(encoding="utf-8").partition("## Where things are")[2].partition("\n## ")[0]
    named = set(re.findall(r"`(\w+)/`", table))
    folders = {path.parent.name for path in (ROOT / "cxkinetics").glob("*/__init__.py")}
    assert named - {"cxkinetics"} == folders


def test_contributing_answers_five_questions_with_places_that_exist() -> None:
    text = (ROOT / ".github" / "CONTRIBUTING.md").read_text(encoding="utf-8")
    answers = re.findall(r"^- \*\*(?:A|An) ([\w ]+)\*\*: (.*)$", text, re.M)
    assert [what for what, _ in answers] == [
        "rate law", "file format", "figure", "quantity", "cation system"
    ]  # fmt: skip
    for place in re.findall(r"`((?:cxkinetics|tests)/[\w./]*)`", text):
        assert (ROOT / place).exists(), place


def test_the_oldest_dependencies_are_those_that_the_project_states() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    command = ["bash", str(ROOT / ".ci" / "oldest"), "--list"]
    listed = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    assert listed == [bound.replace(">=", "==") for bound in project["dependencies"]]
    assert all(re.fullmatch(r"[\w-]+==[\d.]+", pin) for pin in listed)


def test_the_licence_is_a_text_in_the_package() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    (licence,) = project["project"]["license-files"]
    assert (ROOT / licence).read_text(encoding="utf-8").startswith("MIT License")
    assert Path(licence).name in project["tool"]["setuptools"]["package-data"]["*"]


def test_the_citation_names_version_and_paper(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["--citation"])
    assert stopped.value.code == 0
    out = capsys.readouterr().out
    assert out.count("@") == 2
    assert out.count("{") == out.count("}")
    assert f"version = {{{__version__}}}" in out
    assert "doi     = {10.1063/5.0151904}" in out
    newest = re.findall(r"^## \S+ \(.*(\d{4})-\d\d-\d\d\)$", CHANGELOG.read_text(encoding="utf-8"), re.M)[0]
    assert f"year    = {{{newest}}}" in out


def test_the_workflow_calls_the_script_and_names_three_systems() -> None:
    text = (ROOT / ".github" / "workflows" / "ci.yml").read_text(encoding="utf-8")
    assert all(word in text for word in (".ci/run", "ubuntu-latest", "windows-latest", "macos-latest"))


def test_the_readme_fits_one_screen() -> None:
    assert len(README.read_text(encoding="utf-8").splitlines()) <= 150


@pytest.mark.parametrize("verb", VERBS)
def test_help_of_every_command_ends_with_a_real_example(
    verb: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stopped:
        main([verb, "--help"])
    assert stopped.value.code == 0
    last = capsys.readouterr().out.rstrip().splitlines()[-1]
    assert last.startswith("example: ")
    assert "cxkinetics" in last
