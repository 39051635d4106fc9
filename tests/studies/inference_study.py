"""The study behind the figures of the inference: one command prints its tables.

    python -m tests.studies.inference_study --traces 2000 --jobs 2

Everything is simulated, from one seed; a trace's noise depends on the seed, the name of its cell and
its own number alone, so the figures are the same however the work is shared out. A row that misses
its limit is marked: `!` by more than two standard errors of the share, `~` by less.

A trace takes about 0.05 s of one core (0.15 s at n = 401), so 2000 traces of everything take some four
hours on two cores: choose cells, or fewer traces, and let `--save` keep what is done.
"""

import argparse
import json
import os
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

CHUNK = 10
"""Traces a worker takes at once."""
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


def tally(name: str, seed: int, first: int, last: int) -> Counter[str]:
    """Return the counts of the traces first..last - 1 of a cell (what a worker runs)."""
    from tests.studies.cells import all_cells

    counts: Counter[str] = all_cells()[name].tally(seed, range(first, last))
    return counts


def chosen_cells(patterns: Sequence[str]) -> list[str]:
    """Return the names of the cells whose text holds any of the patterns (all words of it)."""
    from tests.studies.cells import all_cells

    names = list(all_cells())
    if not patterns:
        return names
    return [name for name in names if any(all(word in name for word in p.split()) for p in patterns)]


def run(
    names: Sequence[str], *, traces: int, seed: int, jobs: int, save: Path | None = None
) -> dict[str, Counter[str]]:
    """Run cells on `jobs` processes and return their counts; kept ones are read from `save`."""
    done = dict(_kept(save, traces, seed))
    missing = [name for name in names if name not in done]
    os.environ.update(dict.fromkeys(THREADS, "1"))
    begin = time.monotonic()
    with ProcessPoolExecutor(max_workers=jobs, mp_context=get_context("spawn")) as pool:
        for number, name in enumerate(missing, 1):
            edges = [*range(0, traces, CHUNK), traces]
            parts = pool.map(
                tally, [name] * (len(edges) - 1), [seed] * (len(edges) - 1), edges[:-1], edges[1:]
            )
            total: Counter[str] = Counter()
            for part in parts:
                total.update(part)
            done[name] = total
            if save is not None:
                with save.open("a", encoding="utf-8") as stream:
                    record = {"cell": name, "traces": traces, "seed": seed, "counts": total}
                    stream.write(json.dumps(record) + "\n")
            spent = time.monotonic() - begin
            left = spent / number * (len(missing) - number)
            sys.stderr.write(f"{number}/{len(missing)} {name} ({spent:.0f} s, about {left:.0f} s left)\n")
    return {name: done[name] for name in names}


def _kept(save: Path | None, traces: int, seed: int) -> Iterator[tuple[str, Counter[str]]]:
    if save is None or not save.exists():
        return
    for line in save.read_text(encoding="utf-8").splitlines():
        record = json.loads(line)
        if (record["traces"], record["seed"]) == (traces, seed):
            yield record["cell"], Counter(record["counts"])


def tables(results: dict[str, Counter[str]]) -> tuple[str, list[str]]:
    """Return the tables as text, and the rows that miss their limit."""
    from tests.studies.bench import BENCH_HEAD, Bench
    from tests.studies.cells import COVERAGE_HEAD, OPTIMUM_HEAD, VERDICT_HEAD, Coverage, Verdicts, all_cells

    cells = all_cells()
    rows: dict[tuple[str, ...], list[list[str]]] = {}
    missed = []
    for name, counts in results.items():
        cell = cells[name]
        head = COVERAGE_HEAD if isinstance(cell, Coverage) else OPTIMUM_HEAD
        head = VERDICT_HEAD if isinstance(cell, Verdicts) else head
        head = BENCH_HEAD if isinstance(cell, Bench) else head
        for row, sign in cell.rows(counts):
            rows.setdefault(tuple(head), []).append([*row, sign])
            if sign == "!":
                missed.append(" | ".join(row))
    return "\n\n".join(_aligned([[*head, ""], *body]) for head, body in rows.items()), missed


def _aligned(rows: list[list[str]]) -> str:
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return "\n".join(
        "  ".join(
            text.ljust(w) if i < 1 else text.rjust(w)
            for i, (text, w) in enumerate(zip(row, widths, strict=True))
        )
        for row in rows
    )


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m tests.studies.inference_study",
        description="Coverage, error of the breakpoint, false positives, power, soft switches, optima.",
        epilog='example: python -m tests.studies.inference_study --cells "coverage: n 51" power --traces 200',
    )
    parser.add_argument("--traces", type=int, default=2000, metavar="N", help="traces a cell (default 2000)")
    parser.add_argument(
        "--cells",
        nargs="*",
        default=[],
        metavar="TEXT",
        help="cells whose name holds all words of a TEXT (default all)",
    )
    parser.add_argument("--jobs", type=int, default=2, metavar="N", help="processes (default 2)")
    parser.add_argument("--seed", type=int, default=20230706, metavar="N", help="seed of all noise")
    parser.add_argument("--save", type=Path, metavar="FILE", help="keep the counts of finished cells here")
    parser.add_argument("--list", action="store_true", help="list the cells and stop")
    args = parser.parse_args(argv)
    names = chosen_cells(args.cells)
    if not names:
        parser.error(f"no cell holds {args.cells}; see --list")
    if args.list:
        print("\n".join(names))
        return 0
    results = run(names, traces=args.traces, seed=args.seed, jobs=args.jobs, save=args.save)
    text, missed = tables(results)
    print(f"simulated traces: {args.traces} a cell, seed {args.seed}; 0-100 s; nominal 95 %\n")
    print(text)
    print(
        f"\n{len(missed)} rows miss their limit by more than two standard errors"
        + "".join(f"\n  {row}" for row in missed)
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
