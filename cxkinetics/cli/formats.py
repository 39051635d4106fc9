"""`cxkinetics formats`: what can be read, a line a format."""

import argparse
import sys
from collections.abc import Iterable
from typing import Any

EXAMPLE = "cxkinetics formats"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add nothing: the verb takes no arguments of its own."""


def run(args: argparse.Namespace) -> int:
    """Print the formats."""
    from importlib.util import find_spec

    from cxkinetics.annexes import declared
    from cxkinetics.cli.terminal import print_document
    from cxkinetics.io.formats.instruments import INSTALL
    from cxkinetics.io.load import formats

    known = [(entry.name, entry.endings, entry.summary) for entry in formats()]
    beside = declared("FORMATS")
    extra = find_spec("openreadout") is not None
    if args.json:
        others = {f"{annex}_formats": _listed(entries) for annex, entries in beside.items()}
        own = {"formats": _listed(known), "extra_instruments": extra}
        print_document({"schema": "cxkinetics.formats/1", **own, **others})
        return 0
    how = "read through openreadout" if extra else f"with the extra: {INSTALL}"
    wide = max(len(name) for entries in (known, *beside.values()) for name, _, _ in entries)
    ends = max(len(endings) for _, endings, _ in known)
    blocks = [("", known, f"Cary .dsw .bsw, GRAMS and UVProbe .spc, JASCO .jws, PerkinElmer .sp: {how}\n")]
    blocks += [(f"\nRead by `cxkinetics {annex}`:\n", entries, "") for annex, entries in beside.items()]
    for head, entries, foot in blocks:
        lines = (f"{name:<{wide}}  {endings:<{ends}}  {summary}\n" for name, endings, summary in entries)
        sys.stdout.write(head + "".join(lines) + foot)
    sys.stdout.write("\nFormats are recognised by what a file holds, in this order; endings do not decide.\n")
    return 0


def _listed(entries: Iterable[tuple[str, str, str]]) -> list[dict[str, Any]]:
    return [{"name": name, "endings": ends.split(), "summary": summary} for name, ends, summary in entries]
