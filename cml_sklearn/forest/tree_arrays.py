"""Fitted trees of scikit-learn, XGBoost and LightGBM as plain arrays of one form."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cml_sklearn._typing import FloatArray, IntArray
from cml_sklearn.exceptions import UnsupportedModelError

__all__ = [
    "TreeArrays",
    "add_up",
    "histogram_tree",
    "lightgbm_trees",
    "scikit_tree",
    "xgboost_trees",
]


@dataclass(frozen=True)
class TreeArrays:
    """A binary tree, with the names of scikit-learn's `tree_`; node 0 is the root.

    Parameters
    ----------
    children_left, children_right : ndarray of int, shape (n_nodes,)
        -1 at leaves. Samples go left where ``x[feature] <= threshold``.
    feature : ndarray of int, shape (n_nodes,)
        Ignored at leaves.
    threshold : ndarray, shape (n_nodes,)
        Ignored at leaves.
    value : ndarray, shape (n_nodes, n_outputs)
        What a leaf adds to the outputs; ignored at inner nodes.
    """

    children_left: IntArray
    children_right: IntArray
    feature: IntArray
    threshold: FloatArray
    value: FloatArray

    @property
    def is_leaf(self) -> NDArray[np.bool_]:
        """Mask of the leaves, shape (n_nodes,)."""
        return self.children_left < 0


def add_up(trees: Sequence[TreeArrays], X: NDArray[np.floating[Any]]) -> FloatArray:
    """Sum of the leaves that samples reach.

    Parameters
    ----------
    trees : sequence of TreeArrays
    X : ndarray of shape (n_samples, n_features)

    Returns
    -------
    ndarray of shape (n_samples, n_outputs)
    """
    total: FloatArray = np.zeros((len(X), trees[0].value.shape[1]))
    rows = np.arange(len(X))
    for tree in trees:
        node = np.zeros(len(X), dtype=np.int64)
        while not tree.is_leaf[node].all():
            left = X[rows, tree.feature[node]] <= tree.threshold[node]
            child = np.where(left, tree.children_left[node], tree.children_right[node])
            node = np.where(tree.is_leaf[node], node, child)
        total += tree.value[node]
    return total


def scikit_tree(tree: Any, value: FloatArray, columns: IntArray | None = None) -> TreeArrays:
    """Read scikit-learn's `tree_`.

    Parameters
    ----------
    tree : sklearn.tree._tree.Tree
    value : ndarray, shape (n_nodes, n_outputs)
    columns : ndarray of int, optional
        Features that the tree was given out of all.
    """
    left = tree.children_left.astype(np.int64)
    feature = np.where(left < 0, 0, tree.feature)
    feature = feature if columns is None else np.asarray(columns, dtype=np.int64)[feature]
    right = tree.children_right.astype(np.int64)
    return TreeArrays(left, right, feature, tree.threshold.copy(), value.astype(np.float64))


def histogram_tree(nodes: NDArray[Any], output: int, n_outputs: int) -> TreeArrays:
    """Read the nodes of a predictor of scikit-learn's histogram boosting.

    Raises
    ------
    UnsupportedModelError
        A split by categories.
    """
    inner = nodes["is_leaf"] == 0
    if nodes["is_categorical"][inner].any():
        raise _categorical()
    # they are unsigned there
    left, right = (np.where(inner, nodes[k].astype(np.int64), -1) for k in ("left", "right"))
    feature = np.where(inner, nodes["feature_idx"].astype(np.int64), 0)
    value = _column(nodes["value"], output, n_outputs)
    return TreeArrays(left, right, feature, nodes["num_threshold"].copy(), value)


def xgboost_trees(model: Any) -> list[TreeArrays]:
    """Read the trees of a fitted XGBoost model; its base score is left out.

    Raises
    ------
    UnsupportedModelError
        Boosters other than "gbtree", splits by categories, or leaves of several outputs.
    """
    content = json.loads(bytes(model.get_booster().save_raw("json")))["learner"]
    booster = content["gradient_booster"]
    if booster["name"] != "gbtree":
        raise UnsupportedModelError(
            f"The booster is {booster['name']!r}; its trees are not simply added up. Train with "
            'booster="gbtree".'
        )
    best = getattr(model, "best_iteration", None)
    groups = booster["model"]["tree_info"]
    n_outputs = max(groups, default=0) + 1
    trees = booster["model"]["trees"]
    if best is not None:
        parallel = int(booster["model"]["gbtree_model_param"].get("num_parallel_tree", 1))
        trees = trees[: (best + 1) * n_outputs * parallel]
    return [_xgboost_tree(t, g, n_outputs) for t, g in zip(trees, groups, strict=False)]


def _xgboost_tree(tree: Mapping[str, Any], group: int, n_outputs: int) -> TreeArrays:
    if tree.get("categories_nodes"):
        raise _categorical()
    if int(tree["tree_param"].get("size_leaf_vector", 1)) > 1:
        raise UnsupportedModelError(
            'Leaves hold several outputs; train with multi_strategy="one_output_per_tree".'
        )
    left, right, feature = (
        np.array(tree[name], dtype=np.int64)
        for name in ("left_children", "right_children", "split_indices")
    )
    condition = np.array(tree["split_conditions"], dtype=np.float32)
    # samples go left where x < condition, in float32: where x <= the float just below
    threshold = np.nextafter(condition, np.float32(-np.inf)).astype(np.float64)
    return TreeArrays(left, right, feature, threshold, _column(condition, group, n_outputs))


def lightgbm_trees(model: Any) -> list[TreeArrays]:
    """Read the trees of a fitted LightGBM model, as many as its predictions use.

    Raises
    ------
    UnsupportedModelError
        Splits by categories, or linear leaves.
    """
    text = model.booster_.model_to_string(num_iteration=model.best_iteration_ or -1)
    head, *blocks = text.partition("end of trees")[0].split("\nTree=")
    n_outputs = int(_entries(head)["num_tree_per_iteration"])
    share = n_outputs / len(blocks) if "\naverage_output" in head else 1.0
    return [
        _lightgbm_tree(_entries(block), index % n_outputs, n_outputs, share)
        for index, block in enumerate(blocks)
    ]


def _entries(block: str) -> dict[str, str]:
    """Entries of LightGBM's text format, by name."""
    pairs = (line.partition("=") for line in block.splitlines())
    return {name: value for name, _, value in pairs}


def _lightgbm_tree(
    entries: Mapping[str, str], output: int, n_outputs: int, share: float
) -> TreeArrays:
    if int(entries["num_cat"]):
        raise _categorical()
    if int(entries.get("is_linear", 0)):
        raise UnsupportedModelError("Leaves are linear models; train with linear_tree=False.")
    left, right, feature = (
        np.array(entries.get(name, "").split(), dtype=np.int64)
        for name in ("left_child", "right_child", "split_feature")
    )
    # inner nodes come first; negative children are the complements of leaves' numbers
    leaf_value = share * np.array(entries["leaf_value"].split(), dtype=np.float64)
    inner, nothing = len(left), np.full(len(leaf_value), -1)
    left, right = (np.append(np.where(c < 0, inner + ~c, c), nothing) for c in (left, right))
    threshold = np.array(entries.get("threshold", "").split(), dtype=np.float64)
    return TreeArrays(
        left,
        right,
        np.append(feature, nothing),
        np.append(threshold, np.zeros(len(leaf_value))),
        _column(np.append(np.zeros(inner), leaf_value), output, n_outputs),
    )


def _column(value: Sequence[float] | NDArray[Any], output: int, n_outputs: int) -> FloatArray:
    """Put the values of a tree with one output into its column among all."""
    columns = np.zeros((len(value), n_outputs))
    columns[:, output] = value
    return columns


def _categorical() -> UnsupportedModelError:
    return UnsupportedModelError(
        "The model splits by categories, which thermometer bits can't express; encode them as "
        "numbers (one-hot or ordinal) and train without categorical features."
    )
