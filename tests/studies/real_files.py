"""What becomes of each file of `../shared/data/real/manifest.json`, beside the reading it must give.

`python -m tests.studies.real_files` prints a table by kind and a line for each that is not right;
`--without-extra` does so as if the extra `instruments` were not installed. The expected readings stand in
`tests/io/real_manifest.json`: shape, ends of the axes, unit and two values, or words of the refusal and the
options that answer it (`unread` where the file says enough and is refused all the same). They are taken from
the bytes or the text of each file by `struct`, `csv`, `zipfile` and eye, not from what the package returned;
`null` stands for what cannot be told so.
"""

import importlib.util
import json
import re
import sys
import tempfile
import unittest.mock
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

import cxkinetics as cx

REAL = Path(__file__).resolve().parents[3] / "shared" / "data" / "real"
ENTRIES = json.loads((Path(__file__).parents[1] / "io" / "real_manifest.json").read_text(encoding="utf-8"))
RIGHT, RIGHTLY, WRONGLY, MISREAD = "read right", "refused rightly", "refused wrongly", "misread"
EXTRA = importlib.util.find_spec("openreadout") is not None


def differences(found: list[cx.Trace | cx.SpectralSeries], read: dict[str, Any]) -> list[str]:
    """Return what of a reading is not as expected, by its name."""
    first = found[0]
    spectra = isinstance(first, cx.SpectralSeries)
    got: dict[str, Any] = {
        "signals": len(found),
        "kind": "spectra" if spectra else "trace",
        "points": first.time_s.size,
        "unit": first.unit,
        "time_s": first.time_s[[0, -1]].tolist(),
        "values": np.ravel(first.absorbance)[[0, -1]].tolist(),
    }
    if spectra:
        got |= {"wavelengths": first.wavelength_nm.size, "axis_nm": first.wavelength_nm[[0, -1]].tolist()}
    else:
        got |= {"wavelength_nm": first.wavelength_nm}
    wrong = [
        f"{name} {got[name]} instead of {wanted}"
        for name, wanted in ({"wavelength_nm": None} | read).items()
        if name in got and not _same(got[name], wanted, name)
    ]
    told = " ".join(remark.text for remark in first.remarks)
    if not re.search(read.get("remark", ""), told):
        wrong.append(f"no remark says {read['remark']!r}")
    return wrong


def _same(got: Any, wanted: Any, name: str) -> bool:
    if name == "values":
        wanted = [np.nan if value is None else value for value in wanted]
    elif wanted is None and name != "wavelength_nm":
        return True
    if isinstance(wanted, (list, float)) and got is not None:
        return np.allclose(got, wanted, rtol=1e-6, atol=1e-7, equal_nan=True)
    return bool(got == wanted)


def load(path: Path, options: dict[str, Any], folder: Path) -> list[cx.Trace | cx.SpectralSeries]:
    """Read a file with options; `times` is a log that is written, `lines` how many lines of it are kept."""
    options = dict(options)
    if "lines" in options:
        kept = path.read_text(encoding="utf-8").splitlines()[: options.pop("lines")]
        path = folder / path.name
        path.write_text("\n".join(kept), encoding="utf-8")
    if "times" in options:
        log = folder / "log.csv"
        log.write_text("time (s)\tevent\n" + "".join(f"{k}\tscan\n" for k in range(options["times"])))
        options["times"] = str(log)
    found = cx.load(path, **options)
    return found if isinstance(found, list) else [found]


def outcome(
    entry: dict[str, Any], folder: Path, *, real: Path = REAL, extra: bool = EXTRA
) -> tuple[str, str]:
    """Return what became of one file, and why it is not right."""
    path = real / entry["file"]
    try:
        found = load(path, entry.get("options", {}), folder)
    except cx.CxKineticsError as error:
        said = str(error)
        if "needs" in entry and not extra:
            return (RIGHTLY, "") if "instruments" in said else (WRONGLY, said)
        if "refused" not in entry or not re.search(entry["refused"], said):
            return WRONGLY, said
        if entry.get("unread"):
            return WRONGLY, "a format that is not read: " + said
        if "remedy" not in entry:
            return RIGHTLY, ""
    else:
        if "refused" in entry:
            return MISREAD, f"read, though it must be refused: {found[0]}"
        wrong = differences(found, entry["read"])
        return (MISREAD, "; ".join(wrong)) if wrong else (RIGHT, "")
    try:  # the remedy is followed
        found = load(path, entry["remedy"], folder)
    except cx.CxKineticsError as error:
        then = entry.get("refused_then")
        return (RIGHTLY, "") if then and re.search(then, str(error)) else (WRONGLY, f"after it: {error}")
    wrong = differences(found, entry["read"]) if "read" in entry else []
    return (WRONGLY, "the remedy reads " + "; ".join(wrong)) if wrong else (RIGHTLY, "")


def of_evidence(entry: dict[str, Any], *, real: Path = REAL) -> list[str]:
    """Return what of a spectrum of evidence is not as expected."""
    wanted = entry["evidence"]
    spectrum = cx.load_spectrum(real / entry["file"], wanted["kind"])
    got = {"points": spectrum.n_points, "axis": spectrum.axis[[0, -1]], "counts": spectrum.counts[[0, -1]]}
    return [
        f"{name} {got[name]} instead of {wanted[name]}" for name in got if not _close(got[name], wanted[name])
    ]


def _close(got: Any, wanted: Any) -> bool:
    known = [k for k, value in enumerate(np.atleast_1d(wanted)) if value is not None]
    return np.allclose(
        np.atleast_1d(got)[known], [np.atleast_1d(wanted)[k] for k in known], rtol=1e-9, atol=1e-9
    )


def main(*words: str) -> None:
    """Print the table by kind, and what is not right."""
    if not REAL.is_dir():
        print(f"skipped: {REAL.name} is not there; it holds the real files", file=sys.stderr)
        return
    hidden = "--without-extra" in words
    asked = importlib.util.find_spec
    found: dict[str, Counter[str]] = {}
    lines = []
    with (
        tempfile.TemporaryDirectory() as folder,
        unittest.mock.patch.object(
            importlib.util,
            "find_spec",
            lambda name, *more: None if hidden and name == "openreadout" else asked(name, *more),
        ),
    ):
        for entry in ENTRIES:
            if "evidence" in entry:
                continue
            what, why = outcome(entry, Path(folder), extra=EXTRA and not hidden)
            for kind in (entry["file"].split("/")[0], "all"):
                found.setdefault(kind, Counter())[what] += 1
            lines += [f"{what}: {entry['file']}: {why[:300]}"] if why else []
    names = (RIGHT, RIGHTLY, WRONGLY, MISREAD)
    print(f"{'kind':15s}" + "".join(f"{name:>17s}" for name in names))
    for kind, row in sorted(found.items(), key=lambda item: (item[0] == "all", item[0])):
        print(f"{kind:15s}" + "".join(f"{row[name]:17d}" for name in names))
    print("\n".join(lines))


if __name__ == "__main__":
    main(*sys.argv[1:])
