"""Known chemical states, and which of them a set of doublets can be."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from cxkinetics.evidence.xps_result import XpsComponent

__all__ = ["STATES", "ChemicalState", "name_by_separation", "verdicts_of"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ChemicalState:
    """A chemical state with the position of its main line.

    Attributes
    ----------
    name : str
        In words.
    line : str
        The photoelectron line.
    position_ev : float
        Binding energy of the main line, eV.
    family : str
        "host" (in the host cluster), "sulfide" (guest sulfide) or "other".
    source : str
        Where the position comes from.
    """

    name: str
    line: str
    position_ev: float
    family: str
    source: str


_PAPER = "doi 10.1063/5.0151904"
STATES: tuple[ChemicalState, ...] = tuple(
    ChemicalState(name=name, line=line, position_ev=position, family=family, source=_PAPER)
    for name, line, position, family in (
        ("Ag in the doped cluster", "Ag 3d", 368.9, "host"),
        ("Ag2S after the avalanche", "Ag 3d", 366.3, "sulfide"),
        ("bulk Ag2S", "Ag 3d", 367.8, "sulfide"),
        ("Ag metal", "Ag 3d", 368.1, "other"),
        ("Cd in CdS", "Cd 3d", 405.6, "host"),
        ("S in CdS", "S 2p", 161.6, "host"),
    )
)
"""Positions as Yao, Lynch, Robinson, J. Chem. Phys. 159, 014704 (2023) state them."""

SAME_SEPARATION_EV = 0.4


def name_by_separation(
    components: list[XpsComponent], known: Sequence[ChemicalState], limit: float, energy_sd_ev: float
) -> list[XpsComponent]:
    """Name two doublets by their distance where it is that of a host and a sulfide state.

    The distance is free of the energy reference. A second doublet below the detection limit names
    nothing, and the offset that the naming implies must be a possible one (3 sd).
    """
    if len(components) != 2 or min(c.share.value or 0.0 for c in components) < limit:
        return components
    positions = [c.position_ev.value or 0.0 for c in components]
    gap = max(positions) - min(positions)
    for host in known:
        for sulfide in known:
            if (host.family, sulfide.family) != ("host", "sulfide"):
                continue
            expected = abs(host.position_ev - sulfide.position_ev)
            offset = max(positions) - max(host.position_ev, sulfide.position_ev)
            if abs(gap - expected) > SAME_SEPARATION_EV or abs(offset) > 3 * max(energy_sd_ev, 0.1):
                continue
            upper = "host" if host.position_ev > sulfide.position_ev else "sulfide"
            lower = "sulfide" if upper == "host" else "host"
            return [
                component.named(upper if position == max(positions) else lower)
                for component, position in zip(components, positions, strict=True)
            ]
    return components


def verdicts_of(
    components: tuple[XpsComponent, ...],
    limit: float,
    upper: float | None,
    absent_below: float,
    families: Collection[str] = ("host", "sulfide"),
    bad: str = "",
) -> tuple[dict[str, str], dict[str, str]]:
    """Return the state of host and guest sulfide, and the sentence behind each.

    `bad` says why the fit decides nothing: then both are undecided.
    """
    states, why = {}, {}
    for family in ("host", "sulfide"):
        if family not in families:
            continue  # this line says nothing of it
        mine = [c for c in components if c.family == family]
        if bad:
            states[family], why[family] = "undecided", bad
        elif not components:
            states[family] = "absent" if family == "sulfide" else "undecided"
            why[family] = "no line is seen above the background"
        elif mine:
            share = mine[0].share
            low = share.low if share.low is not None else share.value
            seen = (share.value or 0.0) >= limit and (low or 0.0) > 0
            states[family] = "present" if seen else "undecided"
            place = mine[0].position_ev.format_value()
            why[family] = (
                f"the only doublet, at {place} eV"
                if len(components) == 1
                else f"share {share} at {place} eV against a limit of {limit:.2f}"
            )
        elif len(components) == 1 and components[0].family in ("host", "sulfide") and upper is not None:
            states[family] = "absent" if upper < absent_below else "undecided"
            why[family] = f"at most {upper:.2f} of the line"
        else:
            states[family] = "undecided"
            small = [c for c in components[1:] if (c.share.value or 0.0) < limit]
            near = dict.fromkeys(name for c in components for name in c.near_states)
            if small:
                why[family] = f"a doublet of {small[0].share} lies below the limit of {limit:.2f}"
            else:
                why[family] = f"the position fits {' and '.join(near)}" if near else "no known state is near"
    return states, why
