"""The estimator contract: fit, convert, quantize; compile; predict.

An estimator wraps a class of scikit-learn, named when ours is defined::

    class Ridge(LinearRegressor, wraps=sklearn.linear_model.Ridge):
        ...

Here stand what it owns, namely modules and their circuits, and what it takes.
"""

from __future__ import annotations

import copy
import inspect
from abc import abstractmethod
from collections.abc import Mapping
from itertools import takewhile
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any, ClassVar, Self, cast

import numpy as np
from numpy.typing import ArrayLike
from scipy import sparse
from sklearn.base import BaseEstimator
from sklearn.utils import get_tags
from sklearn.utils._array_api import (
    _convert_to_numpy,
    get_namespace,
    get_namespace_and_device,
)
from sklearn.utils._param_validation import Interval
from sklearn.utils.validation import check_is_fitted, validate_data

from cml_sklearn._typing import Array, FloatArray
from cml_sklearn.config import ExecutionMode, resolve_mode
from cml_sklearn.estimators.clipping import Ends, ends_of, tell_clipped
from cml_sklearn.estimators.examples import example_of
from cml_sklearn.estimators.inspection import (
    is_fitted_attribute,
    is_of_the_model,
    left_behind,
    names_of_the_model,
    not_fitted,
    read_only,
    refusal_of,
)
from cml_sklearn.estimators.notebook import documented, facts_of, table_of
from cml_sklearn.estimators.parameters import check_fit_arguments, check_parameters, library_of
from cml_sklearn.estimators.wrapping import OwnParameter, take_over
from cml_sklearn.exceptions import CompilationError, InvalidInputError, UnsupportedModelError
from cml_sklearn.fhe.circuit import FheCircuit
from cml_sklearn.fhe.protocol import DEFAULT_P_ERROR, AnyEngine, CircuitOptions, FheReport
from cml_sklearn.keywords import known_keywords
from cml_sklearn.quantization.bit_widths import MAX_BITS, MIN_BITS
from cml_sklearn.quantization.postprocessing import Postprocessing
from cml_sklearn.quantization.quantized_module import QuantizedModule

if TYPE_CHECKING:
    import onnx

__all__ = [
    "N_BITS_CONSTRAINT",
    "P_ERROR",
    "FheEstimator",
    "as_dense",
    "as_numpy",
    "fix_postprocessing",
    "like_input",
]

N_BITS_CONSTRAINT = (Interval(Integral, MIN_BITS, MAX_BITS, closed="both"), dict)

_COMPILED = {"fhe_circuit_", "fhe_report_", "fhe_reports_"}
"""Attributes that compile what is not compiled yet."""

_N_BITS = OwnParameter(
    "n_bits",
    8,
    N_BITS_CONSTRAINT,
    """int or dict, default=8
    Width of the quantized inputs and weights (2 to 16); by role as
    ``{"inputs": 8, "weights": 6}``.""",
)

P_ERROR = OwnParameter(
    "p_error",
    DEFAULT_P_ERROR,
    (Interval(Real, 0, 1, closed="neither"),),
    """float, default=2**-64
    Chance that one bootstrap (one output, where the circuit has none) decrypts wrong.""",
)


class FheEstimator(BaseEstimator):
    """A scikit-learn estimator that predicts on encrypted data; abstract."""

    _wrapped_class: ClassVar[type[BaseEstimator]]
    _own_parameters: ClassVar[tuple[OwnParameter, ...]] = (_N_BITS, P_ERROR)
    _main_method: ClassVar[str] = "predict"

    p_error: float
    sklearn_model_: BaseEstimator
    onnx_model_: onnx.ModelProto
    modules_: dict[str, QuantizedModule]
    n_features_in_: int
    _is_adopted: bool = False
    _seen: Ends | None = None

    def __init_subclass__(
        cls, *, wraps: type[BaseEstimator] | None = None, **kwargs: object
    ) -> None:
        """Take over the wrapped class's signatures; before scikit-learn reads them.

        Methods of the three modes then refuse keywords that they don't know.
        """
        if wraps is not None:
            cls._wrapped_class = wraps
            take_over(cls, wraps, cls._own_parameters)
            cls.__doc__ = f"{cls.__doc__}{example_of(cls)}"
        for name, method in [*vars(cls).items()]:
            if _has_modes(method) and not name.startswith("_"):
                setattr(cls, name, known_keywords(method))
        super().__init_subclass__(**kwargs)

    @classmethod
    def from_sklearn_model(cls, model: BaseEstimator, X: ArrayLike, **own: object) -> Self:
        """Make an estimator of a model that is fitted already."""
        cls._check_wrapped(model)
        model = copy.deepcopy(model)
        known = cls._get_param_names()
        parameters = {k: v for k, v in model.get_params(deep=False).items() if k in known}
        estimator = cls(**parameters, **own)
        estimator._validate_params()
        estimator._take_names(model)
        estimator._is_adopted = True
        return estimator._adopt(model, estimator._validated(X, reset=False))

    def fit(self, X: ArrayLike, y: ArrayLike, **fit_params: object) -> Self:
        """Train the wrapped model in the clear, convert it and quantize it.

        Forgets an earlier circuit. Parameters are those of the wrapped class's `fit`.

        Returns
        -------
        self
        """
        self._validate_params()
        self._check_fit_arguments(fit_params)
        self._check_warm_start()
        model = self._model_to_fit()
        model.fit(X, y, **fit_params)
        self._is_adopted = False
        weight = cast("ArrayLike | None", fit_params.get("sample_weight"))
        return self._adopt(model, as_dense(X), weight)

    @known_keywords
    def compile(
        self,
        X: ArrayLike | None = None,
        *,
        batch_size: int | None = None,
        engine: str | AnyEngine | None = None,
    ) -> FheCircuit:
        """Compile the FHE circuits of all methods ahead of time.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features), optional
            Samples to check the circuits on: simulated results must equal the clear integers. The
            ranges of the circuits hold for all inputs and don't depend on X.
        batch_size : int, optional
            Samples that go through at once. None: what the engine likes best.
        engine : {"auto", "seal", "concrete", "concrete-numpy", "clear"} or Engine, optional
            None: as `cml_sklearn.config_context` says, else the best one.

        Returns
        -------
        FheCircuit
            That of `predict`.

        Raises
        ------
        BitWidthError, CompilationError
            The model does not fit the backend.
        """
        check_is_fitted(self)
        values = None if X is None else self._checked_input(X)
        options = CircuitOptions(self.p_error, _checked_batch_size(batch_size))
        for module in dict.fromkeys(self.modules_.values()):
            module.compile(options, engine=engine)
            if values is not None:
                self._check_circuit(module, values)
        return self.fhe_circuit_

    @property
    def quantized_module_(self) -> QuantizedModule:
        """The module of `predict`, or of `transform` where there is no `predict`."""
        check_is_fitted(self)
        return self.modules_[self._main_method]

    @property
    def fhe_circuit_(self) -> FheCircuit:
        """The FHE circuit of `predict`; compiled when first asked for."""
        check_is_fitted(self)
        return self._circuit_of(self.quantized_module_)

    @property
    def fhe_report_(self) -> FheReport:
        """Bootstraps, cost, bytes, widths and security level of `predict`'s circuit."""
        return self.fhe_circuit_.report

    @property
    def fhe_reports_(self) -> dict[str, FheReport]:
        """The reports of all methods; compiles what has no circuit yet."""
        check_is_fitted(self)
        return {name: self._circuit_of(module).report for name, module in self.modules_.items()}

    def __getattr__(self, name: str) -> Any:
        """Look fitted attributes and some methods up on the wrapped model: see `inspection`.

        Arrays are handed out read-only, since predictions come from integers made of them.
        """
        if isinstance(inspect.getattr_static(type(self), name, None), property):
            # its own error, which led here
            return inspect.getattr_static(type(self), name).fget(self)
        if not is_of_the_model(self._wrapped_class, name):
            raise AttributeError(refusal_of(self, name))
        if self._is_loaded:
            raise left_behind(self, name)
        if "sklearn_model_" not in vars(self):
            raise not_fitted(self, name)
        return read_only(getattr(self.sklearn_model_, name))

    def __setattr__(self, name: str, value: object) -> None:
        """Refuse to hide the wrapped model's attributes, which predictions would not follow."""
        model = vars(self).get("sklearn_model_")
        if model is not None and name not in vars(self) and is_fitted_attribute(model, name):
            raise AttributeError(
                f"{name} can't be set, since predictions come from integers made in fit. Set it on "
                f"a fitted {type(model).__name__}, and give this to "
                f"{type(self).__name__}.from_sklearn_model."
            )
        super().__setattr__(name, value)

    def __dir__(self) -> list[str]:
        """Names that can be read at no cost: circuits and reports only if compiled."""
        names = set(object.__dir__(self)) | names_of_the_model(vars(self).get("sklearn_model_"))
        modules = vars(self).get("modules_", {}).values()
        if not all(module.is_compiled for module in modules) or not modules:
            names -= _COMPILED
        return sorted(name for name in names if hasattr(self, name))

    def _get_doc_link(self) -> str:
        """Address of the wrapped class's page, for notebooks; empty for other libraries."""
        module, name = self._wrapped_class.__module__, self._wrapped_class.__name__
        if library_of(self._wrapped_class) != "sklearn":
            return ""
        public = ".".join(takewhile(lambda part: part[0] != "_", module.split(".")))
        link: str = self._doc_link_template.format(estimator_module=public, estimator_name=name)
        return link

    def _get_params_html(self, deep: bool = True, doc_link: str = "") -> Any:
        """Let scikit-learn show the parameters, with the wrapped class's help beside ours."""
        shown = super()._get_params_html(deep, doc_link)
        shown.estimator_class = documented(self._wrapped_class, self._own_parameters)
        return shown

    def _get_fitted_attr_html(self, doc_link: str = "") -> Any:
        """Let scikit-learn show the fitted attributes, after what is known of encryption."""
        shown = super()._get_fitted_attr_html(doc_link)
        table, attributes = table_of(facts_of(self.quantized_module_)), shown._html_repr
        shown._html_repr = lambda: table + attributes()
        return shown

    def __copy__(self) -> Self:
        """Make a copy with modules and a float model of its own, to compile and to train on."""
        twin = type(self).__new__(type(self))
        twin.__dict__.update(vars(self))
        for name in ("modules_", "sklearn_model_"):
            if name in vars(self):
                setattr(twin, name, copy.deepcopy(vars(self)[name]))
        return twin

    def _validate_params(self) -> None:
        """Let scikit-learn check the parameters, and refuse what can't mean here what it says."""
        super()._validate_params()
        library = library_of(self._wrapped_class)
        check_parameters(type(self).__name__, library, self.get_params(deep=False))
        self._check_members()

    def _check_fit_arguments(self, fit_params: Mapping[str, object]) -> None:
        """Refuse arguments of `fit` that can't mean here what they say."""
        check_fit_arguments(type(self).__name__, library_of(self._wrapped_class), fit_params)

    @classmethod
    def _check_wrapped(cls, model: object) -> None:
        """Refuse models of another class than the wrapped one, and unfitted ones."""
        if type(model) is not cls._wrapped_class:
            raise UnsupportedModelError(
                f"{cls.__name__}.from_sklearn_model got a {type(model).__name__}; it takes a "
                f"fitted {cls._wrapped_class.__name__} of scikit-learn."
            )
        check_is_fitted(model)

    @abstractmethod
    def _quantize(
        self, model: BaseEstimator, X: FloatArray, sample_weight: FloatArray | None
    ) -> tuple[onnx.ModelProto, dict[str, QuantizedModule]]:
        """Convert a fitted model and quantize it, with the rows of X as calibration data.

        Returns
        -------
        onnx_model : onnx.ModelProto
            Raw scores as a graph.
        modules : dict of str to QuantizedModule
            By method; those that are missing take the module of the main one.
        """

    @abstractmethod
    def _postprocessing(self, model: BaseEstimator) -> dict[str, Postprocessing]:
        """Say by method what the wrapped class makes of a fitted model's raw scores.

        Methods that the fitted model lacks are left out by the caller.
        """

    def _make_wrapped(self) -> BaseEstimator:
        """Make an unfitted model of the wrapped class, with this estimator's parameters."""
        own = {parameter.name for parameter in self._own_parameters}
        parameters = self.get_params(deep=False).items()
        return self._wrapped_class(**{k: _unwrapped(v) for k, v in parameters if k not in own})

    def _check_members(self) -> None:
        """Refuse parameters of our own of an estimator inside of this one: they'd be unheard."""
        for name, member in self.get_params(deep=False).items():
            if isinstance(member, FheEstimator):
                _check_unheard(f"{type(self).__name__}({name}=...)", member)

    def _model_to_fit(self) -> BaseEstimator:
        """Make the model to train; with `warm_start` a copy of the fitted one."""
        model = self._make_wrapped()
        if not self._is_warm:
            return model
        return self.sklearn_model_.set_params(**model.get_params(deep=False))

    @property
    def _is_warm(self) -> bool:
        """Whether a fit goes on from an earlier one."""
        return bool(getattr(self, "warm_start", False)) and "sklearn_model_" in vars(self)

    def _check_warm_start(self) -> None:
        """Refuse to go on from an earlier fit where that can't be."""
        if getattr(self, "warm_start", False):
            self._check_can_go_on()

    @property
    def _is_loaded(self) -> bool:
        """Whether modules were read from a file, without the float model they came from."""
        return "modules_" in vars(self) and "onnx_model_" not in vars(self)

    def _check_can_go_on(self) -> None:
        """Refuse to train further what has no float model."""
        if self._is_loaded:
            raise UnsupportedModelError(
                f"This {type(self).__name__} was loaded to predict, without the float model, so "
                "training can't go on from it; train the estimator that was saved, or fit anew "
                "(without warm_start)."
            )

    @property
    def _float_model(self) -> BaseEstimator:
        """The fitted model in floats, as `_quantize` takes it."""
        return self.sklearn_model_

    def _adopt(
        self, model: BaseEstimator, X: FloatArray, sample_weight: ArrayLike | None = None
    ) -> Self:
        """Make a fitted model this estimator's own."""
        weight = None if sample_weight is None else as_numpy(sample_weight)
        if weight is not None:
            weight = np.broadcast_to(weight, len(X)).astype(np.float64)
        # takes long; other threads predict by the earlier model meanwhile
        quantized = self._quantize(model, X, weight)
        self.sklearn_model_ = model
        self._take_names(model)
        self._own(model, *quantized)
        self._seen = ends_of(X)
        return self

    def _take_names(self, model: BaseEstimator) -> None:
        """Keep what a fitted model knows of its features, for the validation of inputs."""
        self.__dict__.pop("classes_", None)  # of a file that this estimator was loaded from
        for name in ("n_features_in_", "feature_names_in_"):
            self.__dict__.pop(name, None)
            if hasattr(model, name):
                self.__dict__[name] = getattr(model, name)

    def _own(
        self,
        model: BaseEstimator,
        onnx_model: onnx.ModelProto,
        modules: dict[str, QuantizedModule],
    ) -> Self:
        """Keep what quantization has made, by the methods that a model has."""
        self.onnx_model_ = onnx_model
        steps = self._postprocessing(model)
        methods = [name for name in steps if hasattr(model, name)]
        main = modules[self._main_method]
        served = {name: modules.get(name, main) for name in methods}
        fix_postprocessing(served, steps)
        self.modules_ = served  # whole, since other threads may predict
        return self

    def _checked_input(self, X: ArrayLike) -> FloatArray:
        """Validate X for a prediction, as scikit-learn does, and make it dense."""
        check_is_fitted(self)
        return self._validated(X, reset=False)

    def _validated(self, X: ArrayLike, *, reset: bool) -> FloatArray:
        """Let scikit-learn validate X; `reset`: X fixes the features."""
        accept = ["csr", "csc"] if get_tags(self).input_tags.sparse else False
        return as_dense(validate_data(self, X, accept_sparse=accept, reset=reset))

    def _run(
        self, module: QuantizedModule, values: FloatArray, execute_in_fhe: ExecutionMode | None
    ) -> FloatArray:
        """Evaluate a module in one of the three modes: the one way of all predictions."""
        mode = resolve_mode(execute_in_fhe)
        if mode:
            self._circuit_of(module, len(values))
        if self._seen is not None:
            tell_clipped(module.input_quantizers[0], values, self._seen)
        return cast("FloatArray", module.forward(values, execute_in_fhe=mode))

    def _circuit_of(self, module: QuantizedModule, n_samples: int = 1) -> FheCircuit:
        """Circuit of a module; compiled when first asked for."""
        return module.circuit_in_force(CircuitOptions(self.p_error), n_samples=max(n_samples, 1))

    def _check_circuit(self, module: QuantizedModule, X: FloatArray) -> None:
        """Compare simulation and clear integers."""
        codes = module.quantize_input(X)
        clear = module.quantized_forward(*codes, execute_in_fhe=False)
        simulated = module.quantized_forward(*codes, execute_in_fhe="simulate")
        if not all(np.array_equal(a, b) for a, b in zip(clear, simulated, strict=True)):
            raise CompilationError(
                "The circuit's simulation differs from the clear integers on X; lower p_error, or "
                "report this as a bug with the model and X."
            )


def _has_modes(member: object) -> bool:
    """Whether a class's member is a method that is told where to compute."""
    return inspect.isfunction(member) and "execute_in_fhe" in inspect.signature(member).parameters


def fix_postprocessing(
    modules: Mapping[str, QuantizedModule], steps: Mapping[str, Postprocessing]
) -> None:
    """Let every module keep what follows it, for the methods that it serves."""
    for module in modules.values():
        served = [name for name, other in modules.items() if other is module]
        module.postprocessing = {name: steps[name] for name in served}


def _unwrapped(value: object) -> object:
    """Put the wrapped class's estimator in place of ours; anything else stays."""
    return value._make_wrapped() if isinstance(value, FheEstimator) else value


def _check_unheard(owner: str, member: FheEstimator) -> None:
    """Refuse a member with parameters of ours, where only the owner's count."""
    own = {p.name: p.default for p in member._own_parameters}
    unheard = [name for name, default in own.items() if getattr(member, name) != default]
    if unheard:
        raise UnsupportedModelError(
            f"{owner} got a {type(member).__name__} with {', '.join(unheard)}, which would be "
            "without effect: all trees share one grid and one sum. Give them to the ensemble."
        )


def _checked_batch_size(batch_size: object) -> int | None:
    """Batch size as an int, or an error that says what it may be."""
    if batch_size is None:
        return None
    if isinstance(batch_size, bool) or not isinstance(batch_size, Integral) or batch_size < 1:
        raise InvalidInputError(
            f"batch_size is {batch_size!r}; it must be a positive int, or None for what the "
            "engine likes best."
        )
    return int(batch_size)


def as_numpy(values: ArrayLike) -> Array:
    """NumPy array of what scikit-learn takes as one, arrays of other libraries too."""
    namespace, _ = get_namespace(values)
    return np.asarray(_convert_to_numpy(values, namespace))


def as_dense(X: ArrayLike) -> FloatArray:
    """Float array of shape (n_samples, n_features) of what the wrapped `fit` has accepted."""
    values: Array = cast("sparse.spmatrix", X).toarray() if sparse.issparse(X) else as_numpy(X)
    return values.astype(np.float64)


def like_input(result: Any, X: ArrayLike) -> Any:
    """Move results to the array library of X, where scikit-learn's array dispatch is on.

    Labels that are no numbers stay, as in scikit-learn.
    """
    if isinstance(result, list):
        return [like_input(part, X) for part in result]
    namespace, is_array_api, device = get_namespace_and_device(X)
    moves = is_array_api and result.dtype.kind in "biufc"
    return namespace.asarray(result, device=device) if moves else result
