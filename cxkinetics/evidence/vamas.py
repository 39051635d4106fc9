"""VAMAS files (ISO 14976): the blocks of photoelectron and Auger spectra, CasaXPS and PHI MultiPak.

A reader of our own, because it must name the line that does not fit, read any file ending, honour
the list of omitted items and never print. One value stands on each line; what a line means follows
from the lines before it. In an irregular scan the first variable is the axis; kinetic energies become
binding energies with the photon energy of the block.

References
----------
W. A. Dench, L. B. Hazell, M. P. Seah, Surf. Interface Anal. 13, 63 (1988),
doi 10.1002/sia.740130202.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from cxkinetics.arrays import Array
from cxkinetics.errors import InputError
from cxkinetics.evidence import IDENTIFIER
from cxkinetics.io.file import Content, decode

_SPUTTERED = {"SNMS energy spec", "FABMS", "FABMS energy spec", "ISS", "SIMS", "SIMS energy spec", "SNMS"}
_DEPTH = {"AES diff", "AES dir", "EDX", "ELS", "UPS", "XPS", "XRF"}
# The 40 parts of a block in the order of ISO 14976. Lines that are passed over, and what stands there:
_PASSED: dict[int, tuple[int, str]] = {
    **dict.fromkeys(range(1, 8), (1, "date and time")),
    10: (2, "coordinates"),
    13: (3, "the sputtering ion"),
    15: (1, "source strength"),
    16: (2, "source beam width"),
    17: (2, "field of view"),
    18: (6, "linescan coordinates"),
    **dict.fromkeys(range(19, 23), (1, "source angles and analyser mode")),
    23: (1, "differential width"),
    **dict.fromkeys(range(24, 27), (1, "analyser settings")),
    **dict.fromkeys(range(27, 29), (2, "analyser settings")),
    **dict.fromkeys(range(33, 37), (1, "signal mode, dwell time and scans")),
    37: (7, "the sputtering source"),
    38: (2, "tilt of the sample"),
    39: (1, "rotation of the sample"),
}
# Lines that are kept, by the name under which `_block` finds them:
_KEPT: dict[int, tuple[str, ...]] = {
    9: ("technique",),
    12: ("source",),
    14: ("photon energy",),
    29: ("species",),
    30: ("the transition", "the charge of the detected particle"),
    31: ("the axis label", "the axis unit", "the axis start", "the axis step"),
}
_NUMBERS = {"photon energy", "the axis start", "the axis step"}
# Parts that stand only in files of some experiment modes:
_MODES = {
    10: ("MAP", "MAPDP"),
    17: ("MAP", "MAPDP", "MAPSV", "MAPSVDP", "SEM"),
    18: ("MAPSV", "MAPSVDP", "SEM"),
    37: ("MAPDP", "MAPSVDP", "SDP", "SDPSV"),
}


@dataclass(frozen=True, slots=True, eq=False)
class VamasBlock:
    """One spectrum of a VAMAS file.

    Attributes
    ----------
    number : int
        From 1.
    label, sample : str
        Names as written.
    technique : str
        "XPS", "AES dir", ...
    line : str
        Species and transition ("Ag 3d").
    photon_energy_ev : float or None
        Characteristic energy of the source, eV.
    axis_name : str
        What the abscissa is ("Kinetic Energy").
    axis : Array, shape (n,)
        As written.
    counts : Array, shape (n,)
        First ordinate.
    unit : str
        Its unit ("d" for a pure number, "c/s").
    """

    number: int
    label: str
    sample: str
    technique: str
    line: str
    photon_energy_ev: float | None
    axis_name: str
    axis: Array
    counts: Array
    unit: str

    def binding_energy_ev(self) -> tuple[Array, str]:
        """Return the abscissa as binding energies, and what was done to it ("" if nothing).

        Raises
        ------
        InputError
            If it is neither a binding nor a kinetic energy, or no photon energy is given.
        """
        name = self.axis_name.lower()
        if "binding" in name:
            return self.axis, ""
        if "kinetic" not in name and "energy" not in name:
            fault = f"the axis of block {self.number} is {self.axis_name!r}, not an energy"
            raise InputError(fault, remedy="choose another block")
        if self.photon_energy_ev is None:
            fault = f"block {self.number} has kinetic energies but no photon energy"
            raise InputError(fault, remedy="pass --photon-energy (1486.6 for Al K-alpha)")
        said = f"kinetic energies turned into binding energies with hv = {self.photon_energy_ev:g} eV"
        return self.photon_energy_ev - self.axis, said


def is_vamas(content: Content) -> bool:
    """Return whether a file begins as VAMAS files do."""
    return content.begins_with(IDENTIFIER)


def read_vamas(content: Content) -> tuple[VamasBlock, ...]:
    """Return the blocks of a VAMAS file.

    Raises
    ------
    InputError
        If a line is not what the format says it must be, naming the line; or if the file ends early.
    """
    return _Reader(content).blocks()


class _Reader:
    """Lines in order, with the place for messages."""

    def __init__(self, content: Content) -> None:
        plain = content.data.replace(b"\x00", b"")  # PHI MultiPak ends some names with a zero byte
        self.lines = decode(plain, content.file).text.splitlines()
        self.at, self.file = 0, content.file
        while self.at < len(self.lines) and not self.lines[self.at].strip():
            self.at += 1

    def error(self, message: str, remedy: str | None = None, **place: Any) -> InputError:
        """Return the refusal of what stands on the line read last."""
        return InputError(message, remedy=remedy, file=self.file, **{"line": self.at, **place})

    def text(self, what: str) -> str:
        if self.at >= len(self.lines):
            fault = f"the file ends at line {len(self.lines)} where {what} should stand"
            raise self.error(fault, "export it again: it was cut off", line=len(self.lines))
        self.at += 1
        return self.lines[self.at - 1].strip()

    def number(self, what: str) -> float:
        cell = self.text(what)
        try:
            return float(cell)
        except ValueError:
            fault = f"{cell[:40]!r} stands where {what} (a number) should"
            remedy = "export it again: a line is missing or extra before it"
            raise self.error(fault, remedy, value=cell) from None

    def count(self, what: str) -> int:
        value = self.number(what)
        if value != int(value) or abs(value) > 10_000_000:
            raise self.error(f"{value:g} stands where {what} (a whole number) should")
        return int(value)

    def skip(self, number: int, what: str) -> None:
        for _ in range(number):
            self.text(what)

    def blocks(self) -> tuple[VamasBlock, ...]:
        self.text("the identifier")
        self.skip(4, "institution, instrument, operator and experiment")
        self.skip(self.count("the number of comment lines"), "a comment line")
        mode, scan = self.text("the experiment mode"), self.text("the scan mode")
        if scan not in ("REGULAR", "IRREGULAR"):
            fault = f"the scan mode is {scan!r}; REGULAR and IRREGULAR scans are read"
            raise self.error(fault, "export as a text table", value=scan)
        self.regular = scan == "REGULAR"
        if mode in ("MAP", "MAPDP", "NORM", "SDP"):
            self.count("the number of spectral regions")
        if mode in ("MAP", "MAPDP"):
            self.skip(3, "map positions and coordinates")
        n_variables = self.count("the number of experimental variables")
        self.skip(2 * n_variables, "an experimental variable")
        self.mode, self.n_variables = mode, n_variables
        self.included = self._included()
        self.skip(self.count("the number of manually entered items"), "a manually entered item")
        n_upgrade = self.count("the number of future-upgrade entries")
        self.n_upgrade = self.count("the number of future-upgrade block entries")
        self.skip(n_upgrade, "a future-upgrade entry")
        n_blocks = self.count("the number of blocks")
        found: list[VamasBlock] = []
        first: dict[str, Any] = {}
        for number in range(1, n_blocks + 1):
            kept = self._parts(number, first)
            first = first or kept  # what later blocks leave out stands in the first
            found.append(self._block(number, kept))
        if not found:
            raise self.error("the file announces no block of data")
        return tuple(found)

    def _included(self) -> list[bool]:
        """Return which of the 40 parts of a block stand in every block after the first."""
        number = self.count("the number of inclusion or exclusion entries")
        included = [number <= 0] * 40
        for _ in range(abs(number)):
            part = self.count("the number of a block's part")
            if not 1 <= part <= 40:
                raise self.error(f"part {part} is none of 1 to 40")
            included[part - 1] = number > 0
        return included

    def _parts(self, number: int, first: dict[str, Any]) -> dict[str, Any]:
        """Return what the parts of a block say, by name; a part that is left out says what it first said."""
        names = {"label": self.text("the block identifier"), "sample": self.text("the sample identifier")}
        kept = {**first, **names}
        for part in range(1, 41):
            if (number == 1 or self.included[part - 1]) and self._stands(part, kept.get("technique", "")):
                self._part(part, kept)
        self.skip(self.n_upgrade, "a future-upgrade block entry")
        return kept

    def _stands(self, part: int, technique: str) -> bool:
        """Return whether a part belongs to a block of this mode and technique."""
        if part == 13:
            return self.mode in _MODES[37] or technique in _SPUTTERED
        if part == 23:
            return technique == "AES diff"
        if part == 31 and not self.regular:
            return False
        return self.mode in _MODES.get(part, (self.mode,)) and (part != 37 or technique in _DEPTH)

    def _part(self, part: int, kept: dict[str, Any]) -> None:
        if part in _PASSED:
            self.skip(*_PASSED[part])
        elif part in _KEPT:
            for name in _KEPT[part]:
                kept[name] = self.number(name) if name in _NUMBERS else self.text(name)
        elif part == 8:
            self.skip(self.count("the number of comment lines of the block"), "a comment line of the block")
        elif part == 11:
            self.skip(self.n_variables, "the value of an experimental variable")
        elif part == 32:
            kept["ordinates"] = self.count("the number of corresponding variables")
            read = [self.text(what) for what in ("a variable's label", "its unit") * kept["ordinates"]]
            if not self.regular and read:  # the first variable is the axis
                kept["the axis label"], read = read[0], read[2:]
            kept["unit"] = read[1] if read else ""
        elif part == 40:
            self.skip(3 * self.count("the number of additional parameters"), "an additional parameter")

    def _block(self, number: int, kept: dict[str, Any]) -> VamasBlock:
        values = self._values(number, kept.get("ordinates", 0))
        counts = values[:, 0 if self.regular else 1]
        start, step = kept.get("the axis start", np.nan), kept.get("the axis step", np.nan)
        regular = start + step * np.arange(counts.size, dtype=np.float64)
        photon = kept.get("photon energy", np.nan)
        return VamasBlock(
            number=number,
            label=kept["label"],
            sample=kept["sample"],
            technique=kept.get("technique", ""),
            line=f"{kept.get('species', '')} {kept.get('the transition', '')}".strip(),
            photon_energy_ev=photon if 0 < photon < 1e30 else None,  # the format writes 1e37 for "unknown"
            axis_name=kept.get("the axis label", ""),
            axis=regular if self.regular else values[:, 0],
            counts=counts,
            unit=kept.get("unit", ""),
        )

    def _values(self, number: int, n_ordinates: int) -> Array:
        """Return the values of a block, a row for each point: every variable, in the order of the file."""
        n_values = self.count(f"the number of values of block {number}")
        if n_ordinates < (1 if self.regular else 2) or n_values < 1 or n_values % n_ordinates:
            fault = f"block {number} announces {n_values} values of {n_ordinates} variables"
            raise self.error(fault, "export it again, or as a text table")
        self.skip(2 * n_ordinates, "smallest and largest value")
        if (left := len(self.lines) - self.at) < n_values:
            fault = f"block {number} announces {n_values} values but the file ends after {left}"
            raise self.error(fault, "export it again: it was cut off", line=len(self.lines))
        read = [self.number(f"a value of block {number}") for _ in range(n_values)]
        return np.array(read).reshape(-1, n_ordinates)
