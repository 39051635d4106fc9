"""Files of real instruments: what stands in their bytes is what the reader returns.

`real_instruments.json` holds for each file the reading as it was found by other means (struct, zip and
regular expressions on the bytes), or words of the refusal with the remedy that answers it.
"""

import importlib.util
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import cxkinetics as cx
from cxkinetics.io.load import formats

ENTRIES = json.loads((Path(__file__).parent / "real_instruments.json").read_text(encoding="utf-8"))
OF_EVIDENCE = [entry for entry in ENTRIES if "evidence" in entry]
OF_SIGNALS = [entry for entry in ENTRIES if "evidence" not in entry]
EXTRA = importlib.util.find_spec("openreadout") is not None


def path_of(entry: dict[str, Any], shared_data: Path) -> Path:
    if "needs" in entry and not EXTRA:
        pytest.skip("the extra instruments is not installed")
    return shared_data / "real" / entry["file"]


def check(found: list[cx.Trace | cx.SpectralSeries], read: dict[str, Any]) -> None:
    first = found[0]
    spectra = isinstance(first, cx.SpectralSeries)
    assert len(found) == read["signals"]
    assert ("spectra" if spectra else "trace") == read["kind"]
    assert first.time_s.size == read["points"]
    assert first.time_s[[0, -1]].tolist() == pytest.approx(read["time_s"], rel=1e-9, abs=1e-9)
    assert first.unit == read["unit"]
    if spectra:
        assert first.wavelength_nm.size == read["wavelengths"]
        assert first.wavelength_nm[[0, -1]].tolist() == pytest.approx(read["axis_nm"], rel=1e-7)
    else:
        assert first.wavelength_nm == read.get("wavelength_nm")
    ends = np.ravel(first.absorbance)[[0, -1]].tolist()
    expected = [np.nan if value is None else value for value in read["values"]]
    assert ends == pytest.approx(expected, rel=1e-7, abs=1e-9, nan_ok=True)
    assert re.search(read.get("remark", ""), " ".join(remark.text for remark in first.remarks))


@pytest.mark.parametrize("entry", OF_SIGNALS, ids=[entry["file"] for entry in OF_SIGNALS])
def test_a_real_instrument_file_is_read_as_its_bytes_say(entry: dict[str, Any], shared_data: Path) -> None:
    path, options = path_of(entry, shared_data), {}
    if "refused" in entry:
        with pytest.raises(cx.InputError, match=entry["refused"]):
            cx.load(path)
        options = entry.get("remedy", {})
        if not options:
            return
    found = cx.load(path, **options)
    check(found if isinstance(found, list) else [found], entry["read"])


@pytest.mark.parametrize("entry", OF_EVIDENCE, ids=[entry["file"] for entry in OF_EVIDENCE])
def test_real_evidence_is_read_as_its_bytes_say(entry: dict[str, Any], shared_data: Path) -> None:
    read = entry["evidence"]
    spectrum = cx.load_spectrum(path_of(entry, shared_data), read["kind"])
    assert spectrum.axis.size == read["points"]
    assert spectrum.axis[[0, -1]].tolist() == pytest.approx(read["axis"], rel=1e-9, abs=1e-9)
    assert spectrum.counts[[0, -1]].tolist() == read["counts"]


def test_every_format_has_a_real_file_behind_it(shared_data: Path) -> None:
    behind = {entry["file"]: entry.get("remedy", {}) for entry in OF_SIGNALS if "read" in entry}
    behind |= {
        name: {}
        for name in (
            "plate-gen5/Benchling-Open-Source-kinetic_multiplate.txt",
            "plate-softmax/Benchling-Open-Source-spectramax340_kinetic_partial_plate.txt",
            "plate-tecan/FAIRChemistry-tekan_spark.xlsx",
            "jasco/garrekstemo-uvvis_abs.txt",
            "textspec/Larsius23-UV-vis_allData.csv",
            "kin-csv/pkaysantana-run_298K.csv",
        )
    }
    files = [(shared_data / "real" / name, options) for name, options in behind.items()]
    files += [(min((shared_data / "uvvis" / "specfit").iterdir(), key=lambda file: len(file.name)), {})]
    files += [(shared_data / "uvvis" / "agilent_kd" / "test_data3.KD", {})]
    met = set()
    for path, options in files:
        if not EXTRA and path.suffix == ".spc":
            continue
        found = cx.load(path, **options)
        first = found[0] if isinstance(found, list) else found
        met |= {first.source.format, first.source.format.split(" (")[0]}
    own = {"cxkinetics"}  # no instrument writes it
    assert {entry.name for entry in formats()} - met == own
