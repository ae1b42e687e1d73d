"""The example's network costs what its page says, and its training distorts images only a bit."""

from __future__ import annotations

import numpy as np
import torch

from benchmarks.datasets import large_digits
from examples import cnn


def test_the_convolutional_network_stays_within_ten_gop() -> None:
    X, *_ = cnn.load_images()
    torch.manual_seed(0)
    report = cnn.compiled(cnn.make_network().eval(), X[:200]).fhe_circuit.report
    assert report.pbs_count == 56
    assert report.p_error == 2.0**-64
    assert report.complexity is not None
    assert 5 < report.complexity < 10


def test_images_are_distorted_a_bit_and_stay_digits() -> None:
    X, *_ = cnn.load_images()
    images = torch.as_tensor(X[:100])
    torch.manual_seed(0)
    distorted = cnn.distorted(images)
    assert distorted.shape == images.shape
    flat, other = images.flatten(1).numpy(), distorted.flatten(1).numpy()
    distances = np.linalg.norm(flat[:, None] - other, axis=2)
    assert (distances.diagonal() > 0).all()
    assert np.mean(distances.argmin(axis=0) == np.arange(100)) > 0.75


def test_large_digits_are_the_bundled_ones_at_the_size_of_mnist() -> None:
    X, y = large_digits()
    assert X.shape == (1797, 784)
    assert (X.min(), X.max()) == (0, 1)
    np.testing.assert_array_equal(np.rint(255 * X), 255 * X)
    images = X.reshape(-1, 28, 28)
    small, *_ = cnn.load_digits(return_X_y=True)
    corners = images[:, 1::7, 1::7].reshape(len(X), -1)
    centres = (small / 16).reshape(-1, 8, 8)[:, ::2, ::2].reshape(len(X), -1)
    assert np.corrcoef(corners.ravel(), centres.ravel())[0, 1] > 0.95
    np.testing.assert_array_equal(y, cnn.load_digits().target)
