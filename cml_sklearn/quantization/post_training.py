"""Quantization after training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import get_args

import numpy as np
from numpy.typing import ArrayLike

from cml_sklearn._typing import FloatArray
from cml_sklearn.exceptions import CalibrationError, InvalidInputError, UnsupportedOperatorError
from cml_sklearn.onnx.graph import Node, PreparedGraph
from cml_sklearn.onnx.numpy_module import NumpyModule
from cml_sklearn.program.bounds import Bounds
from cml_sklearn.quantization import ops  # noqa: F401  fills the registry
from cml_sklearn.quantization.bit_widths import BitWidths, check_layers, checked_rounding
from cml_sklearn.quantization.builder import ModuleBuilder, RoundingPolicy
from cml_sklearn.quantization.clear_tail import ClearTail, split_clear_tail
from cml_sklearn.quantization.decoders import OutputScale
from cml_sklearn.quantization.encoders import AffineQuantizer
from cml_sklearn.quantization.quantized_module import QuantizedModule
from cml_sklearn.quantization.quantized_op import (
    ONNX_OPS_TO_QUANTIZED_IMPL,
    Operand,
    QuantizedOp,
    reason_without_quantized_form,
)
from cml_sklearn.quantization.quantized_tensor import QuantizedTensor
from cml_sklearn.quantization.ranges import RangeMethod, best_range

__all__ = ["PostTrainingAffineQuantization", "n_products"]

_MIXING_FEATURES = {"Gemm", "MatMul"}
_PRODUCTS = {"Conv", "Gemm", "MatMul"}
_TRANSPARENT = {"Cast", "Identity"}
_MAX_CALIBRATION_ROWS = 10_000


class PostTrainingAffineQuantization:
    """Turns a float model into integers, with calibration data and no training.

    Parameters
    ----------
    n_bits : int or mapping
        Widths, for all, by role, or by role and layer: see `BitWidths`.
    rounding_bits : int or sequence of int, optional
        Bits of an accumulator that a lookup looks at; the others are rounded away. A sequence has
        one number for each layer of lookups, in the order of the graph. None: all.
    exact_rounding : bool, default=True
        False: the rounding may be off by one near ties, and costs several times less.
    clear_tail : bool, default=True
        Let the client compute functions after the last layer (see `split_clear_tail`).
    calibration : {"mse", "min-max", "percentile"}, default="mse"
        How ranges of inputs and activations are chosen: see `best_range`.
    """

    def __init__(
        self,
        n_bits: int | Mapping[str, int | Sequence[int]] = 8,
        *,
        rounding_bits: int | Sequence[int] | None = None,
        exact_rounding: bool = True,
        clear_tail: bool = True,
        calibration: RangeMethod = "mse",
    ) -> None:
        self.n_bits = BitWidths.resolve(n_bits)
        self.rounding_bits = checked_rounding(rounding_bits)
        self.exact_rounding = exact_rounding
        self.clear_tail = clear_tail
        self.calibration = _checked_method(calibration)

    def quantize_module(
        self,
        module: NumpyModule,
        *calibration: ArrayLike,
        sample_weight: ArrayLike | None = None,
    ) -> QuantizedModule:
        """Quantize.

        Parameters
        ----------
        module : NumpyModule
        *calibration : array-like of shape (n_samples, ...)
            One for each input. They fix the scales, and the integers that keep the outputs best.
            Later values outside their range are clipped.
        sample_weight : array-like of shape (n_samples,), optional

        Returns
        -------
        QuantizedModule

        Raises
        ------
        CalibrationError
            No samples, or values that are not finite.
        InvalidInputError
            Widths by layer that are not one for each layer.
        UnsupportedOperatorError
            An operator without a quantized form; the message names the node.
        """
        samples, weight = _calibration_data(calibration, sample_weight)
        graph, tail = split_clear_tail(module.graph) if self.clear_tail else (module.graph, None)
        named = {spec.name: x for spec, x in zip(graph.inputs, samples, strict=True)}
        quantizers = tuple(
            self._input_quantizer(graph, name, x, weight) for name, x in named.items()
        )
        builder = ModuleBuilder(
            [_input_bounds(q, x) for q, x in zip(quantizers, samples, strict=True)],
            [q.quantize(x) for q, x in zip(quantizers, samples, strict=True)],
            weight,
            rounding=RoundingPolicy(self.rounding_bits, self.exact_rounding),
            range_method=self.calibration,
        )
        tensors: dict[str, Operand] = dict(graph.constants)
        for number, (name, q) in enumerate(zip(named, quantizers, strict=True)):
            offset = -q.scale * q.zero_point
            tensors[name] = QuantizedTensor(builder, number, q.scale, offset)
        targets = module.activations(*samples)
        for number, node in enumerate(graph.nodes):
            builder.program.source = str(node)
            widths = self.n_bits.at(n_products(graph.nodes[:number]), builder.program.n_lookups)
            operator = _quantized_class(node)(node, widths, targets[node.outputs[0]])
            inputs = (tensors[name] if name else None for name in node.inputs)
            tensors[node.outputs[0]] = operator(*inputs)
        outputs = [tensors[name] for name in graph.outputs]
        quantized = _finish(builder, quantizers, outputs, self.n_bits.outputs, tail)
        self._check_layers(n_products(graph.nodes), builder.program.n_lookups)
        return quantized

    def _check_layers(self, n_products: int, n_lookups: int) -> None:
        """Refuse widths by layer for another number of layers."""
        check_layers("n_bits['weights']", self.n_bits.weights, n_products, "with weights")
        check_layers("n_bits['activations']", self.n_bits.activations, n_lookups, "of lookups")
        check_layers("rounding_bits", self.rounding_bits, n_lookups, "of lookups")

    def _input_quantizer(
        self, graph: PreparedGraph, name: str, x: FloatArray, weight: FloatArray
    ) -> AffineQuantizer:
        """Fix one scale a feature where the next layer can fold them, else one for the tensor."""
        per_feature = x.ndim == 2 and _feeds_only_matrices(graph, name)
        return best_range(
            x, self.n_bits.inputs, weight, per_feature=per_feature, method=self.calibration
        )


def n_products(nodes: Sequence[Node]) -> int:
    """Count the layers with weights."""
    return sum(node.op_type in _PRODUCTS for node in nodes)


def _checked_method(method: RangeMethod) -> RangeMethod:
    """Refuse what is none of the methods."""
    if method not in get_args(RangeMethod):
        raise InvalidInputError(
            f"calibration is {method!r}; it must be one of {', '.join(get_args(RangeMethod))}."
        )
    return method


def _quantized_class(node: Node) -> type[QuantizedOp]:
    """Class of a node's operator."""
    if node.op_type not in ONNX_OPS_TO_QUANTIZED_IMPL:
        raise UnsupportedOperatorError(
            f"{node} has no quantized form: {reason_without_quantized_form(node.op_type)}. "
            f"Available: {', '.join(sorted(ONNX_OPS_TO_QUANTIZED_IMPL))}."
        )
    return ONNX_OPS_TO_QUANTIZED_IMPL[node.op_type]


def _feeds_only_matrices(graph: PreparedGraph, name: str) -> bool:
    """Whether every use of a tensor multiplies it by constant weights."""
    users = [node for node in graph.nodes if name in node.inputs]
    return bool(users) and all(
        _feeds_only_matrices(graph, user.outputs[0])
        if user.op_type in _TRANSPARENT
        else user.op_type in _MIXING_FEATURES and user.inputs[0] == name
        for user in users
    )


def _input_bounds(quantizer: AffineQuantizer, x: FloatArray) -> Bounds:
    """Range of the codes, in the shape of the input."""
    upper = np.broadcast_to(quantizer.upper, x.shape[1:])
    return Bounds(np.zeros_like(upper), upper)


def _calibration_data(
    calibration: tuple[ArrayLike, ...], sample_weight: ArrayLike | None
) -> tuple[list[FloatArray], FloatArray]:
    """Float samples, evenly thinned out when there are many, and weights that add up to 1."""
    samples = [np.asarray(x, dtype=np.float64) for x in calibration]
    if not samples or any(not len(x) for x in samples):
        raise CalibrationError("Calibration needs at least one sample for each input.")
    if not all(np.isfinite(x).all() for x in samples):
        raise CalibrationError(
            "The calibration data hold NaN or infinity; give finite values only."
        )
    n_samples = len(samples[0])
    weight = np.ones(n_samples) if sample_weight is None else np.asarray(sample_weight, np.float64)
    rows = np.arange(0, n_samples, -(-n_samples // _MAX_CALIBRATION_ROWS))
    rows = rows[weight[rows] > 0]
    if not len(rows):
        raise CalibrationError("All calibration samples have weight 0; give some a positive one.")
    return [x[rows] for x in samples], weight[rows] / weight[rows].sum()


def _finish(
    builder: ModuleBuilder,
    quantizers: tuple[AffineQuantizer, ...],
    outputs: list[Operand],
    n_bits: int,
    tail: ClearTail | None,
) -> QuantizedModule:
    """Make the outputs unsigned, and note how to read them."""
    numbers, scales = [], []
    for output in outputs:
        if not isinstance(output, QuantizedTensor):
            raise UnsupportedOperatorError(
                "An output of the model is a constant or depends on no input; there is nothing "
                "to encrypt. Remove it from the graph."
            )
        tensor = output.as_affine(n_bits).with_integer_offset()
        number, shift = builder.program.add_output(tensor.number)
        numbers.append(number)
        scales.append(OutputScale(tensor.scale, shift, tensor.offset))
    return QuantizedModule(builder.program.build(numbers), quantizers, tuple(scales), tail)
