"""Small torch modules: one for each kind of layer and each common block."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional as F  # noqa: N812

__all__ = ["ZOO", "Entry"]

Function = Callable[..., torch.Tensor]


class Call(nn.Module):
    """A function, with the layers that it uses, as a module."""

    def __init__(self, function: Function, **layers: nn.Module) -> None:
        super().__init__()
        self.function = function
        self.layers = nn.ModuleDict(layers)

    def forward(self, *inputs: torch.Tensor) -> torch.Tensor:
        return self.function(*inputs, **dict(self.layers.items()))


@dataclass(frozen=True)
class Entry:
    """A module and the shapes of a sample of its inputs.

    Attributes
    ----------
    make : callable
        Makes the module; a class or function, so that its weights are drawn with a seed.
    shapes : sequence of tuple of int
    group : str
        Part of the table in the docs.
    refusal : str
        What the message says where the module is refused; empty where it runs.
    rows : int
        Number of indices that the inputs hold; 0 for floats.
    """

    make: Callable[[], nn.Module]
    shapes: Sequence[tuple[int, ...]]
    group: str
    refusal: str = ""
    rows: int = 0

    def module(self) -> nn.Module:
        """Module with the same weights every time."""
        torch.manual_seed(0)
        return self.make().eval()

    def samples(self, n_samples: int, seed: int = 0) -> list[NDArray[np.generic]]:
        """Random inputs."""
        rng = np.random.default_rng(seed)
        shapes = [(n_samples, *shape) for shape in self.shapes]
        if self.rows:
            return [rng.integers(0, self.rows, shape) for shape in shapes]
        return [rng.normal(size=shape).astype(np.float32) for shape in shapes]


def entry(
    group: str,
    make: Callable[[], nn.Module],
    *shapes: tuple[int, ...],
    rows: int = 0,
    refusal: str = "",
) -> Entry:
    """Entry of a module."""
    return Entry(make, shapes, group, refusal, rows)


def call(
    group: str,
    function: Function,
    *shapes: tuple[int, ...],
    rows: int = 0,
    refusal: str = "",
    **layers: Callable[[], nn.Module],
) -> Entry:
    """Entry of a function, and of the layers that it takes by name."""

    def make() -> nn.Module:
        return Call(function, **{name: layer() for name, layer in layers.items()})

    return Entry(make, shapes, group, refusal, rows)


class Block(nn.Module):
    """ResNet block."""

    def __init__(self, channels: int, stride: int = 1) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, channels, 3, stride, 1, bias=False)
        self.norm1, self.norm2 = nn.BatchNorm2d(channels), nn.BatchNorm2d(channels)
        self.second = nn.Conv2d(channels, channels, 3, 1, 1, bias=False)
        self.shortcut = nn.Conv2d(channels, channels, 1, stride) if stride > 1 else nn.Identity()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.norm2(self.second(F.relu(self.norm1(self.first(x)))))
        return F.relu(y + self.shortcut(x))


class SelfAttention(nn.Module):
    def __init__(self, width: int, causal: bool = False) -> None:
        super().__init__()
        self.q, self.k, self.v = (nn.Linear(width, width, bias=False) for _ in range(3))
        self.causal = causal

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        scores = self.q(x) @ self.k(x).transpose(1, 2) / x.shape[-1] ** 0.5
        if self.causal:
            mask = torch.triu(torch.ones(x.shape[1], x.shape[1], dtype=torch.bool), 1)
            scores = scores.masked_fill(mask, -10.0)
        return F.softmax(scores, -1) @ self.v(x)


class UNetStep(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.down = nn.Conv2d(1, 2, 3, padding=1)
        self.inner = nn.Conv2d(2, 2, 3, padding=1)
        self.up = nn.ConvTranspose2d(2, 2, 2, 2)
        self.out = nn.Conv2d(4, 1, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        skip = F.relu(self.down(x))
        y = F.relu(self.inner(F.max_pool2d(skip, 2)))
        return self.out(torch.cat([skip, self.up(y)], 1))


class Recurrent(nn.Module):
    """Recurrent layer, and a linear one of its last state."""

    def __init__(self, kind: Callable[..., nn.RNNBase], **options: Any) -> None:
        super().__init__()
        self.recurrent = kind(2, 2, **options)
        width = 4 if options.get("bidirectional") else 2
        self.linear = nn.Linear(width, 1)
        self.batch_first = bool(options.get("batch_first"))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if not self.batch_first:
            x = x.transpose(0, 1)
        y, _ = self.recurrent(x)
        return self.linear(y[:, -1] if self.batch_first else y[-1])


class SqueezeExcite(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.down, self.up = nn.Conv2d(3, 2, 1), nn.Conv2d(2, 3, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        gate = torch.sigmoid(self.up(F.relu(self.down(F.adaptive_avg_pool2d(x, 1)))))
        return x * gate


class Inception(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.Conv2d(1, 1, 1), nn.Conv2d(1, 1, 3, padding=1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        pooled = F.max_pool2d(x, 2, 1, padding=1)[:, :, :4, :4]
        return torch.cat([self.a(x), F.relu(self.b(x)), pooled], 1)


class DenseBlock(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.Linear(3, 2), nn.Linear(5, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = torch.cat([x, F.relu(self.a(x))], 1)
        return torch.cat([y, F.relu(self.b(y))], 1)


class GatedUnit(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.value, self.gate = nn.Linear(3, 2), nn.Linear(3, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.value(x) * torch.sigmoid(self.gate(x))


class Encoder(nn.Module):
    def __init__(self, **options: Any) -> None:
        super().__init__()
        self.layer = nn.TransformerEncoderLayer(2, 1, dim_feedforward=2, dropout=0.0, **options)
        self.linear = nn.Linear(2, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.linear(self.layer(x).mean(1))


def attention(heads: int) -> Callable[[], nn.Module]:
    def make() -> nn.Module:
        return Call(
            lambda x, mha: mha(x, x, x, need_weights=False)[0],
            mha=nn.MultiheadAttention(2 * heads, heads, batch_first=True),
        )

    return make


def lenet() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(1, 2, 3),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(2, 2, 2),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(2, 3),
        nn.ReLU(),
        nn.Linear(3, 2),
    )


def assigned(x: torch.Tensor) -> torch.Tensor:
    y = x.clone()
    y[:, 1] = 0.5
    return y + 1


def assigned_slices(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    z = x.clone()
    z[:, 1:3] = y
    return z


TABLE, ROWS, SIGNAL, IMAGE, VOLUME = (4,), (3, 2), (2, 6), (2, 4, 4), (1, 3, 3, 3)

ACTIVATIONS = (
    nn.CELU,
    nn.ELU,
    nn.GELU,
    nn.Hardshrink,
    nn.Hardsigmoid,
    nn.Hardswish,
    nn.Hardtanh,
    nn.LeakyReLU,
    nn.LogSigmoid,
    nn.Mish,
    nn.PReLU,
    nn.ReLU,
    nn.ReLU6,
    nn.SELU,
    nn.SiLU,
    nn.Sigmoid,
    nn.Softplus,
    nn.Softshrink,
    nn.Softsign,
    nn.Tanh,
    nn.Tanhshrink,
)

ZOO: dict[str, Entry] = {
    # perceptrons
    "Linear": entry("Dense", lambda: nn.Linear(4, 2), TABLE),
    "Linear, no bias": entry("Dense", lambda: nn.Linear(4, 2, bias=False), TABLE),
    "Linear of rows": entry("Dense", lambda: nn.Linear(2, 3), ROWS),
    "MLP": entry(
        "Dense", lambda: nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 2)), TABLE
    ),
    "deep MLP": entry(
        "Dense",
        lambda: nn.Sequential(
            nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 3), nn.Tanh(), nn.Linear(3, 2)
        ),
        TABLE,
    ),
    "MLP with BatchNorm1d and Dropout": entry(
        "Dense",
        lambda: nn.Sequential(
            nn.Linear(4, 3), nn.BatchNorm1d(3), nn.ReLU(), nn.Dropout(), nn.Linear(3, 2)
        ),
        TABLE,
    ),
    "MLP of squares": call(
        "Dense",
        lambda x, f, g: g((f(x) + 1) ** 2),
        TABLE,
        f=lambda: nn.Linear(4, 3),
        g=lambda: nn.Linear(3, 2),
    ),
    "Bilinear": entry("Dense", lambda: nn.Bilinear(2, 2, 1), (2,), (2,), refusal="aten::bilinear"),
    "GLU": entry("Dense", nn.GLU, TABLE),
    "gated unit": entry("Dense", GatedUnit, (3,)),
    "residual MLP": call("Dense", lambda x, f: x + F.relu(f(x)), (3,), f=lambda: nn.Linear(3, 3)),
    "highway": call(
        "Dense",
        lambda x, f, g: torch.sigmoid(g(x)) * F.relu(f(x)) + (1 - torch.sigmoid(g(x))) * x,
        (2,),
        f=lambda: nn.Linear(2, 2),
        g=lambda: nn.Linear(2, 2),
    ),
    "dense block": entry("Dense", DenseBlock, (3,)),
    "two inputs": call(
        "Dense", lambda x, y, f: f(torch.cat([x, y], 1)), (2,), (3,), f=lambda: nn.Linear(5, 2)
    ),
    "factorization machine": call(
        "Dense",
        lambda x, f: 0.5 * (f(x) ** 2).sum(1, keepdim=True),
        (4,),
        f=lambda: nn.Linear(4, 2, bias=False),
    ),
    # convolutions
    "Conv1d": entry("Convolution", lambda: nn.Conv1d(2, 2, 3), SIGNAL),
    "Conv1d, dilated": entry(
        "Convolution", lambda: nn.Conv1d(2, 2, 3, padding=2, dilation=2), SIGNAL
    ),
    "Conv2d": entry("Convolution", lambda: nn.Conv2d(2, 2, 3), IMAGE),
    "Conv2d, strided and padded": entry("Convolution", lambda: nn.Conv2d(2, 2, 3, 2, 1), IMAGE),
    "Conv2d, reflecting": entry(
        "Convolution", lambda: nn.Conv2d(2, 2, 3, padding=1, padding_mode="reflect"), IMAGE
    ),
    "Conv2d, depthwise": entry("Convolution", lambda: nn.Conv2d(2, 2, 3, groups=2), IMAGE),
    "depthwise separable": entry(
        "Convolution",
        lambda: nn.Sequential(nn.Conv2d(2, 2, 3, groups=2), nn.ReLU(), nn.Conv2d(2, 2, 1)),
        IMAGE,
    ),
    "Conv3d": entry("Convolution", lambda: nn.Conv3d(1, 1, 2), VOLUME),
    "ConvTranspose1d": entry("Convolution", lambda: nn.ConvTranspose1d(2, 2, 3, 2, 1), (2, 3)),
    "ConvTranspose2d": entry("Convolution", lambda: nn.ConvTranspose2d(2, 2, 2, 2), (2, 2, 2)),
    "ConvTranspose2d, overlapping": entry(
        "Convolution", lambda: nn.ConvTranspose2d(2, 2, 3, 2, 1, 1), (2, 2, 2)
    ),
    "ConvTranspose2d, depthwise": entry(
        "Convolution", lambda: nn.ConvTranspose2d(2, 2, 3, groups=2), (2, 2, 2)
    ),
    "Unfold": entry("Convolution", lambda: nn.Unfold(2), (1, 3, 3)),
    "Conv2d, squared": call(
        "Convolution",
        lambda x, f: F.avg_pool2d(f(x) * f(x), 2),
        (1, 3, 3),
        f=lambda: nn.Conv2d(1, 2, 2),
    ),
    "causal convolution": call(
        "Convolution",
        lambda x, f: F.relu(f(F.pad(x, (2, 0)))),
        SIGNAL,
        f=lambda: nn.Conv1d(2, 2, 3),
    ),
    # pooling
    "MaxPool1d": entry("Pooling", lambda: nn.MaxPool1d(2), SIGNAL),
    "MaxPool2d": entry("Pooling", lambda: nn.MaxPool2d(2), (1, 4, 4)),
    "MaxPool2d, overlapping": entry("Pooling", lambda: nn.MaxPool2d(3, 1), (1, 4, 4)),
    "MaxPool2d, then Linear": entry(
        "Pooling", lambda: nn.Sequential(nn.MaxPool2d(2), nn.Flatten(), nn.Linear(4, 2)), (1, 4, 4)
    ),
    "MaxPool3d": entry("Pooling", lambda: nn.MaxPool3d(2), (1, 2, 2, 2)),
    "AdaptiveMaxPool2d": entry("Pooling", lambda: nn.AdaptiveMaxPool2d(1), (1, 3, 3)),
    "AvgPool1d": entry("Pooling", lambda: nn.AvgPool1d(2), SIGNAL),
    "AvgPool2d": entry("Pooling", lambda: nn.AvgPool2d(2), IMAGE),
    "AdaptiveAvgPool2d": entry("Pooling", lambda: nn.AdaptiveAvgPool2d(1), IMAGE),
    "LPPool2d": entry("Pooling", lambda: nn.LPPool2d(2, 2), (1, 4, 4)),
    "maximum over time": call("Pooling", lambda x: x.amax(2), (2, 3)),
    "minimum": call("Pooling", lambda x: x.amin(1), (3,)),
    "maximum of two": call("Pooling", torch.maximum, (3,), (3,)),
    "Maxout": call(
        "Pooling", lambda x, f: f(x).reshape(-1, 2, 2).amax(2), (3,), f=lambda: nn.Linear(3, 4)
    ),
    # activations
    **{
        kind.__name__: call(
            "Activation", lambda x, f, g: g(f(x)), (2,), f=lambda: nn.Linear(2, 2), g=kind
        )
        for kind in ACTIVATIONS
    },
    "Threshold": entry("Activation", lambda: nn.Threshold(0.1, -1.0), (3,)),
    "Softmax at the end": entry(
        "Activation", lambda: nn.Sequential(nn.Linear(4, 3), nn.Softmax(1)), TABLE
    ),
    "LogSoftmax at the end": entry(
        "Activation", lambda: nn.Sequential(nn.Linear(4, 3), nn.LogSoftmax(1)), TABLE
    ),
    "Softmax in the middle": entry(
        "Activation", lambda: nn.Sequential(nn.Linear(4, 3), nn.Softmax(1), nn.Linear(3, 2)), TABLE
    ),
    "Softmin in the middle": entry(
        "Activation", lambda: nn.Sequential(nn.Softmin(1), nn.Linear(2, 2)), (2,)
    ),
    "LogSoftmax in the middle": entry(
        "Activation", lambda: nn.Sequential(nn.LogSoftmax(1), nn.Linear(3, 2)), (3,)
    ),
    # norms
    "BatchNorm2d": entry(
        "Normalization", lambda: nn.Sequential(nn.BatchNorm2d(2), nn.ReLU()), (2, 2, 2)
    ),
    "LayerNorm": entry(
        "Normalization", lambda: nn.Sequential(nn.LayerNorm(4), nn.Linear(4, 2)), TABLE
    ),
    "LayerNorm at the end": entry("Normalization", lambda: nn.LayerNorm(4), TABLE),
    "RMSNorm": entry("Normalization", lambda: nn.Sequential(nn.RMSNorm(3), nn.Linear(3, 2)), (3,)),
    "GroupNorm": entry(
        "Normalization",
        lambda: nn.Sequential(nn.GroupNorm(2, 4), nn.Flatten(), nn.Linear(8, 2)),
        (4, 2),
    ),
    "InstanceNorm1d": entry(
        "Normalization",
        lambda: nn.Sequential(nn.InstanceNorm1d(2), nn.Flatten(), nn.Linear(6, 2)),
        (2, 3),
    ),
    "InstanceNorm2d": entry(
        "Normalization",
        lambda: nn.Sequential(nn.InstanceNorm2d(1, affine=True), nn.ReLU()),
        (1, 2, 2),
    ),
    "LocalResponseNorm": entry(
        "Normalization",
        lambda: nn.Sequential(nn.LocalResponseNorm(2), nn.Flatten(), nn.Linear(8, 2)),
        (2, 2, 2),
        refusal="depends on the model's inputs, or on sizes",
    ),
    "normalize": call(
        "Normalization", lambda x, f: f(F.normalize(x)), (3,), f=lambda: nn.Linear(3, 2)
    ),
    "norm": call("Normalization", lambda x: x.norm(dim=1, keepdim=True) - 1, (3,)),
    "L1 norm": call(
        "Normalization",
        lambda x, f: f(x.abs().sum(1, keepdim=True)),
        (3,),
        f=lambda: nn.Linear(1, 2),
    ),
    "sum of squares": call(
        "Normalization",
        lambda x, f: f(x.square().sum(1, keepdim=True)),
        (3,),
        f=lambda: nn.Linear(1, 2),
    ),
    "cosine similarity": call("Normalization", F.cosine_similarity, (2,), (2,)),
    "standard deviation": call(
        "Normalization", lambda x, f: f(x.std(1, keepdim=True)), (3,), f=lambda: nn.Linear(1, 2)
    ),
    # attention
    "self-attention": entry("Attention", lambda: SelfAttention(2), (2, 2)),
    "self-attention, causal": entry("Attention", lambda: SelfAttention(2, causal=True), (2, 2)),
    "MultiheadAttention": entry("Attention", attention(2), (2, 4)),
    "TransformerEncoderLayer": entry("Attention", lambda: Encoder(batch_first=True), (2, 2)),
    "TransformerEncoderLayer, norm first": entry(
        "Attention", lambda: Encoder(batch_first=True, norm_first=True, activation="gelu"), (2, 2)
    ),
    "TransformerEncoder": call(
        "Attention",
        lambda x, e: e(x.transpose(0, 1)).mean(0),
        (2, 2),
        e=lambda: nn.TransformerEncoderLayer(2, 1, 2, 0.0),
    ),
    "scaled_dot_product_attention": call(
        "Attention", lambda x: F.scaled_dot_product_attention(x, x, x), (2, 2)
    ),
    "linear attention": call(
        "Attention", lambda q, k: F.relu(q) @ (F.relu(k).transpose(1, 2) @ k), (2, 2), (2, 2)
    ),
    "matrix product": call("Attention", torch.matmul, (2, 2), (2, 2)),
    # recurrent
    "RNN": entry("Recurrent", lambda: Recurrent(nn.RNN, batch_first=True), (2, 2)),
    "RNN of ReLU": entry("Recurrent", lambda: Recurrent(nn.RNN, nonlinearity="relu"), (2, 2)),
    "LSTM": entry("Recurrent", lambda: Recurrent(nn.LSTM, batch_first=True), (2, 2)),
    "LSTM, two ways": entry(
        "Recurrent", lambda: Recurrent(nn.LSTM, batch_first=True, bidirectional=True), (2, 2)
    ),
    "LSTM of two layers": entry(
        "Recurrent", lambda: Recurrent(nn.LSTM, num_layers=2, bias=False), (2, 2)
    ),
    "GRU": entry("Recurrent", lambda: Recurrent(nn.GRU, batch_first=True), (2, 2)),
    "LSTMCell": call("Recurrent", lambda x, cell: cell(x)[0], (2,), cell=lambda: nn.LSTMCell(2, 2)),
    "GRUCell": call("Recurrent", lambda x, cell: cell(x), (2,), cell=lambda: nn.GRUCell(2, 2)),
    "RNNCell": call("Recurrent", lambda x, cell: cell(x), (2,), cell=lambda: nn.RNNCell(2, 2)),
    # embeddings
    "Embedding": entry("Embedding", lambda: nn.Embedding(4, 2), (2,), rows=4),
    "Embedding and Linear": entry(
        "Embedding",
        lambda: nn.Sequential(nn.Embedding(4, 2), nn.Flatten(), nn.Linear(4, 2)),
        (2,),
        rows=4,
    ),
    "Embedding, averaged": call(
        "Embedding",
        lambda i, e, f: f(e(i).mean(1)),
        (3,),
        rows=4,
        e=lambda: nn.Embedding(4, 2),
        f=lambda: nn.Linear(2, 2),
    ),
    "one_hot": call(
        "Embedding",
        lambda i, f: f(F.one_hot(i[:, 0], 4).float()),
        (1,),
        rows=4,
        f=lambda: nn.Linear(4, 2),
    ),
    "EmbeddingBag": call(
        "Embedding",
        lambda i, e: e(i),
        (2,),
        rows=4,
        e=lambda: nn.EmbeddingBag(4, 2),
        refusal="Loop",
    ),
    "floats for indices": call(
        "Embedding", lambda i, e: e(i), (2,), refusal="can't run on", e=lambda: nn.Embedding(4, 2)
    ),
    # shapes
    "Flatten": entry("Shapes", lambda: nn.Sequential(nn.Flatten(), nn.Linear(6, 2)), ROWS),
    "split": call(
        "Shapes",
        lambda x, f: f(x.split([1, 3], 1)[1]) + x.split([1, 3], 1)[0],
        TABLE,
        f=lambda: nn.Linear(3, 1),
    ),
    "chunk": call("Shapes", lambda x: torch.cat(x.chunk(2, 1)[::-1], 1), TABLE),
    "unbind": call("Shapes", lambda x: x.unbind(1)[0] - x.unbind(1)[2], ROWS),
    "stack": call("Shapes", lambda x, y: torch.stack([x, y], 2), (2,), (2,)),
    "channel shuffle": entry("Shapes", lambda: nn.ChannelShuffle(2), (4, 2, 2)),
    "PixelShuffle": entry("Shapes", lambda: nn.PixelShuffle(2), (4, 2, 2)),
    "PixelUnshuffle": entry("Shapes", lambda: nn.PixelUnshuffle(2), (1, 4, 4)),
    "flip": call("Shapes", lambda x: x.flip(1), TABLE),
    "roll": call("Shapes", lambda x: x.roll(1, 1), TABLE),
    "cumsum": call("Shapes", lambda x: x.cumsum(1), TABLE),
    "cumsum, then ReLU": call(
        "Shapes", lambda x, f: f(F.relu(x.cumsum(1))), TABLE, f=lambda: nn.Linear(4, 1)
    ),
    "tril": call("Shapes", torch.tril, (3, 3)),
    "gather by constants": call("Shapes", lambda x: x[:, [2, 0]], TABLE),
    "index assignment": call("Shapes", assigned, TABLE),
    "gather": call(
        "Shapes", lambda x: x.gather(1, torch.tensor([[2, 0]]).expand(x.shape[0], 2)), TABLE
    ),
    "scatter": call(
        "Shapes",
        lambda x, y: x.scatter(1, torch.tensor([[2, 0]]).expand(x.shape[0], 2), y),
        TABLE,
        (2,),
    ),
    "slices assigned": call("Shapes", assigned_slices, TABLE, (2,)),
    "repeat": call("Shapes", lambda x: x.repeat(1, 2), (2,)),
    "transpose": call("Shapes", lambda x: x.transpose(1, 2), ROWS),
    "samples' axis moved": call(
        "Shapes",
        lambda x, f: F.relu(f(x.transpose(0, 1))).transpose(0, 1),
        ROWS,
        f=lambda: nn.Linear(2, 2),
    ),
    "Upsample, nearest": entry("Shapes", lambda: nn.Upsample(scale_factor=2), (1, 2, 2)),
    "Upsample, bilinear": entry(
        "Shapes", lambda: nn.Upsample(scale_factor=2, mode="bilinear"), (1, 2, 2)
    ),
    "Upsample, corners aligned": entry(
        "Shapes", lambda: nn.Upsample(size=5, mode="linear", align_corners=True), (1, 3)
    ),
    "Upsample, then Conv2d": entry(
        "Shapes",
        lambda: nn.Sequential(nn.Upsample(scale_factor=2, mode="bilinear"), nn.Conv2d(1, 1, 3)),
        (1, 2, 2),
    ),
    "ZeroPad2d": entry("Shapes", lambda: nn.ZeroPad2d(1), (1, 2, 2)),
    "ReplicationPad2d": entry("Shapes", lambda: nn.ReplicationPad2d(1), (1, 2, 2)),
    "einsum, weights": call(
        "Shapes",
        lambda x, f: torch.einsum("nij,jk->nik", x, f.weight),
        (3, 2),
        f=lambda: nn.Linear(3, 2),
    ),
    "einsum, two inputs": call(
        "Shapes", lambda x, y: torch.einsum("nik,njk->nij", x, y), (2, 2), (2, 2)
    ),
    "outer product": call("Shapes", lambda x, y: x[:, :, None] * y[:, None, :], (2,), (2,)),
    "where": call("Shapes", lambda x: torch.where(x > 0, x, 0.1 * x), (3,)),
    "where of two inputs": call("Shapes", lambda x, y: torch.where(x > 0, x, y), (2,), (2,)),
    "clamp": call("Shapes", lambda x: x.clamp(-0.5, 1), (3,)),
    "sort": call(
        "Shapes",
        lambda x, f: f(x.sort(1).values),
        (3,),
        f=lambda: nn.Linear(3, 2),
        refusal="TopK .* has no quantized form",
    ),
    "topk at the end": call(
        "Shapes", lambda x, f: f(x).topk(2, 1).values, TABLE, f=lambda: nn.Linear(4, 3)
    ),
    "argmax in the middle": call(
        "Shapes",
        lambda x, f: f(x.argmax(1, keepdim=True).float()),
        (3,),
        f=lambda: nn.Linear(1, 1),
        refusal="ArgMax .* has no quantized form",
    ),
    "division": call("Shapes", lambda x, y: x / (1 + y.abs()), (2,), (2,)),
    # blocks
    "LeNet": entry("Blocks", lenet, (1, 6, 6)),
    "ResNet block": entry(
        "Blocks", lambda: nn.Sequential(Block(1), nn.Flatten(), nn.Linear(9, 2)), (1, 3, 3)
    ),
    "ResNet block, strided": entry("Blocks", lambda: Block(1, 2), (1, 4, 4)),
    "U-Net step": entry("Blocks", UNetStep, (1, 4, 4)),
    "squeeze and excite": entry("Blocks", SqueezeExcite, (3, 2, 2)),
    "inception": entry("Blocks", Inception, (1, 4, 4)),
    "inverted residual": call(
        "Blocks",
        lambda x, f: x + f(x),
        (1, 3, 3),
        f=lambda: nn.Sequential(
            nn.Conv2d(1, 2, 1),
            nn.ReLU6(),
            nn.Conv2d(2, 2, 3, padding=1, groups=2),
            nn.ReLU6(),
            nn.Conv2d(2, 1, 1),
        ),
    ),
    "autoencoder": entry(
        "Blocks", lambda: nn.Sequential(nn.Linear(4, 2), nn.Tanh(), nn.Linear(2, 4)), TABLE
    ),
    "MLP-Mixer": call(
        "Blocks",
        lambda x, t, c: x + F.gelu(c(x + F.gelu(t(x.transpose(1, 2))).transpose(1, 2))),
        (2, 2),
        t=lambda: nn.Linear(2, 2),
        c=lambda: nn.Linear(2, 2),
    ),
    "ConvNeXt block": call(
        "Blocks",
        lambda x, d, n, f: x + f(n(d(x).permute(0, 2, 3, 1))).permute(0, 3, 1, 2),
        (2, 2, 2),
        d=lambda: nn.Conv2d(2, 2, 3, padding=1, groups=2),
        n=lambda: nn.LayerNorm(2),
        f=lambda: nn.Sequential(nn.Linear(2, 2), nn.GELU(), nn.Linear(2, 2)),
    ),
    "temporal block": call(
        "Blocks",
        lambda x, f: F.relu(x + F.relu(f(F.pad(x, (2, 0))))),
        (1, 4),
        f=lambda: nn.Conv1d(1, 1, 3),
    ),
}
