"""JASCO text: key-tab-value lines, XYDATA, the numbers, and more keys after #####."""

import re
from dataclasses import replace

from cxkinetics.io.file import Context, Signal, TextFormat, plain_lines
from cxkinetics.io.formats.jcamp_dx import light_unit
from cxkinetics.io.formats.text import read_tables
from cxkinetics.io.headers import read_header
from cxkinetics.io.table import tables_in
from cxkinetics.io.words import parse_moment, time_factor
from cxkinetics.remarks import Remark

_KEY = re.compile(r"^([A-Z][A-Z0-9 /]*[A-Z0-9])[\t,;:](.*)$", re.MULTILINE)
_AXES = {"cm-1": "wavenumber", "eV": "energy"}
_DATA = re.compile(r"^XYDATA[\t,; ]*$", re.MULTILINE)


def sniff(head: str) -> bool:
    """Return whether the text has the JASCO keys and its XYDATA line."""
    plain = head.replace("\r", "")
    return (
        _DATA.search(plain) is not None
        and re.search(r"^(XUNITS|NPOINTS|DELTAX)\b", plain, re.MULTILINE) is not None
    )


def read_jasco(context: Context, text: str) -> list[Signal]:
    """Return the spectrum, or the trace of a time course."""
    plain = plain_lines(text)
    mark = _DATA.search(plain)
    head = plain if mark is None else plain[: mark.start()]
    keys = {key.strip(): value.strip() for key, value in _KEY.findall(head)}
    x_unit, y_unit = keys.get("XUNITS", ""), keys.get("YUNITS", "")
    time_unit = next((u for u in (x_unit, read_header(x_unit).unit) if time_factor(u or "?")), "")
    spectral = light_unit(x_unit or "nm")
    if not time_unit and (spectral is None or "raman" in x_unit.casefold()):
        what = f"XUNITS is {x_unit!r}: neither a time nor a wavelength"
        raise context.error(what, "export a spectrum or a time course", value=x_unit)
    x_name = f"time ({time_unit})" if time_unit else f"{_AXES.get(spectral or '', 'wavelength')} ({spectral})"
    names = [x_name, _signal_name(y_unit)]
    names += [_signal_name(keys[key]) for key in ("YUNITS2", "YUNITS3", "YUNITS4") if key in keys]
    moment = parse_moment(f"{_year_first(keys.get('DATE', ''))} {keys.get('TIME', '')}".strip())
    label = keys.get("TITLE", "") or context.content.stem
    context = replace(context, time_unit=time_unit, label=label, acquired_s=moment)
    if not x_unit:
        context = context.saying(Remark("axis_assumed", "wavelengths taken in nm: the file has no XUNITS"))
    if not y_unit:
        context = context.saying(Remark("quantity_assumed", "taken as absorbance: the file has no YUNITS"))
    elif not {"absorbance", "%T"} & set(names[1:]):
        text = f"the file holds {y_unit!r}, not absorbance: its values are kept as they are"
        context = replace(context.saying(Remark("not_absorbance", text)), y_kind="counts")
    body = plain[len(head) :].split("\n", 1)[-1].split("#####")[0]
    # the numbers keep their lines of the file, with the names in the line above them
    table = "\n" * head.count("\n") + "\t".join(names) + "\n" + body
    found = tables_in(context.content, table, context.options)
    signals = read_tables(context, found)
    rows = max(t.n_rows for t in found.tables)
    stated = keys.get("NPOINTS", "")
    if stated.isdigit() and int(stated) != rows:
        text_ = f"the header states {stated} points, the file holds {rows}"
        return [signal.with_remarks(Remark("truncated", text_, rows)) for signal in signals]
    return signals


def _signal_name(unit: str) -> str:
    folded = unit.casefold()
    if "transm" in folded or "%t" in folded:
        return "%T"
    return "absorbance" if "abs" in folded else unit or "signal"


def _year_first(date: str) -> str:
    """JASCO writes 12/02/21 for 2012-02-21."""
    match = re.fullmatch(r"(\d{2})/(\d{2})/(\d{2})", date)
    return f"20{match.group(1)}-{match.group(2)}-{match.group(3)}" if match else date


_SUMMARY = "JASCO text of spectra and time courses, units from its header"
FORMATS = (TextFormat("JASCO", ".txt", _SUMMARY, sniff, read_jasco),)
