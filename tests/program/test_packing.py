"""Several samples in one integer give what they give one by one."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cml_sklearn.exceptions import InvalidInputError
from cml_sklearn.fhe.clear.engine import ClearCiphertexts, ClearKeys, ClearServer
from cml_sklearn.program.packing import Packing, pack_samples
from tests.programs import affine_program, codes_for

_MAX_BITS = 42


@given(
    seed=st.integers(0, 1000),
    bits=st.integers(1, 6),
    declared=st.booleans(),
    batch_size=st.sampled_from([4, 12, 24]),
)
def test_packed_samples_give_what_single_ones_give(
    seed: int, bits: int, declared: bool, batch_size: int
) -> None:
    program = affine_program(seed, bits, declared=declared)
    packed, packing = pack_samples(program, batch_size, _MAX_BITS)
    assert batch_size % packing.n_packed == 0
    codes = codes_for(program, batch_size, seed)
    inputs = packing.pack(*codes)
    assert len(inputs[0]) == batch_size // packing.n_packed
    packed.check_inputs(tuple(inputs))
    server, keys = ClearServer(packed), ClearKeys("any")
    answer = server.run(ClearCiphertexts(keys, tuple(inputs)), keys)
    for ours, expected in zip(packing.unpack(*answer.values), program(*codes), strict=True):
        np.testing.assert_array_equal(ours, expected)
    assert all(b.low.min() >= 0 for b in packed.output_bounds)


def test_no_more_samples_than_fit() -> None:
    narrow, wide = (affine_program(0, bits, declared=False) for bits in (2, 12))
    assert pack_samples(narrow, 24, _MAX_BITS)[1].n_packed > 2
    assert pack_samples(narrow, 1, _MAX_BITS)[1].n_packed == 1
    assert pack_samples(wide, 24, _MAX_BITS)[1].n_packed == 1


@pytest.mark.parametrize(
    ("n_packed", "bits", "shift"), [(0, 4, 0), (2, 0, 0), (2, -3, 0), (20, 5, 0), (2, 5, 7)]
)
def test_packings_that_hold_nothing_are_refused(n_packed: int, bits: int, shift: int) -> None:
    with pytest.raises(InvalidInputError, match="can't share an integer"):
        Packing(n_packed, bits, (shift,))
