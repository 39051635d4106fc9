"""A dose table: guest added against guest incorporated, both in percent.

A dose may be known exactly, or only as an interval (then `dose_percent` is NaN there and the two
bounds hold it): no exact dose is ever invented.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, ClassVar

import numpy as np

from cxkinetics.arrays import Array, frozen_array, numbers_of
from cxkinetics.calls import checked_fields
from cxkinetics.errors import InputError, UsageError
from cxkinetics.record import OMIT
from cxkinetics.remarks import Remark
from cxkinetics.signals.basis import BASES, basis_elements, name_basis
from cxkinetics.signals.storage import Stored
from cxkinetics.source import Source


@checked_fields()
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DoseTable(Stored):
    """Guest added (percent of the host cation) against guest incorporated (percent on `basis`).

    Parameters
    ----------
    dose_percent : array_like, shape (n,)
        mol guest per mol host cation, in percent; NaN where only an interval is known.
    incorporation_percent : array_like, shape (n,)
        In percent on `basis`.
    sigma_percent : array_like, shape (n,), optional
        Standard deviation of the incorporation, in percentage points.
    dose_low_percent, dose_high_percent : array_like, shape (n,), optional
        Bounds of the dose; equal to `dose_percent` where that is exact (the default).
    basis : str
        One of `BASES` ("Ag" for any guest, "Cd" for any host cation), or one of them with the
        table's own elements, such as "Cd/(Cd+In)".
    guest : str
        Symbol of the guest that the table names; "" where it names none.
    dose_sd_percent : array_like, shape (n,), optional
        Standard deviation of each dose about the one that was set, percent: pipette and balance,
        another in every flask. None: not stated, and a fit assumes its default aloud.
    common_dose_error : float
        Relative standard deviation of a factor on all doses of the table (titre of the stock, amount
        of clusters): no residual shows it, and more doses do not lessen it.
    icp_error : tuple of float, optional
        Constant part (percentage points) and proportional part (a fraction) of the standard
        deviation of an incorporation. None: fitted.
    plateau_is_full_exchange : bool
        True: it is asserted that the plateau, seen or not, is the product alone. Without it a share of
        product follows only where the table shows an avalanche up to a plateau.
    label, source, remarks
        As for `Trace`.

    Raises
    ------
    InputError
        If lengths differ, a dose is neither given nor bounded, or a value is negative or not finite.

    Examples
    --------
    >>> table = DoseTable(dose_percent=[0, 75, np.nan], incorporation_percent=[0, 8.0, 28.3],
    ...                   dose_low_percent=[0, 75, 100], dose_high_percent=[0, 75, 135])
    >>> table.n_points, table.exact.n_points, table.highest_dose_percent
    (3, 2, 135.0)
    """

    dose_percent: Array
    incorporation_percent: Array
    sigma_percent: Array | None = None
    dose_low_percent: Array | None = None
    dose_high_percent: Array | None = None
    basis: str = "Ag/(Ag+Cd)"
    guest: str = ""
    dose_sd_percent: Array | None = None
    common_dose_error: Annotated[float, OMIT] = 0.0
    icp_error: Annotated[tuple[float, float] | None, OMIT] = None
    plateau_is_full_exchange: Annotated[bool, OMIT] = False
    label: str = ""
    source: Source = field(default_factory=Source)
    remarks: tuple[Remark, ...] = ()

    SCHEMA = "cxkinetics.dose-table/1"
    _figure = "dose table"
    _columns: ClassVar[Mapping[str, str]] = {
        "dose_percent": "dose (%)",
        "incorporation_percent": "incorporation (%)",
        "sigma_percent": "sd of incorporation (%)",
        "dose_low_percent": "dose low (%)",
        "dose_high_percent": "dose high (%)",
        "dose_sd_percent": "sd of dose (%)",
    }

    def __post_init__(self) -> None:
        try:
            kind, guest, other = basis_elements(self.basis)
        except UsageError as error:
            raise InputError(str(error)) from error
        self._set(basis=name_basis(kind, guest=guest, host=other, anion=other))
        if not self.guest and self.basis not in BASES and guest != "guest":
            self._set(guest=guest)
        dose = numbers_of("dose_percent", self.dose_percent)
        if dose.ndim != 1 or dose.size == 0:
            raise InputError(f"dose_percent has shape {dose.shape}; a dose table needs at least one row")
        given = {name: getattr(self, name) for name in self._columns}
        columns = {name: numbers_of(name, values) for name, values in given.items() if values is not None}
        low = columns.setdefault("dose_low_percent", dose)
        high = columns.setdefault("dose_high_percent", dose)
        for name, column in columns.items():
            if column.shape != dose.shape:
                raise InputError(f"{name} has {column.size} values but dose_percent has {dose.size}")
            if name != "dose_percent":
                _refuse(name, column, ~np.isfinite(column), "must be a finite number")
        _refuse("dose_low_percent", low, low < 0, "a dose cannot be negative")
        _refuse("dose_high_percent", high, high < low, "the upper bound must not lie below the lower one")
        incorporation, sigma = columns["incorporation_percent"], columns.get("sigma_percent", np.ones(1))
        _refuse("incorporation_percent", incorporation, incorporation < 0, "cannot be negative")
        _refuse("sigma_percent", sigma, sigma <= 0, "must be positive")
        spread = columns.get("dose_sd_percent", np.zeros(1))
        _refuse("dose_sd_percent", spread, spread < 0, "a standard deviation cannot be negative")
        self._refuse_errors()
        order = np.argsort((low + high) / 2, kind="stable")
        self._set(**{name: frozen_array(column[order]) for name, column in columns.items()})
        self._hash(*(columns[name] for name in sorted(columns)))

    def _refuse_errors(self) -> None:
        if not 0 <= self.common_dose_error < 1:
            raise InputError(
                f"common_dose_error is {self.common_dose_error:g}; it must be a fraction from 0 to 1 (3 % is "
                "0.03)"
            )
        if self.icp_error is None:
            return
        constant, share = self.icp_error
        if not (np.isfinite(constant) and constant >= 0 and 0 <= share < 1 and constant + share > 0):
            raise InputError(
                f"icp_error is ({constant:g}, {share:g}); it must be a standard deviation in percentage "
                "points and a fraction below 1, not both 0"
            )
        self._set(icp_error=(float(constant), float(share)))

    @property
    def n_points(self) -> int:
        """Number of rows."""
        return int(self.dose_percent.size)

    @property
    def states_errors(self) -> bool:
        """Whether an error of the doses or of the ICP readings is stated, beside `sigma_percent`."""
        return self.dose_sd_percent is not None or self.common_dose_error > 0 or self.icp_error is not None

    @property
    def exact(self) -> "DoseTable":
        """The rows whose dose is stated outright."""
        return self._rows(np.isfinite(self.dose_percent))

    def __repr__(self) -> str:
        return self._called(
            f"{self.n_points} rows, dose {self.lowest_dose_percent:g}-{self.highest_dose_percent:g} %, "
            f"incorporation on {self.basis}"
        )

    @property
    def lowest_dose_percent(self) -> float:
        """Lowest dose of the table, in percent."""
        return float(np.min(np.asarray(self.dose_low_percent)))

    @property
    def highest_dose_percent(self) -> float:
        """Highest dose of the table, in percent."""
        return float(np.max(np.asarray(self.dose_high_percent)))


def _refuse(name: str, column: Array, bad: Any, need: str) -> None:
    rows = np.flatnonzero(bad)
    if rows.size:
        raise InputError(f"{name}[{rows[0]}] is {column[rows[0]]:g}: {need}")
