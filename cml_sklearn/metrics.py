"""What encrypted predictions cost, before any key is made: as a report, and as scorers.

The scorers go into searches beside those of accuracy::

    scoring = {"accuracy": "accuracy", **fhe_scorers("neg_fhe_gop", "neg_fhe_bytes")}
    GridSearchCV(model, grid, scoring=scoring, refit=cheapest_within_one_standard_error(
        "accuracy", "neg_fhe_gop"))
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType
from typing import TypeAlias

from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator
from sklearn.compose import ColumnTransformer
from sklearn.pipeline import FeatureUnion, Pipeline
from sklearn.utils.validation import check_is_fitted

from cml_sklearn.estimators.base import FheEstimator
from cml_sklearn.exceptions import InvalidInputError, UnsupportedModelError
from cml_sklearn.fhe.circuit import FheCircuit
from cml_sklearn.fhe.long_steps import quiet_steps
from cml_sklearn.fhe.protocol import AnyEngine, CircuitOptions, FheReport
from cml_sklearn.fhe.speed import speed_of
from cml_sklearn.quantization.quantized_module import QuantizedModule

__all__ = ["FheCost", "fhe_cost", "fhe_scorers"]

Model: TypeAlias = BaseEstimator | QuantizedModule

SECONDS_ERROR = 0.35
"""Relative error of estimated seconds that no model of docs/guide/costs.md exceeds."""


@dataclass(frozen=True)
class FheCost:
    """What an encrypted prediction takes, for one sample unless said otherwise.

    Of a meta-estimator it is the sum over its members, where `key_bytes` may count keys twice that
    members share.

    Attributes
    ----------
    engine : str
        Several are joined by "+".
    pbs_by_width : mapping of int to float
        Programmable bootstraps by bits of the lookup's index; empty without any.
    gop : float
        Concrete's own cost, in units of 1e9 operations; 0 for other engines.
    products : int
        Products of two ciphertexts, for a whole batch, under SEAL.
    key_bytes : int
        Evaluation keys, which the server holds.
    ciphertext_bytes : float
        On the wire, both ways; batches that are not full have more for a sample.
    memory_bytes : float
        Keys and the ciphertexts of a batch.
    seconds : float
        Estimate for this machine, keys not included.
    seconds_error : float
        That of the estimate, relative.
    n_samples : int
        Samples that are predicted at once, on which engine, bytes and seconds depend.

    Examples
    --------
    See `fhe_cost`, which makes them.
    """

    engine: str
    pbs_by_width: Mapping[int, float]
    gop: float
    products: int
    key_bytes: int
    ciphertext_bytes: float
    memory_bytes: float
    seconds: float
    seconds_error: float
    n_samples: int

    @property
    def pbs_count(self) -> float:
        """Programmable bootstraps of all widths."""
        return sum(self.pbs_by_width.values())


def fhe_cost(model: Model, *, n_samples: int = 1, engine: str | AnyEngine | None = None) -> FheCost:
    """Say what encrypted predictions of a fitted model cost. No keys are made for it.

    Circuits are compiled and kept. When this machine's speed is asked for the first time, some
    seconds are spent on measuring it; see `cml_sklearn.fhe.speed`.

    Parameters
    ----------
    model : estimator, Pipeline, search, meta-estimator or QuantizedModule
        Of a pipeline all steps of this library count, of a search the best estimator, of a
        meta-estimator the members.
    n_samples : int, default=1
        Samples that are predicted at once.
    engine : {"auto", "seal", "concrete", "concrete-numpy", "clear"} or Engine, optional
        None: as `cml_sklearn.config_context` says, else "auto".

    Raises
    ------
    InvalidInputError
        `n_samples` is not positive.
    UnsupportedModelError
        No estimator of this library is found in the model.
    BitWidthError, CompilationError
        The engine refuses.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from cml_sklearn import DecisionTreeClassifier
    >>> from cml_sklearn.metrics import fhe_cost
    >>> tree = DecisionTreeClassifier(max_depth=3, random_state=0).fit(*load_iris(return_X_y=True))
    >>> cost = fhe_cost(tree, engine="concrete")
    >>> cost.engine, sum(cost.pbs_by_width.values()) > 0, cost.key_bytes > 1e6
    ('concrete', True, True)
    """
    with quiet_steps():
        costs = [_cost(circuit, n_samples) for circuit in _circuits(model, n_samples, engine)]
    return costs[0] if len(costs) == 1 else _sum(costs)


def fhe_scorers(*names: str, n_samples: int = 1) -> dict[str, Callable[..., float]]:
    """Scorers of cost for searches, where greater is better; they make no keys of the models.

    Only that of seconds measures this machine, once: see `fhe_cost`.

    Parameters
    ----------
    *names : {"neg_fhe_gop", "neg_fhe_pbs", "neg_fhe_bytes", "neg_fhe_seconds"}
        Gop and bootstraps are those of Concrete, so that all kinds of models have them; bytes of
        ciphertexts and seconds those of the engine that the context says. None given: all.
    n_samples : int, default=1
        Samples that are predicted at once.

    Returns
    -------
    dict of str to callable
        With scikit-learn's signature of a scorer, ``(estimator, X, y)``.

    Raises
    ------
    InvalidInputError
        An unknown name.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.model_selection import GridSearchCV
    >>> from cml_sklearn import DecisionTreeClassifier
    >>> from cml_sklearn.metrics import fhe_scorers
    >>> from cml_sklearn.model_selection import cheapest_within_one_standard_error
    >>> search = GridSearchCV(
    ...     DecisionTreeClassifier(random_state=0),
    ...     {"max_depth": [1, 2, 3]},
    ...     scoring={"accuracy": "accuracy", **fhe_scorers("neg_fhe_gop")},
    ...     refit=cheapest_within_one_standard_error("accuracy", "neg_fhe_gop"),
    ...     cv=3,
    ... )
    >>> search.fit(*load_iris(return_X_y=True)).best_params_
    {'max_depth': 3}
    """
    unknown = [name for name in names if name not in _SCORERS]
    if unknown:
        raise InvalidInputError(
            f"There is no scorer {unknown[0]!r}; there are {', '.join(_SCORERS)}."
        )
    return {name: partial(_score, name, n_samples=n_samples) for name in names or _SCORERS}


def _seconds(circuit: FheCircuit, n_samples: int) -> float:
    """Estimate of a sample's on this machine."""
    return speed_of(circuit.engine).factor * circuit.cost(n_samples).seconds / n_samples


def _bytes(circuit: FheCircuit, n_samples: int) -> float:
    """Ciphertexts of a sample, both ways."""
    return circuit.cost(n_samples).n_bytes / n_samples


_SCORERS: Mapping[str, tuple[str | None, Callable[[FheCircuit, int], float]]] = MappingProxyType(
    {
        "neg_fhe_gop": ("concrete", lambda circuit, _: circuit.report.complexity or 0.0),
        "neg_fhe_pbs": ("concrete", lambda circuit, _: circuit.report.pbs_count or 0.0),
        "neg_fhe_bytes": (None, _bytes),
        "neg_fhe_seconds": (None, _seconds),
    }
)
"""Engine and figure by name."""


def _score(
    name: str,
    estimator: BaseEstimator,
    X: ArrayLike,
    y: ArrayLike | None = None,
    *,
    n_samples: int,
) -> float:
    """Score a fitted estimator by its cost, whatever the data."""
    del X, y
    engine, figure = _SCORERS[name]
    with quiet_steps():
        circuits = _circuits(estimator, n_samples, engine)
        return -sum(figure(circuit, n_samples) for circuit in circuits)


def _circuits(model: object, n_samples: int, engine: str | AnyEngine | None) -> list[FheCircuit]:
    """Circuits that a prediction goes through, compiled without keys."""
    if n_samples < 1:
        raise InvalidInputError(f"n_samples is {n_samples}; it must be a positive int.")
    found = [
        module.circuit_of(engine, options, n_samples=n_samples)
        for module, options in _members(model)
    ]
    if not found:
        raise UnsupportedModelError(
            f"{type(model).__name__} holds no fitted estimator of cml_sklearn, whose cost could be "
            "told: give one, or a pipeline, search or meta-estimator over one."
        )
    return found


_INNER = (
    ("best_estimator_",),
    ("calibrated_classifiers_",),
    ("estimators_", "final_estimator_"),
    ("estimator_",),
    ("regressor_",),
    ("estimator",),
)
"""Where scikit-learn's meta-estimators keep what is fitted: the first that is there counts."""


def _members(model: object) -> Iterator[tuple[QuantizedModule, CircuitOptions]]:
    """Modules that a prediction goes through, and how they are compiled."""
    if isinstance(model, QuantizedModule):
        yield model, CircuitOptions()
    elif isinstance(model, FheEstimator):
        check_is_fitted(model)
        module = model.modules_.get("predict", model.quantized_module_)
        yield module, CircuitOptions(model.p_error)
    elif isinstance(model, Iterable) and not isinstance(model, str | Pipeline):
        for member in model:
            yield from _members(member)
    else:
        for inner in _inner(model):
            yield from _members(inner)


def _inner(model: object) -> list[object]:
    """List what is inside of one of scikit-learn's estimators, fitted; nothing for others."""
    if isinstance(model, Pipeline):
        return [step for _, step in model.steps]
    if isinstance(model, FeatureUnion):
        return [step for _, step in model.transformer_list]
    if isinstance(model, ColumnTransformer):
        return [step for _, step, _ in model.transformers_]
    for names in _INNER:
        if hasattr(model, names[0]):
            return [getattr(model, name) for name in names if hasattr(model, name)]
    return []


def _cost(circuit: FheCircuit, n_samples: int) -> FheCost:
    """Cost of one circuit."""
    report, speed = circuit.report, speed_of(circuit.engine)
    estimated = circuit.cost(n_samples)
    return FheCost(
        engine=report.engine,
        pbs_by_width=report.pbs_by_width,
        gop=report.complexity or 0.0,
        products=report.products or 0,
        key_bytes=report.key_bytes,
        ciphertext_bytes=estimated.n_bytes / n_samples,
        memory_bytes=report.key_bytes + _bytes_of_batch(report),
        seconds=speed.factor * estimated.seconds / n_samples,
        seconds_error=max(SECONDS_ERROR, speed.spread),
        n_samples=n_samples,
    )


def _bytes_of_batch(report: FheReport) -> float:
    return report.batch_size * (report.input_bytes + report.output_bytes)


def _sum(costs: Sequence[FheCost]) -> FheCost:
    """Cost of all of them, one after the other."""
    pbs: Counter[int] = Counter()
    for cost in costs:
        pbs.update(cost.pbs_by_width)
    total = {
        name: sum(getattr(cost, name) for cost in costs)
        for name in (
            "gop",
            "products",
            "key_bytes",
            "ciphertext_bytes",
            "memory_bytes",
            "seconds",
        )
    }
    return FheCost(
        engine="+".join(sorted({cost.engine for cost in costs})),
        pbs_by_width=dict(pbs),
        seconds_error=max(cost.seconds_error for cost in costs),
        n_samples=costs[0].n_samples,
        **total,
    )
