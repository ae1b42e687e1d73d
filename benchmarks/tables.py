"""Tables on the screen, and in the pages of the documentation."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from textwrap import fill
from typing import Any, Literal

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

__all__ = ["DOCS", "figure", "insert", "markdown", "show", "show_rows"]

_EXACT = 999.5
"""From here on three figures would have a power of ten."""

Column = tuple[str, ...]
"""A title, and cells."""

DOCS = Path(__file__).parents[1] / "docs"


def figure(quantity: str, value: Any) -> str:
    """Format a value of a row: scores with three places, bytes as MB, else three figures."""
    if value is None:
        return "-"
    if quantity.startswith("score"):
        return f"{value:.3f}"
    if quantity.startswith(("key_", "memory_")):
        value /= 1e6
    if isinstance(value, float):
        return f"{value:.3g}" if value < _EXACT else f"{value:,.0f}"
    return str(value)


def show(
    head: Sequence[str],
    cells: Iterable[Sequence[str]],
    title: str | None = None,
    *,
    n_left: int = 1,
) -> None:
    """Print a table; what a screen is too narrow for follows below, beside the first columns again.

    No cell is broken, since half a number is a wrong one.

    Parameters
    ----------
    head : sequence of str
    cells : iterable of sequence of str
        Lines.
    title : str, optional
    n_left : int
        First columns, which say what a line is about.
    """
    columns = list(zip(head, *cells, strict=True))
    console = Console()
    if title is not None:
        console.print(title, soft_wrap=True)
    for number, part in enumerate(_parts(columns, n_left, console.width)):
        if number:
            console.print()
        console.print(_table(part, n_left), crop=False)


def _parts(columns: Sequence[Column], n_left: int, width: int) -> Iterator[list[Column]]:
    """Share columns out to tables of a width, each with the first columns."""
    left = list(columns[:n_left])
    part = left.copy()
    for column in columns[n_left:]:
        if len(part) > n_left and _width([*part, column]) > width:
            yield part
            part = left.copy()
        part.append(column)
    yield part


def _width(columns: Sequence[Column]) -> int:
    """Characters that columns take, with one between them."""
    return sum(map(_column_width, columns)) + len(columns) - 1


def _column_width(column: Column) -> int:
    """Characters of the longest cell; of titles, which are broken at spaces, of a word."""
    head, *cells = column
    return max(map(len, [*head.split(), *cells]))


def _table(columns: Sequence[Column], n_left: int) -> Table:
    table = Table(padding=(0, 0), box=SIMPLE_HEAD, show_edge=False)
    for number, column in enumerate(columns):
        head = fill(column[0], _column_width(column), break_long_words=False)
        justify: Literal["left", "right"] = "left" if number < n_left else "right"
        table.add_column(head, no_wrap=True, justify=justify)
    for line in zip(*(cells for _, *cells in columns), strict=True):
        table.add_row(*line)
    return table


def show_rows(
    rows: Iterable[Mapping[str, Any]], columns: Mapping[str, str], *, n_left: int = 1
) -> None:
    """Print the named values of rows, under the names' titles."""
    cells = [[figure(name, row.get(name)) for name in columns] for row in rows]
    show(list(columns.values()), cells, n_left=n_left)


def markdown(
    head: Sequence[str], cells: Iterable[Sequence[str]], *, n_left: int = 1
) -> Iterable[str]:
    """Lines of a table whose first columns stand at the left, the others at the right."""
    rule = ["---"] * n_left + ["---:"] * (len(head) - n_left)
    return [f"| {' | '.join(line)} |" for line in (head, rule, *cells)]


def insert(page: str, name: str, lines: Iterable[str]) -> None:
    """Write lines between the two markers of a name, which a page must have."""
    start, end = f"<!-- {name} -->", f"<!-- end of {name} -->"
    content = "\n".join(lines)
    path = DOCS / page
    head, rest = path.read_text(encoding="utf-8").split(start)
    tail = rest.split(end)[1]
    path.write_text(f"{head}{start}\n{content}\n{end}{tail}", encoding="utf-8")
