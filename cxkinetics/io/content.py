"""A file's bytes, read once, with its hash; and the refusals that need no understanding.

The head is looked at first: a picture, an archive or random bytes are refused before the rest of a
large file is read.
"""

import os
from dataclasses import dataclass, field
from pathlib import Path

from cxkinetics.errors import InputError
from cxkinetics.source import Source, sha256_of

__all__ = ["HEAD_BYTES", "Content", "read_content", "refuse_foreign"]

HEAD_BYTES = 1 << 16
LARGEST_FILE = 1 << 30

_FOREIGN = (  # first bytes, what it is, what to do
    (b"%PDF", "a PDF document", "export the numbers as CSV from the instrument software"),
    (b"\x89PNG", "a PNG picture", "export the numbers as CSV"),
    (b"\xff\xd8\xff", "a JPEG picture", "export the numbers as CSV"),
    (b"GIF8", "a GIF picture", "export the numbers as CSV"),
    (b"\x1f\x8b", "a gzip archive", "unpack it first"),
    (b"7z\xbc\xaf", "a 7z archive", "unpack it first"),
    (b"Rar!", "a RAR archive", "unpack it first"),
    (b"BZh", "a bzip2 archive", "unpack it first"),
    (b"\xfd7zXZ", "an xz archive", "unpack it first"),
    (
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",
        "a binary file of the old Office kind (.xls or an instrument's own)",
        "save it as .xlsx or CSV",
    ),
    (b"\x89HDF", "a binary HDF5 file", "export the table as CSV"),
    (b"CDF\x01", "a binary netCDF file", "export the table as CSV"),
)


@dataclass(frozen=True, slots=True)
class Content:
    """The bytes of one file.

    Attributes
    ----------
    file : str
        Path as the user gave it.
    data : bytes
        The whole content.
    sha256 : str
        Its hash.
    """

    file: str
    data: bytes = field(repr=False)
    sha256: str

    @property
    def name(self) -> str:
        """File name without its folder."""
        return Path(self.file).name

    @property
    def stem(self) -> str:
        """File name without folder and ending."""
        return Path(self.file).stem

    def source(self, format: str, trace: int = 1) -> Source:
        """Return the provenance of trace number `trace` of this file."""
        return Source(file=self.file, sha256=self.sha256, format=format, trace=trace)


def read_content(path: str | os.PathLike[str]) -> Content:
    """Read a file whole.

    Parameters
    ----------
    path : path-like
        Kept in `Content.file` exactly as given.

    Raises
    ------
    InputError
        If there is no such file, it cannot be opened, is empty, too large, or plainly no table
        (a picture, an archive, random bytes).
    """
    file = os.fspath(path)
    try:
        with open(file, "rb") as stream:
            head = stream.read(HEAD_BYTES)
            size = os.fstat(stream.fileno()).st_size
            if not head.strip(b" \t\r\n\x00\xef\xbb\xbf\xff\xfe\x1a"):
                _refuse_empty(file, size)
            if size > LARGEST_FILE:
                raise InputError(
                    f"the file holds {size / 1e9:.3g} GB; at most {LARGEST_FILE / 1e9:.3g} GB are read",
                    file=file,
                    remedy="split it, or keep fewer wavelengths",
                )
            refuse_foreign(file, head)
            stream.seek(0)
            data = stream.read()
    except InputError:
        raise
    except FileNotFoundError as error:
        raise InputError("there is no such file", file=file, remedy="check the path") from error
    except IsADirectoryError as error:
        raise InputError("this is a folder", file=file) from error
    except PermissionError as error:
        raise InputError("the file may not be read (permission denied)", file=file) from error
    except (OSError, ValueError) as error:
        raise InputError(f"the file cannot be read: {error}", file=repr(file).strip("'")) from error
    return Content(file, data, sha256_of(data))


def refuse_foreign(file: str, head: bytes) -> None:
    """Raise if `head`, the first bytes of `file`, belongs to a kind of file that holds no table."""
    for magic, kind, remedy in _FOREIGN:
        if head.startswith(magic):
            raise InputError(f"this is {kind}, not a table", file=file, remedy=remedy)


def _refuse_empty(file: str, size: int) -> None:
    if size > HEAD_BYTES:
        raise InputError(f"the first {HEAD_BYTES} bytes are blank: no data rows", file=file)
    what = "the file is empty (0 bytes)" if size == 0 else "the file is empty: nothing but blanks"
    raise InputError(what, file=file, remedy="export it again")
