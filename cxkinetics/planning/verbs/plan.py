"""`cxkinetics plan WHAT`: what to measure next; each part of the package says what it can plan."""

import argparse
from importlib import import_module

EXAMPLE = """cxkinetics plan sampling --k 0.056,0.019 --breakpoint 20 --points 30 --out plan
cxkinetics plan dose Ag2Cd32S33 --count 3"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add a command for each thing that can be planned, with its own arguments."""
    from cxkinetics.annexes import declared

    commands = parser.add_subparsers(dest="what", metavar="WHAT", required=True)
    for parts in declared("PLANS").values():
        for name, (line, place) in parts.items():
            module = import_module(place)
            command = commands.add_parser(
                name,
                help=line,
                description=line,
                epilog=f"example: {module.EXAMPLE}",
                formatter_class=argparse.RawDescriptionHelpFormatter,
                allow_abbrev=False,
            )
            module.add_arguments(command)
            # they may stand behind WHAT too; without a default, that before it is left alone
            for flag in ("--json", "--debug"):
                text = {"--json": "print one JSON document and nothing else", "--debug": "show the traceback"}
                command.add_argument(
                    flag, action="store_true", default=argparse.SUPPRESS, help=f"{text[flag]}"
                )
            command.set_defaults(plan=module.run, parser=command)


def run(args: argparse.Namespace) -> int:
    """Run what was asked to be planned."""
    return int(args.plan(args))
