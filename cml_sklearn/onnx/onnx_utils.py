"""Provisional: the lead's stand-in until the real one lands."""
import inspect
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Node:
    name: str
    op_type: str
    inputs: tuple
    outputs: tuple
    attributes: dict


@dataclass(frozen=True)
class TensorSpec:
    name: str
    shape: tuple = ()
    dtype: object = None


@dataclass(frozen=True)
class PreparedGraph:
    nodes: tuple
    constants: dict
    inputs: tuple
    outputs: tuple


@dataclass(frozen=True)
class OperatorSignature:
    inputs: tuple
    attributes: dict = field(default_factory=dict)

    @classmethod
    def from_function(cls, f):
        ps = inspect.signature(f).parameters.values()
        return cls(
            tuple(p.name for p in ps if p.kind != p.KEYWORD_ONLY),
            {p.name: p.default for p in ps if p.kind == p.KEYWORD_ONLY},
        )


def prepare_graph(model):
    import onnx
    from onnx import numpy_helper as nh

    g = model.graph
    nodes = tuple(
        Node(n.name, n.op_type, tuple(n.input), tuple(n.output), {a.name: onnx.helper.get_attribute_value(a) for a in n.attribute})
        for n in g.node
    )
    return PreparedGraph(nodes, {i.name: nh.to_array(i) for i in g.initializer}, tuple(TensorSpec(i.name) for i in g.input), tuple(o.name for o in g.output))
