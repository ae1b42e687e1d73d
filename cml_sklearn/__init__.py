"""scikit-learn estimators that predict on encrypted data.

::

    sklearn estimator     linear_model, svm, ...    fit, predict
            | convert/    Hummingbird
       ONNX graph
            | onnx/       ONNX_OPS_TO_NUMPY_IMPL
       NumpyModule                                  floats, in the clear
            | quantization/   ONNX_OPS_TO_QUANTIZED_IMPL
       QuantizedModule                              integers, in the clear
            | fhe/        an engine: SEAL, Concrete, or the strict reference in the clear
       FheCircuit                                   simulate | execute

Names are imported when first used, so that ``import cml_sklearn`` costs little.
"""

from __future__ import annotations

import logging
from importlib import import_module
from typing import Any

from cml_sklearn._version import __version__

_PUBLIC = {
    "_show_versions": ["show_versions"],
    "cluster": [
        "AffinityPropagation",
        "Birch",
        "BisectingKMeans",
        "KMeans",
        "MeanShift",
        "MiniBatchKMeans",
    ],
    "compile": ["compile_onnx_model", "compile_torch_model", "preflight"],
    "config": ["config_context", "get_config", "set_config"],
    "covariance": ["EllipticEnvelope"],
    "cross_decomposition": ["CCA", "PLSSVD", "PLSCanonical", "PLSRegression"],
    "decomposition": [
        "FactorAnalysis",
        "FastICA",
        "IncrementalPCA",
        "KernelPCA",
        "MiniBatchSparsePCA",
        "PCA",
        "SparsePCA",
        "TruncatedSVD",
    ],
    "discriminant_analysis": ["LinearDiscriminantAnalysis", "QuadraticDiscriminantAnalysis"],
    "ensemble": [
        "AdaBoostClassifier",
        "AdaBoostRegressor",
        "BaggingClassifier",
        "BaggingRegressor",
        "ExtraTreesClassifier",
        "ExtraTreesRegressor",
        "GradientBoostingClassifier",
        "GradientBoostingRegressor",
        "HistGradientBoostingClassifier",
        "HistGradientBoostingRegressor",
        "IsolationForest",
        "RandomForestClassifier",
        "RandomForestRegressor",
    ],
    "kernel_ridge": ["KernelRidge"],
    "linear_model": [
        "ARDRegression",
        "BayesianRidge",
        "ElasticNet",
        "ElasticNetCV",
        "GammaRegressor",
        "HuberRegressor",
        "Lars",
        "LarsCV",
        "Lasso",
        "LassoCV",
        "LassoLars",
        "LassoLarsCV",
        "LassoLarsIC",
        "LinearRegression",
        "LogisticRegression",
        "LogisticRegressionCV",
        "MultiTaskElasticNet",
        "MultiTaskElasticNetCV",
        "MultiTaskLasso",
        "MultiTaskLassoCV",
        "OrthogonalMatchingPursuit",
        "OrthogonalMatchingPursuitCV",
        "Perceptron",
        "PoissonRegressor",
        "QuantileRegressor",
        "RANSACRegressor",
        "Ridge",
        "RidgeCV",
        "RidgeClassifier",
        "RidgeClassifierCV",
        "SGDClassifier",
        "SGDOneClassSVM",
        "SGDRegressor",
        "TheilSenRegressor",
        "TweedieRegressor",
    ],
    "mixture": ["BayesianGaussianMixture", "GaussianMixture"],
    "naive_bayes": ["BernoulliNB", "CategoricalNB", "ComplementNB", "GaussianNB", "MultinomialNB"],
    "neighbors": [
        "KNeighborsClassifier",
        "KNeighborsRegressor",
        "NearestCentroid",
        "NeighborhoodComponentsAnalysis",
        "RadiusNeighborsClassifier",
        "RadiusNeighborsRegressor",
    ],
    "neural_network": [
        "BernoulliRBM",
        "MLPClassifier",
        "MLPRegressor",
        "NeuralNetClassifier",
        "NeuralNetRegressor",
    ],
    "onnx.numpy_module": ["NumpyModule"],
    "quantization.post_training": ["PostTrainingAffineQuantization"],
    "quantization.quantized_module": ["QuantizedModule"],
    "quantization_aware": ["simulated_rounding"],
    "random_projection": ["GaussianRandomProjection", "SparseRandomProjection"],
    "svm": ["SVC", "SVR", "LinearSVC", "LinearSVR", "NuSVC", "NuSVR", "OneClassSVM"],
    "tree": [
        "DecisionTreeClassifier",
        "DecisionTreeRegressor",
        "ExtraTreeClassifier",
        "ExtraTreeRegressor",
    ],
}
_SUBMODULES = {name for name in _PUBLIC if name[0] != "_" and "." not in name}
_SUBMODULES |= {"inspection", "metrics", "model_selection"}
_MODULE_OF = {name: module for module, names in _PUBLIC.items() for name in names}

__all__ = ["__version__", *sorted(_MODULE_OF)]  # noqa: PLE0604

# silent, unless who uses the library asks for its lines
logging.getLogger(__name__).addHandler(logging.NullHandler())


def __getattr__(name: str) -> Any:
    if name in _SUBMODULES:
        return import_module(f"{__name__}.{name}")
    if name not in _MODULE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULE_OF[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*__all__, *_SUBMODULES})
