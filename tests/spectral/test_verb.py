"""The command `cxkinetics spectra` on packaged and real files."""

import json

import numpy as np
import pytest

from cxkinetics.cli.main import main
from cxkinetics.examples.kinetics import example_path


def run(capsys, *words) -> tuple[int, str, str]:
    code = main(["spectra", *map(str, words)])
    out, err = capsys.readouterr()
    return code, out, err


def test_packaged_series_without_any_option(capsys) -> None:
    code, out, err = run(capsys, example_path("ag-cds"))
    assert code == 0
    assert "Verdict (staged)" in out
    assert "SIMULATED" in out
    assert "A -> B; B -> C was taken, as the spectra show 3 components" in err
    assert "Traceback" not in err


def test_json_is_one_document(capsys) -> None:
    code, out, _ = run(capsys, example_path("ag-cds"), "--model", "A -> B | A -> B", "--json")
    record = json.loads(out)
    assert code == 0
    assert record["schema"] == "cxkinetics.spectra-fit/1"
    assert [rate["name"] for rate in record["rate_constants"]] == ["k1", "k2"]
    assert record["rate_constants"][0]["steps"] == "A -> B"
    assert record["breakpoints_s"][0]["unit"] == "s"
    assert record["witnesses"]["verdict"]["code"] == "staged"
    assert len(record["peak_path"]["peak_nm"]) == 101
    assert record["rank"]["n_components"] == 3
    assert record["runs"][0]["simulated"] is True


@pytest.mark.parametrize(
    ("file", "options", "rank"),
    [
        ("jcamp/blckpac1.jdx", (), (2, 3)),
        ("ruthenium_series", ("--show-time", "min"), (2, 3)),
        ("specfit/run1_17C.TXT", ("--window", "30:", "--show-time", "min"), (2, 3)),
    ],
)
def test_real_series_need_no_hand_holding(shared_data, capsys, tmp_path, file, options, rank) -> None:
    written = ("--out", tmp_path / "out") if "jcamp" in file else ()
    code, out, err = run(capsys, shared_data / "uvvis" / file, *options, *written)
    assert code == 0
    assert f"rank {rank[0]}" in out or f"rank {rank[1]}" in out
    assert "k1" in out
    if written:
        assert (tmp_path / "out" / "report.html").stat().st_size > 50_000
        assert "results written" in err


def test_aquation_rate_of_the_real_series(shared_data, capsys) -> None:
    """One process with four isosbestic points; the interval admits how few spectra there are."""
    _, out, _ = run(capsys, shared_data / "uvvis" / "jcamp" / "blckpac1.jdx", "--json")
    record = json.loads(out)
    rate = record["rate_constants"][0]
    assert record["scheme"] == "A -> B"
    assert rate["value"] == pytest.approx(0.02, rel=0.15)
    assert rate["high"] - rate["low"] > 0.005
    assert len(record["isosbestic_points"]) == 4


def test_several_runs_known_spectra_and_options(capsys, tmp_path) -> None:
    time, wavelength = np.linspace(0, 100, 40), np.arange(300, 360, 4.0)
    bands = np.exp(-0.5 * ((wavelength - np.array([[320.0], [340.0]])) / 8) ** 2)
    files = []
    for seed in (1, 2):
        shares = np.stack([np.exp(-0.05 * time), 1 - np.exp(-0.05 * time)], axis=1)
        noise = 0.003 * np.random.default_rng(seed).standard_normal((40, 15))
        rows = [",".join(["time (s)", *(f"{w:g}" for w in wavelength)])]
        rows += [
            ",".join([f"{t:.4f}", *(f"{v:.5f}" for v in row)])
            for t, row in zip(time, shares @ bands + noise, strict=True)
        ]
        files.append(tmp_path / f"run{seed}.csv")
        files[-1].write_text("\n".join(rows) + "\n")
    known = tmp_path / "product.txt"
    known.write_text(
        "wavelength  value\n" + "\n".join(f"{w} {v}" for w, v in zip(wavelength, bands[1], strict=True))
    )
    code, out, _ = run(
        capsys, *files, "--model", "A -> B", "--known", f"B={known}", "--initial", "A=1", "--start", "k1=0.1",
        "--confidence", "0.9", "--baseline", "constant", "--json",
    )  # fmt: skip
    record = json.loads(out)
    assert code == 0
    assert len(record["runs"]) == 2
    assert record["rate_constants"][0]["low"] < 0.05 < record["rate_constants"][0]["high"]
    assert record["options"]["known"] == ["B"]


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["--model", "A + B -> C"], 2, "not first order"),
        (["--window", "30-50"], 2, "two times in s"),
        (["--window", "5:20min"], 2, "'5:20min'; it must be two times"),
        (["--start", "k1"], 2, "NAME=VALUE"),
        (["--start", "k1=fast"], 2, "'fast' is no number"),
        (["--max-absorbance", "much"], 2, "number or none"),
        (["--window", "5000:"], 1, "0 spectra"),
        (["--known", "A=/nowhere/there.txt"], 1, "nowhere"),
    ],
)
def test_mistakes_are_one_helpful_line(capsys, words, code, message) -> None:
    found, out, err = run(capsys, example_path("ag-cds"), *words)
    assert found == code
    assert message in err
    assert out == ""
    assert err.count("\n") == 1


def test_times_take_a_unit_and_a_bare_one_beside_minutes_is_told(capsys, tmp_path) -> None:
    minutes, wavelength = np.linspace(0, 10, 30), np.arange(300, 360, 6.0)
    bands = np.exp(-0.5 * ((wavelength - np.array([[320.0], [340.0]])) / 8) ** 2)
    shares = np.stack([np.exp(-0.4 * minutes), 1 - np.exp(-0.4 * minutes)], axis=1)
    spectra = shares @ bands + 0.002 * np.random.default_rng(1).standard_normal((30, 10))
    rows = [",".join(["time (min)", *(f"{w:g}" for w in wavelength)])]
    rows += [
        ",".join([f"{t:.4f}", *(f"{v:.5f}" for v in row)]) for t, row in zip(minutes, spectra, strict=True)
    ]
    file = tmp_path / "slow.csv"
    file.write_text("\n".join(rows))
    words = (file, "--model", "A -> B", "--intervals", "wald")
    code, out, err = run(capsys, *words, "--window", "0:8min", "--t0", "1min", "--json")
    record = json.loads(out)
    assert (code, record["options"]["window"], record["options"]["t0"]) == (0, [0.0, 480.0], [60.0])
    assert "bare numbers" not in err
    _, bare, err = run(capsys, *words, "--window", "0:480", "--t0", "60", "--json")
    assert json.loads(bare)["rate_constants"] == record["rate_constants"]
    assert err.count("the file's times are in min, bare numbers count in s") == 1
    assert "--t0 60 was read as seconds (if min is meant: --t0 60min)" in err
    with pytest.raises(SystemExit):
        run(capsys, *words, "--t0", "0.5m")
    assert "'0.5m' is neither a finite number of seconds nor one with a unit" in capsys.readouterr().err
    code, out, err = run(capsys, *words, "--start-up", "0.1min", "--json")
    record = json.loads(out)
    assert (code, record["options"]["start_up"], record["start_up_s"]["value"]) == (0, 6.0, 6.0)
    _, out, err = run(capsys, *words, "--start-up", "6", "--json")
    assert "--start-up 6 was read as seconds (if min is meant: --start-up 6min)" in err
    assert run(capsys, *words, "--start-up", "slow")[0] == 2


def test_a_trace_is_sent_to_the_right_verb(capsys, tmp_path) -> None:
    file = tmp_path / "trace.csv"
    file.write_text("time (s),absorbance\n" + "\n".join(f"{t},{0.9 * 0.95**t:.4f}" for t in range(30)))
    code, _, err = run(capsys, file)
    assert code == 1
    assert "cxkinetics fit" in err


def test_fit_and_spectra_share_a_folder_of_results(capsys, tmp_path, monkeypatch) -> None:
    """The examples of the two verbs' help, in order."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "run.csv").write_bytes(example_path("ag-cds").read_bytes())
    fit = ["fit", "run.csv", "--track", "324", "--stages", "1", "--noise", "white", "--out", "results"]
    assert main(fit) == 0
    for _ in range(2):
        code, _, err = run(capsys, "run.csv", "--model", "A -> B", "--out", "results")
        assert code == 0
        assert "results written to results/run-spectra" in err
    assert (tmp_path / "results" / "run" / "fit.json").is_file()
    assert (tmp_path / "results" / "run-spectra" / "spectra.json").is_file()


@pytest.mark.parametrize(
    ("out", "message"), [("mine", "holds no spectra.json"), ("a.csv", "a.csv is a file")]
)
def test_an_occupied_folder_is_refused_before_anything_is_computed(
    capsys, tmp_path, monkeypatch, out, message
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").write_text("x")
    (tmp_path / "a.csv").write_text("")
    monkeypatch.setattr(
        "cxkinetics.spectral.analysis.analyse_spectra", lambda *_, **__: pytest.fail("computed")
    )
    code, printed, err = run(capsys, example_path("ag-cds"), "--out", out)
    assert (code, printed) == (2, "")
    assert message in err
    assert err.count("\n") == 1


def test_a_sheet_asked_of_a_text_file_is_answered(capsys) -> None:
    code, _, err = run(capsys, example_path("ag-cds"), "--model", "A -> B", "--sheet", "Foo")
    assert code == 0
    assert "the sheet asked for (Foo) was not used" in err


def short_run(file, rate: float) -> None:
    """Write 20 noisy spectra of one decay with seven wavelengths."""
    time, wavelength = np.linspace(0, 60, 20), np.arange(300, 370, 10.0)
    band = np.exp(-0.5 * ((wavelength - 330) / 12) ** 2)
    noise = 0.003 * np.random.default_rng(3).standard_normal((20, 7))
    rows = [",".join(["time (s)", *(f"{w:g}" for w in wavelength)])]
    matrix = np.outer(np.exp(-rate * time), band) + noise
    rows += [",".join([f"{t:.4f}", *(f"{v:.5f}" for v in row)]) for t, row in zip(time, matrix, strict=True)]
    file.write_text("\n".join(rows) + "\n")


def test_the_result_of_another_input_is_kept_unless_forced(capsys, tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name, rate in (("one.csv", 0.05), ("two.csv", 0.11)):
        short_run(tmp_path / name, rate)
    words = ("--model", "A -> B", "--intervals", "wald", "--out", "out")
    assert run(capsys, "one.csv", *words)[0] == 0
    stored = (tmp_path / "out" / "spectra.json").read_text()
    code, printed, err = run(capsys, "two.csv", *words)
    assert (code, printed) == (1, "")
    assert err == (
        "cxkinetics spectra: two.csv: out holds the result of another input, one.csv, which is kept; "
        "name another folder with --out, or replace it with --force\n"
    )
    assert (tmp_path / "out" / "spectra.json").read_text() == stored
    assert run(capsys, "two.csv", *words, "--force")[0] == 0
    assert json.loads((tmp_path / "out" / "spectra.json").read_text())["runs"][0]["file"] == "two.csv"
    short_run(tmp_path / "two.csv", 0.08)  # the same input, measured anew
    assert run(capsys, "two.csv", *words)[0] == 0


def test_the_folder_of_an_oddly_named_file_has_a_name_that_every_system_takes(
    capsys, tmp_path, monkeypatch
) -> None:
    monkeypatch.chdir(tmp_path)
    short_run(tmp_path / "run:1?.csv", 0.05)
    (tmp_path / "out" / "other").mkdir(parents=True)
    (tmp_path / "out" / "other" / "fit.json").write_text("{}")
    words = ("--model", "A -> B", "--intervals", "wald", "--out", "out")
    code, _, err = run(capsys, "run:1?.csv", *words)
    assert code == 0
    assert "results written to out/run_1_-spectra" in err
