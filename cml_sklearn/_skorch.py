"""What the estimators on skorch share: a net made in `fit`, and quantized after it."""

from __future__ import annotations

import copy
import inspect
from abc import abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils import Tags, check_random_state
from sklearn.utils.validation import check_is_fitted, validate_data

from cml_sklearn._linear import KEPT_ROWS
from cml_sklearn._networks import NEURAL_NET_CONSTRAINTS, quantize_network
from cml_sklearn._predictions import PredictingEstimator
from cml_sklearn._typing import FloatArray
from cml_sklearn.base import as_dense
from cml_sklearn.convert.torch import export_to_onnx
from cml_sklearn.exceptions import InvalidInputError, UnsupportedModelError
from cml_sklearn.quantization.quantized_module import QuantizedModule

__all__ = ["NET_DOC", "NeuralNet"]

_SKORCH_PREFIXES = (
    "callbacks__",
    "criterion__",
    "dataset__",
    "iterator_train__",
    "iterator_valid__",
    "module__",
    "optimizer__",
)

_WEIGHT_DECAY = 0.5
"""Of the perceptron: large weights would widen the proven ranges, and overfit."""

NET_DOC = """
    Parameters
    ----------
    module : type of torch.nn.Module, optional
        Those of its parameters that are called `n_inputs`, `n_outputs`, `input_mean`,
        `input_scale`, `output_mean` or `output_scale` are filled from the data, all others are
        given as ``module__*``. None: a perceptron with ``module__hidden_layer_sizes`` (default
        16 units), ``module__activation``, ``module__dropout`` and ``module__input_noise``.
    criterion, optimizer : type, optional
        Classes of torch. None: cross-entropy or squared error; AdamW, for the perceptron with
        ``optimizer__weight_decay=0.5``.
    lr : float, default=0.01
    max_epochs : int, default=30
    batch_size : int, default=32
    train_split : callable, optional
        Such as ``skorch.dataset.ValidSplit(5)``, for early stopping. None: train on all samples.
    callbacks : list or "disable", optional
        As in skorch.
    verbose : int, default=0
    device : str, default="cpu"
    random_state : int, RandomState instance or None, default=None
    n_bits, p_error
        See `FheEstimator`; `n_bits` is 5 by default.
    rounding_bits : int, tuple of int or None, default=4
        Bits of an accumulator that a lookup looks at; a tuple has one number for every layer of
        lookups. None: all.
    exact_rounding : bool, default=False
        False: rounding may be off by one near ties, and costs several times less.
    quantization_aware : bool, default=True
        Train with the rounding to `rounding_bits` simulated, so that the net learns to bear it.
    **kwargs
        What else skorch takes, such as ``module__*``, ``optimizer__*``, ``iterator_train__*``.

    Attributes
    ----------
    skorch_net_ : skorch.NeuralNet
        The fitted float net.
    onnx_model_, quantized_module_, fhe_circuit_, fhe_report_
        See `FheEstimator`.
"""


class NeuralNet(PredictingEstimator):
    """A skorch net, made in `fit` and quantized after it; abstract."""

    _parameter_constraints: ClassVar[dict[str, Any]] = NEURAL_NET_CONSTRAINTS

    skorch_net_: Any
    n_outputs_: int
    _calibration: FloatArray

    def __init__(
        self,
        module: Any = None,
        *,
        criterion: Any = None,
        optimizer: Any = None,
        lr: float = 0.01,
        max_epochs: int = 30,
        batch_size: int = 32,
        train_split: Any = None,
        callbacks: Any = None,
        verbose: int = 0,
        device: str = "cpu",
        random_state: Any = None,
        n_bits: Any = 5,
        p_error: float = 2.0**-40,
        rounding_bits: int | tuple[int, ...] | None = 4,
        exact_rounding: bool = False,
        quantization_aware: bool = True,
        **kwargs: Any,
    ) -> None:
        self.module = module
        self.criterion = criterion
        self.optimizer = optimizer
        self.lr = lr
        self.max_epochs = max_epochs
        self.batch_size = batch_size
        self.train_split = train_split
        self.callbacks = callbacks
        self.verbose = verbose
        self.device = device
        self.random_state = random_state
        self.n_bits = n_bits
        self.p_error = p_error
        self.rounding_bits = rounding_bits
        self.exact_rounding = exact_rounding
        self.quantization_aware = quantization_aware
        self._skorch_parameters = kwargs

    @classmethod
    def from_sklearn_model(cls, model: Any, *_: Any, **__: Any) -> Self:
        """Refuse: a net is fitted here.

        Raises
        ------
        UnsupportedModelError
            Always; the message says what to do.
        """
        raise UnsupportedModelError(
            f"{cls.__name__} trains its net itself; quantize the module of a fitted "
            f"{type(model).__name__} with compile_torch_model(net.module_, X)."
        )

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Parameters, skorch's own (``module__*``, ...) among them."""
        return {**super().get_params(deep), **self._skorch_parameters}

    def set_params(self, **params: Any) -> Self:
        """Set parameters, skorch's own (``module__*``, ...) among them."""
        further = {k: v for k, v in params.items() if k.startswith(_SKORCH_PREFIXES)}
        super().set_params(**{k: v for k, v in params.items() if k not in further})
        self._skorch_parameters = {**self._skorch_parameters, **further}
        return self

    def fit(self, X: ArrayLike, y: ArrayLike, **fit_params: Any) -> Self:
        """Train a net in the clear, convert it and quantize it; forgets an earlier circuit.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            An array of more axes, if the module takes them.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
        **fit_params
            Handed to the net's `partial_fit`.

        Returns
        -------
        self
        """
        self._validate_params()
        for earlier in ("classes_", "_calibration"):
            self.__dict__.pop(earlier, None)
        values, targets = self._validated(X, y, reset=True)
        self.skorch_net_ = self._make_net(values, targets)
        self._train(values, targets, fit_params)
        self.quantized_module_ = self._quantize(values, None)
        return self

    def _continue(self, X: ArrayLike, y: ArrayLike, fit_params: dict[str, Any]) -> Self:
        """Train on a batch, from the start if it is the first; quantize on all batches."""
        self._validate_params()
        first = "skorch_net_" not in vars(self)
        values, targets = self._validated(X, y, reset=first)
        if first:
            self.skorch_net_ = self._make_net(values, targets)
        self._train(values, targets, fit_params)
        earlier = self.__dict__.get("_calibration", values[:0])
        self._calibration = np.concatenate([earlier, values])[-KEPT_ROWS:]
        self.quantized_module_ = self._quantize(self._calibration, None)
        return self

    def __sklearn_tags__(self) -> Tags:
        """Tags; sparse matrices are taken."""
        tags: Tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags

    @abstractmethod
    def _validated(
        self, X: ArrayLike, y: ArrayLike, *, reset: bool
    ) -> tuple[FloatArray, NDArray[Any]]:
        """Check X and y; targets as the net takes them. `reset`: the first samples."""

    @abstractmethod
    def _skorch_class(self) -> type:
        """Class of the net."""

    @abstractmethod
    def _default_criterion(self) -> type:
        """Loss where none is given."""

    def _make_wrapped(self) -> Any:
        """Make the estimator of scikit-learn that has the methods of this one."""
        return self._wrapped_class()

    def _train(self, X: FloatArray, y: NDArray[Any], fit_params: dict[str, Any]) -> None:
        """Train the net on, from its start if it is new."""
        from cml_sklearn.quantization_aware import simulated_rounding

        net, samples = self.skorch_net_, X.astype(np.float32)
        rounding_bits = self.rounding_bits if self.quantization_aware else None
        with _seeded(self.random_state):
            if not net.initialized_:
                net.initialize()
            with simulated_rounding(net.module_, rounding_bits, samples[:2]):
                net.partial_fit(samples, y, **fit_params)

    def _checked_arrays(self, *data: ArrayLike, reset: bool = False, **options: Any) -> Any:
        """Validate X, or X and y; the module may take more than two axes."""
        return validate_data(
            self,
            *data,
            accept_sparse=["csr", "csc"],
            allow_nd=self.module is not None,
            reset=reset,
            **options,
        )

    def _checked_input(self, X: ArrayLike) -> FloatArray:
        """See `FheEstimator`."""
        check_is_fitted(self)
        return as_dense(self._checked_arrays(X))

    def _quantize(self, X: FloatArray, sample_weight: FloatArray | None) -> QuantizedModule:
        """Convert the net's module, and quantize it."""
        from cml_sklearn._perceptron import Perceptron

        module = copy.deepcopy(self.skorch_net_.module_).cpu().eval()
        module = module.folded() if isinstance(module, Perceptron) else module
        self.onnx_model_ = export_to_onnx(module, X[:2].astype(np.float32))
        return quantize_network(self, X, sample_weight)

    def _check_circuit(self, X: FloatArray) -> None:
        """Compare simulation and clear integers, unless rounding is approximate."""
        if self.exact_rounding:
            super()._check_circuit(X)

    def _make_net(self, X: FloatArray, y: NDArray[Any]) -> Any:
        """Make the skorch net, unfitted."""
        from torch.optim import AdamW

        from cml_sklearn._perceptron import Perceptron

        unknown = [k for k in self._skorch_parameters if not k.startswith(_SKORCH_PREFIXES)]
        if unknown:
            raise InvalidInputError(
                f"{type(self).__name__} got {unknown}; besides its own parameters it takes those "
                f"that start with one of {', '.join(_SKORCH_PREFIXES)}."
            )
        module = self.module or Perceptron
        names = ("lr", "max_epochs", "batch_size", "train_split", "callbacks", "verbose", "device")
        defaults = {"iterator_train__shuffle": True, **self._sizes(module, X, y)}
        if module is Perceptron and self.optimizer is None:
            defaults["optimizer__weight_decay"] = _WEIGHT_DECAY
        return self._skorch_class()(
            module=module,
            criterion=self.criterion or self._default_criterion(),
            optimizer=self.optimizer or AdamW,
            **self._net_options(),
            **{name: getattr(self, name) for name in names},
            **{**defaults, **self._skorch_parameters},
        )

    def _net_options(self) -> dict[str, Any]:
        """Further options of the net."""
        return {}

    def _sizes(self, module: Any, X: FloatArray, y: NDArray[Any]) -> dict[str, Any]:
        """Those of the module's parameters that the data fix."""
        scale, mean, spread = X.std(axis=0), np.zeros(self.n_outputs_), np.ones(self.n_outputs_)
        if y.dtype.kind == "f":
            mean, spread = y.mean(axis=0), y.std(axis=0)
        known = {
            "n_inputs": X.shape[1],
            "n_outputs": self.n_outputs_,
            "input_mean": X.mean(axis=0),
            "input_scale": np.where(scale > 0, scale, 1.0),
            "output_mean": mean,
            "output_scale": np.where(spread > 0, spread, 1.0),
        }
        taken = inspect.signature(module).parameters
        return {f"module__{name}": value for name, value in known.items() if name in taken}


@contextmanager
def _seeded(random_state: Any) -> Iterator[None]:
    """Let torch draw from a seed, and put its generator back after it."""
    import torch

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(check_random_state(random_state).randint(2**31))
        yield
