"""The published kinetics of the two packaged systems, as numbers with their source.

Source: Yao, Lynch, Robinson, J. Chem. Phys. 159, 014704 (2023), doi 10.1063/5.0151904. What that
paper does not state for copper (the absorbance, and when the peak shift ends in situ) is named in
`assumed`; nothing else is ours.
"""

from dataclasses import dataclass

from cxkinetics.errors import InputError

__all__ = ["DOI", "PublishedKinetics", "published_kinetics"]

DOI = "10.1063/5.0151904"


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedKinetics:
    """Two first-order stages of one cation exchange in situ.

    Attributes
    ----------
    name, label : str
        Name of the example and words for a figure.
    absorbance_start : float
        Peak absorbance at 0 s, AU.
    k1_per_s, k2_per_s : float
        Rate constants of the two stages, 1/s.
    breakpoint_s, end_s : float
        End of stage 1 and of the trace, s.
    peak_start_nm, peak_end_nm : float
        Exciton peak before and after its shift, nm; the shift ends with stage 1.
    assumed : str
        What the paper does not state.
    """

    name: str
    label: str
    absorbance_start: float
    k1_per_s: float
    k2_per_s: float
    breakpoint_s: float
    end_s: float
    peak_start_nm: float
    peak_end_nm: float
    assumed: str = ""

    @property
    def rate_ratio(self) -> float:
        """k1/k2."""
        return self.k1_per_s / self.k2_per_s


_PUBLISHED = {
    item.name: item
    for item in (
        PublishedKinetics(
            name="ag-cds",
            label="Ag into CdS",
            absorbance_start=0.9,
            k1_per_s=0.056,
            k2_per_s=0.019,
            breakpoint_s=20.0,
            end_s=100.0,
            peak_start_nm=324.0,
            peak_end_nm=327.0,
        ),
        PublishedKinetics(
            name="cu-cds",
            label="Cu into CdS",
            absorbance_start=0.9,
            k1_per_s=0.15,
            k2_per_s=0.011,
            breakpoint_s=10.0,
            end_s=90.0,
            peak_start_nm=324.0,
            peak_end_nm=331.0,
            assumed="the absorbance at 0 s, and that the shift (seen ex situ) ends with stage 1",
        ),
    )
}


def published_kinetics(name: str) -> PublishedKinetics:
    """Return the published kinetics of "ag-cds" or "cu-cds".

    Raises
    ------
    InputError
        If there is no example of that name; the message lists those there are.

    Examples
    --------
    >>> round(published_kinetics("ag-cds").rate_ratio, 2)
    2.95
    """
    if name not in _PUBLISHED:
        raise InputError(f"no kinetics example {name!r}; there are {', '.join(_PUBLISHED)}")
    return _PUBLISHED[name]
