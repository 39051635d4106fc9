"""`cxkinetics formats`: what can be read, a line a format."""

import argparse
import sys

__all__: list[str] = []

SUMMARY = "list the file formats that can be read"
EXAMPLE = "cxkinetics formats"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add nothing: the verb takes no arguments of its own."""


def run(args: argparse.Namespace) -> int:
    """Print the formats."""
    from importlib.util import find_spec

    from cxkinetics.estimate import json_text
    from cxkinetics.evidence.reader import EVIDENCE_FORMATS
    from cxkinetics.io.formats.instruments import INSTALL
    from cxkinetics.io.load import formats
    from cxkinetics.version import __version__

    known = formats()
    extra = find_spec("openreadout") is not None
    if args.json:
        listed = [{"name": f.name, "endings": f.endings.split(), "summary": f.summary} for f in known]
        record = {
            "schema": "cxkinetics.formats/1",
            "version": __version__,
            "formats": listed,
            "extra_instruments": extra,
            "evidence_formats": [
                {"name": name, "endings": endings.split(), "summary": summary}
                for name, endings, summary in EVIDENCE_FORMATS
            ],
        }
        sys.stdout.write(json_text(record) + "\n")
        return 0
    wide = max(len(name) for name in [*(f.name for f in known), *(name for name, _, _ in EVIDENCE_FORMATS)])
    ends = max(len(f.endings) for f in known)
    for entry in known:
        sys.stdout.write(f"{entry.name:<{wide}}  {entry.endings:<{ends}}  {entry.summary}\n")
    how = "read through openreadout" if extra else f"with the extra: {INSTALL}"
    sys.stdout.write(f"Cary .dsw .bsw, GRAMS and UVProbe .spc, JASCO .jws, PerkinElmer .sp: {how}\n")
    sys.stdout.write("\nRead by `cxkinetics evidence`:\n")
    for name, endings, summary in EVIDENCE_FORMATS:
        sys.stdout.write(f"{name:<{wide}}  {endings:<{ends}}  {summary}\n")
    sys.stdout.write("\nFormats are recognised by what a file holds, in this order; endings do not decide.\n")
    return 0
