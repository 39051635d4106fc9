"""One mechanism for dose, time, spectrum and composition, with its rivals.

This annex builds on that of composition, whose dose tables it reads.
"""

BUILDS_ON = ("composition",)

NAMES = {
    "Mechanism": "scheme",
    "MechanismFit": "result",
    "TimedDose": "predict",
    "TimedPrediction": "predict",
    "dose_in_time": "predict",
    "fit_mechanism": "fit",
    "load_mechanism": "scheme",
    "predict_in_time": "predict",
}
VERBS = {
    "mechanism": "one mechanism for doses, times, spectra and evidence at once, with its rivals",
}
IN_TIME = {
    "predict": "cxkinetics.mechanism.verbs.in_time:predict",
    "dose": "cxkinetics.mechanism.verbs.in_time:dose",
}
