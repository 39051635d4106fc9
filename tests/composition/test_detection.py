"""Table I from stated (chosen) detection limits: 7 samples x 3 techniques."""

import pytest

import cxkinetics as cx

TABLE_I = {
    0.0: ("CdS", "CdS", "CdS"),
    3.2: ("CdS", "CdS", "CdS"),
    4.0: ("CdS", "CdS", "CdS"),
    8.0: ("CdS + Ag2S", "CdS + Ag2S", "CdS + Ag2S"),
    12.1: ("CdS + Ag2S", "CdS + Ag2S", "CdS + Ag2S"),
    28.3: ("Ag2S", "CdS + Ag2S", "CdS + Ag2S"),
    40.4: ("Ag2S", "Ag2S", "Ag2S"),
}


@pytest.mark.parametrize("incorporation", TABLE_I)
def test_the_21_verdicts_follow(incorporation: float) -> None:
    verdicts = cx.expected_verdicts(incorporation)
    assert [v.technique for v in verdicts] == ["MALDI-TOF", "XRD", "XPS"]
    assert tuple(v.verdict for v in verdicts) == TABLE_I[incorporation]
    assert all("chosen" in v.note for v in verdicts)
    assert all(v.probability > 0.9 for v in verdicts)


def test_a_prediction_says_what_to_expect() -> None:
    evidence = cx.predict(dose_percent=120).expected_evidence
    assert evidence == {"MALDI-TOF": "Ag2S", "XRD": "CdS + Ag2S", "XPS": "CdS + Ag2S"}


def test_refusals() -> None:
    with pytest.raises(cx.InputError, match="negative"):
        cx.expected_verdicts(-1.0)
    table = cx.load_example_dose_table()
    with pytest.raises(cx.InputError, match="states no detection limits"):
        cx.expected_verdicts(4.0, system="cu-cds", table=table)
