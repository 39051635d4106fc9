"""Numbers that are not finite are refused where they are typed, before anything is read."""

import json
import math
from pathlib import Path

import pytest

import cxkinetics as cx
from cxkinetics.cli.main import main
from cxkinetics.cli.project import load_config
from cxkinetics.kinetics.batch import fit_many
from cxkinetics.kinetics.options import FitOptions
from tests.studies.truths import SEED, times


@pytest.fixture
def run(tmp_path: Path) -> Path:
    t = times(31)
    path = tmp_path / "run.csv"
    path.write_text("time_s,A\n" + "\n".join(f"{a:.3f},{b:.5f}" for a, b in zip(t, SEED(t), strict=True)))
    return path


@pytest.mark.parametrize("value", ["nan", "inf", "-inf", "1e999"])
@pytest.mark.parametrize(
    "words",
    [
        "fit FILE --wavelength",
        "fit FILE --track",
        "fit FILE --offset",
        "fit FILE --t0",
        "fit FILE --breakpoint",
        "fit FILE --confidence",
        "spectra FILE --track",
        "spectra FILE --t0",
        "spectra FILE --max-absorbance",
        "predict --dose",
        "dose Ag2Cd32S33 --min-purity",
        "incorporation FILE --confidence",
        "evidence xps FILE --energy-offset",
    ],
)
def test_an_option_that_is_not_finite_is_a_usage_error(
    words: str, value: str, run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    *before, option = words.replace("FILE", str(run)).split()
    try:
        code = main([*before, f"{option}={value}"])
    except SystemExit as stopped:
        code = int(str(stopped.code))
    out, err = capsys.readouterr()
    assert code == 2
    assert out == ""
    assert err.count("\n") == 1
    assert "finite" in err


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        ("predict --dose 50 --absorbance-ratio=--", 2, "argument --absorbance-ratio: '--' is no"),
        ("dose Ag2Cd32S33 --max-byproduct=--", 2, "argument --max-byproduct: '--' is no"),
        ("evidence xrd FILE --confidence=--", 2, "argument --confidence: '--' is no"),
        ("evidence xrd FILE --max-broadening=1e400", 2, "'1e400' is not a finite number"),
        ("evidence xrd FILE --axis-column=²", 1, "there is no column '²'; the file has 'time_s', 'A'"),
        ("incorporation TABLE --icp-error=1e308", 2, "icp_error is '1e308'; write percentage points"),
        ("fit FILE --trace ²", 1, "there is no trace '²': the file holds 1"),
        ("fit FILE --column=²", 1, "there is no column '²'; columns are 'time_s', 'A'"),
        ("fit FILE --wavelength nan --json", 2, "argument --wavelength: 'nan' is not a finite number"),
        ("spectra FILE --max-absorbance inf", 2, "--max-absorbance is 'inf'; it must be a finite number"),
    ],
)
def test_a_word_that_is_no_value_is_told_as_it_was_typed(
    words: str, code: int, said: str, run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = run.with_name("table.csv")
    table.write_text("Ag added (%),Ag incorporated (%)\n0,0\n50,5\n100,10\n120,30\n150,40\n")
    try:
        found = main(words.replace("FILE", str(run)).replace("TABLE", str(table)).split())
    except SystemExit as stopped:
        found = int(str(stopped.code))
    out, err = capsys.readouterr()
    assert (found, out) == (code, "")
    assert said in err.splitlines()[-1]


def test_starts_and_ranges_of_spectra_are_finite(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for words in (["--start", "k1=nan"], ["--window", "nan:5"], ["--wavelengths", "300:inf"]):
        assert main(["spectra", str(run), *words]) == 2
        assert "finite" in capsys.readouterr().err


def test_a_window_open_to_infinity_is_an_open_window(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fit", str(run), "--window", "5:inf", "--stages", "1", "--json"]) == 0
    (fit,) = json.loads(capsys.readouterr().out)["fits"]
    assert fit["options"]["window"] == [5.0, None]
    assert FitOptions.of(breakpoints_s=None, window=(-math.inf, 20)).window == (None, 20)
    for wrong in ((math.nan, 5.0), (math.inf, None), (0.0, -math.inf)):
        with pytest.raises(cx.UsageError, match="two times in s, finite"):
            FitOptions.of(breakpoints_s=None, window=wrong)


def test_a_project_file_holds_finite_numbers_only(tmp_path: Path) -> None:
    path = tmp_path / "project.toml"
    for line in (
        "wavelength = nan",
        "track = inf",
        't0 = "nan"',
        'breakpoint = "20,inf"',
        "window = [0, nan]",
    ):
        path.write_text(f"[fit]\n{line}\n")
        with pytest.raises(cx.InputError, match=line.partition(" ")[0]):
            load_config(path)


def test_wavelengths_in_python_are_finite(run: Path) -> None:
    for name in ("wavelength", "track"):
        with pytest.raises(cx.UsageError, match=f"{name} is nan"):
            fit_many([run], **{name: math.nan})
    with pytest.raises(cx.UsageError, match="wavelength is inf"):
        cx.load(run, wavelength=math.inf)
