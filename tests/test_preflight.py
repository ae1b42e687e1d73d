"""What models cost is told by the names of their own layers, and kept within a limit."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from cml_sklearn import compile_torch_model, config_context, preflight
from cml_sklearn.convert.torch import export_to_onnx, submodule_name
from cml_sklearn.exceptions import InvalidInputError

X = np.random.default_rng(0).normal(size=(60, 4)).astype(np.float32)


class Net(nn.Module):
    """Layers in containers, a layer by itself, and a function."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Sequential(nn.Linear(4, 3), nn.ReLU()), nn.Linear(3, 5))
        self.head = nn.Linear(5, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        result: torch.Tensor = self.head(torch.tanh(self.body(x)))
        return result


def net() -> Net:
    torch.manual_seed(0)
    return Net().eval()


def test_nodes_lead_to_submodules() -> None:
    names = dict(net().named_modules())
    found = [submodule_name(node.name) for node in export_to_onnx(net(), X).graph.node]
    assert found == ["body.0.0", "body.0.1", "body.1", "", "head"]
    assert set(found) <= set(names)


def test_preflight_names_the_layers_with_their_shares() -> None:
    table = preflight(net(), X)
    assert [(x.source, x.n_lookups, x.width) for x in table.layers] == [
        ("body.0.0", 3, 4),
        ("body.1", 5, 4),
    ]
    lines = str(table).splitlines()
    assert lines[0].split() == ["layer", "lookups", "index", "bits", "kept", "bits", "Gop", "share"]
    assert lines[-1].split()[:2] == ["all", "8"]
    nodes = preflight(export_to_onnx(net(), X), X)
    assert nodes.layers[0].source == "Gemm (node '/body/body.0/body.0.0/Gemm')"
    assert nodes.gop == table.gop


@pytest.mark.fhe
def test_estimates_are_near_the_compilers_cost() -> None:
    module = compile_torch_model(net(), X)
    assert module.cost_by_layer().gop == pytest.approx(
        module.fhe_circuit.report.complexity, rel=0.4
    )


def error(**options: float) -> float:
    """Error of the outputs of a net within a limit, and a check of the limit."""
    with config_context(engine="clear"):
        module = compile_torch_model(net(), X, **options)
    expected = net()(torch.as_tensor(X)).detach().numpy()
    return float(np.mean((module.forward(X) - expected) ** 2))


def test_widths_are_searched_within_a_limit() -> None:
    assert error(max_gop=8.0) < error(max_gop=1.2)
    with config_context(engine="clear"):
        fixed = compile_torch_model(net(), X, max_gop=3.0, rounding_bits=3)
        assert {layer.width for layer in fixed.cost_by_layer().layers} == {3}
        with pytest.raises(InvalidInputError, match=r"No widths cost 0.01 Gop .* Raise max_gop"):
            compile_torch_model(net(), X, max_gop=0.01)
        with pytest.raises(InvalidInputError, match="max_gop is -1; it must be a positive"):
            compile_torch_model(net(), X, max_gop=-1)
