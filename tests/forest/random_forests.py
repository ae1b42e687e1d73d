"""Random forests in terms of bits, for hypothesis."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from hypothesis import strategies as st

from cml_sklearn.forest.forest import Forest, in_level_order

N_FEATURES, N_EDGES = 4, 3
BIT_FEATURES = np.repeat(np.arange(N_FEATURES), N_EDGES)


def make_forest(nodes: list[list[int]], roots: list[int], value: np.ndarray) -> Forest:
    """Forest of rows (bit, left, right) and values by node, without offset."""
    bit, left, right = np.array(nodes).T
    node, bits, child, starts = in_level_order(bit, left, right, np.array(roots))
    values = np.asarray(value, float)[node]
    return Forest(bits, child, starts, values, BIT_FEATURES, np.zeros(value.shape[1]))


def chain(*splits: int, value: Sequence[float]) -> Forest:
    """Build one tree: every split's left child is a leaf."""
    nodes, count = [], len(splits)
    for i, bit in enumerate(splits):
        nodes += [[bit, 2 * i + 1, 2 * i + 2], [-1, -1, -1]]
    values = np.zeros((2 * count + 1, 1))
    values[[*range(1, 2 * count, 2), 2 * count], 0] = value
    return make_forest([*nodes, [-1, -1, -1]], [0], values)


def together(*forests: Forest) -> Forest:
    """Sum of forests of the same bits; the offset is that of the first."""
    starts = np.cumsum([0, *(len(forest.bit) for forest in forests[:-1])]).astype(np.int32)
    joined = {
        name: np.concatenate(
            [getattr(f, name) + start for f, start in zip(forests, starts, strict=True)]
        )
        for name in ("child", "roots")
    }
    bit, value = (np.concatenate([getattr(f, n) for f in forests]) for n in ("bit", "value"))
    return replace(forests[0], bit=bit, value=value, **joined)


def _grow(draw: st.DrawFn, depth: int, nodes: list[list[int]]) -> int:
    index = len(nodes)
    nodes.append([-1, -1, -1])
    if depth > 0 and draw(st.integers(0, 9)) < 8:
        nodes[index][0] = draw(st.integers(0, N_FEATURES * N_EDGES - 1))
        nodes[index][1] = _grow(draw, depth - 1, nodes)
        nodes[index][2] = _grow(draw, depth - 1, nodes)
    return index


@st.composite
def forests(draw: st.DrawFn, max_outputs: int = 3) -> Forest:
    """Forests of 1 to 4 trees of depth 0 to 5 and 1 to `max_outputs` outputs.

    A bit may be asked again, leaves may be equal, and some outputs are probabilities.
    """
    n_outputs = draw(st.integers(1, max_outputs))
    nodes: list[list[int]] = []
    roots = [_grow(draw, draw(st.integers(0, 5)), nodes) for _ in range(draw(st.integers(1, 4)))]
    level = st.floats(-3, 3, allow_subnormal=False) | st.sampled_from([-1.0, 0.0, 1.0])
    size = len(nodes) * n_outputs
    value = np.array(draw(st.lists(level, min_size=size, max_size=size))).reshape(-1, n_outputs)
    if n_outputs > 1 and draw(st.booleans()):
        value = np.exp(value) / np.exp(value).sum(axis=1, keepdims=True)
    offset = np.array(draw(st.lists(st.floats(-2, 2), min_size=n_outputs, max_size=n_outputs)))
    return replace(make_forest(nodes, roots, value), offset=offset)


def all_bits() -> np.ndarray:
    """Give the bits of every cell of the grid, shape (4**4, 12)."""
    codes = np.indices([N_EDGES + 1] * N_FEATURES).reshape(N_FEATURES, -1).T
    return (codes[:, BIT_FEATURES] > np.tile(np.arange(N_EDGES), N_FEATURES)).astype(np.uint8)
