"""How to cite the package, and the paper whose recipe and constants it holds."""

from cxkinetics.version import __version__

YEAR = 2026
"""Of this version."""
_ENTRIES = """@software{cxkinetics,
  author  = {{The cxkinetics authors}},
  title   = {cxkinetics: staged kinetics of cation exchange in magic-size clusters},
  version = {VERSION},
  year    = {YEAR},
  license = {MIT}
}

@article{yao2023mass,
  author  = {Yao and Lynch and Robinson},
  title   = {Mass spectroscopy study of the intermediate magic-size cluster species during cooperative
             cation exchange},
  journal = {The Journal of Chemical Physics},
  volume  = {159},
  pages   = {014704},
  year    = {2023},
  doi     = {10.1063/5.0151904}
}
"""


def bibtex() -> str:
    """Return the entries, the version among them.

    Examples
    --------
    >>> print(bibtex().splitlines()[0])
    @software{cxkinetics,
    """
    return _ENTRIES.replace("VERSION", __version__).replace("YEAR", str(YEAR))
