"""Numbers as they are typed."""

import argparse
import math

__all__ = ["finite", "number"]


def finite(text: str) -> float:
    """Return the number in a text.

    Raises
    ------
    ValueError
        If it is none, or not finite: "nan" and "inf" are near no reading, and no JSON holds them.

    Examples
    --------
    >>> finite(" 324 ")
    324.0
    """
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"{text!r} is not finite")
    return value


def number(text: str) -> float:
    """Return the number of an option, for argparse: what is none is a usage error that says so."""
    try:
        return finite(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a finite number") from None
