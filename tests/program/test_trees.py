"""Both ways to evaluate a `Trees` step give the leaves' sums, within the proven bounds."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cml_sklearn.forest.forest import Forest
from cml_sklearn.forest.lowering import quantize_forest
from cml_sklearn.program import tree_sums, trees
from cml_sklearn.program.steps import Trees
from cml_sklearn.program.trees import leaf_range, sum_leaves

from ..forest.random_forests import all_bits, chain, forests, together

BITS = all_bits()


def _walked(step: Trees, bits: np.ndarray) -> np.ndarray:
    """Sum of leaves, one sample and one tree after the other."""
    sums = np.zeros((len(bits), step.n_fields), dtype=np.int64)
    for row, total in zip(bits, sums, strict=True):
        for root, fields in zip(step.roots, step.fields, strict=True):
            node = root
            while step.bit[node] >= 0:
                node = step.child[node] + row[step.bit[node]]
            np.add.at(total, fields, step.values[node])
    return sums


@settings(deadline=None, max_examples=50)
@given(
    forest=forests(), sum_bits=st.integers(2, 12), per_tree=st.booleans(), seed=st.integers(0, 9)
)
def test_sums_are_those_of_the_leaves(
    forest: Forest, sum_bits: int, per_tree: bool, seed: int
) -> None:
    step = quantize_forest(forest, BITS[::5], sum_bits, per_tree=per_tree).step
    rows = np.random.default_rng(seed).integers(0, len(BITS), 40)
    wanted = _walked(step, BITS[rows])
    np.testing.assert_array_equal(sum_leaves(step, BITS[rows]), wanted)
    if len(step.roots):
        np.testing.assert_array_equal(tree_sums.sum_by_nodes(step, BITS[rows]), wanted)
    low, high = leaf_range(step)
    assert (wanted >= low).all()
    assert (wanted <= high).all()


@pytest.mark.parametrize("n_samples", [0, 1, 255, 3000])
def test_blocks_join(n_samples: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trees, "_WALKERS", 100)
    monkeypatch.setattr(tree_sums, "_NODES", 10)
    forest = together(*(chain(i, i + 3, 11 - i, value=[0, 9, 3, i]) for i in range(6)))
    step = quantize_forest(forest, BITS, 7).step
    bits = BITS[np.arange(n_samples) % len(BITS)]
    wanted = _walked(step, BITS)[np.arange(n_samples) % len(BITS)]
    np.testing.assert_array_equal(sum_leaves(step, bits), wanted)
    np.testing.assert_array_equal(tree_sums.sum_by_nodes(step, bits.astype(np.int64)), wanted)
    monkeypatch.setattr(trees, "_MANY", 10**6)
    np.testing.assert_array_equal(sum_leaves(step, bits), wanted)


def test_large_values_stay_exact() -> None:
    step = quantize_forest(together(*[chain(0, 3, value=[0, 1, 2])] * 3), BITS, 12).step
    large = Trees(
        step.bit, step.child, step.roots, -step.values * 2**22, step.fields, step.n_fields
    )
    np.testing.assert_array_equal(tree_sums.sum_by_nodes(large, BITS), _walked(large, BITS))
    low, high = leaf_range(large)
    assert (low < -(2**24)).all()
    assert (high == 0).all()
