"""Fitted transformers of scikit-learn become steps: a function for each of its classes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import isnan
from typing import Any

import numpy as np

from cml_sklearn._typing import Array, FloatArray
from cml_sklearn.deployment.preprocessing.base import (
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
    Standardize,
    Ufunc,
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

__all__ = ["CONVERTERS", "Fitted", "converts"]

Fitted = Any
"""A fitted transformer of scikit-learn, which has no types; or "passthrough"."""

CONVERTERS: dict[str, Callable[[Fitted], Preprocessing]] = {}
"""Conversions by the name of a class of scikit-learn."""


def converts(
    *names: str,
) -> Callable[[Callable[[Fitted], Preprocessing]], Callable[[Fitted], Preprocessing]]:
    """Enter a conversion for classes of scikit-learn."""

    def enter(convert: Callable[[Fitted], Preprocessing]) -> Callable[[Fitted], Preprocessing]:
        CONVERTERS.update(dict.fromkeys(names, convert))
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


@converts("StandardScaler")
def _standard_scaler(scaler: Fitted) -> Preprocessing:
    return _standardized(scaler, *_mean_and_scale(scaler))


def _mean_and_scale(scaler: Fitted) -> tuple[object, object]:
    return (scaler.mean_ if scaler.with_mean else 0, scaler.scale_ if scaler.with_std else 1)


@converts("RobustScaler")
def _robust_scaler(scaler: Fitted) -> Preprocessing:
    center = scaler.center_ if scaler.with_centering else 0
    return _standardized(scaler, center, scaler.scale_ if scaler.with_scaling else 1)


@converts("MaxAbsScaler")
def _max_abs_scaler(scaler: Fitted) -> Preprocessing:
    limits = (Limit(-1.0, 1.0),) if getattr(scaler, "clip", False) else ()
    return (*_standardized(scaler, 0, scaler.scale_), *limits)


@converts("MinMaxScaler")
def _min_max_scaler(scaler: Fitted) -> Preprocessing:
    limits = (Limit(*map(float, scaler.feature_range)),) if scaler.clip else ()
    return (Rescale(_floats(scaler, scaler.scale_), _floats(scaler, scaler.min_)), *limits)


def _standardized(step: Fitted, center: object, scale: object) -> Preprocessing:
    """Step with a center and a scale for each column, given for each or for all."""
    ones = np.ones(step.n_features_in_)
    return (Standardize(_floats(step, center) * ones, _floats(step, scale) * ones),)


@converts("SimpleImputer")
def _simple_imputer(imputer: Fitted) -> Preprocessing:
    missing, numeric = _stored(imputer, imputer.missing_values), imputer._fit_dtype.kind != "O"
    fills = [_stored(imputer, value) for value in imputer.statistics_]
    kept = [i for i, f in enumerate(fills) if imputer.keep_empty_features or f != Missing()]
    impute = Impute(missing, tuple(fills[i] for i in kept), tuple(kept), len(fills), numeric)
    if not imputer.add_indicator:
        return (impute,)
    places = tuple(map(int, imputer.indicator_.features_))
    return (SideBySide(((impute,), (MissingFlags(missing, places, len(fills), numeric),))),)


@converts("MissingIndicator")
def _missing_indicator(indicator: Fitted) -> Preprocessing:
    if indicator.sparse is True:
        raise _refused(indicator, "its flags are sparse", 'Give sparse="auto"')
    missing = _stored(indicator, indicator.missing_values)
    only_there = indicator.features == "missing-only" and indicator.error_on_new
    places = tuple(map(int, indicator.features_))
    n_features = int(indicator.n_features_in_)
    return (MissingFlags(missing, places, n_features, numeric=False, only_there=only_there),)


@converts("OrdinalEncoder")
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


@converts("OneHotEncoder")
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


@converts("KBinsDiscretizer")
def _k_bins(bins: Fitted) -> Preprocessing:
    if bins.dtype not in {None, np.float64}:
        raise _refused(bins, f"its dtype is {bins.dtype}", "Give dtype=None")
    step = Bins(tuple(_floats(bins, edges[1:-1]) for edges in bins.bin_edges_))
    if bins.encode == "ordinal":
        return (step,)
    return (step, Indicators(tuple(map(int, bins.n_bins_))))


@converts("QuantileTransformer")
def _quantiles(transformer: Fitted) -> Preprocessing:
    quantiles = _floats(transformer, transformer.quantiles_)
    shares = _floats(transformer, transformer.references_)
    return (QuantileMap(quantiles, shares, transformer.output_distribution == "normal"),)


@converts("PowerTransformer")
def _power(transformer: Fitted) -> Preprocessing:
    powers = _floats(transformer, transformer.lambdas_)
    scaled: Preprocessing = ()
    if transformer.standardize:
        scaled = _standardized(transformer, *_mean_and_scale(transformer._scaler))
    return (Power(powers, transformer.method == "box-cox"), *scaled)


@converts("Normalizer")
def _normalizer(normalizer: Fitted) -> Preprocessing:
    return (Norm(normalizer.norm),)


@converts("Binarizer")
def _binarizer(binarizer: Fitted) -> Preprocessing:
    return (Binarize(float(binarizer.threshold)),)


@converts("PolynomialFeatures")
def _polynomial(polynomial: Fitted) -> Preprocessing:
    shape = polynomial.n_output_features_, polynomial.n_features_in_
    # scikit-learn's `powers_` fails where there are no products
    powers = polynomial.powers_ if shape[0] else np.empty(shape)
    return (Polynomial(np.array(powers, dtype=np.int64)),)


@converts("PCA", "IncrementalPCA")
def _pca(pca: Fitted) -> Preprocessing:
    weights = _floats(pca, pca.components_).T
    project = Project(weights, -(_floats(pca, pca.mean_) @ weights))
    if not pca.whiten:
        return (project,)
    deviations = np.sqrt(_floats(pca, pca.explained_variance_))
    least = np.finfo(deviations.dtype).eps
    return (project, Standardize(np.zeros(len(deviations)), np.maximum(deviations, least)))


@converts("TruncatedSVD", "GaussianRandomProjection", "SparseRandomProjection")
def _projection(projection: Fitted) -> Preprocessing:
    components = projection.components_
    dense = components.toarray() if hasattr(components, "toarray") else components
    return (_projected(projection, dense.T),)


@converts("FastICA")
def _fast_ica(ica: Fitted) -> Preprocessing:
    centered = _standardized(ica, ica.mean_, 1) if ica.whiten else ()
    return (*centered, _projected(ica, ica.components_.T))


@converts("FactorAnalysis")
def _factor_analysis(analysis: Fitted) -> Preprocessing:
    precise = analysis.components_ / analysis.noise_variance_
    covariance = np.linalg.inv(np.eye(len(precise)) + precise @ analysis.components_.T)
    centered = _standardized(analysis, analysis.mean_, 1)
    return (*centered, _projected(analysis, precise.T), _projected(analysis, covariance))


@converts("LinearDiscriminantAnalysis")
def _discriminants(analysis: Fitted) -> Preprocessing:
    if analysis.solver == "lsqr":
        raise _refused(analysis, "its solver has no `transform`", 'Use the solver "svd" or "eigen"')
    centered = _standardized(analysis, analysis.xbar_, 1) if analysis.solver == "svd" else ()
    return (*centered, _projected(analysis, analysis.scalings_[:, : analysis._max_components]))


def _projected(step: Fitted, weights: Array) -> Project:
    return Project(_floats(step, weights), np.zeros(weights.shape[1]))


@converts("FunctionTransformer")
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
