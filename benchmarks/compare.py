"""Ratios of two files of rows, and plots of them; a ratio above 1 means that B needs more."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Annotated

import typer

from benchmarks.core import Row, key_of, read_rows
from benchmarks.options import Table
from benchmarks.pictures import legend_above, picture, plain_log, styles
from benchmarks.tables import figure, markdown, show

__all__ = ["main", "pairs", "ratio"]

QUANTITIES = {
    "seconds_predict": "s/sample",
    "seconds_run": "run",
    "seconds_fit": "fit",
    "seconds_compile": "compile",
    "seconds_key_generation": "keygen",
    "gop": "Gop",
    "key_bytes": "keys",
    "memory_peak": "memory",
}
_PER_SAMPLE = {"seconds_predict": "seconds", "gop": "Gop", "pbs": "PBS", "key_bytes": "keys, MB"}
_ONCE = {f"seconds_{n}": n.replace("_", " ") for n in ("fit", "compile", "key_generation")}
_MEMORY = {
    f"memory_{n}": n.replace("_", " ") for n in ("fit", "compile", "key_generation", "predict")
}
_PLOTTED = {
    "seconds_predict": "encrypted prediction of a sample, s",
    "gop": "computing for a sample, Gop",
    "key_bytes": "evaluation keys, MB",
    "memory_peak": "peak memory of the process, MB",
}
_HEAD = ["work", "score A", "score B", *QUANTITIES.values()]

Pairs = list[tuple[Row, Row]]


def pairs(a: list[Row], b: list[Row]) -> Pairs:
    """Rows of both files with the same key; of several with one key, the last counts."""
    last = {key_of(row): row for row in b}
    firsts = {key_of(row): row for row in a}
    return [(row, last[key]) for key, row in firsts.items() if key in last]


def ratio(a: Row, b: Row, quantity: str) -> float | None:
    """Quotient of B's and A's quantity, where both have one."""
    first, second = a.get(quantity), b.get(quantity)
    return second / first if first and second else None


def main(
    first: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="A.")],
    second: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="B.")],
    output: Table = None,
    plots: Annotated[Path | None, typer.Option(help="Folder for the PNG files.")] = None,
) -> None:
    """B's quantities divided by A's, for all rows that both files have."""
    a, b = read_rows(first), read_rows(second)
    common = pairs(a, b)
    if not common:
        raise typer.BadParameter(f"no row of the same work in {first} and {second}")
    show(_HEAD, [_cells(*pair) for pair in common], f"{_library(b)} / {_library(a)}")
    missing = len({key_of(row) for row in [*a, *b]}) - len(common)
    if missing:
        typer.echo(f"{missing} row(s) are in one file only")
    if output is not None:
        output.write_text(_markdown(common))
    if plots is not None:
        _plot(common, plots)


def _cells(a: Row, b: Row) -> list[str]:
    """Cells of a pair: what it is, scores, ratios."""
    scores = [figure("score", row.get("score_quantized")) for row in (a, b)]
    return [_work(a), *scores, *(figure("ratio", ratio(a, b, name)) for name in QUANTITIES)]


def _work(row: Row) -> str:
    """Name a row: data, model, and widths where they were asked for."""
    widths = f", {row['n_bits']} bits" if row.get("n_bits") else ""
    return f"{row['dataset']} {row['model']}{widths}"


def _markdown(common: Pairs) -> str:
    """Three tables: what a sample costs, the seconds once for a model, and memory by stage."""
    names = [_library([pair[i] for pair in common]) for i in (0, 1)]
    first = common[0][0]
    lines = [f"{names[0]} / {names[1]}, on {first.get('cpu')} ({first.get('cores')} cores).", ""]
    lines += _lines(common, ["score", "clear", *_PER_SAMPLE.values()], _sample_cells)
    lines += ["", "Seconds, once for a model:", "", *_pair_lines(common, _ONCE)]
    lines += ["", "Peak memory by stage, MB:", "", *_pair_lines(common, _MEMORY)]
    return "\n".join(lines) + "\n"


def _lines(
    common: Pairs, heads: list[str], cells: Callable[[Row, Row], list[str]]
) -> Iterable[str]:
    """Lines of a table with a row for each pair."""
    return markdown(["work", *heads], [[_work(a), *cells(a, b)] for a, b in common])


def _pair_lines(common: Pairs, quantities: dict[str, str]) -> Iterable[str]:
    """Lines of a table of both libraries' quantities."""
    return _lines(
        common,
        list(quantities.values()),
        lambda a, b: [_both(a, b, quantity) for quantity in quantities],
    )


def _sample_cells(a: Row, b: Row) -> list[str]:
    """Scores of floats and integers, the clear model's seconds, and quantities with ratios."""
    scores = [a.get("score_float"), a.get("score_quantized"), b.get("score_quantized")]
    cells = [" / ".join(figure("score", x) for x in scores)]
    cells.append(figure("seconds_clear", a.get("seconds_clear")))
    for quantity in _PER_SAMPLE:
        quotient = ratio(a, b, quantity)
        times = "" if quotient is None else f" ({quotient:.3g} x)"
        cells.append(_both(a, b, quantity) + times)
    return cells


def _both(a: Row, b: Row, quantity: str) -> str:
    return " / ".join(figure(quantity, row.get(quantity)) for row in (a, b))


def _library(rows: list[Row]) -> str:
    """Name and version of the library that made the rows."""
    name = rows[0]["library"]
    return f"{name} {rows[0]['versions'].get(name.replace('_', '-'), '')}".strip()


def _plot(common: Pairs, folder: Path) -> None:
    """Draw a picture for each quantity: both libraries' values on a line for each work."""
    for quantity in _PLOTTED:
        known = [pair for pair in common if all(row.get(quantity) for row in pair)]
        if known:
            _draw(known, quantity, folder / f"benchmark_{quantity}.png")


def _draw(known: Pairs, quantity: str, path: Path) -> None:
    """Join two values by a line, which is as long as their ratio."""
    libraries = [row["library"] for row in known[0]]
    looks = styles(libraries, joined=False)
    with picture(path, 0.19 * len(known) + 1.2) as figure:
        axes = figure.subplots()
        values = [[_scaled(quantity, row) for row in rows] for rows in zip(*known, strict=True)]
        places = range(len(known))
        first, second = values
        axes.hlines(places, first, second, color="lightgrey", zorder=0)
        for library, costs in zip(libraries, values, strict=True):
            axes.plot(costs, places, label=library, **looks[library])
        axes.set_yticks(places, [_work(a) for a, _ in known])
        axes.set_ylim(len(known), -1)
        axes.set(xlabel=_PLOTTED[quantity], ylabel="data, model and n_bits")
        plain_log(axes, "x")
        legend_above(figure)


def _scaled(quantity: str, row: Row) -> float:
    """Take a row's quantity, bytes as MB."""
    return float(row[quantity]) / (1e6 if quantity.startswith(("key_", "memory_")) else 1.0)
