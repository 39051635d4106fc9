"""Files that are whole or not there: written under a temporary name, then moved into place.

A run that is interrupted half-way leaves the old output as it was. A directory is replaced in two
renames; between them the old one stands aside under a temporary name and is put back on failure, or by
the next run where this one was killed.
Text that goes into a table is neutralised, so that a spreadsheet never runs it as a formula.
"""

import contextlib
import errno
import hashlib
import os
import re
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

_LONGEST = 40
"""Signs of a name that its temporary names repeat."""
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n")


def write_bytes(path: str | os.PathLike[str], data: bytes) -> Path:
    """Write `data` to `path` so that the file is either the old one or the whole new one.

    Parameters
    ----------
    path : path-like
        Where to; missing parent folders are made.
    data : bytes
        The content.

    Returns
    -------
    Path
        The file written.
    """
    target = Path(path)
    with _named_after(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(prefix=_beside(target), suffix=".part", dir=target.parent)
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        Path(temporary).chmod(_usual_mode(target))
        with _named_after(target):
            os.replace(temporary, target)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise
    return target


def write_text(path: str | os.PathLike[str], text: str) -> Path:
    """Write `text` to `path` as UTF-8, whole or not at all (see `write_bytes`).

    What UTF-8 cannot hold, such as a byte of a file's name that is no text, is written as an escape.
    """
    return write_bytes(path, text.encode("utf-8", "backslashreplace"))


@contextlib.contextmanager
def replace_directory(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Give a fresh folder to fill; it takes the place of `path` when the block ends without error.

    Parameters
    ----------
    path : path-like
        The folder to make or to replace whole.

    Yields
    ------
    Path
        A temporary folder beside it. If the block raises, it is removed and `path` stays as it was.
    """
    target = Path(path)
    with _named_after(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        recover(target.parent, [target.name])
        fresh = Path(tempfile.mkdtemp(prefix=_beside(target), suffix=".part", dir=target.parent))
    try:
        yield fresh
        fresh.chmod(0o777 & ~_umask())
        _swap(fresh, target)
    except BaseException:
        shutil.rmtree(fresh, ignore_errors=True)
        raise


LEFT = re.compile(r"(\..*\.)[a-z0-9_]{8}\.(part|old)", re.DOTALL)
"""A temporary name: what it stands for, eight signs of `tempfile`, and whether fresh or old."""


def recover(directory: str | os.PathLike[str], names: Iterable[str]) -> None:
    """Put back what a killed run left aside, and take away what it left half-written.

    Parameters
    ----------
    directory : path-like
        Where the files and folders stand; it need not exist.
    names : iterable of str
        Those that nobody else is writing now: temporary names of others are left alone.
    """
    place = Path(directory)
    wanted = {_beside(place / name): name for name in names}
    try:
        entries = os.listdir(place)
    except (OSError, ValueError):  # no folder, or no name of one
        return
    for entry in entries:
        found = LEFT.fullmatch(entry) if entry.startswith(".") else None
        if found is None or found[1] not in wanted:
            continue
        left, target = place / entry, place / wanted[found[1]]
        with contextlib.suppress(OSError):  # an old result that cannot be put back stays where it is
            if found[2] == "old" and (left / "old").exists() and not target.exists():
                os.replace(left / "old", target)
            if left.is_dir():
                shutil.rmtree(left)
            else:
                left.unlink()


def neutral_cell(text: str) -> str:
    """Return `text` so that a spreadsheet shows it and never runs it as a formula.

    A leading apostrophe is put before texts that begin with = + - @ or a control character;
    plain numbers are left alone.

    Examples
    --------
    >>> neutral_cell("=1+1"), neutral_cell("-3.5"), neutral_cell("run 3")
    ("'=1+1", '-3.5', 'run 3')
    """
    if not text.startswith(_FORMULA_STARTS):
        return text
    try:
        float(text)
    except ValueError:
        return "'" + text
    return text


def _swap(fresh: Path, target: Path) -> None:
    if not target.exists():
        os.replace(fresh, target)
        return
    aside = Path(tempfile.mkdtemp(prefix=_beside(target), suffix=".old", dir=target.parent))
    old = aside / "old"
    os.replace(target, old)
    try:
        os.replace(fresh, target)
    except BaseException:
        os.replace(old, target)
        os.rmdir(aside)
        raise
    shutil.rmtree(aside, ignore_errors=True)


@contextlib.contextmanager
def _named_after(target: Path) -> Iterator[None]:
    """Let an error of the file system name what was to be written, not the temporary name beside it."""
    try:
        yield
    except OSError as error:
        raise type(error)(error.errno, error.strerror, os.fspath(target)) from error
    except ValueError as error:  # a zero byte, or half of a pair of code units
        raise OSError(errno.EINVAL, f"no name of a file or folder: {error}", os.fspath(target)) from error


def _beside(target: Path) -> str:
    """Return the start of a temporary name: of one target alone, and short where that name is long."""
    name = target.name
    if len(name) > _LONGEST:
        mark = hashlib.sha256(name.encode("utf-8", "surrogateescape")).hexdigest()[:8]
        name = f"{name[: _LONGEST - len(mark)]}{mark}"
    return f".{name}."


def _usual_mode(target: Path) -> int:
    try:
        return target.stat().st_mode & 0o777
    except OSError:
        return 0o666 & ~_umask()


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
