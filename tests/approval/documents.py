"""One document of every kind that the package writes, and how each is read again.

The documents in `documents_0_1_0` were written by version 0.1.0 and are never written anew: every later
version reads them. A kind without a reader stands in UNREAD until it has one.
"""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import cxkinetics as cx
from tests.approval import cases
from tests.approval.cases import CASES, decay, run_command

__all__ = ["FOLDER", "READERS", "UNREAD", "WRITERS"]

FOLDER = Path(__file__).with_name("documents_0_1_0")


def small_series() -> cx.SpectralSeries:
    return cases.chain(n=14, m=17, label="chain")


def small_trace() -> cx.Trace:
    return small_series().exciton_peak(near_nm=324)


def printed(*words: str) -> Callable[[], str]:
    """Return a writer: the JSON that a command prints in the folder of a bench."""

    def write() -> str:
        code, out, said = run_command(*words, "--json")
        assert code == 0, said
        return out

    return write


def saved_options() -> str:
    path = Path("saved.toml")
    run_command("fit", "runs/run-1.csv", "--stages", "2", "--window", "5:", "--save-config", str(path))
    return path.read_text(encoding="utf-8")


WRITERS: Mapping[str, Callable[[], str]] = {
    "trace.json": lambda: small_trace().to_json(),
    "trace.csv": lambda: small_trace().to_csv(),
    "spectra.json": lambda: small_series().to_json(),
    "spectra.csv": lambda: small_series().to_csv(),
    "dose-table.json": lambda: cases.dose_table().to_json(),
    "dose-table.csv": lambda: cases.dose_table().to_csv(),
    "fit.json": lambda: cx.fit_stages(decay(n=31, label="run 7"), n_stages=2, bootstrap=50, rng=1).to_json(),
    "fit-batch.json": printed("fit", "runs/run-1.csv", "runs/run-2.csv"),
    "curve.json": lambda: CASES["curve"].make().to_json(),
    "spectra-fit.json": lambda: cx.fit_spectra(small_series(), "A -> B; B -> C").to_json(),
    "spectra-analysis.json": printed("spectra", "small.json"),
    "witnesses.json": lambda: cx.fit_witnesses(small_series(), near_nm=324).to_json(),
    "incorporation.json": lambda: CASES["incorporation"].make().to_json(),
    "incorporation-with-spectra.json": printed(
        "incorporation", "ag_cds_dose.csv", "--spectra", "dose-spectra.csv", "--near", "324"
    ),
    "predict.json": lambda: CASES["prediction"].make().to_json(),
    "predict-with-amount.json": printed("predict", "--dose", "50", "--cadmium-umol", "20"),
    "dose.json": lambda: CASES["dose"].make().to_json(),
    "dose-with-amount.json": printed("dose", "Ag2Cd32S33", "--draws", "300", "--cadmium-umol", "20"),
    "dose-spectra.json": lambda: CASES["dose-spectra-fit"].make().to_json(),
    "update.json": lambda: CASES["update"].make().to_json(),
    "binding.json": lambda: json.dumps(CASES["binding"].make().to_dict()),
    "rates-against-dose.json": lambda: CASES["rates-against-dose"].make().to_json(),
    "evidence.json": printed("evidence", "xps", "xps-ag3d-4.0.csv", "--incorporation", "4"),
    "evidence-joined.json": printed("evidence", "join", "evidence_table1.csv"),
    "inspect.json": printed("inspect", "runs/run-1.csv"),
    "formats.json": printed("formats"),
    "completion.json": printed("completion", "fish"),
    "demo.json": lambda: Path("demo.json").read_text(encoding="utf-8"),  # what `demo --json` printed
    "options.toml": saved_options,
}

READERS: Mapping[str, Callable[[Path], Any]] = {
    "trace.json": cx.load,
    "trace.csv": cx.load,
    "spectra.json": cx.load,
    "spectra.csv": cx.load,
    "dose-table.json": lambda path: cx.load_dose_table(path),
    "dose-table.csv": lambda path: cx.load_dose_table(path),
    "fit.json": lambda path: cx.StagedFit.from_json(path.read_text(encoding="utf-8")),
    "curve.json": lambda path: cx.CurveFit.from_json(path.read_text(encoding="utf-8")),
    "spectra-fit.json": lambda path: cx.SpectraFit.from_json(path.read_text(encoding="utf-8")),
    "witnesses.json": lambda path: cx.TwoWitnesses.from_json(path.read_text(encoding="utf-8")),
    "incorporation.json": lambda path: cx.IncorporationFit.from_json(path.read_text(encoding="utf-8")),
    "predict.json": lambda path: cx.Prediction.from_json(path.read_text(encoding="utf-8")),
    "dose.json": lambda path: cx.DoseAdvice.from_json(path.read_text(encoding="utf-8")),
    "evidence.json": lambda path: cx.join_evidence([path]),
    "options.toml": lambda path: run_command("fit", "runs/run-1.csv", "--config", str(path), "--csv"),
}
UNREAD = frozenset(WRITERS) - frozenset(READERS)
"""Written by 0.1.0, read by nothing: a reader is missing, or the document is a listing for programs."""
