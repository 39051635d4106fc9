"""The command `cxkinetics`: finds the verb, runs it, turns errors into one line and an exit code.

Exit codes: 0 done, 1 a data or fit problem, 2 usage. Only argparse is imported here, so that
`--help` and a mistyped option answer at once; each verb imports what it needs when it runs.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import NoReturn

from cxkinetics.errors import CxKineticsError, UsageError
from cxkinetics.version import __version__

__all__ = ["build_parser", "main"]

VERBS: tuple[str, ...] = (
    "demo",
    "fit",
    "spectra",
    "incorporation",
    "predict",
    "dose",
    "evidence",
    "formats",
    "inspect",
    "completion",
)
"""Each is a module of this package with SUMMARY, EXAMPLE, add_arguments(parser) and run(args)."""


class _Parser(argparse.ArgumentParser):
    """An ArgumentParser that proposes the nearest option or verb for a misspelt one."""

    def error(self, message: str) -> NoReturn:
        import difflib
        import re

        known = list(self._option_string_actions)
        for action in self._actions:
            if action.choices is not None:
                known += [str(choice) for choice in action.choices]
            if isinstance(action.choices, dict):
                verbs = [verb for verb in action.choices if verb in sys.argv] or list(action.choices)
                known += [option for verb in verbs for option in action.choices[verb]._option_string_actions]
        words = re.findall(r"(?<![\w-])(--[\w-]+)", message)
        if "invalid choice" in message:
            words = re.findall(r"'([^']+)'", message.partition("choose from")[0])
        for word in words:
            near = difflib.get_close_matches(word, known, 1, 0.6)
            if near and near[0] != word:
                message += f" (did you mean {near[0]}?)"
                break
        self.exit(2, f"{self.prog}: {message}; {self.prog} --help lists the options\n")


def build_parser(verbs: Sequence[str] = VERBS) -> argparse.ArgumentParser:
    """Return the parser of the whole command, with a sub-parser for each of `verbs`."""
    parser = _Parser(
        prog="cxkinetics",
        description="Staged kinetics of cation exchange in magic-size clusters, and the dose for a target.",
        epilog="example: cxkinetics fit run.csv --wavelength 324 --out results",
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"cxkinetics {__version__}")
    subparsers = parser.add_subparsers(dest="verb", metavar="COMMAND", required=True)
    for verb in verbs:
        module = import_module(f"cxkinetics.cli.{verb}")
        sub = subparsers.add_parser(
            verb,
            help=module.SUMMARY,
            description=module.SUMMARY,
            epilog=f"example: {module.EXAMPLE}",
            formatter_class=argparse.RawDescriptionHelpFormatter,  # keeps an example on its line
            allow_abbrev=False,
        )
        module.add_arguments(sub)
        sub.add_argument("--json", action="store_true", help="print one JSON document and nothing else")
        sub.add_argument("--debug", action="store_true", help="show the traceback of an error")
        sub.set_defaults(run=module.run)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code.

    Parameters
    ----------
    argv : sequence of str, optional
        The words after `cxkinetics`; those of the process by default.
    """
    args = build_parser().parse_args(argv)
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(name, "1")  # the matrices are small: threads would only wait for each other
    try:
        return int(args.run(args))
    except UsageError as error:
        if args.debug:
            raise
        sys.stderr.write(f"cxkinetics {args.verb}: {_one_line(error)}\n")
        return 2
    except BrokenPipeError:
        return 0
    except (CxKineticsError, OSError) as error:
        if args.debug:
            raise
        sys.stderr.write(f"cxkinetics {args.verb}: {_one_line(error)}\n")
        return 1
    except KeyboardInterrupt:
        sys.stderr.write("interrupted; nothing half-written was kept\n")
        return 130


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split())
