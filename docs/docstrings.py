"""Docstrings that are taken over from scikit-learn, XGBoost and LightGBM, on pages of this site.

They refer to pages and glossaries of their own sites; of such a reference its words remain. What
our class has in addition stands apart from what comes from there.
"""

from __future__ import annotations

import re

from cml_sklearn.estimators.base import FheEstimator
from cml_sklearn.estimators.skorch import NeuralNet
from cml_sklearn.estimators.wrapping import library_of, named_examples
from cml_sklearn.fhe.protocol import DEFAULT_P_ERROR
from docs.stub_types import number_text

__all__ = ["LIBRARIES", "with_headings", "with_powers_of_two", "without_foreign_links"]

LIBRARIES = {"sklearn": "scikit-learn", "xgboost": "XGBoost", "lightgbm": "LightGBM"}
"""What pages and stubs call the libraries of the wrapped classes."""

_ROLE = re.compile(
    r":(?:ref|term|doc|numref|pep|(?:py:)?(?:class|func|meth|mod|attr|obj|data|exc)):`([^`]+)`"
)
_ENTRY = re.compile(r" {4}(?:\*\*|:obj:`)(\w+)")
"""A parameter or attribute as numpydoc writes it."""

_LAST_ATTRIBUTE = "fhe_reports_"

_TITLED = re.compile(r"(.*?)\s*<[^>]*>$", re.DOTALL)


def without_foreign_links(
    app: object, what: str, name: str, obj: object, options: object, lines: list[str]
) -> None:
    """Put words for references, in place; a listener of autodoc's."""
    text = _ROLE.sub(_words, "\n".join(lines))
    lines[:] = text.split("\n")


def with_powers_of_two(
    app: object,
    what: str,
    name: str,
    obj: object,
    options: object,
    signature: str | None,
    returns: str,
) -> tuple[str | None, str]:
    """Show the default of `p_error` as what it is; a listener of autodoc's."""
    power = number_text(DEFAULT_P_ERROR)
    return signature and signature.replace(repr(DEFAULT_P_ERROR), power), returns


def with_headings(
    app: object, what: str, name: str, obj: object, options: object, lines: list[str]
) -> None:
    """Part ours from the wrapped class's, in place; a listener of autodoc's, after numpydoc."""
    if not isinstance(obj, type) or not issubclass(obj, FheEstimator):
        return
    if issubclass(obj, NeuralNet):  # all its parameters are its own
        return
    wrapped = obj._wrapped_class
    other = f"{LIBRARIES[library_of(wrapped)]}'s {wrapped.__name__}"
    _part(lines, "Parameters", obj._own_parameters[-1].name, other)
    _part(lines, "Attributes", _LAST_ATTRIBUTE, other)


def _part(lines: list[str], section: str, last: str, other: str) -> None:
    """Give a section a heading for ours, and another one for what comes after the last of them."""
    start = lines.index(f":{section}:")
    entries = [(i, _ENTRY.match(line)) for i, line in enumerate(lines) if i > start]
    places = {entry[1]: i for i, entry in reversed(entries) if entry}  # of equals the first
    further = [i for i in places.values() if i > places[last]]
    if further:  # XGBoost's classes describe no attributes
        lines[min(further) : min(further)] = [f":{section} of {other}:", ""]
    lines[start] = f":{section} of cml_sklearn:"


def _words(role: re.Match[str]) -> str:
    """Title of a reference, or its target as code."""
    target = role[1]
    titled = _TITLED.match(target)
    if titled:
        return titled[1]
    example = named_examples(target)
    return example if example != target else f"``{' '.join(target.split()).removeprefix('~')}``"
