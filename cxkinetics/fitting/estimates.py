"""From scaled fits to numbers with units and intervals."""

from dataclasses import replace

import numpy as np
from scipy.special import stdtrit

from cxkinetics.arrays import Array
from cxkinetics.estimate import Estimate
from cxkinetics.fitting.break_law import break_law
from cxkinetics.fitting.fitted import Fitted
from cxkinetics.fitting.intervals import Confidence, Interval, confidence_of, intervals_of
from cxkinetics.fitting.profile import ProfileSpace, profile_space
from cxkinetics.models.families import FreeJointFamily, StagedFamily, carried_back

__all__ = ["Numbers", "half_life_of"]

NARROW = 1e-6
"""Relative width below which an interval is a point, and its pieces mean nothing."""
FINE = 40
"""Plausible gaps up to which the breakpoint's profile is taken at points between samples too."""


class Numbers:
    """The numbers of a staged fit: values of the curve shown, intervals of the wider model.

    Parameters
    ----------
    shown : Fitted
        The fit whose curve and values are shown.
    wider : Fitted, optional
        The fit whose profiles give the intervals (the one with the offset fitted, where the offset
        was chosen); by default the one shown.
    confidence : float
        Level of the intervals.
    absolute_sigma : bool
        Take sigma at its word.
    seed : int
        Seed of the simulated law of a weak breakpoint.
    """

    def __init__(
        self,
        shown: Fitted,
        wider: Fitted | None = None,
        *,
        confidence: float,
        absolute_sigma: bool = False,
        seed: int = 0,
    ) -> None:
        self.fitted = shown
        self.wider = wider or shown
        self.space: ProfileSpace = profile_space(self.wider)
        self.law = break_law(self.wider, confidence, np.random.default_rng([seed, 2]))
        self.level = confidence
        self._known: dict[str, Estimate] = {}
        self._found: dict[str, tuple[Confidence, Interval]] = {}
        self.scale = shown.sample.sigma_unit if absolute_sigma else None
        ar1 = self.wider.correlation is not None
        self.method = "profile likelihood, " + ("AR(1) noise integrated out" if ar1 else "white noise")
        if self.wider.family.with_offset and not shown.family.with_offset:
            self.method += ", offset fitted"

    def look(self, *names: str) -> None:
        """Run the profiles of several quantities of the wider model, by name, in one batch: it is faster.

        Names are those of its parameters, "C0" for the amplitude at the anchor, and "k1/k2".
        """
        family, level = self.wider.family, self.level
        confidences = [
            confidence_of(self.wider, n, self.space, known_scale=self.scale, law=self.law) for n in names
        ]
        grids: list[Array | None] = [None] * len(names)
        if isinstance(family, StagedFamily) and not self.wider.given_breaks:
            grids = [self._break_grid(int(n[1:])) if n[0] == "b" else None for n in names]
        intervals = [Interval(low=None, high=None)] * len(names)
        if self.wider.sample.n > self.wider.n_parameters:
            intervals = intervals_of(confidences, level, grids=grids)
        self._found.update(zip(names, zip(confidences, intervals, strict=True), strict=True))

    def look_at_all(self) -> None:
        """Run every profile that a result shows."""
        names = [name for name in self.wider.family.names if name[0] in "ko"]
        if isinstance(self.wider.family, StagedFamily) and not self.wider.given_breaks:
            names += [name for name in self.wider.family.names if name[0] == "b"]
        self.look("C0", *names)

    def rate(self, number: int) -> Estimate:
        """Return k of stage `number` (from 1), in 1/s."""
        return self._estimate("k", f"k{number}", 1 / self.fitted.sample.span_s, "1/s")

    def ratio(self) -> Estimate:
        """Return k1/k2."""
        second = self.fitted.theta[self.fitted.family.names.index("k2")]
        if abs(second) < 1e-9:
            return Estimate(name="k1/k2", value=None, reason="k2 is zero")
        return self._estimate("k1/k2", "k1/k2", 1.0, "")

    def amplitude(self, unit: str) -> Estimate:
        """Return A0 - Ainf at t = 0, in the trace's unit."""
        return self._estimate("amplitude", "C0", self.fitted.sample.scale, unit)

    def to_user_units(self) -> Array:
        """Return the matrix (p, p) from scaled parameters to user units, the amplitude at its anchor."""
        sample, names = self.fitted.sample, self.fitted.family.names
        factors = {"C": sample.scale, "o": sample.scale, "k": 1 / sample.span_s, "b": sample.span_s}
        matrix = np.diag([factors[name[0]] for name in names])
        lead = (sample.first_s - sample.anchor_s) / sample.span_s
        first = names.index("k1")
        back = carried_back(float(self.fitted.theta[first]) * lead)
        matrix[0, 0] *= back
        matrix[0, first] += sample.scale * self.fitted.theta[0] * back * lead
        return matrix

    def offset(self, unit: str, given: float | None) -> Estimate:
        """Return Ainf, in the trace's unit."""
        if given is not None:
            return Estimate(name="offset", value=given, unit=unit, method="fixed", reason="given")
        if self.fitted.family.with_offset:
            return self._estimate("offset", "o", self.fitted.sample.scale, unit)
        if not self.wider.family.with_offset:
            reason = "zero: none was fitted (too few points, or nothing decays)"
            return Estimate(name="offset", value=0.0, unit=unit, method="chosen", reason=reason)
        fitted = self._estimate("offset", "o", self.fitted.sample.scale, unit)
        gain = f"a fitted offset, {fitted.format_value()}, gains less than 2 in AICc; its interval is given"
        return replace(fitted, value=0.0, method="profile likelihood of the fitted offset", reason=gain)

    def breakpoint(self, number: int) -> Estimate:
        """Return breakpoint `number` (from 1), in s."""
        sample, family = self.fitted.sample, self.fitted.family
        if isinstance(family, FreeJointFamily):
            return self._gap(number)
        if self.fitted.given_breaks:
            value = float(self.fitted.theta[family.breaks][number - 1]) * sample.span_s + sample.first_s
            return Estimate(
                name="breakpoint", value=value, unit="s", method="given", reason="given, not fitted"
            )
        found = self._estimate("breakpoint", f"b{number}", sample.span_s, "s", shift=sample.first_s)
        if self.fitted.found.at_edge:
            found = replace(found, reason="the optimum stands at the edge of the search range")
        return found

    def _estimate(
        self,
        label: str,
        name: str,
        factor: float,
        unit: str,
        *,
        shift: float = 0.0,
    ) -> Estimate:
        if name in self._known:
            return replace(self._known[name], unit=unit)
        self._known[name] = self._made(label, name, factor, unit, shift)
        return self._known[name]

    def _made(self, label: str, name: str, factor: float, unit: str, shift: float) -> Estimate:
        if name not in self._found:
            self.look(name)
        confidence, interval = self._found[name]
        value = _value(self.fitted, name, confidence.estimate) * factor + shift
        if self.wider.sample.n - self.wider.n_parameters < 1:
            reason = "no degrees of freedom are left for an interval"
            return Estimate(name=label, value=value, unit=unit, reason=reason)
        found = self._with_units(label, value, confidence.se * abs(factor), interval, factor, shift, unit)
        if isinstance(confidence.stretch, tuple) or confidence.stretch > 1.0:
            found = replace(found, method=f"{found.method}, law of a weak break simulated")
        return found

    def _with_units(
        self, label: str, value: float, se: float, interval: Interval, factor: float, shift: float, unit: str
    ) -> Estimate:
        def convert(end: float | None) -> float | None:
            return None if end is None else end * factor + shift

        low, high = convert(interval.low), convert(interval.high)
        reason = ""
        if interval.open_low or interval.open_high:
            which = (
                "both ends"
                if interval.open_low and interval.open_high
                else ("the lower end" if interval.open_low else "the upper end")
            )
            reason = f"the data do not bound {which}: the likelihood profile stays flat"
        pieces = tuple((a * factor + shift, b * factor + shift) for a, b in interval.pieces)
        if low is not None and high is not None and high - low < NARROW * max(abs(low), abs(high)):
            pieces = ()
        trusted = not (interval.open_low or interval.open_high)
        return Estimate(
            name=label,
            value=value,
            se=se if trusted else None,
            low=low,
            high=high,
            unit=unit,
            method=self.method,
            reason=reason,
            pieces=pieces,
        )

    def _break_grid(self, number: int) -> Array:
        """Return where the profile of a breakpoint must be known: samples and, if few, points between."""
        space, sample = self.space, self.wider.sample
        family = self.wider.family
        assert isinstance(family, StagedFamily)
        column = family.breaks.start + number - 1
        if family.n_stages > 2:
            return np.empty(0)
        low, high = space.theta[:, column].min(), space.theta[:, column].max()
        knots = sample.time[2:-2]
        index = np.flatnonzero((knots >= low) & (knots <= high))
        first, last = max(index[0] - 1, 0) if index.size else 0, (index[-1] + 2) if index.size else knots.size
        if not index.size:
            place = int(np.searchsorted(knots, low))
            first, last = max(place - 1, 0), place + 1
        inside = knots[first:last]
        if inside.size > 160:
            inside = inside[np.unique(np.linspace(0, inside.size - 1, 160).astype(int))]
        if inside.size > FINE:
            return inside
        parts = 2 if inside.size > 12 else 4
        steps = np.arange(parts) / parts
        between = (inside[:-1, None] + np.diff(inside)[:, None] * steps).ravel()
        return np.concatenate([between, inside[-1:]])

    def _gap(self, number: int) -> Estimate:
        """Return a breakpoint between free joints: the gap, and every gap the profile admits."""
        fitted, sample = self.fitted, self.fitted.sample
        cell = int(fitted.found.cell[number - 1])
        ends = sample.time[cell - 1], sample.time[cell]
        low, high = ends
        found = fitted.found
        reason = ""
        if found.knots.size:
            limit = found.rss * (1 + _t_squared(fitted.dof, self.level) / fitted.dof)
            firsts = np.searchsorted(sample.time, found.knots[found.knot_rss <= limit])
            if firsts.size:
                low, high = min(low, sample.time[firsts.min() - 1]), max(high, sample.time[firsts.max()])
        else:
            reason = "the interval is the gap itself"
        span, first = sample.span_s, sample.first_s
        return Estimate(
            name="breakpoint",
            value=float(ends[0] + ends[1]) / 2 * span + first,
            low=float(low) * span + first,
            high=float(high) * span + first,
            unit="s",
            method="profile over the gaps between samples" if not reason else "gap",
            reason=reason,
        )


def _value(fitted: Fitted, name: str, otherwise: float) -> float:
    """Return a scaled quantity of the fit shown (`otherwise` where it has no such parameter)."""
    names = fitted.family.names
    if name == "k1/k2":
        first = names.index("k1")
        return float(fitted.theta[first] / fitted.theta[first + 1])
    if name == "C0":
        sample = fitted.sample
        lead = (sample.first_s - sample.anchor_s) / sample.span_s
        return float(fitted.theta[0]) * carried_back(float(fitted.theta[names.index("k1")]) * lead)
    return float(fitted.theta[names.index(name)]) if name in names else otherwise


def half_life_of(rate: Estimate) -> Estimate:
    """Return ln(2)/k with the interval carried over; open where the rate's interval reaches zero."""
    if rate.value is None or rate.value <= 0:
        reason = "the rate constant is not positive" if rate.value is not None else rate.reason
        return Estimate(name="half-life", value=None, unit="s", method=rate.method, reason=reason)
    ln2 = float(np.log(2.0))
    se = None if rate.se is None else ln2 / rate.value**2 * rate.se
    low = ln2 / rate.high if rate.high is not None and rate.high > 0 else None
    high = ln2 / rate.low if rate.low is not None and rate.low > 0 else None
    reason = rate.reason
    if high is None and rate.low is not None and rate.low <= 0:
        reason = "the interval of k holds 0, so the half-life has no upper end"
    return Estimate(
        name="half-life",
        value=ln2 / rate.value,
        se=se,
        low=low,
        high=high,
        unit="s",
        method=rate.method,
        reason=reason,
    )


def _t_squared(dof: int, level: float) -> float:
    return float(stdtrit(dof, 0.5 + level / 2)) ** 2
