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
    from cxkinetics.composition.binding_fit import fit_binding
    from cxkinetics.composition.detection import expected_verdicts
    from cxkinetics.composition.dose import dose_for
    from cxkinetics.composition.dose_advice import DoseAdvice
    from cxkinetics.composition.dose_spectra import DoseSpectra
    from cxkinetics.composition.dose_spectra_fit import fit_dose_spectra
    from cxkinetics.composition.incorporation import fit_incorporation
    from cxkinetics.composition.incorporation_result import IncorporationFit
    from cxkinetics.composition.load_system import load_system
    from cxkinetics.composition.mass_balance import removable_share
    from cxkinetics.composition.measurements import ClusterFractions, ProductOnset
    from cxkinetics.composition.predict import predict
    from cxkinetics.composition.prediction import Prediction
    from cxkinetics.composition.rates_against_dose import rates_against_dose
    from cxkinetics.composition.sequential_reading import sequential_implications
    from cxkinetics.composition.species_curves import SpeciesCurves, species_curves
    from cxkinetics.composition.system import System
    from cxkinetics.composition.update import update_priors
    from cxkinetics.composition.update_result import CompositionUpdate
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
    from cxkinetics.evidence.records import join_evidence
    from cxkinetics.evidence.xps import analyse_xps
    from cxkinetics.examples.dose import load_example_dose_table
    from cxkinetics.examples.load import load_example
    from cxkinetics.fitting.curve_result import CurveFit
    from cxkinetics.fitting.engine import fit_curve
    from cxkinetics.fitting.result import StagedFit
    from cxkinetics.fitting.stages import fit_stages
    from cxkinetics.io.dose import load_dose_table
    from cxkinetics.io.evidence_lists import load_peak_list
    from cxkinetics.io.evidence_spectra import load_spectrum
    from cxkinetics.io.registry import load
    from cxkinetics.remarks import Remark
    from cxkinetics.signals.dose_table import DoseTable
    from cxkinetics.signals.spectra import SpectralSeries
    from cxkinetics.signals.spectrum import PeakList, Spectrum
    from cxkinetics.signals.trace import Trace
    from cxkinetics.spectral.fit import fit_spectra
    from cxkinetics.spectral.result import SpectraFit
    from cxkinetics.spectral.witness_result import TwoWitnesses
    from cxkinetics.spectral.witnesses import fit_witnesses
    from cxkinetics.workflow.many import fit_many

_HOME = {
    "ClusterFractions": "composition.measurements",
    "CompositionUpdate": "composition.update_result",
    "CurveFit": "fitting.curve_result",
    "CxKineticsError": "errors",
    "CxKineticsWarning": "errors",
    "DoseAdvice": "composition.dose_advice",
    "DoseSpectra": "composition.dose_spectra",
    "DoseTable": "signals.dose_table",
    "Estimate": "estimate",
    "ExtrapolationError": "errors",
    "FitError": "errors",
    "IncorporationFit": "composition.incorporation_result",
    "InputError": "errors",
    "MissingExtraError": "errors",
    "PeakList": "signals.spectrum",
    "Prediction": "composition.prediction",
    "ProductOnset": "composition.measurements",
    "Remark": "remarks",
    "SpeciesCurves": "composition.species_curves",
    "SpectraFit": "spectral.result",
    "SpectralSeries": "signals.spectra",
    "Spectrum": "signals.spectrum",
    "StagedFit": "fitting.result",
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
    "fit_binding": "composition.binding_fit",
    "fit_curve": "fitting.engine",
    "fit_dose_spectra": "composition.dose_spectra_fit",
    "fit_incorporation": "composition.incorporation",
    "fit_many": "workflow.many",
    "fit_mixture": "evidence.mixture",
    "fit_pattern": "evidence.diffraction",
    "fit_spectra": "spectral.fit",
    "fit_stages": "fitting.stages",
    "fit_witnesses": "spectral.witnesses",
    "join_evidence": "evidence.records",
    "load": "io.registry",
    "load_dose_table": "io.dose",
    "load_example": "examples.load",
    "load_example_dose_table": "examples.dose",
    "load_library": "evidence.patterns",
    "load_peak_list": "io.evidence_lists",
    "load_spectrum": "io.evidence_spectra",
    "load_system": "composition.load_system",
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
