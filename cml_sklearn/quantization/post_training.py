"""Quantization after training."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike

from cml_sklearn._callers import warn_caller
from cml_sklearn._typing import Array, FloatArray
from cml_sklearn.exceptions import (
    BitWidthError,
    CmlError,
    InvalidInputError,
    UnsupportedOperatorError,
)
from cml_sklearn.keywords import known_keywords
from cml_sklearn.onnx.graph import Node, PreparedGraph, TensorSpec
from cml_sklearn.onnx.numpy_module import NumpyModule
from cml_sklearn.program.program import IntegerProgram
from cml_sklearn.program.soundness import FOREIGN_ERRORS
from cml_sklearn.quantization.affine import AffineQuantizer
from cml_sklearn.quantization.bit_widths import (
    BitWidths,
    NBits,
    RoundingBits,
    check_layers,
    checked_rounding,
    width_of,
)
from cml_sklearn.quantization.builder import ModuleBuilder
from cml_sklearn.quantization.calibration import calibrated_activations, calibration_data
from cml_sklearn.quantization.clear_tail import (
    ClearTail,
    check_quantized_forms,
    split_clear_tail,
)
from cml_sklearn.quantization.decoders import OutputScale
from cml_sklearn.quantization.encoders import IndexEncoder
from cml_sklearn.quantization.input_codes import (
    given_quantizers,
    index_encoders,
    integer_quantizer,
    table_sizes,
)
from cml_sklearn.quantization.ops import ONNX_OPS_TO_QUANTIZED_IMPL
from cml_sklearn.quantization.output_ranges import affine_weights, output_ranges
from cml_sklearn.quantization.preparation import (
    rewritten,
    settle_sizes,
    typed_samples,
    typed_tail,
    with_free_batch,
)
from cml_sklearn.quantization.quantized_module import QuantizedModule
from cml_sklearn.quantization.quantized_op import Operand, QuantizedOp, quantized_class
from cml_sklearn.quantization.quantized_tensor import QuantizedTensor
from cml_sklearn.quantization.ranges import RangeMethod, best_range, thinned
from cml_sklearn.quantization.squares import (
    WideSquaresError,
    check_width,
    is_polynomial,
    squares_layers,
)

__all__ = ["ClearTailChoice", "PostTrainingAffineQuantization", "folded_tensors", "n_products"]

ClearTailChoice = bool | Literal["weights"]
"""What the client may compute: nothing, functions without weights, or layers, too."""

_NO_TYPE = np.dtype(np.float64)
"""In place of the element type of an input left out."""

_MAX_CALIBRATION_ROWS = 10_000

_VECTORS = 2
"""Axes of tensors of a vector for each sample."""


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
    clear_tail : bool or "weights", default=True
        Let the client compute functions after the last layer (see `split_clear_tail`), none of
        which needs trained weights. "weights": also all that follows an operator without a
        quantized form; the client then holds these layers' weights, and learns what goes into them.
    calibration : {"mse", "min-max", "percentile"}, default="mse"
        How ranges of inputs and activations are chosen: see `best_range`.
    exact_squares : bool, default=True
        Keep squares of what layers give as exact integers, if a model has no other function: it
        then needs no lookup, and an engine with exact arithmetic, which SEAL is. False: lookups.
    narrow_last : bool, default=False
        Whether an int `n_bits` leaves the last of several layers' weights a bit less: see
        `last_narrower`.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from cml_sklearn import NumpyModule, PostTrainingAffineQuantization, Ridge
    >>> X, y = load_diabetes(return_X_y=True)
    >>> floats = NumpyModule(Ridge().fit(X, y).onnx_model_)
    >>> module = PostTrainingAffineQuantization(n_bits=8).quantize_module(floats, X)
    >>> module
    QuantizedModule((10,) -> (1,), n_lookups=0)
    """

    @known_keywords
    def __init__(
        self,
        n_bits: NBits = 8,
        *,
        rounding_bits: RoundingBits = None,
        exact_rounding: bool = True,
        clear_tail: ClearTailChoice = True,
        calibration: RangeMethod = "mse",
        exact_squares: bool = True,
        narrow_last: bool = False,
    ) -> None:
        self.n_bits = BitWidths.resolve(n_bits)
        self.narrow_last = narrow_last and not isinstance(n_bits, Mapping)
        self.rounding_bits = checked_rounding(rounding_bits)
        self.exact_rounding = exact_rounding
        self.clear_tail = _checked_tail(clear_tail)
        self.calibration = _checked_method(calibration)
        self.exact_squares = exact_squares

    def quantize_module(
        self,
        module: NumpyModule,
        *calibration: ArrayLike,
        sample_weight: ArrayLike | None = None,
        input_quantizers: Sequence[AffineQuantizer] | None = None,
    ) -> QuantizedModule:
        """Quantize.

        Parameters
        ----------
        module : NumpyModule
        *calibration : array-like of shape (n_samples, ...)
            One for each input. They fix the scales, and the integers that keep the outputs best.
            Later values outside their range are clipped.
        sample_weight : array-like of shape (n_samples,), optional
        input_quantizers : sequence of AffineQuantizer, optional
            Codes of the inputs, where they are known already. None: by the calibration data.

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
        samples, weight = calibration_data(calibration, sample_weight)
        fitted, fitted_weight = thinned(samples, weight, _MAX_CALIBRATION_ROWS)
        typed = typed_samples(module.graph.inputs, fitted)
        given, module = module, with_free_batch(module, typed)
        graph, tail = self._split(module.graph)
        graph, tail = rewritten(settle_sizes(graph, module, typed), tail, module, typed)
        check_quantized_forms(graph)
        activations = calibrated_activations(module, graph, typed)
        tail = tail and typed_tail(tail, activations)
        squares = self.exact_squares and squares_layers(graph)
        quantizers = tuple(
            input_quantizers
            or self._input_quantizers(graph, samples, weight, activations, rounds=not squares)
        )
        builder = ModuleBuilder(
            quantizers,
            fitted,
            fitted_weight,
            kept_bits=self.rounding_bits,
            exact_rounding=self.exact_rounding,
            range_method=self.calibration,
            exact_squares=squares,
        )
        if not squares:
            program, scales = self._program(builder, graph, quantizers, activations)
            return QuantizedModule(program, quantizers, scales, tail)
        polynomial = self._polynomial(builder, graph, quantizers, activations)
        if polynomial is not None:
            return QuantizedModule(polynomial[0], quantizers, polynomial[1], tail)
        return self._with_lookups().quantize_module(
            given, *calibration, sample_weight=sample_weight, input_quantizers=input_quantizers
        )

    def _polynomial(
        self,
        builder: ModuleBuilder,
        graph: PreparedGraph,
        quantizers: Sequence[AffineQuantizer | IndexEncoder],
        activations: Mapping[str, Array],
    ) -> tuple[IntegerProgram, tuple[OutputScale, ...]] | None:
        """Program of exact squares; None where lookups are needed beside them, or instead."""
        try:
            program, scales = self._program(builder, graph, quantizers, activations)
            if not is_polynomial(program):
                return None
            check_width(program)
        except WideSquaresError as error:
            warn_caller(str(error))
            return None
        except (BitWidthError, UnsupportedOperatorError):  # of lookups on wide integers
            return None
        return program, scales

    def _program(
        self,
        builder: ModuleBuilder,
        graph: PreparedGraph,
        quantizers: Sequence[AffineQuantizer | IndexEncoder],
        activations: Mapping[str, Array],
    ) -> tuple[IntegerProgram, tuple[OutputScale, ...]]:
        """Program of a graph, and how to read its outputs."""
        tensors: dict[str, Operand] = dict(graph.constants)
        for number, (spec, quantizer) in enumerate(zip(graph.inputs, quantizers, strict=True)):
            tensors[spec.name] = QuantizedTensor.coded(builder, number, quantizer)
        n_weighted = n_products(graph.nodes)
        widths = self.n_bits.narrow_last(n_weighted) if self.narrow_last else self.n_bits
        _walk(graph, widths, tensors, builder, activations)
        found = [_as_output(tensors[o], self.n_bits.outputs) for o in graph.outputs]
        # the builder does not know what it adds, so that nothing more may be computed after it
        outputs = [_add_output(builder, tensor) for tensor in found]
        self._check_layers(n_weighted, builder.program.n_lookups)
        numbers, scales = zip(*outputs, strict=True)
        return builder.program.build(numbers), scales

    def _with_lookups(self) -> PostTrainingAffineQuantization:
        """Make one that writes squares as lookups."""
        changed = copy.copy(self)
        changed.exact_squares = False
        return changed

    def _split(self, graph: PreparedGraph) -> tuple[PreparedGraph, ClearTail | None]:
        """Divide a graph into what is encrypted and what follows."""
        if not self.clear_tail:
            return graph, None
        return split_clear_tail(graph, weights=self.clear_tail == "weights")

    def _input_quantizers(
        self,
        graph: PreparedGraph,
        samples: Sequence[FloatArray],
        weight: FloatArray,
        activations: Mapping[str, Array],
        *,
        rounds: bool,
    ) -> tuple[AffineQuantizer | IndexEncoder, ...]:
        """Fix one scale a feature where the next layer can fold them, else one for the tensor.

        `rounds` says whether lookups follow, which round to `rounding_bits`.
        """
        folded, tables = folded_tensors(graph, activations), table_sizes(graph)
        given, indices = given_quantizers(graph), index_encoders(graph, samples)
        return tuple(
            given.get(spec.name)
            or indices.get(spec.name)
            or integer_quantizer(spec, x, self.n_bits.inputs, tables)
            or (self._range_for_output(graph, spec, x, weight) if rounds else None)
            or best_range(
                x,
                self.n_bits.inputs,
                weight,
                per_feature=spec.name in folded,
                method=self.calibration,
            )
            for spec, x in zip(graph.inputs, samples, strict=True)
        )

    def _range_for_output(
        self, graph: PreparedGraph, spec: TensorSpec, x: FloatArray, weight: FloatArray
    ) -> AffineQuantizer | None:
        """Ranges of features that go into one affine layer only, before rounded lookups."""
        readers = graph.readers(spec.name)
        if self.calibration != "mse" or self.rounding_bits is None or len(readers) != 1:
            return None
        weights = affine_weights(readers[0], graph.constants)
        if weights is None or x.ndim != 2 or graph.outputs == readers[0].outputs:
            return None
        kept = width_of(self.rounding_bits, 0)
        return output_ranges(x.astype(np.float64), weights, self.n_bits.inputs, kept, weight)

    def _check_layers(self, n_products: int, n_lookups: int) -> None:
        """Refuse widths by layer for another number of layers."""
        check_layers("n_bits['weights']", self.n_bits.weights, n_products, "with weights")
        check_layers("n_bits['activations']", self.n_bits.activations, n_lookups, "of lookups")
        check_layers("rounding_bits", self.rounding_bits, n_lookups, "of lookups")


def _walk(
    graph: PreparedGraph,
    n_bits: BitWidths,
    tensors: dict[str, Operand],
    builder: ModuleBuilder,
    activations: Mapping[str, Array],
) -> None:
    """Quantize node after node; `tensors` gets what each of them makes."""
    n_weighted, folded = 0, folded_tensors(graph, activations)
    for node in graph.nodes:
        kind = quantized_class(node)
        builder.program.source = str(node)
        widths = n_bits.at(n_weighted, builder.program.n_lookups)
        types = [activations[name].dtype if name else _NO_TYPE for name in node.inputs]
        output = node.outputs[0]
        operator = kind(node, widths, activations[output], types, folds=output in folded)
        operands = [tensors[name] if name else None for name in node.inputs]
        tensors[output] = _quantized(operator, operands)
        n_weighted += kind.is_product


def _quantized(operator: QuantizedOp, operands: Sequence[Operand]) -> QuantizedTensor:
    """Run an operator; what it can't do with operands of such shapes becomes an error of ours."""
    try:
        with np.errstate(all="ignore"):  # what is not finite is refused wherever it matters
            return operator(*operands)
    except CmlError as error:
        if str(operator.node) in str(error):
            raise
        raise type(error)(f"{operator.node}: {error}") from error
    except FOREIGN_ERRORS as error:
        shapes = ", ".join("none" if x is None else str(list(x.shape)) for x in operands)
        raise UnsupportedOperatorError(
            f"{operator.node} has no encrypted form for operands of shapes {shapes} (an encrypted "
            f"one without its samples' axis): {error}. Give operands that keep the samples' axis "
            "and the encrypted operand's shape."
        ) from error


def n_products(nodes: Sequence[Node]) -> int:
    """Count the layers with weights."""
    products = {name for name, kind in ONNX_OPS_TO_QUANTIZED_IMPL.items() if kind.is_product}
    return sum(node.op_type in products for node in nodes)


def folded_tensors(graph: PreparedGraph, activations: Mapping[str, Array]) -> set[str]:
    """Names of the vectors that take a scale for each feature at no cost, whoever uses them.

    Weights take the scales of features, tables of lookups those of elements; what only scales,
    shifts or moves features hands them on, as long as each sample is a vector.
    """
    sources = _sources_of_elements(graph)
    vectors = {name for name, values in activations.items() if values.ndim == _VECTORS}
    folds = {name: name in vectors for name in graph.outputs}
    for node in reversed(graph.nodes):
        kind = quantized_class(node)
        names = [name for name in node.inputs if name in sources]
        by_element = kind.is_elementwise and len({sources[name] for name in names}) == 1
        # an index is no feature
        moves = kind.moves_features and node.inputs[0] in names
        passes_on = (by_element or moves) and folds.get(node.outputs[0], False)
        for place, name in enumerate(node.inputs):
            here = passes_on or kind.is_lookup or (kind.mixes_features and place == 0)
            folds[name] = folds.get(name, name in vectors) and here
    return {name for name, always in folds.items() if always}


def _sources_of_elements(graph: PreparedGraph) -> dict[str, str]:
    """Find of which tensors others are functions, element by element, by the tensors' names."""
    sources = {spec.name: spec.name for spec in graph.inputs}
    for node in graph.nodes:
        used = {sources[name] for name in node.inputs if name in sources}
        is_function = quantized_class(node).is_elementwise and len(used) == 1
        sources[node.outputs[0]] = used.pop() if is_function else node.outputs[0]
    return sources


def _checked_tail(clear_tail: ClearTailChoice) -> ClearTailChoice:
    """Refuse what says nothing about the tail."""
    if not isinstance(clear_tail, bool | np.bool_) and clear_tail != "weights":
        raise InvalidInputError(f"clear_tail is {clear_tail!r}; it must be a bool or 'weights'.")
    return clear_tail


def _checked_method(method: RangeMethod) -> RangeMethod:
    """Refuse what is none of the methods."""
    if method not in get_args(RangeMethod):
        raise InvalidInputError(
            f"calibration is {method!r}; it must be one of {', '.join(get_args(RangeMethod))}."
        )
    return method


def _as_output(output: Operand, n_bits: int) -> QuantizedTensor:
    """Make an output of the model an affine function of integers."""
    if not isinstance(output, QuantizedTensor):
        raise UnsupportedOperatorError(
            "An output of the model is a constant or depends on no input; there is nothing "
            "to encrypt. Remove it from the graph."
        )
    if not output.is_affine and output.shape:
        output, _ = output.with_scale_along(0 if len(output.shape) > 1 else -1, n_bits)
    return output.requantize(n_bits, unless=output.is_affine).with_integer_offset()


def _add_output(builder: ModuleBuilder, tensor: QuantizedTensor) -> tuple[int, OutputScale]:
    """Make a tensor an unsigned output; gives its number, and how to read it."""
    number, shift = builder.program.add_output(tensor.number)
    return number, OutputScale(np.asarray(tensor.scale), shift, np.asarray(tensor.offset))
