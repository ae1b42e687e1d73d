"""ONNX's own node tests."""

import numpy as np
import pytest
from onnxruntime import InferenceSession

from cml_sklearn.exceptions import UnsupportedOperatorError
from cml_sklearn.onnx import run_model
from tests.onnx.node_cases import (
    CORRECTED,
    FIRST_OPERATORS,
    IMPOSSIBLE,
    NodeCase,
    first_cases,
    registry_cases,
)


def check(case: NodeCase) -> None:
    """Run a test with the tolerance of ONNX's own runner."""
    results = run_model(case.model, [*case.arrays("input")])
    expected = case.arrays("output")
    assert [r.dtype for r in results] == [e.dtype for e in expected]
    assert [r.shape for r in results] == [e.shape for e in expected]
    for result, wanted in zip(results, expected, strict=True):
        np.testing.assert_allclose(result, wanted, rtol=1e-3, atol=1e-7)


@pytest.mark.parametrize(
    "case", [c for c in first_cases() if c.name not in CORRECTED], ids=lambda case: case.name
)
def test_first_operators(case: NodeCase) -> None:
    check(case)


@pytest.mark.parametrize(
    "case", [c for c in first_cases() if c.name in CORRECTED], ids=lambda case: case.name
)
def test_corrected_cases_follow_onnxruntime(case: NodeCase) -> None:
    inputs = case.arrays("input")
    session = InferenceSession(case.model.SerializeToString(), providers=["CPUExecutionProvider"])
    fed = {value.name: x for value, x in zip(session.get_inputs(), inputs, strict=True)}
    for result, wanted in zip(
        run_model(case.model, [*inputs]), session.run(None, fed), strict=True
    ):
        np.testing.assert_allclose(result, wanted, rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize(
    "case", [c for c in registry_cases() if c.name not in IMPOSSIBLE], ids=lambda case: case.name
)
def test_registered_operators(case: NodeCase) -> None:
    check(case)


@pytest.mark.parametrize(
    "case", [c for c in registry_cases() if c.name in IMPOSSIBLE], ids=lambda case: case.name
)
def test_impossible_cases_are_refused(case: NodeCase) -> None:
    with pytest.raises(UnsupportedOperatorError):
        run_model(case.model, [*case.arrays("input")])


def test_no_case_is_left_out() -> None:
    assert len(FIRST_OPERATORS) == 52
    assert len(first_cases()) >= 219
    assert len(registry_cases()) >= 768
    assert {case.name for case in registry_cases()}.issuperset(IMPOSSIBLE)
    assert {case.name for case in first_cases()}.issuperset(CORRECTED)
