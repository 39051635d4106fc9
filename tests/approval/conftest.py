"""A bench: the packaged examples as files, and figures that are not drawn to the end."""

import io
import shutil
from pathlib import Path
from typing import Any

import matplotlib as mpl
import pytest
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

from tests.approval.cases import chain, decay, dose_spectra_data, example_folder, run_folder
from tests.conftest import Demonstrated

mpl.use("Agg")
_SVG = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1 1"></svg>'


def _placeholder(self: Figure, target: Any, *, format: str | None = None, **options: Any) -> None:
    if isinstance(target, io.StringIO):
        target.write(_SVG)
    elif hasattr(target, "write"):
        target.write(_SVG.encode())
    else:
        Path(target).write_text(_SVG, encoding="utf-8")


@pytest.fixture(autouse=True)
def pictures_not_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Figures are compared by their words; writing them would take most of the time."""
    monkeypatch.setattr(Figure, "savefig", _placeholder)
    monkeypatch.setattr(FigureCanvasSVG, "print_svg", _placeholder)


@pytest.fixture
def bench(
    demonstrated: Demonstrated, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Path:  # fmt: skip
    """Working folder with every example file."""
    for source in (demonstrated.folder / "cxkinetics-demo" / "data", example_folder()):
        shutil.copytree(source, tmp_path, dirs_exist_ok=True)
    shutil.copytree(run_folder(), tmp_path / "runs")
    spectra = dose_spectra_data()
    heads = "dose (%)," + ",".join(f"{w:g}" for w in spectra.wavelength_nm)
    rows = zip(spectra.dose_percent, spectra.absorbance, strict=True)
    body = [f"{dose:g}," + ",".join(f"{a:.5f}" for a in row) for dose, row in rows]
    (tmp_path / "dose-spectra.csv").write_text("\n".join([heads, *body]) + "\n", encoding="utf-8")
    (tmp_path / "measured.toml").write_text(
        "[[fractions]]\nincorporation_percent = 2.4\nfractions = [0.1, 0.8, 0.1]\n"
        "sigma = [0.05, 0.05, 0.05]\n[[onset]]\nincorporation_percent = 8.0\nseen = true\n",
        encoding="utf-8",
    )
    decay(n=41, amplitude=-0.8, offset=0.9, seed=5).to_csv(tmp_path / "growing.csv")
    chain(label="chain").to_json(tmp_path / "chain.json")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "96")
    monkeypatch.setenv("NO_COLOR", "1")
    return tmp_path
