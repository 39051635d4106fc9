"""`cxkinetics plan sampling`: when to take the readings of a run."""

import argparse
import shlex
import sys
from pathlib import Path

from cxkinetics.cli.arguments import add_options, moment, number, values_of
from cxkinetics.errors import UsageError
from cxkinetics.options import finite, seconds

EXAMPLE = "cxkinetics plan sampling --k 0.056,0.019 --breakpoint 20 --points 30 --out plan"
MARK = "plan-sampling.json"
_GUESSED = ("breakpoint", "uncertainty", "amplitude", "offset")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what is known, what the instrument can do, and how much is simulated."""
    # no option of the plan: what is given is refused with what to do instead
    parser.add_argument("files", nargs="*", default=argparse.SUPPRESS, help=argparse.SUPPRESS)
    known = parser.add_argument_group("what is known (one of the first two)")
    known.add_argument("--from", dest="stored", metavar="FIT.json", help="stored fit, as fit --out writes it")
    known.add_argument("--k", metavar="K[,K]", help="guessed rate constants by stage, 1/s")
    text = "guessed breakpoints after the addition, in s or with a unit (0.5min)"
    known.add_argument("--breakpoint", metavar="S[,S]", help=text)
    text = "relative uncertainty of the guesses: 0.25 (default) or 25%%"
    known.add_argument("--uncertainty", metavar="U", help=text)
    text = "guessed signal at the start over its end (default 0.9; negative: growth)"
    known.add_argument("--amplitude", type=number, metavar="A", help=text)
    known.add_argument("--offset", type=number, metavar="A", help="guessed signal at the end (default 0)")
    text = "sd of a reading (default: that of the stored fit, else 0.003)"
    known.add_argument("--sd", type=number, metavar="SD", help=text)
    can = parser.add_argument_group("what the instrument can do")
    text = "readings to place (default 30, or as many as --from had where these are more, up to 120)"
    can.add_argument("--points", type=int, metavar="N", help=text)
    text = (
        "shortest time between readings, of which others are multiples (default: a 200th of the longest run)"
    )
    can.add_argument("--fastest", type=moment, metavar="S", help=text)
    text = "longest run (default: twice that of --from, or about 5 time constants of the guesses)"
    can.add_argument("--longest", type=moment, metavar="S", help=text)
    text = (
        "end of the run with even spacing that stands beside (default: that of the fit, or 3 time constants)"
    )
    can.add_argument("--even-to", type=moment, metavar="S", help=text)
    other = parser.add_argument_group("simulation and output")
    text = "simulated runs behind each number (default 24; from 6 on they end where the verdict is unlikely)"
    other.add_argument("--simulations", type=int, default=24, metavar="N", help=text)
    add_options(other, "seed")
    other.add_argument("--out", metavar="DIR", help="write JSON, tables, figures and report there")
    add_options(other, "show_time")


def run(args: argparse.Namespace) -> int:
    """Plan, print."""
    from cxkinetics.cli.terminal import counter, text_width
    from cxkinetics.document.folder import require_replaceable, write_folder
    from cxkinetics.document.units import time_unit
    from cxkinetics.planning.sampling import DEFAULT_SEED, plan_sampling
    from cxkinetics.record import json_text

    _require_fit(getattr(args, "files", []), args.stored)
    if args.stored is not None and (given := [name for name in _GUESSED if getattr(args, name) is not None]):
        raise UsageError(f"--{given[0]} is a guess, and --from {args.stored} gives it; leave one of them out")
    if args.out:
        require_replaceable(Path(args.out), MARK)
    options = values_of({"seed": args.seed, "show_time": args.show_time})
    guesses = {"amplitude": args.amplitude, "offset": args.offset}
    if args.uncertainty is not None:
        guesses["uncertainty"] = _share(args.uncertainty)
    seed = options.get("rng", DEFAULT_SEED)
    plan = plan_sampling(
        args.stored,
        rates_per_s=_numbers(args.k, "--k"),
        breakpoints_s=_numbers(args.breakpoint, "--breakpoint") or (),
        sd=args.sd,
        points=args.points,
        fastest_s=args.fastest,
        longest_s=args.longest,
        even_to_s=args.even_to,
        simulations=args.simulations,
        rng=seed,
        progress=counter("simulated fits"),
        **{name: value for name, value in guesses.items() if value is not None},
    )
    unit = options.get("show_time", "s")
    if args.json:
        print(json_text(plan.to_dict()))
    else:
        print(plan.to_text(time_unit=unit, width=text_width(), warnings=False))
    for remark in plan.warnings:
        sys.stderr.write(f"{remark.text}\n")
    if args.out:
        tables = plan.data()
        write_folder(
            Path(args.out),
            plan.page(time_unit(unit)),
            mark=MARK,
            texts={MARK: plan.to_json()},
            tables=tables,
            workbook=("plan-sampling.xlsx", tables),
        )
        sys.stderr.write(f"results written to {args.out}\n")
    return 0


def _require_fit(files: list[str], stored: str | None) -> None:
    """Refuse data where a stored fit is needed, and say how one is got."""
    if not files and stored and (path := Path(stored)).is_file():
        with path.open("rb") as opened:
            files = [] if opened.read(64).lstrip().startswith(b"{") else [stored]
    if not files:
        return
    first = Path(files[0])
    if first.suffix == ".json":
        raise UsageError(f"{first}: a stored fit stands behind --from: --from {shlex.quote(str(first))}")
    raise UsageError(
        f"{first} is no stored fit, from which a plan starts: cxkinetics fit {shlex.quote(str(first))} --out "
        f"DIR writes one; then give --from {shlex.quote(f'DIR/{first.stem}/fit.json')} (--from FIT.json)"
    )


def _numbers(text: str | None, option: str) -> list[float] | None:
    """Return the numbers of an option, those of breakpoints in s."""
    if text is None:
        return None
    try:
        return [
            finite(part, seconds) if option == "--breakpoint" else finite(part) for part in text.split(",")
        ]
    except ValueError:
        raise UsageError(
            f"{option} is {text!r}; it must be numbers with commas, such as 0.056,0.019"
        ) from None


def _share(text: str) -> float:
    try:
        return finite(text.removesuffix("%")) / (100 if text.endswith("%") else 1)
    except ValueError:
        raise UsageError(f"--uncertainty is {text!r}; it must be a share, such as 0.25 or 25%") from None
