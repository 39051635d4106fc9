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
    from cxkinetics.examples.load import load_example
    from cxkinetics.fitting.result import StagedFit
    from cxkinetics.fitting.stages import fit_stages
    from cxkinetics.io.dose import load_dose_table
    from cxkinetics.io.registry import load
    from cxkinetics.remarks import Remark
    from cxkinetics.signals.dose_table import DoseTable
    from cxkinetics.signals.spectra import SpectralSeries
    from cxkinetics.signals.trace import Trace

_HOME = {
    "CxKineticsError": "errors",
    "CxKineticsWarning": "errors",
    "DoseTable": "signals.dose_table",
    "Estimate": "estimate",
    "ExtrapolationError": "errors",
    "FitError": "errors",
    "InputError": "errors",
    "MissingExtraError": "errors",
    "Remark": "remarks",
    "SpectralSeries": "signals.spectra",
    "StagedFit": "fitting.result",
    "Trace": "signals.trace",
    "UnreachablePurityError": "errors",
    "UnresolvedBreakpointError": "errors",
    "UsageError": "errors",
    "fit_stages": "fitting.stages",
    "load": "io.registry",
    "load_dose_table": "io.dose",
    "load_example": "examples.load",
}
__all__ = [
    "CxKineticsError",
    "CxKineticsWarning",
    "DoseTable",
    "Estimate",
    "ExtrapolationError",
    "FitError",
    "InputError",
    "MissingExtraError",
    "Remark",
    "SpectralSeries",
    "StagedFit",
    "Trace",
    "UnreachablePurityError",
    "UnresolvedBreakpointError",
    "UsageError",
    "__version__",
    "fit_stages",
    "load",
    "load_dose_table",
    "load_example",
]


def __getattr__(name: str) -> Any:
    if name in _HOME:
        value = getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
        globals()[name] = value
        return value
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
