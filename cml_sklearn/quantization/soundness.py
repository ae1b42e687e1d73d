"""Whether the parts of a quantized module that comes from elsewhere fit together."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from cml_sklearn.onnx.onnx_utils import check_operator
from cml_sklearn.program.bounds import Bounds
from cml_sklearn.program.program import IntegerProgram
from cml_sklearn.program.soundness import require
from cml_sklearn.quantization.bit_widths import MAX_BITS
from cml_sklearn.quantization.clear_tail import ClearTail, may_be_clear
from cml_sklearn.quantization.decoders import OutputScale
from cml_sklearn.quantization.encoders import AffineQuantizer
from cml_sklearn.quantization.trees.plan import WordDecoder
from cml_sklearn.quantization.trees.quantizer import GridQuantizer

__all__ = ["check_parts"]

_SAMPLES = 2
"""Rows that go through a module to see whether it works."""

_MAX_SHIFT = 62
"""Bits by which a 64-bit integer may be shifted."""


def check_parts(
    program: IntegerProgram,
    encoders: Sequence[AffineQuantizer | GridQuantizer],
    decoders: Sequence[OutputScale | WordDecoder],
    tail: ClearTail | None,
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
    _rehearse(program, encoders, decoders, tail)


def _check_encoder(encoder: AffineQuantizer | GridQuantizer, bounds: Bounds) -> None:
    """Refuse an encoder whose codes would not be those of an input."""
    if isinstance(encoder, GridQuantizer):
        grid = encoder.grid
        require(grid.missing.shape == (grid.n_features,), "a grid lacks features")
        require(all(e.ndim == 1 and (np.diff(e) > 0).all() for e in grid.edges), "no grid")
        require(bounds.shape == (grid.counts.sum(),), "a grid has other bits than the program")
        return
    require(1 <= encoder.n_bits <= MAX_BITS, f"codes of {encoder.n_bits} bits")
    require((encoder.scale > 0).all(), "a scale that is not positive")
    require(encoder.scale.shape == encoder.zero_point.shape, "scales lack zero points")
    require(_spreads(encoder.scale.shape, bounds.shape), "scales of another shape than an input")
    within = (bounds.low <= 0).all() and (bounds.high >= encoder.upper).all()
    require(within, "codes outside of an input's range")


def _check_decoder(decoder: OutputScale | WordDecoder, bounds: Bounds) -> None:
    """Refuse a decoder that does not fit an output."""
    if isinstance(decoder, OutputScale):
        shapes = (decoder.scale.shape, decoder.offset.shape)
        require(all(_spreads(s, bounds.shape) for s in shapes), "scales don't fit an output")
        require(abs(decoder.zero_point) < 1 << _MAX_SHIFT, "an impossible zero point")
        return
    words, shifts = decoder.field_word, decoder.field_shift
    require(words.ndim == 1 and words.shape == shifts.shape, "fields lack words or shifts")
    require(((words >= 0) & (words < bounds.shape[0])).all(), "fields of a word not there")
    require(((shifts >= 0) & (shifts <= _MAX_SHIFT)).all(), "fields shifted too far")
    require(1 <= decoder.field_bits <= _MAX_SHIFT, f"fields of {decoder.field_bits} bits")


def _spreads(inner: tuple[int, ...], outer: tuple[int, ...]) -> bool:
    """Whether an array can be broadcast to any number of samples of a shape."""
    return np.broadcast_shapes(inner, (1, *outer)) == (1, *outer)


def _rehearse(
    program: IntegerProgram,
    encoders: Sequence[AffineQuantizer | GridQuantizer],
    decoders: Sequence[OutputScale | WordDecoder],
    tail: ClearTail | None,
) -> None:
    """Send zeros all the way through."""
    with np.errstate(all="ignore"):
        codes = [
            encoder.quantize(np.zeros((_SAMPLES, *_float_shape(encoder, bounds))))
            for encoder, bounds in zip(encoders, program.input_bounds, strict=True)
        ]
        program.check_inputs(tuple(codes))
        pairs = zip(decoders, program(*codes), strict=True)
        values = [decoder.dequantize(output) for decoder, output in pairs]
        for array in values if tail is None else tail(*values):
            require(array.ndim > 0 and len(array) == _SAMPLES, "an output mixes samples")


def _float_shape(encoder: AffineQuantizer | GridQuantizer, bounds: Bounds) -> tuple[int, ...]:
    """Shape of a sample, as floats."""
    if isinstance(encoder, GridQuantizer):
        return (encoder.grid.n_features,)
    return bounds.shape
