"""Calibration data, and what every tensor of a graph is on them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from cml_sklearn._callers import warn_caller
from cml_sklearn._typing import Array, FloatArray
from cml_sklearn.exceptions import CalibrationError
from cml_sklearn.onnx.graph import Node, PreparedGraph
from cml_sklearn.onnx.numpy_module import NumpyModule
from cml_sklearn.onnx.running import run_node
from cml_sklearn.quantization.encoding import as_floats
from cml_sklearn.quantization.preparation import completed
from cml_sklearn.quantization.quantized_op import quantized_class
from cml_sklearn.quantization.ranges import finite_values

__all__ = ["calibrated_activations", "calibration_data"]


def calibration_data(
    calibration: tuple[ArrayLike, ...], sample_weight: ArrayLike | None
) -> tuple[list[FloatArray], FloatArray]:
    """Float samples of positive weight, and weights that add up to 1."""
    samples = [as_floats(x) for x in calibration]
    if not samples or not all(x.ndim and len(x) for x in samples):
        raise CalibrationError("Calibration needs at least one sample for each input.")
    n_samples = len(samples[0])
    if any(len(x) != n_samples for x in samples):
        raise CalibrationError("The calibration data have as many samples for every input.")
    if not all(np.isfinite(x).all() for x in samples):
        raise CalibrationError(
            "The calibration data hold NaN or infinity; give finite values only."
        )
    weight = np.ones(n_samples) if sample_weight is None else as_floats(sample_weight)
    if weight.shape != (n_samples,) or not np.isfinite(weight).all():
        raise CalibrationError(
            f"sample_weight has shape {weight.shape}; give finite numbers of shape ({n_samples},)."
        )
    rows = np.flatnonzero(weight > 0)
    if not len(rows):
        raise CalibrationError("All calibration samples have weight 0; give some a positive one.")
    rows = np.resize(rows, max(len(rows), 2))  # two show which axis is that of the samples
    weight = weight[rows] if weight[rows].sum() < np.inf else weight[rows] / len(rows)
    return [x[rows] for x in samples], weight / weight.sum()


def calibrated_activations(
    module: NumpyModule, graph: PreparedGraph, samples: Sequence[FloatArray]
) -> dict[str, Array]:
    """Compute all tensors; infinities are cut off on their way into an encrypted node.

    Raises
    ------
    CalibrationError
        A layer with weights has nothing finite to be fitted to; the message names the node that
        this comes from.
    """
    values = completed(module.activations(*samples), graph)
    products = {node.outputs[0] for node in graph.nodes if quantized_class(node).is_product}
    if all(np.isfinite(values[name]).all() for name in products):
        return values
    first: Node | None = None
    read = products.union(*(node.inputs for node in graph.nodes))
    with np.errstate(all="ignore"):
        for node in graph.nodes:
            values |= run_node(node, values)
            name = node.outputs[0]
            if np.isfinite(values[name]).all():
                continue
            first = first or node
            if name in products or (name in read and not np.isnan(values[name]).any()):
                values[name] = _cut_off(values[name], first)
    return values


def _cut_off(values: FloatArray, node: Node) -> FloatArray:
    """Cut infinities that come from a node off, with a warning."""
    finite = finite_values(values, node)
    warn_caller(
        f"{node} gives infinity for {np.count_nonzero(np.isinf(values))} of {values.size} "
        f"calibration values; they count as {finite.min():.6g} or {finite.max():.6g}, the "
        "outermost finite ones. Give data that the float model is finite on, or keep the "
        "operator's argument inside its domain."
    )
    return finite
