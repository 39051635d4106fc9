"""From scaled fits to numbers with units and intervals."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from scipy.special import stdtrit

from cxkinetics.arrays import Array
from cxkinetics.estimate import Estimate
from cxkinetics.fitting.fitted import Fitted
from cxkinetics.fitting.intervals import Confidence, Interval, confidence_of, interval_of
from cxkinetics.fitting.profile import ProfileSpace, profile_space
from cxkinetics.models.families import FreeJointFamily, StagedFamily

__all__ = ["Numbers", "half_life_of"]

FINE = 40
"""Plausible gaps up to which the breakpoint's profile is taken at points between samples too."""


class Numbers:
    """The numbers of a staged fit, averaged over its offset variants.

    Parameters
    ----------
    variants : sequence of (Fitted, float)
        The fit shown first, each with its Akaike weight.
    confidence : float
        Level of the intervals.
    absolute_sigma : bool
        Take sigma at its word.
    """

    def __init__(
        self, variants: Sequence[tuple[Fitted, float]], *, confidence: float, absolute_sigma: bool = False
    ) -> None:
        self.fitted = variants[0][0]
        self.weights = [weight for _, weight in variants]
        self.fits = [fitted for fitted, _ in variants]
        self.spaces: list[ProfileSpace] = [profile_space(fitted) for fitted in self.fits]
        self.level = confidence
        self.scale = self.fitted.sample.sigma_unit if absolute_sigma else None
        ar1 = self.fitted.correlation is not None
        self.method = "profile likelihood, " + ("AR(1) noise integrated out" if ar1 else "white noise")
        if len(self.fits) > 1:
            self.method += ", averaged over offset zero and fitted"

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
        name = "C1" if isinstance(self.fitted.family, FreeJointFamily) else "C"
        return self._estimate("amplitude", name, self.fitted.sample.scale, unit)

    def offset(self, unit: str, given: float | None) -> Estimate:
        """Return Ainf, in the trace's unit."""
        if given is not None:
            return Estimate(name="offset", value=given, unit=unit, method="fixed", reason="given")
        with_offset = [i for i, fitted in enumerate(self.fits) if fitted.family.with_offset]
        if self.fitted.family.with_offset:
            return self._estimate("offset", "o", self.fitted.sample.scale, unit, only=0)
        if not with_offset:
            reason = (
                "zero: a fitted offset gains nothing (Akaike weight below 0.001) or the points are too few"
            )
            return Estimate(name="offset", value=0.0, unit=unit, method="chosen", reason=reason)
        shown = self._estimate("offset", "o", self.fitted.sample.scale, unit, only=with_offset[0])
        reason = (
            f"AICc asks for none; a fitted offset would be {shown.format_value()}, whose interval is given"
        )
        return replace(shown, value=0.0, method="profile of the fitted offset; zero shown", reason=reason)

    def breakpoint(self, number: int) -> Estimate:
        """Return breakpoint `number` (from 1), in s."""
        sample, family = self.fitted.sample, self.fitted.family
        if isinstance(family, FreeJointFamily):
            return self._gap(number)
        if self.fitted.given_breaks:
            value = float(self.fitted.theta[family.breaks][number - 1]) * sample.span_s + sample.anchor_s
            return Estimate(
                name="breakpoint", value=value, unit="s", method="given", reason="given, not fitted"
            )
        found = self._estimate(
            "breakpoint",
            f"b{number}",
            sample.span_s,
            "s",
            shift=sample.anchor_s,
            grid=self._break_grid(number),
        )
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
        grid: Array | None = None,
        only: int | None = None,
    ) -> Estimate:
        chosen = range(len(self.fits)) if only is None else [only]
        weights = [1.0] if only is not None else self.weights
        confidences: list[Confidence] = [
            confidence_of(self.fits[i], name, self.spaces[i], known_scale=self.scale) for i in chosen
        ]
        value = confidences[0].estimate * factor + shift
        if self.fitted.sample.n - self.fitted.n_parameters < 1:
            reason = "no degrees of freedom are left for an interval"
            return Estimate(name=label, value=value, unit=unit, reason=reason)
        interval = interval_of(confidences, weights, self.level, grid=grid)
        return self._with_units(label, value, confidences[0].se * abs(factor), interval, factor, shift, unit)

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
        trusted = not (interval.open_low and interval.open_high)
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
        space, sample = self.spaces[0], self.fitted.sample
        family = self.fitted.family
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
        if found.knot_rss.size:
            limit = found.rss * (1 + _t_squared(fitted.dof, self.level) / fitted.dof)
            firsts = np.searchsorted(sample.time, found.knots[found.knot_rss <= limit])
            if firsts.size:
                low, high = min(low, sample.time[firsts.min() - 1]), max(high, sample.time[firsts.max()])
        else:
            reason = "the interval is the gap itself"
        span, anchor = sample.span_s, sample.anchor_s
        return Estimate(
            name="breakpoint",
            value=float(ends[0] + ends[1]) / 2 * span + anchor,
            low=float(low) * span + anchor,
            high=float(high) * span + anchor,
            unit="s",
            method="profile over the gaps between samples" if not reason else "gap",
            reason=reason,
        )


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
