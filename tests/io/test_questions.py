"""What a table may mean besides: each is read right, or asked with a remedy that works."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import cxkinetics as cx

TIME = np.arange(0.0, 300.0, 20.0)
SIGNAL = np.round(0.9 * np.exp(-0.01 * TIME) + 0.02, 5)
STAMPS = [f"2024-03-01 10:{int(t // 60):02d}:{int(t % 60):02d}" for t in TIME]
COUNTER = np.arange(1, TIME.size + 1)
WAVES = np.arange(300.0, 352.0, 2.0)


def table(names: str, *columns: Sequence[Any]) -> str:
    rows = [",".join(str(cell) for cell in row) for row in zip(*columns, strict=True)]
    return "\n".join([names, *rows]) + "\n"


@pytest.fixture
def read(tmp_path: Path) -> Any:
    def reading(text: str, **options: Any) -> list[cx.Trace | cx.SpectralSeries]:
        path = tmp_path / "run.csv"
        path.write_text(text)
        found = cx.load(path, **options)
        return found if isinstance(found, list) else [found]

    return reading


SAME_RUN = {
    "counter, stamp": table("No.,Timestamp,OD600", COUNTER, STAMPS, SIGNAL),
    "counter, stamp in ms": table(
        "No.,Timestamp,OD600", COUNTER, [f"{1.7e12 + 1e3 * t:.0f}" for t in TIME], SIGNAL
    ),
    "stamp of fourteen digits": table(
        "CurrentTime,A", [s.translate({45: None, 58: None, 32: None}) for s in STAMPS], SIGNAL
    ),
    "minimum and maximum before a clock": table(
        "min,max,Clock,Absorbance", SIGNAL * 0.9, SIGNAL * 1.1, [s[11:] for s in STAMPS], SIGNAL
    ),
    "minimum and maximum behind": table(
        "Time (s),Absorbance,min,max", TIME, SIGNAL, SIGNAL * 0.9, SIGNAL * 1.1
    ),
    "height beside a date": table("h,Timestamp,Absorbance", TIME / 7 + 3, STAMPS, SIGNAL),
    "integration time": table("IntegrationTime(ms),Time (s),A", TIME * 0 + 5, TIME, SIGNAL),
    "logarithm beside": table("Time (s),A,ln A", TIME, SIGNAL, np.log(SIGNAL)),
    "percent beside": table("Time (s),Abs,%T", TIME, SIGNAL, np.round(100 * 10**-SIGNAL, 2)),
    "well in the name": table("avg. time [s],sample 7 (A01)", TIME, SIGNAL),
}


@pytest.mark.parametrize("text", SAME_RUN.values(), ids=SAME_RUN)
def test_columns_beside_change_nothing(text: str, read: Any) -> None:
    (trace,) = read(text)
    assert trace.time_s.tolist() == pytest.approx((TIME - TIME[0]).tolist(), abs=1e-3)
    assert trace.absorbance.tolist() == pytest.approx(SIGNAL.tolist())
    assert trace.unit == "AU"


SIGMAS = [
    ("Time (s),A,stderr", 1.0), ("Time (s),A,+/-", 1.0), ("Time (s),A,u(A)", 1.0), ("Time (s),A,s.d.", 1.0),
    ("Time (s),A,Std. Err.", 1.0), ("Time (s),Abs (324 nm),SD (324 nm)", 1.0), ("Time (s),A,CV (%)", 0.01),
    ("Time (s),A,RSD (%)", 0.01),
]  # fmt: skip


@pytest.mark.parametrize(("names", "factor"), SIGMAS)
def test_a_column_of_uncertainties_is_kept(names: str, factor: float, read: Any) -> None:
    given = np.linspace(0.5, 1.5, TIME.size)
    (trace,) = read(table(names, TIME, SIGNAL, given))
    expected = given if factor == 1.0 else factor * given * SIGNAL
    assert trace.sigma.tolist() == pytest.approx(expected.tolist())


@pytest.mark.parametrize(
    "names", ["Time (s),A1,A2,sd A1,sd A2", "Time (s),A1,A2,sd1,sd2", "Time (s),A1,A2,A1_err,A2_err"]
)
def test_uncertainties_in_a_block_belong_to_their_signals(names: str, read: Any) -> None:
    first, second = read(table(names, TIME, SIGNAL, 2 * SIGNAL, SIGNAL * 0.01, SIGNAL * 0.03))
    assert first.sigma.tolist() == pytest.approx((SIGNAL * 0.01).tolist())
    assert second.sigma.tolist() == pytest.approx((SIGNAL * 0.03).tolist())


def test_uncertainties_follow_the_signal_to_absorbance(read: Any) -> None:
    percent = 100 * 10**-SIGNAL
    (trace,) = read(table("Time (s),%T,sd", TIME, percent, TIME * 0 + 0.5))
    assert trace.sigma.tolist() == pytest.approx((0.5 / (percent * np.log(10))).tolist())
    (trace,) = read(table("Time (s),A (mAU),sd", TIME, 1000 * SIGNAL, TIME * 0 + 5.0))
    assert trace.sigma.tolist() == pytest.approx([0.005] * TIME.size)


def test_each_column_has_the_time_before_it(read: Any) -> None:
    later = TIME + 300
    one, two, three = read(table("Time (s),Run 1,Time (s),Run 2,Run 3", TIME, SIGNAL, later, SIGNAL, SIGNAL))
    assert (one.time_s[0], two.time_s[0], three.time_s[-1]) == (0.0, 300.0, later[-1])


OTHERS = [
    "ln (Absorbance)", "ln A", "log10(Abs)", "1/A", "dA/dt", "Irradiance", "Reflectance", "%R",
    "Fluorescence", "Emission (a.u.)", "pH", "Voltage (V)", "CH1 (mV)",
    "Pressure (bar)", "Conductivity (mS/cm)",
]  # fmt: skip


@pytest.mark.parametrize("name", OTHERS)
def test_another_quantity_is_asked_and_can_be_fitted_as_it_is(name: str, read: Any) -> None:
    text = table(f"Time (s),{name}", TIME, SIGNAL)
    with pytest.raises(cx.InputError, match=r"is no absorbance.*--absorbance-unit abs"):
        read(text)
    (trace,) = read(text, absorbance_unit="abs")
    assert trace.absorbance.tolist() == SIGNAL.tolist()


@pytest.mark.parametrize("above", ["Mode/Unit-->,Irradiance[?Watt/cm?]", "Vertical Units,V", "Reflectance"])
def test_the_quantity_above_the_table_is_heard(above: str, read: Any) -> None:
    text = f"{above}\nHorizontal Units,S\n" + table("Time (s),CH1", TIME, SIGNAL)
    with pytest.raises(cx.InputError, match=r"above the table.*is no absorbance"):
        read(text)
    assert read(text, absorbance_unit="counts")[0].unit == "counts"


@pytest.mark.parametrize("above", ["Wavelength: 650.0 nm", "Measurement wavelength,420,nm", "Wavelength,324"])
def test_the_wavelength_above_the_table_is_taken(above: str, read: Any) -> None:
    (trace,) = read(f"{above}\nReference wavelength: 700 nm\n" + table("Time (s),A", TIME, SIGNAL))
    assert trace.wavelength_nm in (650.0, 420.0, 324.0)
    assert str(int(trace.wavelength_nm)) in above


def test_readings_before_zero_are_remarked(read: Any) -> None:
    (trace,) = read(table("Time (s),A", TIME - 100, SIGNAL))
    (said,) = [remark for remark in trace.remarks if remark.code == "before_zero"]
    assert (said.count, "--window 0:" in said.text) == (5, True)


@pytest.mark.parametrize("cell", ["<LOD", "< LOQ", "nd", "n.d.", "BDL", "<0.05", "#NAME?"])
def test_a_cell_below_the_limit_is_missing(cell: str, read: Any) -> None:
    (trace,) = read(table("Time (s),A", TIME, [*SIGNAL[:-1], cell]))
    assert (trace.n_points, [remark.code for remark in trace.remarks]) == (TIME.size - 1, ["missing_cells"])


@pytest.mark.parametrize("name", ["ID", "curve", "Content"])
def test_rounds_of_samples_are_traces(name: str, read: Any) -> None:
    labels = [1, 2, 3] if name == "curve" else ["X1", "X2", "X3"]
    body = np.stack([SIGNAL, 2 * SIGNAL, SIGNAL + 0.3], axis=1).ravel()
    found = read(table(f"Time (s),{name},A", np.repeat(TIME, 3), labels * TIME.size, body))
    assert [trace.absorbance[0] for trace in found] == pytest.approx(
        [SIGNAL[0], 2 * SIGNAL[0], SIGNAL[0] + 0.3]
    )


@pytest.mark.parametrize("labels", [[1, 2, 3], ["u", "v", "w"]])
def test_unnamed_labels_that_come_round_are_asked(labels: list[Any], read: Any) -> None:
    late = np.tile([0, 0.3, 0.6], TIME.size) if labels[0] == "u" else 0.0
    body = np.stack([SIGNAL, 2 * SIGNAL, SIGNAL + 0.3], axis=1).ravel()
    text = table("Time (s),foo,A", np.repeat(TIME, 3) + late, labels * TIME.size, body)
    with pytest.raises(cx.InputError, match=r"'foo'.*tells?.* several series apart"):
        read(text)
    assert len(read(text.replace("foo", "sample"))) == 3


def test_a_temperature_beside_a_rising_stamp_is_no_time(read: Any) -> None:
    stamp = 458776 + 17436 * COUNTER
    text = table("E,R,G,B,T", stamp, stamp * 0 + 5, 1000 * SIGNAL, stamp * 0 + 7, 2417 + COUNTER)
    with pytest.raises(cx.InputError, match=r"no column is named as time.*--axis time"):
        read(text)
    (trace,) = read(text, column="G", axis="time", time_unit="ms", absorbance_unit="counts")
    assert trace.time_s[[0, -1]].tolist() == pytest.approx([stamp[0] / 1e3, stamp[-1] / 1e3])


def test_a_bare_axis_that_may_be_in_wavenumbers_is_asked(read: Any) -> None:
    places = np.arange(1000.0, 3400.0, 150.0)
    names = "Time (s)," + ",".join(f"{p:g}" for p in places)
    text = table(names, TIME, *[SIGNAL + 0.01 * j for j in range(places.size)])
    with pytest.raises(cx.InputError, match="nm or cm-1"):
        read(text)
    (series,) = read(text.replace("Time (s)", "time (s) \\ wavenumber (cm-1)"))
    assert series.wavelength_nm[[0, -1]].tolist() == pytest.approx([1e7 / places[-1], 1e7 / places[0]])
    (series,) = read(text.replace("Time (s)", "time (s) \\ wavelength (nm)"))
    assert series.wavelength_nm[0] == 1000.0


def test_samples_read_at_one_moment_are_no_run(read: Any) -> None:
    names = "Date,Mode," + ",".join(f"{w:g}" for w in WAVES)
    text = table(names, [STAMPS[0]] * 3, ["Scope", "Dark", "Raw"], *[[0.1, 0.2, 0.3] for _ in WAVES])
    with pytest.raises(cx.InputError, match="all 3 spectra stand at one time"):
        read(text)
    (series,) = read("\n".join(text.split("\n")[:2]))  # the row of one spectrum is kept
    assert series.absorbance.tolist() == [[0.1] * WAVES.size]
    (series,) = read(text.replace("Scope", "Absorbance"))  # of several quantities that of the signal
    assert series.absorbance.tolist() == [[0.1] * WAVES.size]


def test_a_signal_beside_its_change_is_asked(read: Any) -> None:
    text = table("Time (s),A,dA", TIME, SIGNAL, SIGNAL * 0.01)
    with pytest.raises(cx.InputError, match="2 columns could be the signal: A, dA"):
        read(text)
    assert read(text, column=2)[0].absorbance.tolist() == SIGNAL.tolist()


def test_axis_answers_what_a_bare_first_column_is(read: Any) -> None:
    text = "\n".join(f"{w:g},{0.2 + 0.001 * w:.4f}" for w in WAVES) + "\n"
    with pytest.raises(cx.InputError, match=r"time or wavelength.*--axis time or --axis wavelength"):
        read(text)
    (series,) = read(text, axis="wavelength")
    assert (series.wavelength_nm[0], series.wavelength_nm[-1], series.absorbance[0, 0]) == (300, 350, 0.5)
    (trace,) = read(text, axis="time")
    assert (trace.time_s[0], trace.time_s[-1], trace.absorbance[0]) == (300, 350, 0.5)


def test_axis_answers_which_way_a_bare_matrix_lies(read: Any) -> None:
    names = "x," + ",".join(f"{w:g}" for w in WAVES)
    text = table(names, 200 + TIME, *[SIGNAL + 0.01 * j for j in range(WAVES.size)])
    with pytest.raises(cx.InputError, match="--axis time or wavelength"):
        read(text)
    assert read(text, axis="time")[0].absorbance.shape == (TIME.size, WAVES.size)
    assert read(text, axis="wavelength")[0].absorbance.shape == (WAVES.size, TIME.size)


def test_every_column_can_be_read_at_once(read: Any) -> None:
    text = table("Time (s),red,green,blue", TIME, SIGNAL, 2 * SIGNAL, 3 * SIGNAL)
    with pytest.raises(cx.InputError, match="--column all"):
        read(text)
    found = read(text, column="all")
    assert [trace.label for trace in found] == ["red", "green", "blue"]
    assert [trace.absorbance[0] for trace in found] == pytest.approx([k * SIGNAL[0] for k in (1, 2, 3)])


@pytest.mark.parametrize(
    "log",
    ["0\n60\n120\n", "time (min)\n0\n1\n2\n", "t/min;event\n0;scan\n0.5;LED\n1;scan\n1.5;LED\n2;scan\n"],
)
def test_times_of_spectra_stand_in_a_file_of_their_own(log: str, read: Any, tmp_path: Path) -> None:
    text = table("Wavelength (nm),one,two,three", WAVES, WAVES / 1e3, WAVES / 2e3, WAVES / 4e3)
    with pytest.raises(cx.InputError, match=r"spectra without times: one, two, three.*--times FILE"):
        read(text)
    (tmp_path / "log.txt").write_text(log)
    (series,) = read(text, times=str(tmp_path / "log.txt"))
    assert series.time_s.tolist() == [0.0, 60.0, 120.0]
    assert series.absorbance[:, 0].tolist() == [0.3, 0.15, 0.075]


def test_a_log_of_another_length_is_refused(read: Any, tmp_path: Path) -> None:
    (tmp_path / "log.txt").write_text("time (s)\n0\n1\n")
    text = table("Wavelength (nm),one,two,three", WAVES, WAVES, WAVES, WAVES)
    with pytest.raises(cx.InputError, match=r"log\.txt.*2 times for 3 spectra"):
        read(text, times=str(tmp_path / "log.txt"))


def bare_spectra(folder: Path, names: Sequence[str]) -> None:
    folder.mkdir()
    for k, name in enumerate(names):
        rows = [f"{w:g};{(0.2 + 0.001 * w) / (k + 1):.5f}" for w in WAVES]
        (folder / name).write_text("\n".join(rows) + "\n")


def test_a_folder_of_bare_spectra_named_by_time_is_a_run(tmp_path: Path) -> None:
    bare_spectra(tmp_path / "run", ["a 0 s.csv", "a 5 s.csv", "a 10 s.csv"])
    series = cx.load(tmp_path / "run")
    assert series.time_s.tolist() == [0.0, 5.0, 10.0]
    assert (series.wavelength_nm[0], series.wavelength_nm[-1]) == (300.0, 350.0)
    assert series.absorbance[:, 0].tolist() == pytest.approx([0.5, 0.25, 0.16667])


def test_times_of_the_files_of_a_folder_stand_in_a_log(tmp_path: Path) -> None:
    bare_spectra(tmp_path / "run", ["a_x.csv", "b_x.csv", "c_x.csv"])
    with pytest.raises(cx.InputError, match=r"no time in the name.*--times"):
        cx.load(tmp_path / "run")
    (tmp_path / "log.csv").write_text("file,time (min)\na,0\nb,2\nc,4\n")
    assert cx.load(tmp_path / "run", times=tmp_path / "log.csv").time_s.tolist() == [0.0, 120.0, 240.0]


def test_a_column_named_t_in_units_of_absorbance_is_the_signal(tmp_path: Path) -> None:
    path = tmp_path / "run.csv"
    path.write_text("time (s),T (AU)\n" + "".join(f"{i},{0.9 - 0.01 * i:.3f}\n" for i in range(20)))
    trace = cx.load(path)
    assert trace.unit == "AU"
    assert trace.absorbance[0] == 0.9


def test_a_lone_column_named_t_is_asked_for_and_then_taken(tmp_path: Path) -> None:
    t = np.arange(0.0, 60.0, 2.0)
    left = 0.9 * np.exp(-0.05 * t) + 0.1
    path = tmp_path / "run.csv"
    path.write_text("time (s),T\n" + "".join(f"{a:g},{10**-b:.9f}\n" for a, b in zip(t, left, strict=True)))
    with pytest.raises(cx.InputError, match=r"'T', a transmittance or a temperature; .*--absorbance-unit"):
        cx.load(path)
    # named, it is not taken for an absorbance either
    with pytest.raises(cx.InputError, match=r"column 'T': 'T' may be a transmittance, an abs"):
        cx.load(path, column="T")
    as_it_is = cx.load(path, column="T", absorbance_unit="abs")
    np.testing.assert_allclose(as_it_is.absorbance, 10**-left, atol=1e-8)
    trace = cx.load(path, absorbance_unit="fractionT")
    assert any("transmittance" in remark.text for remark in trace.remarks)
    np.testing.assert_allclose(trace.absorbance, left, atol=1e-7)
