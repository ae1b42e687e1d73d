"""Counts our estimators, and lists scikit-learn's that are left out, with reasons: estimators.md.

``python -m docs.estimators`` writes the page, ``--check`` fails if it is stale, or if a class of
scikit-learn has no reason.
"""

from __future__ import annotations

import importlib
import pkgutil
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path

from sklearn.utils import all_estimators

import cml_sklearn
from docs.supported_ops import refreshed

__all__ = ["main"]

PAGE = Path(__file__).parent / "reference" / "estimators.md"

_CLIENT = "in the clear, in a pipeline before our estimators; deployed where `save_model` takes it"
_META = "takes our estimators as they are, in every mode by `config_context`"
_LOOKUPS = "needs a nonlinear function of distances to training points: lookups by the hundred"
_FITTING = "has no `predict` or `transform` for new samples"
_ITERATES = "`transform` solves an optimization problem for every sample"

REASONS = {
    "calibration": _META,
    "cluster": _FITTING,
    "cluster.FeatureAgglomeration": "means of columns: on the client, which has the columns",
    "compose": _META,
    "compose.ColumnTransformer": _CLIENT,
    "covariance": "estimates a covariance; `EllipticEnvelope` predicts with one",
    "decomposition": _ITERATES,
    "dummy": "does not look at the features",
    "ensemble": _META,
    "ensemble.RandomTreesEmbedding": "gives a column for every leaf: thousands of ciphertexts",
    "feature_extraction": _CLIENT + "; text and dictionaries have no arithmetic form",
    "feature_selection": _META + "; what is left of the columns the client selects",
    "frozen": _META,
    "gaussian_process": _LOOKUPS,
    "impute": _CLIENT,
    "isotonic": "a function of one feature: on the client",
    "kernel_approximation": "in the clear, in a pipeline before our estimators; not deployed",
    "linear_model": "scikit-learn has replaced it by `SGDClassifier` and `SGDRegressor`",
    "manifold": _FITTING,
    "manifold.Isomap": _LOOKUPS,
    "manifold.LocallyLinearEmbedding": _LOOKUPS,
    "model_selection": _META,
    "multiclass": _META,
    "multioutput": _META,
    "neighbors": "would give distances, or which samples are near: see `KNeighborsClassifier`",
    "neighbors.LocalOutlierFactor": "needs the neighbors of the neighbors, and quotients of them",
    "neighbors.KernelDensity": _LOOKUPS,
    "pipeline": _META,
    "preprocessing": _CLIENT,
    "semi_supervised": _LOOKUPS,
    "semi_supervised.SelfTrainingClassifier": _META,
}
"""By class, else by module."""


def ours() -> dict[str, list[str]]:
    """Names of our estimators by module."""
    modules = (module.name for module in pkgutil.iter_modules(cml_sklearn.__path__))
    named = {
        name: importlib.import_module(f"cml_sklearn.{name}") for name in modules if name[0] != "_"
    }
    found = {
        name: [
            each
            for each in getattr(module, "__all__", [])
            if isinstance(getattr(module, each), type) and hasattr(getattr(module, each), "fit")
        ]
        for name, module in named.items()
    }
    return {name: names for name, names in found.items() if names}


def left_out() -> dict[tuple[str, str], list[str]]:
    """Names of scikit-learn's estimators that have no counterpart, by module and reason."""
    known = {name for names in ours().values() for name in names}
    groups: dict[tuple[str, str], list[str]] = {}
    for name, kind in all_estimators():
        module = kind.__module__.split(".")[1]
        if name not in known:
            reason = REASONS.get(f"{module}.{name}") or REASONS[module]
            groups.setdefault((module, reason), []).append(name)
    return groups


def lines() -> Iterator[str]:
    """Both tables."""
    modules = ours()
    yield f"{sum(map(len, modules.values()))} estimators:"
    yield from ["", "| module | estimators |", "|---|---|"]
    for module, names in sorted(modules.items()):
        yield f"| `{module}` | {' '.join(f'`{name}`' for name in sorted(names))} |"
    groups = left_out()
    yield from ["", f"{sum(map(len, groups.values()))} of scikit-learn's are left out:"]
    yield from ["", "| module | estimators | why |", "|---|---|---|"]
    for (module, reason), names in sorted(groups.items()):
        yield f"| `{module}` | {' '.join(f'`{name}`' for name in names)} | {reason} |"


def main() -> None:
    """Write the page, or check it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        tables = "\n".join(lines())
    page = PAGE.read_text(encoding="utf-8")
    fresh = refreshed(page, "estimators", tables)
    if "--check" not in sys.argv:
        PAGE.write_text(fresh, encoding="utf-8")
    elif fresh != page:
        sys.exit(f"{PAGE.name} is stale: run make supported-ops")


if __name__ == "__main__":
    main()
