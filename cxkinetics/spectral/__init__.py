"""Whole spectra: rank, global fits and the two witnesses of one breakpoint."""
