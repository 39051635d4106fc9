"""What a reader knows of a file beside its numbers, handed from step to step."""

from dataclasses import dataclass, field, replace
from typing import Any

from cxkinetics.io.acquired import acquired_note
from cxkinetics.io.content import Content
from cxkinetics.io.notes import noted
from cxkinetics.io.options import ReadOptions
from cxkinetics.remarks import Remark
from cxkinetics.signals.clock import unit_sign
from cxkinetics.source import Source

__all__ = ["Context"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """The surroundings of a table.

    Attributes
    ----------
    content : Content
        File, bytes and hash.
    options : ReadOptions
        What the caller said.
    format : str
        Name of the format, as `cxkinetics formats` lists it.
    remarks : tuple of Remark
        Said so far.
    time_unit : str
        Unit of time from the preamble, "" if unknown.
    x_kind : str
        Kind of an unnamed first column where the format says it ("time", "wavelength").
    y_kind : str
        Kind of an unnamed signal where the format says it ("absorbance", "transmittance", "counts").
    wavelength_nm : float or None
        Where a trace was recorded, from the preamble.
    label : str
        Name of the sample.
    spectrum_time_s : float or None
        Time of a single spectrum.
    acquired_s : float or None
        Moment of acquisition, s since 1970 on the instrument's clock.
    """

    content: Content
    options: ReadOptions
    format: str
    remarks: tuple[Remark, ...] = ()
    time_unit: str = ""
    x_kind: str = ""
    y_kind: str = ""
    wavelength_nm: float | None = None
    label: str = ""
    spectrum_time_s: float | None = None
    acquired_s: float | None = None
    extra: dict[str, Any] = field(default_factory=dict)

    @property
    def file(self) -> str:
        """Path as the user gave it."""
        return self.content.file

    def source(self, trace: int = 1) -> Source:
        """Return the provenance of trace number `trace`."""
        unit = unit_sign(noted("time_factor_s") or 0.0)
        source = replace(self.content.source(self.format, trace), time_unit=unit)
        return source if self.acquired_s is None else replace(source, note=acquired_note(self.acquired_s))

    def saying(self, *remarks: Remark) -> "Context":
        """Return the context with more remarks."""
        return replace(self, remarks=(*self.remarks, *remarks))
