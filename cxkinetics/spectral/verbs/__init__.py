"""The verb of whole spectra."""
