"""`cxkinetics formats`: what can be read, a line a format."""

import argparse
import sys

__all__: list[str] = []

EXAMPLE = "cxkinetics formats"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add nothing: the verb takes no arguments of its own."""


def run(args: argparse.Namespace) -> int:
    """Print the formats."""
    from importlib.util import find_spec

    from cxkinetics.annexes import declared
    from cxkinetics.estimate import json_text
    from cxkinetics.io.formats.instruments import INSTALL
    from cxkinetics.io.load import formats
    from cxkinetics.version import __version__

    known, beside = formats(), declared("FORMATS")
    extra = find_spec("openreadout") is not None
    if args.json:
        listed = [{"name": f.name, "endings": f.endings.split(), "summary": f.summary} for f in known]
        record = {
            "schema": "cxkinetics.formats/1",
            "version": __version__,
            "formats": listed,
            "extra_instruments": extra,
        }
        for annex, listed in beside.items():
            record[f"{annex}_formats"] = [
                {"name": name, "endings": endings.split(), "summary": summary}
                for name, endings, summary in listed
            ]
        sys.stdout.write(json_text(record) + "\n")
        return 0
    names = [f.name for f in known] + [name for listed in beside.values() for name, _, _ in listed]
    wide = max(map(len, names))
    ends = max(len(f.endings) for f in known)
    for entry in known:
        sys.stdout.write(f"{entry.name:<{wide}}  {entry.endings:<{ends}}  {entry.summary}\n")
    how = "read through openreadout" if extra else f"with the extra: {INSTALL}"
    sys.stdout.write(f"Cary .dsw .bsw, GRAMS and UVProbe .spc, JASCO .jws, PerkinElmer .sp: {how}\n")
    for annex, listed in beside.items():
        sys.stdout.write(f"\nRead by `cxkinetics {annex}`:\n")
        for name, endings, summary in listed:
            sys.stdout.write(f"{name:<{wide}}  {endings:<{ends}}  {summary}\n")
    sys.stdout.write("\nFormats are recognised by what a file holds, in this order; endings do not decide.\n")
    return 0
