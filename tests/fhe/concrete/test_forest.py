"""Laws of plans: whatever the trees, what the lookups give are the step's integers."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cml_sklearn.exceptions import BitWidthError, CompilationError
from cml_sklearn.fhe.concrete.forest.cost import MAX_WIDTH, lookup_cost, plan_cost
from cml_sklearn.fhe.concrete.forest.lowering import lower_trees
from cml_sklearn.fhe.concrete.forest.plan import LookupPlan
from cml_sklearn.fhe.concrete.forest.planner import (
    _WIDTHS,
    _field_choices,
    _plan_indicators,
    _plan_words,
    _Problem,
    plan_trees,
)
from cml_sklearn.forest.forest import Forest
from cml_sklearn.forest.lowering import quantize_forest
from cml_sklearn.program.bounds import Thermometer
from cml_sklearn.program.program import Instruction, IntegerProgram
from cml_sklearn.program.steps import MultiplyConstant, Trees
from cml_sklearn.program.trees import sum_leaves
from tests.forest.random_forests import (
    BIT_FEATURES,
    all_bits,
    chain,
    forests,
    make_forest,
    together,
)

BITS = all_bits()


def _step(forest: Forest, sum_bits: int = 6, per_tree: bool = False) -> Trees:
    return quantize_forest(forest, BITS[::5], sum_bits, per_tree=per_tree).step


def _words(plan: LookupPlan, bits: np.ndarray) -> np.ndarray:
    """Evaluate a plan as its docstring says."""
    words = plan.constant + bits[:, plan.direct_rows].astype(int) @ plan.direct_weights
    for group in plan.groups:
        index = bits[:, group.rows].astype(int) @ group.index_weights + group.index_offset
        assert index.min() >= 0
        assert index.max() < 2**group.width
        words = words + group.tables[np.arange(group.n_lookups), index] @ group.output_weights
    return words


def _program(step: Trees, features: np.ndarray = BIT_FEATURES) -> IntegerProgram:
    return IntegerProgram((Thermometer.of(features),), (Instruction(step, (0,), "trees"),), (1,))


@settings(deadline=None)
@given(
    forest=forests(),
    sum_bits=st.integers(2, 8),
    packed=st.integers(0, 3),
    choice=st.integers(0, len(_WIDTHS) - 1),
    per_tree=st.booleans(),
)
def test_plan_equals_the_step(
    forest: Forest, sum_bits: int, packed: int, choice: int, per_tree: bool
) -> None:
    problem = _Problem(_step(forest, sum_bits, per_tree), BIT_FEATURES)
    if packed and packed in _field_choices(problem):
        plan = _plan_words(problem, packed, _WIDTHS[choice], 20)
    else:
        plan = _plan_indicators(problem, 1 + 2 * (choice % 2))
    words = _words(plan, BITS)
    np.testing.assert_array_equal(plan.layout.fields(words), sum_leaves(problem.step, BITS))
    assert (words >= 0).all()
    assert (words <= plan.upper).all()
    assert (plan.upper < 2 ** (plan.layout.n_bits * np.bincount(plan.layout.word))).all()


@settings(deadline=None, max_examples=30)
@given(forest=forests())
def test_no_table_is_idle(forest: Forest) -> None:
    for group in plan_trees(_step(forest), BIT_FEATURES, rounds=5).groups:
        index = BITS[:, group.rows].astype(int) @ group.index_weights + group.index_offset
        for tables, used in zip(group.tables, index.T, strict=True):
            assert np.ptp(tables[: used.max() + 1]) > 0 or tables[0] != 0


@settings(deadline=None, max_examples=30)
@given(forest=forests(), per_tree=st.booleans(), rounds=st.integers(0, 5))
def test_lowered_program_equals_the_step(forest: Forest, per_tree: bool, rounds: int) -> None:
    program = _program(_step(forest, per_tree=per_tree))
    lowered = lower_trees(program, rounds=rounds)
    words = lowered.program(BITS)
    np.testing.assert_array_equal(lowered.words.fields(*words)[0], program(BITS)[0])
    bounds = lowered.program.output_bounds[0]
    assert (words[0] >= bounds.low).all()
    assert (words[0] <= bounds.high).all()


@settings(deadline=None, max_examples=20)
@given(forest=forests())
def test_trees_amid_a_program_share_no_words(forest: Forest) -> None:
    step = _step(forest)
    trees = _program(step).instructions[0]
    after = Instruction(MultiplyConstant(np.full(step.n_fields, 3)), (1,), "after")
    program = IntegerProgram((Thermometer.of(BIT_FEATURES),), (trees, after), (2, 1))
    lowered = lower_trees(program, rounds=0)
    outputs = lowered.words.fields(*lowered.program(BITS))
    for got, wanted in zip(outputs, program(BITS), strict=True):
        np.testing.assert_array_equal(got, wanted)


def test_programs_without_trees_stay() -> None:
    program = IntegerProgram((Thermometer.of(BIT_FEATURES),), (), (0,))
    lowered = lower_trees(program)
    assert lowered.program is program
    assert lowered.words.fields(BITS)[0] is BITS


def test_stumps_and_single_features_need_no_lookup() -> None:
    step = _step(together(chain(0, value=[1, 2]), chain(3, 4, 5, value=[0, 3, 1, 2])))
    plan = plan_trees(step, BIT_FEATURES)
    assert plan.n_lookups == 0
    assert plan_cost(plan, 2.0**-64) == 0
    assert lower_trees(_program(step)).program.is_affine


def test_equal_trees_share_their_lookups() -> None:
    tree = chain(0, 3, 6, value=[0, 1, 2, 3])
    assert plan_trees(_step(together(tree, tree, tree), 8), BIT_FEATURES).n_lookups == 1


def test_constants_need_no_lookup() -> None:
    step = _step(make_forest([[-1, -1, -1]], [0], np.array([[2.5]])))
    assert plan_trees(step, BIT_FEATURES).n_lookups == 0
    assert (lower_trees(_program(step)).program(BITS)[0] == 0).all()


def test_planning_twice_gives_the_same_plan() -> None:
    step = _step(
        together(
            *(chain(a, b, c, value=[0, 1, 5, 2]) for a in range(3) for b in (4, 5) for c in (7, 10))
        )
    )
    left, right = (plan_trees(step, BIT_FEATURES).groups for _ in range(2))
    for one, other in zip(left, right, strict=True):
        np.testing.assert_array_equal(one.tables, other.tables)
        np.testing.assert_array_equal(one.index_weights, other.index_weights)


def test_costs_grow_with_width_sum_and_strictness() -> None:
    levels = [2.0**-20, 2.0**-40, 2.0**-64, 2.0**-128, 2.0**-200]
    costs = np.array(
        [
            [[lookup_cost(w, bits, n, p) for bits in (2, 6, 14) for n in (1, 99)] for p in levels]
            for w in range(1, MAX_WIDTH + 1)
        ]
    )
    assert all((np.diff(costs, axis=axis) >= 0).all() for axis in range(3))
    np.testing.assert_array_equal(costs[:, 0], costs[:, 1])
    np.testing.assert_array_equal(costs[:, 3], costs[:, 4])
    assert lookup_cost(3, 6, 9, 2.0**-41) == lookup_cost(3, 6, 9, 2.0**-64)


def test_paths_too_long_for_any_lookup_are_refused() -> None:
    count = 140
    tree = chain(*range(count), value=list(np.arange(count + 1) % 2.0))
    forest = replace(tree, bit_features=np.arange(count))
    bits = np.tril(np.ones((count, count), dtype=np.uint8))
    with pytest.raises(BitWidthError, match="max_depth"):
        plan_trees(quantize_forest(forest, bits, 6).step, np.arange(count))


def test_forests_beyond_any_circuit_are_refused() -> None:
    tree = _step(chain(0, 3, value=[0, 1, 2]))
    many = np.full(500_001, -1, dtype=np.int32)
    huge = replace(tree, bit=np.append(tree.bit, many))
    with pytest.raises(CompilationError, match="max_depth"):
        plan_trees(huge, BIT_FEATURES)
