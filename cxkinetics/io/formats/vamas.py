"""VAMAS files (ISO 14976): the blocks of photoelectron and Auger spectra, CasaXPS and PHI MultiPak.

A reader of our own, because it must name the line that does not fit, read any file ending, honour
the list of omitted items and never print. One value stands on each line; what a line means follows
from the lines before it. Regular scans are read; kinetic energies become binding energies with the
photon energy of the block.

References
----------
W. A. Dench, L. B. Hazell, M. P. Seah, Surf. Interface Anal. 13, 63 (1988),
doi 10.1002/sia.740130202.
"""

from dataclasses import dataclass

import numpy as np

from cxkinetics.arrays import Array
from cxkinetics.errors import InputError
from cxkinetics.io.file import Content, decode

IDENTIFIER = "VAMAS Surface Chemical Analysis Standard Data Transfer Format"
_SPUTTERED = {"SNMS energy spec", "FABMS", "FABMS energy spec", "ISS", "SIMS", "SIMS energy spec", "SNMS"}
_DEPTH = {"AES diff", "AES dir", "EDX", "ELS", "UPS", "XPS", "XRF"}


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
    axis_name, axis_unit : str
        What the abscissa is ("Kinetic Energy", "eV").
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
    axis_unit: str
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
            raise InputError(
                f"the axis of block {self.number} is {self.axis_name!r}, not an energy",
                remedy="choose another block",
            )
        if self.photon_energy_ev is None:
            raise InputError(
                f"block {self.number} has kinetic energies but no photon energy",
                remedy="pass --photon-energy (1486.6 for Al K-alpha)",
            )
        said = f"kinetic energies turned into binding energies with hv = {self.photon_energy_ev:g} eV"
        return self.photon_energy_ev - self.axis, said


def is_vamas(content: Content) -> bool:
    """Return whether a file begins as VAMAS files do."""
    return content.data[:200].lstrip(b"\xef\xbb\xbf \t\r\n").startswith(IDENTIFIER.encode())


def read_vamas(content: Content) -> tuple[VamasBlock, ...]:
    """Return the blocks of a VAMAS file.

    Raises
    ------
    InputError
        If a line is not what the format says it must be, naming the line; if the file ends early;
        or if the scan is not regular.
    """
    return _Reader(content).blocks()


class _Reader:
    """Lines in order, with the place for messages."""

    def __init__(self, content: Content) -> None:
        plain = content.data.replace(b"\x00", b"")  # PHI MultiPak ends some names with a zero byte
        text = decode(plain, content.file).text
        self.lines = text.splitlines()
        self.at, self.file = 0, content.file
        while self.at < len(self.lines) and not self.lines[self.at].strip():
            self.at += 1

    def text(self, what: str) -> str:
        if self.at >= len(self.lines):
            raise InputError(
                f"the file ends at line {len(self.lines)} where {what} should stand",
                file=self.file,
                line=len(self.lines),
                remedy="export it again: it was cut off",
            )
        self.at += 1
        return self.lines[self.at - 1].strip()

    def number(self, what: str) -> float:
        cell = self.text(what)
        try:
            return float(cell)
        except ValueError:
            raise InputError(
                f"{cell[:40]!r} stands where {what} (a number) should",
                file=self.file,
                line=self.at,
                value=cell,
                remedy="export it again: a line is missing or extra before it",
            ) from None

    def count(self, what: str) -> int:
        value = self.number(what)
        if value != int(value) or abs(value) > 10_000_000:
            raise InputError(
                f"{value:g} stands where {what} (a whole number) should", file=self.file, line=self.at
            )
        return int(value)

    def skip(self, number: int, what: str) -> None:
        for _ in range(number):
            self.text(what)

    def blocks(self) -> tuple[VamasBlock, ...]:
        self.text("the identifier")
        self.skip(4, "institution, instrument, operator and experiment")
        self.skip(self.count("the number of comment lines"), "a comment line")
        mode, scan = self.text("the experiment mode"), self.text("the scan mode")
        if scan != "REGULAR":
            raise InputError(
                f"the scan mode is {scan!r}; only REGULAR scans are read",
                file=self.file,
                line=self.at,
                value=scan,
                remedy="export as a text table",
            )
        if mode in ("MAP", "MAPDP", "NORM", "SDP"):
            self.count("the number of spectral regions")
        if mode in ("MAP", "MAPDP"):
            self.skip(3, "map positions and coordinates")
        n_variables = self.count("the number of experimental variables")
        self.skip(2 * n_variables, "an experimental variable")
        included = self._included()
        self.skip(self.count("the number of manually entered items"), "a manually entered item")
        n_upgrade = self.count("the number of future-upgrade entries")
        n_block_upgrade = self.count("the number of future-upgrade block entries")
        self.skip(n_upgrade, "a future-upgrade entry")
        n_blocks = self.count("the number of blocks")
        found: list[VamasBlock] = []
        first: dict[str, object] = {}
        for number in range(1, n_blocks + 1):
            wanted = [True] * 40 if number == 1 else included
            block, first = self._block(number, mode, n_variables, n_block_upgrade, wanted, first)
            found.append(block)
        if not found:
            raise InputError("the file announces no block of data", file=self.file, line=self.at)
        return tuple(found)

    def _included(self) -> list[bool]:
        """Return which of the 40 parts of a block stand in every block after the first."""
        number = self.count("the number of inclusion or exclusion entries")
        included = [number <= 0] * 40
        for _ in range(abs(number)):
            part = self.count("the number of a block's part")
            if not 1 <= part <= 40:
                raise InputError(f"part {part} is none of 1 to 40", file=self.file, line=self.at)
            included[part - 1] = number > 0
        return included

    def _block(
        self,
        number: int,
        mode: str,
        n_variables: int,
        n_upgrade: int,
        wanted: list[bool],
        first: dict[str, object],
    ) -> tuple[VamasBlock, dict[str, object]]:
        kept = dict(first)

        def read(part: int, name: str, kind: str = "text") -> None:
            if wanted[part - 1]:
                kept[name] = self.text(name) if kind == "text" else self.number(name)

        def pass_over(part: int, lines: int, name: str) -> None:
            if wanted[part - 1]:
                self.skip(lines, name)

        label, sample = self.text("the block identifier"), self.text("the sample identifier")
        for part in range(1, 8):
            pass_over(part, 1, "date and time")
        if wanted[7]:
            self.skip(self.count("the number of comment lines of the block"), "a comment line of the block")
        read(9, "technique")
        technique = str(kept.get("technique", ""))
        if mode in ("MAP", "MAPDP"):
            pass_over(10, 2, "coordinates")
        pass_over(11, n_variables, "the value of an experimental variable")
        read(12, "source")
        if mode in ("MAPDP", "MAPSVDP", "SDP", "SDPSV") or technique in _SPUTTERED:
            pass_over(13, 3, "the sputtering ion")
        read(14, "photon energy", "number")
        pass_over(15, 1, "source strength")
        pass_over(16, 2, "source beam width")
        if mode in ("MAP", "MAPDP", "MAPSV", "MAPSVDP", "SEM"):
            pass_over(17, 2, "field of view")
        if mode in ("MAPSV", "MAPSVDP", "SEM"):
            pass_over(18, 6, "linescan coordinates")
        for part, lines in ((19, 1), (20, 1), (21, 1), (22, 1)):
            pass_over(part, lines, "source angles and analyser mode")
        if technique == "AES diff":
            pass_over(23, 1, "differential width")
        for part, lines in ((24, 1), (25, 1), (26, 1), (27, 2), (28, 2)):
            pass_over(part, lines, "analyser settings")
        read(29, "species")
        if wanted[29]:
            kept["transition"] = self.text("the transition")
            self.text("the charge of the detected particle")
        if wanted[30]:
            kept["axis name"], kept["axis unit"] = self.text("the axis label"), self.text("the axis unit")
            kept["start"], kept["step"] = self.number("the axis start"), self.number("the axis step")
        if wanted[31]:
            n_ordinates = self.count("the number of corresponding variables")
            pairs = [(self.text("a variable's label"), self.text("its unit")) for _ in range(n_ordinates)]
            kept["ordinates"], kept["unit"] = n_ordinates, pairs[0][1] if pairs else ""
        for part in (33, 34, 35, 36):
            pass_over(part, 1, "signal mode, dwell time and scans")
        if mode in ("MAPDP", "MAPSVDP", "SDP", "SDPSV") and technique in _DEPTH:
            pass_over(37, 7, "the sputtering source")
        pass_over(38, 2, "tilt of the sample")
        pass_over(39, 1, "rotation of the sample")
        if wanted[39]:
            self.skip(3 * self.count("the number of additional parameters"), "an additional parameter")
        self.skip(n_upgrade, "a future-upgrade block entry")
        counts = self._counts(number, _whole(kept.get("ordinates")))
        start, step = _real(kept.get("start")), _real(kept.get("step"))
        photon = _real(kept.get("photon energy"))
        block = VamasBlock(
            number=number,
            label=label,
            sample=sample,
            technique=technique,
            line=f"{kept.get('species', '')} {kept.get('transition', '')}".strip(),
            photon_energy_ev=photon if 0 < photon < 1e30 else None,
            axis_name=str(kept.get("axis name", "")),
            axis_unit=str(kept.get("axis unit", "")),
            axis=start + step * np.arange(counts.size, dtype=np.float64),
            counts=counts,
            unit=str(kept.get("unit", "")),
        )
        return block, (kept if number == 1 else first)

    def _counts(self, number: int, n_ordinates: int) -> Array:
        n_values = self.count(f"the number of values of block {number}")
        if n_ordinates < 1 or n_values < 1:
            raise InputError(f"block {number} announces no values", file=self.file, line=self.at)
        self.skip(2 * n_ordinates, "smallest and largest value")
        first_line = self.at
        cells = self.lines[first_line : first_line + n_values]
        if len(cells) < n_values:
            raise InputError(
                f"block {number} announces {n_values} values but the file ends after {len(cells)}",
                file=self.file,
                line=len(self.lines),
                remedy="export it again: it was cut off",
            )
        values = np.array([self.number(f"a value of block {number}") for _ in range(n_values)])
        return values[::n_ordinates]


def _real(value: object) -> float:
    return float(value) if isinstance(value, int | float) else float("nan")


def _whole(value: object) -> int:
    return value if isinstance(value, int) else 0
