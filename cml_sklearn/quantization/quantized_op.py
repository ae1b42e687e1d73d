"""The base of quantized operators, and their registry."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from cml_sklearn._typing import Array, FloatArray
from cml_sklearn.exceptions import UnsupportedOperatorError
from cml_sklearn.onnx.graph import Node
from cml_sklearn.onnx.onnx_utils import ONNX_OPS_TO_NUMPY_IMPL, signature_of
from cml_sklearn.quantization.bit_widths import LayerWidths
from cml_sklearn.quantization.quantized_tensor import QuantizedTensor

__all__ = [
    "ONNX_OPS_TO_QUANTIZED_IMPL",
    "Operand",
    "QuantizedOp",
    "quantized_class",
    "reason_without_quantized_form",
]

Operand = QuantizedTensor | Array | None
"""An input of an operator: encrypted, a constant of the model, or an optional one left out."""

ONNX_OPS_TO_QUANTIZED_IMPL: dict[str, type[QuantizedOp]] = {}
"""Quantized operators by their ONNX names, filled by the subclasses of `QuantizedOp`."""

_FLOAT = np.dtype(np.float64)

_LARGEST = 1 << 53
"""Up to it, floats hold every integer."""

_TAIL = "at the end of a model, the client computes it after decryption; nowhere else"
_CONSTANT = "makes constants, which are folded before quantization"
_SHAPE = "the shape of its result would depend on encrypted values"
_NOT_YET = "nobody has written it yet"

REASONS_WITHOUT_QUANTIZED_FORM: dict[str, str] = {
    **dict.fromkeys(("ArgMax", "ArgMin", "Hardmax", "LogSoftmax", "Softmax", "TopK"), _TAIL),
    "Split": "its pieces are taken one by one instead",
    **dict.fromkeys(
        ("Constant", "ConstantOfShape", "EyeLike", "Range", "Shape", "Size"), _CONSTANT
    ),
    **dict.fromkeys(("Compress", "NonZero", "Unique"), _SHAPE),
}
"""Why operators with a NumPy implementation have no quantized one."""


def quantized_class(node: Node) -> type[QuantizedOp]:
    """Class of a node's operator.

    Raises
    ------
    UnsupportedOperatorError
        There is none.
    """
    if node.op_type not in ONNX_OPS_TO_QUANTIZED_IMPL:
        raise UnsupportedOperatorError(
            f"{node} has no quantized form: {reason_without_quantized_form(node.op_type)}. "
            f"Available: {', '.join(sorted(ONNX_OPS_TO_QUANTIZED_IMPL))}."
        )
    return ONNX_OPS_TO_QUANTIZED_IMPL[node.op_type]


def reason_without_quantized_form(op_type: str) -> str:
    """Say why an operator has no quantized form."""
    return REASONS_WITHOUT_QUANTIZED_FORM.get(op_type, _NOT_YET)


class QuantizedOp(ABC):
    """One node of a graph on encrypted tensors.

    A subclass names the operators that it serves, as in
    ``class QuantizedGemm(QuantizedOp, ops=("Gemm",))``, says of what kind they are, and writes
    `q_impl`. What an operator takes is read from the signature of its NumPy implementation.

    Parameters
    ----------
    node : Node
    n_bits : LayerWidths
    target : ndarray of shape (n_samples, ...)
        What the float model gives for the node's output on the calibration data.
    types : sequence of numpy.dtype
        Element types of the inputs in the float model, by place; floats where there are none.
    folds : bool
        Whether all uses of the result take a scale for each feature at no cost.

    Attributes
    ----------
    ops : tuple of str
    is_product : bool
        Whether it is a layer with weights, which have a width of their own.
    mixes_features : bool
        Whether it adds up the features of its first input, each times weights of its own: scales
        of features then fold into these.
    is_elementwise : bool
        Whether an element of its result is made of the elements of its operands at that place.
    is_lookup : bool
        Whether it is elementwise, of one operand, and takes a lookup in any case.
    moves_features : bool
        Whether its result has the features of its operands at other places, or side by side.
    may_be_clear : bool
        Whether the client may compute it after decryption, if nothing encrypted follows.
    """

    ops: ClassVar[tuple[str, ...]] = ()
    is_product: ClassVar[bool] = False
    mixes_features: ClassVar[bool] = False
    is_elementwise: ClassVar[bool] = False
    is_lookup: ClassVar[bool] = False
    moves_features: ClassVar[bool] = False
    may_be_clear: ClassVar[bool] = False

    def __init_subclass__(cls, *, ops: tuple[str, ...] = ()) -> None:
        """Enter the subclass into the registry."""
        cls.ops = ops
        ONNX_OPS_TO_QUANTIZED_IMPL.update(dict.fromkeys(ops, cls))

    def __init__(
        self,
        node: Node,
        n_bits: LayerWidths,
        target: Array,
        types: Sequence[np.dtype] = (),
        *,
        folds: bool = False,
    ) -> None:
        self.node = node
        self.n_bits = n_bits
        self.target = target
        self.types = types
        self.folds = folds
        self.signature = signature_of(node.op_type)
        self.attributes = {**self.signature.attributes, **node.attributes}

    @abstractmethod
    def q_impl(self, *operands: Any, **attributes: Any) -> QuantizedTensor:
        """Append the operator's integer steps to the program.

        Parameters
        ----------
        *operands : Operand
            In the order of the signature; optional ones left out are None.
        **attributes
            All attributes of the signature, those not given by their defaults.

        Returns
        -------
        QuantizedTensor
        """

    def __call__(self, *operands: Operand) -> QuantizedTensor:
        """Run `q_impl` with complete operands and attributes, and check what comes of it.

        Raises
        ------
        UnsupportedOperatorError
            The float model moves or changes the samples' axis here, leaves no elements, or its
            integers wrap.
        """
        if 0 in self.target.shape:
            raise self.unsupported("leaves no elements", "Keep one at least.")
        missing = len(self.signature.inputs) - len(operands)
        result = self.q_impl(*operands, *(None,) * missing, **self.attributes)
        wanted = (len(result.builder.sample_weight), *result.shape)
        if self.target.shape != wanted:
            raise self.unsupported(
                f"gives shape {self.target.shape} for {wanted[0]} samples, not {wanted}",
                "Keep axis 0 for the samples, and what is made of each apart from the others.",
            )
        self._check_wrapping(result)
        return result

    def _check_wrapping(self, result: QuantizedTensor) -> None:
        """Refuse integers that might leave their type in the float model, and wrap."""
        dtype = self.target.dtype
        if not np.issubdtype(dtype, np.integer) or not result.is_affine:
            return
        ends = [
            result.scale * end + result.offset for end in (result.bounds.low, result.bounds.high)
        ]
        limits = np.iinfo(dtype)
        if np.min(ends) < limits.min - 0.5 or np.max(ends) > limits.max + 0.5:
            raise self.unsupported(
                f"gives integers from {np.min(ends):.0f} to {np.max(ends):.0f}, beyond {dtype}",
                "Cast to a wider type before.",
            )

    def is_integer(self, place: int) -> bool:
        """Whether an input has integers in the float model."""
        return place < len(self.types) and bool(np.issubdtype(self.types[place], np.integer))

    def evaluate(self, *inputs: FloatArray | None) -> FloatArray:
        """Compute the first output on floats that stand for inputs of the model's own types."""
        types = (*self.types, *(_FLOAT,) * len(inputs))
        pairs = zip(inputs, types, strict=False)
        typed = (None if x is None else _in_type(x, dtype) for x, dtype in pairs)
        return np.asarray(self.compute(*typed), dtype=np.float64)

    def compute(self, *inputs: Array | None) -> Array:
        """Compute the node's first output on arrays, by its NumPy implementation."""
        return ONNX_OPS_TO_NUMPY_IMPL[self.node.op_type](*inputs, **self.attributes)[0]

    def tensor(self, operand: Operand) -> QuantizedTensor:
        """Operand that must be encrypted."""
        if not isinstance(operand, QuantizedTensor):
            raise self.unsupported("has a constant first input", "Exchange its inputs.")
        return operand

    def affine(self, operand: Operand) -> QuantizedTensor:
        """Operand that must be encrypted; its codes where functions wait."""
        x, n_bits = self.tensor(operand), self.n_bits.activations
        if self.moves_features and self.folds and not x.is_affine:
            return x.with_scale_along(0, n_bits)[0]
        return x.requantize(n_bits, unless=x.is_affine)

    def parameter(self, operand: Operand) -> Array | None:
        """Operand that must be a constant of the model, or left out."""
        if isinstance(operand, QuantizedTensor):
            raise self.unsupported(
                "has an encrypted parameter", "Make all inputs but the first constants."
            )
        return operand

    def constant(self, operand: Operand, rank: int) -> FloatArray:
        """Constant operand without the batch axis, to be broadcast against `rank` axes."""
        floats = np.asarray(self.parameter(operand), dtype=np.float64)
        if floats.ndim > rank:
            if floats.shape[0] != 1 or floats.ndim > rank + 1:
                raise self.unsupported(
                    f"has a constant of shape {floats.shape}, one value a sample",
                    "Give a constant that is the same for all samples.",
                )
            floats = floats[0]
        return floats

    def widened(self, x: QuantizedTensor, *constants: FloatArray | None) -> QuantizedTensor:
        """Encrypted operand in the shape that constants broadcast it to."""
        shapes = (c.shape for c in constants if c is not None)
        return x.broadcast(np.broadcast_shapes(x.shape, *shapes))

    def unsupported(self, what: str, remedy: str) -> UnsupportedOperatorError:
        """Make the error for a form of the operator that has no encrypted counterpart."""
        return UnsupportedOperatorError(
            f"{self.node} {what}, which has no encrypted form here. {remedy}"
        )


def _in_type(x: FloatArray, dtype: np.dtype) -> Array:
    """Array in the type whose values its floats stand for; floats stay as they are."""
    if dtype == np.bool_:
        return x > 0.5
    if not np.issubdtype(dtype, np.integer):
        return x
    limits = np.iinfo(dtype)
    low, high = max(limits.min, -_LARGEST), min(limits.max, _LARGEST)
    return np.clip(np.rint(np.nan_to_num(x)), low, high).astype(dtype)
