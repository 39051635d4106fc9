"""What the formats of one spectrum share: its time, and light on the sample against dark and reference."""

import numpy as np

from cxkinetics.arrays import Array
from cxkinetics.io.file import Context, Signal
from cxkinetics.io.headers import Quantity
from cxkinetics.io.layout import spectrum_time
from cxkinetics.io.signals import RawMatrix, build_series
from cxkinetics.remarks import Remark


def one_spectrum(
    context: Context, axis: Array, values: Array, quantity: Quantity, *, axis_unit: str = "nm"
) -> list[Signal]:
    """Return the spectrum as a series of one time: that of its name or header, else 0 s, which is said."""
    time_s, told = spectrum_time(context)
    raw = RawMatrix(
        time_s=np.array([time_s]),
        axis=axis,
        axis_unit=axis_unit,
        matrix=values[None, :],
        quantity=quantity,
        label=context.label or context.content.stem,
    )
    return list(build_series(told, raw))


def against_reference(
    context: Context, sample: Array, dark: Array, reference: Array, mode: str = ""
) -> tuple[Context, Array, Quantity]:
    """Return the transmittance (S - D) / (R - D) in percent, and the context that says so.

    Where the reference holds no more light than the dark nothing can be said of the sample: NaN.
    """
    light = reference - dark
    with np.errstate(divide="ignore", invalid="ignore"):
        percent = np.where(light > 0, 100.0 * (sample - dark) / light, np.nan)
    text = "transmittance computed from the counts of sample, dark and reference"
    told = context.saying(Remark("from_counts", text))
    if mode.casefold().startswith("refl"):
        text = "the light is reflected: its absorbance is -lg of a reflectance"
        told = told.saying(Remark("reflectance", text))
    blind = int(np.count_nonzero(light <= 0))
    if blind > 0.5 * light.size:
        what = f"the reference is no brighter than the dark at {blind} of {light.size} wavelengths"
        raise context.error(f"{what}: no transmittance follows", "record dark and reference again")
    if blind:
        text = f"{blind} readings where the reference is no brighter than the dark are masked"
        told = told.saying(Remark("no_reference_light", text, blind))
    return told, percent, Quantity("%T", "transmittance")
