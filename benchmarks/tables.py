"""Tables on the screen, and in the pages of the documentation."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

__all__ = ["DOCS", "figure", "insert", "markdown", "show", "show_rows"]

DOCS = Path(__file__).parents[1] / "docs"


def figure(quantity: str, value: Any) -> str:
    """Format a value of a row: scores with three places, bytes as MB, "-" for None."""
    if value is None:
        return "-"
    if quantity.startswith("score"):
        return f"{value:.3f}"
    if quantity.startswith(("key_", "memory_")):
        value /= 1e6
    if isinstance(value, float):
        return f"{value:.3g}" if value < 1000 else f"{value:.0f}"
    return str(value)


def show(head: Sequence[str], cells: Iterable[Sequence[str]], title: str | None = None) -> None:
    """Print a table; a narrow screen breaks words rather than leave digits out."""
    table = Table(title=title, padding=(0, 0), box=SIMPLE_HEAD, show_edge=False)
    table.add_column(head[0], no_wrap=True)
    for name in head[1:]:
        table.add_column(name, overflow="fold", justify="right")
    for line in cells:
        table.add_row(*line)
    Console().print(table)


def show_rows(rows: Iterable[Mapping[str, Any]], columns: Mapping[str, str]) -> None:
    """Print the named values of rows, under the names' titles."""
    cells = [[figure(name, row.get(name)) for name in columns] for row in rows]
    show(list(columns.values()), cells)


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
