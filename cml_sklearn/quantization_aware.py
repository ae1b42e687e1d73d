"""Training of torch modules that simulates the rounding of lookups."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from numpy.typing import ArrayLike

from cml_sklearn.exceptions import MissingPackageError
from cml_sklearn.quantization.bit_widths import Widths, checked_rounding, width_of

with MissingPackageError.of_imports(__name__, "torch"):
    import torch
    from torch import nn
    from torch.nn import functional
    from torch.utils.hooks import RemovableHandle

__all__ = ["rounded_to_steps", "simulated_rounding"]

_Layer = nn.Linear | nn.Conv1d | nn.Conv2d | nn.Conv3d
_CONVOLUTIONS = {1: functional.conv1d, 2: functional.conv2d, 3: functional.conv3d}

_DECAY = 0.01
"""Share of the way back to a batch's range that a wider one goes: weights change in training."""


@contextmanager
def simulated_rounding(
    module: nn.Module, rounding_bits: Widths | None, *examples: ArrayLike
) -> Iterator[None]:
    """Let the layers of a torch module round as the lookups behind them will.

    A net that is trained like this bears a bit or two less in `rounding_bits`. The output of every
    affine layer and convolution but the last is rounded to the steps that quantization will take,
    those of the range that the weights can reach. Gradients pass as if there were no rounding.

    Parameters
    ----------
    module : torch.nn.Module
        Float again at the end.
    rounding_bits : int, tuple of int or None
        As in `compile_torch_model`, for all layers or for each.
    *examples : array-like of shape (n_samples, ...)
        One for each input, of a few samples: they show in which order layers run.

    Examples
    --------
    >>> import numpy as np
    >>> import torch
    >>> from cml_sklearn import simulated_rounding
    >>> net = torch.nn.Sequential(torch.nn.Linear(2, 9), torch.nn.ReLU(), torch.nn.Linear(9, 1))
    >>> x = torch.linspace(-1, 1, 8).reshape(4, 2)
    >>> with simulated_rounding(net, 3, x.numpy()):
    ...     rounded = net(x)  # train here
    >>> bool((rounded == net(x)).all())
    False
    """
    handles = _attach(module, rounding_bits, *examples)
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def rounded_to_steps(
    x: torch.Tensor, low: torch.Tensor | float, step: torch.Tensor
) -> torch.Tensor:
    """Round to whole steps from `low` on; gradients pass as if there were no rounding."""
    index = (x - low) / step
    return low + step * (index + (index.round() - index).detach())


class _RoundedOutput:
    """Forward hook of a layer: rounds its output to the steps of an index of so many bits."""

    def __init__(self, bits: int) -> None:
        self.n_steps = max(2**bits - 2, 1)
        self.low: torch.Tensor | None = None
        self.high: torch.Tensor | None = None

    def __call__(
        self, layer: _Layer, inputs: tuple[torch.Tensor, ...], output: torch.Tensor
    ) -> torch.Tensor:
        if layer.training:
            self._observe(inputs[0].detach())
        if self.low is None or self.high is None:
            return output
        low, high = _reach(layer, self.low, self.high)
        step = ((high - low) / self.n_steps).clamp(min=torch.finfo(output.dtype).tiny)
        return rounded_to_steps(output, low, step)

    def _observe(self, x: torch.Tensor) -> None:
        """Follow the range of the inputs."""
        low, high = x.amin(dim=0), x.amax(dim=0)
        if self.low is not None and self.high is not None:
            low = torch.minimum(low, self.low + _DECAY * (low - self.low))
            high = torch.maximum(high, self.high + _DECAY * (high - self.high))
        self.low, self.high = low, high


def _attach(
    module: nn.Module, rounding_bits: Widths | None, *examples: ArrayLike
) -> list[RemovableHandle]:
    """Put hooks to the layers that lookups follow; returns their handles."""
    bits = checked_rounding(rounding_bits)
    if bits is None:
        return []
    layers = _in_order(module, *examples)[:-1]
    return [
        layer.register_forward_hook(_RoundedOutput(width_of(bits, number)))
        for number, layer in enumerate(layers)
    ]


def _in_order(module: nn.Module, *examples: ArrayLike) -> list[_Layer]:
    """Layers with weights as they run on a few samples."""
    layers: list[_Layer] = []
    handles = [
        layer.register_forward_hook(lambda layer, *_: layers.append(layer))
        for layer in module.modules()
        if isinstance(layer, _Layer) and getattr(layer, "padding_mode", "zeros") == "zeros"
    ]
    parameter = next(module.parameters(), torch.empty(0))
    was_training = module.training
    try:
        with torch.no_grad():
            module.eval()(*(torch.as_tensor(x).to(parameter) for x in examples))
    finally:
        module.train(was_training)
        for handle in handles:
            handle.remove()
    return list(dict.fromkeys(layers))


def _reach(
    layer: _Layer, low: torch.Tensor, high: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Least and greatest output by channel, over all inputs within a range."""
    centre = _affine(layer, (low + high)[None] / 2, layer.weight, layer.bias)
    radius = _affine(layer, (high - low)[None] / 2, layer.weight.abs(), None)
    axes = tuple(range(2, centre.ndim))
    if not axes:
        return centre - radius, centre + radius
    return (
        (centre - radius).amin(dim=axes, keepdim=True),
        (centre + radius).amax(dim=axes, keepdim=True),
    )


def _affine(
    layer: _Layer, x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None
) -> torch.Tensor:
    """Output of a layer with other weights."""
    if isinstance(layer, nn.Linear):
        return functional.linear(x, weight, bias)
    convolve = _CONVOLUTIONS[weight.ndim - 2]
    return convolve(x, weight, bias, layer.stride, layer.padding, layer.dilation, layer.groups)
