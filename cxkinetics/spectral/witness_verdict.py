"""What both witnesses add up to, in a word and a sentence."""

from cxkinetics.estimate import Estimate, format_p
from cxkinetics.spectral.populations import Populations
from cxkinetics.spectral.witness_result import WitnessModel

__all__ = ["break_leads", "judge_witnesses"]

_AHEAD = 6.0  # AICc


def break_leads(models: tuple[WitnessModel, ...]) -> bool:
    """Return whether the staged model is ahead of every smooth one by 6 in AICc."""
    return _lead(models) >= _AHEAD


def _lead(models: tuple[WitnessModel, ...]) -> float:
    ahead = {model.model: model.delta_aicc or 0.0 for model in models}
    return min(value for name, value in ahead.items() if name != "staged") - ahead["staged"]


def judge_witnesses(
    moved: bool,
    shift: Estimate,
    models: tuple[WitnessModel, ...],
    populations: Populations | None,
    p_value: float,
    by_rate: Estimate,
    by_shift: Estimate,
) -> tuple[str, str]:
    """Return the verdict's code and its sentence.

    Parameters
    ----------
    moved : bool
        Whether the peak moves at all.
    shift : Estimate
        By how much, nm.
    models : tuple of WitnessModel
        Ranked models of both signals.
    populations : Populations or None
        Quenching or two populations, by the whole spectrum.
    p_value : float
        Of "both breakpoints are one".
    by_rate, by_shift : Estimate
        The two breakpoints, s.
    """
    if not moved:
        return "degenerate", (
            f"the peak is not seen to move (shift {shift}): quenching of a doped cluster and two populations "
            "describe this series exactly alike, and there is one witness of the breakpoint only"
        )
    lead = _lead(models)
    if break_leads(models):
        agree = "agree" if p_value > 0.05 else "disagree"
        return "staged", (
            f"two stages: the rate changes at {by_rate}, the shift ends at {by_shift}; the witnesses {agree} "
            f"({format_p(p_value)}), and a break is ahead of every smooth model by {lead:.1f} in AICc"
        )
    lead = -lead
    if lead >= _AHEAD and populations is not None:
        names = {"quenching": "sequential"}
        code = names.get(populations.verdict, populations.verdict)
        return code, f"no break is needed (a smooth model is ahead by {lead:.1f} in AICc); {populations.text}"
    if lead >= _AHEAD:
        return "undecided", (
            f"no break is needed (a smooth model is ahead by {lead:.1f} in AICc); quenching and two "
            "populations are the same curves: only whole spectra can tell them apart"
        )
    return "undecided", (
        "a break and smooth models explain both witnesses alike "
        f"(AICc differs by {abs(lead):.1f}, need {_AHEAD:g})"
    )
