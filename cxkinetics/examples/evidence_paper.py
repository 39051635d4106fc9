"""What the paper states of its evidence, and where its statements do not agree with each other.

The stated values live in packaged tables with their DOI; each contradiction carries both values,
one of them recomputed here where it can be. None is smoothed over, none is decided.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cxkinetics.evidence.assignment import MassAssignment, assign_peaks, check_formula
from cxkinetics.evidence.findings import Consensus
from cxkinetics.evidence.records import samples_of_table
from cxkinetics.evidence.verdict import join
from cxkinetics.io.evidence_lists import load_peak_list

__all__ = [
    "Contradiction",
    "published_assignment",
    "published_contradictions",
    "published_statements",
    "published_table",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Contradiction:
    """One pair of statements that do not agree.

    Attributes
    ----------
    topic : str
        What it is about.
    stated : str
        One value, as stated.
    against : str
        The other: stated elsewhere, or computed.
    text : str
        What follows from it.
    """

    topic: str
    stated: str
    against: str
    text: str

    def to_dict(self) -> dict[str, str]:
        """Return the JSON form."""
        return {"topic": self.topic, "stated": self.stated, "against": self.against, "text": self.text}


def _packaged(name: str) -> Path:
    return Path(__file__).with_name(name)


def published_statements() -> Mapping[str, Any]:
    """Return the positions and onsets that the paper states, as the packaged TOML file holds them."""
    with open(_packaged("evidence_paper.toml"), "rb") as file:
        return tomllib.load(file)


def published_table() -> Consensus:
    """Return Table I as stated, joined.

    Examples
    --------
    >>> table = published_table()
    >>> [sample.text for sample in table.samples][-4:]
    ['CdS + Ag2S', 'CdS + Ag2S', 'CdS + Ag2S', 'Ag2S']
    >>> table.onset_percent
    (4.0, 8.0)
    """
    return join(samples_of_table(_packaged("evidence_table1.csv")))


def published_assignment() -> MassAssignment:
    """Return the paper's peaks with their stated formulae, checked.

    Examples
    --------
    >>> [peak.mz for peak in published_assignment().peaks if not peak.agrees]
    [4860.0, 5400.0, 5549.0, 5694.0, 6500.0]
    """
    return assign_peaks(load_peak_list(_packaged("evidence_ms_peaks.csv"), label="peaks stated in the paper"))


def published_contradictions() -> tuple[Contradiction, ...]:
    """Return where the paper's evidence disagrees with itself or with what follows from it."""
    return (*_of_table(), *_of_masses(), *_of_energies())


def _of_table() -> list[Contradiction]:
    stated = published_statements()["onset"]
    table = published_table()
    low, high = table.onset_percent or (float("nan"), float("nan"))
    first, second = stated["incorporation_percent"]
    dose_low, dose_high = stated["dose_percent"]
    found = [
        Contradiction(
            topic=f"{label}: techniques",
            stated=text.split(" but ")[0],
            against=text.split(" but ")[1].split(":")[0],
            text="residual clusters fragment: absence in a mass spectrum is no veto",
        )
        for label, text in table.disagreements
    ]
    return [
        *found,
        Contradiction(
            topic="Ag2S first seen, incorporation",
            stated=f"{first:.1f} %",
            against=f"{second:.1f} %",
            text=f"Table I brackets it: absent at {low:.1f} %, present at {high:.1f} %",
        ),
        Contradiction(
            topic="Ag2S first seen, dose",
            stated=f"above {dose_low:g} %",
            against=f"{dose_high:g} %",
            text="the dose of the 4.0 % sample is not stated (about 36 % on the fitted line)",
        ),
    ]


def _of_masses() -> list[Contradiction]:
    found = []
    assignment = published_assignment()
    for peak in assignment.peaks:
        if peak.stated is None or peak.agrees:
            continue
        hosts = [c for c in peak.candidates if c.family == "host" and c.balanced and "+" not in c.formula]
        text = (
            f"nearer: {hosts[0].formula} ({hosts[0].error_da:+.1f} Da)"
            if hosts
            else "no undoped cluster balances its charges within 2 Da"
        )
        if peak.stated.family == "sulfide":
            text = "stated as 'up to about 6500'"
        if peak.stated.family == "doped":
            text = "stated as the ligand-stripped cluster"
        found.append(
            Contradiction(
                topic=f"{peak.stated.formula}",
                stated=f"m/z {peak.mz:g}",
                against=f"{peak.stated.mass_da:.1f} computed ({peak.stated.error_da:+.0f} Da)",
                text=text,
            )
        )
    host = check_formula("Cd34S33(L)", 5163)
    oleate = check_formula("Cd34S33(OA)", 5163)
    found.append(
        Contradiction(
            topic="charge of Cd34S33(L)",
            stated="L is oleic acid C18H34O2",
            against=f"formal charge {host.formal_charge:+d}",
            text=f"with oleate it is {oleate.formal_charge:+d}, mass {oleate.mass_da:.1f} "
            f"({oleate.error_da:+.1f} Da)",
        )
    )
    for mz, plain, helped in (
        (5159, "AgCd33S33(L)", "AgHCd33S33(L)"),
        (5155, "Ag2Cd32S33(L)", "Ag2H2Cd32S33(L)"),
    ):
        one, other = check_formula(plain, mz), check_formula(helped, mz)
        found.append(
            Contradiction(
                topic=f"{plain} at {mz}",
                stated=f"{one.error_da:+.2f} Da without protons",
                against=f"{other.error_da:+.2f} Da with one H per Ag",
                text="Ag+ and H+ for Cd2+ keeps the charge; the mass comes nearer too",
            )
        )
    series = [peak for peak in assignment.peaks if 3200 <= peak.mz <= 4150]
    listed = ", ".join(f"{peak.mz:g}" for peak in series)
    found.append(
        Contradiction(
            topic="Ag2S series at 3200-4150",
            stated=f"{listed} are Ag2S",
            against="CdS fragments lie there below 8 % too",
            text="a peak there alone is no Ag2S; two balanced clusters one Ag2S apart are",
        )
    )
    return found


def _of_energies() -> list[Contradiction]:
    xps = published_statements()["xps"]
    doped, sulfide = xps["doped_ag3d_ev"][1], xps["sulfide_ag3d_ev"][1]
    low, high = xps["cited_range_ev"]
    at_8, plain = xps["sulfur_2p_at_8_percent_ev"][1], xps["sulfur_2p_ev"][1]
    return [
        Contradiction(
            topic="XPS shift of Ag 3d5/2",
            stated=f"{xps['stated_shift_ev']:.1f} eV",
            against=f"{doped - sulfide:.1f} eV ({doped:.1f} - {sulfide:.1f})",
            text="both doublets split by "
            f"{xps['doped_ag3d_ev'][0] - doped:.1f} and {xps['sulfide_ag3d_ev'][0] - sulfide:.1f} eV",
        ),
        Contradiction(
            topic="Ag 3d5/2 of Ag2S",
            stated=f"{sulfide:.1f} eV",
            against=f"Ag+ at {low:.1f}-{high:.1f} eV as cited; own bulk Ag2S {xps['bulk_sulfide_ev']:.1f}",
            text=f"{xps['bulk_sulfide_ev'] - sulfide:.1f} eV below that bulk Ag2S, and outside the range",
        ),
        Contradiction(
            topic="S 2p3/2 between samples",
            stated=f"{plain:.1f} eV",
            against=f"{at_8:.1f} eV at 8.0 %",
            text=f"{at_8 - plain:+.1f} eV: an energy reference may have moved; distances within one spectrum "
            "are free of that",
        ),
    ]
