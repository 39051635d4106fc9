"""How much guest to add: a dose in percent turned into an amount and a volume of stock solution.

A dose is mol guest per 100 mol host cation. The host cation counted is all of it in the flask,
whether it sits in clusters or not, because that is how the doses behind the curve were counted.
"""

import numbers
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Annotated, Any

import numpy as np
from scipy.special import ndtr

from cxkinetics.calls import FARTHEST, is_number, shown
from cxkinetics.composition.curve import DEFAULT_DOSE_ERROR
from cxkinetics.composition.draws import PriorInfluence
from cxkinetics.composition.table_errors import read_amount, read_error
from cxkinetics.errors import UsageError
from cxkinetics.estimate import Estimate
from cxkinetics.record import HIDDEN, As, Record, read, written


@dataclass(frozen=True, slots=True, kw_only=True)
class GuestAmount(Record):
    """Guest to add to a flask.

    Attributes
    ----------
    guest, host_cation : str
        Symbols, such as "Ag" and "Cd".
    host_umol : float
        Host cation in the flask, micromol.
    guest_umol : Estimate
        Guest to add, micromol; its interval is that of the dose.
    window_umol : tuple of float or None
        Lowest and highest amount that will do, micromol; None where no window is known.
    stock_mmol_per_l : float or None
        Guest in the stock solution, mmol/L.
    volume_ul : Estimate or None
        Stock solution to add, microlitres.
    window_ul : tuple of float or None
        Its window.
    dose_error : float
        Relative standard deviation of the dose that the flask then holds: host, stock and volume together.
    dose_error_from : str
        "stated", or "assumed" where no error of an amount is stated.
    chance_in_window : float or None
        Chance that the flask's own dose lies in the window (0-1); None where no window is known.
    """

    SCHEMA = "cxkinetics.guest-amount/1"
    _keys = "guest_umol ..."

    guest: str
    host_cation: str
    host_umol: float
    guest_umol: Annotated[Estimate, As(inline=True, name="{guest} to add")]
    window_umol: Annotated[tuple[float, float] | None, As(key="window")] = None
    stock_mmol_per_l: float | None = None
    volume_ul: Annotated[Estimate | None, As(key="volume", name="stock solution to add")] = None
    window_ul: Annotated[tuple[float, float] | None, HIDDEN] = None
    dose_error: float = 0.0
    dose_error_from: str = "stated"
    chance_in_window: float | None = None

    def __str__(self) -> str:
        """Return the amount, the volume where a stock is given, and what the flask then holds, in lines."""
        lines = [
            f"{_with_interval(self.guest_umol)} {self.guest} for {self.host_umol:g} umol {self.host_cation} "
            f"in the flask{_window_words(self.window_umol, 'umol')}"
        ]
        if self.volume_ul is not None:
            lines.append(
                f"{_with_interval(self.volume_ul)} of a stock with {self.stock_mmol_per_l:g} mmol/L "
                f"{self.guest}{_window_words(self.window_ul, 'uL')}"
            )
        held = f"the flask's own dose errs by {100 * self.dose_error:.2g} % ({self.dose_error_from})"
        if self.chance_in_window is not None:
            held += f": it lies in the window with a chance of {self.chance_in_window:.2g}"
        return "\n".join([*lines, held])

    def _written(self, whole: bool) -> dict[str, Any]:
        record = written(self, whole)
        if self.volume_ul is not None:
            record["volume"]["window"] = None if self.window_ul is None else list(self.window_ul)
        return record

    @classmethod
    def from_dict(cls, record: Mapping[str, Any]) -> "GuestAmount":
        """Return the amount that was written; the window of the volume stands within the volume."""
        window = (record.get("volume") or {}).get("window")
        return read(cls, record, window_ul=None if window is None else (window[0], window[1]))


class Dosed:
    """What a result at a dose has besides its numbers: the amount of guest, and what priors drive."""

    __slots__ = ()
    influence: PriorInfluence
    source: Mapping[str, Any]

    @property
    def prior_driven(self) -> tuple[str, ...]:
        """Quantities of which at least half the variance comes from priors."""
        return self.influence.driven

    def amount(
        self,
        *,
        host_umol: float | str,
        stock_mmol_per_l: float | str | None = None,
        volume_error: str | None = None,
    ) -> GuestAmount:
        """Return how much guest to add to a flask, and how likely it then holds a dose of the window.

        Parameters
        ----------
        host_umol : float or str
            All host cation (Cd) in the flask, micromol; with its error as "20±0.4" or "20±2%".
        stock_mmol_per_l : float or str, optional
            Guest (Ag) in the stock solution, mmol/L, such as "10±1%"; gives the volume to add.
        volume_error : str, optional
            Standard deviation of that volume: "0.5" microlitres, "1%", or "0.5,1%".

        Returns
        -------
        GuestAmount
            Amount in micromol and volume in microlitres, with interval and window of the dose.

        Raises
        ------
        UsageError
            If an amount or a concentration is not positive and finite.

        Notes
        -----
        Without any stated error the dose is taken to err by `DEFAULT_DOSE_ERROR`. Of stocks that the dose
        table was made from as well, give no errors, and none common to the table: they cancel.
        """
        return amount_for(
            *self._flask(),
            self.source,
            host_umol=host_umol,
            stock_mmol_per_l=stock_mmol_per_l,
            volume_error=volume_error,
        )

    def _flask(self) -> tuple[Estimate, tuple[float, float] | None]:
        """Return the dose to add, and its window where one is known."""
        raise NotImplementedError


def amount_for(
    dose: Estimate,
    window_percent: tuple[float, float] | None,
    source: Mapping[str, Any],
    *,
    host_umol: float | str,
    stock_mmol_per_l: float | str | None = None,
    volume_error: str | None = None,
) -> GuestAmount:
    """Return how much guest makes a dose with a window; see `Dosed.amount`."""
    guest, cation = source.get("guest", "guest"), source.get("host_cation", "host cation")
    host, *errors = _amount(f"the amount of {cation}", host_umol, "micromol")
    amount = _scaled(dose, host / 100, f"{guest} to add", "umol")
    window = _scaled_pair(window_percent, host / 100)
    found = GuestAmount(
        guest=guest, host_cation=cation, host_umol=host, guest_umol=amount, window_umol=window
    )
    if stock_mmol_per_l is not None:
        stock, error = _amount(f"the concentration of {guest} in the stock", stock_mmol_per_l, "mmol/L")
        volume = _scaled(amount, 1000 / stock, "stock solution to add", "uL")
        found = replace(
            found,
            stock_mmol_per_l=stock,
            volume_ul=volume,
            window_ul=_scaled_pair(window, 1000 / stock),
        )
        errors.append(error)
        if volume_error is not None:
            constant, share = read_error(volume_error, "volume_error")
            errors += [share, constant / volume.value if volume.value else 0.0]
    elif volume_error is not None:
        raise UsageError(f"volume_error is {volume_error!r} of a volume of stock; give stock_mmol_per_l")
    stated = any(errors)
    error = float(np.hypot.reduce(errors)) if stated else DEFAULT_DOSE_ERROR
    chance = None
    if window_percent is not None and dose.value:
        low, high = ((end / dose.value - 1) / error for end in window_percent)
        chance = float(ndtr(high) - ndtr(low))
    return replace(
        found,
        dose_error=error,
        dose_error_from="stated" if stated else "assumed",
        chance_in_window=chance,
    )


def dose_unit_words(guest: str, host_cation: str) -> str:
    """Return what a dose in percent means.

    Examples
    --------
    >>> dose_unit_words("Ag", "Cd")
    'mol Ag per 100 mol Cd'
    """
    return f"mol {guest} per 100 mol {host_cation}"


def _with_interval(estimate: Estimate) -> str:
    if estimate.low is None or estimate.high is None:
        return f"{estimate.format_value()} {estimate.unit}"
    value, _, interval = str(estimate).partition(" ")
    return f"{value} {estimate.unit} {interval.removesuffix(' ' + estimate.unit)}"


def _window_words(window: tuple[float, float] | None, unit: str) -> str:
    return "" if window is None else f"; window {window[0]:.4g}-{window[1]:.4g} {unit}"


def _amount(what: str, given: float | str, unit: str) -> tuple[float, float]:
    """Return an amount and its relative error."""
    if not isinstance(given, str) and not (is_number(numbers.Real, given) and abs(given) < FARTHEST):
        raise UsageError(f"{what} is {shown(given)}; it must be a finite number above 0, in {unit}")
    value, error = read_amount(given, what) if isinstance(given, str) else (float(given), 0.0)
    if not (np.isfinite(value) and value > 0):
        raise UsageError(f"{what} is {value:g} {unit}; it must be a finite number above 0")
    return value, error


def _scaled(estimate: Estimate, factor: float, name: str, unit: str) -> Estimate:
    """Return an estimate multiplied by a positive factor."""
    numbers = {field: getattr(estimate, field) for field in ("value", "se", "low", "high")}
    scaled: dict[str, Any] = {field: None if x is None else x * factor for field, x in numbers.items()}
    return replace(estimate, name=name, unit=unit, reason="", **scaled)


def _scaled_pair(pair: tuple[float, float] | None, factor: float) -> tuple[float, float] | None:
    return None if pair is None else (pair[0] * factor, pair[1] * factor)
