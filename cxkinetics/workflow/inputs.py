"""Which inputs a command means: files, folders of runs, and folders that are one run."""

from collections.abc import Sequence
from pathlib import Path

from cxkinetics.errors import InputError

__all__ = ["expand"]


def expand(paths: Sequence[str]) -> list[str]:
    """Return the inputs behind the paths a user typed.

    A folder of one-spectrum files with times in their names is one input; any other folder stands
    for the files in it, in natural order. Patterns that a shell left alone are expanded.

    Raises
    ------
    InputError
        If a folder or a pattern holds no file.
    """
    inputs: list[str] = []
    for path in paths:
        place = Path(path)
        if place.is_dir():
            inputs += _of_folder(place, path)
        elif not place.exists() and any(sign in path for sign in "*?["):
            found = sorted(str(p) for p in Path().glob(path)) if not place.is_absolute() else []
            if not found:
                raise InputError("no file matches this pattern", file=path)
            inputs += found
        else:
            inputs.append(path)
    return inputs


def _of_folder(place: Path, typed: str) -> list[str]:
    from cxkinetics.io.registry import is_run_folder

    if is_run_folder(place):
        return [typed]
    files = [p for p in sorted(place.iterdir(), key=_natural) if p.is_file() and not p.name.startswith(".")]
    if not files:
        raise InputError("the folder holds no files", file=typed)
    return [str(p) for p in files]


def _natural(path: Path) -> list[tuple[int, int | str]]:
    import re

    return [(0, int(part)) if part.isdigit() else (1, part.lower()) for part in re.split(r"(\d+)", path.name)]
