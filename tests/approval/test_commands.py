"""What every verb prints as text, JSON and CSV, its remarks and exit code, and the files it writes."""

import json
import shlex
from pathlib import Path

import pytest

from tests.approval.cases import run_command
from tests.approval.compare import check, masked
from tests.approval.forms import csv_form, excel_form, html_form, json_form, keys_of, sections
from tests.conftest import Demonstrated

SILVER, DOSES = "ag-cds-simulated.csv", "ag_cds_dose.csv"
COMMANDS = {
    "fit-spectra-file": (
        f"fit {SILVER} --track 324 --out results",
        f"fit {SILVER} --track 324 --out results --json",
        f"fit {SILVER} --wavelength 324 --csv",
    ),
    "fit-options": (
        "fit runs/run-1.csv --stages 1 --show-time min",
        "fit runs/run-1.csv --stages 3 --csv",
        "fit runs/run-1.csv --breakpoint 20 --offset 0.001 --csv",
        "fit runs/run-1.csv --joint free --stages 2 --confidence 0.9 --csv",
        "fit runs/run-1.csv --recipe loglinear --noise white --csv",
        "fit runs/run-1.csv --bootstrap 50 --seed 3 --stages 2 --csv",
        "fit runs/run-1.csv --t0 5 --window 10: --save-config run.toml",
        "fit runs/run-1.csv --config run.toml --json",
        "fit growing.csv --direction growth",
    ),
    "fit-batch": (
        "fit runs --out batch --jobs 1",
        "fit runs --csv",
    ),
    "fit-refused": (
        "fit runs/broken.csv",
        "fit runs/broken.csv --json",
        "fit missing.csv",
        "fit growing.csv",
        f"fit {SILVER} --wavelength 900",
        "fit runs/run-1.csv --stages 9",
        "fit runs/run-1.csv --json --csv",
        "fit runs/run-1.csv --window 50:10",
        "fit runs/run-1.csv --trak 324",
        "fit runs/run-1.csv --time-unit d",
        "fit runs/run-1.csv --config missing.toml",
        "fit",
        "fitt",
        "",
    ),
    "spectra": (
        f'spectra {SILVER} --model "A -> B | A -> B" --out spectra',
        "spectra chain.json",
        "spectra chain.json --show-time min --intervals wald --nonnegative --baseline constant",
        "spectra chain.json --json",
    ),
    "spectra-refused": (
        'spectra chain.json --model "A -> "',
        "spectra runs/run-1.csv",
        "spectra chain.json --wavelengths 340:310",
        "spectra chain.json --start k9=0.1",
    ),
    "incorporation": (
        f"incorporation {DOSES}",
        f"incorporation {DOSES} --json",
        f"incorporation {DOSES} --preset paper",
        f"incorporation {DOSES} --spectra dose-spectra.csv --near 324",
        f"incorporation {DOSES} --spectra dose-spectra.csv --near 324 --json",
        f"incorporation {DOSES} --to-basis Ag/Cd --interval-doses leave-out",
        f"incorporation {DOSES} --near 324",
        f"incorporation {DOSES} --preset none",
        f"incorporation {DOSES} --basis Cu/Cd",
        "incorporation runs/run-1.csv",
    ),
    "predict": (
        "predict --dose 50",
        "predict --dose 50 --json",
        "predict --dose 0.5 --sensitivity",
        "predict --dose 50 --dose-unit fraction",
        "predict --dose 50 --cadmium-umol 20 --silver-mmol-per-l 10",
        "predict --dose 50 --cadmium-umol 20 --json",
        "predict --dose 50 --silver-mmol-per-l 10",
        "predict --dose 50 --measurements measured.toml --draws 200",
        "predict --dose 50 --system cu-cds",
        "predict --dose 500",
        "predict --dose much",
    ),
    "dose": (
        "dose Ag2Cd32S33 --draws 500",
        "dose Ag2Cd32S33 --draws 500 --json",
        "dose AgCd33S33 --draws 500 --cadmium-umol 20 --silver-mmol-per-l 10 --sensitivity",
        "dose Ag2Cd32S33 --min-purity 0.99",
        "dose Au2Cd32S33",
        "dose Ag2Cd32S33 --system cu-cds",
        "dose Ag2Cd32S33 --dose-unit fraction",
    ),
    "evidence": (
        "evidence ms ms-4.0.csv --sample 4.0 --incorporation 4.0 --out masses",
        "evidence ms ms-4.0.csv --json",
        "evidence ms evidence_ms_peaks.csv",
        "evidence xps xps-ag3d-4.0.csv --out photoelectrons",
        "evidence xps xps-ag3d-4.0.csv --json",
        "evidence xrd xrd-12.1.csv --library xrd-references.csv --json",
        "evidence xrd xrd-12.1.csv --out pattern",
        "evidence join evidence_table1.csv --out joined",
        "evidence join evidence_table1.csv --json",
        "evidence join masses/evidence.json photoelectrons/evidence.json",
    ),
    "evidence-demo": ("evidence --demo --out shown", "evidence --demo --json"),
    "evidence-refused": (
        "evidence",
        "evidence ms",
        "evidence --demo ms",
        "evidence ms runs/broken.csv",
        "evidence xps xps-ag3d-4.0.csv --phases A",
        "evidence join chain.json",
        "evidence xrd xrd-4.0.csv --phases-table x.csv",
    ),
    "formats-and-inspect": (
        "formats --json",
        f"inspect {SILVER} runs/run-1.csv growing.csv chain.json",
        f"inspect {SILVER} runs/run-1.csv --json",
        "inspect runs missing.csv",
        "--version",
        "completion tcsh",
    ),
}
ELSEWHERE = {"dose": 1e-4, "spectra": 5e-3}
ELSEWHERE |= dict.fromkeys(("predict", "incorporation", "evidence-demo"), float("inf"))
"""Relative tolerances on a machine of another arithmetic, as for the results (see `Case`)."""


def shown(command: str, *folders: Path) -> dict[str, str]:
    """Return stdout, stderr, exit code of a command, and the contents of the folder it wrote."""
    words = shlex.split(command)
    folder = Path(words[words.index("--out") + 1]) if "--out" in words else None
    code, out, err = run_command(*words)
    if "--json" in words and out:
        record = json.loads(out)
        out = keys_of(record) if "--demo" in words else json_form(record)
    elif "--csv" in words and out:
        out = csv_form(out)
    forms = {f"{command} (exit code {code})": out}
    if err:
        forms[f"{command} (stderr)"] = err
    if "--save-config" in words:
        forms["project file"] = Path(words[words.index("--save-config") + 1]).read_text(encoding="utf-8")
    if folder is not None and folder.is_dir() and "--json" not in words:
        files = sorted(path for path in folder.rglob("*") if path.is_file())
        forms[f"files of {command}"] = "\n".join(path.relative_to(folder).as_posix() for path in files)
        for path in files:
            if text := content(path):
                forms[f"file {path.as_posix()}"] = text
    return forms


def content(path: Path) -> str | None:
    """Return a file in the form that is compared; None where its name is enough."""
    if "data" in path.parts:
        return None
    if path.suffix == ".html":
        return html_form(path.read_text(encoding="utf-8"))
    if path.suffix == ".csv":
        return csv_form(path.read_text(encoding="utf-8"))
    if path.suffix == ".json":
        return f"keys {' '.join(json.loads(path.read_text(encoding='utf-8')))}"
    if path.suffix == ".xlsx":
        sheets = [line for line in excel_form(path).splitlines() if line.startswith("[")]
        return "\n".join(sheets)
    return None if path.suffix in (".png", ".svg", ".pdf") else path.read_text(encoding="utf-8")


@pytest.mark.parametrize("name", COMMANDS)
def test_command_in_every_form(name: str, bench: Path) -> None:
    forms: dict[str, str] = {}
    for command in COMMANDS[name]:
        forms |= shown(command)
    text = masked(sections(forms), bench)
    check(f"commands/{name}.txt", text, elsewhere=ELSEWHERE.get(name, 1e-6))


def test_demo_in_every_form(demonstrated: Demonstrated) -> None:
    folder = demonstrated.folder / "cxkinetics-demo"
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    forms = {"demo (stdout)": demonstrated.text}
    forms["files"] = "\n".join(path.relative_to(folder).as_posix() for path in files)
    forms["report.html"] = html_form((folder / "report.html").read_text(encoding="utf-8"))
    forms["demo.json"] = keys_of(json.loads((folder / "demo.json").read_text(encoding="utf-8")))
    check("commands/demo.txt", masked(sections(forms), folder.parent))
