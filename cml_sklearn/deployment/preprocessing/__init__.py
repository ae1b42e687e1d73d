"""What comes before encryption, as plain data: scaling, imputing, one-hot codes, projections.

The fitted transformers of a pipeline become a tuple of steps that know no more than NumPy and
SciPy. A client takes a data frame, a mapping of columns or an array through them to the floats that
the model encrypts. All is computed in float64, whatever the precision of the data is.
"""

from cml_sklearn.deployment.preprocessing.base import (
    ClientTransform,
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
from cml_sklearn.deployment.preprocessing.pipelines import columns_of, transforms_of
from cml_sklearn.deployment.preprocessing.steps import TRANSFORM_CLASSES, preprocess, words_of
from cml_sklearn.deployment.preprocessing.table import Missing, Table, as_table

__all__ = [
    "TRANSFORM_CLASSES",
    "Binarize",
    "Bins",
    "ClientTransform",
    "CodeBook",
    "Columns",
    "Encode",
    "Impute",
    "Indicators",
    "Limit",
    "Missing",
    "MissingFlags",
    "Norm",
    "Polynomial",
    "Power",
    "Preprocessing",
    "Project",
    "QuantileMap",
    "Rescale",
    "Select",
    "SideBySide",
    "Standardize",
    "Table",
    "Ufunc",
    "Weigh",
    "as_table",
    "columns_of",
    "preprocess",
    "transforms_of",
    "words_of",
]
