"""What a client computes before encryption: equal to scikit-learn, storable, refused in words."""

from __future__ import annotations

import subprocess
import sys
import warnings
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, is_dataclass
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator
from sklearn.compose import ColumnTransformer, make_column_selector
from sklearn.decomposition import PCA, FactorAnalysis, FastICA, IncrementalPCA, TruncatedSVD
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.exceptions import NotFittedError
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.feature_selection import (
    SelectFromModel,
    SelectKBest,
    SelectorMixin,
    VarianceThreshold,
    f_classif,
)
from sklearn.impute import KNNImputer, MissingIndicator, SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import FeatureUnion, Pipeline, make_pipeline, make_union
from sklearn.preprocessing import (
    Binarizer,
    FunctionTransformer,
    KBinsDiscretizer,
    MaxAbsScaler,
    MinMaxScaler,
    Normalizer,
    OneHotEncoder,
    OrdinalEncoder,
    PolynomialFeatures,
    PowerTransformer,
    QuantileTransformer,
    RobustScaler,
    StandardScaler,
)
from sklearn.random_projection import GaussianRandomProjection, SparseRandomProjection

from cml_sklearn._typing import Array, FloatArray
from cml_sklearn.deployment import preprocessing
from cml_sklearn.deployment.preprocessing import (
    TRANSFORM_CLASSES,
    Bins,
    ClientTransform,
    CodeBook,
    Columns,
    Impute,
    Indicators,
    Missing,
    MissingFlags,
    Norm,
    Polynomial,
    Power,
    Preprocessing,
    Project,
    QuantileMap,
    Rescale,
    Select,
    SideBySide,
    Standardize,
    Ufunc,
    as_table,
    columns_of,
    preprocess,
    transforms_of,
    words_of,
)
from cml_sklearn.exceptions import InvalidInputError, UnsupportedModelError
from cml_sklearn.onnx.graph import Node
from cml_sklearn.program.archive import PROGRAM_CLASSES, ArchiveTable, read, write
from cml_sklearn.quantization.postprocessing import ClientStep

Transformer = Any


@dataclass(frozen=True)
class Content:
    """What the files of these tests hold."""

    transforms: tuple[ClientTransform, ...]


TABLE = ArchiveTable([Content, *TRANSFORM_CLASSES])


def stored(transforms: Preprocessing, folder: Path) -> Preprocessing:
    """Steps after a way through a file."""
    write(folder / "steps.zip", Content(transforms), TABLE)
    content: Content = read(folder / "steps.zip", Content, TABLE)
    return content.transforms


def steps_of(transformer: Transformer) -> Preprocessing:
    return transforms_of([("step", transformer)])


def dense(values: Any) -> FloatArray:
    values = values.toarray() if hasattr(values, "toarray") else values
    return np.asarray(values, dtype=np.float64)


def check(transformer: Transformer, train: Any, test: Any, folder: Path, rtol: float = 0) -> None:
    """Compare a transformer with its steps, before and after a file."""
    target = np.arange(len(train)) % 3
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # scikit-learn on constant columns and unknown categories
        transformer.fit(train, target)
        expected = dense(transformer.transform(test.copy()))
    transforms = steps_of(transformer)
    for candidate in (transforms, stored(transforms, folder)):
        result = preprocess(candidate, test, allow_nan=True)
        assert (result.dtype, result.shape) == (np.float64, expected.shape)
        np.testing.assert_allclose(result, expected, rtol=rtol, atol=rtol)


def numbers(seed: int, n: int = 60, gaps: float = 0.0) -> FloatArray:
    """Columns of several scales, one with ties, one constant."""
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(n, 5)) * [1, 100, 1e-3, 1, 1] + [0, 1000, 0, 0, 0]
    values[:, 3] = rng.integers(-2, 3, size=n)
    values[:, 4] = 7
    values[rng.random(values.shape) < gaps] = np.nan
    return values


def people(seed: int, n: int = 80) -> pd.DataFrame:
    """A table of mixed columns with gaps."""
    rng = np.random.default_rng(seed)
    age = rng.integers(18, 90, size=n).astype(float)
    age[rng.random(n) < 0.2] = np.nan
    city = rng.choice(np.array(["Oslo", "Rome", "Bern", np.nan, "Lima"], dtype=object), size=n)
    return pd.DataFrame(
        {
            "age": age,
            "city": city,
            "rooms": rng.integers(1, 6, size=n),
            "income": rng.lognormal(10, 1, size=n),
            "owner": rng.random(n) < 0.5,
            "plan": pd.Categorical(rng.choice(["free", "pro"], size=n)),
        }
    )


SCALERS = [
    *(StandardScaler(with_mean=m, with_std=s) for m, s in product([True, False], repeat=2)),
    *(MinMaxScaler(r, clip=c) for r, c in product([(0, 1), (-3, 2)], [True, False])),
    MaxAbsScaler(),
    *(
        RobustScaler(with_centering=c, with_scaling=s, unit_variance=u)
        for c, s, u in product([True, False], repeat=3)
    ),
    *(
        KBinsDiscretizer(n, encode=e, strategy=s, quantile_method="averaged_inverted_cdf")
        for n, e, s in product(
            [2, 5], ["ordinal", "onehot", "onehot-dense"], ["uniform", "quantile"]
        )
    ),
    *(
        QuantileTransformer(n_quantiles=n, output_distribution=d)
        for n, d in product([1, 2, 10, 60], ["uniform", "normal"])
    ),
    Normalizer("l1"),
    Normalizer("l2"),
    Normalizer("max"),
    Binarizer(),
    Binarizer(threshold=0.5),
    *(
        PolynomialFeatures(d, interaction_only=i, include_bias=b)
        for d, i, b in product([0, 1, 2, 3, (2, 3)], [True, False], [True, False])
        if (d, b) != (0, False)
    ),
    *(PowerTransformer(standardize=s) for s in (True, False)),
    VarianceThreshold(),
    SelectKBest(f_classif, k=2),
    SelectFromModel(LogisticRegression(), max_features=2),
    FunctionTransformer(),
    FunctionTransformer(np.arcsinh),
    FunctionTransformer(np.tanh, validate=True),
]
NEAR = [
    *(PCA(n, whiten=w) for n, w in product([None, 2, 0.9], [True, False])),
    IncrementalPCA(2, whiten=True),
    TruncatedSVD(2, random_state=0),
    FactorAnalysis(2),
    FastICA(2, random_state=0),
    GaussianRandomProjection(3, random_state=0),
    SparseRandomProjection(3, random_state=0),
    LinearDiscriminantAnalysis(),
    LinearDiscriminantAnalysis(solver="eigen", shrinkage=0.1),
]


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("transformer", SCALERS)
def test_exact_on_numbers(transformer: Transformer, seed: int, tmp_path: Path) -> None:
    check(transformer, numbers(seed), numbers(seed + 10), tmp_path)


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("transformer", NEAR)
def test_near_on_numbers(transformer: Transformer, seed: int, tmp_path: Path) -> None:
    train, test = numbers(seed), numbers(seed + 10)
    train[:, [1, 4]], test[:, [1, 4]] = train[:, [0, 0]] ** 2, test[:, [0, 0]] ** 2 + 1
    check(transformer, train + 0.1 * numbers(seed + 1), test, tmp_path, rtol=1e-12)


GAPPY = [
    StandardScaler(),
    MinMaxScaler(clip=True),
    MaxAbsScaler(),
    RobustScaler(),
    QuantileTransformer(n_quantiles=10),
    QuantileTransformer(n_quantiles=10, output_distribution="normal"),
    PowerTransformer(),
    VarianceThreshold(),
    MissingIndicator(),
    MissingIndicator(features="all"),
    MissingIndicator(error_on_new=False),
    FunctionTransformer(np.cbrt),
    *(
        SimpleImputer(strategy=s, add_indicator=a)
        for s, a in product(["mean", "median", "most_frequent", "constant"], [True, False])
    ),
]


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("transformer", GAPPY)
def test_gaps(transformer: Transformer, seed: int, tmp_path: Path) -> None:
    check(transformer, numbers(seed, gaps=0.2), numbers(seed + 10, gaps=0.3), tmp_path, rtol=1e-12)


@pytest.mark.parametrize("keep", [True, False])
@pytest.mark.parametrize("strategy", ["mean", "most_frequent", "constant"])
def test_columns_without_values(strategy: str, keep: bool, tmp_path: Path) -> None:
    train = numbers(0, gaps=0.2)
    train[:, 1] = np.nan
    imputer = SimpleImputer(strategy=strategy, keep_empty_features=keep, add_indicator=True)
    check(imputer, train, numbers(1, gaps=0.2), tmp_path)


@pytest.mark.parametrize("missing", [0, -1.0])
@pytest.mark.parametrize("strategy", ["mean", "median", "most_frequent", "constant"])
def test_imputing_a_number(strategy: str, missing: float, tmp_path: Path) -> None:
    imputer = SimpleImputer(
        missing_values=missing, strategy=strategy, fill_value=None, add_indicator=True
    )
    for kind in (np.float64, np.int64):
        train, test = numbers(0).astype(kind), numbers(1).astype(kind)
        train[:, 3], test[:, 3] = numbers(0)[:, 3], numbers(1)[:, 3]
        check(imputer, train, test, tmp_path)


def test_power_transform_of_positive_numbers(tmp_path: Path) -> None:
    for standardize in (True, False):
        box_cox = PowerTransformer("box-cox", standardize=standardize)
        train, test = np.exp(numbers(0)[:, [0, 2, 3]]), np.exp(numbers(1)[:, [0, 2, 3]])
        check(box_cox, train, test, tmp_path, rtol=1e-12)


@pytest.mark.parametrize("clip", [True, False])
def test_clipped_scaling_by_the_greatest(clip: bool, tmp_path: Path) -> None:
    scaler = MaxAbsScaler()
    if "clip" not in scaler.get_params():
        pytest.skip("this scikit-learn's MaxAbsScaler has no clip")
    check(scaler.set_params(clip=clip), numbers(0), 5 * numbers(1), tmp_path)


def test_no_products(tmp_path: Path) -> None:
    nothing = PolynomialFeatures((2, 3), interaction_only=True, include_bias=False)
    check(make_union(nothing, MinMaxScaler()), numbers(0)[:, :1], numbers(1)[:, :1], tmp_path)


def test_values_at_the_ends_of_quantiles(tmp_path: Path) -> None:
    train = np.array([[0.0], [0], [1], [1], [2], [5], [5]])
    test = np.concatenate([train, train + 1e-8, train - 1e-8, [[-9.0], [9.0], [np.nan], [0.5]]])
    for distribution in ("uniform", "normal"):
        quantiles = QuantileTransformer(n_quantiles=5, output_distribution=distribution)
        check(quantiles, train, test, tmp_path)


def categories(seed: int, n: int = 60) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    letters = rng.choice(list("aaaabbbccde"), size=n).astype(object)
    gappy = np.where(rng.random(n) < 0.2, np.nan, letters)
    nothing = letters.copy()
    nothing[rng.random(n) < 0.2] = None
    counts = rng.choice([1.0, 2.0, 2.0, 3.5, np.nan], size=n)
    return pd.DataFrame(
        {
            "letters": letters,
            "gappy": gappy,
            "nothing": pd.Series(nothing, dtype=object),
            "counts": counts,
            "whole": rng.choice([3, 5, 8], size=n),
            "flag": rng.random(n) < 0.5,
        }
    )


def with_unknowns(frame: pd.DataFrame) -> pd.DataFrame:
    frame = frame.copy()
    frame.loc[0, ["letters", "gappy", "nothing"]] = "new"
    frame.loc[1, ["counts", "whole"]] = 77
    return frame


def one_hots() -> list[Transformer]:
    drops = [None, "first", "if_binary", ["a", "b", "a", 2.0, 5, True]]
    groups = [{}, {"min_frequency": 8}, {"max_categories": 3}]
    unknown = ["error", "ignore", "infrequent_if_exist"]
    return [
        OneHotEncoder(drop=d, handle_unknown=u, **g)
        for d, u, g in product(drops, unknown, groups)
        if not (isinstance(d, list) and g)
    ]


def ordinals() -> list[Transformer]:
    groups = [{}, {"min_frequency": 8}, {"max_categories": 3}]
    known = [OrdinalEncoder(**g) for g in groups]
    coded = [
        OrdinalEncoder(
            handle_unknown="use_encoded_value",
            unknown_value=u,
            encoded_missing_value=m,
            **g,
        )
        for u, m, g in product([-1, np.nan], [-2, np.nan], groups)
    ]
    return known + coded


@pytest.mark.parametrize("encoder", [*one_hots(), *ordinals()])
def test_categories(encoder: Transformer, tmp_path: Path) -> None:
    train, test = categories(0), categories(1)
    check(encoder, train, test, tmp_path)
    if encoder.handle_unknown != "error":
        check(encoder, train, with_unknowns(test), tmp_path)


@pytest.mark.parametrize("encoder", [OneHotEncoder(), OrdinalEncoder()])
def test_categories_in_arrays(encoder: Transformer, tmp_path: Path) -> None:
    texts = categories(0)[["letters", "letters"]].to_numpy().astype(str)
    check(encoder, texts, texts[::-1], tmp_path)
    wholes = categories(0)[["whole", "flag"]].to_numpy().astype(int)
    check(encoder, wholes, wholes[::-1], tmp_path)
    check(encoder, wholes.astype(object), wholes.astype(object)[::-1], tmp_path)


def test_categories_given_by_hand(tmp_path: Path) -> None:
    encoder = OneHotEncoder(categories=[["z", "e", "d", "c", "b", "a"], [0, 3, 5, 8]])
    check(
        encoder, categories(0)[["letters", "whole"]], categories(1)[["letters", "whole"]], tmp_path
    )


@pytest.mark.parametrize("add_indicator", [True, False])
@pytest.mark.parametrize("strategy", ["most_frequent", "constant"])
@pytest.mark.parametrize("missing", [np.nan, None, "b", pd.NA])
def test_imputing_text(missing: Any, strategy: str, add_indicator: bool, tmp_path: Path) -> None:
    column = "nothing" if missing is None else "letters" if isinstance(missing, str) else "gappy"
    train, test = (categories(seed)[[column]].astype(object) for seed in (0, 1))
    imputer = SimpleImputer(missing_values=missing, strategy=strategy, add_indicator=add_indicator)
    encoder = OneHotEncoder(handle_unknown="ignore")
    check(make_pipeline(imputer, encoder), train, test, tmp_path)


def test_numbers_where_text_was_filled(tmp_path: Path) -> None:
    imputer = SimpleImputer(strategy="constant", fill_value="?")
    frame = categories(0)[["letters", "whole", "counts"]]
    pipeline = make_pipeline(imputer, OrdinalEncoder(
        handle_unknown="use_encoded_value", unknown_value=-1
    ), MinMaxScaler())  # fmt: skip
    frame["counts"] = frame["counts"].fillna(2.0)
    check(pipeline, frame, categories(1)[["letters", "whole", "counts"]].fillna(2.0), tmp_path)


def mixed_transformer(remainder: Any = "drop") -> ColumnTransformer:
    return ColumnTransformer(
        [
            ("number", make_pipeline(SimpleImputer(), StandardScaler()), ["age", "income"]),
            (
                "text",
                make_pipeline(
                    SimpleImputer(strategy="constant", fill_value="?"),
                    OneHotEncoder(handle_unknown="ignore"),
                ),
                ["city", "plan"],
            ),
            ("rooms", KBinsDiscretizer(3, quantile_method="averaged_inverted_cdf"), ["rooms"]),
        ],
        remainder=remainder,
    )


@pytest.mark.parametrize("remainder", ["drop", "passthrough", MinMaxScaler()])
def test_mixed_columns(remainder: Any, tmp_path: Path) -> None:
    pipeline = Pipeline(
        [
            ("columns", mixed_transformer(remainder)),
            ("nothing", "passthrough"),
            ("union", make_union(PCA(2), SelectKBest(k=4))),
        ]
    )
    check(pipeline, people(0), people(1), tmp_path, rtol=1e-10)


@pytest.mark.parametrize("columns", [
    ["age", "income"],
    [0, -3],
    slice(0, 3, 2),
    slice(None, "age"),
    slice("rooms", None),
    [True, False, True, False, False, False],
    np.array([False, False, True, True, False, False]),
    pd.Index(["rooms", "age"]),
    make_column_selector(dtype_include=np.number),
    [],
])  # fmt: skip
def test_ways_to_name_columns(columns: Any, tmp_path: Path) -> None:
    transformer = ColumnTransformer([
        ("scale", StandardScaler(), columns),
        ("drop", "drop", ["city", "plan"]),
        ("keep", "passthrough", ["owner"]),
    ], transformer_weights={"scale": 3, "keep": 0.5})  # fmt: skip
    train, test = people(0).drop(columns="plan"), people(1).drop(columns="plan")
    train["last"] = test["last"] = 1.5
    train = train.rename(columns={"last": "plan"})
    test = test.rename(columns={"last": "plan"})
    check(transformer, train, test, tmp_path)
    if not isinstance(columns, slice) and len(np.shape(columns)) == 1 and len(columns) == 2:
        check(transformer, train, test[test.columns[::-1]].assign(more=1), tmp_path)


@pytest.mark.parametrize("columns", [[0, 2], slice(1, 3), [True, False, True, False, False], -1])
def test_columns_of_arrays(columns: Any, tmp_path: Path) -> None:
    columns = [columns] if isinstance(columns, int) else columns
    transformer = ColumnTransformer([("scale", MinMaxScaler(), columns)], remainder="passthrough")
    check(transformer, numbers(0), numbers(1), tmp_path)


def test_nested_unions_and_weights(tmp_path: Path) -> None:
    union = FeatureUnion(
        [
            ("gone", "drop"),
            ("same", "passthrough"),
            ("scaled", make_pipeline("passthrough", StandardScaler(), PCA(2))),
            ("inner", make_union(Normalizer(), Binarizer())),
        ],
        transformer_weights={"same": 2, "scaled": 0.5},
    )
    check(union, numbers(0), numbers(1), tmp_path, rtol=1e-12)


def branches() -> list[Transformer]:
    scale = ColumnTransformer([("scale", StandardScaler(), ["income"])])
    idle = make_pipeline("passthrough")
    return [
        StandardScaler(),
        make_pipeline(idle, StandardScaler()),
        make_pipeline("passthrough", make_pipeline(make_pipeline(MinMaxScaler()))),
        make_union(scale, StandardScaler()),
        make_union(idle, StandardScaler()),
        make_union(make_pipeline("passthrough", PCA(1)), scale),
        make_pipeline(make_union(make_union(scale, idle), "passthrough"), StandardScaler()),
        make_pipeline(FunctionTransformer(), StandardScaler()),
    ]


@pytest.mark.parametrize("transformer", branches())
def test_columns_are_found_by_name(transformer: Transformer) -> None:
    frame = people(0)[["rooms", "income"]]
    shuffled = frame[["income", "rooms"]].assign(more="text")
    expected = transformer.fit(frame).transform(frame)
    np.testing.assert_array_equal(preprocess(steps_of(transformer), shuffled), expected)


def test_columns_by_name_and_dropped_ones_absent() -> None:
    transformer = mixed_transformer().fit(people(0))
    test = people(1)
    expected = dense(transformer.transform(test))
    shuffled = test.drop(columns="owner")[["plan", "income", "rooms", "city", "age"]]
    np.testing.assert_array_equal(preprocess(steps_of(transformer), shuffled), expected)
    as_dict = {name: shuffled[name].tolist() for name in shuffled}
    np.testing.assert_array_equal(preprocess(steps_of(transformer), as_dict), expected)
    as_array = test.astype(object).to_numpy()
    np.testing.assert_array_equal(preprocess(steps_of(transformer), as_array), expected)
    np.testing.assert_array_equal(preprocess(steps_of(transformer), as_array.tolist()), expected)


def test_nullable_columns() -> None:
    frame = people(0)[["age", "city"]]
    transformer = ColumnTransformer(
        [("age", SimpleImputer(), ["age"]), ("city", OneHotEncoder(), ["city"])]
    ).fit(frame)
    nullable = frame.astype({"age": "Int64"}).astype({"age": object, "city": "string"})
    np.testing.assert_array_equal(
        preprocess(steps_of(transformer), nullable), dense(transformer.transform(frame))
    )


def test_selectors_of_others_are_taken_by_their_support(tmp_path: Path) -> None:
    check(EverySecond(), numbers(0), numbers(1), tmp_path)


class EverySecond(SelectorMixin, BaseEstimator):
    """A user's selector."""

    def fit(self, X: Array, y: Array) -> EverySecond:
        self.n_features_in_ = X.shape[1]
        return self

    def _get_support_mask(self) -> Array:
        return np.arange(self.n_features_in_) % 2 == 0


def test_models_without_transformers_take_columns_in_order() -> None:
    frame = people(0)[["rooms", "income"]]
    model = StandardScaler().fit(frame)
    assert transforms_of([("nothing", "passthrough"), ("none", None)]) == ()
    taken = preprocess(columns_of(model), frame[["income", "rooms"]])
    np.testing.assert_array_equal(taken, frame.to_numpy())
    assert columns_of(object()) == ()
    assert preprocess((), numbers(0)).shape == (60, 5)


@pytest.mark.parametrize("n", [0, 1])
def test_few_rows(n: int) -> None:
    transformer = mixed_transformer().fit(people(0))
    result = preprocess(steps_of(transformer), people(1)[:n])
    assert result.shape == (n, dense(transformer.transform(people(0))).shape[1])


class MyScaler(StandardScaler):
    """A user's own."""


class MySelector(SelectKBest):
    """A user's own."""

    def transform(self, X: Array) -> Array:
        return 2 * X


HUGE = np.array([[2**53], [2**53 + 1]])
DATES = np.array([["2020-01-01"], ["2021-01-01"]], dtype="datetime64[D]")


@pytest.mark.parametrize(("transformer", "train", "message"), [
    (MyScaler(), numbers(0), "MyScaler can't become plain data .* Transform the data before .* StandardScaler"),
    (MySelector(k=2), numbers(0), "MySelector can't become plain data"),
    (KNNImputer(), numbers(0), "KNNImputer can't become plain data"),
    (make_pipeline(StandardScaler(), KNNImputer()), numbers(0), "KNNImputer can't become"),
    (make_union(StandardScaler(), KNNImputer()), numbers(0), "KNNImputer can't become"),
    (ColumnTransformer([("k", KNNImputer(), [0])]), numbers(0), "KNNImputer can't become"),
    (FunctionTransformer(np.clip, kw_args={"min": 0, "max": 1}), numbers(0), "it calls clip with arguments. Use one of NumPy's absolute"),
    (make_pipeline(make_union(KBinsDiscretizer(), MinMaxScaler()), make_pipeline(QuantileTransformer())), numbers(0), "Put it before the indicators"),
    (MissingIndicator(sparse=True), numbers(0), 'Give sparse="auto"'),
    (FunctionTransformer(lambda values: values), numbers(0), "it calls <lambda>. Use one"),
    (KBinsDiscretizer(dtype=np.float32, quantile_method="linear"), numbers(0), "its dtype is .*float32.*Give dtype=None"),
    (OneHotEncoder(), HUGE, r"it has the value 9007199254740992. Use text or numbers below 2\*\*53"),
    (OneHotEncoder(), np.array([[b"a"], [b"b"]]), "it has the value b'a'"),
    (OneHotEncoder(), DATES, "it has the value datetime.date"),
    (StandardScaler(), np.array([[1, np.nan], [2, np.nan]]), "not finite. Leave out columns without any values"),
])  # fmt: skip
def test_refused_transformers(transformer: Transformer, train: Array, message: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        transformer.fit(train, np.arange(len(train)) % 2)
    with pytest.raises(UnsupportedModelError, match=message):
        steps_of(transformer)


def test_refused_discriminants_and_text() -> None:
    analysis = LinearDiscriminantAnalysis(solver="lsqr").fit(numbers(0), np.arange(60) % 2)
    with pytest.raises(UnsupportedModelError, match="its solver has no `transform`"):
        steps_of(analysis)
    words = CountVectorizer().fit(["one two", "two three"])
    with pytest.raises(UnsupportedModelError, match="CountVectorizer can't become"):
        steps_of(words)
    with pytest.raises(NotFittedError):
        steps_of(StandardScaler())


FITTED: dict[str, Callable[[], Preprocessing]] = {
    "mixed": lambda: steps_of(mixed_transformer("passthrough").fit(people(0))),
    "scaler": lambda: steps_of(StandardScaler().fit(numbers(0))),
    "pca": lambda: steps_of(PCA().fit(numbers(0))),
    "strict": lambda: steps_of(OneHotEncoder().fit(people(0)[["city", "rooms"]])),
    "lenient": lambda: steps_of(
        OneHotEncoder(handle_unknown="ignore").fit(people(0)[["city", "rooms"]])
    ),
    "many": lambda: steps_of(OrdinalEncoder().fit(np.arange(30)[:, None])),
    "box-cox": lambda: steps_of(PowerTransformer("box-cox").fit(np.exp(numbers(0)[:, :1]))),
    "zeros": lambda: steps_of(SimpleImputer(missing_values=0).fit(numbers(0))),
    "letters": lambda: steps_of(
        SimpleImputer(missing_values="b", strategy="most_frequent").fit(
            categories(0)[["letters"]].astype(object)
        )
    ),
    "flags": lambda: steps_of(MissingIndicator().fit(np.array([[1.0, np.nan], [1.0, 2.0]]))),
    "ratio": lambda: steps_of(FunctionTransformer(np.log).fit(numbers(0))),
    "none": lambda: (),
}
ROW = {"age": 3.0, "city": "Oslo", "rooms": 2, "income": 9.5, "owner": True, "plan": "pro"}


def row(**changes: Any) -> pd.DataFrame:
    cells = {**ROW, **changes}
    return pd.DataFrame({k: pd.Series([v], dtype=object) for k, v in cells.items()})


@pytest.mark.parametrize(("fitted", "data", "message"), [
    ("mixed", row().drop(columns=["age"]), r"Missing columns: \['age'\]. The data has \['city'.*\['age', 'income'\] are needed"),
    ("mixed", np.zeros((2, 4), dtype=object), "The data has 4 columns, but 6 are needed"),
    ("mixed", row(age="old"), "Column 'age' holds the text 'old', but numbers are needed"),
    ("mixed", row(age="3"), "Column 'age' holds the text '3'"),
    ("mixed", row(rooms=np.nan), "Column 'rooms' holds nan in row 0, but finite numbers without gaps"),
    ("mixed", row(rooms=None), "Column 'rooms' holds nan in row 0"),
    ("mixed", row(income=np.inf), "Column 'income' holds inf in row 0, but finite numbers and NaN"),
    ("mixed", row(income=10**400), "Column 'income' holds inf in row 0"),
    ("mixed", row(income=1j), "Column 'income' holds values of type complex, but numbers, text, None and NaN"),
    ("mixed", row(owner="yes"), "Column 'owner' holds the text 'yes'"),
    ("mixed", row(city=pd.Timestamp("2020-01-01")), "Column 'city' holds values of type Timestamp"),
    ("scaler", numbers(0)[:, :4], "The data has 4 columns, but 5 are needed"),
    ("scaler", numbers(0)[0], r"Data of class ndarray has no columns: give a data frame"),
    ("scaler", pd.Series([1.0, 2.0]), "Data of class Series has no columns"),
    ("scaler", [[1, 2], [3]], "Data of class list has no columns"),
    ("scaler", "text", "Data of class str has no columns"),
    ("scaler", None, "Data of class NoneType has no columns"),
    ("scaler", np.zeros((2, 5), dtype="M8[D]"), "Column 'x0' holds values of type datetime64"),
    ("scaler", np.array([["a"] * 5]), "Column 'x0' holds the text 'a'"),
    ("scaler", {"a": [1, 2], "b": [1]}, r"Column 'b' has the shape \(1,\), but \(2,\) is needed"),
    ("scaler", {"a": 1}, r"Column 'a' has the shape \(\)"),
    ("scaler", pd.DataFrame(np.zeros((1, 2)), columns=["a", "a"]), "Two columns have the same name"),
    ("scaler", numbers(0) * np.nan, "Column 'x0' holds nan in row 0, but finite numbers without gaps"),
    ("pca", numbers(0, gaps=0.9), "but finite numbers without gaps are needed"),
    ("strict", {"city": ["Bonn"], "rooms": [1]}, "Column 'city' holds 'Bonn', but these are allowed: 'Bern', 'Lima', 'Oslo', 'Rome', NaN"),
    ("strict", {"city": ["Oslo"], "rooms": [9]}, "Column 'rooms' holds 9.0, but these are allowed: 1.0, 2.0"),
    ("strict", {"city": ["Oslo"], "rooms": [np.nan]}, "Column 'rooms' holds NaN, but"),
    ("strict", {"city": [None], "rooms": [1]}, "Column 'city' holds None, but"),
    ("lenient", {"city": ["Oslo"], "rooms": ["1"]}, "Column 'rooms' holds '1', but these are allowed: 1.0"),
    ("lenient", {"city": [1.0], "rooms": [1]}, "Column 'city' holds 1.0, but these are allowed: 'Bern'"),
    ("many", [[30]], "Column 'x0' holds 30.0, but .* 9.0 and 20 more"),
    ("box-cox", [[1.0], [0.0]], "Column 'x0' holds 0.0 in row 1, but numbers above 0 are needed"),
    ("zeros", numbers(0, gaps=0.9), "but finite numbers without gaps are needed"),
    ("letters", {"letters": ["a", np.nan]}, "Column 'letters' holds NaN, but 'b' stands for missing"),
    ("flags", [[np.nan, 1.0]], "Column 'x0' has missing values, but had none when"),
    ("ratio", np.zeros((1, 5)), "Column 'x0' holds -inf in row 0, but finite numbers without gaps"),
    ("none", [["text"]], "Column 'x0' holds the text 'text'"),
])  # fmt: skip
def test_refused_data(fitted: str, data: Any, message: str) -> None:
    with pytest.raises(InvalidInputError, match=message):
        preprocess(FITTED[fitted](), data)


ONES = np.ones(2)


@pytest.mark.parametrize("make", [
    lambda: Columns((2,), 2),
    lambda: Columns((-1,), 2),
    lambda: Columns((0, 1), 2, ("one",)),
    lambda: Select((2,), 2, False),
    lambda: Standardize(ONES, np.ones(3)),
    lambda: Standardize(np.ones((1, 2)), np.ones((1, 2))),
    lambda: Rescale(ONES, np.ones(3)),
    lambda: Impute(Missing(), (1.0,), (0, 1), 2, True),
    lambda: Impute(Missing(), (1.0,), (5,), 2, True),
    lambda: MissingFlags(Missing(), (5,), 2, True),
    lambda: CodeBook(("a", "b"), (1.0,)),
    lambda: Indicators((-1,)),
    lambda: Indicators((10**12,)),
    lambda: Bins((np.ones((2, 2)),)),
    lambda: QuantileMap(ONES, ONES, True),
    lambda: QuantileMap(np.ones((3, 2)), ONES, True),
    lambda: QuantileMap(np.ones((0, 2)), np.ones(0), True),
    lambda: Power(np.ones((2, 2)), True),
    lambda: Norm("l3"),
    lambda: Ufunc("system"),
    lambda: Polynomial(np.array([1, 2])),
    lambda: Polynomial(np.array([[-1]])),
    lambda: Polynomial(np.array([[2**62, 2**62]])),
    lambda: Project(np.ones((2, 3)), ONES),
    lambda: Project(ONES, ONES),
])  # fmt: skip
def test_nonsense_in_files(make: Callable[[], ClientTransform]) -> None:
    with pytest.raises(InvalidInputError):
        make()


def test_columns_do_not_grow_without_end() -> None:
    with pytest.raises(InvalidInputError, match="too many columns"):
        preprocess((SideBySide(((), ())),) * 40, [[1.0]])


def test_steps_out_of_place_say_so() -> None:
    """Steps of a forged file meet tables that no pipeline gives them."""
    table = as_table({"a": ["text"], "b": [1.0]})
    steps = [transform for fitted in FITTED.values() for transform in fitted()]
    for transform in (*steps, Indicators((2,)), Bins((ONES, ONES)), Norm("l1"), Ufunc("exp")):
        with suppress(InvalidInputError):
            assert transform(table).n_samples == 1


def test_all_classes_are_in_the_table_under_names_of_their_own() -> None:
    own = {cls.__name__ for cls in TRANSFORM_CLASSES}
    others = {cls.__name__ for cls in (*PROGRAM_CLASSES, *ClientStep.__subclasses__(), Node)}
    assert not own & others
    defined = vars(preprocessing).values()
    stored_here = {c.__name__ for c in defined if isinstance(c, type) and is_dataclass(c)}
    assert own == stored_here - {"Table"}


SCRIPT = """
import sys
import numpy as np
from cml_sklearn.deployment.preprocessing import TRANSFORM_CLASSES, ClientTransform, preprocess
from cml_sklearn.program.archive import ArchiveTable, read
from dataclasses import dataclass

@dataclass(frozen=True)
class Content:
    transforms: tuple[ClientTransform, ...]

steps = read(sys.argv[1], Content, ArchiveTable([Content, *TRANSFORM_CLASSES])).transforms
data = {"age": [None, 40], "city": ["Oslo", "Bonn"], "rooms": [1, 2], "income": [1.5, 2],
        "owner": [True, False], "plan": ["pro", "free"]}
np.save(sys.argv[2], preprocess(steps, data))
heavy = {"sklearn", "pandas", "torch", "onnx", "concrete", "hummingbird", "tenseal"}
print(sorted(heavy & {name.split(".")[0] for name in sys.modules}))
"""


def test_a_client_needs_no_scikit_learn(tmp_path: Path) -> None:
    transformer = mixed_transformer("passthrough").fit(people(0))
    steps = steps_of(make_pipeline(transformer, PowerTransformer()).fit(people(0)))
    stored(steps, tmp_path)
    result = subprocess.run(
        [sys.executable, "-c", SCRIPT, tmp_path / "steps.zip", tmp_path / "out.npy"],
        check=True,
        capture_output=True,
        text=True,
    )
    assert result.stdout == "[]\n"
    frame = pd.DataFrame(
        {
            "age": [np.nan, 40],
            "city": ["Oslo", "Bonn"],
            "rooms": [1, 2],
            "income": [1.5, 2],
            "owner": [True, False],
            "plan": ["pro", "free"],
        }
    )
    np.testing.assert_array_equal(np.load(tmp_path / "out.npy"), preprocess(steps, frame))


@pytest.mark.parametrize("named", [True, False])
def test_columns_of_text_are_known(named: bool) -> None:
    """Through imputing, choices and branches, by names and by places."""
    rows = pd.DataFrame(
        {
            "age": [3.0, 4.0, 5.0],
            "code": np.array(["01", "02", "01"], dtype=object),
            "size": pd.Series(["s", None, "l"], dtype=object),
            "floor": [1, 2, 1],
        }
    )
    wanted: list[str] = ["code", "size", "floor"]
    columns: Any = wanted if named else [1, 2, 3]
    filled = make_pipeline(SimpleImputer(strategy="most_frequent"), OneHotEncoder())
    branches = [("n", StandardScaler(), ["age"] if named else [0])]
    both = make_union(OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1), filled)
    transformer = ColumnTransformer([*branches, ("c", both, columns)])
    data = rows if named else rows.to_numpy()
    transforms = steps_of(transformer.fit(data))
    header = [*reversed(rows.columns), "other"] if named else list(rows.columns)
    assert words_of(transforms, header) == {"code": {"01", "02"}, "size": {"s", "l", None}}
    with pytest.raises(InvalidInputError, match="needed"):
        words_of(transforms, ["age", "size"])
    assert words_of((), header) == {}
