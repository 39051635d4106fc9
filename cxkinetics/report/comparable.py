"""Whether runs can be averaged: judged alike, one signal, one treatment of the offset.

A mean over only the runs in which a break was found would select: those runs are the ones whose
noise favoured it. And k of a run whose offset is held at zero is another number than k beside a
fitted offset. In both cases the reason says which option makes the runs comparable.
"""

from collections import Counter
from collections.abc import Sequence

import numpy as np

from cxkinetics.fitting.result import StagedFit
from cxkinetics.report.staged_tables import name_of

__all__ = ["ratio_reason", "why_no_mean"]

WAVELENGTH_NM = 5.0
"""Distance between the wavelengths of two traces beyond which they are no repeats."""
ZERO_HELD = (
    "the single-fit se allows for an offset that the values hold at zero: "
    "pass --offset zero or --offset fit to compare"
)
_LISTED = 8
_DECIDED = ("demanded", "one_stage", "two_stages", "more_stages")


def why_no_mean(fits: Sequence[StagedFit]) -> str:
    """Return why runs must not be averaged, with the remedy; "" where they may be.

    Parameters
    ----------
    fits : sequence of StagedFit
        At least one run.
    """
    return _judged_apart(fits) or _difference(fits) or _offsets_apart(fits)


def ratio_reason(fits: Sequence[StagedFit]) -> str:
    """Return why the spread between runs cannot be held against the errors of single fits.

    With the offset "auto", values that hold it at zero carry errors that allow for a fitted one:
    these are wider than the scatter of such values by construction. "" where both are of one model.
    """
    return ZERO_HELD if any(_zero_chosen(fit) for fit in fits) else ""


def _zero_chosen(fit: StagedFit) -> bool:
    """Return whether the values hold the offset at zero while their errors allow for another."""
    chosen = fit.options.get("offset", "auto") == "auto"
    return chosen and fit.offset.value == 0 and fit.offset.method not in ("fixed", "chosen")


def _judged_apart(fits: Sequence[StagedFit]) -> str:
    kinds = Counter(map(_kind, fits)).most_common()
    if len(kinds) < 2:
        return ""
    listed = ", ".join(f"{number} {_words(kind)}" for kind, number in kinds)
    found = f"the runs are judged differently ({listed})"
    if any(code == "no_decay" for (code, _), _ in kinds):
        return f"{found}; a run without decay has no rate constant: see whether it is a repeat of the others"
    decided = [(number, stages) for (code, stages), number in kinds if code in _DECIDED]
    stages = max(decided)[1] if decided else 2
    return (
        f"{found}, and a mean over those with one verdict would select; for a mean over all, "
        f"pass --stages {stages} for all"
    )


def _kind(fit: StagedFit) -> tuple[str, int]:
    """Return what must agree between repeats; a demanded number of stages goes before the verdict."""
    demanded = fit.options.get("n_stages", "auto") != "auto" or bool(fit.options.get("breakpoints_s"))
    return ("demanded" if demanded else fit.verdict.code, len(fit.stages))


def _words(kind: tuple[str, int]) -> str:
    code, stages = kind
    if code == "demanded":
        return f"with {stages} stage{'' if stages == 1 else 's'} demanded"
    return f"more stages ({stages})" if code == "more_stages" else code.replace("_", " ")


def _difference(fits: Sequence[StagedFit]) -> str:
    """Return why fits of one kind are no repeats of one experiment; "" where they may be."""
    if fits[0].verdict.code == "no_decay":
        return "the runs show no decay, so there is no rate constant to average"
    units = sorted({fit.trace.unit for fit in fits})
    if len(units) > 1:
        return f"the signals have different units ({', '.join(units)})"
    wavelengths = [fit.trace.wavelength_nm for fit in fits if fit.trace.wavelength_nm is not None]
    if wavelengths and max(wavelengths) - min(wavelengths) > WAVELENGTH_NM:
        return (
            f"the traces were read at different wavelengths ({min(wavelengths):g} to {max(wavelengths):g} nm)"
        )
    seen: dict[bytes, str] = {}
    for fit in fits:
        name = name_of(fit)
        data = np.asarray(fit.trace.absorbance).tobytes()
        if data in seen:
            return f"{seen[data]} and {name} are the same data, not two runs"
        seen[data] = name
    return ""


def _offsets_apart(fits: Sequence[StagedFit]) -> str:
    """Return which runs hold the offset and which fit it, where a batch mixes both."""
    groups: dict[str, list[str]] = {}
    for fit in fits:
        groups.setdefault(_treated(fit), []).append(name_of(fit))
    if len(groups) < 2:
        return ""
    parts = [
        f"{words} in {len(names)} run{'' if len(names) == 1 else 's'} ({_listed(names)})"
        for words, names in sorted(groups.items(), reverse=True)
    ]
    return (
        f"the offset is {' and '.join(parts)}, and k differs between these groups for that "
        "reason alone; pass --offset fit or --offset zero for all"
    )


def _treated(fit: StagedFit) -> str:
    option = fit.options.get("offset", "auto")
    if option == "zero" or (option != "fit" and fit.offset.value == 0):
        return "held at zero"
    return "fitted" if isinstance(option, str) else "given"


def _listed(names: Sequence[str]) -> str:
    more = len(names) - _LISTED
    return "; ".join(names[:_LISTED]) + (f"; {more} more" if more > 0 else "")
