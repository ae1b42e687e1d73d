"""Taking over a class: parameters of our own are declared once and stand everywhere."""

from __future__ import annotations

import copy
import inspect
import re
from typing import Any

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.utils._param_validation import InvalidParameterError

from cml_sklearn import (
    compile_onnx_model,
    config_context,
    ensemble,
    linear_model,
    neural_network,
    set_config,
    tree,
)
from cml_sklearn.estimators.boosters import BoosterEstimator
from cml_sklearn.estimators.wrapping import FURTHER, OwnParameter
from cml_sklearn.exceptions import InvalidInputError, UnsupportedModelError
from cml_sklearn.quantization.bit_widths import BitWidths
from tests.estimators import EVERY, NETS, name_of

pytestmark = pytest.mark.usefixtures("brief_students")

X, Y = load_iris(return_X_y=True)
CLASSES = [type(estimator) for estimator in [*EVERY, NETS[0], NETS[2]]]


def own_of(kind: type) -> tuple[OwnParameter, ...]:
    parameters: tuple[OwnParameter, ...] = kind._own_parameters  # type: ignore[attr-defined]
    return parameters


def doc_of(documented: object) -> str:
    return inspect.getdoc(documented) or ""


def keywords_of(function: Any) -> dict[str, object]:
    """Names and defaults of what is given by keyword only."""
    parameters = inspect.signature(function).parameters.values()
    return {p.name: p.default for p in parameters if p.kind is inspect.Parameter.KEYWORD_ONLY}


@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.__name__)
def test_own_parameters_stand_everywhere(kind: Any) -> None:
    declared = {parameter.name: parameter.default for parameter in own_of(kind)}
    assert {"n_bits", "p_error"} <= set(declared)
    constructor = keywords_of(kind)
    assert {name: constructor[name] for name in declared} == declared
    for parameter in own_of(kind):
        assert kind._parameter_constraints.get(parameter.name, []) == [*parameter.constraint]
        assert f"\n{parameter.name} : {parameter.doc.splitlines()[0]}" in doc_of(kind)
        default = getattr(kind(), parameter.name)
        assert default == parameter.default


@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.__name__)
def test_docstrings_have_the_parameters_of_the_wrapped_class(kind: Any) -> None:
    doc = doc_of(kind)
    for name in set(inspect.signature(kind).parameters) - {FURTHER}:
        assert re.search(rf"^(\w+, )*(\*\*)?{name}(, \w+)*( ?:|$)", doc, re.MULTILINE), name
    assert not re.search(
        r":(ref|term|class|func):`|sphx_glr", doc
    )  # titles of links that lead nowhere here


@pytest.mark.parametrize("estimator", EVERY, ids=name_of)
def test_ready_made_models_are_taken_with_all_own_parameters(estimator: Any) -> None:
    kind = type(estimator)
    declared = {parameter.name: parameter.default for parameter in own_of(kind)}
    assert keywords_of(kind.from_sklearn_model) == declared
    assert list(inspect.signature(kind.from_sklearn_model).parameters)[:2] == ["model", "X"]
    doc = doc_of(kind.from_sklearn_model)
    for parameter in own_of(kind):
        assert f"\n{parameter.name} : {parameter.doc.splitlines()[0]}" in doc
        assert parameter.in_fit_only == (
            "Without effect" in doc.split(f"\n{parameter.name} : ")[1].split("\n")[1]
        )


@pytest.mark.parametrize("estimator", EVERY, ids=name_of)
def test_the_wrapped_classs_parameters_come_first(estimator: Any) -> None:
    kind = type(estimator)
    ours = [name for name in inspect.signature(kind).parameters if name != FURTHER]
    own = [parameter.name for parameter in own_of(kind)]
    assert ours[-len(own) :] == own
    assert set(ours[: -len(own)]) == set(kind._wrapped_class().get_params(deep=False))
    wrapped_fit = inspect.signature(kind._wrapped_class.fit).parameters
    assert list(inspect.signature(kind.fit).parameters) == list(wrapped_fit)


def test_what_is_given_for_later_is_kept() -> None:
    X, y = load_iris(return_X_y=True)
    model = tree.DecisionTreeClassifier._wrapped_class(max_depth=2, random_state=0).fit(X, y)
    adopt = tree.DecisionTreeClassifier.from_sklearn_model
    adopted = adopt(model, X, n_bits=2, grid="uniform")
    np.testing.assert_array_equal(adopted.predict(X), adopt(model, X).predict(X))
    again = clone(adopted).fit(X, y)
    assert max(again.grid_.counts) <= 3
    assert (again.grid, again.max_depth) == ("uniform", 2)


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        (
            (Ridge(),),
            TypeError,
            r"^from_sklearn_model\(\): missing a required argument: 'X'; give the .* training data$",
        ),
        (
            (Ridge(), X),
            NotFittedError,
            r"^The Ridge that Ridge\.from_sklearn_model got is not fitted: fit it first\.$",
        ),
        (
            (Ridge, X),
            UnsupportedModelError,
            "got the class Ridge, not an instance; it takes a fitted Ridge of sklearn",
        ),
        (
            (make_pipeline(Ridge()), X),
            UnsupportedModelError,
            r"got a Pipeline: give pipeline\[-1\], and X as the steps before make it",
        ),
        (
            (linear_model.Ridge(), X),
            UnsupportedModelError,
            "got a Ridge of cml_sklearn; it takes a fitted Ridge of sklearn",
        ),
    ],
)
def test_what_can_not_be_adopted_is_named(
    given: tuple[Any, ...], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        linear_model.Ridge.from_sklearn_model(*given)


def test_wrong_parameters_are_refused() -> None:
    X, y = load_iris(return_X_y=True)
    model = Ridge().fit(X, y)
    with pytest.raises(InvalidParameterError, match="p_error"):
        linear_model.Ridge.from_sklearn_model(model, X, p_error=2.0)
    with pytest.raises(TypeError, match="unexpected keyword argument 'rounding_bits'"):
        linear_model.Ridge.from_sklearn_model(model, X, rounding_bits=3)
    with pytest.raises(TypeError, match="unexpected keyword argument 'bits'"):
        linear_model.Ridge(bits=3)
    with pytest.raises(TypeError, match="too many positional"):
        neural_network.NeuralNetClassifier(None, None)


def misspelled(name: str) -> str:
    """A name without its underscore or, if it has none, its last letter."""
    return name.replace("_", "", 1) if "_" in name else name[:-1]


@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.__name__)
def test_unknown_parameters_name_the_nearest(kind: Any) -> None:
    takes_any = any(p.kind is p.VAR_KEYWORD for p in inspect.signature(kind).parameters.values())
    for name in ("n_bits", "p_error"):
        wrong, hint = misspelled(name), f"'{misspelled(name)}'.*; did you mean '{name}'"
        error = InvalidInputError if takes_any else TypeError
        with pytest.raises(error, match=hint):
            kind(**{wrong: 4}).fit(X, Y)
        if not issubclass(kind, BoosterEstimator):  # which keeps it until fit
            with pytest.raises(ValueError, match="Invalid parameter") as raised:
                kind().set_params(**{wrong: 4})
            assert re.search(hint, raised.value.__notes__[0])


def test_only_near_names_are_suggested() -> None:
    with pytest.raises(TypeError, match=r"argument 'colour'; it takes alpha, .*p_error\.$"):
        linear_model.Ridge(colour=3)
    with pytest.raises(ValueError, match="Invalid parameter 'colour'") as raised:
        linear_model.Ridge().set_params(colour=3)
    assert not hasattr(raised.value, "__notes__")


def test_settings_and_compilers_suggest_keywords() -> None:
    with pytest.raises(TypeError, match=r"config_context\(\) got .* mean 'execute_in_fhe'"):
        config_context(execute_in_fe=True)
    with pytest.raises(TypeError, match=r"set_config\(\) got .* mean 'progress'"):
        set_config(progres=True)
    with pytest.raises(TypeError, match=r"compile_onnx_model\(\) got .* mean 'rounding_bits'"):
        compile_onnx_model("model.onnx", roundingbits=3)
    with pytest.raises(TypeError, match=r"compile\(\) got .* mean 'batch_size'"):
        linear_model.Ridge().compile(batchsize=3)  # type: ignore[call-arg]
    with pytest.raises(TypeError, match=r"fit\(\) got .* mean 'sample_weight'"):
        linear_model.Ridge().fit(X, Y, sampleweight=Y)
    with pytest.raises(InvalidInputError, match="did you mean 'weights'"):
        BitWidths.resolve({"inputs": 4, "weight": 4})


def test_names_of_features_follow_the_last_model() -> None:
    pytest.importorskip("pandas")
    frame = load_iris(as_frame=True)
    for kind in (linear_model.RidgeClassifier, ensemble.RandomForestClassifier):
        float_model = kind._wrapped_class().fit(frame.data, frame.target)
        model = kind.from_sklearn_model(float_model, frame.data)
        assert list(model.feature_names_in_) == list(frame.data.columns)
        model.predict(frame.data)
        values = frame.data.to_numpy()
        model.fit(values, frame.target)
        assert not hasattr(model, "feature_names_in_")
        model.predict(values)


COPIED = [
    linear_model.SGDClassifier(loss="log_loss", random_state=0),
    ensemble.RandomForestClassifier(n_estimators=2, max_depth=2, random_state=0),
    neural_network.MLPClassifier((2,), max_iter=5, warm_start=True, random_state=0),
]


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("model", COPIED, ids=name_of)
def test_copies_leave_what_they_were_copied_from(model: Any) -> None:
    X, y = load_iris(return_X_y=True)
    with config_context(engine="clear"):
        model = clone(model).fit(X, y)
        circuit, expected = model.fhe_circuit_, model.predict_proba(X)
        copies = [copy.copy(model) for _ in range(3)]
        copies[0].set_params(p_error=0.1).compile(batch_size=2)
        copies[1].fit(-X, y)
        if hasattr(model, "partial_fit"):
            copies[2].partial_fit(-X, y)
        assert model.fhe_circuit_ is circuit
        np.testing.assert_array_equal(model.predict_proba(X, execute_in_fhe="simulate"), expected)
        assert copies[0].fhe_circuit_.options.p_error == 0.1
        floats = model.sklearn_model_.predict_proba(X)
        assert (floats != copies[1].sklearn_model_.predict_proba(X)).any()


class Named(linear_model.LogisticRegression):
    """A user's class with a parameter of its own."""

    def __init__(self, title: str = "", *, C: float = 1.0, n_bits: int = 8) -> None:
        super().__init__(C=C, n_bits=n_bits)
        self.title = title


def test_subclasses_may_have_parameters_of_their_own() -> None:
    X, y = load_iris(return_X_y=True)
    model = clone(Named("mine", C=0.1, n_bits=5)).fit(X, y)
    plain = linear_model.LogisticRegression(C=0.1, n_bits=5).fit(X, y)
    assert model.get_params() == {"title": "mine", "C": 0.1, "n_bits": 5}
    np.testing.assert_array_equal(model.predict_proba(X), plain.predict_proba(X))
