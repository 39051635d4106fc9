"""Whose elements a dose table and a result are of: refusals, names of bases, labels of own systems."""

import json
import re
from pathlib import Path

import matplotlib

matplotlib.use("Agg")

import pytest
from matplotlib import pyplot as plt
from matplotlib.text import Text

import cxkinetics as cx
from cxkinetics.cli.main import main
from cxkinetics.composition.figures import plot_incorporation
from cxkinetics.composition.reader import guest_in
from cxkinetics.signals.basis import basis_kind, convert_basis

DOSES = (0, 25, 50, 75, 90, 100, 110, 120, 135, 150, 175)
TAKEN = (0, 2.6, 5.1, 8.0, 9.7, 12.1, 20.2, 28.3, 40.4, 40.1, 40.3)
INDIUM = """
name = "cd-inp"
host = "In37P20"
guest = "Cd"
product = "Cd3P2"
max_guests = 2
"""


def write(path: Path, header: str) -> Path:
    path.write_text("\n".join([header, *(f"{d},{y}" for d, y in zip(DOSES, TAKEN, strict=True))]))
    return path


@pytest.fixture
def indium(tmp_path: Path) -> Path:
    path = tmp_path / "cd-inp.toml"
    path.write_text(INDIUM)
    return path


@pytest.mark.parametrize(
    "header",
    [
        "Cu added (mol %),Cu incorporated (mol %)",
        "dose (%),Cu/(Cu+Cd) (%)",
        "copper added (%),found (%)",
        "Cu(I) added per Cd (%),incorporated (%)",
    ],
)
def test_a_table_of_another_guest_is_refused_everywhere(header: str, tmp_path: Path) -> None:
    table = cx.load_dose_table(write(tmp_path / "icp.csv", header))
    assert table.guest == "Cu"
    for use in (
        lambda: cx.fit_incorporation(table),
        lambda: cx.predict(dose_percent=50, table=table),
        lambda: cx.dose_for("Ag2S", table=table),
        lambda: cx.update_priors(table=table, n_draws=200),
        lambda: cx.species_curves(table=table),
    ):
        with pytest.raises(cx.InputError) as caught:
            use()
        text = str(caught.value)
        assert "icp.csv: the guest of the table is Cu, that of the system ag-cds (Ag into Cd34S33)" in text
        assert text.endswith("pass --system cu-cds (system='cu-cds')")
    fit = cx.fit_incorporation(table, system="cu-cds")
    assert fit.basis == "Cu/(Cu+Cd)"
    assert cx.predict(dose_percent=50, table=fit, system="cu-cds").source["basis"] == "Cu/(Cu+Cd)"
    with pytest.raises(cx.InputError, match="guest of the table is Cu"):
        cx.predict(dose_percent=50, table=fit)


def test_the_command_refuses_in_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write(tmp_path / "icp.csv", "Cu added (mol %),Cu incorporated (mol %)")
    for words in (["incorporation", str(path)], ["predict", "--dose", "50", "--table", str(path)]):
        assert main(words) == 1
        captured = capsys.readouterr()
        assert captured.out == ""
        assert captured.err.count("\n") == 1
        assert "is Cu, that of the system ag-cds" in captured.err


def test_another_host_and_two_guests_are_refused(tmp_path: Path) -> None:
    zinc = cx.load_dose_table(write(tmp_path / "zn.csv", "dose (%),Ag/(Ag+Zn) (%)"))
    assert zinc.basis == "Ag/(Ag+Zn)"
    with pytest.raises(cx.InputError, match=r"basis of the table is Ag/\(Ag\+Zn\), .* is Ag/\(Ag\+Cd\)"):
        cx.fit_incorporation(zinc)
    with pytest.raises(cx.InputError, match=r"'Ag added .*' is of Ag, column 'Cu found .*' of Cu"):
        cx.load_dose_table(write(tmp_path / "two.csv", "Ag added (%),Cu found (%)"))


@pytest.mark.parametrize(
    ("header", "guest"),
    [
        ("dose per Cd (%)", ""),
        ("dose (mol Ag / mol Cd)", "Ag"),
        ("dose / mol Ag per mol Cd", "Ag"),
        ("dose (mol/mol Cd)", ""),
        ("Ag added, % of Cd", "Ag"),
        ("In solid (%)", ""),
        ("In added (%)", "In"),
        ("Cd exchanged (%)", ""),
        ("Ag in CdS by ICP (%)", "Ag"),
        ("CdS: silver dose (%)", "Ag"),
        ("AgNO3 dose (%)", "Ag"),
        ("No. of equivalents", ""),
        ("Content (at. %)", ""),
    ],
)
def test_the_guest_is_what_is_added_not_what_it_is_divided_by(header: str, guest: str) -> None:
    assert guest_in(header) == guest


def test_every_name_of_a_basis_is_one_of_three_kinds() -> None:
    assert basis_kind("Cd / (In + Cd)") == basis_kind("guest/(guest+host)") == "Ag/(Ag+Cd)"
    assert [basis_kind(b) for b in ("Cd/In", "Cd/P", "Ag/Se")] == ["Ag/Cd", "Ag/S", "Ag/S"]
    with pytest.raises(cx.UsageError, match=r"basis is 'Ag/\(Cu"):
        basis_kind("Ag/(Cu+Cd)")
    assert convert_basis([40.4], "Cd/(Cd+In)", "Cd/In") == pytest.approx([67.7852], abs=1e-4)
    assert cx.predict(dose_percent=50, basis="guest/host", n_draws=200).source["basis"] == "Ag/Cd"
    with pytest.raises(cx.UsageError, match=r"use one of Ag/\(Ag\+Cd\), Ag/Cd, Ag/S"):
        cx.predict(dose_percent=50, basis="Cu/Cd")


@pytest.mark.parametrize("header", ["dose (%),found (%)", "Cd added (mol %),Cd/(Cd+In) (%)"])
def test_an_own_system_speaks_of_its_own_elements(header: str, tmp_path: Path, indium: Path) -> None:
    table = cx.load_dose_table(write(tmp_path / "icp.csv", header))
    fit = cx.fit_incorporation(table, system=indium)
    assert fit.basis == fit.to_dict()["basis"] == fit.to_dict()["options"]["basis"] == "Cd/(Cd+In)"
    again = cx.IncorporationFit.from_json(fit.to_json())
    assert again == fit
    assert again.system.guest == "Cd"
    ax = plot_incorporation(again)  # the band needs the system itself, not its name
    assert ax.get_ylabel() == "incorporation / % Cd/(Cd+In)"
    plt.close("all")
    advice = cx.dose_for("Cd3P2", table=table, system=indium, n_draws=300)
    prediction = cx.predict(dose_percent=50, table=fit, system=indium, n_draws=300)
    curves = cx.species_curves(table=fit, system=indium, n_draws=300)
    assert advice.source["basis"] == prediction.source["basis"] == curves.basis == "Cd/(Cd+In)"
    update = cx.update_priors(table=table, system=indium, published_curve=False, n_draws=200)
    assert update.to_dict()["basis"] == "Cd/(Cd+In)"
    for shown in (str(fit), str(advice), str(prediction), advice.to_json(), prediction.to_json()):
        assert "Ag" not in shown
        assert "CdS" not in shown


def test_a_basis_with_own_elements_is_read_by_the_command(
    tmp_path: Path, indium: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write(tmp_path / "icp.csv", "Cd added (mol %),Cd incorporated (mol %)")
    own = ["--system", str(indium), "--json"]
    assert main(["incorporation", str(path), *own, "--to-basis", "Cd/In"]) == 0
    converted = json.loads(capsys.readouterr().out)
    assert converted["basis"] == "Cd/In"
    assert converted["plateau_percent"]["value"] == pytest.approx(100 * 0.403 / 0.597, rel=0.02)
    assert main(["incorporation", str(path), *own, "--basis", "Ag/Cd"]) == 0
    assert json.loads(capsys.readouterr().out)["basis"] == "Cd/In"
    with pytest.raises(SystemExit) as stopped:
        main(["incorporation", str(path), *own, "--basis", "percent"])
    assert stopped.value.code == 2


def test_a_stored_table_keeps_its_guest_and_basis(tmp_path: Path) -> None:
    table = cx.load_dose_table(write(tmp_path / "icp.csv", "Cu added (%),Cu/Cd (%)"))
    assert (table.guest, table.basis) == ("Cu", "Cu/Cd")
    table.to_csv(tmp_path / "kept.csv")
    assert cx.load_dose_table(tmp_path / "kept.csv") == table
    older = json.loads(table.to_json())
    del older["guest"]
    assert cx.DoseTable.from_json(json.dumps(older)) == table


def test_without_a_largest_number_of_guests_only_what_needs_it_is_refused(
    tmp_path: Path, indium: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write(tmp_path / "icp.csv", "Cd added (mol %),Cd incorporated (mol %)")
    table = cx.load_dose_table(path)
    indium.write_text(INDIUM.replace("max_guests = 2\n", ""))
    assert cx.load_system(indium).max_guests is None
    fit = cx.fit_incorporation(table, system=indium)
    assert fit.avalanche_dose_percent.value == pytest.approx(98, abs=4)
    for use in (
        lambda: cx.dose_for("Cd3P2", table=table, system=indium, n_draws=200),
        lambda: cx.predict(dose_percent=50, table=table, system=indium, n_draws=200),
        lambda: cx.species_curves(table=fit, system=indium, n_draws=200),
        lambda: cx.update_priors(table=table, system=indium, published_curve=False, n_draws=200),
        lambda: cx.fit_binding(table, system=indium),
    ):
        with pytest.raises(cx.InputError, match=r"cd-inp states no largest number of Cd.*add max_guests = N"):
            use()
    assert main(["predict", "--dose", "50", "--table", str(path), "--system", str(indium)]) == 1
    assert "add max_guests = N to its file" in capsys.readouterr().err


def test_the_earlier_name_of_the_largest_number_is_read_with_a_remark(tmp_path: Path, indium: Path) -> None:
    table = cx.load_dose_table(write(tmp_path / "icp.csv", "Cd added (%),Cd found (%)"))
    indium.write_text(INDIUM.replace("max_guests = 2", "max_dopants = 3"))
    stated = cx.predict(dose_percent=50, table=table, system=indium, n_draws=200)
    assert (stated.source["max_guests"], stated.source["assumed"]) == (3, [])
    assert "largest number of guests: 3 Cd per cluster\n" in str(stated)
    text = "max_dopants = 3 is read as max_guests, its name today"
    assert text in [remark.text for remark in stated.warnings]
    old = cx.System(host="Cd34S33", guest="Cu", product="CuS", max_dopants=2)
    assert old == cx.System(host="Cd34S33", guest="Cu", product="CuS", max_guests=2)
    assert cx.System.from_dict({**old.to_dict(), "max_guests": None, "max_dopants": 2}).max_guests == 2
    assert cx.System.from_dict(old.to_dict()).remarks == ()
    with pytest.raises(cx.InputError, match="max_dopants is its earlier name"):
        cx.System(host="Cd34S33", guest="Cu", product="CuS", max_guests=2, max_dopants=3)


@pytest.mark.parametrize("basis", ["Cd/(Cd+In)", "Cd/In", "Cd/P"])
def test_no_form_of_a_result_speaks_of_other_elements(basis: str, indium: Path) -> None:
    table = cx.DoseTable(dose_percent=DOSES, incorporation_percent=TAKEN, basis=basis)
    fit = cx.fit_incorporation(table, system=indium)
    results = {
        "curve": fit,
        "prediction": cx.predict(dose_percent=50, table=fit, system=indium, n_draws=200),
        "dose": cx.dose_for("Cd2In35P20", table=fit, system=indium, n_draws=200),
        "shares": cx.species_curves(table=fit, system=indium, n_draws=200),
        "update": cx.update_priors(table=table, system=indium, published_curve=False, n_draws=200),
    }
    for name, result in results.items():
        drawn = result.plot()
        words = [text.get_text() for text in getattr(drawn, "figure", drawn).findobj(Text)]
        for form in (str(result), result.to_json(), result._repr_html_(), " ".join(words)):
            assert not re.search(r"\bAg|[Ss]ilver|Cd34|CdS\b|ulfide", form), name
    plt.close("all")
