"""Tables between markers of a page."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

__all__ = ["DOCS", "insert", "row"]

DOCS = Path(__file__).parents[1]


def row(cells: Iterable[str]) -> str:
    """Line of a table."""
    return f"| {' | '.join(cells)} |"


def insert(page: str, name: str, lines: Iterable[str]) -> None:
    """Write lines between the two markers of a name, which must be there."""
    start, end = f"<!-- {name} -->", f"<!-- end of {name} -->"
    content = "\n".join(lines)
    path = DOCS / page
    head, rest = path.read_text(encoding="utf-8").split(start)
    tail = rest.split(end)[1]
    path.write_text(f"{head}{start}\n{content}\n{end}{tail}", encoding="utf-8")
