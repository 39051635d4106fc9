"""Systems by name or from a TOML file."""

import difflib
import tomllib
from collections.abc import Mapping
from dataclasses import fields
from importlib.resources import files
from pathlib import Path
from typing import Any

from cxkinetics.composition.system import System
from cxkinetics.errors import InputError, UsageError

__all__ = ["PACKAGED_SYSTEMS", "load_system", "species_key"]

PACKAGED_SYSTEMS = ("ag-cds", "cu-cds")


def load_system(system: System | str | Path) -> System:
    """Return a packaged system by name, or the system of a TOML file.

    Parameters
    ----------
    system : System, str or Path
        "ag-cds", "cu-cds", the path of a TOML file, or a System (returned as it is). The shortest
        file holds `host`, `guest` and `product`; see `System` for all keys.

    Returns
    -------
    System

    Raises
    ------
    UsageError
        If no packaged system has that name and no such file exists.
    InputError
        If the file cannot be read as a system.

    Examples
    --------
    >>> load_system("cu-cds").species
    ('Cd34S33', 'CuCd33S33', 'Cu2Cd32S33', 'CuS')
    """
    if isinstance(system, System):
        return system
    name = str(system)
    if name in PACKAGED_SYSTEMS:
        text = files("cxkinetics.composition.systems").joinpath(f"{name}.toml").read_text(encoding="utf-8")
        return _from_toml(text, f"{name}.toml")
    path = Path(name)
    if not path.is_file():
        near = difflib.get_close_matches(name, PACKAGED_SYSTEMS, 1, 0.5)
        hint = f" (did you mean {near[0]}?)" if near else ""
        raise UsageError(
            f"no system {name!r}{hint}; packaged are {', '.join(PACKAGED_SYSTEMS)}, "
            "or give the path of a TOML file with host, guest and product"
        )
    try:
        return _from_toml(path.read_text(encoding="utf-8-sig"), name)
    except UnicodeDecodeError as error:
        raise InputError(f"is not UTF-8 text: {error}", file=name) from error


def species_key(system: System, text: str) -> str:
    """Return the key of the species of `system` that `text` means.

    Raises
    ------
    InputError
        If it has no such species; where another packaged system has it, the message names that one.

    Examples
    --------
    >>> species_key(load_system("ag-cds"), "Cd32Ag2S33")
    'Ag2Cd32S33'
    """
    try:
        return system.species_key(text)
    except InputError:
        if _named_by(system, text) is not None:
            raise
        for name in PACKAGED_SYSTEMS:
            key = _named_by(load_system(name), text)
            if key is not None:
                raise InputError(
                    f"{text} is no species of {system.name} ({', '.join(system.species)}); {name} has {key}",
                    value=text,
                    remedy=f"pass --system {name} (system={name!r})",
                ) from None
        raise


def _named_by(system: System, text: str) -> str | None:
    """Return the species that `text` names if capital letters do not count, or None."""
    try:
        return system.species_key(text)
    except InputError:
        return {key.casefold(): key for key in system.species}.get(text.strip().casefold())


def _from_toml(text: str, file: str) -> System:
    try:
        record: Mapping[str, Any] = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"is not valid TOML: {error}", file=file) from error
    known = [item.name for item in fields(System)]
    for key in record:
        if key not in known:
            near = difflib.get_close_matches(key, known, 1, 0.6)
            hint = f" (did you mean {near[0]}?)" if near else ""
            raise InputError(f"unknown key {key!r}{hint}; known are {', '.join(known)}", file=file)
    missing = [key for key in ("host", "guest", "product") if key not in record]
    if missing:
        raise InputError(f"a system needs {', '.join(missing)}", file=file)
    try:
        return System(**record)
    except InputError as error:
        raise InputError(str(error), file=file) from error
    except (TypeError, ValueError, AttributeError) as error:
        raise InputError(f"an entry has the wrong type: {error}", file=file) from error
