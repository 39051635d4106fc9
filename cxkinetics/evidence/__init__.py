"""Evidence: mass spectra, XPS and XRD as witnesses of what is in the flask.

This annex builds on that of composition, where a cation system is defined.
"""

BUILDS_ON = ("composition",)
