"""The torch side of the neural estimators; imported when one is fitted."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import cast

import numpy as np
import skorch
import torch
from numpy.typing import ArrayLike
from torch import nn
from torch.nn import functional

from cml_sklearn.exceptions import InvalidInputError

__all__ = [
    "ClassifierNet",
    "Columns",
    "LogitsLoss",
    "OneLogitLoss",
    "RegressorNet",
    "ScalingPerceptron",
    "Square",
    "identity",
    "probabilities",
]


class Square(nn.Module):
    """``(x + 1)**2 / 4``: a square that is near a line for small x, so that nets train with it."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Apply to each element."""
        shifted = x + 1
        return shifted * shifted / 4


_ACTIVATIONS: dict[str, type[nn.Module]] = {
    "relu": nn.ReLU,
    "tanh": nn.Tanh,
    "sigmoid": nn.Sigmoid,
    "gelu": nn.GELU,
    "square": Square,
}


class ScalingPerceptron(nn.Module):
    """A multilayer perceptron that standardizes its inputs and scales its outputs by itself.

    Parameters
    ----------
    n_inputs, n_outputs : int
    input_mean, input_scale : array-like of shape (n_inputs,)
        What the inputs are standardized by.
    output_mean, output_scale : array-like of shape (n_outputs,)
        What the outputs are brought to.
    hidden_layer_sizes : sequence of int, default=(16,)
    activation : {"relu", "tanh", "sigmoid", "gelu", "square"}, default="relu"
        "square": see `Square`; with one hidden layer such a net needs no lookup.
    dropout : float, default=0.0
        Share of hidden units left out while training.
    input_noise : float, default=0.1
        Standard deviation of noise on the standardized inputs while training. It makes the net
        bear the rounding of its inputs, and keeps its weights small.
    """

    def __init__(
        self,
        *,
        n_inputs: int,
        n_outputs: int,
        input_mean: ArrayLike,
        input_scale: ArrayLike,
        output_mean: ArrayLike,
        output_scale: ArrayLike,
        hidden_layer_sizes: Sequence[int] = (16,),
        activation: str = "relu",
        dropout: float = 0.0,
        input_noise: float = 0.1,
    ) -> None:
        super().__init__()
        self.layers: nn.ModuleList
        self.input_mean: torch.Tensor
        self.input_scale: torch.Tensor
        self.output_mean: torch.Tensor
        self.output_scale: torch.Tensor
        sizes = [n_inputs, *hidden_layer_sizes, n_outputs]
        self.layers = nn.ModuleList(map(nn.Linear, sizes[:-1], sizes[1:]))
        if activation not in _ACTIVATIONS:
            known = ", ".join(_ACTIVATIONS)
            raise InvalidInputError(
                f"module__activation is {activation!r}; it must be one of {known}."
            )
        self.activation = _ACTIVATIONS[activation]()
        self.dropout = nn.Dropout(dropout)
        self.input_noise = input_noise
        for name, values in (
            ("input_mean", input_mean),
            ("input_scale", input_scale),
            ("output_mean", output_mean),
            ("output_scale", output_scale),
        ):
            self.register_buffer(name, torch.as_tensor(np.asarray(values, dtype=np.float32)))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Scores of shape (n_samples, n_outputs)."""
        x = (x - self.input_mean) / self.input_scale
        if self.training:
            x = x + self.input_noise * torch.randn_like(x)
        for layer in self.layers[:-1]:
            x = self.dropout(self.activation(layer(x)))
        return cast("torch.Tensor", self.layers[-1](x) * self.output_scale + self.output_mean)

    @torch.no_grad()
    def folded(self) -> nn.Sequential:
        """Make an equal module of affine layers and activations only."""
        layers = [cast("nn.Linear", copy.deepcopy(layer)) for layer in self.layers]
        first, last = layers[0], layers[-1]
        first.weight /= self.input_scale
        first.bias.sub_(first.weight @ self.input_mean)
        last.weight *= self.output_scale[:, None]
        last.bias.copy_(last.bias * self.output_scale + self.output_mean)
        between = [module for layer in layers[:-1] for module in (layer, self.activation)]
        return nn.Sequential(*between, last)


class LogitsLoss(nn.CrossEntropyLoss):
    """Cross-entropy of logits, of one column for two classes or of one column a class.

    It has the parameters of torch's, such as a `weight` for each class.
    """

    def forward(self, logits: torch.Tensor, classes: torch.Tensor) -> torch.Tensor:
        """Mean loss; `classes` are integers of shape (n_samples,)."""
        if logits.shape[1] > 1:
            return super().forward(logits, classes)
        if self.weight is None and not self.label_smoothing:
            return functional.binary_cross_entropy_with_logits(logits[:, 0], classes.to(logits))
        return super().forward(torch.cat([torch.zeros_like(logits), logits], dim=1), classes)


class OneLogitLoss(nn.BCEWithLogitsLoss):
    """Torch's loss of one logit, for integer classes of shape (n_samples,)."""

    def forward(self, logits: torch.Tensor, classes: torch.Tensor) -> torch.Tensor:
        """Mean loss of logits (n_samples, 1)."""
        return super().forward(logits[:, 0], classes.to(logits))


class Columns(nn.Module):
    """A module whose outputs have a column, where they had none."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Give outputs of shape (n_samples, 1)."""
        return cast("torch.Tensor", self.module(x).reshape(-1, 1))


class _InColumns:
    """What our nets do otherwise than skorch's: an output without a last axis gets one."""

    def infer(self, x: object, **fit_params: object) -> torch.Tensor:
        """Compute the module's outputs."""
        outputs = super().infer(x, **fit_params)  # type: ignore[misc]
        return cast("torch.Tensor", outputs[:, None] if outputs.ndim == 1 else outputs)


class ClassifierNet(_InColumns, skorch.NeuralNetClassifier):
    """skorch's classifier, with columns."""


class RegressorNet(_InColumns, skorch.NeuralNetRegressor):
    """skorch's regressor, with columns."""


def probabilities(logits: torch.Tensor) -> torch.Tensor:
    """Class probabilities (n_samples, n_classes) of logits, one column for two classes."""
    if logits.shape[1] > 1:
        return torch.softmax(logits, dim=1)
    return torch.sigmoid(torch.cat([-logits, logits], dim=1))


def identity(values: torch.Tensor) -> torch.Tensor:
    """Leave outputs that are probabilities already."""
    return values
