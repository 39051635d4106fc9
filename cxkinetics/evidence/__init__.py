"""Evidence: mass spectra, XPS and XRD as witnesses of what is in the flask."""
