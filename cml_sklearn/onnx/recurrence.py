"""Recurrent layers unrolled: the nodes that a layer is for sequences of a given length.

States are products of gates and values, added up. These sums are written as products of matrices of
one row and one column a unit, so that all their factors have one scale when they are quantized.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from cml_sklearn._typing import Array
from cml_sklearn.exceptions import UnsupportedOperatorError
from cml_sklearn.onnx.writing import NodeWriter

__all__ = ["RECURRENT", "Layer", "unrolled"]

RECURRENT = ("GRU", "LSTM", "RNN")
"""Operators that are unrolled here."""

_GATES = {"GRU": 3, "LSTM": 4, "RNN": 1}
_ACTIVATIONS = {"GRU": ("Sigmoid", "Tanh"), "LSTM": ("Sigmoid", "Tanh", "Tanh"), "RNN": ("Tanh",)}
_ALLOWED = ("Relu", "Sigmoid", "Softplus", "Softsign", "Tanh")


@dataclass(frozen=True)
class Layer:
    """A recurrent layer.

    Parameters
    ----------
    kind : {"GRU", "LSTM", "RNN"}
    w, r : ndarray of shape (n_directions, n_gates * n_units, n_features or n_units)
    b : ndarray of shape (n_directions, 2 * n_gates * n_units), optional
    peepholes : ndarray of shape (n_directions, 3 * n_units), optional
    states : tuple of (str or None)
        Names of the initial states, of shape (n_directions, n_samples, n_units); None: zeros.
    activations : sequence of str, optional
        Those of each direction in turn.
    direction : {"forward", "reverse", "bidirectional"}
    clip : float, optional
    linear_before_reset, layout : int
    """

    kind: str
    w: Array
    r: Array
    b: Array | None = None
    peepholes: Array | None = None
    states: tuple[str | None, ...] = (None, None)
    activations: Sequence[str] | None = None
    direction: str = "forward"
    clip: float | None = None
    linear_before_reset: int = 0
    layout: int = 0

    @property
    def n_units(self) -> int:
        """Size of a state."""
        return int(self.r.shape[-1])


_State = tuple[str | None, ...]


@dataclass(frozen=True)
class _Cell:
    """One direction of a layer, as a step from state to state."""

    write: NodeWriter
    layer: Layer
    number: int

    @property
    def functions(self) -> Sequence[str]:
        """Names of the activations."""
        usual = _ACTIVATIONS[self.layer.kind]
        given = self.layer.activations or usual * 2
        names = tuple(given[self.number * len(usual) :][: len(usual)])
        unknown = [name for name in names if name not in _ALLOWED]
        if unknown:
            raise UnsupportedOperatorError(
                f"It has the activation {unknown[0]!r}; allowed are {', '.join(_ALLOWED)}."
            )
        return names

    def step(self, x: str, state: _State) -> _State:
        """Write the step from one state to the next."""
        steps: dict[str, Callable[[str, _State], _State]] = {
            "GRU": self._gru,
            "LSTM": self._lstm,
            "RNN": self._rnn,
        }
        return steps[self.layer.kind](x, state)

    def _weights(self, gates: Sequence[int]) -> tuple[Array, Array, Array]:
        """Weights of inputs and states and bias of some gates."""
        layer, n = self.layer, self.layer.n_units
        rows = np.concatenate([np.arange(n) + gate * n for gate in gates])
        w, r = layer.w[self.number, rows], layer.r[self.number, rows]
        if layer.b is None:
            return w, r, np.zeros(len(rows), w.dtype)
        halves = layer.b[self.number].reshape(2, -1)[:, rows]
        return w, r, halves.sum(axis=0)

    def _linear(
        self, x: str, h: str | None, gates: Sequence[int], signs: Sequence[int] = ()
    ) -> str:
        """Write the weighted sums of an input and a state for some gates, side by side."""
        w, r, b = self._weights(gates)
        sign = np.repeat(signs or [1] * len(gates), self.layer.n_units)[:, None].astype(w.dtype)
        joined = x if h is None else self.write("Concat", x, h, axis=1)
        weights = w if h is None else np.concatenate([w, r], axis=1)
        total = self.write("Gemm", joined, weights * sign, b * sign[:, 0], transB=1)
        return self._clipped(total)

    def _clipped(self, x: str) -> str:
        """Write the clipping of what goes into activations."""
        clip = self.layer.clip
        if not clip:
            return x
        low, high = np.array([-clip, clip], self.layer.w.dtype)
        return self.write("Clip", x, low, high)

    def _part(self, x: str, number: int, count: int = 1) -> str:
        """Write the choice of gates that stand side by side."""
        n = self.layer.n_units
        return self.write.pick(x, np.arange(number * n, (number + count) * n), 1)

    def _mixed(self, gates: str, first: str, second: str) -> str:
        """Write ``gate * first + gate' * second`` for two gates that stand side by side."""
        write, n = self.write, self.layer.n_units
        order = np.arange(2 * n).reshape(2, n).T.ravel()
        rows = write.reshape(write.pick(gates, order, 1), 0, n, 1, 2)
        columns = [write.reshape(value, 0, n, 1, 1) for value in (first, second)]
        product = write("MatMul", rows, write("Concat", *columns, axis=2))
        return write.reshape(product, 0, n)

    def _rnn(self, x: str, state: _State) -> _State:
        return (self.write(self.functions[0], self._linear(x, state[0], (0,))),)

    def _lstm(self, x: str, state: _State) -> _State:
        """Gates stand in the order input, output, forget, cell."""
        write, (gate, value, output) = self.write, self.functions
        h, c = state
        if self.layer.peepholes is not None:
            return self._peeping(x, h, c)
        total = self._linear(x, h, (2, 0, 1, 3))
        inputs = write(value, self._part(total, 3))
        if c is None:
            c = write("Mul", write(gate, self._part(total, 1)), inputs)
        else:
            c = self._mixed(write(gate, self._part(total, 0, 2)), c, inputs)
        opened = write(gate, self._part(total, 2))
        return write("Mul", opened, write(output, c)), c

    def _peeping(self, x: str, h: str | None, c: str | None) -> _State:
        """LSTM whose gates see the cell."""
        write, (gate, value, output) = self.write, self.functions
        weights = np.asarray(self.layer.peepholes)[self.number].reshape(3, -1)
        total = self._linear(x, h, (0, 1, 2, 3))

        def opened(number: int, cell: str | None) -> str:
            part = self._part(total, number)
            seen = part if cell is None else write("Add", part, write("Mul", cell, weights[number]))
            return write(gate, seen)

        added = write("Mul", opened(0, c), write(value, self._part(total, 3)))
        cell = added if c is None else write("Add", write("Mul", opened(2, c), c), added)
        return write("Mul", opened(1, cell), write(output, cell)), cell

    def _gru(self, x: str, state: _State) -> _State:
        """Gates stand in the order update, reset, hidden; 1 - update is that of its negative."""
        write, (gate, value) = self.write, self.functions
        (h,) = state
        if h is None:
            hidden = write(value, self._first_hidden(x))
            return (write("Mul", write(gate, self._linear(x, None, (0,), (-1,))), hidden),)
        total = self._linear(x, h, (0, 0, 1), (-1, 1, 1))
        reset = write(gate, self._part(total, 2))
        hidden = write(value, self._clipped(self._reset(x, h, reset)))
        return (self._mixed(write(gate, self._part(total, 0, 2)), hidden, h),)

    def _first_hidden(self, x: str) -> str:
        """Write the hidden gate's sum where there is no state yet; its bias may be reset, too."""
        w, _, bias = self._weights((2,))
        if self.layer.b is None or not self.layer.linear_before_reset:
            return self.write("Gemm", x, w, bias, transB=1)
        own, of_state = self._halves()
        reset = self.write(self.functions[0], self._linear(x, None, (1,)))
        product = self.write("Mul", reset, of_state)
        return self.write("Add", self.write("Gemm", x, w, own, transB=1), product)

    def _reset(self, x: str, h: str, reset: str) -> str:
        """Write the hidden gate's sum, of which a gate resets what the state adds."""
        write = self.write
        w, r, bias = self._weights((2,))
        if not self.layer.linear_before_reset:
            joined = write("Concat", x, write("Mul", reset, h), axis=1)
            return write("Gemm", joined, np.concatenate([w, r], axis=1), bias, transB=1)
        own, of_state = self._halves()
        product = write("Mul", reset, write("Gemm", h, r, of_state, transB=1))
        return write("Add", write("Gemm", x, w, own, transB=1), product)

    def _halves(self) -> tuple[Array, Array]:
        """Biases of the hidden gate: that of the input, and that of the state."""
        n = self.layer.n_units
        if self.layer.b is None:
            return np.zeros(n, self.layer.w.dtype), np.zeros(n, self.layer.w.dtype)
        own, of_state = self.layer.b[self.number].reshape(2, -1)[:, 2 * n :]
        return own, of_state


def unrolled(write: NodeWriter, layer: Layer, x: str, length: int, outputs: Sequence[str]) -> None:
    """Write a layer's nodes for sequences of some length.

    Parameters
    ----------
    write : NodeWriter
    layer : Layer
    x : str
        Name of the sequences, of shape (length, n_samples, n_features).
    length : int
    outputs : sequence of str
        Names for all states of the last layer, the last one, and the last cell; empty: not wanted.

    Raises
    ------
    UnsupportedOperatorError
        An activation that is unknown here.
    """
    axis = 1 if layer.layout else 0
    inputs = [write.pick(x, t, axis) for t in range(length)]
    ways = {"forward": [1], "reverse": [-1], "bidirectional": [1, -1]}[layer.direction]
    histories = []
    for number, way in enumerate(ways):
        cell = _Cell(write, layer, number)
        state: _State = tuple(
            None if name is None else write.pick(name, number, axis) for name in layer.states
        )
        history = []
        for t in range(length)[::way]:
            state = cell.step(inputs[t], state)
            history.append(state)
        histories.append(history[::way])
    _write_outputs(write, layer, histories, ways, outputs)


def _write_outputs(
    write: NodeWriter,
    layer: Layer,
    histories: Sequence[Sequence[_State]],
    ways: Sequence[int],
    outputs: Sequence[str],
) -> None:
    """Write the three results of a layer from the states of all directions and times."""
    lead = (1, 2) if layer.layout else (0, 1)
    if outputs[:1] and outputs[0]:
        rows = [
            write(
                "Concat",
                *(write("Unsqueeze", str(step[0]), np.array(lead)) for step in steps),
                axis=lead[1],
            )
            for steps in zip(*histories, strict=True)
        ]
        write("Concat", *rows, axis=lead[0], output=outputs[0])
    for place, name in enumerate(outputs[1:]):
        if name:
            last = [h[-1 if way > 0 else 0][place] for h, way in zip(histories, ways, strict=True)]
            parts = [write("Unsqueeze", str(state), np.array(lead[:1])) for state in last]
            write("Concat", *parts, axis=lead[0], output=name)
