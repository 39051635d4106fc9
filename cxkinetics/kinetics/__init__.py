"""Staged first-order kinetics of one trace, of batches and of repeated runs."""
