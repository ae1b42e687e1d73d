"""Every step: its interval holds, and it survives storage; programs can be looked at ahead."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cml_sklearn.program import steps
from cml_sklearn.program.archive import PROGRAM_CLASSES, ArchiveTable, read, write
from cml_sklearn.program.bounds import Bounds, interval
from cml_sklearn.program.evaluation import CLEAR, evaluate
from cml_sklearn.program.program import Instruction, IntegerProgram
from cml_sklearn.program.steps import Step

TABLE = ArchiveTable(PROGRAM_CLASSES)

VECTOR: list[tuple[int, ...]] = [(4,)]
STEPS: list[tuple[Step, list[tuple[int, ...]]]] = [
    (steps.MatMul(np.array([[1, -2], [3, 0], [-1, 1], [2, 2]])), VECTOR),
    (
        steps.Convolve(np.array([[[[1, -2], [0, 3]]]]), (1, 1), (1, 1, 0, 0), (1, 1)),
        [(1, 3, 3)],
    ),
    (steps.AddConstant(np.array([1, -2, 3, 0])), VECTOR),
    (steps.MultiplyConstant(np.array([1, -2, 3, 0])), VECTOR),
    (steps.Add(), [(4,), (4,)]),
    (steps.Subtract(), [(4,), (4,)]),
    (steps.Multiply(), [(4,), (4,)]),
    (steps.MultiplyMatrices(), [(1, 2, 3), (2, 3, 2)]),
    (steps.Maximum(), [(4,), (4,)]),
    (
        steps.Lookup(-8, np.array([np.arange(16) % 5, -np.arange(16)]), np.array([0, 1, 1, 0])),
        VECTOR,
    ),
    (steps.Lookup(-8, np.arange(4)[None] ** 2, np.zeros(4, dtype=np.int64), 2), VECTOR),
    (steps.Declare(31), VECTOR),
    (steps.SumOver((0,)), [(2, 3)]),
    (steps.SumOver((1,), keepdims=True), [(2, 3)]),
    (steps.Reshape((3, 2)), [(2, 3)]),
    (steps.Transpose((1, 0)), [(2, 3)]),
    (steps.Concatenate(0), [(2,), (3,)]),
    (steps.Pad((1, 0), (0, 2)), [(2, 3)]),
    (steps.Take(np.array([[3, 0], [1, 1]])), VECTOR),
    (
        steps.Trees(
            bit=np.array([2, -1, 0, -1, -1, -1], dtype=np.int32),
            child=np.array([1, 1, 3, 3, 4, 5], dtype=np.int32),
            roots=np.array([0, 5], dtype=np.int32),
            values=np.array([[0], [3], [0], [-1], [7], [4]], dtype=np.int32),
            fields=np.array([[1], [0]], dtype=np.int32),
            n_fields=2,
        ),
        VECTOR,
    ),
]
ENDS = {steps.Declare: (0, 7), steps.Trees: (0, 1)}
"""Values of inputs where not all are allowed: what is declared must be true, bits are bits."""
CASES = pytest.mark.parametrize(("step", "shapes"), STEPS, ids=lambda v: type(v).__name__)


def test_every_step_is_here() -> None:
    assert {type(step) for step, _ in STEPS} == CLEAR.keys()


@CASES
@given(data=st.data())
def test_results_lie_within_the_bounds(
    step: Step, shapes: list[tuple[int, ...]], data: st.DataObject
) -> None:
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    least, most = ENDS.get(type(step), (-8, 7))
    ends = [np.sort(rng.integers(least, most + 1, (2, *shape)), axis=0) for shape in shapes]
    bounds = interval(step, *(Bounds(low, high) for low, high in ends))
    values = [rng.integers(low, high, (20, *low.shape), np.int64, True) for low, high in ends]
    result = evaluate(step, *values)
    assert result.shape[1:] == bounds.shape
    assert (result >= bounds.low).all()
    assert (result <= bounds.high).all()


@CASES
def test_stored_programs_compute_the_same(
    step: Step, shapes: list[tuple[int, ...]], tmp_path: Path
) -> None:
    least, most = ENDS.get(type(step), (-8, 7))
    sides = [(np.full(s, least), np.full(s, most)) for s in shapes]
    n = len(shapes)
    instruction = Instruction(step, tuple(range(n)), "case")
    program = IntegerProgram(tuple(Bounds(*s) for s in sides), (instruction,), (n,))
    write(tmp_path / "program.npz", program, TABLE)
    again = read(tmp_path / "program.npz", IntegerProgram, TABLE)
    values = [np.random.default_rng(0).integers(least, most + 1, (5, *shape)) for shape in shapes]
    np.testing.assert_array_equal(again(*values)[0], program(*values)[0])


@pytest.mark.parametrize(
    ("low", "high", "width"), [(0, 0, 1), (0, 255, 8), (0, 256, 9), (-1, 0, 1), (-128, 127, 8)]
)
def test_width(low: int, high: int, width: int) -> None:
    assert Bounds(np.array([low]), np.array([high])).width == width


def test_only_registered_classes_are_stored(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match="class set can't be stored"):
        write(tmp_path / "x.npz", {"a": {1, 2}}, TABLE)


def test_a_table_of_ones_own_looks_ahead() -> None:
    """An engine finds the depth of lookups by running a program on numbers instead of tensors."""
    lookup = steps.Lookup(0, np.arange(4)[None], np.zeros(2, dtype=np.int64))
    instructions = (
        Instruction(lookup, (0,), "first"),
        Instruction(steps.Add(), (0, 1), "sum"),
        Instruction(lookup, (2,), "second"),
    )
    program = IntegerProgram(
        (Bounds(np.zeros(2, np.int64), np.ones(2, np.int64)),), instructions, (3,)
    )
    depths = {
        kind: lambda step, *below: max(below) + isinstance(step, steps.Lookup) for kind in CLEAR
    }
    assert program.run(depths, 0) == (2,)
    assert [w.source for w in program.widths() if w.kept_bits] == ["input", "sum"]
    assert not program.is_affine
    assert program.n_lookups == 2
    assert max(program.widths(), key=lambda width: width.bits)[:2] == ("sum", 3)
