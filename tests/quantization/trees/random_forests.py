"""Random forests in terms of bits, for hypothesis."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from cml_sklearn.quantization.trees import Forest, Tree

N_FEATURES, N_EDGES = 4, 3
BIT_FEATURES = np.repeat(np.arange(N_FEATURES), N_EDGES)


def _grow(draw: st.DrawFn, depth: int, nodes: list[list[int]]) -> int:
    index = len(nodes)
    nodes.append([-1, -1, -1])
    if depth > 0 and draw(st.integers(0, 9)) < 8:
        nodes[index][0] = draw(st.integers(0, N_FEATURES * N_EDGES - 1))
        nodes[index][1] = _grow(draw, depth - 1, nodes)
        nodes[index][2] = _grow(draw, depth - 1, nodes)
    return index


@st.composite
def trees(draw: st.DrawFn, n_outputs: int) -> Tree:
    """Trees of depth 0 to 5; a bit may be asked again, and leaves may be equal."""
    nodes: list[list[int]] = []
    _grow(draw, draw(st.integers(0, 5)), nodes)
    bit, left, right = np.array(nodes).T
    level = st.floats(-3, 3, allow_subnormal=False) | st.sampled_from([-1.0, 0.0, 1.0])
    flat = draw(st.lists(level, min_size=len(nodes) * n_outputs, max_size=len(nodes) * n_outputs))
    return Tree(bit, left, right, np.array(flat).reshape(len(nodes), n_outputs))


@st.composite
def forests(draw: st.DrawFn, max_outputs: int = 3) -> Forest:
    """Forests of 1 to 4 trees and 1 to `max_outputs` outputs; some are probabilities."""
    n_outputs = draw(st.integers(1, max_outputs))
    grown = draw(st.lists(trees(n_outputs), min_size=1, max_size=4))
    if n_outputs > 1 and draw(st.booleans()):
        grown = [_normalize(tree) for tree in grown]
    offset = np.array(draw(st.lists(st.floats(-2, 2), min_size=n_outputs, max_size=n_outputs)))
    return Forest(tuple(grown), BIT_FEATURES, offset)


def _normalize(tree: Tree) -> Tree:
    share = np.exp(tree.value)
    return Tree(tree.bit, tree.left, tree.right, share / share.sum(axis=1, keepdims=True))


def all_bits() -> np.ndarray:
    """Give the bits of every cell of the grid, shape (4**4, 12)."""
    codes = np.indices([N_EDGES + 1] * N_FEATURES).reshape(N_FEATURES, -1).T
    return (codes[:, BIT_FEATURES] > np.tile(np.arange(N_EDGES), N_FEATURES)).astype(np.uint8)
