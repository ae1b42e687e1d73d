"""The convolution against its definition, element by element."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from cml_sklearn.program.windows import convolve


def by_definition(
    x: np.ndarray,
    w: np.ndarray,
    strides: list[int],
    pads: list[int],
    dilations: list[int],
    group: int,
) -> np.ndarray:
    n = len(strides)
    padded = np.pad(x, [(0, 0), (0, 0), *zip(pads[:n], pads[n:], strict=True)])
    reach = [(k - 1) * gap + 1 for k, gap in zip(w.shape[2:], dilations, strict=True)]
    count = [
        (size - r) // step + 1
        for size, r, step in zip(padded.shape[2:], reach, strides, strict=True)
    ]
    y = np.zeros((len(x), len(w), *count), x.dtype)
    for f, place in product(range(len(w)), product(*map(range, count))):
        first = f // (len(w) // group) * w.shape[1]
        cuts = (
            slice(p * step, p * step + r, gap)
            for p, step, r, gap in zip(place, strides, reach, dilations, strict=True)
        )
        window = padded[(slice(None), slice(first, first + w.shape[1]), *cuts)]
        y[(slice(None), f, *place)] = (window * w[f]).reshape(len(x), -1).sum(axis=1)
    return y


@given(st.data())
def test_convolution(data: st.DataObject) -> None:
    def draw(least: int, most: int, count: int) -> list[int]:
        return data.draw(st.lists(st.integers(least, most), min_size=count, max_size=count))

    n = data.draw(st.integers(1, 2))
    group, filters, channels = draw(1, 2, 3)
    sizes, kernel = draw(1, 6, n), draw(1, 3, n)
    strides, dilations, pads = draw(1, 3, n), draw(1, 2, n), draw(0, 2, 2 * n)
    reach = [(k - 1) * gap + 1 for k, gap in zip(kernel, dilations, strict=True)]
    assume(all(sizes[i] + pads[i] + pads[n + i] >= reach[i] for i in range(n)))
    rng = np.random.default_rng(0)
    x = rng.integers(-9, 9, (2, group * channels, *sizes))
    w = rng.integers(-9, 9, (group * filters, channels, *kernel))
    wanted = by_definition(x, w, strides, pads, dilations, group)
    y = convolve(x, w, strides=strides, pads=pads, dilations=dilations, group=group)
    np.testing.assert_array_equal(y, wanted)


def test_kernels_that_do_not_fit() -> None:
    with pytest.raises(ValueError, match="3 elements does not fit into 2"):
        convolve(np.ones((1, 1, 2)), np.ones((1, 1, 3)))
