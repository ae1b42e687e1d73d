"""What all neural networks share, and scikit-learn's perceptrons."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from numbers import Integral
from typing import TYPE_CHECKING, ClassVar, Self

from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator
from sklearn.utils._param_validation import Interval
from typing_extensions import override

from cml_sklearn._typing import FloatArray
from cml_sklearn.convert.torch import check_torch, export_to_onnx
from cml_sklearn.estimators.base import N_BITS_CONSTRAINT, P_ERROR
from cml_sklearn.estimators.conventions import Outputs
from cml_sklearn.estimators.partial_fit import PartialFitMixin
from cml_sklearn.estimators.predictions import PredictingEstimator
from cml_sklearn.estimators.watched import WatchedEstimator
from cml_sklearn.estimators.wrapping import OwnParameter
from cml_sklearn.onnx.numpy_module import NumpyModule
from cml_sklearn.quantization.bit_widths import MAX_BITS, NBits, last_narrower
from cml_sklearn.quantization.encoding import as_floats
from cml_sklearn.quantization.post_training import PostTrainingAffineQuantization, n_products
from cml_sklearn.quantization.postprocessing import Link, Postprocessing, Softmax
from cml_sklearn.quantization.quantized_module import QuantizedModule

if TYPE_CHECKING:
    import onnx

__all__ = [
    "QUANTIZATION_PARAMETERS",
    "MultilayerPerceptron",
    "NetworkEstimator",
    "out_activation",
    "widths_by_layer",
]

_N_BITS = OwnParameter(
    "n_bits",
    5,
    N_BITS_CONSTRAINT,
    """int or dict, default=5
    Width of the quantized inputs, weights and activations (2 to 16), where the last of several
    layers' weights have a bit less; by role as ``{"inputs": 5, "weights": 4, "activations": 4}``,
    where weights and activations may be tuples, with a width for every layer.""",
)

_EXACT_ROUNDING = OwnParameter(
    "exact_rounding",
    False,
    ("boolean",),
    """bool, default=False
    False: rounding may be off by one near ties, and costs several times less.""",
)

_ROUNDING_BITS = OwnParameter(
    "rounding_bits",
    4,
    (Interval(Integral, 1, MAX_BITS, closed="both"), list, tuple, None),
    """int, tuple of int or None, default=4
    Bits of an accumulator that a lookup looks at; they make the cost. A tuple has one number
    for every layer of lookups. None: all.""",
)

QUANTIZATION_PARAMETERS = (_N_BITS, P_ERROR, _ROUNDING_BITS, _EXACT_ROUNDING)
"""Parameters that networks have in addition."""

_OUT_ACTIVATIONS: dict[str, tuple[Outputs, Postprocessing]] = {
    "identity": ("values", ()),
    "logistic": ("logits by column", (Link("logit"),)),
    "softmax": ("logits", (Softmax(),)),
}
"""What goes into a perceptron's last activation, and what does the same as it."""


class NetworkEstimator(PredictingEstimator):
    """An estimator whose raw scores come from layers and lookups; abstract."""

    _own_parameters: ClassVar[tuple[OwnParameter, ...]] = QUANTIZATION_PARAMETERS

    @abstractmethod
    def _to_onnx(self, model: BaseEstimator, X: FloatArray) -> onnx.ModelProto:
        """Export a fitted model's raw scores."""

    @override
    def _validate_params(self) -> None:
        """Check the parameters and, before any training, whether torch is there."""
        super()._validate_params()
        check_torch(type(self).__name__)

    @property
    def _has_student(self) -> bool:
        """Whether a student of a perceptron learns to bear its integers."""
        return True

    @abstractmethod
    def _outputs(self, model: BaseEstimator) -> Outputs:
        """Say what a fitted model's raw scores are."""

    @override
    def _quantize(
        self, model: BaseEstimator, X: FloatArray, sample_weight: FloatArray | None
    ) -> tuple[onnx.ModelProto, dict[str, QuantizedModule]]:
        graph = self._to_onnx(model, X)
        module = self._quantize_graph(graph, X, sample_weight, self._outputs(model))
        return graph, {"predict": module}

    def quantize_again(self, X: ArrayLike) -> Self:
        """Quantize by the parameters as they are now, with the rows of X; forgets the circuit."""
        X, outputs = as_floats(X), self._outputs(self._float_model)
        module = self._quantize_graph(self.onnx_model_, X, None, outputs)
        module.postprocessing = self.quantized_module_.postprocessing
        self.modules_ = dict.fromkeys(self.modules_, module)
        return self

    def _quantize_graph(
        self,
        graph: onnx.ModelProto,
        X: FloatArray,
        sample_weight: FloatArray | None,
        outputs: Outputs,
    ) -> QuantizedModule:
        """Quantize a graph by this estimator's parameters, with the rows of X."""
        module = NumpyModule(graph)
        quantization = PostTrainingAffineQuantization(
            widths_by_layer(self.n_bits, n_products(module.graph.nodes)),
            rounding_bits=self.rounding_bits,
            exact_rounding=self.exact_rounding,
        )
        plain = quantization.quantize_module(module, X, sample_weight=sample_weight)
        if quantization.rounding_bits is None or X.ndim != 2 or not self._has_student:
            return plain
        from cml_sklearn.estimators.distillation import Samples, distilled_or_plain

        samples = Samples.weighted(X, sample_weight)
        return distilled_or_plain(plain, module, samples, quantization, outputs)

    @override
    def _check_circuit(self, module: QuantizedModule, X: FloatArray) -> None:
        """Compare simulation and clear integers, unless rounding is approximate."""
        if self.exact_rounding:
            super()._check_circuit(module, X)


class MultilayerPerceptron(PartialFitMixin, WatchedEstimator, NetworkEstimator):
    """A perceptron of scikit-learn; abstract."""

    _watched = ("coefs_", "intercepts_")

    @override
    def _outputs(self, model: BaseEstimator) -> Outputs:
        return _OUT_ACTIVATIONS[model.out_activation_][0]

    @override
    def _weights(self, model: BaseEstimator) -> tuple[FloatArray, ...]:
        return tuple(weights.copy() for weights in (*model.coefs_, *model.intercepts_))

    @override
    def _to_onnx(self, model: BaseEstimator, X: FloatArray) -> onnx.ModelProto:
        """Export without the last activation.

        As an equal torch module, since Hummingbird would round the weights to single precision, and
        equal fits must give equal integers.
        """
        import torch
        from torch import nn
        from torch.nn.utils import skip_init

        activations = {
            "identity": nn.Identity,
            "logistic": nn.Sigmoid,
            "relu": nn.ReLU,
            "tanh": nn.Tanh,
        }
        layers: list[nn.Module] = []
        for coef, intercept in zip(model.coefs_, model.intercepts_, strict=True):
            # without drawing weights, which would move torch's generator
            linear = skip_init(nn.Linear, *coef.shape, dtype=torch.float64)
            linear.weight.data = torch.tensor(coef.T, dtype=torch.float64)
            linear.bias.data = torch.tensor(intercept, dtype=torch.float64)
            layers += [linear, activations[model.activation]()]
        return export_to_onnx(nn.Sequential(*layers[:-1]), X[:2])


def out_activation(model: BaseEstimator) -> Postprocessing:
    """Do what the last activation of a fitted perceptron does."""
    return _OUT_ACTIVATIONS[model.out_activation_][1]


def widths_by_layer(n_bits: NBits, n_weighted: int) -> NBits:
    """Spell out an int `n_bits`, as in `last_narrower`; other than an int stays as it is."""
    if n_weighted < 2 or isinstance(n_bits, Mapping | bool):
        return n_bits
    weights = last_narrower(n_bits, n_weighted)
    return {"inputs": n_bits, "weights": weights, "activations": n_bits}
