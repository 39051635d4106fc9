"""Whole spectra: rank, global fits and the two witnesses of one breakpoint."""

NAMES = {
    "SpectraFit": "result",
    "TwoWitnesses": "result",
    "fit_spectra": "fit",
    "fit_witnesses": "witnesses",
}
VERBS = {"spectra": "fit whole spectra with a scheme: rate constants, species spectra, rank, peak path"}
