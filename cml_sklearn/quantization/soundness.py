"""Whether the parts of a quantized module that comes from elsewhere fit together."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from cml_sklearn._typing import Array
from cml_sklearn.exceptions import InvalidInputError
from cml_sklearn.onnx._arrays import Tensors
from cml_sklearn.onnx.graph import Node
from cml_sklearn.onnx.onnx_utils import check_operator
from cml_sklearn.program.bounds import Ball, Bounds, OneHot
from cml_sklearn.program.program import IntegerProgram
from cml_sklearn.program.soundness import require
from cml_sklearn.quantization.affine import AffineQuantizer
from cml_sklearn.quantization.bit_widths import MAX_BITS
from cml_sklearn.quantization.clear_tail import ClearTail, may_be_clear
from cml_sklearn.quantization.decoders import FieldDecoder, OutputScale
from cml_sklearn.quantization.encoders import BallQuantizer, GridEncoder, IndexEncoder
from cml_sklearn.quantization.encoding import Encoder
from cml_sklearn.quantization.feature_maps import (
    PRODUCT_BITS,
    Companding,
    CompandingQuantizer,
    MappedQuantizer,
    Monomials,
)
from cml_sklearn.quantization.postprocessing import Postprocessing, postprocess

__all__ = ["check_parts"]

_SAMPLES = (2, 3)
"""Numbers of rows that go through a module to see whether it works."""

_MOST_ELEMENTS = 1 << 24
"""Elements of a sample that a node of the clear tail may make or run over."""

_WIDEST_REACH = 1 << 24
"""Steps of a ball's radius; squares of more are no codes that anything computes with."""

_WIDEST_ZERO_POINT = 62
"""Bits beyond which 64-bit integers might overflow."""


_SIZED = {
    "AveragePool",
    "ConstantOfShape",
    "EyeLike",
    "Expand",
    "LpPool",
    "MaxPool",
    "MaxUnpool",
    "OneHot",
    "Pad",
    "Range",
    "Split",
    "Tile",
}
"""Operators whose constants are sizes of what they make or run over."""


def check_parts(
    program: IntegerProgram,
    encoders: Sequence[Encoder],
    decoders: Sequence[OutputScale | FieldDecoder],
    tail: ClearTail | None,
    postprocessing: Mapping[str, Postprocessing],
) -> None:
    """Check a module's program, then what stands before and after it, then try it.

    Raises
    ------
    InvalidInputError
        The program makes no sense.
    ArithmeticError, AttributeError, LookupError, MemoryError, TypeError, ValueError
        The other parts make none, or don't fit the program.
    """
    program.check()
    for encoder, bounds in zip(encoders, program.input_bounds, strict=True):
        _check_encoder(encoder, bounds)
    for decoder, bounds in zip(decoders, program.output_bounds, strict=True):
        _check_decoder(decoder, bounds)
    for node in tail.nodes if tail is not None else ():
        check_operator(node)
        require(may_be_clear(node.op_type), f"{node} can't stand in the clear")
        _check_growth(node, {} if tail is None else tail.constants)
    for n_samples in _SAMPLES:
        outputs = _rehearse(program, encoders, decoders, tail, n_samples)
        for steps in postprocessing.values():
            try:
                result = postprocess(steps, outputs[0])
            except InvalidInputError:  # a method may refuse samples
                continue
            for part in result if isinstance(result, list) else [result]:
                require(part.shape[:1] == (n_samples,), "a method's steps mix samples")


def _check_growth(node: Node, constants: Mapping[str, Array]) -> None:
    """Refuse sizes in a node that would take all memory or time."""
    given = [constants[name] for name in node.inputs if name in constants]
    for numbers in map(np.ravel, (*given, *node.attributes.values())):
        if node.op_type in _SIZED and numbers.dtype.kind in "iuf":
            size = math.prod(max(1, abs(int(number))) for number in numbers)
            require(size <= _MOST_ELEMENTS, f"{node} has sizes of {size} in all")
    for name in ("strides", "dilations", "kernel_shape"):
        steps = np.ravel(node.attributes.get(name) or [1])
        require((steps >= 1).all(), f"{node} has {name} {steps.tolist()}")


def _check_encoder(encoder: Encoder, bounds: Bounds) -> None:
    """Refuse an encoder whose codes would not be those of an input."""
    # ranges that are proven for one bit in a row would not hold for others
    is_index = isinstance(encoder, IndexEncoder)
    require(isinstance(bounds, OneHot) == is_index, "bits of rows without an index")
    is_ball = isinstance(encoder, BallQuantizer)
    require(isinstance(bounds, Ball) == is_ball, "points of a ball without their squares")
    match encoder:
        case BallQuantizer():
            _check_ball(encoder, bounds)
        case GridEncoder():
            _check_grid(encoder, bounds)
        case IndexEncoder(n_rows):
            require(bounds.shape[-1:] == (n_rows,), "a table has other rows than the program")
        case CompandingQuantizer(companding, quantizer):
            _check_companding(companding, bounds)
            _check_codes(quantizer, bounds, MAX_BITS)
        case MappedQuantizer(features, quantizer):
            _check_monomials(features, bounds)
            _check_codes(quantizer, bounds, MAX_BITS + PRODUCT_BITS)
        case AffineQuantizer():
            _check_codes(encoder, bounds, MAX_BITS)
        case _:
            require(False, f"a {type(encoder).__name__} that nothing is known of")


def _check_codes(quantizer: AffineQuantizer, bounds: Bounds, widest: int) -> None:
    """Refuse evenly spaced codes that are not an input's."""
    require(1 <= quantizer.n_bits <= widest, f"codes of {quantizer.n_bits} bits")
    require((quantizer.scale > 0).all(), "a scale that is not positive")
    require(quantizer.scale.shape == quantizer.zero_point.shape, "scales lack zero points")
    require(_spreads(quantizer.scale.shape, bounds.shape), "scales of another shape than an input")
    within = (bounds.low <= 0).all() and (bounds.high >= quantizer.upper).all()
    require(within, "codes outside of an input's range")


def _check_companding(companding: Companding, bounds: Bounds) -> None:
    """Refuse a companding of other features than an input's."""
    arrays = (companding.centre, companding.spread, companding.curved)
    require(all(a.shape == bounds.shape for a in arrays), "a companding of other features")
    require((companding.spread > 0).all(), "a spread that is not positive")


def _check_grid(encoder: GridEncoder, bounds: Bounds) -> None:
    """Refuse a grid without order, or of other bits than an input's."""
    edges, missing = encoder.edges, encoder.missing
    require(missing.shape == (len(edges),), "a grid lacks features")
    require(all(e.ndim == 1 and (np.diff(e) > 0).all() for e in edges), "no grid")
    require(bounds.shape == encoder.upper.shape, "a grid has other bits than the program")


def _check_ball(encoder: BallQuantizer, bounds: Bounds) -> None:
    """Refuse a ball that is not an input's, or that rounding would lead out of."""
    require(encoder.centre.ndim == 1, "a ball's centre is no point")
    require(0 < encoder.step < math.inf, "a step that is not positive")
    with np.errstate(over="ignore"):
        places = encoder.centre / encoder.step
    require(np.isfinite(places).all(), "a ball around no point")
    require(encoder.reach < _WIDEST_REACH, "a ball too wide for its squares")
    require(encoder.reach > math.sqrt(len(encoder.centre)) / 2, "a ball is too small")
    require(encoder.upper.shape == bounds.shape, "a ball of other features")
    require((encoder.upper == bounds.high).all(), "codes outside of an input's range")


def _check_monomials(features: Monomials, bounds: Bounds) -> None:
    """Refuse a map of other terms than an input's, or of features that there are not."""
    box = (features.centre, features.low, features.high)
    require(all(a.shape == (a.size,) == box[0].shape for a in box), "a map has no box of features")
    require((features.low <= features.high).all(), "a map has an empty box")
    require(features.first.shape == features.second.shape == bounds.shape, "a map of other terms")
    for places in (features.first, features.second):
        within = (places >= 0).all() and (places <= len(features.centre)).all()
        require(within, "a map takes features that there are not")


def _check_decoder(decoder: OutputScale | FieldDecoder, bounds: Bounds) -> None:
    """Refuse a decoder that does not fit an output."""
    if isinstance(decoder, OutputScale):
        shapes = (decoder.scale.shape, decoder.offset.shape)
        require(all(_spreads(s, bounds.shape) for s in shapes), "scales don't fit an output")
        require(abs(decoder.zero_point) < 1 << _WIDEST_ZERO_POINT, "an impossible zero point")
        return
    shape = (*bounds.shape, *decoder.offset.shape)
    require(decoder.scale.shape == shape and len(shape) == 2, "scales don't fit an output")


def _spreads(inner: tuple[int, ...], outer: tuple[int, ...]) -> bool:
    """Whether an array can be broadcast to any number of samples of a shape."""
    return np.broadcast_shapes(inner, (1, *outer)) == (1, *outer)


def _rehearse(
    program: IntegerProgram,
    encoders: Sequence[Encoder],
    decoders: Sequence[OutputScale | FieldDecoder],
    tail: ClearTail | None,
    n_samples: int,
) -> Tensors:
    """Send zeros all the way through; returns the outputs before any method's own steps."""
    with np.errstate(all="ignore"):
        codes = [
            encoder.quantize(np.zeros((n_samples, *encoder.sample_shape(bounds.shape))))
            for encoder, bounds in zip(encoders, program.input_bounds, strict=True)
        ]
        program.check_inputs(tuple(codes))
        pairs = zip(decoders, program(*codes), strict=True)
        values = tuple(decoder.dequantize(output) for decoder, output in pairs)
        outputs = values if tail is None else tail(*values)
    for array in outputs:
        require(array.ndim > 0 and len(array) == n_samples, "an output mixes samples")
    return outputs
