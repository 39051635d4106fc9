"""A dose and its interval, stored: by it `cxkinetics check` knows the installation."""

from cxkinetics.composition.dose import dose_for
from cxkinetics.estimate import Estimate


def _numbers() -> dict[str, Estimate]:
    return {"dose for Ag2Cd32S33, %": dose_for("Ag2Cd32S33").dose_percent}


CHECK = ({"dose for Ag2Cd32S33, %": (46.0, 35.5, 49.5)}, _numbers)
"""What is stored, and the function that computes it again."""
