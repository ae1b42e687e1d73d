"""Laws of integer forests: near the floats within a proven bound, and linear in the nodes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cml_sklearn.exceptions import InvalidInputError, UnsupportedModelError
from cml_sklearn.forest.forest import Forest, label_forest
from cml_sklearn.forest.leaf_rounding import LeafRounding, _coarsest_step
from cml_sklearn.forest.lowering import IntegerForest, quantize_forest
from cml_sklearn.program.bounds import Thermometer, interval
from cml_sklearn.program.trees import sum_leaves

from .random_forests import BIT_FEATURES, all_bits, chain, forests, make_forest, together

BITS = all_bits()


def _outputs(integers: IntegerForest) -> np.ndarray:
    return integers.decoder.dequantize(sum_leaves(integers.step, BITS))


@settings(deadline=None)
@given(forest=forests(), sum_bits=st.integers(2, 8), per_tree=st.booleans())
def test_fields_are_sums_of_rounded_leaves(forest: Forest, sum_bits: int, per_tree: bool) -> None:
    integers = quantize_forest(forest, BITS[::5], sum_bits, per_tree=per_tree)
    rounding = LeafRounding(forest, BITS[::5])
    number = np.cumsum(forest.bit < 0) - 1
    sums, outputs = [], integers.decoder.scale.astype(bool).argmax(axis=1)
    for output in range(forest.n_outputs):
        values = rounding.output(output, sum_bits).values
        sums.append(sum(values[number[leaf]] for leaf in forest.leaves(BITS)))
    fields = sum_leaves(integers.step, BITS)
    for output in set(outputs):
        np.testing.assert_array_equal(fields[:, outputs == output].sum(axis=1), sums[output])
    bounds = interval(integers.step, Thermometer.of(BIT_FEATURES))
    assert (fields >= bounds.low).all()
    assert (fields <= bounds.high).all()
    assert (bounds.low == 0).all()
    assert (bounds.high < 2**sum_bits).all()


@settings(deadline=None, max_examples=50)
@given(forest=forests(), sum_bits=st.integers(2, 8))
def test_trees_apart_add_up_to_the_sum(forest: Forest, sum_bits: int) -> None:
    whole, apart = (quantize_forest(forest, BITS[::5], sum_bits, per_tree=p) for p in (False, True))
    np.testing.assert_allclose(_outputs(apart), _outputs(whole), rtol=0, atol=1e-9)
    np.testing.assert_array_equal(apart.max_error, whole.max_error)


def test_trees_apart_share_no_field() -> None:
    """Flipping the leaves of one tree changes the fields of this tree only."""
    single = chain(0, 3, value=[0, 1, 2])
    fields = [
        sum_leaves(
            quantize_forest(
                together(single, chain(6, 9, value=value)), BITS, 6, per_tree=True
            ).step,
            BITS,
        )
        for value in ([0, 1, 2], [2, 1, 0])
    ]
    assert [f.shape[1] for f in fields] == [2, 2]
    assert [(a == b).all() for a, b in zip(fields[0].T, fields[1].T, strict=True)] == [True, False]


UNITS = st.sampled_from([1e-12, 1e-7, 1.0, 1e9])
"""Outputs of one forest may be of very different sizes."""


@settings(deadline=None, max_examples=50)
@given(
    forest=forests(),
    sum_bits=st.integers(2, 12),
    units=st.one_of(UNITS.map(lambda unit: [unit] * 3), st.lists(UNITS, min_size=3, max_size=3)),
)
def test_error_stays_within_its_bound(forest: Forest, sum_bits: int, units: list[float]) -> None:
    unit = np.array(units[: forest.n_outputs])
    forest = replace(forest, value=forest.value * unit, offset=forest.offset * unit)
    integers = quantize_forest(forest, BITS[::5], sum_bits)
    error = np.abs(_outputs(integers) - forest.evaluate(BITS)) / unit
    assert (error <= integers.max_error / unit + 1e-9).all()
    step = np.abs(integers.decoder.scale).sum(axis=0)
    assert (integers.max_error / unit <= (2 * forest.n_trees + 2) * step / unit + 1e-5).all()


@settings(deadline=None, max_examples=50)
@given(forest=forests(), sum_bits=st.integers(2, 8))
def test_error_on_the_samples_is_told(forest: Forest, sum_bits: int) -> None:
    rounding = LeafRounding(forest, BITS)
    number = np.cumsum(forest.bit < 0) - 1
    for output in range(forest.n_outputs):
        rounded = rounding.output(output, sum_bits)
        sums = sum(rounded.values[number[leaf]] for leaf in forest.leaves(BITS))
        got = sums * rounded.scale + rounded.offset - forest.evaluate(BITS)[:, output]
        np.testing.assert_allclose(rounded.error, got, atol=1e-9)


@settings(deadline=None, max_examples=30)
@given(forest=forests(), repeats=st.lists(st.integers(0, 3), min_size=256, max_size=256))
def test_weight_two_equals_repetition(forest: Forest, repeats: list[int]) -> None:
    counts = np.array([*repeats[:-1], 1])
    seen = counts > 0
    weighted = quantize_forest(forest, BITS[seen], 6, sample_weight=counts[seen].astype(float))
    repeated = quantize_forest(forest, np.repeat(BITS, counts, axis=0), 6)
    np.testing.assert_allclose(_outputs(weighted), _outputs(repeated), atol=1e-9)


def test_constant_forest_is_its_offset() -> None:
    single = make_forest([[-1, -1, -1]], [0], np.array([[2.5]]))
    integers = quantize_forest(together(single, chain(0, 3, value=[1, 1, 1])), BITS, 8)
    assert len(integers.step.roots) == 0
    np.testing.assert_allclose(_outputs(integers), 3.5)


def test_samples_lower_the_error() -> None:
    rng = np.random.default_rng(0)
    chains = [chain(*rng.permutation(12)[:4], value=list(rng.normal(size=5))) for _ in range(30)]
    forest = together(*chains)
    exact = forest.evaluate(BITS)

    def error(samples: np.ndarray) -> float:
        return float(np.abs(_outputs(quantize_forest(forest, samples, 7)) - exact).mean())

    assert error(BITS) < error(BITS[:1]) / 1.5


def test_sum_bits_grow_with_the_asked_precision() -> None:
    rng = np.random.default_rng(0)
    forest = together(
        *(chain(*rng.permutation(12)[:3], value=list(rng.normal(size=4))) for _ in range(9))
    )
    rounding = LeafRounding(forest, BITS)
    widths = [rounding.choose_sum_bits(tolerance) for tolerance in (0.2, 0.02, 0.002)]
    assert widths == sorted(widths)
    assert widths[0] < widths[-1]


def test_labels_of_one_tree_are_exact() -> None:
    tree = chain(0, 3, 6, 9, value=[0, 0, 0, 0, 0])
    value = np.random.default_rng(0).uniform(size=(len(tree.bit), 10))
    forest = replace(tree, value=value, offset=np.zeros(10))
    labels = quantize_forest(label_forest(forest), BITS, 4)
    np.testing.assert_array_equal(_outputs(labels)[:, 0], forest.evaluate(BITS).argmax(axis=1))
    with pytest.raises(UnsupportedModelError, match="single tree"):
        label_forest(together(forest, forest))


def test_last_probability_needs_no_field() -> None:
    share = np.array([[0, 1, 0], [0.5, 0.25, 0.25]] * 3)[:5]
    forest = replace(chain(0, 3, value=[0, 0, 0]), value=share, offset=np.zeros(3))
    integers = quantize_forest(forest, BITS, 6)
    assert integers.step.n_fields == 2
    got = _outputs(integers)
    np.testing.assert_allclose(got.sum(axis=1), 1)
    np.testing.assert_allclose(got, forest.evaluate(BITS), atol=integers.max_error.max())


@settings(deadline=None)
@given(
    values=st.lists(st.floats(-5, 5), min_size=1, max_size=8),
    allowed=st.floats(0.01, 1),
    constant=st.floats(0, 1),
)
def test_coarser_steps_are_hopeless(values: list[float], allowed: float, constant: float) -> None:
    exact, weight = np.array(values), 1.0 + np.arange(len(values))
    coarsest = _coarsest_step(exact, weight, allowed, 0.1)
    for scale in np.cumprod([0.1] + [1.02] * 300):
        if scale > coarsest:
            rest = exact / scale - constant
            error = scale * (rest - np.rint(rest))
            assert np.sqrt(np.average(error**2, weights=weight)) > allowed


@pytest.mark.parametrize("per_tree", [False, True])
def test_memory_is_linear_in_the_nodes(per_tree: bool) -> None:
    """Trees of one output each, as in boosting of many classes, have one column of values."""
    count = 40
    trees = []
    for output in range(count):
        tree = chain(0, 3, 6, value=[0, 1, 2, 3])
        value = np.zeros((len(tree.bit), count))
        value[:, output] = tree.value[:, 0]
        trees.append(replace(tree, value=value, offset=np.zeros(count)))
    step = quantize_forest(together(*trees), BITS, 6, per_tree=per_tree).step
    assert step.values.shape == (7 * count, 1)
    assert step.fields.shape == (count, 1)
    np.testing.assert_array_equal(np.sort(step.fields[:, 0]), np.arange(count))


def test_width_below_one_is_refused() -> None:
    with pytest.raises(InvalidInputError, match="sum_bits"):
        quantize_forest(chain(0, value=[0, 1]), BITS, 0)


def test_quantized_sum_fits_its_width() -> None:
    forest = together(*(chain(i, value=[0, 0.1 + i]) for i in range(12)))
    for sum_bits in (5, 9):
        rounded = LeafRounding(forest, BITS).output(0, sum_bits)
        assert 0 < rounded.upper < 2**sum_bits


@pytest.mark.parametrize("level", [0.0, 1e3])
def test_leaves_that_hardly_differ_are_one(level: float) -> None:
    near = chain(0, value=[float(np.finfo(float).tiny), 0.0])
    lone = make_forest([[-1, -1, -1]], [0], np.array([[level]]))
    rounded = LeafRounding(together(near, lone), BITS).output(0, 4)
    assert rounded.upper == 0
    assert abs(rounded.offset - level) <= rounded.max_error
