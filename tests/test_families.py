"""Families of few lines a class: what the wrapped class gives, in all modes and by all methods."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.base import clone, is_classifier, is_regressor
from sklearn.compose import TransformedTargetRegressor
from sklearn.datasets import load_breast_cancer, load_iris, load_wine, make_blobs
from sklearn.model_selection import train_test_split
from sklearn.tree import DecisionTreeRegressor

from cml_sklearn import (
    cluster,
    decomposition,
    discriminant_analysis,
    linear_model,
    mixture,
    naive_bayes,
    neighbors,
    svm,
)
from cml_sklearn._typing import Array
from cml_sklearn.cross_decomposition import PLSSVD, PLSRegression
from cml_sklearn.deployment import FheClient, FheServer, load_estimator, save_estimator, save_model
from cml_sklearn.exceptions import InvalidInputError, UnsupportedModelError
from cml_sklearn.kernel_ridge import KernelRidge
from cml_sklearn.quantization.quantized_module import QuantizedModule
from tests.estimators import FURTHER, name_of

X, Y = load_iris(return_X_y=True)
COUNTS = np.rint(X)


def data_for(estimator: Any) -> tuple[Array, Array]:
    """Flowers; whole numbers for who counts; several targets for who takes several."""
    if type(estimator).__module__.endswith("naive_bayes"):
        return COUNTS, Y
    if name_of(estimator).startswith("MultiTask"):
        return X[:, :3], np.c_[X[:, 3], Y]
    return (X[:, :3], X[:, 3]) if is_regressor(estimator) else (X, Y)


def fitted(estimator: Any) -> tuple[Any, Array]:
    samples, targets = data_for(estimator)
    model = clone(estimator)
    known = model.get_params()
    model.set_params(**{k: v for k, v in {"random_state": 0, "n_bits": 12}.items() if k in known})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return model.fit(samples, targets), samples


@pytest.mark.fhe
@pytest.mark.parametrize("estimator", FURTHER, ids=name_of)
def test_all_methods_give_the_wrapped_models_results(estimator: Any) -> None:
    model, samples = fitted(estimator)
    for method, module in model.modules_.items():
        wanted, got = (getattr(m, method)(samples) for m in (model.sklearn_model_, model))
        assert got.shape == wanted.shape
        if method == "predict" and not is_regressor(model):
            assert (got == wanted).mean() >= 0.98
        else:
            np.testing.assert_allclose(got, wanted, atol=0.02 * np.ptp(wanted) + 1e-6)
        codes = module.quantize_input(samples[::30])
        clear = module.quantized_forward(*codes, execute_in_fhe=False)[0]
        encrypted = module.quantized_forward(*codes, execute_in_fhe=True)[0]
        np.testing.assert_array_equal(encrypted, clear)
        assert module.program.n_lookups == 0
        assert module.fhe_circuit.engine.name == "seal"


MIXTURES = [
    mixture.GaussianMixture(2, covariance_type=kind, random_state=0)
    for kind in ("full", "tied", "diag", "spherical")
]
BAYESIAN = [
    mixture.BayesianGaussianMixture(n_components=2, covariance_type=kind, random_state=0, **prior)
    for kind, prior in (
        ("full", {"weight_concentration_prior_type": "dirichlet_distribution"}),
        ("tied", {}),
        ("diag", {}),
    )
]
MODELS = [
    *MIXTURES,
    *BAYESIAN,
    decomposition.KernelPCA(2, kernel="poly", degree=2, gamma=0.1),
    decomposition.SparsePCA(2, alpha=0.1, ridge_alpha=1.0, max_iter=20, random_state=0),
    cluster.Birch(threshold=0.7, n_clusters=None),
    svm.SVC(kernel="linear"),
    svm.SVC(kernel="linear", decision_function_shape="ovo"),
    svm.SVC(kernel="poly", degree=2, coef0=1.0, break_ties=True),
    svm.SVC(kernel="poly", degree=1, gamma=0.5),
    KernelRidge(kernel="poly", degree=2, gamma=0.1),
    neighbors.NearestCentroid(priors="empirical"),
    naive_bayes.BernoulliNB(binarize=2.0),
    naive_bayes.BernoulliNB(binarize=None),
    decomposition.PCA(2, whiten=True),
    linear_model.RANSACRegressor(linear_model.Ridge(), min_samples=5, random_state=0),
]


@pytest.mark.parametrize("estimator", MODELS, ids=str)
@pytest.mark.parametrize("n_classes", [2, 3])
def test_options_of_wrapped_models(estimator: Any, n_classes: int) -> None:
    rows = Y[1:] < n_classes  # the classes are not as large
    samples, targets = X[1:][rows], Y[1:][rows]
    if getattr(estimator, "binarize", 0.0) is None:
        samples = (samples > 2).astype(float)
    model = clone(estimator).set_params(n_bits=12).fit(samples, targets)
    for method in model.modules_:
        wanted, got = (getattr(m, method)(samples) for m in (model.sklearn_model_, model))
        if method == "predict" and not is_regressor(model):
            assert (got == wanted).mean() >= 0.98
        else:
            np.testing.assert_allclose(got, wanted, atol=0.01 * np.ptp(wanted) + 1e-6)


@pytest.mark.parametrize("load", [load_wine, load_breast_cancer])
def test_defaults_are_as_good_as_scikit_learns(load: Callable[..., Any]) -> None:
    data, targets = load(return_X_y=True)
    X_train, X_test, y_train, y_test = train_test_split(
        data, targets, test_size=0.3, random_state=0
    )
    regular = 0.0 if load is load_wine else 1e-4
    for model in (
        naive_bayes.GaussianNB(),
        discriminant_analysis.QuadraticDiscriminantAnalysis(reg_param=regular, tol=1e-8),
    ):
        model.fit(X_train, y_train)
        assert abs(model.score(X_test, y_test) - model.sklearn_model_.score(X_test, y_test)) < 0.01
    for unlabelled in (decomposition.PCA(2), cluster.KMeans(3, n_init=1, random_state=0)):
        wanted = unlabelled.fit(X_train).sklearn_model_.transform(X_test)
        error = np.linalg.norm(unlabelled.transform(X_test) - wanted)
        assert error < 0.01 * np.linalg.norm(wanted)
    # KMeans, which came last
    assert (unlabelled.predict(X_train) == unlabelled.labels_).mean() > 0.99


@pytest.mark.filterwarnings("ignore::cml_sklearn.exceptions.ClippedInputWarning")
def test_far_samples_are_moved_into_the_box_as_a_whole() -> None:
    model = naive_bayes.GaussianNB().fit(X, Y)
    far = np.array([[1e300, -1e300, 1e300, 0.0], [1e3, -1e3, 1e3, 0.0]])
    scores = model.predict_joint_log_proba(far)
    np.testing.assert_array_equal(scores[0], scores[1])
    assert scores.max() < model.predict_joint_log_proba(X).max(axis=1).min()


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (svm.SVC(kernel="precomputed"), "kernel='precomputed'"),
        (svm.SVR(kernel="poly"), "degree=3"),
        (svm.OneClassSVM(kernel="sigmoid"), "kernel='sigmoid'"),
        (KernelRidge(kernel="laplacian"), "kernel='laplacian'"),
        (decomposition.KernelPCA(kernel="cosine"), "kernel='cosine'"),
        (cluster.AffinityPropagation(affinity="precomputed"), "affinity='precomputed'"),
        (neighbors.NearestCentroid(metric="manhattan"), "metric='manhattan'"),
        (svm.SVC(kernel="linear", probability=True), "CalibratedClassifierCV"),
        (linear_model.RANSACRegressor(DecisionTreeRegressor(), min_samples=5), "not linear"),
    ],
    ids=lambda value: name_of(value) if not isinstance(value, str) else "",
)
def test_what_has_no_short_form_is_refused(model: Any, message: str) -> None:
    with pytest.raises(UnsupportedModelError, match=message):
        model.fit(X, Y)


def test_too_many_products_are_refused() -> None:
    wide = np.random.default_rng(0).normal(size=(200, 95))
    with pytest.raises(UnsupportedModelError, match="4655 products"):
        mixture.GaussianMixture().fit(wide)


def test_unknown_categories_are_refused() -> None:
    model = naive_bayes.CategoricalNB().fit(COUNTS, Y)
    for wrong, message in ((COUNTS + 9, "beyond those of training"), (-COUNTS, "Negative values")):
        with pytest.raises(ValueError, match=message):
            model.predict(wrong)


def test_later_batches_may_lack_categories() -> None:
    model = naive_bayes.CategoricalNB().fit(COUNTS, Y).partial_fit(np.minimum(COUNTS, 1), Y)
    wanted = model.sklearn_model_.predict(COUNTS)
    np.testing.assert_array_equal(model.predict(COUNTS), wanted)


def test_batches_train_further() -> None:
    for model in (
        naive_bayes.GaussianNB(n_bits=12),
        cluster.MiniBatchKMeans(3, random_state=0, n_bits=10),
        cluster.Birch(threshold=0.7),
        decomposition.IncrementalPCA(2),
    ):
        options = {"classes": [0, 1, 2]} if is_classifier(model) else {}
        for rows in (slice(0, None, 2), slice(1, None, 2)):
            model.partial_fit(X[rows], Y[rows], **options)
        main = model._main_method
        wanted, got = (getattr(m, main)(X) for m in (model.sklearn_model_, model))
        np.testing.assert_allclose(got, wanted, atol=0.02 * np.ptp(wanted))


def test_subclusters_are_grouped_anew_without_samples() -> None:
    model = cluster.Birch(threshold=0.7, n_clusters=2).fit(X)
    before = model.transform(X)
    model.set_params(n_clusters=3).partial_fit()
    assert len(np.unique(model.predict(X))) == 3
    np.testing.assert_array_equal(model.predict(X), model.sklearn_model_.predict(X))
    np.testing.assert_array_equal(model.transform(X), before)


@pytest.mark.filterwarnings("ignore:Affinity propagation did not converge")
def test_without_exemplars_all_samples_are_in_no_cluster() -> None:
    model = cluster.AffinityPropagation(max_iter=1, random_state=0).fit(X)
    assert len(model.cluster_centers_) == 0
    np.testing.assert_array_equal(model.predict(X), -np.ones(len(X)))


def test_models_go_to_two_machines_and_to_files(tmp_path: Path) -> None:
    model = naive_bayes.GaussianNB(n_bits=10).fit(X, Y)
    save_model(model, tmp_path, engine="seal")
    client, server = FheClient(tmp_path / "client.zip"), FheServer(tmp_path / "server.zip")
    client.generate_keys()
    keys, message = client.evaluation_keys(), client.encrypt(X[::50], "predict_log_proba")
    found = client.decrypt(server.run(keys, message), "predict_log_proba")
    np.testing.assert_array_equal(found, model.predict_log_proba(X[::50]))
    projection = decomposition.PCA(2).fit(X)
    save_estimator(projection, tmp_path / "pca.zip")
    loaded = load_estimator(tmp_path / "pca.zip")
    np.testing.assert_array_equal(loaded.transform(X), projection.transform(X))
    assert loaded.get_feature_names_out().tolist() == ["pca0", "pca1"]


def test_maps_that_make_no_sense_are_refused(tmp_path: Path) -> None:
    module = naive_bayes.GaussianNB(n_bits=10).fit(X, Y).quantized_module_
    encoder: Any = module.input_quantizers[0]
    map_of = vars(encoder.features)
    for wrong in (
        {"first": map_of["first"] + 9},
        {"second": map_of["second"][1:]},
        {"low": map_of["low"][1:]},
        {"low": map_of["high"] + 1},
    ):
        features = type(encoder.features)(**{**map_of, **wrong})
        damaged = QuantizedModule(
            module.program, (type(encoder)(features, encoder.quantizer),), module.output_scales
        )
        damaged.save(tmp_path / "module.npz")
        with pytest.raises(InvalidInputError, match=r"a map|an empty box"):
            QuantizedModule.load(tmp_path / "module.npz")
    module.save(tmp_path / "module.npz")
    again = QuantizedModule.load(tmp_path / "module.npz")
    np.testing.assert_array_equal(again.forward(X), module.forward(X))
    with pytest.raises(InvalidInputError, match=r"takes \(n_samples, 4\)"):
        again.forward(X[:, :3])


def test_targets_may_be_transformed() -> None:
    options = {"func": np.log, "inverse_func": np.exp}
    model = TransformedTargetRegressor(linear_model.Ridge(), **options).fit(X[:, :3], X[:, 3])
    encrypted = model.predict(X[::30, :3], execute_in_fhe=True)
    np.testing.assert_array_equal(encrypted, model.predict(X[::30, :3]))
    plain = TransformedTargetRegressor(linear_model.Ridge()._make_wrapped(), **options)
    wanted = plain.fit(X[:, :3], X[:, 3]).predict(X[:, :3])
    np.testing.assert_allclose(model.predict(X[:, :3]), wanted, rtol=0.03)


@pytest.mark.parametrize("kind", [PLSRegression, PLSSVD])
def test_scores_of_targets_stay_in_the_clear(kind: Any) -> None:
    model = kind(1, n_bits=12).fit(X[:, :3], X[:, 3])
    _, scores = model.transform(X[:, :3], X[:, 3])
    np.testing.assert_array_equal(scores, model.sklearn_model_.transform(X[:, :3], X[:, 3])[1])
    with pytest.raises(UnsupportedModelError, match="leave y out"):
        model.transform(X[:, :3], X[:, 3], execute_in_fhe="simulate")


def test_cross_validated_models_score_by_their_scorer() -> None:
    model = linear_model.LogisticRegressionCV(
        Cs=2, cv=2, scoring="neg_log_loss", l1_ratios=(0.0,), use_legacy_attributes=False, n_bits=12
    ).fit(X, Y)
    wanted = model.sklearn_model_.score(X, Y)
    assert wanted < 0
    np.testing.assert_allclose(model.score(X, Y, execute_in_fhe="simulate"), wanted, rtol=0.05)


def test_scores_without_targets() -> None:
    for estimator in (cluster.KMeans(3, n_init=1, random_state=0), MIXTURES[0]):
        model: Any = clone(estimator).set_params(n_bits=12).fit(X)
        np.testing.assert_allclose(model.score(X), model.sklearn_model_.score(X), rtol=0.01)


@pytest.mark.parametrize(
    "kind",
    [
        cluster.KMeans,
        cluster.MiniBatchKMeans,
        cluster.BisectingKMeans,
        cluster.MeanShift,
        cluster.Birch,
    ],
)
def test_centres_may_be_far_from_zero(kind: Any) -> None:
    X, _ = make_blobs(200, random_state=0)
    model = kind()
    known = model.get_params()
    model.set_params(
        **{k: v for k, v in {"n_clusters": 3, "random_state": 0}.items() if k in known}
    )
    model.fit(X + 1e7)
    np.testing.assert_array_equal(model.predict(X + 1e7), model.sklearn_model_.predict(X + 1e7))


def test_centroids_may_be_far_from_zero() -> None:
    X, y = make_blobs(201, random_state=0)
    model = neighbors.NearestCentroid().fit(X + 1e7, y)
    agreed = model.predict(X + 1e7) == model.sklearn_model_.predict(X + 1e7)
    assert agreed.mean() > 0.98
