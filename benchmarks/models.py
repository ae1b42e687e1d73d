"""The models by name, with the same parameters for both libraries and for scikit-learn."""

from __future__ import annotations

from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

__all__ = ["MODELS", "ModelSpec"]


@dataclass(frozen=True)
class ModelSpec:
    """A model of one task.

    Attributes
    ----------
    class_name : str
        In both libraries.
    module : str
        Where it is, below `cml_sklearn`.
    clear : str
        Module of the class of the same name that predicts in the clear; empty where none does.
    n_bits : int, optional
        Unless the user says otherwise. None: each library's default.
    standardize : bool
        Whether it is trained on standardized features.
    parameters : dict
    """

    class_name: str
    module: str
    clear: str
    n_bits: int | None
    standardize: bool = False
    parameters: dict[str, Any] = field(default_factory=dict)

    def make(self, module: str, seed: int, **own: Any) -> Any:
        """Make the unfitted model of a module's class, with a library's own parameters, too."""
        model = getattr(import_module(module), self.class_name)(**self.parameters, **own)
        if "random_state" in model.get_params():
            model.set_params(random_state=seed)
        return model


def _linear(class_name: str, **parameters: Any) -> ModelSpec:
    module = "linear_model"
    return ModelSpec(class_name, module, f"sklearn.{module}", 8, True, parameters)


def _tree(class_name: str, module: str, clear: str, **parameters: Any) -> ModelSpec:
    return ModelSpec(class_name, module, clear, 6, False, parameters)


def _trees(kind: str) -> dict[str, ModelSpec]:
    """Trees and their ensembles, for "Classifier" or "Regressor"."""
    forest = {"n_estimators": 50, "max_depth": 4}
    boosting = {"n_estimators": 50, "max_depth": 3}
    return {
        "DT": _tree(f"DecisionTree{kind}", "tree", "sklearn.tree", max_depth=5),
        "RF": _tree(f"RandomForest{kind}", "ensemble", "sklearn.ensemble", **forest),
        "XGB": _tree(f"XGB{kind}", "xgboost", "xgboost", **boosting),
    }


def _networks(kind: str) -> dict[str, ModelSpec]:
    """Networks, for "Classifier" or "Regressor"."""
    module, sizes = "neural_network", {"hidden_layer_sizes": (16,), "max_iter": 1000}
    return {
        "MLP": ModelSpec(f"MLP{kind}", module, f"sklearn.{module}", None, True, sizes),
        "NeuralNet": ModelSpec(f"NeuralNet{kind}", module, "", None, True),
        "NeuralNet3": ModelSpec(f"NeuralNet{kind}", module, "", 4, True, {"rounding_bits": 3}),
    }


MODELS: dict[str, dict[str, ModelSpec]] = {
    "classification": {
        "LR": _linear("LogisticRegression", max_iter=1000),
        **_trees("Classifier"),
        **_networks("Classifier"),
    },
    "regression": {
        "Linear": _linear("LinearRegression"),
        "Ridge": _linear("Ridge"),
        **_trees("Regressor"),
        **_networks("Regressor"),
    },
}
"""By task and name."""
