"""Maxima of windows: one lookup for each pair of elements that are compared."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import reduce
from typing import Any

import numpy as np
from typing_extensions import override

from cml_sklearn.program.steps import Add
from cml_sklearn.program.windows import Windows
from cml_sklearn.quantization.ops.binary import combine, narrow_codes, positive_difference
from cml_sklearn.quantization.ops.shape import take
from cml_sklearn.quantization.quantized_op import Operand, QuantizedOp
from cml_sklearn.quantization.quantized_tensor import QuantizedTensor


class QuantizedMaxPool(QuantizedOp, ops=("GlobalMaxPool", "MaxPool")):
    """Largest element of each window, found in rounds: of each pair the larger one goes on."""

    may_be_clear = True

    @override
    def q_impl(
        self, x: Operand, *, kernel_shape: Sequence[int] = (), storage_order: int = 0, **place: Any
    ) -> QuantizedTensor:
        codes = narrow_codes(self.tensor(x), self.n_bits.activations)
        windows = Windows.place(codes.shape[1:], kernel_shape or codes.shape[1:], **place)
        numbers = np.arange(np.prod(codes.shape)).reshape(codes.shape)
        taps = list(windows.taps(windows.pad(numbers, -1)))
        inside = reduce(np.maximum, taps)  # in place of the padding, an element of the window
        tensors = [self._tap(codes, np.where(tap < 0, inside, tap)) for tap in taps]
        while len(tensors) > 1:
            pairs = zip(tensors[::2], tensors[1::2], strict=False)
            last = tensors[-1:] if len(tensors) % 2 else []
            tensors = [self._larger(a, b) for a, b in pairs] + last
        return tensors[0]

    def _tap(self, codes: QuantizedTensor, positions: np.ndarray) -> QuantizedTensor:
        """One element of each window."""
        return replace(take(codes, positions), scale=codes.scale, offset=codes.offset)

    def _larger(self, a: QuantizedTensor, b: QuantizedTensor) -> QuantizedTensor:
        """Return the larger elements of two tensors."""
        n_bits = self.n_bits.activations
        return combine(Add(), b, positive_difference(a, b, n_bits), n_bits)
