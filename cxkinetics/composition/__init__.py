"""Composition: from dose to incorporation to species, and back to the dose for a target."""
