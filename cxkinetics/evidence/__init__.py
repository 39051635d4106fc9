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
_COMMAND = "cxkinetics evidence"
_HEAD = r"(?mi)^[^\w\n]*"
_COUNTED = r"(?!\w).*(count|cps|inten)"
FOREIGN = {
    IDENTIFIER: ("a VAMAS file of photoelectron spectra", f"{_COMMAND} xps"),
    r"SpecsLab Prodigy": ("a photoelectron spectrum (SPECS)", f"{_COMMAND} xps"),
    r"(?mi)^Dimension 1 name=(binding|kinetic) energy": (
        "a photoelectron spectrum (Scienta)",
        f"{_COMMAND} xps",
    ),
    rf"{_HEAD}(K\.E\.|B\.E|(binding|kinetic) energy){_COUNTED}": (
        "a photoelectron spectrum",
        f"{_COMMAND} xps",
    ),
    r"<xrdMeasurements": ("a diffraction pattern (PANalytical)", f"{_COMMAND} xrd"),
    r"Experiment0/": ("a diffraction pattern (Bruker)", f"{_COMMAND} xrd"),
    r"Data0/Profile0": ("a diffraction pattern (Rigaku)", f"{_COMMAND} xrd"),
    r"(?m)^_FILEVERSION=\d[\s\S]*^_STEPSIZE=": ("a diffraction pattern (.uxd)", f"{_COMMAND} xrd"),
    rf"{_HEAD}2?[ -]?(theta|\u03b8){_COUNTED}": ("a diffraction pattern", f"{_COMMAND} xrd"),
    rf"{_HEAD}m/z{_COUNTED}": ("a mass spectrum", f"{_COMMAND} ms"),
}
