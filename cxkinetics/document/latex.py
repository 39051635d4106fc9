r"""Tables as LaTeX with the rules of `booktabs`: plain numbers, everything else escaped.

The text goes into any document with `\usepackage{booktabs}`; numbers are set as they are printed, so
that no package for units is needed.
"""

import re

from cxkinetics.document.page import Section
from cxkinetics.document.table import Grid, Table, Where

_SIGNS = {
    "\\": r"\textbackslash{}",
    **{sign: f"\\{sign}" for sign in "&%$#_{}"},
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": "$<$",
    ">": "$>$",
    "|": "$|$",
    "\u2212": "$-$",
    "\u00b1": r"$\pm$",
    "\u00d7": r"$\times$",
    "\u00b5": r"$\mu$",
    "\u03bc": r"$\mu$",
    "\u00c5": r"\AA{}",
    "\u00b0": r"$^\circ$",
    "\u00b2": "$^2$",
    "\u221e": r"$\infty$",
    "\u2192": r"$\to$",
    "\u2264": r"$\leq$",
    "\u2265": r"$\geq$",
    "\u0394": r"$\Delta$",
    "\u03bb": r"$\lambda$",
    "\u03c7": r"$\chi$",
}
_LONG = 40  # characters beyond which a column wraps
_POWER = re.compile(r"(?<![\w.])(-?\d+(?:\.\d+)?)e([+-]?\d+)(?!\w)")
_MINUS = re.compile(r"(?<![\w.)])-(?=\d)")


def latex_section(section: Section) -> str:
    """Return the tables of a section, one below the other, in the section's unit of time."""
    tables = [block for block in section.shown(Where.BRIEF) if isinstance(block, Table)]
    return "\n\n".join(latex_table(table.grid(section.unit), section.title) for table in tables) + "\n"


def latex_table(grid: Grid, title: str = "") -> str:
    r"""Return a table as a `table` environment; the title stands in for a caption it lacks.

    Examples
    --------
    >>> print(latex_table(Grid(("phase", "share"), (("Ag_2S", "1.2e-05"),), numeric=(1,)), "Run 3"))
    \begin{table}
    \centering
    \caption{Run 3}
    \begin{tabular}{lr}
    \toprule
    phase & share \\
    \midrule
    Ag\_2S & $1.2 \times 10^{-5}$ \\
    \bottomrule
    \end{tabular}
    \end{table}
    """
    wraps = [any(len(row[i]) > _LONG for row in grid.rows) for i in range(len(grid.header))]
    kinds = ["r" if i in grid.numeric else "p{0.3\\linewidth}" if w else "l" for i, w in enumerate(wraps)]
    caption = grid.caption or title
    head = [_row(grid.header), "\\midrule"] if any(grid.header) else []
    return "\n".join(
        [
            "\\begin{table}",
            "\\centering",
            *([f"\\caption{{{escaped(caption)}}}"] if caption else []),
            f"\\begin{{tabular}}{{{''.join(kinds)}}}",
            "\\toprule",
            *head,
            *map(_row, grid.rows),
            "\\bottomrule",
            "\\end{tabular}",
            *([f"\\par\\footnotesize {escaped(grid.note)}"] if grid.note else []),
            "\\end{table}",
        ]
    )


def _row(cells: tuple[str, ...]) -> str:
    """Return one line; braces keep a first bracket or star from being read as an option."""
    line = " & ".join(map(escaped, cells))
    guarded = "{" + line[0] + "}" + line[1:] if line[:1] in ("[", "*") else line
    return f"{guarded} \\\\"


def escaped(text: str) -> str:
    r"""Return words for LaTeX: its signs escaped, powers of ten and minus signs as in print.

    Examples
    --------
    >>> print(escaped("5 % of -0.2 & 3e-4 1/s"))
    5 \% of $-$0.2 \& $3 \times 10^{-4}$ 1/s
    """
    parts = []
    end = 0
    for found in _POWER.finditer(text):
        power = f"${found.group(1)} \\times 10^{{{int(found.group(2))}}}$"
        parts += [_words(text[end : found.start()]), power]
        end = found.end()
    return "".join([*parts, _words(text[end:])])


def _words(text: str) -> str:
    return "".join(_SIGNS.get(sign, sign) for sign in _MINUS.sub("\u2212", text))
