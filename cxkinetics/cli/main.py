"""The command `cxkinetics`: finds the verb, runs it, turns errors into one line and an exit code.

Exit codes: 0 done, 1 a data or fit problem, 2 usage. Only argparse is imported here, so that
`--help` and a mistyped option answer at once; each verb imports what it needs when it runs.
"""

import argparse
import os
import sys
import warnings
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib import import_module
from typing import Any, NoReturn

from cxkinetics.annexes import declared
from cxkinetics.errors import CxKineticsError, CxKineticsWarning, UsageError
from cxkinetics.version import __version__

_ANNEXES: Mapping[str, Mapping[str, str]] = declared("VERBS")
VERBS: Mapping[str, str] = {
    "demo": "fit the packaged examples, print the paper's numbers beside ours, write figures and a report",
    "fit": "fit in-situ traces or spectra: stages, breakpoint, verdict (several files or a folder: a batch)",
    "together": "fit several runs at once: shared rate constants and breakpoint, by temperature or by dose",
    **{verb: line for verbs in _ANNEXES.values() for verb, line in verbs.items()},
    "report": "make the reports, figures and workbooks of stored fits again",
    "collect": "sum up the results in a folder, of one run or of shards, as one batch",
    "formats": "list the file formats that can be read",
    "inspect": "say what was understood of a file: format, traces, axes, units, ranges, masked points",
    "explain": "say in plain words what a word of the results means: AICc, p-value, undecided and others",
    "check": "check the installation: packaged data are fitted and compared with stored intervals",
    "completion": "print a completion script for bash, zsh, fish or PowerShell",
}
"""Verb -> its line in the help, in this order; those of annexes are told by them."""


def module_of(verb: str) -> Any:
    """Return the module of a verb, with EXAMPLE, add_arguments(parser) and run(args)."""
    annex = next((annex for annex, verbs in _ANNEXES.items() if verb in verbs), None)
    return import_module(f"cxkinetics.{annex}.verbs.{verb}" if annex else f"cxkinetics.cli.{verb}")


class _Parser(argparse.ArgumentParser):
    """An ArgumentParser that proposes the nearest option or verb for a misspelt one."""

    def error(self, message: str) -> NoReturn:
        import difflib
        import re

        choices = (choice for action in self._actions for choice in action.choices or ())
        known = [*self._option_string_actions, *map(str, choices)]
        words = re.findall(r"(?<![\w-])(--[\w-]+)", message)
        if "invalid choice" in message:
            said, _, listed = message.partition("choose from")
            words, known = re.findall(r"'([^']+)'", said), re.findall(r"[\w.+-]+", listed)
        for word in words:
            near = difflib.get_close_matches(word, known, 1, 0.6)
            if near and near[0] != word:
                message += f" (did you mean {near[0]}?)"
                break
        self.exit(2, f"{self.prog}: {message}; {self.prog} --help lists the options\n")


class _Citation(argparse.Action):
    """Prints the BibTeX entries."""

    def __call__(self, parser: argparse.ArgumentParser, *_: Any) -> NoReturn:
        from cxkinetics.cli.citation import bibtex

        sys.stdout.write(bibtex())
        parser.exit()


def build_parser(verbs: Collection[str] = VERBS) -> argparse.ArgumentParser:
    """Return the parser of the whole command, with the arguments of `verbs`.

    The others have their line in the help and nothing else, so that no module is imported for them.
    """
    parser = _Parser(
        prog="cxkinetics",
        description="Staged kinetics of cation exchange in magic-size clusters, and the dose for a target.",
        epilog="start with: cxkinetics demo",
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"cxkinetics {__version__}")
    parser.add_argument(
        "--citation", action=_Citation, nargs=0, help="print how to cite, as BibTeX, and exit"
    )
    subparsers = parser.add_subparsers(dest="verb", metavar="COMMAND")
    for verb, line in VERBS.items():
        if verb not in verbs:
            subparsers.add_parser(verb, help=line)
            continue
        module = module_of(verb)
        sub = subparsers.add_parser(
            verb,
            help=line,
            description=line,
            epilog=_epilog(module.EXAMPLE),
            formatter_class=argparse.RawDescriptionHelpFormatter,  # keeps an example on its line
            allow_abbrev=False,
        )
        module.add_arguments(sub)
        sub.add_argument("--json", action="store_true", help="print one JSON document and nothing else")
        sub.add_argument("--debug", action="store_true", help="show the traceback of an error")
        sub.set_defaults(run=module.run, parser=sub)
    return parser


def _epilog(example: str) -> str:
    """Return the end of a verb's help: its example, or several, and where their files come from."""
    origin = ["cxkinetics demo writes the data of this example"] if "cxkinetics-demo/" in example else []
    return "\n".join([*origin, *(f"example: {line}" for line in example.splitlines())])


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code.

    Parameters
    ----------
    argv : sequence of str, optional
        The words after `cxkinetics`; those of the process by default.
    """
    words = sys.argv[1:] if argv is None else argv
    # the command itself has no option with a value: its first other word is the verb
    parser = build_parser([word for word in words if not word.startswith("-")][:1])
    args, rest = parser.parse_known_args(words)
    if rest:
        getattr(args, "parser", parser).error(f"unrecognized arguments: {' '.join(rest)}")
    for word in words:
        if word.startswith("--") and word.endswith("=--"):  # which argparse takes for an empty list
            text = f"argument {word.removesuffix('=--')}: '--' is no value, it ends the options"
            getattr(args, "parser", parser).error(text)
    if args.verb is None:
        sys.stderr.write(_list_of_commands())
        return 2
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # a sign that a cp1252 console lacks is no reason to fail
            stream.reconfigure(errors="backslashreplace")
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(name, "1")  # the matrices are small: threads would only wait for each other
    try:
        with _plain_warnings(args.verb), _sigterm_as_interrupt():
            return int(args.run(args))
    except BrokenPipeError:
        return 0
    except (CxKineticsError, OSError) as error:
        if args.debug:
            raise
        text = str(error)
        if isinstance(error, OSError) and error.filename and error.strerror:
            text = f"{error.filename}: {error.strerror}; name a place that can be read and written"
        sys.stderr.write(f"cxkinetics {args.verb}: {' '.join(text.split())}\n")
        return 2 if isinstance(error, UsageError) else 1
    except KeyboardInterrupt as error:
        sys.stderr.write("interrupted; nothing half-written was kept\n")
        return 143 if isinstance(error, _Terminated) else 130


class _Terminated(KeyboardInterrupt):
    """The process was asked to end (SIGTERM)."""


@contextmanager
def _sigterm_as_interrupt() -> Iterator[None]:
    """Let SIGTERM end a command as Ctrl-C does: with its processes, and without half-written files."""
    import signal
    import threading

    if threading.current_thread() is not threading.main_thread():  # only that one gets signals
        yield
        return

    def stop(*_: object) -> NoReturn:
        raise _Terminated

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@contextmanager
def _plain_warnings(verb: str) -> Iterator[None]:
    """Print warnings of our own as one plain line each; those of others stay as they are."""
    with warnings.catch_warnings():
        warnings.simplefilter("always", CxKineticsWarning)
        others = warnings.showwarning

        def show(message: Warning | str, category: type[Warning], *place: Any, **more: Any) -> None:
            if issubclass(category, CxKineticsWarning):
                sys.stderr.write(f"cxkinetics {verb}: {message}\n")
            else:
                others(message, category, *place, **more)

        warnings.showwarning = show
        yield


def _list_of_commands() -> str:
    width = max(map(len, VERBS))
    lines = "".join(f"  {verb:<{width}}  {line}\n" for verb, line in VERBS.items())
    last = "start with: cxkinetics demo; cxkinetics COMMAND --help lists its options\n"
    return f"cxkinetics: name a command:\n{lines}{last}"
