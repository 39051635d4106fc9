"""Packaged examples with their provenance."""
