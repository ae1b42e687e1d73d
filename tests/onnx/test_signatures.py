"""The implementations' signatures against ONNX's own schemas."""

import inspect
from typing import Any

import onnx
import pytest

from cml_sklearn.onnx import ONNX_OPS_TO_NUMPY_IMPL
from cml_sklearn.onnx.onnx_utils import OperatorSignature

Option = onnx.defs.OpSchema.FormalParameterOption


@pytest.fixture(params=ONNX_OPS_TO_NUMPY_IMPL)
def op_type(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def schema(op_type: str) -> onnx.defs.OpSchema:
    return onnx.defs.get_schema(op_type)


@pytest.fixture
def signature(op_type: str) -> OperatorSignature:
    return OperatorSignature.from_function(ONNX_OPS_TO_NUMPY_IMPL[op_type])


def inputs_of(schema: onnx.defs.OpSchema, option: Option) -> tuple[str, ...]:
    return tuple(i.name.lower() for i in schema.inputs if i.option == option)


def test_inputs(schema: onnx.defs.OpSchema, signature: OperatorSignature) -> None:
    assert signature.required == inputs_of(schema, Option.Single)
    assert signature.optional == inputs_of(schema, Option.Optional)
    assert signature.variadic == bool(inputs_of(schema, Option.Variadic))


def test_attributes(schema: onnx.defs.OpSchema, signature: OperatorSignature) -> None:
    assert sorted(signature.attributes) == sorted(schema.attributes)
    for name, attribute in schema.attributes.items():
        default = signature.attributes[name]
        if attribute.required:
            assert default is inspect.Parameter.empty
        elif attribute.default_value.type == onnx.AttributeProto.UNDEFINED:
            assert default is None
        else:
            wanted = onnx.helper.get_attribute_value(attribute.default_value)
            assert default == default_of(wanted)


def default_of(value: Any) -> Any:
    """Default as a signature writes it: lists as tuples, and floats as 32 bits give them back."""
    match value:
        case bytes():
            return value.decode()
        case float():
            return pytest.approx(value, rel=1e-7)
        case int() | str():
            return value
        case [bytes(), *_]:
            return tuple(map(default_of, value))
        case _:
            return tuple(value)


def test_names(op_type: str) -> None:
    name = ONNX_OPS_TO_NUMPY_IMPL[op_type].__name__
    assert name.removeprefix("numpy_").replace("_", "") == op_type.lower()
