"""`cxkinetics collect`: the results in a folder, of one run or of shards, summed up as one batch."""

import argparse
import sys
from pathlib import Path

from cxkinetics.cli.arguments import add_options, values_of

EXAMPLE = (
    "cxkinetics fit cxkinetics-demo/data/ag-cds-simulated.csv cxkinetics-demo/data/cu-cds-simulated.csv "
    "--track 324 --out shards --shard 1/2\n"
    "cxkinetics collect shards"
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the verb."""
    text = "the folder that cxkinetics fit --out DIR, or each --shard of it, wrote to"
    parser.add_argument("out", metavar="DIR", help=text)
    parser.add_argument("--csv", action="store_true", help="print one line of CSV per fit (not with --json)")
    add_options(parser, "show_time")


def run(args: argparse.Namespace) -> int:
    """Run the verb and return its exit code."""
    from cxkinetics.cli.fit import print_batch
    from cxkinetics.errors import UsageError
    from cxkinetics.kinetics.batch_page import write_batch
    from cxkinetics.kinetics.stored import collected

    if args.json and args.csv:
        raise UsageError("--json and --csv both ask for the standard output; give one of them")
    unit = values_of({"show_time": args.show_time}).get("show_time", "s")
    batch, said = collected(Path(args.out))
    for line in said:
        sys.stderr.write(f"{args.out}: {line}\n")
    write_batch(batch, args.out, time_unit=unit)
    print_batch(args, batch, unit)
    return 1 if batch.failures or not batch.fits else 0
