"""Files of every format that was ever written are still read, and answer alike.

``data/format1_*`` were written by version 0.1.0; a later format adds folders, and leaves these.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from cml_sklearn.deployment import FheClient, FheServer, load_estimator
from cml_sklearn.quantization.quantized_module import QuantizedModule

DATA = Path(__file__).parent / "data"
FOLDERS = sorted(path.parent for path in DATA.glob("*/client.zip"))
ESTIMATORS = sorted(path.parent for path in DATA.glob("*/estimator.zip"))


@pytest.mark.fhe
@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_archives_answer_as_they_did(folder: Path) -> None:
    client, server = FheClient(folder / "client.zip"), FheServer(folder / "server.zip")
    with np.load(folder / "expected.npz") as expected:
        X, y = expected["X"], expected["y"]
    answer = server.run(client.evaluation_keys(), client.encrypt(X))
    np.testing.assert_array_equal(client.decrypt(answer), y)


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_modules_are_read(folder: Path) -> None:
    module = QuantizedModule.load(folder / "module.npz")
    (bounds,) = module.program.input_bounds
    n_features = module.input_quantizers[0].sample_shape(bounds.shape)
    assert np.isfinite(module.forward(np.zeros((2, *n_features)))).all()


@pytest.mark.fhe
@pytest.mark.parametrize("folder", ESTIMATORS, ids=lambda folder: folder.name)
def test_estimators_predict_as_they_did(folder: Path) -> None:
    """The passphrase of their keys is their folder's name."""
    estimator = load_estimator(folder / "estimator.zip", folder.name)
    with np.load(folder / "expected.npz") as expected:
        X, y = expected["X"], expected["y"]
    for mode in (False, "simulate", True):
        np.testing.assert_array_equal(estimator.predict(X, mode), y)


def test_there_are_files_of_each_kind() -> None:
    assert len(FOLDERS) >= 2
    assert len(ESTIMATORS) >= 1
