"""scikit-learn's own checks: what the wrapped class passes, ours passes; nets pass all."""

from __future__ import annotations

import contextlib
import os
import sys
import warnings
from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np
import pytest
from sklearn import get_config
from sklearn.base import clone, is_classifier
from sklearn.datasets import load_iris
from sklearn.exceptions import SkipTestWarning
from sklearn.utils.estimator_checks import estimator_checks_generator

from tests.estimators import DISTANCES, EVERY, FURTHER, NETS, name_of, wrapped

pytestmark = pytest.mark.usefixtures("brief_students")


def checks_of(estimator: Any) -> dict[str, partial[None]]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SkipTestWarning)
        pairs = estimator_checks_generator(estimator, legacy=True)
        found: dict[str, partial[None]] = {}
        for bound, check in pairs:
            name = check.func.__name__ if isinstance(check, partial) else check.__name__
            arguments = check.keywords if isinstance(check, partial) else {}
            found[f"{name}{arguments or ''}"] = partial(check, bound)
        return found


def passes(check: partial[None]) -> bool:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            check()
        except (Exception, pytest.skip.Exception):
            return False
        return True


QUICK = {"GaussianNB", "PCA", "PLSRegression"}
"""One of each kind of `FURTHER` and `DISTANCES`, whose checks are not slow: together they take minutes."""


def marks_of(estimator: Any) -> list[pytest.MarkDecorator]:
    is_slow = estimator in [*FURTHER, *DISTANCES] and name_of(estimator) not in QUICK
    return [pytest.mark.slow] if is_slow else []


CASES = [
    pytest.param(estimator, name, id=f"{name_of(estimator)}-{name}", marks=marks_of(estimator))
    for estimator in EVERY
    for name in checks_of(wrapped(estimator))
]


@pytest.mark.parametrize(("estimator", "name"), CASES)
def test_scikit_learn_check(estimator: Any, name: str) -> None:
    theirs, ours = checks_of(wrapped(estimator))[name], checks_of(clone(estimator))[name]
    if not passes(theirs):
        pytest.skip("the wrapped class does not pass this check here")
    # scikit-learn has parameters for some checks, by the class that it knows
    ours.args[-1].set_params(**theirs.args[-1].get_params(deep=False))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ours()


@pytest.mark.parametrize("estimator", EVERY, ids=name_of)
def test_as_many_checks_are_generated(estimator: Any) -> None:
    assert set(checks_of(estimator)) == set(checks_of(wrapped(estimator)))


def state_of_the_process() -> dict[str, Any]:
    """What all code of a process shares."""
    torch = sys.modules.get("torch")
    of_torch = torch and {
        "threads of torch": torch.get_num_threads(),
        "type of torch": torch.get_default_dtype(),
        "gradients of torch": torch.is_grad_enabled(),
        "generator of torch": torch.get_rng_state().tolist(),
    }
    return {
        **(of_torch or {}),
        "errors of numpy": np.geterr(),
        "environment": dict(os.environ),
        "filters": [*warnings.filters],
        "configuration": get_config(),
    }


@contextlib.contextmanager
def one_thread_of_torch() -> Iterator[None]:
    """What sets torch's threads anew shows by it."""
    torch = sys.modules.get("torch")
    threads = torch and torch.get_num_threads()
    try:
        if torch:
            torch.set_num_threads(1)
        yield
    finally:
        if torch:
            torch.set_num_threads(threads)


@pytest.mark.parametrize("estimator", [*EVERY, *NETS], ids=name_of)
def test_fit_leaves_the_process_as_it_is(estimator: Any) -> None:
    X, y = load_iris(return_X_y=True)
    y = y > 0 if is_classifier(estimator) else y + 1.0
    y = np.stack([y, y], axis=1) if "MultiTask" in name_of(estimator) else y
    model = clone(estimator)
    if "random_state" in model.get_params():
        model.set_params(random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.fit(X, y)  # what is imported may leave its marks
        with one_thread_of_torch():
            before = state_of_the_process()
            model.fit(X, y)
            getattr(model, next(iter(model.modules_)))(X)
            assert state_of_the_process() == before


NET_CASES = [
    pytest.param(net, name, id=f"{name_of(net)}{number}-{name}")
    for number, net in enumerate(NETS)
    for name in checks_of(net)
]


@pytest.mark.parametrize(("net", "name"), NET_CASES)
def test_nets_pass_every_check(net: Any, name: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        checks_of(net)[name]()


@pytest.mark.parametrize("net", NETS, ids=name_of)
def test_nets_have_the_checks_of_scikit_learns_perceptron(net: Any) -> None:
    """But for sample weights and several labels, which nets don't take."""
    missing = set(checks_of(net._make_wrapped())) - set(checks_of(net))
    assert all("sample_weight" in name or "multilabel" in name for name in missing)
