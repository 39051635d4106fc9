"""Signals: what was measured, with its units, before anything is fitted."""
