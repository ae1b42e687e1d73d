"""A table of what the layers of a model cost."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from cml_sklearn.fhe.protocol import LookupCost

__all__ = ["CostTable"]

_NAME = 32
"""Letters of a layer's name."""

_HEAD = ("layer", "lookups", "index bits", "kept bits", "Gop", "share")


@dataclass(frozen=True)
class CostTable:
    """Costs of a model by layer, for one sample; prints as a table.

    Parameters
    ----------
    layers : tuple of LookupCost
        In the order of the model.
    """

    layers: tuple[LookupCost, ...]

    @property
    def gop(self) -> float:
        """Cost of all layers, in units of 1e9 operations."""
        return sum(layer.gop for layer in self.layers)

    def renamed(self, name: Callable[[str], str]) -> CostTable:
        """Table with other names of its layers."""
        return CostTable(tuple(replace(x, source=name(x.source)) for x in self.layers))

    def __str__(self) -> str:
        """One line for each layer, and one for all."""
        total, n_lookups = self.gop, sum(layer.n_lookups for layer in self.layers)
        rows = [_HEAD, *(_row(layer, total) for layer in self.layers)]
        rows.append(("all", str(n_lookups), "", "", f"{total:.3g}", ""))
        sizes = [max(map(len, column)) for column in zip(*rows, strict=True)]
        return "\n".join(_aligned(row, sizes) for row in rows)


def _row(layer: LookupCost, total: float) -> tuple[str, ...]:
    """Cells of a layer."""
    bits = str(layer.index_bits), str(layer.width)
    share = f"{100 * layer.gop / (total or 1.0):.0f} %"
    return (_shortened(layer.source), str(layer.n_lookups), *bits, f"{layer.gop:.3g}", share)


def _shortened(name: str) -> str:
    """Keep the end of a long name, so that a line fits 80 columns."""
    return name if len(name) <= _NAME else f"...{name[3 - _NAME :]}"


def _aligned(row: tuple[str, ...], sizes: list[int]) -> str:
    """Line with the name to the left and figures to the right."""
    figures = (cell.rjust(size) for cell, size in zip(row[1:], sizes[1:], strict=True))
    return "  ".join((row[0].ljust(sizes[0]), *figures)).rstrip()
