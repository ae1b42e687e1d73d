"""Operators that only move elements: free under encryption."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from cml_sklearn._typing import IntArray
from cml_sklearn.program.steps import Concatenate, Pad, Reshape, Take, Transpose
from cml_sklearn.quantization.quantized_op import QuantizedOp
from cml_sklearn.quantization.quantized_tensor import QuantizedTensor

__all__ = ["QuantizedConcat", "QuantizedMove", "QuantizedPad", "QuantizedTranspose"]


class QuantizedMove(
    QuantizedOp,
    ops=(
        "DepthToSpace",
        "Expand",
        "Flatten",
        "Gather",
        "Reshape",
        "Slice",
        "SpaceToDepth",
        "Squeeze",
        "Tile",
        "Unsqueeze",
    ),
):
    """Elements in another shape or order; what goes where is found out by moving their numbers."""

    def q_impl(self, x: Any, *constants: Any, **attributes: Any) -> QuantizedTensor:
        """See `QuantizedOp.q_impl`."""
        if not isinstance(x, QuantizedTensor) or any(
            isinstance(c, QuantizedTensor) for c in constants
        ):
            raise self.unsupported("has an encrypted parameter", "Make its parameters constants.")
        numbers = np.arange(int(np.prod(x.shape))).reshape(1, *x.shape)
        given = constants[: sum(c is not None for c in constants)]
        moved = self.impl(numbers, *given, **attributes)[0]
        if moved.ndim == 0 or moved.shape[0] != 1:
            raise self.unsupported(
                "moves the samples' axis", "Keep the first axis as it is, of any length."
            )
        return take(x.as_affine(self.n_bits.activations), moved[0])


class QuantizedTranspose(QuantizedOp, ops=("Transpose",)):
    """Permutation of the axes."""

    def q_impl(self, x: Any, **attributes: Any) -> QuantizedTensor:
        """See `QuantizedOp.q_impl`."""
        permutation = attributes["perm"] or tuple(reversed(range(len(x.shape) + 1)))
        if permutation[0] != 0:
            raise self.unsupported("moves the samples' axis", "Keep axis 0 first.")
        x = x.as_affine(self.n_bits.activations)
        axes = tuple(int(axis) - 1 for axis in permutation[1:])
        scale, offset = (
            np.transpose(np.broadcast_to(v, x.shape), axes) for v in (x.scale, x.offset)
        )
        return replace(x.step(Transpose(axes)), scale=scale, offset=offset)


class QuantizedConcat(QuantizedOp, ops=("Concat",)):
    """Tensors side by side; each keeps its scale."""

    def q_impl(self, *inputs: Any, **attributes: Any) -> QuantizedTensor:
        """See `QuantizedOp.q_impl`."""
        if not all(isinstance(x, QuantizedTensor) for x in inputs):
            raise self.unsupported("joins a constant", "Use Pad, or add the constant later.")
        axis = int(attributes["axis"])
        axis = axis - 1 if axis > 0 else axis + len(inputs[0].shape)
        if axis < 0:
            raise self.unsupported("joins along the samples' axis", "Join along another axis.")
        tensors = [x.as_affine(self.n_bits.activations) for x in inputs]
        scale, offset = (
            np.concatenate([np.broadcast_to(getattr(x, name), x.shape) for x in tensors], axis)
            for name in ("scale", "offset")
        )
        joined = tensors[0].step(Concatenate(axis), *tensors[1:])
        return replace(joined, scale=scale, offset=offset)


class QuantizedPad(QuantizedOp, ops=("Pad",)):
    """A border: of a constant, or of the tensor's own elements."""

    def q_impl(self, x: Any, *constants: Any, **attributes: Any) -> QuantizedTensor:
        """See `QuantizedOp.q_impl`."""
        x = x.as_affine(self.n_bits.activations)
        numbers = np.arange(int(np.prod(x.shape))).reshape(1, *x.shape)
        pads, value, axes = constants
        if attributes["mode"] != "constant":
            return take(x, self.impl(numbers, pads, None, axes, **attributes)[0][0])
        border = np.asarray(0.0 if value is None else value, np.float64).reshape(())
        outside = self.impl(numbers, pads, np.asarray(-1), axes, **attributes)[0]
        if outside.shape[0] != 1:
            raise self.unsupported("pads the samples' axis", "Pad other axes only.")
        return pad(x, outside[0], float(border))


def take(x: QuantizedTensor, positions: IntArray) -> QuantizedTensor:
    """Elements at positions of the flattened affine tensor, in the shape of `positions`."""
    scale, offset = (np.broadcast_to(v, x.shape).ravel()[positions] for v in (x.scale, x.offset))
    in_order = np.array_equal(positions.ravel(), np.arange(int(np.prod(x.shape))))
    step = Reshape(positions.shape) if in_order else Take(positions)
    return replace(x.step(step), scale=scale, offset=offset)


def pad(x: QuantizedTensor, positions: IntArray, value: float) -> QuantizedTensor:
    """Put a constant around a tensor: codes 0 whose offset is the value."""
    inside = np.nonzero(positions == 0)
    before = tuple(int(axis[0]) for axis in inside)
    after = tuple(
        total - start - size
        for total, start, size in zip(positions.shape, before, x.shape, strict=True)
    )
    padded = x.step(Pad(before, after))
    mask = positions >= 0
    scale = np.broadcast_to(x.scale, x.shape).ravel()[np.maximum(positions, 0)]
    offset = np.where(mask, np.broadcast_to(x.offset, x.shape).ravel()[positions], value)
    return replace(padded, scale=scale, offset=offset)
