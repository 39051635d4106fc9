"""Composition: from dose to incorporation to species, and back to the dose for a target."""

NAMES = {
    "ClusterFractions": "measurements",
    "CompositionUpdate": "update",
    "DoseAdvice": "dose",
    "DosePlan": "plan",
    "DoseSpectra": "dose_spectra",
    "GuestShare": "measurements",
    "IncorporationFit": "incorporation_result",
    "Prediction": "predict",
    "ProductOnset": "measurements",
    "SpeciesCurves": "species_curves",
    "System": "system",
    "TitrationFit": "titration",
    "TopCluster": "measurements",
    "WashPair": "measurements",
    "dose_for": "dose",
    "expected_verdicts": "detection",
    "fit_binding": "binding",
    "fit_dose_spectra": "dose_spectra",
    "fit_incorporation": "incorporation",
    "fit_titration": "titration",
    "load_dose_table": "reader",
    "load_example_dose_table": "examples",
    "load_system": "system",
    "plan_dose": "plan",
    "predict": "predict",
    "rates_against_dose": "rates_against_dose",
    "removable_share": "mass_balance",
    "sequential_implications": "sequential_reading",
    "species_curves": "species_curves",
    "update_priors": "update",
}
VERBS = {
    "incorporation": (
        "fit a table of guest added against guest incorporated: slopes, avalanche, saturation, plateau"
    ),
    "predict": "predict incorporation and species at a dose, with intervals",
    "dose": "the dose for a target cluster, with its window and purity, or why no dose gives it",
    "system": "write a commented file that defines a cation system of your own",
}
PLANS = {
    "dose": (
        "the next doses or measurements for a target, and how much they narrow its dose and purity",
        "cxkinetics.composition.verbs.plan_dose",
    ),
}
_READER = "cxkinetics.composition.reader"
READERS = {"dose table": (f"{_READER}:describe_dose_table", f"{_READER}:dose_table_line")}
DEMO = "cxkinetics.composition.examples:demonstrate_doses"
CHECK = "cxkinetics.composition.known_dose:CHECK"
COMPLETION = {
    "system": "cxkinetics.composition.system:packaged_systems",
    "preset": ("paper",),
    "target": "cxkinetics.composition.system:packaged_species",
}
