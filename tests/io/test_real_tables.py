"""Text tables and workbooks of real instruments: what was read in them by eye is what the reader returns.

`real_tables.json` holds for each file the reading as it was found by splitting the file by hand, or
the words of the refusal with the remedy that answers it and the reading which that gives.
"""

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import cxkinetics as cx

ENTRIES = json.loads((Path(__file__).parent / "real_tables.json").read_text(encoding="utf-8"))


def load(path: Path, options: dict[str, Any]) -> list[cx.Trace | cx.SpectralSeries]:
    found = cx.load(path, **options)
    return found if isinstance(found, list) else [found]


def check(found: list[cx.Trace | cx.SpectralSeries], read: dict[str, Any]) -> None:
    first = found[0]
    spectra = isinstance(first, cx.SpectralSeries)
    told = " ".join(remark.text for remark in first.remarks)
    assert len(found) == read.get("signals", len(found))
    assert ("spectra" if spectra else "trace") == read["kind"]
    assert first.time_s.size == read["points"]
    assert first.time_s[[0, -1]].tolist() == pytest.approx(read["time_s"], rel=1e-9, abs=1e-9)
    assert first.unit == read["unit"]
    if spectra:
        assert first.wavelength_nm.size == read["wavelengths"]
        assert first.wavelength_nm[[0, -1]].tolist() == pytest.approx(read["axis_nm"], rel=1e-9)
    else:
        assert first.wavelength_nm == read.get("wavelength_nm")
    ends = np.ravel(first.absorbance)[[0, -1]].tolist()
    expected = [np.nan if value is None else value for value in read["values"]]
    assert ends == pytest.approx(expected, rel=1e-9, nan_ok=True)
    assert re.search(read.get("remark", ""), told)


@pytest.mark.parametrize("entry", ENTRIES, ids=[entry["file"] for entry in ENTRIES])
def test_a_real_table_is_read_as_by_eye(entry: dict[str, Any], shared_data: Path, tmp_path: Path) -> None:
    path = shared_data / "real" / entry["file"]
    options = dict(entry.get("remedy", {}))
    if "refused" in entry:
        with pytest.raises(cx.InputError, match=entry["refused"]) as caught:
            cx.load(path, **entry.get("options", {}))
        assert "Traceback" not in str(caught.value)
        if "remedy" not in entry:
            return
    else:
        options = entry.get("options", {})
    if options.get("times") == "log":
        log = tmp_path / "log.csv"
        log.write_text("time (s)\tevent\n" + "".join(f"{k}\tscan\n" for k in range(entry["read"]["points"])))
        options["times"] = str(log)
    found = load(path, options)
    if "read" in entry:
        check(found, entry["read"])
