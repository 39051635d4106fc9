"""Dose tables: columns by their names, units, bases, ranges, and what is impossible."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import cxkinetics as cx

ROWS = [(0, 0), (25, 2.5), (50, 5), (75, 8), (100, 12.1), (135, 40.4), (175, 40.2)]
DOSES, TAKEN = [float(d) for d, _ in ROWS], [float(y) for _, y in ROWS]


def table(path: Path, header: str, row: Callable[[float, float], str]) -> Path:
    path.write_text("\n".join([header, *(row(d, y) for d, y in ROWS)]).lstrip())
    return path


def comma(value: float) -> str:
    return f"{value:g}".replace(".", ",")


DRESSES: dict[str, tuple[str, Callable[[float, float], str]]] = {
    "percent": ("Ag added (mol %),Ag incorporated (mol %)", lambda d, y: f"{d},{y}"),
    "no header": ("", lambda d, y: f"{d},{y}"),
    "no unit": ("dose,incorporation", lambda d, y: f"{d},{y}"),
    "no unit, fractions": ("dose,incorporation", lambda d, y: f"{d / 100},{y / 100}"),
    "equivalents": ("Ag added (eq.),ICP Ag (%)", lambda d, y: f"{d / 100},{y}"),
    "German": ("Ag-Zugabe (Mol-%);Ag eingebaut (Mol-%)", lambda d, y: f"{comma(d)};{comma(y)}"),
    "French": ("Ag ajouté (%);Ag incorporé (%)", lambda d, y: f"{comma(d)};{comma(y)}"),
    "columns swapped": ("incorporated (%),added (%)", lambda d, y: f"{y},{d}"),
    "sample names": ("sample,Ag added (%),found (%)", lambda d, y: f"S{d},{d},{y}"),
    "other guest": ("Cu added (mol %),Cu incorporated (mol %)", lambda d, y: f"{d},{y}"),
    "a column more": ("Ag added (%),Ag incorporated (%),Cd (%)", lambda d, y: f"{d},{y},{100 - y}"),
    "one of each": ("Ag added (%),Ag incorporated (mol/mol)", lambda d, y: f"{d},{y / 100}"),
}


@pytest.mark.parametrize("dress", DRESSES)
def test_the_same_table_in_any_dress(dress: str, tmp_path: Path) -> None:
    found = cx.load_dose_table(table(tmp_path / "icp.csv", *DRESSES[dress]))
    assert np.allclose(found.dose_percent, DOSES)
    assert np.allclose(found.incorporation_percent, TAKEN)
    assert found.basis == ("Cu/(Cu+host)" if dress == "other guest" else "Ag/(Ag+Cd)")
    codes = {remark.code for remark in found.remarks}
    assert ("dose_unit_assumed" in codes) == (dress.startswith("no "))


@pytest.mark.parametrize(
    ("header", "basis"),
    [
        ("Ag/(Ag+Cd) (%)", "Ag/(Ag+Cd)"),
        ("Ag/Cd in solid (%)", "Ag/Cd"),
        ("Cu/S (%)", "Cu/S"),
        ("Ag/(Cd+Ag) (%)", "Ag/(Ag+Cd)"),
    ],
)
def test_the_basis_is_read_from_the_header_or_given(header: str, basis: str, tmp_path: Path) -> None:
    path = table(tmp_path / "icp.csv", f"dose (%),{header}", lambda d, y: f"{d},{y}")
    assert cx.load_dose_table(path).basis == basis
    assert cx.load_dose_table(path, basis="Ag/S").basis == "Ag/S"
    with pytest.raises(cx.UsageError, match="basis is 'Ag'"):
        cx.load_dose_table(path, basis="Ag")


def test_ranges_and_bounds_of_a_dose(tmp_path: Path) -> None:
    path = tmp_path / "icp.csv"
    path.write_text("Ag added (%),Ag incorporated (%)\n0,0\n36-75,4.0\n75,8.0 ± 0.3\n100,12.1 ± 0.4\n")
    ranged = cx.load_dose_table(path)
    assert np.isnan(ranged.dose_percent[1])
    assert (ranged.dose_low_percent[1], ranged.dose_high_percent[1]) == (36.0, 75.0)
    path.write_text("dose low (%),dose high (%),incorporation (%)\n0,0,0\n36,75,4.0\n75,75,8.0\n")
    bounded = cx.load_dose_table(path)
    assert bounded.dose_percent.tolist()[2] == 75.0
    assert np.isnan(bounded.dose_percent[1])


def test_a_unit_given_overrides_the_header(tmp_path: Path) -> None:
    path = table(tmp_path / "icp.csv", "dose (%),incorporation (%)", lambda d, y: f"{d / 100},{y / 100}")
    with pytest.raises(
        cx.InputError,
        match=r"column 'dose \(%\)'.*only 1\.75 %: are these fractions.*--dose-unit fraction",
    ):
        cx.load_dose_table(path)
    assert cx.load_dose_table(path, dose_unit="percent").dose_percent[-1] == DOSES[-1] / 100
    given = cx.load_dose_table(path, dose_unit="fraction")
    assert np.allclose(given.dose_percent, DOSES)
    assert np.allclose(given.incorporation_percent, TAKEN)


def test_fractions_of_incorporation_under_a_percent_header_are_asked(tmp_path: Path) -> None:
    path = table(tmp_path / "icp.csv", "dose (%),incorporation (%)", lambda d, y: f"{d},{y / 100}")
    with pytest.raises(cx.InputError, match=r"the incorporation reaches only.*are these fractions"):
        cx.load_dose_table(path)
    given = cx.load_dose_table(path, incorporation_unit="fraction")
    assert np.allclose(given.incorporation_percent, TAKEN)
    assert cx.load_dose_table(path, dose_unit="percent").incorporation_percent[-1] == TAKEN[-1] / 100


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Ag added (%),Ag incorporated (%)\n-10,0\n5,1\n", "line 2, column 'Ag added (%)': -10 %"),
        ("Ag added (%),Ag incorporated (%)\n5,-1\n10,2\n", "-1 %: it cannot be negative"),
        ("Ag added (%),Ag incorporated (%)\n5,1\n10,lost\n", "line 3, column 'Ag incorporated (%)': 'lost'"),
        ("Ag added (µmol),Ag incorporated (%)\n5,1\n10,2\n", "given in µmol, an amount"),
        ("time (s),absorbance\n0,1\n1,0.5\n", "columns of dose and incorporation cannot be told"),
        ("time (s),absorbance\n0,1\n1,0.5\n", "is no dose table: use cxkinetics fit"),
        (
            "x (%),y (%),z (%)\n0,1,2\n1,5,3\n",
            "'Ag incorporated (mol %)'; else choose them with --dose-column",
        ),
        (
            "Ag added (%),Ag incorporated (%)\n5,150\n10,200\n",
            "150 %: an incorporation on Ag/(Ag+Cd) cannot pass",
        ),
        ("Ag added (%),Ag incorporated (%)\n5,\n10,n.d.\n", "no row holds both"),
    ],
)
def test_what_cannot_be_is_refused(text: str, words: str, tmp_path: Path) -> None:
    path = tmp_path / "icp.csv"
    path.write_text(text)
    with pytest.raises(cx.InputError) as caught:
        cx.load_dose_table(path)
    assert words in str(caught.value)


def test_mass_balance_is_remarked_on_every_basis(tmp_path: Path) -> None:
    path = tmp_path / "icp.csv"
    path.write_text("Ag added (%),Ag incorporated (%)\n10,12\n100,30\n")
    for basis in ("Ag/(Ag+Cd)", "Ag/Cd", "Ag/S"):
        table = cx.load_dose_table(path, basis=basis)
        (remark,) = [r for r in table.remarks if r.code == "mass_balance"]
        assert (remark.count, remark.rows) == (1, (2,))


def test_columns_by_name_and_number(tmp_path: Path) -> None:
    path = table(tmp_path / "icp.csv", "x (%),y (%),z (%)", lambda d, y: f"{y},{d},{d}")
    with pytest.raises(cx.InputError, match="dose_column="):
        cx.load_dose_table(path)
    chosen = cx.load_dose_table(path, dose_column="z (%)", incorporation_column=1)
    assert np.allclose(chosen.incorporation_percent, TAKEN)


@pytest.mark.parametrize(
    "header",
    [
        "Ag added (%),Ag found 1 (%),Ag found 2 (%)",
        "Ag added (%),Ag found (%),Ag found (%)",
        "Ag added (%),ICP Ag (%),ICP Ag (%) repeat",
    ],
)
def test_a_second_column_of_the_same_quantity_holds_replicates(header: str, tmp_path: Path) -> None:
    path = tmp_path / "icp.csv"
    path.write_text(f"{header}\n0,0,0\n50,5,5.4\n75,8,\n100,,12.5\n")
    found = cx.load_dose_table(path)
    assert found.dose_percent.tolist() == [0, 0, 50, 50, 75, 100]
    assert found.incorporation_percent.tolist() == [0, 0, 5, 5.4, 8, 12.5]
    assert {"replicate_columns"} == {r.code for r in found.remarks} - {"basis_assumed"}
    second = cx.load_dose_table(path, incorporation_column=3)
    assert second.incorporation_percent.tolist() == [0, 5.4, 12.5]


def test_replicates_keep_their_own_uncertainties_and_are_refused_by_their_own_names(tmp_path: Path) -> None:
    path = tmp_path / "icp.csv"
    path.write_text("Ag added (%),ICP 1 (%),sd 1,ICP 2 (%),sd 2\n25,2.5,0.1,2.6,0.2\n50,5,0.3,5.1,0.4\n")
    assert cx.load_dose_table(path).sigma_percent.tolist() == [0.1, 0.2, 0.3, 0.4]
    path.write_text("Ag added (%),ICP 1 (%),ICP 2 (%)\n25,2.5,2.6\n50,5,-5.1\n")
    with pytest.raises(cx.InputError, match=r"line 3, column 'ICP 2 \(%\)'.*-5\.1 %"):
        cx.load_dose_table(path)


@pytest.mark.parametrize(
    ("header", "used"),
    [
        ("Ag added (%),Ag found (%),Cd found (%)", "'Ag found (%)' is taken as incorporation"),
        ("Ag added (%),Ag found (%),Ag found mean (%)", "--incorporation-column"),
        ("Ag added (%),Ag incorporated (%),nominal dose (%)", "--dose-column"),
        ("Ag added (%),Ag (mg/L),Cd (mg/L),Ag (mg/L) run 2", "'Ag (mg/L) run 2' left out"),
    ],
)
def test_a_column_left_out_is_named_with_the_way_to_choose_it(header: str, used: str, tmp_path: Path) -> None:
    path = tmp_path / "icp.csv"
    cells = header.count(",") - 1
    path.write_text(f"{header}\n" + "".join(f"{d},{d / 9}{',50' * cells}\n" for d in (10, 50, 90)))
    (remark,) = [r for r in cx.load_dose_table(path).remarks if r.code == "columns_left_out"]
    assert used in remark.text


def test_a_dose_table_read_as_a_trace_names_the_command_for_it(tmp_path: Path) -> None:
    path = table(tmp_path / "icp.csv", "Ag added (mol %),Ag incorporated (mol %)", lambda d, y: f"{d},{y}")
    with pytest.raises(cx.InputError, match=r"no column is named as time.*use cxkinetics incorporation"):
        cx.load(path)


def test_a_column_of_no_possible_number_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "dose.csv"
    file.write_text("a,b\n1,2\n3,4\n5,6\n")
    with pytest.raises(cx.InputError, match="there is no column"):
        cx.load_dose_table(file, incorporation_column="9" * 5000)


def test_doses_a_thousandfold_too_small_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "ul.csv"
    file.write_text("uL Ag stock,ICP Ag (mol %)\n100,2\n200,4\n300,12\n400,30\n500,50\n")
    with pytest.raises(cx.InputError, match="a unit is off"):
        cx.load_dose_table(file, host_umol=20, stock_mmol_per_l=0.01)
    assert len(cx.load_dose_table(file, host_umol=20, stock_mmol_per_l=10).dose_percent) == 5


def rows(header: str, *columns: int) -> str:
    cells = [
        (5, 1.0, 1.2, 0.1, 0.2),
        (10, 2.0, 2.1, 0.1, 0.2),
        (20, 4.0, 3.9, 0.1, 0.2),
        (40, 8.0, 8.2, 0.1, 0.2),
    ]
    return "\n".join([header, *(",".join(f"{row[j]:g}" for j in columns) for row in cells)])


@pytest.mark.parametrize("pair", ["1 h/24 h", "25 C/60 C", "pH7/pH9", "after 5/after 60", "day 1/day 2"])
def test_columns_of_other_conditions_are_no_replicates(pair: str, tmp_path: Path) -> None:
    file = tmp_path / "t.csv"
    one, other = pair.split("/")
    file.write_text(rows(f"Ag added (%),Ag found {one} (%),Ag found {other} (%)", 0, 1, 2))
    table = cx.load_dose_table(file)
    assert table.incorporation_percent.tolist() == [1, 2, 4, 8]
    assert "columns_left_out" in {remark.code for remark in table.remarks}


def test_percentages_beside_a_volume_stay_percentages(tmp_path: Path) -> None:
    file = tmp_path / "t.csv"
    file.write_text(rows("Ag added (mol %) in 5 mL,Ag found (%)", 0, 1))
    assert cx.load_dose_table(file, host_umol=10, stock_mmol_per_l=20).dose_percent.tolist() == [
        5,
        10,
        20,
        40,
    ]


def test_deviations_belong_to_the_replicate_of_their_number(tmp_path: Path) -> None:
    file = tmp_path / "t.csv"
    header = "Ag added (%),Ag found 1 (%),Ag found 2 (%),sd 2 (%),sd 1 (%)"
    file.write_text(rows(header, 0, 1, 2, 4, 3))
    table = cx.load_dose_table(file)
    first = np.isin(table.incorporation_percent, [1, 2, 4, 8])
    assert np.unique(table.sigma_percent[first]).tolist() == [0.1]
    assert np.unique(table.sigma_percent[~first]).tolist() == [0.2]
