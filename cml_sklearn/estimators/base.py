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
from numbers import Integral, Real
from typing import TYPE_CHECKING, ClassVar, Self, cast

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator
from sklearn.pipeline import Pipeline
from sklearn.utils import get_tags
from sklearn.utils._param_validation import Interval
from sklearn.utils.validation import check_is_fitted, validate_data

from cml_sklearn._typing import FloatArray
from cml_sklearn.config import ExecutionMode, resolve_mode
from cml_sklearn.estimators.arrays import as_dense, as_numpy
from cml_sklearn.estimators.attributes import ModelAttributes
from cml_sklearn.estimators.examples import example_of
from cml_sklearn.estimators.notebook import NotebookDisplay
from cml_sklearn.estimators.refused_parameters import check_fit_arguments, check_parameters
from cml_sklearn.estimators.wrapping import OwnParameter, library_of, take_over
from cml_sklearn.exceptions import CompilationError, InvalidInputError, UnsupportedModelError
from cml_sklearn.fhe.circuit import FheCircuit
from cml_sklearn.fhe.protocol import DEFAULT_P_ERROR, AnyEngine, CircuitOptions, FheReport
from cml_sklearn.keywords import did_you_mean, known_keywords
from cml_sklearn.quantization.bit_widths import MAX_BITS, MIN_BITS
from cml_sklearn.quantization.clipping import Ends, ends_of, report_clipping, report_far_values
from cml_sklearn.quantization.postprocessing import Postprocessing
from cml_sklearn.quantization.quantized_module import QuantizedModule

if TYPE_CHECKING:
    import onnx

__all__ = ["N_BITS_CONSTRAINT", "P_ERROR", "FheEstimator", "fix_postprocessing"]

N_BITS_CONSTRAINT = (Interval(Integral, MIN_BITS, MAX_BITS, closed="both"), dict)

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


class FheEstimator(ModelAttributes, NotebookDisplay):
    """A scikit-learn estimator that predicts on encrypted data; abstract."""

    _own_parameters: ClassVar[tuple[OwnParameter, ...]] = (_N_BITS, P_ERROR)
    _main_method: ClassVar[str] = "predict"
    _most_far: ClassVar[float] = 100.0  # see `report_far_values`
    _owned: ClassVar[tuple[str, ...]] = ("modules_", "sklearn_model_")  # see `__copy__`

    p_error: float
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

    def set_params(self, **params: object) -> Self:
        """Set parameters, as scikit-learn does.

        Raises
        ------
        ValueError
            Parameters that there are not; a note to the message has the nearest one.
        """
        try:
            return cast("Self", super().set_params(**params))
        except ValueError as error:
            known = self.get_params(deep=False)
            for name in {name.partition("__")[0] for name in params} - known.keys():
                if hint := did_you_mean([name], known):
                    error.add_note(f"There is no parameter {name!r}{hint}")
            raise

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

    def __copy__(self) -> Self:
        """Make a copy with modules and a float model of its own, to compile and to train on."""
        twin = self._twin()
        for name in self._owned:
            if name in vars(self):
                setattr(twin, name, copy.deepcopy(vars(self)[name]))
        return twin

    def _twin(self) -> Self:
        """Make a copy that shares everything."""
        twin = type(self).__new__(type(self))
        twin.__dict__.update(vars(self))
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
        caller, wrapped = f"{cls.__name__}.from_sklearn_model", cls._wrapped_class
        if type(model) is not wrapped:
            raise UnsupportedModelError(
                f"{caller} got {_what_came(model)}; it takes a fitted {wrapped.__name__} of "
                f"{library_of(wrapped)}."
            )
        check_is_fitted(model, msg=f"The %(name)s that {caller} got is not fitted: fit it first.")

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
        """Make an unfitted model of the wrapped class, with this estimator's parameters.

        Without those that are ours, or that a user's subclass has added.
        """
        kinds = (kind for kind in type(self).__mro__ if issubclass(kind, FheEstimator))
        wrapping = next(kind for kind in kinds if "_wrapped_class" in vars(kind))
        own = {parameter.name for parameter in self._own_parameters}
        own |= {*self._get_param_names()} - {*wrapping._get_param_names()}
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
        onnx_model, modules = self._quantize(model, X, weight)
        names = getattr(model, "feature_names_in_", ())
        report_far_values(X if weight is None else X[weight > 0], self._most_far, names)
        self.sklearn_model_ = model
        self._take_names(model)
        self._adopt_modules(model, onnx_model, modules)
        self._seen = ends_of(X)
        return self

    def _take_names(self, model: BaseEstimator) -> None:
        """Keep what a fitted model knows of its features, for the validation of inputs."""
        self.__dict__.pop("classes_", None)  # of a file that this estimator was loaded from
        for name in ("n_features_in_", "feature_names_in_"):
            self.__dict__.pop(name, None)
            if hasattr(model, name):
                self.__dict__[name] = getattr(model, name)

    def _adopt_modules(
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
            names = getattr(self, "feature_names_in_", ())
            report_clipping(module.input_quantizers[0], values, self._seen, names)
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


def _what_came(model: object) -> str:
    """Name what is no model of the wrapped class, and what to give of it, if there is something."""
    if isinstance(model, type):
        return f"the class {model.__name__}, not an instance"
    if isinstance(model, Pipeline):
        return "a Pipeline: give pipeline[-1], and X as the steps before make it"
    return f"a {type(model).__name__} of {library_of(type(model))}"
