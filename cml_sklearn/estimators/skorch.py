"""What the estimators on skorch share: a net made in `fit`, and quantized after it."""

from __future__ import annotations

import copy
import inspect
from abc import abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
from numpy.random import RandomState
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator
from sklearn.utils import Tags, check_random_state
from sklearn.utils._param_validation import Interval
from sklearn.utils.validation import check_is_fitted, validate_data
from typing_extensions import override

from cml_sklearn._typing import Array, FloatArray
from cml_sklearn.convert.torch import export_to_onnx
from cml_sklearn.estimators.arrays import as_dense
from cml_sklearn.estimators.examples import example_of
from cml_sklearn.estimators.networks import QUANTIZATION_PARAMETERS, NetworkEstimator
from cml_sklearn.estimators.partial_fit import CalibratedOnBatches
from cml_sklearn.estimators.wrapping import (
    OwnParameter,
    constraints_of,
    constructor,
    parameters_doc,
)
from cml_sklearn.exceptions import InvalidInputError, UnsupportedModelError
from cml_sklearn.keywords import did_you_mean
from cml_sklearn.quantization.clipping import ends_of, report_far_values

if TYPE_CHECKING:
    import onnx
    import skorch

__all__ = ["NeuralNet"]

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

_COUNT = Interval(Integral, 1, None, closed="left")

_PARAMETERS = (
    OwnParameter(
        "criterion",
        None,
        (),
        """type, optional
        Class of torch. None: cross-entropy or squared error.""",
    ),
    OwnParameter(
        "optimizer",
        None,
        (),
        """type, optional
        Class of torch. None: AdamW, for the perceptron with ``optimizer__weight_decay=0.5``.""",
    ),
    OwnParameter("lr", 0.01, (Interval(Real, 0, None, closed="neither"),), "float, default=0.01"),
    OwnParameter("max_epochs", 30, (_COUNT,), "int, default=30"),
    OwnParameter("batch_size", 32, (_COUNT,), "int, default=32"),
    OwnParameter(
        "train_split",
        None,
        (),
        """callable, optional
        Such as ``skorch.dataset.ValidSplit(5)``, for early stopping. None: train on all.""",
    ),
    OwnParameter("callbacks", None, (), """list or "disable", optional\n    As in skorch."""),
    OwnParameter("verbose", 0, ("verbose",), "int, default=0"),
    OwnParameter("device", "cpu", (), """str, default="cpu\""""),
    OwnParameter(
        "random_state", None, ("random_state",), "int, RandomState instance or None, default=None"
    ),
    *QUANTIZATION_PARAMETERS,
    OwnParameter(
        "quantization_aware",
        True,
        ("boolean",),
        """bool, default=True
        Whether the net learns to bear the rounding to `rounding_bits`: the default perceptron after
        training, by a student; other modules in training, which then simulates the rounding.""",
    ),
)

_BESIDE = (
    inspect.Parameter("self", inspect.Parameter.POSITIONAL_OR_KEYWORD),
    inspect.Parameter("module", inspect.Parameter.POSITIONAL_OR_KEYWORD, default=None),
    inspect.Parameter("skorch_parameters", inspect.Parameter.VAR_KEYWORD),
)

_NET_DOC = f"""

Parameters
----------
module : type of torch.nn.Module, optional
    Those of its parameters that are called `n_inputs`, `n_outputs`, `input_mean`, `input_scale`,
    `output_mean` or `output_scale` are filled from the data, all others are given as
    ``module__*``. None: a perceptron with ``module__hidden_layer_sizes`` (default 16 units),
    ``module__activation`` ("relu", "tanh", "sigmoid", "gelu", or "square", which needs no lookup),
    ``module__dropout`` and ``module__input_noise``.
{parameters_doc(_PARAMETERS)}
**skorch_parameters
    What else skorch takes, such as ``module__*``, ``optimizer__*``, ``iterator_train__*``.

Attributes
----------
skorch_net_ : skorch.NeuralNet
    The fitted float net.
onnx_model_, modules_, quantized_module_, fhe_circuit_, fhe_report_, fhe_reports_
    See `FheEstimator`.
"""


class NeuralNet(CalibratedOnBatches, NetworkEstimator):
    """A skorch net, made in `fit` and quantized after it; abstract."""

    _own_parameters: ClassVar[tuple[OwnParameter, ...]] = _PARAMETERS
    _parameter_constraints: ClassVar[dict[str, list[object]]] = constraints_of(_PARAMETERS)
    _owned = (*NetworkEstimator._owned, "skorch_net_")

    _skorch_parameters: dict[str, object]
    skorch_net_: skorch.NeuralNet
    n_outputs_: int

    __init__ = constructor(_BESIDE, _PARAMETERS)

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Add the parameters, and an example, to the docstring."""
        super().__init_subclass__(**kwargs)
        cls.__doc__ = f"{cls.__doc__}{_NET_DOC}{example_of(cls)}"

    @classmethod
    def from_sklearn_model(cls, model: object, *_: object, **__: object) -> Self:
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

    def get_params(self, deep: bool = True) -> dict[str, object]:
        """Parameters, skorch's own (``module__*``, ...) among them."""
        return {**super().get_params(deep), **self._skorch_parameters}

    def set_params(self, **params: object) -> Self:
        """Set parameters, skorch's own (``module__*``, ...) among them."""
        further = {k: v for k, v in params.items() if k.startswith(_SKORCH_PREFIXES)}
        super().set_params(**{k: v for k, v in params.items() if k not in further})
        self._skorch_parameters = {**self._skorch_parameters, **further}
        return self

    def fit(self, X: ArrayLike, y: ArrayLike, **fit_params: object) -> Self:
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
        twin = self._twin()
        twin.__dict__.pop("classes_", None)
        values, targets = twin._checked_pair(X, y, reset=True)
        twin.skorch_net_ = twin._make_net(values, targets)
        twin._train(values, targets, fit_params)
        return self._become(twin._adopt_net(values))

    def _continue(self, X: ArrayLike, y: ArrayLike, fit_params: dict[str, object]) -> Self:
        """Train on a batch, from the start if it is the first; quantize on all batches."""
        self._check_can_go_on()
        self._validate_params()
        first = "skorch_net_" not in vars(self)
        twin = self._twin()
        values, targets = twin._checked_pair(X, y, reset=first)
        net = twin._make_net(values, targets) if first else _with_same_callbacks(self.skorch_net_)
        twin.skorch_net_ = net
        twin._train(values, targets, fit_params)
        return self._become(twin._adopt_net(twin._with_earlier_rows(values)))

    def _become(self, twin: Self) -> Self:
        """Take what a copy was fitted to, all at once: what failed before has changed nothing."""
        self.__dict__ = twin.__dict__
        return self

    def _adopt_net(self, X: FloatArray) -> Self:
        """Quantize the net with the rows of X."""
        self._keep_rows(X)
        self._adopt_modules(self._make_wrapped(), *self._quantize(self.skorch_net_, X, None))
        report_far_values(X, self._most_far, getattr(self, "feature_names_in_", ()))
        self._seen = ends_of(X)
        return self

    def __sklearn_tags__(self) -> Tags:
        """Tags; sparse matrices are taken."""
        tags: Tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags

    @abstractmethod
    def _checked_pair(self, X: ArrayLike, y: ArrayLike, *, reset: bool) -> tuple[FloatArray, Array]:
        """Check X and y; targets as the net takes them. `reset`: the first samples."""

    @abstractmethod
    def _skorch_class(self) -> type:
        """Class of the net."""

    @abstractmethod
    def _default_criterion(self) -> type:
        """Loss where none is given."""

    @override
    def _make_wrapped(self) -> BaseEstimator:
        """Make the estimator of scikit-learn that has the methods of this one."""
        return self._wrapped_class()

    def _train(self, X: FloatArray, y: Array, fit_params: dict[str, object]) -> None:
        """Train the net on, from its start if it is new."""
        from cml_sklearn.quantization_aware import simulated_rounding

        net, samples = self.skorch_net_, X.astype(np.float32)
        simulates = self.quantization_aware and self.module is not None
        rounding_bits = self.rounding_bits if simulates else None
        with _seeded(self.random_state):
            if not net.initialized_:
                net.initialize()
            self._check_outputs(net, X[:2])
            with simulated_rounding(net.module_, rounding_bits, samples[:2]):
                net.partial_fit(samples, y, **fit_params)

    @property
    @override
    def _float_model(self) -> BaseEstimator:
        return self.skorch_net_

    @property
    @override
    def _has_student(self) -> bool:
        return bool(self.quantization_aware)

    def _check_outputs(self, net: skorch.NeuralNet, X: FloatArray) -> None:
        """Refuse modules whose outputs don't fit y, which losses would broadcast."""
        # not by net.forward, which draws from torch's generator
        n_columns = net.evaluation_step((X.astype(np.float32), None)).shape[1]
        allowed = {self.n_outputs_, len(getattr(self, "classes_", ())) or self.n_outputs_}
        if n_columns not in allowed:
            raise InvalidInputError(
                f"The module gives {n_columns} outputs, but y needs "
                f"{' or '.join(map(str, sorted(allowed)))}."
            )

    def _checked_arrays(self, *data: ArrayLike, reset: bool = False, **options: object) -> Any:
        """Validate X, or X and y; the module may take more than two axes."""
        return validate_data(
            self,
            *data,
            accept_sparse=["csr", "csc"],
            allow_nd=self.module is not None,
            reset=reset,
            **options,
        )

    @override
    def _checked_input(self, X: ArrayLike) -> FloatArray:
        check_is_fitted(self)
        return as_dense(self._checked_arrays(X))

    @override
    def _to_onnx(self, model: skorch.NeuralNet, X: FloatArray) -> onnx.ModelProto:
        import torch

        from cml_sklearn.estimators.perceptron import Columns, ScalingPerceptron

        module = copy.deepcopy(model.module_).cpu().eval()
        module = module.folded() if isinstance(module, ScalingPerceptron) else module
        with torch.no_grad():
            is_flat = module(torch.tensor(X[:2], dtype=torch.float32)).ndim == 1
        module = Columns(module) if is_flat else module
        return export_to_onnx(module, X[:2].astype(np.float32))

    def _make_net(self, X: FloatArray, y: Array) -> skorch.NeuralNet:
        """Make the skorch net, unfitted."""
        from torch.optim import AdamW

        from cml_sklearn.estimators.perceptron import ScalingPerceptron

        unknown = [k for k in self._skorch_parameters if not k.startswith(_SKORCH_PREFIXES)]
        if unknown:
            raise InvalidInputError(
                f"{type(self).__name__} got {unknown}"
                f"{did_you_mean(unknown, self._get_param_names()) or '.'} Besides its own "
                f"parameters it takes those that start with one of {', '.join(_SKORCH_PREFIXES)}."
            )
        module = self.module or ScalingPerceptron
        names = ("lr", "max_epochs", "batch_size", "train_split", "callbacks", "verbose", "device")
        defaults = {"iterator_train__shuffle": True, **self._sizes(module, X, y)}
        if module is ScalingPerceptron and self.optimizer is None:
            defaults["optimizer__weight_decay"] = _WEIGHT_DECAY
        return self._skorch_class()(
            module=module,
            criterion=self._criterion(),
            optimizer=self.optimizer or AdamW,
            **self._net_options(),
            **{name: getattr(self, name) for name in names},
            **{**defaults, **self._skorch_parameters},
        )

    def _criterion(self) -> Callable[..., object]:
        """Loss to train with."""
        return self.criterion or self._default_criterion()

    def _net_options(self) -> dict[str, object]:
        """Further options of the net."""
        return {}

    def _sizes(self, module: Callable[..., object], X: FloatArray, y: Array) -> dict[str, object]:
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


def _with_same_callbacks(net: BaseEstimator) -> BaseEstimator:
    """Copy a trained net, but for the callbacks, which the user may look at."""
    shared = (net.callbacks, net.callbacks_)
    return copy.deepcopy(net, {id(callbacks): callbacks for callbacks in shared})


@contextmanager
def _seeded(random_state: int | RandomState | None) -> Iterator[None]:
    """Let torch draw from a seed, and put its generator back after it; without, as it is."""
    import torch

    if random_state is None:
        yield
        return
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(check_random_state(random_state).randint(2**31))
        yield
