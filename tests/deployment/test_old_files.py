"""Files of every format that was ever written are still read, and answer alike.

``data/format1_*`` were written by version 0.1.0; a later format adds folders, and leaves these.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from cml_sklearn.deployment import FheClient, FheServer
from cml_sklearn.quantization.quantized_module import QuantizedModule

FOLDERS = sorted((Path(__file__).parent / "data").glob("format*"))


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
