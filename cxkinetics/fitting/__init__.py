"""Fitting: breakpoint search, staged kinetics and their inference."""
