"""`cxkinetics system`: a commented file that defines a cation system of your own."""

import argparse
import sys
from pathlib import Path

EXAMPLE = "cxkinetics system new mine.toml"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what to do and where."""
    parser.add_argument("action", choices=("new",), help="new: write the file")
    parser.add_argument("file", metavar="FILE", help="TOML file to write; an existing one is left alone")


def run(args: argparse.Namespace) -> int:
    """Write the template, print what to do with it."""
    from cxkinetics.atomic import write_text
    from cxkinetics.composition.system import load_system, system_template
    from cxkinetics.errors import UsageError

    path = Path(args.file)
    if path.exists():
        raise UsageError(f"{path} is there already; name a new file, or remove it first")
    write_text(path, system_template())
    system = load_system(path)
    if args.json:
        from cxkinetics.record import json_text

        record = {"schema": "cxkinetics.system-file/1", "file": str(path), "species": list(system.species)}
        sys.stdout.write(json_text(record) + "\n")
    else:
        sys.stdout.write(
            f"{path}: a system with all its keys explained; change host, guest, product and max_guests, then "
            f"pass it as --system {path}\n"
        )
    return 0
