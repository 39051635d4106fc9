"""cxkinetics: staged kinetics of cation exchange in magic-size clusters.

From a raw absorbance file to rate constants with a detected breakpoint and honest intervals, and
from a dose table to the dose for a target cluster::

    import cxkinetics as cx
    fit = cx.fit_stages(cx.load("run.csv"))
    print(fit)
    cx.dose_for("Ag2Cd32S33")

Names are imported when first used, so that `import cxkinetics` costs nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from cxkinetics.version import __version__

if TYPE_CHECKING:
    from cxkinetics.composition.dose import dose_for
    from cxkinetics.composition.dose_advice import DoseAdvice
    from cxkinetics.composition.incorporation import fit_incorporation
    from cxkinetics.composition.incorporation_result import IncorporationFit
    from cxkinetics.composition.load_system import load_system
    from cxkinetics.composition.predict import predict
    from cxkinetics.composition.prediction import Prediction
    from cxkinetics.composition.species_curves import SpeciesCurves, species_curves
    from cxkinetics.composition.system import System
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
    from cxkinetics.examples.dose import load_example_dose_table
    from cxkinetics.examples.load import load_example
    from cxkinetics.fitting.curve_result import CurveFit
    from cxkinetics.fitting.engine import fit_curve
    from cxkinetics.fitting.result import StagedFit
    from cxkinetics.fitting.stages import fit_stages
    from cxkinetics.io.dose import load_dose_table
    from cxkinetics.io.registry import load
    from cxkinetics.remarks import Remark
    from cxkinetics.signals.dose_table import DoseTable
    from cxkinetics.signals.spectra import SpectralSeries
    from cxkinetics.signals.trace import Trace

_HOME = {
    "CurveFit": "fitting.curve_result",
    "CxKineticsError": "errors",
    "CxKineticsWarning": "errors",
    "DoseAdvice": "composition.dose_advice",
    "DoseTable": "signals.dose_table",
    "Estimate": "estimate",
    "ExtrapolationError": "errors",
    "FitError": "errors",
    "IncorporationFit": "composition.incorporation_result",
    "InputError": "errors",
    "MissingExtraError": "errors",
    "Prediction": "composition.prediction",
    "Remark": "remarks",
    "SpeciesCurves": "composition.species_curves",
    "SpectralSeries": "signals.spectra",
    "StagedFit": "fitting.result",
    "System": "composition.system",
    "Trace": "signals.trace",
    "UnreachablePurityError": "errors",
    "UnresolvedBreakpointError": "errors",
    "UsageError": "errors",
    "dose_for": "composition.dose",
    "fit_curve": "fitting.engine",
    "fit_incorporation": "composition.incorporation",
    "fit_stages": "fitting.stages",
    "load": "io.registry",
    "load_dose_table": "io.dose",
    "load_example": "examples.load",
    "load_example_dose_table": "examples.dose",
    "load_system": "composition.load_system",
    "predict": "composition.predict",
    "species_curves": "composition.species_curves",
}
__all__ = [
    "CurveFit",
    "CxKineticsError",
    "CxKineticsWarning",
    "DoseAdvice",
    "DoseTable",
    "Estimate",
    "ExtrapolationError",
    "FitError",
    "IncorporationFit",
    "InputError",
    "MissingExtraError",
    "Prediction",
    "Remark",
    "SpeciesCurves",
    "SpectralSeries",
    "StagedFit",
    "System",
    "Trace",
    "UnreachablePurityError",
    "UnresolvedBreakpointError",
    "UsageError",
    "__version__",
    "dose_for",
    "fit_curve",
    "fit_incorporation",
    "fit_stages",
    "load",
    "load_dose_table",
    "load_example",
    "load_example_dose_table",
    "load_system",
    "predict",
    "species_curves",
]


def __getattr__(name: str) -> Any:
    if name in _HOME:
        value = getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
        globals()[name] = value
        return value
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
