"""What the displays of `cml_sklearn.inspection` draw with, so that names of any length fit."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import cycle
from typing import TYPE_CHECKING

import numpy as np

from cml_sklearn._typing import FloatArray
from cml_sklearn.exceptions import MissingPackageError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.transforms import Transform

__all__ = ["axes_for", "draw_bars", "draw_choice", "draw_legend", "draw_points", "room_beside"]

_OF_ALL = ("Pareto front", "chosen")
"""What a legend names after the groups."""

_DECADE = 10
"""Ratio of costs from which on their axis is logarithmic."""

_MARKERS = "osD^vPX<>h*"

_LETTERS = 36
"""Letters of a point for each inch of a figure that a name may have: 0.3 of its width."""

_NAMED = "small"
"""Size of the letters of a legend."""

_LINE = 0.2
"""Inches that a bar and its name take."""

_BESIDE = 0.25
"""Share of the width that a legend may take; with the labels of the axis, 0.6 stay for the plot."""


def axes_for(ax: Axes | None, n_lines: int = 0) -> tuple[Axes, Figure | None]:
    """Take axes, or make some that are high enough for so many lines.

    Raises
    ------
    MissingPackageError
        matplotlib is not installed.
    """
    with MissingPackageError.of_imports("A display", "scripts"):
        from matplotlib import pyplot
    if ax is None:
        width, height = pyplot.rcParams["figure.figsize"]
        size = (width, max(height, _LINE * n_lines + 1.0))
        _, ax = pyplot.subplots(figsize=size, layout="constrained")
    return ax, ax.get_figure(root=True)


def draw_points(
    ax: Axes, costs: FloatArray, scores: FloatArray, errors: FloatArray, groups: Sequence[str]
) -> None:
    """Draw scores with their errors against costs, with a colour and a marker for each group."""
    from matplotlib.font_manager import FontProperties

    size = FontProperties(size=_NAMED).get_size_in_points()
    kinds = [*dict.fromkeys(groups)]
    labels = _fitting(kinds, ax, size)
    for group, label, marker in zip(kinds, labels, cycle(_MARKERS), strict=False):
        of_it = np.array([other == group for other in groups])
        ax.errorbar(
            costs[of_it],
            scores[of_it],
            yerr=errors[of_it],
            fmt=marker,
            capsize=2,
            alpha=0.8,
            label=label,
        )
    if 0 < _DECADE * costs.min() < costs.max():
        ax.set_xscale("log")


def draw_choice(
    ax: Axes, front: tuple[FloatArray, FloatArray], chosen: tuple[FloatArray, FloatArray]
) -> None:
    """Draw costs and scores of a front as steps, and a ring round what was chosen, if any was."""
    ax.step(*front, where="post", color="black", linewidth=1, label=_OF_ALL[0])
    if chosen[0].size:
        ax.scatter(*chosen, s=150, facecolors="none", edgecolors="black", label=_OF_ALL[1])


def draw_bars(ax: Axes, names: Sequence[str], lengths: Sequence[float], fmt: str) -> None:
    """Draw a bar with its number for each name, the first on top; many names are written small."""
    places = range(len(names))
    line = 72 * ax.get_window_extent().height / ax.figure.dpi / max(len(names), 1)
    size = min(float(ax.yaxis.label.get_fontsize()), 0.8 * line)
    bars = ax.barh(places, lengths)  # by number: names that are equal would share a bar
    ax.bar_label(bars, fmt=fmt, padding=2, fontsize=size)
    ax.set_yticks(places, _fitting(names, ax, size), fontsize=size)
    ax.set(xlim=(0, room_beside(lengths)), ylim=(len(names) - 0.5, -0.5))


def draw_legend(ax: Axes, title: str | None) -> None:
    """Put a legend beside or below the axes if the layout makes room, else where it covers least.

    Groups come first, under their title. What stands below comes after the label of the axis.
    """
    entries = sorted(
        zip(*ax.get_legend_handles_labels(), strict=True), key=lambda entry: entry[1] in _OF_ALL
    )
    handles, labels = zip(*entries, strict=True)
    style = {"title": title, "fontsize": _NAMED}
    if ax.figure.get_layout_engine() is None:
        ax.legend(handles, labels, loc="best", **style)
        return
    beside = ax.legend(handles, labels, loc="upper left", bbox_to_anchor=(1, 1), **style)
    taken, width = beside.get_window_extent().width, _width_for(ax)
    if taken > _BESIDE * width:
        ax.legend(
            handles,
            labels,
            loc="upper right",
            bbox_to_anchor=(1, 0),
            bbox_transform=_below_labels(ax),
            borderaxespad=0.3,
            borderpad=0.3,
            labelspacing=0.2,
            ncols=max(1, int(width / taken)),
            **style,
        )


def room_beside(lengths: Sequence[float]) -> float:
    """End of an axis with room for a number beside the longest bar."""
    return 1.18 * max(lengths, default=0.0) or 1.0


def _width_for(ax: Axes) -> float:
    """Pixels that the layout has for axes with all that belongs to them."""
    place, whole = ax.get_subplotspec(), float(ax.figure.bbox.width)
    return whole if place is None else whole * len(place.colspan) / place.get_gridspec().ncols


def _below_labels(ax: Axes) -> Transform:
    """Coordinates of the axes, moved down by what the labels of its lower side take."""
    from matplotlib.transforms import ScaledTranslation

    box, figure = ax.xaxis.get_tightbbox(), ax.figure
    inches = 0.0 if box is None else (ax.bbox.y0 - box.y0) / figure.dpi
    return ax.transAxes + ScaledTranslation(0, -inches, figure.dpi_scale_trans)


def _fitting(names: Sequence[str], ax: Axes, size: float) -> list[str]:
    """Shorten names that are too long for the figure in letters of this size.

    Names that differ still do.
    """
    most = int(_LETTERS / size * ax.figure.bbox.width / ax.figure.dpi)
    short = [_without_middle(name, most) for name in names]
    alike = {text: {n for n, s in zip(names, short, strict=True) if s == text} for text in short}
    return [
        text if len(alike[text]) == 1 else _where_they_part(name, alike[text], most)
        for name, text in zip(names, short, strict=True)
    ]


def _without_middle(name: str, most: int) -> str:
    """Beginning and end of a name, of so many letters."""
    head, tail = most // 2, most - most // 2 - 1
    return name if len(name) <= most else f"{name[:head]}…{name[-tail:]}"


def _where_they_part(name: str, others: set[str], most: int) -> str:
    """So many letters of a name from where it begins to differ from others, and a few before."""
    ends = min(others), max(others)  # have in common what all have
    common = next((i for i, (a, b) in enumerate(zip(*ends, strict=False)) if a != b), len(ends[0]))
    rest = name[common - most // 3 :]
    return f"…{rest[: most - 2]}…" if len(rest) > most - 1 else f"…{rest}"
