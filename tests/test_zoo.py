"""The zoo: each module is right in all modes, or refused in words."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
import torch

from cml_sklearn.compile import compile_torch_model, exported
from cml_sklearn.exceptions import CmlError
from cml_sklearn.fhe.protocol import CircuitOptions
from cml_sklearn.onnx import NumpyModule
from cml_sklearn.quantization.post_training import PostTrainingAffineQuantization
from cml_sklearn.quantization.quantized_module import QuantizedModule
from tests.zoo import ZOO

RUNNING = [name for name, entry in ZOO.items() if not entry.refusal]
REFUSED = [name for name, entry in ZOO.items() if entry.refusal]

ENCRYPTED = (
    "MaxPool2d, then Linear",
    "Softmax in the middle",
    "LayerNorm",
    "LSTM",
    "ResNet block",
    "ConvTranspose2d, overlapping",
)
SLOW = ("TransformerEncoderLayer", "GRU", "LeNet", "U-Net step")

N_BITS = {"LeNet": 3, "RMSNorm": 3, "cosine similarity": 3}
"""Narrowest width at which a module is no constant; 2 for all others."""

MOST_OFF = 0.15
"""Error at 8 bits, in standard deviations of the output: of norms of a few elements most of all."""


@cache
def floats(name: str) -> NumpyModule:
    entry = ZOO[name]
    return NumpyModule(exported(entry.module(), entry.samples(100)))


def quantized(name: str, n_bits: int, rounding_bits: int | None = None) -> QuantizedModule:
    quantization = PostTrainingAffineQuantization(n_bits, rounding_bits=rounding_bits)
    return quantization.quantize_module(floats(name), *ZOO[name].samples(100))


def test_the_zoo_is_large() -> None:
    assert len(RUNNING) >= 130
    assert len(ZOO) >= 150


@pytest.mark.parametrize("name", RUNNING)
def test_near_the_module_at_8_bits(name: str) -> None:
    samples = ZOO[name].samples(100)
    with torch.no_grad():
        expected = ZOO[name].module()(*map(torch.as_tensor, samples)).numpy()
    error = quantized(name, 8).forward(*samples) - expected
    assert np.sqrt(np.mean(np.square(error))) <= MOST_OFF * expected.std()


@pytest.mark.parametrize("name", RUNNING)
def test_ranges_hold(name: str) -> None:
    module = quantized(name, 3)
    module.compile(CircuitOptions(), engine="clear")
    samples = ZOO[name].samples(200, seed=1)
    np.testing.assert_array_equal(
        module.forward(*samples, execute_in_fhe=True), module.forward(*samples)
    )


@pytest.mark.fhe
@pytest.mark.parametrize("name", RUNNING)
def test_simulated_equals_clear(name: str) -> None:
    module = quantized(name, N_BITS.get(name, 2))
    assert np.ptp(module.forward(*ZOO[name].samples(100)), axis=0).max() > 0
    samples = ZOO[name].samples(3, seed=1)
    np.testing.assert_array_equal(
        module.forward(*samples, execute_in_fhe="simulate"), module.forward(*samples)
    )


@pytest.mark.fhe
@pytest.mark.parametrize(
    "name", [*ENCRYPTED, *(pytest.param(name, marks=pytest.mark.slow) for name in SLOW)]
)
def test_encrypted_equals_clear(name: str) -> None:
    module = quantized(name, N_BITS.get(name, 2), rounding_bits=3)
    assert np.ptp(module.forward(*ZOO[name].samples(100)), axis=0).max() > 0
    samples = ZOO[name].samples(1, seed=1)
    np.testing.assert_array_equal(
        module.forward(*samples, execute_in_fhe=True), module.forward(*samples)
    )


@pytest.mark.parametrize("name", REFUSED)
def test_refused_in_words(name: str) -> None:
    entry = ZOO[name]
    with pytest.raises(CmlError, match=entry.refusal):
        compile_torch_model(entry.module(), *entry.samples(10), n_bits=2)
