"""Fitted pipelines, unions and column transformers of scikit-learn become steps."""

from __future__ import annotations

from collections import UserList
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from cml_sklearn._typing import Array
from cml_sklearn.deployment.preprocessing.base import (
    Columns,
    Preprocessing,
    SideBySide,
)
from cml_sklearn.deployment.preprocessing.categories import (
    Indicators,
)
from cml_sklearn.deployment.preprocessing.converters import CONVERTERS, Fitted, converts
from cml_sklearn.deployment.preprocessing.numeric import (
    QuantileMap,
    Select,
    Weigh,
)
from cml_sklearn.exceptions import UnsupportedModelError

__all__ = ["columns_of", "transforms_of"]


def transforms_of(pipeline_steps: Sequence[tuple[str, Fitted]]) -> Preprocessing:
    """Turn fitted transformers into plain data.

    Parameters
    ----------
    pipeline_steps : sequence of (str, transformer)
        As in `Pipeline.steps`, without the model at the end.

    Returns
    -------
    tuple of ClientTransform
        Empty, if all steps are "passthrough".

    Raises
    ------
    UnsupportedModelError
        A transformer is of a class that has no plain form, or was fitted to what can't be stored.
    """
    transforms = (*_front(pipeline_steps), *_chain(pipeline_steps))
    _has_indicators(transforms)
    return transforms


def _has_indicators(transforms: Preprocessing, *, before: bool = False) -> bool:
    """Whether columns are indicators, which may be sparse; no quantiles may be mapped of such."""
    for transform in transforms:
        if before and isinstance(transform, QuantileMap):
            raise UnsupportedModelError(
                "QuantileTransformer leaves the zeros of sparse indicators as they are, which has "
                "no plain form. Put it before the indicators, or beside them."
            )
        if isinstance(transform, SideBySide):
            of_branches = [_has_indicators(b, before=before) for b in transform.branches]
            before = any(of_branches)  # after all branches have been checked
        before = before or isinstance(transform, Indicators)
    return before


def columns_of(estimator: Fitted) -> Preprocessing:
    """Step that takes the columns which an estimator was fitted to; none if it doesn't know."""
    n_features = getattr(estimator, "n_features_in_", None)
    if n_features is None:
        return ()
    names = tuple(map(str, getattr(estimator, "feature_names_in_", ())))
    return (Columns(tuple(range(n_features)), int(n_features), names),)


def _front(steps: Sequence[tuple[str, Fitted]]) -> Preprocessing:
    """Choice of the columns that the first step was fitted to."""
    first = next(_flat(steps), None)
    if type(first).__name__ == "ColumnTransformer":  # which chooses for itself
        return ()
    return next((c for reader in _readers(first) if (c := columns_of(reader))), ())


def _flat(steps: Sequence[tuple[str, Fitted]]) -> Iterator[Fitted]:
    """Yield the steps of a pipeline and of those within it."""
    for _, step in steps:
        if type(step).__name__ == "Pipeline":
            yield from _flat(step.steps)
        elif not _passes(step):
            yield step


def _readers(step: Fitted) -> Iterator[Fitted]:
    """Yield the transformers that get the same data as a step."""
    if type(step).__name__ == "FeatureUnion":
        for branch in step.transformer_list:
            yield from _readers(next(_flat([branch]), None))
    else:
        yield step


def _passes(step: Fitted) -> bool:
    return step is None or (isinstance(step, str) and step == "passthrough")


def _chain(steps: Iterable[tuple[str, Fitted]]) -> Preprocessing:
    return tuple(transform for _, step in steps for transform in _converted(step))


def _converted(step: Fitted) -> Preprocessing:
    if _passes(step):
        return ()
    cls = type(step)
    if cls.__module__.startswith("sklearn.") and cls.__name__ in CONVERTERS:
        _check_is_fitted(step)
        return CONVERTERS[cls.__name__](step)
    if _is_selector(step):
        return _select(step)
    raise UnsupportedModelError(
        f"{cls.__name__} can't become plain data for the client. Transform the data before it "
        f"comes to the pipeline, or use scikit-learn's {', '.join(sorted(CONVERTERS))}, or a "
        "selector of features."
    )


def _check_is_fitted(step: Fitted) -> None:
    from sklearn.utils.validation import check_is_fitted

    check_is_fitted(step)


def _is_selector(step: Fitted) -> bool:
    """Whether a step does no more than to take the columns of `get_support`."""
    from sklearn.feature_selection import SelectorMixin

    return all(
        getattr(type(step), name, None) is getattr(SelectorMixin, name)
        for name in ("transform", "_transform", "get_support")
    )


@converts("Pipeline")
def _pipeline(pipeline: Fitted) -> Preprocessing:
    return _chain(pipeline.steps)


@converts("FeatureUnion")
def _union(union: Fitted) -> Preprocessing:
    weights = union.transformer_weights or {}
    kept = [(name, step) for name, step in union.transformer_list if not _drops(step)]
    branches = [(*_converted(step), *_weigh(weights.get(name))) for name, step in kept]
    return (SideBySide(tuple(branches)),)


@converts("ColumnTransformer")
def _columns(transformer: Fitted) -> Preprocessing:
    weights = transformer.transformer_weights or {}
    branches = []
    for name, step, spec in transformer.transformers_:
        chosen = _chosen(transformer, spec)
        if chosen.places and not _drops(step):
            branches.append((chosen, *_converted(step), *_weigh(weights.get(name))))
    return (SideBySide(tuple(branches)),)


def _drops(step: Fitted) -> bool:
    return isinstance(step, str) and step == "drop"


def _weigh(weight: float | None) -> Preprocessing:
    return () if weight is None else (Weigh(float(weight)),)


def _chosen(transformer: Fitted, spec: Any) -> Columns:
    """Choice of columns by names, places, slices of either, or a mask."""
    n_features = int(transformer.n_features_in_)
    names = list(map(str, getattr(transformer, "feature_names_in_", ())))
    places = tuple(np.arange(n_features)[_index(spec, names)].tolist())
    return Columns(places, n_features, tuple(names[place] for place in places) if names else ())


def _index(spec: Any, names: list[str]) -> slice | Array:
    if isinstance(spec, slice):
        start, stop = (names.index(e) if isinstance(e, str) else e for e in (spec.start, spec.stop))
        # a slice of names has its last one
        return slice(start, stop + 1 if isinstance(spec.stop, str) else stop, spec.step)
    keys = np.atleast_1d(np.asarray(spec.data if isinstance(spec, UserList) else spec))
    if keys.dtype.kind in "OU":
        keys = np.array([names.index(key) for key in keys])
    return keys if keys.dtype == bool else keys.astype(np.int64)


def _select(selector: Fitted) -> Preprocessing:
    from sklearn.utils import get_tags

    support = selector.get_support()
    places = tuple(np.flatnonzero(support).tolist())
    allow_nan = bool(get_tags(selector).input_tags.allow_nan)
    return (Select(places, len(support), allow_nan),)
