"""Parameters and `fit` arguments that can't mean here what they say, and why.

Trees are trained on codes instead of values. So what a class takes in the units or types of the
user's features is refused in words, unless its value changes nothing.
"""

from __future__ import annotations

import reprlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import cast

import numpy as np

from cml_sklearn.exceptions import UnsupportedModelError

__all__ = [
    "FIT_REFUSED",
    "REFUSED",
    "Refusal",
    "check_fit_arguments",
    "check_parameters",
    "refuse_categories",
]


@dataclass(frozen=True)
class Refusal:
    """Why a parameter is refused.

    Parameters
    ----------
    reason : str
        What is wrong, and what to do.
    is_harmless : callable
        Says of a value whether it changes nothing, so that it is taken.
    """

    reason: str
    is_harmless: Callable[[object], bool]

    @classmethod
    def unless(cls, reason: str, *harmless: object) -> Refusal:
        """Refuse all but None and some values."""
        return cls(reason, lambda value: value is None or any(value is h for h in harmless))


def _is_nan(value: object) -> bool:
    return isinstance(value, float) and bool(np.isnan(value))


def _is_no_selection(value: object) -> bool:
    return (
        value is None
        or (isinstance(value, str) and value in {"auto", "from_dtype", ""})
        or (not isinstance(value, str) and not np.any(np.asarray(_as_mask(value))))
    )


def _as_mask(value: object) -> object:
    """Mask of features as it is; True if any is named by number or name."""
    values = np.asarray(value)
    return values if values.dtype == bool else values.size > 0


def _names_no_category(types: object) -> bool:
    return types is None or "c" not in list(cast("Iterable[object]", types))


_MISSING = (
    "features are turned into bits by the client, who knows of NaN alone as a missing value. Put "
    "NaN in place of it, in fit and in predict (np.where(X == {0}, np.nan, X)), and leave it out."
)
_CATEGORIES = (
    "splits by categories can't be expressed by bits of a grid. Encode them as numbers (one-hot or "
    "ordinal) and leave it out."
)
_RAW_VALUES = "it holds values of features, but the trees are trained on codes. Leave it out."
_FILES = "it belongs to LightGBM's command line, which reads files. Leave it out."
_PREDICTION = "it changes what predictions are made of, but all trees are added up. Leave it out."
_START = "such a start is not part of the trees. Leave it out."
_OWN_LOSS = "the link of a function is not known. Name one of the library's objectives."
_ONE_SUM = "its trees are not simply added up. Use {0}."

_COMMAND_LINE_NAMES = """config convert_model convert_model_language data group_column header
ignore_column input_model label_column local_listen_port machine_list_filename machines num_machines
output_model output_result parser_config_file pre_partition precise_float_parser save_binary
snapshot_freq
task two_round valid weight_column"""

_PREDICTION_NAMES = """num_iteration_predict pred_early_stop pred_early_stop_freq
pred_early_stop_margin predict_contrib predict_disable_shape_check
predict_leaf_index predict_raw_score start_iteration_predict"""

_METRIC = 'only squares of differences are products of features. Use metric="euclidean".'
_METRICS = ("euclidean", "l2", "minkowski", "sqeuclidean")
_WEIGHTED_VOTES = (
    "who votes is looked up, and a weight would take a lookup of its own for every sample of "
    'training. Use weights="uniform".'
)
_SIMILARITIES = (
    'similarities of samples to all of training have no centres. Use affinity="euclidean".'
)
_CALIBRATION = (
    "LIBSVM's probabilities come from a model of their own, which predictions don't follow. Put "
    "the model into a CalibratedClassifierCV, and leave it out."
)

_HISTOGRAM_REFUSED = {"categorical_features": Refusal(_CATEGORIES, _is_no_selection)}

REFUSED: dict[str, dict[str, Refusal]] = {
    "sklearn": {
        **_HISTOGRAM_REFUSED,
        "affinity": Refusal(_SIMILARITIES, lambda value: value == "euclidean"),
        "metric": Refusal(_METRIC, lambda value: value in _METRICS),
        "metric_params": Refusal.unless("no metric that is taken has any. Leave it out."),
        "weights": Refusal(_WEIGHTED_VOTES, lambda value: value in ("uniform", None)),
        "probability": Refusal(_CALIBRATION, lambda value: value in (False, "deprecated")),
    },
    "xgboost": {
        "missing": Refusal(_MISSING.format("missing"), _is_nan),
        "enable_categorical": Refusal.unless(
            "it may be True where no column of X is of a category type; " + _CATEGORIES, True, False
        ),
        "feature_types": Refusal(_CATEGORIES, _names_no_category),
        "objective": Refusal(_OWN_LOSS, lambda value: not callable(value)),
        "booster": Refusal(
            _ONE_SUM.format('booster="gbtree"'), lambda value: value in (None, "gbtree")
        ),
        "multi_strategy": Refusal(
            'leaves hold several outputs. Use multi_strategy="one_output_per_tree".',
            lambda value: value in (None, "one_output_per_tree"),
        ),
        "updater": Refusal.unless("what it does to trees is not known. Leave it out."),
        "process_type": Refusal(_START, lambda value: value in (None, "default")),
        "verbose": Refusal.unless(
            "XGBoost's constructor calls it verbosity; verbose is an argument of fit."
        ),
    },
    "lightgbm": {
        "objective": Refusal(_OWN_LOSS, lambda value: not callable(value)),
        "zero_as_missing": Refusal(_MISSING.format("0"), lambda value: not value),
        "use_missing": Refusal(
            "missing values would be zeros, but the client knows them as missing. Put 0 in place "
            "of NaN, and leave it out.",
            bool,
        ),
        "categorical_feature": Refusal(_CATEGORIES, _is_no_selection),
        "linear_tree": Refusal("leaves are linear models. Leave it out.", lambda v: not v),
        "reg_sqrt": Refusal("the link is not known. Fit the root of y.", lambda v: not v),
        "forcedbins_filename": Refusal(_RAW_VALUES, lambda value: not value),
        "forcedsplits_filename": Refusal(_RAW_VALUES, lambda value: not value),
        "refit_decay_rate": Refusal.unless("there is no refit here. Leave it out."),
        **dict.fromkeys(
            _COMMAND_LINE_NAMES.split(),
            Refusal.unless(_FILES),
        ),
        **dict.fromkeys(
            _PREDICTION_NAMES.split(),
            Refusal.unless(_PREDICTION),
        ),
    },
}
"""Parameters that are refused, by library; among them those given by further keywords."""

FIT_REFUSED: dict[str, dict[str, Refusal]] = {
    "sklearn": {},
    "xgboost": dict.fromkeys(
        ("base_margin", "base_margin_eval_set", "xgb_model"), Refusal.unless(_START)
    ),
    "lightgbm": {
        **dict.fromkeys(("init_score", "eval_init_score", "init_model"), Refusal.unless(_START)),
        "categorical_feature": Refusal(_CATEGORIES, _is_no_selection),
    },
}
"""Arguments of `fit` that are refused, by library."""


def check_parameters(owner: str, library: str, given: Mapping[str, object]) -> None:
    """Refuse parameters that can't mean here what they say.

    Raises
    ------
    UnsupportedModelError
    """
    _check(owner, REFUSED.get(library, {}), given)


def check_fit_arguments(owner: str, library: str, given: Mapping[str, object]) -> None:
    """Refuse arguments of `fit` that can't mean here what they say.

    Raises
    ------
    UnsupportedModelError
    """
    _check(f"{owner}.fit", FIT_REFUSED.get(library, {}), given)


def _check(owner: str, refused: Mapping[str, Refusal], given: Mapping[str, object]) -> None:
    for name in refused.keys() & given.keys():
        if not refused[name].is_harmless(given[name]):
            raise UnsupportedModelError(
                f"{owner} does not take {name}={reprlib.repr(given[name])}: {refused[name].reason}"
            )


def refuse_categories(X: object) -> None:
    """Refuse tables with columns of a category type, of pandas or Polars.

    Raises
    ------
    UnsupportedModelError
    """
    kinds = [str(kind).lower() for kind in getattr(X, "dtypes", ())]
    if any(kind.startswith(("category", "categorical", "enum", "dictionary")) for kind in kinds):
        raise UnsupportedModelError(
            "X has columns of a category type, which would be split by categories; thermometer "
            "bits can't express that. Encode them as numbers (one-hot or ordinal)."
        )
