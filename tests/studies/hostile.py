"""Hostile files, calls, options and traces: nothing but a sane result or an error of ours may come out.

    python -m tests.studies.hostile files 100000 [--seed 17] [--only TEXT]
    python -m tests.studies.hostile calls 20000
    python -m tests.studies.hostile options 5000
    python -m tests.studies.hostile traces 2000

prints what became of so many tries and each kind of fault once, with the number that makes it again
(`--number N` makes only that one, with its traceback). A fault is an exception that is not ours, a warning
that is not ours, NaN or infinity in JSON, more than two seconds of processor time, or more than 1 GB.
"""

import argparse
import itertools
import json
import resource
import signal
import sys
import tempfile
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import cxkinetics as cx

SECONDS, MEGABYTES, HANG_S = 2.0, 1000.0, 20.0


class Try(NamedTuple):
    """One attack: what it is, and what makes it."""

    what: str
    call: Callable[[], Any]


class Outcome(NamedTuple):
    """What became of a try: "done", "refused" or "fault", and what kind of fault."""

    state: str
    fault: str = ""
    text: str = ""


class _TooLongError(BaseException):
    """Raised by the timer inside the call; no handler of ordinary errors swallows it."""


def _ring(*_: Any) -> None:
    raise _TooLongError


def place_of(error: BaseException) -> str:
    """Return where in the package an error came from, and what it is."""
    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if "/cxkinetics/" in frame.filename]
    where = f"{ours[-1].filename.rpartition('/cxkinetics/')[2]}:{ours[-1].lineno}" if ours else "outside"
    return f"{type(error).__name__} at {where}"


def judged(call: Callable[[], Any], *, timed: bool = True) -> Outcome:
    """Make one try and judge it; `timed` with limits of time and memory."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    begin = time.process_time()
    earlier = signal.signal(signal.SIGVTALRM, _ring)
    signal.setitimer(signal.ITIMER_VIRTUAL, HANG_S if timed else 600.0)
    outcome = Outcome("done")
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            try:
                call()
            except cx.CxKineticsError as error:
                outcome = Outcome("refused", text=str(error))
            except SystemExit as error:
                if error.code != 2:
                    return Outcome("fault", f"exit {error.code}")
                outcome = Outcome("refused")
            except Exception as error:
                return Outcome("fault", place_of(error), f"{error}"[:200])
    except _TooLongError as error:
        return Outcome("fault", f"hangs: {place_of(error)}")
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0.0)
        signal.signal(signal.SIGVTALRM, earlier)
    leaked = [w for w in caught if not issubclass(w.category, cx.CxKineticsWarning)]
    if leaked:
        at = leaked[0].filename.rpartition("/cxkinetics/")[2]
        return Outcome("fault", f"warning {leaked[0].message} at {at}:{leaked[0].lineno}"[:150])
    if "\n" in outcome.text:
        return Outcome("fault", "more than one line", outcome.text[:200])
    if not timed:
        return outcome
    if (used := time.process_time() - begin) > SECONDS:
        return Outcome("fault", "slow", f"{used:.1f} s")
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    return Outcome("fault", "memory", f"{grown:.0f} MB") if grown > MEGABYTES else outcome


def strict(text: str) -> Any:
    """Return the JSON in a text; NaN and infinity are none."""

    def refuse(word: str) -> Any:
        raise AssertionError(f"{word} in JSON")

    return json.loads(text, parse_constant=refuse)


def looked_at(result: Any) -> Any:
    """Ask a result for its JSON and its text, as a user would."""
    if hasattr(result, "to_json"):
        strict(result.to_json())
    return str(result)


def attacked(tries: Iterator[Try], count: int, *, timed: bool = True) -> tuple[Counter[str], dict[str, str]]:
    """Return how many tries ended how, and an example of each kind of fault."""
    states: Counter[str] = Counter()
    faults: dict[str, str] = {}
    for number, one in enumerate(itertools.islice(tries, count)):
        outcome = judged(one.call, timed=timed)
        states[outcome.state] += 1
        if outcome.fault:
            states[outcome.fault] += 1
            faults.setdefault(outcome.fault, f"number {number}: {one.what}: {outcome.text}"[:500])
    return states, faults


def attackers(folder: Path) -> dict[str, Callable[[int], Iterator[Try]]]:
    """Return the attackers by their names; each yields tries without an end for a seed."""
    from tests.studies.hostile_calls import hostile_calls, hostile_options
    from tests.studies.hostile_files import hostile_files
    from tests.studies.odd_traces import odd_traces

    return {
        "files": lambda seed: hostile_files(folder, seed),
        "calls": lambda seed: hostile_calls(folder, seed),
        "options": lambda seed: hostile_options(folder, seed),
        "traces": odd_traces,
    }


def main() -> None:
    """Attack as the command line says."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("kind", choices=("files", "calls", "options", "traces"))
    parser.add_argument("count", type=int)
    parser.add_argument("--seed", type=int, default=17)
    parser.add_argument("--only", default="", help="tries with this text in their description")
    parser.add_argument("--number", type=int, help="make only this one, with its traceback")
    args = parser.parse_args()
    limit = 6 << 30
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    with tempfile.TemporaryDirectory() as folder:
        tries = attackers(Path(folder))[args.kind](args.seed)
        if args.number is not None:
            one = next(itertools.islice(tries, args.number, None))
            print(one.what)
            print(one.call())
            return
        tries = (one for one in tries if args.only in one.what)
        states, faults = attacked(tries, args.count, timed=args.kind != "traces")
    for state in ("done", "refused", "fault"):
        print(f"{state}: {states[state]}")
    for fault, example in sorted(faults.items(), key=lambda item: -states[item[0]]):
        print(f"{states[fault]:5d}  {fault}\n       {example!r}")
    sys.exit(bool(faults))


if __name__ == "__main__":
    main()
