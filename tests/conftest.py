"""Settings that must hold before anything is imported."""

import os
from collections.abc import Iterator
from importlib.util import find_spec

import pytest
from hypothesis import settings

from cml_sklearn.exceptions import MissingPackageError

# no test asserts times: a busy machine is no fault
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")

# lets scikit-learn's checks run with torch arrays, too
os.environ["SCIPY_ARRAY_API"] = "1"


REPRESENTATIVES = {
    "DecisionTreeClassifier",
    "EllipticEnvelope",
    "GaussianNB",
    "HistGradientBoostingRegressor",
    "KMeans",
    "LogisticRegression",
    "NeuralNetRegressor",
    "PCA",
    "PLSRegression",
    "SVC",
    "XGBClassifier",
}
"""Estimators whose examples run with the quick tests."""


@pytest.fixture
def brief_students(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let students of perceptrons learn for a moment: for tests that don't look at accuracy."""
    if find_spec("torch"):
        monkeypatch.setattr("cml_sklearn.estimators.distillation._N_STEPS", 10)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    """Skip what needs an extra that is not installed, as in `make test-plain`."""
    try:
        return (yield)
    except MissingPackageError as error:
        if find_spec(str(error.name).partition("-")[0]):  # it is there: an error of ours
            raise
        pytest.skip(str(error))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run the examples of some estimators, one of a kind; those of all others are slow tests."""
    for item in items:
        if isinstance(item, pytest.DoctestItem):
            name = item.name.rpartition(".")[2]
            is_estimator = hasattr(item.dtest.globs.get(name), "from_sklearn_model")
            if is_estimator and name not in REPRESENTATIVES:
                item.add_marker(pytest.mark.slow)


def pytest_configure(config: pytest.Config) -> None:
    """Let joblib replace its worker processes.

    It does so when they have grown, as by the import of torch after a small first job, and warns in
    the thread that hands out the jobs. As an error that ends the thread, and all wait forever.
    """
    config.addinivalue_line("filterwarnings", "ignore:A worker stopped while some jobs:UserWarning")
