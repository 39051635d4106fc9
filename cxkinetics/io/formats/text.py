"""The generic reader: text tables of any usual delimiter, decimal mark, encoding and layout."""

import numpy as np

from cxkinetics.io.file import Context, Signal, TextFormat, numbered
from cxkinetics.io.layout import understand
from cxkinetics.io.plausible import told_above
from cxkinetics.io.table import Column, Table, Tables, tables_in


def read_text_table(context: Context, text: str) -> list[Signal]:
    """Return the signals of a text table."""
    return read_tables(context, tables_in(context.content, text, context.options))


def read_tables(context: Context, found: Tables) -> list[Signal]:
    """Return the signals of the tables of one file.

    Several tables under one header are runs pasted together; under different headers the reader
    asks which, and `trace` answers.

    Raises
    ------
    InputError
        If several tables differ and none was chosen.
    """
    context = told_above(context, found.above).saying(*found.remarks)
    tables, main = found.tables, found.main
    same = [t for t in tables if len(t.columns) == len(main.columns) and t.names in ([], main.names)]
    if len(same) == len(tables):
        joined = same[0] if len(same) == 1 else _joined(main, same)
        return list(understand(context, joined))
    if context.options.trace is None:
        starts = ", ".join(str(table.lines[0]) for table in tables)
        raise context.error(
            f"the file holds {len(tables)} tables (starting at lines {starts})",
            "split the file, or choose one with trace=1 (--trace 1)",
            line=int(tables[1].lines[0]),
        )
    return numbered([signal for table in tables for signal in understand(context, table)])


def _joined(main: Table, tables: list[Table]) -> Table:
    """Put the rows of tables with the same columns one below the other."""
    lines = [line for table in tables for line in table.lines]
    starts = np.cumsum([0, *(table.n_rows for table in tables)]).tolist()
    columns = []
    for j, head in enumerate(main.columns):
        parts = [(table.columns[j], start) for table, start in zip(tables, starts, strict=False)]
        columns.append(
            Column(
                np.concatenate([part.values for part, _ in parts]),
                head.kind,
                unit=head.unit,
                overflow=tuple(row + start for part, start in parts for row in part.overflow),
                texts=tuple((row + start, cell) for part, start in parts for row, cell in part.texts),
            )
        )
    first = next((table for table in tables if table.names), tables[0])
    return Table(first.names, first.groups, columns, lines, first.header_line)


_ENDINGS = ".csv .txt .dat .tsv .asc .prn"
_SUMMARY = (
    "text tables: traces, time x wavelength matrices either way round, long tables; "
    "any usual delimiter, decimal mark, encoding, units and languages"
)
FORMATS = (TextFormat("text table", _ENDINGS, _SUMMARY, lambda head: True, read_text_table, decodes=True),)
