"""`cxkinetics check`: whether this installation computes what it should, and what it lacks."""

import argparse
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from cxkinetics.record import Record

if TYPE_CHECKING:
    from cxkinetics.estimate import Estimate

EXAMPLE = "cxkinetics check"
Stored = tuple[float, float, float]
"""Value and ends of the interval, as they were when this version was made."""
SHARE = 0.05
"""Of an interval's width: what value and ends may differ by on another machine's arithmetic."""
TRACES: dict[str, dict[str, Stored]] = {
    "ag-cds": {
        "k1, 1/s": (0.0559542, 0.0556002, 0.0561983),
        "k2, 1/s": (0.0190153, 0.0186248, 0.019281),
        "breakpoint, s": (19.9945, 19.8998, 20.0739),
    },
    "cu-cds": {
        "k1, 1/s": (0.150276, 0.14926, 0.151949),
        "k2, 1/s": (0.010947, 0.0107196, 0.0113343),
        "breakpoint, s": (9.98299, 9.94546, 10.0226),
    },
}
DEVELOPMENT = frozenset({"test", "bench"})
"""Extras of which a user needs none."""


@dataclass(frozen=True, slots=True)
class Check(Record):
    """One number, or what kept it from being computed."""

    _keys = "name good stored found error"

    name: str
    stored: Stored
    found: tuple[float | None, ...] = ()
    error: str = ""

    @property
    def good(self) -> bool:
        """Whether value and both ends are the stored ones."""
        room = SHARE * (self.stored[2] - self.stored[1])
        pairs = zip(self.found, self.stored, strict=False)
        return bool(self.found) and all(a is not None and abs(a - b) <= room for a, b in pairs)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add nothing: the verb takes no arguments of its own."""


def run(args: argparse.Namespace) -> int:
    """Compute, compare, print."""
    from cxkinetics.annexes import ANNEXES, declared, named
    from cxkinetics.cli.terminal import print_document

    checks = [check for name in TRACES for check in _checked(name, TRACES[name], partial(_trace, name))]
    for annex, place in declared("CHECK").items():
        stored, numbers = named(place)
        checks += _checked(annex, stored, numbers)
    rooms = [name for name in ANNEXES if name not in declared("NAMES")]
    if args.json:
        print_document(
            {
                "schema": "cxkinetics.check/1",
                "versions": _versions(),
                "checks": [check.to_dict() for check in checks],
                "good": all(check.good for check in checks),
                "missing_extras": _extras(),
                "missing_parts": rooms,
            }
        )
    else:
        _print(checks, rooms)
    return 0 if all(check.good for check in checks) else 1


def _trace(name: str) -> dict[str, "Estimate"]:
    from cxkinetics.examples.kinetics import load_example
    from cxkinetics.kinetics.fit import fit_stages

    fit = fit_stages(load_example(name).exciton_peak(near_nm=324))
    rates = [stage.k_per_s for stage in fit.stages]
    return dict(zip(TRACES[name], (*rates, *fit.breakpoints_s), strict=False))


def _checked(
    about: str, stored: dict[str, Stored], numbers: Callable[[], dict[str, "Estimate"]]
) -> Iterator[Check]:
    from cxkinetics.errors import CxKineticsError

    try:
        found, error = numbers(), ""
    except (CxKineticsError, ImportError) as failed:  # a package that is broken is what is looked for
        found, error = {}, f"{type(failed).__name__}: {' '.join(str(failed).split())}"
    for name, known in stored.items():
        got = found.get(name)
        ends = () if got is None else (got.value, got.low, got.high)
        yield Check(f"{about}: {name}", known, ends, "" if ends else error or "not found by the fit")


def _extras() -> dict[str, str]:
    """Return the packages that extras would bring and that are missing -> how to install them."""
    from importlib.metadata import requires

    missing = {}
    for line in requires("cxkinetics") or ():
        match = re.match(r"""([\w.-]+).*;\s*extra == ["'](\w+)["']""", line)
        if match and match[2] not in DEVELOPMENT and _version(match[1]) == "missing":
            missing[match[1]] = f"python -m pip install 'cxkinetics[{match[2]}]'"
    return missing


def _versions() -> dict[str, str]:
    """Return the versions of what a fit depends on."""
    import platform

    packages = ("numpy", "scipy", "pandas", "matplotlib", "lmfit")
    return {"Python": platform.python_version()} | {name: _version(name) for name in packages}


def _version(package: str) -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version(package)
    except PackageNotFoundError:
        return "missing"


def _print(checks: list[Check], rooms: list[str]) -> None:
    from cxkinetics.version import __version__

    versions = ", ".join(f"{name} {number}" for name, number in _versions().items())
    lines = [f"cxkinetics {__version__}; {versions}", ""]
    wide = max(len(check.name) for check in checks)
    for check in checks:
        verdict = "as stored" if check.good else f"DIFFERS, stored {_interval(check.stored)}"
        lines.append(f"  {check.name:<{wide}}  {_interval(check.found):<32}  {check.error or verdict}")
    good = sum(check.good for check in checks)
    lines += ["", f"{good} of {len(checks)} numbers and intervals are as stored."]
    lines += [f"missing: {name}; {how}" for name, how in _extras().items()]
    lines += [f"missing: {room}, a part of cxkinetics; install it again to have it" for room in rooms]
    if good < len(checks):
        lines.append(
            "install again in a fresh environment: python -m pip install --force-reinstall cxkinetics"
        )
    sys.stdout.write("\n".join(lines) + "\n")


def _interval(numbers: Sequence[float | None]) -> str:
    value, low, high = ("-" if number is None else f"{number:g}" for number in numbers or (None,) * 3)
    return f"{value} [{low}, {high}]"
