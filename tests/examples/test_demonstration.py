"""The demonstration recovers its own truth, says that it is simulated, and never eats a folder."""

import json
import re
from pathlib import Path

import pytest

from cxkinetics.cli.demo_page import comparison_table
from cxkinetics.cli.main import main
from cxkinetics.estimate import Estimate
from cxkinetics.examples.kinetics import Comparison, DemoTrace, demonstrate_trace, tally
from tests.conftest import Demonstrated

TRUTH = {
    "ag-cds": {"k, stage 1": 0.056, "k, stage 2": 0.019, "breakpoint": 20.0, "k1/k2": 0.056 / 0.019},
    "cu-cds": {"k, stage 1": 0.15, "k, stage 2": 0.011, "breakpoint": 10.0, "k1/k2": 0.15 / 0.011},
}


@pytest.fixture(scope="module", params=list(TRUTH))
def demo(request: pytest.FixtureRequest) -> DemoTrace:
    return demonstrate_trace(request.param)


def test_published_constants_lie_inside_the_intervals(demo: DemoTrace) -> None:
    rows = {row.quantity: row for row in demo.comparisons}
    for quantity, truth in TRUTH[demo.name].items():
        found = rows[quantity].found
        assert found.low is not None
        assert found.high is not None
        assert found.low <= truth <= found.high, quantity
        assert rows[quantity].published == pytest.approx(truth, abs=5e-5)
        assert found.value == pytest.approx(truth, rel=0.02)


def test_both_witnesses_see_the_same_breakpoint(demo: DemoTrace) -> None:
    rate, shift = demo.fit.breakpoints_s[0], demo.shift.ends_s
    assert rate.low is not None
    assert rate.high is not None
    assert shift.low is not None
    assert shift.high is not None
    assert max(rate.low, shift.low) <= min(rate.high, shift.high)


def test_the_verdict_is_two_stages_from_simulated_data(demo: DemoTrace) -> None:
    assert demo.fit.verdict.code == "two_stages"
    assert demo.fit.trace.source.simulated


def test_a_comparison_counts_pieces_and_missing_intervals() -> None:
    split = Estimate(
        name="b", value=5.0, low=1.0, high=9.0, unit="s", method="profile", pieces=((1, 2), (8, 9))
    )
    assert not Comparison(quantity="b", published=5.0, found=split).inside
    assert Comparison(quantity="b", published=8.5, found=split).inside
    bare = Comparison(quantity="b", published=5.5, found=Estimate(name="b", value=5.0, unit="s"))
    assert bare.inside is None
    assert bare.difference == -0.5
    both = comparison_table([bare, Comparison(quantity="b", published=8.5, found=split)]).grid()
    assert both.rows[0] == ("b", "5.5", "5", "s", "-0.5", "-")
    alone = comparison_table([bare]).grid()  # a column of dashes alone says nothing
    assert alone.rows[0] == ("b", "5.5", "5", "s", "-0.5")
    assert "inside" not in str(alone)


def measured(published: float, value: float, printed: str = "") -> Comparison:
    found = Estimate(name="q", value=value, low=value - 50, high=value + 50)
    return Comparison(quantity="q", published=published, found=found, printed=printed, kind="measured")


def test_agreement_is_rounding_to_the_printed_digits_and_can_fail() -> None:
    assert measured(0.11, 0.1067).agrees
    assert measured(0.83, 0.8086).agrees is False
    assert measured(7.5, 7.58).agrees is False
    assert measured(135.0, 134.75, "135").agrees
    assert measured(135.0, 134.4, "135").agrees is False
    assert measured(40.4, 40.2, "about 40").agrees
    assert all(row.inside for row in (measured(0.83, 0.8086), measured(7.5, 7.58)))  # which says nothing
    assert [
        row[-1] for row in comparison_table([measured(0.11, 0.1067), measured(0.83, 0.8086)]).grid().rows
    ] == [
        "yes",
        "no",
    ]


def test_what_was_put_in_or_assumed_is_no_agreement(demo: DemoTrace) -> None:
    counts = tally((demo.title, row) for row in demo.comparisons)
    assumed = ("Cu into CdS absorbance at 0 s", "Cu into CdS peak shift ends")
    assert counts.assumed == (assumed if demo.name == "cu-cds" else ())
    followed = 4 if demo.name == "ag-cds" else 0
    assert (counts.measured, counts.followed) == (0, followed)
    assert counts.simulated == len(demo.comparisons) - len(counts.assumed) - followed
    assert "Agreement" not in str(counts)
    shown = {row[0]: row[1] for row in comparison_table(demo.comparisons).rows}
    assert shown["absorbance at 0 s"] == ("0.9 (assumed)" if demo.name == "cu-cds" else "0.9")


def test_what_was_not_put_in_is_compared_and_can_miss() -> None:
    demo = demonstrate_trace("ag-cds")
    rows = {row.quantity: row for row in demo.comparisons if row.kind == "followed"}
    # by 0.9, 0.056 and 0.019: 0.9 exp(-1.12) = 0.294 and 0.294 exp(-1.52) = 0.064
    assert rows["absorbance at 20 s"].found.value == pytest.approx(0.294, abs=0.002)
    assert rows["absorbance at 100 s"].found.value == pytest.approx(0.0642, abs=0.002)
    assert [row.published for row in rows.values()] == [0.3, 0.07, 0.966, 0.986]
    assert {name: row.agrees for name, row in rows.items()} == {
        "absorbance at 20 s": True,
        "absorbance at 100 s": False,
        "R2 of ln A, stage 1": False,
        "R2 of ln A, stage 2": False,
    }
    counts = tally((demo.title, row) for row in demo.comparisons)
    assert (counts.met, counts.followed, len(counts.unmet)) == (1, 4, 3)
    assert "1 of 4 come out with the digits it prints (not: absorbance at 100 s; R2" in str(counts)
    table = comparison_table(demo.comparisons)
    assert table.columns[-1].head == "inside / same digits"
    assert table.note.count("R2 of lines in ln A") == 1


def test_the_command_writes_a_whole_folder_and_says_what_it_found(
    demonstrated: Demonstrated, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = demonstrated.folder / "cxkinetics-demo"
    record = json.loads(demonstrated.document)
    assert record["simulated"] is True
    put_in = [row for row in record["comparisons"]["ag-cds"] if row["kind"] == "simulated"]
    assert all(row["inside_interval"] for row in put_in)
    assert [advice["target"] for advice in record["doses"]] == ["AgCd33S33", "Ag2Cd32S33", "Ag2S"]
    assert json.loads((folder / "demo.json").read_text()) == record
    assert record["tally"]["measured"] == {"agree": 4, "of": 6, "missed": ["slope, stage 2", "slope ratio"]}
    assert record["tally"]["followed"]["agree"] == 1
    assert record["tally"]["simulated"] == {"recovered": 14, "of": 14}
    assert len(record["tally"]["assumed"]) == 2
    html = (folder / "report.html").read_text()
    assert "4 of 6 numbers from its measured dose table round to the digits" in html
    assert "no agreement with the paper" in html
    assert html.count("imulated data") > 3
    assert (folder / "data" / "ag-cds-simulated.csv").exists()
    assert (folder / "cu-cds" / "fit.json").exists()
    assert {"dose-curve.png", "species.svg"} <= {path.name for path in folder.iterdir()}

    assert main(["fit", str(folder / "data" / "ag-cds-simulated.csv"), "--track", "324", "--seed", "1"]) == 0
    shown = capsys.readouterr().out
    assert "SIMULATED" in shown
    assert "0.05595" in shown or "0.05594" in shown
    written = (folder / "ag-cds" / "report.html").read_text()
    (path,) = re.findall(r"cxkinetics fit (\S+) ", written)
    assert (folder / "ag-cds" / path).is_file()


def test_a_folder_with_something_else_in_it_is_left_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    assert main(["demo", "--out", str(tmp_path)]) == 2
    assert "no earlier result" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]
