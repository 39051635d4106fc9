"""Which inputs are meant: files, folders of runs, and folders that are one run."""

import os
import re
import warnings
from collections.abc import Sequence
from glob import glob
from pathlib import Path

from cxkinetics.errors import CxKineticsWarning, InputError
from cxkinetics.io.words import natural_key

FOREIGN = frozenset(
    re.findall(
        r"\w+",
        "md rst tex bib py ipynb m r pdf doc docx odt rtf ppt pptx png jpg jpeg gif svg tif tiff bmp heic "
        "mp4 mov avi html htm toml yaml yml ini lnk exe cdx",
    )
)
"""Endings of files that never hold a measurement; in a folder they are passed over."""


_SUMMED = re.compile(r"(summary|replicates|failures-\d+-of-\d+)\.(csv|xlsx)")


def expand(paths: Sequence[str]) -> list[str]:
    """Return the inputs behind the paths a user typed.

    A folder of one-spectrum files with times in their names is one input; any other folder stands
    for the files in it, in natural order. Patterns that a shell left alone are expanded. Files in a
    folder that are plainly no data (notes, pictures, scripts) and its subfolders are passed over;
    a `CxKineticsWarning` names them.

    Raises
    ------
    InputError
        If a folder or a pattern holds no file.
    """
    inputs: list[str] = []
    for path in paths:
        place = Path(path)
        if os.path.isdir(path):  # False too for what no file can be called
            inputs += _of_folder(place, path)
        elif not os.path.exists(path) and any(sign in path for sign in "*?["):
            found = sorted(glob(path, recursive=True))
            if not found:
                raise InputError("no file matches this pattern", file=path, remedy="check folder and ending")
            inputs += found
        else:
            inputs.append(path)
    return inputs


def _of_folder(place: Path, typed: str) -> list[str]:
    from cxkinetics.io.load import is_run_folder

    if is_run_folder(place):
        return [typed]
    entries = [
        p for p in sorted(place.iterdir(), key=lambda p: natural_key(p.name)) if not p.name.startswith(".")
    ]
    inside = [p for p in entries if p.is_file()]
    files = [p for p in inside if not _is_foreign(p)]
    passed = [p.name for p in inside if _is_foreign(p)]
    deeper = [p.name for p in entries if p.is_dir()]
    said = [f"not data files, passed over: {_listed(passed)}"] if passed else []
    said += [f"subfolders are not searched: {_listed(deeper)}"] if deeper else []
    # of one input, or of several where no data stand beside them
    depths = ("", "*/", "*/trace-*/") if all(_SUMMED.fullmatch(file.name) for file in files) else ("",)
    if any(mark for depth in depths for mark in place.glob(f"{depth}fit.json")):
        remedy = f"cxkinetics report {typed} draws it again; to fit, give the data it was made of"
        raise InputError("this is a result of cxkinetics fit, no data", file=typed, remedy=remedy)
    if not files:
        raise InputError(
            "; ".join(["the folder holds no files" + (" of data" if passed else ""), *said]),
            file=typed,
            remedy="give the files, or the folder they lie in",
        )
    for text in said:
        warnings.warn(f"{typed}: {text}", CxKineticsWarning, stacklevel=3)
    return [str(p) for p in files]


def _is_foreign(path: Path) -> bool:
    name = path.name.casefold()
    # "~$" begins the lock of a document that is open elsewhere
    return name.startswith("~$") or name == "thumbs.db" or path.suffix[1:].casefold() in FOREIGN


def _listed(names: list[str], most: int = 8) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more
