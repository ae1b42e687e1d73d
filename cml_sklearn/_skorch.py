"""What the estimators on skorch share: a net made in `fit`, and quantized after it."""

from __future__ import annotations

import inspect
from abc import abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted, validate_data

from cml_sklearn._networks import NEURAL_NET_CONSTRAINTS, quantize_network
from cml_sklearn.base import FheEstimator
from cml_sklearn.convert.torch import export_to_onnx
from cml_sklearn.exceptions import InvalidInputError, UnsupportedModelError
from cml_sklearn.quantization.quantized_module import QuantizedModule
from cml_sklearn.quantization.quantizers import FloatArray

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

NET_DOC = """
    Parameters
    ----------
    module : type of torch.nn.Module, optional
        Those of its parameters that are called `n_inputs`, `n_outputs`, `input_mean`,
        `input_scale`, `output_mean` or `output_scale` are filled from the data, all others are
        given as ``module__*``. None: a perceptron with ``module__hidden_layer_sizes`` (default
        16 units), ``module__activation`` and ``module__dropout``.
    criterion, optimizer : type, optional
        Classes of torch. None: cross-entropy or squared error; AdamW.
    lr : float, default=0.01
    max_epochs : int, default=30
    batch_size : int, default=32
    train_split : callable, optional
        Such as ``skorch.dataset.ValidSplit(5)``, for early stopping. None: train on all samples.
    callbacks : list, optional
        As in skorch.
    verbose : int, default=0
    device : str, default="cpu"
    random_state : int, RandomState instance or None, default=None
    n_bits, p_error
        See `FheEstimator`; `n_bits` is 5 by default.
    rounding_bits : int or None, default=5
        Bits of an accumulator that a lookup looks at. None: all.
    exact_rounding : bool, default=False
        False: rounding may be off by one near ties, and costs several times less.
    **kwargs
        What else skorch takes, such as ``module__*``, ``optimizer__*``, ``iterator_train__*``.

    Attributes
    ----------
    skorch_net_ : skorch.NeuralNet
        The fitted float net.
    onnx_model_, quantized_module_, fhe_circuit_, fhe_report_
        See `FheEstimator`.
"""


class NeuralNet(FheEstimator):
    """A skorch net, made in `fit` and quantized after it; abstract."""

    _parameter_constraints: ClassVar[dict[str, Any]] = NEURAL_NET_CONSTRAINTS

    skorch_net_: Any
    n_outputs_: int

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
        rounding_bits: int | None = 5,
        exact_rounding: bool = False,
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
        for name, value in kwargs.items():
            setattr(self, name, value)

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
        return {**super().get_params(deep), **self._further_parameters()}

    def set_params(self, **params: Any) -> Self:
        """Set parameters, skorch's own (``module__*``, ...) among them."""
        for name, value in params.items():
            if name.startswith(_SKORCH_PREFIXES):
                setattr(self, name, value)
        own = {k: v for k, v in params.items() if not k.startswith(_SKORCH_PREFIXES)}
        return super().set_params(**own)

    def fit(self, X: ArrayLike, y: ArrayLike, **fit_params: Any) -> Self:
        """Train a net in the clear, convert it and quantize it; forgets an earlier circuit.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Of more axes, if the module takes them.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
        **fit_params
            Handed to the net's `fit`.

        Returns
        -------
        self
        """
        self._validate_params()
        values, targets = self._validated(X, y)
        samples = values.astype(np.float32)
        self.skorch_net_ = self._make_net(samples, targets)
        with _seeded(self.random_state):
            self.skorch_net_.fit(samples, targets, **fit_params)
        self.quantized_module_ = self._quantize(np.asarray(values, dtype=np.float64), None)
        return self

    @abstractmethod
    def _validated(self, X: ArrayLike, y: ArrayLike) -> tuple[NDArray[Any], NDArray[Any]]:
        """Check X and y; targets as the net takes them."""

    @abstractmethod
    def _skorch_class(self) -> type:
        """Class of the net."""

    @abstractmethod
    def _default_criterion(self) -> type:
        """Loss where none is given."""

    def _checked_input(self, X: ArrayLike) -> FloatArray:
        """See `FheEstimator`; the module may take more than two axes."""
        check_is_fitted(self)
        values = validate_data(self, X, allow_nd=self.module is not None, reset=False)
        return np.asarray(values, dtype=np.float64)

    def _quantize(self, X: FloatArray, sample_weight: FloatArray | None) -> QuantizedModule:
        """Convert the net's module, and quantize it."""
        from cml_sklearn._perceptron import Perceptron

        module = self.skorch_net_.module_.cpu()
        module = module.eval().folded() if isinstance(module, Perceptron) else module
        self.onnx_model_ = export_to_onnx(module, X[:2].astype(np.float32))
        return quantize_network(self, X, sample_weight)

    def _check_circuit(self, X: FloatArray) -> None:
        """Compare simulation and clear integers, unless rounding is approximate."""
        if self.exact_rounding:
            super()._check_circuit(X)

    def _make_net(self, X: NDArray[np.float32], y: NDArray[Any]) -> Any:
        """Make the skorch net, unfitted."""
        from torch.optim import AdamW

        from cml_sklearn._perceptron import Perceptron

        module = self.module or Perceptron
        further = self._further_parameters()
        unknown = [name for name in further if not name.startswith(_SKORCH_PREFIXES)]
        if unknown:
            raise InvalidInputError(
                f"{type(self).__name__} got {unknown}; besides its own parameters it takes those "
                f"that start with one of {', '.join(_SKORCH_PREFIXES)}."
            )
        names = ("lr", "max_epochs", "batch_size", "train_split", "callbacks", "verbose", "device")
        return self._skorch_class()(
            module=module,
            criterion=self.criterion or self._default_criterion(),
            optimizer=self.optimizer or AdamW,
            **self._net_options(),
            **{name: getattr(self, name) for name in names},
            **{"iterator_train__shuffle": True, **self._sizes(module, X, y), **further},
        )

    def _net_options(self) -> dict[str, Any]:
        """Further options of the net."""
        return {}

    def _sizes(self, module: Any, X: NDArray[np.float32], y: NDArray[Any]) -> dict[str, Any]:
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

    def _further_parameters(self) -> dict[str, Any]:
        """Parameters beyond the signature: those that only skorch knows."""
        own = self._get_param_names()
        return {
            name: value
            for name, value in vars(self).items()
            if name not in own and not name.startswith("_") and not name.endswith("_")
        }


@contextmanager
def _seeded(random_state: Any) -> Iterator[None]:
    """Let torch draw from a seed, and put its generator back after it."""
    import torch

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(check_random_state(random_state).randint(2**31))
        yield
