"""`cxkinetics demo`: the main job on the packaged examples, the paper's numbers beside ours."""

import argparse
import sys
from pathlib import Path

EXAMPLE = "cxkinetics demo --out cxkinetics-demo"
DEFAULT_FOLDER = "cxkinetics-demo"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add where the report goes."""
    parser.add_argument(
        "--out",
        metavar="DIR",
        default=DEFAULT_FOLDER,
        help=f"folder for figures, data and report.html (default ./{DEFAULT_FOLDER})",
    )


def run(args: argparse.Namespace) -> int:
    """Compute, write, print."""
    from cxkinetics.annexes import declared, named
    from cxkinetics.cli.demo_page import demo_record, demo_text, write_demo
    from cxkinetics.document.folder import require_replaceable
    from cxkinetics.estimate import json_text
    from cxkinetics.examples.kinetics import EXAMPLES, demonstrate_trace

    require_replaceable(Path(args.out), "demo.json")
    traces = [demonstrate_trace(name) for name in EXAMPLES]
    command = "cxkinetics demo" + ("" if args.out == DEFAULT_FOLDER else f" --out {args.out}")
    parts = [named(place)() for place in declared("DEMO").values()]
    folder = write_demo(traces, parts, Path(args.out), command=command)
    if args.json:
        sys.stdout.write(json_text(demo_record(traces, parts, folder)) + "\n")
    else:
        sys.stdout.write(demo_text(traces, parts, folder) + "\n")
    return 0
