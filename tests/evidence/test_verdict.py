"""Joining techniques: Table I, its disagreements, and the rules on simple cases."""

import pytest

from cxkinetics.errors import InputError
from cxkinetics.estimate import Estimate
from cxkinetics.evidence.examples import published_contradictions, published_table
from cxkinetics.evidence.findings import Consensus, Finding, SampleEvidence, join

TABLE_I = {  # incorporation -> MALDI-TOF, XRD, XPS
    "0 %": ("CdS", "CdS", "CdS"),
    "3.2 %": ("CdS", "CdS", "CdS"),
    "4.0 %": ("CdS", "CdS", "CdS"),
    "8.0 %": ("CdS + Ag2S",) * 3,
    "12.1 %": ("CdS + Ag2S",) * 3,
    "28.3 %": ("Ag2S", "CdS + Ag2S", "CdS + Ag2S"),
    "40.4 %": ("Ag2S", "Ag2S", "Ag2S"),
}


def sample(*findings: Finding, percent: float | None = 8.0) -> Consensus:
    return join([SampleEvidence(label="s", incorporation_percent=percent, findings=findings)])


def says(technique: str, state: str, species: str = "Ag2S", **more: object) -> Finding:
    return Finding(technique=technique, species=species, state=state, **more)


def test_table_i_comes_out_with_its_onset_and_its_disagreement() -> None:
    table = published_table()
    cells = {s.label: tuple(s.cell(t) for t in ("MALDI-TOF", "XRD", "XPS")) for s in table.samples}
    assert cells == TABLE_I
    assert [s.text for s in table.samples] == ["CdS"] * 3 + ["CdS + Ag2S"] * 3 + ["Ag2S"]
    assert table.onset_percent == (4.0, 8.0)
    assert table.disagreements == (
        ("28.3 %", "MALDI-TOF does not see CdS but XRD and XPS do: clusters fragment, so that is no veto"),
    )
    assert Consensus.from_dict(table.to_dict()) == table


@pytest.mark.parametrize(
    ("findings", "state", "words"),
    [
        ([says("XRD", "present"), says("XPS", "undecided")], "present", ""),
        ([says("XRD", "absent"), says("XPS", "absent"), says("MALDI-TOF", "absent")], "absent", ""),
        ([says("XRD", "absent"), says("XPS", "undecided")], "undecided", ""),
        ([says("MALDI-TOF", "absent")], "undecided", ""),
        ([says("MALDI-TOF", "present")], "undecided", "host fragments weigh alike"),
        ([says("MALDI-TOF", "present"), says("XRD", "present")], "present", ""),
        ([says("MALDI-TOF", "absent"), says("XRD", "present")], "present", "no veto"),
        (
            [says("XPS", "present"), says("XRD", "absent")],
            "undecided",
            "XPS sees Ag2S but XRD calls it absent",
        ),
    ],
)
def test_rules_of_joining(findings: list, state: str, words: str) -> None:
    verdict = sample(*findings).samples[0]["Ag2S"]
    assert verdict.state == state
    assert words in verdict.disagreement


def test_a_share_below_the_other_limit_reconciles() -> None:
    share = Estimate(name="share", value=0.03, low=0.02, high=0.04)
    joined = sample(says("XPS", "present", share=share), says("XRD", "absent", limit=0.05)).samples[0]["Ag2S"]
    assert joined.state == "present"
    assert "the share lies below the limit there" in joined.disagreement
    big = Estimate(name="share", value=0.3, low=0.2, high=0.4)
    against = sample(says("XPS", "present", share=big), says("XRD", "absent", limit=0.05)).samples[0]["Ag2S"]
    assert against.state == "undecided"


def test_absence_carries_the_best_limit() -> None:
    joined = sample(says("XRD", "absent", limit=0.05), says("XPS", "absent", limit=0.02))
    assert joined.samples[0]["Ag2S"].limit == 0.02


def test_order_of_samples_and_findings_does_not_matter() -> None:
    table = published_table()
    samples = [
        SampleEvidence(
            label=s.label,
            incorporation_percent=s.incorporation_percent,
            findings=tuple(f for v in s.species for f in v.findings)[::-1],
        )
        for s in reversed(table.samples)
    ]
    turned = join(samples)
    assert [s.text for s in turned.samples] == [s.text for s in table.samples]
    assert turned.onset_percent == table.onset_percent


def test_what_the_composition_model_gets() -> None:
    given = published_table().for_composition()
    assert [row["seen"] for row in given["product_onset"]] == [False] * 3 + [True] * 4
    shares = tuple(Estimate(name=n, value=v, se=0.1) for n, v in (("a", 0.2), ("b", 0.5), ("c", 0.3)))
    joined = sample(says("MALDI-TOF", "present", "CdS", cluster_shares=shares))
    assert joined.for_composition()["cluster_fractions"] == [
        {"fractions": [0.2, 0.5, 0.3], "sigma": [0.1, 0.1, 0.1], "incorporation_percent": 8.0}
    ]
    measurements = pytest.importorskip("cxkinetics.composition.measurements")
    for row in given["product_onset"]:
        assert measurements.ProductOnset(**row).seen == row["seen"]
    for row in joined.for_composition()["cluster_fractions"]:
        assert measurements.ClusterFractions(**row).fractions == pytest.approx((0.2, 0.5, 0.3))


def test_contradictions_show_both_values() -> None:
    found = {item.topic: item for item in published_contradictions()}
    assert found["XPS shift of Ag 3d5/2"].stated == "2.7 eV"
    assert found["XPS shift of Ag 3d5/2"].against.startswith("2.6 eV")
    assert "6.0 and 6.0" in found["XPS shift of Ag 3d5/2"].text
    assert "1.5 eV below that bulk Ag2S" in found["Ag 3d5/2 of Ag2S"].text
    assert found["Ag2S first seen, incorporation"].stated == "4.0 %"
    assert found["Ag2S first seen, incorporation"].against == "8.0 %"
    assert "Cd33S31(OA)3 (+1.0 Da)" in found["Cd37S32(L)"].text
    assert "Cd34S32(OA)3 (+1.6 Da)" in found["Cd38S33(L)"].text
    assert "4871.0 computed (-11 Da)" in found["Ag2Cd32S33"].against
    assert "6550.7 computed" in found["Ag53S26"].against
    assert found["charge of Cd34S33(L)"].against == "formal charge +2"
    assert found["28.3 %: techniques"].against == "XRD and XPS do"


def test_errors() -> None:
    with pytest.raises(InputError, match="state of Ag2S by XRD is 'maybe'"):
        says("XRD", "maybe")
    with pytest.raises(InputError, match="there is no finding to join"):
        join([])
    with pytest.raises(InputError, match="XRD speaks 2 times of Ag2S"):
        sample(says("XRD", "present"), says("XRD", "absent"))
