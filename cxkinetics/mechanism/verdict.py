"""What may be claimed for a mechanism beside its rivals: chi2 against the parameters that it cost."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cxkinetics.mechanism.result import Deciding, RivalFit

LEAD = 10.0
"""chi2 that one parameter more must gain before anything is claimed for it."""


def compared(behind: float, needed: float) -> str:
    """Return where a rival stands: a parameter more must gain `LEAD`, whichever of the two has it."""
    if needed > 0:
        return "behind" if behind > needed else "not told apart"
    if needed < 0:  # the rival has more parameters: it must gain for them
        return "ahead" if behind < needed else "not told apart" if behind < 0 else "behind"
    return "behind" if behind > LEAD else "ahead" if behind < -LEAD else "not told apart"


def verdict_of(mechanism: str, rivals: "Sequence[RivalFit]") -> dict[str, str]:
    """Return code and text of what may be claimed for a mechanism, the first of the rivals."""
    others = rivals[1:]
    if not others:
        return {"code": "alone", "text": "no rival was fitted: nothing is claimed for its states"}
    ahead = [rival.mechanism for rival in others if rival.verdict == "ahead"]
    simpler = [rival for rival in others if rival.needed > 0]
    near = [rival for rival in simpler if rival.verdict == "not told apart"]
    if ahead:
        text = f"{', '.join(ahead)} fits better by more than {LEAD:g} for each parameter"
        return {"code": "behind", "text": text}
    if near:
        names = ", ".join(f"{rival.mechanism} ({rival.behind:+.1f})" for rival in near)
        text = (
            f"within {LEAD:g} of chi2 for each parameter more: {names}; nothing is claimed for the "
            f"states that only {mechanism} has"
        )
        return {"code": "not told apart", "text": text}
    if not simpler:
        return {"code": "alone", "text": "no simpler rival was fitted: nothing is claimed for its states"}
    least = min(simpler, key=lambda rival: rival.behind)
    more = rivals[0].n_parameters - least.n_parameters
    text = (
        f"every simpler rival is behind by more than {LEAD:g} of chi2 for each parameter; the nearest is "
        f"{least.mechanism}, behind by {least.behind:.0f} for {more} parameters"
    )
    return {"code": "ahead", "text": text}


def next_measurement(rivals: "Sequence[RivalFit]", deciding: "Sequence[Deciding]") -> str:
    """Return what to measure next where rivals are not told apart, "" where all are."""
    untold = [rival.mechanism for rival in rivals if rival.verdict == "not told apart"]
    if not untold:
        return ""
    names = ", ".join(untold)
    best = next((one for one in deciding if one.rival in untold), None)
    if best is None:
        return (
            f"What to measure next: no measurement that is listed tells it from {names} by twice its error; "
            "repeat those that were fitted with smaller errors."
        )
    return (
        f"What to measure next, to tell it from {names}: {best.what}, to within {best.sd:g} "
        f"({best.expected:.3g} expected, {best.rival_expected:.3g} by {best.rival})."
    )
