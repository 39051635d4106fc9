"""cxkinetics: staged kinetics of cation exchange in magic-size clusters.

From a raw absorbance file to rate constants with a detected breakpoint and honest intervals, and
from a dose table to the dose for a target cluster::

    import cxkinetics as cx
    fit = cx.fit_stages(cx.load("run.csv"))
    fit.verdict.text, fit.table()
    cx.dose_for("Ag2Cd32S33")

Names are imported when first used, so that `import cxkinetics` costs nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from cxkinetics.version import __version__

if TYPE_CHECKING:
    from cxkinetics.composition.binding import fit_binding
    from cxkinetics.composition.detection import expected_verdicts
    from cxkinetics.composition.dose import DoseAdvice, dose_for
    from cxkinetics.composition.dose_spectra import DoseSpectra, fit_dose_spectra
    from cxkinetics.composition.examples import load_example_dose_table
    from cxkinetics.composition.incorporation import fit_incorporation
    from cxkinetics.composition.incorporation_result import IncorporationFit
    from cxkinetics.composition.mass_balance import removable_share
    from cxkinetics.composition.measurements import ClusterFractions, ProductOnset
    from cxkinetics.composition.predict import Prediction, predict
    from cxkinetics.composition.rates_against_dose import rates_against_dose
    from cxkinetics.composition.reader import load_dose_table
    from cxkinetics.composition.sequential_reading import sequential_implications
    from cxkinetics.composition.species_curves import SpeciesCurves, species_curves
    from cxkinetics.composition.system import System, load_system
    from cxkinetics.composition.update import CompositionUpdate, update_priors
    from cxkinetics.curves.fit import fit_curve
    from cxkinetics.curves.result import CurveFit
    from cxkinetics.errors import (
        CxKineticsError,
        CxKineticsWarning,
        ExtrapolationError,
        FitError,
        InputError,
        MissingExtraError,
        UnreachablePurityError,
        UnresolvedBreakpointError,
        UsageError,
    )
    from cxkinetics.estimate import Estimate
    from cxkinetics.evidence.assignment import assign_peaks
    from cxkinetics.evidence.diffraction import fit_pattern
    from cxkinetics.evidence.mixture import fit_mixture
    from cxkinetics.evidence.patterns import load_library
    from cxkinetics.evidence.picking import pick_peaks
    from cxkinetics.evidence.reader import load_peak_list, load_spectrum
    from cxkinetics.evidence.records import join_evidence
    from cxkinetics.evidence.xps import analyse_xps
    from cxkinetics.examples.kinetics import load_example
    from cxkinetics.io.load import load
    from cxkinetics.kinetics.batch import fit_many
    from cxkinetics.kinetics.fit import fit_stages
    from cxkinetics.kinetics.result import StagedFit
    from cxkinetics.remarks import Remark
    from cxkinetics.signals.dose_table import DoseTable
    from cxkinetics.signals.spectra import SpectralSeries
    from cxkinetics.signals.spectrum import PeakList, Spectrum
    from cxkinetics.signals.trace import Trace
    from cxkinetics.spectral.fit import fit_spectra
    from cxkinetics.spectral.result import SpectraFit
    from cxkinetics.spectral.witness_result import TwoWitnesses
    from cxkinetics.spectral.witnesses import fit_witnesses

_HOME = {
    "ClusterFractions": "composition.measurements",
    "CompositionUpdate": "composition.update",
    "CurveFit": "curves.result",
    "CxKineticsError": "errors",
    "CxKineticsWarning": "errors",
    "DoseAdvice": "composition.dose",
    "DoseSpectra": "composition.dose_spectra",
    "DoseTable": "signals.dose_table",
    "Estimate": "estimate",
    "ExtrapolationError": "errors",
    "FitError": "errors",
    "IncorporationFit": "composition.incorporation_result",
    "InputError": "errors",
    "MissingExtraError": "errors",
    "PeakList": "signals.spectrum",
    "Prediction": "composition.predict",
    "ProductOnset": "composition.measurements",
    "Remark": "remarks",
    "SpeciesCurves": "composition.species_curves",
    "SpectraFit": "spectral.result",
    "SpectralSeries": "signals.spectra",
    "Spectrum": "signals.spectrum",
    "StagedFit": "kinetics.result",
    "System": "composition.system",
    "Trace": "signals.trace",
    "TwoWitnesses": "spectral.witness_result",
    "UnreachablePurityError": "errors",
    "UnresolvedBreakpointError": "errors",
    "UsageError": "errors",
    "analyse_xps": "evidence.xps",
    "assign_peaks": "evidence.assignment",
    "dose_for": "composition.dose",
    "expected_verdicts": "composition.detection",
    "fit_binding": "composition.binding",
    "fit_curve": "curves.fit",
    "fit_dose_spectra": "composition.dose_spectra",
    "fit_incorporation": "composition.incorporation",
    "fit_many": "kinetics.batch",
    "fit_mixture": "evidence.mixture",
    "fit_pattern": "evidence.diffraction",
    "fit_spectra": "spectral.fit",
    "fit_stages": "kinetics.fit",
    "fit_witnesses": "spectral.witnesses",
    "join_evidence": "evidence.records",
    "load": "io.load",
    "load_dose_table": "composition.reader",
    "load_example": "examples.kinetics",
    "load_example_dose_table": "composition.examples",
    "load_library": "evidence.patterns",
    "load_peak_list": "evidence.reader",
    "load_spectrum": "evidence.reader",
    "load_system": "composition.system",
    "pick_peaks": "evidence.picking",
    "predict": "composition.predict",
    "rates_against_dose": "composition.rates_against_dose",
    "removable_share": "composition.mass_balance",
    "sequential_implications": "composition.sequential_reading",
    "species_curves": "composition.species_curves",
    "update_priors": "composition.update",
}
__all__ = [
    "ClusterFractions",
    "CompositionUpdate",
    "CurveFit",
    "CxKineticsError",
    "CxKineticsWarning",
    "DoseAdvice",
    "DoseSpectra",
    "DoseTable",
    "Estimate",
    "ExtrapolationError",
    "FitError",
    "IncorporationFit",
    "InputError",
    "MissingExtraError",
    "PeakList",
    "Prediction",
    "ProductOnset",
    "Remark",
    "SpeciesCurves",
    "SpectraFit",
    "SpectralSeries",
    "Spectrum",
    "StagedFit",
    "System",
    "Trace",
    "TwoWitnesses",
    "UnreachablePurityError",
    "UnresolvedBreakpointError",
    "UsageError",
    "__version__",
    "analyse_xps",
    "assign_peaks",
    "dose_for",
    "expected_verdicts",
    "fit_binding",
    "fit_curve",
    "fit_dose_spectra",
    "fit_incorporation",
    "fit_many",
    "fit_mixture",
    "fit_pattern",
    "fit_spectra",
    "fit_stages",
    "fit_witnesses",
    "join_evidence",
    "load",
    "load_dose_table",
    "load_example",
    "load_example_dose_table",
    "load_library",
    "load_peak_list",
    "load_spectrum",
    "load_system",
    "pick_peaks",
    "predict",
    "rates_against_dose",
    "removable_share",
    "sequential_implications",
    "species_curves",
    "update_priors",
]


def __getattr__(name: str) -> Any:
    if name in _HOME:
        value = getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
        globals()[name] = value
        return value
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
