"""Every file of the manifest of real files is read as its bytes say, or refused with a remedy that works."""

import json
from pathlib import Path
from typing import Any

import pytest

from cxkinetics.io.load import formats
from tests.studies.real_files import ENTRIES, EXTRA, RIGHT, RIGHTLY, WRONGLY, load, of_evidence, outcome

SIGNALS = [entry for entry in ENTRIES if "evidence" not in entry]
EVIDENCE = [entry for entry in ENTRIES if "evidence" in entry]


def name_of(entry: dict[str, Any]) -> str:
    return str(entry["file"])


@pytest.mark.parametrize("entry", SIGNALS, ids=name_of)
def test_a_real_file_is_read_or_refused_rightly(
    entry: dict[str, Any], shared_data: Path, tmp_path: Path
) -> None:
    """A remedy is followed, and what it reads is compared."""
    what, why = outcome(entry, tmp_path, real=shared_data / "real")
    unread = entry.get("unread") and (EXTRA or "needs" not in entry)
    assert what in ((WRONGLY,) if unread else (RIGHT, RIGHTLY)), why


@pytest.mark.parametrize("entry", [entry for entry in SIGNALS if "needs" in entry], ids=name_of)
def test_without_the_extra_a_file_that_only_it_reads_is_refused_naming_it(
    entry: dict[str, Any], shared_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cxkinetics.io.formats.instruments.importlib.util.find_spec", lambda name: None)
    assert outcome(entry, tmp_path, real=shared_data / "real", extra=False) == (RIGHTLY, "")


@pytest.mark.parametrize("entry", EVIDENCE, ids=name_of)
def test_real_evidence_is_read_as_its_bytes_say(entry: dict[str, Any], shared_data: Path) -> None:
    if "needs" in entry and not EXTRA:
        pytest.skip("the extra instruments is not installed")
    assert of_evidence(entry, real=shared_data / "real") == []


def test_the_manifest_is_met_whole(shared_data: Path) -> None:
    listed = json.loads((shared_data / "real" / "manifest.json").read_text(encoding="utf-8"))
    assert [entry["file"] for entry in SIGNALS] == [item["file"] for item in listed]
    refused_wrongly = [entry for entry in SIGNALS if entry.get("unread")]
    assert len(refused_wrongly) <= 5


def test_every_format_has_a_real_file_behind_it(shared_data: Path, tmp_path: Path) -> None:
    behind = {
        entry["file"]: entry for entry in SIGNALS if "read" in entry and (EXTRA or "needs" not in entry)
    }
    found = [
        load(shared_data / "real" / name, entry.get("remedy", entry.get("options", {})), tmp_path)
        for name, entry in behind.items()
    ]
    uvvis = shared_data / "uvvis"
    found += [
        load(uvvis / name, {}, tmp_path) for name in ("specfit/run1_17C.TXT", "agilent_kd/test_data3.KD")
    ]
    met = {
        word
        for signals in found
        for word in (signals[0].source.format, signals[0].source.format.split(" (")[0])
    }
    own = {"cxkinetics"}  # no instrument writes it
    assert {entry.name for entry in formats()} - met == own
