"""Loss functions."""

from __future__ import annotations

import numpy as np

from cml_sklearn._typing import Array
from cml_sklearn.onnx._arrays import Tensors, keeps_type
from cml_sklearn.onnx.ops_impl.reduction import numpy_log_softmax
from cml_sklearn.onnx.ops_impl.registry import operator


@operator("NegativeLogLikelihoodLoss")
@keeps_type
def numpy_negative_log_likelihood_loss(
    input: Array,
    target: Array,
    /,
    weight: Array | None = None,
    *,
    ignore_index: int | None = None,
    reduction: str = "mean",
) -> Tensors:
    """Loss of log-probabilities on axis 1, weighted by the class."""
    counted = np.ones(target.shape, np.bool_) if ignore_index is None else target != ignore_index
    classes = np.where(counted, target, 0)
    weights = counted.astype(input.dtype) * (1 if weight is None else weight[classes])
    losses = -np.take_along_axis(input, classes[:, None], axis=1)[:, 0] * weights
    if reduction == "none":
        return (losses,)
    return (np.sum(losses) / (np.sum(weights) if reduction == "mean" else 1),)


@operator("SoftmaxCrossEntropyLoss")
def numpy_softmax_cross_entropy_loss(
    scores: Array,
    labels: Array,
    /,
    weights: Array | None = None,
    *,
    ignore_index: int | None = None,
    reduction: str = "mean",
) -> Tensors:
    """Loss of scores on axis 1, weighted by the class; also their log-probabilities."""
    (log_prob,) = numpy_log_softmax(scores, axis=1)
    (loss,) = numpy_negative_log_likelihood_loss(
        log_prob, labels, weights, ignore_index=ignore_index, reduction=reduction
    )
    return loss, log_prob
