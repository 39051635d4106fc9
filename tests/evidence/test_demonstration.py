"""The demonstration: Table I stated and given back by simulated spectra, through files as well."""

import json
from pathlib import Path

import pytest

from cxkinetics.document.html import render_page
from cxkinetics.evidence.examples import (
    EvidenceDemo,
    demonstrate_evidence,
    reference_library,
    simulated_files,
    simulation_settings,
)
from cxkinetics.evidence.page import demo_page, format_demo
from cxkinetics.evidence.records import (
    EvidenceRecord,
    document_of,
    join_evidence,
    record_of_masses,
    record_of_spectrum,
)


@pytest.fixture(scope="module")
def demo() -> EvidenceDemo:
    return demonstrate_evidence()


def test_all_21_cells_of_table_i_come_back(demo: EvidenceDemo) -> None:
    assert demo.agreement == (21, 21)
    assert demo.recovered.onset_percent == (4.0, 8.0)
    assert demo.recovered.disagreements == demo.stated.disagreements
    assert demo.recovered.simulated
    assert not demo.stated.simulated


def test_simulated_truth_lies_in_the_intervals(demo: EvidenceDemo) -> None:
    inside = []
    for sample in demo.samples:
        if sample.mixture is not None:
            mean = sample.truth["clusters"][1] + 2 * sample.truth["clusters"][2]
            inside.append(sample.mixture.mean_guests.low <= mean <= sample.mixture.mean_guests.high)
        share = sample.xps.share_of("sulfide")
        if share is not None and share.low is not None:
            inside.append(share.low <= sample.truth["xps_sulfide"] <= share.high)
        phase = sample.pattern["Ag2S"].share
        inside.append(phase.low <= sample.truth["xrd_sulfide"] <= phase.high)
    assert len(inside) >= 13
    assert sum(inside) >= len(inside) - 1


def test_text_and_page_say_what_is_simulated(demo: EvidenceDemo) -> None:
    text = format_demo(demo)
    assert "SIMULATED" in text
    assert "21 of 21 cells" in text
    assert "28.3 %  Ag2S        CdS + Ag2S  CdS + Ag2S  CdS + Ag2S" in text
    assert "2.7 eV | 2.6 eV" in text
    assert max(map(len, text.splitlines())) <= 100
    html = render_page(demo_page(demo, "cxkinetics evidence --demo"))
    assert "simulated" in html
    assert "data:image/svg+xml" in html
    json.dumps(demo.to_dict(), allow_nan=False)


def test_the_same_through_files(tmp_path: Path) -> None:
    sample = simulation_settings()["samples"][4]
    for name, text in simulated_files(sample):
        (tmp_path / name).write_text(text)
    shared = {"sample": "12.1 %", "incorporation_percent": 12.1}
    records = [
        record_of_masses(tmp_path / "ms-12.1.csv", **shared, mixture={"sigma_cal_da": 0.3}),
        record_of_spectrum(tmp_path / "xps-ag3d-12.1.csv", **shared),
        record_of_spectrum(tmp_path / "xrd-12.1.csv", library=reference_library(), **shared),
    ]
    assert all(record.simulated for record in records)
    for record in records:
        assert EvidenceRecord.from_dict(json.loads(json.dumps(record.to_dict()))) == record
    path = tmp_path / "evidence.json"
    path.write_text(json.dumps(document_of(records), allow_nan=False))
    joined = join_evidence([path])
    assert joined.simulated
    assert joined.samples[0].text == "CdS + Ag2S"
    assert joined.samples[0].incorporation_percent == 12.1
    assert joined.for_composition()["cluster_fractions"][0]["fractions"] == pytest.approx(
        [0, 0.05, 0.95], abs=0.1
    )
