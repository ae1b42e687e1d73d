"""Training that simulates the rounding of lookups."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits, load_iris
from torch import nn

from cml_sklearn import compile_torch_model, simulated_rounding
from cml_sklearn.exceptions import InvalidInputError
from cml_sklearn.neural_network import NeuralNetClassifier

X = np.random.default_rng(0).uniform(-1, 1, size=(500, 4)).astype(np.float32)


class Backwards(nn.Module):
    """Registers its layers in another order than they run."""

    def __init__(self) -> None:
        super().__init__()
        self.out = nn.Linear(3, 2)
        self.hidden = nn.Linear(4, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.seen = self.hidden(x)
        result: torch.Tensor = self.out(torch.relu(self.seen))
        return result


def n_values(x: torch.Tensor) -> list[int]:
    """Distinct values of each channel."""
    channels = x.detach().transpose(0, 1).flatten(1)
    return [len(np.unique(np.round(channel.numpy(), 5))) for channel in channels]


def test_all_layers_but_the_last_round() -> None:
    module = Backwards()
    with simulated_rounding(module, 3, X[:2]):
        result = module(torch.as_tensor(X))
        assert max(n_values(module.seen)) <= 2**3
        assert min(n_values(result)) > 2**3
    module(torch.as_tensor(X))
    assert min(n_values(module.seen)) > 2**3


@pytest.mark.parametrize("bits", [2, 3, 4])
def test_steps_are_about_as_wide_as_those_of_the_quantized_net(bits: int) -> None:
    torch.manual_seed(0)
    module = Backwards()
    with simulated_rounding(module, bits, X[:2]):
        simulated = module(torch.as_tensor(X)).detach().numpy()
    exact = module(torch.as_tensor(X)).detach().numpy()
    quantized = compile_torch_model(module, X, n_bits=6, rounding_bits=bits, exact_rounding=True)
    error = np.std(quantized.forward(X) - exact)
    assert 0.5 < error / np.std(simulated - exact) < 2


def test_convolutions_round_by_channel() -> None:
    module = nn.Sequential(nn.Conv2d(1, 3, 2, padding=1), nn.ReLU(), nn.Flatten(), nn.Linear(27, 2))
    images = torch.as_tensor(X.reshape(-1, 1, 2, 2))
    seen = []
    with simulated_rounding(module, (2,), images[:2].numpy()):
        module[1].register_forward_pre_hook(lambda _, x: seen.append(x[0]))
        module(images)
    assert max(n_values(seen[0])) <= 2**2


def test_gradients_pass_and_the_module_is_left_as_it_was() -> None:
    module = Backwards()
    with simulated_rounding(module, 2, X[:2]):
        module(torch.as_tensor(X)).sum().backward()
    assert module.training
    assert module.hidden.weight.grad is not None
    assert module.hidden.weight.grad.abs().sum() > 0
    assert not module.hidden._forward_hooks


def test_bits_are_checked() -> None:
    with pytest.raises(InvalidInputError, match=r"rounding_bits is 0; it must be an int from 1"):
        simulated_rounding(Backwards(), 0, X[:2]).__enter__()
    module = Backwards()
    with simulated_rounding(module, None, X[:2]):
        assert not module.hidden._forward_hooks


def test_nets_learn_to_bear_few_bits() -> None:
    X, y = load_digits(return_X_y=True)
    scores = [
        NeuralNetClassifier(
            rounding_bits=3, quantization_aware=aware, max_epochs=15, random_state=0
        )
        .fit(X[::2], y[::2])
        .score(X[1::2], y[1::2])
        for aware in (False, True)
    ]
    assert scores[1] > scores[0] + 0.02


@pytest.mark.parametrize("callbacks", [None, "disable", []])
def test_fitted_nets_are_float_and_pickle(callbacks: Any) -> None:
    X, y = load_iris(return_X_y=True)
    net = NeuralNetClassifier(random_state=0, max_epochs=2, callbacks=callbacks).fit(X, y)
    again = pickle.loads(pickle.dumps(net))
    np.testing.assert_array_equal(again.predict_proba(X), net.predict_proba(X))
    for layer in net.skorch_net_.module_.layers:
        assert not layer._forward_hooks
    assert net.get_params()["callbacks"] is callbacks
