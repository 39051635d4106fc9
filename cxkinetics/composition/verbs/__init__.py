"""The verbs of the dose side."""
