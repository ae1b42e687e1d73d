"""Laws of plans: whatever the forest, the plan's integers are the trees' integers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cml_sklearn.exceptions import BitWidthError, InvalidInputError, UnsupportedModelError
from cml_sklearn.quantization.trees import (
    Forest,
    LookupPlan,
    Tree,
    choose_sum_bits,
    label_forest,
    plan_cost,
    plan_forest,
    plan_to_program,
)
from cml_sklearn.quantization.trees.leaves import quantize_output
from cml_sklearn.quantization.trees.planner import (
    _WIDTHS,
    _field_choices,
    _plan_indicators,
    _plan_words,
    _quantize,
)

from .random_forests import BIT_FEATURES, all_bits, forests

BITS = all_bits()


def _fields_of(plan: LookupPlan, words: np.ndarray) -> np.ndarray:
    if np.bincount(plan.field_word).max() == 1:
        return words
    return (words[:, plan.field_word] >> plan.field_shift) & (2**plan.field_bits - 1)


@settings(deadline=None)
@given(
    forest=forests(),
    sum_bits=st.integers(2, 8),
    packed=st.integers(0, 3),
    choice=st.integers(0, len(_WIDTHS) - 1),
    per_tree=st.booleans(),
)
def test_plan_equals_the_integer_trees(
    forest: Forest, sum_bits: int, packed: int, choice: int, per_tree: bool
) -> None:
    problem = _quantize(forest, sum_bits, None, per_tree)
    wanted = np.stack(
        [
            sum(
                (v[forest.trees[t].apply(BITS)] for t, v in field.values.items()),
                start=np.zeros(len(BITS), dtype=np.int64),
            )
            for field in problem.fields
        ],
        axis=1,
    )
    if packed and packed in _field_choices(problem, per_tree):
        plan = _plan_words(problem, packed, _WIDTHS[choice], 20)
    else:
        plan = _plan_indicators(problem, 1 + 2 * (choice % 2))
    words = plan.evaluate(BITS)
    np.testing.assert_array_equal(_fields_of(plan, words), wanted)
    assert (words >= 0).all()
    assert (words <= plan.upper).all()
    assert (plan.upper < 2 ** (plan.field_bits * np.bincount(plan.field_word))).all()


@settings(deadline=None, max_examples=50)
@given(forest=forests(), sum_bits=st.integers(2, 8))
def test_trees_apart_add_up_to_the_sum(forest: Forest, sum_bits: int) -> None:
    together, apart = (
        plan_forest(forest, sum_bits, BITS[::5], rounds=2, per_tree=p) for p in (False, True)
    )
    sums, parts = (plan.decoder.dequantize(plan.evaluate(BITS)) for plan in (together, apart))
    np.testing.assert_allclose(parts, sums, rtol=0, atol=1e-9)
    np.testing.assert_array_equal(apart.max_error, together.max_error)


def test_trees_apart_share_no_field() -> None:
    """Flipping the leaves of one tree changes the fields of this tree only."""
    single = _tree(0, 3, value=[0, 1, 2])
    plans = [
        plan_forest(_forest(single, _tree(6, 9, value=value)), 6, per_tree=True)
        for value in ([0, 1, 2], [2, 1, 0])
    ]
    fields = [_fields_of(plan, plan.evaluate(BITS)) for plan in plans]
    assert [f.shape[1] for f in fields] == [2, 2]
    assert [(a == b).all() for a, b in zip(fields[0].T, fields[1].T, strict=True)] == [True, False]


@settings(deadline=None, max_examples=50)
@given(forest=forests(), sum_bits=st.integers(2, 12), seen=st.booleans())
def test_error_stays_within_its_bound(forest: Forest, sum_bits: int, seen: bool) -> None:
    plan = plan_forest(forest, sum_bits, BITS[::5] if seen else None, rounds=5)
    error = np.abs(plan.decoder.dequantize(plan.evaluate(BITS)) - forest.evaluate(BITS))
    assert (error <= plan.max_error + 1e-9).all()
    step = np.abs(plan.scale).sum(axis=0)
    assert (plan.max_error <= (2 * len(forest.trees) + 2) * step + 1e-9).all()


@settings(deadline=None, max_examples=30)
@given(forest=forests())
def test_indices_stay_within_their_tables(forest: Forest) -> None:
    for group in plan_forest(forest, 6, rounds=5).groups:
        index = BITS[:, group.rows].astype(int) @ group.index_weights + group.index_offset
        assert index.min() >= 0
        assert index.max() < 2**group.width
        for tables, used in zip(group.tables, index.T, strict=True):
            assert np.ptp(tables[: used.max() + 1]) > 0 or tables[0] != 0


@settings(deadline=None, max_examples=30)
@given(forest=forests(), key_cost=st.sampled_from([0.0, 0.5]))
def test_program_gives_the_same_words(forest: Forest, key_cost: float) -> None:
    plan = plan_forest(forest, 6, rounds=0, key_cost=key_cost)
    program = plan_to_program(plan, BIT_FEATURES)
    (words,) = program(BITS)
    np.testing.assert_array_equal(words, plan.evaluate(BITS))
    assert program.has_lookups() == (plan.n_lookups > 0)
    assert (program.bounds()[program.outputs[0]].high == plan.upper).all()


@settings(deadline=None, max_examples=30)
@given(forest=forests(), repeats=st.lists(st.integers(0, 3), min_size=256, max_size=256))
def test_weight_two_equals_repetition(forest: Forest, repeats: list[int]) -> None:
    counts = np.array([*repeats[:-1], 1])
    seen = counts > 0
    weighted = plan_forest(
        forest, 6, BITS[seen], rounds=0, sample_weight=counts[seen].astype(float)
    )
    repeated = plan_forest(forest, 6, np.repeat(BITS, counts, axis=0), rounds=0)
    np.testing.assert_allclose(
        weighted.decoder.dequantize(weighted.evaluate(BITS)),
        repeated.decoder.dequantize(repeated.evaluate(BITS)),
        atol=1e-9,
    )


def _tree(*splits: int, value: Sequence[float]) -> Tree:
    """Build a chain: every split's left child is a leaf."""
    count = len(splits)
    bit = np.array([b for split in splits for b in (split, -1)] + [-1])
    left = np.array([n for i in range(count) for n in (2 * i + 1, -1)] + [-1])
    right = np.array([n for i in range(count) for n in (2 * i + 2, -1)] + [-1])
    values = np.zeros((2 * count + 1, 1))
    values[bit < 0, 0] = value
    return Tree(bit, left, right, values)


def _forest(*trees: Tree) -> Forest:
    return Forest(trees, BIT_FEATURES, np.zeros(1))


def test_stumps_and_single_features_need_no_lookup() -> None:
    forest = _forest(_tree(0, value=[1, 2]), _tree(3, 4, 5, value=[0, 3, 1, 2]))
    plan = plan_forest(forest, 8)
    assert plan.n_lookups == 0
    assert plan_cost(plan) == 0
    np.testing.assert_allclose(plan.decoder.dequantize(plan.evaluate(BITS)), forest.evaluate(BITS))


def test_equal_trees_share_their_lookups() -> None:
    tree = _tree(0, 3, 6, value=[0, 1, 2, 3])
    assert plan_forest(_forest(tree, tree, tree), 8).n_lookups == 1


def test_constant_forest_is_its_offset() -> None:
    leaf = np.array([-1])
    single = Tree(leaf, leaf, leaf, np.array([[2.5]]))
    plan = plan_forest(_forest(single, _tree(0, 3, value=[1, 1, 1])), 8)
    assert plan.n_lookups == 0
    np.testing.assert_allclose(plan.decoder.dequantize(plan.evaluate(BITS)), 3.5)


def test_planning_twice_gives_the_same_plan() -> None:
    forest = _forest(
        *(_tree(a, b, c, value=[0, 1, 5, 2]) for a in range(3) for b in (4, 5) for c in (7, 10))
    )
    left, right = (plan_forest(forest, 6).groups for _ in range(2))
    for one, other in zip(left, right, strict=True):
        np.testing.assert_array_equal(one.tables, other.tables)
        np.testing.assert_array_equal(one.index_weights, other.index_weights)


def test_samples_lower_the_error() -> None:
    rng = np.random.default_rng(0)
    chains = [_tree(*rng.permutation(12)[:4], value=list(rng.normal(size=5))) for _ in range(30)]
    forest = _forest(*chains)
    exact = forest.evaluate(BITS)

    def error(samples: np.ndarray | None) -> float:
        plan = plan_forest(forest, 7, samples, rounds=0)
        return float(np.abs(plan.decoder.dequantize(plan.evaluate(BITS)) - exact).mean())

    assert error(BITS) < error(None) / 1.5


def test_sum_bits_grow_with_the_asked_precision() -> None:
    rng = np.random.default_rng(0)
    forest = _forest(
        *(_tree(*rng.permutation(12)[:3], value=list(rng.normal(size=4))) for _ in range(9))
    )
    widths = [choose_sum_bits(forest, BITS, tolerance) for tolerance in (0.2, 0.02, 0.002)]
    assert widths == sorted(widths)
    assert widths[0] < widths[-1]


def test_labels_of_one_tree_are_exact() -> None:
    tree = _tree(0, 3, 6, 9, value=[0, 0, 0, 0, 0])
    value = np.random.default_rng(0).uniform(size=(len(tree.bit), 10))
    forest = Forest((replace(tree, value=value),), BIT_FEATURES, np.zeros(10))
    labels = plan_forest(label_forest(forest), 4)
    got = labels.decoder.dequantize(labels.evaluate(BITS))[:, 0]
    np.testing.assert_array_equal(got, forest.evaluate(BITS).argmax(axis=1))
    with pytest.raises(UnsupportedModelError, match="single tree"):
        label_forest(Forest(forest.trees * 2, BIT_FEATURES, np.zeros(10)))


def test_last_probability_needs_no_word() -> None:
    tree = _tree(0, 3, value=[0, 0, 0])
    share = np.array([[0, 1, 0], [0.5, 0.25, 0.25]] * 3)[:5]
    forest = Forest((replace(tree, value=share),), BIT_FEATURES, np.zeros(3))
    plan = plan_forest(forest, 6)
    assert len(plan.field_word) == 2
    got = plan.decoder.dequantize(plan.evaluate(BITS))
    np.testing.assert_allclose(got.sum(axis=1), 1)
    np.testing.assert_allclose(got, forest.evaluate(BITS), atol=plan.max_error.max())


def test_paths_too_long_for_any_lookup_are_refused() -> None:
    count = 140
    bit = np.arange(count)
    chain = _tree(*bit, value=list(np.arange(count + 1) % 2.0))
    with pytest.raises(BitWidthError, match="max_depth"):
        plan_forest(Forest((chain,), bit, np.zeros(1)), 6)


def test_width_below_one_is_refused() -> None:
    with pytest.raises(InvalidInputError, match="sum_bits"):
        plan_forest(_forest(_tree(0, value=[0, 1])), 0)


def test_quantized_sum_fits_its_width() -> None:
    forest = _forest(*(_tree(i, value=[0, 0.1 + i]) for i in range(12)))
    for sum_bits in (5, 9):
        quantized = quantize_output(forest, 0, sum_bits)
        assert 0 < quantized.upper < 2**sum_bits


@pytest.mark.parametrize("level", [0.0, 1e3])
def test_leaves_that_hardly_differ_are_one(level: float) -> None:
    leaf = np.array([-1])
    near = Tree(
        np.array([0, -1, -1]),
        np.array([1, -1, -1]),
        np.array([2, -1, -1]),
        np.array([[2.0], [np.finfo(float).tiny], [0.0]]),
    )
    forest = Forest(
        (near, Tree(leaf, leaf, leaf, np.array([[level]]))), np.zeros(1, np.int64), np.zeros(1)
    )
    output = quantize_output(forest, 0, 4)
    assert output.upper == 0
    assert abs(output.offset - level) <= output.max_error
