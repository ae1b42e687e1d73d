"""Operators that move, cut, join and pad tensors."""

from __future__ import annotations

import math

import numpy as np

from cml_sklearn._typing import Array
from cml_sklearn.exceptions import UnsupportedOperatorError
from cml_sklearn.onnx._arrays import Tensors
from cml_sklearn.onnx.ops_impl.registry import operator


def _ints(values: Array) -> tuple[int, ...]:
    """Elements of a tensor of integers."""
    return tuple(int(value) for value in np.ravel(values))


@operator("Concat")
def numpy_concat(*inputs: Array, axis: int) -> Tensors:
    """Tensors joined along an axis."""
    return (np.concatenate(inputs, axis=axis),)


@operator("Constant")
def numpy_constant(
    *,
    sparse_value: Array | None = None,
    value: Array | None = None,
    value_float: float | None = None,
    value_floats: list[float] | None = None,
    value_int: int | None = None,
    value_ints: list[int] | None = None,
    value_string: str | None = None,
    value_strings: list[str] | None = None,
) -> Tensors:
    """Tensor given by the one attribute that is set."""
    if value is not None or sparse_value is not None:
        return (np.asarray(sparse_value if value is None else value),)
    if value_float is not None or value_floats is not None:
        return (np.asarray(value_floats if value_float is None else value_float, np.float32),)
    if value_int is not None or value_ints is not None:
        return (np.asarray(value_ints if value_int is None else value_int, np.int64),)
    return (np.asarray(value_strings if value_string is None else value_string, np.object_),)


@operator("ConstantOfShape")
def numpy_constant_of_shape(input: Array, /, *, value: Array | None = None) -> Tensors:
    """Tensor of the given shape, full of one value."""
    fill = np.zeros(1, np.float32) if value is None else value
    return (np.full(_ints(input), fill.item(), fill.dtype),)


@operator("Expand")
def numpy_expand(input: Array, shape: Array, /) -> Tensors:
    """Tensor broadcast against a shape."""
    return (np.broadcast_to(input, np.broadcast_shapes(input.shape, _ints(shape))),)


@operator("Flatten")
def numpy_flatten(input: Array, /, *, axis: int = 1) -> Tensors:
    """Matrix with the axes before `axis` as its rows."""
    rows = math.prod(input.shape[: axis if axis >= 0 else axis + input.ndim])
    return (input.reshape(rows, input.size // rows if rows else math.prod(input.shape[axis:])),)


@operator("Identity")
def numpy_identity(input: Array, /) -> Tensors:
    """Tensor as it is."""
    return (input,)


@operator("Reshape")
def numpy_reshape(data: Array, shape: Array, /, *, allowzero: int = 0) -> Tensors:
    """Tensor in another shape; 0 copies an axis unless `allowzero`, -1 is worked out."""
    sizes = _ints(shape)
    if not allowzero:
        sizes = tuple(data.shape[axis] if n == 0 else n for axis, n in enumerate(sizes))
    return (data.reshape(sizes),)


@operator("Shape")
def numpy_shape(data: Array, /, *, end: int | None = None, start: int = 0) -> Tensors:
    """Shape, from axis `start` to `end`."""
    return (np.asarray(data.shape[start:end], np.int64),)


@operator("Size")
def numpy_size(data: Array, /) -> Tensors:
    """Count of elements."""
    return (np.asarray(data.size, np.int64),)


@operator("Slice")
def numpy_slice(
    data: Array,
    starts: Array,
    ends: Array,
    /,
    axes: Array | None = None,
    steps: Array | None = None,
) -> Tensors:
    """Part of a tensor between two ends along each of some axes."""
    n = starts.size
    cuts = [slice(None)] * data.ndim
    for axis, start, end, step in zip(
        range(n) if axes is None else _ints(axes),
        _ints(starts),
        _ints(ends),
        (1,) * n if steps is None else _ints(steps),
        strict=True,
    ):
        # going down, an end before the first element has no number in Python
        below = step < 0 and end < -data.shape[axis]
        cuts[axis] = slice(start, None if below else end, step)
    return (data[tuple(cuts)],)


@operator("Split")
def numpy_split(
    input: Array,
    /,
    split: Array | None = None,
    *,
    axis: int = 0,
    num_outputs: int | None = None,
    n_outputs: int = 1,
) -> Tensors:
    """Pieces along an axis, of the sizes given or as equal as can be."""
    if split is None:
        parts = num_outputs or n_outputs
        size = -(-input.shape[axis] // parts)
        return tuple(np.split(input, range(size, size * parts, size), axis=axis))
    return tuple(np.split(input, np.cumsum(split)[:-1], axis=axis))


@operator("Squeeze")
def numpy_squeeze(data: Array, /, axes: Array | None = None) -> Tensors:
    """Tensor without the given axes, or without all axes of size 1."""
    return (np.squeeze(data, None if axes is None else _ints(axes)),)


@operator("Transpose")
def numpy_transpose(data: Array, /, *, perm: list[int] | None = None) -> Tensors:
    """Axes in another order, by default reversed."""
    return (np.transpose(data, perm),)


@operator("Unsqueeze")
def numpy_unsqueeze(data: Array, axes: Array, /) -> Tensors:
    """Tensor with new axes of size 1."""
    return (np.expand_dims(data, _ints(axes)),)


@operator("CenterCropPad")
def numpy_center_crop_pad(
    input_data: Array, shape: Array, /, *, axes: list[int] | None = None
) -> Tensors:
    """Tensor cut or filled up with zeros on both sides of some axes."""
    sizes = list(input_data.shape)
    for axis, size in zip(
        range(input_data.ndim) if axes is None else axes, _ints(shape), strict=True
    ):
        sizes[axis] = size
    y = np.zeros(sizes, input_data.dtype)
    pairs = list(zip(input_data.shape, sizes, strict=True))
    source = tuple(slice(max(0, n - m) // 2, max(0, n - m) // 2 + min(n, m)) for n, m in pairs)
    target = tuple(slice(max(0, m - n) // 2, max(0, m - n) // 2 + min(n, m)) for n, m in pairs)
    y[target] = input_data[source]
    return (y,)


@operator("DepthToSpace")
def numpy_depth_to_space(input: Array, /, *, blocksize: int, mode: str = "DCR") -> Tensors:
    """Channels moved into blocks of the two spatial axes."""
    n, channels, height, width = input.shape
    deep, b = channels // blocksize**2, blocksize
    if mode == "DCR":
        blocks = input.reshape(n, b, b, deep, height, width).transpose(0, 3, 4, 1, 5, 2)
    else:
        blocks = input.reshape(n, deep, b, b, height, width).transpose(0, 1, 4, 2, 5, 3)
    return (blocks.reshape(n, deep, height * b, width * b),)


@operator("Dropout")
def numpy_dropout(
    data: Array,
    /,
    ratio: Array | None = None,
    training_mode: Array | None = None,
    *,
    seed: int | None = None,
) -> Tensors:
    """Tensor as it is, and a mask that keeps all of it.

    Raises
    ------
    UnsupportedOperatorError
        In training, where the result would be random.
    """
    del seed
    if training_mode is not None and training_mode.item() and (ratio is None or ratio.item()):
        raise UnsupportedOperatorError("training is random; export the model for inference.")
    return data, np.ones(data.shape, np.bool_)


@operator("SpaceToDepth")
def numpy_space_to_depth(input: Array, /, *, blocksize: int) -> Tensors:
    """Blocks of the two spatial axes moved into channels."""
    n, channels, height, width = input.shape
    b = blocksize
    blocks = input.reshape(n, channels, height // b, b, width // b, b).transpose(0, 3, 5, 1, 2, 4)
    return (blocks.reshape(n, channels * b * b, height // b, width // b),)


@operator("Tile")
def numpy_tile(input: Array, repeats: Array, /) -> Tensors:
    """Tensor repeated along its axes."""
    return (np.tile(input, _ints(repeats)),)


@operator("Pad")
def numpy_pad(
    data: Array,
    pads: Array,
    /,
    constant_value: Array | None = None,
    axes: Array | None = None,
    *,
    mode: str = "constant",
) -> Tensors:
    """Tensor with elements added before and after along some axes; negative numbers cut off."""
    chosen = range(data.ndim) if axes is None else [int(axis) for axis in axes]
    ends = np.zeros((data.ndim, 2), np.int64)
    ends[list(chosen)] = pads.reshape(2, -1).T
    cuts = np.maximum(-ends, 0)
    kept = data[tuple(slice(a, n - z) for (a, z), n in zip(cuts, data.shape, strict=True))]
    if mode != "constant":
        return (np.pad(kept, np.maximum(ends, 0), mode=mode),)  # type: ignore[call-overload]
    fill = 0 if constant_value is None else constant_value.item()
    return (np.pad(kept, np.maximum(ends, 0), constant_values=fill),)
