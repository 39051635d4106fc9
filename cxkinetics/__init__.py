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

from cxkinetics.version import __version__ as __version__

if TYPE_CHECKING:
    from cxkinetics.composition.binding import fit_binding as fit_binding
    from cxkinetics.composition.detection import expected_verdicts as expected_verdicts
    from cxkinetics.composition.dose import DoseAdvice as DoseAdvice
    from cxkinetics.composition.dose import dose_for as dose_for
    from cxkinetics.composition.dose_spectra import DoseSpectra as DoseSpectra
    from cxkinetics.composition.dose_spectra import fit_dose_spectra as fit_dose_spectra
    from cxkinetics.composition.examples import load_example_dose_table as load_example_dose_table
    from cxkinetics.composition.incorporation import fit_incorporation as fit_incorporation
    from cxkinetics.composition.incorporation_result import IncorporationFit as IncorporationFit
    from cxkinetics.composition.mass_balance import removable_share as removable_share
    from cxkinetics.composition.measurements import ClusterFractions as ClusterFractions
    from cxkinetics.composition.measurements import GuestShare as GuestShare
    from cxkinetics.composition.measurements import ProductOnset as ProductOnset
    from cxkinetics.composition.measurements import TopCluster as TopCluster
    from cxkinetics.composition.measurements import WashPair as WashPair
    from cxkinetics.composition.plan import DosePlan as DosePlan
    from cxkinetics.composition.plan import plan_dose as plan_dose
    from cxkinetics.composition.predict import Prediction as Prediction
    from cxkinetics.composition.predict import predict as predict
    from cxkinetics.composition.rates_against_dose import rates_against_dose as rates_against_dose
    from cxkinetics.composition.reader import load_dose_table as load_dose_table
    from cxkinetics.composition.sequential_reading import sequential_implications as sequential_implications
    from cxkinetics.composition.species_curves import SpeciesCurves as SpeciesCurves
    from cxkinetics.composition.species_curves import species_curves as species_curves
    from cxkinetics.composition.system import System as System
    from cxkinetics.composition.system import load_system as load_system
    from cxkinetics.composition.titration import TitrationFit as TitrationFit
    from cxkinetics.composition.titration import fit_titration as fit_titration
    from cxkinetics.composition.update import CompositionUpdate as CompositionUpdate
    from cxkinetics.composition.update import update_priors as update_priors
    from cxkinetics.curves.fit import fit_curve as fit_curve
    from cxkinetics.curves.result import CurveFit as CurveFit
    from cxkinetics.errors import CxKineticsError as CxKineticsError
    from cxkinetics.errors import CxKineticsWarning as CxKineticsWarning
    from cxkinetics.errors import ExtrapolationError as ExtrapolationError
    from cxkinetics.errors import FitError as FitError
    from cxkinetics.errors import InputError as InputError
    from cxkinetics.errors import MissingExtraError as MissingExtraError
    from cxkinetics.errors import UnreachablePurityError as UnreachablePurityError
    from cxkinetics.errors import UnresolvedBreakpointError as UnresolvedBreakpointError
    from cxkinetics.errors import UsageError as UsageError
    from cxkinetics.estimate import Estimate as Estimate
    from cxkinetics.evidence.assignment import assign_peaks as assign_peaks
    from cxkinetics.evidence.diffraction import fit_pattern as fit_pattern
    from cxkinetics.evidence.mixture import fit_mixture as fit_mixture
    from cxkinetics.evidence.patterns import load_library as load_library
    from cxkinetics.evidence.picking import pick_peaks as pick_peaks
    from cxkinetics.evidence.reader import load_peak_list as load_peak_list
    from cxkinetics.evidence.reader import load_spectrum as load_spectrum
    from cxkinetics.evidence.records import join_evidence as join_evidence
    from cxkinetics.evidence.xps import analyse_xps as analyse_xps
    from cxkinetics.examples.kinetics import load_example as load_example
    from cxkinetics.io.load import load as load
    from cxkinetics.kinetics.batch import fit_many as fit_many
    from cxkinetics.kinetics.batch import iter_fits as iter_fits
    from cxkinetics.kinetics.fit import fit_decay as fit_decay
    from cxkinetics.kinetics.fit import fit_stages as fit_stages
    from cxkinetics.kinetics.result import StagedFit as StagedFit
    from cxkinetics.kinetics.together import JointFit as JointFit
    from cxkinetics.kinetics.together import fit_together as fit_together
    from cxkinetics.mechanism.fit import fit_mechanism as fit_mechanism
    from cxkinetics.mechanism.predict import TimedDose as TimedDose
    from cxkinetics.mechanism.predict import TimedPrediction as TimedPrediction
    from cxkinetics.mechanism.predict import dose_in_time as dose_in_time
    from cxkinetics.mechanism.predict import predict_in_time as predict_in_time
    from cxkinetics.mechanism.result import MechanismFit as MechanismFit
    from cxkinetics.mechanism.scheme import Mechanism as Mechanism
    from cxkinetics.mechanism.scheme import load_mechanism as load_mechanism
    from cxkinetics.planning.sampling import SamplingPlan as SamplingPlan
    from cxkinetics.planning.sampling import plan_sampling as plan_sampling
    from cxkinetics.remarks import Remark as Remark
    from cxkinetics.signals.dose_table import DoseTable as DoseTable
    from cxkinetics.signals.spectra import SpectralSeries as SpectralSeries
    from cxkinetics.signals.spectrum import PeakList as PeakList
    from cxkinetics.signals.spectrum import Spectrum as Spectrum
    from cxkinetics.signals.trace import Trace as Trace
    from cxkinetics.spectral.fit import fit_spectra as fit_spectra
    from cxkinetics.spectral.result import SpectraFit as SpectraFit
    from cxkinetics.spectral.result import TwoWitnesses as TwoWitnesses
    from cxkinetics.spectral.witnesses import fit_witnesses as fit_witnesses

_MODULES = {
    "errors": "CxKineticsError CxKineticsWarning ExtrapolationError FitError InputError MissingExtraError "
    "UnreachablePurityError UnresolvedBreakpointError UsageError",
    "estimate": "Estimate",
    "examples.kinetics": "load_example",
    "io.load": "load",
    "kinetics.batch": "fit_many iter_fits",
    "kinetics.fit": "fit_decay fit_stages",
    "kinetics.result": "StagedFit",
    "kinetics.together": "JointFit fit_together",
    "remarks": "Remark",
    "signals.dose_table": "DoseTable",
    "signals.spectra": "SpectralSeries",
    "signals.spectrum": "PeakList Spectrum",
    "signals.trace": "Trace",
}
_HOME = {name: f"cxkinetics.{module}" for module, names in _MODULES.items() for name in names.split()}
"""Public names of the core -> modules; those of the annexes stand in their packages."""


def __getattr__(name: str) -> Any:
    if name == "__all__":
        from cxkinetics.annexes import homes

        return sorted(["__version__", *_HOME, *homes()])
    if (home := _home_of(name)) is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(home), name)
    globals()[name] = value
    return value


def _home_of(name: str) -> str | None:
    if name in _HOME or name.startswith("__"):
        return _HOME.get(name)
    from cxkinetics.annexes import homes

    return homes().get(name)


def __dir__() -> list[str]:
    return list(__getattr__("__all__"))
