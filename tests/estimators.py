"""The estimators under test: one place, from which every common test reads."""

from __future__ import annotations

from sklearn.base import BaseEstimator

from cml_sklearn import (
    cluster,
    covariance,
    cross_decomposition,
    decomposition,
    discriminant_analysis,
    ensemble,
    kernel_ridge,
    lightgbm,
    linear_model,
    mixture,
    naive_bayes,
    neighbors,
    neural_network,
    random_projection,
    svm,
    tree,
    xgboost,
)
from cml_sklearn.estimators.base import FheEstimator

LINEAR = [
    linear_model.BayesianRidge(),
    linear_model.ElasticNet(),
    linear_model.GammaRegressor(),
    linear_model.HuberRegressor(),
    linear_model.Lasso(),
    linear_model.LinearRegression(),
    linear_model.LogisticRegression(),
    linear_model.Perceptron(),
    linear_model.PoissonRegressor(),
    linear_model.Ridge(),
    linear_model.RidgeClassifier(),
    linear_model.SGDClassifier(),
    linear_model.SGDRegressor(),
    linear_model.TweedieRegressor(),
    svm.LinearSVC(),
    svm.LinearSVR(),
    discriminant_analysis.LinearDiscriminantAnalysis(),
]
FURTHER_LINEAR = [
    cross_decomposition.CCA(n_components=1),
    cross_decomposition.PLSCanonical(n_components=1),
    cross_decomposition.PLSRegression(),
    cross_decomposition.PLSSVD(n_components=1),
    linear_model.ARDRegression(),
    linear_model.ElasticNetCV(cv=2, alphas=5),
    linear_model.Lars(),
    linear_model.LarsCV(cv=2),
    linear_model.LassoCV(cv=2, alphas=5),
    linear_model.LassoLars(),
    linear_model.LassoLarsCV(cv=2),
    linear_model.LassoLarsIC(noise_variance=1.0),
    linear_model.LogisticRegressionCV(Cs=2, cv=2, l1_ratios=(0.0,), use_legacy_attributes=False),
    linear_model.MultiTaskElasticNet(),
    linear_model.MultiTaskElasticNetCV(cv=2, alphas=5),
    linear_model.MultiTaskLasso(),
    linear_model.MultiTaskLassoCV(cv=2, alphas=5),
    linear_model.OrthogonalMatchingPursuit(),
    linear_model.OrthogonalMatchingPursuitCV(cv=2),
    linear_model.QuantileRegressor(),
    linear_model.RANSACRegressor(max_trials=10),
    linear_model.RidgeCV(),
    linear_model.RidgeClassifierCV(),
    linear_model.SGDOneClassSVM(),
    linear_model.TheilSenRegressor(max_subpopulation=100),
]
"""Linear models that share the code of those above."""
PROJECTIONS = [
    decomposition.FactorAnalysis(max_iter=10),
    decomposition.FastICA(max_iter=10),
    decomposition.IncrementalPCA(),
    decomposition.KernelPCA(n_components=2),
    decomposition.MiniBatchSparsePCA(n_components=2, max_iter=10),
    decomposition.PCA(),
    decomposition.SparsePCA(n_components=2, max_iter=10),
    decomposition.TruncatedSVD(),
    neighbors.NeighborhoodComponentsAnalysis(max_iter=5),
    neural_network.BernoulliRBM(n_components=3, n_iter=2),
    random_projection.GaussianRandomProjection(n_components=2),
    random_projection.SparseRandomProjection(n_components=2),
]
CLUSTERS = [
    cluster.AffinityPropagation(n_bits=10),
    cluster.Birch(n_bits=10),
    cluster.BisectingKMeans(n_clusters=3, n_bits=10),
    cluster.KMeans(n_clusters=3, n_bits=10),
    cluster.MeanShift(bin_seeding=True, n_bits=10),
    cluster.MiniBatchKMeans(n_clusters=3, n_bits=10),
]
MAPPED = [
    covariance.EllipticEnvelope(support_fraction=1.0, n_bits=10),
    discriminant_analysis.QuadraticDiscriminantAnalysis(n_bits=10),
    kernel_ridge.KernelRidge(n_bits=10),
    mixture.BayesianGaussianMixture(n_bits=10),
    mixture.GaussianMixture(n_bits=10),
    naive_bayes.BernoulliNB(),
    naive_bayes.CategoricalNB(),
    naive_bayes.ComplementNB(),
    naive_bayes.GaussianNB(n_bits=10),
    naive_bayes.MultinomialNB(),
    neighbors.NearestCentroid(n_bits=10),
    svm.NuSVC(kernel="linear", n_bits=10),
    svm.NuSVR(kernel="linear", n_bits=10),
    svm.OneClassSVM(kernel="linear", n_bits=10),
    svm.SVC(kernel="poly", degree=2, n_bits=10),
    svm.SVR(kernel="poly", degree=2, n_bits=10),
]
"""The client makes features of features for them, or their scores are affine already."""
DISTANCES = [
    kernel_ridge.KernelRidge(kernel="rbf"),
    neighbors.KNeighborsClassifier(),
    neighbors.KNeighborsRegressor(),
    neighbors.RadiusNeighborsClassifier(),
    neighbors.RadiusNeighborsRegressor(),
    svm.NuSVC(),
    svm.NuSVR(),
    svm.OneClassSVM(),
    svm.SVC(),
    svm.SVR(),
]
"""They compare a sample with those of training."""
SINGLE_TREES = [
    tree.DecisionTreeClassifier(),
    tree.DecisionTreeRegressor(),
    tree.ExtraTreeClassifier(),
    tree.ExtraTreeRegressor(),
]
ENSEMBLES = [
    ensemble.AdaBoostClassifier(n_estimators=3),
    ensemble.AdaBoostRegressor(n_estimators=3),
    ensemble.BaggingClassifier(n_estimators=3),
    ensemble.BaggingRegressor(n_estimators=3),
    ensemble.ExtraTreesClassifier(n_estimators=3),
    ensemble.ExtraTreesRegressor(n_estimators=3),
    ensemble.GradientBoostingClassifier(n_estimators=3),
    ensemble.GradientBoostingRegressor(n_estimators=3),
    ensemble.HistGradientBoostingClassifier(max_iter=3),
    ensemble.HistGradientBoostingRegressor(max_iter=3),
    ensemble.IsolationForest(n_estimators=5),
    ensemble.RandomForestClassifier(n_estimators=3),
    ensemble.RandomForestRegressor(n_estimators=3),
]
BOOSTERS = [
    lightgbm.LGBMClassifier(n_estimators=3, n_jobs=1),
    lightgbm.LGBMRegressor(n_estimators=3, n_jobs=1),
    xgboost.XGBClassifier(n_estimators=3, n_jobs=1),
    xgboost.XGBRegressor(n_estimators=3, n_jobs=1),
    xgboost.XGBRFClassifier(n_estimators=3, n_jobs=1),
    xgboost.XGBRFRegressor(n_estimators=3, n_jobs=1),
]
TREES = [*SINGLE_TREES, *ENSEMBLES, *BOOSTERS]
NETWORKS = [neural_network.MLPClassifier(), neural_network.MLPRegressor()]
NETS = [
    neural_network.NeuralNetClassifier(),
    neural_network.NeuralNetClassifier(max_epochs=15, module__hidden_layer_sizes=(8,), n_bits=4),
    neural_network.NeuralNetRegressor(),
    neural_network.NeuralNetRegressor(max_epochs=15, module__hidden_layer_sizes=(8,), n_bits=4),
]
"""They wrap no class, so they pass every check."""
ESTIMATORS = [*LINEAR, *TREES, *NETWORKS]
FURTHER = [*FURTHER_LINEAR, *PROJECTIONS, *CLUSTERS, *MAPPED]
"""Classes of few lines: what needs no data they share with all, and `test_families.py` fits them."""

EVERY = [*ESTIMATORS, *FURTHER, *DISTANCES]


def name_of(estimator: BaseEstimator) -> str:
    return type(estimator).__name__


def wrapped(estimator: FheEstimator) -> BaseEstimator:
    """The scikit-learn estimator with the same parameters, unfitted."""
    return estimator._make_wrapped()
