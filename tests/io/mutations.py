"""Damage done to files: truncations, bit flips, lost and doubled pieces, shuffled lines."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

__all__ = ["KINDS", "mutated", "sample_files"]

KINDS = ("truncate", "flip", "noise", "cut", "double", "swap_lines", "swap_bytes", "zero", "insert")
_TRICKY = (
    b",",
    b";",
    b"\t",
    b"\n",
    b"\r",
    b'"',
    b"\x00",
    b"-",
    b".",
    b"e",
    b"#",
    b"=",
    b"9" * 40,
    b"\xff\xfe",
)


def sample_files(shared: Path) -> list[Path]:
    """Every real and made sample, smallest first."""
    files = [p for folder in ("uvvis", "badinputs") for p in (shared / folder).rglob("*") if p.is_file()]
    return sorted(
        (p for p in files if p.name != "manifest.json" and p.stat().st_size), key=lambda p: p.stat().st_size
    )


def mutated(data: bytes, kind: str, rng: np.random.Generator) -> bytes:
    """Return `data` with one kind of damage."""
    n = len(data)
    if kind == "truncate":
        return data[: int(rng.integers(0, n))]
    if kind in ("flip", "noise", "zero", "swap_bytes"):
        body = bytearray(data)
        for place in rng.integers(0, n, int(rng.integers(1, 30))):
            if kind == "flip":
                body[place] ^= 1 << int(rng.integers(0, 8))
            elif kind == "noise":
                body[place] = int(rng.integers(0, 256))
            elif kind == "zero":
                body[place] = 0
            else:
                other = int(rng.integers(0, n))
                body[place], body[other] = body[other], body[place]
        return bytes(body)
    low = int(rng.integers(0, n))
    high = min(n, low + int(rng.integers(1, max(2, n // 4))))
    if kind == "cut":
        return data[:low] + data[high:]
    if kind == "double":
        return data[:high] + data[low:]
    if kind == "insert":
        word = _TRICKY[int(rng.integers(0, len(_TRICKY)))]
        return data[:low] + word * int(rng.integers(1, 4)) + data[low:]
    lines = data.split(b"\n")
    for _ in range(int(rng.integers(1, 6))):
        i, j = rng.integers(0, len(lines), 2)
        lines[i], lines[j] = lines[j], lines[i]
    return b"\n".join(lines)


def damaged_files(files: list[Path], count: int, seed: int) -> Iterator[tuple[str, str, bytes]]:
    """Yield (name, what was done, bytes), going round the files and the kinds of damage."""
    rng = np.random.default_rng(seed)
    contents = {p: p.read_bytes() for p in files}
    for k in range(count):
        path = files[k % len(files)]
        kind = KINDS[(k // len(files) + k) % len(KINDS)]
        data = mutated(contents[path], kind, rng)
        if rng.random() < 0.2:
            other = KINDS[int(rng.integers(0, len(KINDS)))]
            data = mutated(data, other, rng) if data else data
            kind += f" + {other}"
        yield path.name, f"{kind} (number {k}, seed {seed})", data
