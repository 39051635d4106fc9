"""The verdict: one code and one plain sentence with the numbers behind it.

The rules are those the documentation states: a break needs a simulated p <= 0.05 AND a staged
model ahead of every smooth rival by 6 in AICc; p alone says only "not one exponential".
"""

import numpy as np

from cxkinetics.estimate import Estimate, format_p
from cxkinetics.fitting.analysis import Analysis
from cxkinetics.fitting.parts import Verdict
from cxkinetics.fitting.rivals import Contender

__all__ = ["AHEAD", "LEVEL", "judge"]

LEVEL = 0.05
"""Largest p at which a break is accepted."""
AHEAD = 6.0
"""AICc by which one model must lead another for the difference to count."""
FAR_AHEAD = 10.0
"""The same for a third stage, against smooth curves and two stages: two searched breaks bend into
almost anything."""
FURTHER_LEVEL = 0.01
"""Largest p at which a second break is accepted."""


def judge(analysis: Analysis, decay_rate: Estimate | None) -> tuple[Verdict, int]:
    """Return the verdict and the number of stages to show.

    Parameters
    ----------
    analysis : Analysis
        All fits.
    decay_rate : Estimate or None
        Rate constant of one stage with its interval, where it might hold zero.
    """
    exponentials = [c for c in analysis.smooth if c.kind == "exponential" and np.isfinite(c.aicc)]
    curved = [c for c in analysis.smooth if c.kind == "curved" and np.isfinite(c.aicc)]
    two = [v.contender for v in analysis.variants.get(2, []) if np.isfinite(v.contender.aicc)]
    three = [v.contender for v in analysis.variants.get(3, []) if np.isfinite(v.contender.aicc)]
    holds_zero = _holds_zero(decay_rate)
    p_value = None if analysis.test is None else analysis.test.p_value
    if not exponentials or not two or p_value is None:
        n = analysis.sample.n
        if holds_zero and decay_rate is not None:
            return _no_decay(decay_rate, analysis, None), 1
        text = (
            f"Undecided: {n} distinct times are too few to tell two stages from one "
            "(two stages with an offset, correlated noise and a test need about 10)."
        )
        return Verdict(code="undecided", p_value=p_value, text=text), 1
    exponential, staged = _least(exponentials), _least(two)
    smooth = _least([*exponentials, *curved])
    lead = smooth.aicc - staged.aicc
    chance = _p_text(analysis)
    break_seen = p_value <= LEVEL
    further = analysis.further_test
    if three and further is not None and break_seen:
        third = _least(three)
        if (
            smooth.aicc - third.aicc >= FAR_AHEAD
            and staged.aicc - third.aicc >= FAR_AHEAD
            and further.p_value <= FURTHER_LEVEL
            and (analysis.drift is None or analysis.drift.aicc - third.aicc >= AHEAD)
        ):
            text = (
                f"Three first-order stages: a break against one exponential has {chance}, a second break "
                f"{format_p(further.p_value)}; AICc of three stages lies "
                f"{staged.aicc - third.aicc:.1f} below two stages and "
                f"{smooth.aicc - third.aicc:.1f} below the best smooth curve ({smooth.model})."
            )
            lead = smooth.aicc - third.aicc
            return Verdict(code="more_stages", p_value=p_value, text=text, delta_aicc=lead), 3
    if break_seen and lead >= AHEAD:
        text = (
            f"Two first-order stages: a break against one exponential has {chance}, and AICc lies {lead:.1f} "
            f"below the best smooth curve ({smooth.model}; {AHEAD:g} needed). A switch of the rate spread "
            "over a few samples would look the same: the data are consistent with a breakpoint."
        )
        text += _why_not_three(analysis, smooth, staged, three)
        return Verdict(code="two_stages", p_value=p_value, text=text, delta_aicc=lead), 2
    if holds_zero and decay_rate is not None:
        return _no_decay(decay_rate, analysis, lead), 1
    best_staged = staged  # a third stage counts only by the rule above
    bent = _least(curved) if curved else None
    gap = exponential.aicc - min(c.aicc for c in (*curved, best_staged))
    if bent is not None and bent.aicc <= best_staged.aicc and exponential.aicc - bent.aicc >= AHEAD:
        text = (
            f"Smooth but not one exponential: {_named(bent.model)} without any break has AICc "
            f"{exponential.aicc - bent.aicc:.1f} below one exponential and "
            f"{best_staged.aicc - bent.aicc:.1f} below a broken decay ({chance} says only that it is not one "
            "exponential). No breakpoint is established."
        )
        return Verdict(code="smooth", p_value=p_value, text=text, delta_aicc=lead), 1
    if p_value > LEVEL and gap < AHEAD:
        text = (
            f"One first-order stage: no break ({chance}), and no curved or two-stage model lies {AHEAD:g} in "
            f"AICc below {exponential.model} (largest lead {max(gap, 0.0):.1f})."
        )
        if three and exponential.aicc - _least(three).aicc >= AHEAD:
            text += (
                f" Three stages lie {exponential.aicc - _least(three).aicc:.1f} lower, but where no first "
                "break is established no second one is sought."
            )
        return Verdict(code="one_stage", p_value=p_value, text=text, delta_aicc=lead), 1
    best_rival = smooth.model if lead < 0 else best_staged.model
    hint = " (--stages 2 shows them, n_stages=2 in Python)" if lead >= 0 else ""
    text = (
        f"Undecided: {chance} for a break, but the broken decay is "
        + (f"only {lead:.1f} ahead of" if lead >= 0 else f"{-lead:.1f} behind")
        + f" the best smooth curve ({smooth.model}) in AICc, {AHEAD:g} needed; "
        f"the best of these is {best_rival}{hint}. "
        "More points around the suspected break, or a peak that moves, would decide."
    ) + _why_not_three(analysis, smooth, best_staged, three)
    return Verdict(code="undecided", p_value=p_value, text=text, delta_aicc=lead), 1


def _why_not_three(analysis: Analysis, smooth: Contender, staged: Contender, three: list[Contender]) -> str:
    """Return why a third stage that leads in AICc is not accepted; "" where it does not lead."""
    if not three or _least(three).aicc >= staged.aicc:
        return ""
    third, further = _least(three), analysis.further_test
    found = f" Three stages lie {staged.aicc - third.aicc:.1f} lower in AICc"
    if further is not None and further.p_value > FURTHER_LEVEL:
        return f"{found}, but the second break has {format_p(further.p_value)} ({FURTHER_LEVEL:g} needed)."
    leads = min(staged.aicc, smooth.aicc) - third.aicc
    if leads < FAR_AHEAD:
        return f"{found}, but a third stage must lead two stages and every smooth curve by {FAR_AHEAD:g}."
    return f"{found}, but two stages on a drifting baseline explain as much."


def _named(model: str) -> str:
    return f"{'an' if model[0] in 'aeiou' else 'a'} {model}"


def _least(contenders: list[Contender]) -> Contender:
    return min(contenders, key=lambda c: c.aicc)


def _p_text(analysis: Analysis) -> str:
    test = analysis.test
    if test is None:
        return "no p-value"
    smallest = test.p_value <= 1 / (test.n_replicates + 1) * 1.001
    shown = f"p <= {test.p_value:.2g}" if smallest else format_p(test.p_value)
    return f"{shown} ({test.n_replicates} simulated traces, F = {test.statistic:.1f})"


def _holds_zero(rate: Estimate | None) -> bool:
    return rate is not None and (rate.low is None or rate.low <= 0) and (rate.high is None or rate.high >= 0)


def _no_decay(rate: Estimate, analysis: Analysis, lead: float | None) -> Verdict:
    p_value = None if analysis.test is None else analysis.test.p_value
    text = f"No decay: the rate constant of one stage, k = {rate}, has an interval that holds 0; "
    finite = [c for c in analysis.contenders() if np.isfinite(c.aicc)]
    plain = next((c for c in finite if c.model == "exponential"), None)
    best = min(finite, key=lambda c: c.aicc, default=None)
    if plain is not None and best is not None and plain.aicc - best.aicc >= AHEAD:
        text += (
            f"the signal does change ({best.model} has AICc {plain.aicc - best.aicc:.1f} below it), but not "
            "as one decay: it may rise and fall. Choose a window in which it only falls, or growth."
        )
    else:
        text += "nothing changes beyond the noise, so no breakpoint is sought."
    return Verdict(code="no_decay", p_value=p_value, text=text, delta_aicc=lead)
