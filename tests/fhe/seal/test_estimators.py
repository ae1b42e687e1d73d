"""Every estimator that SEAL can do answers on a whole test set as it does in the clear."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.base import clone, is_regressor
from sklearn.datasets import load_diabetes, load_iris
from sklearn.model_selection import train_test_split

from cml_sklearn.fhe.seal import SealEngine
from cml_sklearn.quantization.quantized_module import QuantizedModule
from tests.estimators import LINEAR, NETWORKS, TREES, name_of

pytestmark = pytest.mark.usefixtures("brief_students")


def fitted(estimator: Any) -> tuple[Any, np.ndarray]:
    """Fit with trees of depth 4 at the most; the model, and samples that it has not seen."""
    load = load_diabetes if is_regressor(estimator) else load_iris
    X_train, X_test, y_train, _ = train_test_split(*load(return_X_y=True), random_state=0)
    model, known = clone(estimator), estimator.get_params()
    wanted = {"random_state": 0, "max_depth": 4, "estimator__max_depth": 4}
    model.set_params(**{name: value for name, value in wanted.items() if name in known})
    return model.fit(X_train, y_train), X_test


def encrypted_integers(module: QuantizedModule, X: np.ndarray) -> int:
    """Compare all integers of encrypted and clear samples; their number."""
    codes, count = module.quantize_input(X), 0
    module.compile(engine="auto")
    assert module.fhe_circuit.report.engine == "seal"
    encrypted = module.quantized_forward(*codes, execute_in_fhe=True)
    for ours, theirs in zip(encrypted, module.program(*codes), strict=True):
        np.testing.assert_array_equal(ours, theirs)
        count += ours.size
    return count


@pytest.mark.fhe
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("estimator", [*LINEAR, *TREES], ids=name_of)
def test_whole_test_sets(estimator: Any) -> None:
    model, X = fitted(estimator)
    modules = {id(module): module for module in model.modules_.values()}
    able = [m for m in modules.values() if SealEngine().supports(m.program) is None]
    assert sum(encrypted_integers(module, X) for module in able) >= len(X) * len(able)
    # AdaBoost's and Bagging's own trees have no max_depth to set
    assert able or name_of(estimator).startswith(("AdaBoost", "Bagging"))


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("estimator", NETWORKS, ids=name_of)
def test_networks_are_refused_in_words(estimator: Any) -> None:
    model, _ = fitted(estimator)
    reason = SealEngine().supports(model.quantized_module_.program)
    assert reason == "it looks up integers, not bits of a grid"
