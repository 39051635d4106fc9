"""Simulation studies: coverage of the intervals, errors of the verdict, missed optima."""
