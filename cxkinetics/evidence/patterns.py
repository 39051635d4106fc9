"""Reference diffraction patterns: a library of phases, and a pattern written as their sum.

Each reference is a measured or computed pattern on one angle axis. Where its reference intensity
ratio (RIR, against corundum) is known, scattering shares become weight shares; otherwise they stay
shares of scattered intensity and are called so. Several references may belong to one phase.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from cxkinetics.arrays import Array, BoolArray, frozen_array
from cxkinetics.calls import checked
from cxkinetics.errors import InputError
from cxkinetics.evidence.isotopes import FWHM_PER_SIGMA
from cxkinetics.evidence.reader import load_reference_patterns
from cxkinetics.source import Source

BACKGROUND = "Background"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Library:
    """Reference patterns on one axis.

    Attributes
    ----------
    axis : array_like, shape (n,)
        2theta in degrees, ascending.
    patterns : array_like, shape (n, m)
        Intensity of each reference, in any scale.
    names : tuple of str
        Name of each reference.
    phases : tuple of str
        Phase of each; "Background" for a background pattern.
    rir : tuple of (float or None)
        Reference intensity ratio of each, None where not known.
    source : Source
        Provenance.

    Raises
    ------
    InputError
        If shapes disagree, a value is not finite, the axis does not ascend or a pattern is empty.
    """

    axis: Array
    patterns: Array
    names: tuple[str, ...]
    phases: tuple[str, ...] = ()
    rir: tuple[float | None, ...] = ()
    source: Source = field(default_factory=Source)

    def __post_init__(self) -> None:
        axis = np.asarray(self.axis, dtype=float)
        patterns = np.asarray(self.patterns, dtype=float)
        if patterns.ndim != 2 or patterns.shape != (axis.size, len(self.names)):
            fault = f"the library has {axis.size} angles and {len(self.names)} names"
            raise InputError(f"{fault} but patterns of shape {patterns.shape}")
        if not np.all(np.isfinite(axis)) or np.any(np.diff(axis) <= 0):
            raise InputError("the angles of the library must be finite and ascend without repeats")
        for column, name in enumerate(self.names):
            if not np.all(np.isfinite(patterns[:, column])):
                raise InputError(f"reference {name!r} holds a value that is not a number")
            if not np.any(patterns[:, column]):
                raise InputError(f"reference {name!r} is zero everywhere; take it out of the library")
        object.__setattr__(self, "axis", frozen_array(axis))
        object.__setattr__(self, "patterns", frozen_array(patterns))
        object.__setattr__(self, "phases", tuple(self.phases) or tuple(self.names))
        object.__setattr__(self, "rir", tuple(self.rir) or (None,) * len(self.names))
        for what, number in (("phases", len(self.phases)), ("rir", len(self.rir))):
            if number != len(self.names):
                raise InputError(f"{what} has {number} entries but the library has {len(self.names)}")
        for name, phase, ratio in zip(self.names, self.phases, self.rir, strict=True):
            if phase != BACKGROUND and ratio is not None and not ratio > 0:
                raise InputError(f"the RIR of {name!r} is {ratio:g}; it must be positive")

    @property
    def phase_names(self) -> tuple[str, ...]:
        """The phases, each once, without background."""
        return tuple(dict.fromkeys(phase for phase in self.phases if phase != BACKGROUND))

    @property
    def weighs(self) -> bool:
        """Whether every phase has an RIR, so that shares are by weight."""
        return all(r is not None for r, p in zip(self.rir, self.phases, strict=True) if p != BACKGROUND)

    def only(self, phases: Sequence[str]) -> "Library":
        """Return the library with these phases (and the background) alone.

        Raises
        ------
        InputError
            If a phase is not in it.
        """
        unknown = [phase for phase in phases if phase not in self.phase_names]
        if unknown:
            known = ", ".join(self.phase_names)
            raise InputError(f"phase {unknown[0]!r} is not in the library; it holds {known}")
        if not phases:
            raise InputError(f"no phase is named; the library holds {', '.join(self.phase_names)}")
        keep = [i for i, phase in enumerate(self.phases) if phase in phases or phase == BACKGROUND]
        return replace(
            self,
            patterns=self.patterns[:, keep],
            names=tuple(self.names[i] for i in keep),
            phases=tuple(self.phases[i] for i in keep),
            rir=tuple(self.rir[i] for i in keep),
        )

    def scale_factors(self) -> Array:
        """Return what turns a coefficient into a relative amount, shape (m,).

        Height over RIR; where a ratio is missing anywhere, the area of the pattern, so that amounts
        are scattered intensities. The background counts nothing.
        """
        heights = self.patterns.max(axis=0)
        areas = np.diff(self.axis) @ (self.patterns[1:] + self.patterns[:-1]) / 2
        ratios = np.array([ratio or np.nan for ratio in self.rir])
        amounts: Array = heights / ratios if self.weighs else areas
        return np.where(np.array(self.phases) == BACKGROUND, 0.0, amounts)

    def drawn(self, axis: Array, shift_deg: float = 0.0, fwhm_deg: float = 0.0) -> Array:
        """Return the references as a specimen off its place and with broader lines shows them.

        Parameters
        ----------
        axis : Array, shape (n,)
            2theta of the measurement, degrees.
        shift_deg : float
            How much higher the measurement reads than the library.
        fwhm_deg : float
            Extra Gaussian width, full at half maximum.

        Returns
        -------
        Array, shape (n, m)
        """
        patterns = broadened(self.axis, self.patterns, fwhm_deg)
        return np.column_stack([np.interp(axis - shift_deg, self.axis, column) for column in patterns.T])


@checked()
def load_library(path: str | os.PathLike[str], phases_path: str | os.PathLike[str] | None = None) -> Library:
    r"""Read a library of reference patterns.

    Parameters
    ----------
    path : path-like
        A wide table: 2theta, then one column per reference, names in the header.
    phases_path : path-like, optional
        A table with phase_id, phase_name and rir; without it each reference is a phase of its own
        and no RIR is known.

    Returns
    -------
    Library
        The reference patterns on one axis.

    Raises
    ------
    InputError
        If a file cannot be read as such, or `Library` refuses it.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> file = pathlib.Path(tempfile.mkdtemp()) / "library.csv"
    >>> rows = "".join(f"{20 + i / 50},{i},{9 - i}\n" for i in range(10))
    >>> _ = file.write_text("2theta,CdS,Ag2S\n" + rows)
    >>> load_library(file).phase_names
    ('CdS', 'Ag2S')
    """
    read = load_reference_patterns(path, phases_path)
    try:
        return Library(**read)
    except InputError as error:
        raise InputError(str(error), file=read["source"].file) from None


def broadened(axis: Array, patterns: Array, fwhm_deg: float) -> Array:
    """Return patterns, shape (n, m), folded with a Gaussian of `fwhm_deg` (evenly spaced axis)."""
    if fwhm_deg <= 0:
        return patterns
    from scipy.ndimage import gaussian_filter1d

    step = float(np.median(np.diff(axis)))
    return gaussian_filter1d(patterns, fwhm_deg / FWHM_PER_SIGMA / step, axis=0, mode="nearest")


class NonNegative:
    """Weighted least squares with coefficients that are not negative, through a triangular factor.

    Columns after the first `n_positive` are free in sign. The same factor serves fits that hold one
    coefficient fixed. `NonNegative(...)` factorises by QR; `quickly` from a Gram matrix, which
    loses half of the digits and serves searches, where only the place of the minimum matters.
    """

    def __init__(self, design: Array, target: Array, n_positive: int) -> None:
        joined, scale = joined_columns(design, target, n_positive)
        self._keep(np.asarray(np.linalg.qr(joined, mode="r")), scale, n_positive)

    @classmethod
    def quickly(cls, gram: Array, scale: Array, n_positive: int) -> "NonNegative":
        """Return the problem whose joined columns have this Gram matrix (see `joined_columns`)."""
        made = cls.__new__(cls)
        ridge = 1e-11 * np.diag(np.maximum(np.diag(gram), 1e-300))
        factor: Array = np.asarray(np.linalg.cholesky(gram + ridge), dtype=np.float64)
        made._keep(factor.T, scale, n_positive)
        return made

    def _keep(self, triangle: Array, scale: Array, n_positive: int) -> None:
        size = triangle.shape[1] - 1
        self.factor, self.target = triangle[:, :size], triangle[:, size]
        self.scale, self.n_positive, self.n_columns = scale, n_positive, scale.size

    def solve(self, *, fixed: int | None = None, value: float = 0.0) -> tuple[Array, float]:
        """Return the coefficients and the weighted residual sum of squares.

        Parameters
        ----------
        fixed, value : int and float, optional
            Hold this coefficient at this value.
        """
        from scipy.optimize import nnls

        keep: BoolArray = np.ones(self.factor.shape[1], dtype=bool)
        target = self.target
        if fixed is not None:
            keep[fixed] = False
            target = target - self.factor[:, fixed] * value * self.scale[fixed]
        solved = np.zeros(self.factor.shape[1])
        solved[keep], norm = nnls(self.factor[:, keep], target, maxiter=50 * self.factor.shape[1])
        coefficients = solved[: self.n_columns].copy()
        coefficients[self.n_positive :] -= solved[self.n_columns :]
        coefficients /= self.scale
        if fixed is not None:
            coefficients[fixed] = value
        return coefficients, float(norm) ** 2


def joined_columns(design: Array, target: Array, n_positive: int) -> tuple[Array, Array]:
    """Return the scaled design with its free columns doubled in sign and the target, and the scales."""
    size = np.sqrt((design**2).sum(axis=0))
    scale: Array = np.where(size > 0, size, 1.0)
    scaled = design / scale
    return np.column_stack([scaled, -scaled[:, n_positive:], target]), scale
