"""Fitted transformers of scikit-learn become steps."""

from __future__ import annotations

from collections import UserList
from collections.abc import Callable, Iterable, Iterator, Sequence
from math import isnan
from typing import Any

import numpy as np

from cml_sklearn._typing import Array, FloatArray
from cml_sklearn.deployment.preprocessing.base import (
    Columns,
    Preprocessing,
    SideBySide,
)
from cml_sklearn.deployment.preprocessing.categories import (
    CodeBook,
    Encode,
    Impute,
    Indicators,
    MissingFlags,
)
from cml_sklearn.deployment.preprocessing.numeric import (
    UFUNCS,
    Binarize,
    Bins,
    Limit,
    Norm,
    Polynomial,
    Power,
    Project,
    QuantileMap,
    Rescale,
    Select,
    Standardize,
    Ufunc,
    Weigh,
)
from cml_sklearn.deployment.preprocessing.table import (
    MAX_EXACT,
    Cell,
    Code,
    Missing,
    as_key,
    plain_cell,
)
from cml_sklearn.exceptions import InvalidInputError, UnsupportedModelError

__all__ = [
    "Fitted",
    "columns_of",
    "transforms_of",
]

Fitted = Any
"""A fitted transformer of scikit-learn, which has no types; or "passthrough"."""

_CONVERTERS: dict[str, Callable[[Fitted], Preprocessing]] = {}
"""Conversions by the name of a class of scikit-learn."""


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
    if cls.__module__.startswith("sklearn.") and cls.__name__ in _CONVERTERS:
        _check_is_fitted(step)
        return _CONVERTERS[cls.__name__](step)
    if _is_selector(step):
        return _select(step)
    raise UnsupportedModelError(
        f"{cls.__name__} can't become plain data for the client. Transform the data before it "
        f"comes to the pipeline, or use scikit-learn's {', '.join(sorted(_CONVERTERS))}, or a "
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


def _converts(
    *names: str,
) -> Callable[[Callable[[Fitted], Preprocessing]], Callable[[Fitted], Preprocessing]]:
    """Enter a conversion for classes of scikit-learn."""

    def enter(convert: Callable[[Fitted], Preprocessing]) -> Callable[[Fitted], Preprocessing]:
        _CONVERTERS.update(dict.fromkeys(names, convert))
        return convert

    return enter


def _refused(step: Fitted, reason: str, remedy: str) -> UnsupportedModelError:
    return UnsupportedModelError(
        f"{type(step).__name__} can't become plain data for the client: {reason}. {remedy}, or "
        "transform the data before it comes to the pipeline."
    )


def _floats(step: Fitted, values: object) -> FloatArray:
    """Fitted values, which must be finite."""
    array = np.array(values, dtype=np.float64)
    if not np.isfinite(array).all():
        raise _refused(
            step, "it has fitted values that are not finite", "Leave out columns without any values"
        )
    return array


def _stored(step: Fitted, value: object) -> Cell:
    """Storable form of a category, a fill, or what stands for missing values."""
    try:
        plain = plain_cell(value, "")
    except InvalidInputError:
        plain = np.inf
    if isinstance(plain, float) and abs(plain) >= MAX_EXACT:
        raise _refused(step, f"it has the value {value!r}", "Use text or numbers below 2**53")
    return as_key(plain)


@_converts("Pipeline")
def _pipeline(pipeline: Fitted) -> Preprocessing:
    return _chain(pipeline.steps)


@_converts("FeatureUnion")
def _union(union: Fitted) -> Preprocessing:
    weights = union.transformer_weights or {}
    kept = [(name, step) for name, step in union.transformer_list if not _drops(step)]
    branches = [(*_converted(step), *_weigh(weights.get(name))) for name, step in kept]
    return (SideBySide(tuple(branches)),)


@_converts("ColumnTransformer")
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


@_converts("StandardScaler")
def _standard_scaler(scaler: Fitted) -> Preprocessing:
    return _standardized(scaler, *_mean_and_scale(scaler))


def _mean_and_scale(scaler: Fitted) -> tuple[object, object]:
    return (scaler.mean_ if scaler.with_mean else 0, scaler.scale_ if scaler.with_std else 1)


@_converts("RobustScaler")
def _robust_scaler(scaler: Fitted) -> Preprocessing:
    center = scaler.center_ if scaler.with_centering else 0
    return _standardized(scaler, center, scaler.scale_ if scaler.with_scaling else 1)


@_converts("MaxAbsScaler")
def _max_abs_scaler(scaler: Fitted) -> Preprocessing:
    limits = (Limit(-1.0, 1.0),) if getattr(scaler, "clip", False) else ()
    return (*_standardized(scaler, 0, scaler.scale_), *limits)


@_converts("MinMaxScaler")
def _min_max_scaler(scaler: Fitted) -> Preprocessing:
    limits = (Limit(*map(float, scaler.feature_range)),) if scaler.clip else ()
    return (Rescale(_floats(scaler, scaler.scale_), _floats(scaler, scaler.min_)), *limits)


def _standardized(step: Fitted, center: object, scale: object) -> Preprocessing:
    """Step with a center and a scale for each column, given for each or for all."""
    ones = np.ones(step.n_features_in_)
    return (Standardize(_floats(step, center) * ones, _floats(step, scale) * ones),)


@_converts("SimpleImputer")
def _simple_imputer(imputer: Fitted) -> Preprocessing:
    missing, numeric = _stored(imputer, imputer.missing_values), imputer._fit_dtype.kind != "O"
    fills = [_stored(imputer, value) for value in imputer.statistics_]
    kept = [i for i, f in enumerate(fills) if imputer.keep_empty_features or f != Missing()]
    impute = Impute(missing, tuple(fills[i] for i in kept), tuple(kept), len(fills), numeric)
    if not imputer.add_indicator:
        return (impute,)
    places = tuple(map(int, imputer.indicator_.features_))
    return (SideBySide(((impute,), (MissingFlags(missing, places, len(fills), numeric),))),)


@_converts("MissingIndicator")
def _missing_indicator(indicator: Fitted) -> Preprocessing:
    if indicator.sparse is True:
        raise _refused(indicator, "its flags are sparse", 'Give sparse="auto"')
    missing = _stored(indicator, indicator.missing_values)
    only_there = indicator.features == "missing-only" and indicator.error_on_new
    places = tuple(map(int, indicator.features_))
    n_features = int(indicator.n_features_in_)
    return (MissingFlags(missing, places, n_features, numeric=False, only_there=only_there),)


@_converts("OrdinalEncoder")
def _ordinal_encoder(encoder: Fitted) -> Preprocessing:
    missing = _code(encoder.encoded_missing_value)
    unknown = None
    if encoder.handle_unknown == "use_encoded_value":
        unknown = _code(encoder.unknown_value)
    books = []
    for cells, rare in _categories(encoder):
        named = [cell for cell in cells if cell != Missing()]
        codes: dict[Cell, Code] = {Missing(): missing, **_grouped(named, rare)}
        books.append(CodeBook(cells, tuple(codes[cell] for cell in cells), unknown))
    return (Encode(tuple(books)),)


def _code(value: float) -> Code:
    return Missing() if isnan(value) else float(value)


@_converts("OneHotEncoder")
def _one_hot_encoder(encoder: Fitted) -> Preprocessing:
    drops = [None] * len(encoder.categories_) if encoder.drop_idx_ is None else encoder.drop_idx_
    books, widths = [], []
    for (cells, rare), drop in zip(_categories(encoder), drops, strict=True):
        groups = _grouped(cells, rare)
        dropped = None if drop is None else groups[cells[drop]]
        codes = tuple(_code_without(dropped, groups[cell]) for cell in cells)
        unknown = None if encoder.handle_unknown == "error" else -1.0
        if rare and encoder.handle_unknown in {"infrequent_if_exist", "warn"}:
            unknown = _code_without(dropped, groups[next(iter(rare))])
        books.append(CodeBook(cells, codes, unknown))
        widths.append(len(set(groups.values())) - (dropped is not None))
    return (Encode(tuple(books)), Indicators(tuple(widths)))


def _categories(encoder: Fitted) -> list[tuple[tuple[Cell, ...], set[Cell]]]:
    """For each column its categories, and those of them that are too rare for a code."""
    rare = getattr(encoder, "infrequent_categories_", [None] * len(encoder.categories_))
    return [
        (_cells(encoder, all_of_them), set() if some is None else set(_cells(encoder, some)))
        for all_of_them, some in zip(encoder.categories_, rare, strict=True)
    ]


def _cells(encoder: Fitted, categories: Array) -> tuple[Cell, ...]:
    return tuple(_stored(encoder, category) for category in categories.tolist())


def _grouped(cells: Sequence[Cell], rare: set[Cell]) -> dict[Cell, float]:
    """Codes in turn; the rare categories share the one after the others'."""
    frequent = [cell for cell in cells if cell not in rare]
    numbers = {cell: float(code) for code, cell in enumerate(frequent)}
    return numbers | {cell: float(len(frequent)) for cell in cells if cell not in numbers}


def _code_without(dropped: float | None, code: float) -> float:
    """Code after the dropped one has gone."""
    if dropped is None or code < dropped:
        return code
    return -1.0 if code == dropped else code - 1.0


@_converts("KBinsDiscretizer")
def _k_bins(bins: Fitted) -> Preprocessing:
    if bins.dtype not in {None, np.float64}:
        raise _refused(bins, f"its dtype is {bins.dtype}", "Give dtype=None")
    step = Bins(tuple(_floats(bins, edges[1:-1]) for edges in bins.bin_edges_))
    if bins.encode == "ordinal":
        return (step,)
    return (step, Indicators(tuple(map(int, bins.n_bins_))))


@_converts("QuantileTransformer")
def _quantiles(transformer: Fitted) -> Preprocessing:
    quantiles = _floats(transformer, transformer.quantiles_)
    shares = _floats(transformer, transformer.references_)
    return (QuantileMap(quantiles, shares, transformer.output_distribution == "normal"),)


@_converts("PowerTransformer")
def _power(transformer: Fitted) -> Preprocessing:
    powers = _floats(transformer, transformer.lambdas_)
    scaled: Preprocessing = ()
    if transformer.standardize:
        scaled = _standardized(transformer, *_mean_and_scale(transformer._scaler))
    return (Power(powers, transformer.method == "box-cox"), *scaled)


@_converts("Normalizer")
def _normalizer(normalizer: Fitted) -> Preprocessing:
    return (Norm(normalizer.norm),)


@_converts("Binarizer")
def _binarizer(binarizer: Fitted) -> Preprocessing:
    return (Binarize(float(binarizer.threshold)),)


@_converts("PolynomialFeatures")
def _polynomial(polynomial: Fitted) -> Preprocessing:
    shape = polynomial.n_output_features_, polynomial.n_features_in_
    # scikit-learn's `powers_` fails where there are no products
    powers = polynomial.powers_ if shape[0] else np.empty(shape)
    return (Polynomial(np.array(powers, dtype=np.int64)),)


@_converts("PCA", "IncrementalPCA")
def _pca(pca: Fitted) -> Preprocessing:
    weights = _floats(pca, pca.components_).T
    project = Project(weights, -(_floats(pca, pca.mean_) @ weights))
    if not pca.whiten:
        return (project,)
    deviations = np.sqrt(_floats(pca, pca.explained_variance_))
    least = np.finfo(deviations.dtype).eps
    return (project, Standardize(np.zeros(len(deviations)), np.maximum(deviations, least)))


@_converts("TruncatedSVD", "GaussianRandomProjection", "SparseRandomProjection")
def _projection(projection: Fitted) -> Preprocessing:
    components = projection.components_
    dense = components.toarray() if hasattr(components, "toarray") else components
    return (_projected(projection, dense.T),)


@_converts("FastICA")
def _fast_ica(ica: Fitted) -> Preprocessing:
    centered = _standardized(ica, ica.mean_, 1) if ica.whiten else ()
    return (*centered, _projected(ica, ica.components_.T))


@_converts("FactorAnalysis")
def _factor_analysis(analysis: Fitted) -> Preprocessing:
    precise = analysis.components_ / analysis.noise_variance_
    covariance = np.linalg.inv(np.eye(len(precise)) + precise @ analysis.components_.T)
    centered = _standardized(analysis, analysis.mean_, 1)
    return (*centered, _projected(analysis, precise.T), _projected(analysis, covariance))


@_converts("LinearDiscriminantAnalysis")
def _discriminants(analysis: Fitted) -> Preprocessing:
    if analysis.solver == "lsqr":
        raise _refused(analysis, "its solver has no `transform`", 'Use the solver "svd" or "eigen"')
    centered = _standardized(analysis, analysis.xbar_, 1) if analysis.solver == "svd" else ()
    return (*centered, _projected(analysis, analysis.scalings_[:, : analysis._max_components]))


def _projected(step: Fitted, weights: Array) -> Project:
    return Project(_floats(step, weights), np.zeros(weights.shape[1]))


@_converts("FunctionTransformer")
def _function(transformer: Fitted) -> Preprocessing:
    func = transformer.func
    if func is None:
        return ()
    name = next((name for name, known in UFUNCS.items() if known is func), None)
    if name is None or transformer.kw_args:
        shown = getattr(func, "__name__", type(func).__name__)
        arguments = " with arguments" if transformer.kw_args else ""
        known = ", ".join(sorted(UFUNCS))
        raise _refused(
            transformer,
            f"it calls {shown}{arguments}",
            f"Use one of NumPy's {known} without arguments",
        )
    return (Ufunc(name),)


def _select(selector: Fitted) -> Preprocessing:
    from sklearn.utils import get_tags

    support = selector.get_support()
    places = tuple(np.flatnonzero(support).tolist())
    allow_nan = bool(get_tags(selector).input_tags.allow_nan)
    return (Select(places, len(support), allow_nan),)
