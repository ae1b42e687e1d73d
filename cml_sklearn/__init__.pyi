# Written by `python -m docs.stubs`; do not edit by hand.
"""scikit-learn estimators that predict on encrypted data."""

from cml_sklearn import cluster as cluster
from cml_sklearn import config as config
from cml_sklearn import covariance as covariance
from cml_sklearn import cross_decomposition as cross_decomposition
from cml_sklearn import decomposition as decomposition
from cml_sklearn import discriminant_analysis as discriminant_analysis
from cml_sklearn import ensemble as ensemble
from cml_sklearn import inspection as inspection
from cml_sklearn import kernel_ridge as kernel_ridge
from cml_sklearn import linear_model as linear_model
from cml_sklearn import metrics as metrics
from cml_sklearn import mixture as mixture
from cml_sklearn import model_selection as model_selection
from cml_sklearn import naive_bayes as naive_bayes
from cml_sklearn import neighbors as neighbors
from cml_sklearn import neural_network as neural_network
from cml_sklearn import quantization_aware as quantization_aware
from cml_sklearn import random_projection as random_projection
from cml_sklearn import svm as svm
from cml_sklearn import tree as tree
from cml_sklearn._show_versions import show_versions as show_versions
from cml_sklearn._version import __version__ as __version__
from cml_sklearn.cluster import AffinityPropagation as AffinityPropagation
from cml_sklearn.cluster import Birch as Birch
from cml_sklearn.cluster import BisectingKMeans as BisectingKMeans
from cml_sklearn.cluster import KMeans as KMeans
from cml_sklearn.cluster import MeanShift as MeanShift
from cml_sklearn.cluster import MiniBatchKMeans as MiniBatchKMeans
from cml_sklearn.compile import compile_onnx_model as compile_onnx_model
from cml_sklearn.compile import compile_torch_model as compile_torch_model
from cml_sklearn.compile import preflight as preflight
from cml_sklearn.config import config_context as config_context
from cml_sklearn.config import get_config as get_config
from cml_sklearn.config import set_config as set_config
from cml_sklearn.covariance import EllipticEnvelope as EllipticEnvelope
from cml_sklearn.cross_decomposition import CCA as CCA
from cml_sklearn.cross_decomposition import PLSSVD as PLSSVD
from cml_sklearn.cross_decomposition import PLSCanonical as PLSCanonical
from cml_sklearn.cross_decomposition import PLSRegression as PLSRegression
from cml_sklearn.decomposition import PCA as PCA
from cml_sklearn.decomposition import FactorAnalysis as FactorAnalysis
from cml_sklearn.decomposition import FastICA as FastICA
from cml_sklearn.decomposition import IncrementalPCA as IncrementalPCA
from cml_sklearn.decomposition import KernelPCA as KernelPCA
from cml_sklearn.decomposition import MiniBatchSparsePCA as MiniBatchSparsePCA
from cml_sklearn.decomposition import SparsePCA as SparsePCA
from cml_sklearn.decomposition import TruncatedSVD as TruncatedSVD
from cml_sklearn.discriminant_analysis import (
    LinearDiscriminantAnalysis as LinearDiscriminantAnalysis,
)
from cml_sklearn.discriminant_analysis import (
    QuadraticDiscriminantAnalysis as QuadraticDiscriminantAnalysis,
)
from cml_sklearn.ensemble import AdaBoostClassifier as AdaBoostClassifier
from cml_sklearn.ensemble import AdaBoostRegressor as AdaBoostRegressor
from cml_sklearn.ensemble import BaggingClassifier as BaggingClassifier
from cml_sklearn.ensemble import BaggingRegressor as BaggingRegressor
from cml_sklearn.ensemble import ExtraTreesClassifier as ExtraTreesClassifier
from cml_sklearn.ensemble import ExtraTreesRegressor as ExtraTreesRegressor
from cml_sklearn.ensemble import GradientBoostingClassifier as GradientBoostingClassifier
from cml_sklearn.ensemble import GradientBoostingRegressor as GradientBoostingRegressor
from cml_sklearn.ensemble import HistGradientBoostingClassifier as HistGradientBoostingClassifier
from cml_sklearn.ensemble import HistGradientBoostingRegressor as HistGradientBoostingRegressor
from cml_sklearn.ensemble import IsolationForest as IsolationForest
from cml_sklearn.ensemble import RandomForestClassifier as RandomForestClassifier
from cml_sklearn.ensemble import RandomForestRegressor as RandomForestRegressor
from cml_sklearn.kernel_ridge import KernelRidge as KernelRidge
from cml_sklearn.linear_model import ARDRegression as ARDRegression
from cml_sklearn.linear_model import BayesianRidge as BayesianRidge
from cml_sklearn.linear_model import ElasticNet as ElasticNet
from cml_sklearn.linear_model import ElasticNetCV as ElasticNetCV
from cml_sklearn.linear_model import GammaRegressor as GammaRegressor
from cml_sklearn.linear_model import HuberRegressor as HuberRegressor
from cml_sklearn.linear_model import Lars as Lars
from cml_sklearn.linear_model import LarsCV as LarsCV
from cml_sklearn.linear_model import Lasso as Lasso
from cml_sklearn.linear_model import LassoCV as LassoCV
from cml_sklearn.linear_model import LassoLars as LassoLars
from cml_sklearn.linear_model import LassoLarsCV as LassoLarsCV
from cml_sklearn.linear_model import LassoLarsIC as LassoLarsIC
from cml_sklearn.linear_model import LinearRegression as LinearRegression
from cml_sklearn.linear_model import LogisticRegression as LogisticRegression
from cml_sklearn.linear_model import LogisticRegressionCV as LogisticRegressionCV
from cml_sklearn.linear_model import MultiTaskElasticNet as MultiTaskElasticNet
from cml_sklearn.linear_model import MultiTaskElasticNetCV as MultiTaskElasticNetCV
from cml_sklearn.linear_model import MultiTaskLasso as MultiTaskLasso
from cml_sklearn.linear_model import MultiTaskLassoCV as MultiTaskLassoCV
from cml_sklearn.linear_model import OrthogonalMatchingPursuit as OrthogonalMatchingPursuit
from cml_sklearn.linear_model import OrthogonalMatchingPursuitCV as OrthogonalMatchingPursuitCV
from cml_sklearn.linear_model import Perceptron as Perceptron
from cml_sklearn.linear_model import PoissonRegressor as PoissonRegressor
from cml_sklearn.linear_model import QuantileRegressor as QuantileRegressor
from cml_sklearn.linear_model import RANSACRegressor as RANSACRegressor
from cml_sklearn.linear_model import Ridge as Ridge
from cml_sklearn.linear_model import RidgeClassifier as RidgeClassifier
from cml_sklearn.linear_model import RidgeClassifierCV as RidgeClassifierCV
from cml_sklearn.linear_model import RidgeCV as RidgeCV
from cml_sklearn.linear_model import SGDClassifier as SGDClassifier
from cml_sklearn.linear_model import SGDOneClassSVM as SGDOneClassSVM
from cml_sklearn.linear_model import SGDRegressor as SGDRegressor
from cml_sklearn.linear_model import TheilSenRegressor as TheilSenRegressor
from cml_sklearn.linear_model import TweedieRegressor as TweedieRegressor
from cml_sklearn.mixture import BayesianGaussianMixture as BayesianGaussianMixture
from cml_sklearn.mixture import GaussianMixture as GaussianMixture
from cml_sklearn.naive_bayes import BernoulliNB as BernoulliNB
from cml_sklearn.naive_bayes import CategoricalNB as CategoricalNB
from cml_sklearn.naive_bayes import ComplementNB as ComplementNB
from cml_sklearn.naive_bayes import GaussianNB as GaussianNB
from cml_sklearn.naive_bayes import MultinomialNB as MultinomialNB
from cml_sklearn.neighbors import KNeighborsClassifier as KNeighborsClassifier
from cml_sklearn.neighbors import KNeighborsRegressor as KNeighborsRegressor
from cml_sklearn.neighbors import NearestCentroid as NearestCentroid
from cml_sklearn.neighbors import NeighborhoodComponentsAnalysis as NeighborhoodComponentsAnalysis
from cml_sklearn.neighbors import RadiusNeighborsClassifier as RadiusNeighborsClassifier
from cml_sklearn.neighbors import RadiusNeighborsRegressor as RadiusNeighborsRegressor
from cml_sklearn.neural_network import BernoulliRBM as BernoulliRBM
from cml_sklearn.neural_network import MLPClassifier as MLPClassifier
from cml_sklearn.neural_network import MLPRegressor as MLPRegressor
from cml_sklearn.neural_network import NeuralNetClassifier as NeuralNetClassifier
from cml_sklearn.neural_network import NeuralNetRegressor as NeuralNetRegressor
from cml_sklearn.onnx.numpy_module import NumpyModule as NumpyModule
from cml_sklearn.quantization.post_training import (
    PostTrainingAffineQuantization as PostTrainingAffineQuantization,
)
from cml_sklearn.quantization.quantized_module import QuantizedModule as QuantizedModule
from cml_sklearn.quantization_aware import simulated_rounding as simulated_rounding
from cml_sklearn.random_projection import GaussianRandomProjection as GaussianRandomProjection
from cml_sklearn.random_projection import SparseRandomProjection as SparseRandomProjection
from cml_sklearn.svm import SVC as SVC
from cml_sklearn.svm import SVR as SVR
from cml_sklearn.svm import LinearSVC as LinearSVC
from cml_sklearn.svm import LinearSVR as LinearSVR
from cml_sklearn.svm import NuSVC as NuSVC
from cml_sklearn.svm import NuSVR as NuSVR
from cml_sklearn.svm import OneClassSVM as OneClassSVM
from cml_sklearn.tree import DecisionTreeClassifier as DecisionTreeClassifier
from cml_sklearn.tree import DecisionTreeRegressor as DecisionTreeRegressor
from cml_sklearn.tree import ExtraTreeClassifier as ExtraTreeClassifier
from cml_sklearn.tree import ExtraTreeRegressor as ExtraTreeRegressor

__all__ = [
    "CCA",
    "PCA",
    "PLSSVD",
    "SVC",
    "SVR",
    "ARDRegression",
    "AdaBoostClassifier",
    "AdaBoostRegressor",
    "AffinityPropagation",
    "BaggingClassifier",
    "BaggingRegressor",
    "BayesianGaussianMixture",
    "BayesianRidge",
    "BernoulliNB",
    "BernoulliRBM",
    "Birch",
    "BisectingKMeans",
    "CategoricalNB",
    "ComplementNB",
    "DecisionTreeClassifier",
    "DecisionTreeRegressor",
    "ElasticNet",
    "ElasticNetCV",
    "EllipticEnvelope",
    "ExtraTreeClassifier",
    "ExtraTreeRegressor",
    "ExtraTreesClassifier",
    "ExtraTreesRegressor",
    "FactorAnalysis",
    "FastICA",
    "GammaRegressor",
    "GaussianMixture",
    "GaussianNB",
    "GaussianRandomProjection",
    "GradientBoostingClassifier",
    "GradientBoostingRegressor",
    "HistGradientBoostingClassifier",
    "HistGradientBoostingRegressor",
    "HuberRegressor",
    "IncrementalPCA",
    "IsolationForest",
    "KMeans",
    "KNeighborsClassifier",
    "KNeighborsRegressor",
    "KernelPCA",
    "KernelRidge",
    "Lars",
    "LarsCV",
    "Lasso",
    "LassoCV",
    "LassoLars",
    "LassoLarsCV",
    "LassoLarsIC",
    "LinearDiscriminantAnalysis",
    "LinearRegression",
    "LinearSVC",
    "LinearSVR",
    "LogisticRegression",
    "LogisticRegressionCV",
    "MLPClassifier",
    "MLPRegressor",
    "MeanShift",
    "MiniBatchKMeans",
    "MiniBatchSparsePCA",
    "MultiTaskElasticNet",
    "MultiTaskElasticNetCV",
    "MultiTaskLasso",
    "MultiTaskLassoCV",
    "MultinomialNB",
    "NearestCentroid",
    "NeighborhoodComponentsAnalysis",
    "NeuralNetClassifier",
    "NeuralNetRegressor",
    "NuSVC",
    "NuSVR",
    "NumpyModule",
    "OneClassSVM",
    "OrthogonalMatchingPursuit",
    "OrthogonalMatchingPursuitCV",
    "PLSCanonical",
    "PLSRegression",
    "Perceptron",
    "PoissonRegressor",
    "PostTrainingAffineQuantization",
    "QuadraticDiscriminantAnalysis",
    "QuantileRegressor",
    "QuantizedModule",
    "RANSACRegressor",
    "RadiusNeighborsClassifier",
    "RadiusNeighborsRegressor",
    "RandomForestClassifier",
    "RandomForestRegressor",
    "Ridge",
    "RidgeCV",
    "RidgeClassifier",
    "RidgeClassifierCV",
    "SGDClassifier",
    "SGDOneClassSVM",
    "SGDRegressor",
    "SparsePCA",
    "SparseRandomProjection",
    "TheilSenRegressor",
    "TruncatedSVD",
    "TweedieRegressor",
    "__version__",
    "compile_onnx_model",
    "compile_torch_model",
    "config_context",
    "get_config",
    "preflight",
    "set_config",
    "show_versions",
    "simulated_rounding",
]
