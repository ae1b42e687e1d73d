"""Encrypted tensors while a module is made: what is free, and what becomes codes."""

from __future__ import annotations

import numpy as np
import pytest

from cml_sklearn._typing import FloatArray
from cml_sklearn.exceptions import BitWidthError
from cml_sklearn.quantization.affine import AffineQuantizer
from cml_sklearn.quantization.builder import ModuleBuilder
from cml_sklearn.quantization.quantized_tensor import QuantizedTensor

UNIT = AffineQuantizer(np.asarray(0.1), np.asarray(8), 4)
"""Codes 0 to 15 of floats from -0.8 to 0.7."""


def tensor(
    shape: tuple[int, ...] = (3,),
    scale: FloatArray | float = 0.1,
    offset: FloatArray | float = -0.8,
    n_bits: int = 4,
    kept_bits: int | None = None,
    exact: bool = True,
) -> QuantizedTensor:
    codes = np.random.default_rng(0).integers(0, 1 << n_bits, (50, *shape)).astype(np.float64)
    as_they_are = AffineQuantizer(np.asarray(1.0), np.asarray(0), n_bits)
    weight = np.full(50, 0.02)
    builder = ModuleBuilder(
        [as_they_are], [codes], weight, kept_bits=kept_bits, exact_rounding=exact
    )
    return QuantizedTensor(builder, 0, np.asarray(scale), np.asarray(offset))


def n_steps(x: QuantizedTensor) -> int:
    return len(x.builder.program.build([x.number]).instructions)


def test_affine_operations_are_free() -> None:
    x = tensor()
    y = x.affine(np.array([1.0, -2.0, 3.0]), 0.5).affine(2.0, 1.0)
    assert n_steps(y) == 0
    np.testing.assert_allclose(
        y.calibration_values, 2 * (x.calibration_values * [1, -2, 3] + 0.5) + 1
    )


def test_functions_wait_and_are_one_lookup_together() -> None:
    x = tensor()
    y = x.then(np.exp).affine(2.0, -1.0).then(np.tanh)
    assert n_steps(y) == 0
    assert not y.is_affine
    wanted = np.tanh(2 * np.exp(x.calibration_values) - 1)
    np.testing.assert_allclose(y.calibration_values, wanted)
    codes = y.requantize(8)
    assert n_steps(codes) == codes.builder.program.n_lookups == 1
    np.testing.assert_allclose(codes.calibration_values, wanted, atol=np.ptp(wanted) / 255)


def test_what_does_as_it_is_stays() -> None:
    x = tensor()
    assert x.requantize(3, unless=x.is_affine) is x
    assert x.requantize(3, unless=not x.is_affine) is not x


def test_zeros_and_ones_are_bits() -> None:
    bits = tensor().then(lambda values: (values > 0).astype(np.float64)).requantize(8)
    assert bits.bounds.high.max() == 1


def test_encode_uses_the_range_given() -> None:
    codes = tensor(scale=0.2).encode(UNIT)
    assert codes.bounds.high.max() <= 15
    clipped = np.clip(tensor(scale=0.2).calibration_values, -0.8, 0.7)
    np.testing.assert_allclose(codes.calibration_values, clipped, atol=0.051)


def test_a_table_for_each_distinct_channel() -> None:
    step = tensor(scale=np.array([0.1, 0.2, 0.1])).then(np.abs)._lookup(UNIT)
    assert step.tables.shape == (2, 16)
    assert step.choice.tolist() == [0, 1, 0]


@pytest.mark.parametrize("axis", [0, -1])
def test_scale_along_an_axis(axis: int) -> None:
    along = np.array([[0.1], [0.2]]) if axis == 0 else np.array([0.1, 0.2, 0.3])
    x = tensor((2, 3), scale=along)
    same, scale = x.with_scale_along(axis, 4)
    assert same is x
    np.testing.assert_array_equal(scale, along.ravel())
    codes, scale = x.with_scale_along(-1 - axis, 8)
    assert codes.builder.program.n_lookups == 1
    assert (scale == scale[0]).all()
    assert len(scale) == x.shape[-1 - axis]
    waiting = x.then(np.tanh).with_scale_along(axis, 8)[0]
    assert waiting.is_affine


@pytest.mark.parametrize("exact", [True, False])
def test_spreading_keeps_the_floats_and_fills_the_index(exact: bool) -> None:
    x = tensor(n_bits=7, kept_bits=3, exact=exact)
    wide = x.spread()
    np.testing.assert_allclose(wide.calibration_values, x.calibration_values)
    low, width = wide._index_range
    assert low == 0
    assert wide.bounds.high.max() > 0.7 * wide.builder.rounding.largest_index(width) or exact


def test_spreading_happens_only_where_lookups_round() -> None:
    assert (x := tensor(kept_bits=4)).spread() is x
    assert (x := tensor()).spread() is x


def test_rounded_values_are_what_lookups_see() -> None:
    x = tensor(n_bits=8, kept_bits=3).spread()
    (table,) = (step := x._lookup(UNIT)).tables
    assert step.width == 3
    seen = x.look_up(UNIT)
    np.testing.assert_array_equal(UNIT.quantize(x.rounded_values), seen.codes)
    assert set(np.unique(seen.codes)) <= set(table)


def test_functions_without_a_value_take_that_at_the_edge_of_their_domain() -> None:
    x = tensor(offset=-0.05).then(np.sqrt)
    table = x._lookup(UNIT).tables[0]
    assert table[0] == 8  # the root of 0, the edge
    assert (np.diff(table) >= 0).all()


def test_tables_that_would_be_too_long_are_refused() -> None:
    with pytest.raises(BitWidthError, match="lookup after input has an index of 30 bits"):
        tensor(n_bits=30).requantize(4)


def test_the_offset_moves_into_the_integers() -> None:
    x = tensor()
    moved = x.with_integer_offset()
    assert not moved.offset.any()
    np.testing.assert_allclose(moved.calibration_values, x.calibration_values)
    assert (same := tensor(offset=0.01)).with_integer_offset() is same
