"""Builders: steps run on calibration data as they are appended, and rounding never overflows."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cml_sklearn.program.steps import Add, Lookup, MultiplyConstant
from cml_sklearn.quantization.affine import AffineQuantizer
from cml_sklearn.quantization.builder import ModuleBuilder, Rounding

kept = st.none() | st.integers(1, 16)
spans = st.integers(0, 2**20)


def builder(kept_bits: tuple[int, ...] | None = None) -> ModuleBuilder:
    values, weight = np.array([[0.0, 1.5], [1.0, 0.5]]), np.full(2, 0.5)
    halves = AffineQuantizer(np.asarray(0.5), np.asarray(0), 2)
    return ModuleBuilder([halves], [values], weight, kept_bits=kept_bits, exact_rounding=False)


def test_steps_go_to_the_program_and_over_the_calibration_data() -> None:
    made = builder()
    double = made.add(MultiplyConstant(np.array([2, 2])), 0)
    total = made.add(Add(), 0, double)
    np.testing.assert_array_equal(made.codes(total), [[0, 9], [6, 3]])
    program = made.program.build([total])
    np.testing.assert_array_equal(program(made.codes(0))[0], made.codes(total))
    assert made.program.bounds(total).high.tolist() == [9, 9]


def test_rounding_goes_by_layers_of_lookups() -> None:
    made = builder((3, 1))
    assert made.rounding == Rounding(3, exact=False)
    made.add(Lookup(0, np.arange(4)[None], np.zeros(2, dtype=np.int64)), 0)
    assert made.rounding == Rounding(1, exact=False)
    assert builder().rounding.lsbs_to_remove(20) == 0


@pytest.mark.parametrize("exact", [True, False])
@given(kept=kept, span=spans)
def test_rounded_indices_stay_within_their_width(exact: bool, kept: int | None, span: int) -> None:
    rounding = Rounding(kept, exact)
    for width in (rounding.index_width(span), rounding.spread_width(span)):
        removed = rounding.lsbs_to_remove(width)
        assert span <= rounding.largest_index(width)
        assert (span + ((1 << removed) >> 1)) >> removed < 1 << (width - removed)
        assert kept is None or width - removed <= kept


@given(kept=kept, span=spans)
def test_the_index_is_no_wider_than_needed(kept: int | None, span: int) -> None:
    width = Rounding(kept, exact=True).index_width(span)
    assert max(span.bit_length(), 1) <= width <= max(span.bit_length(), 1) + 1


@given(kept=st.integers(1, 8), span=st.integers(1, 2**12))
def test_an_approximate_index_is_filled_to_an_eighth(kept: int, span: int) -> None:
    rounding = Rounding(kept, exact=False)
    room = rounding.largest_index(rounding.spread_width(span))
    assert room - span * (room // span) <= max(room / 4, span - 1)
    assert span * (room // span) >= room * 3 / 4
