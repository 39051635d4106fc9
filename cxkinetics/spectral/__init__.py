"""Whole spectra: rank, global fits and the two witnesses of one breakpoint."""

NAMES = {
    "SpectraFit": "result",
    "TwoWitnesses": "witness_result",
    "fit_spectra": "fit",
    "fit_witnesses": "witnesses",
}
VERBS = {
    "spectra": "verbs.spectra",
}
