"""Evidence: mass spectra, XPS and XRD as witnesses of what is in the flask.

This annex builds on that of composition, where a cation system is defined.
"""

BUILDS_ON = ("composition",)

NAMES = {
    "analyse_xps": "xps",
    "assign_peaks": "assignment",
    "fit_mixture": "mixture",
    "fit_pattern": "diffraction",
    "join_evidence": "records",
    "load_library": "patterns",
    "load_peak_list": "reader",
    "load_spectrum": "reader",
    "pick_peaks": "picking",
}
VERBS = {
    "evidence": (
        "identify products from mass spectra, XPS and XRD, and join what they say (ms, xps, xrd, join)"
    ),
}
FORMATS = (
    ("VAMAS", ".vms .npl", "XPS: blocks of ISO 14976 files (CasaXPS, PHI MultiPak)"),
    (
        "diffractogram",
        ".xrdml .raw .brml .rasx",
        "XRD, with the extra instruments: PANalytical and Bruker; .raw and Rigaku .rasx by their layout only",
    ),
    ("spectrum table", ".csv .txt .xy .xlsx", "XPS, XRD, mass spectra: axis and counts as two columns"),
    ("peak list", ".csv .txt", "mass spectra: m/z, with intensities or assigned formulae where known"),
    (
        "reference patterns",
        ".csv",
        "XRD: 2theta and one column per reference; a second table has phases and RIR",
    ),
    ("findings", ".csv", "sample, technique, species, state: to be joined with the others"),
)
IDENTIFIER = "VAMAS Surface Chemical Analysis Standard Data Transfer Format"
_PATTERN = "cxkinetics evidence xrd"
FOREIGN = {  # what stands among the first bytes
    IDENTIFIER: ("a VAMAS file of photoelectron spectra", "cxkinetics evidence xps"),
    "<xrdMeasurements": ("a diffraction pattern (PANalytical)", _PATTERN),
    "Experiment0/": ("a diffraction pattern (Bruker)", _PATTERN),
    "Data0/Profile0": ("a diffraction pattern (Rigaku)", _PATTERN),
}
