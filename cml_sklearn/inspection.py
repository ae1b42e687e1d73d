"""Pictures of accuracy, error and cost, in the manner of scikit-learn's displays (matplotlib)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Sized
from numbers import Integral
from typing import TYPE_CHECKING, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator

from cml_sklearn._typing import FloatArray, IntArray
from cml_sklearn.drawing import (
    axes_for,
    draw_bars,
    draw_choice,
    draw_legend,
    draw_points,
    room_beside,
)
from cml_sklearn.estimators.base import FheEstimator
from cml_sklearn.estimators.checks import check_is_ours
from cml_sklearn.estimators.quantization_errors import quantization_errors
from cml_sklearn.exceptions import InvalidInputError, UnsupportedModelError
from cml_sklearn.metrics import FheCost, fhe_cost
from cml_sklearn.model_selection import means_and_errors
from cml_sklearn.quantization.encoders import GridEncoder, IndexEncoder

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from sklearn.model_selection._search import BaseSearchCV

__all__ = [
    "ClippedInputsDisplay",
    "CostDisplay",
    "PbsDisplay",
    "QuantizationErrorDisplay",
    "clipped_inputs",
    "pareto_front",
]

_UNITS = {
    "neg_fhe_gop": "cost of a sample, Gop",
    "neg_fhe_pbs": "lookups (PBS) of a sample",
    "neg_fhe_bytes": "ciphertexts of a sample, bytes",
    "neg_fhe_seconds": "estimated time of a sample, s",
}


def pareto_front(costs: ArrayLike, scores: ArrayLike) -> IntArray:
    """Find what nothing is both cheaper and better than.

    Parameters
    ----------
    costs, scores : array-like of shape (n_candidates,)
        Less cost and more score are better; what is not finite is left out.

    Returns
    -------
    ndarray of int, shape (n_front,)
        Indices by ascending cost, and so by ascending score.

    Raises
    ------
    InvalidInputError
        There are not as many costs as scores.

    Examples
    --------
    >>> from cml_sklearn.inspection import pareto_front
    >>> pareto_front(costs=[1, 2, 3], scores=[0.8, 0.9, 0.85]).tolist()
    [0, 1]
    """
    costs, scores = np.asarray(costs, dtype=np.float64), np.asarray(scores, dtype=np.float64)
    if costs.ndim != 1 or costs.shape != scores.shape:
        raise InvalidInputError(
            f"Costs have the shape {costs.shape} and scores {scores.shape}; give a cost and a "
            "score for each candidate."
        )
    front: list[int] = []
    best = -np.inf
    for index in np.lexsort((-scores, costs)):
        if np.isfinite(costs[index]) and best < scores[index] < np.inf:
            front.append(int(index))
            best = scores[index]
    return np.array(front, dtype=np.int64)


class CostDisplay:
    """Scores of a search's candidates against their cost, with the Pareto front.

    Parameters
    ----------
    costs, scores, errors : ndarray of shape (n_candidates,)
        Mean costs, mean scores, and these scores' standard errors.
    groups : sequence of str
        What the candidates are coloured by, such as the kind of model.
    chosen : int, optional
        Candidate that the search chose.
    score_name, cost_name : str
        For the axes.
    group_name : str, optional
        What the groups are values of, such as a parameter: the legend's title.

    Attributes
    ----------
    front_ : ndarray of int
        Candidates that nothing is both cheaper and better than: see `pareto_front`.
    ax_, figure_ : matplotlib's Axes and Figure
        Set by `plot`.

    Examples
    --------
    >>> import numpy as np
    >>> from cml_sklearn.inspection import CostDisplay
    >>> display = CostDisplay(
    ...     np.array([0.1, 0.5, 2.0]),
    ...     np.array([0.80, 0.90, 0.89]),
    ...     np.full(3, 0.01),
    ...     groups=["tree", "tree", "network"],
    ...     cost_name="cost of a sample, Gop",
    ... )
    >>> display.front_.tolist(), display.plot().ax_.get_ylabel()
    ([0, 1], 'score')
    """

    def __init__(
        self,
        costs: FloatArray,
        scores: FloatArray,
        errors: FloatArray,
        *,
        groups: Sequence[str],
        chosen: int | None = None,
        score_name: str = "score",
        cost_name: str = "cost",
        group_name: str | None = None,
    ) -> None:
        _check_lengths(costs=costs, scores=scores, errors=errors, groups=groups)
        self.costs, self.scores, self.errors = costs, scores, errors
        self.groups = groups
        self.chosen = chosen
        self.score_name, self.cost_name = score_name, cost_name
        self.group_name = group_name
        self.front_ = pareto_front(costs, scores)

    @classmethod
    def from_search(
        cls,
        search: BaseSearchCV,
        *,
        score: str = "accuracy",
        cost: str = "neg_fhe_gop",
        group_by: str | None = None,
        ax: Axes | None = None,
    ) -> Self:
        """Draw what a fitted search has tried.

        Parameters
        ----------
        search : GridSearchCV or another search of scikit-learn, fitted
        score, cost : str
            Names in its ``scoring``; costs as `cml_sklearn.metrics.fhe_scorers` gives them.
        group_by : str, optional
            Parameter whose values have a colour and a marker each; of estimators the class counts.
        ax : Axes, optional
        """
        if not hasattr(search, "cv_results_"):
            raise InvalidInputError(
                f"CostDisplay.from_search got {type(search).__name__}, which has no cv_results_: "
                "give a fitted search, such as GridSearchCV."
            )
        results = search.cv_results_
        known = sorted(name for parameters in results["params"] for name in parameters)
        if group_by is not None and group_by not in known:
            raise InvalidInputError(
                f"group_by is {group_by!r}, but the search has varied "
                f"{', '.join(dict.fromkeys(known))}; give one of these."
            )
        scores, errors = means_and_errors(results, score)
        costs, _ = means_and_errors(results, cost)
        groups = [_named(parameters.get(group_by)) for parameters in results["params"]]
        display = cls(
            -costs,
            scores,
            errors,
            groups=groups if group_by else ["candidates"] * len(scores),
            chosen=getattr(search, "best_index_", None),
            score_name=score,
            cost_name=_UNITS.get(cost, cost),
            group_name=group_by,
        )
        return display.plot(ax=ax)

    def plot(self, *, ax: Axes | None = None) -> Self:
        """Draw points with their errors, the front, and what was chosen."""
        self.ax_, self.figure_ = axes_for(ax)
        draw_points(self.ax_, self.costs, self.scores, self.errors, self.groups)
        steps = self.costs[self.front_], self.scores[self.front_]
        place = [] if self.chosen is None else [self.chosen]
        draw_choice(self.ax_, steps, (self.costs[place], self.scores[place]))
        self.ax_.set(xlabel=self.cost_name, ylabel=self.score_name)
        draw_legend(self.ax_, self.group_name)
        return self


class PbsDisplay:
    """Lookups (programmable bootstraps) by bits of their index.

    Parameters
    ----------
    cost : FheCost

    Attributes
    ----------
    ax_, figure_ : matplotlib's Axes and Figure
        Set by `plot`.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from cml_sklearn import DecisionTreeClassifier
    >>> from cml_sklearn.inspection import PbsDisplay
    >>> tree = DecisionTreeClassifier(max_depth=3, random_state=0).fit(*load_iris(return_X_y=True))
    >>> display = PbsDisplay.from_estimator(tree)
    >>> display.ax_.get_xlabel()
    'bits of the index'
    """

    def __init__(self, cost: FheCost) -> None:
        self.cost = cost

    @classmethod
    def from_estimator(
        cls, estimator: BaseEstimator, *, engine: str = "concrete", ax: Axes | None = None
    ) -> Self:
        """Draw what a fitted estimator's prediction takes; no keys are made.

        Parameters
        ----------
        estimator : estimator, pipeline, search or meta-estimator, fitted
        engine : str
            Concrete's circuits have lookups, SEAL's have none.
        ax : Axes, optional
        """
        return cls(fhe_cost(estimator, engine=engine)).plot(ax=ax)

    def plot(self, *, ax: Axes | None = None) -> Self:
        """Draw a bar for each width."""
        self.ax_, self.figure_ = axes_for(ax)
        widths = sorted(self.cost.pbs_by_width)
        counts = [self.cost.pbs_by_width[width] for width in widths]
        bars = self.ax_.bar([str(width) for width in widths], counts)
        self.ax_.bar_label(bars, fmt="{:g}", padding=2)
        self.ax_.set_ylim(0, room_beside(counts))
        title = f"{self.cost.pbs_count:g} lookups, {self.cost.gop:.3g} Gop a sample"
        self.ax_.set_title(title, fontsize="medium")
        self.ax_.set(xlabel="bits of the index", ylabel="lookups a sample")
        return self


class QuantizationErrorDisplay:
    """What each layer's quantization adds to the error of the raw scores.

    Parameters
    ----------
    errors : mapping of str to float
        Root mean square errors over the scores' standard deviation, by part: see
        `QuantizationErrorDisplay.from_estimator`.

    Attributes
    ----------
    ax_, figure_ : matplotlib's Axes and Figure
        Set by `plot`.
    """

    def __init__(self, errors: Mapping[str, float]) -> None:
        self.errors = errors

    @classmethod
    def from_estimator(
        cls, estimator: FheEstimator, X: ArrayLike, *, ax: Axes | None = None
    ) -> Self:
        """Draw the error that is left if one part alone keeps its width, and that of all parts.

        Parameters
        ----------
        estimator : FheEstimator
            Fitted; not one of trees, which are trained on their codes.
        X : array-like of shape (n_samples, n_features)
            Samples like those of training, on which the ranges are fixed, too.
        ax : Axes, optional

        Raises
        ------
        UnsupportedModelError
            An estimator of trees, or one that was loaded without its float model.
        """
        return cls(quantization_errors(estimator, X)).plot(ax=ax)

    def plot(self, *, ax: Axes | None = None) -> Self:
        """Draw a bar for each part."""
        self.ax_, self.figure_ = axes_for(ax, len(self.errors))
        draw_bars(self.ax_, [*self.errors], [*self.errors.values()], "{:.2g}")
        self.ax_.set(xlabel="rms error of raw scores / their deviation", ylabel="quantized part")
        return self


class ClippedInputsDisplay:
    """Share of samples that are outside of the range which the client encodes, by feature.

    They are moved to its ends. More of them than in training mean that the data have changed; of
    networks, whose ranges are drawn where they serve most samples, some are outside in training.

    Parameters
    ----------
    shares : ndarray of shape (n_features,)
    feature_names : sequence of str

    Attributes
    ----------
    ax_, figure_ : matplotlib's Axes and Figure
        Set by `plot`.
    """

    def __init__(self, shares: FloatArray, feature_names: Sequence[str]) -> None:
        _check_lengths(shares=shares, feature_names=feature_names)
        self.shares = shares
        self.feature_names = feature_names

    @classmethod
    def from_estimator(
        cls,
        estimator: FheEstimator,
        X: ArrayLike,
        *,
        max_features: int = 20,
        ax: Axes | None = None,
    ) -> Self:
        """Draw the shares of new samples, as `clipped_inputs` counts them.

        Parameters
        ----------
        estimator : FheEstimator
            Fitted; not one that encodes bits, such as trees.
        X : array-like of shape (n_samples, n_features)
        max_features : int, default=20
            So many features are drawn, those most clipped.
        ax : Axes, optional

        Raises
        ------
        UnsupportedModelError
            The estimator encodes bits, which clip nothing.
        """
        shares = clipped_inputs(estimator, X)
        names = getattr(estimator, "feature_names_in_", [f"x{i}" for i in range(len(shares))])
        return cls(shares, [str(name) for name in names]).plot(max_features=max_features, ax=ax)

    def plot(self, *, max_features: int = 20, ax: Axes | None = None) -> Self:
        """Draw a bar for each feature, the most clipped on top."""
        _check_count(max_features)
        order = np.argsort(-self.shares, kind="stable")[:max_features]
        names = [self.feature_names[feature] for feature in order]
        self.ax_, self.figure_ = axes_for(ax, len(names))
        draw_bars(self.ax_, names, (100 * self.shares[order]).tolist(), "{:.3g}")
        self.ax_.set(xlabel="samples clipped, %", ylabel="feature")
        return self


def clipped_inputs(estimator: FheEstimator, X: ArrayLike) -> FloatArray:
    """Count samples outside of the range that the client encodes, which was fixed in training.

    Parameters
    ----------
    estimator : FheEstimator
        Fitted.
    X : array-like of shape (n_samples, n_features)

    Returns
    -------
    ndarray of shape (n_features,)
        Shares of the samples, from 0 to 1.

    Raises
    ------
    UnsupportedModelError
        The estimator encodes bits, which clip nothing.
    """
    check_is_ours(estimator, "clipped_inputs")
    values = estimator._checked_input(X)
    (encoder,) = estimator.quantized_module_.input_quantizers
    if isinstance(encoder, GridEncoder | IndexEncoder):
        raise UnsupportedModelError(
            f"{type(estimator).__name__} encodes a bit for each edge of a grid, which clips "
            "nothing: a far value is above all edges, as for the wrapped class."
        )
    return np.asarray(encoder.clips(values).mean(axis=0))


def _named(value: object) -> str:
    """Name of a parameter's value, of an estimator that of its class."""
    return type(value).__name__ if isinstance(value, BaseEstimator) else str(value)


def _check_count(max_features: object) -> None:
    """Refuse a number of features that is no positive int."""
    if not isinstance(max_features, Integral) or max_features < 1:
        raise InvalidInputError(f"max_features is {max_features!r}; it must be a positive int.")


def _check_lengths(**parts: Sized) -> None:
    """Refuse what is given for each candidate or feature, but in different numbers."""
    lengths = {name: len(part) for name, part in parts.items()}
    if len(set(lengths.values())) > 1:
        told = ", ".join(f"{length} {name}" for name, length in lengths.items())
        raise InvalidInputError(f"A display got {told}; give as many of each.")
