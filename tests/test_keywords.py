"""Keywords that no call takes are refused by saying what to write, those of Concrete-ML above all."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator

import numpy as np
import pytest
from sklearn.base import BaseEstimator
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from cml_sklearn import LogisticRegression, compile_onnx_model, compile_torch_model
from cml_sklearn.exceptions import UnknownKeywordError
from cml_sklearn.quantization.quantized_module import QuantizedModule
from tests.estimators import EVERY, NETS, name_of

PAGE = "see docs/reference/migration.md"


def with_modes(estimator: BaseEstimator) -> Iterator[Callable[..., object]]:
    """Public methods that are told where to compute."""
    for name in dir(type(estimator)):
        method = getattr(estimator, name, None) if name[0] != "_" else None
        if inspect.ismethod(method) and "execute_in_fhe" in inspect.signature(method).parameters:
            yield method


@pytest.mark.parametrize("estimator", [*EVERY, *NETS], ids=name_of)
def test_every_method_with_modes_names_what_fhe_is_here(estimator: BaseEstimator) -> None:
    methods = [*with_modes(estimator)]
    assert methods
    for method in methods:
        wanted = rf"{method.__name__}\(\) got an unexpected keyword argument 'fhe': write execute_in_fhe=True .*{PAGE}"
        with pytest.raises(UnknownKeywordError, match=wanted):
            method([[0.0]], fhe="execute")


def test_the_last_step_of_a_pipeline_says_it_too() -> None:
    X = np.random.default_rng(0).normal(size=(30, 2))
    model = make_pipeline(StandardScaler(), LogisticRegression()).fit(X, X[:, 0] > 0)
    with pytest.raises(TypeError, match=r'execute_in_fhe="simulate" for "simulate"'):
        model.predict(X, fhe="simulate")


@pytest.mark.parametrize(
    ("call", "keyword", "instead"),
    [
        (LogisticRegression().compile, "p_error", "give it to the constructor"),
        (LogisticRegression().compile, "configuration", "engine chooses"),
        (compile_torch_model, "rounding_threshold_bits", "write rounding_bits"),
        (compile_onnx_model, "import_qat", "QuantizeLinear nodes are kept"),
        (QuantizedModule.forward, "fhe", "write execute_in_fhe=True"),
        (QuantizedModule.__call__, "fhe", "write execute_in_fhe=True"),
    ],
)
def test_other_calls_say_what_to_write(
    call: Callable[..., object], keyword: str, instead: str
) -> None:
    with pytest.raises(UnknownKeywordError, match=rf"argument '{keyword}'.*{instead}.*{PAGE}"):
        call(None, **{keyword: 1})


def test_any_other_keyword_gets_the_nearest_or_the_list() -> None:
    model = LogisticRegression()
    with pytest.raises(UnknownKeywordError, match=r"'execute_fhe'; did you mean 'execute_in_fhe'"):
        model.predict([[0.0]], execute_fhe=True)
    with pytest.raises(UnknownKeywordError, match=r"'colour'; it takes X, execute_in_fhe\.$"):
        model.predict([[0.0]], colour=True)


@pytest.mark.parametrize(
    ("call", "keyword", "instead"),
    [
        (LogisticRegression().fit, "fhe", r"it takes X, y, sample_weight\.$"),
        (LogisticRegression, "rounding_threshold_bits", r"it takes penalty, .*p_error\.$"),
        (LogisticRegression, "c", r"did you mean 'C'\?$"),
    ],
)
def test_no_call_is_told_to_take_a_keyword_that_it_refuses(
    call: Callable[..., object], keyword: str, instead: str
) -> None:
    with pytest.raises(UnknownKeywordError, match=rf"'{keyword}'; {instead}"):
        call(**{keyword: 1})
