"""Embeddings of a model's inputs are products with one-hot bits, which the client makes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from cml_sklearn import PostTrainingAffineQuantization, QuantizedModule
from cml_sklearn.compile import exported
from cml_sklearn.exceptions import InvalidInputError
from cml_sklearn.fhe.protocol import CircuitOptions
from cml_sklearn.onnx import NumpyModule
from cml_sklearn.quantization.affine import AffineQuantizer
from cml_sklearn.quantization.storage import StoredModule, save_module

N_ROWS = 6
SEEN = np.random.default_rng(0).integers(0, N_ROWS - 1, (80, 3))
"""Indices to calibrate with; the last row of the table is not among them."""


class TwoInputs(nn.Module):
    """An embedding beside numbers."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding, self.out = nn.Embedding(N_ROWS, 2), nn.Linear(8, 2)

    def forward(self, indices: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
        result: torch.Tensor = self.out(torch.cat([self.embedding(indices).flatten(1), x], 1))
        return result


def quantized(net: nn.Module, *data: np.ndarray, n_bits: int = 6) -> QuantizedModule:
    module = NumpyModule(exported(net, data))
    return PostTrainingAffineQuantization(n_bits).quantize_module(module, *data)


def embedding(n_rows: int = N_ROWS) -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Embedding(n_rows, 2), nn.Flatten(), nn.Linear(6, 2)).eval()


def test_rows_cost_no_lookup_and_none_needs_to_be_seen() -> None:
    net, rows = embedding(), np.arange(3 * N_ROWS).reshape(-1, 3) % N_ROWS
    module = quantized(net, SEEN)
    assert module.program.is_affine
    with torch.no_grad():
        expected = net(torch.as_tensor(rows)).numpy()
    clear = module.forward(rows)
    assert np.abs(clear - expected).max() < 0.05 * np.ptp(expected)
    np.testing.assert_array_equal(module.forward(rows - N_ROWS), clear)
    for engine in ("clear", "seal"):
        module.compile(CircuitOptions(), engine=engine)
        np.testing.assert_array_equal(module.forward(rows, execute_in_fhe=True), clear)


def test_beside_numbers_and_from_a_file(tmp_path: Path) -> None:
    torch.manual_seed(0)
    x = np.random.default_rng(1).normal(size=(80, 2)).astype(np.float32)
    module = quantized(TwoInputs().eval(), SEEN, x)
    assert module.program.is_affine
    module.save(tmp_path / "module.npz")
    read = QuantizedModule.load(tmp_path / "module.npz")
    np.testing.assert_array_equal(read.forward(SEEN, x), module.forward(SEEN, x))
    assert read.input_quantizers[0].sample_shape((3, N_ROWS)) == (3,)


def test_ranges_of_rows_are_believed_of_indices_only(tmp_path: Path) -> None:
    module = quantized(embedding(), SEEN)
    bits = AffineQuantizer(np.ones(()), np.zeros((), np.int64), 1)
    wrong = StoredModule(module.program, (bits,), module.output_scales)
    save_module(tmp_path / "module.npz", wrong)
    with pytest.raises(InvalidInputError, match="bits of rows without an index"):
        QuantizedModule.load(tmp_path / "module.npz")


@pytest.mark.parametrize("index", [N_ROWS, -N_ROWS - 1, 0.5])
def test_an_index_without_a_row_is_refused(index: float) -> None:
    with pytest.raises(
        InvalidInputError, match=rf"index {index:g}, but .* whole numbers from 0 to 5"
    ):
        quantized(embedding(), SEEN).forward(np.array([[0, 1, index]]))


def test_a_table_of_many_rows_is_looked_up() -> None:
    module = quantized(embedding(1400), SEEN, n_bits=11)
    assert module.program.n_lookups == 1
