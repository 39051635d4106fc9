"""The generic reader: text tables of any usual delimiter, decimal mark, encoding and layout."""

from dataclasses import replace

import numpy as np

from cxkinetics.errors import InputError
from cxkinetics.io.file import Content, Context, ReadOptions, Signal, TextFormat
from cxkinetics.io.layout import understand
from cxkinetics.io.table import Column, Table, Tables, tables_in


def read_text_table(content: Content, text: str, options: ReadOptions) -> list[Signal]:
    """Return the signals of a text table."""
    context = Context(content=content, options=options, format="text table")
    return read_tables(context, tables_in(content, text, options))


def read_tables(context: Context, found: Tables) -> list[Signal]:
    """Return the signals of the tables of one file.

    Several tables under one header are runs pasted together; under different headers the reader
    asks which, and `trace` answers.

    Raises
    ------
    InputError
        If several tables differ and none was chosen.
    """
    context = context.saying(*found.remarks)
    tables = found.tables
    main = max(tables, key=lambda table: table.n_rows * len(table.columns))
    same = [t for t in tables if len(t.columns) == len(main.columns) and t.names in ([], main.names)]
    if len(same) == len(tables):
        joined = same[0] if len(same) == 1 else _joined(main, same)
        return list(understand(context, joined))
    if context.options.trace is None:
        starts = ", ".join(str(table.lines[0]) for table in tables)
        raise InputError(
            f"the file holds {len(tables)} tables (starting at lines {starts})",
            file=context.file,
            line=int(tables[1].lines[0]),
            remedy="split the file, or choose one with trace=1 (--trace 1)",
        )
    signals: list[Signal] = []
    for table in tables:
        for signal in understand(context, table):
            source = replace(signal.source, trace=len(signals) + 1)
            signals.append(replace(signal, source=source))
    return signals


def _joined(main: Table, tables: list[Table]) -> Table:
    """Put the rows of tables with the same columns one below the other."""
    lines = [line for table in tables for line in table.lines]
    columns = []
    for j in range(len(main.columns)):
        parts = [table.columns[j] for table in tables]
        shift = np.cumsum([0, *(table.n_rows for table in tables)])[:-1]
        moved = [[int(row + s) for row in part.overflow] for part, s in zip(parts, shift, strict=True)]
        gaps = [[int(row + s) for row in part.missing] for part, s in zip(parts, shift, strict=True)]
        texts = [
            [(int(row + s), cell) for row, cell in part.texts] for part, s in zip(parts, shift, strict=True)
        ]
        columns.append(
            Column(
                np.concatenate([part.values for part in parts]),
                main.columns[j].kind,
                None,
                main.columns[j].unit,
                tuple(row for group in gaps for row in group),
                tuple(row for group in moved for row in group),
                tuple(item for group in texts for item in group),
            )
        )
    first = next((table for table in tables if table.names), tables[0])
    return Table(
        first.names, first.groups, columns, lines, first.header_line, tables[0].preamble, tables[-1].footer
    )


FORMATS = (
    TextFormat(
        name="text table",
        summary="text tables: traces, time x wavelength matrices either way round, long tables; "
        "any usual delimiter, decimal mark, encoding, units and languages",
        endings=".csv .txt .dat .tsv .asc .prn",
        sniff=lambda head: True,
        read=read_text_table,
        decodes=True,
    ),
)
