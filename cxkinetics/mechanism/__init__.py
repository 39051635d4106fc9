"""One mechanism for dose, time, spectrum and composition, with its rivals.

This annex builds on that of composition, whose dose tables it reads.
"""

BUILDS_ON = ("composition",)

NAMES = {
    "Mechanism": "scheme",
    "load_mechanism": "scheme",
}
