"""Composition: from dose to incorporation to species, and back to the dose for a target."""

_READER = "cxkinetics.composition.reader"
READERS = {"dose table": (f"{_READER}:describe_dose_table", f"{_READER}:dose_table_line")}
