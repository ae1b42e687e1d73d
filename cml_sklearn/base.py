"""The estimator contract: fit, convert, quantize; compile; predict.

An estimator wraps a class of scikit-learn, named when ours is defined::

    class Ridge(LinearRegressor, wraps=sklearn.linear_model.Ridge):
        ...

The wrapped class's constructor and `fit` signatures, parameter constraints and docstring are taken
over, so that every version of scikit-learn keeps its own parameters; `n_bits` and `p_error` join
them as keywords.
"""

from __future__ import annotations

import inspect
from abc import abstractmethod
from collections.abc import Callable
from numbers import Integral, Real
from typing import Any, ClassVar, Self, cast

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import sparse
from sklearn.base import BaseEstimator
from sklearn.utils import Tags, get_tags
from sklearn.utils._array_api import (
    _convert_to_numpy,
    get_namespace,
    get_namespace_and_device,
)
from sklearn.utils._param_validation import Interval
from sklearn.utils.validation import check_is_fitted, validate_data

from cml_sklearn._typing import FloatArray
from cml_sklearn.config import ExecutionMode, resolve_mode
from cml_sklearn.exceptions import CompilationError, UnsupportedModelError
from cml_sklearn.fhe.circuit import FheCircuit
from cml_sklearn.fhe.protocol import AnyEngine, CircuitOptions, FheReport
from cml_sklearn.quantization.bit_widths import MAX_BITS, MIN_BITS
from cml_sklearn.quantization.quantized_module import QuantizedModule

__all__ = ["FheEstimator", "as_dense", "as_numpy", "like_input", "wrapped_has"]

_OWN_PARAMETERS = {"n_bits": 8, "p_error": 2.0**-40}

_OWN_CONSTRAINTS = {
    "n_bits": [Interval(Integral, MIN_BITS, MAX_BITS, closed="both"), dict],
    "p_error": [Interval(Real, 0, 1, closed="neither")],
}

_DOC = """

    This is scikit-learn's class with predictions on encrypted data; the parameters below it has
    in addition. See the wrapped class for all others.

    Parameters
    ----------
    n_bits : {n_bits_doc}
    p_error : float, default=2**-40
        Chance that one bootstrap (one output, where the circuit has none) decrypts wrong.

    Attributes
    ----------
    sklearn_model_ : estimator
        The fitted float model; its fitted attributes are this estimator's, too.
    onnx_model_ : onnx.ModelProto
        Its raw scores as a graph.
    quantized_module_ : QuantizedModule
        The same in integers.
    fhe_circuit_ : FheCircuit
        The FHE circuit; compiled when first asked for.
    fhe_report_ : FheReport
        Bootstraps, cost, bytes, widths and security level of the circuit.
"""


def wrapped_has(name: str) -> Callable[[FheEstimator], bool]:
    """Check for `available_if`: whether the wrapped model, as its parameters are, has a method."""

    def check(self: FheEstimator) -> bool:
        model = self.__dict__.get("sklearn_model_")
        return hasattr(self._make_wrapped() if model is None else model, name)

    return check


def as_numpy(values: Any) -> NDArray[Any]:
    """NumPy array of what scikit-learn takes as one, arrays of other libraries too."""
    namespace, _ = get_namespace(values)
    converted: NDArray[Any] = np.asarray(_convert_to_numpy(values, namespace))
    return converted


def like_input(result: NDArray[Any], X: Any) -> Any:
    """Move a result to the array library of X, where scikit-learn's array dispatch is on."""
    namespace, is_array_api, device = get_namespace_and_device(X)
    return namespace.asarray(result, device=device) if is_array_api else result


class FheEstimator(BaseEstimator):
    """A scikit-learn estimator that predicts on encrypted data; abstract."""

    _wrapped_class: ClassVar[type[BaseEstimator]]
    _own_parameters: ClassVar[dict[str, Any]] = _OWN_PARAMETERS
    _own_constraints: ClassVar[dict[str, Any]] = _OWN_CONSTRAINTS
    _n_bits_doc: ClassVar[str] = (
        "int or dict, default=8\n        Width of the quantized inputs and weights (2 to 16); by "
        'role as ``{"inputs": 8, "weights": 6}``.'
    )

    n_bits: Any
    p_error: float
    sklearn_model_: Any
    onnx_model_: Any
    quantized_module_: QuantizedModule
    n_features_in_: int

    def __init_subclass__(cls, *, wraps: type[BaseEstimator] | None = None, **kwargs: Any) -> None:
        """Take over the wrapped class's signatures; before scikit-learn reads them."""
        if wraps is not None:
            cls._wrapped_class = wraps
            cls.__doc__ = _documentation(cls, wraps)
            cls.__init__ = _constructor(wraps, cls._own_parameters)  # type: ignore[method-assign]
            cls.fit = _like(wraps.fit, cls.fit)  # type: ignore[method-assign]
            inherited = getattr(wraps, "_parameter_constraints", {})
            cls._parameter_constraints = {**inherited, **cls._own_constraints}
            # set on each class, since the mixins of scikit-learn reset the tags of their kind
            cls.__sklearn_tags__ = _wrapped_tags
        super().__init_subclass__(**kwargs)

    @classmethod
    def from_sklearn_model(
        cls, model: Any, X: ArrayLike, *, n_bits: Any = 8, p_error: float = 2.0**-40
    ) -> Self:
        """Make an estimator of a model that is fitted already.

        Parameters
        ----------
        model : estimator
            Of the wrapped class.
        X : array-like of shape (n_samples, n_features)
            Samples whose ranges fix the quantization.
        n_bits, p_error
            See the class.

        Raises
        ------
        UnsupportedModelError
            A model of another class.
        NotFittedError
            A model that is not fitted.
        """
        cls._check_wrapped(model)
        estimator = cls(**model.get_params(deep=False), n_bits=n_bits, p_error=p_error)
        return estimator._adopt(model, as_dense(X))

    def fit(self, X: ArrayLike, y: ArrayLike, **fit_params: Any) -> Self:
        """Train the wrapped model in the clear, convert it and quantize it.

        Forgets an earlier circuit. Parameters are those of the wrapped class's `fit`.

        Returns
        -------
        self
        """
        self._validate_params()
        model = self._make_wrapped()
        model.fit(X, y, **fit_params)
        return self._adopt(model, as_dense(X), fit_params.get("sample_weight"))

    def compile(
        self,
        X: ArrayLike | None = None,
        *,
        batch_size: int | None = None,
        engine: str | AnyEngine | None = None,
    ) -> FheCircuit:
        """Compile the FHE circuit ahead of time.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features), optional
            Samples to check the circuit on: simulated results must equal the clear integers. The
            ranges of the circuit hold for all inputs and don't depend on X.
        batch_size : int, optional
            Samples that go through at once. None: what the engine likes best.
        engine : {"auto", "concrete", "clear"} or Engine, optional
            None: as `cml_sklearn.config_context` says, else the best one.

        Returns
        -------
        FheCircuit

        Raises
        ------
        BitWidthError, CompilationError
            The model does not fit the backend.
        """
        check_is_fitted(self)
        options = CircuitOptions(self.p_error, batch_size)
        circuit = self.quantized_module_.compile(options, engine=engine)
        if X is not None:
            self._check_circuit(self._checked_input(X))
        return circuit

    @property
    def fhe_circuit_(self) -> FheCircuit:
        """The FHE circuit; compiled when first asked for."""
        check_is_fitted(self)
        return self.quantized_module_.circuit_in_force(CircuitOptions(self.p_error))

    @property
    def fhe_report_(self) -> FheReport:
        """Bootstraps, cost, bytes, widths and security level of the circuit."""
        return self.fhe_circuit_.report

    def __getattr__(self, name: str) -> Any:
        """Look fitted attributes (``coef_``, ``classes_``, ...) up on the wrapped model."""
        model = self.__dict__.get("sklearn_model_")
        if model is not None and name.endswith("_") and not name.startswith("_"):
            return getattr(model, name)
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    @classmethod
    def _check_wrapped(cls, model: Any) -> None:
        """Refuse models of another class than the wrapped one, and unfitted ones."""
        if type(model) is not cls._wrapped_class:
            raise UnsupportedModelError(
                f"{cls.__name__}.from_sklearn_model got a {type(model).__name__}; it takes a "
                f"fitted {cls._wrapped_class.__name__} of scikit-learn."
            )
        check_is_fitted(model)

    @abstractmethod
    def _quantize(self, X: FloatArray, sample_weight: FloatArray | None) -> QuantizedModule:
        """Set `onnx_model_` and quantize it with the rows of X as calibration data."""

    def _make_wrapped(self) -> Any:
        """Make an unfitted model of the wrapped class, with this estimator's parameters."""
        own = self._own_parameters
        parameters = self.get_params(deep=False).items()
        return self._wrapped_class(**{k: v for k, v in parameters if k not in own})

    def _adopt(self, model: Any, X: FloatArray, sample_weight: Any = None) -> Self:
        """Make a fitted model this estimator's own."""
        self.sklearn_model_ = model
        weight = None if sample_weight is None else as_numpy(sample_weight)
        if weight is not None:
            weight = np.broadcast_to(weight, len(X)).astype(np.float64)
        self.quantized_module_ = self._quantize(X, weight)
        return self

    def _checked_input(self, X: ArrayLike) -> FloatArray:
        """Validate X for a prediction, as scikit-learn does, and make it dense."""
        check_is_fitted(self)
        accept = ["csr", "csc"] if get_tags(self).input_tags.sparse else False
        return as_dense(validate_data(self, X, accept_sparse=accept, reset=False))

    def _raw_scores(self, X: ArrayLike, execute_in_fhe: ExecutionMode | None) -> FloatArray:
        """Dequantized outputs of the module for X."""
        values = self._checked_input(X)
        return self._run(self.quantized_module_, values, execute_in_fhe)

    def _run(
        self, module: QuantizedModule, values: FloatArray, execute_in_fhe: ExecutionMode | None
    ) -> FloatArray:
        """Evaluate a module in one of the three modes: the one way of all predictions."""
        mode = resolve_mode(execute_in_fhe)
        if mode:
            module.circuit_in_force(CircuitOptions(self.p_error))
        return cast("FloatArray", module.forward(values, execute_in_fhe=mode))

    def _check_circuit(self, X: FloatArray) -> None:
        """Compare simulation and clear integers."""
        module = self.quantized_module_
        codes = module.quantize_input(X)
        clear = module.quantized_forward(*codes, execute_in_fhe=False)
        simulated = module.quantized_forward(*codes, execute_in_fhe="simulate")
        if not all(np.array_equal(a, b) for a, b in zip(clear, simulated, strict=True)):
            raise CompilationError(
                "The circuit's simulation differs from the clear integers on X; lower p_error, or "
                "report this as a bug with the model and X."
            )


def as_dense(X: Any) -> FloatArray:
    """Float array of shape (n_samples, n_features) of what the wrapped `fit` has accepted."""
    values = X.toarray() if sparse.issparse(X) else as_numpy(X)
    return values.astype(np.float64)


def _wrapped_tags(self: FheEstimator) -> Tags:
    """Tags of the wrapped model as the parameters are."""
    tags: Tags = self._make_wrapped().__sklearn_tags__()
    return tags


def _documentation(cls: type[FheEstimator], wrapped: type[BaseEstimator]) -> str:
    """Docstring of an estimator: the wrapped class's first line, then what ours adds."""
    summary = inspect.getdoc(wrapped).partition("\n\n")[0]  # type: ignore[union-attr]
    return inspect.cleandoc(summary) + _DOC.format(n_bits_doc=cls._n_bits_doc)


def _constructor(wrapped: type[BaseEstimator], own: dict[str, Any]) -> Callable[..., None]:
    """``__init__`` with the wrapped class's parameters and ours, all stored untouched."""
    keyword = inspect.Parameter.KEYWORD_ONLY
    parameters = [
        *_parameters_of(wrapped),
        *(inspect.Parameter(name, keyword, default=value) for name, value in own.items()),
    ]
    signature = inspect.Signature(parameters)

    def constructor(self: FheEstimator, *args: Any, **kwargs: Any) -> None:
        bound = signature.bind(self, *args, **kwargs)
        bound.apply_defaults()
        for name, value in list(bound.arguments.items())[1:]:
            setattr(self, name, value)

    constructor.__name__ = "__init__"
    constructor.__signature__ = signature  # type: ignore[attr-defined]
    return constructor


def _parameters_of(wrapped: type[BaseEstimator]) -> list[inspect.Parameter]:
    """Parameters of ``__init__``; where it takes any keyword, those of its bases join."""
    found: dict[str, inspect.Parameter] = {}
    for base in inspect.getmro(wrapped)[:-1]:
        if "__init__" not in vars(base):
            continue
        parameters = inspect.signature(vars(base)["__init__"]).parameters
        kinds = {p.kind for p in parameters.values()}
        named = {k: p for k, p in parameters.items() if p.kind is not inspect.Parameter.VAR_KEYWORD}
        found = {**named, **found}
        if inspect.Parameter.VAR_KEYWORD not in kinds:
            break
    return sorted(found.values(), key=lambda parameter: parameter.kind)


def _like(wrapped: Callable[..., Any], ours: Callable[..., Any]) -> Callable[..., Any]:
    """Our method under the signature of the wrapped one, which scikit-learn inspects."""
    signature = inspect.signature(wrapped)

    def method(*args: Any, **kwargs: Any) -> Any:
        bound = signature.bind(*args, **kwargs)
        return ours(*bound.args[:1], **dict(list(bound.arguments.items())[1:]))

    method.__name__, method.__qualname__ = ours.__name__, ours.__qualname__
    method.__doc__, method.__module__ = ours.__doc__, ours.__module__
    method.__signature__ = signature  # type: ignore[attr-defined]
    return method
