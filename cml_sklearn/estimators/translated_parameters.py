"""Parameters and `fit` arguments that become something else on their way to the wrapped class.

The functions are for those that name features: their positions are passed on.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import cast

from cml_sklearn.exceptions import InvalidInputError

__all__ = ["FIT_TRANSLATED", "TRANSLATED", "groups_by_position", "signs_by_position"]

TRANSLATED = {
    "estimator": "estimators of this library become those of scikit-learn that they wrap",
    "interaction_constraints": "names of features become their positions",
    "monotone_constraints": "names of features become their positions",
    "monotonic_cst": "names of features become their positions",
    "warm_start": "the fitted model and its grid are used again",
}
"""Parameters that become something else, and what."""

FIT_TRANSLATED = {
    "X_val": "goes through the grid",
    "eval_X": "each goes through the grid",
    "eval_set": "each X goes through the grid",
}
"""Arguments of `fit` that become something else, and what."""


def signs_by_position(signs: object, names: Sequence[str]) -> object:
    """Put constraints by name into the features' order; others stay as they are."""
    if not isinstance(signs, Mapping):
        return signs
    _check_names(signs, names)
    return tuple(int(signs.get(name, 0)) for name in names)


def groups_by_position(groups: object, names: Sequence[str]) -> object:
    """Put positions in place of the names of features; groups of positions stay as they are."""
    if groups is None or isinstance(groups, str):
        return groups
    members = [list(group) for group in cast("Iterable[Iterable[object]]", groups)]
    _check_names([m for group in members for m in group if isinstance(m, str)], names)
    place = {name: position for position, name in enumerate(names)}
    return [[place[m] if isinstance(m, str) else m for m in group] for group in members]


def _check_names(given: Iterable[object], names: Sequence[str]) -> None:
    unknown = sorted(str(name) for name in set(given) - set(names))
    if unknown:
        raise InvalidInputError(
            f"A constraint names the features {unknown}, but those of X are {list(names)}; give X "
            "as a table with these columns, or constraints by position."
        )
