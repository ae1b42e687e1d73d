"""What the pictures of the pages share: size, styles that need no colours, and plain axes.

A picture is as wide as half a page of text, so that its letters can be read on a telephone. Legends
stand outside of the fields, where they cover nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypedDict

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["Style", "legend_above", "number_ticks", "picture", "plain_log", "styles"]

_WIDTH = 5.2
_DPI = 150
_FONT_SIZE = 9
_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#000000")
"""Those of Okabe and Ito that show on white, told apart by all eyes."""
_MARKERS = "osD^vx"
_LINES = ("-", "--", "-.", ":", "-", "--")
_THOUSAND = 1000
_DIGITS = {10: (1, 2, 3, 5, 7), 50: (1, 2, 5), _THOUSAND: (1, 3)}
"""First digits of an axis's numbers, by what the ratio of its ends is below."""
_ROOM = 14
"""Characters of numbers that the narrowest field has room for."""


class Style(TypedDict):
    """Keywords of `Axes.plot`."""

    color: str
    marker: str
    linestyle: str
    fillstyle: Literal["none"]


@contextmanager
def picture(path: Path, height: float) -> Iterator[Figure]:
    """Yield a figure of so many inches, and write it to a file after the block."""
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    with rc_context({"font.size": _FONT_SIZE, "legend.frameon": False, "svg.hashsalt": path.name}):
        figure = Figure(figsize=(_WIDTH, height), layout="constrained")
        yield figure
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path, dpi=_DPI, metadata={"Date": None} if path.suffix == ".svg" else None)


def styles(names: Iterable[str], *, joined: bool = True) -> dict[str, Style]:
    """Give each name a colour, a hollow marker, which hides nothing, and a line between points."""
    looks = zip(names, _COLOURS, _MARKERS, _LINES, strict=False)
    return {
        name: {
            "color": colour,
            "marker": marker,
            "linestyle": line if joined else "",
            "fillstyle": "none",
        }
        for name, colour, marker, line in looks
    }


def legend_above(figure: Figure, *, columns: int = 5) -> None:
    """Name what all fields of a figure show, above them and once."""
    known: dict[str, Artist] = {}
    for axes in figure.axes:
        known |= dict(zip(*reversed(axes.get_legend_handles_labels()), strict=True))
    figure.legend([*known.values()], [*known], loc="outside upper center", ncols=columns)


def number_ticks(axes: Axes, values: Iterable[int], *, log: bool) -> None:
    """Mark whole numbers on the axis of x; thousands are short, and of many every other has one."""
    places = sorted(set(values))
    labels = [_short(place) for place in places]
    if len("".join(labels)) > _ROOM:
        labels = [label if i % 2 == 0 else "" for i, label in enumerate(labels)]
    axes.set_xscale("log" if log else "linear")
    axes.set_xticks(places, labels)
    axes.set_xticks([], minor=True)


def _short(number: int) -> str:
    return f"{number // _THOUSAND}k" if number >= _THOUSAND else str(number)


def plain_log(axes: Axes, which: str) -> None:
    """Make the axis "x" or "y" logarithmic, with plain numbers where it has few powers of ten."""
    from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter

    axes.set(**{f"{which}scale": "log"})
    axis = axes.xaxis if which == "x" else axes.yaxis
    low, high = axis.get_view_interval()
    axis.set_minor_formatter(NullFormatter())
    if high / low < _THOUSAND:
        digits = next(digits for most, digits in _DIGITS.items() if high / low < most)
        axis.set_major_locator(LogLocator(subs=digits))
        axis.set_major_formatter(StrMethodFormatter("{x:g}"))
